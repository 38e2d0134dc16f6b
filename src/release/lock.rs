//! One operation on a release at a time.
//!
//! The record of a running operation carries a lease: who works on it, since when, and until when that counts. There is no
//! lock besides it: creating the record of the next revision is the moment in which one of two racing clients wins.
//!
//! | newest record | what a new operation does |
//! |---|---|
//! | nothing under way | begins |
//! | lease that runs | waits, or is told who holds it ([`ReleaseError::Held`]) |
//! | lease that ran out | takes over: a pending revision becomes `failed`, with the holder named in its description |
//! | lease of a dead process | takes over at once, see below |
//! | pending without a lease | waits, or is told ([`ReleaseError::InProgress`]): Helm made it, and nobody knows whether it runs. Only [`Terms::abandoned_after`] lets it be taken over; rollback and uninstall go on over it ([`Terms::over_unheld`]), as Helm's do |
//!
//! A process counts as dead only when lease and client name the same scope (same start of the machine, same process
//! namespace, same user; see [`crate::sys::process::scope`]) and no process has its number. A number that was given to
//! another process in the meantime makes the client wait for the lease to end, never the reverse.
//!
//! An abandoned uninstall keeps its state `uninstalling`: the next uninstall finishes it.
//!
//! Invariant: a takeover is a write at the version that was looked at, so that only one client does it.

use std::collections::BTreeMap;
use std::time::Duration;

use super::codec::Middle;
use super::history::{History, Record};
use super::look::Look;
use super::{Release, ReleaseError, Status, Summary, record};
use crate::cluster::{StoreError, Write};
use crate::data::Value;
use crate::data::time::{GoDuration, RFC3339_NANO, Time, Zone};
use crate::sys::{Host, process};

const HOLDER: &str = "bowline.dev/holder";
const PROCESS: &str = "bowline.dev/holder-process";
const SCOPE: &str = "bowline.dev/holder-scope";
const SINCE: &str = "bowline.dev/lease-since";
const UNTIL: &str = "bowline.dev/lease-until";

/// How long a lease lasts unless it is renewed.
const TERM: Duration = Duration::from_secs(300);
/// How often a takeover is tried again after somebody else was faster.
const MOST_RACES: u32 = 10;
/// How often two looks at a release may contradict each other before that is no race any more.
const MOST_VAIN: u32 = 100;
/// Longest pause between two looks while waiting.
const PAUSE: Duration = Duration::from_millis(500);

/// Who works on a release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// For people: `user@host pid 17`.
    pub identity: String,
    /// Number of the process.
    pub process: u32,
    /// The processes among which the number means this one; `None` where the system does not tell.
    pub scope: Option<String>,
}

impl Holder {
    /// This process.
    pub fn of(host: &Host) -> Self {
        Holder { identity: host.identity(), process: std::process::id(), scope: process::scope() }
    }
}

/// A lease as it stands in a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// Who.
    pub holder: Holder,
    /// Since when.
    pub since: Time,
    /// Until when, unless it is renewed.
    pub until: Time,
}

impl Lease {
    pub(super) fn annotations(&self) -> BTreeMap<String, String> {
        let mut annotations = BTreeMap::from([
            (HOLDER.to_string(), self.holder.identity.clone()),
            (PROCESS.to_string(), self.holder.process.to_string()),
            (SINCE.to_string(), self.since.rfc3339_nano()),
            (UNTIL.to_string(), self.until.rfc3339_nano()),
        ]);
        if let Some(scope) = &self.holder.scope {
            annotations.insert(SCOPE.to_string(), scope.clone());
        }
        annotations
    }

    /// The lease of a record. One that cannot be read counts as none.
    pub(super) fn read(annotations: &BTreeMap<String, String>) -> Option<Self> {
        let time = |key: &str| Time::parse(RFC3339_NANO, annotations.get(key)?, &Zone::Utc).ok();
        Some(Lease {
            holder: Holder {
                identity: annotations.get(HOLDER)?.clone(),
                process: annotations.get(PROCESS).and_then(|number| number.parse().ok()).unwrap_or(0),
                scope: annotations.get(SCOPE).cloned(),
            },
            since: time(SINCE)?,
            until: time(UNTIL)?,
        })
    }
}

