//! Rollback: a new revision with the manifest of an old one. Nothing is rendered again.
//!
//! Invariant: the old revision is only read; what comes back is its stored manifest to the byte.

use std::time::Duration;

use super::change::{self, Target, Wanted};
use super::install::ReleaseReport;
use super::operation::{Execution, Kind, Newest, Operation, Removal};
use super::options::{DryRun, Wait};
use super::{Context, OpsError, record, upgrade};
use crate::manifest;
use crate::release::{ApplyMethod, Look, Record, Release, ReleaseError, Status};

/// What to roll back to.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RollbackOptions {
    /// The release.
    pub release: String,
    /// The revision; the one before the last when `None`.
    pub revision: Option<u64>,
    /// Keep at most this many revisions; 0 keeps all.
    pub history_max: usize,
    /// Text of the record.
    pub description: Option<String>,
    /// Whether anything is changed.
    pub dry_run: DryRun,
    /// What to wait for.
    pub wait: Wait,
    /// How long to wait for another client that holds the release.
    pub wait_lock: Option<Duration>,
    /// Leave hooks out.
    pub no_hooks: bool,
    /// Replace objects instead of merging.
    pub force_replace: bool,
    /// Take over fields that others manage.
    pub force_conflicts: bool,
    /// Delete what a failed rollback created.
    pub cleanup_on_fail: bool,
    /// Server-side apply; `None` takes what the old revision used.
    pub server_side: Option<bool>,
}

/// Rolls a release back.
///
/// # Errors
/// There is no such release or revision, somebody works on it, or an object cannot be written; the new revision is then
/// recorded as failed.
pub fn rollback(
    context: &Context<'_>,
    target: Target<'_>,
    options: &RollbackOptions,
) -> Result<ReleaseReport, OpsError> {
    manifest::check_release(&options.release)?;
    change::telling(context, target, || {
        change::in_turn(context, options.wait_lock, |wait_lock| {
            rollback_once(context, target, options, wait_lock)
        })
    })
}

fn rollback_once(
    context: &Context<'_>,
    target: Target<'_>,
    options: &RollbackOptions,
    wait_lock: Option<Duration>,
) -> Result<ReleaseReport, OpsError> {
    let dry = options.dry_run != DryRun::None;
    let mut look = change::look(context, target, &options.release, dry, wait_lock, true)?;
    let operation = decide_on(context, target, options, &mut look)?;
    if dry {
        return Ok(ReleaseReport {
            release: operation.release,
            plan: operation.plan,
            hooks_not_run: Vec::new(),
            installed: false,
            unchanged: false,
            computed: None,
        });
    }
    operation.carry_out(context, target, &look)
}

/// Decides on a rollback. Nothing is written.
///
/// # Errors
/// As [`rollback`], up to the first change.
pub fn decide(
    context: &Context<'_>,
    target: Target<'_>,
    options: &RollbackOptions,
) -> Result<Operation, OpsError> {
    change::decided(context, target, &options.release, |look| decide_on(context, target, options, look))
}

fn decide_on(
    context: &Context<'_>,
    target: Target<'_>,
    options: &RollbackOptions,
    look: &mut Look<'_>,
) -> Result<Operation, OpsError> {
    let (last, old) = revisions(context, look, options)?;
    let release = pending(context, look.next_revision(), &last.release, &old.release, options);
    let wanted_objects =
        manifest::parse_stored(&format!("manifest of {}", options.release), &release.manifest)?;
    let live = match last.release.info.status {
        Status::Uninstalled => String::new(),
        _ => change::live_manifest(look, &last.release)?,
    };
    let server_side = release.apply_method == Some(ApplyMethod::ServerSide);
    let method = change::method(server_side, options.force_replace, options.force_conflicts)?;
    let wanted = Wanted {
        name: &options.release,
        old: &live,
        ahead: None,
        new: &wanted_objects,
        definitions: &[],
        take_ownership: false,
        replace: options.force_replace,
        set_back: change::sets_back(target, server_side),
        verb: "rollback",
    };
    Ok(Operation {
        kind: Kind::Rollback,
        newest: Some(Newest::of(&last)),
        release,
        middle: old.middle(),
        plan: change::plan(context, target, wanted)?,
        old: live,
        definitions: Vec::new(),
        namespace: None,
        // All of them give way.
        superseded: look.all_deployed(None)?,
        left: Some(last.release),
        computed: None,
        execution: Execution {
            method,
            wait: options.wait,
            no_hooks: options.no_hooks,
            rollback_on_failure: false,
            cleanup_on_fail: options.cleanup_on_fail,
            history_max: options.history_max,
            description: options.description.clone(),
            removal: Removal::default(),
        },
    })
}

/// The last revision, and the one to go back to.
fn revisions(
    context: &Context<'_>,
    look: &mut Look<'_>,
    options: &RollbackOptions,
) -> Result<(Record, Record), OpsError> {
    let name = &options.release;
    let missing = || ReleaseError::NotFound { name: name.clone(), revision: None };
    let last = change::last(context, look)?.ok_or_else(missing)?;
    // The one before the newest, which may be one that cannot be read.
    let revision = options.revision.unwrap_or_else(|| look.next_revision().saturating_sub(2));
    if !look.states().any(|row| row.revision == revision) {
        let revisions: Vec<String> = look.states().map(|row| row.revision.to_string()).collect();
        return Err(OpsError::refused_with(
            format!("release has no {revision} version"),
            match revisions.as_slice() {
                [only] => format!("{name} has revision {only} only"),
                _ => format!("{name} has the revisions {}", crate::diag::list(&revisions, "and")),
            },
        ));
    }
    let old = look.history().get(name, revision)?;
    Ok((last, old))
}

fn pending(
    context: &Context<'_>,
    revision: u64,
    last: &Release,
    old: &Release,
    options: &RollbackOptions,
) -> Release {
    let mut release = old.clone();
    let now = record::now(context.host);
    release.version = revision;
    release.info.first_deployed.clone_from(&last.info.first_deployed);
    release.info.last_deployed = Some(now);
    release.info.deleted = None;
    release.info.status = Status::PendingRollback;
    release.info.description = format!("Rollback to {}", old.version);
    release.info.rollback_revision = old.version;
    release.plan = None;
    release.apply_method = match options.server_side {
        None if !options.force_replace => old.apply_method,
        told => Some(upgrade::recorded_method(told, options.force_replace, old.apply_method)),
    };
    // Hooks keep when they ran last, as in Helm's records: a rollback runs few of them again.
    release
}
