//! Upgrade: a further revision of a release, from a chart.
//!
//! Invariant: the current revision stays `deployed` until the new one is; an upgrade that fails leaves it so.

use std::time::Duration;

use super::ahead;
use super::change::{self, Target, Wanted};
use super::crds;
use super::install::{self, InstallOptions, ReleaseReport};
use super::operation::{Execution, Kind, Newest, Operation};
use super::options::{Apply, ChartRequest, Crds, DryRun, ReleaseName, ValueSources};
use super::record::{self, NewRevision};
use super::rollback::{self, RollbackOptions};
use super::source::{self, UserValues};
use super::{Context, OpsError};
use crate::chart::Chart;
use crate::data::{Map, Value};
use crate::manifest;
use crate::plan::{Method, Plan};
use crate::release::codec::Middle;
use crate::release::{ApplyMethod, Look, Record, Release, Status, Summary, check_labels};
use crate::render::ReleaseInfo;
use crate::values::{self, Compat, Reuse};

/// What to upgrade, and how.
#[derive(Debug, Clone)]
pub struct UpgradeOptions {
    /// The release.
    pub release: String,
    /// The chart.
    pub chart: ChartRequest,
    /// The values.
    pub values: ValueSources,
    /// What becomes of the values of the last revision.
    pub reuse: Reuse,
    /// Install when there is no such release.
    pub install: bool,
    /// Make the namespace, when it installs.
    pub create_namespace: bool,
    /// Keep at most this many revisions; 0 keeps all.
    pub history_max: usize,
    /// Server-side apply; `None` keeps what the last revision used.
    pub server_side: Option<bool>,
    /// Write no revision when nothing is to be changed; see [`Operation::reason_to_go_on`].
    pub if_changed: bool,
    /// How to render and apply.
    pub apply: Apply,
}

/// Upgrades a release.
///
/// # Errors
/// Anything that [`OpsError`] says. With `rollback_on_failure` a failed upgrade is followed by a rollback to the newest
/// revision that was deployed.
pub fn upgrade(
    context: &Context<'_>,
    target: Target<'_>,
    options: &UpgradeOptions,
) -> Result<ReleaseReport, OpsError> {
    manifest::check_release(&options.release)?;
    change::telling(context, target, || {
        change::in_turn(context, options.apply.wait_lock, |wait_lock| {
            upgrade_once(context, target, options, wait_lock)
        })
    })
}

fn upgrade_once(
    context: &Context<'_>,
    target: Target<'_>,
    options: &UpgradeOptions,
    wait_lock: Option<Duration>,
) -> Result<ReleaseReport, OpsError> {
    let dry = options.apply.dry_run != DryRun::None;
    let mut look = change::look(context, target, &options.release, dry, wait_lock, false)?;
    let operation = decide_on(context, target, options, &mut look)?;
    if dry {
        return Ok(install::dry_run(operation));
    }
    if options.if_changed {
        match operation.reason_to_go_on(context, target)? {
            Some(reason) => context.debug(format!("{} is changed: {reason}", options.release)),
            None => return Ok(ReleaseReport::unchanged(operation)),
        }
    }
    operation.carry_out(context, target, &look)
}

/// Decides on an upgrade, or with `install` on the install that it turns into. Nothing is written.
///
/// # Errors
/// As [`upgrade`], up to the first change.
pub fn decide(
    context: &Context<'_>,
    target: Target<'_>,
    options: &UpgradeOptions,
) -> Result<Operation, OpsError> {
    change::decided(context, target, &options.release, |look| decide_on(context, target, options, look))
}

fn decide_on(
    context: &Context<'_>,
    target: Target<'_>,
    options: &UpgradeOptions,
    look: &mut Look<'_>,
) -> Result<Operation, OpsError> {
    let last = change::last(context, look)?;
    let revision = look.next_revision();
    let gone = last.as_ref().is_none_or(|record| record.release.info.status == Status::Uninstalled);
    if options.install && gone {
        context.progress.event(super::Event::InstallsInstead);
        return install::decide(context, target, &as_install(options), &options.release, (revision, last));
    }
    let Some(last) = last else { return Err(not_deployed(&options.release, None)) };
    // What a failed or killed operation made is there too, and goes when nobody wants it.
    let live = change::live_manifest(look, &last.release)?;
    check_labels(&options.apply.labels)?;
    let newest = Newest::of(&last);
    let method = recorded_method(options.server_side, options.apply.force_replace, last.release.apply_method);
    let current = current(look, last)?;
    let work = || prepare(context, target, (revision, method), options, &current);
    let (prepared, ahead) = match options.apply.dry_run {
        DryRun::Client => (work()?, None),
        _ => ahead::beside(target, &options.release, &live, work)?,
    };
    let server_side = method == ApplyMethod::ServerSide;
    let method = change::method(server_side, options.apply.force_replace, options.apply.force_conflicts)?;
    let mut operation = Operation {
        kind: Kind::Upgrade,
        newest: Some(newest),
        release: prepared.release,
        middle: prepared.middle,
        plan: Plan::default(),
        old: String::new(),
        definitions: Vec::new(),
        namespace: None,
        superseded: superseded(look, current)?,
        left: None,
        computed: Some(prepared.computed),
        execution: options.apply.execution(method, options.history_max),
    };
    if options.apply.dry_run == DryRun::Client {
        return Ok(operation);
    }
    let wanted = Wanted {
        name: &options.release,
        old: &live,
        ahead,
        new: &prepared.objects,
        definitions: &prepared.definitions,
        take_ownership: options.apply.take_ownership,
        replace: options.apply.force_replace,
        set_back: change::sets_back(target, server_side),
        verb: "update",
    };
    operation.plan = change::plan(context, target, wanted)?;
    operation.definitions =
        crds::needed(target.store, &prepared.definitions, options.apply.crds, false, server_side)?;
    operation.old = live;
    Ok(operation)
}

