//! The YAML texts of a chart: Chart.yaml, requirements.yaml, the locks and values.yaml.
//!
//! Invariant: every error names the file, below the chart's folder in its text and in full in its diagnostic.

use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{ChartError, ChartFile};
use crate::data::{Value, to_value, yaml};
use crate::diag::{Diagnostic, Hint, SourceFile, Span};

/// The text of a chart's file under a name that leads the user to it.
pub(super) fn source(chart: &str, file: &ChartFile) -> Result<Arc<SourceFile>, ChartError> {
    let ChartFile { path, data, .. } = file;
    let name = format!("{}/{path}", chart.trim_end_matches('/'));
    match std::str::from_utf8(data) {
        Ok(_) => Ok(file.source(name)),
        Err(error) => {
            let file = file.source(name);
            let diagnostic = Diagnostic::error("the file is not UTF-8 text");
            Err(ChartError::Document {
                file: path.to_string(),
                text: diagnostic.message.clone(),
                diagnostic: Box::new(diagnostic.at(&file, Span::at(error.valid_up_to()))),
            })
        }
    }
}

/// An error of the YAML of a file.
fn failed(path: &str, stage: &str, error: &yaml::YamlError) -> ChartError {
    let diagnostic = error.diagnostic().cloned().unwrap_or_else(|| Diagnostic::error(error.to_string()));
    ChartError::Document {
        file: path.to_string(),
        text: format!("{stage}{error}"),
        diagnostic: Box::new(diagnostic),
    }
}

/// The first document of a file, read as leniently as Helm does.
pub(super) fn typed<T: DeserializeOwned>(path: &str, file: &Arc<SourceFile>) -> Result<T, ChartError> {
    yaml::typed(file, false).map_err(|error| failed(path, "", &error))
}

/// The maps of all documents of a values file, later ones put over earlier ones.
pub(super) fn values(path: &str, file: &Arc<SourceFile>) -> Result<Value, ChartError> {
    let documents = yaml::map_documents(file).map_err(|error| ChartError::Document {
        file: path.to_string(),
        text: error.reason,
        diagnostic: error.diagnostic,
    })?;
    let mut merged = Value::map();
    for document in documents {
        merge(&mut merged, Value::Map(document.values));
    }
    Ok(merged)
}

/// Puts a map over another one, maps within both joined. As deep as the YAML reader lets documents be.
fn merge(into: &mut Value, over: Value) {
    match (into, over) {
        (Value::Map(into), Value::Map(over)) => {
            for (key, value) in over {
                match into.get_mut(&key) {
                    Some(old @ Value::Map(_)) if value.as_map().is_some() => merge(old, value),
                    _ => {
                        into.insert(key, value);
                    }
                }
            }
        }
        (into, over) => *into = over,
    }
}

/// Where the value at a path of keys and indexes stands: its key, or the start of the file when it is not there.
pub(super) fn locate(file: &Arc<SourceFile>, path: &[&str]) -> Span {
    let node = yaml::parse(file).ok().flatten();
    node.as_ref().and_then(|node| node.entry(path)).map_or_else(Span::default, |(key, _)| key.span)
}

/// Whether a list of the first document has a null item, which Helm's types lose.
pub(super) fn has_null_item(file: &Arc<SourceFile>, key: &str) -> bool {
    let node = yaml::parse(file).ok().flatten();
    let items = node.as_ref().and_then(|node| node.find(&[key])).and_then(yaml::Node::as_list);
    items.is_some_and(|items| items.iter().any(|item| item.to_value().is_ok_and(|value| value.is_null())))
}

/// The text of a document, keys sorted as Helm has them.
pub(super) fn write(path: &str, typed: &impl Serialize) -> Result<String, ChartError> {
    let unwritable = |reason: String| ChartError::Unwritable { file: path.to_string(), reason };
    let value = to_value(typed).map_err(|error| unwritable(error.to_string()))?;
    yaml::try_to_string(&value).map_err(|error| unwritable(error.to_string()))
}
