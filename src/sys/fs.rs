//! Files: bounded reads, atomic durable writes, sorted walks, safe joins, lock files.
//!
//! Invariant: every error names its path and what was being done; no read is unbounded; a file that this module writes is
//! either wholly the old one or wholly the new one, also after a power cut.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::parallel;

/// An I/O error with the path and the attempt.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FsError {
    /// The operating system refused.
    #[error("cannot {attempt} {}: {}", path.display(), plain(source))]
    Io {
        /// What was tried: `read`, `write`, `create folder`, …
        attempt: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file is larger than its reader allows.
    #[error("{} is larger than the limit of {limit} bytes", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The limit in bytes.
        limit: u64,
    },
    /// A file that must be text is not UTF-8.
    #[error("{} is not UTF-8 text (first bad byte at offset {offset})", path.display())]
    NotText {
        /// The file.
        path: PathBuf,
        /// Offset of the first bad byte.
        offset: usize,
    },
    /// Another process holds a lock file.
    #[error("{} is locked by another process (waited {} s)", path.display(), waited.as_secs())]
    Locked {
        /// The lock file.
        path: PathBuf,
        /// How long was waited.
        waited: Duration,
    },
    /// A path that would leave the folder it has to stay in.
    #[error("path {path:?} leads out of its folder")]
    Escapes {
        /// The path as given.
        path: String,
    },
}

impl FsError {
    pub(super) fn io(attempt: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| FsError::Io { attempt, path: path.to_path_buf(), source }
    }

    /// Whether the cause is that the path does not exist.
    pub fn is_not_found(&self) -> bool {
        self.is_of(io::ErrorKind::NotFound)
    }

    /// Whether the cause is that the path is a folder where a file is needed.
    pub fn is_folder(&self) -> bool {
        self.is_of(io::ErrorKind::IsADirectory)
    }

    fn is_of(&self, kind: io::ErrorKind) -> bool {
        matches!(self, FsError::Io { source, .. } if source.kind() == kind)
    }
}

/// The path, or the lowest folder above it that is there.
fn standing(path: &Path) -> &Path {
    path.ancestors().find(|path| path.symlink_metadata().is_ok()).unwrap_or(path)
}

impl crate::diag::Hint for FsError {
    fn hints(&self) -> Vec<String> {
        let (source, path) = match self {
            FsError::Io { source, path, .. } => (source, path),
            FsError::NotText { .. } => return vec!["save the file as UTF-8 text".to_string()],
            _ => return Vec::new(),
        };
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                vec!["free some space on the disk, then run the command again".to_string()]
            }
            io::ErrorKind::PermissionDenied => {
                vec![format!("check the owner and mode of {}", standing(path).display())]
            }
            io::ErrorKind::ReadOnlyFilesystem => vec![format!(
                "the file system of {} is mounted for reading only; name a place that can be written to",
                standing(path).display()
            )],
            io::ErrorKind::IsADirectory => vec!["give the path of a file".to_string()],
            _ => Vec::new(),
        }
    }
}

/// The system's message without its `(os error N)`.
pub(crate) fn plain(error: &io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or(&text).to_lowercase()
}

