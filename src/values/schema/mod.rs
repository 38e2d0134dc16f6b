//! values.schema.json: whether the values of a chart and of its subcharts are what their schemas ask for.
//!
//! Draft 2020-12 unless `$schema` says otherwise; formats are not checked, patterns run in linear time. References to
//! other documents go through a callback; without one they are an error, and nothing is fetched over the network.
//!
//! Invariant: this folder is the only user of the jsonschema crate.

mod enums;
mod metaschema;
mod report;

use std::sync::Arc;

use jsonschema::{PatternOptions, ReferencingError, Retrieve, Uri, ValidationError, Validator};

use super::coalesce::DEEPEST_CHART;
use super::error::{ChartFindings, Finding, ValuesError};
use super::pointer;
use super::provenance::Provenance;
use crate::chart::Chart;
use crate::data::{Map, Value};
use crate::diag::Diagnostic;

/// Where a schema counts as being, which relative references start from.
const BASE: &str = "file:///values.schema.json";
/// Most memory that one pattern may take when compiled, in bytes.
const LARGEST_PATTERN: usize = 1 << 20;

/// Fetches the JSON text that a `$ref` to another document names; the error is a sentence.
pub type Fetch = Arc<dyn Fn(&str) -> Result<String, String> + Send + Sync>;

/// Checks coalesced values against the schemas of a chart and of each subchart that has values.
///
/// With `provenance`, findings name the place where the offending value was set. `fetch` answers references to `file:`
/// and `http:` documents; a `urn:` that nobody knows allows everything, as in Helm.
///
/// # Errors
/// [`ValuesError::Schema`] with the findings of all charts: values that do not fit, and schemas that cannot be used.
pub fn validate(
    chart: &Chart,
    values: &Map,
    provenance: Option<&Provenance>,
    fetch: Option<&Fetch>,
) -> Result<(), ValuesError> {
    let mut charts = Vec::new();
    collect(chart, &Value::Map(values.clone()), "", provenance, fetch, &mut charts, 0);
    if charts.is_empty() { Ok(()) } else { Err(ValuesError::Schema { charts }) }
}

fn collect(
    chart: &Chart,
    values: &Value,
    prefix: &str,
    provenance: Option<&Provenance>,
    fetch: Option<&Fetch>,
    charts: &mut Vec<ChartFindings>,
    depth: usize,
) {
    if let Some(schema) = &chart.schema {
        let lines = check(schema, values, fetch);
        let unusable = lines.iter().any(|line| line.path.is_none());
        let findings: Vec<Finding> =
            lines.into_iter().map(|line| finding(line, prefix, provenance)).collect();
        if !findings.is_empty() {
            charts.push(ChartFindings { chart: chart.name().to_string(), findings, unusable });
        }
    }
    if depth >= DEEPEST_CHART {
        return;
    }
    for subchart in &chart.subcharts {
        if let Some(inner) = values.get(subchart.name()) {
            let below = pointer::join(prefix, subchart.name());
            collect(subchart, inner, &below, provenance, fetch, charts, depth + 1);
        }
    }
}

/// One thing that is wrong: the path within the chart's values (none when the schema itself is), and Helm's line without
/// its `- at` for the diagnostic.
struct Line {
    path: Option<String>,
    text: String,
    message: String,
}

fn finding(line: Line, prefix: &str, provenance: Option<&Provenance>) -> Finding {
    let full = line.path.as_ref().map(|path| format!("{prefix}{path}"));
    let mut diagnostic = Diagnostic::error(match &full {
        Some(path) if !path.is_empty() => format!("value {path}: {}", line.message),
        _ => line.message,
    });
    if let Some(origin) = full.as_deref().zip(provenance).and_then(|(path, known)| known.origin(path)) {
        diagnostic = diagnostic.at(&origin.at.file, origin.at.span).note(format!("set by {}", origin.layer));
    }
    Finding { path: line.path.unwrap_or_default(), text: line.text, diagnostic: Box::new(diagnostic) }
}

/// All that is wrong with one chart's values, or with its schema.
fn check(schema: &[u8], values: &Value, fetch: Option<&Fetch>) -> Vec<Line> {
    let broken = |text: String| vec![Line { path: None, message: text.clone(), text }];
    let schema: serde_json::Value = match serde_json::from_slice(schema) {
        Ok(schema) => schema,
        Err(error) => return broken(format!("values.schema.json is not JSON: {error}")),
    };
    if (!metaschema::patterns_are_good(&schema)
        || !enums::findings(&schema, metaschema::draft(&schema)).is_empty())
        && let Some(text) = metaschema::findings(&schema)
    {
        return broken(text);
    }
    let validator = match compile(&schema, fetch) {
        Ok(validator) => validator,
        Err(error) => return broken(metaschema::findings(&schema).unwrap_or_else(|| unusable(&error))),
    };
    // Values are finite trees of JSON's own kinds, so this conversion always works.
    let instance = serde_json::to_value(values).unwrap_or_default();
    let errors: Vec<ValidationError<'_>> = validator.iter_errors(&instance).collect();
    report::lines(&errors, &schema)
        .into_iter()
        .map(|line| Line { text: line.text(0), message: line.message.clone(), path: Some(line.path) })
        .collect()
}

