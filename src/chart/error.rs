//! What can be wrong with a chart, and advice on it.
//!
//! Invariant: the texts of validation are Helm's, word for word; an error that stems from a text of the chart carries a
//! diagnostic with the file and the place.

use std::path::PathBuf;

use crate::data::gzip::GzipError;
use crate::diag::{Diagnostic, Hint};
use crate::sys::fs::FsError;

/// Why a chart could not be loaded, checked, written or made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ChartError {
    /// A file or folder could not be read or written.
    #[error(transparent)]
    Fs(#[from] FsError),
    /// Nothing is at the path.
    #[error("path {path:?} not found")]
    NotFound {
        /// The path as given.
        path: String,
    },
    /// There is no such starter.
    #[error("path {path:?} not found")]
    NoStarter {
        /// Where it would be.
        path: String,
    },
    /// Nothing is at the path of a command that works on a file or folder of its user, in Helm's words for it.
    #[error("{words}")]
    Absent {
        /// What Helm says.
        words: String,
    },
    /// A chart folder holds a device, socket or pipe.
    #[error("cannot load irregular file {} as it has file mode type bits set", path.display())]
    Irregular {
        /// The thing.
        path: PathBuf,
    },
    /// There is no Chart.yaml.
    #[error("Chart.yaml file is missing")]
    NoChartYaml {
        /// The chart's folder or archive.
        chart: String,
    },
    /// Chart.yaml, values.yaml, a lock or another text of the chart cannot be read.
    #[error("cannot load {file}: {text}")]
    Document {
        /// Which one, below the chart's folder.
        file: String,
        /// What is wrong, in Helm's words.
        text: String,
        /// What and where.
        diagnostic: Box<Diagnostic>,
    },
    /// Chart.yaml can be read, but says something that is not allowed.
    #[error("validation: {}", .0.message)]
    Invalid(Box<Diagnostic>),
    /// apiVersion is neither v1 nor v2.
    #[error("{}", .0.message)]
    ApiVersion(Box<Diagnostic>),
    /// A rule of .helmignore is malformed.
    #[error("{}", .0.message)]
    Ignore(Box<Diagnostic>),
    /// A file is neither a folder nor gzip data.
    #[error("file '{path}' {}", not_gzip(path))]
    NotAnArchive {
        /// The file as given.
        path: String,
        /// What it seems to be in place of an archive.
        looks_like: Looks,
    },
    /// An archive cannot be read, or holds what no chart may hold.
    #[error("cannot load chart archive {archive}: {problem}")]
    Archive {
        /// Name of the archive.
        archive: String,
        /// What is wrong with it.
        problem: ArchiveProblem,
    },
    /// A folder holds more bytes than allowed.
    #[error("{chart}: chart exceeds maximum decompressed size of {limit} bytes")]
    TooLarge {
        /// The chart's folder.
        chart: String,
        /// The limit in bytes.
        limit: u64,
    },
    /// A chart holds more files than allowed.
    #[error("{chart}: chart has more than {limit} files")]
    TooManyFiles {
        /// The chart's folder or archive.
        chart: String,
        /// The limit.
        limit: usize,
    },
    /// The path of a file has a character that ends a line or controls a terminal.
    #[error("{chart}: chart contains illegally named files: {file:?}")]
    BadPath {
        /// The chart's folder.
        chart: String,
        /// The path of the file in it.
        file: String,
    },
    /// Charts below charts/ are nested too deep.
    #[error("{chart}: subcharts are nested more than {limit} deep")]
    TooDeep {
        /// The innermost chart that was read.
        chart: String,
        /// The limit.
        limit: usize,
    },
    /// A chart below charts/ cannot be loaded.
    #[error("error unpacking subchart {file} in {parent}: {cause}")]
    Subchart {
        /// Its folder or archive below charts/.
        file: String,
        /// Name of the chart that holds it.
        parent: String,
        /// Why.
        cause: Box<ChartError>,
    },
    /// A name that no chart may have was given for a new chart.
    #[error("{reason}")]
    BadName {
        /// The name.
        name: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A chart that is to be written says something that its file format cannot hold.
    #[error("cannot write {file}: {reason}")]
    Unwritable {
        /// The file that would be written.
        file: String,
        /// Why it cannot.
        reason: String,
    },
}

/// What is wrong with an archive. Entries are named as the archive has them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ArchiveProblem {
    /// The compressed data around the archive is bad.
    #[error(transparent)]
    Gzip(GzipError),
    /// It is no tar archive, or its headers are damaged.
    #[error("the tar data is damaged: {reason}")]
    Damaged {
        /// What the reader found.
        reason: String,
    },
    /// It ends within an entry.
    #[error("the archive is cut off within {entry:?}")]
    CutOff {
        /// The entry.
        entry: String,
    },
    /// It holds no file.
    #[error("no files in chart archive")]
    Empty,
    /// Chart.yaml is not within a folder.
    #[error("chart yaml not in base directory")]
    ChartYamlAtTop,
    /// An entry has an absolute path.
    #[error("chart illegally contains absolute paths: {entry:?}")]
    Absolute {
        /// The entry.
        entry: String,
    },
    /// An entry's path has a `..` part.
    #[error("chart illegally references parent directory: {entry:?}")]
    Parent {
        /// The entry.
        entry: String,
    },
    /// An entry lies beside the chart's folder.
    #[error("chart illegally contains content outside the base directory: {entry:?}")]
    OutsideBase {
        /// The entry.
        entry: String,
    },
    /// An entry's name has a drive letter, a control character or a line break, or is longer than any system takes.
    #[error("chart contains illegally named files: {entry:?}")]
    BadName {
        /// The entry.
        entry: String,
    },
    /// The map of a file with holes cannot be read, or does not fit its data.
    #[error("the holes of {entry:?} cannot be read")]
    Sparse {
        /// The entry.
        entry: String,
    },
    /// A link that leads to no file of the archive.
    #[error("{entry:?} is a link to {target:?}, which is not a file of the chart")]
    Link {
        /// The entry.
        entry: String,
        /// Where it leads.
        target: String,
    },
    /// An entry is a device, a pipe or of an unknown kind.
    #[error("{entry:?} is neither a file nor a folder")]
    Irregular {
        /// The entry.
        entry: String,
    },
    /// More comes out of it than allowed.
    #[error("decompressed chart is larger than the maximum size {limit}")]
    TooLarge {
        /// The limit in bytes.
        limit: u64,
    },
    /// One file is larger than allowed.
    #[error("decompressed chart file {entry:?} is larger than the maximum file size {limit}")]
    FileTooLarge {
        /// The entry.
        entry: String,
        /// The limit in bytes.
        limit: u64,
    },
    /// It has more entries than allowed.
    #[error("the archive has more than {limit} entries")]
    TooManyEntries {
        /// The limit.
        limit: usize,
    },
}

