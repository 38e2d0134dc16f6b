//! Digests of what belongs to the archives of a folder: their configurations, which are made, and the provenance files
//! beside them.
//!
//! Clients of registries ask for much that is not there, before each push. Over a bucket, each look at a file is a request
//! to a service, so that what a listing tells is not looked up, and no file is read twice for its digest.
//!
//! Invariant: a digest counts only for the file that it was made of, by its stamp; memory is bounded by the archives.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::storage::{Listing, Shelf, Stamp, StorageError};
use super::upload::PROVENANCE_LIMIT;
use crate::data::digest::sha256_hex;
use crate::repo::generate::Archive;

/// What is known.
#[derive(Default)]
pub(super) struct Digests(Mutex<Known>);

#[derive(Default)]
struct Known {
    /// The provenance files that there are, as far as a listing tells.
    listed: Option<Listing>,
    /// By the path of the archive.
    provenances: HashMap<String, (Stamp, String)>,
    /// By the digest of the archive.
    configs: HashMap<String, String>,
}

impl Digests {
    /// Takes up a listing of provenance files, and forgets what is not of these archives.
    pub(super) fn renew(&self, listed: Option<Listing>, archives: &BTreeMap<String, Archive>) {
        let mut known = self.lock();
        known.listed = listed;
        known.provenances.retain(|path, _| archives.contains_key(path));
        if known.configs.len() > archives.len() * 2 {
            known.configs.clear();
        }
    }

    /// Takes up that the provenance file of an archive was just written or removed.
    pub(super) fn changed(&self, shelf: &Shelf, archive: &str) -> Result<(), StorageError> {
        if self.lock().listed.is_none() {
            return Ok(());
        }
        let (name, stamp) = (beside(archive), shelf.stamp(&beside(archive))?);
        if let Some(listed) = &mut self.lock().listed {
            match stamp {
                Some(stamp) => listed.insert(name, stamp),
                None => listed.remove(&name),
            };
        }
        Ok(())
    }

    /// Digits and size of the provenance file of an archive; `None` when there is none.
    ///
    /// # Errors
    /// It cannot be read.
    pub(super) fn provenance(
        &self,
        shelf: &Shelf,
        archive: &str,
    ) -> Result<Option<(String, u64)>, StorageError> {
        let name = beside(archive);
        let listed = self.lock().listed.as_ref().map(|listed| listed.get(&name).copied());
        let stamp = match listed {
            Some(listed) => listed,
            None => shelf.stamp(&name)?,
        };
        let Some(stamp) = stamp else { return Ok(None) };
        if let Some((_, digits)) = self.lock().provenances.get(archive).filter(|(known, _)| *known == stamp) {
            return Ok(Some((digits.clone(), stamp.size)));
        }
        let Some(bytes) = shelf.find(&name, PROVENANCE_LIMIT)? else { return Ok(None) };
        let (digits, size) = (sha256_hex(&bytes), bytes.len() as u64);
        if size == stamp.size {
            self.lock().provenances.insert(archive.to_string(), (stamp, digits.clone()));
        }
        Ok(Some((digits, size)))
    }

    /// Digits of the configuration of an archive, which is made when they are not known.
    pub(super) fn config(&self, archive: &Archive, make: impl FnOnce() -> Vec<u8>) -> String {
        if let Some(digits) = self.lock().configs.get(&archive.entry.digest) {
            return digits.clone();
        }
        let digits = sha256_hex(make());
        self.lock().configs.insert(archive.entry.digest.clone(), digits.clone());
        digits
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The path of the provenance file of an archive.
fn beside(archive: &str) -> String {
    format!("{archive}.prov")
}
