//! Tokens to templates: one file's text gives its own template and those that it defines.
//!
//! Invariant: recursion is bounded by [`MAX_NESTING`]; a template that parses has only functions that exist and
//! variables that were declared.

#![allow(
    clippy::unnecessary_box_returns,
    reason = "the error is boxed to keep the frames of the recursion small"
)]

use std::borrow::Cow;
use std::sync::Arc;

use crate::diag::{SourceFile, Span, did_you_mean};

use super::ast::{At, Branch, Call, Command, Declared, Expr, ExprKind, Node, Pipe, Template, Written};
use super::error::ParseError;
use super::funcs::FuncTable;
use super::gostr::GoStr;
use super::lexer::{Keywords, lex};
use super::number::Number;
use super::quote::{quote, unquote};
use super::token::{Item, Token, describe};

/// How deep parentheses and blocks may nest, together.
pub(super) const MAX_NESTING: usize = 150;

/// How many `else if` may follow each other.
pub(super) const MAX_CHAIN: usize = 1_000;

/// Parses a text.
///
/// Returns the file's own template (called `name`) first, then those that it defines, in order.
///
/// # Errors
/// The first thing that is wrong, with Go's text.
pub(super) fn parse(
    name: &Arc<str>,
    file: &Arc<SourceFile>,
    funcs: &FuncTable,
) -> Result<Vec<Template>, Box<ParseError>> {
    let keywords = Keywords {
        break_is_function: funcs.get("break").is_some(),
        continue_is_function: funcs.get("continue").is_some(),
    };
    let lexed = lex(file.text(), keywords);
    let mut parser = Parser {
        name,
        file,
        funcs,
        items: &lexed.items,
        lex_error: &lexed.error,
        cursor: 0,
        furthest: 0,
        nesting: 0,
        scope: Scope::new(),
        done: Vec::new(),
        nodes: Vec::new(),
        commands: Vec::new(),
        operands: Vec::new(),
        names: [const { None }; NAMES],
    };
    let body = parser.file_body()?;
    parser.add(Arc::clone(name), body)?;
    // The main template was added last.
    let mut templates = parser.done;
    if let Some(main) = templates.iter().position(|template| template.name == *name) {
        templates[..=main].rotate_right(1);
    }
    Ok(templates)
}

type Parsed<T> = Result<T, Box<ParseError>>;

/// A variable in reach.
struct Variable {
    name: Arc<str>,
    slot: usize,
    /// The pipeline that declares it is still being read: it has no value yet, so an outer variable of the same name
    /// is meant.
    pending: bool,
}

/// What is known inside one template.
struct Scope {
    variables: Vec<Variable>,
    slots: usize,
    range_depth: usize,
    /// Where the action being read begins, for errors of the lexer.
    action: Option<u32>,
}

impl Scope {
    fn new() -> Self {
        Scope {
            variables: vec![Variable { name: Arc::from("$"), slot: 0, pending: false }],
            slots: 1,
            range_depth: 0,
            action: None,
        }
    }

    fn find(&self, name: &str) -> Option<&Variable> {
        let mut named = self.variables.iter().rev().filter(|variable| *variable.name == *name);
        named.clone().find(|variable| !variable.pending).or_else(|| named.next())
    }
}

/// What ended a body.
enum Ending {
    End,
    Else,
}

impl Ending {
    #[inline]
    fn text(&self) -> &'static str {
        match self {
            Ending::End => "{{end}}",
            Ending::Else => "{{else}}",
        }
    }
}

/// One thing that stands in a body.
enum Piece {
    Node(Node),
    Ending(Ending),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Control {
    If,
    With,
    Range,
}

impl Control {
    fn word(self) -> &'static str {
        match self {
            Control::If => "if",
            Control::With => "with",
            Control::Range => "range",
        }
    }
}

struct Parser<'a> {
    name: &'a Arc<str>,
    file: &'a Arc<SourceFile>,
    funcs: &'a FuncTable,
    items: &'a [Item],
    lex_error: &'a str,
    /// Index of the next token.
    cursor: usize,
    /// Index of the last token that was looked at; errors are reported on its line.
    furthest: usize,
    nesting: usize,
    scope: Scope,
    done: Vec<Template>,
    /// What was read of the bodies, pipelines and commands that are still open, the innermost last: each list is made
    /// at its end, when its length is known.
    nodes: Vec<Node>,
    commands: Vec<Command>,
    operands: Vec<Expr>,
    /// Names of fields that came up last, each at the one place that its letters give it.
    names: [Option<Arc<str>>; NAMES],
}

