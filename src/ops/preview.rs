//! What an operation would do, object by object, for people and programs.
//!
//! On a cluster the server is asked what each object would become (a dry run on its side), all at once; elsewhere that is
//! the merge that would be written.
//!
//! Invariant: nothing is changed; values of secrets are masked before anything leaves here.

use std::collections::BTreeMap;

use super::change::{self, Target};
use super::operation::{Kind, Operation};
use super::{Context, OpsError};
use crate::cluster::live::{FIELD_MANAGER, Request};
use crate::cluster::{Cluster, StoreError};
use crate::data::Value;
use crate::manifest::{self, Event, Object, ObjectRef};
use crate::plan::diff::{self, ObjectDiff, Role};
use crate::plan::immutable;
use crate::plan::{self, Action, KeepReason, Method, Plan, Scopes, Step};
use crate::release::{Hook, Release};

/// What becomes of one object.
#[derive(Debug, Clone, PartialEq)]
pub struct Planned {
    /// Which.
    pub id: ObjectRef,
    /// `create`, `change`, `replace`, `adopt`, `delete` or `keep`.
    pub action: &'static str,
    /// Why; empty when the action says it.
    pub reason: String,
    /// The difference; `None` when there is none to be seen.
    pub diff: Option<ObjectDiff>,
    /// Why the cluster would refuse it.
    pub refused: Option<String>,
}

/// A hook that would run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DueHook {
    /// Its kind.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// When it runs.
    pub event: &'static str,
    /// Its place among those of the event.
    pub weight: i64,
}

/// What an operation would do.
#[derive(Debug, Clone, PartialEq)]
pub struct Preview {
    /// The namespace and the definitions of crds/ that are made or changed first.
    pub first: Vec<Planned>,
    /// The objects, in the order in which they are written. Those that stay as they are are left out.
    pub objects: Vec<Planned>,
    /// The hooks that would run, in their order.
    pub hooks: Vec<DueHook>,
    /// Whether they are only recorded, since the store runs nothing.
    pub hooks_only_recorded: bool,
    /// How hooks differ from those of the last revision.
    pub hook_changes: Vec<ObjectDiff>,
    /// What becomes of the records of the release, when it ends.
    pub records: Option<Records>,
}

/// What becomes of the records of a release that ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Records {
    /// They go.
    Deleted,
    /// They stay.
    Kept,
}

impl Preview {
    /// Works out what an operation would do.
    ///
    /// # Errors
    /// The cluster cannot be asked.
    pub fn of(context: &Context<'_>, target: Target<'_>, operation: &Operation) -> Result<Self, OpsError> {
        change::telling(context, target, || Self::worked_out(context, target, operation))
    }

    fn worked_out(
        context: &Context<'_>,
        target: Target<'_>,
        operation: &Operation,
    ) -> Result<Self, OpsError> {
        let method = operation.execution.method;
        let definitions: Vec<Step> =
            operation.definitions.iter().map(super::crds::Definition::step).collect();
        let mut first: Vec<Planned> = operation.namespace.as_ref().map(new_namespace).into_iter().collect();
        for mut planned in steps(context, target, &definitions, method, ("", &[]))? {
            planned.diff = planned.diff.map(|diff| diff.with_role(Role::Definition));
            first.push(planned);
        }
        let old = operation.current().map_or(&[][..], |current| &current.hooks);
        let defined: Vec<(String, String)> = definitions.iter().filter_map(defined_kind).collect();
        Ok(Preview {
            first,
            objects: steps(
                context,
                target,
                &operation.plan.steps,
                method,
                (why_deleted(operation.kind), &defined),
            )?,
            hooks: due_hooks(operation),
            hooks_only_recorded: !target.store.capabilities().runs_workloads,
            hook_changes: hook_changes(target, old, &operation.release.hooks)?,
            records: (operation.kind == Kind::Uninstall).then_some(
                if operation.execution.removal.keep_history { Records::Kept } else { Records::Deleted },
            ),
        })
    }

    /// Whether anything in the store would become different, records of releases and hooks aside.
    pub fn changes_objects(&self) -> bool {
        self.first.iter().chain(&self.objects).any(|planned| planned.action != Action::Keep.word())
    }

    /// Whether the operation would change objects or hooks, or end the release.
    pub fn has_changes(&self) -> bool {
        self.changes_objects() || !self.hook_changes.is_empty() || self.records.is_some()
    }

    /// All differences.
    pub fn into_differences(self) -> Vec<ObjectDiff> {
        let objects = self.first.into_iter().chain(self.objects).filter_map(|planned| planned.diff);
        objects.chain(self.hook_changes).collect()
    }
}

/// What becomes of the objects of a plan; those that stay as they are are left out.
///
/// # Errors
/// The cluster cannot be asked.
pub fn objects(
    context: &Context<'_>,
    target: Target<'_>,
    plan: &Plan,
    method: Method,
) -> Result<Vec<Planned>, OpsError> {
    steps(context, target, &plan.steps, method, (why_deleted(Kind::Upgrade), &[]))
}

