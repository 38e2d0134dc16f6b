//! The five grammars of `--set`, `--set-string`, `--set-file`, `--set-json` and `--set-literal`.
//!
//! ```text
//! argument = pair { "," pair }              key = name { "." name | "[" index "]" }
//! pair     = key "=" value                  value = text | "{" text { "," text } "}" | JSON
//! ```
//!
//! `\` takes the next character as it is. `--set-literal` has one pair, whose value runs to the end, and no escapes.
//!
//! Source of the rules: Helm 4.3.1 over several hundred arguments, the odd ones among them (an argument that ends in the
//! middle of a key changes nothing; `a[1].b=` at the very end is dropped while `a.b=` is kept).
//!
//! Invariant: parsing and applying are one pass, as in Helm, because what a key means depends on the values there.

use std::sync::Arc;

use super::error::ValuesError;
use super::pointer;
use crate::data::json::{self, JsonError};
use crate::data::{Map, Value};
use crate::diag::{Diagnostic, SourceFile, Span};

/// Most `.` in a key.
const DEEPEST_NAME: usize = 30;
/// Most `[` in a key. Helm has no limit there; this one keeps the stack small.
const DEEPEST_INDEX: usize = 256;
/// Largest list index.
const LARGEST_INDEX: i64 = 65_536;

/// Which flag an argument was given to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Flag {
    /// `--set`: values are typed (true, false, null, integers).
    Set,
    /// `--set-string`: values stay text.
    String,
    /// `--set-file`: values are paths, replaced by the content.
    File,
    /// `--set-json`: values are JSON, or the whole argument is an object.
    Json,
    /// `--set-literal`: one pair, its value taken as it is.
    Literal,
}

impl Flag {
    /// The flag as typed.
    pub fn name(self) -> &'static str {
        match self {
            Flag::Set => "--set",
            Flag::String => "--set-string",
            Flag::File => "--set-file",
            Flag::Json => "--set-json",
            Flag::Literal => "--set-literal",
        }
    }
}

/// Reads what a `--set-file` value names; the error is the text after `failed parsing --set-file data: `.
pub type Reader<'r> = dyn FnMut(&str) -> Result<String, String> + 'r;

/// A value that an argument set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assignment {
    /// JSON pointer to the value.
    pub pointer: String,
    /// The `key=value` in the argument.
    pub span: Span,
    /// Whether the value was merged into a map there (a whole `--set-json` object) rather than put in its place.
    pub merged: bool,
}

/// Applies one argument to `values` and returns what it set, in order.
///
/// # Errors
/// The argument cannot be read, a key does not fit the values there, or `read` fails. `values` may then be changed in
/// part.
pub fn apply(
    flag: Flag,
    argument: &Arc<SourceFile>,
    values: &mut Map,
    read: &mut Reader<'_>,
) -> Result<Vec<Assignment>, ValuesError> {
    if flag == Flag::Json && argument.text().trim_start().starts_with('{') {
        return merge_object(argument, values);
    }
    let mut parser =
        Parser { flag, text: argument.text(), at: 0, pair: 0, read, path: Vec::new(), set: Vec::new() };
    let applied = parser.pairs(values);
    let set = parser.set;
    applied.map(|()| set).map_err(|fault| fault.explain(flag, argument))
}

/// Merges a whole `--set-json` object.
fn merge_object(argument: &Arc<SourceFile>, values: &mut Map) -> Result<Vec<Assignment>, ValuesError> {
    let text = argument.text();
    let bad = |reason: String, span: Span| ValuesError::SetJson {
        argument: text.to_string(),
        whole: true,
        diagnostic: Box::new(Diagnostic::error(reason).at(argument, span)),
    };
    let whole = Span::new(0, text.len());
    let object = match json::parse(text) {
        Ok(Value::Map(object)) => object,
        Ok(_) => return Err(bad("the argument is no JSON object".to_string(), whole)),
        Err(error) => return Err(bad(error.to_string(), json_span(text, 0, &error))),
    };
    let span = Span::new(0, text.len());
    let mut set = Vec::new();
    for (key, value) in object {
        let merged = value.as_map().is_some();
        set.push(Assignment { pointer: pointer::join("", &key), span, merged });
        super::layers::merge_key(values, key, value);
    }
    Ok(set)
}

/// The place of a JSON error in a text that starts `start` bytes into the argument.
fn json_span(text: &str, start: usize, error: &JsonError) -> Span {
    let JsonError::Syntax { offset, .. } = error else { return Span::new(start, start + text.len()) };
    let length = text.get(*offset..).and_then(|rest| rest.chars().next()).map_or(0, char::len_utf8);
    Span::new(start + offset, start + offset + length)
}

