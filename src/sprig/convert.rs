//! Conversions between numbers and text.
//!
//! Invariant: a conversion never fails; what cannot be converted is 0 or empty, as with Go's cast package.

use crate::gotpl::{Ctx, Func, FuncError, Type, Val};

use super::{Entry, entry, strval};

type Answer = Result<Val, FuncError>;

pub(super) static ENTRIES: &[Entry] = &[
    entry(
        Func::new("atoi", &[Type::String], Type::Int, atoi),
        "A decimal text as an `int`, 0 when it is none.",
        r#"{{ atoi "42" }} → 42"#,
    ),
    entry(
        Func::new("float64", &[Type::Any], Type::Float64, float64),
        "A number or its text as a `float64`, 0 when it is none.",
        r#"{{ float64 "1.5" }} → 1.5"#,
    ),
    entry(
        Func::new("int", &[Type::Any], Type::Int, int),
        "A number or its text as an `int`, 0 when it is none.",
        "{{ int 3.7 }} → 3",
    ),
    entry(
        Func::new("int64", &[Type::Any], Type::Int64, int64),
        "A number or its text as an `int64`, 0 when it is none.",
        "{{ int64 3.7 }} → 3",
    ),
    entry(
        Func::new("toDecimal", &[Type::Any], Type::Int64, to_decimal),
        "An octal text as a number, 0 when it is none.",
        r#"{{ toDecimal "777" }} → 511"#,
    ),
    entry(
        Func::new("toString", &[Type::Any], Type::String, to_string),
        "The value as text.",
        "{{ toString 1 }} → 1",
    ),
];

/// What Go on amd64 makes of a float that does not fit an `int64`.
pub(super) fn truncate(number: f64) -> i64 {
    // The bounds are exact powers of two; the upper one itself does not fit.
    if (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&number) {
        number as i64
    } else {
        i64::MIN
    }
}

/// A value as an integer by the rules of Go's cast package.
pub(super) fn to_int(value: &Val) -> i64 {
    match value {
        Val::Bool(flag) => i64::from(*flag),
        Val::Str(text) => text.as_str().map_or(0, int_of_text),
        Val::Object(_) if !is_calendar_number(value) => 0,
        other => match (other.as_signed(), other.as_unsigned(), other.as_float()) {
            (Some(number), _, _) => number,
            (_, Some(number), _) => number as i64,
            (_, _, Some(number)) => truncate(number),
            _ => 0,
        },
    }
}

/// An integer literal in Go's notation (base by prefix, `_` between digits), with zero decimals cut off first.
fn int_of_text(text: &str) -> i64 {
    let (sign, digits) = match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    };
    let digits = match digits.split_once('.') {
        Some((whole, zeros)) if !zeros.is_empty() && zeros.bytes().all(|byte| byte == b'0') => whole,
        _ => digits,
    };
    let Some(magnitude) = magnitude(digits) else { return 0 };
    match (sign, i64::try_from(magnitude)) {
        (false, Ok(number)) => number,
        (true, Ok(number)) => -number,
        (true, Err(_)) if magnitude == 1 << 63 => i64::MIN,
        _ => 0,
    }
}

fn magnitude(digits: &str) -> Option<u64> {
    let lower = digits.to_ascii_lowercase();
    let (base, body) = match lower.as_bytes() {
        [b'0', b'x', ..] => (16, &lower[2..]),
        [b'0', b'o', ..] => (8, &lower[2..]),
        [b'0', b'b', ..] => (2, &lower[2..]),
        [b'0', _, ..] => (8, &lower[1..]),
        _ => (10, &lower[..]),
    };
    // An underscore may stand between digits or after the prefix, never first in a plain number, last, or twice.
    let prefixed = base != 10;
    if body.is_empty() || body.ends_with('_') || body.contains("__") || (!prefixed && body.starts_with('_')) {
        return None;
    }
    u64::from_str_radix(&body.replace('_', ""), base).ok().filter(|_| !body.starts_with(['+', '-']))
}

/// Months and days of the week are the only named types that the cast package knows.
fn is_calendar_number(value: &Val) -> bool {
    matches!(&*value.type_name(), "time.Month" | "time.Weekday")
}

/// A value as a float by the rules of Go's cast package.
pub(super) fn to_float(value: &Val) -> f64 {
    match value {
        Val::Bool(flag) => f64::from(u8::from(*flag)),
        Val::Str(text) => text.as_str().and_then(float_of_text).unwrap_or(0.0),
        Val::Object(_) if !is_calendar_number(value) => 0.0,
        other => match (other.as_float(), other.as_signed(), other.as_unsigned()) {
            (Some(number), _, _) => number,
            (_, Some(number), _) => number as f64,
            (_, _, Some(number)) => number as f64,
            _ => 0.0,
        },
    }
}

