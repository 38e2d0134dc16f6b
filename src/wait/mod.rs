//! Waiting until objects are ready, or gone: what is told while it lasts, and what was missing at its end.
//!
//! | file | what |
//! |---|---|
//! | `ready` | how far an object is, by kstatus' rules |
//! | `legacy` | the same by Helm 3's |
//! | `count` | how many of its pods or completions are there |
//! | `trouble` | why the pods of a workload do not come up |
//! | `evidence` | what is kept of a failure |
//!
//! Invariant: a wait ends when every object is settled (ready or failed), when the time is over, or when the listener asks
//! for it; it changes nothing in the cluster.

mod count;
mod evidence;
mod legacy;
mod ready;
mod trouble;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

pub use count::ready_count;
pub use evidence::{Evidence, ObjectEvidence, collect};
pub use ready::{Ask, Readiness, Rules, readiness};
pub use trouble::{Trouble, selector, troubles};

use crate::cluster::live::Seen;
use crate::cluster::{Cluster, Store, StoreError};
use crate::data::Value;
use crate::data::time::{RFC3339, Time, Zone};
use crate::manifest::ObjectRef;
use crate::sys::{Clock, monotonic};

/// How often the clock and the pods behind objects that are not ready are looked at.
const BEAT: Duration = Duration::from_secs(1);

/// A pause before a kind that goes away is asked for again.
const AGAIN: Duration = Duration::from_millis(400);

/// Most reasons that an outcome tells.
const MOST_TROUBLES: usize = 5;

/// How to wait.
#[derive(Clone, Copy)]
pub struct Terms<'a> {
    /// By which rules.
    pub rules: Rules,
    /// Jobs have to complete.
    pub jobs: bool,
    /// The object is a hook: pods have to complete too.
    pub hook: bool,
    /// For how long, all objects together.
    pub timeout: Duration,
    /// The time of the day, for rules that need it.
    pub clock: &'a Clock,
    /// Objects that were changed just now, as they were before: a Deployment keeps the verdict on its last rollout until the
    /// next one moves.
    pub before: &'a [(ObjectRef, Value)],
}

impl Terms<'_> {
    fn ask(&self) -> Ask {
        Ask {
            rules: self.rules,
            jobs: self.jobs,
            hook: self.hook,
            now: Time::from_system(self.clock.now(), Zone::Utc).unix(),
        }
    }

    /// How far an object is now; a failure that it had before it was changed is none of the change.
    fn judge(&self, id: &ObjectRef, body: &Value) -> Readiness {
        let found = readiness(id, body, &self.ask());
        let is_old = || {
            let before = self.before.iter().find(|(known, _)| known.same_object(id));
            before.is_some_and(|(_, before)| ready::keeps_verdict(before, body))
        };
        match found {
            Readiness::Failed(message) if is_old() => {
                Readiness::InProgress(format!("{message} before this change"))
            }
            found => found,
        }
    }
}

/// Something that became known while waiting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The object.
    pub id: ObjectRef,
    /// How far it is.
    pub readiness: Readiness,
    /// Whether it needs no more waiting.
    pub is_settled: bool,
    /// How many of its parts are ready, of how many, where it has parts; see [`ready_count`].
    pub ready: Option<(i64, i64)>,
    /// Why it does not come up, when its pods tell.
    pub troubles: Vec<Trouble>,
    /// How many objects are settled now.
    pub settled: usize,
    /// Of how many.
    pub total: usize,
}

/// How a wait ended.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Outcome {
    /// What is not as it should be, in the order given.
    pub missing: Vec<(ObjectRef, Readiness)>,
    /// Why pods of those do not come up: `Deployment/ns/web: ImagePullBackOff …`.
    pub troubles: Vec<String>,
    /// Whether the time was over first.
    pub timed_out: bool,
    /// Whether the listener ended it.
    pub stopped: bool,
}

impl Outcome {
    /// Whether everything became as it should.
    pub fn is_success(&self) -> bool {
        self.missing.is_empty()
    }
}

/// Unix seconds of a moment as objects have it.
pub(crate) fn seconds(text: &str) -> Option<i64> {
    Time::parse(RFC3339, text, &Zone::Utc).ok().map(|time| time.unix())
}

/// Objects on their way, and what was last told of each.
struct Track {
    ids: Vec<ObjectRef>,
    last: Vec<Option<Readiness>>,
    told: BTreeMap<usize, String>,
}

