//! What answers that are no success mean: whether to ask again, and what they say.
//!
//! Invariant: what is shown of an answer is one line of bounded length.

use std::time::Duration;

use serde::Deserialize;

use crate::data::time::{Time, Zone};
use crate::sys::Host;
use crate::sys::http::{ConnectionFailure, HttpError, Response};

/// How long to wait when asking again may help; `None` when it will not.
pub fn retry_after(answer: &Response, host: &Host) -> Option<Duration> {
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
pub fn passing(error: &HttpError) -> bool {
    matches!(error, HttpError::Connection { kind: ConnectionFailure::Broken, .. })
}

/// What a server says about an error: `CODE: message; …`, or the start of a text.
pub fn details(answer: &Response) -> String {
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
            let is_text = kind.starts_with("text/plain") || kind.starts_with("application/octet-stream");
            if is_text { String::from_utf8_lossy(&answer.body).into_owned() } else { String::new() }
        }
    };
    let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(MOST).collect();
    line.trim().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

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
