//! Whether an object has become what it is meant to be, read off its status alone.
//!
//! Two sets of rules: those of kstatus ([`Rules::Watcher`], Helm 4's default when it waits) and those that Helm 3 had
//! ([`Rules::Legacy`]). The short messages are those that Helm prints in `resource K/ns/n not ready. status: S, message: M`.
//!
//! Invariant: pure. The same object gives the same answer, and an object of an unknown kind is never waited for longer
//! than its own conditions ask.

use crate::data::Value;
use crate::manifest::ObjectRef;

use super::legacy;

/// Which rules count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Rules {
    /// kstatus.
    #[default]
    Watcher,
    /// Helm 3's.
    Legacy,
}

/// What is asked of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Ask {
    /// By which rules.
    pub rules: Rules,
    /// A job has to complete, not only to start.
    pub jobs: bool,
    /// It is a hook: a pod has to complete.
    pub hook: bool,
    /// A pod that cannot be scheduled yet is only a failure when it has been so for a while; Unix seconds.
    pub now: i64,
}

/// How far an object is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Readiness {
    /// As it is meant to be.
    Current,
    /// On its way, with what is missing.
    InProgress(String),
    /// It will not become so by itself.
    Failed(String),
    /// It is being deleted.
    Terminating,
    /// It is not there.
    NotFound,
}

impl Readiness {
    /// The word in messages.
    pub fn word(&self) -> &'static str {
        match self {
            Readiness::Current => "Current",
            Readiness::InProgress(_) => "InProgress",
            Readiness::Failed(_) => "Failed",
            Readiness::Terminating => "Terminating",
            Readiness::NotFound => "NotFound",
        }
    }

    /// What is missing or wrong.
    pub fn message(&self) -> &str {
        match self {
            Readiness::InProgress(message) | Readiness::Failed(message) => message,
            Readiness::Current => "Resource is current",
            Readiness::Terminating => "Resource scheduled for deletion",
            Readiness::NotFound => "Resource not found",
        }
    }
}

/// How long a pod may wait for a node before that counts as a failure, in seconds. Source: kstatus.
const SCHEDULED_WITHIN: i64 = 15;

/// A look at an object: typed access to fields whose absence has a meaning.
pub(super) struct Look<'a>(pub(super) &'a Value);

impl<'a> Look<'a> {
    pub(super) fn at(&self, path: &[&str]) -> Option<&'a Value> {
        self.0.path(path.iter().copied())
    }

    pub(super) fn int(&self, path: &[&str]) -> Option<i64> {
        match self.at(path)? {
            Value::Int(number) | Value::SetInt(number) => Some(*number),
            _ => None,
        }
    }

    pub(super) fn text(&self, path: &[&str]) -> &'a str {
        self.at(path).and_then(Value::as_str).unwrap_or("")
    }

    pub(super) fn bool(&self, path: &[&str]) -> bool {
        self.at(path).and_then(Value::as_bool).unwrap_or(false)
    }

    pub(super) fn list(&self, path: &[&str]) -> &'a [Value] {
        self.at(path).and_then(Value::as_list).unwrap_or_default()
    }

    /// The condition of a type.
    pub(super) fn condition(&self, kind: &str) -> Option<Look<'a>> {
        self.list(&["status", "conditions"])
            .iter()
            .find(|condition| condition.get("type").and_then(Value::as_str) == Some(kind))
            .map(Look)
    }

    /// Whether a condition is `True`.
    pub(super) fn is(&self, kind: &str) -> bool {
        self.condition(kind).is_some_and(|condition| condition.text(&["status"]) == "True")
    }
}

/// How far an object is, by the rules that are asked for.
pub fn readiness(id: &ObjectRef, object: &Value, ask: &Ask) -> Readiness {
    let look = Look(object);
    match ask.rules {
        Rules::Watcher => watcher(id, &look, ask),
        Rules::Legacy => legacy::readiness(id, &look, ask.jobs),
    }
}

fn watcher(id: &ObjectRef, look: &Look<'_>, ask: &Ask) -> Readiness {
    if look.at(&["metadata", "deletionTimestamp"]).is_some() {
        return Readiness::Terminating;
    }
    if let Some(early) = observed(id, look).or_else(|| general_conditions(look)) {
        return early;
    }
    match (id.group.as_str(), id.kind.as_str()) {
        ("apps" | "extensions", "Deployment") => deployment(look),
        ("apps", "StatefulSet") => stateful_set(look),
        ("apps" | "extensions", "DaemonSet") => daemon_set(look),
        ("apps" | "extensions", "ReplicaSet") => replica_set(look),
        ("", "Pod") if ask.hook => hook_pod(look, id),
        ("", "Pod") => pod(look, ask.now),
        ("", "PersistentVolumeClaim") => claim(look),
        ("", "Service") => service(look),
        ("batch", "Job") => job(look, ask.jobs),
        ("apiextensions.k8s.io", "CustomResourceDefinition") => definition(look),
        ("", "ConfigMap" | "Secret") | ("batch", "CronJob") | ("policy", "PodDisruptionBudget") => {
            Readiness::Current
        }
        _ => other(look),
    }
}

