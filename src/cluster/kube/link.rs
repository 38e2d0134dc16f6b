//! One connection to one API server: the runtime, the rate, the credentials, and what is tried again.
//!
//! The runtime lives on a thread of its own and is made with the first request; callers block. What is tried again:
//!
//! | met | tried again | how often |
//! |---|---|---|
//! | 429, or 5xx with Retry-After | any request at 429, else those that change nothing twice | until a minute is over |
//! | 5xx that ends in `leader changed` or `proposal dropped` | any request, as Helm does | once |
//! | 409 from a quota that others write | any request, as Helm does | five times |
//! | 401 with credentials that can be renewed | any request | once |
//! | no connection, once the server has been heard of | any request | three times |
//! | no answer, 502 to 504 | requests that change nothing twice, once the server has been heard of | three times |
//!
//! Invariant: a request that may have been carried out is never sent again, unless twice is the same as once.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use http_body_util::BodyExt;
use http1::header::{
    ACCEPT, AUTHORIZATION, CONTENT_TYPE, ETAG, HeaderMap, HeaderValue, RETRY_AFTER, WARNING,
};
use http1::{Method, Request, Response};
use kube::client::Body;
use kube::core::Status;
use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::KubeOptions;
use super::access::Access;
use super::credentials::Credentials;
use super::shelf::Shelf;
use super::stranger;
use super::throttle::Throttle;
use super::transport::{Transport, innermost};
use crate::cluster::StoreError;
use crate::data::Value;
use crate::data::digest::sha256_hex;
use crate::sys::Host;

/// No answer is larger.
const MOST_BYTES: usize = 512 * 1024 * 1024;

/// Longest time that is spent on waiting before trying again.
const MOST_PATIENCE: Duration = Duration::from_secs(60);

/// Most warnings that are kept.
const MOST_WARNINGS: usize = 100;
/// How many requests are under way at most.
pub(super) const AT_ONCE: usize = 8;

/// Content type of a server-side apply.
pub(super) const APPLY: &str = "application/apply-patch+yaml";

/// A request, as it is sent.
pub(super) type Ask = Request<Vec<u8>>;

/// Why there is no good answer.
#[derive(Debug)]
pub(super) enum Trouble {
    /// The server answered with an error.
    Refused(Box<Refusal>),
    /// There is no answer, or only a part of it.
    Lost {
        /// `Get "https://host/version"`.
        request: String,
        reason: String,
        /// The request may have been carried out, and it changes something.
        unknown: bool,
        /// Waiting took too long; waiting again is no use.
        late: bool,
    },
    /// The request could not even be made.
    Failed(StoreError),
}

/// An error answer.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) status: Status,
    pub(super) retry_after: Option<Duration>,
}

/// A good answer.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) content_type: String,
    /// The name that the server gave to the answer; empty when it gave none.
    pub(super) etag: String,
    pub(super) body: Vec<u8>,
}

impl Reply {
    /// The body as a value.
    pub(super) fn value(&self) -> Result<Value, StoreError> {
        serde_json::from_slice(&self.body)
            .map_err(|error| StoreError::Internal(format!("the API server's answer is no JSON: {error}")))
    }
}

/// A connection.
#[derive(Debug)]
pub(super) struct Link {
    /// The store's name in errors.
    pub(super) store: String,
    server: String,
    /// Where its address is written down.
    origin: String,
    /// The proxy on the way to it.
    via: Option<String>,
    /// Why it is not told who asks, where it could be.
    withheld: Option<String>,
    client: Client,
    handle: Handle,
    stop: Option<oneshot::Sender<()>>,
    throttle: Throttle,
    credentials: Credentials,
    limit: Duration,
    shelf: Shelf,
    /// Whether the server ever answered.
    heard: AtomicBool,
    first: First,
    warnings: Mutex<Vec<String>>,
}

/// kube-rs' client has no `Debug` form.
struct Client(kube::Client);

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Client")
    }
}

/// Work that goes on by itself, and ends when nobody wants it any more.
#[derive(Debug)]
pub(super) struct Task(JoinHandle<()>);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
    }
}

