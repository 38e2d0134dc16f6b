//! `lint`: the findings of each chart and the count at the end.

use std::fmt::Write as _;

use serde::Serialize;

use crate::diag::Severity;

/// A finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FindingRow {
    /// How bad it is.
    #[serde(serialize_with = "severity_word")]
    pub severity: Severity,
    /// What it is about: `Chart.yaml`, `templates/`.
    pub path: String,
    /// What is wrong.
    pub message: String,
    /// The rule that found it, when it has a name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn severity_word<S: serde::Serializer>(severity: &Severity, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&severity.to_string())
}

/// A chart that was checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
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

/// The findings as text and the last line; the last line is the error's when a chart failed, so it is apart.
pub fn text(charts: &[LintedChart], quiet: bool) -> (String, String) {
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
            let path = if finding.path.is_empty() { String::new() } else { format!("{}: ", finding.path) };
            let _ = writeln!(text, "[{word}] {path}{}", finding.message);
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

#[cfg(test)]
mod tests {
    use super::*;

    fn chart(severity: Severity) -> LintedChart {
        let row = |severity, path: &str, message: &str| FindingRow {
            severity,
            path: path.into(),
            message: message.into(),
            rule: None,
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
        let (text_of_all, summary) = text(&[chart(Severity::Error)], false);
        assert_eq!(text_of_all, "==> Linting x\n[INFO] Chart.yaml: icon is recommended\n[ERROR] t/: bad\n\n");
        assert_eq!(summary, "1 chart(s) linted, 1 chart(s) failed");
    }

    #[test]
    fn quiet_shows_what_is_bad_only() {
        let (shown, _) = text(&[chart(Severity::Warning)], true);
        assert_eq!(shown, "==> Linting x\n[WARNING] t/: bad\n\n");
        assert_eq!(text(&[chart(Severity::Info)], true), (String::new(), String::new()));
    }
}
