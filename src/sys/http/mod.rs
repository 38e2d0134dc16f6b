//! HTTP as a client.
//!
//! A request is a blocking call that returns a whole, bounded body. What the rest of the program may rely on:
//!
//! - Nothing happens before the first request: no thread, no TLS set-up, no reading of system roots. A plain `http://`
//!   request never sets up TLS at all.
//! - Time is bounded three ways: to connect, between two pieces of a body, and in total over all redirects and attempts.
//! - What passes is told to whoever watches ([`HttpOptions::watched`]), and ends soon after the watcher says to stop.
//! - Credentials go to the scheme, host and port of the first URL only, unless the caller asks for more; a redirect to
//!   another place loses them.
//! - `file://` and every other scheme but `http` and `https` are refused, also as the target of a redirect.
//! - GET and HEAD are idempotent, and are tried again (twice at most) when a connection breaks or a server answers 429
//!   or 5xx, not before the seconds of its `Retry-After` are over; one that asks for more than a minute is not asked again.
//! - A [`Call`] is sent once, and any status is an answer: only the caller knows what sending it twice would do. Redirects
//!   are followed for GET and HEAD alone, without `Authorization` where they lead elsewhere.
//!
//! Trust: the roots of the system (the platform's verifier), plus those of [`HttpOptions::ca_file`]. Proxies come from
//! `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY` of the host's environment in either case, as Go reads them: the machine
//! itself (`localhost`, loopback addresses) is never reached through a proxy.
//!
//! The user agent is `Helm/4.3 (bowline/VERSION)`: repositories that sniff for Helm let us in, and logs tell who it was.

mod address;
mod call;
mod error;
mod exchange;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use reqwest::ClientBuilder;
use reqwest::blocking::Client;
use reqwest::header::{
    ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, ETAG, HeaderMap, HeaderValue, IF_NONE_MATCH, LOCATION,
};
use reqwest::{Certificate, Identity, Method, NoProxy, Proxy, Url};

pub use address::{file_name, follow, join, percent_decode, percent_encode, same_origin};
pub use call::{Call, Method as CallMethod};
pub use error::{ConnectionFailure, HttpError};

use error::{innermost, passes_after};
use exchange::{AnswerHead, Exchange};

use super::secret::redact_url;
use super::transfers::{Direction, Watched};
use super::{Host, Secret, fs};

/// What this program calls itself.
pub const USER_AGENT: &str = concat!("Helm/4.3 (bowline/", env!("CARGO_PKG_VERSION"), ")");
/// Most redirects that are followed for one request (Go's number).
const MOST_REDIRECTS: usize = 10;
/// Waits before the second and the third attempt.
const PAUSES: [Duration; 2] = [Duration::from_millis(100), Duration::from_millis(400)];
/// Longest wait before another attempt that a server can ask for.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// Largest certificate or key file, in bytes.
const PEM_LIMIT: u64 = 4 << 20;

