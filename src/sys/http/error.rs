//! Why a request failed, and what reqwest's errors mean.
//!
//! Invariant: no text holds a URL with its secrets: URLs come in as they may be shown, and of reqwest's errors only the
//! innermost cause is used, which has none.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::MOST_REDIRECTS;

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
    #[error("Get {url:?}: timed out after {} s", after.as_secs_f32().max(1.0).round())]
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
        /// How it wants to be told who asks: the values of its `WWW-Authenticate` headers.
        challenges: Vec<String>,
        /// How many seconds it wants to be left alone (`Retry-After`); the most that fit stand for more.
        retry_after: Option<u16>,
    },
    /// A server wants a token, and the token service that it names gives none.
    #[error("failed to fetch {url} : no token for it: {reason}")]
    NoToken {
        /// The URL as shown.
        url: String,
        /// Why, without any secret.
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
    /// The user asked to stop before the answer was there.
    #[error("Get {url:?}: interrupted")]
    Interrupted {
        /// The URL as shown.
        url: String,
    },
    /// The server sends the client round in circles.
    #[error("Get {url:?}: stopped after {MOST_REDIRECTS} redirects")]
    TooManyRedirects {
        /// The URL as shown.
        url: String,
    },
}

impl HttpError {
    /// Whether the server cannot have seen the request: nobody listened, the name is not known, TLS was not agreed on, or
    /// the request could not even be made.
    pub fn was_not_sent(&self) -> bool {
        match self {
            HttpError::InvalidUrl { .. }
            | HttpError::UnsupportedScheme { .. }
            | HttpError::TlsFile { .. }
            | HttpError::Setup { .. } => true,
            HttpError::Connection { kind, .. } => {
                use ConnectionFailure::{Name, NotTls, Refused, Tls};
                matches!(kind, Refused | Name | Tls | NotTls)
            }
            _ => false,
        }
    }
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
    /// What answers does not speak TLS.
    NotTls,
    /// The connection ended before the answer did.
    Broken,
    /// Anything else.
    Other,
}

/// How the reason of an answer begins that came in part.
const BROKE_OFF: &str = "the answer broke off";

impl crate::diag::Hint for HttpError {
    fn hints(&self) -> Vec<String> {
        let hint = match self {
            HttpError::Connection { kind: ConnectionFailure::Tls, reason, .. }
                if reason.ends_with("a client certificate") =>
            {
                "give one with --cert-file and --key-file"
            }
            // The alert that says so may be lost with the connection.
            HttpError::Connection { kind: ConnectionFailure::Broken, url, reason }
                if url.starts_with("https://") && !reason.starts_with(BROKE_OFF) =>
            {
                "a server that asks for a client certificate may end the connection like that: give one with \
                 --cert-file and --key-file"
            }
            HttpError::Connection { kind: ConnectionFailure::NotTls, .. } => {
                "write http:// instead of https://"
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
            HttpError::Status { status: 401 | 403, .. } | HttpError::NoToken { .. } => {
                "give credentials with --username and --password-stdin"
            }
            HttpError::UnsupportedScheme { scheme } if scheme == "oci" => {
                "a registry needs no `repo add`: name the chart in full, as in `bowline pull oci://HOST/PATH/CHART`"
            }
            HttpError::UnsupportedScheme { .. } => {
                "an address starts with http:// or https://; a folder of archives is served by `bowline serve FOLDER`"
            }
            HttpError::Status { status: 429, .. } => {
                "the server limits how much may be asked for: wait a while, or give credentials"
            }
            HttpError::Status { status: 407, .. } => "put the proxy's user and password into HTTPS_PROXY",
            _ => return Vec::new(),
        };
        vec![hint.to_string()]
    }
}

/// How long to wait at least before trying again, when that may help.
pub(super) fn passes_after(error: &HttpError) -> Option<Duration> {
    match error {
        HttpError::Connection { kind, .. } => (*kind == ConnectionFailure::Broken).then_some(Duration::ZERO),
        HttpError::Status { status, retry_after, .. } => {
            let wait = Duration::from_secs(retry_after.unwrap_or(0).into());
            matches!(status, 429 | 500 | 502 | 503 | 504).then_some(wait)
        }
        _ => None,
    }
}

pub(super) fn failure(shown: &str, error: &reqwest::Error, start: Instant) -> HttpError {
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
                    if let Some((kind, reason)) = tls_reason(io) {
                        return HttpError::Connection { url, kind, reason };
                    }
                }
            }
        }
        if cause.is::<rustls::Error>() {
            kind = ConnectionFailure::Tls;
        }
        source = cause.source();
    }
    let mut reason = innermost(error);
    // Over HTTP/2 only the words of TLS get here.
    if let Some(alert) = reason.strip_prefix("received fatal alert: ") {
        kind = ConnectionFailure::Tls;
        reason = alert_reason(alert).map_or(reason.clone(), str::to_string);
    }
    if kind == ConnectionFailure::Other && !error.is_connect() && reason.contains("connection closed") {
        kind = ConnectionFailure::Broken;
    }
    HttpError::Connection { url, kind, reason }
}

/// What a server means by an alert, by rustls's name of it.
fn alert_reason(alert: &str) -> Option<&'static str> {
    match alert {
        "CertificateRequired" => Some("the server asks for a client certificate"),
        // What servers in Go say of none, too.
        "BadCertificate" => Some("the server does not accept what it got as a client certificate"),
        _ => None,
    }
}

/// What TLS says, however many times it was wrapped as an error of the system.
fn tls_reason(error: &std::io::Error) -> Option<(ConnectionFailure, String)> {
    use rustls::{CertificateError, Error, InvalidMessage};
    let mut inner: &(dyn std::error::Error + Send + Sync + 'static) = error.get_ref()?;
    while let Some(io) = inner.downcast_ref::<std::io::Error>() {
        inner = io.get_ref()?;
    }
    let told = match inner.downcast_ref::<Error>()? {
        Error::InvalidMessage(InvalidMessage::InvalidContentType) => {
            return Some((ConnectionFailure::NotTls, "the server does not speak TLS".to_string()));
        }
        Error::InvalidCertificate(CertificateError::UnknownIssuer) => {
            "the server's certificate is signed by an unknown authority".to_string()
        }
        Error::InvalidCertificate(CertificateError::Expired | CertificateError::ExpiredContext { .. }) => {
            "the server's certificate has expired".to_string()
        }
        Error::AlertReceived(alert) => {
            let name = format!("{alert:?}");
            alert_reason(&name).map_or_else(|| format!("received fatal alert: {name}"), str::to_string)
        }
        other => other.to_string(),
    };
    Some((ConnectionFailure::Tls, told))
}

/// A body that ended early, or came too slowly.
pub(super) fn body_failure(shown: &str, error: &std::io::Error, start: Instant) -> HttpError {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<reqwest::Error>());
    if error.kind() == std::io::ErrorKind::TimedOut || inner.is_some_and(reqwest::Error::is_timeout) {
        return HttpError::Timeout { url: shown.to_string(), after: start.elapsed() };
    }
    let reason = match inner {
        Some(inner) => innermost(inner),
        None => error.to_string(),
    };
    let kind = ConnectionFailure::Broken;
    HttpError::Connection { url: shown.to_string(), kind, reason: format!("{BROKE_OFF}: {reason}") }
}

/// The last cause of an error: reqwest's own words say little, and may hold the URL with its secrets.
pub(super) fn innermost(error: &reqwest::Error) -> String {
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
