//! Go's types, as far as templates can see them: in `%T`, in messages, and in how arguments bind.
//!
//! Invariant: a type is a small `Copy` description made of constants, so function tables are plain statics.

use std::fmt;

use super::funcs::Method;

/// A Go type: of a parameter, of a result, of the elements of a list or map.
#[derive(Clone, Copy, Debug)]
pub enum Type {
    /// `interface {}`: any value; an absent value arrives as [`Val::Nil`](super::Val::Nil).
    Any,
    /// `reflect.Value`, only for the built-ins of the language: like `Any`, but a missing value stays
    /// [`Val::Missing`](super::Val::Missing).
    Value,
    /// `bool`
    Bool,
    /// `int`
    Int,
    /// `int32`
    Int32,
    /// `int64`
    Int64,
    /// `uint8`
    Uint8,
    /// `uint32`
    Uint32,
    /// `uint64`
    Uint64,
    /// `float64`
    Float64,
    /// `string`
    String,
    /// `[]uint8`
    Bytes,
    /// A list type; see [`ANY_LIST`] and [`STRINGS`].
    List(&'static ListType),
    /// A map type; see [`ANY_MAP`] and [`STRING_MAP`].
    Map(&'static MapType),
    /// A struct, pointer or named basic type that is an [`Object`](super::Object); the name is what `%T` prints.
    Object(&'static str),
}

/// A slice type.
#[derive(Debug)]
pub struct ListType {
    /// As `%T` prints it: `[]interface {}`, or the name of a named type such as `common.VersionSet`.
    pub name: &'static str,
    /// Type of the elements.
    pub elem: Type,
    /// Methods of a named type: `.Capabilities.APIVersions.Has`.
    pub methods: &'static [Method],
}

/// A map type with string keys.
#[derive(Debug)]
pub struct MapType {
    /// As `%T` prints it: `map[string]interface {}`, or the name of a named type such as `common.Values`.
    pub name: &'static str,
    /// Type of the elements; it decides what a missing key yields.
    pub elem: Type,
    /// Methods of a named type, found before keys: `.Values.AsMap`.
    pub methods: &'static [Method],
}

/// `[]interface {}`
pub static ANY_LIST: ListType = ListType { name: "[]interface {}", elem: Type::Any, methods: &[] };
/// `[]string`
pub static STRINGS: ListType = ListType { name: "[]string", elem: Type::String, methods: &[] };
/// `[]int`
pub static INTS: ListType = ListType { name: "[]int", elem: Type::Int, methods: &[] };
/// `[][]interface {}`
pub static LISTS: ListType = ListType { name: "[][]interface {}", elem: Type::List(&ANY_LIST), methods: &[] };
/// `[]map[string]interface {}`
pub static MAPS: ListType =
    ListType { name: "[]map[string]interface {}", elem: Type::Map(&ANY_MAP), methods: &[] };
/// `map[string]interface {}`
pub static ANY_MAP: MapType = MapType { name: "map[string]interface {}", elem: Type::Any, methods: &[] };
/// `map[string]string`
pub static STRING_MAP: MapType = MapType { name: "map[string]string", elem: Type::String, methods: &[] };

impl ListType {
    /// Whether two list types are the same Go type.
    pub fn is(&self, other: &ListType) -> bool {
        std::ptr::eq(self, other) || self.name == other.name
    }
}

impl MapType {
    /// Whether two map types are the same Go type.
    pub fn is(&self, other: &MapType) -> bool {
        std::ptr::eq(self, other) || self.name == other.name
    }
}

impl Type {
    /// Go's name of the type.
    pub fn name(self) -> &'static str {
        match self {
            Type::Any => "interface {}",
            Type::Value => "reflect.Value",
            Type::Bool => "bool",
            Type::Int => "int",
            Type::Int32 => "int32",
            Type::Int64 => "int64",
            Type::Uint8 => "uint8",
            Type::Uint32 => "uint32",
            Type::Uint64 => "uint64",
            Type::Float64 => "float64",
            Type::String => "string",
            Type::Bytes => "[]uint8",
            Type::List(list) => list.name,
            Type::Map(map) => map.name,
            Type::Object(name) => name,
        }
    }

    /// Whether nil can be assigned: interfaces, maps, slices and pointers.
    pub fn accepts_nil(self) -> bool {
        match self {
            Type::Any | Type::Value | Type::Bytes | Type::List(_) | Type::Map(_) => true,
            Type::Object(name) => name.starts_with('*'),
            _ => false,
        }
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What `reflect.Kind` calls a value; `Display` gives Go's word (`invalid`, `slice`, `ptr`, …).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// No value at all, and nil.
    Invalid,
    /// `bool`
    Bool,
    /// `int`
    Int,
    /// `int8`
    Int8,
    /// `int16`
    Int16,
    /// `int32`
    Int32,
    /// `int64`
    Int64,
    /// `uint`
    Uint,
    /// `uint8`
    Uint8,
    /// `uint16`
    Uint16,
    /// `uint32`
    Uint32,
    /// `uint64`
    Uint64,
    /// `float32`
    Float32,
    /// `float64`
    Float64,
    /// `complex128`
    Complex128,
    /// `func`
    Func,
    /// `map`
    Map,
    /// `ptr`
    Pointer,
    /// `slice`
    Slice,
    /// `string`
    String,
    /// `struct`
    Struct,
}

impl Kind {
    /// Go's word for the kind.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Invalid => "invalid",
            Kind::Bool => "bool",
            Kind::Int => "int",
            Kind::Int8 => "int8",
            Kind::Int16 => "int16",
            Kind::Int32 => "int32",
            Kind::Int64 => "int64",
            Kind::Uint => "uint",
            Kind::Uint8 => "uint8",
            Kind::Uint16 => "uint16",
            Kind::Uint32 => "uint32",
            Kind::Uint64 => "uint64",
            Kind::Float32 => "float32",
            Kind::Float64 => "float64",
            Kind::Complex128 => "complex128",
            Kind::Func => "func",
            Kind::Map => "map",
            Kind::Pointer => "ptr",
            Kind::Slice => "slice",
            Kind::String => "string",
            Kind::Struct => "struct",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
