//! Strings and runes as Go literals: strconv's Quote family, and its reverse for template constants.
//!
//! Invariant: whatever is quoted here is read back as the same bytes.

use std::borrow::Cow;
use std::fmt::{self, Write};
use std::sync::OnceLock;

use regex::Regex;

/// One step of Go's decoding: a rune, or a byte that is not UTF-8.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rune {
    /// A Unicode scalar value.
    Char(char),
    /// A byte that does not belong to any.
    Invalid(u8),
}

/// The runes of a byte string, as a Go `range` over it sees them.
pub fn runes(bytes: &[u8]) -> impl Iterator<Item = Rune> + '_ {
    // One invalid chunk may hold several bytes; Go reports each of them.
    bytes.utf8_chunks().flat_map(|chunk| {
        chunk.valid().chars().map(Rune::Char).chain(chunk.invalid().iter().map(|byte| Rune::Invalid(*byte)))
    })
}

/// Whether Go's `unicode.IsPrint` holds: letters, marks, numbers, punctuation, symbols, and the ASCII space.
pub fn is_print(c: char) -> bool {
    match c {
        ' '..='~' => true,
        '\u{0}'..='\u{a0}' | '\u{ad}' => false,
        '\u{a1}'..='\u{ff}' => true,
        _ => {
            static PRINTABLE: OnceLock<Option<Regex>> = OnceLock::new();
            let class = PRINTABLE.get_or_init(|| Regex::new(r"^[\p{L}\p{M}\p{N}\p{P}\p{S}]$").ok());
            class.as_ref().is_some_and(|class| class.is_match(c.encode_utf8(&mut [0; 4])))
        }
    }
}

/// Appends formatted text; writing into a string cannot fail.
pub(super) fn append(out: &mut String, text: fmt::Arguments<'_>) {
    let _ = out.write_fmt(text);
}

/// Go's `strconv.Quote`: a double-quoted literal with Go escapes.
pub fn quote(bytes: &[u8]) -> String {
    quote_with(bytes, '"', false)
}

/// Go's `strconv.QuoteToASCII`.
pub fn quote_ascii(bytes: &[u8]) -> String {
    quote_with(bytes, '"', true)
}

/// Go's `strconv.QuoteRune`; runes that are not valid become U+FFFD.
pub fn quote_rune(rune: char, ascii: bool) -> String {
    let mut out = String::from('\'');
    escape(&mut out, Rune::Char(rune), '\'', ascii);
    out.push('\'');
    out
}

/// Go's `strconv.CanBackquote`: one line, no control characters but tab, no backquote, valid UTF-8, no BOM.
pub fn can_backquote(bytes: &[u8]) -> bool {
    runes(bytes).all(|rune| match rune {
        Rune::Invalid(_) => false,
        Rune::Char(c) => c == '\t' || (c >= ' ' && c != '`' && c != '\u{7f}' && c != '\u{feff}'),
    })
}

fn quote_with(bytes: &[u8], mark: char, ascii: bool) -> String {
    let mut out = String::with_capacity(bytes.len() + 2);
    out.push(mark);
    for rune in runes(bytes) {
        escape(&mut out, rune, mark, ascii);
    }
    out.push(mark);
    out
}

fn escape(out: &mut String, rune: Rune, mark: char, ascii: bool) {
    let c = match rune {
        Rune::Invalid(byte) => return append(out, format_args!("\\x{byte:02x}")),
        Rune::Char(c) => c,
    };
    if c == mark || c == '\\' {
        out.push('\\');
        out.push(c);
    } else if (!ascii || c.is_ascii()) && is_print(c) {
        out.push(c);
    } else {
        match c {
            '\u{7}' => out.push_str("\\a"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{b}' => out.push_str("\\v"),
            '\u{0}'..' ' | '\u{7f}' => append(out, format_args!("\\x{:02x}", c as u32)),
            '\u{80}'..='\u{ffff}' => append(out, format_args!("\\u{:04x}", c as u32)),
            _ => append(out, format_args!("\\U{:08x}", c as u32)),
        }
    }
}

/// Reads a Go literal with its quotes: `"…"`, `` `…` `` or `'…'`. `None` when it is not one (`invalid syntax`).
pub fn unquote(literal: &str) -> Option<Cow<'_, [u8]>> {
    let mark = literal.chars().next()?;
    let body = literal.strip_prefix(mark)?.strip_suffix(mark)?;
    match mark {
        '`' if body.contains('`') => None,
        '`' if body.contains('\r') => Some(Cow::Owned(body.replace('\r', "").into_bytes())),
        '`' => Some(Cow::Borrowed(body.as_bytes())),
        // Most literals have nothing in them to decode.
        '"' if !body.bytes().any(|byte| matches!(byte, b'"' | b'\\' | b'\n')) => {
            Some(Cow::Borrowed(body.as_bytes()))
        }
        '"' | '\'' => {
            let mut out = Vec::with_capacity(body.len());
            let mut rest = body;
            let mut count = 0_usize;
            while !rest.is_empty() {
                rest = unescape(rest, mark, &mut out)?;
                count += 1;
            }
            (mark == '"' || count == 1).then_some(Cow::Owned(out))
        }
        _ => None,
    }
}

