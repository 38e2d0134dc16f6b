//! The walk over a template: text, actions, branches, loops and template calls.
//!
//! One [`Run`] executes one template; `{{ template }}` makes another one that writes into the same buffer, functions
//! such as `include` make one with a buffer of its own.
//!
//! Invariant: every node costs a step, and every level of recursion is checked against the stack, so any template ends.

use std::sync::Arc;

use crate::diag::{Location, Span, did_you_mean};

use super::ast::{At, Branch, Call, Node, Template};
use super::context::Ctx;
use super::error::{ExecError, ExecErrorKind, FuncError, Limit, Lookup, TraceStep};
use super::format::write_action;
use super::gostr::GoStr;
use super::quote::quote;
use super::types::{Kind, Type};
use super::value::{Map, Num, Val};

/// A value in the hands of the evaluator.
#[derive(Clone, Debug)]
pub(super) struct Slot {
    pub(super) val: Val,
    /// Its static type is `interface {}`: it came out of a map or list of anything. Only messages show it.
    pub(super) boxed: bool,
}

impl Slot {
    pub(super) fn plain(val: Val) -> Self {
        Slot { val, boxed: false }
    }

    /// An element of a container whose elements have this type.
    pub(super) fn element(val: Val, ty: Type) -> Self {
        Slot { val, boxed: matches!(ty, Type::Any) }
    }

    /// What a pipeline makes of it: the value inside the interface, and of nil nothing at all.
    pub(super) fn unboxed(self) -> Self {
        Slot::plain(if let Val::Nil = self.val { Val::Missing } else { self.val })
    }
}

pub(super) type Eval<T> = Result<T, Box<ExecError>>;

/// How a body ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Flow {
    Next,
    Break,
    Continue,
}

/// The execution of one template.
pub(super) struct Run<'t, 'c, 'h> {
    pub(super) ctx: &'c mut Ctx<'h>,
    pub(super) template: &'t Template,
    /// The node being evaluated.
    pub(super) at: At<'t>,
    /// The variables by slot; `None` where the declaration has not been reached.
    pub(super) variables: Vec<Option<Slot>>,
    out: &'c mut Vec<u8>,
}

/// Executes a template of the context's set into a buffer of its own.
pub(super) fn execute(ctx: &mut Ctx<'_>, name: &str, data: Val) -> Eval<Vec<u8>> {
    match ctx.set.get(name).cloned() {
        Some(template) => execute_template(ctx, &template, data),
        None => Err(not_found(ctx, name)),
    }
}

/// Executes a template into a buffer of its own.
pub(super) fn execute_template(ctx: &mut Ctx<'_>, template: &Template, data: Val) -> Eval<Vec<u8>> {
    let mut out = Vec::new();
    let mut run = Run::new(ctx, template, &mut out, Slot::plain(data.clone()));
    if !run.ctx.has_stack() {
        let max = run.ctx.options.limits.depth;
        return Err(run.limit(Limit::Depth(max)));
    }
    run.template_body(&Slot::plain(data))?;
    Ok(out)
}

/// The error of a template that a function would call too deep in others.
pub(super) fn too_many_captures(ctx: &Ctx<'_>, max: usize) -> Box<ExecError> {
    let limit = Limit::Depth(max);
    Box::new(ExecError {
        kind: ExecErrorKind::Limit(limit),
        template: Arc::from(ctx.set.name()),
        file_name: Arc::from(""),
        file: None,
        span: Span::default(),
        line: 0,
        column: 0,
        context: GoStr::EMPTY,
        message: limit.to_string().into(),
        trace: Vec::new(),
        lookup: None,
    })
}