/// What a file that is no archive seems to be: each is a frequent slip.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Looks {
    /// A tar that is not compressed.
    Tar,
    /// YAML.
    Yaml,
    /// None of these.
    Unknown,
}

/// What Helm says of a file that is no archive: it goes by the name.
fn not_gzip(path: &str) -> &'static str {
    let extension = std::path::Path::new(path).extension();
    if extension.is_some_and(|extension| extension == "yaml" || extension == "yml") {
        "seems to be a YAML file, but expected a gzipped archive"
    } else {
        "does not appear to be a gzipped archive"
    }
}

impl ChartError {
    /// The error of an archive that was read as bytes, under its name.
    pub fn of_archive(self, name: &str) -> Self {
        match self {
            ChartError::NotAnArchive { looks_like, .. } => {
                ChartError::NotAnArchive { path: name.to_string(), looks_like }
            }
            ChartError::Archive { problem, .. } => ChartError::Archive { archive: name.to_string(), problem },
            other => other,
        }
    }
}

impl Hint for ChartError {
    fn hints(&self) -> Vec<String> {
        let one = |text: &str| vec![text.to_string()];
        match self {
            ChartError::Fs(FsError::TooLarge { .. })
            | ChartError::TooLarge { .. }
            | ChartError::Archive {
                problem: ArchiveProblem::TooLarge { .. } | ArchiveProblem::FileTooLarge { .. },
                ..
            } => one(
                "if the chart is trusted, --max-chart-size allows more; large files do not belong into a chart",
            ),
            ChartError::TooManyFiles { .. }
            | ChartError::Archive { problem: ArchiveProblem::TooManyEntries { .. }, .. } => one(
                "if the chart is trusted, --max-chart-files allows more; .helmignore leaves out what is no part of it",
            ),
            ChartError::Fs(error) => error.hints(),
            ChartError::Subchart { cause, .. } => cause.hints(),
            ChartError::Document { diagnostic, .. }
            | ChartError::Invalid(diagnostic)
            | ChartError::ApiVersion(diagnostic)
            | ChartError::Ignore(diagnostic) => diagnostic.hints(),
            ChartError::NotFound { .. } | ChartError::Absent { .. } => {
                one("check the path; it is looked up from the folder that the command was started in")
            }
            ChartError::NoStarter { .. } => one(
                "a starter is looked up by its name in that folder; an absolute path leads to any other chart",
            ),
            ChartError::NoChartYaml { chart } => vec![format!(
                "a chart is a folder with a Chart.yaml in it, and {chart} has none; check the path, or make a chart with \
                 `create`"
            )],
            ChartError::NotAnArchive { looks_like: Looks::Yaml, .. } => {
                one("this looks like YAML; give the chart first and values files with -f")
            }
            ChartError::NotAnArchive { looks_like: Looks::Tar, path } => vec![format!(
                "{path} is a tar that is not compressed: compress it with gzip, or make the archive with `package`"
            )],
            ChartError::Archive { problem: ArchiveProblem::Gzip(GzipError::Truncated), .. }
            | ChartError::Archive { problem: ArchiveProblem::CutOff { .. }, .. } => {
                one("the file is incomplete; fetch it again")
            }
            ChartError::NotAnArchive { .. } => one(
                "a chart is a folder or a .tgz file; was an error page saved in its place? Fetch it again, or make the \
                 archive with `package`",
            ),
            ChartError::Archive {
                problem: ArchiveProblem::Absolute { .. } | ArchiveProblem::Parent { .. },
                ..
            } => one(
                "nothing was unpacked; such an archive may be meant to overwrite files: ask where it comes from, or make \
                 it again with `package`",
            ),
            ChartError::Archive { problem: ArchiveProblem::Empty, .. } => {
                one("make the archive with `package`")
            }
            ChartError::Archive { problem: ArchiveProblem::ChartYamlAtTop, .. } => {
                one("the files of a chart archive lie in one folder; make the archive with `package`")
            }
            _ => Vec::new(),
        }
    }

    fn diagnostic(&self) -> Option<&Diagnostic> {
        match self {
            ChartError::Document { diagnostic, .. }
            | ChartError::Invalid(diagnostic)
            | ChartError::ApiVersion(diagnostic)
            | ChartError::Ignore(diagnostic) => Some(diagnostic),
            ChartError::Subchart { cause, .. } => cause.diagnostic(),
            _ => None,
        }
    }
}
