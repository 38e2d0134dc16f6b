//! What searching needs of an index: of each version its number, the application's, and the words about it.
//!
//! Invariant: the numbers of a row are those of texts that are there; rows stand newest first.

use std::sync::Arc;

use super::bytes::{Reader, Writer};
use super::texts::{Texts, TextsWriter};
use crate::diag::Diagnostic;
use crate::repo::index::{Dropped, Entry, Index};

/// The charts of an index by name, and what was dropped from it.
pub struct Listing {
    pub(in crate::repo) charts: Vec<Listed>,
    pub(in crate::repo) dropped: Vec<Dropped>,
}

impl Listing {
    /// A warning for each entry that was dropped. `source` is the path or URL of the index.
    pub fn warnings(&self, source: &str) -> impl Iterator<Item = Diagnostic> {
        self.dropped.iter().map(move |dropped| dropped.warning(source))
    }

    /// The listing of an index in memory.
    pub fn of(index: &Index) -> Self {
        let listed = |(name, versions): (&Arc<str>, &Vec<Arc<Entry>>)| {
            let mut writer = Writer::default();
            write(versions, &[], &mut writer);
            // What was just written can be read.
            Some(read(name, &mut Reader::new(&writer.bytes))?.0)
        };
        Listing { charts: index.entries.iter().filter_map(listed).collect(), dropped: Vec::new() }
    }
}

/// One chart.
pub(in crate::repo) struct Listed {
    /// Its name.
    pub(in crate::repo) name: Arc<str>,
    texts: Texts,
    rows: Vec<Row>,
}

/// Numbers of texts.
#[derive(Clone, Copy)]
struct Row {
    version: u32,
    app_version: u32,
    description: u32,
    keywords: u32,
}

/// One version.
#[derive(Clone, Copy)]
pub(in crate::repo) struct Line<'a> {
    pub(in crate::repo) version: &'a str,
    pub(in crate::repo) app_version: &'a str,
    pub(in crate::repo) description: &'a str,
    /// Joined by a space.
    pub(in crate::repo) keywords: &'a str,
    /// Lines of a chart in which this is equal have the same description and keywords.
    pub(in crate::repo) words: (u32, u32),
}

impl Listed {
    /// The versions, newest first.
    pub(in crate::repo) fn lines(&self) -> impl Iterator<Item = Line<'_>> {
        let text = |number| self.texts.get(number).unwrap_or_default();
        self.rows.iter().map(move |row| Line {
            version: text(row.version),
            app_version: text(row.app_version),
            description: text(row.description),
            keywords: text(row.keywords),
            words: (row.description, row.keywords),
        })
    }
}

/// Writes one chart: the texts, the rows, and what was dropped.
pub(super) fn write(versions: &[Arc<Entry>], dropped: &[Dropped], out: &mut Writer) {
    let (mut texts, mut rows) = (TextsWriter::new(), Writer::default());
    rows.number(versions.len() as u64);
    for entry in versions {
        let metadata = &entry.metadata;
        for text in [&metadata.version, &metadata.app_version, &metadata.description] {
            rows.number(u64::from(texts.number(text)));
        }
        rows.number(u64::from(texts.number(&metadata.keywords.join(" "))));
    }
    texts.finish(out);
    out.bytes.extend_from_slice(&rows.bytes);
    write_dropped(dropped, out);
}

/// Reads one chart.
pub(super) fn read(name: &str, reader: &mut Reader<'_>) -> Option<(Listed, Vec<Dropped>)> {
    let texts = Texts::read(reader)?;
    let count = reader.count()?;
    let mut rows = Vec::with_capacity(count);
    for _ in 0..count {
        rows.push(Row {
            version: texts.number(reader)?,
            app_version: texts.number(reader)?,
            description: texts.number(reader)?,
            keywords: texts.number(reader)?,
        });
    }
    let dropped = read_dropped(name, reader)?;
    Some((Listed { name: Arc::from(name), texts, rows }, dropped))
}

pub(super) fn write_dropped(dropped: &[Dropped], out: &mut Writer) {
    out.number(dropped.len() as u64);
    for Dropped { version, reason, .. } in dropped {
        out.text(version);
        out.text(reason);
    }
}

pub(super) fn read_dropped(chart: &str, reader: &mut Reader<'_>) -> Option<Vec<Dropped>> {
    let count = reader.count()?;
    let mut dropped = Vec::new();
    for _ in 0..count {
        let (version, reason) = (reader.text()?.to_string(), reader.text()?.to_string());
        dropped.push(Dropped { chart: chart.to_string(), version, reason });
    }
    Some(dropped)
}
