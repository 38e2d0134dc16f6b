//! HTTP: the only user of reqwest and rustls.
//!
//! A request is a blocking call that returns a whole, bounded body. What the rest of the program may rely on:
//!
//! - Nothing happens before the first request: no thread, no TLS set-up, no reading of system roots. A plain `http://`
//!   request never sets up TLS at all.
//! - Time is bounded three ways: to connect, between two pieces of a body, and in total over all redirects and attempts.
//! - Credentials go to the scheme, host and port of the first URL only, unless the caller asks for more; a redirect to
//!   another place loses them.
//! - `file://` and every other scheme but `http` and `https` are refused, also as the target of a redirect.
//! - Only GET and HEAD exist here; both are idempotent, and both are tried again (twice at most) when a connection breaks
//!   or a server answers 5xx.
//!
//! Trust: the roots of the system (the platform's verifier), plus those of [`HttpOptions::ca_file`]. Proxies come from
//! `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY` of the host's environment in either case, as Go reads them: the machine
//! itself (`localhost`, loopback addresses) is never reached through a proxy.
//!
//! The user agent is `Helm/4.3 (bowline/VERSION)`: repositories that sniff for Helm let us in, and logs tell who it was.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use reqwest::blocking::{Client, ClientBuilder, RequestBuilder};
use reqwest::header::{
    ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, ETAG, HeaderMap, HeaderName, HeaderValue, IF_NONE_MATCH, LOCATION,
};
use reqwest::{Certificate, Identity, Method, NoProxy, Proxy, StatusCode, Url};

use super::secret::redact_url;
use super::{Host, Secret, fs};

/// What this program calls itself.
pub const USER_AGENT: &str = concat!("Helm/4.3 (bowline/", env!("CARGO_PKG_VERSION"), ")");
/// Most redirects that are followed for one request (Go's number).
const MOST_REDIRECTS: usize = 10;
/// Waits before the second and the third attempt.
const PAUSES: [Duration; 2] = [Duration::from_millis(100), Duration::from_millis(400)];
/// Most bytes of a body that are passed on at once.
const PIECE: usize = 64 << 10;
/// Largest certificate or key file, in bytes.
const PEM_LIMIT: u64 = 4 << 20;

/// Why a request failed. URLs are shown without user information and without the values of their query.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum HttpError {
    /// The URL cannot be read, or has no host.
    #[error("invalid URL {url:?}: {reason}")]
    InvalidUrl {
        /// The URL as shown.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The URL has a scheme other than http and https.
    #[error("could not find protocol handler for: {scheme}")]
    UnsupportedScheme {
        /// The scheme.
        scheme: String,
    },
    /// A certificate, key or CA file cannot be used.
    #[error("cannot use {} for TLS: {reason}", path.display())]
    TlsFile {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// The client cannot be set up.
    #[error("cannot set up the HTTP client: {reason}")]
    Setup {
        /// Why.
        reason: String,
    },
    /// The server cannot be reached, or the connection broke.
    #[error("Get {url:?}: {reason}")]
    Connection {
        /// The URL as shown.
        url: String,
        /// What kind of failure it was.
        kind: ConnectionFailure,
        /// The system's or the library's words.
        reason: String,
    },
    /// A limit of time was reached.
    #[error("Get {url:?}: timed out after {} s", after.as_secs_f32().ceil())]
    Timeout {
        /// The URL as shown.
        url: String,
        /// How long was waited since the first attempt.
        after: Duration,
    },
    /// The server answered with something else than success.
    #[error("failed to fetch {url} : {status} {reason}")]
    Status {
        /// The URL as shown.
        url: String,
        /// The status code.
        status: u16,
        /// Its standard phrase.
        reason: String,
    },
    /// The answer is larger than the caller allows.
    #[error("{url} is larger than the limit of {limit} bytes")]
    TooLarge {
        /// The URL as shown.
        url: String,
        /// The limit in bytes.
        limit: u64,
    },
    /// The server sends the client round in circles.
    #[error("Get {url:?}: stopped after {MOST_REDIRECTS} redirects")]
    TooManyRedirects {
        /// The URL as shown.
        url: String,
    },
}

/// Kinds of failed connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConnectionFailure {
    /// Nobody listens there.
    Refused,
    /// The name is not known.
    Name,
    /// The certificate is not trusted, or the handshake failed.
    Tls,
    /// The connection ended before the answer did.
    Broken,
    /// Anything else.
    Other,
}

