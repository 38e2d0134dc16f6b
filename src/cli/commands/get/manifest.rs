//! `bowline get manifest`.

use clap::Args;

use super::RevisionArgs;
use crate::cli::commands::{Body, Leaf, Run, Verb};
use crate::cli::error::{Exit, Outcome};
use crate::cli::settings::Session;
use crate::cli::view;

/// The entry of the command table.
pub const VERB: Verb = Verb {
    name: "manifest",
    aliases: &[],
    about: "Print the manifest of a release",
    long: "Prints the objects of a release as they were rendered, without its hooks.",
    examples: "bowline get manifest web --revision 2",
    positionals: "RELEASE",
    exclusive: &[],
    body: Body::Leaf(Leaf::of::<ManifestArgs>()),
};

/// Flags of `get manifest`.
#[derive(Debug, Clone, Args)]
pub struct ManifestArgs {
    /// Which revision.
    #[command(flatten)]
    pub which: RevisionArgs,
}

impl Run for ManifestArgs {
    fn run(self, session: &Session) -> Outcome {
        let options = self.which.resolve(session)?;
        let release = super::release(session, &options)?;
        session.ui.out(&view::release::manifest(&release))?;
        Ok(Exit::Done)
    }
}
