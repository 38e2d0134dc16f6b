//! Filters on text.
//!
//! Invariant: lengths and positions count characters, never bytes.

use regex::RegexBuilder;

use super::{Call, raw, text};
use crate::data::yaml;

type Answer = Result<tera::Value, String>;

/// Bytes that a compiled pattern may take.
const PATTERN: usize = 1 << 20;

/// The words of a name: at dashes, underscores, blanks, dots, and where small letters meet capital ones.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut before: Option<char> = None;
    let mut chars = name.chars().peekable();
    while let Some(c) = chars.next() {
        if matches!(c, '-' | '_' | ' ' | '.' | '/') {
            words.push(String::new());
            before = None;
            continue;
        }
        let next_small = chars.peek().is_some_and(|next| next.is_lowercase());
        let starts = c.is_uppercase()
            && before.is_some_and(|before| !before.is_uppercase() || (before.is_uppercase() && next_small));
        if starts {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut() {
            word.push(c);
        }
        before = Some(c);
    }
    words.retain(|word| !word.is_empty());
    words
}

fn joined(call: &Call, separator: &str) -> Answer {
    let lower: Vec<String> = words(&call.text()?).iter().map(|word| word.to_lowercase()).collect();
    Ok(text(lower.join(separator)))
}

fn capitalized(word: &str) -> String {
    let mut chars = word.chars();
    chars.next().map_or_else(String::new, |first| {
        first.to_uppercase().collect::<String>() + &chars.as_str().to_lowercase()
    })
}

/// `kebabcase`.
pub(super) fn kebabcase(call: &Call) -> Answer {
    joined(call, "-")
}

/// `snakecase`.
pub(super) fn snakecase(call: &Call) -> Answer {
    joined(call, "_")
}

/// `camelcase`.
pub(super) fn camelcase(call: &Call) -> Answer {
    let words = words(&call.text()?);
    let mut out = words.first().map(|word| word.to_lowercase()).unwrap_or_default();
    out.extend(words.iter().skip(1).map(|word| capitalized(word)));
    Ok(text(out))
}

/// `pascalcase`.
pub(super) fn pascalcase(call: &Call) -> Answer {
    Ok(text(words(&call.text()?).iter().map(|word| capitalized(word)).collect::<String>()))
}

/// `trunc(length)`: a negative length counts from the end.
pub(super) fn trunc(call: &Call) -> Answer {
    let (found, length) = (call.text()?, call.must_int("length")?);
    let count = found.chars().count();
    let size = usize::try_from(length.unsigned_abs()).unwrap_or(usize::MAX);
    Ok(text(if length >= 0 {
        found.chars().take(size).collect::<String>()
    } else {
        found.chars().skip(count.saturating_sub(size)).collect()
    }))
}

/// `substr(start, end?)`.
pub(super) fn substr(call: &Call) -> Answer {
    let (found, start) = (call.text()?, call.must_length("start")?);
    let end = if call.argument("end").is_some() { call.must_length("end")? } else { usize::MAX };
    Ok(text(found.chars().skip(start).take(end.saturating_sub(start)).collect::<String>()))
}

/// `trim_prefix(prefix)`.
pub(super) fn trim_prefix(call: &Call) -> Answer {
    let (found, prefix) = (call.text()?, call.must_text("prefix")?);
    Ok(text(found.strip_prefix(prefix.as_str()).unwrap_or(&found)))
}

/// `trim_suffix(suffix)`.
pub(super) fn trim_suffix(call: &Call) -> Answer {
    let (found, suffix) = (call.text()?, call.must_text("suffix")?);
    Ok(text(found.strip_suffix(suffix.as_str()).unwrap_or(&found)))
}

/// `repeat(count)`.
pub(super) fn repeat(call: &Call) -> Answer {
    let (found, count) = (call.text()?, call.must_length("count")?);
    if found.len().saturating_mul(count) > call.run.options.limits.output / 4 {
        return Err(format!("{count} repetitions are too many"));
    }
    Ok(text(found.repeat(count)))
}

