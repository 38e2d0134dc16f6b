//! What Tera templates can call, in one sorted table: name, signature, documentation, an example and its result.
//!
//! The reference text is generated from [`TABLE`], the functions are registered from it, and a test renders every example.
//! Filters that Tera brings itself are in it too.
//!
//! Invariant: a function gets values and yields values; none of them sees a mark.

mod data;
mod files;
mod flow;
mod host;
mod internal;
mod table;
mod text;
mod tpl;
mod version;

use std::sync::Arc;

use tera::value::ValueKind;
use tera::{Kwargs, State, Tera};

use super::convert::to_tera;
use super::run::Run;
use super::yaml::write::text_of;
use crate::data::Value;

pub use table::TABLE;

/// How something is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// `value | name(…)`.
    Filter,
    /// `name(…)`.
    Function,
    /// `value is name(…)`.
    Test,
}

/// What a filter or function does. `Ok` is the result, `Err` the text of the error.
type Body = fn(&Call) -> Result<tera::Value, String>;

/// One line of the table.
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    /// Its name.
    pub name: &'static str,
    /// How it is called.
    pub kind: Kind,
    /// Its arguments: `trunc(length)`; those in brackets may be left out.
    pub signature: &'static str,
    /// What it does, in a sentence or two.
    pub doc: &'static str,
    /// A template that uses it; empty where an example cannot be fixed.
    pub example: &'static str,
    /// What the example renders to, as plain text.
    pub output: &'static str,
    /// What it does; `None` when Tera brings it.
    body: Option<Body>,
}

/// The reference text of everything that templates can call, in Markdown.
pub fn reference() -> String {
    let mut out = String::new();
    for entry in TABLE {
        let use_of = match entry.kind {
            Kind::Filter => "filter",
            Kind::Function => "function",
            Kind::Test => "test",
        };
        out.extend(["- **`", entry.signature, "`** (", use_of, "): ", entry.doc]);
        if !entry.example.is_empty() {
            let result = entry.output.replace('\n', "\\n");
            out.extend([" Example: `", entry.example, "` gives `", &result, "`."]);
        }
        out.push('\n');
    }
    out
}

/// One call.
pub(super) struct Call<'c> {
    run: &'c Arc<Run>,
    /// What the filter is applied to; undefined for functions.
    value: &'c tera::Value,
    kwargs: &'c Kwargs,
}

impl Call<'_> {
    /// The argument of a name.
    fn argument(&self, name: &str) -> Option<tera::Value> {
        self.kwargs.iter().find(|(key, _)| key.as_str() == Some(name)).map(|(_, value)| value.clone())
    }

    /// The argument of a name, which must be there and be defined.
    fn must(&self, name: &str) -> Result<tera::Value, String> {
        match self.argument(name) {
            None => Err(format!("the argument `{name}` is missing")),
            Some(value) if value.is_undefined() => Err(format!("the argument `{name}` is undefined")),
            Some(value) => Ok(value),
        }
    }

    /// An argument as text.
    fn must_text(&self, name: &str) -> Result<String, String> {
        let value = self.must(name)?;
        as_text(&value)
            .ok_or_else(|| format!("the argument `{name}` must be text, not {}", described(&value)))
    }

    /// An argument as text, or another text when it is not given.
    fn text_or(&self, name: &str, default: &str) -> Result<String, String> {
        if self.argument(name).is_some() { self.must_text(name) } else { Ok(default.to_string()) }
    }

    /// An argument as a number.
    fn must_int(&self, name: &str) -> Result<i64, String> {
        let value = self.must(name)?;
        value
            .as_i64()
            .ok_or_else(|| format!("the argument `{name}` must be a whole number, not {}", described(&value)))
    }

    /// An argument as a length of text, at most a million.
    fn must_length(&self, name: &str) -> Result<usize, String> {
        let number = self.must_int(name)?;
        usize::try_from(number)
            .ok()
            .filter(|length| *length <= 1_000_000)
            .ok_or_else(|| format!("the argument `{name}` must be between 0 and 1000000, not {number}"))
    }

    /// What the filter is applied to, as text: text itself, numbers, booleans.
    fn text(&self) -> Result<String, String> {
        as_text(self.value).ok_or_else(|| format!("text is wanted, not {}", described(self.value)))
    }

    /// What the filter is applied to, as one of our values.
    fn ours(&self) -> Result<Value, String> {
        self.run.value(self.value).map_err(|error| error.message())
    }
}

/// A value in a message.
fn described(value: &tera::Value) -> &'static str {
    match value.kind() {
        ValueKind::Undefined => "an undefined value",
        ValueKind::None => "null",
        ValueKind::Bool => "a boolean",
        ValueKind::String => "text",
        ValueKind::Array => "a list",
        ValueKind::Map => "a map",
        ValueKind::Bytes => "binary data",
        _ => "a number",
    }
}

/// Text, numbers, booleans and text in bytes, as text.
fn as_text(value: &tera::Value) -> Option<String> {
    if let Some(text) = value.as_str() {
        return Some(text.to_string());
    }
    if let Some(bytes) = value.as_bytes() {
        return std::str::from_utf8(bytes).ok().map(str::to_string);
    }
    (value.is_number() || value.as_bool().is_some()).then(|| value.to_string())
}

/// Text, or bytes of a file, as bytes.
fn as_bytes(value: &tera::Value) -> Option<Vec<u8>> {
    match value.as_bytes() {
        Some(bytes) => Some(bytes.to_vec()),
        None => as_text(value).map(String::into_bytes),
    }
}

/// A result that is text.
fn text(text: impl AsRef<str>) -> tera::Value {
    tera::Value::normal_string(text.as_ref())
}

/// A result that is written as it is.
fn raw(text: impl AsRef<str>) -> tera::Value {
    tera::Value::safe_string(text.as_ref())
}

/// That what is filtered is undefined. Tera points at the value for this kind of error, not at the filter.
fn undefined_input() -> tera::Error {
    tera::Error::new(tera::ErrorKind::InvalidArgument {
        expected_type: "a value".to_string(),
        actual_type: "undefined".to_string(),
    })
}

/// Whether there is something of a name.
pub(super) fn exists(kind: Kind, name: &str) -> bool {
    TABLE.iter().any(|entry| entry.kind == kind && entry.name == name)
        || (kind == Kind::Function && name == "super")
}

/// Registers everything in an engine.
pub(super) fn register(tera: &mut Tera, run: &Arc<Run>) {
    for entry in TABLE {
        let Some(body) = entry.body else { continue };
        let run = Arc::clone(run);
        match entry.kind {
            Kind::Filter => {
                let forgiving = matches!(entry.name, "default" | "required" | "coalesce");
                tera.register_filter(entry.name, move |value: tera::Value, kwargs: Kwargs, _: &State| {
                    if value.is_undefined() && !forgiving {
                        return Err(undefined_input());
                    }
                    run.step(1)
                        .and_then(|()| body(&Call { run: &run, value: &value, kwargs: &kwargs }))
                        .map_err(tera::Error::message)
                });
            }
            Kind::Function | Kind::Test => {
                tera.register_function(entry.name, move |kwargs: Kwargs, _: &State| {
                    let value = tera::Value::undefined();
                    run.step(1)
                        .and_then(|()| body(&Call { run: &run, value: &value, kwargs: &kwargs }))
                        .map_err(tera::Error::message)
                });
            }
        }
    }
    internal::register(tera, run);
}
