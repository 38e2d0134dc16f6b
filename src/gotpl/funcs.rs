//! Functions that templates call: their signatures, the table of them, and what they get to work with.
//!
//! A function says its Go signature; the evaluator checks and converts the arguments as text/template does, so a body
//! only ever sees values of the declared types. Tables are plain statics:
//!
//! ```
//! use bowline::gotpl::{Ctx, Func, FuncError, Type, Val};
//!
//! fn shout(_: &mut Ctx<'_>, args: &[Val]) -> Result<Val, FuncError> {
//!     let [Val::Str(text)] = args else { return Err(FuncError::arguments("shout")) };
//!     Ok(Val::str(text.to_text().to_uppercase()))
//! }
//! static FUNCS: &[Func] = &[Func::new("shout", &[Type::String], Type::String, shout)];
//! ```
//!
//! Invariant: `args` has one value per parameter, then one per variadic argument, each of its declared type.

use std::any::Any;
use std::collections::HashMap;
use std::fmt;

use super::error::FuncError;
use super::types::Type;
use super::value::Val;

pub use super::context::Ctx;

/// The body of a function.
pub type Body = fn(&mut Ctx<'_>, &[Val]) -> Result<Val, FuncError>;

/// The body of a method: the receiver, then the arguments.
pub type MethodBody = fn(&mut Ctx<'_>, &Val, &[Val]) -> Result<Val, FuncError>;

/// The parameters and the result of a function, in Go types.
#[derive(Clone, Copy, Debug)]
pub struct Signature {
    /// Types of the fixed parameters.
    pub params: &'static [Type],
    /// Element type of the variadic parameter, if there is one.
    pub variadic: Option<Type>,
    /// Type of the result.
    pub result: Type,
}

/// How the evaluator calls a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Calling {
    /// All arguments first, then the body.
    Eager,
    /// As `Eager`, and the body takes the same time however large its arguments are.
    Glance,
    /// Stops at the first falsy operand.
    And,
    /// Stops at the first truthy operand.
    Or,
    /// `call`: needs the source text of its first argument for messages.
    Call,
}

/// A function that templates can call.
#[derive(Clone, Copy)]
pub struct Func {
    /// The name in templates.
    pub name: &'static str,
    /// What it takes and returns.
    pub signature: Signature,
    pub(crate) body: Body,
    pub(crate) calling: Calling,
}

impl Func {
    /// A function of fixed parameters.
    pub const fn new(name: &'static str, params: &'static [Type], result: Type, body: Body) -> Self {
        Func { name, signature: Signature { params, variadic: None, result }, body, calling: Calling::Eager }
    }

    /// A function whose last parameter is variadic.
    pub const fn variadic(
        name: &'static str,
        params: &'static [Type],
        rest: Type,
        result: Type,
        body: Body,
    ) -> Self {
        Func {
            name,
            signature: Signature { params, variadic: Some(rest), result },
            body,
            calling: Calling::Eager,
        }
    }

    /// The same function, called in another way.
    pub(crate) const fn calling(mut self, calling: Calling) -> Self {
        self.calling = calling;
        self
    }

    /// Calls the body as is: for functions that are built on others. The caller vouches for the argument types.
    pub fn call(&self, ctx: &mut Ctx<'_>, args: &[Val]) -> Result<Val, FuncError> {
        (self.body)(ctx, args)
    }
}

impl fmt::Debug for Func {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Func")
            .field("name", &self.name)
            .field("signature", &self.signature)
            .finish_non_exhaustive()
    }
}

/// A method of an object or of a named map type.
#[derive(Clone, Copy)]
pub struct Method {
    /// The name after the dot.
    pub name: &'static str,
    /// What it takes and returns, without the receiver.
    pub signature: Signature,
    /// What it does.
    pub body: MethodBody,
}

impl Method {
    /// A method of fixed parameters.
    pub const fn new(name: &'static str, params: &'static [Type], result: Type, body: MethodBody) -> Self {
        Method { name, signature: Signature { params, variadic: None, result }, body }
    }

    /// Finds a method in a list of them.
    pub fn find(methods: &'static [Method], name: &str) -> Option<&'static Method> {
        methods.iter().find(|method| method.name == name)
    }
}

impl fmt::Debug for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Method")
            .field("name", &self.name)
            .field("signature", &self.signature)
            .finish_non_exhaustive()
    }
}

/// The functions that a template may call. Names are resolved when a template is parsed.
#[derive(Clone, Debug, Default)]
pub struct FuncTable {
    funcs: HashMap<&'static str, &'static Func>,
}

impl FuncTable {
    /// The built-ins of the language alone.
    pub fn builtins() -> Self {
        FuncTable::default().with(super::builtin::BUILTINS)
    }

    /// Adds functions; a later one replaces an earlier one of the same name.
    #[must_use]
    pub fn with(mut self, funcs: &'static [Func]) -> Self {
        self.funcs.extend(funcs.iter().map(|func| (func.name, func)));
        self
    }

    /// Adds functions that stand in tables of another shape.
    #[must_use]
    pub fn with_all(mut self, funcs: impl IntoIterator<Item = &'static Func>) -> Self {
        self.funcs.extend(funcs.into_iter().map(|func| (func.name, func)));
        self
    }

    /// Takes a function away; its use becomes a parse error.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.funcs.remove(name);
        self
    }

    /// Finds a function.
    pub fn get(&self, name: &str) -> Option<&'static Func> {
        self.funcs.get(name).copied()
    }

    /// All names, in no order.
    pub fn names(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.funcs.keys().copied()
    }
}

/// What the host gives to its functions during one execution: clock, randomness, `.Files`, counters.
///
/// A function gets it back with [`Ctx::host`]; the language itself never looks into it.
pub type HostData<'a> = &'a mut dyn Any;
