//! Requests to whichever member answers.
//!
//! A request that failed is sent again: to the next member, and after a round of all of them, after a pause. That is right
//! because of what is sent: reads, and transactions whose compares keep them from being carried out twice. What a caller
//! must know is whether an attempt without an answer *may* have been carried out ([`Attempts::unclear`]): an answer
//! "compares failed" then does not say that nothing happened.
//!
//! Invariant: no request is sent without a bound on its time and on the size of its answer, and no text of an error holds a
//! password or a token.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde::de::DeserializeOwned;
use serde_json::json;

use super::address::Settings;
use super::wire::{Authenticated, Done, Granted, Refusal, Txn};
use crate::cluster::StoreError;
use crate::sys::http::{Http, HttpError, HttpOptions, Response};
use crate::sys::transfers::Watched;
use crate::sys::{Host, Secret, monotonic};

/// Longest wait for a connection to a member; one that is gone without a word costs this much, once.
const CONNECT: Duration = Duration::from_secs(3);
/// Longest wait for the answer of a member. etcd itself gives up after 5 s and the time of an election.
const ANSWER: Duration = Duration::from_secs(10);
/// Longest time for a request with all its attempts.
const PATIENCE: Duration = Duration::from_secs(25);
/// Longest time that members may all refuse connections, once one has answered: they may be about to start again.
const RESTART: Duration = Duration::from_secs(6);
/// Rounds over all members when none has ever answered.
const FIRST_ROUNDS: u32 = 2;
/// Largest answer in bytes, as JSON.
const ANSWER_LIMIT: u64 = 64 << 20;

/// Why a request failed.
#[derive(Debug)]
pub(super) enum Fault {
    /// The revision that was asked for is gone: begin again with the current one.
    Compacted,
    /// More operations than the server takes in one transaction.
    TooManyOperations,
    /// The request is larger than the server takes.
    RequestTooLarge,
    /// The answer is larger than this program takes.
    AnswerTooLarge,
    /// The write that was being prepared was taken for abandoned, and its pieces are gone.
    Abandoned,
    /// Anything that callers are told.
    Store(StoreError),
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        Fault::Store(error)
    }
}

/// What is known of the attempts to send one request.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Attempts {
    /// One of them may have been carried out without an answer.
    pub(super) unclear: bool,
}

/// How one attempt failed.
enum Failed {
    /// The member did nothing.
    Before(String),
    /// Nobody knows.
    Unclear(String),
    /// The token is no longer good.
    Token(String),
    /// Trying again will not help.
    For(Fault),
}

#[derive(Debug, Clone)]
enum Token {
    Unasked,
    /// The cluster knows no users, or none was named.
    None,
    Some(Secret),
}

/// A client of one cluster.
#[derive(Debug)]
pub(super) struct Client {
    settings: Settings,
    http: Http,
    /// The member that answered last.
    current: AtomicUsize,
    /// Whether any ever did.
    answered: AtomicBool,
    token: Mutex<Token>,
}

impl Client {
    pub(super) fn new(settings: Settings, host: &Host) -> Self {
        let options = HttpOptions {
            ca_file: settings.ca_file.clone(),
            cert_file: settings.cert_file.clone(),
            key_file: settings.key_file.clone(),
            insecure_skip_tls_verify: settings.skip_verify,
            connect_timeout: CONNECT,
            idle_timeout: ANSWER,
            total_timeout: CONNECT + ANSWER,
            // Its requests are the store's business, not charts on their way.
            watched: Watched::default(),
            ..HttpOptions::new(host)
        };
        Client {
            settings,
            http: Http::new(options),
            current: AtomicUsize::new(0),
            answered: AtomicBool::new(false),
            token: Mutex::new(Token::Unasked),
        }
    }

    /// Carries out a transaction.
    ///
    /// # Errors
    /// No member answers, or they refuse it.
    pub(super) fn txn(&self, txn: &Txn, attempts: &mut Attempts) -> Result<Done, Fault> {
        self.ask("kv/txn", &txn.json(), attempts)
    }