fn compile(schema: &serde_json::Value, fetch: Option<&Fetch>) -> Result<Validator, ValidationError<'static>> {
    jsonschema::options()
        .with_base_uri(BASE)
        .with_retriever(Retriever { fetch: fetch.cloned() })
        .should_validate_formats(false)
        .with_pattern_options(PatternOptions::regex().size_limit(LARGEST_PATTERN))
        .build(schema)
}

/// Helm's text for a schema that follows its draft and cannot be used, as far as it can be told.
fn unusable(error: &ValidationError<'static>) -> String {
    match error.kind() {
        jsonschema::error::ValidationErrorKind::Referencing(ReferencingError::Unretrievable {
            uri,
            source,
        }) => {
            format!("failing loading {uri:?}: {source}")
        }
        jsonschema::error::ValidationErrorKind::Referencing(ReferencingError::PointerToNowhere {
            pointer,
        }) => {
            format!("json-pointer in \"{BASE}#{pointer}\" not found")
        }
        _ => format!("{BASE:?}: {error}"),
    }
}

/// Answers references to other documents.
struct Retriever {
    fetch: Option<Fetch>,
}

impl Retrieve for Retriever {
    fn retrieve(
        &self,
        uri: &Uri<String>,
    ) -> Result<serde_json::Value, Box<dyn std::error::Error + Send + Sync>> {
        let text = uri.as_str();
        if text.starts_with("urn:") {
            return Ok(serde_json::Value::Bool(true));
        }
        let Some(fetch) = &self.fetch else {
            return Err("references to other documents are not followed".into());
        };
        Ok(serde_json::from_str(&fetch(text)?)?)
    }
}

#[cfg(test)]
mod tests {
    use super::super::layers::Layers;
    use super::*;
    use crate::chart::Metadata;
    use crate::diag::SourceFile;

    fn chart(name: &str, schema: &str, values_yaml: &str, subcharts: Vec<Chart>) -> Chart {
        let file = SourceFile::new(format!("{name}/values.yaml"), values_yaml);
        let layers = Layers { files: vec![Arc::clone(&file)], ..Layers::default() };
        Chart {
            metadata: Metadata { name: name.into(), ..Metadata::default() },
            chart_yaml: SourceFile::new("Chart.yaml", ""),
            lock: None,
            values: Value::Map(layers.merge(&mut |_| Err(String::new()), None).unwrap()),
            values_yaml: Some(file),
            schema: Some(schema.as_bytes().into()),
            templates: Vec::new(),
            files: Vec::new(),
            raw: Vec::new(),
            subcharts,
            unread: crate::sys::content::Failures::default(),
        }
    }

    #[test]
    fn findings_name_the_place_that_set_the_value() {
        let schema = r#"{"properties":{"port":{"type":"integer"},"name":{"type":"string"}}}"#;
        let sub = chart("sub", schema, "port: 80\nname: [x]\n", Vec::new());
        let root = chart("root", schema, "port: web\nsub:\n  port: a\n", vec![sub]);
        let layers = Layers { set: vec!["x=1,name=5".to_string()], ..Layers::default() };
        let mut provenance = Provenance::default();
        let user = layers.merge(&mut |_| Err(String::new()), Some(&mut provenance)).unwrap();
        provenance.add_defaults(&root, "");
        let values =
            crate::values::coalesce(&root, &user, crate::values::Compat::Helm4, &mut Vec::new()).unwrap();
        let Err(ValuesError::Schema { charts }) = validate(&root, &values, Some(&provenance), None) else {
            panic!("four values do not fit");
        };
        let found: Vec<String> = charts
            .iter()
            .flat_map(|chart| &chart.findings)
            .map(|finding| finding.diagnostic.to_string())
            .collect();
        assert_eq!(
            found,
            [
                "--set:1:5: value /name: got number, want string",
                "root/values.yaml:1:1: value /port: got string, want integer",
                "sub/values.yaml:2:1: value /sub/name: got array, want string",
                "root/values.yaml:3:3: value /sub/port: got string, want integer",
            ]
        );
    }

    #[test]
    fn other_documents_come_from_the_caller_only() {
        let schema = r#"{"properties":{"a":{"$ref":"file:///shared.json#/port"}}}"#;
        let root = chart("root", schema, "a: x\n", Vec::new());
        let values = root.values.as_map().cloned().unwrap();
        let text = |fetch: Option<&Fetch>| validate(&root, &values, None, fetch).unwrap_err().to_string();
        assert!(text(None).contains("failing loading \"file:///shared.json\""), "{}", text(None));
        let fetch: Fetch = Arc::new(|uri| match uri {
            "file:///shared.json" => Ok(r#"{"port":{"type":"integer"}}"#.to_string()),
            other => Err(format!("no {other}")),
        });
        assert!(text(Some(&fetch)).ends_with("root:\n- at '/a': got string, want integer\n"));
    }
}
