//! Reads the head of a request.
//!
//! Invariant: a path that leaves this module starts with a slash, is decoded once, and has no `.`, `..` or empty part, no
//! backslash and no control character.

use crate::sys::http::percent_decode;

/// Largest head in bytes: request line and headers.
pub(super) const HEAD_LIMIT: usize = 16 << 10;
/// Longest request target in bytes.
const TARGET_LIMIT: usize = 4 << 10;
/// Most headers.
const MOST_HEADERS: usize = 64;

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Method {
    Get,
    Head,
}

/// The head of a request.
#[derive(Debug, Clone)]
pub(super) struct Head {
    pub(super) method: Method,
    /// The path, decoded and checked.
    pub(super) path: String,
    /// Whether the client will send another request on the connection.
    pub(super) keep_alive: bool,
    /// Names in lower case.
    headers: Vec<(String, String)>,
}

impl Head {
    /// The value of a header, by its name in lower case; several of one name are joined by commas.
    pub(super) fn header(&self, name: &str) -> Option<String> {
        let values: Vec<&str> =
            self.headers.iter().filter(|(key, _)| key == name).map(|(_, value)| value.as_str()).collect();
        (!values.is_empty()).then(|| values.join(", "))
    }

    /// Whether the answer may be compressed with gzip.
    pub(super) fn accepts_gzip(&self) -> bool {
        let Some(accepted) = self.header("accept-encoding") else { return false };
        accepted.split(',').any(|coding| {
            let (name, weight) = coding.split_once(';').unwrap_or((coding, ""));
            let zero = weight.trim().strip_prefix("q=").is_some_and(|q| q.trim().parse::<f32>() == Ok(0.0));
            matches!(name.trim(), "gzip" | "x-gzip" | "*") && !zero
        })
    }
}

/// The length of the head, with its empty line; `None` while it is not complete.
pub(super) fn head_length(bytes: &[u8]) -> Option<usize> {
    bytes.windows(4).position(|window| window == b"\r\n\r\n").map(|at| at + 4)
}

/// Reads a complete head.
///
/// # Errors
/// The status to answer with; the connection cannot go on after it.
pub(super) fn parse(bytes: &[u8]) -> Result<Head, u16> {
    let text = std::str::from_utf8(bytes).map_err(|_| 400_u16)?;
    let mut lines = text.split("\r\n");
    let mut words = lines.next().unwrap_or("").split(' ');
    let (Some(method), Some(target), Some(version), None) =
        (words.next(), words.next(), words.next(), words.next())
    else {
        return Err(400);
    };
    let newer = match version {
        "HTTP/1.1" => true,
        "HTTP/1.0" => false,
        other if other.starts_with("HTTP/") => return Err(505),
        _ => return Err(400),
    };
    if target.len() > TARGET_LIMIT {
        return Err(414);
    }
    let mut headers = Vec::new();
    for line in lines.take_while(|line| !line.is_empty()) {
        let (name, value) = line.split_once(':').ok_or(400_u16)?;
        let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
        if name.is_empty()
            || !name.bytes().all(token)
            || value.contains(|c: char| c.is_control() && c != '\t')
        {
            return Err(400);
        }
        if headers.len() == MOST_HEADERS {
            return Err(431);
        }
        headers.push((name.to_ascii_lowercase(), value.trim().to_string()));
    }
    let method = match method {
        "GET" => Method::Get,
        "HEAD" => Method::Head,
        other if !other.is_empty() && other.bytes().all(|b| b.is_ascii_uppercase()) => return Err(405),
        _ => return Err(400),
    };
    let mut head = Head { method, path: path_of(target)?, keep_alive: newer, headers };
    if newer && head.header("host").is_none() {
        return Err(400);
    }
    // What can be asked for here has no body; one that comes anyway would be taken for the next request.
    let body = head.header("content-length").is_some_and(|length| length.trim() != "0");
    if body || head.header("transfer-encoding").is_some() {
        return Err(413);
    }
    if let Some(connection) = head.header("connection") {
        let has = |word: &str| connection.split(',').any(|part| part.trim().eq_ignore_ascii_case(word));
        head.keep_alive = if newer { !has("close") } else { has("keep-alive") };
    }
    Ok(head)
}

