//! What becomes of the definitions in a chart's `crds/`.
//!
//! | policy | install | upgrade |
//! |---|---|---|
//! | [`Crds::Helm`] | missing ones are made; with server-side apply those that are there are changed too | nothing |
//! | [`Crds::Safe`] | missing ones are made, the others changed when that takes nothing away | the same |
//! | [`Crds::All`] | made or changed | the same |
//! | [`Crds::Skip`] | nothing | nothing |
//!
//! Invariant: a definition is never deleted and belongs to no release.

use super::OpsError;
use super::options::Crds;
use crate::cluster::live::Request;
use crate::cluster::{Store, Write, apply};
use crate::data::Value;
use crate::manifest::{Object, ObjectRef};
use crate::plan::{self, Action, Scopes, Step, definition};

/// A definition that has to be made or changed.
#[derive(Debug, Clone)]
pub struct Definition {
    /// Which.
    pub id: ObjectRef,
    /// As the chart has it.
    pub wanted: Value,
    /// What the live one becomes, and its version now; `None` when there is none yet.
    pub merged: Option<(Value, u64)>,
    /// The live one; `None` when there is none yet.
    pub live: Option<Value>,
}

impl Definition {
    /// As a step of a plan, so that both are shown and renewed alike.
    pub fn step(&self) -> Step {
        let (body, expected) = match &self.merged {
            None => (self.wanted.clone(), None),
            Some((body, version)) => (body.clone(), Some(*version)),
        };
        Step {
            action: if self.live.is_some() { Action::Update } else { Action::Create },
            id: self.id.clone(),
            source: "".into(),
            body: Some(body),
            wanted: Some(self.wanted.clone()),
            base: None,
            live: self.live.clone(),
            expected,
            keep: None,
        }
    }

    /// The definition of such a step; `None` for a step that writes nothing.
    pub fn of_step(step: Step) -> Option<Self> {
        let merged = step.body.zip(step.expected);
        Some(Definition { id: step.id, wanted: step.wanted?, merged, live: step.live })
    }

    /// As a write to a store that merges nothing.
    pub fn write(&self) -> Write {
        match &self.merged {
            None => Write::Create { body: self.wanted.clone() },
            Some((body, version)) => Write::Replace { body: body.clone(), expected: Some(*version) },
        }
    }

    /// As a request to a cluster.
    pub fn request(&self, server_side: bool, force: bool) -> Request {
        match &self.merged {
            _ if server_side => Request::Apply { body: self.wanted.clone(), force },
            None => Request::Create { body: self.wanted.clone() },
            Some((body, version)) => Request::Replace { body: body.clone(), expected: Some(*version) },
        }
    }
}

/// Which of a chart's definitions have to be written.
///
/// # Errors
/// The store cannot be read; with [`Crds::Safe`], a definition would lose something. Nothing was changed then.
pub fn needed(
    store: &dyn Store,
    definitions: &[Object],
    policy: Crds,
    installing: bool,
    server_side: bool,
) -> Result<Vec<Definition>, OpsError> {
    if policy == Crds::Skip || (policy == Crds::Helm && !installing) {
        return Ok(Vec::new());
    }
    let mut needed = Vec::new();
    for object in definitions {
        let id = plan::located(&object.id, "", &Scopes::built_in());
        let Some(live) = store.get(&id)? else {
            needed.push(Definition { id, wanted: object.body.clone(), merged: None, live: None });
            continue;
        };
        if policy == Crds::Helm && !server_side {
            continue;
        }
        let current = live.body.unwrap_or_default();
        let merged = apply::strategic(&object.id, &object.body, &object.body, &current);
        if merged == current {
            continue;
        }
        if policy == Crds::Safe {
            refuse_losses(&id, object, &current)?;
        }
        let merged = Some((merged, live.resource_version));
        needed.push(Definition { id, wanted: object.body.clone(), merged, live: Some(current) });
    }
    Ok(needed)
}

fn refuse_losses(id: &ObjectRef, object: &Object, live: &Value) -> Result<(), OpsError> {
    let losses = definition::losses(live, &object.body);
    if losses.is_empty() {
        return Ok(());
    }
    Err(OpsError::refused_with(
        format!("{id} ({}) would not only be added to: {}", object.source, losses.join("; ")),
        "nothing was changed; look at what the change means for the objects of that kind, then use --crds=all, or leave \
         the definitions alone with --crds=skip",
    ))
}