/// How a client takes part.
#[derive(Clone, Copy)]
pub struct Terms<'a> {
    /// Who it is.
    pub holder: &'a Holder,
    /// How long its leases last.
    pub term: Duration,
    /// How long it waits for another operation to end.
    pub wait: Duration,
    /// After how long a pending record without a lease counts as abandoned; `None` for never.
    pub abandoned_after: Option<Duration>,
    /// Whether a pending record without a lease stops nobody: for rollback and uninstall, the way out of it.
    pub over_unheld: bool,
    /// How it waits between two looks; a test passes something quicker than sleep.
    pub pause: &'a dyn Fn(Duration),
}

impl<'a> Terms<'a> {
    /// Five minutes per lease, no waiting, records without a lease are never taken over.
    pub fn new(holder: &'a Holder) -> Self {
        Terms {
            holder,
            term: TERM,
            wait: Duration::ZERO,
            abandoned_after: None,
            over_unheld: false,
            pause: &std::thread::sleep,
        }
    }

    fn lease(&self, now: &Time) -> Lease {
        let until = now.add(GoDuration::from_std(self.term));
        Lease { holder: self.holder.clone(), since: now.clone(), until }
    }
}

/// An operation that was abandoned and taken over.
#[derive(Debug, Clone, PartialEq)]
pub struct Takeover {
    /// Its revision.
    pub revision: u64,
    /// Its state before.
    pub status: Status,
    /// What its record says now.
    pub description: String,
}

/// Waits until nothing is under way on a release, and takes over what was abandoned. To be called before an operation looks
/// at the release, so that it starts from the state that it will find.
///
/// # Errors
/// Somebody still works on it when the wait is over; the store fails.
pub fn clear(history: &History<'_>, name: &str, terms: &Terms<'_>) -> Result<Option<Takeover>, ReleaseError> {
    clear_and_look(history, name, terms).map(|(taken, _)| taken)
}

/// The same, with the look at the release that showed that nothing is under way.
///
/// # Errors
/// As [`clear`].
pub fn clear_and_look<'h>(
    history: &History<'h>,
    name: &str,
    terms: &Terms<'_>,
) -> Result<(Option<Takeover>, Look<'h>), ReleaseError> {
    let start = now(history);
    let (mut taken, mut races, mut vain) = (None, 0, 0);
    loop {
        let seen = history.look(name)?;
        if !seen.newest().is_some_and(is_under_way) {
            return Ok((taken, seen));
        }
        // What is under way is looked at with its payload, which tells since when where nothing beside it does.
        let newest = match history.head(name) {
            Ok(Some(newest)) => newest,
            Ok(None) => {
                looked_in_vain(name, &mut vain)?;
                continue;
            }
            // Its labels and its lease tell enough.
            Err(ReleaseError::Undecodable { .. }) => match seen.newest() {
                Some(newest) => newest.clone(),
                None => {
                    looked_in_vain(name, &mut vain)?;
                    continue;
                }
            },
            Err(error) => return Err(error),
        };
        let now = now(history);
        let error = match standing(&newest, terms, &now) {
            Standing::Free
                if seen.newest().is_some_and(|it| it.resource_version == newest.resource_version) =>
            {
                return Ok((taken, seen));
            }
            Standing::Free => {
                looked_in_vain(name, &mut vain)?;
                continue;
            }
            Standing::Abandoned(description) => {
                match take_over(history, &newest, description) {
                    Ok(takeover) => taken = Some(takeover),
                    // Somebody else did it, or the holder was alive after all.
                    Err(ReleaseError::Store(StoreError::Conflict { .. }) | ReleaseError::NotFound { .. })
                        if races < MOST_RACES =>
                    {
                        races += 1;
                    }
                    // What cannot be read cannot be closed either; nobody is at it, and operations go on over it.
                    Err(ReleaseError::Undecodable { .. }) => return Ok((taken, seen)),
                    Err(error) => return Err(error),
                }
                continue;
            }
            Standing::Busy(mut error) => {
                if let ReleaseError::InProgress { good, .. } = &mut error {
                    *good = seen
                        .states()
                        .rev()
                        .find(|row| row.status == Status::Deployed)
                        .map(|row| row.revision);
                }
                error
            }
        };
        let left = terms.wait.saturating_sub(now.since(&start).to_std());
        if left.is_zero() {
            return Err(error);
        }
        (terms.pause)(left.min(PAUSE));
    }
}

/// Counts a pair of looks that do not fit together: the record went meanwhile, or a damaged store tells of one in a list and
/// has none.
fn looked_in_vain(name: &str, vain: &mut u32) -> Result<(), ReleaseError> {
    *vain += 1;
    if *vain < MOST_VAIN { Ok(()) } else { Err(ReleaseError::Unsteady { name: name.to_string() }) }
}

