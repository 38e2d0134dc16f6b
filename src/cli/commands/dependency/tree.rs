//! `bowline dependency tree`.

use clap::Args;

use crate::cli::args::OutputArg;
use crate::cli::commands::{Body, Leaf, Run, Verb};
use crate::cli::error::{Exit, Outcome};
use crate::cli::settings::Session;
use crate::cli::view::tree::{self, NodeRow};
use crate::ops::dependency::{self, Node};

/// The entry of the command table.
pub const VERB: Verb = Verb {
    name: "tree",
    aliases: &[],
    about: "Show what a chart needs, and what that needs in turn",
    long: "\
Shows the dependencies of a chart and theirs: the version that is asked for and the one that charts/ has, and whether
that will do. Nothing is fetched; of a chart that is missing nothing more is known.",
    examples: "\
bowline dependency tree ./web
bowline dependency tree ./web -o json",
    positionals: "[CHART]",
    exclusive: &[],
    body: Body::Leaf(Leaf::of::<TreeArgs>()),
};

/// Flags of `dependency tree`.
#[derive(Debug, Clone, Args)]
pub struct TreeArgs {
    /// The chart; the current folder when left out
    #[arg(value_name = "CHART")]
    pub chart: Option<String>,
    /// The output format.
    #[command(flatten)]
    pub output: OutputArg,
}

fn row(node: Node) -> NodeRow {
    NodeRow {
        name: node.name,
        alias: node.alias,
        requested: node.requested,
        version: node.version,
        repository: node.repository,
        condition: node.condition,
        status: node.status.to_string(),
        dependencies: node.dependencies.into_iter().map(row).collect(),
    }
}

impl Run for TreeArgs {
    fn run(self, session: &Session) -> Outcome {
        let chart = self.chart.as_deref().unwrap_or(".");
        let found = session.with_context(|context| dependency::tree(context, chart))?;
        let root = tree::Root {
            name: found.name,
            version: found.version,
            dependencies: found.dependencies.into_iter().map(row).collect(),
        };
        session.ui.out(&tree::draw(&root, self.output.output)?)?;
        Ok(Exit::Done)
    }
}
