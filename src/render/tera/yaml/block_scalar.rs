//! Block scalars: `|` and `>`.
//!
//! Invariant: every line of a value is at least as deep as the scalar's content, so that no value ends it; text that a
//! block scalar cannot hold (control characters, other line breaks) turns the whole scalar into a double-quoted one.

use super::{Misplaced, Pass, Piece, Place, write};

/// The header of a block scalar, and where it ends.
struct Header {
    folded: bool,
    /// `+`, `-` or none.
    chomp: Option<char>,
    /// The digit, when the author wrote one.
    digit: Option<usize>,
    end: usize,
}

/// The lines of a block scalar as the author wrote them, marks in them.
struct Content {
    /// Byte range of each line, without its line break.
    lines: Vec<(usize, usize)>,
    /// Spaces that belong to the indentation and not to the text.
    indent: usize,
    /// One past the last line break.
    end: usize,
}

impl Pass<'_> {
    /// Whether the `|` or `>` here is a header: only its indicators, a comment or a mark follow on the line.
    pub(super) fn is_block_scalar(&self) -> bool {
        let end = self.header().end;
        let rest = self.slice(end, self.line_end(end)).trim_start_matches([' ', '\t']);
        let blank = rest.len() < self.line_end(end) - end;
        rest.trim_end().is_empty() || (blank && rest.starts_with('#')) || self.shape.at_start(rest).is_some()
    }

    fn header(&self) -> Header {
        let mut header =
            Header { folded: self.byte(self.at) == Some(b'>'), chomp: None, digit: None, end: self.at + 1 };
        while let Some(byte) = self.byte(header.end) {
            match byte {
                b'+' | b'-' if header.chomp.is_none() => header.chomp = Some(char::from(byte)),
                b'1'..=b'9' if header.digit.is_none() => header.digit = Some(usize::from(byte - b'0')),
                _ => break,
            }
            header.end += 1;
        }
        header
    }

    /// A block scalar with its lines.
    pub(super) fn block_scalar(&mut self, place: Place) -> Result<(), Misplaced> {
        let header = self.header();
        let parent = place.parent();
        let line_end = self.line_end(header.end);
        let rest = self.slice(header.end, line_end).trim_end_matches('\r');
        let (comment, first) = match self.shape.at_start(rest.trim_start()) {
            // Text right after the header: it was meant to be the first line.
            Some(_) => ("", Some(self.pieces(line_end - rest.trim_start().len(), line_end))),
            None => (rest, None),
        };
        let content = self.content(line_end, parent, &header);
        let marked = first.is_some()
            || content.lines.iter().any(|(start, end)| self.shape.occurs_in(self.slice(*start, *end)));
        if !marked {
            self.copy_to(content.end);
            return Ok(());
        }
        let mut lines = Vec::new();
        if let Some(pieces) = first {
            lines.extend(self.content_lines(&pieces));
        }
        let mut site = 0;
        for (start, end) in &content.lines {
            let own = self.indent(*start).min(content.indent).min(end - start);
            let pieces = self.pieces(start + own, *end);
            site = pieces
                .iter()
                .find_map(|piece| match piece {
                    Piece::Value(index) => Some(*index),
                    Piece::Text(_) => None,
                })
                .unwrap_or(site);
            lines.extend(self.content_lines(&pieces));
        }
        let comment = comment.to_string();
        let text = if lines.iter().any(|line| line.chars().any(write::needs_escape)) {
            let value = text_of_scalar(&lines, &header);
            format!("{}{comment}\n", write::double_quoted(&value))
        } else {
            block_text(&lines, &header, &comment, parent, content.indent)
        };
        self.emit(site, &text)?;
        self.at = content.end;
        Ok(())
    }

    /// The lines after the header that are deeper than the parent.
    fn content(&self, line_end: usize, parent: isize, header: &Header) -> Content {
        let least = (parent + 1).max(0) as usize;
        let mut content = Content {
            lines: Vec::new(),
            indent: header.digit.map_or(0, |digit| parent.max(0) as usize + digit),
            end: (line_end + 1).min(self.source.len()),
        };
        let mut known = header.digit.is_some();
        let mut line = content.end;
        while line < self.source.len() {
            let end = self.line_end(line);
            let next = (end + 1).min(self.source.len());
            let visible = line + self.slice(line, end).trim_end_matches('\r').len();
            if !self.slice(line, visible).bytes().all(|byte| byte == b' ') {
                let indent = self.indent(line);
                if !known && indent < least && self.is_whole_line_mark(line + indent) {
                    // The author left the indentation to us.
                    known = true;
                    content.indent = least + 1;
                } else {
                    let deep_enough = indent >= if known { content.indent } else { least };
                    if !deep_enough || (indent == 0 && self.is_document_marker(line)) {
                        break;
                    }
                    if !known {
                        known = true;
                        content.indent = indent;
                    }
                }
            }
            content.lines.push((line, visible));
            content.end = next;
            line = next;
        }
        if !known {
            content.indent = least + 1;
        }
        content
    }

    /// One line of the content, its values written into it: several lines when a value has several.
    fn content_lines(&self, pieces: &[Piece]) -> Vec<String> {
        let alone = match pieces {
            [Piece::Value(index)] => Some((0, *index)),
            [Piece::Value(index), Piece::Text(after)] if after.trim().is_empty() => Some((0, *index)),
            [Piece::Text(blanks), Piece::Value(index)] if blanks.bytes().all(|byte| byte == b' ') => {
                Some((blanks.len(), *index))
            }
            _ => None,
        };
        if let Some((column, index)) = alone {
            let value = self.entry(index).0;
            let text =
                if write::has_entries(value) { write::block_lines(value, 0) } else { self.text_of(index) };
            let pad = " ".repeat(column);
            return text
                .strip_suffix('\n')
                .unwrap_or(&text)
                .split('\n')
                .map(|line| if line.is_empty() { String::new() } else { format!("{pad}{line}") })
                .collect();
        }
        let text: String = pieces
            .iter()
            .map(|piece| match piece {
                Piece::Text(text) => (*text).to_string(),
                Piece::Value(index) => self.text_of(*index),
            })
            .collect();
        text.split('\n').map(str::to_string).collect()
    }
}

