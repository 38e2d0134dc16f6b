//! Answers: conditional requests, ranges, compression, and how they are written to the wire.
//!
//! Invariant: every answer with a body carries its length and its type, and `nosniff`; an `ETag` is strong, so that two
//! answers with the same one have the same bytes.

use std::io::{self, Read, Write};
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use tiny_http::{HTTPVersion, Header, Response, StatusCode};

use super::request::{Head, Method};
use super::storage::{StorageError, Stream};
use crate::data::digest::sha256_hex;
use crate::data::gzip;

/// Texts below this size are sent as they are.
const GZIP_FROM: usize = 512;
/// Texts from this size on are compressed when there is time for it, and sent as they are until then.
const GZIP_LATER: usize = 256 << 10;
/// What the server calls itself.
const SERVER: &str = concat!("bowline/", env!("CARGO_PKG_VERSION"));

/// Where the bytes of an answer are.
pub(super) enum Body {
    Bytes(Arc<[u8]>),
    /// The bytes of the range alone; the whole has so many.
    Stream {
        stream: Stream,
        size: u64,
    },
}

/// Something that can be asked for.
#[derive(Debug, Clone)]
pub(super) struct Text {
    bytes: Arc<[u8]>,
    /// The compressed form, where it is smaller; unset while nobody had the time to make it.
    gzip: Arc<OnceLock<Option<Arc<[u8]>>>>,
    digest: String,
    content_type: &'static str,
}

impl Text {
    /// A text. Its compressed form is made once and shared by all answers; that of a large one by [`Text::compress`].
    pub(super) fn new(content_type: &'static str, bytes: impl Into<Arc<[u8]>>) -> Self {
        let bytes = bytes.into();
        let text = Text { digest: sha256_hex(&bytes), gzip: Arc::default(), bytes, content_type };
        if text.bytes.len() < GZIP_LATER {
            text.compress();
        }
        text
    }

    /// Makes the compressed form, unless it is there.
    pub(super) fn compress(&self) {
        self.gzip.get_or_init(|| {
            let smaller = |gzip: &Vec<u8>| gzip.len() < self.bytes.len();
            let worth = self.bytes.len() >= GZIP_FROM;
            worth.then(|| gzip::deflate(&self.bytes)).filter(smaller).map(Arc::from)
        });
    }
}

/// An answer.
pub(super) struct Reply {
    pub(super) status: u16,
    headers: Vec<(&'static str, String)>,
    body: Body,
    /// The bytes of the body that are sent.
    range: Range<u64>,
}

impl Reply {
    /// A short text that says what went wrong.
    pub(super) fn error(status: u16) -> Self {
        let phrase = StatusCode(status).default_reason_phrase();
        let mut reply = Self::of(
            status,
            "text/plain; charset=utf-8",
            Body::Bytes(Arc::from(format!("{phrase}\n").into_bytes())),
        );
        if status == 405 {
            reply.headers.push(("Allow", "GET, HEAD".to_string()));
        }
        reply
    }

    /// A text for people that says why nothing else comes.
    pub(super) fn refusal(status: u16, text: &str) -> Self {
        Self::of(status, "text/plain; charset=utf-8", Body::Bytes(Arc::from(text.as_bytes())))
    }

    /// An error for programs: `{"error": …}`.
    pub(super) fn json_error(status: u16, message: &str) -> Self {
        Self::json(status, &serde_json::json!({ "error": message }))
    }

    /// What was done, for programs.
    pub(super) fn json(status: u16, value: &serde_json::Value) -> Self {
        let text = value.to_string();
        Self::of(status, "application/json; charset=utf-8", Body::Bytes(Arc::from(text.into_bytes())))
    }

    /// An answer without a body.
    pub(super) fn empty(status: u16) -> Self {
        Reply { status, headers: Vec::new(), body: Body::Bytes(Arc::from([])), range: 0..0 }
    }

    /// Bytes that have this digest, never compressed, since a client compares their number.
    pub(super) fn bytes(head: &Head, content_type: &str, bytes: Vec<u8>, digest: &str) -> Self {
        Self::of(200, content_type, Body::Bytes(Arc::from(bytes))).conditional(head, &format!("\"{digest}\""))
    }

