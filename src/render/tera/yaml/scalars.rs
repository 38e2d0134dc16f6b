//! Plain and quoted scalars, of one line or several.
//!
//! Invariant: a scalar that is not one mark alone is a string, and the string is the author's text with the text of the
//! values in it.

use super::{Level, Misplaced, Pass, Piece, Place, Stop, write};

/// A line of a scalar of several lines.
type Line<'a> = Vec<Piece<'a>>;

impl<'a> Pass<'a> {
    /// Scans a plain scalar on its line: where it ends (without blanks) and why. In `flow`, brackets and commas end it.
    pub(super) fn scan_plain(&self, start: usize, keys: bool) -> (usize, Stop) {
        let end = self.line_end(start);
        let mut at = start;
        let mut stop = Stop::LineEnd;
        while at < end {
            if let Some((_, after)) = self.mark(at) {
                at = after;
                continue;
            }
            match self.byte(at) {
                Some(b'#') if at > start && matches!(self.byte(at - 1), Some(b' ' | b'\t')) => {
                    stop = Stop::Comment;
                    break;
                }
                Some(b':') if keys && self.ends_word(at + 1) => {
                    stop = Stop::Colon;
                    break;
                }
                _ => at += 1,
            }
        }
        let content = self.slice(start, at.min(end)).trim_end_matches([' ', '\t', '\r']).len();
        (start + content, stop)
    }

    /// A plain scalar, or a key and its value.
    pub(super) fn plain(&mut self, place: Place, keys: bool) -> Result<(), Misplaced> {
        let start = self.at;
        let (end, stop) = self.scan_plain(start, keys);
        let first = self.pieces(start, end);
        if let (Stop::Colon, Place::Block { column, .. }) = (stop, place) {
            self.key(&first)?;
            self.at = end;
            self.copy_blanks();
            return self.value_of_key(column);
        }
        let (continuation, last) =
            if stop == Stop::LineEnd { self.continuation(end, place.parent()) } else { (Vec::new(), end) };
        if let [Piece::Value(index)] = first[..] {
            let value = self.entry(index).0;
            if continuation.is_empty() || write::has_entries(value) {
                self.at = end;
                return self.single(index, place);
            }
        }
        self.open = None;
        let has_marks = |line: &Line| line.iter().any(|piece| matches!(piece, Piece::Value(_)));
        if !has_marks(&first) && !continuation.iter().any(has_marks) {
            self.copy_to(last);
            return self.rest_of_line();
        }
        let mut lines = vec![first];
        lines.extend(continuation);
        self.composite(&lines, start, last)?;
        self.at = last;
        self.rest_of_line()
    }

    /// The lines after a plain scalar that go on with it: deeper than its parent and neither comments nor keys. A dash
    /// begins no item there. Also where the last of them ends. Blank lines between them are empty lines.
    fn continuation(&self, end: usize, parent: isize) -> (Vec<Line<'a>>, usize) {
        let mut lines = Vec::new();
        let mut last = end;
        let mut blanks = 0;
        let mut line = self.line_end(end) + 1;
        while line < self.source.len() {
            if self.is_blank_to_line_end(line) {
                blanks += 1;
            } else {
                let first = line + self.indent(line);
                let deeper = (first - line) as isize > parent;
                let (stop_at, stop) = self.scan_plain(first, true);
                if !deeper
                    || self.byte(first) == Some(b'#')
                    || stop == Stop::Colon
                    || self.is_document_marker(line)
                {
                    break;
                }
                lines.extend(std::iter::repeat_n(Line::new(), blanks));
                blanks = 0;
                lines.push(self.pieces(first, stop_at));
                last = stop_at;
                if stop == Stop::Comment {
                    break;
                }
            }
            line = self.line_end(line) + 1;
        }
        (lines, last)
    }

