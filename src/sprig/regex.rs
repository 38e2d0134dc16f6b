//! Functions over patterns, in Go's syntax.
//!
//! Invariant: matching is linear in the text; a pattern is compiled once per run.

use std::borrow::Cow;
use std::ops::Range;
use std::rc::Rc;

use regex::{Captures, Regex};

use crate::gotpl::{
    Ctx, Func, FuncError, GoStr, List, Rune, STRINGS, Type, Val, can_backquote, is_alphanumeric, quote, runes,
};

use super::encode::go_text;
use super::{Entry, Outside, entry};
use crate::data::pattern;

type Answer = Result<Val, FuncError>;

const I: Type = Type::Int;
const S: Type = Type::String;
const L: Type = Type::List(&STRINGS);

/// How many compiled patterns are kept.
const MOST_KEPT: usize = 500;

pub(super) static ENTRIES: &[Entry] = &[
    entry(
        Func::new("mustRegexFind", &[S, S], S, must_find),
        "The first match of a pattern.",
        r#"{{ mustRegexFind "[0-9]+" "a12b3" }} → 12"#,
    ),
    entry(
        Func::new("mustRegexFindAll", &[S, S, I], L, must_find_all),
        "The matches of a pattern, at most so many.",
        r#"{{ mustRegexFindAll "[0-9]+" "a12b3" -1 }} → [12 3]"#,
    ),
    entry(
        Func::new("mustRegexMatch", &[S, S], Type::Bool, must_match),
        "Whether a pattern matches somewhere in the text.",
        r#"{{ mustRegexMatch "^a+$" "aa" }} → true"#,
    ),
    entry(
        Func::new("mustRegexReplaceAll", &[S, S, S], S, must_replace),
        "The text with each match replaced; `$1` and `${name}` stand for groups.",
        r#"{{ mustRegexReplaceAll "a(b)" "ab" "${1}c" }} → bc"#,
    ),
    entry(
        Func::new("mustRegexReplaceAllLiteral", &[S, S, S], S, must_replace_literal),
        "The text with each match replaced by a plain text.",
        r#"{{ mustRegexReplaceAllLiteral "a" "ab" "$1" }} → $1b"#,
    ),
    entry(
        Func::new("mustRegexSplit", &[S, S, I], L, must_split),
        "The parts between matches, at most so many.",
        r#"{{ mustRegexSplit "," "a,b" -1 }} → [a b]"#,
    ),
    entry(
        Func::new("regexFind", &[S, S], S, find),
        "The first match of a pattern.",
        r#"{{ regexFind "[0-9]+" "a12b3" }} → 12"#,
    ),
    entry(
        Func::new("regexFindAll", &[S, S, I], L, find_all),
        "The matches of a pattern, at most so many.",
        r#"{{ regexFindAll "[0-9]+" "a12b3" -1 }} → [12 3]"#,
    ),
    entry(
        Func::new("regexMatch", &[S, S], Type::Bool, matches),
        "Whether a pattern matches somewhere in the text; false for what is no pattern.",
        r#"{{ regexMatch "^a+$" "aa" }} → true"#,
    ),
    entry(
        Func::new("regexQuoteMeta", &[S], S, quote_meta),
        "The pattern that matches exactly this text.",
        r#"{{ regexQuoteMeta "1.5" }} → 1\.5"#,
    ),
    entry(
        Func::new("regexReplaceAll", &[S, S, S], S, replace),
        "The text with each match replaced; `$1` and `${name}` stand for groups.",
        r#"{{ regexReplaceAll "a(b)" "ab" "${1}c" }} → bc"#,
    ),
    entry(
        Func::new("regexReplaceAllLiteral", &[S, S, S], S, replace_literal),
        "The text with each match replaced by a plain text.",
        r#"{{ regexReplaceAllLiteral "a" "ab" "$1" }} → $1b"#,
    ),
    entry(
        Func::new("regexSplit", &[S, S, I], L, split),
        "The parts between matches, at most so many.",
        r#"{{ regexSplit "," "a,b" -1 }} → [a b]"#,
    ),
];

/// A compiled pattern and the text to match.
struct Pattern<'a> {
    regex: Rc<Regex>,
    /// The text with U+FFFD for each byte that is not part of UTF-8, which is how Go matches it.
    text: Cow<'a, str>,
    original: &'a GoStr,
    /// Where in `text` such bytes were replaced, in order.
    replaced: Vec<usize>,
}

/// How many bytes longer than a byte the character is that stands for it.
const GROWTH: usize = char::REPLACEMENT_CHARACTER.len_utf8() - 1;

impl<'a> Pattern<'a> {
    fn new(regex: Rc<Regex>, original: &'a GoStr) -> Self {
        let text = go_text(original);
        let mut replaced = Vec::new();
        if matches!(text, Cow::Owned(_)) {
            let mut at = 0;
            for rune in runes(original.as_bytes()) {
                at += match rune {
                    Rune::Char(c) => c.len_utf8(),
                    Rune::Invalid(_) => {
                        replaced.push(at);
                        1 + GROWTH
                    }
                };
            }
        }
        Pattern { regex, text, original, replaced }
    }

