//! Errors of templates: when they are read, when they run, and in the functions they call.
//!
//! Invariant: `Display` is Go's one line, to the byte; everything else is structure beside it.

use std::fmt;
use std::sync::Arc;

use crate::diag::{Diagnostic, Hint, Location, SourceFile, Span};

use super::gostr::GoStr;
use super::quote::quote;

/// Why a function could not give a value.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum FuncError {
    /// The function returned a Go error.
    Message(GoStr),
    /// The Go function panicked (`runtime error: …`, `strings: negative Repeat count`); same text form, kept apart so
    /// that a caller can word it differently.
    Panic(GoStr),
    /// A chart stops on purpose (`fail`, `required`): the text is the author's.
    Stop(GoStr),
    /// A template that the function executed failed. `text` is the error text of the function as Go would print it.
    Nested {
        /// Text of the error as the function returns it.
        text: GoStr,
        /// The error inside.
        source: Box<TemplateError>,
    },
    /// Not an error of the function but of its use, told without `error calling …`: `can't call method/function …`.
    Language(GoStr),
    /// A limit of the execution was reached; never caught by functions.
    Limit(Limit),
}

impl FuncError {
    /// An ordinary error.
    pub fn new(text: impl Into<GoStr>) -> Self {
        FuncError::Message(text.into())
    }

    /// A Go panic.
    pub fn panic(text: impl Into<GoStr>) -> Self {
        FuncError::Panic(text.into())
    }

    /// For a body whose arguments do not have the declared types, which the evaluator rules out.
    pub fn arguments(name: &str) -> Self {
        FuncError::Panic(format!("{name}: arguments do not fit the signature").into())
    }

    /// The text of the error, without the name of the function.
    pub fn text(&self) -> GoStr {
        match self {
            FuncError::Message(text)
            | FuncError::Panic(text)
            | FuncError::Stop(text)
            | FuncError::Language(text)
            | FuncError::Nested { text, .. } => text.clone(),
            FuncError::Limit(limit) => limit.to_string().into(),
        }
    }
}

impl fmt::Display for FuncError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.text().fmt(f)
    }
}

impl std::error::Error for FuncError {}

impl From<Limit> for FuncError {
    fn from(limit: Limit) -> Self {
        FuncError::Limit(limit)
    }
}

/// A bound of the execution that a template reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Limit {
    /// More steps than allowed.
    Steps(u64),
    /// More output bytes than allowed.
    Output(usize),
    /// Templates, includes or parentheses nested deeper than allowed.
    Depth(usize),
    /// A single value (a padded string, a list) larger than allowed.
    Size(usize),
    /// A value that is to be written out or gone through has more parts than allowed; lists and maps that it holds twice
    /// count twice.
    Parts(usize),
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Limit::Steps(max) => write!(f, "execution exceeded {max} steps"),
            Limit::Output(max) => write!(f, "output exceeded {max} bytes"),
            Limit::Depth(max) => write!(f, "exceeded maximum template depth ({max})"),
            Limit::Size(max) => write!(f, "a value exceeded {max} bytes"),
            Limit::Parts(max) => write!(f, "a value exceeded {max} parts"),
        }
    }
}

/// A template that cannot be read.
#[derive(Debug, Clone)]
pub struct ParseError {
    /// Name of the template whose text it is: Go prints it.
    pub template: Arc<str>,
    /// The text.
    pub file: Arc<SourceFile>,
    /// Where in it; Go itself only tells the line.
    pub span: Span,
    /// Line from 1 as Go reports it (that of the token last read).
    pub line: u32,
    /// What is wrong, without the place: `unexpected "}" in operand`.
    pub message: String,
    /// Advice, such as a function name that is close.
    pub hints: Vec<String>,
    /// The same as a diagnostic.
    diagnostic: Box<Diagnostic>,
}

impl ParseError {
    pub(crate) fn new(
        template: Arc<str>,
        file: Arc<SourceFile>,
        span: Span,
        line: u32,
        message: String,
        hints: Vec<String>,
    ) -> Self {
        let mut diagnostic = Diagnostic::error(message.clone()).at(&file, span);
        diagnostic.hints.clone_from(&hints);
        ParseError { template, file, span, line, message, hints, diagnostic: Box::new(diagnostic) }
    }
}

impl fmt::Display for ParseError {
    /// `template: name:line: message`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "template: {}:{}: {}", self.template, self.line, self.message)
    }
}

impl std::error::Error for ParseError {}

impl Hint for ParseError {
    fn hints(&self) -> Vec<String> {
        self.hints.clone()
    }

    fn diagnostic(&self) -> Option<&Diagnostic> {
        Some(&self.diagnostic)
    }
}

/// What kind of failure stopped an execution.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum ExecErrorKind {
    /// The language itself: nil pointers, wrong types, undefined templates.
    Language,
    /// A function or method returned an error.
    Call {
        /// Its name.
        function: Arc<str>,
        /// The error it returned.
        cause: FuncError,
    },
    /// A limit was reached.
    Limit(Limit),
}

