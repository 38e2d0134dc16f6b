//! `bowline push`.

use clap::Args;

use super::package::source_date;
use super::{Body, Leaf, Run, Verb};
use crate::cli::args::{LimitArgs, NetArgs, ProgressArg};
use crate::cli::error::{Exit, Failure, Outcome};
use crate::cli::settings::Session;
use crate::cli::view::changes;
use crate::ops::push::{self, PushOptions};

/// The entry of the command table.
pub const VERB: Verb = Verb {
    name: "push",
    aliases: &[],
    about: "Put a chart's archive into an OCI registry",
    long: "\
Puts an archive into an OCI registry, below REMOTE under the chart's name, with its version as the tag. A provenance file
that lies beside the archive goes with it. What the registry has already is not sent again. REMOTE is oci://HOST[/PATH], or
@NAME[/PATH] with an alias of registries.yaml. SOURCE_DATE_EPOCH sets the time that the manifest carries.",
    examples: "\
bowline push web-1.2.0.tgz oci://registry.example.com/charts
bowline push web-1.2.0.tgz oci://localhost:5000/charts --plain-http
bowline push web-1.2.0.tgz @team",
    positionals: "ARCHIVE REMOTE",
    exclusive: &[],
    body: Body::Leaf(Leaf::of::<PushArgs>()),
};

/// Flags of `push`.
#[derive(Debug, Clone, Args)]
pub struct PushArgs {
    /// The archive
    #[arg(value_name = "ARCHIVE")]
    pub archive: String,
    /// Where to put it
    #[arg(value_name = "REMOTE")]
    pub remote: String,
    /// How to reach registries.
    #[command(flatten)]
    pub net: NetArgs,
    /// Bounds for reading the chart.
    #[command(flatten)]
    pub limits: LimitArgs,
    /// How progress is told.
    #[command(flatten)]
    pub progress: ProgressArg,
}

impl PushArgs {
    /// What the flags mean.
    pub(crate) fn resolve(&self, session: &Session) -> Result<PushOptions, Failure> {
        Ok(PushOptions {
            access: self.net.resolve(session, false),
            limits: self.limits.resolve(),
            time: source_date(session)?,
        })
    }
}

impl Run for PushArgs {
    fn run(self, session: &Session) -> Outcome {
        let options = self.resolve(session)?;
        let pushed =
            session.with_interrupt(|context| push::push(context, &self.archive, &self.remote, &options))?;
        session.ui.out(&changes::pushed(&pushed))?;
        Ok(Exit::Done)
    }
}
