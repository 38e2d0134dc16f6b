//! A revision as an object: a Secret, or a ConfigMap where [`Driver`] says so.
//!
//! ```text
//! apiVersion: v1            type: helm.sh/release.v1
//! kind: Secret              data.release: base64 of the payload's text
//! metadata.name: sh.helm.release.v1.NAME.vREVISION
//! metadata.labels: name, owner=helm, status, version, createdAt, modifiedAt, and the user's
//! metadata.annotations: what lists and histories show, and the lease of a running operation (all `bowline.dev/…`)
//! ```
//!
//! A ConfigMap has the same but for the type, and its data.release is the payload's text itself.
//!
//! A revision whose object would be larger than the store takes has its payload in parts of the same kind
//! (`bowline.release.v1.NAME.vREVISION.DIGEST.N`), written before the record that names them; Helm skips such a record, as it
//! skips any that it cannot read. Below the limit the record is exactly Helm's but for the annotations.
//!
//! Invariant: a record never names parts that were not written, and parts are never changed: another payload has another
//! digest, and so other names.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::codec::{self, Middle};
use super::lock::Lease;
use super::{Driver, Release, ReleaseError, Status};
use crate::cluster::{Capabilities, Stored};
use crate::data::digest::sha256_hex;
use crate::data::{Map, Value};

/// Labels that records need, in the order in which Helm names them.
pub const RESERVED_LABELS: [&str; 6] = ["name", "owner", "status", "version", "createdAt", "modifiedAt"];

/// Start of a record's name.
pub(super) const PREFIX: &str = "sh.helm.release.v1.";
/// Start of a part's name.
const PART_PREFIX: &str = "bowline.release.v1.";
/// Value of the label `owner` of records.
pub(super) const OWNER: &str = "helm";
/// Value of the label `owner` of parts, so that nobody takes them for records.
pub(super) const PART_OWNER: &str = "bowline-part";
const RECORD_TYPE: &str = "helm.sh/release.v1";
const PART_TYPE: &str = "bowline.dev/release-part.v1";

pub(super) const CHART: &str = "bowline.dev/chart";
pub(super) const CHART_VERSION: &str = "bowline.dev/chart-version";
pub(super) const APP_VERSION: &str = "bowline.dev/app-version";
pub(super) const UPDATED: &str = "bowline.dev/updated";
pub(super) const DESCRIPTION: &str = "bowline.dev/description";
pub(super) const ROLLBACK_REVISION: &str = "bowline.dev/rollback-revision";
/// Digest of the saved plan that was carried out.
const PLAN: &str = "bowline.dev/plan";
/// What was known when the operation failed, as JSON.
pub(super) const EVIDENCE: &str = "bowline.dev/evidence";
const PARTS: &str = "bowline.dev/parts";
const DIGEST: &str = "bowline.dev/payload-sha256";

/// Longest text kept in an annotation, in bytes: all annotations of an object together may have 256 KiB. A longer
/// description is read from the payload.
const LONGEST_ANNOTATION: usize = 32 << 10;
/// Most parts of one revision.
const MOST_PARTS: usize = 10_000;
/// Largest evidence that is kept, in bytes.
const LARGEST_EVIDENCE: usize = 96 << 10;

/// Name of the object of a revision.
pub fn object_name(release: &str, revision: u64) -> String {
    format!("{PREFIX}{release}.v{revision}")
}

/// Whether an object of that name is a record, or a part of one.
pub fn is_record_name(object_name: &str) -> bool {
    object_name.starts_with(PREFIX) || object_name.starts_with(PART_PREFIX)
}

/// Release and revision of a record's name; a release's name may have dots.
pub(super) fn release_of(object_name: &str) -> Option<(&str, u64)> {
    let (release, revision) = object_name.strip_prefix(PREFIX)?.rsplit_once(".v")?;
    Some((release, revision.parse().ok()?)).filter(|(release, _)| !release.is_empty())
}

/// The objects of a revision: the record, and its parts when it is split.
pub(super) struct Layout {
    pub(super) record: Value,
    pub(super) parts: Vec<Value>,
    /// What the next writing of the revision need not deflate again.
    pub(super) middle: Middle,
}

/// Refuses user labels that records need.
///
/// # Errors
/// [`ReleaseError::ReservedLabel`].
pub fn check_labels(labels: &BTreeMap<String, String>) -> Result<(), ReleaseError> {
    match labels.keys().find(|label| RESERVED_LABELS.contains(&label.as_str())) {
        Some(label) => Err(ReleaseError::ReservedLabel { label: label.clone() }),
        None => Ok(()),
    }
}

