//! How a failure is told: the message as Helm has it, then the place, the causes and the advice, a line each.
//!
//! ```text
//! Error: INSTALLATION FAILED: web/templates/service.yaml:7:14: …
//!    |
//!  7 |   port: {{ .Values.servce.port }}
//!    |            ^^^^^^^^^^^^^^^^^^^^^
//!   caused by: …
//! note: …
//! hint: did you mean `service`?
//! ```
//!
//! With `-o json` or `-o yaml` standard output gets one object as well, so that a caller reads one thing for success and
//! failure: `{"error": …, "hints": […], "exit_code": 1}`.
//!
//! Invariant: the first line is Helm's, whatever follows.

use super::error::Failure;
use super::parse::Format;
use super::ui::{Label, Paint, Ui};
use super::view;
use crate::diag::{Diagnostic, Excerpt};

/// A failure as `-o json` prints it.
#[derive(Debug, serde::Serialize)]
struct FailureReport<'a> {
    error: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    causes: Vec<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<String>,
    hints: Vec<&'a str>,
    exit_code: u8,
}

/// Prints a failure and returns the exit code.
pub fn failure(ui: &Ui, format: Format, as_helm: bool, failure: &Failure) -> u8 {
    let exit_code = failure.exit_kind().code(as_helm);
    if failure.is_quiet() {
        return exit_code;
    }
    ui.note(text(failure, ui.err_paint, as_helm).trim_end_matches('\n'));
    // Helm leaves standard output alone, and so do we under its name.
    if format != Format::Table && !as_helm {
        let report = FailureReport {
            error: failure.message(),
            causes: failure.causes().iter().map(String::as_str).collect(),
            at: failure.diagnostic().and_then(|found| found.at.as_ref()).map(ToString::to_string),
            hints: failure.hints().iter().map(String::as_str).collect(),
            exit_code,
        };
        // Standard output that cannot be written has nowhere to be told: standard error has the failure already.
        let _ = view::structured(&report, format).and_then(|text| ui.out(&text));
    }
    exit_code
}

/// The text of a failure for standard error.
fn text(failure: &Failure, paint: Paint, as_helm: bool) -> String {
    let mut lines = vec![format!("{} {}", paint.label(Label::Bad, "Error:"), failure.message())];
    if as_helm {
        // Helm's one line holds the whole chain.
        lines.extend_from_slice(failure.causes());
        return lines.join(": ");
    }
    if let Some(diagnostic) = failure.diagnostic() {
        lines.extend(place(diagnostic, failure.message(), paint));
    }
    lines.extend(failure.causes().iter().map(|cause| format!("  caused by: {cause}")));
    if let Some(diagnostic) = failure.diagnostic() {
        lines.extend(diagnostic.notes.iter().map(|note| format!("note: {note}")));
    }
    let mut told: Vec<&str> = Vec::new();
    let of_place = failure.diagnostic().map_or(&[][..], |diagnostic| &diagnostic.hints);
    for hint in failure.hints().iter().chain(of_place) {
        if !told.contains(&hint.as_str()) {
            told.push(hint);
            lines.push(format!("{} {hint}", paint.label(Label::Advice, "hint:")));
        }
    }
    lines.join("\n")
}

/// The excerpt, its bars faint and its marker in the colour of errors, and the way that led there.
fn place(diagnostic: &Diagnostic, message: &str, paint: Paint) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(at) = &diagnostic.at {
        // Helm's texts often leave the place out, or count columns in another way.
        if !message.contains(&format!("{}:{}:", at.file.name(), at.position().line)) {
            lines.push(format!("{} {at}", paint.label(Label::Faint, "  -->")));
        }
        for line in Excerpt::new(at).to_string().lines() {
            let (gutter, rest) = line.split_once('|').map_or((line, ""), |(gutter, rest)| (gutter, rest));
            let is_marker = !rest.trim().is_empty() && rest.trim().chars().all(|c| c == '^');
            let rest = if is_marker { paint.label(Label::Bad, rest) } else { rest.to_string() };
            lines.push(format!("{}{rest}", paint.label(Label::Faint, &format!("{gutter}|"))));
        }
    }
    for frame in &diagnostic.trace {
        lines.push(match &frame.at {
            Some(at) => format!("  in {} at {at}", frame.what),
            None => format!("  in {}", frame.what),
        });
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::ui::{ColourMode, captured};
    use crate::diag::{SourceFile, Span};

    fn sample() -> Failure {
        let file = SourceFile::new("t.yaml", "a: {{ .V }}\n");
        let diagnostic = Diagnostic::error("bad").at(&file, Span::new(6, 8)).note("V is nil").hint("set V");
        Failure::from(diagnostic).prefix("INSTALLATION FAILED: ")
    }

    #[test]
    fn a_failure_shows_its_place_and_advice_once() {
        assert_eq!(
            text(&sample(), Paint::new(false), false),
            "Error: INSTALLATION FAILED: t.yaml:1:7: bad\n   |\n 1 | a: {{ .V }}\n   |       ^^\nnote: V is nil\nhint: set V"
        );
        assert_eq!(text(&sample(), Paint::new(false), true), "Error: INSTALLATION FAILED: t.yaml:1:7: bad");
    }

    #[test]
    fn colours_mark_the_word_and_the_marker() {
        let drawn = text(&sample(), Paint::new(true), false);
        assert!(drawn.starts_with("\u{1b}[31mError:\u{1b}[0m "), "{drawn:?}");
        assert!(drawn.contains("\u{1b}[31m       ^^\u{1b}[0m"), "{drawn:?}");
    }

    #[test]
    fn structured_output_gets_an_object_too() {
        let (streams, out, err) = captured::streams();
        let ui = Ui::new(streams, ColourMode::Never, false);
        assert_eq!(failure(&ui, Format::Json, false, &Failure::new("no").hint("yes")), 1);
        assert_eq!(out.text(), "{\"error\":\"no\",\"hints\":[\"yes\"],\"exit_code\":1}\n");
        assert_eq!(err.text(), "Error: no\nhint: yes\n");
    }
}
