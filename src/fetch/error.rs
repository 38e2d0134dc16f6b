//! What can go wrong while getting a chart, in Helm's words where Helm has some.
//!
//! Invariant: URLs are shown without user information and query values.

use std::path::PathBuf;

use crate::chart::ChartError;
use crate::data::version::VersionError;
use crate::diag::{Diagnostic, Hint};
use crate::package::PackageError;
use crate::package::provenance::ProvenanceError;
use crate::registry::RegistryError;
use crate::repo::RepoError;
use crate::sys::fs::FsError;
use crate::sys::http::HttpError;

/// An error of the fetch module.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FetchError {
    /// A file cannot be read or written.
    #[error(transparent)]
    Fs(#[from] FsError),
    /// A request failed.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// A repository cannot be used.
    #[error(transparent)]
    Repo(#[from] RepoError),
    /// A registry cannot be used.
    #[error(transparent)]
    Registry(Box<RegistryError>),
    /// A chart cannot be read.
    #[error(transparent)]
    Chart(#[from] ChartError),
    /// A chart of a `file://` dependency cannot be packaged.
    #[error(transparent)]
    Package(#[from] PackageError),
    /// A name without a repository, and no such path.
    #[error("non-absolute URLs should be in form of repo_name/path_to_chart, got: {reference}")]
    NoRepository {
        /// The reference as given.
        reference: String,
    },
    /// The repository of a reference is not configured.
    #[error("repo {name} not found")]
    UnknownRepository {
        /// The name.
        name: String,
        /// The names that are configured.
        candidates: Vec<String>,
    },
    /// The cached index of a repository has no such chart or version.
    #[error(
        "chart {chart:?} matching {version} not found in {repository} index. (try 'helm repo update'): {source}"
    )]
    NotInIndex {
        /// The chart.
        chart: String,
        /// The version that was asked for.
        version: String,
        /// The repository.
        repository: String,
        /// What is missing.
        source: Box<RepoError>,
    },
    /// The repository of `--repo` has no such chart or version.
    #[error("chart {chart:?}{} not found in {url} repository", version_part(version))]
    NotInRepository {
        /// The chart.
        chart: String,
        /// The version that was asked for; empty for the newest.
        version: String,
        /// The repository as shown.
        url: String,
    },
    /// The entry of the index does not say where the archive is.
    #[error("chart {chart:?} has no downloadable URLs")]
    NoUrls {
        /// `repository/chart`.
        chart: String,
    },
    /// What came is not what the index promised.
    #[error("the digest of {url} is sha256:{found}, but the index says sha256:{expected}")]
    WrongDigest {
        /// Where it came from, as shown.
        url: String,
        /// The digest in the index.
        expected: String,
        /// The digest of what came.
        found: String,
    },
    /// A `--version` is no constraint.
    #[error(transparent)]
    BadVersion(#[from] VersionError),
    /// A dependency names a repository that is not configured.
    #[error("no repository definition for {}. Please add them via 'helm repo add'{}", names.join(", "), alias_note(names))]
    NoDefinition {
        /// The repositories as written in Chart.yaml.
        names: Vec<String>,
    },
    /// A lock names a repository that is not configured.
    #[error("no repository definition for {}. Please add the missing repos via 'helm repo add'", names.join(", "))]
    NoDefinitionOfLocked {
        /// The repositories as written in the lock.
        names: Vec<String>,
    },
    /// The folder of a vendored or `file://` dependency is not there.
    #[error("directory {path} not found")]
    NoDirectory {
        /// The folder.
        path: String,
    },
    /// The repository of a dependency does not have the chart.
    #[error("{chart} chart not found in repo {url}")]
    NoSuchDependency {
        /// The chart.
        chart: String,
        /// The repository as shown.
        url: String,
    },
    /// The index of a dependency's repository is not on this machine, and could not be fetched.
    #[error("no cached repository for {repository} found. (try 'helm repo update'): {source}")]
    NoCachedIndex {
        /// The repository as shown.
        repository: String,
        /// What happened to the cached file.
        source: FsError,
    },
    /// The constraint of a dependency cannot be read.
    #[error("dependency {chart:?} has an invalid version/constraint format: {source}")]
    BadDependencyVersion {
        /// The chart.
        chart: String,
        /// What is wrong.
        source: VersionError,
    },
    /// No version satisfies the constraints of some dependencies.
    #[error(
        "can't get a valid version for {} subchart(s): {}. Make sure a matching chart version exists in the repo, or change the version constraint in Chart.yaml",
        missing.len(),
        missing.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    )]
    NoValidVersion {
        /// The dependencies.
        missing: Vec<Unsatisfied>,
    },
    /// The lock was made for other dependencies than Chart.yaml asks for.
    #[error(
        "the lock file ({lock}) is out of sync with the dependencies file ({file}). Please update the dependencies with 'helm dependency update'"
    )]
    OutOfSync {
        /// `Chart.lock` or `requirements.lock`.
        lock: &'static str,
        /// `Chart.yaml` or `requirements.yaml`.
        file: &'static str,
    },
    /// A lock is demanded, and there is none.
    #[error("there is no {lock}, and --locked forbids to choose versions; nothing was changed")]
    NoLock {
        /// `Chart.lock` or `requirements.lock`.
        lock: &'static str,
    },
    /// A dependency cannot be downloaded.
    #[error("could not download {url}: {source}")]
    Download {
        /// The archive as shown.
        url: String,
        /// What happened.
        source: Box<FetchError>,
    },
    /// The lock is a link, which may lead to a file of somebody else.
    #[error("the {lock} file is a symlink to {target:?}")]
    LockIsLink {
        /// Name of the lock.
        lock: &'static str,
        /// Where it leads.
        target: PathBuf,
    },
    /// What is at a path that must be a folder is a file.
    #[error("{path:?} is not a directory")]
    NotADirectory {
        /// The path.
        path: String,
    },
}

