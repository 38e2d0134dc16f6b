//! What an object becomes when its manifest changes from *old* to *new* while others changed the *live* one.
//!
//! Two merges, as client-side apply has them:
//!
//! | kinds | merge | what of the live object stays |
//! |---|---|---|
//! | built into Kubernetes | [`strategic`] | what neither manifest names; drift in fields that the new one names is set back |
//! | all others | [`json`] | what the manifests do not change between them; drift elsewhere stays, lists are whole |
//!
//! In the strategic merge, some lists of each kind (`shapes`) are merged item by item: an item that only the live object has
//! stays (a sidecar that somebody injected), one that only the old manifest has goes. Where nothing in the list changes, the
//! live order stays; else the new manifest's items are in its order, and an item that only the live object has is in front of
//! the first of them that it stood in front of. All other lists, and lists whose items lack the key or repeat it, are taken
//! whole from the new manifest.
//!
//! Deviation from Kubernetes' strategic merge patch, on purpose: ports are told apart by number *and* protocol, as
//! server-side apply does; with the number alone a port open for TCP and UDP loses one of them.
//!
//! Invariant: merging with a live object that equals *old* gives *new*, for both merges; merging twice changes nothing
//! more. Pure functions: nothing here reads a store.

use std::sync::Arc;

use super::shapes::{self, Field, Shape};
use crate::data::{Map, Value};
use crate::manifest::ObjectRef;

/// Deeper than any object; below it values are taken whole.
const MOST_LEVELS: usize = 100;

/// API groups whose kinds are built into Kubernetes' clients.
const BUILT_IN_GROUPS: &[&str] = &[
    "",
    "admissionregistration.k8s.io",
    "apiextensions.k8s.io",
    "apiregistration.k8s.io",
    "apps",
    "authentication.k8s.io",
    "authorization.k8s.io",
    "autoscaling",
    "batch",
    "certificates.k8s.io",
    "coordination.k8s.io",
    "discovery.k8s.io",
    "events.k8s.io",
    "extensions",
    "flowcontrol.apiserver.k8s.io",
    "internal.apiserver.k8s.io",
    "networking.k8s.io",
    "node.k8s.io",
    "policy",
    "rbac.authorization.k8s.io",
    "resource.k8s.io",
    "scheduling.k8s.io",
    "storage.k8s.io",
    "storagemigration.k8s.io",
];

/// Whether an object is of a kind that the strategic merge is for. CustomResourceDefinitions of v1beta1 are not.
pub fn is_built_in(id: &ObjectRef) -> bool {
    let old_crd = id.group == "apiextensions.k8s.io" && id.version == "v1beta1";
    BUILT_IN_GROUPS.contains(&id.group.as_str()) && !old_crd
}

/// The merged object, by the merge that its kind asks for.
pub fn three_way(id: &ObjectRef, old: &Value, new: &Value, live: &Value) -> Value {
    if is_built_in(id) { strategic(id, old, new, live) } else { json(old, new, live) }
}

/// Strategic three-way merge: the live object with everything the new manifest names, without what only the old one names.
pub fn strategic(id: &ObjectRef, old: &Value, new: &Value, live: &Value) -> Value {
    merge(Some(old), new, live, shapes::of(id), 0)
}

/// Merges a value; one that is a map has that shape.
fn merge(old: Option<&Value>, new: &Value, live: &Value, shape: &'static Shape, level: usize) -> Value {
    match (new, live) {
        (Value::Map(new), Value::Map(live)) if level < MOST_LEVELS => {
            Value::Map(merge_maps(old.and_then(Value::as_map), new, live, shape, level))
        }
        _ => without_nulls(new, level),
    }
}

