//! Schemas that do not follow the draft they are written in.
//!
//! Helm checks a whole schema before it looks at values, also the parts that no reference leads to, and takes patterns for
//! Go's. All that is wrong is told at once.
//!
//! Invariant: a schema without findings here has patterns that Go can read.

use jsonschema::ValidationError;
use serde_json::{Value, json};

use super::{BASE, enums, report};
use crate::data::pattern;

/// The draft of a schema that does not name one, or names the newest.
const DEFAULT_DRAFT: &str = "https://json-schema.org/draft/2020-12/schema";
const NEWEST: &str = "http://json-schema.org/schema";
/// Formats of the drafts that Helm does not look at in a schema.
const UNCHECKED: [&str; 2] = ["uri", "uri-reference"];

/// Whether Go reads every text that may be a pattern; a quick look, before the check against the draft.
pub(super) fn patterns_are_good(schema: &Value) -> bool {
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

/// The draft that a schema is written in.
pub(super) fn draft(schema: &Value) -> &str {
    let named = schema.get("$schema").and_then(Value::as_str).map(|name| name.trim_end_matches('#'));
    named.filter(|name| *name != NEWEST).unwrap_or(DEFAULT_DRAFT)
}

/// Helm's text about a schema that does not follow its draft; `None` when it does, or when the draft is unknown.
pub(super) fn findings(schema: &Value) -> Option<String> {
    let draft = draft(schema);
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
        "\"{BASE}#\" is not valid against metaschema: jsonschema validation failed with '{draft}#'\n{}",
        lines.join("\n")
    ))
}
