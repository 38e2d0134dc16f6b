//! Template text to tokens.
//!
//! The whole text is lexed before it is parsed. An error becomes the last token, because the parser may find something
//! wrong before it gets there.
//!
//! Invariant: the position only moves forward, so lexing ends; `start <= at` always lies on character boundaries.

#![allow(clippy::unnecessary_wraps, reason = "every state has one shape")]

use memchr::{memchr, memmem};

use super::quote::{is_print, quote};
use super::token::{Item, Token};

const LEFT: &[u8] = b"{{";
const RIGHT: &[u8] = b"}}";
const LEFT_COMMENT: &[u8] = b"/*";
const RIGHT_COMMENT: &[u8] = b"*/";
/// A minus and the space beside it.
const TRIM_MARKER: usize = 2;

/// The tokens of a text; the last one is [`Token::Eof`] or [`Token::Error`].
pub(super) struct Lexed {
    pub(super) items: Vec<Item>,
    /// Message of the final [`Token::Error`].
    pub(super) error: String,
}

/// Which names are functions and so cannot be keywords (`break` and `continue` came late to the language).
#[derive(Clone, Copy)]
pub(super) struct Keywords {
    pub(super) break_is_function: bool,
    pub(super) continue_is_function: bool,
}

/// Splits a text into tokens.
pub(super) fn lex(text: &str, keywords: Keywords) -> Lexed {
    let mut lexer = Lexer {
        text,
        keywords,
        start: 0,
        at: 0,
        parens: 0,
        // At least one token for this many bytes in all but the plainest texts.
        items: Vec::with_capacity(text.len() / 16 + 2),
        error: String::new(),
        left: memmem::Finder::new(LEFT),
    };
    let mut state = Some(State::Text);
    while let Some(current) = state {
        state = match current {
            State::Text => lexer.text(),
            State::Action => lexer.action(),
        };
    }
    Lexed { items: lexer.items, error: lexer.error }
}

enum State {
    Text,
    Action,
}

struct Lexer<'a> {
    text: &'a str,
    keywords: Keywords,
    start: usize,
    at: usize,
    parens: i32,
    items: Vec<Item>,
    error: String,
    /// Finds [`LEFT`].
    left: memmem::Finder<'static>,
}

#[inline]
fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\r' | '\n')
}

/// Whether a name goes on with that character.
pub(crate) fn is_alphanumeric(c: char) -> bool {
    c == '_' || c.is_alphabetic() && is_letter(c) || is_digit(c)
}

/// `unicode.IsLetter`: narrower than Rust's alphabetic, which has marks too.
fn is_letter(c: char) -> bool {
    c.is_ascii_alphabetic() || !c.is_ascii() && category(c, r"^\p{L}$")
}

/// `unicode.IsDigit`: category Nd.
fn is_digit(c: char) -> bool {
    c.is_ascii_digit() || !c.is_ascii() && c.is_numeric() && category(c, r"^\p{Nd}$")
}

/// Only reached for identifiers that are not ASCII, so the pattern may be built each time.
fn category(c: char, pattern: &str) -> bool {
    regex::Regex::new(pattern).is_ok_and(|class| class.is_match(c.encode_utf8(&mut [0; 4])))
}

/// Go's `%#U`.
fn unicode(c: char) -> String {
    let number = c as u32;
    if is_print(c) { format!("U+{number:04X} '{c}'") } else { format!("U+{number:04X}") }
}

// What the language means by its marks is ASCII, so the questions that come up at every token are asked of bytes.