/// Why an operation deletes objects; empty when that goes without saying.
fn why_deleted(kind: Kind) -> &'static str {
    match kind {
        Kind::Install | Kind::Upgrade => "it is no longer in the chart",
        Kind::Rollback => "it is not in that revision",
        Kind::Uninstall => "",
    }
}

fn steps(
    context: &Context<'_>,
    target: Target<'_>,
    steps: &[Step],
    method: Method,
    (why_deleted, defined): (&str, &[(String, String)]),
) -> Result<Vec<Planned>, OpsError> {
    let mut found = Vec::new();
    for (step, told) in steps.iter().zip(becomes(target, steps, method)?) {
        let (after, refused) = match told {
            Told::Becomes(body) => (Some(body), None),
            Told::Unknown => (step.body.clone(), None),
            // By the definition that it will have then, which nobody can be asked about yet.
            Told::Refused(..) if is_of(defined, step) => (step.body.clone(), None),
            Told::Refused(reason, body) => (body.or_else(|| step.body.clone()), Some(reason)),
        };
        if let Some(reason) = &refused {
            context.warn(format!("the cluster would refuse {}: {reason}", step.id));
        }
        let diff = match step.action {
            Action::Unchanged | Action::Keep => None,
            _ => diff::of_live(&step.id, step.live.as_ref(), after.as_ref(), step.base.as_ref()),
        };
        let (action, reason) = told_action(step, method, why_deleted);
        let nothing = step.action == Action::Unchanged
            || (step.action == Action::Update && diff.is_none() && refused.is_none());
        if !nothing {
            found.push(Planned { id: step.id.clone(), action, reason, diff, refused });
        }
    }
    Ok(found)
}

/// Group and kind that a definition defines.
fn defined_kind(definition: &Step) -> Option<(String, String)> {
    let text =
        |path: &[&str]| definition.body.as_ref()?.path(path.iter().copied())?.as_str().map(str::to_string);
    Some((text(&["spec", "group"])?, text(&["spec", "names", "kind"])?))
}

fn is_of(defined: &[(String, String)], step: &Step) -> bool {
    defined.iter().any(|(group, kind)| *group == step.id.group && *kind == step.id.kind)
}

/// The word for a step, and why it is taken.
fn told_action(step: &Step, method: Method, why_deleted: &str) -> (&'static str, String) {
    let (word, reason) = match (step.action, step.keep) {
        (Action::Create, _) if step.base.is_some() => ("create", "the last revision has it, and it is gone"),
        (Action::Update, _) if method == Method::Replace => ("replace", "it is written as a whole"),
        (Action::Update, _) => ("change", ""),
        (Action::Adopt, _) => ("adopt", "it exists and is not in the last revision"),
        (Action::Delete, _) => ("delete", why_deleted),
        (_, Some(KeepReason::Policy | KeepReason::UnknownPolicy)) => ("keep", "its resource policy keeps it"),
        (_, Some(KeepReason::NotOwned)) => ("keep", "it does not belong to this release"),
        (action, _) => (action.word(), ""),
    };
    (word, reason.to_string())
}

/// What a step makes of its object.
enum Told {
    /// This, as the server says; nothing else is known where there is no server.
    Becomes(Value),
    /// Nobody was asked, or nobody can say it yet: its namespace or kind is only about to be made.
    Unknown,
    /// Nothing: the server would refuse it. With what it would become by force, where force would help.
    Refused(String, Option<Value>),
}

/// Asks the cluster what becomes of the objects of steps.
fn becomes(target: Target<'_>, steps: &[Step], method: Method) -> Result<Vec<Told>, OpsError> {
    let mut told: Vec<Told> = steps.iter().map(|_| Told::Unknown).collect();
    let Some(cluster) = target.store.cluster() else { return Ok(told) };
    let asked = steps.iter().enumerate().filter(|(_, step)| step.action != Action::Delete);
    let (places, requests): (Vec<usize>, Vec<_>) =
        asked.filter_map(|(at, step)| Some((at, plan::request(step, method)?))).unzip();
    let answers = cluster.send_each(&requests, true);
    for ((at, request), answer) in places.into_iter().zip(&requests).zip(answers) {
        let answer = match answer {
            Ok(stored) => stored.and_then(|stored| stored.body).map_or(Told::Unknown, Told::Becomes),
            Err(error @ StoreError::Fields { .. }) => conflict(cluster, request, &error),
            Err(StoreError::NoKind { .. }) => Told::Unknown,
            Err(StoreError::NotFound { id }) if id.kind == "Namespace" && id.group.is_empty() => {
                Told::Unknown
            }
            Err(
                error @ (StoreError::Refused { .. }
                | StoreError::Forbidden { .. }
                | StoreError::Invalid { .. }
                | StoreError::Conflict { .. }),
            ) => refused(steps.get(at), error),
            Err(error) => return Err(error.into()),
        };
        if let Some(place) = told.get_mut(at) {
            *place = answer;
        }
    }
    Ok(told)
}

