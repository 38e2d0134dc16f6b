//! One change of a release, from the plan to the last record: what install, upgrade and rollback share.
//!
//! ```text
//! clear the way (lease) ─► plan ─► pending record ─► [crds] ─► objects + final records
//! ```
//!
//! In a running cluster the last part takes its own way: see `live`.
//!
//! In a store that runs nothing and writes batches as one, objects and final records are a single batch: a process killed
//! at any moment leaves either the pending record of an operation that changed nothing else, or the finished change.
//!
//! Invariant: the pending record is written before the first object, and the records of other revisions change only
//! together with the one that takes their place.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Duration;

use super::ahead::{self, Ahead};
use super::crds::Definition;
use super::live::{self, Live};
use super::options::{Wait, WaitStrategy};
use super::pipeline::Crd;
use super::{Context, OpsError};
use crate::cluster::{Query, Sought, Store, Stored, Write, check_possible, ownership};
use crate::data::Value;
use crate::diag::SourceFile;
use crate::manifest::{self, Event, Object, ObjectRef};
use crate::plan::{self, Action, Plan, PlanError, Scopes};
use crate::release::codec::Middle;
use crate::release::{
    self, Driver, History, Holder, Look, Record, Release, ReleaseError, Status, Summary, Terms, lock,
};

/// A store with what a verb needs to work on its releases.
#[derive(Clone, Copy)]
pub struct Target<'a> {
    /// The store.
    pub store: &'a dyn Store,
    /// Namespace of the release.
    pub namespace: &'a str,
    /// Where the records are: the same store, except for the driver that keeps them in memory.
    pub records: &'a dyn Store,
    /// As which kind of object they are kept.
    pub driver: Driver,
}

impl<'a> Target<'a> {
    /// A store that has its records as Secrets.
    pub fn new(store: &'a dyn Store, namespace: &'a str) -> Self {
        Target { store, namespace, records: store, driver: Driver::default() }
    }

    /// The revisions in the namespace.
    pub fn history(&self, context: &Context<'a>) -> History<'a> {
        History {
            store: self.records,
            driver: self.driver,
            namespace: self.namespace,
            clock: &context.host.clock,
        }
    }
}

/// How long a wait for somebody else goes on before an interrupt is looked for.
const LOOK: Duration = Duration::from_millis(250);

/// Waits until nothing is under way on a release, and tells what was taken over. Returns the look at the release that showed
/// so. `over_unheld` is of [`Terms`].
///
/// # Errors
/// Somebody holds it when the wait is over, or the user interrupts the wait.
pub fn clear_the_way<'h>(
    context: &Context<'_>,
    history: &History<'h>,
    name: &str,
    wait: Option<Duration>,
    over_unheld: bool,
) -> Result<Look<'h>, OpsError> {
    let holder = Holder::of(context.host);
    let start = crate::sys::monotonic();
    let watched = RefCell::default();
    let (taken, look) = loop {
        context.check_interrupt("nothing was changed")?;
        let left = wait.unwrap_or_default().saturating_sub(start.elapsed());
        let watched = Some(&watched);
        let terms = Terms { wait: left.min(LOOK), over_unheld, watched, ..Terms::new(&holder) };
        match lock::clear_and_look(history, name, &terms) {
            Ok(cleared) => break cleared,
            Err(ReleaseError::Held { .. } | ReleaseError::InProgress { .. }) if !left.is_zero() => {}
            Err(error) => return Err(error.into()),
        }
    };
    if let Some(taken) = taken {
        context.warn(format!(
            "revision {} of {name} was {}: {}",
            taken.revision, taken.status, taken.description
        ));
    }
    if let Some(newest) = look.newest().filter(|newest| newest.status.is_pending() && newest.lease.is_none())
    {
        context.warn(format!(
            "revision {} of {name} is {}, and its record names no holder (Helm made it): going on over it",
            newest.revision, newest.status
        ));
    }
    Ok(look)
}

/// The newest revision that can be read, to go on from; `None` when there is no revision. Newer ones that cannot be read are
/// told.
///
/// # Errors
/// There are revisions, and none can be read; the store cannot be read.
pub fn last(context: &Context<'_>, look: &mut Look<'_>) -> Result<Option<Record>, OpsError> {
    let Some((record, damaged)) = look.last_readable()? else { return Ok(None) };
    for error in damaged {
        context.warn(format!("{error}; going on from revision {}", record.release.version));
    }
    Ok(Some(record))
}

