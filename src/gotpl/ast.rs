//! A parsed template.
//!
//! Variables are slot numbers and functions are pointers, so execution looks nothing up by name. Every node knows its
//! place; its text as Go's `String()` prints it is made from the file
//! only when an error needs it.
//!
//! Invariant: immutable after parsing and free of interior mutability, so it can be shared between threads.

use std::fmt;
use std::sync::Arc;

use crate::diag::{SourceFile, Span};

use super::funcs::Func;
use super::gostr::GoStr;
use super::number::Number;
use super::quote::quote;

/// A named template, parsed.
#[derive(Debug)]
pub struct Template {
    /// Its name: that of the file, or of a `define` or `block`.
    pub(super) name: Arc<str>,
    /// Name of the file's own template, which positions are given in.
    pub(super) file_name: Arc<str>,
    pub(super) file: Arc<SourceFile>,
    pub(super) body: Box<[Node]>,
    /// How many variables it needs, with `$` as the first.
    pub(super) slots: usize,
}

impl Template {
    /// The name by which it is called.
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// The file that it stands in.
    pub fn file(&self) -> &Arc<SourceFile> {
        &self.file
    }

    /// A node of it as Go's `String()` prints it.
    pub(super) fn written<'a>(&'a self, node: At<'a>) -> Written<'a> {
        Written { source: self.file.text(), node }
    }

    /// Whether it holds nothing but space: such a body never replaces another one.
    pub fn is_blank(&self) -> bool {
        self.body.iter().all(|node| match node {
            Node::Text(span) => self.file.text().get(span.range()).is_none_or(|text| text.trim().is_empty()),
            _ => false,
        })
    }
}

/// One piece of a body.
#[derive(Debug)]
pub(super) enum Node {
    Text(Span),
    Action(Pipe, Span),
    If(Box<Branch>),
    With(Box<Branch>),
    Range(Box<Branch>),
    Template(Box<Call>),
    Break,
    Continue,
}

#[derive(Debug)]
pub(super) struct Branch {
    pub(super) pipe: Pipe,
    pub(super) body: Box<[Node]>,
    pub(super) otherwise: Option<Box<[Node]>>,
}

/// `{{ template "name" pipe }}`.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) name: Arc<str>,
    pub(super) pipe: Option<Pipe>,
    pub(super) span: Span,
}

#[derive(Debug)]
pub(super) struct Pipe {
    pub(super) span: Span,
    pub(super) variables: Box<[Declared]>,
    /// `=` rather than `:=`.
    pub(super) assigns: bool,
    pub(super) commands: Box<[Command]>,
}

/// A variable that a pipeline sets.
#[derive(Debug)]
pub(super) struct Declared {
    pub(super) name: Arc<str>,
    /// Where it is kept; `None` when `=` names a variable that does not exist, which fails only when executed.
    pub(super) slot: Option<usize>,
}

#[derive(Debug)]
pub(super) struct Command {
    pub(super) span: Span,
    /// Never empty.
    pub(super) first: Expr,
    pub(super) rest: Box<[Expr]>,
}

#[derive(Debug)]
pub(super) struct Expr {
    pub(super) span: Span,
    pub(super) kind: ExprKind,
}

#[derive(Debug)]
pub(super) enum ExprKind {
    Bool(bool),
    Nil,
    Dot,
    Number(Box<Number>),
    /// The value; the literal is what stands in the file.
    Str(GoStr),
    Field(Box<[Arc<str>]>),
    Variable {
        slot: usize,
        name: Arc<str>,
        fields: Box<[Arc<str>]>,
    },
    Chain(Box<Expr>, Box<[Arc<str>]>),
    Func(&'static Func),
    Pipe(Box<Pipe>),
}

/// The node that is being evaluated: what an error is about.
#[derive(Clone, Copy, Debug)]
pub(super) enum At<'a> {
    Nothing,
    Pipe(&'a Pipe),
    Command(&'a Command),
    Expr(&'a Expr),
    Call(&'a Call),
}

impl At<'_> {
    pub(super) fn span(self) -> Span {
        match self {
            At::Nothing => Span::default(),
            At::Pipe(pipe) => pipe.span,
            At::Command(command) => command.span,
            At::Expr(expr) => expr.span,
            At::Call(call) => call.span,
        }
    }
}

/// A node as Go's `String()` prints it.
#[derive(Clone, Copy)]
pub(super) struct Written<'a> {
    /// The text of the file, where the literals stand.
    pub(super) source: &'a str,
    pub(super) node: At<'a>,
}

impl fmt::Display for Written<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.node {
            At::Nothing => Ok(()),
            At::Pipe(pipe) => self.pipe(f, pipe),
            At::Command(command) => self.command(f, command),
            At::Expr(expr) => self.expr(f, expr),
            At::Call(call) => self.call(f, call),
        }
    }
}

fn write_fields(f: &mut fmt::Formatter<'_>, fields: &[Arc<str>]) -> fmt::Result {
    fields.iter().try_for_each(|field| write!(f, ".{field}"))
}

impl Written<'_> {
    fn expr(&self, f: &mut fmt::Formatter<'_>, expr: &Expr) -> fmt::Result {
        match &expr.kind {
            ExprKind::Bool(flag) => write!(f, "{flag}"),
            ExprKind::Nil => f.write_str("nil"),
            ExprKind::Dot => f.write_str("."),
            ExprKind::Number(number) => f.write_str(&number.text),
            ExprKind::Str(_) => f.write_str(self.source.get(expr.span.range()).unwrap_or_default()),
            ExprKind::Field(fields) => write_fields(f, fields),
            ExprKind::Variable { name, fields, .. } => {
                f.write_str(name)?;
                write_fields(f, fields)
            }
            ExprKind::Chain(base, fields) => {
                self.argument(f, base)?;
                write_fields(f, fields)
            }
            ExprKind::Func(func) => f.write_str(func.name),
            ExprKind::Pipe(pipe) => self.pipe(f, pipe),
        }
    }

    /// An expression beside others, where a pipeline needs its parentheses.
    fn argument(&self, f: &mut fmt::Formatter<'_>, expr: &Expr) -> fmt::Result {
        let ExprKind::Pipe(pipe) = &expr.kind else { return self.expr(f, expr) };
        f.write_str("(")?;
        self.pipe(f, pipe)?;
        f.write_str(")")
    }

    fn command(&self, f: &mut fmt::Formatter<'_>, command: &Command) -> fmt::Result {
        self.argument(f, &command.first)?;
        command.rest.iter().try_for_each(|arg| {
            f.write_str(" ")?;
            self.argument(f, arg)
        })
    }

    fn pipe(&self, f: &mut fmt::Formatter<'_>, pipe: &Pipe) -> fmt::Result {
        for (index, variable) in pipe.variables.iter().enumerate() {
            write!(f, "{}{}", if index > 0 { ", " } else { "" }, variable.name)?;
        }
        if !pipe.variables.is_empty() {
            f.write_str(if pipe.assigns { " = " } else { " := " })?;
        }
        for (index, command) in pipe.commands.iter().enumerate() {
            f.write_str(if index > 0 { " | " } else { "" })?;
            self.command(f, command)?;
        }
        Ok(())
    }

    fn call(&self, f: &mut fmt::Formatter<'_>, call: &Call) -> fmt::Result {
        write!(f, "{{{{template {}", quote(call.name.as_bytes()))?;
        if let Some(pipe) = &call.pipe {
            f.write_str(" ")?;
            self.pipe(f, pipe)?;
        }
        f.write_str("}}")
    }
}
