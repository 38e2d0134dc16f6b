//! Lists. Every function takes any slice type and gives a new list.
//!
//! Invariant: a function with a `must` name and the one without it are the same function; their messages are equal.

use crate::gotpl::{ANY_LIST, Ctx, Func, FuncError, GoStr, LISTS, List, Type, Val, deep_equal};

use super::convert::to_int;
use super::{Entry, elements, entry, is_empty, list, no_list};

type Answer = Result<Val, FuncError>;

const A: Type = Type::Any;
const L: Type = Type::List(&ANY_LIST);

pub(super) static ENTRIES: &[Entry] = &[
    entry(
        Func::new("append", &[A, A], L, append),
        "The list with a value at its end.",
        "{{ append (list 1) 2 }} → [1 2]",
    ),
    entry(
        Func::new("chunk", &[Type::Int, A], Type::List(&LISTS), chunk),
        "The list in pieces of a size.",
        "{{ list 1 2 3 | chunk 2 }} → [[1 2] [3]]",
    ),
    entry(
        Func::new("compact", &[A], L, compact),
        "The list without empty values.",
        r#"{{ list 1 "" 2 | compact }} → [1 2]"#,
    ),
    entry(
        Func::variadic("concat", &[], A, A, concat),
        "The lists one after the other.",
        "{{ concat (list 1) (list 2) }} → [1 2]",
    ),
    entry(Func::new("first", &[A], A, first), "The first value, or nil.", "{{ list 1 2 | first }} → 1"),
    entry(
        Func::new("has", &[A, A], Type::Bool, has),
        "Whether the list has the value.",
        r#"{{ list "a" | has "a" }} → true"#,
    ),
    entry(
        Func::new("initial", &[A], L, initial),
        "All but the last value.",
        "{{ list 1 2 3 | initial }} → [1 2]",
    ),
    entry(Func::new("last", &[A], A, last), "The last value, or nil.", "{{ list 1 2 | last }} → 2"),
    entry(Func::variadic("list", &[], A, L, make), "A list of values.", "{{ list 1 2 }} → [1 2]"),
    entry(
        Func::new("mustAppend", &[A, A], L, append),
        "The same as `append`.",
        "{{ mustAppend (list 1) 2 }} → [1 2]",
    ),
    entry(
        Func::new("mustChunk", &[Type::Int, A], Type::List(&LISTS), chunk),
        "The same as `chunk`.",
        "{{ list 1 2 3 | mustChunk 2 }} → [[1 2] [3]]",
    ),
    entry(
        Func::new("mustCompact", &[A], L, compact),
        "The same as `compact`.",
        "{{ list 1 0 | mustCompact }} → [1]",
    ),
    entry(Func::new("mustFirst", &[A], A, first), "The same as `first`.", "{{ list 1 2 | mustFirst }} → 1"),
    entry(
        Func::new("mustHas", &[A, A], Type::Bool, has),
        "The same as `has`.",
        "{{ list 1 | mustHas 1 }} → true",
    ),
    entry(
        Func::new("mustInitial", &[A], L, initial),
        "The same as `initial`.",
        "{{ list 1 2 | mustInitial }} → [1]",
    ),
    entry(Func::new("mustLast", &[A], A, last), "The same as `last`.", "{{ list 1 2 | mustLast }} → 2"),
    entry(
        Func::new("mustPrepend", &[A, A], L, prepend),
        "The same as `prepend`.",
        "{{ mustPrepend (list 1) 2 }} → [2 1]",
    ),
    entry(
        Func::new("mustPush", &[A, A], L, append),
        "The same as `append`.",
        "{{ mustPush (list 1) 2 }} → [1 2]",
    ),
    entry(Func::new("mustRest", &[A], L, rest), "The same as `rest`.", "{{ list 1 2 | mustRest }} → [2]"),
    entry(
        Func::new("mustReverse", &[A], L, reverse),
        "The same as `reverse`.",
        "{{ list 1 2 | mustReverse }} → [2 1]",
    ),
    entry(
        Func::variadic("mustSlice", &[A], A, A, slice),
        "The same as `slice`.",
        "{{ mustSlice (list 1 2 3) 1 }} → [2 3]",
    ),
    entry(Func::new("mustUniq", &[A], L, uniq), "The same as `uniq`.", "{{ list 1 1 | mustUniq }} → [1]"),
    entry(
        Func::variadic("mustWithout", &[A], A, L, without),
        "The same as `without`.",
        "{{ mustWithout (list 1 2) 1 }} → [2]",
    ),
    entry(
        Func::new("prepend", &[A, A], L, prepend),
        "The list with a value at its front.",
        "{{ prepend (list 1) 2 }} → [2 1]",
    ),
    entry(Func::new("push", &[A, A], L, append), "The same as `append`.", "{{ push (list 1) 2 }} → [1 2]"),
    entry(Func::new("rest", &[A], L, rest), "All but the first value.", "{{ list 1 2 3 | rest }} → [2 3]"),
    entry(
        Func::new("reverse", &[A], L, reverse),
        "The list from its end.",
        "{{ list 1 2 | reverse }} → [2 1]",
    ),
    entry(
        Func::variadic("slice", &[A], A, A, slice),
        "The values from a start up to an end.",
        "{{ slice (list 1 2 3) 1 2 }} → [2]",
    ),
    entry(Func::variadic("tuple", &[], A, L, make), "The same as `list`.", "{{ tuple 1 2 }} → [1 2]"),
    entry(
        Func::new("uniq", &[A], L, uniq),
        "The list without repeated values.",
        "{{ list 1 1 2 | uniq }} → [1 2]",
    ),
    entry(
        Func::variadic("without", &[A], A, L, without),
        "The list without some values.",
        "{{ without (list 1 2) 1 }} → [2]",
    ),
];

