//! Hooks of a release in a running cluster, one after the other.
//!
//! For each: delete what a run before left (unless its policy says otherwise), record that it runs when that takes time,
//! create it, wait for its end, record how it ended. After the last one of an event, logs are told and objects deleted as the policies say.
//!
//! Source of the rules: Helm 4.3.1.
//!
//! Invariant: a hook object is nobody's: it carries no stamps, and only its delete policy removes it.

use super::live::{Failed, Live, Run, not_ready, still_there};
use super::{Event as Told, OpsError, Phase, change, record};
use crate::cluster::live::{LogOptions, Propagation, Request};
use crate::cluster::{Query, StoreError};
use crate::manifest::{self, Event, Object, ObjectRef};
use crate::plan::{self, Method};
use crate::release::{Hook, HookRun, Release};
use crate::wait;

const BEFORE_CREATION: &str = "before-hook-creation";
const SUCCEEDED: &str = "hook-succeeded";
const FAILED: &str = "hook-failed";

/// Most lines of a hook's log that are told.
const LOG_LINES: u64 = 1000;
const LOG_BYTES: u64 = 1 << 20;

/// Runs the hooks of an event. `failure` begins the message when one fails: `failed pre-install: `.
///
/// # Errors
/// A hook fails, takes too long, or its object is refused.
pub fn run(run: &mut Run<'_>, event: Event, failure: fn(Event) -> String) -> Result<(), Failed> {
    let due = due(&run.record.release.hooks, event);
    if !due.is_empty() {
        run.begins(Phase::Hook(event));
    }
    for (done, at) in due.iter().enumerate() {
        let mut was_made = false;
        if let Err(failed) = run_one(run, *at, &mut was_made) {
            collect_logs(run, &due[..=done]);
            if asks(&run.record.release.hooks[*at].delete_policies, FAILED) {
                // With its object goes all that it could tell.
                run.gather(&failed.missing);
            }
            end_failed(run, was_made.then_some(*at), &due[..done]);
            let error = OpsError::Hook { prefix: failure(event), source: Box::new(failed.error) };
            return Err(Failed { error, missing: failed.missing });
        }
    }
    collect_logs(run, &due);
    let mut doomed = Vec::new();
    for at in due.iter().rev() {
        let hook = &run.record.release.hooks[*at];
        if asks(&hook.output_log_policies, SUCCEEDED) {
            tell_logs(run, hook);
        }
        doomed.extend(asks(&hook.delete_policies, SUCCEEDED).then(|| hook.clone()));
    }
    delete(run, &doomed)
}

/// Whether a release has hooks of an event.
pub fn any(release: &Release, event: Event) -> bool {
    !due(&release.hooks, event).is_empty()
}

/// The hooks of an event, by weight, then by name.
fn due(hooks: &[Hook], event: Event) -> Vec<usize> {
    let mut due: Vec<usize> =
        (0..hooks.len()).filter(|at| hooks[*at].events.iter().any(|name| name == event.name())).collect();
    due.sort_by(|one, two| {
        let key = |at: &usize| (hooks[*at].weight, hooks[*at].name.clone());
        key(one).cmp(&key(two))
    });
    due
}

fn asks(policies: &[String], policy: &str) -> bool {
    policies.iter().any(|known| known == policy)
}

/// Runs a hook. `was_made` becomes true when its objects were made: what is there instead when they were refused is somebody
/// else's.
fn run_one(run: &mut Run<'_>, at: usize, was_made: &mut bool) -> Result<(), Failed> {
    let live = run.live;
    live.context.check_interrupt("a hook was not run")?;
    let hook = &mut run.record.release.hooks[at];
    if hook.delete_policies.is_empty() {
        hook.delete_policies.push(BEFORE_CREATION.to_string());
    }
    let hook = hook.clone();
    if asks(&hook.delete_policies, BEFORE_CREATION) {
        delete(run, std::slice::from_ref(&hook))?;
    }
    let objects = objects_of(live, &hook)?;
    set_run(run, at, "Running");
    // What is done as soon as it is there need not be recorded before: the next record tells it.
    if objects.iter().any(|object| runs(&object.id)) {
        run.save()?;
    }
    run.record.release.hooks[at].last_run.phase = "Unknown".to_string();
    run.make_sure()?;
    let ended = match create(live, &objects) {
        Err(error) => Err(Failed::from(error)),
        Ok(ids) => {
            *was_made = true;
            wait_for_end(run, &ids)
        }
    };
    let last_run = &mut run.record.release.hooks[at].last_run;
    last_run.completed_at = Some(record::now(live.context.host));
    last_run.phase = if ended.is_ok() { "Succeeded" } else { "Failed" }.to_string();
    ended
}

