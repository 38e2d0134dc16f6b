//! What can be wrong with a YAML text, in Go's words and with the exact place.
//!
//! Invariant: `{}` is the text that Helm prints for the same document; place and advice travel in the diagnostic.

use std::fmt;
use std::sync::Arc;

use crate::diag::{Diagnostic, Hint, SourceFile, Span};

/// On which of the ways between text, JSON and types an error was met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Stage {
    /// From YAML to JSON: the syntax, tags, aliases, keys.
    Convert,
    /// From JSON to a type: a field of another type, an unknown field.
    Unmarshal,
    /// From a value to JSON.
    Marshal,
    /// From JSON to YAML, which Helm does by reading the JSON as YAML.
    Write,
}

impl Stage {
    fn prefix(self) -> &'static str {
        match self {
            Stage::Convert => "error converting YAML to JSON: ",
            Stage::Unmarshal => "error unmarshaling JSON: while decoding JSON: ",
            Stage::Marshal => "error marshaling into JSON: ",
            Stage::Write => "",
        }
    }
}

/// An error of a YAML text or of a value that YAML cannot say.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{}{}", .0.stage.prefix(), .0.text)]
pub struct YamlError(Box<Inner>);

#[derive(Debug, Clone)]
struct Inner {
    stage: Stage,
    text: String,
    span: Option<Span>,
    diagnostic: Diagnostic,
}

impl YamlError {
    pub(super) fn new(stage: Stage, text: impl Into<String>, span: Option<Span>) -> Self {
        let text = text.into();
        let diagnostic = Diagnostic::error(message_of(&text));
        YamlError(Box::new(Inner { stage, text, span, diagnostic }))
    }

    /// An error of the YAML itself: `yaml: ` and the text.
    pub(super) fn yaml(text: impl fmt::Display, span: Span) -> Self {
        Self::new(Stage::Convert, format!("yaml: {text}"), Some(span))
    }

    /// Where the error was met.
    pub fn stage(&self) -> Stage {
        self.0.stage
    }

    /// Go's text without the prefix that names the stage: `yaml: line 3: mapping values are not allowed in this context`.
    pub fn go_text(&self) -> &str {
        &self.0.text
    }

    /// The bytes at fault, when the error stems from a text.
    pub fn span(&self) -> Option<Span> {
        self.0.span
    }

    /// Names the file that the span points into, and looks there for the likely cause.
    ///
    /// The functions that take a [`SourceFile`] have done so; it is for errors of [`super::Node::to_value`].
    #[must_use]
    pub fn in_file(mut self, file: &Arc<SourceFile>) -> Self {
        if let (Some(span), None) = (self.0.span, &self.0.diagnostic.at) {
            let hint = super::hints::hint(&self.0.text, file.text(), span);
            let diagnostic = std::mem::replace(&mut self.0.diagnostic, Diagnostic::error("")).at(file, span);
            self.0.diagnostic = match hint {
                Some(hint) => diagnostic.hint(hint),
                None => diagnostic,
            };
        }
        self
    }

    /// Adds advice.
    #[must_use]
    pub(super) fn advise(mut self, hint: impl Into<String>) -> Self {
        self.0.diagnostic.hints.push(hint.into());
        self
    }
}

/// The text without what the diagnostic shows elsewhere: the library's name and the line.
fn message_of(text: &str) -> &str {
    let text = text.strip_prefix("yaml: ").unwrap_or(text);
    let text = text.strip_prefix("unmarshal errors:\n  ").unwrap_or(text);
    match text.strip_prefix("line ").and_then(|rest| rest.split_once(": ")) {
        Some((number, rest)) if number.bytes().all(|byte| byte.is_ascii_digit()) => rest,
        _ => text,
    }
}

impl Hint for YamlError {
    fn hints(&self) -> Vec<String> {
        self.0.diagnostic.hints.clone()
    }

    fn diagnostic(&self) -> Option<&Diagnostic> {
        Some(&self.0.diagnostic)
    }
}
