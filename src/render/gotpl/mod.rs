//! Go templates with Helm's functions and objects.
//!
//! ```text
//! template files ─► parse all into one set ─► execute in order, each with the dot of its chart ─► rendered files
//!                        │                          │
//!                   parse errors               exec errors ─► failure: Helm's text and ours
//! ```
//!
//! One set of defines serves all charts of the tree; a later file overrides an earlier one. Rendering runs on a thread of
//! its own with a deep stack; finished files and `lookup` calls travel back to the calling thread, which is the only one
//! that talks to a store.
//!
//! Invariant: every failed template of a run is reported, the first one with the text that Helm prints.

#![allow(clippy::unnecessary_wraps, reason = "bodies of functions have one shape")]

mod capabilities;
mod desk;
mod dot;
mod durations;
mod failure;
mod files;
mod functions;
mod name;
mod recording;
mod structured;
mod toml_read;
mod toml_tables;
mod toml_write;
mod values_type;

use std::sync::Arc;

use crate::diag::SourceFile;
use crate::gotpl::{self, Ctx, MissingKey, ParsedFile, Recorder, Set, TemplateError, Val};
use crate::sprig::Outside;
use crate::sys::parallel;

pub use functions::FAMILIES;
pub use name::name_from_template;

use super::source_map::Shifts;
use super::{
    Engine, EngineKind, Job, Record, Remains, RenderError, RenderedFile, Scope, TemplateFailure,
    TemplateFile, scopes,
};
use desk::Line;
use functions::HelmState;
use recording::Recording;

/// Renders Go templates as Helm does.
#[derive(Debug, Clone, Copy, Default)]
pub struct GotplEngine;

/// Stack of the rendering thread: a thousand nested includes fit. Memory is only taken as it is used.
const STACK: usize = 256 << 20;
/// What evaluation leaves of it for functions and errors.
const RESERVE: usize = 16 << 20;

/// Bytes of templates from which on parsing them on two threads saves more than it costs.
const LARGE: usize = 64 << 10;

/// What goes to the rendering thread: a job without its store.
struct Task<'a> {
    scopes: Vec<Scope<'a>>,
    files: &'a [TemplateFile],
    release: &'a super::ReleaseInfo,
    capabilities: &'a super::Capabilities,
    host: &'a crate::sys::Host,
    options: super::Options,
    /// Whether `lookup` may ask.
    asks: bool,
}

impl Engine for GotplEngine {
    fn render(
        &self,
        job: &Job,
        files: &[TemplateFile],
        out: &mut dyn FnMut(RenderedFile),
    ) -> Result<Remains, RenderError> {
        let task = Task {
            scopes: scopes(job),
            files,
            release: job.release,
            capabilities: job.capabilities,
            host: job.host,
            options: job.options,
            asks: job.lookup.is_some(),
        };
        let (line, desk) = desk::open();
        std::thread::scope(|threads| {
            let worker = std::thread::Builder::new()
                .name("gotpl".to_string())
                .stack_size(STACK)
                .spawn_scoped(threads, move || task.run(line))
                .map_err(|error| RenderError::Engine { engine: "gotpl", message: error.to_string() })?;
            desk.serve(job.lookup, out);
            match worker.join() {
                Ok(result) => result,
                Err(panic) => std::panic::resume_unwind(panic),
            }
        })
    }
}

