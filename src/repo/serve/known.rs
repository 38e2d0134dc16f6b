//! The cache file of a served folder: what was read from its archives, so that a start reads only what changed since.
//!
//! The first line is JSON with a format number and per archive its stamp; the rest is an index in JSON, whose URLs
//! are paths below the folder. A file that is damaged or of another format is as good as none.
//!
//! Invariant: an archive is known only with the size, the time and the mark that it had when it was read.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::storage::Stamp;
use crate::repo::RepoError;
use crate::repo::generate::{Archive, location};
use crate::repo::index::{Entry, Index, Only};
use crate::sys::fs;

/// Number of the format.
const FORMAT: u32 = 2;
/// Largest cache file in bytes: that of some 200,000 archives.
const LIMIT: u64 = 256 << 20;

#[derive(Serialize, Deserialize)]
struct Head {
    format: u32,
    files: BTreeMap<String, Stamp>,
}

/// The archives that are known, by their path below the folder; `url` is the prefix of their URLs.
pub(super) fn load(path: &Path, url: &str) -> BTreeMap<String, Archive> {
    read(path, url).unwrap_or_default()
}

fn read(path: &Path, url: &str) -> Option<BTreeMap<String, Archive>> {
    let bytes = fs::read(path, LIMIT).ok()?;
    let at = bytes.iter().position(|byte| *byte == b'\n')?;
    let head: Head =
        serde_json::from_slice(bytes.get(..at)?).ok().filter(|head: &Head| head.format == FORMAT)?;
    let index = Index::parse(bytes.get(at + 1..)?, "the cache", Only::All).ok()?.index;
    let mut known = BTreeMap::new();
    for entry in index.entries.into_values().flatten() {
        let Some(relative) = entry.urls.first().cloned() else { continue };
        let Some(stamp) = head.files.get(&relative).copied() else { continue };
        let entry = Arc::new(Entry { urls: vec![location(url, &relative)], ..Arc::unwrap_or_clone(entry) });
        known.insert(
            relative,
            Archive { size: stamp.size, modified: stamp.modified, changed: stamp.mark, entry },
        );
    }
    Some(known)
}

/// Writes the cache file.
///
/// # Errors
/// It cannot be written.
pub(super) fn save(path: &Path, archives: &BTreeMap<String, Archive>) -> Result<(), RepoError> {
    let mut index = Index { api_version: "v1".to_string(), ..Index::default() };
    for (relative, archive) in archives {
        index.add(Arc::new(Entry { urls: vec![relative.clone()], ..Entry::clone(&archive.entry) }));
    }
    let files = archives.iter().map(|(path, archive)| (path.clone(), Stamp::of(archive))).collect();
    let reason = |error: serde_json::Error| RepoError::Write { what: "the cache", reason: error.to_string() };
    let head = serde_json::to_string(&Head { format: FORMAT, files }).map_err(reason)?;
    Ok(fs::write_atomic(path, format!("{head}\n{}", index.to_json()?).as_bytes(), false)?)
}