/// Looks at a release before an operation on it. One that is going to be carried out waits until nothing else is under way; a dry run
/// takes the release as it is.
///
/// # Errors
/// As [`clear_the_way`]; the store cannot be read.
pub fn look<'a>(
    context: &Context<'a>,
    target: Target<'a>,
    name: &str,
    dry: bool,
    wait: Option<Duration>,
    over_unheld: bool,
) -> Result<Look<'a>, OpsError> {
    target.store.prepare();
    let history = target.history(context);
    if dry { Ok(history.look(name)?) } else { clear_the_way(context, &history, name, wait, over_unheld) }
}

/// Does some work, and tells what the cluster warned of meanwhile.
pub fn telling<T>(context: &Context<'_>, target: Target<'_>, work: impl FnOnce() -> T) -> T {
    let done = work();
    tell_warnings(context, target);
    done
}

/// Tells what the cluster warned of since this was last asked.
pub(super) fn tell_warnings(context: &Context<'_>, target: Target<'_>) {
    for warning in target.store.cluster().map(crate::cluster::Cluster::warnings).unwrap_or_default() {
        context.warn(warning);
    }
}

/// Decides on an operation by a look at its release. Nothing is written.
///
/// # Errors
/// It is no name of a release; the store cannot be read; what deciding fails with.
pub fn decided<'a, T>(
    context: &Context<'a>,
    target: Target<'a>,
    name: &str,
    decide: impl FnOnce(&mut Look<'a>) -> Result<T, OpsError>,
) -> Result<T, OpsError> {
    manifest::check_release(name)?;
    telling(context, target, || decide(&mut look(context, target, name, true, None, false)?))
}

/// Runs an operation, again when somebody else was faster, until the time to wait is over. The operation gets what is left
/// of that time.
///
/// # Errors
/// What the operation fails with.
pub fn in_turn<T>(
    context: &Context<'_>,
    wait: Option<Duration>,
    mut operation: impl FnMut(Option<Duration>) -> Result<T, OpsError>,
) -> Result<T, OpsError> {
    let start = crate::sys::monotonic();
    let left = || wait.map(|wait| wait.saturating_sub(start.elapsed())).filter(|left| !left.is_zero());
    loop {
        match operation(left()) {
            Err(OpsError::Release(error))
                if left().is_some() && (error.is_race() || matches!(error, ReleaseError::Held { .. })) =>
            {
                context.debug(format!("{error}; waiting for another turn"));
            }
            result => return result,
        }
    }
}

/// The manifests of the objects that are there: that of the last revision, and when it is not the deployed one, those of
/// all revisions down to the one that was deployed last, since each operation that failed may have made some of its objects and
/// have left others as they were.
///
/// # Errors
/// The records cannot be read.
pub fn live_manifest(look: &Look<'_>, last: &Release) -> Result<String, OpsError> {
    let mut manifest = last.manifest.clone();
    if matches!(last.info.status, Status::Deployed | Status::Uninstalled) {
        return Ok(manifest);
    }
    let is_deployed_below =
        |revision: u64| look.states().any(|row| row.revision < revision && row.status == Status::Deployed);
    for row in look.states().rev().filter(|row| row.revision < last.version) {
        match row.status {
            Status::Uninstalled => break,
            Status::Unknown => continue,
            _ => {
                let record = look.history().get_readable(&last.name, row.revision)?;
                manifest.extend(record.map(|record| record.release.manifest));
            }
        }
        // A superseded one was deployed as a whole before those that failed: a rollback that fails lets it go.
        let was_deployed = match row.status {
            Status::Deployed => true,
            Status::Superseded => !is_deployed_below(row.revision),
            _ => false,
        };
        if was_deployed {
            break;
        }
    }
    Ok(manifest)
}

/// What a change does to the objects.
pub struct Wanted<'a> {
    /// Name of the release.
    pub name: &'a str,
    /// The manifest that is current now; empty for an install.
    pub old: &'a str,
    /// What was found out about it before.
    pub ahead: Option<Ahead>,
    /// The objects that are wanted, in install order.
    pub new: &'a [Object],
    /// Definitions that will be in the store before the objects: they say where custom kinds live.
    pub definitions: &'a [Object],
    /// Adopt objects of others.
    pub take_ownership: bool,
    /// Replace objects instead of merging.
    pub replace: bool,
    /// Whether drift in objects of custom kinds is set back, as a server that merges does it.
    pub set_back: bool,
    /// `install` or `update`, for messages.
    pub verb: &'static str,
}

