//! Which tables and keys a TOML document has defined so far, by the rules of Go's BurntSushi library.
//!
//! The rules decide what templates see: a table that a dotted key implied may be named once more, and a value that is then
//! given for it is dropped without a word. Messages name the key that is being read as the library names it.
//!
//! Invariant: `context` always leads to a table below `root`.

use std::collections::HashSet;

use super::toml_write::push_key;
use crate::gotpl::{List, MAPS, Map, Val};

type Step<T> = Result<T, String>;

/// The values of a document, and where in it the reader is.
pub(super) struct Tables {
    /// What the document says.
    pub(super) root: Map,
    /// The table that keys go to.
    pub(super) context: Vec<String>,
    /// The last part of the key whose value is being read; empty between keys.
    pub(super) current: String,
    /// Tables that are there only because a longer key goes through them.
    implied: HashSet<String>,
    /// Keys whose value is a list in brackets.
    lists: HashSet<String>,
}

impl Tables {
    pub(super) fn new() -> Self {
        Tables {
            root: Map::new(),
            context: Vec::new(),
            current: String::new(),
            implied: HashSet::new(),
            lists: HashSet::new(),
        }
    }

    /// The key that messages name; only what stands before its last part is quoted.
    pub(super) fn last_key(&self) -> String {
        match (self.context.is_empty(), self.current.is_empty()) {
            (_, true) => written(&self.context),
            (true, false) => self.current.clone(),
            (false, false) => format!("{}.{}", written(&self.context), self.current),
        }
    }

    /// The table that keys go to, as it would be written.
    pub(super) fn context_key(&self) -> String {
        written(&self.context)
    }

    /// Makes `key` the table that keys go to: `[key]`, or with `element` a new element of the list `[[key]]`.
    pub(super) fn enter(&mut self, key: &[String], element: bool) -> Step<()> {
        let Some((last, parents)) = key.split_last() else { return Ok(()) };
        let mut table = self.root.clone();
        for (index, part) in parents.iter().enumerate() {
            if !table.contains(part.as_str()) {
                self.implied.insert(written(&key[..=index]));
                put(&table, part, Val::Map(Map::new()));
            }
            table = inside(&table, part)
                .ok_or_else(|| format!("Key '{}' was already created as a hash.", written(&key[..=index])))?;
        }
        self.context = parents.to_vec();
        if element {
            let made = Val::Map(Map::new());
            match table.get(last.as_str()) {
                None => put(&table, last, Val::List(List::typed(&MAPS, vec![made]))),
                Some(Val::List(list)) if last_table(&list).is_some() => list.push(made),
                Some(_) => {
                    let key = written(key);
                    return Err(format!("Key '{key}' was already created and cannot be used as an array."));
                }
            }
        } else {
            self.set(last, Val::Map(Map::new()))?;
        }
        self.context.push(last.clone());
        Ok(())
    }

    /// Enters a table that a longer key, or a table in braces, goes through.
    pub(super) fn imply(&mut self, key: &[String], element: bool) -> Step<()> {
        self.implied.insert(written(key));
        self.enter(key, element)
    }

    /// Gives a key of the table at hand its value.
    pub(super) fn set(&mut self, key: &str, value: Val) -> Step<()> {
        let mut table = self.root.clone();
        for (index, part) in self.context.iter().enumerate() {
            let here = &self.context[..=index];
            table = inside(&table, part).ok_or_else(|| taken(&written(here)))?;
        }
        let full = self.below(key);
        if !table.contains(key) {
            put(&table, key, value);
            return Ok(());
        }
        if !self.implied.remove(&full) {
            return Err(taken(&full));
        }
        if self.lists.contains(&full) {
            put(&table, key, value);
        }
        Ok(())
    }

    /// Notes whether the value of a key is a list in brackets. The library takes an empty key for the table itself, and
    /// forgets then that this was a list.
    pub(super) fn note(&mut self, key: &str, is_list: bool) {
        let full =
            if key.is_empty() && !self.context.is_empty() { written(&self.context) } else { self.below(key) };
        if is_list {
            self.lists.insert(full);
        } else {
            self.lists.remove(&full);
        }
    }

    fn below(&self, key: &str) -> String {
        let mut full = self.context.clone();
        full.push(key.to_string());
        written(&full)
    }
}

fn taken(key: &str) -> String {
    format!("Key '{key}' has already been defined.")
}

/// The table at a key; of a list of tables the last one.
fn inside(table: &Map, key: &str) -> Option<Map> {
    match table.get(key)? {
        Val::Map(map) => Some(map),
        Val::List(list) => last_table(&list),
        _ => None,
    }
}

/// The last table of a list that `[[key]]` made; lists in brackets are not entered, whatever is in them.
fn last_table(list: &List) -> Option<Map> {
    if !std::ptr::eq(list.ty(), &raw const MAPS) {
        return None;
    }
    list.get(list.len().checked_sub(1)?)?.as_map().cloned()
}

fn put(map: &Map, key: &str, value: Val) {
    // Only nil maps refuse, and none is made here.
    let _ = map.insert(key, value);
}

/// A key as it would be written: parts that are not bare words in quotes.
fn written(key: &[String]) -> String {
    let mut out = String::new();
    for (index, part) in key.iter().enumerate() {
        if index > 0 {
            out.push('.');
        }
        push_key(&mut out, part);
    }
    out
}
