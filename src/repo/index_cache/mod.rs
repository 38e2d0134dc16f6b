//! The cached index once more, in a form that is read in a moment: `NAME-index.bowline` beside `NAME-index.yaml`.
//!
//! Parsing an index of 30,000 versions takes a large part of a second, and most commands want one chart of it, or four
//! fields of each. The file has both, ready:
//!
//! ```text
//! head      magic and format (8 bytes) · checksum of the rest of the head and the table · length of the table
//!           · size and time of the index · length and checksum of the listing
//! table     apiVersion, generated, and of each chart, sorted by name: name, length and checksum of its details
//! listing   of each chart what `search` needs                                                        (listing.rs)
//! details   of each chart its versions with all fields, newest first                                 (entries.rs)
//! ```
//!
//! Numbers of the head are fixed and little-endian, all others take as many bytes as they need; checksums are CRC-32.
//! `search` reads up to the end of the listing, resolving a version reads the table and the details of one chart.
//!
//! Invariant: the file is never trusted. It counts only when it was made from the index that lies beside it now (size and
//! time are equal, and it is younger than the index, so that a change within one tick of the clock is noticed), when
//! the checksum of what is read is right and everything in it is in its bounds. Else the index itself is read. Nothing
//! fails because of this file.

pub(super) mod archives;
mod bytes;
mod entries;
mod listing;
mod texts;

use std::collections::BTreeMap;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::Arc;

use super::RepoError;
use super::config::RepoPaths;
use super::index::{Dropped, INDEX_LIMIT, Index, Loaded, Scanned, scan};
use crate::data::gzip::crc32;
use crate::sys::fs;
use bytes::{Reader, Writer};
pub use listing::Listing;
pub(super) use listing::{Line, Listed};

/// What the file begins with; the last byte is the number of the format.
const MAGIC: [u8; 8] = *b"BOWLIDX\x01";
/// Length of the head.
const HEAD: usize = 48;
/// Largest part that is read, in bytes. The form is smaller than the index that it is made from, whose entries repeat
/// their keys; only one that was made up is larger.
const PART_LIMIT: u64 = 2 * INDEX_LIMIT;

/// Size and time of a file: seconds since the Unix epoch, and nanoseconds.
type Stamp = (u64, i64, u32);

/// An index in this form, in memory.
pub(super) struct Compact {
    api_version: String,
    generated: String,
    charts: BTreeMap<Arc<str>, CompactChart>,
    dropped: Vec<Dropped>,
}

struct CompactChart {
    listing: Vec<u8>,
    details: Vec<u8>,
}

impl Compact {
    /// Reads an index.
    ///
    /// # Errors
    /// Those of [`Index::parse`].
    pub(super) fn parse(bytes: &[u8], source: &str) -> Result<Self, RepoError> {
        let Scanned { api_version, generated, charts, dropped } =
            scan(bytes, source, &|_, versions, dropped| {
                let (mut listing, mut details) = (Writer::default(), Writer::default());
                listing::write(&versions, dropped, &mut listing);
                let written = entries::write(versions.iter().map(|entry| &**entry), &mut details);
                listing::write_dropped(dropped, &mut details);
                if written.is_none() {
                    // No details are no valid ones: who wants them reads the index.
                    details.bytes.clear();
                }
                CompactChart { listing: listing.bytes, details: details.bytes }
            })?;
        Ok(Compact { api_version, generated, charts, dropped })
    }

