//! `index.yaml`: what a repository offers.
//!
//! ```yaml
//! apiVersion: v1
//! entries:
//!   NAME:
//!   - {name, version, urls, created, digest, and the other fields of Chart.yaml}
//! generated: "2026-01-01T00:00:00Z"
//! ```
//!
//! An index is read as JSON when it is JSON, else as YAML. A YAML index is cut into one piece per chart
//! (`index/split.rs`), so that asking for one chart parses one chart, and reading all of them uses all processors.
//! Who wants something of every chart takes it chart by chart (`scan`): the entries of one chart are dropped before
//! those of the next are read, so that memory grows with the text and not with what it says.
//!
//! Invariant: in a loaded [`Index`] every entry has passed the checks, and the versions of a chart stand newest first.

mod block;
mod entry;
mod json;
mod merge;
mod quick;
mod split;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use serde::Deserialize;

use super::RepoError;
use crate::data::version::{Constraint, Version};
use crate::data::{Value, from_value, yaml};
use crate::diag::{Diagnostic, Hint, SourceFile, Span};
use crate::sys::{fs, parallel};

pub use entry::Entry;
use entry::Raw;

/// Largest index, in bytes.
pub const INDEX_LIMIT: u64 = 100 << 20;
/// Texts below this size are not worth a second thread.
const PARALLEL_FROM: usize = 256 << 10;
/// Deepest nesting of brackets that the fast parser gets to see.
const DEEP: usize = 64;

/// The charts of a repository.
#[derive(Debug, Clone, Default)]
pub struct Index {
    /// `v1`.
    pub api_version: String,
    /// When it was made, RFC 3339 as written; empty when unknown.
    pub generated: String,
    /// Per chart its versions, newest first. After [`Only::Chart`] the other charts have none.
    pub entries: BTreeMap<Arc<str>, Vec<Arc<Entry>>>,
}

/// How much of an index is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Only<'a> {
    /// Every chart.
    All,
    /// One chart; of the others the names.
    Chart(&'a str),
}

/// An index, and what was left out of it.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The index.
    pub index: Index,
    /// A warning for each entry that was dropped.
    pub warnings: Vec<Diagnostic>,
}

/// A version found by [`Index::find`].
#[derive(Debug, Clone)]
pub struct Found {
    /// The entry.
    pub entry: Arc<Entry>,
    /// `false` when an exact version was asked for and only a close one is there; Helm then warns
    /// `unable to find exact version requested; falling back to closest available version`.
    pub exact: bool,
}

/// The document without its charts.
#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct Head {
    api_version: Option<String>,
    generated: Option<String>,
}

/// The list of one chart, as parsed.
type RawList = Vec<Option<Raw>>;

/// Checked entries, and what is told of the others.
type Checked = (Vec<Arc<Entry>>, Vec<Dropped>);

/// Most entries of one chart that are told of one by one when they are dropped.
const MOST_TOLD: usize = 100;

/// An entry that did not pass the checks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Dropped {
    /// Its chart, by the key in the index.
    pub(super) chart: String,
    /// Its version as written; empty when unknown.
    pub(super) version: String,
    /// What is wrong with it.
    pub(super) reason: String,
}

impl Dropped {
    /// Helm's sentence. `source` is the path or URL of the index.
    pub(super) fn warning(&self, source: &str) -> Diagnostic {
        let Dropped { chart, version, reason } = self;
        let version = if version.is_empty() { String::new() } else { format!(" version {version:?}") };
        Diagnostic::warning(format!(
            "skipping loading invalid entry for chart {chart:?}{version} from {source}: {reason}"
        ))
    }
}

/// What was made of each chart of an index.
pub(super) struct Scanned<T> {
    pub(super) api_version: String,
    pub(super) generated: String,
    /// By name.
    pub(super) charts: BTreeMap<Arc<str>, T>,
    pub(super) dropped: Vec<Dropped>,
}

impl<T> Scanned<T> {
    fn of(head: Head) -> Self {
        Scanned {
            api_version: head.api_version.unwrap_or_default(),
            generated: head.generated.unwrap_or_default(),
            charts: BTreeMap::new(),
            dropped: Vec::new(),
        }
    }
}

/// Reads an index chart by chart: `make` gets the name of each with its checked versions, newest first, and what was
/// dropped. Several threads call it at once. `source` and the errors are those of [`Index::parse`].
pub(super) fn scan<T: Send>(
    bytes: &[u8],
    source: &str,
    make: &(impl Fn(&str, Vec<Arc<Entry>>, &[Dropped]) -> T + Sync),
) -> Result<Scanned<T>, RepoError> {
    scan_only(bytes, source, Only::All, make)
}

