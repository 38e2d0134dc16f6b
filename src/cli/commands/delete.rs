//! `bowline delete`: Helm 2's removal, which keeps the history unless told to purge it.

use clap::Args;

use super::uninstall::{RemoveArgs, remove};
use super::{Body, Leaf, Run, Verb};
use crate::cli::error::Outcome;
use crate::cli::settings::Session;

/// The entry of the command table.
pub const VERB: Verb = Verb {
    name: "delete",
    aliases: &["del"],
    about: "Remove releases and keep their history, unless --purge is given",
    long: "\
Deletes the objects of releases. As in Helm 2 the revisions stay, so that a rollback brings a release back; --purge
removes them too. `bowline uninstall` removes them by default, as Helm 4 does; so does `delete` with --compat or
under the name helm.",
    examples: "\
bowline delete web
bowline rollback web
bowline delete web --purge",
    positionals: "RELEASE...",
    exclusive: &[&["purge", "keep-history"]],
    body: Body::Leaf(Leaf::of::<DeleteArgs>()),
};

/// Flags of `delete`.
#[derive(Debug, Clone, Args)]
pub struct DeleteArgs {
    /// Remove the revisions too
    #[arg(long)]
    pub purge: bool,
    /// The flags that it shares.
    #[command(flatten)]
    pub remove: RemoveArgs,
}

impl Run for DeleteArgs {
    fn run(self, session: &Session) -> Outcome {
        let format = self.remove.output.output;
        let options = self.remove.resolve(session, Some(self.purge))?;
        remove(session, &self.remove.releases, &options, format)
    }
}
