//! `bowline diff upgrade`.

use clap::Args;

use super::{DiffArgs, show};
use crate::cli::args::OutputArg;
use crate::cli::commands::upgrade::UpgradeArgs;
use crate::cli::commands::{Body, Leaf, Run, Verb};
use crate::cli::error::Outcome;
use crate::cli::settings::Session;
use crate::ops::diff;

/// The entry of the command table.
pub const VERB: Verb = Verb {
    name: "upgrade",
    aliases: &[],
    about: "Show what an upgrade would change",
    long: "\
Renders the chart as `bowline upgrade` with the same flags would, and compares the live objects with what they would
become. On a cluster the server says what that is (a dry run on its side).",
    examples: "\
bowline diff upgrade web ./web --set replicaCount=3
bowline diff upgrade web ./web --install -o json",
    positionals: "RELEASE CHART",
    exclusive: &[],
    body: Body::Leaf(Leaf::of::<DiffUpgradeArgs>()),
};

/// Flags of `diff upgrade`.
#[derive(Debug, Clone, Args)]
pub struct DiffUpgradeArgs {
    /// Those of the upgrade.
    #[command(flatten)]
    pub upgrade: UpgradeArgs,
    /// How differences are shown.
    #[command(flatten)]
    pub how: DiffArgs,
}

impl Run for DiffUpgradeArgs {
    fn run(self, session: &Session) -> Outcome {
        let (options, output) = self.upgrade.resolve(session)?;
        let namespace = session.namespace()?;
        let store = session.store()?;
        let target = store.target(&namespace);
        let found = session.with_context(|context| diff::upgrade(context, target, &options))?;
        show(session, &self.how, &OutputArg { output: output.format }, &found)
    }
}
