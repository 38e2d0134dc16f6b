//! What the cluster can do, as templates see it: its version and the API versions it serves.
//!
//! Without a cluster these are the ones built into Helm 4.3 (Kubernetes 1.37 and 57 group/versions, none with a kind).
//!
//! Invariant: this is input only. Nothing here asks a cluster; whoever is connected fills it in.

use super::RenderError;

/// The group/versions that Helm 4.3 knows without a cluster, in the order in which it lists them.
const BUILT_IN: [&str; 57] = [
    "v1",
    "admissionregistration.k8s.io/v1",
    "admissionregistration.k8s.io/v1alpha1",
    "admissionregistration.k8s.io/v1beta1",
    "internal.apiserver.k8s.io/v1alpha1",
    "apps/v1",
    "apps/v1beta1",
    "apps/v1beta2",
    "authentication.k8s.io/v1",
    "authentication.k8s.io/v1alpha1",
    "authentication.k8s.io/v1beta1",
    "authorization.k8s.io/v1",
    "authorization.k8s.io/v1beta1",
    "autoscaling/v1",
    "autoscaling/v2",
    "batch/v1",
    "batch/v1beta1",
    "certificates.k8s.io/v1",
    "certificates.k8s.io/v1beta1",
    "certificates.k8s.io/v1alpha1",
    "coordination.k8s.io/v1alpha2",
    "coordination.k8s.io/v1beta1",
    "coordination.k8s.io/v1",
    "discovery.k8s.io/v1",
    "discovery.k8s.io/v1beta1",
    "events.k8s.io/v1",
    "events.k8s.io/v1beta1",
    "extensions/v1beta1",
    "flowcontrol.apiserver.k8s.io/v1",
    "flowcontrol.apiserver.k8s.io/v1beta1",
    "flowcontrol.apiserver.k8s.io/v1beta2",
    "flowcontrol.apiserver.k8s.io/v1beta3",
    "lifecycle.k8s.io/v1alpha1",
    "networking.k8s.io/v1",
    "networking.k8s.io/v1beta1",
    "node.k8s.io/v1",
    "node.k8s.io/v1alpha1",
    "node.k8s.io/v1beta1",
    "policy/v1",
    "policy/v1beta1",
    "rbac.authorization.k8s.io/v1",
    "rbac.authorization.k8s.io/v1beta1",
    "rbac.authorization.k8s.io/v1alpha1",
    "resource.k8s.io/v1",
    "resource.k8s.io/v1beta2",
    "resource.k8s.io/v1beta1",
    "resource.k8s.io/v1alpha3",
    "scheduling.k8s.io/v1alpha3",
    "scheduling.k8s.io/v1beta1",
    "scheduling.k8s.io/v1",
    "storage.k8s.io/v1beta1",
    "storage.k8s.io/v1",
    "storage.k8s.io/v1alpha1",
    "storagemigration.k8s.io/v1",
    "storagemigration.k8s.io/v1beta1",
    "apiextensions.k8s.io/v1beta1",
    "apiextensions.k8s.io/v1",
];

/// A cluster's version, as `.Capabilities.KubeVersion` shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KubeVersion {
    /// `v1.37.0`; also printed as `GitVersion`, and as the whole object.
    pub version: String,
    /// `1`.
    pub major: String,
    /// `37`.
    pub minor: String,
}

/// The version of Helm that templates are told, so that charts which ask for one go on working.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HelmVersion {
    /// `v4.3`.
    pub version: String,
    /// Empty, as in Helm's own releases without build information.
    pub git_commit: String,
    /// Empty likewise.
    pub git_tree_state: String,
    /// The Go that this Helm was built with.
    pub go_version: String,
    /// The client library's version of Kubernetes.
    pub kube_client_version: String,
}

/// What the cluster can do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Capabilities {
    /// Its version.
    pub kube_version: KubeVersion,
    /// `v1`, `apps/v1`, and from a connected cluster also `apps/v1/Deployment`; in the order given, none twice.
    pub api_versions: Vec<String>,
    /// The Helm that is imitated.
    pub helm_version: HelmVersion,
}

impl Default for Capabilities {
    /// Helm 4.3's client mode.
    fn default() -> Self {
        Capabilities {
            kube_version: KubeVersion {
                version: "v1.37.0".to_string(),
                major: "1".to_string(),
                minor: "37".to_string(),
            },
            api_versions: BUILT_IN.iter().map(ToString::to_string).collect(),
            helm_version: HelmVersion {
                version: "v4.3".to_string(),
                git_commit: String::new(),
                git_tree_state: String::new(),
                go_version: "go1.26.8".to_string(),
                kube_client_version: "v1.37".to_string(),
            },
        }
    }
}

