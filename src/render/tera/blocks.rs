//! Blocks, tags, interpolations and comments that a template opens and never closes, or closes in the wrong order. Tera says
//! of these only that the input ended, or that a tag is unknown; the author needs the place where the thing was opened.
//!
//! Invariant: it is asked only about templates that Tera refused, and answers only when the delimiters and block tags
//! alone show what is wrong; everything else is left to Tera's own words.

use std::sync::Arc;

use crate::diag::{Diagnostic, SourceFile, Span, did_you_mean};

use super::lexer::{Kind, Token, lex_far};

/// Tags that have a body.
const BLOCKS: [&str; 7] = ["if", "for", "block", "filter", "component", "set", "raw"];
/// Tags without one.
const SINGLE: [&str; 7] = ["include", "extends", "else", "elif", "break", "continue", "set_global"];

/// A block that is open.
struct Open<'s> {
    /// The word that its closing tag ends with; the call of a component has `<name` here.
    word: &'s str,
    span: Span,
}

impl Open<'_> {
    /// The tag as the author would recognize it.
    fn tag(&self) -> String {
        match self.word.strip_prefix('<') {
            Some(name) => format!("`{{% <{name}> %}}`"),
            None => format!("`{{% {} %}}`", self.word),
        }
    }

    fn closing(&self) -> String {
        match self.word.strip_prefix('<') {
            Some(name) => format!("`{{% </{name}> %}}`"),
            None => format!("`{{% end{} %}}`", self.word),
        }
    }
}

/// What is wrong with the structure of a template that Tera refused with a message at a place, when that is what it
/// refused it for.
pub(super) fn explain(file: &Arc<SourceFile>, message: &str, at: Span) -> Option<Diagnostic> {
    let source = file.text();
    let (tokens, stopped) = lex_far(source);
    if message == "Unknown tag" {
        return tag_out_of_place(file, &tokens, at);
    }
    if let Some(stopped) = stopped {
        let cut_off = message == "Unexpected end of input" || message.contains("not found");
        let expected = message.starts_with("Found ") && message.contains("expected");
        return (cut_off || expected).then(|| unfinished(file, &tokens, stopped, at)).flatten();
    }
    let of_block = message == "unexpected end of raw block" || message.starts_with("Unclosed component");
    if message != "Unexpected end of input" && !of_block {
        return None;
    }
    let mut open = walk(source, &tokens, source.len());
    let last = open.pop()?;
    let mut diagnostic = Diagnostic::error(format!("{} is not closed", last.tag()))
        .at(file, last.span)
        .hint(format!("write {} where it ends", last.closing()));
    if let Some(outer) = open.last() {
        let position = file.position(outer.span.start);
        let around = format!("{} around it (line {}) is not closed either", outer.tag(), position.line);
        diagnostic = diagnostic.note(around);
    }
    Some(diagnostic)
}

/// A comment, an interpolation or a tag that has no end. `stopped` is where nothing could be read further.
fn unfinished(file: &Arc<SourceFile>, tokens: &[Token], stopped: usize, at: Span) -> Option<Diagnostic> {
    let source = file.text();
    let rest = source.get(stopped..)?;
    if rest.starts_with("{#") {
        return Some(
            Diagnostic::error("the comment `{#` is not closed")
                .at(file, Span::new(stopped, stopped + 2))
                .hint("write `#}` where it ends"),
        );
    }
    let opener = tokens.iter().rev().find(|token| matches!(token.kind, Kind::OpenValue | Kind::OpenTag))?;
    // Tera stopped at something before: that comes first.
    if (at.end as usize) < opener.start {
        return None;
    }
    let line_end =
        |from: usize| from + source.get(from..).and_then(|rest| rest.lines().next()).map_or(0, str::len);
    if !rest.is_empty() && !["{{", "{%", "{#"].iter().any(|opener| rest.starts_with(opener)) {
        return None;
    }
    let (open, close) = if opener.kind == Kind::OpenValue { ("{{", "}}") } else { ("{%", "%}") };
    Some(
        Diagnostic::error(format!("`{open}` is not closed"))
            .at(file, Span::new(opener.start, line_end(opener.start)))
            .hint(format!("write `{close}` where it ends")),
    )
}

