//! What a plain scalar means under YAML 1.1 as Go's YAML library reads it.
//!
//! The reader turns text into values with it; the writer asks it which strings would come back as something else.
//! Source of the rules: observed behaviour of Helm 4.3 (sigs.k8s.io/yaml).
//!
//! Invariant: [`resolve`] never allocates for text that begins like a word.

/// The meaning of a plain scalar.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Resolved {
    Null,
    Bool(bool),
    Int(i64),
    Uint(u64),
    Float(f64),
    /// A date or a moment: stays text when read, but is quoted when written.
    Timestamp,
    /// `<<`.
    Merge,
    Str,
}

/// Resolves a plain scalar.
pub(super) fn resolve(text: &str) -> Resolved {
    match text.as_bytes().first() {
        None => Resolved::Null,
        Some(b'0'..=b'9' | b'+' | b'-') => named(text).unwrap_or_else(|| number(text)),
        Some(b'.') => named(text).unwrap_or_else(|| fraction(text)),
        Some(b'y' | b'Y' | b'n' | b'N' | b't' | b'T' | b'f' | b'F' | b'o' | b'O' | b'~' | b'<') => {
            named(text).unwrap_or(Resolved::Str)
        }
        Some(_) => Resolved::Str,
    }
}

/// The words with a meaning.
fn named(text: &str) -> Option<Resolved> {
    if text.len() > 5 {
        return None;
    }
    Some(match text {
        "~" | "null" | "Null" | "NULL" => Resolved::Null,
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => {
            Resolved::Bool(true)
        }
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => {
            Resolved::Bool(false)
        }
        ".nan" | ".NaN" | ".NAN" => Resolved::Float(f64::NAN),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => Resolved::Float(f64::INFINITY),
        "-.inf" | "-.Inf" | "-.INF" => Resolved::Float(f64::NEG_INFINITY),
        "<<" => Resolved::Merge,
        _ => return None,
    })
}

fn fraction(text: &str) -> Resolved {
    float(&text.replace('_', "")).map_or(Resolved::Str, Resolved::Float)
}

fn number(text: &str) -> Resolved {
    if is_timestamp(text) {
        return Resolved::Timestamp;
    }
    let without;
    let plain = if text.contains('_') {
        without = text.replace('_', "");
        without.as_str()
    } else {
        text
    };
    if let Some(number) = integer(plain) {
        return number;
    }
    if let Some(number) = float(plain) {
        return Resolved::Float(number);
    }
    // A binary number may carry its sign behind the prefix.
    let binary = match plain.strip_prefix("0b") {
        Some(rest) => i64::from_str_radix(rest, 2).ok(),
        None => plain.strip_prefix("-0b").and_then(|rest| i64::from_str_radix(&format!("-{rest}"), 2).ok()),
    };
    binary.map_or(Resolved::Str, Resolved::Int)
}

/// An integer with Go's base prefixes: `0x`, `0b`, `0o`, and a leading `0` for octal.
fn integer(plain: &str) -> Option<Resolved> {
    let (negative, digits) = match plain.as_bytes().first() {
        Some(b'-') => (true, &plain[1..]),
        Some(b'+') => (false, &plain[1..]),
        _ => (false, plain),
    };
    let (radix, digits) = match digits.as_bytes() {
        [b'0', b'x' | b'X', ..] => (16, &digits[2..]),
        [b'0', b'b' | b'B', ..] => (2, &digits[2..]),
        [b'0', b'o' | b'O', ..] => (8, &digits[2..]),
        [b'0', _, ..] => (8, &digits[1..]),
        _ => (10, digits),
    };
    if digits.is_empty() || digits.starts_with(['+', '-']) {
        return None;
    }
    let size = u64::from_str_radix(digits, radix).ok()?;
    if negative {
        return 0i64.checked_sub_unsigned(size).map(Resolved::Int);
    }
    match i64::try_from(size) {
        Ok(number) => Some(Resolved::Int(number)),
        // Beyond `int64` Go tries `uint64`, which takes no sign.
        Err(_) if plain.starts_with('+') => None,
        Err(_) => Some(Resolved::Uint(size)),
    }
}

/// `[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?`, and within the range of a double.
fn float(plain: &str) -> Option<f64> {
    let bytes = plain.as_bytes();
    let digits = |mut at: usize| {
        while bytes.get(at).is_some_and(u8::is_ascii_digit) {
            at += 1;
        }
        at
    };
    let mut at = usize::from(matches!(bytes.first(), Some(b'+' | b'-')));
    let whole = digits(at);
    if whole == at {
        if bytes.get(at) != Some(&b'.') {
            return None;
        }
        let end = digits(at + 1);
        if end == at + 1 {
            return None;
        }
        at = end;
    } else {
        at = whole;
        if bytes.get(at) == Some(&b'.') {
            at = digits(at + 1);
        }
    }
    if matches!(bytes.get(at), Some(b'e' | b'E')) {
        let sign = at + 1 + usize::from(matches!(bytes.get(at + 1), Some(b'+' | b'-')));
        at = digits(sign);
        if at == sign {
            return None;
        }
    }
    if at != bytes.len() {
        return None;
    }
    plain.parse::<f64>().ok().filter(|number| number.is_finite())
}