    /// The names of the charts, sorted.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.charts.keys().map(|name| &**name)
    }

    /// What was left out of the index.
    pub(super) fn dropped(&self) -> &[Dropped] {
        &self.dropped
    }

    fn listing(&self) -> Listing {
        let mut listing = Listing { charts: Vec::new(), dropped: Vec::new() };
        for (name, chart) in &self.charts {
            // What was just written can be read.
            if let Some((listed, dropped)) = listing::read(name, &mut Reader::new(&chart.listing)) {
                listing.charts.push(listed);
                listing.dropped.extend(dropped);
            }
        }
        listing
    }

    /// The file for an index of this stamp.
    fn file(&self, (size, seconds, nanos): Stamp) -> Vec<u8> {
        let mut table = Writer::default();
        table.text(&self.api_version);
        table.text(&self.generated);
        table.number(self.charts.len() as u64);
        let mut listing = Vec::with_capacity(self.charts.values().map(|chart| chart.listing.len()).sum());
        for (name, chart) in &self.charts {
            table.text(name);
            table.number(chart.details.len() as u64);
            table.number(u64::from(crc32(&chart.details)));
            listing.extend_from_slice(&chart.listing);
        }
        let mut rest = Vec::new();
        rest.extend_from_slice(&(table.bytes.len() as u32).to_le_bytes());
        rest.extend_from_slice(&size.to_le_bytes());
        rest.extend_from_slice(&seconds.to_le_bytes());
        rest.extend_from_slice(&nanos.to_le_bytes());
        rest.extend_from_slice(&(listing.len() as u64).to_le_bytes());
        rest.extend_from_slice(&crc32(&listing).to_le_bytes());
        rest.extend_from_slice(&table.bytes);
        let details: usize = self.charts.values().map(|chart| chart.details.len()).sum();
        let mut file = sealed(MAGIC, &rest);
        file.reserve_exact(listing.len() + details);
        file.extend_from_slice(&listing);
        for chart in self.charts.values() {
            file.extend_from_slice(&chart.details);
        }
        file
    }

    /// Writes the file beside a cached index, which was made from `body`. A cache that cannot be written costs time
    /// later, and nothing now.
    pub(super) fn store(&self, paths: &RepoPaths, name: &str, body: &[u8]) {
        if let Some(stamp) = stamp_of(&paths.index(name), body) {
            let _ = fs::write_atomic(&paths.compact_index(name), &self.file(stamp), false);
        }
    }
}

/// The stamp of a file that holds just these bytes. Another process may have replaced it a moment ago.
fn stamp_of(path: &Path, body: &[u8]) -> Option<Stamp> {
    let stamp = fs::stamp(path)?;
    let (mut file, _) = fs::open(path).ok()?;
    let (mut rest, mut piece) = (body, vec![0; 1 << 16]);
    loop {
        match file.read(&mut piece).ok()? {
            0 => break,
            count => rest = rest.strip_prefix(piece.get(..count)?)?,
        }
    }
    (rest.is_empty() && fs::stamp(path)? == stamp).then_some(stamp)
}

/// What searching needs of a cached index. When there is no such form of it, or one that does not count, the index is read
/// and the form written.
///
/// # Errors
/// The index cannot be read.
pub(super) fn listing(paths: &RepoPaths, name: &str) -> Result<Listing, RepoError> {
    if let Some(listing) = Opened::of(paths, name).and_then(Opened::listing) {
        return Ok(listing);
    }
    let path = paths.index(name);
    let bytes = fs::read(&path, INDEX_LIMIT)?;
    let compact = Compact::parse(&bytes, &path.display().to_string())?;
    compact.store(paths, name, &bytes);
    Ok(compact.listing())
}

/// One chart of a cached index, of the others the names; `None` when the form is not there or does not count.
pub(super) fn chart(paths: &RepoPaths, name: &str, chart: &str) -> Option<Loaded> {
    Opened::of(paths, name)?.chart(chart, &paths.index(name).display().to_string())
}

/// The file, its head and table read.
struct Opened {
    file: fs::OpenFile,
    size: u64,
    table: Vec<u8>,
    listing: (u64, u32),
}

impl Opened {
    fn of(paths: &RepoPaths, name: &str) -> Option<Self> {
        let index = fs::stamp(&paths.index(name))?;
        let path = paths.compact_index(name);
        let own = fs::stamp(&path)?;
        if (own.1, own.2) <= (index.1, index.2) {
            return None;
        }
        let (mut file, size) = fs::open(&path).ok()?;
        let mut head = [0; HEAD];
        file.read_exact(&mut head).ok()?;
        let mut reader = Reader::new(&head);
        if reader.take(MAGIC.len())? != MAGIC {
            return None;
        }
        let checksum = reader.u32()?;
        let length = reader.u32()?;
        let made_from = (reader.u64()?, reader.u64()? as i64, reader.u32()?);
        let listing = (reader.u64()?, reader.u32()?);
        if made_from != index {
            return None;
        }
        let table = part(&mut file, size, HEAD as u64, u64::from(length))?;
        let mut checked = head.get(MAGIC.len() + 4..)?.to_vec();
        checked.extend_from_slice(&table);
        (crc32(&checked) == checksum).then_some(Opened { file, size, table, listing })
    }

