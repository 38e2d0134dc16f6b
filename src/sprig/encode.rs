//! Template values as encoders see them, and JSON.
//!
//! Invariant: what an encoder gets is what Go's encoder would read off the same Go value: nil lists are null in JSON,
//! bytes are base64, invalid UTF-8 is U+FFFD, structs have their declared fields in order.

use std::borrow::Cow;
use std::cell::Cell;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::data::json::{self, Style};
use crate::data::yaml::Pretty;
use crate::data::{Map as DataMap, Value};
use crate::gotpl::{DataForm, GoStr, MAX_DEPTH, MAX_NODES, Num, Object, Rune, Val, runes};

use super::moments::rfc3339;

/// The text with U+FFFD for every byte that is not part of UTF-8, which is how Go decodes text.
pub fn go_text(text: &GoStr) -> Cow<'_, str> {
    decoded(text, char::REPLACEMENT_CHARACTER)
}

fn decoded(text: &GoStr, bad: char) -> Cow<'_, str> {
    match text.as_str() {
        Some(text) => Cow::Borrowed(text),
        None => Cow::Owned(
            runes(text.as_bytes())
                .map(|rune| match rune {
                    Rune::Char(c) => c,
                    Rune::Invalid(_) => bad,
                })
                .collect(),
        ),
    }
}

/// A value as the data that an encoder writes.
///
/// # Errors
/// The encoder's text: a value that contains itself, or a type that the encoder cannot say.
pub fn encodable(value: &Val, form: DataForm) -> Result<Value, GoStr> {
    Encoder { form, bad: char::REPLACEMENT_CHARACTER, left: &Cell::new(MAX_NODES) }.value(value, 0)
}

/// A value as `toYamlPretty` writes it: moments are not quoted, texts that are not UTF-8 are marked as bytes, structs keep
/// the order of their fields.
///
/// # Errors
/// As [`encodable`].
pub fn pretty(value: &Val) -> Result<Pretty, GoStr> {
    pretty_at(value, 0, &Cell::new(MAX_NODES))
}

fn pretty_at(value: &Val, depth: usize, left: &Cell<usize>) -> Result<Pretty, GoStr> {
    left.set(left.get().saturating_sub(1));
    if depth > MAX_DEPTH || left.get() == 0 {
        return Err("yaml: value contains itself, or is too large".into());
    }
    let inner = |value: &Val| pretty_at(value, depth + 1, left);
    Ok(match value {
        Val::Str(text) if text.as_str().is_none() => Pretty::Binary(text.as_bytes().to_vec()),
        Val::List(list) => Pretty::List(list.to_vec().iter().map(inner).collect::<Result<_, _>>()?),
        Val::Map(map) => {
            let entries = map.entries().into_iter();
            let entries = entries.map(|(key, value)| Ok((Arc::from(&*go_text(&key)), inner(&value)?)));
            Pretty::Map(entries.collect::<Result<_, GoStr>>()?)
        }
        Val::Object(object) => match (rfc3339(value), object.record(DataForm::Yaml)) {
            (Some(text), _) => Pretty::Verbatim(text),
            (None, Some(fields)) => {
                let fields = fields.into_iter().map(|(name, field)| Ok((Arc::from(name), inner(&field)?)));
                Pretty::Record(fields.collect::<Result<_, GoStr>>()?)
            }
            (None, None) => inner(&object.data(DataForm::Yaml)?)?,
        },
        Val::Num(Num::Complex(..)) => return Err("cannot marshal type: complex128".into()),
        other => Pretty::from(&encodable(other, DataForm::Yaml)?),
    })
}

#[derive(Clone, Copy)]
struct Encoder<'c> {
    form: DataForm,
    /// What stands for a byte that is not part of UTF-8.
    bad: char,
    /// How many parts may still be written: a small value can hold itself so often that it is huge when written out.
    left: &'c Cell<usize>,
}