impl Task<'_> {
    fn run(&self, line: Line) -> Result<Remains, RenderError> {
        let set = self.parse()?;
        let state = HelmState::new(self.options, self.asks.then(|| line.clone()));
        let mut outside = Outside::new(self.host, Box::new(state));
        let options = gotpl::Options {
            missing_key: if self.options.strict { MissingKey::Error } else { MissingKey::Zero },
            limits: gotpl::Limits {
                steps: self.options.limits.steps,
                output: self.options.limits.output,
                value: self.options.limits.output / 4,
                stack: STACK - RESERVE,
                ..gotpl::Limits::default()
            },
        };
        let dots = dot::all(&self.scopes, self.release, self.capabilities);
        let record = self.options.record;
        let recording = (record != Record::default()).then(|| {
            let values = dots.first().and_then(|dot| dot.get("Values"));
            Recording::new(record, values.as_ref().and_then(Val::as_map))
        });
        let mut recorder = recording.clone();
        let recorder = recorder.as_mut().map(|recorder| recorder as &mut dyn Recorder);
        let mut ctx = Ctx::new(&set, &options, &mut outside, recorder);
        let mut finished = line.batch();
        let mut failures = Vec::new();
        let mut size = 0;
        for file in self.files.iter().filter(|file| file.emitted) {
            let (Some(dot), Some(scope)) = (dots.get(file.scope), self.scopes.get(file.scope)) else {
                continue;
            };
            dot::set_template(dot, &file.name, &scope.path);
            // Of a seeded host each template draws from a stream of its own.
            if let Some(outside) = ctx.host::<Outside>() {
                outside.host.random = self.host.random.stream(&file.name);
            }
            match ctx.execute(&file.name, Val::Map(dot.retyped(&values_type::VALUES))) {
                Ok(bytes) => {
                    size += bytes.len();
                    if size > self.options.limits.output {
                        failures.push(failure::too_much(file, self.options.limits.output));
                        break;
                    }
                    let damaged = damaged(&file.name, &bytes);
                    let (text, shifts) = final_text(bytes, record.map);
                    let (map, reads) =
                        recording.as_ref().map_or((None, None), |recording| recording.take(shifts, &text));
                    finished.push(RenderedFile {
                        name: Arc::clone(&file.name),
                        text,
                        damaged,
                        engine: EngineKind::Gotpl,
                        source: Arc::clone(&file.source),
                        map,
                        reads,
                        passed: functions::take_passed(&mut ctx),
                    });
                    functions::take_missing(&mut ctx);
                }
                Err(error) => {
                    let failure = failed(&error, &scope.path);
                    failures.push(failure::with_missing(failure, functions::take_missing(&mut ctx)));
                }
            }
        }
        if failures.is_empty() {
            Ok(Remains { parts: vec![Arc::new(set)] })
        } else {
            Err(RenderError::Templates(failures))
        }
    }

    /// All files in one set. The templates of library charts are not read, but for those whose name starts with `_`.
    fn parse(&self) -> Result<Set, RenderError> {
        let mut set = Set::new("gotpl", functions::table());
        let mut failures = Vec::new();
        let counts = |file: &&TemplateFile| {
            let base = file.name.rsplit('/').next().unwrap_or("");
            let of_library = self.scopes.get(file.scope).is_some_and(|scope| scope.chart.is_library());
            !of_library || base.starts_with('_')
        };
        let files: Vec<&TemplateFile> = self.files.iter().filter(counts).collect();
        let size: usize = files.iter().map(|file| file.source.text().len()).sum();
        let funcs = set.funcs();
        let all = parallel::map(&files, if size > LARGE { 2 } else { 1 }, |file| {
            ParsedFile::parse(&file.name, &file.source, funcs)
        });
        for parsed in all {
            match parsed {
                Ok(parsed) => set.add(&parsed),
                Err(error) => failures.push(failure::parse(&error)),
            }
        }
        if failures.is_empty() { Ok(set) } else { Err(RenderError::Templates(failures)) }
    }
}

/// The bytes that a template wrote as text; hardly ever is there something to replace, and then they are not copied.
fn text_of(bytes: Vec<u8>) -> String {
    let text = String::from_utf8(bytes)
        .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned());
    if text.contains("<no value>") { functions::without_no_value(&text) } else { text }
}

/// A file whose bytes are no UTF-8, without missing values.
fn damaged(name: &Arc<str>, bytes: &[u8]) -> Option<Arc<SourceFile>> {
    std::str::from_utf8(bytes).err()?;
    let mut kept = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some(byte) = rest.first() {
        if let Some(behind) = rest.strip_prefix(functions::NO_VALUE.as_bytes()) {
            rest = behind;
            continue;
        }
        kept.push(*byte);
        rest = rest.get(1..).unwrap_or_default();
    }
    Some(SourceFile::from_bytes(Arc::clone(name), &kept))
}

/// The text that Helm goes on with: nothing in place of a missing value. With `map` also how its bytes moved.
fn final_text(bytes: Vec<u8>, map: bool) -> (String, Vec<Shifts>) {
    if !map {
        return (text_of(bytes), Vec::new());
    }
    let (mut repaired, mut by_repair, mut before) = (String::new(), Shifts::default(), 0);
    for chunk in bytes.utf8_chunks() {
        repaired.push_str(chunk.valid());
        before += chunk.valid().len() + chunk.invalid().len();
        if !chunk.invalid().is_empty() {
            repaired.push(char::REPLACEMENT_CHARACTER);
            by_repair.push(repaired.len(), before);
        }
    }
    let mut by_removal = Shifts::default();
    for (index, (at, found)) in repaired.match_indices(functions::NO_VALUE).enumerate() {
        by_removal.push(at - index * found.len(), at + found.len());
    }
    (functions::without_no_value(&repaired), vec![by_removal, by_repair])
}

fn failed(error: &TemplateError, chart: &str) -> TemplateFailure {
    match error {
        TemplateError::Parse(error) => failure::parse(error),
        TemplateError::Exec(error) => failure::exec(error, chart),
    }
}