/// Writes a revision as objects that a store with such capabilities takes.
///
/// `stamps` are the labels `createdAt` and `modifiedAt` that are to be written; `kept` is of an earlier writing of the
/// revision. Evidence that is too large for an annotation is left out.
///
/// # Errors
/// The payload cannot be written, or the limits are too small even for a part.
pub(super) fn lay_out(
    driver: Driver,
    (release, kept): (&Release, &Middle),
    lease: Option<&Lease>,
    evidence: Option<&str>,
    stamps: &[(&str, String)],
    limits: Capabilities,
) -> Result<Layout, ReleaseError> {
    let unencodable = |reason: String| ReleaseError::Unencodable {
        name: release.name.clone(),
        revision: release.version,
        reason,
    };
    let (text, middle) = codec::encode_with(release, kept).map_err(unencodable)?;
    let labels = labels(release, stamps);
    let mut annotations = annotations(release, lease);
    if let Some(evidence) = evidence.filter(|text| text.len() <= LARGEST_EVIDENCE) {
        annotations.insert(EVIDENCE.to_string(), evidence.to_string());
    }
    let name = object_name(&release.name, release.version);
    let record = build(driver, &name, release, &labels, &annotations, RECORD_TYPE, Some(&text));
    let limit = limits.largest_object;
    if text.len() <= limits.largest_data && json_size(&record) <= limit {
        return Ok(Layout { record, parts: Vec::new(), middle });
    }
    let digest = sha256_hex(&text);
    let part = |at: usize, chunk: &str| {
        let labels = BTreeMap::from([
            ("name".to_string(), release.name.clone()),
            ("owner".to_string(), PART_OWNER.to_string()),
            ("version".to_string(), release.version.to_string()),
        ]);
        let name = part_name(&release.name, release.version, &digest, at);
        build(driver, &name, release, &labels, &BTreeMap::new(), PART_TYPE, Some(chunk))
    };
    // What the store adds (uid, version, times) must fit as well; a Secret's base64 turns three bytes into four.
    let room = limit.saturating_sub(json_size(&part(MOST_PARTS, "")) + 256) / 4 * 3;
    let room = room.min(limits.largest_data);
    let too_small =
        || unencodable(format!("its {} bytes do not fit into objects of {limit} bytes", text.len()));
    if room == 0 || text.len() / room >= MOST_PARTS {
        return Err(too_small());
    }
    // The text is base64, so that every byte is a character.
    let chunks = (0..text.len()).step_by(room).map(|at| &text[at..text.len().min(at + room)]);
    let parts: Vec<Value> = chunks.enumerate().map(|(at, chunk)| part(at, chunk)).collect();
    annotations.insert(PARTS.to_string(), parts.len().to_string());
    annotations.insert(DIGEST.to_string(), digest);
    let record = build(driver, &name, release, &labels, &annotations, RECORD_TYPE, None);
    if json_size(&record) > limit {
        return Err(too_small());
    }
    Ok(Layout { record, parts, middle })
}

fn part_name(release: &str, revision: u64, digest: &str, at: usize) -> String {
    format!("{PART_PREFIX}{release}.v{revision}.{}.{at}", digest.get(..12).unwrap_or(digest))
}

fn json_size(value: &Value) -> usize {
    serde_json::to_string(value).map_or(usize::MAX, |json| json.len())
}

fn build(
    driver: Driver,
    name: &str,
    release: &Release,
    labels: &BTreeMap<String, String>,
    annotations: &BTreeMap<String, String>,
    type_: &str,
    data: Option<&str>,
) -> Value {
    let strings = |map: &BTreeMap<String, String>| -> Value {
        map.iter().map(|(key, value)| (key.as_str(), Value::str(value.as_str()))).collect()
    };
    let mut metadata = Map::new();
    metadata.insert("name".into(), Value::str(name));
    metadata.insert("namespace".into(), Value::str(release.namespace.as_str()));
    metadata.insert("labels".into(), strings(labels));
    if !annotations.is_empty() {
        metadata.insert("annotations".into(), strings(annotations));
    }
    let mut body = Map::new();
    body.insert("apiVersion".into(), Value::str("v1"));
    body.insert("kind".into(), Value::str(driver.kind()));
    body.insert("metadata".into(), Value::Map(metadata));
    let is_secret = driver.kind() == "Secret";
    if is_secret {
        body.insert("type".into(), Value::str(type_));
    }
    if let Some(data) = data {
        let data = if is_secret { Value::str(STANDARD.encode(data)) } else { Value::str(data) };
        body.insert("data".into(), [("release", data)].into_iter().collect());
    }
    Value::Map(body)
}

