//! In which order kinds are created and deleted.
//!
//! Source of the tables: Helm 4.3.1. Invariant: sorting is stable, so objects of one kind keep the order of their
//! templates.

/// Kinds in the order of their installation.
pub const INSTALL: [&str; 38] = [
    "PriorityClass",
    "Namespace",
    "NetworkPolicy",
    "ResourceQuota",
    "LimitRange",
    "PodSecurityPolicy",
    "PodDisruptionBudget",
    "ServiceAccount",
    "Secret",
    "SecretList",
    "ConfigMap",
    "StorageClass",
    "PersistentVolume",
    "PersistentVolumeClaim",
    "CustomResourceDefinition",
    "ClusterRole",
    "ClusterRoleList",
    "ClusterRoleBinding",
    "ClusterRoleBindingList",
    "Role",
    "RoleList",
    "RoleBinding",
    "RoleBindingList",
    "Service",
    "DaemonSet",
    "Pod",
    "ReplicationController",
    "ReplicaSet",
    "Deployment",
    "HorizontalPodAutoscaler",
    "StatefulSet",
    "Job",
    "CronJob",
    "IngressClass",
    "Ingress",
    "APIService",
    "MutatingWebhookConfiguration",
    "ValidatingWebhookConfiguration",
];

/// The kind that is not deleted in the reverse of the order of installation, and the kind after which it is.
const DELETED_LATER: (&str, &str) = ("Service", "IngressClass");

/// Sort key for installing: the place in [`INSTALL`]; unknown kinds come after all known ones, by name.
pub fn install_key(kind: &str) -> (usize, &str) {
    match INSTALL.iter().position(|known| *known == kind) {
        Some(place) => (place, ""),
        None => (INSTALL.len(), kind),
    }
}

/// The same in Helm 3, to which the last two kinds are unknown.
pub fn helm3_install_key(kind: &str) -> (usize, &str) {
    match install_key(kind) {
        (place, _) if place >= INSTALL.len() - 2 => (INSTALL.len(), kind),
        known => known,
    }
}

/// Sort key for uninstalling: the reverse, but Service right after IngressClass; unknown kinds last, by name.
pub fn uninstall_key(kind: &str) -> (usize, &str) {
    // Places are doubled, so that there is room between two kinds.
    let reversed = |kind: &str| INSTALL.iter().rev().position(|known| *known == kind).map(|place| place * 2);
    let place = if kind == DELETED_LATER.0 {
        reversed(DELETED_LATER.1).map(|place| place + 1)
    } else {
        reversed(kind)
    };
    match place {
        Some(place) => (place, ""),
        None => (INSTALL.len() * 2, kind),
    }
}

/// Sorts for installing; `kind` tells the kind of an item.
pub fn sort_for_install<T, K: AsRef<str>>(items: &mut [T], kind: impl Fn(&T) -> K) {
    sort_by_key(items, kind, install_key);
}

/// Sorts as Helm 3 installs.
pub fn sort_for_helm3_install<T, K: AsRef<str>>(items: &mut [T], kind: impl Fn(&T) -> K) {
    sort_by_key(items, kind, helm3_install_key);
}

/// Sorts for uninstalling; `kind` tells the kind of an item.
pub fn sort_for_uninstall<T, K: AsRef<str>>(items: &mut [T], kind: impl Fn(&T) -> K) {
    sort_by_key(items, kind, uninstall_key);
}

fn sort_by_key<T, K: AsRef<str>>(
    items: &mut [T],
    kind: impl Fn(&T) -> K,
    key: impl Fn(&str) -> (usize, &str),
) {
    items.sort_by_cached_key(|item| {
        let kind = kind(item);
        let (place, name) = key(kind.as_ref());
        (place, name.to_string())
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uninstalling_reverses_installing_but_for_services() {
        let mut kinds =
            vec!["Zed", "Service", "CronJob", "Alpha", "IngressClass", "Namespace", "Ingress", "Pod"];
        sort_for_uninstall(&mut kinds, |kind| *kind);
        assert_eq!(
            kinds,
            ["Ingress", "IngressClass", "Service", "CronJob", "Pod", "Namespace", "Alpha", "Zed"]
        );
        sort_for_install(&mut kinds, |kind| *kind);
        assert_eq!(
            kinds,
            ["Namespace", "Service", "Pod", "CronJob", "IngressClass", "Ingress", "Alpha", "Zed"]
        );
    }

    #[test]
    fn kinds_are_listed_once() {
        let mut sorted = INSTALL.to_vec();
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!(sorted.len(), INSTALL.len());
    }
}
