//! `repositories.yaml`: the repositories that the user knows by name.
//!
//! ```yaml
//! apiVersion: ""
//! generated: "0001-01-01T00:00:00Z"
//! repositories:
//! - {caFile, certFile, insecure_skip_tls_verify, keyFile, name, pass_credentials_all, password, url, username}
//! ```
//!
//! Invariant: the file is changed under a lock that other processes (Helm among them) heed, is replaced in one step,
//! and is readable by its owner alone.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;

use super::update::{IndexDownload, download_index};
use super::{RepoError, write};
use crate::data::{Map, Value};
use crate::diag::{Diagnostic, SourceFile, Span};
use crate::sys::http::{Credentials, HttpOptions};
use crate::sys::secret::redact_url;
use crate::sys::{Host, Secret, fs};

/// Largest `repositories.yaml`, in bytes.
const FILE_LIMIT: u64 = 16 << 20;
/// How long another process may hold the lock (Helm's number).
const LOCK_PATIENCE: Duration = Duration::from_secs(30);
/// Go's zero time, which Helm writes into a file that `repo add` makes.
const NEVER: &str = "0001-01-01T00:00:00Z";
/// Repositories that were switched off, and what replaced them.
const RETIRED: [(&str, &str); 2] = [
    ("//kubernetes-charts.storage.googleapis.com", "https://charts.helm.sh/stable"),
    ("//kubernetes-charts-incubator.storage.googleapis.com", "https://charts.helm.sh/incubator"),
];

/// Where the files of repositories and registries are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepoPaths {
    /// `repositories.yaml`.
    pub config: PathBuf,
    /// The folder of cached indexes.
    pub cache: PathBuf,
    /// The folder of downloaded archives, named by their digest.
    pub content: PathBuf,
    /// The file with the credentials for OCI registries.
    pub credentials: PathBuf,
    /// `registries.yaml`: mirrors and aliases of OCI registries.
    pub registries: PathBuf,
}

impl RepoPaths {
    /// The host's folders; `BOWLINE_REPOSITORY_CONFIG`, `BOWLINE_REPOSITORY_CACHE` and `BOWLINE_REGISTRY_CONFIG` replace
    /// what they name.
    pub fn of(host: &Host) -> Self {
        let set = |name: &str| host.var(name).map(PathBuf::from);
        let config =
            set("BOWLINE_REPOSITORY_CONFIG").unwrap_or_else(|| host.dirs.config.join("repositories.yaml"));
        RepoPaths {
            // Beside the file that it belongs to, wherever that is.
            registries: config.with_file_name("registries.yaml"),
            config,
            cache: set("BOWLINE_REPOSITORY_CACHE").unwrap_or_else(|| host.dirs.cache.join("repository")),
            content: host.dirs.cache.join("content"),
            credentials: set("BOWLINE_REGISTRY_CONFIG")
                .unwrap_or_else(|| host.dirs.config.join("registry").join("config.json")),
        }
    }

    /// The cached index of a repository, as it was served.
    pub fn index(&self, name: &str) -> PathBuf {
        self.cache.join(format!("{name}-index.yaml"))
    }

    /// The names of a repository's charts, one a line.
    pub fn charts(&self, name: &str) -> PathBuf {
        self.cache.join(format!("{name}-charts.txt"))
    }

    /// The cached index in the form that is read in a moment.
    pub(super) fn compact_index(&self, name: &str) -> PathBuf {
        self.cache.join(format!("{name}-index.bowline"))
    }

    /// What the server called the cached index.
    pub(super) fn etag(&self, name: &str) -> PathBuf {
        self.cache.join(format!("{name}-index.etag"))
    }

    fn lock(&self) -> PathBuf {
        self.config.with_extension("lock")
    }
}

/// A repository that has a name.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Repository {
    /// The name.
    pub name: String,
    /// Where it is.
    pub url: String,
    /// User name of basic authentication; empty for none.
    pub username: String,
    /// Its password.
    pub password: Secret,
    /// PEM file of the client's certificate; empty for none.
    pub cert_file: String,
    /// PEM file of the client's key; empty for none.
    pub key_file: String,
    /// PEM file of authorities; empty for those of the system.
    pub ca_file: String,
    /// Accept any certificate.
    pub insecure_skip_tls_verify: bool,
    /// Send the credentials to every host that the index names.
    pub pass_credentials_all: bool,
}

impl Repository {
    /// How to connect to it.
    pub fn http_options(&self, host: &Host) -> HttpOptions {
        let file = |path: &str| Some(path).filter(|path| !path.is_empty()).map(|path| host.resolve(path));
        HttpOptions {
            ca_file: file(&self.ca_file),
            cert_file: file(&self.cert_file),
            key_file: file(&self.key_file),
            insecure_skip_tls_verify: self.insecure_skip_tls_verify,
            ..HttpOptions::new(host)
        }
    }