fn merge_field(
    old: Option<&Value>,
    new: &Value,
    live: &Value,
    field: Option<&'static Field>,
    level: usize,
) -> Value {
    let (keys, shape, is_choice) = match field {
        None => return merge(old, new, live, &[], level),
        Some(Field::Map(shape)) => return merge(old, new, live, shape, level),
        Some(Field::Choice(shape)) => return choose(old, new, live, shape, level),
        Some(Field::Whole) => return without_nulls(new, level),
        Some(Field::Items(keys, shape)) => (*keys, *shape, false),
        Some(Field::Choices(keys, shape)) => (*keys, *shape, true),
    };
    let (Value::List(new), Value::List(live)) = (new, live) else { return without_nulls(new, level) };
    let old = old.and_then(Value::as_list).unwrap_or_default();
    let named = if level < MOST_LEVELS { item_names(keys, [old, new, live]) } else { None };
    let Some([old_names, new_names, live_names]) = named else { return Value::List(new.clone()) };
    let merge = if is_choice { choose } else { merge };
    let merge_item = |old: Option<&Value>, new: &Value, live: &Value| merge(old, new, live, shape, level + 1);
    Value::List(merge_items((old, &old_names), (new, &new_names), (live, &live_names), level, merge_item))
}

/// Merges a map whose fields exclude each other: where something in it changes, what the new manifest does not name goes.
fn choose(old: Option<&Value>, new: &Value, live: &Value, shape: &'static Shape, level: usize) -> Value {
    let mut merged = merge(old, new, live, shape, level);
    if merged != *live
        && let (Value::Map(merged), Value::Map(new)) = (&mut merged, new)
    {
        merged.retain(|key, _| new.contains_key(key));
    }
    merged
}

fn merge_maps(old: Option<&Map>, new: &Map, live: &Map, shape: &'static Shape, level: usize) -> Map {
    let mut merged = live.clone();
    for key in old.into_iter().flat_map(Map::keys) {
        if !new.contains_key(key) {
            merged.shift_remove(key);
        }
    }
    for (key, value) in new {
        if value.is_null() {
            // A null in a manifest asks for the field to be gone, as the API server reads it.
            merged.shift_remove(key);
            continue;
        }
        let old = old.and_then(|old| old.get(key));
        let value = match merged.get(key) {
            Some(live) => merge_field(old, value, live, shapes::field(shape, key), level + 1),
            None => without_nulls(value, level + 1),
        };
        merged.insert(Arc::clone(key), value);
    }
    merged
}

/// The value without fields that are null; items of lists stay.
fn without_nulls(value: &Value, level: usize) -> Value {
    match value {
        Value::Map(map) if level < MOST_LEVELS => Value::Map(
            map.iter()
                .filter(|(_, value)| !value.is_null())
                .map(|(key, value)| (Arc::clone(key), without_nulls(value, level + 1)))
                .collect(),
        ),
        other => other.clone(),
    }
}

/// Items with their names.
type Named<'a> = (&'a [Value], &'a [Vec<Value>]);

fn merge_items(
    old: Named<'_>,
    new: Named<'_>,
    live: Named<'_>,
    level: usize,
    merge: impl Fn(Option<&Value>, &Value, &Value) -> Value,
) -> Vec<Value> {
    let place = |(_, names): Named<'_>, name: &Vec<Value>| names.iter().position(|found| found == name);
    let item = |list: Named<'_>, name: &Vec<Value>| Some(list.0.get(place(list, name)?)?.clone());
    let merged: Vec<Value> = new
        .0
        .iter()
        .zip(new.1)
        .map(|(one, name)| match item(live, name) {
            Some(live) => merge(item(old, name).as_ref(), one, &live),
            None => without_nulls(one, level + 1),
        })
        .collect();
    let is_there = |(one, name): (&Value, &Vec<Value>)| item(live, name).as_ref() == Some(one);
    if old.1 == new.1 && merged.iter().zip(new.1).all(is_there) {
        return live.0.to_vec();
    }
    // Items of others keep their places: in front of the first of ours that follows them.
    let is_foreign = |name: &Vec<Value>| place(new, name).is_none() && place(old, name).is_none();
    let foreign = live.1.iter().enumerate().filter(|(_, name)| is_foreign(name));
    let mut foreign = foreign.map(|(at, _)| at).peekable();
    let mut placed = Vec::with_capacity(merged.len());
    for (one, name) in merged.into_iter().zip(new.1) {
        if let Some(end) = place(live, name) {
            while let Some(at) = foreign.next_if(|at| *at < end) {
                placed.extend(live.0.get(at).cloned());
            }
        }
        placed.push(one);
    }
    placed.extend(foreign.filter_map(|at| live.0.get(at).cloned()));
    placed
}

