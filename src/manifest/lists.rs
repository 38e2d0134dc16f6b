//! Lists: one document that stands for several objects (`kind: List`, `ConfigMapList`, …).
//!
//! Source of what counts as a list: what Helm's builder takes apart, but for objects with a name whose `items` are no objects.
//!
//! Invariant: an item keeps the template, line and text of the document that it stands in.

use std::sync::Arc;

use super::{Object, object};
use crate::data::Value;

impl Object {
    /// The objects that a cluster has to hold for this document: the items of a list, else the object itself. Items that
    /// are lists again are taken apart, too.
    pub fn expand(&self) -> Vec<Object> {
        let mut found = Vec::new();
        self.expand_into(&mut found);
        found
    }

    /// Recursion is as deep as YAML may be nested.
    fn expand_into(&self, found: &mut Vec<Object>) {
        let Some(items) = self.items() else {
            found.push(self.clone());
            return;
        };
        for body in items {
            let body = self.typed(body);
            let item = Object {
                id: object::identity(&body),
                source: Arc::clone(&self.source),
                line: self.line,
                text: Arc::clone(&self.text),
                body,
            };
            item.expand_into(found);
        }
    }

    /// The items, when it is a list: it goes by its kind while it has no name, else by its items. What has a name and items without
    /// a kind is an object with a field of that name.
    fn items(&self) -> Option<&[Value]> {
        let items = self.body.get("items").and_then(Value::as_list)?;
        let is_object = |item: &Value| item.get("kind").is_some() && item.get("apiVersion").is_some();
        let is_list = self.id.kind.ends_with("List");
        let counts = (is_list && self.id.name.is_empty())
            || (items.iter().all(is_object) && (is_list || !items.is_empty()));
        counts.then_some(items)
    }

    /// An item that names neither kind nor version is of the kind that the list is named after.
    fn typed(&self, item: &Value) -> Value {
        let mut item = item.clone();
        let kind = self.id.kind.strip_suffix("List").unwrap_or_default();
        if let Some(map) = item.as_map_mut()
            && !kind.is_empty()
            && !map.contains_key("kind")
            && !map.contains_key("apiVersion")
        {
            map.insert("apiVersion".into(), Value::str(self.id.api_version()));
            map.insert("kind".into(), Value::str(kind));
        }
        item
    }
}

#[cfg(test)]
mod tests {
    use super::super::parse_stored;

    #[test]
    fn lists_stand_for_their_items() {
        let text = "kind: List\nitems:\n- {kind: A, metadata: {name: x}}\n- {kind: B, metadata: {name: z}}\n";
        let objects = parse_stored("m", text).unwrap();
        let names: Vec<_> = objects[0].expand().into_iter().map(|object| object.id.name).collect();
        assert_eq!(names, ["x", "z"]);
    }

    #[test]
    fn what_counts_as_a_list_goes_by_its_items() {
        let names = |text: &str| {
            let expanded = parse_stored("m", text).unwrap()[0].expand();
            let names: Vec<String> =
                expanded.iter().map(|object| format!("{}/{}", object.id.kind, object.id.name)).collect();
            names.join(" ")
        };
        let item = |name: &str| format!("{{apiVersion: v1, kind: A, metadata: {{name: {name}}}}}");
        let list = |head: &str, items: &str| format!("apiVersion: v1\nkind: {head}\nitems: [{items}]\n");
        for (text, told) in [
            (list("List\nmetadata: {name: l}", &format!("{}, {}", item("x"), item("z"))), "A/x A/z"),
            (list("Foo\nmetadata: {name: l}", &item("x")), "A/x"),
            (list("Foo\nmetadata: {name: l}", "{a: 1}"), "Foo/l"),
            (list("Foo\nmetadata: {name: l}", ""), "Foo/l"),
            (list("List\nmetadata: {name: l}", ""), ""),
            (list("ConfigMapList", "{metadata: {name: x}}"), "ConfigMap/x"),
            (
                list(
                    "List",
                    &format!(
                        "{{kind: List, items: [{{kind: List, items: [{}]}}, {}]}}",
                        item("x"),
                        item("z")
                    ),
                ),
                "A/x A/z",
            ),
        ] {
            assert_eq!(names(&text), told, "{text}");
        }
    }

    #[test]
    fn a_kind_that_only_ends_like_a_list_is_itself() {
        let objects = parse_stored("m", "kind: AllowList\nmetadata: {name: x}\nitems: [{a: 1}]\n").unwrap();
        assert_eq!(objects[0].expand().len(), 1);
    }
}