/// A name below a folder, as Go's `filepath.Join` writes it: without `.`, `x/..` and doubled slashes.
pub fn joined(folder: &str, name: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in folder.split('/').chain([name]) {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    let root = if folder.starts_with('/') { "/" } else { "" };
    format!("{root}{}", parts.join("/"))
}

/// Reads at most `limit` bytes of a file.
///
/// # Errors
/// The file cannot be read, or is larger.
pub fn read(path: &Path, limit: u64) -> Result<Vec<u8>, FsError> {
    let (mut file, size) = open_within(path, limit)?;
    let mut bytes = vec![0; size as usize];
    let filled = fill(&mut file, &mut bytes).map_err(FsError::io("read", path))?;
    bytes.truncate(filled);
    if filled > 0 && filled as u64 == size {
        // The file as it was when it was opened; to ask for its end would be a call more for each of hundreds of files.
        return Ok(bytes);
    }
    // One byte more than allowed tells a file that grows (or a device without a size) from one that fits.
    let room = (limit - filled as u64).saturating_add(1);
    file.take(room).read_to_end(&mut bytes).map_err(FsError::io("read", path))?;
    if bytes.len() as u64 > limit {
        return Err(FsError::TooLarge { path: path.to_path_buf(), limit });
    }
    Ok(bytes)
}

/// Fewer files than this are asked for their sizes one after the other: a second thread costs as much as a hundred answers.
const PARALLEL_FROM: usize = 1_000;
/// Files below this many bytes are read over the stack, so that one call of the system finds both their bytes and their end.
const SMALL: usize = 4 << 10;

/// Reads a regular file of `size` bytes, as a [`walk`] found it, and makes something of them. The system is not asked for
/// the size again, which counts for a chart of hundreds of files. A file that has become smaller is read as it is.
///
/// # Errors
/// The file cannot be read, or has become larger.
pub fn read_sized<T>(path: &Path, size: u64, make: impl FnOnce(&[u8]) -> T) -> Result<T, FsError> {
    let failed = || FsError::io("read", path);
    let mut file = File::open(path).map_err(failed())?;
    let wanted = size as usize;
    let (mut small, mut large) = ([0; SMALL], Vec::new());
    let bytes = if let Some(buffer) = small.get_mut(..=wanted) {
        let filled = fill_short(&mut file, buffer).map_err(failed())?;
        &buffer[..filled]
    } else {
        large.reserve_exact(wanted + 1);
        file.take(size + 1).read_to_end(&mut large).map_err(failed())?;
        &large
    };
    if bytes.len() > wanted {
        return Err(FsError::TooLarge { path: path.to_path_buf(), limit: size });
    }
    Ok(make(bytes))
}

/// As [`read_sized`], into memory that can be shared: what is read is copied at most once, which counts for files of
/// megabytes.
///
/// # Errors
/// Those of [`read_sized`].
pub fn read_shared(path: &Path, size: u64) -> Result<Arc<[u8]>, FsError> {
    let wanted = size as usize;
    if wanted < SMALL {
        return read_sized(path, size, |bytes| bytes.into());
    }
    let failed = || FsError::io("read", path);
    let mut file = File::open(path).map_err(failed())?;
    let mut bytes: Arc<[u8]> = std::iter::repeat_n(0, wanted).collect();
    // Nobody else can have it yet.
    let buffer = Arc::get_mut(&mut bytes).unwrap_or_default();
    let filled = fill(&mut file, buffer).map_err(failed())?;
    if filled == wanted && fill(&mut file, &mut [0]).map_err(failed())? > 0 {
        return Err(FsError::TooLarge { path: path.to_path_buf(), limit: size });
    }
    Ok(if filled == wanted { bytes } else { bytes[..filled].into() })
}

/// Fills a buffer that is one byte longer than the file should be. What falls short of its end by that byte is the whole
/// file, and no second call asks whether there is more.
fn fill_short(file: &mut File, buffer: &mut [u8]) -> io::Result<usize> {
    let room = buffer.len();
    let mut filled = 0;
    loop {
        match file.read(&mut buffer[filled..]) {
            Ok(0) => return Ok(filled),
            Ok(count) => {
                filled += count;
                if filled + 1 >= room {
                    return Ok(filled);
                }
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

fn open_within(path: &Path, limit: u64) -> Result<(File, u64), FsError> {
    let file = File::open(path).map_err(FsError::io("read", path))?;
    let size = file.metadata().map_err(FsError::io("read", path))?.len();
    if size > limit {
        return Err(FsError::TooLarge { path: path.to_path_buf(), limit });
    }
    Ok((file, size))
}

/// Fills a buffer as far as the file reaches; tells how far that is.
fn fill(file: &mut File, bytes: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < bytes.len() {
        match file.read(&mut bytes[filled..]) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

/// A file that is open for reading.
pub type OpenFile = File;

/// Opens a file to be read in pieces, with its size in bytes. The caller bounds what it reads.
///
/// # Errors
/// It cannot be opened, or is no regular file.
pub fn open(path: &Path) -> Result<(OpenFile, u64), FsError> {
    let file = File::open(path).map_err(FsError::io("read", path))?;
    let found = file.metadata().map_err(FsError::io("read", path))?;
    if !found.is_file() {
        return Err(FsError::io("read", path)(io::Error::other("not a regular file")));
    }
    Ok((file, found.len()))
}

/// Reads a UTF-8 file of at most `limit` bytes; a byte order mark is dropped.
///
/// # Errors
/// The file cannot be read, is larger, or is not UTF-8.
pub fn read_text(path: &Path, limit: u64) -> Result<String, FsError> {
    let bytes = read(path, limit)?;
    let text = String::from_utf8(bytes).map_err(|error| FsError::NotText {
        path: path.to_path_buf(),
        offset: error.utf8_error().valid_up_to(),
    })?;
    Ok(match text.strip_prefix('\u{feff}') {
        Some(rest) => rest.to_string(),
        None => text,
    })
}

/// Reads standard input up to `limit` bytes.
///
/// # Errors
/// It cannot be read, or is larger.
pub fn read_stdin(limit: u64) -> Result<Vec<u8>, FsError> {
    let path = PathBuf::from("<stdin>");
    let mut bytes = Vec::new();
    let stdin = io::stdin().lock();
    stdin.take(limit.saturating_add(1)).read_to_end(&mut bytes).map_err(FsError::io("read", &path))?;
    if bytes.len() as u64 > limit { Err(FsError::TooLarge { path, limit }) } else { Ok(bytes) }
}

/// Writes a file so that it is either the old or the new one at any moment: a temporary file beside it, flushed to the
/// disk, renamed over it, and the folder flushed. Missing folders are made.
///
/// `private` gives mode 0600, for files that hold credentials.
///
/// # Errors
/// Anything the system refuses; the temporary file is removed.
pub fn write_atomic(path: &Path, bytes: &[u8], private: bool) -> Result<(), FsError> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    create_dir_all(folder)?;
    let failed = || FsError::io("write", path);
    let (temporary, mut file) = create_beside(folder, path, private).map_err(failed())?;
    let written = file.write_all(bytes).and_then(|()| file.sync_all());
    if let Err(source) = written.and_then(|()| fs::rename(&temporary, path)) {
        // The write failed; what is left of it must not stay, and failing to remove it changes nothing for the caller.
        let _ = fs::remove_file(&temporary);
        return Err(failed()(source));
    }
    flush_folder(folder)
}

/// Makes an empty file with a name that nobody can know before: not another thread, not a process with the same number in
/// another container, and not whoever would like to have a link of theirs written through.
fn create_beside(folder: &Path, path: &Path, private: bool) -> io::Result<(PathBuf, File)> {
    /// Most characters of the file's own name, so that the whole is not too long for a name.
    const MOST: usize = 50;
    let name: String = path.file_name().unwrap_or_default().to_string_lossy().chars().take(MOST).collect();
    let mut drawn = [0; 8];
    getrandom::fill(&mut drawn).map_err(io::Error::other)?;
    let temporary = folder.join(format!(".{name}.{:016x}.tmp", u64::from_ne_bytes(drawn)));
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(if private { 0o600 } else { 0o644 });
    }
    let file = options.open(&temporary)?;
    Ok((temporary, file))
}

/// Makes an empty file that only its owner can read (mode 0600), with its missing folders, and flushes the folder.
/// Returns false, and touches nothing, when there is one already.
///
/// # Errors
/// Anything the system refuses.
pub fn create_private(path: &Path) -> Result<bool, FsError> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    create_dir_all(folder)?;
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    match options.open(path) {
        Ok(_) => flush_folder(folder).map(|()| true),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(FsError::io("create", path)(error)),
    }
}

/// Number of the user who owns a path; `None` when there is none or the system has no such numbers.
#[cfg(unix)]
pub fn owner(path: &Path) -> Option<u32> {
    use std::os::unix::fs::MetadataExt;
    fs::metadata(path).ok().map(|found| found.uid())
}

/// Number of the user who owns a path; this system has no such numbers.
#[cfg(not(unix))]
pub fn owner(_: &Path) -> Option<u32> {
    None
}

/// Flushes a folder, so that a rename in it survives a power cut.
#[cfg(unix)]
pub(super) fn flush_folder(folder: &Path) -> Result<(), FsError> {
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(FsError::io("flush folder", folder))
}

#[cfg(not(unix))]
pub(super) fn flush_folder(_: &Path) -> Result<(), FsError> {
    Ok(())
}

/// Writes a file without waiting for the disk, for what can be made again; missing folders are made.
///
/// # Errors
/// Anything the system refuses.
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), FsError> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        create_dir_all(folder)?;
    }
    fs::write(path, bytes).map_err(FsError::io("write", path))
}

/// Makes a folder and its parents.
///
/// # Errors
/// The system refuses.
pub fn create_dir_all(path: &Path) -> Result<(), FsError> {
    fs::create_dir_all(path).map_err(FsError::io("create folder", path))
}

/// Renames a file, replacing what is at the new path.
///
/// # Errors
/// The system refuses.
pub fn rename(from: &Path, to: &Path) -> Result<(), FsError> {
    fs::rename(from, to).map_err(FsError::io("rename", from))
}

/// Where a link leads; `None` for what is no link.
pub fn link_target(path: &Path) -> Option<PathBuf> {
    fs::read_link(path).ok()
}

/// Whether a path is a link that leads out of a folder, or to nothing.
pub fn leads_out(folder: &Path, path: &Path) -> bool {
    if link_target(path).is_none() {
        return false;
    }
    match (fs::canonicalize(folder), fs::canonicalize(path)) {
        (Ok(folder), Ok(target)) => !target.starts_with(folder),
        _ => true,
    }
}

/// Removes a file; one that is not there is fine.
///
/// # Errors
/// The system refuses.
pub fn remove_file(path: &Path) -> Result<(), FsError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(FsError::io("remove", path)(error)),
        _ => Ok(()),
    }
}

