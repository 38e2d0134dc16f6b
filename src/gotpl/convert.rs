//! Between the data of files and the values of templates.
//!
//! Invariant: numbers of YAML and JSON become `float64`, as they do in Go, except those of `--set`, which are `int64`.

use crate::data::Value;

use super::format::{MAX_DEPTH, MAX_NODES};
use super::types::MapType;
use super::value::{Entries, Map, Num, Val};

/// A value is nested deeper, or is larger written out, than any file may be; so are values that contain themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("value is nested too deeply or too large")]
pub struct TooDeep;

impl Val {
    /// The template value of data. Strings are shared, not copied; a part nested deeper than [`MAX_DEPTH`] is nil.
    pub fn from_data(value: &Value) -> Self {
        from_data(value, 0)
    }

    /// The data of a template value: nil lists and maps become empty ones, integers stay integers, byte slices and
    /// objects become what `%v` prints, strings that are not UTF-8 lose the bytes that are not.
    ///
    /// # Errors
    /// The value is nested deeper than [`MAX_DEPTH`], or has more than [`MAX_NODES`] parts.
    pub fn to_data(&self) -> Result<Value, TooDeep> {
        let mut left = MAX_NODES;
        to_data(self, 0, &mut left)
    }
}

impl Map {
    /// A map of a given type from the entries of data.
    pub fn from_data(ty: &'static MapType, entries: &crate::data::Map) -> Self {
        Map::typed(ty, convert_entries(entries, 0))
    }
}

fn convert_entries(entries: &crate::data::Map, depth: usize) -> Entries {
    entries.iter().map(|(key, value)| (key.into(), from_data(value, depth + 1))).collect()
}

fn from_data(value: &Value, depth: usize) -> Val {
    if depth > MAX_DEPTH {
        return Val::Nil;
    }
    match value {
        Value::Null => Val::Nil,
        Value::Bool(flag) => Val::Bool(*flag),
        Value::Int(number) => Val::Float(*number as f64),
        Value::Uint(number) => Val::Float(*number as f64),
        Value::SetInt(number) => Val::Int64(*number),
        Value::Float(number) => Val::Float(*number),
        Value::Str(text) => Val::Str(text.into()),
        Value::List(items) => Val::list(items.iter().map(|item| from_data(item, depth + 1)).collect()),
        Value::Map(entries) => Val::Map(Map::typed(&super::types::ANY_MAP, convert_entries(entries, depth))),
    }
}

fn to_data(value: &Val, depth: usize, left: &mut usize) -> Result<Value, TooDeep> {
    if depth > MAX_DEPTH || *left == 0 {
        return Err(TooDeep);
    }
    *left -= 1;
    Ok(match value {
        Val::Missing | Val::Nil => Value::Null,
        Val::Bool(flag) => Value::Bool(*flag),
        Val::Int(number) | Val::Int64(number) => Value::Int(*number),
        Val::Float(number) => Value::Float(*number),
        Val::Num(Num::Complex(..)) | Val::Bytes(_) | Val::Object(_) => {
            Value::Str(value.to_display().to_arc())
        }
        Val::Num(_) => match (value.as_signed(), value.as_unsigned()) {
            (Some(number), _) => Value::Int(number),
            (_, Some(number)) => i64::try_from(number).map_or(Value::Uint(number), Value::Int),
            _ => Value::Float(value.as_float().unwrap_or_default()),
        },
        Val::Str(text) => Value::Str(text.to_arc()),
        Val::List(list) => Value::List(
            list.to_vec().iter().map(|item| to_data(item, depth + 1, left)).collect::<Result<_, _>>()?,
        ),
        Val::Map(map) => {
            let mut out = crate::data::Map::new();
            for (key, item) in map.entries() {
                out.insert(key.to_arc(), to_data(&item, depth + 1, left)?);
            }
            Value::Map(out)
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_become_what_go_makes_of_them() {
        let data = Value::List(vec![Value::Int(1), Value::SetInt(2), Value::Uint(u64::MAX), Value::Null]);
        let value = Val::from_data(&data);
        assert_eq!(value.to_display(), "[1 2 1.8446744073709552e+19 <nil>]");
    }

    #[test]
    fn cycles_are_refused() {
        let map = Map::new();
        assert!(map.insert("self", Val::Map(map.clone())));
        assert_eq!(Val::Map(map.clone()).to_data(), Err(TooDeep));
        map.remove("self");
    }
}
