//! The built-in functions of the language.
//!
//! Invariant: names, arity and messages are those of text/template.

#![allow(clippy::unnecessary_wraps, reason = "all bodies have one shape")]

use super::compare::{equal, less};
use super::context::Ctx;
use super::error::{FuncError, Limit};
use super::format::{sprint, sprint_actions, sprintf, sprintln};
use super::funcs::{Calling, Func};
use super::gostr::GoStr;
use super::quote::{Rune, is_print, runes};
use super::types::Type;
use super::value::{List, Num, Val};

type Outcome = Result<Val, FuncError>;

/// The functions that every template has, sorted.
pub(crate) static BUILTINS: &[Func] = &[
    Func::variadic("and", &[Type::Value], Type::Value, Type::Value, last).calling(Calling::And),
    Func::variadic("call", &[Type::Value], Type::Value, Type::Value, call).calling(Calling::Call),
    Func::variadic("eq", &[Type::Value], Type::Value, Type::Bool, eq),
    Func::new("ge", &[Type::Value, Type::Value], Type::Bool, ge),
    Func::new("gt", &[Type::Value, Type::Value], Type::Bool, gt),
    Func::variadic("html", &[], Type::Any, Type::String, html),
    Func::variadic("index", &[Type::Value], Type::Value, Type::Value, index).calling(Calling::Glance),
    Func::variadic("js", &[], Type::Any, Type::String, js),
    Func::new("le", &[Type::Value, Type::Value], Type::Bool, le),
    Func::new("len", &[Type::Value], Type::Int, len).calling(Calling::Glance),
    Func::new("lt", &[Type::Value, Type::Value], Type::Bool, lt),
    Func::new("ne", &[Type::Value, Type::Value], Type::Bool, ne),
    Func::new("not", &[Type::Value], Type::Bool, not).calling(Calling::Glance),
    Func::variadic("or", &[Type::Value], Type::Value, Type::Value, last).calling(Calling::Or),
    Func::variadic("print", &[], Type::Any, Type::String, print),
    Func::variadic("printf", &[Type::String], Type::Any, Type::String, printf),
    Func::variadic("println", &[], Type::Any, Type::String, println),
    Func::variadic("slice", &[Type::Value], Type::Value, Type::Value, slice),
    Func::variadic("urlquery", &[], Type::Any, Type::String, urlquery),
];

/// `and` and `or` are decided by the evaluator; called directly they give the last operand.
fn last(_: &mut Ctx<'_>, args: &[Val]) -> Outcome {
    Ok(args.last().cloned().unwrap_or(Val::Missing))
}

fn not(_: &mut Ctx<'_>, args: &[Val]) -> Outcome {
    Ok(Val::Bool(!args.first().is_some_and(Val::truth)))
}

fn pair<'a>(name: &str, args: &'a [Val]) -> Result<(&'a Val, &'a Val), FuncError> {
    match args {
        [a, b] => Ok((a, b)),
        _ => Err(FuncError::arguments(name)),
    }
}

fn eq(_: &mut Ctx<'_>, args: &[Val]) -> Outcome {
    let [first, rest @ ..] = args else { return Err(FuncError::arguments("eq")) };
    if rest.is_empty() {
        return Err(FuncError::new("missing argument for comparison"));
    }
    for other in rest {
        if equal(first, other)? {
            return Ok(Val::Bool(true));
        }
    }
    Ok(Val::Bool(false))
}

fn ne(_: &mut Ctx<'_>, args: &[Val]) -> Outcome {
    let (a, b) = pair("ne", args)?;
    Ok(Val::Bool(!equal(a, b)?))
}

fn lt(_: &mut Ctx<'_>, args: &[Val]) -> Outcome {
    let (a, b) = pair("lt", args)?;
    Ok(Val::Bool(less(a, b)?))
}

fn le(_: &mut Ctx<'_>, args: &[Val]) -> Outcome {
    let (a, b) = pair("le", args)?;
    Ok(Val::Bool(less(a, b)? || equal(a, b)?))
}

fn gt(ctx: &mut Ctx<'_>, args: &[Val]) -> Outcome {
    Ok(Val::Bool(!le(ctx, args)?.truth()))
}

fn ge(ctx: &mut Ctx<'_>, args: &[Val]) -> Outcome {
    Ok(Val::Bool(!lt(ctx, args)?.truth()))
}

