//! Writes values in block style, as Go's YAML libraries print them for Helm's `toYaml` and `toYamlPretty`.
//!
//! The shape: two spaces per level, list items at the column of their key (`toYaml`) or below it (pretty), long text folded
//! behind column 80 (`toYaml` only), multi-line text as literal blocks, `? ` before keys that are long or multi-line.
//!
//! Invariant: the output of [`to_string_in_order`] reads back as the value that was written, and so does that of the others
//! but where Helm's does not: a key `<<`, and a pretty block that begins with a tab.

mod analysis;
mod order;
pub(super) mod quote;
mod scalar;

use std::borrow::Cow;
use std::sync::{Arc, LazyLock};

use super::error::{Stage, YamlError};
use super::words::is_printable_ascii;
use crate::data::json;
use crate::data::json::number::{float_g, float_json};
use crate::data::{Value, base64};

/// In which order keys are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Keys {
    /// As they stand in the map.
    Author,
    /// Natural order as in version 2 of Go's library, which is no strict order.
    Natural2,
    /// Natural order as in version 3.
    Natural3,
}

/// What the writers differ in.
#[derive(Debug, Clone, Copy)]
struct Style {
    keys: Keys,
    /// Lists stand two columns right of their key.
    indent_lists: bool,
    /// Column behind which plain and quoted text is broken.
    width: usize,
    /// Numbers and text take the way through JSON that Helm sends them.
    through_json: bool,
}

/// The style of Helm's `toYaml`.
const HELM: Style = Style { keys: Keys::Natural2, indent_lists: false, width: 80, through_json: true };

/// A value as Helm's `toYaml` prints it, with a newline at the end; empty where Helm's result is empty (see [`try_to_string`]).
///
/// Reads back as the same value, but for: a [`Value::Float`] without a fraction comes back as an integer, U+0085 in text
/// becomes a space, and a key `<<` is taken for a merge.
pub fn to_string(value: &Value) -> String {
    try_to_string(value).unwrap_or_default()
}

/// A value as Helm's `toYaml` prints it, with a newline at the end.
///
/// # Errors
/// What Helm cannot print, because it takes the way through JSON and reads that as YAML: `.nan` and `.inf`; text with DEL,
/// control characters above U+007F, U+FFFE or U+FFFF; keys of more than 1,022 characters or with U+0085.
pub fn try_to_string(value: &Value) -> Result<String, YamlError> {
    check(value)?;
    Ok(Writer::run(HELM, value))
}

/// One entry of a mapping whose keys stand at the column `indent`, as [`try_to_string`] prints it there, with a newline at
/// the end. What would be too large as one value is written entry by entry, in the order of [`sort_entries`].
///
/// # Errors
/// As [`try_to_string`].
pub fn try_entry_to_string(key: &str, value: &Value, indent: usize) -> Result<String, YamlError> {
    check_entry(key, value)?;
    let mut writer = Writer { out: String::new(), column: 0, style: HELM };
    writer.start_line(indent);
    writer.entry(key, value, indent);
    Ok(writer.end())
}

/// Puts entries in the order in which [`try_to_string`] prints them.
pub fn sort_entries<V: Copy>(entries: &mut Vec<(&str, V)>) {
    order::sort(entries, order::before_2);
}

/// A value in the shape of [`to_string`], but with keys in the author's order, and with nothing that cannot be printed.
pub fn to_string_in_order(value: &Value) -> String {
    let style = Style { keys: Keys::Author, indent_lists: false, width: 80, through_json: false };
    Writer::run(style, value)
}

/// A value for [`to_string_pretty`], with what a [`Value`] cannot tell.
#[derive(Debug, Clone, PartialEq)]
pub enum Pretty {
    /// Anything without parts; a list or map in it is written as it is.
    Plain(Value),
    /// Text that must not be quoted: a moment.
    Verbatim(String),
    /// A text that is not UTF-8.
    Binary(Vec<u8>),
    /// A list.
    List(Vec<Pretty>),
    /// A map, whose keys are sorted.
    Map(Vec<(Arc<str>, Pretty)>),
    /// A struct, whose fields keep their order.
    Record(Vec<(Arc<str>, Pretty)>),
}

impl From<&Value> for Pretty {
    fn from(value: &Value) -> Self {
        match value {
            Value::List(items) => Pretty::List(items.iter().map(Pretty::from).collect()),
            Value::Map(map) => {
                Pretty::Map(map.iter().map(|(key, value)| (Arc::clone(key), Pretty::from(value))).collect())
            }
            leaf => Pretty::Plain(leaf.clone()),
        }
    }
}

