//! Chart → archive `NAME-VERSION.tgz`, the same bytes from the same chart wherever and whenever it is packaged.
//!
//! ```text
//! NAME/Chart.yaml  NAME/Chart.lock  NAME/values.yaml  NAME/values.schema.json  NAME/templates/…  NAME/…
//! NAME/charts/SUB/Chart.yaml …   (archives below charts/ are packed as folders, as Helm does)
//! ```
//!
//! Files are as the author wrote them. Chart.yaml is written anew, keys sorted and comments lost, only when a version is
//! replaced or a requirements.yaml was merged into it.
//!
//! Who published an archive is told by a file beside it: see [`provenance`].
//!
//! Invariant: nothing of the machine goes in: order by path, mode 0644, owner 0, one fixed time for every entry, no folder
//! entries, a gzip header without time.

mod error;
pub mod media;
pub mod provenance;

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use error::PackageError;

use crate::chart::{self, Chart, ChartFile, Metadata};
use crate::data::digest::Digest;
use crate::data::gzip;
use crate::sys::fs;

/// Unix seconds that entries get when the caller gives no time: the start of 1980, the first that every archive tool takes
/// without complaint.
pub const DEFAULT_TIME: u64 = 315_532_800;

/// What to change while packaging.
#[derive(Debug, Clone, Default)]
pub struct PackOptions {
    /// Replaces the version in Chart.yaml.
    pub version: Option<String>,
    /// Replaces appVersion in Chart.yaml.
    pub app_version: Option<String>,
    /// Unix seconds of every entry, as SOURCE_DATE_EPOCH gives; [`DEFAULT_TIME`] if `None`.
    pub time: Option<u64>,
}

/// A packaged chart.
#[derive(Debug, Clone)]
pub struct Packed {
    /// `NAME-VERSION.tgz`.
    pub file_name: String,
    /// The archive.
    pub bytes: Vec<u8>,
    /// Its digest, which indexes and provenance files carry.
    pub digest: Digest,
    /// Chart.yaml as packaged.
    pub metadata: Metadata,
}

impl Packed {
    /// Writes the archive into a folder, which is made if need be, and returns its path. An archive of this name that is
    /// there stays whole until the new one replaces it.
    ///
    /// # Errors
    /// The system refuses.
    pub fn save(&self, folder: &Path) -> Result<PathBuf, PackageError> {
        let path = folder.join(&self.file_name);
        fs::write_atomic(&path, &self.bytes, false)?;
        Ok(path)
    }
}

/// Packages a chart.
///
/// # Errors
/// A version is malformed, dependencies are missing below charts/, or the schema is no JSON.
pub fn pack(chart: &Chart, options: &PackOptions) -> Result<Packed, PackageError> {
    let names: Vec<String> = chart.missing_dependencies().map(|dependency| dependency.name.clone()).collect();
    if !names.is_empty() {
        return Err(PackageError::MissingDependencies { names });
    }
    let mut metadata = chart.metadata.clone();
    if let Some(version) = &options.version {
        if !chart::is_version(version) {
            return Err(PackageError::Version { version: version.clone() });
        }
        metadata.version.clone_from(version);
    }
    if let Some(app_version) = &options.app_version {
        metadata.app_version.clone_from(app_version);
    }
    let mut entries = Vec::new();
    collect(&metadata.name, chart, &metadata, &mut entries)?;
    let files = entries.iter().map(|(path, data)| (path.clone(), &**data));
    let archive = chart::archive::write(files, options.time.unwrap_or(DEFAULT_TIME))?;
    let bytes = gzip::deflate(&archive);
    Ok(Packed {
        file_name: format!("{}-{}.tgz", metadata.name, metadata.version),
        digest: Digest::of(&bytes),
        bytes,
        metadata,
    })
}

type Entries = Vec<(String, Arc<[u8]>)>;

/// Adds the files of a chart and of its subcharts, as deep as the loader let them nest.
fn collect(
    folder: &str,
    chart: &Chart,
    metadata: &Metadata,
    entries: &mut Entries,
) -> Result<(), PackageError> {
    if let Some(schema) = &chart.schema {
        serde_json::from_slice::<serde::de::IgnoredAny>(schema).map_err(|error| PackageError::Schema {
            chart: metadata.name.to_string(),
            reason: error.to_string(),
        })?;
    }
    let is_v1 = metadata.api_version == "v1";
    let merged = !is_v1 && chart.raw.iter().any(|file| &*file.path == "requirements.yaml");
    let chart_yaml: Arc<[u8]> = if merged || *metadata != chart.metadata {
        metadata.to_chart_yaml()?.into_bytes().into()
    } else {
        chart.chart_yaml.text().as_bytes().into()
    };
    entries.push((format!("{folder}/Chart.yaml"), chart_yaml));
    if let Some(lock) = chart.lock.as_ref().filter(|_| !is_v1) {
        let written = chart.raw.iter().find(|file| &*file.path == chart::lock::CHART_LOCK);
        let data = match written {
            Some(file) => file.data.shared(),
            None => lock.to_yaml()?.into_bytes().into(),
        };
        entries.push((format!("{folder}/{}", chart::lock::CHART_LOCK), data));
    }
    let rank = |file: &ChartFile| match &*file.path {
        "values.yaml" => 0,
        "values.schema.json" => 1,
        path if path.starts_with("templates/") => 2,
        _ => 3,
    };
    let kept = |file: &&ChartFile| {
        let own = ["Chart.yaml", chart::lock::CHART_LOCK].contains(&&*file.path);
        let requirements = ["requirements.yaml", chart::lock::REQUIREMENTS_LOCK].contains(&&*file.path);
        !own && (is_v1 || !requirements)
    };
    let mut files: Vec<&ChartFile> = chart.raw.iter().filter(kept).collect();
    files.sort_by(|a, b| rank(a).cmp(&rank(b)).then_with(|| a.path.cmp(&b.path)));
    entries.extend(files.into_iter().map(|file| (format!("{folder}/{}", file.path), file.data.shared())));

    let mut taken = HashSet::new();
    for subchart in &chart.subcharts {
        let own = &subchart.metadata;
        // Two versions of one chart can stand side by side under aliases.
        let mut name = own.name.to_string();
        while taken.contains(&name) {
            name = format!("{name}-{}", own.version);
        }
        taken.insert(name.clone());
        collect(&format!("{folder}/charts/{name}"), subchart, own, entries)?;
    }
    Ok(())
}
