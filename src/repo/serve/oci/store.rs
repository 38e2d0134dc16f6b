//! What clients pushed beside archives: manifests, configurations, and blobs that no manifest names yet.
//!
//! ```text
//! FOLDER/.bowline/oci/NAME/blobs/DIGITS       manifests/DIGITS       tags/TAG (the digest of its manifest)
//! ```
//!
//! Invariant: a file is named after the digest of its bytes, and complete; it counts for nothing when the archive that it is
//! about is gone.

use std::path::PathBuf;

use super::{Repository, tag_of};
use crate::package::media;
use crate::repo::generate::{Archive, WORK_FOLDER};
use crate::repo::serve::catalog::Catalog;
use crate::repo::serve::snapshot::Snapshot;
use crate::repo::serve::upload::PROVENANCE_LIMIT;
use crate::sys::fs;

/// Largest manifest in bytes; the specification asks for no less.
pub(super) const MANIFEST_LIMIT: usize = 4 << 20;

/// The file of what a repository has pushed.
pub(super) fn path(catalog: &Catalog, repository: &Repository, kind: &str, name: &str) -> PathBuf {
    catalog.folder().join(WORK_FOLDER).join("oci").join(&repository.chart).join(kind).join(name)
}

/// The archives of a chart with their paths below the folder.
pub(super) fn archives<'s>(
    snapshot: &'s Snapshot,
    repository: &'s Repository,
) -> impl Iterator<Item = (&'s String, &'s Archive)> {
    snapshot.archives.iter().filter(|(_, archive)| *archive.entry.metadata.name == *repository.chart)
}

/// The provenance file of an archive.
pub(super) fn provenance(catalog: &Catalog, archive: &str) -> Option<Vec<u8>> {
    fs::read(&catalog.folder().join(format!("{archive}.prov")), PROVENANCE_LIMIT).ok()
}

/// A manifest with its digits, by tag or digits.
pub(super) fn manifest(
    catalog: &Catalog,
    snapshot: &Snapshot,
    repository: &Repository,
    wanted: &Wanted,
) -> Option<Vec<u8>> {
    match wanted {
        Wanted::Tag(tag) => {
            let of_tag = |(_, archive): &(&String, &Archive)| tag_of(&archive.entry.metadata.version) == *tag;
            let (name, archive) = archives(snapshot, repository).find(of_tag)?;
            pushed_for(catalog, repository, tag, archive)
                .or_else(|| Some(super::chart::manifest(archive, provenance(catalog, name).as_deref())))
        }
        Wanted::Digits(digits) => {
            let pushed = fs::read(&path(catalog, repository, "manifests", digits), MANIFEST_LIMIT as u64);
            let is_there = |bytes: &Vec<u8>| {
                let layer = chart_layer(bytes);
                archives(snapshot, repository)
                    .any(|(_, archive)| layer.as_ref() == Some(&archive.entry.digest))
            };
            pushed.ok().filter(is_there).or_else(|| {
                archives(snapshot, repository)
                    .map(|(name, archive)| {
                        super::chart::manifest(archive, provenance(catalog, name).as_deref())
                    })
                    .find(|bytes| crate::data::digest::sha256_hex(bytes) == *digits)
            })
        }
    }
}

/// The manifest that was pushed for a tag, when it is about the archive that is there now.
fn pushed_for(catalog: &Catalog, repository: &Repository, tag: &str, archive: &Archive) -> Option<Vec<u8>> {
    let digits = fs::read_text(&path(catalog, repository, "tags", tag), 128).ok()?;
    let bytes =
        fs::read(&path(catalog, repository, "manifests", digits.trim()), MANIFEST_LIMIT as u64).ok()?;
    (chart_layer(&bytes)? == archive.entry.digest).then_some(bytes)
}

/// What a manifest is asked for by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Wanted {
    Tag(String),
    Digits(String),
}

impl Wanted {
    pub(super) fn parse(reference: &str) -> Result<Self, super::Fault> {
        if reference.contains(':') {
            return super::digits(reference).map(Wanted::Digits);
        }
        let is_tag = reference.len() <= 128
            && reference.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
            && reference.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b));
        if is_tag {
            Ok(Wanted::Tag(reference.to_string()))
        } else {
            Err(super::Fault(400, "TAG_INVALID", format!("{reference:?} is not a tag")))
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