/// Whether the controller has seen the newest generation.
fn observed(id: &ObjectRef, look: &Look<'_>) -> Option<Readiness> {
    let generation = look.int(&["metadata", "generation"])?;
    let observed = look.int(&["status", "observedGeneration"])?;
    (generation != observed).then(|| {
        Readiness::InProgress(format!(
            "{} generation is {generation}, but latest observed generation is {observed}",
            id.kind
        ))
    })
}

/// The conditions that any kind may have to say that it is not there yet.
fn general_conditions(look: &Look<'_>) -> Option<Readiness> {
    let message = |kind: &str| look.condition(kind).map_or("", |found| found.text(&["message"])).to_string();
    if look.is("Reconciling") {
        return Some(Readiness::InProgress(message("Reconciling")));
    }
    look.is("Stalled").then(|| Readiness::Failed(message("Stalled")))
}

/// What is missing, as `Available: 1/3`.
fn count(what: &str, have: i64, want: i64) -> Option<Readiness> {
    (have < want).then(|| Readiness::InProgress(format!("{what}: {have}/{want}")))
}

fn surplus(have: i64, want: i64) -> Option<Readiness> {
    (have > want).then(|| Readiness::InProgress(format!("Pending termination: {}", have - want)))
}

fn deployment(look: &Look<'_>) -> Readiness {
    let status = |field: &str| look.int(&["status", field]).unwrap_or(0);
    let want = look.int(&["spec", "replicas"]).unwrap_or(1);
    let progressing = look.condition("Progressing");
    let reason = progressing.as_ref().map_or("", |condition| condition.text(&["reason"]));
    if reason == "ProgressDeadlineExceeded" {
        return Readiness::Failed("Progress deadline exceeded".to_string());
    }
    // A deployment without a deadline (the largest one) has no such condition.
    let no_deadline = look.int(&["spec", "progressDeadlineSeconds"]) == Some(i64::from(i32::MAX));
    let replaced = no_deadline || reason == "NewReplicaSetAvailable";
    let (all, updated, available, ready) =
        (status("replicas"), status("updatedReplicas"), status("availableReplicas"), status("readyReplicas"));
    count("Replicas", all, want)
        .or_else(|| count("Updated", updated, want))
        .or_else(|| surplus(all, updated))
        .or_else(|| count("Available", available, updated))
        .or_else(|| count("Ready", ready, want))
        .or_else(|| (!replaced).then(|| Readiness::InProgress("ReplicaSet not Available".to_string())))
        .or_else(|| {
            (!look.is("Available")).then(|| Readiness::InProgress("Deployment not Available".to_string()))
        })
        .unwrap_or(Readiness::Current)
}

/// Whether a Deployment that missed its deadline did so before it was changed: the controller writes the condition anew,
/// with another time, only when the next rollout moves.
pub(super) fn keeps_verdict(before: &Value, now: &Value) -> bool {
    let verdict = |body| Look(body).condition("Progressing").map(|condition| condition.0);
    verdict(before).is_some_and(|old| verdict(now) == Some(old))
}

fn stateful_set(look: &Look<'_>) -> Readiness {
    if look.text(&["spec", "updateStrategy", "type"]) == "OnDelete" {
        return Readiness::Current;
    }
    let status = |field: &str| look.int(&["status", field]).unwrap_or(0);
    let want = look.int(&["spec", "replicas"]).unwrap_or(1);
    let counted = count("Replicas", status("replicas"), want)
        .or_else(|| count("Ready", status("readyReplicas"), want))
        .or_else(|| surplus(status("replicas"), want));
    if let Some(missing) = counted {
        return missing;
    }
    match look.int(&["spec", "updateStrategy", "rollingUpdate", "partition"]) {
        Some(partition) if partition > 0 => {
            count("updated", status("updatedReplicas"), want - partition).unwrap_or(Readiness::Current)
        }
        _ => count("current", status("currentReplicas"), want)
            .or_else(|| {
                let (current, update) =
                    (look.text(&["status", "currentRevision"]), look.text(&["status", "updateRevision"]));
                (current != update).then(|| {
                    Readiness::InProgress("Waiting for updated revision to match current".to_string())
                })
            })
            .unwrap_or(Readiness::Current),
    }
}

fn daemon_set(look: &Look<'_>) -> Readiness {
    let status = |field: &str| look.int(&["status", field]).unwrap_or(0);
    let Some(want) = look.int(&["status", "desiredNumberScheduled"]) else {
        return Readiness::InProgress("Missing .status.desiredNumberScheduled".to_string());
    };
    if look.int(&["status", "observedGeneration"]).is_none() {
        return Readiness::InProgress("Controller has not observed the latest change".to_string());
    }
    count("Current", status("currentNumberScheduled"), want)
        .or_else(|| count("Updated", status("updatedNumberScheduled"), want))
        .or_else(|| count("Available", status("numberAvailable"), want))
        .or_else(|| count("Ready", status("numberReady"), want))
        .unwrap_or(Readiness::Current)
}

