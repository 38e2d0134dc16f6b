//! Where the pieces of a Tera template are: text, tags, interpolations and the tokens inside them.
//!
//! It knows just enough of Tera's syntax to rewrite a template without changing what it means: strings with escapes,
//! raw blocks, comments, whitespace control, nested braces. Whatever it cannot read is left to Tera, which says why.
//!
//! Invariant: the tokens lie in order and do not overlap; text between tokens is whitespace inside a tag.

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Text between tags, comments and whole raw blocks: copied as it is.
    Verbatim,
    /// `{{` or `{{-`.
    OpenValue,
    /// `}}` or `-}}`.
    CloseValue,
    /// `{%` or `{%-`.
    OpenTag,
    /// `%}` or `-%}`.
    CloseTag,
    /// A name or a keyword.
    Name,
    /// A string with its quotes.
    Text,
    /// A number.
    Number,
    /// An operator or a bracket.
    Operator,
}

/// A piece of a template: byte offsets from `start` to `end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Token {
    /// What it is.
    pub kind: Kind,
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}

impl Token {
    /// Its text.
    pub fn text<'s>(&self, source: &'s str) -> &'s str {
        source.get(self.start..self.end).unwrap_or("")
    }

    /// Whether a delimiter trims the whitespace on its outer side.
    pub fn trims(&self) -> bool {
        self.end - self.start == 3
    }
}

/// The tokens of a template; `None` when it is not well formed.
pub(super) fn lex(source: &str) -> Option<Vec<Token>> {
    let (tokens, stopped) = lex_far(source);
    stopped.is_none().then_some(tokens)
}

/// The tokens of a template as far as it is well formed, and the byte from which on it is not.
pub(super) fn lex_far(source: &str) -> (Vec<Token>, Option<usize>) {
    let mut lexer = Lexer { source, at: 0, tokens: Vec::new() };
    while lexer.at < source.len() {
        if lexer.outside().is_none() {
            return (lexer.tokens, Some(lexer.at));
        }
    }
    (lexer.tokens, None)
}

struct Lexer<'s> {
    source: &'s str,
    at: usize,
    tokens: Vec<Token>,
}

impl Lexer<'_> {
    fn rest(&self) -> &str {
        self.source.get(self.at..).unwrap_or("")
    }

    fn push(&mut self, kind: Kind, length: usize) {
        self.tokens.push(Token { kind, start: self.at, end: self.at + length });
        self.at += length;
    }

    /// Text up to the next delimiter, or one comment, raw block, tag or interpolation.
    fn outside(&mut self) -> Option<()> {
        let rest = self.rest();
        let opener = rest
            .as_bytes()
            .windows(2)
            .position(|pair| matches!(pair, b"{{" | b"{%" | b"{#"))
            .unwrap_or(rest.len());
        if opener > 0 {
            self.push(Kind::Verbatim, opener);
            return Some(());
        }
        let bytes = rest.as_bytes();
        let length = if bytes.get(2) == Some(&b'-') { 3 } else { 2 };
        match bytes.get(1) {
            Some(b'#') => {
                let end = rest.get(length..)?.find("#}")? + length + 2;
                self.push(Kind::Verbatim, end);
                Some(())
            }
            Some(b'%') => {
                if let Some(end) = raw_block(rest) {
                    self.push(Kind::Verbatim, end);
                    return Some(());
                }
                self.push(Kind::OpenTag, length);
                self.inside("%}", Kind::CloseTag)
            }
            _ => {
                self.push(Kind::OpenValue, length);
                self.inside("}}", Kind::CloseValue)
            }
        }
    }

    /// The tokens up to and with the closing delimiter.
    fn inside(&mut self, close: &str, kind: Kind) -> Option<()> {
        loop {
            let rest = self.rest();
            let blank = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_whitespace()).len();
            self.at += blank;
            let rest = self.rest();
            if rest.starts_with(close) {
                self.push(kind, 2);
                return Some(());
            }
            if rest.strip_prefix('-').is_some_and(|rest| rest.starts_with(close)) {
                self.push(kind, 3);
                return Some(());
            }
            // No expression has these: what was opened before is not closed.
            if ["{{", "{%"].iter().any(|opener| rest.starts_with(opener)) {
                return None;
            }
            let (kind, length) = token(rest)?;
            self.push(kind, length);
        }
    }
}

