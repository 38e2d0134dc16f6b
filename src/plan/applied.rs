//! Whether a live object is what a server-side apply of a manifest would make of it, told by who manages its fields and by
//! their values.
//!
//! A server drops what is empty by its types (`false`, `0`, `null`) and fills in what lists of its own kinds lack, so that live
//! objects differ from their manifests though nobody changed anything. But it notes for each manager which fields that applied,
//! those it dropped among them, and whoever changes such a field later takes it over. That alone does not tell what the values
//! are: the release may have set others in a revision that nobody remembers. So an apply would change nothing where
//!
//! - every field of the manifest is noted for the release ([`is_applied`]),
//! - every value of it is in the live object, but for what a server writes in another way ([`is_applied`]),
//! - nothing else is noted for the release, which the apply would take away ([`has_more`]).
//!
//! Source: the `fieldsV1` of `metadata.managedFields`: `f:name` of a map, `k:{…}` of a list's item by its keys, `v:…` of an item by
//! its value, and an empty map where a field counts as a whole.
//!
//! Invariant: pure; a doubt is a no, so that the server is asked.

use std::borrow::Cow;
use std::sync::Arc;

use crate::cluster::live::FIELD_MANAGER;
use crate::data::{Map, Value, base64};

/// What a server fills in within values that count as a whole: the field that they are in, the field, its value as JSON. The same comes
/// back when a manifest without it is applied.
const FILLED_IN: &[(&str, &str, &str)] = &[
    ("fieldRef", "apiVersion", r#""v1""#),
    ("ports", "protocol", r#""TCP""#),
    ("resourceFieldRef", "divisor", r#""0""#),
    ("rules", "scope", r#""*""#),
    ("serviceAccountToken", "expirationSeconds", "3600"),
    ("spec", "volumeMode", r#""Filesystem""#),
    ("volumeClaimTemplates", "apiVersion", r#""v1""#),
    ("volumeClaimTemplates", "kind", r#""PersistentVolumeClaim""#),
];

/// Fields whose values are quantities.
const QUANTITIES: &[&str] = &["limits", "requests"];

/// Whether every field of a manifest is managed by the last server-side apply of the release and has its value. `typed` says that
/// the kind's types drop what is empty, as those of Kubernetes' own do.
pub(super) fn is_applied(wanted: &Value, live: &Value, typed: bool) -> bool {
    let last_apply = own_entries(live).find(|entry| {
        entry.get("operation").and_then(Value::as_str) == Some("Apply")
            && entry.get("apiVersion") == wanted.get("apiVersion")
    });
    let Some(fields) = last_apply.and_then(|entry| entry.get("fieldsV1")) else { return false };
    let Some(content) = content(wanted) else { return false };
    let live = with_texts(&content, live);
    Same { typed }.value(&content, fields, Some(&live), "")
}

/// Whether the release manages fields that a manifest does not name, so that applying it would take them away.
pub(super) fn has_more(wanted: &Value, live: &Value) -> bool {
    let content = content(wanted);
    own_entries(live)
        .filter_map(|entry| entry.get("fieldsV1"))
        .any(|fields| exceeds(content.as_ref(), fields))
}

/// What is noted for releases, however it was written.
fn own_entries(live: &Value) -> impl Iterator<Item = &Value> {
    let entries = live.path(["metadata", "managedFields"]).and_then(Value::as_list).unwrap_or_default();
    entries.iter().filter(|entry| {
        let text = |field: &str| entry.get(field).and_then(Value::as_str).unwrap_or("");
        text("manager") == FIELD_MANAGER && text("subresource").is_empty()
    })
}

/// A manifest without what is nobody's: version, kind, name, namespace, and the time that a server gives.
fn content(wanted: &Value) -> Option<Value> {
    let mut content = wanted.clone();
    let map = content.as_map_mut()?;
    map.retain(|key, _| !matches!(&**key, "apiVersion" | "kind"));
    if let Some(metadata) = map.get_mut("metadata").and_then(Value::as_map_mut) {
        metadata.retain(|key, value| match &**key {
            "name" | "namespace" => false,
            "creationTimestamp" => !value.is_null(),
            _ => true,
        });
    }
    Some(content)
}

/// A live Secret with the texts of `stringData` that a manifest names: a server keeps them in `data` only.
fn with_texts<'l>(content: &Value, live: &'l Value) -> Cow<'l, Value> {
    let is_secret = live.get("kind").and_then(Value::as_str) == Some("Secret")
        && live.get("apiVersion").and_then(Value::as_str) == Some("v1");
    let (Some(Value::Map(texts)), Value::Map(map), true) = (content.get("stringData"), live, is_secret)
    else {
        return Cow::Borrowed(live);
    };
    let text = |key: &Arc<str>| {
        let data = live.path(["data", key])?.as_str()?;
        Some((Arc::clone(key), Value::str(String::from_utf8(base64::decode(data)?).ok()?)))
    };
    let mut map = map.clone();
    map.insert("stringData".into(), Value::Map(texts.keys().filter_map(text).collect()));
    Cow::Owned(Value::Map(map))
}

/// Whether fields are noted that a value does not have. Recursion is as deep as objects may be nested.
fn exceeds(value: Option<&Value>, fields: &Value) -> bool {
    let Some(fields) = fields.as_map() else { return true };
    fields.iter().any(|(name, fields)| {
        let part = match (name.split_once(':'), value) {
            _ if &**name == "." => return false,
            (Some(("f", key)), Some(Value::Map(map))) => map.get(key),
            (Some(("k", json)), Some(Value::List(items))) => match read(json) {
                Some(Value::Map(keys)) => items.iter().find(|item| is_named(item, &keys)),
                _ => None,
            },
            (Some(("v", json)), Some(Value::List(items))) => {
                read(json).and_then(|value| items.iter().find(|item| **item == value))
            }
            _ => None,
        };
        part.is_none_or(|part| exceeds(Some(part), fields))
    })
}

/// Whether values are among fields and live. Recursion is as deep as objects may be nested; `at` is the field that a value is in.
#[derive(Clone, Copy)]
struct Same {
    typed: bool,
}

impl Same {
    fn value(self, value: &Value, fields: &Value, live: Option<&Value>, at: &str) -> bool {
        let Some(fields) = fields.as_map() else { return false };
        if fields.is_empty() {
            // Either the field counts as a whole, or of all that was in it only its being there is left.
            return self.is(value, live, at);
        }
        match value {
            Value::Map(map) => map.iter().all(|(key, value)| {
                let live = live.and_then(|live| live.get(key));
                match fields.get(format!("f:{key}").as_str()) {
                    Some(_) if QUANTITIES.contains(&at) && self.typed && is_quantity(value, live) => true,
                    Some(fields) => self.value(value, fields, live, key),
                    // An empty list of items with names is nobody's, and takes nothing away.
                    None => is_nothing(value) && live.is_none_or(is_nothing),
                }
            }),
            Value::List(items) => {
                self.items(items, fields, live.and_then(Value::as_list).unwrap_or_default(), at)
            }
            _ => false,
        }
    }

    /// Whether items are among those of a live list, in their order.
    fn items(self, items: &[Value], fields: &Map, live: &[Value], at: &str) -> bool {
        let mut next = 0;
        items.iter().all(|item| {
            let noted = fields.iter().find_map(|(name, fields)| match name.split_once(':')? {
                ("v", json) => {
                    let value = read(json).filter(|value| value == item)?;
                    Some((live.iter().position(|live| *live == value)?, None))
                }
                ("k", json) => {
                    let Some(Value::Map(keys)) = read(json) else { return None };
                    let place = is_named(item, &keys).then(|| live.iter().position(|it| is_named(it, &keys)));
                    Some((place.flatten()?, Some(fields)))
                }
                _ => None,
            });
            let Some((place, fields)) = noted.filter(|(place, _)| *place >= next) else { return false };
            next = place + 1;
            fields.is_none_or(|fields| self.value(item, fields, live.get(place), at))
        })
    }

    /// Whether a live value is a value that was applied as a whole.
    fn is(self, value: &Value, live: Option<&Value>, at: &str) -> bool {
        match (value, live) {
            (value, None) => is_nothing(value) || (self.typed && is_zero(value)),
            (Value::Null, Some(live)) => is_nothing(live),
            (Value::Map(map), Some(Value::Map(live))) => {
                map.iter().all(|(key, value)| self.is(value, live.get(key), key))
                    && live.iter().all(|(key, value)| {
                        map.contains_key(key)
                            || value.is_null()
                            || (self.typed && is_filled_in(at, key, value))
                    })
            }
            (Value::List(items), Some(Value::List(live))) => {
                items.len() == live.len()
                    && items.iter().zip(live).all(|(item, live)| self.is(item, Some(live), at))
            }
            (value, Some(live)) => value == live,
        }
    }
}

fn is_filled_in(at: &str, key: &str, value: &Value) -> bool {
    let pending = || value.path(["phase"]).and_then(Value::as_str) == Some("Pending");
    let json = || serde_json::to_string(value).unwrap_or_default();
    FILLED_IN.iter().any(|(place, field, filled)| (*place, *field) == (at, key) && json() == *filled)
        || ((at, key) == ("volumeClaimTemplates", "status") && pending())
}

/// Whether a live quantity is what a server makes of one: it writes `0.5` as `500m`, `1000m` and the number 1 as `1`, `1024Mi` as
/// `1Gi`. Units of ten stay such, and units of two.
fn is_quantity(wanted: &Value, live: Option<&Value>) -> bool {
    let written = match wanted {
        Value::Str(text) => text.to_string(),
        Value::Int(number) => number.to_string(),
        Value::Float(number) => number.to_string(),
        _ => return false,
    };
    let Some(live) = live.and_then(Value::as_str) else { return false };
    written == live
        || thousandths(&written).is_some_and(|wanted| thousandths(live) == Some(wanted))
        || in_units_of_two(&written).is_some_and(|wanted| in_units_of_two(live) == Some(wanted))
}

/// A whole quantity in units of two, such as `128Mi`.
fn in_units_of_two(text: &str) -> Option<u64> {
    let units = ["Ki", "Mi", "Gi", "Ti"].into_iter().zip([1 << 10, 1 << 20, 1 << 30, 1 << 40]);
    let mut known = units.filter_map(|(unit, size)| Some((text.strip_suffix(unit)?, size)));
    let (number, size): (&str, u64) = known.next()?;
    number.parse::<u64>().ok()?.checked_mul(size)
}

/// A plain decimal quantity, or one in thousandths (`m`), in thousandths.
fn thousandths(text: &str) -> Option<u64> {
    if let Some(number) = text.strip_suffix('m') {
        return number.parse().ok();
    }
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if fraction.len() > 3 || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let fraction: u64 = format!("{fraction:0<3}").parse().ok()?;
    whole.parse::<u64>().ok()?.checked_mul(1000)?.checked_add(fraction)
}

/// Whether an item has these keys; one that it lacks was filled in by the server.
fn is_named(item: &Value, keys: &Map) -> bool {
    let Some(item) = item.as_map() else { return false };
    let fits = |(key, value): (&Arc<str>, &Value)| item.get(key).is_none_or(|own| own == value);
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
#[path = "applied_tests.rs"]
mod tests;
