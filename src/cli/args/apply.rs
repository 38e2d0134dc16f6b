//! What install, upgrade and template share about how a chart is rendered and applied.

use std::time::Duration;

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};

use super::progress::ProgressArg;
use super::wait::{LockArgs, WaitArgs};
use crate::cli::error::Failure;
use crate::cli::parse::{self, Pairs};
use crate::cli::settings::Session;
use crate::ops::options::{Apply, Crds, DryRun, PostRenderer};
use crate::sys::process;

/// `--dry-run`.
#[derive(Debug, Clone, Default, Args)]
pub struct DryRunArg {
    /// Only show what would be done; =client renders without a look at objects, =server looks at them
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
    #[arg(long, value_parser = crds(), hide_possible_values = true, value_name = "HOW", default_value = "helm")]
    pub crds: Crds,
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

/// The value of `--crds`.
fn crds() -> impl TypedValueParser<Value = Crds> {
    PossibleValuesParser::new(["helm", "safe", "all", "skip"]).map(|word| match word.as_str() {
        "safe" => Crds::Safe,
        "all" => Crds::All,
        "skip" => Crds::Skip,
        _ => Crds::Helm,
    })
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

/// Pairs of flags that exclude each other.
pub const EXCLUSIVE: &[&[&str]] = &[&["force-replace", "force-conflicts"], &["crds", "skip-crds"]];

impl ApplyArgs {
    /// What the flags mean.
    ///
    /// # Errors
    /// The value of `--dry-run` is unknown, or there is no such post-renderer.
    pub fn resolve(&self, session: &Session) -> Result<Apply, Failure> {
        let wait = self.wait.resolve(session, self.wait_for_jobs);
        let pairs = self.labels.iter().flat_map(|Pairs(pairs)| pairs.iter().cloned());
        Ok(Apply {
            dry_run: self.dry_run.resolve(session)?,
            wait,
            wait_lock: self.lock.wait_lock,
            rollback_on_failure: self.rollback_on_failure,
            description: self.description.clone().filter(|text| !text.is_empty()),
            labels: pairs.collect(),
            dependency_update: self.dependency_update,
            crds: if self.skip_crds { Crds::Skip } else { self.crds },
            no_hooks: self.no_hooks,
            skip_schema_validation: self.skip_schema_validation,
            enable_dns: self.enable_dns,
            subchart_notes: self.render_subchart_notes,
            take_ownership: self.take_ownership,
            force_replace: self.force_replace,
            force_conflicts: self.force_conflicts,
            compat: session.settings.values_compat(),
            seed: self.seed,
            post_renderer: self.post_renderer(session, wait.timeout)?,
            // What only some of the commands have a flag for.
            cleanup_on_fail: false,
            hide_secrets: false,
        })
    }

    /// The program that is meant. The text of the failure is Helm's.
    fn post_renderer(&self, session: &Session, timeout: Duration) -> Result<Option<PostRenderer>, Failure> {
        let Some(name) = self.post_renderer.as_ref().filter(|name| !name.is_empty()) else { return Ok(None) };
        let Some(program) = process::find_program(session.host, name) else {
            let reason = if name.contains('/') {
                format!("stat {name}: no such file or directory")
            } else {
                "executable file not found in $PATH".to_string()
            };
            return Err(Failure::usage(format!(
                "invalid argument {quoted} for \"--post-renderer\" flag: unable to find binary at {name}: exec: {quoted}: \
                 {reason}",
                quoted = parse::quote(name),
            ))
            .hint("give the path of an executable file, or a name that is found on PATH"));
        };
        Ok(Some(PostRenderer {
            name: name.clone(),
            program,
            arguments: self.post_renderer_args.clone(),
            timeout,
        }))
    }
}
