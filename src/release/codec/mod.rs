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
//! The JSON is deflated in three pieces: what comes before `chart`, from there to `manifest`, and the rest. The middle one is
//! nearly all of it, and stays the same while a revision goes from one state to the next: it is deflated once ([`Middle`]).
//!
//! Invariant: [`encode`] writes what Go's `encoding/json` writes for the same release, and [`decode`] reads it back equal.
//! Deviation: whole numbers of values keep all their digits, where Helm writes those above 2^53 as rounded floats.

use std::borrow::Cow;
use std::sync::{Arc, OnceLock};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{RecordedChart, RecordedFile, Release};
use crate::data::gzip_pieces::{self, Piece};
use crate::data::time::{RFC3339_NANO, Time, Zone};
use crate::data::{Map, Value, from_value, gzip, json, to_value};

/// Most bytes that a payload may unpack to.
pub const MOST_BYTES: u64 = 256 << 20;

/// Why a payload cannot be read or written, in a phrase.
pub type Reason = String;

/// The fields before the middle piece, and in it.
const PIECES: [&[&str]; 2] = [&["name", "info"], &["chart", "config", "manifest"]];

/// The large piece of a payload, kept from one writing of a record to the next.
///
/// It may be made on another thread while its text is not needed yet ([`Middle::ahead`]).
#[derive(Debug, Clone, Default)]
pub struct Middle(Option<Arc<OnceLock<Result<Kept, Reason>>>>);

/// A piece, and what it was made of.
#[derive(Debug)]
struct Kept {
    chart: RecordedChart,
    config: Value,
    manifest: String,
    piece: Piece,
}

impl Kept {
    fn new(release: &Release, piece: Piece) -> Self {
        let Release { chart, config, manifest, .. } = release.clone();
        Kept { chart, config, manifest, piece }
    }

    fn make(release: &Release) -> Result<Self, Reason> {
        let [_, middle, _] = json_pieces(release)?;
        Ok(Kept::new(release, Piece::new(middle.into_bytes())))
    }

    fn is_of(&self, release: &Release) -> bool {
        (&self.manifest, &self.config, &self.chart) == (&release.manifest, &release.config, &release.chart)
    }
}

impl Middle {
    /// Begins to make the piece of a release that is going to be written.
    pub fn ahead(release: &Release) -> Self {
        let place = Arc::new(OnceLock::new());
        let (filled, release) = (Arc::clone(&place), release.clone());
        let begun = std::thread::Builder::new().name("deflate".into());
        // Without a thread it is made when it is needed.
        let _ = begun.spawn(move || filled.get_or_init(|| Kept::make(&release)).is_ok());
        Middle(Some(place))
    }

    fn of(kept: Kept) -> Self {
        Middle(Some(Arc::new(OnceLock::from(Ok(kept)))))
    }

    /// The piece of a release: this one, if it is of the same, else a new one.
    fn of_release(&self, release: &Release) -> Result<Self, Reason> {
        let made = self.0.as_ref().map(|place| place.get_or_init(|| Kept::make(release)));
        match made {
            Some(Ok(kept)) if kept.is_of(release) => Ok(self.clone()),
            _ => Kept::make(release).map(Middle::of),
        }
    }

    fn piece(&self) -> Option<&Piece> {
        self.0.as_ref()?.get()?.as_ref().ok().map(|kept| &kept.piece)
    }
}

impl PartialEq for Middle {
    /// Whether both are of the same text.
    fn eq(&self, other: &Self) -> bool {
        self.piece() == other.piece()
    }
}

/// The text of a release.
///
/// # Errors
/// A value is no JSON (a number that is not finite).
pub fn encode(release: &Release) -> Result<String, Reason> {
    encode_with(release, &Middle::default()).map(|(text, _)| text)
}

