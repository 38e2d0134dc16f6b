//! Lists of allowed values in the drafts 4, 6 and 7: Helm's copies of these drafts want at least one value, and no value
//! twice, where the validator's copies say nothing.
//!
//! Invariant: the time is that of reading the schema once, whatever it holds.

use serde_json::Value;

use super::numbers;
use super::report::Line;
use crate::values::pointer;

/// The drafts with this rule.
const DRAFTS: [&str; 3] = [
    "http://json-schema.org/draft-04/schema",
    "http://json-schema.org/draft-06/schema",
    "http://json-schema.org/draft-07/schema",
];
/// Keywords that hold one schema, a list of schemas, or both.
const SCHEMAS: [&str; 12] = [
    "additionalItems",
    "additionalProperties",
    "allOf",
    "anyOf",
    "contains",
    "else",
    "if",
    "items",
    "not",
    "oneOf",
    "propertyNames",
    "then",
];
/// Keywords that hold schemas by name.
const NAMED: [&str; 4] = ["definitions", "dependencies", "patternProperties", "properties"];

/// What is wrong with the `enum`s of a schema of a draft.
pub(super) fn findings(schema: &Value, draft: &str) -> Vec<Line> {
    let mut found = Vec::new();
    if DRAFTS.contains(&draft) {
        walk(schema, "", &mut found);
    }
    found
}

fn walk(schema: &Value, path: &str, found: &mut Vec<Line>) {
    let Value::Object(members) = schema else { return };
    for (keyword, member) in members {
        let here = || pointer::join(path, keyword);
        match member {
            Value::Array(options) if keyword == "enum" => {
                found.extend(problem(options).map(|text| Line::new(here(), text)));
            }
            Value::Array(schemas) if SCHEMAS.contains(&keyword.as_str()) => {
                for (index, schema) in schemas.iter().enumerate() {
                    walk(schema, &pointer::join(&here(), &index.to_string()), found);
                }
            }
            Value::Object(_) if SCHEMAS.contains(&keyword.as_str()) => walk(member, &here(), found),
            Value::Object(schemas) if NAMED.contains(&keyword.as_str()) => {
                for (name, schema) in schemas {
                    walk(schema, &pointer::join(&here(), name), found);
                }
            }
            _ => {}
        }
    }
}

/// What is wrong with one list, in Helm's words.
fn problem(options: &[Value]) -> Option<String> {
    if options.is_empty() {
        return Some("minItems: got 0, want 1".to_string());
    }
    let (earlier, index) = numbers::first_equal(options)?;
    Some(format!("items at {earlier} and {index} are equal"))
}
