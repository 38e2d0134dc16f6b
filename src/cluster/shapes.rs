//! Which lists of Kubernetes' own kinds are merged item by item, and by what.
//!
//! It goes by kind and place, not by the name of a field: the `ports` of a Service are merged, those of an EndpointSlice are one
//! value; the `imagePullSecrets` of a pod are merged, those of a ServiceAccount are not.
//!
//! Source: `x-kubernetes-patch-strategy` and `x-kubernetes-patch-merge-key` in the OpenAPI document of an API server (1.35).
//!
//! Invariant: what is not named here is merged field by field where it is a map, and taken whole where it is a list.

use crate::manifest::ObjectRef;

/// The fields of a map that are merged in a way of their own. A field that several kinds have at one place may be named for
/// all of them.
pub(super) type Shape = [(&'static str, Field)];

/// How a field is merged.
#[derive(Debug)]
pub(super) enum Field {
    /// A map.
    Map(&'static Shape),
    /// A map of which only what the new manifest names stays when something in it changes: its fields exclude each other.
    Choice(&'static Shape),
    /// A map that is one value.
    Whole,
    /// A list whose items are told apart by these fields, or by themselves where there is none.
    Items(&'static [&'static str], &'static Shape),
    /// The same; each item is merged as a [`Field::Choice`].
    Choices(&'static [&'static str], &'static Shape),
}

use Field::{Choice, Choices, Items, Map, Whole};

const METADATA: Field =
    Map(&[("finalizers", Items(&[], PLAIN)), ("ownerReferences", Items(&["uid"], PLAIN))]);

/// Nothing in it is merged in a way of its own.
const PLAIN: &Shape = &[];

static CONTAINER: &Shape = &[
    ("env", Items(&["name"], PLAIN)),
    ("ports", Items(&["containerPort", "protocol"], PLAIN)),
    ("volumeDevices", Items(&["devicePath"], PLAIN)),
    ("volumeMounts", Items(&["mountPath"], PLAIN)),
];

static POD_SPEC: &Shape = &[
    ("containers", Items(&["name"], CONTAINER)),
    ("ephemeralContainers", Items(&["name"], CONTAINER)),
    ("hostAliases", Items(&["ip"], PLAIN)),
    ("imagePullSecrets", Items(&["name"], PLAIN)),
    ("initContainers", Items(&["name"], CONTAINER)),
    ("resourceClaims", Choices(&["name"], PLAIN)),
    ("schedulingGates", Items(&["name"], PLAIN)),
    ("topologySpreadConstraints", Items(&["topologyKey", "whenUnsatisfiable"], PLAIN)),
    ("volumes", Choices(&["name"], PLAIN)),
];

const TEMPLATE: Field = Map(&[("metadata", METADATA), ("spec", Map(POD_SPEC))]);

const STATUS: Field = Map(&[("conditions", Items(&["type"], PLAIN))]);

static METADATA_ONLY: &Shape = &[("metadata", METADATA)];

static POD: &Shape = &[("metadata", METADATA), ("spec", Map(POD_SPEC)), ("status", STATUS)];

static POD_TEMPLATE: &Shape = &[("metadata", METADATA), ("template", TEMPLATE)];

static WORKLOAD: &Shape =
    &[("metadata", METADATA), ("spec", Map(&[("template", TEMPLATE)])), ("status", STATUS)];

static DEPLOYMENT: &Shape = &[
    ("metadata", METADATA),
    ("spec", Map(&[("strategy", Choice(PLAIN)), ("template", TEMPLATE)])),
    ("status", STATUS),
];

static CRON_JOB: &Shape = &[
    ("metadata", METADATA),
    (
        "spec",
        Map(&[("jobTemplate", Map(&[("metadata", METADATA), ("spec", Map(&[("template", TEMPLATE)]))]))]),
    ),
];

static SERVICE: &Shape = &[
    ("metadata", METADATA),
    ("spec", Map(&[("ports", Items(&["port", "protocol"], PLAIN))])),
    ("status", STATUS),
];

static SERVICE_ACCOUNT: &Shape = &[("metadata", METADATA), ("secrets", Items(&["name"], PLAIN))];

static WEBHOOKS: &Shape = &[
    ("metadata", METADATA),
    ("webhooks", Items(&["name"], &[("matchConditions", Items(&["name"], PLAIN))])),
];

static ADMISSION_POLICY: &Shape = &[
    ("metadata", METADATA),
    ("spec", Map(&[("matchConditions", Items(&["name"], PLAIN)), ("variables", Items(&["name"], PLAIN))])),
];

static DISRUPTION_BUDGET: &Shape =
    &[("metadata", METADATA), ("spec", Map(&[("selector", Whole)])), ("status", STATUS)];

static NODE: &Shape = &[
    ("metadata", METADATA),
    ("spec", Map(&[("podCIDRs", Items(&[], PLAIN))])),
    ("status", Map(&[("addresses", Items(&["type"], PLAIN)), ("conditions", Items(&["type"], PLAIN))])),
];

static CSI_NODE: &Shape = &[("metadata", METADATA), ("spec", Map(&[("drivers", Items(&["name"], PLAIN))]))];

static WITH_CONDITIONS: &Shape = &[("metadata", METADATA), ("status", STATUS)];

/// The shape of a kind that is built into Kubernetes.
pub(super) fn of(id: &ObjectRef) -> &'static Shape {
    match (id.group.as_str(), id.kind.as_str()) {
        ("", "Pod") => POD,
        ("", "PodTemplate") => POD_TEMPLATE,
        ("apps" | "extensions", "Deployment") => DEPLOYMENT,
        ("", "ReplicationController")
        | ("apps" | "extensions", "DaemonSet" | "ReplicaSet" | "StatefulSet")
        | ("batch", "Job") => WORKLOAD,
        ("batch", "CronJob") => CRON_JOB,
        ("", "Service") => SERVICE,
        ("", "ServiceAccount") => SERVICE_ACCOUNT,
        (
            "admissionregistration.k8s.io",
            "MutatingWebhookConfiguration" | "ValidatingWebhookConfiguration",
        ) => WEBHOOKS,
        ("admissionregistration.k8s.io", "ValidatingAdmissionPolicy") => ADMISSION_POLICY,
        ("policy", "PodDisruptionBudget") => DISRUPTION_BUDGET,
        ("", "Node") => NODE,
        ("storage.k8s.io", "CSINode") => CSI_NODE,
        ("", "Namespace" | "PersistentVolumeClaim")
        | ("autoscaling", "HorizontalPodAutoscaler")
        | ("flowcontrol.apiserver.k8s.io", "FlowSchema" | "PriorityLevelConfiguration")
        | ("networking.k8s.io", "ServiceCIDR")
        | ("apiregistration.k8s.io", "APIService") => WITH_CONDITIONS,
        _ => METADATA_ONLY,
    }
}

/// How a field of a map of that shape is merged; `None` for one that has no way of its own.
pub(super) fn field(shape: &'static Shape, name: &str) -> Option<&'static Field> {
    shape.iter().find(|(known, _)| *known == name).map(|(_, field)| field)
}
