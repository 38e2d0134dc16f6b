//! Values that are neither basic nor lists nor maps: times, durations, versions, certificates, `.Capabilities`, `.Files`.
//!
//! Invariant: the evaluator knows an object only through this trait.

use std::any::Any;
use std::borrow::Cow;
use std::fmt;

use super::funcs::Method;
use super::gostr::GoStr;
use super::types::Kind;
use super::value::Val;

/// Which of Go's default formats is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plainness {
    /// `%v`: `{a 1}`
    Plain,
    /// `%+v`: `{Name:a Count:1}`
    Plus,
    /// `%#v`: `pkg.T{Name:"a", Count:1}`
    Sharp,
}

/// Which encoder asks for the contents of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DataForm {
    /// encoding/json, and everything that goes through it (`toYaml`).
    Json,
    /// yaml.v3 straight from Go values (`toYamlPretty`).
    Yaml,
    /// The TOML encoder.
    Toml,
}

/// An opaque Go value: a struct, a pointer to one, or a named basic type with methods.
pub trait Object: fmt::Debug {
    /// As `%T` prints it: `time.Time`, `*semver.Version`.
    fn type_name(&self) -> Cow<'static, str>;

    /// The kind; most objects are structs.
    fn kind(&self) -> Kind {
        Kind::Struct
    }

    /// For downcasts; always `self`.
    fn as_any(&self) -> &dyn Any;

    /// An exported field. The value must be what Go stores there; `Val::Nil` for a nil interface.
    fn field(&self, name: &str) -> Option<Val> {
        let _ = name;
        None
    }

    /// A method; looked up before fields.
    fn method(&self, name: &str) -> Option<&'static Method> {
        let _ = name;
        None
    }

    /// What `String()` or `Error()` returns, for types that have it on the value itself; used by `%v %s %q %x %X`.
    fn text(&self) -> Option<GoStr> {
        None
    }

    /// What `{{ }}` writes where that is not the `%v` form (types whose `String` needs a pointer receiver).
    fn action_text(&self) -> Option<GoStr> {
        None
    }

    /// The value as a function gets it that takes anything: without the methods of a pointer to it. `None` for itself.
    fn boxed(&self) -> Option<Val> {
        None
    }

    /// The `%v`, `%+v`, `%#v` form of the bare value, without [`Object::text`].
    fn bare(&self, form: Plainness) -> String;

    /// All fields in order, also those that are not exported, for printing a struct with any verb. An object that
    /// gives none is printed with [`Object::bare`].
    fn fields(&self) -> Vec<(&'static str, Val)> {
        Vec::new()
    }

    /// The basic value below a named basic type (`int64` below `time.Duration`), for arithmetic and comparison.
    fn underlying(&self) -> Option<Val> {
        None
    }

    /// Another value of a named integer type, which `range` over one goes through; `None` for other types.
    fn with_number(&self, number: i64) -> Option<Val> {
        let _ = number;
        None
    }

    /// Go's truth; structs and non-nil pointers are true.
    fn truth(&self) -> bool {
        self.underlying().is_none_or(|value| value.truth())
    }

    /// Whether `==` works on the type; when not, `eq` says `non-comparable type`.
    fn comparable(&self) -> bool {
        true
    }

    /// `reflect.DeepEqual` with an object of the same type name; also what `eq` uses for comparable structs.
    fn equals(&self, other: &dyn Object) -> bool;

    /// Length for `len`, and elements for `range`, `index` and field access where the object is a Go map or slice.
    fn contents(&self) -> Option<Val> {
        None
    }

    /// The fields that an encoder writes, under its names and in its order; `None` for what is no struct to it.
    fn record(&self, form: DataForm) -> Option<Vec<(&'static str, Val)>> {
        let _ = form;
        None
    }

    /// What a copy made by reflection is, where it is not the same: fields that are not exported are lost.
    fn copied(&self) -> Option<Val> {
        None
    }

    /// What an encoder sees of what is no record: a plain value, or the encoder's error text.
    fn data(&self, form: DataForm) -> Result<Val, GoStr> {
        let _ = form;
        Ok(self.underlying().unwrap_or_else(|| Val::map::<GoStr>([])))
    }
}
