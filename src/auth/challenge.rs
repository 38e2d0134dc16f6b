//! `WWW-Authenticate`: how a server wants to be told who asks. The only user of http_auth.
//!
//! Invariant: a challenge is read whole or not at all; of several the one with a token service is taken.

use super::AuthError;
use crate::sys::http::Response;

/// What a server asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Challenge {
    /// A token of a token service.
    Bearer(Bearer),
    /// User name and password.
    Basic,
}

/// Where a token comes from, and for what.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Bearer {
    /// URL of the token service.
    pub realm: String,
    /// What the token service calls the server.
    pub service: String,
    /// What access is needed.
    pub scope: String,
}

/// Reads the challenge of an answer.
///
/// # Errors
/// [`AuthError::Challenge`]: there is none, or none that is known.
pub fn of(answer: &Response) -> Result<Challenge, AuthError> {
    let headers = answer.headers.iter().filter(|(name, _)| name == "www-authenticate");
    read(headers.map(|(_, value)| value.as_str()))
}

/// Reads the values of `WWW-Authenticate` headers.
///
/// # Errors
/// As [`of`].
pub fn read<'h>(headers: impl Iterator<Item = &'h str>) -> Result<Challenge, AuthError> {
    let failed = |reason: String| AuthError::Challenge { reason };
    let mut basic = false;
    let mut others = Vec::new();
    for header in headers {
        let challenges = http_auth::parse_challenges(header)
            .map_err(|_| failed("its WWW-Authenticate header is malformed".to_string()))?;
        for challenge in challenges {
            if challenge.scheme.eq_ignore_ascii_case("bearer") {
                let get = |name: &str| {
                    let found = challenge.params.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
                    found.map(|(_, value)| value.to_unescaped()).unwrap_or_default()
                };
                let bearer = Bearer { realm: get("realm"), service: get("service"), scope: get("scope") };
                if bearer.realm.is_empty() {
                    return Err(failed("it names no token service".to_string()));
                }
                return Ok(Challenge::Bearer(bearer));
            }
            if challenge.scheme.eq_ignore_ascii_case("basic") {
                basic = true;
            } else {
                others.push(challenge.scheme.to_string());
            }
        }
    }
    match (basic, others.is_empty()) {
        (true, _) => Ok(Challenge::Basic),
        (false, true) => Err(failed("it does not say how".to_string())),
        (false, false) => Err(failed(others.join(", "))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_texts(headers: &[&str]) -> Result<Challenge, String> {
        read(headers.iter().copied()).map_err(|error| error.to_string())
    }

    #[test]
    fn challenges_are_read() {
        let full = "Bearer realm=\"https://a/token\",service=\"reg\",scope=\"repository:x/y:pull,push\"";
        let bearer = Challenge::Bearer(Bearer {
            realm: "https://a/token".to_string(),
            service: "reg".to_string(),
            scope: "repository:x/y:pull,push".to_string(),
        });
        assert_eq!(of_texts(&[full]), Ok(bearer.clone()));
        assert_eq!(of_texts(&["Basic realm=\"x\"", full]), Ok(bearer.clone()));
        assert_eq!(of_texts(&[&format!("Negotiate, {full}, Basic realm=x")]), Ok(bearer));
        assert_eq!(of_texts(&["basic realm=\"a, b\""]), Ok(Challenge::Basic));
        for (header, reason) in [
            (&[] as &[&str], "it does not say how"),
            (&["Negotiate"], "Negotiate"),
            (&["Bearer service=\"x\""], "it names no token service"),
            (&["Bearer realm=\"x"], "its WWW-Authenticate header is malformed"),
        ] {
            assert!(of_texts(header).unwrap_err().ends_with(reason), "{header:?}");
        }
    }
}
