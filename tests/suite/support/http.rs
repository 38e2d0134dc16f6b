//! A plain HTTP client for talking to what the tests start, beside the program's own.

use std::time::Duration;

/// Nothing that is waited for takes as long, however busy the machine is.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// A client without TLS and without proxies.
pub fn client() -> reqwest::blocking::Client {
    // Fails only when one is there already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::blocking::Client::builder().timeout(PATIENCE).no_proxy().tls_certs_only([]);
    client.build().expect("a client without TLS needs nothing of the system")
}
