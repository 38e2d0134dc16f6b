//! Single flag values as Go's flag library reads them, with its error texts.
//!
//! Scripts match on these texts (`invalid argument "x" for "--max" flag: strconv.ParseInt: …`), so each parser here
//! returns the part after the colon exactly as Helm 4.3.1 was seen to print it.
//!
//! Invariant: the parsers are pure and accept no value that Helm refuses.

use std::fmt::Write as _;
use std::time::Duration;

use crate::data::time::GoDuration;

/// How a report is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// For people.
    #[default]
    Table,
    /// One line of JSON, fields in their declared order.
    Json,
    /// YAML with sorted keys.
    Yaml,
}

/// The value of `-o`.
pub fn format(text: &str) -> Result<Format, String> {
    match text {
        "table" => Ok(Format::Table),
        "json" => Ok(Format::Json),
        "yaml" => Ok(Format::Yaml),
        _ => Err("invalid format type".to_string()),
    }
}

/// How progress is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ProgressMode {
    /// A table on a terminal, lines elsewhere.
    #[default]
    Auto,
    /// A line for each change.
    Plain,
    /// A JSON object on a line for each change.
    Json,
    /// Not at all; warnings are told as always.
    None,
}

/// The value of `--progress`.
pub fn progress(text: &str) -> Result<ProgressMode, String> {
    match text {
        "auto" => Ok(ProgressMode::Auto),
        "plain" => Ok(ProgressMode::Plain),
        "json" => Ok(ProgressMode::Json),
        "none" => Ok(ProgressMode::None),
        _ => Err("must be auto, plain, json or none".to_string()),
    }
}

/// A Go boolean: `1 t T TRUE true True` and their opposites.
pub fn boolean(text: &str) -> Result<bool, String> {
    match text {
        "1" | "t" | "T" | "TRUE" | "true" | "True" => Ok(true),
        "0" | "f" | "F" | "FALSE" | "false" | "False" => Ok(false),
        _ => Err(format!("strconv.ParseBool: parsing {}: invalid syntax", quote(text))),
    }
}

fn number<N: std::str::FromStr<Err = std::num::ParseIntError>>(
    function: &str,
    text: &str,
) -> Result<N, String> {
    use std::num::IntErrorKind::{NegOverflow, PosOverflow};
    text.parse().map_err(|error: std::num::ParseIntError| {
        let reason = match error.kind() {
            PosOverflow | NegOverflow => "value out of range",
            _ => "invalid syntax",
        };
        format!("strconv.{function}: parsing {}: {reason}", quote(text))
    })
}

/// The number of `--seed`.
pub fn seed(text: &str) -> Result<u64, String> {
    number("ParseUint", text)
}

/// A signed decimal integer.
pub fn integer(text: &str) -> Result<i64, String> {
    number("ParseInt", text)
}

/// An unsigned decimal integer.
pub fn unsigned(text: &str) -> Result<u32, String> {
    number("ParseUint", text)
}

/// A positional integer, which Go converts with another function than a flag's.
pub fn positional_integer(text: &str) -> Result<i64, String> {
    number("Atoi", text)
}

/// A number with a fraction.
pub fn float(text: &str) -> Result<f32, String> {
    text.parse().map_err(|_| format!("strconv.ParseFloat: parsing {}: invalid syntax", quote(text)))
}

/// A Go duration such as `5m0s`, `1.5h` or `300ms`; a negative one counts as none.
pub fn duration(text: &str) -> Result<Duration, String> {
    text.parse::<GoDuration>().map(GoDuration::to_std).map_err(|error| error.to_string())
}

/// One occurrence of a flag that takes a comma-separated list.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Csv(pub Vec<String>);

/// A comma-separated list with CSV quoting; an empty text is an empty list.
pub fn csv(text: &str) -> Result<Csv, String> {
    if text.is_empty() {
        return Ok(Csv(Vec::new()));
    }
    let mut fields = Vec::new();
    let mut rest = text;
    loop {
        let column = text.len() - rest.len();
        if let Some(quoted) = rest.strip_prefix('"') {
            let (field, tail) = quoted_field(quoted).ok_or_else(|| {
                format!(
                    "parse error on line 1, column {}: extraneous or missing \" in quoted-field",
                    text.len()
                )
            })?;
            fields.push(field);
            match tail.strip_prefix(',') {
                Some(tail) => rest = tail,
                None => return Ok(Csv(fields)),
            }
        } else {
            let (field, tail) =
                rest.split_once(',').map_or((rest, None), |(field, tail)| (field, Some(tail)));
            if let Some(at) = field.find('"') {
                return Err(format!(
                    "parse error on line 1, column {}: bare \" in non-quoted-field",
                    column + at + 1
                ));
            }
            fields.push(field.to_string());
            match tail {
                Some(tail) => rest = tail,
                None => return Ok(Csv(fields)),
            }
        }
    }
}

/// The field behind an opening quote and the text behind its closing quote, which a comma or the end must follow.
fn quoted_field(text: &str) -> Option<(String, &str)> {
    let mut field = String::new();
    let mut rest = text;
    loop {
        let (part, tail) = rest.split_once('"')?;
        field.push_str(part);
        match tail.strip_prefix('"') {
            Some(tail) => {
                field.push('"');
                rest = tail;
            }
            None if tail.is_empty() || tail.starts_with(',') => return Some((field, tail)),
            None => return None,
        }
    }
}

