//! A conversation with one registry: who we are to it, its tokens, and when to ask again.
//!
//! ```text
//! request ─► 401 ─► Bearer ─► token service: GET with user and password (or nobody), POST with a refresh token ─► request
//!                └► Basic  ─► request with user and password
//!         ─► 408, 429, 5xx, a broken connection ─► wait (Retry-After) ─► request
//! ```
//!
//! Invariant: an `Authorization` header is only sent to the registry's own scheme, host and port; credentials besides to the
//! token service that it names, and there only as safely as to the registry.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use super::RegistryError;
use super::credentials::CredentialFiles;
use super::error::LOG_IN;
use crate::auth::challenge::{self, Bearer, Challenge};
use crate::auth::{AuthError, Login, PAUSES, TokenService, basic, details, passing, retry_after};
use crate::sys::http::{Call, CallMethod, Http, Response, same_origin};
use crate::sys::secret::redact_url;
use crate::sys::{Host, Secret};

/// Longest wait that a registry can ask for.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// Most bytes of an error that is read for its text.
pub(super) const ERROR_LIMIT: u64 = 64 << 10;

/// What is to be done, which decides the access that is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Action {
    /// Reading.
    Pull,
    /// Writing, which reads too.
    Push,
    /// Only saying who we are.
    Login,
}

impl Action {
    fn actions(self) -> &'static str {
        match self {
            Action::Pull => "pull",
            Action::Push => "pull,push",
            Action::Login => "",
        }
    }

    fn what(self, repository: &str) -> String {
        match self {
            Action::Pull => format!("read {repository}"),
            Action::Push => format!("write to {repository}"),
            Action::Login => LOG_IN.to_string(),
        }
    }
}

/// A request to a registry, without what authorizes it.
#[derive(Debug, Clone)]
pub(super) struct Ask<'a> {
    pub(super) method: CallMethod,
    pub(super) url: &'a str,
    pub(super) headers: &'a [(&'static str, &'a str)],
    pub(super) body: Vec<u8>,
    pub(super) limit: u64,
    /// Whether asking twice is the same as asking once.
    pub(super) again: bool,
}

impl<'a> Ask<'a> {
    /// Asks for a URL; an answer that is no success is read for its text.
    pub(super) fn get(url: &'a str, limit: u64) -> Self {
        let limit = limit.max(ERROR_LIMIT);
        Ask { method: CallMethod::Get, url, headers: &[], body: Vec::new(), limit, again: true }
    }
}

/// Who we are to a registry.
pub(super) enum Who<'a> {
    /// This one, or nobody.
    Is(Option<Login>),
    /// Whom the files with credentials name. They are read, and helpers asked, only when the registry wants to know: most
    /// let anybody read, and a helper may be missing or broken.
    Kept(CredentialFiles<'a>),
}

/// One repository of one registry.
pub(super) struct Session<'a> {
    host: &'a Host,
    http: Arc<Http>,
    /// `https://HOST`.
    pub(super) base: String,
    /// `HOST` or `HOST:PORT`.
    pub(super) registry: String,
    pub(super) repository: String,
    login: OnceLock<Option<Login>>,
    /// Where the login is looked for while it is not known.
    files: Option<CredentialFiles<'a>>,
    /// `Authorization` headers by action.
    known: Mutex<BTreeMap<Action, Secret>>,
}

impl<'a> Session<'a> {
    pub(super) fn new(
        host: &'a Host,
        http: Arc<Http>,
        plain_http: bool,
        registry: &str,
        repository: &str,
        who: Who<'a>,
    ) -> Self {
        let scheme = if plain_http { "http" } else { "https" };
        let base = format!("{scheme}://{}", domain(registry));
        let (registry, repository) = (registry.to_string(), repository.to_string());
        let (login, files) = match who {
            Who::Is(login) => (OnceLock::from(login), None),
            Who::Kept(files) => (OnceLock::new(), Some(files)),
        };
        Session { host, http, base, registry, repository, login, files, known: Mutex::default() }
    }

