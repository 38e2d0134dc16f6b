//! A step that was decided some time ago, looked at again: is the object still the one that was seen?
//!
//! | step | what counts |
//! |---|---|
//! | create | that there still is no such object |
//! | change, adopt, unchanged | the fields that the manifest names and those that the step changes |
//! | replace, delete, keep | every field |
//!
//! What a server writes by itself (status, versions, managers) never counts, and neither do fields that the step leaves
//! alone: a controller may scale, annotate and report between the plan and its execution.
//!
//! Invariant: pure; a step that passes does to the object as it is now exactly what it would have done to the one that was
//! seen, and no value of a Secret is in what is told.

use super::diff::{self, FieldChange};
use super::{Action, Step};
use crate::cluster::{Stored, apply};
use crate::data::{Map, Value};
use crate::manifest::ObjectRef;

/// What became of an object since a step was decided.
#[derive(Debug, Clone, PartialEq)]
pub enum Stale {
    /// There is one now.
    Appeared,
    /// It is gone.
    Vanished,
    /// It was deleted and made again.
    Remade,
    /// Fields that count have other values.
    Changed(Vec<FieldChange>),
}

/// Puts a step on the object as it is now. `replace` says that the step writes the whole object.
///
/// # Errors
/// The object is no longer the one that the step was decided on.
pub fn renew(step: &mut Step, now: Option<Stored>, replace: bool) -> Result<(), Stale> {
    let (seen, now) = match (&step.live, now) {
        (None, None) => return Ok(()),
        (None, Some(_)) => return Err(Stale::Appeared),
        (Some(_), None) => return Err(Stale::Vanished),
        (Some(seen), Some(now)) => (seen, now),
    };
    let fresh = now.body.unwrap_or_default();
    if uid(seen) != uid(&fresh) {
        return Err(Stale::Remade);
    }
    let whole = replace || matches!(step.action, Action::Delete | Action::Keep);
    let changed = if whole {
        changes(&step.id, seen, &fresh)
    } else {
        let names = names(step, seen);
        changes(&step.id, &named(seen, &names), &named(&fresh, &names))
    };
    if !changed.is_empty() {
        return Err(Stale::Changed(changed));
    }
    if let Some(body) = step.body.as_mut().filter(|_| !replace) {
        *body = apply::json(seen, body, &fresh);
    }
    step.live = Some(fresh);
    step.expected = Some(now.resource_version);
    Ok(())
}

fn uid(body: &Value) -> Option<&str> {
    body.path(["metadata", "uid"]).and_then(Value::as_str)
}

fn changes(id: &ObjectRef, seen: &Value, fresh: &Value) -> Vec<FieldChange> {
    diff::object(id, Some(seen), Some(fresh)).map(|diff| diff.fields()).unwrap_or_default()
}

/// The fields that count, as a tree: what the manifest names, and what the step makes different.
fn names(step: &Step, seen: &Value) -> Value {
    let mut names = step.wanted.clone().unwrap_or_default();
    if step.id.is_secret() {
        // A server keeps the texts of `stringData` in `data`.
        let texts = names.get("stringData").and_then(Value::as_map).cloned().unwrap_or_default();
        let texts: Map = [("data".into(), Value::Map(texts))].into_iter().collect();
        join(&mut names, &Value::Map(texts));
    }
    if let Some(patch) = step.body.as_ref().and_then(|body| apply::merge_patch(seen, body)) {
        join(&mut names, &patch);
    }
    names
}

/// The names of both; what is no map in one of them counts as a whole. Recursion is as deep as objects may be nested.
fn join(into: &mut Value, from: &Value) {
    match (into, from) {
        (Value::Map(into), Value::Map(from)) => {
            for (key, value) in from {
                match into.get_mut(key) {
                    Some(known) => join(known, value),
                    None => {
                        into.insert(key.clone(), value.clone());
                    }
                }
            }
        }
        (into @ Value::Map(_), _) => *into = Value::Null,
        _ => {}
    }
}

