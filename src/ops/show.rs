//! Show: what a chart says about itself.
//!
//! Invariant: the text is Helm's to the byte.

use super::options::ChartRequest;
use super::{Context, OpsError, source};
use crate::chart::Chart;
use crate::data::Value;
use crate::values::jsonpath::{JsonPath, JsonPathError};

/// A part of a chart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Everything.
    All,
    /// Chart.yaml.
    Chart,
    /// The custom resource definitions of the chart and its subcharts.
    Crds,
    /// The README.
    Readme,
    /// values.yaml.
    Values,
}

/// What a chart says.
#[derive(Debug, Clone)]
pub struct ShowReport {
    /// Chart.yaml, keys sorted.
    pub metadata: String,
    /// values.yaml as written.
    pub values: Option<String>,
    /// The same, read.
    pub defaults: Value,
    /// The README as written.
    pub readme: Option<String>,
    /// The files of crds/, the chart's first.
    pub crds: Vec<String>,
}

/// Reads a chart.
///
/// # Errors
/// The reference leads nowhere, or the chart cannot be read.
pub fn show(context: &Context<'_>, request: &ChartRequest) -> Result<ShowReport, OpsError> {
    let chart = source::chart(context, request)?;
    let readme = chart.files.iter().find(|file| is_readme(&file.path));
    let mut crds = Vec::new();
    collect_crds(&chart, &mut crds);
    Ok(ShowReport {
        metadata: chart.metadata.to_yaml()?,
        values: chart.values_yaml.as_ref().map(|file| file.text().to_string()),
        readme: readme.map(|file| file.text().into_owned()),
        defaults: chart.values,
        crds,
    })
}

fn is_readme(path: &str) -> bool {
    ["readme.md", "readme.txt", "readme"].iter().any(|name| path.eq_ignore_ascii_case(name))
}

/// As deep as the loader let charts nest.
fn collect_crds(chart: &Chart, into: &mut Vec<String>) {
    into.extend(chart.crds().map(|file| file.text().into_owned()));
    for child in &chart.subcharts {
        collect_crds(child, into);
    }
}

impl ShowReport {
    /// What a JSONPath expression gives of the default values.
    ///
    /// # Errors
    /// The expression cannot be read, or leads to nothing.
    pub fn at_path(&self, expression: &str) -> Result<String, JsonPathError> {
        JsonPath::parse(expression)?.text(&self.defaults)
    }

    /// A part as `show` prints it.
    pub fn text(&self, part: Part) -> String {
        let mut out = String::new();
        let all = part == Part::All;
        if all || part == Part::Chart {
            line(&mut out, &self.metadata);
        }
        for (wanted, text) in [(Part::Values, &self.values), (Part::Readme, &self.readme)] {
            if let Some(text) = text.as_deref().filter(|_| all || part == wanted) {
                if all {
                    out.push_str("---\n");
                }
                line(&mut out, text);
            }
        }
        if all || part == Part::Crds {
            for crd in &self.crds {
                if !crd.starts_with("---") {
                    out.push_str("---\n");
                }
                line(&mut out, crd);
            }
        }
        out
    }
}

fn line(out: &mut String, text: &str) {
    out.push_str(text);
    out.push('\n');
}
