//! Why a chart could not be packaged.

use super::provenance::ProvenanceError;
use crate::chart::ChartError;
use crate::diag::{Diagnostic, Hint};
use crate::sys::fs::FsError;

/// Why a chart could not be packaged.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PackageError {
    /// The version asked for is none.
    #[error("invalid semantic version")]
    Version {
        /// The version as given.
        version: String,
    },
    /// Chart.yaml asks for charts that are not below charts/.
    #[error("found in Chart.yaml, but missing in charts/ directory: {}", names.join(", "))]
    MissingDependencies {
        /// Their names.
        names: Vec<String>,
    },
    /// values.schema.json is no JSON.
    #[error("invalid JSON in values.schema.json of chart {chart}: {reason}")]
    Schema {
        /// Name of the chart.
        chart: String,
        /// What the JSON reader found.
        reason: String,
    },
    /// The archive cannot be made of the chart's files.
    #[error(transparent)]
    Chart(#[from] ChartError),
    /// The archive cannot be signed, or is not trusted.
    #[error(transparent)]
    Provenance(#[from] ProvenanceError),
    /// The archive cannot be written.
    #[error(transparent)]
    Fs(#[from] FsError),
}

impl Hint for PackageError {
    fn hints(&self) -> Vec<String> {
        match self {
            PackageError::Version { version } => {
                vec![format!("{version:?} is no semantic version; give one such as 1.2.3")]
            }
            PackageError::MissingDependencies { .. } => {
                vec!["run `dependency build` to fetch the missing charts".to_string()]
            }
            PackageError::Schema { .. } => Vec::new(),
            PackageError::Chart(error) => error.hints(),
            PackageError::Provenance(error) => error.hints(),
            PackageError::Fs(error) => error.hints(),
        }
    }

    fn diagnostic(&self) -> Option<&Diagnostic> {
        match self {
            PackageError::Chart(error) => error.diagnostic(),
            _ => None,
        }
    }
}
