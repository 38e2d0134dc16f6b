//! The runtime value of Go templates.
//!
//! Templates can tell `int` from `int64`, nil from missing, a `[]string` from a `[]interface {}`, and see a map change
//! through every name that holds it. [`Val`] has exactly these distinctions and clones in a few instructions.
//!
//! Invariant: lists and maps are shared by reference, as in Go; whoever needs a copy makes one. Dropping a value never
//! recurses, however deep it is nested.

use std::borrow::Cow;
use std::cell::{Ref, RefCell, RefMut};
use std::collections::BTreeMap;
use std::rc::Rc;

use super::gostr::GoStr;
use super::object::Object;
use super::types::{ANY_LIST, ANY_MAP, Kind, ListType, MapType, STRINGS, Type};

/// A Go value.
#[derive(Clone, Debug)]
pub enum Val {
    /// No value at all (reflect's zero Value): what a pipeline yields that ended in nil. Functions never see it; it
    /// arrives as [`Val::Nil`]. Prints as `<no value>`.
    Missing,
    /// A nil `interface {}`: a null in data, the literal `nil`, a missing map key. Functions print it as `<nil>`.
    Nil,
    /// `bool`
    Bool(bool),
    /// `int`: integer literals, `len`, `int`, `atoi`, `until`.
    Int(i64),
    /// `int64`: `int64`, `add` and its family, `--set` integers.
    Int64(i64),
    /// `float64`: every number of a values file, float literals, `float64`, `divf`.
    Float(f64),
    /// The number types that templates rarely meet.
    Num(Num),
    /// `string`
    Str(GoStr),
    /// `[]uint8`
    Bytes(Bytes),
    /// Any other slice.
    List(List),
    /// A map with string keys.
    Map(Map),
    /// Structs, pointers and named basic types.
    Object(Rc<dyn Object>),
}

/// Number types that literals and sprig's arithmetic do not produce.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Num {
    /// `int8`
    Int8(i8),
    /// `int16`
    Int16(i16),
    /// `int32` (a rune)
    Int32(i32),
    /// `uint`
    Uint(u64),
    /// `uint8` (a byte of a string)
    Uint8(u8),
    /// `uint16`
    Uint16(u16),
    /// `uint32`
    Uint32(u32),
    /// `uint64`
    Uint64(u64),
    /// `float32`
    Float32(f32),
    /// `complex128`: real and imaginary part.
    Complex(f64, f64),
}

impl Val {
    /// A string.
    pub fn str(text: impl Into<GoStr>) -> Self {
        Val::Str(text.into())
    }

    /// A `[]interface {}`.
    pub fn list(items: Vec<Val>) -> Self {
        Val::List(List::new(items))
    }

    /// A `[]string`.
    pub fn strings<S: Into<GoStr>>(items: impl IntoIterator<Item = S>) -> Self {
        let items = items.into_iter().map(|text| Val::Str(text.into())).collect();
        Val::List(List::typed(&STRINGS, items))
    }

    /// A `map[string]interface {}`.
    pub fn map<K: Into<GoStr>>(pairs: impl IntoIterator<Item = (K, Val)>) -> Self {
        Val::Map(pairs.into_iter().collect())
    }

    /// An object.
    pub fn object(object: impl Object + 'static) -> Self {
        Val::Object(Rc::new(object))
    }

    /// Whether this is [`Val::Nil`] or [`Val::Missing`]. A nil list or nil map is not: it is a typed value.
    pub fn is_nil(&self) -> bool {
        matches!(self, Val::Nil | Val::Missing)
    }

    /// The bytes of a `string`.
    pub fn as_str(&self) -> Option<&GoStr> {
        match self {
            Val::Str(text) => Some(text),
            _ => None,
        }
    }

