//! Files that come in pieces: written under a temporary name, and put in place when they are complete.
//!
//! Invariant: at the target there is either nothing, the old file or the whole new one, also after a power cut; a file that
//! is dropped before it was put in place leaves nothing behind.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::fs::{FsError, create_dir_all, flush_folder};

/// A file that is not complete yet.
#[derive(Debug)]
pub struct Staged {
    path: PathBuf,
    file: File,
    size: u64,
}

impl Staged {
    /// Makes an empty file of that name in a folder, which must be on the file system of the later target. A missing
    /// folder is made.
    ///
    /// # Errors
    /// There is such a file, or the system refuses.
    pub fn create(folder: &Path, name: &str) -> Result<Self, FsError> {
        create_dir_all(folder)?;
        let path = folder.join(name);
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(&path)
            .map_err(FsError::io("create", &path))?;
        Ok(Staged { path, file, size: 0 })
    }

    /// Gives a complete file a second name in a folder, which must be on its file system. A missing folder is made. The
    /// first name stays; nothing is to be added under the second.
    ///
    /// # Errors
    /// It is not there, there is a file of that name, or the system refuses.
    pub fn link(from: &Path, folder: &Path, name: &str) -> Result<Self, FsError> {
        create_dir_all(folder)?;
        let path = folder.join(name);
        fs::hard_link(from, &path).map_err(FsError::io("read", from))?;
        let file = OpenOptions::new().append(true).open(&path).map_err(FsError::io("open", &path))?;
        let size = file.metadata().map_err(FsError::io("open", &path))?.len();
        Ok(Staged { path, file, size })
    }

    /// Adds bytes at the end.
    ///
    /// # Errors
    /// The system refuses; the file can only be dropped then.
    pub fn append(&mut self, bytes: &[u8]) -> Result<(), FsError> {
        self.file.write_all(bytes).map_err(FsError::io("write", &self.path))?;
        self.size += bytes.len() as u64;
        Ok(())
    }

    /// Size so far in bytes.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Where it is for now.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Puts the file in place and waits for the disk. Returns false, with nothing changed, when a file is there and
    /// `replace` does not allow to replace it; of two that come at once, one is put in place.
    ///
    /// # Errors
    /// The system refuses; the target is as it was.
    pub fn place(self, target: &Path, replace: bool) -> Result<bool, FsError> {
        let folder =
            target.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        create_dir_all(folder)?;
        self.file.sync_all().map_err(FsError::io("write", &self.path))?;
        if replace {
            fs::rename(&self.path, target).map_err(FsError::io("write", target))?;
        } else {
            // A rename would replace silently; a second name is refused when there is one.
            match fs::hard_link(&self.path, target) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(false),
                Err(error) => return Err(FsError::io("write", target)(error)),
            }
        }
        flush_folder(folder)?;
        Ok(true)
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        // After `place` the name is gone or one of two; what cannot be removed is removed at the next start.
        let _ = fs::remove_file(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn complete_files_are_put_in_place_and_others_leave_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let (stage, target) = (folder.path().join("stage"), folder.path().join("to/target"));
        let staged = |text: &str| {
            let mut staged = Staged::create(&stage, "one").unwrap();
            staged.append(text.as_bytes()).unwrap();
            assert_eq!(staged.size(), text.len() as u64);
            staged
        };
        drop(staged("dropped"));
        assert!(staged("first").place(&target, false).unwrap());
        assert!(!staged("second").place(&target, false).unwrap());
        assert_eq!(fs::read(&target).unwrap(), b"first");
        assert!(staged("third").place(&target, true).unwrap());
        assert_eq!(fs::read(&target).unwrap(), b"third");
        assert_eq!(fs::read_dir(&stage).unwrap().count(), 0);
        let copy = Staged::link(&target, &stage, "copy").unwrap();
        assert!(Staged::link(&target, &stage, "copy").is_err() && copy.size() == 5);
        assert!(copy.place(&folder.path().join("to/other"), false).unwrap());
        assert_eq!(fs::read(folder.path().join("to/other")).unwrap(), b"third");
        assert_eq!(fs::read(&target).unwrap(), b"third");
        assert_eq!(fs::read_dir(&stage).unwrap().count(), 0);
        assert!(Staged::link(&stage.join("none"), &stage, "copy").is_err());
    }
}
