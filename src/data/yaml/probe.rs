//! Asks a serde visitor what it would hold, to name the Go type in a message: `[]string`, `map[string]string`.
//!
//! Invariant: nothing is built; the visitor is fed one element that always fails.

use std::cell::RefCell;
use std::fmt;

use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

/// The Go type of the list that a visitor builds.
pub(super) fn list<'de, V: Visitor<'de>>(visitor: V) -> String {
    let element = RefCell::new(String::new());
    // It fails by design; what counts is what was asked for.
    let _ = visitor.visit_seq(Probe(&element));
    format!("[]{}", known(element.into_inner(), true))
}

/// The Go type of the map that a visitor builds.
pub(super) fn map<'de, V: Visitor<'de>>(visitor: V) -> String {
    let element = RefCell::new(String::new());
    let _ = visitor.visit_map(Probe(&element));
    format!("map[string]{}", known(element.into_inner(), false))
}

/// Go's lists of structs hold pointers.
fn known(element: String, pointers: bool) -> String {
    match element.strip_prefix("struct ") {
        Some(name) if pointers => format!("*{name}"),
        Some(name) => name.to_string(),
        None if element.is_empty() => "interface {}".into(),
        None => element,
    }
}

#[derive(Debug)]
struct Asked;

impl fmt::Display for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("asked")
    }
}

impl std::error::Error for Asked {}

impl de::Error for Asked {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Asked
    }
}

struct Probe<'a>(&'a RefCell<String>);

impl<'de> SeqAccess<'de> for Probe<'_> {
    type Error = Asked;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Asked> {
        seed.deserialize(Element(self.0)).map(Some)
    }
}

impl<'de> MapAccess<'de> for Probe<'_> {
    type Error = Asked;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Asked> {
        seed.deserialize(de::value::StrDeserializer::<Asked>::new("")).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Asked> {
        seed.deserialize(Element(self.0))
    }
}

/// Notes which type is asked for.
struct Element<'a>(&'a RefCell<String>);

impl Element<'_> {
    fn note<T>(&self, name: impl Into<String>) -> Result<T, Asked> {
        *self.0.borrow_mut() = name.into();
        Err(Asked)
    }
}

macro_rules! noted {
    ($($method:ident $go:literal)*) => {
        $(fn $method<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Asked> {
            self.note($go)
        })*
    };
}

impl<'de> Deserializer<'de> for Element<'_> {
    type Error = Asked;

    noted! {
        deserialize_any "interface {}" deserialize_bool "bool" deserialize_str "string" deserialize_string "string"
        deserialize_char "string" deserialize_i32 "int32" deserialize_i64 "int" deserialize_u32 "uint32"
        deserialize_u64 "uint" deserialize_f64 "float64"
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Asked> {
        self.note(list(visitor))
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Asked> {
        self.note(map(visitor))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        _: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Asked> {
        self.note(format!("struct {name}"))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Asked> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Asked> {
        visitor.visit_newtype_struct(self)
    }

    serde::forward_to_deserialize_any! {
        i8 i16 u8 u16 f32 i128 u128 bytes byte_buf unit unit_struct tuple tuple_struct enum identifier ignored_any
    }
}
