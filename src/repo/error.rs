//! What can go wrong with a repository, in Helm's words where Helm has some.
//!
//! Invariant: no text shows a password; URLs are shown without user information and query values.

use crate::data::version::VersionError;
use crate::diag::{Diagnostic, Hint};
use crate::sys::fs::FsError;
use crate::sys::http::HttpError;
use crate::sys::tls::TlsError;

/// An error of the repository module.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RepoError {
    /// A file cannot be read or written.
    #[error(transparent)]
    Fs(#[from] FsError),
    /// A request failed.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// An index or `repositories.yaml` cannot be read.
    #[error("{0}")]
    Syntax(Box<Diagnostic>),
    /// An index without a byte.
    #[error("empty index.yaml file")]
    EmptyIndex,
    /// An index that does not say its version.
    #[error("no API version specified")]
    NoApiVersion,
    /// An index cannot be written down.
    #[error("cannot write {what}: {reason}")]
    Write {
        /// What was to be written.
        what: &'static str,
        /// Why not.
        reason: String,
    },
    /// What a URL leads to is no repository.
    #[error("looks like {url:?} is not a valid chart repository or cannot be reached: {source}")]
    NotARepository {
        /// The repository's URL, as shown.
        url: String,
        /// What happened.
        source: Box<RepoError>,
    },
    /// The index has no such chart.
    #[error("no chart name found")]
    NoSuchChart {
        /// What was asked for.
        name: String,
        /// The names that are there, for a suggestion.
        candidates: Vec<std::sync::Arc<str>>,
    },
    /// The index has the chart, but no version that will do.
    #[error("no chart version found for {name}-{version}")]
    NoSuchVersion {
        /// The chart.
        name: String,
        /// The version or constraint that was asked for.
        version: String,
        /// The newest versions there are.
        available: Vec<String>,
    },
    /// A version or constraint cannot be read.
    #[error("{0}")]
    BadConstraint(#[from] VersionError),
    /// A version constraint of a search cannot be read.
    #[error("an invalid version/constraint format: {0}")]
    BadSearchConstraint(VersionError),
    /// A regular expression cannot be read.
    #[error("error parsing regexp: {reason}")]
    BadPattern {
        /// What is wrong with it.
        reason: String,
    },
    /// A repository name with a slash.
    #[error("repository name ({name}) contains '/', please specify a different name without '/'")]
    NameWithSlash {
        /// The name.
        name: String,
    },
    /// A repository name that cannot be the name of a file.
    #[error("repository name ({name:?}) cannot be used as a file name")]
    BadName {
        /// The name.
        name: String,
    },
    /// Another repository has that name.
    #[error("repository name ({name}) already exists, please specify a different name")]
    NameTaken {
        /// The name.
        name: String,
    },
    /// A repository that was switched off years ago.
    #[error("repo {url:?} is no longer available; try {instead:?} instead")]
    Retired {
        /// The URL that was given.
        url: String,
        /// The one that still works.
        instead: &'static str,
    },
    /// No repository has that name.
    #[error("no repo named {name:?} found")]
    NoSuchRepository {
        /// The name.
        name: String,
        /// The names that are there.
        candidates: Vec<String>,
    },
    /// There is no repository at all.
    #[error("no repositories configured")]
    NoneConfigured,
    /// There is no repository to update.
    #[error("no repositories found. You must add one before updating")]
    NoneToUpdate,
    /// A name given to `update` is no repository.
    #[error("no repositories found matching '{name}'.  Nothing will be updated")]
    NoneMatching {
        /// The name.
        name: String,
        /// The names that are there.
        candidates: Vec<String>,
    },
    /// Some repositories could not be updated.
    #[error("failed to update the following repositories: [{}]", urls.join(" "))]
    UpdateFailed {
        /// Their URLs as shown.
        urls: Vec<String>,
    },
    /// A repository was added, but its index is not on this machine.
    #[error("no cached repo found. (try 'helm repo update'): {source}")]
    NotCached {
        /// What happened to the cache file.
        source: FsError,
    },
    /// The server cannot listen.
    #[error("cannot listen on {address}: {reason}")]
    Bind {
        /// The address that was asked for.
        address: String,
        /// The system's words.
        reason: String,
    },
    /// A file for TLS cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// A bucket does not answer, or says no.
    #[error("{bucket} {}: {reason}", if *reached { "refuses" } else { "cannot be reached" })]
    Bucket {
        /// Its address, `s3://BUCKET/PREFIX`.
        bucket: String,
        /// The words of the service, or of the system.
        reason: String,
        /// Whether anybody answered.
        reached: bool,
    },
    /// An object that is served cannot be had.
    #[error("{reason}")]
    Object {
        /// What happened.
        reason: String,
        /// Whether it may well be had a moment later.
        passing: bool,
    },
    /// More tenants than a server can have.
    #[error("there are {most} tenants already, which is as many as one server takes")]
    TooManyTenants {
        /// The limit.
        most: usize,
    },
    /// The system gives no random bytes.
    #[error("the system gives no random bytes: {reason}")]
    NoRandomness {
        /// The system's words.
        reason: String,
    },
    /// A key for tokens cannot be made or used.
    #[error("{path}: {reason}")]
    TokenKey {
        /// The file.
        path: String,
        /// What is wrong, without anything of the key.
        reason: String,
    },
    /// A file with users, rules or keys cannot be used.
    #[error("{path}: {reason}")]
    BadAccessFile {
        /// The file.
        path: String,
        /// What is wrong with it, and where.
        reason: String,
        /// What such a file looks like.
        hint: &'static str,
    },
    /// What is to be served is no folder.
    #[error("{path:?} is not a folder")]
    NotAFolder {
        /// The path.
        path: String,
    },
}

impl Hint for RepoError {
    fn hints(&self) -> Vec<String> {
        match self {
            RepoError::Fs(error) => error.hints(),
            RepoError::Http(error) => error.hints(),
            RepoError::Tls(error) => error.hints(),
            RepoError::NotARepository { source, .. } => {
                let hints = source.hints();
                if hints.is_empty() { no_repository(source) } else { hints }
            }
            RepoError::Syntax(diagnostic) => diagnostic.hints.clone(),
            RepoError::NoSuchChart { name, candidates } => {
                suggestion(name, candidates.iter().map(|candidate| &**candidate))
            }
            RepoError::NoSuchRepository { name, candidates }
            | RepoError::NoneMatching { name, candidates } => {
                suggestion(name, candidates.iter().map(String::as_str))
            }
            RepoError::NoSuchVersion { available, .. } if !available.is_empty() => {
                vec![format!("the newest versions are {}", available.join(", "))]
            }
            RepoError::NoneConfigured | RepoError::NoneToUpdate => {
                vec!["add one: bowline repo add NAME URL".to_string()]
            }
            RepoError::NotCached { .. } => vec!["fetch it: bowline repo update".to_string()],
            RepoError::TokenKey { .. } => {
                vec![
                    "the file has a private key in PEM form (RSA of 2048 bits or more, ECDSA over P-256, or Ed25519), or is \
                     not there yet and is then made"
                        .to_string(),
                ]
            }
            RepoError::BadAccessFile { hint, .. } => vec![(*hint).to_string()],
            RepoError::Bucket { reached: false, .. } => {
                vec!["check --s3-endpoint, or AWS_ENDPOINT_URL, and that the service runs".to_string()]
            }
            RepoError::Bucket { .. } => vec![
                "credentials come from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, the region from --s3-region or AWS_REGION"
                    .to_string(),
            ],
            RepoError::NameTaken { .. } => vec!["replace the entry with --force-update".to_string()],
            RepoError::Bind { .. } => {
                vec![
                    "choose another address with --address, such as 127.0.0.1:0 for any free port"
                        .to_string(),
                ]
            }
            _ => Vec::new(),
        }
    }

    fn diagnostic(&self) -> Option<&Diagnostic> {
        match self {
            RepoError::Syntax(diagnostic) => Some(diagnostic),
            RepoError::NotARepository { source, .. } => source.diagnostic(),
            _ => None,
        }
    }
}

/// What to do about an address that does not answer as a repository does.
fn no_repository(source: &RepoError) -> Vec<String> {
    let hint = match source {
        RepoError::Http(HttpError::Status { status: 500.., .. }) => {
            "the server failed: try again later, or tell those who run it"
        }
        RepoError::Http(HttpError::Status { .. }) => {
            "a chart repository has an index.yaml right below its address: check the URL, the folder at its end too"
        }
        RepoError::Http(_) => return Vec::new(),
        _ => {
            "what the address answers with is no index of charts: check the URL, and whether it wants a login"
        }
    };
    vec![hint.to_string()]
}

fn suggestion<'a>(name: &str, candidates: impl Iterator<Item = &'a str>) -> Vec<String> {
    crate::diag::did_you_mean(name, candidates)
        .map(|best| format!("did you mean `{best}`?"))
        .into_iter()
        .collect()
}