    /// The value of a `bool`.
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Val::Bool(flag) => Some(*flag),
            _ => None,
        }
    }

    /// The value of any signed integer type, also of a named one such as `time.Duration`.
    pub fn as_signed(&self) -> Option<i64> {
        match self {
            Val::Int(n) | Val::Int64(n) => Some(*n),
            Val::Num(Num::Int8(n)) => Some(i64::from(*n)),
            Val::Num(Num::Int16(n)) => Some(i64::from(*n)),
            Val::Num(Num::Int32(n)) => Some(i64::from(*n)),
            Val::Object(object) => object.underlying()?.as_signed(),
            _ => None,
        }
    }

    /// The value of any unsigned integer type.
    pub fn as_unsigned(&self) -> Option<u64> {
        match self {
            Val::Num(Num::Uint(n) | Num::Uint64(n)) => Some(*n),
            Val::Num(Num::Uint8(n)) => Some(u64::from(*n)),
            Val::Num(Num::Uint16(n)) => Some(u64::from(*n)),
            Val::Num(Num::Uint32(n)) => Some(u64::from(*n)),
            Val::Object(object) => object.underlying()?.as_unsigned(),
            _ => None,
        }
    }

    /// The value of a `float64` or `float32`.
    pub fn as_float(&self) -> Option<f64> {
        match self {
            Val::Float(n) => Some(*n),
            Val::Num(Num::Float32(n)) => Some(f64::from(*n)),
            Val::Object(object) => object.underlying()?.as_float(),
            _ => None,
        }
    }

    /// The list.
    pub fn as_list(&self) -> Option<&List> {
        match self {
            Val::List(list) => Some(list),
            _ => None,
        }
    }

    /// The map.
    pub fn as_map(&self) -> Option<&Map> {
        match self {
            Val::Map(map) => Some(map),
            _ => None,
        }
    }

    /// The object as the concrete Rust type `T`.
    pub fn downcast<T: 'static>(&self) -> Option<&T> {
        match self {
            Val::Object(object) => object.as_any().downcast_ref(),
            _ => None,
        }
    }

    /// The value as `%T` names its type; `<nil>` for nil.
    pub fn type_name(&self) -> Cow<'static, str> {
        Cow::Borrowed(match self {
            Val::Missing | Val::Nil => "<nil>",
            Val::List(list) => list.ty().name,
            Val::Map(map) => map.ty().name,
            Val::Object(object) => return object.type_name(),
            Val::Bytes(_) => "[]uint8",
            _ => self.kind().name(),
        })
    }

    /// The kind as `reflect` names it; [`Kind::Invalid`] for nil.
    pub fn kind(&self) -> Kind {
        match self {
            Val::Missing | Val::Nil => Kind::Invalid,
            Val::Bool(_) => Kind::Bool,
            Val::Int(_) => Kind::Int,
            Val::Int64(_) => Kind::Int64,
            Val::Float(_) => Kind::Float64,
            Val::Num(num) => num.kind(),
            Val::Str(_) => Kind::String,
            Val::Bytes(_) | Val::List(_) => Kind::Slice,
            Val::Map(_) => Kind::Map,
            Val::Object(object) => object.kind(),
        }
    }

    /// Go's truth: false for nil, false, 0, NaN never, the empty string, list and map; objects decide for themselves.
    pub fn truth(&self) -> bool {
        match self {
            Val::Missing | Val::Nil => false,
            Val::Bool(flag) => *flag,
            Val::Int(n) | Val::Int64(n) => *n != 0,
            Val::Float(n) => *n != 0.0,
            Val::Num(num) => num.is_nonzero(),
            Val::Str(text) => !text.is_empty(),
            Val::Bytes(bytes) => !bytes.as_slice().is_empty(),
            Val::List(list) => !list.is_empty(),
            Val::Map(map) => !map.is_empty(),
            Val::Object(object) => object.truth(),
        }
    }

    /// The zero value of a Go type: what a missing key of a typed map yields.
    pub fn zero(ty: Type) -> Self {
        match ty {
            Type::Any | Type::Object(_) => Val::Nil,
            Type::Value => Val::Missing,
            Type::Bool => Val::Bool(false),
            Type::Int => Val::Int(0),
            Type::Int32 => Val::Num(Num::Int32(0)),
            Type::Int64 => Val::Int64(0),
            Type::Uint8 => Val::Num(Num::Uint8(0)),
            Type::Uint32 => Val::Num(Num::Uint32(0)),
            Type::Uint64 => Val::Num(Num::Uint64(0)),
            Type::Float64 => Val::Float(0.0),
            Type::String => Val::Str(GoStr::EMPTY),
            Type::Bytes => Val::Bytes(Bytes::NIL),
            Type::List(ty) => Val::List(List::nil(ty)),
            Type::Map(ty) => Val::Map(Map::nil(ty)),
        }
    }
}

