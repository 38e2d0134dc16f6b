//! Text: trimming, case, search, padding, wrapping, quoting.
//!
//! Invariant: offsets and widths count bytes where sprig counts bytes, so a cut may leave text that is not UTF-8.

use crate::gotpl::{Ctx, Func, FuncError, GoStr, STRINGS, Type, Val, quote};

use super::{Entry, entry, strval, texts};

type Answer = Result<Val, FuncError>;

const S: Type = Type::String;
const I: Type = Type::Int;

pub(super) static ENTRIES: &[Entry] = &[
    entry(
        Func::new("abbrev", &[I, S], S, abbrev),
        "The text cut to a width, with `...` at its end.",
        r#"{{ abbrev 5 "hello world" }} → he..."#,
    ),
    entry(
        Func::new("abbrevboth", &[I, I, S], S, abbrevboth),
        "The text cut at both ends, with `...` there.",
        r#"{{ abbrevboth 5 10 "1234 5678 9123" }} → ...5678..."#,
    ),
    entry(
        Func::variadic("cat", &[], Type::Any, S, cat),
        "The values joined by spaces, nils left out.",
        r#"{{ cat "a" 1 true }} → a 1 true"#,
    ),
    entry(
        Func::new("contains", &[S, S], Type::Bool, contains),
        "Whether the second text holds the first.",
        r#"{{ contains "cat" "catch" }} → true"#,
    ),
    entry(
        Func::new("hasPrefix", &[S, S], Type::Bool, has_prefix),
        "Whether the second text begins with the first.",
        r#"{{ hasPrefix "ca" "catch" }} → true"#,
    ),
    entry(
        Func::new("hasSuffix", &[S, S], Type::Bool, has_suffix),
        "Whether the second text ends with the first.",
        r#"{{ hasSuffix "ch" "catch" }} → true"#,
    ),
    entry(Func::new("hello", &[], S, hello), "A greeting.", "{{ hello }} → Hello!"),
    entry(
        Func::new("indent", &[I, S], S, indent),
        "The text with spaces before each line.",
        r#"{{ indent 2 "a" }} →   a"#,
    ),
    entry(
        Func::new("initials", &[S], S, initials),
        "The first letter of each word.",
        r#"{{ initials "First Try" }} → FT"#,
    ),
    entry(
        Func::new("join", &[S, Type::Any], S, join),
        "The elements of a list as one text, a separator between them.",
        r#"{{ list "a" "b" | join "-" }} → a-b"#,
    ),
    entry(Func::new("lower", &[S], S, lower), "The text in lower case.", r#"{{ lower "Hi" }} → hi"#),
    entry(
        Func::new("nindent", &[I, S], S, nindent),
        "A line break, then the text with spaces before each line.",
        r#"{{ nindent 2 "a" | trim }} → a"#,
    ),
    entry(
        Func::new("nospace", &[S], S, nospace),
        "The text without white space.",
        r#"{{ nospace "h e l l o" }} → hello"#,
    ),
    entry(
        Func::new("plural", &[S, S, I], S, plural),
        "The first text for one, the second for any other number.",
        r#"{{ plural "egg" "eggs" 2 }} → eggs"#,
    ),
    entry(
        Func::variadic("quote", &[], Type::Any, S, quote_all),
        "Each value in double quotes, joined by spaces, nils left out.",
        r#"{{ quote "a" 1 }} → "a" "1""#,
    ),
    entry(
        Func::new("repeat", &[I, S], S, repeat),
        "The text several times.",
        r#"{{ repeat 3 "ab" }} → ababab"#,
    ),
    entry(
        Func::new("replace", &[S, S, S], S, replace),
        "The third text with each first in it made the second.",
        r#"{{ "a.b.c" | replace "." "-" }} → a-b-c"#,
    ),
    entry(
        Func::new("sortAlpha", &[Type::Any], Type::List(&STRINGS), sort_alpha),
        "The elements as texts in the order of their bytes.",
        r#"{{ list "b" "a" | sortAlpha }} → [a b]"#,
    ),
    entry(
        Func::new("split", &[S, S], Type::Map(&crate::gotpl::STRING_MAP), split),
        "The parts between separators as `_0`, `_1`, ….",
        r#"{{ (split "-" "a-b")._1 }} → b"#,
    ),
    entry(
        Func::new("splitList", &[S, S], Type::List(&STRINGS), split_list),
        "The parts between separators as a list.",
        r#"{{ splitList "-" "a-b" }} → [a b]"#,
    ),
    entry(
        Func::new("splitn", &[S, I, S], Type::Map(&crate::gotpl::STRING_MAP), splitn),
        "At most that many parts between separators as `_0`, `_1`, ….",
        r#"{{ (splitn "-" 2 "a-b-c")._1 }} → b-c"#,
    ),
    entry(
        Func::variadic("squote", &[], Type::Any, S, squote),
        "Each value in single quotes, joined by spaces, nils left out.",
        r#"{{ squote "a" 1 }} → 'a' '1'"#,
    ),
    entry(
        Func::new("substr", &[I, I, S], S, substr),
        "The bytes from a start up to an end.",
        r#"{{ substr 0 3 "hello" }} → hel"#,
    ),
    entry(
        Func::new("title", &[S], S, title),
        "Each word with a capital.",
        r#"{{ title "hello there" }} → Hello There"#,
    ),
    entry(
        Func::new("toStrings", &[Type::Any], Type::List(&STRINGS), to_strings),
        "The elements as texts.",
        r"{{ list 1 2 | toStrings }} → [1 2]",
    ),
    entry(
        Func::new("trim", &[S], S, trim),
        "The text without white space at its ends.",
        r#"{{ trim " a " }} → a"#,
    ),
    entry(
        Func::new("trimAll", &[S, S], S, trim_all),
        "The second text without the letters of the first at its ends.",
        r#"{{ trimAll "$" "$5$" }} → 5"#,
    ),
    entry(
        Func::new("trimPrefix", &[S, S], S, trim_prefix),
        "The second text without the first at its beginning.",
        r#"{{ trimPrefix "-" "-a" }} → a"#,
    ),
    entry(
        Func::new("trimSuffix", &[S, S], S, trim_suffix),
        "The second text without the first at its end.",
        r#"{{ trimSuffix "-" "a-" }} → a"#,
    ),
    entry(
        Func::new("trimall", &[S, S], S, trim_all),
        "The same as `trimAll`.",
        r#"{{ trimall "$" "$5$" }} → 5"#,
    ),
    entry(
        Func::new("trunc", &[I, S], S, trunc),
        "The first bytes of the text, or the last ones for a negative number.",
        r#"{{ trunc 3 "hello" }}{{ trunc -2 "hello" }} → hello"#,
    ),
    entry(
        Func::new("untitle", &[S], S, untitle),
        "Each word with a small first letter.",
        r#"{{ untitle "First Try" }} → first try"#,
    ),
    entry(Func::new("upper", &[S], S, upper), "The text in upper case.", r#"{{ upper "Hi" }} → HI"#),
];

/// The bytes of the text argument at a position.
fn text<'a>(args: &'a [Val], at: usize, name: &str) -> Result<&'a GoStr, FuncError> {
    args.get(at).and_then(Val::as_str).ok_or_else(|| FuncError::arguments(name))
}

