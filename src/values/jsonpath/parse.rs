//! Reads a JSONPath template.
//!
//! Invariant: every character is read once; nesting is bounded.

use super::{Comparison, JsonPathError, Node, Step};

/// Deepest nesting of ranges and filters.
const DEEPEST: usize = 16;

/// An expression, read.
#[derive(Debug, Clone, PartialEq)]
pub struct JsonPath {
    pub(super) nodes: Vec<Node>,
}

impl JsonPath {
    /// Reads an expression.
    ///
    /// # Errors
    /// [`JsonPathError::Syntax`], with kubectl's reason.
    pub fn parse(expression: &str) -> Result<Self, JsonPathError> {
        let mut parser = Parser { rest: expression };
        let nodes = parser.template();
        nodes
            .map(|nodes| JsonPath { nodes })
            .map_err(|reason| JsonPathError::Syntax { expression: expression.to_string(), reason })
    }
}

struct Parser<'t> {
    rest: &'t str,
}

type Parsed<T> = Result<T, String>;

impl<'t> Parser<'t> {
    fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    fn skip(&mut self, bytes: usize) {
        self.rest = self.rest.get(bytes..).unwrap_or("");
    }

    fn eat(&mut self, text: &str) -> bool {
        let found = self.rest.starts_with(text);
        if found {
            self.skip(text.len());
        }
        found
    }

    /// The whole template: ranges are a stack, so that depth is bounded.
    fn template(&mut self) -> Parsed<Vec<Node>> {
        let mut open: Vec<(Vec<Step>, Vec<Node>)> = Vec::new();
        let mut nodes = Vec::new();
        while !self.rest.is_empty() {
            let text = self.rest.split('{').next().unwrap_or("");
            if !text.is_empty() {
                nodes.push(Node::Text(text.to_string()));
                self.skip(text.len());
                continue;
            }
            self.skip(1);
            let mut nothing = true;
            loop {
                self.rest = self.rest.trim_start_matches([' ', '\t', '\r', '\n']);
                if self.eat("}") {
                    break;
                }
                if self.rest.is_empty() {
                    return Err("unclosed action".to_string());
                }
                nothing = false;
                if self.word("range") {
                    if open.len() >= DEEPEST {
                        return Err(format!("more than {DEEPEST} nested ranges"));
                    }
                    self.rest = self.rest.trim_start();
                    let steps = self.path(0)?;
                    open.push((steps, std::mem::take(&mut nodes)));
                } else if self.word("end") {
                    let Some((steps, before)) = open.pop() else {
                        return Err("not in range, nothing to end".to_string());
                    };
                    let body = std::mem::replace(&mut nodes, before);
                    nodes.push(Node::Range(steps, body));
                } else {
                    nodes.push(self.action(0)?);
                }
            }
            if nothing {
                nodes.push(Node::Path(Vec::new()));
            }
        }
        // kubectl takes a missing end for one at the end.
        while let Some((steps, before)) = open.pop() {
            let body = std::mem::replace(&mut nodes, before);
            nodes.push(Node::Range(steps, body));
        }
        Ok(nodes)
    }

    /// A word that no letter follows.
    fn word(&mut self, word: &str) -> bool {
        let ends = |rest: &str| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_');
        self.rest.strip_prefix(word).is_some_and(ends) && self.eat(word)
    }

    /// One thing in braces, or one side of a comparison.
    fn action(&mut self, depth: usize) -> Parsed<Node> {
        match self.peek() {
            Some('"' | '\'') => Ok(Node::Text(self.quoted()?)),
            Some('.' | '[' | '$' | '@') => Ok(Node::Path(self.path(depth)?)),
            Some(c) if c.is_ascii_digit() || c == '-' || c == '+' => {
                let text =
                    self.take_while(|c| c.is_ascii_digit() || matches!(c, '-' | '+' | '.' | 'e' | 'E'));
                text.parse().map(Node::Number).map_err(|_| format!("cannot parse number {text}"))
            }
            Some(c) if c.is_alphabetic() || c == '_' => {
                let word = self.take_while(|c| c.is_alphanumeric() || c == '_');
                Ok(match word {
                    "true" => Node::Bool(true),
                    "false" => Node::Bool(false),
                    // kubectl reads an unknown word and fails on it later; here it is a key that is not there.
                    other => Node::Path(vec![Step::Index(0), Step::Field(other.to_string())]),
                })
            }
            Some(c) => Err(unrecognized(c)),
            None => Err("unclosed action".to_string()),
        }
    }