    /// The original bytes of a part of the text.
    fn bytes(&self, part: Range<usize>) -> &'a [u8] {
        let origin = |at: usize| at - GROWTH * self.replaced.partition_point(|mark| *mark < at);
        self.original.as_bytes().get(origin(part.start)..origin(part.end)).unwrap_or(&[])
    }

    fn part(&self, part: Range<usize>) -> GoStr {
        GoStr::from(self.bytes(part))
    }
}

/// The pattern in the first argument and the text in the second. `must` functions report what is wrong with a pattern,
/// the others panic with it.
fn prepare<'a>(ctx: &mut Ctx<'_>, args: &'a [Val], must: bool) -> Result<Pattern<'a>, FuncError> {
    let [Val::Str(source), Val::Str(text), ..] = args else { return Err(FuncError::arguments("regex")) };
    ctx.spend(1 + text.len() as u64 / 64 + source.len() as u64 / 4)?;
    if source.as_str().is_none() {
        let message = pattern::compile_bytes(source.as_bytes());
        return Err(refused(source, message, must));
    }
    let source_text = go_text(source);
    let compiled = match ctx.host::<Outside>() {
        Some(outside) => {
            if outside.patterns.len() > MOST_KEPT {
                outside.patterns.clear();
            }
            if let Some(known) = outside.patterns.get(&*source_text) {
                known.clone()
            } else {
                let compiled = pattern::compile(&source_text).map(Rc::new);
                outside.patterns.insert(source_text.to_string(), compiled.clone());
                compiled
            }
        }
        None => pattern::compile(&source_text).map(Rc::new),
    };
    compiled.map(|regex| Pattern::new(regex, text)).map_err(|message| refused(source, message, must))
}

/// The error of a pattern that does not compile.
fn refused(source: &GoStr, message: String, must: bool) -> FuncError {
    if must {
        return FuncError::new(message);
    }
    let quoted = match source.as_str() {
        Some(text) if can_backquote(text.as_bytes()) => format!("`{text}`"),
        _ => quote(source.as_bytes()),
    };
    FuncError::panic(format!("regexp: Compile({quoted}): {message}"))
}

fn matches(ctx: &mut Ctx<'_>, args: &[Val]) -> Answer {
    match prepare(ctx, args, true) {
        Ok(pattern) => Ok(Val::Bool(pattern.regex.is_match(&pattern.text))),
        Err(FuncError::Message(_)) => Ok(Val::Bool(false)),
        Err(other) => Err(other),
    }
}

fn must_match(ctx: &mut Ctx<'_>, args: &[Val]) -> Answer {
    let pattern = prepare(ctx, args, true)?;
    Ok(Val::Bool(pattern.regex.is_match(&pattern.text)))
}

fn find(ctx: &mut Ctx<'_>, args: &[Val]) -> Answer {
    Ok(first_match(&prepare(ctx, args, false)?))
}

fn must_find(ctx: &mut Ctx<'_>, args: &[Val]) -> Answer {
    Ok(first_match(&prepare(ctx, args, true)?))
}

fn first_match(pattern: &Pattern<'_>) -> Val {
    Val::Str(pattern.regex.find(&pattern.text).map_or(GoStr::EMPTY, |found| pattern.part(found.range())))
}

fn count(args: &[Val]) -> i64 {
    args.get(2).and_then(Val::as_signed).unwrap_or(-1)
}

fn find_all(ctx: &mut Ctx<'_>, args: &[Val]) -> Answer {
    Ok(all_matches(&prepare(ctx, args, false)?, count(args)))
}

fn must_find_all(ctx: &mut Ctx<'_>, args: &[Val]) -> Answer {
    Ok(all_matches(&prepare(ctx, args, true)?, count(args)))
}

fn all_matches(pattern: &Pattern<'_>, count: i64) -> Val {
    let most = usize::try_from(count).unwrap_or(usize::MAX);
    let found = pattern.regex.find_iter(&pattern.text).take(most);
    let found: Vec<GoStr> = found.map(|found| pattern.part(found.range())).collect();
    if found.is_empty() { Val::List(List::nil(&STRINGS)) } else { Val::strings(found) }
}

fn split(ctx: &mut Ctx<'_>, args: &[Val]) -> Answer {
    Ok(parts(&prepare(ctx, args, false)?, count(args)))
}

fn must_split(ctx: &mut Ctx<'_>, args: &[Val]) -> Answer {
    Ok(parts(&prepare(ctx, args, true)?, count(args)))
}

