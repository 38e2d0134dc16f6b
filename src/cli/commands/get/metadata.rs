//! `bowline get metadata`.

use clap::Args;

use super::RevisionArgs;
use crate::cli::args::OutputArg;
use crate::cli::commands::{Body, Leaf, Run, Verb};
use crate::cli::error::{Exit, Outcome};
use crate::cli::settings::Session;
use crate::cli::view;
use crate::cli::view::metadata::MetadataReport;
use crate::ops::query;

/// The entry of the command table.
pub const VERB: Verb = Verb {
    name: "metadata",
    aliases: &[],
    about: "Print the chart, version and labels of a release",
    long: "Prints the metadata of a release: its chart, versions, labels, status and when it was deployed.",
    examples: "bowline get metadata web -o yaml",
    positionals: "RELEASE",
    exclusive: &[],
    body: Body::Leaf(Leaf::of::<MetadataArgs>()),
};

/// Flags of `get metadata`.
#[derive(Debug, Clone, Args)]
pub struct MetadataArgs {
    /// Which revision.
    #[command(flatten)]
    pub which: RevisionArgs,
    /// The output format.
    #[command(flatten)]
    pub output: OutputArg,
}

impl Run for MetadataArgs {
    fn run(self, session: &Session) -> Outcome {
        let options = self.which.resolve(session)?;
        let mut report = MetadataReport::of(&super::release(session, &options)?);
        if options.revision.is_none() {
            // Helm shows those of the system too, unless a revision is named.
            let store = session.store()?;
            let target = store.target(&options.namespace);
            let newest =
                session.with_context(|context| query::history(context, target, &options.release, 1))?;
            report.labels = newest.into_iter().next_back().map(|row| row.labels).unwrap_or_default();
        }
        session.ui.out(&view::metadata::text(&report, self.output.output)?)?;
        Ok(Exit::Done)
    }
}
