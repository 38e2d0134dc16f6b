//! Leases: who works on a revision, until when that counts, and who keeps it.
//!
//! A lease stands in annotations of a record, beside its payload, so that it is written and taken back without the payload being
//! read: that of a record which Helm made, or which is damaged, too.
//!
//! The holder judges by its own clocks, and gives up early: what it could not renew for [`LAST`] of [`TERM`] counts as lost to
//! it. Others judge late: by the clock of the machine only [`SKEW`] after the end that is written down, since clocks differ, or
//! once they saw the lease unchanged for nearly the whole term.
//!
//! Invariant: a lease is written at the version of the record that was looked at, and only where it is free or one's own.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::history::{History, Record};
use super::{Driver, ReleaseError, record};
use crate::cluster::{StoreError, Stored, Write};
use crate::data::time::{GoDuration, RFC3339_NANO, Time, Zone};
use crate::data::{Map, Value};
use crate::sys::{Host, monotonic, process};

const HOLDER: &str = "bowline.dev/holder";
const PROCESS: &str = "bowline.dev/holder-process";
const SCOPE: &str = "bowline.dev/holder-scope";
const SINCE: &str = "bowline.dev/lease-since";
const UNTIL: &str = "bowline.dev/lease-until";

/// How long a lease lasts unless it is renewed.
pub const TERM: Duration = Duration::from_secs(300);
/// How far the clocks of two machines may be apart.
pub const SKEW: Duration = Duration::from_secs(300);
/// How old a lease is when its holder renews it.
const RENEW: Duration = Duration::from_secs(60);
/// How old a look at the lease may be when something is changed.
const SURE: Duration = Duration::from_secs(5);
/// How old a lease is when its holder stops, should it not have been renewed. What is under way then has time to end.
const LAST: Duration = Duration::from_secs(240);
/// A pause before a lease that could not be renewed is tried again.
const TRY_AGAIN: Duration = Duration::from_secs(5);
/// How often a lease is written again to a record that others change meanwhile.
const MOST_RACES: u32 = 10;

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

    /// When the lease counts as over for everybody, unless it is renewed: later than it says, but no more than by its own length.
    pub(super) fn over_at(&self) -> Time {
        let length = self.until.since(&self.since).to_std();
        self.until.add(GoDuration::from_std(SKEW.min(length)))
    }

    /// Whether its holder may still be at work, as far as `client` can tell.
    pub(super) fn is_live(&self, client: &Holder, now: &Time) -> bool {
        if self.over_at() <= *now {
            return false;
        }
        let same_scope = self.holder.scope.is_some() && self.holder.scope == client.scope;
        !(same_scope && self.holder.process != 0 && process::is_running(self.holder.process) == Some(false))
    }

    /// Whether somebody else than `client` has it and may still be at work.
    pub(super) fn keeps_out(&self, client: &Holder, now: &Time) -> bool {
        self.holder != *client && self.is_live(client, now)
    }
}

/// A lease that a client waits for, and for how long it saw it unchanged.
#[derive(Debug, Default)]
pub struct Watched {
    lease: Option<(u64, Lease)>,
    waited: Duration,
}

impl Watched {
    /// Notes how the lease is now. Returns whether nobody renewed it for nearly a whole term.
    pub(super) fn is_over(&mut self, revision: u64, lease: &Lease, term: Duration) -> bool {
        let now = Some((revision, lease.clone()));
        if self.lease != now {
            *self = Watched { lease: now, waited: Duration::ZERO };
        }
        self.waited >= term.saturating_sub(term / 30)
    }

    /// Notes that so much time passed.
    pub(super) fn pass(&mut self, time: Duration) {
        self.waited = self.waited.saturating_add(time);
    }
}

/// The time of leases.
pub(super) fn now(history: &History<'_>) -> Time {
    Time::from_system(history.clock.now(), Zone::Utc)
}

