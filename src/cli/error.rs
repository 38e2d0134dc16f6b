//! Why a command ends other than well, and the one table of exit codes.
//!
//! Any error of the library becomes a [`Failure`] by `?`: its text, the causes that the text does not tell yet, the
//! place in a text, and the advice stay apart until `report` prints them.
//!
//! Invariant: a failure carries no colour and no line that belongs to one output format.

use std::error::Error;

use crate::data::{Map, to_value};
use crate::diag::{Diagnostic, Hint};
use crate::ops::OpsError;
use crate::release::ReleaseError;

/// How the process ends. Started under the name `helm`, every number but 0 becomes 1, as Helm knows no other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// What was asked for is done.
    Done,
    /// It is not.
    Failed,
    /// Done, and there are differences: the answer of commands that compare.
    Differences,
    /// Another process that is alive holds the release.
    Locked,
    /// The signature of an archive is missing or not valid.
    Unverified,
    /// Interrupted by Ctrl-C or SIGTERM.
    Interrupted,
}

/// Every exit code with its number and meaning, for the reference text.
pub const EXIT_CODES: &[(Exit, u8, &str)] = &[
    (Exit::Done, 0, "What was asked for is done."),
    (Exit::Failed, 1, "It is not: every error that has no number of its own."),
    (Exit::Differences, 2, "Commands that compare found differences."),
    (Exit::Locked, 5, "Another process that is alive holds the release, or was faster."),
    (Exit::Unverified, 7, "The signature of an archive is missing, or no trusted and valid key made it."),
    (Exit::Interrupted, 130, "Interrupted by Ctrl-C or SIGTERM."),
];

impl Exit {
    /// The number for the operating system.
    pub fn code(self, as_helm: bool) -> u8 {
        let code = EXIT_CODES.iter().find(|(exit, ..)| *exit == self).map_or(1, |(_, code, _)| *code);
        if as_helm { code.min(1) } else { code }
    }
}

/// What a command returns.
pub type Outcome = Result<Exit, Failure>;

/// Why a command failed, ready to be shown.
#[derive(Debug)]
pub struct Failure {
    message: String,
    causes: Vec<String>,
    diagnostic: Option<Box<Diagnostic>>,
    others: Vec<Diagnostic>,
    hints: Vec<String>,
    exit: Exit,
    quiet: bool,
    beside: Option<Box<Map>>,
}

impl Failure {
    /// A failure with a message and nothing else.
    pub fn new(message: impl Into<String>) -> Self {
        Failure {
            message: message.into(),
            causes: Vec::new(),
            diagnostic: None,
            others: Vec::new(),
            hints: Vec::new(),
            exit: Exit::Failed,
            quiet: false,
            beside: None,
        }
    }

