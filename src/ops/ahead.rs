//! What an upgrade needs whatever comes of rendering, asked for while the chart is loaded and rendered: the objects of the
//! revision that is there.
//!
//! ```text
//! last revision ─┬─► chart, values, templates ──────────────┐
//!                └─► its manifest, its live objects ────────┴─► plan
//! ```
//!
//! Invariant: it changes only when something is asked, never what. What cannot be found out here is found out, or its error told,
//! by the plan itself.

use std::collections::BTreeMap;

use super::change::{self, Target};
use super::{Context, OpsError};
use crate::cluster::{Sought, Stored};
use crate::manifest::{self, Object, ObjectRef};
use crate::plan::{self, Scopes};

/// The stack of the second thread, as large as that of a main thread usually is: manifests may be nested.
const STACK: usize = 8 << 20;

/// The objects of the revisions that are there, and those that live.
#[derive(Debug, Default)]
pub struct Ahead {
    /// As the manifests have them, in the order in which they would be deleted.
    pub old: Vec<Object>,
    /// As they are now, by where they are; `None` for one that is not there.
    pub live: BTreeMap<ObjectRef, Option<Stored>>,
}

/// Does some work while the live objects of a manifest are read from a cluster.
///
/// # Errors
/// What the work fails with.
pub fn beside<T>(
    target: Target<'_>,
    name: &str,
    manifest: &str,
    work: impl FnOnce() -> Result<T, OpsError>,
) -> Result<(T, Option<Ahead>), OpsError> {
    if target.store.cluster().is_none() {
        return Ok((work()?, None));
    }
    std::thread::scope(|scope| {
        let reading = std::thread::Builder::new().name("ahead".into()).stack_size(STACK);
        let reading = reading.spawn_scoped(scope, || read(target, name, manifest));
        let done = work()?;
        let ahead = match reading.map(std::thread::ScopedJoinHandle::join) {
            Ok(Ok(ahead)) => ahead,
            Ok(Err(panic)) => std::panic::resume_unwind(panic),
            Err(_) => None,
        };
        Ok((done, ahead))
    })
}

fn read(target: Target<'_>, name: &str, manifest: &str) -> Option<Ahead> {
    let old = old_objects(name, manifest).ok()?;
    let cluster = target.store.cluster()?;
    let mut scopes = Scopes::built_in();
    for id in old.iter().map(|object| &object.id) {
        if let Some(kind) = cluster.kind(&id.group, &id.version, &id.kind).ok()? {
            scopes.learn_served(&id.group, &id.kind, kind.namespaced);
        }
    }
    let served = old.iter().filter(|Object { id, .. }| {
        // One that the server named is not found by its manifest.
        !id.name.is_empty() && scopes.is_served(&id.group, &id.kind)
    });
    let mut sought: Vec<Sought> = served
        .map(|object| Sought {
            id: plan::located(&object.id, target.namespace, &scopes),
            labels: change::labels_given(&object.body),
        })
        .collect();
    sought.sort_by(|one, two| one.id.cmp(&two.id));
    sought.dedup_by(|one, two| one.id.same_object(&two.id));
    let found = target.store.find_each(&sought).ok()?;
    let live = sought.into_iter().map(|sought| sought.id).zip(found).collect();
    Some(Ahead { old, live })
}

/// The objects of manifests, in the order in which they would be deleted.
///
/// # Errors
/// It is no manifest.
pub fn old_objects(name: &str, text: &str) -> Result<Vec<Object>, OpsError> {
    let mut old = manifest::parse_stored(&format!("manifest of {name}"), text)?;
    manifest::order::sort_for_uninstall(&mut old, |object| object.id.kind.clone());
    change::objects_or_prefixes(&old)
}

/// As [`old_objects`], for what ends the release: what cannot be read is passed over, and told. A release that could not
/// be removed would stay for good.
pub fn removable_objects(context: &Context<'_>, name: &str, text: &str) -> Vec<Object> {
    let (mut documents, mut unreadable) = (Vec::new(), Vec::new());
    for document in manifest::parse_stored_each(&format!("manifest of {name}"), text) {
        match document {
            Ok(document) => documents.push(document),
            Err(error) => unreadable.push(error.to_string()),
        }
    }
    manifest::order::sort_for_uninstall(&mut documents, |object| object.id.kind.clone());
    let mut old = Vec::new();
    for object in documents.iter().filter(|document| !document.is_comment()).flat_map(Object::expand) {
        match change::objects_or_prefixes(std::slice::from_ref(&object)) {
            Ok(_) => old.push(object),
            Err(error) => unreadable.push(error.to_string()),
        }
    }
    for reason in unreadable {
        context.warn(format!(
            "a document of the manifest of {name} cannot be read; if there is such an object, it stays behind: {reason}"
        ));
    }
    old
}
