//! Looks into an archive.
//!
//! Invariant: what is inflated is bounded; an archive that is no chart is told so in one sentence.

use crate::chart::{Chart, ChartFile, Limits, from_archive};

/// The texts of a chart that people read.
#[derive(Debug, Clone, Default)]
pub(super) struct Texts {
    /// README.md, else README or README.txt.
    pub(super) readme: Option<String>,
    /// values.yaml.
    pub(super) values: Option<String>,
    /// values.schema.json.
    pub(super) schema: Option<String>,
}

/// Longest Chart.yaml, in bytes: all of it stands in the index.
const CHART_YAML_LIMIT: usize = 1 << 20;

/// The chart of an archive. What is cut off, holds what no chart may hold, or has values that cannot be read is not
/// offered to anybody; Helm leaves it out of indexes too.
pub(super) fn chart(name: &str, bytes: &[u8]) -> Result<Chart, String> {
    let chart = from_archive(name, bytes, &Limits::default()).map_err(|error| error.to_string())?;
    if chart.chart_yaml.text().len() > CHART_YAML_LIMIT {
        return Err("its Chart.yaml is longer than 1 MiB".to_string());
    }
    Ok(chart)
}

/// The texts among the files of an archive.
pub(super) fn texts_of(files: Vec<ChartFile>) -> Texts {
    let mut texts = Texts::default();
    for file in files {
        let text = || Some(file.text().into_owned());
        match file.path.to_ascii_lowercase().as_str() {
            "readme.md" => texts.readme = text(),
            "readme" | "readme.txt" if texts.readme.is_none() => texts.readme = text(),
            "values.yaml" => texts.values = text(),
            "values.schema.json" => texts.schema = text(),
            _ => {}
        }
    }
    texts
}
