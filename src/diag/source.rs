//! Texts and places in them: byte spans, and their lines and columns on demand.
//!
//! Invariant: a span is in bytes, so it is cheap to carry on every node; lines and columns exist only when shown.

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

/// A named text.
#[derive(Debug)]
pub struct SourceFile {
    name: Arc<str>,
    text: Arc<str>,
    /// Byte offset of the start of each line.
    lines: OnceLock<Vec<u32>>,
}

impl SourceFile {
    /// A text under the name that the user knows it by (a path, `--set`, `<stdin>`).
    pub fn new(name: impl Into<Arc<str>>, text: impl Into<Arc<str>>) -> Arc<Self> {
        Arc::new(SourceFile { name: name.into(), text: text.into(), lines: OnceLock::new() })
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
}