/// The same with the middle piece of an earlier text, which is used again where nothing of it changed. Returns the one that
/// the text has now.
///
/// # Errors
/// As [`encode`].
pub fn encode_with(release: &Release, kept: &Middle) -> Result<(String, Middle), Reason> {
    check_sayable(release)?;
    let middle = kept.of_release(release)?;
    let around = Release {
        name: release.name.clone(),
        info: release.info.clone(),
        hooks: release.hooks.clone(),
        version: release.version,
        namespace: release.namespace.clone(),
        apply_method: release.apply_method,
        ..Release::default()
    };
    let [head, _, tail] = json_pieces(&around)?;
    let [head, tail] = [head, tail].map(|text| Piece::new(text.into_bytes()));
    let pieces: Vec<&Piece> = std::iter::once(&head).chain(middle.piece()).chain([&tail]).collect();
    Ok((STANDARD.encode(gzip_pieces::join(&pieces)), middle))
}

/// The JSON of a release, as Helm writes it.
///
/// # Errors
/// A value is no JSON (a number that is not finite).
pub fn to_json(release: &Release) -> Result<String, Reason> {
    json_pieces(release).map(|pieces| pieces.concat())
}

fn check_sayable(release: &Release) -> Result<(), Reason> {
    for (values, what) in [(&release.config, "config"), (&release.chart.values, "chart.values")] {
        if let Some(number) = first_unsayable(values) {
            return Err(format!("{what}: {number} is no JSON number"));
        }
    }
    Ok(())
}

/// The JSON of a release: what is before the middle, the middle, what is behind it.
fn json_pieces(release: &Release) -> Result<[String; 3], Reason> {
    check_sayable(release)?;
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
    let mut pieces = [Map::new(), Map::new(), Map::new()];
    let Value::Map(fields) = value else { return Err("a release is no map".into()) };
    for (key, value) in fields {
        let at = PIECES.iter().position(|fields| fields.contains(&&*key)).unwrap_or(PIECES.len());
        pieces[at].insert(key, value);
    }
    let [head, middle, tail] = pieces.map(inside);
    let [head, middle, tail] = [head?, middle?, tail?];
    // `info` and `chart` are always there.
    let tail = if tail.is_empty() { tail } else { format!(",{tail}") };
    Ok([format!("{{{head}"), format!(",{middle}"), format!("{tail}}}")])
}

/// The fields of a map as JSON, without the braces.
fn inside(map: Map) -> Result<String, Reason> {
    let style = json::Style { sort_keys: false, ..json::Style::default() };
    let text = json::to_string_with(&Value::Map(map), style).map_err(|error| error.to_string())?;
    let fields = text.strip_prefix('{').and_then(|text| text.strip_suffix('}'));
    Ok(fields.unwrap_or_default().to_string())
}

/// Reads a text that [`encode`], Helm 3 or Helm 4 wrote. Plain JSON, with or without base64, is read as well.
///
/// # Errors
/// It is no base64, no gzip, no JSON, larger than [`MOST_BYTES`], or a field has another type.
pub fn decode(text: &[u8]) -> Result<Release, Reason> {
    decode_with(text).map(|(release, _)| release)
}

/// The same, and the middle piece for the next [`encode_with`].
///
/// # Errors
/// As [`decode`].
pub fn decode_with(text: &[u8]) -> Result<(Release, Middle), Reason> {
    if let Some(bytes) = bytes_of(text)?
        && let Some(pieces) = gzip_pieces::split(&bytes, MOST_BYTES)
    {
        let json = pieces.iter().map(Piece::text).collect::<Vec<_>>().concat();
        let release = from_json(&json)?;
        let middle = match <[Piece; 3]>::try_from(pieces) {
            Ok([_, middle, _]) => Middle::of(Kept::new(&release, middle)),
            Err(_) => Middle::default(),
        };
        return Ok((release, middle));
    }
    Ok((from_json(&json_of(text)?)?, Middle::default()))
}

/// What base64 there is in a text; `None` for plain JSON.
fn bytes_of(text: &[u8]) -> Result<Option<Vec<u8>>, Reason> {
    if text.trim_ascii_start().starts_with(b"{") {
        return Ok(None);
    }
    STANDARD.decode(text.trim_ascii()).map(Some).map_err(|error| format!("no base64: {error}"))
}

/// The JSON in a text.
fn json_of(text: &[u8]) -> Result<Cow<'_, [u8]>, Reason> {
    let Some(bytes) = bytes_of(text)? else { return Ok(Cow::Borrowed(text)) };
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
