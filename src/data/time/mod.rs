//! Moments as Go's `time` package writes and reads them: release records, `--time-format`, and the date functions of
//! templates all speak Go's layouts.
//!
//! | file | what |
//! |---|---|
//! | `civil` | days and clock readings from Unix seconds, for any year |
//! | `zone` | UTC, fixed offsets, and named zones (the only user of jiff) |
//! | `layout` | the reference-layout grammar (`Mon Jan _2 15:04:05 2006`) and formatting |
//! | `parse` | reading a text by a layout, with Go's error texts |
//! | `duration` | `1h2m3.5s` |
//!
//! Source of the rules: the documentation of Go's `time` package, and runs of Helm 4.3.1.
//!
//! Invariant: a [`Time`] is an instant and a zone to show it in; no function here panics, whatever the year.

mod civil;
mod duration;
mod layout;
mod parse;
mod zone;

use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

pub use civil::{Civil, month_name, weekday_name};
pub use duration::{DurationError, GoDuration};
pub use parse::ParseError;
pub use zone::Zone;

/// The layout of RFC 3339 with nanoseconds, trailing zeros trimmed.
pub const RFC3339_NANO: &str = "2006-01-02T15:04:05.999999999Z07:00";
/// The layout of RFC 3339 in whole seconds.
pub const RFC3339: &str = "2006-01-02T15:04:05Z07:00";
/// The layout of C's `asctime`.
pub const ANSI_C: &str = "Mon Jan _2 15:04:05 2006";
/// The layout of Go's `Time.String()`.
pub const GO_STRING: &str = "2006-01-02 15:04:05.999999999 -0700 MST";

/// Unix seconds of Go's zero time, 1 January of year 1.
const ZERO_SECONDS: i64 = -62_135_596_800;

/// An instant with the zone it is shown in.
#[derive(Debug, Clone)]
pub struct Time {
    seconds: i64,
    nanos: u32,
    zone: Zone,
}

impl Time {
    /// Go's zero time: 1 January of year 1, UTC.
    pub fn zero() -> Self {
        Time { seconds: ZERO_SECONDS, nanos: 0, zone: Zone::Utc }
    }

    /// From Unix seconds and nanoseconds (any number of them: whole seconds carry over).
    pub fn from_unix(seconds: i64, nanos: i64, zone: Zone) -> Self {
        let carried = seconds.saturating_add(nanos.div_euclid(1_000_000_000));
        Time { seconds: carried, nanos: nanos.rem_euclid(1_000_000_000) as u32, zone }
    }

    /// From a reading of the clock.
    pub fn from_system(at: SystemTime, zone: Zone) -> Self {
        match at.duration_since(UNIX_EPOCH) {
            Ok(since) => Self::from_unix(since.as_secs() as i64, i64::from(since.subsec_nanos()), zone),
            Err(before) => {
                let until = before.duration();
                Self::from_unix(-(until.as_secs() as i64), -i64::from(until.subsec_nanos()), zone)
            }
        }
    }

    /// From a date and a clock reading in a zone. Months and days beyond their range carry over, as in Go's `time.Date`;
    /// a reading that a change of clocks leaves out is taken with the offset before the change.
    pub fn from_civil(year: i64, month: i64, day: i64, second_of_day: i64, nanos: i64, zone: Zone) -> Self {
        let local = civil::days_from_civil(year, month, day)
            .saturating_mul(civil::SECONDS_PER_DAY)
            .saturating_add(second_of_day);
        let seconds = local.saturating_sub(zone.offset_of_local(local));
        Self::from_unix(seconds, nanos, zone)
    }

    /// Whether this is Go's zero time.
    pub fn is_zero(&self) -> bool {
        self.seconds == ZERO_SECONDS && self.nanos == 0
    }

    /// Seconds since the Unix epoch, rounded down.
    pub fn unix(&self) -> i64 {
        self.seconds
    }

    /// Nanoseconds after [`Time::unix`].
    pub fn nanos(&self) -> u32 {
        self.nanos
    }

    /// Nanoseconds since the Unix epoch; wraps outside the years 1678 to 2262, as in Go.
    pub fn unix_nanos(&self) -> i64 {
        self.seconds.wrapping_mul(1_000_000_000).wrapping_add(i64::from(self.nanos))
    }

    /// The zone it is shown in.
    pub fn zone(&self) -> &Zone {
        &self.zone
    }

    /// The same instant shown in another zone.
    pub fn in_zone(&self, zone: &Zone) -> Self {
        Time { zone: zone.clone(), ..self.clone() }
    }

    /// Later by a duration (earlier by a negative one).
    pub fn add(&self, by: GoDuration) -> Self {
        let nanos = i64::from(self.nanos) + by.0 % 1_000_000_000;
        Self::from_unix(self.seconds.saturating_add(by.0 / 1_000_000_000), nanos, self.zone.clone())
    }

    /// Later by years, months and days; days beyond the month carry over, as in Go's `AddDate`.
    pub fn add_date(&self, years: i64, months: i64, days: i64) -> Self {
        let at = self.civil();
        Self::from_civil(
            at.year.saturating_add(years),
            i64::from(at.month).saturating_add(months),
            i64::from(at.day).saturating_add(days),
            at.second_of_day(),
            i64::from(self.nanos),
            self.zone.clone(),
        )
    }

    /// How much later this is than `other`, at most what a duration holds.
    pub fn since(&self, other: &Time) -> GoDuration {
        let nanos = (i128::from(self.seconds) - i128::from(other.seconds)) * 1_000_000_000
            + i128::from(self.nanos)
            - i128::from(other.nanos);
        GoDuration(nanos.clamp(i128::from(i64::MIN), i128::from(i64::MAX)) as i64)
    }

    /// Date, clock reading and offset in its zone.
    pub fn civil(&self) -> Civil {
        let (offset, abbreviation) = self.zone.at(self.seconds);
        Civil::new(self.seconds.saturating_add(i64::from(offset)), self.nanos, offset, abbreviation)
    }

    /// Whether its zone has summer time then.
    pub fn is_dst(&self) -> bool {
        self.zone.is_dst(self.seconds)
    }

    /// The text by a Go layout.
    pub fn format(&self, layout: &str) -> String {
        layout::format(&self.civil(), layout)
    }

    /// Reads a text by a Go layout. Without an offset in the text it is a reading in `local`; an offset that `local` has
    /// at that moment gives `local` too, as Go does.
    ///
    /// # Errors
    /// The text does not have that form, with Go's message.
    pub fn parse(layout: &str, text: &str, local: &Zone) -> Result<Self, ParseError> {
        parse::parse(layout, text, local)
    }

    /// RFC 3339 with nanoseconds, as release records have it.
    pub fn rfc3339_nano(&self) -> String {
        self.format(RFC3339_NANO)
    }

    /// `Sat Nov 21 07:15:22 2026`.
    pub fn ansi_c(&self) -> String {
        self.format(ANSI_C)
    }
}

/// Two times are equal when they are the same instant, whatever their zones.
impl PartialEq for Time {
    fn eq(&self, other: &Self) -> bool {
        (self.seconds, self.nanos) == (other.seconds, other.nanos)
    }
}

impl Eq for Time {}

impl PartialOrd for Time {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Time {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.seconds, self.nanos).cmp(&(other.seconds, other.nanos))
    }
}

impl fmt::Display for Time {
    /// Go's `Time.String()`: `2026-11-21 07:15:59.403304847 +0000 UTC`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.format(GO_STRING))
    }
}

#[cfg(test)]
mod tests;
