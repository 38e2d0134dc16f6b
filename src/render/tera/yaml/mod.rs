//! The pass that makes values safe: it walks the text that Tera wrote, knows at each mark where in the YAML it stands,
//! and writes the value accordingly.
//!
//! ```text
//! text with marks ─► lines ─► dashes, keys ─┬─► plain, quoted      scalars.rs
//!                                           ├─► [ ] and { }        flow.rs
//!                                           ├─► | and >            block_scalar.rs
//!                                           └─► a mark on a line   whole_line.rs
//! ```
//!
//! What the author wrote is copied byte for byte, even when it is no YAML; only what must be quoted because of a value
//! is rewritten.
//!
//! Invariant: whatever the values are, the text has the same structure (the same keys, items and documents) as it has
//! with harmless words in their places; a value that cannot stand in its place is an error.

mod block_scalar;
mod flow;
mod scalars;
mod whole_line;
pub(super) mod write;

use super::marks::{Entry, Mark, Shape};
use crate::data::Value;

/// A value that cannot be written where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Misplaced {
    /// Which interpolation.
    pub site: usize,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub hint: Option<String>,
}

/// What stands for a value in a text, or the text itself.
#[derive(Debug, Clone, Copy)]
enum Piece<'a> {
    /// The author's text.
    Text(&'a str),
    /// An entry of the table.
    Value(usize),
}

/// A collection that lines of the same column belong to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Level {
    column: usize,
    list: bool,
}

/// Where a node stands: what decides how a collection is written there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// After `key:`.
    ValueOf {
        /// Column of the key.
        key: usize,
    },
    /// After `- `, `? ` or `--- `, or at the start of a line.
    Block {
        /// Column of the node.
        column: usize,
        /// Column of what it hangs on: the dash, or the key on a line above; -1 for a document.
        parent: isize,
        /// Whether a block collection can start right here: not after a tag or an anchor, nor after `---`.
        inline: bool,
    },
}

impl Place {
    /// The column that the lines of the node must exceed.
    fn parent(self) -> isize {
        match self {
            Place::ValueOf { key } => key as isize,
            Place::Block { parent, .. } => parent,
        }
    }
}

/// Why a scan of a plain scalar stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stop {
    /// Before `:` and a blank.
    Colon,
    /// Before `#`.
    Comment,
    /// At the end of the line.
    LineEnd,
}

/// Writes every value of a YAML text in the form that its place asks for. `limit` is the most bytes it may get.
pub(super) fn resolve(shape: &Shape, table: &[Entry], text: &str, limit: usize) -> Result<String, Misplaced> {
    let text = shape.settle_regions(text);
    if !shape.occurs_in(&text) {
        return Ok(text.into_owned());
    }
    let mut pass = Pass {
        shape,
        table,
        source: &text,
        at: 0,
        out: String::with_capacity(text.len()),
        levels: Vec::new(),
        open: None,
        limit,
    };
    while pass.at < pass.source.len() {
        let before = pass.at;
        pass.line()?;
        if pass.at == before {
            // No line leaves the position where it was; should one do so, the rest is copied without marks.
            let rest = pass.source.get(before..).unwrap_or("");
            let rest = shape.replace(rest, |out, index| out.push_str(&write::one_line(&pass.text_of(index))));
            pass.out.push_str(&rest);
            break;
        }
    }
    Ok(pass.out)
}

struct Pass<'a> {
    shape: &'a Shape,
    table: &'a [Entry],
    source: &'a str,
    at: usize,
    out: String,
    /// Open collections, outermost first, with growing columns (a list may share the column of its map).
    levels: Vec<Level>,
    /// The last key or dash when its value has not come yet.
    open: Option<Level>,
    limit: usize,
}

impl<'a> Pass<'a> {
    fn byte(&self, at: usize) -> Option<u8> {
        self.source.as_bytes().get(at).copied()
    }

