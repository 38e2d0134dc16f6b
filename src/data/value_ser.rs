//! Makes a [`Value`] of anything that serde can serialize, without a detour through JSON.
//!
//! Invariant: the value is the one that reading the structure's JSON gives: what JSON cannot say is an error, a number that
//! is none is null, and a key is text.

use serde::ser::{self, Error as _, Impossible, Serialize, Serializer};

use super::{Map, Value};

type Failure = serde_json::Error;

/// Makes values.
pub(super) struct ValueSerializer;

impl Serializer for ValueSerializer {
    type Ok = Value;
    type Error = Failure;
    type SerializeSeq = List;
    type SerializeTuple = List;
    type SerializeTupleStruct = List;
    type SerializeTupleVariant = Variant<List>;
    type SerializeMap = Entries;
    type SerializeStruct = Entries;
    type SerializeStructVariant = Variant<Entries>;

    fn serialize_bool(self, flag: bool) -> Result<Value, Failure> {
        Ok(Value::Bool(flag))
    }

    fn serialize_i8(self, number: i8) -> Result<Value, Failure> {
        self.serialize_i64(number.into())
    }

    fn serialize_i16(self, number: i16) -> Result<Value, Failure> {
        self.serialize_i64(number.into())
    }

    fn serialize_i32(self, number: i32) -> Result<Value, Failure> {
        self.serialize_i64(number.into())
    }

    fn serialize_i64(self, number: i64) -> Result<Value, Failure> {
        Ok(Value::Int(number))
    }

    fn serialize_u8(self, number: u8) -> Result<Value, Failure> {
        self.serialize_i64(number.into())
    }

    fn serialize_u16(self, number: u16) -> Result<Value, Failure> {
        self.serialize_i64(number.into())
    }

    fn serialize_u32(self, number: u32) -> Result<Value, Failure> {
        self.serialize_i64(number.into())
    }

    fn serialize_u64(self, number: u64) -> Result<Value, Failure> {
        Ok(i64::try_from(number).map_or(Value::Uint(number), Value::Int))
    }

    fn serialize_f32(self, number: f32) -> Result<Value, Failure> {
        self.serialize_f64(number.into())
    }

    fn serialize_f64(self, number: f64) -> Result<Value, Failure> {
        Ok(if number.is_finite() { Value::Float(number) } else { Value::Null })
    }

    fn serialize_char(self, c: char) -> Result<Value, Failure> {
        Ok(Value::str(c.to_string()))
    }

    fn serialize_str(self, text: &str) -> Result<Value, Failure> {
        Ok(Value::str(text))
    }

    fn serialize_bytes(self, bytes: &[u8]) -> Result<Value, Failure> {
        Ok(Value::List(bytes.iter().map(|byte| Value::Int((*byte).into())).collect()))
    }

