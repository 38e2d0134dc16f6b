//! `bowline dependency update`.

use clap::Args;

use super::FetchArgs;
use crate::cli::commands::{Body, Leaf, Run, Verb, unwired};
use crate::cli::error::Outcome;
use crate::cli::settings::Session;

/// The entry of the command table.
pub const VERB: Verb = Verb {
    name: "update",
    aliases: &["up"],
    about: "Choose versions of dependencies anew and fetch them",
    long: "\
Chooses the newest version of each dependency that Chart.yaml allows, fetches them into charts/, removes archives that
are no longer needed, and writes Chart.lock.",
    examples: "bowline dependency update ./web",
    positionals: "[CHART]",
    exclusive: &[],
    body: Body::Leaf(Leaf::of::<UpdateArgs>()),
};

/// Flags of `dependency update`.
#[derive(Debug, Clone, Args)]
pub struct UpdateArgs {
    /// The flags that it shares.
    #[command(flatten)]
    pub fetch: FetchArgs,
}

impl Run for UpdateArgs {
    fn run(self, session: &Session) -> Outcome {
        let options = self.fetch.resolve(session)?;
        unwired(session, &options)
    }
}
