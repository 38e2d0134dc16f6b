//! How an operation gets a release for itself, and gives it back: the two sides of the protocol that `lock` describes.
//!
//! Invariant: whoever gets an error here has changed nothing that others can see, but for what a store that fails in the middle
//! keeps: a lease, which ends.

use std::time::Duration;

use super::codec::Middle;
use super::history::{History, Record};
use super::lease::{self, now};
use super::lock::{Terms, clear_and_look, held};
use super::look::{Base, Look};
use super::{Lease, Release, ReleaseError, Status, Summary, record};
use crate::cluster::Stored;

/// How long a new revision waits for the one below it to be given back by a client that saw the new one.
const YIELDS_WITHIN: Duration = Duration::from_secs(3);
/// A pause between two looks at that.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// Begins an operation that makes a revision: clears the way without waiting, and writes the record with a lease.
///
/// # Errors
/// Somebody works on the release, or was faster; the store fails.
pub fn acquire(history: &History<'_>, release: Release, terms: &Terms<'_>) -> Result<Record, ReleaseError> {
    let over_unheld = terms.over_unheld || release.info.status == Status::PendingRollback;
    let at_once = Terms { wait: Duration::ZERO, over_unheld, ..*terms };
    let (_, look) = clear_and_look(history, &release.name, &at_once)?;
    let base = look.newest().map(Summary::base);
    acquire_on(history, (release, Middle::default()), base.as_ref(), &at_once)
}

/// The same for an operation that was decided on a look at the release, in which `base` was the newest revision and nothing was
/// under way. Of the revision's payload something was made before.
///
/// # Errors
/// As [`acquire`].
pub fn acquire_on(
    history: &History<'_>,
    (release, middle): (Release, Middle),
    base: Option<&Base>,
    terms: &Terms<'_>,
) -> Result<Record, ReleaseError> {
    let (name, revision) = (release.name.clone(), release.version);
    let mut record = Record::new(release, Some(terms.lease(&now(history)))).with_middle(middle);
    match history.save_again(&mut [&mut record], Vec::new()) {
        Ok(_) => {}
        Err(ReleaseError::AlreadyExists { .. }) => {
            history.check_labelled(&name, revision)?;
            return Err(outrun(history, &name, terms));
        }
        Err(error) => return Err(error),
    }
    match stands_on(history, &record, base, terms) {
        Ok(true) => Ok(record),
        Ok(false) => {
            withdraw(history, &record)?;
            Err(outrun(history, &name, terms))
        }
        Err(error) => {
            // A store that cannot take it back keeps a pending record whose lease ends.
            let _ = withdraw(history, &record);
            Err(error)
        }
    }
}

/// Whether a new revision is the newest one, directly above what it was decided on, and nobody else works on that.
fn stands_on(
    history: &History<'_>,
    record: &Record,
    base: Option<&Base>,
    terms: &Terms<'_>,
) -> Result<bool, ReleaseError> {
    let name = &record.release.name;
    let mut waited = Duration::ZERO;
    loop {
        let look = history.look(name)?;
        let mut newest_first = look.rows().rev();
        let is_newest = newest_first.next().is_some_and(|row| row.uid == record.uid());
        if !is_newest || newest_first.next().map(Summary::base).as_ref() != base {
            return Ok(false);
        }
        let Some((row, lease)) = look.rival(terms.holder) else { return Ok(true) };
        if waited >= YIELDS_WITHIN {
            return Err(held(name, row.revision, row.status, lease));
        }
        (terms.pause)(LOOK_AGAIN);
        waited += LOOK_AGAIN;
    }
}

/// Takes a pending record back that nothing followed.
fn withdraw(history: &History<'_>, record: &Record) -> Result<(), ReleaseError> {
    match history.delete(record) {
        Err(ReleaseError::NotFound { .. }) => Ok(()),
        done => done,
    }
}

/// What to say when somebody was faster: who they are while they are at it, else what they made of the release.
pub(super) fn outrun(history: &History<'_>, name: &str, terms: &Terms<'_>) -> ReleaseError {
    match clear_and_look(history, name, &Terms { wait: Duration::ZERO, ..*terms }) {
        Err(error) => error,
        Ok((_, look)) => look.outrun(),
    }
}

