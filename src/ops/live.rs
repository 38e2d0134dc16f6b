//! A change carried out on a running cluster, where every object is a request of its own and things take time.
//!
//! ```text
//! namespace ─► pending record ─► definitions ─► hooks before ─► objects, kind by kind ─► wait ─► hooks after ─► records
//! ```
//!
//! The namespace comes first since the record lives in it; it belongs to nobody.
//!
//! What a process that is killed leaves behind is a pending record with a lease: the next command waits for its end or
//! takes it over, and its plan starts from the objects as they are then.
//!
//! Invariant: nothing of the release is written before its pending record; whatever fails afterwards is recorded with what
//! was known about it; the lease is looked at before every change and while anything is waited for (see `run`).

use std::time::Duration;

use super::change::{self, Change, Done, GivesWay, Stopped, Target};
use super::created::Created;
use super::error::NotWritten;
use super::options::{Wait, WaitStrategy};
pub use super::run::Run;
use super::{Context, Event, ObjectEvent, OpsError, Phase};
use super::{hooks, replan};
use crate::cluster::live::{FIELD_MANAGER, Propagation, Request};
use crate::cluster::{Cluster, StoreError, Stored};
use crate::data::Value;
use crate::manifest::ObjectRef;
use crate::plan::{self, Action, Method, Plan, Step};
use crate::release::{History, Look, Summary};
use crate::sys::monotonic;
use crate::wait::{self, Change as Seen, Outcome, Readiness, Rules};

/// How many requests are sent before the lease is looked at. So many take less than what is left of it then.
const AT_A_TIME: usize = 16;
/// How long definitions may take until their kinds are served. Source: Helm.
const ESTABLISHED_WITHIN: Duration = Duration::from_secs(60);
/// A pause before a new kind is asked for again.
const ASK_AGAIN: Duration = Duration::from_millis(100);
/// How often a patch is sent again to an object that others change meanwhile.
const MOST_RACES: u32 = 5;

/// A cluster and what is done in it.
#[derive(Clone, Copy)]
pub struct Live<'a> {
    /// Events and interrupts.
    pub context: &'a Context<'a>,
    /// The store and the namespace.
    pub target: Target<'a>,
    /// The cluster behind the store.
    pub cluster: &'a dyn Cluster,
    /// What is waited for.
    pub wait: Wait,
    /// How objects are changed.
    pub method: Method,
}

/// Looks at the lease; called before every change and about once a second during a wait.
pub type Beat<'b> = &'b mut dyn FnMut() -> Result<(), OpsError>;

/// Why an operation failed, with the objects that were not as they should be.
pub struct Failed {
    /// What is told.
    pub error: OpsError,
    /// What evidence is collected about.
    pub missing: Vec<(ObjectRef, Readiness)>,
}

impl<E: Into<OpsError>> From<E> for Failed {
    fn from(error: E) -> Self {
        Failed { error: error.into(), missing: Vec::new() }
    }
}

/// Carries a change out.
///
/// # Errors
/// As [`change::carry_out`].
pub fn carry_out(live: Live<'_>, look: &Look<'_>, mut change: Change<'_>) -> Result<Done, Stopped> {
    live.context.check_interrupt("nothing was changed")?;
    if let Some(body) = &change.namespace {
        live.make_namespace(body)?;
    }
    let base = look.newest().map(Summary::base);
    let mut run = Run::begin(live, (change.release.clone(), change.middle.clone()), base.as_ref())?;
    let ours = run.record.uid().to_string();
    change::prune(live.context, look, &mut change);
    let mut plan = std::mem::take(&mut change.plan);
    let course = Course {
        old: &change.old,
        events: change.events,
        no_hooks: change.no_hooks,
        hook_failure: change.hook_failure,
        stops: change.stops_at_failed_creation,
    };
    let phases = run.define(&change).map_err(Failed::from).and_then(|()| run.phases(&mut plan, &course));
    let error = match phases {
        Ok(()) => match run.finish(change.superseded, &change.done, &change.failed) {
            Ok(release) => return Ok(Done { release, plan, hooks_not_run: Vec::new() }),
            Err(error) => error,
        },
        // Whoever took over decides what becomes of the objects.
        Err(failed) if run.is_lost() => failed.error,
        Err(failed) => {
            // What is cleaned up tells nothing any more.
            run.gather(&failed.missing);
            if change.cleanup_on_fail && run.make_sure().is_ok() {
                run.begins(Phase::CleanUp);
                std::mem::take(&mut run.created).delete(run.live);
            }
            let error = failed.error;
            run.fail(&format!("{}{error}", change.failed), &failed.missing);
            let newest = look.newest().map(|newest| newest.revision);
            let mut superseded = change.superseded;
            superseded.retain(|record| match change.gives_way {
                GivesWay::Success => false,
                GivesWay::Unwritten => {
                    matches!(error, OpsError::Objects { .. }) && Some(record.release.version) == newest
                }
                GivesWay::Always => true,
            });
            if !superseded.is_empty() && !run.is_lost() {
                change::supersede(live.context, &live.history(), superseded);
            }
            error
        }
    };
    Err(Stopped { error, ours: run.is_failed().then_some(ours) })
}

