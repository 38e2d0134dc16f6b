//! Files of keys: binary, armored (any number of blocks), keybox.
//!
//! Invariant: a key that cannot be read hides no other key; what is kept of a file is bounded by its size, which is bounded.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::io::Read;
use std::path::Path;

use pgp::armor::{BlockType, Dearmor};
use pgp::composed::{SignedPublicKey, SignedPublicKeyParser, SignedSecretKey, SignedSecretKeyParser};
use pgp::packet::{Packet, PacketParser, PacketTrait};
use pgp::types::{Fingerprint, KeyDetails, Tag};
use zeroize::Zeroizing;

use super::{ProvenanceError, fingerprint, keybox, shown};
use crate::sys::fs;

/// Largest keyring, in bytes.
const LIMIT: u64 = 64 << 20;
const BEGIN: &[u8] = b"-----BEGIN PGP ";

/// One owner's key: the primary key with its names and subkeys, and the secret parts where the keyring has them.
#[derive(Debug)]
pub(super) struct Entity {
    pub(super) public: SignedPublicKey,
    pub(super) secret: Option<SignedSecretKey>,
}

impl Entity {
    /// The names on the key, as they may be shown.
    pub(super) fn names(&self) -> Vec<String> {
        self.public.details.users.iter().map(|user| shown(user.id.id())).collect()
    }

    /// Fingerprint and first name.
    pub(super) fn title(&self) -> String {
        let fingerprint = fingerprint(&self.public);
        match self.names().first() {
            Some(name) => format!("{fingerprint} ({name})"),
            None => fingerprint,
        }
    }
}

/// Keys from one file.
#[derive(Debug)]
pub struct Keyring {
    /// What messages call it.
    pub(super) name: String,
    pub(super) entities: Vec<Entity>,
    /// Where in `entities` a key is.
    known: HashMap<Fingerprint, usize>,
}

impl Keyring {
    /// Reads a file of at most 64 MiB.
    ///
    /// # Errors
    /// It cannot be read, is no keyring, or has no key that can be read.
    pub fn load(path: &Path) -> Result<Self, ProvenanceError> {
        let bytes = fs::read(path, LIMIT).map_err(|source| ProvenanceError::KeyringFile { source })?;
        Self::parse(&path.display().to_string(), Zeroizing::new(bytes))
    }

    /// Reads the bytes of a keyring, which messages call by the name. They are wiped, as they may hold secret keys.
    ///
    /// # Errors
    /// They are no keyring, or have no key that can be read.
    pub fn parse(name: &str, bytes: Zeroizing<Vec<u8>>) -> Result<Self, ProvenanceError> {
        let mut keyring = Keyring { name: name.to_string(), entities: Vec::new(), known: HashMap::new() };
        let mut damage = None;
        if keybox::is_keybox(&bytes) {
            let keys = keybox::keys(&bytes).map_err(|reason| keyring.unusable(reason))?;
            for key in keys {
                damage = keyring.add(key).or(damage);
            }
        } else if bytes.first().is_some_and(|first| first & 0x80 != 0) {
            damage = keyring.add(&bytes);
        } else {
            for block in blocks(&bytes) {
                let block = dearmored(block).map_err(|reason| keyring.unusable(reason))?;
                damage = keyring.add(&block).or(damage);
            }
        }
        if keyring.entities.is_empty() {
            let reason = damage.unwrap_or_else(|| "there is no key in it".to_string());
            return Err(keyring.unusable(reason));
        }
        Ok(keyring)
    }

    fn unusable(&self, reason: String) -> ProvenanceError {
        ProvenanceError::Keyring { keyring: self.name.clone(), reason }
    }

    /// Adds the keys of a run of packets; returns what could not be read of it.
    fn add(&mut self, bytes: &[u8]) -> Option<String> {
        let mut damage = None;
        let mut group: Vec<Packet> = Vec::new();
        for packet in PacketParser::new(bytes) {
            match packet {
                Ok(packet) => match packet.tag() {
                    Tag::PublicKey | Tag::SecretKey => {
                        damage = self.add_group(std::mem::replace(&mut group, vec![packet])).or(damage);
                    }
                    // GnuPG's own notes, within keys of old keyrings.
                    Tag::Trust | Tag::Marker | Tag::Padding => {}
                    _ => group.push(packet),
                },
                Err(error) => damage = Some(error.to_string()),
            }
        }
        self.add_group(group).or(damage)
    }

    fn add_group(&mut self, group: Vec<Packet>) -> Option<String> {
        let tag = group.first()?.tag();
        let packets = group.into_iter().map(Ok).peekable();
        let read = match tag {
            Tag::PublicKey => SignedPublicKeyParser::from_packets(packets)
                .next()?
                .map(|public| Entity { public, secret: None }),
            Tag::SecretKey => SignedSecretKeyParser::from_packets(packets)
                .next()?
                .map(|secret| Entity { public: secret.to_public_key(), secret: Some(secret) }),
            _ => return Some("it begins with something else than a key".to_string()),
        };
        match read {
            Ok(entity) => self.keep(entity),
            Err(error) => return Some(error.to_string()),
        }
        None
    }

    /// A key that is there twice, as public and as secret key, is one.
    fn keep(&mut self, entity: Entity) {
        match self.known.entry(entity.public.fingerprint()) {
            Entry::Vacant(place) => {
                place.insert(self.entities.len());
                self.entities.push(entity);
            }
            Entry::Occupied(place) => {
                let known = &mut self.entities[*place.get()];
                if known.secret.is_none() {
                    *known = entity;
                }
            }
        }
    }
}

/// The armored blocks of a text.
fn blocks(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let starts: Vec<usize> = bytes
        .windows(BEGIN.len())
        .enumerate()
        .filter(|(at, window)| *window == BEGIN && (*at == 0 || bytes[at - 1] == b'\n'))
        .map(|(at, _)| at)
        .collect();
    let ends = starts.clone().into_iter().skip(1).chain([bytes.len()]);
    starts.into_iter().zip(ends).map(|(start, end)| &bytes[start..end])
}

fn dearmored(block: &[u8]) -> Result<Zeroizing<Vec<u8>>, String> {
    let mut reader = Dearmor::new(block);
    reader.read_header().map_err(|error| error.to_string())?;
    match reader.typ {
        Some(BlockType::PublicKey | BlockType::PrivateKey) => {}
        Some(other) => return Err(format!("it holds a {other}")),
        None => return Err("it is damaged".to_string()),
    }
    let mut bytes = Zeroizing::new(Vec::with_capacity(block.len()));
    reader.read_to_end(&mut bytes).map_err(|error| format!("its armor is damaged: {error}"))?;
    Ok(bytes)
}