/// Length of a raw block that starts here, with both its tags.
fn raw_block(rest: &str) -> Option<usize> {
    let mut at = named_tag(rest, "raw")?;
    loop {
        at += rest.get(at..)?.find("{%")?;
        if let Some(length) = named_tag(rest.get(at..)?, "endraw") {
            return Some(at + length);
        }
        at += 2;
    }
}

/// Length of `{% name %}` with optional dashes, when that is what stands here.
fn named_tag(rest: &str, name: &str) -> Option<usize> {
    let blank = |text: &str| -> usize {
        text.len() - text.trim_start_matches(|c: char| c.is_ascii_whitespace()).len()
    };
    let mut at = 2;
    at += usize::from(rest.get(at..)?.starts_with('-'));
    at += blank(rest.get(at..)?);
    at += rest.get(at..)?.starts_with(name).then_some(name.len())?;
    at += blank(rest.get(at..)?);
    at += usize::from(rest.get(at..)?.starts_with('-'));
    rest.get(at..)?.starts_with("%}").then_some(at + 2)
}

/// The token at the start of `rest`, which is neither blank nor a closing delimiter.
fn token(rest: &str) -> Option<(Kind, usize)> {
    const OPERATORS: [&str; 10] = ["...", "//", "**", "==", "!=", ">=", "<=", "</", "?.", "?["];
    let first = *rest.as_bytes().first()?;
    if let Some(operator) = OPERATORS.iter().find(|operator| rest.starts_with(**operator)) {
        return Some((Kind::Operator, operator.len()));
    }
    match first {
        b'"' | b'\'' | b'`' => string(rest, first).map(|length| (Kind::Text, length)),
        b'0'..=b'9' => Some((Kind::Number, number(rest))),
        b'a'..=b'z' | b'A'..=b'Z' | b'_' => {
            let length =
                rest.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'_').count();
            Some((Kind::Name, length))
        }
        _ if b"+-*/%!.,:~|=<>()[]{}@".contains(&first) => Some((Kind::Operator, 1)),
        _ => None,
    }
}

fn string(rest: &str, quote: u8) -> Option<usize> {
    let mut escaped = false;
    for (at, byte) in rest.bytes().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            _ if byte == quote => return Some(at + 1),
            _ => {}
        }
    }
    None
}

fn number(rest: &str) -> usize {
    let mut dotted = false;
    rest.bytes()
        .take_while(|byte| match byte {
            b'.' if !dotted => {
                dotted = true;
                true
            }
            _ => byte.is_ascii_digit(),
        })
        .count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(source: &str) -> Vec<&str> {
        lex(source).unwrap().iter().map(|token| token.text(source)).collect()
    }

    #[test]
    fn finds_the_tokens_of_tags() {
        assert_eq!(
            pieces("a{{- x.y | f(k=\"}}\") -}}b"),
            ["a", "{{-", "x", ".", "y", "|", "f", "(", "k", "=", "\"}}\"", ")", "-}}", "b"]
        );
        // As in Tera, two braces that close maps close the interpolation: a blank between them is needed.
        assert_eq!(pieces("{{ {'a': {'b': 1} } }}").len(), 11);
        assert_eq!(pieces("{% if a?.b -%}"), ["{%", "if", "a", "?.", "b", "-%}"]);
    }

    #[test]
    fn comments_and_raw_blocks_are_left_alone() {
        assert_eq!(pieces("{# {{ x }} #}y"), ["{# {{ x }} #}", "y"]);
        assert_eq!(
            pieces("{%- raw -%}{{ x }}{% if %}{% endraw %}z"),
            ["{%- raw -%}{{ x }}{% if %}{% endraw %}", "z"]
        );
        assert_eq!(pieces("{% rawish %}"), ["{%", "rawish", "%}"]);
    }

    #[test]
    fn what_is_not_well_formed_is_left_to_tera() {
        for source in ["{{ x", "{% if", "{# x", "{{ \"x }}", "{{ ; }}"] {
            assert!(lex(source).is_none(), "{source}");
        }
        assert!(lex("{ { x } }").is_some());
        assert!(lex("").is_some());
    }
}
