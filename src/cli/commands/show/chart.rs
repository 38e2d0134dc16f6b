//! `bowline show chart`.

use clap::Args;

use super::show;
use crate::cli::args::ChartArgs;
use crate::cli::commands::{Body, Leaf, Run, Verb};
use crate::cli::error::Outcome;
use crate::cli::settings::Session;
use crate::ops::show::Part;

/// The entry of the command table.
pub const VERB: Verb = Verb {
    name: "chart",
    aliases: &[],
    about: "Print the Chart.yaml of a chart",
    long: "Prints the metadata of a chart as YAML with sorted keys.",
    examples: "bowline show chart stable/web --version 1.2.0",
    positionals: "CHART",
    exclusive: &[],
    body: Body::Leaf(Leaf::of::<ShowChartArgs>()),
};

/// Flags of `show chart`.
#[derive(Debug, Clone, Args)]
pub struct ShowChartArgs {
    /// The chart
    #[arg(value_name = "CHART")]
    pub reference: String,
    /// Which chart.
    #[command(flatten)]
    pub chart: ChartArgs,
}

impl Run for ShowChartArgs {
    fn run(self, session: &Session) -> Outcome {
        show(session, Part::Chart, &self.reference, &self.chart)
    }
}
