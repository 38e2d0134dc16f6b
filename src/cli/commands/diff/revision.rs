//! `bowline diff revision`.

use clap::Args;

use super::{DiffArgs, show};
use crate::cli::args::OutputArg;
use crate::cli::commands::{Body, Leaf, Run, Verb};
use crate::cli::error::Outcome;
use crate::cli::parse;
use crate::cli::settings::Session;
use crate::ops::diff;

/// The entry of the command table.
pub const VERB: Verb = Verb {
    name: "revision",
    aliases: &[],
    about: "Show how two revisions of a release differ",
    long: "Compares the stored manifests of two revisions; the second is the newest one unless it is given.",
    examples: "bowline diff revision web 1 2",
    positionals: "RELEASE REVISION [REVISION]",
    exclusive: &[],
    body: Body::Leaf(Leaf::of::<DiffRevisionArgs>()),
};

/// Flags of `diff revision`.
#[derive(Debug, Clone, Args)]
pub struct DiffRevisionArgs {
    /// The release
    #[arg(value_name = "RELEASE")]
    pub release: String,
    /// The older revision
    #[arg(value_name = "REVISION", value_parser = parse::unsigned)]
    pub from: u32,
    /// The newer revision
    #[arg(value_name = "REVISION", value_parser = parse::unsigned)]
    pub to: Option<u32>,
    /// How differences are shown.
    #[command(flatten)]
    pub how: DiffArgs,
    /// The output format.
    #[command(flatten)]
    pub output: OutputArg,
}

impl Run for DiffRevisionArgs {
    fn run(self, session: &Session) -> Outcome {
        let namespace = session.namespace()?;
        let store = session.store()?;
        let target = store.target(&namespace);
        let one = (self.release.as_str(), Some(u64::from(self.from)));
        let two = (self.release.as_str(), self.to.map(u64::from));
        let found = session.with_context(|context| diff::revisions(context, target, one, two))?;
        show(session, &self.how, &self.output, &found)
    }
}
