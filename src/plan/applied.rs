//! Whether a live object is what a server-side apply made of a manifest, told by who manages its fields.
//!
//! A server drops what is empty by its types (`false`, `0`, `null`) and fills in what lists of its own kinds lack, so that live
//! objects differ from their manifests though nobody changed anything. But it notes for each manager which fields that applied,
//! those it dropped among them, and whoever changes such a field later takes it over. An object of which every field of the
//! manifest is still noted for the release is as its last apply made it: the same apply again would change nothing.
//!
//! Source: the `fieldsV1` of `metadata.managedFields`: `f:name` of a map, `k:{…}` of a list's item by its keys, `v:…` of an item by
//! its value, and an empty map where a field counts as a whole.
//!
//! Invariant: pure; a doubt is a no.

use crate::cluster::live::FIELD_MANAGER;
use crate::data::{Map, Value};

/// Whether every field of a manifest is managed by the last server-side apply of the release. `typed` says that the kind's types
/// drop what is empty, as those of Kubernetes' own do.
pub(super) fn is_applied(wanted: &Value, live: &Value, typed: bool) -> bool {
    let entries = live.path(["metadata", "managedFields"]).and_then(Value::as_list).unwrap_or_default();
    let is_ours = |entry: &&Value| {
        let text = |field: &str| entry.get(field).and_then(Value::as_str).unwrap_or("");
        text("manager") == FIELD_MANAGER
            && text("operation") == "Apply"
            && text("subresource").is_empty()
            && entry.get("apiVersion") == wanted.get("apiVersion")
    };
    let Some(fields) = entries.iter().find(is_ours).and_then(|entry| entry.get("fieldsV1")) else {
        return false;
    };
    // Version, kind, name and namespace are nobody's.
    let mut wanted = wanted.clone();
    let Some(map) = wanted.as_map_mut() else { return false };
    map.retain(|key, _| !matches!(&**key, "apiVersion" | "kind"));
    if let Some(metadata) = map.get_mut("metadata").and_then(Value::as_map_mut) {
        metadata.retain(|key, _| !matches!(&**key, "name" | "namespace"));
    }
    Covers { typed }.value(&wanted, fields, Some(live))
}

/// Whether values are among fields. Recursion is as deep as objects may be nested.
#[derive(Clone, Copy)]
struct Covers {
    typed: bool,
}

impl Covers {
    fn value(self, value: &Value, fields: &Value, live: Option<&Value>) -> bool {
        let Some(fields) = fields.as_map() else { return false };
        if fields.is_empty() {
            // Either the field counts as a whole, or of all that was in it only its being there is left: the live value tells.
            return match value {
                Value::Map(_) | Value::List(_) if !is_nothing(value) => {
                    live.is_some_and(|live| self.holds(live, value))
                }
                _ => true,
            };
        }
        match value {
            Value::Map(map) => map.iter().all(|(key, value)| {
                let live = live.and_then(|live| live.get(key));
                match fields.get(format!("f:{key}").as_str()) {
                    Some(fields) => self.value(value, fields, live),
                    // An empty list of items with names is nobody's, and takes nothing away.
                    None => is_nothing(value) && live.is_none_or(is_nothing),
                }
            }),
            Value::List(items) => {
                let live = live.and_then(Value::as_list).unwrap_or_default();
                items.iter().all(|item| self.item(item, fields, live))
            }
            _ => false,
        }
    }

    fn item(self, item: &Value, fields: &Map, live: &[Value]) -> bool {
        fields.iter().any(|(name, fields)| match name.split_once(':') {
            Some(("v", json)) => read(json).is_some_and(|value| value == *item),
            Some(("k", json)) => {
                let Some(Value::Map(keys)) = read(json) else { return false };
                let live = live.iter().find(|live| is_named(live, &keys));
                is_named(item, &keys) && self.value(item, fields, live)
            }
            _ => false,
        })
    }

    /// Whether a live value has all of a value that was applied, and perhaps more.
    fn holds(self, live: &Value, value: &Value) -> bool {
        match (live, value) {
            (Value::Map(live), Value::Map(map)) => map.iter().all(|(key, value)| match live.get(key) {
                Some(live) => self.holds(live, value),
                None => self.typed && is_zero(value),
            }),
            (Value::List(live), Value::List(items)) => {
                live.len() == items.len() && live.iter().zip(items).all(|(live, item)| self.holds(live, item))
            }
            _ => live == value,
        }
    }
}

/// Whether an item has these keys; one that it lacks was filled in by the server.
fn is_named(item: &Value, keys: &Map) -> bool {
    let Some(item) = item.as_map() else { return false };
    let fits = |(key, value): (&std::sync::Arc<str>, &Value)| item.get(key).is_none_or(|own| own == value);
    keys.keys().any(|key| item.contains_key(key)) && keys.iter().all(fits)
}

fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::List(items) => items.is_empty(),
        Value::Map(map) => map.is_empty(),
        _ => false,
    }
}

/// What a type drops when it is optional.
fn is_zero(value: &Value) -> bool {
    match value {
        Value::Bool(flag) => !flag,
        Value::Int(number) | Value::SetInt(number) => *number == 0,
        Value::Uint(number) => *number == 0,
        Value::Float(number) => *number == 0.0,
        Value::Str(text) => text.is_empty(),
        other => is_nothing(other),
    }
}

fn read(json: &str) -> Option<Value> {
    serde_json::from_str(json).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(json: &str) -> Value {
        serde_json::from_str(json).unwrap()
    }

    fn live(manager: &str, operation: &str, fields: &str, spec: &str) -> Value {
        value(&format!(
            r#"{{"metadata":{{"labels":{{"x":"1"}},"managedFields":[{{"manager":"{manager}","operation":"{operation}","apiVersion":"apps/v1","fieldsV1":{fields}}}]}},"spec":{spec}}}"#
        ))
    }

    fn is_as_it_was(wanted: &str, fields: &str, spec: &str) -> bool {
        is_applied(&value(wanted), &live("helm", "Apply", fields, spec), true)
    }

    const WANTED: &str = r#"{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"a","namespace":"n","labels":{"x":"1"}},
        "spec":{"hostNetwork":false,"none":null,"rules":[{"a":1,"b":0}],"selector":{},"env":[],"finalizers":["one"],
        "ports":[{"port":80,"name":"web"}]}}"#;
    const FIELDS: &str = r#"{"f:metadata":{"f:labels":{"f:x":{}}},"f:spec":{"f:hostNetwork":{},"f:none":{},"f:rules":{},"f:selector":{},
        "f:finalizers":{"v:\"one\"":{}},"f:ports":{"k:{\"port\":80,\"protocol\":\"TCP\"}":{".":{},"f:port":{},"f:name":{}}}}}"#;
    const SPEC: &str = r#"{"rules":[{"a":1,"filled":2}],"finalizers":["one","two"],"ports":[{"port":80,"protocol":"TCP","name":"web"}]}"#;

    #[test]
    fn what_the_release_applied_and_still_manages_is_as_it_was() {
        assert!(is_as_it_was(WANTED, FIELDS, SPEC));
        for (manager, operation) in [("helm", "Update"), ("kubectl", "Apply")] {
            assert!(!is_applied(&value(WANTED), &live(manager, operation, FIELDS, SPEC), true));
        }
        assert!(!is_as_it_was(&WANTED.replace("apps/v1", "apps/v2"), FIELDS, SPEC));
        assert!(!is_applied(&value(WANTED), &value("{}"), true));
        // Where no types drop anything, a field that is gone was taken away.
        assert!(!is_applied(&value(WANTED), &live("helm", "Apply", FIELDS, SPEC), false));
    }

    #[test]
    fn a_field_that_somebody_took_over_is_missed() {
        for taken in [r#""f:hostNetwork":{},"#, r#""f:rules":{},"#, r#","f:name":{}"#, r#","f:port":{}"#] {
            let fields = FIELDS.replacen(taken, "", 1);
            assert_ne!(fields, FIELDS);
            assert!(!is_as_it_was(WANTED, &fields, SPEC), "{taken}");
        }
        let gone = FIELDS.replace(r#"{"v:\"one\"":{}}"#, r#"{"v:\"two\"":{}}"#);
        assert!(!is_as_it_was(WANTED, &gone, SPEC));
        let more = WANTED.replace(r#"{"port":80,"name":"web"}"#, r#"{"port":80,"name":"web"},{"port":81}"#);
        assert!(!is_as_it_was(&more, FIELDS, SPEC));
        // Somebody filled a list that was left empty.
        let filled = SPEC.replace(r#"{"rules""#, r#"{"env":[{"name":"a"}],"rules""#);
        assert!(!is_as_it_was(WANTED, FIELDS, &filled));
    }

    #[test]
    fn a_map_of_which_only_its_being_there_is_left_is_told_by_its_values() {
        let fields = r#"{"f:metadata":{"f:labels":{"f:x":{}}},"f:spec":{}}"#;
        let wanted = r#"{"apiVersion":"apps/v1","metadata":{"labels":{"x":"1"}},"spec":{"size":1}}"#;
        for (spec, same) in [(r#"{"size":1}"#, true), (r#"{"size":5}"#, false), ("{}", false)] {
            assert_eq!(is_as_it_was(wanted, fields, spec), same, "{spec}");
        }
    }
}
