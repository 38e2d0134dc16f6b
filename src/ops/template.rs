//! Template: what a chart renders to, without a store.
//!
//! Invariant: the text is Helm's to the byte: objects, then hooks, `---` and a source line before each.

use std::borrow::Cow;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::change::Target;
use super::lookup::StoreLookup;
use super::options::{Apply, ChartRequest, ReleaseName, ValueSources};
use super::pipeline::{self, Rendered};
use super::show_only::{self, Picking};
use super::{Context, OpsError, install, source};
use crate::chart::{Chart, ChartFile, Reading};
use crate::cluster::Store;
use crate::manifest::{self, Event, Object, split};
use crate::render::{self, Capabilities, ReleaseInfo};
use crate::sys::fs;
use crate::values::Compat;

/// What to render.
#[derive(Debug, Clone)]
pub struct TemplateOptions {
    /// The release's name.
    pub name: ReleaseName,
    /// Its namespace.
    pub namespace: String,
    /// The chart.
    pub chart: ChartRequest,
    /// The values.
    pub values: ValueSources,
    /// Further API versions that the cluster has.
    pub api_versions: Vec<String>,
    /// Version of the cluster.
    pub kube_version: Option<String>,
    /// Print crds/ first.
    pub include_crds: bool,
    /// Render as an upgrade.
    pub is_upgrade: bool,
    /// Only these templates: paths or globs below the chart.
    pub show_only: Vec<String>,
    /// Print the notes last, as Helm 2 could.
    pub notes: bool,
    /// Leave tests out.
    pub skip_tests: bool,
    /// How to render.
    pub apply: Apply,
}

/// One piece of the output.
#[derive(Debug, Clone)]
pub struct Piece {
    /// The template that wrote it: `chart/templates/a.yaml`.
    pub source: Arc<str>,
    body: Body,
    /// Whether it is the last one before the hooks, whose white space at the end Helm takes off.
    is_last_object: bool,
}

/// Where the text of a piece is kept: definitions can be megabytes, so those stay in the chart's file.
#[derive(Debug, Clone)]
enum Body {
    Document(Arc<str>),
    File(ChartFile),
}

impl Piece {
    fn document(object: &Object) -> Self {
        Piece {
            source: Arc::clone(&object.source),
            body: Body::Document(Arc::clone(&object.text)),
            is_last_object: false,
        }
    }

    /// Reads what is still in a file.
    fn look(&self) {
        if let Body::File(file) = &self.body {
            let _ = &*file.data;
        }
    }

    /// The document.
    pub fn text(&self) -> Cow<'_, str> {
        match &self.body {
            Body::Document(text) => Cow::Borrowed(text),
            Body::File(file) => file.text(),
        }
    }
}

/// What was rendered.
#[derive(Debug, Clone)]
pub struct TemplateReport {
    /// The release's name.
    pub name: String,
    /// The chart's name, with which every source begins.
    pub chart: String,
    /// Definitions, objects, hooks, in the order of the output.
    pub pieces: Vec<Piece>,
    layout: Layout,
    /// The charts and all that was made of them. Taking them apart is a tenth of the work for a large chart, and a program
    /// that ends once the report is printed can spare it by forgetting the report.
    _made_of: (Chart, Rendered),
}

/// How the pieces follow each other in the output.
#[derive(Debug, Clone, Copy)]
enum Layout {
    /// All of them.
    Whole,
    /// Those of `--show-only`: Helm 4 ends each with one line break more.
    Picked(Compat),
}

impl TemplateReport {
    /// Writes the output, a piece at a time: definitions can be megabytes and are never copied.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn write_to(&self, out: &mut dyn Write) -> io::Result<()> {
        match self.layout {
            Layout::Whole => self.write_whole(out),
            Layout::Picked(compat) => self.write_picked(out, compat),
        }
    }

    /// Objects lose the white space at the end of them all, as Helm prints them.
    fn write_whole(&self, out: &mut dyn Write) -> io::Result<()> {
        if !self.pieces.iter().any(|piece| piece.is_last_object) {
            out.write_all(b"\n")?;
        }
        for piece in &self.pieces {
            let text = piece.text();
            if piece.is_last_object {
                let mut last = String::new();
                manifest::write_document(&mut last, &piece.source, text.trim_end());
                writeln!(out, "{}", last.trim_end())?;
            } else {
                write_parts(out, &manifest::document(&piece.source, &text))?;
            }
        }
        Ok(())
    }

    fn write_picked(&self, out: &mut dyn Write, compat: Compat) -> io::Result<()> {
        for piece in &self.pieces {
            // A file of crds/ may hold several documents; Helm shows the one that its source line stands at.
            let whole = piece.text();
            if compat == Compat::Helm4 && piece.is_last_object {
                let mut last = String::new();
                manifest::write_document(&mut last, &piece.source, whole.trim_end());
                writeln!(out, "{}\n", last.trim_end())?;
                continue;
            }
            let first = split::split(&whole).next().map_or("", |found| found.text);
            write_parts(out, &manifest::document(&piece.source, first))?;
            let is_cut = first.len() < whole.trim_start().len();
            if compat == Compat::Helm4 && !is_cut {
                out.write_all(b"\n")?;
            }
        }
        Ok(())
    }
}

fn write_parts(out: &mut dyn Write, parts: &[&str]) -> io::Result<()> {
    parts.iter().try_for_each(|part| out.write_all(part.as_bytes()))
}

