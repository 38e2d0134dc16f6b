//! Which kinds live in a namespace.
//!
//! A manifest may leave out `metadata.namespace`; the object then belongs to the release's namespace, unless its kind is
//! cluster-wide. An API server knows that by discovery. Stores without one need the table of built-in kinds below, and
//! for custom kinds the `spec.scope` of their CustomResourceDefinition.
//!
//! Invariant: the table is sorted, and the answer for one kind never depends on the release.

use crate::data::Value;

/// Built-in cluster-wide kinds as (group, kind), sorted. Source: the API reference of Kubernetes 1.37.
const CLUSTER_WIDE: &[(&str, &str)] = &[
    ("", "ComponentStatus"),
    ("", "Namespace"),
    ("", "Node"),
    ("", "PersistentVolume"),
    ("admissionregistration.k8s.io", "MutatingAdmissionPolicy"),
    ("admissionregistration.k8s.io", "MutatingAdmissionPolicyBinding"),
    ("admissionregistration.k8s.io", "MutatingWebhookConfiguration"),
    ("admissionregistration.k8s.io", "ValidatingAdmissionPolicy"),
    ("admissionregistration.k8s.io", "ValidatingAdmissionPolicyBinding"),
    ("admissionregistration.k8s.io", "ValidatingWebhookConfiguration"),
    ("apiextensions.k8s.io", "CustomResourceDefinition"),
    ("apiregistration.k8s.io", "APIService"),
    ("certificates.k8s.io", "CertificateSigningRequest"),
    ("certificates.k8s.io", "ClusterTrustBundle"),
    ("flowcontrol.apiserver.k8s.io", "FlowSchema"),
    ("flowcontrol.apiserver.k8s.io", "PriorityLevelConfiguration"),
    ("internal.apiserver.k8s.io", "StorageVersion"),
    ("networking.k8s.io", "IPAddress"),
    ("networking.k8s.io", "IngressClass"),
    ("networking.k8s.io", "ServiceCIDR"),
    ("node.k8s.io", "RuntimeClass"),
    ("policy", "PodSecurityPolicy"),
    ("rbac.authorization.k8s.io", "ClusterRole"),
    ("rbac.authorization.k8s.io", "ClusterRoleBinding"),
    ("resource.k8s.io", "DeviceClass"),
    ("resource.k8s.io", "DeviceTaintRule"),
    ("resource.k8s.io", "ResourceSlice"),
    ("scheduling.k8s.io", "PriorityClass"),
    ("storage.k8s.io", "CSIDriver"),
    ("storage.k8s.io", "CSINode"),
    ("storage.k8s.io", "StorageClass"),
    ("storage.k8s.io", "VolumeAttachment"),
    ("storage.k8s.io", "VolumeAttributesClass"),
    ("storagemigration.k8s.io", "StorageVersionMigration"),
];

/// Whether a kind lives in a namespace.
#[derive(Debug, Clone, Default)]
pub struct Scopes {
    /// Custom kinds that are cluster-wide, as (group, kind).
    custom_cluster_wide: Vec<(String, String)>,
    /// All custom kinds of definitions.
    defined: Vec<(String, String)>,
    /// What a cluster said of kinds, as (group, kind) and whether they live in a namespace.
    served: std::collections::BTreeMap<(String, String), bool>,
}

impl Scopes {
    /// Built-in kinds alone.
    pub fn built_in() -> Self {
        Self::default()
    }

    /// Learns the kind of a CustomResourceDefinition; any other object is passed over.
    pub fn learn(&mut self, body: &Value) {
        let text = |path: &[&str]| body.path(path.iter().copied()).and_then(Value::as_str);
        if text(&["kind"]) != Some("CustomResourceDefinition") {
            return;
        }
        if let (Some(group), Some(kind)) = (text(&["spec", "group"]), text(&["spec", "names", "kind"])) {
            let custom = (group.to_string(), kind.to_string());
            if text(&["spec", "scope"]) == Some("Cluster") {
                self.custom_cluster_wide.push(custom.clone());
            }
            self.defined.push(custom);
        }
    }

    /// Learns what a cluster says of a kind; it knows better than the table.
    pub fn learn_served(&mut self, group: &str, kind: &str, namespaced: bool) {
        self.served.insert((group.to_string(), kind.to_string()), namespaced);
    }

    /// Whether a definition of the kind was learnt.
    pub fn is_known(&self, group: &str, kind: &str) -> bool {
        self.defined.iter().any(|(known, name)| known == group && name == kind)
    }

    /// Whether a store can be asked for objects of the kind: not when it is only about to be defined in a cluster.
    pub fn is_served(&self, group: &str, kind: &str) -> bool {
        self.served.is_empty() || self.served.contains_key(&(group.to_string(), kind.to_string()))
    }

    /// Whether objects of that group and kind live in a namespace.
    pub fn is_namespaced(&self, group: &str, kind: &str) -> bool {
        if let Some(namespaced) = self.served.get(&(group.to_string(), kind.to_string())) {
            return *namespaced;
        }
        // Old API groups (`extensions`) and newer ones share the kinds, so a built-in kind is recognised in any version.
        let built_in = CLUSTER_WIDE.binary_search(&(group, kind)).is_ok();
        let custom = self.custom_cluster_wide.iter().any(|(known, name)| known == group && name == kind);
        !built_in && !custom
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted() {
        assert!(CLUSTER_WIDE.is_sorted());
    }

    #[test]
    fn custom_kinds_follow_their_definition() {
        let mut scopes = Scopes::built_in();
        let definition = |scope: &str| {
            let json = format!(
                r#"{{"kind":"CustomResourceDefinition","spec":{{"scope":"{scope}","group":"x.io","names":{{"kind":"Foo{scope}"}}}}}}"#
            );
            serde_json::from_str::<Value>(&json).unwrap()
        };
        scopes.learn(&definition("Cluster"));
        scopes.learn(&definition("Namespaced"));
        assert!(!scopes.is_namespaced("x.io", "FooCluster"));
        assert!(scopes.is_namespaced("x.io", "FooNamespaced"));
        assert!(!scopes.is_namespaced("", "Namespace") && scopes.is_namespaced("", "ConfigMap"));
    }
}
