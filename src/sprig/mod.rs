//! The function library of chart templates: the names that sprig gives, one file per family.
//!
//! Each family is a sorted table of [`Entry`]: name and Go signature, one sentence of documentation, an example that a
//! test runs. [`table`] joins them for an engine; the reference text is generated from the same entries.
//!
//! Functions that need YAML, charts or a cluster (`toYaml`, `include`, `tpl`, `required`, `lookup`) are Helm's, not
//! sprig's, and live in `render`.
//!
//! Source of the semantics: sprig 3.3 as observed through Helm 4.3.
//!
//! Invariant: no function panics; whatever Go would panic with is an error that says the same.

#![allow(clippy::unnecessary_wraps, reason = "bodies of functions have one shape")]
#![allow(clippy::float_cmp, reason = "Go compares floats, too")]

mod certificates;
mod ciphers;
mod convert;
mod copies;
mod dates;
mod decimals;
mod defaults;
mod dicts;
pub mod encode;
mod encoding;
mod json;
mod lists;
mod math;
pub mod moments;
mod outside;
mod paths;
mod random;
mod reflect;
mod regex;
mod semver;
mod strings;
mod urls;
mod words;

pub(crate) use ciphers::bcrypt_matches;

pub use convert::float_of_text;
pub use outside::Outside;

use crate::gotpl::{Func, FuncError, FuncTable, GoStr, List, Val};

/// A function with its documentation.
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    /// What templates call.
    pub func: Func,
    /// One sentence: what it returns.
    pub doc: &'static str,
    /// A template, ` → `, and what it writes.
    pub example: &'static str,
}

/// Shorthand for table rows.
pub const fn entry(func: Func, doc: &'static str, example: &'static str) -> Entry {
    Entry { func, doc, example }
}

/// A family of functions: its title and its table.
#[derive(Debug, Clone, Copy)]
pub struct Family {
    /// The heading in the reference.
    pub title: &'static str,
    /// Its functions, sorted by name.
    pub entries: &'static [Entry],
}

/// All families in the order of the reference.
pub static FAMILIES: &[Family] = &[
    Family { title: "Strings", entries: strings::ENTRIES },
    Family { title: "Words and lines", entries: words::ENTRIES },
    Family { title: "Conversions", entries: convert::ENTRIES },
    Family { title: "Numbers", entries: math::ENTRIES },
    Family { title: "Decimals", entries: decimals::ENTRIES },
    Family { title: "Defaults and logic", entries: defaults::ENTRIES },
    Family { title: "Lists", entries: lists::ENTRIES },
    Family { title: "Dictionaries", entries: dicts::ENTRIES },
    Family { title: "Encoding and digests", entries: encoding::ENTRIES },
    Family { title: "JSON", entries: json::ENTRIES },
    Family { title: "Copies", entries: copies::ENTRIES },
    Family { title: "Types", entries: reflect::ENTRIES },
    Family { title: "Dates", entries: dates::ENTRIES },
    Family { title: "Paths", entries: paths::ENTRIES },
    Family { title: "URLs", entries: urls::ENTRIES },
    Family { title: "Versions", entries: semver::ENTRIES },
    Family { title: "Patterns", entries: regex::ENTRIES },
    Family { title: "Randomness", entries: random::ENTRIES },
    Family { title: "Passwords and ciphers", entries: ciphers::ENTRIES },
    Family { title: "Certificates", entries: certificates::ENTRIES },
];

/// Adds every function of the library to a table.
pub fn table(base: FuncTable) -> FuncTable {
    FAMILIES.iter().fold(base, |table, family| table.with_all(family.entries.iter().map(|entry| &entry.func)))
}

/// What `fmt.Sprint` writes for one value, as most functions of the library turn anything into text.
fn text_of(value: &Val) -> GoStr {
    value.to_display()
}

/// The text of a value as sprig's own conversion gives it: strings, bytes and errors as they are, all else as `%v`.
fn strval(value: &Val) -> GoStr {
    match value {
        Val::Str(text) => text.clone(),
        Val::Bytes(bytes) => bytes.to_str(),
        other => text_of(other),
    }
}

/// The elements of any list, also of bytes; `None` for what is no list.
fn elements(value: &Val) -> Option<Vec<Val>> {
    match value {
        Val::List(list) => Some(list.to_vec()),
        Val::Bytes(bytes) => {
            let number = |byte: &u8| Val::Num(crate::gotpl::Num::Uint8(*byte));
            Some(bytes.as_slice().iter().map(number).collect())
        }
        Val::Object(object) => elements(&object.contents()?),
        _ => None,
    }
}

/// Texts of a list without its nils; a value that is no list is a list of one, nil an empty one.
fn texts(value: &Val) -> Vec<GoStr> {
    match elements(value) {
        Some(items) => items.iter().filter(|item| !item.is_nil()).map(strval).collect(),
        None if value.is_nil() => Vec::new(),
        None => vec![strval(value)],
    }
}

/// Whether sprig calls a value empty: nil, false, 0, no text, no elements. Structs never are.
fn is_empty(value: &Val) -> bool {
    match value {
        Val::Object(object) => object.underlying().is_some_and(|value| is_empty(&value)),
        other => !other.truth(),
    }
}

/// A new list of any values.
fn list(items: Vec<Val>) -> Val {
    Val::List(List::new(items))
}

/// The error of a list function for what is no list.
fn no_list(verb: &str, value: &Val) -> FuncError {
    if value.is_nil() {
        return FuncError::panic("runtime error: invalid memory address or nil pointer dereference");
    }
    FuncError::new(format!("Cannot {verb} on type {}", value.kind()))
}

/// A host that is the same in every test.
#[cfg(test)]
pub(crate) fn tests_host() -> crate::sys::Host {
    let env = std::collections::BTreeMap::from([("TZ".to_string(), "UTC".to_string())]);
    crate::sys::Host {
        dirs: crate::sys::Dirs::from_env(&env),
        env: std::sync::Arc::new(env),
        clock: crate::sys::Clock::ticking(1_700_000_000),
        random: crate::sys::Random::seeded(*b"examples"),
        cwd: "/".into(),
        watched: crate::sys::transfers::Watched::default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_are_sorted_and_documented() {
        for family in FAMILIES {
            assert!(
                family.entries.is_sorted_by_key(|entry| entry.func.name),
                "{} is not sorted",
                family.title
            );
            for entry in family.entries {
                assert!(entry.doc.ends_with('.'), "{}: the sentence ends in a full stop", entry.func.name);
                assert!(entry.example.contains(" → "), "{}: the example shows its output", entry.func.name);
            }
        }
    }

    #[test]
    fn every_example_writes_what_it_says() {
        let funcs = table(FuncTable::builtins());
        for entry in FAMILIES.iter().flat_map(|family| family.entries) {
            let (template, want) = entry.example.split_once(" → ").unwrap();
            let mut outside = Outside::new(&tests_host(), Box::new(()));
            let mut set = crate::gotpl::Set::new("example", funcs.clone());
            set.parse("example", &crate::diag::SourceFile::new("example", template)).unwrap();
            let options = crate::gotpl::Options::default();
            let got = set.execute("example", Val::Nil, &options, &mut outside, None);
            let got = got.unwrap_or_else(|error| panic!("{template}: {error}"));
            assert_eq!(String::from_utf8_lossy(&got), want, "{template}");
        }
    }

    #[test]
    fn no_name_is_given_twice() {
        let mut names: Vec<_> = FAMILIES.iter().flat_map(|f| f.entries.iter().map(|e| e.func.name)).collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
    }
}
