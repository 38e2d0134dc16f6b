//! Reads JSON, with the errors of Go's `encoding/json`.
//!
//! Invariant: reading does not recurse deeper than [`DEPTH`], and looks at every byte once.

use std::borrow::Cow;
use std::sync::Arc;

use super::JsonError;
use crate::data::{Map, Value};
use crate::diag::SourceFile;

/// How deep arrays and objects may nest.
pub const DEPTH: usize = 500;

/// Reads one JSON value. Whole numbers keep all digits that 64 bits hold; of equal keys the last one counts.
///
/// # Errors
/// [`JsonError::Syntax`] in Go's words: `unexpected end of JSON input`, `invalid character 'b' after top-level value`.
pub fn parse(text: &str) -> Result<Value, JsonError> {
    match parse_bytes(text.as_bytes())? {
        (value, None) => Ok(value),
        (_, Some(error)) => Err(error),
    }
}

/// As [`parse`], of bytes; those that are no UTF-8 stand for U+FFFD. A number that no float holds does not end the
/// reading: it becomes null, and the error about the first one comes beside the value, which is all that Go's decoder does.
///
/// # Errors
/// As [`parse`], but for such numbers.
pub fn parse_bytes(bytes: &[u8]) -> Result<(Value, Option<JsonError>), JsonError> {
    let mut reader = Reader { bytes, at: 0, too_large: None };
    let value = reader.value(0)?;
    reader.white();
    if reader.at < reader.bytes.len() {
        return Err(reader.unexpected("after top-level value"));
    }
    Ok((value, reader.too_large))
}

/// Reads the JSON value at the start of a text, and tells where it ends.
///
/// # Errors
/// As [`parse`], but for what follows the value.
pub fn parse_prefix(text: &str) -> Result<(Value, usize), JsonError> {
    let mut reader = Reader { bytes: text.as_bytes(), at: 0, too_large: None };
    let value = reader.value(0)?;
    match reader.too_large {
        None => Ok((value, reader.at)),
        Some(error) => Err(error),
    }
}

/// Reads the JSON value of a file; errors know their place.
///
/// # Errors
/// As [`parse`].
pub fn parse_file(file: &Arc<SourceFile>) -> Result<Value, JsonError> {
    parse(file.text()).map_err(|error| error.in_file(file))
}

struct Reader<'t> {
    bytes: &'t [u8],
    at: usize,
    /// The error about the first number that is out of range.
    too_large: Option<JsonError>,
}

/// The text of bytes, with U+FFFD for each that is not part of UTF-8.
fn decoded(bytes: &[u8]) -> Cow<'_, str> {
    if let Ok(text) = std::str::from_utf8(bytes) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(bytes.len() + 8);
    for chunk in bytes.utf8_chunks() {
        out.push_str(chunk.valid());
        out.extend(chunk.invalid().iter().map(|_| char::REPLACEMENT_CHARACTER));
    }
    Cow::Owned(out)
}