/// The integer argument at a position.
fn int(args: &[Val], at: usize, name: &str) -> Result<i64, FuncError> {
    args.get(at).and_then(Val::as_signed).ok_or_else(|| FuncError::arguments(name))
}

fn string(text: impl Into<GoStr>) -> Answer {
    Ok(Val::str(text))
}

fn bytes(bytes: &[u8]) -> Answer {
    Ok(Val::Str(GoStr::from(bytes)))
}

fn hello(_: &mut Ctx<'_>, _: &[Val]) -> Answer {
    string("Hello!")
}

fn upper(_: &mut Ctx<'_>, args: &[Val]) -> Answer {
    string(text(args, 0, "upper")?.to_text().chars().map(simple_upper).collect::<String>())
}

fn lower(_: &mut Ctx<'_>, args: &[Val]) -> Answer {
    string(text(args, 0, "lower")?.to_text().chars().map(simple_lower).collect::<String>())
}

/// Go maps letter to letter; letters whose upper case is several (`ß`) stay as they are.
pub(super) fn simple_upper(c: char) -> char {
    let mut upper = c.to_uppercase();
    match (upper.next(), upper.next()) {
        (Some(one), None) => one,
        _ => c,
    }
}

/// The counterpart of [`simple_upper`]; `İ` becomes a plain `i`, as in Go.
pub(super) fn simple_lower(c: char) -> char {
    c.to_lowercase().next().unwrap_or(c)
}

