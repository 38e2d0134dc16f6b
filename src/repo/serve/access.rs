//! Who may do what.
//!
//! A client is known by a password (of the file with the users) or by a token. Tokens say what they give access to; what a
//! password gives access to, the rules say, or without rules everything. What is open to all needs neither.
//!
//! Invariant: with users or tokens, nothing but the probe `/health` is answered to anybody unknown, unless reading is open to
//! all or a rule says so; what was sent as a password or a token is neither logged nor kept.

use std::net::IpAddr;

use super::ServeOptions;
use super::guesses::Guesses;
use super::htpasswd::{Check, Htpasswd};
use super::issuer::{Issuer, seconds};
use super::options::{TokenOptions, watch};
use super::reply::Reply;
use super::request::Head;
use super::rules::{Rules, Who};
use super::scopes::{self, Need, Scope, Thing};
use super::tokens::Tokens;
use crate::data::base64;
use crate::repo::RepoError;
use crate::sys::fresh::Fresh;
use crate::sys::{Clock, Host, Secret};

/// The challenge for a password.
pub(super) const BASIC: &str = "Basic realm=\"bowline\", charset=\"UTF-8\"";

/// The rules of a server.
pub(super) struct Access {
    users: Option<Htpasswd>,
    rules: Option<Fresh<Rules>>,
    tokens: Option<Tokens>,
    issuer: Option<Issuer>,
    /// URL of the token service; `None` for `/token` at the address that a client asked.
    realm: Option<String>,
    anonymous_get: bool,
    guesses: Guesses,
    /// How many parts a tenant has.
    depth: usize,
    scheme: &'static str,
    clock: Clock,
}

/// Who asks, as far as that decides over what it gets.
pub(super) enum Asker {
    /// Somebody at a server without users and tokens: everything is open.
    Anybody,
    /// A user, or somebody who is none.
    User(Option<String>),
    /// Whoever has a token that gives access to this.
    Token(Vec<Scope>),
}

/// What a client says about itself.
pub(super) enum Given {
    Nobody,
    Password(String, Secret),
    Token(Secret),
}

impl Access {
    /// The rules that options ask for.
    ///
    /// # Errors
    /// A file with users, rules or keys cannot be used.
    pub(super) fn open(host: &Host, options: &ServeOptions) -> Result<Self, RepoError> {
        let warnings = || options.warnings.clone();
        let users =
            options.htpasswd.as_ref().map(|path| Htpasswd::open(host.resolve(path), host, warnings()));
        let rules = options.access.as_ref().map(|path| watch(host.resolve(path), Rules::read, warnings()));
        let issuer = options.tokens.as_ref().map(|tokens| Issuer::open(host, tokens)).transpose()?.flatten();
        let (tokens, realm) = match &options.tokens {
            None => (None, None),
            Some(TokenOptions::Of { realm, service, issuer, keys }) => {
                let tokens = Tokens::of_another(host.resolve(keys), service, issuer, warnings())?;
                (Some(tokens), Some(realm.clone()))
            }
            Some(TokenOptions::Own { realm, .. }) => {
                let at =
                    (!options.url.is_empty()).then(|| format!("{}/token", options.url.trim_end_matches('/')));
                (issuer.as_ref().map(Issuer::tokens), realm.clone().or(at))
            }
        };
        Ok(Access {
            users: users.transpose()?,
            rules: rules.transpose()?,
            tokens,
            issuer,
            realm,
            anonymous_get: options.anonymous_get,
            guesses: Guesses::default(),
            depth: options.depth,
            scheme: if options.tls.is_some() { "https" } else { "http" },
            clock: host.clock.clone(),
        })
    }

    /// What signs tokens here.
    pub(super) fn issuer(&self) -> Option<&Issuer> {
        self.issuer.as_ref()
    }

    /// URL of the token service as the options say it.
    pub(super) fn realm(&self) -> Option<&str> {
        self.realm.as_deref()
    }