impl Capabilities {
    /// The same with another cluster version (`--kube-version`): `1.29`, `v1.29.3-gke.1`; a missing `v` is added.
    ///
    /// # Errors
    /// [`RenderError::KubeVersion`] when it does not start with two numbers, with Helm's text.
    pub fn with_kube_version(mut self, version: &str) -> Result<Self, RenderError> {
        self.kube_version = KubeVersion::parse(version)?;
        Ok(self)
    }

    /// The same with more API versions (`--api-versions`); those that are there already are not repeated.
    pub fn with_api_versions(mut self, versions: &[String]) -> Self {
        for version in versions {
            if !self.has(version) {
                self.api_versions.push(version.clone());
            }
        }
        self
    }

    /// Whether an API version is served. The comparison is of the whole text, so `apps/v1/Deployment` is only there
    /// when it was discovered or given; `apps/v1` alone does not imply it (Helm's rule).
    pub fn has(&self, version: &str) -> bool {
        self.api_versions.iter().any(|known| known == version)
    }
}

impl KubeVersion {
    /// What is left of the version without all that follows its numbers: `v1.33.4` of `v1.33.4-gke.1`, `v1.30` of `v1.30.x`.
    pub fn normalized(&self) -> String {
        let bare = self.version.trim_start_matches('v');
        let end = bare.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(bare.len());
        format!("v{}", bare[..end].trim_end_matches('.'))
    }

    /// Reads `1.29`, `v1.29.3`, `v1.29.3-gke.1+build`.
    ///
    /// # Errors
    /// [`RenderError::KubeVersion`] when it does not start with two numbers without leading zeros.
    pub fn parse(text: &str) -> Result<Self, RenderError> {
        let fail = |reason: String| RenderError::KubeVersion { version: text.to_string(), reason };
        let trimmed = text.trim();
        let bare = trimmed.strip_prefix('v').unwrap_or(trimmed);
        if !bare.starts_with(|c: char| c.is_ascii_digit()) {
            return Err(fail(format!("could not parse \"{text}\" as version")));
        }
        let numbers = bare.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(bare.len());
        let mut parts = bare[..numbers].split('.');
        let (major, minor) = (parts.next().unwrap_or(""), parts.next().unwrap_or(""));
        if major.is_empty() || minor.is_empty() {
            return Err(fail(format!("illegal version string \"{text}\"")));
        }
        for part in [major, minor] {
            if part.len() > 1 && part.starts_with('0') {
                return Err(fail(format!(
                    "illegal zero-prefixed version component \"{part}\" in \"{text}\""
                )));
            }
        }
        Ok(KubeVersion { version: format!("v{bare}"), major: major.to_string(), minor: minor.to_string() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_helms_client_mode() {
        let capabilities = Capabilities::default();
        assert_eq!(capabilities.kube_version.version, "v1.37.0");
        assert_eq!(capabilities.api_versions.len(), 57);
        assert!(capabilities.has("apps/v1"));
        assert!(!capabilities.has("apps/v1/Deployment"));
    }

    #[test]
    fn given_api_versions_are_appended_once() {
        let more = ["apps/v1".to_string(), "apps/v1/Deployment".to_string()];
        let capabilities = Capabilities::default().with_api_versions(&more);
        assert!(capabilities.has("apps/v1/Deployment"));
        assert_eq!(capabilities.api_versions.len(), 58);
    }

    /// Seen with `helm template --kube-version`.
    #[test]
    fn kube_versions_are_read_as_helm_reads_them() {
        for (text, version, minor) in [
            ("1.29", "v1.29", "29"),
            ("v1.29.3-gke.1+abc", "v1.29.3-gke.1+abc", "29"),
            ("1.29+", "v1.29+", "29"),
            ("1.29.x", "v1.29.x", "29"),
            ("1.2.3.4", "v1.2.3.4", "2"),
        ] {
            let parsed = KubeVersion::parse(text).unwrap();
            assert_eq!(
                (parsed.version.as_str(), parsed.major.as_str(), parsed.minor.as_str()),
                (version, "1", minor)
            );
        }
        for (text, message) in [
            ("1", "invalid kube version '1': illegal version string \"1\""),
            ("abc", "invalid kube version 'abc': could not parse \"abc\" as version"),
            ("v1.a", "invalid kube version 'v1.a': illegal version string \"v1.a\""),
            (
                "01.29",
                "invalid kube version '01.29': illegal zero-prefixed version component \"01\" in \"01.29\"",
            ),
            ("+1.2", "invalid kube version '+1.2': could not parse \"+1.2\" as version"),
        ] {
            assert_eq!(KubeVersion::parse(text).unwrap_err().to_string(), message);
        }
    }
}
