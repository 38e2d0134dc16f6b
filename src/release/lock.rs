//! One operation on a release at a time.
//!
//! The record of a running operation carries a lease: who works on it, since when, and until when that counts (see `lease`).
//! There is no lock besides it, and none in a store that cannot write two records as one; the protocol needs no more than records
//! that are written at the version that was seen, and lists that show what was written before.
//!
//! An operation makes a revision (install, upgrade, rollback), or it works on the newest one (uninstall, purge, test). Both
//! write first and look then, so that of two that meet at least one sees the other:
//!
//! | | writes | looks then | and backs off when |
//! |---|---|---|---|
//! | makes revision N+1 | its pending record, with a lease | at all records | N is not what it was decided on: gone, made again, in another state; or a client that holds N does not give it back |
//! | works on N | its lease into N, whose state stays | at all records | there is a newer one |
//!
//! Backing off leaves everything as it was: the pending record is deleted, or the lease taken back; no object was touched.
//! Who works on N gives way at once, and who makes N+1 waits a moment for that; so one of them goes on. From then on the state
//! tells: N is `uninstalling` before the first object goes, and keeps its lease until its record is the last one and is deleted.
//! A purge deletes the records that it saw, at their versions, and none that came later (see `purge`).
//!
//! What an operation finds:
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
//! A lease is renewed before every change and during every wait, when it is due (see [`Keeper`]). A holder whom somebody took over
//! from changes nothing more: no object, no record, no cleaning up. One request that is under way at that moment is all that
//! can still arrive.
//!
//! Helm knows no leases. It writes whatever it likes, at any version: that others wrote into a record is no reason to give up as
//! long as it is the same record in the same state with the same holder ([`History::save_again`]). A revision that Helm makes
//! during an uninstall is left alone.
//!
//! An abandoned uninstall keeps its state `uninstalling`: the next uninstall finishes it.
//!
//! Invariant: a takeover is a write at the version that was looked at, so that only one client does it.

use std::cell::RefCell;
use std::time::Duration;

use super::history::History;
use super::lease::{self, TERM, lost, now};
use super::look::Look;
use super::{ReleaseError, Status, Summary, record};
use crate::cluster::StoreError;
use crate::data::time::{GoDuration, Time};

pub use super::hold::{
    acquire, acquire_below, acquire_existing, acquire_on, hold, hold_record, let_go, release, renew,
};
pub use super::lease::{Holder, Keeper, Lease, Watched};

/// How often a takeover is tried again after somebody else was faster.
const MOST_RACES: u32 = 10;
/// How often two looks at a release may contradict each other before that is no race any more.
const MOST_VAIN: u32 = 100;
/// Longest pause between two looks while waiting.
const PAUSE: Duration = Duration::from_millis(500);

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
    /// What it saw of a lease that it waits for, when it waits in several turns.
    pub watched: Option<&'a RefCell<Watched>>,
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
            watched: None,
            pause: &std::thread::sleep,
        }
    }

    pub(super) fn lease(&self, now: &Time) -> Lease {
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
    let own = RefCell::default();
    let watched = terms.watched.unwrap_or(&own);
    let (mut taken, mut races, mut vain) = (None, 0, 0);
    loop {
        let seen = history.look(name)?;
        let is_open = seen.newest().is_some_and(is_under_way);
        let rival = if is_open { None } else { seen.rival(terms.holder) };
        if !is_open && rival.is_none() {
            return Ok((taken, seen));
        }
        let at = now(history);
        let closer = match rival {
            Some((row, lease)) => wait_out(history, row, lease, terms, &mut watched.borrow_mut())?,
            None => look_closer(history, &seen, (terms, &at), &mut watched.borrow_mut())?,
        };
        let error = match closer {
            Closer::Free => return Ok((taken, seen)),
            Closer::Vain => {
                looked_in_vain(name, &mut vain)?;
                continue;
            }
            Closer::TakenOver(takeover) => {
                taken = Some(takeover);
                continue;
            }
            // Somebody else did it, or the holder was alive after all.
            Closer::Race(_) if races < MOST_RACES => {
                races += 1;
                continue;
            }
            Closer::Race(error) | Closer::Busy(error) => error,
        };
        let left = terms.wait.saturating_sub(at.since(&start).to_std());
        if left.is_zero() || error.is_race() {
            return Err(error);
        }
        let pause = left.min(PAUSE);
        (terms.pause)(pause);
        watched.borrow_mut().pass(pause);
    }
}

/// What a second look at a revision under way showed.
enum Closer {
    /// Nobody is at it.
    Free,
    /// The two looks do not fit together.
    Vain,
    /// It was abandoned.
    TakenOver(Takeover),
    /// It was abandoned, and somebody else was faster.
    Race(ReleaseError),
    /// Somebody is at it.
    Busy(ReleaseError),
}

