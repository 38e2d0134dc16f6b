//! `bowline repo remove`.

use clap::Args;

use crate::cli::commands::{Body, Leaf, Run, Verb};
use crate::cli::error::{Exit, Outcome};
use crate::cli::settings::Session;
use crate::cli::view::changes;
use crate::ops::repo;

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
        // One by one, so that what was removed before an unknown name is told.
        for name in self.names {
            let removed = session.with_context(|context| repo::remove(context, &[name]))?;
            for name in removed {
                session.ui.out(&changes::repository_removed(&name))?;
            }
        }
        Ok(Exit::Done)
    }
}
