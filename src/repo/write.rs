//! Writes an index or `repositories.yaml` as Helm does.
//!
//! Invariant: the same content gives the same bytes; keys are sorted in YAML, and in Helm's order in JSON.

use super::RepoError;
use super::index::{Entry, Index};
use crate::data::yaml::try_to_string;
use crate::data::{Map, Value};

impl Index {
    /// The index as YAML, keys sorted, as `helm repo index` writes it.
    ///
    /// # Errors
    /// An entry holds something that YAML cannot say.
    pub fn to_yaml(&self) -> Result<String, RepoError> {
        yaml("index.yaml", &self.to_value(false)?)
    }

    /// The index as JSON with two spaces of indentation, as `helm repo index --json` writes it.
    ///
    /// # Errors
    /// An entry holds something that JSON cannot say.
    pub fn to_json(&self) -> Result<String, RepoError> {
        let reason =
            |error: serde_json::Error| RepoError::Write { what: "index.yaml", reason: error.to_string() };
        let text = serde_json::to_string_pretty(&self.to_value(true)?).map_err(reason)?;
        Ok(escape_html(&text))
    }

    fn to_value(&self, generated_first: bool) -> Result<Value, RepoError> {
        let reason =
            |error: serde_json::Error| RepoError::Write { what: "index.yaml", reason: error.to_string() };
        let mut entries = Map::new();
        for (name, versions) in &self.entries {
            let list: Result<Vec<Value>, _> = versions.iter().map(|entry| Entry::to_value(entry)).collect();
            entries.insert(name.clone(), Value::List(list.map_err(reason)?));
        }
        let mut map = Map::new();
        map.insert("apiVersion".into(), Value::str(self.api_version.as_str()));
        let generated = Value::str(self.generated.as_str());
        if generated_first {
            map.insert("generated".into(), generated);
            map.insert("entries".into(), entries.into());
        } else {
            map.insert("entries".into(), entries.into());
            map.insert("generated".into(), generated);
        }
        Ok(Value::Map(map))
    }
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
