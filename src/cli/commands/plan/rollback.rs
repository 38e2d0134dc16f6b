//! `bowline plan rollback`.

use clap::Args;

use super::{OutArg, show};
use crate::cli::args::apply;
use crate::cli::commands::diff::DiffArgs;
use crate::cli::commands::rollback::RollbackArgs;
use crate::cli::commands::{Body, Leaf, Run, Verb};
use crate::cli::error::{Failure, Outcome};
use crate::cli::settings::Session;
use crate::ops::options::DryRun;
use crate::ops::rollback;

/// The entry of the command table.
pub const VERB: Verb = Verb {
    name: "rollback",
    aliases: &[],
    about: "Show what a rollback would do, and save it to be applied as it is",
    long: "\
Shows what `bowline rollback` with the same flags would do to each object, and which hooks would run. Without a revision,
or with 0, it is one to the revision before the last. The exit code is 0 when there is nothing to change and 2 when there
is something. See `bowline plan` for --out.",
    examples: "\
bowline plan rollback web
bowline plan rollback web 3 --out web.plan
bowline apply web.plan",
    positionals: "RELEASE [REVISION]",
    exclusive: apply::EXCLUSIVE,
    body: Body::Leaf(Leaf::of::<PlanRollbackArgs>()),
};

/// Flags of `plan rollback`.
#[derive(Debug, Clone, Args)]
pub struct PlanRollbackArgs {
    /// Where to save it.
    #[command(flatten)]
    pub out: OutArg,
    /// Those of the rollback.
    #[command(flatten)]
    pub rollback: RollbackArgs,
    /// How differences are shown.
    #[command(flatten)]
    pub how: DiffArgs,
}

impl Run for PlanRollbackArgs {
    fn run(self, session: &Session) -> Outcome {
        let format = self.rollback.output.output;
        let options = self.rollback.resolve(session)?;
        if options.dry_run == DryRun::Client {
            return Err(Failure::usage(
                "a plan is made against the store, and --dry-run=client does not look at it",
            )
            .hint("leave --dry-run out: a plan changes nothing"));
        }
        show(session, &self.how, format, &self.out, |context, target| {
            rollback::decide(context, target, &options)
        })
    }
}
