//! `bowline dependency list`.

use clap::Args;

use crate::cli::args::OutputArg;
use crate::cli::commands::{Body, Leaf, Run, Verb};
use crate::cli::error::{Exit, Outcome};
use crate::cli::parse;
use crate::cli::settings::Session;
use crate::cli::view::charts::{self, DependencyRow};
use crate::ops::dependency;

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
    pub chart: Option<String>,
    /// Widest column of the table; 0 for no limit
    #[arg(long, default_value = "80", value_parser = parse::unsigned, value_name = "N")]
    pub max_col_width: u32,
    /// The output format.
    #[command(flatten)]
    pub output: OutputArg,
}

impl Run for ListArgs {
    fn run(self, session: &Session) -> Outcome {
        let chart = self.chart.as_deref().unwrap_or(".");
        let listing = session.with_context(|context| dependency::list(context, chart))?;
        let rows: Vec<DependencyRow> = listing
            .rows
            .into_iter()
            .map(|row| DependencyRow {
                name: row.name,
                version: row.version,
                repository: row.repository,
                status: row.status.to_string(),
            })
            .collect();
        let (format, width) = (self.output.output, self.max_col_width as usize);
        let (extra, folder) = (&listing.extra, &listing.charts);
        session.ui.out(&charts::dependencies(&rows, extra, folder, format, width, session.ui.paint)?)?;
        Ok(Exit::Done)
    }
}
