//! etcd as a store, beyond what every store does: a cluster of several members, users, TLS, requests that are cut off,
//! processes that are killed, and servers that are no etcd.
//!
//! With BOWLINE_TEST_ETCD (the URL of a running etcd) the tests of one server run against that one, each below a prefix of
//! its own. Tests that need more start their own servers, where the program `etcd` is installed. What is skipped is printed.

use std::sync::atomic::{AtomicU64, Ordering};

/// An address for `--store` with a prefix that no other test has; `None` where no etcd runs.
pub(crate) fn prefix_of_its_own() -> Option<String> {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let url = std::env::var("BOWLINE_TEST_ETCD").ok()?;
    let host = url.trim_start_matches("http://").trim_end_matches('/').to_string();
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let moment = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos();
    Some(format!("etcd://{host}/test/{}-{moment}-{number}", std::process::id()))
}
