//! What one run shares between the templates and the functions they call: the table of values, the bounds, the way to
//! the outside.
//!
//! Tera's functions must own what they use, so it lies behind an `Arc`; lookups, which borrow a store, go over a channel
//! to the thread that has it.
//!
//! Invariant: a run belongs to one thread at a time; its locks are never held while a template is rendered.

use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tera::Tera;

use crate::data::Value;
use crate::diag::{Diagnostic, Location, SourceFile};
use crate::sys::{Host, Random};

use super::super::Options;
use super::convert::{Unwritable, from_tera};
use super::json;
use super::load::Tree;
use super::marks::{Entry, Mark, Shape};
use super::rewrite::{Rewritten, Site};
use super::yaml;

/// A question to the thread that has the store.
pub(super) enum Ask {
    /// API version, kind, namespace, name.
    Lookup([String; 4]),
    /// The run is over.
    Done,
}

/// The way to the thread that has the store.
pub(super) struct Line {
    /// Questions.
    pub ask: Sender<Ask>,
    /// Answers.
    pub answer: Receiver<Result<Value, String>>,
}

/// A template as it was loaded.
#[derive(Debug, Clone)]
pub(super) struct Loaded {
    /// The author's text.
    pub source: Arc<SourceFile>,
    /// What Tera got.
    pub rewritten: Arc<Rewritten>,
    /// Its name in Tera.
    pub name: Arc<str>,
}

/// What the marks of a text become.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// Plain text.
    Text,
    /// Values that cannot break YAML.
    Yaml,
    /// Values that cannot break JSON.
    Json,
}

/// The chart that is being rendered.
#[derive(Clone)]
pub(super) struct Current {
    /// Index of its scope.
    pub scope: usize,
    /// What its templates see.
    pub context: Arc<tera::Context>,
}

/// A Tera for texts of `tpl`, with the names of those it has already.
pub(super) struct Spare {
    /// The engine.
    pub tera: Tera,
    /// Texts and their names.
    pub known: std::collections::HashMap<(usize, String), String>,
}

/// One run.
pub(super) struct Run {
    /// The shape of its marks.
    pub shape: Shape,
    /// Clock and randomness.
    pub host: Host,
    /// How to render.
    pub options: Options,
    /// The charts and their names.
    pub tree: Tree,
    /// Everything loaded so far.
    pub files: Mutex<Vec<Loaded>>,
    /// The interpolations of all files.
    pub sites: Mutex<Vec<Site>>,
    /// The chart at work.
    pub current: Mutex<Option<Current>>,
    /// The engine that texts of `tpl` start from.
    pub base: Mutex<Option<Arc<Tera>>>,
    /// Engines that are free.
    pub spares: Mutex<Vec<Spare>>,
    /// How deep `tpl` nests.
    pub depth: AtomicUsize,
    /// Where lookups go.
    pub line: Option<Mutex<Line>>,
    /// What the file at work draws from: of a seeded host each file has a stream of its own.
    random: Mutex<Random>,
    table: Mutex<Vec<Entry>>,
    failure: Mutex<Option<Diagnostic>>,
    steps: AtomicU64,
    written: AtomicUsize,
}

