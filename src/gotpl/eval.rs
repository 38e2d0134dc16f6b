//! Pipelines, commands, fields and arguments: how an expression becomes a value.
//!
//! The order in which nodes become "current" is part of the language's error messages and follows text/template.
//!
//! Invariant: a function body is only called with values of its declared parameter types.

use std::sync::Arc;

use crate::diag::did_you_mean;

use super::ast::{At, Command, Declared, Expr, ExprKind, Pipe};
use super::error::{ExecError, FuncError, Limit, Lookup};
use super::exec::{Eval, Run, Slot};
use super::funcs::{Calling, Func, Method, Signature};
use super::number::Number;
use super::quote::quote;
use super::set::MissingKey;
use super::types::{ListType, MapType, Type};
use super::value::{Map, Num, Val};

/// A function or method about to be called.
struct Callee<'a> {
    name: &'static str,
    signature: Signature,
    calling: Calling,
    target: Target<'a>,
}

enum Target<'a> {
    Func(&'static Func),
    Method(&'static Method, &'a Val),
}

impl<'t> Run<'t, '_, '_> {
    pub(super) fn pipe(&mut self, dot: &Slot, pipe: &'t Pipe) -> Eval<Slot> {
        self.at = At::Pipe(pipe);
        let mut value = None;
        for command in &pipe.commands {
            value = Some(self.command(dot, command, value)?.unboxed());
        }
        let value = value.unwrap_or(Slot::plain(Val::Missing));
        for variable in &pipe.variables {
            self.set(variable, value.clone())?;
        }
        Ok(value)
    }

    pub(super) fn set(&mut self, variable: &Declared, value: Slot) -> Eval<()> {
        match variable.slot.and_then(|slot| self.variables.get_mut(slot)) {
            Some(place) => {
                *place = Some(value);
                Ok(())
            }
            None => Err(self.fail(format!("undefined variable: {}", variable.name))),
        }
    }

    fn command(&mut self, dot: &Slot, command: &'t Command, last: Option<Slot>) -> Eval<Slot> {
        self.step()?;
        let first = &command.first;
        match &first.kind {
            ExprKind::Field(names) => {
                self.at = At::Expr(first);
                self.chain(dot, first, dot.clone(), names, &command.rest, last)
            }
            ExprKind::Chain(base, names) => self.chained(dot, first, base, names, &command.rest, last),
            ExprKind::Func(func) => {
                self.at = At::Expr(first);
                self.function(dot, func, At::Command(command), &command.rest, last)
            }
            ExprKind::Variable { slot, name, fields } => {
                self.at = At::Expr(first);
                let value = self.variable(*slot, name)?;
                if fields.is_empty() {
                    self.not_a_function(command, last.is_some())?;
                    return Ok(value);
                }
                self.chain(dot, first, value, fields, &command.rest, last)
            }
            ExprKind::Pipe(pipe) => {
                self.not_a_function(command, last.is_some())?;
                self.nested(dot, pipe)
            }
            _ => {
                self.at = At::Expr(first);
                self.not_a_function(command, last.is_some())?;
                match &first.kind {
                    ExprKind::Dot => Ok(dot.clone()),
                    ExprKind::Nil => Err(self.fail("nil is not a command")),
                    _ => Ok(Slot::plain(self.constant(first)?)),
                }
            }
        }
    }

    /// A pipeline in parentheses.
    fn nested(&mut self, dot: &Slot, pipe: &'t Pipe) -> Eval<Slot> {
        self.descend()?;
        self.pipe(dot, pipe)
    }

    fn not_a_function(&self, command: &Command, has_last: bool) -> Eval<()> {
        if command.rest.is_empty() && !has_last {
            return Ok(());
        }
        let text = self.written(&command.first);
        Err(self.fail(format!("can't give argument to non-function {text}")))
    }

    /// An expression as Go prints it.
    fn written(&self, expr: &Expr) -> String {
        self.template.written(At::Expr(expr)).to_string()
    }

    fn variable(&self, slot: usize, name: &str) -> Eval<Slot> {
        match self.variables.get(slot) {
            Some(Some(value)) => Ok(value.clone()),
            _ => Err(self.fail(format!("undefined variable: {name}"))),
        }
    }

