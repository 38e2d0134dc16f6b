//! Who may do what.
//!
//! Invariant: with users, nothing but the probe `/health` is answered to anybody unknown, unless reading is open to all; what
//! was sent as a password is neither logged nor kept.

use super::htpasswd::{Check, Htpasswd};
use super::reply::Reply;
use super::request::Head;
use crate::data::base64;
use crate::repo::RepoError;
use crate::sys::{Host, Secret};

use super::ServeOptions;

/// The rules of a server.
pub(super) struct Access {
    users: Option<Htpasswd>,
    anonymous_get: bool,
}

impl Access {
    /// The rules that options ask for.
    ///
    /// # Errors
    /// The file of the users cannot be used.
    pub(super) fn open(host: &Host, options: &ServeOptions) -> Result<Self, RepoError> {
        let users =
            options.htpasswd.as_ref().map(|path| Htpasswd::open(&host.resolve(path), host)).transpose()?;
        Ok(Access { users, anonymous_get: options.anonymous_get })
    }

    /// Whether a request may be answered; otherwise what to answer.
    pub(super) fn check(&self, head: &Head) -> Result<(), Reply> {
        let Some(users) = &self.users else { return Ok(()) };
        let open = head.path == "/health" || (self.anonymous_get && head.method.only_reads());
        match basic(head) {
            Some((user, password)) => match users.check(&user, password.reveal()) {
                Check::Right => Ok(()),
                Check::Busy => Err(Reply::error(429)),
                Check::Wrong => Err(unknown()),
            },
            None if open => Ok(()),
            None => Err(unknown()),
        }
    }
}

fn unknown() -> Reply {
    Reply::json_error(401, "unauthorized")
        .with("WWW-Authenticate", "Basic realm=\"bowline\", charset=\"UTF-8\"")
}

/// The user and password of a request.
fn basic(head: &Head) -> Option<(String, Secret)> {
    let header = Secret::new(head.header("authorization")?);
    let (scheme, value) = header.reveal().split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let pair = Secret::new(String::from_utf8(base64::decode(value.trim())?).ok()?);
    let (user, password) = pair.reveal().split_once(':')?;
    Some((user.to_string(), Secret::new(password)))
}
