//! Durations in Go's grammar: `300ms`, `-1.5h`, `2h45m`.
//!
//! Invariant: what [`GoDuration`]'s `Display` writes, its `FromStr` reads back to the same number of nanoseconds.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// A signed span of nanoseconds, Go's `time.Duration`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct GoDuration(pub i64);

/// Nanoseconds of the units that the grammar knows.
const UNITS: &[(&str, u64)] = &[
    ("ns", 1),
    ("us", 1_000),
    ("\u{b5}s", 1_000),
    ("\u{3bc}s", 1_000),
    ("ms", 1_000_000),
    ("s", SECOND),
    ("m", 60 * SECOND),
    ("h", 3600 * SECOND),
];
const SECOND: u64 = 1_000_000_000;

/// Why a text is no duration, with Go's text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DurationError {
    /// It has another form, or is too large.
    #[error("time: invalid duration {}", super::parse::quote(text))]
    Invalid {
        /// The text.
        text: String,
    },
    /// A number has no unit.
    #[error("time: missing unit in duration {}", super::parse::quote(text))]
    MissingUnit {
        /// The text.
        text: String,
    },
    /// A unit that Go does not know, such as `d`.
    #[error("time: unknown unit {} in duration {}", super::parse::quote(unit), super::parse::quote(text))]
    UnknownUnit {
        /// The unit.
        unit: String,
        /// The text.
        text: String,
    },
}

impl crate::diag::Hint for DurationError {
    fn hints(&self) -> Vec<String> {
        vec!["write a number with a unit: 300s, 5m, 1h30m (units: ns, us, ms, s, m, h)".to_string()]
    }
}

impl GoDuration {
    /// Whole seconds.
    pub fn from_seconds(seconds: i64) -> Self {
        GoDuration(seconds.saturating_mul(SECOND as i64))
    }

    /// In seconds, with their fraction.
    pub fn seconds(self) -> f64 {
        (self.0 / SECOND as i64) as f64 + (self.0 % SECOND as i64) as f64 / 1e9
    }

    /// As the standard library's duration; a negative one is zero.
    pub fn to_std(self) -> Duration {
        Duration::from_nanos(u64::try_from(self.0).unwrap_or(0))
    }

    /// From the standard library's duration, at most what 63 bits of nanoseconds hold (292 years).
    pub fn from_std(duration: Duration) -> Self {
        GoDuration(i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX))
    }
}

impl FromStr for GoDuration {
    type Err = DurationError;

    fn from_str(text: &str) -> Result<Self, DurationError> {
        let invalid = || DurationError::Invalid { text: text.to_string() };
        let (negative, mut rest) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        if rest == "0" {
            return Ok(GoDuration(0));
        }
        if rest.is_empty() {
            return Err(invalid());
        }
        let mut total: u64 = 0;
        while !rest.is_empty() {
            let (nanos, tail) = component(rest, text)?;
            total = total.checked_add(nanos).filter(|total| *total <= 1 << 63).ok_or_else(invalid)?;
            rest = tail;
        }
        match (negative, i64::try_from(total)) {
            (true, _) => Ok(GoDuration((total as i64).wrapping_neg())),
            (false, Ok(nanos)) => Ok(GoDuration(nanos)),
            (false, Err(_)) => Err(invalid()),
        }
    }
}

/// Reads one number with its unit, and returns what follows.
fn component<'a>(rest: &'a str, whole: &str) -> Result<(u64, &'a str), DurationError> {
    let invalid = || DurationError::Invalid { text: whole.to_string() };
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    let (integer, after) = rest.split_at(digits(rest));
    let (fraction, after) = match after.strip_prefix('.') {
        Some(after) => after.split_at(digits(after)),
        None => ("", after),
    };
    if integer.is_empty() && fraction.is_empty() {
        return Err(invalid());
    }
    let (unit, tail) =
        after.split_at(after.find(|c: char| c == '.' || c.is_ascii_digit()).unwrap_or(after.len()));
    if unit.is_empty() {
        return Err(DurationError::MissingUnit { text: whole.to_string() });
    }
    let scale = UNITS
        .iter()
        .find(|(name, _)| *name == unit)
        .map(|(_, nanos)| *nanos)
        .ok_or_else(|| DurationError::UnknownUnit { unit: unit.to_string(), text: whole.to_string() })?;
    let count: u64 = if integer.is_empty() { 0 } else { integer.parse().map_err(|_| invalid())? };
    let mut nanos = count.checked_mul(scale).filter(|nanos| *nanos <= 1 << 63).ok_or_else(invalid)?;
    if !fraction.is_empty() {
        // More digits than eighteen are below a nanosecond for every unit, and Go drops them as well.
        let kept = fraction.get(..18).unwrap_or(fraction);
        let value: u64 = kept.parse().map_err(|_| invalid())?;
        let part = u128::from(value) * u128::from(scale) / 10u128.pow(kept.len() as u32);
        nanos = nanos.checked_add(part as u64).filter(|nanos| *nanos <= 1 << 63).ok_or_else(invalid)?;
    }
    Ok((nanos, tail))
}

impl fmt::Display for GoDuration {
    /// Go's `Duration.String()`: `0s`, `1.5ms`, `1h0m0s`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nanos = self.0.unsigned_abs();
        if self.0 < 0 {
            f.write_str("-")?;
        }
        let (scale, unit) = match nanos {
            0 => return f.write_str("0s"),
            1..1_000 => (1, "ns"),
            1_000..1_000_000 => (1_000, "\u{b5}s"),
            1_000_000..SECOND => (1_000_000, "ms"),
            _ => (SECOND, "s"),
        };
        if scale < SECOND {
            return write!(f, "{}{unit}", decimal(nanos, scale));
        }
        let (hours, minutes) = (nanos / (3600 * SECOND), nanos / (60 * SECOND) % 60);
        if hours > 0 {
            write!(f, "{hours}h")?;
        }
        if hours > 0 || minutes > 0 {
            write!(f, "{minutes}m")?;
        }
        write!(f, "{}s", decimal(nanos % (60 * SECOND), SECOND))
    }
}

/// `nanos / scale` without trailing zeros; `scale` is a power of ten.
fn decimal(nanos: u64, scale: u64) -> String {
    let fraction = nanos % scale;
    if fraction == 0 {
        return (nanos / scale).to_string();
    }
    let width = scale.ilog10() as usize;
    let digits = format!("{fraction:0width$}");
    format!("{}.{}", nanos / scale, digits.trim_end_matches('0'))
}
