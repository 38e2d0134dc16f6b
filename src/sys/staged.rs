//! Files that come in pieces: written under a temporary name, and put in place when they are complete.
//!
//! Invariant: at the target there is either nothing, the old file or the whole new one, also after a power cut (on a volume
//! without hard links an empty file for a moment, before a new one); a file that is dropped before it was put in place leaves
//! nothing behind.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
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
        Self::link_with(from, &path, |from, to| fs::hard_link(from, to))
            .map_err(FsError::io("read", from))?;
        let file = OpenOptions::new().append(true).open(&path).map_err(FsError::io("open", &path))?;
        let size = file.metadata().map_err(FsError::io("open", &path))?.len();
        Ok(Staged { path, file, size })
    }

    fn link_with(from: &Path, to: &Path, link: impl Fn(&Path, &Path) -> io::Result<()>) -> io::Result<()> {
        match link(from, to) {
            Err(error) if lacks_links(&error) => {
                let mut copy = OpenOptions::new().write(true).create_new(true).open(to)?;
                io::copy(&mut File::open(from)?, &mut copy).map(|_| ())
            }
            done => done,
        }
    }

    /// Lays the file aside without keeping it open, for when more of it comes much later.
    pub fn rest(mut self) -> Resting {
        Resting { path: std::mem::take(&mut self.path), size: self.size }
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
        self.place_with(target, replace, |from, to| fs::hard_link(from, to))
    }

    fn place_with(
        self,
        target: &Path,
        replace: bool,
        link: impl Fn(&Path, &Path) -> io::Result<()>,
    ) -> Result<bool, FsError> {
        let folder =
            target.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        create_dir_all(folder)?;
        self.file.sync_all().map_err(FsError::io("write", &self.path))?;
        if replace {
            fs::rename(&self.path, target).map_err(FsError::io("write", target))?;
        } else {
            // A rename would replace silently; a second name is refused when there is one.
            let linked = match link(&self.path, target) {
                // Whoever makes the empty file has the name for itself.
                Err(error) if lacks_links(&error) => OpenOptions::new()
                    .write(true)
                    .create_new(true)
                    .open(target)
                    .and_then(|_| fs::rename(&self.path, target)),
                done => done,
            };
            match linked {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(false),
                Err(error) => return Err(FsError::io("write", target)(error)),
            }
        }
        flush_folder(folder)?;
        Ok(true)
    }
}

/// Whether an error says that the volume knows no second names, as those of FAT and CIFS.
fn lacks_links(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::Unsupported | io::ErrorKind::PermissionDenied | io::ErrorKind::TooManyLinks
    )
}

impl Drop for Staged {
    fn drop(&mut self) {
        // One that rests goes on under another owner.
        if self.path.as_os_str().is_empty() {
            return;
        }
        // After `place` the name is gone or one of two; what cannot be removed is removed at the next start.
        let _ = fs::remove_file(&self.path);
    }
}

/// A file that is not complete and not open. As a [`Staged`] it leaves nothing behind when it is dropped.
#[derive(Debug)]
pub struct Resting {
    path: PathBuf,
    size: u64,
}

impl Resting {
    /// Size so far in bytes.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Opens it again, to go on where it was left. What else was written to it meanwhile, as by a writer that failed in the
    /// middle, is cut off.
    ///
    /// # Errors
    /// It is gone or shorter, or the system refuses.
    pub fn go_on(mut self) -> Result<Staged, FsError> {
        let failed = || FsError::io("open", &self.path);
        let mut file = OpenOptions::new().write(true).open(&self.path).map_err(failed())?;
        if file.seek(SeekFrom::End(0)).map_err(failed())? < self.size {
            return Err(failed()(io::ErrorKind::UnexpectedEof.into()));
        }
        file.set_len(self.size).map_err(failed())?;
        file.seek(SeekFrom::Start(self.size)).map_err(failed())?;
        Ok(Staged { path: std::mem::take(&mut self.path), file, size: self.size })
    }
}

impl Drop for Resting {
    fn drop(&mut self) {
        if !self.path.as_os_str().is_empty() {
            // As for a staged one.
            let _ = fs::remove_file(&self.path);
        }
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
        // What rests is there, and goes on where it was left.
        let resting = staged("12345").rest();
        assert_eq!((resting.size(), fs::read(stage.join("one")).unwrap()), (5, b"12345".to_vec()));
        fs::write(stage.join("one"), b"12345 and half a piece").unwrap();
        let mut again = resting.go_on().unwrap();
        again.append(b"67").unwrap();
        assert_eq!(again.size(), 7);
        assert!(again.rest().go_on().unwrap().place(&target, true).unwrap());
        assert_eq!(fs::read(&target).unwrap(), b"1234567");
        let short = staged("12345").rest();
        fs::write(stage.join("one"), b"1").unwrap();
        assert!(short.go_on().is_err());
        drop(staged("12345").rest());
        assert_eq!(fs::read_dir(&stage).unwrap().count(), 0);
    }
    #[test]
    fn volumes_without_links_do_as_well() {
        let folder = tempfile::tempdir().unwrap();
        let (stage, target) = (folder.path().join("stage"), folder.path().join("target"));
        let refuse = |_: &Path, _: &Path| Err(io::ErrorKind::Unsupported.into());
        let place = |text: &str, replace: bool| {
            let mut staged = Staged::create(&stage, "one").unwrap();
            staged.append(text.as_bytes()).unwrap();
            staged.place_with(&target, replace, refuse).unwrap()
        };
        assert!(place("first", false) && !place("second", false));
        assert_eq!(fs::read(&target).unwrap(), b"first");
        assert!(place("third", true));
        let copy = stage.join("copy");
        Staged::link_with(&target, &copy, refuse).unwrap();
        assert!(Staged::link_with(&target, &copy, refuse).is_err());
        assert_eq!(fs::read(&copy).unwrap(), b"third");
        fs::remove_file(copy).unwrap();
        assert_eq!(fs::read_dir(&stage).unwrap().count(), 0);
    }
}