    /// Who we are to the registry, now that it asks.
    fn login(&self) -> Result<Option<&Login>, RegistryError> {
        if let (None, Some(files)) = (self.login.get(), &self.files) {
            let found = files.find(&self.registry)?;
            // Another thread may have found it, too.
            let _ = self.login.set(found);
        }
        Ok(self.login.get().and_then(Option::as_ref))
    }

    /// A URL of the repository: `manifests/1.0`, `blobs/sha256:…`.
    pub(super) fn url(&self, rest: &str) -> String {
        format!("{}/v2/{}/{rest}", self.base, self.repository)
    }

    /// Sends a request, with what authorizes it when the registry asks for that, and again when it may help.
    ///
    /// Returns any answer but 401 and 403.
    ///
    /// # Errors
    /// No answer, or access is refused.
    pub(super) fn send(&self, action: Action, ask: &Ask<'_>) -> Result<Response, RegistryError> {
        let mut pauses = PAUSES.iter();
        // The first is by what was learned; the second narrows to the very scope that the registry names.
        let mut challenges = 0;
        loop {
            let at_home = same_origin(ask.url, &self.base);
            let authorization = self.known(action).filter(|_| at_home);
            let answer = self.http.call(&Call {
                headers: ask.headers,
                authorization: authorization.as_ref(),
                body: ask.body.clone(),
                ..Call::new(ask.method, ask.url, ask.limit)
            });
            let wait = match &answer {
                Ok(answer) if answer.status == 401 && at_home && challenges < 2 => {
                    challenges += 1;
                    self.authenticate(action, answer, challenges > 1)?;
                    continue;
                }
                Ok(answer) if matches!(answer.status, 401 | 403) => {
                    return Err(self.refused(action, answer));
                }
                Ok(answer) => retry_after(answer, self.host),
                Err(error) => passing(error).then_some(Duration::ZERO),
            };
            let Some(wait) = wait.filter(|_| ask.again) else { return Ok(answer?) };
            let Some(pause) = pauses.next() else { return Ok(answer?) };
            if wait > LONGEST_PAUSE {
                return Ok(answer?);
            }
            self.http.pause(wait.max(*pause), &redact_url(ask.url))?;
        }
    }

    fn known(&self, action: Action) -> Option<Secret> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).get(&action).cloned()
    }

    fn refused(&self, action: Action, answer: &Response) -> RegistryError {
        self.refusal(action, answer.status, details(answer))
    }

    fn refusal(&self, action: Action, status: u16, details: String) -> RegistryError {
        RegistryError::Refused {
            host: self.registry.clone(),
            who: self
                .login
                .get()
                .and_then(Option::as_ref)
                .map_or_else(|| "anonymous users".to_string(), Login::who),
            what: action.what(&self.repository),
            status,
            details,
        }
    }

    /// Answers a challenge: finds out what authorizes the next request.
    fn authenticate(&self, action: Action, answer: &Response, exactly: bool) -> Result<(), RegistryError> {
        let header = match challenge::of(answer).map_err(|error| self.failed(error))? {
            Challenge::Bearer(bearer) => self.token(action, &bearer, exactly)?,
            Challenge::Basic => match self.login()? {
                Some(Login::Password(credentials)) if self.known(action).is_none() => {
                    basic(&credentials.username, &credentials.password)
                }
                _ => return Err(self.refused(action, answer)),
            },
        };
        self.known.lock().unwrap_or_else(PoisonError::into_inner).insert(action, header);
        Ok(())
    }

    /// Gets a token from the token service that a challenge names.
    fn token(&self, action: Action, bearer: &Bearer, exactly: bool) -> Result<Secret, RegistryError> {
        let scope = if exactly { bearer.scope.clone() } else { self.scope(action, &bearer.scope) };
        let service = TokenService { host: self.host, http: &self.http };
        let is_protected = self.base.starts_with("https://");
        let token = service.token(bearer, &scope, self.login()?, is_protected);
        token.map_err(|error| match error {
            AuthError::Refused { details, .. } => self.refusal(action, 401, details),
            other => self.failed(other),
        })
    }

    /// An error of the way to say who we are.
    fn failed(&self, error: AuthError) -> RegistryError {
        let host = self.registry.clone();
        match error {
            AuthError::Http(error) => error.into(),
            AuthError::Challenge { reason } => RegistryError::Challenge { host, reason },
            AuthError::InsecureRealm { realm } => RegistryError::InsecureRealm { host, realm },
            AuthError::Status { url, status, details } => {
                RegistryError::Status { doing: "GET", url, status, details }
            }
            AuthError::Answer { url, reason } => RegistryError::Answer { url, reason },
            AuthError::Refused { status, details } => self.refusal(Action::Login, status, details),
        }
    }

    /// The access to ask for. A challenge may ask for less than will be needed next.
    fn scope(&self, action: Action, asked: &str) -> String {
        if action == Action::Login || !(asked.is_empty() || asked.starts_with("repository:")) {
            return asked.to_string();
        }
        let named = asked.rsplit_once(':').map(|(named, _)| named.to_string());
        let named = named.unwrap_or_else(|| format!("repository:{}", self.repository));
        if asked.contains(' ') { asked.to_string() } else { format!("{named}:{}", action.actions()) }
    }
}

