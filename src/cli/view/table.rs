//! Tables as Helm draws them: columns joined by a tab, cells padded to the column's width, the last one too; and those that it
//! has from kubectl.
//!
//! Invariant: widths count columns of a terminal (wide East-Asian characters are two), and colours count nothing.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::cli::ui::{Label, Paint};

/// One cell: its text, and what it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cell {
    text: String,
    label: Option<Label>,
}

impl Cell {
    /// A cell with a label that may become a colour.
    pub fn labelled(label: Option<Label>, text: impl Into<String>) -> Self {
        Cell { text: text.into(), label }
    }
}

impl<T: Into<String>> From<T> for Cell {
    fn from(text: T) -> Self {
        Cell { text: text.into(), label: None }
    }
}

/// A table that is being built.
#[derive(Debug, Clone, Default)]
pub struct Table {
    rows: Vec<Vec<Cell>>,
    column_width: usize,
    like_kubectl: bool,
}

impl Table {
    /// A table without rows and without a limit on columns.
    pub fn new() -> Self {
        Self::default()
    }

    /// Cuts cells to this many columns, `...` at their end; 0 for no limit.
    #[must_use]
    pub fn column_width(mut self, most: usize) -> Self {
        self.column_width = most;
        self
    }

    /// Draws as kubectl does: columns three spaces apart, and nothing after the last one.
    #[must_use]
    pub fn like_kubectl(mut self) -> Self {
        self.like_kubectl = true;
        self
    }

    /// Adds the header, in bold where Helm has it so.
    pub fn header(&mut self, names: &[&str], label: Option<Label>) {
        self.rows.push(names.iter().map(|name| Cell::labelled(label, *name)).collect());
    }

    /// Adds a row.
    pub fn row(&mut self, cells: impl IntoIterator<Item = Cell>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// The table's text, with a newline at its end even when there is no row.
    pub fn draw(&self, paint: Paint) -> String {
        let cut: Vec<Vec<(String, Option<Label>)>> = self
            .rows
            .iter()
            .map(|row| row.iter().map(|cell| (cut(&cell.text, self.column_width), cell.label)).collect())
            .collect();
        let columns = cut.iter().map(Vec::len).max().unwrap_or(0);
        let widths: Vec<usize> = (0..columns)
            .map(|column| {
                let cells = cut.iter().filter_map(|row| row.get(column));
                cells.map(|(text, _)| width(text)).max().unwrap_or(0)
            })
            .collect();
        let mut drawn = String::new();
        for (at, row) in cut.iter().enumerate() {
            if at > 0 {
                drawn.push('\n');
            }
            for (at, ((text, label), most)) in row.iter().zip(&widths).enumerate() {
                if at > 0 {
                    drawn.push_str(if self.like_kubectl { "   " } else { "\t" });
                }
                drawn.push_str(&paint.maybe(*label, text));
                if self.like_kubectl && at + 1 == columns {
                    continue;
                }
                drawn.extend(std::iter::repeat_n(' ', most.saturating_sub(width(text))));
            }
        }
        drawn.push('\n');
        drawn
    }
}

/// A text of at most so many columns, `...` at its end when it was cut, and without control characters; 0 for no limit.
pub(in crate::cli) fn cut(text: &str, most: usize) -> String {
    // Control characters in a cell would break the table, or the terminal.
    let text: String = if is_printable(text) {
        text.to_string()
    } else {
        text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
    };
    if most == 0 || width(&text) <= most {
        return text;
    }
    let room = most.saturating_sub(3).max(1);
    let mut used = 0;
    let kept: String = text
        .chars()
        .take_while(|c| {
            used += c.width().unwrap_or(0);
            used <= room
        })
        .collect();
    kept + "..."
}

/// Whether a text is printable ASCII: one column for each byte, and nothing that breaks a table.
fn is_printable(text: &str) -> bool {
    text.bytes().all(|b| matches!(b, b' '..=b'~'))
}

/// Columns of a text. Looking at every character in the tables of widths took a tenth of a long `list`.
pub(in crate::cli) fn width(text: &str) -> usize {
    if is_printable(text) { text.len() } else { text.width() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(width: usize) -> String {
        let mut table = Table::new().column_width(width);
        table.header(&["NAME", "CHART VERSION", "DESCRIPTION"], None);
        table.row(["st/web".into(), "1.0.0".into(), "A rather long description".into()]);
        table.draw(Paint::new(false))
    }

    #[test]
    fn cells_are_padded_and_cut() {
        assert_eq!(
            sample(0),
            "NAME  \tCHART VERSION\tDESCRIPTION              \n\
             st/web\t1.0.0        \tA rather long description\n"
        );
        assert_eq!(sample(10), "NAME  \tCHART V...\tDESCRIP...\nst/web\t1.0.0     \tA rathe...\n");
        assert_eq!(sample(3), "N...\tC...\tD...\ns...\t1...\tA...\n");
    }

    #[test]
    fn wide_characters_take_two_columns_and_colours_none() {
        let mut table = Table::new();
        table.header(&["A", "B"], Some(Label::Header));
        table.row(["日本".into(), Cell::labelled(Some(Label::Good), "x")]);
        assert_eq!(table.draw(Paint::new(false)), "A   \tB\n日本\tx\n");
        assert_eq!(
            table.draw(Paint::new(true)),
            "\u{1b}[1mA\u{1b}[22m   \t\u{1b}[1mB\u{1b}[22m\n日本\t\u{1b}[32mx\u{1b}[0m\n"
        );
    }

    #[test]
    fn an_empty_table_is_one_newline() {
        assert_eq!(Table::new().draw(Paint::new(false)), "\n");
    }
}
