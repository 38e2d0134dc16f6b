//! Whether a key may be relied on at a moment: what its owner said of it, as far as that is signed.
//!
//! A key says of itself how long it is valid and what it is for, in signatures that it makes over its names (or over itself),
//! and over its subkeys; the newest valid one counts. A signing subkey says in turn that it belongs to the primary key.
//!
//! Invariant: nothing is believed that is not signed by the primary key (and, of a signing subkey, by the subkey too);
//! what an unsigned part of a signature says counts for nothing.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use pgp::composed::{SignedPublicKey, SignedPublicSubKey};
use pgp::crypto::hash::HashAlgorithm;
use pgp::packet::{KeyFlags, Signature, SignatureType, SubpacketData};
use pgp::ser::Serialize;
use pgp::types::{KeyDetails, PublicParams, SignedUser, Tag, VerifyingKey};

use super::error::KeyProblem;
use super::shown;
use crate::data::time::{Time, Zone};

/// Fewest bits of an RSA or DSA key that is relied on; some generators give one bit less than they were asked for.
const BITS: usize = 2_047;

/// A key that can make signatures: the primary key or a subkey of it.
#[derive(Debug, Clone, Copy)]
pub(super) enum Part<'k> {
    Primary(&'k SignedPublicKey),
    Subkey(&'k SignedPublicKey, &'k SignedPublicSubKey),
}

/// All parts of a key, the primary first.
pub(super) fn parts(key: &SignedPublicKey) -> impl Iterator<Item = Part<'_>> {
    let subkeys = key.public_subkeys.iter().map(move |subkey| Part::Subkey(key, subkey));
    std::iter::once(Part::Primary(key)).chain(subkeys)
}

impl Part<'_> {
    /// Whether a signature says that this key made it.
    pub(super) fn is_issuer(&self, signature: &Signature) -> bool {
        let (print, id) = match self {
            Part::Primary(key) => (key.fingerprint(), key.legacy_key_id()),
            Part::Subkey(_, subkey) => (subkey.key.fingerprint(), subkey.key.legacy_key_id()),
        };
        let prints = signature.issuer_fingerprint();
        if prints.is_empty() { signature.issuer_key_id().contains(&&id) } else { prints.contains(&&print) }
    }

    /// Whether this key made the signature over the text.
    pub(super) fn made(&self, signature: &Signature, text: &str) -> bool {
        match self {
            Part::Primary(key) => signature.verify(&key.primary_key, text.as_bytes()),
            Part::Subkey(_, subkey) => signature.verify(&subkey.key, text.as_bytes()),
        }
        .is_ok()
    }

    /// Whether signatures of this key may be relied on at a moment.
    pub(super) fn check(&self, now: SystemTime) -> Result<(), KeyProblem> {
        match self {
            Part::Primary(key) => {
                let own = check_primary(key, now)?;
                may_sign(own, true)?;
                strong(key)
            }
            Part::Subkey(key, subkey) => {
                check_primary(key, now)?;
                check_subkey(key, subkey, now)?;
                strong(&subkey.key)
            }
        }
    }
}

/// Names of a key that its owner vouches for and did not take back, as they may be shown; the main one first.
pub(super) fn names(key: &SignedPublicKey, now: SystemTime) -> Vec<String> {
    let mut users: Vec<(bool, String)> = key
        .details
        .users
        .iter()
        .filter_map(|user| Some((certification(key, user, now)?.is_primary(), shown(user.id.id()))))
        .collect();
    users.sort_by_key(|(is_primary, _)| !is_primary);
    users.into_iter().map(|(_, name)| name).collect()
}

fn check_primary(key: &SignedPublicKey, now: SystemTime) -> Result<&Signature, KeyProblem> {
    let revocations = key.details.revocation_signatures.iter();
    if let Some(revocation) = revocations
        .filter(|signature| signature.typ() == Some(SignatureType::KeyRevocation))
        .find(|signature| understood(signature) && signature.verify_key(&key.primary_key).is_ok())
    {
        return Err(revoked(revocation));
    }
    let certifications: Vec<&Signature> =
        key.details.users.iter().filter_map(|user| certification(key, user, now)).collect();
    let main = newest(certifications.iter().copied().filter(|signature| signature.is_primary()))
        .or_else(|| newest(certifications.into_iter()));
    let direct = || {
        let signatures = key.details.direct_signatures.iter();
        newest(signatures.filter(|signature| {
            signature.typ() == Some(SignatureType::Key)
                && counts(signature, now)
                && signature.verify_key(&key.primary_key).is_ok()
        }))
    };
    let own = main.or_else(direct).ok_or(KeyProblem::Unbound)?;
    in_time(&key.primary_key, own, now)?;
    Ok(own)
}

/// The newest signature of the key over one of its names, unless it took the name back later.
fn certification<'k>(key: &SignedPublicKey, user: &'k SignedUser, now: SystemTime) -> Option<&'k Signature> {
    let own = |signature: &&Signature| {
        counts(signature, now)
            && signature.verify_certification(&key.primary_key, Tag::UserId, &user.id).is_ok()
    };
    let is_revocation = |signature: &&Signature| signature.typ() == Some(SignatureType::CertRevocation);
    let newest_of = |revocations: bool| {
        newest(user.signatures.iter().filter(|signature| is_revocation(signature) == revocations).filter(own))
    };
    let certification = newest_of(false)?;
    match newest_of(true) {
        Some(revocation) if revocation.created() >= certification.created() => None,
        _ => Some(certification),
    }
}

