//! The versions of one chart by the quick reader.
//!
//! Invariant: what comes out is what serde makes of the same text: the fields of [`Raw`], unknown keys skipped, a field
//! that is written twice or has another type left to the full parser.

#![allow(clippy::option_option, reason = "the outer `None` gives up; the inner one is null, or the end")]

use super::RawList;
use super::block::Reader;
use super::entry::{Raw, RawDependency, RawMaintainer};

/// The versions; `None` when the full parser has to look.
pub(super) fn list(text: &str) -> Option<RawList> {
    let mut list = Vec::new();
    Reader::new(text)?.whole(&mut |reader, _| {
        list.push(Some(entry(reader)?));
        Some(())
    })?;
    Some(list)
}

/// Which fields of a mapping were there already.
#[derive(Default)]
struct Seen(u32);

impl Seen {
    /// `None` when it was.
    fn first(&mut self, field: u32) -> Option<()> {
        let bit = 1 << field;
        let is_first = self.0 & bit == 0;
        self.0 |= bit;
        is_first.then_some(())
    }
}

fn text(reader: &mut Reader<'_>, column: usize) -> Option<Option<String>> {
    Some(reader.scalar(column)?.into_text())
}

fn flag(reader: &mut Reader<'_>, column: usize) -> Option<Option<bool>> {
    reader.scalar(column)?.into_flag()
}

fn texts(reader: &mut Reader<'_>, column: usize) -> Option<Option<Vec<Option<String>>>> {
    let mut items = Vec::new();
    let there = reader.list(column, &mut |reader, column| {
        items.push(text(reader, column)?);
        Some(())
    })?;
    Some(there.then_some(items))
}

fn mappings<T>(
    reader: &mut Reader<'_>,
    column: usize,
    item: impl Fn(&mut Reader<'_>) -> Option<T>,
) -> Option<Option<Vec<Option<T>>>> {
    let mut items = Vec::new();
    let there = reader.list(column, &mut |reader, _| {
        items.push(Some(item(reader)?));
        Some(())
    })?;
    Some(there.then_some(items))
}

fn entry(reader: &mut Reader<'_>) -> Option<Raw> {
    let (mut raw, mut seen) = (Raw::default(), Seen::default());
    reader.item_mapping(&mut |reader, key, column| {
        let (field, place) = match key {
            "name" => (0, &mut raw.name),
            "home" => (1, &mut raw.home),
            "version" => (2, &mut raw.version),
            "description" => (3, &mut raw.description),
            "icon" => (4, &mut raw.icon),
            "apiVersion" => (5, &mut raw.api_version),
            "condition" => (6, &mut raw.condition),
            "tags" => (7, &mut raw.tags),
            "appVersion" => (8, &mut raw.app_version),
            "kubeVersion" => (9, &mut raw.kube_version),
            "type" => (10, &mut raw.chart_type),
            "engine" => (11, &mut raw.engine),
            "created" => (12, &mut raw.created),
            "digest" => (13, &mut raw.digest),
            _ => return structured(&mut raw, &mut seen, reader, key, column),
        };
        seen.first(field)?;
        *place = text(reader, column)?;
        Some(())
    })?;
    Some(raw)
}

/// A field of an entry that is no text.
fn structured(
    raw: &mut Raw,
    seen: &mut Seen,
    reader: &mut Reader<'_>,
    key: &str,
    column: usize,
) -> Option<()> {
    match key {
        "deprecated" => {
            seen.first(14)?;
            raw.deprecated = flag(reader, column)?;
        }
        "removed" => {
            seen.first(15)?;
            raw.removed = flag(reader, column)?;
        }
        "sources" => {
            seen.first(16)?;
            raw.sources = texts(reader, column)?;
        }
        "keywords" => {
            seen.first(17)?;
            raw.keywords = texts(reader, column)?;
        }
        "urls" => {
            seen.first(18)?;
            raw.urls = texts(reader, column)?;
        }
        "maintainers" => {
            seen.first(19)?;
            raw.maintainers = mappings(reader, column, maintainer)?;
        }
        "dependencies" => {
            seen.first(20)?;
            raw.dependencies = mappings(reader, column, dependency)?;
        }
        "annotations" => {
            seen.first(21)?;
            let mut annotations = indexmap::IndexMap::new();
            let there = reader.mapping(column, &mut |reader, key, column| {
                annotations.insert(key.to_string(), text(reader, column)?);
                Some(())
            })?;
            raw.annotations = there.then_some(annotations);
        }
        _ => reader.skip(column, 0)?,
    }
    Some(())
}

fn maintainer(reader: &mut Reader<'_>) -> Option<RawMaintainer> {
    let (mut raw, mut seen) = (RawMaintainer::default(), Seen::default());
    reader.item_mapping(&mut |reader, key, column| {
        let (field, place) = match key {
            "name" => (0, &mut raw.name),
            "email" => (1, &mut raw.email),
            "url" => (2, &mut raw.url),
            _ => return reader.skip(column, 0),
        };
        seen.first(field)?;
        *place = text(reader, column)?;
        Some(())
    })?;
    Some(raw)
}

fn dependency(reader: &mut Reader<'_>) -> Option<RawDependency> {
    let (mut raw, mut seen) = (RawDependency::default(), Seen::default());
    reader.item_mapping(&mut |reader, key, column| {
        let (field, place) = match key {
            "name" => (0, &mut raw.name),
            "version" => (1, &mut raw.version),
            "repository" => (2, &mut raw.repository),
            "condition" => (3, &mut raw.condition),
            "alias" => (4, &mut raw.alias),
            "tags" => {
                seen.first(5)?;
                raw.tags = texts(reader, column)?;
                return Some(());
            }
            "enabled" => {
                seen.first(6)?;
                raw.enabled = flag(reader, column)?;
                return Some(());
            }
            // Any value can stand there, numbers and mappings too.
            "import-values" => return None,
            _ => return reader.skip(column, 0),
        };
        seen.first(field)?;
        *place = text(reader, column)?;
        Some(())
    })?;
    Some(raw)
}
