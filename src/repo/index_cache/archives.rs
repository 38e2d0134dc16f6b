//! What `repo index` found in the archives of a folder, kept so that it need not read them again:
//! `indexed/DIGEST.bowline` in the cache folder, the digest being that of the folder's path.
//!
//! ```text
//! magic and format (8 bytes) · checksum · number of archives
//! · of each: path below the folder, size, times of the last changes   · their entries (entries.rs)
//! ```
//!
//! Invariant: an archive counts as known only when its size and both its times are as they were, and lie before the time of
//! this file, so that a change within one tick of the clock is noticed. A file that is damaged is as good as none.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::bytes::{Reader, Writer};
use super::{entries, sealed};
use crate::data::digest::sha256_hex;
use crate::data::gzip::crc32;
use crate::repo::generate::{Archive, location};
use crate::repo::index::INDEX_LIMIT;
use crate::sys::{Host, fs};

const MAGIC: [u8; 8] = *b"BOWLARC\x01";
/// Most folders that are remembered; the ones that were indexed longest ago are forgotten.
const MOST_FOLDERS: usize = 64;
/// Most files that are looked at to forget some.
const MOST_FILES: usize = 10_000;

/// Where what is known of a folder's archives is kept.
pub(in crate::repo) struct Cache {
    path: PathBuf,
}

impl Cache {
    /// That of a folder.
    pub(in crate::repo) fn of(host: &Host, folder: &Path) -> Self {
        let name = sha256_hex(folder.as_os_str().as_encoded_bytes());
        Cache { path: host.dirs.cache.join("indexed").join(format!("{name}.bowline")) }
    }

    /// The archives by path, as if they had been read now: with URLs below `url` and this time.
    pub(in crate::repo) fn load(&self, url: &str, created: &str) -> BTreeMap<String, Archive> {
        self.read(url, created).unwrap_or_default()
    }

    fn read(&self, url: &str, created: &str) -> Option<BTreeMap<String, Archive>> {
        let (_, seconds, nanos) = fs::stamp(&self.path)?;
        let file = fs::read(&self.path, INDEX_LIMIT).ok()?;
        let mut reader = Reader::new(&file);
        if reader.take(MAGIC.len())? != MAGIC || reader.u32()? != crc32(file.get(MAGIC.len() + 4..)?) {
            return None;
        }
        let mut stamps = Vec::new();
        for _ in 0..reader.count()? {
            let path = reader.text()?.to_string();
            let size = reader.number()?;
            let mut time = || Some((reader.number()? as i64, u32::try_from(reader.number()?).ok()?));
            stamps.push((path, size, time()?, time()?));
        }
        let entries = entries::read(&mut reader)?;
        if entries.len() != stamps.len() || !reader.is_empty() {
            return None;
        }
        let mut known = BTreeMap::new();
        for ((path, size, modified, changed), mut entry) in stamps.into_iter().zip(entries) {
            if modified.max(changed) < (seconds, nanos) {
                entry.urls = vec![location(url, &path)];
                entry.created = created.to_string();
                known.insert(path, Archive { size, modified, changed, entry: Arc::new(entry) });
            }
        }
        Some(known)
    }

    /// Keeps what is known now, when it is not what was known before. A cache that cannot be written costs time later, and
    /// nothing now.
    pub(in crate::repo) fn store(
        &self,
        archives: &BTreeMap<String, Archive>,
        before: &BTreeMap<String, Archive>,
    ) {
        let stamps = |archives: &BTreeMap<String, Archive>| -> Vec<_> {
            let stamp = |(path, archive): (&String, &Archive)| {
                (path.clone(), archive.size, archive.modified, archive.changed)
            };
            archives.iter().map(stamp).collect()
        };
        let now = stamps(archives);
        if now == stamps(before) {
            return;
        }
        let mut content = Writer::default();
        content.number(now.len() as u64);
        for (path, size, modified, changed) in &now {
            content.text(path);
            content.number(*size);
            for (seconds, nanos) in [modified, changed] {
                content.number(*seconds as u64);
                content.number(u64::from(*nanos));
            }
        }
        if entries::write(archives.values().map(|archive| &*archive.entry), &mut content).is_some() {
            let _ = fs::write_atomic(&self.path, &sealed(MAGIC, &content.bytes), false);
            self.forget_others();
        }
    }

    /// Removes the files of folders that were indexed longest ago.
    fn forget_others(&self) {
        let Some(folder) = self.path.parent() else { return };
        let Ok(mut files) = fs::walk(folder, MOST_FILES, |path, _| !path.contains('/')) else { return };
        files.sort_by_key(|file| std::cmp::Reverse((file.modified, file.modified_nanos)));
        for old in files.iter().skip(MOST_FOLDERS).filter(|file| file.path != self.path) {
            // What cannot be removed lies there a little longer.
            let _ = fs::remove_file(&old.path);
        }
    }
}