fn title(_: &mut Ctx<'_>, args: &[Val]) -> Answer {
    // A word begins after anything that is neither letter nor digit nor underscore.
    let mut inside = false;
    let titled: String = text(args, 0, "title")?
        .to_text()
        .chars()
        .map(|c| {
            let first = !inside;
            inside = c.is_alphanumeric() || c == '_' || (!c.is_ascii() && !c.is_whitespace());
            if first { super::words::title(c) } else { c }
        })
        .collect();
    string(titled)
}

fn untitle(_: &mut Ctx<'_>, args: &[Val]) -> Answer {
    let mut inside = false;
    let untitled: String = text(args, 0, "untitle")?
        .to_text()
        .chars()
        .map(|c| {
            let first = !inside;
            inside = !c.is_whitespace();
            if first { simple_lower(c) } else { c }
        })
        .collect();
    string(untitled)
}

fn trim(_: &mut Ctx<'_>, args: &[Val]) -> Answer {
    let text = text(args, 0, "trim")?;
    match text.as_str() {
        Some(text) => string(text.trim_matches(is_go_space)),
        None => bytes(text.as_bytes().trim_ascii()),
    }
}

/// Go's `unicode.IsSpace`.
fn is_go_space(c: char) -> bool {
    c.is_whitespace()
}

fn trim_all(_: &mut Ctx<'_>, args: &[Val]) -> Answer {
    let (cutset, text) = (text(args, 0, "trimAll")?.to_text(), text(args, 1, "trimAll")?.to_text());
    string(text.trim_matches(|c| cutset.contains(c)))
}

fn trim_prefix(_: &mut Ctx<'_>, args: &[Val]) -> Answer {
    let (affix, text) = (text(args, 0, "trimPrefix")?, text(args, 1, "trimPrefix")?);
    text.as_bytes().strip_prefix(affix.as_bytes()).map_or_else(|| Ok(Val::Str(text.clone())), bytes)
}

fn trim_suffix(_: &mut Ctx<'_>, args: &[Val]) -> Answer {
    let (affix, text) = (text(args, 0, "trimSuffix")?, text(args, 1, "trimSuffix")?);
    text.as_bytes().strip_suffix(affix.as_bytes()).map_or_else(|| Ok(Val::Str(text.clone())), bytes)
}

/// Position of `needle` in `hay`.
fn find(hay: &[u8], needle: &[u8]) -> Option<usize> {
    match needle {
        [] => Some(0),
        [one] => hay.iter().position(|byte| byte == one),
        _ => hay.windows(needle.len()).position(|window| window == needle),
    }
}

fn contains(_: &mut Ctx<'_>, args: &[Val]) -> Answer {
    let (needle, hay) = (text(args, 0, "contains")?, text(args, 1, "contains")?);
    Ok(Val::Bool(find(hay.as_bytes(), needle.as_bytes()).is_some()))
}

fn has_prefix(_: &mut Ctx<'_>, args: &[Val]) -> Answer {
    let (prefix, hay) = (text(args, 0, "hasPrefix")?, text(args, 1, "hasPrefix")?);
    Ok(Val::Bool(hay.as_bytes().starts_with(prefix.as_bytes())))
}

fn has_suffix(_: &mut Ctx<'_>, args: &[Val]) -> Answer {
    let (suffix, hay) = (text(args, 0, "hasSuffix")?, text(args, 1, "hasSuffix")?);
    Ok(Val::Bool(hay.as_bytes().ends_with(suffix.as_bytes())))
}

