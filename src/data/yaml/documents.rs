//! Files of one or more YAML documents, each a map or nothing: values files.
//!
//! Documents are separated by lines that start with `---`; after it only white space or a comment may follow. (This is the
//! rule of the Kubernetes reader that Helm uses for values, in a chart as well as after `-f`; not that of manifests.)
//!
//! Invariant: a document that is not a map is an error with Helm's text and a place in the file.

use std::sync::Arc;

use super::{Node, Stage, parse, to_map};
use crate::data::Map;
use crate::diag::{Diagnostic, Hint, SourceFile, Span};

/// One document of a file.
#[derive(Debug, Clone)]
pub struct MapDocument {
    /// Its keys and values.
    pub values: Map,
    /// Its text.
    text: Arc<SourceFile>,
    /// Where its text starts in the file, in bytes.
    offset: usize,
}

impl MapDocument {
    /// The nodes of the document, and how many bytes before it the file has. This reads the document again: it is for
    /// those who want places.
    pub fn root(&self) -> (Option<Node>, usize) {
        // The document was read before, so it can be read again.
        (parse(&self.text).ok().flatten(), self.offset)
    }
}

/// Why the documents of a file cannot be read.
#[derive(Debug, Clone)]
pub struct BadDocument {
    /// Helm's text, without the name of the file.
    pub reason: String,
    /// The same with its place in the file.
    pub diagnostic: Box<Diagnostic>,
}

/// Reads all documents of a file; empty ones are left out.
///
/// # Errors
/// There is something behind a `---`, or a document is not YAML or not a map.
pub fn map_documents(file: &Arc<SourceFile>) -> Result<Vec<MapDocument>, BadDocument> {
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
            return Err(BadDocument { reason, diagnostic: Box::new(diagnostic) });
        }
        // A separator with nothing before it belongs to the document that it opens, and its line counts there.
        if start < line_start {
            found.extend(document(file, start, line_start)?);
            start = at;
        }
    }
    found.extend(document(file, start, text.len())?);
    Ok(found)
}

/// Reads the document between two offsets; `None` when it says nothing.
fn document(file: &Arc<SourceFile>, start: usize, end: usize) -> Result<Option<MapDocument>, BadDocument> {
    let text = file.text().get(start..end).unwrap_or("");
    // Other white space, such as a no-break space, is a scalar to YAML.
    if text.trim_matches([' ', '\n', '\r']).is_empty() {
        return Ok(None);
    }
    // Helm ends the last line before it reads, which a block scalar there shows.
    let text = match text.ends_with('\n') {
        true if text.len() == file.text().len() => Arc::clone(file),
        true => SourceFile::new(file.name(), text),
        false => SourceFile::new(file.name(), format!("{text}\n")),
    };
    let values = to_map(&text).map_err(|error| {
        let mut diagnostic = match error.stage() {
            Stage::Unmarshal => {
                Diagnostic::error("values must be a map").hint("write values as `key: value` lines")
            }
            _ => error.diagnostic().cloned().unwrap_or_else(|| Diagnostic::error(error.go_text())),
        };
        diagnostic.at = None;
        if let Some(span) = error.span() {
            let range = span.range();
            diagnostic = diagnostic.at(file, Span::new(range.start + start, range.end + start));
        }
        let reason = format!("cannot unmarshal yaml document: {error}");
        BadDocument { reason, diagnostic: Box::new(diagnostic) }
    })?;
    Ok((!values.is_empty()).then_some(MapDocument { values, text, offset: start }))
}
