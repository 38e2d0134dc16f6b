//! Why a cluster refuses to change an object that it holds: fields that nobody may change once they are set.
//!
//! The server's words name the rule and dump the value; what a reader needs is which field of the chart it is, what it was,
//! what it would be, and the ways on.
//!
//! Invariant: nothing is concluded without the server's refusal; values of Secrets are not told.

use std::fmt::Write as _;

use super::Step;
use crate::cluster::StoreError;
use crate::data::Value;

/// The server's words are kept to so many characters at their beginning and their end.
const HEAD: usize = 250;
const TAIL: usize = 120;
/// Longest value that is told, in characters.
const LONGEST_VALUE: usize = 60;
/// Deepest difference that is looked for.
const DEEPEST: usize = 32;

/// How servers say that a field cannot be changed; all parts of a row are in the text.
const SAID: &[&[&str]] = &[
    &["immutable"],
    &["may not change once set"],
    &["cannot change roleRef"],
    &["updates to ", "are forbidden"],
    &["updates may not change fields other than"],
];

/// A refused change of a field that nobody may change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Immutable {
    /// Which field of what, what it is, and what it would become.
    pub what: String,
    /// The ways on.
    pub hints: Vec<String>,
}

/// A field that differs: where, what it is, and what it would be.
type Difference = (String, String, String);

/// Explains a refusal to carry out a step; `None` when it is about something else.
pub fn explain(step: &Step, error: &StoreError) -> Option<Immutable> {
    let StoreError::Refused { reason, fields, .. } = error else { return None };
    step.live.as_ref()?;
    if !SAID.iter().any(|parts| parts.iter().all(|part| reason.contains(part))) {
        return None;
    }
    let id = &step.id;
    let named = fields.first().map_or("", String::as_str);
    let found = fields.iter().find_map(|field| difference_at(step, field, reason));
    let what = match found {
        Some((path, old, new)) if id.kind != "Secret" => {
            format!(
                "Kubernetes does not allow to change {path} of {id}: it is {old}, and the chart wants {new}"
            )
        }
        Some((path, ..)) => format!("Kubernetes does not allow to change {path} of {id}"),
        None if named.is_empty() => format!("Kubernetes does not allow to change that of {id}"),
        None => format!("Kubernetes does not allow to change {named} of {id}"),
    };
    Some(Immutable { what, hints: ways_on(step) })
}

/// The same refusal in few words: some servers print the whole object.
pub fn shortened(error: StoreError) -> StoreError {
    match error {
        StoreError::Refused { id, code, reason, fields } => {
            StoreError::Refused { id, code, reason: short(&reason, HEAD, TAIL), fields }
        }
        other => other,
    }
}

fn short(text: &str, head: usize, tail: usize) -> String {
    let count = text.chars().count();
    if count <= head + tail + 3 {
        return text.to_string();
    }
    let mut kept: String = text.chars().take(head).collect();
    let _ = write!(kept, " … {}", text.chars().skip(count - tail).collect::<String>());
    kept
}

fn ways_on(step: &Step) -> Vec<String> {
    let id = &step.id;
    let (kind, name) = (id.kind.to_lowercase(), &id.name);
    let place = if id.namespace.is_empty() { String::new() } else { format!(" -n {}", id.namespace) };
    let delete = format!("kubectl delete {kind} {name}{place}");
    let first = match id.kind.as_str() {
        "StatefulSet" => format!(
            "`{delete} --cascade=orphan` leaves its pods and volumes; then run the command again: the new one takes them over"
        ),
        "Job" => format!(
            "a Job runs one template: give it a name with the revision ({{{{ .Release.Name }}}}-{{{{ .Release.Revision }}}}), make \
             it a hook, or `{delete}` and run the command again"
        ),
        "Service" => format!(
            "leave the field out of the chart, or `{delete}` and run the command again, which makes it anew"
        ),
        _ => format!(
            "`{delete}` and run the command again, which makes it anew (what it runs is away meanwhile), or give it another \
             name in the template"
        ),
    };
    vec![
        first,
        "--force-replace does not help: it writes the object as a whole, and is refused as well".to_string(),
    ]
}

/// What differs at or below a field that the server named.
fn difference_at(step: &Step, field: &str, reason: &str) -> Option<Difference> {
    let wanted = step.wanted.as_ref().or(step.body.as_ref())?;
    // The chart has the first address only.
    let field = if field.starts_with("spec.clusterIPs") { "spec.clusterIP" } else { field };
    let path: Vec<&str> = field.split('[').next()?.split('.').filter(|part| !part.is_empty()).collect();
    let path_text = path.join(".");
    let allowed: Vec<&str> = reason.split('\'').skip(1).step_by(2).collect();
    let at = |body: Option<&Value>| -> Option<Value> {
        let mut value = body?.path(path.iter().copied())?.clone();
        if let Some(map) = value.as_map_mut() {
            for key in &allowed {
                map.shift_remove(*key);
            }
        }
        Some(value)
    };
    let new = at(Some(wanted));
    let (base, live) = (at(step.base.as_ref()), at(step.live.as_ref()));
    let strict =
        base.is_some().then(|| difference(&path_text, base.as_ref(), new.as_ref(), true, 0)).flatten();
    strict.or_else(|| difference(&path_text, live.as_ref(), new.as_ref(), false, 0))
}