/// Whether an operation sets drift in objects of custom kinds back: where the server merges.
pub fn sets_back(target: Target<'_>, server_side: bool) -> bool {
    server_side && target.store.cluster().is_some()
}

/// Plans a change against the live objects.
///
/// # Errors
/// An object belongs to somebody else, or the store cannot be read.
pub fn plan(context: &Context<'_>, target: Target<'_>, wanted: Wanted<'_>) -> Result<Plan, OpsError> {
    // A client that creates may leave a name to the server. Nobody finds the object again by its manifest. Source: Helm.
    let creates = wanted.verb == "install" && !wanted.set_back && target.store.cluster().is_some();
    let new = if creates { objects_or_prefixes(wanted.new)? } else { objects(wanted.new)? };
    let Ahead { mut old, live } = match wanted.ahead {
        Some(ahead) => ahead,
        None => Ahead { old: ahead::old_objects(wanted.name, wanted.old)?, ..Ahead::default() },
    };
    let scopes = scopes(target.store, new.iter().chain(wanted.definitions))?;
    let scopes = served_only(context, target.store, &mut old, scopes)?;
    let input = plan::Input {
        release: wanted.name,
        namespace: target.namespace,
        old: &old,
        new: &new,
        take_ownership: wanted.take_ownership,
        replace: wanted.replace,
        scopes: &scopes,
        uninstall: false,
        set_back: wanted.set_back,
    };
    let plan = make(target.store, &input, live).map_err(|broken| broken.told(wanted.verb))?;
    for warning in &plan.warnings {
        context.warn(warning.clone());
    }
    Ok(plan)
}

/// Makes a plan against the live objects, which are all asked for before, but for those that are `known`.
pub(super) fn make(
    store: &dyn Store,
    input: &plan::Input<'_>,
    known: BTreeMap<ObjectRef, Option<Stored>>,
) -> Result<Plan, Broken> {
    let at = |object: &Object| plan::located(&object.id, input.namespace, input.scopes);
    // Nothing is begun that is known to fail.
    let possible = |object: &Object| {
        let checked = check_possible(&at(object), &object.body);
        checked.map_err(|error| error.made_by(&object.source))
    };
    let named = || input.new.iter().filter(|object| !object.id.name.is_empty());
    named().try_for_each(possible).map_err(Broken::Store)?;
    // What the old manifests gave is there as they gave it; of what only the new one has nothing is known.
    let old = input.old.iter().map(|object| Sought { id: at(object), labels: labels_given(&object.body) });
    let new = named().map(|object| Sought { id: at(object), labels: BTreeMap::new() });
    let mut sought: Vec<Sought> = old.chain(new).collect();
    sought.sort_by(|one, two| one.id.cmp(&two.id));
    sought.dedup_by(|one, two| one.id.same_object(&two.id));
    // A kind that is defined by this very change has no objects yet.
    sought.retain(|sought| input.scopes.is_served(&sought.id.group, &sought.id.kind));
    // In another version an object may look different, and is asked for again.
    sought.retain(|sought| !known.contains_key(&sought.id));
    let found = store.find_each(&sought).map_err(Broken::Store)?;
    let found = known.iter().chain(sought.iter().map(|sought| &sought.id).zip(&found));
    let live: BTreeMap<(&str, &str, &str, &str), &Stored> =
        found.filter_map(|(id, stored)| Some((key(id), stored.as_ref()?))).collect();
    plan::make(input, |id| Ok(live.get(&key(id)).map(|stored| (*stored).clone())))
}

/// The labels that an object of a manifest gets when it is written for a release.
pub(super) fn labels_given(body: &Value) -> BTreeMap<String, String> {
    let own = body.path(["metadata", "labels"]).and_then(Value::as_map);
    let text =
        |(key, value): (&std::sync::Arc<str>, &Value)| Some((key.to_string(), value.as_str()?.to_string()));
    let mut labels: BTreeMap<String, String> = own.into_iter().flatten().filter_map(text).collect();
    labels.insert(ownership::MANAGED_BY.to_string(), ownership::MANAGED_BY_HELM.to_string());
    labels
}

