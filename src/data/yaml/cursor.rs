//! A place in a text, and the tokens of YAML that can be read without knowing their surroundings.
//!
//! Invariant: the cursor stands at the start of a character, and knows its line and column (from 0, in characters).

use std::borrow::Cow;

use memchr::memchr2;

use super::node::Style;
use super::scan::SyntaxError;
use super::token::{Token, TokenKind};

/// Space and tab.
#[inline]
fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')
}

/// A place in a text.
pub(super) struct Cursor<'t> {
    pub(super) text: &'t str,
    bytes: &'t [u8],
    pub(super) at: usize,
    pub(super) line: usize,
    pub(super) column: usize,
    /// Whether the end of the text ended a line that has no line break.
    forced: bool,
}

impl<'t> Cursor<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Cursor { text, bytes: text.as_bytes(), at: 0, line: 0, column: 0, forced: false }
    }

    /// An error of the scanner here.
    pub(super) fn error(&self, problem: &'static str) -> SyntaxError {
        SyntaxError { problem, at: self.at, scanner: true, at_end: self.forced }
    }

    #[inline]
    pub(super) fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    #[inline]
    fn byte(&self, ahead: usize) -> Option<u8> {
        self.bytes.get(self.at + ahead).copied()
    }

    /// Skips ASCII characters that break no line.
    #[inline]
    pub(super) fn skip(&mut self, count: usize) {
        self.at += count;
        self.column += count;
    }

    /// The end of the text ends its line.
    pub(super) fn end_line(&mut self) {
        if self.column > 0 {
            self.column = 0;
            self.line += 1;
            self.forced = true;
        }
    }

    /// Whether fewer than `limit` characters (or just as many) lie between a place and here.
    pub(super) fn characters_since(&self, start: usize, limit: usize) -> bool {
        self.at - start <= limit
            || self.text.get(start..self.at).is_none_or(|between| between.chars().nth(limit).is_none())
    }

    /// Bytes of the line break at an offset from here; 0 when there is none.
    #[inline]
    fn break_length(&self, ahead: usize) -> usize {
        match self.byte(ahead) {
            Some(b'\n') => 1,
            Some(b'\r') => 1 + usize::from(self.byte(ahead + 1) == Some(b'\n')),
            Some(0xc2) if self.byte(ahead + 1) == Some(0x85) => 2,
            Some(0xe2)
                if self.byte(ahead + 1) == Some(0x80)
                    && matches!(self.byte(ahead + 2), Some(0xa8 | 0xa9)) =>
            {
                3
            }
            _ => 0,
        }
    }

    /// Whether a blank, a line break or the end is at an offset from here.
    #[inline]
    pub(super) fn is_blank_at(&self, ahead: usize) -> bool {
        self.byte(ahead).is_none_or(is_blank) || self.break_length(ahead) > 0
    }

    /// Whether a line break or the end is here.
    #[inline]
    fn at_line_end(&self) -> bool {
        self.peek().is_none() || self.break_length(0) > 0
    }

    /// Takes a line break: as a newline, but for U+2028 and U+2029, which stay what they are.
    fn take_break(&mut self, out: &mut String) {
        let length = self.break_length(0);
        match length {
            0 => return,
            3 => out.push_str(self.text.get(self.at..self.at + 3).unwrap_or("\n")),
            _ => out.push('\n'),
        }
        self.at += length;
        self.line += 1;
        self.column = 0;
    }

    #[inline]
    fn skip_break(&mut self) {
        self.at += self.break_length(0);
        self.line += 1;
        self.column = 0;
    }

    /// Skips one character that breaks no line.
    fn skip_char(&mut self) {
        let length = match self.peek() {
            None => return,
            Some(0..0x80) => 1,
            Some(0xc0..0xe0) => 2,
            Some(0xe0..0xf0) => 3,
            Some(_) => 4,
        };
        self.at = (self.at + length).min(self.bytes.len());
        self.column += 1;
    }

    fn skip_while(&mut self, wanted: impl Fn(u8) -> bool) {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let count = rest.iter().position(|byte| !wanted(*byte)).unwrap_or(rest.len());
        self.skip(count);
    }

    fn skip_comment(&mut self) {
        if self.peek() == Some(b'#') {
            self.skip_line();
        }
    }

    /// Skips to the end of the line. Most lines are ASCII, and then as many columns as bytes.
    fn skip_line(&mut self) {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let length = memchr2(b'\n', b'\r', rest).unwrap_or(rest.len());
        if rest.get(..length).is_some_and(<[u8]>::is_ascii) {
            return self.skip(length);
        }
        loop {
            self.skip_while(|byte| matches!(byte, b' '..=b'~' | b'\t'));
            if self.at_line_end() {
                return;
            }
            self.skip_char();
        }
    }

    /// Skips white space, comments and line breaks. A tab is white space only where no key can begin.
    pub(super) fn skip_to_token(&mut self, flow: bool, key_allowed: &mut bool) {
        loop {
            if self.at == 0 && self.bytes.starts_with(b"\xef\xbb\xbf") {
                self.at += 3;
            }
            while matches!(self.peek(), Some(b' ')) || (self.peek() == Some(b'\t') && (flow || !*key_allowed))
            {
                self.skip(1);
            }
            self.skip_comment();
            if self.break_length(0) == 0 {
                return;
            }
            self.skip_break();
            *key_allowed |= !flow;
        }
    }

    /// `---` or `...` in front of white space, at the start of a line.
    pub(super) fn document_indicator(&self) -> Option<TokenKind<'t>> {
        let kind = match self.bytes.get(self.at..self.at + 3)? {
            b"---" => TokenKind::DocumentStart,
            b"..." => TokenKind::DocumentEnd,
            _ => return None,
        };
        self.is_blank_at(3).then_some(kind)
    }

    /// Reads `*name` or `&name`.
    pub(super) fn anchor(&mut self) -> Result<Token<'t>, SyntaxError> {
        let start = self.at;
        let alias = self.peek() == Some(b'*');
        self.skip(1);
        self.skip_while(is_word);
        let name = self.text.get(start + 1..self.at).unwrap_or("");
        let ends = self.is_blank_at(0)
            || self
                .peek()
                .is_some_and(|byte| matches!(byte, b'?' | b':' | b',' | b']' | b'}' | b'%' | b'@' | b'`'));
        if name.is_empty() || !ends {
            return Err(self.error("did not find expected alphabetic or numeric character"));
        }
        let kind = if alias { TokenKind::Alias(name) } else { TokenKind::Anchor(name) };
        Ok(Token { kind, start, end: self.at })
    }

    /// Reads `!`, `!suffix`, `!!suffix`, `!handle!suffix` or `!<verbatim>`.
    pub(super) fn tag(&mut self) -> Result<Token<'t>, SyntaxError> {
        let start = self.at;
        let (handle, suffix) = if self.byte(1) == Some(b'<') {
            self.skip(2);
            let suffix = self.tag_uri(String::new())?;
            if self.peek() != Some(b'>') {
                return Err(self.error("did not find the expected '>'"));
            }
            self.skip(1);
            ("", suffix)
        } else {
            let handle = self.tag_handle();
            if handle.len() > 1 && handle.ends_with('!') {
                (handle, self.tag_uri(String::new())?)
            } else {
                let suffix = self.tag_uri(handle[1..].to_string());
                match suffix {
                    Ok(suffix) => ("!", suffix),
                    Err(_) if handle == "!" && self.at == start + 1 && self.peek() != Some(b'%') => {
                        ("!", String::new())
                    }
                    Err(error) => return Err(error),
                }
            }
        };
        if !self.is_blank_at(0) {
            return Err(self.error("did not find expected whitespace or line break"));
        }
        // `!` alone is a tag of its own.
        let (handle, suffix) =
            if handle == "!" && suffix.is_empty() { ("", "!".to_string()) } else { (handle, suffix) };
        Ok(Token { kind: TokenKind::Tag(Cow::Borrowed(handle), suffix), start, end: self.at })
    }

    /// `!`, word characters, and a closing `!` if there is one.
    fn tag_handle(&mut self) -> &'t str {
        let start = self.at;
        self.skip(1);
        self.skip_while(is_word);
        if self.peek() == Some(b'!') {
            self.skip(1);
        }
        self.text.get(start..self.at).unwrap_or("!")
    }

    /// The characters of a tag behind its handle; `head` was read as one.
    fn tag_uri(&mut self, head: String) -> Result<String, SyntaxError> {
        let mut bytes = head.into_bytes();
        while let Some(byte) = self.peek() {
            if byte == b'%' {
                let digit = |ahead| self.byte(ahead).and_then(|byte| char::from(byte).to_digit(16));
                let (Some(high), Some(low)) = (digit(1), digit(2)) else {
                    return Err(self.error("did not find URI escaped octet"));
                };
                bytes.push((high << 4 | low) as u8);
                self.skip(3);
            } else if is_word(byte) || b";/?:@&=+$,.!~*'()[]".contains(&byte) {
                bytes.push(byte);
                self.skip(1);
            } else {
                break;
            }
        }
        if bytes.is_empty() {
            return Err(self.error("did not find expected tag URI"));
        }
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Reads `%YAML 1.1` or `%TAG !e! prefix` with its line.
    pub(super) fn directive(&mut self) -> Result<Token<'t>, SyntaxError> {
        let start = self.at;
        self.skip(1);
        let name_start = self.at;
        self.skip_while(is_word);
        let name = self.text.get(name_start..self.at).unwrap_or("");
        if name.is_empty() {
            return Err(self.error("could not find expected directive name"));
        }
        if !self.is_blank_at(0) {
            return Err(self.error("found unexpected non-alphabetical character"));
        }
        let kind = match name {
            "YAML" => {
                self.skip_while(is_blank);
                let major = self.version_number()?;
                if self.peek() != Some(b'.') {
                    return Err(self.error("did not find expected digit or '.' character"));
                }
                self.skip(1);
                TokenKind::Version(major, self.version_number()?)
            }
            "TAG" => {
                self.skip_while(is_blank);
                if self.peek() != Some(b'!') {
                    return Err(self.error("did not find expected '!'"));
                }
                let handle = self.tag_handle();
                if handle.len() > 1 && !handle.ends_with('!') {
                    return Err(self.error("did not find expected '!'"));
                }
                if !self.peek().is_some_and(is_blank) {
                    return Err(self.error("did not find expected whitespace"));
                }
                self.skip_while(is_blank);
                let prefix = self.tag_uri(String::new())?;
                if !self.is_blank_at(0) {
                    return Err(self.error("did not find expected whitespace or line break"));
                }
                TokenKind::TagDirective(Cow::Borrowed(handle), Cow::Owned(prefix))
            }
            _ => return Err(SyntaxError { at: start, ..self.error("found unknown directive name") }),
        };
        let end = self.at;
        self.rest_of_line()?;
        Ok(Token { kind, start, end })
    }

    fn version_number(&mut self) -> Result<u32, SyntaxError> {
        let start = self.at;
        self.skip_while(|byte| byte.is_ascii_digit());
        match self.text.get(start..self.at) {
            None | Some("") => Err(self.error("did not find expected version number")),
            Some(digits) if digits.len() > 9 => Err(self.error("found extremely long version number")),
            Some(digits) => Ok(digits.parse().unwrap_or(u32::MAX)),
        }
    }

    /// Blanks and a comment up to the end of the line, and the line break.
    fn rest_of_line(&mut self) -> Result<(), SyntaxError> {
        self.skip_while(is_blank);
        self.skip_comment();
        if !self.at_line_end() {
            return Err(self.error("did not find expected comment or line break"));
        }
        if self.peek().is_some() {
            self.skip_break();
        }
        Ok(())
    }

    /// Reads a block behind `|` or `>`. `parent` is the column of the collection around it.
    pub(super) fn block_scalar(&mut self, literal: bool, parent: isize) -> Result<Token<'t>, SyntaxError> {
        let start = self.at;
        self.skip(1);
        let (keep, increment) = self.block_header()?;
        self.rest_of_line()?;
        let minimum = usize::try_from(parent + 1).unwrap_or(0).max(1);
        let parent = usize::try_from(parent).unwrap_or(0);
        let mut indent = increment.map_or(0, |increment| parent + increment);
        let (mut out, mut leading, mut trailing) = (String::new(), String::new(), String::new());
        let mut end = self.at;
        self.block_breaks(&mut indent, minimum, &mut trailing, &mut end)?;
        let mut behind_blank = false;
        while self.column == indent && self.peek().is_some() {
            let blank = self.peek().is_some_and(is_blank);
            if !literal && leading.starts_with('\n') && !behind_blank && !blank {
                // A single break folds into a space; of several the first goes.
                if trailing.is_empty() {
                    out.push(' ');
                }
            } else {
                out.push_str(&leading);
            }
            out.push_str(&trailing);
            leading.clear();
            trailing.clear();
            behind_blank = blank;
            let line = self.at;
            self.skip_line();
            out.push_str(self.text.get(line..self.at).unwrap_or(""));
            end = self.at;
            if self.peek().is_some() {
                self.take_break(&mut leading);
                end = self.at;
            }
            self.block_breaks(&mut indent, minimum, &mut trailing, &mut end)?;
        }
        if keep != Some(false) {
            out.push_str(&leading);
        }
        if keep == Some(true) {
            out.push_str(&trailing);
        }
        let style = if literal { Style::Literal } else { Style::Folded };
        Ok(Token { kind: TokenKind::Scalar(Cow::Owned(out), style), start, end })
    }

    /// What to do with line breaks at the end (`+` keeps, `-` drops) and by how much the block is indented.
    fn block_header(&mut self) -> Result<(Option<bool>, Option<usize>), SyntaxError> {
        let (mut keep, mut increment) = (None, None);
        for _ in 0..2 {
            match self.peek() {
                Some(sign @ (b'+' | b'-')) if keep.is_none() => keep = Some(sign == b'+'),
                Some(b'0') if increment.is_none() => {
                    return Err(self.error("found an indentation indicator equal to 0"));
                }
                Some(digit @ b'1'..=b'9') if increment.is_none() => {
                    increment = Some(usize::from(digit - b'0'));
                }
                _ => break,
            }
            self.skip(1);
        }
        Ok((keep, increment))
    }

    /// Takes indentation and empty lines. While `indent` is 0 it is still to be found: the deepest of the empty lines and the
    /// first line with text decide.
    fn block_breaks(
        &mut self,
        indent: &mut usize,
        minimum: usize,
        breaks: &mut String,
        end: &mut usize,
    ) -> Result<(), SyntaxError> {
        let mut deepest = 0;
        loop {
            while (*indent == 0 || self.column < *indent) && self.peek() == Some(b' ') {
                self.skip(1);
            }
            deepest = deepest.max(self.column);
            if (*indent == 0 || self.column < *indent) && self.peek() == Some(b'\t') {
                return Err(self.error("found a tab character where an indentation space is expected"));
            }
            if self.break_length(0) == 0 {
                break;
            }
            self.take_break(breaks);
            *end = self.at;
        }
        if *indent == 0 {
            *indent = deepest.max(minimum);
        }
        Ok(())
    }

    /// Reads text in quotes.
    pub(super) fn flow_scalar(&mut self, single: bool) -> Result<Token<'t>, SyntaxError> {
        let start = self.at;
        let quote = if single { b'\'' } else { b'"' };
        self.skip(1);
        let mut out = Built::new(self.text);
        loop {
            if self.column == 0 && self.document_indicator().is_some() {
                return Err(self.error("found unexpected document indicator"));
            }
            if self.peek().is_none() {
                return Err(self.error("found unexpected end of stream"));
            }
            let mut joined = false;
            // Text up to white space, the closing quote or an escape.
            loop {
                let run = self.at;
                loop {
                    self.skip_while(|byte| matches!(byte, b'!'..=b'~') && byte != quote && byte != b'\\');
                    match self.peek() {
                        Some(b'\\') if !single => break,
                        Some(byte) if byte != quote && !self.is_blank_at(0) => self.skip_char(),
                        _ => break,
                    }
                }
                out.add(run, self.at);
                match self.peek() {
                    Some(b'\'') if single && self.byte(1) == Some(b'\'') => {
                        out.push('\'');
                        self.skip(2);
                    }
                    Some(b'\\') if !single => {
                        if self.break_length(1) > 0 {
                            self.skip(1);
                            self.skip_break();
                            joined = true;
                            break;
                        }
                        let c = self.escape()?;
                        out.push(c);
                    }
                    _ => break,
                }
            }
            if self.peek() == Some(quote) {
                break;
            }
            self.fold_white(&mut out, joined);
        }
        self.skip(1);
        let style = if single { Style::SingleQuoted } else { Style::DoubleQuoted };
        Ok(Token { kind: TokenKind::Scalar(out.finish(), style), start, end: self.at })
    }

    /// Takes white space within quotes. Breaks fold, and blanks around them go; behind an escaped break (`joined`) all
    /// blanks go.
    fn fold_white(&mut self, out: &mut Built<'t>, joined: bool) {
        let mut broke = joined;
        let (mut first, mut more) = (String::new(), String::new());
        let start = self.at;
        let mut blanks_end = start;
        while self.peek().is_some() && self.is_blank_at(0) {
            if self.break_length(0) == 0 {
                self.skip(1);
                if !broke {
                    blanks_end = self.at;
                }
            } else if broke {
                self.take_break(&mut more);
            } else {
                self.take_break(&mut first);
                broke = true;
            }
        }
        if broke {
            fold_breaks(out, &first, &more, joined);
        } else {
            out.add(start, blanks_end);
        }
    }

    /// Reads an escape in double quotes, from the backslash on.
    fn escape(&mut self) -> Result<char, SyntaxError> {
        let digits = match self.byte(1) {
            Some(b'x') => 2,
            Some(b'u') => 4,
            Some(b'U') => 8,
            other => {
                let c = match other {
                    Some(b'0') => '\0',
                    Some(b'a') => '\u{7}',
                    Some(b'b') => '\u{8}',
                    Some(b't' | b'\t') => '\t',
                    Some(b'n') => '\n',
                    Some(b'v') => '\u{b}',
                    Some(b'f') => '\u{c}',
                    Some(b'r') => '\r',
                    Some(b'e') => '\u{1b}',
                    Some(b' ') => ' ',
                    Some(b'"') => '"',
                    Some(b'\'') => '\'',
                    Some(b'\\') => '\\',
                    Some(b'N') => '\u{85}',
                    Some(b'_') => '\u{a0}',
                    Some(b'L') => '\u{2028}',
                    Some(b'P') => '\u{2029}',
                    _ => return Err(self.error("found unknown escape character")),
                };
                self.skip(2);
                return Ok(c);
            }
        };
        let start = self.at;
        self.skip(2);
        let mut code: u32 = 0;
        for ahead in 0..digits {
            let Some(digit) = self.byte(ahead).and_then(|byte| char::from(byte).to_digit(16)) else {
                return Err(self.error("did not find expected hexdecimal number"));
            };
            code = code.wrapping_mul(16) | digit;
        }
        match char::from_u32(code) {
            Some(c) => {
                self.skip(digits);
                Ok(c)
            }
            None => {
                Err(SyntaxError { at: start, ..self.error("found invalid Unicode character escape code") })
            }
        }
    }

    /// Reads text without quotes; also tells whether it went over a line break.
    pub(super) fn plain_scalar(
        &mut self,
        flow: bool,
        parent: isize,
    ) -> Result<(Token<'t>, bool), SyntaxError> {
        let start = self.at;
        let mut folded = Built::new(self.text);
        // The text since the last break.
        let (mut piece, mut end) = (start, start);
        let mut broke = false;
        let (mut first, mut more) = (String::new(), String::new());
        loop {
            if (self.column == 0 && self.document_indicator().is_some()) || self.peek() == Some(b'#') {
                break;
            }
            let run = self.at;
            loop {
                self.skip_while(|byte| {
                    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'/' | b'_')
                });
                match self.peek() {
                    None => break,
                    Some(b':') if self.is_blank_at(1) => break,
                    Some(b',' | b'?' | b'[' | b']' | b'{' | b'}') if flow => break,
                    Some(_) if self.is_blank_at(0) => break,
                    Some(_) => self.skip_char(),
                }
            }
            if self.at > run {
                if broke {
                    folded.add(piece, end);
                    fold_breaks(&mut folded, &first, &more, false);
                    (first, more) = (String::new(), String::new());
                    broke = false;
                    piece = run;
                }
                end = self.at;
            }
            if self.peek().is_none() || !self.is_blank_at(0) {
                break;
            }
            while self.peek().is_some() && self.is_blank_at(0) {
                if self.break_length(0) > 0 {
                    self.take_break(if broke { &mut more } else { &mut first });
                    broke = true;
                } else {
                    if broke && (self.column as isize) < parent + 1 && self.peek() == Some(b'\t') {
                        return Err(self.error("found a tab character that violates indentation"));
                    }
                    self.skip(1);
                }
            }
            if !flow && (self.column as isize) < parent + 1 {
                break;
            }
        }
        folded.add(piece, end);
        let token = Token { kind: TokenKind::Scalar(folded.finish(), Style::Plain), start, end };
        Ok((token, broke))
    }
}

