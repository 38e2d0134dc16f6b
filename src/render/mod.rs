//! Rendering: a chart tree and its values become texts.
//!
//! ```text
//! chart tree ─► scopes (path, values per chart) ─► template files ─┬─► gotpl (Go templates)  ─┬─► rendered files
//!                                                                  └─► tera                  ─┘   in Helm's order
//! ```
//!
//! A file is a Tera template when its chart says `engine: tera` or when its name ends in `.tera` (which the name of the
//! rendered file drops); all others are Go templates. Both engines see the same objects and report the same error type.
//!
//! Invariant: rendering touches neither a store nor the network nor the clock by itself: `lookup` is a callback, time and
//! randomness come from the [`Host`].

pub mod blame;
mod capabilities;
mod error;
pub mod gotpl;
pub mod language;
mod reads;
pub mod reference;
mod scope;
mod source_map;
pub mod tera;

use std::any::Any;
use std::cmp::Reverse;
use std::path::Path;
use std::sync::Arc;

pub use capabilities::{Capabilities, HelmVersion, KubeVersion};
pub use error::{RenderError, TemplateFailure, ValueRead};
pub use gotpl::name_from_template;
pub use reads::Reads;
pub use scope::{Scope, scopes};
pub use source_map::{Origin, SourceMap};

use crate::chart::Chart;
use crate::data::Value;
use crate::diag::SourceFile;
use crate::sys::Host;

/// The name of a text that `tpl` renders in a Tera chart: it is a value's, and in no file.
pub const TEXT_OF_A_VALUE: &str = "tpl";

/// What is being installed, as templates see it.
#[derive(Debug, Clone)]
pub struct ReleaseInfo {
    /// Name of the release.
    pub name: String,
    /// Namespace it goes to.
    pub namespace: String,
    /// Number of the revision, from 1.
    pub revision: u32,
    /// Whether this is an install.
    pub is_install: bool,
    /// Whether this is an upgrade or a rollback.
    pub is_upgrade: bool,
    /// Who renders: `Helm`, as charts compare with it.
    pub service: &'static str,
}

impl ReleaseInfo {
    /// The first revision of a release.
    pub fn install(name: impl Into<String>, namespace: impl Into<String>) -> Self {
        ReleaseInfo {
            name: name.into(),
            namespace: namespace.into(),
            revision: 1,
            is_install: true,
            is_upgrade: false,
            service: "Helm",
        }
    }

    /// A later revision of a release.
    pub fn upgrade(name: impl Into<String>, namespace: impl Into<String>, revision: u32) -> Self {
        ReleaseInfo { revision, is_install: false, is_upgrade: true, ..Self::install(name, namespace) }
    }
}

/// Bounds on one run, so that a template cannot take the machine down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// How deep `include` and `tpl` may nest.
    pub depth: usize,
    /// Bytes of all rendered files together; a value, and so the text of one file, may have a quarter of that.
    pub output: usize,
    /// Interpolations, loop rounds and values made.
    pub steps: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { depth: 1_000, output: 256 << 20, steps: 50_000_000 }
    }
}

/// How to render.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Options {
    /// Whether Go templates fail on missing keys (`lint --strict`); Tera templates always do.
    pub strict: bool,
    /// Whether `required` and `fail` are let pass, as `lint` does.
    pub lint: bool,
    /// Whether templates may resolve host names.
    pub enable_dns: bool,
    /// Bounds.
    pub limits: Limits,
    /// What to learn on the way.
    pub record: Record,
    /// Whether charts have the paths that Helm 3 gives them; see [`scopes`].
    pub helm3_paths: bool,
}

/// What rendering learns beside the text. Off by default, and without cost then. Only Go templates are recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Record {
    /// Where each byte of the output comes from: [`RenderedFile::map`].
    pub map: bool,
    /// Which values are read: [`RenderedFile::reads`].
    pub reads: bool,
}