fn not_found(ctx: &Ctx<'_>, name: &str) -> Box<ExecError> {
    let mut names: Vec<&str> = ctx.set.names().collect();
    names.sort_unstable();
    let closest = did_you_mean(name, names).map(str::to_owned);
    let message = format!(
        "no template {} associated with template {}",
        quote(name.as_bytes()),
        quote(ctx.set.name().as_bytes())
    );
    Box::new(ExecError {
        kind: ExecErrorKind::Language,
        template: Arc::from(name),
        file_name: Arc::from(""),
        file: None,
        span: Span::default(),
        line: 0,
        column: 0,
        context: GoStr::EMPTY,
        message: message.into(),
        trace: Vec::new(),
        lookup: Some(Lookup { wanted: name.into(), closest }),
    })
}

impl<'t, 'c, 'h> Run<'t, 'c, 'h> {
    fn new(ctx: &'c mut Ctx<'h>, template: &'t Template, out: &'c mut Vec<u8>, data: Slot) -> Self {
        let mut variables = vec![None; template.slots];
        if let Some(dollar) = variables.first_mut() {
            *dollar = Some(data);
        }
        Run { ctx, template, at: At::Nothing, variables, out }
    }

    // Errors.

    pub(super) fn fail_with(&self, kind: ExecErrorKind, message: impl Into<GoStr>) -> Box<ExecError> {
        let file = &self.template.file;
        let span = self.at.span();
        Box::new(ExecError {
            kind,
            template: Arc::clone(&self.template.name),
            file_name: Arc::clone(&self.template.file_name),
            file: Some(Arc::clone(file)),
            span,
            line: file.line_of(span.start),
            column: file.byte_column(span.start),
            context: self.template.written(self.at).to_string().into(),
            message: message.into(),
            trace: Vec::new(),
            lookup: None,
        })
    }

    pub(super) fn fail(&self, message: impl Into<GoStr>) -> Box<ExecError> {
        self.fail_with(ExecErrorKind::Language, message)
    }

    pub(super) fn limit(&self, limit: Limit) -> Box<ExecError> {
        self.fail_with(ExecErrorKind::Limit(limit), limit.to_string())
    }

    /// The error of a function call, told at the current node.
    pub(super) fn call_failed(&self, name: &str, cause: FuncError) -> Box<ExecError> {
        match cause {
            FuncError::Language(text) => self.fail(text),
            FuncError::Limit(limit) => self.limit(limit),
            cause => {
                let text = cause.text();
                let message = [b"error calling ", name.as_bytes(), b": ", text.as_bytes()].concat();
                self.fail_with(ExecErrorKind::Call { function: Arc::from(name), cause }, message)
            }
        }
    }

    pub(super) fn step(&mut self) -> Eval<()> {
        self.ctx.charge(1).map_err(|limit| self.limit(limit))
    }

    /// Called where evaluation recurses.
    pub(super) fn descend(&mut self) -> Eval<()> {
        if self.ctx.has_stack() {
            return Ok(());
        }
        Err(self.limit(Limit::Depth(self.ctx.options.limits.depth)))
    }

    // The walk.

    fn template_body(&mut self, dot: &Slot) -> Eval<()> {
        let template = self.template;
        self.body(dot, &template.body).map(|_| ())
    }

    fn body(&mut self, dot: &Slot, nodes: &'t [Node]) -> Eval<Flow> {
        self.descend()?;
        for node in nodes {
            self.step()?;
            let flow = match node {
                Node::Text(span) => self.text(*span)?,
                Node::Action(pipe, span) => {
                    let value = self.pipe(dot, pipe)?;
                    if pipe.variables.is_empty() {
                        self.at = At::Pipe(pipe);
                        self.print(&value.val, *span)?;
                    }
                    Flow::Next
                }
                Node::If(branch) => self.branch(dot, branch, false)?,
                Node::With(branch) => self.branch(dot, branch, true)?,
                Node::Range(branch) => self.range(dot, branch)?,
                Node::Template(call) => self.call_template(dot, call)?,
                Node::Break => Flow::Break,
                Node::Continue => Flow::Continue,
            };
            if flow != Flow::Next {
                return Ok(flow);
            }
        }
        Ok(Flow::Next)
    }