/// One occurrence of a flag that takes `key=value` pairs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Pairs(pub Vec<(String, String)>);

/// Comma-separated `key=value` pairs; a single pair may hold commas within quotes only.
pub fn pairs(text: &str) -> Result<Pairs, String> {
    let Csv(items) = csv(text)?;
    items
        .into_iter()
        .map(|item| match item.split_once('=') {
            Some((key, value)) => Ok((key.to_string(), value.to_string())),
            None => Err(format!("{item} must be formatted as key=value")),
        })
        .collect::<Result<_, _>>()
        .map(Pairs)
}

/// When to wait for what; `--wait` alone is the watcher, and Helm 3's booleans are still read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WaitStrategy {
    /// Only hooks are waited for.
    HookOnly,
    /// Every object is watched until it is current.
    Watcher,
    /// Helm 3's polling rules.
    Legacy,
    /// `--wait=true`: the watcher, with a note that the spelling is old.
    True,
    /// `--wait=false`: hooks only, with a note that the spelling is old.
    False,
}

/// The value of `--wait`.
pub fn wait_strategy(text: &str) -> Result<WaitStrategy, String> {
    match text {
        "hookOnly" => Ok(WaitStrategy::HookOnly),
        "watcher" => Ok(WaitStrategy::Watcher),
        "legacy" => Ok(WaitStrategy::Legacy),
        "true" => Ok(WaitStrategy::True),
        "false" => Ok(WaitStrategy::False),
        _ => {
            Err(format!("invalid wait input {}. Valid inputs are watcher, hookOnly, and legacy", quote(text)))
        }
    }
}

/// A text in double quotes, as Go's `strconv.Quote` writes it.
pub fn quote(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => {
                quoted.push('\\');
                quoted.push(c);
            }
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            '\u{7}' => quoted.push_str("\\a"),
            '\u{8}' => quoted.push_str("\\b"),
            '\u{b}' => quoted.push_str("\\v"),
            '\u{c}' => quoted.push_str("\\f"),
            c if (c as u32) < 0x20 || c == '\u{7f}' => {
                let _ = write!(quoted, "\\x{:02x}", c as u32);
            }
            c if c.is_control() => {
                let _ = write!(quoted, "\\u{:04x}", c as u32);
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_follow_gos_grammar() {
        assert_eq!(duration("5m0s"), Ok(Duration::from_secs(300)));
        assert_eq!(duration("1h30m"), Ok(Duration::from_secs(5400)));
        assert_eq!(duration("1.5s"), Ok(Duration::from_millis(1500)));
        assert_eq!(duration(".5s"), Ok(Duration::from_millis(500)));
        assert_eq!(duration("0"), Ok(Duration::ZERO));
        assert_eq!(duration("-5s"), Ok(Duration::ZERO));
        for (text, message) in [
            ("5", "time: missing unit in duration \"5\""),
            ("5q", "time: unknown unit \"q\" in duration \"5q\""),
            ("", "time: invalid duration \"\""),
            ("s", "time: invalid duration \"s\""),
            ("9999999h", "time: invalid duration \"9999999h\""),
        ] {
            assert_eq!(duration(text).unwrap_err(), message);
        }
    }

    #[test]
    fn lists_split_as_csv() {
        let fields = |text: &str| csv(text).map(|Csv(fields)| fields);
        assert_eq!(fields("a,b"), Ok(vec!["a".into(), "b".into()]));
        assert_eq!(fields("\"a,b\",c"), Ok(vec!["a,b".into(), "c".into()]));
        assert_eq!(fields("\"a\"\"b\""), Ok(vec!["a\"b".into()]));
        assert_eq!(fields("a,"), Ok(vec!["a".into(), String::new()]));
        assert_eq!(fields(""), Ok(vec![]));
        assert_eq!(
            fields("a\"b").unwrap_err(),
            "parse error on line 1, column 2: bare \" in non-quoted-field"
        );
        assert!(fields("\"a").is_err() && fields("\"a\"b").is_err());
    }

    #[test]
    fn pairs_need_an_equals_sign() {
        assert_eq!(pairs("a=b,c=d=e"), Ok(Pairs(vec![("a".into(), "b".into()), ("c".into(), "d=e".into())])));
        assert_eq!(pairs("x").unwrap_err(), "x must be formatted as key=value");
    }

    #[test]
    fn numbers_fail_as_gos() {
        assert_eq!(integer("x").unwrap_err(), "strconv.ParseInt: parsing \"x\": invalid syntax");
        assert_eq!(
            unsigned("99999999999").unwrap_err(),
            "strconv.ParseUint: parsing \"99999999999\": value out of range"
        );
        assert_eq!(boolean("x").unwrap_err(), "strconv.ParseBool: parsing \"x\": invalid syntax");
        assert_eq!(quote("a\"\\\n\u{1}é"), "\"a\\\"\\\\\\n\\x01é\"");
    }
}