    /// A text that is made anew for each answer.
    pub(super) fn plain(content_type: &str, text: String) -> Self {
        Self::of(200, content_type, Body::Bytes(Arc::from(text.into_bytes())))
    }

    fn of(status: u16, content_type: &str, body: Body) -> Self {
        let size = match &body {
            Body::Bytes(bytes) => bytes.len() as u64,
            Body::Stream { size, .. } => *size,
        };
        let mut headers = vec![("Content-Type", content_type.to_string())];
        if matches!(status, 429 | 503) {
            headers.push(("Retry-After", "1".to_string()));
        }
        Reply { status, headers, body, range: 0..size }
    }

    /// How many bytes of the body are sent.
    pub(super) fn size(&self) -> u64 {
        self.range.end.saturating_sub(self.range.start)
    }

    /// Says after how many seconds asking again may help.
    pub(super) fn retry_after(mut self, seconds: u64) -> Self {
        self.headers.retain(|(name, _)| *name != "Retry-After");
        self.with("Retry-After", &seconds.to_string())
    }

    /// Adds a header.
    pub(super) fn with(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_string()));
        self
    }

    /// The answer to a request for a text.
    pub(super) fn text(head: &Head, text: &Text) -> Self {
        let compressed = text
            .gzip
            .get()
            .and_then(Option::as_ref)
            .filter(|_| head.accepts_gzip() && head.header("range").is_none());
        let (bytes, etag) = match compressed {
            Some(gzip) => (gzip, format!("\"{}-gzip\"", text.digest)),
            None => (&text.bytes, format!("\"{}\"", text.digest)),
        };
        let mut reply = Self::of(200, text.content_type, Body::Bytes(Arc::clone(bytes)));
        if compressed.is_some() {
            reply.headers.push(("Content-Encoding", "gzip".to_string()));
        }
        reply.headers.push(("Vary", "Accept-Encoding".to_string()));
        reply.conditional(head, &etag)
    }

    /// The answer to a request for something of this size and digest. What is sent of it is opened now, so that what cannot
    /// be had is known before the answer begins.
    ///
    /// # Errors
    /// It cannot be opened.
    pub(super) fn stream(
        head: &Head,
        content_type: &str,
        size: u64,
        digest: &str,
        open: impl FnOnce(Range<u64>) -> Result<Stream, StorageError>,
    ) -> Result<Self, StorageError> {
        let empty = Body::Stream { stream: Box::new(io::empty()), size };
        let mut reply = Self::of(200, content_type, empty).conditional(head, &format!("\"{digest}\""));
        if matches!(reply.status, 200 | 206) {
            let stream = open(reply.range.clone())?;
            if head.method == Method::Get {
                reply.body = Body::Stream { stream, size };
            }
        }
        Ok(reply)
    }

    /// Adds the `ETag`; leaves out the body when the client has it, and all but the range it asks for.
    fn conditional(mut self, head: &Head, etag: &str) -> Self {
        self.headers.push(("ETag", etag.to_string()));
        self.headers.push(("Cache-Control", "no-cache".to_string()));
        self.headers.push(("Accept-Ranges", "bytes".to_string()));
        let same = |known: &str| known == "*" || known.trim_start_matches("W/") == etag;
        if head.header("if-none-match").is_some_and(|known| known.split(',').any(|known| same(known.trim())))
        {
            self.status = 304;
            return self;
        }
        // A range of another version than the client has part of would be of no use to it.
        let part_of_same = head.header("if-range").is_none_or(|known| known == etag);
        let size = self.range.end;
        // A range is defined for GET alone.
        let may_be_part = part_of_same && head.method == Method::Get;
        match head.header("range").filter(|_| may_be_part).and_then(|range| parse_range(&range, size)) {
            None => self,
            Some(Part::Nothing) => Self::error(416).with("Content-Range", &format!("bytes */{size}")),
            Some(Part::Bytes(range)) => {
                self.status = 206;
                let last = range.end.saturating_sub(1);
                self.headers.push(("Content-Range", format!("bytes {}-{last}/{size}", range.start)));
                self.range = range;
                self
            }
        }
    }

    /// Writes the answer.
    ///
    /// # Errors
    /// The connection broke, or the client was too slow.
    pub(super) fn write(self, method: Method, keep_alive: bool, out: impl Write) -> io::Result<()> {
        let line = if keep_alive { "Connection: keep-alive\r\n" } else { "Connection: close\r\n" };
        let mut out = WithLine { out, line: Some(line) };
        let length = self.size();
        let reader: Box<dyn Read> = match self.body {
            Body::Bytes(bytes) => {
                // Shared with all other answers, however large it is.
                let mut from = io::Cursor::new(bytes);
                from.set_position(self.range.start);
                Box::new(from.take(length))
            }
            Body::Stream { stream, .. } => stream,
        };
        let common = [("Server", SERVER.to_string()), ("X-Content-Type-Options", "nosniff".to_string())];
        // Header texts are built here from digests, numbers and constants, all ASCII; one that were not is left out.
        let headers = self
            .headers
            .into_iter()
            .chain(common)
            .filter_map(|(name, value)| Header::from_bytes(name, value).ok())
            .collect();
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        Response::new(StatusCode(self.status), headers, reader, Some(length), None)
            .with_chunked_threshold(usize::MAX)
            .raw_print(&mut out, HTTPVersion(1, 1), &[], method == Method::Head, None)?;
        out.flush()
    }
}