    fn take_while(&mut self, wanted: impl Fn(char) -> bool) -> &'t str {
        let length = self.rest.find(|c| !wanted(c)).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at(length);
        self.rest = rest;
        taken
    }

    /// A text in quotes, with the escapes of Go.
    fn quoted(&mut self) -> Parsed<String> {
        let unterminated = || "unterminated quoted string".to_string();
        let quote = self.peek().ok_or_else(unterminated)?;
        let mut out = String::new();
        let mut chars = self.rest.char_indices().skip(1);
        while let Some((at, c)) = chars.next() {
            match c {
                '\\' => match chars.next().ok_or_else(unterminated)?.1 {
                    'n' => out.push('\n'),
                    't' => out.push('\t'),
                    'r' => out.push('\r'),
                    other => out.push(other),
                },
                _ if c == quote => {
                    self.skip(at + 1);
                    return Ok(out);
                }
                _ => out.push(c),
            }
        }
        Err(unterminated())
    }

    fn path(&mut self, depth: usize) -> Parsed<Vec<Step>> {
        let mut steps = Vec::new();
        if self.eat("$") {
            steps.push(Step::Root);
        } else {
            self.eat("@");
        }
        loop {
            if self.eat("..") {
                steps.push(Step::Recursive);
                match self.peek() {
                    Some(c) if is_name(c) => steps.push(Step::Field(self.name())),
                    Some('*') => return Err(unrecognized('*')),
                    _ => {}
                }
            } else if self.eat(".") {
                if self.eat("*") {
                    steps.push(Step::Wildcard);
                } else {
                    steps.push(Step::Field(self.name()));
                }
            } else if self.eat("[") {
                steps.push(self.brackets(depth)?);
            } else {
                return Ok(steps);
            }
        }
    }

    /// A key behind a dot; a backslash takes the next character as it is.
    fn name(&mut self) -> String {
        let mut out = String::new();
        let mut chars = self.rest.char_indices();
        let mut end = self.rest.len();
        while let Some((at, c)) = chars.next() {
            match c {
                '\\' => out.extend(chars.next().map(|(_, c)| c)),
                c if is_name(c) => out.push(c),
                _ => {
                    end = at;
                    break;
                }
            }
        }
        self.skip(end);
        out
    }

    /// What stands in brackets, behind the opening one.
    fn brackets(&mut self, depth: usize) -> Parsed<Step> {
        if self.eat("?(") {
            return self.filter(depth);
        }
        let inner = self.up_to_bracket()?;
        let parts: Vec<&str> = split_outside_quotes(inner);
        if let [part] = parts.as_slice() {
            return part_of_array(part);
        }
        parts.into_iter().map(part_of_array).collect::<Parsed<_>>().map(Step::Union)
    }

    fn up_to_bracket(&mut self) -> Parsed<&'t str> {
        let mut quote = None;
        for (at, c) in self.rest.char_indices() {
            match (c, quote) {
                (']', None) => {
                    let inner = self.rest.get(..at).unwrap_or("");
                    self.skip(at + 1);
                    return Ok(inner);
                }
                ('}', None) => break,
                ('\'', None) => quote = Some('\''),
                ('\'', Some(_)) => quote = None,
                _ => {}
            }
        }
        Err("unterminated array".to_string())
    }

    fn filter(&mut self, depth: usize) -> Parsed<Step> {
        if depth >= DEEPEST {
            return Err(format!("more than {DEEPEST} nested filters"));
        }
        let left = self.side(depth)?;
        let comparison = [
            ("==", Comparison::Equal),
            ("!=", Comparison::Unequal),
            ("<=", Comparison::LessOrEqual),
            (">=", Comparison::GreaterOrEqual),
            ("=", Comparison::Equal),
            ("<", Comparison::Less),
            (">", Comparison::Greater),
        ]
        .into_iter()
        .find(|(sign, _)| self.eat(sign));
        let comparison = match comparison {
            Some((_, comparison)) => Some((comparison, self.side(depth)?)),
            None => None,
        };
        if !self.eat(")") {
            return Err(match self.peek() {
                None | Some(']' | '}') => "unterminated filter".to_string(),
                Some(c) => unrecognized(c),
            });
        }
        if !self.eat("]") {
            return Err("unterminated array".to_string());
        }
        Ok(Step::Filter(left, comparison))
    }

    fn side(&mut self, depth: usize) -> Parsed<Vec<Node>> {
        self.rest = self.rest.trim_start();
        let nodes = match self.peek() {
            None | Some(')' | '=' | '!' | '<' | '>') => Vec::new(),
            _ => vec![self.action(depth + 1)?],
        };
        self.rest = self.rest.trim_start();
        Ok(nodes)
    }
}

fn is_name(c: char) -> bool {
    !matches!(
        c,
        '.' | '[' | ']' | '{' | '}' | '(' | ')' | '$' | '@' | '\'' | '"' | ',' | '=' | '!' | '<' | '>' | '*'
    ) && !c.is_whitespace()
        && c != '|'
        && c != '&'
        && c != '~'
        || c == '\\'
}

fn unrecognized(c: char) -> String {
    format!("unrecognized character in action: U+{:04X} '{c}'", c as u32)
}

/// The parts between commas that are not in quotes.
fn split_outside_quotes(text: &str) -> Vec<&str> {
    let mut quoted = false;
    text.split(|c| {
        quoted ^= c == '\'';
        c == ',' && !quoted
    })
    .collect()
}

/// One entry of brackets: an index, a slice, `*`, or a key in single quotes.
fn part_of_array(text: &str) -> Parsed<Step> {
    let wrong = || format!("invalid array index {text}");
    let part = text.trim();
    if part == "*" {
        return Ok(Step::Items);
    }
    if part.is_empty() {
        return Ok(Step::Index(0));
    }
    if let Some(key) = part.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\'')) {
        return Ok(Step::Field(key.replace("\\'", "'")));
    }
    let number = |text: &str| text.trim().parse::<i64>().map_err(|_| wrong());
    let mut bounds = part.splitn(4, ':');
    let parts: Vec<&str> = bounds.by_ref().collect();
    let optional = |text: Option<&&str>| match text {
        None | Some(&"") => Ok(None),
        Some(text) => number(text).map(Some),
    };
    match parts.len() {
        1 => number(part).map(Step::Index),
        2 | 3 => Ok(Step::Slice(
            optional(parts.first())?,
            optional(parts.get(1))?,
            optional(parts.get(2))?.unwrap_or(1),
        )),
        _ => Err(wrong()),
    }
}
