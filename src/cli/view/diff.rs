//! Differences between objects as text, JSON or YAML.

use serde::Serialize;

use super::structured;
use crate::cli::error::Failure;
use crate::cli::parse::Format;
use crate::cli::ui::{Label, Paint};
use crate::data::Value;
use crate::manifest::ObjectRef;
use crate::plan::diff::{FieldChange, ObjectDiff, Role};

/// How a row about an object begins: which, and what becomes of it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Head<'a> {
    object: String,
    api_version: String,
    kind: &'a str,
    namespace: &'a str,
    name: &'a str,
    action: &'a str,
}

impl<'a> Head<'a> {
    pub(super) fn of(id: &'a ObjectRef, action: &'a str) -> Self {
        Head {
            object: id.to_string(),
            api_version: id.api_version(),
            kind: &id.kind,
            namespace: &id.namespace,
            name: &id.name,
            action,
        }
    }
}

/// How such a row ends: the fields that change, or the whole object when it is new.
#[derive(Debug, Default, Serialize)]
pub(super) struct Difference<'a> {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    changes: Vec<FieldChange>,
    #[serde(skip_serializing_if = "Option::is_none")]
    after: Option<&'a Value>,
}

impl<'a> Difference<'a> {
    pub(super) fn of(difference: &'a ObjectDiff) -> Self {
        Difference {
            changes: difference.fields(),
            after: difference.after.as_ref().filter(|_| difference.before.is_none()),
        }
    }
}

/// One object of the report.
#[derive(Debug, Serialize)]
struct Row<'a> {
    #[serde(flatten)]
    head: Head<'a>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    hook: bool,
    #[serde(flatten)]
    difference: Difference<'a>,
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
        let hook = if difference.role == Role::Hook { "hook " } else { "" };
        text += &paint.label(Label::Header, &format!("{} {hook}{}", difference.action(), difference.id));
        text.push('\n');
        text += &body(difference, context, paint);
    }
    text += &summary(differences);
    Ok(text)
}

/// The lines of one difference, without its first.
pub(super) fn body(difference: &ObjectDiff, context: Option<usize>, paint: Paint) -> String {
    let fields = difference.fields();
    match context {
        Some(lines) => {
            let left = fields.iter().filter_map(|change| {
                let note = format!("  # {}: {}\n", change.path, last_revision(change)?);
                Some(paint.label(Label::Pending, &note))
            });
            left.chain([unified(&difference.unified(lines), paint)]).collect()
        }
        None => fields.iter().map(field).collect(),
    }
}

/// What the last revision has in a field that the live object had left before this change.
fn last_revision(change: &FieldChange) -> Option<String> {
    Some(match change.base.as_ref()? {
        Value::Null => "not in the last revision".to_string(),
        value => format!("the last revision has {}", shown(value)),
    })
}

fn shown(value: &Value) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

fn row(difference: &ObjectDiff) -> Row<'_> {
    Row {
        head: Head::of(&difference.id, difference.action()),
        hook: difference.role == Role::Hook,
        difference: Difference::of(difference),
    }
}

fn field(change: &FieldChange) -> String {
    let told = |value: &Option<Value>| value.as_ref().map_or_else(|| "(none)".to_string(), shown);
    let left = last_revision(change).map(|told| format!(" ({told})")).unwrap_or_default();
    format!("  {}: {} -> {}{left}\n", change.path, told(&change.before), told(&change.after))
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
