//! Text that must not be seen: passwords, tokens, and URLs that carry them.
//!
//! Invariant: neither `Display` nor `Debug` shows a secret; only [`Secret::reveal`] does, and each call of it is a place
//! to review. Its memory is wiped when it is dropped.

use std::fmt;

use zeroize::Zeroize;

/// A secret text.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Secret(String);

impl Secret {
    /// Wraps a secret.
    pub fn new(text: impl Into<String>) -> Self {
        Secret(text.into())
    }

    /// The secret itself, for the one place that sends or stores it.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// Whether there is nothing to hide.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Drop for Secret {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[hidden]")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[hidden]")
    }
}

/// A URL as it may be shown: user information and the values of its query are left out. A password with a `/`, `?` or `#` in
/// it makes a URL that has no host; of one with an `@` nothing before the last one is shown.
pub fn redact_url(url: &str) -> String {
    let (scheme, mut rest) = url.split_once("://").unwrap_or(("", url));
    let authority_of = |rest: &str| rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, tail) = rest.split_at(authority_of(rest));
    if !has_port(authority)
        && let Some((_, behind)) = tail.rsplit_once('@')
    {
        rest = behind;
    }
    let (authority, tail) = rest.split_at(authority_of(rest));
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let path = tail.split_once('?').map_or(tail.to_string(), |(path, query)| {
        let names: Vec<String> =
            query.split('&').map(|pair| format!("{}=…", pair.split('=').next().unwrap_or(""))).collect();
        format!("{path}?{}", names.join("&"))
    });
    if scheme.is_empty() { format!("{host}{path}") } else { format!("{scheme}://{host}{path}") }
}

/// Whether what stands behind the last colon of a host is a port, if there is a colon.
fn has_port(authority: &str) -> bool {
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let host = host.rsplit_once(']').map_or(host, |(_, behind)| behind);
    host.rsplit_once(':').is_none_or(|(_, port)| port.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_do_not_print() {
        let secret = Secret::new("hunter2");
        assert_eq!(format!("{secret} {secret:?}"), "[hidden] [hidden]");
        assert_eq!(secret.reveal(), "hunter2");
    }

    #[test]
    fn urls_lose_user_and_query_values() {
        assert_eq!(redact_url("https://u:p@h:1/a?token=x&b"), "https://h:1/a?token=…&b=…");
        assert_eq!(redact_url("https://h/a"), "https://h/a");
        assert_eq!(redact_url("https://h:1/a@b"), "https://h:1/a@b");
        assert_eq!(redact_url("oci://[::1]:5000/a@sha256:0"), "oci://[::1]:5000/a@sha256:0");
        for separator in ["/", "?", "#", "/x@"] {
            assert_eq!(redact_url(&format!("https://u:pa{separator}ss@h:1/a?b=c")), "https://h:1/a?b=…");
            assert_eq!(redact_url(&format!("u:pa{separator}ss@h/a")), "h/a");
        }
    }
}
