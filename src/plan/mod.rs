//! What a change will do: old manifest, new manifest and live objects become an ordered list of steps.
//!
//! Pure: the caller reads the live objects first, and carries the steps out afterwards. The same plan serves install
//! (no old manifest), upgrade, rollback and uninstall (no new manifest).
//!
//! Source of the rules: Helm's update set (objects match by name, namespace, group and kind), its ownership check, and
//! its resource policy.
//!
//! Invariant: a plan names each object once, and holds the live version that each step was decided on, so that a change
//! made by somebody else in the meantime is noticed instead of overwritten.

mod scope;

use std::sync::Arc;

pub use scope::Scopes;

use crate::cluster::{Stored, apply};
use crate::data::Value;
use crate::manifest::{Object, ObjectRef};

/// What happens to one object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Action {
    /// It does not exist yet.
    Create,
    /// It exists and belongs to the release.
    Update,
    /// It exists, is not in the old manifest, and is taken into the release.
    Adopt,
    /// It is as the new manifest wants it.
    Unchanged,
    /// It is in the old manifest only.
    Delete,
    /// It would be deleted, but its resource policy or its owner forbids that.
    Keep,
}

impl Action {
    /// The word that reports use.
    pub fn word(self) -> &'static str {
        match self {
            Action::Create => "create",
            Action::Update => "update",
            Action::Adopt => "adopt",
            Action::Unchanged => "unchanged",
            Action::Delete => "delete",
            Action::Keep => "keep",
        }
    }
}

/// Why an object that would be deleted stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeepReason {
    /// `helm.sh/resource-policy: keep`.
    Policy,
    /// Some other non-empty resource policy: Helm neither deletes nor lists such an object.
    UnknownPolicy,
    /// Its ownership marks name another release or none.
    NotOwned,
}

/// One object of a plan.
#[derive(Debug, Clone)]
pub struct Step {
    /// What to do.
    pub action: Action,
    /// With which object; its namespace is filled in.
    pub id: ObjectRef,
    /// The template that wrote it; empty for objects of the old manifest alone.
    pub source: Arc<str>,
    /// The whole object to write, for create, update and adopt.
    pub body: Option<Value>,
    /// The live version that the step was decided on.
    pub expected: Option<u64>,
    /// Why it stays, for [`Action::Keep`].
    pub keep: Option<KeepReason>,
}

/// The steps in the order in which they are carried out.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    /// Creations and updates in install order, then deletions in uninstall order.
    pub steps: Vec<Step>,
    /// What the user should know: a live object that the old manifest does not have.
    pub warnings: Vec<String>,
}

impl Plan {
    /// The steps that write something.
    pub fn writes(&self) -> impl Iterator<Item = &Step> {
        self.steps.iter().filter(|step| !matches!(step.action, Action::Unchanged | Action::Keep))
    }

    /// How many steps have that action.
    pub fn count(&self, action: Action) -> usize {
        self.steps.iter().filter(|step| step.action == action).count()
    }
}

/// Why no plan can be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PlanError {
    /// An object exists and belongs to somebody else. The text is Helm's.
    #[error("{id} exists and cannot be imported into the current release: {reason}", id = describe(.id))]
    NotOwned {
        /// The object.
        id: ObjectRef,
        /// The marks that do not match, as Helm words them.
        reason: String,
    },
    /// Two documents describe the same object.
    #[error("{id} is written twice, by {first} and by {second}")]
    Duplicate {
        /// The object.
        id: ObjectRef,
        /// One template.
        first: Arc<str>,
        /// The other.
        second: Arc<str>,
    },
}

impl crate::diag::Hint for PlanError {
    fn hints(&self) -> Vec<String> {
        vec![match self {
            PlanError::NotOwned { .. } => {
                "nothing was changed; add --take-ownership to adopt the object into this release".to_string()
            }
            PlanError::Duplicate { .. } => "nothing was changed; rename one of the two in the chart".to_string(),
        }]
    }
}

/// `ConfigMap "a" in namespace "ns"`, as Helm names an object in messages.
pub fn describe(id: &ObjectRef) -> String {
    format!("{} \"{}\" in namespace \"{}\"", id.kind, id.name, id.namespace)
}

/// What a plan is made of.
pub struct Input<'a> {
    /// Name of the release.
    pub release: &'a str,
    /// Namespace of the release.
    pub namespace: &'a str,
    /// Objects of the revision that is current now, in manifest order; empty for an install.
    pub old: &'a [Object],
    /// Objects that are wanted, in install order; empty for an uninstall.
    pub new: &'a [Object],
    /// Adopt objects of others without asking whose they are.
    pub take_ownership: bool,
    /// Which kinds live in a namespace.
    pub scopes: &'a Scopes,
    /// Whether this is an uninstall, which has its own rules for what stays.
    pub uninstall: bool,
}