fn set_run(run: &mut Run<'_>, at: usize, phase: &str) {
    run.record.release.hooks[at].last_run = HookRun {
        started_at: Some(record::now(run.live.context.host)),
        completed_at: None,
        phase: phase.to_string(),
    };
}

/// Creates objects, one after the other up to the first that is refused, and returns where they are.
fn create(live: Live<'_>, objects: &[Object]) -> Result<Vec<ObjectRef>, StoreError> {
    let mut ids = Vec::with_capacity(objects.len());
    for object in objects {
        live.cluster.send(&creation(live.method, object), false)?;
        ids.push(object.id.clone());
    }
    Ok(ids)
}

/// What others manage in an object that is there already stays theirs: the hook fails.
fn creation(method: Method, object: &Object) -> Request {
    let body = object.body.clone();
    match method {
        Method::Server { .. } => Request::Apply { body, force: false },
        Method::Client | Method::Replace => Request::Create { body },
    }
}

/// The objects of a hook, in their namespaces: several when it is a list.
fn objects_of(live: Live<'_>, hook: &Hook) -> Result<Vec<Object>, OpsError> {
    let parsed = manifest::parse_stored(&hook.path, &hook.manifest)?;
    let mut objects = change::objects(&parsed)?;
    let scopes = change::scopes(live.target.store, objects.iter())?;
    for object in &mut objects {
        object.id = plan::located(&object.id, live.target.namespace, &scopes);
        plan::place(&mut object.body, &object.id);
    }
    Ok(objects)
}

/// Whether a hook of that kind has an end that is waited for.
fn runs(id: &ObjectRef) -> bool {
    matches!((id.group.as_str(), id.kind.as_str()), ("batch", "Job") | ("", "Pod"))
}

/// Waits for Jobs and Pods to end; any other kind is done once it is there.
fn wait_for_end(run: &mut Run<'_>, ids: &[ObjectRef]) -> Result<(), Failed> {
    let live = run.live;
    let terms = wait::Terms {
        rules: wait::Rules::Watcher,
        jobs: true,
        hook: true,
        timeout: live.wait.limit(),
        clock: &live.context.host.clock,
        before: &[],
    };
    let ids: Vec<ObjectRef> = ids.iter().filter(|id| runs(id)).cloned().collect();
    if ids.is_empty() {
        return Ok(());
    }
    let outcome = live.watch(&mut || run.keep_lease(), |heard| {
        wait::until_ready(live.target.store, live.cluster, &ids, &terms, heard)
    })?;
    if outcome.is_success() {
        return Ok(());
    }
    Err(Failed { error: not_ready(&outcome), missing: outcome.missing })
}

/// What the policies ask for when a hook failed: its logs and deletion if it was made, and the deletion of those before it.
fn end_failed(run: &mut Run<'_>, at: Option<usize>, done: &[usize]) {
    if run.is_lost() {
        return;
    }
    let mut doomed: Vec<Hook> = Vec::new();
    if let Some(hook) = at.map(|at| run.record.release.hooks[at].clone()) {
        if asks(&hook.output_log_policies, FAILED) {
            tell_logs(run, &hook);
        }
        doomed.extend(asks(&hook.delete_policies, FAILED).then_some(hook));
    }
    let before = done.iter().map(|at| run.record.release.hooks[*at].clone());
    doomed.extend(before.filter(|hook| asks(&hook.delete_policies, SUCCEEDED)));
    for hook in doomed {
        if let Err(failed) = delete(run, std::slice::from_ref(&hook)) {
            run.live.context.warn(format!("the hook {} could not be deleted: {}", hook.name, failed.error));
        }
    }
}

