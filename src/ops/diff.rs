//! What an operation would change, and what somebody changed since the last one.
//!
//! Live objects are compared with what they would become: by the server's own dry run where there is a server, else by the
//! merge that would be written.
//!
//! Invariant: nothing is changed, no record is written.

use std::collections::BTreeMap;

use super::change::{self, Target, Wanted};
use super::rollback::{self, RollbackOptions};
use super::upgrade::{self, UpgradeOptions};
use super::{Context, OpsError};
use crate::data::Value;
use crate::manifest::{self, Object, ObjectRef};
use crate::plan::diff::{self, ObjectDiff};
use crate::plan::{self, Method, Plan, Scopes, Step};
use crate::release::{ApplyMethod, Release, ReleaseError};

use super::options::DryRun;

/// What an upgrade would change; with `install` an install, when there is no such release.
///
/// # Errors
/// As the upgrade itself, up to the first change.
pub fn upgrade(
    context: &Context<'_>,
    target: Target<'_>,
    options: &UpgradeOptions,
) -> Result<Vec<ObjectDiff>, OpsError> {
    let mut options = options.clone();
    options.apply.dry_run = DryRun::Server;
    let report = upgrade::upgrade(context, target, &options)?;
    Ok(of_plan(target, &report.plan, &report.release))
}

/// What a rollback would change.
///
/// # Errors
/// As the rollback itself, up to the first change.
pub fn rollback(
    context: &Context<'_>,
    target: Target<'_>,
    options: &RollbackOptions,
) -> Result<Vec<ObjectDiff>, OpsError> {
    let mut options = options.clone();
    options.dry_run = DryRun::Server;
    let report = rollback::rollback(context, target, &options)?;
    Ok(of_plan(target, &report.plan, &report.release))
}

/// What differs between two revisions, of one release or of two, by their stored manifests.
///
/// # Errors
/// A revision is missing or cannot be read.
pub fn revisions(
    context: &Context<'_>,
    target: Target<'_>,
    one: (&str, Option<u64>),
    two: (&str, Option<u64>),
) -> Result<Vec<ObjectDiff>, OpsError> {
    let (one, two) = (stored(context, target, one)?, stored(context, target, two)?);
    let (before, after) = (objects(target, &one)?, objects(target, &two)?);
    let all: std::collections::BTreeSet<&ObjectRef> = before.keys().chain(after.keys()).collect();
    Ok(all.into_iter().filter_map(|id| diff::object(id, before.get(id), after.get(id))).collect())
}

/// What somebody changed in the objects of a release since it was deployed.
///
/// # Errors
/// There is no deployed revision, or the store cannot be read.
pub fn drift(context: &Context<'_>, target: Target<'_>, name: &str) -> Result<Vec<ObjectDiff>, OpsError> {
    manifest::check_release(name)?;
    let record = target
        .history(context)
        .deployed(name)?
        .ok_or_else(|| ReleaseError::NotFound { name: name.to_string(), revision: None })?;
    let release = record.release;
    let new = manifest::parse_stored(&format!("manifest of {name}"), &release.manifest)?;
    let wanted = Wanted {
        name,
        old: &release.manifest,
        new: &new,
        definitions: &[],
        take_ownership: true,
        replace: false,
        server_side: release.apply_method == Some(ApplyMethod::ServerSide),
        verb: "drift",
    };
    let plan = change::plan(context, target, &wanted)?;
    Ok(of_plan(target, &plan, &release))
}

fn stored(
    context: &Context<'_>,
    target: Target<'_>,
    (name, revision): (&str, Option<u64>),
) -> Result<Release, OpsError> {
    manifest::check_release(name)?;
    let history = target.history(context);
    let record = match revision {
        Some(revision) => history.get(name, revision)?,
        None => history
            .last(name)?
            .ok_or_else(|| ReleaseError::NotFound { name: name.to_string(), revision: None })?,
    };
    Ok(record.release)
}

/// The objects of a manifest by identity. Where a kind lives is asked of nobody: both sides would hear the same.
fn objects(target: Target<'_>, release: &Release) -> Result<BTreeMap<ObjectRef, Value>, OpsError> {
    let parsed = manifest::parse_stored(&format!("manifest of {}", release.name), &release.manifest)?;
    let scopes = Scopes::built_in();
    let objects: Vec<Object> = change::objects(&parsed)?;
    Ok(objects
        .into_iter()
        .map(|object| {
            let mut id = plan::located(&object.id, target.namespace, &scopes);
            // An object that moves to another version stays the same one.
            id.version.clear();
            (id, object.body)
        })
        .collect())
}

/// The differences that a plan makes.
fn of_plan(target: Target<'_>, plan: &Plan, release: &Release) -> Vec<ObjectDiff> {
    let method = match release.apply_method {
        // What fields others manage is the operation's business; a comparison shows what would come of it.
        Some(ApplyMethod::ServerSide) => Method::Server { force: true },
        _ => Method::Client,
    };
    plan.writes()
        .filter_map(|step| diff::object(&step.id, step.live.as_ref(), becomes(target, step, method).as_ref()))
        .collect()
}

/// What an object becomes: what the server says, or the merge when it cannot say it (its namespace is not there yet).
fn becomes(target: Target<'_>, step: &Step, method: Method) -> Option<Value> {
    let merged = step.body.clone()?;
    let asked = target.store.cluster().zip(plan::request(step, method));
    let told = asked.and_then(|(cluster, request)| cluster.send(&request, true).ok().flatten());
    Some(told.and_then(|stored| stored.body).unwrap_or(merged))
}
