//! Defaults, emptiness and choice.
//!
//! Invariant: nothing here is lazy: every argument was computed before the choice is made, as in Go.

use crate::gotpl::{Calling, Ctx, Func, FuncError, Type, Val};

use super::{Entry, entry, is_empty};

type Answer = Result<Val, FuncError>;

const A: Type = Type::Any;

pub(super) static ENTRIES: &[Entry] = &[
    entry(
        Func::variadic("all", &[], A, Type::Bool, all),
        "Whether no value is empty.",
        r#"{{ all 1 "a" true }} → true"#,
    ),
    entry(
        Func::variadic("any", &[], A, Type::Bool, any),
        "Whether some value is not empty.",
        r#"{{ any 0 "" "a" }} → true"#,
    ),
    entry(
        Func::variadic("coalesce", &[], A, A, coalesce),
        "The first value that is not empty, or nil.",
        r#"{{ coalesce 0 "" "a" }} → a"#,
    ),
    entry(
        Func::variadic("default", &[A], A, A, default).calling(Calling::Glance),
        "The second value, or the first when the second is empty or absent.",
        r#"{{ "" | default "a" }} → a"#,
    ),
    entry(
        Func::new("empty", &[A], Type::Bool, empty).calling(Calling::Glance),
        "Whether a value is nil, false, 0, or without content.",
        "{{ empty 0 }} → true",
    ),
    entry(
        Func::new("fail", &[Type::String], Type::String, fail),
        "Stops with a message.",
        "{{ if false }}{{ fail \"no\" }}{{ end }}a → a",
    ),
    entry(
        Func::new("ternary", &[A, A, Type::Bool], A, ternary).calling(Calling::Glance),
        "The first value for true, the second for false.",
        r#"{{ true | ternary "a" "b" }} → a"#,
    ),
];

fn default(_: &mut Ctx<'_>, args: &[Val]) -> Answer {
    match args {
        [fallback] => Ok(fallback.clone()),
        [fallback, given, ..] if is_empty(given) => Ok(fallback.clone()),
        [_, given, ..] => Ok(given.clone()),
        [] => Err(FuncError::arguments("default")),
    }
}

fn empty(_: &mut Ctx<'_>, args: &[Val]) -> Answer {
    let [value] = args else { return Err(FuncError::arguments("empty")) };
    Ok(Val::Bool(is_empty(value)))
}

fn coalesce(_: &mut Ctx<'_>, args: &[Val]) -> Answer {
    Ok(args.iter().find(|value| !is_empty(value)).cloned().unwrap_or(Val::Nil))
}

fn all(_: &mut Ctx<'_>, args: &[Val]) -> Answer {
    Ok(Val::Bool(!args.iter().any(is_empty)))
}

fn any(_: &mut Ctx<'_>, args: &[Val]) -> Answer {
    Ok(Val::Bool(args.iter().any(|value| !is_empty(value))))
}

fn ternary(_: &mut Ctx<'_>, args: &[Val]) -> Answer {
    let [yes, no, Val::Bool(choice)] = args else { return Err(FuncError::arguments("ternary")) };
    Ok(if *choice { yes.clone() } else { no.clone() })
}

fn fail(_: &mut Ctx<'_>, args: &[Val]) -> Answer {
    let [Val::Str(message)] = args else { return Err(FuncError::arguments("fail")) };
    Err(FuncError::Stop(message.clone()))
}
