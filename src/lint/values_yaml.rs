//! The rules about values.yaml.
//!
//! Values that the user gives lie over the file as one table of values over another: a null in the file counts as a value.
//!
//! Invariant: only the chart's own schema counts here; those of its subcharts are checked before rendering.

use super::{Files, Finding, Settings};
use crate::chart::{Chart, Metadata};
use crate::data::{Map, Value, yaml};
use crate::sys::fs::Kind;
use crate::values::{self, ValuesError, lay_over, lay_over_keeping_nulls};

const PATH: &str = "values.yaml";
const SCHEMA: &str = "values.schema.json";

/// The user's values as Helm leaves them behind once it has looked at the file: a table of theirs has become one with that of
/// the file, so that nulls of the file count as given.
pub(super) fn left_by_check(files: &Files, given: &Map) -> Map {
    let mut left = given.clone();
    let defaults = files.text(PATH).ok().and_then(|file| yaml::to_map(&file).ok()).unwrap_or_default();
    for (key, default) in &defaults {
        if let (Some(Value::Map(own)), Value::Map(default)) = (left.get_mut(key), default) {
            *own = lay_over_keeping_nulls(own, default);
        }
    }
    left
}

pub(super) fn check(files: &Files, settings: &Settings<'_>, findings: &mut Vec<Finding>) {
    if files.kind(PATH) == Kind::Missing {
        findings.push(Finding::new("values-file", PATH, "file does not exist"));
        return;
    }
    let parse = |reason: &dyn std::fmt::Display| {
        // Go names the type that it reads values into, which here has another name than for other maps.
        let reason = reason.to_string().replace("type map[string]interface {}", "type common.Values");
        Finding::new("values-parse", PATH, format!("unable to parse YAML: {reason}"))
    };
    let file = match files.text(PATH) {
        Ok(file) => file,
        Err(reason) => return findings.push(parse(&reason)),
    };
    let defaults = match yaml::to_map(&file) {
        Ok(map) => map,
        Err(error) => return findings.push(parse(&error).because(&error)),
    };
    if settings.skip_schema || files.kind(SCHEMA) != Kind::File {
        return;
    }
    let Ok(schema) = files.text(SCHEMA) else { return };
    if schema.text().is_empty() {
        return;
    }
    let values = lay_over(settings.values, &defaults);
    // Places are named by the chart, which is called here as the user reaches it.
    let name = files.name_of("").trim_end_matches('/').into();
    let mut alone = Chart::without_files(Metadata { name, ..Metadata::default() }, Value::map());
    alone.schema = Some(schema.text().as_bytes().into());
    if let Err(ValuesError::Schema { charts }) =
        values::schema::validate(&alone, &values, Some(settings.provenance), Some(settings.documents))
    {
        let all: Vec<_> = charts.into_iter().flat_map(|chart| chart.findings).collect();
        // Helm's text ends each line; that of a schema that cannot be read is one line without an end.
        let end = |text: &str| if text.starts_with("- at ") { "\n" } else { "" };
        let text: String = all.iter().flat_map(|finding| [&*finding.text, end(&finding.text)]).collect();
        let mut finding = Finding::new("values-schema", PATH, text);
        finding.diagnostic = all.into_iter().next().map(|first| *first.diagnostic);
        findings.push(finding);
    }
}