    /// Who asks, when the repository wants to know.
    pub fn credentials(&self) -> Option<Credentials> {
        let given = !self.username.is_empty() || !self.password.is_empty();
        given.then(|| Credentials { username: self.username.clone(), password: self.password.clone() })
    }

    fn to_value(&self) -> Value {
        let text = |text: &str| Value::str(text);
        Value::from_iter([
            ("caFile", text(&self.ca_file)),
            ("certFile", text(&self.cert_file)),
            ("insecure_skip_tls_verify", Value::Bool(self.insecure_skip_tls_verify)),
            ("keyFile", text(&self.key_file)),
            ("name", text(&self.name)),
            ("pass_credentials_all", Value::Bool(self.pass_credentials_all)),
            ("password", text(self.password.reveal())),
            ("url", text(&self.url)),
            ("username", text(&self.username)),
        ])
    }
}

/// The content of `repositories.yaml`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepoFile {
    /// As written; Helm leaves it empty.
    pub api_version: String,
    /// As written; Helm leaves it at the zero time.
    pub generated: String,
    /// The repositories in the order in which they were added.
    pub repositories: Vec<Repository>,
}

impl Default for RepoFile {
    fn default() -> Self {
        RepoFile { api_version: String::new(), generated: NEVER.to_string(), repositories: Vec::new() }
    }
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase", expecting = "a list of repositories (a map)")]
struct RawFile {
    api_version: Option<String>,
    generated: Option<String>,
    repositories: Option<Vec<Option<RawRepository>>>,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase", expecting = "a repository (a map)")]
struct RawRepository {
    name: Option<String>,
    url: Option<String>,
    username: Option<String>,
    password: Option<String>,
    cert_file: Option<String>,
    key_file: Option<String>,
    ca_file: Option<String>,
    #[serde(rename = "insecure_skip_tls_verify")]
    insecure_skip_tls_verify: Option<bool>,
    #[serde(rename = "pass_credentials_all")]
    pass_credentials_all: Option<bool>,
}

impl RepoFile {
    /// Reads the file; one that is not there is empty.
    ///
    /// # Errors
    /// The file cannot be read or has another shape.
    pub fn load(path: &Path) -> Result<Self, RepoError> {
        let text = match fs::read_text(path, FILE_LIMIT) {
            Err(error) if error.is_not_found() => return Ok(RepoFile::default()),
            text => text?,
        };
        if text.trim().is_empty() {
            return Ok(RepoFile::default());
        }
        let raw: RawFile = serde_yaml::from_str(&text).map_err(|error| {
            // The text holds passwords, so the diagnostic points to a place without showing it.
            let line = error.location().map_or(1, |place| place.line());
            let file = SourceFile::new(path.display().to_string(), "\n".repeat(line.saturating_sub(1)));
            let message = format!("cannot read repositories: {error}");
            RepoError::Syntax(Box::new(Diagnostic::error(message).at(&file, Span::at(file.text().len()))))
        })?;
        let repositories = raw.repositories.unwrap_or_default().into_iter().flatten().map(|raw| Repository {
            name: raw.name.unwrap_or_default(),
            url: raw.url.unwrap_or_default(),
            username: raw.username.unwrap_or_default(),
            password: Secret::new(raw.password.unwrap_or_default()),
            cert_file: raw.cert_file.unwrap_or_default(),
            key_file: raw.key_file.unwrap_or_default(),
            ca_file: raw.ca_file.unwrap_or_default(),
            insecure_skip_tls_verify: raw.insecure_skip_tls_verify.unwrap_or_default(),
            pass_credentials_all: raw.pass_credentials_all.unwrap_or_default(),
        });
        Ok(RepoFile {
            api_version: raw.api_version.unwrap_or_default(),
            generated: raw.generated.unwrap_or_else(|| NEVER.to_string()),
            repositories: repositories.collect(),
        })
    }

    /// The repository of that name.
    pub fn get(&self, name: &str) -> Option<&Repository> {
        self.repositories.iter().find(|repository| repository.name == name)
    }

    /// The repository of that name, or the error that lists the others.
    ///
    /// # Errors
    /// There is none.
    pub fn require(&self, name: &str) -> Result<&Repository, RepoError> {
        self.get(name)
            .ok_or_else(|| RepoError::NoSuchRepository { name: name.to_string(), candidates: self.names() })
    }

    /// The names, in the order of the file.
    pub fn names(&self) -> Vec<String> {
        self.repositories.iter().map(|repository| repository.name.clone()).collect()
    }

    /// The content as written to the file: YAML, every key, sorted.
    ///
    /// # Errors
    /// Never for texts that YAML can hold.
    pub fn to_yaml(&self) -> Result<String, RepoError> {
        let list: Vec<Value> = self.repositories.iter().map(Repository::to_value).collect();
        let mut map = Map::new();
        map.insert("apiVersion".into(), Value::str(self.api_version.as_str()));
        map.insert("generated".into(), Value::str(self.generated.as_str()));
        map.insert("repositories".into(), Value::List(list));
        write::yaml("repositories.yaml", &Value::Map(map))
    }

