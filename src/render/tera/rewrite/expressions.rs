//! The expressions within interpolations and tags: names, paths, and text that calls yield.
//!
//! Invariant: only what is looked up changes; the tokens between are copied as they stand.

use super::super::lexer::Kind;
use super::Rewriter;

impl Rewriter<'_> {
    /// An expression, or the rest of a tag that holds expressions.
    pub(super) fn expression(&mut self, first: usize, end: usize) {
        let Accesses { optional, strict } = self.accesses(first, end);
        // Whether the next token starts an operand.
        let mut operand = true;
        let mut at = first;
        while at < end {
            let text = self.text(at);
            match self.kind(at) {
                Some(Kind::Name) => {
                    let next = self.name(at, first, end, operand);
                    operand = is_word_operator(text);
                    if next == at + 1 {
                        self.check_defined(at, &strict);
                    }
                    at = next;
                    continue;
                }
                Some(Kind::Operator) if text == "<" && operand && self.kind(at + 1) == Some(Kind::Name) => {
                    let call_end = self.component_end(at, end);
                    self.copy_to(self.start(at));
                    self.insert("(");
                    self.component_call(at, call_end);
                    self.copy_to(self.end(call_end - 1));
                    self.insert(" | bowline_flat)");
                    operand = false;
                    at = call_end;
                    continue;
                }
                Some(Kind::Operator) => {
                    if optional.contains(&at) {
                        self.copy_to(self.start(at));
                        self.replace_to(self.end(at), if text == "." { "?." } else { "?[" });
                    }
                    operand = !matches!(text, ")" | "]" | "}");
                    self.check_defined(at, &strict);
                }
                _ => operand = false,
            }
            at += 1;
        }
    }

    /// Lets a path that is joined to text fail when it is undefined: Tera would take it for empty text.
    fn check_defined(&mut self, at: usize, strict: &[usize]) {
        if strict.contains(&at) {
            self.copy_to(self.end(at));
            self.insert(" | bowline_defined");
        }
    }

    /// A name in an expression; returns the token after what was handled.
    fn name(&mut self, at: usize, first: usize, end: usize, operand: bool) -> usize {
        let text = self.text(at);
        let before = if at > first { self.text(at - 1) } else { "" };
        let earlier = if at > first + 1 { self.text(at - 2) } else { "" };
        let after = if at + 1 < end { self.text(at + 1) } else { "" };
        let span = self.span(at, at + 1);
        match before {
            "|" => {
                self.out.uses.filters.push((text.to_string(), span));
                return at + 1;
            }
            "." | "?." => return at + 1,
            "is" if text != "not" => {
                self.out.uses.tests.push((text.to_string(), span));
                return at + 1;
            }
            "not" if earlier == "is" => {
                self.out.uses.tests.push((text.to_string(), span));
                return at + 1;
            }
            _ => {}
        }
        if matches!(text, "files" | "subcharts" | "__tera_context") {
            self.out.uses.reads_files = true;
        }
        if text == "super" && after == "(" {
            let close = self.matching(at + 1, end);
            self.flat(at, close + 1);
            return close + 1;
        }
        if operand && after == "(" && !is_word_operator(text) {
            self.out.uses.functions.push((text.to_string(), span));
        }
        if text == "body" && self.in_component && !matches!(after, "=" | ":" | "(") {
            self.flat(at, at + 1);
        }
        at + 1
    }

    /// Takes the marks out of the rendered text that some tokens yield.
    fn flat(&mut self, first: usize, end: usize) {
        self.copy_to(self.start(first));
        self.insert("(");
        self.copy_to(self.end(end - 1));
        self.insert(" | bowline_flat)");
    }

    /// Looks at the paths of an expression.
    fn accesses(&self, first: usize, end: usize) -> Accesses {
        let mut found = Accesses::default();
        let mut at = first;
        while at < end {
            let starts_path = self.kind(at) == Some(Kind::Name)
                && !matches!(self.text(at.wrapping_sub(1)), "." | "?." | "|")
                && !is_word_operator(self.text(at));
            if !starts_path {
                at += 1;
                continue;
            }
            let mut accesses = Vec::new();
            let mut next = at + 1;
            while next < end {
                match self.text(next) {
                    "." | "?." if self.kind(next + 1) == Some(Kind::Name) => {
                        accesses.push(next);
                        next += 2;
                    }
                    "[" | "?[" => {
                        accesses.push(next);
                        next = self.matching(next, end) + 1;
                    }
                    _ => break,
                }
            }
            let word = |at: usize| if at < end { self.text(at) } else { "" };
            let test = if word(next + 1) == "not" { word(next + 2) } else { word(next + 1) };
            let forgiving = match word(next) {
                "|" => matches!(word(next + 1), "default" | "required"),
                "is" => matches!(test, "defined" | "undefined"),
                _ => false,
            };
            if forgiving {
                found
                    .optional
                    .extend(accesses.into_iter().skip(1).filter(|at| !self.text(*at).starts_with('?')));
            }
            let before = if at > first { self.text(at - 1) } else { "" };
            if word(next) == "~" || (before == "~" && !matches!(word(next), "|" | "(")) {
                found.strict.push(next - 1);
            }
            // Paths inside brackets are looked at on their own.
            at += 1;
        }
        found
    }
}

/// What is special about the paths of an expression.
#[derive(Debug, Default)]
struct Accesses {
    /// The `.` and `[` tokens before which something may be missing: those of paths that `default`, `required` or a test
    /// for being defined follows, except the first of each path.
    optional: Vec<usize>,
    /// The last tokens of paths that `~` joins to something.
    strict: Vec<usize>,
}

/// Words after which an operand comes.
fn is_word_operator(word: &str) -> bool {
    matches!(word, "and" | "or" | "not" | "in" | "is" | "if" | "else" | "for")
}
