//! Reads one document: its identity, its annotations, and whether Helm would take it.
//!
//! Helm reads a document twice: into a small struct (kind, apiVersion, metadata.name, metadata.annotations), which fails
//! on other kinds of value there, and later as a whole. Keys of the struct match without case, the last in byte order
//! winning; the identity of the object in a cluster is read from the exact keys.

use std::sync::Arc;

use super::error::ManifestError;
use super::{Object, ObjectRef};
use crate::data::{Map, Value, yaml};
use crate::diag::{Diagnostic, Hint, SourceFile, Span};

/// The annotation that keeps an object when the release goes.
pub const RESOURCE_POLICY_ANNOTATION: &str = "helm.sh/resource-policy";

/// Helm's name for the type of `metadata` in its messages.
const METADATA_TYPE: &str =
    r#"struct { Name string "json:\"name\""; Annotations map[string]string "json:\"annotations\"" }"#;

impl Object {
    /// Reads a document.
    ///
    /// `source` is the template that wrote it, `rendered` the text it is a part of, `offset` where it starts there.
    ///
    /// # Errors
    /// The document is not YAML, not a map (or nothing), or its kind, version or metadata are of the wrong type.
    pub fn parse(
        source: &Arc<str>,
        rendered: &Arc<SourceFile>,
        offset: usize,
        text: &str,
    ) -> Result<Self, ManifestError> {
        let text: Arc<str> = text.into();
        let read = if minds_line_end(&text) { format!("{text}\n").into() } else { Arc::clone(&text) };
        let document = rendered.part(Arc::clone(source), offset, read);
        let body = yaml::to_value(&document).map_err(|error| fault(source, rendered, offset, &error))?;
        if let Err(reason) = check_head(&body) {
            let reason =
                format!("error unmarshaling JSON: while decoding JSON: json: cannot unmarshal {reason}");
            let span = Span::new(offset, offset + text.lines().next().map_or(0, str::len));
            let diagnostic = Box::new(Diagnostic::error(reason.clone()).at(rendered, span));
            return Err(ManifestError::Document {
                path: source.to_string(),
                reason,
                diagnostic,
                others: Vec::new(),
            });
        }
        let line = rendered.line_of(u32::try_from(offset).unwrap_or(u32::MAX));
        Ok(Object { id: identity(&body), source: Arc::clone(source), line, text, body })
    }

    /// The kind by which Helm sorts: as [`ObjectRef::kind`], but the key may be in any case.
    pub fn sort_kind(&self) -> String {
        self.body.as_map().and_then(|map| any_case(map, "kind")).map(text_of).unwrap_or_default()
    }

    /// The text of an annotation; numbers and booleans count as their text.
    pub fn annotation(&self, key: &str) -> Option<String> {
        let metadata = any_case(self.body.as_map()?, "metadata")?.as_map()?;
        let annotations = any_case(metadata, "annotations")?.as_map()?;
        annotations.get(key).map(text_of)
    }

    /// Whether the document says nothing but comments: it has no kind and cannot be created.
    pub fn is_comment(&self) -> bool {
        self.body.is_null()
    }

    /// The resource policy, trimmed and in lower case; `keep` keeps the object when it leaves the release.
    pub fn resource_policy(&self) -> Option<String> {
        self.annotation(RESOURCE_POLICY_ANNOTATION).map(|policy| policy.trim().to_lowercase())
    }
}

/// Whether a line feed behind the text may make a difference. A manifest ends each document with one of its own, and that
/// one is read as well: by a block scalar that keeps the empty lines behind it (`|+`), and by any at the end of a text that
/// has no line feed there itself. Source: what Helm leaves in a cluster.
fn minds_line_end(text: &str) -> bool {
    let keeps_empty_lines = || {
        text.match_indices('+').any(|(at, _)| {
            let before = text[..at].trim_end_matches(|c: char| c.is_ascii_digit());
            before.ends_with(['|', '>'])
        })
    };
    (!text.ends_with('\n') && text.contains(['|', '>'])) || keeps_empty_lines()
}

