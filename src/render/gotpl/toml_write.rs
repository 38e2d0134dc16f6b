//! Values as TOML, in the shape that Go's BurntSushi library writes.
//!
//! Invariant: tables come after plain keys, both sorted; each level of tables is indented by two spaces.

use std::fmt::Write;

use crate::gotpl::{DataForm, GoStr, MAX_DEPTH, Num, Val, format_shortest};
use crate::sprig::encode::go_text;
use crate::sprig::moments::toml_text;

/// A value as TOML: a map as a document, anything else as it stands behind a `=`.
///
/// # Errors
/// The library's text: nil in a list, a value that contains itself.
pub(super) fn write(value: &Val) -> Result<String, GoStr> {
    let mut writer = Writer { out: String::new() };
    match table(value)? {
        Some(entries) => writer.table(&mut Vec::new(), &entries)?,
        None if tables(value)?.is_some() => {
            return Err("toml: top-level values must be Go maps or structs".into());
        }
        None if matches!(value, Val::Num(Num::Complex(..))) => {
            return Err("unsupported type for key '': complex128".into());
        }
        None if value.is_nil() => return Err("reflect: call of reflect.Value.Type on zero Value".into()),
        None => writer.inline(value, 0)?,
    }
    Ok(writer.out)
}

type Entries = Vec<(String, Val)>;

/// The entries of what is a table in TOML.
fn table(value: &Val) -> Result<Option<Entries>, GoStr> {
    Ok(match value {
        Val::Map(map) => {
            Some(map.entries().into_iter().map(|(key, value)| (go_text(&key).into_owned(), value)).collect())
        }
        Val::Object(object) => match object.record(DataForm::Toml) {
            Some(fields) => Some(fields.into_iter().map(|(key, value)| (key.to_string(), value)).collect()),
            None if toml_text(value).is_some() => None,
            None => table(&object.data(DataForm::Toml)?)?,
        },
        _ => None,
    })
}

/// The elements of a list that consists of tables only.
fn tables(value: &Val) -> Result<Option<Vec<Entries>>, GoStr> {
    let Val::List(list) = value else { return Ok(None) };
    let items = list.to_vec();
    let mut found = Vec::with_capacity(items.len());
    for item in &items {
        match table(item)? {
            Some(entries) => found.push(entries),
            None => return Ok(None),
        }
    }
    Ok((!found.is_empty()).then_some(found))
}

struct Writer {
    out: String,
}

impl Writer {
    /// The entries of the table at a path: plain ones, then tables and lists of tables.
    fn table(&mut self, path: &mut Vec<String>, entries: &Entries) -> Result<(), GoStr> {
        if path.len() > MAX_DEPTH {
            return Err("toml: value nested too deeply".into());
        }
        let mut later = Vec::new();
        for (key, value) in entries.iter().filter(|(_, value)| !value.is_nil()) {
            if table(value)?.is_some() || tables(value)?.is_some() {
                later.push((key, value));
                continue;
            }
            self.indent(path.len());
            self.key(key);
            self.out.push_str(" = ");
            self.inline(value, path.len())?;
            self.out.push('\n');
        }
        for (key, value) in later {
            path.push(key.clone());
            if let Some(elements) = tables(value)? {
                for element in &elements {
                    self.blank_line();
                    self.header(path, "[[", "]]");
                    self.table(path, element)?;
                }
            } else if let Some(inner) = table(value)? {
                if path.len() == 1 {
                    self.blank_line();
                }
                self.header(path, "[", "]");
                self.table(path, &inner)?;
            }
            path.pop();
        }
        Ok(())
    }

    fn blank_line(&mut self) {
        if !self.out.is_empty() {
            self.out.push('\n');
        }
    }

    fn indent(&mut self, levels: usize) {
        self.out.extend(std::iter::repeat_n("  ", levels));
    }

    fn header(&mut self, path: &[String], open: &str, close: &str) {
        self.indent(path.len() - 1); // a header names at least one key
        self.out.push_str(open);
        for (index, key) in path.iter().enumerate() {
            if index > 0 {
                self.out.push('.');
            }
            self.key(key);
        }
        self.out.push_str(close);
        self.out.push('\n');
    }