/// Writes the lease of a revision, or takes it away, and nothing else of its record. `fits` says whether the record is the one
/// that is meant, each time before it is written. Returns the version that it has then.
///
/// # Errors
/// [`ReleaseError::NotFound`]; what `fits` fails with; the store fails.
pub(super) fn put(
    history: &History<'_>,
    (name, revision): (&str, u64),
    lease: Option<&Lease>,
    fits: &dyn Fn(&Stored) -> Result<(), ReleaseError>,
) -> Result<u64, ReleaseError> {
    let id = history.driver.id(history.namespace, &record::object_name(name, revision));
    let missing = || ReleaseError::NotFound { name: name.to_string(), revision: Some(revision) };
    let mut races = 0;
    loop {
        let stored = history.store.get(&id)?.ok_or_else(missing)?;
        fits(&stored)?;
        let version = stored.resource_version;
        let body = annotated(stored.body.unwrap_or_default(), history.driver, lease);
        match history.store.batch_brief(&[Write::Replace { body, expected: Some(version) }]) {
            Ok(results) => {
                let written = results.into_iter().flatten().next();
                return Ok(written.map_or(version, |stored| stored.resource_version));
            }
            Err(StoreError::Conflict { .. }) if races < MOST_RACES => races += 1,
            Err(StoreError::NotFound { .. }) => return Err(missing()),
            Err(error) => return Err(error.into()),
        }
    }
}

/// The object of a record with a lease, or without one.
fn annotated(mut body: Value, driver: Driver, lease: Option<&Lease>) -> Value {
    debug_assert!(body.get("kind").and_then(Value::as_str).is_none_or(|kind| kind == driver.kind()));
    let metadata = body.as_map_mut().and_then(|map| map.get_mut("metadata")).and_then(Value::as_map_mut);
    let Some(metadata) = metadata else { return body };
    let annotations = metadata.entry("annotations".into()).or_insert_with(Value::map);
    if annotations.as_map().is_none() {
        *annotations = Value::Map(Map::new());
    }
    let Some(annotations) = annotations.as_map_mut() else { return body };
    for key in [HOLDER, PROCESS, SCOPE, SINCE, UNTIL] {
        annotations.shift_remove(key);
    }
    for (key, value) in lease.map(Lease::annotations).unwrap_or_default() {
        annotations.insert(key.into(), Value::str(value));
    }
    if annotations.is_empty() {
        metadata.shift_remove("annotations");
    }
    body
}

/// Takes a lease of one's own back, where it still is one's own: the record stays as it is.
///
/// # Errors
/// Somebody took over; the store fails.
pub(super) fn give_back(
    history: &History<'_>,
    at: (&str, u64),
    holder: &Holder,
) -> Result<u64, ReleaseError> {
    put(history, at, None, &|stored| is_held_by(stored, at, holder))
}

/// Takes a lease away that is over, where it still stands as it was seen.
///
/// # Errors
/// It was renewed; the store fails.
pub(super) fn end(history: &History<'_>, at: (&str, u64), seen: &Lease) -> Result<(), ReleaseError> {
    let fits = |stored: &Stored| match Lease::read(&stored.annotations) {
        Some(lease) if lease == *seen => Ok(()),
        lease => Err(lost(at, lease.as_ref().map_or("nobody", |lease| &lease.holder.identity))),
    };
    put(history, at, None, &fits).map(drop)
}

/// Whether the lease of a record is `holder`'s.
fn is_held_by(stored: &Stored, at: (&str, u64), holder: &Holder) -> Result<(), ReleaseError> {
    match Lease::read(&stored.annotations) {
        Some(lease) if lease.holder == *holder => Ok(()),
        Some(lease) => Err(lost(at, &lease.holder.identity)),
        None => Err(lost(at, "nobody")),
    }
}

pub(super) fn lost((name, revision): (&str, u64), by: &str) -> ReleaseError {
    ReleaseError::Lost { name: name.to_string(), revision, by: by.to_string() }
}

