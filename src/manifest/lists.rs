//! Lists: one document that stands for several objects (`kind: List`, `ConfigMapList`, …).
//!
//! Invariant: an item keeps the template, line and text of the document that it stands in.

use super::{Object, object};
use crate::data::Value;

impl Object {
    /// The objects that a cluster has to hold for this document: the items of a list, else the object itself. Items that
    /// are lists again are taken apart once more, no deeper.
    pub fn expand(&self) -> Vec<Object> {
        self.items().into_iter().flat_map(|item| item.items()).collect()
    }

    fn items(&self) -> Vec<Object> {
        let items = self.body.get("items").and_then(Value::as_list);
        match items {
            Some(items) if self.id.kind.ends_with("List") && self.id.name.is_empty() => {
                let object =
                    |body: &Value| Object { id: object::identity(body), body: body.clone(), ..self.clone() };
                items.iter().map(object).collect()
            }
            _ => vec![self.clone()],
        }
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
    fn a_kind_that_only_ends_like_a_list_is_itself() {
        let objects = parse_stored("m", "kind: AllowList\nmetadata: {name: x}\nitems: [{a: 1}]\n").unwrap();
        assert_eq!(objects[0].expand().len(), 1);
    }
}