/// A float in Go's notation: decimal, `Inf`, `NaN`. `None` when it is none or out of range.
pub fn float_of_text(text: &str) -> Option<f64> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let special = ["inf", "infinity", "nan"].iter().any(|word| unsigned.eq_ignore_ascii_case(word));
    if unsigned.eq_ignore_ascii_case("nan") && unsigned.len() != text.len() {
        return None;
    }
    if let Some(bits) = unsigned.strip_prefix("0x").or_else(|| unsigned.strip_prefix("0X")) {
        return hexadecimal(bits).map(|number| if text.starts_with('-') { -number } else { number });
    }
    let number: f64 =
        if text.contains('_') { without_underscores(text)?.parse() } else { text.parse() }.ok()?;
    (special || number.is_finite()).then_some(number)
}

/// The text without its underscores, each of which must stand between digits.
fn without_underscores(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let digit = |at: Option<usize>| at.and_then(|at| bytes.get(at)).is_some_and(u8::is_ascii_hexdigit);
    let good = |at: usize| digit(at.checked_sub(1)) && digit(Some(at + 1));
    let all_good = bytes.iter().enumerate().all(|(at, byte)| *byte != b'_' || good(at));
    all_good.then(|| text.replace('_', ""))
}

/// `1.8p4`, behind a `0x`: the exponent must be there.
fn hexadecimal(bits: &str) -> Option<f64> {
    let bits = without_underscores(bits.strip_prefix('_').unwrap_or(bits))?.to_ascii_lowercase();
    let (mantissa, exponent) = bits.split_once('p')?;
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    if digits.is_empty() || digits.len() > 15 {
        return None;
    }
    let value = u64::from_str_radix(&digits, 16).ok()? as f64;
    let exponent: i32 = exponent.parse().ok()?;
    let number = value * 2_f64.powi(exponent.checked_sub(4 * fraction.len() as i32)?);
    number.is_finite().then_some(number)
}

fn int(_: &mut Ctx<'_>, args: &[Val]) -> Answer {
    let [value] = args else { return Err(FuncError::arguments("int")) };
    Ok(Val::Int(to_int(value)))
}

fn int64(_: &mut Ctx<'_>, args: &[Val]) -> Answer {
    let [value] = args else { return Err(FuncError::arguments("int64")) };
    Ok(Val::Int64(to_int(value)))
}

fn float64(_: &mut Ctx<'_>, args: &[Val]) -> Answer {
    let [value] = args else { return Err(FuncError::arguments("float64")) };
    Ok(Val::Float(to_float(value)))
}

fn atoi(_: &mut Ctx<'_>, args: &[Val]) -> Answer {
    let [Val::Str(text)] = args else { return Err(FuncError::arguments("atoi")) };
    Ok(Val::Int(text.as_str().map_or(0, |text| match text.parse() {
        Ok(number) => number,
        // Go keeps the nearest number when a decimal text has too many digits.
        Err(error) => match error.kind() {
            std::num::IntErrorKind::PosOverflow => i64::MAX,
            std::num::IntErrorKind::NegOverflow => i64::MIN,
            _ => 0,
        },
    })))
}

fn to_decimal(_: &mut Ctx<'_>, args: &[Val]) -> Answer {
    let [value] = args else { return Err(FuncError::arguments("toDecimal")) };
    let text = super::text_of(value);
    Ok(Val::Int64(text.as_str().and_then(|text| i64::from_str_radix(text, 8).ok()).unwrap_or(0)))
}

fn to_string(_: &mut Ctx<'_>, args: &[Val]) -> Answer {
    let [value] = args else { return Err(FuncError::arguments("toString")) };
    Ok(Val::Str(strval(value)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_become_integers_as_in_go() {
        for (text, number) in [
            ("010", 8),
            ("08", 0),
            ("3.7", 0),
            ("5.0", 5),
            ("1e3", 0),
            (" 5", 0),
            ("1_000", 1000),
            ("0x1F", 31),
            ("-0b11", -3),
            ("9223372036854775808", 0),
            ("-9223372036854775808", i64::MIN),
            ("", 0),
        ] {
            assert_eq!(to_int(&Val::str(text)), number, "{text:?}");
        }
    }

    #[test]
    fn floats_outside_the_range_become_the_smallest_integer() {
        assert_eq!([truncate(f64::NAN), truncate(1e19), truncate(-1.9)], [i64::MIN, i64::MIN, -1]);
    }
}
