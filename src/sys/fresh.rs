//! What files say, as it is now: read again when they change.
//!
//! Invariant: files that changed are read again before they are relied on; what cannot be used any more leaves what was said
//! before, and is told once.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use super::fs;

/// Size and time of a file; `None` of one that is not there.
type Stamp = Option<(u64, i64, u32)>;

/// The content of files that is read again when one of them changes.
pub struct Fresh<T> {
    paths: Vec<PathBuf>,
    /// Reads them, and tells by itself what is wrong.
    again: Box<dyn Fn() -> Option<T> + Send + Sync>,
    kept: Mutex<(Vec<Stamp>, Arc<T>)>,
}

impl<T> Fresh<T> {
    /// Reads the files for the first time. Later failures are `told`.
    ///
    /// # Errors
    /// Those of the reader.
    pub fn open<E>(
        paths: Vec<PathBuf>,
        read: impl Fn() -> Result<T, E> + Send + Sync + 'static,
        told: impl Fn(&E) + Send + Sync + 'static,
    ) -> Result<Self, E> {
        // Looked at before they are read, so that what changes meanwhile is read once more.
        let stamps = stamps(&paths);
        let first = Arc::new(read()?);
        let again = Box::new(move || read().inspect_err(|error| told(error)).ok());
        Ok(Fresh { paths, again, kept: Mutex::new((stamps, first)) })
    }

    /// What the files say now.
    pub fn now(&self) -> Arc<T> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let stamps = stamps(&self.paths);
        if stamps != kept.0 {
            kept.0 = stamps;
            if let Some(read) = (self.again)() {
                kept.1 = Arc::new(read);
            }
        }
        Arc::clone(&kept.1)
    }
}

fn stamps(paths: &[PathBuf]) -> Vec<Stamp> {
    paths.iter().map(|path| fs::stamp(path)).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn what_changed_is_read_again_and_what_is_broken_is_told_once() {
        let folder = tempfile::tempdir().unwrap();
        let paths: Vec<PathBuf> = ["one", "two"].iter().map(|name| folder.path().join(name)).collect();
        let write = |at: usize, text: &str| fs::write_atomic(&paths[at], text.as_bytes(), false).unwrap();
        write(0, "1");
        write(1, "2");
        let (reads, failures) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (read, failed, from) = (Arc::clone(&reads), Arc::clone(&failures), paths.clone());
        let fresh = Fresh::open(
            paths.clone(),
            move || {
                read.fetch_add(1, Ordering::Relaxed);
                let text = |at: usize| fs::read_text(&from[at], 9).map_err(|error| error.to_string());
                Ok::<_, String>(text(0)? + &text(1)?)
            },
            move |_: &String| {
                failed.fetch_add(1, Ordering::Relaxed);
            },
        )
        .unwrap();
        let counts = || (reads.load(Ordering::Relaxed), failures.load(Ordering::Relaxed));
        assert_eq!((fresh.now().as_str(), fresh.now().as_str(), counts()), ("12", "12", (1, 0)));
        write(1, "other");
        assert_eq!((fresh.now().as_str(), fresh.now().as_str(), counts()), ("1other", "1other", (2, 0)));
        std::fs::remove_file(&paths[0]).unwrap();
        assert_eq!((fresh.now().as_str(), fresh.now().as_str(), counts()), ("1other", "1other", (3, 1)));
        write(0, "again ");
        assert_eq!((fresh.now().as_str(), counts()), ("again other", (4, 1)));
        let none = Fresh::open(Vec::new(), || Err::<(), _>("broken"), |_| {});
        assert_eq!(none.err(), Some("broken"));
    }
}