fn key(id: &ObjectRef) -> (&str, &str, &str, &str) {
    (&id.group, &id.kind, &id.namespace, &id.name)
}

/// Leaves out the old objects whose kinds the cluster no longer serves: they are gone, and no reason to stop; and those that the
/// server named, which nobody can find.
pub(super) fn served_only(
    context: &Context<'_>,
    store: &dyn Store,
    old: &mut Vec<Object>,
    mut scopes: Scopes,
) -> Result<Scopes, OpsError> {
    let Some(cluster) = store.cluster() else {
        for object in old.iter() {
            scopes.learn(&object.body);
        }
        return Ok(scopes);
    };
    let mut served = Vec::with_capacity(old.len());
    for object in old.drain(..) {
        let id = &object.id;
        if id.name.is_empty() {
            context.warn(format!(
                "a {} of the last revision has a name that the cluster made ({}): it is left alone, since no record has that name",
                id.kind, object.source
            ));
            continue;
        }
        match cluster.kind(&id.group, &id.version, &id.kind)? {
            Some(kind) => {
                scopes.learn_served(&id.group, &id.kind, kind.namespaced);
                served.push(object);
            }
            None if scopes.is_known(&id.group, &id.kind) => served.push(object),
            None => context.warn(format!(
                "{} of the last revision is of a kind that the cluster no longer serves ({}); it is passed over",
                id,
                id.api_version()
            )),
        }
    }
    *old = served;
    Ok(scopes)
}

/// What planning can fail with: the plan itself, or reading.
pub(super) enum Broken {
    Plan(PlanError),
    Store(crate::cluster::StoreError),
}

impl From<PlanError> for Broken {
    fn from(error: PlanError) -> Self {
        Broken::Plan(error)
    }
}

impl Broken {
    pub(super) fn told(self, verb: &'static str) -> OpsError {
        match self {
            Broken::Plan(source) => OpsError::Plan { verb, source },
            Broken::Store(error) => error.into(),
        }
    }
}

/// The objects that a store has to hold for some documents: lists become their items, comments nothing.
///
/// # Errors
/// A document has no API version, kind or name, so that no cluster could take it.
pub(super) fn objects(documents: &[Object]) -> Result<Vec<Object>, OpsError> {
    let all = objects_or_prefixes(documents)?;
    all.iter().try_for_each(|object| check_object(object, false))?;
    Ok(all)
}

/// The same, with those that have only the beginning of a name (`generateName`).
///
/// # Errors
/// As [`objects`].
pub(super) fn objects_or_prefixes(documents: &[Object]) -> Result<Vec<Object>, OpsError> {
    let documents = documents.iter().filter(|document| !document.is_comment());
    let all: Vec<Object> = documents.flat_map(Object::expand).collect();
    all.iter().try_for_each(|object| check_object(object, true))?;
    Ok(all)
}

/// The same without those: what a store can be asked for.
///
/// # Errors
/// As [`objects`].
pub(super) fn findable(documents: &[Object]) -> Result<Vec<Object>, OpsError> {
    let mut all = objects_or_prefixes(documents)?;
    all.retain(|object| !object.id.name.is_empty());
    Ok(all)
}

fn check_object(object: &Object, or_prefix: bool) -> Result<(), OpsError> {
    let id = &object.id;
    let prefix = object.body.path(["metadata", "generateName"]).and_then(Value::as_str).unwrap_or("");
    let missing = match () {
        () if id.version.is_empty() => "apiVersion not set",
        () if id.kind.is_empty() => "Object 'Kind' is missing",
        () if id.name.is_empty() && (!or_prefix || prefix.is_empty()) => "resource name may not be empty",
        () => return Ok(()),
    };
    Err(OpsError::refused_with(
        format!(
            "unable to build kubernetes objects from release manifest: error validating \"\": error validating data: \
             {missing} ({}, document at line {})",
            object.source, object.line
        ),
        "nothing was changed; give the object apiVersion, kind and metadata.name in its template",
    ))
}

