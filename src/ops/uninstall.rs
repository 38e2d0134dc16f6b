//! Uninstall: the objects of a release go, and its records too unless they are kept.
//!
//! The lease is kept until the last record is gone, so that nobody begins anew on what is about to go.
//!
//! Invariant: the record says `uninstalling` before the first object goes, so that an uninstall that was killed is finished
//! by the next one. A revision that came meanwhile (Helm knows no lease) is left alone, and with it all records.

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
use crate::release::{
    Base, History, Holder, Look, Record, Release, ReleaseError, Status, Summary, Terms, lock,
};

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
    let last = match change::last(context, &mut look) {
        Ok(Some(last)) => last,
        Ok(None) if options.ignore_not_found => {
            return Ok(UninstallReport { name: name.to_string(), release: None, plan: Plan::default() });
        }
        Ok(None) => return Err(not_there(name)),
        // A purge was killed that had begun with the payload of the last record.
        Err(_) if is_left_by_purge(&look) && !options.keep_history => {
            return purge_uninstalled(context, &look, None, options);
        }
        Err(error) => return Err(error),
    };
    if last.release.info.status == Status::Uninstalled {
        return purge_uninstalled(context, &look, Some(last), options);
    }
    let plan = plan_removal(context, target, &look, &last.release)?;
    if options.dry_run {
        return Ok(UninstallReport { name: name.to_string(), release: Some(last.release), plan });
    }
    let unlabelled = look.history().check_labelled(name, look.next_revision());
    if let Err(error @ ReleaseError::Unlabelled { .. }) = unlabelled {
        context.warn(format!("{error}: it stays, and so does what only that revision has"));
    }
    remove(context, target, &look, last, plan, options)
}

