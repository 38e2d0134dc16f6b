//! How one value is written: as text, as a scalar, in flow style, as block lines.
//!
//! Invariant: what [`scalar`], [`key`], [`flow`] and [`block_lines`] write is read back as the same value by readers of
//! YAML 1.1 and 1.2.

use std::borrow::Cow;

use crate::data::Value;

use super::super::standin as yaml;

/// The text of a value inside other text: nothing for null, compact JSON for maps and lists.
pub(in super::super) fn text_of(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Str(text) => text.to_string(),
        Value::Float(number) => float_text(*number),
        Value::List(_) | Value::Map(_) => json(value),
        scalar => yaml::scalar_text(scalar),
    }
}

/// Compact JSON, keys in their order.
pub(in super::super) fn json(value: &Value) -> String {
    // Serialising a value of ours to a string does not fail: keys are strings, and NaN becomes null.
    serde_json::to_string(value).unwrap_or_default()
}

fn float_text(number: f64) -> String {
    if number.is_finite() && number.abs() < 1e16 && number.abs() >= 1e-5 {
        format!("{number:?}")
    } else if number == 0.0 {
        "0.0".to_string()
    } else {
        yaml::scalar_text(&Value::Float(number))
    }
}

/// The text of a value in one line, without characters that could end it.
pub(super) fn one_line(text: &str) -> Cow<'_, str> {
    if text.chars().any(needs_escape) { Cow::Owned(yaml::escape_double(text)) } else { Cow::Borrowed(text) }
}

/// Whether a character can only be written with an escape.
pub(super) fn needs_escape(c: char) -> bool {
    yaml::special(c)
}

/// A text as a plain scalar or in quotes, outside flow collections.
pub(super) fn quote(text: &str) -> Cow<'_, str> {
    if yaml::is_plain_safe(text) { Cow::Borrowed(text) } else { Cow::Owned(yaml::double_quoted(text)) }
}

/// Whether a text is the same string as a plain scalar.
pub(super) fn is_plain_safe(text: &str) -> bool {
    yaml::is_plain_safe(text)
}

/// The content of a double-quoted scalar.
pub(super) fn escape_double(text: &str) -> String {
    yaml::escape_double(text)
}

/// The content of a single-quoted scalar; only for text without [`needs_escape`] characters.
pub(super) fn escape_single(text: &str) -> String {
    yaml::escape_single(text)
}

/// A text in double quotes.
pub(super) fn double_quoted(text: &str) -> String {
    yaml::double_quoted(text)
}

/// Anything but a collection with entries, as a whole scalar.
pub(super) fn scalar(value: &Value) -> Cow<'_, str> {
    match value {
        Value::Str(text) => quote(text),
        other => Cow::Owned(yaml::scalar_text(other)),
    }
}

/// A text inside a flow collection.
pub(super) fn flow_quote(text: &str) -> Cow<'_, str> {
    let plain = yaml::is_plain_safe(text) && !text.contains([',', '[', ']', '{', '}', ':', '?']);
    if plain { Cow::Borrowed(text) } else { Cow::Owned(yaml::double_quoted(text)) }
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
        scalar => out.push_str(&yaml::scalar_text(scalar)),
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
