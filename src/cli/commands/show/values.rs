//! `bowline show values`.

use clap::Args;

use super::show;
use crate::cli::args::ChartArgs;
use crate::cli::commands::{Body, Leaf, Run, Verb};
use crate::cli::error::{Failure, Outcome};
use crate::cli::settings::Session;
use crate::ops::show::Part;

/// The entry of the command table.
pub const VERB: Verb = Verb {
    name: "values",
    aliases: &[],
    about: "Print the default values of a chart",
    long: "Prints values.yaml of a chart as it is written, comments and all.",
    examples: "bowline show values stable/web --version 1.2.0",
    positionals: "CHART",
    exclusive: &[],
    body: Body::Leaf(Leaf::of::<ShowValuesArgs>()),
};

/// Flags of `show values`.
#[derive(Debug, Clone, Args)]
pub struct ShowValuesArgs {
    /// The chart
    #[arg(value_name = "CHART")]
    pub reference: String,
    /// JSONPath expression to print alone
    #[arg(long, value_name = "EXPRESSION")]
    pub jsonpath: Option<String>,
    /// Which chart.
    #[command(flatten)]
    pub chart: ChartArgs,
}

impl Run for ShowValuesArgs {
    fn run(self, session: &Session) -> Outcome {
        if self.jsonpath.is_some_and(|path| !path.is_empty()) {
            return Err(Failure::unsupported("--jsonpath"));
        }
        show(session, Part::Values, &self.reference, &self.chart)
    }
}
