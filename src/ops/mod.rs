//! The verbs. The only place that composes modules: each verb is one options structure, one function and one report.
//!
//! Invariant: a verb never prints. What the user should see while it runs goes to the [`Progress`] it is given, what it
//! did is in its report, and what it could not do is an [`OpsError`].

pub mod ahead;
mod blame;
pub mod change;
pub mod crds;
pub mod create;
mod created;
pub mod dependency;
pub mod diff;
pub mod error;
mod hooks;
pub mod hub;
pub mod install;
pub mod keygen;
pub mod lint;
mod live;
pub mod lookup;
pub mod objects;
pub mod operation;
pub mod options;
pub mod package;
pub mod pipeline;
mod post_render;
pub mod preview;
pub mod pull;
pub mod push;
pub mod query;
mod record;
pub mod recover;
pub mod registry;
mod replan;
pub mod repo;
pub mod rollback;
mod run;
pub mod saved;
pub mod show;
mod show_only;
mod source;
pub mod template;
pub mod test;
pub mod text_template;
pub mod uninstall;
pub mod upgrade;
pub mod verify;
pub mod why;

pub use error::OpsError;

use std::sync::atomic::{AtomicBool, Ordering};

use crate::chart::Link;
use crate::diag::Severity;
use crate::fetch::{FetchContext, Inexact, Origin};
use crate::manifest::{self, ObjectRef};
use crate::render::Passed;
use crate::repo::config::RepoPaths;
use crate::sys::Host;
use crate::wait::{self, Readiness};

/// Something worth telling while a verb runs.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A warning that does not stop the verb.
    Warning(String),
    /// What is being done now, for long work: `downloading app 1.2.3`.
    Doing(String),
    /// A chart came from an OCI registry.
    Pulled(Origin),
    /// A fact that only `--debug` shows.
    Debug(String),
    /// Another part of the work begins; the events that follow belong to it.
    Phase {
        /// Name of the release.
        release: String,
        /// Which.
        phase: Phase,
    },
    /// Something happened to an object of a cluster.
    Object(ObjectEvent),
    /// The log of a hook's container.
    Log {
        /// The pod.
        pod: String,
        /// The container.
        container: String,
        /// What it said.
        text: String,
    },
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
    /// An upgrade with `install` found nothing to upgrade, and installs.
    InstallsInstead,
}

/// A part of an operation in a running cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Definitions are made, and their kinds waited for.
    Definitions,
    /// The hooks of an event run, tests among them.
    Hook(manifest::Event),
    /// Objects are written.
    Apply,
    /// Objects are deleted.
    Delete,
    /// Objects are waited for, until they are ready or gone.
    Wait,
    /// What a failed operation made is deleted.
    CleanUp,
}

impl Phase {
    /// A word that stays the same from version to version.
    pub fn name(self) -> &'static str {
        match self {
            Phase::Definitions => "crds",
            Phase::Hook(event) => event.name(),
            Phase::Apply => "apply",
            Phase::Delete => "delete",
            Phase::Wait => "wait",
            Phase::CleanUp => "clean-up",
        }
    }
}

/// What happened to an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectEvent {
    /// Which.
    pub id: ObjectRef,
    /// `created`, `configured`, `adopted`, `deleted`, `failed`, or how far it is: `waiting`, `ready`, `gone`.
    pub what: &'static str,
    /// The cluster's word for why it does not come up: `ImagePullBackOff`; mostly empty.
    pub reason: String,
    /// More about it; may be empty.
    pub message: String,
    /// The message without the names of pods, for narrow places; empty when that is the message itself.
    pub brief: String,
    /// How many of its parts (pods, completions, containers) are ready, of how many.
    pub ready: Option<(i64, i64)>,
    /// Whether it needs no more waiting.
    pub settled: bool,
    /// How many objects are settled, of how many, while they are waited for.
    pub count: Option<(usize, usize)>,
}

impl ObjectEvent {
    pub(crate) fn of(change: &wait::Change) -> Self {
        let (what, message) = match &change.readiness {
            Readiness::Current => ("ready", String::new()),
            Readiness::NotFound => ("gone", String::new()),
            Readiness::InProgress(message) => ("waiting", message.clone()),
            Readiness::Terminating => ("terminating", String::new()),
            Readiness::Failed(message) => ("failed", message.clone()),
        };
        let joined = |tell: fn(&wait::Trouble) -> String| {
            change.troubles.iter().map(tell).collect::<Vec<_>>().join("; ")
        };
        let told = joined(ToString::to_string);
        ObjectEvent {
            id: change.id.clone(),
            what,
            reason: change.troubles.first().map(|trouble| trouble.reason.clone()).unwrap_or_default(),
            message: if told.is_empty() { message } else { told },
            brief: joined(wait::Trouble::brief),
            ready: change.ready,
            settled: change.is_settled,
            count: Some((change.settled, change.total)),
        }
    }
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

    /// A link in the folder of a chart, which may lead to what nobody meant to give away. The text is Helm's.
    fn linked(link: &Link) -> Self {
        let fields = vec![
            ("path", link.path.display().to_string()),
            ("resolved", link.resolved.display().to_string()),
        ];
        let text = "found symbolic link in path. Contents of linked file included and used";
        Event::Fact { severity: Severity::Info, text, fields }
    }
}

/// Hears of events; `cli` prints them, tests collect them.
pub trait Progress {
    /// One event, in the order they happen.
    fn event(&self, event: Event);

    /// Nothing new, about once a second while something is waited for: the moment to show how long it has been.
    fn beat(&self) {}
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

    /// Tells, in Helm's words, of a version that is close to the one that was asked for.
    fn tell_inexact(&self, inexact: Inexact) {
        let Inexact { chart, requested, selected } = inexact;
        self.progress.event(Event::Fact {
            severity: Severity::Warning,
            text: "unable to find exact version requested; falling back to closest available version",
            fields: vec![("chart", chart), ("requested", requested), ("selected", selected)],
        });
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
