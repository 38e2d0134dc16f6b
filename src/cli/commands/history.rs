//! `bowline history`.

use clap::Args;

use super::{Body, Leaf, Run, Verb};
use crate::cli::args::OutputArg;
use crate::cli::error::{Exit, Outcome};
use crate::cli::parse;
use crate::cli::settings::Session;
use crate::cli::view;
use crate::cli::view::history::RevisionRow;
use crate::ops::query;

/// The entry of the command table.
pub const VERB: Verb = Verb {
    name: "history",
    aliases: &["hist"],
    about: "List the revisions of a release",
    long: "Lists the revisions of a release, oldest first: when each was made, its status, chart and description.",
    examples: "\
bowline history web
bowline history web --max 5 -o yaml",
    positionals: "RELEASE",
    exclusive: &[],
    body: Body::Leaf(Leaf::of::<HistoryArgs>()),
};

/// Flags of `history`.
#[derive(Debug, Clone, Args)]
pub struct HistoryArgs {
    /// The release
    #[arg(value_name = "RELEASE")]
    pub release: String,
    /// How many to list at most, counted from the newest
    #[arg(long, default_value = "256", value_parser = parse::integer, value_name = "N")]
    pub max: i64,
    /// Widest column of the table; 0 for no limit
    #[arg(long, alias = "col-width", default_value = "0", value_parser = parse::unsigned, value_name = "N")]
    pub max_col_width: u32,
    /// Show to which revision a rollback went
    #[arg(long)]
    pub show_rollback_revision: bool,
    /// The output format.
    #[command(flatten)]
    pub output: OutputArg,
}

/// Whose history, and how much of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryOptions {
    /// The release.
    pub release: String,
    /// Its namespace.
    pub namespace: String,
    /// How many at most, counted from the newest; 0 for all.
    pub most: usize,
}

impl Run for HistoryArgs {
    fn run(self, session: &Session) -> Outcome {
        let options = HistoryOptions {
            namespace: session.namespace()?,
            release: self.release,
            most: usize::try_from(self.max).unwrap_or(0),
        };
        let store = session.store()?;
        let target = store.target(&options.namespace);
        let rows = session
            .with_context(|context| query::history(context, target, &options.release, options.most))?;
        let rows: Vec<RevisionRow> = rows.iter().map(RevisionRow::of).collect();
        let format = self.output.output;
        let width = self.max_col_width as usize;
        let text = view::history::text(&rows, format, self.show_rollback_revision, width, session.ui.paint)?;
        session.ui.out(&text)?;
        Ok(Exit::Done)
    }
}
