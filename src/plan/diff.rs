//! What changes between two states of objects, for people: by object, by field, and as text.
//!
//! Left out is what a server writes by itself (status, versions, managers). Values of secrets are never shown, only whether
//! they change.
//!
//! Invariant: pure, and nothing of a Secret's data is in any output; two equal objects give no difference.

use std::sync::Arc;

use serde::Serialize;
use similar::TextDiff;

use crate::data::{Map, Value, yaml};
use crate::manifest::ObjectRef;

/// Fields of `metadata` that a server gives.
const GIVEN: &[&str] =
    &["creationTimestamp", "generation", "managedFields", "resourceVersion", "selfLink", "uid"];

/// One object that changes.
#[derive(Debug, Clone, PartialEq)]
pub struct ObjectDiff {
    /// Which.
    pub id: ObjectRef,
    /// As it is, without what is left out; `None` when it is not there.
    pub before: Option<Value>,
    /// As it will be; `None` when it goes.
    pub after: Option<Value>,
}

/// One field that changes.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FieldChange {
    /// Its path: `spec.template.spec.containers[0].image`.
    pub path: String,
    /// What it was; absent when it was not there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<Value>,
    /// What it becomes; absent when it goes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<Value>,
}

/// The difference between two states of an object; `None` when there is none.
pub fn object(id: &ObjectRef, before: Option<&Value>, after: Option<&Value>) -> Option<ObjectDiff> {
    let (mut before, mut after) = (before.map(cleaned), after.map(cleaned));
    if before == after {
        return None;
    }
    if id.group.is_empty() && id.kind == "Secret" {
        mask(before.as_mut(), after.as_mut());
    }
    Some(ObjectDiff { id: id.clone(), before, after })
}

fn cleaned(value: &Value) -> Value {
    let mut value = value.clone();
    if let Some(object) = value.as_map_mut() {
        object.shift_remove("status");
        if let Some(Value::Map(metadata)) = object.get_mut("metadata") {
            metadata.retain(|field, _| !GIVEN.contains(&&**field));
        }
    }
    value
}

/// Puts a word about each value of a secret in its place.
fn mask(mut before: Option<&mut Value>, mut after: Option<&mut Value>) {
    for field in ["data", "stringData"] {
        let old = before.as_mut().and_then(|value| value.as_map_mut()?.get_mut(field)?.as_map_mut());
        let new = after.as_mut().and_then(|value| value.as_map_mut()?.get_mut(field)?.as_map_mut());
        let known = old.as_ref().map(|map| (*map).clone()).unwrap_or_default();
        if let Some(new) = new {
            for (key, value) in new.iter_mut() {
                let changed = known.get(key).is_some_and(|old| old != value);
                *value = hidden(value, if changed { ", changed" } else { "" });
            }
        }
        if let Some(old) = old {
            old.values_mut().for_each(|value| *value = hidden(value, ""));
        }
    }
}

fn hidden(value: &Value, changed: &str) -> Value {
    Value::str(format!("(hidden, {} bytes{changed})", value.as_str().map_or(0, str::len)))
}

impl ObjectDiff {
    /// `create`, `delete` or `change`.
    pub fn action(&self) -> &'static str {
        match (&self.before, &self.after) {
            (None, _) => "create",
            (_, None) => "delete",
            _ => "change",
        }
    }

    /// The fields that change, in the order of the new object, then those that go.
    pub fn fields(&self) -> Vec<FieldChange> {
        let mut found = Vec::new();
        if let (Some(before), Some(after)) = (&self.before, &self.after) {
            compare("", before, after, &mut found);
        }
        found
    }

    /// A unified diff of the two as YAML, with so many lines around each change.
    pub fn unified(&self, context: usize) -> String {
        let text = |value: &Option<Value>| value.as_ref().map(yaml::to_string).unwrap_or_default();
        let (before, after) = (text(&self.before), text(&self.after));
        let diff = TextDiff::from_lines(&before, &after);
        diff.unified_diff().context_radius(context).to_string()
    }
}

fn compare(path: &str, before: &Value, after: &Value, found: &mut Vec<FieldChange>) {
    match (before, after) {
        (Value::Map(before), Value::Map(after)) => maps(path, before, after, found),
        (Value::List(before), Value::List(after)) if before.len() == after.len() => {
            for (at, (before, after)) in before.iter().zip(after).enumerate() {
                compare(&format!("{path}[{at}]"), before, after, found);
            }
        }
        _ if before == after => {}
        _ => found.push(FieldChange {
            path: path.to_string(),
            before: Some(before.clone()),
            after: Some(after.clone()),
        }),
    }
}

fn maps(path: &str, before: &Map, after: &Map, found: &mut Vec<FieldChange>) {
    for (key, value) in after {
        let here = below(path, key);
        match before.get(key) {
            Some(old) => compare(&here, old, value, found),
            None => found.push(FieldChange { path: here, before: None, after: Some(value.clone()) }),
        }
    }
    for (key, value) in before.iter().filter(|(key, _)| !after.contains_key(*key)) {
        found.push(FieldChange { path: below(path, key), before: Some(value.clone()), after: None });
    }
}

fn below(path: &str, key: &Arc<str>) -> String {
    match (path.is_empty(), key.contains('.')) {
        (_, true) => format!("{path}[{key:?}]"),
        (true, false) => key.to_string(),
        (false, false) => format!("{path}.{key}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(json: &str) -> Value {
        serde_json::from_str(json).unwrap()
    }

    fn id(kind: &str) -> ObjectRef {
        let [group, version, namespace, name] = ["", "v1", "ns", "x"].map(String::from);
        ObjectRef { group, version, kind: kind.to_string(), namespace, name }
    }

    #[test]
    fn what_a_server_writes_is_no_difference() {
        let before =
            value(r#"{"metadata":{"uid":"1","resourceVersion":"4"},"spec":{"a":1},"status":{"b":2}}"#);
        let after = value(r#"{"metadata":{},"spec":{"a":1}}"#);
        assert_eq!(object(&id("ConfigMap"), Some(&before), Some(&after)), None);
    }

    #[test]
    fn fields_are_named_by_their_path() {
        let before = value(r#"{"spec":{"a":[{"i":1}],"gone":true,"k":{"x.y/z":1}}}"#);
        let after = value(r#"{"spec":{"a":[{"i":2}],"k":{"x.y/z":2},"new":"n"}}"#);
        let diff = object(&id("ConfigMap"), Some(&before), Some(&after)).unwrap();
        let paths: Vec<String> = diff.fields().into_iter().map(|change| change.path).collect();
        assert_eq!(paths, ["spec.a[0].i", "spec.k[\"x.y/z\"]", "spec.new", "spec.gone"]);
        assert!(diff.unified(0).contains("+  - i: 2\n"), "{}", diff.unified(0));
    }

    #[test]
    fn secrets_are_never_shown() {
        let before = value(r#"{"data":{"same":"czNjcjN0","other":"b2xk"}}"#);
        let after = value(r#"{"data":{"same":"czNjcjN0","other":"bmV3","more":"bW9yZQ=="}}"#);
        let diff = object(&id("Secret"), Some(&before), Some(&after)).unwrap();
        let shown = format!("{diff:?}{}", diff.unified(3));
        for secret in ["czNjcjN0", "b2xk", "bmV3", "bW9yZQ=="] {
            assert!(!shown.contains(secret), "{shown}");
        }
        assert!(shown.contains("(hidden, 4 bytes, changed)"), "{shown}");
    }
}
