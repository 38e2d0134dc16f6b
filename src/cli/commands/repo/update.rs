//! `bowline repo update`.

use std::time::Duration;

use clap::Args;

use crate::cli::commands::{Body, Leaf, Run, Verb, unwired};
use crate::cli::error::Outcome;
use crate::cli::parse;
use crate::cli::settings::Session;

/// The entry of the command table.
pub const VERB: Verb = Verb {
    name: "update",
    aliases: &["up"],
    about: "Fetch the indexes of chart repositories anew",
    long: "\
Fetches the indexes of all configured chart repositories, or of those named. It fails when one of them cannot be had;
the others are updated all the same.",
    examples: "\
bowline repo update
bowline repo update stable",
    positionals: "[NAME...]",
    exclusive: &[],
    body: Body::Leaf(Leaf::of::<UpdateArgs>()),
};

/// Flags of `repo update`.
#[derive(Debug, Clone, Args)]
pub struct UpdateArgs {
    /// Repositories to update; all when left out
    #[arg(value_name = "NAME")]
    pub names: Vec<String>,
    /// How long each index may take to download
    #[arg(long, default_value = "2m0s", value_parser = parse::duration, value_name = "DURATION")]
    pub timeout: Duration,
    /// Fail when a repository cannot be updated, which is the rule
    #[arg(long, hide = true, alias = "strict")]
    pub fail_on_repo_update_fail: bool,
}

/// Which indexes to fetch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepoUpdateOptions {
    /// Repositories; all when empty.
    pub names: Vec<String>,
    /// Limit for each download.
    pub timeout: Duration,
}

impl Run for UpdateArgs {
    fn run(self, session: &Session) -> Outcome {
        let options = RepoUpdateOptions { names: self.names, timeout: self.timeout };
        unwired(session, &options)
    }
}
