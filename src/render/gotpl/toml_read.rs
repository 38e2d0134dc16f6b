//! TOML documents to values, with the messages of Go's BurntSushi library.
//!
//! Integers stay `int64` and dates are times, unlike what YAML and JSON give. The reader is our own because templates see
//! the messages (`.Error`), which name the last key and what the library's lexer expected there; a TOML crate has others,
//! and refuses documents that Go's library takes (`a = {b = 1}` followed by `a.c = 2`).
//!
//! Invariant: reading is bounded in depth and looks at every byte once; no text panics.

use super::toml_tables::Tables;
use super::toml_write::is_bare;
use crate::data::time::{RFC3339_NANO, Time, Zone};
use crate::gotpl::{MAX_DEPTH, Map, Val, quote_rune};
use crate::sprig::moments::time;

/// The map that a document says.
///
/// # Errors
/// The library's text: `toml: line 1 (last key "a"): unexpected comma`.
pub(super) fn read(bytes: &[u8]) -> Result<Map, String> {
    // The library looks for UTF-16 first.
    if bytes.iter().take(6).any(|byte| *byte == 0) {
        let message = "files cannot contain NULL bytes; probably using UTF-16; TOML files must be UTF-8";
        return Err(format!("toml: line 1: {message}"));
    }
    let (text, wrong) = readable(bytes);
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut reader = Reader { text, wrong, at: 0, line: 1, key_line: 1, tables: Tables::new() };
    let mut outcome = reader.document();
    if let Some(wrong) = reader.wrong.clone()
        && reader.at >= text.len()
    {
        outcome = Err(wrong);
    }
    let Err(message) = outcome else { return Ok(reader.tables.root) };
    let key = reader.tables.last_key();
    if key.is_empty() {
        return Err(format!("toml: line {}: {message}", reader.line));
    }
    let key = crate::gotpl::quote(key.as_bytes());
    Err(format!("toml: line {} (last key {key}): {message}", reader.line))
}

/// The text up to the first thing that stands in no TOML document, and the message about that.
fn readable(bytes: &[u8]) -> (&str, Option<String>) {
    let text = bytes.utf8_chunks().next().map_or("", |chunk| chunk.valid());
    let control = text.char_indices().find(|(at, c)| match c {
        '\t' | '\n' => false,
        '\r' => !text[at + 1..].starts_with('\n'),
        c => *c < ' ' || *c == '\u{7f}',
    });
    if let Some((at, c)) = control {
        let message = format!("TOML files cannot contain control characters: '0x{:02x}'", u32::from(c));
        return (&text[..at], Some(message));
    }
    let wrong = bytes.get(text.len()).map(|byte| format!("invalid UTF-8 byte: 0x{byte:02x}"));
    (text, wrong)
}

type Step<T> = Result<T, String>;

struct Reader<'t> {
    text: &'t str,
    /// What stands behind the text, where that is in no TOML document.
    wrong: Option<String>,
    at: usize,
    line: usize,
    /// The line of the key or header at hand, which messages about keys that are taken name.
    key_line: usize,
    tables: Tables,
}

fn shown(c: Option<char>) -> String {
    c.map_or_else(|| "end of file".to_string(), |c| quote_rune(c, false))
}

/// As [`shown`] where the library takes the end of the text for a NUL.
fn shown_or_nul(c: Option<char>) -> String {
    quote_rune(c.unwrap_or('\0'), false)
}

