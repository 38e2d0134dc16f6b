//! `apply`: a saved plan carried out, or refused.
//!
//! ```text
//! store? ─► clear the way ─► newest revision? ─► objects? ─► carry out
//! ```
//!
//! Invariant: until all questions are answered with yes, nothing is changed but the record of an operation that a lost
//! client left pending. What another client does to the release after that meets the record of this operation; what others
//! do to an object after that meets its resourceVersion where the store compares it, and the field managers of the cluster
//! where the server merges.

use std::time::Duration;

use super::{Change, SavedPlan, SavedPlanError};
use crate::cluster::{Sought, Stored};
use crate::ops::change::{self, Target};
use crate::ops::crds::Definition;
use crate::ops::install::{self, ReleaseReport};
use crate::ops::operation::{Kind, Newest, Operation};
use crate::ops::{Context, OpsError, record, upgrade};
use crate::plan::{Method, Step, renew};
use crate::release::Record;

/// What may be said anew when a plan is carried out: how long to wait, as that depends on who waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ApplyOptions {
    /// How long to wait for another client that holds the release; `None` refuses at once.
    pub wait_lock: Option<Duration>,
    /// How long to wait for each object or hook, instead of the plan's time.
    pub timeout: Option<Duration>,
}

/// Carries a saved plan out in the store and namespace that it was made for.
///
/// # Errors
/// [`SavedPlanError`] when it is refused; otherwise as the operation that was planned.
pub fn apply(
    context: &Context<'_>,
    target: Target<'_>,
    saved: &SavedPlan,
    options: ApplyOptions,
) -> Result<ReleaseReport, OpsError> {
    check_store(target, saved)?;
    change::telling(context, target, || carry_out(context, target, saved, options))
}

fn carry_out(
    context: &Context<'_>,
    target: Target<'_>,
    saved: &SavedPlan,
    options: ApplyOptions,
) -> Result<ReleaseReport, OpsError> {
    change::in_turn(context, options.wait_lock, |wait_lock| {
        let name = &saved.operation.release.name;
        let history = target.history(context);
        let over_unheld = matches!(saved.operation.kind, Kind::Rollback | Kind::Uninstall);
        let mut look = change::clear_the_way(context, &history, name, wait_lock, over_unheld)?;
        let last = change::last(context, &mut look)?;
        check_newest(saved, last.as_ref())?;
        let mut operation = saved.operation.clone();
        renew_objects(target, &mut operation)?;
        if let (Kind::Upgrade | Kind::Rollback, Some(last)) = (operation.kind, &last) {
            operation.old = change::live_manifest(&look, &last.release)?;
        }
        operation.superseded = match (operation.kind, last) {
            (Kind::Upgrade, Some(last)) => upgrade::giving_way(&mut look, last)?,
            (Kind::Rollback, Some(_)) => look.all_deployed(None)?,
            (Kind::Uninstall, last) => last.into_iter().collect(),
            (_, last) => install::giving_way(last),
        };
        let now = record::now(context.host);
        let release = &mut operation.release;
        if operation.kind == Kind::Install {
            release.info.first_deployed = Some(now.clone());
        }
        if operation.kind != Kind::Uninstall {
            release.info.last_deployed = Some(now);
        }
        release.plan = Some(saved.digest.prefixed());
        if let Some(timeout) = options.timeout {
            operation.execution.wait.timeout = timeout;
        }
        operation.carry_out(context, target, &look)
    })
}

fn check_store(target: Target<'_>, saved: &SavedPlan) -> Result<(), OpsError> {
    if target.store.identity()?.as_ref() != Some(&saved.store) {
        let (planned, found) = (saved.store_name.clone(), target.store.describe());
        return Err(SavedPlanError::OtherStore { planned, found }.into());
    }
    let planned = &saved.operation.release.namespace;
    if target.namespace != planned {
        let (planned, found) = (planned.clone(), target.namespace.to_string());
        return Err(SavedPlanError::OtherNamespace { planned, found }.into());
    }
    Ok(())
}

/// Checks that the newest revision is the one that the plan saw.
fn check_newest(saved: &SavedPlan, last: Option<&Record>) -> Result<(), SavedPlanError> {
    let found = last.map(Newest::of);
    let planned = saved.operation.newest.as_ref();
    if found.as_ref() == planned {
        return Ok(());
    }
    let release = saved.operation.release.name.clone();
    if let Some(record) = last
        && record.release.plan.as_deref() == Some(saved.digest.prefixed().as_str())
    {
        let (revision, status) = (record.release.version, record.release.info.status);
        return Err(SavedPlanError::Applied { release, revision, status });
    }
    let shown = |newest: &Newest| format!("{} ({})", newest.revision, newest.status);
    let what = match (planned, &found) {
        (None, Some(now)) => format!("there was no such release, and now there is revision {}", shown(now)),
        (Some(then), None) => format!("its newest revision was {}, and now there is none", shown(then)),
        (Some(then), Some(now)) if (then.revision, then.status) == (now.revision, now.status) => {
            format!("revision {} was deleted and made again", then.revision)
        }
        (Some(then), Some(now)) => {
            format!("its newest revision was {}, and now it is {}", shown(then), shown(now))
        }
        (None, None) => String::new(),
    };
    Err(SavedPlanError::OtherRevision { release, what })
}

/// Puts the steps on the objects as they are now, or says which of them changed.
fn renew_objects(target: Target<'_>, operation: &mut Operation) -> Result<(), OpsError> {
    let mut changes = Vec::new();
    let mut definitions: Vec<Step> = operation.definitions.iter().map(Definition::step).collect();
    let replace = operation.execution.method == Method::Replace;
    renew_steps(target, &mut definitions, false, &mut changes)?;
    renew_steps(target, &mut operation.plan.steps, replace, &mut changes)?;
    if !changes.is_empty() {
        return Err(SavedPlanError::OtherObjects { changes }.into());
    }
    operation.definitions = definitions.into_iter().filter_map(Definition::of_step).collect();
    if operation.namespace.is_some() && install::new_namespace(target)?.is_none() {
        // It belongs to nobody; who made it in the meantime did what the plan would have done.
        operation.namespace = None;
    }
    Ok(())
}

fn renew_steps(
    target: Target<'_>,
    steps: &mut [Step],
    replace: bool,
    changes: &mut Vec<Change>,
) -> Result<(), OpsError> {
    // One that the server is to name is always new.
    let is_named = |step: &Step| !step.id.name.is_empty();
    let sought: Vec<Sought> = steps.iter().filter(|step| is_named(step)).map(seen).collect();
    let found: Vec<Option<Stored>> = target.store.find_each(&sought)?;
    for (step, now) in steps.iter_mut().filter(|step| is_named(step)).zip(found) {
        if let Err(what) = renew::renew(step, now, replace) {
            changes.push(Change { id: step.id.clone(), what });
        }
    }
    Ok(())
}

/// The object of a step, with the labels that it had when the plan saw it.
fn seen(step: &Step) -> Sought {
    let labels = step.live.as_ref().map(change::labels_given).unwrap_or_default();
    Sought { id: step.id.clone(), labels }
}
