//! `bowline uninstall`.

use clap::Args;

use super::{Body, Leaf, Run, Verb};
use crate::cli::args::{LockArgs, OutputArg, ProgressArg, WaitArgs};
use crate::cli::error::{Exit, Failure, Outcome};
use crate::cli::interrupt::Interrupt;
use crate::cli::parse::Format;
use crate::cli::settings::{Compat, Session};
use crate::cli::view::changes::{self, LeftObject, UninstalledRow};
use crate::cli::view::structured;
use crate::cluster::live::Propagation;
use crate::manifest::ObjectRef;
use crate::ops::options::DryRun;
use crate::ops::uninstall::{self as ops, UninstallOptions};
use crate::plan::{KeepReason, Plan};

/// The entry of the command table.
pub const VERB: Verb = Verb {
    name: "uninstall",
    aliases: &["un"],
    about: "Remove releases with their history",
    long: "\
Deletes the objects of releases, and their history. With --keep-history the revisions stay, so that a release can be
looked at and rolled back. Objects annotated helm.sh/resource-policy: keep are left where they are.",
    examples: "\
bowline uninstall web
bowline uninstall web api --keep-history
bowline uninstall web --dry-run",
    positionals: "RELEASE...",
    exclusive: &[],
    body: Body::Leaf(Leaf::of::<UninstallArgs>()),
};

/// How releases are removed, at once or by a plan.
#[derive(Debug, Clone, Args)]
pub struct HowArgs {
    /// How objects that others depend on go: background, foreground or orphan
    #[arg(long, default_value = "background", value_name = "HOW")]
    pub cascade: String,
    /// Text to record with the last revision
    #[arg(long, value_name = "TEXT")]
    pub description: Option<String>,
    /// Keep the revisions
    #[arg(long)]
    pub keep_history: bool,
    /// Do not run hooks
    #[arg(long)]
    pub no_hooks: bool,
    /// What to wait for.
    #[command(flatten)]
    pub wait: WaitArgs,
}

/// Flags of `uninstall` and `delete`.
#[derive(Debug, Clone, Args)]
pub struct RemoveArgs {
    /// The releases
    #[arg(value_name = "RELEASE", required = true)]
    pub releases: Vec<String>,
    /// How they are removed.
    #[command(flatten)]
    pub how: HowArgs,
    /// Only show what would be removed
    #[arg(long)]
    pub dry_run: bool,
    /// A release that is not there is no error
    #[arg(long)]
    pub ignore_not_found: bool,
    /// Waiting for other processes.
    #[command(flatten)]
    pub lock: LockArgs,
    /// How progress is told.
    #[command(flatten)]
    pub progress: ProgressArg,
    /// The output format.
    #[command(flatten)]
    pub output: OutputArg,
}

/// Flags of `uninstall`.
#[derive(Debug, Clone, Args)]
pub struct UninstallArgs {
    /// The flags that it shares.
    #[command(flatten)]
    pub remove: RemoveArgs,
}

impl HowArgs {
    /// What the flags mean; `purge` is Helm 2's flag, `None` for `uninstall`, which has none.
    ///
    /// # Errors
    /// The value of `--cascade` is unknown.
    pub fn resolve(&self, session: &Session, purge: Option<bool>) -> Result<UninstallOptions, Failure> {
        let propagation = match self.cascade.as_str() {
            "background" => Propagation::Background,
            "foreground" => Propagation::Foreground,
            "orphan" => Propagation::Orphan,
            other => {
                return Err(Failure::usage(format!(
                    "invalid cascade value ({other}). Must be \"background\", \"foreground\", or \"orphan\""
                )));
            }
        };
        // Helm 2's `delete` keeps history unless told to purge; where Helm 3 or 4 is asked for, it is `uninstall`.
        let keeps = match purge {
            Some(purge) => session.settings.compat == Compat::Own && !purge,
            None => false,
        };
        Ok(UninstallOptions {
            propagation,
            description: self.description.clone().filter(|text| !text.is_empty()),
            keep_history: self.keep_history || keeps,
            no_hooks: self.no_hooks,
            wait: self.wait.resolve(session, false),
            ..UninstallOptions::default()
        })
    }
}

impl RemoveArgs {
    /// What the flags mean; `purge` as for [`HowArgs::resolve`].
    ///
    /// # Errors
    /// The value of `--cascade` is unknown.
    pub fn resolve(&self, session: &Session, purge: Option<bool>) -> Result<UninstallOptions, Failure> {
        Ok(UninstallOptions {
            dry_run: self.dry_run,
            ignore_not_found: self.ignore_not_found,
            wait_lock: self.lock.wait_lock,
            ..self.how.resolve(session, purge)?
        })
    }
}

/// Removes releases and prints what became of them.
///
/// # Errors
/// A release cannot be removed.
pub fn remove(session: &Session, releases: &[String], options: &UninstallOptions, format: Format) -> Outcome {
    let namespace = session.namespace()?;
    let store = session.store_with_history(if options.dry_run { DryRun::Server } else { DryRun::None })?;
    let target = store.target(&namespace);
    let mut rows = Vec::new();
    // One handler for all of them: a handler stays for the rest of the process.
    let interrupted = Interrupt::install()?.flag();
    for name in releases {
        let report = session
            .with_flag(&interrupted, |context| ops::uninstall(context, target, name, options))
            .map_err(|failure| failure.after(&rows))?;
        let row = row(name, &report.plan);
        if format == Format::Table {
            session.ui.out(&changes::uninstalled(&row))?;
        }
        rows.push(row);
    }
    if format != Format::Table {
        session.ui.out(&structured(&rows, format)?)?;
    }
    Ok(Exit::Done)
}

/// What became of a release that was removed.
pub fn row(release: &str, plan: &Plan) -> UninstalledRow {
    let left = |reason| {
        let object =
            |id: &ObjectRef| LeftObject { kind: id.kind.clone(), name: id.name.clone(), reason: None };
        plan.kept(reason).map(object).collect()
    };
    UninstalledRow {
        release: release.to_string(),
        kept: left(KeepReason::Policy),
        foreign: left(KeepReason::NotOwned),
        unverified: Vec::new(),
    }
}

impl Run for UninstallArgs {
    fn run(self, session: &Session) -> Outcome {
        let format = self.remove.output.output;
        let options = self.remove.resolve(session, None)?;
        remove(session, &self.remove.releases, &options, format)
    }
}
