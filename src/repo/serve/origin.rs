//! Whether a page of another site is behind a request.
//!
//! A browser sends along what it knows of its user, a password among it, with whatever form any page has it send. It tells
//! where the page comes from: in `Sec-Fetch-Site`, and before a server without TLS in `Origin` alone.
//!
//! Invariant: what changes something is not done for a page of another site; who is no browser says neither, and is let in.

use super::access;
use super::reply::Reply;
use super::request::Head;

/// The refusal of a request that would change something for a page of another site. `url` is the server's own address as the
/// options say it: behind a proxy it may be another one than the one that is asked.
pub(super) fn refusal(head: &Head, url: &str) -> Option<Reply> {
    let is_foreign = !head.method.only_reads() && is_foreign(head, url);
    is_foreign.then(|| access::refused(head, "a page of another site is behind this request"))
}

fn is_foreign(head: &Head, url: &str) -> bool {
    if let Some(site) = head.header("sec-fetch-site") {
        return !matches!(site.trim(), "same-origin" | "none");
    }
    let Some(origin) = head.header("origin") else { return false };
    let host = head.header("host").unwrap_or_default();
    let from = authority(&origin);
    // `null`, of pages that have no origin to tell, is nobody's host.
    from.is_none() || ![Some(authority_of_host(&host)), authority(url)].contains(&from)
}

/// Host and port of a URL, without the port that its scheme has anyway.
fn authority(url: &str) -> Option<String> {
    let (_, rest) = url.trim().split_once("://")?;
    Some(authority_of_host(rest.split('/').next().unwrap_or_default()))
}

fn authority_of_host(host: &str) -> String {
    let host = host.trim().to_ascii_lowercase();
    [":80", ":443"].iter().find_map(|port| host.strip_suffix(port)).unwrap_or(&host).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::repo::serve::request::parse;

    #[test]
    fn pages_of_other_sites_are_told_from_all_others() {
        for (method, headers, foreign) in [
            ("POST", "", false),
            ("POST", "Origin: http://h:8879\r\n", false),
            ("POST", "Origin: http://H:8879\r\n", false),
            ("POST", "Origin: https://charts.test\r\n", false),
            ("POST", "Origin: https://charts.test:443\r\n", false),
            ("POST", "Origin: http://h\r\n", true),
            ("DELETE", "Origin: https://evil.test\r\n", true),
            ("PUT", "Origin: null\r\n", true),
            ("PATCH", "Origin: \r\n", true),
            ("POST", "Sec-Fetch-Site: cross-site\r\n", true),
            ("POST", "Sec-Fetch-Site: same-site\r\nOrigin: http://h:8879\r\n", true),
            // A proxy may change the host; the browser knows better.
            ("POST", "Sec-Fetch-Site: same-origin\r\nOrigin: https://outside.test\r\n", false),
            ("GET", "Sec-Fetch-Site: cross-site\r\n", false),
        ] {
            let text = format!("{method} /api/charts HTTP/1.1\r\nHost: h:8879\r\n{headers}\r\n");
            let head = parse(text.as_bytes()).unwrap();
            assert_eq!(refusal(&head, "https://charts.test/x").is_some(), foreign, "{method} {headers}");
        }
    }
}
