//! `bowline dependency update`.

use clap::Args;

use super::FetchArgs;
use crate::cli::commands::{Body, Leaf, Run, Verb};
use crate::cli::error::{Exit, Outcome};
use crate::cli::settings::Session;
use crate::ops::dependency;

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
        let (folder, options) = self.fetch.resolve(session, true)?;
        let mut told = Ok(());
        session.with_interrupt(|context| {
            dependency::update(context, &folder, &options, &mut |event| {
                if told.is_ok() {
                    told = session.ui.line(event);
                }
            })
        })?;
        told?;
        Ok(Exit::Done)
    }
}
