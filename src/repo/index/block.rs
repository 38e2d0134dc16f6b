//! Reads YAML as writers of indexes lay it out: block style, without anchors, tags and comments.
//!
//! Going by lines and columns instead of by tokens, this needs a tenth of the full parser's instructions, and texts are
//! taken from the index as they stand.
//!
//! Invariant: what is read here is what the full parser reads. At the first thing that is not plainly of this form, all
//! functions give up (`None`), and the caller asks the full parser; nothing here is an error.

#![allow(clippy::option_option, reason = "the outer `None` gives up; the inner one is null, or the end")]

use std::borrow::Cow;

/// Deepest nesting of what is skipped.
const DEEPEST: usize = 16;

/// Longest key in bytes; YAML draws a line at 1,024 characters.
const LONGEST_KEY: usize = 1_000;

/// A scalar as written.
pub(super) struct Scalar<'a> {
    /// Its text, folded and unescaped.
    pub(super) text: Cow<'a, str>,
    /// Neither quoted nor a block, so that it may be something else than text.
    plain: bool,
}

impl Scalar<'_> {
    /// Whether it stands for nothing.
    fn is_null(&self) -> bool {
        self.plain && matches!(&*self.text, "" | "~" | "null" | "Null" | "NULL")
    }

    /// Its text; `None` for null.
    pub(super) fn into_text(self) -> Option<String> {
        if self.is_null() { None } else { Some(self.text.into_owned()) }
    }

    /// `Some(None)` for null, `None` when it is no boolean.
    pub(super) fn into_flag(self) -> Option<Option<bool>> {
        match &*self.text {
            _ if self.is_null() => Some(None),
            "true" | "True" | "TRUE" if self.plain => Some(Some(true)),
            "false" | "False" | "FALSE" if self.plain => Some(Some(false)),
            _ => None,
        }
    }
}