/// Answers `lookup` calls. Rendering never touches a store; whoever is connected to one passes this in.
pub trait Lookup {
    /// The object, or a list object when `name` is empty, or an empty map when there is none.
    ///
    /// # Errors
    /// The text of what the API server said.
    fn lookup(&self, api_version: &str, kind: &str, namespace: &str, name: &str) -> Result<Value, String>;
}

/// All that rendering needs.
#[derive(Clone, Copy)]
pub struct Job<'a> {
    /// The chart after dependency processing: aliases renamed, disabled charts removed.
    pub chart: &'a Chart,
    /// The coalesced values: a subchart's under its name, `global` copied into each.
    pub values: &'a Value,
    /// The release.
    pub release: &'a ReleaseInfo,
    /// The cluster.
    pub capabilities: &'a Capabilities,
    /// Clock and randomness.
    pub host: &'a Host,
    /// Answers `lookup`; without it every lookup yields an empty map.
    pub lookup: Option<&'a dyn Lookup>,
    /// How to render.
    pub options: Options,
}

/// A template language.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EngineKind {
    /// Go's text/template with Helm's functions.
    Gotpl,
    /// Tera, with values that cannot break YAML.
    Tera,
}

impl EngineKind {
    /// The engine of a file in a chart; `Err` is the name of an engine that nobody knows.
    fn of<'a>(chart: &'a Chart, path: &str) -> Result<Self, &'a str> {
        match chart.metadata.engine.as_str() {
            _ if has_extension(path, "tera") => Ok(EngineKind::Tera),
            "" | "gotpl" => Ok(EngineKind::Gotpl),
            "tera" => Ok(EngineKind::Tera),
            other => Err(other),
        }
    }

    /// Its name in Chart.yaml.
    pub fn name(self) -> &'static str {
        match self {
            EngineKind::Gotpl => "gotpl",
            EngineKind::Tera => "tera",
        }
    }
}

/// Whether a path ends in `.extension`.
fn has_extension(path: &str, extension: &str) -> bool {
    Path::new(path).extension().is_some_and(|found| found == extension)
}

/// One template of the chart tree.
#[derive(Debug, Clone)]
pub struct TemplateFile {
    /// Its full path as the author knows it: `chart/charts/sub/templates/x.yaml.tera`. Also the name of `source`.
    pub name: Arc<str>,
    /// The text.
    pub source: Arc<SourceFile>,
    /// Index of its chart in [`scopes`].
    pub scope: usize,
    /// Whether it is rendered; files of library charts and those whose base name starts with `_` are only parsed.
    pub emitted: bool,
}

impl TemplateFile {
    /// The name of what it renders to: without `.tera`.
    pub fn output_name(&self) -> &str {
        self.name.strip_suffix(".tera").unwrap_or(&self.name)
    }
}

/// One rendered template.
#[derive(Debug, Clone)]
pub struct RenderedFile {
    /// `chart/templates/x.yaml`, `chart/charts/sub/templates/y.yaml`.
    pub name: Arc<str>,
    /// What came out.
    pub text: String,
    /// The same where it was no UTF-8, and `text` has replacement characters.
    pub damaged: Option<Arc<SourceFile>>,
    /// The language it was written in.
    pub engine: EngineKind,
    /// The template.
    pub source: Arc<SourceFile>,
    /// Where the text comes from, when that was recorded.
    pub map: Option<SourceMap>,
    /// Which values were read for it, when that was recorded.
    pub reads: Option<Reads>,
    /// What `lint` let pass in it.
    pub passed: Vec<Passed>,
}

impl RenderedFile {
    /// The text under the name of the file, as manifests are read from.
    pub fn into_output(self) -> Arc<SourceFile> {
        match self.damaged {
            Some(file) => file,
            None => SourceFile::new(self.name, self.text),
        }
    }
}

/// A demand of a template that was let pass, as `lint` does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Passed {
    /// `required` without a value, with its message.
    Required(String),
    /// `fail`, with its message.
    Fail(String),
}

/// A template language at work.
pub trait Engine {
    /// Renders those of its files that are emitted; all of them are parsed, in the given order (see [`render_each`]).
    ///
    /// # Errors
    /// [`RenderError::Templates`] with every template that failed.
    fn render(
        &self,
        job: &Job,
        files: &[TemplateFile],
        out: &mut dyn FnMut(RenderedFile),
    ) -> Result<Remains, RenderError>;
}

