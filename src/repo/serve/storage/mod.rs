//! Where the charts of a server lie: a folder, or a bucket of an S3-compatible service, behind one contract.
//!
//! ```text
//! NAME.tgz  FOLDER/NAME.tgz  and the same with .prov      the charts
//! .bowline/oci/NAME/…                                     what clients pushed beside archives
//! .bowline/uploads/…                                      what is not complete
//! TENANT/…                                                with tenants, all of it once more
//! ```
//!
//! A key is a path below the root with `/` between its parts. What is put appears whole or not at all, and of two that put
//! something new under one key, one is told that it came second. There is no index among it that two servers could write at
//! the same time: the index is made from the archives. (An `index.yaml` that somebody put into a folder is the exception,
//! and a bucket has none that counts.)
//!
//! Invariant: no key leads out of the root. Nothing is read whole without a limit, and an archive is handed on as it comes.

mod bucket;
mod folder;

use std::collections::BTreeMap;
use std::io::Read;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use bucket::BucketOptions;

use crate::repo::RepoError;
use crate::repo::generate::{Archive, WORK_FOLDER};
use crate::sys::Host;
use crate::sys::fs::{self, FsError};
use crate::sys::staged::Staged;

/// Where a server has its charts.
#[derive(Debug, Clone)]
pub enum Source {
    /// A folder of this machine.
    Folder(PathBuf),
    /// A bucket of an S3-compatible service.
    Bucket(BucketOptions),
}

impl std::fmt::Display for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Source::Folder(path) => path.display().fmt(f),
            Source::Bucket(options) => options.fmt(f),
        }
    }
}

/// Enough of an object to tell whether it was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Stamp {
    /// Size in bytes.
    pub(super) size: u64,
    /// Time of its last change: seconds since the Unix epoch, and nanoseconds.
    pub(super) modified: (i64, u32),
    /// What stands for the `ETag` that a bucket gives to its content; [`UNTOLD`] for a file.
    pub(super) mark: (i64, u32),
}

impl Stamp {
    /// The one that an archive had when it was read.
    pub(super) fn of(archive: &Archive) -> Self {
        Stamp { size: archive.size, modified: archive.modified, mark: archive.changed }
    }
}

/// The mark of what has none.
pub(super) const UNTOLD: (i64, u32) = (0, 0);

/// Files of a folder, by their path below it.
pub(super) type Listing = BTreeMap<String, Stamp>;

/// The index that somebody may have put into a folder.
pub(super) const WRITTEN: &str = "index.yaml";

/// An object that is open for reading.
pub(super) type Stream = Box<dyn Read + Send>;

/// Why something cannot be had or done.
#[derive(Debug, thiserror::Error)]
pub(super) enum StorageError {
    /// The system refused.
    #[error(transparent)]
    File(#[from] FsError),
    /// There is nothing under that key.
    #[error("there is no {0:?}")]
    Missing(String),
    /// It is not what it was when it was looked at last.
    #[error("{0:?} was just changed")]
    Changed(String),
    /// It is larger than its reader allows.
    #[error("{key:?} is larger than the limit of {limit} bytes")]
    TooLarge {
        /// Under which key.
        key: String,
        /// The limit in bytes.
        limit: u64,
    },
    /// The service of a bucket said no, and will say so again.
    #[error("{bucket} refuses: {reason}")]
    Refused {
        /// The bucket's address.
        bucket: String,
        /// The service's words.
        reason: String,
    },
    /// The service of a bucket cannot be reached, or is not able to answer now.
    #[error("{bucket} cannot be reached: {reason}")]
    Unreachable {
        /// The bucket's address.
        bucket: String,
        /// What happened.
        reason: String,
    },
}

impl StorageError {
    /// Whether there is nothing under the key.
    pub(super) fn is_missing(&self) -> bool {
        match self {
            StorageError::Missing(_) => true,
            StorageError::File(error) => error.is_not_found(),
            _ => false,
        }
    }

    /// Whether the same may well succeed a moment later.
    pub(super) fn is_passing(&self) -> bool {
        matches!(self, StorageError::Changed(_) | StorageError::Unreachable { .. })
    }

