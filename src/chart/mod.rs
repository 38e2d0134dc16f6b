//! What a chart is, and how it is read from a folder or an archive.
//!
//! A chart on disk:
//!
//! ```text
//! Chart.yaml  Chart.lock  requirements.yaml  requirements.lock  values.yaml  values.schema.json  .helmignore
//! templates/  rendered files (NOTES.txt among them)      crds/  plain CustomResourceDefinitions
//! charts/     subcharts: folders or .tgz archives        *      anything else is reached through `.Files`
//! ```
//!
//! Invariant: a loaded [`Chart`] is valid (its metadata was checked) and its order does not depend on the file system.

pub mod archive;
mod document;
pub mod error;
mod ignore;
mod load;
pub mod lock;
pub mod metadata;
pub mod scaffold;
mod sparse;
mod validate;

use std::path::PathBuf;
use std::sync::Arc;

pub use error::{ArchiveProblem, ChartError, Looks};
pub use ignore::IgnoreRules;
pub use load::{
    Limits, Reading, from_archive, from_files, load, load_of_any_version, load_with, metadata_of_archive,
    read_archive, unpack,
};
pub use metadata::{Dependency, Maintainer, Metadata};
pub use validate::is_version;

use crate::data::Value;
use crate::data::time::{Time, Zone};
use crate::diag::{Diagnostic, SourceFile};
use crate::sys::content::{Content, Failures};

/// One file of a chart.
#[derive(Debug, Clone)]
pub struct ChartFile {
    /// Path below the chart's folder, parts joined by `/`: `templates/deployment.yaml`, `crds/a.yaml`.
    pub path: Arc<str>,
    /// Its bytes, without a leading byte order mark.
    pub data: Content,
    /// Time of its last change, Unix seconds; 0 when unknown.
    pub modified: i64,
}

impl ChartFile {
    /// The bytes as text, bad UTF-8 replaced.
    pub fn text(&self) -> std::borrow::Cow<'_, str> {
        // The check alone is several times faster than the replacing, which looks at every character.
        match std::str::from_utf8(&self.data) {
            Ok(text) => text.into(),
            Err(_) => String::from_utf8_lossy(&self.data),
        }
    }

    /// When it was changed last, if that is known.
    pub fn moment(&self) -> Option<Time> {
        (self.modified != 0).then(|| Time::from_unix(self.modified, 0, Zone::Utc))
    }

    /// The text under the name that the user knows it by. What is no UTF-8 becomes U+FFFD.
    pub fn source(&self, name: impl Into<Arc<str>>) -> Arc<SourceFile> {
        match self.data.known_text() {
            Some(text) => SourceFile::new(name, Arc::clone(text)),
            None => SourceFile::from_bytes(name, &self.data),
        }
    }
}

/// The versions that were chosen for dependencies: `Chart.lock` or `requirements.lock`.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize, Default)]
#[serde(default, rename = "v2.Lock")]
pub struct Lock {
    /// When it was made, RFC 3339 as written.
    pub generated: String,
    /// `sha256:` over the requested and the locked dependencies.
    pub digest: String,
    /// The chosen versions.
    pub dependencies: Vec<Dependency>,
}

/// A chart in memory.
#[derive(Debug, Clone)]
pub struct Chart {
    /// Chart.yaml, with the dependencies of a v1 chart's requirements.yaml merged in.
    pub metadata: Metadata,
    /// Chart.yaml as written, for messages and `show chart`.
    pub chart_yaml: Arc<SourceFile>,
    /// Chart.lock or requirements.lock.
    pub lock: Option<Lock>,
    /// The defaults of values.yaml: a map, its documents merged.
    pub values: Value,
    /// values.yaml as written; `None` when there is none.
    pub values_yaml: Option<Arc<SourceFile>>,
    /// values.schema.json as written.
    pub schema: Option<Arc<[u8]>>,
    /// Files below templates/, in path order.
    pub templates: Vec<ChartFile>,
    /// All other files that templates can reach (crds/ and README included), in path order.
    pub files: Vec<ChartFile>,
    /// Every file as loaded, those of subcharts left out, in path order: what `package` writes and `show` prints.
    pub raw: Vec<ChartFile>,
    /// The charts below charts/, sorted by path.
    pub subcharts: Vec<Chart>,
    /// What could not be read of files that are read when they are looked at.
    pub unread: Failures,
    /// The symbolic links in its folder, which are followed wherever they lead.
    pub links: Vec<Link>,
}

