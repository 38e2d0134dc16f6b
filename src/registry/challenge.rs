//! `WWW-Authenticate`: how a registry wants to be told who asks. The only user of http_auth.
//!
//! Invariant: a challenge is read whole or not at all; of several the one with a token service is taken.

use super::RegistryError;
use crate::sys::http::Response;

/// What a registry asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Challenge {
    /// A token of a token service.
    Bearer(Bearer),
    /// User name and password.
    Basic,
}

/// Where a token comes from, and for what.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Bearer {
    /// URL of the token service.
    pub(super) realm: String,
    /// What the service calls the registry.
    pub(super) service: String,
    /// What access is needed.
    pub(super) scope: String,
}

/// Reads the challenge of an answer.
///
/// # Errors
/// [`RegistryError::Challenge`]: there is none, or none that is known.
pub(super) fn of(answer: &Response, host: &str) -> Result<Challenge, RegistryError> {
    let failed = |reason: String| RegistryError::Challenge { host: host.to_string(), reason };
    let headers = answer.headers.iter().filter(|(name, _)| name == "www-authenticate");
    let mut basic = false;
    let mut others = Vec::new();
    for (_, header) in headers {
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

    fn read(headers: &[&str]) -> Result<Challenge, String> {
        let headers = headers.iter().map(|text| ("www-authenticate".to_string(), (*text).to_string()));
        let answer =
            Response { status: 401, headers: headers.collect(), body: Vec::new(), url: String::new() };
        of(&answer, "h").map_err(|error| error.to_string())
    }

    #[test]
    fn challenges_are_read() {
        let full = "Bearer realm=\"https://a/token\",service=\"reg\",scope=\"repository:x/y:pull,push\"";
        let bearer = Challenge::Bearer(Bearer {
            realm: "https://a/token".to_string(),
            service: "reg".to_string(),
            scope: "repository:x/y:pull,push".to_string(),
        });
        assert_eq!(read(&[full]), Ok(bearer.clone()));
        assert_eq!(read(&["Basic realm=\"x\"", full]), Ok(bearer.clone()));
        assert_eq!(read(&[&format!("Negotiate, {full}, Basic realm=x")]), Ok(bearer));
        assert_eq!(read(&["basic realm=\"a, b\""]), Ok(Challenge::Basic));
        for (header, reason) in [
            (&[] as &[&str], "it does not say how"),
            (&["Negotiate"], "Negotiate"),
            (&["Bearer service=\"x\""], "it names no token service"),
            (&["Bearer realm=\"x"], "its WWW-Authenticate header is malformed"),
        ] {
            assert!(read(header).unwrap_err().ends_with(reason), "{header:?}");
        }
    }
}