/// A place in a text.
pub(super) struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    /// At the start of a text; `None` when it has characters that only the full parser may judge: other line ends,
    /// control characters, byte order marks.
    pub(super) fn new(text: &'a str) -> Option<Self> {
        let odd = |chunk: &[u8]| {
            // Without a way out in between, so that the compiler looks at many bytes at once.
            let control = |b: &u8| (*b < b' ' && *b != b'\n' && *b != b'\t') || *b == 0x7f;
            chunk.iter().fold(false, |odd, b| odd | control(b))
        };
        let strange = |c| {
            matches!(c, '\u{80}'..='\u{9f}' | '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}')
        };
        let refused =
            text.as_bytes().chunks(4096).any(odd) || (!text.is_ascii() && text.chars().any(strange));
        (!refused).then_some(Reader { text, at: 0 })
    }

    /// The list that is the whole text.
    pub(super) fn whole(mut self, item: &mut dyn FnMut(&mut Self, usize) -> Option<()>) -> Option<()> {
        let column = self.indent()??;
        self.items(column, item)?;
        self.indent()?.is_none().then_some(())
    }

    /// A list below a key at a column, each item read by `item`, which is given the column of the list. `Some(false)`
    /// when null stands there.
    pub(super) fn list(
        &mut self,
        column: usize,
        item: &mut dyn FnMut(&mut Self, usize) -> Option<()>,
    ) -> Option<bool> {
        if self.empty_inline("[]") {
            return Some(true);
        }
        if !self.ends_here() {
            return self.scalar(column)?.is_null().then_some(false);
        }
        match self.indent()? {
            Some(deeper) if deeper >= column && self.has_dash(deeper) => {
                self.items(deeper, item)?;
                Some(true)
            }
            Some(deeper) if deeper > column => None,
            _ => Some(false),
        }
    }

    /// A mapping below a key at a column, each value read by `field`, which is given the key and the column of the
    /// mapping. `Some(false)` when null stands there.
    pub(super) fn mapping(
        &mut self,
        column: usize,
        field: &mut dyn FnMut(&mut Self, &'a str, usize) -> Option<()>,
    ) -> Option<bool> {
        if self.empty_inline("{}") {
            return Some(true);
        }
        if !self.ends_here() {
            return self.scalar(column)?.is_null().then_some(false);
        }
        match self.indent()? {
            Some(deeper) if deeper > column => {
                self.at += deeper;
                self.fields(deeper, field)?;
                Some(true)
            }
            Some(same) if same == column && self.has_dash(same) => None,
            _ => Some(false),
        }
    }

    /// The mapping that is the item of a list: it starts in the line of the dash.
    pub(super) fn item_mapping(
        &mut self,
        field: &mut dyn FnMut(&mut Self, &'a str, usize) -> Option<()>,
    ) -> Option<()> {
        let line = self.text.get(..self.at)?.rfind('\n').map_or(0, |end| end + 1);
        self.fields(self.at - line, field)
    }

    /// A scalar below a key (or a dash) at a column. A key without a value has an empty plain one.
    pub(super) fn scalar(&mut self, column: usize) -> Option<Scalar<'a>> {
        if self.ends_here() {
            return match self.indent()? {
                Some(deeper) if deeper > column || (deeper == column && self.has_dash(deeper)) => None,
                _ => Some(Scalar { text: Cow::Borrowed(""), plain: true }),
            };
        }
        let quoted = |text| Some(Scalar { text, plain: false });
        match self.byte(self.at)? {
            quote @ (b'\'' | b'"') => quoted(self.quoted(column, quote)?),
            style @ (b'|' | b'>') => quoted(Cow::Owned(self.block(column, style == b'>')?)),
            _ => Some(Scalar { text: self.plain(column)?, plain: true }),
        }
    }

    /// Passes over any value of a key at a column.
    pub(super) fn skip(&mut self, column: usize, depth: usize) -> Option<()> {
        if depth > DEEPEST {
            return None;
        }
        if self.empty_inline("[]") || self.empty_inline("{}") {
            return Some(());
        }
        if !self.ends_here() {
            return self.scalar(column).map(drop);
        }
        match self.indent()? {
            Some(deeper) if deeper >= column && self.has_dash(deeper) => {
                self.items(deeper, &mut |reader, column| reader.skip_item(column, depth + 1))
            }
            Some(deeper) if deeper > column => {
                self.at += deeper;
                self.fields(deeper, &mut |reader, _, column| reader.skip(column, depth + 1))
            }
            _ => Some(()),
        }
    }

    fn skip_item(&mut self, column: usize, depth: usize) -> Option<()> {
        let start = self.at;
        let is_mapping = self.key().is_some();
        self.at = start;
        if is_mapping {
            self.item_mapping(&mut |reader, _, column| reader.skip(column, depth + 1))
        } else {
            self.scalar(column).map(drop)
        }
    }

    /// The items of a list whose dashes stand at a column. At the start of its first line.
    fn items(&mut self, column: usize, item: &mut dyn FnMut(&mut Self, usize) -> Option<()>) -> Option<()> {
        loop {
            if !self.has_dash(column) {
                return None;
            }
            self.at += column + 1;
            // An item in the lines below its dash is rare, and one that is nothing too.
            if self.ends_here() {
                return None;
            }
            item(self, column)?;
            match self.indent()? {
                Some(next) if next > column => return None,
                Some(next) if next == column && self.has_dash(column) => {}
                _ => return Some(()),
            }
        }
    }

    /// The fields of a mapping whose keys stand at a column. At its first key.
    fn fields(
        &mut self,
        column: usize,
        field: &mut dyn FnMut(&mut Self, &'a str, usize) -> Option<()>,
    ) -> Option<()> {
        loop {
            let key = self.key()?;
            field(self, key, column)?;
            match self.indent()? {
                Some(next) if next > column => return None,
                Some(next) if next == column => self.at += column,
                _ => return Some(()),
            }
        }
    }

    /// A plain key and its colon.
    fn key(&mut self) -> Option<&'a str> {
        let rest = self.text.get(self.at..)?;
        let is_part = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'/' | b'-');
        let length = rest.bytes().position(|b| !is_part(b))?;
        let key = rest.get(..length).filter(|key| key.len() <= LONGEST_KEY)?;
        let starts = key.bytes().next()?.is_ascii_alphanumeric();
        let ends = matches!(rest.as_bytes().get(length..), Some([b':'] | [b':', b' ' | b'\n', ..]));
        self.at += length + 1;
        (starts && ends).then_some(key)
    }

    fn byte(&self, at: usize) -> Option<u8> {
        self.text.as_bytes().get(at).copied()
    }

    fn line_end(&self, from: usize) -> usize {
        super::split::line_end(self.text, from)
    }

    /// Passes spaces; whether the line ends there, which is passed too.
    fn ends_here(&mut self) -> bool {
        while self.byte(self.at) == Some(b' ') {
            self.at += 1;
        }
        match self.byte(self.at) {
            Some(b'\n') => self.at += 1,
            Some(_) => return false,
            None => {}
        }
        true
    }

    /// Passes an empty list or mapping that ends the line.
    fn empty_inline(&mut self, brackets: &str) -> bool {
        let start = self.at;
        if self.text.get(start..).is_some_and(|rest| rest.trim_start_matches(' ').starts_with(brackets)) {
            self.ends_here();
            self.at += brackets.len();
            if self.ends_here() {
                return true;
            }
            self.at = start;
        }
        false
    }

    /// Goes to the start of the next line that is not blank; `Some(None)` at the end.
    fn indent(&mut self) -> Option<Option<usize>> {
        loop {
            let mut at = self.at;
            while self.byte(at) == Some(b' ') {
                at += 1;
            }
            match self.byte(at) {
                None => return Some(None),
                Some(b'\n') => self.at = at + 1,
                Some(b'\t' | b'#') => return None,
                Some(_) => return Some(Some(at - self.at)),
            }
        }
    }

    /// Whether a list's item starts at a column of the line.
    fn has_dash(&self, column: usize) -> bool {
        let at = self.at + column;
        self.byte(at) == Some(b'-') && matches!(self.byte(at + 1), Some(b' ' | b'\n') | None)
    }

    fn plain(&mut self, column: usize) -> Option<Cow<'a, str>> {
        let (first, second) = (self.byte(self.at)?, self.byte(self.at + 1));
        let starts = first.is_ascii_alphanumeric()
            || !first.is_ascii()
            || matches!(first, b'/' | b'.' | b'_' | b'(' | b'+' | b'$' | b'~' | b'^' | b'=' | b'<' | b';')
            || (first == b'-' && second.is_some_and(|b| b.is_ascii_alphanumeric()));
        if !starts {
            return None;
        }
        let mut text = Cow::Borrowed(self.plain_line()?);
        loop {
            // Looked ahead with a second reader: blank lines belong to the text only when it goes on behind them.
            let mut ahead = Reader { text: self.text, at: self.at };
            let Some(deeper) = ahead.indent()?.filter(|deeper| *deeper > column) else { return Some(text) };
            let blank = self.text.get(self.at..ahead.at)?.bytes().filter(|b| *b == b'\n').count();
            self.at = ahead.at + deeper;
            fold(text.to_mut(), blank);
            text.to_mut().push_str(self.plain_line()?);
        }
    }

    /// The rest of a line as plain text.
    fn plain_line(&mut self) -> Option<&'a str> {
        let mut before = b' ';
        let mut length = 0;
        for b in self.text.as_bytes().get(self.at..)? {
            match (before, *b) {
                // A key, a comment, or white space that is cut off somewhere.
                (b':', b' ') | (b' ', b'#') | (_, b'\t') => return None,
                (_, b'\n') => break,
                (_, b) => (before, length) = (b, length + 1),
            }
        }
        let end = self.at + length;
        let line = self.text.get(self.at..end)?.trim_end_matches(' ');
        self.at = (end + 1).min(self.text.len());
        (before != b':').then_some(line)
    }

    fn quoted(&mut self, column: usize, quote: u8) -> Option<Cow<'a, str>> {
        let start = self.at + 1;
        let mut end = start;
        let mut special = false;
        loop {
            match (self.byte(end)?, self.byte(end + 1)) {
                (b'\\', Some(_)) if quote == b'"' => (special, end) = (true, end + 2),
                (b'\'', Some(b'\'')) if quote == b'\'' => (special, end) = (true, end + 2),
                (b, _) if b == quote => break,
                (b'\t', _) => return None,
                (b, _) => (special, end) = (special || b == b'\n', end + 1),
            }
        }
        let raw = self.text.get(start..end)?;
        self.at = end + 1;
        if !self.ends_here() {
            return None;
        }
        if !special {
            return Some(Cow::Borrowed(raw));
        }
        let mut text = String::with_capacity(raw.len());
        let mut lines = raw.split('\n').enumerate().peekable();
        let mut blank = 0;
        let mut joined = true;
        while let Some((at, line)) = lines.next() {
            let inner = line.trim_start_matches(' ');
            let is_last = lines.peek().is_none();
            if at > 0 && !inner.is_empty() && line.len() - inner.len() <= column {
                return None;
            }
            let line = if at == 0 { line } else { inner };
            let kept = if is_last { line } else { line.trim_end_matches(' ') };
            if at > 0 && kept.is_empty() && !is_last {
                blank += 1;
                continue;
            }
            if at > 0 && !joined {
                fold(&mut text, blank);
            } else if blank > 0 {
                return None;
            }
            blank = 0;
            joined = if quote == b'"' {
                // A backslash before spaces at the end of a line, or before its end.
                let cut = kept.len() != line.len() && kept.ends_with('\\');
                if cut {
                    return None;
                }
                unescape(kept, &mut text)?
            } else {
                text.push_str(&kept.replace("''", "'"));
                false
            };
        }
        // A backslash before the closing quote would have escaped it.
        Some(Cow::Owned(text))
    }

    /// A block scalar: `|` or `>` with its indicators, and the lines below.
    fn block(&mut self, column: usize, folded: bool) -> Option<String> {
        let end = self.line_end(self.at);
        let (mut keep, mut strip, mut indent) = (false, false, None);
        for b in self.text.get(self.at + 1..end)?.trim_end_matches(' ').bytes() {
            match b {
                b'+' if !keep && !strip => keep = true,
                b'-' if !keep && !strip => strip = true,
                b'1'..=b'9' if indent.is_none() => indent = Some(column + usize::from(b - b'0')),
                _ => return None,
            }
        }
        self.at = end + 1;
        let mut text = String::new();
        let mut blank = 0;
        let mut widest = 0;
        let mut first = true;
        while self.at < self.text.len() {
            let end = self.line_end(self.at);
            let line = self.text.get(self.at..end)?;
            let spaces = line.bytes().take_while(|b| *b == b' ').count();
            let next = line.as_bytes().get(spaces);
            let depth = match (indent, next) {
                (Some(depth), _) => depth,
                (None, None) => {
                    widest = widest.max(spaces);
                    (blank, self.at) = (blank + 1, end + 1);
                    continue;
                }
                // A first line that is not deeper is no content, and deeper blank lines before it are an error.
                (None, Some(_)) if spaces <= column || widest > spaces => return None,
                (None, Some(_)) => *indent.insert(spaces),
            };
            if spaces < depth {
                match next {
                    None => {
                        (blank, self.at) = (blank + 1, end + 1);
                        continue;
                    }
                    Some(b'\t') => return None,
                    Some(_) => break,
                }
            }
            let content = line.get(depth..)?;
            if content.is_empty() {
                (blank, self.at) = (blank + 1, end + 1);
                continue;
            }
            // More indented lines are not folded; a last line without an end has no break to keep.
            if (folded && content.starts_with([' ', '\t']))
                || (first && content.starts_with('\t'))
                || end == self.text.len()
            {
                return None;
            }
            match (first, folded) {
                (true, _) => text.extend(std::iter::repeat_n('\n', blank)),
                (false, true) => fold(&mut text, blank),
                (false, false) => text.extend(std::iter::repeat_n('\n', blank + 1)),
            }
            text.push_str(content);
            (first, blank, self.at) = (false, 0, end + 1);
        }
        self.at = self.at.min(self.text.len());
        if first {
            return None;
        }
        if !strip {
            text.push('\n');
        }
        if keep {
            text.extend(std::iter::repeat_n('\n', blank));
        }
        Some(text)
    }
}

