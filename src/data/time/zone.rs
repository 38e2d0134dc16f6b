//! Zones: UTC, fixed offsets, and the named ones of the zone database. The only user of jiff.
//!
//! Invariant: the local zone is what the caller names; nothing here reads the environment.

use std::path::Path;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::sys;

/// Largest zone file that is read.
const MOST_ZONE_BYTES: u64 = 1 << 20;

/// Where a moment is shown.
#[derive(Debug, Clone, PartialEq)]
pub enum Zone {
    /// Coordinated universal time.
    Utc,
    /// A fixed offset, as a text gave it.
    Fixed {
        /// Abbreviation; empty when the text had only an offset.
        name: String,
        /// Seconds east of UTC.
        offset: i32,
    },
    /// A zone of the database, or this machine's own.
    Named(TimeZone),
}

impl Zone {
    /// The zone of a name of the database, with Go's rules: `` and `UTC` are UTC, names are case-sensitive, and neither
    /// absolute nor parent paths are taken. `Local` is `None`: only the caller knows it.
    pub fn load(name: &str) -> Option<Self> {
        if name.is_empty() || name == "UTC" {
            return Some(Zone::Utc);
        }
        if name.contains("..") || name.starts_with(['/', '\\']) {
            return None;
        }
        let found = TimeZone::get(name).ok()?;
        // The database ignores case; Go looks for a file of that name.
        (found.iana_name() == Some(name)).then_some(Zone::Named(found))
    }

    /// This machine's zone: the value of the variable `TZ` as Go reads it, and where it is unset (`None`) the system's own.
    pub fn local(tz: Option<&str>) -> Self {
        match tz.map(|tz| tz.strip_prefix(':').unwrap_or(tz)) {
            Some("") => Zone::Utc,
            Some(path) if path.starts_with('/') => Self::from_file(Path::new(path)).unwrap_or(Zone::Utc),
            Some(name) => Self::load(name).unwrap_or(Zone::Utc),
            None if cfg!(unix) => Self::from_file(Path::new("/etc/localtime")).unwrap_or(Zone::Utc),
            None => TimeZone::try_system().map_or(Zone::Utc, Zone::Named),
        }
    }

    fn from_file(path: &Path) -> Option<Self> {
        let bytes = sys::fs::read(path, MOST_ZONE_BYTES).ok()?;
        TimeZone::tzif("Local", &bytes).ok().map(Zone::Named)
    }

    /// Offset (seconds east) and abbreviation at a moment.
    pub(super) fn at(&self, unix_seconds: i64) -> (i32, String) {
        match self {
            Zone::Utc => (0, "UTC".to_string()),
            Zone::Fixed { name, offset } => (*offset, name.clone()),
            Zone::Named(zone) => {
                let info = zone.to_offset_info(timestamp(unix_seconds));
                (info.offset().seconds(), info.abbreviation().to_string())
            }
        }
    }

    /// Whether summer time holds at a moment, which only zones of the database know.
    pub(super) fn is_dst(&self, unix_seconds: i64) -> bool {
        match self {
            Zone::Utc | Zone::Fixed { .. } => false,
            Zone::Named(zone) => zone.to_offset_info(timestamp(unix_seconds)).dst().is_dst(),
        }
    }

    /// Offset to subtract from a clock reading (as seconds, as if it were UTC) to get the moment.
    ///
    /// Go's choice where clocks change, as observed: the offset in force when UTC shows that reading, and where it is no
    /// longer (or not yet) in force at the moment so found, the one that is.
    pub(super) fn offset_of_local(&self, local_seconds: i64) -> i64 {
        let guess = i64::from(self.at(local_seconds).0);
        i64::from(self.at(local_seconds.saturating_sub(guess)).0)
    }

    /// The offset under which the zone knows an abbreviation near a moment, if it does.
    pub(super) fn offset_of_abbreviation(&self, abbreviation: &str, local_seconds: i64) -> Option<i32> {
        let Zone::Named(zone) = self else {
            let (offset, name) = self.at(local_seconds);
            return (name == abbreviation).then_some(offset);
        };
        let near = timestamp(local_seconds);
        let matches = |at: Timestamp| {
            let info = zone.to_offset_info(at);
            (info.abbreviation() == abbreviation).then(|| info.offset().seconds())
        };
        let mut earlier = zone.preceding(near).map(|change| change.timestamp());
        let mut later = zone.following(near).map(|change| change.timestamp());
        matches(near)
            .or_else(|| later.by_ref().take(512).find_map(matches))
            .or_else(|| earlier.by_ref().take(512).find_map(matches))
    }
}

/// The moment, or one that the database can represent and at which the same rules hold: the calendar repeats after 400
/// years, and zones have rules for all years to come, and one offset before the first change.
fn timestamp(unix_seconds: i64) -> Timestamp {
    const FOUR_CENTURIES: i64 = 146_097 * 86_400;
    if let Ok(moment) = Timestamp::from_second(unix_seconds) {
        return moment;
    }
    if unix_seconds < 0 {
        return Timestamp::MIN;
    }
    let last = Timestamp::MAX.as_second() - FOUR_CENTURIES;
    let far = last + (unix_seconds - last).rem_euclid(FOUR_CENTURIES);
    Timestamp::from_second(far).unwrap_or(Timestamp::MAX)
}
