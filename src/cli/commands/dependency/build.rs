//! `bowline dependency build`.

use clap::Args;

use super::FetchArgs;
use crate::cli::commands::{Body, Leaf, Run, Verb};
use crate::cli::error::{Exit, Outcome};
use crate::cli::settings::Session;
use crate::fetch::deps::Refresh;
use crate::ops::dependency;

/// The entry of the command table.
pub const VERB: Verb = Verb {
    name: "build",
    aliases: &[],
    about: "Fetch dependencies in the versions that are locked",
    long: "\
Fetches the dependencies of a chart into charts/, in exactly the versions of Chart.lock. Without a lock it is
`dependency update`, unless --locked is given. Indexes are fetched anew only when those on this machine lack a locked
version, and archives that are on this machine are not fetched again.",
    examples: "\
bowline dependency build ./web
bowline dependency build ./web --locked",
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
    /// Fail when there is no lock, or one of other dependencies than Chart.yaml has
    #[arg(long)]
    pub locked: bool,
}

impl Run for BuildArgs {
    fn run(self, session: &Session) -> Outcome {
        let (folder, mut options) = self.fetch.resolve(session, false)?;
        options.locked = self.locked;
        if options.refresh == Refresh::Always {
            options.refresh = Refresh::IfNeeded;
        }
        let mut told = Ok(());
        session.with_interrupt(|context| {
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
