//! What is kept of an object beside its body, and one object's part of a write.
//!
//! Invariant: a listing needs nothing but the metadata, and the metadata says all that a replacement must know of the body
//! it replaces: digests tell whether anything, and whether the content, differs.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::keys::Keys;
use super::wire::Op;
use crate::cluster::object::{self, Given, Key, Prepared};
use crate::cluster::{StoreError, Stored};
use crate::data::{Map, Value, digest};
use crate::manifest::ObjectRef;

/// Most bytes of labels and annotations, as Kubernetes bounds annotations: listings read them.
const MOST_METADATA: usize = 256 << 10;

/// The value of an object's `@meta` key.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Meta {
    /// The version of the group that it was last written in.
    version: String,
    pub(super) uid: String,
    created: i64,
    generation: i64,
    /// The body's length in bytes of JSON.
    pub(super) size: usize,
    /// Digest of the body, its maps sorted.
    whole: String,
    /// The same without metadata and status.
    content: String,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) labels: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    annotations: BTreeMap<String, String>,
    /// Where the pieces of the body are, when they are not in the `@body` key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) pieces: Option<Pieces>,
    /// The resourceVersion, when it is not the revision that this key was written in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) revision: Option<i64>,
}

/// A value that is cut into pieces.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Pieces {
    /// `WRITE/OBJECT`, as in the keys.
    pub(super) at: String,
    pub(super) count: usize,
}

impl Meta {
    /// The metadata of a new object.
    pub(super) fn new(prepared: &Prepared, uid: String, created: i64) -> Self {
        Meta {
            version: prepared.id.version.clone(),
            uid,
            created,
            generation: 1,
            size: prepared.json.len(),
            whole: digest_of(&prepared.body, &[]),
            content: digest_of(&prepared.body, &["metadata", "status"]),
            labels: prepared.labels.clone(),
            annotations: prepared.annotations.clone(),
            pieces: None,
            revision: None,
        }
    }

    /// The metadata after a replacement; `None` when it changes nothing.
    pub(super) fn replaced(&self, prepared: &Prepared) -> Option<Self> {
        let mut next = Meta::new(prepared, self.uid.clone(), self.created);
        if next.whole == self.whole {
            return None;
        }
        next.generation = self.generation.saturating_add(i64::from(next.content != self.content));
        Some(next)
    }

    pub(super) fn given(&self, resource_version: u64) -> Given {
        Given { uid: self.uid.clone(), resource_version, created: self.created, generation: self.generation }
    }
}

/// Checks what only this store bounds.
///
/// # Errors
/// Labels and annotations are too large.
pub(super) fn check_metadata(prepared: &Prepared) -> Result<(), StoreError> {
    let size: usize =
        prepared.labels.iter().chain(&prepared.annotations).map(|(key, value)| key.len() + value.len()).sum();
    if size > MOST_METADATA {
        let reason = format!("labels and annotations have {size} bytes, and may have {MOST_METADATA}");
        return Err(StoreError::Invalid { what: prepared.id.to_string(), reason });
    }
    Ok(())
}

/// SHA-256 of a body, the same for bodies that are equal: the order of a map's keys does not count.
fn digest_of(body: &Value, without: &[&str]) -> String {
    let mut text = String::new();
    match body {
        Value::Map(map) => write_map(map, without, &mut text),
        other => write(other, &mut text),
    }
    digest::sha256_hex(text)
}

/// Writes a value; `object::prepare` bounded its depth.
fn write(value: &Value, text: &mut String) {
    match value {
        Value::Map(map) => write_map(map, &[], text),
        Value::List(items) => {
            text.push('[');
            for item in items {
                write(item, text);
                text.push(',');
            }
            text.push(']');
        }
        // A prepared body can be said in JSON.
        scalar => text.push_str(&serde_json::to_string(scalar).unwrap_or_default()),
    }
}

fn write_map(map: &Map, without: &[&str], text: &mut String) {
    let mut entries: Vec<_> = map.iter().filter(|(key, _)| !without.contains(&&***key)).collect();
    entries.sort_by_key(|(key, _)| *key);
    text.push('{');
    for (key, item) in entries {
        write(&Value::Str(key.clone()), text);
        text.push(':');
        write(item, text);
        text.push(',');
    }
    text.push('}');
}

/// An object as it was read, without its body.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) key: Key,
    pub(super) meta: Meta,
    pub(super) resource_version: u64,
}

