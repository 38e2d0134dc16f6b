//! The rules about Chart.yaml, in Helm's order.
//!
//! Invariant: a Chart.yaml that is no YAML gives one finding; all other rules need what it says.

use std::sync::Arc;

use super::address::{is_mail, is_page, is_request_url};
use super::{Files, Finding};
use crate::chart::{Maintainer, Metadata, is_version};
use crate::data::version::Version;
use crate::data::{Map, Value, yaml};
use crate::diag::{SourceFile, Span};
use crate::sys::fs::Kind;

const PATH: &str = "Chart.yaml";

/// Chart.yaml as far as it can be read.
struct Document {
    file: Arc<SourceFile>,
    node: Option<yaml::Node>,
    metadata: Metadata,
    raw: Map,
}

impl Document {
    /// A finding that points at a field, or at the start of the file when it is not there.
    fn finding(&self, id: &'static str, path: &[&str], message: impl Into<String>) -> Finding {
        let place = self.node.as_ref().and_then(|node| node.entry(path));
        let span = place.map_or_else(Span::default, |(key, value)| key.span.to(value.span));
        Finding::new(id, PATH, message).at(&self.file, span)
    }
}

pub(super) fn check(files: &Files, findings: &mut Vec<Finding>) {
    if files.kind(PATH) == Kind::Folder {
        findings.push(Finding::new("chart-file", PATH, "should be a file, not a directory"));
    }
    let parse = |reason: &dyn std::fmt::Display| {
        Finding::new("chart-parse", PATH, format!("unable to parse YAML\n\t{reason}"))
    };
    let file = match files.text(PATH) {
        Ok(file) => file,
        Err(reason) => return findings.push(parse(&reason)),
    };
    let metadata: Metadata = match yaml::typed(&file, false) {
        Ok(metadata) => metadata,
        Err(error) => return findings.push(parse(&error).because(&error)),
    };
    let strictly = yaml::typed::<Metadata>(&file, true).err();
    let document = Document {
        node: yaml::parse(&file).ok().flatten(),
        raw: yaml::to_map(&file).unwrap_or_default(),
        metadata,
        file,
    };
    strict(&document, strictly.as_ref(), findings);
    name(&document, findings);
    api_version(&document, findings);
    versions(&document, findings);
    maintainers(&document, findings);
    addresses(&document, findings);
    old_charts(&document, findings);
    let version = &document.metadata.version;
    if Version::parse_strict(version).is_err() {
        let text = format!("version '{version}' is not a valid SemVerV2");
        findings.push(document.finding("chart-version-strict", &["version"], text));
    }
}

/// Fields that Helm does not know: it tells the first in the order of the alphabet. `engine` is one of them, and is told of
/// unless it makes this a chart that only bowline renders.
fn strict(document: &Document, found: Option<&yaml::YamlError>, findings: &mut Vec<Finding>) {
    const REASON: &str = "error unmarshaling JSON: while decoding JSON: json: unknown field \"engine\"";
    let text =
        |reason: &dyn std::fmt::Display| format!("failed to strictly parse chart metadata file\n\t{reason}");
    let has_engine = document.raw.contains_key("engine") && document.metadata.engine != "tera";
    match found.map(|error| (error, error.to_string())) {
        Some((error, reason)) if !has_engine || *reason < *REASON || !reason.contains(": unknown field ") => {
            findings.push(Finding::new("chart-strict", PATH, text(&reason)).because(error));
        }
        _ if has_engine => findings.push(document.finding("chart-strict", &["engine"], text(&REASON))),
        _ => {}
    }
}

fn name(document: &Document, findings: &mut Vec<Finding>) {
    let name = &*document.metadata.name;
    let last = name.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    let text = if name.is_empty() {
        "name is required".to_string()
    } else if last != name {
        format!("chart name {name:?} is invalid")
    } else {
        return;
    };
    findings.push(document.finding("chart-name", &["name"], text));
}

fn api_version(document: &Document, findings: &mut Vec<Finding>) {
    let text = match &*document.metadata.api_version {
        "v1" | "v2" => return,
        "" => "apiVersion is required. The value must be either \"v1\" or \"v2\"".to_string(),
        other => format!("apiVersion '{other}' is not valid. The value must be either \"v1\" or \"v2\""),
    };
    findings.push(document.finding("chart-api-version", &["apiVersion"], text));
}