/// A tag that Tera does not know, or not at this place.
fn tag_out_of_place(file: &Arc<SourceFile>, tokens: &[Token], at: Span) -> Option<Diagnostic> {
    let source = file.text();
    let word = source.get(at.range())?;
    let open = walk(source, tokens, at.start as usize);
    let here = |message: String| Diagnostic::error(message).at(file, at);
    let inner = open.last();
    let of = word.strip_prefix("end").filter(|of| BLOCKS.contains(of));
    let around = |diagnostic: Diagnostic| match inner {
        Some(inner) => diagnostic.hint(format!("write {} before it", inner.closing())),
        None => diagnostic,
    };
    if let Some(of) = of {
        return Some(match inner {
            Some(inner) => {
                let position = file.position(inner.span.start);
                around(here(format!(
                    "`{{% {word} %}}` stands where {} of line {}, column {} is still open",
                    inner.tag(),
                    position.line,
                    position.column,
                )))
            }
            None => here(format!("`{{% {word} %}}` closes nothing: no `{{% {of} %}}` is open here"))
                .hint("remove it, or write the tag that it is to close before it"),
        });
    }
    if matches!(word, "else" | "elif") {
        let wanted = if word == "else" { "`{% if %}` or `{% for %}`" } else { "`{% if %}`" };
        return Some(around(here(format!("`{{% {word} %}}` stands outside of any {wanted}"))));
    }
    let ends: Vec<String> = BLOCKS.iter().map(|word| format!("end{word}")).collect();
    let known = BLOCKS.into_iter().chain(SINGLE).chain(ends.iter().map(String::as_str));
    let diagnostic = here(format!("there is no tag `{word}`"));
    Some(match (word, did_you_mean(word, known)) {
        ("macro" | "endmacro" | "import", _) => {
            diagnostic.hint("what macros did, components do: `{% component name(argument) %}`, called as `<name argument={…} />`")
        }
        ("end", _) if inner.is_some() => around(diagnostic),
        ("with" | "define" | "range" | "template", _) => {
            diagnostic.hint("that is a word of Go templates; Tera has `set`, `component`, `for` and `include`")
        }
        (_, Some(best)) => diagnostic.hint(format!("did you mean `{best}`?")),
        _ => diagnostic,
    })
}

/// The blocks that are open before a byte, from the outermost to the innermost.
fn walk<'s>(source: &'s str, tokens: &[Token], end: usize) -> Vec<Open<'s>> {
    let text = |at: usize| tokens.get(at).map_or("", |token| token.text(source));
    let mut open: Vec<Open<'s>> = Vec::new();
    for (at, token) in tokens.iter().enumerate().filter(|(_, token)| token.kind == Kind::OpenTag) {
        let mut close = at + 1;
        while tokens.get(close).is_some_and(|token| token.kind != Kind::CloseTag) {
            close += 1;
        }
        let Some(last) = tokens.get(close).filter(|last| last.end <= end) else { break };
        let first = text(at + 1);
        let word = match first {
            // `set x = 1` has no body, `set x` has.
            "set" | "set_global" if text(at + 3) != "=" => "set",
            "set" => continue,
            "<" if text(close - 1) == ">" && text(close - 2) != "/" => {
                let mut name_end = at + 3;
                while text(name_end) == "." {
                    name_end += 2;
                }
                let name = tokens.get(at + 1).zip(tokens.get(name_end - 1));
                name.and_then(|(first, last)| source.get(first.start..last.end)).unwrap_or(first)
            }
            "</" => {
                open.pop();
                continue;
            }
            word if BLOCKS.contains(&word) => word,
            word => {
                let closes = |open: &Open<'_>| word.strip_prefix("end") == Some(open.word);
                if open.last().is_some_and(closes) {
                    open.pop();
                }
                continue;
            }
        };
        open.push(Open { word, span: Span::new(token.start, last.end) });
    }
    open
}
