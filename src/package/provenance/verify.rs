//! Checking an archive against its provenance file.
//!
//! Invariant: [`Verified`] is made in one place, after name and digest were read from a text that a trusted key signed.

use std::time::{Duration, SystemTime};

use pgp::armor::DearmorOptions;
use pgp::composed::CleartextSignedMessage;
use pgp::crypto::hash::HashAlgorithm;
use pgp::packet::{Signature, SignatureType};

use super::validity::{self, parts};
use super::{Keyring, LIMIT, ProvenanceError, fingerprint, hex, statement};
use crate::data::digest::{self, Digest};

const BEGIN: &[u8] = b"-----BEGIN PGP SIGNED MESSAGE-----";
const END: &[u8] = b"-----END PGP SIGNATURE-----";
/// Most signatures of one provenance file that are looked at.
const MOST_SIGNATURES: usize = 16;
/// How far ahead the clock of the machine that signed may be.
const SKEW: Duration = Duration::from_secs(300);

/// A key that vouches for an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedBy {
    /// The names on the key, the main one first.
    pub names: Vec<String>,
    /// Fingerprint of the primary key, in upper-case hex digits.
    pub fingerprint: String,
}

/// An archive that is what somebody in the keyring signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// The archive's file name.
    pub file_name: String,
    /// Its digest.
    pub digest: Digest,
    /// Who vouches for it; at least one.
    pub signed_by: Vec<SignedBy>,
}

/// Checks an archive by its file name and digest against the bytes of its provenance file.
///
/// # Errors
/// The provenance file is none, no key of the keyring made a signature on it, one of them made a bad one or may not be relied
/// on now, or the signed text is about another name or another digest.
pub fn verify(
    file_name: &str,
    digest: &Digest,
    provenance: &[u8],
    keyring: &Keyring,
    now: SystemTime,
) -> Result<Verified, ProvenanceError> {
    let archive = || file_name.to_string();
    if provenance.len() as u64 > LIMIT {
        return Err(ProvenanceError::TooLarge { archive: archive(), limit: LIMIT });
    }
    let not_signed = |reason: String| ProvenanceError::NotSigned { archive: archive(), reason };
    let provenance = provenance.trim_ascii();
    if !provenance.starts_with(BEGIN) {
        return Err(not_signed(format!("it does not begin with {}", String::from_utf8_lossy(BEGIN))));
    }
    if !provenance.windows(END.len()).any(|window| window == END) {
        return Err(not_signed(format!("it is cut off: {} is missing", String::from_utf8_lossy(END))));
    }
    let options = DearmorOptions::new().set_limit(provenance.len());
    let (message, _) = CleartextSignedMessage::from_armor_buf(provenance, options)
        .map_err(|error| not_signed(error.to_string()))?;
    let signatures = message.signatures();
    if signatures.is_empty() {
        return Err(not_signed("there is no signature in it".to_string()));
    }
    if signatures.len() > MOST_SIGNATURES {
        return Err(not_signed(format!("it has more than {MOST_SIGNATURES} signatures")));
    }
    let text = message.signed_text();
    let check = Check { archive: file_name, text: &text, keyring, now };
    let mut signed_by: Vec<SignedBy> = Vec::new();
    let mut unknown = Vec::new();
    for signature in signatures {
        match check.signature(signature)? {
            Some(signer) if !signed_by.contains(&signer) => signed_by.push(signer),
            Some(_) => {}
            None => unknown.push(issuer(signature)),
        }
    }
    if signed_by.is_empty() {
        let keyring = keyring.name.clone();
        return Err(ProvenanceError::UnknownKey { archive: archive(), keys: unknown, keyring });
    }
    let files = statement::read(file_name, &text.replace("\r\n", "\n"))?;
    let Some((_, signed)) = files.iter().find(|(name, _)| name == file_name) else {
        let files = files.into_iter().map(|(name, _)| super::shown(name.as_bytes())).collect();
        return Err(ProvenanceError::OtherFile { archive: archive(), files });
    };
    let found = digest.prefixed();
    if *signed != found {
        let signed = super::shown(signed.as_bytes());
        return Err(ProvenanceError::Altered { archive: archive(), signed, found });
    }
    Ok(Verified { file_name: archive(), digest: *digest, signed_by })
}

/// One text with its signatures.
struct Check<'a> {
    archive: &'a str,
    text: &'a str,
    keyring: &'a Keyring,
    now: SystemTime,
}

impl Check<'_> {
    /// Who made a signature; `None` when the keyring does not have the key.
    fn signature(&self, signature: &Signature) -> Result<Option<SignedBy>, ProvenanceError> {
        let archive = || self.archive.to_string();
        let mut bad = None;
        for entity in &self.keyring.entities {
            for part in parts(&entity.public).filter(|part| part.is_issuer(signature)) {
                let key = entity.title();
                if let Err(reason) = sound(signature) {
                    return Err(ProvenanceError::Weak { archive: archive(), key, reason });
                }
                if let Err(reason) = self.in_time(signature) {
                    return Err(ProvenanceError::Untimely { archive: archive(), key, reason });
                }
                if !part.made(signature, self.text) {
                    // Key ids are short enough for two keys to share one.
                    bad = Some(key);
                    continue;
                }
                if let Err(problem) = part.check(self.now) {
                    return Err(ProvenanceError::Key { archive: archive(), key, problem });
                }
                return Ok(Some(SignedBy {
                    names: validity::names(&entity.public, self.now),
                    fingerprint: fingerprint(&entity.public),
                }));
            }
        }
        match bad {
            Some(key) => Err(ProvenanceError::BadSignature { archive: archive(), key }),
            None => Ok(None),
        }
    }

    /// Whether a signature counts at this time; else why it does not.
    fn in_time(&self, signature: &Signature) -> Result<(), String> {
        match signature.created().map(|created| validity::at(created.as_secs())) {
            None => return Err("it does not say when it was made".to_string()),
            Some(made) if made > self.now + SKEW => {
                return Err(format!("it was made at {}, which is yet to come", validity::written(made)));
            }
            Some(_) => {}
        }
        match validity::expiry(signature) {
            Some(end) if end <= self.now => Err(format!("it expired at {}", validity::written(end))),
            _ => Ok(()),
        }
    }
}

/// Whether a signature is of a kind that proves something; else why it is not.
fn sound(signature: &Signature) -> Result<(), String> {
    if !matches!(signature.typ(), Some(SignatureType::Text | SignatureType::Binary)) {
        return Err("it is not a signature over a text".to_string());
    }
    match signature.hash_alg() {
        Some(
            HashAlgorithm::Sha224
            | HashAlgorithm::Sha256
            | HashAlgorithm::Sha384
            | HashAlgorithm::Sha512
            | HashAlgorithm::Sha3_256
            | HashAlgorithm::Sha3_512,
        ) => {}
        Some(other) => return Err(format!("{other} can be forged")),
        None => return Err("its version is not known".to_string()),
    }
    if validity::understood(signature) {
        Ok(())
    } else {
        Err("it demands something that is not known".to_string())
    }
}

/// The key that a signature says it was made with.
fn issuer(signature: &Signature) -> String {
    if let Some(print) = signature.issuer_fingerprint().first() {
        return format!("key {}", hex(print));
    }
    match signature.issuer_key_id().first() {
        Some(id) => {
            format!("key {}", digest::hex(id.as_ref()).to_uppercase())
        }
        None => "a key that it does not name".to_string(),
    }
}
