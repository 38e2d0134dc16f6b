//! Whose an object is: the three stamps, the check before an object is taken over, and the policy that keeps one.
//!
//! Source of keys, rules and texts: Helm 4.3.1.
//!
//! Invariant: an object passes [`check`] for a release exactly when [`stamp`] of that release would change nothing in it.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::data::{Map, Value};
use crate::manifest::ObjectRef;

/// Label that says which program manages an object.
pub const MANAGED_BY: &str = "app.kubernetes.io/managed-by";
/// Its value.
pub const MANAGED_BY_HELM: &str = "Helm";
/// Annotation with the release's name.
pub const RELEASE_NAME: &str = "meta.helm.sh/release-name";
/// Annotation with the release's namespace.
pub const RELEASE_NAMESPACE: &str = "meta.helm.sh/release-namespace";
/// Annotation that keeps an object when its release goes.
pub const RESOURCE_POLICY: &str = "helm.sh/resource-policy";

/// Writes the three stamps into an object. A body whose metadata is no map is left as it is: a store refuses it anyway.
pub fn stamp(body: &mut Value, release: &str, namespace: &str) {
    set(body, "labels", MANAGED_BY, MANAGED_BY_HELM);
    set(body, "annotations", RELEASE_NAME, release);
    set(body, "annotations", RELEASE_NAMESPACE, namespace);
}

fn set(body: &mut Value, field: &str, key: &str, value: &str) {
    let Some(object) = body.as_map_mut() else { return };
    let metadata = object.entry(Arc::from("metadata")).or_insert_with(Value::map);
    let Some(metadata) = metadata.as_map_mut() else { return };
    let strings = metadata.entry(Arc::from(field)).or_insert_with(Value::map);
    // A manifest may say `annotations:` with nothing below it.
    if strings.is_null() {
        *strings = Value::Map(Map::new());
    }
    if let Some(strings) = strings.as_map_mut() {
        strings.insert(key.into(), Value::str(value));
    }
}

/// An object is there and belongs to somebody else. `Display` is Helm's text, without its
/// `unable to continue with install: `.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{} {:?} in namespace {:?} exists and cannot be imported into the current release: invalid ownership metadata; {}",
    id.kind, id.name, id.namespace, faults.join("; ")
)]
pub struct NotOwned {
    /// The object.
    pub id: Box<ObjectRef>,
    /// What is wrong with its stamps.
    pub faults: Vec<String>,
}

impl crate::diag::Hint for NotOwned {
    fn hints(&self) -> Vec<String> {
        vec![format!(
            "delete {} if nobody needs it, rename it in the chart, or take it over with --take-ownership",
            self.id
        )]
    }
}

/// Checks that an object carries the stamps of a release, so that it may be changed or adopted.
///
/// # Errors
/// Stamps are missing or name another owner.
pub fn check(
    id: &ObjectRef,
    labels: &BTreeMap<String, String>,
    annotations: &BTreeMap<String, String>,
    release: &str,
    namespace: &str,
) -> Result<(), NotOwned> {
    let checks = [
        ("label", labels, MANAGED_BY, MANAGED_BY_HELM),
        ("annotation", annotations, RELEASE_NAME, release),
        ("annotation", annotations, RELEASE_NAMESPACE, namespace),
    ];
    let faults: Vec<String> = checks
        .into_iter()
        .filter_map(|(what, map, key, want)| {
            let fault = match map.get(key) {
                Some(found) if found == want => return None,
                Some(found) => format!("key {key:?} must equal {want:?}: current value is {found:?}"),
                None => format!("missing key {key:?}: must be set to {want:?}"),
            };
            Some(format!("{what} validation error: {fault}"))
        })
        .collect();
    if faults.is_empty() { Ok(()) } else { Err(NotOwned { id: Box::new(id.clone()), faults }) }
}

/// What happens to an object when its release goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Policy {
    /// It is deleted.
    Delete,
    /// It stays, and is listed as kept.
    Keep,
    /// It stays without a word: any value of the annotation that is not `keep`, the empty one too, as in Helm.
    Ignore,
}

/// The policy at uninstall: the value is trimmed and its case does not count.
pub fn uninstall_policy(annotations: &BTreeMap<String, String>) -> Policy {
    match annotations.get(RESOURCE_POLICY).map(|value| value.trim().to_lowercase()).as_deref() {
        None => Policy::Delete,
        Some("keep") => Policy::Keep,
        Some(_) => Policy::Ignore,
    }
}

/// Whether an upgrade that no longer has an object leaves it alone: only the exact value `keep` on the live object.
pub fn kept_on_upgrade(live_annotations: &BTreeMap<String, String>) -> bool {
    live_annotations.get(RESOURCE_POLICY).is_some_and(|value| value == "keep")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strings(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(key, value)| ((*key).to_string(), (*value).to_string())).collect()
    }

    fn id() -> ObjectRef {
        let [group, version, kind, namespace, name] = ["", "v1", "ConfigMap", "ns", "x"].map(String::from);
        ObjectRef { group, version, kind, namespace, name }
    }

    #[test]
    fn stamped_objects_are_owned() {
        for text in [
            r#"{"kind":"A"}"#,
            r#"{"metadata":{"annotations":null,"labels":{"app.kubernetes.io/managed-by":"x","y":"z"}}}"#,
        ] {
            let mut body: Value = serde_json::from_str(text).unwrap();
            stamp(&mut body, "r", "n");
            let read = |field| {
                let map = body.path(["metadata", field]).and_then(Value::as_map).unwrap();
                map.iter()
                    .map(|(key, value)| (key.to_string(), value.as_str().unwrap().to_string()))
                    .collect()
            };
            assert!(check(&id(), &read("labels"), &read("annotations"), "r", "n").is_ok());
            assert!(check(&id(), &read("labels"), &read("annotations"), "other", "n").is_err());
        }
    }

    #[test]
    fn foreign_objects_are_told_in_helms_words() {
        let none = BTreeMap::new();
        assert_eq!(
            check(&id(), &none, &none, "r", "n").unwrap_err().to_string(),
            "ConfigMap \"x\" in namespace \"ns\" exists and cannot be imported into the current release: invalid \
             ownership metadata; label validation error: missing key \"app.kubernetes.io/managed-by\": must be set to \
             \"Helm\"; annotation validation error: missing key \"meta.helm.sh/release-name\": must be set to \"r\"; \
             annotation validation error: missing key \"meta.helm.sh/release-namespace\": must be set to \"n\""
        );
        let labels = strings(&[(MANAGED_BY, MANAGED_BY_HELM)]);
        let annotations = strings(&[(RELEASE_NAME, "other"), (RELEASE_NAMESPACE, "n")]);
        assert!(check(&id(), &labels, &annotations, "r", "n").unwrap_err().to_string().ends_with(
            "annotation validation error: key \"meta.helm.sh/release-name\" must equal \"r\": current value is \"other\""
        ));
    }

    #[test]
    fn resource_policies() {
        for (value, uninstall, upgrade) in [
            ("keep", Policy::Keep, true),
            (" Keep ", Policy::Keep, false),
            ("delete", Policy::Ignore, false),
            ("", Policy::Ignore, false),
        ] {
            let annotations = strings(&[(RESOURCE_POLICY, value)]);
            assert_eq!(uninstall_policy(&annotations), uninstall, "{value}");
            assert_eq!(kept_on_upgrade(&annotations), upgrade, "{value}");
        }
        assert_eq!(uninstall_policy(&BTreeMap::new()), Policy::Delete);
    }
}
