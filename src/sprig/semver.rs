//! Versions.
//!
//! Invariant: a version object is what Masterminds' `*Version` is to a template: methods, and a text in JSON.

use std::any::Any;
use std::borrow::Cow;

use crate::data::version::{Constraint, Version, VersionError};
use crate::gotpl::{
    Bytes, Ctx, DataForm, Func, FuncError, GoStr, Kind, Method, Num, Object, Plainness, Type, Val,
};

use super::{Entry, entry};

type Answer = Result<Val, FuncError>;

const POINTER: Type = Type::Object("*semver.Version");
const VALUE: Type = Type::Object("semver.Version");
const S: Type = Type::String;

pub(super) static ENTRIES: &[Entry] = &[
    entry(
        Func::new("semver", &[S], POINTER, semver),
        "A version, whose parts are methods: `.Major`, `.Minor`, `.Patch`, `.Prerelease`, `.Metadata`.",
        r#"{{ (semver "v1.2.3").Minor }} → 2"#,
    ),
    entry(
        Func::new("semverCompare", &[S, S], Type::Bool, semver_compare),
        "Whether a version meets a constraint; prereleases only meet constraints that name one.",
        r#"{{ semverCompare ">=1.2-0" "1.3.0" }} → true"#,
    ),
];

fn failed(error: VersionError) -> FuncError {
    FuncError::new(error.to_string())
}

fn semver(_: &mut Ctx<'_>, args: &[Val]) -> Answer {
    let [Val::Str(text)] = args else { return Err(FuncError::arguments("semver")) };
    let version = Version::parse(&text.to_text()).map_err(failed)?;
    Ok(Val::object(VersionObject { version, pointer: true }))
}

fn semver_compare(_: &mut Ctx<'_>, args: &[Val]) -> Answer {
    let [Val::Str(constraint), Val::Str(version)] = args else {
        return Err(FuncError::arguments("semverCompare"));
    };
    let constraint = Constraint::parse(&constraint.to_text()).map_err(failed)?;
    let version = Version::parse(&version.to_text()).map_err(failed)?;
    Ok(Val::Bool(constraint.check(&version)))
}

/// A version in the hands of a template; the methods that change a version give a value, `semver` gives a pointer.
#[derive(Debug)]
struct VersionObject {
    version: Version,
    pointer: bool,
}

