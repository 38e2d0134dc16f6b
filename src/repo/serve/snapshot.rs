//! What a served folder holds at one moment, with the texts that are asked for most.
//!
//! Invariant: a [`Snapshot`] never changes, so one answer is of one piece. One that follows another takes from it all that
//! is the same: the entries of archives that did not change, and the YAML of charts that have the same versions.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use serde_json::{Value as Json, json};

use super::reply::Text;
use super::storage::{Listing, Stamp};
use crate::diag::Diagnostic;
use crate::repo::RepoError;
use crate::repo::generate::{Archive, Generated};
use crate::repo::index::{Entry, Index, Only};

/// Content type of JSON.
pub(super) const JSON: &str = "application/json; charset=utf-8";
/// Content type of YAML.
pub(super) const YAML: &str = "application/yaml; charset=utf-8";

/// An `index.yaml` that somebody put into the folder.
#[derive(Debug, Clone)]
pub(super) struct Written {
    pub(super) stamp: Stamp,
    pub(super) bytes: Vec<u8>,
}

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
    /// Files that are no charts, with the warning about each.
    pub(super) broken: BTreeMap<String, (Stamp, Diagnostic)>,
    /// Every archive that was there, charts or not.
    pub(super) seen: Listing,
    /// The `index.yaml` that was there.
    pub(super) written: Option<Stamp>,
    /// Why that one is no index, if it is none.
    pub(super) unreadable: Option<String>,
    blocks: BTreeMap<Arc<str>, Block>,
    summary: OnceLock<Text>,
    charts: OnceLock<Text>,
}

/// The YAML of one chart.
struct Block {
    versions: Vec<Arc<Entry>>,
    text: Arc<str>,
}

impl Snapshot {
    /// A snapshot of what was found. An index that is `written` stands for the one that would be made.
    ///
    /// # Errors
    /// An entry cannot be written as YAML.
    pub(super) fn of(
        found: Generated,
        broken: BTreeMap<String, (Stamp, Diagnostic)>,
        seen: Listing,
        written: Option<Written>,
        before: Option<&Snapshot>,
    ) -> Result<Self, RepoError> {
        let mut warnings: Vec<Diagnostic> = broken.values().map(|(_, warning)| warning.clone()).collect();
        let (mut index, mut blocks) = (found.index, BTreeMap::new());
        let stamp = written.as_ref().map(|written| written.stamp);
        let mut unreadable = None;
        let bytes = if let Some(written) = written {
            match Index::parse(&written.bytes, "index.yaml", Only::All) {
                Ok(loaded) => {
                    index = loaded.index;
                    warnings.extend(loaded.warnings);
                }
                Err(error) => {
                    warnings.push(Diagnostic::warning(format!("index.yaml: {error}")));
                    unreadable = Some(error.to_string());
                }
            }
            written.bytes
        } else {
            blocks = blocks_of(&index, before)?;
            whole(&index, &blocks)?.into_bytes()
        };
        Ok(Snapshot {
            index_yaml: Text::new(YAML, bytes),
            index,
            archives: found.archives,
            warnings,
            broken,
            seen,
            written: stamp,
            unreadable,
            blocks,
            summary: OnceLock::new(),
            charts: OnceLock::new(),
        })
    }

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
        self.charts.get_or_init(|| self.page(0, usize::MAX))
    }

    /// Every version of so many charts, from one on in the order of their names.
    pub(super) fn page(&self, offset: usize, limit: usize) -> Text {
        let charts = self.index.entries.iter().skip(offset).take(limit);
        let page: BTreeMap<&str, Vec<Json>> = charts
            .map(|(name, versions)| (&**name, versions.iter().map(|entry| entry_json(entry)).collect()))
            .collect();
        Text::new(JSON, serde_json::to_vec(&page).unwrap_or_default())
    }

    /// Prepares the texts that were asked for before, and the compressed form of the large ones.
    pub(super) fn warm(&self, before: Option<&Snapshot>) {
        self.index_yaml.compress();
        if before.is_some_and(|before| before.charts.get().is_some()) {
            self.charts();
        }
        [&self.charts, &self.summary].into_iter().filter_map(OnceLock::get).for_each(Text::compress);
    }

    /// How many versions there are of all charts.
    pub(super) fn versions(&self) -> usize {
        self.index.entries.values().map(Vec::len).sum()
    }

    /// The version of a chart that is written so.
    pub(super) fn entry(&self, name: &str, version: &str) -> Option<&Arc<Entry>> {
        self.index.entries.get(name)?.iter().find(|entry| entry.metadata.version == version)
    }

    /// The paths of the archives that are a version of a chart: more than one, when copies lie in several folders.
    pub(super) fn copies<'s>(&'s self, name: &'s str, version: &'s str) -> impl Iterator<Item = &'s String> {
        let is_it = move |archive: &Archive| {
            *archive.entry.metadata.name == *name && archive.entry.metadata.version == version
        };
        self.archives.iter().filter(move |(_, archive)| is_it(archive)).map(|(path, _)| path)
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

