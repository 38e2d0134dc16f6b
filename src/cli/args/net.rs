//! How to reach a chart repository: credentials and TLS material.

use std::path::{Path, PathBuf};

use clap::Args;

use crate::cli::settings::Session;
use crate::fetch::FetchOptions;
use crate::sys::Secret;

/// Credentials and TLS flags of commands that fetch dependencies.
#[derive(Debug, Clone, Default, Args)]
pub struct NetArgs {
    /// User name for the chart repository
    #[arg(long, value_name = "USER")]
    pub username: Option<String>,
    /// Password for the chart repository
    #[arg(long, value_name = "PASSWORD")]
    pub password: Option<String>,
    /// Client certificate for the chart repository
    #[arg(long, value_name = "FILE")]
    pub cert_file: Option<PathBuf>,
    /// Key of the client certificate
    #[arg(long, value_name = "FILE")]
    pub key_file: Option<PathBuf>,
    /// Certificate authorities to trust for the chart repository
    #[arg(long, value_name = "FILE")]
    pub ca_file: Option<PathBuf>,
    /// Do not check the repository's certificate
    #[arg(long)]
    pub insecure_skip_tls_verify: bool,
    /// Use plain HTTP for OCI registries
    #[arg(long)]
    pub plain_http: bool,
}

/// The path of a file as [`FetchOptions`] has it, from the working folder; empty when none is given.
pub fn from_working_folder(session: &Session, path: Option<&Path>) -> String {
    path.map(|path| session.host.resolve(path).to_string_lossy().into_owned()).unwrap_or_default()
}

impl NetArgs {
    /// How the flags say that a repository is reached, paths from the working folder; which chart is still to be said.
    pub fn resolve(&self, session: &Session, pass_credentials: bool) -> FetchOptions {
        let path = |path: &Option<PathBuf>| from_working_folder(session, path.as_deref());
        FetchOptions {
            username: self.username.clone().unwrap_or_default(),
            password: Secret::new(self.password.clone().unwrap_or_default()),
            cert_file: path(&self.cert_file),
            key_file: path(&self.key_file),
            ca_file: path(&self.ca_file),
            insecure_skip_tls_verify: self.insecure_skip_tls_verify,
            plain_http: self.plain_http,
            pass_credentials,
            ..FetchOptions::default()
        }
    }
}
