//! The Tera engine: templates whose values cannot break the YAML they stand in.
//!
//! ```text
//! template ─► rewrite: every {{ … }} writes a mark ─► Tera ─► text with marks ─┬─► yaml   values quoted, indented, escaped
//!             (lexer, load: names of the tree)                                 ├─► json   for .json files
//!                                                                              └─► text   for NOTES.txt and the like
//! ```
//!
//! What a template sees: `values`, `release`, `chart`, `capabilities`, `files`, `template`, `subcharts`, all in lower
//! case; what it can call: [`functions::TABLE`].
//!
//! Where values come from elsewhere than `{{ … }}`:
//!
//! - `{% set x %}…{% endset %}` captures plain text: `{{ x }}` is that text as one value. With `| from_yaml` the body is
//!   YAML in which values are safe, and `x` is what it says.
//! - `{% include %}`, `{{ <component /> }}` and `super()` stand for text: it moves to the column where it is asked for,
//!   and its values are safe in the place where they end up.
//! - `{% filter f %}…{% endfilter %}` is a value, unless `f` only moves text (`indent`, `nindent`, `trim`) or the last
//!   filter is `raw`.
//! - `{{ x | raw }}`, `| safe`, `| indent(…)`, `| nindent(…)`, `| quote`, `| squote` opt out: text as it is.
//!
//! Invariant: see the `yaml` module; and no template can take more time, memory or depth than the job's limits say.

mod blocks;
mod context;
mod convert;
mod errors;
pub mod functions;
mod json;
mod lexer;
mod load;
mod marks;
mod rewrite;
mod run;
mod yaml;

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::channel;

use tera::Tera;

use super::{
    Engine, EngineKind, Job, Remains, RenderError, RenderedFile, TemplateFailure, TemplateFile, scopes,
};
use crate::diag::{Diagnostic, SourceFile, Span, did_you_mean};

use load::Tree;
use rewrite::{Rewritten, rewrite};
use run::{Ask, Current, Form, Line, Loaded, Run, lock};

/// Renders Tera templates.
#[derive(Debug, Clone, Copy, Default)]
pub struct TeraEngine;

/// Stack of the thread that renders: deep values and nested `tpl` calls need more than the default.
const STACK: usize = 64 << 20;

impl Engine for TeraEngine {
    fn render(
        &self,
        job: &Job,
        files: &[TemplateFile],
        out: &mut dyn FnMut(RenderedFile),
    ) -> Result<Remains, RenderError> {
        let mut nonce = [0; 8];
        job.host.random.fill(&mut nonce).map_err(RenderError::Random)?;
        let (ask, questions) = channel();
        let (reply, answer) = channel();
        let line = job.lookup.map(|_| Line { ask: ask.clone(), answer });
        let scopes = scopes(job);
        let run = Run::new(
            u64::from_le_bytes(nonce),
            job.host.clone(),
            job.options,
            Tree::new(&scopes, files),
            line,
        );
        let contexts = context::Source::new(job, &scopes);
        // Tera's functions own what they use; the store is borrowed. So Tera runs in a thread of its own, and this one
        // answers its lookups.
        std::thread::scope(|threads| {
            let worker = std::thread::Builder::new().name("tera".to_string()).stack_size(STACK).spawn_scoped(
                threads,
                || {
                    let _done = Done(ask);
                    work(Arc::new(run), &contexts, files)
                },
            );
            let worker = worker.map_err(|error| broken(error.to_string()))?;
            while let Ok(Ask::Lookup([api_version, kind, namespace, name])) = questions.recv() {
                let found = match job.lookup {
                    Some(lookup) => lookup.lookup(&api_version, &kind, &namespace, &name),
                    None => Ok(crate::data::Value::map()),
                };
                if reply.send(found).is_err() {
                    break;
                }
            }
            let rendered = worker.join().unwrap_or_else(|_| Err(broken("it panicked".to_string())))?;
            rendered.into_iter().for_each(out);
            Ok(Remains::default())
        })
    }
}

/// Tells the asking thread that there will be no more questions, also when the worker panics.
struct Done(std::sync::mpsc::Sender<Ask>);

impl Drop for Done {
    fn drop(&mut self) {
        // The other side may be gone already.
        let _ = self.0.send(Ask::Done);
    }
}

fn broken(message: String) -> RenderError {
    RenderError::Engine { engine: EngineKind::Tera.name(), message }
}

/// Loads and renders all files.
fn work(
    run: Arc<Run>,
    contexts: &context::Source,
    files: &[TemplateFile],
) -> Result<Vec<RenderedFile>, RenderError> {
    let tera = load(&run, files)?;
    let reads_files = lock(&run.files).iter().any(|loaded| {
        let uses = &loaded.rewritten.uses;
        uses.reads_files || uses.filters.iter().chain(&uses.functions).any(|(name, _)| name == "tpl")
    });
    let charts = contexts.charts(reads_files);
    *lock(&run.base) = Some(Arc::clone(&tera));
    let mut rendered = Vec::new();
    let mut failures: Vec<TemplateFailure> = Vec::new();
    let mut total = 0;
    for (index, file) in files.iter().enumerate().filter(|(_, file)| file.emitted) {
        let Some(chart) = charts.get(file.scope) else { continue };
        let context = Arc::new(context::with_template(chart, contexts.path(file.scope), &file.name));
        match render_file(&run, &tera, index, file, context) {
            Ok(text) => {
                total += text.len();
                if total > run.options.limits.output {
                    let message = run::too_large(run.options.limits.output);
                    failures.push(Diagnostic::error(message).at(&file.source, Span::default()).into());
                    break;
                }
                rendered.push(RenderedFile {
                    name: file.output_name().into(),
                    text,
                    damaged: None,
                    engine: EngineKind::Tera,
                    source: Arc::clone(&file.source),
                    map: None,
                    reads: None,
                    passed: Vec::new(),
                });
            }
            Err(diagnostic) => failures.push((*diagnostic).into()),
        }
    }
    // The engine and its functions hold the run, and the run holds the engine: let go of one.
    *lock(&run.base) = None;
    lock(&run.spares).clear();
    if failures.is_empty() { Ok(rendered) } else { Err(RenderError::Templates(failures)) }
}

