//! Brings the cached indexes up to date: `repo update`.
//!
//! Repositories are asked at the same time. Each answer is checked before it replaces the cached file, and its `ETag` is
//! kept beside it, so that an index that did not change is not sent again.
//!
//! Invariant: a cached index is always one that could be read; a failed update leaves the old one.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::RepoError;
use super::config::{RepoFile, RepoPaths, Repository};
use super::index::{INDEX_LIMIT, Index, Loaded, Only};
use super::index_cache::{self, Compact, Listing};
use crate::auth;
use crate::diag::Diagnostic;
use crate::sys::http::{self, Http, Request};
use crate::sys::secret::redact_url;
use crate::sys::{Host, fs, parallel};

/// Most repositories that are asked at the same time.
const AT_ONCE: usize = 8;
/// Largest `NAME-index.etag`, in bytes.
const ETAG_LIMIT: u64 = 64 << 10;

/// What came of fetching an index.
#[derive(Debug, Clone)]
pub struct IndexDownload {
    /// The server said that the cached copy is still right.
    pub unchanged: bool,
    /// A warning for each entry that was dropped.
    pub warnings: Vec<Diagnostic>,
}

/// What came of one repository.
#[derive(Debug)]
pub struct Outcome {
    /// The repository's name.
    pub name: String,
    /// Its URL as shown.
    pub url: String,
    /// What happened.
    pub result: Result<IndexDownload, RepoError>,
}

impl std::fmt::Display for Outcome {
    /// Helm's line, for success or failure.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.result {
            Ok(_) => write!(f, "...Successfully got an update from the {:?} chart repository", self.name),
            Err(error) => {
                let Outcome { name, url, .. } = self;
                write!(f, "...Unable to get an update from the {name:?} chart repository ({url}):\n\t{error}")
            }
        }
    }
}

/// Updates the named repositories, or all when no name is given. The outcomes stand in the order of the file.
///
/// A caller that must fail when one failed uses [`check`].
///
/// # Errors
/// There are no repositories, or a name is none of them. A repository that cannot be reached is no error here.
pub fn update(
    host: &Host,
    paths: &RepoPaths,
    names: &[String],
    timeout: Option<Duration>,
) -> Result<Vec<Outcome>, RepoError> {
    let chosen = choose(paths, names)?;
    Ok(update_all(host, paths, &chosen.iter().collect::<Vec<_>>(), timeout))
}

/// The named repositories, or all when no name is given, in the order of the file.
///
/// # Errors
/// There are no repositories, or a name is none of them.
pub fn choose(paths: &RepoPaths, names: &[String]) -> Result<Vec<Repository>, RepoError> {
    let file = RepoFile::load(&paths.config)?;
    if file.repositories.is_empty() {
        return Err(RepoError::NoneToUpdate);
    }
    if let Some(name) = names.iter().find(|name| file.get(name).is_none()) {
        return Err(RepoError::NoneMatching { name: name.clone(), candidates: file.names() });
    }
    let mut chosen = file.repositories;
    chosen.retain(|repository| names.is_empty() || names.contains(&repository.name));
    Ok(chosen)
}

/// Updates these repositories at the same time.
pub fn update_all(
    host: &Host,
    paths: &RepoPaths,
    repositories: &[&Repository],
    timeout: Option<Duration>,
) -> Vec<Outcome> {
    let results =
        parallel::map(repositories, AT_ONCE, |repository| download_index(host, paths, repository, timeout));
    let outcome = |(repository, result): (&&Repository, Result<IndexDownload, RepoError>)| Outcome {
        name: repository.name.clone(),
        url: redact_url(&repository.url),
        result,
    };
    repositories.iter().zip(results).map(outcome).collect()
}

/// Turns failed outcomes into Helm's error.
///
/// # Errors
/// At least one repository failed.
pub fn check(outcomes: &[Outcome]) -> Result<(), RepoError> {
    let failed: Vec<String> = outcomes
        .iter()
        .filter(|outcome| outcome.result.is_err())
        .map(|outcome| outcome.url.clone())
        .collect();
    if failed.is_empty() { Ok(()) } else { Err(RepoError::UpdateFailed { urls: failed }) }
}

/// What is known of the cached index: valid for this URL and a file of this size.
#[derive(Serialize, Deserialize)]
struct Known {
    url: String,
    etag: String,
    size: u64,
}

/// Fetches a repository's index into the cache.
///
/// # Errors
/// The repository cannot be reached, its index cannot be read, or a file cannot be written.
pub fn download_index(
    host: &Host,
    paths: &RepoPaths,
    repository: &Repository,
    timeout: Option<Duration>,
) -> Result<IndexDownload, RepoError> {
    let url = http::join(&repository.url, "index.yaml")?;
    let mut options = repository.http_options(host);
    options.total_timeout = timeout.unwrap_or(options.total_timeout);
    let name = &repository.name;
    let request = Request {
        credentials: repository.credentials(),
        pass_credentials: repository.pass_credentials_all,
        etag: known(paths, name, &url),
        compressed: true,
        ..Request::new(INDEX_LIMIT)
    };
    let answer = auth::get(host, &Http::new(options), &url, &request)?;
    if answer.status == 304 {
        return Ok(IndexDownload { unchanged: true, warnings: Vec::new() });
    }
    let shown = redact_url(&repository.url);
    let compact = Compact::parse(&answer.body, &redact_url(&url))?;
    let warnings = compact.dropped().iter().map(|dropped| dropped.warning(&shown)).collect();
    let charts = format!("{}\n", compact.names().collect::<Vec<_>>().join("\n"));
    // The note about the old file must not outlive it.
    fs::remove_file(&paths.etag(name))?;
    fs::write_atomic(&paths.index(name), &answer.body, false)?;
    fs::write_atomic(&paths.charts(name), charts.as_bytes(), false)?;
    compact.store(paths, name, &answer.body);
    if let Some(etag) = answer.etag() {
        let known = Known { url, etag: etag.to_string(), size: answer.body.len() as u64 };
        if let Ok(text) = serde_json::to_vec(&known) {
            fs::write_atomic(&paths.etag(name), &text, true)?;
        }
    }
    Ok(IndexDownload { unchanged: false, warnings })
}

/// The `ETag` of the cached index, when there is one that belongs to this URL.
fn known(paths: &RepoPaths, name: &str, url: &str) -> Option<String> {
    let text = fs::read(&paths.etag(name), ETAG_LIMIT).ok()?;
    let known: Known = serde_json::from_slice(&text).ok()?;
    (known.url == url && fs::size(&paths.index(name)) == Some(known.size)).then_some(known.etag)
}

/// Reads the cached index of a repository.
///
/// # Errors
/// It was never fetched, or cannot be read.
pub fn cached(paths: &RepoPaths, name: &str, only: Only<'_>) -> Result<Loaded, RepoError> {
    if let Only::Chart(chart) = only
        && let Some(loaded) = index_cache::chart(paths, name, chart)
    {
        return Ok(loaded);
    }
    Index::read(&paths.index(name), only).map_err(not_cached)
}

/// What searching needs of the cached index of a repository.
///
/// # Errors
/// It was never fetched, or cannot be read.
pub fn listing(paths: &RepoPaths, name: &str) -> Result<Listing, RepoError> {
    index_cache::listing(paths, name).map_err(not_cached)
}

fn not_cached(error: RepoError) -> RepoError {
    match error {
        RepoError::Fs(source) if source.is_not_found() => RepoError::NotCached { source },
        error => error,
    }
}
