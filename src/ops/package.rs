//! Package: a chart's folder becomes an archive, signed if wanted, or is compared with one that was published.
//!
//! Invariants: nothing is written but the archive, its provenance file, and what bringing dependencies in writes; neither is
//! written unless both could be made.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::dependency::{self, DependencyOptions};
use super::{Context, Event, OpsError, verify};
use crate::chart::{self, ChartError, Limits};
use crate::data::digest::{self, Digest};
use crate::fetch::deps::DepsEvent;
use crate::fetch::{self, FetchOptions, Source};
use crate::package::provenance::{Keyring, ProvenanceError, Signer};
use crate::package::{self, PackOptions, PackageError, Packed};
use crate::repo::generate::ARCHIVE_LIMIT;
use crate::sys::{Secret, fs};

/// How to package.
#[derive(Debug, Clone, Default)]
pub struct PackageOptions {
    /// Version in place of Chart.yaml's.
    pub version: Option<String>,
    /// Application version in place of Chart.yaml's.
    pub app_version: Option<String>,
    /// Bring dependencies in first, so.
    pub dependency_update: Option<DependencyOptions>,
    /// Folder to write to; made if need be.
    pub destination: PathBuf,
    /// Bounds for reading.
    pub limits: Limits,
    /// Unix seconds that all files of the archive carry; a fixed time when `None`.
    pub time: Option<u64>,
    /// Who signs, with an unlocked key; nobody when `None`.
    pub signer: Option<Arc<Signer>>,
}

/// A chart that was packaged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackageReport {
    /// The chart's name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The archive, as the destination was given.
    pub path: PathBuf,
    /// Digest of the archive: `sha256:…`.
    pub digest: String,
    /// The provenance file, when it was signed.
    pub provenance: Option<PathBuf>,
}

/// Finds the key to sign with in a keyring.
///
/// # Errors
/// The keyring cannot be read, or has no such key with its secret part.
pub fn signer(context: &Context<'_>, keyring: &Path, name: &str) -> Result<Signer, OpsError> {
    if name.is_empty() {
        return Err(ProvenanceError::NoName.into());
    }
    Ok(Signer::find(Keyring::load(keyring)?, name, context.host.now())?)
}

/// Opens a key with its passphrase.
///
/// # Errors
/// The passphrase is not the key's.
pub fn unlock(signer: &mut Signer, passphrase: &Secret) -> Result<(), OpsError> {
    Ok(signer.unlock(passphrase)?)
}

/// Packages the chart in a folder. `on_event` hears of dependencies that are brought in.
///
/// # Errors
/// The folder holds no valid chart, a version is malformed, dependencies are missing, or a file cannot be written.
pub fn package(
    context: &Context<'_>,
    folder: &str,
    options: &PackageOptions,
    on_event: &mut dyn FnMut(&DepsEvent<'_>),
) -> Result<PackageReport, OpsError> {
    let packed = pack(context, folder, options, on_event)?;
    let signed = options.signer.as_ref().map(|signer| {
        let host = context.host;
        signer.sign(&packed, host.now(), &host.random)
    });
    let signed = signed.transpose()?;
    let path = packed.save(&context.host.resolve(&options.destination))?;
    if let Some(text) = &signed {
        fs::write_atomic(&verify::beside(&path), text.as_bytes(), false)?;
    }
    let path = options.destination.join(&packed.file_name);
    Ok(PackageReport {
        name: packed.metadata.name.to_string(),
        version: packed.metadata.version.clone(),
        provenance: signed.map(|_| verify::beside(&path)),
        path,
        digest: packed.digest.to_string(),
    })
}

fn pack(
    context: &Context<'_>,
    folder: &str,
    options: &PackageOptions,
    on_event: &mut dyn FnMut(&DepsEvent<'_>),
) -> Result<Packed, OpsError> {
    let path = context.host.resolve(folder);
    match fs::kind(&path) {
        fs::Kind::Folder => {}
        fs::Kind::Missing => {
            return Err(
                ChartError::Absent { words: format!("stat {folder}: no such file or directory") }.into()
            );
        }
        _ => {
            return Err(OpsError::refused_with(
                format!("{folder} is not a folder"),
                "an archive is packaged already; unpack it to change it",
            ));
        }
    }
    if let Some(wanted) = &options.dependency_update {
        dependency::update(context, folder, wanted, on_event)?;
    }
    let chart = chart::load(&path, &options.limits)?;
    for warning in chart.warnings() {
        context.warn(warning.to_string());
    }
    chart.links.iter().for_each(|link| context.progress.event(Event::linked(link)));
    let wanted = PackOptions {
        version: options.version.clone(),
        app_version: options.app_version.clone(),
        time: options.time,
    };
    package::pack(&chart, &wanted).map_err(|error| match error {
        PackageError::MissingDependencies { names } => super::source::missing_dependencies(&names.join(", ")),
        other => other.into(),
    })
}

/// How a file of a chart differs from the published one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// It was not published.
    Added,
    /// It has other contents.
    Changed,
    /// It is here no longer.
    Removed,
}

/// A chart compared with what was published of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckReport {
    /// The chart's name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Digest of the archive that it gives.
    pub digest: Digest,
    /// Digest of the published archive.
    pub published: Digest,
    /// The files that differ, sorted; empty when only a digest is known, or when archives hold the same files.
    pub files: Vec<(String, Change)>,
    /// Whether the published archive could be looked into.
    pub is_compared: bool,
}

