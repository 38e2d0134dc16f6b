//! Tokens of token services.
//!
//! ```text
//! user and password ─► GET, and where there is none POST with grant_type=password
//! refresh token     ─► POST with grant_type=refresh_token
//! nobody            ─► GET
//! ```
//!
//! Invariant: credentials for a server with TLS do not go to a token service without it.

use std::time::Duration;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::AuthError;
use super::answer::{details, passing, retry_after};
use super::challenge::Bearer;
use crate::data::base64;
use crate::sys::http::{Call, CallMethod, Credentials, Http, Response, percent_encode};
use crate::sys::secret::redact_url;
use crate::sys::{Host, Secret};

/// Waits before the second and further attempts.
pub const PAUSES: [Duration; 4] =
    [Duration::from_millis(200), Duration::from_millis(800), Duration::from_secs(2), Duration::from_secs(5)];
/// Longest wait that a token service can ask for.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// Largest answer of a token service, in bytes.
const TOKEN_LIMIT: u64 = 1 << 20;
/// Longest token, in bytes: servers take no longer headers.
const LONGEST_TOKEN: usize = 64 << 10;
/// What the program is called by token services.
const CLIENT_ID: &str = "bowline";
/// Most characters that are shown of an answer that is no token.
const MOST_SHOWN: usize = 120;

/// What a server knows us by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Login {
    /// User name and password.
    Password(Credentials),
    /// A refresh token, which a token service takes.
    Refresh(Secret),
    /// A token that the server itself takes.
    Bearer(Secret),
}

impl Login {
    /// Who it is, for messages.
    pub fn who(&self) -> String {
        match self {
            Login::Password(credentials) => format!("{:?}", credentials.username),
            Login::Refresh(_) | Login::Bearer(_) => "the bearer of this token".to_string(),
        }
    }
}

/// The `Authorization` header of a user.
pub fn basic(username: &str, password: &Secret) -> Secret {
    Secret::new(format!("Basic {}", base64::encode(format!("{username}:{}", password.reveal()))))
}

/// Asks token services.
#[derive(Debug, Clone, Copy)]
pub struct TokenService<'a> {
    /// The outside world.
    pub host: &'a Host,
    /// How it is reached.
    pub http: &'a Http,
}

impl TokenService<'_> {
    /// An `Authorization` header with a token for a scope (or several, apart by spaces) from the service that a challenge
    /// names. `is_protected` says whether the server that named it is spoken to with TLS.
    ///
    /// # Errors
    /// The service cannot be reached, does not accept the login, or does not answer with a token.
    pub fn token(
        &self,
        bearer: &Bearer,
        scope: &str,
        login: Option<&Login>,
        is_protected: bool,
    ) -> Result<Secret, AuthError> {
        let is_unsafe = is_protected && !bearer.realm.starts_with("https://");
        let answer = match login {
            Some(Login::Bearer(token)) => return Ok(Secret::new(format!("Bearer {}", token.reveal()))),
            Some(_) if is_unsafe => {
                return Err(AuthError::InsecureRealm { realm: redact_url(&bearer.realm) });
            }
            Some(Login::Refresh(token)) => {
                let grant = [("grant_type", "refresh_token"), ("refresh_token", token.reveal())];
                self.post(bearer, scope, &grant)?
            }
            Some(Login::Password(credentials)) => {
                let header = basic(&credentials.username, &credentials.password);
                let answer = self.get(bearer, scope, Some(&header))?;
                // Services that speak OAuth2 alone have no GET.
                if matches!(answer.status, 404 | 405) {
                    let grant = [
                        ("grant_type", "password"),
                        ("username", credentials.username.as_str()),
                        ("password", credentials.password.reveal()),
                    ];
                    self.post(bearer, scope, &grant)?
                } else {
                    answer
                }
            }
            None => self.get(bearer, scope, None)?,
        };
        match answer.status {
            200 => read(&answer),
            status @ (400 | 401 | 403) => Err(AuthError::Refused { status, details: details(&answer) }),
            status => Err(AuthError::Status { status, details: details(&answer), url: answer.url }),
        }
    }

    fn get(
        &self,
        bearer: &Bearer,
        scope: &str,
        authorization: Option<&Secret>,
    ) -> Result<Response, AuthError> {
        let mut url = bearer.realm.clone();
        let mut separator = if url.contains('?') { '&' } else { '?' };
        // A scope may be a list; the name of a service may have spaces.
        let service = Some(bearer.service.as_str()).map(|service| ("service", service));
        let scopes = scope.split(' ').map(|scope| ("scope", scope));
        for (name, value) in service.into_iter().chain(scopes).filter(|(_, value)| !value.is_empty()) {
            url.push_str(&format!("{separator}{name}={}", percent_encode(value)));
            separator = '&';
        }
        self.ask(&Call { authorization, ..Call::new(CallMethod::Get, &url, TOKEN_LIMIT) })
    }

    fn post(&self, bearer: &Bearer, scope: &str, grant: &[(&str, &str)]) -> Result<Response, AuthError> {
        let fixed = [("service", bearer.service.as_str()), ("client_id", CLIENT_ID), ("scope", scope)];
        let form: Vec<String> = grant
            .iter()
            .chain(&fixed)
            .map(|(name, value)| format!("{name}={}", percent_encode(value)))
            .collect();
        self.ask(&Call {
            headers: &[("content-type", "application/x-www-form-urlencoded")],
            body: form.join("&").into_bytes(),
            ..Call::new(CallMethod::Post, &bearer.realm, TOKEN_LIMIT)
        })
    }

    /// Asks, and asks again when it may help: handing out a token changes nothing.
    fn ask(&self, call: &Call<'_>) -> Result<Response, AuthError> {
        let mut pauses = PAUSES.iter();
        loop {
            let answer = self.http.call(call);
            let wait = match &answer {
                Ok(answer) => retry_after(answer, self.host),
                Err(error) => passing(error).then_some(Duration::ZERO),
            };
            match (wait.filter(|wait| *wait <= LONGEST_PAUSE), pauses.next()) {
                (Some(wait), Some(pause)) => self.http.pause(wait.max(*pause), &redact_url(call.url))?,
                _ => return Ok(answer?),
            }
        }
    }
}

