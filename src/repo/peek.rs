//! Looks into an archive without loading the chart.
//!
//! Invariant: what is inflated is bounded; an archive that is no chart is told so in one sentence.

use crate::chart::{Limits, Metadata, metadata_of_archive, read_archive};

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

/// Chart.yaml of an archive.
pub(super) fn metadata(bytes: &[u8]) -> Result<Metadata, String> {
    metadata_of_archive(bytes, &Limits::default()).map_err(|error| error.to_string())
}

/// The texts of an archive.
pub(super) fn texts(bytes: &[u8]) -> Result<Texts, String> {
    let mut texts = Texts::default();
    for file in read_archive(bytes, &Limits::default()).map_err(|error| error.to_string())? {
        let text = || Some(file.text().into_owned());
        match file.path.to_ascii_lowercase().as_str() {
            "readme.md" => texts.readme = text(),
            "readme" | "readme.txt" if texts.readme.is_none() => texts.readme = text(),
            "values.yaml" => texts.values = text(),
            "values.schema.json" => texts.schema = text(),
            _ => {}
        }
    }
    Ok(texts)
}
