//! Revisions that are deleted: one, those that are too many, or all of a release.
//!
//! The record of a large revision goes before its parts, so that every record that is there can be read. What a process that was
//! killed between the two left is swept by the next one: parts below the newest revision whose record is gone. Nothing would be left
//! to sweep after the last record; that one goes after its parts, when nobody needs to read it any more.
//!
//! Invariant: a record is deleted at the version that was seen. One that changed meanwhile is looked at again, and goes only when it is
//! the same record in the same state.

use super::history::{History, Record};
use super::lease::lost;
use super::look::{Base, Look};
use super::{Lease, ReleaseError, Status, Summary, record};
use crate::cluster::{StoreError, Write};

/// How often a record is tried again that others change meanwhile.
const MOST_RACES: u32 = 10;

impl Look<'_> {
    /// Makes room for a new revision: deletes the oldest ones until `max - 1` are left, but never the newest deployed one.
    /// 0 keeps all. Returns what was deleted. The new revision is none of those that were looked at.
    ///
    /// # Errors
    /// Deletions failed (the others are carried out).
    pub fn prune(&self, max: usize) -> Result<Vec<u64>, ReleaseError> {
        if max == 0 {
            return Ok(Vec::new());
        }
        let excess = (self.rows().len() + 1).saturating_sub(max);
        let deployed = self.states().rev().find(|state| state.status == Status::Deployed);
        let deployed = deployed.map(|state| state.revision);
        let doomed = self.states().map(|state| state.revision).filter(|revision| Some(*revision) != deployed);
        let (mut deleted, mut errors) = (Vec::new(), Vec::new());
        for revision in doomed.take(excess) {
            match self.delete(revision) {
                Ok(()) | Err(ReleaseError::NotFound { .. }) => deleted.push(revision),
                Err(ReleaseError::Store(error)) => errors.push(error),
                Err(error) => return Err(error),
            }
        }
        errors.extend(self.sweep().err());
        let count = errors.len();
        match errors.into_iter().next() {
            Some(first) => Err(ReleaseError::Prune { count, first: Box::new(first) }),
            None => Ok(deleted),
        }
    }

    /// Deletes one revision with its parts.
    ///
    /// # Errors
    /// [`ReleaseError::NotFound`]; it is not any more what was looked at; the store fails.
    pub fn delete(&self, revision: u64) -> Result<(), ReleaseError> {
        let missing = || ReleaseError::NotFound { name: self.name().to_string(), revision: Some(revision) };
        let row = self.rows().find(|row| row.revision == revision).ok_or_else(missing)?;
        self.history().delete_row(row, self.parts_of(revision), Order::RecordFirst)
    }

    fn parts_of(&self, revision: u64) -> &[String] {
        self.parts.get(&revision).map_or(&[], Vec::as_slice)
    }

    /// Deletes parts whose record is gone. Those of a revision that is being written are above the newest one.
    fn sweep(&self) -> Result<(), StoreError> {
        let newest = self.newest().map_or(0, |newest| newest.revision);
        let is_there = |revision: u64| self.rows().any(|row| row.revision == revision);
        let left = self.parts.range(..newest).filter(|(revision, _)| !is_there(**revision));
        for part in left.flat_map(|(_, parts)| parts) {
            let history = self.history();
            match history.store.delete(&history.driver.id(history.namespace, part), None) {
                Ok(()) | Err(StoreError::NotFound { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// What goes first, a record or its parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    RecordFirst,
    PartsFirst,
}

impl History<'_> {
    /// Deletes the revisions of a release, the oldest first and last the one that the caller holds, which tells the state until the
    /// end. Nothing is deleted unless `newest` is the newest one, and none that came later. `beat` is called before each
    /// deletion.
    ///
    /// # Errors
    /// [`ReleaseError::Outrun`] when there is a newer one; somebody took over; `beat` or the store fails.
    pub fn purge<E: From<ReleaseError>>(
        &self,
        name: &str,
        (held, newest): (&Base, &Base),
        beat: &mut dyn FnMut() -> Result<(), E>,
    ) -> Result<(), E> {
        let mut look = self.look(name)?;
        check_newest(&look, newest)?;
        let others: Vec<u64> = look.rows().filter(|row| !row.is(held)).map(|row| row.revision).collect();
        for revision in &others {
            beat()?;
            match look.delete(*revision) {
                Ok(()) | Err(ReleaseError::NotFound { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        beat()?;
        look.sweep().map_err(ReleaseError::from)?;
        if !others.is_empty() {
            look = self.look(name)?;
            check_newest(&look, held)?;
        }
        let Some(row) = look.rows().find(|row| row.is(held)) else { return Ok(()) };
        match self.delete_row(row, look.parts_of(held.revision), Order::PartsFirst) {
            Ok(()) | Err(ReleaseError::NotFound { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Deletes the record of a revision at its version, and its parts.
    ///
    /// # Errors
    /// As [`Look::delete`].
    pub(super) fn delete(&self, record: &Record) -> Result<(), ReleaseError> {
        let release = &record.release;
        let look = self.look(&release.name)?;
        let missing =
            || ReleaseError::NotFound { name: release.name.clone(), revision: Some(release.version) };
        let base = record.base();
        let row = look.rows().find(|row| row.is(&base)).ok_or_else(missing)?;
        if row.lease.as_ref().map(|lease| &lease.holder) != record.lease.as_ref().map(|lease| &lease.holder) {
            return Err(lost((&release.name, release.version), "somebody"));
        }
        self.delete_row(row, look.parts_of(release.version), Order::RecordFirst)
    }

    fn delete_row(&self, row: &Summary, parts: &[String], order: Order) -> Result<(), ReleaseError> {
        let id = self.driver.id(self.namespace, &record::object_name(&row.name, row.revision));
        let missing = || ReleaseError::NotFound { name: row.name.clone(), revision: Some(row.revision) };
        let gone = |error| match error {
            StoreError::NotFound { .. } => missing(),
            StoreError::Partial { source, .. } => (*source).into(),
            error => error.into(),
        };
        let (mut version, mut races) = (row.resource_version, 0);
        let mut parts: Vec<String> = parts.to_vec();
        loop {
            let mut writes: Vec<Write> = parts
                .iter()
                .map(|part| Write::Delete { id: self.driver.id(self.namespace, part), expected: None })
                .collect();
            let at = if order == Order::RecordFirst { 0 } else { writes.len() };
            writes.insert(at, Write::Delete { id: id.clone(), expected: Some(version) });
            let error = match self.store.batch(&writes).map(drop) {
                Ok(()) => return Ok(()),
                Err(error) => gone(error),
            };
            let is_race =
                error.is_race() || (!parts.is_empty() && matches!(error, ReleaseError::NotFound { .. }));
            if !is_race || races >= MOST_RACES {
                return Err(error);
            }
            races += 1;
            let stored = self.store.get(&id)?.ok_or_else(missing)?;
            let holder = |lease: Option<&Lease>| lease.map(|lease| lease.holder.clone());
            let lease = Lease::read(&stored.annotations);
            let is_same = stored.uid == row.uid
                && record::status(&stored) == row.status
                && holder(lease.as_ref()) == holder(row.lease.as_ref());
            if !is_same {
                return Err(error);
            }
            version = stored.resource_version;
            // Some of them are gone already.
            parts = self.part_names(&row.name, row.revision)?;
        }
    }
}

/// Refuses to go on when there is a newer revision than the one that was looked at.
fn check_newest(look: &Look<'_>, newest: &Base) -> Result<(), ReleaseError> {
    match look.newest() {
        Some(row) if !row.is(newest) => Err(look.outrun()),
        _ => Ok(()),
    }
}
