//! One exchange of a protocol above HTTP: any method, any header, and any status as an answer.
//!
//! Invariant: a call is sent once; what it authorizes with goes to the scheme, host and port of its URL alone.

use std::sync::Arc;
use std::time::Instant;

use reqwest::Url;
use reqwest::blocking::Body;
use reqwest::header::{ACCEPT_ENCODING, AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};

use super::exchange::Exchange;
use super::{Http, HttpError, MOST_REDIRECTS, Response, Secret, parse, redact_url, redirect, strip_user};
use crate::sys::transfers::{Counted, Direction};

/// What a call does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Fetches.
    Get,
    /// Fetches the headers.
    Head,
    /// Makes something new.
    Post,
    /// Puts something in its place.
    Put,
    /// Adds to something.
    Patch,
}

/// A call. It does not print: its body may be a secret.
#[derive(Clone)]
pub struct Call<'a> {
    /// What it does.
    pub method: Method,
    /// To which URL. User information in it is not sent.
    pub url: &'a str,
    /// Header names in lower case, with their values.
    pub headers: &'a [(&'static str, &'a str)],
    /// The `Authorization` header as it is.
    pub authorization: Option<&'a Secret>,
    /// The body.
    pub body: Vec<u8>,
    /// Largest body of the answer in bytes.
    pub limit: u64,
}

impl<'a> Call<'a> {
    /// A call without headers and body, for an answer of at most `limit` bytes.
    pub fn new(method: Method, url: &'a str, limit: u64) -> Self {
        Call { method, url, headers: &[], authorization: None, body: Vec::new(), limit }
    }

    fn headers(&self, may_know: bool) -> Result<HeaderMap, HttpError> {
        let invalid = |reason: String| HttpError::Setup { reason };
        let mut headers = HeaderMap::new();
        // The very bytes count: they have digests.
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        for (name, value) in self.headers {
            let value = HeaderValue::from_str(value).map_err(|error| invalid(format!("{name}: {error}")))?;
            headers.append(HeaderName::from_static(name), value);
        }
        if let Some(secret) = self.authorization.filter(|_| may_know) {
            let mut value = HeaderValue::from_str(secret.reveal())
                .map_err(|error| invalid(format!("authorization: {error}")))?;
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
        }
        Ok(headers)
    }
}

impl Http {
    /// Sends a call, once, and returns the answer whatever its status. Redirects are followed for GET and HEAD alone.
    ///
    /// # Errors
    /// The URL is unusable, no whole answer comes in time, or it is too large. Only
    /// [`HttpError::was_not_sent`] tells that the server cannot have seen the request.
    pub fn call(&self, call: &Call<'_>) -> Result<Response, HttpError> {
        let start = Instant::now();
        let mut first = parse(call.url)?;
        strip_user(&mut first);
        let follows = matches!(call.method, Method::Get | Method::Head);
        let mut url = first.clone();
        for _ in 0..=MOST_REDIRECTS {
            let mut exchange = self.exchange(call, &url, url.origin() == first.origin(), start)?;
            let head = exchange.head()?;
            let next = if follows { redirect(&head, &url)? } else { None };
            match next {
                Some(next) => url = next,
                None if call.method == Method::Head => return Ok(exchange.without_body(&head)),
                None => return exchange.read(head, call.limit),
            }
        }
        Err(HttpError::TooManyRedirects { url: redact_url(first.as_str()) })
    }

    fn exchange(
        &self,
        call: &Call<'_>,
        url: &Url,
        may_know: bool,
        start: Instant,
    ) -> Result<Exchange, HttpError> {
        let shown = redact_url(url.as_str());
        let remaining = self.options.total_timeout.saturating_sub(start.elapsed());
        if remaining.is_zero() {
            return Err(HttpError::Timeout { url: shown, after: start.elapsed() });
        }
        let method = match call.method {
            Method::Get => reqwest::Method::GET,
            Method::Head => reqwest::Method::HEAD,
            Method::Post => reqwest::Method::POST,
            Method::Put => reqwest::Method::PUT,
            Method::Patch => reqwest::Method::PATCH,
        };
        let mut asked = self
            .client(url.scheme() == "https", false)?
            .request(method, url.clone())
            .headers(call.headers(may_know)?)
            .timeout(remaining);
        let watched = &self.options.watched;
        if matches!(call.method, Method::Get | Method::Head) || call.body.is_empty() {
            if !matches!(call.method, Method::Get | Method::Head) {
                asked = asked.body(Vec::new());
            }
            let moving = watched.begin(&shown, Direction::Down, None);
            return Exchange::start(asked, shown, start, &self.options, Arc::new(moving));
        }
        let length = call.body.len() as u64;
        let moving = Arc::new(watched.begin(&shown, Direction::Up, Some(length)));
        let body = Counted::new(call.body.clone(), Arc::clone(&moving));
        Exchange::start(asked.body(Body::sized(body, length)), shown, start, &self.options, moving)
    }
}
