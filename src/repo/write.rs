//! Writes an index or `repositories.yaml` as Helm does.
//!
//! Invariant: the same content gives the same bytes; keys are sorted in YAML, and in Helm's order in JSON.

use std::sync::Arc;

use super::RepoError;
use super::index::{Entry, Index};
use crate::data::yaml::{sort_entries, try_entry_to_string, try_to_string};
use crate::data::{Map, Value};
use crate::sys::parallel;

/// Fewer chart versions than this are not worth a second thread.
const PARALLEL_FROM: usize = 200;

impl Index {
    /// The index as YAML, keys sorted, as `helm repo index` writes it.
    ///
    /// # Errors
    /// An entry holds something that YAML cannot say.
    pub fn to_yaml(&self) -> Result<String, RepoError> {
        let mut entries: Vec<(&str, &[Arc<Entry>])> =
            self.entries.iter().map(|(name, versions)| (&**name, versions.as_slice())).collect();
        sort_entries(&mut entries);
        let count: usize = entries.iter().map(|(_, versions)| versions.len()).sum();
        // The versions become values chart by chart: those of all take ten times the memory of their text.
        let write = |(name, versions): &(&str, &[Arc<Entry>])| entry(name, &list(versions)?, 2);
        let texts = parallel::map(&entries, if count < PARALLEL_FROM { 1 } else { 2 }, write);
        let mut yaml = entry("apiVersion", &Value::str(self.api_version.as_str()), 0)?;
        if entries.is_empty() {
            yaml += &entry("entries", &Value::map(), 0)?;
        } else {
            yaml += "entries:\n";
        }
        for text in texts {
            yaml += &text?;
        }
        Ok(yaml + &entry("generated", &Value::str(self.generated.as_str()), 0)?)
    }

    /// The index as JSON with two spaces of indentation, as `helm repo index --json` writes it.
    ///
    /// # Errors
    /// An entry holds something that JSON cannot say.
    pub fn to_json(&self) -> Result<String, RepoError> {
        let reason =
            |error: serde_json::Error| RepoError::Write { what: "index.yaml", reason: error.to_string() };
        let mut entries = Map::new();
        for (name, versions) in &self.entries {
            entries.insert(name.clone(), list(versions)?);
        }
        let mut map = Map::new();
        map.insert("apiVersion".into(), Value::str(self.api_version.as_str()));
        map.insert("generated".into(), Value::str(self.generated.as_str()));
        map.insert("entries".into(), entries.into());
        let text = serde_json::to_string_pretty(&Value::Map(map)).map_err(reason)?;
        Ok(escape_html(&text))
    }
}

/// The versions of one chart.
fn list(versions: &[Arc<Entry>]) -> Result<Value, RepoError> {
    let reason =
        |error: serde_json::Error| RepoError::Write { what: "index.yaml", reason: error.to_string() };
    let list: Result<Vec<Value>, _> = versions.iter().map(|entry| entry.to_value()).collect();
    Ok(Value::List(list.map_err(reason)?))
}

/// One entry of a mapping in index.yaml.
fn entry(key: &str, value: &Value, indent: usize) -> Result<String, RepoError> {
    try_entry_to_string(key, value, indent)
        .map_err(|error| RepoError::Write { what: "index.yaml", reason: error.to_string() })
}

/// Escapes in JSON text what Go's encoder escapes: `<`, `>`, `&` and the two line separators. Outside of strings none of
/// them occurs in JSON.
fn escape_html(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        match c {
            '<' => out.push_str("\\u003c"),
            '>' => out.push_str("\\u003e"),
            '&' => out.push_str("\\u0026"),
            '\u{2028}' => out.push_str("\\u2028"),
            '\u{2029}' => out.push_str("\\u2029"),
            c => out.push(c),
        }
    }
    out
}

/// A value as YAML with sorted keys.
pub(super) fn yaml(what: &'static str, value: &Value) -> Result<String, RepoError> {
    try_to_string(value).map_err(|error| RepoError::Write { what, reason: error.to_string() })
}