    /// A scalar made of text and values: as the author wrote it when that is the same string, in quotes otherwise.
    fn composite(&mut self, lines: &[Line<'a>], start: usize, end: usize) -> Result<(), Misplaced> {
        let texts: Vec<String> = lines.iter().map(|line| self.line_text(line)).collect();
        let whole = fold(&texts);
        let each_stays = |text: &String| {
            text.trim() == text
                && !text.starts_with(['#', '-', '?', ':'])
                && !text.starts_with("...")
                && !text.is_empty()
        };
        let blank = |line: &Line| line.is_empty();
        let as_written = write::is_plain_safe(&whole, write::Context::Block)
            && (lines.len() == 1
                || lines.iter().zip(&texts).all(|(line, text)| blank(line) || each_stays(text)));
        let site = lines.iter().flatten().find_map(|piece| match piece {
            Piece::Value(index) => Some(*index),
            Piece::Text(_) => None,
        });
        if as_written {
            for piece in self.pieces(start, end) {
                match piece {
                    Piece::Text(text) => self.out.push_str(text),
                    Piece::Value(index) => self.emit(index, &self.text_of(index))?,
                }
            }
            return Ok(());
        }
        let quoted = write::quote(&whole);
        if let Some(index) = site {
            return self.emit(index, &quoted);
        }
        self.out.push_str(&quoted);
        Ok(())
    }

    fn line_text(&self, line: &[Piece<'a>]) -> String {
        line.iter()
            .map(|piece| match piece {
                Piece::Text(text) => (*text).to_string(),
                Piece::Value(index) => self.text_of(*index),
            })
            .collect()
    }

    /// A key made of text and values: always a string.
    pub(super) fn key(&mut self, pieces: &[Piece<'a>]) -> Result<(), Misplaced> {
        let Some(index) = pieces.iter().find_map(|piece| match piece {
            Piece::Value(index) => Some(*index),
            Piece::Text(_) => None,
        }) else {
            for piece in pieces {
                if let Piece::Text(text) = piece {
                    self.out.push_str(text);
                }
            }
            return Ok(());
        };
        self.check_key(index)?;
        let text = self.line_text(pieces);
        let quoted = write::quote(&text);
        self.check_key_length(index, &quoted)?;
        self.emit(index, &quoted)
    }

    /// Refuses what cannot be a key.
    pub(super) fn check_key(&self, index: usize) -> Result<(), Misplaced> {
        let value = self.entry(index).0;
        if value.is_null() || value.as_map().is_some() || value.as_list().is_some() {
            return self.misplaced(index, format!("a {} cannot be a key", value.kind()), None);
        }
        Ok(())
    }

    /// YAML readers give up on keys of more than 1,024 characters.
    pub(super) fn check_key_length(&self, index: usize, key: &str) -> Result<(), Misplaced> {
        if key.chars().count() > 1_000 {
            return self.misplaced(index, "a key cannot have more than 1000 characters".to_string(), None);
        }
        Ok(())
    }

    /// A value that is a whole node.
    fn single(&mut self, index: usize, place: Place) -> Result<(), Misplaced> {
        let value = self.entry(index).0;
        self.open = None;
        if !write::has_entries(value) {
            self.emit(index, &write::scalar(value))?;
            return self.rest_of_line();
        }
        let (column, inline) = match place {
            Place::ValueOf { key } => (key + 2, false),
            Place::Block { column, inline: true, .. } => (column, true),
            Place::Block { parent, inline: false, .. } => {
                (usize::try_from(parent).map_or(0, |parent| parent + 2), false)
            }
        };
        if !inline {
            while self.out.ends_with([' ', '\t']) {
                self.out.pop();
            }
        }
        let commented = self.comment_before_block()?;
        if commented || !inline {
            self.out.push('\n');
            self.out.push_str(&" ".repeat(column));
        }
        self.block(index, column)?;
        self.after_block()
    }

    /// A comment after a mark whose value is a block goes before the block.
    pub(super) fn comment_before_block(&mut self) -> Result<bool, Misplaced> {
        if self.is_blank_to_line_end(self.at) {
            return Ok(false);
        }
        let end = self.line_end(self.at);
        let mut blank = !self.out.ends_with([' ', '\n']);
        for piece in self.pieces(self.at, end) {
            match piece {
                Piece::Text(text) => {
                    let bare = if blank { text } else { text.trim_start_matches([' ', '\t']) };
                    self.out.push_str(bare.trim_end_matches('\r'));
                }
                Piece::Value(index) => self.emit(index, &write::one_line(&self.text_of(index)))?,
            }
            blank = true;
        }
        self.at = end;
        Ok(true)
    }

    /// The block lines of a collection, the first right here; without the last line break.
    pub(super) fn block(&mut self, index: usize, column: usize) -> Result<(), Misplaced> {
        let value = self.entry(index).0;
        let lines = write::block_lines(value, column);
        self.emit(index, lines.strip_suffix('\n').unwrap_or(&lines))?;
        self.levels.retain(|level| level.column < column);
        self.levels.push(Level { column, list: value.as_list().is_some() });
        Ok(())
    }

    /// The line break after a block; written even at the end of the text, where a last block scalar needs it.
    pub(super) fn after_block(&mut self) -> Result<(), Misplaced> {
        let end = self.line_end(self.at);
        if end == self.source.len() {
            self.rest_of_line()?;
            self.out.push('\n');
            return Ok(());
        }
        self.rest_of_line()
    }

    /// A quoted scalar.
    pub(super) fn quoted(&mut self) -> Result<(), Misplaced> {
        let start = self.at;
        let double = self.byte(start) == Some(b'"');
        let end = self.scan_quoted(start, double);
        let closed = end > start + 1 && self.byte(end - 1) == Some(if double { b'"' } else { b'\'' });
        let inner = self.pieces(start + 1, if closed { end - 1 } else { end });
        let texts: Vec<(usize, String)> = inner
            .iter()
            .filter_map(|piece| match piece {
                Piece::Value(index) => Some((*index, self.text_of(*index))),
                Piece::Text(_) => None,
            })
            .collect();
        let Some((first, _)) = texts.first() else {
            self.copy_to(end);
            return Ok(());
        };
        let several = self.slice(start, end).contains('\n');
        let stays_single = !double && texts.iter().all(|(_, text)| write::escape_single(text).is_some());
        let mut out = String::new();
        if several && closed {
            out.push('"');
            out.push_str(&self.fold_quoted(&inner, double));
            out.push('"');
        } else {
            let quote = if double || !stays_single { '"' } else { '\'' };
            out.push(quote);
            for piece in &inner {
                match piece {
                    Piece::Value(index) if quote == '\'' => {
                        out.push_str(&write::escape_single(&self.text_of(*index)).unwrap_or_default());
                    }
                    Piece::Value(index) => out.push_str(&write::escape_double(&self.text_of(*index))),
                    Piece::Text(text) if double || quote == '\'' => out.push_str(text),
                    Piece::Text(text) => out.push_str(&write::escape_double(&text.replace("''", "'"))),
                }
            }
            if closed {
                out.push(quote);
            }
        }
        self.emit(*first, &out)?;
        self.at = end;
        Ok(())
    }

    /// One past the closing quote; an unclosed scalar ends at a document marker or with the text.
    fn scan_quoted(&self, start: usize, double: bool) -> usize {
        let mut at = start + 1;
        while at < self.source.len() {
            if let Some((_, after)) = self.mark(at) {
                at = after;
                continue;
            }
            match self.byte(at) {
                Some(b'\\') if double => at += 2,
                Some(b'"') if double => return at + 1,
                Some(b'\'') if !double => {
                    if self.byte(at + 1) != Some(b'\'') {
                        return at + 1;
                    }
                    at += 2;
                }
                Some(b'\n') if self.is_document_marker(at + 1) => return at + 1,
                _ => at += 1,
            }
        }
        // An escape may have led past a character; the end of the text is always a boundary.
        self.source.len()
    }

    /// The content of a quoted scalar of several lines as one line of double-quoted text.
    fn fold_quoted(&self, inner: &[Piece<'a>], double: bool) -> String {
        let mut lines: Vec<Line<'a>> = vec![Vec::new()];
        for piece in inner {
            match piece {
                Piece::Value(_) => lines.last_mut().into_iter().for_each(|line| line.push(*piece)),
                Piece::Text(text) => {
                    for (index, part) in text.split('\n').enumerate() {
                        if index > 0 {
                            lines.push(Vec::new());
                        }
                        lines.last_mut().into_iter().for_each(|line| line.push(Piece::Text(part)));
                    }
                }
            }
        }
        let count = lines.len();
        let mut out = String::new();
        let mut blanks = 0;
        let mut joined = true;
        for (index, line) in lines.iter().enumerate() {
            let (text, escaped_break) = self.quoted_line(line, double, index > 0, index + 1 < count);
            if text.is_empty()
                && !line.iter().any(|piece| matches!(piece, Piece::Value(_)))
                && index > 0
                && index + 1 < count
            {
                blanks += 1;
                continue;
            }
            if index > 0 {
                if blanks > 0 {
                    out.push_str(&"\\n".repeat(blanks));
                } else if !joined {
                    out.push(' ');
                }
            }
            blanks = 0;
            out.push_str(&text);
            joined = escaped_break;
        }
        out
    }

    /// One line of a quoted scalar as double-quoted text, and whether it ends in an escaped line break.
    fn quoted_line(
        &self,
        line: &[Piece<'a>],
        double: bool,
        trim_start: bool,
        trim_end: bool,
    ) -> (String, bool) {
        let mut text = String::new();
        let mut escaped_break = false;
        for (index, piece) in line.iter().enumerate() {
            match piece {
                Piece::Value(value) => text.push_str(&write::escape_double(&self.text_of(*value))),
                Piece::Text(part) => {
                    let mut part = *part;
                    if trim_start && index == 0 {
                        part = part.trim_start_matches([' ', '\t']);
                    }
                    if trim_end && index + 1 == line.len() {
                        part = part.strip_suffix('\r').unwrap_or(part);
                        let bare = part.trim_end_matches([' ', '\t']);
                        let slashes = bare.len() - bare.trim_end_matches('\\').len();
                        if double && slashes % 2 == 1 {
                            if bare.len() == part.len() {
                                escaped_break = true;
                                part = bare.get(..bare.len() - 1).unwrap_or("");
                            } else {
                                part = part.get(..bare.len() + 1).unwrap_or(part);
                            }
                        } else {
                            part = bare;
                        }
                    }
                    if double {
                        text.push_str(part);
                    } else {
                        text.push_str(&write::escape_double(&part.replace("''", "'")));
                    }
                }
            }
        }
        (text, escaped_break)
    }
}

/// Lines joined as YAML joins those of a plain scalar: by a space, or by the blank lines between them.
fn fold(lines: &[String]) -> String {
    let mut out = String::new();
    let mut blanks = 0;
    for (index, line) in lines.iter().enumerate() {
        if index == 0 {
            out.push_str(line);
        } else if line.is_empty() {
            blanks += 1;
        } else {
            if blanks > 0 {
                out.push_str(&"\n".repeat(blanks));
            } else {
                out.push(' ');
            }
            blanks = 0;
            out.push_str(line);
        }
    }
    out
}
