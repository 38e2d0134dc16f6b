//! `bowline dependency build`.

use clap::Args;

use super::FetchArgs;
use crate::cli::commands::{Body, Leaf, Run, Verb};
use crate::cli::error::{Exit, Outcome};
use crate::cli::settings::Session;
use crate::ops::dependency;

/// The entry of the command table.
pub const VERB: Verb = Verb {
    name: "build",
    aliases: &[],
    about: "Fetch dependencies in the versions that are locked",
    long: "\
Fetches the dependencies of a chart into charts/, in exactly the versions of Chart.lock. Without a lock it is
`dependency update`.",
    examples: "bowline dependency build ./web",
    positionals: "[CHART]",
    exclusive: &[],
    body: Body::Leaf(Leaf::of::<BuildArgs>()),
};

/// Flags of `dependency build`.
#[derive(Debug, Clone, Args)]
pub struct BuildArgs {
    /// The flags that it shares.
    #[command(flatten)]
    pub fetch: FetchArgs,
}

impl Run for BuildArgs {
    fn run(self, session: &Session) -> Outcome {
        let (folder, options) = self.fetch.resolve(session, false)?;
        let mut told = Ok(());
        session.with_context(|context| {
            dependency::build(context, &folder, &options, &mut |event| {
                if told.is_ok() {
                    told = session.ui.line(event);
                }
            })
        })?;
        told?;
        Ok(Exit::Done)
    }
}
