//! JSON.
//!
//! Invariant: the `to` functions without `must` never fail, as in sprig; the text is empty instead.

use crate::gotpl::{Ctx, Func, FuncError, GoStr, Type, Val};

use super::encode::{from_json, to_json};
use super::{Entry, entry};

type Answer = Result<Val, FuncError>;

const A: Type = Type::Any;
const S: Type = Type::String;

pub(super) static ENTRIES: &[Entry] = &[
    entry(
        Func::new("mustFromJson", &[S], A, must_from_json),
        "The value that a JSON text says.",
        r#"{{ mustFromJson "[1, 2]" }} → [1 2]"#,
    ),
    entry(
        Func::new("mustToJson", &[A], S, must_to_json),
        "The value as JSON on one line.",
        r#"{{ mustToJson (dict "a" 1) }} → {"a":1}"#,
    ),
    entry(
        Func::new("mustToPrettyJson", &[A], S, must_to_pretty_json),
        "The value as indented JSON.",
        "{{ mustToPrettyJson (list 1) }} → [\n  1\n]",
    ),
    entry(
        Func::new("mustToRawJson", &[A], S, must_to_raw_json),
        "The value as JSON, with `<`, `>` and `&` as they are.",
        r#"{{ mustToRawJson "<a>" }} → "<a>""#,
    ),
    entry(
        Func::new("toJson", &[A], S, json),
        "The value as JSON on one line, empty when it cannot be said.",
        r#"{{ toJson (dict "a" 1) }} → {"a":1}"#,
    ),
    entry(
        Func::new("toPrettyJson", &[A], S, pretty_json),
        "The value as indented JSON, empty when it cannot be said.",
        "{{ toPrettyJson (list 1) }} → [\n  1\n]",
    ),
    entry(
        Func::new("toRawJson", &[A], S, raw_json),
        "The value as JSON, with `<`, `>` and `&` as they are.",
        r#"{{ toRawJson "<a>" }} → "<a>""#,
    ),
];

/// The argument as JSON; `failed` makes the answer of the encoder's text.
fn written(
    ctx: &mut Ctx<'_>,
    args: &[Val],
    html: bool,
    indent: Option<&str>,
    failed: impl FnOnce(GoStr) -> Answer,
) -> Answer {
    let value = args.first().unwrap_or(&Val::Nil);
    ctx.weigh(value)?;
    to_json(value, html, indent).map(Val::str).or_else(failed)
}

fn empty(_: GoStr) -> Answer {
    Ok(Val::Str(GoStr::EMPTY))
}

fn error(text: GoStr) -> Answer {
    Err(FuncError::new(text))
}

fn must_from_json(_: &mut Ctx<'_>, args: &[Val]) -> Answer {
    let [Val::Str(text)] = args else { return Err(FuncError::arguments("mustFromJson")) };
    from_json(text).map_err(FuncError::new)
}

fn json(ctx: &mut Ctx<'_>, args: &[Val]) -> Answer {
    written(ctx, args, true, None, empty)
}

fn must_to_json(ctx: &mut Ctx<'_>, args: &[Val]) -> Answer {
    written(ctx, args, true, None, error)
}

fn pretty_json(ctx: &mut Ctx<'_>, args: &[Val]) -> Answer {
    written(ctx, args, true, Some("  "), empty)
}

fn must_to_pretty_json(ctx: &mut Ctx<'_>, args: &[Val]) -> Answer {
    written(ctx, args, true, Some("  "), error)
}

fn raw_json(ctx: &mut Ctx<'_>, args: &[Val]) -> Answer {
    written(ctx, args, false, None, |text| Err(FuncError::panic(text)))
}

fn must_to_raw_json(ctx: &mut Ctx<'_>, args: &[Val]) -> Answer {
    written(ctx, args, false, None, error)
}