impl crate::diag::Hint for HttpError {
    fn hints(&self) -> Vec<String> {
        let hint = match self {
            HttpError::Connection { kind: ConnectionFailure::Tls, reason, .. }
                if reason.ends_with("a client certificate") =>
            {
                "give one with --cert-file and --key-file"
            }
            HttpError::Connection { kind: ConnectionFailure::Tls, .. } => {
                "name the authority that signed the server's certificate with --ca-file"
            }
            HttpError::Connection { kind: ConnectionFailure::Name, .. } => {
                "check the spelling of the host name, and that this machine is online"
            }
            HttpError::Connection { kind: ConnectionFailure::Refused, .. } => {
                "check that the server runs and that host and port are right"
            }
            HttpError::Status { status: 401 | 403, .. } => {
                "give credentials with --username and --password-stdin"
            }
            HttpError::Status { status: 407, .. } => "put the proxy's user and password into HTTPS_PROXY",
            _ => return Vec::new(),
        };
        vec![hint.to_string()]
    }
}

/// User name and password of basic authentication.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Credentials {
    /// User name.
    pub username: String,
    /// Password.
    pub password: Secret,
}

/// How connections are made: the same for all requests of one [`Http`].
#[derive(Debug, Clone)]
pub struct HttpOptions {
    /// Where the proxy variables are looked up.
    pub env: Arc<BTreeMap<String, String>>,
    /// PEM file of further authorities to trust.
    pub ca_file: Option<PathBuf>,
    /// PEM file with the client's certificate.
    pub cert_file: Option<PathBuf>,
    /// PEM file with the client's key.
    pub key_file: Option<PathBuf>,
    /// Accept any certificate.
    pub insecure_skip_tls_verify: bool,
    /// Longest wait for a connection.
    pub connect_timeout: Duration,
    /// Longest wait between two pieces of an answer.
    pub idle_timeout: Duration,
    /// Longest time for a request with all its redirects and attempts (Helm: 120 s).
    pub total_timeout: Duration,
}

impl HttpOptions {
    /// The defaults, with the host's proxies.
    pub fn new(host: &Host) -> Self {
        HttpOptions {
            env: Arc::clone(&host.env),
            ca_file: None,
            cert_file: None,
            key_file: None,
            insecure_skip_tls_verify: false,
            connect_timeout: Duration::from_secs(30),
            idle_timeout: Duration::from_secs(60),
            total_timeout: Duration::from_secs(120),
        }
    }
}

/// One request.
#[derive(Debug, Clone)]
pub struct Request {
    /// The `Accept` header, when it matters.
    pub accept: Option<&'static str>,
    /// Who asks. User information in the URL counts when this is `None`.
    pub credentials: Option<Credentials>,
    /// Send the credentials to wherever redirects lead.
    pub pass_credentials: bool,
    /// The `ETag` of a copy that the caller has; the answer may then be 304 without a body.
    pub etag: Option<String>,
    /// Let the server compress the answer on the way. Off for archives, whose very bytes matter.
    pub compressed: bool,
    /// Largest body in bytes, counted after decompression.
    pub limit: u64,
}

impl Request {
    /// A request without credentials for a body of at most `limit` bytes.
    pub fn new(limit: u64) -> Self {
        Request {
            accept: None,
            credentials: None,
            pass_credentials: false,
            etag: None,
            compressed: false,
            limit,
        }
    }
}

/// A successful answer (2xx, or 304 when an `ETag` was sent).
#[derive(Debug, Clone)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// Header names in lower case, with their values; a value that is not ASCII is left out.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// The URL that answered, after redirects, as shown.
    pub url: String,
}

impl Response {
    /// The first value of a header, by its name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The `ETag`, for the next [`Request::etag`].
    pub fn etag(&self) -> Option<&str> {
        self.header(ETAG.as_str())
    }
}

/// An HTTP client. Cheap to make: it does nothing before its first request. Shared between threads by reference.
#[derive(Debug)]
pub struct Http {
    options: HttpOptions,
    /// One client per way of talking: with or without TLS, with or without compression.
    clients: [Mutex<Option<Client>>; 4],
}

impl Http {
    /// A client with these options.
    pub fn new(options: HttpOptions) -> Self {
        Http { options, clients: Default::default() }
    }

    /// Fetches a URL.
    ///
    /// # Errors
    /// The URL is unusable, the server cannot be reached or answers with an error, or the answer is too large.
    pub fn get(&self, url: &str, request: &Request) -> Result<Response, HttpError> {
        self.send(&Method::GET, url, request)
    }

