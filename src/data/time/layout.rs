//! Go's layouts: a layout shows how the moment `Mon Jan 2 15:04:05 MST 2006` would be written.
//!
//! Invariant: [`next`] always returns text that together with its element and rest is the whole layout; it never fails,
//! as every text is a layout.

use super::civil::Civil;

/// A part of a layout that stands for something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Element {
    LongMonth,
    Month,
    NumMonth,
    ZeroMonth,
    LongWeekday,
    Weekday,
    Day,
    UnderDay,
    ZeroDay,
    UnderYearDay,
    ZeroYearDay,
    Hour,
    Hour12,
    ZeroHour12,
    Minute,
    ZeroMinute,
    Second,
    ZeroSecond,
    LongYear,
    Year,
    UpperPm,
    LowerPm,
    ZoneName,
    /// `Z07:00` and its kin (`z`: UTC is written `Z`), `-0700` and its kin.
    Offset {
        z: bool,
        colons: bool,
        parts: u8,
    },
    /// `.000`: that many digits. The separator is a dot or a comma.
    Fraction {
        separator: char,
        digits: usize,
    },
    /// `.999`: up to that many digits, trailing zeros left out.
    TrimmedFraction {
        separator: char,
        digits: usize,
    },
}

/// Fixed spellings, the longer of two with the same start first. A name flagged `true` counts only when no lower-case
/// letter follows (`Jane` is no month).
const FIXED: &[(&str, Element, bool)] = &[
    ("January", Element::LongMonth, false),
    ("Jan", Element::Month, true),
    ("Monday", Element::LongWeekday, false),
    ("Mon", Element::Weekday, true),
    ("MST", Element::ZoneName, false),
    ("002", Element::ZeroYearDay, false),
    ("01", Element::ZeroMonth, false),
    ("02", Element::ZeroDay, false),
    ("03", Element::ZeroHour12, false),
    ("04", Element::ZeroMinute, false),
    ("05", Element::ZeroSecond, false),
    ("06", Element::Year, false),
    ("15", Element::Hour, false),
    ("1", Element::NumMonth, false),
    ("2006", Element::LongYear, false),
    ("2", Element::Day, false),
    ("__2", Element::UnderYearDay, false),
    ("3", Element::Hour12, false),
    ("4", Element::Minute, false),
    ("5", Element::Second, false),
    ("PM", Element::UpperPm, false),
    ("pm", Element::LowerPm, false),
    ("-07:00:00", Element::Offset { z: false, colons: true, parts: 3 }, false),
    ("-070000", Element::Offset { z: false, colons: false, parts: 3 }, false),
    ("-07:00", Element::Offset { z: false, colons: true, parts: 2 }, false),
    ("-0700", Element::Offset { z: false, colons: false, parts: 2 }, false),
    ("-07", Element::Offset { z: false, colons: false, parts: 1 }, false),
    ("Z07:00:00", Element::Offset { z: true, colons: true, parts: 3 }, false),
    ("Z070000", Element::Offset { z: true, colons: false, parts: 3 }, false),
    ("Z07:00", Element::Offset { z: true, colons: true, parts: 2 }, false),
    ("Z0700", Element::Offset { z: true, colons: false, parts: 2 }, false),
    ("Z07", Element::Offset { z: true, colons: false, parts: 1 }, false),
];

/// Splits a layout at its first element: the text before it, the element with its spelling, and what follows.
pub(super) fn next(layout: &str) -> (&str, Option<(Element, &str)>, &str) {
    for (at, _) in layout.char_indices() {
        let here = &layout[at..];
        if let Some((element, length)) = element_at(here) {
            return (&layout[..at], Some((element, &here[..length])), &here[length..]);
        }
    }
    (layout, None, "")
}

/// The element that starts a text, with the length of its spelling.
fn element_at(text: &str) -> Option<(Element, usize)> {
    let first = *text.as_bytes().first()?;
    match first {
        // `_2006` is an underscore and a year.
        b'_' if text.starts_with("_2") && !text.starts_with("_2006") => return Some((Element::UnderDay, 2)),
        b'.' | b',' => return fraction_at(text, char::from(first)),
        b'J' | b'M' | b'0'..=b'5' | b'_' | b'P' | b'p' | b'-' | b'Z' => {}
        _ => return None,
    }
    let (spelling, element, _) = FIXED.iter().find(|(spelling, _, whole_word)| {
        // Most spellings begin otherwise, and a list formats thousands of times.
        if spelling.as_bytes().first() != Some(&first) {
            return false;
        }
        text.strip_prefix(spelling)
            .is_some_and(|rest| !whole_word || !rest.starts_with(|c: char| c.is_ascii_lowercase()))
    })?;
    Some((*element, spelling.len()))
}

