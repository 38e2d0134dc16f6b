//! Uninstall: the objects of a release go, and its records too unless they are kept.
//!
//! Invariant: the record says `uninstalling` before the first object goes, so that an uninstall that was killed is finished
//! by the next one.

use std::collections::BTreeMap;
use std::time::Duration;

use super::ahead;
use super::change::{self, Target};
use super::live::{self, Failed, Live, Run};
use super::operation::{Execution, Kind, Newest, Operation, Removal};
use super::options::{Wait, WaitStrategy};
use super::{Context, OpsError, Phase, hooks, record};
use crate::cluster::Write;
use crate::cluster::live::Propagation;
use crate::manifest::{self, Event, ObjectRef};
use crate::plan::{self, Action, Plan};
use crate::release::codec::Middle;
use crate::release::{History, Holder, Look, Record, Release, ReleaseError, Status, Terms, lock};

/// How to uninstall.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct UninstallOptions {
    /// Text of the record.
    pub description: Option<String>,
    /// Only say what would happen.
    pub dry_run: bool,
    /// A release that is not there is fine.
    pub ignore_not_found: bool,
    /// Keep the records.
    pub keep_history: bool,
    /// Leave hooks out.
    pub no_hooks: bool,
    /// What becomes of the dependents of the objects.
    pub propagation: Propagation,
    /// What to wait for.
    pub wait: Wait,
    /// How long to wait for another client that holds the release.
    pub wait_lock: Option<Duration>,
}

/// What an uninstall did.
#[derive(Debug, Clone)]
pub struct UninstallReport {
    /// The release.
    pub name: String,
    /// Its last record, as it was kept or as it would be; `None` when there was no such release.
    pub release: Option<Release>,
    /// What happened to each object.
    pub plan: Plan,
}

/// Uninstalls a release.
///
/// # Errors
/// There is no such release, somebody works on it, it is uninstalled already and its records are to be kept, or an object
/// cannot be deleted.
pub fn uninstall(
    context: &Context<'_>,
    target: Target<'_>,
    name: &str,
    options: &UninstallOptions,
) -> Result<UninstallReport, OpsError> {
    manifest::check_release(name)?;
    change::telling(context, target, || {
        change::in_turn(context, options.wait_lock, |wait_lock| {
            uninstall_once(context, target, name, options, wait_lock)
        })
    })
}

fn uninstall_once(
    context: &Context<'_>,
    target: Target<'_>,
    name: &str,
    options: &UninstallOptions,
    wait_lock: Option<Duration>,
) -> Result<UninstallReport, OpsError> {
    let mut look = change::look(context, target, name, options.dry_run, wait_lock, true)?;
    let Some(last) = change::last(context, &mut look)? else {
        if options.ignore_not_found {
            return Ok(UninstallReport { name: name.to_string(), release: None, plan: Plan::default() });
        }
        return Err(not_there(name));
    };
    if last.release.info.status == Status::Uninstalled {
        return purge_uninstalled(look.history(), last, options);
    }
    let plan = plan_removal(context, target, &look, &last.release)?;
    if options.dry_run {
        return Ok(UninstallReport { name: name.to_string(), release: Some(last.release), plan });
    }
    let unlabelled = look.history().check_labelled(name, look.next_revision());
    if let Err(error @ ReleaseError::Unlabelled { .. }) = unlabelled {
        context.warn(format!("{error}: it stays, and so does what only that revision has"));
    }
    remove(context, target, look.history(), last, plan, options)
}

fn not_there(name: &str) -> OpsError {
    let source = ReleaseError::NotFound { name: name.to_string(), revision: None };
    OpsError::refused_with(
        format!("uninstall: Release not loaded: {name}: {source}"),
        "`bowline list --all-namespaces` shows every release; a release is looked for in one namespace (-n)",
    )
}

/// Decides on an uninstall. Nothing is written.
///
/// # Errors
/// As [`uninstall`], up to the first change.
pub fn decide(
    context: &Context<'_>,
    target: Target<'_>,
    name: &str,
    options: &UninstallOptions,
) -> Result<Operation, OpsError> {
    change::decided(context, target, name, |look| decide_on(context, target, options, look))
}

