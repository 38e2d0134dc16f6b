//! A release as the text that records hold: base64 of gzip of JSON.
//!
//! ```text
//! {"name","info":{first_deployed,last_deployed,deleted,description,status,rollback_revision,notes},
//!  "chart":{metadata,lock,templates,values,schema,schemamodtime,files,modtime},
//!  "config","manifest","hooks":[…],"version","namespace","apply_method"}
//! ```
//!
//! Source: the payload of Helm 4.3.1 (seen in `install --dry-run=client -o json`, which prints the same object) and of
//! Helm 3, whose records lack the times of files and write times that are not set as `""`.
//!
//! Invariant: [`encode`] writes what Go's `encoding/json` writes for the same release, and [`decode`] reads it back equal.
//! Deviation: whole numbers of values keep all their digits, where Helm writes those above 2^53 as rounded floats.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{RecordedFile, Release};
use crate::data::time::{RFC3339_NANO, Time, Zone};
use crate::data::{Value, from_value, gzip, json, to_value};

/// Most bytes that a payload may unpack to.
pub const MOST_BYTES: u64 = 256 << 20;

/// Why a payload cannot be read or written, in a phrase.
pub type Reason = String;

/// The text of a release.
///
/// # Errors
/// A value is no JSON (a number that is not finite).
pub fn encode(release: &Release) -> Result<String, Reason> {
    Ok(STANDARD.encode(gzip::deflate_release(to_json(release)?.as_bytes())))
}

/// The JSON of a release, as Helm writes it.
///
/// # Errors
/// A value is no JSON (a number that is not finite).
pub fn to_json(release: &Release) -> Result<String, Reason> {
    for (values, what) in [(&release.config, "config"), (&release.chart.values, "chart.values")] {
        if let Some(number) = first_unsayable(values) {
            return Err(format!("{what}: {number} is no JSON number"));
        }
    }
    let mut value = to_value(release).map_err(|error| error.to_string())?;
    // What is a map in Go is written with sorted keys; the fields of structures stay in their order.
    for path in [&["config"][..], &["chart", "values"], &["chart", "metadata", "annotations"]] {
        if let Some(map) = at_mut(&mut value, path) {
            sort(map);
        }
    }
    if let Some(Value::List(dependencies)) = at_mut(&mut value, &["chart", "metadata", "dependencies"]) {
        dependencies
            .iter_mut()
            .filter_map(|dependency| at_mut(dependency, &["import-values"]))
            .for_each(sort);
    }
    let style = json::Style { sort_keys: false, ..json::Style::default() };
    json::to_string_with(&value, style).map_err(|error| error.to_string())
}

/// Reads a text that [`encode`], Helm 3 or Helm 4 wrote. Plain JSON, with or without base64, is read as well.
///
/// # Errors
/// It is no base64, no gzip, no JSON, larger than [`MOST_BYTES`], or a field has another type.
pub fn decode(text: &[u8]) -> Result<Release, Reason> {
    from_json(&json_of(text)?)
}

/// The JSON in a text.
fn json_of(text: &[u8]) -> Result<Cow<'_, [u8]>, Reason> {
    if text.trim_ascii_start().starts_with(b"{") {
        return Ok(Cow::Borrowed(text));
    }
    let bytes = STANDARD.decode(text.trim_ascii()).map_err(|error| format!("no base64: {error}"))?;
    if bytes.starts_with(&[0x1f, 0x8b, 0x08]) {
        let json = gzip::inflate(&bytes, MOST_BYTES);
        return json.map(Cow::Owned).map_err(|error| format!("damaged gzip data: {error}"));
    }
    Ok(Cow::Owned(bytes))
}

/// What lists show of a release; the rest of its payload is passed over.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default)]
pub(super) struct Head {
    pub(super) info: HeadInfo,
    pub(super) chart: HeadChart,
}

/// See [`Head`].
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default)]
pub(super) struct HeadInfo {
    #[serde(deserialize_with = "time::deserialize")]
    pub(super) last_deployed: Option<Time>,
    pub(super) description: Option<String>,
    pub(super) rollback_revision: Option<u64>,
}

/// See [`Head`].
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default)]
pub(super) struct HeadChart {
    pub(super) metadata: HeadMetadata,
}

/// See [`Head`].
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct HeadMetadata {
    pub(super) name: Option<String>,
    pub(super) version: Option<String>,
    pub(super) app_version: Option<String>,
}

/// Reads only the head of what [`decode`] reads.
///
/// # Errors
/// As [`decode`], of what belongs to the head.
pub(super) fn decode_head(text: &[u8]) -> Result<Head, Reason> {
    serde_json::from_slice(&json_of(text)?).map_err(|error| format!("no JSON: {error}"))
}

