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

fn written(args: &[Val], html: bool, indent: Option<&str>) -> Result<Val, GoStr> {
    to_json(args.first().unwrap_or(&Val::Nil), html, indent).map(Val::str)
}

fn or_empty(result: Result<Val, GoStr>) -> Answer {
    Ok(result.unwrap_or(Val::Str(GoStr::EMPTY)))
}

fn must_from_json(_: &mut Ctx<'_>, args: &[Val]) -> Answer {
    let [Val::Str(text)] = args else { return Err(FuncError::arguments("mustFromJson")) };
    from_json(text).map_err(FuncError::new)
}

fn json(_: &mut Ctx<'_>, args: &[Val]) -> Answer {
    or_empty(written(args, true, None))
}

fn must_to_json(_: &mut Ctx<'_>, args: &[Val]) -> Answer {
    written(args, true, None).map_err(FuncError::new)
}

fn pretty_json(_: &mut Ctx<'_>, args: &[Val]) -> Answer {
    or_empty(written(args, true, Some("  ")))
}

fn must_to_pretty_json(_: &mut Ctx<'_>, args: &[Val]) -> Answer {
    written(args, true, Some("  ")).map_err(FuncError::new)
}

fn raw_json(_: &mut Ctx<'_>, args: &[Val]) -> Answer {
    written(args, false, None).map_err(FuncError::panic)
}

fn must_to_raw_json(_: &mut Ctx<'_>, args: &[Val]) -> Answer {
    written(args, false, None).map_err(FuncError::new)
}