/// Begins an operation that makes a revision: clears the way without waiting, and writes the record with a lease.
///
/// # Errors
/// Somebody works on the release, or was faster; the store fails.
pub fn acquire(history: &History<'_>, release: Release, terms: &Terms<'_>) -> Result<Record, ReleaseError> {
    acquire_with(history, release, Middle::default(), terms)
}

/// The same with what was made of the revision's payload before.
///
/// # Errors
/// As [`acquire`].
pub fn acquire_with(
    history: &History<'_>,
    release: Release,
    middle: Middle,
    terms: &Terms<'_>,
) -> Result<Record, ReleaseError> {
    let over_unheld = terms.over_unheld || release.info.status == Status::PendingRollback;
    let at_once = Terms { wait: Duration::ZERO, over_unheld, ..*terms };
    let (name, revision) = (release.name.clone(), release.version);
    clear(history, &name, &at_once)?;
    let mut record = Record::new(release, Some(terms.lease(&now(history)))).with_middle(middle);
    match history.save(&mut [&mut record], Vec::new()) {
        Ok(_) => Ok(record),
        Err(ReleaseError::AlreadyExists { .. }) => {
            history.check_labelled(&name, revision)?;
            Err(outrun(history, &name, &at_once))
        }
        Err(error) => Err(error),
    }
}

/// What to say when somebody was faster: who they are while they are at it, else what they made of the release.
fn outrun(history: &History<'_>, name: &str, terms: &Terms<'_>) -> ReleaseError {
    match clear_and_look(history, name, &Terms { wait: Duration::ZERO, ..*terms }) {
        Err(error) => error,
        Ok((_, look)) => ReleaseError::Outrun {
            name: name.to_string(),
            now: look.newest().map(|newest| (newest.revision, newest.status)),
        },
    }
}

/// Begins an operation on a revision that is there (an uninstall): writes its changed record with a lease.
///
/// # Errors
/// Somebody changed the record, or works on it; the store fails.
pub fn acquire_existing(
    history: &History<'_>,
    record: &mut Record,
    terms: &Terms<'_>,
) -> Result<(), ReleaseError> {
    let now = now(history);
    let live = record.lease.as_ref().filter(|lease| is_live(lease, terms.holder, &now));
    if let Some(lease) = live.filter(|lease| lease.holder != *terms.holder) {
        let release = &record.release;
        return Err(held(&release.name, release.version, release.info.status, lease));
    }
    let before = record.lease.replace(terms.lease(&now));
    let name = record.release.name.clone();
    match history.update(record) {
        Ok(()) => Ok(()),
        Err(error) => {
            record.lease = before;
            let gone = matches!(error, ReleaseError::NotFound { .. });
            Err(if gone || error.is_race() { outrun(history, &name, terms) } else { error })
        }
    }
}

/// An error in the words of releases when it is a record that somebody else changed meanwhile.
pub fn told_race(history: &History<'_>, name: &str, error: ReleaseError) -> ReleaseError {
    match &error {
        ReleaseError::Store(StoreError::Conflict { id, .. }) if record::is_record_name(&id.name) => {}
        _ => return error,
    }
    match history.look(name) {
        Ok(look) => {
            let now = look.newest().map(|newest| (newest.revision, newest.status));
            ReleaseError::Outrun { name: name.to_string(), now }
        }
        Err(_) => error,
    }
}

/// Prolongs the lease of a record. Its release is not written.
///
/// # Errors
/// [`ReleaseError::Lost`] when somebody took over; the store fails.
pub fn renew(history: &History<'_>, record: &mut Record, terms: &Terms<'_>) -> Result<(), ReleaseError> {
    let (name, revision) = (record.release.name.clone(), record.release.version);
    let lost = |by: &str| ReleaseError::Lost { name: name.clone(), revision, by: by.to_string() };
    let id = history.driver.id(history.namespace, &record::object_name(&name, revision));
    let Some(stored) = history.store.get(&id)? else { return Err(lost("nobody")) };
    let since = match Lease::read(&stored.annotations) {
        Some(lease) if lease.holder == *terms.holder => lease.since,
        Some(lease) => return Err(lost(&lease.holder.identity)),
        None => return Err(lost("nobody")),
    };
    let lease = Lease { since, ..terms.lease(&now(history)) };
    let mut body = stored.body.unwrap_or_default();
    let metadata = body.as_map_mut().and_then(|map| map.get_mut("metadata")).and_then(Value::as_map_mut);
    let annotations = metadata.and_then(|map| map.get_mut("annotations")).and_then(Value::as_map_mut);
    if let Some(annotations) = annotations {
        for (key, value) in lease.annotations() {
            annotations.insert(key.into(), Value::str(value));
        }
    }
    let writes = [Write::Replace { body, expected: Some(stored.resource_version) }];
    let version =
        history.store.batch(&writes)?.into_iter().flatten().next().map(|stored| stored.resource_version);
    record.renewed(lease, version.unwrap_or(stored.resource_version));
    Ok(())
}