fn check_subkey(
    key: &SignedPublicKey,
    subkey: &SignedPublicSubKey,
    now: SystemTime,
) -> Result<(), KeyProblem> {
    let of_type = |wanted| {
        subkey.signatures.iter().filter(move |signature| {
            signature.typ() == Some(wanted)
                && understood(signature)
                && signature.verify_subkey_binding(&key.primary_key, &subkey.key).is_ok()
        })
    };
    if let Some(revocation) = of_type(SignatureType::SubkeyRevocation).next() {
        return Err(revoked(revocation));
    }
    let bindings = of_type(SignatureType::SubkeyBinding).filter(|signature| counts(signature, now));
    let binding = newest(bindings).ok_or(KeyProblem::Unbound)?;
    may_sign(binding, false)?;
    let back = binding.embedded_signature().filter(|signature| {
        counts(signature, now) && signature.verify_primary_key_binding(&subkey.key, &key.primary_key).is_ok()
    });
    if back.is_none() {
        return Err(KeyProblem::Unbound);
    }
    in_time(&subkey.key, binding, now)
}

/// Whether the owner's signature lets the key sign. A primary key may do all that nobody says it may not.
fn may_sign(own: &Signature, unsaid: bool) -> Result<(), KeyProblem> {
    let flags = own.config().and_then(|config| {
        config.hashed_subpackets().find_map(|subpacket| match &subpacket.data {
            SubpacketData::KeyFlags(flags) => Some(flags),
            _ => None,
        })
    });
    if flags.map_or(unsaid, KeyFlags::sign) { Ok(()) } else { Err(KeyProblem::NotForSigning) }
}

/// Whether the lifetime that the owner gave the key covers a moment.
fn in_time<K: KeyDetails>(key: &K, own: &Signature, now: SystemTime) -> Result<(), KeyProblem> {
    let made = at(key.created_at().as_secs());
    if made > now {
        return Err(KeyProblem::FromFuture { at: written(made) });
    }
    let lifetime = own.key_expiration_time().map_or(0, pgp::types::Duration::as_secs);
    let end = made + Duration::from_secs(lifetime.into());
    if lifetime > 0 && end <= now {
        return Err(KeyProblem::Expired { at: written(end) });
    }
    Ok(())
}

fn strong<K: KeyDetails + VerifyingKey + Serialize>(key: &K) -> Result<(), KeyProblem> {
    use rsa::traits::PublicKeyParts;

    let (kind, bits) = match key.public_params() {
        PublicParams::RSA(rsa) => ("RSA", rsa.key.n().bits()),
        PublicParams::DSA(dsa) => ("DSA", dsa.key.components().p().bits()),
        _ => return Ok(()),
    };
    if bits < BITS { Err(KeyProblem::Weak(format!("{kind} of {bits} bits"))) } else { Ok(()) }
}

/// Whether a signature of an owner over a key counts at a moment.
fn counts(signature: &Signature, now: SystemTime) -> bool {
    understood(signature)
        && signature.created().is_some_and(|created| at(created.as_secs()) <= now)
        && expiry(signature).is_none_or(|end| end > now)
        && !matches!(signature.hash_alg(), None | Some(HashAlgorithm::Md5 | HashAlgorithm::Ripemd160))
}

/// Whether all that a signature marks as critical is understood. Source: RFC 9580, section 5.2.3.7.
pub(super) fn understood(signature: &Signature) -> bool {
    signature.config().is_some_and(|config| {
        config.hashed_subpackets().all(|subpacket| {
            let unknown = matches!(
                subpacket.data,
                SubpacketData::Experimental(..) | SubpacketData::Other(..) | SubpacketData::Notation(_)
            );
            !(subpacket.is_critical && unknown)
        })
    })
}

/// When a signature ends to count; `None` for never.
pub(super) fn expiry(signature: &Signature) -> Option<SystemTime> {
    let lifetime = signature.signature_expiration_time()?.as_secs();
    (lifetime > 0).then_some(at(signature.created()?.as_secs()) + Duration::from_secs(lifetime.into()))
}

fn newest<'s>(signatures: impl Iterator<Item = &'s Signature>) -> Option<&'s Signature> {
    signatures.max_by_key(|signature| signature.created())
}

fn revoked(revocation: &Signature) -> KeyProblem {
    let reason = revocation.revocation_reason_string().filter(|reason| !reason.is_empty());
    KeyProblem::Revoked { reason: reason.map(|reason| shown(reason)) }
}

/// A moment of OpenPGP, which counts seconds in 32 bits.
pub(super) fn at(seconds: u32) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds.into())
}

/// A moment as messages show it.
pub(super) fn written(moment: SystemTime) -> String {
    Time::from_system(moment, Zone::Utc).rfc3339_nano()
}