/// `.000`, `,999`: a separator, then only zeros or only nines, then no digit.
fn fraction_at(text: &str, separator: char) -> Option<(Element, usize)> {
    let rest = &text[1..];
    let kind = rest.chars().next().filter(|c| matches!(c, '0' | '9'))?;
    let digits = rest.chars().take_while(|c| *c == kind).count();
    if rest[digits..].starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let element = if kind == '0' {
        Element::Fraction { separator, digits }
    } else {
        Element::TrimmedFraction { separator, digits }
    };
    Some((element, digits + 1))
}

/// Writes a reading by a layout.
pub(super) fn format(at: &Civil, layout: &str) -> String {
    let mut out = String::with_capacity(layout.len() + 10);
    let mut rest = layout;
    loop {
        let (literal, element, tail) = next(rest);
        out.push_str(literal);
        let Some((element, _)) = element else { return out };
        write_element(&mut out, at, element);
        rest = tail;
    }
}

fn write_element(out: &mut String, at: &Civil, element: Element) {
    let hour12 = match at.hour % 12 {
        0 => 12,
        hour => hour,
    };
    let text = match element {
        Element::LongMonth => at.month_name().to_string(),
        Element::Month => at.month_name().get(..3).unwrap_or("").to_string(),
        Element::NumMonth => at.month.to_string(),
        Element::ZeroMonth => format!("{:02}", at.month),
        Element::LongWeekday => at.weekday_name().to_string(),
        Element::Weekday => at.weekday_name().get(..3).unwrap_or("").to_string(),
        Element::Day => at.day.to_string(),
        Element::UnderDay => format!("{:2}", at.day),
        Element::ZeroDay => format!("{:02}", at.day),
        Element::UnderYearDay => format!("{:3}", at.year_day),
        Element::ZeroYearDay => format!("{:03}", at.year_day),
        Element::Hour => format!("{:02}", at.hour),
        Element::Hour12 => hour12.to_string(),
        Element::ZeroHour12 => format!("{hour12:02}"),
        Element::Minute => at.minute.to_string(),
        Element::ZeroMinute => format!("{:02}", at.minute),
        Element::Second => at.second.to_string(),
        Element::ZeroSecond => format!("{:02}", at.second),
        Element::LongYear if at.year < 0 => format!("-{:04}", at.year.unsigned_abs()),
        Element::LongYear => format!("{:04}", at.year),
        Element::Year => format!("{:02}", at.year.unsigned_abs() % 100),
        Element::UpperPm => (if at.hour >= 12 { "PM" } else { "AM" }).to_string(),
        Element::LowerPm => (if at.hour >= 12 { "pm" } else { "am" }).to_string(),
        Element::ZoneName if at.abbreviation.is_empty() => offset(at.offset, false, 2),
        Element::ZoneName => at.abbreviation.clone(),
        Element::Offset { z: true, .. } if at.offset == 0 => "Z".to_string(),
        Element::Offset { colons, parts, .. } => offset(at.offset, colons, parts),
        Element::Fraction { separator, digits } => fraction(at.nanos, separator, digits),
        Element::TrimmedFraction { separator, digits } => {
            let text = fraction(at.nanos, separator, digits);
            text.trim_end_matches('0').trim_end_matches(separator).to_string()
        }
    };
    out.push_str(&text);
}

/// A separator and the first digits of the fraction of a second, never more than nine.
fn fraction(nanos: u32, separator: char, digits: usize) -> String {
    let all = format!("{nanos:09}");
    format!("{separator}{}", all.get(..digits).unwrap_or(&all))
}

/// `+0100`, `+01:00:30`, `+01`.
fn offset(seconds: i32, colons: bool, parts: u8) -> String {
    let sign = if seconds / 60 < 0 { '-' } else { '+' };
    let size = seconds.unsigned_abs();
    let between = if colons { ":" } else { "" };
    let (hours, minutes, seconds) = (size / 3600, size / 60 % 60, size % 60);
    match parts {
        1 => format!("{sign}{hours:02}"),
        2 => format!("{sign}{hours:02}{between}{minutes:02}"),
        _ => format!("{sign}{hours:02}{between}{minutes:02}{between}{seconds:02}"),
    }
}
