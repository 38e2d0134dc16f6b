//! What is kept of a failure: conditions, events, the reasons of pods, and the last lines of their logs.
//!
//! It goes into the record of the failed revision, so that it can be read when the pods are long gone, after a rollback too.
//!
//! Invariant: bounded. No more objects, events, lines and bytes than the limits here, whatever a cluster says; values of
//! secrets are never looked at.

use serde::{Deserialize, Serialize};

use super::ready::{Look, Readiness};
use super::trouble;
use crate::cluster::live::LogOptions;
use crate::cluster::{Cluster, Query, Store};
use crate::data::Value;
use crate::manifest::ObjectRef;

const MOST_OBJECTS: usize = 10;
const MOST_EVENTS: usize = 10;
const MOST_LOGS: usize = 5;
const LOG_LINES: u64 = 20;
const LOG_BYTES: u64 = 4 << 10;
/// Longest text of one message, in bytes.
const LONGEST: usize = 1 << 10;

/// What was known when an operation failed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Evidence {
    /// The error, as the command told it.
    pub error: String,
    /// The objects that were not ready, the hook that failed.
    pub objects: Vec<ObjectEvidence>,
    /// How many more there were.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub left_out: usize,
}

#[allow(clippy::trivially_copy_pass_by_ref)] // serde's signature
fn is_zero(count: &usize) -> bool {
    *count == 0
}

/// What was known of one object.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ObjectEvidence {
    /// `Deployment/ns/web`.
    pub object: String,
    /// `InProgress`, `Failed`, …
    pub status: String,
    /// What was missing.
    pub message: String,
    /// Conditions that are not as they should be: `Available=False MinimumReplicasUnavailable: …`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<String>,
    /// What held its pods up.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub troubles: Vec<String>,
    /// Warnings about it and its pods, the newest last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<String>,
    /// The end of the logs of its containers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub logs: Vec<ContainerLog>,
}

/// The end of one container's log.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ContainerLog {
    /// The pod.
    pub pod: String,
    /// The container.
    pub container: String,
    /// Its last lines.
    pub text: String,
}

/// Collects what can be known about objects that are not as they should be. What cannot be asked for is left out.
pub fn collect(
    store: &dyn Store,
    cluster: &dyn Cluster,
    error: &str,
    missing: &[(ObjectRef, Readiness)],
) -> Evidence {
    let objects = missing
        .iter()
        .take(MOST_OBJECTS)
        .map(|(id, readiness)| of_object(store, cluster, id, readiness))
        .collect();
    Evidence { error: shortened(error), objects, left_out: missing.len().saturating_sub(MOST_OBJECTS) }
}

fn shortened(text: &str) -> String {
    if text.len() <= LONGEST {
        return text.to_string();
    }
    let end = (0..=LONGEST).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    format!("{}…", &text[..end])
}

fn of_object(
    store: &dyn Store,
    cluster: &dyn Cluster,
    id: &ObjectRef,
    readiness: &Readiness,
) -> ObjectEvidence {
    let mut found = ObjectEvidence {
        object: id.to_string(),
        status: readiness.word().to_string(),
        message: shortened(readiness.message()),
        ..ObjectEvidence::default()
    };
    let Ok(Some(stored)) = store.get(id) else { return found };
    let body = stored.body.unwrap_or_default();
    found.conditions = conditions(&body);
    let troubles = trouble::troubles(store, id, &body).unwrap_or_default();
    found.troubles = troubles.iter().map(|trouble| shortened(&trouble.to_string())).collect();
    let pods = trouble::pods(store, id, &body).unwrap_or_default();
    let mut about = vec![stored.uid];
    about.extend(pods.iter().map(|pod| pod.uid.clone()));
    found.events = events(store, &id.namespace, &about);
    for pod in &pods {
        let look = Look(pod.body.as_ref().unwrap_or(&Value::Null));
        for container in look.list(&["spec", "containers"]).iter().map(Look) {
            if found.logs.len() >= MOST_LOGS {
                return found;
            }
            let container = container.text(&["name"]);
            if let Some(text) = last_lines(cluster, &pod.id, container) {
                let (pod, container) = (pod.id.name.clone(), container.to_string());
                found.logs.push(ContainerLog { pod, container, text });
            }
        }
    }
    found
}

fn conditions(body: &Value) -> Vec<String> {
    Look(body)
        .list(&["status", "conditions"])
        .iter()
        .map(Look)
        .filter(|condition| condition.text(&["status"]) != "True")
        .take(MOST_EVENTS)
        .map(|condition| {
            let field = |name: &'static str| condition.text(&[name]);
            shortened(&format!(
                "{}={} {}: {}",
                field("type"),
                field("status"),
                field("reason"),
                field("message")
            ))
        })
        .collect()
}

/// The newest warnings about some objects.
fn events(store: &dyn Store, namespace: &str, about: &[String]) -> Vec<String> {
    let query = Query {
        group_kind: Some((String::new(), "Event".to_string())),
        namespace: Some(namespace.to_string()),
        ..Query::default()
    };
    let mut found: Vec<(String, String)> = Vec::new();
    for event in store.list(&query).unwrap_or_default() {
        let Some(body) = &event.body else { continue };
        let look = Look(body);
        let concerns = look.text(&["involvedObject", "uid"]);
        if look.text(&["type"]) != "Warning" || !about.iter().any(|uid| uid == concerns) {
            continue;
        }
        let last = ["lastTimestamp", "eventTime", "firstTimestamp"]
            .iter()
            .map(|field| look.text(&[field]))
            .find(|time| !time.is_empty())
            .unwrap_or("");
        let (kind, name) = (look.text(&["involvedObject", "kind"]), look.text(&["involvedObject", "name"]));
        let text = format!("{last} {kind}/{name} {}: {}", look.text(&["reason"]), look.text(&["message"]));
        found.push((last.to_string(), shortened(text.trim_start())));
    }
    found.sort();
    found.into_iter().rev().take(MOST_EVENTS).map(|(_, text)| text).rev().collect()
}

/// The end of a container's log; of its last run when this one has said nothing yet.
fn last_lines(cluster: &dyn Cluster, pod: &ObjectRef, container: &str) -> Option<String> {
    let options = |previous| LogOptions {
        container: container.to_string(),
        tail: Some(LOG_LINES),
        limit_bytes: Some(LOG_BYTES),
        previous,
    };
    let said = |previous| cluster.logs(pod, &options(previous)).ok().filter(|text| !text.trim().is_empty());
    said(false).or_else(|| said(true))
}
