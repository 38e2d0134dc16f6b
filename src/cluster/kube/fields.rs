//! Who manages which field: from client-side to server-side apply, and both values of a conflict.
//!
//! A client that updates (`Update`) and one that applies (`Apply`) are two managers, even under one name. A release that was
//! made with client-side apply and goes on with server-side apply must therefore take its own old fields over; else what a
//! later manifest leaves out would stay for ever. Helm does so before its first server-side apply.
//!
//! Invariant: pure functions over `metadata.managedFields`; entries of others are not touched.

use std::sync::Arc;

use crate::data::{Map, Value};

/// Deeper than any object.
const MOST_LEVELS: usize = 100;

/// The entries with what `manager` updated moved to what it applied; `None` when there is nothing to move.
pub(super) fn as_applied(entries: &[Value], manager: &str) -> Option<Vec<Value>> {
    let is = |entry: &Value, operation: &str| {
        let text = |field: &str| entry.get(field).and_then(Value::as_str).unwrap_or("");
        text("manager") == manager && text("operation") == operation && text("subresource").is_empty()
    };
    let mut fields = Value::map();
    let mut last: Option<&Value> = None;
    for entry in entries.iter().filter(|entry| is(entry, "Update")) {
        merge(&mut fields, entry.get("fieldsV1").unwrap_or(&Value::Null), 0);
        last = Some(entry);
    }
    let mut applied = last?.clone();
    if let Some(old) = entries.iter().find(|entry| is(entry, "Apply")) {
        merge(&mut fields, old.get("fieldsV1").unwrap_or(&Value::Null), 0);
    }
    let map = applied.as_map_mut()?;
    map.insert("operation".into(), Value::str("Apply"));
    map.insert("fieldsV1".into(), fields);
    let others = entries.iter().filter(|entry| !is(entry, "Update") && !is(entry, "Apply"));
    Some(std::iter::once(applied).chain(others.cloned()).collect())
}

/// The union of two sets of fields.
fn merge(into: &mut Value, from: &Value, level: usize) {
    let (Value::Map(into), Value::Map(from)) = (into, from) else { return };
    if level > MOST_LEVELS {
        return;
    }
    for (key, value) in from {
        merge(into.entry(Arc::clone(key)).or_insert_with(Value::map), value, level + 1);
    }
}

/// What a body has at a field as the server names it: `.spec.containers[name="web"].image`.
pub(super) fn at<'a>(body: &'a Value, field: &str) -> Option<&'a Value> {
    let mut at = body;
    for step in steps(field)? {
        at = match step {
            Step::Field(name) => at.get(&name)?,
            Step::Index(index) => at.as_list()?.get(index)?,
            Step::Key(pairs) => {
                let is_it = |item: &&Value| pairs.iter().all(|(key, value)| item.get(key) == Some(value));
                at.as_list()?.iter().find(is_it)?
            }
            Step::Item(value) => at.as_list()?.iter().find(|item| **item == value)?,
        };
    }
    Some(at)
}

#[derive(Debug, PartialEq)]
enum Step {
    /// `.name`
    Field(String),
    /// `[0]`
    Index(usize),
    /// `[name="web",port=80]`
    Key(Map),
    /// `[="value"]`
    Item(Value),
}

fn steps(field: &str) -> Option<Vec<Step>> {
    let mut steps = Vec::new();
    let mut rest = field;
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix('.') {
            let end = after.find(['.', '[']).unwrap_or(after.len());
            // A key with dots (an annotation) cannot be told from several keys; the longest that is there would have to be
            // tried. The server writes such keys plainly, so they are not found and their values are not shown.
            steps.push(Step::Field(after.get(..end)?.to_string()));
            rest = after.get(end..)?;
            continue;
        }
        let inside = rest.strip_prefix('[')?;
        let end = closing(inside)?;
        let text = inside.get(..end)?;
        rest = inside.get(end + 1..)?;
        steps.push(match (text.strip_prefix('='), text.parse()) {
            (Some(value), _) => Step::Item(serde_json::from_str(value).ok()?),
            (None, Ok(index)) => Step::Index(index),
            _ => Step::Key(pairs(text)?),
        });
    }
    Some(steps)
}

/// Where the bracket closes, those in strings left out.
fn closing(text: &str) -> Option<usize> {
    let mut quoted = false;
    let mut escaped = false;
    for (at, character) in text.char_indices() {
        match character {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            ']' if !quoted => return Some(at),
            _ => {}
        }
    }
    None
}

/// `name="web",port=80`.
fn pairs(text: &str) -> Option<Map> {
    let mut map = Map::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (key, after) = rest.split_once('=')?;
        let mut values = serde_json::Deserializer::from_str(after).into_iter::<Value>();
        let value = values.next()?.ok()?;
        map.insert(key.into(), value);
        rest = after.get(values.byte_offset()..)?;
        rest = rest.strip_prefix(',').unwrap_or(rest);
    }
    Some(map)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(json: &str) -> Value {
        serde_json::from_str(json).unwrap()
    }

    fn applied(json: &str) -> Option<String> {
        let entries = value(json);
        let moved = as_applied(entries.as_list().unwrap(), "helm")?;
        Some(serde_json::to_string(&Value::List(moved)).unwrap())
    }

    #[test]
    fn updated_fields_become_applied_ones() {
        let entries = r#"[
            {"manager":"kubectl","operation":"Update","fieldsV1":{"f:x":{}}},
            {"manager":"helm","operation":"Update","apiVersion":"v1","fieldsV1":{"f:data":{"f:a":{}}}},
            {"manager":"helm","operation":"Apply","apiVersion":"v1","fieldsV1":{"f:data":{"f:b":{}}}},
            {"manager":"helm","operation":"Update","subresource":"status","fieldsV1":{"f:status":{}}}]"#;
        assert_eq!(
            applied(entries).unwrap(),
            r#"[{"manager":"helm","operation":"Apply","apiVersion":"v1","fieldsV1":{"f:data":{"f:a":{},"f:b":{}}}},{"manager":"kubectl","operation":"Update","fieldsV1":{"f:x":{}}},{"manager":"helm","operation":"Update","subresource":"status","fieldsV1":{"f:status":{}}}]"#
        );
        assert_eq!(applied(&applied(entries).unwrap()), None, "once is enough");
        assert_eq!(applied("[]"), None);
    }

    #[test]
    fn fields_are_found_by_their_servers_names() {
        let body = value(
            r#"{"spec":{"replicas":2,"c":[{"name":"a"},{"name":"w]b","ports":[{"port":80,"protocol":"TCP","x":true}]}]},"finalizers":["f/x"]}"#,
        );
        for (field, want) in [
            (".spec.replicas", Some("2")),
            (r#".spec.c[name="w]b"].ports[port=80,protocol="TCP"].x"#, Some("true")),
            (".spec.c[0].name", Some("\"a\"")),
            (r#".finalizers[="f/x"]"#, Some("\"f/x\"")),
            (r#".spec.c[name="z"]"#, None),
            (".spec.c[9]", None),
            (".spec[", None),
            ("nonsense", None),
        ] {
            let found = at(&body, field).map(|found| serde_json::to_string(found).unwrap());
            assert_eq!(found.as_deref(), want, "{field}");
        }
    }
}