/// Removes a folder with all that is in it; one that is not there is fine.
///
/// # Errors
/// The system refuses.
pub fn remove_dir_all(path: &Path) -> Result<(), FsError> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(FsError::io("remove folder", path)(error))
        }
        _ => Ok(()),
    }
}

/// What kind of thing a path is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Nothing is there.
    Missing,
    /// A regular file (after following links).
    File,
    /// A folder (after following links).
    Folder,
    /// A device, socket or pipe.
    Other,
}

/// What is at a path, links followed.
pub fn kind(path: &Path) -> Kind {
    match fs::metadata(path) {
        Ok(found) if found.is_file() => Kind::File,
        Ok(found) if found.is_dir() => Kind::Folder,
        Ok(_) => Kind::Other,
        Err(_) => Kind::Missing,
    }
}

/// Size of a file in bytes, links followed; `None` when there is no file.
pub fn size(path: &Path) -> Option<u64> {
    fs::metadata(path).ok().filter(fs::Metadata::is_file).map(|found| found.len())
}

/// Size in bytes and time of the last change (seconds since the Unix epoch, nanoseconds) of a file, links followed;
/// `None` when there is no file. Enough to tell whether it was changed.
pub fn stamp(path: &Path) -> Option<(u64, i64, u32)> {
    let found = fs::metadata(path).ok().filter(fs::Metadata::is_file)?;
    let since = found
        .modified()
        .ok()
        .and_then(|at| at.duration_since(std::time::UNIX_EPOCH).ok())
        .unwrap_or_default();
    Some((found.len(), since.as_secs() as i64, since.subsec_nanos()))
}