    /// Asks for the headers of a URL.
    ///
    /// # Errors
    /// As [`Http::get`].
    pub fn head(&self, url: &str, request: &Request) -> Result<Response, HttpError> {
        self.send(&Method::HEAD, url, request)
    }

    fn send(&self, method: &Method, url: &str, request: &Request) -> Result<Response, HttpError> {
        let start = Instant::now();
        let mut target = parse(url)?;
        let credentials = request.credentials.clone().or_else(|| user_information(&target));
        strip_user(&mut target);
        let mut pauses = PAUSES.iter();
        loop {
            let failure = match self.follow(method, target.clone(), request, credentials.as_ref(), start) {
                Err(failure) if is_passing(&failure) => failure,
                done => return done,
            };
            match pauses.next() {
                Some(pause) if start.elapsed() + *pause < self.options.total_timeout => {
                    std::thread::sleep(*pause);
                }
                _ => return Err(failure),
            }
        }
    }

    /// One attempt: the request and its redirects.
    fn follow(
        &self,
        method: &Method,
        first: Url,
        request: &Request,
        credentials: Option<&Credentials>,
        start: Instant,
    ) -> Result<Response, HttpError> {
        let mut url = first.clone();
        for _ in 0..=MOST_REDIRECTS {
            let shown = redact_url(url.as_str());
            let remaining = self.options.total_timeout.saturating_sub(start.elapsed());
            if remaining.is_zero() {
                return Err(HttpError::Timeout { url: shown, after: start.elapsed() });
            }
            let may_know = request.pass_credentials || url.origin() == first.origin();
            let headers = headers_of(request, credentials.filter(|_| may_know))?;
            let client = self.client(url.scheme() == "https", request.compressed)?;
            let asked = client.request(method.clone(), url.clone()).headers(headers).timeout(remaining);
            let exchange = Exchange::start(asked, shown, start, &self.options)?;
            let head = exchange.head()?;
            match redirect(&head, &url)? {
                Some(next) => url = next,
                None => return exchange.finish(head, request),
            }
        }
        Err(HttpError::TooManyRedirects { url: redact_url(first.as_str()) })
    }

    fn client(&self, tls: bool, compressed: bool) -> Result<Client, HttpError> {
        let slot = &self.clients[usize::from(tls) * 2 + usize::from(compressed)];
        let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = &*slot {
            return Ok(client.clone());
        }
        let client = self.build(tls, compressed)?;
        *slot = Some(client.clone());
        Ok(client)
    }

    fn build(&self, tls: bool, compressed: bool) -> Result<Client, HttpError> {
        // Fails only when a provider is installed already, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let setup = |error: reqwest::Error| HttpError::Setup { reason: innermost(&error) };
        if !tls {
            return self.builder(compressed)?.tls_certs_only([]).build().map_err(setup);
        }
        let options = &self.options;
        let mut roots = Vec::new();
        if let Some(path) = &options.ca_file {
            roots = Certificate::from_pem_bundle(&pem(path)?)
                .map_err(|error| HttpError::TlsFile { path: path.clone(), reason: innermost(&error) })?;
            if roots.is_empty() {
                let reason = "it has no certificate in PEM form".to_string();
                return Err(HttpError::TlsFile { path: path.clone(), reason });
            }
        }
        let identity = self.identity()?;
        let with_tls = || {
            let builder =
                self.builder(compressed)?.tls_danger_accept_invalid_certs(options.insecure_skip_tls_verify);
            Ok(match identity.clone() {
                Some(identity) => builder.identity(identity),
                None => builder,
            })
        };
        with_tls()?.tls_certs_merge(roots.clone()).build().or_else(|_| {
            // A machine without any root certificate: only what the caller named can be trusted, and a server that is
            // not is told so in the handshake.
            with_tls()?.tls_certs_only(roots).build().map_err(setup)
        })
    }

    fn identity(&self) -> Result<Option<Identity>, HttpError> {
        let (Some(cert), Some(key)) = (&self.options.cert_file, &self.options.key_file) else {
            let Some(path) = self.options.cert_file.as_ref().or(self.options.key_file.as_ref()) else {
                return Ok(None);
            };
            let reason = "a client certificate needs both a certificate and a key file".to_string();
            return Err(HttpError::TlsFile { path: path.clone(), reason });
        };
        let mut both = pem(key)?;
        both.push(b'\n');
        both.extend(pem(cert)?);
        let identity = Identity::from_pem(&both);
        identity
            .map(Some)
            .map_err(|error| HttpError::TlsFile { path: cert.clone(), reason: innermost(&error) })
    }

