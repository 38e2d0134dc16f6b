//! A folder of this machine as a storage.
//!
//! Invariant: what is put is renamed or linked into place, so that it is there whole, and survives a power cut. No folder
//! that is a link out of the root is entered, so nothing outside is listed, overwritten or removed; a file may be a link.

use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{Level, Listing, Stamp, Storage, StorageError, Stream, UNTOLD, WRITTEN};
use crate::repo::RepoError;
use crate::repo::generate::archives_within;
use crate::repo::serve::tenants::is_safe;
use crate::sys::fs::{self, FsError};
use crate::sys::parallel;
use crate::sys::staged::Staged;

/// Shortest time between two listings.
const PAUSE: Duration = Duration::from_millis(500);

/// A folder with all below it.
pub(super) struct Folder {
    root: PathBuf,
}

impl Folder {
    pub(super) fn new(root: PathBuf) -> Self {
        Folder { root }
    }

    /// Where a file is.
    fn path(&self, key: &str) -> Result<PathBuf, StorageError> {
        match key.rsplit_once('/') {
            Some((folder, name)) => Ok(fs::safe_join(&self.folder(folder)?, name)?),
            None => Ok(fs::safe_join(&self.root, key)?),
        }
    }

    /// Where a folder is. One to which a link leads that leaves the root is as good as none.
    fn folder(&self, key: &str) -> Result<PathBuf, StorageError> {
        let ends = key.match_indices('/').map(|(at, _)| at).chain([key.len()]);
        for folder in ends.filter_map(|end| key.get(..end)).filter(|folder| !folder.is_empty()) {
            if fs::leads_out(&self.root, &fs::safe_join(&self.root, folder)?) {
                return Err(StorageError::Missing(key.to_string()));
            }
        }
        Ok(fs::safe_join(&self.root, key)?)
    }
}

fn stamp(path: &Path) -> Option<Stamp> {
    let (size, seconds, nanos) = fs::stamp(path)?;
    Some(Stamp { size, modified: (seconds, nanos), mark: UNTOLD })
}

impl Storage for Folder {
    fn check(&self) -> Result<(), RepoError> {
        match fs::kind(&self.root) {
            fs::Kind::Folder => Ok(()),
            _ => Err(RepoError::NotAFolder { path: self.root.display().to_string() }),
        }
    }

    fn list(&self, folder: &str) -> Result<(Listing, Option<Listing>), RepoError> {
        let path = self.folder(folder)?;
        if fs::kind(&path) != fs::Kind::Folder {
            return Err(RepoError::NotAFolder { path: path.display().to_string() });
        }
        let enter = |name: &str| !fs::leads_out(&self.root, &path.join(name));
        let found = archives_within(&path, enter)?.into_iter().map(|file| {
            let modified = (file.modified, file.modified_nanos);
            (file.relative, Stamp { size: file.size, modified, mark: UNTOLD })
        });
        Ok((found.collect(), None))
    }

    fn written(&self, folder: &str) -> Result<Option<Stamp>, StorageError> {
        Ok(stamp(&self.folder(folder)?.join(WRITTEN)))
    }

    fn folders(&self, depth: usize, most: usize) -> Result<Vec<String>, StorageError> {
        let level = |path: &str| path.matches('/').count() + 1;
        let enter = |path: &str, kind: fs::Kind| {
            let safe = path.rsplit('/').next().is_some_and(is_safe);
            kind == fs::Kind::Folder
                && level(path) <= depth
                && safe
                && !fs::leads_out(&self.root, &self.root.join(path))
        };
        let found = fs::walk_present(&self.root, most.saturating_mul(depth), enter)?;
        Ok(found.into_iter().map(|folder| folder.relative).filter(|path| level(path) == depth).collect())
    }

