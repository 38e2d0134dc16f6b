//! Floats as text, as Go's strconv.FormatFloat writes them.
//!
//! Invariant: digits come from the standard library's exact conversions; only the layout is ours.

use super::quote::append;

/// Digits after the point beyond which every float64 has only zeros.
const EXACT_FRACTION: usize = 1_100;

/// Significant decimal digits and the position of the point: the value is `0.d1d2d3… × 10^point`.
struct Digits {
    digits: Vec<u8>,
    point: i32,
}

/// Formats a float. `verb` is one of `e E f g G b x X`; a negative `precision` asks for the shortest text that reads
/// back as the same number; `single` says that the number is a float32.
pub fn format_float(value: f64, verb: u8, precision: i32, single: bool) -> String {
    if value.is_nan() {
        return "NaN".into();
    }
    if value.is_infinite() {
        return if value > 0.0 { "+Inf".into() } else { "-Inf".into() };
    }
    let mut out = String::new();
    if value.is_sign_negative() {
        out.push('-');
    }
    let size = value.abs();
    match verb {
        b'b' => binary(&mut out, size, single),
        b'x' | b'X' => hexadecimal(&mut out, size, precision, verb == b'X', single),
        b'f' | b'F' => fixed(&mut out, size, precision, single),
        b'e' | b'E' => {
            let digits = match usize::try_from(precision) {
                Ok(precision) => rounded(size, precision + 1),
                Err(_) => shortest(size, single),
            };
            let precision = usize::try_from(precision).unwrap_or(digits.digits.len().saturating_sub(1));
            exponential(&mut out, &digits, precision, verb);
        }
        _ => general(&mut out, size, precision, if verb == b'G' { b'E' } else { b'e' }, single),
    }
    out
}

/// The shortest form that Go's `%v` prints: `1e+06`, `0.1`, `-0`.
pub fn format_shortest(value: f64) -> String {
    format_float(value, b'g', -1, false)
}

fn shortest(size: f64, single: bool) -> Digits {
    let text = if single { format!("{:e}", size as f32) } else { format!("{size:e}") };
    parse_scientific(&text)
}

fn rounded(size: f64, significant: usize) -> Digits {
    let exact = significant.clamp(1, EXACT_FRACTION);
    parse_scientific(&format!("{size:.*e}", exact - 1))
}

/// Reads `d.ddde±x` as the standard library writes it.
fn parse_scientific(text: &str) -> Digits {
    let (mantissa, exponent) = text.split_once('e').unwrap_or((text, "0"));
    let mut digits: Vec<u8> = mantissa.bytes().filter(u8::is_ascii_digit).collect();
    while digits.last() == Some(&b'0') {
        digits.pop();
    }
    if digits.is_empty() {
        return Digits { digits, point: 0 };
    }
    Digits { digits, point: exponent.parse::<i32>().unwrap_or(0) + 1 }
}

fn push_digits(out: &mut String, digits: &[u8], from: usize, to: usize) {
    for index in from..to {
        out.push(digits.get(index).map_or('0', |digit| *digit as char));
    }
}

fn exponential(out: &mut String, digits: &Digits, precision: usize, verb: u8) {
    push_digits(out, &digits.digits, 0, 1);
    if precision > 0 {
        out.push('.');
        push_digits(out, &digits.digits, 1, precision + 1);
    }
    let exponent = if digits.digits.is_empty() { 0 } else { digits.point - 1 };
    push_exponent(out, exponent, verb);
}

fn push_exponent(out: &mut String, exponent: i32, letter: u8) {
    out.push(letter as char);
    out.push(if exponent < 0 { '-' } else { '+' });
    append(out, format_args!("{:02}", exponent.unsigned_abs()));
}

fn fixed(out: &mut String, size: f64, precision: i32, single: bool) {
    let Ok(precision) = usize::try_from(precision) else {
        if single {
            return append(out, format_args!("{}", size as f32));
        }
        return append(out, format_args!("{size}"));
    };
    let exact = precision.min(EXACT_FRACTION);
    append(out, format_args!("{size:.exact$}"));
    push_digits(out, &[], exact, precision);
}

fn general(out: &mut String, size: f64, precision: i32, letter: u8, single: bool) {
    let is_shortest = precision < 0;
    let mut precision = usize::try_from(precision).unwrap_or(6);
    let digits = if is_shortest {
        shortest(size, single)
    } else {
        precision = precision.max(1);
        rounded(size, precision)
    };
    let count = digits.digits.len();
    let point = digits.point;
    let mut threshold = precision as i32;
    if is_shortest {
        precision = 6;
        threshold = 6;
    } else if threshold > count as i32 && count as i32 >= point {
        threshold = count as i32;
    }
    let exponent = point - 1;
    if exponent < -4 || exponent >= threshold {
        let wanted = if is_shortest || precision > count { count } else { precision };
        return exponential(out, &digits, wanted.saturating_sub(1), letter);
    }
    plain(out, &digits);
}

