//! JSON as Go's `encoding/json` reads and writes it.
//!
//! Helm's release records, `toJson` and several messages show this text, so keys are sorted by bytes, `<`, `>` and `&` are
//! escaped, floats have Go's notation, and syntax errors have Go's words.
//!
//! Invariants: what [`to_string`] writes, [`parse`] reads back as the same value (a float without a fraction comes back as an
//! integer); reading is bounded in depth.

pub mod number;
mod read;
mod write;

use std::sync::Arc;

pub use read::{DEPTH, parse, parse_bytes, parse_file, parse_prefix};
pub(crate) use write::quoted_width;
pub use write::{Style, quoted, to_string, to_string_with};

use crate::diag::{Diagnostic, Hint, SourceFile, Span};

/// What can be wrong with a JSON text, or with a value that is to become one.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum JsonError {
    /// The text is no JSON. The message is Go's, such as `invalid character 'x' looking for beginning of value`.
    #[error("{message}")]
    Syntax {
        /// Go's message.
        message: String,
        /// The byte at fault; the length of the text when it ends too early.
        offset: usize,
        /// The place, when the text has a name.
        diagnostic: Option<Box<Diagnostic>>,
    },
    /// A number that JSON cannot say: `NaN`, `+Inf`, `-Inf`.
    #[error("json: unsupported value: {number}")]
    UnsupportedValue {
        /// The number as Go prints it.
        number: String,
    },
}

impl JsonError {
    pub(crate) fn syntax(message: impl Into<String>, offset: usize) -> Self {
        JsonError::Syntax { message: message.into(), offset, diagnostic: None }
    }

    /// Names the file of a syntax error.
    #[must_use]
    pub fn in_file(self, file: &Arc<SourceFile>) -> Self {
        match self {
            JsonError::Syntax { message, offset, diagnostic: None } => {
                let end =
                    file.text().get(offset..).and_then(|rest| rest.chars().next()).map_or(0, char::len_utf8);
                let span = Span::new(offset, offset + end);
                let diagnostic = Some(Box::new(Diagnostic::error(message.clone()).at(file, span)));
                JsonError::Syntax { message, offset, diagnostic }
            }
            other => other,
        }
    }
}

impl Hint for JsonError {
    fn hints(&self) -> Vec<String> {
        match self {
            JsonError::UnsupportedValue { .. } => vec!["use a number, or the name as text in quotes".into()],
            JsonError::Syntax { .. } => Vec::new(),
        }
    }

    fn diagnostic(&self) -> Option<&Diagnostic> {
        match self {
            JsonError::Syntax { diagnostic, .. } => diagnostic.as_deref(),
            JsonError::UnsupportedValue { .. } => None,
        }
    }
}
