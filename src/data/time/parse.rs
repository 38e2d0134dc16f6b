//! Reading a moment by a Go layout.
//!
//! Invariant: every error has Go's text, so that messages compare equal with Helm's.

use super::civil::{self, MONTHS, WEEKDAYS};
use super::layout::{self, Element};
use super::{Time, Zone};

/// Why a text cannot be read by a layout; `Display` is Go's message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseError {
    /// The text has another form.
    #[error(
        "parsing time {} as {}: cannot parse {} as {}",
        quote(text),
        quote(layout),
        quote(rest),
        quote(element)
    )]
    Form {
        /// The whole text.
        text: String,
        /// The layout.
        layout: String,
        /// What was left of the text.
        rest: String,
        /// The part of the layout that should match it.
        element: String,
    },
    /// A field has a number that does not exist.
    #[error("parsing time {}: {field} out of range", quote(text))]
    Range {
        /// The whole text.
        text: String,
        /// `month`, `day`, `hour`, …
        field: &'static str,
    },
    /// The text goes on after the layout.
    #[error("parsing time {}: extra text: {}", quote(text), quote(rest))]
    Extra {
        /// The whole text.
        text: String,
        /// What was left over.
        rest: String,
    },
    /// Day of the year and date disagree.
    #[error("parsing time {}: day-of-year does not match {field}", quote(text))]
    YearDay {
        /// The whole text.
        text: String,
        /// `month` or `day`.
        field: &'static str,
    },
}

impl crate::diag::Hint for ParseError {}

/// A text in double quotes as Go's time package writes it: quotes and backslashes escaped, other bytes outside printable
/// ASCII as `\xNN`.
pub(super) fn quote(text: &str) -> String {
    let mut out = String::from("\"");
    for byte in text.bytes() {
        match byte {
            b'"' | b'\\' => {
                out.push('\\');
                out.push(char::from(byte));
            }
            b' '..=b'~' => out.push(char::from(byte)),
            _ => out.extend(format!("\\x{byte:02x}").chars()),
        }
    }
    out.push('"');
    out
}

/// What the elements have said so far.
struct Fields {
    year: i64,
    month: Option<u32>,
    day: Option<u32>,
    year_day: Option<u32>,
    hour: u32,
    minute: u32,
    second: u32,
    nanos: u32,
    pm: Option<bool>,
    utc: bool,
    offset: Option<i32>,
    zone: String,
}

/// Why one element did not match.
enum Fail {
    Form,
    Range(&'static str),
}

type Step<'a, T = ()> = Result<(T, &'a str), Fail>;

pub(super) fn parse(layout: &str, text: &str, local: &Zone) -> Result<Time, ParseError> {
    let mut fields = Fields {
        year: 0,
        month: None,
        day: None,
        year_day: None,
        hour: 0,
        minute: 0,
        second: 0,
        nanos: 0,
        pm: None,
        utc: false,
        offset: None,
        zone: String::new(),
    };
    let form = |rest: &str, element: &str| ParseError::Form {
        text: text.to_string(),
        layout: layout.to_string(),
        rest: rest.to_string(),
        element: element.to_string(),
    };
    let (mut pattern, mut value) = (layout, text);
    loop {
        let (literal, element, tail) = layout::next(pattern);
        value = skip(value, literal).map_err(|rest| form(rest, literal))?;
        let Some((element, spelling)) = element else {
            if !value.is_empty() {
                return Err(ParseError::Extra { text: text.to_string(), rest: value.to_string() });
            }
            break;
        };
        match read_element(&mut fields, element, value, tail) {
            Ok(((), rest)) => value = rest,
            Err(Fail::Form) => return Err(form(value, spelling)),
            Err(Fail::Range(field)) => return Err(ParseError::Range { text: text.to_string(), field }),
        }
        pattern = tail;
    }
    finish(fields, text, local)
}

/// Takes a literal part of the layout off a value; a run of spaces matches any run. The error is the value from the first
/// character on that does not match.
fn skip<'a>(mut value: &'a str, literal: &str) -> Result<&'a str, &'a str> {
    let mut literal = literal;
    while let Some(expected) = literal.chars().next() {
        if expected == ' ' {
            if !value.is_empty() && !value.starts_with(' ') {
                return Err(value);
            }
            literal = literal.trim_start_matches(' ');
            value = value.trim_start_matches(' ');
        } else {
            value = value.strip_prefix(expected).ok_or(value)?;
            literal = literal.get(expected.len_utf8()..).unwrap_or_default();
        }
    }
    Ok(value)
}