/// A client that is not waited for; see [`Http::streaming`].
pub type AsyncClient = reqwest::Client;

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
    /// Who is told of the bytes that pass.
    pub watched: Watched,
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
            watched: host.watched.clone(),
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
    /// An `Authorization` header that goes where the credentials would, and in their place.
    pub authorization: Option<Secret>,
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
            authorization: None,
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

    /// Sends a JSON text, once, and returns the answer whatever its status: a body of at most `limit` bytes. `token`
    /// becomes the `Authorization` header as it is.
    ///
    /// # Errors
    /// As [`Http::call`].
    pub fn post(
        &self,
        url: &str,
        json: Vec<u8>,
        token: Option<&Secret>,
        limit: u64,
    ) -> Result<Response, HttpError> {
        self.call(&Call {
            headers: &[("content-type", "application/json")],
            authorization: token,
            body: json,
            ..Call::new(CallMethod::Post, url, limit)
        })
    }

    fn send(&self, method: &Method, url: &str, request: &Request) -> Result<Response, HttpError> {
        let start = Instant::now();
        let mut target = parse(url)?;
        let credentials = request.credentials.clone().or_else(|| user_information(&target));
        strip_user(&mut target);
        let mut pauses = PAUSES.iter();
        loop {
            let answer = self.follow(method, target.clone(), request, credentials.as_ref(), start);
            let Err(failure) = &answer else { return answer };
            let Some((wait, pause)) = passes_after(failure).zip(pauses.next()) else { return answer };
            let wait = wait.max(*pause);
            if wait > LONGEST_PAUSE || start.elapsed() + wait >= self.options.total_timeout {
                return answer;
            }
            self.pause(wait, &redact_url(target.as_str()))?;
        }
    }

    /// Waits before the next attempt, unless the user asks to stop. `shown` is the URL as it may be shown.
    ///
    /// # Errors
    /// [`HttpError::Interrupted`].
    pub fn pause(&self, wait: Duration, shown: &str) -> Result<(), HttpError> {
        const BEAT: Duration = Duration::from_millis(100);
        let began = Instant::now();
        while let Some(left) = wait.checked_sub(began.elapsed()) {
            if self.options.watched.is_stopped() {
                return Err(HttpError::Interrupted { url: shown.to_string() });
            }
            std::thread::sleep(left.min(BEAT));
        }
        Ok(())
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
            let headers = headers_of(request, may_know, credentials)?;
            let client = self.client(url.scheme() == "https", request.compressed)?;
            let asked = client.request(method.clone(), url.clone()).headers(headers).timeout(remaining);
            let moving = self.options.watched.begin(&shown, Direction::Down, None);
            let mut exchange = Exchange::start(asked, shown, start, &self.options, Arc::new(moving))?;
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
        let client =
            self.build(tls, compressed, |builder| reqwest::blocking::ClientBuilder::from(builder).build())?;
        *slot = Some(client.clone());
        Ok(client)
    }

    /// A client for those who wait by themselves and bound what they read, as the clients of services do that have a
    /// protocol of their own. It knows TLS, and compresses nothing.
    ///
    /// # Errors
    /// The options cannot be used.
    pub fn streaming(&self) -> Result<AsyncClient, HttpError> {
        self.build(true, false, |builder| builder.read_timeout(self.options.idle_timeout).build())
    }

    fn build<C>(
        &self,
        tls: bool,
        compressed: bool,
        finish: impl Fn(ClientBuilder) -> reqwest::Result<C>,
    ) -> Result<C, HttpError> {
        // Fails only when a provider is installed already, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let setup = |error: reqwest::Error| HttpError::Setup { reason: innermost(&error) };
        if !tls {
            return finish(self.builder(compressed)?.tls_certs_only([])).map_err(setup);
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
        finish(with_tls()?.tls_certs_merge(roots.clone())).or_else(|_| {
            // A machine without any root certificate: only what the caller named can be trusted, and a server that is
            // not is told so in the handshake.
            finish(with_tls()?.tls_certs_only(roots)).map_err(setup)
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

/// The headers of a request to a place that may or may not know who asks.
fn headers_of(
    request: &Request,
    may_know: bool,
    credentials: Option<&Credentials>,
) -> Result<HeaderMap, HttpError> {
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
    let authorization = request.authorization.clone().or_else(|| {
        let Credentials { username, password } = credentials?;
        let pair = Secret::new(format!("{username}:{}", password.reveal()));
        Some(Secret::new(format!("Basic {}", base64(pair.reveal().as_bytes()))))
    });
    if let Some(secret) = authorization.filter(|_| may_know) {
        let mut value = HeaderValue::from_str(secret.reveal())
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

fn pem(path: &Path) -> Result<Vec<u8>, HttpError> {
    fs::read(path, PEM_LIMIT)
        .map_err(|error| HttpError::TlsFile { path: path.to_path_buf(), reason: error.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_follows_the_rfc() {
        for (plain, coded) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg==")]
        {
            assert_eq!(base64(plain.as_bytes()), coded);
        }
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
