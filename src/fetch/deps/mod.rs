//! The dependencies of a chart's folder: what is in `charts/`, and bringing it there.
//!
//! ```text
//! Chart.yaml ─► resolve (index, tags, file://, charts/) ─► versions ─► fetch into tmpcharts-PID ─► move into charts/ ─► lock
//! ```
//!
//! Invariant: `charts/` and the lock are touched only when every dependency is at hand; a run that fails or is killed
//! before leaves them as they were (what is killed in between leaves whole archives, never parts of one).

mod resolve;
mod save;
mod status;
mod tree;

use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use status::{Listing, Row, Status, list};
pub use tree::{Node, Tree, tree};

use resolve::{Choice, shown};

use super::{FetchContext, FetchError};
use crate::chart::lock::{CHART_LOCK, REQUIREMENTS_LOCK};
use crate::chart::{Chart, ChartError, ChartFile, Dependency, Limits, Lock, from_files, lock};
use crate::data::time::{Time, Zone};
use crate::package::provenance::Keyring;
use crate::repo::config::RepoFile;
use crate::repo::update::{Outcome, update_all};
use crate::sys::fs;

/// Whether the indexes are brought up to date before versions are chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Refresh {
    /// Always, as Helm does.
    #[default]
    Always,
    /// Only when a cached index lacks what is needed.
    IfNeeded,
    /// Never: `--skip-refresh`.
    Never,
}

/// Whose signatures archives must have.
#[derive(Debug, Clone)]
pub struct Signatures {
    /// The keys that are trusted.
    pub keyring: Arc<Keyring>,
    /// Whether an archive without a provenance file is refused; else only one with a bad signature is.
    pub required: bool,
}

/// How to bring dependencies in.
#[derive(Debug, Clone, Default)]
pub struct DepsOptions {
    /// Whether indexes are brought up to date first.
    pub refresh: Refresh,
    /// How archives are fetched: credentials and TLS files of the command line.
    pub fetch: super::FetchOptions,
    /// Whose signatures the archives of repositories must have.
    pub signatures: Option<Signatures>,
    /// Fail when there is no lock, instead of choosing versions.
    pub locked: bool,
}

/// What happens, in the order in which it does. The text of each is Helm's line.
#[derive(Debug)]
#[non_exhaustive]
pub enum DepsEvent<'a> {
    /// Repositories without a name are asked.
    RefreshingUnmanaged,
    /// A repository without a name answered.
    Unmanaged(&'a Outcome),
    /// The configured repositories are asked.
    Refreshing,
    /// A configured repository answered.
    Updated(&'a Outcome),
    /// All answered.
    Refreshed,
    /// So many charts will be written.
    Saving(usize),
    /// An archive is fetched.
    Downloading {
        /// The chart.
        name: &'a str,
        /// Its repository as written.
        repository: &'a str,
    },
    /// The archive was fetched for another dependency already.
    AlreadyDownloaded {
        /// The chart.
        name: &'a str,
        /// Its repository as written.
        repository: &'a str,
    },
    /// Archives that nobody asks for are removed.
    DeletingOutdated,
}

impl std::fmt::Display for DepsEvent<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            DepsEvent::RefreshingUnmanaged => {
                f.write_str("Getting updates for unmanaged Helm repositories...")
            }
            DepsEvent::Refreshing => {
                f.write_str("Hang tight while we grab the latest from your chart repositories...")
            }
            DepsEvent::Updated(outcome) => write!(f, "{outcome}"),
            DepsEvent::Unmanaged(Outcome { url, result, .. }) => match result {
                Ok(_) => write!(f, "...Successfully got an update from the {url:?} chart repository"),
                Err(error) => {
                    write!(f, "...Unable to get an update from the {url:?} chart repository:\n\t{error}")
                }
            },
            DepsEvent::Refreshed => f.write_str("Update Complete. ⎈Happy Helming!⎈"),
            DepsEvent::Saving(count) => write!(f, "Saving {count} charts"),
            DepsEvent::Downloading { name, repository } => {
                write!(f, "Downloading {name} from repo {}", shown(repository))
            }
            DepsEvent::AlreadyDownloaded { name, repository } => {
                write!(f, "Already downloaded {name} from repo {}", shown(repository))
            }
            DepsEvent::DeletingOutdated => f.write_str("Deleting outdated charts"),
        }
    }
}