/// The revisions that give way to the next one of a release, the one that an upgrade starts from first.
///
/// # Errors
/// There is none that an upgrade could start from, or the store cannot be read.
pub(super) fn giving_way(look: &mut Look<'_>, last: Record) -> Result<Vec<Record>, OpsError> {
    let current = current(look, last)?;
    superseded(look, current)
}

fn as_install(options: &UpgradeOptions) -> InstallOptions {
    InstallOptions {
        name: ReleaseName::Given(options.release.clone()),
        chart: options.chart.clone(),
        values: options.values.clone(),
        create_namespace: options.create_namespace,
        replace: true,
        server_side: options.server_side.unwrap_or(true),
        apply: options.apply.clone(),
    }
}

/// The refusal of Helm's words; `last` is the state of the last revision, when there is one.
fn not_deployed(name: &str, last: Option<Status>) -> OpsError {
    let hint = match last {
        None => format!("install it first, or run `bowline upgrade --install {name} …`"),
        Some(Status::Uninstalling) => {
            format!(
                "an uninstall of {name} did not end: `bowline uninstall {name}` finishes it, `bowline delete {name}` does and \
                 keeps the history, `bowline rollback {name}` brings the release back"
            )
        }
        Some(Status::Uninstalled) => format!(
            "{name} is uninstalled: `bowline upgrade --install {name} …` installs it again, `bowline rollback {name} \
             REVISION` brings a revision back"
        ),
        Some(status) => {
            format!("the last revision of {name} is {status}; `bowline history {name}` shows them all")
        }
    };
    OpsError::refused_with(format!("\"{name}\" has no deployed releases"), hint)
}

/// The revision that an upgrade starts from: the newest deployed one, else the last when it failed or was superseded.
fn current(look: &mut Look<'_>, last: Record) -> Result<Record, OpsError> {
    if last.release.info.status == Status::Deployed {
        return Ok(last);
    }
    if let Some(deployed) = look.deployed()? {
        return Ok(deployed);
    }
    match last.release.info.status {
        Status::Failed | Status::Superseded => Ok(last),
        status => Err(not_deployed(&last.release.name, Some(status))),
    }
}

/// The revisions that give way to a new one: the current one, and those that a killed process left deployed beside it.
fn superseded(look: &Look<'_>, current: Record) -> Result<Vec<Record>, OpsError> {
    let revision = current.release.version;
    let mut all = vec![current];
    all.extend(look.all_deployed(Some(revision))?);
    Ok(all)
}

/// How the objects of a revision are applied, as its record says: as told, or as for the revision that it follows. Replacing is
/// a client's way, and what it leaves behind is what the next revision has to go on from.
pub(super) fn recorded_method(
    told: Option<bool>,
    replaces: bool,
    inherited: Option<ApplyMethod>,
) -> ApplyMethod {
    match told {
        Some(true) => ApplyMethod::ServerSide,
        Some(false) => ApplyMethod::ClientSide,
        None if replaces => ApplyMethod::ClientSide,
        None => inherited.unwrap_or(ApplyMethod::ClientSide),
    }
}

/// The new revision and the objects that it wants.
struct Prepared {
    release: Release,
    middle: Middle,
    definitions: Vec<manifest::Object>,
    objects: Vec<manifest::Object>,
    /// The values that templates saw.
    computed: Value,
}

