//! `bowline search repo`.

use clap::Args;

use crate::cli::args::{NetArgs, OutputArg};
use crate::cli::commands::{Body, Leaf, Run, Verb};
use crate::cli::error::{Exit, Failure, Outcome};
use crate::cli::parse;
use crate::cli::settings::Session;
use crate::cli::view::charts::{self, FoundChart, VersionRow};
use crate::fetch::{FetchOptions, oci};
use crate::ops::registry;
use crate::ops::repo::{self, SearchOptions};

/// The entry of the command table.
pub const VERB: Verb = Verb {
    name: "repo",
    aliases: &[],
    about: "Find charts in the configured repositories",
    long: "\
Finds charts of the configured repositories whose name, description or keywords hold a text. Without a text it lists
all charts. Only cached indexes are read; `bowline repo update` fetches them. With oci://HOST/PATH/CHART it lists the
versions of that chart in a registry, newest first.",
    examples: "\
bowline search repo postgres
bowline search repo stable/web --versions
bowline search repo --regexp 'stable/(web|api)' --version '^2'
bowline search repo oci://registry.example.com/charts/web --version '^2'",
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
    #[arg(long, short_alias = 'v', value_name = "RANGE")]
    pub version: Option<String>,
    /// List every version, not only the newest
    #[arg(long, short = 'l')]
    pub versions: bool,
    /// How to reach registries.
    #[command(flatten)]
    pub net: NetArgs,
    /// The output format.
    #[command(flatten)]
    pub output: OutputArg,
}

impl RepoArgs {
    /// What the flags mean.
    pub(crate) fn resolve(&self) -> SearchOptions {
        SearchOptions {
            keyword: self.keywords.join(" "),
            regexp: self.regexp,
            versions: self.versions,
            devel: self.devel,
            version: self.version.clone().unwrap_or_default(),
        }
    }
}

impl RepoArgs {
    /// Lists the versions of a chart in a registry.
    fn list_versions(&self, session: &Session, reference: &str) -> Outcome {
        let options = FetchOptions {
            version: self.version.clone().unwrap_or_default(),
            devel: self.devel,
            ..self.net.resolve(session, false)
        };
        let versions = session.with_context(|context| registry::versions(context, reference, &options))?;
        if versions.is_empty() && self.fail_on_no_result {
            return Err(Failure::new("no results found"));
        }
        let row = |version| VersionRow { name: reference.to_string(), version };
        let rows: Vec<VersionRow> = versions.into_iter().map(row).collect();
        let width = self.max_col_width as usize;
        session.ui.out(&charts::versions(&rows, self.output.output, width, session.ui.paint)?)?;
        Ok(Exit::Done)
    }
}

impl Run for RepoArgs {
    fn run(self, session: &Session) -> Outcome {
        if let [reference] = &self.keywords[..]
            && oci::is_oci(reference)
        {
            return self.list_versions(session, reference);
        }
        let options = self.resolve();
        let rows: Vec<FoundChart> = session
            .with_context(|context| repo::search(context, &options))?
            .into_iter()
            .map(|hit| FoundChart {
                name: hit.name,
                version: hit.version,
                app_version: hit.app_version,
                description: hit.description,
            })
            .collect();
        if rows.is_empty() && self.fail_on_no_result {
            return Err(Failure::new("no results found"));
        }
        let width = self.max_col_width as usize;
        session.ui.out(&charts::found(&rows, self.output.output, width, session.ui.paint)?)?;
        Ok(Exit::Done)
    }
}