impl Encoder<'_> {
    fn value(self, value: &Val, depth: usize) -> Result<Value, GoStr> {
        let form = self.form;
        if depth > MAX_DEPTH {
            let text = format!("json: unsupported value: encountered a cycle via {}", value.type_name());
            return Err(text.into());
        }
        self.left.set(self.left.get().saturating_sub(1));
        if self.left.get() == 0 {
            return Err(format!("a value exceeded {MAX_NODES} parts").into());
        }
        Ok(match value {
            Val::Missing | Val::Nil => Value::Null,
            Val::Bool(flag) => Value::Bool(*flag),
            Val::Int(number) | Val::Int64(number) => Value::Int(*number),
            Val::Float(number) => Value::Float(*number),
            Val::Num(Num::Complex(..)) => return Err("json: unsupported type: complex128".into()),
            Val::Num(_) => number(value),
            Val::Str(text) => Value::Str(self.text(text)),
            Val::Bytes(bytes) if form != DataForm::Json => {
                Value::List(bytes.as_slice().iter().map(|byte| Value::Int(i64::from(*byte))).collect())
            }
            Val::Bytes(bytes) if bytes.is_nil() => Value::Null,
            Val::Bytes(bytes) => Value::from(STANDARD.encode(bytes.as_slice())),
            Val::List(list) if list.is_nil() && form == DataForm::Json => Value::Null,
            Val::List(list) => {
                let items = list.to_vec();
                let items = items.iter().map(|item| self.value(item, depth + 1));
                Value::List(items.collect::<Result<_, _>>()?)
            }
            Val::Map(map) if map.is_nil() && form == DataForm::Json => Value::Null,
            Val::Map(map) => {
                let mut out = DataMap::new();
                for (key, item) in map.entries() {
                    out.insert(self.text(&key), self.value(&item, depth + 1)?);
                }
                Value::Map(out)
            }
            Val::Object(object) => self.record(object.as_ref(), depth)?,
        })
    }

    fn record(self, object: &dyn Object, depth: usize) -> Result<Value, GoStr> {
        let Some(fields) = object.record(self.form) else {
            return self.value(&object.data(self.form)?, depth + 1);
        };
        let mut out = DataMap::new();
        for (name, field) in fields {
            out.insert(Arc::from(name), self.value(&field, depth + 1)?);
        }
        Ok(Value::Map(out))
    }

    fn text(self, text: &GoStr) -> Arc<str> {
        match text.as_str() {
            Some(_) => text.to_arc(),
            None => Arc::from(&*decoded(text, self.bad)),
        }
    }
}

fn number(value: &Val) -> Value {
    match (value.as_signed(), value.as_unsigned()) {
        (Some(number), _) => Value::Int(number),
        (_, Some(number)) => i64::try_from(number).map_or(Value::Uint(number), Value::Int),
        _ => Value::Float(value.as_float().unwrap_or_default()),
    }
}

/// A value as Go's `encoding/json` writes it, keys sorted by bytes, fields of structs in their order.
///
/// # Errors
/// The encoder's text.
pub fn to_json(value: &Val, html_escape: bool, indent: Option<&str>) -> Result<String, GoStr> {
    // Go escapes what it puts in the place of a bad byte, but not the same character in good text.
    const MARK: char = '\u{10FFFE}';
    let data = Encoder { form: DataForm::Json, bad: MARK, left: &Cell::new(MAX_NODES) }.value(value, 0)?;
    // Maps arrive sorted, and structs have to keep their order.
    let style = Style { html_escape, sort_keys: false, indent };
    let text = json::to_string_with(&data, style).map_err(|error| GoStr::from(error.to_string()))?;
    Ok(if text.contains(MARK) { text.replace(MARK, "\\ufffd") } else { text })
}

/// The value that a JSON text says.
///
/// # Errors
/// `encoding/json`'s text.
pub fn from_json(text: &GoStr) -> Result<Val, GoStr> {
    match json::parse_bytes(text.as_bytes()) {
        Ok((value, None)) => Ok(Val::from_data(&value)),
        Ok((_, Some(error))) | Err(error) => Err(error.to_string().into()),
    }
}