/// What stands for a line break between two lines of text with so many blank ones between them.
fn fold(text: &mut String, blank: usize) {
    if blank == 0 {
        text.push(' ');
    } else {
        text.extend(std::iter::repeat_n('\n', blank));
    }
}

/// Adds a line of a double-quoted text; whether its end is escaped.
fn unescape(line: &str, text: &mut String) -> Option<bool> {
    let mut rest = line;
    while let Some((before, escape)) = rest.split_once('\\') {
        text.push_str(before);
        let mut chars = escape.chars();
        let digits = match chars.next() {
            None => return Some(true),
            Some('x') => 2,
            Some('u') => 4,
            Some('U') => 8,
            Some(c) => {
                text.push(match c {
                    '"' | '\\' | '/' | ' ' => c,
                    'n' => '\n',
                    't' => '\t',
                    'r' => '\r',
                    _ => return None,
                });
                0
            }
        };
        rest = chars.as_str();
        if digits > 0 {
            let hex = rest.get(..digits).filter(|hex| hex.bytes().all(|b| b.is_ascii_hexdigit()))?;
            text.push(char::from_u32(u32::from_str_radix(hex, 16).ok()?)?);
            rest = rest.get(digits..)?;
        }
    }
    text.push_str(rest);
    Some(false)
}