    fn constant(&self, expr: &Expr) -> Eval<Val> {
        match &expr.kind {
            ExprKind::Bool(flag) => Ok(Val::Bool(*flag)),
            ExprKind::Str(text) => Ok(Val::Str(text.clone())),
            ExprKind::Number(number) => self.ideal(number),
            _ => {
                let text = self.written(expr);
                Err(self.fail(format!("can't evaluate command {}", quote(text.as_bytes()))))
            }
        }
    }

    /// The type that a number has where nothing asks for one.
    fn ideal(&self, number: &Number) -> Eval<Val> {
        if let Some((re, im)) = number.complex {
            return Ok(Val::Num(Num::Complex(re, im)));
        }
        if number.is_float_text()
            && let Some(float) = number.float
        {
            return Ok(Val::Float(float));
        }
        match number.int {
            Some(int) => Ok(Val::Int(int)),
            None => Err(self.fail(format!("{} overflows int", number.text))),
        }
    }

    // Fields.

    fn chained(
        &mut self,
        dot: &Slot,
        expr: &'t Expr,
        base: &'t Expr,
        names: &'t [Arc<str>],
        args: &'t [Expr],
        last: Option<Slot>,
    ) -> Eval<Slot> {
        self.at = At::Expr(expr);
        let receiver = match &base.kind {
            ExprKind::Pipe(pipe) => {
                self.at = At::Expr(base);
                self.nested(dot, pipe)?
            }
            ExprKind::Func(func) => {
                self.at = At::Expr(base);
                self.function(dot, func, At::Expr(base), &[], None)?
            }
            _ => {
                let text = self.written(expr);
                return Err(self.fail(format!("indirection through explicit nil in {text}")));
            }
        };
        self.chain(dot, expr, receiver, names, args, last)
    }

    /// `receiver.a.b.c`, where only the last may take arguments. `node` is the whole expression, at which a method that
    /// fails is reported, wherever evaluation stands by then.
    fn chain(
        &mut self,
        dot: &Slot,
        node: &'t Expr,
        receiver: Slot,
        names: &'t [Arc<str>],
        args: &'t [Expr],
        last: Option<Slot>,
    ) -> Eval<Slot> {
        let Some((final_name, before)) = names.split_last() else { return Ok(receiver) };
        let mut value = receiver;
        let mut parent: Option<Slot> = None;
        let mut last = last;
        for (index, name) in before.iter().chain([final_name]).enumerate() {
            let is_final = index == before.len();
            let (args, last) = if is_final { (args, last.take()) } else { (&[][..], None) };
            match self.field(dot, node, &value, name, args, last) {
                Ok(next) => parent = Some(std::mem::replace(&mut value, next)),
                Err(error) => return Err(explain(error, parent.as_ref(), &value, names, index)),
            }
        }
        Ok(value)
    }

    fn field(
        &mut self,
        dot: &Slot,
        node: &'t Expr,
        receiver: &Slot,
        name: &str,
        args: &'t [Expr],
        last: Option<Slot>,
    ) -> Eval<Slot> {
        let has_args = !args.is_empty() || last.is_some();
        match &receiver.val {
            Val::Missing => {
                if self.ctx.options.missing_key == MissingKey::Error {
                    return Err(self.fail(format!("nil data; no entry for key {}", quote(name.as_bytes()))));
                }
                return Ok(Slot::plain(Val::Missing));
            }
            Val::Nil => return Err(self.fail(format!("nil pointer evaluating interface {{}}.{name}"))),
            Val::Map(map) => {
                if let Some(method) = Method::find(map.ty().methods, name) {
                    return self.method(dot, node, method, &receiver.val, args, last);
                }
                if has_args {
                    return Err(self.fail(format!("{name} is not a method but has arguments")));
                }
                return self.key(map, &receiver.val, name);
            }
            Val::List(list) => {
                if let Some(method) = Method::find(list.ty().methods, name) {
                    return self.method(dot, node, method, &receiver.val, args, last);
                }
            }
            Val::Object(object) => {
                if let Some(method) = object.method(name) {
                    return self.method(dot, node, method, &receiver.val, args, last);
                }
                if let Some(value) = object.field(name) {
                    if has_args {
                        return Err(
                            self.fail(format!("{name} has arguments but cannot be invoked as function"))
                        );
                    }
                    return Ok(Slot::plain(value));
                }
                if let Some(Val::Map(map)) = object.contents() {
                    return self.key(&map, &receiver.val, name);
                }
            }
            _ => {}
        }
        let ty = if receiver.boxed { "interface {}".into() } else { receiver.val.type_name() };
        Err(self.fail(format!("can't evaluate field {name} in type {ty}")))
    }

