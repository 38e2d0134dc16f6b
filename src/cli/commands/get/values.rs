//! `bowline get values`.

use clap::Args;

use super::RevisionArgs;
use crate::cli::args::OutputArg;
use crate::cli::commands::{Body, Leaf, Run, Verb};
use crate::cli::error::{Exit, Failure, Outcome};
use crate::cli::settings::Session;
use crate::cli::view;
use crate::ops::query;

/// The entry of the command table.
pub const VERB: Verb = Verb {
    name: "values",
    aliases: &[],
    about: "Print the values of a release",
    long: "\
Prints the values that were given for a release; with --all, the values that its templates saw, the chart's defaults
among them.",
    examples: "\
bowline get values web
bowline get values web --all -o json",
    positionals: "RELEASE",
    exclusive: &[],
    body: Body::Leaf(Leaf::of::<ValuesArgs>()),
};

/// Flags of `get values`.
#[derive(Debug, Clone, Args)]
pub struct ValuesArgs {
    /// Which revision.
    #[command(flatten)]
    pub which: RevisionArgs,
    /// Print the computed values, not only the given ones
    #[arg(long, short)]
    pub all: bool,
    /// The output format.
    #[command(flatten)]
    pub output: OutputArg,
}

impl Run for ValuesArgs {
    fn run(self, session: &Session) -> Outcome {
        let options = self.which.resolve(session)?;
        let release = super::release(session, &options)?;
        let values = query::values_of(&release, self.all).map_err(Failure::of_verb)?;
        session.ui.out(&view::values::text(&values, self.all, self.output.output)?)?;
        Ok(Exit::Done)
    }
}