/// Looks at a lease in a revision that is finished, which somebody works on. One that nobody renews is taken away.
fn wait_out(
    history: &History<'_>,
    row: &Summary,
    lease: &Lease,
    terms: &Terms<'_>,
    watched: &mut Watched,
) -> Result<Closer, ReleaseError> {
    if !watched.is_over(row.revision, lease, terms.term) {
        return Ok(Closer::Busy(held(&row.name, row.revision, row.status, lease)));
    }
    match lease::end(history, (&row.name, row.revision), lease) {
        // Another look tells.
        Ok(()) | Err(ReleaseError::Lost { .. } | ReleaseError::NotFound { .. }) => Ok(Closer::Vain),
        Err(error) => Err(error),
    }
}

/// Looks at what is under way with its payload, which tells since when where nothing beside it does, and takes it over when it
/// was abandoned.
fn look_closer(
    history: &History<'_>,
    seen: &Look<'_>,
    (terms, at): (&Terms<'_>, &Time),
    watched: &mut Watched,
) -> Result<Closer, ReleaseError> {
    let newest = match history.head(seen.name()) {
        Ok(Some(newest)) => newest,
        Ok(None) => return Ok(Closer::Vain),
        // Its labels and its lease tell enough.
        Err(ReleaseError::Undecodable { .. }) => match seen.newest() {
            Some(newest) => newest.clone(),
            None => return Ok(Closer::Vain),
        },
        Err(error) => return Err(error),
    };
    match standing(&newest, terms, at, watched) {
        Standing::Free => {
            let is_same = |row: &Summary| row.resource_version == newest.resource_version;
            Ok(if seen.newest().is_some_and(is_same) { Closer::Free } else { Closer::Vain })
        }
        Standing::Abandoned(description) => match take_over(history, &newest, description) {
            Ok(takeover) => Ok(Closer::TakenOver(takeover)),
            Err(
                error @ (ReleaseError::Store(StoreError::Conflict { .. }) | ReleaseError::NotFound { .. }),
            ) => Ok(Closer::Race(error)),
            // What cannot be read cannot be closed either; nobody is at it, and operations go on over it.
            Err(ReleaseError::Undecodable { .. }) => {
                let lease = newest.lease.as_ref().filter(|lease| lease.is_live(terms.holder, at));
                if let Some(lease) = lease {
                    // By its time alone it would still keep others out.
                    lease::end(history, (&newest.name, newest.revision), lease)?;
                }
                Ok(Closer::Free)
            }
            Err(error) => Err(error),
        },
        Standing::Busy(mut error) => {
            if let ReleaseError::InProgress { good, .. } = &mut error {
                let deployed = seen.states().rev().find(|row| row.status == Status::Deployed);
                *good = deployed.map(|row| row.revision);
            }
            Ok(Closer::Busy(error))
        }
    }
}

/// Counts a pair of looks that do not fit together: the record went meanwhile, or a damaged store tells of one in a list and
/// has none.
fn looked_in_vain(name: &str, vain: &mut u32) -> Result<(), ReleaseError> {
    *vain += 1;
    if *vain < MOST_VAIN { Ok(()) } else { Err(ReleaseError::Unsteady { name: name.to_string() }) }
}

/// An error of writing the record of a running operation in the words of releases: whoever changed it has taken over.
pub fn told_lost(history: &History<'_>, name: &str, revision: u64, error: ReleaseError) -> ReleaseError {
    let record = record::object_name(name, revision);
    match &error {
        ReleaseError::Store(StoreError::Conflict { id, .. }) if id.name == record => {}
        ReleaseError::NotFound { revision: Some(gone), .. } if *gone == revision => {}
        _ => return error,
    }
    let stored = history.store.get(&history.driver.id(history.namespace, &record)).ok().flatten();
    let lease = stored.and_then(|stored| Lease::read(&stored.annotations));
    lost((name, revision), lease.as_ref().map_or("nobody", |lease| &lease.holder.identity))
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

fn standing(newest: &Summary, terms: &Terms<'_>, now: &Time, watched: &mut Watched) -> Standing {
    if !is_under_way(newest) {
        return Standing::Free;
    }
    let doing = newest.status;
    if let Some(lease) = &newest.lease {
        let unchanged = watched.is_over(newest.revision, lease, terms.term);
        if lease.is_live(terms.holder, now) && !unchanged {
            return Standing::Busy(held(&newest.name, newest.revision, doing, lease));
        }
        let over = unchanged || lease.until <= *now;
        let how = if over { "its lease ran out" } else { "its process is gone" };
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

pub(super) fn held(name: &str, revision: u64, status: Status, lease: &Lease) -> ReleaseError {
    ReleaseError::Held {
        name: name.to_string(),
        revision,
        status,
        holder: lease.holder.identity.clone(),
        since: Box::new(lease.since.clone()),
        until: Box::new(lease.over_at()),
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
