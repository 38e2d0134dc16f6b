//! Numbers and moments in TOML, with what Go's library says about misspelt ones.
//!
//! Invariant: text is a number, a moment, or an error; nothing is guessed.

use super::{Reader, Step};
use crate::data::time::{RFC3339_NANO, Time, Zone};
use crate::gotpl::{Val, quote_rune};
use crate::sprig::moments::time;

impl Reader<'_> {
    pub(super) fn number_or_date(&mut self) -> Step<Val> {
        let end = self
            .rest()
            .find(|c: char| !(c.is_ascii_alphanumeric() || "+-_.:".contains(c)))
            .unwrap_or(self.rest().len());
        let mut text = self.rest()[..end].to_string();
        let bytes = text.as_bytes();
        let date = bytes.len() >= 10 && bytes[4] == b'-' && bytes[7] == b'-' && bytes[0].is_ascii_digit();
        let clock = bytes.len() >= 5 && bytes[2] == b':' && bytes[0].is_ascii_digit();
        self.at += end;
        if date && text.len() == 10 && self.rest().starts_with(' ') {
            // A date and a time may be parted by a space.
            let after = self.rest()[1..].find(|c: char| !(c.is_ascii_alphanumeric() || "+-.:".contains(c)));
            let length = after.unwrap_or(self.rest().len() - 1);
            let clock = self.rest()[1..=length].to_string();
            if clock.as_bytes().get(2) == Some(&b':') {
                text = format!("{text}T{clock}");
                self.at += 1 + length;
            }
        }
        let unsigned = text.trim_start_matches(['+', '-']);
        let digits = unsigned.bytes().take_while(u8::is_ascii_digit).count();
        let dated =
            unsigned.len() == text.len() && matches!(unsigned.as_bytes().get(digits), Some(b'-' | b':'));
        if date || clock {
            return moment(&text);
        }
        if dated {
            return Err(no_moment(&text));
        }
        if let Some(error) = misspelt(&text) {
            return Err(error);
        }
        // What follows the digits of the base stands for itself.
        let radix = match text.get(..2) {
            Some("0x") => 16,
            Some("0o") => 8,
            Some("0b") => 2,
            _ => return number(&text),
        };
        let rest =
            text[2..].find(|c: char| c != '_' && !c.is_digit(radix)).map_or(0, |at| text.len() - 2 - at);
        self.at -= rest;
        text.truncate(text.len() - rest);
        number(&text)
    }
}

fn no_moment(text: &str) -> String {
    format!("invalid datetime: {}", crate::gotpl::quote(text.as_bytes()))
}

fn moment(text: &str) -> Step<Val> {
    let fixed = |name: &str| Zone::Fixed { name: name.to_string(), offset: 0 };
    let upper = text.to_ascii_uppercase();
    for (layout, zone) in [
        (RFC3339_NANO, None),
        ("2006-01-02T15:04Z07:00", None),
        ("2006-01-02T15:04:05.999999999", Some("datetime-local")),
        ("2006-01-02T15:04", Some("datetime-local")),
        ("2006-01-02", Some("date-local")),
        ("15:04:05.999999999", Some("time-local")),
        ("15:04", Some("time-local")),
    ] {
        let zone = zone.map_or(Zone::Utc, fixed);
        if let Ok(at) = Time::parse(layout, &upper, &zone) {
            return Ok(time(at));
        }
    }
    Err(no_moment(text))
}

/// What is wrong with the sign or the first digit of a number.
fn misspelt(text: &str) -> Option<String> {
    let (sign, unsigned) = match text.strip_prefix(['+', '-']) {
        Some(unsigned) => (&text[..1], unsigned),
        None => ("", text),
    };
    let (kind, radix) = match unsigned.get(..2) {
        Some("0x") => ("a hexadecimal", 16),
        Some("0o") => ("an octal", 8),
        Some("0b") => ("a binary", 2),
        _ => {
            let first = unsigned.chars().next().unwrap_or('\0');
            let special = unsigned.starts_with("inf") || unsigned.starts_with("nan");
            return match first {
                _ if sign.is_empty() || special || first.is_ascii_digit() => None,
                '.' => Some("floats must start with a digit, not '.'".to_string()),
                _ => Some(format!("expected a digit but got {}", quote_rune(first, false))),
            };
        }
    };
    if !sign.is_empty() {
        return Some(format!("cannot use sign with non-decimal numbers: '{sign}{}'", &unsigned[..2]));
    }
    let first = unsigned.chars().nth(2).unwrap_or('\0');
    (!first.is_digit(radix)).then(|| format!("not {kind} number: '{}{first}'", &unsigned[..2]))
}

fn number(text: &str) -> Step<Val> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let negative = text.starts_with('-');
    match unsigned {
        "inf" => return Ok(Val::Float(if negative { f64::NEG_INFINITY } else { f64::INFINITY })),
        "nan" => return Ok(Val::Float(f64::NAN)),
        _ => {}
    }
    let radix = match unsigned.get(..2) {
        Some("0x") if unsigned == text => 16,
        Some("0o") if unsigned == text => 8,
        Some("0b") if unsigned == text => 2,
        _ => 10,
    };
    let float = radix == 10 && unsigned.contains(['.', 'e', 'E']);
    let kind = if float { "float" } else { "integer" };
    let bad = |why: &str| Err(format!("Invalid {kind} \"{text}\": {why}"));
    let bytes = unsigned.as_bytes();
    let digit = |at: Option<&u8>| at.is_some_and(u8::is_ascii_hexdigit);
    let loose = bytes
        .iter()
        .enumerate()
        .any(|(at, b)| *b == b'_' && !(at > 0 && digit(bytes.get(at - 1)) && digit(bytes.get(at + 1))));
    if loose {
        return bad("underscores must be surrounded by digits");
    }
    let plain = text.replace('_', "");
    let whole: String =
        plain.trim_start_matches(['+', '-']).chars().take_while(char::is_ascii_digit).collect();
    if radix == 10 && whole.len() > 1 && whole.starts_with('0') {
        return bad("cannot have leading zeroes");
    }
    if float {
        let dot = bytes.iter().position(|b| *b == b'.');
        if dot.is_some_and(|dot| !bytes.get(dot + 1).is_some_and(u8::is_ascii_digit)) {
            return bad("'.' must be followed by one or more digits");
        }
        return match plain.parse::<f64>() {
            Ok(number) if number.is_finite() => Ok(Val::Float(number)),
            Ok(_) => Err(format!("{plain} is out of range for float64")),
            Err(_) => Err(format!("Invalid float value: \"{text}\"")),
        };
    }
    let parsed = if radix == 10 { plain.parse() } else { i64::from_str_radix(&plain[2..], radix) };
    match parsed {
        Ok(number) => Ok(Val::Int64(number)),
        Err(error) => match error.kind() {
            std::num::IntErrorKind::PosOverflow | std::num::IntErrorKind::NegOverflow => {
                Err(format!("{plain} is out of range for int64"))
            }
            _ => Err(format!("expected value but found \"{text}\" instead")),
        },
    }
}
