//! An operation on a release that is decided and not begun: what its revision records, what becomes of each object, and how
//! that is carried out.
//!
//! ```text
//! chart + values + store ─► Operation ─► shown (plan, diff) | saved (plan --out) | carried out
//! recorded revision ───────────┘▲
//!                 plan file ────┘ (apply)
//! ```
//!
//! Invariant: deciding writes nothing. What is shown, saved and carried out is the same value.

use std::sync::atomic::AtomicBool;

use super::change::{self, Change, GivesWay, Stopped, Target};
use super::crds::Definition;
use super::install::{self, ReleaseReport};
use super::options::Wait;
use super::preview::Preview;
use super::uninstall::{self, UninstallOptions};
use super::upgrade;
use super::{Context, OpsError};
use crate::cluster::live::Propagation;
use crate::data::Value;
use crate::manifest::Event;
use crate::plan::{Method, Plan};
use crate::release::codec::{self, Middle};
use crate::release::{Hook, Look, Record, Release, Status};

/// Which operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The first revision, or the first after an uninstall.
    Install,
    /// A further revision.
    Upgrade,
    /// A further revision with the manifest of an old one.
    Rollback,
    /// The end of the release.
    Uninstall,
}

impl Kind {
    /// `install`, `upgrade`, `rollback` or `uninstall`.
    pub fn word(self) -> &'static str {
        match self {
            Kind::Install => "install",
            Kind::Upgrade => "upgrade",
            Kind::Rollback => "rollback",
            Kind::Uninstall => "uninstall",
        }
    }

    /// The state of the revision that it makes, while it is under way; `None` when it makes none.
    pub(super) fn pending(self) -> Option<Status> {
        match self {
            Kind::Install => Some(Status::PendingInstall),
            Kind::Upgrade => Some(Status::PendingUpgrade),
            Kind::Rollback => Some(Status::PendingRollback),
            Kind::Uninstall => None,
        }
    }

    /// The events whose hooks run, before and after the objects are written.
    pub fn events(self) -> &'static [Event] {
        match self {
            Kind::Install => &[Event::PreInstall, Event::PostInstall],
            Kind::Upgrade => &[Event::PreUpgrade, Event::PostUpgrade],
            Kind::Rollback => &[Event::PreRollback, Event::PostRollback],
            Kind::Uninstall => &[Event::PreDelete, Event::PostDelete],
        }
    }
}

/// The newest revision that an operation was decided on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Newest {
    /// Its number.
    pub revision: u64,
    /// How it stood.
    pub status: Status,
    /// The uid of its record.
    pub uid: String,
}

impl Newest {
    pub(super) fn of(record: &Record) -> Self {
        Newest {
            revision: record.release.version,
            status: record.release.info.status,
            uid: record.uid().to_string(),
        }
    }
}

/// How a decided operation is carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Execution {
    /// How objects of a running cluster are changed.
    pub method: Method,
    /// What is waited for.
    pub wait: Wait,
    /// Leave hooks out.
    pub no_hooks: bool,
    /// Undo what was done when something fails.
    pub rollback_on_failure: bool,
    /// Delete what a failed upgrade created.
    pub cleanup_on_fail: bool,
    /// Keep at most this many revisions; 0 keeps all.
    pub history_max: usize,
    /// Text of the record instead of the usual one.
    pub description: Option<String>,
    /// What an uninstall leaves; of no meaning elsewhere.
    pub removal: Removal,
}

/// What an uninstall leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Removal {
    /// Keep the records.
    pub keep_history: bool,
    /// What becomes of the dependents of the objects.
    pub propagation: Propagation,
}

/// What becomes of the description of a revision that an install replaces. The text is Helm's.
const REPLACED: &str = "superseded by new release";

/// A decided operation.
#[derive(Debug, Clone)]
pub struct Operation {
    /// Which.
    pub kind: Kind,
    /// The newest revision now; `None` when there is none.
    pub newest: Option<Newest>,
    /// The new revision, pending; for an uninstall the newest one, as it is recorded.
    pub release: Release,
    /// What is made of its payload already.
    pub middle: Middle,
    /// What becomes of objects.
    pub plan: Plan,
    /// The manifests that the plan was made of beside the new one; empty for an install and an uninstall, and in a plan that was
    /// read from a file.
    pub old: String,
    /// Definitions to make or change first.
    pub definitions: Vec<Definition>,
    /// The namespace to make first.
    pub namespace: Option<Value>,
    /// Revisions that give way when it succeeds; the one that an upgrade starts from comes first. For an uninstall the newest
    /// one, whose record tells how far it is.
    pub superseded: Vec<Record>,
    /// The newest revision that a rollback leaves behind; `None` elsewhere, and in a plan that was read from a file.
    pub left: Option<Release>,
    /// The values that templates saw; `None` when nothing was rendered just now.
    pub computed: Option<Value>,
    /// How it is carried out.
    pub execution: Execution,
}

impl Operation {
    /// The revision that is there before it, with which its own is compared.
    pub fn current(&self) -> Option<&Release> {
        match self.kind {
            Kind::Install => None,
            Kind::Upgrade => self.superseded.first().map(|record| &record.release),
            Kind::Rollback => self.left.as_ref(),
            Kind::Uninstall => Some(&self.release),
        }
    }

