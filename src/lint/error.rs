//! Why a chart could not be checked at all. The texts are Helm's.

use crate::chart::ChartError;
use crate::diag::{Diagnostic, Hint};

/// An error of lint.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LintError {
    /// There is no Chart.yaml.
    #[error("unable to check Chart.yaml file in chart: stat {path}/Chart.yaml: {reason}")]
    NoChartYaml {
        /// The path as given.
        path: String,
        /// The system's words.
        reason: &'static str,
    },
    /// The archive cannot be read.
    #[error("unable to extract tarball: {0}")]
    Archive(ChartError),
}

impl Hint for LintError {
    fn hints(&self) -> Vec<String> {
        match self {
            LintError::NoChartYaml { .. } => {
                vec!["a chart is a folder with a Chart.yaml in it, or an archive of one".to_string()]
            }
            LintError::Archive(error) => error.hints(),
        }
    }

    fn diagnostic(&self) -> Option<&Diagnostic> {
        match self {
            LintError::NoChartYaml { .. } => None,
            LintError::Archive(error) => error.diagnostic(),
        }
    }
}
