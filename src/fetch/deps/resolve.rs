//! Which version of which chart each dependency means.
//!
//! Invariant: no archive is fetched here; indexes come from the cache, each is read once, and of each only the charts that
//! are asked for. A registry is asked for its tags only when a version is a range.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use super::Parent;
use crate::chart::Dependency;
use crate::data::digest::sha256_hex;
use crate::data::version::{Constraint, Version};
use crate::fetch::{FetchContext, FetchError, FetchOptions, Unsatisfied, oci};
use crate::registry::{self, Client, Reference, RegistryError};
use crate::repo::RepoError;
use crate::repo::config::{RepoFile, Repository};
use crate::repo::index::{Entry, Only};
use crate::repo::update::cached;
use crate::sys::fs;
use crate::sys::secret::redact_url;

/// A dependency with the place to look for it.
pub(super) struct Sourced {
    /// The dependency, its repository written out as a URL.
    pub(super) dependency: Dependency,
    pub(super) place: Place,
}

/// Where a dependency is looked for.
pub(super) enum Place {
    /// In `charts/NAME`, where somebody put it.
    Vendored,
    /// In a folder of this machine.
    Folder { path: PathBuf, shown: String },
    /// In a registry, at this address.
    Registry { address: String },
    /// In a repository. One without a name has one made from its URL, for its cached index.
    Repository { repository: Box<Repository>, managed: bool },
}

/// A dependency with its version.
pub(super) struct Resolved<'a> {
    pub(super) source: &'a Sourced,
    pub(super) version: String,
    /// The entry of the index, for charts of repositories.
    pub(super) entry: Option<Arc<Entry>>,
    /// The place with its tag, for charts of registries.
    pub(super) reference: Option<Reference>,
    /// Whether a lock names the version.
    pub(super) locked: bool,
}

/// Where versions are from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Choice {
    /// Ranges of Chart.yaml: the newest that each allows.
    Newest,
    /// A lock: these very versions.
    Locked,
}

impl Resolved<'_> {
    /// What the lock says of it.
    pub(super) fn locked(&self) -> Dependency {
        Dependency {
            name: self.source.dependency.name.clone(),
            repository: self.source.dependency.repository.clone(),
            version: self.version.clone(),
            ..Dependency::default()
        }
    }
}

/// A repository as it may be shown: somebody may have written a password into it.
pub(super) fn shown(repository: &str) -> String {
    // Names and paths are no URLs, and an @ is a part of them.
    let is_url = repository.contains("://") && !repository.starts_with("file://");
    if is_url { redact_url(repository) } else { repository.to_string() }
}

/// The configured repository at a URL; a slash at the end makes no difference.
pub(super) fn configured<'a>(url: &str, file: &'a RepoFile) -> Option<&'a Repository> {
    let same = |repository: &&Repository| repository.url.trim_end_matches('/') == url.trim_end_matches('/');
    file.repositories.iter().find(same)
}

/// Writes `@name` and `alias:name` out as the URL of that repository, or of that place in a registry.
pub(super) fn name_repositories(
    dependencies: &mut [Dependency],
    file: &RepoFile,
    context: &FetchContext<'_>,
) -> Result<(), FetchError> {
    let mut missing = Vec::new();
    for dependency in dependencies {
        let repository = &dependency.repository;
        let alias = repository.strip_prefix('@').or_else(|| repository.strip_prefix("alias:"));
        match alias.map(|name| file.get(name)) {
            Some(Some(known)) => dependency.repository = known.url.clone(),
            None if repository.is_empty() || repository.contains("://") => {}
            Some(None) => match oci::alias(alias.unwrap_or_default(), context)? {
                Some(address) => dependency.repository = address,
                None => missing.push(repository.clone()),
            },
            None => missing.push(repository.clone()),
        }
    }
    if missing.is_empty() { Ok(()) } else { Err(FetchError::NoDefinition { names: missing }) }
}

/// Finds the place of each dependency.
pub(super) fn sources(
    dependencies: &[Dependency],
    file: &RepoFile,
    parent: &Parent,
    context: &FetchContext<'_>,
) -> Result<Vec<Sourced>, FetchError> {
    let mut dependencies = dependencies.to_vec();
    name_repositories(&mut dependencies, file, context)?;
    dependencies
        .into_iter()
        .map(|dependency| {
            let url = dependency.repository.as_str();
            let place = if url.is_empty() {
                Place::Vendored
            } else if url.starts_with("file://") {
                let (path, shown) = parent.local(url);
                if fs::kind(&path) != fs::Kind::Folder {
                    return Err(FetchError::NoDirectory { path: shown });
                }
                Place::Folder { path, shown }
            } else if url.starts_with("oci://") {
                Place::Registry { address: format!("{}/{}", url.trim_end_matches('/'), dependency.name) }
            } else if let Some(known) = configured(url, file) {
                Place::Repository { repository: Box::new(known.clone()), managed: true }
            } else {
                let name = format!("helm-manager-{}", sha256_hex(url));
                let repository = Repository { name, url: url.to_string(), ..Repository::default() };
                Place::Repository { repository: Box::new(repository), managed: false }
            };
            Ok(Sourced { dependency, place })
        })
        .collect()
}

/// The repositories without a name, each once.
pub(super) fn unmanaged(sources: &[Sourced]) -> Vec<Repository> {
    let mut found: Vec<Repository> = Vec::new();
    for source in sources {
        if let Place::Repository { repository, managed: false } = &source.place
            && !found.contains(repository)
        {
            found.push((**repository).clone());
        }
    }
    found
}

