//! `get metadata`.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::Serialize;

use super::structured;
use crate::chart::Dependency;
use crate::cli::error::Failure;
use crate::cli::parse::Format;

/// What `get metadata` tells.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MetadataReport {
    /// The release.
    pub name: String,
    /// Name of its chart.
    pub chart: String,
    /// Version of its chart.
    pub version: String,
    /// Application version of its chart.
    pub app_version: String,
    /// Annotations of its chart.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
    /// Labels of its record.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Dependencies of its chart.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub dependencies: Vec<Dependency>,
    /// Its namespace.
    pub namespace: String,
    /// The revision.
    pub revision: u64,
    /// The status.
    pub status: String,
    /// When it was deployed, RFC 3339.
    pub deployed_at: String,
    /// `ssa` or `csa`; records of Helm 3 have none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub apply_method: Option<String>,
}

/// The metadata as text.
///
/// # Errors
/// None that is known; see [`structured`].
pub fn text(report: &MetadataReport, format: Format) -> Result<String, Failure> {
    if format != Format::Table {
        return structured(report, format);
    }
    let pairs = |map: &BTreeMap<String, String>| {
        map.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(",")
    };
    let mut names: Vec<&str> = report.dependencies.iter().map(|wanted| wanted.name.as_str()).collect();
    names.sort_unstable();
    let method = match report.apply_method.as_deref() {
        Some("ssa") => "server-side apply",
        Some(_) => "client-side apply",
        None => "client-side apply (defaulted)",
    };
    let mut text = String::new();
    for (title, value) in [
        ("NAME", report.name.clone()),
        ("CHART", report.chart.clone()),
        ("VERSION", report.version.clone()),
        ("APP_VERSION", report.app_version.clone()),
        ("ANNOTATIONS", pairs(&report.annotations)),
        ("LABELS", pairs(&report.labels)),
        ("DEPENDENCIES", names.join(",")),
        ("NAMESPACE", report.namespace.clone()),
        ("REVISION", report.revision.to_string()),
        ("STATUS", report.status.clone()),
        ("DEPLOYED_AT", report.deployed_at.clone()),
        ("APPLY_METHOD", method.to_string()),
    ] {
        let _ = writeln!(text, "{title}: {value}");
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_helms() {
        let report = MetadataReport {
            name: "alpha".into(),
            chart: "mini".into(),
            version: "0.2.0".into(),
            app_version: "1.0".into(),
            annotations: [("b".to_string(), "1".to_string()), ("a".into(), "2".into())].into(),
            namespace: "default".into(),
            revision: 2,
            status: "deployed".into(),
            deployed_at: "2026-02-02T03:04:05Z".into(),
            ..MetadataReport::default()
        };
        assert_eq!(
            text(&report, Format::Table).unwrap(),
            "NAME: alpha\nCHART: mini\nVERSION: 0.2.0\nAPP_VERSION: 1.0\nANNOTATIONS: a=2,b=1\nLABELS: \n\
             DEPENDENCIES: \nNAMESPACE: default\nREVISION: 2\nSTATUS: deployed\nDEPLOYED_AT: 2026-02-02T03:04:05Z\n\
             APPLY_METHOD: client-side apply (defaulted)\n"
        );
        assert_eq!(
            text(&report, Format::Json).unwrap(),
            "{\"name\":\"alpha\",\"chart\":\"mini\",\"version\":\"0.2.0\",\"appVersion\":\"1.0\",\
             \"annotations\":{\"a\":\"2\",\"b\":\"1\"},\"namespace\":\"default\",\"revision\":2,\"status\":\"deployed\",\
             \"deployedAt\":\"2026-02-02T03:04:05Z\"}\n"
        );
    }
}
