//! `bowline get hooks`.

use clap::Args;

use super::RevisionArgs;
use crate::cli::commands::{Body, Leaf, Run, Verb};
use crate::cli::error::{Exit, Outcome};
use crate::cli::settings::Session;
use crate::cli::view;

/// The entry of the command table.
pub const VERB: Verb = Verb {
    name: "hooks",
    aliases: &[],
    about: "Print the hooks of a release",
    long: "Prints the hooks of a release as they are recorded, each with the template it came from.",
    examples: "bowline get hooks web",
    positionals: "RELEASE",
    exclusive: &[],
    body: Body::Leaf(Leaf::of::<HooksArgs>()),
};

/// Flags of `get hooks`.
#[derive(Debug, Clone, Args)]
pub struct HooksArgs {
    /// Which revision.
    #[command(flatten)]
    pub which: RevisionArgs,
}

impl Run for HooksArgs {
    fn run(self, session: &Session) -> Outcome {
        let options = self.which.resolve(session)?;
        let release = super::release(session, &options)?;
        session.ui.out(&view::release::hooks(&release.hooks))?;
        Ok(Exit::Done)
    }
}
