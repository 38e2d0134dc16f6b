//! `bowline show all`.

use clap::Args;

use super::show;
use crate::cli::args::ChartArgs;
use crate::cli::commands::{Body, Leaf, Run, Verb};
use crate::cli::error::Outcome;
use crate::cli::settings::Session;
use crate::ops::show::Part;

/// The entry of the command table.
pub const VERB: Verb = Verb {
    name: "all",
    aliases: &[],
    about: "Print everything that a chart says about itself",
    long: "Prints Chart.yaml, values.yaml, the README and the CRDs of a chart, one after the other.",
    examples: "bowline show all stable/web --version 1.2.0",
    positionals: "CHART",
    exclusive: &[],
    body: Body::Leaf(Leaf::of::<ShowAllArgs>()),
};

/// Flags of `show all`.
#[derive(Debug, Clone, Args)]
pub struct ShowAllArgs {
    /// The chart
    #[arg(value_name = "CHART")]
    pub reference: String,
    /// Which chart.
    #[command(flatten)]
    pub chart: ChartArgs,
}

impl Run for ShowAllArgs {
    fn run(self, session: &Session) -> Outcome {
        show(session, Part::All, &self.reference, &self.chart)
    }
}