/// What is at a path, links followed; unlike [`kind`] it tells apart what is not there from what may not be looked at.
///
/// # Errors
/// The system refuses to look, as in a folder of somebody else.
pub fn look(path: &Path) -> Result<Kind, FsError> {
    match fs::metadata(path) {
        Ok(_) => Ok(kind(path)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Kind::Missing),
        Err(error) => Err(FsError::io("look at", path)(error)),
    }
}

/// One thing found by [`walk`].
#[derive(Debug, Clone)]
pub struct Entry {
    /// Path below the walked folder, with `/` between its parts.
    pub relative: String,
    /// Path to open.
    pub path: PathBuf,
    /// What it is, links followed.
    pub kind: Kind,
    /// Size in bytes, for files.
    pub size: u64,
    /// Time of the last change, in seconds since the Unix epoch.
    pub modified: i64,
    /// Nanoseconds after [`Entry::modified`], as far as the file system tells them.
    pub modified_nanos: u32,
    /// Time of the last change of the content or of what the system keeps about the file, which nobody can set back:
    /// seconds since the Unix epoch, and nanoseconds. That of `modified` where the system does not tell.
    pub changed: (i64, u32),
    /// Where it leads, when it is a symbolic link itself.
    pub link: Option<PathBuf>,
}

#[cfg(unix)]
fn changed(metadata: &fs::Metadata) -> (i64, u32) {
    use std::os::unix::fs::MetadataExt;
    (metadata.ctime(), metadata.ctime_nsec() as u32)
}