    fn builder(&self, compressed: bool) -> Result<ClientBuilder, HttpError> {
        let options = &self.options;
        let mut builder = ClientBuilder::new()
            .user_agent(USER_AGENT)
            .connect_timeout(options.connect_timeout)
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .gzip(compressed)
            .no_proxy();
        for (scheme, variable) in [("http", "HTTP_PROXY"), ("https", "HTTPS_PROXY")] {
            let Some(address) = self.variable(variable) else { continue };
            let unusable = |error: reqwest::Error| HttpError::Setup {
                reason: format!("{variable} is not usable: {}", innermost(&error)),
            };
            let proxy = if scheme == "http" { Proxy::http(address) } else { Proxy::https(address) };
            let direct = self.variable("NO_PROXY").unwrap_or_default();
            let direct = NoProxy::from_string(&format!("localhost,127.0.0.0/8,::1,{direct}"));
            builder = builder.proxy(proxy.map_err(unusable)?.no_proxy(direct));
        }
        Ok(builder)
    }

    /// A variable of the host's environment, upper case first.
    fn variable(&self, name: &str) -> Option<&str> {
        let get = |name: &str| self.options.env.get(name).map(String::as_str).filter(|text| !text.is_empty());
        get(name).or_else(|| get(&name.to_lowercase()))
    }
}

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

/// The last part of a URL's path, percent signs decoded: the name of the file it leads to.
pub fn file_name(url: &str) -> Option<String> {
    let path = Url::parse(url).ok()?.path().to_string();
    let name = path.rsplit('/').next().filter(|name| !name.is_empty())?;
    Some(percent_decode(name))
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

fn parse(url: &str) -> Result<Url, HttpError> {
    let parsed = Url::parse(url)
        .map_err(|error| HttpError::InvalidUrl { url: redact_url(url), reason: error.to_string() })?;
    check_scheme(parsed)
}

fn check_scheme(url: Url) -> Result<Url, HttpError> {
    if matches!(url.scheme(), "http" | "https") {
        return Ok(url);
    }
    Err(HttpError::UnsupportedScheme { scheme: url.scheme().to_string() })
}

fn user_information(url: &Url) -> Option<Credentials> {
    let password = percent_decode(url.password().unwrap_or(""));
    let username = percent_decode(url.username());
    (!username.is_empty() || !password.is_empty())
        .then(|| Credentials { username, password: Secret::new(password) })
}

/// Takes user information out of a URL, so that nothing below this module sends it.
fn strip_user(url: &mut Url) {
    // Both fail only for URLs without a host, which have no user either.
    let _ = url.set_username("");
    let _ = url.set_password(None);
}

fn headers_of(request: &Request, credentials: Option<&Credentials>) -> Result<HeaderMap, HttpError> {
    let mut headers = HeaderMap::new();
    if let Some(accept) = request.accept {
        headers.insert(ACCEPT, HeaderValue::from_static(accept));
    }
    if !request.compressed {
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    }
    if let Some(etag) = request.etag.as_deref().and_then(|etag| HeaderValue::from_str(etag).ok()) {
        headers.insert(IF_NONE_MATCH, etag);
    }
    if let Some(credentials) = credentials {
        let pair = format!("{}:{}", credentials.username, credentials.password.reveal());
        let mut value = HeaderValue::from_str(&format!("Basic {}", base64(pair.as_bytes())))
            .map_err(|error| HttpError::Setup { reason: error.to_string() })?;
        value.set_sensitive(true);
        headers.insert(AUTHORIZATION, value);
    }
    Ok(headers)
}

/// Base64 with padding, for the one header that needs it (encodings live in a module above this one).
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let byte = |at: usize| u32::from(chunk.get(at).copied().unwrap_or(0));
        let group = byte(0) << 16 | byte(1) << 8 | byte(2);
        for digit in 0..4 {
            // Six bits are always an index below 64.
            let index = (group >> (18 - 6 * digit)) as usize & 63;
            out.push(if digit <= chunk.len() { DIGITS[index] as char } else { '=' });
        }
    }
    out
}

