//! Marks: what stands in the output of Tera for a value until its place in the YAML is known.
//!
//! ```text
//! name: {{ values.name }}      the template
//! name: ⟦nonce 0 17⟧           what Tera writes: entry 17 of the table
//! name: "yes"                  after the pass that knows YAML
//! ```
//!
//! Text that was rendered elsewhere (an include, a component) is enclosed by two region marks, so that it can be moved to
//! the column where it was asked for.
//!
//! Invariant: a mark holds a random number of this run, no newline and nothing that letter case changes; no value can
//! contain a valid one, because values never reach the text in any other way.

use std::borrow::Cow;

use crate::data::Value;

const OPEN: char = '\u{F8F0}';
const CLOSE: char = '\u{F8F1}';

/// What a mark stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark {
    /// A value: its index in the table.
    Value(usize),
    /// Text from elsewhere starts here.
    RegionStart,
    /// And ends here.
    RegionEnd,
}

/// A value that was interpolated.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    /// The value.
    pub value: Value,
    /// Which interpolation wrote it.
    pub site: usize,
}

/// The shape of marks in one run.
#[derive(Debug, Clone)]
pub(super) struct Shape {
    prefix: String,
}

impl Shape {
    /// Marks of a run that drew this number.
    pub fn new(nonce: u64) -> Self {
        Shape { prefix: format!("{OPEN}{nonce:020}") }
    }

    /// The text of a mark.
    pub fn write(&self, mark: Mark) -> String {
        match mark {
            Mark::Value(index) => format!("{}0{index}{CLOSE}", self.prefix),
            Mark::RegionStart => format!("{}1{CLOSE}", self.prefix),
            Mark::RegionEnd => format!("{}2{CLOSE}", self.prefix),
        }
    }

    /// Whether a text has a mark.
    pub fn occurs_in(&self, text: &str) -> bool {
        text.contains(&self.prefix)
    }

    /// The mark at the very start of a text, with its length.
    pub fn at_start(&self, text: &str) -> Option<(Mark, usize)> {
        let rest = text.strip_prefix(self.prefix.as_str())?;
        let end = rest.find(CLOSE)?;
        let length = self.prefix.len() + end + CLOSE.len_utf8();
        let body = rest.get(..end)?;
        let mark = match body.split_at_checked(1)? {
            ("0", index) => Mark::Value(index.parse().ok()?),
            ("1", "") => Mark::RegionStart,
            ("2", "") => Mark::RegionEnd,
            _ => return None,
        };
        Some((mark, length))
    }

    /// The next mark at or after a byte: where it starts, what it is, where it ends.
    pub fn next(&self, text: &str, from: usize) -> Option<(usize, Mark, usize)> {
        let mut from = from;
        loop {
            let start = from + text.get(from..)?.find(&self.prefix)?;
            if let Some((mark, length)) = self.at_start(text.get(start..)?) {
                return Some((start, mark, start + length));
            }
            from = start + self.prefix.len();
        }
    }

    /// The text with its regions moved to the columns at which they stand, and without region marks.
    ///
    /// A region loses its blank lines at both ends. One that starts after nothing but blanks, or after `- `, has its
    /// later lines moved to the column of its start; one that is the value of a key and has several lines that look
    /// like a map or a list goes to the next line, two columns below the key.
    pub fn settle_regions<'t>(&self, text: &'t str) -> Cow<'t, str> {
        if !self.occurs_in(text) {
            return Cow::Borrowed(text);
        }
        let mut out = String::with_capacity(text.len());
        let mut starts: Vec<usize> = Vec::new();
        let mut from = 0;
        while let Some((start, mark, end)) = self.next(text, from) {
            out.push_str(text.get(from..start).unwrap_or(""));
            from = end;
            match mark {
                Mark::Value(_) => out.push_str(text.get(start..end).unwrap_or("")),
                Mark::RegionStart => starts.push(out.len()),
                Mark::RegionEnd => {
                    if let Some(start) = starts.pop() {
                        let region = out.split_off(start);
                        place_region(&mut out, &region);
                    }
                }
            }
        }
        out.push_str(text.get(from..).unwrap_or(""));
        Cow::Owned(out)
    }

    /// The text with every mark replaced by what `write` makes of it, regions settled.
    pub fn replace(&self, text: &str, mut write: impl FnMut(&mut String, usize)) -> String {
        let text = self.settle_regions(text);
        let mut out = String::with_capacity(text.len());
        let mut from = 0;
        while let Some((start, mark, end)) = self.next(&text, from) {
            out.push_str(text.get(from..start).unwrap_or(""));
            if let Mark::Value(index) = mark {
                write(&mut out, index);
            }
            from = end;
        }
        out.push_str(text.get(from..).unwrap_or(""));
        out
    }
}

