//! TOML documents to values, with the messages of Go's BurntSushi library.
//!
//! Integers stay `int64` and dates are times, unlike what YAML and JSON give. The reader is our own because templates see
//! the messages (`.Error`), which name the last key and what the library's lexer expected there; a TOML crate has others,
//! and refuses documents that Go's library takes (`a = {b = 1}` followed by `a.c = 2`).
//!
//! Invariant: reading is bounded in depth and looks at every byte once; no text panics.

mod scalars;
mod text;

use std::collections::HashSet;

use crate::gotpl::{List, MAPS, MAX_DEPTH, Map, Val, quote_rune};

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
    let mut reader = Reader {
        text,
        at: 0,
        line: 1,
        last_key: Vec::new(),
        root: Map::new(),
        path: Vec::new(),
        defined: HashSet::new(),
        fixed: HashSet::new(),
    };
    let mut outcome = reader.document();
    if let Some(wrong) = wrong
        && reader.at >= text.len()
    {
        outcome = Err(wrong);
    }
    match outcome {
        Ok(()) => Ok(reader.root),
        Err(message) if reader.last_key.is_empty() => Err(format!("toml: line {}: {message}", reader.line)),
        Err(message) => {
            let key = crate::gotpl::quote(reader.last_key.join(".").as_bytes());
            Err(format!("toml: line {} (last key {key}): {message}", reader.line))
        }
    }
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
    at: usize,
    line: usize,
    /// The key whose value is being read.
    last_key: Vec<String>,
    root: Map,
    /// The table that keys go to.
    path: Vec<String>,
    /// Tables that a header has named.
    defined: HashSet<Vec<String>>,
    /// Values and inline tables, which nothing may add to.
    fixed: HashSet<Vec<String>>,
}

fn shown(c: Option<char>) -> String {
    c.map_or_else(|| "end of file".to_string(), |c| quote_rune(c, false))
}

/// As [`shown`] where the library takes the end of the text for a NUL.
fn shown_or_nul(c: Option<char>) -> String {
    quote_rune(c.unwrap_or('\0'), false)
}

