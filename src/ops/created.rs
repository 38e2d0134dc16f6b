//! What an operation made, so that exactly that can be deleted when it fails.
//!
//! Invariant: an object counts only when the cluster answered that this operation made it, and it goes only as long as it is that
//! object: one that somebody else made, before or after, stays.

use super::live::Live;
use crate::cluster::live::{FIELD_MANAGER, Propagation, Request};
use crate::cluster::{StoreError, Stored};
use crate::data::Value;
use crate::manifest::ObjectRef;
use crate::plan::Plan;

/// The objects that were made, in their order, with their uids.
#[derive(Debug, Clone, Default)]
pub struct Created(Vec<(ObjectRef, String)>);

impl Created {
    /// Notes the answer to a request that was to make an object.
    pub fn note(&mut self, request: &Request, answer: &Stored) {
        let is_new = match request {
            Request::Create { .. } => true,
            // It changes what is there by then; of that, somebody else manages something.
            Request::Apply { .. } => is_ours_alone(answer),
            Request::Patch { .. } | Request::Replace { .. } | Request::Delete { .. } => false,
        };
        if is_new {
            self.0.push((answer.id.clone(), answer.uid.clone()));
        }
    }

    /// Those that a plan has without a name.
    pub fn named_by_server(&self, plan: &Plan) -> Vec<ObjectRef> {
        let is_planned = |id: &ObjectRef| plan.steps.iter().any(|step| step.id == *id);
        let has_prefixes = plan.steps.iter().any(|step| step.id.name.is_empty());
        let made = self.0.iter().map(|(id, _)| id).filter(|_| has_prefixes);
        made.filter(|id| !is_planned(id)).cloned().collect()
    }

    /// Deletes them, the last one first. What cannot be deleted is warned of.
    pub fn delete(self, live: Live<'_>) {
        let made: Vec<(ObjectRef, String)> = self.0.into_iter().rev().collect();
        let delete = |(id, uid): &(ObjectRef, String)| Request::Delete {
            id: id.clone(),
            propagation: Propagation::default(),
            uid: Some(uid.clone()),
        };
        let requests: Vec<Request> = made.iter().map(delete).collect();
        for ((id, _), result) in made.iter().zip(live.cluster.send_each(&requests, false)) {
            match result {
                Ok(_) => live.told(id, "deleted", "the upgrade failed"),
                // It is gone, or another one has its name.
                Err(StoreError::NotFound { .. } | StoreError::Refused { code: 409, .. }) => {}
                Err(error) => live.context.warn(format!("{id} could not be cleaned up: {error}")),
            }
        }
    }
}

/// Whether nobody but this program manages fields of an object.
fn is_ours_alone(object: &Stored) -> bool {
    let entries = object.body.as_ref().and_then(|body| body.path(["metadata", "managedFields"]));
    let entries = entries.and_then(Value::as_list).unwrap_or_default();
    let is_ours = |entry: &Value| entry.get("manager").and_then(Value::as_str) == Some(FIELD_MANAGER);
    !entries.is_empty() && entries.iter().all(is_ours)
}