/// Renders a chart. With a store, `lookup` in templates asks it, and a cluster says itself what it is, whatever the options
/// tell of one.
///
/// # Errors
/// Anything that [`OpsError`] says about charts, values and templates, or a `show_only` that matches nothing.
pub fn template(
    context: &Context<'_>,
    store: Option<&dyn Store>,
    options: &TemplateOptions,
) -> Result<TemplateReport, OpsError> {
    // What is wrong is looked for in Helm's order, so that the first thing found is the same.
    let told = told_capabilities(options)?;
    let name = install::unchecked_name(context, &options.name, &options.chart.reference, options.apply.seed)?;
    let update = options.apply.dependency_update;
    let (chart, user) =
        source::chart_and_values(context, &options.chart, &options.values, update, Reading::WhenLookedAt)?;
    let capabilities = match store.filter(|store| store.cluster().is_some()) {
        Some(store) => install::capabilities(Target::new(store, &options.namespace), &chart, &options.apply)?,
        None => told,
    };
    install::check_release_name(&name)?;
    let info = ReleaseInfo {
        is_install: !options.is_upgrade,
        is_upgrade: options.is_upgrade,
        ..ReleaseInfo::install(name.as_str(), options.namespace.as_str())
    };
    let lookup = store.map(StoreLookup::new);
    let picking = Picking::new(context.progress, options);
    let rendered = pipeline::render(
        &Context { progress: &picking, ..*context },
        &pipeline::Request {
            chart: &chart,
            values: &user.values,
            provenance: &user.provenance,
            release: &info,
            capabilities: &capabilities,
            lookup: lookup.as_ref().map(|lookup| lookup as &dyn render::Lookup),
            options: render::Options { enable_dns: options.apply.enable_dns, ..render::Options::default() },
            skip_schema: options.apply.skip_schema_validation,
            subchart_notes: options.notes && options.apply.subchart_notes,
            compat: options.apply.compat,
            seed: options.apply.seed,
            post_renderer: options.apply.post_renderer.as_ref(),
        },
    );
    // A template may have failed because of what it could not read.
    chart.check_read()?;
    let rendered = rendered?;
    let mut pieces = pieces(&rendered, options);
    // The last that is looked at; from here on nothing is read.
    for piece in &pieces {
        piece.look();
    }
    chart.check_read()?;
    let mut layout = Layout::Whole;
    let root = rendered.chart.name().to_string();
    if !options.show_only.is_empty() {
        pieces = show_only::pick(&pieces, &root, &options.show_only)?;
        layout = Layout::Picked(options.apply.compat);
    }
    Ok(TemplateReport { name, chart: root, pieces, layout, _made_of: (chart, rendered) })
}

/// What the options tell of a cluster.
fn told_capabilities(options: &TemplateOptions) -> Result<Capabilities, OpsError> {
    let mut capabilities = Capabilities::default();
    if let Some(version) = &options.kube_version {
        capabilities = capabilities.with_kube_version(version)?;
        if options.apply.compat == Compat::Helm3 {
            capabilities.kube_version.version = capabilities.kube_version.normalized();
        }
    }
    Ok(capabilities.with_api_versions(&options.api_versions))
}

/// Everything in the order of the output.
fn pieces(rendered: &Rendered, options: &TemplateOptions) -> Vec<Piece> {
    let definitions = rendered.crds.iter().filter(|_| options.include_crds);
    let mut pieces: Vec<Piece> = definitions
        .map(|crd| Piece {
            source: Arc::clone(&crd.name),
            body: Body::File(crd.file.clone()),
            is_last_object: false,
        })
        .chain(rendered.manifest.objects.iter().map(Piece::document))
        .collect();
    if let Some(last) = pieces.last_mut() {
        last.is_last_object = true;
    }
    if !options.apply.no_hooks {
        let hooks = rendered.manifest.hooks.iter();
        let wanted = hooks.filter(|hook| !(options.skip_tests && hook.runs_at(Event::Test)));
        pieces.extend(wanted.map(|hook| Piece::document(&hook.object)));
    }
    pieces.extend(rendered.notes.as_deref().filter(|_| options.notes).map(|notes| Piece {
        source: format!("{}/templates/NOTES.txt", rendered.chart.name()).into(),
        body: Body::Document(notes.trim_end().into()),
        is_last_object: false,
    }));
    pieces
}

/// Writes each template's pieces into a file below a folder, and returns the file of each piece in the order of the output:
/// Helm tells one once for each document that it writes.
///
/// # Errors
/// A path leads out of the folder, or a file cannot be written.
pub fn write_files(report: &TemplateReport, folder: &Path) -> Result<Vec<PathBuf>, OpsError> {
    let mut files: Vec<(PathBuf, String)> = Vec::new();
    let mut written = Vec::new();
    for piece in &report.pieces {
        let path = fs::safe_join(folder, &piece.source)?;
        let at = files.iter().position(|(known, _)| *known == path).unwrap_or_else(|| {
            files.push((path, String::new()));
            files.len() - 1
        });
        written.push(at);
        manifest::write_document(&mut files[at].1, &piece.source, &piece.text());
    }
    for (path, text) in &files {
        fs::write_atomic(path, text.as_bytes(), false)?;
    }
    // Each path leads into the folder, as `safe_join` made it.
    let below = |at: &usize| {
        let path = &files[*at].0; // each was put there
        path.strip_prefix(folder).unwrap_or(path).to_path_buf()
    };
    Ok(written.iter().map(below).collect())
}
