//! Package: a chart's folder becomes an archive.
//!
//! Invariant: nothing is written but the archive, and what bringing dependencies in writes.

use std::path::PathBuf;

use super::dependency::{self, DependencyOptions};
use super::{Context, OpsError};
use crate::chart::{self, ChartError, Limits};
use crate::fetch::deps::DepsEvent;
use crate::package::{self, PackOptions, PackageError};
use crate::sys::fs;

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
}

/// Packages the chart in a folder. `on_event` hears of dependencies that are brought in.
///
/// # Errors
/// The folder holds no valid chart, a version is malformed, dependencies are missing, or the archive cannot be written.
pub fn package(
    context: &Context<'_>,
    folder: &str,
    options: &PackageOptions,
    on_event: &mut dyn FnMut(&DepsEvent<'_>),
) -> Result<PackageReport, OpsError> {
    let path = context.host.resolve(folder);
    match fs::kind(&path) {
        fs::Kind::Folder => {}
        fs::Kind::Missing => return Err(ChartError::NotFound { path: folder.to_string() }.into()),
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
    let wanted = PackOptions {
        version: options.version.clone(),
        app_version: options.app_version.clone(),
        time: options.time,
    };
    let packed = package::pack(&chart, &wanted).map_err(|error| match error {
        PackageError::MissingDependencies { names } => super::source::missing_dependencies(&names.join(", ")),
        other => other.into(),
    })?;
    packed.save(&context.host.resolve(&options.destination))?;
    Ok(PackageReport {
        name: packed.metadata.name.to_string(),
        version: packed.metadata.version.clone(),
        path: options.destination.join(&packed.file_name),
        digest: packed.digest.to_string(),
    })
}
