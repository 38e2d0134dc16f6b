//! Values files: their documents, and where each key stands.
//!
//! Invariant: a document that is not a map is an error with Helm's text and a place in the file.

use std::sync::Arc;

use super::error::ValuesError;
use super::pointer;
use crate::data::yaml::{self, MapDocument, Node};
use crate::diag::{SourceFile, Span};

/// A key of a document.
pub(super) struct Key {
    /// Its JSON pointer.
    pub(super) pointer: String,
    /// Whether its value is a map.
    pub(super) is_map: bool,
    /// Its bytes in the file.
    pub(super) span: Span,
}

/// All keys and list items of a document at any depth.
pub(super) fn keys(document: &MapDocument) -> Vec<Key> {
    let mut found = Vec::new();
    if let (Some(root), offset) = document.root() {
        collect(&root, "", offset, &mut found);
    }
    found
}

fn collect(node: &Node, path: &str, offset: usize, found: &mut Vec<Key>) {
    let moved = |span: Span| Span::new(span.start as usize + offset, span.end as usize + offset);
    let mut add = |pointer: &str, value: &Node, span: Span| {
        found.push(Key { pointer: pointer.to_string(), is_map: value.as_map().is_some(), span: moved(span) });
        collect(value, pointer, offset, found);
    };
    for (key, value) in node.as_map().unwrap_or_default() {
        if let Some(name) = key.as_scalar() {
            add(&pointer::join(path, name), value, key.span);
        }
    }
    for (index, item) in node.as_list().unwrap_or_default().iter().enumerate() {
        add(&pointer::join(path, &index.to_string()), item, item.span);
    }
}

/// Reads all documents of a values file; empty ones are left out.
pub(super) fn documents(file: &Arc<SourceFile>) -> Result<Vec<MapDocument>, ValuesError> {
    yaml::map_documents(file).map_err(|error| ValuesError::File {
        file: file.name().to_string(),
        reason: error.reason,
        diagnostic: error.diagnostic,
    })
}
