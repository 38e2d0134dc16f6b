//! `lookup` in templates, answered by a store.
//!
//! Charts ask for the same object from many templates; it is read once.
//!
//! Invariant: templates only read, and all of them see what the store held when the first of them asked.

use std::cell::RefCell;
use std::collections::BTreeMap;

use crate::cluster::{Query, Store};
use crate::data::Value;
use crate::manifest::ObjectRef;
use crate::plan::Scopes;
use crate::render::Lookup;

/// API version, kind, namespace and name of a question.
type Question = [String; 4];

/// A store that answers the templates of one rendering.
pub struct StoreLookup<'a> {
    store: &'a dyn Store,
    answers: RefCell<BTreeMap<Question, Value>>,
}

impl<'a> StoreLookup<'a> {
    /// One that was not asked yet.
    pub fn new(store: &'a dyn Store) -> Self {
        StoreLookup { store, answers: RefCell::default() }
    }
}

impl Lookup for StoreLookup<'_> {
    /// The object of that name; with an empty name a list object of all of the kind, in one namespace or in every one. What
    /// is not there is an empty map, as in Helm.
    fn lookup(&self, api_version: &str, kind: &str, namespace: &str, name: &str) -> Result<Value, String> {
        let question = [api_version, kind, namespace, name].map(str::to_string);
        if let Some(known) = self.answers.borrow().get(&question) {
            return Ok(known.clone());
        }
        let answer = self.ask(api_version, kind, namespace, name)?;
        self.answers.borrow_mut().insert(question, answer.clone());
        Ok(answer)
    }
}

impl StoreLookup<'_> {
    fn ask(&self, api_version: &str, kind: &str, namespace: &str, name: &str) -> Result<Value, String> {
        let (group, version) = ObjectRef::split_api_version(api_version);
        // For a kind of the whole cluster the namespace says nothing, as in Helm.
        let namespace = if self.is_namespaced(group, version, kind)? { namespace } else { "" };
        if name.is_empty() {
            return self.list(group, kind, namespace, api_version);
        }
        let id = ObjectRef {
            group: group.to_string(),
            version: version.to_string(),
            kind: kind.to_string(),
            namespace: namespace.to_string(),
            name: name.to_string(),
        };
        let found = self.store.get(&id).map_err(|error| error.to_string())?;
        Ok(found.and_then(|stored| stored.body).unwrap_or_else(Value::map))
    }

    fn is_namespaced(&self, group: &str, version: &str, kind: &str) -> Result<bool, String> {
        let served = match self.store.cluster() {
            Some(cluster) => cluster.kind(group, version, kind).map_err(|error| error.to_string())?,
            None => None,
        };
        Ok(served.map_or_else(|| Scopes::built_in().is_namespaced(group, kind), |kind| kind.namespaced))
    }

    fn list(&self, group: &str, kind: &str, namespace: &str, api_version: &str) -> Result<Value, String> {
        let query = Query {
            group_kind: Some((group.to_string(), kind.to_string())),
            namespace: (!namespace.is_empty()).then(|| namespace.to_string()),
            ..Query::default()
        };
        let found = self.store.list(&query).map_err(|error| error.to_string())?;
        let items: Vec<Value> = found.into_iter().filter_map(|stored| stored.body).collect();
        Ok([
            ("apiVersion", Value::str(api_version)),
            ("kind", Value::str(format!("{kind}List"))),
            ("items", Value::List(items)),
        ]
        .into_iter()
        .collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::Memory;
    use crate::sys::Host;

    #[test]
    fn objects_lists_and_nothing() {
        let store = Memory::new(&Host::of_process().unwrap());
        for name in ["a", "b"] {
            let json = format!(
                r#"{{"apiVersion":"v1","kind":"ConfigMap","metadata":{{"name":"{name}","namespace":"n"}}}}"#
            );
            store.create(serde_json::from_str(&json).unwrap()).unwrap();
        }
        let lookup = StoreLookup::new(&store);
        let one = lookup.lookup("v1", "ConfigMap", "n", "a").unwrap();
        assert_eq!(one.path(["metadata", "name"]).and_then(Value::as_str), Some("a"));
        assert_eq!(lookup.lookup("v1", "ConfigMap", "n", "c").unwrap(), Value::map());
        let all = lookup.lookup("v1", "ConfigMap", "", "").unwrap();
        assert_eq!(all.get("items").and_then(Value::as_list).map(<[Value]>::len), Some(2));
        // Kinds of the whole cluster are in no namespace, whatever is asked for.
        let space = r#"{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"n"}}"#;
        store.create(serde_json::from_str(space).unwrap()).unwrap();
        let spaces = lookup.lookup("v1", "Namespace", "m", "").unwrap();
        assert_eq!(spaces.get("items").and_then(Value::as_list).map(<[Value]>::len), Some(1));
        assert_ne!(lookup.lookup("v1", "Namespace", "m", "n").unwrap(), Value::map());
        let none = lookup.lookup("v1", "ConfigMap", "m", "").unwrap();
        assert_eq!(none.get("items").and_then(Value::as_list).map(<[Value]>::len), Some(0));
        // One rendering sees one state.
        let reads = store.reads();
        for id in [("n", "a"), ("n", "c"), ("", "")] {
            lookup.lookup("v1", "ConfigMap", id.0, id.1).unwrap();
        }
        assert_eq!(store.reads(), reads, "what was asked for is known");
    }
}
