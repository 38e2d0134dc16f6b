//! `bowline diff release`.

use clap::Args;

use super::{DiffArgs, show};
use crate::cli::args::OutputArg;
use crate::cli::commands::{Body, Leaf, Run, Verb};
use crate::cli::error::Outcome;
use crate::cli::settings::Session;
use crate::ops::diff;

/// The entry of the command table.
pub const VERB: Verb = Verb {
    name: "release",
    aliases: &[],
    about: "Show how two releases differ",
    long: "Compares the stored manifests of the newest revisions of two releases in one namespace.",
    examples: "bowline diff release blue green",
    positionals: "RELEASE RELEASE",
    exclusive: &[],
    body: Body::Leaf(Leaf::of::<DiffReleaseArgs>()),
};

/// Flags of `diff release`.
#[derive(Debug, Clone, Args)]
pub struct DiffReleaseArgs {
    /// One release
    #[arg(value_name = "RELEASE")]
    pub one: String,
    /// The other
    #[arg(value_name = "RELEASE")]
    pub other: String,
    /// How differences are shown.
    #[command(flatten)]
    pub how: DiffArgs,
    /// The output format.
    #[command(flatten)]
    pub output: OutputArg,
}

impl Run for DiffReleaseArgs {
    fn run(self, session: &Session) -> Outcome {
        let namespace = session.namespace()?;
        let store = session.store()?;
        let target = store.target(&namespace);
        let (one, two) = ((self.one.as_str(), None), (self.other.as_str(), None));
        let found = session.with_context(|context| diff::revisions(context, target, one, two))?;
        show(session, &self.how, &self.output, &found)
    }
}
