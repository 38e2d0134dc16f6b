//! Answers that no API server gives: a login page, a redirection, another service behind a wrong address.
//!
//! Invariant: of such an answer nothing is shown but what it is: a page or the address that it leads to may hold secrets.

use http1::header::{CONTENT_TYPE, HeaderMap, LOCATION};
use kube::core::Status;

use crate::sys::secret::redact_url;

/// Paths that every API server knows.
const ALWAYS: [&str; 3] = ["/version", "/api", "/apis"];

/// What answered, when a good answer is not that of an API server.
pub(super) fn of_answer(headers: &HeaderMap) -> Option<String> {
    is_page(headers).then(|| "it answers with a web page".to_string())
}

/// The same of an error answer to a request for `path`.
pub(super) fn of_refusal(code: u16, headers: &HeaderMap, path: &str, status: &Status) -> Option<String> {
    match code {
        300..=303 | 305..=399 => {
            let to = headers.get(LOCATION).and_then(|value| value.to_str().ok()).unwrap_or("");
            Some(match to.split_once("://") {
                Some((scheme, rest)) => {
                    let host = rest.split(['/', '?', '#']).next().unwrap_or("");
                    format!("it sends everybody on to {}", redact_url(&format!("{scheme}://{host}")))
                }
                None => "it sends everybody on to another page".to_string(),
            })
        }
        400 if status.message.contains("HTTP request to an HTTPS server") => {
            Some("it speaks TLS, and its address does not begin with https://".to_string())
        }
        // Whoever stands before an API server answers so too, for a while or to a caller that is not known.
        401 | 429 | 500.. => None,
        404 if is_always_known(path) && status.reason.is_empty() => Some(format!("it knows no {path}")),
        _ => is_page(headers).then(|| format!("it answers with a web page (code {code})")),
    }
}

fn is_page(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("");
    kind.trim_start().to_ascii_lowercase().starts_with("text/html")
}

/// Whether there is something at that path in every cluster: what serves kinds, and the objects that releases are kept as.
fn is_always_known(path: &str) -> bool {
    let parts: Vec<&str> = path.strip_prefix("/api/v1/").unwrap_or_default().split('/').collect();
    let plural = match parts[..] {
        ["namespaces", _, plural, ..] => plural,
        _ => parts.first().copied().unwrap_or_default(),
    };
    ALWAYS.contains(&path) || matches!(plural, "secrets" | "configmaps" | "namespaces")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(code: u16, headers: &[(&'static str, &str)], path: &str, status: &str) -> Option<String> {
        let mut all = HeaderMap::new();
        for (name, value) in headers {
            all.insert(*name, value.parse().unwrap());
        }
        of_refusal(code, &all, path, &serde_json::from_str(status).unwrap())
    }

    #[test]
    fn strangers_are_told_from_api_servers() {
        let html = [("content-type", "Text/HTML; charset=utf-8")];
        let secrets = "/api/v1/namespaces/n/secrets";
        for (code, headers, path, status, want) in [
            (
                302,
                &[("location", "https://u:hush@login.example/in?token=hush")][..],
                "/version",
                "{}",
                Some("it sends everybody on to https://login.example"),
            ),
            (304, &[], "/api", "{}", None),
            (
                400,
                &[],
                "/version",
                r#"{"message":"Client sent an HTTP request to an HTTPS server."}"#,
                Some("it speaks TLS, and its address does not begin with https://"),
            ),
            (400, &[], "/version", r#"{"message":"other"}"#, None),
            (
                404,
                &[],
                secrets,
                r#"{"message":"404 page not found"}"#,
                Some("it knows no /api/v1/namespaces/n/secrets"),
            ),
            (404, &[], secrets, r#"{"reason":"NotFound"}"#, None),
            (404, &[], "/apis/x.io/v1/things", r#"{"message":"404 page not found"}"#, None),
            (404, &[], "/api/v1/namespaces/n/pods/p/log", "{}", None),
            (403, &html, secrets, "{}", Some("it answers with a web page (code 403)")),
            (502, &html, secrets, "{}", None),
            (401, &html, secrets, "{}", None),
        ] {
            assert_eq!(told(code, headers, path, status).as_deref(), want, "{code} {path} {status}");
        }
    }
}
