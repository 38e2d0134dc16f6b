//! `bowline pull`.

use std::path::PathBuf;

use clap::Args;

use super::{Body, Leaf, Run, Verb, unwired};
use crate::cli::args::{ChartArgs, ChartRequest};
use crate::cli::error::{Failure, Outcome};
use crate::cli::settings::Session;

/// The entry of the command table.
pub const VERB: Verb = Verb {
    name: "pull",
    aliases: &["fetch"],
    about: "Download charts",
    long: "\
Downloads charts from a repository as archives, or unpacked with --untar. The digest that the repository's index gives
is checked.",
    examples: "\
bowline pull stable/web
bowline pull stable/web --version '^2' --untar
bowline pull web --repo https://charts.example.com -d downloads",
    positionals: "CHART...",
    exclusive: &[],
    body: Body::Leaf(Leaf::of::<PullArgs>()),
};

/// Flags of `pull`.
#[derive(Debug, Clone, Args)]
pub struct PullArgs {
    /// Charts, as REPOSITORY/NAME or URL
    #[arg(value_name = "CHART", required = true)]
    pub references: Vec<String>,
    /// Folder to write to
    #[arg(long, short, default_value = ".", value_name = "FOLDER")]
    pub destination: PathBuf,
    /// Download the signature too, without checking it
    #[arg(long)]
    pub prov: bool,
    /// Unpack the archive
    #[arg(long)]
    pub untar: bool,
    /// With --untar, the folder below the destination to unpack in
    #[arg(long, default_value = ".", value_name = "FOLDER")]
    pub untardir: PathBuf,
    /// Which chart.
    #[command(flatten)]
    pub chart: ChartArgs,
}

/// What to download.
#[derive(Debug, Clone, PartialEq)]
pub struct PullOptions {
    /// The charts.
    pub charts: Vec<ChartRequest>,
    /// Folder for the archives.
    pub destination: PathBuf,
    /// Download the signatures too.
    pub signatures: bool,
    /// Folder to unpack in.
    pub unpack_in: Option<PathBuf>,
}

impl PullArgs {
    /// What the flags mean.
    pub(crate) fn resolve(self, session: &Session) -> Result<PullOptions, Failure> {
        let destination = session.host.resolve(&self.destination);
        let charts = self.references.iter().map(|reference| self.chart.resolve(session, reference));
        Ok(PullOptions {
            charts: charts.collect::<Result<_, _>>()?,
            unpack_in: self.untar.then(|| destination.join(&self.untardir)),
            destination,
            signatures: self.prov,
        })
    }
}

impl Run for PullArgs {
    fn run(self, session: &Session) -> Outcome {
        let options = self.resolve(session)?;
        unwired(session, &options)
    }
}
