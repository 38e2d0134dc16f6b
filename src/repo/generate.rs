//! Makes an index of the archives in a folder: `repo index`.
//!
//! Archives are `*.tgz` in the folder and one level below it. One that cannot be read as a chart is left out with a
//! warning (Helm leaves it out in silence).
//!
//! Invariant: the same archives give the same index but for its times, whatever the order in which the system lists
//! them and however many threads read them.

use std::collections::BTreeMap;
use std::path::Path;

use super::index::{Entry, INDEX_LIMIT, Index, Only};
use super::{RepoError, parallel};
use crate::chart::Metadata;
use crate::data::digest::sha256_hex;
use crate::data::time::{Time, Zone};
use crate::data::version::Version;
use crate::diag::Diagnostic;
use crate::sys::{Host, fs, http};

/// Largest archive that is indexed, in bytes.
pub const ARCHIVE_LIMIT: u64 = 100 << 20;
/// Most files and folders that are looked at.
const MOST_FILES: usize = 1_000_000;
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
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Archive {
    /// Size in bytes.
    pub size: u64,
    /// Time of its last change, Unix seconds.
    pub modified: i64,
    /// SHA-256 in hex digits.
    pub digest: String,
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

/// Lists the archives of a folder as `(path below it, entry)`, sorted by path.
///
/// # Errors
/// The folder cannot be read.
pub(super) fn archives(folder: &Path) -> Result<Vec<fs::Entry>, RepoError> {
    let enter = |path: &str, kind: fs::Kind| match kind {
        fs::Kind::Folder => !path.contains('/'),
        _ => is_archive(path),
    };
    let mut found = fs::walk(folder, MOST_FILES, enter)?;
    found.retain(|entry| entry.kind == fs::Kind::File && is_archive(&entry.relative));
    Ok(found)
}

fn is_archive(path: &str) -> bool {
    path.ends_with(".tgz")
}

/// Indexes a folder.
///
/// # Errors
/// The folder cannot be listed.
pub fn generate(folder: &Path, url: &str, host: &Host) -> Result<Generated, RepoError> {
    let found = archives(folder)?;
    let now = Time::from_system(host.now(), Zone::Utc).rfc3339_nano();
    let threads = if found.len() < PARALLEL_FROM { 1 } else { parallel::threads() };
    let read = parallel::map(&found, threads, |file| entry_of(file, url, &now));
    let mut generated = Generated {
        index: Index { api_version: "v1".to_string(), generated: now.clone(), ..Index::default() },
        archives: BTreeMap::new(),
        warnings: Vec::new(),
    };
    for (file, result) in found.into_iter().zip(read) {
        match result.unwrap_or_else(|| Err("it could not be read".to_string())) {
            Ok(entry) => {
                let digest = entry.digest.clone();
                let archive = Archive { size: file.size, modified: file.modified, digest };
                generated.archives.insert(file.relative, archive);
                generated.index.add(entry);
            }
            Err(reason) => {
                let text = format!("{} is left out of the index: {reason}", file.relative);
                generated.warnings.push(Diagnostic::warning(text));
            }
        }
    }
    generated.index.sort();
    Ok(generated)
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
    let mut generated = generate(folder, &options.url, host)?;
    if let Some(path) = &options.merge {
        let path = host.resolve(path);
        if fs::kind(&path) == fs::Kind::Missing {
            let empty = Index {
                api_version: "v1".to_string(),
                generated: generated.index.generated.clone(),
                ..Index::default()
            };
            fs::write_atomic(&path, text(&empty, options.json)?.as_bytes(), false)?;
        } else {
            let bytes = fs::read(&path, INDEX_LIMIT)?;
            let older = Index::parse(&bytes, &path.display().to_string(), Only::All)?;
            generated.index.merge(&older.index);
            generated.warnings.extend(older.warnings);
        }
    }
    fs::write_atomic(&folder.join("index.yaml"), text(&generated.index, options.json)?.as_bytes(), false)?;
    Ok(generated)
}

fn text(index: &Index, json: bool) -> Result<String, RepoError> {
    if json { index.to_json() } else { index.to_yaml() }
}

fn entry_of(file: &fs::Entry, url: &str, now: &str) -> Result<Entry, String> {
    let bytes = fs::read(&file.path, ARCHIVE_LIMIT).map_err(|error| error.to_string())?;
    let metadata = metadata_of(&bytes)?;
    let version = Version::parse(&metadata.version).map_err(|error| error.to_string())?;
    Ok(Entry {
        metadata,
        urls: vec![location(url, &file.relative)],
        created: now.to_string(),
        removed: false,
        digest: sha256_hex(&bytes),
        version,
    })
}

fn metadata_of(bytes: &[u8]) -> Result<Metadata, String> {
    use std::io::Read;
    let data = crate::data::gzip::inflate(bytes, ARCHIVE_LIMIT).map_err(|e| e.to_string())?;
    let mut archive = tar::Archive::new(&data[..]);
    for entry in archive.entries().map_err(|e| e.to_string())? {
        let mut entry = entry.map_err(|e| e.to_string())?;
        let path = entry.path().map_err(|e| e.to_string())?.to_string_lossy().into_owned();
        if path.split('/').count() == 2 && path.ends_with("/Chart.yaml") {
            let mut text = String::new();
            entry.read_to_string(&mut text).map_err(|e| e.to_string())?;
            return serde_yaml::from_str(&text).map_err(|e| e.to_string());
        }
    }
    Err("no Chart.yaml".into())
}

/// Where an archive will be found: its path below the prefix, the prefix's query kept.
fn location(prefix: &str, relative: &str) -> String {
    if prefix.is_empty() {
        return relative.to_string();
    }
    // `./` keeps a name with a colon from being read as a scheme.
    http::join(prefix, &format!("./{relative}"))
        .unwrap_or_else(|_| format!("{}/{relative}", prefix.trim_end_matches('/')))
}