    /// Where the listing begins.
    fn start(&self) -> u64 {
        HEAD as u64 + self.table.len() as u64
    }

    fn listing(mut self) -> Option<Listing> {
        let (length, checksum) = self.listing;
        let start = self.start();
        let bytes = part(&mut self.file, self.size, start, length)?;
        if crc32(&bytes) != checksum {
            return None;
        }
        let mut reader = Reader::new(&bytes);
        let mut listing = Listing { charts: Vec::new(), dropped: Vec::new() };
        let table = Table::read(&self.table)?;
        for row in table {
            let (listed, dropped) = listing::read(row?.name, &mut reader)?;
            listing.charts.push(listed);
            listing.dropped.extend(dropped);
        }
        reader.is_empty().then_some(listing)
    }

    fn chart(mut self, chart: &str, source: &str) -> Option<Loaded> {
        let mut at = self.start().checked_add(self.listing.0)?;
        let table = Table::read(&self.table)?;
        let mut index = Index {
            api_version: table.api_version.to_string(),
            generated: table.generated.to_string(),
            entries: BTreeMap::new(),
        };
        let mut found = None;
        for row in table {
            let Row { name, length, checksum } = row?;
            if name == chart {
                found = Some((at, length, checksum));
            }
            index.entries.insert(Arc::from(name), Vec::new());
            at = at.checked_add(length)?;
        }
        let mut warnings = Vec::new();
        if let Some((at, length, checksum)) = found {
            let bytes = part(&mut self.file, self.size, at, length)?;
            if crc32(&bytes) != checksum {
                return None;
            }
            let mut reader = Reader::new(&bytes);
            let entries = entries::read(&mut reader)?;
            let dropped = listing::read_dropped(chart, &mut reader)?;
            warnings = dropped.iter().map(|dropped| dropped.warning(source)).collect();
            index.entries.insert(Arc::from(chart), entries.into_iter().map(Arc::new).collect());
        }
        Some(Loaded { index, warnings })
    }
}

/// A part of a file, when it lies in it.
fn part(file: &mut fs::OpenFile, size: u64, at: u64, length: u64) -> Option<Vec<u8>> {
    if length > PART_LIMIT || at.checked_add(length)? > size {
        return None;
    }
    file.seek(SeekFrom::Start(at)).ok()?;
    let mut bytes = vec![0; usize::try_from(length).ok()?];
    file.read_exact(&mut bytes).ok()?;
    Some(bytes)
}

/// The table, row by row.
struct Table<'a> {
    api_version: &'a str,
    generated: &'a str,
    left: usize,
    reader: Reader<'a>,
}

struct Row<'a> {
    name: &'a str,
    length: u64,
    checksum: u32,
}

impl<'a> Table<'a> {
    fn read(bytes: &'a [u8]) -> Option<Self> {
        let mut reader = Reader::new(bytes);
        let (api_version, generated) = (reader.text()?, reader.text()?);
        Some(Table { api_version, generated, left: reader.count()?, reader })
    }

    fn row(&mut self) -> Option<Row<'a>> {
        let (name, length) = (self.reader.text()?, self.reader.number()?);
        Some(Row { name, length, checksum: u32::try_from(self.reader.number()?).ok()? })
    }
}

impl<'a> Iterator for Table<'a> {
    type Item = Option<Row<'a>>;

    /// A row, or that there should be one and is none.
    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        Some(self.row())
    }
}

/// A checksum and what it is of, behind the bytes that a file begins with.
fn sealed(magic: [u8; 8], content: &[u8]) -> Vec<u8> {
    let mut file = magic.to_vec();
    file.extend_from_slice(&crc32(content).to_le_bytes());
    file.extend_from_slice(content);
    file
}

#[cfg(test)]
mod tests;
