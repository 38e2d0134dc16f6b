//! Texts and places in them: byte spans, and their lines and columns on demand.
//!
//! Invariant: a span is in bytes, so it is cheap to carry on every node; lines and columns exist only when shown.

use std::borrow::Cow;
use std::sync::{Arc, OnceLock};

/// A half-open byte range in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Span {
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

impl Span {
    /// The range from `start` to `end`; positions past 4 GiB saturate.
    pub fn new(start: usize, end: usize) -> Self {
        let clamp = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        Span { start: clamp(start), end: clamp(end.max(start)) }
    }

    /// An empty range at one byte.
    pub fn at(offset: usize) -> Self {
        Self::new(offset, offset)
    }

    /// The smallest range that holds both.
    #[must_use]
    pub fn to(self, other: Span) -> Self {
        Span { start: self.start.min(other.start), end: self.end.max(other.end) }
    }

    /// The range as `usize` bounds, for slicing.
    pub fn range(self) -> std::ops::Range<usize> {
        self.start as usize..self.end as usize
    }
}

/// A line and a column, both from 1. Columns count Unicode scalar values, as editors do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
}

/// How bytes fail to be UTF-8.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Damage {
    /// A character cannot begin with this byte.
    Leading,
    /// A character goes on with a byte that cannot be a part of it.
    Trailing,
    /// The text ends within a character.
    Incomplete,
    /// A character is written with more bytes than it needs.
    Overlong,
    /// The number is that of no character.
    NoCharacter,
}

impl Damage {
    /// What is wrong with bytes that do not begin with a character.
    fn of(bytes: &[u8]) -> Damage {
        let Some(first) = bytes.first().copied() else { return Damage::Incomplete };
        let width = match first {
            0xc0..=0xdf => 2,
            0xe0..=0xef => 3,
            0xf0..=0xf7 => 4,
            _ => return Damage::Leading,
        };
        let Some(rest) = bytes.get(1..width) else { return Damage::Incomplete };
        if rest.iter().any(|byte| byte & 0xc0 != 0x80) {
            return Damage::Trailing;
        }
        let number = rest
            .iter()
            .fold(u32::from(first) & (0x7f >> width), |number, byte| number << 6 | u32::from(byte & 0x3f));
        let least = [0, 0, 0x80, 0x800, 0x1_0000].get(width).copied().unwrap_or(0);
        if number < least { Damage::Overlong } else { Damage::NoCharacter }
    }
}

/// Bytes that were no UTF-8 and are U+FFFD in the text.
#[derive(Debug, Clone)]
struct Replaced {
    /// Where U+FFFD stands.
    at: u32,
    bytes: Box<[u8]>,
    damage: Damage,
}

/// A named text.
#[derive(Debug)]
pub struct SourceFile {
    name: Arc<str>,
    text: Arc<str>,
    replaced: Vec<Replaced>,
    /// Byte offset of the start of each line.
    lines: OnceLock<Vec<u32>>,
}

impl SourceFile {
    /// A text under the name that the user knows it by (a path, `--set`, `<stdin>`).
    pub fn new(name: impl Into<Arc<str>>, text: impl Into<Arc<str>>) -> Arc<Self> {
        Self::with(name.into(), text.into(), Vec::new())
    }

    fn with(name: Arc<str>, text: Arc<str>, replaced: Vec<Replaced>) -> Arc<Self> {
        Arc::new(SourceFile { name, text, replaced, lines: OnceLock::new() })
    }

    /// A text from bytes. What is no UTF-8 becomes U+FFFD, and the text remembers what it was.
    pub fn from_bytes(name: impl Into<Arc<str>>, bytes: &[u8]) -> Arc<Self> {
        if let Ok(text) = std::str::from_utf8(bytes) {
            return Self::new(name, text);
        }
        let (mut text, mut replaced, mut before) = (String::with_capacity(bytes.len()), Vec::new(), 0);
        for chunk in bytes.utf8_chunks() {
            text.push_str(chunk.valid());
            before += chunk.valid().len();
            if !chunk.invalid().is_empty() {
                let damage = Damage::of(bytes.get(before..).unwrap_or_default());
                let at = u32::try_from(text.len()).unwrap_or(u32::MAX);
                replaced.push(Replaced { at, bytes: chunk.invalid().into(), damage });
                text.push(char::REPLACEMENT_CHARACTER);
                before += chunk.invalid().len();
            }
        }
        Self::with(name.into(), text.into(), replaced)
    }

    /// A piece of this text under another name; `text` is the piece that starts at `offset`.
    pub fn part(&self, name: impl Into<Arc<str>>, offset: usize, text: impl Into<Arc<str>>) -> Arc<Self> {
        let text = text.into();
        let within = |found: &&Replaced| (offset..offset + text.len()).contains(&(found.at as usize));
        let moved = |found: &Replaced| Replaced { at: found.at - offset as u32, ..found.clone() };
        let replaced = self.replaced.iter().filter(within).map(moved).collect();
        Self::with(name.into(), text, replaced)
    }

