//! `bowline rollback`.

use clap::Args;

use super::install::ReleaseOutput;
use super::upgrade::{ServerSide, server_side};
use super::{Body, Leaf, Run, Verb};
use crate::cli::args::{DeprecatedApplyArgs, DryRunArg, LockArgs, OutputArg, ProgressArg, WaitArgs, apply};
use crate::cli::error::{Exit, Failure, Outcome};
use crate::cli::parse::{self, Format};
use crate::cli::settings::Session;
use crate::cli::view::changes;
use crate::ops::rollback::{self as ops, RollbackOptions};

/// The entry of the command table.
pub const VERB: Verb = Verb {
    name: "rollback",
    aliases: &[],
    about: "Bring a release back to an earlier revision",
    long: "\
Changes the objects of a release to those of an earlier revision, and records that as a new revision. Nothing is
rendered again: the recorded manifests are used. Without a revision, or with 0, it is the one before the last.",
    examples: "\
bowline rollback web
bowline rollback web 3 --wait",
    positionals: "RELEASE [REVISION]",
    exclusive: apply::EXCLUSIVE,
    body: Body::Leaf(Leaf::of::<RollbackArgs>()),
};

/// Flags of `rollback`.
#[derive(Debug, Clone, Args)]
pub struct RollbackArgs {
    /// The release
    #[arg(value_name = "RELEASE")]
    pub release: String,
    /// The revision to go back to; Helm takes words after it and ignores them
    #[arg(value_name = "REVISION")]
    pub words: Vec<String>,
    /// Delete the objects that a failed rollback created
    #[arg(long)]
    pub cleanup_on_fail: bool,
    /// How many revisions to keep; 0 for all
    #[arg(long, value_parser = parse::unsigned, value_name = "N")]
    pub history_max: Option<u32>,
    /// Text to record with the revision, at most 256 characters
    #[arg(long, value_name = "TEXT")]
    pub description: Option<String>,
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
    /// Do not run hooks
    #[arg(long)]
    pub no_hooks: bool,
    /// Replace objects as a whole instead of changing fields
    #[arg(long, alias = "force")]
    pub force_replace: bool,
    /// Take over fields that another manager owns
    #[arg(long)]
    pub force_conflicts: bool,
    /// Let the server merge changes: true, false, or auto for what the target revision did
    #[arg(long, num_args = 0..=1, require_equals = true, default_value = "auto",
          default_missing_value = "true", value_parser = server_side, value_name = "BOOL|auto")]
    pub server_side: ServerSide,
    /// Flags without effect.
    #[command(flatten)]
    pub dropped: DeprecatedApplyArgs,
    /// The output format.
    #[command(flatten)]
    pub output: OutputArg,
}

/// The longest description in characters, Helm's limit.
const DESCRIPTION_LIMIT: usize = 256;

/// A revision as a positional; 0 means none.
///
/// # Errors
/// It is no number, in Helm's words.
pub fn revision(word: &str) -> Result<Option<u32>, Failure> {
    let number = parse::positional_integer(word)
        .map_err(|reason| Failure::usage(format!("could not convert revision to a number: {reason}")))
        .map_err(|failure| failure.hint("a revision is a number; `history` lists those of a release"))?;
    match u32::try_from(number) {
        Ok(0) => Ok(None),
        Ok(number) => Ok(Some(number)),
        Err(_) => Err(Failure::usage(format!("invalid revision {number}"))),
    }
}

impl RollbackArgs {
    /// What the flags mean.
    pub(crate) fn resolve(self, session: &Session) -> Result<RollbackOptions, Failure> {
        self.dropped.warn(session);
        let too_long = |text: &String| text.chars().count() > DESCRIPTION_LIMIT;
        if self.description.as_ref().is_some_and(too_long) {
            return Err(Failure::usage(format!(
                "the description must be at most {DESCRIPTION_LIMIT} characters long"
            )));
        }
        Ok(RollbackOptions {
            revision: self.words.first().map(|word| revision(word)).transpose()?.flatten().map(u64::from),
            release: self.release,
            cleanup_on_fail: self.cleanup_on_fail,
            history_max: self.history_max.unwrap_or(session.settings.max_history) as usize,
            description: self.description.filter(|text| !text.is_empty()),
            dry_run: self.dry_run.resolve(session)?,
            wait: self.wait.resolve(session, self.wait_for_jobs),
            wait_lock: self.lock.wait_lock,
            no_hooks: self.no_hooks,
            force_replace: self.force_replace,
            force_conflicts: self.force_conflicts,
            server_side: self.server_side.0,
        })
    }
}

impl Run for RollbackArgs {
    fn run(self, session: &Session) -> Outcome {
        let format = self.output.output;
        let options = self.resolve(session)?;
        let namespace = session.namespace()?;
        let store = session.store_with_history(options.dry_run)?;
        let target = store.target(&namespace);
        let report = session.with_interrupt(|context| ops::rollback(context, target, &options))?;
        match format {
            Format::Table => session.ui.out(changes::ROLLED_BACK)?,
            format => ReleaseOutput { format, hide_notes: true }.print(session, &report)?,
        }
        Ok(Exit::Done)
    }
}
