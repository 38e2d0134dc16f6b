//! New keys, without GnuPG.
//!
//! Invariant: keys are such that Helm and GnuPG take them: version 4, and for Ed25519 the form from before RFC 9580.

use std::time::SystemTime;

use pgp::composed::{ArmorOptions, KeyType, SignedKeyDetails, SignedSecretKey};
use pgp::crypto::hash::HashAlgorithm;
use pgp::crypto::sym::SymmetricKeyAlgorithm;
use pgp::packet::{
    KeyFlags, PubKeyInner, PublicKey, SecretKey, SignatureConfig, SignatureType, Subpacket, SubpacketData,
    UserId,
};
use pgp::ser::Serialize;
use pgp::types::{
    KeyDetails, KeyVersion, PacketHeaderVersion, Password, S2kParams, SignedUser, StringToKey, Tag, Timestamp,
};
use zeroize::Zeroizing;

use super::{ProvenanceError, entropy};
use crate::sys::stream::{RngCore, Stream};
use crate::sys::{Random, Secret};

/// How often the passphrase is hashed, in OpenPGP's code for it: 16 MiB, a tenth of a second.
const PASSPHRASE_WORK: u8 = 0xe0;
/// Longest name on a key, in bytes.
const LONGEST_NAME: usize = 500;

/// Of which kind a key is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Algorithm {
    /// Ed25519.
    #[default]
    Ed25519,
    /// RSA with so many bits, from 2048 to 8192.
    Rsa(u32),
}

/// What a key is to be.
#[derive(Debug, Clone)]
pub struct NewKey {
    /// Who it is of: `NAME <MAIL>`.
    pub name: String,
    /// Of which kind it is.
    pub algorithm: Algorithm,
    /// What protects its secret part; nothing when empty.
    pub passphrase: Secret,
    /// Whether the keyrings are text.
    pub armor: bool,
}

/// A key that was made.
pub struct GeneratedKey {
    /// The keyring with the secret key.
    pub secret: Zeroizing<Vec<u8>>,
    /// The keyring with the public key alone.
    pub public: Vec<u8>,
    /// The fingerprint, in upper-case hex digits.
    pub fingerprint: String,
}

/// Makes a key that signs, without an end to its life.
///
/// # Errors
/// The name is not acceptable, or the system gives no random bytes.
pub fn generate(key: &NewKey, now: SystemTime, random: &Random) -> Result<GeneratedKey, ProvenanceError> {
    let bad_name = |reason| Err(ProvenanceError::Name { name: key.name.clone(), reason });
    if key.name.trim().is_empty() {
        return bad_name("it is empty");
    }
    if key.name.len() > LONGEST_NAME {
        return bad_name("it is too long");
    }
    if key.name.chars().any(char::is_control) {
        return bad_name("it has control characters");
    }
    let mut entropy = entropy(random)?;
    let failed = |error: &dyn std::fmt::Display| ProvenanceError::OpenPgp { reason: error.to_string() };
    let moment = Timestamp::try_from(now).map_err(|error| failed(&error))?;
    let secret = make(key, moment, &mut entropy).map_err(|error| failed(&error))?;
    written(&secret, key.armor).map_err(|error| failed(&error))
}

fn make(key: &NewKey, moment: Timestamp, entropy: &mut Stream) -> pgp::errors::Result<SignedSecretKey> {
    let kind = match key.algorithm {
        Algorithm::Ed25519 => KeyType::Ed25519Legacy,
        Algorithm::Rsa(bits) => KeyType::Rsa(bits),
    };
    let (public_params, secret_params) = kind.generate(&mut *entropy)?;
    let inner = PubKeyInner::new(KeyVersion::V4, kind.to_alg(), moment, None, public_params)?;
    let public = PublicKey::from_inner(inner)?;
    let mut secret = SecretKey::new(public.clone(), secret_params)?;
    let name = UserId::from_str(PacketHeaderVersion::New, &key.name)?;
    let signature = certification(moment, &secret)?.sign_certification(
        &secret,
        &public,
        &Password::empty(),
        Tag::UserId,
        &name,
    )?;
    if !key.passphrase.is_empty() {
        let (mut salt, mut iv) = ([0; 8], [0; 16]);
        entropy.fill_bytes(&mut salt);
        entropy.fill_bytes(&mut iv);
        let hash_alg = HashAlgorithm::Sha256;
        let s2k = StringToKey::IteratedAndSalted { hash_alg, salt, count: PASSPHRASE_WORK };
        let protection =
            S2kParams::Cfb { sym_alg: SymmetricKeyAlgorithm::AES256, s2k, iv: iv.to_vec().into() };
        secret.set_password_with_s2k(&Password::from(key.passphrase.reveal()), protection)?;
    }
    let users = vec![SignedUser::new(name, vec![signature])];
    let details = SignedKeyDetails::new(Vec::new(), Vec::new(), users, Vec::new());
    Ok(SignedSecretKey::new(secret, details, Vec::new(), Vec::new()))
}

/// What the owner says of the key: since when it is, and that it signs.
fn certification(moment: Timestamp, key: &SecretKey) -> pgp::errors::Result<SignatureConfig> {
    let mut uses = KeyFlags::default();
    uses.set_certify(true);
    uses.set_sign(true);
    let hashes = [HashAlgorithm::Sha512, HashAlgorithm::Sha256];
    let mut config = SignatureConfig::v4(SignatureType::CertPositive, key.algorithm(), HashAlgorithm::Sha512);
    config.hashed_subpackets = vec![
        Subpacket::regular(SubpacketData::SignatureCreationTime(moment))?,
        Subpacket::regular(SubpacketData::IssuerFingerprint(key.fingerprint()))?,
        Subpacket::critical(SubpacketData::KeyFlags(uses))?,
        Subpacket::regular(SubpacketData::IsPrimary(true))?,
        Subpacket::regular(SubpacketData::PreferredHashAlgorithms(hashes.into_iter().collect()))?,
    ];
    config.unhashed_subpackets = vec![Subpacket::regular(SubpacketData::IssuerKeyId(key.legacy_key_id()))?];
    Ok(config)
}

fn written(secret: &SignedSecretKey, armor: bool) -> pgp::errors::Result<GeneratedKey> {
    let public = secret.to_public_key();
    let options = ArmorOptions::default;
    let (own, others) = if armor {
        (secret.to_armored_bytes(options())?, public.to_armored_bytes(options())?)
    } else {
        (secret.to_bytes()?, public.to_bytes()?)
    };
    Ok(GeneratedKey { secret: Zeroizing::new(own), public: others, fingerprint: super::fingerprint(&public) })
}
