//! Looks into an archive without loading the chart.
//!
//! Invariant: what is inflated is bounded; an archive that is no chart is told so in one sentence.

use crate::chart::Metadata;
use crate::data::gzip;

/// Most bytes an archive may inflate to.
const INFLATED_LIMIT: u64 = 100 << 20;

/// The texts of a chart that people read.
#[derive(Debug, Clone, Default)]
pub(super) struct Texts {
    /// README.md, when there is one.
    pub(super) readme: Option<String>,
    /// values.yaml.
    pub(super) values: Option<String>,
    /// values.schema.json.
    pub(super) schema: Option<String>,
}

/// Chart.yaml of an archive.
pub(super) fn metadata(bytes: &[u8]) -> Result<Metadata, String> {
    let mut found = None;
    files(bytes, |path, text| {
        if path == "Chart.yaml" {
            found = Some(serde_yaml::from_str(&text).map_err(|e| e.to_string()));
            return false;
        }
        true
    })?;
    found.unwrap_or_else(|| Err("no Chart.yaml".into()))
}

/// The texts of an archive.
pub(super) fn texts(bytes: &[u8]) -> Result<Texts, String> {
    let mut texts = Texts::default();
    files(bytes, |path, text| {
        match path.to_ascii_lowercase().as_str() {
            "readme.md" | "readme" | "readme.txt" if texts.readme.is_none() => texts.readme = Some(text),
            "values.yaml" => texts.values = Some(text),
            "values.schema.json" => texts.schema = Some(text),
            _ => {}
        }
        true
    })?;
    Ok(texts)
}

fn files(bytes: &[u8], mut visit: impl FnMut(&str, String) -> bool) -> Result<(), String> {
    use std::io::Read;
    let data = gzip::inflate(bytes, INFLATED_LIMIT).map_err(|e| e.to_string())?;
    let mut archive = tar::Archive::new(&data[..]);
    for entry in archive.entries().map_err(|e| e.to_string())? {
        let mut entry = entry.map_err(|e| e.to_string())?;
        let path = entry.path().map_err(|e| e.to_string())?.to_string_lossy().into_owned();
        let Some((_, below)) = path.split_once('/') else { continue };
        if below.contains('/') {
            continue;
        }
        let mut data = Vec::new();
        entry.read_to_end(&mut data).map_err(|e| e.to_string())?;
        if !visit(below, String::from_utf8_lossy(&data).into_owned()) {
            break;
        }
    }
    Ok(())
}
