//! One string as one YAML scalar that every reader takes for that string, under YAML 1.1 and the core schema of 1.2, as a
//! key and as a value, and always on one line.
//!
//! Invariant: [`quote`] of any text reads back as exactly that text in the context that it was asked for.

use std::borrow::Cow;
use std::sync::LazyLock;

use regex::Regex;

use super::super::resolve::{Resolved, is_base60, resolve};
use super::scalar::escape;

/// Where a scalar is to stand. What is safe in [`Context::Flow`] is safe in [`Context::Block`] too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Context {
    /// On a line of its own, after a key or after a dash.
    Block,
    /// Between the brackets or braces of a flow collection.
    Flow,
}

/// A text as a one-line scalar: plain when that is safe, in single quotes when only its characters forbid plain, and else in
/// double quotes.
pub fn quote(text: &str, context: Context) -> Cow<'_, str> {
    if is_plain_safe(text, context) {
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

/// Whether a text can stand without quotes for every reader. White space other than a space counts as unsafe, because
/// nobody sees it.
///
/// Rules: the productions for plain scalars of YAML 1.1 and 1.2. In flow context some readers of 1.1 end a plain text at any
/// `:` or `?`, so that both are unsafe there.
pub fn is_plain_safe(text: &str, context: Context) -> bool {
    let mut previous = ' ';
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        let first = at == 0;
        let next = chars.peek().map(|(_, next)| *next);
        let before_text = next.is_some_and(|next| next != ' ');
        let safe = match c {
            ' ' => !first && next.is_some(),
            '-' => !first || before_text,
            ':' => context == Context::Block && before_text,
            '?' => context == Context::Block && (!first || before_text),
            '#' => previous != ' ',
            ',' | '[' | ']' | '{' | '}' => context == Context::Block && !first,
            '&' | '*' | '!' | '|' | '>' | '\'' | '"' | '%' | '@' | '`' => !first,
            '!'..='~' => true,
            c => c >= '\u{a1}' && !is_hidden(c),
        };
        if !safe {
            return false;
        }
        previous = c;
    }
    !text.is_empty() && !is_marker(text) && !is_ambiguous(text)
}

/// Whether a text at the start of a line begins or ends a document.
fn is_marker(text: &str) -> bool {
    let rest = text.strip_prefix("---").or_else(|| text.strip_prefix("..."));
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
}

/// Whether some reader takes the plain text for something other than a string.
fn is_ambiguous(text: &str) -> bool {
    if !matches!(resolve(text), Resolved::Str) || is_base60(text) || text == "=" {
        return true;
    }
    let first = text.bytes().find(|byte| !matches!(byte, b'+' | b'-' | b'.'));
    first.is_some_and(|first| first.is_ascii_digit() || first == b'_')
        && NUMBER_OR_DATE.as_ref().is_none_or(|pattern| pattern.is_match(text))
}

/// The numbers and moments of YAML 1.1 and 1.2 and of common readers, where those take more than Go's does.
static NUMBER_OR_DATE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r"(?x)^(?:
            [-+]? 0[bB] [01_]+ | [-+]? 0[oO] [0-7_]+ | [-+]? 0[xX] [0-9a-fA-F_]+
          | [-+]? (?: [0-9][0-9_]* (?: \.[0-9_]* )? | \.[0-9_]+ ) (?: [eE] [-+]? [0-9_]+ )?
          | [0-9]{4} - [0-9]{1,2} - [0-9]{1,2} (?:
                (?: [Tt] | [\ ]+ ) [0-9]{1,2} : [0-9]{2} : [0-9]{2} (?: \.[0-9]* )?
                [\ ]* (?: Z | [-+] [0-9]{1,2} (?: :? [0-9]{2} )? )?
            )?
        )$",
    )
    .ok()
});

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