fn repeat(ctx: &mut Ctx<'_>, args: &[Val]) -> Answer {
    let (count, text) = (int(args, 0, "repeat")?, text(args, 1, "repeat")?);
    let count = usize::try_from(count).map_err(|_| FuncError::panic("strings: negative Repeat count"))?;
    ctx.allow_size(text.len().saturating_mul(count))?;
    bytes(&text.as_bytes().repeat(count))
}

fn replace(ctx: &mut Ctx<'_>, args: &[Val]) -> Answer {
    let (old, new, text) = (text(args, 0, "replace")?, text(args, 1, "replace")?, text(args, 2, "replace")?);
    ctx.allow_size(text.len().saturating_mul(new.len().max(1)))?;
    if old.is_empty() {
        // An empty pattern is found before each rune and at the end.
        let source = text.to_text();
        let mut out = new.as_bytes().to_vec();
        for c in source.chars() {
            out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
            out.extend_from_slice(new.as_bytes());
        }
        return bytes(&out);
    }
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some(at) = find(rest, old.as_bytes()) {
        out.extend_from_slice(&rest[..at]);
        out.extend_from_slice(new.as_bytes());
        rest = &rest[at + old.len()..];
    }
    out.extend_from_slice(rest);
    bytes(&out)
}

/// The text with `pad` spaces before each of its lines.
fn indented(ctx: &mut Ctx<'_>, pad: i64, text: &[u8], newline: bool) -> Result<Vec<u8>, FuncError> {
    let pad = usize::try_from(pad).map_err(|_| FuncError::panic("strings: negative Repeat count"))?;
    let lines = text.split(|byte| *byte == b'\n').count();
    ctx.allow_size(lines.saturating_mul(pad).saturating_add(text.len()))?;
    let mut out = Vec::with_capacity(lines * pad + text.len() + 1);
    if newline {
        out.push(b'\n');
    }
    for (number, line) in text.split(|byte| *byte == b'\n').enumerate() {
        if number > 0 {
            out.push(b'\n');
        }
        out.resize(out.len() + pad, b' ');
        out.extend_from_slice(line);
    }
    Ok(out)
}

fn indent(ctx: &mut Ctx<'_>, args: &[Val]) -> Answer {
    let (pad, text) = (int(args, 0, "indent")?, text(args, 1, "indent")?);
    bytes(&indented(ctx, pad, text.as_bytes(), false)?)
}

fn nindent(ctx: &mut Ctx<'_>, args: &[Val]) -> Answer {
    let (pad, text) = (int(args, 0, "nindent")?, text(args, 1, "nindent")?);
    bytes(&indented(ctx, pad, text.as_bytes(), true)?)
}

fn nospace(_: &mut Ctx<'_>, args: &[Val]) -> Answer {
    let text = text(args, 0, "nospace")?;
    if !text.as_bytes().iter().any(|byte| is_go_space(char::from(*byte))) {
        return Ok(Val::Str(text.clone()));
    }
    // sprig takes the text apart by bytes and writes each byte as a rune of its own.
    let kept = text.as_bytes().iter().map(|byte| *byte as char).filter(|c| !is_go_space(*c));
    string(kept.collect::<String>())
}

fn initials(_: &mut Ctx<'_>, args: &[Val]) -> Answer {
    // Every byte counts as a rune of its own, also those that are spaces then (0x85, 0xa0).
    let words = text(args, 0, "initials")?.as_bytes().split(|byte| is_go_space(char::from(*byte)));
    let first = words.filter_map(|word| word.first()).map(|byte| char::from(*byte));
    string(first.collect::<String>())
}

fn plural(_: &mut Ctx<'_>, args: &[Val]) -> Answer {
    let which = usize::from(int(args, 2, "plural")? != 1);
    Ok(Val::Str(text(args, which, "plural")?.clone()))
}

fn quote_all(ctx: &mut Ctx<'_>, args: &[Val]) -> Answer {
    wrap_each(ctx, args, |text| quote(text.as_bytes()).into())
}

