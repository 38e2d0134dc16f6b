//! Signing with a key of a keyring.
//!
//! Invariant: a passphrase is used to open the key and kept nowhere; the opened key is wiped when the signer is dropped.

use std::fmt;
use std::time::SystemTime;

use pgp::composed::{ArmorOptions, CleartextSignedMessage, SignedSecretKey};
use pgp::crypto::hash::HashAlgorithm;
use pgp::packet::{SignatureConfig, SignatureType, Subpacket, SubpacketData};
use pgp::types::{
    EncryptedSecretParams, KeyDetails, KeyVersion, Password, S2kParams, SecretParams, SigningKey,
    StringToKey, Timestamp,
};

use super::error::KeyProblem;
use super::keyring::Entity;
use super::validity::{Part, parts};
use super::{Keyring, ProvenanceError, entropy, statement};
use crate::package::{PackageError, Packed};
use crate::sys::{Random, Secret};

/// Most memory that opening a key may take, as the exponent of a number of KiB: 2 GiB.
const MOST_MEMORY: u8 = 21;
/// Fewest hex digits that name a key rather than its owner: those of a key id.
const ID_DIGITS: usize = 16;

/// A secret key to sign with.
pub struct Signer {
    key: SignedSecretKey,
    /// Index of the subkey that signs; the primary key when `None`.
    subkey: Option<usize>,
    name: String,
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signer({})", self.name)
    }
}

impl Signer {
    /// Finds the key of a keyring that has a name: the whole name on it, a part of a name that no other key has, or its
    /// fingerprint or key id. Its newest valid signing subkey signs, else the key itself.
    ///
    /// # Errors
    /// There is no such key, there are several, its secret part is missing, or it may not sign now.
    pub fn find(keyring: Keyring, name: &str, now: SystemTime) -> Result<Self, ProvenanceError> {
        if name.is_empty() {
            return Err(ProvenanceError::NoName);
        }
        let index = choose(&keyring, name)?;
        let Keyring { name: file, mut entities, .. } = keyring;
        let entity = entities.swap_remove(index);
        let title = entity.title();
        let subkey = signing_part(&entity, now)
            .map_err(|problem| ProvenanceError::CannotSign { key: title.clone(), problem })?;
        let no_secret = || ProvenanceError::NoSecret { keyring: file, key: title };
        let owner = entity.names().into_iter().next().unwrap_or_else(|| super::fingerprint(&entity.public));
        let Some(key) = entity.secret else { return Err(no_secret()) };
        let signer = Signer { key, subkey, name: owner };
        // What GnuPG exports of a key whose secret part is on a card or was taken away.
        if let SecretParams::Encrypted(locked) = signer.params()
            && matches!(protection(locked), Some(StringToKey::Private { .. }))
        {
            return Err(no_secret());
        }
        Ok(signer)
    }

    /// The name on the key, for a prompt.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether a passphrase is needed before it can sign.
    pub fn is_locked(&self) -> bool {
        self.params().is_encrypted()
    }

    fn params(&self) -> &SecretParams {
        match self.subkey {
            Some(index) => self.key.secret_subkeys[index].key.secret_params(),
            None => self.key.primary_key.secret_params(),
        }
    }

    /// Opens the key with its passphrase.
    ///
    /// # Errors
    /// The passphrase is not the key's, or the protection is not understood.
    pub fn unlock(&mut self, passphrase: &Secret) -> Result<(), ProvenanceError> {
        let key = || self.name.clone();
        if let SecretParams::Encrypted(locked) = self.params() {
            match protection(locked) {
                Some(StringToKey::Argon2 { m_enc, .. }) if *m_enc > MOST_MEMORY => {
                    let reason = "it takes more than 2 GiB of memory".to_string();
                    return Err(ProvenanceError::Protection { key: key(), reason });
                }
                None | Some(StringToKey::Other { .. } | StringToKey::Reserved { .. }) => {
                    let reason = "its protection is not known".to_string();
                    return Err(ProvenanceError::Protection { key: key(), reason });
                }
                Some(_) => {}
            }
        }
        let wrong = ProvenanceError::WrongPassphrase { key: key() };
        let password = Password::from(passphrase.reveal());
        match self.subkey {
            Some(index) => self.key.secret_subkeys[index].key.remove_password(&password),
            None => self.key.primary_key.remove_password(&password),
        }
        .map_err(|_| wrong)
    }

    /// The provenance file of an archive.
    ///
    /// # Errors
    /// The key is still locked, or Chart.yaml cannot be written.
    pub fn sign(&self, packed: &Packed, now: SystemTime, random: &Random) -> Result<String, PackageError> {
        if self.is_locked() {
            return Err(ProvenanceError::Locked { key: self.name.clone() }.into());
        }
        let text = statement::write(&packed.metadata, &packed.file_name, &packed.digest)?;
        let signed = match self.subkey {
            Some(index) => clear_signed(&text, &self.key.secret_subkeys[index].key, now, random),
            None => clear_signed(&text, &self.key.primary_key, now, random),
        };
        Ok(signed?)
    }
}

