//! `bowline registry login`.

use std::path::PathBuf;

use clap::Args;

use super::host_of;
use crate::cli::args::net::from_working_folder;
use crate::cli::commands::{Body, Leaf, Run, Verb};
use crate::cli::error::{Exit, Failure, Outcome};
use crate::cli::settings::Session;
use crate::fetch::FetchOptions;
use crate::ops::registry::{self, Credentials};
use crate::sys::{Secret, fs};

/// The entry of the command table.
pub const VERB: Verb = Verb {
    name: "login",
    aliases: &[],
    about: "Log in to an OCI registry",
    long: "\
Checks a user name and a password with a registry and keeps them for later commands. What is not given is asked for on the
terminal; with an empty user name the secret is a refresh token. They are kept by the credential helper that the file of
registries names for the registry or for all registries, else in the file itself, readable by its owner alone.",
    examples: "\
bowline registry login registry.example.com
bowline registry login registry.example.com --username me --password-stdin < secret
bowline registry login localhost:5000 --username me --password-stdin --plain-http < secret",
    positionals: "HOST",
    exclusive: &[&["password", "password-stdin"]],
    body: Body::Leaf(Leaf::of::<LoginArgs>()),
};

/// Flags of `registry login`.
#[derive(Debug, Clone, Args)]
pub struct LoginArgs {
    /// The registry, as HOST or HOST:PORT
    #[arg(value_name = "HOST")]
    pub host: String,
    /// User name
    #[arg(long, short, value_name = "USER")]
    pub username: Option<String>,
    /// Password, or refresh token without a user name; other users of this machine may see it
    #[arg(long, short, value_name = "PASSWORD")]
    pub password: Option<String>,
    /// Read the password from standard input
    #[arg(long)]
    pub password_stdin: bool,
    /// Do not check the registry's certificate
    #[arg(long)]
    pub insecure: bool,
    /// Client certificate
    #[arg(long, value_name = "FILE")]
    pub cert_file: Option<PathBuf>,
    /// Key of the client certificate
    #[arg(long, value_name = "FILE")]
    pub key_file: Option<PathBuf>,
    /// Certificate authorities to trust
    #[arg(long, value_name = "FILE")]
    pub ca_file: Option<PathBuf>,
    /// Speak plain HTTP
    #[arg(long)]
    pub plain_http: bool,
}

/// No password is longer.
const PASSWORD_LIMIT: u64 = 64 * 1024;

impl LoginArgs {
    /// How the registry is reached.
    fn access(&self, session: &Session) -> FetchOptions {
        let path = |path: &Option<PathBuf>| from_working_folder(session, path.as_deref());
        FetchOptions {
            cert_file: path(&self.cert_file),
            key_file: path(&self.key_file),
            ca_file: path(&self.ca_file),
            insecure_skip_tls_verify: self.insecure,
            plain_http: self.plain_http,
            ..FetchOptions::default()
        }
    }

    /// Who logs in.
    fn credentials(&self, session: &Session) -> Result<Credentials, Failure> {
        if self.password_stdin {
            let bytes = fs::read_stdin(PASSWORD_LIMIT)?;
            let text = String::from_utf8_lossy(&bytes);
            let password = Secret::new(text.trim_end_matches(['\n', '\r']));
            return Ok(Credentials { username: self.username.clone().unwrap_or_default(), password });
        }
        if let Some(password) = self.password.as_deref().filter(|password| !password.is_empty()) {
            session.ui.warn(
                "a password on the command line can be seen by other users of this machine; --password-stdin hides it",
                &[],
            );
            let username = self.username.clone().unwrap_or_default();
            return Ok(Credentials { username, password: Secret::new(password) });
        }
        let username = match &self.username {
            Some(username) => username.clone(),
            None => session.ui.ask_line("Username: ")?.ok_or_else(|| no_terminal("--username"))?,
        };
        let question = if username.is_empty() { "Token: " } else { "Password: " };
        let password = session.ui.ask_secret(question)?.ok_or_else(|| no_terminal("--password-stdin"))?;
        Ok(Credentials { username, password })
    }
}

fn no_terminal(instead: &str) -> Failure {
    Failure::usage("there is no terminal to ask on").hint(format!("give {instead}"))
}

impl Run for LoginArgs {
    fn run(self, session: &Session) -> Outcome {
        let host = host_of(&self.host, session)?;
        let credentials = self.credentials(session)?;
        if credentials.password.is_empty() {
            return Err(Failure::usage("a password is required")
                .hint("--password-stdin reads it from standard input"));
        }
        let access = self.access(session);
        session.with_context(|context| registry::login(context, host, credentials, &access))?;
        session.ui.line("Login Succeeded")?;
        Ok(Exit::Done)
    }
}