/// Digits with a point and no exponent, as many as there are.
fn plain(out: &mut String, digits: &Digits) {
    let count = digits.digits.len();
    let whole = usize::try_from(digits.point).unwrap_or(0);
    if whole == 0 {
        out.push('0');
    } else {
        push_digits(out, &digits.digits, 0, whole);
    }
    if count as i32 > digits.point && count > 0 {
        out.push('.');
        push_digits(out, &[], 0, usize::try_from(-digits.point).unwrap_or(0));
        push_digits(out, &digits.digits, whole, count);
    }
}

/// Mantissa and binary exponent of a finite number, the mantissa as an integer.
fn parts(size: f64, single: bool) -> (u64, i32, u32) {
    if single {
        let bits = (size as f32).to_bits();
        let (exponent, mantissa) = ((bits >> 23) & 0xff, u64::from(bits & 0x7f_ffff));
        let (mantissa, exponent) = if exponent == 0 { (mantissa, 1) } else { (mantissa | 1 << 23, exponent) };
        return (mantissa, exponent as i32 - 127, 23);
    }
    let bits = size.to_bits();
    let (exponent, mantissa) = ((bits >> 52) & 0x7ff, bits & ((1 << 52) - 1));
    let (mantissa, exponent) = if exponent == 0 { (mantissa, 1) } else { (mantissa | 1 << 52, exponent) };
    (mantissa, exponent as i32 - 1023, 52)
}

fn binary(out: &mut String, size: f64, single: bool) {
    let (mantissa, exponent, width) = parts(size, single);
    let exponent = exponent - width as i32;
    append(out, format_args!("{mantissa}p{exponent:+}"));
}

fn hexadecimal(out: &mut String, size: f64, precision: i32, upper: bool, single: bool) {
    let (mut mantissa, mut exponent, width) = parts(size, single);
    if mantissa == 0 {
        exponent = 0;
    }
    // The leading one is moved to bit 60, so that fifteen hexadecimal digits follow it.
    mantissa <<= 60 - width;
    while mantissa != 0 && mantissa & (1 << 60) == 0 {
        mantissa <<= 1;
        exponent -= 1;
    }
    if (0..15).contains(&precision) {
        let shift = precision as u32 * 4;
        let extra = (mantissa << shift) & ((1 << 60) - 1);
        mantissa >>= 60 - shift;
        if extra | (mantissa & 1) > 1 << 59 {
            mantissa += 1;
        }
        mantissa <<= 60 - shift;
        if mantissa & (1 << 61) != 0 {
            mantissa >>= 1;
            exponent += 1;
        }
    }
    let mut text = format!("0x{}", (mantissa >> 60) & 1);
    let mut rest = format!("{:015x}", mantissa & ((1 << 60) - 1));
    match usize::try_from(precision) {
        Ok(precision) => {
            rest.truncate(precision);
            while rest.len() < precision {
                rest.push('0');
            }
        }
        Err(_) => rest.truncate(rest.trim_end_matches('0').len()),
    }
    if !rest.is_empty() {
        text.push('.');
        text.push_str(&rest);
    }
    push_exponent(&mut text, exponent, b'p');
    out.push_str(&if upper { text.to_uppercase() } else { text });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layouts_are_those_of_strconv() {
        for (value, verb, precision, want) in [
            (1e6, b'g', -1, "1e+06"),
            (999_999.0, b'g', -1, "999999"),
            (1e-5, b'g', -1, "1e-05"),
            (0.0001, b'g', -1, "0.0001"),
            (123_456_789.123, b'g', 10, "123456789.1"),
            (100.0, b'g', 3, "100"),
            (100.0, b'g', 2, "1e+02"),
            (0.000_012_345, b'e', 3, "1.234e-05"),
            (2.5, b'f', 0, "2"),
            (-0.0, b'g', -1, "-0"),
            (0.0, b'e', 6, "0.000000e+00"),
            (-0.0, b'g', 3, "-0"),
            (1e21, b'x', -1, "0x1.b1ae4d6e2ef5p+69"),
            (2.0, b'X', -1, "0X1P+01"),
            (2.5, b'b', -1, "5629499534213120p-51"),
            (1e-7, b'f', -1, "0.0000001"),
            (0.0, b'x', -1, "0x0p+00"),
        ] {
            assert_eq!(
                format_float(value, verb, precision, false),
                want,
                "{value} {} {precision}",
                verb as char
            );
        }
    }
}
