//! Objects: what is in a store, for people and for other tools.
//!
//! Invariant: nothing is written. An exported object has no field that its store gave it, so that another cluster takes
//! it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::query::{self, ObjectSelection};
use super::{Context, OpsError};
use crate::cluster::{Store, Stored};
use crate::data::{Value, yaml};
use crate::diag::did_you_mean;
use crate::manifest::{ObjectRef, order};
use crate::release::Selector;
use crate::sys::fs;

/// Short names that kubectl knows too.
const SHORT_NAMES: &[(&str, &str)] = &[
    ("cj", "cronjob"),
    ("cm", "configmap"),
    ("crd", "customresourcedefinition"),
    ("deploy", "deployment"),
    ("ds", "daemonset"),
    ("hpa", "horizontalpodautoscaler"),
    ("ing", "ingress"),
    ("netpol", "networkpolicy"),
    ("ns", "namespace"),
    ("pdb", "poddisruptionbudget"),
    ("po", "pod"),
    ("pv", "persistentvolume"),
    ("pvc", "persistentvolumeclaim"),
    ("rs", "replicaset"),
    ("sa", "serviceaccount"),
    ("sts", "statefulset"),
    ("svc", "service"),
];

/// Fields of `metadata` that a store gives.
const GIVEN: &[&str] =
    &["creationTimestamp", "generation", "managedFields", "resourceVersion", "selfLink", "uid"];

/// Which objects.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selection {
    /// Only this namespace (and objects of the whole cluster); all when `None`.
    pub namespace: Option<String>,
    /// Only this kind, as typed: `Deployment`, `deployments.apps`, `svc`.
    pub kind: Option<String>,
    /// Only objects that this release made.
    pub release: Option<String>,
    /// Label selector.
    pub selector: Option<String>,
}

/// The objects that are selected, records of releases among them, in the store's order.
///
/// # Errors
/// The selector does not parse, or the store cannot be read.
pub fn list(store: &dyn Store, selection: &Selection) -> Result<Vec<Stored>, OpsError> {
    let selector = selection.selector.as_deref().map(Selector::parse).transpose()?;
    let wanted = ObjectSelection {
        namespace: selection.namespace.clone(),
        release: selection.release.clone(),
        records: true,
        ..ObjectSelection::default()
    };
    let mut found = query::objects(store, &wanted)?;
    found.retain(|stored| {
        selection.kind.as_deref().is_none_or(|typed| is_kind(typed, &stored.id.kind, &stored.id.group))
            && selector.as_ref().is_none_or(|selector| selector.matches(&stored.labels))
    });
    Ok(found)
}

/// One object by its kind and name.
///
/// # Errors
/// There is none, or there are several kinds of that name with such an object.
pub fn get(store: &dyn Store, namespace: &str, kind: &str, name: &str) -> Result<Stored, OpsError> {
    let selection = Selection {
        namespace: Some(namespace.to_string()),
        kind: Some(kind.to_string()),
        ..Selection::default()
    };
    let all = list(store, &selection)?;
    let names: Vec<String> = all.iter().map(|stored| stored.id.name.clone()).collect();
    let mut found: Vec<Stored> = all.into_iter().filter(|stored| stored.id.name == name).collect();
    match (found.pop(), found.len()) {
        (Some(only), 0) => Ok(only),
        (Some(_), _) => Err(OpsError::refused_with(
            format!("several API groups have a {kind} {name:?}"),
            format!("name the group too: {kind}.GROUP"),
        )),
        (None, _) => {
            let message = format!("{kind} {name:?} not found in namespace {namespace:?}");
            Err(match did_you_mean(name, names.iter().map(String::as_str)) {
                Some(near) => OpsError::refused_with(message, format!("did you mean `{near}`?")),
                None => {
                    OpsError::refused_with(message, format!("`objects list {kind} -A` shows those there are"))
                }
            })
        }
    }
}

/// Whether a typed kind (`Deployment`, `deployments`, `deploy`, `deployments.apps`) means a kind of a group.
fn is_kind(typed: &str, kind: &str, group: &str) -> bool {
    let typed = typed.to_lowercase();
    let (word, typed_group) =
        typed.split_once('.').map_or((&*typed, None), |(word, group)| (word, Some(group)));
    let kind = kind.to_lowercase();
    let full = SHORT_NAMES.iter().find(|(short, _)| *short == word).map_or(word, |(_, full)| full);
    let plural = match kind.strip_suffix('y').filter(|stem| !stem.ends_with(['a', 'e', 'o', 'u'])) {
        Some(stem) => format!("{stem}ies"),
        None if kind.ends_with('s') || kind.ends_with('x') => format!("{kind}es"),
        None => format!("{kind}s"),
    };
    (full == kind || full == plural) && typed_group.is_none_or(|typed| typed == group)
}

