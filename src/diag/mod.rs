//! Diagnostics: where in which text something went wrong, and how to go on.
//!
//! Every error that stems from a text (a template, a values file, a Chart.yaml, a `--set` argument) carries a
//! [`Diagnostic`]. Its `Display` has two forms: `{}` is one line, for logs and comparison with Helm; `{:#}` adds the
//! excerpt, the trace and the hints, without colour (the `cli` module colours the parts itself).
//!
//! Invariant: this module knows nothing of charts, and formats nothing that it was not given.

mod excerpt;
mod source;
mod suggest;

use std::fmt;
use std::sync::Arc;

pub use excerpt::Excerpt;
pub use source::{Damage, Position, SourceFile, Span};
pub use suggest::{did_you_mean, list, plural};

/// How bad a finding is. Ordered from harmless to fatal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Worth knowing; never changes an exit code.
    Info,
    /// Probably a mistake; fails only where the user asked for strictness.
    Warning,
    /// What was asked for cannot be done.
    Error,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Severity::Info => "info",
            Severity::Warning => "warning",
            Severity::Error => "error",
        })
    }
}

/// A place in a text: the file and the bytes in it.
#[derive(Debug, Clone)]
pub struct Location {
    /// The text that the span points into.
    pub file: Arc<SourceFile>,
    /// Byte range in `file`.
    pub span: Span,
}

impl Location {
    /// Line and column (both from 1) of the first byte of the span.
    pub fn position(&self) -> Position {
        self.file.position(self.span.start)
    }
}

impl fmt::Display for Location {
    /// `name:line:column`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = self.position();
        write!(f, "{}:{}:{}", self.file.name(), at.line, at.column)
    }
}

/// One step on the way to an error: an `include`, a `tpl`, an import.
#[derive(Debug, Clone)]
pub struct Frame {
    /// What was being done, such as `include "app.labels"`.
    pub what: String,
    /// Where it was asked for.
    pub at: Option<Location>,
}

/// A second text that has to do with an error, such as the rendered text of a template.
#[derive(Debug, Clone)]
pub struct Related {
    /// What the text is, such as `rendered line 5`.
    pub what: String,
    /// The place in it.
    pub at: Location,
}

/// An error or finding with its place, the way to it, and advice.
#[derive(Debug, Clone)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// What happened, in one sentence without a trailing full stop and without the place.
    pub message: String,
    /// Where, when there is a text to point at.
    pub at: Option<Location>,
    /// How execution got there, innermost call first.
    pub trace: Vec<Frame>,
    /// The same place in other texts.
    pub related: Vec<Related>,
    /// Facts that help: the value that was nil, where the nearest key is set.
    pub notes: Vec<String>,
    /// What to do about it, each an imperative sentence.
    pub hints: Vec<String>,
}

impl Diagnostic {
    /// An error with a message and nothing else.
    pub fn error(message: impl Into<String>) -> Self {
        Self::new(Severity::Error, message)
    }

    /// A warning with a message and nothing else.
    pub fn warning(message: impl Into<String>) -> Self {
        Self::new(Severity::Warning, message)
    }

    /// A finding of the given severity with a message and nothing else.
    pub fn new(severity: Severity, message: impl Into<String>) -> Self {
        Diagnostic {
            severity,
            message: message.into(),
            at: None,
            trace: Vec::new(),
            related: Vec::new(),
            notes: Vec::new(),
            hints: Vec::new(),
        }
    }

    /// Adds the place.
    #[must_use]
    pub fn at(mut self, file: &Arc<SourceFile>, span: Span) -> Self {
        self.at = Some(Location { file: Arc::clone(file), span });
        self
    }

    /// Adds one outer step of the trace.
    #[must_use]
    pub fn frame(mut self, what: impl Into<String>, at: Option<Location>) -> Self {
        self.trace.push(Frame { what: what.into(), at });
        self
    }

    /// Adds the same place in another text.
    #[must_use]
    pub fn related(mut self, what: impl Into<String>, at: Location) -> Self {
        self.related.push(Related { what: what.into(), at });
        self
    }

    /// Adds a fact.
    #[must_use]
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }

    /// Adds advice.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// Adds `did you mean …?` when a candidate is close to `word`.
    #[must_use]
    pub fn suggest<'a>(self, word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Self {
        match did_you_mean(word, candidates) {
            Some(best) => self.hint(format!("did you mean `{best}`?")),
            None => self,
        }
    }
}

impl fmt::Display for Diagnostic {
    /// `{}`: `file:line:column: message`. `{:#}`: the same, then excerpt, trace, notes and hints, a line each.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(at) = &self.at {
            write!(f, "{at}: ")?;
        }
        f.write_str(&self.message)?;
        if !f.alternate() {
            return Ok(());
        }
        if let Some(at) = &self.at {
            write!(f, "\n{}", Excerpt::new(at))?;
        }
        for frame in &self.trace {
            match &frame.at {
                Some(at) => write!(f, "\n  in {} at {at}", frame.what)?,
                None => write!(f, "\n  in {}", frame.what)?,
            }
        }
        for related in &self.related {
            write!(f, "\n{}:\n{}", related.what, Excerpt::new(&related.at))?;
        }
        for note in &self.notes {
            write!(f, "\nnote: {note}")?;
        }
        for hint in &self.hints {
            write!(f, "\nhint: {hint}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Diagnostic {}

/// Advice that travels beside an error, never inside its text.
///
/// Every public error enum of the library implements it; `cli` prints each line as `hint: …` after the chain of causes.
pub trait Hint {
    /// The lines of advice, most useful first; empty when there is none.
    fn hints(&self) -> Vec<String> {
        Vec::new()
    }

    /// The diagnostic with the place, when the error stems from a text.
    fn diagnostic(&self) -> Option<&Diagnostic> {
        None
    }

    /// What else went wrong beside the first error, which the text and [`Hint::diagnostic`] tell.
    fn others(&self) -> Vec<&Diagnostic> {
        Vec::new()
    }
}

impl Hint for Diagnostic {
    fn hints(&self) -> Vec<String> {
        self.hints.clone()
    }

    fn diagnostic(&self) -> Option<&Diagnostic> {
        Some(self)
    }
}
