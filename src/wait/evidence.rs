//! What is kept of a failure: conditions, events, the reasons of pods, and the last lines of their logs.
//!
//! It goes into the record of the failed revision, so that it can be read when the pods are long gone, after a rollback too.
//!
//! Invariant: bounded. No more objects, events, lines and bytes than the limits here, whatever a cluster says, and at most
//! [`LARGEST`] bytes as a whole; values of secrets are never looked at.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::ready::{Look, Readiness};
use super::trouble;
use crate::cluster::live::LogOptions;
use crate::cluster::{Cluster, Query, Store};
use crate::data::Value;
use crate::manifest::ObjectRef;

/// Most bytes of one piece of evidence, as JSON: it lies in the record's annotations, which may have 256 KiB.
pub const LARGEST: usize = 64 << 10;
const MOST_OBJECTS: usize = 10;
/// Most conditions, reasons and events of one object, each.
const MOST_EVENTS: usize = 10;
/// Most ReplicaSets of a Deployment that are looked at.
const MOST_REPLICA_SETS: usize = 20;
/// A log is not shortened below this many bytes.
const SHORT_LOG: usize = 512;
const MOST_LOGS: usize = 5;
const LOG_LINES: u64 = 20;
const LOG_BYTES: u64 = 4 << 10;
/// Longest text of one message, in bytes.
const LONGEST: usize = 1 << 10;
/// Conditions that are wrong when they are `True`; others are wrong when they are not.
const WRONG_WHEN_TRUE: &[&str] = &["Failed", "FailureTarget", "ReplicaFailure", "Stalled"];

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

impl Evidence {
    /// The same for an error as it is told, and cut to 64 KiB: the beginnings of logs go first, then the oldest of
    /// the longest lists, then whole objects.
    #[must_use]
    pub fn of(mut self, error: &str) -> Self {
        self.error = shortened(error);
        while self.size() > LARGEST && self.shrink() {}
        self
    }

    fn size(&self) -> usize {
        serde_json::to_string(self).map_or(0, |json| json.len())
    }

    /// Makes it smaller; `false` when nothing is left to take away.
    fn shrink(&mut self) -> bool {
        let logs = self.objects.iter_mut().flat_map(|object| object.logs.iter_mut());
        if let Some(log) = logs.max_by_key(|log| log.text.len()).filter(|log| log.text.len() > SHORT_LOG) {
            log.text = tail(&log.text, log.text.len() / 2);
            return true;
        }
        let lists = self
            .objects
            .iter_mut()
            .flat_map(|object| [&mut object.conditions, &mut object.troubles, &mut object.events]);
        if let Some(list) = lists.max_by_key(|list| list.len()).filter(|list| list.len() > 1) {
            list.remove(0);
            return true;
        }
        self.left_out += usize::from(self.objects.len() > 1);
        self.objects.len() > 1 && self.objects.pop().is_some()
    }
}

/// The end of a text: whole lines where it has some, at most so many bytes.
fn tail(text: &str, most: usize) -> String {
    let from = (text.len().saturating_sub(most)..=text.len()).find(|at| text.is_char_boundary(*at));
    let end = &text[from.unwrap_or(0)..];
    end.split_once('\n').map_or(end, |(_, lines)| lines).to_string()
}

/// Collects what can be known about objects that are not as they should be. What cannot be asked for is left out. The error
/// is still to be said, by [`Evidence::of`].
pub fn collect(store: &dyn Store, cluster: &dyn Cluster, missing: &[(ObjectRef, Readiness)]) -> Evidence {
    let mut warnings = Warnings { store, read: BTreeMap::new() };
    let objects = missing
        .iter()
        .take(MOST_OBJECTS)
        .map(|(id, readiness)| of_object((store, &mut warnings), cluster, id, readiness))
        .collect();
    Evidence { error: String::new(), objects, left_out: missing.len().saturating_sub(MOST_OBJECTS) }
}

fn shortened(text: &str) -> String {
    if text.len() <= LONGEST {
        return text.to_string();
    }
    let end = (0..=LONGEST).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    format!("{}…", &text[..end])
}

