//! The likely cause of a syntax error, found by looking at the text around it.
//!
//! Invariant: a hint is only given where its cause was seen in the text.

use crate::diag::Span;

/// Advice for an error of the given text at the given place.
pub(super) fn hint(problem: &str, text: &str, span: Span) -> Option<String> {
    let at = floor(text, span.start as usize);
    let start = text[..at].rfind('\n').map_or(0, |newline| newline + 1);
    let line = text[start..].lines().next().unwrap_or("");
    let before = text[..start].trim_end_matches(['\n', '\r']).rsplit('\n').next().unwrap_or("");
    let indent = &line[..line.len() - line.trim_start().len()];
    let found = text[at..].chars().next();

    if indent.contains('\t') || problem.ends_with("tab character that violates indentation") {
        return Some("a tab cannot indent in YAML; use spaces".into());
    }
    if [line, before].iter().any(|line| line.contains("{{")) && !problem.contains("control characters") {
        return Some("`{{` opens a map in YAML: put a template expression in quotes (and values files are not rendered)".into());
    }
    if problem.ends_with("cannot start any token") {
        return match found {
            Some('\t') => Some("a tab cannot separate here; use spaces".into()),
            Some('`') => Some("text that starts with a backtick must be in quotes".into()),
            Some(c @ ('%' | '@')) => Some(format!("text that starts with `{c}` must be in quotes")),
            Some(c @ ('|' | '>')) => Some(format!("text that starts with `{c}` must be in quotes here")),
            _ => None,
        };
    }
    if problem.contains("unknown anchor") || problem.ends_with("expected alphabetic or numeric character") {
        return Some(
            "`*` refers to an anchor and `&` sets one: put text that starts with either in quotes".into(),
        );
    }
    if let Some(key) = glued_colon(line).or_else(|| glued_colon(before)) {
        if [
            "could not find expected ':'",
            "mapping values are not allowed in this context",
            "did not find expected key",
        ]
        .iter()
        .any(|known| problem.ends_with(known))
        {
            return Some(format!("put a space behind the colon: `{key}: …`"));
        }
    }
    layout(problem, line, before)
}

/// Causes that show in the layout of the lines.
fn layout(problem: &str, line: &str, before: &str) -> Option<String> {
    let is = |end: &str| problem.ends_with(end);
    let width = |line: &str| line.len() - line.trim_start().len();
    if is("mapping values are not allowed in this context") {
        return Some(
            if line.matches(": ").count() > 1 || line.trim_end().ends_with(':') && line.contains(": ") {
                "a value that holds `: ` must be in quotes".into()
            } else if width(line) > width(before) {
                "this line is indented deeper than the value above allows; align it with its neighbours"
                    .into()
            } else {
                "check the indentation of this line and the one above".into()
            },
        );
    }
    if is("could not find expected ':'") {
        return Some("a line of a map needs `key: value`".into());
    }
    if is("did not find expected key") {
        return Some(if line.trim_start().starts_with("- ") && !before.trim_start().starts_with("- ") {
            "a list item cannot stand among the keys of a map; check its indentation".into()
        } else if has_text_behind_quotes(before) || has_text_behind_quotes(line) {
            "text follows a closing quote: put the whole value in quotes".into()
        } else {
            "this line is not aligned with the keys above; check the indentation".into()
        });
    }
    if is("did not find expected '-' indicator") {
        return Some("a key cannot stand among the items of a list; check the indentation".into());
    }
    if is("found unexpected end of stream") {
        return Some("a quote that was opened is never closed".into());
    }
    if is("did not find expected ',' or ']'") || is("did not find expected ',' or '}'") {
        return Some("a bracket that was opened is not closed, or a comma is missing".into());
    }
    if is("found unknown escape character") {
        return Some(r"write `\\` for a backslash within double quotes, or use single quotes".into());
    }
    if is("block sequence entries are not allowed in this context") {
        return Some("begin the list on the next line, or put the text in quotes".into());
    }
    if is("control characters are not allowed") {
        return Some(r#"write control characters as escapes within double quotes, such as "\x1b""#.into());
    }
    problem.contains("already set in map").then(|| "remove one of the two; the last one would win".into())
}

/// The key of a line like `key:value`, where the space was forgotten.
fn glued_colon(line: &str) -> Option<&str> {
    let line = line.trim_start().trim_start_matches("- ");
    let (key, rest) = line.split_once(':')?;
    let word = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '/');
    let glued = !key.is_empty()
        && key.chars().all(word)
        && rest.starts_with(|c: char| !c.is_whitespace() && c != '/')
        && !rest.contains(": ");
    glued.then_some(key)
}

/// Whether a line is like `key: "a" b`.
fn has_text_behind_quotes(line: &str) -> bool {
    let Some((_, value)) = line.split_once(": ") else { return false };
    let value = value.trim();
    ['"', '\''].iter().any(|quote| {
        value.strip_prefix(*quote).and_then(|rest| rest.split_once(*quote)).is_some_and(|(_, rest)| {
            let rest = rest.trim_start();
            !rest.is_empty() && !rest.starts_with('#')
        })
    })
}

/// The nearest character boundary at or before a byte.
fn floor(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}
