//! Why nobody can say who asks.
//!
//! Invariant: no text holds a password, a token or a URL with one.

use crate::sys::http::HttpError;

/// An error of the conversation with a token service.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AuthError {
    /// The token service gives no answer.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// The server asks for a way to authenticate that is not known here.
    #[error("it asks for a way to authenticate that is not known: {reason}")]
    Challenge {
        /// What it asks for.
        reason: String,
    },
    /// Credentials for a server with TLS would go to a token service without it.
    #[error("the token service {realm} is not protected by TLS; no credentials were sent")]
    InsecureRealm {
        /// The token service as shown.
        realm: String,
    },
    /// The token service does not accept who asks.
    #[error("the token service refuses: {status}{}", told(details))]
    Refused {
        /// 400, 401 or 403.
        status: u16,
        /// What it says about it.
        details: String,
    },
    /// The token service answers with something else than success.
    #[error("the token service answers {status}{}", told(details))]
    Status {
        /// The URL as shown.
        url: String,
        /// The status code.
        status: u16,
        /// What it says about it.
        details: String,
    },
    /// The answer is not what the protocol says.
    #[error("{reason}")]
    Answer {
        /// The URL as shown.
        url: String,
        /// What is wrong, with what the answer looks like.
        reason: String,
    },
}

fn told(details: &str) -> String {
    if details.is_empty() { String::new() } else { format!(": {details}") }
}
