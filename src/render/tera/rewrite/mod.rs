//! Rewrites a template on its way into Tera, so that every value it writes becomes a mark.
//!
//! | the author writes | Tera gets |
//! |---|---|
//! | `{{ expression }}` | `{{ (expression) \| bowline_mark(i=7) }}` |
//! | `{{ <part a={1} /> }}`, `{{ super() }}`, `{% include "x" %}` | the same between two region marks |
//! | `{% set x %}…{% endset %}`, `{% filter f %}…` | the captured text passes a filter that takes marks out of it |
//! | `{% set x = expression %}` | the value passes a check of its size |
//! | `{% for … %}` | the same and a call that counts the rounds |
//! | `a.b.c \| default(…)`, `\| required(…)`, `is defined` | `a.b?.c`: what lacks is not an error |
//! | `include "x"`, `<part />`, `{% component part %}` | the full name in the tree of charts |
//!
//! Nothing else changes, no line break is added or removed, and [`Rewritten::original`] leads from every byte of the new
//! text back to the author's.
//!
//! Invariant: what is no well-formed Tera comes back unchanged, and Tera reports it.

mod expressions;
#[cfg(test)]
mod tests;

use crate::diag::Span;

use super::lexer::{Kind, Token, lex};
use super::marks::{Mark, Shape};

/// Filters that move text without changing what is written in it.
const STRUCTURAL: [&str; 5] = ["indent", "nindent", "trim", "trim_start", "trim_end"];

/// An interpolation in the author's text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Site {
    /// Index of the file.
    pub file: usize,
    /// The expression, in the author's bytes.
    pub span: Span,
}

/// Names that a template uses, with their places in the author's text.
#[derive(Debug, Default)]
pub(super) struct Uses {
    /// `| name`.
    pub filters: Vec<(String, Span)>,
    /// `name(…)`.
    pub functions: Vec<(String, Span)>,
    /// `is name`.
    pub tests: Vec<(String, Span)>,
    /// Files of `include` and `extends` that nobody has.
    pub lost_files: Vec<(String, Span)>,
    /// Components that nobody has.
    pub lost_components: Vec<(String, Span)>,
    /// Whether the word `files` or `subcharts` occurs.
    pub reads_files: bool,
}

/// What the names in a template stand for.
pub(super) trait Names {
    /// The full name of a file to include.
    fn file(&self, name: &str) -> Option<String>;
    /// The global name of a component that is called.
    fn component(&self, name: &str) -> Option<String>;
    /// The global name of a component that is defined here.
    fn own_component(&self, name: &str) -> String;
}

/// A template as Tera gets it.
#[derive(Debug)]
pub(super) struct Rewritten {
    /// The text.
    pub text: String,
    /// What it uses.
    pub uses: Uses,
    /// Copied ranges: start in the new text, start in the author's, length.
    copies: Vec<(usize, usize, usize)>,
}

impl Rewritten {
    /// The byte of the author's text that a byte of the new text stems from; for inserted text the byte after it.
    pub fn original(&self, offset: usize) -> usize {
        let after = self.copies.partition_point(|(new, _, _)| *new <= offset);
        match after.checked_sub(1).and_then(|index| self.copies.get(index)) {
            Some((new, old, length)) => old + (offset - new).min(*length),
            None => self.copies.first().map_or(0, |(_, old, _)| *old),
        }
    }
}

/// Rewrites one template. `sites` grows by its interpolations.
pub(super) fn rewrite(
    source: &str,
    file: usize,
    shape: &Shape,
    names: &dyn Names,
    sites: &mut Vec<Site>,
) -> Rewritten {
    let tokens = lex(source).unwrap_or_default();
    let mut rewriter = Rewriter {
        source,
        tokens: &tokens,
        file,
        shape,
        names,
        sites,
        out: Rewritten {
            text: String::with_capacity(source.len() * 2),
            uses: Uses::default(),
            copies: Vec::new(),
        },
        copied: 0,
        in_component: false,
    };
    rewriter.run();
    rewriter.copy_to(source.len());
    rewriter.out
}