/// Appends a region to the text before it, moved to its column.
fn place_region(out: &mut String, region: &str) {
    let region = trim_blank_ends(region);
    let line = out.get(out.rfind('\n').map_or(0, |at| at + 1)..).unwrap_or("");
    let bare = line.trim_start_matches(' ');
    let column = line.len() - bare.len();
    if bare.is_empty() || is_dashes(bare) {
        push_moved(out, region, column + bare.len());
    } else if region.contains('\n')
        && bare.trim_end_matches(' ').ends_with(':')
        && looks_like_collection(region)
    {
        let key = column + dashes(bare);
        while out.ends_with(' ') {
            out.pop();
        }
        out.push('\n');
        out.push_str(&" ".repeat(key + 2));
        push_moved(out, region, key + 2);
    } else {
        out.push_str(region);
    }
}

/// Without blank lines at the start and the end, and without the last line break.
fn trim_blank_ends(region: &str) -> &str {
    let mut region = region.trim_end_matches([' ', '\t', '\n', '\r']);
    while let Some((line, rest)) = region.split_once('\n') {
        if !line.trim().is_empty() {
            break;
        }
        region = rest;
    }
    region
}

/// Appends a region whose first line starts at a column: its other lines keep their distance to the first.
fn push_moved(out: &mut String, region: &str, column: usize) {
    let own = region.len() - region.trim_start_matches(' ').len();
    let pad = " ".repeat(column);
    for (index, line) in region.split('\n').enumerate() {
        if index > 0 {
            out.push('\n');
            if !line.trim_end_matches('\r').is_empty() {
                out.push_str(&pad);
            }
        }
        let blanks = line.len() - line.trim_start_matches(' ').len();
        out.push_str(line.get(blanks.min(own)..).unwrap_or(""));
    }
}

/// Whether a text is `- ` or several of them.
fn is_dashes(text: &str) -> bool {
    !text.is_empty() && dashes(text) == text.len()
}

/// Length of the `- ` at the start of a text.
fn dashes(text: &str) -> usize {
    let mut length = 0;
    while text.get(length..).is_some_and(|rest| rest.starts_with("- ")) {
        length += 2;
    }
    length
}

fn looks_like_collection(region: &str) -> bool {
    region.lines().find(|line| !line.trim().is_empty() && !line.trim_start().starts_with('#')).is_some_and(
        |line| {
            let line = line.trim_end();
            line.trim_start().starts_with("- ") || line.contains(": ") || line.ends_with(':')
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape() -> Shape {
        Shape::new(7)
    }

    fn region(text: &str) -> String {
        format!("{}{text}{}", shape().write(Mark::RegionStart), shape().write(Mark::RegionEnd))
    }

    #[test]
    fn marks_are_read_back() {
        let shape = shape();
        let text = format!("a{}b", shape.write(Mark::Value(42)));
        let (start, mark, end) = shape.next(&text, 0).unwrap();
        assert_eq!((start, mark, text.get(end..)), (1, Mark::Value(42), Some("b")));
        assert_eq!(Shape::new(8).next(&text, 0), None, "another run's marks are text");
    }

    #[test]
    fn broken_marks_are_text() {
        let shape = shape();
        let broken = format!("{}0x{CLOSE}{}", shape.prefix, shape.write(Mark::Value(1)));
        assert_eq!(shape.next(&broken, 0).map(|(_, mark, _)| mark), Some(Mark::Value(1)));
        assert_eq!(shape.next(&shape.prefix, 0), None);
    }

    #[test]
    fn regions_move_to_their_column() {
        let shape = shape();
        for (text, wanted) in [
            (format!("  {}\n", region("a: 1\nb:\n  c: 2\n")), "  a: 1\n  b:\n    c: 2\n"),
            (format!("- {}\n", region("\na: 1\n\nb: 2\n")), "- a: 1\n\n  b: 2\n"),
            (format!("x: {}\n", region("a: 1\nb: 2\n")), "x:\n  a: 1\n  b: 2\n"),
            (format!("  - x: {}\n", region("- 1\n- 2\n")), "  - x:\n      - 1\n      - 2\n"),
            (format!("x: {}-y\n", region("\nname\n")), "x: name-y\n"),
            (
                format!(" {}\n", region(&format!("a:\n  {}\n", region("b: 1\nc: 2\n")))),
                " a:\n   b: 1\n   c: 2\n",
            ),
            (format!("x:\n  {}\ny: 1\n", region("\n")), "x:\n  \ny: 1\n"),
        ] {
            assert_eq!(shape.settle_regions(&text), wanted);
        }
    }

    #[test]
    fn unbalanced_regions_lose_only_their_marks() {
        let shape = shape();
        assert_eq!(shape.settle_regions(&format!("a{}b", shape.write(Mark::RegionEnd))), "ab");
        assert_eq!(shape.settle_regions(&format!("a{}b", shape.write(Mark::RegionStart))), "ab");
    }
}