/// Where a registry listens: the public one has another name than its images.
fn domain(registry: &str) -> &str {
    if matches!(registry, "docker.io" | "index.docker.io") { "registry-1.docker.io" } else { registry }
}

/// The error of an answer that is no success.
pub(super) fn status(doing: &'static str, answer: &Response) -> RegistryError {
    RegistryError::Status { doing, url: answer.url.clone(), status: answer.status, details: details(answer) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::http::{Credentials, HttpOptions};

    fn session(plain_http: bool, login: Option<Login>) -> (Host, Arc<Http>, bool, Option<Login>) {
        let host = Host::of_process().unwrap();
        let http = Arc::new(Http::new(HttpOptions::new(&host)));
        (host, http, plain_http, login)
    }

    #[test]
    fn a_password_is_not_sent_to_a_token_service_without_tls() {
        let credentials = Credentials { username: "ann".into(), password: Secret::new("hunter2") };
        for login in [Login::Password(credentials), Login::Refresh(Secret::new("hunter2"))] {
            let (host, http, plain, login) = session(false, Some(login));
            let session = Session::new(&host, http, plain, "r.test", "a", Who::Is(login));
            let realm = "http://t.test/token?x=hunter2".to_string();
            let bearer = Bearer { realm, ..Bearer::default() };
            let error = session.token(Action::Pull, &bearer, false).unwrap_err();
            assert!(matches!(&error, RegistryError::InsecureRealm { .. }), "{error}");
            assert!(!error.to_string().contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn the_scope_is_what_is_needed() {
        let (host, http, plain, login) = session(true, None);
        let session = Session::new(&host, http, plain, "docker.io", "a/b", Who::Is(login));
        assert_eq!(session.url("x"), "http://registry-1.docker.io/v2/a/b/x");
        for (action, asked, scope) in [
            (Action::Push, "repository:a/b:pull", "repository:a/b:pull,push"),
            (Action::Push, "", "repository:a/b:pull,push"),
            (Action::Pull, "repository:proj/a/b:pull,push", "repository:proj/a/b:pull"),
            (Action::Pull, "registry:catalog:*", "registry:catalog:*"),
            (Action::Pull, "repository:a/b:pull repository:c:pull", "repository:a/b:pull repository:c:pull"),
            (Action::Login, "", ""),
        ] {
            assert_eq!(session.scope(action, asked), scope);
        }
    }
}
