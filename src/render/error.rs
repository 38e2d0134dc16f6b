//! What can go wrong while rendering.
//!
//! Invariant: an error that stems from a template names the author's file, line and column, whatever the engine did to
//! the text before it ran it.

use std::fmt;
use std::sync::Arc;

use crate::diag::{Diagnostic, Hint};

/// One template that could not be rendered.
#[derive(Debug, Clone)]
pub struct TemplateFailure {
    /// What Helm would print for it, or `file:line:column: message` where Helm has no such error.
    pub text: String,
    /// The same with the place, the way to it and advice.
    pub diagnostic: Diagnostic,
}

impl From<Diagnostic> for TemplateFailure {
    fn from(diagnostic: Diagnostic) -> Self {
        TemplateFailure { text: diagnostic.to_string(), diagnostic }
    }
}

/// Why a chart could not be rendered.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RenderError {
    /// Templates failed; all those of one run, in the order of execution, at least one.
    #[error("{}", Joined(.0))]
    Templates(Vec<TemplateFailure>),
    /// A template is written in a language that this build does not render.
    #[error("{file}: templates of engine \"{engine}\" cannot be rendered")]
    Unsupported {
        /// The engine's name in Chart.yaml.
        engine: String,
        /// The first such template.
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

struct Joined<'a>(&'a [TemplateFailure]);

impl fmt::Display for Joined<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, failure) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            f.write_str(&failure.text)?;
        }
        Ok(())
    }
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
                failures.iter().flat_map(|failure| failure.diagnostic.hints.iter().cloned()).collect()
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
}
