//! Install: the first revision of a release.
//!
//! Order of work, as Helm's: name, dependencies, values and schema, render, objects, ownership; then (unless it is a dry
//! run) the record, crds/, objects.
//!
//! Invariant: whatever fails before the record is made changes nothing.

use super::change::{self, Done, Target, Wanted};
use super::crds;
use super::lookup::StoreLookup;
use super::operation::{Execution, Kind, Newest, Operation};
use super::options::{Apply, ChartRequest, Crds, DryRun, ReleaseName, ValueSources};
use super::pipeline::{self, Rendered};
use super::record::{self, NewRevision};
use super::source::{self, UserValues};
use super::uninstall::{self, UninstallOptions, UninstallReport};
use super::{Context, OpsError};
use crate::chart::{Chart, Reading};
use crate::data::{Map, Value};
use crate::manifest;
use crate::plan::{self, Action, Plan};
use crate::release::{ApplyMethod, Look, Record, Release, Status, check_labels};
use crate::render::{self, Capabilities, KubeVersion, ReleaseInfo};

/// What to install.
#[derive(Debug, Clone)]
pub struct InstallOptions {
    /// The release's name.
    pub name: ReleaseName,
    /// The chart.
    pub chart: ChartRequest,
    /// The values.
    pub values: ValueSources,
    /// Make the namespace.
    pub create_namespace: bool,
    /// Use a name again whose last revision is uninstalled or failed.
    pub replace: bool,
    /// Server-side apply.
    pub server_side: bool,
    /// How to render and apply.
    pub apply: Apply,
}

/// What came of an operation.
#[derive(Debug, Clone)]
pub struct ReleaseReport {
    /// The revision as recorded; as it would be, for a dry run.
    pub release: Release,
    /// What happened to each object; empty for a dry run without a store.
    pub plan: Plan,
    /// Hooks that were recorded and not run.
    pub hooks_not_run: Vec<String>,
    /// Whether an upgrade found nothing to upgrade and installed instead.
    pub installed: bool,
    /// Whether nothing was done, since nothing was changed (`if_changed`).
    pub unchanged: bool,
    /// The values that templates saw; `None` when nothing was rendered.
    pub computed: Option<Value>,
}

impl ReleaseReport {
    pub(super) fn of(done: Done, installed: bool) -> Self {
        ReleaseReport {
            release: done.release,
            plan: done.plan,
            hooks_not_run: done.hooks_not_run,
            installed,
            unchanged: false,
            computed: None,
        }
    }

    /// The report of an uninstall; `planned` is the revision when its record is gone.
    pub(super) fn removed(report: UninstallReport, planned: Release) -> Self {
        ReleaseReport {
            release: report.release.unwrap_or(planned),
            plan: report.plan,
            hooks_not_run: Vec::new(),
            installed: false,
            unchanged: false,
            computed: None,
        }
    }

    /// The report of an upgrade that found nothing to do: the revision that stays.
    pub(super) fn unchanged(operation: Operation) -> Self {
        let release = operation.current().cloned().unwrap_or(operation.release);
        ReleaseReport {
            release,
            plan: operation.plan,
            hooks_not_run: Vec::new(),
            installed: false,
            unchanged: true,
            computed: None,
        }
    }
}

/// The name of a new release.
///
/// # Errors
/// A template cannot be rendered, or the name is not one that a release may have.
pub fn release_name(
    context: &Context<'_>,
    name: &ReleaseName,
    chart: &str,
    seed: Option<u64>,
) -> Result<String, OpsError> {
    let name = unchecked_name(context, name, chart, seed)?;
    check_release_name(&name)?;
    Ok(name)
}

/// The name of a new release, before [`check_release_name`].
///
/// # Errors
/// A template cannot be rendered.
pub(super) fn unchecked_name(
    context: &Context<'_>,
    name: &ReleaseName,
    chart: &str,
    seed: Option<u64>,
) -> Result<String, OpsError> {
    let seeded = seed.map(|seed| context.host.seeded(seed));
    let host = seeded.as_ref().unwrap_or(context.host);
    Ok(match name {
        ReleaseName::Given(name) => name.clone(),
        ReleaseName::Generated => generated_name(context, chart),
        ReleaseName::Template(template) => render::name_from_template(template, host)?,
    })
}

/// Refuses a name that no release may have.
///
/// # Errors
/// [`OpsError::Name`].
pub(super) fn check_release_name(name: &str) -> Result<(), OpsError> {
    manifest::check_release(name).map_err(|source| OpsError::Name { source })
}

/// `chart-1766300400`: the chart's base name up to its first dot, and the time. Source: Helm's `--generate-name`.
fn generated_name(context: &Context<'_>, chart: &str) -> String {
    let base = chart.trim_end_matches('/').rsplit('/').next().unwrap_or(chart);
    let stem = base.split('.').next().filter(|stem| !stem.is_empty()).unwrap_or("chart");
    let seconds = context.host.now().duration_since(std::time::UNIX_EPOCH).map_or(0, |since| since.as_secs());
    format!("{stem}-{seconds}")
}

