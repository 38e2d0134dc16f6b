//! Stand-in for `crate::data::yaml` until it lands.

use std::borrow::Cow;
use std::fmt::Write;

use crate::data::Value;

pub(super) fn is_plain_safe(text: &str) -> bool {
    let bytes = text.as_bytes();
    let (Some(first), Some(last)) = (text.chars().next(), text.chars().last()) else { return false };
    if text.chars().any(special) || text.contains('\t') {
        return false;
    }
    if first == ' ' || last == ' ' || last == ':' || text.contains(": ") || text.contains(" #") {
        return false;
    }
    if "-?:,[]{}#&*!|>'\"%@`=<".contains(first) {
        return false;
    }
    if text.starts_with("---") || text.starts_with("...") {
        return false;
    }
    let lower = text.to_ascii_lowercase();
    if matches!(lower.as_str(), "" | "~" | "null" | "true" | "false" | "yes" | "no" | "on" | "off" | "y" | "n" | ".inf" | ".nan") {
        return false;
    }
    if bytes[0].is_ascii_digit() || matches!(first, '+' | '.') {
        if text.split('.').count() > 2 && text.split('.').all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit())) {
            return true;
        }
        return lower.chars().any(|c| !"0123456789abcdefox_.,:+-tz".contains(c)) && !lower.ends_with(".inf");
    }
    true
}

pub(super) fn special(c: char) -> bool {
    (c.is_control() && c != '\t')
        || matches!(c, '\u{2028}' | '\u{2029}' | '\u{FEFF}' | '\u{FFFE}' | '\u{FFFF}')
}

pub(super) fn escape_double(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if special(c) => {
                let code = c as u32;
                let _ = if code < 0x100 { write!(out, "\\x{code:02X}") } else { write!(out, "\\u{code:04X}") };
            }
            c => out.push(c),
        }
    }
    out
}

pub(super) fn escape_single(text: &str) -> String {
    text.replace('\'', "''")
}

pub(super) fn double_quoted(text: &str) -> String {
    format!("\"{}\"", escape_double(text))
}

pub(super) fn quote(text: &str) -> Cow<'_, str> {
    if is_plain_safe(text) { Cow::Borrowed(text) } else { Cow::Owned(double_quoted(text)) }
}

pub(super) fn to_string_in_order(value: &Value) -> String {
    let mut out = String::new();
    node(&mut out, value, 0);
    out
}

fn node(out: &mut String, value: &Value, column: usize) {
    match value {
        Value::Map(map) if !map.is_empty() => {
            for (index, (key, value)) in map.iter().enumerate() {
                if index > 0 {
                    out.push_str(&" ".repeat(column));
                }
                out.push_str(&quote(key));
                out.push(':');
                match value {
                    Value::Map(inner) if !inner.is_empty() => {
                        out.push('\n');
                        out.push_str(&" ".repeat(column + 2));
                        node(out, value, column + 2);
                    }
                    Value::List(inner) if !inner.is_empty() => {
                        out.push('\n');
                        out.push_str(&" ".repeat(column));
                        node(out, value, column);
                    }
                    _ => {
                        out.push(' ');
                        node(out, value, column);
                    }
                }
            }
        }
        Value::List(items) if !items.is_empty() => {
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push_str(&" ".repeat(column));
                }
                out.push_str("- ");
                node(out, item, column + 2);
            }
        }
        scalar => {
            out.push_str(&scalar_text(scalar));
            out.push('\n');
        }
    }
}

pub(super) fn scalar_text(value: &Value) -> String {
    match value {
        Value::Null => "null".to_string(),
        Value::Bool(flag) => flag.to_string(),
        Value::Int(number) | Value::SetInt(number) => number.to_string(),
        Value::Uint(number) => number.to_string(),
        Value::Float(number) => {
            if number.is_nan() {
                ".nan".to_string()
            } else if number.is_infinite() {
                if *number > 0.0 { ".inf".to_string() } else { "-.inf".to_string() }
            } else {
                let text = format!("{number:?}");
                match text.split_once('e') {
                    Some((mantissa, exponent)) => {
                        let dot = if mantissa.contains('.') { "" } else { ".0" };
                        let sign = if exponent.starts_with('-') { "" } else { "+" };
                        format!("{mantissa}{dot}e{sign}{exponent}")
                    }
                    None => text,
                }
            }
        }
        Value::Str(text) => quote(text).into_owned(),
        Value::List(_) => "[]".to_string(),
        Value::Map(_) => "{}".to_string(),
    }
}