    fn save(&self, path: &Path) -> Result<(), RepoError> {
        Ok(fs::write_atomic(path, self.to_yaml()?.as_bytes(), true)?)
    }
}

/// How to add a repository.
#[derive(Debug, Clone, Default)]
pub struct AddOptions {
    /// The repository with its name, URL and credentials.
    pub repository: Repository,
    /// Replace an entry of the same name.
    pub force_update: bool,
    /// Accept the URLs that were switched off.
    pub allow_deprecated_repos: bool,
    /// Longest time for fetching the index; `None` for 120 s.
    pub timeout: Option<Duration>,
}

/// What [`add`] did. Its text is Helm's.
#[derive(Debug)]
#[non_exhaustive]
pub enum Added {
    /// The repository was written to the file.
    Added {
        /// Its name.
        name: String,
        /// What its index held.
        index: IndexDownload,
    },
    /// It was there already, just so.
    Unchanged {
        /// Its name.
        name: String,
    },
}

impl fmt::Display for Added {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Added::Added { name, .. } => write!(f, "{name:?} has been added to your repositories"),
            Added::Unchanged { name } => {
                write!(f, "{name:?} already exists with the same configuration, skipping")
            }
        }
    }
}

/// Adds a repository after fetching its index.
///
/// # Errors
/// The name cannot be used or is taken, the URL leads to no repository, or a file cannot be written.
pub fn add(host: &Host, paths: &RepoPaths, options: &AddOptions) -> Result<Added, RepoError> {
    let repository = &options.repository;
    let name = repository.name.clone();
    if !options.allow_deprecated_repos
        && let Some((_, instead)) = RETIRED.iter().find(|(old, _)| repository.url.contains(old))
    {
        return Err(RepoError::Retired { url: redact_url(&repository.url), instead });
    }
    check_name(&name)?;
    if let Some(present) = present(&RepoFile::load(&paths.config)?, options)? {
        return Ok(present);
    }
    let index = download_index(host, paths, repository, options.timeout).map_err(|error| match error {
        RepoError::Http(error @ crate::sys::http::HttpError::UnsupportedScheme { .. }) => {
            RepoError::Http(error)
        }
        source => RepoError::NotARepository { url: redact_url(&repository.url), source: Box::new(source) },
    })?;
    // The index came over the network; somebody else may have written the file meanwhile.
    let _lock = fs::lock(&paths.lock(), LOCK_PATIENCE)?;
    let mut file = RepoFile::load(&paths.config)?;
    if let Some(present) = present(&file, options)? {
        return Ok(present);
    }
    match file.repositories.iter_mut().find(|other| other.name == name) {
        Some(other) => *other = repository.clone(),
        None => file.repositories.push(repository.clone()),
    }
    file.save(&paths.config)?;
    Ok(Added::Added { name, index })
}

/// Whether the file has the repository already.
fn present(file: &RepoFile, options: &AddOptions) -> Result<Option<Added>, RepoError> {
    let name = &options.repository.name;
    match file.get(name) {
        Some(other) if !options.force_update => {
            if *other != options.repository {
                return Err(RepoError::NameTaken { name: name.clone() });
            }
            Ok(Some(Added::Unchanged { name: name.clone() }))
        }
        _ => Ok(None),
    }
}

/// A name becomes part of file names and of chart references.
fn check_name(name: &str) -> Result<(), RepoError> {
    if name.contains('/') {
        return Err(RepoError::NameWithSlash { name: name.to_string() });
    }
    if name.is_empty()
        || name == "."
        || name == ".."
        || name.contains(['\\', ':'])
        || name.contains(char::is_control)
    {
        return Err(RepoError::BadName { name: name.to_string() });
    }
    Ok(())
}

/// Forgets repositories, with their cached files. Names that come before an unknown one are gone, as in Helm.
///
/// Returns the names that were removed; Helm prints `"NAME" has been removed from your repositories` for each.
///
/// # Errors
/// There are no repositories, a name is none of them, or a file cannot be written.
pub fn remove(paths: &RepoPaths, names: &[String]) -> Result<Vec<String>, RepoError> {
    let _lock = fs::lock(&paths.lock(), LOCK_PATIENCE)?;
    let mut removed = Vec::new();
    for name in names {
        let mut file = RepoFile::load(&paths.config)?;
        if file.repositories.is_empty() {
            return Err(RepoError::NoneConfigured);
        }
        file.require(name)?;
        file.repositories.retain(|repository| repository.name != *name);
        file.save(&paths.config)?;
        // An entry of a file that somebody else wrote may have a name that leads out of the cache folder.
        if check_name(name).is_ok() {
            for cached in [paths.index(name), paths.charts(name), paths.compact_index(name), paths.etag(name)]
            {
                fs::remove_file(&cached)?;
            }
        }
        removed.push(name.clone());
    }
    Ok(removed)
}
