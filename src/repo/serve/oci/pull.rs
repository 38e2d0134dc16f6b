//! The part of the API that reads.
//!
//! Invariant: what is sent under a digest has that digest.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::json;

use super::store::{self, Wanted, archives};
use super::{Fault, Repository, chart, digits, tag_of};
use crate::data::digest::sha256_hex;
use crate::package::media;
use crate::repo::serve::Shared;
use crate::repo::serve::catalog::Catalog;
use crate::repo::serve::reply::Reply;
use crate::repo::serve::request::Head;
use crate::repo::serve::snapshot::Snapshot;
use crate::repo::serve::storage::Stamp;
use crate::repo::serve::upload::PROVENANCE_LIMIT;

/// Most names in one answer.
const MOST: usize = 1_000;
const BYTES: &str = "application/octet-stream";

/// The folder of a repository.
pub(super) fn folder(shared: &Shared, repository: &Repository) -> Result<Arc<Catalog>, Fault> {
    shared.tenants.get(&repository.tenant).map_err(|refusal| match refusal.status {
        404 => Fault(404, "NAME_UNKNOWN", format!("there is no repository {:?}", repository.name)),
        _ => refusal.into(),
    })
}

/// The repositories of all tenants.
pub(super) fn catalog(shared: &Shared, head: &Head) -> Result<Reply, Fault> {
    let mut names = BTreeSet::new();
    for tenant in shared.tenants.names()? {
        let Ok(catalog) = shared.tenants.get(&tenant) else { continue };
        let below = if tenant.is_empty() { String::new() } else { format!("{tenant}/") };
        names.extend(
            catalog
                .current()
                .archives
                .values()
                .map(|archive| format!("charts/{below}{}", archive.entry.metadata.name)),
        );
    }
    let (names, next) = page(names, head)?;
    let reply = Reply::json(200, &json!({ "repositories": names }));
    Ok(linked(reply, next.map(|next| format!("</v2/_catalog?{next}>; rel=\"next\""))))
}

/// The versions of a chart as tags.
pub(super) fn tags(shared: &Shared, head: &Head, repository: &Repository) -> Result<Reply, Fault> {
    let snapshot = folder(shared, repository)?.current();
    let tags: BTreeSet<String> =
        archives(&snapshot, repository).map(|(_, archive)| tag_of(&archive.entry.metadata.version)).collect();
    if tags.is_empty() {
        return Err(Fault(404, "NAME_UNKNOWN", format!("there is no repository {:?}", repository.name)));
    }
    let (tags, next) = page(tags, head)?;
    let reply = Reply::json(200, &json!({ "name": repository.name, "tags": tags }));
    let name = &repository.name;
    Ok(linked(reply, next.map(|next| format!("</v2/{name}/tags/list?{next}>; rel=\"next\""))))
}

fn linked(reply: Reply, link: Option<String>) -> Reply {
    match link {
        Some(link) => reply.with("Link", &link),
        None => reply,
    }
}

/// The names after `last`, `n` at most, and the query of the next page.
fn page(names: BTreeSet<String>, head: &Head) -> Result<(Vec<String>, Option<String>), Fault> {
    let most = match head.query("n") {
        None => MOST,
        Some(n) => n
            .parse::<usize>()
            .map_err(|_| Fault(400, "PAGINATION_NUMBER_INVALID", format!("{n:?} is not a number")))?
            .min(MOST),
    };
    let last = head.query("last").unwrap_or("");
    let mut rest = names.into_iter().filter(|name| name.as_str() > last);
    let names: Vec<String> = rest.by_ref().take(most).collect();
    let more = rest.next().is_some();
    // Names are made of characters that need no escape in a query, but for the plus.
    let next =
        names.last().filter(|_| more).map(|last| format!("n={most}&last={}", last.replace('+', "%2B")));
    Ok((names, next))
}

