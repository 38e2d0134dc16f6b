//! How to reach a chart repository: credentials and TLS material.

use std::path::PathBuf;

use clap::Args;

use crate::cli::settings::Session;
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

/// How to reach a chart repository.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Access {
    /// User name and password for basic authentication.
    pub credentials: Option<(String, Secret)>,
    /// Client certificate.
    pub cert_file: Option<PathBuf>,
    /// Its key.
    pub key_file: Option<PathBuf>,
    /// Certificate authorities to trust.
    pub ca_file: Option<PathBuf>,
    /// Leave certificates unchecked.
    pub insecure_skip_tls_verify: bool,
    /// Use HTTP for OCI registries.
    pub plain_http: bool,
    /// Send the credentials to hosts other than the repository's too.
    pub pass_credentials: bool,
}

impl NetArgs {
    /// The access that the flags describe, paths from the working folder.
    pub fn resolve(&self, session: &Session, pass_credentials: bool) -> Access {
        let path = |path: &Option<PathBuf>| path.as_ref().map(|path| session.host.resolve(path));
        let credentials = match (&self.username, &self.password) {
            (None, None) => None,
            (user, password) => {
                Some((user.clone().unwrap_or_default(), Secret::new(password.clone().unwrap_or_default())))
            }
        };
        Access {
            credentials,
            cert_file: path(&self.cert_file),
            key_file: path(&self.key_file),
            ca_file: path(&self.ca_file),
            insecure_skip_tls_verify: self.insecure_skip_tls_verify,
            plain_http: self.plain_http,
            pass_credentials,
        }
    }
}
