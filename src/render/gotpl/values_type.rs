//! `common.Values`: the type of `.Values`, which has methods beside its keys.
//!
//! Invariant: a method never copies the map; what `.Values.AsMap` gives is the same map under the plain type.

use crate::gotpl::{ANY_MAP, FuncError, GoStr, Map, MapType, Method, Type, Val};

/// `common.Values`
pub(super) static VALUES: MapType = MapType { name: "common.Values", elem: Type::Any, methods: METHODS };

static METHODS: &[Method] = &[
    Method::new("AsMap", &[], Type::Map(&ANY_MAP), |_, me, _| Ok(Val::Map(receiver(me)?.retyped(&ANY_MAP)))),
    Method::new("Encode", &[Type::Any], Type::Any, |_, _, _| {
        Err(FuncError::new("Encode needs a writer, which templates do not have"))
    }),
    Method::new("PathValue", &[Type::String], Type::Any, |_, me, args| {
        let [Val::Str(path)] = args else { return Err(FuncError::arguments("PathValue")) };
        path_value(receiver(me)?, path)
    }),
    Method::new("Table", &[Type::String], Type::Map(&VALUES), |_, me, args| {
        let [Val::Str(path)] = args else { return Err(FuncError::arguments("Table")) };
        table(receiver(me)?, &path.to_text()).map(Val::Map)
    }),
    Method::new("YAML", &[], Type::String, |_, me, _| {
        super::structured::yaml(me).map(|text| Val::str(text + "\n")).map_err(FuncError::new)
    }),
];

fn receiver(value: &Val) -> Result<&Map, FuncError> {
    value.as_map().ok_or_else(|| FuncError::arguments("Values"))
}

/// The map at a path of keys joined by dots.
fn table(values: &Map, path: &str) -> Result<Map, FuncError> {
    let mut current = values.clone();
    for key in path.split('.') {
        current = match current.get(key) {
            Some(Val::Map(map)) => map,
            _ => {
                return Err(FuncError::new(format!(
                    "{} is not a table",
                    crate::gotpl::quote(key.as_bytes())
                )));
            }
        };
    }
    Ok(current.retyped(&VALUES))
}

fn path_value(values: &Map, path: &GoStr) -> Result<Val, FuncError> {
    let text = path.to_text();
    if text.is_empty() {
        return Err(FuncError::new("YAML path cannot be empty"));
    }
    let (parent, key) = match text.rsplit_once('.') {
        Some((parent, key)) => (table(values, parent).ok(), key),
        None => (Some(values.clone()), &*text),
    };
    // Whatever part of the path leads nowhere, Helm names the last one.
    match parent.and_then(|parent| parent.get(key)) {
        Some(Val::Map(_)) | None => {
            Err(FuncError::new(format!("{} is not a value", crate::gotpl::quote(key.as_bytes()))))
        }
        Some(value) => Ok(value),
    }
}
