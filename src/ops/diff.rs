//! What an operation would change, and what somebody changed since the last one.
//!
//! Live objects are compared with what they would become: by the server's own dry run where there is a server, else by the
//! merge that would be written.
//!
//! Invariant: nothing is changed, no record is written.

use super::change::{self, Target, Wanted};
use super::options::DryRun;
use super::preview::{self, Preview};
use super::rollback::{self, RollbackOptions};
use super::upgrade::{self, UpgradeOptions};
use super::{Context, OpsError};
use crate::manifest;
use crate::plan::diff::ObjectDiff;
use crate::plan::{Method, Plan};
use crate::release::{ApplyMethod, Release, ReleaseError};

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
    let operation = upgrade::decide(context, target, &options)?;
    Ok(Preview::of(context, target, &operation)?.into_differences())
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
    let last = stored(context, target, (&options.release, None))?;
    let report = rollback::rollback(context, target, &options)?;
    let mut found = of_plan(context, target, &report.plan, &report.release)?;
    found.extend(preview::hook_changes(target, &last.hooks, &report.release.hooks)?);
    Ok(found)
}

/// What differs between two revisions, of one release or of two, by their stored manifests and hooks.
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
    let mut found = preview::manifest_changes(target, &one, &two)?;
    found.extend(preview::hook_changes(target, &one.hooks, &two.hooks)?);
    Ok(found)
}

/// What somebody changed in the objects of a release since it was deployed.
///
/// # Errors
/// There is no deployed revision, or the store cannot be read.
pub fn drift(context: &Context<'_>, target: Target<'_>, name: &str) -> Result<Vec<ObjectDiff>, OpsError> {
    manifest::check_release(name)?;
    let record = target
        .history(context)
        .look(name)?
        .deployed()?
        .ok_or_else(|| ReleaseError::NotFound { name: name.to_string(), revision: None })?;
    let release = record.release;
    let documents = manifest::parse_stored(&format!("manifest of {name}"), &release.manifest)?;
    let new = change::findable(&documents)?;
    let wanted = Wanted {
        name,
        old: &release.manifest,
        ahead: None,
        new: &new,
        definitions: &[],
        take_ownership: true,
        replace: false,
        // A merge of two equal manifests would leave custom kinds as they are, and drift in them is drift too.
        set_back: true,
        verb: "drift",
    };
    let plan = change::plan(context, target, wanted)?;
    of_plan(context, target, &plan, &release)
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

/// The differences that a plan makes.
fn of_plan(
    context: &Context<'_>,
    target: Target<'_>,
    plan: &Plan,
    release: &Release,
) -> Result<Vec<ObjectDiff>, OpsError> {
    let method = match release.apply_method {
        // What fields others manage is the operation's business; a comparison shows what would come of it.
        Some(ApplyMethod::ServerSide) => Method::Server { force: true },
        _ => Method::Client,
    };
    let planned = preview::objects(context, target, plan, method)?;
    Ok(planned.into_iter().filter_map(|planned| planned.diff).collect())
}
