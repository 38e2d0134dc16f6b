//! What all stores do to a body: check it, take it apart, and put what the store gave back into it.
//!
//! Invariant: a [`Prepared`] body survives a round trip through JSON unchanged, and holds none of the fields that a store
//! gives ([`GIVEN`]).

use std::collections::BTreeMap;

use super::{Query, StoreError, Stored};
use crate::data::{Map, Value};
use crate::manifest::ObjectRef;
use crate::sys::Random;

/// Fields of `metadata` that a store gives; what a caller writes there is ignored.
const GIVEN: [&str; 4] = ["uid", "resourceVersion", "creationTimestamp", "generation"];

/// Levels of nesting that are taken. JSON readers give up at 128.
const MOST_LEVELS: usize = 100;

/// Group, kind, namespace, name: the identity, in the order of listings.
pub(super) type Key = (String, String, String, String);

/// The identity of an object.
pub(super) fn key(id: &ObjectRef) -> Key {
    (id.group.clone(), id.kind.clone(), id.namespace.clone(), id.name.clone())
}

/// A body that was checked, with its metadata.
#[derive(Debug, Clone)]
pub(super) struct Prepared {
    pub(super) id: ObjectRef,
    pub(super) labels: BTreeMap<String, String>,
    pub(super) annotations: BTreeMap<String, String>,
    pub(super) body: Value,
    pub(super) json: String,
}

/// What a store gives to an object.
#[derive(Debug, Clone)]
pub(super) struct Given {
    pub(super) uid: String,
    pub(super) resource_version: u64,
    pub(super) created: i64,
    pub(super) generation: i64,
}

/// Checks a body and takes its identity and metadata out.
///
/// # Errors
/// `apiVersion`, `kind` or `metadata.name` is missing or unusable, metadata has another shape, the body cannot be said in
/// JSON, or it is larger than `limit` bytes.
pub(super) fn prepare(body: &Value, store: &str, limit: usize) -> Result<Prepared, StoreError> {
    let id = identity(body)?;
    let invalid = |reason: String| StoreError::Invalid { what: id.to_string(), reason };
    let labels = strings(body, "labels").map_err(invalid)?;
    let annotations = strings(body, "annotations").map_err(invalid)?;
    let body = without_given(body).map_err(invalid)?;
    let json = serde_json::to_string(&body).map_err(|error| invalid(error.to_string()))?;
    if json.len() > limit {
        return Err(StoreError::TooLarge {
            store: store.to_string(),
            id: id.into(),
            size: json.len(),
            limit,
        });
    }
    Ok(Prepared { id, labels, annotations, body, json })
}

/// The body as JSON reads it back, without the fields that a store gives.
pub(super) fn without_given(body: &Value) -> Result<Value, String> {
    let mut body = plain(body, 0)?;
    if let Some(Value::Map(metadata)) = body.as_map_mut().and_then(|map| map.get_mut("metadata")) {
        metadata.retain(|field, _| !GIVEN.contains(&&**field));
    }
    Ok(body)
}

/// Reads the identity of a body.
///
/// # Errors
/// A part is missing, no string, or cannot be part of a path.
pub(super) fn identity(body: &Value) -> Result<ObjectRef, StoreError> {
    let text =
        |path: &[&str]| body.path(path.iter().copied()).and_then(Value::as_str).unwrap_or("").to_string();
    let (kind, name) = (text(&["kind"]), text(&["metadata", "name"]));
    let (api_version, namespace) = (text(&["apiVersion"]), text(&["metadata", "namespace"]));
    let what = format!("{kind}/{name}");
    let invalid = |reason: &str| StoreError::Invalid { what: what.clone(), reason: reason.to_string() };
    for (value, field) in [(&api_version, "apiVersion"), (&kind, "kind"), (&name, "metadata.name")] {
        if value.is_empty() {
            return Err(invalid(&format!("{field} is missing or no string")));
        }
    }
    let (group, version) = ObjectRef::split_api_version(&api_version);
    let id = ObjectRef { group: group.to_string(), version: version.to_string(), kind, namespace, name };
    check_names(&id)?;
    Ok(id)
}