/// The identity of a manifest's object in the cluster: the release's namespace is filled in where the kind lives in one
/// and the manifest names none, and taken away where the kind lives in none.
pub fn located(id: &ObjectRef, namespace: &str, scopes: &Scopes) -> ObjectRef {
    let mut id = id.clone();
    if !scopes.is_namespaced(&id.group, &id.kind) {
        id.namespace.clear();
    } else if id.namespace.is_empty() {
        id.namespace = namespace.to_string();
    }
    id
}

/// Decides what to do; `live` answers with the object as it is in the store now.
///
/// # Errors
/// The first object that may not be taken over or is written twice, or what `live` failed with.
pub fn make<E: From<PlanError>>(
    input: &Input<'_>,
    mut live: impl FnMut(&ObjectRef) -> Result<Option<Stored>, E>,
) -> Result<Plan, E> {
    let mut plan = Plan::default();
    let old: Vec<(ObjectRef, &Object)> =
        input.old.iter().map(|object| (located(&object.id, input.namespace, input.scopes), object)).collect();
    let mut wanted: Vec<(ObjectRef, Arc<str>)> = Vec::new();
    for object in input.new {
        let id = located(&object.id, input.namespace, input.scopes);
        if let Some((_, first)) = wanted.iter().find(|(known, _)| known.same_object(&id)) {
            let (first, second) = (Arc::clone(first), Arc::clone(&object.source));
            return Err(PlanError::Duplicate { id, first, second }.into());
        }
        let before = old.iter().find(|(known, _)| known.same_object(&id)).map(|(_, object)| *object);
        let found = live(&id)?;
        plan.steps.push(wanted_step(input, &id, object, before, found, &mut plan.warnings)?);
        wanted.push((id, Arc::clone(&object.source)));
    }
    for (id, object) in old.iter().rev() {
        if wanted.iter().any(|(known, _)| known.same_object(id)) {
            continue;
        }
        if let Some(found) = live(id)? {
            plan.steps.push(unwanted_step(input, id, object, &found));
        }
    }
    Ok(plan)
}

fn wanted_step(
    input: &Input<'_>,
    id: &ObjectRef,
    object: &Object,
    before: Option<&Object>,
    found: Option<Stored>,
    warnings: &mut Vec<String>,
) -> Result<Step, PlanError> {
    let mut body = object.body.clone();
    apply::place(&mut body, id);
    apply::stamp(&mut body, input.release, input.namespace);
    let step = |action, body, expected| Step {
        action,
        id: id.clone(),
        source: Arc::clone(&object.source),
        body: Some(body),
        expected,
        keep: None,
    };
    let Some(found) = found else { return Ok(step(Action::Create, body, None)) };
    let expected = Some(found.resource_version);
    let mut action = Action::Update;
    if before.is_none() {
        if !input.take_ownership {
            apply::check_ownership(&found, input.release, input.namespace)
                .map_err(|reason| PlanError::NotOwned { id: id.clone(), reason })?;
        }
        if !input.old.is_empty() {
            warnings.push(format!(
                "{id} exists in the store but not in the previous manifest; its live state is the baseline"
            ));
        }
        action = Action::Adopt;
    }
    let current = found.body.unwrap_or(Value::Null);
    let merged = apply::three_way(before.map(|object| &object.body), &body, &current);
    if merged == current {
        action = Action::Unchanged;
    }
    Ok(step(action, merged, expected))
}

fn unwanted_step(input: &Input<'_>, id: &ObjectRef, object: &Object, found: &Stored) -> Step {
    let policy = found.annotations.get(apply::RESOURCE_POLICY).map(|value| value.trim().to_lowercase());
    let owned = apply::check_ownership(found, input.release, input.namespace).is_ok();
    let keep = match policy.as_deref() {
        Some("keep") => Some(KeepReason::Policy),
        // Only an uninstall gives other values of the annotation a meaning; an upgrade deletes such objects.
        Some(other) if input.uninstall && !other.is_empty() => Some(KeepReason::UnknownPolicy),
        _ if input.uninstall && !owned => Some(KeepReason::NotOwned),
        _ => None,
    };
    Step {
        action: if keep.is_some() { Action::Keep } else { Action::Delete },
        id: id.clone(),
        source: Arc::clone(&object.source),
        body: None,
        expected: Some(found.resource_version),
        keep,
    }
}
