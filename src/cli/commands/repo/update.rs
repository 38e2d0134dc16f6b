//! `bowline repo update`.

use std::time::Duration;

use clap::Args;

use crate::cli::args::ProgressArg;
use crate::cli::commands::{Body, Leaf, Run, Verb};
use crate::cli::error::{Exit, Outcome};
use crate::cli::interrupt::Interrupt;
use crate::cli::parse;
use crate::cli::settings::Session;
use crate::cli::view::changes;
use crate::ops::repo;

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
    /// How progress is told.
    #[command(flatten)]
    pub progress: ProgressArg,
}

impl Run for UpdateArgs {
    fn run(self, session: &Session) -> Outcome {
        let chosen = session.with_context(|context| repo::choose(context, &self.names))?;
        session.ui.out(changes::UPDATING_REPOSITORIES)?;
        let interrupted = Interrupt::install()?.flag();
        let outcomes = session
            .with_flag(&interrupted, |context| Ok(repo::update(context, &chosen, Some(self.timeout))))?;
        for outcome in &outcomes {
            session.ui.line(outcome)?;
        }
        session.with_flag(&interrupted, |context| repo::all_updated(context, &outcomes))?;
        session.ui.out(changes::REPOSITORIES_UPDATED)?;
        Ok(Exit::Done)
    }
}
