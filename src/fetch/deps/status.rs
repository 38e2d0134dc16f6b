//! What `charts/` has of what Chart.yaml asks for: `dependency list`.
//!
//! Invariant: looking changes nothing and needs no network; a broken archive is told as such and hides nothing else.

use std::fmt;

use super::{FetchContext, FetchError, Parent, shown};
use crate::chart::{Dependency, Limits, Metadata, metadata_of_archive};
use crate::data::version::{Constraint, Version};
use crate::repo::generate::is_archive;
use crate::sys::fs;

/// Most entries of `charts/` that are looked at.
const MOST_FILES: usize = 100_000;

/// The state of one dependency. The texts are Helm's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Status {
    /// There, in a version that will do.
    Ok,
    /// Not there.
    Missing,
    /// There as a folder, in a version that will do.
    Unpacked,
    /// There, in another version.
    WrongVersion,
    /// The constraint, or the version that is there, cannot be read.
    InvalidVersion,
    /// The archive holds a chart of another name.
    Misnamed,
    /// The archive cannot be read.
    Corrupt,
    /// Several archives could be it.
    TooManyMatches,
    /// The name cannot be looked for.
    BadPattern,
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Status::Ok => "ok",
            Status::Missing => "missing",
            Status::Unpacked => "unpacked",
            Status::WrongVersion => "wrong version",
            Status::InvalidVersion => "invalid version",
            Status::Misnamed => "misnamed",
            Status::Corrupt => "corrupt",
            Status::TooManyMatches => "too many matches",
            Status::BadPattern => "bad pattern",
        })
    }
}

/// One line of the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The chart.
    pub name: String,
    /// Its constraint.
    pub version: String,
    /// Its repository as written, but for a password in it.
    pub repository: String,
    /// Its state.
    pub status: Status,
}

/// The dependencies of a chart.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Listing {
    /// One row per dependency, in the order of Chart.yaml. When empty, Helm prints
    /// `WARNING: no dependencies at CHART/charts`.
    pub rows: Vec<Row>,
    /// Charts in `charts/` that Chart.yaml does not name, as paths from where the user stands; Helm prints
    /// `WARNING: "PATH" is not in Chart.yaml.` for each.
    pub extra: Vec<String>,
    /// `CHART/charts`.
    pub charts: String,
}

/// Something in `charts/` that may be a chart.
pub(super) struct Present {
    pub(super) file_name: String,
    /// `None` for what cannot be read as a chart.
    pub(super) metadata: Option<Metadata>,
    is_folder: bool,
}

/// Lists the dependencies of a chart's folder.
///
/// # Errors
/// The folder holds no chart, or cannot be read.
pub fn list(folder: &str, context: &FetchContext<'_>) -> Result<Listing, FetchError> {
    let parent = Parent::open(folder, context)?;
    let present = present(&parent, context)?;
    let dependencies = &parent.chart.metadata.dependencies;
    let rows = dependencies.iter().map(|dependency| Row {
        name: dependency.name.clone(),
        version: dependency.version.clone(),
        repository: shown(&dependency.repository),
        status: status(dependency, &present).0,
    });
    let known = |metadata: &Metadata| dependencies.iter().any(|dependency| dependency.name == *metadata.name);
    let extra = present
        .iter()
        .filter(|found| found.metadata.as_ref().is_some_and(|metadata| !known(metadata)))
        .map(|found| format!("{}/charts/{}", parent.shown, found.file_name));
    Ok(Listing { rows: rows.collect(), extra: extra.collect(), charts: fs::joined(&parent.shown, "charts") })
}

/// What is in `charts/`, sorted by name.
pub(super) fn present(parent: &Parent, context: &FetchContext<'_>) -> Result<Vec<Present>, FetchError> {
    let charts = parent.charts();
    if fs::kind(&charts) != fs::Kind::Folder {
        return Ok(Vec::new());
    }
    let limits = Limits::default();
    let mut found = Vec::new();
    for entry in fs::walk(&charts, MOST_FILES, |path, _| !path.contains('/'))? {
        if entry.relative.starts_with(['.', '_']) {
            continue;
        }
        let (metadata, is_folder) = match entry.kind {
            fs::Kind::Folder => {
                let chart = Parent::open(&entry.path.display().to_string(), context);
                (chart.ok().map(|parent| parent.chart.metadata), true)
            }
            fs::Kind::File if is_archive(&entry.relative) => {
                let bytes = fs::read(&entry.path, limits.total_bytes)?;
                (metadata_of_archive(&bytes, &limits).ok(), false)
            }
            _ => continue,
        };
        found.push(Present { file_name: entry.relative, metadata, is_folder });
    }
    Ok(found)
}

/// How a dependency stands, and which of the charts it is, when it is one.
pub(super) fn status<'a>(dependency: &Dependency, present: &'a [Present]) -> (Status, Option<&'a Present>) {
    let name = &dependency.name;
    // Helm looks for `NAME-*.tgz` as a shell pattern, in which a bracket must close.
    if name.contains('[') && !name.contains(']') {
        return (Status::BadPattern, None);
    }
    let archives = candidates(name, present);
    match archives.as_slice() {
        [only] => {
            return match &only.metadata {
                None => (Status::Corrupt, None),
                Some(metadata) if *metadata.name != **name => (Status::Misnamed, None),
                Some(metadata) => (version_status(dependency, metadata, Status::Ok), Some(only)),
            };
        }
        [] => {}
        _ => return (Status::TooManyMatches, None),
    }
    // Under whatever name it lies there; of several the last one counts.
    let loaded = present.iter().rev().find_map(|found| {
        let metadata = found.metadata.as_ref().filter(|metadata| *metadata.name == **name)?;
        Some((found, metadata))
    });
    match loaded {
        Some((found, metadata)) => (version_status(dependency, metadata, Status::Unpacked), Some(found)),
        None => (Status::Missing, None),
    }
}

/// The archives that go by a chart's name: the only `NAME-….tgz`, or of several those in which a version follows.
/// `NAME-*.tgz` also matches the archives of a chart whose name goes on after a hyphen (`db` and `db-admin`).
pub(super) fn candidates<'a>(name: &str, present: &'a [Present]) -> Vec<&'a Present> {
    let rest_of = |found: &'a Present| {
        found
            .file_name
            .strip_suffix(".tgz")?
            .strip_prefix(name)?
            .strip_prefix('-')
            .filter(|_| !found.is_folder)
    };
    let mut archives: Vec<(&Present, &str)> =
        present.iter().filter_map(|found| Some((found, rest_of(found)?))).collect();
    if archives.len() > 1 {
        archives.retain(|(_, rest)| Version::parse_strict(rest).is_ok());
    }
    archives.into_iter().map(|(found, _)| found).collect()
}

pub(super) fn version_status(dependency: &Dependency, metadata: &Metadata, good: Status) -> Status {
    if metadata.version == dependency.version {
        return good;
    }
    match (Constraint::parse(&dependency.version), Version::parse(&metadata.version)) {
        (Ok(constraint), Ok(version)) if constraint.check(&version) => good,
        (Ok(_), Ok(_)) => Status::WrongVersion,
        _ => Status::InvalidVersion,
    }
}