/// What rendering leaves behind that nobody reads any more: the parsed templates. To take them apart is a twentieth of the
/// work for a large chart, so it is left to whoever has the time; a process that ends has not.
#[derive(Debug, Clone, Default)]
pub struct Remains {
    parts: Vec<Arc<dyn Any + Send + Sync>>,
}

/// Renders all templates of a chart tree, in [`execution_order`]. NOTES.txt files are among them; library charts and files
/// whose base name starts with `_` are parsed but not emitted.
///
/// # Errors
/// [`RenderError::Templates`] names every template that failed, of both engines.
pub fn render(job: &Job) -> Result<Vec<RenderedFile>, RenderError> {
    let mut rendered = Vec::new();
    render_each(job, &mut |file| rendered.push(file))?;
    rendered.sort_by_cached_key(|file| execution_order(&file.name));
    Ok(rendered)
}

/// As [`render`], but hands each file over as soon as it is there: Go templates while the next one is being executed on
/// another thread, so that the caller can read what came out meanwhile. Files of one language come in
/// [`execution_order`], those of Tera last. After an error what was handed over counts for nothing.
///
/// # Errors
/// As [`render`].
pub fn render_each(job: &Job, out: &mut dyn FnMut(RenderedFile)) -> Result<Remains, RenderError> {
    let mut of_gotpl = Vec::new();
    let mut of_tera = Vec::new();
    for (kind, file) in template_files(job)? {
        match kind {
            EngineKind::Gotpl => of_gotpl.push(file),
            EngineKind::Tera => of_tera.push(file),
        }
    }
    let mut remains = Remains::default();
    let mut failures = Vec::new();
    for (kind, files) in [(EngineKind::Gotpl, of_gotpl), (EngineKind::Tera, of_tera)] {
        if files.is_empty() {
            continue;
        }
        let result = match kind {
            EngineKind::Gotpl => gotpl::GotplEngine.render(job, &files, out),
            EngineKind::Tera => tera::TeraEngine.render(job, &files, out),
        };
        match result {
            Ok(more) => remains.parts.extend(more.parts),
            Err(RenderError::Templates(more)) => {
                failures.extend(more.into_iter().map(|one| one.read_as(kind)));
            }
            Err(other) => return Err(other),
        }
    }
    if failures.is_empty() { Ok(remains) } else { Err(RenderError::Templates(failures)) }
}

/// The templates of the whole tree with their engines, in Helm's order of execution.
fn template_files(job: &Job) -> Result<Vec<(EngineKind, TemplateFile)>, RenderError> {
    let mut files = Vec::new();
    for (index, scope) in scopes(job).iter().enumerate() {
        for template in &scope.chart.templates {
            let name: Arc<str> = format!("{}/{}", scope.path, template.path).into();
            let kind = EngineKind::of(scope.chart, &template.path).map_err(|engine| {
                let file = format!("{}/Chart.yaml", scope.path).into();
                RenderError::Unsupported { engine: engine.to_string(), file }
            })?;
            let base = template.path.rsplit('/').next().unwrap_or(&template.path);
            let emitted = !base.starts_with('_') && !scope.chart.is_library();
            let source = template.source(Arc::clone(&name));
            files.push((kind, TemplateFile { name, source, scope: index, emitted }));
        }
    }
    // Of two templates with one name, which charts below two aliases of one chart may have, the later one counts.
    files.reverse();
    files.sort_by_cached_key(|(_, file)| execution_order(&file.name));
    files.dedup_by(|(_, other), (_, file)| other.name == file.name);
    Ok(files)
}

/// Helm's order of parsing and execution, as a key to sort by: the deepest path first and, among equals, from Z to A, so
/// that what a parent defines overrides what its children define.
pub fn execution_order(path: &Arc<str>) -> Reverse<(usize, Arc<str>)> {
    Reverse((path.matches('/').count(), Arc::clone(path)))
}
