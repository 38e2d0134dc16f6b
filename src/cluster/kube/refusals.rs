//! What an error answer of the API server means, in the terms of the store.
//!
//! Invariant: the server's own message is always kept; what is taken out of it is only put beside it.

use std::sync::LazyLock;

use kube::core::Status;
use regex::Regex;

use super::link::{Refusal, Trouble};
use crate::cluster::StoreError;
use crate::cluster::live::FieldConflict;
use crate::manifest::ObjectRef;

/// What etcd takes in one request, when it does not say so itself.
const ETCD_LIMIT: usize = 1_572_864;

/// What was asked for, to tell what the answer means.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked<'a> {
    /// The store's name.
    pub(super) store: &'a str,
    /// The object.
    pub(super) id: &'a ObjectRef,
    /// `get`, `create`, …
    pub(super) verb: &'a str,
    /// How many bytes were sent.
    pub(super) size: usize,
}

impl Asked<'_> {
    /// The error that some trouble is.
    pub(super) fn error(&self, trouble: Trouble) -> StoreError {
        match trouble {
            Trouble::Refused(refusal) => self.refused(*refusal),
            Trouble::Lost { request, reason, unknown: true, .. } => StoreError::Unanswered {
                id: Box::new(self.id.clone()),
                verb: self.verb.to_string(),
                request,
                reason,
            },
            Trouble::Lost { request, reason, .. } => {
                StoreError::ClusterUnreachable { reason: format!("{request}: {reason}") }
            }
            Trouble::Failed(error) => error,
        }
    }

    fn refused(&self, refusal: Refusal) -> StoreError {
        let Refusal { status, .. } = refusal;
        let id = || Box::new(self.id.clone());
        match status.code {
            401 => StoreError::Unauthorized { store: self.store.to_string(), reason: told(&status) },
            403 if is_forbidden(&status.message) => {
                StoreError::Forbidden { id: id(), verb: self.verb.to_string(), reason: told(&status) }
            }
            404 => self.not_found(&status),
            409 if status.reason == "AlreadyExists" => StoreError::AlreadyExists { id: id() },
            409 if has_field_conflicts(&status) => {
                StoreError::Fields { id: id(), fields: field_conflicts(&status) }
            }
            429 => StoreError::Busy { store: self.store.to_string(), reason: told(&status) },
            _ => match too_large(&status) {
                Some(limit) => {
                    StoreError::TooLarge { store: self.store.to_string(), id: id(), size: self.size, limit }
                }
                None => StoreError::Refused {
                    id: id(),
                    code: status.code,
                    reason: told(&status),
                    fields: causes(&status).map(|cause| cause.field.clone()).collect(),
                },
            },
        }
    }

    /// The object is not there, or its namespace, or its kind.
    fn not_found(&self, status: &Status) -> StoreError {
        let kind = status.details.as_ref().map_or("", |details| details.kind.as_str());
        let name = status.details.as_ref().map_or("", |details| details.name.as_str());
        if kind == "namespaces" && self.id.kind != "Namespace" {
            let id = ObjectRef {
                group: String::new(),
                version: "v1".into(),
                kind: "Namespace".into(),
                namespace: String::new(),
                name: name.to_string(),
            };
            return StoreError::NotFound { id: Box::new(id) };
        }
        if status.reason == "NotFound" && !kind.is_empty() && !name.is_empty() {
            return StoreError::NotFound { id: Box::new(self.id.clone()) };
        }
        if status.reason == "NotFound" && self.verb == "log" {
            return StoreError::NotFound { id: Box::new(self.id.clone()) };
        }
        StoreError::NoKind { kind: self.id.kind.clone(), api_version: self.id.api_version() }
    }
}

/// The message, with what to do about a version of the server that says nothing.
fn told(status: &Status) -> String {
    status.message.trim().to_string()
}

fn causes(status: &Status) -> impl Iterator<Item = &kube::core::response::StatusCause> {
    let causes = status.details.as_ref().map(|details| details.causes.as_slice()).unwrap_or_default();
    causes.iter().filter(|cause| !cause.field.is_empty())
}

