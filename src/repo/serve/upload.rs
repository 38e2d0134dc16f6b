//! Charts and provenance files that come in.
//!
//! What comes is written to a file of the work folder as it comes, checked when it is complete, and only then put beside
//! the other charts.
//!
//! Invariant: a chart appears whole or not at all; one that is there is replaced only when that was asked for; the name of
//! its file is made of the name and version that it has inside, never of what the client calls it.

use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::body::{Body, status_of};
use super::catalog::Catalog;
use super::multipart::{Form, boundary};
use super::request::Head;
use super::storage::{Shelf, StorageError};
use super::tenants::{Tenants, is_safe};
use crate::data::digest::{hex, sha256_hex};
use crate::data::version::Version;
use crate::data::yaml;
use crate::repo::generate::ARCHIVE_LIMIT;
use crate::repo::{RepoError, peek};
use crate::sys::Random;
use crate::sys::fs::{self, FsError};
use crate::sys::staged::Staged;

/// Largest provenance file in bytes.
pub(super) const PROVENANCE_LIMIT: u64 = 1 << 20;
/// Bytes that are read at once.
const PIECE: usize = 64 << 10;

/// An upload that was refused: the status, and why.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) status: u16,
    pub(super) reason: String,
}

impl Refusal {
    pub(super) fn new(status: u16, reason: impl Into<String>) -> Self {
        Refusal { status, reason: reason.into() }
    }
}

impl From<FsError> for Refusal {
    fn from(error: FsError) -> Self {
        StorageError::from(error).into()
    }
}

impl From<StorageError> for Refusal {
    fn from(error: StorageError) -> Self {
        let status = error.status();
        Refusal::new(status, error.to_string())
    }
}

impl From<RepoError> for Refusal {
    fn from(error: RepoError) -> Self {
        let status = match &error {
            RepoError::Bucket { reached: true, .. } => 502,
            RepoError::Bucket { .. } | RepoError::Object { passing: true, .. } => 503,
            _ => 500,
        };
        Refusal::new(status, error.to_string())
    }
}

/// Takes in uploads for all folders of a server.
pub(super) struct Uploads {
    /// Files that are not complete.
    stage: PathBuf,
    random: Random,
    /// Largest upload in bytes.
    pub(super) limit: u64,
    /// Most uploads at the same time, so that slow ones leave room for those who only ask.
    most: usize,
    running: AtomicUsize,
    /// Held while a chart is checked, which needs memory of its size.
    checking: Mutex<()>,
}

/// One of the places for uploads, free again when it is dropped.
pub(super) struct Place<'u>(&'u AtomicUsize);

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A chart, as it calls itself, whose name and version can be that of a file.
#[derive(Debug)]
pub(super) struct Checked {
    /// The name that its archive is to have.
    pub(super) file_name: String,
    pub(super) name: String,
    pub(super) version: String,
}

/// What a form or a body brought.
#[derive(Default)]
struct Received {
    chart: Option<Staged>,
    provenance: Option<Staged>,
}

impl Uploads {
    pub(super) fn new(stage: PathBuf, random: Random, limit: u64, workers: usize) -> Self {
        Uploads {
            stage,
            random,
            limit,
            most: (workers / 2).max(1),
            running: AtomicUsize::new(0),
            checking: Mutex::default(),
        }
    }

    /// Removes what a server that was killed left behind. Uploads of one that still runs are newer.
    pub(super) fn clean(&self, now: i64) {
        const OLD: i64 = 3_600;
        for file in fs::walk(&self.stage, 100_000, |_, _| true).unwrap_or_default() {
            if file.kind == fs::Kind::File && now.saturating_sub(file.modified) > OLD {
                // What cannot be removed now is in nobody's way.
                let _ = fs::remove_file(&file.path);
            }
        }
    }