fn read_element<'a>(fields: &mut Fields, element: Element, value: &'a str, tail: &str) -> Step<'a> {
    let rest = match element {
        Element::Year => {
            let (year, rest) = digits(value, 2, 2)?;
            fields.year = i64::from(if year >= 69 { year + 1900 } else { year + 2000 });
            rest
        }
        Element::LongYear => {
            let (year, rest) = digits(value, 4, 4)?;
            fields.year = i64::from(year);
            rest
        }
        Element::Month => named(&MONTHS, true, value).map(|(at, rest)| {
            fields.month = Some(at);
            rest
        })?,
        Element::LongMonth => named(&MONTHS, false, value).map(|(at, rest)| {
            fields.month = Some(at);
            rest
        })?,
        Element::NumMonth | Element::ZeroMonth => {
            let (month, rest) = digits(value, least(element == Element::ZeroMonth), 2)?;
            fields.month = Some(within(month, 1, 12, "month")?);
            rest
        }
        Element::Weekday => named(&WEEKDAYS, true, value)?.1,
        Element::LongWeekday => named(&WEEKDAYS, false, value)?.1,
        Element::Day | Element::UnderDay | Element::ZeroDay => {
            let padded = element == Element::UnderDay;
            let value = if padded { value.strip_prefix(' ').unwrap_or(value) } else { value };
            let (day, rest) = digits(value, least(element == Element::ZeroDay), 2)?;
            fields.day = Some(day);
            rest
        }
        Element::UnderYearDay | Element::ZeroYearDay => {
            let padded = element == Element::UnderYearDay;
            let spaces = value.bytes().take(2).take_while(|byte| padded && *byte == b' ').count();
            let (day, rest) = digits(value.get(spaces..).unwrap_or(""), if padded { 1 } else { 3 }, 3)?;
            fields.year_day = Some(day);
            rest
        }
        _ => return read_clock(fields, element, value, tail),
    };
    Ok(((), rest))
}

fn read_clock<'a>(fields: &mut Fields, element: Element, value: &'a str, tail: &str) -> Step<'a> {
    let rest = match element {
        Element::Hour => {
            let (hour, rest) = digits(value, 1, 2)?;
            fields.hour = within(hour, 0, 23, "hour")?;
            rest
        }
        Element::Hour12 | Element::ZeroHour12 => {
            let (hour, rest) = digits(value, least(element == Element::ZeroHour12), 2)?;
            fields.hour = within(hour, 0, 12, "hour")?;
            rest
        }
        Element::Minute | Element::ZeroMinute => {
            let (minute, rest) = digits(value, least(element == Element::ZeroMinute), 2)?;
            fields.minute = within(minute, 0, 59, "minute")?;
            rest
        }
        Element::Second | Element::ZeroSecond => {
            let (second, rest) = digits(value, least(element == Element::ZeroSecond), 2)?;
            fields.second = within(second, 0, 59, "second")?;
            // A fraction is taken even where the layout has none, unless the layout's next element is one.
            let comes = matches!(
                layout::next(tail).1,
                Some((Element::Fraction { .. } | Element::TrimmedFraction { .. }, _))
            );
            if comes { rest } else { optional_fraction(fields, rest) }
        }
        Element::UpperPm | Element::LowerPm => {
            let (am, pm) = if element == Element::UpperPm { ("AM", "PM") } else { ("am", "pm") };
            match (value.strip_prefix(pm), value.strip_prefix(am)) {
                (Some(rest), _) => {
                    fields.pm = Some(true);
                    rest
                }
                (_, Some(rest)) => {
                    fields.pm = Some(false);
                    rest
                }
                _ => return Err(Fail::Form),
            }
        }
        Element::Offset { z: true, .. } if value.starts_with('Z') => {
            fields.utc = true;
            value.get(1..).unwrap_or("")
        }
        Element::Offset { colons, parts, .. } => {
            let (offset, rest) = read_offset(value, colons, parts)?;
            fields.offset = Some(offset);
            rest
        }
        Element::ZoneName => {
            if let Some(rest) = value.strip_prefix("UTC") {
                fields.utc = true;
                rest
            } else {
                let length = zone_name_length(value).ok_or(Fail::Form)?;
                let (name, rest) = value.split_at(length);
                fields.zone = name.to_string();
                rest
            }
        }
        Element::Fraction { digits: count, .. } => {
            let body = value.strip_prefix(['.', ',']).ok_or(Fail::Form)?;
            let (fraction, rest) = body.split_at_checked(count).ok_or(Fail::Form)?;
            fields.nanos = nanos_of(fraction).ok_or(Fail::Form)?;
            rest
        }
        Element::TrimmedFraction { .. } => optional_fraction(fields, value),
        _ => return Err(Fail::Form),
    };
    Ok(((), rest))
}

