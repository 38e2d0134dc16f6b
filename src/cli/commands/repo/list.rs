//! `bowline repo list`.

use clap::Args;

use crate::cli::args::OutputArg;
use crate::cli::commands::{Body, Leaf, Run, Verb};
use crate::cli::error::{Exit, Outcome};
use crate::cli::parse::Format;
use crate::cli::settings::Session;
use crate::cli::view::charts::{self, RepositoryRow};
use crate::ops::repo;
use crate::sys::secret::redact_url;

/// The entry of the command table.
pub const VERB: Verb = Verb {
    name: "list",
    aliases: &["ls"],
    about: "List chart repositories",
    long: "Lists the chart repositories that are configured, in the order they were added.",
    examples: "bowline repo list -o json",
    positionals: "",
    exclusive: &[],
    body: Body::Leaf(Leaf::of::<ListArgs>()),
};

/// Flags of `repo list`.
#[derive(Debug, Clone, Args)]
pub struct ListArgs {
    /// Leave the table's header out
    #[arg(long)]
    pub no_headers: bool,
    /// The output format.
    #[command(flatten)]
    pub output: OutputArg,
}

impl Run for ListArgs {
    fn run(self, session: &Session) -> Outcome {
        let rows: Vec<RepositoryRow> = session
            .with_context(repo::list)?
            .into_iter()
            .map(|repository| RepositoryRow { name: repository.name, url: redact_url(&repository.url) })
            .collect();
        if rows.is_empty() && self.output.output == Format::Table {
            session.ui.note("no repositories to show");
            return Ok(Exit::Done);
        }
        let text = charts::repositories(&rows, self.output.output, !self.no_headers, session.ui.paint)?;
        session.ui.out(&text)?;
        Ok(Exit::Done)
    }
}
