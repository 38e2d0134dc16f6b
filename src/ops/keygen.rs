//! Keygen: a key to sign with, in two keyrings.
//!
//! Invariant: no keyring that is there is replaced; what a failure leaves is neither of the two.

use std::path::{Path, PathBuf};

use super::{Context, OpsError};
use crate::package::provenance::{self, NewKey, ProvenanceError};
use crate::sys::fs;

/// A key that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeygenReport {
    /// The name on it.
    pub name: String,
    /// Its fingerprint, in upper-case hex digits.
    pub fingerprint: String,
    /// The keyring with the secret key, which only its owner can read.
    pub secret: PathBuf,
    /// The keyring with the public key.
    pub public: PathBuf,
}

/// Makes a key and writes `secring.gpg` and `pubring.gpg` (`.asc` when armored) into a folder, which is made if need be.
///
/// # Errors
/// One of the files is there, the name is not acceptable, or a file cannot be written.
pub fn keygen(context: &Context<'_>, key: &NewKey, folder: &Path) -> Result<KeygenReport, OpsError> {
    let end = if key.armor { "asc" } else { "gpg" };
    let files = [folder.join(format!("secring.{end}")), folder.join(format!("pubring.{end}"))];
    let mut claimed = Vec::new();
    let written = (|| {
        for file in &files {
            let path = context.host.resolve(file);
            if !fs::create_private(&path)? {
                return Err(ProvenanceError::KeyringExists { path: file.clone() }.into());
            }
            claimed.push(path);
        }
        let made = provenance::generate(key, context.host.now(), &context.host.random)?;
        fs::write_atomic(&context.host.resolve(&files[0]), &made.secret, true)?;
        fs::write_atomic(&context.host.resolve(&files[1]), &made.public, false)?;
        Ok(made.fingerprint)
    })();
    match written {
        Ok(fingerprint) => {
            let [secret, public] = files;
            Ok(KeygenReport { name: key.name.clone(), fingerprint, secret, public })
        }
        Err(error) => {
            for path in claimed {
                // What failed is worth more than that an empty file cannot be removed.
                let _ = fs::remove_file(&path);
            }
            Err(error)
        }
    }
}
