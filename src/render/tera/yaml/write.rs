//! How one value is written: as text, as a scalar, in flow style, as block lines.
//!
//! Invariant: what `scalar`, `key`, `flow` and `block_lines` write is read back as the same value by readers of
//! YAML 1.1 and 1.2.

use std::borrow::Cow;

use crate::data::json::{Style, to_string_with};
use crate::data::{Value, yaml};

pub(super) use yaml::{Context, double_quoted, escape_double, is_plain_safe};

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
        other => {
            let text = yaml::to_string_in_order(other).trim_end().to_string();
            match text.split_once('e') {
                // Strict readers of YAML 1.1 know no float without a point.
                Some((number, exponent)) if matches!(other, Value::Float(_)) && !number.contains('.') => {
                    format!("{number}.0e{exponent}")
                }
                _ => text,
            }
        }
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

/// A text on a line of its own.
pub(super) fn quote(text: &str) -> Cow<'_, str> {
    yaml::quote(text, Context::Block)
}

/// A text inside a flow collection, where it looks like JSON unless it is plain.
pub(super) fn flow_quote(text: &str) -> Cow<'_, str> {
    if is_plain_safe(text, Context::Flow) { Cow::Borrowed(text) } else { Cow::Owned(double_quoted(text)) }
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

/// The lines of a collection with entries in block style, the first without its indentation; with the last line break.
///
/// Keys keep their order, a list stands at the column of its key, text of several lines is a literal block. Everything
/// else is on one line: unlike the writer that imitates Go's, this one folds nothing and escapes every character that
/// some reader takes for a line break.
pub(in super::super) fn block_lines(value: &Value, column: usize) -> String {
    let mut out = String::new();
    block_into(&mut out, value, column);
    out
}

/// The longest key that readers of YAML find without being told that it is one.
const KEY: usize = 1_000;

/// Writes a node whose first line is begun. The recursion is bounded by the depth of values that come out of Tera.
fn block_into(out: &mut String, value: &Value, column: usize) {
    let line = |out: &mut String, index: usize| {
        if index > 0 {
            out.extend(std::iter::repeat_n(' ', column));
        }
    };
    match value {
        Value::Map(map) if !map.is_empty() => {
            for (index, (key, value)) in map.iter().enumerate() {
                line(out, index);
                let key = quote(key);
                let long = key.len() > KEY;
                if long {
                    out.push_str("? ");
                }
                out.push_str(&key);
                if long {
                    out.push('\n');
                    line(out, 1);
                }
                out.push(':');
                below(out, value, column);
            }
        }
        Value::List(items) if !items.is_empty() => {
            for (index, item) in items.iter().enumerate() {
                line(out, index);
                out.push_str("- ");
                match item {
                    Value::Str(text) => text_into(out, text, column),
                    item => block_into(out, item, column + 2),
                }
            }
        }
        Value::Str(text) => text_into(out, text, column),
        scalar => {
            out.push_str(&leaf(scalar));
            out.push('\n');
        }
    }
}

/// The value of a key of a column.
fn below(out: &mut String, value: &Value, column: usize) {
    match value {
        Value::Map(map) if !map.is_empty() => {
            out.push('\n');
            out.extend(std::iter::repeat_n(' ', column + 2));
            block_into(out, value, column + 2);
        }
        Value::List(items) if !items.is_empty() => {
            out.push('\n');
            out.extend(std::iter::repeat_n(' ', column));
            block_into(out, value, column);
        }
        Value::Str(text) => {
            out.push(' ');
            text_into(out, text, column);
        }
        scalar => {
            out.push(' ');
            block_into(out, scalar, column);
        }
    }
}

/// A text as the value of a key or a dash of a column.
fn text_into(out: &mut String, text: &str, column: usize) {
    if !is_literal(text) {
        out.push_str(&quote(text));
        out.push('\n');
        return;
    }
    out.push_str(if text.ends_with('\n') { "|\n" } else { "|-\n" });
    for line in text.strip_suffix('\n').unwrap_or(text).split('\n') {
        if !line.is_empty() {
            out.extend(std::iter::repeat_n(' ', column + 2));
            out.push_str(line);
        }
        out.push('\n');
    }
}

/// Whether a text reads well, and is the same, as a literal block: several lines, the first of which starts with a
/// letter or the like, and at most one line break at the end.
fn is_literal(text: &str) -> bool {
    text.trim_end_matches('\n').contains('\n')
        && !text.starts_with([' ', '\t', '\n'])
        && !text.ends_with("\n\n")
        && !text.chars().any(|c| c != '\n' && needs_escape(c))
        && !text.lines().any(|line| line.ends_with([' ', '\t']))
}

/// Whether a value is a map or a list with entries.
pub(super) fn has_entries(value: &Value) -> bool {
    match value {
        Value::Map(map) => !map.is_empty(),
        Value::List(items) => !items.is_empty(),
        _ => false,
    }
}