/// The names of the items of three lists, when all of them have one and none has it twice.
fn item_names(keys: &[&str], lists: [&[Value]; 3]) -> Option<[Vec<Vec<Value>>; 3]> {
    let mut names = [Vec::new(), Vec::new(), Vec::new()];
    for (list, names) in lists.iter().zip(&mut names) {
        for item in *list {
            let name = item_name(item, keys)?;
            if names.contains(&name) {
                return None;
            }
            names.push(name);
        }
    }
    Some(names)
}

fn item_name(item: &Value, keys: &[&str]) -> Option<Vec<Value>> {
    if keys.is_empty() {
        return Some(vec![item.clone()]);
    }
    keys.iter()
        .map(|key| match item.get(key) {
            // Kubernetes fills in this one, so a manifest without it means the same port.
            None if *key == "protocol" => Some(Value::str("TCP")),
            None if *key == "whenUnsatisfiable" => Some(Value::Null),
            found => found.cloned(),
        })
        .collect()
}

/// JSON merge: what changed between the manifests, applied to the live object.
pub fn json(old: &Value, new: &Value, live: &Value) -> Value {
    match json_patch(old, new, 0) {
        Some(patch) => json_apply(&patch, live, 0),
        None => live.clone(),
    }
}

/// The JSON merge patch (RFC 7386) that makes `to` of `from`; `None` when they are equal.
pub fn merge_patch(from: &Value, to: &Value) -> Option<Value> {
    json_patch(from, to, 0)
}

/// What a server-side apply of `new` makes of a live object of a custom kind, as far as that can be told without its schema:
/// what `new` names becomes so, lists as a whole; the rest stays.
pub fn overlay(new: &Value, live: &Value) -> Value {
    json_apply(new, live, 0)
}

/// The JSON merge patch (RFC 7386) from one value to another; `None` when they are equal. Null values of `new` cannot be
/// said in such a patch and delete the field.
fn json_patch(old: &Value, new: &Value, level: usize) -> Option<Value> {
    let (Value::Map(old), Value::Map(new)) = (old, new) else {
        return (old != new).then(|| new.clone());
    };
    if level >= MOST_LEVELS {
        return (old != new).then(|| Value::Map(new.clone()));
    }
    let mut patch = Map::new();
    for key in old.keys().filter(|key| !new.contains_key(*key)) {
        patch.insert(Arc::clone(key), Value::Null);
    }
    for (key, value) in new {
        let change = match old.get(key) {
            Some(old) => json_patch(old, value, level + 1),
            None => Some(value.clone()),
        };
        if let Some(change) = change {
            patch.insert(Arc::clone(key), change);
        }
    }
    (!patch.is_empty()).then_some(Value::Map(patch))
}

fn json_apply(patch: &Value, live: &Value, level: usize) -> Value {
    let Value::Map(patch) = patch else { return patch.clone() };
    if level >= MOST_LEVELS {
        return Value::Map(patch.clone());
    }
    let mut merged = live.as_map().cloned().unwrap_or_default();
    for (key, change) in patch {
        if change.is_null() {
            merged.shift_remove(key);
        } else {
            let value = json_apply(change, merged.get(key).unwrap_or(&Value::Null), level + 1);
            merged.insert(Arc::clone(key), value);
        }
    }
    Value::Map(merged)
}

#[cfg(test)]
#[path = "apply_tests.rs"]
mod tests;