fn read(answer: &Response) -> Result<Secret, AuthError> {
    #[derive(Deserialize)]
    struct Granted {
        #[serde(default)]
        token: String,
        #[serde(default)]
        access_token: String,
    }
    let bad = |what: &str| AuthError::Answer {
        url: answer.url.clone(),
        reason: format!("the token service's answer {what} ({})", looks(answer)),
    };
    // The parser's own text could show a piece of the token.
    let granted: Granted = serde_json::from_slice(&answer.body).map_err(|_| bad("is no token"))?;
    let token = if granted.token.is_empty() { granted.access_token } else { granted.token };
    if token.is_empty() || token.len() > LONGEST_TOKEN || !token.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(bad("holds no token that can be sent"));
    }
    Ok(Secret::new(format!("Bearer {token}")))
}

/// What an answer looks like to somebody who has to find out where it came from: status, type and size, of JSON the names
/// of its fields, of a page its beginning. Any other text might be a token, and is not shown.
fn looks(answer: &Response) -> String {
    let kind = answer.header("content-type").unwrap_or("no type");
    let mut shown = format!("status {}, {kind}, {} bytes", answer.status, answer.body.len());
    let text = String::from_utf8_lossy(&answer.body);
    if let Ok(fields) = serde_json::from_str::<Map<String, Value>>(&text) {
        let names: Vec<&str> = fields.keys().map(String::as_str).collect();
        shown.push_str(&format!(", fields [{}]", names.join(", ")));
    } else if text.trim_start().starts_with('<') {
        let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
        shown.push_str(&format!(", beginning {:?}", words.chars().take(MOST_SHOWN).collect::<String>()));
    }
    shown.chars().map(|c| if c.is_control() { ' ' } else { c }).take(3 * MOST_SHOWN).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_that_is_no_token_is_described_without_its_secrets() {
        let answer = |kind: &str, body: &str| Response {
            status: 200,
            headers: vec![("content-type".to_string(), kind.to_string())],
            body: body.as_bytes().to_vec(),
            url: "http://t.test/token".to_string(),
        };
        for (kind, body, told) in [
            (
                "text/plain",
                "hunter2",
                "the token service's answer is no token (status 200, text/plain, 7 bytes)",
            ),
            (
                "text/html",
                "<html>\n <title>Bad  Gateway</title>",
                "the token service's answer is no token (status 200, text/html, 35 bytes, beginning \"<html> <title>Bad \
                 Gateway</title>\")",
            ),
            (
                "application/json",
                "{\"id_token\":\"hunter2\",\"x\":1}",
                "the token service's answer holds no token that can be sent (status 200, application/json, 28 bytes, \
                 fields [id_token, x])",
            ),
            (
                "application/json",
                "{\"token\":7}",
                "the token service's answer is no token (status 200, application/json, 11 bytes, fields [token])",
            ),
        ] {
            assert_eq!(read(&answer(kind, body)).unwrap_err().to_string(), told);
        }
        let token = read(&answer("application/json", "{\"access_token\":\"tok\"}")).unwrap();
        assert_eq!(token.reveal(), "Bearer tok");
    }
}
