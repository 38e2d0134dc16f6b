//! `bowline serve`.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;

use super::{Body, Leaf, Run, Verb};
use crate::cli::error::{Exit, Failure, Outcome};
use crate::cli::interrupt::Interrupt;
use crate::cli::settings::Session;
use crate::diag::plural;
use crate::ops::repo;
use crate::repo::serve::{Access, ServeOptions};

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

impl ServeArgs {
    /// What the flags mean.
    pub(crate) fn resolve(self, session: &Session) -> Result<ServeOptions, Failure> {
        let folder = match (self.folder, self.repo_path) {
            (Some(_), Some(_)) => return Err(Failure::usage("the folder is given twice")),
            (folder, path) => folder.or(path).unwrap_or_else(|| PathBuf::from(".")),
        };
        let mut options = ServeOptions::new(session.host.resolve(folder));
        options.address = self.address;
        options.url = self.url.unwrap_or_default();
        Ok(options)
    }
}

impl Run for ServeArgs {
    fn run(self, session: &Session) -> Outcome {
        let interrupt = Interrupt::install()?;
        let mut options = self.resolve(session)?;
        // Requests are answered on many threads; one of ours prints them.
        let (sender, requests) = std::sync::mpsc::channel();
        if session.ui.is_debug() {
            options.log = Some(Arc::new(move |access: &Access<'_>| {
                let line = format!("{} {} {}", access.method, access.path, access.status);
                // Nobody listens any more only when the command is about to end.
                let _ = sender.send(line);
            }));
        } else {
            drop(sender);
        }
        let server = session.with_context(|context| repo::bind(context, &options))?;
        let (folder, url) = (options.dir.display().to_string(), server.url());
        drop(options);
        session.ui.line(format!("Serving {} in {folder} on {url}", plural(server.charts().0, "chart")))?;
        session.ui.note(format!("Add it with `{} repo add NAME {url}`.", session.settings.program.name()));
        session.ui.note("Ctrl-C stops it.");
        std::thread::scope(|scope| {
            scope.spawn(move || {
                for line in requests {
                    session.ui.note(line);
                }
            });
            let ended = server.run(&interrupt.flag());
            // With the server goes the last sender, and so the thread that prints.
            drop(server);
            ended
        })?;
        session.ui.note("Stopped.");
        Ok(Exit::Done)
    }
}
