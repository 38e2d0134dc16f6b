//! What a served folder holds at the moment.
//!
//! The folder is listed at most once a second, when somebody asks; names, sizes and times tell whether anything changed,
//! and only archives that did are read again. While one thread brings the picture up to date, the others answer from the old one.
//!
//! Invariant: a [`Snapshot`] never changes, so one answer is of one piece.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};

use super::reply::Text;
use crate::diag::Diagnostic;
use crate::repo::RepoError;
use crate::repo::generate::{Archive, Created, archives, index_of};
use crate::repo::index::{Entry, INDEX_LIMIT, Index, Only};
use crate::sys::{fs, monotonic};

/// How long a listing of the folder counts as fresh.
const FRESH: Duration = Duration::from_secs(1);
/// Content type of JSON.
pub(super) const JSON: &str = "application/json; charset=utf-8";

/// The folder as it was when it was last looked at.
pub(super) struct Snapshot {
    /// Charts by name, versions newest first.
    pub(super) index: Index,
    /// `index.yaml` as it is sent.
    pub(super) index_yaml: Text,
    /// Archives by their path below the folder.
    pub(super) archives: BTreeMap<String, Archive>,
    /// What was left out.
    pub(super) warnings: Vec<Diagnostic>,
    stamp: Stamp,
    summary: OnceLock<Text>,
    charts: OnceLock<Text>,
}

/// Path, size and time of every file that matters.
type Stamp = Vec<(String, u64, i64, u32)>;

impl Snapshot {
    /// The list that the page shows: per chart its newest version.
    pub(super) fn summary(&self, name: &str, url: &str) -> &Text {
        self.summary.get_or_init(|| {
            let charts: Vec<Json> =
                self.index.entries.values().filter_map(|versions| summary_of(versions)).collect();
            let text =
                json!({ "name": name, "url": url, "generated": self.index.generated, "charts": charts });
            Text::new(JSON, text.to_string().into_bytes())
        })
    }

    /// Every version of every chart.
    pub(super) fn charts(&self) -> &Text {
        self.charts.get_or_init(|| {
            let all: BTreeMap<&str, Vec<Json>> = self
                .index
                .entries
                .iter()
                .map(|(name, versions)| (&**name, versions.iter().map(|entry| entry_json(entry)).collect()))
                .collect();
            Text::new(JSON, serde_json::to_vec(&all).unwrap_or_default())
        })
    }

    /// The archive of an entry: the one with its digest, else the one its first URL names.
    pub(super) fn archive_of(&self, entry: &Entry) -> Option<(&String, &Archive)> {
        let by_digest = |(_, archive): &(&String, &Archive)| archive.entry.digest == entry.digest;
        let file = |text: &str| {
            text.split(['?', '#']).next().and_then(|text| text.rsplit('/').next()).map(str::to_string)
        };
        let named = entry.urls.first().and_then(|url| file(url));
        self.archives
            .iter()
            .filter(|_| !entry.digest.is_empty())
            .find(by_digest)
            .or_else(|| self.archives.iter().find(|(path, _)| named.is_some() && file(path) == named))
    }
}

fn summary_of(versions: &[Arc<Entry>]) -> Option<Json> {
    // The newest stable version represents the chart; one that has none is represented by its newest.
    let shown = versions.iter().find(|entry| !entry.version.is_prerelease()).or(versions.first())?;
    let metadata = &shown.metadata;
    Some(json!({
        "name": metadata.name,
        "version": metadata.version,
        "appVersion": metadata.app_version,
        "description": metadata.description,
        "keywords": metadata.keywords,
        "deprecated": metadata.deprecated,
        "library": metadata.chart_type.as_deref() == Some("library"),
        "versions": versions.len(),
        "created": shown.created,
    }))
}

/// An entry as JSON, in the shape of the index.
pub(super) fn entry_json(entry: &Entry) -> Json {
    entry.to_value().ok().and_then(|value| serde_json::to_value(&value).ok()).unwrap_or(Json::Null)
}

/// The folder and the last look at it.
pub(super) struct Catalog {
    folder: PathBuf,
    url: String,
    current: Mutex<(Arc<Snapshot>, Instant)>,
    refreshing: Mutex<()>,
}

impl Catalog {
    /// Looks at the folder for the first time.
    ///
    /// # Errors
    /// It is no folder, or cannot be listed.
    pub(super) fn open(folder: PathBuf, url: String) -> Result<Self, RepoError> {
        if fs::kind(&folder) != fs::Kind::Folder {
            return Err(RepoError::NotAFolder { path: folder.display().to_string() });
        }
        let snapshot = look(&folder, &url, &BTreeMap::new(), None)?;
        let Some(snapshot) = snapshot else {
            return Err(RepoError::NotAFolder { path: folder.display().to_string() });
        };
        Ok(Catalog {
            folder,
            url,
            current: Mutex::new((Arc::new(snapshot), monotonic())),
            refreshing: Mutex::new(()),
        })
    }

    /// The folder as it is now, give or take a second. A folder that cannot be listed any more leaves the last picture.
    pub(super) fn current(&self) -> Arc<Snapshot> {
        let (last, at) = self.last();
        if at.elapsed() < FRESH {
            return last;
        }
        let Ok(_refreshing) = self.refreshing.try_lock() else { return last };
        let fresh = match look(&self.folder, &self.url, &last.archives, Some(&last.stamp)) {
            Ok(Some(snapshot)) => Arc::new(snapshot),
            Ok(None) | Err(_) => last,
        };
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        *current = (Arc::clone(&fresh), monotonic());
        fresh
    }

    fn last(&self) -> (Arc<Snapshot>, Instant) {
        self.current.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The folder.
    pub(super) fn folder(&self) -> &std::path::Path {
        &self.folder
    }
}

/// Looks at the folder; `None` when it is as it was.
fn look(
    folder: &std::path::Path,
    url: &str,
    known: &BTreeMap<String, Archive>,
    before: Option<&Stamp>,
) -> Result<Option<Snapshot>, RepoError> {
    let found = archives(folder)?;
    let mut stamp: Stamp = found
        .iter()
        .map(|file| (file.relative.clone(), file.size, file.modified, file.modified_nanos))
        .collect();
    let written = folder.join("index.yaml");
    stamp.extend(
        fs::stamp(&written).map(|(size, seconds, nanos)| ("index.yaml".to_string(), size, seconds, nanos)),
    );
    if before == Some(&stamp) {
        return Ok(None);
    }
    let mut all = index_of(found, url, &Created::Modified, known);
    let bytes = match fs::read(&written, INDEX_LIMIT) {
        Ok(bytes) => {
            match Index::parse(&bytes, "index.yaml", Only::All) {
                Ok(loaded) => {
                    all.index = loaded.index;
                    all.warnings.extend(loaded.warnings);
                }
                Err(error) => all.warnings.push(Diagnostic::warning(format!("index.yaml: {error}"))),
            }
            bytes
        }
        Err(_) => all.index.to_yaml()?.into_bytes(),
    };
    Ok(Some(Snapshot {
        index_yaml: Text::new("application/yaml; charset=utf-8", bytes),
        index: all.index,
        archives: all.archives,
        warnings: all.warnings,
        stamp,
        summary: OnceLock::new(),
        charts: OnceLock::new(),
    }))
}