    fn key(&mut self, map: &Map, receiver: &Val, name: &str) -> Eval<Slot> {
        let found = map.get(name);
        if let Some(recorder) = &mut self.ctx.recorder {
            recorder.read(receiver, name, found.is_some());
        }
        if let Some(value) = found {
            return Ok(Slot::element(value, map.ty().elem));
        }
        match self.ctx.options.missing_key {
            MissingKey::Invalid => Ok(Slot::plain(Val::Missing)),
            MissingKey::Zero => Ok(Slot::element(Val::zero(map.ty().elem), map.ty().elem)),
            MissingKey::Error => {
                let mut error = self.fail(format!("map has no entry for key {}", quote(name.as_bytes())));
                error.lookup = Some(closest_key(map, name));
                Err(error)
            }
        }
    }

    // Calls.

    fn method(
        &mut self,
        dot: &Slot,
        node: &'t Expr,
        method: &'static Method,
        receiver: &Val,
        args: &'t [Expr],
        last: Option<Slot>,
    ) -> Eval<Slot> {
        let callee = Callee {
            name: method.name,
            signature: method.signature,
            calling: Calling::Eager,
            target: Target::Method(method, receiver),
        };
        self.call(dot, &callee, At::Expr(node), args, last)
    }

    fn function(
        &mut self,
        dot: &Slot,
        func: &'static Func,
        node: At<'t>,
        args: &'t [Expr],
        last: Option<Slot>,
    ) -> Eval<Slot> {
        let callee = Callee {
            name: func.name,
            signature: func.signature,
            calling: func.calling,
            target: Target::Func(func),
        };
        self.call(dot, &callee, node, args, last)
    }

    fn call(
        &mut self,
        dot: &Slot,
        callee: &Callee<'_>,
        node: At<'t>,
        args: &'t [Expr],
        last: Option<Slot>,
    ) -> Eval<Slot> {
        self.check_count(callee, args.len(), last.is_some())?;
        if let Calling::And | Calling::Or = callee.calling {
            return self.short_circuit(dot, callee, args, last);
        }
        let Signature { params, variadic, result } = callee.signature;
        let param = |index: usize| params.get(index).copied().or(variadic).unwrap_or(Type::Any);
        let mut values = Vec::with_capacity(args.len() + 2);
        if callee.calling == Calling::Call {
            values.push(self.callee_text(args, last.as_ref()));
        }
        for (index, arg) in args.iter().enumerate() {
            values.push(self.arg(dot, param(index), arg)?);
        }
        if let Some(last) = last {
            values.push(self.validate(last, param(args.len()))?);
        }
        if let Some(recorder) = &mut self.ctx.recorder {
            recorder.used(callee.name, &values);
        }
        let glances = callee.calling == Calling::Glance;
        let charged = self.ctx.charge_values(&values, glances);
        charged.map_err(|limit| self.limit_at(node, limit))?;
        let outcome = match callee.target {
            Target::Func(func) => (func.body)(self.ctx, &values),
            Target::Method(method, receiver) => (method.body)(self.ctx, receiver, &values),
        };
        match outcome {
            Ok(value) => {
                let charged = self.ctx.charge_values(std::slice::from_ref(&value), glances);
                charged.map_err(|limit| self.limit_at(node, limit))?;
                Ok(Slot::element(value, result))
            }
            Err(cause) => {
                // A refusal is told where evaluation stands; an error of the function where it was called.
                if !matches!(cause, FuncError::Language(_)) {
                    self.at = node;
                }
                Err(self.call_failed(callee.name, cause))
            }
        }
    }

    fn limit_at(&mut self, node: At<'t>, limit: Limit) -> Box<ExecError> {
        self.at = node;
        self.limit(limit)
    }

