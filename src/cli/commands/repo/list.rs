//! `bowline repo list`.

use clap::Args;

use crate::cli::args::OutputArg;
use crate::cli::commands::{Body, Leaf, Run, Verb, unwired};
use crate::cli::error::Outcome;
use crate::cli::settings::Session;

/// The entry of the command table.
pub const VERB: Verb = Verb {
    name: "list",
    aliases: &["ls"],
    about: "List chart repositories",
    long: "Lists the chart repositories that are configured, in the order they were added.",
    examples: "bowline repo list -o json",
    positionals: "",
    exclusive: &[],
    body: Body::Leaf(Leaf::of::<ListArgs>()),
};

/// Flags of `repo list`.
#[derive(Debug, Clone, Args)]
pub struct ListArgs {
    /// Leave the table's header out
    #[arg(long)]
    pub no_headers: bool,
    /// The output format.
    #[command(flatten)]
    pub output: OutputArg,
}

impl Run for ListArgs {
    fn run(self, session: &Session) -> Outcome {
        unwired(session, &self)
    }
}
