//! `bowline plan uninstall`.

use clap::Args;

use super::{OutArg, show};
use crate::cli::args::OutputArg;
use crate::cli::commands::diff::DiffArgs;
use crate::cli::commands::uninstall::HowArgs;
use crate::cli::commands::{Body, Leaf, Run, Verb};
use crate::cli::error::Outcome;
use crate::cli::settings::Session;
use crate::ops::uninstall;

/// The entry of the command table.
pub const VERB: Verb = Verb {
    name: "uninstall",
    aliases: &[],
    about: "Show what an uninstall would delete, and save it to be applied as it is",
    long: "\
Shows which objects `bowline uninstall` with the same flags would delete and which it would keep, which hooks would run,
and what becomes of the records. The exit code is 2: an uninstall always does something. See `bowline plan` for --out.",
    examples: "\
bowline plan uninstall web
bowline plan uninstall web --keep-history --out web.plan
bowline apply web.plan",
    positionals: "RELEASE",
    exclusive: &[],
    body: Body::Leaf(Leaf::of::<PlanUninstallArgs>()),
};

/// Flags of `plan uninstall`.
#[derive(Debug, Clone, Args)]
pub struct PlanUninstallArgs {
    /// The release
    #[arg(value_name = "RELEASE")]
    pub release: String,
    /// Where to save it.
    #[command(flatten)]
    pub out: OutArg,
    /// How to uninstall.
    #[command(flatten)]
    pub removal: HowArgs,
    /// How differences are shown.
    #[command(flatten)]
    pub how: DiffArgs,
    /// The output format.
    #[command(flatten)]
    pub output: OutputArg,
}

impl Run for PlanUninstallArgs {
    fn run(self, session: &Session) -> Outcome {
        let options = self.removal.resolve(session, None)?;
        show(session, &self.how, self.output.output, &self.out, |context, target| {
            uninstall::decide(context, target, &self.release, &options)
        })
    }
}
