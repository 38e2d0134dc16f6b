//! Makes an index of the archives in a folder: `repo index`.
//!
//! Archives are `*.tgz` in the folder and one level below it. One that cannot be read as a chart is left out with a
//! warning (Helm leaves it out in silence).
//!
//! Archives that did not change since the last time are not read again: what was found in them is kept below the cache
//! folder (`index_cache/archives.rs`).
//!
//! Invariant: the same archives give the same index but for its times, whatever the order in which the system lists
//! them, however many threads read them, and whether they were read now or before.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use super::index::{Entry, INDEX_LIMIT, Index, Only};
use super::index_cache::archives as archives_cache;
use super::{RepoError, peek};
use crate::data::digest::sha256_hex;
use crate::data::time::{Time, Zone};
use crate::data::version::Version;
use crate::diag::Diagnostic;
use crate::sys::{Host, fs, http, parallel};

/// Largest archive that is indexed, in bytes.
pub const ARCHIVE_LIMIT: u64 = 100 << 20;
/// Most files and folders that are looked at.
pub(super) const MOST_FILES: usize = 1_000_000;
/// Folder in a folder of charts where the server keeps what is no chart: uploads that are not complete, and what registries
/// know of a chart beside its archive.
pub(super) const WORK_FOLDER: &str = ".bowline";
/// Fewer archives than this are not worth a second thread.
const PARALLEL_FROM: usize = 16;

/// How to index a folder.
#[derive(Debug, Clone, Default)]
pub struct GenerateOptions {
    /// Prefix of the `urls`; when empty they are relative.
    pub url: String,
    /// An older index whose entries are kept. Missing, it is made empty, as Helm does.
    pub merge: Option<std::path::PathBuf>,
    /// Write JSON into `index.yaml`.
    pub json: bool,
}

/// An archive in a folder.
#[derive(Debug, Clone)]
pub struct Archive {
    /// Size in bytes.
    pub size: u64,
    /// Time of its last change: seconds since the Unix epoch, and nanoseconds.
    pub modified: (i64, u32),
    /// The same of the content or of what the system keeps about the file.
    pub changed: (i64, u32),
    /// What the index says of it; the digest is that of the archive.
    pub entry: Arc<Entry>,
}

/// What an index made from archives gives as the time of its entries.
#[derive(Debug, Clone)]
pub(super) enum Created {
    /// One moment for all (RFC 3339), as Helm does.
    At(String),
    /// When the archive was last changed, so that the same folder gives the same bytes.
    Modified,
}

/// The index of a folder.
#[derive(Debug, Clone)]
pub struct Generated {
    /// The index.
    pub index: Index,
    /// The archives in it by their path below the folder, parts joined by `/`.
    pub archives: BTreeMap<String, Archive>,
    /// A warning for each archive that is no chart.
    pub warnings: Vec<Diagnostic>,
}

/// How archives are read.
pub(super) struct Reading<'r> {
    /// Reads one.
    pub(super) read: &'r (dyn Fn(&fs::Entry) -> Result<Vec<u8>, String> + Sync),
    /// How many are read at the same time.
    pub(super) threads: usize,
}

impl Reading<'static> {
    /// From files, as many at the same time as the machine has processors.
    fn files() -> Self {
        let read = &|file: &fs::Entry| fs::read(&file.path, ARCHIVE_LIMIT).map_err(|error| error.to_string());
        Reading { read, threads: parallel::processors() }
    }
}

/// Lists the archives of a folder and of those in it, sorted by their path below it.
///
/// # Errors
/// The folder cannot be read.
pub(super) fn archives(folder: &Path) -> Result<Vec<fs::Entry>, RepoError> {
    archives_within(folder, |_| true)
}

/// As [`archives`], of the folders in it only those of which `enter` is true.
///
/// # Errors
/// The folder cannot be read.
pub(super) fn archives_within(
    folder: &Path,
    enter: impl Fn(&str) -> bool,
) -> Result<Vec<fs::Entry>, RepoError> {
    let enter = |path: &str, kind: fs::Kind| match kind {
        fs::Kind::Folder => !path.contains('/') && path != WORK_FOLDER && enter(path),
        _ => is_archive(path),
    };
    let mut found = fs::walk_present(folder, MOST_FILES, enter)?;
    found.retain(|entry| entry.kind == fs::Kind::File && is_archive(&entry.relative));
    Ok(found)
}

/// Whether a file is a chart's archive by its name.
pub(crate) fn is_archive(path: &str) -> bool {
    path.strip_suffix(".tgz").is_some()
}

/// Indexes a folder.
///
/// # Errors
/// The folder cannot be listed.
pub fn generate(folder: &Path, url: &str, host: &Host) -> Result<Generated, RepoError> {
    Ok(index_of(archives(folder)?, url, &Created::At(now(host)), &BTreeMap::new(), &Reading::files()))
}

fn now(host: &Host) -> String {
    Time::from_system(host.now(), Zone::Utc).rfc3339_nano()
}

