//! From a chart and values to a manifest: the part that template, install, upgrade and lint share.
//!
//! ```text
//! chart ─► dependencies and defaults ─► schema ─► render ─► notes | manifest (ordered objects, hooks)
//! ```
//!
//! Invariant: nothing here opens a store; what a template looks up comes through a callback. The network is asked for what
//! schemas refer to by URL, and for nothing else.

use std::sync::Arc;

use super::options::PostRenderer;
use super::{Context, Event, OpsError, blame, post_render};
use crate::chart::{Chart, ChartFile};
use crate::data::version::{Constraint, Version};
use crate::data::{Map, Value};
use crate::diag::{Severity, SourceFile};
use crate::fetch::schema::Documents;
use crate::manifest::{self, Manifest, RenderedText, Splitting};
use crate::render::{self, Capabilities, EngineKind, Job, Lookup, ReleaseInfo, Remains, RenderedFile};
use crate::values::{self, Compat, Processed, Provenance};

/// What to render.
pub struct Request<'a> {
    /// The chart as loaded.
    pub chart: &'a Chart,
    /// The user's values.
    pub values: &'a Map,
    /// Where each of them was given.
    pub provenance: &'a Provenance,
    /// The release.
    pub release: &'a ReleaseInfo,
    /// The cluster.
    pub capabilities: &'a Capabilities,
    /// Answers `lookup`.
    pub lookup: Option<&'a dyn Lookup>,
    /// How to render.
    pub options: render::Options,
    /// Ignore values.schema.json.
    pub skip_schema: bool,
    /// Render the notes of subcharts too.
    pub subchart_notes: bool,
    /// Which Helm's rules count, for null and for the split into documents.
    pub compat: Compat,
    /// Randomness and time of templates come from this number.
    pub seed: Option<u64>,
    /// A program between rendering and applying.
    pub post_renderer: Option<&'a PostRenderer>,
}

/// A CustomResourceDefinition file of a chart tree.
#[derive(Debug, Clone)]
pub struct Crd {
    /// `chart/crds/a.yaml`, `chart/charts/sub/crds/b.yaml`.
    pub name: Arc<str>,
    /// The file.
    pub file: ChartFile,
}

/// What came out.
#[derive(Debug, Clone)]
pub struct Rendered {
    /// The chart after dependency processing.
    pub chart: Chart,
    /// The values that templates saw.
    pub values: Value,
    /// Objects in install order, and hooks.
    pub manifest: Manifest,
    /// NOTES.txt as rendered; `None` when the chart has none.
    pub notes: Option<String>,
    /// The files of crds/, the chart's first, then those of its subcharts.
    pub crds: Vec<Crd>,
    /// What is left of rendering.
    pub remains: Remains,
}

/// Renders a chart.
///
/// # Errors
/// The chart does not fit the cluster, the values do not fit the schema, a template fails, or what it writes is no
/// manifest.
pub fn render(context: &Context<'_>, request: &Request<'_>) -> Result<Rendered, OpsError> {
    let Processed { chart, values, warnings } =
        values::process(request.chart, request.values, request.compat)?;
    for warning in warnings {
        context.warn(warning.to_string());
    }
    check_cluster_version(&chart, request.capabilities)?;
    if !request.skip_schema {
        let documents = Documents::new(context.host);
        let fetch = |url: &str| documents.load(url);
        values::schema::validate(&chart, &values, Some(request.provenance), Some(&fetch))?;
    }
    let values = Value::Map(values);
    let seeded = request.seed.map(|seed| context.host.seeded(seed));
    let job = Job {
        chart: &chart,
        values: &values,
        release: request.release,
        capabilities: request.capabilities,
        host: seeded.as_ref().unwrap_or(context.host),
        lookup: request.lookup,
        options: render::Options { helm3_paths: request.compat == Compat::Helm3, ..request.options },
    };
    let splitting = match request.compat {
        Compat::Helm4 => Splitting::Helm4,
        Compat::Helm3 => Splitting::Helm3,
    };
    let mut notes = Vec::new();
    let mut files = Vec::new();
    let remains = render::render_each(&job, &mut |file| match file.engine {
        _ if file.name.ends_with("NOTES.txt") => notes.push(file),
        // While the next file is being executed.
        EngineKind::Gotpl => files.push(RenderedText::read(file.into_output(), splitting)),
        EngineKind::Tera => files.push(RenderedText::Unread(file.into_output())),
    });
    let remains = remains.map_err(|mut error| {
        blame::templates(&mut error, &values, &chart, request.provenance);
        error
    })?;
    let notes = text_of_notes(notes, chart.name(), request.subchart_notes);
    let manifest = manifest(context, request, &job, files, splitting)?;
    let crds = crds(&chart);
    Ok(Rendered { chart, values, manifest, notes, crds, remains })
}