/// Status line and headers of an answer.
struct AnswerHead {
    status: StatusCode,
    headers: HeaderMap,
    length: Option<u64>,
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
struct Exchange {
    pieces: Receiver<Piece>,
    shown: String,
    start: Instant,
    head_time: Duration,
    idle_time: Duration,
}

impl Exchange {
    fn start(
        asked: RequestBuilder,
        shown: String,
        start: Instant,
        options: &HttpOptions,
    ) -> Result<Self, HttpError> {
        // Few pieces in flight: a client that reads slowly slows the server down instead of filling memory.
        let (sender, pieces) = sync_channel(4);
        let thread =
            std::thread::Builder::new().name("http".to_string()).spawn(move || converse(asked, &sender));
        thread.map_err(|error| HttpError::Setup { reason: error.to_string() })?;
        let idle_time = options.idle_timeout;
        Ok(Exchange { pieces, shown, start, head_time: options.connect_timeout + idle_time, idle_time })
    }

    fn next(&self, patience: Duration) -> Result<Option<Piece>, HttpError> {
        match self.pieces.recv_timeout(patience) {
            Ok(piece) => Ok(Some(piece)),
            Err(RecvTimeoutError::Disconnected) => Ok(None),
            Err(RecvTimeoutError::Timeout) => {
                Err(HttpError::Timeout { url: self.shown.clone(), after: self.start.elapsed() })
            }
        }
    }

    fn head(&self) -> Result<AnswerHead, HttpError> {
        match self.next(self.head_time)? {
            Some(Piece::Head(head)) => head.map_err(|error| failure(&self.shown, &error, self.start)),
            Some(Piece::Body(_)) | None => {
                Err(HttpError::Setup { reason: "the thread of the request stopped".to_string() })
            }
        }
    }