/// The path of a request target, which may be a whole URL.
fn path_of(target: &str) -> Result<String, u16> {
    let target = match target.split_once("://") {
        Some(("http" | "https", rest)) => rest.get(rest.find('/').unwrap_or(rest.len())..).unwrap_or(""),
        _ => target,
    };
    let path = target.split(['?', '#']).next().unwrap_or("");
    let path = if path.is_empty() && target.is_empty() { "/" } else { path };
    let decoded = percent_decode(path);
    let Some(below) = decoded.strip_prefix('/') else { return Err(400) };
    if decoded.contains('\\') || decoded.contains(char::is_control) || decoded.contains('\u{fffd}') {
        return Err(400);
    }
    let bad = |part: &str| matches!(part, "" | "." | "..");
    if !below.is_empty() && below.split('/').any(bad) {
        return Err(404);
    }
    Ok(decoded)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn get(target: &str) -> Result<String, u16> {
        parse(format!("GET {target} HTTP/1.1\r\nHost: h\r\n\r\n").as_bytes()).map(|head| head.path)
    }

    #[test]
    fn paths_cannot_climb() {
        assert_eq!(get("/"), Ok("/".to_string()));
        assert_eq!(get("/a%20b/c+d.tgz?x=/../"), Ok("/a b/c+d.tgz".to_string()));
        assert_eq!(get("http://h/a"), Ok("/a".to_string()));
        for bad in ["/../x", "/a/../../x", "/%2e%2e/x", "/%2E%2e%2fx", "/./x", "//x", "/a//b", "/a/"] {
            assert_eq!(get(bad), Err(404), "{bad}");
        }
        for bad in ["x", "/..\\x", "/%5c..%5cx", "/a%00b", "/%ff", "/%0d%0aX: y", "*"] {
            assert_eq!(get(bad), Err(400), "{bad}");
        }
        assert_eq!(get("/%252e%252e/x"), Ok("/%2e%2e/x".to_string()));
        assert_eq!(get(&format!("/{}", "a".repeat(5_000))), Err(414));
    }

    #[test]
    fn heads_that_are_wrong_are_refused() {
        for (head, status) in [
            ("GET / HTTP/1.1\r\n\r\n", 400),
            ("GET / HTTP/2.0\r\nHost: h\r\n\r\n", 505),
            ("GET  / HTTP/1.1\r\nHost: h\r\n\r\n", 400),
            ("POST / HTTP/1.1\r\nHost: h\r\n\r\n", 405),
            ("get / HTTP/1.1\r\nHost: h\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\n", 413),
            ("GET / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n", 413),
            ("GET / HTTP/1.1\r\nHost: h\r\nBad Name: x\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nHost: h\r\n folded\r\n\r\n", 400),
            ("\u{16}\u{3}\u{1}", 400),
        ] {
            assert_eq!(parse(head.as_bytes()).unwrap_err(), status, "{head}");
        }
        let many = "x: y\r\n".repeat(65);
        assert_eq!(parse(format!("GET / HTTP/1.1\r\n{many}\r\n").as_bytes()).unwrap_err(), 431);
    }

    #[test]
    fn connections_go_on_unless_told_otherwise() {
        let keep = |head: &str| parse(head.as_bytes()).unwrap().keep_alive;
        assert!(keep("GET / HTTP/1.1\r\nHost: h\r\n\r\n"));
        assert!(!keep("GET / HTTP/1.1\r\nHost: h\r\nConnection: Close\r\n\r\n"));
        assert!(!keep("GET / HTTP/1.0\r\n\r\n"));
        assert!(keep("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"));
    }

    #[test]
    fn compression_is_asked_for() {
        let gzip = |value: &str| {
            let head = format!("GET / HTTP/1.1\r\nHost: h\r\nAccept-Encoding: {value}\r\n\r\n");
            parse(head.as_bytes()).unwrap().accepts_gzip()
        };
        assert!(gzip("gzip") && gzip("br, gzip;q=0.5") && gzip("*"));
        assert!(!gzip("br") && !gzip("gzip;q=0") && !gzip("identity"));
    }
}