/// Whether the authorizer says no: admission (quotas, namespaces that go away) also answers with 403.
fn is_forbidden(message: &str) -> bool {
    static PATTERN: LazyLock<Option<Regex>> = LazyLock::new(|| {
        Regex::new(r#"User ".*" cannot |cannot impersonate resource|is attempting to grant"#).ok()
    });
    PATTERN.as_ref().is_some_and(|pattern| pattern.is_match(message))
}

fn has_field_conflicts(status: &Status) -> bool {
    causes(status).any(|cause| cause.reason == "FieldManagerConflict")
}

fn field_conflicts(status: &Status) -> Vec<FieldConflict> {
    causes(status)
        .filter(|cause| cause.reason == "FieldManagerConflict")
        .map(|cause| FieldConflict {
            field: cause.field.clone(),
            manager: cause.message.split('"').nth(1).unwrap_or("").to_string(),
            message: cause.message.clone(),
            found: None,
            wanted: None,
        })
        .collect()
}

/// The limit that an object is over, when that is what is wrong with it.
fn too_large(status: &Status) -> Option<usize> {
    static PATTERN: LazyLock<Option<Regex>> = LazyLock::new(|| {
        Regex::new(r"(?:may not be more than|limit is|must have at most) (\d+)(?: bytes)?\s*$").ok()
    });
    let message = status.message.as_str();
    let about_size = status.code == 413
        || message.contains("Too long")
        || message.contains("etcdserver: request is too large")
        || message.contains("trying to send message larger than max");
    // Names and labels are too long as well, which is another matter.
    let small = |limit: usize| limit < 100_000;
    let said = PATTERN.as_ref()?.captures(message).and_then(|found| found.get(1)?.as_str().parse().ok());
    match said {
        _ if !about_size => None,
        Some(limit) if small(limit) => None,
        Some(limit) => Some(limit),
        None if message.contains("Too long") => None,
        None => Some(ETCD_LIMIT),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(code: u16, json: &str) -> String {
        let mut status: Status = serde_json::from_str(json).unwrap();
        status.code = code;
        let id = ObjectRef {
            group: "apps".into(),
            version: "v1".into(),
            kind: "Deployment".into(),
            namespace: "ns".into(),
            name: "web".into(),
        };
        let asked = Asked { store: "kube", id: &id, verb: "create", size: 2_000_000 };
        let error = asked.error(Trouble::Refused(Box::new(Refusal { status, retry_after: None })));
        format!("{} | {error}", format!("{error:?}").split([' ', '{']).next().unwrap_or(""))
    }

    #[test]
    fn answers_are_told_apart() {
        for (code, json, want) in [
            (
                404,
                r#"{"reason":"NotFound","message":"deployments.apps \"web\" not found","details":{"name":"web","group":"apps","kind":"deployments"}}"#,
                "NotFound | Deployment/ns/web not found",
            ),
            (
                404,
                r#"{"reason":"NotFound","message":"namespaces \"ns\" not found","details":{"name":"ns","kind":"namespaces"}}"#,
                "NotFound | Namespace/ns not found",
            ),
            (
                404,
                r#"{"reason":"NotFound","message":"the server could not find the requested resource","details":{}}"#,
                "NoKind | no matches for kind \"Deployment\" in version \"apps/v1\"",
            ),
            (409, r#"{"reason":"AlreadyExists"}"#, "AlreadyExists | Deployment/ns/web already exists"),
            (
                409,
                r#"{"reason":"Conflict","message":"Apply failed with 1 conflict","details":{"causes":[{"reason":"FieldManagerConflict","message":"conflict with \"kubectl\" using apps/v1","field":".spec.replicas"}]}}"#,
                "Fields | Deployment/ns/web: 1 conflict: .spec.replicas is managed by \"kubectl\"",
            ),
            (
                403,
                r#"{"reason":"Forbidden","message":"deployments.apps is forbidden: User \"u\" cannot create resource \"deployments\" in API group \"apps\" in the namespace \"ns\""}"#,
                "Forbidden | Deployment/ns/web: not allowed to create: deployments.apps is forbidden: User \"u\" cannot create resource \"deployments\" in API group \"apps\" in the namespace \"ns\"",
            ),
            (
                403,
                r#"{"reason":"Forbidden","message":"pods \"a\" is forbidden: exceeded quota: q"}"#,
                "Refused | Deployment/ns/web: pods \"a\" is forbidden: exceeded quota: q",
            ),
            (
                401,
                r#"{"reason":"Unauthorized","message":"Unauthorized"}"#,
                "Unauthorized | kube: Unauthorized",
            ),
            (
                422,
                r#"{"reason":"Invalid","message":"Secret \"a\" is invalid: data: Too long: may not be more than 1048576 bytes"}"#,
                "TooLarge | Deployment/ns/web has 2000000 bytes, and kube takes at most 1048576",
            ),
            (
                422,
                r#"{"reason":"Invalid","message":"metadata.name: Invalid value: \"x\": must be no more than 63 bytes: Too long: may not be more than 63 bytes"}"#,
                "Refused | Deployment/ns/web: metadata.name: Invalid value: \"x\": must be no more than 63 bytes: Too long: may not be more than 63 bytes",
            ),
            (
                500,
                r#"{"message":"etcdserver: request is too large"}"#,
                "TooLarge | Deployment/ns/web has 2000000 bytes, and kube takes at most 1572864",
            ),
            (
                413,
                r#"{"message":"Request entity too large: limit is 3145728"}"#,
                "TooLarge | Deployment/ns/web has 2000000 bytes, and kube takes at most 3145728",
            ),
            (429, r#"{"message":"too many requests"}"#, "Busy | kube is busy: too many requests"),
        ] {
            assert_eq!(error(code, json), want);
        }
    }
}