impl Link {
    /// Reads the configuration and gets everything ready; the server is not asked yet.
    pub(super) fn new(options: &KubeOptions, host: &Host, store: String) -> Result<Self, StoreError> {
        let access = Access::find(options, host, &store)?;
        let unusable = |reason: String| StoreError::Configuration { store: store.clone(), reason };
        let io = |error: std::io::Error| StoreError::Internal(format!("no thread for requests: {error}"));
        let runtime = Builder::new_current_thread().enable_all().build().map_err(io)?;
        let handle = runtime.handle().clone();
        let (client, via) = {
            let _inside = handle.enter();
            let transport = Transport::new(&access, host, options.connect_timeout).map_err(unusable)?;
            let via = transport.via();
            (kube::Client::new(transport, "default"), via)
        };
        let known_by = [access.server.as_bytes(), access.authorities.as_deref().unwrap_or_default()];
        let shelf = Shelf::new(host, &sha256_hex(known_by.join(&0)));
        let (stop, stopped) = oneshot::channel::<()>();
        let run = move || {
            runtime.block_on(async {
                let _ = stopped.await;
            });
        };
        std::thread::Builder::new().name("kube".into()).spawn(run).map_err(io)?;
        Ok(Link {
            store,
            server: access.server,
            origin: access.origin,
            via,
            withheld: access.withheld.clone(),
            client: Client(client),
            handle,
            stop: Some(stop),
            throttle: Throttle::new(options),
            credentials: access.credentials,
            limit: options.request_timeout,
            shelf,
            heard: AtomicBool::new(false),
            first: First::default(),
            warnings: Mutex::new(access.withheld.into_iter().collect()),
        })
    }

    /// Runs something on the caller's thread that waits for the server.
    pub(super) fn wait<T>(&self, work: impl Future<Output = T>) -> T {
        self.handle.block_on(work)
    }

    /// Starts something that goes on by itself.
    pub(super) fn start(&self, work: impl Future<Output = ()> + Send + 'static) -> Task {
        Task(self.handle.spawn(work))
    }

    /// Sends a request and waits for the whole answer, trying again where that helps.
    pub(super) fn call(&self, ask: &Ask) -> Result<Reply, Trouble> {
        self.wait(self.exchange(ask))
    }

    /// As [`Link::call`], for those who wait themselves.
    pub(super) async fn exchange(&self, ask: &Ask) -> Result<Reply, Trouble> {
        let mut tries = Tries::new(ask);
        loop {
            let trouble = match self.attempt(ask).await {
                Ok(reply) => return Ok(reply),
                Err(trouble) => trouble,
            };
            match tries.pause(&trouble, self) {
                Some(pause) => tokio::time::sleep(pause).await,
                None => return Err(trouble),
            }
        }
    }

    async fn attempt(&self, ask: &Ask) -> Result<Reply, Trouble> {
        let response = self.in_time(ask, self.open(ask)).await??;
        if let Some(what) = stranger::of_answer(response.headers()) {
            return Err(self.stranger(what));
        }
        let content_type = header(response.headers(), CONTENT_TYPE.as_str());
        let etag = header(response.headers(), ETAG.as_str());
        let body = self.read(response.into_body(), MOST_BYTES, ask).await?;
        Ok(Reply { content_type, etag, body })
    }

    /// Sends a request once and gives the answer's beginning; its body is still to come.
    pub(super) async fn open(&self, ask: &Ask) -> Result<Response<Body>, Trouble> {
        let pause = self.throttle.take();
        if !pause.is_zero() {
            tokio::time::sleep(pause).await;
        }
        let (mut parts, body) = ask.clone().into_parts();
        parts.headers.entry(ACCEPT).or_insert(HeaderValue::from_static("application/json"));
        let refused =
            |reason: String| Trouble::Failed(StoreError::Unauthorized { store: self.store.clone(), reason });
        if let Some(value) = self.credentials.header().map_err(refused)? {
            let value = HeaderValue::from_str(value.reveal());
            let mut value =
                value.map_err(|_| refused("the token has characters that cannot be sent".into()))?;
            value.set_sensitive(true);
            parts.headers.insert(AUTHORIZATION, value);
        }
        let turn = self.first.turn().await;
        let sent = self.client.0.send(Request::from_parts(parts, Body::from(body))).await;
        drop(turn);
        let response = sent.map_err(|error| self.not_sent(ask, &error))?;
        self.heard.store(true, Ordering::Relaxed);
        // Whoever lists all kinds need not be told which of them are old.
        if ask.method() != Method::GET {
            self.keep_warnings(response.headers());
        }
        if response.status().is_success() {
            return Ok(response);
        }
        let code = response.status().as_u16();
        let retry_after =
            header(response.headers(), RETRY_AFTER.as_str()).parse().ok().map(Duration::from_secs);
        let headers = response.headers().clone();
        let body = self.read(response.into_body(), 4 * 1024 * 1024, ask).await.unwrap_or_default();
        let mut status = status(code, &body);
        if let (401 | 403, Some(withheld)) = (code, &self.withheld) {
            status.message.push_str(&format!("; {withheld}"));
        }
        match stranger::of_refusal(code, &headers, ask.uri().path(), &status) {
            Some(what) => Err(self.stranger(what)),
            None => Err(Trouble::Refused(Box::new(Refusal { status, retry_after }))),
        }
    }

