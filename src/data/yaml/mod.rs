//! YAML as Helm reads and writes it.
//!
//! ```text
//! text ─► scan: tokens ─► parse: Node, a tree with spans ─► Value | typed struct      resolve: YAML 1.1 scalars
//! Value ─► write: block style as Go's library prints it, byte for byte            quote: one scalar, safe anywhere
//! ```
//!
//! Invariants: reading never panics and is bounded in depth and in what aliases unfold to; every error has Go's text and the
//! exact place; what the writer prints reads back as the same value (see the exceptions at [`to_string`]).

mod convert;
mod cursor;
mod documents;
mod error;
mod go_syntax;
mod hints;
mod node;
mod parse;
mod probe;
mod resolve;
mod scan;
mod token;
mod typed;
mod words;
mod write;

use std::sync::Arc;

pub use documents::{BadDocument, MapDocument, map_documents};
pub use error::{Stage, YamlError};
pub use node::{Node, NodeKind, Style};
pub use parse::{Limits, parse, parse_all};
pub use typed::typed;
pub use write::quote::{Context, double_quoted, escape_double, escape_single, is_plain_safe, quote};
pub use write::{
    Pretty, sort_entries, to_string, to_string_in_order, to_string_pretty, try_entry_to_string, try_to_string,
};

use super::{Map, Value};
use crate::diag::{SourceFile, Span};

/// The value of the first document; null when there is none.
///
/// # Errors
/// The text is no YAML, or has something that JSON cannot say.
pub fn to_value(file: &Arc<SourceFile>) -> Result<Value, YamlError> {
    match parse(file)? {
        Some(node) => node.to_value().map_err(|error| error.in_file(file)),
        None => Ok(Value::Null),
    }
}

/// The value of the first document of a text that is known by a name.
///
/// # Errors
/// As [`to_value`].
pub fn value_from_text(name: &str, text: &str) -> Result<Value, YamlError> {
    to_value(&SourceFile::new(name, text))
}

/// The map in the first document; empty for null and for nothing.
///
/// # Errors
/// As [`to_value`], and when it is something else: `json: cannot unmarshal array into Go value of type map[string]interface {}`.
pub fn to_map(file: &Arc<SourceFile>) -> Result<Map, YamlError> {
    match to_value(file)? {
        Value::Map(map) => Ok(map),
        Value::Null => Ok(Map::new()),
        other => Err(wrong_root(file, &other, "map[string]interface {}")),
    }
}

/// The list in the first document; empty for null and for nothing.
///
/// # Errors
/// As [`to_value`], and when it is something else.
pub fn to_list(file: &Arc<SourceFile>) -> Result<Vec<Value>, YamlError> {
    match to_value(file)? {
        Value::List(items) => Ok(items),
        Value::Null => Ok(Vec::new()),
        other => Err(wrong_root(file, &other, "[]interface {}")),
    }
}

fn wrong_root(file: &Arc<SourceFile>, found: &Value, wanted: &str) -> YamlError {
    let found = found.json_kind();
    let span = parse(file).ok().flatten().map_or_else(Span::default, |node| node.span);
    let text = format!("json: cannot unmarshal {found} into Go value of type {wanted}");
    YamlError::new(Stage::Unmarshal, text, Some(span)).in_file(file)
}

#[cfg(test)]
mod tests;
