//! `bowline dependency`: the charts that a chart needs.

pub mod build;
pub mod list;
pub mod tree;
pub mod update;

use clap::Args;

use super::{Body, Verb};
use crate::cli::args::{LimitArgs, NetArgs, ProgressArg};
use crate::cli::error::Failure;
use crate::cli::settings::Session;
use crate::fetch::deps::Refresh;
use crate::ops::dependency::{self, DependencyOptions};

/// The entry of the command table.
pub const VERB: Verb = Verb {
    name: "dependency",
    aliases: &["dep", "dependencies"],
    about: "Manage the charts that a chart needs",
    long: "\
Charts name the charts they need under dependencies in Chart.yaml. They are kept below charts/, in versions that
Chart.lock remembers.",
    examples: "\
bowline dependency update ./web
bowline dependency list ./web",
    positionals: "",
    exclusive: &[],
    body: Body::Group { verbs: &[&build::VERB, &list::VERB, &tree::VERB, &update::VERB], fallback: None },
};

/// Flags of `dependency build` and `dependency update`.
#[derive(Debug, Clone, Args)]
pub struct FetchArgs {
    /// The chart; the current folder when left out
    #[arg(value_name = "CHART")]
    pub chart: Option<String>,
    /// Do not fetch the indexes of repositories anew
    #[arg(long)]
    pub skip_refresh: bool,
    /// Check signatures: update demands one, build checks those that were published
    #[arg(long)]
    pub verify: bool,
    /// File of public keys to check signatures with; GnuPG's pubring.gpg or pubring.kbx when left out
    #[arg(long, value_name = "FILE")]
    pub keyring: Option<String>,
    /// Bounds for reading charts.
    #[command(flatten)]
    pub limits: LimitArgs,
    /// How to reach repositories.
    #[command(flatten)]
    pub net: NetArgs,
    /// How progress is told.
    #[command(flatten)]
    pub progress: ProgressArg,
}

impl FetchArgs {
    /// The chart's folder, and how to fetch. `required` says whether `--verify` refuses archives without a signature.
    ///
    /// # Errors
    /// The keyring cannot be read.
    pub fn resolve(self, session: &Session, required: bool) -> Result<(String, DependencyOptions), Failure> {
        let signatures = if self.verify {
            let keyring = session.keyring(self.keyring.as_deref());
            Some(dependency::signatures(&keyring, required)?)
        } else {
            None
        };
        let options = DependencyOptions {
            refresh: if self.skip_refresh { Refresh::Never } else { Refresh::Always },
            fetch: self.net.resolve(session, false),
            signatures,
            locked: false,
        };
        Ok((self.chart.unwrap_or_else(|| ".".to_string()), options))
    }
}
