//! One string as one YAML scalar that every reader takes for that string.
//!
//! Stricter than the document writer: safe under YAML 1.1 and the core schema of 1.2, in block and in flow context, as a key
//! and as a value, and always on one line.
//!
//! Invariant: [`quote`] of any text reads back as exactly that text.

use std::borrow::Cow;

use super::super::resolve::{Resolved, is_base60, resolve};
use super::scalar::escape;

/// A text as a one-line scalar: plain when that is safe, in single quotes when only its characters forbid plain, and else in
/// double quotes.
pub fn quote(text: &str) -> Cow<'_, str> {
    if is_plain_safe(text) {
        return Cow::Borrowed(text);
    }
    if is_ambiguous(text) {
        return Cow::Owned(double_quoted(text));
    }
    Cow::Owned(match escape_single(text) {
        Some(inner) => format!("'{inner}'"),
        None => double_quoted(text),
    })
}

/// Whether a text can stand without quotes, in any context and under both schemas.
pub fn is_plain_safe(text: &str) -> bool {
    let mut previous = ' ';
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        let first = at == 0;
        let next = chars.peek().map(|(_, next)| *next);
        let safe = match c {
            '0'..='9'
            | 'a'..='z'
            | 'A'..='Z'
            | '_'
            | '/'
            | '.'
            | '+'
            | '$'
            | '('
            | ')'
            | ';'
            | '<'
            | '='
            | '^'
            | '~'
            | '\\' => true,
            '-' => !first || next.is_some_and(|next| next.is_ascii_alphanumeric() || next == '-'),
            ':' => !first && next.is_some_and(|next| next != ' ') && previous != ' ',
            '#' => previous != ' ',
            ' ' => !first && next.is_some(),
            '?' => false,
            '&' | '*' | '!' | '|' | '>' | '\'' | '"' | '%' | '@' | '`' => !first,
            ',' | '[' | ']' | '{' | '}' => false,
            c => c >= '\u{a1}' && !is_hidden(c),
        };
        if !safe {
            return false;
        }
        previous = c;
    }
    !text.is_empty() && !text.starts_with("---") && !text.starts_with("...") && !is_ambiguous(text)
}

/// Whether some reader takes the plain text for something other than a string.
fn is_ambiguous(text: &str) -> bool {
    if !matches!(resolve(text), Resolved::Str) || is_base60(text) || text == "=" {
        return true;
    }
    let bytes = text.as_bytes();
    let Some(first) = bytes.iter().find(|byte| !matches!(byte, b'+' | b'-' | b'.')) else {
        return false;
    };
    if !first.is_ascii_digit() {
        return false;
    }
    looks_dated(bytes) || looks_numeric(bytes)
}

/// `2024-1-2` and whatever follows at once as a time.
fn looks_dated(bytes: &[u8]) -> bool {
    bytes.len() >= 8
        && bytes[..4].iter().all(u8::is_ascii_digit)
        && bytes[4] == b'-'
        && bytes[5..].iter().all(|byte| {
            byte.is_ascii_digit() || matches!(byte, b'-' | b':' | b'.' | b'+' | b' ' | b'T' | b't' | b'Z')
        })
}

/// Digits, underscores, one point and one exponent, in any base: looser than any one schema.
fn looks_numeric(bytes: &[u8]) -> bool {
    let body = match bytes {
        [b'+' | b'-', rest @ ..] => rest,
        all => all,
    };
    if let [b'0', b'x' | b'X' | b'b' | b'B' | b'o' | b'O', digits @ ..] = body {
        return digits.iter().all(|byte| byte.is_ascii_hexdigit() || *byte == b'_');
    }
    let points = body.iter().filter(|byte| **byte == b'.').count();
    let exponents = body.iter().filter(|byte| matches!(byte, b'e' | b'E')).count();
    points <= 1
        && exponents <= 1
        && body
            .iter()
            .all(|byte| byte.is_ascii_digit() || matches!(byte, b'_' | b'.' | b'e' | b'E' | b'+' | b'-'))
}

/// Characters that break lines, cannot be seen, or are no characters at all.
fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}')
        || (c.is_whitespace() && c != ' ')
}

/// A text in double quotes, on one line.
pub fn double_quoted(text: &str) -> String {
    format!("\"{}\"", escape_double(text))
}

/// A text as it stands within double quotes. Characters that can be seen stay as they are, also beyond the basic plane.
pub fn escape_double(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(c, '"' | '\\') || is_hidden(c) { out.push_str(&escape(c)) } else { out.push(c) }
    }
    out
}

/// A text as it stands within single quotes; `None` when it has characters that need an escape.
pub fn escape_single(text: &str) -> Option<String> {
    (!text.contains(is_hidden)).then(|| text.replace('\'', "''"))
}