fn decide_on(
    context: &Context<'_>,
    target: Target<'_>,
    options: &UninstallOptions,
    look: &mut Look<'_>,
) -> Result<Operation, OpsError> {
    let last = change::last(context, look)?.ok_or_else(|| not_there(look.name()))?;
    let plan = match last.release.info.status {
        Status::Uninstalled if options.keep_history => return Err(deleted_already(look.name())),
        Status::Uninstalled => Plan::default(),
        _ => plan_removal(context, target, look, &last.release)?,
    };
    Ok(Operation {
        kind: Kind::Uninstall,
        newest: Some(Newest::of(&last)),
        release: last.release.clone(),
        middle: Middle::default(),
        plan,
        old: String::new(),
        definitions: Vec::new(),
        namespace: None,
        superseded: vec![last],
        left: None,
        computed: None,
        execution: Execution {
            method: plan::Method::Server { force: false },
            wait: options.wait,
            no_hooks: options.no_hooks,
            rollback_on_failure: false,
            cleanup_on_fail: false,
            history_max: 0,
            description: options.description.clone(),
            removal: Removal { keep_history: options.keep_history, propagation: options.propagation },
        },
    })
}

/// Carries out what was decided on the newest revision; `mark` is the plan file that it comes from.
///
/// # Errors
/// As [`uninstall`].
pub(super) fn carry_out(
    context: &Context<'_>,
    target: Target<'_>,
    newest: Option<Record>,
    mark: Option<String>,
    plan: Plan,
    options: &UninstallOptions,
) -> Result<UninstallReport, OpsError> {
    let history = target.history(context);
    let mut last = newest
        .ok_or_else(|| OpsError::refused("an uninstall was decided on a release without a revision"))?;
    if last.release.info.status == Status::Uninstalled {
        return purge_uninstalled(&history, last, options);
    }
    last.release.plan = mark;
    remove(context, target, &history, last, plan, options)
}

/// Deletes the records of a release whose objects are gone already.
fn purge_uninstalled(
    history: &History<'_>,
    last: Record,
    options: &UninstallOptions,
) -> Result<UninstallReport, OpsError> {
    let name = last.release.name.clone();
    if options.keep_history {
        return Err(deleted_already(&name));
    }
    if !options.dry_run {
        history.purge(&name)?;
    }
    Ok(UninstallReport { name, release: Some(last.release), plan: Plan::default() })
}

fn deleted_already(name: &str) -> OpsError {
    OpsError::refused_with(
        format!("the release named \"{name}\" is already deleted"),
        format!("`bowline delete --purge {name}` removes its records too"),
    )
}

fn plan_removal(
    context: &Context<'_>,
    target: Target<'_>,
    look: &Look<'_>,
    release: &Release,
) -> Result<Plan, OpsError> {
    let manifest = change::live_manifest(look, release)?;
    let mut old = ahead::old_objects(&release.name, &manifest)?;
    let scopes = change::scopes(target.store, [].iter())?;
    let scopes = change::served_only(context, target.store, &mut old, scopes)?;
    let input = plan::Input {
        release: &release.name,
        namespace: &release.namespace,
        old: &old,
        new: &[],
        take_ownership: false,
        replace: false,
        scopes: &scopes,
        uninstall: true,
        set_back: false,
    };
    change::make(target.store, &input, BTreeMap::new()).map_err(|broken| broken.told("uninstall"))
}

fn remove(
    context: &Context<'_>,
    target: Target<'_>,
    history: &History<'_>,
    mut last: Record,
    plan: Plan,
    options: &UninstallOptions,
) -> Result<UninstallReport, OpsError> {
    let name = last.release.name.clone();
    context.check_interrupt("nothing was changed")?;
    let holder = Holder::of(context.host);
    last.release.info.status = Status::Uninstalling;
    last.release.info.deleted = Some(record::now(context.host));
    last.release.info.description = "Deletion in progress (or silently failed)".to_string();
    lock::acquire_existing(history, &mut last, &Terms::new(&holder))?;
    if let Some(cluster) = target.store.cluster() {
        let method = plan::Method::Server { force: false };
        let live = Live { context, target, cluster, wait: options.wait, method };
        return remove_live(live, history, last, plan, options);
    }
    let events = [Event::PreDelete, Event::PostDelete];
    change::hooks_not_run(context, target.store, &last.release, &events, options.no_hooks);
    if options.wait.strategy != WaitStrategy::HookOnly {
        context.debug("objects are gone at once: there is nothing to wait for");
    }
    let started = last.clone();
    let removed = context
        .check_interrupt("no object was deleted; the next uninstall goes on from here")
        .and_then(|()| delete_objects(history, &mut last, change::plan_writes(&plan), options));
    if let Err(error) = removed {
        // The record says how far it came; that nobody is at it any more, others need not wait to find out.
        last = started;
        if let Err(second) = lock::release(history, &mut last) {
            context.debug(format!("the record of {name} still names this process as its holder: {second}"));
        }
        return Err(error);
    }
    if !options.keep_history {
        history.purge(&name)?;
    }
    Ok(UninstallReport { name, release: Some(last.release), plan })
}