/// The elements of the list argument, or the message that names the function.
fn items(value: &Val, verb: &str) -> Result<Vec<Val>, FuncError> {
    elements(value).ok_or_else(|| no_list(verb, value))
}

/// The nil slice: prints as `[]` and is `null` in JSON.
fn nil_list() -> Val {
    Val::List(List::nil(&ANY_LIST))
}

fn make(_: &mut Ctx<'_>, args: &[Val]) -> Answer {
    Ok(list(args.to_vec()))
}

fn append(ctx: &mut Ctx<'_>, args: &[Val]) -> Answer {
    let [source, value] = args else { return Err(FuncError::arguments("append")) };
    let mut all = items(source, "push")?;
    ctx.spend(all.len() as u64 / 16)?;
    all.push(value.clone());
    Ok(list(all))
}

fn prepend(ctx: &mut Ctx<'_>, args: &[Val]) -> Answer {
    let [source, value] = args else { return Err(FuncError::arguments("prepend")) };
    let all = items(source, "prepend")?;
    ctx.spend(all.len() as u64 / 16)?;
    Ok(list(std::iter::once(value.clone()).chain(all).collect()))
}

fn concat(ctx: &mut Ctx<'_>, args: &[Val]) -> Answer {
    let mut all = Vec::new();
    for source in args {
        // Go asks nothing for its type and dies of that.
        let cannot = || match source {
            Val::Nil | Val::Missing => {
                "runtime error: invalid memory address or nil pointer dereference".to_string()
            }
            _ => format!("Cannot concat type {} as list", source.kind()),
        };
        all.extend(elements(source).ok_or_else(|| FuncError::panic(cannot()))?);
        ctx.allow_size(all.len().saturating_mul(size_of::<Val>()))?;
    }
    Ok(if all.is_empty() { nil_list() } else { list(all) })
}

fn first(_: &mut Ctx<'_>, args: &[Val]) -> Answer {
    let [source] = args else { return Err(FuncError::arguments("first")) };
    Ok(items(source, "find first")?.into_iter().next().unwrap_or(Val::Nil))
}

fn last(_: &mut Ctx<'_>, args: &[Val]) -> Answer {
    let [source] = args else { return Err(FuncError::arguments("last")) };
    Ok(items(source, "find last")?.pop().unwrap_or(Val::Nil))
}

fn rest(_: &mut Ctx<'_>, args: &[Val]) -> Answer {
    let [source] = args else { return Err(FuncError::arguments("rest")) };
    let all = items(source, "find rest")?;
    Ok(if all.is_empty() { nil_list() } else { list(all[1..].to_vec()) })
}

fn initial(_: &mut Ctx<'_>, args: &[Val]) -> Answer {
    let [source] = args else { return Err(FuncError::arguments("initial")) };
    let mut all = items(source, "find initial")?;
    if all.pop().is_none() {
        return Ok(nil_list());
    }
    Ok(list(all))
}