/// The first difference. Unless it is `strict`, what only the old value has does not count: servers fill in defaults.
fn difference(
    path: &str,
    old: Option<&Value>,
    new: Option<&Value>,
    strict: bool,
    depth: usize,
) -> Option<Difference> {
    if old == new {
        return None;
    }
    let deeper = depth + 1;
    if depth < DEEPEST {
        if let (Some(Value::Map(before)), Some(Value::Map(after))) = (old, new) {
            let changed = after.iter().find_map(|(key, value)| {
                difference(&format!("{path}.{key}"), before.get(key), Some(value), strict, deeper)
            });
            let gone = || {
                before.iter().filter(|(key, _)| strict && after.get(*key).is_none()).find_map(
                    |(key, value)| difference(&format!("{path}.{key}"), Some(value), None, strict, deeper),
                )
            };
            return changed.or_else(gone);
        }
        if let (Some(Value::List(before)), Some(Value::List(after))) = (old, new)
            && before.len() == after.len()
        {
            return before.iter().zip(after.iter()).enumerate().find_map(|(at, (one, other))| {
                difference(&format!("{path}[{at}]"), Some(one), Some(other), strict, deeper)
            });
        }
    }
    (new.is_some() || strict).then(|| (path.to_string(), told(old), told(new)))
}

fn told(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => "not set".to_string(),
        Some(value) => {
            let text = serde_json::to_string(value).unwrap_or_default();
            short(&text, LONGEST_VALUE - 20, 20)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::ObjectRef;
    use crate::plan::Action;

    fn explained(kind: &str, [base, wanted, live]: [&str; 3], field: &str, reason: &str) -> Option<String> {
        let value = |json: &str| serde_json::from_str::<Value>(json).ok();
        let id = ObjectRef {
            group: String::new(),
            version: "v1".into(),
            kind: kind.into(),
            namespace: "ns".into(),
            name: "web".into(),
        };
        let step = Step {
            action: Action::Update,
            id: id.clone(),
            source: "".into(),
            body: None,
            wanted: value(wanted),
            base: value(base),
            live: value(live),
            expected: None,
            keep: None,
        };
        let fields = vec![field.to_string()];
        let error = StoreError::Refused { id: Box::new(id), code: 422, reason: reason.into(), fields };
        let told = explain(&step, &error)?;
        assert!(told.hints[1].contains("--force-replace does not help"));
        Some(format!("{} | {}", told.what, told.hints[0]))
    }

    #[test]
    fn the_field_and_its_values_are_told() {
        for (kind, bodies, field, reason, wanted) in [
            (
                "Deployment",
                [
                    r#"{"spec":{"selector":{"matchLabels":{"app":"a"}}}}"#,
                    r#"{"spec":{"selector":{"matchLabels":{"app":"b"}}}}"#,
                    r#"{"spec":{"selector":{"matchLabels":{"app":"a"}}}}"#,
                ],
                "spec.selector",
                "spec.selector: Invalid value: {}: field is immutable",
                "change spec.selector.matchLabels.app of Deployment/ns/web: it is \"a\", and the chart wants \"b\" | `kubectl delete deployment web -n ns` and",
            ),
            (
                "StatefulSet",
                [
                    r#"{"spec":{"replicas":1,"volumeClaimTemplates":[{"spec":{"size":"1Gi"}}]}}"#,
                    r#"{"spec":{"replicas":2,"volumeClaimTemplates":[{"spec":{"size":"2Gi"}}]}}"#,
                    r#"{"spec":{"replicas":1,"volumeClaimTemplates":[{"status":{},"spec":{"size":"1Gi"}}]}}"#,
                ],
                "spec",
                "spec: Forbidden: updates to statefulset spec for fields other than 'replicas', 'template' are forbidden",
                "change spec.volumeClaimTemplates[0].spec.size of StatefulSet/ns/web: it is \"1Gi\", and the chart wants \"2Gi\" | `kubectl delete statefulset web -n ns --cascade=orphan`",
            ),
            (
                "Service",
                [
                    r#"{"spec":{"ports":[]}}"#,
                    r#"{"spec":{"ports":[],"clusterIP":"10.0.0.9"}}"#,
                    r#"{"spec":{"clusterIP":"10.0.0.1"}}"#,
                ],
                "spec.clusterIPs[0]",
                "spec.clusterIPs[0]: Invalid value: [\"10.0.0.9\"]: may not change once set",
                "change spec.clusterIP of Service/ns/web: it is \"10.0.0.1\", and the chart wants \"10.0.0.9\" | leave the field out",
            ),
            (
                "Job",
                ["null", r#"{"spec":{"template":{"a":1}}}"#, r#"{"spec":{"template":{"a":2,"dflt":3}}}"#],
                "spec.template",
                "spec.template: Invalid value: core.PodTemplateSpec{…}: field is immutable",
                "change spec.template.a of Job/ns/web: it is 2, and the chart wants 1 | a Job runs one template: give it a name with the revision ({{ .Release.Name }}",
            ),
            (
                "Secret",
                [r#"{"data":{"k":"b2xk"}}"#, r#"{"data":{"k":"bmV3"}}"#, r#"{"data":{"k":"b2xk"}}"#],
                "data",
                "data: Forbidden: field is immutable when `immutable` is set",
                "change data.k of Secret/ns/web | ",
            ),
        ] {
            let told = explained(kind, bodies, field, reason).unwrap();
            assert!(told.contains(wanted), "{told}");
            assert!(!told.contains("bmV3"), "{told}");
        }
        assert_eq!(explained("Pod", ["{}", "{}", "{}"], "spec.x", "spec.x: Required value"), None);
        assert_eq!(
            explained("Pod", ["{}", "{}", "null"], "spec.x", "field is immutable").map(|_| ()),
            Some(())
        );
    }

    #[test]
    fn long_words_of_a_server_lose_their_middle() {
        let long = format!("Job.batch \"a\" is invalid: {}: field is immutable", "x".repeat(5000));
        let kept = short(&long, HEAD, TAIL);
        assert!(
            kept.chars().count() < 400
                && kept.starts_with("Job.batch")
                && kept.ends_with("field is immutable")
        );
    }
}