impl Num {
    /// The kind.
    pub fn kind(self) -> Kind {
        match self {
            Num::Int8(_) => Kind::Int8,
            Num::Int16(_) => Kind::Int16,
            Num::Int32(_) => Kind::Int32,
            Num::Uint(_) => Kind::Uint,
            Num::Uint8(_) => Kind::Uint8,
            Num::Uint16(_) => Kind::Uint16,
            Num::Uint32(_) => Kind::Uint32,
            Num::Uint64(_) => Kind::Uint64,
            Num::Float32(_) => Kind::Float32,
            Num::Complex(..) => Kind::Complex128,
        }
    }

    fn is_nonzero(self) -> bool {
        match self {
            Num::Int8(n) => n != 0,
            Num::Int16(n) => n != 0,
            Num::Int32(n) => n != 0,
            Num::Uint(n) | Num::Uint64(n) => n != 0,
            Num::Uint8(n) => n != 0,
            Num::Uint16(n) => n != 0,
            Num::Uint32(n) => n != 0,
            Num::Float32(n) => n != 0.0,
            Num::Complex(re, im) => re != 0.0 || im != 0.0,
        }
    }
}

impl From<bool> for Val {
    fn from(flag: bool) -> Self {
        Val::Bool(flag)
    }
}

impl From<&str> for Val {
    fn from(text: &str) -> Self {
        Val::str(text)
    }
}

impl From<String> for Val {
    fn from(text: String) -> Self {
        Val::str(text)
    }
}

impl From<GoStr> for Val {
    fn from(text: GoStr) -> Self {
        Val::Str(text)
    }
}

/// A `[]byte`, which can be nil.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Bytes(Option<GoStr>);

impl Bytes {
    /// The nil slice.
    pub const NIL: Bytes = Bytes(None);

    /// Bytes, shared with the string they come from.
    pub fn new(bytes: impl Into<GoStr>) -> Self {
        Bytes(Some(bytes.into()))
    }

    /// The bytes; none for the nil slice.
    pub fn as_slice(&self) -> &[u8] {
        self.0.as_ref().map_or(&[], GoStr::as_bytes)
    }

    /// The same bytes as a string, as Go's `string(b)`.
    pub fn to_str(&self) -> GoStr {
        self.0.clone().unwrap_or_default()
    }

    /// Whether this is the nil slice.
    pub fn is_nil(&self) -> bool {
        self.0.is_none()
    }
}

/// A slice of values with its Go type; clones share the elements.
#[derive(Clone, Debug)]
pub struct List {
    ty: &'static ListType,
    cell: Option<Rc<ListCell>>,
}

#[derive(Debug, Default)]
struct ListCell(RefCell<Vec<Val>>);

impl List {
    /// A `[]interface {}`.
    pub fn new(items: Vec<Val>) -> Self {
        Self::typed(&ANY_LIST, items)
    }

    /// A slice of a given type; the caller makes sure that the items fit it.
    pub fn typed(ty: &'static ListType, items: Vec<Val>) -> Self {
        List { ty, cell: Some(Rc::new(ListCell(RefCell::new(items)))) }
    }

    /// The nil slice of a type: empty, `null` in JSON.
    pub fn nil(ty: &'static ListType) -> Self {
        List { ty, cell: None }
    }

