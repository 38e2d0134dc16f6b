//! `lint`: the findings of each chart and the count at the end.

use std::fmt::Write as _;

use serde::Serialize;

use crate::cli::ui::{Label, Paint};
use crate::diag::{Excerpt, Location, Severity};
use crate::lint::Finding;
use crate::ops::lint::Linted;

/// A finding.
#[derive(Debug, Clone, Serialize)]
pub struct FindingRow {
    /// How bad it is.
    #[serde(serialize_with = "severity_word")]
    pub severity: Severity,
    /// What it is about: `Chart.yaml`, `templates/`.
    pub path: String,
    /// What is wrong.
    pub message: String,
    /// The rule that found it.
    pub rule: &'static str,
    /// Where: `file:line:column`.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "as_text")]
    pub at: Option<Location>,
    /// What to do about it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub hints: Vec<String>,
}

impl FindingRow {
    fn of(finding: &Finding) -> Self {
        FindingRow {
            severity: finding.severity(),
            path: finding.path.clone(),
            message: finding.message.clone(),
            rule: finding.rule.id,
            at: finding.location().cloned(),
            hints: finding.diagnostic.as_ref().map(|found| found.hints.clone()).unwrap_or_default(),
        }
    }
}

#[expect(clippy::ref_option, reason = "serde passes references")]
fn as_text<S: serde::Serializer>(at: &Option<Location>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&at.as_ref().map(ToString::to_string).unwrap_or_default())
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn severity_word<S: serde::Serializer>(severity: &Severity, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&severity.to_string())
}

/// A chart that was checked.
#[derive(Debug, Clone, Serialize)]
pub struct LintedChart {
    /// The path as given.
    pub path: String,
    /// Whether it failed.
    pub failed: bool,
    /// Why it could not even be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unreadable: Option<String>,
    /// What was found.
    pub findings: Vec<FindingRow>,
}

impl LintedChart {
    /// What was found in a chart; with `quiet` only what is bad.
    pub fn of(linted: &Linted, quiet: bool) -> Self {
        let findings = linted.result.as_ref().map_or(&[][..], Vec::as_slice);
        let shown = findings.iter().filter(|finding| !quiet || finding.severity() > Severity::Info);
        LintedChart {
            path: linted.path.clone(),
            failed: linted.failed,
            unreadable: linted.result.as_ref().err().map(ToString::to_string),
            findings: shown.map(FindingRow::of).collect(),
        }
    }
}

/// The findings as text and the last line; the last line is the error's when a chart failed, so it is apart.
///
/// With `places`, each finding shows where it is, with the line of the file.
pub fn text(charts: &[LintedChart], quiet: bool, places: bool, paint: Paint) -> (String, String) {
    let mut text = String::new();
    let mut shown_any = false;
    for chart in charts {
        let shown: Vec<&FindingRow> =
            chart.findings.iter().filter(|finding| !quiet || finding.severity > Severity::Info).collect();
        if quiet && shown.is_empty() && chart.unreadable.is_none() {
            continue;
        }
        shown_any = true;
        let _ = writeln!(text, "==> Linting {}", chart.path);
        if let Some(reason) = &chart.unreadable {
            let _ = writeln!(text, "Error {reason}");
        }
        for finding in shown {
            let word = finding.severity.to_string().to_uppercase();
            let label = match finding.severity {
                Severity::Error => Label::Bad,
                Severity::Warning => Label::Pending,
                Severity::Info => Label::Faint,
            };
            let word = paint.label(label, &word);
            let _ = writeln!(text, "[{word}] {}: {}", finding.path, finding.message);
            if places {
                place(&mut text, finding, paint);
            }
        }
        text.push('\n');
    }
    let failed = charts.iter().filter(|chart| chart.failed).count();
    let summary = if quiet && !shown_any {
        String::new()
    } else {
        format!("{} chart(s) linted, {failed} chart(s) failed", charts.len())
    };
    (text, summary)
}

/// The place of a finding, a line of its file, and the advice.
fn place(text: &mut String, finding: &FindingRow, paint: Paint) {
    // The start of a file stands for what is not in it; the message says that.
    if let Some(at) = finding.at.as_ref().filter(|at| at.span.end > 0) {
        let _ = writeln!(text, "{} {at}\n{}", paint.label(Label::Faint, "  -->"), Excerpt::new(at));
    }
    for hint in &finding.hints {
        let _ = writeln!(text, "  {} {hint}", paint.label(Label::Advice, "hint:"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart(severity: Severity) -> LintedChart {
        let row = |severity, path: &str, message: &str| FindingRow {
            severity,
            path: path.into(),
            message: message.into(),
            rule: "chart-icon",
            at: None,
            hints: Vec::new(),
        };
        LintedChart {
            path: "x".into(),
            failed: severity == Severity::Error,
            unreadable: None,
            findings: vec![
                row(Severity::Info, "Chart.yaml", "icon is recommended"),
                row(severity, "t/", "bad"),
            ],
        }
    }

    #[test]
    fn it_is_helms() {
        let (text_of_all, summary) = text(&[chart(Severity::Error)], false, false, Paint::new(false));
        assert_eq!(text_of_all, "==> Linting x\n[INFO] Chart.yaml: icon is recommended\n[ERROR] t/: bad\n\n");
        assert_eq!(summary, "1 chart(s) linted, 1 chart(s) failed");
    }

    #[test]
    fn quiet_shows_what_is_bad_only() {
        let (shown, _) = text(&[chart(Severity::Warning)], true, false, Paint::new(false));
        assert_eq!(shown, "==> Linting x\n[WARNING] t/: bad\n\n");
        assert_eq!(
            text(&[chart(Severity::Info)], true, false, Paint::new(false)),
            (String::new(), String::new())
        );
    }
}
