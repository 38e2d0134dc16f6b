//! etcd's v3 messages as its JSON gateway takes and gives them: bytes in base64, 64-bit numbers as text, what is zero or
//! empty left out.
//!
//! Invariant: an answer is read as a whole or refused; nothing in it is trusted to be there.

use serde::{Deserialize, Deserializer};
use serde_json::{Value as Json, json};

use super::keys::Span;
use crate::data::base64;

/// One operation of a transaction.
#[derive(Debug, Clone)]
pub(super) enum Op {
    /// Writes a key; with a lease it goes when the lease does.
    Put { key: Vec<u8>, value: Vec<u8>, lease: i64 },
    /// Deletes a key.
    Delete { key: Vec<u8> },
    /// Deletes all keys of a span.
    DeleteSpan(Span),
    /// Reads a key.
    Get { key: Vec<u8>, revision: i64 },
    /// Reads keys in order, at most `limit`.
    Range { span: Span, limit: usize, revision: i64, keys_only: bool },
}

impl Op {
    pub(super) fn put(key: Vec<u8>, value: impl Into<Vec<u8>>) -> Self {
        Op::Put { key, value: value.into(), lease: 0 }
    }

    pub(super) fn get(key: Vec<u8>) -> Self {
        Op::Get { key, revision: 0 }
    }

    /// What it adds to the size of a request, about.
    pub(super) fn size(&self) -> usize {
        const AROUND: usize = 32;
        AROUND
            + match self {
                Op::Put { key, value, .. } => key.len() + value.len(),
                Op::Delete { key } | Op::Get { key, .. } => key.len(),
                Op::DeleteSpan(span) | Op::Range { span, .. } => span.from.len() + span.to.len(),
            }
    }

    fn json(&self) -> Json {
        match self {
            Op::Put { key, value, lease } => {
                let mut put = json!({ "key": base64::encode(key), "value": base64::encode(value) });
                if *lease != 0 {
                    put["lease"] = json!(lease.to_string());
                }
                json!({ "request_put": put })
            }
            Op::Delete { key } => json!({ "request_delete_range": { "key": base64::encode(key) } }),
            Op::DeleteSpan(span) => json!({ "request_delete_range": {
                "key": base64::encode(&span.from), "range_end": base64::encode(&span.to) } }),
            Op::Get { key, revision } => json!({ "request_range": {
                "key": base64::encode(key), "revision": revision.to_string() } }),
            Op::Range { span, limit, revision, keys_only } => json!({ "request_range": {
                "key": base64::encode(&span.from), "range_end": base64::encode(&span.to),
                "limit": limit.to_string(), "revision": revision.to_string(), "keys_only": keys_only } }),
        }
    }
}

/// What must hold for a transaction.
#[derive(Debug, Clone)]
pub(super) enum Compare {
    /// The key was last written in that revision; 0: there is no such key.
    Modified { key: Vec<u8>, revision: i64 },
    /// The key was made in that revision and not deleted since; 0: there is no such key.
    Created { key: Vec<u8>, revision: i64 },
}

impl Compare {
    fn json(&self) -> Json {
        match self {
            Compare::Modified { key, revision } => json!({ "key": base64::encode(key), "target": "MOD",
                "result": "EQUAL", "mod_revision": revision.to_string() }),
            Compare::Created { key, revision } => json!({ "key": base64::encode(key), "target": "CREATE",
                "result": "EQUAL", "create_revision": revision.to_string() }),
        }
    }
}

/// A transaction.
#[derive(Debug, Clone, Default)]
pub(super) struct Txn {
    pub(super) compare: Vec<Compare>,
    pub(super) success: Vec<Op>,
    pub(super) failure: Vec<Op>,
}

impl Txn {
    /// A transaction that only reads.
    pub(super) fn read(ops: Vec<Op>) -> Self {
        Txn { success: ops, ..Txn::default() }
    }

    pub(super) fn json(&self) -> Vec<u8> {
        let list = |ops: &[Op]| ops.iter().map(Op::json).collect::<Vec<_>>();
        json!({
            "compare": self.compare.iter().map(Compare::json).collect::<Vec<_>>(),
            "success": list(&self.success),
            "failure": list(&self.failure),
        })
        .to_string()
        .into_bytes()
    }
}

