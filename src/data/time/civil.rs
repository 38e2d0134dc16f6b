//! Dates and clock readings from seconds, in the proleptic Gregorian calendar.
//!
//! Invariant: every `i64` of seconds has a date; nothing overflows.

/// Seconds of a day.
pub(super) const SECONDS_PER_DAY: i64 = 86_400;
/// Days of 400 years, after which the calendar repeats.
const DAYS_PER_ERA: i64 = 146_097;
/// Years of one cycle.
const YEARS_PER_ERA: i64 = 400;

/// Names of the months, January first.
pub(super) const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// Names of the days of the week, Sunday first.
pub(super) const WEEKDAYS: [&str; 7] =
    ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

/// The name of a month, counted from one.
pub fn month_name(number: i64) -> Option<&'static str> {
    usize::try_from(number.checked_sub(1)?).ok().and_then(|at| MONTHS.get(at)).copied()
}

/// The name of a day of the week, counted from zero for Sunday.
pub fn weekday_name(number: i64) -> Option<&'static str> {
    usize::try_from(number).ok().and_then(|at| WEEKDAYS.get(at)).copied()
}

/// A date and a clock reading, with the offset they are shown at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Civil {
    /// Year; 0 is the year before 1.
    pub year: i64,
    /// Month, 1 to 12.
    pub month: u32,
    /// Day of the month, from 1.
    pub day: u32,
    /// Hour, 0 to 23.
    pub hour: u32,
    /// Minute, 0 to 59.
    pub minute: u32,
    /// Second, 0 to 59.
    pub second: u32,
    /// Nanosecond.
    pub nanos: u32,
    /// Day of the week, 0 for Sunday.
    pub weekday: u32,
    /// Day of the year, from 1.
    pub year_day: u32,
    /// Seconds east of UTC.
    pub offset: i32,
    /// Abbreviation of the zone, such as `CET`; empty when it has none.
    pub abbreviation: String,
}

impl Civil {
    /// The reading of `local` seconds (Unix seconds plus offset).
    pub(super) fn new(local: i64, nanos: u32, offset: i32, abbreviation: String) -> Self {
        let days = local.div_euclid(SECONDS_PER_DAY);
        let second_of_day = local.rem_euclid(SECONDS_PER_DAY) as u32;
        let (year, month, day) = civil_from_days(days);
        Civil {
            year,
            month,
            day,
            hour: second_of_day / 3600,
            minute: second_of_day / 60 % 60,
            second: second_of_day % 60,
            nanos,
            // Day 0, 1 January 1970, was a Thursday.
            weekday: (days + 4).rem_euclid(7) as u32,
            year_day: (days - days_from_civil(year, 1, 1)) as u32 + 1,
            offset,
            abbreviation,
        }
    }

    /// Seconds since midnight.
    pub fn second_of_day(&self) -> i64 {
        i64::from(self.hour * 3600 + self.minute * 60 + self.second)
    }

    /// Name of the month.
    pub fn month_name(&self) -> &'static str {
        month_name(i64::from(self.month)).unwrap_or("")
    }

    /// Name of the day of the week.
    pub fn weekday_name(&self) -> &'static str {
        weekday_name(i64::from(self.weekday)).unwrap_or("")
    }
}

/// Whether a year has 366 days.
pub(super) fn is_leap(year: i64) -> bool {
    year.rem_euclid(4) == 0 && (year.rem_euclid(100) != 0 || year.rem_euclid(400) == 0)
}

/// Days of a month (1 to 12); 0 for a month that does not exist.
pub(super) fn days_in_month(year: i64, month: u32) -> u32 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => 0,
    }
}

/// Days from 1 January 1970 to a date; a month outside 1 to 12 carries into the year, a day into the month.
pub(super) fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = year.saturating_add((month.saturating_sub(1)).div_euclid(12));
    let month = month.saturating_sub(1).rem_euclid(12);
    // Counting years from March puts the leap day last, so that the length of the months before it never changes.
    let (march_year, march_month) =
        if month >= 2 { (year, month - 2) } else { (year.saturating_sub(1), month + 10) };
    let era = march_year.div_euclid(YEARS_PER_ERA);
    let year_of_era = march_year.rem_euclid(YEARS_PER_ERA);
    let day_of_year = (153 * march_month + 2) / 5;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    // 719,468 days lie between 1 March of year 0 and 1 January 1970.
    era.saturating_mul(DAYS_PER_ERA)
        .saturating_add(day_of_era - 719_468)
        .saturating_add(day.saturating_sub(1))
}

/// The date of a number of days from 1 January 1970.
fn civil_from_days(days: i64) -> (i64, u32, u32) {
    let shifted = days.saturating_add(719_468);
    let era = shifted.div_euclid(DAYS_PER_ERA);
    let day_of_era = shifted.rem_euclid(DAYS_PER_ERA);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march_month + 2) / 5 + 1;
    let (month, carry) = if march_month < 10 { (march_month + 3, 0) } else { (march_month - 9, 1) };
    (era * YEARS_PER_ERA + year_of_era + carry, month as u32, day as u32)
}
