//! Whether texts are addresses, as far as Helm's checks tell.
//!
//! Source of the rules: what `helm lint` takes and refuses.

use std::sync::LazyLock;

use regex::Regex;

fn compiled(pattern: &str) -> Option<Regex> {
    Regex::new(pattern).ok()
}

/// A scheme, a colon, and what follows without spaces and bad escapes.
static REQUEST: LazyLock<Option<Regex>> =
    LazyLock::new(|| compiled(r"^[A-Za-z][A-Za-z0-9+.-]*:(?:[^\s%\x00-\x1f]|%[0-9A-Fa-f]{2})*$"));

/// A page: with a scheme any host, without one a host with a dot in it whose last part is of letters, two or more.
static PAGE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    compiled(concat!(
        r"^(?:(?:ftp|tcp|udp|wss?|https?)://(?:[^\s/?#@]+@)?",
        r"(?:\[[0-9a-fA-F:.]+\]|[\pL\pN_](?:[\pL\pN_-]*[\pL\pN])?(?:\.[\pL\pN](?:[\pL\pN_-]*[\pL\pN])?)*)",
        r"|mailto:[^\s/?#@]+@[^\s/?#@]+",
        r"|(?:[\pL\pN](?:[\pL\pN_-]*[\pL\pN])?\.)+\pL{2,})",
        r"(?::[0-9]{1,5})?(?:[/?#]\S*)?$"
    ))
});

/// An address of mail: no spaces, dots only between other characters, and a domain with a name at its end.
static MAIL: LazyLock<Option<Regex>> = LazyLock::new(|| {
    compiled(concat!(
        r"^[^\s@.,;:<>()\[\]\\\x22]+(?:\.[^\s@.,;:<>()\[\]\\\x22]+)*",
        r"@(?:[\pL\pN](?:[\pL\pN_-]*[\pL\pN])?\.)+\pL(?:[\pL\pN-]*\pL)?$"
    ))
});

fn matches(pattern: &LazyLock<Option<Regex>>, text: &str) -> bool {
    text.len() < 2083 && pattern.as_ref().is_none_or(|pattern| pattern.is_match(text))
}

/// Whether a text is an absolute URL.
pub(super) fn is_request_url(text: &str) -> bool {
    matches(&REQUEST, text)
}

/// Whether a text is the address of a page.
pub(super) fn is_page(text: &str) -> bool {
    matches(&PAGE, text)
}

/// Whether a text is an address of mail.
pub(super) fn is_mail(text: &str) -> bool {
    matches(&MAIL, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_taken_as_helm_takes_them() {
        for good in [
            "example.com",
            "http://example.com",
            "http://foo",
            "ftp://a.b/c",
            "mailto:a@b.c",
            "http://a.b:99/x?y=z#f",
            "http://user@a.b",
            "http://1.2.3.4",
            "http://a_b.com",
            "http://[::1]:80/",
        ] {
            assert!(is_page(good), "{good}");
        }
        for bad in [
            "https://example.com/a b",
            "localhost",
            "foo",
            "//a.b",
            "http://",
            "a.b",
            ".a.b",
            "http://.a.b",
            "x://a.b",
            "/path",
            "a/b",
            "http://a.b:999999",
            "#x",
        ] {
            assert!(!is_page(bad), "{bad}");
        }
    }

    #[test]
    fn sources_have_a_scheme() {
        for good in ["https://x", "foo:", "mailto:a@b", "http://", "x:y", "http:///x", "https://a/#b"] {
            assert!(is_request_url(good), "{good}");
        }
        for bad in [
            "example.com",
            "/path",
            "git@github.com:a/b.git",
            "http://a b",
            "1http://x",
            " http://x",
            "http://%zz",
            "//a.b",
            "",
        ] {
            assert!(!is_request_url(bad), "{bad}");
        }
    }

    #[test]
    fn mail_has_a_domain() {
        for good in ["a@b.c", "a.b+c@d.e.f", "a@b_c.d", "é@b.c", "a@é.c"] {
            assert!(is_mail(good), "{good}");
        }
        for bad in [
            "a@b",
            "a b@c.d",
            "\"a b\"@c.d",
            "a@-b.c",
            "a@b..c",
            "@b.c",
            "a@",
            "a@localhost",
            "a@1.2.3.4",
            "a..b@c.d",
            ".a@b.c",
        ] {
            assert!(!is_mail(bad), "{bad}");
        }
    }
}