fn labels(release: &Release, stamps: &[(&str, String)]) -> BTreeMap<String, String> {
    let mut labels = release.labels.clone();
    let own = [
        ("name", release.name.clone()),
        ("owner", OWNER.to_string()),
        ("status", release.info.status.to_string()),
        ("version", release.version.to_string()),
    ];
    for (key, value) in own.iter().chain(stamps) {
        labels.insert((*key).to_string(), value.clone());
    }
    labels
}

/// Everything that a list shows, and the lease.
fn annotations(release: &Release, lease: Option<&Lease>) -> BTreeMap<String, String> {
    let metadata = &release.chart.metadata;
    let updated = release.info.last_deployed.as_ref();
    let mut annotations = BTreeMap::from([
        (CHART.to_string(), metadata.name.to_string()),
        (CHART_VERSION.to_string(), metadata.version.clone()),
        (APP_VERSION.to_string(), metadata.app_version.clone()),
        (UPDATED.to_string(), updated.map(crate::data::time::Time::rfc3339_nano).unwrap_or_default()),
    ]);
    if release.info.description.len() <= LONGEST_ANNOTATION {
        annotations.insert(DESCRIPTION.to_string(), release.info.description.clone());
    }
    if release.info.rollback_revision != 0 {
        annotations.insert(ROLLBACK_REVISION.to_string(), release.info.rollback_revision.to_string());
    }
    if let Some(plan) = &release.plan {
        annotations.insert(PLAN.to_string(), plan.clone());
    }
    if let Some(lease) = lease {
        annotations.extend(lease.annotations());
    }
    annotations
}

/// The names of the parts that a record has; empty when its payload is its own.
pub(super) fn part_names(stored: &Stored) -> Vec<String> {
    let count = stored.annotations.get(PARTS).and_then(|count| count.parse::<usize>().ok()).unwrap_or(0);
    let digest = stored.annotations.get(DIGEST).map_or("", String::as_str);
    let Some((release, revision)) = release_of(&stored.id.name) else { return Vec::new() };
    (0..count.min(MOST_PARTS)).map(|at| part_name(release, revision, digest, at)).collect()
}

/// The text in `data.release` of a record or a part.
pub(super) fn payload(stored: &Stored) -> Result<Vec<u8>, String> {
    let body = stored.body.as_ref().ok_or("it was read without its body")?;
    let data = body.path(["data", "release"]).and_then(Value::as_str).ok_or("it has no data.release")?;
    if stored.id.kind == "Secret" {
        return STANDARD.decode(data).map_err(|error| format!("data.release is no base64: {error}"));
    }
    Ok(data.as_bytes().to_vec())
}

/// The release of a record's text, with what stands in its labels and annotations, and what of the text can be kept.
pub(super) fn read(stored: &Stored, text: &[u8]) -> Result<(Release, Middle), ReleaseError> {
    let undecodable = |reason: String| ReleaseError::Undecodable { record: stored.id.name.clone(), reason };
    if let Some(want) = stored.annotations.get(DIGEST)
        && *want != sha256_hex(text)
    {
        return Err(undecodable("its parts do not have the digest that it names".to_string()));
    }
    let (mut release, middle) = codec::decode_with(text).map_err(undecodable)?;
    release.labels = stored
        .labels
        .iter()
        .filter(|(label, _)| !RESERVED_LABELS.contains(&label.as_str()))
        .map(|(label, value)| (label.clone(), value.clone()))
        .collect();
    release.plan = stored.annotations.get(PLAN).cloned();
    if release.namespace.is_empty() {
        release.namespace.clone_from(&stored.id.namespace);
    }
    Ok((release, middle))
}

/// The state that a record's label tells.
pub(super) fn status(stored: &Stored) -> Status {
    stored.labels.get("status").and_then(|status| status.parse().ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_split_at_the_last_v() {
        assert_eq!(release_of(&object_name("a.v1.b", 12)), Some(("a.v1.b", 12)));
        for bad in ["sh.helm.release.v1.a", "sh.helm.release.v1..v1", "x.a.v1", "sh.helm.release.v1.a.vx"] {
            assert_eq!(release_of(bad), None, "{bad}");
        }
    }
}
