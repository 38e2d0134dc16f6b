//! A step of a plan as a request to a cluster.
//!
//! Invariant: pure; a step that changes nothing gives no request.

use super::{Action, Step};
use crate::cluster::apply;
use crate::cluster::live::{Propagation, Request};
use crate::data::Value;

/// How objects that are there are changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// By server-side apply.
    Server {
        /// Take over fields that others manage.
        force: bool,
    },
    /// By a patch from the live object to what a three-way merge makes of it.
    Client,
    /// By writing the manifest's object in their place.
    Replace,
}

/// The request that carries a step out; `None` when there is nothing to do.
pub fn request(step: &Step, method: Method) -> Option<Request> {
    match step.action {
        Action::Unchanged | Action::Keep => None,
        Action::Delete => {
            Some(Request::Delete { id: step.id.clone(), propagation: Propagation::Background, uid: None })
        }
        Action::Create => {
            let body = step.wanted.clone()?;
            Some(match method {
                Method::Server { .. } => Request::Apply { body, force: false },
                Method::Client | Method::Replace => Request::Create { body },
            })
        }
        Action::Update | Action::Adopt => changed(step, method),
    }
}

fn changed(step: &Step, method: Method) -> Option<Request> {
    Some(match method {
        Method::Server { force } => Request::Apply { body: step.wanted.clone()?, force },
        // It takes the place of whatever is there, with the nulls of the manifest: where a kind has no schema they are values.
        Method::Replace => Request::Replace { body: step.wanted.clone()?, expected: None },
        Method::Client => {
            let patch = apply::merge_patch(step.live.as_ref()?, step.body.as_ref()?)?;
            Request::Patch { id: step.id.clone(), patch, expected: step.expected }
        }
    })
}

/// Whether two states of an object agree in everything that a merge patch is about. Recursion is as deep as the patch.
pub fn concerns_the_same(patch: &Value, one: Option<&Value>, other: Option<&Value>) -> bool {
    match (patch, one, other) {
        (Value::Map(patch), Some(one @ Value::Map(_)), Some(other @ Value::Map(_))) => {
            patch.iter().all(|(key, value)| concerns_the_same(value, one.get(key), other.get(key)))
        }
        _ => one == other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_patch_is_about_the_fields_it_names() {
        let value = |text: &str| serde_json::from_str::<Value>(text).unwrap();
        let same = |patch: &str, one: &str, other: &str| {
            concerns_the_same(&value(patch), Some(&value(one)), Some(&value(other)))
        };
        assert!(same(r#"{"a":{"b":1}}"#, r#"{"a":{"b":2,"c":1},"s":1}"#, r#"{"a":{"b":2,"c":2},"s":2}"#));
        assert!(!same(r#"{"a":{"b":1}}"#, r#"{"a":{"b":2}}"#, r#"{"a":{"b":3}}"#));
        assert!(!same(r#"{"a":null}"#, r#"{"a":2}"#, "{}"));
        assert!(!same(r#"{"a":{"b":1}}"#, r#"{"a":{}}"#, "{}"));
        assert!(same(r#"{"a":[1]}"#, r#"{"a":[2]}"#, r#"{"a":[2],"b":1}"#));
    }
}
