//! Which path gives what.
//!
//! | path | answer |
//! |---|---|
//! | `/` | the page; its files below `/-/` |
//! | `/index.yaml` | the index |
//! | `/NAME.tgz`, `/FOLDER/NAME.tgz` | an archive |
//! | the same with `.prov` | its provenance file |
//! | `/api/charts` | every version of every chart (ChartMuseum's shape, as are the next two) |
//! | `/api/charts/NAME` | the versions of a chart |
//! | `/api/charts/NAME/VERSION` | one version, with `readme`, `readmeHtml`, `values`, `schema` and `archive` |
//! | `/health`, `/info` | for probes |
//!
//! Invariant: a file is served only when the catalogue lists it as an archive, so no path leads out of the folder, to
//! another file, or to a listing.

use serde_json::{Value as Json, json};

use super::Shared;
use super::catalog::{JSON, Snapshot, entry_json};
use super::reply::{Reply, Text};
use super::request::Head;
use super::{markdown, page};
use crate::repo::generate::ARCHIVE_LIMIT;
use crate::repo::peek;
use crate::sys::fs;

/// Longest values, schema or README that is sent to the page, in bytes.
const TEXT_LIMIT: usize = 2 << 20;

/// The answer to a request.
pub(super) fn answer(shared: &Shared, head: &Head) -> Reply {
    if let Some(text) = page::asset(&head.path) {
        return Reply::text(head, text)
            .with("Content-Security-Policy", page::POLICY)
            .with("Referrer-Policy", "no-referrer");
    }
    let snapshot = || shared.catalog.current();
    match head.path.as_str() {
        "/index.yaml" => Reply::text(head, &snapshot().index_yaml),
        "/-/charts.json" => Reply::text(head, snapshot().summary(&shared.name, &shared.url)),
        "/api/charts" => Reply::text(head, snapshot().charts()),
        "/health" => json(head, &json!({ "healthy": true })),
        "/info" => json(head, &json!({ "version": concat!("v", env!("CARGO_PKG_VERSION")) })),
        path => match path.strip_prefix("/api/charts/") {
            Some(below) => chart(shared, head, &snapshot(), below),
            None if path.starts_with("/api/") => Reply::json_error(404, "not found"),
            None => archive(shared, head, &snapshot()),
        },
    }
}

fn json(head: &Head, value: &Json) -> Reply {
    Reply::text(head, &Text::new(JSON, value.to_string().into_bytes()))
}

fn chart(shared: &Shared, head: &Head, snapshot: &Snapshot, below: &str) -> Reply {
    let (name, version) =
        below.split_once('/').map_or((below, None), |(name, version)| (name, Some(version)));
    let Some(versions) = snapshot.index.entries.get(name) else {
        return Reply::json_error(404, "chart not found");
    };
    let Some(version) = version else {
        return json(head, &Json::Array(versions.iter().map(|entry| entry_json(entry)).collect()));
    };
    let Some(entry) = versions.iter().find(|entry| entry.metadata.version == version) else {
        return Reply::json_error(404, "chart version not found");
    };
    let mut value = entry_json(entry);
    let Some(fields) = value.as_object_mut() else { return Reply::error(500) };
    if let Some((path, _)) = snapshot.archive_of(entry) {
        fields.insert("archive".to_string(), json!(path));
        let texts = fs::safe_join(shared.catalog.folder(), path)
            .and_then(|file| fs::read(&file, ARCHIVE_LIMIT))
            .map_err(|error| error.to_string())
            .and_then(|bytes| peek::texts(&bytes))
            .unwrap_or_default();
        let short = |text: &Option<String>| text.as_ref().filter(|text| text.len() <= TEXT_LIMIT).cloned();
        fields.insert("readmeHtml".to_string(), json!(texts.readme.as_deref().map(markdown::render)));
        fields.insert("readme".to_string(), json!(short(&texts.readme)));
        fields.insert("values".to_string(), json!(short(&texts.values)));
        fields.insert("schema".to_string(), json!(short(&texts.schema)));
    }
    json(head, &value)
}

/// An archive or its provenance file.
fn archive(shared: &Shared, head: &Head, snapshot: &Snapshot) -> Reply {
    let path = head.path.trim_start_matches('/');
    let (archive, provenance) = match path.strip_suffix(".prov") {
        Some(archive) => (archive, true),
        None => (path, false),
    };
    let Some(known) = snapshot.archives.get(archive) else { return Reply::error(404) };
    let Ok(file) = fs::safe_join(shared.catalog.folder(), path) else { return Reply::error(404) };
    if provenance {
        return match fs::read(&file, TEXT_LIMIT as u64) {
            Ok(bytes) => Reply::text(head, &Text::new("text/plain; charset=utf-8", bytes)),
            Err(_) => Reply::error(404),
        };
    }
    // An archive that changed since it was read must not go out under the old digest.
    let same = fs::stamp(&file) == Some((known.size, known.modified.0, known.modified.1));
    match fs::open(&file) {
        Ok((open, size)) if same && size == known.size => {
            Reply::file(head, "application/gzip", open, size, &known.entry.digest)
        }
        Ok(_) => Reply::error(503).with("Retry-After", "1"),
        Err(_) => Reply::error(404),
    }
}