    /// The slice type.
    pub fn ty(&self) -> &'static ListType {
        self.ty
    }

    /// Whether this is the nil slice.
    pub fn is_nil(&self) -> bool {
        self.cell.is_none()
    }

    /// Number of elements.
    pub fn len(&self) -> usize {
        self.cell.as_ref().map_or(0, |cell| cell.0.borrow().len())
    }

    /// Whether there are no elements.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// An element.
    pub fn get(&self, index: usize) -> Option<Val> {
        self.cell.as_ref()?.0.borrow().get(index).cloned()
    }

    /// The elements in a new vector.
    pub fn to_vec(&self) -> Vec<Val> {
        self.cell.as_ref().map_or_else(Vec::new, |cell| cell.0.borrow().clone())
    }

    /// Read access to the elements; `None` for the nil slice. Hold it only where nothing else can touch the list.
    pub fn borrow(&self) -> Option<Ref<'_, Vec<Val>>> {
        self.cell.as_ref().map(|cell| cell.0.borrow())
    }

    /// Replaces the elements in place, visible through every clone (Go's in-place sort). No effect on the nil slice.
    pub fn replace(&self, items: Vec<Val>) {
        if let Some(cell) = &self.cell {
            drop(cell.0.replace(items));
        }
    }

    /// Adds an element in place, visible through every clone. No effect on the nil slice.
    pub fn push(&self, item: Val) {
        if let Some(cell) = &self.cell {
            cell.0.borrow_mut().push(item);
        }
    }

    /// Whether both share their elements.
    pub fn same(&self, other: &List) -> bool {
        match (&self.cell, &other.cell) {
            (Some(a), Some(b)) => Rc::ptr_eq(a, b),
            (None, None) => true,
            _ => false,
        }
    }
}

/// A map with string keys and its Go type; clones share the entries, so a change shows through all of them.
#[derive(Clone, Debug)]
pub struct Map {
    ty: &'static MapType,
    cell: Option<Rc<MapCell>>,
}

/// The entries, ordered by the bytes of the key, which is the order in which Go ranges over and prints a map.
pub type Entries = BTreeMap<GoStr, Val>;

#[derive(Debug, Default)]
struct MapCell(RefCell<Entries>);

impl Map {
    /// An empty `map[string]interface {}`.
    pub fn new() -> Self {
        Self::typed(&ANY_MAP, Entries::new())
    }

    /// A map of a given type; the caller makes sure that the values fit it.
    pub fn typed(ty: &'static MapType, entries: Entries) -> Self {
        Map { ty, cell: Some(Rc::new(MapCell(RefCell::new(entries)))) }
    }

    /// The nil map of a type: empty, and cannot be written to.
    pub fn nil(ty: &'static MapType) -> Self {
        Map { ty, cell: None }
    }