/// The part of a value that a tree of names names.
fn named(value: &Value, names: &Value) -> Value {
    match (value, names) {
        (Value::Map(value), Value::Map(names)) => Value::Map(
            names
                .iter()
                .filter_map(|(key, names)| Some((key.clone(), named(value.get(key)?, names))))
                .collect(),
        ),
        _ => value.clone(),
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

    fn stored(body: &str) -> Stored {
        let (labels, annotations) = Default::default();
        let body = Some(value(body));
        Stored { id: id("A"), uid: "u".into(), resource_version: 9, created: 0, labels, annotations, body }
    }

    fn step(kind: &str, action: Action, [wanted, seen, body]: [&str; 3]) -> Step {
        let some = |json: &str| (!json.is_empty()).then(|| value(json));
        Step {
            action,
            id: id(kind),
            source: "t".into(),
            body: some(body),
            wanted: some(wanted),
            base: None,
            live: some(seen),
            expected: Some(1),
            keep: None,
        }
    }

    const SEEN: &str =
        r#"{"metadata":{"uid":"u","resourceVersion":"1"},"spec":{"a":1,"b":2},"status":{"s":1}}"#;

    #[test]
    fn what_the_step_leaves_alone_may_change_and_stays() {
        let wanted = r#"{"metadata":{},"spec":{"a":5}}"#;
        let body = r#"{"metadata":{"uid":"u","resourceVersion":"1"},"spec":{"a":5,"b":2},"status":{"s":1}}"#;
        let mut step = step("A", Action::Update, [wanted, SEEN, body]);
        let now = r#"{"metadata":{"uid":"u","resourceVersion":"9","annotations":{"x":"y"}},"spec":{"a":1,"b":7},"status":{"s":2}}"#;
        renew(&mut step, Some(stored(now)), false).unwrap();
        assert_eq!(
            step.body.unwrap(),
            value(
                r#"{"metadata":{"uid":"u","resourceVersion":"9","annotations":{"x":"y"}},"spec":{"a":5,"b":7},"status":{"s":2}}"#
            )
        );
        assert_eq!((step.expected, step.live.unwrap()), (Some(9), value(now)));
    }

    #[test]
    fn what_counts_is_told_by_field() {
        let wanted = r#"{"metadata":{},"spec":{"a":5}}"#;
        let body = r#"{"metadata":{"uid":"u"},"spec":{"a":5}}"#;
        for (action, now, want) in [
            // Named by the manifest.
            (Action::Update, r#"{"metadata":{"uid":"u"},"spec":{"a":3,"b":2}}"#, "spec.a"),
            (Action::Unchanged, r#"{"metadata":{"uid":"u"},"spec":{"a":3,"b":2}}"#, "spec.a"),
            (Action::Update, r#"{"metadata":{"uid":"u"},"spec":{"b":2}}"#, "spec.a"),
            // Taken away by the step.
            (Action::Update, r#"{"metadata":{"uid":"u"},"spec":{"a":1,"b":3}}"#, "spec.b"),
            (Action::Delete, r#"{"metadata":{"uid":"u"},"spec":{"a":1,"b":2},"new":1}"#, "new"),
            (
                Action::Keep,
                r#"{"metadata":{"uid":"u","labels":{"l":"1"}},"spec":{"a":1,"b":2}}"#,
                "metadata.labels",
            ),
        ] {
            let told = renew(&mut step("A", action, [wanted, SEEN, body]), Some(stored(now)), false);
            let Err(Stale::Changed(fields)) = told else { panic!("{action:?} {now}: {told:?}") };
            assert_eq!(
                fields.iter().map(|field| &*field.path).collect::<Vec<_>>(),
                [want],
                "{action:?} {now}"
            );
        }
        // One that is written whole loses whatever others wrote.
        let now = r#"{"metadata":{"uid":"u"},"spec":{"a":1,"b":2,"c":1}}"#;
        let whole = renew(&mut step("A", Action::Update, [wanted, SEEN, wanted]), Some(stored(now)), true);
        assert!(matches!(whole, Err(Stale::Changed(_))));
    }

    #[test]
    fn objects_come_and_go() {
        let wanted = r#"{"spec":{"a":5}}"#;
        let mut new = step("A", Action::Create, [wanted, "", wanted]);
        assert_eq!(renew(&mut new, None, false), Ok(()));
        assert_eq!(renew(&mut new, Some(stored(SEEN)), false), Err(Stale::Appeared));
        let mut old = step("A", Action::Update, [wanted, SEEN, wanted]);
        assert_eq!(renew(&mut old, None, false), Err(Stale::Vanished));
        let other = SEEN.replace(r#""u""#, r#""v""#);
        assert_eq!(renew(&mut old, Some(stored(&other)), false), Err(Stale::Remade));
    }

    #[test]
    fn secrets_count_and_are_not_told() {
        let seen = r#"{"metadata":{"uid":"u"},"data":{"a":"b2xk","filled":"eA=="}}"#;
        let body = r#"{"metadata":{"uid":"u"},"data":{"a":"b2xk","filled":"eA=="},"stringData":{"a":"new"}}"#;
        let step = || step("Secret", Action::Update, [r#"{"stringData":{"a":"new"}}"#, seen, body]);
        let now = r#"{"metadata":{"uid":"u"},"data":{"a":"aGlkZGVu","filled":"eA=="}}"#;
        let told = renew(&mut step(), Some(stored(now)), false);
        assert!(matches!(told, Err(Stale::Changed(_))), "{told:?}");
        for secret in ["b2xk", "aGlkZGVu", "new"] {
            assert!(!format!("{told:?}").contains(secret), "{told:?}");
        }
        let filled = r#"{"metadata":{"uid":"u"},"data":{"a":"b2xk","filled":"eQ=="}}"#;
        assert_eq!(renew(&mut step(), Some(stored(filled)), false), Ok(()));
    }
}
