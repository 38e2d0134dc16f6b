//! Values files: one or more YAML documents, each a map or nothing.
//!
//! Documents are separated by lines that start with `---`; after it only white space or a comment may follow. (This is the
//! rule of the Kubernetes reader that Helm uses for values, not that of manifests.)
//!
//! Invariant: a document that is not a map is an error with Helm's text and a place in the file.

use std::sync::Arc;

use super::error::ValuesError;
use super::pointer;
use crate::data::Map;
use crate::data::yaml::{self, Node};
use crate::diag::{Diagnostic, Hint, SourceFile, Span};

/// One document of a values file.
pub(super) struct Document {
    /// Its keys and values.
    pub(super) values: Map,
    /// Its text, and where that starts in the file.
    text: Arc<SourceFile>,
    offset: usize,
}

/// A key of a document.
pub(super) struct Key {
    /// Its JSON pointer.
    pub(super) pointer: String,
    /// Whether its value is a map.
    pub(super) is_map: bool,
    /// Its bytes in the file.
    pub(super) span: Span,
}

impl Document {
    /// All keys and list items at any depth. This reads the document again: it is for those who want places.
    pub(super) fn keys(&self) -> Vec<Key> {
        let mut found = Vec::new();
        // The document was read before, so it can be read again.
        if let Ok(Some(root)) = yaml::parse(&self.text) {
            collect(&root, "", self.offset, &mut found);
        }
        found
    }
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
pub(super) fn documents(file: &Arc<SourceFile>) -> Result<Vec<Document>, ValuesError> {
    let text = file.text();
    let mut found = Vec::new();
    let mut start = 0;
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let line_start = at;
        at += line.len();
        let Some(rest) = line.strip_prefix("---") else { continue };
        let rest = rest.trim();
        if !rest.is_empty() && !rest.starts_with('#') {
            let reason = format!("error reading yaml document: invalid Yaml document separator: {rest}");
            let diagnostic =
                Diagnostic::error("a line that starts with `---` must have nothing but a comment after it")
                    .at(file, Span::new(line_start, line_start + line.trim_end().len()));
            return Err(fault(file, reason, diagnostic));
        }
        found.extend(document(file, start, line_start)?);
        start = at;
    }
    found.extend(document(file, start, text.len())?);
    Ok(found)
}

/// Reads the document between two offsets; `None` when it says nothing.
fn document(file: &Arc<SourceFile>, start: usize, end: usize) -> Result<Option<Document>, ValuesError> {
    let text = file.text().get(start..end).unwrap_or("");
    if text.trim().is_empty() {
        return Ok(None);
    }
    let text = SourceFile::new(file.name(), text);
    let values = yaml::to_map(&text).map_err(|error| {
        let mut diagnostic =
            error.diagnostic().cloned().unwrap_or_else(|| Diagnostic::error(error.go_text()));
        diagnostic.at = None;
        if let Some(span) = error.span() {
            let range = span.range();
            diagnostic = diagnostic.at(file, Span::new(range.start + start, range.end + start));
        }
        fault(file, format!("cannot unmarshal yaml document: {error}"), diagnostic)
    })?;
    Ok((!values.is_empty()).then_some(Document { values, text, offset: start }))
}

fn fault(file: &Arc<SourceFile>, reason: String, diagnostic: Diagnostic) -> ValuesError {
    ValuesError::File { file: file.name().to_string(), reason, diagnostic: Box::new(diagnostic) }
}
