//! Whether a CustomResourceDefinition only gains something when it changes.
//!
//! Safe are: new versions, new optional fields, new values of an enumeration, looser limits, texts. Everything else could
//! make objects invalid that are there, or hide what they hold.
//!
//! Invariant: pure; what is not known to be safe is told as a loss, by the path of its field.

use crate::data::{Map, Value};

/// Deeper schemas are not compared, and said to be a loss when they differ.
const MOST_LEVELS: usize = 64;

/// Keys of a schema that say nothing about which objects are valid.
const TEXTS: &[&str] = &["description", "title", "example", "externalDocs", "default"];

/// What objects of the kind would lose, as `FIELD: WHAT`; empty when the change only adds.
pub fn losses(live: &Value, new: &Value) -> Vec<String> {
    let mut found = Vec::new();
    for field in ["group", "scope"] {
        let (was, is) = (live.path(["spec", field]), new.path(["spec", field]));
        if was != is {
            found.push(format!("spec.{field}: it changes"));
        }
    }
    let (was, is) = (live.path(["spec", "names", "kind"]), new.path(["spec", "names", "kind"]));
    if was != is {
        found.push("spec.names.kind: it changes".to_string());
    }
    let new_versions = versions(new);
    for (name, was) in versions(live) {
        let at = format!("spec.versions[{name}]");
        match new_versions.iter().find(|(known, _)| *known == name) {
            None => found.push(format!("{at}: the version goes")),
            Some((_, is)) => version(&at, was, is, &mut found),
        }
    }
    found
}

/// What a definition adds to what a cluster serves: `x.io/v1` and `x.io/v1/Foo`.
pub fn served_versions(definition: &Value) -> Vec<String> {
    let text = |path: &[&str]| definition.path(path.iter().copied()).and_then(Value::as_str).unwrap_or("");
    let (group, kind) = (text(&["spec", "group"]), text(&["spec", "names", "kind"]));
    let served = versions(definition)
        .into_iter()
        .filter(|(_, version)| version.get("served").and_then(Value::as_bool) != Some(false));
    served.flat_map(|(name, _)| [format!("{group}/{name}"), format!("{group}/{name}/{kind}")]).collect()
}

fn versions(definition: &Value) -> Vec<(&str, &Value)> {
    let list = definition.path(["spec", "versions"]).and_then(Value::as_list).unwrap_or_default();
    list.iter().filter_map(|version| Some((version.get("name")?.as_str()?, version))).collect()
}

fn version(at: &str, was: &Value, is: &Value, found: &mut Vec<String>) {
    let served = |version: &Value| version.get("served").and_then(Value::as_bool).unwrap_or(true);
    let stored = |version: &Value| version.get("storage").and_then(Value::as_bool).unwrap_or(false);
    if served(was) && !served(is) {
        found.push(format!("{at}.served: the version is no longer served"));
    }
    if stored(was) && !stored(is) {
        found.push(format!("{at}.storage: another version is stored"));
    }
    for name in ["status", "scale"] {
        let has = |version: &Value| version.path(["subresources", name]).is_some();
        if has(was) != has(is) {
            found.push(format!("{at}.subresources.{name}: it comes or goes"));
        }
    }
    let schema = |version: &Value| version.path(["schema", "openAPIV3Schema"]).cloned().unwrap_or_default();
    compare(&format!("{at}.schema"), &schema(was), &schema(is), 0, found);
}

fn compare(at: &str, was: &Value, is: &Value, level: usize, found: &mut Vec<String>) {
    if was == is {
        return;
    }
    let (Some(was), Some(is)) = (was.as_map(), is.as_map()) else {
        found.push(format!("{at}: it changes"));
        return;
    };
    if level > MOST_LEVELS {
        found.push(format!("{at}: it changes, too deep to be compared"));
        return;
    }
    let keys = was.keys().chain(is.keys().filter(|key| !was.contains_key(*key)));
    for key in keys {
        let (old, new) = (was.get(key), is.get(key));
        if old != new && !TEXTS.contains(&&**key) {
            keyword(at, key, old, new, level, found);
        }
    }
}

