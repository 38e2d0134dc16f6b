//! Deep copies.
//!
//! Invariant: a copy shares no list and no map with its source; what contains itself is refused.

use crate::gotpl::{Ctx, Func, FuncError, List, MAX_DEPTH, Map, Type, Val};

use super::{Entry, entry};

type Answer = Result<Val, FuncError>;

const A: Type = Type::Any;

pub(super) static ENTRIES: &[Entry] = &[
    entry(
        Func::new("deepCopy", &[A], A, deep_copy),
        "A copy that shares nothing with the value.",
        r#"{{ $a := dict "b" 1 }}{{ $_ := set (deepCopy $a) "b" 2 }}{{ $a.b }} → 1"#,
    ),
    entry(
        Func::new("mustDeepCopy", &[A], A, deep_copy),
        "The same as `deepCopy`.",
        r"{{ mustDeepCopy (list 1 2) }} → [1 2]",
    ),
];

fn deep_copy(ctx: &mut Ctx<'_>, args: &[Val]) -> Answer {
    match args {
        [value] if value.is_nil() => {
            Err(FuncError::panic("reflect: call of reflect.Value.Type on zero Value"))
        }
        [value] => {
            ctx.weigh(value)?;
            copied(value, 0)
        }
        _ => Err(FuncError::arguments("deepCopy")),
    }
}

fn copied(value: &Val, depth: usize) -> Answer {
    if depth > MAX_DEPTH {
        return Err(FuncError::new(format!("value nested deeper than {MAX_DEPTH} levels")));
    }
    Ok(match value {
        Val::List(list) if !list.is_nil() => {
            let items = list.to_vec();
            let items: Result<_, _> = items.iter().map(|item| copied(item, depth + 1)).collect();
            Val::List(List::typed(list.ty(), items?))
        }
        Val::Map(map) if !map.is_nil() => {
            let entries = map.entries().into_iter();
            let entries: Result<_, FuncError> =
                entries.map(|(key, item)| Ok((key, copied(&item, depth + 1)?))).collect();
            Val::Map(Map::typed(map.ty(), entries?))
        }
        Val::Object(object) => object.copied().unwrap_or_else(|| value.clone()),
        other => other.clone(),
    })
}
