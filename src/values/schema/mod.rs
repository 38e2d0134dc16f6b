//! values.schema.json: whether the values of a chart and of its subcharts are what their schemas ask for.
//!
//! Draft 2020-12 unless `$schema` says otherwise; formats count up to draft 7, patterns run in linear time. References to
//! other documents go through a callback; without one they are an error.
//!
//! The jsonschema crate knows the drafts, and holds schemas to them. Values are looked at here: Helm's report has causes,
//! and an order, that the crate does not tell, and stops at other places.
//!
//! Invariant: this folder is the only user of the jsonschema crate.

mod check;
mod enums;
mod formats;
mod index;
mod metaschema;
mod numbers;
mod report;

use index::{Document, Index, Lost};
use serde::de::IgnoredAny;

use super::coalesce::DEEPEST_CHART;
use super::error::{ChartFindings, Finding, ValuesError};
use super::pointer;
use super::provenance::Provenance;
use crate::chart::Chart;
use crate::data::json::{self, JsonError};
use crate::data::{Map, Value};
use crate::diag::{Diagnostic, Location, SourceFile, Span};

/// Where a schema counts as being, which relative references start from.
const BASE: &str = "file:///values.schema.json";
/// Most documents that a schema may consist of.
const MOST_DOCUMENTS: usize = 64;