/// A template that failed while it ran.
#[derive(Debug, Clone)]
pub struct ExecError {
    /// What kind of failure.
    pub kind: ExecErrorKind,
    /// Name of the template that was executed (a `define` name, or that of the file).
    pub template: Arc<str>,
    /// Name that the position is given in: that of the file's template.
    pub file_name: Arc<str>,
    /// The text that the place is in; `None` when the template to execute does not exist.
    pub file: Option<Arc<SourceFile>>,
    /// The node that was being evaluated.
    pub span: Span,
    /// Line from 1.
    pub line: u32,
    /// Byte column from 0.
    pub column: u32,
    /// The node as Go prints it: `.Values.a.b`.
    pub context: GoStr,
    /// What went wrong, without the place: `nil pointer evaluating interface {}.b`.
    pub message: GoStr,
    /// `{{ template }}` calls that led here, innermost first.
    pub trace: Vec<TraceStep>,
    /// Words for a did-you-mean: the keys or names that do exist, and the one asked for.
    pub lookup: Option<Lookup>,
}

/// A name that was not found, and where it was looked for.
#[derive(Debug, Clone)]
pub struct Lookup {
    /// The name asked for.
    pub wanted: GoStr,
    /// The closest name that exists.
    pub closest: Option<String>,
}

/// One template call on the way to an error.
#[derive(Debug, Clone)]
pub struct TraceStep {
    /// Name of the template that was called.
    pub called: Arc<str>,
    /// Where.
    pub at: Location,
}

impl ExecError {
    /// Go's one line, in bytes: `template: name:line:col: executing "t" at <ctx>: message`.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut line = Vec::new();
        line.extend_from_slice(b"template: ");
        if self.file.is_some() {
            let place = format!(
                "{}:{}:{}: executing {} at <",
                self.file_name,
                self.line,
                self.column,
                quote(self.template.as_bytes())
            );
            line.extend_from_slice(place.as_bytes());
            line.extend_from_slice(self.context.as_bytes());
            line.extend_from_slice(b">: ");
        }
        line.extend_from_slice(self.message.as_bytes());
        line
    }

    /// The error returned by a function, if that is what happened.
    pub fn cause(&self) -> Option<&FuncError> {
        match &self.kind {
            ExecErrorKind::Call { cause, .. } => Some(cause),
            _ => None,
        }
    }

    /// The error as a diagnostic with the calls that led to it, innermost first, through `include` and `tpl` too.
    pub fn to_diagnostic(&self) -> Diagnostic {
        let mut steps = Vec::new();
        let mut innermost = self;
        loop {
            steps.push(innermost);
            match innermost.cause() {
                Some(FuncError::Nested { source, .. }) => match &**source {
                    TemplateError::Exec(inner) => innermost = inner,
                    TemplateError::Parse(parse) => {
                        let base = parse.diagnostic().cloned();
                        return add_trace(base.unwrap_or_else(|| Diagnostic::error(&*parse.message)), &steps);
                    }
                },
                _ => break,
            }
        }
        let message = match innermost.cause() {
            Some(FuncError::Stop(text)) => text.to_string(),
            _ => innermost.message.to_string(),
        };
        let mut diagnostic = Diagnostic::error(message);
        if let Some(file) = &innermost.file {
            diagnostic = diagnostic.at(file, innermost.span);
        }
        if let Some(closest) = innermost.lookup.as_ref().and_then(|lookup| lookup.closest.as_ref()) {
            diagnostic = diagnostic.hint(format!("did you mean `{closest}`?"));
        }
        for step in &innermost.trace {
            diagnostic = diagnostic
                .frame(format!("template {}", quote(step.called.as_bytes())), Some(step.at.clone()));
        }
        steps.pop();
        add_trace(diagnostic, &steps)
    }
}

/// Adds the outer calls, which `steps` holds outermost first.
fn add_trace(mut diagnostic: Diagnostic, steps: &[&ExecError]) -> Diagnostic {
    for step in steps.iter().rev() {
        let at = step.file.as_ref().map(|file| Location { file: Arc::clone(file), span: step.span });
        diagnostic = diagnostic.frame(step.context.to_string(), at);
        for outer in &step.trace {
            diagnostic = diagnostic
                .frame(format!("template {}", quote(outer.called.as_bytes())), Some(outer.at.clone()));
        }
    }
    diagnostic
}

impl fmt::Display for ExecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.to_bytes()))
    }
}

impl std::error::Error for ExecError {}

/// Either failure, for callers that parse and execute in one go.
#[derive(Debug, Clone, thiserror::Error)]
pub enum TemplateError {
    /// The text is not a template.
    #[error(transparent)]
    Parse(#[from] ParseError),
    /// The template failed.
    #[error(transparent)]
    Exec(#[from] ExecError),
}