fn call(_: &mut Ctx<'_>, args: &[Val]) -> Outcome {
    let [name, func, ..] = args else { return Err(FuncError::arguments("call")) };
    if func.is_nil() {
        return Err(FuncError::new("call of nil"));
    }
    // No value of a template is a function.
    let name = name.as_str().cloned().unwrap_or_default();
    let text = [b"non-function ", name.as_bytes(), b" of type ", func.type_name().as_bytes()].concat();
    Err(FuncError::new(text))
}

/// What a value holds for `len` and `index`: the list or map inside an object, else itself.
fn contents(value: &Val) -> Val {
    match value {
        Val::Object(object) => object.contents().unwrap_or_else(|| value.clone()),
        _ => value.clone(),
    }
}

/// The type as messages name it, behind a pointer if it is one.
fn pointed_type(value: &Val) -> String {
    let name = value.type_name();
    name.strip_prefix('*').unwrap_or(&name).to_owned()
}

fn len(_: &mut Ctx<'_>, args: &[Val]) -> Outcome {
    let [value] = args else { return Err(FuncError::arguments("len")) };
    let length = match &contents(value) {
        Val::Missing => return Err(FuncError::panic("reflect: call of reflect.Value.Type on zero Value")),
        Val::Nil => return Err(FuncError::new("len of nil pointer")),
        Val::Str(text) => text.len(),
        Val::Bytes(bytes) => bytes.as_slice().len(),
        Val::List(list) => list.len(),
        Val::Map(map) => map.len(),
        other => return Err(FuncError::new(format!("len of type {}", pointed_type(other)))),
    };
    Ok(Val::Int(length as i64))
}

/// The number of an index argument, at most the length.
fn index_number(argument: &Val, length: usize) -> Result<usize, FuncError> {
    let number = match (argument.as_signed(), argument.as_unsigned()) {
        (Some(number), _) => i128::from(number),
        (_, Some(number)) => i128::from(number),
        _ if argument.is_nil() => return Err(FuncError::new("cannot index slice/array with nil")),
        _ => {
            let ty = argument.type_name();
            return Err(FuncError::new(format!("cannot index slice/array with type {ty}")));
        }
    };
    match usize::try_from(number) {
        Ok(number) if number <= length => Ok(number),
        // Go shows an unsigned number beyond int64 as the negative number with the same bits.
        _ => Err(FuncError::new(format!("index out of range: {}", number as i64))),
    }
}

fn index(_: &mut Ctx<'_>, args: &[Val]) -> Outcome {
    let [first, indexes @ ..] = args else { return Err(FuncError::arguments("index")) };
    if first.is_nil() {
        return Err(FuncError::new("index of untyped nil"));
    }
    let mut item = first.clone();
    for argument in indexes {
        item = index_once(&contents(&item), argument)?;
    }
    Ok(item)
}

fn index_once(item: &Val, argument: &Val) -> Outcome {
    match item {
        Val::Missing | Val::Nil => Err(FuncError::new("index of nil pointer")),
        Val::List(list) => {
            let number = index_number(argument, list.len())?;
            list.get(number).ok_or_else(|| FuncError::panic("reflect: slice index out of range"))
        }
        Val::Bytes(bytes) => byte_at(bytes.as_slice(), argument, "slice"),
        Val::Str(text) => byte_at(text.as_bytes(), argument, "string"),
        Val::Map(map) => match argument {
            Val::Str(key) => Ok(map.get(key).unwrap_or_else(|| Val::zero(map.ty().elem))),
            _ if argument.is_nil() => Err(FuncError::new("value is nil; should be of type string")),
            _ => Err(FuncError::new(format!("value has type {}; should be string", argument.type_name()))),
        },
        _ => Err(FuncError::new(format!("can't index item of type {}", pointed_type(item)))),
    }
}

fn byte_at(bytes: &[u8], argument: &Val, what: &str) -> Outcome {
    let number = index_number(argument, bytes.len())?;
    match bytes.get(number) {
        Some(byte) => Ok(Val::Num(Num::Uint8(*byte))),
        None => Err(FuncError::panic(format!("reflect: {what} index out of range"))),
    }
}

