//! `bowline drift`.

use clap::Args;

use super::diff::{DiffArgs, show};
use super::{Body, Leaf, Run, Verb};
use crate::cli::args::OutputArg;
use crate::cli::error::Outcome;
use crate::cli::settings::Session;
use crate::ops::diff;

/// The entry of the command table.
pub const VERB: Verb = Verb {
    name: "drift",
    aliases: &[],
    about: "Show what was changed in the objects of a release since it was deployed",
    long: "\
Compares the live objects of a release with what its deployed revision asks for, and shows what an apply of it would set
back, in objects of custom kinds too. Fields that the manifest does not name are nobody's business. The exit code is 0
without drift and 2 with it.",
    examples: "\
bowline drift web
bowline drift web --fields -o json",
    positionals: "RELEASE",
    exclusive: &[],
    body: Body::Leaf(Leaf::of::<DriftArgs>()),
};

/// Flags of `drift`.
#[derive(Debug, Clone, Args)]
pub struct DriftArgs {
    /// The release
    #[arg(value_name = "RELEASE")]
    pub release: String,
    /// How differences are shown.
    #[command(flatten)]
    pub how: DiffArgs,
    /// The output format.
    #[command(flatten)]
    pub output: OutputArg,
}

impl Run for DriftArgs {
    fn run(self, session: &Session) -> Outcome {
        let namespace = session.namespace()?;
        let store = session.store()?;
        let target = store.target(&namespace);
        let found = session.with_context(|context| diff::drift(context, target, &self.release))?;
        show(session, &self.how, &self.output, &found)
    }
}