impl Track {
    fn new(ids: &[ObjectRef]) -> Self {
        Track { ids: ids.to_vec(), last: vec![None; ids.len()], told: BTreeMap::new() }
    }

    fn at(&self, id: &ObjectRef) -> Option<usize> {
        self.ids.iter().position(|known| known.same_object(id))
    }

    fn settled(&self, wanted: impl Fn(&Readiness) -> bool) -> usize {
        self.last.iter().flatten().filter(|readiness| wanted(readiness)).count()
    }

    /// Takes a new state in; the change when there is something to tell.
    fn take(
        &mut self,
        at: usize,
        now: Readiness,
        body: Option<&Value>,
        settled: impl Fn(&Readiness) -> bool,
    ) -> Option<Change> {
        if self.last[at].as_ref() == Some(&now) {
            return None;
        }
        self.last[at] = Some(now.clone());
        Some(Change {
            id: self.ids[at].clone(),
            is_settled: settled(&now),
            readiness: now,
            ready: body.and_then(|body| ready_count(&self.ids[at], body)),
            troubles: Vec::new(),
            settled: self.settled(&settled),
            total: self.ids.len(),
        })
    }

    fn outcome(self, fine: impl Fn(&Readiness) -> bool, timed_out: bool, stopped: bool) -> Outcome {
        let states = self.last.into_iter().map(|state| state.unwrap_or(Readiness::NotFound));
        let missing = self.ids.into_iter().zip(states).filter(|(_, state)| !fine(state)).collect();
        Outcome { missing, troubles: Vec::new(), timed_out, stopped }
    }
}

fn is_settled(readiness: &Readiness) -> bool {
    matches!(readiness, Readiness::Current | Readiness::Failed(_))
}

fn is_gone(readiness: &Readiness) -> bool {
    *readiness == Readiness::NotFound
}

/// Waits until objects are ready. `heard` is told of each change, and says with `false` that it has heard enough; it is
/// also asked, with `None`, when nothing happens.
///
/// # Errors
/// The cluster cannot be asked.
pub fn until_ready(
    store: &dyn Store,
    cluster: &dyn Cluster,
    objects: &[ObjectRef],
    terms: &Terms<'_>,
    heard: &mut dyn FnMut(Option<Change>) -> bool,
) -> Result<Outcome, StoreError> {
    if objects.is_empty() {
        return Ok(Outcome::default());
    }
    let mut track = Track::new(objects);
    let mut bodies: BTreeMap<usize, Value> = BTreeMap::new();
    let end = monotonic() + terms.timeout;
    let (mut timed_out, mut stopped) = (false, false);
    let mut next_look = monotonic() + BEAT;
    cluster.watch(objects, BEAT, &mut |seen| {
        let change = match seen {
            Seen::Is(stored) => track.at(&stored.id).and_then(|at| {
                let body = stored.body.unwrap_or_default();
                let now = terms.judge(&track.ids[at], &body);
                let change = track.take(at, now, Some(&body), is_settled);
                bodies.insert(at, body);
                change
            }),
            Seen::Gone(id) => {
                track.at(&id).and_then(|at| track.take(at, Readiness::NotFound, None, is_settled))
            }
            Seen::Reconnecting(_) | Seen::Quiet => None,
        };
        stopped = !heard(change);
        if monotonic() >= next_look {
            // What depends on the time of the day changes without an event.
            for (at, body) in &bodies {
                let now = terms.judge(&track.ids[*at], body);
                if let Some(change) = track.take(*at, now, Some(body), is_settled) {
                    stopped |= !heard(Some(change));
                }
            }
            stopped |= !tell_troubles(store, &mut track, &bodies, heard);
            next_look = monotonic() + BEAT;
        }
        timed_out = monotonic() >= end;
        !(stopped || timed_out || track.settled(is_settled) == track.ids.len())
    })?;
    let mut outcome = track.outcome(|state| *state == Readiness::Current, timed_out, stopped);
    if !stopped {
        outcome.troubles = troubles_of(store, objects, &bodies, &outcome.missing);
    }
    Ok(outcome)
}

