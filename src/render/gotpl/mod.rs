//! Go templates with Helm's functions and objects.
//!
//! ```text
//! template files ─► parse all into one set ─► execute in order, each with the dot of its chart ─► rendered files
//!                        │                          │
//!                   parse errors               exec errors ─► failure: Helm's text and ours
//! ```
//!
//! One set of defines serves all charts of the tree; a later file overrides an earlier one. Rendering runs on a thread of
//! its own with a deep stack; `lookup` calls travel back to the calling thread, which is the only one that talks to a
//! store.
//!
//! Invariant: every failed template of a run is reported, the first one with the text that Helm prints.

#![allow(clippy::unnecessary_wraps, reason = "bodies of functions have one shape")]

mod capabilities;
mod dot;
mod durations;
mod failure;
mod files;
mod functions;
mod lookups;
mod name;
mod structured;
mod toml_read;
mod toml_write;
mod values_type;

use std::sync::Arc;

use crate::gotpl::{self, Ctx, MissingKey, ParsedFile, Set, TemplateError, Val};
use crate::sprig::Outside;

pub use functions::FAMILIES;
pub use name::name_from_template;

use super::{
    Engine, EngineKind, Job, RenderError, RenderedFile, Scope, TemplateFailure, TemplateFile, scopes,
};
use functions::HelmState;
use lookups::Line;

/// Renders Go templates as Helm does.
#[derive(Debug, Clone, Copy, Default)]
pub struct GotplEngine;

/// Stack of the rendering thread: a thousand nested includes fit. Memory is only taken as it is used.
const STACK: usize = 256 << 20;
/// What evaluation leaves of it for functions and errors.
const RESERVE: usize = 16 << 20;

/// What goes to the rendering thread: a job without its store.
struct Task<'a> {
    scopes: Vec<Scope<'a>>,
    files: &'a [TemplateFile],
    release: &'a super::ReleaseInfo,
    capabilities: &'a super::Capabilities,
    host: &'a crate::sys::Host,
    options: super::Options,
}

impl Engine for GotplEngine {
    fn render(&self, job: &Job, files: &[TemplateFile]) -> Result<Vec<RenderedFile>, RenderError> {
        let task = Task {
            scopes: scopes(job),
            files,
            release: job.release,
            capabilities: job.capabilities,
            host: job.host,
            options: job.options,
        };
        let (line, desk) = lookups::open();
        let line = job.lookup.is_some().then_some(line);
        std::thread::scope(|threads| {
            let worker = std::thread::Builder::new()
                .name("gotpl".to_string())
                .stack_size(STACK)
                .spawn_scoped(threads, move || task.run(line))
                .map_err(|error| RenderError::Engine { engine: "gotpl", message: error.to_string() })?;
            if let Some(lookup) = job.lookup {
                desk.serve(lookup);
            }
            match worker.join() {
                Ok(result) => result,
                Err(panic) => std::panic::resume_unwind(panic),
            }
        })
    }
}

impl Task<'_> {
    fn run(&self, line: Option<Line>) -> Result<Vec<RenderedFile>, RenderError> {
        let set = self.parse()?;
        let state = HelmState::new(self.options, line);
        let mut outside = Outside::new(self.host, Box::new(state));
        let options = gotpl::Options {
            missing_key: if self.options.strict { MissingKey::Error } else { MissingKey::Zero },
            limits: gotpl::Limits {
                steps: self.options.limits.steps,
                output: self.options.limits.output,
                stack: STACK - RESERVE,
                ..gotpl::Limits::default()
            },
        };
        let dots = dot::all(&self.scopes, self.release, self.capabilities);
        let mut ctx = Ctx::new(&set, &options, &mut outside, None);
        let mut rendered = Vec::new();
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
                    rendered.push(RenderedFile {
                        name: Arc::clone(&file.name),
                        text: functions::without_no_value(&String::from_utf8_lossy(&bytes)),
                        engine: EngineKind::Gotpl,
                        source: Arc::clone(&file.source),
                        passed: functions::take_passed(&mut ctx),
                    });
                }
                Err(error) => failures.push(failed(&error)),
            }
        }
        if failures.is_empty() { Ok(rendered) } else { Err(RenderError::Templates(failures)) }
    }

    /// All files in one set. The templates of library charts are not read, but for those whose name starts with `_`.
    fn parse(&self) -> Result<Set, RenderError> {
        let mut set = Set::new("gotpl", functions::table());
        let mut failures = Vec::new();
        for file in self.files {
            let base = file.name.rsplit('/').next().unwrap_or("");
            let of_library = self.scopes.get(file.scope).is_some_and(|scope| scope.chart.is_library());
            if of_library && !base.starts_with('_') {
                continue;
            }
            match ParsedFile::parse(&file.name, &file.source, set.funcs()) {
                Ok(parsed) => set.add(&parsed),
                Err(error) => failures.push(failure::parse(&error)),
            }
        }
        if failures.is_empty() { Ok(set) } else { Err(RenderError::Templates(failures)) }
    }
}

fn failed(error: &TemplateError) -> TemplateFailure {
    match error {
        TemplateError::Parse(error) => failure::parse(error),
        TemplateError::Exec(error) => failure::exec(error),
    }
}
