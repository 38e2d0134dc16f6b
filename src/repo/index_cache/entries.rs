//! The versions of one chart with all that an index says of them.
//!
//! Invariant: an entry that is read passed the checks when it was written, and its version is parsed anew; a field that
//! [`Entry`] gains must be added here and to the format's number.

use std::sync::Arc;

use indexmap::IndexMap;

use super::bytes::{Reader, Writer};
use super::texts::{Texts, TextsWriter};
use crate::chart::{Dependency, Maintainer, Metadata};
use crate::data::Value;
use crate::data::version::Version;
use crate::repo::index::{Entry, INDEX_LIMIT};

/// Most text that the entries of a chart hold, in bytes: an index cannot say more. A text is kept once and a number of one
/// byte stands for it, so that a made-up file could ask for any amount.
const TEXT_LIMIT: usize = INDEX_LIMIT as usize;

/// Writes entries: the texts, then a row per entry.
///
/// Returns `None` when an import-values item holds something that JSON cannot say.
pub(super) fn write<'a>(entries: impl ExactSizeIterator<Item = &'a Entry>, out: &mut Writer) -> Option<()> {
    let mut rows = Rows { texts: TextsWriter::new(), out: Writer::default() };
    rows.out.number(entries.len() as u64);
    for entry in entries {
        rows.entry(entry)?;
    }
    rows.texts.finish(out);
    out.bytes.extend_from_slice(&rows.out.bytes);
    Some(())
}

struct Rows {
    texts: TextsWriter,
    out: Writer,
}

impl Rows {
    fn text(&mut self, text: &str) {
        self.out.number(u64::from(self.texts.number(text)));
    }

    fn list(&mut self, texts: &[String]) {
        self.out.number(texts.len() as u64);
        for text in texts {
            self.text(text);
        }
    }

    fn entry(&mut self, entry: &Entry) -> Option<()> {
        // Taken apart without `..`, so that a new field cannot be forgotten.
        let Entry { metadata, urls, created, removed, digest, version: _ } = entry;
        self.list(urls);
        self.text(created);
        self.out.flag(*removed);
        self.text(digest);
        self.metadata(metadata)
    }

    fn metadata(&mut self, metadata: &Metadata) -> Option<()> {
        let Metadata {
            name,
            home,
            sources,
            version,
            description,
            keywords,
            maintainers,
            icon,
            api_version,
            condition,
            tags,
            app_version,
            deprecated,
            annotations,
            kube_version,
            dependencies,
            chart_type,
            engine,
        } = metadata;
        self.text(name);
        for text in [
            home,
            version,
            description,
            icon,
            api_version,
            condition,
            tags,
            app_version,
            kube_version,
            engine,
        ] {
            self.text(text);
        }
        self.list(sources);
        self.list(keywords);
        self.out.number(maintainers.len() as u64);
        for Maintainer { name, email, url } in maintainers {
            for text in [name, email, url] {
                self.text(text);
            }
        }
        self.out.flag(*deprecated);
        self.out.flag(annotations.is_some());
        self.out.number(annotations.as_ref().map_or(0, IndexMap::len) as u64);
        for (key, text) in annotations.iter().flatten() {
            self.text(key);
            self.text(text);
        }
        self.out.flag(chart_type.is_some());
        self.text(chart_type.as_deref().unwrap_or_default());
        self.out.number(dependencies.len() as u64);
        dependencies.iter().try_for_each(|dependency| self.dependency(dependency))
    }

    fn dependency(&mut self, dependency: &Dependency) -> Option<()> {
        let Dependency { name, version, repository, condition, tags, enabled, import_values, alias } =
            dependency;
        for text in [name, version, repository, condition, alias] {
            self.text(text);
        }
        self.list(tags);
        self.out.flag(*enabled);
        self.out.number(import_values.len() as u64);
        for value in import_values {
            self.text(&serde_json::to_string(value).ok()?);
        }
        Some(())
    }
}

/// Reads what [`write()`] wrote.
pub(super) fn read(reader: &mut Reader<'_>) -> Option<Vec<Entry>> {
    let texts = Texts::read(reader)?;
    let count = reader.count()?;
    let mut entries = Vec::new();
    let mut fields = Fields { texts: &texts, reader, room: TEXT_LIMIT };
    for _ in 0..count {
        entries.push(fields.entry()?);
    }
    Some(entries)
}

struct Fields<'t, 'r, 'b> {
    texts: &'t Texts,
    reader: &'r mut Reader<'b>,
    /// How many bytes of text may still be made.
    room: usize,
}

impl Fields<'_, '_, '_> {
    fn text(&mut self) -> Option<String> {
        let number = self.texts.number(self.reader)?;
        let text = self.texts.get(number)?;
        self.room = self.room.checked_sub(text.len())?;
        Some(text.to_string())
    }

    fn list(&mut self) -> Option<Vec<String>> {
        let count = self.reader.count()?;
        (0..count).map(|_| self.text()).collect()
    }

    fn entry(&mut self) -> Option<Entry> {
        let urls = self.list()?;
        let created = self.text()?;
        let removed = self.reader.flag()?;
        let digest = self.text()?;
        let metadata = self.metadata()?;
        let version = Version::parse(&metadata.version).ok()?;
        Some(Entry { metadata, urls, created, removed, digest, version })
    }

    fn metadata(&mut self) -> Option<Metadata> {
        let mut metadata = Metadata { name: Arc::from(self.text()?), ..Metadata::default() };
        for place in [
            &mut metadata.home,
            &mut metadata.version,
            &mut metadata.description,
            &mut metadata.icon,
            &mut metadata.api_version,
            &mut metadata.condition,
            &mut metadata.tags,
            &mut metadata.app_version,
            &mut metadata.kube_version,
            &mut metadata.engine,
        ] {
            *place = self.text()?;
        }
        metadata.sources = self.list()?;
        metadata.keywords = self.list()?;
        for _ in 0..self.reader.count()? {
            let (name, email, url) = (self.text()?, self.text()?, self.text()?);
            metadata.maintainers.push(Maintainer { name, email, url });
        }
        metadata.deprecated = self.reader.flag()?;
        let has_annotations = self.reader.flag()?;
        let mut annotations = IndexMap::new();
        for _ in 0..self.reader.count()? {
            annotations.insert(self.text()?, self.text()?);
        }
        metadata.annotations = Some(annotations).filter(|_| has_annotations);
        let has_type = self.reader.flag()?;
        metadata.chart_type = Some(self.text()?).filter(|_| has_type);
        for _ in 0..self.reader.count()? {
            metadata.dependencies.push(self.dependency()?);
        }
        Some(metadata)
    }

    fn dependency(&mut self) -> Option<Dependency> {
        let (name, version, repository) = (self.text()?, self.text()?, self.text()?);
        let (condition, alias, tags) = (self.text()?, self.text()?, self.list()?);
        let enabled = self.reader.flag()?;
        let mut import_values: Vec<Value> = Vec::new();
        for _ in 0..self.reader.count()? {
            import_values.push(serde_json::from_str(&self.text()?).ok()?);
        }
        Some(Dependency { name, version, repository, condition, tags, enabled, import_values, alias })
    }
}
