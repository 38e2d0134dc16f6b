//! A file whose content counts as it is now.
//!
//! Invariant: a file that changed is read again before it is relied on; one that cannot be used any more leaves what it said
//! before, and whoever runs the server is told once.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::Warnings;
use crate::repo::RepoError;
use crate::sys::fs;

/// Size and time of a file.
type Stamp = Option<(u64, i64, u32)>;

/// A file that is read again when it changes.
pub(super) struct Watched<T> {
    path: PathBuf,
    read: fn(&Path) -> Result<T, RepoError>,
    kept: Mutex<(Stamp, Arc<T>)>,
    warnings: Option<Warnings>,
}

impl<T> Watched<T> {
    /// Reads a file.
    ///
    /// # Errors
    /// Those of the reader.
    pub(super) fn open(
        path: PathBuf,
        read: fn(&Path) -> Result<T, RepoError>,
        warnings: Option<Warnings>,
    ) -> Result<Self, RepoError> {
        let stamp = fs::stamp(&path);
        let first = Arc::new(read(&path)?);
        Ok(Watched { path, read, kept: Mutex::new((stamp, first)), warnings })
    }

    /// What the file says now.
    pub(super) fn now(&self) -> Arc<T> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let stamp = fs::stamp(&self.path);
        if stamp == kept.0 {
            return Arc::clone(&kept.1);
        }
        kept.0 = stamp;
        match (self.read)(&self.path) {
            Ok(read) => kept.1 = Arc::new(read),
            Err(error) => {
                if let Some(warnings) = &self.warnings {
                    warnings(&format!("what the file said before stays in force: {error}"));
                }
            }
        }
        Arc::clone(&kept.1)
    }
}