#[cfg(not(unix))]
fn changed(metadata: &fs::Metadata) -> (i64, u32) {
    let since = metadata.modified().ok().and_then(|at| at.duration_since(std::time::UNIX_EPOCH).ok());
    since.map_or((0, 0), |since| (since.as_secs() as i64, since.subsec_nanos()))
}

/// All below a folder, sorted by name at each level, links followed, the folder itself left out.
///
/// `enter` is asked for each entry; a folder for which it says no is not walked, a file not listed.
///
/// # Errors
/// A folder cannot be read, a link leads in a circle or to nothing, or there are more than `most` entries.
pub fn walk(root: &Path, most: usize, enter: impl FnMut(&str, Kind) -> bool) -> Result<Vec<Entry>, FsError> {
    walk_with(root, most, enter, |_| false)
}

/// As [`walk`], but links that lead to nothing or in a circle are left out, and so is what others remove meanwhile.
///
/// # Errors
/// A folder cannot be read, or there are more than `most` entries.
pub fn walk_present(
    root: &Path,
    most: usize,
    enter: impl FnMut(&str, Kind) -> bool,
) -> Result<Vec<Entry>, FsError> {
    let is_absent = |error: &walkdir::Error| {
        let kind = error.io_error().map(io::Error::kind);
        let is_below = error.depth() > 0;
        is_below && (error.loop_ancestor().is_some() || kind == Some(io::ErrorKind::NotFound))
    };
    walk_with(root, most, enter, is_absent)
}

/// As [`walk`], without the entries whose error `leave_out` is true of.
fn walk_with(
    root: &Path,
    most: usize,
    mut enter: impl FnMut(&str, Kind) -> bool,
    leave_out: impl Fn(&walkdir::Error) -> bool + Sync,
) -> Result<Vec<Entry>, FsError> {
    // The walker only ever appends to the root, so what is below it starts where the root's own bytes end. Taking paths
    // apart by their components cost more than all else here, opening the files aside.
    let relative = |path: &Path| {
        let below = path.as_os_str().as_encoded_bytes().get(root.as_os_str().len()..).unwrap_or_default();
        let text = String::from_utf8_lossy(below);
        let text = text.trim_start_matches(std::path::is_separator);
        if std::path::MAIN_SEPARATOR == '/' {
            text.to_string()
        } else {
            text.replace(std::path::MAIN_SEPARATOR, "/")
        }
    };
    let kind_of = |file_type: fs::FileType| match () {
        () if file_type.is_file() => Kind::File,
        () if file_type.is_dir() => Kind::Folder,
        () => Kind::Other,
    };
    let failed = |error: walkdir::Error| {
        let path = error.path().unwrap_or(root).to_path_buf();
        let text = error.to_string();
        let source = error.into_io_error().unwrap_or_else(|| io::Error::other(text));
        FsError::Io { attempt: "read", path, source }
    };
    let mut found = Vec::new();
    // Those that are compared lie in one folder, so whole paths sort as names do.
    let by_name =
        |a: &walkdir::DirEntry, b: &walkdir::DirEntry| a.path().as_os_str().cmp(b.path().as_os_str());
    let walker = walkdir::WalkDir::new(root).min_depth(1).follow_links(true).sort_by(by_name).into_iter();
    for entry in walker.filter_entry(|entry| enter(&relative(entry.path()), kind_of(entry.file_type()))) {
        let entry = match entry {
            Err(error) if leave_out(&error) => continue,
            entry => entry.map_err(failed)?,
        };
        if found.len() >= most {
            return Err(FsError::TooLarge { path: root.to_path_buf(), limit: most as u64 });
        }
        found.push(entry);
    }
    let look = |entry: &walkdir::DirEntry| {
        let metadata = match entry.metadata() {
            Err(error) if leave_out(&error) => return Ok(None),
            metadata => metadata.map_err(failed)?,
        };
        let modified = metadata.modified().ok().and_then(|at| at.duration_since(std::time::UNIX_EPOCH).ok());
        Ok(Some(Entry {
            relative: relative(entry.path()),
            kind: kind_of(entry.file_type()),
            path: entry.path().to_path_buf(),
            size: metadata.len(),
            modified: modified.map_or(0, |since| since.as_secs() as i64),
            modified_nanos: modified.map_or(0, |since| since.subsec_nanos()),
            changed: changed(&metadata),
            // It was followed to its end already, so that this finds one, too.
            link: entry.path_is_symlink().then(|| fs::canonicalize(entry.path()).unwrap_or_default()),
        }))
    };
    let looked = parallel::map(&found, if found.len() < PARALLEL_FROM { 1 } else { 2 }, look);
    looked.into_iter().filter_map(Result::transpose).collect()
}

