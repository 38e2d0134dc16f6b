//! `bowline objects export`.

use std::path::PathBuf;

use clap::Args;

use super::SelectArgs;
use crate::cli::commands::{Body, Leaf, Run, Verb};
use crate::cli::error::{Exit, Outcome};
use crate::cli::settings::Session;
use crate::ops::objects;

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

impl Run for ExportArgs {
    fn run(self, session: &Session) -> Outcome {
        let selection = self.select.resolve(session, self.kind)?;
        let store = session.store()?;
        let exported = session.with_context(|_| objects::export(&*store, &selection))?;
        if let Some(folder) = self.output_dir {
            let paths = session.with_context(|context| objects::write_files(context, &exported, &folder))?;
            for path in paths {
                session.ui.line(format!("wrote {}", path.display()))?;
            }
            return Ok(Exit::Done);
        }
        for object in exported {
            session.ui.out(&format!("---\n{}", object.text))?;
        }
        Ok(Exit::Done)
    }
}