/// `nospace`.
pub(super) fn nospace(call: &Call) -> Answer {
    Ok(text(call.text()?.split_whitespace().collect::<String>()))
}

/// `lines`.
pub(super) fn lines(call: &Call) -> Answer {
    let found = call.text()?;
    Ok(found.lines().map(text).collect::<Vec<_>>().into())
}

fn indented(found: &str, width: usize, first: bool, blank: bool) -> String {
    let pad = " ".repeat(width);
    let mut out = String::with_capacity(found.len());
    for (index, line) in found.split('\n').enumerate() {
        if index > 0 {
            out.push('\n');
        }
        if (index > 0 || first) && (blank || !line.is_empty()) {
            out.push_str(&pad);
        }
        out.push_str(line);
    }
    out
}

/// `indent(width, first?, blank?)`.
pub(super) fn indent(call: &Call) -> Answer {
    let width = if call.argument("width").is_some() { call.must_length("width")?.min(1_000) } else { 4 };
    let flag = |name: &str| call.argument(name).is_some_and(|flag| flag.is_truthy());
    Ok(raw(indented(&call.text()?, width, flag("first"), flag("blank"))))
}

/// `nindent(width)`.
pub(super) fn nindent(call: &Call) -> Answer {
    let width = call.must_length("width")?.min(1_000);
    Ok(raw(format!("\n{}", indented(&call.text()?, width, true, false))))
}

/// `quote`.
pub(super) fn quote(call: &Call) -> Answer {
    Ok(raw(yaml::double_quoted(&super::text_of(&call.ours()?))))
}

/// `squote`.
pub(super) fn squote(call: &Call) -> Answer {
    let found = super::text_of(&call.ours()?);
    Ok(raw(match yaml::escape_single(&found) {
        Some(inner) => format!("'{inner}'"),
        None => yaml::double_quoted(&found),
    }))
}

fn pattern(call: &Call) -> Result<regex::Regex, String> {
    let source = call.must_text("pattern")?;
    RegexBuilder::new(&source)
        .size_limit(PATTERN)
        .build()
        .map_err(|error| format!("`{source}` is no regular expression: {}", last_line(&error.to_string())))
}

fn last_line(message: &str) -> String {
    let line = message.lines().last().unwrap_or("");
    line.strip_prefix("error: ").unwrap_or(line).to_string()
}

/// `regex_match(pattern)`.
pub(super) fn regex_match(call: &Call) -> Answer {
    Ok(pattern(call)?.is_match(&call.text()?).into())
}

/// `regex_find(pattern)`.
pub(super) fn regex_find(call: &Call) -> Answer {
    let found = call.text()?;
    Ok(text(pattern(call)?.find(&found).map_or("", |found| found.as_str())))
}

/// `regex_find_all(pattern)`.
pub(super) fn regex_find_all(call: &Call) -> Answer {
    let found = call.text()?;
    Ok(pattern(call)?.find_iter(&found).map(|found| text(found.as_str())).collect::<Vec<_>>().into())
}

/// `regex_replace(pattern, to)`.
pub(super) fn regex_replace(call: &Call) -> Answer {
    let (found, to) = (call.text()?, call.must_text("to")?);
    Ok(text(pattern(call)?.replace_all(&found, to.as_str())))
}

/// `regex_split(pattern)`.
pub(super) fn regex_split(call: &Call) -> Answer {
    let found = call.text()?;
    Ok(pattern(call)?.split(&found).map(text).collect::<Vec<_>>().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_fall_into_words() {
        for (name, wanted) in [
            ("fooBarBaz", "foo bar baz"),
            ("HTTPServer", "http server"),
            ("foo-bar_baz qux", "foo bar baz qux"),
            ("", ""),
            ("v1beta2", "v1beta2"),
        ] {
            assert_eq!(words(name).join(" ").to_lowercase(), wanted, "{name}");
        }
    }
}
