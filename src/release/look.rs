//! All revisions of a release as one list found them: what an operation decides on.
//!
//! Install, upgrade, rollback and uninstall ask for the newest revision, the deployed ones, those that failed since, and those
//! that are too many. A [`Look`] answers from one list without payloads, so that all answers are of one moment; only the
//! payloads that are needed are read beside.
//!
//! Invariant: nothing is written on the strength of a look alone. Every write names the version of the record that it changes,
//! or makes a record that must not be there.

use super::history::{ATTEMPTS, History, Parts, Record, State};
use super::lease::now;
use super::record::{OWNER, PART_OWNER};
use super::{Holder, Lease, ReleaseError, Status, Summary};

/// A revision as an operation looked at it: what it goes on from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Base {
    /// Its number.
    pub revision: u64,
    /// The uid of its record: one that was deleted and made again has another.
    pub uid: String,
    /// How it stood.
    pub status: Status,
}

/// The revisions of a release at one moment.
pub struct Look<'a> {
    history: History<'a>,
    name: String,
    /// Oldest first. Chart, times and description are there for records that have them beside their payload.
    rows: Vec<Summary>,
    pub(super) parts: Parts,
}

impl<'a> History<'a> {
    /// Looks at a release: one list, no payload.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn look(&self, name: &str) -> Result<Look<'a>, ReleaseError> {
        let (mut rows, mut parts) = (Vec::new(), Parts::new());
        for stored in self.store.list(&self.metadata(&[("name", name)]))? {
            match stored.labels.get("owner").map(String::as_str) {
                Some(OWNER) => {
                    if let Some(mut row) = Summary::of_labels(&stored) {
                        row.fill_from_annotations(&stored.annotations);
                        rows.push(row);
                    }
                }
                Some(PART_OWNER) => {
                    let revision = stored.labels.get("version").and_then(|text| text.parse().ok());
                    parts.entry(revision.unwrap_or_default()).or_default().push(stored.id.name);
                }
                _ => {}
            }
        }
        rows.sort_by_key(|row| row.revision);
        Ok(Look { history: *self, name: name.to_string(), rows, parts })
    }
}

impl<'a> Look<'a> {
    /// Where it was looked.
    pub fn history(&self) -> &History<'a> {
        &self.history
    }

    /// The name of the release.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Numbers and states of all revisions, oldest first, by their labels alone. Records that cannot be read are among them.
    pub fn states(&self) -> impl DoubleEndedIterator<Item = State> + ExactSizeIterator {
        self.rows.iter().map(|row| State { revision: row.revision, status: row.status })
    }

    /// The newest revision by its labels and annotations; `None` when there is none.
    pub fn newest(&self) -> Option<&Summary> {
        self.rows.last()
    }

    /// All revisions by their labels and annotations, oldest first.
    pub(super) fn rows(&self) -> impl DoubleEndedIterator<Item = &Summary> + ExactSizeIterator {
        self.rows.iter()
    }

    /// The newest revision that somebody else than `client` holds who may still be at work.
    pub(super) fn rival(&self, client: &Holder) -> Option<(&Summary, &Lease)> {
        let held = |row: &'_ Summary| row.lease.is_some();
        // Mostly nobody holds anything, and nobody asks for the time.
        if !self.rows.iter().any(held) {
            return None;
        }
        let now = now(&self.history);
        let leases = self.rows.iter().rev().filter_map(|row| Some((row, row.lease.as_ref()?)));
        leases.into_iter().find(|(_, lease)| lease.keeps_out(client, &now))
    }

    /// That somebody was faster, with what they made of the release.
    pub(super) fn outrun(&self) -> ReleaseError {
        let now = self.newest().map(|newest| (newest.revision, newest.status));
        ReleaseError::Outrun { name: self.name.clone(), now }
    }

    /// The newest revision; `None` when there is none. Looks again when it went away in the meantime.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn last(&mut self) -> Result<Option<Record>, ReleaseError> {
        self.newest_that(|_| true)
    }

    /// The newest revision that can be read, and why newer ones cannot be; `None` when there is no revision at all.
    ///
    /// # Errors
    /// None of them can be read, or the store cannot be.
    pub fn last_readable(&mut self) -> Result<Option<(Record, Vec<ReleaseError>)>, ReleaseError> {
        let mut damaged = Vec::new();
        let mut below = u64::MAX;
        loop {
            match self.newest_that(|state| state.revision < below) {
                Ok(Some(record)) => return Ok(Some((record, damaged))),
                Ok(None) => return damaged.into_iter().next().map_or(Ok(None), Err),
                Err(error @ ReleaseError::Undecodable { .. }) => {
                    let unread = self.states().rev().find(|state| state.revision < below);
                    below = unread.map_or(0, |state| state.revision);
                    damaged.push(error);
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// The number of the next revision: above all that there are, whether they can be read or not.
    pub fn next_revision(&self) -> u64 {
        self.newest().map_or(1, |newest| newest.revision.saturating_add(1))
    }

    /// The newest deployed revision that can be read; `None` when there is none. Looks again when it went away in the
    /// meantime.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn deployed(&mut self) -> Result<Option<Record>, ReleaseError> {
        let mut below = u64::MAX;
        loop {
            let wanted = |state: State| state.status == Status::Deployed && state.revision < below;
            match self.newest_that(wanted) {
                Err(ReleaseError::Undecodable { .. }) => {
                    let unread = self.states().rev().find(|state| wanted(*state));
                    below = unread.map_or(0, |state| state.revision);
                }
                found => return found,
            }
        }
    }

    fn newest_that(&mut self, wanted: impl Fn(State) -> bool) -> Result<Option<Record>, ReleaseError> {
        for attempt in 1..=ATTEMPTS {
            let Some(newest) = self.states().rev().find(|state| wanted(*state)) else { return Ok(None) };
            match self.history.get(&self.name, newest.revision) {
                Err(ReleaseError::NotFound { .. }) if attempt < ATTEMPTS => {
                    *self = self.history.look(&self.name)?;
                }
                found => return found.map(Some),
            }
        }
        Ok(None)
    }

    /// The revisions that count as deployed, but for one, oldest first: mostly one, and none when it is that one. Those that
    /// cannot be read or went away meanwhile are left out.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn all_deployed(&self, but: Option<u64>) -> Result<Vec<Record>, ReleaseError> {
        let mut found = Vec::new();
        for state in self.states() {
            if state.status == Status::Deployed && Some(state.revision) != but {
                found.extend(self.history.get_readable(&self.name, state.revision)?);
            }
        }
        Ok(found)
    }
}
