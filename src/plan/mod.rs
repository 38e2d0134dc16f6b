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

mod applied;
pub mod definition;
pub mod diff;
pub mod immutable;
pub mod renew;
mod request;
mod scope;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

pub use request::{Method, concerns_the_same, request};
pub use scope::Scopes;

use crate::cluster::ownership::{self, NotOwned, Policy};
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
    /// With which object; its namespace is filled in. Without a name it gets one when it is created (`generateName`).
    pub id: ObjectRef,
    /// The template that wrote it; empty for objects of the old manifest alone.
    pub source: Arc<str>,
    /// The whole object to write, for create, update and adopt: what the live one becomes.
    pub body: Option<Value>,
    /// The object as the manifest has it, placed and stamped; for a server that merges by itself.
    pub wanted: Option<Value>,
    /// The object as the old manifest has it, placed and stamped; `None` when it is not in it.
    pub base: Option<Value>,
    /// The object as it is now; `None` when it is not there.
    pub live: Option<Value>,
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

    /// The objects that stay for a reason.
    pub fn kept(&self, reason: KeepReason) -> impl Iterator<Item = &ObjectRef> {
        self.steps.iter().filter(move |step| step.keep == Some(reason)).map(|step| &step.id)
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
    #[error(transparent)]
    NotOwned(#[from] NotOwned),
    /// Two documents describe the same object.
    #[error("{id} is written twice, by {first} and by {second}")]
    Duplicate {
        /// The object.
        id: Box<ObjectRef>,
        /// One template.
        first: Arc<str>,
        /// The other.
        second: Arc<str>,
    },
}

impl crate::diag::Hint for PlanError {
    fn hints(&self) -> Vec<String> {
        let mut hints = vec!["nothing was changed".to_string()];
        match self {
            PlanError::NotOwned(error) => hints.extend(error.hints()),
            PlanError::Duplicate { .. } => hints.push("rename one of the two in the chart".to_string()),
        }
        hints
    }
}

/// What a plan is made of.
pub struct Input<'a> {
    /// Name of the release.
    pub release: &'a str,
    /// Namespace of the release.
    pub namespace: &'a str,
    /// Objects of the revision that is current now, in the order in which they would be deleted; empty for an install. An
    /// object may come several times, when it is in the manifests of several revisions.
    pub old: &'a [Object],
    /// Objects that are wanted, in install order; empty for an uninstall.
    pub new: &'a [Object],
    /// Adopt objects of others without asking whose they are.
    pub take_ownership: bool,
    /// Write objects as the manifest has them instead of merging into the live ones (`--force-replace`).
    pub replace: bool,
    /// Which kinds live in a namespace.
    pub scopes: &'a Scopes,
    /// Whether this is an uninstall, which has its own rules for what stays.
    pub uninstall: bool,
    /// Whether drift in objects of custom kinds is set back too, as it is where the server merges (server-side apply).
    pub set_back: bool,
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

/// What makes two mentions the same object: group, kind, namespace and name.
type Identity = (String, String, String, String);

fn identity(id: &ObjectRef) -> Identity {
    (id.group.clone(), id.kind.clone(), id.namespace.clone(), id.name.clone())
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
    let at = |object: &Object| located(&object.id, input.namespace, input.scopes);
    let mut old: HashMap<Identity, Vec<&Object>> = HashMap::new();
    for object in input.old {
        old.entry(identity(&at(object))).or_default().push(object);
    }
    let mut wanted: HashMap<Identity, Arc<str>> = HashMap::new();
    for object in input.new {
        let id = at(object);
        if id.name.is_empty() {
            // The server gives the name: it is always another object.
            plan.steps.push(wanted_step(input, &id, object, &[], None, &mut plan.warnings)?);
            continue;
        }
        let key = identity(&id);
        if let Some(first) = wanted.insert(key.clone(), Arc::clone(&object.source)) {
            let second = Arc::clone(&object.source);
            return Err(PlanError::Duplicate { id: Box::new(id), first, second }.into());
        }
        let found = live(&id)?;
        let before = old.get(&key).map_or(&[][..], Vec::as_slice);
        plan.steps.push(wanted_step(input, &id, object, before, found, &mut plan.warnings)?);
    }
    // The old manifests may be those of several revisions, which share objects.
    let mut seen = HashSet::new();
    for object in input.old {
        let id = at(object);
        if wanted.contains_key(&identity(&id)) || !seen.insert(identity(&id)) {
            continue;
        }
        if let Some(found) = live(&id)? {
            plan.steps.push(unwanted_step(input, &id, object, &found));
        }
    }
    Ok(plan)
}

fn wanted_step(
    input: &Input<'_>,
    id: &ObjectRef,
    object: &Object,
    before: &[&Object],
    found: Option<Stored>,
    warnings: &mut Vec<String>,
) -> Result<Step, PlanError> {
    let placed = |body: &Value| {
        let mut body = body.clone();
        place(&mut body, id);
        ownership::stamp(&mut body, input.release, input.namespace);
        body
    };
    let mut body = placed(&object.body);
    // A server that merges gets nulls too: where a kind has no schema for a field they are values like others.
    let wanted = body.clone();
    let is_repeated = !before.is_empty() && before.iter().all(|object| placed(&object.body) == wanted);
    let base = before.first().map(|object| {
        let mut body = placed(&object.body);
        without_nulls(&mut body);
        body
    });
    let step = |action, body, expected, live| Step {
        action,
        id: id.clone(),
        source: Arc::clone(&object.source),
        body: Some(body),
        wanted: Some(wanted.clone()),
        base: base.clone(),
        live,
        expected,
        keep: None,
    };
    let Some(found) = found else {
        without_nulls(&mut body);
        return Ok(step(Action::Create, body, None, None));
    };
    let mut action = Action::Update;
    if before.is_empty() {
        if !input.take_ownership {
            ownership::check(id, &found.labels, &found.annotations, input.release, input.namespace)?;
        }
        if !input.old.is_empty() {
            warnings.push(format!(
                "{id} exists but is not in the previous manifest; its live state is taken as the baseline"
            ));
        }
        action = Action::Adopt;
    }
    let expected = Some(found.resource_version);
    let current = found.body.unwrap_or(Value::Null);
    if input.set_back
        && is_repeated
        && !input.replace
        && applied::is_applied(&wanted, &current, apply::is_built_in(id))
        && !applied::has_more(&wanted, &current)
    {
        return Ok(step(Action::Unchanged, current.clone(), expected, Some(current)));
    }
    if input.replace {
        without_nulls(&mut body);
        return Ok(step(action, body, expected, Some(current)));
    }
    // Nulls between items of lists are in no patch that deletes a field; those of maps are what the merges look at.
    let listed = |body: &Value| {
        let mut body = body.clone();
        without_nulls_in_lists(&mut body);
        body
    };
    let body = listed(&body);
    let merge = |live: &Value, baseline: &Value| {
        if input.set_back && !apply::is_built_in(id) {
            // What only the old manifest names goes, then what the new one names becomes so whatever the live object has.
            apply::overlay(&body, &apply::json(baseline, &body, live))
        } else {
            apply::three_way(id, baseline, &body, live)
        }
    };
    // What any of the old manifests set goes when nobody wants it any more.
    let merged = match before {
        [] => merge(&current, &body),
        [first, others @ ..] => {
            others.iter().fold(merge(&current, &listed(&first.body)), |merged, object| {
                merge(&merged, &listed(&object.body))
            })
        }
    };
    // What a server that merges would take away is in no manifest that is known here.
    let loses = input.set_back && applied::has_more(&wanted, &current);
    if !loses && (merged == current || are_same_but_for_nulls(&current, &merged)) {
        action = Action::Unchanged;
    }
    Ok(step(action, merged, expected, Some(current)))
}

/// Takes out of an object what is null, as an API server does: a null says that there is no such field. Kept, it would
/// make the next change of an object look like one when there is none. Recursion is as deep as YAML may be nested.
fn without_nulls(value: &mut Value) {
    match value {
        Value::Map(map) => {
            map.retain(|_, item| !matches!(item, Value::Null));
            map.values_mut().for_each(without_nulls);
        }
        Value::List(items) => items.iter_mut().for_each(without_nulls),
        _ => {}
    }
}

/// The same within lists only. Recursion is as deep as YAML may be nested.
fn without_nulls_in_lists(value: &mut Value) {
    match value {
        Value::Map(map) => map.values_mut().for_each(without_nulls_in_lists),
        Value::List(items) => items.iter_mut().for_each(without_nulls),
        _ => {}
    }
}

fn are_same_but_for_nulls(one: &Value, other: &Value) -> bool {
    let [one, other] = [one, other].map(|object| {
        let mut object = object.clone();
        without_nulls(&mut object);
        object
    });
    one == other
}

/// Writes the namespace of the identity into a body, or takes it out where the kind lives in none.
pub fn place(body: &mut Value, id: &ObjectRef) {
    let Some(object) = body.as_map_mut() else { return };
    let metadata = object.entry(Arc::from("metadata")).or_insert_with(Value::map);
    let Some(metadata) = metadata.as_map_mut() else { return };
    if id.namespace.is_empty() {
        metadata.shift_remove("namespace");
    } else {
        metadata.insert("namespace".into(), Value::str(id.namespace.as_str()));
    }
}

fn unwanted_step(input: &Input<'_>, id: &ObjectRef, object: &Object, found: &Stored) -> Step {
    let keep = if input.uninstall {
        match ownership::uninstall_policy(&found.annotations) {
            Policy::Keep => Some(KeepReason::Policy),
            Policy::Ignore => Some(KeepReason::UnknownPolicy),
            Policy::Delete => {
                ownership::check(id, &found.labels, &found.annotations, input.release, input.namespace)
                    .is_err()
                    .then_some(KeepReason::NotOwned)
            }
        }
    } else if ownership::kept_on_upgrade(&found.annotations) {
        Some(KeepReason::Policy)
    } else {
        // The old manifest may be that of an operation that failed before it wrote this object.
        let owner = ownership::check(id, &found.labels, &found.annotations, input.release, input.namespace);
        owner.is_err().then_some(KeepReason::NotOwned)
    };
    Step {
        action: if keep.is_some() { Action::Keep } else { Action::Delete },
        id: id.clone(),
        source: Arc::clone(&object.source),
        body: None,
        wanted: None,
        base: None,
        live: found.body.clone(),
        expected: Some(found.resource_version),
        keep,
    }
}
