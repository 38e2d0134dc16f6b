//! Flags that every command takes, before or behind its name.

use clap::Args;

use super::GLOBAL_HEADING;
use crate::cli::parse;

/// Global flags as typed; an absent one leaves the choice to the environment.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = GLOBAL_HEADING)]
pub struct GlobalArgs {
    /// Store to work on: sqlite:PATH, kube, kube:CONTEXT, memory, or etcd://HOST:PORT,…/PREFIX (etcds:// for TLS; USER@ before the hosts)
    #[arg(long, value_name = "STORE")]
    pub store: Option<String>,
    /// Namespace to work in
    #[arg(long, short, value_name = "NAME")]
    pub namespace: Option<String>,
    /// Print more about what is done, on standard error
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true",
          value_parser = parse::boolean, value_name = "BOOL")]
    pub debug: Option<bool>,
    /// When to colour: auto, always or never
    #[arg(long, visible_alias = "colour", value_name = "WHEN")]
    pub color: Option<String>,
    /// Behave as another version where they differ: helm3 or helm4
    #[arg(long, value_name = "VERSION")]
    pub compat: Option<String>,
    /// Context of the kubeconfig to use
    #[arg(long, value_name = "NAME")]
    pub kube_context: Option<String>,
    /// Path of the kubeconfig
    #[arg(long, value_name = "PATH")]
    pub kubeconfig: Option<String>,
    /// Address of the Kubernetes API server, in place of the kubeconfig's
    #[arg(long, value_name = "URL")]
    pub kube_apiserver: Option<String>,
    /// User to act as
    #[arg(long, value_name = "USER")]
    pub kube_as_user: Option<String>,
    /// Group to act as; may be given several times
    #[arg(long, value_name = "GROUP")]
    pub kube_as_group: Vec<String>,
    /// Certificate authority of the API server
    #[arg(long, value_name = "FILE")]
    pub kube_ca_file: Option<String>,
    /// Server name to check the API server's certificate against
    #[arg(long, value_name = "NAME")]
    pub kube_tls_server_name: Option<String>,
    /// Bearer token for the API server
    #[arg(long, value_name = "TOKEN")]
    pub kube_token: Option<String>,
    /// Do not check the API server's certificate
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true",
          value_parser = parse::boolean, value_name = "BOOL")]
    pub kube_insecure_skip_tls_verify: Option<bool>,
    /// Requests that may burst before the steady rate applies; -1 for no limit
    #[arg(long, value_parser = parse::integer, value_name = "N")]
    pub burst_limit: Option<i64>,
    /// Steady rate of API requests in a second; 0 for the client's own
    #[arg(long, value_parser = parse::float, value_name = "RATE")]
    pub qps: Option<f32>,
    /// Path of the file that lists chart repositories
    #[arg(long, value_name = "PATH")]
    pub repository_config: Option<String>,
    /// Folder of cached repository indexes
    #[arg(long, value_name = "PATH")]
    pub repository_cache: Option<String>,
    /// Folder of downloaded archives, by digest
    #[arg(long, value_name = "PATH")]
    pub content_cache: Option<String>,
    /// Path of the registry credentials
    #[arg(long, value_name = "PATH")]
    pub registry_config: Option<String>,
}
