//! What install, upgrade and template share about how a chart is rendered and applied.

use std::collections::BTreeMap;
use std::time::Duration;

use clap::Args;

use super::progress::ProgressArg;
use super::wait::{LockArgs, WaitArgs, WaitOptions};
use crate::cli::error::Failure;
use crate::cli::parse::{self, Pairs, WaitStrategy};
use crate::cli::settings::Session;

/// How far to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DryRun {
    /// All the way.
    #[default]
    None,
    /// Render only, without the store.
    Client,
    /// Read the store, write nothing.
    Server,
}

/// What becomes of the definitions in crds/.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum CrdPolicy {
    /// Install makes them, upgrade leaves them alone.
    #[default]
    Helm,
    /// Make them, and change those that are there when that takes nothing away from them
    Safe,
    /// Make them, and change those that are there
    All,
    /// Leave them alone
    Skip,
}

/// `--dry-run`.
#[derive(Debug, Clone, Default, Args)]
pub struct DryRunArg {
    /// Only show what would be done; =client renders without the store, =server reads it
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "unset",
          value_name = "HOW")]
    pub dry_run: Option<String>,
}

impl DryRunArg {
    /// What the flag means; warns about Helm 3's spellings.
    ///
    /// # Errors
    /// The value is none of the three.
    pub fn resolve(&self, session: &Session) -> Result<DryRun, Failure> {
        let Some(typed) = self.dry_run.as_deref() else { return Ok(DryRun::None) };
        let old = |new: DryRun, text: &str| {
            session.ui.warn(text, &[]);
            Ok(new)
        };
        match typed {
            "none" => Ok(DryRun::None),
            "client" => Ok(DryRun::Client),
            "server" => Ok(DryRun::Server),
            "unset" => {
                old(DryRun::Client, "--dry-run is deprecated and should be replaced with '--dry-run=client'")
            }
            _ => match parse::boolean(typed) {
                Ok(true) => old(
                    DryRun::Client,
                    "boolean '--dry-run=true' flag is deprecated and must be replaced with '--dry-run=client'",
                ),
                Ok(false) => old(
                    DryRun::None,
                    "boolean '--dry-run=false' flag is deprecated and must be replaced with '--dry-run=none'",
                ),
                Err(_) => Err(Failure::usage(format!(
                    "invalid dry-run value ({}). Must be \"none\", \"server\", or \"client\"",
                    parse::quote(typed)
                ))),
            },
        }
    }
}

/// The flags of install, upgrade and template.
#[derive(Debug, Clone, Args)]
pub struct ApplyArgs {
    /// How far to go.
    #[command(flatten)]
    pub dry_run: DryRunArg,
    /// What to wait for.
    #[command(flatten)]
    pub wait: WaitArgs,
    /// With --wait, wait for jobs to complete
    #[arg(long)]
    pub wait_for_jobs: bool,
    /// Waiting for other processes.
    #[command(flatten)]
    pub lock: LockArgs,
    /// How progress is told.
    #[command(flatten)]
    pub progress: ProgressArg,
    /// Undo everything when the operation fails
    #[arg(long, alias = "atomic")]
    pub rollback_on_failure: bool,
    /// Text to record with the revision
    #[arg(long, value_name = "TEXT")]
    pub description: Option<String>,
    /// Labels to record with the release
    #[arg(long, short, value_parser = parse::pairs, value_name = "KEY=VALUE,…")]
    pub labels: Vec<Pairs>,
    /// Fetch dependencies that are missing before anything else
    #[arg(long, alias = "dep-up")]
    pub dependency_update: bool,
    /// What becomes of the definitions in crds/: helm makes those that are missing at install and leaves them alone at
    /// upgrade, safe also changes those that only grow, all changes all, skip leaves all alone
    #[arg(long, value_enum, hide_possible_values = true, value_name = "HOW", default_value = "helm")]
    pub crds: CrdPolicy,
    /// Leave out the objects of crds/
    #[arg(long, alias = "no-crd-hook")]
    pub skip_crds: bool,
    /// Do not run hooks
    #[arg(long, alias = "disable-hooks")]
    pub no_hooks: bool,
    /// Do not check values against values.schema.json
    #[arg(long)]
    pub skip_schema_validation: bool,
    /// Do not check manifests against the server's schema
    #[arg(long)]
    pub disable_openapi_validation: bool,
    /// Let templates resolve host names
    #[arg(long)]
    pub enable_dns: bool,
    /// Leave the notes out of the output
    #[arg(long)]
    pub hide_notes: bool,
    /// Print the notes of subcharts too
    #[arg(long)]
    pub render_subchart_notes: bool,
    /// Take over objects that another release or nobody owns
    #[arg(long)]
    pub take_ownership: bool,
    /// Replace objects as a whole instead of changing fields
    #[arg(long, alias = "force")]
    pub force_replace: bool,
    /// Take over fields that another manager owns
    #[arg(long)]
    pub force_conflicts: bool,
    /// Make what templates draw at random (names, passwords, keys) depend on this number alone; time stands still, at
    /// SOURCE_DATE_EPOCH or at the start of 2025
    #[arg(long, value_name = "N", value_parser = parse::seed)]
    pub seed: Option<u64>,
    /// Program that gets the rendered manifest on its input and prints the one to use
    #[arg(long, value_name = "PROGRAM")]
    pub post_renderer: Option<String>,
    /// Argument for the post-renderer; may be given several times
    #[arg(long, value_name = "ARG")]
    pub post_renderer_args: Vec<String>,
}

