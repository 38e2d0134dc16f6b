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

mod builtin;
mod context;
mod error;
mod funcs;
mod gostr;
mod object;
mod types;
mod value;

pub use context::Ctx;
pub use error::{ExecError, ExecErrorKind, FuncError, Limit, Lookup, ParseError, TemplateError, TraceStep};
pub use funcs::{Body, Func, FuncTable, HostData, Method, MethodBody, Signature};
pub use gostr::GoStr;
pub use object::{DataForm, Object, Plainness};
pub use types::{ANY_LIST, ANY_MAP, INTS, Kind, LISTS, ListType, MAPS, MapType, STRING_MAP, STRINGS, Type};
pub use value::{Bytes, Entries, List, Map, Num, Val};
