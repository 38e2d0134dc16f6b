//! Values in Go's `%#v`, which some messages of Helm show: `map[interface {}]interface {}{"a":1}`.
//!
//! Invariant: the output is bounded, whatever the document unfolds to.

use super::convert::{Scalar, typed_scalar};
use super::node::{Node, NodeKind};
use crate::data::json::number::float_g;

/// How many nodes are written before the rest is left out.
const LONGEST: usize = 4_096;

/// A node in Go's syntax. `inner` tells whether it stands within another value, where nil is `interface {}(nil)`.
pub(super) fn go_syntax(node: &Node, inner: bool) -> String {
    let mut out = String::new();
    write(node, inner, &mut out, &mut 0);
    out
}

fn write(node: &Node, inner: bool, out: &mut String, written: &mut usize) {
    *written += 1;
    if *written > LONGEST {
        return;
    }
    match &node.kind {
        NodeKind::Scalar { text, style, tag } => match typed_scalar(text, *style, tag.as_deref(), node) {
            Ok(scalar) => scalar_syntax(&scalar, inner, out),
            Err(_) => out.push_str(&go_quote(text)),
        },
        NodeKind::List(items) => {
            out.push_str("[]interface {}{");
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push_str(", ");
                }
                write(item, true, out, written);
            }
            out.push('}');
        }
        NodeKind::Map(entries) => {
            // Go prints maps sorted, and of equal keys it has only the last.
            let mut parts: Vec<(u8, String, &Node)> = Vec::new();
            for (key, value) in entries.iter().take(LONGEST / 8) {
                let mut name = String::new();
                write(key, true, &mut name, written);
                let rank = u8::from(!name.starts_with('"'));
                parts.retain(|(_, held, _)| *held != name);
                parts.push((rank, name, value));
            }
            parts.sort_by(|a, b| (a.0, &a.1).cmp(&(b.0, &b.1)));
            out.push_str("map[interface {}]interface {}{");
            for (index, (_, name, value)) in parts.into_iter().enumerate() {
                if index > 0 {
                    out.push_str(", ");
                }
                out.push_str(&name);
                out.push(':');
                write(value, true, out, written);
            }
            out.push('}');
        }
    }
}

fn scalar_syntax(scalar: &Scalar, inner: bool, out: &mut String) {
    match scalar {
        Scalar::Null => out.push_str(if inner { "interface {}(nil)" } else { "<nil>" }),
        Scalar::Bool(flag) => out.push_str(if *flag { "true" } else { "false" }),
        Scalar::Int(number) => out.push_str(&number.to_string()),
        Scalar::Uint(number) => out.push_str(&format!("{number:#x}")),
        Scalar::Float(number) => out.push_str(&float_g(*number)),
        Scalar::Str(text) => out.push_str(&go_quote(text)),
    }
}

/// A text as a Go string literal.
pub(super) fn go_quote(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\u{7}' => out.push_str("\\a"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{b}' => out.push_str("\\v"),
            c if (c as u32) < 0x20 || c == '\u{7f}' => out.push_str(&format!("\\x{:02x}", c as u32)),
            c if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{a0}') => {
                out.push_str(&format!("\\u{:04x}", c as u32));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}
