//! A change carried out on a running cluster, where every object is a request of its own and things take time.
//!
//! ```text
//! definitions ─► namespace ─► pending record ─► hooks before ─► objects, kind by kind ─► wait ─► hooks after ─► records
//! ```
//!
//! What a process that is killed leaves behind is a pending record with a lease: the next command waits for its end or
//! takes it over, and its plan starts from the objects as they are then.
//!
//! Invariant: nothing of the release is written before its pending record; whatever fails afterwards is recorded with what
//! was known about it; the lease is renewed while anything is waited for.

use std::time::{Duration, Instant};

use super::change::{self, Change, Done, GivesWay, Target};
use super::created::Created;
use super::error::NotWritten;
use super::options::{Wait, WaitStrategy};
use super::{Context, Event, ObjectEvent, OpsError, Phase};
use super::{hooks, replan};
use crate::cluster::live::{FIELD_MANAGER, Propagation, Request};
use crate::cluster::{Cluster, StoreError, Stored};
use crate::data::Value;
use crate::manifest::ObjectRef;
use crate::plan::{self, Action, Method, Plan, Step};
use crate::release::codec::Middle;
use crate::release::{History, Holder, Record, Release, Status, Terms, lock};
use crate::sys::monotonic;
use crate::wait::{self, Change as Seen, Evidence, Outcome, Readiness, Rules};

/// How often the lease is renewed while something is waited for.
const RENEW: Duration = Duration::from_secs(60);
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

/// An operation with its record.
pub struct Run<'a> {
    /// Where.
    pub live: Live<'a>,
    /// The record, pending.
    pub record: Record,
    /// Pod, container and log of the hooks that ran, when they are asked for.
    pub logs: Option<Vec<(String, String, String)>>,
    /// What was seen of a failure before its objects were deleted.
    evidence: Option<Evidence>,
    /// The objects that were made.
    created: Created,
    holder: Holder,
    renewed: Instant,
}

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
pub fn carry_out(live: Live<'_>, change: Change<'_>) -> Result<Done, OpsError> {
    live.context.check_interrupt("nothing was changed")?;
    if !change.definitions.is_empty() {
        live.begins(&change.release.name, Phase::Definitions);
        live.define(&change)?;
    }
    if let Some(body) = &change.namespace {
        live.make_namespace(body)?;
    }
    let mut run = Run::begin(live, change.release, change.middle)?;
    let mut plan = change.plan;
    let course = Course {
        old: &change.old,
        events: change.events,
        no_hooks: change.no_hooks,
        hook_failure: change.hook_failure,
        stops: change.stops_at_failed_creation,
    };
    match run.phases(&mut plan, &course) {
        Ok(()) => {
            let release = run.finish(change.superseded, change.done)?;
            Ok(Done { release, plan, hooks_not_run: Vec::new() })
        }
        Err(failed) => {
            // What is cleaned up tells nothing any more.
            run.gather(&failed.missing);
            if change.cleanup_on_fail {
                run.begins(Phase::CleanUp);
                std::mem::take(&mut run.created).delete(run.live);
            }
            let error = failed.error;
            run.fail(&format!("{}{error}", change.failed), &failed.missing);
            let gives_way = match change.gives_way {
                GivesWay::Success => false,
                GivesWay::Unwritten => matches!(error, OpsError::Objects { .. }),
                GivesWay::Always => true,
            };
            if gives_way {
                change::supersede(live.context, &live.history(), change.superseded);
            }
            Err(error)
        }
    }
}

