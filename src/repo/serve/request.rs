//! Reads the head of a request.
//!
//! Invariant: a path that leaves this module starts with a slash, is decoded once, and has no `.`, `..` or empty part, no
//! backslash and no control character. How long a body is, is known without doubt, or the request is refused.

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
    Post,
    Put,
    Patch,
    Delete,
}

impl Method {
    fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "GET" => Method::Get,
            "HEAD" => Method::Head,
            "POST" => Method::Post,
            "PUT" => Method::Put,
            "PATCH" => Method::Patch,
            "DELETE" => Method::Delete,
            _ => return None,
        })
    }

    /// As it stands in a request.
    pub(super) fn name(self) -> &'static str {
        match self {
            Method::Get => "GET",
            Method::Head => "HEAD",
            Method::Post => "POST",
            Method::Put => "PUT",
            Method::Patch => "PATCH",
            Method::Delete => "DELETE",
        }
    }

    /// Whether it asks for something and changes nothing.
    pub(super) fn only_reads(self) -> bool {
        matches!(self, Method::Get | Method::Head)
    }
}

/// How the end of a body is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    /// It has so many bytes.
    Length(u64),
    /// It comes in chunks, each with its size.
    Chunked,
}

/// The head of a request.
#[derive(Debug, Clone)]
pub(super) struct Head {
    pub(super) method: Method,
    /// The path, decoded and checked.
    pub(super) path: String,
    /// Whether the client will send another request on the connection.
    pub(super) keep_alive: bool,
    /// How the body ends.
    pub(super) framing: Framing,
    /// The query, decoded, in the order in which it was written.
    query: Vec<(String, String)>,
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

    /// A parameter of the query; one without a value is empty.
    pub(super) fn query(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// All values of a parameter of the query.
    pub(super) fn queries<'h>(&'h self, name: &'h str) -> impl Iterator<Item = &'h str> {
        self.query.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Whether the client sends its body only after it was told to.
    pub(super) fn expects_continue(&self) -> bool {
        self.header("expect").is_some_and(|value| value.eq_ignore_ascii_case("100-continue"))
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
    let known = !method.is_empty() && method.bytes().all(|b| b.is_ascii_uppercase());
    let method = Method::parse(method).ok_or(if known { 405_u16 } else { 400 })?;
    let mut head = Head {
        method,
        path: path_of(target)?,
        keep_alive: newer,
        framing: Framing::Length(0),
        query: query_of(target),
        headers,
    };
    if newer && head.header("host").is_none() {
        return Err(400);
    }
    head.framing = framing(&head)?;
    // What only reads has no body; one that comes anyway may be meant to be taken for the next request.
    if method.only_reads() && head.framing != Framing::Length(0) {
        return Err(413);
    }
    if let Some(connection) = head.header("connection") {
        let has = |word: &str| connection.split(',').any(|part| part.trim().eq_ignore_ascii_case(word));
        head.keep_alive = if newer { !has("close") } else { has("keep-alive") };
    }
    Ok(head)
}

/// How the body ends. Two answers to that are none: a proxy in between may believe the other.
fn framing(head: &Head) -> Result<Framing, u16> {
    match (head.header("transfer-encoding"), head.header("content-length")) {
        (None, None) => Ok(Framing::Length(0)),
        (None, Some(length)) => {
            let digits = !length.is_empty() && length.bytes().all(|b| b.is_ascii_digit());
            length.parse().ok().filter(|_| digits).map(Framing::Length).ok_or(400)
        }
        (Some(_), Some(_)) => Err(400),
        (Some(coding), None) if coding.eq_ignore_ascii_case("chunked") => Ok(Framing::Chunked),
        (Some(_), None) => Err(501),
    }
}

/// The parameters of a request target.
fn query_of(target: &str) -> Vec<(String, String)> {
    pairs(target.split('#').next().unwrap_or("").split_once('?').map_or("", |(_, query)| query))
}

/// The parameters of a query, or of a form that is sent in the same way.
pub(super) fn pairs(query: &str) -> Vec<(String, String)> {
    let decode = |text: &str| percent_decode(&text.replace('+', "%20"));
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (decode(name), decode(value)))
        .collect()
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
    // The paths of a registry end in a slash where they name a collection.
    let below = below.strip_prefix("v2/").map_or(below, |_| below.strip_suffix('/').unwrap_or(below));
    let bad = |part: &str| matches!(part, "" | "." | "..");
    if !below.is_empty() && below.split('/').any(bad) {
        return Err(404);
    }
    Ok(format!("/{below}"))
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
            ("BREW / HTTP/1.1\r\nHost: h\r\n\r\n", 405),
            ("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\n", 400),
            ("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: +3\r\n\r\n", 400),
            ("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
            ("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 501),
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
    fn bodies_and_queries_are_read() {
        let head = "POST /v2/a/blobs/uploads/?digest=sha256:1&force&q=a+b%26 HTTP/1.1\r\nHost: h\r\nContent-Length: 7\r\n\r\n";
        let head = parse(head.as_bytes()).unwrap();
        assert_eq!((head.path.as_str(), head.framing), ("/v2/a/blobs/uploads", Framing::Length(7)));
        assert_eq!((head.query("digest"), head.query("force")), (Some("sha256:1"), Some("")));
        assert_eq!((head.query("q"), head.query("none")), (Some("a b&"), None));
        let head = parse(
            b"PUT /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: Chunked\r\nExpect: 100-continue\r\n\r\n",
        );
        let head = head.unwrap();
        assert!(head.framing == Framing::Chunked && head.expects_continue());
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