fn scan_only<T: Send>(
    bytes: &[u8],
    source: &str,
    only: Only<'_>,
    make: &(impl Fn(&str, Vec<Arc<Entry>>, &[Dropped]) -> T + Sync),
) -> Result<Scanned<T>, RepoError> {
    // The check alone is many times faster than the replacing, which looks at every character.
    let text = std::str::from_utf8(bytes).map_or_else(|_| String::from_utf8_lossy(bytes), Cow::Borrowed);
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    if text.trim().is_empty() {
        return Err(RepoError::EmptyIndex);
    }
    let scanned = match json::scan(text, only, make) {
        Some(scanned) => scanned,
        None => match pieces(text, only, make) {
            Some(scanned) => scanned,
            None => whole(text, source, make)?,
        },
    };
    if scanned.api_version.is_empty() {
        return Err(RepoError::NoApiVersion);
    }
    Ok(scanned)
}

impl Index {
    /// Reads an index file.
    ///
    /// # Errors
    /// The file cannot be read or is larger than [`INDEX_LIMIT`], or as [`Index::parse`].
    pub fn read(path: &Path, only: Only<'_>) -> Result<Loaded, RepoError> {
        Self::parse(&fs::read(path, INDEX_LIMIT)?, &path.display().to_string(), only)
    }

    /// Reads an index.
    ///
    /// `source` is the path or URL that warnings and errors name.
    ///
    /// # Errors
    /// The text is empty, is neither JSON nor YAML, has another shape, or does not say its `apiVersion`. Entries that
    /// do not pass the checks are no error: they are left out with a warning.
    pub fn parse(bytes: &[u8], source: &str, only: Only<'_>) -> Result<Loaded, RepoError> {
        let scanned = scan_only(bytes, source, only, &|_, versions, _| versions)?;
        let index =
            Index { api_version: scanned.api_version, generated: scanned.generated, entries: scanned.charts };
        let warnings = scanned.dropped.iter().map(|dropped| dropped.warning(source)).collect();
        Ok(Loaded { index, warnings })
    }

    /// The version of a chart that a request means.
    ///
    /// An empty request means the newest stable version. Otherwise a version that is spelled exactly so wins, else the
    /// newest that satisfies the request as a constraint. Prereleases count only when the constraint has one.
    ///
    /// # Errors
    /// The request is no constraint, or nothing satisfies it.
    pub fn find(&self, name: &str, request: &str) -> Result<Found, RepoError> {
        let Some(versions) = self.entries.get(name) else {
            let candidates = self.entries.keys().cloned().collect();
            return Err(RepoError::NoSuchChart { name: name.to_string(), candidates });
        };
        let constraint = Constraint::parse(if request.is_empty() { "*" } else { request })?;
        let same = |entry: &&Arc<Entry>| !request.is_empty() && entry.metadata.version == request;
        if let Some(entry) = versions.iter().find(same) {
            return Ok(Found { entry: Arc::clone(entry), exact: true });
        }
        match versions.iter().find(|entry| constraint.check(&entry.version)) {
            Some(entry) => Ok(Found {
                entry: Arc::clone(entry),
                exact: request.is_empty() || Version::parse(request).is_err(),
            }),
            None => Err(RepoError::NoSuchVersion {
                name: name.to_string(),
                version: request.to_string(),
                available: versions.iter().take(3).map(|entry| entry.metadata.version.clone()).collect(),
            }),
        }
    }

    /// The index without its charts.
    pub(crate) fn clone_head(&self) -> Self {
        Index {
            api_version: self.api_version.clone(),
            generated: self.generated.clone(),
            entries: BTreeMap::new(),
        }
    }

    /// Puts the versions of every chart newest first. Equal versions stay in the order in which they were written.
    pub fn sort(&mut self) {
        self.entries.values_mut().for_each(|versions| newest_first(versions));
    }
}

fn newest_first(versions: &mut [Arc<Entry>]) {
    versions.sort_by(|one, other| other.version.cmp(&one.version));
}

/// The index of a YAML text in the usual layout, each chart parsed by itself.
fn pieces<T: Send>(
    text: &str,
    only: Only<'_>,
    make: &(impl Fn(&str, Vec<Arc<Entry>>, &[Dropped]) -> T + Sync),
) -> Option<Scanned<T>> {
    let pieces = split::split(text)?;
    let head: Head = if nests_deep(&pieces.rest) { None } else { serde_yaml::from_str(&pieces.rest).ok() }?;
    let mut scanned = Scanned::of(head);
    let (work, others): (Vec<_>, Vec<_>) =
        pieces.charts.into_iter().partition(|(name, _)| only == Only::All || only == Only::Chart(name));
    for (name, _) in others {
        scanned.charts.insert(Arc::from(name), make(name, Vec::new(), &[]));
    }
    let read = |(name, text): &(&str, &str)| {
        let (versions, dropped) = piece(name, text)?;
        Some((make(name, versions, &dropped), dropped))
    };
    let size: usize = work.iter().map(|(_, text)| text.len()).sum();
    let threads = if size < PARALLEL_FROM { 1 } else { parallel::processors() };
    for ((name, _), made) in work.iter().zip(parallel::map(&work, threads, read)) {
        let (made, dropped) = made?;
        scanned.charts.insert(Arc::from(*name), made);
        scanned.dropped.extend(dropped);
    }
    Some(scanned)
}

