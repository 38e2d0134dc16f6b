//! What changes between two states of objects, for people: by object, by field, and as text.
//!
//! Left out is what a server writes by itself (status, versions, managers). Values of secrets are never shown, only whether
//! they change. Where a live object is compared, a third state may be given: what the last revision asked for. Fields in
//! which the live object had left it already are told as such.
//!
//! Invariant: pure, and nothing of a Secret's data is in any output; two equal objects give no difference.

use std::fmt;
use std::sync::Arc;

use imara_diff::{
    Algorithm, BasicLineDiffPrinter, Diff, InternedInput, Token, UnifiedDiffConfig, UnifiedDiffPrinter,
};
use serde::Serialize;

use crate::data::{Map, Value, yaml};
use crate::manifest::ObjectRef;

/// Fields of `metadata` that a server gives.
const GIVEN: &[&str] =
    &["creationTimestamp", "generation", "managedFields", "resourceVersion", "selfLink", "uid"];

/// An annotation in which kubectl keeps a copy of the whole object, data of a Secret included.
const KUBECTLS_COPY: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// What an object is to a release.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Role {
    /// One of its objects.
    #[default]
    Object,
    /// A hook, which is no object of it.
    Hook,
    /// A definition of crds/, which belongs to no release.
    Definition,
}

/// One object that changes.
#[derive(Debug, Clone, PartialEq)]
pub struct ObjectDiff {
    /// Which.
    pub id: ObjectRef,
    /// What it is to the release.
    pub role: Role,
    /// As it is, without what is left out; `None` when it is not there.
    pub before: Option<Value>,
    /// As it will be; `None` when it goes.
    pub after: Option<Value>,
    /// As the last revision asked for it, where a live object is compared with what it becomes.
    pub base: Option<Value>,
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
    /// What the last revision asked for, when the live object has something else: null when it named no such field.
    #[serde(rename = "lastRevision", skip_serializing_if = "Option::is_none")]
    pub base: Option<Value>,
}

/// The difference between two states of an object; `None` when there is none.
pub fn object(id: &ObjectRef, before: Option<&Value>, after: Option<&Value>) -> Option<ObjectDiff> {
    of_live(id, before, after, None)
}

/// The difference between a live object and what it becomes, with what the last revision asked for; `None` when there is
/// none between the first two.
pub fn of_live(
    id: &ObjectRef,
    live: Option<&Value>,
    becomes: Option<&Value>,
    base: Option<&Value>,
) -> Option<ObjectDiff> {
    let (mut before, mut after) = (live.map(cleaned), becomes.map(cleaned));
    if before == after {
        return None;
    }
    let mut base = base.map(cleaned);
    if id.is_secret() {
        mask(before.as_mut(), after.as_mut(), base.as_mut());
    }
    Some(ObjectDiff { id: id.clone(), role: Role::Object, before, after, base })
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

/// Puts a word about each value of a secret in its place: how it differs from the value before, never the value.
fn mask(before: Option<&mut Value>, after: Option<&mut Value>, base: Option<&mut Value>) {
    let known = before.as_deref().cloned().unwrap_or_default();
    hide(before, &known, "");
    hide(after, &known, ", changed");
    hide(base, &known, ", other");
}

/// Hides the values of a Secret; `differs` is said of those that are not what they are in `known`.
fn hide(secret: Option<&mut Value>, known: &Value, differs: &str) {
    let Some(secret) = secret.and_then(Value::as_map_mut) else { return };
    for field in ["data", "stringData"] {
        match secret.get_mut(field) {
            Some(Value::Map(values)) => {
                for (key, value) in values {
                    let old = known.path([field, key]);
                    *value = hidden(value, if old.is_some_and(|old| old != value) { differs } else { "" });
                }
            }
            Some(other) => *other = hidden(other, ""),
            None => {}
        }
    }
    let annotations = secret.get_mut("metadata").and_then(Value::as_map_mut);
    let annotations = annotations.and_then(|metadata| metadata.get_mut("annotations")?.as_map_mut());
    if let Some(copy) = annotations.and_then(|annotations| annotations.get_mut(KUBECTLS_COPY)) {
        let old = known.path(["metadata", "annotations", KUBECTLS_COPY]);
        *copy = hidden(copy, if old.is_some_and(|old| old != copy) { differs } else { "" });
    }
}

fn hidden(value: &Value, differs: &str) -> Value {
    Value::str(format!("(hidden, {} bytes{differs})", value.as_str().map_or(0, str::len)))
}

impl ObjectDiff {
    /// The same of an object with another role.
    #[must_use]
    pub fn with_role(self, role: Role) -> Self {
        ObjectDiff { role, ..self }
    }

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
            let base = self.base.as_ref().map_or(Base::Unknown, Base::Asked);
            compare("", before, after, base, &mut found);
        }
        found
    }

    /// A unified diff of the two as YAML, with so many lines around each change.
    pub fn unified(&self, context: usize) -> String {
        let text = |value: &Option<Value>| value.as_ref().map(yaml::to_string).unwrap_or_default();
        let (before, after) = (text(&self.before), text(&self.after));
        let input = InternedInput::new(before.as_str(), after.as_str());
        let mut diff = Diff::compute(Algorithm::Histogram, &input);
        diff.postprocess_lines(&input);
        let mut config = UnifiedDiffConfig::default();
        config.context_len(u32::try_from(context).unwrap_or(u32::MAX).min(MOST_CONTEXT));
        diff.unified_diff(&Hunks(BasicLineDiffPrinter(&input.interner)), config, &input).to_string()
    }
}

