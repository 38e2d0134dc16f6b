//! The verbs. The only place that composes modules: each verb is one options structure, one function and one report.
//!
//! Invariant: a verb never prints. What the user should see while it runs goes to the [`Progress`] it is given, what it
//! did is in its report, and what it could not do is an [`OpsError`].

pub mod error;

use std::time::Duration;

pub use error::OpsError;

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
    /// Where events go.
    pub progress: &'a dyn Progress,
}

impl Context<'_> {
    /// Tells a warning.
    pub fn warn(&self, text: impl Into<String>) {
        self.progress.event(Event::Warning(text.into()));
    }
}

/// Whether anything is changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DryRun {
    /// Do it.
    #[default]
    No,
    /// Render only; no store is opened.
    Client,
    /// Render with the store's answers (lookup, conflicts), and change nothing.
    Server,
}

/// What to wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Wait {
    /// Hooks only.
    #[default]
    HookOnly,
    /// Every object, by watching.
    Watcher,
    /// Every object, by polling as Helm 3 did.
    Legacy,
}

/// How long a verb may wait for each thing it waits for. Source: Helm's `--timeout` default.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(300);