#[inline]
fn is_space_byte(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

#[inline]
fn has_left_trim(rest: &[u8]) -> bool {
    matches!(rest, [b'-', space, ..] if is_space_byte(*space))
}

/// How many bytes of white space there are at the start.
fn leading_space(bytes: &[u8]) -> usize {
    bytes.iter().position(|byte| !is_space_byte(*byte)).unwrap_or(bytes.len())
}

/// How much is left without the white space at the end.
fn without_trailing_space(bytes: &[u8]) -> usize {
    bytes.iter().rposition(|byte| !is_space_byte(*byte)).map_or(0, |last| last + 1)
}

impl<'a> Lexer<'a> {
    #[inline]
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or("")
    }

    #[inline]
    fn bytes(&self) -> &'a [u8] {
        self.text.as_bytes().get(self.at..).unwrap_or_default()
    }

    #[inline]
    fn peek(&self) -> Option<char> {
        match self.bytes().first() {
            Some(byte) if byte.is_ascii() => Some(char::from(*byte)),
            _ => self.rest().chars().next(),
        }
    }

    #[inline]
    fn next(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += c.len_utf8();
        Some(c)
    }

    fn accept(&mut self, set: &str) -> bool {
        let found = self.peek().is_some_and(|c| set.contains(c));
        if found {
            self.at += 1; // All sets are ASCII.
        }
        found
    }

    fn accept_run(&mut self, set: &str) {
        while self.accept(set) {}
    }

    #[inline]
    fn push(&mut self, token: Token, end: usize) {
        self.items.push(Item { token, start: self.start as u32, end: end as u32 });
    }

    #[inline]
    fn emit(&mut self, token: Token) -> Option<State> {
        self.push(token, self.at);
        self.start = self.at;
        Some(State::Action)
    }

    fn fail(&mut self, message: impl Into<String>) -> Option<State> {
        self.error = message.into();
        self.push(Token::Error, self.at);
        None
    }

    fn text(&mut self) -> Option<State> {
        let Some(length) = self.left.find(self.bytes()) else {
            self.at = self.text.len();
            if self.at > self.start {
                self.emit(Token::Text);
            }
            self.emit(Token::Eof);
            return None;
        };
        let (text, action) = self.bytes().split_at_checked(length).unwrap_or_default();
        let after = action.get(LEFT.len()..).unwrap_or_default();
        let kept = if has_left_trim(after) { without_trailing_space(text) } else { length };
        if kept > 0 {
            self.push(Token::Text, self.start + kept);
        }
        self.at += length;
        self.start = self.at;
        self.left_delim()
    }

    fn left_delim(&mut self) -> Option<State> {
        self.at += LEFT.len();
        let marker = if has_left_trim(self.bytes()) { TRIM_MARKER } else { 0 };
        if self.bytes().get(marker..).is_some_and(|rest| rest.starts_with(LEFT_COMMENT)) {
            self.at += marker;
            self.start = self.at;
            return self.comment();
        }
        self.push(Token::LeftDelim, self.at);
        self.at += marker;
        self.start = self.at;
        self.parens = 0;
        Some(State::Action)
    }

    fn comment(&mut self) -> Option<State> {
        self.at += LEFT_COMMENT.len();
        let Some(length) = memmem::find(self.bytes(), RIGHT_COMMENT) else {
            return self.fail("unclosed comment");
        };
        self.at += length + RIGHT_COMMENT.len();
        let Some(trim) = self.right_delim_here() else {
            return self.fail("comment ends before closing delimiter");
        };
        self.skip_right_delim(trim);
        Some(State::Text)
    }

    /// Whether the closing delimiter is next, and whether it has a trim marker.
    #[inline]
    fn right_delim_here(&self) -> Option<bool> {
        match self.bytes() {
            [b' ' | b'\t' | b'\r' | b'\n', b'-', b'}', b'}', ..] => Some(true),
            [b'}', b'}', ..] => Some(false),
            _ => None,
        }
    }

    fn skip_right_delim(&mut self, trim: bool) {
        self.at += RIGHT.len();
        if trim {
            self.at += TRIM_MARKER;
            self.at += leading_space(self.bytes());
        }
        self.start = self.at;
    }

    fn right_delim(&mut self, trim: bool) -> Option<State> {
        if trim {
            self.start += TRIM_MARKER;
        }
        self.push(Token::RightDelim, self.start + RIGHT.len());
        self.skip_right_delim(trim);
        Some(State::Text)
    }

    fn action(&mut self) -> Option<State> {
        if let Some(trim) = self.right_delim_here() {
            if self.parens != 0 {
                return self.fail("unclosed left paren");
            }
            return self.right_delim(trim);
        }
        let Some(c) = self.next() else { return self.fail("unclosed action") };
        match c {
            _ if is_space(c) => self.space(),
            '=' => self.emit(Token::Assign),
            ':' => {
                if self.next() == Some('=') {
                    self.emit(Token::Declare)
                } else {
                    self.fail("expected :=")
                }
            }
            '|' => self.emit(Token::Pipe),
            '"' => self.quoted(b'"', Token::Str, "unterminated quoted string"),
            '\'' => self.quoted(b'\'', Token::CharConstant, "unterminated character constant"),
            '`' => self.raw_quoted(),
            '$' => self.field_or_variable(Token::Variable, Token::Variable),
            '.' if !self.peek().is_some_and(|c| c.is_ascii_digit()) => {
                if self.peek().is_none() {
                    self.number()
                } else {
                    self.field_or_variable(Token::Field, Token::Dot)
                }
            }
            '.' | '+' | '-' | '0'..='9' => self.number(),
            _ if is_alphanumeric(c) => self.identifier(),
            '(' => {
                self.parens += 1;
                self.emit(Token::LeftParen)
            }
            ')' => {
                self.parens -= 1;
                if self.parens < 0 {
                    self.fail("unexpected right paren")
                } else {
                    self.emit(Token::RightParen)
                }
            }
            '!'..='~' => self.emit(Token::Char),
            _ => self.fail(format!("unrecognized character in action: {}", unicode(c))),
        }
    }

    /// A run of spaces, leaving the last one to a trim marker.
    fn space(&mut self) -> Option<State> {
        self.at += leading_space(self.bytes());
        // What was found last is white space, so this is a trim marker when a minus follows.
        if let [b'-', b'}', b'}', ..] = self.bytes() {
            self.at -= 1;
            if self.at == self.start {
                return self.right_delim(true);
            }
        }
        self.emit(Token::Space)
    }

    fn quoted(&mut self, mark: u8, token: Token, message: &str) -> Option<State> {
        loop {
            let special = |byte: &u8| *byte == mark || matches!(byte, b'\\' | b'\n');
            let Some(length) = self.bytes().iter().position(special) else {
                self.at = self.text.len();
                return self.fail(message);
            };
            let found = self.bytes().get(length).copied();
            self.at += length + 1;
            match found {
                Some(b'\\') if !matches!(self.peek(), None | Some('\n')) => {
                    self.next();
                }
                Some(byte) if byte == mark => return self.emit(token),
                _ => return self.fail(message),
            }
        }
    }

    fn raw_quoted(&mut self) -> Option<State> {
        match memchr(b'`', self.bytes()) {
            Some(length) => {
                self.at += length + 1;
                self.emit(Token::RawStr)
            }
            None => self.fail("unterminated raw quoted string"),
        }
    }

    /// Letters, digits and underscores; nearly always ASCII.
    fn skip_name(&mut self) {
        loop {
            let bytes = self.bytes();
            let other = |byte: &u8| !(byte.is_ascii_alphanumeric() || *byte == b'_');
            self.at += bytes.iter().position(other).unwrap_or(bytes.len());
            match self.peek() {
                Some(c) if !c.is_ascii() && is_alphanumeric(c) => self.at += c.len_utf8(),
                _ => return,
            }
        }
    }

    /// Whether a name may end here.
    #[inline]
    fn at_terminator(&self) -> bool {
        match self.bytes() {
            [] | [b'.' | b',' | b'|' | b':' | b')' | b'(' | b' ' | b'\t' | b'\r' | b'\n', ..] => true,
            rest => rest.starts_with(RIGHT),
        }
    }

    fn bad_character(&mut self) -> Option<State> {
        let c = self.peek().unwrap_or(char::REPLACEMENT_CHARACTER);
        self.fail(format!("bad character {}", unicode(c)))
    }

    fn field_or_variable(&mut self, token: Token, bare: Token) -> Option<State> {
        if self.at_terminator() {
            return self.emit(bare);
        }
        self.skip_name();
        if self.at_terminator() { self.emit(token) } else { self.bad_character() }
    }

    fn identifier(&mut self) -> Option<State> {
        self.skip_name();
        if !self.at_terminator() {
            return self.bad_character();
        }
        let word = self.text.get(self.start..self.at).unwrap_or("");
        let token = match Token::keyword(word) {
            Some(Token::Break) if self.keywords.break_is_function => Token::Identifier,
            Some(Token::Continue) if self.keywords.continue_is_function => Token::Identifier,
            Some(keyword) => keyword,
            None if word == "true" || word == "false" => Token::Bool,
            None => Token::Identifier,
        };
        self.emit(token)
    }

    fn number(&mut self) -> Option<State> {
        self.at = self.start;
        if !self.scan_number() {
            return self.bad_number();
        }
        if matches!(self.peek(), Some('+' | '-')) {
            let is_imaginary = self.scan_number()
                && self.text.get(self.start..self.at).is_some_and(|number| number.ends_with('i'));
            if !is_imaginary {
                return self.bad_number();
            }
            return self.emit(Token::Complex);
        }
        self.emit(Token::Number)
    }

    fn bad_number(&mut self) -> Option<State> {
        let text = self.text.get(self.start..self.at).unwrap_or("");
        self.fail(format!("bad number syntax: {}", quote(text.as_bytes())))
    }

    /// Reads what looks like a number; the parser decides whether it is one.
    fn scan_number(&mut self) -> bool {
        const DECIMAL: &str = "0123456789_";
        self.accept("+-");
        let (mut digits, mut exponent) = (DECIMAL, "eE");
        if self.accept("0") {
            if self.accept("xX") {
                (digits, exponent) = ("0123456789abcdefABCDEF_", "pP");
            } else if self.accept("oO") {
                (digits, exponent) = ("01234567_", "");
            } else if self.accept("bB") {
                (digits, exponent) = ("01_", "");
            }
        }
        self.accept_run(digits);
        if self.accept(".") {
            self.accept_run(digits);
        }
        if self.accept(exponent) {
            self.accept("+-");
            self.accept_run(DECIMAL);
        }
        self.accept("i");
        if self.peek().is_some_and(is_alphanumeric) {
            self.next();
            return false;
        }
        true
    }
}