    /// A lease of that many seconds.
    ///
    /// # Errors
    /// As [`Client::txn`].
    pub(super) fn lease(&self, seconds: u64) -> Result<i64, Fault> {
        let body = json!({ "TTL": seconds.to_string() }).to_string();
        // One that was granted without our knowing has no keys and runs out.
        let granted: Granted = self.ask("lease/grant", body.as_bytes(), &mut Attempts::default())?;
        Ok(granted.id)
    }

    fn ask<T: DeserializeOwned>(&self, path: &str, body: &[u8], attempts: &mut Attempts) -> Result<T, Fault> {
        let mut renewals = 0;
        loop {
            let token = self.token()?;
            match self.among_members(path, body, token.as_ref(), attempts) {
                Err(Failed::Token(_)) if token.is_some() && renewals < 2 => {
                    renewals += 1;
                    *self.slot() = Token::Unasked;
                }
                Err(Failed::Token(reason)) => return Err(self.unauthorized(reason).into()),
                Err(Failed::Before(reason) | Failed::Unclear(reason)) => {
                    return Err(StoreError::Unreachable { store: self.settings.shown(), reason }.into());
                }
                Err(Failed::For(fault)) => return Err(fault),
                Ok(answer) => return Ok(answer),
            }
        }
    }

    fn slot(&self) -> std::sync::MutexGuard<'_, Token> {
        // A token is replaced as a whole.
        self.token.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The token to send, after asking for one where a user was named.
    fn token(&self) -> Result<Option<Secret>, Fault> {
        let Some(user) = &self.settings.user else { return Ok(None) };
        let known = self.slot().clone();
        match known {
            Token::Some(token) => return Ok(Some(token)),
            Token::None => return Ok(None),
            Token::Unasked => {}
        }
        let password = self.settings.password()?;
        let body = json!({ "name": user, "password": password.reveal() }).to_string();
        let answer = self.among_members::<Authenticated>(
            "auth/authenticate",
            body.as_bytes(),
            None,
            &mut Attempts::default(),
        );
        let token = match answer {
            Ok(answer) => Token::Some(Secret::new(answer.token)),
            Err(Failed::For(Fault::Store(StoreError::Io { reason, .. })))
                if reason.contains("is not enabled") =>
            {
                Token::None
            }
            Err(Failed::For(fault)) => return Err(fault),
            Err(Failed::Token(reason)) => return Err(self.unauthorized(reason).into()),
            Err(Failed::Before(reason) | Failed::Unclear(reason)) => {
                return Err(StoreError::Unreachable { store: self.settings.shown(), reason }.into());
            }
        };
        *self.slot() = token.clone();
        Ok(match token {
            Token::Some(token) => Some(token),
            _ => None,
        })
    }

