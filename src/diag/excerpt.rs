//! Draws the lines around a place, with a marker under it.
//!
//! ```text
//!    |
//!  3 |   image: {{ .Values.imge.tag }}
//!    |            ^^^^^^^^^^^^^^^^^
//! ```
//!
//! Invariant: control characters of the text never reach the drawing; long lines are cut around the marker.

use std::fmt;

use super::Location;

/// Widest part of a line that is shown.
const WIDTH: usize = 120;

/// The drawing of one place; print it with `{}`.
#[derive(Debug, Clone, Copy)]
pub struct Excerpt<'a> {
    at: &'a Location,
}

impl<'a> Excerpt<'a> {
    /// An excerpt of the line that holds the start of the span, with one line before it.
    pub fn new(at: &'a Location) -> Self {
        Excerpt { at }
    }
}

/// One character as shown: tabs and control characters take one column.
fn visible(c: char) -> char {
    if c == '\t' {
        ' '
    } else if c.is_control() {
        '\u{fffd}'
    } else {
        c
    }
}

impl fmt::Display for Excerpt<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file = &self.at.file;
        let position = self.at.position();
        let column = position.column as usize - 1;
        let line = file.line_text(position.line);
        let end = file.position(self.at.span.end);
        let length = line.chars().count();
        let last = if end.line == position.line { end.column as usize - 1 } else { length };
        let first_shown = if column > WIDTH * 3 / 4 { column - WIDTH / 2 } else { 0 };
        let gutter = position.line.to_string().len();

        write!(f, " {:gutter$} |", "")?;
        if position.line > 1 {
            let before: String = file.line_text(position.line - 1).chars().take(WIDTH).map(visible).collect();
            write!(f, "\n {:gutter$} | {}", position.line - 1, before.trim_end())?;
        }
        let shown: String = line.chars().skip(first_shown).take(WIDTH).map(visible).collect();
        let (head, tail) =
            (if first_shown > 0 { "…" } else { "" }, if length > first_shown + WIDTH { "…" } else { "" });
        write!(f, "\n {} | {head}{}{tail}", position.line, shown.trim_end())?;
        let pad = column - first_shown + head.chars().count();
        let marks = last.saturating_sub(column).clamp(1, WIDTH);
        write!(f, "\n {:gutter$} | {:pad$}{}", "", "", "^".repeat(marks))
    }
}

#[cfg(test)]
mod tests {
    use super::super::{SourceFile, Span};
    use super::*;

    #[test]
    fn marks_the_span_under_its_line() {
        let file = SourceFile::new("t.yaml", "kind: x\n\timage: {{ .V }}\n");
        let at = Location { file, span: Span::new(19, 21) };
        assert_eq!(
            Excerpt::new(&at).to_string(),
            "   |\n 1 | kind: x\n 2 |  image: {{ .V }}\n   |            ^^"
        );
    }

    #[test]
    fn long_lines_are_cut_around_the_marker() {
        let file = SourceFile::new("t", "x".repeat(5_000));
        let at = Location { file, span: Span::new(4_000, 4_001) };
        let drawn = Excerpt::new(&at).to_string();
        assert!(drawn.lines().all(|line| line.chars().count() < 140), "{drawn}");
        assert!(drawn.contains('^'));
    }
}
