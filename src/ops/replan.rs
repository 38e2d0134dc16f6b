//! A plan made again after hooks have run before it: they may have deleted, scaled or made what it was made of.
//!
//! Invariant: an object that was not there when the operation was decided, and belongs to somebody else now, is still created and
//! never taken over: what comes of that is the cluster's to say.

use std::collections::BTreeMap;

use super::change::{self, Wanted};
use super::live::Live;
use super::{Collected, Context, OpsError};
use crate::cluster::ownership;
use crate::manifest::{self, ObjectRef};
use crate::plan::{Action, Method, Plan, Step};
use crate::release::{Release, Status};

/// Makes a plan again, from the live objects as they are now. `old` are the manifests that it was made of, as
/// [`change::live_manifest`] has them.
///
/// # Errors
/// The cluster cannot be asked.
pub fn again(live: Live<'_>, release: &Release, old: &str, plan: &mut Plan) -> Result<(), OpsError> {
    // To create an object is right whether it is there by now or not.
    if plan.steps.iter().all(|step| step.action == Action::Create) {
        return Ok(());
    }
    let new = manifest::parse_stored(&format!("manifest of {}", release.name), &release.manifest)?;
    let wanted = Wanted {
        name: &release.name,
        old,
        ahead: None,
        new: &new,
        // They are in the cluster by now.
        definitions: &[],
        take_ownership: true,
        replace: live.method == Method::Replace,
        set_back: change::sets_back(live.target, matches!(live.method, Method::Server { .. })),
        verb: if release.info.status == Status::PendingInstall { "install" } else { "update" },
    };
    // What there is to warn of was told when the operation was decided.
    let told = Collected::default();
    let quiet = Context { progress: &told, ..*live.context };
    let mut steps = change::plan(&quiet, live.target, wanted)?.steps;
    let missing: BTreeMap<&ObjectRef, &Step> =
        plan.steps.iter().filter(|step| step.action == Action::Create).map(|step| (&step.id, step)).collect();
    for step in &mut steps {
        let appeared = missing.get(&step.id).filter(|_| step.action != Action::Create);
        if let Some(creation) = appeared.filter(|_| !is_own(step, release)) {
            *step = (*creation).clone();
        }
    }
    plan.steps = steps;
    Ok(())
}

/// Whether the live object of a step bears the marks of the release.
fn is_own(step: &Step, release: &Release) -> bool {
    let texts = |field: &str| -> BTreeMap<String, String> {
        let map = step.live.as_ref().and_then(|live| live.path(["metadata", field])?.as_map());
        let texts = map.into_iter().flatten();
        texts.filter_map(|(key, value)| Some((key.to_string(), value.as_str()?.to_string()))).collect()
    };
    let (labels, annotations) = (texts("labels"), texts("annotations"));
    ownership::check(&step.id, &labels, &annotations, &release.name, &release.namespace).is_ok()
}
