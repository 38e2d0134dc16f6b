//! The case of words, and lines of a width.
//!
//! Source of the rules: xstrings 1.5 (snake, kebab, camel case) and goutils 1.1 (swap, wrap) as Helm 4.3 shows them.
//!
//! Invariant: nothing here looks further than one word ahead, so all of it is linear in the text.

use std::sync::LazyLock;

use regex::Regex;

use crate::gotpl::{Ctx, Func, FuncError, GoStr, Type, Val};

use super::encode::go_text;
use super::outside::outside;
use super::strings::{simple_lower, simple_upper};
use super::{Entry, entry};

type Answer = Result<Val, FuncError>;

const I: Type = Type::Int;
const S: Type = Type::String;

pub(super) static ENTRIES: &[Entry] = &[
    entry(
        Func::new("camelcase", &[S], S, camelcase),
        "The words joined, each with a capital.",
        r#"{{ camelcase "http_server" }} → HttpServer"#,
    ),
    entry(
        Func::new("kebabcase", &[S], S, |_, args| cased(args, '-')),
        "The words in lower case, joined by hyphens.",
        r#"{{ kebabcase "FirstName" }} → first-name"#,
    ),
    entry(
        Func::new("shuffle", &[S], S, shuffle),
        "The letters in random order.",
        r#"{{ shuffle "aaa" }} → aaa"#,
    ),
    entry(
        Func::new("snakecase", &[S], S, |_, args| cased(args, '_')),
        "The words in lower case, joined by underscores.",
        r#"{{ snakecase "FirstName" }} → first_name"#,
    ),
    entry(
        Func::new("swapcase", &[S], S, swapcase),
        "Capitals for small letters and the reverse.",
        r#"{{ swapcase "This Is" }} → tHIS iS"#,
    ),
    entry(
        Func::new("wrap", &[I, S], S, wrap),
        "The text in lines of a width, broken at spaces.",
        "{{ wrap 5 \"ab cd ef\" }} → ab cd\nef",
    ),
    entry(
        Func::new("wrapWith", &[I, S, S], S, wrap_with),
        "The text broken by a separator, words that are too long as well.",
        r#"{{ wrapWith 3 "|" "abcde f" }} → abc|de|f"#,
    ),
];

fn text(args: &[Val], at: usize) -> Result<&GoStr, FuncError> {
    args.get(at).and_then(Val::as_str).ok_or_else(|| FuncError::arguments("words"))
}

fn is_connector(c: char) -> bool {
    c == '_' || c == '-' || c.is_whitespace()
}

/// What a character is to the division into words.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Connector,
    Upper,
    /// Lower case, and letters that have no case.
    Letter,
    Digit,
    Punctuation,
    Other,
}

fn class(c: char) -> Class {
    match c {
        c if is_connector(c) => Class::Connector,
        c if c.is_ascii_punctuation() && !"$+<=>^`|~".contains(c) => Class::Punctuation,
        // Circled letters are symbols, and ideographs stand for themselves.
        '\u{24b6}'..='\u{24e9}'
        | '\u{1f130}'..='\u{1f189}'
        | '\u{3007}'
        | '\u{3400}'..='\u{4dbf}'
        | '\u{4e00}'..='\u{9fff}'
        | '\u{f900}'..='\u{faff}'
        | '\u{20000}'..='\u{3ffff}' => Class::Other,
        c if c.is_numeric() => Class::Digit,
        c if c.is_uppercase() => Class::Upper,
        c if c.is_alphabetic() => Class::Letter,
        c if is_punctuation(c) => Class::Punctuation,
        _ => Class::Other,
    }
}

/// Punctuation beyond ASCII.
fn is_punctuation(c: char) -> bool {
    static PUNCTUATION: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"^\p{P}$").ok());
    !c.is_ascii() && PUNCTUATION.as_ref().is_some_and(|pattern| pattern.is_match(c.encode_utf8(&mut [0; 4])))
}

/// The end of a run of characters of a class.
fn run(chars: &[char], from: usize, wanted: &[Class]) -> usize {
    chars[from..]
        .iter()
        .position(|c| !wanted.contains(&class(*c)))
        .map_or(chars.len(), |length| from + length)
}

/// Where the word that begins at `start` ends.
fn word_end(chars: &[char], start: usize) -> usize {
    let Some(first) = chars.get(start) else { return start };
    let end = match class(*first) {
        Class::Digit => return digit_word(chars, start),
        Class::Upper => {
            let end = run(chars, start, &[Class::Upper]);
            match chars.get(end).map(|c| class(*c)) {
                // The last capital begins the next word, unless it is the only one.
                Some(Class::Letter) if end - start > 1 => return end - 1,
                Some(Class::Letter) => run(chars, end, &[Class::Letter]),
                _ => end,
            }
        }
        own => run(chars, start, &[own]),
    };
    // Digits belong to the word before them when no small letter follows.
    if chars.get(end).is_some_and(|c| class(*c) == Class::Digit) {
        let after = run(chars, end, &[Class::Digit]);
        if chars.get(after).is_none_or(|c| class(*c) != Class::Letter) {
            return after;
        }
    }
    end
}

/// `20x`, `3m9s`: digits with the small letters and digits after them.
fn digit_word(chars: &[char], start: usize) -> usize {
    run(chars, start, &[Class::Digit, Class::Letter])
}

