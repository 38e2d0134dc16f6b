//! The OCI distribution API, version 1.1, below `/v2`: the charts of a folder as a registry has them.
//!
//! A chart NAME is the repository `charts/NAME` or `NAME`, with tenants `charts/TENANT/NAME` or `TENANT/NAME`; its versions
//! are the tags, with `_` for `+`. What was pushed lies in the folder as any other archive, and what lies in the folder can
//! be pulled: its manifest is made from the archive, always the same bytes (`chart`). What a client pushed beside the
//! archive, its manifest and configuration, stays in the work folder (`store`), so that its digests go on to lead to it.
//!
//! Invariant: a version that is there is not replaced by a push of other content; nothing but charts is taken in.

mod chart;
mod parts;
mod pull;
mod push;
mod store;
mod sweep;

use std::net::IpAddr;

use serde_json::json;

use super::Shared;
use super::access::Asker;
use super::body::Body;
use super::reply::Reply;
use super::request::{Head, Method};
use super::storage::StorageError;
use super::tenants::is_safe;
use super::upload::Refusal;

pub(super) use parts::{PAUSE as CLEANING, clean};
pub(super) use push::Sessions;
pub(super) use sweep::{PAUSE as SWEEPING, Sweeper};

/// A repository: the tenant and the name of a chart.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Repository {
    /// As the client wrote it.
    name: String,
    tenant: String,
    chart: String,
}

/// An error as the specification has it: status, code and message.
#[derive(Debug)]
struct Fault(u16, &'static str, String);

impl From<Refusal> for Fault {
    fn from(refusal: Refusal) -> Self {
        let code = match refusal.status {
            409 => "DENIED",
            413 => "SIZE_INVALID",
            429 | 503 => "TOOMANYREQUESTS",
            500.. => "UNKNOWN",
            _ => "BLOB_UPLOAD_INVALID",
        };
        Fault(refusal.status, code, refusal.reason)
    }
}

impl From<crate::sys::fs::FsError> for Fault {
    fn from(error: crate::sys::fs::FsError) -> Self {
        Refusal::from(error).into()
    }
}

impl From<StorageError> for Fault {
    fn from(error: StorageError) -> Self {
        Refusal::from(error).into()
    }
}

/// The answer to a request for a path below `/v2`, which is given by its parts.
pub(super) fn answer(
    shared: &Shared,
    asker: &Asker,
    peer: IpAddr,
    head: &Head,
    body: &mut Body<'_>,
    parts: &[&str],
) -> Reply {
    let done = match parts {
        [] => Ok(Reply::json(200, &json!({}))),
        ["_catalog"] => pull::catalog(shared, head),
        parts => dispatch(shared, asker, peer, head, body, parts),
    };
    done.unwrap_or_else(|Fault(status, code, message)| {
        let reply = Reply::json(status, &json!({ "errors": [{ "code": code, "message": message }] }));
        if status == 405 { reply.with("Allow", &methods(shared, parts)) } else { reply }
    })
    .with("Docker-Distribution-Api-Version", "registry/2.0")
}

fn dispatch(
    shared: &Shared,
    asker: &Asker,
    peer: IpAddr,
    head: &Head,
    body: &mut Body<'_>,
    parts: &[&str],
) -> Result<Reply, Fault> {
    let unsupported = || Fault(405, "UNSUPPORTED", "the operation is not supported".to_string());
    if !head.method.only_reads() && !shared.writable {
        return Err(Fault(405, "UNSUPPORTED", "this registry is read-only".to_string()));
    }
    let repository = |parts: &[&str]| repository(shared, parts);
    match (head.method, parts) {
        (Method::Get | Method::Head, [name @ .., "tags", "list"]) => {
            pull::tags(shared, head, &repository(name)?)
        }
        (Method::Get | Method::Head, [name @ .., "manifests", reference]) => {
            pull::manifest(shared, head, &repository(name)?, reference)
        }
        (Method::Put, [name @ .., "manifests", reference]) => {
            push::manifest(shared, body, &repository(name)?, reference)
        }
        (Method::Delete, [name @ .., "manifests", reference]) if shared.deletable => {
            push::delete_manifest(shared, &repository(name)?, reference)
        }
        (Method::Get | Method::Head, [name @ .., "referrers", digest]) => {
            pull::referrers(&repository(name)?, digest)
        }
        (Method::Post, [name @ .., "blobs", "uploads"]) => {
            push::start(shared, asker, peer, head, body, &repository(name)?)
        }
        (_, [name @ .., "blobs", "uploads", id]) => push::upload(shared, head, body, &repository(name)?, id),
        (Method::Get | Method::Head, [name @ .., "blobs", digest]) => {
            pull::blob(shared, head, &repository(name)?, digest)
        }
        (Method::Delete, [name @ .., "blobs", digest]) if shared.deletable => {
            push::delete_blob(shared, &repository(name)?, digest)
        }
        _ => Err(unsupported()),
    }
}

/// What can be done at a path.
fn methods(shared: &Shared, parts: &[&str]) -> String {
    let (reads, writes, deletes): (&[&str], &[&str], bool) = match parts {
        [.., "blobs", "uploads"] => (&[], &["POST"], false),
        [.., "blobs", "uploads", _] => (&["GET", "HEAD"], &["DELETE", "PATCH", "PUT"], false),
        [.., "manifests", _] => (&["GET", "HEAD"], &["PUT"], true),
        [.., "blobs", _] => (&["GET", "HEAD"], &[], true),
        _ => (&["GET", "HEAD"], &[], false),
    };
    let writes = writes.iter().filter(|_| shared.writable);
    let deletes = (deletes && shared.writable && shared.deletable).then_some(&"DELETE");
    let mut all: Vec<&str> = reads.iter().chain(writes).chain(deletes).copied().collect();
    all.sort_unstable();
    all.join(", ")
}

/// The repository that a path names.
fn repository(shared: &Shared, parts: &[&str]) -> Result<Repository, Fault> {
    let depth = shared.tenants.depth();
    let below = match parts {
        ["charts", rest @ ..] if rest.len() == depth + 1 => rest,
        parts => parts,
    };
    let invalid = || {
        let tenant = "TENANT/".repeat(depth);
        let text = format!("{:?} is no repository here; charts are in charts/{tenant}NAME", parts.join("/"));
        Fault(404, "NAME_UNKNOWN", text)
    };
    let (tenant, rest) = shared.tenants.split(below).ok_or_else(invalid)?;
    match rest {
        [chart] if is_safe(chart) => {
            Ok(Repository { name: parts.join("/"), tenant, chart: (*chart).to_string() })
        }
        _ => Err(invalid()),
    }
}

/// The 64 digits of a digest, `sha256:…`.
fn digits(digest: &str) -> Result<String, Fault> {
    let bad = || Fault(400, "DIGEST_INVALID", format!("{digest:?} is not a SHA-256 digest"));
    let digits = digest.strip_prefix("sha256:").ok_or_else(bad)?;
    let lower = digits.len() == 64 && digits.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    if lower { Ok(digits.to_string()) } else { Err(bad()) }
}

/// A tag can have no `+`, so Helm writes `_`.
fn tag_of(version: &str) -> String {
    version.replace('+', "_")
}
