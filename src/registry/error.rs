//! What can go wrong between us and a registry, in Helm's words where Helm has some.
//!
//! Invariant: no text holds a password, a token or a URL with one.

use std::path::PathBuf;

use super::reference::SCHEME;
use crate::chart::ChartError;
use crate::data::digest::Digest;
use crate::data::version::VersionError;
use crate::diag::{Diagnostic, Hint};
use crate::sys::fs::FsError;
use crate::sys::http::{ConnectionFailure, HttpError};
use crate::sys::process::ProcessError;

/// An error of the registry module.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RegistryError {
    /// A file cannot be read or written.
    #[error(transparent)]
    Fs(#[from] FsError),
    /// A request got no answer.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// A chart cannot be read.
    #[error(transparent)]
    Chart(#[from] ChartError),
    /// A `--version` is no constraint.
    #[error(transparent)]
    Version(#[from] VersionError),
    /// A text is no reference.
    #[error("invalid reference {reference:?}: {reason}")]
    Reference {
        /// The text.
        reference: String,
        /// Why.
        reason: String,
    },
    /// A text is no registry.
    #[error("invalid registry {registry:?}: it must be HOST or HOST:PORT")]
    Registry {
        /// The text.
        registry: String,
    },
    /// The destination of a push has no `oci://`.
    #[error("scheme prefix missing from remote (e.g. \"oci://\")")]
    NoScheme {
        /// The destination.
        remote: String,
    },
    /// A reference names a tag, and `--version` another one.
    #[error("chart reference and version mismatch: {version} is not {tag}")]
    VersionMismatch {
        /// The version that was asked for.
        version: String,
        /// The tag of the reference.
        tag: String,
    },
    /// No tag satisfies a constraint.
    #[error("could not locate a version matching provided version string {constraint}")]
    NoVersion {
        /// The constraint.
        constraint: String,
        /// The newest versions that there are.
        available: Vec<String>,
    },
    /// No tag of a repository is a version.
    #[error("unable to locate any tags in provided repository: {SCHEME}{name}")]
    NoTags {
        /// Registry and repository.
        name: String,
    },
    /// A manifest is not there.
    #[error("failed to perform \"FetchReference\" on source: {reference}: not found")]
    NotFound {
        /// What was asked for.
        reference: String,
    },
    /// A repository is not there.
    #[error("{name}: the registry has no such repository")]
    NoRepository {
        /// Registry and repository.
        name: String,
    },
    /// The registry answers with something else than success.
    #[error("{doing} {url}: {status}{}", told(details))]
    Status {
        /// `GET`, `PUT`, ….
        doing: &'static str,
        /// The URL as shown.
        url: String,
        /// The status code.
        status: u16,
        /// What the registry says about it.
        details: String,
    },
    /// The registry wants to know who asks, or does not accept who does.
    #[error("{host} does not let {who} {what}: {status}{}", told(details))]
    Refused {
        /// The registry.
        host: String,
        /// `anonymous users`, or the user in quotes.
        who: String,
        /// `read team/web`, `write to team/web`, `log in`.
        what: String,
        /// 401 or 403.
        status: u16,
        /// What the registry says about it.
        details: String,
    },
    /// The registry asks for a way to authenticate that is not known here.
    #[error("{host} asks for a way to authenticate that is not known: {reason}")]
    Challenge {
        /// The registry.
        host: String,
        /// What it asks for.
        reason: String,
    },
    /// Credentials for a registry that is spoken to with TLS would go to a token service without it.
    #[error(
        "{host} names the token service {realm}, which is not protected by TLS; no credentials were sent"
    )]
    InsecureRealm {
        /// The registry.
        host: String,
        /// The token service as shown.
        realm: String,
    },
    /// An upload is sent to a place without TLS by a registry with it.
    #[error("{host} wants the upload at {location}, which is not protected by TLS; nothing was sent there")]
    InsecureUpload {
        /// The registry.
        host: String,
        /// The place as shown.
        location: String,
    },
    /// An answer is not what the protocol says.
    #[error("{url}: {reason}")]
    Answer {
        /// The URL as shown.
        url: String,
        /// What is wrong.
        reason: String,
    },
    /// An upload does not come to its end.
    #[error("the upload to {name} was begun anew {attempts} times and never went through: {source}")]
    Upload {
        /// Registry and repository.
        name: String,
        /// How often.
        attempts: usize,
        /// What happened last.
        source: Box<RegistryError>,
    },
    /// A manifest cannot be read.
    #[error("the manifest of {reference} cannot be used: {reason}")]
    Manifest {
        /// What it is of.
        reference: String,
        /// Why.
        reason: String,
    },
    /// There is something else than a chart.
    #[error("{reference} is no chart: {reason}")]
    NotAChart {
        /// The reference.
        reference: String,
        /// What it is.
        reason: String,
    },
    /// The provenance file that was asked for is not there.
    #[error("{reference} has no provenance file")]
    NoProvenance {
        /// The reference.
        reference: String,
    },
    /// What came has another digest than was promised.
    #[error("the digest of {what} is {found:?}, but {expected:?} was promised; it was thrown away")]
    WrongDigest {
        /// Where it came from.
        what: String,
        /// The digest that was promised.
        expected: Digest,
        /// The digest of what came.
        found: Digest,
    },
    /// What came is not as long as was promised.
    #[error("{what} has {found} bytes, but {expected} were promised; it was thrown away")]
    WrongSize {
        /// Where it came from.
        what: String,
        /// How many were promised.
        expected: u64,
        /// How many came.
        found: u64,
    },
    /// A layer is larger than a chart may be.
    #[error("{what} is larger than the limit of {limit} bytes")]
    TooLarge {
        /// What.
        what: String,
        /// The limit in bytes.
        limit: u64,
    },
    /// A file with credentials cannot be understood.
    #[error("{}: {reason}", path.display())]
    Credentials {
        /// The file.
        path: PathBuf,
        /// Why, without its content.
        reason: String,
    },
    /// A program that keeps credentials does not do it.
    #[error("the credential helper {helper} failed: {reason}")]
    Helper {
        /// The program's name.
        helper: String,
        /// Why.
        reason: String,
    },
    /// A program that keeps credentials cannot be run.
    #[error("the credential helper {helper} failed: {source}")]
    HelperProcess {
        /// The program's name.
        helper: String,
        /// Why.
        source: Box<ProcessError>,
    },
    /// `registries.yaml` cannot be understood.
    #[error("{}: {reason}", path.display())]
    Settings {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
        /// What was meant in place of an unknown key, as far as one can guess.
        meant: Option<String>,
    },
    /// An alias is not in `registries.yaml`.
    #[error("no alias {name:?} in {}", path.display())]
    NoAlias {
        /// The name.
        name: String,
        /// The file.
        path: PathBuf,
        /// The names in it.
        candidates: Vec<String>,
    },
    /// A structure cannot be written as JSON.
    #[error("cannot write JSON: {reason}")]
    Unwritable {
        /// Why.
        reason: String,
    },
    /// What is to be pushed is a folder.
    #[error("cannot push directory, must provide chart archive (.tgz)")]
    PushFolder {
        /// The folder.
        path: String,
    },
    /// The registry keeps something else than what was pushed.
    #[error("{reference}: the registry calls the manifest {found:?}, which is {expected:?}")]
    PushedOther {
        /// Where it was pushed.
        reference: String,
        /// The digest of what was pushed.
        expected: Digest,
        /// The registry's word for it.
        found: String,
    },
}