impl From<RegistryError> for FetchError {
    fn from(error: RegistryError) -> Self {
        FetchError::Registry(Box::new(error))
    }
}

/// A dependency that no version satisfies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsatisfied {
    /// The chart.
    pub name: String,
    /// Its repository as written.
    pub repository: String,
    /// Its constraint.
    pub version: String,
}

impl std::fmt::Display for Unsatisfied {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?} (repository {:?}, version {:?})", self.name, self.repository, self.version)
    }
}

impl FetchError {
    /// The error about an archive that this one tells of.
    pub fn package_error(&self) -> Option<&PackageError> {
        match self {
            FetchError::Package(error) => Some(error),
            FetchError::Download { source, .. } => source.package_error(),
            _ => None,
        }
    }
}

impl From<ProvenanceError> for FetchError {
    fn from(error: ProvenanceError) -> Self {
        FetchError::Package(error.into())
    }
}

fn version_part(version: &str) -> String {
    if version.is_empty() { String::new() } else { format!(" version {version:?}") }
}

/// Helm explains aliases when a name stands where a URL or an alias belongs.
fn alias_note(names: &[String]) -> &'static str {
    let is_alias = |name: &String| name.starts_with('@') || name.starts_with("alias:");
    if names.iter().all(is_alias) {
        return "";
    }
    "\nNote that repositories must be URLs or aliases. For example, to refer to the \"example\"\nrepository, use \
     \"https://charts.example.com/\" or \"@example\" instead of\n\"example\". Don't forget to add the repo, too ('helm repo add')."
}

impl Hint for FetchError {
    fn hints(&self) -> Vec<String> {
        match self {
            FetchError::Fs(error) => error.hints(),
            FetchError::Http(error) => error.hints(),
            FetchError::Repo(error) => error.hints(),
            FetchError::Registry(error) => error.hints(),
            FetchError::NotInIndex { source, .. } => source.hints(),
            FetchError::Chart(error) => error.hints(),
            FetchError::Package(error) => error.hints(),
            FetchError::Download { source, .. } => source.hints(),
            FetchError::UnknownRepository { name, candidates } => {
                match crate::diag::did_you_mean(name, candidates.iter().map(String::as_str)) {
                    Some(best) => vec![format!("did you mean the repository `{best}`?")],
                    None => vec![format!("add it: bowline repo add {name} URL")],
                }
            }
            FetchError::NoRepository { reference } => {
                vec![format!("write ./{reference} for a folder, or REPOSITORY/{reference} for a chart of a repository")]
            }
            FetchError::NoLock { .. } => {
                vec!["make it with `bowline dependency update` and keep it with the chart".to_string()]
            }
            FetchError::WrongDigest { .. } => vec![
                "bring the index up to date with `bowline repo update`; if that does not help, the archive was replaced after it was indexed"
                    .to_string(),
            ],
            _ => Vec::new(),
        }
    }

    fn diagnostic(&self) -> Option<&Diagnostic> {
        match self {
            FetchError::Repo(error) => error.diagnostic(),
            FetchError::Registry(error) => error.diagnostic(),
            FetchError::NotInIndex { source, .. } => source.diagnostic(),
            FetchError::Chart(error) => error.diagnostic(),
            FetchError::Download { source, .. } => source.diagnostic(),
            _ => None,
        }
    }
}
