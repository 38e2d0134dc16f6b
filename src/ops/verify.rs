//! Verify: whether an archive is what a key of a keyring signed.
//!
//! Invariant: the bytes that were checked are the bytes that are handed on; nothing is read a second time.

use std::path::{Path, PathBuf};

use super::{Context, OpsError};
use crate::data::digest::Digest;
use crate::package::provenance::{self, EXTENSION, Keyring, LIMIT, ProvenanceError, Verified};
use crate::repo::generate::{ARCHIVE_LIMIT, is_archive};
use crate::sys::fs;

/// Checks the archive at a path against the provenance file beside it.
///
/// # Errors
/// It is no archive, its provenance file is missing or not valid, or the keyring cannot be read.
pub fn verify(context: &Context<'_>, path: &str, keyring: &Path) -> Result<Verified, OpsError> {
    archive(context, &context.host.resolve(path), keyring, true).map(|(_, verified)| verified)
}

/// Reads the archive at a path, if it is what its provenance file says. `demanded` says that this is all that is done.
pub(super) fn archive(
    context: &Context<'_>,
    path: &Path,
    keyring: &Path,
    demanded: bool,
) -> Result<(Vec<u8>, Verified), OpsError> {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    match fs::kind(path) {
        fs::Kind::Folder => return Err(ProvenanceError::Folder.into()),
        fs::Kind::File if !is_archive(&name) => return Err(ProvenanceError::NotAnArchive.into()),
        _ => {}
    }
    let bytes = fs::read(path, ARCHIVE_LIMIT)?;
    let beside = beside(path);
    let file = fs::read(&beside, LIMIT).map_err(|error| match error {
        fs::FsError::TooLarge { limit, .. } => ProvenanceError::TooLarge { archive: name.clone(), limit },
        error => {
            ProvenanceError::Missing { file: beside.display().to_string(), reason: reason(&error), demanded }
        }
    })?;
    let verified = check(context, &name, &bytes, &file, keyring)?;
    Ok((bytes, verified))
}

/// Checks an archive that was downloaded together with its provenance file.
pub(super) fn downloaded(
    context: &Context<'_>,
    file_name: &str,
    bytes: &[u8],
    provenance: Option<&[u8]>,
    keyring: &Path,
) -> Result<Verified, OpsError> {
    let Some(provenance) = provenance else {
        let reason = "it was not published".to_string();
        let file = format!("{file_name}{EXTENSION}");
        return Err(ProvenanceError::Missing { file, reason, demanded: false }.into());
    };
    check(context, file_name, bytes, provenance, keyring)
}

fn check(
    context: &Context<'_>,
    file_name: &str,
    bytes: &[u8],
    provenance: &[u8],
    keyring: &Path,
) -> Result<Verified, OpsError> {
    let keyring = Keyring::load(keyring)?;
    let now = context.host.now();
    Ok(provenance::verify(file_name, &Digest::of(bytes), provenance, &keyring, now)?)
}

/// The provenance file of the archive at a path.
pub(super) fn beside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_os_string();
    name.push(EXTENSION);
    PathBuf::from(name)
}

/// What the system said, without the path that the message has already.
fn reason(error: &fs::FsError) -> String {
    match error {
        fs::FsError::Io { source, .. } => fs::plain(source),
        other => other.to_string(),
    }
}