    /// The status that tells a client of it.
    pub(super) fn status(&self) -> u16 {
        match self {
            StorageError::File(FsError::TooLarge { .. }) | StorageError::TooLarge { .. } => 413,
            _ if self.is_missing() => 404,
            StorageError::File(FsError::Io { source, .. }) => match super::body::status_of(source) {
                507 => 507,
                _ => 500,
            },
            StorageError::Refused { .. } => 502,
            StorageError::Changed(_) | StorageError::Unreachable { .. } => 503,
            _ => 500,
        }
    }
}

impl From<StorageError> for RepoError {
    fn from(error: StorageError) -> Self {
        match error {
            StorageError::File(error) => RepoError::Fs(error),
            StorageError::Unreachable { bucket, reason } => {
                RepoError::Bucket { bucket, reason, reached: false }
            }
            StorageError::Refused { bucket, reason } => RepoError::Bucket { bucket, reason, reached: true },
            other => RepoError::Object { reason: other.to_string(), passing: other.is_passing() },
        }
    }
}

/// The contract. All keys and folders are below the root; the empty folder is the root itself.
pub(super) trait Storage: Send + Sync {
    /// Looks whether the root is there.
    ///
    /// # Errors
    /// It is not, or the storage does not answer.
    fn check(&self) -> Result<(), RepoError>;

    /// The archives of a folder and one level below, and in the same way the provenance files, where the look that finds
    /// the archives finds those as well.
    ///
    /// # Errors
    /// The root is not there, there are too many, or the storage does not answer.
    fn list(&self, folder: &str) -> Result<(Listing, Option<Listing>), RepoError>;

    /// The `index.yaml` that somebody put into a folder, where such a one counts.
    ///
    /// # Errors
    /// The storage does not answer.
    fn written(&self, folder: &str) -> Result<Option<Stamp>, StorageError>;

    /// The folders that are `depth` levels below the root, `most` at most, hidden ones left out.
    ///
    /// # Errors
    /// The storage does not answer.
    fn folders(&self, depth: usize, most: usize) -> Result<Vec<String>, StorageError>;

    /// Whether there is such a folder. In a bucket a folder is there when anything is in it.
    ///
    /// # Errors
    /// The storage does not answer.
    fn has_folder(&self, folder: &str) -> Result<bool, StorageError>;

    /// Makes a folder, where one has to be made.
    ///
    /// # Errors
    /// The system refuses.
    fn make_folder(&self, folder: &str) -> Result<(), StorageError>;

    /// What is under a key now; `None` when there is nothing.
    ///
    /// # Errors
    /// The storage does not answer.
    fn stamp(&self, key: &str) -> Result<Option<Stamp>, StorageError>;

    /// Reads at most `limit` bytes.
    ///
    /// # Errors
    /// There is nothing, it is larger, or the storage does not answer.
    fn read(&self, key: &str, limit: u64) -> Result<Vec<u8>, StorageError>;

    /// Opens a part of an object. A stream that breaks off ends with an error; it is never just shorter.
    ///
    /// # Errors
    /// There is nothing, it is not what `expected` says, or the storage does not answer.
    fn open(&self, key: &str, expected: &Stamp, range: Range<u64>) -> Result<Stream, StorageError>;

    /// Puts a complete file under a key. Returns false, with nothing changed, when there is something already and `replace`
    /// does not allow to replace it.
    ///
    /// # Errors
    /// The storage refuses or does not answer; a file is as it was then, while of an object whose putting was not answered
    /// nobody knows.
    fn put(&self, key: &str, file: Staged, replace: bool) -> Result<bool, StorageError>;

    /// Writes a small object, replacing what is there.
    ///
    /// # Errors
    /// As [`Storage::put`].
    fn write(&self, key: &str, bytes: &[u8]) -> Result<(), StorageError>;

    /// Removes what is under a key, if anything is.
    ///
    /// # Errors
    /// The storage refuses or does not answer.
    fn remove(&self, key: &str) -> Result<(), StorageError>;

    /// A file of this name in the folder `stage` with what is under a key, `limit` bytes at most. The object stays.
    ///
    /// # Errors
    /// There is nothing, it is larger, or the storage does not answer.
    fn copy_out(&self, key: &str, stage: &Path, name: &str, limit: u64) -> Result<Staged, StorageError>;

    /// All that is directly below a folder, nothing where there is none; `most` objects and folders at most.
    ///
    /// # Errors
    /// There are more, or the storage does not answer.
    fn level(&self, folder: &str, most: usize) -> Result<Level, StorageError>;

    /// Whether several servers may have it at the same time, so that what none of them can know by itself is looked up.
    fn is_common(&self) -> bool;

    /// Where a cache finds the folder again: a text that no other folder of another storage has.
    fn identity(&self, folder: &str) -> Vec<u8>;

    /// Shortest time between two listings of one folder.
    fn pause(&self) -> Duration;