/// Puts a header behind the first line: what tiny_http is told of `Connection` it leaves out.
struct WithLine<W> {
    out: W,
    /// `None` once it was written.
    line: Option<&'static str>,
}

impl<W: Write> Write for WithLine<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Some(end) = self.line.and_then(|_| bytes.iter().position(|byte| *byte == b'\n')) else {
            return self.out.write(bytes);
        };
        let (first, rest) = bytes.split_at(end + 1);
        self.out.write_all(first)?;
        self.out.write_all(self.line.take().unwrap_or_default().as_bytes())?;
        self.out.write_all(rest)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// What a `Range` header asks for.
#[derive(Debug, PartialEq, Eq)]
enum Part {
    Bytes(Range<u64>),
    /// Nothing of the content is in it.
    Nothing,
}

/// Reads a `Range` header: `None` when it is to be ignored (another unit, several ranges, nonsense).
fn parse_range(header: &str, size: u64) -> Option<Part> {
    let (first, last) = header.trim().strip_prefix("bytes=")?.trim().split_once('-')?;
    let number =
        |text: &str| (!text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse());
    let range = match (number(first.trim()), number(last.trim())) {
        (Some(first), Some(last)) => {
            let (first, last): (u64, u64) = (first.ok()?, last.unwrap_or(u64::MAX));
            if first > last {
                return None;
            }
            first..last.saturating_add(1).min(size)
        }
        (Some(first), None) if last.trim().is_empty() => first.ok()?..size,
        (None, Some(tail)) if first.trim().is_empty() => {
            let tail: u64 = tail.unwrap_or(u64::MAX);
            size.saturating_sub(tail)..size
        }
        _ => return None,
    };
    Some(if range.start < range.end { Part::Bytes(range) } else { Part::Nothing })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_follow_the_rfc() {
        for (header, range) in [
            ("bytes=0-0", Some(Part::Bytes(0..1))),
            ("bytes=2-", Some(Part::Bytes(2..10))),
            ("bytes=-3", Some(Part::Bytes(7..10))),
            ("bytes=-99", Some(Part::Bytes(0..10))),
            ("bytes=5-99", Some(Part::Bytes(5..10))),
            ("bytes=10-", Some(Part::Nothing)),
            ("bytes=-0", Some(Part::Nothing)),
            ("bytes=5-2", None),
            ("bytes=0-1,3-4", None),
            ("bytes=a-b", None),
            ("bytes=+1-2", None),
            ("items=0-1", None),
            ("bytes=", None),
            ("bytes=-", None),
            ("bytes=99999999999999999999-", None),
        ] {
            assert_eq!(parse_range(header, 10), range, "{header}");
        }
    }
}
