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
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::Deserialize;

use super::RegistryError;
use super::challenge::{self, Bearer, Challenge};
use super::credentials::Login;
use super::error::LOG_IN;
use crate::data::base64;
use crate::data::time::{Time, Zone};
use crate::package::media;
use crate::sys::http::{
    Call, CallMethod, ConnectionFailure, Http, HttpError, Response, percent_encode, same_origin,
};
use crate::sys::secret::redact_url;
use crate::sys::{Host, Secret};

/// Waits before the second and further attempts.
const PAUSES: [Duration; 4] =
    [Duration::from_millis(200), Duration::from_millis(800), Duration::from_secs(2), Duration::from_secs(5)];
/// Longest wait that a registry can ask for.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// Largest answer of a token service, in bytes.
const TOKEN_LIMIT: u64 = 1 << 20;
/// Longest token, in bytes: servers take no longer headers.
const LONGEST_TOKEN: usize = 64 << 10;
/// Most bytes of an error that is read for its text.
pub(super) const ERROR_LIMIT: u64 = 64 << 10;
/// What the program is called by token services.
const CLIENT_ID: &str = "bowline";

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

/// One repository of one registry.
pub(super) struct Session<'a> {
    host: &'a Host,
    http: Arc<Http>,
    /// `https://HOST`.
    pub(super) base: String,
    /// `HOST` or `HOST:PORT`.
    pub(super) registry: String,
    pub(super) repository: String,
    login: Option<Login>,
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
        login: Option<Login>,
    ) -> Self {
        let scheme = if plain_http { "http" } else { "https" };
        let base = format!("{scheme}://{}", domain(registry));
        let (registry, repository) = (registry.to_string(), repository.to_string());
        Session { host, http, base, registry, repository, login, known: Mutex::default() }
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
            std::thread::sleep(wait.max(*pause));
        }
    }

    fn known(&self, action: Action) -> Option<Secret> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).get(&action).cloned()
    }

    fn refused(&self, action: Action, answer: &Response) -> RegistryError {
        RegistryError::Refused {
            host: self.registry.clone(),
            who: self.login.as_ref().map_or_else(|| "anonymous users".to_string(), Login::who),
            what: action.what(&self.repository),
            status: answer.status,
            details: details(answer),
        }
    }

    /// Answers a challenge: finds out what authorizes the next request.
    fn authenticate(&self, action: Action, answer: &Response, exactly: bool) -> Result<(), RegistryError> {
        let header = match challenge::of(answer, &self.registry)? {
            Challenge::Bearer(bearer) => self.token(action, &bearer, exactly)?,
            Challenge::Basic => match &self.login {
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
        let unsafe_realm = !bearer.realm.starts_with("https://") && self.base.starts_with("https://");
        let insecure =
            || RegistryError::InsecureRealm { host: self.registry.clone(), realm: redact_url(&bearer.realm) };
        let answer = match &self.login {
            Some(Login::Bearer(token)) => return Ok(Secret::new(format!("Bearer {}", token.reveal()))),
            Some(_) if unsafe_realm => return Err(insecure()),
            Some(Login::Refresh(token)) => {
                let grant = [("grant_type", "refresh_token"), ("refresh_token", token.reveal())];
                self.post_for_token(bearer, &scope, &grant)?
            }
            Some(Login::Password(credentials)) => {
                let header = basic(&credentials.username, &credentials.password);
                let answer = self.get_token(bearer, &scope, Some(&header))?;
                // Services that speak OAuth2 alone have no GET.
                if matches!(answer.status, 404 | 405) {
                    let grant = [
                        ("grant_type", "password"),
                        ("username", credentials.username.as_str()),
                        ("password", credentials.password.reveal()),
                    ];
                    self.post_for_token(bearer, &scope, &grant)?
                } else {
                    answer
                }
            }
            None => self.get_token(bearer, &scope, None)?,
        };
        if matches!(answer.status, 400 | 401 | 403) {
            let error = self.refused(action, &answer);
            return Err(match error {
                RegistryError::Refused { host, who, what, details, .. } => {
                    RegistryError::Refused { host, who, what, status: 401, details }
                }
                other => other,
            });
        }
        read_token(&answer)
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

    fn get_token(
        &self,
        bearer: &Bearer,
        scope: &str,
        authorization: Option<&Secret>,
    ) -> Result<Response, RegistryError> {
        let mut url = bearer.realm.clone();
        let mut separator = if url.contains('?') { '&' } else { '?' };
        for (name, value) in [("service", bearer.service.as_str()), ("scope", scope)] {
            // A scope may be a list.
            for value in value.split(' ').filter(|value| !value.is_empty()) {
                url.push_str(&format!("{separator}{name}={}", percent_encode(value)));
                separator = '&';
            }
        }
        self.ask_for_token(&Call { authorization, ..Call::new(CallMethod::Get, &url, TOKEN_LIMIT) })
    }

    fn post_for_token(
        &self,
        bearer: &Bearer,
        scope: &str,
        grant: &[(&str, &str)],
    ) -> Result<Response, RegistryError> {
        let fixed = [("service", bearer.service.as_str()), ("client_id", CLIENT_ID), ("scope", scope)];
        let form: Vec<String> = grant
            .iter()
            .chain(&fixed)
            .map(|(name, value)| format!("{name}={}", percent_encode(value)))
            .collect();
        self.ask_for_token(&Call {
            headers: &[("content-type", "application/x-www-form-urlencoded")],
            body: form.join("&").into_bytes(),
            ..Call::new(CallMethod::Post, &bearer.realm, TOKEN_LIMIT)
        })
    }

    /// Asks a token service, again when it may help: handing out a token changes nothing.
    fn ask_for_token(&self, call: &Call<'_>) -> Result<Response, RegistryError> {
        let mut pauses = PAUSES.iter();
        loop {
            let answer = self.http.call(call);
            let wait = match &answer {
                Ok(answer) => retry_after(answer, self.host),
                Err(error) => passing(error).then_some(Duration::ZERO),
            };
            match (wait.filter(|wait| *wait <= LONGEST_PAUSE), pauses.next()) {
                (Some(wait), Some(pause)) => std::thread::sleep(wait.max(*pause)),
                _ => return Ok(answer?),
            }
        }
    }
}

/// Where a registry listens: the public one has another name than its images.
fn domain(registry: &str) -> &str {
    if matches!(registry, "docker.io" | "index.docker.io") { "registry-1.docker.io" } else { registry }
}

fn basic(username: &str, password: &Secret) -> Secret {
    Secret::new(format!("Basic {}", base64::encode(format!("{username}:{}", password.reveal()))))
}

fn read_token(answer: &Response) -> Result<Secret, RegistryError> {
    #[derive(Deserialize)]
    struct Granted {
        #[serde(default)]
        token: String,
        #[serde(default)]
        access_token: String,
    }
    let bad = |reason: &str| RegistryError::Answer { url: answer.url.clone(), reason: reason.to_string() };
    if answer.status != 200 {
        return Err(status("GET", answer));
    }
    // The parser's own text could show a piece of the token.
    let granted: Granted =
        serde_json::from_slice(&answer.body).map_err(|_| bad("the token service's answer is no token"))?;
    let token = if granted.token.is_empty() { granted.access_token } else { granted.token };
    if token.is_empty() || token.len() > LONGEST_TOKEN || !token.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(bad("the token service's answer holds no token that can be sent"));
    }
    Ok(Secret::new(format!("Bearer {token}")))
}

/// How long to wait when asking again may help; `None` when it will not.
fn retry_after(answer: &Response, host: &Host) -> Option<Duration> {
    if !matches!(answer.status, 408 | 429 | 500 | 502 | 503 | 504) {
        return None;
    }
    let Some(text) = answer.header("retry-after") else { return Some(Duration::ZERO) };
    let seconds = text.trim().parse::<u64>().ok().or_else(|| {
        let until = Time::parse("Mon, 02 Jan 2006 15:04:05 GMT", text.trim(), &Zone::Utc).ok()?;
        let now = Time::from_system(host.now(), Zone::Utc);
        Some((until.unix() - now.unix()).max(0) as u64)
    });
    Some(Duration::from_secs(seconds.unwrap_or(0)))
}

/// Whether a request that got no answer may get one the next time.
pub(super) fn passing(error: &HttpError) -> bool {
    matches!(error, HttpError::Connection { kind: ConnectionFailure::Broken, .. })
}

/// The error of an answer that is no success.
pub(super) fn status(doing: &'static str, answer: &Response) -> RegistryError {
    RegistryError::Status { doing, url: answer.url.clone(), status: answer.status, details: details(answer) }
}

/// What a registry says about an error: `CODE: message; …`, or the start of a text.
fn details(answer: &Response) -> String {
    #[derive(Deserialize)]
    struct Errors {
        #[serde(default)]
        errors: Vec<One>,
        #[serde(default)]
        details: String,
    }
    #[derive(Deserialize)]
    struct One {
        #[serde(default)]
        code: String,
        #[serde(default)]
        message: String,
    }
    /// Most characters of it that are shown.
    const MOST: usize = 300;
    let text = match serde_json::from_slice::<Errors>(&answer.body) {
        Ok(errors) if !errors.errors.is_empty() => {
            let told = errors.errors.into_iter().map(|one| match (one.code.as_str(), one.message.as_str()) {
                (code, "") => code.to_string(),
                ("", message) => message.to_string(),
                (code, message) => format!("{code}: {message}"),
            });
            told.collect::<Vec<_>>().join("; ")
        }
        Ok(errors) => errors.details,
        Err(_) => {
            let kind = answer.header("content-type").unwrap_or_default();
            let is_text = kind.starts_with("text/plain") || kind.starts_with(media::BYTES);
            if is_text { String::from_utf8_lossy(&answer.body).into_owned() } else { String::new() }
        }
    };
    let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(MOST).collect();
    line.trim().to_string()
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
            let session = Session::new(&host, http, plain, "r.test", "a", login);
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
        let session = Session::new(&host, http, plain, "docker.io", "a/b", login);
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

    #[test]
    fn waits_are_read_as_seconds_or_dates() {
        let host = Host { clock: crate::sys::Clock::Still(784_111_770), ..Host::of_process().unwrap() };
        let answer = |status: u16, header: Option<&str>| Response {
            status,
            headers: header.map(|text| ("retry-after".to_string(), text.to_string())).into_iter().collect(),
            body: Vec::new(),
            url: String::new(),
        };
        for (status, header, wait) in [
            (200, Some("5"), None),
            (404, None, None),
            (429, Some("5"), Some(5)),
            (503, Some("Sun, 06 Nov 1994 08:49:37 GMT"), Some(7)),
            (503, Some("Sun, 06 Nov 1994 08:00:00 GMT"), Some(0)),
            (500, Some("soon"), Some(0)),
            (502, None, Some(0)),
        ] {
            let found = retry_after(&answer(status, header), &host);
            assert_eq!(found, wait.map(Duration::from_secs), "{status} {header:?}");
        }
    }
}