/// Indexes archives. Those that `known` has with the same size and time are not read again.
pub(super) fn index_of(
    found: Vec<fs::Entry>,
    url: &str,
    created: &Created,
    known: &BTreeMap<String, Archive>,
    reading: &Reading<'_>,
) -> Generated {
    let threads = if found.len() < PARALLEL_FROM { 1 } else { reading.threads };
    let read = parallel::map(&found, threads, |file| {
        let modified = (file.modified, file.modified_nanos);
        let is_same = |known: &&Archive| {
            (known.size, known.modified, known.changed) == (file.size, modified, file.changed)
        };
        if let Some(same) = known.get(&file.relative).filter(is_same) {
            return Ok(same.clone());
        }
        let time = match created {
            Created::At(now) => now.clone(),
            Created::Modified => rfc3339(modified),
        };
        let entry = Arc::new(entry_of(file, &(reading.read)(file)?, url, time)?);
        Ok::<_, String>(Archive { size: file.size, modified, changed: file.changed, entry })
    });
    let generated = match created {
        Created::At(now) => now.clone(),
        Created::Modified => newest(found.iter().map(|file| (file.modified, file.modified_nanos))),
    };
    let mut all = Generated {
        index: Index { api_version: "v1".to_string(), generated, ..Index::default() },
        archives: BTreeMap::new(),
        warnings: Vec::new(),
    };
    for (file, result) in found.into_iter().zip(read) {
        match result {
            Ok(archive) => {
                all.index.add(Arc::clone(&archive.entry));
                all.archives.insert(file.relative, archive);
            }
            Err(reason) => {
                let text = format!("{} is left out of the index: {reason}", file.relative);
                all.warnings.push(Diagnostic::warning(text));
            }
        }
    }
    all.index.sort();
    all
}

/// When an index was made that is as old as the newest of its archives.
pub(super) fn newest(times: impl Iterator<Item = (i64, u32)>) -> String {
    rfc3339(times.max().unwrap_or_default())
}

fn rfc3339((seconds, nanos): (i64, u32)) -> String {
    Time::from_unix(seconds, i64::from(nanos), Zone::Utc).rfc3339_nano()
}

/// Indexes a folder and writes `index.yaml` into it.
///
/// # Errors
/// The folder cannot be listed, the older index cannot be read, or the new one not written.
pub fn generate_and_write(
    folder: &Path,
    options: &GenerateOptions,
    host: &Host,
) -> Result<Generated, RepoError> {
    let now = now(host);
    let cache = archives_cache::Cache::of(host, folder);
    let known = cache.load(&options.url, &now);
    let mut generated =
        index_of(archives(folder)?, &options.url, &Created::At(now), &known, &Reading::files());
    let Generated { index, archives, warnings } = &mut generated;
    // The next time's knowledge and the index are two files, and neither waits for the disk of the other.
    let ((), written) = parallel::both(
        archives.len() >= PARALLEL_FROM,
        || cache.store(archives, &known),
        || write(folder, index, warnings, options, host),
    );
    written?;
    Ok(generated)
}

/// Writes an index into its folder, after those that it is to be merged with.
fn write(
    folder: &Path,
    index: &mut Index,
    warnings: &mut Vec<Diagnostic>,
    options: &GenerateOptions,
    host: &Host,
) -> Result<(), RepoError> {
    if let Some(path) = &options.merge {
        let path = host.resolve(path);
        if fs::kind(&path) == fs::Kind::Missing {
            let empty = Index {
                api_version: "v1".to_string(),
                generated: index.generated.clone(),
                ..Index::default()
            };
            fs::write_atomic(&path, text(&empty, options.json)?.as_bytes(), false)?;
        } else {
            let bytes = fs::read(&path, INDEX_LIMIT)?;
            let older = Index::parse(&bytes, &path.display().to_string(), Only::All)?;
            index.merge(&older.index);
            warnings.extend(older.warnings);
        }
    }
    Ok(fs::write_atomic(&folder.join("index.yaml"), text(index, options.json)?.as_bytes(), false)?)
}

fn text(index: &Index, json: bool) -> Result<String, RepoError> {
    if json { index.to_json() } else { index.to_yaml() }
}

fn entry_of(file: &fs::Entry, bytes: &[u8], url: &str, created: String) -> Result<Entry, String> {
    let metadata = peek::chart(&file.relative, bytes)?.metadata;
    let version = Version::parse(&metadata.version).map_err(|error| error.to_string())?;
    Ok(Entry {
        metadata,
        urls: vec![location(url, &file.relative)],
        created,
        removed: false,
        digest: sha256_hex(bytes),
        version,
    })
}

/// Where an archive will be found: its path below the prefix, the prefix's query kept.
pub(super) fn location(prefix: &str, relative: &str) -> String {
    if prefix.is_empty() {
        return relative.to_string();
    }
    // `./` keeps a name with a colon from being read as a scheme.
    http::join(prefix, &format!("./{relative}"))
        .unwrap_or_else(|_| format!("{}/{relative}", prefix.trim_end_matches('/')))
}
