//! Number literals: one literal can be an int, a float and a complex at once, whichever a parameter wants.
//!
//! Invariant: a literal that parses has at least one of its readings.

use super::quote::{quote, unquote_rune};

/// A number or character constant with all the readings that represent it exactly.
#[derive(Clone, Debug, Default)]
pub(super) struct Number {
    /// As written.
    pub(super) text: Box<str>,
    pub(super) int: Option<i64>,
    pub(super) uint: Option<u64>,
    pub(super) float: Option<f64>,
    pub(super) complex: Option<(f64, f64)>,
}

impl Number {
    /// A character constant with its quotes.
    pub(super) fn from_char(text: &str) -> Result<Self, String> {
        let inside = text.strip_prefix('\'').and_then(|text| text.strip_suffix('\'')).unwrap_or("");
        match unquote_rune(text) {
            Some(rune) => Ok(Number {
                text: text.into(),
                int: Some(i64::from(rune)),
                uint: Some(u64::from(rune)),
                float: Some(f64::from(rune)),
                complex: None,
            }),
            // The first character is fine and something follows it.
            None if first_is_valid(inside) => Err(format!("malformed character constant: {text}")),
            None => Err("invalid syntax".into()),
        }
    }

    /// Two floats with a sign between, the second imaginary.
    pub(super) fn from_complex(text: &str) -> Result<Self, String> {
        let split = text.char_indices().skip(1).filter(|(index, c)| {
            matches!(c, '+' | '-')
                && !matches!(text.as_bytes().get(index - 1), Some(b'e' | b'E' | b'p' | b'P'))
        });
        let parts = split.last().map(|(index, _)| text.split_at(index));
        let numbers =
            parts.and_then(|(re, im)| Some((parse_float(re)?, parse_float(im.strip_suffix('i')?)?)));
        let (re, im) = numbers.ok_or_else(|| "syntax error scanning complex number".to_owned())?;
        Ok(Number::simplified(text, re, im))
    }

    /// Any other number.
    pub(super) fn from_text(text: &str) -> Result<Self, String> {
        if let Some(im) = text.strip_suffix('i').and_then(parse_float) {
            return Ok(Number::simplified(text, 0.0, im));
        }
        let mut number = Number { text: text.into(), ..Number::default() };
        let magnitude = parse_unsigned(text.trim_start_matches(['+', '-']));
        let sign = text.bytes().next().filter(|byte| matches!(byte, b'+' | b'-'));
        // More than one sign is no number.
        let magnitude = magnitude.filter(|_| text.len() - text.trim_start_matches(['+', '-']).len() <= 1);
        if let Some(size) = magnitude {
            number.uint = sign.is_none().then_some(size);
            number.int = match sign {
                Some(b'-') if size == 1 << 63 => Some(i64::MIN),
                Some(b'-') => i64::try_from(size).ok().map(|n| -n),
                _ => i64::try_from(size).ok(),
            };
            if number.int == Some(0) {
                number.uint = Some(0);
            }
        }
        if let Some(int) = number.int {
            number.float = Some(int as f64);
        } else if let Some(uint) = number.uint {
            number.float = Some(uint as f64);
        } else if let Some(float) = parse_float(text) {
            if !text.contains(['.', 'e', 'E', 'p', 'P']) {
                return Err(format!("integer overflow: {}", quote(text.as_bytes())));
            }
            number.set_float(float);
        }
        if number.float.is_none() {
            return Err(format!("illegal number syntax: {}", quote(text.as_bytes())));
        }
        Ok(number)
    }

    fn simplified(text: &str, re: f64, im: f64) -> Self {
        let mut number = Number { text: text.into(), complex: Some((re, im)), ..Number::default() };
        if im == 0.0 {
            number.set_float(re);
        }
        number
    }

    /// A float, and the integers that it equals.
    fn set_float(&mut self, float: f64) {
        self.float = Some(float);
        if float.fract() == 0.0 {
            if (-(2_f64.powi(63))..2_f64.powi(63)).contains(&float) {
                self.int = Some(float as i64);
            }
            if (0.0..2_f64.powi(64)).contains(&float) {
                self.uint = Some(float as u64);
            }
        }
    }

    /// Whether the literal means a float where nothing says otherwise.
    pub(super) fn is_float_text(&self) -> bool {
        let text = self.text.trim_start_matches(['+', '-']);
        let is_hex = text.starts_with("0x") || text.starts_with("0X");
        let is_hex_integer = is_hex && !text.contains(['p', 'P']);
        !is_hex_integer && !text.starts_with('\'') && text.contains(['.', 'e', 'E', 'p', 'P'])
    }
}

fn first_is_valid(inside: &str) -> bool {
    (1..inside.len())
        .filter(|end| inside.is_char_boundary(*end))
        .any(|end| unquote_rune(&format!("'{}'", &inside[..end])).is_some())
}