/// Told about each event.
pub type OnEvent<'a> = &'a mut dyn FnMut(&DepsEvent<'_>);

/// What came of bringing dependencies in.
#[derive(Debug, Clone, Default)]
pub struct DepsReport {
    /// The versions that were chosen; `None` when the chart has no dependencies.
    pub lock: Option<Lock>,
    /// Whether the lock was written.
    pub lock_written: bool,
    /// The archives in `charts/` that were written.
    pub saved: Vec<String>,
    /// The archives in `charts/` that were removed.
    pub removed: Vec<String>,
}

/// A chart's folder without its subcharts: Chart.yaml and the lock.
pub(super) struct Parent {
    /// The folder.
    folder: PathBuf,
    /// The folder as the user wrote it, for messages.
    shown: String,
    chart: Chart,
}

impl Parent {
    /// Reads Chart.yaml, requirements.yaml and the lock; `charts/` may be missing or broken.
    fn open(shown: &str, context: &FetchContext<'_>) -> Result<Self, FetchError> {
        let folder = context.host.resolve(shown);
        match fs::kind(&folder) {
            fs::Kind::Folder => {}
            fs::Kind::Missing => {
                return Err(
                    ChartError::Absent { words: format!("stat {shown}: no such file or directory") }.into()
                );
            }
            _ => return Err(FetchError::NotADirectory { path: shown.to_string() }),
        }
        let limits = Limits::default();
        let mut files = Vec::new();
        for name in ["Chart.yaml", CHART_LOCK, "requirements.yaml", REQUIREMENTS_LOCK] {
            let path = folder.join(name);
            if fs::kind(&path) == fs::Kind::File {
                let data = fs::read(&path, limits.file_bytes)?;
                files.push(ChartFile { path: name.into(), data: data.into(), modified: 0 });
            }
        }
        let chart = from_files(shown.trim_end_matches('/'), files, &limits)?;
        Ok(Parent { folder, shown: shown.trim_end_matches('/').to_string(), chart })
    }

    /// As [`Parent::open`], for a command that writes to the chart: it says first what it could not find.
    fn open_to_change(shown: &str, context: &FetchContext<'_>) -> Result<Self, FetchError> {
        Parent::open(shown, context).map_err(|error| match error {
            FetchError::Chart(ChartError::Absent { words }) => {
                ChartError::Absent { words: format!("could not find {shown}: {words}") }.into()
            }
            other => other,
        })
    }

    fn charts(&self) -> PathBuf {
        self.folder.join("charts")
    }

    fn lock_name(&self) -> &'static str {
        if self.chart.metadata.api_version == "v1" { REQUIREMENTS_LOCK } else { CHART_LOCK }
    }

    /// Where a `file://` reference of the chart leads, and how messages call it.
    fn local(&self, reference: &str) -> (PathBuf, String) {
        let path = reference.strip_prefix("file://").unwrap_or(reference);
        let shown = tidy(&Path::new(&self.shown).join(path));
        (self.folder.join(path), shown)
    }
}

/// A path without `.` and with `x/..` taken out, as Go cleans it.
fn tidy(path: &Path) -> String {
    use std::path::Component;
    let mut parts: Vec<Component<'_>> = Vec::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir if matches!(parts.last(), Some(Component::Normal(_))) => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.iter().collect::<PathBuf>().display().to_string()
}

/// Chooses versions for the dependencies of a chart's folder, fetches them into `charts/` and writes the lock when the
/// choice changed: `dependency update`.
///
/// # Errors
/// A repository is not configured or lacks a chart, no version will do, or something cannot be fetched or written.
pub fn update(
    folder: &str,
    options: &DepsOptions,
    context: &FetchContext<'_>,
    on_event: OnEvent<'_>,
) -> Result<DepsReport, FetchError> {
    let parent = Parent::open_to_change(folder, context)?;
    update_parent(&parent, options, context, on_event)
}

fn update_parent(
    parent: &Parent,
    options: &DepsOptions,
    context: &FetchContext<'_>,
    on_event: OnEvent<'_>,
) -> Result<DepsReport, FetchError> {
    if parent.chart.metadata.dependencies.is_empty() {
        return Ok(DepsReport::default());
    }
    let file = RepoFile::load(&context.paths.config)?;
    let sources = resolve::sources(&parent.chart.metadata.dependencies, &file, parent, context)?;
    let mut resolved = None;
    if options.refresh == Refresh::IfNeeded {
        resolved = resolve::versions(&sources, Choice::Newest, parent, &options.fetch, context).ok();
    }
    let resolved = if let Some(resolved) = resolved {
        resolved
    } else {
        if options.refresh != Refresh::Never {
            refresh(&file, &sources, context, on_event);
        }
        resolve::versions(&sources, Choice::Newest, parent, &options.fetch, context)?
    };
    let requested: Vec<Dependency> = sources.iter().map(|source| source.dependency.clone()).collect();
    let locked: Vec<Dependency> = resolved.iter().map(resolve::Resolved::locked).collect();
    let digest = lock::digest(&requested, &locked);
    let saved = save::save(parent, &resolved, options, context, on_event)?;
    if let Some(old) = parent.chart.lock.as_ref().filter(|old| old.digest == digest) {
        return Ok(DepsReport { lock: Some(old.clone()), lock_written: false, ..saved });
    }
    let generated = Time::from_system(context.host.now(), Zone::Utc).rfc3339_nano();
    let lock = Lock { generated, digest, dependencies: locked };
    write_lock(parent, &lock)?;
    Ok(DepsReport { lock: Some(lock), lock_written: true, ..saved })
}