fn of_object(
    (store, warnings): (&dyn Store, &mut Warnings<'_>),
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
    let troubles = troubles.iter().take(MOST_EVENTS);
    found.troubles = troubles.map(|trouble| shortened(&trouble.to_string())).collect();
    let pods = trouble::pods(store, id, &body).unwrap_or_default();
    let mut about = replica_sets(store, id, &body, &stored.uid);
    about.push(stored.uid);
    about.extend(pods.iter().map(|pod| pod.uid.clone()));
    found.events = warnings.about(&id.namespace, &about);
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

/// The ReplicaSets of a Deployment, by uid: what keeps pods from being made (a quota, a policy) is told of them.
fn replica_sets(store: &dyn Store, id: &ObjectRef, body: &Value, owner: &str) -> Vec<String> {
    if id.kind != "Deployment" {
        return Vec::new();
    }
    let query = Query {
        group_kind: Some((id.group.clone(), "ReplicaSet".to_string())),
        namespace: Some(id.namespace.clone()),
        labels: trouble::selector(id, body),
        limit: MOST_REPLICA_SETS,
        ..Query::default()
    };
    let is_owned = |body: &Value| {
        let owners = Look(body).list(&["metadata", "ownerReferences"]);
        owners.iter().any(|one| Look(one).text(&["uid"]) == owner)
    };
    let found = store.list(&query).unwrap_or_default().into_iter();
    found.filter(|set| set.body.as_ref().is_some_and(is_owned)).map(|set| set.uid).collect()
}

fn conditions(body: &Value) -> Vec<String> {
    Look(body)
        .list(&["status", "conditions"])
        .iter()
        .map(Look)
        .filter(|condition| {
            let wrong = if WRONG_WHEN_TRUE.contains(&condition.text(&["type"])) { "True" } else { "False" };
            [wrong, "Unknown"].contains(&condition.text(&["status"]))
        })
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

/// The warnings of namespaces, each read once, however many objects are asked about: a namespace can hold many.
struct Warnings<'a> {
    store: &'a dyn Store,
    read: BTreeMap<String, Vec<Warning>>,
}

/// An event of type Warning.
struct Warning {
    /// Uid of the object that it is about.
    about: String,
    /// When it was seen last, as written; empty when not told.
    last: String,
    text: String,
}

impl Warnings<'_> {
    /// The newest warnings about some objects of a namespace, the oldest of them first.
    fn about(&mut self, namespace: &str, uids: &[String]) -> Vec<String> {
        let all = self.read.entry(namespace.to_string()).or_insert_with(|| warnings(self.store, namespace));
        let mut found: Vec<&Warning> = all.iter().filter(|warning| uids.contains(&warning.about)).collect();
        found.sort_by_key(|warning| (&warning.last, &warning.text));
        let newest = found.len().saturating_sub(MOST_EVENTS);
        found.into_iter().skip(newest).map(|warning| warning.text.clone()).collect()
    }
}

/// The warnings of a namespace; those that cannot be read are left out.
fn warnings(store: &dyn Store, namespace: &str) -> Vec<Warning> {
    let query = Query {
        group_kind: Some((String::new(), "Event".to_string())),
        namespace: Some(namespace.to_string()),
        ..Query::default()
    };
    let mut found = BTreeMap::new();
    // What was read until it fails is better than nothing.
    let _ = store.visit(&query, &mut |event| {
        let Some(look) = event.body.as_ref().map(Look) else { return Ok(()) };
        if look.text(&["type"]) != "Warning" {
            return Ok(());
        }
        let last = ["lastTimestamp", "eventTime", "firstTimestamp"]
            .iter()
            .map(|field| look.text(&[field]))
            .find(|time| !time.is_empty())
            .unwrap_or("");
        let (kind, name) = (look.text(&["involvedObject", "kind"]), look.text(&["involvedObject", "name"]));
        let text = format!("{last} {kind}/{name} {}: {}", look.text(&["reason"]), look.text(&["message"]));
        let warning = Warning {
            about: look.text(&["involvedObject", "uid"]).to_string(),
            last: last.to_string(),
            text: shortened(text.trim_start()),
        };
        // One may come a second time.
        found.insert(event.id.name, warning);
        Ok(())
    });
    found.into_values().collect()
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

#[cfg(test)]
mod tests {
    use super::*;

    fn object(log: &str, lines: usize) -> ObjectEvidence {
        let list =
            |what: &str| (0..lines).map(|at| format!("{what} {at} {}", "x".repeat(LONGEST - 20))).collect();
        let container = |at: usize| ContainerLog {
            pod: format!("web-{at}"),
            container: "web".into(),
            text: log.to_string(),
        };
        ObjectEvidence {
            object: "Deployment/ns/web".into(),
            status: "Failed".into(),
            message: "it takes too long".into(),
            conditions: list("condition"),
            troubles: list("trouble"),
            events: list("event"),
            logs: (0..MOST_LOGS).map(container).collect(),
        }
    }

    #[test]
    fn evidence_is_cut_to_its_limit_and_keeps_the_ends() {
        let log = (0..400).fold(String::new(), |log, line| log + &format!("line {line}\n"));
        for (objects, lines) in [(1, 1), (1, MOST_EVENTS), (MOST_OBJECTS, MOST_EVENTS)] {
            let all = Evidence { objects: vec![object(&log, lines); objects], ..Evidence::default() };
            let kept = all.clone().of("it failed");
            assert!(kept.size() <= LARGEST, "{objects} {lines}: {}", kept.size());
            assert_eq!(kept.objects.len() + kept.left_out, objects);
            let first = &kept.objects[0];
            assert!(first.logs.iter().all(|log| log.text.ends_with("line 399\n")), "the end of a log stays");
            assert!(
                first.logs.iter().all(|log| log.text.starts_with("line ")),
                "and begins with a whole line"
            );
            assert_eq!(first.events.last(), all.objects[0].events.last(), "the newest event stays");
            assert_eq!((lines == 1).then_some(&first.events), (lines == 1).then_some(&all.objects[0].events));
        }
        let small = Evidence { objects: vec![object("said\n", 1)], ..Evidence::default() };
        assert_eq!(small.clone().of("").objects, small.objects, "what fits is left alone");
    }

    #[test]
    fn conditions_are_told_when_they_are_wrong() {
        let body = r#"{"status":{"conditions":[
            {"type":"Available","status":"False","reason":"Few","message":"no pods"},
            {"type":"Progressing","status":"True","reason":"Fine","message":""},
            {"type":"ReplicaFailure","status":"True","reason":"FailedCreate","message":"exceeded quota"},
            {"type":"Failed","status":"False","reason":"","message":""},
            {"type":"Ready","status":"Unknown","reason":"Lost","message":"no word"}]}}"#;
        assert_eq!(
            conditions(&serde_json::from_str(body).unwrap()),
            [
                "Available=False Few: no pods",
                "ReplicaFailure=True FailedCreate: exceeded quota",
                "Ready=Unknown Lost: no word"
            ]
        );
    }
}
