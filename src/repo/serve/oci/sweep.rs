//! Removes what was pushed and is named by nothing: blobs whose manifest never came, manifests and tags whose chart is gone.
//!
//! Invariant: nothing is removed that came, or that a client asked for, within the last hour: an upload in progress may still
//! name it. Nothing is removed that a manifest of a chart in the folder names, and no manifest is taken in meanwhile.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use super::push::Parts;
use super::store::{self, MANIFEST_LIMIT};
use super::{Fault, Repository, tag_of};
use crate::repo::generate::WORK_FOLDER;
use crate::repo::serve::catalog::Catalog;
use crate::repo::serve::storage::Stamp;

/// For how long nothing is removed.
const REST: Duration = Duration::from_secs(3_600);
/// How often is looked for what nothing names.
pub(in crate::repo::serve) const PAUSE: Duration = REST;
/// Most entries of one folder.
const MOST: usize = 100_000;

/// What manifests name, by their path; one that is read once does not change, since its name is its digest.
#[derive(Default)]
pub(in crate::repo::serve) struct Sweeper(HashMap<String, Option<Parts>>);

impl Sweeper {
    /// Looks through the folder of one tenant. What cannot be looked at or removed now may be the next time.
    pub(in crate::repo::serve) fn sweep(
        &mut self,
        tenant: &str,
        catalog: &Catalog,
        now: Duration,
        is_stopping: impl Fn() -> bool,
    ) {
        let Ok(charts) = catalog.shelf().level(&format!("{WORK_FOLDER}/oci"), MOST) else { return };
        if self.0.len() > MOST {
            self.0.clear();
        }
        for chart in charts.folders {
            if is_stopping() {
                return;
            }
            let repository = Repository { name: chart.clone(), tenant: tenant.to_string(), chart };
            // The next look tries again.
            let _ = self.sweep_one(catalog, &repository, now);
        }
    }

    fn sweep_one(&mut self, catalog: &Catalog, repository: &Repository, now: Duration) -> Result<(), Fault> {
        let shelf = catalog.shelf();
        let level = |kind: &str| {
            let path = store::path(repository, kind, "");
            shelf.level(path.trim_end_matches('/'), MOST)
        };
        let _alone = catalog.sweeping();
        let snapshot = catalog.last();
        let is_live = |digits: &str| {
            store::archives(&snapshot, repository).any(|(_, archive)| archive.entry.digest == digits)
        };
        let is_old = |path: &str, stamp: &Stamp| {
            let age = (now.as_secs() as i64).saturating_sub(stamp.modified.0);
            age >= REST.as_secs() as i64 && !catalog.was_wanted(path, REST)
        };
        let mut named = BTreeSet::new();
        for (digits, stamp) in level("manifests")?.objects {
            let path = store::path(repository, "manifests", &digits);
            let key = format!("{}/{path}", repository.tenant);
            let parts = match self.0.get(&key) {
                Some(known) => known,
                None => {
                    let bytes = shelf.read(&path, MANIFEST_LIMIT as u64)?;
                    self.0.entry(key).or_insert(Parts::read(&bytes).ok())
                }
            };
            let is_needed = parts.as_ref().is_some_and(|parts| is_live(&parts.archive));
            if !is_needed && is_old(&path, &stamp) {
                shelf.remove(&path)?;
                continue;
            }
            if let Some(parts) = parts {
                named.extend([&parts.config, &parts.archive].into_iter().chain(&parts.provenance).cloned());
            }
        }
        for (digits, stamp) in level("blobs")?.objects {
            let path = store::path(repository, "blobs", &digits);
            if !named.contains(&digits) && is_old(&path, &stamp) {
                shelf.remove(&path)?;
            }
        }
        let tags: BTreeSet<String> = store::archives(&snapshot, repository)
            .map(|(_, archive)| tag_of(&archive.entry.metadata.version))
            .collect();
        for (tag, stamp) in level("tags")?.objects {
            let path = store::path(repository, "tags", &tag);
            if !tags.contains(&tag) && is_old(&path, &stamp) {
                shelf.remove(&path)?;
            }
        }
        Ok(())
    }
}
