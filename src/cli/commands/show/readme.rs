//! `bowline show readme`.

use clap::Args;

use super::show;
use crate::cli::args::ChartArgs;
use crate::cli::commands::{Body, Leaf, Run, Verb};
use crate::cli::error::Outcome;
use crate::cli::settings::Session;
use crate::ops::show::Part;

/// The entry of the command table.
pub const VERB: Verb = Verb {
    name: "readme",
    aliases: &[],
    about: "Print the README of a chart",
    long: "Prints the README of a chart.",
    examples: "bowline show readme stable/web --version 1.2.0",
    positionals: "CHART",
    exclusive: &[],
    body: Body::Leaf(Leaf::of::<ShowReadmeArgs>()),
};

/// Flags of `show readme`.
#[derive(Debug, Clone, Args)]
pub struct ShowReadmeArgs {
    /// The chart
    #[arg(value_name = "CHART")]
    pub reference: String,
    /// Which chart.
    #[command(flatten)]
    pub chart: ChartArgs,
}

impl Run for ShowReadmeArgs {
    fn run(self, session: &Session) -> Outcome {
        show(session, Part::Readme, &self.reference, &self.chart)
    }
}