    /// Carries it out. `look` is what it was decided on.
    ///
    /// # Errors
    /// As [`change::carry_out`]; when undoing is asked for, that it was undone.
    pub fn carry_out(
        mut self,
        context: &Context<'_>,
        target: Target<'_>,
        look: &Look<'_>,
    ) -> Result<ReleaseReport, OpsError> {
        let (kind, execution, name) = (self.kind, self.execution, self.release.name.clone());
        if kind == Kind::Uninstall {
            let options = removal_options(execution);
            let (last, mark) = (self.superseded.into_iter().next(), self.release.plan.clone());
            let report = uninstall::carry_out(context, target, look, (last, mark), self.plan, &options)?;
            return Ok(ReleaseReport::removed(report, self.release));
        }
        if kind == Kind::Install {
            for old in &mut self.superseded {
                old.release.info.description = REPLACED.to_string();
            }
        }
        let computed = self.computed;
        let usual = match kind {
            Kind::Install => "Install complete".to_string(),
            Kind::Rollback => self.release.info.description.clone(),
            _ => "Upgrade complete".to_string(),
        };
        let change = Change {
            release: self.release,
            middle: self.middle,
            plan: self.plan,
            definitions: self.definitions,
            namespace: self.namespace,
            method: execution.method,
            hook_failure: match kind {
                Kind::Install => |event| format!("failed {}: ", event.name()),
                Kind::Rollback => |_| String::new(),
                _ => |event| format!("{} hooks failed: ", event.name()),
            },
            history_max: if kind == Kind::Install { 0 } else { execution.history_max },
            old: self.old,
            stops_at_failed_creation: kind != Kind::Install,
            cleanup_on_fail: execution.cleanup_on_fail && kind != Kind::Install,
            gives_way: match kind {
                Kind::Install => GivesWay::Always,
                Kind::Rollback => GivesWay::Unwritten,
                _ => GivesWay::Success,
            },
            superseded: self.superseded,
            events: kind.events(),
            no_hooks: execution.no_hooks,
            done: execution.description.clone().unwrap_or(usual),
            failed: change::failure_text(
                match kind {
                    Kind::Install => "Release",
                    Kind::Rollback => "Rollback",
                    _ => "Upgrade",
                },
                &name,
            ),
            wait: execution.wait,
        };
        let Stopped { error, ours } = match change::carry_out(context, target, look, change) {
            Ok(done) => {
                return Ok(ReleaseReport { computed, ..ReleaseReport::of(done, kind == Kind::Install) });
            }
            Err(stopped) => stopped,
        };
        let Some(ours) = ours.filter(|_| execution.rollback_on_failure) else { return Err(error) };
        // The undoing is what the user asked for in case of an end before the end: it runs through. A second signal ends the
        // process.
        let unasked = AtomicBool::new(false);
        let context = Context { interrupted: &unasked, ..*context };
        Err(match kind {
            Kind::Install => install::undo(&context, target, (&name, &ours), &execution, error),
            _ => upgrade::undo(&context, target, (&name, &ours), &execution, error),
        })
    }

    /// Why it would not leave everything as it is; `None` when it would. The rule of `upgrade --if-changed`.
    ///
    /// It compares with the newest revision, which must be deployed: the chart's Chart.yaml, the manifest, the hooks, the
    /// values that were given, the labels of the record, and the way in which objects are applied. Nothing may be to do in
    /// the store either: no definition, no namespace, no object that others changed in a field that the manifest names.
    ///
    /// # Errors
    /// The cluster cannot be asked what it would make of the objects.
    pub fn reason_to_go_on(
        &self,
        context: &Context<'_>,
        target: Target<'_>,
    ) -> Result<Option<&'static str>, OpsError> {
        let newest = self.newest.as_ref().filter(|newest| newest.status == Status::Deployed);
        let current =
            self.current().filter(|current| newest.is_some_and(|it| it.revision == current.version));
        let Some(current) = current else { return Ok(Some("the newest revision is not deployed")) };
        // As a record gives it back: numbers and empty maps lose what only this process knows of them.
        let unsayable = |reason| OpsError::refused(format!("the new revision cannot be recorded: {reason}"));
        let json = codec::to_json(&self.release).map_err(unsayable)?;
        let new = codec::from_json(json.as_bytes()).map_err(unsayable)?;
        for (same, what) in [
            (new.chart.metadata == current.chart.metadata, "Chart.yaml"),
            (new.manifest == current.manifest, "the manifest"),
            (same_hooks(&new.hooks, &current.hooks), "the hooks"),
            (new.config == current.config, "the values"),
            (self.release.labels == current.labels, "the labels of the release"),
            (new.apply_method == current.apply_method, "the way objects are applied"),
        ] {
            if !same {
                return Ok(Some(what));
            }
        }
        let preview = Preview::of(context, target, self)?;
        Ok(preview.changes_objects().then_some("the objects"))
    }
}

fn removal_options(execution: Execution) -> UninstallOptions {
    UninstallOptions {
        description: execution.description,
        keep_history: execution.removal.keep_history,
        no_hooks: execution.no_hooks,
        propagation: execution.removal.propagation,
        wait: execution.wait,
        ..UninstallOptions::default()
    }
}

/// Whether hooks are the same but for their last runs. Policies stand in the manifest; a run adds those that are the rule.
fn same_hooks(one: &[Hook], other: &[Hook]) -> bool {
    let content = |hook: &Hook| (hook.path.clone(), hook.manifest.clone(), hook.events.clone(), hook.weight);
    one.iter().map(content).eq(other.iter().map(content))
}
