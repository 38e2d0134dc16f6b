//! `bowline repo add`.

use std::time::Duration;

use clap::Args;

use crate::cli::args::{NetArgs, ProgressArg};
use crate::cli::bridge;
use crate::cli::commands::{Body, Leaf, Run, Verb};
use crate::cli::error::{Exit, Failure, Outcome};
use crate::cli::parse;
use crate::cli::settings::Session;
use crate::ops::repo::{self, AddOptions};
use crate::sys::{Secret, fs};

/// The entry of the command table.
pub const VERB: Verb = Verb {
    name: "add",
    aliases: &[],
    about: "Add a chart repository",
    long: "\
Fetches the index of a chart repository and remembers the repository under a name. A name that stands for another
repository already is refused unless --force-update is given. A password that is not given with a user name is asked for
on the terminal.",
    examples: "\
bowline repo add stable https://charts.example.com
bowline repo add private https://charts.example.com --username me --password-stdin < secret",
    positionals: "NAME URL",
    exclusive: &[&["password", "password-stdin"]],
    body: Body::Leaf(Leaf::of::<AddArgs>()),
};

/// Flags of `repo add`.
#[derive(Debug, Clone, Args)]
pub struct AddArgs {
    /// Name to know the repository by
    #[arg(value_name = "NAME")]
    pub name: String,
    /// Its URL
    #[arg(value_name = "URL")]
    pub url: String,
    /// How to reach repositories.
    #[command(flatten)]
    pub net: NetArgs,
    /// Read the password from standard input
    #[arg(long)]
    pub password_stdin: bool,
    /// Send the credentials to other hosts too
    #[arg(long)]
    pub pass_credentials: bool,
    /// Replace a repository of that name
    #[arg(long)]
    pub force_update: bool,
    /// Refuses to replace a repository of that name, which is the default
    #[arg(long, hide = true)]
    pub no_update: bool,
    /// Accept the addresses of repositories that were shut down
    #[arg(long)]
    pub allow_deprecated_repos: bool,
    /// How long the index may take to download
    #[arg(long, default_value = "2m0s", value_parser = parse::duration, value_name = "DURATION")]
    pub timeout: Duration,
    /// How progress is told.
    #[command(flatten)]
    pub progress: ProgressArg,
}

/// No password is longer.
const PASSWORD_LIMIT: u64 = 64 * 1024;

impl AddArgs {
    fn resolve(self, session: &Session) -> Result<AddOptions, Failure> {
        let mut access = self.net.resolve(session, self.pass_credentials);
        if self.password_stdin {
            let bytes = fs::read_stdin(PASSWORD_LIMIT)?;
            let text = String::from_utf8_lossy(&bytes);
            access.password = Secret::new(text.trim_end_matches(['\n', '\r']));
        } else if self.net.username.is_some() && self.net.password.is_none() {
            access.password = session.ui.ask_secret("Password: ")?.ok_or_else(|| {
                Failure::usage("a user name needs a password")
                    .hint("give --password, or --password-stdin with the password on standard input")
            })?;
        }
        Ok(AddOptions {
            repository: bridge::repository(&self.name, &self.url, access),
            force_update: self.force_update,
            allow_deprecated_repos: self.allow_deprecated_repos,
            timeout: Some(self.timeout),
        })
    }
}

impl Run for AddArgs {
    fn run(self, session: &Session) -> Outcome {
        let options = self.resolve(session)?;
        let added = session.with_interrupt(|context| repo::add(context, &options))?;
        session.ui.line(added)?;
        Ok(Exit::Done)
    }
}
