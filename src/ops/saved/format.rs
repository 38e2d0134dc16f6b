//! The file of a saved plan, read and written. The module above describes it.
//!
//! Invariant: what is written reads back as the same operation; what is read was written whole, by a program whose format is
//! known.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{SavedPlan, SavedPlanError};
use crate::cluster::live::Propagation;
use crate::data::digest::Digest;
use crate::data::{Value, time};
use crate::manifest::{self, ObjectRef};
use crate::ops::crds::Definition;
use crate::ops::operation::{Execution, Kind, Newest, Operation, Removal};
use crate::ops::options::{Wait, WaitStrategy};
use crate::ops::{OpsError, record};
use crate::plan::{Action, KeepReason, Method, Plan, Step};
use crate::release::codec::{self, Middle};
use crate::release::{Release, Status};
use crate::sys::Host;

/// How the file begins.
const MARK: &str = "bowline-plan";
/// The newest format that this program reads, and the one that it writes.
const FORMAT: u64 = 1;
/// Longest first line in bytes.
const LONGEST_HEAD: usize = 128;

#[derive(Serialize, Deserialize)]
struct Document {
    made: Made,
    store: StoreDoc,
    #[serde(with = "KindDoc")]
    operation: Kind,
    newest: Option<NewestDoc>,
    release: Value,
    labels: BTreeMap<String, String>,
    namespace: Option<Value>,
    definitions: Vec<DefinitionDoc>,
    steps: Vec<StepDoc>,
    execution: ExecutionDoc,
}

#[derive(Serialize, Deserialize)]
struct Made {
    by: String,
    at: String,
}