/// Deletes the objects of hooks, several at once, and waits until they are gone. Definitions are never deleted.
fn delete(run: &mut Run<'_>, hooks: &[Hook]) -> Result<(), Failed> {
    let live = run.live;
    let mut ids = Vec::with_capacity(hooks.len());
    for hook in hooks {
        ids.extend(objects_of(live, hook)?.into_iter().map(|object| object.id));
    }
    run.make_sure()?;
    ids.retain(|id| id.kind != "CustomResourceDefinition");
    let delete =
        |id: &ObjectRef| Request::Delete { id: id.clone(), propagation: Propagation::default(), uid: None };
    let requests: Vec<Request> = ids.iter().map(delete).collect();
    let (mut left, mut refused) = (Vec::new(), None);
    for (id, answer) in ids.into_iter().zip(live.cluster.send_each(&requests, false)) {
        match answer {
            // Most objects are gone with the answer.
            Ok(None) | Err(StoreError::NotFound { .. }) => {}
            Ok(Some(_)) => left.push(id),
            Err(error) => refused = refused.or(Some(error)),
        }
    }
    if let Some(error) = refused {
        return Err(error.into());
    }
    let outcome = live.gone(&left, live.wait.limit(), &mut || run.keep_lease())?;
    if outcome.is_success() { Ok(()) } else { Err(still_there(&outcome).into()) }
}

/// Keeps the logs of some hooks for the report, before a policy deletes their pods.
fn collect_logs(run: &mut Run<'_>, due: &[usize]) {
    let Some(mut kept) = run.logs.take() else { return };
    for at in due {
        let hook = &run.record.release.hooks[*at];
        match logs(run.live, hook) {
            Ok(logs) => kept.extend(logs),
            Err(error) => {
                run.live.context.warn(format!("the logs of hook {} cannot be read: {error}", hook.name));
            }
        }
    }
    run.logs = Some(kept);
}

/// Tells the logs of a hook's pods.
fn tell_logs(run: &Run<'_>, hook: &Hook) {
    let live = run.live;
    match logs(live, hook) {
        Ok(logs) => {
            for (pod, container, text) in logs {
                live.context.progress.event(Told::Log { pod, container, text });
            }
        }
        Err(error) => live.context.warn(format!("the logs of hook {} cannot be read: {error}", hook.name)),
    }
}

/// The logs of a hook's pods, by pod and container.
fn logs(live: Live<'_>, hook: &Hook) -> Result<Vec<(String, String, String)>, OpsError> {
    let mut pods = Vec::new();
    for Object { id, .. } in objects_of(live, hook)? {
        match id.kind.as_str() {
            "Pod" => pods.extend(live.target.store.get(&id)?),
            "Job" => pods.extend(live.target.store.list(&Query {
                group_kind: Some((String::new(), "Pod".to_string())),
                namespace: Some(id.namespace.clone()),
                labels: [("job-name".to_string(), id.name)].into_iter().collect(),
                ..Query::default()
            })?),
            _ => {}
        }
    }
    let mut found = Vec::new();
    for pod in pods {
        let body = pod.body.as_ref();
        let containers = |field: &'static str| {
            body.and_then(|body| body.path(["spec", field])?.as_list()).unwrap_or_default()
        };
        let all = containers("initContainers").iter().chain(containers("containers"));
        for container in all.filter_map(|one| one.get("name")?.as_str()) {
            let options = LogOptions {
                container: container.to_string(),
                tail: Some(LOG_LINES),
                limit_bytes: Some(LOG_BYTES),
                previous: false,
            };
            let text = live.cluster.logs(&pod.id, &options)?;
            found.push((pod.id.name.clone(), container.to_string(), text));
        }
    }
    Ok(found)
}