/// Fetches the JSON text that a `$ref` to another document names; the error is a sentence.
pub type Fetch<'a> = dyn Fn(&str) -> Result<Vec<u8>, String> + 'a;

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
    fetch: Option<&Fetch<'_>>,
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
    fetch: Option<&Fetch<'_>>,
    charts: &mut Vec<ChartFindings>,
    depth: usize,
) {
    if let Some(schema) = &chart.schema {
        let lines = check(schema, values, fetch);
        let unusable = lines.iter().any(|line| line.path.is_none());
        let mut findings: Vec<Finding> =
            lines.into_iter().map(|line| finding(line, prefix, provenance)).collect();
        if let (true, Some(at)) = (unusable, syntax_error(chart.name(), schema)) {
            for finding in &mut findings {
                finding.diagnostic.at = Some(at.clone());
            }
        }
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

/// Where a schema is no JSON.
fn syntax_error(chart: &str, schema: &[u8]) -> Option<Location> {
    let error = serde_json::from_slice::<IgnoredAny>(schema).err()?;
    let file = SourceFile::from_bytes(format!("{chart}/values.schema.json"), schema);
    // serde counts both from one, and a column of zero is the end of the line before.
    let line = u32::try_from(error.line()).ok()?;
    let start = file.line_start(line) as usize + error.column().saturating_sub(1);
    let text = file.text();
    let borders = (0..=start.min(text.len())).rev();
    let start = borders.into_iter().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    let length = text[start..].chars().next().map_or(0, char::len_utf8); // a border was found
    Some(Location { span: Span::new(start, start + length), file })
}

/// All that is wrong with one chart's values, or with its schema.
fn check(schema: &[u8], values: &Value, fetch: Option<&Fetch<'_>>) -> Vec<Line> {
    // Values are finite trees of JSON's own kinds, so this conversion always works.
    let instance = serde_json::to_value(values).unwrap_or_default();
    match findings(schema, &instance, fetch) {
        Ok(lines) => lines
            .into_iter()
            .map(|line| Line { text: line.text(0), message: line.message.clone(), path: Some(line.path) })
            .collect(),
        Err(text) => vec![Line { path: None, message: text.clone(), text }],
    }
}

/// What is wrong with values; the error is why the schema cannot be used.
fn findings(
    schema: &[u8],
    instance: &serde_json::Value,
    fetch: Option<&Fetch<'_>>,
) -> Result<Vec<report::Line>, String> {
    let mut documents = vec![Document { url: BASE.to_string(), root: read(schema)? }];
    loop {
        let index = Index::new(&documents)?;
        for document in &documents {
            draft_is_known(&document.root, fetch)?;
            metaschema::holds(&document.root, &document.url)?;
        }
        let url = match index.references_hold() {
            Ok(()) => return check::lines(&index, instance).map_err(|check::TooMuch(text)| text),
            Err(Lost::Place(text)) => return Err(text),
            Err(Lost::Document(url)) => url,
        };
        if documents.len() >= MOST_DOCUMENTS {
            return Err(format!("the schema refers to more than {MOST_DOCUMENTS} documents"));
        }
        let root = load(&url, fetch)?;
        documents.push(Document { url, root });
    }
}

/// The JSON of a schema; errors are Go's.
fn read(bytes: &[u8]) -> Result<serde_json::Value, String> {
    let problem = match serde_json::from_slice(bytes) {
        Ok(schema) => return Ok(schema),
        Err(problem) => problem,
    };
    let text = String::from_utf8_lossy(bytes);
    if text.trim().is_empty() {
        return Err("EOF".to_string());
    }
    match json::parse_prefix(&text) {
        Err(JsonError::Syntax { message, .. }) if message == "unexpected end of JSON input" => {
            Err("unexpected EOF".to_string())
        }
        Err(JsonError::Syntax { message, .. }) => Err(message),
        Ok((_, end)) if !text[end..].trim().is_empty() => {
            Err("invalid character after top-level value".to_string())
        }
        _ => Err(format!("values.schema.json cannot be read: {problem}")),
    }
}

/// Refuses a schema in a draft of its own: in Helm's words when that draft is not there, else in ours.
fn draft_is_known(schema: &serde_json::Value, fetch: Option<&Fetch<'_>>) -> Result<(), String> {
    match schema.get("$schema").and_then(serde_json::Value::as_str) {
        Some(named) if index::draft_number(named).is_none() => {
            load(named, fetch)?;
            Err(format!("$schema {named:?} is none of the drafts 4, 6, 7, 2019-09 and 2020-12"))
        }
        _ => Ok(()),
    }
}

/// Another document. A `urn:` that nobody knows allows everything, as in Helm, and so does a draft.
fn load(url: &str, fetch: Option<&Fetch<'_>>) -> Result<serde_json::Value, String> {
    if url.starts_with("urn:") || index::draft_number(url).is_some() {
        return Ok(serde_json::Value::Bool(true));
    }
    let none: &Fetch<'_> = &|_| Err("references to other documents are not followed".to_string());
    let found = fetch.unwrap_or(none)(url).and_then(|bytes| read(&bytes));
    found.map_err(|problem| format!("failing loading {url:?}: {problem}"))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::layers::Layers;
    use super::*;
    use crate::chart::Metadata;

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
            links: Vec::new(),
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

    /// What is wrong with a value that a chain of definitions leads to, each made from the name of the next.
    fn chained(links: usize, link: impl Fn(&str) -> String) -> String {
        let definitions: Vec<String> = (0..links)
            .map(|at| format!("\"d{at}\": {}", link(&format!("#/definitions/d{}", at + 1))))
            .collect();
        let schema = format!(
            "{{\"$ref\": \"#/definitions/d0\", \"definitions\": {{{}, \"d{links}\": false}}}}",
            definitions.join(", ")
        );
        let lines = check(schema.as_bytes(), &Value::Map(Map::new()), None);
        lines.into_iter().map(|line| line.text).collect()
    }

    #[test]
    fn references_are_bounded() {
        let once = |to: &str| format!("{{\"$ref\": \"{to}\"}}");
        assert_eq!(chained(200, once), "- at '': false schema");
        assert!(chained(300, once).contains("leads deeper than 256 levels"));
        let twice = |to: &str| {
            format!("{{\"not\": {{\"allOf\": [{{\"$ref\": \"{to}\"}}, {{\"$ref\": \"{to}\"}}]}}}}")
        };
        let endless = chained(40, twice);
        assert!(endless.is_empty() || endless.contains("needs more than"), "{endless}");
        let both = |to: &str| format!("{{\"anyOf\": [{{\"$ref\": \"{to}\"}}, {{\"$ref\": \"{to}\"}}]}}");
        assert!(chained(40, both).contains("needs more than"));
    }

    #[test]
    fn other_documents_come_from_the_caller_only() {
        let schema = r#"{"properties":{"a":{"$ref":"file:///shared.json#/port"}}}"#;
        let root = chart("root", schema, "a: x\n", Vec::new());
        let values = root.values.as_map().cloned().unwrap();
        let text = |fetch: Option<&Fetch<'_>>| validate(&root, &values, None, fetch).unwrap_err().to_string();
        assert!(text(None).contains("failing loading \"file:///shared.json\""), "{}", text(None));
        let fetch = |uri: &str| match uri {
            "file:///shared.json" => Ok(br#"{"port":{"type":"integer"}}"#.to_vec()),
            other => Err(format!("no {other}")),
        };
        assert!(text(Some(&fetch)).ends_with("root:\n- at '/a': got string, want integer\n"));
        let cut = |_: &str| Ok(b"{\"a\"".to_vec());
        assert!(text(Some(&cut)).contains("failing loading \"file:///shared.json\": unexpected EOF"));
    }
}
