//! What clients pushed beside archives: manifests, configurations, and blobs that no manifest names yet.
//!
//! ```text
//! .bowline/oci/NAME/blobs/DIGITS       manifests/DIGITS       tags/TAG (the digest of its manifest)
//! ```
//!
//! Invariant: a file is named after the digest of its bytes, and complete; it counts for nothing when the archive that it is
//! about is gone.

use super::{Fault, Repository, tag_of};
use crate::package::media;
use crate::repo::generate::{Archive, WORK_FOLDER};
use crate::repo::serve::catalog::Catalog;
use crate::repo::serve::snapshot::Snapshot;

/// Largest manifest in bytes; the specification asks for no less.
pub(super) const MANIFEST_LIMIT: usize = 4 << 20;
/// Largest file of a tag in bytes: the digits of its manifest.
const TAG_LIMIT: u64 = 128;

/// The path, below the folder of its tenant, of what a repository has pushed.
pub(super) fn path(repository: &Repository, kind: &str, name: &str) -> String {
    format!("{WORK_FOLDER}/oci/{}/{kind}/{name}", repository.chart)
}

/// The archives of a chart with their paths below the folder.
pub(super) fn archives<'s>(
    snapshot: &'s Snapshot,
    repository: &'s Repository,
) -> impl Iterator<Item = (&'s String, &'s Archive)> {
    snapshot.archives.iter().filter(|(_, archive)| *archive.entry.metadata.name == *repository.chart)
}

/// The manifest of an archive that nobody pushed one for.
fn made(catalog: &Catalog, path: &str, archive: &Archive) -> Result<Vec<u8>, Fault> {
    let provenance = catalog.digests().provenance(catalog.shelf(), path)?;
    Ok(super::chart::manifest(archive, provenance.as_ref()))
}

/// A manifest with its digits, by tag or digits, if there is one.
///
/// # Errors
/// What it is made of cannot be read.
pub(super) fn manifest(
    catalog: &Catalog,
    snapshot: &Snapshot,
    repository: &Repository,
    wanted: &Wanted,
) -> Result<Option<Vec<u8>>, Fault> {
    match wanted {
        Wanted::Tag(tag) => {
            let of_tag = |(_, archive): &(&String, &Archive)| tag_of(&archive.entry.metadata.version) == *tag;
            let Some((name, archive)) = archives(snapshot, repository).find(of_tag) else { return Ok(None) };
            if let Some(pushed) = pushed_for(catalog, repository, tag, archive)? {
                return Ok(Some(pushed));
            }
            made(catalog, name, archive).map(Some)
        }
        Wanted::Digits(digits) => {
            let path = path(repository, "manifests", digits);
            if let Some(bytes) = catalog.shelf().find(&path, MANIFEST_LIMIT as u64)? {
                let layer = chart_layer(&bytes);
                if archives(snapshot, repository)
                    .any(|(_, archive)| layer.as_ref() == Some(&archive.entry.digest))
                {
                    return Ok(Some(bytes));
                }
            }
            for (name, archive) in archives(snapshot, repository) {
                let bytes = made(catalog, name, archive)?;
                if crate::data::digest::sha256_hex(&bytes) == *digits {
                    return Ok(Some(bytes));
                }
            }
            Ok(None)
        }
    }
}

/// The manifest that was pushed for a tag, when it is about the archive that is there now.
fn pushed_for(
    catalog: &Catalog,
    repository: &Repository,
    tag: &str,
    archive: &Archive,
) -> Result<Option<Vec<u8>>, Fault> {
    let Some(digits) = catalog.shelf().find(&path(repository, "tags", tag), TAG_LIMIT)? else {
        return Ok(None);
    };
    let Ok(digits) = super::digits(&format!("sha256:{}", String::from_utf8_lossy(&digits).trim())) else {
        return Ok(None);
    };
    let found = catalog.shelf().find(&path(repository, "manifests", &digits), MANIFEST_LIMIT as u64)?;
    Ok(found.filter(|bytes| chart_layer(bytes).as_ref() == Some(&archive.entry.digest)))
}

/// What a manifest is asked for by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Wanted {
    Tag(String),
    Digits(String),
}

impl Wanted {
    pub(super) fn parse(reference: &str) -> Result<Self, Fault> {
        if reference.contains(':') {
            return super::digits(reference).map(Wanted::Digits);
        }
        let is_tag = reference.len() <= 128
            && reference.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
            && reference.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b));
        if is_tag {
            Ok(Wanted::Tag(reference.to_string()))
        } else {
            Err(Fault(400, "TAG_INVALID", format!("{reference:?} is not a tag")))
        }
    }
}

/// The digits of the archive that a manifest names.
pub(super) fn chart_layer(manifest: &[u8]) -> Option<String> {
    let manifest: serde_json::Value = serde_json::from_slice(manifest).ok()?;
    let layers = manifest.get("layers")?.as_array()?;
    let layer = layers
        .iter()
        .find(|layer| matches!(layer["mediaType"].as_str(), Some(media::CHART | media::LEGACY_CHART)))?;
    super::digits(layer["digest"].as_str()?).ok()
}