    fn serialize_none(self) -> Result<Value, Failure> {
        Ok(Value::Null)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<Value, Failure> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<Value, Failure> {
        Ok(Value::Null)
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<Value, Failure> {
        Ok(Value::Null)
    }

    fn serialize_unit_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
    ) -> Result<Value, Failure> {
        Ok(Value::str(variant))
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<Value, Failure> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<Value, Failure> {
        Ok(single(variant, value.serialize(self)?))
    }

    fn serialize_seq(self, length: Option<usize>) -> Result<List, Failure> {
        // A length is only told; items are what counts.
        Ok(List(Vec::with_capacity(length.unwrap_or_default().min(1024))))
    }

    fn serialize_tuple(self, length: usize) -> Result<List, Failure> {
        self.serialize_seq(Some(length))
    }

    fn serialize_tuple_struct(self, _: &'static str, length: usize) -> Result<List, Failure> {
        self.serialize_seq(Some(length))
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        length: usize,
    ) -> Result<Variant<List>, Failure> {
        Ok(Variant { variant, content: self.serialize_seq(Some(length))? })
    }

    fn serialize_map(self, length: Option<usize>) -> Result<Entries, Failure> {
        Ok(Entries { map: Map::with_capacity(length.unwrap_or_default().min(1024)), key: None })
    }

    fn serialize_struct(self, _: &'static str, length: usize) -> Result<Entries, Failure> {
        self.serialize_map(Some(length))
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        length: usize,
    ) -> Result<Variant<Entries>, Failure> {
        Ok(Variant { variant, content: self.serialize_map(Some(length))? })
    }
}

fn single(key: &'static str, value: Value) -> Value {
    Value::Map(Map::from_iter([(key.into(), value)]))
}

/// A list that is being made.
pub(super) struct List(Vec<Value>);

/// The three kinds of things that become a list.
macro_rules! made_of_items {
    ($($kind:ident, $add:ident;)*) => {
        $(impl ser::$kind for List {
            type Ok = Value;
            type Error = Failure;

            fn $add<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Failure> {
                self.0.push(value.serialize(ValueSerializer)?);
                Ok(())
            }

            fn end(self) -> Result<Value, Failure> {
                Ok(Value::List(self.0))
            }
        })*
    };
}

made_of_items! {
    SerializeSeq, serialize_element;
    SerializeTuple, serialize_element;
    SerializeTupleStruct, serialize_field;
}

/// A mapping that is being made.
pub(super) struct Entries {
    map: Map,
    /// The key whose value comes next.
    key: Option<String>,
}

impl ser::SerializeMap for Entries {
    type Ok = Value;
    type Error = Failure;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Failure> {
        self.key = Some(key.serialize(KeySerializer)?);
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Failure> {
        let key = self.key.take().ok_or_else(|| Failure::custom("a value without a key"))?;
        self.map.insert(key.into(), value.serialize(ValueSerializer)?);
        Ok(())
    }

    fn end(self) -> Result<Value, Failure> {
        Ok(Value::Map(self.map))
    }
}

impl ser::SerializeStruct for Entries {
    type Ok = Value;
    type Error = Failure;

    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        key: &'static str,
        value: &T,
    ) -> Result<(), Failure> {
        self.map.insert(key.into(), value.serialize(ValueSerializer)?);
        Ok(())
    }

    fn end(self) -> Result<Value, Failure> {
        Ok(Value::Map(self.map))
    }
}

/// The content of a variant, to be put under its name.
pub(super) struct Variant<C> {
    variant: &'static str,
    content: C,
}

impl ser::SerializeTupleVariant for Variant<List> {
    type Ok = Value;
    type Error = Failure;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Failure> {
        ser::SerializeSeq::serialize_element(&mut self.content, value)
    }

    fn end(self) -> Result<Value, Failure> {
        Ok(single(self.variant, Value::List(self.content.0)))
    }
}

impl ser::SerializeStructVariant for Variant<Entries> {
    type Ok = Value;
    type Error = Failure;

    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        key: &'static str,
        value: &T,
    ) -> Result<(), Failure> {
        ser::SerializeStruct::serialize_field(&mut self.content, key, value)
    }

    fn end(self) -> Result<Value, Failure> {
        Ok(single(self.variant, Value::Map(self.content.map)))
    }
}

/// Makes keys: text, and what JSON writes as text there.
struct KeySerializer;

/// The refusals of a key that JSON does not know.
macro_rules! no_key {
    ($($name:ident($($kind:ty),*);)*) => {
        $(fn $name(self, $(_: $kind),*) -> Result<String, Failure> {
            Err(no_key())
        })*
    };
}

/// The keys that are written as text.
macro_rules! key_by_text {
    ($($name:ident($kind:ty);)*) => {
        $(fn $name(self, key: $kind) -> Result<String, Failure> {
            Ok(key.to_string())
        })*
    };
}

fn no_key() -> Failure {
    Failure::custom("key must be a string")
}

fn no_number() -> Failure {
    Failure::custom("float key must be finite (got NaN or +/-inf)")
}

impl Serializer for KeySerializer {
    type Ok = String;
    type Error = Failure;
    type SerializeSeq = Impossible<String, Failure>;
    type SerializeTuple = Impossible<String, Failure>;
    type SerializeTupleStruct = Impossible<String, Failure>;
    type SerializeTupleVariant = Impossible<String, Failure>;
    type SerializeMap = Impossible<String, Failure>;
    type SerializeStruct = Impossible<String, Failure>;
    type SerializeStructVariant = Impossible<String, Failure>;

    key_by_text! {
        serialize_bool(bool);
        serialize_i8(i8);
        serialize_i16(i16);
        serialize_i32(i32);
        serialize_i64(i64);
        serialize_u8(u8);
        serialize_u16(u16);
        serialize_u32(u32);
        serialize_u64(u64);
        serialize_char(char);
        serialize_str(&str);
    }

