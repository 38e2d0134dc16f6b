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
//!
//! Invariant: in a loaded [`Index`] every entry has passed the checks, and the versions of a chart stand newest first.

mod block;
mod entry;
mod merge;
mod quick;
mod split;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use serde::Deserialize;

use super::{RepoError, parallel};
use crate::data::version::{Constraint, Version};
use crate::data::{Value, from_value, yaml};
use crate::diag::{Diagnostic, Hint, SourceFile, Span};
use crate::sys::fs;

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

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct Document<E> {
    api_version: Option<String>,
    generated: Option<String>,
    entries: Option<BTreeMap<Arc<str>, Option<E>>>,
}

/// The list of one chart, as parsed.
type RawList = Vec<Option<Raw>>;

/// Checked entries with the warnings about the others.
type Checked = (Vec<Arc<Entry>>, Vec<Diagnostic>);

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
        // The check alone is many times faster than the replacing, which looks at every character.
        let text = std::str::from_utf8(bytes).map_or_else(|_| String::from_utf8_lossy(bytes), Cow::Borrowed);
        let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
        if text.trim().is_empty() {
            return Err(RepoError::EmptyIndex);
        }
        let loaded = match json(text, source, only) {
            Some(loaded) => loaded,
            None => match pieces(text, source, only) {
                Some(loaded) => loaded,
                None => whole(text, source)?,
            },
        };
        if loaded.index.api_version.is_empty() {
            return Err(RepoError::NoApiVersion);
        }
        Ok(loaded)
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

/// The index of a text that is JSON.
fn json(text: &str, source: &str, only: Only<'_>) -> Option<Loaded> {
    if !text.trim_start().starts_with('{') {
        return None;
    }
    if let Ok(document) = serde_json::from_str::<Document<RawList>>(text) {
        return Some(assemble(document, only, |name, list| check_all(list, name, source)));
    }
    // Some entry has an odd shape: take the entries one by one.
    let document = serde_json::from_str::<Document<Vec<serde_json::Value>>>(text).ok()?;
    Some(assemble(document, only, |name, list| {
        one_by_one(list, name, source, |item| serde_json::from_value(item).map_err(|error| error.to_string()))
    }))
}

/// The index of a YAML text in the usual layout, each chart parsed by itself.
fn pieces(text: &str, source: &str, only: Only<'_>) -> Option<Loaded> {
    let pieces = split::split(text)?;
    let head: Head = if nests_deep(&pieces.rest) { None } else { serde_yaml::from_str(&pieces.rest).ok() }?;
    let wanted = |name: &str| match only {
        Only::All => true,
        Only::Chart(chart) => chart == name,
    };
    let mut index = index_of(head.api_version, head.generated);
    let mut warnings = Vec::new();
    let work: Vec<(&str, &str)> = pieces.charts.iter().copied().filter(|(name, _)| wanted(name)).collect();
    for (name, _) in pieces.charts.iter().filter(|(name, _)| !wanted(name)) {
        index.entries.insert(Arc::from(*name), Vec::new());
    }
    for ((name, _), checked) in work.iter().zip(parse_pieces(&work, source)) {
        let (versions, dropped) = checked?;
        index.entries.insert(Arc::from(*name), versions);
        warnings.extend(dropped);
    }
    Some(Loaded { index, warnings })
}

/// Parses pieces on several threads; the results stand in the order of the pieces.
fn parse_pieces(work: &[(&str, &str)], source: &str) -> Vec<Option<Checked>> {
    let parse = |(name, text): &(&str, &str)| piece(name, text, source);
    let size: usize = work.iter().map(|(_, text)| text.len()).sum();
    let threads = if size < PARALLEL_FROM { 1 } else { parallel::threads() };
    // A piece whose thread panicked counts as unparsed, and the caller then parses the whole.
    parallel::map(work, threads, parse).into_iter().map(Option::flatten).collect()
}

