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

/// A URL as it may be shown: user information and the values of its query are left out.
pub fn redact_url(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let (authority, tail) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let path = tail.split_once('?').map_or(tail.to_string(), |(path, query)| {
        let names: Vec<String> =
            query.split('&').map(|pair| format!("{}=…", pair.split('=').next().unwrap_or(""))).collect();
        format!("{path}?{}", names.join("&"))
    });
    if scheme.is_empty() { format!("{host}{path}") } else { format!("{scheme}://{host}{path}") }
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
    }
}