    /// The map type.
    pub fn ty(&self) -> &'static MapType {
        self.ty
    }

    /// The same entries under another type, as Go converts a named map type to a plain one.
    pub fn retyped(&self, ty: &'static MapType) -> Self {
        Map { ty, cell: self.cell.clone() }
    }

    /// Whether this is the nil map.
    pub fn is_nil(&self) -> bool {
        self.cell.is_none()
    }

    /// Number of entries.
    pub fn len(&self) -> usize {
        self.cell.as_ref().map_or(0, |cell| cell.0.borrow().len())
    }

    /// Whether there are no entries.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The value of a key; `None` when it is absent (a present null is `Some(Val::Nil)`).
    pub fn get(&self, key: impl AsRef<[u8]>) -> Option<Val> {
        self.cell.as_ref()?.0.borrow().get(key.as_ref()).cloned()
    }

    /// Whether the key is present.
    pub fn contains(&self, key: impl AsRef<[u8]>) -> bool {
        self.cell.as_ref().is_some_and(|cell| cell.0.borrow().contains_key(key.as_ref()))
    }

    /// Sets a key. False, without effect, on the nil map (Go panics: `assignment to entry in nil map`).
    #[must_use]
    pub fn insert(&self, key: impl Into<GoStr>, value: Val) -> bool {
        let Some(cell) = &self.cell else { return false };
        let before = cell.0.borrow_mut().insert(key.into(), value);
        drop(before);
        true
    }

    /// Removes a key, if it is there.
    pub fn remove(&self, key: impl AsRef<[u8]>) -> Option<Val> {
        self.cell.as_ref()?.0.borrow_mut().remove(key.as_ref())
    }

    /// The keys in order.
    pub fn keys(&self) -> Vec<GoStr> {
        self.borrow().map_or_else(Vec::new, |entries| entries.keys().cloned().collect())
    }

    /// The entries in key order, in a new vector: safe to walk while the map changes.
    pub fn entries(&self) -> Vec<(GoStr, Val)> {
        self.borrow()
            .map_or_else(Vec::new, |entries| entries.iter().map(|(k, v)| (k.clone(), v.clone())).collect())
    }

    /// Read access to the entries; `None` for the nil map. Hold it only where nothing can write to the map.
    pub fn borrow(&self) -> Option<Ref<'_, Entries>> {
        self.cell.as_ref().map(|cell| cell.0.borrow())
    }

    /// Write access to the entries; `None` for the nil map. Hold it only where nothing else touches the map.
    pub fn borrow_mut(&self) -> Option<RefMut<'_, Entries>> {
        self.cell.as_ref().map(|cell| cell.0.borrow_mut())
    }

    /// A number that is the same for all clones and for no other living map; 0 for the nil map.
    pub fn id(&self) -> usize {
        self.cell.as_ref().map_or(0, |cell| Rc::as_ptr(cell).addr())
    }

    /// Whether both share their entries.
    pub fn same(&self, other: &Map) -> bool {
        match (&self.cell, &other.cell) {
            (Some(a), Some(b)) => Rc::ptr_eq(a, b),
            (None, None) => true,
            _ => false,
        }
    }
}

impl Default for Map {
    fn default() -> Self {
        Map::new()
    }
}

impl<K: Into<GoStr>> FromIterator<(K, Val)> for Map {
    fn from_iter<I: IntoIterator<Item = (K, Val)>>(pairs: I) -> Self {
        Map::typed(&ANY_MAP, pairs.into_iter().map(|(key, value)| (key.into(), value)).collect())
    }
}

/// Takes nested containers apart one by one, so that the stack does not grow with the nesting.
fn dismantle(mut work: Vec<Val>) {
    while let Some(value) = work.pop() {
        match value {
            Val::List(List { cell: Some(cell), .. }) => {
                if let Ok(cell) = Rc::try_unwrap(cell) {
                    work.append(&mut cell.0.take());
                }
            }
            Val::Map(Map { cell: Some(cell), .. }) => {
                if let Ok(cell) = Rc::try_unwrap(cell) {
                    work.extend(cell.0.take().into_values());
                }
            }
            _ => {}
        }
    }
}

fn is_container(value: &Val) -> bool {
    matches!(value, Val::List(_) | Val::Map(_))
}

impl Drop for ListCell {
    fn drop(&mut self) {
        let items = self.0.get_mut();
        if items.iter().any(is_container) {
            dismantle(std::mem::take(items));
        }
    }
}

impl Drop for MapCell {
    fn drop(&mut self) {
        let entries = self.0.get_mut();
        if entries.values().any(is_container) {
            dismantle(std::mem::take(entries).into_values().collect());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn maps_are_shared_and_nil_maps_refuse_writes() {
        let map = Map::new();
        let alias = map.retyped(&super::super::types::STRING_MAP);
        assert!(map.insert("a", Val::Int(1)));
        assert_eq!(alias.len(), 1);
        assert!(!Map::nil(&ANY_MAP).insert("a", Val::Nil));
    }

    #[test]
    fn deep_nesting_drops_without_recursion() {
        let mut value = Val::Nil;
        for level in 0..300_000 {
            value = if level % 2 == 0 { Val::list(vec![value]) } else { Val::map([("k", value)]) };
        }
        drop(value);
    }
}