/// A manifest by tag or digest.
pub(super) fn manifest(
    shared: &Shared,
    head: &Head,
    repository: &Repository,
    reference: &str,
) -> Result<Reply, Fault> {
    let wanted = Wanted::parse(reference)?;
    let catalog = folder(shared, repository)?;
    let bytes = store::manifest(&catalog, &catalog.current(), repository, &wanted)?.ok_or_else(|| {
        Fault(404, "MANIFEST_UNKNOWN", format!("{} has no manifest {reference:?}", repository.name))
    })?;
    let digest = sha256_hex(&bytes);
    // Helm leaves its type out of a manifest; nothing of another type is taken in.
    Ok(Reply::bytes(head, media::MANIFEST, bytes, &digest)
        .with("Docker-Content-Digest", &format!("sha256:{digest}")))
}

/// A blob: an archive, its provenance file, its configuration, or what was pushed.
pub(super) fn blob(
    shared: &Shared,
    head: &Head,
    repository: &Repository,
    digest: &str,
) -> Result<Reply, Fault> {
    let wanted = digits(digest)?;
    let catalog = folder(shared, repository)?;
    let reply = match find(&catalog, repository, &wanted)? {
        Some(Found::Object(path, stamp)) => Reply::stream(head, BYTES, stamp.size, &wanted, |range| {
            catalog.shelf().open(&path, &stamp, range)
        })?,
        Some(Found::Bytes(bytes)) => Reply::bytes(head, BYTES, bytes, &wanted),
        None => {
            let text = format!("{} has no blob {digest}", repository.name);
            return Err(Fault(404, "BLOB_UNKNOWN", text));
        }
    };
    Ok(reply.with("Docker-Content-Digest", digest))
}

/// Where a blob is.
pub(super) enum Found {
    /// At that path below the folder.
    Object(String, Stamp),
    Bytes(Vec<u8>),
}

/// Looks for a blob by its digits.
///
/// # Errors
/// The storage does not answer.
pub(super) fn find(catalog: &Catalog, repository: &Repository, wanted: &str) -> Result<Option<Found>, Fault> {
    let in_place = |snapshot: &Snapshot| {
        let (path, archive) =
            archives(snapshot, repository).find(|(_, archive)| archive.entry.digest == wanted)?;
        Some(Found::Object(path.clone(), Stamp::of(archive)))
    };
    if let Some(found) = in_place(&catalog.current()) {
        return Ok(Some(found));
    }
    let pushed = store::path(repository, "blobs", wanted);
    if let Some(stamp) = catalog.shelf().stamp(&pushed)? {
        catalog.want(&pushed);
        return Ok(Some(Found::Object(pushed, stamp)));
    }
    // Between the two looks a push may have put it in place.
    let snapshot = catalog.last();
    if let Some(found) = in_place(&snapshot) {
        return Ok(Some(found));
    }
    for (path, archive) in archives(&snapshot, repository) {
        let config = || chart::config(&archive.entry.metadata);
        if catalog.digests().config(archive, config) == wanted {
            return Ok(Some(Found::Bytes(config())));
        }
        let provenance = catalog.digests().provenance(catalog.shelf(), path)?;
        if provenance.is_some_and(|(digits, _)| digits == wanted) {
            let found = catalog.shelf().find(&format!("{path}.prov"), PROVENANCE_LIMIT)?;
            // It may have become another one since.
            if let Some(bytes) = found.filter(|bytes| sha256_hex(bytes) == wanted) {
                return Ok(Some(Found::Bytes(bytes)));
            }
        }
    }
    Ok(None)
}

/// What refers to a manifest: nothing, since nothing but charts is taken in.
pub(super) fn referrers(_: &Repository, digest: &str) -> Result<Reply, Fault> {
    digits(digest)?;
    let index = json!({ "schemaVersion": 2, "mediaType": media::INDEX, "manifests": [] });
    Ok(Reply::plain(media::INDEX, index.to_string()))
}