    fn check_count(&self, callee: &Callee<'_>, written: usize, has_last: bool) -> Eval<()> {
        let name = callee.name;
        let given = written + usize::from(has_last);
        let wanted = callee.signature.params.len();
        if callee.signature.variadic.is_some() {
            if given < wanted {
                return Err(self
                    .fail(format!("wrong number of args for {name}: want at least {wanted} got {written}")));
            }
        } else if given != wanted {
            return Err(self.fail(format!("wrong number of args for {name}: want {wanted} got {given}")));
        }
        Ok(())
    }

    /// `and` and `or`, which stop at the operand that decides.
    fn short_circuit(
        &mut self,
        dot: &Slot,
        callee: &Callee<'_>,
        args: &'t [Expr],
        last: Option<Slot>,
    ) -> Eval<Slot> {
        let mut value = Val::Missing;
        for arg in args {
            value = self.arg(dot, Type::Value, arg)?;
            if value.truth() == (callee.calling == Calling::Or) {
                return Ok(Slot::plain(value));
            }
        }
        Ok(last.unwrap_or(Slot::plain(value)))
    }

    // Arguments.

    /// Evaluates an argument for a parameter of a type.
    fn arg(&mut self, dot: &Slot, ty: Type, expr: &'t Expr) -> Eval<Val> {
        self.at = At::Expr(expr);
        self.step()?;
        match &expr.kind {
            ExprKind::Dot => self.validate(dot.clone(), ty),
            ExprKind::Nil => {
                if ty.accepts_nil() {
                    Ok(Val::zero(ty))
                } else {
                    Err(self.fail(format!("cannot assign nil to {ty}")))
                }
            }
            ExprKind::Field(names) => {
                let value = self.chain(dot, expr, dot.clone(), names, &[], None)?;
                self.validate(value, ty)
            }
            ExprKind::Variable { slot, name, fields } => {
                let value = self.variable(*slot, name)?;
                let value = self.chain(dot, expr, value, fields, &[], None)?;
                self.validate(value, ty)
            }
            ExprKind::Pipe(pipe) => {
                let value = self.nested(dot, pipe)?;
                self.validate(value, ty)
            }
            ExprKind::Func(func) => {
                let value = self.function(dot, func, At::Expr(expr), &[], None)?;
                self.validate(value, ty)
            }
            ExprKind::Chain(base, names) => {
                let value = self.chained(dot, expr, base, names, &[], None)?;
                self.validate(value, ty)
            }
            ExprKind::Bool(_) | ExprKind::Number(_) | ExprKind::Str(_) => self.constant_for(expr, ty),
        }
    }

    /// A constant takes the type of its parameter, when it can.
    fn constant_for(&self, expr: &Expr, ty: Type) -> Eval<Val> {
        let number = match &expr.kind {
            ExprKind::Number(number) => Some(&**number),
            _ => None,
        };
        let int = number.and_then(|number| number.int);
        let uint = number.and_then(|number| number.uint);
        let (value, expected) = match ty {
            Type::Any | Type::Value => return self.constant(expr),
            Type::Bool => {
                (if let ExprKind::Bool(flag) = expr.kind { Some(Val::Bool(flag)) } else { None }, "bool")
            }
            Type::String => (
                if let ExprKind::Str(text) = &expr.kind { Some(Val::Str(text.clone())) } else { None },
                "string",
            ),
            Type::Int => (int.map(Val::Int), "integer"),
            // Durations are the one named basic type that parameters have.
            Type::Int64 | Type::Object("time.Duration") => (int.map(Val::Int64), "integer"),
            Type::Int32 => (int.map(|int| Val::Num(Num::Int32(int as i32))), "integer"),
            Type::Uint8 => (uint.map(|uint| Val::Num(Num::Uint8(uint as u8))), "unsigned integer"),
            Type::Uint32 => (uint.map(|uint| Val::Num(Num::Uint32(uint as u32))), "unsigned integer"),
            Type::Uint64 => (uint.map(|uint| Val::Num(Num::Uint64(uint))), "unsigned integer"),
            Type::Float64 => (number.and_then(|number| number.float).map(Val::Float), "float"),
            Type::Bytes | Type::List(_) | Type::Map(_) | Type::Object(_) => {
                let text = self.written(expr);
                return Err(self.fail(format!("can't handle {text} for arg of type {ty}")));
            }
        };
        value.ok_or_else(|| self.fail(format!("expected {expected}; found {}", self.written(expr))))
    }

