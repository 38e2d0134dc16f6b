//! `bowline get notes`.

use clap::Args;

use super::RevisionArgs;
use crate::cli::commands::{Body, Leaf, Run, Verb};
use crate::cli::error::{Exit, Outcome};
use crate::cli::settings::Session;
use crate::cli::view;

/// The entry of the command table.
pub const VERB: Verb = Verb {
    name: "notes",
    aliases: &[],
    about: "Print the notes of a release",
    long: "Prints the notes that were shown when the release was installed or upgraded.",
    examples: "bowline get notes web",
    positionals: "RELEASE",
    exclusive: &[],
    body: Body::Leaf(Leaf::of::<NotesArgs>()),
};

/// Flags of `get notes`.
#[derive(Debug, Clone, Args)]
pub struct NotesArgs {
    /// Which revision.
    #[command(flatten)]
    pub which: RevisionArgs,
}

impl Run for NotesArgs {
    fn run(self, session: &Session) -> Outcome {
        let options = self.which.resolve(session)?;
        let release = super::release(session, &options)?;
        session.ui.out(&view::release::notes(&release))?;
        Ok(Exit::Done)
    }
}