    fn has_folder(&self, folder: &str) -> Result<bool, StorageError> {
        match self.folder(folder) {
            Ok(path) => Ok(fs::kind(&path) == fs::Kind::Folder),
            Err(error) if error.is_missing() => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn make_folder(&self, folder: &str) -> Result<(), StorageError> {
        Ok(fs::create_dir_all(&self.folder(folder)?)?)
    }

    fn stamp(&self, key: &str) -> Result<Option<Stamp>, StorageError> {
        Ok(stamp(&self.path(key)?))
    }

    fn read(&self, key: &str, limit: u64) -> Result<Vec<u8>, StorageError> {
        Ok(fs::read(&self.path(key)?, limit)?)
    }

    fn open(&self, key: &str, expected: &Stamp, range: Range<u64>) -> Result<Stream, StorageError> {
        let path = self.path(key)?;
        // A file that changed since it was read must not go out under the old digest.
        let same = stamp(&path).as_ref() == Some(expected);
        let (mut file, size) = fs::open(&path)?;
        if !same || size != expected.size {
            return Err(StorageError::Changed(key.to_string()));
        }
        let broken = |source| FsError::Io { attempt: "read", path: path.clone(), source };
        file.seek(SeekFrom::Start(range.start)).map_err(broken)?;
        Ok(Box::new(Exact { from: file, left: range.end.saturating_sub(range.start) }))
    }

    fn put(&self, key: &str, file: Staged, replace: bool) -> Result<bool, StorageError> {
        Ok(file.place(&self.path(key)?, replace)?)
    }

    fn write(&self, key: &str, bytes: &[u8]) -> Result<(), StorageError> {
        Ok(fs::write_atomic(&self.path(key)?, bytes, false)?)
    }

    fn remove(&self, key: &str) -> Result<(), StorageError> {
        Ok(fs::remove_file(&self.path(key)?)?)
    }

    fn copy_out(&self, key: &str, stage: &Path, name: &str, limit: u64) -> Result<Staged, StorageError> {
        let file = Staged::link(&self.path(key)?, stage, name)?;
        if file.size() > limit {
            return Err(StorageError::TooLarge { key: key.to_string(), limit });
        }
        Ok(file)
    }

    fn level(&self, folder: &str, most: usize) -> Result<Level, StorageError> {
        let path = self.folder(folder)?;
        let mut level = Level::default();
        if fs::kind(&path) != fs::Kind::Folder {
            return Ok(level);
        }
        for found in fs::walk_present(&path, most, |below, _| !below.contains('/'))? {
            match found.kind {
                fs::Kind::Folder => level.folders.push(found.relative),
                _ => {
                    let modified = (found.modified, found.modified_nanos);
                    let stamp = Stamp { size: found.size, modified, mark: UNTOLD };
                    level.objects.push((found.relative, stamp));
                }
            }
        }
        Ok(level)
    }

    fn is_common(&self) -> bool {
        false
    }

    fn identity(&self, folder: &str) -> Vec<u8> {
        // A tenant's name is a path that was checked; one that were not would only have a cache of its own.
        let path = self.folder(folder).unwrap_or_else(|_| self.root.clone());
        path.as_os_str().as_encoded_bytes().to_vec()
    }

    fn pause(&self) -> Duration {
        PAUSE
    }

    fn threads(&self) -> usize {
        parallel::processors()
    }
}

/// A reader that gives so many bytes or an error.
pub(super) struct Exact<R> {
    pub(super) from: R,
    pub(super) left: u64,
}

impl<R: Read> Read for Exact<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = buffer.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        if most == 0 {
            return Ok(0);
        }
        // Never more than the buffer has.
        let count = self.from.read(&mut buffer[..most])?;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.left -= count as u64;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_has_its_bytes_or_an_error() {
        let mut text = Vec::new();
        Exact { from: &b"abcdef"[..], left: 3 }.read_to_end(&mut text).unwrap();
        assert_eq!(text, b"abc");
        let cut = Exact { from: &b"ab"[..], left: 3 }.read_to_end(&mut Vec::new()).unwrap_err();
        assert_eq!(cut.kind(), io::ErrorKind::UnexpectedEof);
    }

    #[test]
    fn keys_stay_inside_and_what_changed_is_not_handed_out() {
        let outside = tempfile::tempdir().unwrap();
        let root = outside.path().join("root");
        std::fs::create_dir(&root).unwrap();
        std::fs::write(outside.path().join("secret.tgz"), b"x").unwrap();
        let folder = Folder::new(root.clone());
        assert!(folder.read("../secret.tgz", 9).is_err() && folder.write("../a", b"x").is_err());
        folder.write("a.tgz", b"12345").unwrap();
        let known = folder.stamp("a.tgz").unwrap().unwrap();
        let mut text = String::new();
        folder.open("a.tgz", &known, 1..3).unwrap().read_to_string(&mut text).unwrap();
        assert_eq!(text, "23");
        folder.write("a.tgz", b"other").unwrap();
        let older = Stamp { modified: (1, 0), ..known };
        assert!(matches!(folder.open("a.tgz", &older, 0..5), Err(StorageError::Changed(_))));
        assert!(folder.open("b.tgz", &known, 0..5).err().unwrap().is_missing());
        assert_eq!(folder.stamp("b.tgz").unwrap(), None);
        folder.remove("a.tgz").unwrap();
        folder.remove("a.tgz").unwrap();
    }

    #[cfg(unix)]
    #[test]
    fn folders_that_are_links_out_are_not_entered() {
        let outside = tempfile::tempdir().unwrap();
        let (root, elsewhere) = (outside.path().join("root"), outside.path().join("elsewhere"));
        std::fs::create_dir_all(root.join("team")).unwrap();
        std::fs::create_dir_all(elsewhere.join("sub")).unwrap();
        for file in [elsewhere.join("x.tgz"), elsewhere.join("sub/x.tgz"), root.join("team/a.tgz")] {
            std::fs::write(file, b"x").unwrap();
        }
        let link = |target: &Path, name: &str| std::os::unix::fs::symlink(target, root.join(name)).unwrap();
        link(&elsewhere, "out");
        link(&elsewhere, "team/out");
        link(&root.join("team"), "same");
        link(&elsewhere.join("x.tgz"), "team/x.tgz");
        let folder = Folder::new(root.clone());
        assert_eq!(folder.folders(1, 9).unwrap(), ["same", "team"]);
        assert_eq!(folder.folders(2, 9).unwrap(), [""; 0]);
        assert_eq!(folder.list("team").unwrap().0.into_keys().collect::<Vec<_>>(), ["a.tgz", "x.tgz"]);
        for out in ["out", "out/sub", "team/out"] {
            assert!(!folder.has_folder(out).unwrap() && folder.list(out).is_err(), "{out}");
            assert!(folder.make_folder(&format!("{out}/new")).is_err());
            let key = format!("{out}/x.tgz");
            assert!(folder.remove(&key).is_err() && folder.write(&key, b"y").is_err(), "{key}");
            assert!(folder.read(&key, 9).is_err() && folder.stamp(&key).is_err(), "{key}");
        }
        assert!(!elsewhere.join("new").exists());
        // A file may lie elsewhere; what is removed is the link.
        assert_eq!(folder.read("team/x.tgz", 9).unwrap(), b"x");
        folder.remove("team/x.tgz").unwrap();
        folder.remove("same/a.tgz").unwrap();
        assert!(elsewhere.join("x.tgz").exists() && !root.join("team/a.tgz").exists());
    }

    #[test]
    fn what_is_copied_out_leaves_the_object_where_it_is() {
        let outside = tempfile::tempdir().unwrap();
        let folder = Folder::new(outside.path().join("root"));
        folder.write("x/blob", b"12345").unwrap();
        let stage = outside.path().join("root/.bowline/uploads");
        assert!(folder.copy_out("x/blob", &stage, "small", 4).is_err());
        let copy = folder.copy_out("x/blob", &stage, "one", 5).unwrap();
        assert!(folder.put("b.tgz", copy, false).unwrap());
        let again = folder.copy_out("x/blob", &stage, "two", 5).unwrap();
        assert!(!folder.put("b.tgz", again, false).unwrap(), "it is there already");
        assert_eq!(folder.read("x/blob", 9).unwrap(), b"12345");
        assert_eq!(std::fs::read_dir(&stage).unwrap().count(), 0);
    }
}
