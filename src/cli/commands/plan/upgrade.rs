//! `bowline plan upgrade`, and `bowline plan`.

use clap::Args;

use super::{OutArg, show};
use crate::cli::args::apply;
use crate::cli::commands::diff::DiffArgs;
use crate::cli::commands::upgrade::UpgradeArgs;
use crate::cli::commands::{Body, Leaf, Run, Verb};
use crate::cli::error::{Failure, Outcome};
use crate::cli::settings::Session;
use crate::ops::options::DryRun;
use crate::ops::upgrade;

/// The entry of the command table.
pub const VERB: Verb = Verb {
    name: "upgrade",
    aliases: &[],
    about: "Show what an upgrade or install would do, and save it to be applied as it is",
    long: "\
Renders the chart as `bowline upgrade` with the same flags would, and shows what would become of each object and why: it
is created, changed field by field, replaced, adopted, deleted, or kept. On a cluster the server says what an object would
become (a dry run on its side). Hooks and definitions of crds/ are shown too, values of secrets never. The exit code is 0
when there is nothing to change and 2 when there is something. See `bowline plan` for --out.",
    examples: "\
bowline plan upgrade web ./web --set replicaCount=3
# Save it, look at it, carry it out
bowline plan upgrade web ./web --set replicaCount=3 --out web.plan
bowline apply web.plan
bowline plan upgrade web ./web --install -o json",
    positionals: "RELEASE CHART",
    exclusive: apply::EXCLUSIVE,
    body: Body::Leaf(Leaf::of::<PlanUpgradeArgs>()),
};

/// Flags of `plan upgrade`.
#[derive(Debug, Clone, Args)]
pub struct PlanUpgradeArgs {
    /// Where to save it.
    #[command(flatten)]
    pub out: OutArg,
    /// Those of the upgrade.
    #[command(flatten)]
    pub upgrade: UpgradeArgs,
    /// How differences are shown.
    #[command(flatten)]
    pub how: DiffArgs,
}

impl Run for PlanUpgradeArgs {
    fn run(self, session: &Session) -> Outcome {
        let (mut options, output) = self.upgrade.resolve(session)?;
        if options.apply.dry_run == DryRun::Client {
            return Err(Failure::usage(
                "a plan is made against the store, and --dry-run=client does not look at it",
            )
            .hint("leave --dry-run out: a plan changes nothing"));
        }
        // A plan is no dry run: what it would do is what will be done.
        options.apply.hide_secrets = false;
        show(session, &self.how, output.format, &self.out, |context, target| {
            upgrade::decide(context, target, &options)
        })
    }
}