/// What went wrong, and where in the argument.
struct Fault {
    reason: String,
    span: Span,
}

impl Fault {
    fn explain(self, flag: Flag, argument: &Arc<SourceFile>) -> ValuesError {
        let diagnostic = Box::new(Diagnostic::error(self.reason.clone()).at(argument, self.span));
        match flag {
            Flag::Json => {
                ValuesError::SetJson { argument: argument.text().to_string(), whole: false, diagnostic }
            }
            _ => ValuesError::Set { flag: flag.name(), reason: self.reason, diagnostic },
        }
    }
}

/// How a step ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flow {
    /// A pair was complete; there may be another.
    More,
    /// The argument ended before a pair was complete. Containers made on the way are dropped.
    End,
}

/// What a value turned out to be.
enum Found {
    Value(Value),
    /// Nothing follows the `=`.
    Nothing,
}

struct Parser<'a, 'r> {
    flag: Flag,
    text: &'a str,
    at: usize,
    /// Where the current pair starts.
    pair: usize,
    read: &'a mut Reader<'r>,
    /// The way to the container that is being changed.
    path: Vec<String>,
    set: Vec<Assignment>,
}

impl Parser<'_, '_> {
    fn pairs(&mut self, values: &mut Map) -> Result<(), Fault> {
        loop {
            self.pair = self.at;
            self.path.clear();
            if self.name(values, 0, 0)? == Flow::End {
                return Ok(());
            }
        }
    }

    fn rest(&self) -> &str {
        self.text.get(self.at..).unwrap_or("")
    }

    /// Reads up to one of `stops` (which is consumed and returned) or the end.
    fn until(&mut self, stops: &[char]) -> (String, Option<char>) {
        let mut out = String::new();
        let escapes = self.flag != Flag::Literal;
        let rest = self.text.get(self.at..).unwrap_or("");
        let mut chars = rest.char_indices();
        while let Some((offset, c)) = chars.next() {
            if stops.contains(&c) {
                self.at += offset + c.len_utf8();
                return (out, Some(c));
            }
            if c == '\\' && escapes {
                out.extend(chars.next().map(|(_, next)| next));
            } else {
                out.push(c);
            }
        }
        self.at = self.text.len();
        (out, None)
    }

    fn fault<T>(&self, from: usize, reason: impl Into<String>) -> Result<T, Fault> {
        Err(Fault { reason: reason.into(), span: Span::new(from, self.at) })
    }

    /// Reads a name and what follows it, and changes `map` accordingly. `names` and `indexes` count the `.` and `[` so
    /// far.
    fn name(&mut self, map: &mut Map, names: usize, indexes: usize) -> Result<Flow, Fault> {
        let start = self.at;
        if names > DEEPEST_NAME {
            return self.fault(
                start,
                format!(
                    "value name nested level is greater than maximum supported nested level of {DEEPEST_NAME}"
                ),
            );
        }
        let stops: &[char] =
            if self.flag == Flag::Literal { &['=', '[', '.'] } else { &['=', '[', ',', '.'] };
        let (name, stop) = self.until(stops);
        match stop {
            None if name.is_empty() => Ok(Flow::End),
            None => self.fault(start, format!("key {name:?} has no value")),
            Some(',') => self.fault(start, format!("key {name:?} has no value (cannot end with ,)")),
            Some('=') => {
                let (value, flow) = self.value()?;
                self.assign(map, &name, value);
                Ok(flow)
            }
            Some('[') => self.name_then_index(map, name, start, names, indexes),
            Some(_) => self.name_then_name(map, name, start, names, indexes),
        }
    }

    /// `name.` was read.
    fn name_then_name(
        &mut self,
        map: &mut Map,
        name: String,
        start: usize,
        names: usize,
        indexes: usize,
    ) -> Result<Flow, Fault> {
        self.path.push(name.clone());
        let (flow, empty) = match map.get_mut(name.as_str()) {
            Some(Value::Map(inner)) => (self.name(inner, names + 1, indexes)?, inner.is_empty()),
            None => {
                let mut inner = Map::new();
                let flow = self.name(&mut inner, names + 1, indexes)?;
                let empty = inner.is_empty();
                // A name that is empty goes nowhere, here as everywhere in these grammars.
                if !empty && !name.is_empty() {
                    map.insert(name.as_str().into(), Value::Map(inner));
                }
                (flow, empty)
            }
            Some(other) => return self.fault(start, wrong_container(other, "map[string]interface {}")),
        };
        if flow == Flow::More && empty {
            return self.fault(start, format!("key map {name:?} has no value"));
        }
        Ok(flow)
    }