    fn text(&mut self, span: Span) -> Eval<Flow> {
        let start = self.out.len();
        let text = self.template.file.bytes(span);
        let max = self.ctx.output_limit();
        if start + text.len() > max {
            return Err(self.limit(Limit::Output(max)));
        }
        self.out.extend_from_slice(&text);
        self.record(start, span);
        Ok(Flow::Next)
    }

    fn print(&mut self, value: &Val, span: Span) -> Eval<()> {
        self.note_use("print", value);
        let start = self.out.len();
        write_action(self.out, value, self.ctx.output_limit()).map_err(|limit| self.limit(limit))?;
        self.record(start, span);
        Ok(())
    }

    /// Tells the recorder that a value was used as a whole.
    fn note_use(&mut self, by: &str, value: &Val) {
        if let Some(recorder) = &mut self.ctx.recorder {
            recorder.used(by, std::slice::from_ref(value));
        }
    }

    fn record(&mut self, start: usize, span: Span) {
        if let Some(recorder) = &mut self.ctx.recorder {
            let written = self.out.get(start..).unwrap_or_default();
            recorder.wrote(start..self.out.len(), written, &self.template.file, span);
        }
    }

    fn branch(&mut self, dot: &Slot, branch: &'t Branch, sets_dot: bool) -> Eval<Flow> {
        let value = self.pipe(dot, &branch.pipe)?;
        if value.val.truth() {
            self.body(if sets_dot { &value } else { dot }, &branch.body)
        } else {
            self.otherwise(dot, branch)
        }
    }

    fn otherwise(&mut self, dot: &Slot, branch: &'t Branch) -> Eval<Flow> {
        match &branch.otherwise {
            Some(nodes) => self.body(dot, nodes),
            None => Ok(Flow::Next),
        }
    }

    fn call_template(&mut self, dot: &Slot, call: &'t Call) -> Eval<Flow> {
        self.at = At::Call(call);
        let Some(template) = self.ctx.set.get(&call.name).cloned() else {
            let mut names: Vec<&str> = self.ctx.set.names().collect();
            names.sort_unstable();
            let closest = did_you_mean(&call.name, names).map(str::to_owned);
            let mut error = self.fail(format!("template {} not defined", quote(call.name.as_bytes())));
            error.lookup = Some(Lookup { wanted: call.name.to_string().into(), closest });
            return Err(error);
        };
        let max = self.ctx.options.limits.depth;
        if self.ctx.depth >= max || !self.ctx.has_stack() {
            return Err(self.limit(Limit::Depth(max)));
        }
        let data = match &call.pipe {
            Some(pipe) => self.pipe(dot, pipe)?,
            None => Slot::plain(Val::Missing),
        };
        self.ctx.depth += 1;
        if let Some(recorder) = &mut self.ctx.recorder {
            recorder.entered(&call.name, &self.template.file, call.span);
        }
        let result = Run::new(self.ctx, &template, self.out, data.clone()).template_body(&data);
        if let Some(recorder) = &mut self.ctx.recorder {
            recorder.left();
        }
        self.ctx.depth -= 1;
        result.map_err(|mut error| {
            let at = Location { file: Arc::clone(&self.template.file), span: call.span };
            // A runaway recursion would make a trace of its whole depth.
            if error.trace.len() < 32 {
                error.trace.push(TraceStep { called: Arc::clone(&call.name), at });
            }
            error
        })?;
        Ok(Flow::Next)
    }

    // Loops.