fn squote(ctx: &mut Ctx<'_>, args: &[Val]) -> Answer {
    wrap_each(ctx, args, |text| GoStr::from([b"'", text.as_bytes(), b"'"].concat().as_slice()))
}

fn wrap_each(ctx: &mut Ctx<'_>, args: &[Val], wrap: impl Fn(&GoStr) -> GoStr) -> Answer {
    let mut out: Vec<u8> = Vec::new();
    for value in args.iter().filter(|value| !value.is_nil()) {
        if !out.is_empty() {
            out.push(b' ');
        }
        out.extend_from_slice(wrap(&strval(value)).as_bytes());
        ctx.allow_size(out.len())?;
    }
    bytes(&out)
}

fn cat(ctx: &mut Ctx<'_>, args: &[Val]) -> Answer {
    let parts: Vec<GoStr> = args.iter().filter(|value| !value.is_nil()).map(super::text_of).collect();
    joined(ctx, &parts, b" ")
}

fn joined(ctx: &mut Ctx<'_>, parts: &[GoStr], separator: &[u8]) -> Answer {
    let size = parts.iter().map(|part| part.len() + separator.len()).fold(0, usize::saturating_add);
    ctx.allow_size(size)?;
    bytes(&parts.iter().map(GoStr::as_bytes).collect::<Vec<_>>().join(separator))
}

fn join(ctx: &mut Ctx<'_>, args: &[Val]) -> Answer {
    let [Val::Str(separator), value] = args else { return Err(FuncError::arguments("join")) };
    joined(ctx, &texts(value), separator.as_bytes())
}

fn to_strings(_: &mut Ctx<'_>, args: &[Val]) -> Answer {
    let [value] = args else { return Err(FuncError::arguments("toStrings")) };
    Ok(Val::strings(texts(value)))
}

fn sort_alpha(_: &mut Ctx<'_>, args: &[Val]) -> Answer {
    let [value] = args else { return Err(FuncError::arguments("sortAlpha")) };
    let mut items = match super::elements(value) {
        Some(_) => texts(value),
        None => vec![strval(value)],
    };
    items.sort();
    Ok(Val::strings(items))
}

/// The parts between separators; an empty separator parts between runes. `most` 0 gives none, a negative one all.
fn parts(separator: &GoStr, text: &GoStr, most: i64) -> Vec<GoStr> {
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    if most == 0 {
        return Vec::new();
    }
    let mut found = Vec::new();
    let mut rest = text.as_bytes();
    if separator.is_empty() {
        let source = text.to_text();
        let mut chars = source.char_indices();
        while found.len() + 1 < most {
            let Some((_, c)) = chars.next() else { return found };
            found.push(GoStr::from(c.to_string()));
        }
        if !chars.as_str().is_empty() {
            found.push(chars.as_str().into());
        }
        return found;
    }
    while found.len() + 1 < most {
        let Some(at) = find(rest, separator.as_bytes()) else { break };
        found.push(GoStr::from(&rest[..at]));
        rest = &rest[at + separator.len()..];
    }
    found.push(GoStr::from(rest));
    found
}

fn numbered(parts: Vec<GoStr>) -> Val {
    let entries = parts.into_iter().enumerate();
    let entries = entries.map(|(number, part)| (GoStr::from(format!("_{number}")), Val::Str(part))).collect();
    Val::Map(crate::gotpl::Map::typed(&crate::gotpl::STRING_MAP, entries))
}

/// Refuses a text of so many parts that the list of them would be too large.
fn allow_parts(ctx: &mut Ctx<'_>, separator: &[u8], text: &[u8]) -> Result<(), FuncError> {
    let most = ctx.limits().value / size_of::<Val>();
    if text.len() < most {
        return Ok(());
    }
    let count = match separator {
        [] => text.len(),
        longer => text.windows(longer.len()).filter(|found| found == &longer).count(),
    };
    ctx.allow_size(count.saturating_mul(size_of::<Val>()))
}

fn split(ctx: &mut Ctx<'_>, args: &[Val]) -> Answer {
    allow_parts(ctx, text(args, 0, "split")?.as_bytes(), text(args, 1, "split")?.as_bytes())?;
    Ok(numbered(parts(text(args, 0, "split")?, text(args, 1, "split")?, -1)))
}

