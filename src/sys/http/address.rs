//! URLs as repositories use them: joined, compared, and read for file names.
//!
//! Invariant: whether two URLs are of the same place is decided here alone.

use reqwest::Url;

use super::HttpError;
use crate::sys::secret::redact_url;

/// Whether two URLs have the same scheme, host and port, so that credentials for one may be sent to the other.
pub fn same_origin(one: &str, other: &str) -> bool {
    matches!((Url::parse(one), Url::parse(other)), (Ok(one), Ok(other)) if one.origin() == other.origin() && one.has_host())
}

/// Resolves a reference against the URL of a folder: an absolute reference is itself; a relative one goes below the
/// folder, whether or not that ends in a slash. The folder's query is kept, as Helm does for repositories that carry a
/// token in it.
///
/// # Errors
/// The folder is no URL, or the reference cannot be joined to it.
pub fn join(folder: &str, reference: &str) -> Result<String, HttpError> {
    let unusable = |reason: &dyn std::fmt::Display| HttpError::InvalidUrl {
        url: redact_url(reference),
        reason: reason.to_string(),
    };
    if let Ok(absolute) = Url::parse(reference) {
        return Ok(absolute.into());
    }
    let mut base = Url::parse(folder).map_err(|error| unusable(&error))?;
    let query = base.query().map(str::to_string);
    base.set_query(None);
    if !base.path().ends_with('/') {
        let path = format!("{}/", base.path());
        base.set_path(&path);
    }
    let mut joined = base.join(reference).map_err(|error| unusable(&error))?;
    if joined.query().is_none() {
        joined.set_query(query.as_deref());
    }
    Ok(joined.into())
}

/// Resolves a reference against the URL of the document that it stands in, as a browser follows a link.
///
/// # Errors
/// The document's URL is none, or the reference leads to no `http` or `https` URL.
pub fn follow(document: &str, reference: &str) -> Result<String, HttpError> {
    let joined = Url::parse(document).and_then(|document| document.join(reference));
    let target = joined
        .map_err(|error| HttpError::InvalidUrl { url: redact_url(reference), reason: error.to_string() })?;
    super::check_scheme(target).map(Into::into)
}

/// The last part of a URL's path, percent signs decoded: the name of the file it leads to.
pub fn file_name(url: &str) -> Option<String> {
    let path = Url::parse(url).ok()?.path().to_string();
    let name = path.rsplit('/').next().filter(|name| !name.is_empty())?;
    Some(percent_decode(name))
}

/// A text as a value of a query or a form has it: all but letters, digits and `-._~` as `%XX`.
pub fn percent_encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

/// Decodes `%XX`; what is not UTF-8 afterwards is replaced.
pub fn percent_decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let digits = bytes.get(at + 1..at + 3).and_then(|two| std::str::from_utf8(two).ok());
        match digits.filter(|_| *byte == b'%').and_then(|two| u8::from_str_radix(two, 16).ok()) {
            // `from_str_radix` takes a sign; `%+1` is not an escape.
            Some(value) if bytes.get(at + 1) != Some(&b'+') => {
                out.push(value);
                at += 3;
            }
            _ => {
                out.push(*byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_join_below_a_folder_and_keep_its_query() {
        let cases = [
            ("http://h/charts", "a-1.tgz", "http://h/charts/a-1.tgz"),
            ("http://h/charts/", "a-1.tgz", "http://h/charts/a-1.tgz"),
            ("http://h/charts?token=x", "sub/a-1.tgz", "http://h/charts/sub/a-1.tgz?token=x"),
            ("http://h/charts", "/a-1.tgz", "http://h/a-1.tgz"),
            ("http://h/charts?t=1", "https://o/a.tgz", "https://o/a.tgz"),
            ("http://h", "index.yaml", "http://h/index.yaml"),
        ];
        for (folder, reference, joined) in cases {
            assert_eq!(join(folder, reference).unwrap(), joined);
        }
        assert!(join("charts", "a.tgz").is_err());
    }

    #[test]
    fn origins_are_scheme_host_and_port() {
        assert!(same_origin("http://h/a", "http://h:80/b"));
        for other in ["https://h/a", "http://h:81/a", "http://g/a", "h", "http://h.evil/a"] {
            assert!(!same_origin("http://h/a", other), "{other}");
        }
        assert!(!same_origin("data:a", "data:a"));
    }

    #[test]
    fn links_are_followed_from_their_document() {
        let cases = [
            ("http://h/v2/a/tags/list?n=2", "/v2/a/tags/list?last=b", "http://h/v2/a/tags/list?last=b"),
            ("http://h/v2/a/tags/list", "?last=b", "http://h/v2/a/tags/list?last=b"),
            ("http://h/v2/a/", "https://o/x", "https://o/x"),
        ];
        for (document, link, target) in cases {
            assert_eq!(follow(document, link).unwrap(), target);
        }
        assert!(follow("http://h/", "file:///etc/passwd").is_err());
    }

    #[test]
    fn percent_signs_decode_or_stay() {
        assert_eq!(percent_encode("repository:a/b:pull,push é"), "repository%3Aa%2Fb%3Apull%2Cpush%20%C3%A9");
        assert_eq!(percent_decode("a%2Bb%zz%2"), "a+b%zz%2");
        assert_eq!(percent_decode("%+1%00"), "%+1\0");
        assert_eq!(file_name("http://h/x/a%2B1.tgz?q").as_deref(), Some("a+1.tgz"));
        assert_eq!(file_name("http://h/"), None);
    }
}