fn replica_set(look: &Look<'_>) -> Readiness {
    let status = |field: &str| look.int(&["status", field]).unwrap_or(0);
    let want = look.int(&["spec", "replicas"]).unwrap_or(1);
    if look.is("ReplicaFailure") {
        return Readiness::InProgress("Replica Failure condition. Check Pods".to_string());
    }
    count("Labelled", status("fullyLabeledReplicas"), want)
        .or_else(|| count("Available", status("availableReplicas"), want))
        .or_else(|| count("Ready", status("readyReplicas"), want))
        .or_else(|| surplus(status("replicas"), want))
        .unwrap_or(Readiness::Current)
}

fn pod(look: &Look<'_>, now: i64) -> Readiness {
    match look.text(&["status", "phase"]) {
        "Succeeded" | "Failed" => Readiness::Current,
        "Running" if look.is("Ready") => Readiness::Current,
        "Running" | "Pending" => pod_waits(look, now),
        "" => Readiness::InProgress("Pod phase not available".to_string()),
        phase => Readiness::InProgress(format!("unknown phase {phase}")),
    }
}

/// A pod that has work to do: only its end counts.
fn hook_pod(look: &Look<'_>, id: &ObjectRef) -> Readiness {
    match look.text(&["status", "phase"]) {
        "Succeeded" => Readiness::Current,
        "Failed" => Readiness::Failed(format!("pod {} failed", id.name)),
        phase => Readiness::InProgress(format!("pod {} is {phase}", id.name)),
    }
}

fn pod_waits(look: &Look<'_>, now: i64) -> Readiness {
    let crashing = crashing(look);
    if !crashing.is_empty() {
        return Readiness::Failed(format!("Containers in CrashLoop state: {}", crashing.join(",")));
    }
    if look.text(&["status", "phase"]) == "Running" {
        return Readiness::InProgress("Pod is running but is not Ready".to_string());
    }
    let unscheduled = look.condition("PodScheduled").filter(|scheduled| {
        scheduled.text(&["status"]) == "False" && scheduled.text(&["reason"]) == "Unschedulable"
    });
    let since = |scheduled: &Look<'_>| super::seconds(scheduled.text(&["lastTransitionTime"]));
    match unscheduled {
        Some(scheduled) if since(&scheduled).is_some_and(|since| now - since >= SCHEDULED_WITHIN) => {
            Readiness::Failed("Pod could not be scheduled".to_string())
        }
        Some(_) => Readiness::InProgress("Pod has not been scheduled".to_string()),
        None => Readiness::InProgress("Pod is in the Pending phase".to_string()),
    }
}

/// Names of the containers that crash again and again.
fn crashing(look: &Look<'_>) -> Vec<String> {
    ["initContainerStatuses", "containerStatuses"]
        .iter()
        .flat_map(|field| look.list(&["status", field]))
        .map(Look)
        .filter(|container| container.text(&["state", "waiting", "reason"]) == "CrashLoopBackOff")
        .map(|container| container.text(&["name"]).to_string())
        .collect()
}

fn claim(look: &Look<'_>) -> Readiness {
    match look.text(&["status", "phase"]) {
        "Bound" => Readiness::Current,
        phase => Readiness::InProgress(format!("PVC is not Bound. phase: {phase}")),
    }
}

fn service(look: &Look<'_>) -> Readiness {
    let balanced = look.text(&["spec", "type"]) == "LoadBalancer";
    if balanced && look.text(&["spec", "clusterIP"]).is_empty() {
        return Readiness::InProgress("ClusterIP not set. Service type: LoadBalancer".to_string());
    }
    Readiness::Current
}

fn job(look: &Look<'_>, has_to_complete: bool) -> Readiness {
    if look.is("Complete") {
        return Readiness::Current;
    }
    if look.is("Failed") {
        let message = look.condition("Failed").map_or("", |failed| failed.text(&["message"]));
        let failed = look.int(&["status", "failed"]).unwrap_or(0);
        return Readiness::Failed(if message.is_empty() {
            format!("Job Failed. failed: {failed}")
        } else {
            format!("Job Failed. failed: {failed}: {message}")
        });
    }
    if look.text(&["status", "startTime"]).is_empty() && !look.is("Suspended") {
        return Readiness::InProgress("Job not started".to_string());
    }
    if has_to_complete {
        let active = look.int(&["status", "active"]).unwrap_or(0);
        let done = look.int(&["status", "succeeded"]).unwrap_or(0);
        return Readiness::InProgress(format!("Job in progress. success:{done}, active: {active}"));
    }
    Readiness::Current
}

fn definition(look: &Look<'_>) -> Readiness {
    if look.is("Established") {
        return Readiness::Current;
    }
    match look.condition("NamesAccepted") {
        Some(accepted) if accepted.text(&["status"]) == "False" => {
            Readiness::Failed(accepted.text(&["message"]).to_string())
        }
        _ => Readiness::InProgress("Install in progress".to_string()),
    }
}

/// Any other kind: its `Ready` condition if it has one.
fn other(look: &Look<'_>) -> Readiness {
    match look.condition("Ready") {
        Some(ready) if ready.text(&["status"]) != "True" => {
            Readiness::InProgress(ready.text(&["message"]).to_string())
        }
        _ => Readiness::Current,
    }
}
