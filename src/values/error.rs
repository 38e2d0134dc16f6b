//! What can go wrong between the user's values and the values a chart is rendered with.
//!
//! Invariant: the one-line texts are Helm's where Helm has one; everything more (place, excerpt, advice) is in the
//! diagnostic.

use crate::diag::{Diagnostic, Hint};

/// An error of values handling.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ValuesError {
    /// A `--set`-like argument cannot be read or applied.
    #[error("failed parsing {flag} data: {reason}")]
    Set {
        /// The flag: `--set`, `--set-string`, `--set-file` or `--set-literal`.
        flag: &'static str,
        /// What is wrong, in Helm's words.
        reason: String,
        /// Where in the argument.
        diagnostic: Box<Diagnostic>,
    },
    /// A `--set-json` argument cannot be read or applied.
    #[error("failed parsing --set-json data {}{argument}", if *.whole { "JSON: " } else { "" })]
    SetJson {
        /// The argument.
        argument: String,
        /// Whether the argument is a whole JSON object rather than `key=value` pairs.
        whole: bool,
        /// Where in the argument, and what is wrong.
        diagnostic: Box<Diagnostic>,
    },
    /// A values file is not YAML, or not a map.
    #[error("failed to parse {file}: {reason}")]
    File {
        /// The file as the user named it.
        file: String,
        /// What is wrong, in Helm's words.
        reason: String,
        /// Where in the file.
        diagnostic: Box<Diagnostic>,
    },
    /// The user's value for a subchart is not a map.
    #[error("type mismatch on {chart}: {found}")]
    SubchartValues {
        /// Name (or alias) of the subchart.
        chart: String,
        /// What was found, as Helm prints it.
        found: String,
    },
    /// The dependencies of a chart cannot be processed.
    #[error("chart dependencies processing failed: {source}")]
    Dependencies {
        /// Why.
        source: Box<ValuesError>,
    },
    /// Charts are nested deeper than any chart should be.
    #[error("chart {chart} nests subcharts deeper than {limit} levels")]
    TooDeep {
        /// The chart at which reading stopped.
        chart: String,
        /// The limit.
        limit: usize,
    },
    /// The values do not meet a chart's schema, or the schema cannot be used.
    #[error(
        "values don't meet the specifications of the schema(s) in the following chart(s):\n{}",
        .charts.iter().map(ChartFindings::text).collect::<Vec<_>>().concat()
    )]
    Schema {
        /// The charts whose schema is not met, parent before children.
        charts: Vec<ChartFindings>,
    },
}

/// What is wrong with the values of one chart.
#[derive(Debug)]
pub struct ChartFindings {
    /// Name (or alias) of the chart.
    pub chart: String,
    /// The findings, in the order in which the schema was walked; never empty.
    pub findings: Vec<Finding>,
    /// Whether the schema itself cannot be used; the only finding says why.
    pub unusable: bool,
}

impl ChartFindings {
    /// The name of the chart and Helm's lines for it, each ended by a line break: in Helm only findings about values are.
    fn text(&self) -> String {
        let mut out = format!("{}:\n", self.chart);
        for finding in &self.findings {
            out.push_str(&finding.text);
            if !self.unusable {
                out.push('\n');
            }
        }
        out
    }
}

/// One way in which values do not meet a schema.
#[derive(Debug)]
pub struct Finding {
    /// JSON pointer to the value within the chart's values; empty for the whole.
    pub path: String,
    /// Helm's line (or lines, for alternatives): `- at '/x': got number, want string`.
    pub text: String,
    /// The same with the place where the value was set, when that is known.
    pub diagnostic: Box<Diagnostic>,
}

impl Hint for ValuesError {
    fn hints(&self) -> Vec<String> {
        match self {
            ValuesError::Schema { charts } => {
                if charts.iter().all(|chart| chart.unusable) {
                    return vec![
                        "correct the chart's values.schema.json, or skip the check with --skip-schema-validation"
                            .to_string(),
                    ];
                }
                vec!["change the values, or skip the check with --skip-schema-validation".to_string()]
            }
            ValuesError::SubchartValues { chart, .. } => {
                vec![format!("`{chart}` names a subchart: give it a map of values")]
            }
            _ => self.diagnostic().map(|diagnostic| diagnostic.hints.clone()).unwrap_or_default(),
        }
    }

    fn diagnostic(&self) -> Option<&Diagnostic> {
        match self {
            ValuesError::Set { diagnostic, .. }
            | ValuesError::SetJson { diagnostic, .. }
            | ValuesError::File { diagnostic, .. } => Some(diagnostic),
            ValuesError::Schema { charts } => {
                charts.first().and_then(|chart| chart.findings.first()).map(|finding| &*finding.diagnostic)
            }
            _ => None,
        }
    }
}