/// Why the pods of what is missing do not come up, where they say so.
fn troubles_of(
    store: &dyn Store,
    objects: &[ObjectRef],
    bodies: &BTreeMap<usize, Value>,
    missing: &[(ObjectRef, Readiness)],
) -> Vec<String> {
    let is_missing = |id: &ObjectRef| missing.iter().any(|(lost, _)| lost.same_object(id));
    let mut found = Vec::new();
    for (at, body) in bodies {
        let Some(id) = objects.get(*at).filter(|id| is_missing(id)).filter(|_| found.len() < MOST_TROUBLES)
        else {
            continue;
        };
        let Ok(told) = troubles(store, id, body) else { continue };
        found.extend(told.iter().map(|trouble| format!("{id}: {trouble}")));
    }
    found.truncate(MOST_TROUBLES);
    found
}

/// Looks at the pods of what is not ready, and tells what is new about them. A cluster that cannot be asked for pods is no
/// reason to end the wait.
fn tell_troubles(
    store: &dyn Store,
    track: &mut Track,
    bodies: &BTreeMap<usize, Value>,
    heard: &mut dyn FnMut(Option<Change>) -> bool,
) -> bool {
    let mut go_on = true;
    let total = track.ids.len();
    for (at, body) in bodies {
        let Some(state @ Readiness::InProgress(_)) = track.last[*at].clone() else { continue };
        let Ok(found) = troubles(store, &track.ids[*at], body) else { continue };
        let text = found.iter().map(Trouble::to_string).collect::<Vec<_>>().join("; ");
        if text.is_empty() || track.told.get(at) == Some(&text) {
            continue;
        }
        track.told.insert(*at, text.clone());
        let change = Change {
            id: track.ids[*at].clone(),
            readiness: state,
            is_settled: false,
            ready: ready_count(&track.ids[*at], body),
            troubles: found,
            settled: track.settled(is_settled),
            total,
        };
        go_on &= heard(Some(change));
    }
    go_on
}

/// Waits until objects are gone.
///
/// # Errors
/// The cluster cannot be asked.
pub fn until_gone(
    cluster: &dyn Cluster,
    objects: &[ObjectRef],
    timeout: Duration,
    heard: &mut dyn FnMut(Option<Change>) -> bool,
) -> Result<Outcome, StoreError> {
    if objects.is_empty() {
        return Ok(Outcome::default());
    }
    let mut track = Track::new(objects);
    let end: Instant = monotonic() + timeout;
    let (mut timed_out, mut stopped) = (false, false);
    let mut left = objects.to_vec();
    loop {
        // With its definition every object of a kind is gone, and the kind cannot be asked for any more.
        let mut served = Vec::with_capacity(left.len());
        for id in left {
            // While the group's server is down, nobody knows.
            let known = cluster.kind(&id.group, &id.version, &id.kind);
            if matches!(known, Err(StoreError::GroupDown { .. })) || known?.is_some() {
                served.push(id);
            } else if let Some(at) = track.at(&id) {
                stopped |= !heard(track.take(at, Readiness::NotFound, None, is_gone));
            }
        }
        left = served;
        if stopped || left.is_empty() {
            break;
        }
        let watched = cluster.watch(&left, BEAT, &mut |seen| {
            let change = match seen {
                Seen::Is(stored) => {
                    let deleted =
                        stored.body.as_ref().and_then(|body| body.path(["metadata", "deletionTimestamp"]));
                    let state = match deleted {
                        Some(_) => Readiness::Terminating,
                        None => Readiness::InProgress("Resource is not being deleted".to_string()),
                    };
                    track.at(&stored.id).and_then(|at| track.take(at, state, None, is_gone))
                }
                Seen::Gone(id) => {
                    track.at(&id).and_then(|at| track.take(at, Readiness::NotFound, None, is_gone))
                }
                Seen::Reconnecting(_) | Seen::Quiet => None,
            };
            stopped = !heard(change);
            timed_out = monotonic() >= end;
            !(stopped || timed_out || track.settled(is_gone) == track.ids.len())
        });
        match watched {
            Err(StoreError::NoKind { .. }) if monotonic() < end => std::thread::sleep(AGAIN),
            Err(error) => return Err(error),
            Ok(()) => break,
        }
    }
    Ok(track.outcome(is_gone, timed_out, stopped))
}

/// Whether an object is one that a wait passes over: a Deployment that is paused. Source: Helm.
pub fn is_paused(id: &ObjectRef, body: &Value) -> bool {
    id.kind == "Deployment" && body.path(["spec", "paused"]).and_then(Value::as_bool) == Some(true)
}