    /// Who asks, if the request may be answered; otherwise what to answer.
    pub(super) fn check(&self, head: &Head, peer: IpAddr) -> Result<Asker, Reply> {
        if self.users.is_none() && self.tokens.is_none() {
            return Ok(Asker::Anybody);
        }
        let need = scopes::needed(head, self.depth);
        if need == Need::Nothing {
            return Ok(Asker::User(None));
        }
        let given = Given::of(head);
        if let (Given::Token(token), Some(tokens)) = (&given, &self.tokens) {
            return self.check_token(head, &need, tokens, token.reveal());
        }
        let user = self.user(&given, peer).map_err(|refusal| match refusal.status {
            401 => self.ask(head, &need, None),
            _ => refusal,
        })?;
        let is_user = user.is_some();
        let asker = Asker::User(user);
        let is_allowed = match &need {
            Need::Nothing => true,
            Need::Door | Need::Entry if is_user => true,
            // Clients learn here where tokens come from, those of everybody, too.
            Need::Door if self.tokens.is_some() => false,
            Need::Door | Need::Entry => head.method.only_reads() && self.has_open(),
            Need::Scope(scope) => self.may(&asker, scope),
        };
        match (is_allowed, is_user) {
            (true, _) => Ok(asker),
            (false, false) => Err(self.ask(head, &need, None)),
            (false, true) => Err(forbidden(head)),
        }
    }

    fn check_token(&self, head: &Head, need: &Need, tokens: &Tokens, token: &str) -> Result<Asker, Reply> {
        let Some(access) = tokens.access(token, seconds(&self.clock)) else {
            return Err(self.ask(head, need, Some("invalid_token")));
        };
        let asker = Asker::Token(access);
        match need {
            Need::Scope(scope) if !self.may(&asker, scope) => {
                Err(self.ask(head, need, Some("insufficient_scope")))
            }
            _ => Ok(asker),
        }
    }

    /// Whether somebody who was let in may do all of a scope.
    pub(super) fn may(&self, asker: &Asker, scope: &Scope) -> bool {
        match (asker, &self.tokens) {
            (Asker::Anybody, _) => true,
            (Asker::User(user), _) => self.allows(user.as_deref(), scope, true),
            (Asker::Token(access), Some(tokens)) if tokens.is_enough(access, scope) => true,
            (Asker::Token(_), _) => self.allows(None, scope, true),
        }
    }

    /// The user that a client is; `None` for nobody.
    ///
    /// # Errors
    /// The answer to a password that is wrong (401) or cannot be looked at now (429).
    pub(super) fn user(&self, given: &Given, peer: IpAddr) -> Result<Option<String>, Reply> {
        let unauthorized = || Reply::json_error(401, "unauthorized");
        let (user, password) = match given {
            Given::Nobody => return Ok(None),
            Given::Token(_) => return Err(unauthorized()),
            Given::Password(user, password) => (user, password),
        };
        let users = self.users.as_ref().ok_or_else(unauthorized)?;
        // Whoever is known guesses at nothing, however much others at the same address guess.
        if users.remembers(user, password.reveal()) {
            return Ok(Some(user.clone()));
        }
        if let Some(seconds) = self.guesses.wait(peer, user) {
            return Err(Reply::json_error(429, "too many wrong passwords").retry_after(seconds));
        }
        match users.check(user, password.reveal()) {
            Check::Right => {
                self.guesses.right(peer, user);
                Ok(Some(user.clone()))
            }
            Check::Busy => Err(Reply::error(429)),
            Check::Wrong => {
                self.guesses.wrong(peer, user);
                Err(unauthorized())
            }
        }
    }

    /// What changes with a user's password; `None` for somebody who is no user.
    pub(super) fn state(&self, user: &str) -> Option<String> {
        Some(self.users.as_ref()?.state(user)?.hex())
    }

    /// Whether there is anything for those who are no users.
    pub(super) fn has_open(&self) -> bool {
        self.anonymous_get || self.rules.as_ref().is_some_and(|rules| rules.now().have_open())
    }

    /// As much of a scope as somebody may have; `None` when that is nothing. `own` says whether it is about this server's
    /// charts or those of another registry.
    pub(super) fn granted(&self, user: Option<&str>, scope: &Scope, own: bool) -> Option<Scope> {
        let mut granted = scope.clone();
        granted.actions.retain(|action| {
            let one = Scope::new(&scope.kind, &scope.name, &[action.as_str()]);
            self.allows(user, &one, own)
        });
        (!granted.actions.is_empty()).then_some(granted)
    }

