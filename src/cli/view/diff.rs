//! Differences between objects as text, JSON or YAML.

use serde::Serialize;

use super::structured;
use crate::cli::error::Failure;
use crate::cli::parse::Format;
use crate::cli::ui::{Label, Paint};
use crate::data::Value;
use crate::plan::diff::{FieldChange, ObjectDiff};

/// One object of the report.
#[derive(Debug, Serialize)]
struct Row<'a> {
    object: String,
    #[serde(rename = "apiVersion")]
    api_version: String,
    kind: &'a str,
    namespace: &'a str,
    name: &'a str,
    action: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    changes: Vec<FieldChange>,
    #[serde(skip_serializing_if = "Option::is_none")]
    after: Option<&'a Value>,
}

/// The differences, with `context` lines around each change; fields only, when `context` is `None`.
///
/// # Errors
/// They hold what JSON cannot say.
pub fn text(
    differences: &[ObjectDiff],
    format: Format,
    context: Option<usize>,
    paint: Paint,
) -> Result<String, Failure> {
    if format != Format::Table {
        let rows: Vec<Row<'_>> = differences.iter().map(row).collect();
        return structured(&rows, format);
    }
    let mut text = String::new();
    for difference in differences {
        text += &paint.label(Label::Header, &format!("{} {}", difference.action(), difference.id));
        text.push('\n');
        match context {
            Some(lines) => text += &unified(&difference.unified(lines), paint),
            None => difference.fields().iter().for_each(|change| text += &field(change)),
        }
    }
    text += &summary(differences);
    Ok(text)
}

fn row(difference: &ObjectDiff) -> Row<'_> {
    let id = &difference.id;
    Row {
        object: id.to_string(),
        api_version: id.api_version(),
        kind: &id.kind,
        namespace: &id.namespace,
        name: &id.name,
        action: difference.action(),
        changes: difference.fields(),
        after: difference.after.as_ref().filter(|_| difference.before.is_none()),
    }
}

fn field(change: &FieldChange) -> String {
    let shown = |value: &Option<Value>| match value {
        None => "(none)".to_string(),
        Some(value) => serde_json::to_string(value).unwrap_or_default(),
    };
    format!("  {}: {} -> {}\n", change.path, shown(&change.before), shown(&change.after))
}

/// The lines of a unified diff; the sign in front says what the colour says.
fn unified(diff: &str, paint: Paint) -> String {
    let mut text = String::new();
    for line in diff.lines() {
        let label = match line.as_bytes().first() {
            Some(b'+') => Some(Label::Good),
            Some(b'-') => Some(Label::Bad),
            Some(b'@') => Some(Label::Faint),
            _ => None,
        };
        text += &paint.maybe(label, line);
        text.push('\n');
    }
    text
}

fn summary(differences: &[ObjectDiff]) -> String {
    if differences.is_empty() {
        return "no differences\n".to_string();
    }
    let count = |action: &str| differences.iter().filter(|one| one.action() == action).count();
    format!("{} to create, {} to change, {} to delete\n", count("create"), count("change"), count("delete"))
}