/// Underscores must stand between digits, or after a base prefix.
fn underscores_fit(text: &str) -> bool {
    let digits = text.trim_start_matches(['+', '-']);
    let bytes = digits.as_bytes();
    // The length is checked before the bytes.
    let prefixed = bytes.len() >= 2 && bytes[0] == b'0' && b"bBoOxX".contains(&bytes[1]);
    let is_hex = prefixed && matches!(bytes[1], b'x' | b'X');
    let mut before = if prefixed { '0' } else { '^' };
    for c in digits.chars().skip(if prefixed { 2 } else { 0 }) {
        let class = match c {
            '_' => '_',
            '0'..='9' => '0',
            'a'..='f' | 'A'..='F' if is_hex => '0',
            _ => '!',
        };
        if class == '_' && before != '0' || before == '_' && class != '0' {
            return false;
        }
        before = class;
    }
    before != '_'
}

/// Go's `ParseUint(text, 0, 64)`: base by prefix, leading zero is octal.
fn parse_unsigned(text: &str) -> Option<u64> {
    if text.contains('_') && !underscores_fit(text) {
        return None;
    }
    let lower = text.to_ascii_lowercase();
    let (digits, radix) = if let Some(rest) = lower.strip_prefix("0x") {
        (rest, 16)
    } else if let Some(rest) = lower.strip_prefix("0o") {
        (rest, 8)
    } else if let Some(rest) = lower.strip_prefix("0b") {
        (rest, 2)
    } else if lower.len() > 1 && lower.starts_with('0') {
        (&lower[1..], 8)
    } else {
        (&*lower, 10)
    };
    let digits = digits.replace('_', "");
    // `from_str_radix` would accept a sign.
    if digits.starts_with(['+', '-']) { None } else { u64::from_str_radix(&digits, radix).ok() }
}

/// Go's `ParseFloat`: decimal or hexadecimal, no words; out of range is no number.
pub(super) fn parse_float(text: &str) -> Option<f64> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let negative = text.starts_with('-');
    let is_hex = unsigned.starts_with("0x") || unsigned.starts_with("0X");
    if text.contains('_') && !underscores_fit(text) {
        return None;
    }
    let size = if is_hex {
        parse_hex_float(&unsigned[2..].replace('_', ""))?
    } else {
        let digits = unsigned.replace('_', "");
        let plain =
            digits.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'e' | b'E' | b'+' | b'-'));
        if !plain || digits.starts_with(['+', '-']) {
            return None;
        }
        digits.parse::<f64>().ok()?
    };
    size.is_finite().then_some(if negative { -size } else { size })
}

/// Digits with an optional point, then `p` and a decimal exponent, which is required.
fn parse_hex_float(text: &str) -> Option<f64> {
    let (mantissa, exponent) = text.split_once(['p', 'P'])?;
    let exponent: i32 = exponent.parse().ok()?;
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let mut value = 0_u64;
    let mut shift = 0_i32;
    let mut lost = false;
    for (index, c) in whole.chars().chain(fraction.chars()).enumerate() {
        let digit = u64::from(c.to_digit(16)?);
        let in_fraction = index >= whole.len();
        if value >> 58 == 0 {
            value = value << 4 | digit;
            shift -= if in_fraction { 4 } else { 0 };
        } else {
            lost |= digit != 0;
            shift += if in_fraction { 0 } else { 4 };
        }
    }
    // The sticky bit makes the conversion below round as if all digits were there.
    let value = value | u64::from(lost);
    let exponent = exponent.saturating_add(shift).clamp(-5_000, 5_000);
    // Two steps, because 2^exponent alone may be out of range.
    Some(value as f64 * 2_f64.powi(exponent / 2) * 2_f64.powi(exponent - exponent / 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_have_all_their_readings() {
        let number = Number::from_text("0x10").unwrap();
        assert_eq!((number.int, number.uint, number.float), (Some(16), Some(16), Some(16.0)));
        assert_eq!(Number::from_text("1_000").unwrap().int, Some(1000));
        assert_eq!(Number::from_text("017").unwrap().int, Some(15));
        assert_eq!(Number::from_text("-9223372036854775808").unwrap().int, Some(i64::MIN));
        assert_eq!(Number::from_text("18446744073709551615").unwrap().int, None);
        assert_eq!(Number::from_text("1e1").unwrap().int, Some(10));
        assert_eq!(Number::from_text("0x1p-2").unwrap().float, Some(0.25));
        assert_eq!(Number::from_complex("1+2i").unwrap().complex, Some((1.0, 2.0)));
        assert_eq!(Number::from_complex("3+0i").unwrap().int, Some(3));
        assert_eq!(Number::from_char("'a'").unwrap().int, Some(97));
    }

    #[test]
    fn bad_literals_say_why() {
        for (text, want) in [
            ("08", "integer overflow: \"08\""),
            ("0x", "illegal number syntax: \"0x\""),
            ("1__0", "illegal number syntax: \"1__0\""),
            ("1e309", "illegal number syntax: \"1e309\""),
            ("--1", "illegal number syntax: \"--1\""),
            ("18446744073709551616", "integer overflow: \"18446744073709551616\""),
        ] {
            assert_eq!(Number::from_text(text).unwrap_err(), want);
        }
        assert_eq!(Number::from_char("'ab'").unwrap_err(), "malformed character constant: 'ab'");
        assert_eq!(Number::from_char("''").unwrap_err(), "invalid syntax");
    }
}