fn is_left_by_purge(look: &Look<'_>) -> bool {
    look.newest().is_some_and(|newest| newest.status == Status::Uninstalled)
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

/// Carries out what was decided on a look at the release: on the last revision; `mark` is the plan file that it comes from.
///
/// # Errors
/// As [`uninstall`].
pub(super) fn carry_out(
    context: &Context<'_>,
    target: Target<'_>,
    look: &Look<'_>,
    (last, mark): (Option<Record>, Option<String>),
    plan: Plan,
    options: &UninstallOptions,
) -> Result<UninstallReport, OpsError> {
    let mut last =
        last.ok_or_else(|| OpsError::refused("an uninstall was decided on a release without a revision"))?;
    if last.release.info.status == Status::Uninstalled {
        return purge_uninstalled(context, look, Some(last), options);
    }
    last.release.plan = mark;
    remove(context, target, look, last, plan, options)
}

/// Deletes the records of a release whose objects are gone already.
fn purge_uninstalled(
    context: &Context<'_>,
    look: &Look<'_>,
    last: Option<Record>,
    options: &UninstallOptions,
) -> Result<UninstallReport, OpsError> {
    let name = look.name().to_string();
    if options.keep_history {
        return Err(deleted_already(&name));
    }
    if !options.dry_run {
        let newest = look.newest().map(Summary::base).ok_or_else(|| not_there(&name))?;
        let held = last.as_ref().map_or_else(|| newest.clone(), Record::base);
        let holder = Holder::of(context.host);
        let terms = Terms::new(&holder);
        lock::hold(look.history(), &name, (&held, &newest), &terms)?;
        let purged = look.history().purge::<ReleaseError>(&name, (&held, &newest), &mut || Ok(()));
        if let Err(error) = purged {
            let _ = lock::let_go(look.history(), &name, held.revision, &terms);
            return Err(error.into());
        }
    }
    Ok(UninstallReport { name, release: last.map(|last| last.release), plan: Plan::default() })
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
    let mut old = ahead::removable_objects(context, &release.name, &manifest);
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
    look: &Look<'_>,
    mut last: Record,
    plan: Plan,
    options: &UninstallOptions,
) -> Result<UninstallReport, OpsError> {
    context.check_interrupt("nothing was changed")?;
    let history = look.history();
    let newest = look.newest().map_or_else(|| last.base(), Summary::base);
    let holder = Holder::of(context.host);
    last.release.info.status = Status::Uninstalling;
    last.release.info.deleted = Some(record::now(context.host));
    last.release.info.description = "Deletion in progress (or silently failed)".to_string();
    lock::acquire_below(history, &mut last, &newest, &Terms::new(&holder))?;
    if let Some(cluster) = target.store.cluster() {
        let method = plan::Method::Server { force: false };
        let live = Live { context, target, cluster, wait: options.wait, method };
        return remove_live(live, last, &newest, plan, options);
    }
    let events = [Event::PreDelete, Event::PostDelete];
    change::hooks_not_run(context, target.store, &last.release, &events, options.no_hooks);
    if options.wait.strategy != WaitStrategy::HookOnly {
        context.debug("objects are gone at once: there is nothing to wait for");
    }
    let started = last.clone();
    let removed = context
        .check_interrupt("no object was deleted; the next uninstall goes on from here")
        .and_then(|()| end(context, history, &mut last, change::plan_writes(&plan), options));
    if let Err(error) = removed {
        // The record says how far it came; that nobody is at it any more, others need not wait to find out.
        last = started;
        if let Err(second) = lock::release(history, &mut last) {
            let name = &last.release.name;
            context.debug(format!("the record of {name} still names this process as its holder: {second}"));
        }
        return Err(error);
    }
    let name = last.release.name.clone();
    if !options.keep_history {
        purge(history, &last, &newest, &mut || Ok(()))?;
    }
    Ok(UninstallReport { name, release: Some(last.release), plan })
}

/// Deletes all records, the one with the lease last. What cannot be purged is given back.
fn purge(history: &History<'_>, last: &Record, newest: &Base, beat: live::Beat<'_>) -> Result<(), OpsError> {
    let (name, held) = (&last.release.name, last.base());
    // The newest one is what it was, or the held one, which has another state by now.
    let newest = if newest.uid == held.uid { &held } else { newest };
    history.purge(name, (&held, newest), beat).inspect_err(|_| {
        if let Some(lease) = &last.lease {
            let _ = lock::let_go(history, name, held.revision, &Terms::new(&lease.holder));
        }
    })
}

/// The same in a running cluster: hooks, deletions kind by kind, and the wait for their end. What cannot be deleted is told
/// and stays in the record, so that the next uninstall tries again. What goes wrong once the objects are deleted is told at
/// the end. Source: Helm.
fn remove_live(
    live: Live<'_>,
    last: Record,
    newest: &Base,
    plan: Plan,
    options: &UninstallOptions,
) -> Result<UninstallReport, OpsError> {
    let name = last.release.name.clone();
    let history = live.history();
    let mut run = Run::on(live, last);
    let after = match remove_objects(&mut run, &plan, options) {
        Ok(after) => after,
        Err(failed) => {
            run.let_go(Status::Uninstalling, &failed);
            return Err(failed.error);
        }
    };
    run.make_sure()?;
    end(live.context, &history, &mut run.record, Vec::new(), options)?;
    if !options.keep_history {
        // The record itself is only read here: what keeping the lease writes is looked at again before it goes.
        let last = run.record.clone();
        purge(&history, &last, newest, &mut || run.keep_lease())?;
    }
    if !after.is_empty() {
        return Err(OpsError::Afterwards { release: name, errors: after });
    }
    Ok(UninstallReport { name, release: Some(run.record.release), plan })
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
    live.delete(plan, options.propagation, &mut || run.make_sure())?;
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
/// can finish what this one could not; until then the lease stays.
fn end(
    context: &Context<'_>,
    history: &History<'_>,
    last: &mut Record,
    writes: Vec<Write>,
    options: &UninstallOptions,
) -> Result<(), OpsError> {
    last.release.info.status = Status::Uninstalled;
    last.release.info.description =
        options.description.clone().unwrap_or_else(|| "Uninstallation complete".to_string());
    if options.keep_history {
        last.lease = None;
    }
    let (name, revision) = (&last.release.name, last.release.version);
    let superseded =
        if options.keep_history { history.look(name)?.all_deployed(Some(revision))? } else { Vec::new() };
    change::close(context, history, (last, superseded), writes)
}