    no_key! {
        serialize_bytes(&[u8]);
        serialize_none();
        serialize_unit();
        serialize_unit_struct(&'static str);
    }

    fn serialize_f32(self, key: f32) -> Result<String, Failure> {
        if key.is_finite() { serde_json::to_string(&key) } else { Err(no_number()) }
    }

    fn serialize_f64(self, key: f64) -> Result<String, Failure> {
        if key.is_finite() { serde_json::to_string(&key) } else { Err(no_number()) }
    }

    fn serialize_some<T: Serialize + ?Sized>(self, _: &T) -> Result<String, Failure> {
        Err(no_key())
    }

    fn serialize_unit_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
    ) -> Result<String, Failure> {
        Ok(variant.to_string())
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        key: &T,
    ) -> Result<String, Failure> {
        key.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Result<String, Failure> {
        Err(no_key())
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Self::SerializeSeq, Failure> {
        Err(no_key())
    }

    fn serialize_tuple(self, _: usize) -> Result<Self::SerializeTuple, Failure> {
        Err(no_key())
    }

    fn serialize_tuple_struct(
        self,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleStruct, Failure> {
        Err(no_key())
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleVariant, Failure> {
        Err(no_key())
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Self::SerializeMap, Failure> {
        Err(no_key())
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Self::SerializeStruct, Failure> {
        Err(no_key())
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeStructVariant, Failure> {
        Err(no_key())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::Serialize;

    use super::super::{Value, to_value};

    #[derive(Serialize, PartialEq, Eq, PartialOrd, Ord)]
    enum Kind {
        Unit,
        New(u8),
        Tuple(i16, char),
        Struct { a: Option<u32>, b: () },
    }

    #[derive(Serialize)]
    struct Everything<'t> {
        flags: (bool, Vec<bool>),
        numbers: (i8, i16, i32, i64, u8, u16, u32, u64, u64),
        floats: (f32, f64, f64, f64),
        texts: (char, &'t str, String),
        bytes: &'t [u8],
        kinds: Vec<Kind>,
        by_number: BTreeMap<i32, u8>,
        by_flag: BTreeMap<bool, u8>,
        by_char: BTreeMap<char, u8>,
        by_kind: BTreeMap<Kind, u8>,
        free: Value,
    }

    /// A mapping with one key.
    struct Single<K>(K);

    impl<K: Serialize> Serialize for Single<K> {
        fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.collect_map([(&self.0, 1)])
        }
    }

    #[test]
    fn a_value_is_what_the_json_of_the_structure_reads_as() {
        let free: Value = serde_json::from_str(r#"{"b":[1,-2.5,18446744073709551615,null],"a":{}}"#).unwrap();
        let everything = Everything {
            flags: (true, vec![false]),
            numbers: (-1, 2, -3, i64::MIN, 5, 6, 7, u64::MAX, 9),
            floats: (0.1, 1.0, f64::NAN, f64::INFINITY),
            texts: ('ä', "", "x\n".to_string()),
            bytes: b"\x00\xff",
            kinds: vec![Kind::Unit, Kind::New(1), Kind::Tuple(2, 'c'), Kind::Struct { a: None, b: () }],
            by_number: BTreeMap::from([(-1, 1)]),
            by_flag: BTreeMap::from([(true, 1)]),
            by_char: BTreeMap::from([('c', 1)]),
            by_kind: BTreeMap::from([(Kind::Unit, 1)]),
            free,
        };
        let json = serde_json::to_value(&everything).unwrap();
        assert_eq!(to_value(&everything).unwrap(), serde_json::from_value::<Value>(json).unwrap());
    }

    #[test]
    fn keys_are_those_of_json_and_others_refused_as_there() {
        fn same<K: Serialize>(key: K) {
            let map = Single(key);
            let json = serde_json::to_value(&map).and_then(serde_json::from_value::<Value>);
            assert_eq!(to_value(&map).map_err(|e| e.to_string()), json.map_err(|e| e.to_string()));
        }
        for key in [Kind::New(1), Kind::Tuple(1, 'c'), Kind::Struct { a: None, b: () }] {
            same(key);
        }
        for key in [0.1, -1e300, f64::NAN, f64::INFINITY] {
            same(key);
            same(key as f32);
        }
        same(Some("some"));
        same(None::<&str>);
        same(());
        same([1]);
        same(BTreeMap::<u8, u8>::new());
        same((1, 2));
    }
}
