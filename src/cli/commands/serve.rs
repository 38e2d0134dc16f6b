//! `bowline serve`.

use std::path::PathBuf;

use clap::Args;

use super::{Body, Leaf, Run, Verb, unwired};
use crate::cli::error::{Failure, Outcome};
use crate::cli::settings::Session;

/// The entry of the command table.
pub const VERB: Verb = Verb {
    name: "serve",
    aliases: &[],
    about: "Serve a folder of charts as a repository",
    long: "\
Serves the archives in a folder as a chart repository over HTTP, with a page to look at in a browser. The index is made
from the archives at the start, and again when they change. It listens on this machine only, unless --address says
otherwise.",
    examples: "\
bowline serve dist
bowline serve dist --address 0.0.0.0:8080 --url https://charts.example.com
# As Helm 2 wrote it
bowline serve --repo-path dist --address 127.0.0.1:8879",
    positionals: "[FOLDER]",
    exclusive: &[],
    body: Body::Leaf(Leaf::of::<ServeArgs>()),
};

/// Flags of `serve`.
#[derive(Debug, Clone, Args)]
pub struct ServeArgs {
    /// Folder of the archives; the current one when left out
    #[arg(value_name = "FOLDER")]
    pub folder: Option<PathBuf>,
    /// Address and port to listen on; port 0 takes a free one
    #[arg(long, default_value = "127.0.0.1:8879", value_name = "ADDRESS:PORT")]
    pub address: String,
    /// Folder of the archives, as Helm 2 wrote it
    #[arg(long, hide = true)]
    pub repo_path: Option<PathBuf>,
    /// URL that the index shall name in place of relative ones
    #[arg(long, value_name = "URL")]
    pub url: Option<String>,
}

/// What to serve.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServeOptions {
    /// Folder of the archives.
    pub folder: PathBuf,
    /// Address and port.
    pub address: String,
    /// Prefix for the index's URLs.
    pub url: Option<String>,
}

impl ServeArgs {
    /// What the flags mean.
    pub(crate) fn resolve(self, session: &Session) -> Result<ServeOptions, Failure> {
        let folder = match (self.folder, self.repo_path) {
            (Some(_), Some(_)) => return Err(Failure::usage("the folder is given twice")),
            (folder, path) => folder.or(path).unwrap_or_else(|| PathBuf::from(".")),
        };
        Ok(ServeOptions {
            folder: session.host.resolve(folder),
            address: self.address,
            url: self.url.filter(|url| !url.is_empty()),
        })
    }
}

impl Run for ServeArgs {
    fn run(self, session: &Session) -> Outcome {
        let options = self.resolve(session)?;
        unwired(session, &options)
    }
}