/// The checked entries of one chart; `None` when its text is no list.
fn piece(name: &str, text: &str) -> Option<Checked> {
    if let Some(list) = quick::list(text) {
        return Some(check_all(list, name));
    }
    full_piece(name, text)
}

/// The same by the full parser.
fn full_piece(name: &str, text: &str) -> Option<Checked> {
    if nests_deep(text) {
        return None;
    }
    if let Ok(list) = serde_yaml::from_str::<Option<RawList>>(text) {
        return Some(check_all(list.unwrap_or_default(), name));
    }
    let items: Vec<serde_yaml::Value> = serde_yaml::from_str(text).ok()?;
    Some(one_by_one(items, name, |item| serde_yaml::from_value(item).map_err(|error| error.to_string())))
}

/// The index of any YAML text.
fn whole<T>(
    text: &str,
    source: &str,
    make: &impl Fn(&str, Vec<Arc<Entry>>, &[Dropped]) -> T,
) -> Result<Scanned<T>, RepoError> {
    let file = SourceFile::new(source, text);
    let root = yaml::to_value(&file).map_err(|error| {
        let diagnostic = error.diagnostic().cloned().unwrap_or_else(|| Diagnostic::error(error.to_string()));
        RepoError::Syntax(Box::new(diagnostic))
    })?;
    let shape = |reason: &str| {
        let text = format!("cannot read index: {reason}");
        RepoError::Syntax(Box::new(Diagnostic::error(text).at(&file, Span::at(0))))
    };
    let Value::Map(root) = root else { return Err(shape("it is no mapping")) };
    let text = |key: &str| root.get(key).and_then(Value::as_str).map(str::to_string);
    let mut scanned = Scanned::of(Head { api_version: text("apiVersion"), generated: text("generated") });
    let entries = match root.get("entries") {
        None | Some(Value::Null) => return Ok(scanned),
        Some(Value::Map(entries)) => entries,
        Some(_) => return Err(shape("entries is no mapping")),
    };
    for (name, list) in entries {
        let (versions, dropped) = match list {
            Value::Null => (Vec::new(), Vec::new()),
            Value::List(items) => one_by_one(items.iter().collect(), name, |item: &Value| {
                from_value(&entry::numbers_as_text(item.clone())).map_err(|error| error.to_string())
            }),
            _ => one_by_one(vec![()], name, |()| Err("its versions are no list".to_string())),
        };
        scanned.charts.insert(Arc::clone(name), make(name, versions, &dropped));
        scanned.dropped.extend(dropped);
    }
    Ok(scanned)
}

/// How deep brackets nest in a text, at most: brackets in quoted texts and comments count too.
///
/// The fast parser needs time that grows with this depth, so a text that goes beyond what anybody writes is left to
/// the one that refuses deep nesting.
fn nests_deep(text: &str) -> bool {
    let mut depth = 0_usize;
    text.bytes().any(|b| {
        match b {
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth > DEEP
    })
}

fn check_all(list: RawList, name: &str) -> Checked {
    one_by_one(list, name, Ok)
}

/// Checks entry by entry; each that fails is told of, up to [`MOST_TOLD`]. The rest stand newest first.
fn one_by_one<T>(list: Vec<T>, name: &str, read: impl Fn(T) -> Result<Option<Raw>, String>) -> Checked {
    let mut dropped = Vec::new();
    let mut untold = 0_usize;
    let mut drop = |version: String, reason: String| {
        if dropped.len() < MOST_TOLD {
            dropped.push(Dropped { chart: name.to_string(), version, reason });
        } else {
            untold += 1;
        }
    };
    let mut versions = Vec::with_capacity(list.len());
    for item in list {
        let raw = match read(item) {
            Ok(Some(raw)) => raw,
            Ok(None) => {
                drop(String::new(), "empty entry".to_string());
                continue;
            }
            Err(reason) => {
                drop(String::new(), reason);
                continue;
            }
        };
        let version = raw.version.clone().unwrap_or_default();
        match raw.check() {
            Ok(entry) => versions.push(Arc::new(entry)),
            Err(reason) => drop(version, reason),
        }
    }
    if untold > 0 {
        let reason = format!("{untold} more entries of the chart are invalid too");
        dropped.push(Dropped { chart: name.to_string(), version: String::new(), reason });
    }
    newest_first(&mut versions);
    (versions, dropped)
}

#[cfg(test)]
mod tests;