/// Reads a character constant and returns its number.
pub fn unquote_rune(literal: &str) -> Option<u32> {
    let bytes = unquote(literal)?;
    match std::str::from_utf8(&bytes) {
        Ok(text) => text.chars().next().map(u32::from),
        // `'\xff'`: the value of the byte.
        Err(_) => bytes.first().map(|byte| u32::from(*byte)),
    }
}

/// Decodes one character or escape at the start of `text`; returns what follows it.
fn unescape<'a>(text: &'a str, mark: char, out: &mut Vec<u8>) -> Option<&'a str> {
    let first = text.chars().next()?;
    let after = &text[first.len_utf8()..];
    if first == mark || first == '\n' {
        return None;
    }
    if first != '\\' {
        push_char(out, first);
        return Some(after);
    }
    let kind = after.chars().next()?;
    let rest = &after[kind.len_utf8()..];
    let simple = match kind {
        'a' => 7,
        'b' => 8,
        'f' => 12,
        'n' => b'\n',
        'r' => b'\r',
        't' => b'\t',
        'v' => 11,
        '\\' => b'\\',
        '\'' | '"' => {
            if kind != mark {
                return None;
            }
            kind as u8
        }
        'x' => return hex_escape(rest, 2, out, true, mark),
        'u' => return hex_escape(rest, 4, out, false, mark),
        'U' => return hex_escape(rest, 8, out, false, mark),
        '0'..='7' => {
            let digits =
                after.get(..3).filter(|digits| digits.bytes().all(|d| (b'0'..=b'7').contains(&d)))?;
            push_byte(out, u32::from_str_radix(digits, 8).ok()?, mark)?;
            return after.get(3..);
        }
        _ => return None,
    };
    out.push(simple);
    Some(rest)
}

fn hex_escape<'a>(
    text: &'a str,
    digits: usize,
    out: &mut Vec<u8>,
    byte: bool,
    mark: char,
) -> Option<&'a str> {
    let number = text.get(..digits).filter(|part| part.bytes().all(|d| d.is_ascii_hexdigit()))?;
    let number = u32::from_str_radix(number, 16).ok()?;
    if byte {
        push_byte(out, number, mark)?;
    } else {
        push_char(out, char::from_u32(number)?);
    }
    text.get(digits..)
}

/// A byte escape: a raw byte in a string, a rune of that number in a character constant.
fn push_byte(out: &mut Vec<u8>, number: u32, mark: char) -> Option<()> {
    let byte = u8::try_from(number).ok()?;
    if mark == '\'' {
        push_char(out, char::from(byte));
    } else {
        out.push(byte);
    }
    Some(())
}

fn push_char(out: &mut Vec<u8>, c: char) {
    out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn escapes_are_go_escapes() {
        assert_eq!(
            quote("a\"b\\\n\u{0}\u{7f}é\u{a0}\u{2028}😀".as_bytes()),
            "\"a\\\"b\\\\\\n\\x00\\x7fé\\u00a0\\u2028😀\""
        );
        assert_eq!(quote(b"\xff\xc3"), "\"\\xff\\xc3\"");
        assert_eq!(quote_ascii("é😀".as_bytes()), "\"\\u00e9\\U0001f600\"");
        assert_eq!(quote_rune('\'', false), "'\\''");
        assert_eq!(unquote_rune("'\\xff'"), Some(255));
        for bad in ["\"\\'\"", "\"\\q\"", "\"\\xZZ\"", "\"\\ud800\"", "'ab'", "''", "'\\0'", "\"\\400\""] {
            assert_eq!(unquote(bad), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn quoted_bytes_read_back(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            for literal in [quote(&bytes), quote_ascii(&bytes)] {
                let read = unquote(&literal);
                prop_assert_eq!(read.as_deref(), Some(bytes.as_slice()));
            }
        }
    }
}