/// How many digits a number must have at least.
fn least(zero_padded: bool) -> usize {
    if zero_padded { 2 } else { 1 }
}

/// Reads between `least` and `most` digits.
fn digits(value: &str, least: usize, most: usize) -> Step<'_, u32> {
    let count = value.bytes().take(most).take_while(u8::is_ascii_digit).count();
    if count < least || count == 0 {
        return Err(Fail::Form);
    }
    let (number, rest) = value.split_at(count);
    Ok((number.parse().map_err(|_| Fail::Form)?, rest))
}

fn within(number: u32, from: u32, to: u32, field: &'static str) -> Result<u32, Fail> {
    if (from..=to).contains(&number) { Ok(number) } else { Err(Fail::Range(field)) }
}

/// Finds a name (its first three letters when `short`) at the start of a value, whatever its case; counted from 1.
fn named<'a>(names: &[&str], short: bool, value: &'a str) -> Step<'a, u32> {
    for (at, name) in names.iter().enumerate() {
        let name = if short { name.get(..3).unwrap_or(name) } else { name };
        if value.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name)) {
            return Ok((at as u32 + 1, value.get(name.len()..).unwrap_or("")));
        }
    }
    Err(Fail::Form)
}

/// Takes a separator and digits, if they are there.
fn optional_fraction<'a>(fields: &mut Fields, value: &'a str) -> &'a str {
    let Some(body) = value.strip_prefix(['.', ',']) else { return value };
    let count = body.bytes().take_while(u8::is_ascii_digit).count();
    let (fraction, rest) = body.split_at(count);
    match nanos_of(fraction) {
        Some(nanos) => {
            fields.nanos = nanos;
            rest
        }
        None => value,
    }
}

/// Nanoseconds of the digits of a fraction; digits beyond the ninth are dropped.
fn nanos_of(fraction: &str) -> Option<u32> {
    if fraction.is_empty() || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let kept = fraction.get(..9).unwrap_or(fraction);
    Some(kept.parse::<u32>().ok()? * 10u32.pow(9 - kept.len() as u32))
}

/// `+01:00`, `-0130`, `+01:00:30`, `+01`.
fn read_offset(value: &str, colons: bool, parts: u8) -> Step<'_, i32> {
    let first = value.chars().next().ok_or(Fail::Form)?;
    let mut rest = value.get(1..).ok_or(Fail::Form)?;
    let mut numbers = [0u32; 3];
    for (at, number) in numbers.iter_mut().enumerate().take(usize::from(parts)) {
        if at > 0 && colons {
            rest = rest.strip_prefix(':').ok_or(Fail::Form)?;
        }
        (*number, rest) = digits(rest, 2, 2)?;
    }
    let [hours, minutes, seconds] = numbers;
    within(hours, 0, 24, "time zone offset hour")?;
    within(minutes, 0, 60, "time zone offset minute")?;
    within(seconds, 0, 60, "time zone offset second")?;
    // Go looks at the sign last: numbers that are out of range are told first.
    let sign = match first {
        '+' => 1,
        '-' => -1,
        _ => return Err(Fail::Form),
    };
    Ok((sign * (hours * 3600 + minutes * 60 + seconds) as i32, rest))
}

