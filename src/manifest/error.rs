//! What can be wrong with rendered text and with names.
//!
//! Invariant: the one-line texts are Helm's; place and advice are in the diagnostic.

use crate::diag::{Diagnostic, Hint};

/// An error of a manifest or of a name.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum ManifestError {
    /// A document is not YAML, or not an object.
    #[error("YAML parse error on {path}: {reason}")]
    Document {
        /// The template that wrote it.
        path: String,
        /// What is wrong, in Helm's words.
        reason: String,
        /// Where in the rendered text.
        diagnostic: Box<Diagnostic>,
        /// The other documents that cannot be read.
        others: Vec<Diagnostic>,
    },
    /// No name was given for a release.
    #[error("release name \"\": no name provided")]
    NoReleaseName,
    /// A release cannot be called that.
    #[error(
        "release name {name:?}: invalid release name, must match regex {} and the length must not be longer than {}",
        super::name::RELEASE_PATTERN,
        super::name::LONGEST_RELEASE
    )]
    ReleaseName {
        /// The name.
        name: String,
    },
    /// The name of a chart is empty or too long.
    #[error("chart name must be between 1 and {} characters", super::name::LONGEST_CHART)]
    ChartNameLength,
    /// The name of a chart has characters it must not have.
    #[error("chart name must match the regular expression {:?}", super::name::CHART_PATTERN)]
    ChartName {
        /// The name.
        name: String,
    },
}

impl ManifestError {
    /// This error, with those of other documents beside it.
    #[must_use]
    pub(super) fn and(mut self, more: impl Iterator<Item = ManifestError>) -> Self {
        if let ManifestError::Document { others, .. } = &mut self {
            others.extend(more.filter_map(|error| error.diagnostic().cloned()));
        }
        self
    }
}

impl Hint for ManifestError {
    fn hints(&self) -> Vec<String> {
        match self {
            ManifestError::NoReleaseName => {
                vec!["give the release a name, or let one be made with --generate-name".to_string()]
            }
            ManifestError::ReleaseName { name } => super::name::suggestion(name)
                .map(|better| format!("`{better}` would be a valid name"))
                .into_iter()
                .collect(),
            _ => self.diagnostic().map(|diagnostic| diagnostic.hints.clone()).unwrap_or_default(),
        }
    }

    fn diagnostic(&self) -> Option<&Diagnostic> {
        match self {
            ManifestError::Document { diagnostic, .. } => Some(diagnostic),
            _ => None,
        }
    }

    fn others(&self) -> Vec<&Diagnostic> {
        match self {
            ManifestError::Document { others, .. } => others.iter().collect(),
            _ => Vec::new(),
        }
    }
}