/// A node as the writer sees it.
enum Part<'n, N> {
    Leaf(&'n Value),
    Verbatim(&'n str),
    Binary(&'n [u8]),
    List(&'n [N]),
    Map { entries: Vec<(&'n str, &'n N)>, ordered: bool },
}

/// What can be written.
trait Node: Sized {
    fn part(&self) -> Part<'_, Self>;
}

impl Node for Value {
    fn part(&self) -> Part<'_, Self> {
        match self {
            Value::Map(map) if !map.is_empty() => {
                let entries = map.iter().map(|(key, value)| (&**key, value)).collect();
                Part::Map { entries, ordered: false }
            }
            Value::List(items) if !items.is_empty() => Part::List(items),
            leaf => Part::Leaf(leaf),
        }
    }
}

/// What an empty collection is written as.
static EMPTY_LIST: Value = Value::List(Vec::new());
static EMPTY_MAP: LazyLock<Value> = LazyLock::new(Value::map);

impl Node for Pretty {
    fn part(&self) -> Part<'_, Self> {
        match self {
            Pretty::Plain(value) => Part::Leaf(value),
            Pretty::Verbatim(text) => Part::Verbatim(text),
            Pretty::Binary(bytes) => Part::Binary(bytes),
            Pretty::List(items) if items.is_empty() => Part::Leaf(&EMPTY_LIST),
            Pretty::List(items) => Part::List(items),
            Pretty::Map(entries) | Pretty::Record(entries) if entries.is_empty() => Part::Leaf(&EMPTY_MAP),
            Pretty::Map(entries) | Pretty::Record(entries) => Part::Map {
                entries: entries.iter().map(|(key, value)| (&**key, value)).collect(),
                ordered: matches!(self, Pretty::Record(_)),
            },
        }
    }
}

/// A value as Helm's `toYamlPretty` prints it: lists indented below their key, nothing folded, floats in Go's notation.
pub fn to_string_pretty(value: &Pretty) -> String {
    let style = Style { keys: Keys::Natural3, indent_lists: true, width: usize::MAX, through_json: false };
    Writer::run(style, value)
}

/// Refuses what does not survive Helm's way through JSON.
fn check(value: &Value) -> Result<(), YamlError> {
    match value {
        Value::Float(number) if !number.is_finite() => {
            let text = format!("json: unsupported value: {}", float_g(*number));
            Err(YamlError::new(Stage::Marshal, text, None))
        }
        Value::Str(text) => check_text(text),
        Value::List(items) => items.iter().try_for_each(check),
        Value::Map(map) => map.iter().try_for_each(|(key, value)| check_entry(key, value)),
        _ => Ok(()),
    }
}

fn check_entry(key: &str, value: &Value) -> Result<(), YamlError> {
    if !is_plain_key(key) {
        check_text(key)?;
        check_key(key)?;
    }
    check(value)
}

fn check_text(text: &str) -> Result<(), YamlError> {
    let bad = |c: char| c >= '\u{7f}' && !super::parse::is_allowed(c);
    if is_printable_ascii(text) || !text.contains(bad) {
        return Ok(());
    }
    Err(YamlError::new(Stage::Write, "yaml: control characters are not allowed", None)
        .advise("remove the control character, or encode the text (base64)"))
}

/// A key must stand on one line and end within 1,024 characters when its JSON is read as YAML.
fn check_key(key: &str) -> Result<(), YamlError> {
    let problem = if key.contains('\u{85}') {
        "yaml: line 1: did not find expected ',' or '}'"
    } else if key.len() > 170 && json::quoted_width(key) > 1_024 {
        "yaml: did not find expected ',' or '}'"
    } else {
        return Ok(());
    };
    Err(YamlError::new(Stage::Write, problem, None).advise("shorten the key"))
}

/// Where a node begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    /// The document.
    Root,
    /// Behind `key:`.
    Value,
    /// Behind the `-`, `?` or `:` that stands for a whole node.
    Indicator,
}

struct Writer {
    out: String,
    /// Characters on the current line.
    column: usize,
    style: Style,
}

impl Writer {
    fn run(style: Style, value: &impl Node) -> String {
        let mut writer = Writer { out: String::new(), column: 0, style };
        writer.node(value, 0, At::Root);
        writer.end()
    }

    /// Ends the last line.
    fn end(mut self) -> String {
        if self.column > 0 {
            self.out.push('\n');
        }
        self.out
    }

    /// Writes text without line breaks.
    fn push(&mut self, text: &str) {
        self.out.push_str(text);
        self.column += if text.is_ascii() { text.len() } else { text.chars().count() };
    }

    fn push_char(&mut self, c: char) {
        self.out.push(c);
        self.column += 1;
    }

    /// Goes to a column of a fresh line.
    fn start_line(&mut self, indent: usize) {
        if self.column > 0 {
            self.line_break('\n');
        }
        self.out.extend(std::iter::repeat_n(' ', indent));
        self.column = indent;
    }

    fn line_break(&mut self, c: char) {
        self.out.push(c);
        self.column = 0;
    }

    /// Writes a node. `indent` is the column of the collection that holds it.
    fn node(&mut self, node: &impl Node, indent: usize, at: At) {
        let part = node.part();
        if !matches!(part, Part::Map { .. } | Part::List(_)) && at != At::Root {
            self.push_char(' ');
        }
        match part {
            Part::Map { entries, ordered } => self.map(entries, ordered, indent, at),
            Part::List(items) => self.list(items, indent, at),
            Part::Leaf(value) => self.leaf(value, indent + 2),
            Part::Verbatim(text) => self.push(text),
            Part::Binary(bytes) => self.binary(bytes, indent + 2),
        }
    }