fn slice(_: &mut Ctx<'_>, args: &[Val]) -> Outcome {
    let [item, indexes @ ..] = args else { return Err(FuncError::arguments("slice")) };
    if item.is_nil() {
        return Err(FuncError::new("slice of untyped nil"));
    }
    if indexes.len() > 3 {
        return Err(FuncError::new(format!("too many slice indexes: {}", indexes.len())));
    }
    let item = contents(item);
    let length = match &item {
        Val::Str(_) if indexes.len() == 3 => return Err(FuncError::new("cannot 3-index slice a string")),
        Val::Str(text) => text.len(),
        Val::Bytes(bytes) => bytes.as_slice().len(),
        Val::List(list) => list.len(),
        other => return Err(FuncError::new(format!("can't slice item of type {}", pointed_type(other)))),
    };
    let mut bounds = [0, length, length];
    for (bound, argument) in bounds.iter_mut().zip(indexes) {
        *bound = index_number(argument, length)?;
    }
    let [from, to, capacity] = bounds;
    for (low, high) in [(from, to), (to, capacity)] {
        if low > high {
            return Err(FuncError::new(format!("invalid slice index: {low} > {high}")));
        }
    }
    Ok(match &item {
        Val::Str(text) => Val::str(text.as_bytes().get(from..to).unwrap_or(&[])),
        Val::Bytes(bytes) => {
            Val::Bytes(super::value::Bytes::new(bytes.as_slice().get(from..to).unwrap_or(&[])))
        }
        Val::List(list) => {
            Val::List(List::typed(list.ty(), list.to_vec().get(from..to).unwrap_or(&[]).to_vec()))
        }
        _ => item,
    })
}

fn text(ctx: &mut Ctx<'_>, result: Result<Vec<u8>, Limit>) -> Outcome {
    let bytes = result?;
    ctx.allow_size(bytes.len())?;
    Ok(Val::str(bytes))
}

fn print(ctx: &mut Ctx<'_>, args: &[Val]) -> Outcome {
    let result = sprint(args, ctx.options.limits.value);
    text(ctx, result)
}

fn println(ctx: &mut Ctx<'_>, args: &[Val]) -> Outcome {
    let result = sprintln(args, ctx.options.limits.value);
    text(ctx, result)
}

fn printf(ctx: &mut Ctx<'_>, args: &[Val]) -> Outcome {
    let [Val::Str(format), rest @ ..] = args else { return Err(FuncError::arguments("printf")) };
    let result = sprintf(format.as_bytes(), rest, ctx.options.limits.value);
    text(ctx, result)
}

/// The text that the escapers work on: a single string as it is, else all printed, with nil as `<no value>`.
fn printed(ctx: &mut Ctx<'_>, args: &[Val]) -> Result<GoStr, FuncError> {
    if let [Val::Str(text)] = args {
        return Ok(text.clone());
    }
    let args: Vec<Val> =
        args.iter().map(|arg| if arg.is_nil() { Val::str("<no value>") } else { arg.clone() }).collect();
    Ok(sprint_actions(&args, ctx.options.limits.value)?.into())
}

fn html(ctx: &mut Ctx<'_>, args: &[Val]) -> Outcome {
    let text = printed(ctx, args)?;
    let mut out = Vec::with_capacity(text.len());
    for byte in text.as_bytes() {
        match byte {
            0 => out.extend_from_slice("\u{fffd}".as_bytes()),
            b'"' => out.extend_from_slice(b"&#34;"),
            b'\'' => out.extend_from_slice(b"&#39;"),
            b'&' => out.extend_from_slice(b"&amp;"),
            b'<' => out.extend_from_slice(b"&lt;"),
            b'>' => out.extend_from_slice(b"&gt;"),
            _ => out.push(*byte),
        }
    }
    Ok(Val::str(out))
}

fn js(ctx: &mut Ctx<'_>, args: &[Val]) -> Outcome {
    let text = printed(ctx, args)?;
    let mut out = Vec::with_capacity(text.len());
    for rune in runes(text.as_bytes()) {
        match rune {
            Rune::Invalid(byte) => out.push(byte),
            Rune::Char(c @ ('\\' | '\'' | '"')) => out.extend_from_slice(&[b'\\', c as u8]),
            Rune::Char(c)
                if matches!(c, '<' | '>' | '&' | '=' | '\0'..=' ') && c != ' '
                    || !c.is_ascii() && !is_print(c) =>
            {
                out.extend_from_slice(format!("\\u{:04X}", c as u32).as_bytes());
            }
            Rune::Char(c) => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    Ok(Val::str(out))
}

fn hex_digit(nibble: u8) -> char {
    char::from_digit(u32::from(nibble), 16).unwrap_or('0').to_ascii_uppercase()
}

fn urlquery(ctx: &mut Ctx<'_>, args: &[Val]) -> Outcome {
    let text = printed(ctx, args)?;
    let mut out = String::with_capacity(text.len());
    for byte in text.as_bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(*byte as char),
            b' ' => out.push('+'),
            _ => out.extend(['%', hex_digit(byte >> 4), hex_digit(byte & 15)]),
        }
    }
    Ok(Val::str(out))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted() {
        assert!(BUILTINS.is_sorted_by_key(|func| func.name));
    }
}