/// Joins an untrusted relative path to a folder.
///
/// # Errors
/// The path is absolute, has a `..` part, a drive letter or a NUL byte.
pub fn safe_join(folder: &Path, untrusted: &str) -> Result<PathBuf, FsError> {
    let escapes = || FsError::Escapes { path: untrusted.to_string() };
    let portable = untrusted.replace('\\', "/");
    if portable.contains('\0') || portable.as_bytes().get(1) == Some(&b':') {
        return Err(escapes());
    }
    let mut joined = folder.to_path_buf();
    for part in Path::new(&portable).components() {
        match part {
            Component::Normal(part) => joined.push(part),
            Component::CurDir => {}
            _ => return Err(escapes()),
        }
    }
    Ok(joined)
}

/// A lock file that is held until dropped. Held by the operating system, so that a killed process leaves no lock.
#[derive(Debug)]
pub struct LockFile {
    _file: File,
}

/// Takes a lock file, waiting up to `patience` for another process to let go of it.
///
/// # Errors
/// The file cannot be made, or the wait is over.
pub fn lock(path: &Path, patience: Duration) -> Result<LockFile, FsError> {
    if let Some(folder) = path.parent() {
        create_dir_all(folder)?;
    }
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path)
        .map_err(FsError::io("lock", path))?;
    let start = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(LockFile { _file: file }),
            Err(fs::TryLockError::WouldBlock) if start.elapsed() < patience => {
                std::thread::sleep(Duration::from_millis(20));
            }
            Err(fs::TryLockError::WouldBlock) => {
                return Err(FsError::Locked { path: path.to_path_buf(), waited: patience });
            }
            Err(fs::TryLockError::Error(source)) => return Err(FsError::io("lock", path)(source)),
        }
    }
}