#[derive(Serialize, Deserialize)]
struct StoreDoc {
    identity: String,
    name: String,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Kind", rename_all = "kebab-case")]
enum KindDoc {
    Install,
    Upgrade,
    Rollback,
    Uninstall,
}

#[derive(Serialize, Deserialize)]
struct NewestDoc {
    revision: u64,
    status: Status,
    uid: String,
}

#[derive(Serialize, Deserialize)]
struct IdDoc {
    group: String,
    version: String,
    kind: String,
    namespace: String,
    name: String,
}

#[derive(Serialize, Deserialize)]
struct DefinitionDoc {
    id: IdDoc,
    wanted: Value,
    merged: Option<(Value, u64)>,
    live: Option<Value>,
}

#[derive(Serialize, Deserialize)]
struct StepDoc {
    #[serde(with = "ActionDoc")]
    action: Action,
    id: IdDoc,
    source: String,
    body: Option<Value>,
    wanted: Option<Value>,
    base: Option<Value>,
    live: Option<Value>,
    expected: Option<u64>,
    keep: Option<KeepDoc>,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Action", rename_all = "kebab-case")]
enum ActionDoc {
    Create,
    Update,
    Adopt,
    Unchanged,
    Delete,
    Keep,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum KeepDoc {
    Policy,
    UnknownPolicy,
    NotOwned,
}

#[derive(Serialize, Deserialize)]
struct ExecutionDoc {
    method: MethodDoc,
    wait: WaitDoc,
    timeout_ms: u64,
    wait_for_jobs: bool,
    no_hooks: bool,
    rollback_on_failure: bool,
    cleanup_on_fail: bool,
    history_max: usize,
    description: Option<String>,
    keep_history: bool,
    #[serde(with = "PropagationDoc")]
    propagation: Propagation,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Propagation", rename_all = "kebab-case")]
enum PropagationDoc {
    Background,
    Foreground,
    Orphan,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum MethodDoc {
    Server,
    ServerForce,
    Client,
    Replace,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum WaitDoc {
    HookOnly,
    Watcher,
    Legacy,
}

/// The text of a plan.
///
/// # Errors
/// Something in it cannot be said in JSON.
pub(super) fn encode(
    host: &Host,
    operation: &Operation,
    identity: &str,
    name: &str,
) -> Result<String, OpsError> {
    let unsayable = |reason: String| OpsError::refused(format!("the plan cannot be saved: {reason}"));
    let mut bodies = operation.plan.steps.iter().flat_map(|step| [&step.body, &step.wanted]).flatten();
    if let Some(number) = bodies.find_map(codec::first_unsayable) {
        return Err(unsayable(format!("{number} is no JSON number")));
    }
    let release = codec::to_json(&operation.release).map_err(unsayable)?;
    let release = serde_json::from_str(&release).map_err(|error| unsayable(error.to_string()))?;
    let document = Document {
        made: Made {
            by: format!("bowline {}", env!("CARGO_PKG_VERSION")),
            at: record::now(host).format(time::RFC3339),
        },
        store: StoreDoc { identity: identity.to_string(), name: name.to_string() },
        operation: operation.kind,
        newest: operation.newest.as_ref().map(|newest| NewestDoc {
            revision: newest.revision,
            status: newest.status,
            uid: newest.uid.clone(),
        }),
        release,
        labels: operation.release.labels.clone(),
        namespace: operation.namespace.clone(),
        definitions: operation.definitions.iter().map(DefinitionDoc::of).collect(),
        steps: operation.plan.steps.iter().map(StepDoc::of).collect(),
        execution: ExecutionDoc::of(&operation.execution),
    };
    let json = serde_json::to_string(&document).map_err(|error| unsayable(error.to_string()))? + "\n";
    Ok(format!("{MARK} {FORMAT} {}\n{json}", Digest::of(&json).prefixed()))
}

/// The digest in the first line of a text that [`encode`] wrote.
pub(super) fn digest_of(text: &str) -> Digest {
    Digest::of(text.split_once('\n').map_or(text, |(_, json)| json))
}

/// Reads what [`encode`] wrote. `path` is the name of the file in errors.
///
/// # Errors
/// It is no plan, of a newer format, or damaged.
pub(super) fn decode(bytes: &[u8], path: &str) -> Result<SavedPlan, SavedPlanError> {
    let (digest, json) = open(bytes, path)?;
    let damaged = |reason: String| SavedPlanError::Damaged { path: path.to_string(), reason };
    let document: Document = serde_json::from_slice(json).map_err(|error| damaged(error.to_string()))?;
    let release = serde_json::to_vec(&document.release).map_err(|error| damaged(error.to_string()))?;
    let mut release = codec::from_json(&release).map_err(damaged)?;
    release.labels = document.labels;
    let newest = document.newest.map(|newest| Newest {
        revision: newest.revision,
        status: newest.status,
        uid: newest.uid,
    });
    check(&release, document.operation, newest.as_ref()).map_err(damaged)?;
    let operation = Operation {
        kind: document.operation,
        newest,
        release,
        middle: Middle::default(),
        plan: Plan {
            steps: document.steps.into_iter().map(StepDoc::into_step).collect(),
            warnings: Vec::new(),
        },
        old: String::new(),
        definitions: document.definitions.into_iter().map(DefinitionDoc::into_definition).collect(),
        namespace: document.namespace,
        superseded: Vec::new(),
        left: None,
        computed: None,
        execution: document.execution.into_execution(),
    };
    Ok(SavedPlan { store: document.store.identity, store_name: document.store.name, operation, digest })
}

/// Checks the first line, and returns the digest and what comes after.
fn open<'b>(bytes: &'b [u8], path: &str) -> Result<(Digest, &'b [u8]), SavedPlanError> {
    let no_plan = |reason| SavedPlanError::NoPlan { path: path.to_string(), reason };
    let damaged =
        |reason: &str| SavedPlanError::Damaged { path: path.to_string(), reason: reason.to_string() };
    if bytes.is_empty() {
        return Err(no_plan("it is empty"));
    }
    let rest = bytes.strip_prefix(MARK.as_bytes()).and_then(|rest| rest.strip_prefix(b" "));
    let rest = rest.ok_or_else(|| no_plan("its first line is not that of a plan"))?;
    let end = rest.iter().take(LONGEST_HEAD).position(|byte| *byte == b'\n');
    let end = end.ok_or_else(|| damaged("its first line does not end"))?;
    let (head, json) = (rest.get(..end).unwrap_or_default(), rest.get(end + 1..).unwrap_or_default());
    let head = std::str::from_utf8(head).map_err(|_| damaged("its first line is no text"))?;
    let mut words = head.split(' ');
    let found = words.next().and_then(|word| word.parse::<u64>().ok());
    let found = found.ok_or_else(|| damaged("its first line names no format"))?;
    if found > FORMAT {
        return Err(SavedPlanError::TooNew { path: path.to_string(), found, known: FORMAT });
    }
    if found != FORMAT {
        return Err(damaged("its first line names a format that never existed"));
    }
    let digest = Digest::of(json);
    if words.next() != Some(digest.prefixed().as_str()) || words.next().is_some() {
        return Err(damaged("its content does not have the digest that its first line names"));
    }
    Ok((digest, json))
}

/// Checks that the parts fit together.
fn check(release: &Release, kind: Kind, newest: Option<&Newest>) -> Result<(), String> {
    manifest::check_release(&release.name).map_err(|error| error.to_string())?;
    if release.namespace.is_empty() {
        return Err("it names no namespace".to_string());
    }
    let Some(pending) = kind.pending() else {
        let newest = newest.ok_or("it ends a release that has no revision")?;
        if (release.version, release.info.status) != (newest.revision, newest.status) {
            return Err(format!("it ends revision {}, which is not the newest", release.version));
        }
        return Ok(());
    };
    let follows = newest.map_or(1, |newest| newest.revision.saturating_add(1));
    if release.version != follows {
        return Err(format!("it makes revision {}, and {follows} would be the next", release.version));
    }
    if release.info.status != pending {
        return Err(format!("its revision is {}, not {pending}", release.info.status));
    }
    Ok(())
}

impl IdDoc {
    fn of(id: &ObjectRef) -> Self {
        let ObjectRef { group, version, kind, namespace, name } = id.clone();
        IdDoc { group, version, kind, namespace, name }
    }