/// The names of the components that a template defines.
pub(super) fn defined_components(source: &str) -> Vec<String> {
    let Some(tokens) = lex(source) else { return Vec::new() };
    let mut names = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        if token.kind == Kind::OpenTag
            && tokens.get(at + 1).is_some_and(|token| token.text(source) == "component")
        {
            let end = dotted_name(source, &tokens, at + 2);
            if let (Some(first), Some(last)) =
                (tokens.get(at + 2), end.checked_sub(1).and_then(|last| tokens.get(last)))
            {
                names.push(joined(source.get(first.start..last.end).unwrap_or("")));
            }
        }
    }
    names
}

/// A dotted name without the blanks that may stand in it.
fn joined(name: &str) -> String {
    name.split_ascii_whitespace().collect()
}

/// One past the last token of a dotted name that starts at a token.
fn dotted_name(source: &str, tokens: &[Token], start: usize) -> usize {
    let is = |at: usize, kind: Kind| tokens.get(at).is_some_and(|token| token.kind == kind);
    let mut at = start;
    if !is(at, Kind::Name) {
        return start;
    }
    at += 1;
    while tokens.get(at).is_some_and(|token| token.text(source) == ".") && is(at + 1, Kind::Name) {
        at += 2;
    }
    at
}

struct Rewriter<'a> {
    source: &'a str,
    tokens: &'a [Token],
    file: usize,
    shape: &'a Shape,
    names: &'a dyn Names,
    sites: &'a mut Vec<Site>,
    out: Rewritten,
    /// How much of the author's text is written or dropped.
    copied: usize,
    in_component: bool,
}