    /// Sends a request to one member after the other until one answers.
    fn among_members<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &[u8],
        token: Option<&Secret>,
        attempts: &mut Attempts,
    ) -> Result<T, Failed> {
        let start = monotonic();
        let count = self.settings.members.len();
        let (mut round, mut reasons) = (0, BTreeMap::new());
        loop {
            round += 1;
            let first = self.current.load(Ordering::Relaxed);
            let mut all_refused = true;
            for offset in 0..count {
                let index = (first + offset) % count;
                let Some(member) = self.settings.members.get(index) else { continue };
                let reason = match self.once(member, path, body, token) {
                    Ok(answer) => {
                        self.current.store(index, Ordering::Relaxed);
                        self.answered.store(true, Ordering::Relaxed);
                        return Ok(answer);
                    }
                    Err(Failed::Before(reason)) => reason,
                    Err(Failed::Unclear(reason)) => {
                        attempts.unclear = true;
                        all_refused = false;
                        reason
                    }
                    Err(other) => return Err(other),
                };
                reasons.insert(index, if count == 1 { reason } else { format!("{member}: {reason}") });
                if start.elapsed() > PATIENCE {
                    break;
                }
            }
            let enough = if !self.answered.load(Ordering::Relaxed) && all_refused {
                round >= FIRST_ROUNDS
            } else if all_refused {
                start.elapsed() > RESTART
            } else {
                start.elapsed() > PATIENCE
            };
            if enough {
                let reason = reasons.into_values().collect::<Vec<_>>().join("; ");
                return Err(Failed::Before(reason));
            }
            std::thread::sleep(Duration::from_millis(50) * 2u32.pow(round.min(4)));
        }
    }

    /// One attempt.
    fn once<T: DeserializeOwned>(
        &self,
        member: &str,
        path: &str,
        body: &[u8],
        token: Option<&Secret>,
    ) -> Result<T, Failed> {
        let scheme = if self.settings.tls { "https" } else { "http" };
        let url = format!("{scheme}://{member}/v3/{path}");
        let answer =
            self.http.post(&url, body.to_vec(), token, ANSWER_LIMIT).map_err(|error| self.failed(error))?;
        if answer.status == 200 {
            return serde_json::from_slice(&answer.body).map_err(|_| self.foreign(&answer));
        }
        Err(self.refused(&answer))
    }

    fn failed(&self, error: HttpError) -> Failed {
        let before = error.was_not_sent();
        match error {
            HttpError::TooLarge { .. } => Failed::For(Fault::AnswerTooLarge),
            HttpError::TlsFile { .. } | HttpError::Setup { .. } | HttpError::InvalidUrl { .. } => {
                let reason = error.to_string();
                Failed::For(StoreError::Unreachable { store: self.settings.shown(), reason }.into())
            }
            HttpError::Connection { reason, .. } if before => Failed::Before(reason),
            HttpError::Connection { reason, .. } => Failed::Unclear(reason),
            HttpError::Timeout { after, .. } => {
                Failed::Unclear(format!("no answer within {} s", after.as_secs_f32().ceil()))
            }
            other => Failed::Unclear(other.to_string()),
        }
    }

    /// What another status than 200 means.
    fn refused(&self, answer: &Response) -> Failed {
        let Ok(refusal) = serde_json::from_slice::<Refusal>(&answer.body) else {
            return match answer.status {
                500..=599 => Failed::Unclear(format!("HTTP status {}", answer.status)),
                _ => self.foreign(answer),
            };
        };
        let text = refusal.text();
        let store = self.settings.shown();
        let has = |part: &str| text.contains(part);
        if has("invalid auth token") || has("auth store is old") || refusal.code == 16 {
            return Failed::Token(text);
        }
        if has("permission denied") || has("authentication failed") {
            return Failed::For(self.unauthorized(text).into());
        }
        if has("user name is empty") {
            return Failed::For(self.unauthorized("it asks for a user and a password".into()).into());
        }
        if has("has been compacted") {
            return Failed::For(Fault::Compacted);
        }
        if has("too many operations") {
            return Failed::For(Fault::TooManyOperations);
        }
        if has("request is too large") || has("message larger than max") {
            return Failed::For(Fault::RequestTooLarge);
        }
        if has("database space exceeded") {
            return Failed::For(StoreError::Full { store }.into());
        }
        match (refusal.code, answer.status) {
            (8, _) | (_, 429) => Failed::Before(text),
            (1 | 2 | 4 | 13 | 14, _) | (_, 500..=599) => Failed::Unclear(text),
            _ if has("future revision") => Failed::Unclear(text),
            _ => Failed::For(StoreError::Io { store, reason: text }.into()),
        }
    }

    fn unauthorized(&self, reason: String) -> StoreError {
        StoreError::Unauthorized { store: self.settings.shown(), reason }
    }

    /// An answer that no etcd gives.
    fn foreign(&self, answer: &Response) -> Failed {
        let text = String::from_utf8_lossy(&answer.body);
        let start: String = text.trim_start().chars().take(100).collect();
        let what = if start.starts_with('<') {
            "a page of HTML".to_string()
        } else {
            let line = start.lines().next().unwrap_or("").replace(char::is_control, "");
            if line.is_empty() { "nothing".to_string() } else { format!("{line:?}") }
        };
        let reason =
            format!("that is no etcd 3.4 or newer: it answered {what} with HTTP status {}", answer.status);
        Failed::For(StoreError::Unreachable { store: self.settings.shown(), reason }.into())
    }
}

/// A moment after which waiting ends.
pub(super) fn deadline(patience: Duration) -> impl Fn() -> bool {
    let start: Instant = monotonic();
    move || start.elapsed() > patience
}
