//! A mark that has a line for itself: the entries of a map or a list, or a node on the line below its key.
//!
//! ```text
//! labels:                     labels:                   args:
//!   app: web                    {{ values.labels }}     - a
//!   {{ values.labels }}                                 {{ values.args }}
//!   (entries among others)      (the whole node)        (items among others)
//! ```
//!
//! Invariant: what is written among entries of a map or items of a list is of the same kind, or nothing when it is empty
//! or null; the node of a key that has no other entries is never left out.

use super::{Misplaced, Pass, Piece, Stop, write};

/// A whole-line mark: where its line starts, its entry, and where its line ends (with the line break).
struct Alone {
    line: usize,
    index: usize,
    end: usize,
}

impl Pass<'_> {
    /// Whether a line holds, from here, one mark and nothing else but a comment.
    pub(super) fn is_whole_line_mark(&self, first: usize) -> bool {
        let Some((_, after)) = self.mark(first) else { return false };
        let rest = self.slice(after, self.line_end(after));
        let bare = rest.trim_start_matches([' ', '\t']);
        bare.trim_end().is_empty() || (bare.len() < rest.len() && bare.starts_with('#'))
    }

    /// The whole-line marks from here on that share a column, with what stands between them.
    pub(super) fn whole_lines(&mut self, column: usize) -> Result<(), Misplaced> {
        let (group, next) = self.group(column);
        while self.levels.last().is_some_and(|last| last.column > column) {
            self.levels.pop();
        }
        let open = self.open.take();
        let value_of = open.filter(|open| open.column < column || (open.column == column && !open.list));
        let same_column = value_of.is_some_and(|open| open.column == column);
        // The next key of the same column is no entry of this node.
        let next = if same_column { next.filter(|list| *list) } else { next };
        // What the entries of this column are, when there are any.
        let before = match value_of {
            Some(_) => None,
            None => self.levels.last().filter(|last| last.column == column).map(|last| last.list),
        };
        let table = self.table;
        let kind_of = |index: usize| table.get(index).is_some_and(|entry| entry.value.as_list().is_some());
        let with_entries: Vec<usize> = group
            .iter()
            .map(|alone| alone.index)
            .filter(|index| write::has_entries(self.entry(*index).0))
            .collect();
        let expected = before.or(next).or_else(|| {
            (group.len() > 1 || same_column)
                .then(|| with_entries.first().map(|index| kind_of(*index)))
                .flatten()
        });
        let alone = before.is_none()
            && next.is_none()
            && group.len() == 1
            && !(same_column && expected == Some(false));
        let mut written = false;
        for (position, item) in group.iter().enumerate() {
            let between = item.line;
            self.copy_between(between)?;
            self.at = item.line + column;
            let value = self.entry(item.index).0;
            let (_, after) = self.mark(self.at).unwrap_or((0, item.end));
            if alone {
                self.at = after;
                self.node_below(item.index, column, same_column)?;
                continue;
            } else if write::has_entries(value) {
                if let Some(list) = expected
                    && list != kind_of(item.index)
                {
                    return self.wrong_kind(item.index, list);
                }
                self.at = after;
                self.out.push_str(&" ".repeat(column));
                if self.comment_before_block()? {
                    self.out.push('\n');
                    self.out.push_str(&" ".repeat(column));
                }
                self.block(item.index, column)?;
                self.after_block()?;
                written = true;
                continue;
            } else if value.is_null() || value.as_map().is_some() || value.as_list().is_some() {
                let last_chance =
                    position + 1 == group.len() && !written && before.is_none() && next.is_none();
                if last_chance && !same_column {
                    self.out.push_str(&" ".repeat(column));
                    self.emit(item.index, &write::scalar(value))?;
                } else {
                    // Nothing to add: the line goes, its comment stays.
                    self.at = after;
                    if self.is_blank_to_line_end(after) {
                        self.at = item.end;
                    } else {
                        self.out.push_str(&" ".repeat(column));
                        while matches!(self.byte(self.at), Some(b' ' | b'\t')) {
                            self.at += 1;
                        }
                        self.rest_of_line()?;
                    }
                    continue;
                }
            } else {
                return self.wrong_kind(item.index, expected.unwrap_or(false));
            }
            self.at = after;
            self.rest_of_line()?;
        }
        Ok(())
    }

    /// Writes a mark that is a whole node, on a line of its own, and the rest of its line.
    fn node_below(&mut self, index: usize, column: usize, same_column: bool) -> Result<(), Misplaced> {
        let value = self.entry(index).0;
        // Below a key of the same column only the items of a list can stand; anything else goes deeper.
        let column = if same_column && !(write::has_entries(value) && value.as_list().is_some()) {
            column + 2
        } else {
            column
        };
        self.out.push_str(&" ".repeat(column));
        if !write::has_entries(value) {
            self.emit(index, &write::scalar(value))?;
            return self.rest_of_line();
        }
        if self.comment_before_block()? {
            self.out.push('\n');
            self.out.push_str(&" ".repeat(column));
        }
        self.block(index, column)?;
        self.after_block()
    }

    /// The lines between two marks of a group: blank lines and comments.
    fn copy_between(&mut self, end: usize) -> Result<(), Misplaced> {
        for piece in self.pieces(self.at, end) {
            match piece {
                Piece::Text(text) => self.out.push_str(text),
                Piece::Value(index) => self.emit(index, &write::one_line(&self.text_of(index)))?,
            }
        }
        Ok(())
    }

    /// The marks of the group that starts here, and whether the line after it belongs to a list or a map of the column.
    fn group(&self, column: usize) -> (Vec<Alone>, Option<bool>) {
        let mut group = Vec::new();
        let mut line = self.at;
        let mut next = None;
        while line < self.source.len() {
            let end = (self.line_end(line) + 1).min(self.source.len());
            let first = line + self.indent(line);
            if !self.is_blank_to_line_end(line) && self.byte(first) != Some(b'#') {
                if first - line != column || (column == 0 && self.is_document_marker(line)) {
                    break;
                }
                if self.is_whole_line_mark(first) {
                    let index = self.mark(first).map_or(0, |(index, _)| index);
                    group.push(Alone { line, index, end });
                } else {
                    next = self.kind_of_line(first);
                    break;
                }
            }
            line = end;
        }
        (group, next)
    }

    /// Whether the author's line is an item (`true`) or an entry of a map (`false`).
    fn kind_of_line(&self, first: usize) -> Option<bool> {
        match self.byte(first) {
            Some(b'-') if self.ends_word(first + 1) => Some(true),
            Some(b'?') if self.ends_word(first + 1) => Some(false),
            Some(b'"' | b'\'') => self.slice(first, self.line_end(first)).contains(':').then_some(false),
            _ => (self.scan_plain(first, true).1 == Stop::Colon).then_some(false),
        }
    }

    fn wrong_kind(&self, index: usize, list: bool) -> Result<(), Misplaced> {
        let kind = self.entry(index).0.kind();
        let (wanted, place) = if list { ("list", "items of a list") } else { ("map", "entries of a map") };
        let hint = if kind == "string" {
            format!("pass a {wanted}, or text that is YAML through `from_yaml` or `raw`")
        } else {
            format!("pass a {wanted}")
        };
        self.misplaced(index, format!("a {kind} cannot stand among the {place}"), Some(&hint))
    }
}

#[cfg(test)]
mod tests {
    use super::super::resolve;
    use crate::data::Value;
    use crate::render::tera::marks::{Entry, Mark, Shape};

    #[test]
    fn empty_entries_vanish_among_others_but_not_alone() {
        let shape = Shape::new(1);
        let table = [Entry { value: Value::map(), site: 0 }];
        let mark = shape.write(Mark::Value(0));
        for (text, wanted) in [
            (format!("a:\n  {mark}\nb: 1\n"), "a:\n  {}\nb: 1\n"),
            (format!("a:\n  x: 1\n  {mark}\nb: 1\n"), "a:\n  x: 1\nb: 1\n"),
            (format!("a:\n  {mark}\n  x: 1\nb: 1\n"), "a:\n  x: 1\nb: 1\n"),
        ] {
            assert_eq!(resolve(&shape, &table, &text, 1_000).unwrap(), wanted);
        }
    }
}
