//! `bowline search repo`.

use clap::Args;

use crate::cli::args::OutputArg;
use crate::cli::commands::{Body, Leaf, Run, Verb, unwired};
use crate::cli::error::Outcome;
use crate::cli::parse::{self, Format};
use crate::cli::settings::Session;

/// The entry of the command table.
pub const VERB: Verb = Verb {
    name: "repo",
    aliases: &[],
    about: "Find charts in the configured repositories",
    long: "\
Finds charts of the configured repositories whose name, description or keywords hold a text. Without a text it lists
all charts. Only cached indexes are read; `bowline repo update` fetches them.",
    examples: "\
bowline search repo postgres
bowline search repo stable/web --versions
bowline search repo --regexp '^stable/(web|api)$' --version '^2'",
    positionals: "[KEYWORD]",
    exclusive: &[],
    body: Body::Leaf(Leaf::of::<RepoArgs>()),
};

/// Flags of `search repo`.
#[derive(Debug, Clone, Args)]
pub struct RepoArgs {
    /// Text to find; several words are one text
    #[arg(value_name = "KEYWORD")]
    pub keywords: Vec<String>,
    /// Take pre-releases into account
    #[arg(long)]
    pub devel: bool,
    /// Fail when nothing is found
    #[arg(long)]
    pub fail_on_no_result: bool,
    /// Widest column of the table; 0 for no limit
    #[arg(long, alias = "col-width", default_value = "50", value_parser = parse::unsigned, value_name = "N")]
    pub max_col_width: u32,
    /// Take the text as a regular expression
    #[arg(long, short)]
    pub regexp: bool,
    /// Range that versions must be in
    #[arg(long, value_name = "RANGE")]
    pub version: Option<String>,
    /// List every version, not only the newest
    #[arg(long, short = 'l')]
    pub versions: bool,
    /// The output format.
    #[command(flatten)]
    pub output: OutputArg,
}

/// What to find.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SearchOptions {
    /// The text; all charts when empty.
    pub keyword: String,
    /// The text is a regular expression.
    pub regexp: bool,
    /// Range of versions.
    pub range: String,
    /// Every version of a chart.
    pub every_version: bool,
    /// Fail when nothing is found.
    pub fail_on_no_result: bool,
}

/// How to print it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SearchOutput {
    /// The format.
    pub format: Format,
    /// Widest column; 0 for no limit.
    pub column_width: usize,
}

impl RepoArgs {
    /// What the flags mean.
    pub(crate) fn resolve(self) -> (SearchOptions, SearchOutput) {
        let default = if self.devel { ">0.0.0-0" } else { ">0.0.0" };
        let options = SearchOptions {
            keyword: self.keywords.join(" "),
            regexp: self.regexp,
            range: self.version.filter(|range| !range.is_empty()).unwrap_or_else(|| default.to_string()),
            every_version: self.versions,
            fail_on_no_result: self.fail_on_no_result,
        };
        (options, SearchOutput { format: self.output.output, column_width: self.max_col_width as usize })
    }
}

impl Run for RepoArgs {
    fn run(self, session: &Session) -> Outcome {
        let resolved = self.resolve();
        unwired(session, &resolved)
    }
}