/// Ends an operation: writes the record as it is now, without a lease.
///
/// # Errors
/// Somebody took over; the change of state is illegal; the store fails. The record keeps its lease then.
pub fn release(history: &History<'_>, record: &mut Record) -> Result<(), ReleaseError> {
    let before = record.lease.take();
    history.update(record).inspect_err(|_| record.lease = before)
}

/// How the newest record looks to a client.
enum Standing {
    Free,
    Abandoned(String),
    Busy(ReleaseError),
}

fn is_under_way(newest: &Summary) -> bool {
    newest.status.is_pending() || newest.status == Status::Uninstalling
}

fn standing(newest: &Summary, terms: &Terms<'_>, now: &Time) -> Standing {
    if !is_under_way(newest) {
        return Standing::Free;
    }
    let doing = newest.status;
    if let Some(lease) = &newest.lease {
        if is_live(lease, terms.holder, now) {
            return Standing::Busy(held(&newest.name, newest.revision, doing, lease));
        }
        let how = if lease.until <= *now { "its lease ran out" } else { "its process is gone" };
        return Standing::Abandoned(format!(
            "Abandoned ({doing}) by {} since {}: {how}, taken over by {}",
            lease.holder.identity, lease.since, terms.holder.identity
        ));
    }
    if newest.status == Status::Uninstalling || terms.over_unheld {
        // Helm leaves `uninstalling` behind when an uninstall fails; the next one goes on from it. What it left pending is
        // left by a rollback or an uninstall, and by nothing else.
        return Standing::Free;
    }
    let age = newest.updated.as_ref().map(|updated| now.since(updated).to_std());
    match (terms.abandoned_after, age) {
        (Some(limit), Some(age)) if age >= limit => Standing::Abandoned(format!(
            "Abandoned ({doing}) by an unknown holder: no change for {}, taken over by {}",
            GoDuration::from_std(age),
            terms.holder.identity
        )),
        _ => Standing::Busy(ReleaseError::InProgress {
            name: newest.name.clone(),
            revision: newest.revision,
            status: doing,
            since: newest.updated.clone().map(Box::new),
            good: None,
        }),
    }
}

/// Whether the holder of a lease may still be at work.
fn is_live(lease: &Lease, client: &Holder, now: &Time) -> bool {
    if lease.until <= *now {
        return false;
    }
    let same_scope = lease.holder.scope.is_some() && lease.holder.scope == client.scope;
    !(same_scope && lease.holder.process != 0 && process::is_running(lease.holder.process) == Some(false))
}

fn held(name: &str, revision: u64, status: Status, lease: &Lease) -> ReleaseError {
    ReleaseError::Held {
        name: name.to_string(),
        revision,
        status,
        holder: lease.holder.identity.clone(),
        since: Box::new(lease.since.clone()),
        until: Box::new(lease.until.clone()),
    }
}

/// Ends an abandoned operation, at the version that was looked at.
fn take_over(history: &History<'_>, newest: &Summary, description: String) -> Result<Takeover, ReleaseError> {
    let mut record = history.get(&newest.name, newest.revision)?;
    if record.resource_version() != newest.resource_version {
        let id = history.driver.id(history.namespace, &record::object_name(&newest.name, newest.revision));
        let (expected, found) = (newest.resource_version, record.resource_version());
        return Err(StoreError::Conflict { id: id.into(), expected, found }.into());
    }
    if newest.status.is_pending() {
        record.release.info.status = Status::Failed;
    }
    record.release.info.description.clone_from(&description);
    record.lease = None;
    history.update(&mut record)?;
    Ok(Takeover { revision: newest.revision, status: newest.status, description })
}

fn now(history: &History<'_>) -> Time {
    Time::from_system(history.clock.now(), Zone::Utc)
}
