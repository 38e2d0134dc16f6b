//! What a value is.
//!
//! Invariant: the names are Go's, since charts compare them with Go's names.

use crate::gotpl::{Calling, Ctx, Func, FuncError, Type, Val, deep_equal};

use super::{Entry, entry};

type Answer = Result<Val, FuncError>;

const A: Type = Type::Any;
const S: Type = Type::String;

pub(super) static ENTRIES: &[Entry] = &[
    entry(
        Func::new("deepEqual", &[A, A], Type::Bool, deep_equal_values),
        "Whether two values are equal in type and content.",
        "{{ deepEqual (list 1) (list 1) }} → true",
    ),
    entry(
        Func::new("kindIs", &[S, A], Type::Bool, kind_is).calling(Calling::Glance),
        "Whether a value is of that kind.",
        r#"{{ kindIs "string" "a" }} → true"#,
    ),
    entry(
        Func::new("kindOf", &[A], S, kind_of).calling(Calling::Glance),
        "The kind of a value.",
        "{{ kindOf (list 1) }} → slice",
    ),
    entry(
        Func::new("typeIs", &[S, A], Type::Bool, type_is).calling(Calling::Glance),
        "Whether a value is of that Go type.",
        r#"{{ typeIs "string" "a" }} → true"#,
    ),
    entry(
        Func::new("typeIsLike", &[S, A], Type::Bool, type_is_like),
        "Whether a value is of that Go type or a pointer to it.",
        r#"{{ typeIsLike "string" "a" }} → true"#,
    ),
    entry(
        Func::new("typeOf", &[A], S, type_of).calling(Calling::Glance),
        "The Go type of a value.",
        "{{ typeOf 1 }} → int",
    ),
];

fn type_of(_: &mut Ctx<'_>, args: &[Val]) -> Answer {
    let [value] = args else { return Err(FuncError::arguments("typeOf")) };
    Ok(Val::str(value.type_name()))
}

fn type_is(_: &mut Ctx<'_>, args: &[Val]) -> Answer {
    let [Val::Str(name), value] = args else { return Err(FuncError::arguments("typeIs")) };
    Ok(Val::Bool(name.as_bytes() == value.type_name().as_bytes()))
}

fn type_is_like(_: &mut Ctx<'_>, args: &[Val]) -> Answer {
    let [Val::Str(name), value] = args else { return Err(FuncError::arguments("typeIsLike")) };
    let actual = value.type_name();
    let like = actual.strip_prefix('*').is_some_and(|target| target.as_bytes() == name.as_bytes());
    Ok(Val::Bool(like || actual.as_bytes() == name.as_bytes()))
}

fn kind_of(_: &mut Ctx<'_>, args: &[Val]) -> Answer {
    let [value] = args else { return Err(FuncError::arguments("kindOf")) };
    Ok(Val::str(value.kind().name()))
}

fn kind_is(_: &mut Ctx<'_>, args: &[Val]) -> Answer {
    let [Val::Str(name), value] = args else { return Err(FuncError::arguments("kindIs")) };
    Ok(Val::Bool(name.as_bytes() == value.kind().name().as_bytes()))
}

fn deep_equal_values(ctx: &mut Ctx<'_>, args: &[Val]) -> Answer {
    let [a, b] = args else { return Err(FuncError::arguments("deepEqual")) };
    ctx.weigh(a)?;
    ctx.weigh(b)?;
    Ok(Val::Bool(deep_equal(a, b)))
}
