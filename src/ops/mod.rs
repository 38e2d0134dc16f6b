//! The verbs. The only place that composes modules: each verb is one options structure, one function and one report.
//!
//! Invariant: a verb never prints. What the user should see while it runs goes to the [`Progress`] it is given, what it
//! did is in its report, and what it could not do is an [`OpsError`].

pub mod change;
pub mod create;
pub mod dependency;
pub mod error;
pub mod hub;
pub mod install;
pub mod lint;
pub mod lookup;
pub mod objects;
pub mod options;
pub mod package;
pub mod pipeline;
mod post_render;
pub mod pull;
pub mod query;
mod record;
pub mod repo;
pub mod rollback;
pub mod show;
mod source;
pub mod template;
pub mod text_template;
pub mod uninstall;
pub mod upgrade;

pub use error::OpsError;

use std::sync::atomic::{AtomicBool, Ordering};

use crate::diag::Severity;
use crate::fetch::FetchContext;
use crate::render::Passed;
use crate::repo::config::RepoPaths;
use crate::sys::Host;

/// Something worth telling while a verb runs.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A warning that does not stop the verb.
    Warning(String),
    /// What is being done now, for long work: `downloading app 1.2.3`.
    Doing(String),
    /// A fact that only `--debug` shows.
    Debug(String),
    /// A fact with named parts, as Helm logs it.
    Fact {
        /// How bad it is.
        severity: Severity,
        /// What happened.
        text: &'static str,
        /// The parts.
        fields: Vec<(&'static str, String)>,
    },
    /// Text that was rendered and is no manifest: what `--debug` prints before the error.
    Rendered(String),
}

impl Event {
    /// What `lint` lets pass. The texts are Helm's.
    fn let_pass(passed: &Passed) -> Self {
        let (severity, text, message) = match passed {
            Passed::Required(message) => (Severity::Warning, "missing required value", message),
            Passed::Fail(message) => (Severity::Info, "funcMap fail", message),
        };
        Event::Fact { severity, text, fields: vec![("message", message.clone())] }
    }
}

/// Hears of events; `cli` prints them, tests collect them.
pub trait Progress {
    /// One event, in the order they happen.
    fn event(&self, event: Event);
}

/// Collects events; for tests and for verbs that run others quietly.
#[derive(Debug, Default)]
pub struct Collected(std::sync::Mutex<Vec<Event>>);

impl Collected {
    /// The events so far.
    pub fn events(&self) -> Vec<Event> {
        self.0.lock().map_or_else(|poisoned| poisoned.into_inner().clone(), |events| events.clone())
    }
}

impl Progress for Collected {
    fn event(&self, event: Event) {
        match self.0.lock() {
            Ok(mut events) => events.push(event),
            Err(poisoned) => poisoned.into_inner().push(event),
        }
    }
}

/// What every verb needs from outside.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// Environment, clock, folders.
    pub host: &'a Host,
    /// `repositories.yaml` and the caches.
    pub paths: &'a RepoPaths,
    /// Where events go.
    pub progress: &'a dyn Progress,
    /// Set when the user asked to stop; looked at before each step that changes something.
    pub interrupted: &'a AtomicBool,
}

impl Context<'_> {
    /// Where charts are looked up.
    pub(crate) fn fetch(&self) -> FetchContext<'_> {
        FetchContext { host: self.host, paths: self.paths }
    }

    /// Tells a warning.
    pub fn warn(&self, text: impl Into<String>) {
        self.progress.event(Event::Warning(text.into()));
    }

    /// Tells what only `--debug` shows.
    pub fn debug(&self, text: impl Into<String>) {
        self.progress.event(Event::Debug(text.into()));
    }

    /// Refuses to go on when the user interrupted. `done` says what was done until now.
    ///
    /// # Errors
    /// The user interrupted.
    pub fn check_interrupt(&self, done: &str) -> Result<(), OpsError> {
        if self.interrupted.load(Ordering::Relaxed) {
            return Err(OpsError::Interrupted { done: done.to_string() });
        }
        Ok(())
    }
}
