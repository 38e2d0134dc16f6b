//! Which path gives what.
//!
//! | path | answer |
//! |---|---|
//! | `/` | the page; its files below `/-/` |
//! | `/-/tenants.json` | the names of the tenants that one may read, for the page |
//! | `/index.yaml` | the index |
//! | `/NAME.tgz`, `/FOLDER/NAME.tgz` | an archive |
//! | the same with `.prov` | its provenance file |
//! | the same below `/charts/` | the same, as ChartMuseum has it |
//! | `/artifacthub-repo.yml` | what Artifact Hub wants to know of the repository |
//! | `/api/…` | ChartMuseum's API (`museum`) |
//! | `/v2/…` | the API of a registry (`oci`) |
//! | `/token` | tokens, when this server signs them (`token_service`) |
//! | `/health`, `/info`, `/metrics` | for probes |
//!
//! With tenants, the tenant stands before `index.yaml`, the archives, `artifacthub-repo.yml` and `-/charts.json`.
//!
//! Invariant: a file is served only when the catalogue lists it as an archive, or by one name that is written here, so no
//! path leads out of the folder, to another file, or to a listing.

use std::net::IpAddr;

use serde_json::json;

use super::Shared;
use super::access::Asker;
use super::body::Body;
use super::catalog::Catalog;
use super::reply::{Reply, Text};
use super::request::Head;
use super::scopes;
use super::snapshot::{JSON, YAML};
use super::storage::Stamp;
use super::upload::PROVENANCE_LIMIT;
use super::{metrics, museum, oci, origin, page, token_service};

/// What Artifact Hub reads beside an index: who owns the repository, and what to leave out.
const ARTIFACT_HUB: &str = "artifacthub-repo.yml";
/// Largest such file in bytes.
const ARTIFACT_HUB_LIMIT: u64 = 1 << 20;

/// The answer to a request.
pub(super) fn answer(shared: &Shared, peer: IpAddr, head: &Head, body: &mut Body<'_>) -> Reply {
    // Whoever has no token yet is let in here.
    if let (Some(issuer), "/token") = (shared.access.issuer(), head.path.as_str()) {
        return token_service::answer(&shared.access, issuer, peer, head, body);
    }
    if let Some(refusal) = origin::refusal(head, &shared.url) {
        return refusal;
    }
    let asker = match shared.access.check(head, peer) {
        Ok(asker) => asker,
        Err(reply) => return reply,
    };
    let parts: Vec<&str> = head.path.trim_start_matches('/').split('/').collect();
    if let ["api", rest @ ..] = parts.as_slice() {
        return museum::answer(shared, head, body, rest);
    }
    if let ["v2", rest @ ..] = parts.as_slice() {
        return oci::answer(shared, &asker, peer, head, body, rest);
    }
    if !head.method.only_reads() {
        return Reply::error(405);
    }
    if let Some(text) = page::asset(&head.path) {
        return Reply::text(head, text)
            .with("Content-Security-Policy", page::POLICY)
            .with("Referrer-Policy", "no-referrer");
    }
    match head.path.as_str() {
        "/health" => json(head, &json!({ "healthy": true })),
        "/info" => json(head, &json!({ "version": concat!("v", env!("CARGO_PKG_VERSION")) })),
        "/-/tenants.json" => match shared.tenants.names() {
            Ok(mut names) => {
                names.retain(|name| shared.access.may(&asker, &scopes::folder(name, "pull")));
                json(head, &json!({ "name": shared.name, "depth": shared.tenants.depth(), "tenants": names }))
            }
            Err(refusal) => Reply::error(refusal.status),
        },
        "/metrics" => Reply::plain(metrics::CONTENT_TYPE, metrics_of(shared, &asker)),
        _ => below(shared, head, &parts),
    }
}

/// The counts, those of folders only as far as the asker may read them.
fn metrics_of(shared: &Shared, asker: &Asker) -> String {
    let mut folders = shared.tenants.all();
    folders.retain(|(tenant, _)| shared.access.may(asker, &scopes::folder(tenant, "pull")));
    shared.metrics.text(&folders)
}

/// What belongs to one folder.
fn below(shared: &Shared, head: &Head, parts: &[&str]) -> Reply {
    let Some((tenant, rest)) = shared.tenants.split(parts) else { return Reply::error(404) };
    let catalog = match shared.tenants.get(&tenant) {
        Ok(catalog) => catalog,
        Err(refusal) => return Reply::error(refusal.status),
    };
    match rest {
        ["index.yaml"] => Reply::text(head, &catalog.current().index_yaml),
        ["-", "charts.json"] => Reply::text(head, catalog.current().summary(&shared.name, &shared.url)),
        [ARTIFACT_HUB] => match catalog.shelf().read(ARTIFACT_HUB, ARTIFACT_HUB_LIMIT) {
            Ok(bytes) => Reply::text(head, &Text::new(YAML, bytes)),
            Err(error) => Reply::error(error.status()),
        },
        path => archive(head, &catalog, path),
    }
}

fn json(head: &Head, value: &serde_json::Value) -> Reply {
    Reply::text(head, &Text::new(JSON, value.to_string().into_bytes()))
}

/// An archive or its provenance file. One that lies in a folder `charts` comes before the one that ChartMuseum would mean.
fn archive(head: &Head, catalog: &Catalog, parts: &[&str]) -> Reply {
    let snapshot = catalog.current();
    let museum = parts.strip_prefix(&["charts"]);
    let known = [Some(parts), museum].into_iter().flatten().find_map(|parts| {
        let path = parts.join("/");
        let known = snapshot.archives.get(path.strip_suffix(".prov").unwrap_or(&path))?;
        Some((path, known))
    });
    let Some((path, known)) = known else { return Reply::error(404) };
    let path = path.as_str();
    if path.strip_suffix(".prov").is_some() {
        return match catalog.shelf().read(path, PROVENANCE_LIMIT) {
            Ok(bytes) => Reply::text(head, &Text::new("text/plain; charset=utf-8", bytes)),
            Err(error) => Reply::error(error.status()),
        };
    }
    let stamp = Stamp::of(known);
    Reply::stream(head, "application/gzip", known.size, &known.entry.digest, |range| {
        catalog.shelf().open(path, &stamp, range)
    })
    .unwrap_or_else(|error| Reply::error(error.status()))
}