/// Length of a zone abbreviation at the start of a value: three capitals, four that end in T, `GMT+3`, `+03`.
fn zone_name_length(value: &str) -> Option<usize> {
    if value.starts_with("ChST") || value.starts_with("MeST") {
        return Some(4);
    }
    if let Some(rest) = value.strip_prefix("GMT") {
        return Some(3 + signed_hours_length(rest));
    }
    if value.starts_with(['+', '-']) {
        return Some(signed_hours_length(value)).filter(|length| *length > 0);
    }
    let capitals = value.bytes().take(6).take_while(u8::is_ascii_uppercase).count();
    match (capitals, value.as_bytes()) {
        (3, _) | (4, [_, _, _, b'T', ..]) | (5, [_, _, _, _, b'T', ..]) => Some(capitals),
        (4, _) if value.starts_with("WITA") => Some(4),
        _ => None,
    }
}

/// Length of `+3` or `-11`, hours up to 23; 0 when there is none.
fn signed_hours_length(value: &str) -> usize {
    if !value.starts_with(['+', '-']) {
        return 0;
    }
    let count = value.bytes().skip(1).take_while(u8::is_ascii_digit).count();
    match value.get(1..=count).and_then(|hours| hours.parse::<u32>().ok()) {
        Some(hours) if hours <= 23 => count + 1,
        _ => 0,
    }
}

/// Checks that the fields make a moment, and finds its zone.
fn finish(fields: Fields, text: &str, local: &Zone) -> Result<Time, ParseError> {
    let range = |field| ParseError::Range { text: text.to_string(), field };
    let hour = match fields.pm {
        Some(true) if fields.hour < 12 => fields.hour + 12,
        Some(false) if fields.hour == 12 => 0,
        _ => fields.hour,
    };
    let (mut month, mut day) = (fields.month, fields.day);
    if let Some(year_day) = fields.year_day {
        if year_day < 1 || year_day > 365 + u32::from(civil::is_leap(fields.year)) {
            return Err(range("day-of-year"));
        }
        let (found_month, found_day) = month_and_day(fields.year, year_day);
        let mismatch = |field| ParseError::YearDay { text: text.to_string(), field };
        if month.is_some_and(|month| month != found_month) {
            return Err(mismatch("month"));
        }
        if day.is_some_and(|day| day != found_day) {
            return Err(mismatch("day"));
        }
        (month, day) = (Some(found_month), Some(found_day));
    }
    let (month, day) = (month.unwrap_or(1), day.unwrap_or(1));
    if day < 1 || day > civil::days_in_month(fields.year, month) {
        return Err(range("day"));
    }
    let second_of_day = i64::from(hour * 3600 + fields.minute * 60 + fields.second);
    let in_zone = |zone: Zone| {
        Time::from_civil(
            fields.year,
            i64::from(month),
            i64::from(day),
            second_of_day,
            i64::from(fields.nanos),
            zone,
        )
    };
    let utc = in_zone(Zone::Utc);
    if fields.utc {
        return Ok(utc);
    }
    if let Some(offset) = fields.offset {
        let moment = in_zone(Zone::Fixed { name: fields.zone.clone(), offset });
        let (local_offset, local_name) = local.at(moment.unix());
        let same = local_offset == offset && (fields.zone.is_empty() || fields.zone == local_name);
        return Ok(if same { moment.in_zone(local) } else { moment });
    }
    if fields.zone.is_empty() {
        return Ok(in_zone(local.clone()));
    }
    if let Some(offset) = local.offset_of_abbreviation(&fields.zone, utc.unix()) {
        return Ok(in_zone(Zone::Fixed { name: String::new(), offset }).in_zone(local));
    }
    // A name that the zone does not know says nothing of its offset, except in the form `GMT+3`; and even then Go takes
    // the reading as UTC and only shows it at that offset.
    let hours = fields.zone.strip_prefix("GMT").and_then(|hours| hours.parse::<i32>().ok()).unwrap_or(0);
    Ok(utc.in_zone(&Zone::Fixed { name: fields.zone, offset: hours * 3600 }))
}

/// Month and day of a day of the year that exists.
fn month_and_day(year: i64, year_day: u32) -> (u32, u32) {
    let mut left = year_day;
    for month in 1..12 {
        let length = civil::days_in_month(year, month);
        if left <= length {
            return (month, left);
        }
        left -= length;
    }
    (12, left)
}
