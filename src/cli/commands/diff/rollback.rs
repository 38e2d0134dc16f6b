//! `bowline diff rollback`.

use clap::Args;

use super::{DiffArgs, show};
use crate::cli::args::OutputArg;
use crate::cli::commands::{Body, Leaf, Run, Verb};
use crate::cli::error::Outcome;
use crate::cli::parse;
use crate::cli::settings::Session;
use crate::ops::diff;
use crate::ops::rollback::RollbackOptions;

/// The entry of the command table.
pub const VERB: Verb = Verb {
    name: "rollback",
    aliases: &[],
    about: "Show what a rollback would change",
    long: "Compares the live objects with what they would become in a rollback; to the last but one revision unless one is given.",
    examples: "bowline diff rollback web 1",
    positionals: "RELEASE [REVISION]",
    exclusive: &[],
    body: Body::Leaf(Leaf::of::<DiffRollbackArgs>()),
};

/// Flags of `diff rollback`.
#[derive(Debug, Clone, Args)]
pub struct DiffRollbackArgs {
    /// The release
    #[arg(value_name = "RELEASE")]
    pub release: String,
    /// The revision to go back to
    #[arg(value_name = "REVISION", value_parser = parse::unsigned)]
    pub revision: Option<u32>,
    /// How differences are shown.
    #[command(flatten)]
    pub how: DiffArgs,
    /// The output format.
    #[command(flatten)]
    pub output: OutputArg,
}

impl Run for DiffRollbackArgs {
    fn run(self, session: &Session) -> Outcome {
        let namespace = session.namespace()?;
        let store = session.store()?;
        let target = store.target(&namespace);
        let wanted = RollbackOptions {
            release: self.release,
            revision: self.revision.filter(|revision| *revision != 0).map(u64::from),
            ..RollbackOptions::default()
        };
        let found = session.with_context(|context| diff::rollback(context, target, &wanted))?;
        show(session, &self.how, &self.output, &found)
    }
}