    /// Something else than an API server is at the address.
    fn stranger(&self, mut what: String) -> Trouble {
        if let Some(via) = &self.via {
            what.push_str(&format!(" (through the proxy {via})"));
        }
        let (server, origin) = (self.server.clone(), self.origin.clone());
        Trouble::Failed(StoreError::Stranger { server, what, origin })
    }

    /// Waits no longer than the options allow.
    async fn in_time<T>(&self, ask: &Ask, work: impl Future<Output = T>) -> Result<T, Trouble> {
        let limit = self.limit.as_secs_f32();
        let late = || self.lost(ask, format!("no answer within {limit} s"), true, true);
        tokio::time::timeout(self.limit, work).await.map_err(|_| late())
    }

    async fn read(&self, mut body: Body, limit: usize, ask: &Ask) -> Result<Vec<u8>, Trouble> {
        let mut bytes = Vec::new();
        while let Some(frame) = self.in_time(ask, body.frame()).await? {
            let frame = frame.map_err(|error| self.lost(ask, innermost(&error), true, false))?;
            if let Ok(data) = frame.into_data() {
                bytes.extend_from_slice(&data);
            }
            if bytes.len() > limit {
                return Err(self.lost(ask, format!("the answer has more than {limit} bytes"), true, true));
            }
        }
        Ok(bytes)
    }

    fn not_sent(&self, ask: &Ask, error: &kube::Error) -> Trouble {
        let mut connecting = false;
        let mut source: Option<&(dyn std::error::Error + 'static)> = Some(error);
        while let Some(at) = source {
            connecting |= at.downcast_ref::<reqwest::Error>().is_some_and(reqwest::Error::is_connect);
            source = at.source();
        }
        let mut reason = innermost(error);
        if reason.contains("InvalidContentType") {
            reason = "the server does not speak TLS: its address may have to begin with http://".to_string();
        }
        if reason == "tunnel error: unsuccessful" {
            reason = "it refuses to lead there".to_string();
        }
        if let Some(via) = self.via.as_ref().filter(|_| connecting) {
            reason = format!("through the proxy {via}: {reason}");
        }
        self.lost(ask, reason, !connecting, false)
    }

    /// No answer. `sent` tells whether the server may have seen the request.
    pub(super) fn lost(&self, ask: &Ask, reason: String, sent: bool, late: bool) -> Trouble {
        let mut method = ask.method().as_str().to_lowercase();
        if let Some(first) = method.get_mut(..1) {
            first.make_ascii_uppercase();
        }
        let request = format!("{method} \"{}{}\"", self.server, ask.uri().path());
        Trouble::Lost { request, reason, unknown: sent && ask.method() != Method::GET, late }
    }

    fn keep_warnings(&self, headers: &HeaderMap) {
        for value in headers.get_all(WARNING) {
            let Some(text) = value.to_str().ok().and_then(warning) else { continue };
            let mut kept = self.warnings.lock().unwrap_or_else(PoisonError::into_inner);
            if kept.len() < MOST_WARNINGS && !kept.contains(&text) {
                kept.push(text);
            }
        }
    }

    /// The server's address.
    pub(super) fn server(&self) -> &str {
        &self.server
    }

    /// Where is kept what this server serves.
    pub(super) fn shelf(&self) -> &Shelf {
        &self.shelf
    }

    /// What the server, and the way to it, warned of since the last call of this.
    pub(super) fn warnings(&self) -> Vec<String> {
        std::mem::take(&mut *self.warnings.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Lets the first request go alone: those that begin meanwhile find its connection, and make none of their own. However it ends,
/// nobody waits after it.
#[derive(Debug, Default)]
struct First {
    is_over: AtomicBool,
    turn: tokio::sync::Mutex<()>,
}

/// The turn of the first request; over when it is dropped.
struct Turn<'f> {
    first: &'f First,
    _held: tokio::sync::MutexGuard<'f, ()>,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.first.is_over.store(true, Ordering::Release);
    }
}

impl First {
    /// Waits while the first request is under way; the turn of that itself.
    async fn turn(&self) -> Option<Turn<'_>> {
        if self.is_over.load(Ordering::Acquire) {
            return None;
        }
        let held = self.turn.lock().await;
        (!self.is_over.load(Ordering::Acquire)).then_some(Turn { first: self, _held: held })
    }
}

fn header(headers: &HeaderMap, name: &str) -> String {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or("").to_string()
}

/// The text of a `Warning` header: `299 - "text"`.
fn warning(value: &str) -> Option<String> {
    let quoted = value.strip_prefix("299 ")?.split_once('"')?.1;
    let mut text = String::new();
    let mut characters = quoted.chars();
    while let Some(character) = characters.next() {
        match character {
            '"' => return Some(text),
            '\\' => text.extend(characters.next()),
            other => text.push(other),
        }
    }
    None
}

/// The status that an error answer has, or one made of its text.
fn status(code: u16, body: &[u8]) -> Status {
    let mut status = serde_json::from_slice::<Status>(body).unwrap_or_default();
    if status.message.is_empty() && !body.trim_ascii_start().starts_with(b"<") {
        let text = String::from_utf8_lossy(body);
        status.message = text.trim().chars().take(1_000).collect();
    }
    if status.message.is_empty() {
        status.message = format!("the server answered with code {code}");
    }
    status.code = code;
    status
}

/// What was tried already.
#[derive(Debug)]
struct Tries {
    /// Twice is the same as once.
    repeatable: bool,
    lost: u32,
    dropped: bool,
    quota: u32,
    renewed: bool,
    waited: Duration,
}

impl Tries {
    fn new(ask: &Ask) -> Self {
        let apply = ask.headers().get(CONTENT_TYPE).is_some_and(|value| value.as_bytes() == APPLY.as_bytes());
        Tries {
            repeatable: ask.method() == Method::GET || apply,
            lost: 0,
            dropped: false,
            quota: 0,
            renewed: false,
            waited: Duration::ZERO,
        }
    }

