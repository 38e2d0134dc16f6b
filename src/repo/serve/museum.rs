//! ChartMuseum's API below `/api`: list, upload and delete.
//!
//! | method and path | answer |
//! |---|---|
//! | GET `/api/charts` | every version of every chart; with `offset` and `limit`, of some charts in the order of names |
//! | GET `/api/charts/NAME`, `…/VERSION` | the versions of a chart; one version, with its texts |
//! | GET `/api/charts/NAME/VERSION/templates`, `…/values` | its templates (their data in base64), its values.yaml |
//! | POST, PUT `/api/charts` | takes in a chart as the body, or `chart` and `prov` as files of a form |
//! | POST, PUT `/api/prov` | takes in a provenance file |
//! | DELETE `/api/charts/NAME/VERSION` | removes an archive and its provenance file |
//!
//! With tenants, the tenant stands after `/api`. Errors are `{"error": …}`.
//!
//! Invariant: what only reads changes nothing, and what changes is refused unless the server is writable.

use std::collections::BTreeSet;

use serde_json::{Value as Json, json};

use super::Shared;
use super::body::Body;
use super::browse;
use super::catalog::Catalog;
use super::markdown;
use super::reply::{Reply, Text};
use super::request::{Head, Method};
use super::snapshot::{JSON, Snapshot, entry_json};
use super::upload::Refusal;
use crate::chart::{ArchiveProblem, ChartError, ChartFile, Limits, read_archive};
use crate::data::base64;
use crate::repo::generate::ARCHIVE_LIMIT;
use crate::repo::index::Entry;
use crate::repo::peek;

/// Longest values, schema or README that is sent, in bytes.
const TEXT_LIMIT: usize = 2 << 20;
/// Most bytes of templates that are sent.
const TEMPLATES_LIMIT: usize = 8 << 20;
/// Most bytes of all files of an archive that is looked into.
const UNPACKED_LIMIT: u64 = 32 << 20;

/// The answer to a request for a path below `/api/`, which is given by its parts.
pub(super) fn answer(shared: &Shared, head: &Head, body: &mut Body<'_>, parts: &[&str]) -> Reply {
    let not_found = || Reply::json_error(404, "not found");
    let Some((tenant, rest)) = shared.tenants.split(parts) else { return not_found() };
    if head.method.only_reads() {
        let ["charts", rest @ ..] = rest else { return not_found() };
        return match shared.tenants.get(&tenant) {
            Ok(catalog) => read(shared, head, &catalog, rest),
            Err(refusal) => refused(&refusal),
        };
    }
    match (head.method, rest) {
        (Method::Post | Method::Put, [kind @ ("charts" | "prov")]) if shared.writable => {
            match shared.uploads.take(&shared.tenants, &tenant, head, body, *kind == "prov") {
                Ok(()) => Reply::json(201, &json!({ "saved": true })),
                Err(refusal) => refused(&refusal),
            }
        }
        (Method::Delete, ["charts", name, version]) if shared.writable && shared.deletable => {
            match shared.tenants.get(&tenant).and_then(|catalog| delete(&catalog, name, version)) {
                Ok(()) => Reply::json(200, &json!({ "deleted": true })),
                Err(refusal) => refused(&refusal),
            }
        }
        _ => Reply::error(405),
    }
}

fn refused(refusal: &Refusal) -> Reply {
    Reply::json_error(refusal.status, &refusal.reason)
}

fn read(shared: &Shared, head: &Head, catalog: &Catalog, rest: &[&str]) -> Reply {
    let snapshot = catalog.current();
    let [name, rest @ ..] = rest else { return charts(head, &snapshot) };
    let Some(versions) = snapshot.index.entries.get(*name) else {
        return Reply::json_error(404, "chart not found");
    };
    let [version, rest @ ..] = rest else {
        return json(head, &Json::Array(versions.iter().map(|entry| entry_json(entry)).collect()));
    };
    let Some(entry) = snapshot.entry(name, version) else {
        return Reply::json_error(404, "chart version not found");
    };
    if !matches!(rest, [] | ["values" | "templates"]) {
        return Reply::json_error(404, "not found");
    }
    // A small archive may hold much, and everybody who may read may ask for it.
    let Some(_turn) = shared.looks.take() else {
        return Reply::json_error(503, "too many look into archives at the same time");
    };
    match rest {
        [] => version_of(head, catalog, &snapshot, entry),
        ["values"] => match texts(catalog, &snapshot, entry).map(|texts| texts.values) {
            Ok(Some(values)) if values.len() > TEMPLATES_LIMIT => refused(&too_large(TEMPLATES_LIMIT as u64)),
            Ok(Some(values)) => {
                Reply::text(head, &Text::new("application/yaml; charset=utf-8", values.into_bytes()))
            }
            Ok(None) => Reply::json_error(404, "values not found"),
            Err(refusal) => refused(&refusal),
        },
        _ => match templates(catalog, &snapshot, entry) {
            Ok(templates) => json(head, &templates),
            Err(refusal) => refused(&refusal),
        },
    }
}