/// What [`RegistryError::Refused`] calls a login.
pub(super) const LOG_IN: &str = "log in";

fn told(details: &str) -> String {
    if details.is_empty() { String::new() } else { format!(": {details}") }
}

impl Hint for RegistryError {
    fn hints(&self) -> Vec<String> {
        let hint = match self {
            RegistryError::Fs(error) => return error.hints(),
            RegistryError::Http(HttpError::Connection { kind: ConnectionFailure::NotTls, .. }) => {
                "add --plain-http if everybody on the way may read along".to_string()
            }
            RegistryError::Http(error) => return error.hints(),
            RegistryError::Chart(error) => return error.hints(),
            RegistryError::Upload { source, .. } => return source.hints(),
            RegistryError::Reference { .. } => {
                "a reference is oci://HOST[:PORT]/PATH/CHART[:VERSION][@sha256:DIGEST], in small letters"
                    .to_string()
            }
            RegistryError::NoScheme { remote } => format!("write oci://{remote}"),
            RegistryError::NoVersion { available, .. } if !available.is_empty() => {
                format!("the newest versions are {}", available.join(", "))
            }
            RegistryError::NoRepository { .. } => {
                "check the spelling: the address ends with the chart's name; some registries hide what only users may see until they log in"
                    .to_string()
            }
            RegistryError::NoTags { .. } => {
                "no tag in it is a version such as 1.2.3; a chart under another tag is fetched as oci://HOST/PATH/CHART:TAG"
                    .to_string()
            }
            RegistryError::NotFound { reference } => {
                let name = reference.split(['@']).next().unwrap_or(reference);
                let slash = name.rfind('/').unwrap_or(0);
                let name = name.rfind(':').filter(|at| *at > slash).map_or(name, |at| &name[..at]);
                format!("`bowline search oci://{name}` lists the versions that are there")
            }
            RegistryError::Refused { what, .. } if what == LOG_IN => {
                "check the user name and the password; nothing was kept".to_string()
            }
            RegistryError::Refused { host, status: 401, .. } => {
                format!("log in: bowline registry login {host}")
            }
            RegistryError::Refused { .. } => {
                "ask the registry's owner for the right to do that, or log in as somebody else".to_string()
            }
            RegistryError::Status { status: 429, .. } => {
                "the registry limits how much may be asked for: wait, or log in".to_string()
            }
            RegistryError::Status { status: 413, .. } => {
                "the registry, or a proxy before it, takes no uploads of this size".to_string()
            }
            RegistryError::WrongDigest { .. } | RegistryError::WrongSize { .. } => {
                "the registry, or a mirror of it, holds a damaged copy; try again, and tell its owner"
                    .to_string()
            }
            RegistryError::NoAlias { name, candidates, .. } => {
                match crate::diag::did_you_mean(name, candidates.iter().map(String::as_str)) {
                    Some(best) => format!("did you mean `{best}`?"),
                    None => "write the address in full: oci://HOST/PATH".to_string(),
                }
            }
            RegistryError::Settings { meant: Some(meant), .. } => format!("did you mean `{meant}`?"),
            RegistryError::PushFolder { path } => format!("pack it first: bowline package {path}"),
            RegistryError::HelperProcess { .. } | RegistryError::Helper { .. } => {
                "it is named in the file with the credentials, under credHelpers or credsStore".to_string()
            }
            _ => return Vec::new(),
        };
        vec![hint]
    }

    fn diagnostic(&self) -> Option<&Diagnostic> {
        match self {
            RegistryError::Chart(error) => error.diagnostic(),
            _ => None,
        }
    }
}