/// Reads the JSON of a release.
///
/// # Errors
/// It is no JSON, or a field has another type.
pub fn from_json(json: &[u8]) -> Result<Release, Reason> {
    let mut value: Value = serde_json::from_slice(json).map_err(|error| format!("no JSON: {error}"))?;
    // Go reads a null anywhere as "not set". Only values keep theirs.
    let config = take(&mut value, &[], "config");
    let defaults = take(&mut value, &["chart"], "values");
    drop_nulls(&mut value);
    let mut release: Release = from_value(&value).map_err(|error| error.to_string())?;
    for (given, what) in [(&config, "config"), (&defaults, "chart.values")] {
        if !matches!(given, Value::Null | Value::Map(_)) {
            return Err(format!("{what} is a {}, not a map", given.kind()));
        }
    }
    (release.config, release.chart.values) = (config, defaults);
    Ok(release)
}

fn at_mut<'a>(value: &'a mut Value, path: &[&str]) -> Option<&'a mut Value> {
    path.iter().try_fold(value, |at, key| at.as_map_mut()?.get_mut(*key))
}

fn take(value: &mut Value, path: &[&str], key: &str) -> Value {
    let found = at_mut(value, path).and_then(Value::as_map_mut).and_then(|map| map.shift_remove(key));
    found.unwrap_or_default()
}

/// Sorts the keys of a value at every level. Its depth was bounded when it was read.
fn sort(value: &mut Value) {
    match value {
        Value::Map(map) => {
            map.sort_unstable_keys();
            map.values_mut().for_each(sort);
        }
        Value::List(items) => items.iter_mut().for_each(sort),
        _ => {}
    }
}

/// The first number in a value that JSON cannot say; `None` when there is none.
pub fn first_unsayable(value: &Value) -> Option<f64> {
    match value {
        Value::Float(number) => Some(*number).filter(|number| !number.is_finite()),
        Value::List(items) => items.iter().find_map(first_unsayable),
        Value::Map(map) => map.values().find_map(first_unsayable),
        _ => None,
    }
}

fn drop_nulls(value: &mut Value) {
    match value {
        Value::Map(map) => {
            map.retain(|_, value| !value.is_null());
            map.values_mut().for_each(drop_nulls);
        }
        Value::List(items) => items.iter_mut().for_each(drop_nulls),
        _ => {}
    }
}

/// Whether user values are left out of a record.
pub(super) fn is_empty(value: &Value) -> bool {
    match value {
        Value::Map(map) => map.is_empty(),
        other => other.is_null(),
    }
}

#[allow(clippy::trivially_copy_pass_by_ref)] // serde passes references
pub(super) fn is_zero(number: &u64) -> bool {
    *number == 0
}

#[allow(clippy::trivially_copy_pass_by_ref)] // serde passes references
pub(super) fn is_zero_signed(number: &i64) -> bool {
    *number == 0
}

/// Times that are left out when they are not set; `""` and Go's zero time are read as not set.
#[allow(clippy::ref_option)] // serde passes references
pub(super) mod time {
    use super::{Deserialize, Deserializer, RFC3339_NANO, Serialize, Serializer, Time, Zone};
    use serde::de::Error as _;

    pub(crate) fn serialize<S: Serializer>(time: &Option<Time>, serializer: S) -> Result<S::Ok, S::Error> {
        time.as_ref().map(Time::rfc3339_nano).serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Time>, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text.is_empty() {
            return Ok(None);
        }
        // The zone is given by the text, so that a record means the same on every machine.
        let time = Time::parse(RFC3339_NANO, &text, &Zone::Utc).map_err(D::Error::custom)?;
        Ok(Some(time).filter(|time| !time.is_zero()))
    }
}

/// Times that are always written, as Go's zero time when they are not set.
#[allow(clippy::ref_option)] // serde passes references
pub(super) mod zero_time {
    use super::{Deserializer, Serialize, Serializer, Time};

    pub(crate) fn serialize<S: Serializer>(time: &Option<Time>, serializer: S) -> Result<S::Ok, S::Error> {
        time.as_ref().map_or_else(|| Time::zero().rfc3339_nano(), Time::rfc3339_nano).serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Time>, D::Error> {
        super::time::deserialize(deserializer)
    }
}

/// Bytes as base64.
pub(super) mod bytes {
    use super::{Deserialize, Deserializer, Engine, STANDARD, Serializer};
    use serde::de::Error as _;

    pub(crate) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(bytes))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        STANDARD.decode(String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

/// Bytes as base64, or null.
#[allow(clippy::ref_option)] // serde passes references
pub(super) mod bytes_or_null {
    use super::{Deserializer, Engine, STANDARD, Serialize, Serializer};

    pub(crate) fn serialize<S: Serializer>(
        bytes: &Option<Vec<u8>>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        bytes.as_ref().map(|bytes| STANDARD.encode(bytes)).serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Vec<u8>>, D::Error> {
        super::bytes::deserialize(deserializer).map(Some)
    }
}

/// Files, null when there are none.
pub(super) mod files {
    use super::{Deserialize, Deserializer, RecordedFile, Serialize, Serializer};

    pub(crate) fn serialize<S: Serializer>(files: &[RecordedFile], serializer: S) -> Result<S::Ok, S::Error> {
        Some(files).filter(|files| !files.is_empty()).serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<RecordedFile>, D::Error> {
        Vec::deserialize(deserializer)
    }
}