/// Lines around a change, at most: more than any object has, and small enough for the library to count with.
const MOST_CONTEXT: u32 = 1 << 24;

/// Prints hunks as `diff -u` does.
struct Hunks<'a>(BasicLineDiffPrinter<'a, str>);

impl UnifiedDiffPrinter for Hunks<'_> {
    /// A range without lines is named by the line before it, which the library's own header does not do.
    fn display_header(
        &self,
        mut to: impl fmt::Write,
        start_before: u32,
        start_after: u32,
        len_before: u32,
        len_after: u32,
    ) -> fmt::Result {
        let range = |start: u32, length: u32| match length {
            0 => format!("{start},0"),
            1 => (start + 1).to_string(),
            _ => format!("{},{length}", start + 1),
        };
        writeln!(to, "@@ -{} +{} @@", range(start_before, len_before), range(start_after, len_after))
    }

    fn display_context_token(&self, to: impl fmt::Write, token: Token) -> fmt::Result {
        self.0.display_context_token(to, token)
    }

    fn display_hunk(&self, to: impl fmt::Write, before: &[Token], after: &[Token]) -> fmt::Result {
        self.0.display_hunk(to, before, after)
    }
}

/// What the last revision asked for at a place.
#[derive(Clone, Copy)]
enum Base<'a> {
    /// Nothing is known of it.
    Unknown,
    /// It named no such field.
    Unnamed,
    /// This.
    Asked(&'a Value),
}

impl Base<'_> {
    fn key(self, key: &str) -> Self {
        match self {
            Base::Asked(value) => value.get(key).map_or(Base::Unnamed, Base::Asked),
            other => other,
        }
    }

    /// An item of a list, which is only compared where the live list has as many.
    fn item(self, at: usize, count: usize) -> Self {
        match self {
            Base::Asked(Value::List(items)) if items.len() == count => {
                items.get(at).map_or(Base::Unknown, Base::Asked)
            }
            Base::Unnamed => Base::Unnamed,
            _ => Base::Unknown,
        }
    }

    /// What to tell when it does not explain the live value.
    fn unlike(self, live: Option<&Value>) -> Option<Value> {
        match (self, live) {
            (Base::Asked(asked), Some(live)) => (!explains(asked, live)).then(|| asked.clone()),
            (Base::Asked(asked), None) => Some(asked.clone()),
            (Base::Unnamed, Some(_)) => Some(Value::Null),
            (Base::Unnamed, None) | (Base::Unknown, _) => None,
        }
    }
}

/// Whether a live value is what was asked for, and perhaps more, as a server fills it in. Recursion is as deep as objects may
/// be nested.
fn explains(asked: &Value, live: &Value) -> bool {
    match (asked, live) {
        (Value::Map(asked), Value::Map(live)) => {
            asked.iter().all(|(key, asked)| live.get(key).is_some_and(|live| explains(asked, live)))
        }
        (Value::List(asked), Value::List(live)) => {
            asked.len() == live.len() && asked.iter().zip(live).all(|(asked, live)| explains(asked, live))
        }
        _ => asked == live,
    }
}

