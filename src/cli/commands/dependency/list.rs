//! `bowline dependency list`.

use std::path::PathBuf;

use clap::Args;

use crate::cli::args::OutputArg;
use crate::cli::commands::{Body, Leaf, Run, Verb, unwired};
use crate::cli::error::Outcome;
use crate::cli::parse;
use crate::cli::settings::Session;

/// The entry of the command table.
pub const VERB: Verb = Verb {
    name: "list",
    aliases: &["ls"],
    about: "List the dependencies of a chart",
    long: "Lists the dependencies of a chart, and whether charts/ has them.",
    examples: "bowline dependency list ./web",
    positionals: "[CHART]",
    exclusive: &[],
    body: Body::Leaf(Leaf::of::<ListArgs>()),
};

/// Flags of `dependency list`.
#[derive(Debug, Clone, Args)]
pub struct ListArgs {
    /// The chart; the current folder when left out
    #[arg(value_name = "CHART")]
    pub chart: Option<PathBuf>,
    /// Widest column of the table; 0 for no limit
    #[arg(long, default_value = "80", value_parser = parse::unsigned, value_name = "N")]
    pub max_col_width: u32,
    /// The output format.
    #[command(flatten)]
    pub output: OutputArg,
}

impl Run for ListArgs {
    fn run(self, session: &Session) -> Outcome {
        let chart = self.chart.unwrap_or_else(|| PathBuf::from("."));
        unwired(session, &chart)
    }
}
