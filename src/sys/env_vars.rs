//! The one list of environment variables that bowline reads, with what each does.
//!
//! Invariant: a variable that is not in [`VARIABLES`] is not read; the reference text is generated from this table.

/// A variable: its name and what it does.
pub struct Variable {
    /// The name.
    pub name: &'static str,
    /// The name that counts when the program was started as `helm`; empty when there is none.
    pub helm: &'static str,
    /// What it does, in one sentence.
    pub effect: &'static str,
}

const fn variable(name: &'static str, helm: &'static str, effect: &'static str) -> Variable {
    Variable { name, helm, effect }
}

/// Every variable, sorted by name.
pub const VARIABLES: &[Variable] = &[
    variable(
        "AWS_ACCESS_KEY_ID",
        "AWS_ACCESS_KEY_ID",
        "Key for a bucket that is served; its secret is AWS_SECRET_ACCESS_KEY.",
    ),
    variable(
        "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
        "Token that goes with AWS_CONTAINER_CREDENTIALS_FULL_URI.",
    ),
    variable(
        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
        "Where a pod gets credentials for a bucket.",
    ),
    variable(
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
        "Where a task gets credentials for a bucket.",
    ),
    variable("AWS_DEFAULT_REGION", "AWS_DEFAULT_REGION", "The same as AWS_REGION, which goes first."),
    variable("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL", "Default of --s3-endpoint."),
    variable(
        "AWS_ENDPOINT_URL_S3",
        "AWS_ENDPOINT_URL_S3",
        "Default of --s3-endpoint, before AWS_ENDPOINT_URL.",
    ),
    variable("AWS_REGION", "AWS_REGION", "Default of --s3-region."),
    variable("AWS_ROLE_ARN", "AWS_ROLE_ARN", "Role that a pod takes on with AWS_WEB_IDENTITY_TOKEN_FILE."),
    variable("AWS_ROLE_SESSION_NAME", "AWS_ROLE_SESSION_NAME", "Name of the session in that role."),
    variable("AWS_SECRET_ACCESS_KEY", "AWS_SECRET_ACCESS_KEY", "The secret of AWS_ACCESS_KEY_ID."),
    variable("AWS_SESSION_TOKEN", "AWS_SESSION_TOKEN", "Token that goes with a key that is only lent."),
    variable(
        "AWS_WEB_IDENTITY_TOKEN_FILE",
        "AWS_WEB_IDENTITY_TOKEN_FILE",
        "File with the token by which a pod takes on AWS_ROLE_ARN.",
    ),
    variable(
        "BOWLINE_BURST_LIMIT",
        "HELM_BURST_LIMIT",
        "Requests to an API server that may burst before the steady rate applies.",
    ),
    variable("BOWLINE_CACHE_HOME", "HELM_CACHE_HOME", "Folder of caches, used as it is."),
    variable("BOWLINE_COLOR", "HELM_COLOR", "When to colour: auto, always or never."),
    variable("BOWLINE_COMPAT", "", "Default of --compat."),
    variable("BOWLINE_CONFIG_HOME", "HELM_CONFIG_HOME", "Folder of configuration, used as it is."),
    variable("BOWLINE_CONTENT_CACHE", "HELM_CONTENT_CACHE", "Folder of downloaded archives, by digest."),
    variable(
        "BOWLINE_DATA_HOME",
        "HELM_DATA_HOME",
        "Folder of data, the embedded store among it, used as it is.",
    ),
    variable("BOWLINE_DEBUG", "HELM_DEBUG", "Print more, as --debug does."),
    variable(
        "BOWLINE_DRIVER",
        "HELM_DRIVER",
        "As what a Kubernetes cluster has the records of releases: secret, configmap, or memory for nowhere.",
    ),
    variable(
        "BOWLINE_ETCD_CA_FILE",
        "",
        "Authorities that an etcds:// store trusts besides the system's (PEM).",
    ),
    variable("BOWLINE_ETCD_CERT_FILE", "", "The client's certificate for an etcds:// store (PEM)."),
    variable("BOWLINE_ETCD_KEY_FILE", "", "The key of that certificate (PEM)."),
    variable("BOWLINE_ETCD_PASSWORD", "", "The password for an etcd store, when its address has none."),
    variable("BOWLINE_ETCD_PASSWORD_FILE", "", "A file with the password for an etcd store."),
    variable("BOWLINE_ETCD_USER", "", "The user of an etcd store, when its address has none."),
    variable("BOWLINE_KUBEAPISERVER", "HELM_KUBEAPISERVER", "Default of --kube-apiserver."),
    variable("BOWLINE_KUBEASGROUPS", "HELM_KUBEASGROUPS", "Default of --kube-as-group, separated by commas."),
    variable("BOWLINE_KUBEASUSER", "HELM_KUBEASUSER", "Default of --kube-as-user."),
    variable("BOWLINE_KUBECAFILE", "HELM_KUBECAFILE", "Default of --kube-ca-file."),
    variable("BOWLINE_KUBECONTEXT", "HELM_KUBECONTEXT", "Default of --kube-context."),
    variable(
        "BOWLINE_KUBEINSECURE_SKIP_TLS_VERIFY",
        "HELM_KUBEINSECURE_SKIP_TLS_VERIFY",
        "Default of --kube-insecure-skip-tls-verify.",
    ),
    variable("BOWLINE_KUBETLS_SERVER_NAME", "HELM_KUBETLS_SERVER_NAME", "Default of --kube-tls-server-name."),
    variable("BOWLINE_KUBETOKEN", "HELM_KUBETOKEN", "Default of --kube-token."),
    variable("BOWLINE_MAX_HISTORY", "HELM_MAX_HISTORY", "Default of --history-max."),
    variable("BOWLINE_NAMESPACE", "HELM_NAMESPACE", "Default of --namespace."),
    variable("BOWLINE_QPS", "HELM_QPS", "Default of --qps."),
    variable("BOWLINE_REGISTRY_CONFIG", "HELM_REGISTRY_CONFIG", "Path of the registry credentials."),
    variable("BOWLINE_REPOSITORY_CACHE", "HELM_REPOSITORY_CACHE", "Folder of cached repository indexes."),
    variable("BOWLINE_REPOSITORY_CONFIG", "HELM_REPOSITORY_CONFIG", "Path of repositories.yaml."),
    variable("BOWLINE_STORE", "", "Default of --store."),
    variable("GNUPGHOME", "GNUPGHOME", "GnuPG's folder, where the default keyring is; ~/.gnupg when unset."),
    variable("HELM_DRIVER", "HELM_DRIVER", "The same as BOWLINE_DRIVER, which goes first."),
    variable("HTTPS_PROXY", "HTTPS_PROXY", "Proxy for https:// addresses; the lower-case name counts too."),
    variable("HTTP_PROXY", "HTTP_PROXY", "Proxy for http:// addresses; the lower-case name counts too."),
    variable("KUBECONFIG", "KUBECONFIG", "Paths of kubeconfig files, merged as kubectl does."),
    variable(
        "KUBERNETES_SERVICE_HOST",
        "KUBERNETES_SERVICE_HOST",
        "Set in pods of a cluster, whose service account is then used.",
    ),
    variable(
        "KUBERNETES_SERVICE_PORT",
        "KUBERNETES_SERVICE_PORT",
        "Port that goes with KUBERNETES_SERVICE_HOST.",
    ),
    variable("NO_COLOR", "NO_COLOR", "Any value but the empty one turns colour off."),
    variable("NO_PROXY", "NO_PROXY", "Hosts reached without a proxy; the lower-case name counts too."),
    variable("SOURCE_DATE_EPOCH", "SOURCE_DATE_EPOCH", "Unix seconds written as the time of packaged files."),
    variable(
        "TERM",
        "TERM",
        "Kind of the terminal; on a dumb one progress is told in lines, without colours.",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted() {
        assert!(VARIABLES.is_sorted_by_key(|variable| variable.name));
    }
}