/// The header and the lines at their column.
fn block_text(lines: &[String], header: &Header, comment: &str, parent: isize, indent: usize) -> String {
    let base = parent.max(0) as usize;
    // A document's own content may stand at column 0, where a value could look like a document marker.
    let mut indent = indent.max((parent + 1).max(1) as usize);
    let mut digit = header.digit;
    let visible = |line: &&String| !line.trim_end_matches(' ').is_empty();
    let first = lines.iter().position(|line| visible(&line)).unwrap_or(lines.len());
    if digit.is_none() && lines.iter().take(first + 1).any(|line| line.starts_with([' ', '\t'])) {
        if indent - base > 9 || indent == base {
            indent = base + 2;
        }
        digit = Some(indent - base);
    }
    let mut out = String::new();
    out.push(if header.folded { '>' } else { '|' });
    if let Some(digit) = digit {
        out.push_str(&digit.to_string());
    }
    out.extend(header.chomp);
    out.push_str(comment);
    out.push('\n');
    let pad = " ".repeat(indent);
    for line in lines {
        if !line.is_empty() {
            out.push_str(&pad);
            out.push_str(line);
        }
        out.push('\n');
    }
    out
}

/// What a reader makes of the lines of a block scalar.
fn text_of_scalar(lines: &[String], header: &Header) -> String {
    let mut out = String::new();
    let mut started = false;
    let mut breaks = 0;
    let mut before_is_deeper = false;
    for line in lines {
        if line.is_empty() {
            breaks += 1;
            continue;
        }
        let deeper = line.starts_with([' ', '\t']);
        if started {
            if header.folded && !deeper && !before_is_deeper {
                if breaks == 0 {
                    out.push(' ');
                }
            } else {
                out.push('\n');
            }
        }
        out.push_str(&"\n".repeat(breaks));
        out.push_str(line);
        started = true;
        breaks = 0;
        before_is_deeper = deeper;
    }
    match header.chomp {
        Some('-') => {}
        Some(_) => out.push_str(&"\n".repeat(breaks + usize::from(started))),
        None if started => out.push('\n'),
        None => {}
    }
    out
}