impl Reader<'_> {
    fn rest(&self) -> &str {
        self.text.get(self.at..).unwrap_or("")
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += c.len_utf8();
        if c == '\n' {
            self.line += 1;
        }
        Some(c)
    }

    fn eat(&mut self, text: &str) -> bool {
        let found = self.rest().starts_with(text);
        if found {
            self.at += text.len();
        }
        found
    }

    fn spaces(&mut self) {
        while matches!(self.peek(), Some(' ' | '\t')) {
            self.next();
        }
    }

    fn comment(&mut self) {
        if self.peek() == Some('#') {
            while self.peek().is_some_and(|c| c != '\n') {
                self.next();
            }
        }
    }

    /// Spaces, line breaks and comments.
    fn gap(&mut self) {
        loop {
            self.comment();
            match self.peek() {
                Some(' ' | '\t' | '\n' | '\r') => self.next(),
                _ => return,
            };
        }
    }

    fn document(&mut self) -> Step<()> {
        loop {
            self.gap();
            match self.peek() {
                None => return Ok(()),
                Some('[') => self.header()?,
                Some(_) => self.assignment()?,
            }
            self.spaces();
            self.comment();
            if self.peek().is_none() {
                return Ok(());
            }
            match self.peek() {
                None | Some('\n') => {}
                Some('\r') if self.rest().starts_with("\r\n") => {}
                other => {
                    return Err(format!(
                        "expected a top-level item to end with a newline, comment, or EOF, but got {} instead",
                        shown(other)
                    ));
                }
            }
        }
    }

    fn header(&mut self) -> Step<()> {
        self.next();
        let array = self.eat("[");
        self.key_line = self.line;
        let mut path = Vec::new();
        loop {
            self.spaces();
            match self.peek() {
                Some('.') => {
                    return Err("unexpected table separator (table names cannot be empty)".to_string());
                }
                None | Some(']') => {
                    return Err("unexpected end of table name (table names cannot be empty)".to_string());
                }
                Some('"' | '\'') => path.push(self.key_part(true)?),
                Some(c) if is_bare(c) => path.push(self.key_part(true)?),
                // The library takes it for a name without letters, and finds out behind that.
                Some(_) => path.push(String::new()),
            }
            self.spaces();
            match self.next() {
                Some('.') => {}
                Some(']') => break,
                other => {
                    return Err(format!(
                        "expected '.' or ']' to end table name, but got {} instead",
                        shown_or_nul(other)
                    ));
                }
            }
        }
        if array {
            match self.next() {
                Some(']') => {}
                found => {
                    let found = shown_or_nul(found);
                    return Err(format!(
                        "expected end of table array name delimiter ']', but got {found} instead"
                    ));
                }
            }
        }
        Self::depth(path.len())?;
        self.tabled(|tables| tables.enter(&path, array))?;
        self.tables.note("", false);
        Ok(())
    }

    /// What the tables say to a key; where they refuse it, the message is about the line of the key.
    fn tabled(&mut self, step: impl FnOnce(&mut Tables) -> Step<()>) -> Step<()> {
        let done = step(&mut self.tables);
        if done.is_err() {
            self.line = self.key_line;
        }
        done
    }

    fn depth(levels: usize) -> Step<()> {
        if levels > MAX_DEPTH { Err(format!("nested deeper than {MAX_DEPTH} levels")) } else { Ok(()) }
    }

    /// The parts of a key up to its `=`.
    fn key(&mut self) -> Step<Vec<String>> {
        let mut key = Vec::new();
        loop {
            self.spaces();
            key.push(self.key_part(key.is_empty())?);
            self.spaces();
            let before = self.line;
            match self.next() {
                Some('.') => {}
                Some('=') => return Ok(key),
                None => return Err("unexpected EOF; expected key separator '='".to_string()),
                other => {
                    self.line = before;
                    return Err(format!("expected '.' or '=', but got {} instead", shown(other)));
                }
            }
        }
    }

    /// A part of a name; `first` when nothing stands before it.
    fn key_part(&mut self, first: bool) -> Step<String> {
        match self.peek() {
            Some('"') => {
                self.next();
                self.basic()
            }
            Some('\'') => {
                self.next();
                self.literal()
            }
            Some(c) if is_bare(c) => {
                let end = self.rest().find(|c| !is_bare(c)).unwrap_or(self.rest().len());
                let part = self.rest()[..end].to_string();
                self.at += end;
                Ok(part)
            }
            Some('.') if first => Err("unexpected '.': keys cannot start with a '.'".to_string()),
            Some('.') => Err("unexpected '.'".to_string()),
            None | Some('=') if first => Err("unexpected '=': key name appears blank".to_string()),
            None | Some('=') => Err("unexpected '='".to_string()),
            found => Err(format!("expected '.' or '=', but got {} instead", shown(found))),
        }
    }

    fn assignment(&mut self) -> Step<()> {
        let outer = self.tables.context.clone();
        self.pair(0)?;
        self.tables.context = outer;
        self.tables.current.clear();
        Ok(())
    }

    /// A key and its value; gives both back, since a table in braces keeps its own copy.
    fn pair(&mut self, depth: usize) -> Step<(Vec<String>, Val)> {
        self.key_line = self.line;
        let key = self.key()?;
        Self::depth(self.tables.context.len() + key.len())?;
        let Some((last, parents)) = key.split_last() else { return Ok((key, Val::Nil)) };
        self.tables.current.clone_from(last);
        for part in parents {
            let mut through = self.tables.context.clone();
            through.push(part.clone());
            self.tabled(|tables| tables.imply(&through, false))?;
        }
        self.spaces();
        let is_list = self.peek() == Some('[');
        if is_list {
            self.tables.note(last, true);
        }
        let value = self.value(depth, false)?;
        self.tabled(|tables| tables.set(last, value.clone()))?;
        self.tables.note(last, is_list);
        Ok((key, value))
    }

    /// A value; `element` when it stands in a list.
    fn value(&mut self, depth: usize, element: bool) -> Step<Val> {
        Self::depth(depth)?;
        match self.peek() {
            Some('"') if self.eat("\"\"\"") => self.long_basic().map(Val::str),
            Some('"') => {
                self.next();
                self.basic().map(Val::str)
            }
            Some('\'') if self.eat("'''") => self.long_literal().map(Val::str),
            Some('\'') => {
                self.next();
                self.literal().map(Val::str)
            }
            Some('[') => self.array(depth),
            Some('{') => self.inline_table(depth, element),
            Some('.') => Err("floats must start with a digit, not '.'".to_string()),
            Some(c) if c.is_ascii_digit() || c == '+' || c == '-' => self.number_or_date(),
            Some(c) if c.is_alphabetic() => self.word(),
            None => {
                self.at_end();
                Err("unexpected EOF; expected value".to_string())
            }
            other => Err(format!("expected value but found {} instead", shown(other))),
        }
    }

    fn word(&mut self) -> Step<Val> {
        let end = match self.rest().get(..3) {
            // These two end where they end; what follows is looked at by itself.
            Some("inf" | "nan") => 3,
            _ => self.rest().find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(self.rest().len()),
        };
        let word = self.rest()[..end].to_string();
        self.at += end;
        self.ended()?;
        match word.as_str() {
            "true" => Ok(Val::Bool(true)),
            "false" => Ok(Val::Bool(false)),
            "inf" => Ok(Val::Float(f64::INFINITY)),
            "nan" => Ok(Val::Float(f64::NAN)),
            _ => Err(format!("expected value but found {} instead", crate::gotpl::quote(word.as_bytes()))),
        }
    }

    /// A word or number ends where something else begins: what stands in no document is found before its value counts.
    fn ended(&self) -> Step<()> {
        match &self.wrong {
            Some(wrong) if self.at >= self.text.len() => Err(wrong.clone()),
            _ => Ok(()),
        }
    }

    /// A message at the end of the text is about the last line that has something on it.
    fn at_end(&mut self) {
        if self.peek().is_none() && self.text[..self.at].ends_with('\n') {
            self.line -= 1; // the break was counted
        }
    }

    fn array(&mut self, depth: usize) -> Step<Val> {
        self.next();
        let mut items = Vec::new();
        loop {
            self.gap();
            match self.peek() {
                Some(']') => break,
                Some(',') => return Err("unexpected comma".to_string()),
                _ => items.push(self.value(depth + 1, true)?),
            }
            self.gap();
            match self.peek() {
                Some(',') => self.next(),
                Some(']') => break,
                other => {
                    self.at_end();
                    return Err(format!(
                        "expected a comma (',') or array terminator (']'), but got {}",
                        shown(other)
                    ));
                }
            };
        }
        self.next();
        Ok(Val::list(items))
    }

    fn inline_table(&mut self, depth: usize, element: bool) -> Step<Val> {
        self.next();
        let table = Map::new();
        let (outer, key) = (self.tables.context.clone(), self.tables.current.clone());
        let mut here = outer.clone();
        here.push(std::mem::take(&mut self.tables.current));
        self.tables.context.clone_from(&here);
        self.tabled(|tables| tables.imply(&here, element))?;
        loop {
            self.gap();
            match self.peek() {
                Some('}') => break,
                Some(',') => return Err("unexpected comma".to_string()),
                _ => {}
            }
            let (key, value) = self.pair(depth + 1)?;
            put(&table, &key, value).map_err(|()| {
                self.line = self.key_line;
                format!("{} is not a table", crate::gotpl::quote(self.tables.context_key().as_bytes()))
            })?;
            self.tables.context.clone_from(&here);
            self.gap();
            match self.peek() {
                Some(',') => self.next(),
                Some('}') => break,
                other => {
                    self.at_end();
                    return Err(format!(
                        "expected a comma or an inline table terminator '}}', but got {} instead",
                        shown(other)
                    ));
                }
            };
        }
        self.next();
        self.tables.context = outer;
        self.tables.current = key;
        Ok(Val::Map(table))
    }

    fn basic(&mut self) -> Step<String> {
        let mut out = String::new();
        loop {
            let before = self.line;
            match self.next() {
                Some('"') => return Ok(out),
                Some('\\') => self.escape(&mut out)?,
                // The library steps back over two characters, and counts the line break only once.
                Some('\r') if self.peek() == Some('\n') => {
                    self.line = before - 1;
                    return Err("strings cannot contain newlines".to_string());
                }
                Some('\n') | None => {
                    self.line = before;
                    return Err(if self.rest().is_empty() && !self.text.ends_with('\n') {
                        "unexpected EOF; expected '\"'".to_string()
                    } else {
                        "strings cannot contain newlines".to_string()
                    });
                }
                Some(c) => out.push(c),
            }
        }
    }

    fn literal(&mut self) -> Step<String> {
        let mut out = String::new();
        loop {
            let before = self.line;
            match self.next() {
                Some('\'') => return Ok(out),
                Some('\n') => {
                    self.line = before;
                    return Err("strings cannot contain newlines".to_string());
                }
                None => return Err("unexpected EOF; expected \"'\"".to_string()),
                Some(c) => out.push(c),
            }
        }
    }

    fn first_break(&mut self) {
        if !self.eat("\r\n") && self.peek() != Some('\n') {
            return;
        }
        if self.peek() == Some('\n') {
            self.next();
        } else {
            self.line += 1;
        }
    }

    fn long_basic(&mut self) -> Step<String> {
        self.first_break();
        let mut out = String::new();
        loop {
            if self.closes('"', &mut out) {
                return Ok(out);
            }
            match self.next() {
                None => return Err("unexpected EOF; expected '\"\"\"'".to_string()),
                Some('\\') => {
                    let blank = self.rest().trim_start_matches([' ', '\t', '\r']);
                    if blank.starts_with('\n') {
                        while matches!(self.peek(), Some(' ' | '\t' | '\r' | '\n')) {
                            self.next();
                        }
                    } else {
                        self.escape(&mut out)?;
                    }
                }
                Some('\r') if self.peek() == Some('\n') => {}
                Some(c) => out.push(c),
            }
        }
    }

    fn long_literal(&mut self) -> Step<String> {
        self.first_break();
        let mut out = String::new();
        loop {
            if self.closes('\'', &mut out) {
                return Ok(out);
            }
            match self.next() {
                None => return Err("unexpected EOF; expected \"'''\"".to_string()),
                Some('\r') if self.peek() == Some('\n') => {}
                Some(c) => out.push(c),
            }
        }
    }

    /// Whether three quotes end the text here; up to two more before them belong to it.
    fn closes(&mut self, mark: char, out: &mut String) -> bool {
        let count = self.rest().chars().take_while(|c| *c == mark).count();
        if count < 3 {
            return false;
        }
        let inside = (count - 3).min(2);
        out.extend(std::iter::repeat_n(mark, inside));
        self.at += inside + 3;
        true
    }

    fn escape(&mut self, out: &mut String) -> Step<()> {
        let (letter, digits, word) = match self.next() {
            Some('b') => return push(out, '\u{8}'),
            Some('t') => return push(out, '\t'),
            Some('n') => return push(out, '\n'),
            Some('f') => return push(out, '\u{c}'),
            Some('r') => return push(out, '\r'),
            Some('e') => return push(out, '\u{1b}'),
            Some(c @ ('"' | '\\')) => return push(out, c),
            Some(c @ 'x') => (c, 2, "two"),
            Some(c @ 'u') => (c, 4, "four"),
            Some(c @ 'U') => (c, 8, "eight"),
            other => {
                return Err(format!(
                    "invalid escape in string '\\{}'",
                    other.map_or(String::new(), String::from)
                ));
            }
        };
        let mut text = String::new();
        while text.len() < digits {
            let c = self.next();
            text.extend(c);
            if !c.is_some_and(|c| c.is_ascii_hexdigit()) {
                let got = crate::gotpl::quote(format!("\\{letter}{text}").as_bytes());
                return Err(format!(
                    "expected {word} hexadecimal digits after '\\{letter}', but got {got} instead"
                ));
            }
        }
        match u32::from_str_radix(&text, 16).ok().and_then(char::from_u32) {
            Some(c) => push(out, c),
            None => Err(format!("Escaped character '\\u{text}' is not valid UTF-8.")),
        }
    }

    fn number_or_date(&mut self) -> Step<Val> {
        let end = self
            .rest()
            .find(|c: char| !(c.is_ascii_alphanumeric() || "+-_.:".contains(c)))
            .unwrap_or(self.rest().len());
        let mut text = self.rest()[..end].to_string();
        let bytes = text.as_bytes();
        let date = bytes.len() >= 10 && bytes[4] == b'-' && bytes[7] == b'-' && bytes[0].is_ascii_digit();
        let clock = bytes.len() >= 5 && bytes[2] == b':' && bytes[0].is_ascii_digit();
        self.at += end;
        self.ended()?;
        if date && text.len() == 10 && self.rest().starts_with(' ') {
            // A date and a time may be parted by a space.
            let after = self.rest()[1..].find(|c: char| !(c.is_ascii_alphanumeric() || "+-.:".contains(c)));
            let length = after.unwrap_or(self.rest().len() - 1);
            let clock = self.rest()[1..=length].to_string();
            if clock.as_bytes().get(2) == Some(&b':') {
                text = format!("{text}T{clock}");
                self.at += 1 + length;
            }
        }
        let unsigned = text.trim_start_matches(['+', '-']);
        let digits = unsigned.bytes().take_while(u8::is_ascii_digit).count();
        let dated =
            unsigned.len() == text.len() && matches!(unsigned.as_bytes().get(digits), Some(b'-' | b':'));
        if date || clock {
            return moment(&text);
        }
        if dated {
            return Err(no_moment(&text));
        }
        let follows = self.peek().unwrap_or('\0');
        if let Some(error) = misspelt(&text, follows) {
            return Err(error);
        }
        // What follows the digits of the base stands for itself.
        let radix = match text.get(..2) {
            Some("0x") => 16,
            Some("0o") => 8,
            Some("0b") => 2,
            _ => return number(&text),
        };
        let rest =
            text[2..].find(|c: char| c != '_' && !c.is_digit(radix)).map_or(0, |at| text.len() - 2 - at);
        self.at -= rest;
        text.truncate(text.len() - rest);
        number(&text)
    }
}

