//! Puts the chosen charts into `charts/`.
//!
//! Invariant: all archives are whole in `tmpcharts-PID` beside `charts/` before the first is moved; moving replaces one
//! file by another in one step; only then are archives removed that nobody asks for.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::resolve::{Place, Resolved};
use super::{DepsEvent, DepsOptions, DepsReport, Parent, Signatures};
use crate::chart::{ChartError, Limits, load};
use crate::data::digest::Digest;
use crate::fetch::archive::{digest_of, of_entry, url_of};
use crate::fetch::{FetchContext, FetchError, FetchOptions, Provenance, Source, oci};
use crate::package::{PackOptions, pack, provenance};
use crate::registry::{Client, Reference, SCHEME};
use crate::repo::config::Repository;
use crate::repo::generate::is_archive;
use crate::sys::secret::redact_url;
use crate::sys::{fs, parallel};

/// Most archives that are fetched at the same time.
const AT_ONCE: usize = 6;
/// Most entries of `charts/` that are looked at.
const MOST_FILES: usize = 100_000;

/// One archive to fetch.
struct Task {
    url: String,
    from: From,
}

/// Where an archive is fetched from.
enum From {
    Repository { repository: Box<Repository>, digest: Option<String> },
    Registry { place: Reference, locked: bool },
}

/// An archive for `charts/`.
struct Archive {
    file_name: String,
    bytes: Vec<u8>,
}

pub(super) fn save(
    parent: &Parent,
    resolved: &[Resolved<'_>],
    options: &DepsOptions,
    context: &FetchContext<'_>,
    on_event: &mut dyn FnMut(&DepsEvent<'_>),
) -> Result<DepsReport, FetchError> {
    on_event(&DepsEvent::Saving(resolved.len()));
    let to_repositories = options.fetch.as_nobody();
    let mut tasks: BTreeMap<String, Task> = BTreeMap::new();
    let mut archives = Vec::new();
    for chosen in resolved {
        let dependency = &chosen.source.dependency;
        let (name, repository) = (dependency.name.as_str(), dependency.repository.as_str());
        match (&chosen.source.place, &chosen.entry) {
            (Place::Repository { repository: known, .. }, Some(entry)) => {
                let merged = to_repositories.over(known);
                let url = url_of(entry, &merged, name)?;
                if tasks.contains_key(&url) {
                    on_event(&DepsEvent::AlreadyDownloaded { name, repository });
                    continue;
                }
                on_event(&DepsEvent::Downloading { name, repository });
                let from = From::Repository { repository: Box::new(merged), digest: digest_of(entry) };
                tasks.insert(url.clone(), Task { url, from });
            }
            (Place::Registry { .. }, _) => {
                let Some(reference) = &chosen.reference else { continue };
                let url = format!("{SCHEME}{reference}");
                if tasks.contains_key(&url) {
                    on_event(&DepsEvent::AlreadyDownloaded { name, repository });
                    continue;
                }
                on_event(&DepsEvent::Downloading { name, repository });
                let from = From::Registry { place: reference.clone(), locked: chosen.locked };
                tasks.insert(url.clone(), Task { url, from });
            }
            (Place::Folder { path, .. }, _) => archives.push(package(path)?),
            _ => {}
        }
    }
    let tasks: Vec<Task> = tasks.into_values().collect();
    // Nothing is asked before the first fetch; its tokens serve all archives of a repository.
    let client = oci::client(&options.fetch, context)?;
    let fetched = parallel::map(&tasks, AT_ONCE, |task| fetch(task, &client, options, context));
    for (task, fetched) in tasks.iter().zip(fetched) {
        archives.push(fetched.map_err(|source| FetchError::Download {
            url: redact_url(&task.url),
            source: Box::new(source),
        })?);
    }
    replace(parent, &archives, resolved, on_event)
}

fn fetch(
    task: &Task,
    client: &Client<'_>,
    options: &DepsOptions,
    context: &FetchContext<'_>,
) -> Result<Archive, FetchError> {
    let signatures = options.signatures.as_ref();
    let wanted = match signatures {
        None => Provenance::No,
        Some(Signatures { required: false, .. }) => Provenance::IfThere,
        Some(Signatures { required: true, .. }) => Provenance::Required,
    };
    let located = match &task.from {
        From::Repository { repository, digest } => {
            let options = FetchOptions { provenance: wanted, ..options.fetch.as_nobody() };
            of_entry(&task.url, repository, digest.clone(), &options, context)?
        }
        From::Registry { place, locked: true } if wanted == Provenance::No => {
            oci::pull_locked(client, place, context)?
        }
        From::Registry { place, .. } => oci::pull(client, place, wanted, context)?,
    };
    match located.source {
        Source::Downloaded { file_name, bytes, .. } => {
            if let (Some(Signatures { keyring, .. }), Some(file)) = (signatures, &located.provenance) {
                let now = context.host.now();
                provenance::verify(&file_name, &Digest::of(&bytes), file, keyring, now)?;
            }
            Ok(Archive { file_name, bytes })
        }
        Source::Folder(path) | Source::Archive(path) => {
            Err(ChartError::NotFound { path: path.display().to_string() }.into())
        }
    }
}

fn package(folder: &Path) -> Result<Archive, FetchError> {
    let packed = pack(&load(folder, &Limits::default())?, &PackOptions::default())?;
    Ok(Archive { file_name: packed.file_name, bytes: packed.bytes })
}

/// Writes the archives, moves them into `charts/` and removes the archives that are not among them.
fn replace(
    parent: &Parent,
    archives: &[Archive],
    resolved: &[Resolved<'_>],
    on_event: &mut dyn FnMut(&DepsEvent<'_>),
) -> Result<DepsReport, FetchError> {
    let charts = parent.charts();
    if matches!(fs::kind(&charts), fs::Kind::File | fs::Kind::Other) {
        return Err(FetchError::NotADirectory { path: format!("{}/charts", parent.shown) });
    }
    let temporary = parent.folder.join(format!("tmpcharts-{}", std::process::id()));
    let mut report = DepsReport::default();
    let moved = (|| {
        for archive in archives {
            fs::write_atomic(&temporary.join(&archive.file_name), &archive.bytes, false)?;
        }
        fs::create_dir_all(&charts)?;
        for archive in archives {
            fs::rename(&temporary.join(&archive.file_name), &charts.join(&archive.file_name))?;
            report.saved.push(archive.file_name.clone());
        }
        Ok(())
    })();
    let cleaned = fs::remove_dir_all(&temporary);
    moved.and(cleaned).map_err(FetchError::Fs)?;
    on_event(&DepsEvent::DeletingOutdated);
    let wanted: BTreeSet<&str> = archives.iter().map(|archive| archive.file_name.as_str()).collect();
    for entry in fs::walk(&charts, MOST_FILES, |path, _| !path.contains('/'))? {
        let outdated = entry.kind == fs::Kind::File
            && is_archive(&entry.relative)
            && !wanted.contains(entry.relative.as_str())
            && !is_vendored(&entry.relative, resolved);
        if outdated {
            fs::remove_file(&entry.path)?;
            report.removed.push(entry.relative);
        }
    }
    Ok(report)
}

/// Whether an archive is that of a dependency without a repository.
fn is_vendored(file_name: &str, resolved: &[Resolved<'_>]) -> bool {
    resolved.iter().any(|chosen| {
        matches!(chosen.source.place, Place::Vendored)
            && file_name == format!("{}-{}.tgz", chosen.source.dependency.name, chosen.version)
    })
}