/// Chooses the version of each dependency.
pub(super) fn versions<'a>(
    sources: &'a [Sourced],
    choice: Choice,
    parent: &Parent,
    options: &FetchOptions,
    context: &FetchContext<'_>,
) -> Result<Vec<Resolved<'a>>, FetchError> {
    let mut resolved = Vec::new();
    let mut missing = Vec::new();
    let mut client = None;
    // Keyed by repository and chart: an index in which two charts are asked for is cut twice, but parsed once each.
    let mut lists: BTreeMap<(String, String), Vec<Arc<Entry>>> = BTreeMap::new();
    for source in sources {
        let dependency = &source.dependency;
        let constraint = if dependency.version.is_empty() { "*" } else { &dependency.version };
        let constraint = Constraint::parse(constraint).map_err(|error| FetchError::BadDependencyVersion {
            chart: dependency.name.clone(),
            source: error,
        })?;
        let locked = choice == Choice::Locked;
        let found = |version: String| Resolved { source, version, entry: None, reference: None, locked };
        let chosen = match &source.place {
            Place::Vendored => {
                let shown = format!("{}/charts/{}", parent.shown, dependency.name);
                let path = fs::safe_join(&parent.charts(), &dependency.name)?;
                local_version(&path, &shown, &constraint, context)?.map(found)
            }
            Place::Folder { path, shown } => local_version(path, shown, &constraint, context)?.map(found),
            Place::Registry { address } => {
                let client = match &client {
                    Some(client) => client,
                    None => client.insert(oci::client(options, context)?),
                };
                in_registry(client, address, &dependency.version)?
                    .map(|(version, reference)| Resolved { reference: Some(reference), ..found(version) })
            }
            Place::Repository { repository, .. } => {
                let key = (repository.name.clone(), dependency.name.clone());
                let list = match lists.entry(key) {
                    std::collections::btree_map::Entry::Occupied(known) => known.into_mut(),
                    std::collections::btree_map::Entry::Vacant(vacant) => {
                        vacant.insert(versions_of(repository, &dependency.name, context)?)
                    }
                };
                choose(list, choice, &dependency.version, &constraint).map(|entry| Resolved {
                    entry: Some(Arc::clone(entry)),
                    ..found(entry.metadata.version.clone())
                })
            }
        };
        match chosen {
            Some(chosen) => resolved.push(chosen),
            None => missing.push(Unsatisfied {
                name: dependency.name.clone(),
                repository: shown(&dependency.repository),
                version: dependency.version.clone(),
            }),
        }
    }
    if missing.is_empty() { Ok(resolved) } else { Err(FetchError::NoValidVersion { missing }) }
}

/// The version of a chart in a registry, and where it is.
fn in_registry(
    client: &Client<'_>,
    address: &str,
    request: &str,
) -> Result<Option<(String, Reference)>, FetchError> {
    match registry::choose(client, &Reference::parse(address)?, request) {
        Ok(chosen) => {
            let version = chosen.tag.as_deref().map(registry::version_of);
            Ok(Some((version.unwrap_or_else(|| request.to_string()), chosen)))
        }
        Err(RegistryError::NoVersion { .. } | RegistryError::NoTags { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// The version of a chart in a folder, if the constraint allows it.
fn local_version(
    path: &std::path::Path,
    shown: &str,
    constraint: &Constraint,
    context: &FetchContext<'_>,
) -> Result<Option<String>, FetchError> {
    if fs::kind(path) != fs::Kind::Folder {
        return Err(FetchError::NoDirectory { path: shown.to_string() });
    }
    let chart = Parent::open(&path.display().to_string(), context)?.chart;
    let version = &chart.metadata.version;
    let allowed = Version::parse(version).is_ok_and(|parsed| constraint.check(&parsed));
    Ok(allowed.then(|| version.clone()))
}

/// The versions of a chart in a cached index.
fn versions_of(
    repository: &Repository,
    chart: &str,
    context: &FetchContext<'_>,
) -> Result<Vec<Arc<Entry>>, FetchError> {
    let mut loaded =
        cached(context.paths, &repository.name, Only::Chart(chart)).map_err(|error| match error {
            RepoError::NotCached { source } => {
                FetchError::NoCachedIndex { repository: redact_url(&repository.url), source }
            }
            error => FetchError::Repo(error),
        })?;
    loaded.index.entries.remove(chart).ok_or_else(|| FetchError::NoSuchDependency {
        chart: chart.to_string(),
        url: redact_url(&repository.url),
    })
}

/// The newest version that the constraint allows; of equal ones the one with that very text. A locked one is the one with
/// that text wherever it stands. One without a URL is of no use.
fn choose<'a>(
    list: &'a [Arc<Entry>],
    choice: Choice,
    text: &str,
    constraint: &Constraint,
) -> Option<&'a Arc<Entry>> {
    let useful = || list.iter().filter(|entry| !entry.urls.is_empty());
    let same = useful().find(|entry| entry.metadata.version == text);
    let newest = useful().find(|entry| constraint.check(&entry.version));
    let wins = |same: &&Arc<Entry>| {
        choice == Choice::Locked || newest.is_some_and(|newest| newest.version == same.version)
    };
    same.filter(wins).or(newest)
}
