//! Downloaded archives by their digest: `content/<first two digits>/<digest>.chart`, shared with Helm 4.
//!
//! Invariant: what comes out of the cache has the digest that was asked for, whatever happened to the file.

use std::path::{Path, PathBuf};

use crate::data::digest::sha256_hex;
use crate::repo::generate::ARCHIVE_LIMIT;
use crate::sys::fs;

fn path(folder: &Path, digest: &str) -> Option<PathBuf> {
    let hex = digest.len() == 64 && digest.bytes().all(|b| b.is_ascii_hexdigit());
    let first = digest.get(..2).filter(|_| hex)?;
    Some(folder.join(first).join(format!("{digest}.chart")))
}

/// The archive with this digest.
pub(super) fn get(folder: &Path, digest: &str) -> Option<Vec<u8>> {
    let bytes = fs::read(&path(folder, digest)?, ARCHIVE_LIMIT).ok()?;
    (sha256_hex(&bytes) == digest).then_some(bytes)
}

/// Keeps an archive. A cache that cannot be written costs the next download, not this one.
pub(super) fn put(folder: &Path, digest: &str, bytes: &[u8]) {
    if let Some(path) = path(folder, digest) {
        let _ = fs::write_atomic(&path, bytes, false);
    }
}
