//! Text in TOML: basic and literal, on one line and on many, and escapes.
//!
//! Invariant: the reader stands behind the closing quote, or the text is refused.

use super::{Reader, Step};

impl Reader<'_> {
    pub(super) fn basic(&mut self) -> Step<String> {
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

    pub(super) fn literal(&mut self) -> Step<String> {
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

    pub(super) fn long_basic(&mut self) -> Step<String> {
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

    pub(super) fn long_literal(&mut self) -> Step<String> {
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
        let digits = match self.next() {
            Some('b') => return push(out, '\u{8}'),
            Some('t') => return push(out, '\t'),
            Some('n') => return push(out, '\n'),
            Some('f') => return push(out, '\u{c}'),
            Some('r') => return push(out, '\r'),
            Some('e') => return push(out, '\u{1b}'),
            Some(c @ ('"' | '\\')) => return push(out, c),
            Some('x') => 2,
            Some('u') => 4,
            Some('U') => 8,
            other => {
                return Err(format!(
                    "invalid escape in string '\\{}'",
                    other.map_or(String::new(), String::from)
                ));
            }
        };
        let text = self.rest().get(..digits).unwrap_or("").to_string();
        let code = u32::from_str_radix(&text, 16).ok().filter(|_| !text.starts_with('+'));
        match code.and_then(char::from_u32) {
            Some(c) => {
                self.at += digits;
                push(out, c)
            }
            None => Err(format!("Escaped character '\\u{text}' is not valid UTF-8.")),
        }
    }
}

fn push(out: &mut String, c: char) -> Step<()> {
    out.push(c);
    Ok(())
}
