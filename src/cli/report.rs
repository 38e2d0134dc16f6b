//! How a failure is told: the message as Helm has it, then the place, the causes and the advice, a line each.
//!
//! ```text
//! Error: INSTALLATION FAILED: web/templates/service.yaml:7:14: …
//!   --> web/templates/_helpers.tpl:3:9
//!    |
//!  3 |   port: {{ .Values.servce.port }}
//!    |            ^^^^^^^^^^^^^^^^^^^^^
//!   in include "web.port" . at web/templates/service.yaml:7:14
//!   caused by: …
//! note: …
//! hint: did you mean `service`?
//!
//! and: web/templates/job.yaml:2:4: …
//! ```
//!
//! On a terminal, with `--debug` and where colours are asked for, all of this is told. Elsewhere scripts and logs get the
//! message, the excerpt and the advice; the way there, the notes and the further failures stay out, so that the places
//! in the text are those that Helm names.
//!
//! With `-o json` or `-o yaml` standard output gets one object as well, so that a caller reads one thing for success and
//! failure: `{"error": …, "hints": […], "exit_code": 1}`. What came out even so stands before that: a command over several
//! things has the reports on those that it finished under `done`.
//!
//! Invariant: the first line is Helm's, whatever follows.

use super::error::Failure;
use super::parse::Format;
use super::ui::{Label, Paint, Ui};
use super::view;
use crate::data::Map;
use crate::diag::{Diagnostic, Excerpt, Frame, Location, plural};
use crate::render::TEXT_OF_A_VALUE;

/// A failure as `-o json` prints it.
#[derive(Debug, serde::Serialize)]
struct FailureReport<'a> {
    #[serde(flatten)]
    beside: Option<&'a Map>,
    error: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    causes: Vec<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    trace: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notes: Vec<&'a str>,
    hints: Vec<&'a str>,
    /// Further failures of the same run.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    others: Vec<OtherReport<'a>>,
    exit_code: u8,
}

/// One more failure.
#[derive(Debug, serde::Serialize)]
struct OtherReport<'a> {
    error: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    hints: Vec<&'a str>,
}

impl<'a> OtherReport<'a> {
    fn new(diagnostic: &'a Diagnostic) -> Self {
        OtherReport {
            error: &diagnostic.message,
            at: diagnostic.at.as_ref().map(ToString::to_string),
            hints: diagnostic.hints.iter().map(String::as_str).collect(),
        }
    }
}

/// Prints a failure and returns the exit code.
pub fn failure(ui: &Ui, format: Format, as_helm: bool, failure: &Failure) -> u8 {
    let exit_code = failure.exit_kind().code(as_helm);
    if failure.is_quiet() {
        return exit_code;
    }
    ui.note(text(failure, ui.err_paint, as_helm, ui.tells_all()).trim_end_matches('\n'));
    // Helm leaves standard output alone, and so do we under its name, unless something came out.
    if format != Format::Table && (!as_helm || failure.came_out().is_some()) {
        let report = FailureReport {
            beside: failure.came_out(),
            error: failure.message(),
            causes: failure.causes().iter().map(String::as_str).collect(),
            at: failure.diagnostic().and_then(|found| found.at.as_ref()).map(ToString::to_string),
            trace: failure
                .diagnostic()
                .map(|found| frames(found).iter().map(|line| line.trim_start().to_string()).collect())
                .unwrap_or_default(),
            notes: failure
                .diagnostic()
                .map(|found| found.notes.iter().map(String::as_str).collect())
                .unwrap_or_default(),
            hints: failure.hints().iter().map(String::as_str).collect(),
            others: failure.others().iter().map(OtherReport::new).collect(),
            exit_code,
        };
        // Standard output that cannot be written has nowhere to be told: standard error has the failure already.
        let _ = view::structured(&report, format).and_then(|text| ui.out(&text));
    }
    exit_code
}

