//! `bowline get all`.

use clap::Args;

use super::RevisionArgs;
use crate::cli::commands::{Body, Leaf, Run, Verb, unwired};
use crate::cli::error::Outcome;
use crate::cli::settings::Session;

/// The entry of the command table.
pub const VERB: Verb = Verb {
    name: "all",
    aliases: &[],
    about: "Print everything that is recorded of a release",
    long: "\
Prints all that is recorded of a release: its state, values as given and as computed, hooks, manifest and notes. With
--template it prints what a Go template makes of it.",
    examples: "\
bowline get all web
bowline get all web --template '{{.Release.Manifest}}'",
    positionals: "RELEASE",
    exclusive: &[],
    body: Body::Leaf(Leaf::of::<AllArgs>()),
};

/// Flags of `get all`.
#[derive(Debug, Clone, Args)]
pub struct AllArgs {
    /// Which revision.
    #[command(flatten)]
    pub which: RevisionArgs,
    /// Go template to print, over {Release}
    #[arg(long, value_name = "TEMPLATE")]
    pub template: Option<String>,
}

impl Run for AllArgs {
    fn run(self, session: &Session) -> Outcome {
        let options = self.which.resolve(session)?;
        unwired(session, &(options, self.template))
    }
}
