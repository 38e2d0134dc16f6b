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
use crate::chart::{ChartFile, Limits, read_archive};
use crate::data::base64;
use crate::repo::generate::ARCHIVE_LIMIT;
use crate::repo::index::Entry;
use crate::repo::peek;

/// Longest values, schema or README that is sent, in bytes.
const TEXT_LIMIT: usize = 2 << 20;

/// The answer to a request for a path below `/api/`, which is given by its parts.
pub(super) fn answer(shared: &Shared, head: &Head, body: &mut Body<'_>, parts: &[&str]) -> Reply {
    let not_found = || Reply::json_error(404, "not found");
    let Some((tenant, rest)) = shared.tenants.split(parts) else { return not_found() };
    if head.method.only_reads() {
        let ["charts", rest @ ..] = rest else { return not_found() };
        return match shared.tenants.get(&tenant) {
            Ok(catalog) => read(head, &catalog, rest),
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

fn read(head: &Head, catalog: &Catalog, rest: &[&str]) -> Reply {
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
    match rest {
        [] => version_of(head, catalog, &snapshot, entry),
        ["values"] => match texts(catalog, &snapshot, entry).map(|texts| texts.values) {
            Ok(Some(values)) => {
                Reply::text(head, &Text::new("application/yaml; charset=utf-8", values.into_bytes()))
            }
            Ok(None) => Reply::json_error(404, "values not found"),
            Err(refusal) => refused(&refusal),
        },
        ["templates"] => match files(catalog, &snapshot, entry) {
            Ok(files) => json(head, &Json::Array(files.iter().filter_map(template).collect())),
            Err(refusal) => refused(&refusal),
        },
        _ => Reply::json_error(404, "not found"),
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
            // An archive that went away a moment ago has no texts; one that cannot be had now may have some.
            (_, Err(refusal)) if refusal.status < 500 => (false, peek::Texts::default()),
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
    peek::texts(&bytes(catalog, snapshot, entry)?).map_err(|reason| Refusal::new(404, reason))
}

fn files(catalog: &Catalog, snapshot: &Snapshot, entry: &Entry) -> Result<Vec<ChartFile>, Refusal> {
    read_archive(&bytes(catalog, snapshot, entry)?, &Limits::default())
        .map_err(|error| Refusal::new(404, error.to_string()))
}

fn template(file: &ChartFile) -> Option<Json> {
    let is_template = file.path.starts_with("templates/");
    is_template.then(|| json!({ "name": file.path, "data": base64::encode(&file.data) }))
}

/// Removes a version with its archive and provenance file.
///
/// # Errors
/// There is none, its archive lies elsewhere, or the system refuses.
pub(super) fn delete(catalog: &Catalog, name: &str, version: &str) -> Result<(), Refusal> {
    let changing = catalog.change();
    let last = catalog.last();
    let entry = last.entry(name, version).ok_or_else(|| Refusal::new(404, "chart version not found"))?;
    let Some((path, _)) = last.archive_of(entry) else {
        return Err(Refusal::new(404, "the archive of this version lies elsewhere"));
    };
    catalog.shelf().remove(path)?;
    catalog.shelf().remove(&format!("{path}.prov"))?;
    Ok(catalog.removed(&changing, path, name, version)?)
}
