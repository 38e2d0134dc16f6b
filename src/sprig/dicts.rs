//! Dictionaries. Maps are shared: `set`, `unset` and `merge` change the map that they are given.
//!
//! Invariant: a map that would have to contain itself to be merged ends at the depth limit, not on the stack.

use crate::gotpl::{ANY_MAP, Calling, Ctx, Func, FuncError, GoStr, Map, Type, Val};

use super::{Entry, entry, is_empty, list, strval};

type Answer = Result<Val, FuncError>;

const A: Type = Type::Any;
const M: Type = Type::Map(&ANY_MAP);
const S: Type = Type::String;

/// Nested maps deeper than this are not merged into each other.
const MAX_DEPTH: usize = 500;

pub(super) static ENTRIES: &[Entry] = &[
    entry(
        Func::variadic("dict", &[], A, M, dict),
        "A map of keys and values.",
        r#"{{ dict "a" 1 }} → map[a:1]"#,
    ),
    entry(
        Func::variadic("dig", &[], A, A, dig),
        "The value below a path of keys, or a default.",
        r#"{{ dict "a" (dict "b" 1) | dig "a" "b" 0 }} → 1"#,
    ),
    entry(
        Func::new("get", &[M, S], A, get).calling(Calling::Glance),
        "The value of a key, or an empty text.",
        r#"{{ get (dict "a" 1) "a" }} → 1"#,
    ),
    entry(
        Func::new("hasKey", &[M, S], Type::Bool, has_key).calling(Calling::Glance),
        "Whether a map has a key.",
        r#"{{ hasKey (dict "a" 1) "a" }} → true"#,
    ),
    entry(
        Func::variadic("keys", &[], M, Type::List(&crate::gotpl::STRINGS), keys),
        "The keys of the maps; sort them, their order means nothing.",
        r#"{{ keys (dict "a" 1) }} → [a]"#,
    ),
    entry(
        Func::variadic("merge", &[M], M, A, merge),
        "Fills what is empty in the first map from the others, and returns it.",
        r#"{{ merge (dict "a" 1) (dict "a" 2 "b" 3) }} → map[a:1 b:3]"#,
    ),
    entry(
        Func::variadic("mergeOverwrite", &[M], M, A, merge_overwrite),
        "Writes the other maps over the first, and returns it.",
        r#"{{ mergeOverwrite (dict "a" 1) (dict "a" 2) }} → map[a:2]"#,
    ),
    entry(
        Func::variadic("mustMerge", &[M], M, A, merge),
        "The same as `merge`.",
        r#"{{ mustMerge (dict "a" 1) (dict "b" 2) }} → map[a:1 b:2]"#,
    ),
    entry(
        Func::variadic("mustMergeOverwrite", &[M], M, A, merge_overwrite),
        "The same as `mergeOverwrite`.",
        r#"{{ mustMergeOverwrite (dict "a" 1) (dict "a" 2) }} → map[a:2]"#,
    ),
    entry(
        Func::variadic("omit", &[M], S, M, omit),
        "A copy without some keys.",
        r#"{{ omit (dict "a" 1 "b" 2) "a" }} → map[b:2]"#,
    ),
    entry(
        Func::variadic("pick", &[M], S, M, pick),
        "A copy with some keys only.",
        r#"{{ pick (dict "a" 1 "b" 2) "a" }} → map[a:1]"#,
    ),
    entry(
        Func::variadic("pluck", &[S], M, Type::List(&crate::gotpl::ANY_LIST), pluck),
        "The values that a key has in the maps that have it.",
        r#"{{ pluck "a" (dict "a" 1) (dict "a" 2) }} → [1 2]"#,
    ),
    entry(
        Func::new("set", &[M, S, A], M, set).calling(Calling::Glance),
        "Sets a key of the map, and returns it.",
        r#"{{ set (dict "a" 1) "b" 2 }} → map[a:1 b:2]"#,
    ),
    entry(
        Func::new("unset", &[M, S], M, unset).calling(Calling::Glance),
        "Removes a key of the map, and returns it.",
        r#"{{ unset (dict "a" 1 "b" 2) "a" }} → map[b:2]"#,
    ),
    entry(
        Func::new("values", &[M], Type::List(&crate::gotpl::ANY_LIST), values),
        "The values of a map; their order means nothing.",
        r#"{{ values (dict "a" 1) }} → [1]"#,
    ),
];

