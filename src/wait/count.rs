//! How many parts of an object are there already: pods of a workload, completions of a Job, containers of a pod.
//!
//! Invariant: pure, and only for people to look at; [`super::readiness`] decides.

use super::ready::Look;
use crate::data::Value;
use crate::manifest::ObjectRef;

/// Parts that are ready and parts that are wanted; `None` for kinds without parts, and as long as the status is one of an
/// earlier generation.
pub fn ready_count(id: &ObjectRef, object: &Value) -> Option<(i64, i64)> {
    let look = Look(object);
    let status = |field: &str| look.int(&["status", field]).unwrap_or(0);
    let observed = look.int(&["status", "observedGeneration"]);
    if observed.is_some_and(|seen| seen < look.int(&["metadata", "generation"]).unwrap_or(0)) {
        return None;
    }
    let wanted = || look.int(&["spec", "replicas"]).unwrap_or(1);
    let (ready, wanted) = match (id.group.as_str(), id.kind.as_str()) {
        ("apps" | "extensions", "Deployment") | ("apps", "StatefulSet") => {
            // Pods of an earlier template are ready as a rule, and do not count.
            (status("readyReplicas") - (status("replicas") - status("updatedReplicas")), wanted())
        }
        ("apps" | "extensions", "ReplicaSet") | ("", "ReplicationController") => {
            (status("readyReplicas"), wanted())
        }
        ("apps" | "extensions", "DaemonSet") => {
            let wanted = status("desiredNumberScheduled");
            (status("numberReady") - (wanted - status("updatedNumberScheduled")), wanted)
        }
        ("batch", "Job") => (status("succeeded"), look.int(&["spec", "completions"]).unwrap_or(1)),
        ("", "Pod") => {
            let ready = look.list(&["status", "containerStatuses"]).iter().map(Look);
            let ready = ready.filter(|container| container.bool(&["ready"])).count();
            (ready as i64, look.list(&["spec", "containers"]).len() as i64)
        }
        _ => return None,
    };
    Some((ready.clamp(0, wanted.max(0)), wanted.max(0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(group: &str, kind: &str, body: &str) -> Option<(i64, i64)> {
        let [group, version, kind, namespace, name] = [group, "v1", kind, "ns", "a"].map(String::from);
        let id = ObjectRef { group, version, kind, namespace, name };
        ready_count(&id, &serde_json::from_str(body).unwrap())
    }

    #[test]
    fn parts_are_counted_for_the_kinds_that_have_some() {
        for (group, kind, body, want) in [
            ("apps", "Deployment", r#"{"spec":{"replicas":3},"status":{}}"#, Some((0, 3))),
            (
                "apps",
                "Deployment",
                r#"{"spec":{"replicas":3},"status":{"replicas":4,"updatedReplicas":1,"readyReplicas":3}}"#,
                Some((0, 3)),
            ),
            (
                "apps",
                "Deployment",
                r#"{"spec":{"replicas":3},"status":{"replicas":4,"updatedReplicas":2,"readyReplicas":3}}"#,
                Some((1, 3)),
            ),
            (
                "apps",
                "Deployment",
                r#"{"metadata":{"generation":2},"status":{"observedGeneration":1,"readyReplicas":1}}"#,
                None,
            ),
            (
                "apps",
                "StatefulSet",
                r#"{"spec":{"replicas":2},"status":{"replicas":2,"updatedReplicas":2,"readyReplicas":1}}"#,
                Some((1, 2)),
            ),
            ("apps", "ReplicaSet", r#"{"status":{"readyReplicas":1}}"#, Some((1, 1))),
            (
                "apps",
                "DaemonSet",
                r#"{"status":{"desiredNumberScheduled":5,"updatedNumberScheduled":4,"numberReady":5}}"#,
                Some((4, 5)),
            ),
            ("batch", "Job", r#"{"spec":{"completions":4},"status":{"succeeded":1}}"#, Some((1, 4))),
            (
                "",
                "Pod",
                r#"{"spec":{"containers":[{},{}]},"status":{"containerStatuses":[{"ready":true},{"ready":false}]}}"#,
                Some((1, 2)),
            ),
            ("", "ConfigMap", "{}", None),
        ] {
            assert_eq!(count(group, kind, body), want, "{kind} {body}");
        }
    }
}
