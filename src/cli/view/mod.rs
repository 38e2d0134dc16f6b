//! Reports as text: pure functions from plain structs to what Helm prints.
//!
//! Each report struct has the fields of Helm's JSON, in its order and under its names, so that `-o json` is one
//! serialisation and the tables are built from the same struct.
//!
//! Invariants: nothing here prints or reads a clock; the same report gives the same bytes.

pub mod changes;
pub mod charts;
pub mod diff;
mod from_release;
pub mod history;
pub mod lint;
pub mod list;
pub mod metadata;
pub mod objects;
pub mod plan;
pub mod release;
pub mod table;
pub mod tree;
pub mod values;

use serde::{Serialize, Serializer};

use super::error::Failure;
use super::parse::Format;
use crate::data::time::Time;
use crate::data::{Map, Value, json, to_value, yaml};
use crate::release::Status;

/// A report as JSON (one line, fields in the struct's order, Go's escapes) or YAML (sorted keys); `table` counts as
/// JSON here.
///
/// # Errors
/// The report holds what JSON cannot say, such as an infinite number.
pub fn structured<T: Serialize>(report: &T, format: Format) -> Result<String, Failure> {
    let cannot = |error: &dyn std::fmt::Display| Failure::new(format!("cannot print the result: {error}"));
    let value = to_value(report).map_err(|error| cannot(&error))?;
    if format == Format::Yaml {
        return yaml::try_to_string(&value).map_err(|error| cannot(&error));
    }
    let style = json::Style { sort_keys: false, ..json::Style::default() };
    json::to_string_with(&value, style).map(|text| text + "\n").map_err(|error| cannot(&error))
}

/// How a report about one revision begins.
#[derive(Debug, Serialize)]
pub struct RevisionHead<'a> {
    release: &'a str,
    revision: u64,
    status: String,
    description: &'a str,
}

impl<'a> RevisionHead<'a> {
    /// The head of a revision with a status and a description.
    pub fn new(release: &'a str, revision: u64, status: Status, description: &'a str) -> Self {
        RevisionHead { release, revision, status: status.to_string(), description }
    }

    /// The same as a sentence; `verb` is `is` or `was`.
    pub fn line(&self, verb: &str) -> String {
        let RevisionHead { release, revision, status, description } = self;
        format!("revision {revision} of {release} {verb} {status}: {description}")
    }
}

/// A value with the keys of all its maps sorted, as Go writes maps.
pub fn sorted(value: &Value) -> Value {
    match value {
        Value::List(items) => Value::List(items.iter().map(sorted).collect()),
        Value::Map(map) => {
            let mut pairs: Map = map.iter().map(|(key, value)| (key.clone(), sorted(value))).collect();
            pairs.sort_unstable_keys();
            Value::Map(pairs)
        }
        plain => plain.clone(),
    }
}

/// Serialises a time as RFC 3339 with nanoseconds.
#[expect(clippy::ref_option, reason = "serde passes references")]
fn as_rfc3339<S: Serializer>(time: &Option<Time>, serializer: S) -> Result<S::Ok, S::Error> {
    time.as_ref().map(Time::rfc3339_nano).serialize(serializer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Serialize)]
    struct Report {
        zeta: &'static str,
        alpha: u32,
        free: Value,
    }

    #[test]
    fn structs_keep_their_order_and_maps_do_not() {
        let free: Map = [("b".into(), Value::Int(1)), ("a".into(), Value::Null)].into_iter().collect();
        let report = Report { zeta: "<&>", alpha: 1, free: sorted(&Value::Map(free)) };
        assert_eq!(
            structured(&report, Format::Json).unwrap(),
            "{\"zeta\":\"\\u003c\\u0026\\u003e\",\"alpha\":1,\"free\":{\"a\":null,\"b\":1}}\n"
        );
        assert_eq!(
            structured(&report, Format::Yaml).unwrap(),
            "alpha: 1\nfree:\n  a: null\n  b: 1\nzeta: <&>\n"
        );
    }
}