    /// Checks the status and reads the body up to the limit.
    fn finish(self, head: AnswerHead, request: &Request) -> Result<Response, HttpError> {
        let status = head.status;
        if !(status.is_success() || (status.as_u16() == 304 && request.etag.is_some())) {
            let reason = status.canonical_reason().unwrap_or("").to_string();
            return Err(HttpError::Status { url: self.shown, status: status.as_u16(), reason });
        }
        if head.length.is_some_and(|length| length > request.limit) {
            return Err(HttpError::TooLarge { url: self.shown, limit: request.limit });
        }
        // What a server claims is only a hint: memory is taken as bytes arrive.
        let mut body = Vec::with_capacity(head.length.unwrap_or(0).min(1 << 20) as usize);
        while let Some(piece) = self.next(self.idle_time)? {
            if let Piece::Body(bytes) = piece {
                let bytes = bytes.map_err(|error| body_failure(&self.shown, &error, self.start))?;
                body.extend_from_slice(&bytes);
            }
            if body.len() as u64 > request.limit {
                return Err(HttpError::TooLarge { url: self.shown, limit: request.limit });
            }
        }
        let text = |(name, value): (&HeaderName, &HeaderValue)| {
            Some((name.as_str().to_string(), value.to_str().ok()?.to_string()))
        };
        let headers = head.headers.iter().filter_map(text).collect();
        Ok(Response { status: status.as_u16(), headers, body, url: self.shown })
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

/// Where a redirect leads; `None` when the answer is none.
fn redirect(answer: &AnswerHead, from: &Url) -> Result<Option<Url>, HttpError> {
    if !matches!(answer.status.as_u16(), 301 | 302 | 303 | 307 | 308) {
        return Ok(None);
    }
    let Some(location) = answer.headers.get(LOCATION) else { return Ok(None) };
    let text = String::from_utf8_lossy(location.as_bytes());
    let mut next = from
        .join(&text)
        .map_err(|error| HttpError::InvalidUrl { url: redact_url(&text), reason: error.to_string() })?;
    strip_user(&mut next);
    check_scheme(next).map(Some)
}

/// Whether trying again may help.
fn is_passing(error: &HttpError) -> bool {
    match error {
        HttpError::Connection { kind, .. } => *kind == ConnectionFailure::Broken,
        HttpError::Status { status, .. } => matches!(status, 500 | 502 | 503 | 504),
        _ => false,
    }
}

fn failure(shown: &str, error: &reqwest::Error, start: Instant) -> HttpError {
    let url = shown.to_string();
    if error.is_timeout() {
        return HttpError::Timeout { url, after: start.elapsed() };
    }
    let mut kind = if error.is_dns() { ConnectionFailure::Name } else { ConnectionFailure::Other };
    let mut source: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(cause) = source {
        if let Some(io) = cause.downcast_ref::<std::io::Error>() {
            match io.kind() {
                std::io::ErrorKind::TimedOut => {
                    return HttpError::Timeout { url, after: start.elapsed() };
                }
                std::io::ErrorKind::ConnectionRefused => kind = ConnectionFailure::Refused,
                std::io::ErrorKind::ConnectionReset
                | std::io::ErrorKind::ConnectionAborted
                | std::io::ErrorKind::BrokenPipe
                | std::io::ErrorKind::UnexpectedEof => kind = ConnectionFailure::Broken,
                _ => {
                    if let Some(reason) = tls_reason(io) {
                        return HttpError::Connection { url, kind: ConnectionFailure::Tls, reason };
                    }
                }
            }
        }
        if cause.is::<rustls::Error>() {
            kind = ConnectionFailure::Tls;
        }
        source = cause.source();
    }
    let reason = innermost(error);
    if kind == ConnectionFailure::Other && !error.is_connect() && reason.contains("connection closed") {
        kind = ConnectionFailure::Broken;
    }
    HttpError::Connection { url, kind, reason }
}

/// What TLS says, however many times it was wrapped as an error of the system.
fn tls_reason(error: &std::io::Error) -> Option<String> {
    use rustls::{AlertDescription, CertificateError, Error};
    let mut inner: &(dyn std::error::Error + Send + Sync + 'static) = error.get_ref()?;
    while let Some(io) = inner.downcast_ref::<std::io::Error>() {
        inner = io.get_ref()?;
    }
    Some(match inner.downcast_ref::<Error>()? {
        Error::InvalidCertificate(CertificateError::UnknownIssuer) => {
            "the server's certificate is signed by an unknown authority".to_string()
        }
        Error::InvalidCertificate(CertificateError::Expired | CertificateError::ExpiredContext { .. }) => {
            "the server's certificate has expired".to_string()
        }
        Error::AlertReceived(AlertDescription::CertificateRequired) => {
            "the server asks for a client certificate".to_string()
        }
        other => other.to_string(),
    })
}

/// A body that ended early, or came too slowly.
fn body_failure(shown: &str, error: &std::io::Error, start: Instant) -> HttpError {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<reqwest::Error>());
    if error.kind() == std::io::ErrorKind::TimedOut || inner.is_some_and(reqwest::Error::is_timeout) {
        return HttpError::Timeout { url: shown.to_string(), after: start.elapsed() };
    }
    let reason = match inner {
        Some(inner) => innermost(inner),
        None => error.to_string(),
    };
    let kind = ConnectionFailure::Broken;
    HttpError::Connection { url: shown.to_string(), kind, reason: format!("the answer broke off: {reason}") }
}

/// The last cause of an error: reqwest's own words say little, and may hold the URL with its secrets.
fn innermost(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    if std::ptr::eq(std::ptr::from_ref(cause).cast::<u8>(), std::ptr::from_ref(error).cast::<u8>()) {
        return if error.is_builder() { "unusable setting or certificate" } else { "request failed" }
            .to_string();
    }
    let text = cause.to_string();
    let text = text.split(" (os error").next().unwrap_or(&text);
    let mut letters = text.chars();
    letters.next().map_or(String::new(), |first| first.to_lowercase().chain(letters).collect())
}

fn pem(path: &Path) -> Result<Vec<u8>, HttpError> {
    fs::read(path, PEM_LIMIT)
        .map_err(|error| HttpError::TlsFile { path: path.to_path_buf(), reason: error.to_string() })
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
    fn base64_follows_the_rfc() {
        for (plain, coded) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg==")]
        {
            assert_eq!(base64(plain.as_bytes()), coded);
        }
    }

    #[test]
    fn percent_signs_decode_or_stay() {
        assert_eq!(percent_decode("a%2Bb%zz%2"), "a+b%zz%2");
        assert_eq!(percent_decode("%+1%00"), "%+1\0");
        assert_eq!(file_name("http://h/x/a%2B1.tgz?q").as_deref(), Some("a+1.tgz"));
        assert_eq!(file_name("http://h/"), None);
    }

    #[test]
    fn other_schemes_are_refused_before_anything_is_set_up() {
        let host = Host::of_process().unwrap();
        let http = Http::new(HttpOptions::new(&host));
        for url in ["file:///etc/passwd", "ftp://h/x", "oci://h/x"] {
            let error = http.get(url, &Request::new(1)).unwrap_err();
            assert!(matches!(error, HttpError::UnsupportedScheme { .. }), "{error}");
        }
        assert!(matches!(http.get("x", &Request::new(1)), Err(HttpError::InvalidUrl { .. })));
        assert!(http.clients.iter().all(|slot| slot.lock().unwrap().is_none()));
    }
}
