//! How one value is written: as text, as a scalar, in flow style, as block lines.
//!
//! Invariant: what [`scalar`], [`key`], [`flow`] and [`block_lines`] write is read back as the same value by readers of
//! YAML 1.1 and 1.2.

use std::borrow::Cow;

use crate::data::json::{Style, to_string_with};
use crate::data::{Value, yaml};

pub(super) use yaml::{double_quoted, escape_double, is_plain_safe, quote};

/// The text of a value inside other text: nothing for null, compact JSON for maps and lists.
pub(in super::super) fn text_of(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Str(text) => text.to_string(),
        Value::List(_) | Value::Map(_) => json(value),
        scalar => leaf(scalar),
    }
}

/// Compact JSON with keys in their order; numbers that JSON cannot say become null.
pub(in super::super) fn json(value: &Value) -> String {
    let style = Style { html_escape: false, sort_keys: false, indent: None };
    to_string_with(value, style).or_else(|_| serde_json::to_string(value)).unwrap_or_default()
}

/// Null, a boolean, a number, an empty collection. A float keeps its point, so that it stays one.
fn leaf(value: &Value) -> String {
    match value {
        Value::Float(number) if number.abs() < 1e16 && (number.abs() >= 1e-5 || *number == 0.0) => {
            format!("{number:?}")
        }
        other => yaml::to_string_in_order(other).trim_end().to_string(),
    }
}

/// The text of a value in one line, without characters that could end it.
pub(super) fn one_line(text: &str) -> Cow<'_, str> {
    if text.chars().any(needs_escape) { Cow::Owned(escape_double(text)) } else { Cow::Borrowed(text) }
}

/// Whether a character can only be written with an escape: it breaks lines, or no reader of YAML takes it.
pub(super) fn needs_escape(c: char) -> bool {
    (c.is_control() && c != '\t')
        || matches!(c, '\u{2028}' | '\u{2029}' | '\u{FEFF}' | '\u{FFFE}' | '\u{FFFF}')
}

/// The content of a single-quoted scalar; `None` when the text needs escapes.
pub(super) fn escape_single(text: &str) -> Option<String> {
    if text.chars().any(needs_escape) { None } else { Some(text.replace('\'', "''")) }
}

/// Anything but a collection with entries, as a whole scalar.
pub(super) fn scalar(value: &Value) -> Cow<'_, str> {
    match value {
        Value::Str(text) => quote(text),
        other => Cow::Owned(leaf(other)),
    }
}

/// A text inside a flow collection.
pub(super) fn flow_quote(text: &str) -> Cow<'_, str> {
    // A colon inside a word is safe before a blank, but not for every reader before a bracket.
    if is_plain_safe(text) && !text.contains(':') {
        Cow::Borrowed(text)
    } else {
        Cow::Owned(double_quoted(text))
    }
}

/// A value inside a flow collection.
pub(super) fn flow(value: &Value) -> String {
    let mut out = String::new();
    flow_into(&mut out, value);
    out
}

fn flow_into(out: &mut String, value: &Value) {
    match value {
        Value::List(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                out.push_str(if index > 0 { ", " } else { "" });
                flow_into(out, item);
            }
            out.push(']');
        }
        Value::Map(map) => {
            out.push('{');
            for (index, (key, value)) in map.iter().enumerate() {
                out.push_str(if index > 0 { ", " } else { "" });
                out.push_str(&flow_quote(key));
                out.push_str(": ");
                flow_into(out, value);
            }
            out.push('}');
        }
        Value::Str(text) => out.push_str(&flow_quote(text)),
        scalar => out.push_str(&leaf(scalar)),
    }
}

/// The lines of a collection with entries in block style, each moved to a column except the first; with the last line
/// break.
pub(super) fn block_lines(value: &Value, column: usize) -> String {
    let text = yaml::to_string_in_order(value);
    if column == 0 {
        return text;
    }
    let pad = " ".repeat(column);
    let mut out = String::with_capacity(text.len() + text.len() / 4);
    for (index, line) in text.split_inclusive('\n').enumerate() {
        if index > 0 && line != "\n" {
            out.push_str(&pad);
        }
        out.push_str(line);
    }
    out
}

/// Whether a value is a map or a list with entries.
pub(super) fn has_entries(value: &Value) -> bool {
    match value {
        Value::Map(map) => !map.is_empty(),
        Value::List(items) => !items.is_empty(),
        _ => false,
    }
}