/// Joins two lines: a single newline becomes a space, of several the first goes; another break stays.
fn fold_breaks(out: &mut Built<'_>, first: &str, more: &str, joined: bool) {
    if first.starts_with('\n') {
        if more.is_empty() {
            out.push(' ');
        }
    } else if !joined {
        out.push_str(first);
    }
    out.push_str(more);
}

/// The content of a scalar while it is read: a piece of the source as long as that is all there is to it.
struct Built<'t> {
    source: &'t str,
    start: usize,
    end: usize,
    owned: Option<String>,
}

impl<'t> Built<'t> {
    fn new(source: &'t str) -> Self {
        Built { source, start: 0, end: 0, owned: None }
    }

    /// Adds a piece of the source.
    fn add(&mut self, start: usize, end: usize) {
        if start == end {
            return;
        }
        if self.owned.is_none() && (self.start == self.end || self.end == start) {
            if self.start == self.end {
                self.start = start;
            }
            self.end = end;
            return;
        }
        let piece = self.source.get(start..end).unwrap_or("");
        self.text().push_str(piece);
    }

    fn text(&mut self) -> &mut String {
        let (source, start, end) = (self.source, self.start, self.end);
        self.owned.get_or_insert_with(|| source.get(start..end).unwrap_or("").to_string())
    }

    fn push(&mut self, c: char) {
        self.text().push(c);
    }

    fn push_str(&mut self, text: &str) {
        if !text.is_empty() {
            self.text().push_str(text);
        }
    }

    fn finish(self) -> Cow<'t, str> {
        match self.owned {
            Some(text) => Cow::Owned(text),
            None => Cow::Borrowed(self.source.get(self.start..self.end).unwrap_or("")),
        }
    }
}