/// The YAML of each chart; of those with the same versions as before, the same text.
fn blocks_of(index: &Index, before: Option<&Snapshot>) -> Result<BTreeMap<Arc<str>, Block>, RepoError> {
    let mut blocks = BTreeMap::new();
    for (name, versions) in &index.entries {
        let known = before.and_then(|before| before.blocks.get(name)).filter(|block| {
            block.versions.len() == versions.len()
                && block.versions.iter().zip(versions).all(|(one, other)| Arc::ptr_eq(one, other))
        });
        let text = match known {
            Some(block) => Arc::clone(&block.text),
            None => Arc::from(block(name, versions)?),
        };
        blocks.insert(Arc::clone(name), Block { versions: versions.clone(), text });
    }
    Ok(blocks)
}

/// The lines of one chart in `index.yaml`: what an index of this chart alone has between its first and last lines.
fn block(name: &Arc<str>, versions: &[Arc<Entry>]) -> Result<String, RepoError> {
    let mut index = Index { api_version: "v1".to_string(), ..Index::default() };
    index.entries.insert(Arc::clone(name), versions.to_vec());
    let text = index.to_yaml()?;
    let lines = text.split_once("entries:\n").and_then(|(_, rest)| rest.rsplit_once("generated:"));
    Ok(lines.map(|(lines, _)| lines.to_string()).unwrap_or_default())
}

/// The whole `index.yaml`.
fn whole(index: &Index, blocks: &BTreeMap<Arc<str>, Block>) -> Result<String, RepoError> {
    let frame = index.clone_head().to_yaml()?;
    if blocks.is_empty() {
        return Ok(frame);
    }
    let (head, tail) = frame.split_once("entries: {}\n").unwrap_or((&frame, ""));
    let size: usize = blocks.values().map(|block| block.text.len()).sum();
    let mut text = String::with_capacity(frame.len() + size);
    text.push_str(head);
    text.push_str("entries:\n");
    for block in blocks.values() {
        text.push_str(&block.text);
    }
    text.push_str(tail);
    Ok(text)
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

#[cfg(test)]
mod tests {
    use super::*;

    fn index(text: &str) -> Index {
        Index::parse(text.as_bytes(), "test", Only::All).unwrap().index
    }

    #[test]
    fn the_index_put_together_is_the_index_written_at_once() {
        let charts = [
            (
                "web",
                "  web:\n  - {name: web, version: 1.1.0, urls: [a], description: \"a: b\\nentries:\\n\"}\n  - {name: web, version: 1.0.0}\n",
            ),
            (
                "generated:",
                "  \"generated:\":\n  - {name: \"generated:\", version: 1.0.0, home: 'generated: x'}\n",
            ),
            ("true", "  \"true\":\n  - {name: \"true\", version: 0.1.0, keywords: [a, b]}\n"),
        ];
        for count in 0..=charts.len() {
            let chosen: String = charts.iter().take(count).map(|(_, text)| *text).collect();
            let entries =
                if count == 0 { "entries: {}\n".to_string() } else { format!("entries:\n{chosen}") };
            let index = index(&format!("apiVersion: v1\n{entries}generated: \"2026-01-01T00:00:00Z\"\n"));
            assert_eq!(index.entries.len(), count);
            let blocks = blocks_of(&index, None).unwrap();
            assert_eq!(whole(&index, &blocks).unwrap(), index.to_yaml().unwrap());
        }
    }
}
