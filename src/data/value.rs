//! The dynamic value that every format reads into and every layer of values is merged as.
//!
//! A plain owned tree: cheap to share across threads, no interior mutability. (The Go template engine has a runtime
//! value of its own, with Go's types and reference semantics; see `gotpl::value`.)
//!
//! Invariant: maps keep the order in which keys were written. Helm prints sorted keys wherever it prints maps, so every
//! writer that must match Helm sorts for itself; Tera charts show the author's order.

use std::sync::Arc;

use indexmap::IndexMap;

/// A map with string keys in the order of their insertion.
pub type Map = IndexMap<Arc<str>, Value>;

/// A value of a values file, a manifest, an index or an argument.
///
/// There are two kinds of integer because Helm has two. Integers written in YAML or JSON documents reach Go templates as
/// `float64` (`12345678` prints as `1.2345678e+07`), while those of `--set` stay `int64`. Here a document's integer
/// keeps all its digits as [`Value::Int`], and the Go context converts it at its border; Tera templates see it exact.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Value {
    /// YAML `null`, `~`, or nothing.
    #[default]
    Null,
    /// A boolean, YAML 1.1 spellings included.
    Bool(bool),
    /// An integer of a document.
    Int(i64),
    /// An integer of a document beyond `i64`.
    Uint(u64),
    /// An integer of `--set`: `int64` in Go templates.
    SetInt(i64),
    /// A number with a fraction or an exponent.
    Float(f64),
    /// Text.
    Str(Arc<str>),
    /// A sequence.
    List(Vec<Value>),
    /// A mapping.
    Map(Map),
}

impl Value {
    /// A string value.
    pub fn str(text: impl Into<Arc<str>>) -> Self {
        Value::Str(text.into())
    }

    /// An empty map.
    pub fn map() -> Self {
        Value::Map(Map::new())
    }

    /// The name of the kind as messages show it: `null`, `bool`, `number`, `string`, `list`, `map`.
    pub fn kind(&self) -> &'static str {
        match self {
            Value::Null => "null",
            Value::Bool(_) => "bool",
            Value::Int(_) | Value::Uint(_) | Value::SetInt(_) | Value::Float(_) => "number",
            Value::Str(_) => "string",
            Value::List(_) => "list",
            Value::Map(_) => "map",
        }
    }

    /// Whether this is null.
    pub fn is_null(&self) -> bool {
        matches!(self, Value::Null)
    }

    /// The map, if it is one.
    pub fn as_map(&self) -> Option<&Map> {
        match self {
            Value::Map(map) => Some(map),
            _ => None,
        }
    }

    /// The map to change, if it is one.
    pub fn as_map_mut(&mut self) -> Option<&mut Map> {
        match self {
            Value::Map(map) => Some(map),
            _ => None,
        }
    }

    /// The text, if it is a string.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Value::Str(text) => Some(text),
            _ => None,
        }
    }

    /// The boolean, if it is one.
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Value::Bool(flag) => Some(*flag),
            _ => None,
        }
    }

    /// The items, if it is a list.
    pub fn as_list(&self) -> Option<&[Value]> {
        match self {
            Value::List(items) => Some(items),
            _ => None,
        }
    }

    /// The value of a key, if this is a map that has it.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.as_map()?.get(key)
    }

    /// What Go's JSON decoder calls it in the message about a value of another type: `object`, `array`, `string`, `number`,
    /// `bool`, `null`.
    pub fn json_kind(&self) -> &'static str {
        match self {
            Value::Null => "null",
            Value::Bool(_) => "bool",
            Value::Int(_) | Value::Uint(_) | Value::SetInt(_) | Value::Float(_) => "number",
            Value::Str(_) => "string",
            Value::List(_) => "array",
            Value::Map(_) => "object",
        }
    }

    /// The value at a path of keys; `None` as soon as one is missing or its parent is no map.
    pub fn path<'a>(&self, keys: impl IntoIterator<Item = &'a str>) -> Option<&Value> {
        keys.into_iter().try_fold(self, |value, key| value.get(key))
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Value::str(text)
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Value::str(text)
    }
}

impl From<bool> for Value {
    fn from(flag: bool) -> Self {
        Value::Bool(flag)
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Value::Int(number)
    }
}

impl From<f64> for Value {
    fn from(number: f64) -> Self {
        Value::Float(number)
    }
}

impl From<Map> for Value {
    fn from(map: Map) -> Self {
        Value::Map(map)
    }
}

impl From<Vec<Value>> for Value {
    fn from(items: Vec<Value>) -> Self {
        Value::List(items)
    }
}

impl<K: Into<Arc<str>>, V: Into<Value>> FromIterator<(K, V)> for Value {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(pairs: I) -> Self {
        Value::Map(pairs.into_iter().map(|(key, value)| (key.into(), value.into())).collect())
    }
}