/// Whether a text is one of the moments that Go's YAML library knows: `2006-1-2`, and with a time of day behind `T`, `t`
/// or one space (the first two need a zone, the last takes none).
pub(super) fn is_timestamp(text: &str) -> bool {
    let bytes = text.as_bytes();
    if bytes.len() < 8 || !bytes[..4].iter().all(u8::is_ascii_digit) || bytes[4] != b'-' {
        return false;
    }
    timestamp(text).is_some()
}

/// Takes one or two digits up to `max` off the front.
fn field(text: &str, max: u32) -> Option<(u32, &str)> {
    let end = text.bytes().take(2).take_while(u8::is_ascii_digit).count();
    let number = text[..end].parse::<u32>().ok().filter(|number| *number <= max)?;
    Some((number, &text[end..]))
}

fn timestamp(text: &str) -> Option<()> {
    let year: u32 = text[..4].parse().ok()?;
    let (month, rest) = field(&text[5..], 12)?;
    let (day, rest) = field(rest.strip_prefix('-')?, 31)?;
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let days = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 => 28 + u32::from(leap),
        _ => return None,
    };
    if day == 0 || day > days {
        return None;
    }
    let Some(separator) = rest.chars().next() else { return Some(()) };
    let (_, rest) = field(rest.strip_prefix(['T', 't', ' '])?, 23)?;
    let (_, rest) = field(rest.strip_prefix(':')?, 59)?;
    let (_, rest) = field(rest.strip_prefix(':')?, 59)?;
    let rest = match rest.strip_prefix(['.', ',']) {
        Some(fraction) => {
            let end = fraction.bytes().take_while(u8::is_ascii_digit).count();
            if end == 0 {
                return None;
            }
            &fraction[end..]
        }
        None => rest,
    };
    let whole = match (separator, rest.as_bytes()) {
        (' ', rest) => rest.is_empty(),
        (_, b"Z") => true,
        (_, [b'+' | b'-', h1, h2, b':', m1, m2]) => {
            let digit = |byte: &u8| byte.is_ascii_digit();
            [h1, h2, m1, m2].into_iter().all(digit)
                && (*h1 < b'2' || (*h1 == b'2' && *h2 <= b'4'))
                && *m1 < b'6'
        }
        _ => false,
    };
    whole.then_some(())
}

/// Whether a text looks like a number in base sixty (`1:30`), which older readers take for one:
/// `[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?`.
pub(super) fn is_base60(text: &str) -> bool {
    if !text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '+' | '-')) {
        return false;
    }
    let Some((head, tail)) = text.split_once(':') else { return false };
    let head = head.strip_prefix(['+', '-']).unwrap_or(head);
    if !head.starts_with(|c: char| c.is_ascii_digit())
        || !head.bytes().all(|b| b.is_ascii_digit() || b == b'_')
    {
        return false;
    }
    let (groups, fraction) = tail.split_once('.').unwrap_or((tail, ""));
    fraction.bytes().all(|b| b.is_ascii_digit() || b == b'_')
        && groups.split(':').all(|group| match group.as_bytes() {
            [last] | [b'0'..=b'5', last] => last.is_ascii_digit(),
            _ => false,
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_go_s() {
        for (text, want) in [
            ("0777", Resolved::Int(511)),
            ("0o17", Resolved::Int(15)),
            ("0b-11", Resolved::Int(-3)),
            ("-0x1F", Resolved::Int(-31)),
            ("1_000", Resolved::Int(1000)),
            ("08", Resolved::Float(8.0)),
            (".5_0", Resolved::Float(0.5)),
            ("1e-400", Resolved::Float(0.0)),
            ("1e400", Resolved::Str),
            ("-9223372036854775808", Resolved::Int(i64::MIN)),
            ("9223372036854775808", Resolved::Uint(1 << 63)),
            ("+9223372036854775808", Resolved::Float(9_223_372_036_854_775_808.0)),
            ("0xfffffffffffffffff", Resolved::Str),
            ("-", Resolved::Str),
            ("+Inf", Resolved::Str),
            ("2024-1-2", Resolved::Timestamp),
            ("2024-02-30", Resolved::Str),
        ] {
            assert_eq!(resolve(text), want, "{text}");
        }
    }

    #[test]
    fn sixty_is_not_in_base_sixty() {
        assert!(is_base60("1:30") && is_base60("190:20:30.5") && is_base60("-1_0:5"));
        assert!(!is_base60("1:60") && !is_base60(":30") && !is_base60("1:") && !is_base60("a:1"));
    }
}