fn is_bare(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == '-'
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
            // Until the next key, the library has the name of the table in mind.
            self.last_key.clone_from(&self.path);
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
                _ => path.push(self.key_part("table name", true)?),
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
        if array && !self.eat("]") {
            let found = shown_or_nul(self.peek());
            return Err(format!("expected end of table array name delimiter ']', but got {found} instead"));
        }
        Self::depth(path.len())?;
        self.last_key = path.split_last().map(|(_, parents)| parents.to_vec()).unwrap_or_default();
        if array {
            self.begin_element(&path)?;
        } else {
            self.begin_table(&path)?;
        }
        self.path = path;
        Ok(())
    }

    fn taken(path: &[String]) -> String {
        format!("Key '{}' has already been defined.", path.join("."))
    }

    fn begin_table(&mut self, path: &[String]) -> Step<()> {
        let array = |map: Map, last: &String| matches!(map.get(last.as_str()), Some(Val::List(_)));
        let is_array = match path.split_last() {
            Some((last, parents)) => array(self.table_at(parents)?, last),
            None => false,
        };
        if is_array || self.fixed.contains(path) || !self.defined.insert(path.to_vec()) {
            return Err(Self::taken(path));
        }
        self.table_at(path).map(|_| ())
    }

    fn begin_element(&mut self, path: &[String]) -> Step<()> {
        let Some((last, parents)) = path.split_last() else { return Ok(()) };
        let parent = self.table_at(parents)?;
        // What stood below the element before does not belong to this one.
        self.defined.retain(|known| !(known.len() > path.len() && known.starts_with(path)));
        self.fixed.retain(|known| !(known.len() > path.len() && known.starts_with(path)));
        let element = Val::Map(Map::new());
        match parent.get(last.as_str()) {
            None => {
                put(&parent, last, Val::List(List::typed(&MAPS, vec![element])));
                Ok(())
            }
            Some(Val::List(list)) if !self.fixed.contains(path) => {
                let mut items = list.to_vec();
                items.push(element);
                list.replace(items);
                Ok(())
            }
            Some(_) => {
                Err(format!("Key '{}' was already created and cannot be used as an array.", path.join(".")))
            }
        }
    }

    /// The table at a path, made where it is missing; of a list of tables the last element.
    fn table_at(&self, path: &[String]) -> Step<Map> {
        let mut table = self.root.clone();
        for (index, key) in path.iter().enumerate() {
            let here = &path[..=index];
            table = match table.get(key.as_str()) {
                None => {
                    let made = Map::new();
                    put(&table, key, Val::Map(made.clone()));
                    made
                }
                Some(Val::Map(map)) => map,
                Some(Val::List(list)) if !self.fixed.contains(here) => match list.to_vec().pop() {
                    Some(Val::Map(map)) => map,
                    _ => return Err(Self::taken(here)),
                },
                Some(_) => return Err(Self::taken(here)),
            };
        }
        Ok(table)
    }

    fn depth(levels: usize) -> Step<()> {
        if levels > MAX_DEPTH { Err(format!("nested deeper than {MAX_DEPTH} levels")) } else { Ok(()) }
    }

    /// The parts of a key up to its `=`.
    fn key(&mut self) -> Step<Vec<String>> {
        let mut key = Vec::new();
        loop {
            self.spaces();
            key.push(self.key_part("key", key.is_empty())?);
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
    fn key_part(&mut self, what: &str, first: bool) -> Step<String> {
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
            None | Some('=') if first => Err(format!("unexpected '=': {what} name appears blank")),
            None | Some('=') => Err("unexpected '='".to_string()),
            _ if what == "key" => {
                let found = shown(self.peek());
                Err(format!("expected '.' or '=', but got {found} instead"))
            }
            other => Err(format!("unexpected {} in {what}", shown(other))),
        }
    }

    fn assignment(&mut self) -> Step<()> {
        let key = self.key()?;
        let mut full = self.path.clone();
        full.extend(key.iter().cloned());
        Self::depth(full.len())?;
        self.last_key.clone_from(&full);
        self.spaces();
        let value = self.value(0)?;
        let table = self.table_at(&full[..full.len() - 1])?; // a key has at least one part
        self.insert(&table, &full, value)
    }

    fn insert(&mut self, table: &Map, full: &[String], value: Val) -> Step<()> {
        let Some(last) = full.last() else { return Ok(()) };
        if table.contains(last.as_str()) {
            return Err(Self::taken(full));
        }
        self.fixed.insert(full.to_vec());
        put(table, last, value);
        Ok(())
    }

    fn value(&mut self, depth: usize) -> Step<Val> {
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
            Some('{') => self.inline_table(depth),
            Some('.') => Err("floats must start with a digit, not '.'".to_string()),
            Some(c) if c.is_ascii_digit() || c == '+' || c == '-' => self.number_or_date(),
            Some(c) if c.is_alphabetic() => self.word(),
            None => Err("unexpected EOF; expected value".to_string()),
            other => Err(format!("expected value but found {} instead", shown(other))),
        }
    }

    fn word(&mut self) -> Step<Val> {
        let end = self.rest().find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(self.rest().len());
        let word = self.rest()[..end].to_string();
        self.at += end;
        match word.as_str() {
            "true" => Ok(Val::Bool(true)),
            "false" => Ok(Val::Bool(false)),
            "inf" => Ok(Val::Float(f64::INFINITY)),
            "nan" => Ok(Val::Float(f64::NAN)),
            _ => Err(format!("expected value but found {} instead", crate::gotpl::quote(word.as_bytes()))),
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
                _ => items.push(self.value(depth + 1)?),
            }
            self.gap();
            match self.peek() {
                Some(',') => self.next(),
                Some(']') => break,
                other => {
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

    fn inline_table(&mut self, depth: usize) -> Step<Val> {
        self.next();
        let table = Map::new();
        let outer = self.last_key.clone();
        loop {
            self.gap();
            match self.peek() {
                Some('}') => break,
                Some(',') => return Err("unexpected comma".to_string()),
                _ => {}
            }
            let key = self.key()?;
            Self::depth(depth + key.len())?;
            self.last_key = outer.iter().chain(&key).cloned().collect();
            self.spaces();
            let value = self.value(depth + 1)?;
            let mut inner = table.clone();
            for part in &key[..key.len() - 1] {
                inner = match inner.get(part.as_str()) {
                    None => {
                        let made = Map::new();
                        put(&inner, part, Val::Map(made.clone()));
                        made
                    }
                    Some(Val::Map(map)) => map,
                    Some(_) => return Err(Self::taken(&self.last_key)),
                };
            }
            let last = &key[key.len() - 1]; // a key has at least one part
            if inner.contains(last.as_str()) {
                return Err(Self::taken(&self.last_key));
            }
            put(&inner, last, value);
            self.gap();
            match self.peek() {
                Some(',') => self.next(),
                Some('}') => break,
                other => {
                    return Err(format!(
                        "expected a comma or an inline table terminator '}}', but got {} instead",
                        shown(other)
                    ));
                }
            };
        }
        self.next();
        Ok(Val::Map(table))
    }
}

fn put(map: &Map, key: &str, value: Val) {
    // Only nil maps refuse, and none is made here.
    let _ = map.insert(key, value);
}