static METHODS: &[Method] = &[
    Method::new("Compare", &[POINTER], Type::Int, |_, me, args| {
        Ok(Val::Int(version(me)?.cmp(version(first(args)?)?) as i64))
    }),
    Method::new("Equal", &[POINTER], Type::Bool, |_, me, args| {
        Ok(Val::Bool(version(me)? == version(first(args)?)?))
    }),
    Method::new("GreaterThan", &[POINTER], Type::Bool, |_, me, args| {
        Ok(Val::Bool(version(me)? > version(first(args)?)?))
    }),
    Method::new("GreaterThanEqual", &[POINTER], Type::Bool, |_, me, args| {
        Ok(Val::Bool(version(me)? >= version(first(args)?)?))
    }),
    Method::new("IncMajor", &[], VALUE, |_, me, _| version(me)?.inc_major().map(value).map_err(failed)),
    Method::new("IncMinor", &[], VALUE, |_, me, _| version(me)?.inc_minor().map(value).map_err(failed)),
    Method::new("IncPatch", &[], VALUE, |_, me, _| version(me)?.inc_patch().map(value).map_err(failed)),
    Method::new("LessThan", &[POINTER], Type::Bool, |_, me, args| {
        Ok(Val::Bool(version(me)? < version(first(args)?)?))
    }),
    Method::new("LessThanEqual", &[POINTER], Type::Bool, |_, me, args| {
        Ok(Val::Bool(version(me)? <= version(first(args)?)?))
    }),
    Method::new("Major", &[], Type::Uint64, |_, me, _| Ok(Val::Num(Num::Uint64(version(me)?.major())))),
    Method::new("MarshalJSON", &[], Type::Bytes, |_, me, _| {
        let text = crate::data::json::quoted(&version(me)?.to_string(), true);
        Ok(Val::Bytes(Bytes::new(text)))
    }),
    Method::new("MarshalText", &[], Type::Bytes, |_, me, _| {
        Ok(Val::Bytes(Bytes::new(version(me)?.to_string())))
    }),
    Method::new("Metadata", &[], S, |_, me, _| Ok(Val::str(version(me)?.metadata()))),
    Method::new("Minor", &[], Type::Uint64, |_, me, _| Ok(Val::Num(Num::Uint64(version(me)?.minor())))),
    Method::new("Original", &[], S, |_, me, _| Ok(Val::str(version(me)?.original()))),
    Method::new("Patch", &[], Type::Uint64, |_, me, _| Ok(Val::Num(Num::Uint64(version(me)?.patch())))),
    Method::new("Prerelease", &[], S, |_, me, _| Ok(Val::str(version(me)?.prerelease()))),
    Method::new("SetMetadata", &[S], VALUE, |_, me, args| {
        let [Val::Str(text)] = args else { return Err(FuncError::arguments("SetMetadata")) };
        Ok(value(version(me)?.with_metadata(&text.to_text()).map_err(failed)?))
    }),
    Method::new("SetPrerelease", &[S], VALUE, |_, me, args| {
        let [Val::Str(text)] = args else { return Err(FuncError::arguments("SetPrerelease")) };
        Ok(value(version(me)?.with_prerelease(&text.to_text()).map_err(failed)?))
    }),
    Method::new("String", &[], S, |_, me, _| Ok(Val::str(version(me)?.to_string()))),
    Method::new("Value", &[], Type::Any, |_, me, _| Ok(Val::str(version(me)?.to_string()))),
];

fn value(version: Version) -> Val {
    Val::object(VersionObject { version, pointer: false })
}

fn first(args: &[Val]) -> Result<&Val, FuncError> {
    args.first().ok_or_else(|| FuncError::arguments("Compare"))
}

fn version(value: &Val) -> Result<&Version, FuncError> {
    match value.downcast::<VersionObject>() {
        Some(object) => Ok(&object.version),
        None => Err(FuncError::panic("runtime error: invalid memory address or nil pointer dereference")),
    }
}

impl Object for VersionObject {
    fn type_name(&self) -> Cow<'static, str> {
        Cow::Borrowed(if self.pointer { "*semver.Version" } else { "semver.Version" })
    }

    fn kind(&self) -> Kind {
        if self.pointer { Kind::Pointer } else { Kind::Struct }
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn method(&self, name: &str) -> Option<&'static Method> {
        Method::find(METHODS, name)
    }

    fn text(&self) -> Option<GoStr> {
        Some(self.version.to_string().into())
    }

    fn bare(&self, _: Plainness) -> String {
        self.version.to_string()
    }

    fn fields(&self) -> Vec<(&'static str, Val)> {
        let number = |number: u64| Val::Num(Num::Uint64(number));
        let version = &self.version;
        vec![
            ("major", number(version.major())),
            ("minor", number(version.minor())),
            ("patch", number(version.patch())),
            ("pre", Val::str(version.prerelease())),
            ("metadata", Val::str(version.metadata())),
            ("original", Val::str(version.original())),
        ]
    }

    fn equals(&self, other: &dyn Object) -> bool {
        other.as_any().downcast_ref::<VersionObject>().is_some_and(|other| {
            self.version.to_string() == other.version.to_string()
                && self.version.original() == other.version.original()
        })
    }

    fn copied(&self) -> Option<Val> {
        let version = Version::parse("0.0.0").ok()?;
        Some(Val::object(VersionObject { version, pointer: self.pointer }))
    }

    fn data(&self, _: DataForm) -> Result<Val, GoStr> {
        Ok(Val::str(self.version.to_string()))
    }
}