/// Fetches the locked versions of a chart's dependencies into `charts/`: `dependency build`. Without a lock this is
/// [`update`], unless [`DepsOptions::locked`] is set.
///
/// With [`Refresh::IfNeeded`], and every version in the cached indexes and every archive in the cache, no request is made;
/// a tag of a registry counts as leading to where it led when it was last asked for.
///
/// # Errors
/// There is no lock where one is demanded, the lock is out of step with Chart.yaml, a repository of it is not configured, a version is gone, or something cannot be
/// fetched or written.
pub fn build(
    folder: &str,
    options: &DepsOptions,
    context: &FetchContext<'_>,
    on_event: OnEvent<'_>,
) -> Result<DepsReport, FetchError> {
    let parent = Parent::open_to_change(folder, context)?;
    let Some(lock) = &parent.chart.lock else {
        if options.locked && !parent.chart.metadata.dependencies.is_empty() {
            return Err(FetchError::NoLock { lock: parent.lock_name() });
        }
        // Versions are chosen among those that there are now, not among those that somebody saw some day.
        let refresh = match options.refresh {
            Refresh::IfNeeded => Refresh::Always,
            other => other,
        };
        return update_parent(&parent, &DepsOptions { refresh, ..options.clone() }, context, on_event);
    };
    let file = RepoFile::load(&context.paths.config)?;
    let v1 = parent.chart.metadata.api_version == "v1";
    let mut requested = parent.chart.metadata.dependencies.clone();
    resolve::name_repositories(&mut requested, &file, context)?;
    let in_sync = lock.digest == lock::digest(&requested, &lock.dependencies)
        || (v1 && lock.digest == lock::digest_of_helm2(&requested))
        || lock.is_in_sync(&parent.chart);
    if !in_sync {
        let yaml = if v1 { "requirements.yaml" } else { "Chart.yaml" };
        return Err(FetchError::OutOfSync { lock: parent.lock_name(), file: yaml });
    }
    let unknown: Vec<String> = lock
        .dependencies
        .iter()
        .map(|dependency| dependency.repository.as_str())
        .filter(|url| url.contains("://") && !url.starts_with("file://") && !url.starts_with("oci://"))
        .filter(|url| resolve::configured(url, &file).is_none())
        .map(shown)
        .collect();
    if !unknown.is_empty() {
        return Err(FetchError::NoDefinitionOfLocked { names: unknown });
    }
    let sources = resolve::sources(&lock.dependencies, &file, &parent, context)?;
    let locked = || resolve::versions(&sources, Choice::Locked, &parent, &options.fetch, context);
    let cached = match options.refresh {
        Refresh::Always => None,
        Refresh::IfNeeded => locked().ok(),
        Refresh::Never => Some(locked()?),
    };
    let resolved = if let Some(resolved) = cached {
        resolved
    } else {
        refresh(&file, &sources, context, on_event);
        locked()?
    };
    let saved = save::save(&parent, &resolved, options, context, on_event)?;
    Ok(DepsReport { lock: Some(lock.clone()), lock_written: false, ..saved })
}

/// Asks all repositories for their indexes. One that cannot be reached is only told of: its cached index may do.
fn refresh(
    file: &RepoFile,
    sources: &[resolve::Sourced],
    context: &FetchContext<'_>,
    on_event: &mut dyn FnMut(&DepsEvent<'_>),
) {
    let unmanaged = resolve::unmanaged(sources);
    if !unmanaged.is_empty() {
        on_event(&DepsEvent::RefreshingUnmanaged);
        let repositories: Vec<_> = unmanaged.iter().collect();
        for outcome in update_all(context.host, context.paths, &repositories, None) {
            on_event(&DepsEvent::Unmanaged(&outcome));
        }
    }
    if !file.repositories.is_empty() {
        on_event(&DepsEvent::Refreshing);
        let repositories: Vec<_> = file.repositories.iter().collect();
        for outcome in update_all(context.host, context.paths, &repositories, None) {
            on_event(&DepsEvent::Updated(&outcome));
        }
        on_event(&DepsEvent::Refreshed);
    }
}

fn write_lock(parent: &Parent, lock: &Lock) -> Result<(), FetchError> {
    let name = parent.lock_name();
    let path = parent.folder.join(name);
    if let Some(target) = fs::link_target(&path) {
        return Err(FetchError::LockIsLink { lock: name, target });
    }
    Ok(fs::write_atomic(&path, lock.to_yaml()?.as_bytes(), false)?)
}