fn reverse(_: &mut Ctx<'_>, args: &[Val]) -> Answer {
    let [source] = args else { return Err(FuncError::arguments("reverse")) };
    let mut all = items(source, "find reverse")?;
    all.reverse();
    Ok(list(all))
}

fn compact(_: &mut Ctx<'_>, args: &[Val]) -> Answer {
    let [source] = args else { return Err(FuncError::arguments("compact")) };
    Ok(list(items(source, "compact")?.into_iter().filter(|value| !is_empty(value)).collect()))
}

fn uniq(ctx: &mut Ctx<'_>, args: &[Val]) -> Answer {
    let [source] = args else { return Err(FuncError::arguments("uniq")) };
    ctx.weigh(source)?;
    let mut kept: Vec<Val> = Vec::new();
    for value in items(source, "find uniq")? {
        ctx.spend(kept.len() as u64 / 16)?;
        if !kept.iter().any(|known| deep_equal(known, &value)) {
            kept.push(value);
        }
    }
    Ok(list(kept))
}

fn without(ctx: &mut Ctx<'_>, args: &[Val]) -> Answer {
    let [source, unwanted @ ..] = args else { return Err(FuncError::arguments("without")) };
    ctx.weigh(source)?;
    let kept = items(source, "find without")?.into_iter();
    Ok(list(kept.filter(|value| !unwanted.iter().any(|other| deep_equal(other, value))).collect()))
}

fn has(ctx: &mut Ctx<'_>, args: &[Val]) -> Answer {
    let [needle, hay] = args else { return Err(FuncError::arguments("has")) };
    if hay.is_nil() {
        return Ok(Val::Bool(false));
    }
    ctx.weigh(hay)?;
    Ok(Val::Bool(items(hay, "find has")?.iter().any(|value| deep_equal(needle, value))))
}

fn chunk(_: &mut Ctx<'_>, args: &[Val]) -> Answer {
    let [Val::Int(size), source] = args else { return Err(FuncError::arguments("chunk")) };
    let all = elements(source).ok_or_else(|| {
        if source.is_nil() {
            no_list("chunk", source)
        } else {
            FuncError::new(format!("Cannot chunk type {}", source.kind()))
        }
    })?;
    let pieces = match usize::try_from(*size) {
        Ok(0) => return Err(FuncError::panic("runtime error: makeslice: len out of range")),
        Ok(size) => all.chunks(size).map(|piece| list(piece.to_vec())).collect(),
        // sprig computes how many pieces there will be; for a size below zero only "none" is a number that Go can use.
        Err(_) if all.len() < 2 || all.len() as u64 - 1 > size.unsigned_abs() => {
            return Err(FuncError::panic("runtime error: makeslice: len out of range"));
        }
        Err(_) => Vec::new(),
    };
    Ok(Val::List(List::typed(&LISTS, pieces)))
}

fn slice(_: &mut Ctx<'_>, args: &[Val]) -> Answer {
    let [source, bounds @ ..] = args else { return Err(FuncError::arguments("slice")) };
    let all = elements(source).ok_or_else(|| {
        if source.is_nil() {
            no_list("slice", source)
        } else {
            FuncError::new(format!("list should be type of slice or array but {}", source.kind()))
        }
    })?;
    if all.is_empty() {
        return Ok(Val::Nil);
    }
    let start = bounds.first().map_or(0, to_int);
    let end = bounds.get(1).map_or(all.len() as i64, to_int);
    let range = usize::try_from(start).ok().zip(usize::try_from(end).ok()).map(|(start, end)| start..end);
    let part = range.and_then(|range| all.get(range)).map(<[Val]>::to_vec);
    let part = part.ok_or_else(|| FuncError::panic("reflect.Value.Slice: slice index out of bounds"))?;
    Ok(match source {
        Val::List(typed) => Val::List(List::typed(typed.ty(), part)),
        Val::Bytes(bytes) => {
            // The range was checked on the elements, which are the bytes.
            let bytes = bytes.as_slice().get(start as usize..end as usize).unwrap_or_default();
            Val::Bytes(crate::gotpl::Bytes::new(GoStr::from(bytes)))
        }
        _ => list(part),
    })
}
