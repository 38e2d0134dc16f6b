//! Fetching from servers that may want a token.
//!
//! Invariant: a challenge counts only when it comes from the scheme, host and port that were asked: what a redirect leads to
//! does not get to name where credentials go.

use super::AuthError;
use super::challenge::{self, Challenge};
use super::token::{Login, TokenService};
use crate::sys::Host;
use crate::sys::http::{Http, HttpError, Request, Response, same_origin};

/// Fetches a URL as [`Http::get`] does; a server that wants a token of a token service gets one, for the user of the request.
///
/// # Errors
/// As [`Http::get`], and [`HttpError::NoToken`].
pub fn get(host: &Host, http: &Http, url: &str, request: &Request) -> Result<Response, HttpError> {
    let failure = match http.get(url, request) {
        Err(failure @ HttpError::Status { status: 401, .. }) => failure,
        done => return done,
    };
    let HttpError::Status { url: shown, challenges, .. } = &failure else { return Err(failure) };
    let bearer = match challenge::read(challenges.iter().map(String::as_str)) {
        Ok(Challenge::Bearer(bearer)) if same_origin(shown, url) => bearer,
        _ => return Err(failure),
    };
    let login = request.credentials.clone().map(Login::Password);
    let service = TokenService { host, http };
    let token = service.token(&bearer, &bearer.scope, login.as_ref(), url.starts_with("https://"));
    let authorization = Some(token.map_err(|error| match error {
        AuthError::Http(error) => error,
        other => HttpError::NoToken { url: shown.clone(), reason: other.to_string() },
    })?);
    http.get(url, &Request { authorization, ..request.clone() })
}