/// Checks that an object can have such a name, in such a namespace: both become parts of paths, and must not lead to another
/// object.
///
/// # Errors
/// It cannot.
pub(super) fn check_names(id: &ObjectRef) -> Result<(), StoreError> {
    if !id.namespace.is_empty() && !is_namespace(&id.namespace) {
        return Err(StoreError::NoNamespaceName { name: id.namespace.clone() });
    }
    if [&id.name, &id.kind].into_iter().all(|part| is_path_part(part)) {
        return Ok(());
    }
    let reason = "a name may not be `.` or `..` or contain `/` or `%`".to_string();
    Err(StoreError::Invalid { what: format!("{}/{}", id.kind, id.name), reason })
}

/// Checks what no store takes: names that lead elsewhere, labels and annotations that are no texts. Whoever writes many objects
/// asks this of all of them before the first.
///
/// # Errors
/// It is such an object.
pub fn check_possible(id: &ObjectRef, body: &Value) -> Result<(), StoreError> {
    check_names(id)?;
    check_texts(body, id)
}

/// Whether a text can be one part of a path. The rule is that of API servers.
pub(super) fn is_path_part(text: &str) -> bool {
    text != "." && text != ".." && !text.contains(['/', '%', '\0'])
}

/// Whether a namespace can be called that: a DNS label.
pub(super) fn is_namespace(name: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=63).contains(&name.len())
        && name.bytes().all(is_plain)
        && !name.starts_with('-')
        && !name.ends_with('-')
}

/// Checks that labels and annotations are texts.
///
/// # Errors
/// One is not.
pub(super) fn check_texts(body: &Value, id: &ObjectRef) -> Result<(), StoreError> {
    let checked = strings(body, "labels").and_then(|_| strings(body, "annotations"));
    checked.map(drop).map_err(|reason| StoreError::Invalid { what: id.to_string(), reason })
}

/// A map of strings below `metadata`. Null is the empty text, as API servers read it: templates write one for a value that is
/// not set.
fn strings(body: &Value, field: &str) -> Result<BTreeMap<String, String>, String> {
    match body.path(["metadata", field]) {
        None | Some(Value::Null) => Ok(BTreeMap::new()),
        Some(Value::Map(map)) => map
            .iter()
            .map(|(key, value)| match value {
                Value::Str(text) => Ok((key.to_string(), text.to_string())),
                Value::Null => Ok((key.to_string(), String::new())),
                other => Err(format!("metadata.{field}.{key} is a {}, not a string", other.kind())),
            })
            .collect(),
        Some(other) => Err(format!("metadata.{field} is a {}, not a map", other.kind())),
    }
}

/// The body as JSON reads it back; `level` is 0 for a whole one.
pub(super) fn plain(value: &Value, level: usize) -> Result<Value, String> {
    if level > MOST_LEVELS {
        return Err(format!("it is nested more than {MOST_LEVELS} levels deep"));
    }
    Ok(match value {
        Value::SetInt(number) => Value::Int(*number),
        Value::Uint(number) => i64::try_from(*number).map_or(Value::Uint(*number), Value::Int),
        Value::Float(number) if !number.is_finite() => return Err(format!("{number} is no JSON number")),
        Value::List(items) => {
            Value::List(items.iter().map(|item| plain(item, level + 1)).collect::<Result<_, _>>()?)
        }
        Value::Map(map) => Value::Map(
            map.iter()
                .map(|(key, item)| Ok((key.clone(), plain(item, level + 1)?)))
                .collect::<Result<Map, String>>()?,
        ),
        other => other.clone(),
    })
}

/// The body with what the store gave.
pub(super) fn complete(mut body: Value, given: &Given) -> Value {
    if let Some(Value::Map(metadata)) = body.as_map_mut().and_then(|map| map.get_mut("metadata")) {
        metadata.insert("uid".into(), Value::str(given.uid.as_str()));
        metadata.insert("resourceVersion".into(), Value::str(given.resource_version.to_string()));
        metadata.insert("generation".into(), Value::Int(given.generation));
        metadata.insert("creationTimestamp".into(), Value::str(timestamp(given.created)));
    }
    body
}

fn timestamp(seconds: i64) -> String {
    use crate::data::time::{RFC3339, Time, Zone};
    Time::from_unix(seconds, 0, Zone::Utc).format(RFC3339)
}

/// Generation after a change: it grows when anything but metadata and status differs.
pub(super) fn next_generation(old: &Value, new: &Value, generation: i64) -> i64 {
    let content = |body: &Value| -> Option<Map> {
        let mut map = body.as_map()?.clone();
        map.retain(|key, _| !matches!(&**key, "metadata" | "status"));
        Some(map)
    };
    if content(old) == content(new) { generation } else { generation.saturating_add(1) }
}