/// Which kinds live in a namespace, by the definitions in the store and in the manifest itself.
pub(super) fn scopes<'o>(
    store: &dyn Store,
    objects: impl Iterator<Item = &'o Object>,
) -> Result<Scopes, OpsError> {
    let mut scopes = Scopes::built_in();
    if let Some(cluster) = store.cluster() {
        let objects: Vec<&Object> = objects.collect();
        for object in &objects {
            scopes.learn(&object.body);
        }
        for object in objects {
            let id = &object.id;
            match cluster.kind(&id.group, &id.version, &id.kind)? {
                Some(kind) => scopes.learn_served(&id.group, &id.kind, kind.namespaced),
                None if scopes.is_known(&id.group, &id.kind) => {}
                None => return Err(no_kind(object)),
            }
        }
        return Ok(scopes);
    }
    let definitions = Query {
        group_kind: Some(("apiextensions.k8s.io".to_string(), "CustomResourceDefinition".to_string())),
        ..Query::default()
    };
    for stored in store.list(&definitions)? {
        scopes.learn(stored.body.as_ref().unwrap_or(&Value::Null));
    }
    objects.for_each(|object| scopes.learn(&object.body));
    Ok(scopes)
}

/// The text begins as Helm's.
fn no_kind(object: &Object) -> OpsError {
    let (kind, api_version) = (object.id.kind.clone(), object.id.api_version());
    OpsError::refused_with(
        format!(
            "unable to build kubernetes objects from release manifest: resource mapping not found for name: {:?} \
             namespace: {:?} from \"\": no matches for kind {kind:?} in version {api_version:?} ({}, document at line {})",
            object.id.name, object.id.namespace, object.source, object.line
        ),
        "nothing was changed; install the CustomResourceDefinition first (crds/ of a chart is the place for it), or use an \
         API version that the cluster serves",
    )
}

/// The objects of crds/.
///
/// # Errors
/// A file is not YAML.
pub fn crd_objects(crds: &[Crd]) -> Result<Vec<Object>, OpsError> {
    let mut found = Vec::new();
    for crd in crds {
        let file = SourceFile::new(std::sync::Arc::clone(&crd.name), crd.file.text().as_ref());
        let rendered = manifest::Manifest::from_rendered(&[file])?;
        found.extend(objects(&rendered.objects)?);
    }
    Ok(found)
}

/// How objects of a running cluster are changed.
///
/// # Errors
/// The flags contradict each other. The texts are Helm's.
pub fn method(server_side: bool, replace: bool, force_conflicts: bool) -> Result<plan::Method, OpsError> {
    match (server_side, replace, force_conflicts) {
        (true, true, _) => Err(OpsError::refused_with(
            "invalid operation: cannot use server-side apply and force replace together",
            "nothing was changed; add --server-side=false, or leave --force-replace out",
        )),
        (false, _, true) => Err(OpsError::refused_with(
            "forceConflicts enabled when serverSideApply disabled",
            "nothing was changed; fields have managers only with --server-side",
        )),
        (true, false, force) => Ok(plan::Method::Server { force }),
        (false, true, false) => Ok(plan::Method::Replace),
        (false, false, false) => Ok(plan::Method::Client),
    }
}

/// The writes of a plan, in its order.
pub fn plan_writes(plan: &Plan) -> Vec<Write> {
    plan.writes()
        .filter_map(|step| match (step.action, &step.body) {
            (Action::Create, Some(body)) => Some(Write::Create { body: body.clone() }),
            (Action::Update | Action::Adopt, Some(body)) => {
                Some(Write::Replace { body: body.clone(), expected: step.expected })
            }
            (Action::Delete, _) => Some(Write::Delete { id: step.id.clone(), expected: step.expected }),
            _ => None,
        })
        .collect()
}

/// When old revisions give way to a new one. Source: Helm's three operations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GivesWay {
    /// When it succeeds: an upgrade keeps the deployed revision until then.
    Success,
    /// The newest one also when not all objects of a rollback could be written in a running cluster: it is not what runs there
    /// any more. An older one stays the deployed one that the next change starts from, as with Helm.
    Unwritten,
    /// Whatever comes of it: the revision was uninstalled before an install took its name.
    Always,
}