fn nil_map() -> FuncError {
    FuncError::panic("assignment to entry in nil map")
}

fn dict(_: &mut Ctx<'_>, args: &[Val]) -> Answer {
    let pairs = args.chunks(2).filter_map(|pair| {
        let key = strval(pair.first()?);
        Some((key, pair.get(1).cloned().unwrap_or_else(|| Val::Str(GoStr::EMPTY))))
    });
    Ok(Val::Map(pairs.collect()))
}

fn get(_: &mut Ctx<'_>, args: &[Val]) -> Answer {
    let [Val::Map(map), Val::Str(key)] = args else { return Err(FuncError::arguments("get")) };
    Ok(map.get(key.as_bytes()).unwrap_or(Val::Str(GoStr::EMPTY)))
}

fn set(_: &mut Ctx<'_>, args: &[Val]) -> Answer {
    let [Val::Map(map), Val::Str(key), value] = args else { return Err(FuncError::arguments("set")) };
    if map.insert(key.clone(), value.clone()) { Ok(Val::Map(map.clone())) } else { Err(nil_map()) }
}

fn unset(_: &mut Ctx<'_>, args: &[Val]) -> Answer {
    let [Val::Map(map), Val::Str(key)] = args else { return Err(FuncError::arguments("unset")) };
    map.remove(key.as_bytes());
    Ok(Val::Map(map.clone()))
}

fn has_key(_: &mut Ctx<'_>, args: &[Val]) -> Answer {
    let [Val::Map(map), Val::Str(key)] = args else { return Err(FuncError::arguments("hasKey")) };
    Ok(Val::Bool(map.contains(key.as_bytes())))
}

fn keys(_: &mut Ctx<'_>, args: &[Val]) -> Answer {
    Ok(Val::strings(args.iter().filter_map(Val::as_map).flat_map(Map::keys)))
}

fn values(_: &mut Ctx<'_>, args: &[Val]) -> Answer {
    let [Val::Map(map)] = args else { return Err(FuncError::arguments("values")) };
    Ok(list(map.entries().into_iter().map(|(_, value)| value).collect()))
}

fn pluck(_: &mut Ctx<'_>, args: &[Val]) -> Answer {
    let [Val::Str(key), maps @ ..] = args else { return Err(FuncError::arguments("pluck")) };
    Ok(list(maps.iter().filter_map(|map| map.as_map()?.get(key.as_bytes())).collect()))
}

fn pick(_: &mut Ctx<'_>, args: &[Val]) -> Answer {
    let [Val::Map(map), wanted @ ..] = args else { return Err(FuncError::arguments("pick")) };
    let wanted = wanted.iter().filter_map(Val::as_str);
    Ok(Val::Map(wanted.filter_map(|key| Some((key.clone(), map.get(key.as_bytes())?))).collect()))
}

fn omit(_: &mut Ctx<'_>, args: &[Val]) -> Answer {
    let [Val::Map(map), unwanted @ ..] = args else { return Err(FuncError::arguments("omit")) };
    let keep = |key: &GoStr| !unwanted.iter().any(|other| other.as_str() == Some(key));
    Ok(Val::Map(map.entries().into_iter().filter(|(key, _)| keep(key)).collect()))
}

fn merge(ctx: &mut Ctx<'_>, args: &[Val]) -> Answer {
    merged(ctx, args, &mut |into, from| fill(into, from, 0))
}

fn merge_overwrite(ctx: &mut Ctx<'_>, args: &[Val]) -> Answer {
    merged(ctx, args, &mut |into, from| overwrite(into, from, 0))
}