/// Go's name for the type of a value.
fn go_type(value: &Value) -> &'static str {
    match value {
        Value::Null => "<nil>",
        Value::Bool(_) => "bool",
        Value::Int(_) | Value::Uint(_) | Value::SetInt(_) | Value::Float(_) => "float64",
        Value::Str(_) => "string",
        Value::List(_) => "[]interface {}",
        Value::Map(_) => "map[string]interface {}",
    }
}

fn is_text(document: &Document, id: &'static str, key: &str, findings: &mut Vec<Finding>) {
    let Some(value) = document.raw.get(key).filter(|value| value.as_str().is_none()) else { return };
    let text = format!("{key} should be of type string but it's of type {}", go_type(value));
    let mut finding = document.finding(id, &[key], text);
    if let Some(diagnostic) = &mut finding.diagnostic
        && !value.is_null()
    {
        diagnostic.hints.push("put it in quotes".to_string());
    }
    findings.push(finding);
}

fn versions(document: &Document, findings: &mut Vec<Finding>) {
    is_text(document, "chart-version-type", "version", findings);
    let version = &*document.metadata.version;
    let text = if version.is_empty() {
        Some("version is required".to_string())
    } else if !is_version(version) {
        Some(format!("version '{version}' is not a valid SemVer"))
    } else {
        // Nothing is smaller than this version, so nothing else can be too small.
        let least = Version::parse("0.0.0-0").ok().zip(Version::parse(version).ok());
        least
            .filter(|(least, version)| version <= least)
            .map(|_| format!("version {version:?} is less than or equal to \"0.0.0-0\""))
    };
    if let Some(text) = text {
        findings.push(document.finding("chart-version", &["version"], text));
    }
    is_text(document, "chart-app-version-type", "appVersion", findings);
}

/// The first that is wrong, as in Helm.
fn maintainers(document: &Document, findings: &mut Vec<Finding>) {
    let raw = document.raw.get("maintainers").and_then(Value::as_list).unwrap_or_default();
    for (index, maintainer) in document.metadata.maintainers.iter().enumerate() {
        let Maintainer { name, email, url } = maintainer;
        let text = if raw.get(index).is_some_and(Value::is_null) {
            "a maintainer entry is empty".to_string()
        } else if name.is_empty() {
            "each maintainer requires a name".to_string()
        } else if !email.is_empty() && !is_mail(email) {
            format!("invalid email '{email}' for maintainer '{name}'")
        } else if !url.is_empty() && !is_page(url) {
            format!("invalid url '{url}' for maintainer '{name}'")
        } else {
            continue;
        };
        findings.push(document.finding("chart-maintainer", &["maintainers", &index.to_string()], text));
        return;
    }
}

fn addresses(document: &Document, findings: &mut Vec<Finding>) {
    let metadata = &document.metadata;
    let bad = metadata.sources.iter().enumerate().find(|(_, source)| !is_request_url(source));
    if let Some((index, source)) = bad {
        let path = ["sources", &index.to_string()];
        findings.push(document.finding("chart-source-url", &path, format!("invalid source URL '{source}'")));
    }
    let icon = &metadata.icon;
    if icon.is_empty() {
        findings.push(document.finding("chart-icon", &["icon"], "icon is recommended"));
    } else if !is_request_url(icon) {
        findings.push(document.finding("chart-icon-url", &["icon"], format!("invalid icon URL '{icon}'")));
    }
}

fn old_charts(document: &Document, findings: &mut Vec<Finding>) {
    let metadata = &document.metadata;
    if metadata.api_version != "v1" {
        return;
    }
    if metadata.chart_type.as_deref().is_some_and(|found| !found.is_empty()) {
        let text = "chart type is not valid in apiVersion 'v1'. It is valid in apiVersion 'v2'";
        findings.push(document.finding("chart-type-v1", &["type"], text));
    }
    if !metadata.dependencies.is_empty() {
        let text = "dependencies are not valid in the Chart file with apiVersion 'v1'. They are valid in apiVersion 'v2'";
        findings.push(document.finding("chart-dependencies-v1", &["dependencies"], text));
    }
}
