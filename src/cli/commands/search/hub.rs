//! `bowline search hub`.

use clap::Args;

use crate::cli::args::OutputArg;
use crate::cli::commands::{Body, Leaf, Run, Verb};
use crate::cli::error::{Exit, Failure, Outcome};
use crate::cli::parse;
use crate::cli::settings::Session;
use crate::cli::view::charts::{self, HubChart, RepositoryOfHub};
use crate::ops::hub;

/// The entry of the command table.
pub const VERB: Verb = Verb {
    name: "hub",
    aliases: &[],
    about: "Find charts in a public catalogue",
    long: "Finds charts in Artifact Hub, or in another catalogue that answers the same questions.",
    examples: "\
bowline search hub postgres
bowline search hub postgres --list-repo-url -o yaml",
    positionals: "[KEYWORD]",
    exclusive: &[],
    body: Body::Leaf(Leaf::of::<HubArgs>()),
};

/// Flags of `search hub`.
#[derive(Debug, Clone, Args)]
pub struct HubArgs {
    /// Text to find; several words are one text
    #[arg(value_name = "KEYWORD")]
    pub keywords: Vec<String>,
    /// Address of the catalogue
    #[arg(long, default_value = "https://hub.helm.sh", value_name = "URL")]
    pub endpoint: String,
    /// Fail when nothing is found
    #[arg(long)]
    pub fail_on_no_result: bool,
    /// Show the URL of the repository too
    #[arg(long)]
    pub list_repo_url: bool,
    /// Widest column of the table; 0 for no limit
    #[arg(long, default_value = "50", value_parser = parse::unsigned, value_name = "N")]
    pub max_col_width: u32,
    /// The output format.
    #[command(flatten)]
    pub output: OutputArg,
}

impl Run for HubArgs {
    fn run(self, session: &Session) -> Outcome {
        let keyword = self.keywords.join(" ");
        let found = session.with_context(|context| hub::search(context, &self.endpoint, &keyword))?;
        let rows: Vec<HubChart> = found
            .into_iter()
            .map(|hit| HubChart {
                url: hit.url,
                version: hit.version,
                app_version: hit.app_version,
                description: hit.description,
                repository: RepositoryOfHub { url: hit.repository_url, name: hit.repository },
            })
            .collect();
        if rows.is_empty() && self.fail_on_no_result {
            return Err(Failure::new("no results found"));
        }
        let (format, width) = (self.output.output, self.max_col_width as usize);
        session.ui.out(&charts::found_in_hub(&rows, format, width, self.list_repo_url, session.ui.paint)?)?;
        Ok(Exit::Done)
    }
}
