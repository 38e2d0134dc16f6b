//! Functions that ask for time or chance; both come from the job's host, so that tests can fix them.
//!
//! Invariant: every character of an alphabet is equally likely.

use std::time::UNIX_EPOCH;

use super::{Call, text};

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
        call.run.host.random.fill(&mut buffer).map_err(|error| error.to_string())?;
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
    call.run.host.random.fill(&mut bytes).map_err(|error| error.to_string())?;
    Ok(text(super::data::encode_base64(&bytes)))
}

/// `uuid()`: version 4.
pub(super) fn uuid(call: &Call) -> Answer {
    let mut bytes = [0; 16];
    call.run.host.random.fill(&mut bytes).map_err(|error| error.to_string())?;
    bytes[6] = (bytes[6] & 0x0F) | 0x40;
    bytes[8] = (bytes[8] & 0x3F) | 0x80;
    let hex = super::data::hex(&bytes);
    let parts: Vec<&str> =
        [0..8, 8..12, 12..16, 16..20, 20..32].into_iter().filter_map(|part| hex.get(part)).collect();
    Ok(text(parts.join("-")))
}

/// `timestamp()`: seconds since 1970.
#[expect(clippy::unnecessary_wraps, reason = "every function has this type")]
pub(super) fn timestamp(call: &Call) -> Answer {
    Ok(seconds(call).into())
}

/// `now()`: RFC 3339 in UTC.
#[expect(clippy::unnecessary_wraps, reason = "every function has this type")]
pub(super) fn now(call: &Call) -> Answer {
    Ok(text(rfc3339(seconds(call))))
}

fn seconds(call: &Call) -> i64 {
    call.run.host.now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs() as i64)
}

/// A moment after 1970 in the Gregorian calendar.
fn rfc3339(seconds: i64) -> String {
    let (mut days, rest) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let leap = |year: i64| (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    let mut year = 1970;
    while days >= 365 + i64::from(leap(year)) {
        days -= 365 + i64::from(leap(year));
        year += 1;
    }
    let mut month = 1;
    for length in [31, 28 + i64::from(leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if days < length {
            break;
        }
        days -= length;
        month += 1;
    }
    format!(
        "{year:04}-{month:02}-{:02}T{:02}:{:02}:{:02}Z",
        days + 1,
        rest / 3_600,
        rest / 60 % 60,
        rest % 60
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_have_dates() {
        assert_eq!(rfc3339(0), "1970-01-01T00:00:00Z");
        assert_eq!(rfc3339(951_782_399), "2000-02-28T23:59:59Z");
        assert_eq!(rfc3339(951_868_799), "2000-02-29T23:59:59Z");
        assert_eq!(rfc3339(1_704_067_200), "2024-01-01T00:00:00Z");
    }
}