fn keyword(
    at: &str,
    key: &str,
    was: Option<&Value>,
    is: Option<&Value>,
    level: usize,
    found: &mut Vec<String>,
) {
    let here = format!("{at}.{key}");
    match (key, was, is) {
        ("properties", Some(Value::Map(was)), Some(Value::Map(is))) => properties(at, was, is, level, found),
        ("items" | "additionalProperties", Some(was), Some(is)) => compare(&here, was, is, level + 1, found),
        ("required", was, is) => {
            let names = |value: Option<&Value>| value.and_then(Value::as_list).unwrap_or_default().to_vec();
            let old = names(was);
            for added in names(is).iter().filter(|name| !old.contains(name)) {
                found.push(format!("{at}.{}: it becomes required", added.as_str().unwrap_or("?")));
            }
        }
        ("enum", Some(Value::List(was)), Some(Value::List(is))) => {
            for gone in was.iter().filter(|value| !is.contains(value)) {
                found.push(format!("{here}: the value {} goes", shown(gone)));
            }
        }
        ("minimum" | "minLength" | "minItems" | "minProperties", Some(was), Some(is))
            if number(is) <= number(was) => {}
        ("maximum" | "maxLength" | "maxItems" | "maxProperties", Some(was), Some(is))
            if number(is) >= number(was) => {}
        // Fields where there were none named before, a rule that lets more through, and a limit that goes.
        ("properties", None, Some(_))
        | (
            "nullable" | "x-kubernetes-preserve-unknown-fields" | "x-kubernetes-int-or-string",
            _,
            Some(Value::Bool(true)),
        )
        | (
            "minimum"
            | "minLength"
            | "minItems"
            | "minProperties"
            | "maximum"
            | "maxLength"
            | "maxItems"
            | "maxProperties"
            | "pattern"
            | "enum"
            | "format"
            | "multipleOf"
            | "uniqueItems"
            | "x-kubernetes-validations",
            Some(_),
            None,
        ) => {}
        (_, Some(_), None) => found.push(format!("{here}: it goes")),
        (_, None, Some(_)) => found.push(format!("{here}: it is new and may refuse objects")),
        _ => found.push(format!("{here}: it changes")),
    }
}

fn properties(at: &str, was: &Map, is: &Map, level: usize, found: &mut Vec<String>) {
    for (name, old) in was {
        match is.get(name) {
            None => found.push(format!("{at}.{name}: the field goes")),
            Some(new) => compare(&format!("{at}.{name}"), old, new, level + 1, found),
        }
    }
}

fn number(value: &Value) -> f64 {
    match value {
        Value::Int(number) | Value::SetInt(number) => *number as f64,
        Value::Uint(number) => *number as f64,
        Value::Float(number) => *number,
        _ => f64::NAN,
    }
}

fn shown(value: &Value) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(schema: &str) -> Value {
        serde_json::from_str(&format!(
            r#"{{"spec":{{"group":"x.io","scope":"Namespaced","names":{{"kind":"Foo"}},"versions":[
                {{"name":"v1","served":true,"storage":true,"schema":{{"openAPIV3Schema":{schema}}}}}]}}}}"#
        ))
        .unwrap()
    }

    #[test]
    fn additions_are_safe_and_losses_are_named() {
        let live = with(
            r#"{"type":"object","properties":{"a":{"type":"string","maxLength":5,"enum":["x","y"]},"b":{"type":"integer"}}}"#,
        );
        let safe = with(
            r#"{"type":"object","properties":{"a":{"type":"string","maxLength":9,"enum":["x","y","z"],"description":"new"},"b":{"type":"integer"},"c":{"type":"object","properties":{"d":{"type":"string"}}}}}"#,
        );
        assert!(losses(&live, &safe).is_empty(), "{:?}", losses(&live, &safe));
        let cases = [
            (
                r#"{"type":"object","properties":{"a":{"type":"string","maxLength":5,"enum":["x","y"]}}}"#,
                "spec.versions[v1].schema.b: the field goes",
            ),
            (
                r#"{"type":"object","required":["a"],"properties":{"a":{"type":"string","maxLength":5,"enum":["x","y"]},"b":{"type":"integer"}}}"#,
                "spec.versions[v1].schema.a: it becomes required",
            ),
            (
                r#"{"type":"object","properties":{"a":{"type":"string","maxLength":4,"enum":["x","y"]},"b":{"type":"integer"}}}"#,
                "spec.versions[v1].schema.a.maxLength: it changes",
            ),
            (
                r#"{"type":"object","properties":{"a":{"type":"string","maxLength":5,"enum":["x"]},"b":{"type":"integer"}}}"#,
                "spec.versions[v1].schema.a.enum: the value \"y\" goes",
            ),
            (
                r#"{"type":"object","properties":{"a":{"type":"string","maxLength":5,"enum":["x","y"]},"b":{"type":"string"}}}"#,
                "spec.versions[v1].schema.b.type: it changes",
            ),
        ];
        for (schema, want) in cases {
            assert_eq!(losses(&live, &with(schema)), [want]);
        }
    }

    #[test]
    fn versions_may_come_and_not_go() {
        let one = with(r#"{"type":"object"}"#);
        let mut none = one.clone();
        let versions =
            none.as_map_mut().and_then(|map| map.get_mut("spec")).and_then(Value::as_map_mut).unwrap();
        versions.insert("versions".into(), Value::List(Vec::new()));
        assert_eq!(losses(&one, &none), ["spec.versions[v1]: the version goes"]);
        assert!(losses(&none, &one).is_empty());
    }
}
