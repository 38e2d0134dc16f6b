//! The bytes of a file: in memory, or read when they are first looked at.
//!
//! A chart holds many files that no template asks for; to open and read each costs more than all else that is done with
//! it. What cannot be read later looks empty, so whoever reads files so asks [`Failures`] before anything made from them
//! goes out.
//!
//! Invariant: once looked at, the bytes never change, whatever becomes of the file.

use std::fmt;
use std::ops::Deref;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use super::fs::{self, FsError};

/// The bytes of a file. Cheap to clone; clones share them.
#[derive(Clone)]
pub enum Content {
    /// In memory.
    Read(Arc<[u8]>),
    /// In memory, and known to be UTF-8: whoever reads it as a text shares it.
    Text(Arc<str>),
    /// Still in the file, unless somebody looked.
    Later(Arc<Later>),
}

/// A file that is read when it is first looked at.
pub struct Later {
    path: PathBuf,
    size: u64,
    bytes: OnceLock<Arc<[u8]>>,
    failures: Failures,
}

/// What could not be read when it was looked at, of all files that share it.
#[derive(Debug, Clone, Default)]
pub struct Failures(Arc<Mutex<Option<FsError>>>);

impl Failures {
    /// The first failure.
    ///
    /// # Errors
    /// A file could not be read, or was longer than it was found to be.
    pub fn check(&self) -> Result<(), FsError> {
        let mut first = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        first.take().map_or(Ok(()), Err)
    }

    fn note(&self, failure: FsError) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(failure);
    }
}

impl Content {
    /// The bytes of a file of so many bytes, without a byte order mark, once they are looked at.
    pub fn later(path: PathBuf, size: u64, failures: &Failures) -> Self {
        Content::Later(Arc::new(Later { path, size, bytes: OnceLock::new(), failures: failures.clone() }))
    }

    /// Bytes in memory, as a text if they are one, without a byte order mark.
    pub fn read(bytes: &[u8]) -> Self {
        let bytes = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes);
        std::str::from_utf8(bytes)
            .map_or_else(|_| Content::Read(bytes.into()), |text| Content::Text(text.into()))
    }

    /// The text that this is known to be. Nothing is read or checked for it.
    pub fn known_text(&self) -> Option<&Arc<str>> {
        match self {
            Content::Text(text) => Some(text),
            Content::Read(_) | Content::Later(_) => None,
        }
    }

    /// The bytes, shared.
    pub fn shared(&self) -> Arc<[u8]> {
        match self {
            Content::Read(bytes) => Arc::clone(bytes),
            Content::Text(text) => Arc::clone(text).into(),
            Content::Later(later) => Arc::clone(later.bytes()),
        }
    }

    /// Whether these are the same bytes in memory as those of another, and not only equal ones.
    pub fn is(&self, other: &Content) -> bool {
        Arc::ptr_eq(&self.shared(), &other.shared())
    }

    /// How many bytes there are. A file is not read for that: a byte order mark may count.
    pub fn size(&self) -> u64 {
        match self {
            Content::Read(bytes) => bytes.len() as u64,
            Content::Text(text) => text.len() as u64,
            Content::Later(later) => later.bytes.get().map_or(later.size, |bytes| bytes.len() as u64),
        }
    }
}

impl Later {
    /// The bytes.
    pub fn bytes(&self) -> &Arc<[u8]> {
        self.bytes.get_or_init(|| {
            let read = fs::read_shared(&self.path, self.size);
            without_byte_order_mark(read.unwrap_or_else(|failure| {
                self.failures.note(failure);
                Arc::from([])
            }))
        })
    }
}

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Bytes of a file without a byte order mark; hardly any has one, and then they are not copied.
fn without_byte_order_mark(bytes: Arc<[u8]>) -> Arc<[u8]> {
    match bytes.strip_prefix(BYTE_ORDER_MARK) {
        Some(rest) => rest.into(),
        None => bytes,
    }
}

impl Deref for Content {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Content::Read(bytes) => bytes,
            Content::Text(text) => text.as_bytes(),
            Content::Later(later) => later.bytes(),
        }
    }
}

impl AsRef<[u8]> for Content {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl<T: Into<Arc<[u8]>>> From<T> for Content {
    fn from(bytes: T) -> Self {
        Content::Read(bytes.into())
    }
}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Content({} bytes)", self.size())
    }
}

impl fmt::Debug for Later {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Later({})", self.path.display())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_when_it_is_looked_at_and_only_then() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        std::fs::write(&path, b"\xef\xbb\xbfold").unwrap();
        let failures = Failures::default();
        let (first, second) =
            (Content::later(path.clone(), 6, &failures), Content::later(path.clone(), 6, &failures));
        let clone = first.clone();
        assert_eq!((&*first, first.size()), (&b"old"[..], 3));
        std::fs::write(&path, b"other, and longer").unwrap();
        assert_eq!(&*clone, b"old");
        failures.check().unwrap();
        assert!(second.is_empty());
        assert!(matches!(failures.check(), Err(FsError::TooLarge { .. })));
        std::fs::remove_file(&path).unwrap();
        assert!(Content::later(path, 6, &failures).is_empty());
        assert!(failures.check().unwrap_err().is_not_found());
    }
}