impl CheckReport {
    /// Whether the archive is the published one, byte for byte.
    pub fn is_same(&self) -> bool {
        self.digest == self.published
    }
}

/// Compares the archive that a chart's folder gives with a published one: a digest (`sha256:…` or its 64 digits), or whatever
/// leads to an archive: a path, a URL, `REPOSITORY/NAME` (in the chart's version). Nothing is written, except what bringing
/// dependencies in writes.
///
/// # Errors
/// As [`package()`], and when the archive cannot be had.
pub fn check(
    context: &Context<'_>,
    folder: &str,
    options: &PackageOptions,
    published: &str,
    fetch: &FetchOptions,
    on_event: &mut dyn FnMut(&DepsEvent<'_>),
) -> Result<CheckReport, OpsError> {
    let packed = pack(context, folder, options, on_event)?;
    let archive = match published.parse::<Digest>() {
        Ok(digest) => Err(digest),
        Err(bad) if published.starts_with(digest::PREFIX) => return Err(OpsError::refused(bad.to_string())),
        Err(_) => Ok(published_archive(context, published, &packed, fetch)?),
    };
    let (published, files) = match &archive {
        Err(digest) => (*digest, None),
        Ok(bytes) => (Digest::of(bytes), Some(differences(&packed.bytes, bytes, &options.limits)?)),
    };
    Ok(CheckReport {
        name: packed.metadata.name.to_string(),
        version: packed.metadata.version.clone(),
        digest: packed.digest,
        published,
        is_compared: files.is_some(),
        files: files.unwrap_or_default(),
    })
}

fn published_archive(
    context: &Context<'_>,
    reference: &str,
    packed: &Packed,
    fetch: &FetchOptions,
) -> Result<Vec<u8>, OpsError> {
    let options = FetchOptions { version: packed.metadata.version.clone(), ..fetch.clone() };
    let located = fetch::resolve(reference, &options, &context.fetch())?;
    match located.source {
        Source::Downloaded { bytes, .. } => Ok(bytes),
        Source::Archive(path) => Ok(fs::read(&path, ARCHIVE_LIMIT)?),
        Source::Folder(_) => Err(OpsError::refused_with(
            format!("{reference} is a folder, and no published archive"),
            "--check takes an archive's path or URL, REPOSITORY/NAME, or a digest",
        )),
    }
}

fn differences(ours: &[u8], published: &[u8], limits: &Limits) -> Result<Vec<(String, Change)>, OpsError> {
    let files = |bytes: &[u8]| -> Result<BTreeMap<String, Arc<[u8]>>, ChartError> {
        let files = chart::read_archive(bytes, limits)?;
        Ok(files.into_iter().map(|file| (file.path.to_string(), file.data.shared())).collect())
    };
    let (ours, mut published) = (files(ours)?, files(published)?);
    let mut found: Vec<(String, Change)> = ours
        .into_iter()
        .filter_map(|(path, data)| match published.remove(&path) {
            None => Some((path, Change::Added)),
            Some(other) if other != data => Some((path, Change::Changed)),
            Some(_) => None,
        })
        .collect();
    found.extend(published.into_keys().map(|path| (path, Change::Removed)));
    found.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(found)
}
