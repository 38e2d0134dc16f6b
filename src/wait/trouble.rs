//! Why the pods of a workload do not come up: what their containers and the scheduler say.
//!
//! Invariant: reads pods only, by the workload's own selector, and says each reason once.

use std::collections::BTreeMap;
use std::fmt;

use super::ready::Look;
use crate::cluster::{Query, Store, StoreError, Stored};
use crate::data::Value;
use crate::manifest::ObjectRef;

/// Reasons for which a container waits that will not pass by themselves in a moment.
const SERIOUS: &[&str] = &[
    "CrashLoopBackOff",
    "CreateContainerConfigError",
    "CreateContainerError",
    "ErrImageNeverPull",
    "ErrImagePull",
    "ImagePullBackOff",
    "InvalidImageName",
    "RunContainerError",
];

/// Most pods that are looked at for one workload.
const MOST_PODS: usize = 50;

/// One reason, and how many pods it holds up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// `ImagePullBackOff`, `Unschedulable`, `CrashLoopBackOff`, `Error`.
    pub reason: String,
    /// What the cluster says about it.
    pub message: String,
    /// One of the pods.
    pub pod: String,
    /// The container, when it is one's.
    pub container: String,
    /// How many pods have it.
    pub pods: usize,
}

impl Trouble {
    /// Reason and message alone.
    pub fn brief(&self) -> String {
        let separator = if self.message.is_empty() { "" } else { ": " };
        format!("{}{separator}{}", self.reason, self.message)
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (pod {}", self.reason, self.pod)?;
        if !self.container.is_empty() {
            write!(f, ", container {}", self.container)?;
        }
        if self.pods > 1 {
            write!(f, " and {} more", crate::diag::plural(self.pods - 1, "pod"))?;
        }
        f.write_str(")")?;
        if !self.message.is_empty() {
            write!(f, ": {}", self.message)?;
        }
        Ok(())
    }
}

/// The labels by which a workload selects its pods; empty for kinds without pods.
pub fn selector(id: &ObjectRef, body: &Value) -> BTreeMap<String, String> {
    let selector = body.path(["spec", "selector", "matchLabels"]).or_else(|| {
        // A ReplicationController selects without matchLabels; a Service selects pods that are not its own.
        body.path(["spec", "selector"]).filter(|_| id.kind == "ReplicationController")
    });
    selector
        .and_then(Value::as_map)
        .into_iter()
        .flatten()
        .filter_map(|(key, value)| Some((key.to_string(), value.as_str()?.to_string())))
        .collect()
}

/// The pods of a workload, by its selector; a pod is its own. Empty for kinds without pods.
///
/// # Errors
/// The cluster cannot be asked.
pub fn pods(store: &dyn Store, id: &ObjectRef, body: &Value) -> Result<Vec<Stored>, StoreError> {
    if id.group.is_empty() && id.kind == "Pod" {
        return Ok(store.get(id)?.into_iter().collect());
    }
    let labels = selector(id, body);
    if labels.is_empty() {
        return Ok(Vec::new());
    }
    store.list(&Query {
        group_kind: Some((String::new(), "Pod".to_string())),
        namespace: Some(id.namespace.clone()),
        labels,
        limit: MOST_PODS,
        ..Query::default()
    })
}

/// What holds a workload up, each reason once.
///
/// # Errors
/// The cluster cannot be asked.
pub fn troubles(store: &dyn Store, id: &ObjectRef, body: &Value) -> Result<Vec<Trouble>, StoreError> {
    let mut found: Vec<Trouble> = Vec::new();
    for pod in pods(store, id, body)? {
        for trouble in of_pod(&pod) {
            let known = found
                .iter_mut()
                .find(|known| (&known.reason, &known.container) == (&trouble.reason, &trouble.container));
            match known {
                Some(known) => known.pods += 1,
                None => found.push(trouble),
            }
        }
    }
    Ok(found)
}

fn of_pod(pod: &Stored) -> Vec<Trouble> {
    let Some(body) = &pod.body else { return Vec::new() };
    let look = Look(body);
    let trouble = |reason: &str, message: &str, container: &str| Trouble {
        reason: reason.to_string(),
        message: message.to_string(),
        pod: pod.id.name.clone(),
        container: container.to_string(),
        pods: 1,
    };
    let mut found = Vec::new();
    if let Some(scheduled) = look.condition("PodScheduled").filter(|one| one.text(&["status"]) == "False") {
        found.push(trouble(scheduled.text(&["reason"]), scheduled.text(&["message"]), ""));
    }
    let containers = ["initContainerStatuses", "containerStatuses"];
    for container in containers.iter().flat_map(|field| look.list(&["status", field])).map(Look) {
        let name = container.text(&["name"]);
        let waits = container.text(&["state", "waiting", "reason"]);
        if SERIOUS.contains(&waits) {
            found.push(trouble(waits, container.text(&["state", "waiting", "message"]), name));
        }
        let code = container.int(&["state", "terminated", "exitCode"]).unwrap_or(0);
        if code != 0 {
            let reason = container.text(&["state", "terminated", "reason"]);
            let message = container.text(&["state", "terminated", "message"]);
            let told = if message.is_empty() {
                format!("exit code {code}")
            } else {
                format!("exit code {code}: {message}")
            };
            found.push(trouble(if reason.is_empty() { "Error" } else { reason }, &told, name));
        }
    }
    found
}