impl<'a> Live<'a> {
    fn history(&self) -> History<'a> {
        self.target.history(self.context)
    }

    /// Tells that a part of the work begins.
    fn begins(&self, release: &str, phase: Phase) {
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
    fn define(&self, change: &Change<'_>) -> Result<(), OpsError> {
        let (server_side, force) = match self.method {
            Method::Server { force } => (true, force),
            Method::Client | Method::Replace => (false, false),
        };
        for definition in &change.definitions {
            let request = definition.request(server_side, force);
            self.cluster
                .send(&request, false)
                .map_err(|source| OpsError::Definition { id: Box::new(definition.id.clone()), source })?;
            self.told(&definition.id, if definition.merged.is_some() { "configured" } else { "created" }, "");
        }
        let ids: Vec<ObjectRef> = change.definitions.iter().map(|definition| definition.id.clone()).collect();
        self.served(&ids, change.definitions.iter().map(|definition| &definition.wanted))
    }

    fn make_namespace(&self, body: &Value) -> Result<(), OpsError> {
        match self.cluster.send(&Request::Create { body: body.clone() }, false) {
            Ok(_) | Err(StoreError::AlreadyExists { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Sends the requests of a plan, kind by kind. All objects are tried, but with `stops` no kind after one of which an object could
    /// not be created (as Helm's upgrade and rollback do it, and its install does not); when one fails nothing is deleted.
    fn apply(&self, plan: &Plan, stops: bool, created: &mut Created) -> Result<(), OpsError> {
        let mut sent = Sent { created, done: 0, errors: Vec::new(), creation_failed: false };
        let (wanted, unwanted): (Vec<&Step>, Vec<&Step>) =
            plan.steps.iter().partition(|step| !matches!(step.action, Action::Delete | Action::Keep));
        self.adopt_fields(&wanted)?;
        for group in by_kind(&wanted) {
            let done = sent.done;
            self.context.check_interrupt(&format!("{done} of {} objects were written", wanted.len()))?;
            self.send_group(group, &mut sent);
            if stops && sent.creation_failed {
                break;
            }
            self.establish(group)?;
        }
        let done = sent.done;
        if sent.errors.is_empty() {
            for group in by_kind(&unwanted) {
                self.context
                    .check_interrupt("the new objects were written, not all old ones were deleted")?;
                self.send_group(group, &mut sent);
            }
        }
        let Sent { errors, .. } = sent;
        if errors.is_empty() { Ok(()) } else { Err(OpsError::Objects { errors, done, total: wanted.len() }) }
    }

    /// Makes what a client-side release set its own in the sense of server-side apply, so that what the new manifest leaves
    /// out goes. Objects that this release applied before need nothing, which their bodies tell.
    fn adopt_fields(&self, wanted: &[&Step]) -> Result<(), OpsError> {
        if !matches!(self.method, Method::Server { .. }) {
            return Ok(());
        }
        for step in wanted.iter().filter(|step| step.live.as_ref().is_some_and(was_updated)) {
            self.context.check_interrupt("no object was changed")?;
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
    /// Some could not be deleted, or the user interrupts.
    pub fn delete(&self, plan: &Plan, propagation: Propagation) -> Result<(), OpsError> {
        let doomed: Vec<&Step> = plan.steps.iter().filter(|step| step.action == Action::Delete).collect();
        let (mut errors, mut done) = (Vec::new(), 0);
        for group in by_kind(&doomed) {
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
    fn establish(&self, group: &[&Step]) -> Result<(), OpsError> {
        let made: Vec<ObjectRef> = group
            .iter()
            .filter(|step| step.id.kind == "CustomResourceDefinition" && step.action == Action::Create)
            .map(|step| step.id.clone())
            .collect();
        let bodies =
            group.iter().filter(|step| made.contains(&step.id)).filter_map(|step| step.body.as_ref());
        self.served(&made, bodies)
    }

    /// Waits until definitions are established and their kinds can be asked for, which is a moment later.
    fn served<'b>(
        &self,
        made: &[ObjectRef],
        bodies: impl Iterator<Item = &'b Value>,
    ) -> Result<(), OpsError> {
        let end = monotonic() + ESTABLISHED_WITHIN;
        let outcome = self.ready(made, Rules::Watcher, false, ESTABLISHED_WITHIN, &[], &mut || Ok(()))?;
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
        beat: &mut dyn FnMut() -> Result<(), OpsError>,
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
        beat: &mut dyn FnMut() -> Result<(), OpsError>,
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
    pub fn gone(
        &self,
        ids: &[ObjectRef],
        timeout: Duration,
        beat: &mut dyn FnMut() -> Result<(), OpsError>,
    ) -> Result<Outcome, OpsError> {
        self.watch(beat, |heard| wait::until_gone(self.cluster, ids, timeout, heard))
    }
}

impl<'a> Run<'a> {
    /// Writes the pending record.
    fn begin(live: Live<'a>, release: Release, middle: Middle) -> Result<Self, OpsError> {
        let holder = Holder::of(live.context.host);
        let record = lock::acquire_with(&live.history(), release, middle, &Terms::new(&holder))?;
        let created = Created::default();
        Ok(Run { live, record, logs: None, evidence: None, created, holder, renewed: monotonic() })
    }

    /// Works on a record that is there already and holds the lease.
    pub fn on(live: Live<'a>, record: Record) -> Self {
        Run {
            live,
            record,
            logs: None,
            evidence: None,
            created: Created::default(),
            holder: Holder::of(live.context.host),
            renewed: monotonic(),
        }
    }

    /// Prolongs the lease now and then.
    ///
    /// # Errors
    /// Somebody took the operation over, or the store fails.
    pub fn keep_lease(&mut self) -> Result<(), OpsError> {
        if self.renewed.elapsed() < RENEW || self.record.lease.is_none() {
            return Ok(());
        }
        lock::renew(&self.live.history(), &mut self.record, &Terms::new(&self.holder))?;
        self.renewed = monotonic();
        Ok(())
    }

    /// Writes the record as it is now.
    ///
    /// # Errors
    /// Somebody took the operation over, or the store fails.
    pub fn save(&mut self) -> Result<(), OpsError> {
        Ok(self.live.history().update(&mut self.record)?)
    }

    fn phases(&mut self, plan: &mut Plan, course: &Course<'_>) -> Result<(), Failed> {
        let &Course { old, no_hooks, hook_failure, stops, .. } = course;
        let [before, after] = course.events else { return Ok(()) };
        if !no_hooks && hooks::any(&self.record.release, *before) {
            hooks::run(self, *before, hook_failure)?;
            replan::again(self.live, &self.record.release, old, plan)?;
        }
        self.begins(Phase::Apply);
        let applied = self.live.apply(plan, stops, &mut self.created);
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

    /// Writes the final records.
    fn finish(mut self, superseded: Vec<Record>, description: String) -> Result<Release, OpsError> {
        let history = self.live.history();
        match change::finish(&history, &mut self.record, superseded, Vec::new(), description) {
            Ok(()) => Ok(self.record.release),
            Err(error) => {
                self.fail(&error.to_string(), &[]);
                Err(error)
            }
        }
    }

    /// Tells that a part of the work begins.
    pub fn begins(&self, phase: Phase) {
        self.live.begins(&self.record.release.name, phase);
    }

    /// Looks at objects that are not as they should be, as long as they are there. What was seen first counts.
    pub fn gather(&mut self, missing: &[(ObjectRef, Readiness)]) {
        if self.evidence.is_none() && !missing.is_empty() {
            self.evidence = Some(wait::collect(self.live.target.store, self.live.cluster, missing));
        }
    }

    /// Puts what is known of a failure into the record, with the error as it is told.
    fn keep_evidence(&mut self, error: &str, missing: &[(ObjectRef, Readiness)]) {
        self.gather(missing);
        let evidence = self.evidence.take().unwrap_or_default().of(error);
        self.record.evidence = serde_json::to_string(&evidence).ok();
    }

    /// Records that the operation failed, with what is known about it.
    pub fn fail(&mut self, description: &str, missing: &[(ObjectRef, Readiness)]) {
        let live = self.live;
        self.keep_evidence(description, missing);
        change::record_failure(live.context, &live.history(), &mut self.record, description);
    }

    /// Closes a record that neither failed nor ended: nobody is at it any more. What stopped it is kept with it.
    pub fn let_go(&mut self, status: Status, failed: &Failed) {
        self.keep_evidence(&failed.error.to_string(), &failed.missing);
        self.record.release.info.status = status;
        if let Err(error) = lock::release(&self.live.history(), &mut self.record) {
            self.live.context.debug(format!("the record still names this process as its holder: {error}"));
        }
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
