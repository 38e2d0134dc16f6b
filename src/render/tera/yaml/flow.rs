//! Flow collections: `[a, {{ x }}]`, `{a: {{ x }}}`, over one line or several.
//!
//! Invariant: brackets, commas and colons of the text stay the only ones that have a meaning.

use super::{Misplaced, Pass, Piece, write};

impl Pass<'_> {
    /// A flow collection up to its closing bracket; an unclosed one ends at a document marker or with the text.
    pub(super) fn flow(&mut self) -> Result<(), Misplaced> {
        let mut depth = 0_usize;
        while let Some(byte) = self.byte(self.at) {
            match byte {
                b'\n' => {
                    self.copy_to(self.at + 1);
                    if self.is_document_marker(self.at) {
                        return Ok(());
                    }
                }
                b' ' | b'\t' | b'\r' | b',' => self.copy_to(self.at + 1),
                b'#' if self.at == 0 || matches!(self.byte(self.at - 1), Some(b' ' | b'\t' | b'\n')) => {
                    self.rest_of_line()?;
                }
                b'[' | b'{' => {
                    depth += 1;
                    self.copy_to(self.at + 1);
                }
                b']' | b'}' => {
                    depth = depth.saturating_sub(1);
                    self.copy_to(self.at + 1);
                    if depth == 0 {
                        return Ok(());
                    }
                }
                b'"' | b'\'' => {
                    self.quoted()?;
                    // A colon right after a quoted key belongs to no scalar.
                    if self.byte(self.at) == Some(b':') {
                        self.copy_to(self.at + 1);
                    }
                }
                b':' if self.ends_flow_word(self.at + 1) => self.copy_to(self.at + 1),
                b'&' | b'!' => self.property_in_flow()?,
                _ => self.plain_in_flow()?,
            }
        }
        Ok(())
    }

    fn ends_flow_word(&self, at: usize) -> bool {
        self.ends_word(at) || matches!(self.byte(at), Some(b',' | b'[' | b']' | b'{' | b'}'))
    }

    /// An anchor or a tag: copied up to the next blank or bracket.
    fn property_in_flow(&mut self) -> Result<(), Misplaced> {
        let mut end = self.at;
        while !self.ends_flow_word(end) && self.mark(end).is_none() {
            end += 1;
        }
        while !self.source.is_char_boundary(end) {
            end += 1;
        }
        self.copy_to(end);
        if self.mark(self.at).is_some() { self.plain_in_flow() } else { Ok(()) }
    }

    fn plain_in_flow(&mut self) -> Result<(), Misplaced> {
        let start = self.at;
        let mut end = start;
        let mut is_key = false;
        while end < self.source.len() {
            if let Some((_, after)) = self.mark(end) {
                end = after;
                continue;
            }
            match self.byte(end) {
                Some(b',' | b'[' | b']' | b'{' | b'}' | b'\n') => break,
                Some(b':') if end > start && self.ends_flow_word(end + 1) => {
                    is_key = true;
                    break;
                }
                Some(b'#') if end > start && matches!(self.byte(end - 1), Some(b' ' | b'\t')) => break,
                _ => end += 1,
            }
        }
        let content = self.slice(start, end).trim_end_matches([' ', '\t', '\r']).len();
        let end = start + content;
        let pieces = self.pieces(start, end);
        let first = pieces.iter().find_map(|piece| match piece {
            Piece::Value(index) => Some(*index),
            Piece::Text(_) => None,
        });
        let Some(index) = first else {
            // At least one byte, so that the walk goes on whatever stands here.
            let mut end = end.max(start + 1);
            while !self.source.is_char_boundary(end) {
                end += 1;
            }
            self.copy_to(end);
            return Ok(());
        };
        let text = if is_key {
            self.check_key(index)?;
            let key = self.flow_text(&pieces);
            self.check_key_length(index, &key)?;
            key
        } else if let [Piece::Value(index)] = pieces[..] {
            write::flow(self.entry(index).0)
        } else {
            self.flow_text(&pieces)
        };
        self.emit(index, &text)?;
        self.at = end;
        Ok(())
    }

    /// Text and values as one string.
    fn flow_text(&self, pieces: &[Piece]) -> String {
        let whole: String = pieces
            .iter()
            .map(|piece| match piece {
                Piece::Text(text) => (*text).to_string(),
                Piece::Value(index) => self.text_of(*index),
            })
            .collect();
        write::flow_quote(&whole).into_owned()
    }
}
