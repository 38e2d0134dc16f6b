//! The rules that Helm 3 had for `--wait`, kept for `--wait=legacy`.
//!
//! Invariant: as [`super::ready`]'s; rolling updates may lack as many pods as their strategy allows.

use super::ready::{Look, Readiness};
use crate::data::Value;
use crate::manifest::ObjectRef;

pub(super) fn readiness(id: &ObjectRef, look: &Look<'_>, jobs: bool) -> Readiness {
    match (id.group.as_str(), id.kind.as_str()) {
        ("", "Pod") => waits_for(look.is("Ready"), "Pod is not ready"),
        ("", "ReplicationController") | ("apps" | "extensions", "ReplicaSet") => replicas(look),
        ("apps" | "extensions", "Deployment") => deployment(look),
        ("apps", "StatefulSet") => stateful_set(look),
        ("apps" | "extensions", "DaemonSet") => daemon_set(look),
        ("", "PersistentVolumeClaim") => {
            waits_for(look.text(&["status", "phase"]) == "Bound", "PersistentVolumeClaim is not bound")
        }
        ("", "Service") => service(look),
        ("batch", "Job") if jobs => job(look),
        ("apiextensions.k8s.io", "CustomResourceDefinition") => {
            waits_for(look.is("Established"), "CustomResourceDefinition is not established")
        }
        _ => Readiness::Current,
    }
}

fn waits_for(is: bool, missing: &str) -> Readiness {
    if is { Readiness::Current } else { Readiness::InProgress(missing.to_string()) }
}

/// A number that may be given as a part of a whole: `2` or `25%`, rounded down or up.
fn scaled(value: Option<&Value>, whole: i64, up: bool) -> Option<i64> {
    match value? {
        Value::Int(number) | Value::SetInt(number) => Some(*number),
        Value::Str(text) => {
            let percent: i64 = text.strip_suffix('%')?.parse().ok()?;
            let product = whole.checked_mul(percent)?;
            Some(if up { (product + 99).div_euclid(100) } else { product.div_euclid(100) })
        }
        _ => None,
    }
}

fn seen(look: &Look<'_>) -> bool {
    let generation = look.int(&["metadata", "generation"]).unwrap_or(0);
    look.int(&["status", "observedGeneration"]).unwrap_or(0) >= generation
}

fn replicas(look: &Look<'_>) -> Readiness {
    let want = look.int(&["spec", "replicas"]).unwrap_or(1);
    let ready = look.int(&["status", "readyReplicas"]).unwrap_or(0);
    waits_for(seen(look) && ready >= want, &format!("Ready: {ready}/{want}"))
}

fn deployment(look: &Look<'_>) -> Readiness {
    if look.bool(&["spec", "paused"]) {
        return Readiness::Current;
    }
    if !seen(look) {
        return Readiness::InProgress("the newest generation was not observed yet".to_string());
    }
    let want = look.int(&["spec", "replicas"]).unwrap_or(1);
    let strategy = look.at(&["spec", "strategy", "rollingUpdate", "maxUnavailable"]);
    let spare = scaled(strategy, want, false).unwrap_or(0).min(want);
    // The pods of the newest template that are ready: all ready ones, once no old ones are left.
    let updated = look.int(&["status", "updatedReplicas"]).unwrap_or(0);
    let ready = look.int(&["status", "readyReplicas"]).unwrap_or(0).min(updated);
    waits_for(ready >= want - spare, &format!("Ready: {ready}/{}", want - spare))
}

fn stateful_set(look: &Look<'_>) -> Readiness {
    let kind = look.text(&["spec", "updateStrategy", "type"]);
    if kind == "OnDelete" {
        return Readiness::Current;
    }
    if !seen(look) {
        return Readiness::InProgress("the newest generation was not observed yet".to_string());
    }
    let want = look.int(&["spec", "replicas"]).unwrap_or(1);
    let partition = look.int(&["spec", "updateStrategy", "rollingUpdate", "partition"]).unwrap_or(0);
    let updated = look.int(&["status", "updatedReplicas"]).unwrap_or(0);
    let ready = look.int(&["status", "readyReplicas"]).unwrap_or(0);
    if updated < want - partition {
        return Readiness::InProgress(format!("Updated: {updated}/{}", want - partition));
    }
    let current = look.text(&["status", "currentRevision"]) == look.text(&["status", "updateRevision"]);
    waits_for(ready >= want && (partition > 0 || current), &format!("Ready: {ready}/{want}"))
}

fn daemon_set(look: &Look<'_>) -> Readiness {
    if look.text(&["spec", "updateStrategy", "type"]) == "OnDelete" {
        return Readiness::Current;
    }
    if !seen(look) {
        return Readiness::InProgress("the newest generation was not observed yet".to_string());
    }
    let status = |field: &str| look.int(&["status", field]).unwrap_or(0);
    let want = status("desiredNumberScheduled");
    if status("updatedNumberScheduled") < want {
        return Readiness::InProgress(format!("Updated: {}/{want}", status("updatedNumberScheduled")));
    }
    let allowed = look.at(&["spec", "updateStrategy", "rollingUpdate", "maxUnavailable"]);
    let enough = want - scaled(allowed, want, true).unwrap_or(want);
    waits_for(status("numberReady") >= enough, &format!("Ready: {}/{enough}", status("numberReady")))
}

fn service(look: &Look<'_>) -> Readiness {
    let kind = look.text(&["spec", "type"]);
    if kind == "ExternalName" {
        return Readiness::Current;
    }
    if look.text(&["spec", "clusterIP"]).is_empty() {
        return Readiness::InProgress("Service does not have a cluster IP".to_string());
    }
    let reachable = kind != "LoadBalancer"
        || !look.list(&["spec", "externalIPs"]).is_empty()
        || !look.list(&["status", "loadBalancer", "ingress"]).is_empty();
    waits_for(reachable, "Service does not have a load balancer ingress")
}

fn job(look: &Look<'_>) -> Readiness {
    let failed = look.int(&["status", "failed"]).unwrap_or(0);
    let limit = look.int(&["spec", "backoffLimit"]).unwrap_or(6);
    if failed > limit || look.is("Failed") {
        return Readiness::Failed(format!("job is failed: {failed} of its pods failed"));
    }
    let done = look.int(&["status", "succeeded"]).unwrap_or(0);
    let want = look.int(&["spec", "completions"]).unwrap_or(1);
    waits_for(done >= want, &format!("Completed: {done}/{want}"))
}