/// A change that is ready to be carried out.
pub struct Change<'a> {
    /// The new revision, in its pending state.
    pub release: Release,
    /// What was made of its payload before.
    pub middle: Middle,
    /// What it does to objects.
    pub plan: Plan,
    /// Definitions to create or change before everything else.
    pub definitions: Vec<Definition>,
    /// The namespace to make first.
    pub namespace: Option<Value>,
    /// How objects of a running cluster are changed.
    pub method: plan::Method,
    /// How the message of a failed hook begins.
    pub hook_failure: fn(Event) -> String,
    /// Keep at most this many revisions; 0 keeps all.
    pub history_max: usize,
    /// The manifests that the plan was made of, as [`live_manifest`] has them: hooks that run before it may change what is there.
    pub old: String,
    /// Leave the objects of later kinds alone when one cannot be created.
    pub stops_at_failed_creation: bool,
    /// Delete what was created when the change fails.
    pub cleanup_on_fail: bool,
    /// When the superseded revisions give way.
    pub gives_way: GivesWay,
    /// Revisions that are superseded by this one.
    pub superseded: Vec<Record>,
    /// Events whose hooks would run, before and after.
    pub events: &'a [Event],
    /// Leave hooks out.
    pub no_hooks: bool,
    /// Text of the record when it succeeds.
    pub done: String,
    /// Text of the record when it fails, before the reason: `Release "r" failed: `.
    pub failed: String,
    /// What is waited for where objects run; a store that runs nothing says that it does not.
    pub wait: Wait,
}

/// What came of a change.
#[derive(Debug, Clone)]
pub struct Done {
    /// The revision as recorded.
    pub release: Release,
    /// What happened to each object.
    pub plan: Plan,
    /// Hooks that were recorded and not run, since the store runs nothing.
    pub hooks_not_run: Vec<String>,
}

/// Why a change came to nothing.
pub struct Stopped {
    /// What is told.
    pub error: OpsError,
    /// The uid of the record that it made, when that says that it failed: what may be undone.
    pub ours: Option<String>,
}

impl<E: Into<OpsError>> From<E> for Stopped {
    fn from(error: E) -> Self {
        Stopped { error: error.into(), ours: None }
    }
}

/// Carries a change out. `look` is what it was decided on.
///
/// # Errors
/// Somebody was faster, the store refuses a write, or the user interrupts. The new revision is then recorded as failed;
/// when even that cannot be written it stays pending, and the next command takes it over.
pub fn carry_out(
    context: &Context<'_>,
    target: Target<'_>,
    look: &Look<'_>,
    mut change: Change<'_>,
) -> Result<Done, Stopped> {
    if let Some(cluster) = target.store.cluster() {
        let live = Live { context, target, cluster, wait: change.wait, method: change.method };
        return live::carry_out(live, look, change);
    }
    let history = target.history(context);
    let holder = Holder::of(context.host);
    context.check_interrupt("nothing was changed")?;
    let (base, release) = (look.newest().map(Summary::base), (change.release.clone(), change.middle.clone()));
    let mut record = lock::acquire_on(&history, release, base.as_ref(), &Terms::new(&holder))?;
    let ours = record.uid().to_string();
    prune(context, look, &mut change);
    let hooks_not_run = hooks_not_run(context, target.store, &record.release, change.events, change.no_hooks);
    if change.wait.strategy != WaitStrategy::HookOnly {
        context.warn(format!("nothing was waited for: {} runs nothing", target.store.describe()));
    }
    let mut writes: Vec<Write> = change.namespace.map(|body| Write::Create { body }).into_iter().collect();
    writes.extend(change.definitions.iter().map(Definition::write));
    writes.extend(plan_writes(&change.plan));
    let finished = context.check_interrupt("no object was changed").and_then(|()| {
        finish(context, &history, (&mut record, change.superseded.clone()), writes, &change.done)
    });
    let error = match finished {
        Ok(()) => return Ok(Done { release: record.release, plan: change.plan, hooks_not_run }),
        Err(error @ OpsError::Release(ReleaseError::Lost { .. })) => return Err(error.into()),
        Err(error) => error,
    };
    let is_recorded = record_failure(context, &history, &mut record, &format!("{}{error}", change.failed));
    if change.gives_way == GivesWay::Always {
        supersede(context, &history, change.superseded);
    }
    Err(Stopped { error, ours: is_recorded.then_some(ours) })
}

/// Makes room for a revision that is there by now. Old ones that cannot be deleted are no reason to give it up.
pub(super) fn prune(context: &Context<'_>, look: &Look<'_>, change: &mut Change<'_>) {
    match look.prune(change.history_max) {
        // What a killed process left deployed may be among them.
        Ok(pruned) => change.superseded.retain(|record| !pruned.contains(&record.release.version)),
        Err(error) => context.warn(format!("the history keeps more revisions than it should: {error}")),
    }
}

