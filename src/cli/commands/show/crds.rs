//! `bowline show crds`.

use clap::Args;

use super::show;
use crate::cli::args::ChartArgs;
use crate::cli::commands::{Body, Leaf, Run, Verb};
use crate::cli::error::Outcome;
use crate::cli::settings::Session;
use crate::ops::show::Part;

/// The entry of the command table.
pub const VERB: Verb = Verb {
    name: "crds",
    aliases: &[],
    about: "Print the custom resource definitions of a chart",
    long: "Prints the files below crds/ of a chart.",
    examples: "bowline show crds stable/web --version 1.2.0",
    positionals: "CHART",
    exclusive: &[],
    body: Body::Leaf(Leaf::of::<ShowCrdsArgs>()),
};

/// Flags of `show crds`.
#[derive(Debug, Clone, Args)]
pub struct ShowCrdsArgs {
    /// The chart
    #[arg(value_name = "CHART")]
    pub reference: String,
    /// Which chart.
    #[command(flatten)]
    pub chart: ChartArgs,
}

impl Run for ShowCrdsArgs {
    fn run(self, session: &Session) -> Outcome {
        show(session, Part::Crds, &self.reference, &self.chart)
    }
}