impl<'a> Live<'a> {
    /// The revisions in the namespace.
    pub(super) fn history(&self) -> History<'a> {
        self.target.history(self.context)
    }

    /// Tells that a part of the work begins.
    pub(super) fn begins(&self, release: &str, phase: Phase) {
        self.context.progress.event(Event::Phase { release: release.to_string(), phase });
    }

    /// Tells what became of an object.
    pub(super) fn told(&self, id: &ObjectRef, what: &'static str, message: impl Into<String>) {
        self.context.progress.event(Event::Object(ObjectEvent {
            id: id.clone(),
            what,
            reason: String::new(),
            message: message.into(),
            brief: String::new(),
            ready: None,
            settled: false,
            count: None,
        }));
    }

    /// Makes or changes definitions, and waits until their kinds are served.
    fn define(&self, change: &Change<'_>, beat: Beat<'_>) -> Result<(), OpsError> {
        let (server_side, force) = match self.method {
            Method::Server { force } => (true, force),
            Method::Client | Method::Replace => (false, false),
        };
        for definition in &change.definitions {
            beat()?;
            let request = definition.request(server_side, force);
            self.cluster
                .send(&request, false)
                .map_err(|source| OpsError::Definition { id: Box::new(definition.id.clone()), source })?;
            self.told(&definition.id, if definition.merged.is_some() { "configured" } else { "created" }, "");
        }
        let ids: Vec<ObjectRef> = change.definitions.iter().map(|definition| definition.id.clone()).collect();
        self.served(&ids, change.definitions.iter().map(|definition| &definition.wanted), beat)
    }

    fn make_namespace(&self, body: &Value) -> Result<(), OpsError> {
        match self.cluster.send(&Request::Create { body: body.clone() }, false) {
            Ok(_) | Err(StoreError::AlreadyExists { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Sends the requests of a plan, kind by kind. All objects are tried, but with `stops` no kind after one of which an object could
    /// not be created (as Helm's upgrade and rollback do it, and its install does not); when one fails nothing is deleted.
    fn apply(&self, plan: &Plan, stops: bool, created: &mut Created, beat: Beat<'_>) -> Result<(), OpsError> {
        let mut sent = Sent { created, done: 0, errors: Vec::new(), creation_failed: false };
        let (wanted, unwanted): (Vec<&Step>, Vec<&Step>) =
            plan.steps.iter().partition(|step| !matches!(step.action, Action::Delete | Action::Keep));
        self.adopt_fields(&wanted, beat)?;
        for group in by_kind(&wanted) {
            let done = sent.done;
            self.context.check_interrupt(&format!("{done} of {} objects were written", wanted.len()))?;
            for part in group.chunks(AT_A_TIME) {
                beat()?;
                self.send_group(part, &mut sent);
            }
            if stops && sent.creation_failed {
                break;
            }
            self.establish(group, &sent.errors, beat)?;
        }
        let done = sent.done;
        if sent.errors.is_empty() {
            for group in by_kind(&unwanted) {
                self.context
                    .check_interrupt("the new objects were written, not all old ones were deleted")?;
                for part in group.chunks(AT_A_TIME) {
                    beat()?;
                    self.send_group(part, &mut sent);
                }
            }
        }
        let Sent { errors, .. } = sent;
        if errors.is_empty() { Ok(()) } else { Err(OpsError::Objects { errors, done, total: wanted.len() }) }
    }

    /// Makes what a client-side release set its own in the sense of server-side apply, so that what the new manifest leaves
    /// out goes. Objects that this release applied before need nothing, which their bodies tell.
    fn adopt_fields(&self, wanted: &[&Step], beat: Beat<'_>) -> Result<(), OpsError> {
        if !matches!(self.method, Method::Server { .. }) {
            return Ok(());
        }
        for step in wanted.iter().filter(|step| step.live.as_ref().is_some_and(was_updated)) {
            self.context.check_interrupt("no object was changed")?;
            beat()?;
            match self.cluster.adopt_fields(&step.id) {
                Ok(_) | Err(StoreError::NotFound { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Sends the requests of steps that do not depend on each other.
    fn send_group(&self, group: &[&Step], sent: &mut Sent<'_>) {
        let requests: Vec<(&Step, Request)> =
            group.iter().filter_map(|step| Some((*step, plan::request(step, self.method)?))).collect();
        let unchanged = group.len() - requests.len();
        let (steps, requests): (Vec<&Step>, Vec<Request>) = requests.into_iter().unzip();
        sent.done += unchanged;
        let results = self.cluster.send_each(&requests, false);
        for ((step, request), result) in steps.iter().zip(&requests).zip(results) {
            let result = match (result, request) {
                (Err(conflict @ StoreError::Conflict { .. }), Request::Patch { patch, .. }) => {
                    self.patch_again(step, patch, conflict)
                }
                (result, _) => result,
            };
            match result {
                Ok(answer) => {
                    sent.done += 1;
                    let answer = answer.filter(|_| step.action == Action::Create);
                    if let Some(answer) = &answer {
                        sent.created.note(request, answer);
                    }
                    self.told(
                        answer.as_ref().map_or(&step.id, |answer| &answer.id),
                        done_word(step.action),
                        "",
                    );
                }
                Err(StoreError::NotFound { .. } | StoreError::NoKind { .. })
                    if step.action == Action::Delete =>
                {
                    sent.done += 1;
                }
                Err(error) => {
                    let error = NotWritten::new(request, step, error);
                    self.told(&step.id, "failed", error.to_string());
                    sent.errors.push(error);
                    sent.creation_failed |= step.action == Action::Create;
                }
            }
        }
    }

    /// Sends a patch again to an object that changed since it was read, when nothing changed of what the patch is about:
    /// controllers write into objects all the time.
    fn patch_again(
        &self,
        step: &Step,
        patch: &Value,
        conflict: StoreError,
    ) -> Result<Option<Stored>, StoreError> {
        let mut last = conflict;
        for _ in 0..MOST_RACES {
            let Some(now) = self.target.store.get(&step.id)? else { return Err(last) };
            let same = plan::concerns_the_same(patch, step.live.as_ref(), now.body.as_ref());
            if !same {
                return Err(last);
            }
            let expected = Some(now.resource_version);
            let request = Request::Patch { id: step.id.clone(), patch: patch.clone(), expected };
            match self.cluster.send(&request, false) {
                Err(conflict @ StoreError::Conflict { .. }) => last = conflict,
                result => return result,
            }
        }
        Err(last)
    }

    /// Deletes the objects that a plan deletes, kind by kind. All are tried.
    ///
    /// # Errors
    /// Some could not be deleted, `beat` fails, or the user interrupts.
    pub fn delete(&self, plan: &Plan, propagation: Propagation, beat: Beat<'_>) -> Result<(), OpsError> {
        let doomed: Vec<&Step> = plan.steps.iter().filter(|step| step.action == Action::Delete).collect();
        let (mut errors, mut done) = (Vec::new(), 0);
        for group in by_kind(&doomed).flat_map(|group| group.chunks(AT_A_TIME)) {
            beat()?;
            self.context.check_interrupt(&format!("{done} of {} objects were deleted", doomed.len()))?;
            let requests: Vec<Request> = group.iter().map(|step| delete(&step.id, propagation)).collect();
            for (step, result) in group.iter().zip(self.cluster.send_each(&requests, false)) {
                match result {
                    // With its definition every object of a kind goes.
                    Ok(_) | Err(StoreError::NotFound { .. } | StoreError::NoKind { .. }) => {
                        done += 1;
                        self.told(&step.id, "deleted", "");
                    }
                    Err(error) => {
                        self.told(&step.id, "failed", error.to_string());
                        errors.push(error);
                    }
                }
            }
        }
        if errors.is_empty() {
            Ok(())
        } else {
            Err(OpsError::NotDeleted { errors, done, total: doomed.len() })
        }
    }

    /// Waits for definitions among the release's own objects, since others may be of their kinds.
    fn establish(&self, group: &[&Step], errors: &[NotWritten], beat: Beat<'_>) -> Result<(), OpsError> {
        let was_refused = |id: &ObjectRef| errors.iter().any(|error| error.is(id));
        let made: Vec<ObjectRef> = group
            .iter()
            .filter(|step| step.id.kind == "CustomResourceDefinition" && step.action == Action::Create)
            .filter(|step| !was_refused(&step.id))
            .map(|step| step.id.clone())
            .collect();
        let bodies =
            group.iter().filter(|step| made.contains(&step.id)).filter_map(|step| step.body.as_ref());
        self.served(&made, bodies, beat)
    }

    /// Waits until definitions are established and their kinds can be asked for, which is a moment later.
    fn served<'b>(
        &self,
        made: &[ObjectRef],
        bodies: impl Iterator<Item = &'b Value>,
        beat: Beat<'_>,
    ) -> Result<(), OpsError> {
        let end = monotonic() + ESTABLISHED_WITHIN;
        let outcome = self.ready(made, Rules::Watcher, false, ESTABLISHED_WITHIN, &[], beat)?;
        if !outcome.is_success() {
            return Err(not_ready(&outcome));
        }
        for body in bodies {
            for served in plan::definition::served_versions(body) {
                let mut parts = served.splitn(3, '/');
                let (Some(group), Some(version), Some(kind)) = (parts.next(), parts.next(), parts.next())
                else {
                    continue;
                };
                while self.cluster.kind(group, version, kind)?.is_none() && monotonic() < end {
                    self.context.check_interrupt("the wait for a new kind was cut short")?;
                    std::thread::sleep(ASK_AGAIN);
                }
            }
        }
        Ok(())
    }

    /// Waits until objects are ready, telling what happens; `before` has those that were changed as they were. `beat` is
    /// called about once a second.
    ///
    /// # Errors
    /// The cluster cannot be asked, `beat` fails, or the user interrupts.
    pub fn ready(
        &self,
        ids: &[ObjectRef],
        rules: Rules,
        jobs: bool,
        timeout: Duration,
        before: &[(ObjectRef, Value)],
        beat: Beat<'_>,
    ) -> Result<Outcome, OpsError> {
        let clock = &self.context.host.clock;
        let terms = wait::Terms { rules, jobs, hook: false, timeout, clock, before };
        self.watch(beat, |heard| wait::until_ready(self.target.store, self.cluster, ids, &terms, heard))
    }

    /// Runs a wait, with its events told and an interrupt looked for.
    ///
    /// # Errors
    /// As [`Live::ready`].
    pub fn watch(
        &self,
        beat: Beat<'_>,
        wait: impl FnOnce(&mut dyn FnMut(Option<Seen>) -> bool) -> Result<Outcome, StoreError>,
    ) -> Result<Outcome, OpsError> {
        let mut broken = None;
        let outcome = wait(&mut |change| {
            match change {
                Some(change) => self.context.progress.event(Event::Object(ObjectEvent::of(&change))),
                None => self.context.progress.beat(),
            }
            let fine =
                self.context.check_interrupt("the wait for the objects was cut short").and_then(|()| beat());
            broken = fine.err();
            broken.is_none()
        });
        match broken {
            Some(error) => Err(error),
            None => Ok(outcome?),
        }
    }

    /// Waits until objects are gone.
    ///
    /// # Errors
    /// As [`Live::ready`].
    pub fn gone(&self, ids: &[ObjectRef], timeout: Duration, beat: Beat<'_>) -> Result<Outcome, OpsError> {
        self.watch(beat, |heard| wait::until_gone(self.cluster, ids, timeout, heard))
    }
}

impl Run<'_> {
    /// Makes the definitions of a change.
    fn define(&mut self, change: &Change<'_>) -> Result<(), OpsError> {
        if change.definitions.is_empty() {
            return Ok(());
        }
        self.begins(Phase::Definitions);
        let live = self.live;
        live.define(change, &mut || self.make_sure())
    }

    fn phases(&mut self, plan: &mut Plan, course: &Course<'_>) -> Result<(), Failed> {
        let &Course { old, no_hooks, hook_failure, stops, .. } = course;
        let [before, after] = course.events else { return Ok(()) };
        if !no_hooks && hooks::any(&self.record.release, *before) {
            hooks::run(self, *before, hook_failure)?;
            replan::again(self.live, &self.record.release, old, plan)?;
        }
        self.begins(Phase::Apply);
        let (live, mut created) = (self.live, std::mem::take(&mut self.created));
        let applied = live.apply(plan, stops, &mut created, &mut || self.make_sure());
        self.created = created;
        change::tell_warnings(self.live.context, self.live.target);
        applied?;
        self.wait_for(plan)?;
        if !no_hooks {
            hooks::run(self, *after, hook_failure)?;
        }
        Ok(())
    }

    /// Waits for the objects of a plan, when that is wanted.
    fn wait_for(&mut self, plan: &Plan) -> Result<(), Failed> {
        let rules = match self.live.wait.strategy {
            WaitStrategy::HookOnly => return Ok(()),
            WaitStrategy::Watcher => Rules::Watcher,
            WaitStrategy::Legacy => Rules::Legacy,
        };
        let ids: Vec<ObjectRef> = plan
            .steps
            .iter()
            .filter(|step| !matches!(step.action, Action::Delete | Action::Keep))
            .filter(|step| !step.id.name.is_empty())
            .filter(|step| !step.body.as_ref().is_some_and(|body| wait::is_paused(&step.id, body)))
            .map(|step| step.id.clone())
            .chain(self.created.named_by_server(plan))
            .collect();
        let changed = |step: &&Step| {
            step.id.kind == "Deployment" && matches!(step.action, Action::Update | Action::Adopt)
        };
        let before: Vec<(ObjectRef, Value)> = plan
            .steps
            .iter()
            .filter(changed)
            .filter_map(|step| Some((step.id.clone(), step.live.clone()?)))
            .collect();
        let (live, jobs, timeout) = (self.live, self.live.wait.jobs, self.live.wait.limit());
        self.begins(Phase::Wait);
        let outcome = live.ready(&ids, rules, jobs, timeout, &before, &mut || self.keep_lease())?;
        if outcome.is_success() {
            return Ok(());
        }
        Err(Failed { error: not_ready(&outcome), missing: outcome.missing })
    }
}

/// What came of requests so far.
struct Sent<'c> {
    /// How many objects are as they should be.
    done: usize,
    errors: Vec<NotWritten>,
    creation_failed: bool,
    created: &'c mut Created,
}

/// How an operation runs.
struct Course<'a> {
    /// The manifests that its plan was made of.
    old: &'a str,
    /// Before and after.
    events: &'a [crate::manifest::Event],
    no_hooks: bool,
    hook_failure: fn(crate::manifest::Event) -> String,
    /// Whether objects after one that cannot be created are left alone.
    stops: bool,
}

fn delete(id: &ObjectRef, propagation: Propagation) -> Request {
    Request::Delete { id: id.clone(), propagation, uid: None }
}

/// Consecutive steps of one kind.
fn by_kind<'s, 'p>(steps: &'s [&'p Step]) -> impl Iterator<Item = &'s [&'p Step]> {
    steps.chunk_by(|one, two| (&one.id.group, &one.id.kind) == (&two.id.group, &two.id.kind))
}

/// Whether fields of an object were set by client-side apply under the name that releases use.
fn was_updated(live: &Value) -> bool {
    let entries = live.path(["metadata", "managedFields"]).and_then(Value::as_list).unwrap_or_default();
    entries.iter().any(|entry| {
        let text = |field: &str| entry.get(field).and_then(Value::as_str).unwrap_or("");
        text("manager") == FIELD_MANAGER && text("operation") == "Update" && text("subresource").is_empty()
    })
}

fn done_word(action: Action) -> &'static str {
    match action {
        Action::Create => "created",
        Action::Update => "configured",
        Action::Adopt => "adopted",
        Action::Delete => "deleted",
        Action::Unchanged | Action::Keep => "unchanged",
    }
}

/// The error of a wait that did not end well. Source of the lines: Helm.
pub fn not_ready(outcome: &Outcome) -> OpsError {
    let lines = outcome.missing.iter().map(|(id, readiness)| {
        format!("resource {id} not ready. status: {}, message: {}", readiness.word(), readiness.message())
    });
    OpsError::NotReady {
        lines: lines.collect(),
        troubles: outcome.troubles.clone(),
        timed_out: outcome.timed_out,
    }
}

/// The same for objects that should be gone.
pub fn still_there(outcome: &Outcome) -> OpsError {
    let lines = outcome.missing.iter().map(|(id, readiness)| {
        format!("resource {id} still exists. status: {}, message: {}", readiness.word(), readiness.message())
    });
    OpsError::NotReady { lines: lines.collect(), troubles: Vec::new(), timed_out: outcome.timed_out }
}