    /// `name[` was read.
    fn name_then_index(
        &mut self,
        map: &mut Map,
        name: String,
        start: usize,
        names: usize,
        indexes: usize,
    ) -> Result<Flow, Fault> {
        let Some(index) = self.index()? else { return Ok(Flow::End) };
        self.path.push(name.clone());
        let mut fresh = Vec::new();
        let list = match map.get_mut(name.as_str()) {
            Some(Value::List(list)) => list,
            None => &mut fresh,
            Some(other) => return self.fault(start, wrong_container(other, "[]interface {}")),
        };
        let flow = self.item(list, index, names, indexes + 1)?;
        let had_list = map.get(name.as_str()).is_some_and(|value| value.as_list().is_some());
        if !had_list && !name.is_empty() {
            map.insert(name.as_str().into(), Value::List(fresh));
        }
        Ok(flow)
    }

    /// Reads `index]`; `None` when the argument ends before the bracket.
    fn index(&mut self) -> Result<Option<i64>, Fault> {
        let start = self.at;
        let (text, stop) = self.until(&[']']);
        if stop.is_none() {
            return Ok(None);
        }
        match text.parse::<i64>() {
            Ok(index) => Ok(Some(index)),
            Err(error) => {
                use std::num::IntErrorKind::{NegOverflow, PosOverflow};
                let why = match error.kind() {
                    PosOverflow | NegOverflow => "value out of range",
                    _ => "invalid syntax",
                };
                self.fault(start, format!("error parsing index: strconv.Atoi: parsing {text:?}: {why}"))
            }
        }
    }

    /// Reads what follows `[index]` and changes `list` accordingly.
    fn item(
        &mut self,
        list: &mut Vec<Value>,
        index: i64,
        names: usize,
        indexes: usize,
    ) -> Result<Flow, Fault> {
        let start = self.at;
        if index < 0 {
            return self.fault(self.pair, format!("negative {index} index not allowed"));
        }
        if indexes > DEEPEST_INDEX {
            return self.fault(
                start,
                format!(
                    "index nested level is greater than maximum supported nested level of {DEEPEST_INDEX}"
                ),
            );
        }
        let (extra, stop) = self.until(&['[', '.', '=']);
        if !extra.is_empty() {
            let characters: Vec<String> = extra.chars().map(|c| format!("{c:?}")).collect();
            return self
                .fault(start, format!("unexpected data at end of array index: [{}]", characters.join(" ")));
        }
        self.path.push(index.to_string());
        // A negative index was refused above.
        let position = index as usize;
        match stop {
            None => Ok(Flow::End),
            Some('=') => {
                let (value, _) = self.value()?;
                self.put(list, index, value)?;
                self.remember();
                Ok(Flow::More)
            }
            Some('[') => {
                let Some(next) = self.index()? else { return Ok(Flow::End) };
                let mut inner = match list.get_mut(position) {
                    Some(Value::List(inner)) => std::mem::take(inner),
                    None | Some(Value::Null) => Vec::new(),
                    Some(other) => return self.fault(start, wrong_container(other, "[]interface {}")),
                };
                let flow = self.item(&mut inner, next, names, indexes + 1)?;
                if flow == Flow::More {
                    self.put(list, index, Value::List(inner))?;
                } else if let Some(Value::List(old)) = list.get_mut(position) {
                    *old = inner;
                }
                Ok(flow)
            }
            Some(_) => {
                if let Some(Value::Map(inner)) = list.get_mut(position) {
                    return self.name(inner, names, indexes);
                }
                let mut inner = Map::new();
                let flow = self.name(&mut inner, names, indexes)?;
                if flow == Flow::More {
                    self.put(list, index, Value::Map(inner))?;
                }
                Ok(flow)
            }
        }
    }

    /// Puts a value at an index that is not negative, filling up with nulls.
    fn put(&mut self, list: &mut Vec<Value>, index: i64, value: Value) -> Result<(), Fault> {
        if index > LARGEST_INDEX {
            let reason =
                format!("index of {index} is greater than maximum supported index of {LARGEST_INDEX}");
            return self.fault(self.pair, reason);
        }
        let position = index as usize;
        if list.len() <= position {
            list.resize(position + 1, Value::Null);
        }
        if let Some(slot) = list.get_mut(position) {
            *slot = value;
        }
        Ok(())
    }

    /// Sets a key; an empty name is ignored.
    fn assign(&mut self, map: &mut Map, name: &str, value: Value) {
        if name.is_empty() {
            return;
        }
        map.insert(name.into(), value);
        self.path.push(name.to_string());
        self.remember();
    }

