//! `bowline pull`.

use std::path::PathBuf;

use clap::Args;

use super::{Body, Leaf, Run, Verb};
use crate::cli::args::{ChartArgs, ProgressArg};
use crate::cli::error::{Exit, Failure, Outcome};
use crate::cli::interrupt::Interrupt;
use crate::cli::settings::Session;
use crate::cli::view::changes;
use crate::fetch::Provenance;
use crate::ops::options::ChartRequest;
use crate::ops::pull::{self, PullOptions};
use crate::sys::secret::redact_url;

/// The entry of the command table.
pub const VERB: Verb = Verb {
    name: "pull",
    aliases: &["fetch"],
    about: "Download charts",
    long: "\
Downloads charts from repositories or OCI registries as archives, or unpacked with --untar. The digest that the
repository's index or the registry's manifest gives is checked; with --verify the signature too, before anything is
written.",
    examples: "\
bowline pull stable/web
bowline pull stable/web --version '^2' --untar
bowline pull web --repo https://charts.example.com -d downloads
bowline pull oci://registry.example.com/charts/web --version '^2'
bowline pull oci://registry.example.com/charts/web@sha256:DIGEST",
    positionals: "CHART...",
    exclusive: &[],
    body: Body::Leaf(Leaf::of::<PullArgs>()),
};

/// Flags of `pull`.
#[derive(Debug, Clone, Args)]
pub struct PullArgs {
    /// Charts, as REPOSITORY/NAME, URL or oci://HOST/PATH/NAME
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
    /// How progress is told.
    #[command(flatten)]
    pub progress: ProgressArg,
}

impl PullArgs {
    /// What the flags mean.
    pub(crate) fn resolve(self, session: &Session) -> Result<(Vec<ChartRequest>, PullOptions), Failure> {
        let mut charts = Vec::new();
        for reference in &self.references {
            let mut chart = self.chart.resolve(session, reference);
            if self.prov && !self.chart.verify {
                chart.fetch.provenance = Provenance::IfThere;
            }
            charts.push(chart);
        }
        let options = PullOptions {
            unpack_in: self.untar.then(|| self.destination.join(&self.untardir)),
            destination: self.destination,
        };
        Ok((charts, options))
    }
}

impl Run for PullArgs {
    fn run(self, session: &Session) -> Outcome {
        let (charts, options) = self.resolve(session)?;
        // One handler for all of them: a handler stays for the rest of the process.
        let interrupted = Interrupt::install()?.flag();
        for chart in &charts {
            let report = session.with_flag(&interrupted, |context| pull::pull(context, chart, &options))?;
            if let Some(origin) = &report.origin {
                session.ui.out(&changes::pulled(origin))?;
            }
            if let Some(reason) = &report.no_provenance {
                let chart = redact_url(&chart.reference);
                session.ui.note(format!("WARNING: Verification not found for {chart}: {reason}"));
            }
            if let Some(verified) = &report.verified {
                session.ui.out(&changes::verified(verified))?;
            }
        }
        Ok(Exit::Done)
    }
}