/// In the terms of the chart where it is a field that nobody may change.
fn refused(step: Option<&Step>, error: StoreError) -> Told {
    let known = step.and_then(|step| immutable::explain(step, &error));
    let error = immutable::shortened(error);
    Told::Refused(
        match known {
            Some(known) => format!("{error} ({}); {}", known.what, known.hints.join("; ")),
            None => error.to_string(),
        },
        None,
    )
}

/// What becomes of an object some of whose fields others manage. Those that client-side apply left under our own name are no
/// conflict: they are taken over before the object is written.
fn conflict(cluster: &dyn Cluster, request: &Request, error: &StoreError) -> Told {
    let Request::Apply { body, .. } = request else { return Told::Refused(error.to_string(), None) };
    let forced = Request::Apply { body: body.clone(), force: true };
    let forced = cluster.send(&forced, true).ok().flatten().and_then(|stored| stored.body);
    let own = matches!(error, StoreError::Fields { fields, .. }
        if fields.iter().all(|conflict| conflict.manager == FIELD_MANAGER));
    match forced {
        Some(body) if own => Told::Becomes(body),
        body => Told::Refused(error.to_string(), body),
    }
}

fn new_namespace(body: &Value) -> Planned {
    let name = body.path(["metadata", "name"]).and_then(Value::as_str).unwrap_or_default().to_string();
    let [group, version, kind] = ["", "v1", "Namespace"].map(String::from);
    let id = ObjectRef { group, version, kind, namespace: String::new(), name };
    let diff = diff::object(&id, None, Some(body));
    Planned { id, action: "create", reason: "--create-namespace".to_string(), diff, refused: None }
}

/// The hooks that run, event by event, by weight, then by name.
fn due_hooks(operation: &Operation) -> Vec<DueHook> {
    if operation.execution.no_hooks {
        return Vec::new();
    }
    let due = |event: &Event| {
        let hooks =
            operation.release.hooks.iter().filter(|hook| hook.events.iter().any(|name| name == event.name()));
        let mut due: Vec<DueHook> = hooks
            .map(|hook| DueHook {
                kind: hook.kind.clone(),
                name: hook.name.clone(),
                event: event.name(),
                weight: hook.weight,
            })
            .collect();
        due.sort_by(|one, two| (one.weight, &one.name).cmp(&(two.weight, &two.name)));
        due
    };
    operation.kind.events().iter().flat_map(due).collect()
}

/// How hooks differ, by their manifests: nobody keeps their live objects.
///
/// # Errors
/// A recorded hook is no manifest.
pub fn hook_changes(target: Target<'_>, old: &[Hook], new: &[Hook]) -> Result<Vec<ObjectDiff>, OpsError> {
    let objects = |hooks: &[Hook]| {
        let mut found = Vec::new();
        for hook in hooks {
            found.extend(change::objects(&manifest::parse_stored(&hook.path, &hook.manifest)?)?);
        }
        Ok::<_, OpsError>(found)
    };
    let changed = between(target, objects(old)?, objects(new)?);
    Ok(changed.into_iter().map(|diff| diff.with_role(Role::Hook)).collect())
}

/// How two manifests differ, object by object.
///
/// # Errors
/// One is no manifest.
pub fn manifest_changes(
    target: Target<'_>,
    old: &Release,
    new: &Release,
) -> Result<Vec<ObjectDiff>, OpsError> {
    let objects = |release: &Release| {
        let name = format!("manifest of {}", release.name);
        change::objects_or_prefixes(&manifest::parse_stored(&name, &release.manifest)?)
    };
    Ok(between(target, objects(old)?, objects(new)?))
}

fn between(target: Target<'_>, old: Vec<Object>, new: Vec<Object>) -> Vec<ObjectDiff> {
    let (old, new) = (by_identity(target, old), by_identity(target, new));
    let all: std::collections::BTreeSet<&ObjectRef> = old.keys().chain(new.keys()).collect();
    let differs = |key: &ObjectRef| {
        let (before, after) = (old.get(key), new.get(key));
        let (id, _) = after.or(before)?;
        diff::object(id, before.map(|(_, body)| body), after.map(|(_, body)| body))
    };
    all.into_iter().filter_map(differs).collect()
}

/// Objects by identity, in which the version does not count: an object that moves to another one stays the same. Where a kind
/// lives is asked of nobody: both sides of a comparison would hear the same.
fn by_identity(target: Target<'_>, objects: Vec<Object>) -> BTreeMap<ObjectRef, (ObjectRef, Value)> {
    let scopes = Scopes::built_in();
    let keyed = |object: Object| {
        let id = plan::located(&object.id, target.namespace, &scopes);
        (ObjectRef { version: String::new(), ..id.clone() }, (id, object.body))
    };
    objects.into_iter().map(keyed).collect()
}