/// An error of the YAML, its place moved from the document into the rendered text.
fn fault(
    source: &Arc<str>,
    rendered: &Arc<SourceFile>,
    offset: usize,
    error: &yaml::YamlError,
) -> ManifestError {
    let mut diagnostic = error.diagnostic().cloned().unwrap_or_else(|| Diagnostic::error(error.go_text()));
    diagnostic.at = None;
    if let Some(span) = error.span() {
        let range = span.range();
        diagnostic = diagnostic.at(rendered, Span::new(range.start + offset, range.end + offset));
    }
    let diagnostic = Box::new(diagnostic);
    ManifestError::Document {
        path: source.to_string(),
        reason: error.to_string(),
        diagnostic,
        others: Vec::new(),
    }
}

/// The value of a key in any case; of several, the last in byte order, as Go's JSON decoder has it.
fn any_case<'v>(map: &'v Map, key: &str) -> Option<&'v Value> {
    map.get(key).or_else(|| {
        map.iter()
            .filter(|(name, _)| name.eq_ignore_ascii_case(key))
            .max_by_key(|(name, _)| *name)
            .map(|(_, v)| v)
    })
}

/// A scalar as the text that Helm's YAML library makes of it where a string is wanted; empty for the rest.
fn text_of(value: &Value) -> String {
    match value {
        Value::Str(text) => text.to_string(),
        Value::Bool(flag) => flag.to_string(),
        Value::Int(number) | Value::SetInt(number) => number.to_string(),
        Value::Uint(number) => number.to_string(),
        Value::Float(number) => number.to_string(),
        Value::Null | Value::List(_) | Value::Map(_) => String::new(),
    }
}

/// Checks the types that Helm's small struct has; the error is Go's text after `cannot unmarshal `. Go goes through the
/// keys in byte order and tells the first mismatch, but for maps of annotations, which it tells at once.
fn check_head(body: &Value) -> Result<(), String> {
    let map = match body {
        Value::Null => return Ok(()),
        Value::Map(map) => map,
        other => return Err(format!("{} into Go value of type util.SimpleHead", other.json_kind())),
    };
    let wrong = |value: &Value, field: &str, kind: &str| {
        Err(format!("{} into Go struct field {field} of type {kind}", value.json_kind()))
    };
    for (key, field) in [("apiVersion", "SimpleHead.apiVersion"), ("kind", "SimpleHead.kind")] {
        if let Some(value @ (Value::List(_) | Value::Map(_))) = any_case(map, key) {
            return wrong(value, field, "string");
        }
    }
    let metadata = match any_case(map, "metadata") {
        None | Some(Value::Null) => return Ok(()),
        Some(Value::Map(metadata)) => metadata,
        Some(other) => return wrong(other, "SimpleHead.metadata", METADATA_TYPE),
    };
    match any_case(metadata, "annotations") {
        None | Some(Value::Null) => {}
        Some(Value::Map(annotations)) => {
            for value in annotations.values() {
                if matches!(value, Value::List(_) | Value::Map(_)) {
                    return wrong(value, ".metadata.annotations", "string");
                }
            }
        }
        Some(other) => return wrong(other, ".metadata.annotations", "map[string]string"),
    }
    match any_case(metadata, "name") {
        Some(value @ (Value::List(_) | Value::Map(_))) => wrong(value, ".metadata.name", "string"),
        _ => Ok(()),
    }
}

/// What the object is called in a cluster; empty parts where the document does not say.
pub(super) fn identity(body: &Value) -> ObjectRef {
    let text = |path: &[&str]| body.path(path.iter().copied()).map(text_of).unwrap_or_default();
    let api_version = text(&["apiVersion"]);
    let (group, version) = ObjectRef::split_api_version(&api_version);
    ObjectRef {
        group: group.to_string(),
        version: version.to_string(),
        kind: text(&["kind"]),
        namespace: text(&["metadata", "namespace"]),
        name: text(&["metadata", "name"]),
    }
}
