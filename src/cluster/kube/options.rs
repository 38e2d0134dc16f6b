//! What a caller says about the API server to talk to.
//!
//! Invariant: plain data. Nothing is read here; which files count and which variables say what is the caller's.

use std::path::PathBuf;
use std::time::Duration;

use crate::sys::Secret;

/// How to reach an API server. What is not said here is taken from the kubeconfig files; without any, and without a server,
/// from the service account of the pod that this runs in.
#[derive(Debug, Clone, PartialEq)]
pub struct KubeOptions {
    /// The kubeconfig files, in order: of entries with one name the first counts, as in kubectl. All must exist.
    pub kubeconfig: Vec<PathBuf>,
    /// The context; the files' current one when `None`.
    pub context: Option<String>,
    /// The server's address, in place of the cluster's.
    pub server: Option<String>,
    /// A bearer token, in place of the user's credentials (a client certificate stays).
    pub token: Option<Secret>,
    /// The user to act as.
    pub as_user: Option<String>,
    /// The groups to act as.
    pub as_groups: Vec<String>,
    /// PEM file of the authorities that may sign the server's certificate, in place of the cluster's.
    pub ca_file: Option<PathBuf>,
    /// The name that the server's certificate must have, in place of that in its address.
    pub tls_server_name: Option<String>,
    /// Take any certificate.
    pub insecure_skip_tls_verify: bool,
    /// Requests that may be sent at once before the steady rate counts; negative for no limit at all.
    pub burst: i64,
    /// Requests a second after the burst; 0 for [`DEFAULT_QPS`].
    pub qps: f32,
    /// Longest time to wait for a connection.
    pub connect_timeout: Duration,
    /// Longest time to wait for an answer, and then for each piece of it (not in a watch). API servers give up after a minute
    /// themselves.
    pub request_timeout: Duration,
}

/// Requests that may be sent at once when nothing else is said: as many as kubectl. With Helm's 100 an install of a large chart
/// (an object to look at and one to write for each of 130 documents) would spend a second waiting for its own turn.
pub const DEFAULT_BURST: i64 = 300;

/// Requests a second after the burst when nothing else is said; kubectl has 50. A busy server is asked less all the same: few
/// requests are under way at once, and one that it turns away is sent again later.
pub const DEFAULT_QPS: f32 = 200.0;

impl Default for KubeOptions {
    fn default() -> Self {
        KubeOptions {
            kubeconfig: Vec::new(),
            context: None,
            server: None,
            token: None,
            as_user: None,
            as_groups: Vec::new(),
            ca_file: None,
            tls_server_name: None,
            insecure_skip_tls_verify: false,
            burst: DEFAULT_BURST,
            qps: 0.0,
            connect_timeout: Duration::from_secs(30),
            request_timeout: Duration::from_secs(90),
        }
    }
}