    /// Checks that a value can be passed to a parameter of a type.
    fn validate(&self, slot: Slot, ty: Type) -> Eval<Val> {
        let refusal = match (&slot.val, ty) {
            (Val::Missing, Type::Any) => return Ok(Val::Nil),
            (Val::Object(object), Type::Any) => return Ok(object.boxed().unwrap_or(slot.val)),
            (_, Type::Value | Type::Any) => return Ok(slot.val),
            (Val::Missing, _) if ty.accepts_nil() => return Ok(Val::zero(ty)),
            (Val::Missing, _) => format!("invalid value; expected {ty}"),
            (Val::Nil, _) => format!("wrong type for value; expected {ty}; got interface {{}}"),
            _ => {
                if let Some(value) = assign(&slot.val, ty) {
                    return Ok(value);
                }
                format!("wrong type for value; expected {ty}; got {}", slot.val.type_name())
            }
        };
        Err(self.fail(refusal))
    }

    /// What `call` says it was given: the text of its first argument, or what reflect calls a piped value.
    fn callee_text(&self, args: &[Expr], last: Option<&Slot>) -> Val {
        match (args.first(), last) {
            (Some(first), _) => Val::str(self.written(first)),
            (None, Some(Slot { val: Val::Str(text), .. })) => Val::Str(text.clone()),
            (None, Some(Slot { val: Val::Missing | Val::Nil, .. })) => Val::str("<invalid Value>"),
            (None, Some(slot)) => Val::str(format!("<{} Value>", slot.val.type_name())),
            (None, None) => Val::str(""),
        }
    }
}

/// Go's assignability of a value to a type, without conversion of numbers.
fn assign(value: &Val, ty: Type) -> Option<Val> {
    match (ty, value) {
        (Type::Bool, Val::Bool(_))
        | (Type::Int, Val::Int(_))
        | (Type::Int64, Val::Int64(_))
        | (Type::Int32, Val::Num(Num::Int32(_)))
        | (Type::Uint8, Val::Num(Num::Uint8(_)))
        | (Type::Uint32, Val::Num(Num::Uint32(_)))
        | (Type::Uint64, Val::Num(Num::Uint64(_)))
        | (Type::Float64, Val::Float(_))
        | (Type::String, Val::Str(_))
        | (Type::Bytes, Val::Bytes(_)) => Some(value.clone()),
        (Type::Map(wanted), Val::Map(map)) => {
            if wanted.is(map.ty()) {
                return Some(value.clone());
            }
            // A named map type is assignable to the plain type that it is made of.
            same_map(wanted, map.ty()).then(|| Val::Map(map.retyped(wanted)))
        }
        (Type::List(wanted), Val::List(list)) => same_list(wanted, list.ty()).then(|| value.clone()),
        (Type::Object(name), Val::Object(object)) => {
            let own = object.type_name();
            (own == name || own.strip_prefix('*') == Some(name)).then(|| value.clone())
        }
        _ => None,
    }
}

fn same_map(wanted: &MapType, own: &MapType) -> bool {
    wanted.name.starts_with("map[") && wanted.elem.name() == own.elem.name()
}

fn same_list(wanted: &ListType, own: &ListType) -> bool {
    wanted.is(own)
        || wanted.name.starts_with('[') && !own.name.starts_with('[') && wanted.elem.name() == own.elem.name()
}

/// The key of a map that is closest to one that it does not have.
fn closest_key(map: &Map, wanted: &str) -> Lookup {
    let keys: Vec<Arc<str>> = map.keys().iter().map(super::gostr::GoStr::to_arc).collect();
    let closest = did_you_mean(wanted, keys.iter().map(|key| &**key)).map(str::to_owned);
    Lookup { wanted: wanted.into(), closest }
}

/// Adds to a field error the name that may have been meant: a key missing one level up, or a field of this level.
fn explain(
    mut error: Box<ExecError>,
    parent: Option<&Slot>,
    receiver: &Slot,
    names: &[Arc<str>],
    index: usize,
) -> Box<ExecError> {
    if error.lookup.is_none()
        && receiver.val.is_nil()
        && let Some(Slot { val: Val::Map(map), .. }) = parent
        && let Some(missing) = index.checked_sub(1).and_then(|before| names.get(before))
        && !map.contains(missing.as_bytes())
    {
        error.lookup = Some(closest_key(map, missing));
    }
    error
}