/// The same in a running cluster: hooks, deletions kind by kind, and the wait for their end. What cannot be deleted is told
/// and stays in the record, so that the next uninstall tries again. What goes wrong once the objects are deleted is told at
/// the end. Source: Helm.
fn remove_live(
    live: Live<'_>,
    history: &History<'_>,
    last: Record,
    plan: Plan,
    options: &UninstallOptions,
) -> Result<UninstallReport, OpsError> {
    let name = last.release.name.clone();
    let mut run = Run::on(live, last);
    let after = match remove_objects(&mut run, &plan, options) {
        Ok(after) => after,
        Err(failed) => {
            run.let_go(Status::Uninstalling, &failed);
            return Err(failed.error);
        }
    };
    let mut last = run.record;
    delete_objects(history, &mut last, Vec::new(), options)?;
    if !options.keep_history {
        history.purge(&name)?;
    }
    if !after.is_empty() {
        return Err(OpsError::Afterwards { release: name, errors: after });
    }
    Ok(UninstallReport { name, release: Some(last.release), plan })
}

/// What went wrong after the objects were deleted is returned beside.
fn remove_objects(
    run: &mut Run<'_>,
    plan: &Plan,
    options: &UninstallOptions,
) -> Result<Vec<OpsError>, Failed> {
    let failure = |_: Event| String::new();
    if !options.no_hooks {
        hooks::run(run, Event::PreDelete, failure)?;
    }
    let mut after = Vec::new();
    let live = run.live;
    run.begins(Phase::Delete);
    live.delete(plan, options.propagation)?;
    if options.wait.strategy != WaitStrategy::HookOnly {
        let doomed = plan.steps.iter().filter(|step| step.action == Action::Delete);
        let ids: Vec<ObjectRef> = doomed.map(|step| step.id.clone()).collect();
        run.begins(Phase::Wait);
        match live.gone(&ids, live.wait.limit(), &mut || run.keep_lease()) {
            Ok(outcome) if outcome.is_success() => {}
            Ok(outcome) => after.push(live::still_there(&outcome)),
            Err(error @ OpsError::Interrupted { .. }) => return Err(error.into()),
            Err(error) => after.push(error),
        }
    }
    if !options.no_hooks {
        match hooks::run(run, Event::PostDelete, failure) {
            Ok(()) => {}
            Err(failed) if matches!(failed.error, OpsError::Interrupted { .. }) => return Err(failed),
            Err(failed) => after.push(failed.error),
        }
    }
    Ok(after)
}

/// Deletes the objects and writes the state that tells of it as one batch. Records go later, so that the next uninstall
/// can finish what this one could not.
fn delete_objects(
    history: &History<'_>,
    last: &mut Record,
    writes: Vec<Write>,
    options: &UninstallOptions,
) -> Result<(), OpsError> {
    last.release.info.status = Status::Uninstalled;
    last.release.info.description =
        options.description.clone().unwrap_or_else(|| "Uninstallation complete".to_string());
    last.lease = None;
    let (name, newest) = (&last.release.name, last.release.version);
    let mut superseded =
        if options.keep_history { history.look(name)?.all_deployed(Some(newest))? } else { Vec::new() };
    for old in &mut superseded {
        old.release.info.status = Status::Superseded;
    }
    let mut records: Vec<&mut Record> = std::iter::once(last).chain(superseded.iter_mut()).collect();
    history.save(&mut records, writes)?;
    Ok(())
}