    /// The command line itself is wrong.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(message)
    }

    /// The reader of our output went away (`bowline list | head -1`): success, without a word.
    pub fn broken_pipe() -> Self {
        Failure { exit: Exit::Done, quiet: true, ..Self::new("broken pipe") }
    }

    /// The user pressed Ctrl-C, or the process was asked to end.
    pub fn interrupted() -> Self {
        Failure { exit: Exit::Interrupted, ..Self::new("interrupted") }
    }

    /// Ends with another code.
    #[must_use]
    pub fn exit(mut self, exit: Exit) -> Self {
        self.exit = exit;
        self
    }

    /// Adds advice.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// Puts a text before the message, such as `INSTALLATION FAILED: `.
    #[must_use]
    pub fn prefix(mut self, text: &str) -> Self {
        self.message.insert_str(0, text);
        self
    }

    /// Adds what came out even so: the first fields of the object that a program gets.
    #[must_use]
    pub fn beside(mut self, fields: Map) -> Self {
        self.beside = Some(Box::new(fields));
        self
    }

    /// The failure of one of several things, behind the reports on those that are done.
    #[must_use]
    pub fn after<T: serde::Serialize>(self, done: &[T]) -> Self {
        match to_value(&done) {
            Ok(rows) if !done.is_empty() => self.beside([("done".into(), rows)].into_iter().collect()),
            // What cannot be told is less than that the command failed.
            _ => self,
        }
    }

    /// What came out even so.
    pub fn came_out(&self) -> Option<&Map> {
        self.beside.as_deref()
    }

    /// The message in Helm's one-line form, without causes.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// What the message does not say about how it came to this, outermost first.
    pub fn causes(&self) -> &[String] {
        &self.causes
    }

    /// The place in a text, when the failure stems from one.
    pub fn diagnostic(&self) -> Option<&Diagnostic> {
        self.diagnostic.as_deref()
    }

    /// What else is wrong.
    pub fn others(&self) -> &[Diagnostic] {
        &self.others
    }

    /// Advice, most useful first.
    pub fn hints(&self) -> &[String] {
        &self.hints
    }

    /// How the process ends.
    pub fn exit_kind(&self) -> Exit {
        self.exit
    }

    /// The failure of a verb, with the exit code that its kind has.
    pub fn of_verb(error: OpsError) -> Self {
        let exit = match &error {
            OpsError::Release(ReleaseError::Held { .. } | ReleaseError::Outrun { .. }) => Exit::Locked,
            OpsError::Interrupted { .. } => Exit::Interrupted,
            error if error.is_unverified() => Exit::Unverified,
            _ => Exit::Failed,
        };
        Failure::from(error).exit(exit)
    }

    /// Whether nothing is to be printed.
    pub fn is_quiet(&self) -> bool {
        self.quiet
    }
}

impl<E: Error + Hint + 'static> From<E> for Failure {
    fn from(error: E) -> Self {
        let message = error.to_string();
        let mut causes: Vec<String> = Vec::new();
        let mut source = error.source();
        while let Some(cause) = source {
            let text = cause.to_string();
            let text = text.split(" (os error").next().unwrap_or_default().to_string();
            // Many messages already end in the text of their cause; saying it twice helps nobody.
            if !message.to_lowercase().contains(&text.to_lowercase())
                && !causes.iter().any(|told| told.contains(&text))
            {
                causes.push(text);
            }
            source = cause.source();
        }
        let hints = error.hints();
        let diagnostic = error.diagnostic().cloned().map(Box::new);
        let others = error.others().into_iter().cloned().collect();
        Failure { causes, diagnostic, others, hints, ..Failure::new(message) }
    }
}

/// Failures of our own output: a closed pipe is success, anything else is told.
pub fn output_failure(error: std::io::Error) -> Failure {
    if error.kind() == std::io::ErrorKind::BrokenPipe {
        Failure::broken_pipe()
    } else {
        Failure::new(format!("cannot write the output: {error}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("outer: {0}")]
    struct Outer(#[source] Inner);

    #[derive(Debug, thiserror::Error)]
    #[error("inner")]
    struct Inner(#[source] std::fmt::Error);

    impl Hint for Outer {
        fn hints(&self) -> Vec<String> {
            vec!["turn it off and on".into()]
        }
    }

    #[test]
    fn causes_that_the_message_tells_are_not_told_again() {
        let failure = Failure::from(Outer(Inner(std::fmt::Error)));
        assert_eq!(failure.message(), "outer: inner");
        assert_eq!(failure.causes(), [std::fmt::Error.to_string()]);
        assert_eq!(failure.hints(), ["turn it off and on"]);
    }

    #[test]
    fn the_systems_number_makes_no_second_cause() {
        #[derive(Debug, thiserror::Error)]
        #[error("cannot read a: no such file or directory")]
        struct Missing(#[source] std::io::Error);
        impl Hint for Missing {}
        let failure = Failure::from(Missing(std::io::Error::from_raw_os_error(2)));
        assert!(failure.causes().is_empty(), "{:?}", failure.causes());
    }

    #[test]
    fn helm_knows_two_codes_only() {
        for (exit, code, _) in EXIT_CODES {
            assert_eq!(exit.code(false), *code);
            assert!(exit.code(true) <= 1);
        }
        assert_eq!(Exit::Locked.code(false), 5);
    }
}