    fn slice(&self, start: usize, end: usize) -> &'a str {
        self.source.get(start..end).unwrap_or("")
    }

    /// Where the line that holds a byte ends: at its line break or at the end of the text.
    fn line_end(&self, from: usize) -> usize {
        self.source.get(from..).and_then(|rest| rest.find('\n')).map_or(self.source.len(), |at| from + at)
    }

    /// The value mark at a byte: its entry and its end.
    fn mark(&self, at: usize) -> Option<(usize, usize)> {
        if self.byte(at) != Some(0xEF) {
            return None;
        }
        match self.shape.at_start(self.source.get(at..)?)? {
            (Mark::Value(index), length) => Some((index, at + length)),
            _ => None,
        }
    }

    /// The entry of a mark; marks of this run always have one.
    fn entry(&self, index: usize) -> (&'a Value, usize) {
        self.table.get(index).map_or((&Value::Null, usize::MAX), |entry| (&entry.value, entry.site))
    }

    fn text_of(&self, index: usize) -> String {
        write::text_of(self.entry(index).0)
    }

    fn misplaced<T>(&self, index: usize, message: String, hint: Option<&str>) -> Result<T, Misplaced> {
        Err(Misplaced { site: self.entry(index).1, message, hint: hint.map(str::to_string) })
    }

    /// Writes what stands for a value, within the bounds of the output.
    fn emit(&mut self, index: usize, text: &str) -> Result<(), Misplaced> {
        if self.out.len() + text.len() > self.limit {
            return self.misplaced(index, format!("the output exceeds {} bytes", self.limit), None);
        }
        self.out.push_str(text);
        Ok(())
    }

    /// Copies the author's text up to a byte.
    fn copy_to(&mut self, end: usize) {
        let text = self.slice(self.at, end);
        self.out.push_str(text);
        self.at = end.max(self.at);
    }

    /// Copies blanks.
    fn copy_blanks(&mut self) {
        let mut end = self.at;
        while matches!(self.byte(end), Some(b' ' | b'\t')) {
            end += 1;
        }
        self.copy_to(end);
    }

    /// Whether only blanks stand between here and the end of the line.
    fn is_blank_to_line_end(&self, from: usize) -> bool {
        self.slice(from, self.line_end(from)).chars().all(|c| matches!(c, ' ' | '\t' | '\r'))
    }

    /// Whether a blank, a line break or the end follows.
    fn ends_word(&self, at: usize) -> bool {
        matches!(self.byte(at), None | Some(b' ' | b'\t' | b'\n' | b'\r'))
    }

    /// Number of spaces at the start of a line.
    fn indent(&self, line: usize) -> usize {
        self.source
            .as_bytes()
            .get(line..)
            .map_or(0, |rest| rest.iter().take_while(|byte| **byte == b' ').count())
    }

    /// Whether a document marker stands at the start of a line.
    fn is_document_marker(&self, line: usize) -> bool {
        let rest = self.source.get(line..).unwrap_or("");
        (rest.starts_with("---") || rest.starts_with("...")) && self.ends_word(line + 3)
    }

    /// The author's text and the marks in a range.
    fn pieces(&self, start: usize, end: usize) -> Vec<Piece<'a>> {
        let mut list = Vec::new();
        let mut from = start;
        let text = self.slice(0, end);
        while let Some((at, mark, after)) = self.shape.next(text, from) {
            if at > from {
                list.push(Piece::Text(self.slice(from, at)));
            }
            if let Mark::Value(index) = mark {
                list.push(Piece::Value(index));
            }
            from = after;
        }
        if from < end {
            list.push(Piece::Text(self.slice(from, end)));
        }
        list
    }

    /// One line, or several when a scalar or a flow collection spans them.
    fn line(&mut self) -> Result<(), Misplaced> {
        let start = self.at;
        if self.is_blank_to_line_end(start) {
            self.copy_to((self.line_end(start) + 1).min(self.source.len()));
            return Ok(());
        }
        let indent = self.indent(start);
        let first = start + indent;
        if self.byte(first) == Some(b'#') {
            self.copy_to(first);
            return self.rest_of_line();
        }
        if indent == 0 && self.is_document_marker(start) {
            self.levels.clear();
            self.open = None;
            self.copy_to(start + 3);
            self.copy_blanks();
            let place = Place::Block { column: self.at - start, parent: -1, inline: false };
            return self.node(place, false);
        }
        if indent == 0 && self.byte(first) == Some(b'%') {
            return self.rest_of_line();
        }
        if self.is_whole_line_mark(first) {
            return self.whole_lines(indent);
        }
        self.copy_to(first);
        self.entries(indent)
    }

    /// The dashes at the start of a line and the node after them.
    fn entries(&mut self, indent: usize) -> Result<(), Misplaced> {
        let line = self.at - indent;
        let mut parent = match self.open {
            Some(open) if open.column < indent => open.column as isize,
            _ => indent as isize - 1,
        };
        loop {
            let column = self.at - line;
            match self.byte(self.at) {
                Some(b'-') if self.ends_word(self.at + 1) => {
                    self.enter(Level { column, list: true });
                    parent = column as isize;
                }
                Some(b'?' | b':') if self.ends_word(self.at + 1) => {
                    self.enter(Level { column, list: false });
                    parent = column as isize;
                }
                _ => {
                    return self.node(Place::Block { column, parent, inline: true }, true);
                }
            }
            self.open = self.levels.last().copied();
            self.copy_to(self.at + 1);
            self.copy_blanks();
            if self.is_blank_to_line_end(self.at) || self.byte(self.at) == Some(b'#') {
                return self.rest_of_line();
            }
        }
    }

    /// Notes that a line belongs to a collection.
    fn enter(&mut self, level: Level) {
        while self.levels.last().is_some_and(|last| {
            last.column > level.column || (last.column == level.column && last.list && !level.list)
        }) {
            self.levels.pop();
        }
        if self.levels.last() != Some(&level) {
            self.levels.push(level);
        }
        self.open = None;
    }

    /// A node up to the end of its last line. `keys` says whether it may turn out to be a key.
    fn node(&mut self, place: Place, keys: bool) -> Result<(), Misplaced> {
        let mut place = place;
        while matches!(self.byte(self.at), Some(b'&' | b'!')) {
            self.property()?;
            self.copy_blanks();
            if let Place::Block { inline, .. } = &mut place {
                *inline = false;
            }
        }
        if self.is_blank_to_line_end(self.at) || self.byte(self.at) == Some(b'#') {
            if let Place::ValueOf { key } = place {
                self.open = Some(Level { column: key, list: false });
            }
            return self.rest_of_line();
        }
        match self.byte(self.at) {
            Some(b'"' | b'\'') => {
                self.quoted()?;
                self.key_or_rest(place, keys)
            }
            Some(b'[' | b'{') => {
                self.flow()?;
                self.key_or_rest(place, keys)
            }
            Some(b'|' | b'>') if self.is_block_scalar() => {
                self.open = None;
                self.block_scalar(place)
            }
            _ => self.plain(place, keys),
        }
    }

    /// An anchor or a tag. Its marks are written as they are when they are words.
    fn property(&mut self) -> Result<(), Misplaced> {
        while !self.ends_word(self.at) {
            if let Some((index, end)) = self.mark(self.at) {
                let text = self.text_of(index);
                if text.is_empty()
                    || !text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_./:!".contains(&byte))
                {
                    let message =
                        "only letters, digits and dashes can stand in an anchor or a tag".to_string();
                    return self.misplaced(index, message, None);
                }
                self.emit(index, &text)?;
                self.at = end;
            } else {
                let next =
                    self.source.get(self.at..).and_then(|rest| rest.chars().next()).map_or(1, char::len_utf8);
                self.copy_to(self.at + next);
            }
        }
        Ok(())
    }

    /// After a quoted scalar or a flow collection: the rest of the line, or its value when it was a key.
    fn key_or_rest(&mut self, place: Place, keys: bool) -> Result<(), Misplaced> {
        let mut colon = self.at;
        while matches!(self.byte(colon), Some(b' ' | b'\t')) {
            colon += 1;
        }
        match place {
            Place::Block { column, .. }
                if keys && self.byte(colon) == Some(b':') && self.ends_word(colon + 1) =>
            {
                self.copy_to(colon);
                self.value_of_key(column)
            }
            _ => {
                self.open = None;
                self.rest_of_line()
            }
        }
    }

    /// The colon after a key, and its value.
    fn value_of_key(&mut self, column: usize) -> Result<(), Misplaced> {
        let level = Level { column, list: false };
        self.enter(level);
        self.copy_to(self.at + 1);
        self.copy_blanks();
        if self.is_blank_to_line_end(self.at) || self.byte(self.at) == Some(b'#') {
            self.open = Some(level);
            return self.rest_of_line();
        }
        self.node(Place::ValueOf { key: column }, false)
    }

    /// The rest of a line: a comment, blanks, or text that is no YAML. Marks in it become one-line text.
    fn rest_of_line(&mut self) -> Result<(), Misplaced> {
        let end = (self.line_end(self.at) + 1).min(self.source.len());
        for piece in self.pieces(self.at, end) {
            match piece {
                Piece::Text(text) => self.out.push_str(text),
                Piece::Value(index) => self.emit(index, &write::one_line(&self.text_of(index)))?,
            }
        }
        self.at = end;
        Ok(())
    }
}

#[cfg(test)]
mod property_tests;