    /// The first bytes that were no UTF-8: where U+FFFD stands in their place, and what was wrong with them.
    pub fn damage(&self) -> Option<(usize, Damage)> {
        self.replaced.first().map(|found| (found.at as usize, found.damage))
    }

    /// The bytes of a range as they were before any were replaced.
    pub fn bytes(&self, span: Span) -> Cow<'_, [u8]> {
        let whole = self.text.as_bytes().get(span.range()).unwrap_or_default();
        let within = |found: &&Replaced| span.range().contains(&(found.at as usize));
        if !self.replaced.iter().any(|found| within(&found)) {
            return Cow::Borrowed(whole);
        }
        let (mut out, mut from) = (Vec::with_capacity(whole.len()), span.start as usize);
        for found in self.replaced.iter().filter(within) {
            out.extend_from_slice(self.text.as_bytes().get(from..found.at as usize).unwrap_or_default());
            out.extend_from_slice(&found.bytes);
            from = found.at as usize + char::REPLACEMENT_CHARACTER.len_utf8();
        }
        out.extend_from_slice(self.text.as_bytes().get(from..span.end as usize).unwrap_or_default());
        Cow::Owned(out)
    }

    /// The name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The whole text.
    pub fn text(&self) -> &str {
        &self.text
    }

    fn lines(&self) -> &[u32] {
        self.lines.get_or_init(|| {
            let starts = self.text.match_indices('\n').map(|(i, _)| i as u32 + 1);
            std::iter::once(0).chain(starts).collect()
        })
    }

    /// How many lines there are; a text that ends in a newline has an empty last line.
    pub fn line_count(&self) -> usize {
        self.lines().len()
    }

    /// The line (from 1) that holds a byte offset.
    pub fn line_of(&self, offset: u32) -> u32 {
        // Near the start, counting is cheaper than finding all lines: a rendered file nearly always holds one document
        // that starts there, and nobody asks for another place in it.
        if offset < 4096
            && self.lines.get().is_none()
            && let Some(before) = self.text.as_bytes().get(..offset as usize)
        {
            return before.iter().copied().filter(|byte| *byte == b'\n').count() as u32 + 1;
        }
        self.lines().partition_point(|start| *start <= offset) as u32
    }

    /// Text of a line (from 1) without its line break; empty when there is no such line.
    pub fn line_text(&self, line: u32) -> &str {
        let lines = self.lines();
        let index = line.saturating_sub(1) as usize;
        let Some(start) = lines.get(index) else { return "" };
        let end = lines.get(index + 1).map_or(self.text.len(), |next| *next as usize);
        self.text.get(*start as usize..end).unwrap_or("").trim_end_matches(['\n', '\r'])
    }

    /// Byte offset of the start of a line (from 1).
    pub fn line_start(&self, line: u32) -> u32 {
        self.lines().get(line.saturating_sub(1) as usize).copied().unwrap_or(self.text.len() as u32)
    }

    /// Line and column of a byte offset; an offset past the end is the end.
    pub fn position(&self, offset: u32) -> Position {
        let offset = offset.min(self.text.len() as u32);
        let line = self.line_of(offset);
        let before = self.text.get(self.line_start(line) as usize..offset as usize).unwrap_or("");
        Position { line, column: before.chars().count() as u32 + 1 }
    }

    /// Byte column from 0 within the line, which is how Go's text/template counts.
    pub fn byte_column(&self, offset: u32) -> u32 {
        offset - self.line_start(self.line_of(offset)).min(offset)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_characters_and_lines_from_one() {
        let file = SourceFile::new("v.yaml", "a: é\r\nbé: c\n");
        assert_eq!(file.position(0), Position { line: 1, column: 1 });
        assert_eq!(file.position(7), Position { line: 2, column: 1 });
        assert_eq!(file.position(10), Position { line: 2, column: 3 });
        assert_eq!(file.byte_column(10), 3);
        assert_eq!(file.position(99), Position { line: 3, column: 1 });
        assert_eq!((file.line_text(1), file.line_text(2), file.line_text(3)), ("a: é", "bé: c", ""));
        assert_eq!(file.line_text(9), "");
    }

    #[test]
    fn damaged_bytes_are_known() {
        let bytes = b"a\xffb\xc3(\xed\xa0\x80\xc0\x80 \xe2\x82";
        let file = SourceFile::from_bytes("x", bytes);
        assert_eq!(file.damage(), Some((1, Damage::Leading)));
        let kinds: Vec<Damage> = file.replaced.iter().map(|found| found.damage).collect();
        assert_eq!(kinds.first(), Some(&Damage::Leading));
        assert_eq!(kinds.get(1), Some(&Damage::Trailing));
        assert_eq!(kinds.get(2), Some(&Damage::NoCharacter));
        assert_eq!(kinds.last(), Some(&Damage::Incomplete));
        assert!(kinds.contains(&Damage::Overlong));
        assert_eq!(&*file.bytes(Span::new(0, file.text().len())), bytes);
        assert_eq!(&*file.bytes(Span::new(1, 5)), b"\xffb");
        let part = file.part("y", 4, &file.text()[4..9]);
        assert_eq!((part.text(), part.damage()), ("b\u{fffd}(", Some((1, Damage::Trailing))));
    }
}