/// Installs a chart.
///
/// # Errors
/// Anything that [`OpsError`] says. With `rollback_on_failure` a failed install is removed again.
pub fn install(
    context: &Context<'_>,
    target: Target<'_>,
    options: &InstallOptions,
) -> Result<ReleaseReport, OpsError> {
    let name = release_name(context, &options.name, &options.chart.reference, options.apply.seed)?;
    let dry = options.apply.dry_run != DryRun::None;
    change::telling(context, target, || {
        let mut look = change::look(context, target, &name, dry, options.apply.wait_lock, false)?;
        let last = change::last(context, &mut look)?;
        let operation = decide(context, target, options, &name, (look.next_revision(), last))?;
        if dry {
            return Ok(dry_run(operation));
        }
        operation.carry_out(context, target, &look)
    })
}

/// Decides on an install as some revision of a name whose last one is `previous`. Nothing is written.
///
/// # Errors
/// As [`install`], up to the first change.
pub(super) fn decide(
    context: &Context<'_>,
    target: Target<'_>,
    options: &InstallOptions,
    name: &str,
    (revision, previous): (u64, Option<Record>),
) -> Result<Operation, OpsError> {
    check_name(previous.as_ref(), options.replace)?;
    check_labels(&options.apply.labels)?;
    let update = options.apply.dependency_update;
    let (chart, user) =
        source::chart_and_values(context, &options.chart, &options.values, update, Reading::AtOnce)?;
    let info = ReleaseInfo {
        revision: u32::try_from(revision).unwrap_or(u32::MAX),
        ..ReleaseInfo::install(name, target.namespace)
    };
    let rendered = render_chart(context, target, &chart, &user, &info, &options.apply)?;
    // How objects that are there are changed says nothing about those that are made; `upgrade --install` passes such flags on.
    let apply = &options.apply;
    let asked = change::method(options.server_side, apply.force_replace, apply.force_conflicts);
    let method = match asked {
        Ok(method) => method,
        Err(_) => change::method(options.server_side, false, options.server_side && apply.force_conflicts)?,
    };
    let definitions = match options.apply.crds {
        // A dry run of the client does not look into crds/, as in Helm.
        _ if options.apply.dry_run == DryRun::Client => Vec::new(),
        Crds::Skip => Vec::new(),
        _ => change::crd_objects(&rendered.crds)?,
    };
    let release = pending(context, &info, revision, options, user.values, &rendered);
    let mut operation = Operation {
        kind: Kind::Install,
        newest: previous.as_ref().map(Newest::of),
        middle: record::middle_ahead(&release, options.apply.dry_run),
        release,
        plan: Plan::default(),
        old: String::new(),
        definitions: Vec::new(),
        namespace: None,
        superseded: giving_way(previous),
        left: None,
        computed: Some(rendered.values),
        execution: options.apply.execution(method, 0),
    };
    if options.apply.dry_run == DryRun::Client {
        return Ok(operation);
    }
    let wanted = Wanted {
        name,
        old: "",
        ahead: None,
        new: &rendered.manifest.objects,
        definitions: &definitions,
        take_ownership: options.apply.take_ownership,
        replace: options.apply.force_replace,
        set_back: change::sets_back(target, options.server_side),
        verb: "install",
    };
    operation.plan = change::plan(context, target, wanted)?;
    if operation.plan.writes().any(|step| matches!(step.action, Action::Update | Action::Adopt)) {
        asked?;
    }
    operation.namespace = if options.create_namespace { new_namespace(target)? } else { None };
    operation.definitions =
        crds::needed(target.store, &definitions, options.apply.crds, true, options.server_side)?;
    Ok(operation)
}

/// The revision that gives way to an install: the last one of a release that was uninstalled.
pub(super) fn giving_way(previous: Option<Record>) -> Vec<Record> {
    previous.into_iter().filter(|record| record.release.info.status == Status::Uninstalled).collect()
}

/// Removes a failed install again whose record has that uid, as long as nothing came after it.
pub(super) fn undo(
    context: &Context<'_>,
    target: Target<'_>,
    (name, uid): (&str, &str),
    execution: &Execution,
    error: OpsError,
) -> OpsError {
    let look = target.history(context).look(name).ok();
    let newest = look.as_ref().and_then(Look::newest);
    if newest.is_none_or(|newest| newest.uid != uid || newest.status != Status::Failed) {
        return error;
    }
    if error.is_interrupted() {
        context.warn(format!(
            "interrupted: {name} is uninstalled again; a second Ctrl-C ends that, too, and leaves the release as it is then"
        ));
    }
    let removal = UninstallOptions {
        no_hooks: execution.no_hooks,
        wait: execution.wait,
        ..UninstallOptions::default()
    };
    match uninstall::uninstall(context, target, name, &removal) {
        Ok(_) => {
            OpsError::Undone { release: name.to_string(), undone: "uninstalled", source: Box::new(error) }
        }
        Err(second) => OpsError::NotUndone {
            doing: "uninstalling",
            verb: "install",
            source: Box::new(error),
            second: Box::new(second),
        },
    }
}

