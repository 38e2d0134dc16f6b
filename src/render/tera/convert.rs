//! Values on their way into Tera and back.
//!
//! Invariant: integers stay exact, maps keep their order, and what comes back is bounded in depth and in size.

use std::sync::Arc;

use tera::value::{Key, ValueKind};

use crate::data::{Map, Value};

/// Deepest nesting of a value that a template may write.
const DEPTH: usize = 500;

/// A value as Tera holds it.
pub(super) fn to_tera(value: &Value) -> tera::Value {
    match value {
        Value::Null => tera::Value::none(),
        Value::Bool(flag) => (*flag).into(),
        Value::Int(number) | Value::SetInt(number) => (*number).into(),
        Value::Uint(number) => (*number).into(),
        Value::Float(number) => (*number).into(),
        Value::Str(text) => tera::Value::normal_string(text),
        Value::List(items) => items.iter().map(to_tera).collect::<Vec<_>>().into(),
        Value::Map(map) => {
            let map: tera::Map =
                map.iter().map(|(key, value)| (Key::String(Arc::clone(key)), to_tera(value))).collect();
            map.into()
        }
    }
}

/// Why a value of Tera cannot be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Unwritable {
    /// It is not defined, or contains something that is not.
    Undefined,
    /// It is or contains bytes that are no text.
    Bytes,
    /// It nests too deep.
    TooDeep,
    /// It has more parts than this run may write.
    TooLarge,
    /// An integer beyond 64 bits.
    TooBig(String),
}

impl Unwritable {
    /// What to say about it.
    pub fn message(&self) -> String {
        match self {
            Unwritable::Undefined => "the value is undefined".to_string(),
            Unwritable::Bytes => "the value is binary".to_string(),
            Unwritable::TooDeep => format!("the value nests deeper than {DEPTH}"),
            Unwritable::TooLarge => "the value is too large".to_string(),
            Unwritable::TooBig(number) => format!("the number {number} does not fit into 64 bits"),
        }
    }
}

/// A value of Tera as ours. `budget` is how many parts it may have; what it has is taken off.
pub(super) fn from_tera(value: &tera::Value, budget: &mut u64) -> Result<Value, Unwritable> {
    convert(value, 0, budget)
}

fn convert(value: &tera::Value, depth: usize, budget: &mut u64) -> Result<Value, Unwritable> {
    if depth > DEPTH {
        return Err(Unwritable::TooDeep);
    }
    *budget = budget.checked_sub(1).ok_or(Unwritable::TooLarge)?;
    match value.kind() {
        ValueKind::Undefined => Err(Unwritable::Undefined),
        ValueKind::None => Ok(Value::Null),
        ValueKind::Bool => Ok(Value::Bool(value.as_bool().unwrap_or_default())),
        ValueKind::F64 => Ok(Value::Float(value.as_f64().unwrap_or_default())),
        ValueKind::String => Ok(Value::str(value.as_str().unwrap_or_default())),
        ValueKind::Array => {
            let items = value.as_array().unwrap_or_default();
            items
                .iter()
                .map(|item| convert(item, depth + 1, budget))
                .collect::<Result<_, _>>()
                .map(Value::List)
        }
        ValueKind::Map => {
            let mut map = Map::new();
            for (key, value) in value.as_map().into_iter().flatten() {
                map.insert(key.to_string().into(), convert(value, depth + 1, budget)?);
            }
            Ok(Value::Map(map))
        }
        ValueKind::Bytes => match value.as_bytes().map(std::str::from_utf8) {
            Some(Ok(text)) => Ok(Value::str(text)),
            _ => Err(Unwritable::Bytes),
        },
        _ => match (value.as_i64(), value.as_u64()) {
            (Some(number), _) => Ok(Value::Int(number)),
            (None, Some(number)) => Ok(Value::Uint(number)),
            (None, None) => Err(Unwritable::TooBig(value.to_string())),
        },
    }
}

/// Whether a value is bounded: no text longer than `text` bytes, no collection of more than `items`, not too deep. Looks
/// at no more than some ten thousand parts.
pub(super) fn is_bounded(value: &tera::Value, text: usize, items: usize) -> bool {
    let mut left = 10_000_usize;
    let mut stack = vec![(value, 0)];
    while let Some((value, depth)) = stack.pop() {
        if depth > DEPTH {
            return false;
        }
        if value.as_str().is_some_and(|found| found.len() > text) {
            return false;
        }
        let children: Vec<&tera::Value> = match (value.as_array(), value.as_map()) {
            (Some(list), _) if list.len() > items => return false,
            (_, Some(map)) if map.len() > items => return false,
            (Some(list), _) => list.iter().take(left).collect(),
            (_, Some(map)) => map.values().take(left).collect(),
            _ => Vec::new(),
        };
        left = left.saturating_sub(children.len());
        stack.extend(children.into_iter().map(|child| (child, depth + 1)));
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_come_back_as_they_went() {
        let value: Value =
            serde_json::from_str(r#"{"z":[1,-2.5,18446744073709551615,null,true],"a":{"b":"x"}}"#).unwrap();
        let mut budget = 100;
        assert_eq!(from_tera(&to_tera(&value), &mut budget).unwrap(), value);
        assert_eq!(budget, 91);
    }

    #[test]
    fn size_and_depth_are_bounded() {
        let wide = to_tera(&Value::List(vec![Value::Null; 50]));
        assert_eq!(from_tera(&wide, &mut 10), Err(Unwritable::TooLarge));
        let mut deep = tera::Value::none();
        for _ in 0..600 {
            deep = vec![deep].into();
        }
        assert_eq!(from_tera(&deep, &mut 10_000), Err(Unwritable::TooDeep));
        assert!(!is_bounded(&deep, 10, 10));
        assert!(!is_bounded(&wide, 10, 10));
        assert!(!is_bounded(&tera::Value::from("x".repeat(20)), 10, 10));
        assert!(is_bounded(&wide, 10, 100));
    }
}
