//! From text to tokens, under the rules of YAML 1.1 as libyaml and Go's libraries apply them.
//!
//! The difficulty of YAML is that `key` turns out to be a key only at the `:` behind it. The scanner therefore remembers,
//! per level of brackets, the last place where a key could have begun, and puts the key token there afterwards. Such a key must
//! end on its line and within 1,024 characters, which bounds how far the scanner looks ahead.
//!
//! Invariants: every byte is looked at a constant number of times; errors have the texts and places of Go's library.

use std::collections::VecDeque;

use super::cursor::Cursor;
use super::token::{Token, TokenKind};

/// An error of the text, at a byte.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct SyntaxError {
    pub(super) problem: &'static str,
    pub(super) at: usize,
    /// Whether the scanner found it: then Go counts its line from one, else from zero.
    pub(super) scanner: bool,
    /// Whether it is at the end of a last line without a line break, which counts as a line of its own.
    pub(super) at_end: bool,
}

/// A place where a simple key may begin.
#[derive(Debug, Clone, Copy)]
struct SimpleKey {
    /// Depth of brackets.
    level: usize,
    /// Number of its token since the start.
    token: usize,
    /// At the indentation of a block map nothing else can stand.
    required: bool,
    at: usize,
    line: usize,
    column: usize,
    /// Whether its token waits until it is known to be a key or not. Go's library does not wait for `[]` and `{}`, which
    /// may be keys nevertheless.
    awaited: bool,
}

/// The scanner of one text.
pub(super) struct Scanner<'t> {
    pub(super) cursor: Cursor<'t>,
    tokens: VecDeque<Token<'t>>,
    /// How many tokens were taken.
    taken: usize,
    taken_end: usize,
    done: bool,
    /// Column of the current block collection, -1 outside of any.
    indent: isize,
    indents: Vec<isize>,
    flow_level: usize,
    simple_key_allowed: bool,
    keys: VecDeque<SimpleKey>,
    /// Whether the first token was found to be the next one, and not taken since. The parser peeks at each token several
    /// times.
    settled: bool,
}