    /// How long to wait before the next try; `None` when there is none.
    fn pause(&mut self, trouble: &Trouble, link: &Link) -> Option<Duration> {
        let refusal = match trouble {
            Trouble::Refused(refusal) => refusal,
            Trouble::Lost { late: false, unknown, .. } if self.repeatable || !unknown => {
                return if link.heard.load(Ordering::Relaxed) { self.after_a_loss() } else { None };
            }
            _ => return None,
        };
        let (code, message) = (refusal.status.code, refusal.status.message.as_str());
        match code {
            401 if !self.renewed && link.credentials.renew() => {
                self.renewed = true;
                Some(Duration::ZERO)
            }
            409 if message.starts_with("Operation cannot be fulfilled on resourcequotas") => {
                self.quota += 1;
                (self.quota <= 5).then(|| Duration::from_millis(100) * self.quota)
            }
            429 => self.wait_for(refusal.retry_after.unwrap_or(Duration::from_secs(1))),
            500..
                if message.ends_with("etcdserver: leader changed")
                    || message.ends_with("raft proposal dropped") =>
            {
                let first = !std::mem::replace(&mut self.dropped, true);
                first.then_some(Duration::from_millis(100))
            }
            500.. if self.repeatable && refusal.retry_after.is_some() => self.wait_for(refusal.retry_after?),
            502..=504 if self.repeatable => self.after_a_loss(),
            _ => None,
        }
    }

    fn after_a_loss(&mut self) -> Option<Duration> {
        self.lost += 1;
        (self.lost <= 3).then(|| Duration::from_millis(100 * 4u64.pow(self.lost.min(4) - 1)))
    }

    fn wait_for(&mut self, pause: Duration) -> Option<Duration> {
        let pause = pause.max(Duration::from_millis(50));
        self.waited += pause;
        (self.waited <= MOST_PATIENCE).then_some(pause)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn warnings_are_unquoted() {
        assert_eq!(warning(r#"299 - "unknown field \"a\"" x"#).as_deref(), Some("unknown field \"a\""));
        assert_eq!(warning("299 - \"open"), None);
        assert_eq!(warning("199 - \"x\""), None);
    }

    #[test]
    fn an_answer_without_a_status_is_told_by_its_text() {
        assert_eq!(status(502, b" bad gateway\n").message, "bad gateway");
        assert_eq!(status(502, b"").message, "the server answered with code 502");
        assert_eq!(status(502, b" <html>").message, "the server answered with code 502");
        let told = status(404, br#"{"kind":"Status","message":"no","reason":"NotFound","code":404}"#);
        assert_eq!((told.message.as_str(), told.reason.as_str()), ("no", "NotFound"));
    }
}
