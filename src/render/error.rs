//! What can go wrong while rendering.
//!
//! Invariant: an error that stems from a template names the author's file, line and column, whatever the engine did to
//! the text before it ran it.

use std::sync::Arc;

use super::{EngineKind, language};
use crate::diag::{Diagnostic, Hint};

/// One template that could not be rendered.
#[derive(Debug, Clone)]
pub struct TemplateFailure {
    /// What Helm would print for it, or `file:line:column: message` where Helm has no such error.
    pub text: String,
    /// The same with the place, the way to it and advice.
    pub diagnostic: Diagnostic,
    /// The value that was being read, as keys from the root chart's values, when the template says so.
    pub value: Option<ValueRead>,
}

/// A chain of fields below `.Values` that a template failed at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValueRead {
    /// The keys from the root chart's values on, with the names of subcharts first.
    pub keys: Vec<String>,
    /// How many of them are names of subcharts, which the template does not write.
    pub subcharts: usize,
}

impl ValueRead {
    /// The first `count` keys as the template writes them: `.Values.a.b`.
    pub fn shown(&self, count: usize) -> String {
        let keys = self.keys.get(self.subcharts..count.max(self.subcharts)).unwrap_or_default();
        keys.iter().fold(".Values".to_string(), |text, key| text + "." + key)
    }
}

impl TemplateFailure {
    /// Says so where the template looks as if it were written in the other language; no other advice counts then.
    #[must_use]
    pub fn read_as(mut self, kind: EngineKind) -> Self {
        let file = self.diagnostic.at.as_ref().map(|at| &at.file);
        if let Some(advice) = file.and_then(|file| language::advice(kind, file.text())) {
            self.diagnostic.hints = vec![advice];
        }
        self
    }
}

impl From<Diagnostic> for TemplateFailure {
    fn from(diagnostic: Diagnostic) -> Self {
        TemplateFailure { text: diagnostic.to_string(), diagnostic, value: None }
    }
}

/// Why a chart could not be rendered.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RenderError {
    /// Templates failed; all those of one run, in the order of execution, at least one. The text is that of the first,
    /// where Helm stops.
    #[error("{}", .0.first().map_or("", |failure| &failure.text))]
    Templates(Vec<TemplateFailure>),
    /// A template is written in a language that this build does not render.
    #[error("{file}: templates of engine \"{engine}\" cannot be rendered")]
    Unsupported {
        /// The engine's name in Chart.yaml.
        engine: String,
        /// The Chart.yaml that asks for it.
        file: Arc<str>,
    },
    /// `--kube-version` is not a version.
    #[error("invalid kube version '{version}': {reason}")]
    KubeVersion {
        /// What was given.
        version: String,
        /// Helm's text.
        reason: String,
    },
    /// The operating system's randomness cannot be read.
    #[error("cannot read random bytes: {0}")]
    Random(#[source] std::io::Error),
    /// The engine itself broke down; a bug here or in a library below.
    #[error("the {engine} engine failed: {message}")]
    Engine {
        /// The engine's name in Chart.yaml.
        engine: &'static str,
        /// What it said.
        message: String,
    },
}

impl RenderError {
    /// The failed templates, when that is what went wrong.
    pub fn failures(&self) -> &[TemplateFailure] {
        match self {
            RenderError::Templates(failures) => failures,
            _ => &[],
        }
    }
}

impl From<Diagnostic> for RenderError {
    fn from(diagnostic: Diagnostic) -> Self {
        RenderError::Templates(vec![diagnostic.into()])
    }
}

impl Hint for RenderError {
    fn hints(&self) -> Vec<String> {
        match self {
            RenderError::Templates(failures) => {
                failures.first().map(|failure| failure.diagnostic.hints.clone()).unwrap_or_default()
            }
            RenderError::KubeVersion { .. } => {
                vec!["a version of Kubernetes is written as 1.34 or v1.34.2".to_string()]
            }
            RenderError::Unsupported { .. } => {
                vec!["Chart.yaml's `engine` is `gotpl` or `tera`".to_string()]
            }
            _ => Vec::new(),
        }
    }

    fn diagnostic(&self) -> Option<&Diagnostic> {
        self.failures().first().map(|failure| &failure.diagnostic)
    }

    fn others(&self) -> Vec<&Diagnostic> {
        self.failures().iter().skip(1).map(|failure| &failure.diagnostic).collect()
    }
}