    /// Bytes in base64, in lines of 70 characters when there are more.
    fn binary(&mut self, bytes: &[u8], indent: usize) {
        const LINE: usize = 70;
        let text = base64::encode(bytes);
        self.push("!!binary ");
        if text.len() <= LINE {
            return self.push(&text);
        }
        self.push_char('|');
        self.line_break('\n');
        // Base64 is ASCII, so every place is between two characters.
        for start in (0..text.len()).step_by(LINE) {
            self.start_line(indent);
            self.push(&text[start..text.len().min(start + LINE)]);
        }
    }

    fn leaf(&mut self, value: &Value, indent: usize) {
        match value {
            Value::Null => self.push("null"),
            Value::Bool(flag) => self.push(if *flag { "true" } else { "false" }),
            Value::Int(number) | Value::SetInt(number) => self.push(&number.to_string()),
            Value::Uint(number) => self.push(&number.to_string()),
            Value::Float(number) => self.push(&self.float(*number)),
            Value::Str(text) => {
                let text = self.text(text);
                scalar::write(self, &text, indent, false);
            }
            Value::List(_) => self.push("[]"),
            Value::Map(_) => self.push("{}"),
        }
    }

    fn float(&self, number: f64) -> String {
        if !number.is_finite() {
            return if number.is_nan() {
                ".nan"
            } else if number > 0.0 {
                ".inf"
            } else {
                "-.inf"
            }
            .into();
        }
        // The text of JSON, read as YAML: an integer where it is one, and else Go's notation.
        if self.style.keys != Keys::Natural3 {
            let json = float_json(number).unwrap_or_default();
            if let Ok(integer) = json.parse::<i64>() {
                return integer.to_string();
            }
            if let Ok(integer) = json.parse::<u64>() {
                return integer.to_string();
            }
        }
        float_g(number)
    }

    /// The text as it arrives at the writer.
    fn text<'t>(&self, text: &'t str) -> Cow<'t, str> {
        if self.style.through_json && !is_printable_ascii(text) && text.contains('\u{85}') {
            Cow::Owned(fold_next_line(text))
        } else {
            Cow::Borrowed(text)
        }
    }

    fn map<N: Node>(&mut self, mut entries: Vec<(&str, &N)>, ordered: bool, parent: usize, at: At) {
        let (indent, mut inline) = match at {
            At::Root => (0, true),
            At::Value => (parent + 2, false),
            At::Indicator => (parent + 2, true),
        };
        if at == At::Indicator {
            self.push_char(' ');
        }
        match self.style.keys {
            _ if ordered => {}
            Keys::Author => {}
            Keys::Natural2 => order::sort(&mut entries, order::before_2),
            Keys::Natural3 => order::sort(&mut entries, order::before_3),
        }
        for (key, value) in entries {
            if !std::mem::take(&mut inline) {
                self.start_line(indent);
            }
            self.entry(key, value, indent);
        }
    }

    /// Writes an entry of a map whose keys stand at the column `indent`, where the line has come to.
    fn entry(&mut self, key: &str, value: &impl Node, indent: usize) {
        if is_simple_key(key) {
            scalar::write(self, key, indent + 2, true);
            self.push_char(':');
            self.node(value, indent, At::Value);
        } else {
            self.push("? ");
            scalar::write(self, key, indent + 2, false);
            self.start_line(indent);
            self.push_char(':');
            self.node(value, indent, At::Indicator);
        }
    }

    fn list(&mut self, items: &[impl Node], parent: usize, at: At) {
        let (indent, mut inline) = match at {
            At::Root => (0, true),
            At::Value => (if self.style.indent_lists { parent + 2 } else { parent }, false),
            At::Indicator => (parent + 2, true),
        };
        if at == At::Indicator {
            self.push_char(' ');
        }
        for item in items {
            if !std::mem::take(&mut inline) {
                self.start_line(indent);
            }
            self.push_char('-');
            self.node(item, indent, At::Indicator);
        }
    }
}

/// Whether a key can stand before `:` on one line.
fn is_simple_key(key: &str) -> bool {
    is_plain_key(key) || key.len() <= 128 && !key.contains(['\n', '\r', '\u{85}', '\u{2028}', '\u{2029}'])
}

/// Whether a key is short and has nothing to look out for, as nearly every key.
fn is_plain_key(key: &str) -> bool {
    key.len() <= 128 && is_printable_ascii(key)
}

/// U+0085 is a line break to YAML, so within JSON's double quotes it folds: a single one becomes a space, of several the
/// first is dropped and the others become newlines; spaces around them go.
fn fold_next_line(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\u{85}') {
        out.push_str(rest[..at].trim_end_matches(' '));
        let after = rest[at..].trim_start_matches([' ', '\u{85}']);
        let breaks = rest[at..rest.len() - after.len()].matches('\u{85}').count();
        if breaks == 1 {
            out.push(' ');
        } else {
            out.extend(std::iter::repeat_n('\n', breaks - 1));
        }
        rest = after;
    }
    out.push_str(rest);
    out
}
