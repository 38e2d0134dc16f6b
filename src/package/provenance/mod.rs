//! Provenance: who published an archive. The only user of OpenPGP.
//!
//! ```text
//! -----BEGIN PGP SIGNED MESSAGE-----
//! Hash: SHA512
//!                                                  Keyring ─► Signer ─► sign   ─► NAME-VERSION.tgz.prov
//! Chart.yaml, keys sorted                          Keyring ───────────► verify ─► Verified
//!
//! ...
//! files:
//!   NAME-VERSION.tgz: sha256:…
//! -----BEGIN PGP SIGNATURE-----
//! ```
//!
//! The file is Helm's, to the last line, so that either program checks what the other signed. A keyring is a file of keys:
//! binary or armored, as `gpg --export` and [`generate()`] write them, or GnuPG's own keybox.
//!
//! Invariants: an archive passes only if a signature over its name and digest was made by a key of the keyring that is bound
//! to a name, may sign, and is neither expired nor revoked at this moment; no key of the keyring made a bad one beside it.
//! Text that comes out of a provenance file or a key is shown without control characters.

mod error;
mod generate;
mod keybox;
mod keyring;
mod signer;
mod statement;
mod validity;
mod verify;

pub use error::ProvenanceError;
pub use generate::{Algorithm, GeneratedKey, NewKey, generate};
pub use keyring::Keyring;
pub use signer::Signer;
pub use verify::{SignedBy, Verified, verify};

use pgp::types::{Fingerprint, KeyDetails};

use crate::sys::Random;
use crate::sys::stream::Stream;

/// Largest provenance file, in bytes.
pub const LIMIT: u64 = 1 << 20;
/// What the name of a provenance file adds to that of its archive.
pub const EXTENSION: &str = ".prov";

/// A stream of random bytes from one seed of the host. The seed is drawn first, so that a source that fails is an error and
/// never a key that others can guess.
fn entropy(random: &Random) -> Result<Stream, ProvenanceError> {
    let mut seed = zeroize::Zeroizing::new([0; 32]);
    random.fill(&mut seed[..]).map_err(|source| ProvenanceError::Random { source })?;
    Ok(Stream::seeded(&seed[..]))
}

/// A key's fingerprint as people compare it.
fn fingerprint(key: &impl KeyDetails) -> String {
    hex(&key.fingerprint())
}

fn hex(fingerprint: &Fingerprint) -> String {
    format!("{fingerprint:X}")
}

/// Text of others as it may be shown: it cannot move a cursor, nor begin a line of its own.
fn shown(text: &[u8]) -> String {
    String::from_utf8_lossy(text).chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}
