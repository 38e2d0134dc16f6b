//! The files of a chart that may be broken: looked at one by one, before anything is loaded.
//!
//! Invariant: nothing is read beyond the bounds for charts.

use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use super::LintError;
use crate::chart::{self, Chart, ChartError, ChartFile, Limits};
use crate::diag::SourceFile;
use crate::sys::fs::{self, Kind};

/// Whether a path is taken for an archive: by its name alone, as in Helm.
pub fn is_archive(path: &str) -> bool {
    Path::new(path).extension().is_some_and(|own| own == "tgz") || path.ends_with(".tar.gz")
}

/// A path without `.` and `..`, in which Helm names the folder of a chart.
fn cleaned(path: &Path) -> PathBuf {
    let mut clean = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => {
                clean.pop();
            }
            other => clean.push(other),
        }
    }
    clean
}

/// A chart's files.
#[derive(Debug)]
pub struct Files {
    /// What findings about the chart as a whole are said of: its absolute folder, or its archive.
    pub(super) place: String,
    /// The path as given, which sources are named by.
    shown: String,
    limits: Limits,
    content: Content,
}

#[derive(Debug)]
enum Content {
    Folder(PathBuf),
    Archive { files: Vec<ChartFile> },
}

impl Files {
    /// Opens a folder or an archive; `shown` is the path as the user gave it, `path` where that is.
    ///
    /// # Errors
    /// There is no Chart.yaml, or the archive cannot be read.
    pub fn open(shown: &str, path: &Path, limits: &Limits) -> Result<Self, LintError> {
        let place = cleaned(path).display().to_string();
        let trimmed = shown.trim_end_matches('/').to_string();
        if is_archive(shown) && fs::kind(path) == Kind::File {
            let bytes =
                fs::read(path, limits.total_bytes).map_err(|error| LintError::Archive(error.into()))?;
            let files = chart::read_archive(&bytes, limits).map_err(|error| {
                LintError::Archive(match error {
                    ChartError::NotAnArchive { looks_like, .. } => {
                        ChartError::NotAnArchive { path: shown.to_string(), looks_like }
                    }
                    ChartError::Archive { problem, .. } => {
                        ChartError::Archive { archive: shown.to_string(), problem }
                    }
                    other => other,
                })
            })?;
            let content = Content::Archive { files };
            return Ok(Files { place, shown: trimmed, limits: limits.clone(), content });
        }
        let missing = |reason| LintError::NoChartYaml { path: trimmed.clone(), reason };
        match (fs::kind(path), fs::kind(&path.join("Chart.yaml"))) {
            (Kind::Folder, Kind::Missing) | (Kind::Missing, _) => Err(missing("no such file or directory")),
            (Kind::Folder, _) => {
                let content = Content::Folder(path.to_path_buf());
                Ok(Files { place, shown: trimmed, limits: limits.clone(), content })
            }
            _ => Err(missing("not a directory")),
        }
    }

    /// What is at a path below the chart.
    pub(super) fn kind(&self, path: &str) -> Kind {
        match &self.content {
            Content::Folder(folder) => fs::kind(&folder.join(path)),
            Content::Archive { files } => {
                let below = format!("{path}/");
                if files.iter().any(|file| &*file.path == path) {
                    Kind::File
                } else if files.iter().any(|file| file.path.starts_with(&below)) {
                    Kind::Folder
                } else {
                    Kind::Missing
                }
            }
        }
    }

    /// What a file below the chart is called in messages.
    pub(super) fn name_of(&self, path: &str) -> String {
        format!("{}/{path}", self.shown)
    }

    /// The text of a file, bad UTF-8 replaced, without a byte order mark.
    ///
    /// # Errors
    /// Helm's words for a file that cannot be read.
    pub(super) fn text(&self, path: &str) -> Result<Arc<SourceFile>, String> {
        if self.kind(path) == Kind::Folder {
            return Err(format!("read {}/{path}: is a directory", self.place));
        }
        let name = self.name_of(path);
        let bytes: Arc<[u8]> = match &self.content {
            Content::Folder(folder) => fs::read(&folder.join(path), self.limits.file_bytes)
                .map_err(|error| format!("read {name}: {error}"))?
                .into(),
            Content::Archive { files } => {
                let found = files.iter().rev().find(|file| &*file.path == path);
                found.ok_or_else(|| format!("open {name}: no such file or directory"))?.data.shared()
            }
        };
        let text = String::from_utf8_lossy(&bytes);
        Ok(SourceFile::new(name, text.strip_prefix('\u{feff}').unwrap_or(&text)))
    }

    /// The chart, if it can be loaded.
    ///
    /// # Errors
    /// It cannot.
    pub(super) fn load(&self) -> Result<Chart, ChartError> {
        match &self.content {
            Content::Folder(folder) => chart::load_of_any_version(folder, &self.limits),
            Content::Archive { files } => chart::from_files(&self.shown, files.clone(), &self.limits),
        }
    }
}