/// Refuses a name that is in use. The text is Helm's.
fn check_name(previous: Option<&Record>, replace: bool) -> Result<(), OpsError> {
    let Some(previous) = previous else { return Ok(()) };
    let status = previous.release.info.status;
    if replace && matches!(status, Status::Uninstalled | Status::Failed) {
        return Ok(());
    }
    let name = &previous.release.name;
    let hint = match status {
        Status::Uninstalled | Status::Failed => {
            format!(
                "revision {} of {name} is {status}: add --replace, or upgrade it",
                previous.release.version
            )
        }
        Status::Uninstalling => {
            format!(
                "an uninstall of {name} did not end: `bowline uninstall {name}` finishes it, `bowline delete {name}` does and \
                 keeps the history, `bowline rollback {name}` brings the release back"
            )
        }
        _ => format!("{name} is {status}: run `bowline upgrade {name} …`, or choose another name"),
    };
    Err(OpsError::refused_with("release name check failed: cannot reuse a name that is still in use", hint))
}

/// Renders a chart for an install or an upgrade.
pub(super) fn render_chart(
    context: &Context<'_>,
    target: Target<'_>,
    chart: &Chart,
    user: &UserValues,
    info: &ReleaseInfo,
    apply: &Apply,
) -> Result<Rendered, OpsError> {
    let lookup = StoreLookup::new(target.store);
    let capabilities = capabilities(target, chart, apply)?;
    pipeline::render(
        context,
        &pipeline::Request {
            chart,
            values: &user.values,
            provenance: &user.provenance,
            release: info,
            capabilities: &capabilities,
            // A dry run of the client has no store to ask.
            lookup: (apply.dry_run != DryRun::Client).then_some(&lookup as &dyn render::Lookup),
            options: render::Options { enable_dns: apply.enable_dns, ..render::Options::default() },
            skip_schema: apply.skip_schema_validation,
            subchart_notes: apply.subchart_notes,
            compat: apply.compat,
            seed: apply.seed,
            post_renderer: apply.post_renderer.as_ref(),
        },
    )
}

/// What templates are told of the cluster: what it serves, and what the chart's own definitions will add.
pub(super) fn capabilities(
    target: Target<'_>,
    chart: &Chart,
    apply: &Apply,
) -> Result<Capabilities, OpsError> {
    let mut capabilities = Capabilities::default();
    let Some(cluster) = target.store.cluster().filter(|_| apply.dry_run != DryRun::Client) else {
        return Ok(capabilities);
    };
    let server = cluster.server()?;
    capabilities.kube_version =
        KubeVersion { version: server.version, major: server.major, minor: server.minor };
    capabilities.api_versions = server.api_versions;
    if apply.crds != Crds::Skip {
        for object in change::crd_objects(&pipeline::crds(chart))? {
            for version in plan::definition::served_versions(&object.body) {
                if !capabilities.api_versions.contains(&version) {
                    capabilities.api_versions.push(version);
                }
            }
        }
    }
    Ok(capabilities)
}

fn pending(
    context: &Context<'_>,
    info: &ReleaseInfo,
    revision: u64,
    options: &InstallOptions,
    config: Map,
    rendered: &Rendered,
) -> Release {
    let mut release = record::new_revision(
        context.host,
        NewRevision {
            name: &info.name,
            namespace: &info.namespace,
            revision,
            status: Status::PendingInstall,
            description: "Initial install underway",
            first_deployed: None,
            config,
            rendered,
            hide_secrets: options.apply.hide_secrets,
            method: if options.server_side { ApplyMethod::ServerSide } else { ApplyMethod::ClientSide },
        },
    );
    release.labels.extend(
        options
            .apply
            .labels
            .iter()
            .filter(|(_, value)| *value != "null")
            .map(|(key, value)| (key.clone(), value.clone())),
    );
    release
}

/// The report of an operation that is not carried out.
pub(super) fn dry_run(operation: Operation) -> ReleaseReport {
    let mut release = operation.release;
    release.info.description = "Dry run complete".to_string();
    ReleaseReport {
        release,
        plan: operation.plan,
        hooks_not_run: Vec::new(),
        installed: operation.kind == Kind::Install,
        unchanged: false,
        computed: operation.computed,
    }
}

/// The release's namespace, when it is not there yet. It belongs to nobody and is never deleted.
pub(super) fn new_namespace(target: Target<'_>) -> Result<Option<Value>, OpsError> {
    let name = target.namespace;
    let labels: Value = [("name", name)].into_iter().collect();
    let metadata: Value = [("name", Value::str(name)), ("labels", labels)].into_iter().collect();
    let body: Value =
        [("apiVersion", Value::str("v1")), ("kind", Value::str("Namespace")), ("metadata", metadata)]
            .into_iter()
            .collect();
    let id = manifest::ObjectRef {
        group: String::new(),
        version: "v1".to_string(),
        kind: "Namespace".to_string(),
        namespace: String::new(),
        name: name.to_string(),
    };
    Ok(target.store.get(&id)?.is_none().then_some(body))
}