fn splitn(ctx: &mut Ctx<'_>, args: &[Val]) -> Answer {
    allow_parts(ctx, text(args, 0, "splitn")?.as_bytes(), text(args, 2, "splitn")?.as_bytes())?;
    Ok(numbered(parts(text(args, 0, "splitn")?, text(args, 2, "splitn")?, int(args, 1, "splitn")?)))
}

fn split_list(ctx: &mut Ctx<'_>, args: &[Val]) -> Answer {
    allow_parts(ctx, text(args, 0, "splitList")?.as_bytes(), text(args, 1, "splitList")?.as_bytes())?;
    Ok(Val::strings(parts(text(args, 0, "splitList")?, text(args, 1, "splitList")?, -1)))
}

fn out_of_bounds(start: i64, end: i64, length: usize) -> FuncError {
    if end > length as i64 {
        FuncError::panic(format!("runtime error: slice bounds out of range [:{end}] with length {length}"))
    } else {
        FuncError::panic(format!("runtime error: slice bounds out of range [{start}:{end}]"))
    }
}

fn substr(_: &mut Ctx<'_>, args: &[Val]) -> Answer {
    let (start, end, text) = (int(args, 0, "substr")?, int(args, 1, "substr")?, text(args, 2, "substr")?);
    let length = text.len() as i64;
    let (from, to) = match () {
        () if start < 0 && end < 0 => {
            return Err(FuncError::panic(format!("runtime error: slice bounds out of range [:{end}]")));
        }
        () if start < 0 => (0, end),
        () if end < 0 || end > length => (start, length),
        () => (start, end),
    };
    let range = usize::try_from(from).ok().zip(usize::try_from(to).ok()).map(|(from, to)| from..to);
    match range.and_then(|range| text.as_bytes().get(range)) {
        Some(part) => bytes(part),
        None => Err(out_of_bounds(from, to, text.len())),
    }
}

fn trunc(_: &mut Ctx<'_>, args: &[Val]) -> Answer {
    let (count, text) = (int(args, 0, "trunc")?, text(args, 1, "trunc")?);
    let length = text.len();
    let size = usize::try_from(count.unsigned_abs()).unwrap_or(usize::MAX);
    if size >= length {
        return Ok(Val::Str(text.clone()));
    }
    if count < 0 { bytes(&text.as_bytes()[length - size..]) } else { bytes(&text.as_bytes()[..size]) }
}

fn abbrev(_: &mut Ctx<'_>, args: &[Val]) -> Answer {
    let (width, text) = (int(args, 0, "abbrev")?, text(args, 1, "abbrev")?);
    abbreviated(text, 0, width)
}

fn abbrevboth(_: &mut Ctx<'_>, args: &[Val]) -> Answer {
    let (left, right) = (int(args, 0, "abbrevboth")?, int(args, 1, "abbrevboth")?);
    let text = text(args, 2, "abbrevboth")?;
    if right < 4 || left > 0 && right < 7 {
        return Ok(Val::Str(text.clone()));
    }
    abbreviated(text, left, right)
}

/// Cuts a text to `width` bytes around an offset, with `...` where something was left out.
fn abbreviated(text: &GoStr, offset: i64, width: i64) -> Answer {
    let source = text.as_bytes();
    let Ok(width) = usize::try_from(width) else { return Ok(Val::Str(text.clone())) };
    if width < 4 || source.len() <= width {
        return Ok(Val::Str(text.clone()));
    }
    let mut offset = usize::try_from(offset).unwrap_or(0).min(source.len());
    if source.len() - offset < width - 3 {
        offset = source.len() - (width - 3);
    }
    if offset <= 4 {
        return bytes(&[&source[..width - 3], b"..."].concat());
    }
    if width < 7 {
        return Ok(Val::Str(text.clone()));
    }
    let rest = &source[offset..];
    if rest.len() > width - 3 {
        return bytes(&[b"...", &rest[..width - 6], b"..."].concat());
    }
    bytes(&[b"...", &source[source.len() - (width - 3)..]].concat())
}