/// Writes a lease into a revision of a release, whose state stays: the newest one, or the newest that can be read where `newest`
/// cannot. Returns the lease and the version of the record.
///
/// # Errors
/// Somebody works on the release, the revision is not what it was, or there is a newer one; the store fails.
pub fn hold(
    history: &History<'_>,
    name: &str,
    (base, newest): (&Base, &Base),
    terms: &Terms<'_>,
) -> Result<(Lease, u64), ReleaseError> {
    let at = (name, base.revision);
    let lease = terms.lease(&now(history));
    let fits = |stored: &Stored| {
        let status = record::status(stored);
        if let Some(other) = Lease::read(&stored.annotations)
            && other.keeps_out(terms.holder, &now(history))
        {
            return Err(held(name, base.revision, status, &other));
        }
        if stored.uid == base.uid && status == base.status {
            return Ok(());
        }
        Err(ReleaseError::Outrun { name: name.to_string(), now: Some((base.revision, status)) })
    };
    let version = match lease::put(history, at, Some(&lease), &fits) {
        Ok(version) => version,
        Err(error) if error.is_race() || matches!(error, ReleaseError::NotFound { .. }) => {
            return Err(outrun(history, name, terms));
        }
        Err(error) => return Err(error),
    };
    let look = history.look(name);
    let is_ours = |look: &Look<'_>| {
        look.newest().is_some_and(|row| row.is(newest)) && look.rival(terms.holder).is_none()
    };
    if look.as_ref().is_ok_and(is_ours) {
        return Ok((lease, version));
    }
    // Should that fail, the lease ends by itself.
    let _ = lease::give_back(history, at, terms.holder);
    look?;
    Err(outrun(history, name, terms))
}

/// Gives a revision back that [`hold`] got, or an operation left in the middle, without writing its release.
///
/// # Errors
/// Somebody took over; the store fails.
pub fn let_go(
    history: &History<'_>,
    name: &str,
    revision: u64,
    terms: &Terms<'_>,
) -> Result<(), ReleaseError> {
    lease::give_back(history, (name, revision), terms.holder).map(drop)
}

/// Begins an operation on the newest revision (an uninstall): gets it, and writes its record as it was changed, with a lease.
///
/// # Errors
/// Somebody changed the record, or works on it; there is a newer one; the store fails.
pub fn acquire_existing(
    history: &History<'_>,
    record: &mut Record,
    terms: &Terms<'_>,
) -> Result<(), ReleaseError> {
    let newest = record.base();
    acquire_below(history, record, &newest, terms)
}

/// The same for the newest revision that can be read, where `newest` cannot.
///
/// # Errors
/// As [`acquire_existing`].
pub fn acquire_below(
    history: &History<'_>,
    record: &mut Record,
    newest: &Base,
    terms: &Terms<'_>,
) -> Result<(), ReleaseError> {
    hold_record(history, record, newest, terms)?;
    match history.save_again(&mut [&mut *record], Vec::new()) {
        Ok(_) => Ok(()),
        Err(error) => {
            let name = &record.release.name;
            let _ = let_go(history, name, record.release.version, terms);
            let error = if error.is_race() { outrun(history, name, terms) } else { error };
            record.lease = None;
            Err(error)
        }
    }
}

/// Gets a revision with its record, as [`hold`].
///
/// # Errors
/// As [`hold`].
pub fn hold_record(
    history: &History<'_>,
    record: &mut Record,
    newest: &Base,
    terms: &Terms<'_>,
) -> Result<(), ReleaseError> {
    let (lease, version) = hold(history, &record.release.name, (&record.base(), newest), terms)?;
    record.renewed(lease, version);
    Ok(())
}

/// Prolongs the lease of a record. Its release is not written.
///
/// # Errors
/// [`ReleaseError::Lost`] when somebody took over; the store fails.
pub fn renew(history: &History<'_>, record: &mut Record, terms: &Terms<'_>) -> Result<(), ReleaseError> {
    lease::renew(history, record, terms.holder, terms.term)
}

/// Ends an operation: writes the record as it is now, without a lease.
///
/// # Errors
/// Somebody took over; the change of state is illegal; the store fails. The record keeps its lease then.
pub fn release(history: &History<'_>, record: &mut Record) -> Result<(), ReleaseError> {
    let before = record.lease.take();
    history.save_again(&mut [&mut *record], Vec::new()).map(drop).inspect_err(|_| record.lease = before)
}