/// Flags that Helm accepts and that change nothing here. Kept out of the help.
#[derive(Debug, Clone, Default, Args)]
pub struct DeprecatedApplyArgs {
    /// Restarts pods; Helm dropped it
    #[arg(long, hide = true)]
    pub recreate_pods: bool,
}

impl DeprecatedApplyArgs {
    /// Says that the flags do nothing.
    pub fn warn(&self, session: &Session) {
        if self.recreate_pods {
            session.ui.warn("--recreate-pods does nothing any more", &[]);
        }
    }
}

/// A program between rendering and applying.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PostRenderer {
    /// A program's name or path.
    pub program: String,
    /// Its arguments.
    pub arguments: Vec<String>,
}

/// How a chart is rendered and applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApplyOptions {
    /// How far to go.
    pub dry_run: DryRun,
    /// What to wait for.
    pub wait: WaitOptions,
    /// How long to wait for another process; fail at once when `None`.
    pub wait_lock: Option<Duration>,
    /// Undo on failure.
    pub rollback_on_failure: bool,
    /// Text of the record in place of the default.
    pub description: Option<String>,
    /// Labels of the record; on upgrade the value `null` deletes one.
    pub labels: BTreeMap<String, String>,
    /// Fetch missing dependencies first.
    pub dependency_update: bool,
    /// What becomes of crds/.
    pub crds: CrdPolicy,
    /// Run hooks.
    pub hooks: bool,
    /// Check values against the schema.
    pub schema_validation: bool,
    /// Let templates resolve host names.
    pub dns: bool,
    /// Include subcharts' notes.
    pub subchart_notes: bool,
    /// Skip the ownership check.
    pub take_ownership: bool,
    /// Replace objects as a whole.
    pub force_replace: bool,
    /// Take over fields of other managers.
    pub force_conflicts: bool,
    /// A program between rendering and applying.
    pub post_renderer: Option<PostRenderer>,
    /// Where the randomness of templates comes from.
    pub seed: Option<u64>,
}

/// Pairs of flags that exclude each other.
pub const EXCLUSIVE: &[&[&str]] = &[&["force-replace", "force-conflicts"], &["crds", "skip-crds"]];

impl ApplyArgs {
    /// What the flags mean.
    ///
    /// # Errors
    /// The value of `--dry-run` is unknown.
    pub fn resolve(&self, session: &Session) -> Result<ApplyOptions, Failure> {
        let mut wait = self.wait.resolve(session, self.wait_for_jobs);
        // Undoing needs to know that something went wrong.
        if self.rollback_on_failure && wait.strategy == WaitStrategy::HookOnly {
            wait.strategy = WaitStrategy::Watcher;
        }
        let pairs = self.labels.iter().flat_map(|Pairs(pairs)| pairs.iter().cloned());
        Ok(ApplyOptions {
            dry_run: self.dry_run.resolve(session)?,
            wait,
            wait_lock: self.lock.wait_lock,
            rollback_on_failure: self.rollback_on_failure,
            description: self.description.clone().filter(|text| !text.is_empty()),
            labels: pairs.collect(),
            dependency_update: self.dependency_update,
            crds: if self.skip_crds { CrdPolicy::Skip } else { self.crds },
            hooks: !self.no_hooks,
            schema_validation: !self.skip_schema_validation,
            dns: self.enable_dns,
            subchart_notes: self.render_subchart_notes,
            take_ownership: self.take_ownership,
            force_replace: self.force_replace,
            force_conflicts: self.force_conflicts,
            seed: self.seed,
            post_renderer: self
                .post_renderer
                .clone()
                .filter(|name| !name.is_empty())
                .map(|program| PostRenderer { program, arguments: self.post_renderer_args.clone() }),
        })
    }
}