/// The end of a list from an index on, as a list of its own.
#[inline]
fn taken<T>(list: &mut Vec<T>, from: usize) -> Box<[T]> {
    list.drain(from.min(list.len())..).collect()
}

/// How many names of fields a parser remembers.
const NAMES: usize = 64;

impl<'a> Parser<'a> {
    // Tokens.

    #[inline]
    fn item(&mut self, index: usize) -> Item {
        self.furthest = self.furthest.max(index);
        self.items.get(index).copied().unwrap_or_else(|| {
            let end = self.file.text().len() as u32;
            Item { token: Token::Eof, start: end, end }
        })
    }

    fn text(&self, item: Item) -> &'a str {
        self.file.text().get(item.start as usize..item.end as usize).unwrap_or("")
    }

    /// Line from 1 of the first byte: only errors tell it.
    fn line(&self, item: Item) -> u32 {
        self.file.line_of(item.start)
    }

    #[inline]
    fn span(item: Item) -> Span {
        Span { start: item.start, end: item.end }
    }

    #[inline]
    fn peek(&mut self) -> Item {
        self.item(self.cursor)
    }

    #[inline]
    fn next(&mut self) -> Item {
        let item = self.item(self.cursor);
        self.cursor += 1;
        item
    }

    #[inline]
    fn backup(&mut self) {
        self.cursor = self.cursor.saturating_sub(1);
    }

    #[inline]
    fn skip_space(&mut self) {
        while self.peek().token == Token::Space {
            self.cursor += 1;
        }
    }

    #[inline]
    fn peek_non_space(&mut self) -> Item {
        self.skip_space();
        self.peek()
    }

    #[inline]
    fn next_non_space(&mut self) -> Item {
        self.skip_space();
        self.next()
    }

    fn expect(&mut self, token: Token, context: &str) -> Parsed<Item> {
        let item = self.next_non_space();
        if item.token == token { Ok(item) } else { Err(self.unexpected(item, context)) }
    }

    // Errors.

    fn error(&self, span: Span, message: impl Into<String>) -> Box<ParseError> {
        self.error_with_hints(span, message.into(), Vec::new())
    }

    fn error_with_hints(&self, span: Span, message: String, hints: Vec<String>) -> Box<ParseError> {
        let line = self.items.get(self.furthest).or(self.items.last()).map_or(1, |item| self.line(*item));
        let (name, file) = (Arc::clone(self.name), Arc::clone(self.file));
        Box::new(ParseError::new(name, file, span, line, message, hints))
    }

    fn error_here(&self, message: impl Into<String>) -> Box<ParseError> {
        let span =
            self.items.get(self.cursor.saturating_sub(1)).map_or(Span::default(), |item| Self::span(*item));
        self.error(span, message)
    }

    fn unexpected(&mut self, item: Item, context: &str) -> Box<ParseError> {
        if item.token != Token::Error {
            let what = describe(item.token, self.text(item));
            return self.error(Self::span(item), format!("unexpected {what} in {context}"));
        }
        let mut message = self.lex_error.to_owned();
        let began = self.scope.action.map(|start| self.file.line_of(start));
        if let Some(line) = began.filter(|line| *line != self.line(item)) {
            // "unclosed action in action started" would say it twice.
            let gap = if message.ends_with(" action") { "" } else { " in action" };
            message = format!("{message}{gap} started at {}:{line}", self.name);
        }
        self.error(Self::span(item), message)
    }

    fn nest<T>(&mut self, inside: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        if self.nesting >= MAX_NESTING {
            return Err(self.error_here(format!("nested deeper than {MAX_NESTING} levels")));
        }
        self.nesting += 1;
        let result = inside(self);
        self.nesting -= 1;
        result
    }

    // Templates.

    /// Everything up to the end of the text.
    fn file_body(&mut self) -> Parsed<Box<[Node]>> {
        loop {
            let item = self.peek();
            if item.token == Token::Eof {
                return Ok(taken(&mut self.nodes, 0));
            }
            if item.token == Token::LeftDelim {
                let start = self.cursor;
                self.cursor += 1;
                if self.next_non_space().token == Token::Define {
                    self.definition()?;
                    continue;
                }
                self.cursor = start;
            }
            match self.piece()? {
                Piece::Node(node) => self.nodes.push(node),
                Piece::Ending(ending) => {
                    return Err(self.error_here(format!("unexpected {}", ending.text())));
                }
            }
        }
    }

    /// A named body after its header, up to its `{{end}}`.
    fn named_body(&mut self, name: Arc<str>, context: &str) -> Parsed<()> {
        let (body, ending) = self.nest(Self::body)?;
        if let Ending::Else = ending {
            return Err(self.error_here(format!("unexpected {} in {context}", ending.text())));
        }
        self.add(name, body)
    }

    fn definition(&mut self) -> Parsed<()> {
        const CONTEXT: &str = "define clause";
        let outer = std::mem::replace(&mut self.scope, Scope::new());
        let item = self.next_non_space();
        let name = self.template_name(item, CONTEXT)?;
        self.expect(Token::RightDelim, CONTEXT)?;
        self.named_body(name, CONTEXT)?;
        self.scope = outer;
        Ok(())
    }

    /// Keeps a finished template; the variables are those of the current scope.
    fn add(&mut self, name: Arc<str>, body: Box<[Node]>) -> Parsed<()> {
        let template = Template {
            name,
            file_name: Arc::clone(self.name),
            file: Arc::clone(self.file),
            body,
            slots: self.scope.slots,
        };
        let Some(index) = self.done.iter().position(|other| other.name == template.name) else {
            self.done.push(template);
            return Ok(());
        };
        // `index` was just found in `done`.
        if self.done[index].is_blank() {
            self.done[index] = template;
        } else if !template.is_blank() {
            let name = quote(template.name.as_bytes());
            return Err(self.error_here(format!("template: multiple definition of template {name}")));
        }
        Ok(())
    }

    fn template_name(&mut self, item: Item, context: &str) -> Parsed<Arc<str>> {
        match item.token {
            Token::Str | Token::RawStr => {
                let bytes = self.unquote(item)?;
                Ok(String::from_utf8_lossy(&bytes).into())
            }
            _ => Err(self.unexpected(item, context)),
        }
    }

    fn unquote(&self, item: Item) -> Parsed<Cow<'a, [u8]>> {
        unquote(self.text(item)).ok_or_else(|| self.error(Self::span(item), "invalid syntax"))
    }

    // Bodies.

    fn body(&mut self) -> Parsed<(Box<[Node]>, Ending)> {
        let start = self.nodes.len();
        while self.peek_non_space().token != Token::Eof {
            match self.piece()? {
                Piece::Node(node) => self.nodes.push(node),
                Piece::Ending(ending) => return Ok((taken(&mut self.nodes, start), ending)),
            }
        }
        Err(self.error(Span::at(self.file.text().len()), "unexpected EOF"))
    }

    fn piece(&mut self) -> Parsed<Piece> {
        let item = self.next_non_space();
        match item.token {
            Token::Text => Ok(Piece::Node(Node::Text(Self::span(item)))),
            Token::LeftDelim => {
                self.scope.action = Some(item.start);
                let piece = self.action(item)?;
                self.scope.action = None;
                Ok(piece)
            }
            _ => Err(self.unexpected(item, "input")),
        }
    }

    fn action(&mut self, open: Item) -> Parsed<Piece> {
        let item = self.next_non_space();
        let node = match item.token {
            Token::Block => self.block()?,
            Token::Break => self.jump(Node::Break, "{{break}}")?,
            Token::Continue => self.jump(Node::Continue, "{{continue}}")?,
            Token::Else => {
                // `{{else if` and `{{else with` go on as a nested block.
                if !matches!(self.peek_non_space().token, Token::If | Token::With) {
                    self.expect(Token::RightDelim, "else")?;
                }
                return Ok(Piece::Ending(Ending::Else));
            }
            Token::End => {
                self.expect(Token::RightDelim, "end")?;
                return Ok(Piece::Ending(Ending::End));
            }
            Token::If => Node::If(self.nest(|parser| parser.control(Control::If))?),
            Token::With => Node::With(self.nest(|parser| parser.control(Control::With))?),
            Token::Range => Node::Range(self.nest(|parser| parser.control(Control::Range))?),
            Token::Template => self.template_call()?,
            _ => {
                self.backup();
                let pipe = self.pipeline("command", Token::RightDelim)?;
                let close = self.items.get(self.cursor.saturating_sub(1)).map_or(item.end, |close| close.end);
                Node::Action(pipe, Span { start: open.start, end: close })
            }
        };
        Ok(Piece::Node(node))
    }

    fn jump(&mut self, node: Node, text: &str) -> Parsed<Node> {
        let item = self.next_non_space();
        if item.token != Token::RightDelim {
            return Err(self.unexpected(item, text));
        }
        if self.scope.range_depth == 0 {
            return Err(self.error_here(format!("{text} outside {{{{range}}}}")));
        }
        Ok(node)
    }

    /// A block and the `else if` or `else with` blocks that follow it, which the language nests into each other.
    fn control(&mut self, control: Control) -> Parsed<Box<Branch>> {
        let visible = self.scope.variables.len();
        let mut chain = Vec::new();
        let mut otherwise = loop {
            if chain.len() >= MAX_CHAIN {
                return Err(self.error_here(format!("more than {MAX_CHAIN} else blocks")));
            }
            let pipe = self.pipeline(control.word(), Token::RightDelim)?;
            self.scope.range_depth += usize::from(control == Control::Range);
            let (body, ending) = self.body()?;
            self.scope.range_depth -= usize::from(control == Control::Range);
            chain.push((pipe, body));
            if let Ending::End = ending {
                break None;
            }
            let goes_on = matches!(
                (control, self.peek().token),
                (Control::If, Token::If) | (Control::With, Token::With)
            );
            if !goes_on {
                break Some(self.last_body()?);
            }
            self.cursor += 1;
        };
        self.scope.variables.truncate(visible);
        loop {
            let Some((pipe, body)) = chain.pop() else { return Err(self.error_here("empty command")) };
            let branch = Box::new(Branch { pipe, body, otherwise });
            if chain.is_empty() {
                return Ok(branch);
            }
            let nested = if control == Control::If { Node::If(branch) } else { Node::With(branch) };
            otherwise = Some(Box::new([nested]));
        }
    }

    /// The body of a plain `{{else}}`.
    fn last_body(&mut self) -> Parsed<Box<[Node]>> {
        match self.body()? {
            (body, Ending::End) => Ok(body),
            (_, Ending::Else) => Err(self.error_here("expected end; found {{else}}")),
        }
    }

    fn block(&mut self) -> Parsed<Node> {
        const CONTEXT: &str = "block clause";
        let item = self.next_non_space();
        let name = self.template_name(item, CONTEXT)?;
        let pipe = self.pipeline(CONTEXT, Token::RightDelim)?;
        let outer = std::mem::replace(&mut self.scope, Scope::new());
        self.named_body(Arc::clone(&name), CONTEXT)?;
        self.scope = outer;
        Ok(Node::Template(Box::new(Call { name, pipe: Some(pipe), span: Self::span(item) })))
    }

    fn template_call(&mut self) -> Parsed<Node> {
        const CONTEXT: &str = "template clause";
        let item = self.next_non_space();
        let name = self.template_name(item, CONTEXT)?;
        let mut pipe = None;
        if self.next_non_space().token != Token::RightDelim {
            self.backup();
            pipe = Some(self.pipeline(CONTEXT, Token::RightDelim)?);
        }
        Ok(Node::Template(Box::new(Call { name, pipe, span: Self::span(item) })))
    }

    // Pipelines.

    fn pipeline(&mut self, context: &str, end: Token) -> Parsed<Pipe> {
        let first = self.peek_non_space();
        let outer = self.scope.variables.len();
        let (variables, assigns) = self.declarations(context)?;
        let declared = outer..self.scope.variables.len();
        let (start, mut span) = (self.commands.len(), Self::span(first));
        loop {
            let item = self.next_non_space();
            match item.token {
                token if token == end => break,
                Token::Bool
                | Token::CharConstant
                | Token::Complex
                | Token::Dot
                | Token::Field
                | Token::Identifier
                | Token::Number
                | Token::Nil
                | Token::RawStr
                | Token::Str
                | Token::Variable
                | Token::LeftParen => {
                    self.backup();
                    let command = self.command()?;
                    span = span.to(command.span);
                    self.commands.push(command);
                }
                _ => return Err(self.unexpected(item, context)),
            }
        }
        let commands = taken(&mut self.commands, start);
        let pipe = Pipe { span, variables, assigns, commands };
        self.check_pipeline(&pipe, context)?;
        for variable in self.scope.variables.get_mut(declared).unwrap_or_default() {
            variable.pending = false;
        }
        Ok(pipe)
    }

    /// `$x :=`, `$x =`, and for range `$i, $x :=`: the variables, and whether they are assigned rather than declared.
    fn declarations(&mut self, context: &str) -> Parsed<(Box<[Declared]>, bool)> {
        let (mut names, mut assigns) = (Vec::new(), false);
        loop {
            let variable = self.peek_non_space();
            if variable.token != Token::Variable {
                return Ok((names.into(), assigns));
            }
            let start = self.cursor;
            self.cursor += 1;
            let after = self.peek_non_space();
            let is_comma = after.token == Token::Char && self.text(after) == ",";
            match after.token {
                Token::Assign | Token::Declare => {
                    self.cursor += 1;
                    assigns = after.token == Token::Assign;
                    names.reserve_exact(1);
                    names.push(self.declared(variable));
                    break;
                }
                _ if is_comma => {
                    self.cursor += 1;
                    names.push(self.declared(variable));
                    if context != "range" || names.len() >= 2 {
                        return Err(
                            self.error(Self::span(variable), format!("too many declarations in {context}"))
                        );
                    }
                    match self.peek_non_space().token {
                        Token::Variable | Token::RightDelim | Token::RightParen => {}
                        _ => return Err(self.error_here("range can only initialize variables")),
                    }
                }
                _ => {
                    self.cursor = start;
                    break;
                }
            }
        }
        self.resolve(&mut names, assigns);
        Ok((names.into(), assigns))
    }

    fn declared(&self, variable: Item) -> Declared {
        Declared { name: Arc::from(self.text(variable)), slot: None }
    }

    /// Gives the variables of a pipeline their slots, once it is known whether it declares or assigns.
    fn resolve(&mut self, variables: &mut [Declared], assigns: bool) {
        for variable in variables {
            if assigns {
                variable.slot =
                    self.scope.find(&variable.name).filter(|known| !known.pending).map(|known| known.slot);
            }
            // Go's parser takes the name as declared even where the assignment must fail when executed.
            let slot = variable.slot.unwrap_or_else(|| {
                self.scope.slots += 1;
                self.scope.slots - 1
            });
            if !assigns {
                variable.slot = Some(slot);
            }
            let name = Arc::clone(&variable.name);
            self.scope.variables.push(Variable { name, slot, pending: true });
        }
    }

    fn check_pipeline(&mut self, pipe: &Pipe, context: &str) -> Parsed<()> {
        if pipe.commands.is_empty() {
            return Err(self.error_here(format!("missing value for {context}")));
        }
        for (index, command) in pipe.commands.iter().enumerate().skip(1) {
            if matches!(
                command.first.kind,
                ExprKind::Bool(_) | ExprKind::Dot | ExprKind::Nil | ExprKind::Number(_) | ExprKind::Str(_)
            ) {
                let message = format!("non executable command in pipeline stage {}", index + 1);
                return Err(self.error(command.span, message));
            }
        }
        Ok(())
    }

    fn command(&mut self) -> Parsed<Command> {
        let start = self.peek_non_space();
        let mut first = None;
        let outer = self.operands.len();
        loop {
            self.skip_space();
            if let Some(operand) = self.operand()? {
                if first.is_none() {
                    first = Some(operand);
                } else {
                    self.operands.push(operand);
                }
            }
            let item = self.next();
            match item.token {
                Token::Space => {}
                Token::RightDelim | Token::RightParen => {
                    self.backup();
                    break;
                }
                Token::Pipe => break,
                _ => return Err(self.unexpected(item, "operand")),
            }
        }
        let Some(first) = first else { return Err(self.error_here("empty command")) };
        let rest = taken(&mut self.operands, outer);
        let end = rest.last().map_or(first.span, |last| last.span);
        Ok(Command { span: Self::span(start).to(first.span).to(end), first, rest })
    }

    /// A term and the fields that follow it.
    fn operand(&mut self) -> Parsed<Option<Expr>> {
        let Some(term) = self.term()? else { return Ok(None) };
        let first_field = self.peek();
        if first_field.token != Token::Field {
            return Ok(Some(term));
        }
        let following = self.items.get(self.cursor..).unwrap_or_default();
        let count = following.iter().take_while(|item| item.token == Token::Field).count();
        let (term_kind, mut fields) = match term.kind {
            ExprKind::Field(names) => {
                let mut fields = Vec::with_capacity(names.len() + count);
                fields.extend(names);
                (None, fields)
            }
            kind => (Some(kind), Vec::with_capacity(count)),
        };
        let mut span = Self::span(first_field);
        while self.peek().token == Token::Field {
            let item = self.next();
            span = span.to(Self::span(item));
            fields.push(self.field_name(item));
        }
        let kind = match term_kind {
            None => ExprKind::Field(fields.into()),
            Some(kind) => self.with_fields(Expr { span: term.span, kind }, fields, span)?,
        };
        Ok(Some(Expr { span, kind }))
    }

    /// A term that is no field, and fields of it.
    fn with_fields(&self, term: Expr, fields: Vec<Arc<str>>, span: Span) -> Parsed<ExprKind> {
        Ok(match term.kind {
            ExprKind::Variable { slot, name, .. } => ExprKind::Variable { slot, name, fields: fields.into() },
            ExprKind::Bool(_) | ExprKind::Str(_) | ExprKind::Number(_) | ExprKind::Nil | ExprKind::Dot => {
                let text = Written { source: self.file.text(), node: At::Expr(&term) };
                let message = format!("unexpected . after term {}", quote(text.to_string().as_bytes()));
                return Err(self.error(span, message));
            }
            _ => ExprKind::Chain(Box::new(term), fields.into()),
        })
    }

    /// A field token without its dot. The same few names stand all over a file, and one text serves for them.
    fn field_name(&mut self, item: Item) -> Arc<str> {
        let name = self.text(item).get(1..).unwrap_or("");
        let [first, .., last] = *name.as_bytes() else { return Arc::from(name) };
        let place = (usize::from(first) * 7 + usize::from(last) * 3 + name.len()) % NAMES;
        match &self.names[place] {
            Some(known) if **known == *name => Arc::clone(known),
            _ => Arc::clone(self.names[place].insert(Arc::from(name))),
        }
    }

    fn term(&mut self) -> Parsed<Option<Expr>> {
        let item = self.next_non_space();
        let text = self.text(item);
        let mut span = Self::span(item);
        let kind = match item.token {
            Token::Identifier => ExprKind::Func(self.function(item)?),
            Token::Dot => ExprKind::Dot,
            Token::Nil => ExprKind::Nil,
            Token::Bool => ExprKind::Bool(text == "true"),
            Token::Variable => self.variable(item)?,
            Token::Field => ExprKind::Field(Box::new([self.field_name(item)])),
            Token::CharConstant => self.number(item, Number::from_char(text))?,
            Token::Complex => self.number(item, Number::from_complex(text))?,
            Token::Number => self.number(item, Number::from_text(text))?,
            Token::Str | Token::RawStr => ExprKind::Str(self.string(item)?),
            Token::LeftParen => {
                let pipe =
                    self.nest(|parser| parser.pipeline("parenthesized pipeline", Token::RightParen))?;
                span = pipe.span;
                ExprKind::Pipe(Box::new(pipe))
            }
            _ => {
                self.backup();
                return Ok(None);
            }
        };
        Ok(Some(Expr { span, kind }))
    }

    /// A string constant. Nearly all are what stands between their marks, and need no text of their own.
    fn string(&self, item: Item) -> Parsed<GoStr> {
        let inner = Span { start: item.start + 1, end: item.end.saturating_sub(1) };
        Ok(match self.unquote(item)? {
            Cow::Borrowed(text) if text.len() == inner.range().len() => GoStr::within(self.file, inner),
            decoded => GoStr::from(&*decoded),
        })
    }

    fn number(&self, item: Item, number: Result<Number, String>) -> Parsed<ExprKind> {
        match number {
            Ok(number) => Ok(ExprKind::Number(Box::new(number))),
            Err(message) => Err(self.error(Self::span(item), message)),
        }
    }

    fn function(&self, item: Item) -> Parsed<&'static super::funcs::Func> {
        let name = self.text(item);
        self.funcs.get(name).ok_or_else(|| {
            let mut names: Vec<_> = self.funcs.names().collect();
            names.sort_unstable();
            let hint = did_you_mean(name, names).map(|best| format!("did you mean `{best}`?"));
            let message = format!("function {} not defined", quote(name.as_bytes()));
            self.error_with_hints(Self::span(item), message, hint.into_iter().collect())
        })
    }

    fn variable(&self, item: Item) -> Parsed<ExprKind> {
        let name = self.text(item);
        if let Some(known) = self.scope.find(name) {
            let name = Arc::clone(&known.name);
            return Ok(ExprKind::Variable { slot: known.slot, name, fields: Box::default() });
        }
        let names = self.scope.variables.iter().map(|known| &*known.name);
        let hint = did_you_mean(name, names).map(|best| format!("did you mean `{best}`?"));
        let message = format!("undefined variable {}", quote(name.as_bytes()));
        Err(self.error_with_hints(Self::span(item), message, hint.into_iter().collect()))
    }
}
