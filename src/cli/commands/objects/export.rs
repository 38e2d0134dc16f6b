//! `bowline objects export`.

use std::path::PathBuf;

use clap::Args;

use super::{ObjectSelection, SelectArgs};
use crate::cli::commands::{Body, Leaf, Run, Verb, unwired};
use crate::cli::error::Outcome;
use crate::cli::settings::Session;

/// The entry of the command table.
pub const VERB: Verb = Verb {
    name: "export",
    aliases: &[],
    about: "Print objects as manifests to apply elsewhere",
    long: "\
Prints objects as manifests, in the order in which they can be created, without the fields that only the store that
holds them understands. With --output-dir it writes one file for each.",
    examples: "\
bowline objects export --release web | kubectl apply -f -
bowline objects export -A --output-dir backup",
    positionals: "[KIND]",
    exclusive: &[],
    body: Body::Leaf(Leaf::of::<ExportArgs>()),
};

/// Flags of `objects export`.
#[derive(Debug, Clone, Args)]
pub struct ExportArgs {
    /// Kind of the objects
    #[arg(value_name = "KIND")]
    pub kind: Option<String>,
    /// Which objects.
    #[command(flatten)]
    pub select: SelectArgs,
    /// Write files below this folder instead of printing
    #[arg(long, value_name = "FOLDER")]
    pub output_dir: Option<PathBuf>,
}

/// What to export.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportOptions {
    /// Which objects.
    pub selection: ObjectSelection,
    /// Folder for files; print when `None`.
    pub folder: Option<PathBuf>,
}

impl Run for ExportArgs {
    fn run(self, session: &Session) -> Outcome {
        let options = ExportOptions {
            selection: self.select.resolve(session, self.kind)?,
            folder: self.output_dir.map(|folder| session.host.resolve(folder)),
        };
        unwired(session, &options)
    }
}