    /// Whether somebody may do all of a scope.
    fn allows(&self, user: Option<&str>, scope: &Scope, own: bool) -> bool {
        let thing = if own { scopes::thing(scope, self.depth) } else { Thing::Named(&scope.name) };
        let rules = self.rules.as_ref().map(Fresh::now);
        scope.actions.iter().all(|action| {
            let is_read = action == "pull" || (scope.kind == "registry" && action == "*");
            let is_open = self.anonymous_get && is_read;
            is_open
                || match (&rules, user) {
                    (Some(rules), user) => {
                        rules.allow(user.map_or(Who::Nobody, Who::User), scope, thing, action)
                    }
                    (None, user) => user.is_some(),
                }
        })
    }

    /// Asks a client to say who it is.
    fn ask(&self, head: &Head, need: &Need, error: Option<&str>) -> Reply {
        let in_registry = is_registry(head);
        let mut reply = if in_registry {
            registry_error(401, "UNAUTHORIZED", "authentication required")
        } else {
            Reply::json_error(401, "unauthorized")
        };
        if let Some(tokens) = &self.tokens {
            let realm = self.realm.clone().unwrap_or_else(|| self.own_realm(head));
            let mut challenge = format!("Bearer realm=\"{realm}\",service=\"{}\"", tokens.service);
            // With what is needed a client learns what would spare it an upload.
            let needed = if let Need::Scope(scope) = need { Some(scope.clone()) } else { None };
            let source = needed.is_some().then(|| scopes::mount_source(head)).flatten();
            let scopes: Vec<String> = needed.iter().chain(&source).map(Scope::to_string).collect();
            if !scopes.is_empty() {
                challenge.push_str(&format!(",scope=\"{}\"", scopes.join(" ")));
            }
            if let Some(error) = error {
                challenge.push_str(&format!(",error=\"{error}\""));
            }
            reply = reply.with("WWW-Authenticate", &challenge);
        }
        // A client of registries that has a choice might send its password with each request.
        if self.users.is_some() && !(in_registry && self.tokens.is_some()) {
            reply = reply.with("WWW-Authenticate", BASIC);
        }
        reply
    }

    /// `/token` at the address that the client asked.
    fn own_realm(&self, head: &Head) -> String {
        let host = head.header("host").unwrap_or_default();
        let is_plain = |b: u8| b.is_ascii_alphanumeric() || b".:-_[]".contains(&b);
        let host = if host.bytes().all(is_plain) { host } else { String::new() };
        format!("{}://{host}/token", self.scheme)
    }
}

fn is_registry(head: &Head) -> bool {
    head.path == "/v2" || head.path.starts_with("/v2/")
}

fn forbidden(head: &Head) -> Reply {
    let message = if is_registry(head) { "requested access to the resource is denied" } else { "forbidden" };
    refused(head, message)
}

/// The answer to somebody who may not do this (403), as clients of registries and of ChartMuseum expect it.
pub(super) fn refused(head: &Head, message: &str) -> Reply {
    if is_registry(head) {
        return registry_error(403, "DENIED", message);
    }
    Reply::json_error(403, message)
}

/// An error as the distribution specification has it.
fn registry_error(status: u16, code: &str, message: &str) -> Reply {
    Reply::json(status, &serde_json::json!({ "errors": [{ "code": code, "message": message }] }))
        .with("Docker-Distribution-Api-Version", "registry/2.0")
}

impl Given {
    /// What the `Authorization` header of a request says. One that cannot be read says nothing.
    pub(super) fn of(head: &Head) -> Self {
        Self::read(head).unwrap_or(Given::Nobody)
    }

    fn read(head: &Head) -> Option<Self> {
        let header = Secret::new(head.header("authorization")?);
        let (scheme, value) = header.reveal().split_once(' ')?;
        let value = value.trim();
        if scheme.eq_ignore_ascii_case("bearer") {
            return Some(Given::Token(Secret::new(value)));
        }
        if !scheme.eq_ignore_ascii_case("basic") {
            return None;
        }
        let pair = Secret::new(String::from_utf8(base64::decode(value)?).ok()?);
        let (user, password) = pair.reveal().split_once(':')?;
        Some(Given::Password(user.to_string(), Secret::new(password)))
    }
}
