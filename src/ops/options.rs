//! What several verbs are told: which chart, which values, how to apply.
//!
//! Invariant: these are plain data, fully resolved: no environment, no defaults left to look up.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use super::operation::{Execution, Removal};
use crate::chart::Limits;
use crate::fetch::FetchOptions;
use crate::plan::Method;
use crate::values::Compat;

/// Which chart, in which version, from where.
#[derive(Debug, Clone, Default)]
pub struct ChartRequest {
    /// A folder, an archive, `REPOSITORY/NAME`, a URL, or a bare name with `repository`.
    pub reference: String,
    /// Version, repository, credentials.
    pub fetch: FetchOptions,
    /// How much of a chart is read.
    pub limits: Limits,
    /// The keyring that has the key of who signed the archive, when it must be signed.
    pub verify: Option<PathBuf>,
}

/// Where values come from. They apply in the order of the fields, whatever the order on the command line: that is Helm's
/// rule.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ValueSources {
    /// `-f`: paths, URLs, `-`.
    pub files: Vec<String>,
    /// `--set-json`.
    pub json: Vec<String>,
    /// `--set`.
    pub set: Vec<String>,
    /// `--set-string`.
    pub strings: Vec<String>,
    /// `--set-file`.
    pub from_files: Vec<String>,
    /// `--set-literal`.
    pub literals: Vec<String>,
}

/// How a release gets its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReleaseName {
    /// As given.
    Given(String),
    /// From the chart's reference and the time.
    Generated,
    /// From a template.
    Template(String),
}

/// Whether anything is changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DryRun {
    /// Do it.
    #[default]
    None,
    /// Render only: no object is looked at; what is recorded is read where an upgrade begins from it.
    Client,
    /// Render with the store's answers (lookup, conflicts), and change nothing.
    Server,
}

/// How long a watcher waits when no time is given.
const DEFAULT_LIMIT: Duration = Duration::from_secs(30);

/// A time that no wait lasts, and that can be added to any moment.
const UNLIMITED: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

/// What to wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum WaitStrategy {
    /// Hooks only.
    #[default]
    HookOnly,
    /// Every object, by watching.
    Watcher,
    /// Every object, by polling as Helm 3 did.
    Legacy,
}

/// What to wait for, and how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wait {
    /// For what.
    pub strategy: WaitStrategy,
    /// For each thing that is waited for.
    pub timeout: Duration,
    /// For jobs too.
    pub jobs: bool,
}

impl Default for Wait {
    /// Helm's: hooks only, five minutes.
    fn default() -> Self {
        Wait { strategy: WaitStrategy::HookOnly, timeout: Duration::from_secs(300), jobs: false }
    }
}

impl Wait {
    /// The time limit for each thing that is waited for. Without one a watcher, which hooks are waited for with, waits half a minute,
    /// and polling goes on until it is done. Source: what Helm 4.3.1 does with `--timeout 0`.
    pub fn limit(&self) -> Duration {
        match self.strategy {
            _ if !self.timeout.is_zero() => self.timeout,
            WaitStrategy::Legacy => UNLIMITED,
            WaitStrategy::HookOnly | WaitStrategy::Watcher => DEFAULT_LIMIT,
        }
    }
}

impl Apply {
    /// What is waited for: with rollback on failure the objects too, or nothing would show that they fail. Source: Helm.
    pub fn effective_wait(&self) -> Wait {
        let mut wait = self.wait;
        if self.rollback_on_failure && wait.strategy == WaitStrategy::HookOnly {
            wait.strategy = WaitStrategy::Watcher;
        }
        wait
    }
}

impl Apply {
    /// The part that counts once an operation is decided on.
    pub(super) fn execution(&self, method: Method, history_max: usize) -> Execution {
        Execution {
            method,
            wait: self.effective_wait(),
            no_hooks: self.no_hooks,
            rollback_on_failure: self.rollback_on_failure,
            cleanup_on_fail: self.cleanup_on_fail,
            history_max,
            description: self.description.clone(),
            removal: Removal::default(),
        }
    }
}

/// What becomes of the definitions in `crds/`. See [`super::crds`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Crds {
    /// As Helm: made at install, never at upgrade.
    #[default]
    Helm,
    /// Made, and changed when that only adds.
    Safe,
    /// Made and changed.
    All,
    /// Left alone.
    Skip,
}

/// A program between rendering and applying.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PostRenderer {
    /// What the user called it.
    pub name: String,
    /// The file to start.
    pub program: PathBuf,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// How long it may take.
    pub timeout: Duration,
}

/// How install, upgrade and template render and apply a chart.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[allow(clippy::struct_field_names)]
pub struct Apply {
    /// Whether anything is changed.
    pub dry_run: DryRun,
    /// What to wait for.
    pub wait: Wait,
    /// How long to wait for another client that holds the release; `None` refuses at once.
    pub wait_lock: Option<Duration>,
    /// Undo what was done when something fails.
    pub rollback_on_failure: bool,
    /// Text of the record instead of the usual one.
    pub description: Option<String>,
    /// Labels of the record. An upgrade merges them; the value `null` removes one.
    pub labels: BTreeMap<String, String>,
    /// Fetch missing dependencies first.
    pub dependency_update: bool,
    /// What becomes of crds/.
    pub crds: Crds,
    /// Take over fields that others manage.
    pub force_conflicts: bool,
    /// Delete what a failed upgrade created.
    pub cleanup_on_fail: bool,
    /// Leave out hooks.
    pub no_hooks: bool,
    /// Ignore values.schema.json.
    pub skip_schema_validation: bool,
    /// Let templates resolve host names.
    pub enable_dns: bool,
    /// Render the notes of subcharts too.
    pub subchart_notes: bool,
    /// Adopt objects of others.
    pub take_ownership: bool,
    /// Replace objects instead of merging into them.
    pub force_replace: bool,
    /// Which Helm's rules for values count where the two differ.
    pub compat: Compat,
    /// Leave secrets out of what a dry run shows.
    pub hide_secrets: bool,
    /// Randomness and time of templates come from this number.
    pub seed: Option<u64>,
    /// A program between rendering and applying.
    pub post_renderer: Option<PostRenderer>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_time_limit_each_strategy_has_its_own() {
        let limit =
            |strategy, seconds| Wait { strategy, timeout: Duration::from_secs(seconds), jobs: false }.limit();
        for (strategy, unlimited) in
            [(WaitStrategy::HookOnly, 30), (WaitStrategy::Watcher, 30), (WaitStrategy::Legacy, 315_360_000)]
        {
            assert_eq!(limit(strategy, 0).as_secs(), unlimited, "{strategy:?}");
            assert_eq!(limit(strategy, 2).as_secs(), 2, "{strategy:?}");
        }
    }
}
