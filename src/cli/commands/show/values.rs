//! `bowline show values`.

use clap::Args;

use crate::cli::args::ChartArgs;
use crate::cli::commands::{Body, Leaf, Run, Verb};
use crate::cli::error::{Exit, Failure, Outcome};
use crate::cli::settings::Session;
use crate::ops::show::{self, Part};
use crate::values::jsonpath::JsonPathError;

/// The entry of the command table.
pub const VERB: Verb = Verb {
    name: "values",
    aliases: &[],
    about: "Print the default values of a chart",
    long: "Prints values.yaml of a chart as it is written, comments and all.",
    examples: "\
bowline show values stable/web --version 1.2.0
bowline show values ./web --jsonpath '{.image.tag}'",
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
        if let Some(expression) = self.jsonpath.as_deref().filter(|path| !path.is_empty()) {
            let chart = self.chart.resolve(session, &self.reference);
            let report = session.with_context(|context| show::show(context, &chart))?;
            match report.at_path(expression) {
                // Helm says nothing where a path leads to nothing; a word about it keeps scripts as they are.
                Err(JsonPathError::NoMatch(reason)) => {
                    session.ui.warn("the JSONPath expression gives nothing", &[("reason", &reason)]);
                }
                text => session.ui.out(&text.map_err(Failure::from)?)?,
            }
            return Ok(Exit::Done);
        }
        super::show(session, Part::Values, &self.reference, &self.chart)
    }
}