    /// Notes that the value at the current path was set by the current pair.
    fn remember(&mut self) {
        let path = self.path.iter().fold(String::new(), |path, step| pointer::join(&path, step));
        let end = self.at - usize::from(self.text.get(..self.at).is_some_and(|read| read.ends_with(',')));
        self.set.push(Assignment { pointer: path, span: Span::new(self.pair, end), merged: false });
    }

    /// Reads a value; the flow is [`Flow::End`] only when nothing at all follows the `=`.
    fn value(&mut self) -> Result<(Value, Flow), Fault> {
        let found = match self.flag {
            Flag::Json => Found::Value(self.json()?),
            Flag::Literal => {
                let text = self.rest().to_string();
                self.at = self.text.len();
                Found::Value(Value::from(text))
            }
            Flag::Set | Flag::String | Flag::File => self.text_or_list()?,
        };
        Ok(match found {
            Found::Value(value) => (value, Flow::More),
            Found::Nothing => (Value::from(""), Flow::End),
        })
    }

    fn text_or_list(&mut self) -> Result<Found, Fault> {
        let start = self.at;
        if self.rest().is_empty() {
            return Ok(Found::Nothing);
        }
        if !self.rest().starts_with('{') {
            let (text, _) = self.until(&[',']);
            return Ok(Found::Value(self.typed(text, start)?));
        }
        self.at += 1;
        let mut items = Vec::new();
        loop {
            let item_start = self.at;
            let (text, stop) = self.until(&[',', '}']);
            if stop.is_none() {
                return self.fault(start, "list must terminate with '}'");
            }
            items.push(self.typed(text, item_start)?);
            if stop == Some('}') {
                self.skip_comma();
                return Ok(Found::Value(Value::List(items)));
            }
        }
    }

    fn skip_comma(&mut self) {
        if self.rest().starts_with(',') {
            self.at += 1;
        }
    }

    fn typed(&mut self, text: String, start: usize) -> Result<Value, Fault> {
        match self.flag {
            Flag::Set => Ok(typed(text)),
            Flag::File => match (self.read)(&text) {
                Ok(content) => Ok(Value::from(content)),
                Err(reason) => self.fault(start, reason),
            },
            Flag::String | Flag::Json | Flag::Literal => Ok(Value::from(text)),
        }
    }

    fn json(&mut self) -> Result<Value, Fault> {
        let blank = |c: char| matches!(c, ' ' | '\t' | '\n' | '\r');
        let rest = self.rest();
        let text = rest.trim_start_matches(blank);
        self.at += rest.len() - text.len();
        let text = self.text.get(self.at..).unwrap_or("");
        if text.is_empty() || text.starts_with(',') {
            self.skip_comma();
            return Ok(Value::Null);
        }
        match json::parse_prefix(text) {
            Ok((value, length)) => {
                self.at += length;
                let rest = self.rest();
                self.at += rest.len() - rest.trim_start_matches(blank).len();
                self.skip_comma();
                Ok(value)
            }
            Err(error) => Err(Fault { reason: error.to_string(), span: json_span(text, self.at, &error) }),
        }
    }
}

/// The value that `--set` makes of a text: true, false and null in any case, decimal integers without a leading zero, and
/// text otherwise.
fn typed(text: String) -> Value {
    for (word, value) in [("true", Value::Bool(true)), ("false", Value::Bool(false)), ("null", Value::Null)] {
        if text.eq_ignore_ascii_case(word) {
            return value;
        }
    }
    if text == "0" {
        return Value::SetInt(0);
    }
    match text.parse::<i64>() {
        Ok(number) if !text.starts_with('0') => Value::SetInt(number),
        _ => Value::from(text),
    }
}

/// Helm's text for a key that leads into a value of another kind: Go's panic message.
fn wrong_container(found: &Value, wanted: &str) -> String {
    let found = if found.is_null() { "nil" } else { go_type(found) };
    format!("unable to parse key: interface conversion: interface {{}} is {found}, not {wanted}")
}

/// The Go type that a value has in Helm, as its messages name it.
pub(crate) fn go_type(value: &Value) -> &'static str {
    match value {
        Value::Null => "<nil>",
        Value::Bool(_) => "bool",
        Value::Int(_) | Value::Uint(_) | Value::Float(_) => "float64",
        Value::SetInt(_) => "int64",
        Value::Str(_) => "string",
        Value::List(_) => "[]interface {}",
        Value::Map(_) => "map[string]interface {}",
    }
}