impl Reader<'_> {
    /// The text from `start` to here.
    fn since(&self, start: usize) -> Cow<'_, str> {
        decoded(self.bytes.get(start..self.at).unwrap_or(&[]))
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn white(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.at += 1;
        }
    }

    /// The error at the next byte.
    fn unexpected(&self, what: &str) -> JsonError {
        match self.peek() {
            None => JsonError::syntax("unexpected end of JSON input", self.at),
            Some(byte) => JsonError::syntax(format!("invalid character {} {what}", shown(byte)), self.at),
        }
    }

    /// The error at the next byte where no space may stand. Go takes the end of the text for a space.
    fn unexpected_in(&self, what: &str) -> JsonError {
        let byte = self.peek().unwrap_or(b' ');
        JsonError::syntax(format!("invalid character {} {what}", shown(byte)), self.at)
    }

    fn value(&mut self, depth: usize) -> Result<Value, JsonError> {
        self.white();
        match self.peek() {
            Some(b'{' | b'[') if depth >= DEPTH => Err(JsonError::syntax("exceeded max depth", self.at)),
            Some(b'{') => self.object(depth),
            Some(b'[') => self.array(depth),
            Some(b'"') => self.string().map(Value::Str),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.word("true", Value::Bool(true)),
            Some(b'f') => self.word("false", Value::Bool(false)),
            Some(b'n') => self.word("null", Value::Null),
            _ => Err(self.unexpected("looking for beginning of value")),
        }
    }

    fn word(&mut self, word: &str, value: Value) -> Result<Value, JsonError> {
        for byte in word.bytes() {
            if self.peek() != Some(byte) {
                return Err(self.unexpected_in(&format!("in literal {word} (expecting {})", shown(byte))));
            }
            self.at += 1;
        }
        Ok(value)
    }

    fn array(&mut self, depth: usize) -> Result<Value, JsonError> {
        self.at += 1;
        let mut items = Vec::new();
        self.white();
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(Value::List(items));
        }
        loop {
            items.push(self.value(depth + 1)?);
            self.white();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b']') => {
                    self.at += 1;
                    return Ok(Value::List(items));
                }
                _ => return Err(self.unexpected("after array element")),
            }
        }
    }

    fn object(&mut self, depth: usize) -> Result<Value, JsonError> {
        self.at += 1;
        let mut map = Map::new();
        self.white();
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(Value::Map(map));
        }
        loop {
            self.white();
            if self.peek() != Some(b'"') {
                return Err(self.unexpected("looking for beginning of object key string"));
            }
            let key = self.string()?;
            self.white();
            if self.peek() != Some(b':') {
                return Err(self.unexpected("after object key"));
            }
            self.at += 1;
            let value = self.value(depth + 1)?;
            map.insert(key, value);
            self.white();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => {
                    self.at += 1;
                    return Ok(Value::Map(map));
                }
                _ => return Err(self.unexpected("after object key:value pair")),
            }
        }
    }

    fn string(&mut self) -> Result<Arc<str>, JsonError> {
        self.at += 1;
        let mut start = self.at;
        let mut owned: Option<String> = None;
        loop {
            match self.peek() {
                Some(b'"') => {
                    let rest = self.since(start);
                    let text = match owned {
                        None => Arc::from(&*rest),
                        Some(head) => Arc::from(head + &rest),
                    };
                    self.at += 1;
                    return Ok(text);
                }
                Some(b'\\') => {
                    let head = owned.get_or_insert_default();
                    head.push_str(&self.since(start));
                    self.at += 1;
                    let c = self.escape()?;
                    head.push(c);
                    start = self.at;
                }
                Some(b' '..) => self.at += 1,
                _ => return Err(self.unexpected("in string literal")),
            }
        }
    }

    /// The character behind a backslash.
    fn escape(&mut self) -> Result<char, JsonError> {
        let c = match self.peek() {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => {
                self.at += 1;
                return self.unicode();
            }
            _ => return Err(self.unexpected_in("in string escape code")),
        };
        self.at += 1;
        Ok(c)
    }

    /// Four hexadecimal digits, or two such groups that make a pair of surrogates; a lone surrogate becomes U+FFFD.
    fn unicode(&mut self) -> Result<char, JsonError> {
        let first = self.hex4()?;
        if (0xd800..0xdc00).contains(&first) && self.bytes[self.at..].starts_with(b"\\u") {
            let back = self.at;
            self.at += 2;
            let second = self.hex4()?;
            if (0xdc00..0xe000).contains(&second) {
                let code = 0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00);
                return Ok(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
            }
            self.at = back;
        }
        Ok(char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER))
    }

    fn hex4(&mut self) -> Result<u32, JsonError> {
        let mut code = 0;
        for _ in 0..4 {
            let digit = self.peek().and_then(|byte| char::from(byte).to_digit(16));
            let Some(digit) = digit else {
                return Err(self.unexpected_in("in \\u hexadecimal character escape"));
            };
            code = code << 4 | digit;
            self.at += 1;
        }
        Ok(code)
    }

    fn digits(&mut self) {
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
    }

    fn number(&mut self) -> Result<Value, JsonError> {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        match self.peek() {
            Some(b'0') => self.at += 1,
            Some(b'1'..=b'9') => self.digits(),
            _ => return Err(self.unexpected_in("in numeric literal")),
        }
        let mut whole = true;
        if self.peek() == Some(b'.') {
            whole = false;
            self.at += 1;
            if !matches!(self.peek(), Some(b'0'..=b'9')) {
                return Err(self.unexpected_in("after decimal point in numeric literal"));
            }
            self.digits();
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            whole = false;
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            if !matches!(self.peek(), Some(b'0'..=b'9')) {
                return Err(self.unexpected_in("in exponent of numeric literal"));
            }
            self.digits();
        }
        let text = self.since(start);
        let text = &*text;
        if whole && text != "-0" {
            if let Ok(number) = text.parse::<i64>() {
                return Ok(Value::Int(number));
            }
            if let Ok(number) = text.parse::<u64>() {
                return Ok(Value::Uint(number));
            }
        }
        match text.parse::<f64>() {
            Ok(number) if number.is_finite() => Ok(Value::Float(number)),
            _ => {
                let message = format!("json: cannot unmarshal number {text} into Go value of type float64");
                self.too_large.get_or_insert(JsonError::syntax(message, start));
                Ok(Value::Null)
            }
        }
    }
}

/// A byte as Go's messages show it: as a character of its own.
fn shown(byte: u8) -> String {
    match byte {
        b'\'' => r"'\''".into(),
        b'"' => r#"'"'"#.into(),
        b'\\' => r"'\\'".into(),
        0x07 => r"'\a'".into(),
        0x08 => r"'\b'".into(),
        0x0c => r"'\f'".into(),
        b'\n' => r"'\n'".into(),
        b'\r' => r"'\r'".into(),
        b'\t' => r"'\t'".into(),
        0x0b => r"'\v'".into(),
        0..0x20 | 0x7f => format!("'\\x{byte:02x}'"),
        0x80..=0xa0 | 0xad => format!("'\\u{byte:04x}'"),
        _ => format!("'{}'", char::from(byte)),
    }
}