fn cased(args: &[Val], connector: char) -> Answer {
    let chars: Vec<char> = go_text(text(args, 0)?).chars().collect();
    let mut out = String::with_capacity(chars.len() + 8);
    let mut start = 0;
    let mut before: Option<Class> = None;
    while let Some(first) = chars.get(start) {
        let own = class(*first);
        if own == Class::Connector {
            out.push(connector);
            start += 1;
            before = Some(own);
            continue;
        }
        let joins = |side: Class| matches!(side, Class::Connector | Class::Punctuation);
        if before.is_some_and(|before| !joins(before)) && !joins(own) {
            out.push(connector);
        }
        let end = word_end(&chars, start).max(start + 1);
        let lower = |c: &char| if class(*c) == Class::Upper { simple_lower(*c) } else { *c };
        out.extend(chars[start..end].iter().map(lower));
        before = Some(class(chars[end - 1]));
        start = end;
    }
    Ok(Val::str(out))
}

fn camelcase(_: &mut Ctx<'_>, args: &[Val]) -> Answer {
    let source = go_text(text(args, 0)?);
    let chars: Vec<char> = source.chars().collect();
    let leading = chars.iter().take_while(|c| is_connector(**c)).count();
    let mut out: String = chars[..leading].iter().collect();
    if leading == chars.len() {
        // Go's library writes the last connector of such a text twice.
        out.extend(chars.last());
        return Ok(Val::str(out));
    }
    let mut at = leading;
    while at < chars.len() {
        let end = chars[at..].iter().position(|c| is_connector(*c)).map_or(chars.len(), |length| at + length);
        push_capitalized(&mut out, &chars[at..end]);
        let next =
            chars[end..].iter().position(|c| !is_connector(*c)).map_or(chars.len(), |length| end + length);
        let between = &chars[end..next];
        if next == chars.len() {
            out.extend(between);
        } else {
            out.extend(&between[..between.len() - 1]);
        }
        at = next;
    }
    Ok(Val::str(out))
}

/// A word with a capital; when it began with one, the capitals right behind become small.
fn push_capitalized(out: &mut String, word: &[char]) {
    let mut lowering = word.first().is_some_and(|c| c.is_uppercase());
    for (index, c) in word.iter().enumerate() {
        if index == 0 {
            out.push(simple_upper(*c));
            continue;
        }
        lowering = lowering && c.is_uppercase();
        out.push(if lowering { simple_lower(*c) } else { *c });
    }
}

/// The title case of the four letters that have one of their own.
pub(super) fn title(c: char) -> char {
    match c {
        'ǆ' => 'ǅ',
        'ǉ' => 'ǈ',
        'ǌ' => 'ǋ',
        'ǳ' => 'ǲ',
        other => simple_upper(other),
    }
}

fn swapcase(_: &mut Ctx<'_>, args: &[Val]) -> Answer {
    let mut at_start = true;
    let swapped: String = go_text(text(args, 0)?)
        .chars()
        .map(|c| {
            let is_title = matches!(c, 'ǅ' | 'ǈ' | 'ǋ' | 'ǲ');
            if c.is_uppercase() || is_title {
                at_start = false;
                simple_lower(c)
            } else if c.is_lowercase() {
                let swapped = if at_start { title(c) } else { simple_upper(c) };
                at_start = false;
                swapped
            } else {
                at_start = c.is_whitespace();
                c
            }
        })
        .collect();
    Ok(Val::str(swapped))
}

fn shuffle(ctx: &mut Ctx<'_>, args: &[Val]) -> Answer {
    let mut chars: Vec<char> = go_text(text(args, 0)?).chars().collect();
    ctx.spend(chars.len() as u64)?;
    let world = outside(ctx)?;
    for last in (1..chars.len()).rev() {
        let other = world.below(last as u64 + 1)? as usize;
        chars.swap(last, other);
    }
    Ok(Val::str(chars.into_iter().collect::<String>()))
}

fn wrap(ctx: &mut Ctx<'_>, args: &[Val]) -> Answer {
    let [Val::Int(width), Val::Str(text)] = args else { return Err(FuncError::arguments("wrap")) };
    wrapped(ctx, text.as_bytes(), *width, b"\n", false)
}

fn wrap_with(ctx: &mut Ctx<'_>, args: &[Val]) -> Answer {
    let [Val::Int(width), Val::Str(separator), Val::Str(text)] = args else {
        return Err(FuncError::arguments("wrapWith"));
    };
    let separator = if separator.is_empty() { b"\n" } else { separator.as_bytes() };
    wrapped(ctx, text.as_bytes(), *width, separator, true)
}

/// Lines of at most `width` bytes; a word that is longer is broken only when `break_words` says so.
fn wrapped(ctx: &mut Ctx<'_>, text: &[u8], width: i64, separator: &[u8], break_words: bool) -> Answer {
    let width = usize::try_from(width).unwrap_or(1).max(1);
    ctx.allow_size(text.len().saturating_add((text.len() / width).saturating_mul(separator.len())))?;
    let mut out = Vec::with_capacity(text.len() + 16);
    let mut rest = text;
    while rest.len() > width {
        if let Some(after) = rest.strip_prefix(b" ") {
            rest = after;
            continue;
        }
        let space = rest[..=width].iter().rposition(|byte| *byte == b' ');
        let (line, after) = match space {
            Some(space) => (&rest[..space], &rest[space + 1..]),
            None if break_words => rest.split_at(width),
            None => match rest[width..].iter().position(|byte| *byte == b' ') {
                Some(space) => (&rest[..width + space], &rest[width + space + 1..]),
                None => break,
            },
        };
        out.extend_from_slice(line);
        out.extend_from_slice(separator);
        rest = after;
    }
    out.extend_from_slice(rest);
    Ok(Val::Str(GoStr::from(out)))
}