    /// A place for an upload.
    ///
    /// # Errors
    /// All are taken.
    pub(super) fn enter(&self) -> Result<Place<'_>, Refusal> {
        if self.running.fetch_add(1, Ordering::Relaxed) >= self.most {
            self.running.fetch_sub(1, Ordering::Relaxed);
            return Err(Refusal::new(503, "too many uploads at the same time"));
        }
        Ok(Place(&self.running))
    }

    /// A new file that is to be written.
    ///
    /// # Errors
    /// The system refuses.
    pub(super) fn stage(&self) -> Result<Staged, Refusal> {
        Ok(Staged::create(&self.stage, &self.name()?)?)
    }

    /// A name that nothing else has: 32 hex digits.
    ///
    /// # Errors
    /// There is no randomness.
    pub(super) fn name(&self) -> Result<String, Refusal> {
        let mut name = [0; 16];
        self.random.fill(&mut name).map_err(|error| Refusal::new(500, error.to_string()))?;
        Ok(hex(&name))
    }

    /// A file with what lies in a folder; that stays where it is.
    ///
    /// # Errors
    /// It is not there, it is larger than an upload may be, or cannot be read.
    pub(super) fn copy_out(&self, shelf: &Shelf, path: &str) -> Result<Staged, Refusal> {
        Ok(shelf.copy_out(path, &self.stage, &self.name()?, self.limit)?)
    }

    /// Takes in a chart, a provenance file, or both, and puts them into a tenant's folder.
    ///
    /// # Errors
    /// Nothing came, too much came, it came too slowly, it is no chart, or it is there already.
    pub(super) fn take(
        &self,
        tenants: &Tenants,
        tenant: &str,
        head: &Head,
        body: &mut Body<'_>,
        only_provenance: bool,
    ) -> Result<(), Refusal> {
        let _place = self.enter()?;
        let received = self.receive(head, body, only_provenance)?;
        let force = head.query("force").is_some_and(|value| !matches!(value, "false" | "0"));
        let vouches = received.provenance.as_ref().map(named_in_provenance).transpose()?;
        let about = match (&received.chart, vouches) {
            (Some(chart), vouches) => {
                let about = self.check(chart.path())?;
                let is_other =
                    |other: &Checked| (&other.name, &other.version) != (&about.name, &about.version);
                if let Some(other) = vouches.filter(is_other) {
                    let reason = format!("the provenance file is about {} {}", other.name, other.version);
                    return Err(Refusal::new(400, reason));
                }
                about
            }
            (None, Some(vouches)) => vouches,
            (None, None) => return Err(Refusal::new(400, "nothing came")),
        };
        let catalog = tenants.make(tenant)?;
        let changing = catalog.change();
        let is_whole = received.chart.is_some();
        let path = match received.chart {
            Some(chart) => {
                let existing = if force { Existing::Replaced } else { Existing::Refused };
                put(&catalog, &changing, chart, &about, existing)?
            }
            // Beside the archive that it vouches for, wherever that lies.
            None => {
                catalog.last().copies(&about.name, &about.version).next().cloned().unwrap_or(about.file_name)
            }
        };
        if let Some(provenance) = received.provenance
            && !catalog.vouch(&changing, &path, provenance, force || is_whole)?
        {
            return Err(Refusal::new(409, format!("{path}.prov already exists")));
        }
        Ok(())
    }

    fn receive(&self, head: &Head, body: &mut Body<'_>, only_provenance: bool) -> Result<Received, Refusal> {
        let content_type = head.header("content-type").unwrap_or_default();
        let mut received = Received::default();
        let Some(boundary) = boundary(&content_type) else {
            let file = self.copy(body, if only_provenance { PROVENANCE_LIMIT } else { self.limit })?;
            *(if only_provenance { &mut received.provenance } else { &mut received.chart }) = Some(file);
            return Ok(received);
        };
        // What stands around the files in a form is small.
        let whole = self.limit + PROVENANCE_LIMIT + (64 << 10);
        let mut form = Form::new(body.take(whole), &boundary);
        while let Some(name) = form.next_part().map_err(|error| unreadable(&error))? {
            let (slot, limit) = match name.as_str() {
                "chart" if !only_provenance => (&mut received.chart, self.limit),
                "prov" => (&mut received.provenance, PROVENANCE_LIMIT),
                _ => {
                    form.read_part(|_| Ok(())).map_err(|error| unreadable(&error))?;
                    continue;
                }
            };
            if slot.is_some() {
                return Err(Refusal::new(400, format!("the form has two files {name:?}")));
            }
            let mut file = self.stage()?;
            let mut failed = None;
            let read = form.read_part(|piece| {
                if file.size() + piece.len() as u64 > limit {
                    return Err(io::ErrorKind::FileTooLarge.into());
                }
                file.append(piece).map_err(|error| {
                    failed = Some(error);
                    io::ErrorKind::Other.into()
                })
            });
            match (read, failed) {
                (_, Some(error)) => return Err(error.into()),
                (Err(error), None) => return Err(unreadable(&error)),
                (Ok(()), None) => *slot = Some(file),
            }
        }
        if received.chart.is_none() && received.provenance.is_none() {
            return Err(Refusal::new(400, "the form has no file \"chart\" or \"prov\""));
        }
        Ok(received)
    }

    /// Writes a body to a new file.
    ///
    /// # Errors
    /// It is larger than `limit` bytes, came too slowly or not to its end, or cannot be written.
    pub(super) fn copy(&self, body: &mut Body<'_>, limit: u64) -> Result<Staged, Refusal> {
        let mut file = self.stage()?;
        append(&mut file, body, limit)?;
        Ok(file)
    }

    /// Checks that a file is a chart, and tells which.
    ///
    /// # Errors
    /// It is none.
    pub(super) fn check(&self, chart: &Path) -> Result<Checked, Refusal> {
        let _alone = self.checking.lock().unwrap_or_else(PoisonError::into_inner);
        let bytes = fs::read(chart, self.limit)?;
        let bad = |reason: String| Refusal::new(400, format!("not a chart: {reason}"));
        // As the index looks at it, so that what was accepted is also listed.
        let loaded = peek::chart("the upload", &bytes).map_err(bad)?;
        Checked::new(loaded.name(), &loaded.metadata.version)
    }
}

