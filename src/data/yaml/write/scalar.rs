//! Writes one scalar: picks the way, escapes, folds.
//!
//! Text that would resolve to another type is double-quoted; text with newlines becomes a literal block; anything else is
//! plain where it can be, then single-quoted, then double-quoted.
//!
//! Invariant: in a simple key nothing breaks the line.

use super::super::resolve::{Resolved, is_base60, resolve};
use super::analysis::{is_break, is_printable, ways};
use super::{Keys, Writer};

/// Writes a text whose continuation lines stand at `indent`.
pub(super) fn write(writer: &mut Writer, text: &str, indent: usize, simple_key: bool) {
    let pretty = writer.style.keys == Keys::Natural3;
    if needs_double(text, writer.style.through_json || pretty) {
        return double(writer, text, indent, simple_key);
    }
    let ways = ways(text);
    if text.contains('\n') {
        let literal_way = if pretty { ways.literal_with_tabs } else { ways.literal };
        if literal_way && !simple_key {
            return literal(writer, text, indent);
        }
        return double(writer, text, indent, simple_key);
    }
    if ways.plain {
        folded(writer, text, indent, simple_key);
    } else if ways.single {
        single(writer, text, indent, simple_key);
    } else {
        double(writer, text, indent, simple_key);
    }
}

/// Whether a reader would take the plain text for something else. Helm writes `<<` plain, which does not read back.
fn needs_double(text: &str, helm: bool) -> bool {
    match resolve(text) {
        Resolved::Str => is_base60(text),
        Resolved::Merge => !helm,
        _ => true,
    }
}

/// Writes words, and breaks the line at a single space once it is long. A space at either
/// end of the text stays.
fn folded(writer: &mut Writer, text: &str, indent: usize, simple_key: bool) {
    let width = writer.style.width;
    if simple_key || writer.column + text.len() <= width {
        return writer.push(text);
    }
    let bytes = text.as_bytes();
    let mut start = 0;
    for (at, byte) in bytes.iter().enumerate() {
        let single = *byte == b' '
            && at > 0
            && bytes[at - 1] != b' '
            && bytes.get(at + 1).is_some_and(|next| *next != b' ');
        if !single {
            continue;
        }
        // The text up to the space belongs to this line.
        writer.push(&text[start..at]);
        start = at;
        if writer.column > width {
            writer.start_line(indent);
            start = at + 1;
        }
    }
    writer.push(&text[start..]);
}

fn single(writer: &mut Writer, text: &str, indent: usize, simple_key: bool) {
    writer.push_char('\'');
    let doubled = text.replace('\'', "''");
    let mut rest = doubled.as_str();
    // Breaks other than a newline stand for themselves, and what follows them is indented.
    while let Some(at) = rest.find(is_break) {
        let (line, tail) = rest.split_at(at);
        folded(writer, line, indent, simple_key);
        let after = tail.trim_start_matches(is_break);
        for c in tail[..tail.len() - after.len()].chars() {
            writer.line_break(c);
        }
        if !after.is_empty() {
            writer.start_line(indent);
        }
        rest = after;
    }
    folded(writer, rest, indent, simple_key);
    writer.push_char('\'');
}

fn double(writer: &mut Writer, text: &str, indent: usize, simple_key: bool) {
    // Go's library escapes a whole text that begins with a byte order mark.
    let all = text.starts_with('\u{feff}');
    writer.push_char('"');
    let mut behind_space = false;
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        let next = chars.peek().map(|(_, next)| *next);
        if c == ' ' && !all {
            let inside = at > 0 && next.is_some();
            if inside && !simple_key && !behind_space && writer.column > writer.style.width {
                writer.start_line(indent);
                if next == Some(' ') {
                    writer.push_char('\\');
                }
            } else {
                writer.push_char(' ');
            }
            behind_space = true;
            continue;
        }
        behind_space = false;
        if all || needs_escape(c) {
            writer.push(&escape(c));
        } else {
            writer.push_char(c);
        }
    }
    writer.push_char('"');
}

/// Whether Go's library escapes a character in double quotes.
fn needs_escape(c: char) -> bool {
    matches!(c, '"' | '\\') || !is_printable(c) || is_break(c)
}

/// The escape of a character in double quotes.
pub(super) fn escape(c: char) -> String {
    let short = match c {
        '\0' => "\\0",
        '\u{7}' => "\\a",
        '\u{8}' => "\\b",
        '\t' => "\\t",
        '\n' => "\\n",
        '\u{b}' => "\\v",
        '\u{c}' => "\\f",
        '\r' => "\\r",
        '\u{1b}' => "\\e",
        '"' => "\\\"",
        '\\' => "\\\\",
        '\u{85}' => "\\N",
        '\u{a0}' => "\\_",
        '\u{2028}' => "\\L",
        '\u{2029}' => "\\P",
        _ => {
            let code = c as u32;
            return match code {
                0..=0xff => format!("\\x{code:02X}"),
                0x100..=0xffff => format!("\\u{code:04X}"),
                _ => format!("\\U{code:08X}"),
            };
        }
    };
    short.into()
}

fn literal(writer: &mut Writer, text: &str, indent: usize) {
    writer.push_char('|');
    if text.starts_with(|c| c == ' ' || is_break(c)) {
        writer.push_char('2');
    }
    let mut end = text.chars().rev();
    if let Some(last) = end.next() {
        if !is_break(last) {
            writer.push_char('-');
        } else if end.next().is_none_or(is_break) {
            writer.push_char('+');
        }
    }
    writer.line_break('\n');
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest.find(is_break).unwrap_or(rest.len());
        if end > 0 {
            writer.start_line(indent);
            writer.push(&rest[..end]);
        }
        let mut tail = rest[end..].chars();
        if let Some(c) = tail.next() {
            writer.line_break(c);
        }
        rest = tail.as_str();
    }
}
