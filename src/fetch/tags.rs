//! What tags of registries led to: `content/tags/<digest of the reference>`, beside the archives themselves.
//!
//! A tag may lead elsewhere tomorrow, so that only a build from a lock asks here: what was locked shall stay what it was.
//!
//! Invariant: what comes out is an archive with the digest that was noted, of the version that the tag names; a note that is
//! missing, damaged or about something else is none.

use std::path::{Path, PathBuf};

use super::cache;
use crate::chart::{Limits, metadata_of_archive};
use crate::data::digest::sha256_hex;
use crate::registry::{Reference, version_of};
use crate::sys::fs;

/// Largest note, in bytes: a reference has at most 400.
const NOTE_LIMIT: u64 = 1 << 10;

/// The note about a reference; `None` for one that a note cannot be about.
fn path(content: &Path, reference: &Reference) -> Option<PathBuf> {
    let has_tag = reference.tag.is_some() && reference.digest.is_none();
    has_tag.then(|| content.join("tags").join(sha256_hex(reference.to_string())))
}

/// Notes the digest of the archive that a tag led to. A note that cannot be written costs the next build a request.
pub(super) fn remember(content: &Path, reference: &Reference, digest: &str) {
    if let Some(path) = path(content, reference) {
        let _ = fs::write_atomic(&path, format!("{reference}\n{digest}\n").as_bytes(), false);
    }
}

/// The archive that a tag led to, and its digest.
pub(super) fn recall(content: &Path, reference: &Reference) -> Option<(String, Vec<u8>)> {
    let note = fs::read_text(&path(content, reference)?, NOTE_LIMIT).ok()?;
    let (about, digest) = note.strip_suffix('\n')?.split_once('\n')?;
    if about != reference.to_string() {
        return None;
    }
    let bytes = cache::get(content, digest)?;
    let metadata = metadata_of_archive(&bytes, &Limits::default()).ok()?;
    let version = version_of(reference.tag.as_deref()?);
    (metadata.version == version && *metadata.name == *reference.chart()).then(|| (digest.to_string(), bytes))
}