/// The objects and hooks of rendered files, after the post-renderer.
fn manifest(
    context: &Context<'_>,
    request: &Request<'_>,
    job: &Job<'_>,
    mut files: Vec<RenderedText>,
    splitting: Splitting,
) -> Result<Manifest, OpsError> {
    files.sort_by_cached_key(|file| render::execution_order(&file.source().name().into()));
    let texts: Vec<Arc<SourceFile>> = files.iter().map(|file| Arc::clone(file.source())).collect();
    let sort = |files: Vec<RenderedText>, texts: &[Arc<SourceFile>]| {
        Manifest::from_files(files, splitting)
            .inspect_err(|_| context.progress.event(Event::Rendered(shown(texts))))
    };
    let mut manifest = sort(files, &texts).map_err(|error| blame::manifest(error, job))?;
    match (request.post_renderer, request.compat) {
        (None, _) => {}
        (Some(renderer), Compat::Helm4) => {
            let texts = post_render::run(context, renderer, &texts)?;
            manifest = sort(texts.iter().cloned().map(RenderedText::Unread).collect(), &texts)?;
        }
        (Some(renderer), Compat::Helm3) => post_render::run_on_manifest(context, renderer, &mut manifest)?,
    }
    for note in &manifest.notes {
        context.debug(note.to_string());
    }
    for events in &manifest.unknown_hooks {
        context.progress.event(Event::Fact {
            severity: Severity::Info,
            text: "skipping unknown hooks",
            fields: vec![("hookTypes", events.clone())],
        });
    }
    Ok(manifest)
}

/// Rendered files as `--debug` shows them when they are no manifest.
fn shown(files: &[Arc<SourceFile>]) -> String {
    let mut text = String::new();
    for file in files.iter().filter(|file| !file.text().trim().is_empty()) {
        manifest::write_document(&mut text, file.name(), file.text());
    }
    text.truncate(text.trim_end().len());
    text.push('\n');
    text
}

/// Refuses a chart whose `kubeVersion` the cluster does not satisfy. The text is Helm's. Only the numbers of the cluster's
/// version count: `v1.31.0-gke.1` is no pre-release of 1.31.
fn check_cluster_version(chart: &Chart, capabilities: &Capabilities) -> Result<(), OpsError> {
    let wanted = &chart.metadata.kube_version;
    let found = &capabilities.kube_version.version;
    if wanted.is_empty() {
        return Ok(());
    }
    let numbers = capabilities.kube_version.normalized();
    let fits = match (Constraint::parse(wanted), Version::parse(&numbers)) {
        (Ok(constraint), Ok(version)) => constraint.check(&version),
        _ => false,
    };
    if fits {
        return Ok(());
    }
    Err(OpsError::refused_with(
        format!("chart requires kubeVersion: {wanted} which is incompatible with Kubernetes {found}"),
        "choose another version of the chart, or say which cluster version to render for with --kube-version",
    ))
}

/// The rendered NOTES.txt that are wanted, joined by line breaks.
fn text_of_notes(mut files: Vec<RenderedFile>, chart: &str, subcharts: bool) -> Option<String> {
    let own = format!("{chart}/templates/NOTES.txt");
    files.retain(|file| subcharts || *file.name == *own);
    // The chart's own notes come first, those of its subcharts by name; Helm's order is random.
    files.sort_by_key(|file| (*file.name != *own, Arc::clone(&file.name)));
    let texts: Vec<String> = files.into_iter().map(|file| file.text).collect();
    (!texts.is_empty()).then(|| texts.join("\n"))
}

/// The files of crds/ of a chart tree, the chart's first, then those of its subcharts.
pub fn crds(chart: &Chart) -> Vec<Crd> {
    let mut crds = Vec::new();
    collect_crds(chart, chart.name(), &mut crds);
    crds
}

fn collect_crds(chart: &Chart, path: &str, into: &mut Vec<Crd>) {
    let named = |file: &ChartFile| Crd { name: format!("{path}/{}", file.path).into(), file: file.clone() };
    into.extend(chart.crds().map(named));
    for child in &chart.subcharts {
        collect_crds(child, &format!("{path}/charts/{}", child.name()), into);
    }
}
