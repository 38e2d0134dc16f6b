//! `bowline status`.

use clap::Args;

use super::get::{RevisionArgs, RevisionOptions};
use super::{Body, Leaf, Run, Verb, unwired};
use crate::cli::args::OutputArg;
use crate::cli::error::Outcome;
use crate::cli::settings::Session;

/// The entry of the command table.
pub const VERB: Verb = Verb {
    name: "status",
    aliases: &[],
    about: "Show how a release is doing",
    long: "\
Shows a release: when it was last deployed, its status, description, the state of its objects, its tests and notes.",
    examples: "\
bowline status web
bowline status web --revision 2 -o json",
    positionals: "RELEASE",
    exclusive: &[],
    body: Body::Leaf(Leaf::of::<StatusArgs>()),
};

/// Flags of `status`.
#[derive(Debug, Clone, Args)]
pub struct StatusArgs {
    /// Which revision.
    #[command(flatten)]
    pub which: RevisionArgs,
    /// The output format.
    #[command(flatten)]
    pub output: OutputArg,
    /// Accepted for Helm 3's sake: the description is always shown
    #[arg(long, hide = true)]
    pub show_desc: bool,
    /// Accepted for Helm 3's sake: objects are always shown
    #[arg(long, hide = true)]
    pub show_resources: bool,
}

impl Run for StatusArgs {
    fn run(self, session: &Session) -> Outcome {
        let options: RevisionOptions = self.which.resolve(session)?;
        unwired(session, &options)
    }
}