/// Records that revisions gave way. Should that fail, the next command finds them as they were.
pub(super) fn supersede(context: &Context<'_>, history: &History<'_>, mut revisions: Vec<Record>) {
    for record in &mut revisions {
        let revision = record.release.version;
        give_way(record);
        match history.save_again(&mut [record], Vec::new()) {
            // One that is gone needs no other state.
            Ok(_) | Err(ReleaseError::NotFound { .. }) => {}
            Err(error) => {
                context.warn(format!("revision {revision}, which was to give way, stays as it was: {error}"));
            }
        }
    }
}

fn give_way(record: &mut Record) {
    record.release.info.status = Status::Superseded;
    record.lease = None;
}

/// Writes the objects and the final records of a revision that is deployed now, and of those that give way to it.
pub(super) fn finish(
    context: &Context<'_>,
    history: &History<'_>,
    (record, superseded): (&mut Record, Vec<Record>),
    writes: Vec<Write>,
    description: &str,
) -> Result<(), OpsError> {
    let before = record.clone();
    record.release.info.status = Status::Deployed;
    record.release.info.description = description.to_string();
    record.lease = None;
    let closed = close(context, history, (record, superseded), writes);
    if closed.is_err() {
        record.release = before.release;
        record.lease = before.lease;
    }
    closed
}

/// Writes objects, a record as it is now, and those that give way: as one batch where the store can, else first the record, after
/// which nothing makes the operation fail any more.
pub(super) fn close(
    context: &Context<'_>,
    history: &History<'_>,
    (record, mut superseded): (&mut Record, Vec<Record>),
    writes: Vec<Write>,
) -> Result<(), OpsError> {
    superseded.iter_mut().for_each(give_way);
    let at_once = history.store.capabilities().atomic_batches;
    loop {
        let others = superseded.iter_mut().filter(|_| at_once);
        let mut records: Vec<&mut Record> = std::iter::once(&mut *record).chain(others).collect();
        let Err(error) = history.save_again(&mut records, writes.clone()) else { break };
        // A revision that others deleted or changed need not give way.
        let other = error.of_record().filter(|_| at_once);
        let Some(at) = superseded.iter().position(|old| Some(old.release.version) == other) else {
            let release = &record.release;
            return Err(lock::told_lost(history, &release.name, release.version, error).into());
        };
        let old = superseded.remove(at).release.version;
        context.warn(format!("revision {old}, which was to give way, stays as it is: {error}"));
    }
    if !at_once {
        supersede(context, history, superseded);
    }
    Ok(())
}

/// Records that an operation failed, and returns whether it is recorded. A store that cannot even take that keeps the pending record,
/// whose lease ends.
pub(super) fn record_failure(
    context: &Context<'_>,
    history: &History<'_>,
    record: &mut Record,
    description: &str,
) -> bool {
    record.release.info.status = Status::Failed;
    record.release.info.description = description.to_string();
    let released = lock::release(history, record);
    if let Err(error) = &released {
        context.warn(format!(
            "the failure could not be recorded ({error}); the next command takes revision {} of {} over",
            record.release.version, record.release.name
        ));
    }
    released.is_ok()
}

/// Names the hooks of some events that a store which runs nothing leaves alone, and says so.
pub(super) fn hooks_not_run(
    context: &Context<'_>,
    store: &dyn Store,
    release: &Release,
    events: &[Event],
    no_hooks: bool,
) -> Vec<String> {
    if no_hooks || store.capabilities().runs_workloads {
        return Vec::new();
    }
    let runs = |hook: &&release::Hook| {
        events.iter().any(|event| hook.events.iter().any(|name| name == event.name()))
    };
    let names: Vec<String> =
        release.hooks.iter().filter(runs).map(|hook| format!("{}/{}", hook.kind, hook.name)).collect();
    if !names.is_empty() {
        context.warn(format!(
            "{} recorded and not run ({}): {} runs nothing",
            crate::diag::plural(names.len(), "hook"),
            names.join(", "),
            store.describe()
        ));
    }
    names
}

/// The text that begins the record of a failure: `Release "r" failed: `.
pub fn failure_text(operation: &str, name: &str) -> String {
    format!("{operation} \"{name}\" failed: ")
}
