//! `bowline show crds`.

use clap::Args;

use super::{Part, show};
use crate::cli::args::ChartArgs;
use crate::cli::commands::{Body, Leaf, Run, Verb};
use crate::cli::error::Outcome;
use crate::cli::settings::Session;

/// The entry of the command table.
pub const VERB: Verb = Verb {
    name: "crds",
    aliases: &[],
    about: "Print the custom resource definitions of a chart",
    long: "Prints the files below crds/ of a chart.",
    examples: "bowline show crds stable/web --version 1.2.0",
    positionals: "CHART",
    exclusive: &[],
    body: Body::Leaf(Leaf::of::<CrdsArgs>()),
};

/// Flags of `show crds`.
#[derive(Debug, Clone, Args)]
pub struct CrdsArgs {
    /// The chart
    #[arg(value_name = "CHART")]
    pub reference: String,
    #[command(flatten)]
    pub chart: ChartArgs,
}

impl Run for CrdsArgs {
    fn run(self, session: &Session) -> Outcome {
        show(session, Part::Crds, &self.reference, &self.chart, None)
    }
}