/// Adds a body to a file.
///
/// # Errors
/// As [`Uploads::copy`].
pub(super) fn append(file: &mut Staged, body: &mut Body<'_>, limit: u64) -> Result<(), Refusal> {
    let mut piece = vec![0; PIECE];
    loop {
        let count = body.read(&mut piece).map_err(|error| unreadable(&error))?;
        if count == 0 {
            return Ok(());
        }
        if file.size() + count as u64 > limit {
            return Err(Refusal::new(413, format!("larger than the limit of {limit} bytes")));
        }
        file.append(piece.get(..count).unwrap_or(&[]))?;
    }
}

/// What is done about an archive of the same version that is there already.
#[derive(Debug, Clone, Copy)]
pub(super) enum Existing<'d> {
    Refused,
    Replaced,
    /// It is as good as the new one when it has this digest.
    Same(&'d str),
}

/// Puts an archive into a folder and into its index; returns its path.
///
/// # Errors
/// The chart has that version already, or the system refuses.
pub(super) fn put(
    catalog: &Catalog,
    changing: &MutexGuard<'_, ()>,
    chart: Staged,
    about: &Checked,
    existing: Existing<'_>,
) -> Result<String, Refusal> {
    let last = catalog.last();
    let file_name = &about.file_name;
    let exists = || Refusal::new(409, format!("{file_name} already exists"));
    // The same version may lie in the folder under another name, by hand.
    let there = last.copies(&about.name, &about.version).next();
    match existing {
        Existing::Refused if there.is_some() => return Err(exists()),
        Existing::Same(digest) => {
            let is_same = |path: &&String| {
                last.archives.get(*path).is_some_and(|archive| archive.entry.digest == digest)
            };
            if let Some(same) = last.copies(&about.name, &about.version).find(is_same) {
                return Ok(same.clone());
            }
            if there.is_some() {
                return Err(exists());
            }
        }
        _ => {}
    }
    catalog.may_change(changing)?;
    let path = there.unwrap_or(file_name).clone();
    if !catalog.shelf().put(&path, chart, matches!(existing, Existing::Replaced))? {
        // Another server of the same bucket was faster, or somebody's hand.
        let Existing::Same(digest) = existing else { return Err(exists()) };
        if sha256_hex(catalog.shelf().read(&path, ARCHIVE_LIMIT)?) != digest {
            return Err(exists());
        }
    }
    if there.is_some() {
        // It vouches for the archive that is gone.
        catalog.disown(changing, &path)?;
    }
    catalog.added(changing, &path)?;
    Ok(path)
}

impl Checked {
    /// # Errors
    /// That cannot be the name of a file.
    fn new(name: &str, version: &str) -> Result<Self, Refusal> {
        if !is_safe(name) || Version::parse(version).is_err() || !is_safe(version) {
            let text = format!("{name:?} {version:?} cannot be the name of an archive");
            return Err(Refusal::new(400, text));
        }
        Ok(Checked {
            file_name: format!("{name}-{version}.tgz"),
            name: name.to_string(),
            version: version.to_string(),
        })
    }
}

/// The chart that a provenance file is about.
fn named_in_provenance(provenance: &Staged) -> Result<Checked, Refusal> {
    let bytes = fs::read(provenance.path(), PROVENANCE_LIMIT)?;
    let bad = || Refusal::new(400, "not a provenance file");
    let text = String::from_utf8(bytes).map_err(|_| bad())?.replace("\r\n", "\n");
    let signed = text.strip_prefix("-----BEGIN PGP SIGNED MESSAGE-----\n").ok_or_else(bad)?;
    let (_, signed) = signed.split_once("\n\n").ok_or_else(bad)?;
    let (metadata, _) = signed.split_once("\n...\n").ok_or_else(bad)?;
    let metadata = yaml::value_from_text("the provenance file", metadata).map_err(|_| bad())?;
    let field = |key: &str| {
        metadata.as_map().and_then(|map| map.get(key)).and_then(|value| value.as_str()).map(str::to_string)
    };
    let (name, version) = field("name").zip(field("version")).ok_or_else(bad)?;
    Checked::new(&name, &version)
}

/// A body that could not be read, as a refusal.
pub(super) fn unreadable(error: &io::Error) -> Refusal {
    let reason = match error.kind() {
        io::ErrorKind::TimedOut => "the upload came too slowly",
        io::ErrorKind::FileTooLarge => "larger than the limit",
        io::ErrorKind::UnexpectedEof => "the upload broke off",
        io::ErrorKind::InvalidData => "the body cannot be read",
        _ => "the connection broke",
    };
    Refusal::new(status_of(error), reason)
}
