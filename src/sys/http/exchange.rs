//! One request and its answer, on a thread of its own.
//!
//! Invariant: waiting for the head and for each piece of the body is bounded, and so is the memory that the body takes;
//! it ends soon after the user asked to stop.

use std::io::Read;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use reqwest::StatusCode;
use reqwest::blocking::RequestBuilder;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

use super::error::{body_failure, failure};
use super::{HttpError, HttpOptions, Request, Response};
use crate::sys::transfers::{Direction, Moving};

/// Most bytes of a body that are passed on at once.
const PIECE: usize = 64 << 10;
/// How soon a wish to stop is seen, and how often those who watch hear that nothing came.
const BEAT: Duration = Duration::from_millis(100);

/// Status line and headers of an answer.
pub(super) struct AnswerHead {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    length: Option<u64>,
}

impl AnswerHead {
    /// Names in lower case with their values; a value that is not ASCII is left out.
    fn texts(&self) -> Vec<(String, String)> {
        let text = |(name, value): (&HeaderName, &HeaderValue)| {
            Some((name.as_str().to_string(), value.to_str().ok()?.to_string()))
        };
        self.headers.iter().filter_map(text).collect()
    }
}

/// What comes of a request, piece by piece. The end of the channel is the end of the answer.
enum Piece {
    Head(Result<AnswerHead, reqwest::Error>),
    Body(Result<Vec<u8>, std::io::Error>),
}

/// A request that is under way on a thread of its own.
///
/// The blocking client bounds the whole of a request, but not the silence between two pieces; waiting for the
/// pieces here does. A thread that is waited for no longer ends with the next piece, or when the total time is over.
pub(super) struct Exchange {
    pieces: Receiver<Piece>,
    shown: String,
    start: Instant,
    head_time: Duration,
    idle_time: Duration,
    moving: Arc<Moving>,
}

impl Exchange {
    pub(super) fn start(
        asked: RequestBuilder,
        shown: String,
        start: Instant,
        options: &HttpOptions,
        moving: Arc<Moving>,
    ) -> Result<Self, HttpError> {
        // Few pieces in flight: a client that reads slowly slows the server down instead of filling memory.
        let (sender, pieces) = sync_channel(4);
        let thread =
            std::thread::Builder::new().name("http".to_string()).spawn(move || converse(asked, &sender));
        thread.map_err(|error| HttpError::Setup { reason: error.to_string() })?;
        let idle_time = options.idle_timeout;
        Ok(Exchange {
            pieces,
            shown,
            start,
            head_time: options.connect_timeout + idle_time,
            idle_time,
            moving,
        })
    }

    fn next(&self, patience: Duration) -> Result<Option<Piece>, HttpError> {
        let asked = Instant::now();
        loop {
            if self.moving.is_stopped() {
                return Err(HttpError::Interrupted { url: self.shown.clone() });
            }
            let left = patience.saturating_sub(asked.elapsed());
            match self.pieces.recv_timeout(left.min(BEAT)) {
                Ok(piece) => return Ok(Some(piece)),
                Err(RecvTimeoutError::Disconnected) => return Ok(None),
                Err(RecvTimeoutError::Timeout) if left > BEAT => self.moving.moved(0),
                Err(RecvTimeoutError::Timeout) => {
                    return Err(HttpError::Timeout { url: self.shown.clone(), after: self.start.elapsed() });
                }
            }
        }
    }

    pub(super) fn head(&mut self) -> Result<AnswerHead, HttpError> {
        match self.next(self.head_time)? {
            Some(Piece::Head(head)) => {
                let head = head.map_err(|error| failure(&self.shown, &error, self.start))?;
                // Nobody else holds what comes down; of what goes up the length was known before.
                if let Some(moving) = Arc::get_mut(&mut self.moving) {
                    moving.expect(head.length);
                }
                Ok(head)
            }
            Some(Piece::Body(_)) | None => {
                Err(HttpError::Setup { reason: "the thread of the request stopped".to_string() })
            }
        }
    }

    /// Checks the status and reads the body up to the request's limit.
    pub(super) fn finish(self, head: AnswerHead, request: &Request) -> Result<Response, HttpError> {
        let status = head.status;
        // Another success than 200 has no content, or not all of it.
        if !(status == StatusCode::OK || (status.as_u16() == 304 && request.etag.is_some())) {
            let reason = status.canonical_reason().unwrap_or("").to_string();
            let texts = head.texts();
            let retry_after = texts.iter().find(|(name, _)| name == "retry-after");
            let retry_after = retry_after.and_then(|(_, seconds)| seconds.trim().parse::<u64>().ok());
            let retry_after = retry_after.map(|seconds| u16::try_from(seconds).unwrap_or(u16::MAX));
            let challenges = texts.into_iter().filter(|(name, _)| name == "www-authenticate");
            let challenges = challenges.map(|(_, value)| value).collect();
            let (url, status) = (self.shown, status.as_u16());
            return Err(HttpError::Status { url, status, reason, challenges, retry_after });
        }
        self.read(head, request.limit)
    }

    /// Reads the body up to the limit, whatever the status.
    pub(super) fn read(self, head: AnswerHead, limit: u64) -> Result<Response, HttpError> {
        let status = head.status;
        if head.length.is_some_and(|length| length > limit) {
            return Err(HttpError::TooLarge { url: self.shown, limit });
        }
        // What a server claims is only a hint: memory is taken as bytes arrive.
        let mut body = Vec::with_capacity(head.length.unwrap_or(0).min(1 << 20) as usize);
        while let Some(piece) = self.next(self.idle_time)? {
            if let Piece::Body(bytes) = piece {
                let bytes = bytes.map_err(|error| body_failure(&self.shown, &error, self.start))?;
                body.extend_from_slice(&bytes);
                if self.moving.direction() == Direction::Down {
                    self.moving.moved(bytes.len());
                }
            }
            if body.len() as u64 > limit {
                return Err(HttpError::TooLarge { url: self.shown, limit });
            }
        }
        Ok(Response { status: status.as_u16(), headers: head.texts(), body, url: self.shown })
    }

    /// The answer to a HEAD: its headers speak of a body that does not come.
    pub(super) fn without_body(self, head: &AnswerHead) -> Response {
        Response { status: head.status.as_u16(), headers: head.texts(), body: Vec::new(), url: self.shown }
    }
}

/// Sends a request and passes on what comes back, until it ends or nobody listens any more.
fn converse(asked: RequestBuilder, listener: &SyncSender<Piece>) {
    let mut answer = match asked.send() {
        Ok(answer) => answer,
        Err(error) => {
            let _ = listener.send(Piece::Head(Err(error)));
            return;
        }
    };
    let length = answer.content_length();
    let head = AnswerHead { status: answer.status(), headers: answer.headers().clone(), length };
    let mut going = listener.send(Piece::Head(Ok(head))).is_ok();
    let mut buffer = vec![0; PIECE];
    while going {
        going = match answer.read(&mut buffer) {
            Ok(0) => return,
            Ok(count) => listener.send(Piece::Body(Ok(buffer.get(..count).unwrap_or(&[]).to_vec()))).is_ok(),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => true,
            Err(error) => {
                let _ = listener.send(Piece::Body(Err(error)));
                return;
            }
        };
    }
}