/// An object that can be applied elsewhere.
#[derive(Debug, Clone, PartialEq)]
pub struct Exported {
    /// `NAMESPACE/KIND-NAME.yaml`, the namespace `_cluster` for objects without one; `KIND.GROUP-NAME.yaml` where several groups
    /// have such a kind and object.
    pub file: String,
    /// The manifest as YAML.
    pub text: String,
}

/// The selected objects without what only their store understands, in the order in which they can be created.
///
/// # Errors
/// As [`list`].
pub fn export(store: &dyn Store, selection: &Selection) -> Result<Vec<Exported>, OpsError> {
    let mut found = list(store, selection)?;
    order::sort_for_install(&mut found, |stored| stored.id.kind.clone());
    let mut bearers: BTreeMap<String, usize> = BTreeMap::new();
    for stored in &found {
        *bearers.entry(file_of(&stored.id, "")).or_default() += 1;
    }
    let mut exported = Vec::with_capacity(found.len());
    for stored in found {
        let Some(body) = &stored.body else { continue };
        let id = &stored.id;
        let text = yaml::try_to_string(&plain(body.clone()))
            .map_err(|error| OpsError::refused(format!("{id} cannot be written as YAML: {error}")))?;
        let mut file = file_of(id, "");
        if bearers.get(&file).is_some_and(|count| *count > 1) && !id.group.is_empty() {
            file = file_of(id, &id.group);
        }
        exported.push(Exported { file, text });
    }
    Ok(exported)
}

/// The file of an object, with the group where one is given.
fn file_of(id: &ObjectRef, group: &str) -> String {
    let folder = if id.namespace.is_empty() { "_cluster" } else { &id.namespace };
    let dot = if group.is_empty() { "" } else { "." };
    format!("{folder}/{}{dot}{group}-{}.yaml", id.kind.to_lowercase(), id.name)
}

/// A body without the fields that a store gives.
fn plain(mut body: Value) -> Value {
    if let Value::Map(map) = &mut body {
        map.shift_remove("status");
        if let Some(Value::Map(metadata)) = map.get_mut("metadata") {
            metadata.retain(|key, _| !GIVEN.contains(&&**key));
        }
    }
    body
}

/// Writes exported objects below a folder, a file for each; returns their paths.
///
/// # Errors
/// A file cannot be written.
pub fn write_files(
    context: &Context<'_>,
    exported: &[Exported],
    folder: &Path,
) -> Result<Vec<PathBuf>, OpsError> {
    let mut paths = Vec::with_capacity(exported.len());
    for object in exported {
        let path = fs::safe_join(&context.host.resolve(folder), &object.file)?;
        fs::write(&path, object.text.as_bytes())?;
        paths.push(folder.join(&object.file));
    }
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_typed_in_many_ways() {
        for typed in
            ["Deployment", "deployment", "deployments", "deploy", "deployments.apps", "Deployment.apps"]
        {
            assert!(is_kind(typed, "Deployment", "apps"), "{typed}");
        }
        for (typed, kind) in
            [("ing", "Ingress"), ("ingresses", "Ingress"), ("networkpolicies", "NetworkPolicy")]
        {
            assert!(is_kind(typed, kind, "networking.k8s.io"), "{typed}");
        }
        assert!(!is_kind("deployments.batch", "Deployment", "apps"));
        assert!(!is_kind("depl", "Deployment", "apps"));
        assert!(SHORT_NAMES.is_sorted());
    }

    #[test]
    fn an_exported_object_has_nothing_of_its_store() {
        let body = yaml::value_from_text(
            "b",
            "kind: A\nstatus: {x: 1}\nmetadata: {name: a, uid: u, resourceVersion: '1', generation: 2, labels: {l: v}}",
        );
        assert_eq!(
            yaml::try_to_string(&plain(body.unwrap())).unwrap(),
            "kind: A\nmetadata:\n  labels:\n    l: v\n  name: a\n"
        );
    }
}
