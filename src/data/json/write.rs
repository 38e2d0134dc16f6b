//! Writes values as Go's `encoding/json` does.
//!
//! Invariant: the same value gives the same bytes, whatever the order of its keys (unless the style keeps that order).

use std::fmt::Write as _;

use super::JsonError;
use super::number::{float_g, float_json};
use crate::data::{Map, Value};

/// How JSON is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Style<'a> {
    /// Write `<`, `>` and `&` as `\u003c`, `\u003e`, `\u0026`.
    pub html_escape: bool,
    /// Sort keys by their bytes; else they stay in the order of the map.
    pub sort_keys: bool,
    /// What one level is indented by; `None` writes everything on one line.
    pub indent: Option<&'a str>,
}

impl Default for Style<'_> {
    /// As `json.Marshal`: escaped, sorted, on one line.
    fn default() -> Self {
        Style { html_escape: true, sort_keys: true, indent: None }
    }
}

/// A value as Go's `json.Marshal` writes it.
///
/// # Errors
/// [`JsonError::UnsupportedValue`] for `.nan` and `.inf`.
pub fn to_string(value: &Value) -> Result<String, JsonError> {
    to_string_with(value, Style::default())
}

/// A value in a style, without a newline at the end.
///
/// # Errors
/// [`JsonError::UnsupportedValue`] for `.nan` and `.inf`.
pub fn to_string_with(value: &Value, style: Style<'_>) -> Result<String, JsonError> {
    let mut out = String::new();
    write(&mut out, value, style, 0)?;
    Ok(out)
}

fn write(out: &mut String, value: &Value, style: Style<'_>, depth: usize) -> Result<(), JsonError> {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(flag) => out.push_str(if *flag { "true" } else { "false" }),
        Value::Int(number) | Value::SetInt(number) => out.push_str(&number.to_string()),
        Value::Uint(number) => out.push_str(&number.to_string()),
        Value::Float(number) => match float_json(*number) {
            Some(text) => out.push_str(&text),
            None => return Err(JsonError::UnsupportedValue { number: float_g(*number) }),
        },
        Value::Str(text) => string(out, text, style.html_escape),
        Value::List(items) if items.is_empty() => out.push_str("[]"),
        Value::List(items) => list(out, items, style, depth)?,
        Value::Map(entries) if entries.is_empty() => out.push_str("{}"),
        Value::Map(entries) => map(out, entries, style, depth)?,
    }
    Ok(())
}

fn list(out: &mut String, items: &[Value], style: Style<'_>, depth: usize) -> Result<(), JsonError> {
    out.push('[');
    for (index, item) in items.iter().enumerate() {
        separate(out, style, index, depth + 1);
        write(out, item, style, depth + 1)?;
    }
    line(out, style, depth);
    out.push(']');
    Ok(())
}

fn map(out: &mut String, map: &Map, style: Style<'_>, depth: usize) -> Result<(), JsonError> {
    out.push('{');
    for (index, (key, value)) in ordered(map, style.sort_keys).into_iter().enumerate() {
        separate(out, style, index, depth + 1);
        string(out, key, style.html_escape);
        out.push_str(if style.indent.is_some() { ": " } else { ":" });
        write(out, value, style, depth + 1)?;
    }
    line(out, style, depth);
    out.push('}');
    Ok(())
}

fn ordered(map: &Map, sort: bool) -> Vec<(&str, &Value)> {
    let mut entries: Vec<(&str, &Value)> = map.iter().map(|(key, value)| (&**key, value)).collect();
    if sort {
        entries.sort_unstable_by_key(|(key, _)| *key);
    }
    entries
}

fn separate(out: &mut String, style: Style<'_>, index: usize, depth: usize) {
    if index > 0 {
        out.push(',');
    }
    line(out, style, depth);
}

fn line(out: &mut String, style: Style<'_>, depth: usize) {
    if let Some(indent) = style.indent {
        out.push('\n');
        out.extend(std::iter::repeat_n(indent, depth));
    }
}

/// A text as a JSON string, in quotes.
pub fn quoted(text: &str, html_escape: bool) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    string(&mut out, text, html_escape);
    out
}

/// How many characters [`quoted`] takes.
pub(crate) fn quoted_width(text: &str) -> usize {
    quoted(text, true).chars().count()
}

/// Whether a byte can be part of a character that is escaped. `0xE2` begins U+2028 and U+2029.
fn may_need_escape(byte: u8, html_escape: bool) -> bool {
    matches!(byte, 0..b' ' | b'"' | b'\\' | 0xE2) || html_escape && matches!(byte, b'<' | b'>' | b'&')
}

fn string(out: &mut String, text: &str, html_escape: bool) {
    out.push('"');
    // Bodies hold texts of a megabyte in base64: what needs no second look is taken as one piece.
    if !text.bytes().any(|byte| may_need_escape(byte, html_escape)) {
        out.push_str(text);
        out.push('"');
        return;
    }
    let mut start = 0;
    for (at, c) in text.char_indices() {
        let escaped = match c {
            '"' => "\\\"",
            '\\' => "\\\\",
            '\u{8}' => "\\b",
            '\u{c}' => "\\f",
            '\n' => "\\n",
            '\r' => "\\r",
            '\t' => "\\t",
            '<' if html_escape => "\\u003c",
            '>' if html_escape => "\\u003e",
            '&' if html_escape => "\\u0026",
            '\u{2028}' => "\\u2028",
            '\u{2029}' => "\\u2029",
            c if c < ' ' => {
                out.push_str(&text[start..at]);
                // Writing to a string cannot fail.
                let _ = write!(out, "\\u{:04x}", c as u32);
                start = at + 1;
                continue;
            }
            _ => continue,
        };
        out.push_str(&text[start..at]);
        out.push_str(escaped);
        start = at + c.len_utf8();
    }
    out.push_str(&text[start..]);
    out.push('"');
}