/// Puts a value below a key with several parts; an error where a part is not a table.
fn put(table: &Map, key: &[String], value: Val) -> Result<(), ()> {
    let Some((last, parents)) = key.split_last() else { return Ok(()) };
    let mut inner = table.clone();
    for part in parents {
        inner = match inner.get(part.as_str()) {
            None => {
                let made = Map::new();
                // Only nil maps refuse, and none is made here.
                let _ = inner.insert(part.as_str(), Val::Map(made.clone()));
                made
            }
            Some(Val::Map(map)) => map,
            Some(_) => return Err(()),
        };
    }
    let _ = inner.insert(last.as_str(), value);
    Ok(())
}

fn push(out: &mut String, c: char) -> Step<()> {
    out.push(c);
    Ok(())
}

fn no_moment(text: &str) -> String {
    format!("invalid datetime: {}", crate::gotpl::quote(text.as_bytes()))
}

fn moment(text: &str) -> Step<Val> {
    let fixed = |name: &str| Zone::Fixed { name: name.to_string(), offset: 0 };
    let upper = text.to_ascii_uppercase();
    for (layout, zone) in [
        (RFC3339_NANO, None),
        ("2006-01-02T15:04Z07:00", None),
        ("2006-01-02T15:04:05.999999999", Some("datetime-local")),
        ("2006-01-02T15:04", Some("datetime-local")),
        ("2006-01-02", Some("date-local")),
        ("15:04:05.999999999", Some("time-local")),
        ("15:04", Some("time-local")),
    ] {
        let zone = zone.map_or(Zone::Utc, fixed);
        if let Ok(at) = Time::parse(layout, &upper, &zone) {
            return Ok(time(at));
        }
    }
    Err(no_moment(text))
}