impl Entry {
    pub(super) fn id(&self) -> ObjectRef {
        let (group, kind, namespace, name) = self.key.clone();
        ObjectRef { group, version: self.meta.version.clone(), kind, namespace, name }
    }

    /// As callers see it, with a body where it was read.
    ///
    /// # Errors
    /// The body is not the one that was written; the reason.
    pub(super) fn stored(self, body: Option<&[u8]>) -> Result<Stored, String> {
        let id = self.id();
        let given = self.meta.given(self.resource_version);
        let body = match body {
            Some(json) => {
                let value: Option<Value> =
                    (json.len() == self.meta.size).then(|| serde_json::from_slice(json).ok()).flatten();
                Some(value.ok_or_else(|| format!("the body of {id} cannot be read"))?)
            }
            None => None,
        };
        Ok(Stored {
            id,
            uid: given.uid.clone(),
            resource_version: given.resource_version,
            created: given.created,
            labels: self.meta.labels,
            annotations: self.meta.annotations,
            body: body.map(|body| object::complete(body, &given)),
        })
    }
}

/// What a write does to one object. A write that is too large for one transaction keeps a list of these as its log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Change {
    pub(super) key: Key,
    /// The metadata from now on; `None` deletes the object.
    pub(super) meta: Option<Meta>,
    /// The body, unless it is in pieces.
    pub(super) body: Option<String>,
    /// Where the pieces of the old body were.
    pub(super) dropped: Option<String>,
}

impl Change {
    /// The operations that carry it out. Carrying them out again changes nothing that a reader sees.
    ///
    /// # Errors
    /// Its metadata cannot be written as JSON.
    pub(super) fn operations(&self, keys: &Keys, revision: Option<i64>) -> Result<Vec<Op>, StoreError> {
        let (meta_key, body_key) = (keys.meta(&self.key), keys.body(&self.key));
        let mut ops = Vec::with_capacity(3);
        match &self.meta {
            Some(meta) => {
                let meta = Meta { revision, ..meta.clone() };
                let json =
                    serde_json::to_vec(&meta).map_err(|error| StoreError::Internal(error.to_string()))?;
                ops.push(Op::put(meta_key, json));
            }
            None => ops.push(Op::Delete { key: meta_key }),
        }
        ops.push(match &self.body {
            Some(body) => Op::put(body_key, body.as_bytes()),
            None => Op::Delete { key: body_key },
        });
        if let Some(place) = &self.dropped {
            ops.push(Op::DeleteSpan(keys.parts(place)));
        }
        Ok(ops)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prepared(json: &str) -> Prepared {
        object::prepare(&serde_json::from_str(json).unwrap(), "s", 1 << 20).unwrap()
    }

    #[test]
    fn digests_tell_what_differs() {
        let one = prepared(
            r#"{"apiVersion":"v1","kind":"A","metadata":{"name":"n","labels":{"a":"b"}},"x":{"p":1,"q":[1,2]},"status":1}"#,
        );
        let meta = Meta::new(&one, "u".into(), 5);
        let same = prepared(
            r#"{"kind":"A","status":1,"x":{"q":[1,2],"p":1},"apiVersion":"v1","metadata":{"labels":{"a":"b"},"name":"n"}}"#,
        );
        assert_eq!(meta.replaced(&same), None);
        let label = prepared(
            r#"{"apiVersion":"v1","kind":"A","metadata":{"name":"n","labels":{"a":"c"}},"x":{"p":1,"q":[1,2]},"status":2}"#,
        );
        assert_eq!(meta.replaced(&label).unwrap().generation, 1);
        let content = prepared(
            r#"{"apiVersion":"v1","kind":"A","metadata":{"name":"n","labels":{"a":"b"}},"x":{"p":1,"q":[2,1]},"status":1}"#,
        );
        let next = meta.replaced(&content).unwrap();
        assert_eq!((next.generation, next.uid.as_str(), next.created), (2, "u", 5));
    }

    #[test]
    fn metadata_is_bounded() {
        let labels = format!(r#"{{"a":"{}"}}"#, "x".repeat(MOST_METADATA));
        let large = prepared(&format!(
            r#"{{"apiVersion":"v1","kind":"A","metadata":{{"name":"n","annotations":{labels}}}}}"#
        ));
        let error = check_metadata(&large).unwrap_err().to_string();
        assert!(error.starts_with("invalid object A/n: labels and annotations have 262145 bytes"), "{error}");
    }
}