fn prepare(
    context: &Context<'_>,
    target: Target<'_>,
    (revision, method): (u64, ApplyMethod),
    options: &UpgradeOptions,
    current: &Record,
) -> Result<Prepared, OpsError> {
    let mut chart = source::installable_chart(context, &options.chart, options.apply.dependency_update)?;
    let config = reused_values(context, options, &current.release, &mut chart)?;
    let info = ReleaseInfo::upgrade(
        options.release.as_str(),
        target.namespace,
        u32::try_from(revision).unwrap_or(u32::MAX),
    );
    let rendered = install::render_chart(context, target, &chart, &config, &info, &options.apply)?;
    let mut release = record::new_revision(
        context.host,
        NewRevision {
            name: &options.release,
            namespace: target.namespace,
            revision,
            status: Status::PendingUpgrade,
            description: "Preparing upgrade",
            first_deployed: current.release.info.first_deployed.clone(),
            config: config.values,
            rendered: &rendered,
            hide_secrets: options.apply.hide_secrets,
            method,
        },
    );
    release.labels.clone_from(&current.release.labels);
    for (key, value) in &options.apply.labels {
        if value == "null" {
            release.labels.remove(key);
        } else {
            release.labels.insert(key.clone(), value.clone());
        }
    }
    let definitions = match options.apply.crds {
        Crds::Helm | Crds::Skip => Vec::new(),
        Crds::Safe | Crds::All => change::crd_objects(&rendered.crds)?,
    };
    let middle = record::middle_ahead(&release, options.apply.dry_run);
    Ok(Prepared {
        release,
        middle,
        definitions,
        objects: rendered.manifest.objects,
        computed: rendered.values,
    })
}

/// The user values of the new revision by the rules of reuse; the chart's defaults are replaced where they say so.
fn reused_values(
    context: &Context<'_>,
    options: &UpgradeOptions,
    current: &Release,
    chart: &mut Chart,
) -> Result<UserValues, OpsError> {
    let UserValues { values: new, provenance } = source::values(context, &options.values)?;
    let empty = Map::new();
    let old = current.config.as_map().unwrap_or(&empty);
    let old_defaults = match options.reuse {
        Reuse::Reuse => old_values(current, options.apply.compat)?,
        _ => Map::new(),
    };
    let reused =
        values::reuse(options.reuse, &new, old, &old_defaults, chart.values.as_map().unwrap_or(&empty));
    if options.reuse == Reuse::Default && new.is_empty() && !old.is_empty() {
        context.debug("copying values from the last revision, since no new ones were given");
    }
    chart.values = Value::Map(reused.defaults);
    Ok(UserValues { values: reused.config, provenance })
}

/// What the recorded chart's values came to with the recorded configuration.
fn old_values(release: &Release, compat: Compat) -> Result<Map, OpsError> {
    let empty = Map::new();
    let config = release.config.as_map().unwrap_or(&empty);
    let chart = recorded_as_chart(release);
    Ok(values::coalesce(&chart, config, compat, &mut Vec::new())?)
}

/// The recorded chart as a chart without files, for its values.
pub(super) fn recorded_as_chart(release: &Release) -> Chart {
    Chart::without_files(release.chart.metadata.clone(), release.chart.values.clone())
}

/// Rolls back after a failed upgrade whose record has that uid, as long as nothing came after it.
pub(super) fn undo(
    context: &Context<'_>,
    target: Target<'_>,
    (name, uid): (&str, &str),
    execution: &Execution,
    error: OpsError,
) -> OpsError {
    let history = target.history(context);
    let failed = |newest: &Summary| newest.uid == uid && newest.status == Status::Failed;
    let Some(look) = history.look(name).ok().filter(|look| look.newest().is_some_and(failed)) else {
        return error;
    };
    let good = look.states().rev().find(|row| matches!(row.status, Status::Deployed | Status::Superseded));
    let good = good.map(|row| row.revision);
    let back = RollbackOptions {
        release: name.to_string(),
        revision: good,
        // The failed revision, and what is known of its failure, stay until the next change: Helm's undo keeps all, too.
        history_max: 0,
        wait: execution.wait,
        no_hooks: execution.no_hooks,
        force_replace: execution.method == Method::Replace,
        force_conflicts: execution.method == Method::Server { force: true },
        server_side: match execution.method {
            Method::Server { .. } => Some(true),
            Method::Client => Some(false),
            // Whoever replaces objects may have inherited the way of the last revision.
            Method::Replace => None,
        },
        ..RollbackOptions::default()
    };
    if let Some(good) = good.filter(|_| error.is_interrupted()) {
        context.warn(format!(
            "interrupted: {name} is rolled back to revision {good}; a second Ctrl-C ends that, too, and leaves the release \
             as it is then"
        ));
    }
    match good.map(|_| rollback::rollback(context, target, &back)) {
        Some(Ok(_)) => {
            OpsError::Undone { release: name.to_string(), undone: "rolled back", source: Box::new(error) }
        }
        Some(Err(second)) => OpsError::NotUndone {
            doing: "rolling back",
            verb: "upgrade",
            source: Box::new(error),
            second: Box::new(second),
        },
        None => {
            context.warn("there is no revision that could be rolled back to");
            error
        }
    }
}
