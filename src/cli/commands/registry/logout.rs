//! `bowline registry logout`.

use clap::Args;

use super::host_of;
use crate::cli::commands::{Body, Leaf, Run, Verb};
use crate::cli::error::{Exit, Outcome};
use crate::cli::settings::Session;
use crate::ops::registry;

/// The entry of the command table.
pub const VERB: Verb = Verb {
    name: "logout",
    aliases: &[],
    about: "Log out of an OCI registry",
    long: "\
Removes what `registry login` kept for a registry, from the credential helper or the file. The files of Helm and Docker stay
as they are.",
    examples: "bowline registry logout registry.example.com",
    positionals: "HOST",
    exclusive: &[],
    body: Body::Leaf(Leaf::of::<LogoutArgs>()),
};

/// Flags of `registry logout`.
#[derive(Debug, Clone, Args)]
pub struct LogoutArgs {
    /// The registry, as HOST or HOST:PORT
    #[arg(value_name = "HOST")]
    pub host: String,
}

impl Run for LogoutArgs {
    fn run(self, session: &Session) -> Outcome {
        let host = host_of(&self.host, session)?;
        if !session.with_context(|context| registry::logout(context, host))? {
            session.ui.warn("there were no credentials", &[("host", host)]);
        }
        session.ui.line(format_args!("Removing login credentials for {host}"))?;
        Ok(Exit::Done)
    }
}
