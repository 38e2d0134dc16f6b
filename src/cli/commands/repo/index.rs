//! `bowline repo index`, which is also `bowline index`.

use std::path::PathBuf;

use clap::Args;

use crate::cli::commands::{Body, Leaf, Run, Verb};
use crate::cli::error::{Exit, Outcome};
use crate::cli::settings::Session;
use crate::ops::repo::{self, GenerateOptions};

const ABOUT: &str = "Make the index of a folder of charts";
const LONG: &str = "\
Reads the archives in a folder (and one level below) and writes index.yaml there, which makes the folder a chart
repository that any web server can serve.";

/// The entry of the top-level table.
pub const VERB: Verb = Verb {
    name: "index",
    aliases: &[],
    about: ABOUT,
    long: LONG,
    examples: "\
bowline index dist
bowline index dist --url https://charts.example.com --merge old/index.yaml",
    positionals: "FOLDER",
    exclusive: &[],
    body: Body::Leaf(Leaf::of::<IndexArgs>()),
};

/// The entry of `repo`'s table.
pub const VERB_IN_REPO: Verb = Verb {
    name: "index",
    aliases: &[],
    about: ABOUT,
    long: LONG,
    examples: "bowline repo index dist --url https://charts.example.com",
    positionals: "FOLDER",
    exclusive: &[],
    body: Body::Leaf(Leaf::of::<IndexArgs>()),
};

/// Flags of `index`.
#[derive(Debug, Clone, Args)]
pub struct IndexArgs {
    /// Folder of the archives
    #[arg(value_name = "FOLDER")]
    pub folder: PathBuf,
    /// URL to put before the archives' names
    #[arg(long, value_name = "URL")]
    pub url: Option<String>,
    /// Index whose entries are kept where the folder has none of that version
    #[arg(long, value_name = "FILE")]
    pub merge: Option<PathBuf>,
    /// Write the index as JSON
    #[arg(long)]
    pub json: bool,
}

impl Run for IndexArgs {
    fn run(self, session: &Session) -> Outcome {
        let options = GenerateOptions {
            url: self.url.unwrap_or_default(),
            merge: self.merge.map(|path| session.host.resolve(path)),
            json: self.json,
        };
        let folder = session.host.resolve(self.folder);
        let generated = session.with_context(|context| repo::index(context, &folder, &options))?;
        // The process ends here, and the system takes its memory back faster than thousands of entries can be taken apart.
        std::mem::forget(generated);
        Ok(Exit::Done)
    }
}
