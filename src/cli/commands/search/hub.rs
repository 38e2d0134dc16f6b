//! `bowline search hub`.

use clap::Args;

use crate::cli::args::OutputArg;
use crate::cli::commands::{Body, Leaf, Run, Verb};
use crate::cli::error::{Failure, Outcome};
use crate::cli::parse;
use crate::cli::settings::Session;

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
    fn run(self, _: &Session) -> Outcome {
        Err(Failure::unsupported("search hub")
            .hint("`bowline search repo` finds charts in the repositories that you added"))
    }
}