/// A symbolic link in the folder of a chart: what it leads to is taken for its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// The link.
    pub path: PathBuf,
    /// The file or folder at its end.
    pub resolved: PathBuf,
}

impl Chart {
    /// A chart of nothing but metadata and values: what a release record knows of it.
    pub fn without_files(metadata: Metadata, values: Value) -> Self {
        Chart {
            metadata,
            chart_yaml: SourceFile::new("Chart.yaml", ""),
            lock: None,
            values,
            values_yaml: None,
            schema: None,
            templates: Vec::new(),
            files: Vec::new(),
            raw: Vec::new(),
            subcharts: Vec::new(),
            unread: Failures::default(),
            links: Vec::new(),
        }
    }

    /// Whether all files that were looked at could be read: to be asked before anything made of a chart goes out that was
    /// loaded with [`Reading::WhenLookedAt`].
    ///
    /// # Errors
    /// One could not; to whoever looked it seemed empty.
    pub fn check_read(&self) -> Result<(), ChartError> {
        Ok(self.unread.check()?)
    }

    /// The chart's name, or its alias once dependencies were processed.
    pub fn name(&self) -> &str {
        &self.metadata.name
    }

    /// The name that one of the subcharts has in its own Chart.yaml, when it goes by an alias here.
    pub fn name_before_alias(&self, subchart: &Chart) -> Option<Arc<str>> {
        let is_alias = |dependency: &Dependency| dependency.alias == *subchart.name();
        if !self.metadata.dependencies.iter().any(is_alias) {
            return None;
        }
        document::typed::<Metadata>("Chart.yaml", &subchart.chart_yaml).ok().map(|written| written.name)
    }

    /// The files below crds/ with a YAML or JSON extension, in path order.
    pub fn crds(&self) -> impl Iterator<Item = &ChartFile> {
        self.files.iter().filter(|file| {
            let path = file.path.to_lowercase();
            file.path.starts_with("crds/")
                && [".yaml", ".yml", ".json"].iter().any(|extension| path.ends_with(extension))
        })
    }

    /// Whether the chart only lends named templates to others.
    pub fn is_library(&self) -> bool {
        self.metadata.chart_type.as_deref() == Some("library")
    }

    /// The dependencies of Chart.yaml for which no chart of that name lies below charts/. Helm looks at names only, too.
    pub fn missing_dependencies(&self) -> impl Iterator<Item = &Dependency> {
        let has = |name: &str| self.subcharts.iter().any(|subchart| &*subchart.metadata.name == name);
        self.metadata.dependencies.iter().filter(move |dependency| !has(&dependency.name))
    }

    /// What a user of the chart should know: that it is deprecated, or that it says things in the place of older charts.
    pub fn warnings(&self) -> Vec<Diagnostic> {
        let mut warnings = Vec::new();
        if self.metadata.deprecated {
            warnings.push(Diagnostic::warning("this chart is deprecated"));
        }
        if self.metadata.api_version != "v1" && self.raw.iter().any(|file| &*file.path == "requirements.yaml")
        {
            warnings.push(
                Diagnostic::warning("dependencies are handled in Chart.yaml since apiVersion \"v2\"")
                    .hint("move the dependencies of requirements.yaml to Chart.yaml"),
            );
        }
        warnings
    }
}