    fn key(&mut self, key: &str) {
        push_key(&mut self.out, key);
    }

    fn text(&mut self, text: &str) {
        push_text(&mut self.out, text);
    }

    fn inline(&mut self, value: &Val, depth: usize) -> Result<(), GoStr> {
        if depth > MAX_DEPTH {
            return Err("toml: value nested too deeply".into());
        }
        if let Some(entries) = table(value)? {
            self.out.push('{');
            // Here, too, tables come after plain keys.
            let is_table =
                |value: &Val| matches!(table(value), Ok(Some(_))) || matches!(tables(value), Ok(Some(_)));
            let (below, plain): (Vec<_>, Vec<_>) = entries.iter().partition(|(_, value)| is_table(value));
            let groups = [(&plain, !below.is_empty()), (&below, false)];
            for (group, goes_on) in groups {
                for (index, (key, value)) in
                    group.iter().enumerate().filter(|(_, (_, value))| !value.is_nil())
                {
                    self.key(key);
                    self.out.push_str(" = ");
                    self.inline(value, depth + 1)?;
                    // What has no value is left out, but not the comma before it. Source: observed.
                    if goes_on || index + 1 < group.len() {
                        self.out.push_str(", ");
                    }
                }
            }
            self.out.push('}');
            return Ok(());
        }
        if let Some(time) = toml_text(value) {
            self.out.push_str(&time);
            return Ok(());
        }
        match value {
            Val::Str(text) => self.text(&go_text(text)),
            Val::Bool(flag) => self.out.push_str(if *flag { "true" } else { "false" }),
            Val::List(list) => self.list(&list.to_vec(), depth)?,
            Val::Bytes(bytes) => {
                let numbers: Vec<String> = bytes.as_slice().iter().map(u8::to_string).collect();
                self.out.extend(["[", &numbers.join(", "), "]"]);
            }
            Val::Object(object) => self.inline(&object.data(DataForm::Toml)?, depth + 1)?,
            other => match (other.as_signed(), other.as_unsigned(), other.as_float()) {
                (Some(number), _, _) => self.out.push_str(&number.to_string()),
                (_, Some(number), _) => self.out.push_str(&number.to_string()),
                (_, _, Some(number)) => self.float(number),
                _ => return Err(format!("unsupported type: {}", other.type_name()).into()),
            },
        }
        Ok(())
    }

    fn list(&mut self, items: &[Val], depth: usize) -> Result<(), GoStr> {
        self.out.push('[');
        for (index, item) in items.iter().enumerate() {
            if index > 0 {
                self.out.push_str(", ");
            }
            if item.is_nil() || matches!(item, Val::List(list) if list.is_nil()) {
                return Err("toml: cannot encode array with nil element".into());
            }
            self.inline(item, depth + 1)?;
        }
        self.out.push(']');
        Ok(())
    }

    fn float(&mut self, number: f64) {
        if number.is_nan() {
            self.out.push_str("nan");
        } else if number.is_infinite() {
            self.out.push_str(if number < 0.0 { "-inf" } else { "inf" });
        } else {
            let text = format_shortest(number);
            let whole = !text.contains(['.', 'e']);
            self.out.push_str(&text);
            if whole {
                self.out.push_str(".0");
            }
        }
    }
}

/// Writes one part of a key: in quotes unless it is a bare word.
pub(super) fn push_key(out: &mut String, key: &str) {
    let bare = !key.is_empty() && key.chars().all(is_bare);
    if bare { out.push_str(key) } else { push_text(out, key) }
}

/// Whether a character may stand in a key without quotes.
pub(super) fn is_bare(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == '-'
}

fn push_text(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\u{8}' => out.push_str("\\b"),
            '\t' => out.push_str("\\t"),
            '\n' => out.push_str("\\n"),
            '\u{c}' => out.push_str("\\f"),
            '\r' => out.push_str("\\r"),
            c if c < ' ' || c == '\u{7f}' => {
                // Writing to a string cannot fail.
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
}
