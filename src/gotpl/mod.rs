//! Go's text/template language: lexer, parser, tree walk, printf and built-ins, with Go's error texts.
//!
//! ```text
//! text ─► lexer ─► parser ─► Template (immutable, shareable) ─┐
//!                  FuncTable ──────────────────────────────────┴─► Set ─► execute(name, Val) ─► bytes
//! ```
//!
//! Nothing here knows YAML, Kubernetes or Helm: functions come in a [`FuncTable`], data as a [`Val`].
//!
//! Invariant: no input can panic, overflow the stack or run for ever; nesting, steps and output are bounded.

mod ast;
mod builtin;
mod compare;
mod context;
mod convert;
mod directives;
mod error;
mod eval;
mod exec;
mod float;
mod format;
mod funcs;
mod gostr;
mod lexer;
mod number;
mod object;
mod parser;
mod quote;
mod set;
#[cfg(test)]
mod tests;
mod token;
mod types;
mod value;

pub use ast::Template;
pub use compare::{deep_equal, equal, less};
pub use context::Ctx;
pub use convert::TooDeep;
pub use error::{ExecError, ExecErrorKind, FuncError, Limit, Lookup, ParseError, TemplateError, TraceStep};
pub use float::{format_float, format_shortest};
pub use format::{MAX_DEPTH, MAX_NODES, sprint, sprintf, sprintln};
pub(crate) use funcs::Calling;
pub use funcs::{Body, Func, FuncTable, HostData, Method, MethodBody, Signature};
pub use gostr::GoStr;
pub(crate) use lexer::is_alphanumeric;
pub use object::{DataForm, Object, Plainness};
pub use quote::{Rune, can_backquote, is_print, quote, quote_ascii, quote_rune, runes, unquote};
pub use set::{Limits, MissingKey, Options, ParsedFile, Recorder, Set, with_stack};
pub use types::{ANY_LIST, ANY_MAP, INTS, Kind, LISTS, ListType, MAPS, MapType, STRING_MAP, STRINGS, Type};
pub use value::{Bytes, Entries, List, Map, Num, Val};