/// The object as callers see it.
pub(super) fn stored(prepared: Prepared, given: &Given) -> Stored {
    Stored {
        id: prepared.id,
        uid: given.uid.clone(),
        resource_version: given.resource_version,
        created: given.created,
        labels: prepared.labels,
        annotations: prepared.annotations,
        body: Some(complete(prepared.body, given)),
    }
}

/// Whether an object is one that a query asks for.
pub(super) fn matches(query: &Query, id: &ObjectRef, labels: &BTreeMap<String, String>) -> bool {
    query.group_kind.as_ref().is_none_or(|(group, kind)| (group, kind) == (&id.group, &id.kind))
        && query.namespace.as_ref().is_none_or(|namespace| *namespace == id.namespace)
        && query.labels.iter().all(|(key, value)| labels.get(key) == Some(value))
}

/// Checks the version that a writer expects.
///
/// # Errors
/// [`StoreError::Conflict`] when it is another one.
pub(super) fn check_version(id: &ObjectRef, expected: Option<u64>, found: u64) -> Result<(), StoreError> {
    match expected {
        Some(expected) if expected != found => {
            Err(StoreError::Conflict { id: id.clone().into(), expected, found })
        }
        _ => Ok(()),
    }
}

/// A random UUID (version 4).
///
/// # Errors
/// There is no randomness to be had.
pub(super) fn new_uid(random: &Random) -> Result<String, StoreError> {
    let mut bytes = [0u8; 16];
    random
        .fill(&mut bytes)
        .map_err(|error| StoreError::Internal(format!("no random bytes for a uid: {error}")))?;
    let number = u128::from_be_bytes(bytes);
    // Version 4, variant 10, as RFC 9562 sets these six bits.
    let number = (number & !(0xf << 76) & !(0x3 << 62)) | (0x4 << 76) | (0x2 << 62);
    let hex = format!("{number:032x}");
    let part = |from: usize, to: usize| hex.get(from..to).unwrap_or("");
    Ok(format!("{}-{}-{}-{}-{}", part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32)))
}

/// Unix seconds of the clock, for `creationTimestamp`.
pub(super) fn seconds(clock: &crate::sys::Clock) -> i64 {
    clock.now().duration_since(std::time::UNIX_EPOCH).map_or(0, |since| since.as_secs() as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uids_are_random_uuids() {
        let random = Random::seeded(*b"x");
        let (one, two) = (new_uid(&random).unwrap(), new_uid(&random).unwrap());
        assert_ne!(one, two);
        assert_eq!((one.len(), one.as_bytes()[14]), (36, b'4'));
        assert!(matches!(one.as_bytes()[19], b'8' | b'9' | b'a' | b'b'), "{one}");
    }

    #[test]
    fn bodies_are_checked() {
        let deep = (0..200).fold(Value::Null, |inner, _| Value::List(vec![inner]));
        let bad = |extra: (&str, Value)| {
            let body: Value = [
                ("apiVersion", Value::str("v1")),
                ("kind", Value::str("ConfigMap")),
                ("metadata", [("name", Value::str("a")), extra].into_iter().collect()),
            ]
            .into_iter()
            .collect();
            prepare(&body, "s", 1000).map(|prepared| prepared.json).map_err(|error| error.to_string())
        };
        for (extra, want) in [
            (("labels", Value::Int(1)), "invalid object ConfigMap/a: metadata.labels is a number, not a map"),
            (("name", Value::str("a/b")), "invalid object ConfigMap/a/b: a name may not be"),
            (("name", Value::Null), "invalid object ConfigMap/: metadata.name is missing or no string"),
            (("x", Value::Float(f64::NAN)), "invalid object ConfigMap/a: NaN is no JSON number"),
            (("x", deep), "invalid object ConfigMap/a: it is nested more than 100 levels deep"),
            (("x", Value::str("y".repeat(1000))), "ConfigMap/a has 1069 bytes, and s takes at most 1000"),
        ] {
            let error = bad(extra).unwrap_err();
            assert!(error.starts_with(want), "{error}");
        }
        let kept = bad(("uid", Value::Int(7))).unwrap();
        assert_eq!(kept, r#"{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a"}}"#);
    }
}