/// The machine's name, where the system tells it in a file.
pub(crate) fn host_name() -> Option<String> {
    let name = fs::read_to_string("/proc/sys/kernel/hostname")
        .or_else(|_| fs::read_to_string("/etc/hostname"))
        .ok()?;
    Some(name.trim().to_string()).filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_files_are_found_in_order_with_their_sizes() {
        let folder = tempfile::tempdir().unwrap();
        for number in 0..=PARALLEL_FROM {
            fs::write(folder.path().join(format!("{number:04}")), "x".repeat(number % 7)).unwrap();
        }
        let found = walk(folder.path(), usize::MAX, |_, _| true).unwrap();
        assert_eq!(found.len(), PARALLEL_FROM + 1);
        for (number, entry) in found.iter().enumerate() {
            assert_eq!((entry.relative.as_str(), entry.size), (&*format!("{number:04}"), number as u64 % 7));
            assert_eq!((entry.kind, &entry.path), (Kind::File, &folder.path().join(&entry.relative)));
        }
    }

    #[test]
    fn names_are_joined_as_go_does_it() {
        for (folder, want) in [
            (".", "charts"),
            ("./web/", "web/charts"),
            ("a//b/../c", "a/c/charts"),
            ("../..", "../../charts"),
            ("/", "/charts"),
        ] {
            assert_eq!(joined(folder, "charts"), want, "{folder}");
        }
    }

    #[test]
    fn reads_are_bounded_and_name_the_path() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        fs::write(&path, b"12345").unwrap();
        assert_eq!(read(&path, 5).unwrap(), b"12345");
        assert!(read(&path, 4).unwrap_err().to_string().contains("larger than the limit of 4 bytes"));
        let missing = read(&folder.path().join("b"), 5).unwrap_err();
        assert!(
            missing.is_not_found() && missing.to_string().ends_with("no such file or directory"),
            "{missing}"
        );
    }

    #[test]
    fn files_of_known_size_are_read_whole_or_refused_when_they_grew() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        for size in [0, 1, SMALL - 2, SMALL - 1, SMALL, SMALL + 1, 100_000] {
            let bytes: Vec<u8> = (0..size).map(|at| at as u8).collect();
            fs::write(&path, &bytes).unwrap();
            let copied = |path: &Path, size| read_sized(path, size, |bytes| Arc::<[u8]>::from(bytes));
            for read in [read_shared, copied] {
                assert_eq!(*read(&path, size as u64).unwrap(), bytes);
                assert_eq!(*read(&path, size as u64 + 7).unwrap(), bytes, "it shrank");
                if size > 0 {
                    let grown = read(&path, size as u64 - 1).unwrap_err();
                    assert!(matches!(grown, FsError::TooLarge { limit, .. } if limit == size as u64 - 1));
                }
            }
        }
    }

    #[test]
    fn atomic_writes_leave_no_temporary_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x/y");
        write_atomic(&path, b"one", false).unwrap();
        write_atomic(&path, b"two", true).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
        fs::create_dir(folder.path().join("d")).unwrap();
        assert!(write_atomic(&folder.path().join("d"), b"x", false).is_err());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    }

    #[test]
    fn writers_at_the_same_time_do_not_meet() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x".repeat(255));
        let texts = ["a".repeat(300_000), "b".repeat(10)];
        write_atomic(&path, texts[0].as_bytes(), false).unwrap();
        std::thread::scope(|scope| {
            for worker in 0..4 {
                let (path, text) = (&path, &texts[worker % 2]);
                scope.spawn(move || {
                    for _ in 0..20 {
                        write_atomic(path, text.as_bytes(), false).unwrap();
                    }
                });
            }
            for _ in 0..100 {
                let found = fs::read_to_string(&path).unwrap();
                assert!(texts.contains(&found), "torn: {} bytes", found.len());
            }
        });
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[cfg(unix)]
    #[test]
    fn planted_links_are_not_written_through_and_modes_are_ours() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let (path, victim) = (folder.path().join("key"), folder.path().join("victim"));
        fs::write(&victim, b"mine").unwrap();
        let planted = folder.path().join(format!(".key.{}.tmp", std::process::id()));
        std::os::unix::fs::symlink(&victim, planted).unwrap();
        write_atomic(&path, b"public", false).unwrap();
        write_atomic(&path, b"secret", true).unwrap();
        assert_eq!(
            (fs::read(&victim).unwrap(), fs::read(&path).unwrap()),
            (b"mine".to_vec(), b"secret".to_vec())
        );
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn untrusted_paths_stay_inside() {
        let folder = Path::new("/base");
        assert_eq!(safe_join(folder, "a/./b").unwrap(), Path::new("/base/a/b"));
        for bad in ["/etc/passwd", "../x", "a/../../x", "..\\x", "c:x", "a\0b"] {
            assert!(safe_join(folder, bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn walks_sorted_and_bounded() {
        let folder = tempfile::tempdir().unwrap();
        for path in ["b/2", "b/1", "a", "skip/x"] {
            write_atomic(&folder.path().join(path), b"", false).unwrap();
        }
        let names = |most| {
            let found = walk(folder.path(), most, |path, _| path != "skip")?;
            Ok::<_, FsError>(found.into_iter().map(|entry| entry.relative).collect::<Vec<_>>())
        };
        assert_eq!(names(9).unwrap(), ["a", "b", "b/1", "b/2"]);
        assert!(names(3).is_err());
    }

    #[cfg(unix)]
    #[test]
    fn what_is_not_there_fails_a_walk_or_is_left_out() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        write_atomic(&root.join("b/1"), b"", false).unwrap();
        std::os::unix::fs::symlink("nowhere", root.join("a")).unwrap();
        assert!(walk(root, 9, |_, _| true).is_err());
        std::os::unix::fs::symlink("..", root.join("b/up")).unwrap();
        let found = walk_present(root, 9, |_, _| true).unwrap();
        assert_eq!(found.iter().map(|entry| entry.relative.as_str()).collect::<Vec<_>>(), ["b", "b/1"]);
        assert!(walk_present(&root.join("c"), 9, |_, _| true).is_err(), "the folder itself must be there");
    }

    #[test]
    fn a_lock_is_exclusive() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("l.lock");
        let held = lock(&path, Duration::ZERO).unwrap();
        assert!(matches!(lock(&path, Duration::ZERO), Err(FsError::Locked { .. })));
        drop(held);
        lock(&path, Duration::ZERO).unwrap();
    }
}