/// Locks; a thread that panicked while it held the lock ends the run anyway.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Run {
    /// A fresh run.
    pub fn new(nonce: u64, host: Host, options: Options, tree: Tree, line: Option<Line>) -> Self {
        Run {
            shape: Shape::new(nonce),
            random: Mutex::new(host.random.clone()),
            host,
            options,
            tree,
            files: Mutex::default(),
            sites: Mutex::default(),
            current: Mutex::default(),
            base: Mutex::default(),
            spares: Mutex::default(),
            depth: AtomicUsize::new(0),
            line: line.map(Mutex::new),
            table: Mutex::default(),
            failure: Mutex::default(),
            steps: AtomicU64::new(options.limits.steps),
            written: AtomicUsize::new(0),
        }
    }

    /// Starts on another file: the values of the last one are forgotten.
    pub fn start_file(&self, name: &str, current: Current) {
        lock(&self.table).clear();
        *lock(&self.random) = self.host.random.stream(name);
        *lock(&self.current) = Some(current);
    }

    /// Random bytes.
    pub fn fill(&self, buffer: &mut [u8]) -> Result<(), String> {
        lock(&self.random).fill(buffer).map_err(|error| error.to_string())
    }

    /// Takes off some of what the run may do.
    pub fn step(&self, count: u64) -> Result<(), String> {
        let left =
            self.steps.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(count));
        left.map(drop).map_err(|_| format!("rendering takes more than {} steps", self.options.limits.steps))
    }

    /// A value of Tera as ours, within what the run may do.
    pub fn value(&self, value: &tera::Value) -> Result<Value, Unwritable> {
        let before = self.steps.load(Ordering::Relaxed);
        let mut budget = before;
        let converted = from_tera(value, &mut budget);
        self.steps.fetch_sub((before - budget).min(self.steps.load(Ordering::Relaxed)), Ordering::Relaxed);
        converted
    }

    /// The mark of a value that an interpolation writes.
    pub fn mark(&self, value: Value, site: usize) -> String {
        let mut table = lock(&self.table);
        table.push(Entry { value, site });
        self.shape.write(Mark::Value(table.len() - 1))
    }

    /// Keeps what went wrong, with its place; Tera carries only a text.
    pub fn fail(&self, diagnostic: Diagnostic) -> tera::Error {
        let error = tera::Error::message(&diagnostic.message);
        *lock(&self.failure) = Some(diagnostic);
        error
    }

    /// What was kept last.
    pub fn take_failure(&self) -> Option<Diagnostic> {
        lock(&self.failure).take()
    }

    /// The place of an interpolation.
    pub fn place(&self, site: usize) -> Option<Location> {
        let site = lock(&self.sites).get(site).copied()?;
        let file = lock(&self.files).get(site.file).map(|loaded| Arc::clone(&loaded.source))?;
        Some(Location { file, span: site.span })
    }

    /// A text with its marks written in a form.
    pub fn settle(&self, text: &str, form: Form) -> Result<String, Box<Diagnostic>> {
        if !self.shape.occurs_in(text) {
            return Ok(text.to_string());
        }
        let table = lock(&self.table);
        let limit = self.options.limits.output;
        let resolved = match form {
            Form::Text => Ok(self.shape.replace(text, |out, index| {
                if let Some(entry) = table.get(index).filter(|_| out.len() <= limit) {
                    out.push_str(&yaml::write::text_of(&entry.value));
                }
            })),
            Form::Json => Ok(json::resolve(&self.shape, &table, text, limit)),
            Form::Yaml => yaml::resolve(&self.shape, &table, text, limit),
        };
        drop(table);
        match resolved {
            Ok(text) if text.len() > limit => Err(Box::new(Diagnostic::error(too_large(limit)))),
            Ok(text) => Ok(text),
            Err(misplaced) => {
                let mut diagnostic = Diagnostic::error(misplaced.message);
                diagnostic.at = self.place(misplaced.site);
                diagnostic.hints.extend(misplaced.hint);
                Err(Box::new(diagnostic))
            }
        }
    }

    /// A writer that fails once the run has written more than it may.
    pub fn writer(&self) -> Bounded<'_> {
        Bounded { run: self, bytes: Vec::new() }
    }

    /// Asks the store.
    pub fn look_up(&self, question: [String; 4]) -> Result<Value, String> {
        let Some(line) = &self.line else { return Ok(Value::map()) };
        let line = lock(line);
        let gone = || "the store is gone".to_string();
        line.ask.send(Ask::Lookup(question)).map_err(|_| gone())?;
        line.answer.recv().map_err(|_| gone())?
    }
}

/// What is said when there is too much output.
pub(super) fn too_large(limit: usize) -> String {
    format!("the output exceeds {limit} bytes")
}

/// Collects output within the run's bound.
pub(super) struct Bounded<'a> {
    run: &'a Run,
    bytes: Vec<u8>,
}

impl Bounded<'_> {
    /// What was written.
    pub fn into_text(self) -> String {
        String::from_utf8(self.bytes)
            .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
    }
}

impl Write for Bounded<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let before = self.run.written.fetch_add(bytes.len(), Ordering::Relaxed);
        let limit = self.run.options.limits.output;
        if before.saturating_add(bytes.len()) > limit {
            self.run.fail(Diagnostic::error(too_large(limit)));
            return Err(io::Error::other(too_large(limit)));
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