impl<'a> Rewriter<'a> {
    fn text(&self, at: usize) -> &'a str {
        self.tokens.get(at).map_or("", |token| token.text(self.source))
    }

    fn kind(&self, at: usize) -> Option<Kind> {
        self.tokens.get(at).map(|token| token.kind)
    }

    fn start(&self, at: usize) -> usize {
        self.tokens.get(at).map_or(self.source.len(), |token| token.start)
    }

    fn end(&self, at: usize) -> usize {
        self.tokens.get(at).map_or(self.source.len(), |token| token.end)
    }

    fn span(&self, first: usize, end: usize) -> Span {
        Span::new(self.start(first), self.end(end.saturating_sub(1)))
    }

    fn copy_to(&mut self, end: usize) {
        if end > self.copied {
            self.out.copies.push((self.out.text.len(), self.copied, end - self.copied));
            self.out.text.push_str(self.source.get(self.copied..end).unwrap_or(""));
            self.copied = end;
        }
    }

    fn insert(&mut self, text: &str) {
        self.out.text.push_str(text);
    }

    /// Writes something else instead of the author's text up to a byte.
    fn replace_to(&mut self, end: usize, text: &str) {
        self.out.copies.push((self.out.text.len(), self.copied, 0));
        self.insert(text);
        self.copied = end;
    }

    fn site(&mut self, first: usize, end: usize) -> usize {
        let span = self.span(first, end);
        self.sites.push(Site { file: self.file, span });
        self.sites.len() - 1
    }

    /// An interpolation of a region mark, trimming the text before or after it.
    fn region(&mut self, mark: Mark, trim: bool) {
        let mark = self.shape.write(mark);
        let text = match (mark, trim) {
            (mark, false) => format!("{{{{ \"{mark}\" }}}}"),
            (mark, true) if mark == self.shape.write(Mark::RegionStart) => format!("{{{{- \"{mark}\" }}}}"),
            (mark, true) => format!("{{{{ \"{mark}\" -}}}}"),
        };
        self.insert(&text);
    }

    fn run(&mut self) {
        let mut at = 0;
        while at < self.tokens.len() {
            let close = match self.kind(at) {
                Some(Kind::OpenValue) => Kind::CloseValue,
                Some(Kind::OpenTag) => Kind::CloseTag,
                _ => {
                    at += 1;
                    continue;
                }
            };
            let mut end = at + 1;
            while self.kind(end).is_some_and(|kind| kind != close) {
                end += 1;
            }
            if close == Kind::CloseValue {
                self.value(at, end);
            } else {
                self.tag(at, end);
            }
            at = end + 1;
        }
    }

    fn trims(&self, at: usize) -> bool {
        self.tokens.get(at).is_some_and(Token::trims)
    }

    /// `{{ … }}` from token `open` to token `close`.
    fn value(&mut self, open: usize, close: usize) {
        let first = open + 1;
        if first >= close {
            return;
        }
        if let Some(call_end) = self.rendered_call(first, close) {
            self.copy_to(self.start(open));
            self.region(Mark::RegionStart, self.trims(open));
            self.replace_to(self.end(open), "{{");
            if self.text(first) == "<" {
                self.component_call(first, call_end);
            }
            self.copy_to(self.end(call_end - 1));
            if call_end < close {
                self.insert(" | bowline_regions");
                self.expression(call_end, close);
            }
            self.copy_to(self.start(close));
            self.replace_to(self.end(close), "}}");
            self.region(Mark::RegionEnd, self.trims(close));
            return;
        }
        self.copy_to(self.start(first));
        let site = self.site(first, close);
        self.insert("(");
        self.expression(first, close);
        self.copy_to(self.end(close - 1));
        self.insert(&format!(") | bowline_mark(i={site})"));
    }

    /// One past the last token of a call that yields rendered text, when an interpolation consists of it alone or of it
    /// and filters that only move text.
    fn rendered_call(&self, first: usize, close: usize) -> Option<usize> {
        let end = match self.text(first) {
            "<" if self.kind(first + 1) == Some(Kind::Name) => self.component_end(first, close),
            "super" if self.text(first + 1) == "(" && self.text(first + 2) == ")" => first + 3,
            "body" if self.in_component => first + 1,
            _ => return None,
        };
        let mut at = end;
        while at < close {
            if self.text(at) != "|" || !STRUCTURAL.contains(&self.text(at + 1)) {
                return None;
            }
            at += 2;
            if self.text(at) == "(" {
                at = self.matching(at, close) + 1;
            }
        }
        Some(end)
    }

    /// The token that closes the bracket at a token, or the end.
    fn matching(&self, open: usize, end: usize) -> usize {
        let mut depth = 0_usize;
        for at in open..end {
            match self.text(at) {
                "(" | "[" | "?[" | "{" if self.kind(at) == Some(Kind::Operator) => depth += 1,
                ")" | "]" | "}" if self.kind(at) == Some(Kind::Operator) => {
                    depth = depth.saturating_sub(1);
                    if depth == 0 {
                        return at;
                    }
                }
                _ => {}
            }
        }
        end.saturating_sub(1)
    }

    /// One past the `>` of a component call that starts with `<` at a token.
    fn component_end(&self, open: usize, end: usize) -> usize {
        let mut at = open + 1;
        while at < end {
            match self.text(at) {
                "{" => at = self.matching(at, end),
                ">" => return at + 1,
                _ => {}
            }
            at += 1;
        }
        end
    }

    /// The name and the attributes of a component call.
    fn component_call(&mut self, open: usize, end: usize) {
        let mut at = self.component_name(open + 1);
        while at < end {
            if self.text(at) == "{" {
                let close = self.matching(at, end);
                self.expression(at + 1, close);
                at = close;
            }
            at += 1;
        }
    }

    /// Writes the global name of a called component; returns the token after it.
    fn component_name(&mut self, first: usize) -> usize {
        let end = dotted_name(self.source, self.tokens, first);
        if end > first {
            let name = joined(self.source.get(self.start(first)..self.end(end - 1)).unwrap_or(""));
            if let Some(global) = self.names.component(&name) {
                self.copy_to(self.start(first));
                self.replace_to(self.end(end - 1), &global);
            } else {
                let span = self.span(first, end);
                self.out.uses.lost_components.push((name, span));
            }
        }
        end
    }

    /// `{% … %}` from token `open` to token `close`.
    fn tag(&mut self, open: usize, close: usize) {
        let first = open + 1;
        match self.text(first) {
            "include" => {
                self.copy_to(self.start(open));
                self.region(Mark::RegionStart, self.trims(open));
                self.replace_to(self.end(open), "{%");
                self.file_name(first + 1);
                self.copy_to(self.start(close));
                self.replace_to(self.end(close), "%}");
                self.region(Mark::RegionEnd, self.trims(close));
            }
            "extends" => self.file_name(first + 1),
            "set" | "set_global" => self.set(first, close),
            "filter" => self.filter_section(first, close),
            "component" => {
                self.in_component = true;
                self.own_component(first + 1);
            }
            "endcomponent" => {
                self.in_component = false;
                self.own_component(first + 1);
            }
            "for" => {
                self.expression(first + 1, close);
                self.copy_to(self.start(close));
                let trim = if self.trims(close) { "-" } else { "" };
                self.replace_to(self.end(close), &format!("%}}{{{{ bowline_step() {trim}}}}}"));
            }
            "<" => {
                self.copy_to(self.start(open));
                self.region(Mark::RegionStart, self.trims(open));
                self.replace_to(self.end(open), "{%");
                self.component_call(first, close);
            }
            "</" => {
                self.component_name(first + 1);
                self.copy_to(self.start(close));
                self.replace_to(self.end(close), "%}");
                self.region(Mark::RegionEnd, self.trims(close));
            }
            "if" | "elif" => self.expression(first + 1, close),
            _ => {}
        }
    }

    fn file_name(&mut self, at: usize) {
        if self.kind(at) != Some(Kind::Text) {
            return;
        }
        let quoted = self.text(at);
        let name = quoted.get(1..quoted.len() - 1).unwrap_or("");
        match self.names.file(name) {
            Some(full) => {
                self.copy_to(self.start(at));
                self.replace_to(
                    self.end(at),
                    &format!("\"{}\"", full.replace('\\', "\\\\").replace('"', "\\\"")),
                );
            }
            None => self.out.uses.lost_files.push((name.to_string(), self.span(at, at + 1))),
        }
    }

    fn own_component(&mut self, first: usize) {
        let end = dotted_name(self.source, self.tokens, first);
        if end > first {
            let name = joined(self.source.get(self.start(first)..self.end(end - 1)).unwrap_or(""));
            let global = self.names.own_component(&name);
            self.copy_to(self.start(first));
            self.replace_to(self.end(end - 1), &global);
        }
    }

    fn set(&mut self, first: usize, close: usize) {
        if self.text(first + 2) == "=" && close > first + 3 {
            self.copy_to(self.start(first + 3));
            self.insert("(");
            self.expression(first + 3, close);
            self.copy_to(self.end(close - 1));
            self.insert(") | bowline_bound");
            return;
        }
        if self.text(first + 2) != "|" && first + 2 != close {
            return;
        }
        let kind = match self.text(first + 3) {
            "from_yaml" | "raw" => "yaml",
            "from_json" => "json",
            _ => "text",
        };
        self.copy_to(self.end(first + 1));
        self.insert(&format!(" | bowline_capture(kind=\"{kind}\")"));
        self.expression(first + 2, close);
    }

    fn filter_section(&mut self, first: usize, close: usize) {
        let mut names = vec![self.text(first + 1)];
        let mut at = first + 2;
        while at < close {
            match self.text(at) {
                "(" => at = self.matching(at, close),
                "|" => names.push(self.text(at + 1)),
                _ => {}
            }
            at += 1;
        }
        self.copy_to(self.end(first));
        let span = self.span(first + 1, first + 2);
        self.out.uses.filters.push((self.text(first + 1).to_string(), span));
        let structural = names.iter().all(|name| STRUCTURAL.contains(name));
        let raw = names.last() == Some(&"raw");
        self.insert(match (structural, raw) {
            (true, _) => " bowline_regions |",
            (_, true) => " bowline_capture(kind=\"yaml\") |",
            _ => " bowline_capture(kind=\"text\") |",
        });
        self.expression(first + 2, close);
        if !structural && !raw {
            self.copy_to(self.end(close - 1));
            let site = self.site(first, close);
            self.insert(&format!(" | bowline_mark(i={site})"));
        }
    }
}