fn compare(path: &str, before: &Value, after: &Value, base: Base<'_>, found: &mut Vec<FieldChange>) {
    match (before, after) {
        (Value::Map(before), Value::Map(after)) => maps(path, before, after, base, found),
        (Value::List(before), Value::List(after)) if before.len() == after.len() => {
            let count = before.len();
            for (at, (before, after)) in before.iter().zip(after).enumerate() {
                compare(&format!("{path}[{at}]"), before, after, base.item(at, count), found);
            }
        }
        _ if before == after => {}
        _ => found.push(FieldChange {
            path: path.to_string(),
            before: Some(before.clone()),
            after: Some(after.clone()),
            base: base.unlike(Some(before)),
        }),
    }
}

fn maps(path: &str, before: &Map, after: &Map, base: Base<'_>, found: &mut Vec<FieldChange>) {
    for (key, value) in after {
        let (here, base) = (below(path, key), base.key(key));
        match before.get(key) {
            Some(old) => compare(&here, old, value, base, found),
            None => {
                let base = base.unlike(None);
                found.push(FieldChange { path: here, before: None, after: Some(value.clone()), base });
            }
        }
    }
    for (key, value) in before.iter().filter(|(key, _)| !after.contains_key(*key)) {
        let base = base.key(key).unlike(Some(value));
        found.push(FieldChange { path: below(path, key), before: Some(value.clone()), after: None, base });
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
    fn hunks_begin_as_those_of_diff() {
        let (one, two) = (value(r#"{"a":1,"b":2}"#), value(r#"{"a":1,"b":3}"#));
        let text = |before, after, lines| object(&id("A"), before, after).unwrap().unified(lines);
        assert_eq!(text(None, Some(&one), 3), "@@ -0,0 +1,2 @@\n+a: 1\n+b: 2\n");
        assert_eq!(text(Some(&one), None, 3), "@@ -1,2 +0,0 @@\n-a: 1\n-b: 2\n");
        assert_eq!(text(Some(&one), Some(&two), 0), "@@ -2 +2 @@\n-b: 2\n+b: 3\n");
        assert_eq!(text(Some(&one), Some(&two), usize::MAX), "@@ -1,2 +1,2 @@\n a: 1\n-b: 2\n+b: 3\n");
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

    #[test]
    fn nothing_that_holds_a_secret_is_shown() {
        let copy = r#"{\"data\":{\"a\":\"czNjcjN0\"}}"#;
        let before = value(&format!(
            r#"{{"metadata":{{"annotations":{{"kubectl.kubernetes.io/last-applied-configuration":"{copy}"}}}},"data":"czNjcjN0"}}"#
        ));
        let asked = value(r#"{"stringData":{"a":"s3cr3t"},"data":{"b":"czNjcjN0"}}"#);
        for (live, becomes) in [(Some(&before), None), (Some(&before), Some(&asked)), (None, Some(&asked))] {
            let diff = of_live(&id("Secret"), live, becomes, Some(&asked)).unwrap();
            let shown = format!("{diff:?}{}{:?}", diff.unified(3), diff.fields());
            assert!(!shown.contains("czNjcjN0") && !shown.contains("s3cr3t"), "{shown}");
        }
    }

    #[test]
    fn what_the_last_revision_does_not_explain_is_told() {
        let base = value(r#"{"spec":{"n":1,"p":[{"port":80}],"gone":1,"k":"v"}}"#);
        let live = value(r#"{"spec":{"n":5,"p":[{"port":80,"protocol":"TCP"}],"k":"v","extra":1}}"#);
        let becomes = value(r#"{"spec":{"n":2,"p":[{"port":81,"protocol":"TCP"}],"k":"w","gone":2}}"#);
        let fields = of_live(&id("ConfigMap"), Some(&live), Some(&becomes), Some(&base)).unwrap().fields();
        let told: Vec<(&str, Option<&Value>)> =
            fields.iter().map(|field| (field.path.as_str(), field.base.as_ref())).collect();
        let one = Value::Int(1);
        assert_eq!(
            told,
            [
                ("spec.n", Some(&one)),
                ("spec.p[0].port", None),
                ("spec.k", None),
                ("spec.gone", Some(&one)),
                ("spec.extra", Some(&Value::Null)),
            ]
        );
        // Without a last revision nothing is told of it.
        let fields = object(&id("ConfigMap"), Some(&live), Some(&becomes)).unwrap().fields();
        assert!(fields.iter().all(|field| field.base.is_none()));
    }
}