/// Prolongs the lease of a record. Its release is not written.
///
/// # Errors
/// [`ReleaseError::Lost`] when somebody took over; the store fails.
pub(super) fn renew(
    history: &History<'_>,
    record: &mut Record,
    holder: &Holder,
    term: Duration,
) -> Result<(), ReleaseError> {
    let (name, revision) = (record.release.name.clone(), record.release.version);
    let at = (name.as_str(), revision);
    let Some(before) = &record.lease else { return Err(lost(at, "nobody")) };
    let until = now(history).add(GoDuration::from_std(term));
    let lease = Lease { until, ..before.clone() };
    let uid = record.uid();
    let fits = |stored: &Stored| {
        is_held_by(stored, at, holder)?;
        if stored.uid != uid || record::status(stored) != record.stored_status().unwrap_or_default() {
            return Err(lost(at, "somebody"));
        }
        Ok(())
    };
    let version = match put(history, at, Some(&lease), &fits) {
        Err(ReleaseError::NotFound { .. }) => return Err(lost(at, "nobody")),
        done => done?,
    };
    record.renewed(lease, version);
    Ok(())
}

/// Keeps the lease of an operation while that lasts.
#[derive(Debug)]
pub struct Keeper {
    holder: Holder,
    /// By the steady clock, which stands still while the machine sleeps, and by the other one, which does not.
    renewed: (Instant, Time),
    tried: Option<Instant>,
    lost: Option<String>,
}

impl Keeper {
    /// Keeps a lease that was just written.
    pub fn new(holder: Holder, history: &History<'_>) -> Self {
        Keeper { holder, renewed: (monotonic(), now(history)), tried: None, lost: None }
    }

    /// Who it is kept for.
    pub fn holder(&self) -> &Holder {
        &self.holder
    }

    /// Whether somebody took over. Nothing may be changed any more then.
    pub fn is_lost(&self) -> bool {
        self.lost.is_some()
    }

    /// Says that somebody was seen to have taken over.
    pub fn lose(&mut self, by: &str) {
        self.lost.get_or_insert_with(|| by.to_string());
    }

    /// Renews the lease when it is due: to be called now and then while something is waited for. Returns why it could not be
    /// renewed, as long as it lasts.
    ///
    /// # Errors
    /// [`ReleaseError::Lost`] when somebody took over; the store fails until the lease is too old.
    pub fn keep(
        &mut self,
        history: &History<'_>,
        record: &mut Record,
    ) -> Result<Option<ReleaseError>, ReleaseError> {
        self.renew_from(RENEW, history, record)
    }

    /// The same before something is changed: the lease is looked at unless that was just done.
    ///
    /// # Errors
    /// As [`Keeper::keep`].
    pub fn make_sure(
        &mut self,
        history: &History<'_>,
        record: &mut Record,
    ) -> Result<Option<ReleaseError>, ReleaseError> {
        self.renew_from(SURE, history, record)
    }

    fn renew_from(
        &mut self,
        due: Duration,
        history: &History<'_>,
        record: &mut Record,
    ) -> Result<Option<ReleaseError>, ReleaseError> {
        if let Some(by) = &self.lost {
            return Err(lost((&record.release.name, record.release.version), by));
        }
        if record.lease.is_none() {
            return Ok(None);
        }
        let at = now(history);
        let age = self.renewed.0.elapsed().max(at.since(&self.renewed.1).to_std());
        let waits = self.tried.is_some_and(|tried| tried.elapsed() < TRY_AGAIN);
        if age < due || (waits && age < LAST) {
            return Ok(None);
        }
        match renew(history, record, &self.holder, TERM) {
            Ok(()) => {
                self.renewed = (monotonic(), at);
                self.tried = None;
                Ok(None)
            }
            Err(ReleaseError::Lost { name, revision, by }) => {
                self.lose(&by);
                Err(lost((&name, revision), &by))
            }
            Err(error) if age < LAST => {
                self.tried = Some(monotonic());
                Ok(Some(error))
            }
            Err(error) => Err(error),
        }
    }
}
