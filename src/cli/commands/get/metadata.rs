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
        let store = session.store()?;
        let target = store.target(&options.namespace);
        let revision = options.revision.map(u64::from);
        let record =
            session.with_context(|context| query::record(context, target, &options.release, revision))?;
        let mut report = MetadataReport::of(&record.release);
        if revision.is_none() {
            // Helm shows those of the system too, unless a revision is named.
            report.labels.clone_from(record.stored_labels());
        }
        session.ui.out(&view::metadata::text(&report, self.output.output)?)?;
        Ok(Exit::Done)
    }
}
