//! Schemas that do not follow the draft they are written in.
//!
//! Helm checks a whole schema before it looks at values, also the parts that no reference leads to, and takes patterns for
//! Go's. All that is wrong is told at once.
//!
//! Invariant: a schema without findings here has patterns that Go can read.

use std::borrow::Cow;

use jsonschema::ValidationError;
use serde_json::{Value, json};

use super::index::draft_number;
use super::{enums, report};
use crate::data::pattern;

/// Formats of the drafts that Helm does not look at in a schema.
const UNCHECKED: [&str; 2] = ["uri", "uri-reference"];

/// Holds a schema to its draft.
///
/// # Errors
/// Helm's text about all that is wrong with it, or that nobody knows the draft.
pub(super) fn holds(schema: &Value, url: &str) -> Result<(), String> {
    holds_at(schema, &format!("{url}#"), draft(schema))
}

/// Holds a part of a schema to the draft of the whole; `place` is its URL with the way there.
///
/// # Errors
/// As [`holds`].
pub(super) fn part_holds(part: &Value, draft: u16, place: &str) -> Result<(), String> {
    let mut part = part.clone();
    if let Some(members) = part.as_object_mut() {
        members.entry("$schema").or_insert_with(|| Value::String(name_of(draft).to_string()));
    }
    holds_at(&part, place, name_of(draft))
}

fn holds_at(schema: &Value, place: &str, draft: &str) -> Result<(), String> {
    let schema = &plain(schema);
    // A boolean cannot say which draft it is of, and the oldest one has none.
    let is_foreign = schema.is_boolean() && draft == name_of(4);
    let known = jsonschema::meta::validate(schema);
    let good = known.is_ok()
        && !is_foreign
        && patterns_are_good(schema)
        && enums::findings(schema, draft).is_empty();
    match (good, findings(schema, place, draft), known) {
        (true, ..) | (false, None, Ok(())) => Ok(()),
        (false, Some(text), _) => Err(text),
        (false, None, Err(error)) => Err(format!("{place:?}: {error}")),
    }
}

/// The schema as the validator knows it: its draft by the one name, in draft 4 whole numbers without a point, and in drafts 4
/// and 6 without patterns of names that cannot be read.
fn plain(schema: &Value) -> Cow<'_, Value> {
    let named = schema.get("$schema").and_then(Value::as_str);
    let other_name = named.and_then(draft_number).is_some() && named != Some(draft(schema));
    let is_old = draft(schema) == name_of(4);
    let is_older = is_old || draft(schema) == name_of(6);
    if !other_name && !is_older {
        return Cow::Borrowed(schema);
    }
    let mut plain = schema.clone();
    if is_old {
        without_points(&mut plain);
    }
    if is_older {
        without_bad_names(&mut plain);
    }
    if let (true, Some(members)) = (other_name, plain.as_object_mut()) {
        members.insert("$schema".to_string(), Value::String(draft(schema).to_string()));
    }
    Cow::Owned(plain)
}

/// Writes 2.0 as 2.
fn without_points(schema: &mut Value) {
    match schema {
        Value::Array(items) => items.iter_mut().for_each(without_points),
        Value::Object(members) => members.values_mut().for_each(without_points),
        Value::Number(number) => {
            let whole = number.as_f64().filter(|value| value.fract() == 0.0 && value.abs() < 1e15);
            if let Some(whole) = whole.filter(|_| number.is_f64()) {
                *schema = Value::from(whole as i64);
            }
        }
        _ => {}
    }
}

/// Takes patterns of names that Go cannot read out of the way. The older drafts do not look at them, and the validator would.
fn without_bad_names(schema: &mut Value) {
    match schema {
        Value::Array(items) => items.iter_mut().for_each(without_bad_names),
        Value::Object(members) => {
            if let Some(Value::Object(named)) = members.get_mut("patternProperties") {
                named.retain(|name, _| pattern::check(name).is_ok());
            }
            members.values_mut().for_each(without_bad_names);
        }
        _ => {}
    }
}

/// Whether Go reads every text that may be a pattern; a quick look, before the check against the draft.
fn patterns_are_good(schema: &Value) -> bool {
    let good = |text: &str| pattern::check(text).is_ok();
    match schema {
        Value::Array(items) => items.iter().all(patterns_are_good),
        Value::Object(members) => members.iter().all(|(name, member)| match (name.as_str(), member) {
            ("pattern", Value::String(text)) => good(text),
            ("patternProperties", Value::Object(inner)) => {
                inner.keys().all(|name| good(name)) && patterns_are_good(member)
            }
            _ => patterns_are_good(member),
        }),
        _ => true,
    }
}

/// The name of the draft that a schema is written in, without `#`; for one that is not known what the schema says.
pub(super) fn draft(schema: &Value) -> &str {
    let Some(named) = schema.get("$schema").and_then(Value::as_str) else { return name_of(2020) };
    match draft_number(named) {
        Some(number) => name_of(number),
        None => named,
    }
}

fn name_of(draft: u16) -> &'static str {
    match draft {
        4 => "http://json-schema.org/draft-04/schema",
        6 => "http://json-schema.org/draft-06/schema",
        7 => "http://json-schema.org/draft-07/schema",
        2019 => "https://json-schema.org/draft/2019-09/schema",
        _ => "https://json-schema.org/draft/2020-12/schema",
    }
}

/// Helm's text about a schema that does not follow its draft; `None` when it does, or when the draft is unknown.
fn findings(schema: &Value, place: &str, draft: &str) -> Option<String> {
    let mut options = jsonschema::options()
        .should_validate_formats(true)
        .with_format("regex", |text: &str| pattern::check(text).is_ok());
    for format in UNCHECKED {
        options = options.with_format(format, |_: &str| true);
    }
    let validator = options.build(&json!({ "$schema": draft, "$ref": draft })).ok()?;
    let errors: Vec<ValidationError<'_>> = validator.iter_errors(schema).collect();
    let mut lines = report::lines_of_draft(&errors);
    let enums = enums::findings(schema, draft);
    if !enums.is_empty() {
        lines.extend(enums);
        lines.sort_by(|a, b| a.path.cmp(&b.path));
    }
    if lines.is_empty() {
        return None;
    }
    let lines: Vec<String> = lines.iter().map(|line| line.text(0)).collect();
    Some(format!(
        "{place:?} is not valid against metaschema: jsonschema validation failed with '{draft}#'\n{}",
        lines.join("\n")
    ))
}
