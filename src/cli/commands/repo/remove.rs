//! `bowline repo remove`.

use clap::Args;

use crate::cli::commands::{Body, Leaf, Run, Verb, unwired};
use crate::cli::error::Outcome;
use crate::cli::settings::Session;

/// The entry of the command table.
pub const VERB: Verb = Verb {
    name: "remove",
    aliases: &["rm"],
    about: "Forget chart repositories",
    long: "Removes chart repositories from the configuration, and their cached indexes.",
    examples: "bowline repo remove stable",
    positionals: "NAME...",
    exclusive: &[],
    body: Body::Leaf(Leaf::of::<RemoveArgs>()),
};

/// Flags of `repo remove`.
#[derive(Debug, Clone, Args)]
pub struct RemoveArgs {
    /// Repositories to forget
    #[arg(value_name = "NAME", required = true)]
    pub names: Vec<String>,
}

impl Run for RemoveArgs {
    fn run(self, session: &Session) -> Outcome {
        unwired(session, &self)
    }
}
