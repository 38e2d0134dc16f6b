//! The built-in functions of the language.
//!
//! Invariant: names, arity and messages are those of text/template.

use super::funcs::Func;

/// The functions that every template has.
pub(crate) static BUILTINS: &[Func] = &[];