/// The text of a failure for standard error; `all` is explained at the top.
fn text(failure: &Failure, paint: Paint, as_helm: bool, all: bool) -> String {
    let mut lines = vec![format!("{} {}", paint.label(Label::Bad, "Error:"), failure.message())];
    if as_helm {
        // Helm's one line holds the whole chain.
        lines.extend_from_slice(failure.causes());
        return lines.join(": ");
    }
    if let Some(diagnostic) = failure.diagnostic() {
        lines.extend(place(diagnostic, failure.message(), paint, all));
    }
    lines.extend(failure.causes().iter().map(|cause| format!("  caused by: {cause}")));
    if let Some(diagnostic) = failure.diagnostic().filter(|_| all) {
        lines.extend(notes(diagnostic, paint));
    }
    let mut told: Vec<&str> = Vec::new();
    let of_place = failure.diagnostic().map_or(&[][..], |diagnostic| &diagnostic.hints);
    for hint in failure.hints().iter().chain(of_place) {
        if !told.contains(&hint.as_str()) {
            told.push(hint);
            lines.push(advice(hint, paint));
        }
    }
    if all {
        lines.extend(further_all(failure, paint));
    } else if !failure.others().is_empty() {
        let count = plural(failure.others().len(), "more place");
        lines.push(advice(&format!("{count} failed too; --debug shows them"), paint));
    }
    lines.join("\n")
}

fn advice(hint: &str, paint: Paint) -> String {
    format!("{} {hint}", paint.label(Label::Advice, "hint:"))
}

/// The failures after the first; those of a place that was told are counted only.
fn further_all(failure: &Failure, paint: Paint) -> Vec<String> {
    let place = |diagnostic: &Diagnostic| {
        (diagnostic.message.clone(), diagnostic.at.as_ref().map(ToString::to_string))
    };
    let mut told: Vec<_> = failure.diagnostic().map(place).into_iter().collect();
    let (mut lines, mut again) = (Vec::new(), 0);
    for other in failure.others() {
        let at = place(other);
        if told.contains(&at) {
            again += 1;
        } else {
            told.push(at);
            lines.extend(further(other, paint));
        }
    }
    if again > 0 {
        lines.push(format!(
            "note: {} failed at the same {}",
            plural(again, "more template"),
            if told.len() == 1 { "place" } else { "places" }
        ));
    }
    lines
}

/// One of the failures after the first.
fn further(other: &Diagnostic, paint: Paint) -> Vec<String> {
    let mut lines = vec![String::new(), format!("{} {other}", paint.label(Label::Bad, "and:"))];
    lines.extend(place(other, &lines[1], paint, true));
    lines.extend(notes(other, paint));
    lines.extend(other.hints.iter().map(|hint| advice(hint, paint)));
    lines
}

/// What is known beside the place: the same place in other texts, and facts.
fn notes(diagnostic: &Diagnostic, paint: Paint) -> Vec<String> {
    let mut lines = Vec::new();
    for related in &diagnostic.related {
        lines.push(format!("  {}:", related.what));
        lines.extend(excerpt(&related.at, paint));
    }
    lines.extend(diagnostic.notes.iter().map(|note| format!("note: {note}")));
    lines
}

/// The excerpt and the way that led there.
fn place(diagnostic: &Diagnostic, message: &str, paint: Paint, all: bool) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(at) = &diagnostic.at {
        // Helm's texts often leave the place out, or name that of the outermost call.
        let is_told = message.contains(&format!("{}:{}:", at.file.name(), at.position().line));
        if !is_told && (all || !names_a_place(message)) {
            lines.push(format!("{} {at}", paint.label(Label::Faint, "  -->")));
        }
        lines.extend(excerpt(at, paint));
    }
    if all {
        lines.extend(frames(diagnostic));
    } else if diagnostic.at.as_ref().is_some_and(|at| at.file.name() == TEXT_OF_A_VALUE) {
        // The text is in no file: where it was rendered is what can be found.
        lines.extend(frames(diagnostic).into_iter().take(1));
    }
    lines
}