/// Go's `Regexp.Split`: an empty match at the start of the text does not part it.
fn parts(pattern: &Pattern<'_>, count: i64) -> Val {
    if count == 0 {
        return Val::List(List::nil(&STRINGS));
    }
    let text = &*pattern.text;
    if text.is_empty() && !pattern.regex.as_str().is_empty() {
        return Val::strings([GoStr::EMPTY]);
    }
    let most = usize::try_from(count).unwrap_or(usize::MAX);
    let mut out = Vec::new();
    let (mut begin, mut end) = (0, 0);
    for found in pattern.regex.find_iter(text) {
        if out.len() + 1 >= most {
            break;
        }
        end = found.start();
        if found.end() != 0 {
            out.push(pattern.part(begin..end));
        }
        begin = found.end();
    }
    if end != text.len() {
        out.push(pattern.part(begin..text.len()));
    }
    Val::strings(out)
}

fn quote_meta(_: &mut Ctx<'_>, args: &[Val]) -> Answer {
    let [Val::Str(text)] = args else { return Err(FuncError::arguments("regexQuoteMeta")) };
    let mut out = Vec::with_capacity(text.len());
    for byte in text.as_bytes() {
        if b"\\.+*?()|[]{}^$".contains(byte) {
            out.push(b'\\');
        }
        out.push(*byte);
    }
    Ok(Val::Str(GoStr::from(out)))
}

fn replace(ctx: &mut Ctx<'_>, args: &[Val]) -> Answer {
    let pattern = prepare(ctx, args, false)?;
    replaced(ctx, &pattern, args, true)
}

fn must_replace(ctx: &mut Ctx<'_>, args: &[Val]) -> Answer {
    let pattern = prepare(ctx, args, true)?;
    replaced(ctx, &pattern, args, true)
}

fn replace_literal(ctx: &mut Ctx<'_>, args: &[Val]) -> Answer {
    let pattern = prepare(ctx, args, false)?;
    replaced(ctx, &pattern, args, false)
}

fn must_replace_literal(ctx: &mut Ctx<'_>, args: &[Val]) -> Answer {
    let pattern = prepare(ctx, args, true)?;
    replaced(ctx, &pattern, args, false)
}

fn replaced(ctx: &mut Ctx<'_>, pattern: &Pattern<'_>, args: &[Val], expand: bool) -> Answer {
    let Some(Val::Str(by)) = args.get(2) else { return Err(FuncError::arguments("regexReplaceAll")) };
    let by = by.as_bytes();
    let text = &*pattern.text;
    let mut out: Vec<u8> = Vec::with_capacity(text.len());
    let mut copied = 0;
    for groups in pattern.regex.captures_iter(text) {
        let Some(whole) = groups.get(0) else { continue };
        out.extend_from_slice(pattern.bytes(copied..whole.start()));
        if expand {
            expand_into(&mut out, by, &groups, pattern);
        } else {
            out.extend_from_slice(by);
        }
        copied = whole.end();
        if out.len() > ctx.limits().value {
            ctx.allow_size(out.len())?;
        }
    }
    out.extend_from_slice(pattern.bytes(copied..text.len()));
    Ok(Val::Str(GoStr::from(out)))
}

/// Writes a replacement with its `$1`, `${1}`, `$name`, `${name}` and `$$`; a `$` that begins none of them is plain.
fn expand_into(out: &mut Vec<u8>, template: &[u8], groups: &Captures<'_>, pattern: &Pattern<'_>) {
    let mut rest = template;
    while let Some(at) = rest.iter().position(|byte| *byte == b'$') {
        out.extend_from_slice(&rest[..at]);
        let after = &rest[at + 1..];
        if let Some(after) = after.strip_prefix(b"$") {
            out.push(b'$');
            rest = after;
            continue;
        }
        // A name is text; what is not ends it.
        let text = after.utf8_chunks().next().map_or("", |chunk| chunk.valid());
        if let Some((name, tail)) = reference(text) {
            if let Some(found) = group(groups, &pattern.regex, name) {
                out.extend_from_slice(pattern.bytes(found));
            }
            rest = &after[text.len() - tail.len()..];
        } else {
            out.push(b'$');
            rest = after;
        }
    }
    out.extend_from_slice(rest);
}

/// The name after a `$`, and what follows.
fn reference(after: &str) -> Option<(&str, &str)> {
    let (body, braced) = match after.strip_prefix('{') {
        Some(body) => (body, true),
        None => (after, false),
    };
    let end = body.find(|c: char| !is_alphanumeric(c)).unwrap_or(body.len());
    let (name, tail) = body.split_at(end);
    if name.is_empty() {
        return None;
    }
    if braced { Some((name, tail.strip_prefix('}')?)) } else { Some((name, tail)) }
}

fn group(groups: &Captures<'_>, regex: &Regex, name: &str) -> Option<Range<usize>> {
    let digits =
        name.bytes().all(|byte| byte.is_ascii_digit()) && (name.len() == 1 || !name.starts_with('0'));
    let found = if digits {
        name.parse().ok().and_then(|number: usize| groups.get(number))
    } else {
        // The translated pattern numbers its names: `n1_name`.
        regex
            .capture_names()
            .flatten()
            .filter(|known| known.split_once('_').is_some_and(|(_, known)| known == name))
            .find_map(|known| groups.name(known))
    };
    found.map(|found| found.range())
}