/// All charts, or those from `offset` on, `limit` at most.
fn charts(head: &Head, snapshot: &Snapshot) -> Reply {
    if head.query("offset").is_none() && head.query("limit").is_none() {
        return Reply::text(head, snapshot.charts());
    }
    let number = |name: &str, unless: usize| match head.query(name) {
        None => Ok(unless),
        Some(text) => text.parse::<usize>().map_err(|_| name.to_string()),
    };
    let bounds = number("offset", 0).and_then(|offset| Ok((offset, number("limit", usize::MAX)?)));
    match bounds {
        // ChartMuseum, too, takes a page without charts for a mistake.
        Ok((_, 0)) => Reply::json_error(400, "limit is not a number above 0"),
        Ok((offset, limit)) => Reply::text(head, &snapshot.page(offset, limit)),
        Err(name) => Reply::json_error(400, &format!("{name} is not a number")),
    }
}

fn json(head: &Head, value: &Json) -> Reply {
    Reply::text(head, &Text::new(JSON, value.to_string().into_bytes()))
}

/// One version, with what the page shows of it.
fn version_of(head: &Head, catalog: &Catalog, snapshot: &Snapshot, entry: &Entry) -> Reply {
    let mut value = entry_json(entry);
    let Some(fields) = value.as_object_mut() else { return Reply::error(500) };
    if let Some((path, _)) = snapshot.archive_of(entry) {
        fields.insert("archive".to_string(), json!(path));
        let signed = catalog.shelf().stamp(&format!("{path}.prov"));
        let (signed, texts) = match (signed, texts(catalog, snapshot, entry)) {
            (Ok(signed), Ok(texts)) => (signed.is_some(), texts),
            // An archive that went away a moment ago has no texts, and those of one that is too large are not shown; one
            // that cannot be had now may have some.
            (Ok(signed), Err(refusal)) if refusal.status < 500 => (signed.is_some(), peek::Texts::default()),
            (Err(error), _) => return refused(&error.into()),
            (_, Err(refusal)) => return refused(&refusal),
        };
        fields.insert("provenance".to_string(), json!(signed));
        let short = |text: &Option<String>| text.as_ref().filter(|text| text.len() <= TEXT_LIMIT).cloned();
        fields.insert("readmeHtml".to_string(), json!(texts.readme.as_deref().map(markdown::render)));
        let values = short(&texts.values);
        let tree = browse::tree(values.as_deref(), short(&texts.schema).as_deref());
        fields.insert("tree".to_string(), json!(tree));
        fields.insert("readme".to_string(), json!(short(&texts.readme)));
        fields.insert("values".to_string(), json!(values));
        fields.insert("schema".to_string(), json!(short(&texts.schema)));
    }
    json(head, &value)
}

fn bytes(catalog: &Catalog, snapshot: &Snapshot, entry: &Entry) -> Result<Vec<u8>, Refusal> {
    let found = snapshot.archive_of(entry);
    let (path, _) = found.ok_or_else(|| Refusal::new(404, "the archive of this version lies elsewhere"))?;
    Ok(catalog.shelf().read(path, ARCHIVE_LIMIT)?)
}

fn texts(catalog: &Catalog, snapshot: &Snapshot, entry: &Entry) -> Result<peek::Texts, Refusal> {
    Ok(peek::texts_of(files(catalog, snapshot, entry)?))
}

/// The files of an archive, unless they are too large to be looked at here.
fn files(catalog: &Catalog, snapshot: &Snapshot, entry: &Entry) -> Result<Vec<ChartFile>, Refusal> {
    let limits = Limits { total_bytes: UNPACKED_LIMIT, file_bytes: UNPACKED_LIMIT, ..Limits::default() };
    read_archive(&bytes(catalog, snapshot, entry)?, &limits).map_err(|error| match error {
        ChartError::Archive {
            problem: ArchiveProblem::TooLarge { .. } | ArchiveProblem::FileTooLarge { .. },
            ..
        } => too_large(UNPACKED_LIMIT),
        other => Refusal::new(404, other.to_string()),
    })
}

fn too_large(limit: u64) -> Refusal {
    Refusal::new(413, format!("this is more than {limit} bytes, too large to be shown; pull the archive"))
}

fn templates(catalog: &Catalog, snapshot: &Snapshot, entry: &Entry) -> Result<Json, Refusal> {
    let mut files = files(catalog, snapshot, entry)?;
    files.retain(|file| file.path.starts_with("templates/"));
    let size: usize = files.iter().map(|file| file.data.len()).sum();
    if size > TEMPLATES_LIMIT {
        return Err(too_large(TEMPLATES_LIMIT as u64));
    }
    let template = |file: &ChartFile| json!({ "name": file.path, "data": base64::encode(&file.data) });
    Ok(Json::Array(files.iter().map(template).collect()))
}

/// Removes a version with its archive and provenance file. Where the same version lies in several folders, it is gone from all.
///
/// # Errors
/// There is none, its archive lies elsewhere, or the system refuses.
pub(super) fn delete(catalog: &Catalog, name: &str, version: &str) -> Result<(), Refusal> {
    let changing = catalog.change();
    let last = catalog.last();
    let entry = last.entry(name, version).ok_or_else(|| Refusal::new(404, "chart version not found"))?;
    let mut paths: BTreeSet<&String> = last.copies(name, version).collect();
    paths.extend(last.archive_of(entry).map(|(path, _)| path));
    if paths.is_empty() {
        return Err(Refusal::new(404, "the archive of this version lies elsewhere"));
    }
    catalog.may_change(&changing)?;
    for path in paths {
        catalog.shelf().remove(path)?;
        catalog.disown(&changing, path)?;
        catalog.removed(&changing, path, name, version)?;
    }
    Ok(())
}
