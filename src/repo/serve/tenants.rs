//! The folders that one server serves: one, or with a depth one for each tenant.
//!
//! Invariant: a tenant's name is made of letters, digits and `-`, `_`, `.`, and does not start with `.` or `-`, so no name
//! leads out of the folder or to another of the server's own paths.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use super::MOST_DEPTH;
use super::catalog::Catalog;
use crate::data::digest::sha256_hex;
use crate::repo::RepoError;
use crate::sys::fs;

/// Most tenants of one server.
const MOST: usize = 10_000;
/// Longest part of a tenant's name.
const LONGEST: usize = 128;
/// First parts of paths that are the server's own.
const RESERVED: &[&str] = &["api", "health", "info", "metrics", "token", "v2"];

/// The folders, opened as they are asked for.
pub(super) struct Tenants {
    root: PathBuf,
    url: String,
    /// How many parts the name of a tenant has; 0 for a server without tenants.
    depth: usize,
    cache: PathBuf,
    open: Mutex<BTreeMap<String, Arc<Catalog>>>,
}

impl Tenants {
    /// Folders below a root. Without tenants the root itself is looked at now.
    ///
    /// # Errors
    /// The root is no folder, or cannot be listed.
    pub(super) fn open(root: PathBuf, url: &str, depth: usize, cache: PathBuf) -> Result<Self, RepoError> {
        if fs::kind(&root) != fs::Kind::Folder {
            return Err(RepoError::NotAFolder { path: root.display().to_string() });
        }
        let tenants = Tenants { root, url: url.to_string(), depth, cache, open: Mutex::default() };
        if depth == 0 {
            tenants.insert("")?;
        }
        Ok(tenants)
    }

    /// How many parts the name of a tenant has.
    pub(super) fn depth(&self) -> usize {
        self.depth
    }

    /// The names of all tenants there are; the empty one for a server without tenants.
    pub(super) fn names(&self) -> Vec<String> {
        if self.depth == 0 {
            return vec![String::new()];
        }
        let level = |path: &str| path.matches('/').count() + 1;
        let enter = |path: &str, kind: fs::Kind| {
            let safe = path.rsplit('/').next().is_some_and(is_safe);
            kind == fs::Kind::Folder && level(path) <= self.depth && safe
        };
        let found = fs::walk(&self.root, MOST * MOST_DEPTH, enter).unwrap_or_default();
        found.into_iter().map(|folder| folder.relative).filter(|path| level(path) == self.depth).collect()
    }

    /// Splits the parts of a path into the tenant that they begin with and the rest; `None` when that is no tenant.
    pub(super) fn split<'p>(&self, parts: &'p [&'p str]) -> Option<(String, &'p [&'p str])> {
        let (tenant, rest) = parts.split_at_checked(self.depth)?;
        let reserved = tenant.first().is_some_and(|first| RESERVED.contains(first));
        (!reserved && tenant.iter().all(|part| is_safe(part))).then(|| (tenant.join("/"), rest))
    }

    /// The folder of a tenant, if there is one.
    pub(super) fn get(&self, tenant: &str) -> Option<Arc<Catalog>> {
        if let Some(known) = self.known(tenant) {
            return Some(known);
        }
        // A tenant is a folder that somebody made, by hand or by an upload; asking makes none.
        if fs::kind(&self.root.join(tenant)) != fs::Kind::Folder {
            return None;
        }
        self.insert(tenant).ok()
    }

    /// The folder of a tenant; a missing one is made.
    ///
    /// # Errors
    /// It cannot be made or listed, or there are too many.
    pub(super) fn make(&self, tenant: &str) -> Result<Arc<Catalog>, RepoError> {
        if let Some(known) = self.known(tenant) {
            return Ok(known);
        }
        fs::create_dir_all(&self.root.join(tenant))?;
        self.insert(tenant)
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
        let folder = if tenant.is_empty() { self.root.clone() } else { self.root.join(tenant) };
        let cache =
            self.cache.join(sha256_hex(folder.as_os_str().as_encoded_bytes())).with_extension("index");
        let url = match (self.url.as_str(), tenant) {
            ("", _) => String::new(),
            (url, "") => url.to_string(),
            (url, tenant) => format!("{}/{tenant}", url.trim_end_matches('/')),
        };
        // Two may open the same one at once; the first that is done is kept by both.
        let catalog = Arc::new(Catalog::open(folder, url, cache)?);
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

    #[test]
    fn names_of_tenants_lead_nowhere_else() {
        let folder = tempfile::tempdir().unwrap();
        let cache = folder.path().join("cache");
        let tenants = Tenants::open(folder.path().to_path_buf(), "", 2, cache).unwrap();
        assert_eq!(tenants.split(&["a", "b-1", "c"]), Some(("a/b-1".to_string(), &["c"][..])));
        for bad in
            [&["a"][..], &["a", ".."], &["a", ".b"], &["-", "a"], &["api", "a"], &["v2", "a"], &["a", "ü"]]
        {
            assert_eq!(tenants.split(bad), None, "{bad:?}");
        }
        assert!(tenants.get("a/b").is_none());
        tenants.make("a/b").unwrap();
        assert!(tenants.get("a/b").is_some() && folder.path().join("a/b").is_dir());
    }
}