fn clear_signed(
    text: &str,
    key: &impl SigningKey,
    now: SystemTime,
    random: &Random,
) -> Result<String, ProvenanceError> {
    let failed = |error: &dyn fmt::Display| ProvenanceError::OpenPgp { reason: error.to_string() };
    let signed = || -> pgp::errors::Result<CleartextSignedMessage> {
        let (kind, hash) = (SignatureType::Text, HashAlgorithm::Sha512);
        let mut config = match key.version() {
            KeyVersion::V6 => {
                let entropy = entropy(random).map_err(std::io::Error::other)?;
                SignatureConfig::v6(entropy, kind, key.algorithm(), hash)?
            }
            _ => SignatureConfig::v4(kind, key.algorithm(), hash),
        };
        let moment = Timestamp::try_from(now).map_err(std::io::Error::other)?;
        config.hashed_subpackets = vec![
            Subpacket::regular(SubpacketData::SignatureCreationTime(moment))?,
            Subpacket::regular(SubpacketData::IssuerFingerprint(key.fingerprint()))?,
        ];
        // Programs of old know a key by its id; a key of version 6 must not be named so.
        if key.version() != KeyVersion::V6 {
            let id = Subpacket::regular(SubpacketData::IssuerKeyId(key.legacy_key_id()))?;
            config.unhashed_subpackets = vec![id];
        }
        CleartextSignedMessage::new(text, config, key, &Password::empty())
    };
    let message = signed().map_err(|error| failed(&error))?;
    message.to_armored_string(ArmorOptions::default()).map_err(|error| failed(&error))
}

fn protection(locked: &EncryptedSecretParams) -> Option<&StringToKey> {
    match locked.string_to_key_params() {
        S2kParams::Aead { s2k, .. } | S2kParams::Cfb { s2k, .. } | S2kParams::MalleableCfb { s2k, .. } => {
            Some(s2k)
        }
        _ => None,
    }
}

/// The key of a keyring that a name means.
fn choose(keyring: &Keyring, name: &str) -> Result<usize, ProvenanceError> {
    let whose = |is_meant: &dyn Fn(&Entity) -> bool| -> Vec<usize> {
        let all = keyring.entities.iter().enumerate();
        all.filter(|(_, entity)| is_meant(entity)).map(|(index, _)| index).collect()
    };
    let exact = whose(&|entity| entity.names().iter().any(|own| own == name));
    let found = if exact.len() == 1 {
        exact
    } else {
        let print = name.trim_start_matches("0x").replace(' ', "").to_ascii_uppercase();
        let is_print = print.len() >= ID_DIGITS && print.bytes().all(|byte| byte.is_ascii_hexdigit());
        whose(&|entity| {
            let printed = || parts(&entity.public).any(|part| part_print(&part).ends_with(&print));
            entity.names().iter().any(|own| own.contains(name)) || (is_print && printed())
        })
    };
    match found[..] {
        [one] => Ok(one),
        [] => Err(ProvenanceError::NoSuchKey {
            name: name.to_string(),
            keyring: keyring.name.clone(),
            known: keyring.entities.iter().flat_map(Entity::names).take(10).collect(),
        }),
        _ => Err(ProvenanceError::Ambiguous {
            name: name.to_string(),
            keys: found.iter().take(10).map(|index| keyring.entities[*index].title()).collect(),
        }),
    }
}

fn part_print(part: &Part<'_>) -> String {
    match part {
        Part::Primary(key) => super::fingerprint(key),
        Part::Subkey(_, subkey) => super::fingerprint(&subkey.key),
    }
}

/// Which part of a key signs: its newest valid signing subkey whose secret part is at hand, else the primary key.
fn signing_part(entity: &Entity, now: SystemTime) -> Result<Option<usize>, KeyProblem> {
    let secrets = entity.secret.iter().flat_map(|secret| secret.secret_subkeys.iter().enumerate());
    let newest = secrets
        .filter(|(_, subkey)| {
            let print = subkey.key.fingerprint();
            let mut public = entity.public.public_subkeys.iter();
            public
                .find(|public| public.key.fingerprint() == print)
                .is_some_and(|public| Part::Subkey(&entity.public, public).check(now).is_ok())
        })
        .max_by_key(|(_, subkey)| subkey.key.created_at());
    match newest {
        Some((index, _)) => Ok(Some(index)),
        None => Part::Primary(&entity.public).check(now).map(|()| None),
    }
}