    fn into_id(self) -> ObjectRef {
        let IdDoc { group, version, kind, namespace, name } = self;
        ObjectRef { group, version, kind, namespace, name }
    }
}

impl DefinitionDoc {
    fn of(definition: &Definition) -> Self {
        let Definition { id, wanted, merged, live } = definition.clone();
        DefinitionDoc { id: IdDoc::of(&id), wanted, merged, live }
    }

    fn into_definition(self) -> Definition {
        let DefinitionDoc { id, wanted, merged, live } = self;
        Definition { id: id.into_id(), wanted, merged, live }
    }
}

impl StepDoc {
    fn of(step: &Step) -> Self {
        let Step { action, id, source, body, wanted, base, live, expected, keep } = step.clone();
        let keep = keep.map(|reason| match reason {
            KeepReason::Policy => KeepDoc::Policy,
            KeepReason::UnknownPolicy => KeepDoc::UnknownPolicy,
            KeepReason::NotOwned => KeepDoc::NotOwned,
        });
        StepDoc {
            action,
            id: IdDoc::of(&id),
            source: source.to_string(),
            body,
            wanted,
            base,
            live,
            expected,
            keep,
        }
    }

    fn into_step(self) -> Step {
        let StepDoc { action, id, source, body, wanted, base, live, expected, keep } = self;
        let keep = keep.map(|reason| match reason {
            KeepDoc::Policy => KeepReason::Policy,
            KeepDoc::UnknownPolicy => KeepReason::UnknownPolicy,
            KeepDoc::NotOwned => KeepReason::NotOwned,
        });
        let (id, source) = (id.into_id(), source.into());
        Step { action, id, source, body, wanted, base, live, expected, keep }
    }
}

impl ExecutionDoc {
    fn of(execution: &Execution) -> Self {
        let wait = execution.wait;
        ExecutionDoc {
            method: match execution.method {
                Method::Server { force: false } => MethodDoc::Server,
                Method::Server { force: true } => MethodDoc::ServerForce,
                Method::Client => MethodDoc::Client,
                Method::Replace => MethodDoc::Replace,
            },
            wait: match wait.strategy {
                WaitStrategy::HookOnly => WaitDoc::HookOnly,
                WaitStrategy::Watcher => WaitDoc::Watcher,
                WaitStrategy::Legacy => WaitDoc::Legacy,
            },
            timeout_ms: u64::try_from(wait.timeout.as_millis()).unwrap_or(u64::MAX),
            wait_for_jobs: wait.jobs,
            no_hooks: execution.no_hooks,
            rollback_on_failure: execution.rollback_on_failure,
            cleanup_on_fail: execution.cleanup_on_fail,
            history_max: execution.history_max,
            description: execution.description.clone(),
            keep_history: execution.removal.keep_history,
            propagation: execution.removal.propagation,
        }
    }

    fn into_execution(self) -> Execution {
        Execution {
            method: match self.method {
                MethodDoc::Server => Method::Server { force: false },
                MethodDoc::ServerForce => Method::Server { force: true },
                MethodDoc::Client => Method::Client,
                MethodDoc::Replace => Method::Replace,
            },
            wait: Wait {
                strategy: match self.wait {
                    WaitDoc::HookOnly => WaitStrategy::HookOnly,
                    WaitDoc::Watcher => WaitStrategy::Watcher,
                    WaitDoc::Legacy => WaitStrategy::Legacy,
                },
                timeout: Duration::from_millis(self.timeout_ms),
                jobs: self.wait_for_jobs,
            },
            no_hooks: self.no_hooks,
            rollback_on_failure: self.rollback_on_failure,
            cleanup_on_fail: self.cleanup_on_fail,
            history_max: self.history_max,
            description: self.description,
            removal: Removal { keep_history: self.keep_history, propagation: self.propagation },
        }
    }
}
