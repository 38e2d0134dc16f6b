//! Numbers as Go prints them.
//!
//! Invariant: the shortest digits that read back as the same number, in the notation that Go would choose.

use std::fmt::Write;

/// A double as Go's `%v` and `strconv.FormatFloat(f, 'g', -1, 64)` print it: `1e+06`, `0.0001`, `1e-05`, `NaN`, `+Inf`.
pub fn float_g(number: f64) -> String {
    if number.is_nan() {
        return "NaN".into();
    }
    if number.is_infinite() {
        return if number > 0.0 { "+Inf".into() } else { "-Inf".into() };
    }
    general(&shortest(number))
}

/// The shortest digits that read back as the number, as `d.ddde-x`; of two that are equally near the even one, as in Go.
fn shortest(number: f64) -> String {
    let up = format!("{number:e}");
    let digits = up.bytes().filter(u8::is_ascii_digit).count();
    let Some((mantissa, exponent)) = up.split_once('e') else { return up };
    // Fewer digits are never in doubt.
    if digits - exponent.trim_start_matches('-').len() < 16 || mantissa.ends_with(['0', '2', '4', '6', '8']) {
        return up;
    }
    // A tie has one digit more, a 5, and nothing behind it. Rust rounds it up.
    let length = mantissa.trim_start_matches('-').len() - 1;
    let exact = format!("{number:.0$e}", length + 30);
    let tie = exact
        .split_once('e')
        .and_then(|(digits, _)| digits.get(mantissa.len()..))
        .and_then(|rest| rest.strip_prefix('5'))
        .is_some_and(|rest| rest.bytes().all(|byte| byte == b'0'));
    let even = exact.get(..mantissa.len()).map(|digits| format!("{digits}e{exponent}"));
    even.filter(|even| tie && even.parse() == Ok(number)).unwrap_or(up)
}

/// A double rounded to single precision, printed like [`float_g`]: how keys and fields of type string get their text.
pub fn float_g32(number: f64) -> String {
    let single = number as f32;
    if single.is_finite() { general(&format!("{single:e}")) } else { float_g(f64::from(single)) }
}

/// Go's `g` from Rust's `d.ddde-x`: an exponent below -4 or from 6 on is written as such.
fn general(scientific: &str) -> String {
    let (sign, digits, exponent) = parts(scientific);
    let mut out = String::from(sign);
    if (-4..6).contains(&exponent) {
        positional(&mut out, &digits, exponent);
    } else {
        exponential(&mut out, &digits, exponent, 2);
    }
    out
}

/// A double as Go's `encoding/json` prints it: `1000000`, `1e+21`, `1e-7`, `-0`; `None` for what JSON has no word for.
pub fn float_json(number: f64) -> Option<String> {
    if !number.is_finite() {
        return None;
    }
    let scientific = shortest(number);
    let (sign, digits, exponent) = parts(&scientific);
    let mut out = String::from(sign);
    if number == 0.0 || (-6..21).contains(&exponent) {
        positional(&mut out, &digits, exponent);
    } else {
        exponential(&mut out, &digits, exponent, if exponent < 0 { 1 } else { 2 });
    }
    Some(out)
}

/// Sign, digits and decimal exponent of Rust's `{:e}`.
fn parts(scientific: &str) -> (&'static str, String, i32) {
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((scientific, "0"));
    let (sign, mantissa) = mantissa.strip_prefix('-').map_or(("", mantissa), |rest| ("-", rest));
    let digits = mantissa.chars().filter(char::is_ascii_digit).collect();
    (sign, digits, exponent.parse().unwrap_or(0))
}

/// `d.ddde+XX` with at least `width` digits of exponent.
fn exponential(out: &mut String, digits: &str, exponent: i32, width: usize) {
    out.push_str(&digits[..1]);
    if digits.len() > 1 {
        out.push('.');
        out.push_str(&digits[1..]);
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    // Writing to a string cannot fail.
    let _ = write!(out, "e{sign}{:0width$}", exponent.unsigned_abs());
}

/// Digits with the point where it belongs.
fn positional(out: &mut String, digits: &str, exponent: i32) {
    if exponent < 0 {
        out.push_str("0.");
        out.extend(std::iter::repeat_n('0', exponent.unsigned_abs() as usize - 1));
        out.push_str(digits);
        return;
    }
    let whole = exponent as usize + 1;
    if digits.len() <= whole {
        out.push_str(digits);
        out.extend(std::iter::repeat_n('0', whole - digits.len()));
    } else {
        out.push_str(&digits[..whole]);
        out.push('.');
        out.push_str(&digits[whole..]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notations_are_go_s() {
        for (number, general, json) in [
            (0.0, "0", "0"),
            (-0.0, "-0", "-0"),
            (1.5, "1.5", "1.5"),
            (999_999.0, "999999", "999999"),
            (1e6, "1e+06", "1000000"),
            (12_345_678.9, "1.23456789e+07", "12345678.9"),
            (0.0001, "0.0001", "0.0001"),
            (1e-5, "1e-05", "0.00001"),
            (1e-6, "1e-06", "0.000001"),
            (1e-7, "1e-07", "1e-7"),
            (1.5e-10, "1.5e-10", "1.5e-10"),
            (1e20, "1e+20", "100000000000000000000"),
            (1e21, "1e+21", "1e+21"),
            (-1_171_994_078_397_429.25, "-1.1719940783974292e+15", "-1171994078397429.2"),
            (829_844_750_552_767.25, "8.298447505527672e+14", "829844750552767.2"),
            (-1.25e300, "-1.25e+300", "-1.25e+300"),
            (12_345_678_901_234_567_890.0, "1.2345678901234567e+19", "12345678901234567000"),
        ] {
            assert_eq!(float_g(number), general);
            assert_eq!(float_json(number).as_deref(), Some(json));
        }
        assert_eq!(float_g32(123_456_789.0), "1.2345679e+08");
        assert_eq!(float_json(f64::NAN), None);
        assert_eq!((float_g(f64::NAN), float_g(f64::NEG_INFINITY)), ("NaN".into(), "-Inf".into()));
    }
}