impl<'t> Scanner<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Scanner {
            cursor: Cursor::new(text),
            tokens: VecDeque::new(),
            taken: 0,
            taken_end: 0,
            done: false,
            indent: -1,
            indents: Vec::new(),
            flow_level: 0,
            simple_key_allowed: true,
            keys: VecDeque::new(),
            settled: false,
        }
    }

    /// The next token, without taking it.
    #[inline]
    pub(super) fn peek(&mut self) -> Result<&Token<'t>, SyntaxError> {
        if !self.settled {
            while self.needs_more()? && !self.done {
                self.fetch()?;
            }
            self.settled = true;
        }
        match self.tokens.front() {
            Some(token) => Ok(token),
            // The end of the stream stays the last token.
            None => Err(self.cursor.error("did not find expected node content")),
        }
    }

    /// Takes the token that was peeked. The end of the stream is never used up.
    pub(super) fn take(&mut self) -> Result<Token<'t>, SyntaxError> {
        let end = matches!(self.peek()?.kind, TokenKind::StreamEnd);
        self.settled = false;
        let next = if end { self.tokens.front().cloned() } else { self.tokens.pop_front() };
        self.taken += usize::from(!end);
        if let Some(token) = &next {
            self.taken_end = token.end;
        }
        next.ok_or_else(|| self.cursor.error("did not find expected node content"))
    }

    /// Where the last token ended that was taken.
    pub(super) fn taken_end(&self) -> usize {
        self.taken_end
    }

    /// Whether the first token may still turn out to be a key, so that another would come before it.
    fn needs_more(&mut self) -> Result<bool, SyntaxError> {
        if self.tokens.is_empty() {
            return Ok(true);
        }
        self.drop_stale_keys()?;
        Ok(self.first_awaited().is_some_and(|(_, key)| key.token == self.taken))
    }

    /// The first key whose token waits, and its place among the keys.
    #[inline]
    fn first_awaited(&self) -> Option<(usize, &SimpleKey)> {
        self.keys.iter().enumerate().find(|(_, key)| key.awaited)
    }

    /// Whether a key that began there may still end here.
    #[inline]
    fn is_near(&self, key: &SimpleKey) -> bool {
        key.line == self.cursor.line && self.cursor.characters_since(key.at, 1_024)
    }

    /// Forgets keys that are a line or more than 1,024 characters behind.
    fn drop_stale_keys(&mut self) -> Result<(), SyntaxError> {
        while let Some((index, key)) = self.first_awaited() {
            let near = self.is_near(key);
            if near && key.token >= self.taken {
                break;
            }
            if !near && key.required {
                return Err(self.cursor.error("could not find expected ':'"));
            }
            self.keys.remove(index);
        }
        Ok(())
    }

    fn push(&mut self, kind: TokenKind<'t>, start: usize) {
        self.tokens.push_back(Token { kind, start, end: self.cursor.at });
    }

    fn fetch(&mut self) -> Result<(), SyntaxError> {
        self.cursor.skip_to_token(self.flow_level > 0, &mut self.simple_key_allowed);
        self.unroll(self.cursor.column as isize);
        let Some(byte) = self.cursor.peek() else { return self.stream_end() };
        let next_blank = self.cursor.is_blank_at(1);
        let flow = self.flow_level > 0;
        if self.cursor.column == 0 {
            if byte == b'%' {
                return self.directive();
            }
            if let Some(kind) = self.cursor.document_indicator() {
                return self.document_indicator(kind);
            }
        }
        match byte {
            b'[' => self.flow_start(TokenKind::FlowSequenceStart),
            b'{' => self.flow_start(TokenKind::FlowMappingStart),
            b']' => self.flow_end(TokenKind::FlowSequenceEnd),
            b'}' => self.flow_end(TokenKind::FlowMappingEnd),
            b',' => self.flow_entry(),
            b'-' if next_blank => self.block_entry(),
            b'?' if flow || next_blank => self.key(),
            b':' if flow || next_blank => self.value(),
            b'*' | b'&' | b'!' => {
                self.save_key()?;
                self.simple_key_allowed = false;
                let token = if byte == b'!' { self.cursor.tag()? } else { self.cursor.anchor()? };
                self.tokens.push_back(token);
                Ok(())
            }
            b'|' | b'>' if !flow => {
                self.remove_key()?;
                self.simple_key_allowed = true;
                let token = self.cursor.block_scalar(byte == b'|', self.indent)?;
                self.tokens.push_back(token);
                Ok(())
            }
            b'\'' | b'"' => {
                self.save_key()?;
                self.simple_key_allowed = false;
                let token = self.cursor.flow_scalar(byte == b'\'')?;
                self.tokens.push_back(token);
                Ok(())
            }
            b'#' | b'|' | b'>' | b'%' | b'@' | b'`' | b'\t' => {
                Err(self.cursor.error("found character that cannot start any token"))
            }
            _ => self.plain(),
        }
    }

    fn plain(&mut self) -> Result<(), SyntaxError> {
        self.save_key()?;
        self.simple_key_allowed = false;
        let (token, broke_line) = self.cursor.plain_scalar(self.flow_level > 0, self.indent)?;
        self.simple_key_allowed |= broke_line;
        self.tokens.push_back(token);
        Ok(())
    }

    fn stream_end(&mut self) -> Result<(), SyntaxError> {
        self.cursor.end_line();
        self.unroll(-1);
        self.remove_key()?;
        self.simple_key_allowed = false;
        self.done = true;
        self.push(TokenKind::StreamEnd, self.cursor.at);
        Ok(())
    }

    fn directive(&mut self) -> Result<(), SyntaxError> {
        self.unroll(-1);
        self.remove_key()?;
        self.simple_key_allowed = false;
        let token = self.cursor.directive()?;
        self.tokens.push_back(token);
        Ok(())
    }

    fn document_indicator(&mut self, kind: TokenKind<'t>) -> Result<(), SyntaxError> {
        self.unroll(-1);
        self.remove_key()?;
        self.simple_key_allowed = false;
        let start = self.cursor.at;
        self.cursor.skip(3);
        self.push(kind, start);
        Ok(())
    }

    /// One of the indicators of one character.
    fn indicator(&mut self, kind: TokenKind<'t>) {
        let start = self.cursor.at;
        self.cursor.skip(1);
        self.push(kind, start);
    }

    fn flow_start(&mut self, kind: TokenKind<'t>) -> Result<(), SyntaxError> {
        self.save_key()?;
        self.flow_level += 1;
        self.simple_key_allowed = true;
        self.indicator(kind);
        Ok(())
    }

    fn flow_end(&mut self, kind: TokenKind<'t>) -> Result<(), SyntaxError> {
        self.remove_key()?;
        self.flow_level = self.flow_level.saturating_sub(1);
        self.simple_key_allowed = false;
        let empty = matches!(
            self.tokens.back().map(|token| &token.kind),
            Some(TokenKind::FlowSequenceStart | TokenKind::FlowMappingStart)
        );
        if empty {
            let opening = self.taken + self.tokens.len() - 1;
            if let Some(key) = self.keys.back_mut().filter(|key| key.token == opening) {
                key.awaited = false;
            }
        }
        self.indicator(kind);
        Ok(())
    }

    fn flow_entry(&mut self) -> Result<(), SyntaxError> {
        self.remove_key()?;
        self.simple_key_allowed = true;
        self.indicator(TokenKind::FlowEntry);
        Ok(())
    }

    fn block_entry(&mut self) -> Result<(), SyntaxError> {
        if self.flow_level == 0 {
            if !self.simple_key_allowed {
                return Err(self.cursor.error("block sequence entries are not allowed in this context"));
            }
            self.roll(self.cursor.column, None, TokenKind::BlockSequenceStart);
        }
        self.remove_key()?;
        self.simple_key_allowed = true;
        self.indicator(TokenKind::BlockEntry);
        Ok(())
    }

    fn key(&mut self) -> Result<(), SyntaxError> {
        if self.flow_level == 0 {
            if !self.simple_key_allowed {
                return Err(self.cursor.error("mapping keys are not allowed in this context"));
            }
            self.roll(self.cursor.column, None, TokenKind::BlockMappingStart);
        }
        self.remove_key()?;
        self.simple_key_allowed = self.flow_level == 0;
        self.indicator(TokenKind::Key);
        Ok(())
    }

    fn value(&mut self) -> Result<(), SyntaxError> {
        let mut key = self.keys.back().copied().filter(|key| key.level == self.flow_level);
        if key.is_some_and(|key| !self.is_near(&key)) {
            self.remove_key()?;
            key = None;
        }
        if let Some(key) = key {
            self.keys.pop_back();
            // One that was not awaited may be taken already; the tokens before it then come behind it.
            let before = key.token.checked_sub(self.taken);
            let token = Token { kind: TokenKind::Key, start: key.at, end: key.at };
            self.insert(before, token);
            if self.flow_level == 0 {
                self.roll(key.column, Some((before, key.at)), TokenKind::BlockMappingStart);
            }
            self.simple_key_allowed = false;
        } else {
            if self.flow_level == 0 {
                if !self.simple_key_allowed {
                    return Err(self.cursor.error("mapping values are not allowed in this context"));
                }
                self.roll(self.cursor.column, None, TokenKind::BlockMappingStart);
            }
            self.simple_key_allowed = self.flow_level == 0;
        }
        self.indicator(TokenKind::Value);
        Ok(())
    }

    /// Remembers that a key may begin here.
    fn save_key(&mut self) -> Result<(), SyntaxError> {
        let required = self.flow_level == 0 && self.indent == self.cursor.column as isize;
        if self.simple_key_allowed {
            self.remove_key()?;
            self.keys.push_back(SimpleKey {
                level: self.flow_level,
                token: self.taken + self.tokens.len(),
                required,
                at: self.cursor.at,
                line: self.cursor.line,
                column: self.cursor.column,
                awaited: true,
            });
        }
        Ok(())
    }

    /// Forgets the key of the current level of brackets.
    fn remove_key(&mut self) -> Result<(), SyntaxError> {
        if let Some(key) = self.keys.back().filter(|key| key.level == self.flow_level) {
            if key.required {
                return Err(self.cursor.error("could not find expected ':'"));
            }
            self.keys.pop_back();
        }
        Ok(())
    }

    /// Puts a token at a place among those that wait, or behind them.
    fn insert(&mut self, position: Option<usize>, token: Token<'t>) {
        let end = self.tokens.len();
        self.tokens.insert(position.unwrap_or(end).min(end), token);
    }

    /// Opens a block collection when the column lies further right than the current one.
    fn roll(&mut self, column: usize, before: Option<(Option<usize>, usize)>, kind: TokenKind<'t>) {
        let column = column as isize;
        if self.indent >= column {
            return;
        }
        self.indents.push(self.indent);
        self.indent = column;
        match before {
            Some((position, at)) => self.insert(position, Token { kind, start: at, end: at }),
            None => self.push(kind, self.cursor.at),
        }
    }

    /// Closes the block collections that lie further right than a column.
    fn unroll(&mut self, column: isize) {
        if self.flow_level > 0 {
            return;
        }
        while self.indent > column {
            self.push(TokenKind::BlockEnd, self.cursor.at);
            self.indent = self.indents.pop().unwrap_or(-1);
        }
    }
}
