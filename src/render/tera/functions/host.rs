//! Functions that ask for time or chance; both come from the job's host, so that tests can fix them.
//!
//! Invariant: every character of an alphabet is equally likely.

use super::{Call, text};
use crate::data::time::{Time, Zone};
use crate::data::{base64, digest};

type Answer = Result<tera::Value, String>;

const DIGITS: &str = "0123456789";
const SMALL: &str = "abcdefghijklmnopqrstuvwxyz";
const CAPITAL: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";

fn drawn(call: &Call, alphabet: &str) -> Answer {
    let length = call.must_length("length")?;
    let letters = alphabet.as_bytes();
    // Bytes from here on would make the first letters more likely.
    let fair = 256 - 256 % letters.len().max(1);
    let mut out = String::with_capacity(length);
    let mut buffer = [0; 64];
    while out.len() < length {
        call.run.fill(&mut buffer)?;
        for byte in buffer.map(usize::from) {
            if byte < fair && out.len() < length {
                out.push(char::from(letters[byte % letters.len()]));
            }
        }
    }
    Ok(text(out))
}

/// `random_alphanum(length)`.
pub(super) fn random_alphanum(call: &Call) -> Answer {
    drawn(call, &[CAPITAL, SMALL, DIGITS].concat())
}

/// `random_alpha(length)`.
pub(super) fn random_alpha(call: &Call) -> Answer {
    drawn(call, &[CAPITAL, SMALL].concat())
}

/// `random_numeric(length)`.
pub(super) fn random_numeric(call: &Call) -> Answer {
    drawn(call, DIGITS)
}

/// `random_bytes(length)`: base64.
pub(super) fn random_bytes(call: &Call) -> Answer {
    let mut bytes = vec![0; call.must_length("length")?];
    call.run.fill(&mut bytes)?;
    Ok(text(base64::encode(bytes)))
}

/// `uuid()`: version 4.
pub(super) fn uuid(call: &Call) -> Answer {
    let mut bytes = [0; 16];
    call.run.fill(&mut bytes)?;
    bytes[6] = (bytes[6] & 0x0F) | 0x40;
    bytes[8] = (bytes[8] & 0x3F) | 0x80;
    let hex = digest::hex(&bytes);
    let parts: Vec<&str> =
        [0..8, 8..12, 12..16, 16..20, 20..32].into_iter().filter_map(|part| hex.get(part)).collect();
    Ok(text(parts.join("-")))
}

/// `timestamp()`: seconds since 1970.
#[expect(clippy::unnecessary_wraps, reason = "every function has this type")]
pub(super) fn timestamp(call: &Call) -> Answer {
    Ok(moment(call).unix().into())
}

/// `now(format?)`: UTC, RFC 3339 unless a layout of Go's is given.
pub(super) fn now(call: &Call) -> Answer {
    let layout = call.text_or("format", "2006-01-02T15:04:05Z07:00")?;
    Ok(text(moment(call).format(&layout)))
}

fn moment(call: &Call) -> Time {
    Time::from_system(call.run.host.now(), Zone::Utc)
}