/// Whether a message has `name:7` in it, other than the port of a URL.
fn names_a_place(message: &str) -> bool {
    let is_place = |window: &[u8]| matches!(window, [before, b':', digit] if before.is_ascii_alphanumeric() && digit.is_ascii_digit());
    let mut words = message.split_whitespace().filter(|word| !word.contains("://"));
    words.any(|word| word.as_bytes().windows(3).any(is_place))
}

/// The lines of the text, their bars faint and the marker in the colour of errors.
fn excerpt(at: &Location, paint: Paint) -> Vec<String> {
    let drawn = Excerpt::new(at).to_string();
    let line = |line: &str| {
        let (gutter, rest) = line.split_once('|').map_or((line, ""), |(gutter, rest)| (gutter, rest));
        let is_marker = !rest.trim().is_empty() && rest.trim().chars().all(|c| c == '^');
        let rest = if is_marker { paint.label(Label::Bad, rest) } else { rest.to_string() };
        format!("{}{rest}", paint.label(Label::Faint, &format!("{gutter}|")))
    };
    drawn.lines().map(line).collect()
}

/// The way to the place, innermost call first.
fn frames(diagnostic: &Diagnostic) -> Vec<String> {
    let line = |frame: &Frame| match &frame.at {
        Some(at) => format!("  in {} at {at}", frame.what),
        None => format!("  in {}", frame.what),
    };
    let mut lines: Vec<String> = diagnostic.trace.iter().take(LONGEST_WAY).map(line).collect();
    if diagnostic.trace.len() > LONGEST_WAY {
        lines.push(format!("  and {} more", diagnostic.trace.len() - LONGEST_WAY));
    }
    lines
}

/// How many calls of the way to a place are shown: a runaway recursion has a thousand.
const LONGEST_WAY: usize = 24;

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
    fn a_text_of_a_value_is_told_with_the_place_that_renders_it() {
        let (text_of_value, file) = (
            SourceFile::new(TEXT_OF_A_VALUE, "{{ nope }}"),
            SourceFile::new("t.yaml", "b: {{ values.x | tpl }}\n"),
        );
        let call = Location { file, span: Span::new(17, 20) };
        let diagnostic =
            Diagnostic::error("bad").at(&text_of_value, Span::new(3, 7)).frame("`tpl`", Some(call));
        let failure = Failure::from(diagnostic.frame("`{{ outer }}`", None));
        assert_eq!(
            text(&failure, Paint::new(false), false, false),
            "Error: tpl:1:4: bad\n   |\n 1 | {{ nope }}\n   |    ^^^^\n  in `tpl` at t.yaml:1:18"
        );
    }

    #[test]
    fn a_failure_shows_its_place_and_advice_once() {
        assert_eq!(
            text(&sample(), Paint::new(false), false, true),
            "Error: INSTALLATION FAILED: t.yaml:1:7: bad\n   |\n 1 | a: {{ .V }}\n   |       ^^\nnote: V is nil\nhint: set V"
        );
        assert_eq!(
            text(&sample(), Paint::new(false), true, true),
            "Error: INSTALLATION FAILED: t.yaml:1:7: bad"
        );
    }

    #[test]
    fn the_port_of_a_url_is_no_place() {
        assert!(names_a_place("a.yaml:3: bad") && names_a_place("at (web/a.yaml:12) bad"));
        assert!(!names_a_place("failed to parse http://127.0.0.1:8080/a.yaml: bad"));
    }

    #[test]
    fn colours_mark_the_word_and_the_marker() {
        let drawn = text(&sample(), Paint::new(true), false, true);
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

    #[test]
    fn what_is_done_stands_before_what_failed() {
        let (streams, out, _) = captured::streams();
        let ui = Ui::new(streams, ColourMode::Never, false);
        let none: [&str; 0] = [];
        failure(&ui, Format::Json, false, &Failure::new("no").after(&["a"]));
        failure(&ui, Format::Json, false, &Failure::new("no").after(&none));
        let objects = "{\"done\":[\"a\"],\"error\":\"no\",\"hints\":[],\"exit_code\":1}\n\
                       {\"error\":\"no\",\"hints\":[],\"exit_code\":1}\n";
        assert_eq!(out.text(), objects);
    }
}