/// What is wrong with the sign or the first digit of a number, with the character behind it.
fn misspelt(text: &str, follows: char) -> Option<String> {
    let (sign, unsigned) = match text.strip_prefix(['+', '-']) {
        Some(unsigned) => (&text[..1], unsigned),
        None => ("", text),
    };
    let (kind, radix) = match unsigned.get(..2) {
        Some("0x") => ("a hexadecimal", 16),
        Some("0o") => ("an octal", 8),
        Some("0b") => ("a binary", 2),
        _ => {
            let first = unsigned.chars().next().unwrap_or(follows);
            let special = unsigned.starts_with("inf") || unsigned.starts_with("nan");
            return match first {
                _ if sign.is_empty() || special || first.is_ascii_digit() => None,
                '.' => Some("floats must start with a digit, not '.'".to_string()),
                _ => Some(format!("expected a digit but got {}", quote_rune(first, false))),
            };
        }
    };
    if !sign.is_empty() {
        return Some(format!("cannot use sign with non-decimal numbers: '{sign}{}'", &unsigned[..2]));
    }
    let first = unsigned.chars().nth(2).unwrap_or(follows);
    (!first.is_digit(radix)).then(|| format!("not {kind} number: '{}{first}'", &unsigned[..2]))
}

/// Whether each underscore stands between digits.
fn underscores_are_inside(part: &str) -> bool {
    let bytes = part.as_bytes();
    let digit = |at: Option<&u8>| at.is_some_and(u8::is_ascii_hexdigit);
    bytes
        .iter()
        .enumerate()
        .all(|(at, b)| *b != b'_' || (at > 0 && digit(bytes.get(at - 1)) && digit(bytes.get(at + 1))))
}

