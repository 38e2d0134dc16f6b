//! The folders that one server serves: one, or with a depth one for each tenant.
//!
//! Invariant: a tenant's name is made of letters, digits and `-`, `_`, `.`, and does not start with `.` or `-`, so no name
//! leads out of the folder or to another of the server's own paths.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use super::catalog::Catalog;
use super::storage::{Shelf, Storage};
use super::upload::Refusal;
use crate::data::digest::sha256_hex;
use crate::repo::RepoError;

/// Most tenants of one server.
const MOST: usize = 10_000;
/// Longest part of a tenant's name.
const LONGEST: usize = 128;
/// First parts of paths that are the server's own.
const RESERVED: &[&str] = &["api", "health", "info", "metrics", "token", "v2"];

/// The folders, opened as they are asked for.
pub(super) struct Tenants {
    storage: Arc<dyn Storage>,
    url: String,
    /// How many parts the name of a tenant has; 0 for a server without tenants.
    depth: usize,
    cache: PathBuf,
    open: Mutex<BTreeMap<String, Arc<Catalog>>>,
}

impl Tenants {
    /// Folders of a storage. Without tenants its root is looked at now.
    ///
    /// # Errors
    /// The root is not there, or cannot be listed.
    pub(super) fn open(
        storage: Arc<dyn Storage>,
        url: &str,
        depth: usize,
        cache: PathBuf,
    ) -> Result<Self, RepoError> {
        let tenants = Tenants { storage, url: url.to_string(), depth, cache, open: Mutex::default() };
        if depth == 0 {
            tenants.insert("")?;
        } else {
            tenants.storage.check()?;
        }
        Ok(tenants)
    }

    /// The root of all folders.
    pub(super) fn root(&self) -> Shelf {
        Shelf::new(Arc::clone(&self.storage), "")
    }

    /// The storage, when other servers may have it, too.
    pub(super) fn common(&self) -> Option<&dyn Storage> {
        Some(&*self.storage).filter(|storage| storage.is_common())
    }

    /// How many parts the name of a tenant has.
    pub(super) fn depth(&self) -> usize {
        self.depth
    }

    /// The names of all tenants there are; the empty one for a server without tenants.
    ///
    /// # Errors
    /// The storage does not answer.
    pub(super) fn names(&self) -> Result<Vec<String>, Refusal> {
        if self.depth == 0 {
            return Ok(vec![String::new()]);
        }
        let mut names = self.storage.folders(self.depth, MOST)?;
        names.retain(|name| !name.split('/').next().is_some_and(|first| RESERVED.contains(&first)));
        Ok(names)
    }

    /// Splits the parts of a path into the tenant that they begin with and the rest; `None` when that is no tenant.
    pub(super) fn split<'p>(&self, parts: &'p [&'p str]) -> Option<(String, &'p [&'p str])> {
        let (tenant, rest) = parts.split_at_checked(self.depth)?;
        let reserved = tenant.first().is_some_and(|first| RESERVED.contains(first));
        (!reserved && tenant.iter().all(|part| is_safe(part))).then(|| (tenant.join("/"), rest))
    }

    /// The folder of a tenant.
    ///
    /// # Errors
    /// There is none, or the storage does not answer.
    pub(super) fn get(&self, tenant: &str) -> Result<Arc<Catalog>, Refusal> {
        if let Some(known) = self.known(tenant) {
            return Ok(known);
        }
        // A tenant is a folder that somebody made, by hand or by an upload; asking makes none.
        if !self.storage.has_folder(tenant)? {
            return Err(Refusal::new(404, "not found"));
        }
        Ok(self.insert(tenant)?)
    }

    /// The folder of a tenant; a missing one is made.
    ///
    /// # Errors
    /// It cannot be made or listed, or there are too many.
    pub(super) fn make(&self, tenant: &str) -> Result<Arc<Catalog>, Refusal> {
        if let Some(known) = self.known(tenant) {
            return Ok(known);
        }
        self.storage.make_folder(tenant)?;
        Ok(self.insert(tenant)?)
    }

    /// All that were asked for, with their names.
    pub(super) fn all(&self) -> Vec<(String, Arc<Catalog>)> {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.iter().map(|(name, catalog)| (name.clone(), Arc::clone(catalog))).collect()
    }

    fn known(&self, tenant: &str) -> Option<Arc<Catalog>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).get(tenant).cloned()
    }

    fn insert(&self, tenant: &str) -> Result<Arc<Catalog>, RepoError> {
        let shelf = Shelf::new(Arc::clone(&self.storage), tenant);
        let cache = self.cache.join(sha256_hex(shelf.identity())).with_extension("index");
        let url = match (self.url.as_str(), tenant) {
            ("", _) => String::new(),
            (url, "") => url.to_string(),
            (url, tenant) => format!("{}/{tenant}", url.trim_end_matches('/')),
        };
        // Two may open the same one at once; the first that is done is kept by both.
        let catalog = Arc::new(Catalog::open(shelf, url, cache)?);
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if open.len() >= MOST && !open.contains_key(tenant) {
            return Err(RepoError::TooManyTenants { most: MOST });
        }
        Ok(Arc::clone(open.entry(tenant.to_string()).or_insert(catalog)))
    }
}

/// Whether a text can be part of a path without leading anywhere else: of a tenant, a chart or an archive.
pub(super) fn is_safe(part: &str) -> bool {
    part.len() <= LONGEST
        && part.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
        && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.+".contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::repo::serve::storage::{self, Source};
    use crate::sys::Host;

    #[test]
    fn names_of_tenants_lead_nowhere_else() {
        let folder = tempfile::tempdir().unwrap();
        let cache = folder.path().join("cache");
        let source = Source::Folder(folder.path().to_path_buf());
        let host = Host { cwd: folder.path().to_path_buf(), ..Host::of_process().unwrap() };
        let (storage, _) = storage::open(&host, &source).unwrap();
        let tenants = Tenants::open(storage, "", 2, cache).unwrap();
        assert_eq!(tenants.split(&["a", "b-1", "c"]), Some(("a/b-1".to_string(), &["c"][..])));
        for bad in
            [&["a"][..], &["a", ".."], &["a", ".b"], &["-", "a"], &["api", "a"], &["v2", "a"], &["a", "ü"]]
        {
            assert_eq!(tenants.split(bad), None, "{bad:?}");
        }
        assert_eq!(tenants.get("a/b").err().unwrap().status, 404);
        tenants.make("a/b").unwrap();
        assert!(tenants.get("a/b").is_ok() && folder.path().join("a/b").is_dir());
    }
}
