//! What servers said of their kinds, kept in the cache folder: one small file for each server.
//!
//! ```text
//! kube/HH.json, HH from the digest of the server's address and authorities
//! {"form": 1, "server": digest, "roots": {"/api": {"etag", "root"}, "/apis": …}}
//! ```
//!
//! A server is asked every time whether its answer is still the same (`If-None-Match`), which costs it nothing; only what it
//! says then counts. So a file may be of any age, lost or changed by anybody: what cannot be read was never there.
//!
//! Invariant: there are at most 256 files; two servers of one name take turns.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::catalog::Root;
use crate::sys::{Host, fs};

/// No file is larger: clusters with hundreds of definitions have 200 KB.
const LARGEST: u64 = 16 * 1024 * 1024;

/// The form of the files; one of another form is not read.
const FORM: u32 = 1;

/// An answer with the name that the server gave to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Kept {
    pub(super) etag: String,
    pub(super) root: Root,
}

#[derive(Serialize, Deserialize)]
struct File {
    form: u32,
    server: String,
    roots: BTreeMap<String, Kept>,
}

/// The place of one server.
#[derive(Debug)]
pub(super) struct Shelf {
    path: PathBuf,
    /// Digest by which the server is known.
    server: String,
}

impl Shelf {
    pub(super) fn new(host: &Host, server: &str) -> Self {
        let slot = server.get(..2).unwrap_or_default();
        Shelf { path: host.dirs.cache.join("kube").join(format!("{slot}.json")), server: server.to_string() }
    }

    /// The answers that are kept, by their paths.
    pub(super) fn read(&self) -> BTreeMap<String, Kept> {
        let bytes = fs::read(&self.path, LARGEST).unwrap_or_default();
        match serde_json::from_slice::<File>(&bytes) {
            Ok(file) if file.form == FORM && file.server == self.server => file.roots,
            _ => BTreeMap::new(),
        }
    }

    /// Keeps answers. Where that is not possible they are asked for again the next time.
    pub(super) fn write(&self, roots: BTreeMap<String, Kept>) {
        let file = File { form: FORM, server: self.server.clone(), roots };
        if let Ok(bytes) = serde_json::to_vec(&file) {
            let _ = fs::write_atomic(&self.path, &bytes, true);
        }
    }
}