    /// How many objects are best read at the same time.
    fn threads(&self) -> usize;
}

/// What is directly below a folder, by name.
#[derive(Default)]
pub(super) struct Level {
    pub(super) objects: Vec<(String, Stamp)>,
    pub(super) folders: Vec<String>,
}

/// Opens what a server is to serve, and tells where its uploads wait until they are complete.
///
/// # Errors
/// The options cannot be used. Whether a folder or a bucket is there, its first listing tells.
pub(super) fn open(host: &Host, source: &Source) -> Result<(Arc<dyn Storage>, PathBuf), RepoError> {
    match source {
        Source::Folder(path) => {
            let root = host.resolve(path);
            // On the same file system as the charts, so that putting in place is a rename.
            let stage = root.join(WORK_FOLDER).join("uploads");
            Ok((Arc::new(folder::Folder::new(root)), stage))
        }
        Source::Bucket(options) => {
            let bucket = bucket::Bucket::open(host, options)?;
            Ok((Arc::new(bucket), host.dirs.cache.join("serve").join("uploads")))
        }
    }
}

/// A folder of a storage; what is asked for by the path below it.
#[derive(Clone)]
pub(super) struct Shelf {
    storage: Arc<dyn Storage>,
    folder: String,
}

impl Shelf {
    /// The folder of that name, the root for the empty one.
    pub(super) fn new(storage: Arc<dyn Storage>, folder: &str) -> Self {
        Shelf { storage, folder: folder.to_string() }
    }

    /// The storage that it is in.
    pub(super) fn storage(&self) -> &dyn Storage {
        &*self.storage
    }

    fn key(&self, path: &str) -> String {
        if self.folder.is_empty() { path.to_string() } else { format!("{}/{path}", self.folder) }
    }

    /// As [`Storage::list`].
    pub(super) fn list(&self) -> Result<(Listing, Option<Listing>), RepoError> {
        self.storage.list(&self.folder)
    }

    /// As [`Storage::written`].
    pub(super) fn written(&self) -> Result<Option<Stamp>, StorageError> {
        self.storage.written(&self.folder)
    }

    /// As [`Storage::identity`].
    pub(super) fn identity(&self) -> Vec<u8> {
        self.storage.identity(&self.folder)
    }

    /// As [`Storage::level`].
    pub(super) fn level(&self, path: &str, most: usize) -> Result<Level, StorageError> {
        self.storage.level(&self.key(path), most)
    }

    /// As [`Storage::stamp`].
    pub(super) fn stamp(&self, path: &str) -> Result<Option<Stamp>, StorageError> {
        self.storage.stamp(&self.key(path))
    }

    /// As [`Storage::read`].
    pub(super) fn read(&self, path: &str, limit: u64) -> Result<Vec<u8>, StorageError> {
        self.storage.read(&self.key(path), limit)
    }

    /// As [`Storage::read`], but for `None` where there is nothing.
    pub(super) fn find(&self, path: &str, limit: u64) -> Result<Option<Vec<u8>>, StorageError> {
        match self.read(path, limit) {
            Err(error) if error.is_missing() => Ok(None),
            found => found.map(Some),
        }
    }

    /// As [`Storage::open`].
    pub(super) fn open(
        &self,
        path: &str,
        expected: &Stamp,
        range: Range<u64>,
    ) -> Result<Stream, StorageError> {
        self.storage.open(&self.key(path), expected, range)
    }

    /// As [`Storage::put`].
    pub(super) fn put(&self, path: &str, file: Staged, replace: bool) -> Result<bool, StorageError> {
        self.storage.put(&self.key(path), file, replace)
    }

    /// As [`Storage::write`].
    pub(super) fn write(&self, path: &str, bytes: &[u8]) -> Result<(), StorageError> {
        self.storage.write(&self.key(path), bytes)
    }

    /// As [`Storage::remove`].
    pub(super) fn remove(&self, path: &str) -> Result<(), StorageError> {
        self.storage.remove(&self.key(path))
    }

    /// As [`Storage::copy_out`].
    pub(super) fn copy_out(
        &self,
        path: &str,
        stage: &Path,
        name: &str,
        limit: u64,
    ) -> Result<Staged, StorageError> {
        self.storage.copy_out(&self.key(path), stage, name, limit)
    }
}

/// An entry for the maker of indexes, which knows files.
pub(super) fn as_entry(path: &str, stamp: &Stamp) -> fs::Entry {
    fs::Entry {
        relative: path.to_string(),
        path: PathBuf::from(path),
        kind: fs::Kind::File,
        size: stamp.size,
        modified: stamp.modified.0,
        modified_nanos: stamp.modified.1,
        changed: stamp.mark,
        link: None,
    }
}