fn number(text: &str) -> Step<Val> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let negative = text.starts_with('-');
    match unsigned {
        "inf" => return Ok(Val::Float(if negative { f64::NEG_INFINITY } else { f64::INFINITY })),
        "nan" => return Ok(Val::Float(f64::NAN)),
        _ => {}
    }
    let radix = match unsigned.get(..2) {
        Some("0x") if unsigned == text => 16,
        Some("0o") if unsigned == text => 8,
        Some("0b") if unsigned == text => 2,
        _ => 10,
    };
    let float = radix == 10 && unsigned.contains(['.', 'e', 'E']);
    let kind = if float { "float" } else { "integer" };
    let bad = |why: &str| Err(format!("Invalid {kind} \"{text}\": {why}"));
    let bytes = unsigned.as_bytes();
    let parts = unsigned.split(|c| float && matches!(c, '.' | 'e' | 'E')).filter(|part| !part.is_empty());
    if !parts.into_iter().all(underscores_are_inside) {
        return bad("underscores must be surrounded by digits");
    }
    let plain = text.replace('_', "");
    let whole: String =
        plain.trim_start_matches(['+', '-']).chars().take_while(char::is_ascii_digit).collect();
    if radix == 10 && whole.len() > 1 && whole.starts_with('0') {
        return bad("cannot have leading zeroes");
    }
    if float {
        let dot = bytes.iter().position(|b| *b == b'.');
        if dot.is_some_and(|dot| !bytes.get(dot + 1).is_some_and(u8::is_ascii_digit)) {
            return bad("'.' must be followed by one or more digits");
        }
        return match plain.parse::<f64>() {
            Ok(number) if number.is_finite() => Ok(Val::Float(number)),
            Ok(_) => Err(format!("{plain} is out of range for float64")),
            Err(_) => Err(format!("Invalid float value: \"{text}\"")),
        };
    }
    let parsed = if radix == 10 { plain.parse() } else { i64::from_str_radix(&plain[2..], radix) };
    match parsed {
        Ok(number) => Ok(Val::Int64(number)),
        Err(error) => match error.kind() {
            std::num::IntErrorKind::PosOverflow | std::num::IntErrorKind::NegOverflow => {
                Err(format!("{plain} is out of range for int64"))
            }
            _ => Err(format!("expected value but found \"{text}\" instead")),
        },
    }
}