    fn range(&mut self, dot: &Slot, branch: &'t Branch) -> Eval<Flow> {
        let value = self.pipe(dot, &branch.pipe)?.val;
        self.note_use("range", &value);
        // Messages show the value as it prints itself: a duration with its unit.
        let named = value.clone();
        let value = match &value {
            Val::Object(object) => object.contents().or_else(|| object.underlying()).unwrap_or(value),
            _ => value,
        };
        match &value {
            Val::List(list) => {
                let elem = list.ty().elem;
                for index in 0..list.len() {
                    let item = list.get(index).unwrap_or(Val::Nil);
                    if self.iteration(branch, Val::Int(index as i64), Slot::element(item, elem))? {
                        return Ok(Flow::Next);
                    }
                }
                if !list.is_empty() {
                    return Ok(Flow::Next);
                }
            }
            Val::Bytes(bytes) => {
                for (index, byte) in bytes.as_slice().iter().enumerate() {
                    let item = Slot::plain(Val::Num(Num::Uint8(*byte)));
                    if self.iteration(branch, Val::Int(index as i64), item)? {
                        return Ok(Flow::Next);
                    }
                }
                if !bytes.as_slice().is_empty() {
                    return Ok(Flow::Next);
                }
            }
            Val::Map(map) => {
                if self.range_map(branch, map)? {
                    return Ok(Flow::Next);
                }
            }
            Val::Missing | Val::Nil => {}
            _ => {
                if self.range_number(branch, &value, &named)? {
                    return Ok(Flow::Next);
                }
            }
        }
        // A `break` there ends this loop, though it has no round; a `continue` goes on with the one around it.
        Ok(match self.otherwise(dot, branch)? {
            Flow::Break => Flow::Next,
            flow => flow,
        })
    }

    /// Whether there was anything to iterate over.
    fn range_map(&mut self, branch: &'t Branch, map: &Map) -> Eval<bool> {
        let elem = map.ty().elem;
        let entries = map.entries();
        let found = !entries.is_empty();
        for (key, item) in entries {
            if self.iteration(branch, Val::Str(key), Slot::element(item, elem))? {
                break;
            }
        }
        Ok(found)
    }

    fn range_number(&mut self, branch: &'t Branch, value: &Val, named: &Val) -> Eval<bool> {
        let signed = value.as_signed();
        let Some(count) = signed.map(|n| n.max(0) as u64).or_else(|| value.as_unsigned()) else {
            let shown = value.to_display();
            // A pointer is followed first.
            let target = shown.as_bytes().strip_prefix(b"&").filter(|_| value.kind() == Kind::Pointer);
            let shown = target.unwrap_or(shown.as_bytes());
            return Err(self.fail([b"range can't iterate over ", shown].concat()));
        };
        if branch.pipe.variables.len() > 1 {
            let text = named.to_display();
            return Err(self.fail(format!("can't use {text} to iterate over more than one variable")));
        }
        for number in 0..count {
            let item = match named {
                Val::Object(object) => object.with_number(number as i64),
                _ => None,
            };
            let item = item.unwrap_or_else(|| same_type(value, number));
            if self.iteration(branch, Val::Missing, Slot::plain(item))? {
                break;
            }
        }
        Ok(count > 0)
    }

    /// Runs the body once; true when it broke off the loop.
    fn iteration(&mut self, branch: &'t Branch, index: Val, item: Slot) -> Eval<bool> {
        self.step()?;
        match &*branch.pipe.variables {
            [] => {}
            [one] => self.set(one, item.clone())?,
            [first, second, ..] => {
                self.set(first, Slot::plain(index))?;
                self.set(second, item.clone())?;
            }
        }
        Ok(self.body(&item, &branch.body)? == Flow::Break)
    }
}

/// A number in the integer type of another value.
fn same_type(value: &Val, number: u64) -> Val {
    match value {
        Val::Int64(_) => Val::Int64(number as i64),
        Val::Num(Num::Int8(_)) => Val::Num(Num::Int8(number as i8)),
        Val::Num(Num::Int16(_)) => Val::Num(Num::Int16(number as i16)),
        Val::Num(Num::Int32(_)) => Val::Num(Num::Int32(number as i32)),
        Val::Num(Num::Uint(_)) => Val::Num(Num::Uint(number)),
        Val::Num(Num::Uint8(_)) => Val::Num(Num::Uint8(number as u8)),
        Val::Num(Num::Uint16(_)) => Val::Num(Num::Uint16(number as u16)),
        Val::Num(Num::Uint32(_)) => Val::Num(Num::Uint32(number as u32)),
        Val::Num(Num::Uint64(_)) => Val::Num(Num::Uint64(number)),
        _ => Val::Int(number as i64),
    }
}