fn merged(
    ctx: &mut Ctx<'_>,
    args: &[Val],
    step: &mut dyn FnMut(&Map, &Map) -> Result<(), FuncError>,
) -> Answer {
    let [Val::Map(into), others @ ..] = args else { return Err(FuncError::arguments("merge")) };
    // Go makes a map where none was given.
    let into = if into.is_nil() { Map::new() } else { into.clone() };
    for value in others {
        let Some(from) = value.as_map() else { continue };
        ctx.weigh(value)?;
        step(&into, from)?;
    }
    Ok(Val::Map(into))
}

/// A map of strings takes no values of any type.
fn fits(into: &Map, from: &Map) -> Result<(), FuncError> {
    let (to, ty) = (into.ty().elem, from.ty().elem);
    if to.name() == ty.name() || matches!(to, Type::Any) {
        return Ok(());
    }
    Err(FuncError::panic(format!(
        "reflect.Value.SetMapIndex: value of type {} is not assignable to type {}",
        ty.name(),
        to.name()
    )))
}

fn fill(into: &Map, from: &Map, depth: usize) -> Result<(), FuncError> {
    if depth > MAX_DEPTH {
        return Err(FuncError::new(format!("maps are nested deeper than {MAX_DEPTH} levels")));
    }
    for (key, value) in from.entries() {
        fits(into, from)?;
        match (into.get(key.as_bytes()), &value) {
            (Some(Val::Map(inner)), Val::Map(other)) if !inner.is_nil() => {
                fill(&inner, other, depth + 1)?;
                if inner.is_empty() && !into.insert(key, value) {
                    return Err(nil_map());
                }
            }
            (Some(present), _) if !is_empty(&present) => {}
            // Anything replaces what is empty, even if it is empty itself, but nil is never taken.
            (_, nil) if nil.is_nil() => {}
            _ => {
                if !into.insert(key, value) {
                    return Err(nil_map());
                }
            }
        }
    }
    Ok(())
}

fn overwrite(into: &Map, from: &Map, depth: usize) -> Result<(), FuncError> {
    if depth > MAX_DEPTH {
        return Err(FuncError::new(format!("maps are nested deeper than {MAX_DEPTH} levels")));
    }
    for (key, value) in from.entries() {
        fits(into, from)?;
        match (into.get(key.as_bytes()), &value) {
            (Some(Val::Map(inner)), Val::Map(other)) if !inner.is_nil() => {
                overwrite(&inner, other, depth + 1)?;
            }
            _ => {
                if !into.insert(key, value) {
                    return Err(nil_map());
                }
            }
        }
    }
    Ok(())
}

fn dig(_: &mut Ctx<'_>, args: &[Val]) -> Answer {
    let [path @ .., fallback, subject] = args else {
        return Err(FuncError::panic("dig needs at least three arguments"));
    };
    if path.is_empty() {
        return Err(FuncError::panic("dig needs at least three arguments"));
    }
    let mut current = plain_map(subject)?;
    // All keys are looked at before the first one is looked up.
    let text = |key: &Val| {
        key.as_str().cloned().ok_or_else(|| {
            let name = if key.is_nil() { "nil".into() } else { key.type_name() };
            FuncError::panic(format!("interface conversion: interface {{}} is {name}, not string"))
        })
    };
    let path = path.iter().map(text).collect::<Result<Vec<_>, _>>()?;
    for (number, key) in path.iter().enumerate() {
        match current.get(key.as_bytes()) {
            None => return Ok(fallback.clone()),
            Some(value) if number + 1 == path.len() => return Ok(value),
            Some(value) => current = plain_map(&value)?,
        }
    }
    Ok(fallback.clone())
}

/// The value as a `map[string]interface {}` and no other map type.
fn plain_map(value: &Val) -> Result<Map, FuncError> {
    match value {
        Val::Map(map) if map.ty().is(&ANY_MAP) => Ok(map.clone()),
        other => {
            let name = if other.is_nil() { "nil".into() } else { other.type_name() };
            Err(FuncError::panic(format!(
                "interface conversion: interface {{}} is {name}, not map[string]interface {{}}"
            )))
        }
    }
}