/// Renders one file.
fn render_file(
    run: &Arc<Run>,
    tera: &Tera,
    index: usize,
    file: &TemplateFile,
    context: Arc<tera::Context>,
) -> Result<String, Box<Diagnostic>> {
    let Some(loaded) = lock(&run.files).get(index).cloned() else { return Ok(String::new()) };
    run.start_file(&file.name, Current { scope: file.scope, context: Arc::clone(&context) });
    let mut writer = run.writer();
    tera.render_to(&file.name, &context, &mut writer)
        .map_err(|error| Box::new(errors::explain(run, &error, &loaded)))?;
    run.settle(&writer.into_text(), form(file.output_name())).map_err(|diagnostic| {
        if diagnostic.at.is_some() {
            diagnostic
        } else {
            Box::new(diagnostic.at(&file.source, Span::default()))
        }
    })
}

/// How the values of a file are written, by the extension of its name.
fn form(name: &str) -> Form {
    match Path::new(name).extension().and_then(|extension| extension.to_str()) {
        None | Some("yaml" | "yml") => Form::Yaml,
        Some("json") => Form::Json,
        Some(_) => Form::Text,
    }
}

/// Rewrites and loads all templates. Every broken one is reported.
fn load(run: &Arc<Run>, files: &[TemplateFile]) -> Result<Arc<Tera>, RenderError> {
    let mut tera = engine(run);
    let mut loaded = Vec::with_capacity(files.len());
    {
        let mut sites = lock(&run.sites);
        for (index, file) in files.iter().enumerate() {
            let names = run.tree.names(file.scope);
            let rewritten = rewrite(file.source.text(), index, &run.shape, &names, &mut sites);
            loaded.push(Loaded {
                source: Arc::clone(&file.source),
                rewritten: Arc::new(rewritten),
                name: Arc::clone(&file.name),
            });
        }
    }
    lock(&run.files).clone_from(&loaded);
    let texts = loaded.iter().map(|loaded| (loaded.name.as_ref(), loaded.rewritten.text.as_str()));
    let lost = |loaded: &Loaded| {
        !loaded.rewritten.uses.lost_files.is_empty() || !loaded.rewritten.uses.lost_components.is_empty()
    };
    let result = tera.add_raw_templates(texts);
    if result.is_ok() && !loaded.iter().any(lost) {
        return Ok(Arc::new(tera));
    }
    let mut failures = Vec::new();
    for (file, loaded) in files.iter().zip(&loaded) {
        failures.extend(problems_of(run, &file.source, file.scope, &loaded.rewritten));
    }
    if let (Err(error), true) = (&result, failures.is_empty())
        && let Some(first) = loaded.first()
    {
        failures.push(errors::explain(run, error, first));
    }
    Err(RenderError::Templates(failures.into_iter().map(Into::into).collect()))
}

/// What keeps one template from being loaded.
fn problems_of(run: &Run, source: &Arc<SourceFile>, scope: usize, rewritten: &Rewritten) -> Vec<Diagnostic> {
    // The author's own text, so that messages and places are the author's; references are looked at below.
    if let Err(error) = Tera::default().add_raw_template(source.name(), source.text())
        && let tera::ErrorKind::SyntaxError(report) = error.kind()
    {
        let span = Span::new(report.span().range.start, report.span().range.end);
        let message = report.message().trim_end_matches('.');
        let told = blocks::explain(source, message, span);
        return vec![told.unwrap_or_else(|| Diagnostic::error(message).at(source, span))];
    }
    let uses = &rewritten.uses;
    let mut found = Vec::new();
    let mut unknown = |what: &str, list: &[(String, Span)], known: &[String]| {
        for (name, span) in list {
            let mut diagnostic = Diagnostic::error(format!("there is no {what} `{name}`")).at(source, *span);
            if let Some(best) = did_you_mean(name, known.iter().map(String::as_str)) {
                diagnostic = diagnostic.hint(format!("did you mean `{best}`?"));
            }
            found.push(diagnostic);
        }
    };
    for (what, kind, used) in [
        ("filter", functions::Kind::Filter, &uses.filters),
        ("function", functions::Kind::Function, &uses.functions),
        ("test", functions::Kind::Test, &uses.tests),
    ] {
        let known: Vec<String> = functions::TABLE
            .iter()
            .filter(|entry| entry.kind == kind)
            .map(|entry| entry.name.to_string())
            .collect();
        let list: Vec<_> = used.iter().filter(|(name, _)| !functions::exists(kind, name)).cloned().collect();
        unknown(what, &list, &known);
    }
    unknown("template", &uses.lost_files, &run.tree.file_names(scope));
    unknown("component", &uses.lost_components, &run.tree.component_names(scope));
    found
}

/// An engine with all functions and without templates.
fn engine(run: &Arc<Run>) -> Tera {
    let mut tera = Tera::default();
    tera.autoescape_on(Vec::<&str>::new());
    functions::register(&mut tera, run);
    tera
}

#[cfg(test)]
mod tests;