/// The checked entries of one chart; `None` when its text is no list.
fn piece(name: &str, text: &str, source: &str) -> Option<Checked> {
    if let Some(list) = quick::list(text) {
        return Some(check_all(list, name, source));
    }
    full_piece(name, text, source)
}

/// The same by the full parser.
fn full_piece(name: &str, text: &str, source: &str) -> Option<Checked> {
    if nests_deep(text) {
        return None;
    }
    if let Ok(list) = serde_yaml::from_str::<Option<RawList>>(text) {
        return Some(check_all(list.unwrap_or_default(), name, source));
    }
    let items: Vec<serde_yaml::Value> = serde_yaml::from_str(text).ok()?;
    Some(one_by_one(items, name, source, |item| {
        serde_yaml::from_value(item).map_err(|error| error.to_string())
    }))
}

/// The index of any YAML text.
fn whole(text: &str, source: &str) -> Result<Loaded, RepoError> {
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
    let entries = match root.get("entries") {
        None | Some(Value::Null) => BTreeMap::new(),
        Some(Value::Map(entries)) => {
            entries.iter().map(|(name, list)| (Arc::clone(name), Some(list.clone()))).collect()
        }
        Some(_) => return Err(shape("entries is no mapping")),
    };
    let document =
        Document { api_version: text("apiVersion"), generated: text("generated"), entries: Some(entries) };
    Ok(assemble(document, Only::All, |name, list| match list {
        Value::Null => (Vec::new(), Vec::new()),
        Value::List(items) => one_by_one(items, name, source, |item| {
            from_value(&entry::numbers_as_text(item)).map_err(|error| error.to_string())
        }),
        _ => one_by_one(vec![()], name, source, |()| Err("its versions are no list".to_string())),
    }))
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

fn index_of(api_version: Option<String>, generated: Option<String>) -> Index {
    Index {
        api_version: api_version.unwrap_or_default(),
        generated: generated.unwrap_or_default(),
        entries: BTreeMap::new(),
    }
}

fn assemble<E>(document: Document<E>, only: Only<'_>, check: impl Fn(&str, E) -> Checked) -> Loaded {
    let mut index = index_of(document.api_version, document.generated);
    let mut warnings = Vec::new();
    for (name, list) in document.entries.unwrap_or_default() {
        let wanted = only == Only::All || only == Only::Chart(&name);
        let versions = match list.filter(|_| wanted) {
            Some(list) => {
                let (versions, dropped) = check(&name, list);
                warnings.extend(dropped);
                versions
            }
            None => Vec::new(),
        };
        index.entries.insert(name, versions);
    }
    Loaded { index, warnings }
}

fn check_all(list: RawList, name: &str, source: &str) -> Checked {
    one_by_one(list, name, source, Ok)
}

/// Checks entry by entry; each that fails costs a warning. The rest stand newest first.
fn one_by_one<T>(
    list: Vec<T>,
    name: &str,
    source: &str,
    read: impl Fn(T) -> Result<Option<Raw>, String>,
) -> Checked {
    let mut warnings = Vec::new();
    let mut drop = |version: &str, reason: &str| {
        let version = if version.is_empty() { String::new() } else { format!(" version {version:?}") };
        warnings.push(Diagnostic::warning(format!(
            "skipping loading invalid entry for chart {name:?}{version} from {source}: {reason}"
        )));
    };
    let mut versions = Vec::with_capacity(list.len());
    for item in list {
        let raw = match read(item) {
            Ok(Some(raw)) => raw,
            Ok(None) => {
                drop("", "empty entry");
                continue;
            }
            Err(reason) => {
                drop("", &reason);
                continue;
            }
        };
        let version = raw.version.clone().unwrap_or_default();
        match raw.check() {
            Ok(entry) => versions.push(Arc::new(entry)),
            Err(reason) => drop(&version, &reason),
        }
    }
    newest_first(&mut versions);
    (versions, warnings)
}

#[cfg(test)]
mod tests;