/// A key as it was read.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Kv {
    #[serde(deserialize_with = "bytes")]
    pub(super) key: Vec<u8>,
    #[serde(deserialize_with = "bytes")]
    pub(super) value: Vec<u8>,
    #[serde(deserialize_with = "number")]
    pub(super) create_revision: i64,
    #[serde(deserialize_with = "number")]
    pub(super) mod_revision: i64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Header {
    #[serde(deserialize_with = "number")]
    revision: i64,
}

/// Keys in order.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Found {
    pub(super) kvs: Vec<Kv>,
    /// Whether the limit left some out.
    pub(super) more: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Response {
    response_range: Option<Found>,
}

/// The answer to a transaction.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Done {
    header: Header,
    #[serde(default)]
    pub(super) succeeded: bool,
    #[serde(default)]
    responses: Vec<Response>,
}

impl Done {
    /// The store's revision: of a transaction that wrote, its own.
    pub(super) fn revision(&self) -> i64 {
        self.header.revision
    }

    /// What each operation of the branch that ran found; nothing for those that do not read.
    pub(super) fn into_found(self) -> impl Iterator<Item = Found> {
        self.responses.into_iter().map(|response| response.response_range.unwrap_or_default())
    }
}

/// The answer to the request for a lease.
#[derive(Debug, Deserialize)]
pub(super) struct Granted {
    #[serde(rename = "ID", deserialize_with = "number")]
    pub(super) id: i64,
}

/// The answer to a user's name and password.
#[derive(Debug, Deserialize)]
pub(super) struct Authenticated {
    pub(super) token: String,
}

/// What etcd says when it refuses.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Refusal {
    message: String,
    error: String,
    /// gRPC's code.
    pub(super) code: i64,
}

impl Refusal {
    /// Its words, without the name that they begin with.
    pub(super) fn text(&self) -> String {
        let text = if self.message.is_empty() { &self.error } else { &self.message };
        text.trim_start_matches("etcdserver: ").to_string()
    }
}

fn bytes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
    base64::decode(&text).ok_or_else(|| serde::de::Error::custom("bytes that are no base64"))
}

fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Either {
        Number(i64),
        Text(String),
    }
    match Either::deserialize(deserializer)? {
        Either::Number(number) => Ok(number),
        Either::Text(text) => text.parse().map_err(|_| serde::de::Error::custom("a number that is none")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read_with_what_is_left_out() {
        let done: Done = serde_json::from_str(
            r#"{"header":{"cluster_id":"1","revision":"7","raft_term":"2"},"responses":[{"response_range":{"header":{"revision":"7"},"kvs":[{"key":"YQ==","create_revision":"2","mod_revision":3,"version":"1","value":"Yg=="},{"key":"Yw=="}],"count":"2","more":true}},{"response_put":{}}]}"#,
        )
        .unwrap();
        assert!(!done.succeeded);
        assert_eq!(done.revision(), 7);
        let found: Vec<Found> = done.into_found().collect();
        assert_eq!((found.len(), found[0].more, found[1].kvs.len()), (2, true, 0));
        let first = &found[0].kvs[0];
        assert_eq!((first.key.as_slice(), first.value.as_slice()), (&b"a"[..], &b"b"[..]));
        assert_eq!((first.create_revision, first.mod_revision), (2, 3));
        assert!(found[0].kvs[1].value.is_empty());
        for bad in ["", "<html>", "{}", "[]", r#"{"header":{"revision":"x"}}"#] {
            assert!(serde_json::from_str::<Done>(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn refusals_have_words_in_every_version() {
        for text in [
            r#"{"error":"etcdserver: permission denied","message":"etcdserver: permission denied","code":7}"#,
            r#"{"code":7,"message":"etcdserver: permission denied","details":[]}"#,
            r#"{"error":"etcdserver: permission denied","code":7}"#,
        ] {
            let refusal: Refusal = serde_json::from_str(text).unwrap();
            assert_eq!((refusal.text().as_str(), refusal.code), ("permission denied", 7));
        }
    }
}
