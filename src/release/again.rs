//! Records that are written again after a race that does not matter.
//!
//! Others write labels and annotations into whatever they find, and an answer may be lost on its way. Neither says that the
//! operation came to nothing.
//!
//! Invariant: what is written again is the record of the same revision, in the state in which this client knows it, with the same
//! holder. A record that somebody took over stays theirs.

use super::history::{History, Record};
use super::{ReleaseError, record};
use crate::cluster::{StoreError, Stored, Write};
use crate::manifest::ObjectRef;

/// How often a record is written again.
const MOST_RACES: u32 = 10;

impl History<'_> {
    /// As [`History::save`], again when a record was only touched by others meanwhile, or when no answer came.
    ///
    /// # Errors
    /// As [`History::save`].
    pub fn save_again(
        &self,
        records: &mut [&mut Record],
        objects: Vec<Write>,
    ) -> Result<Vec<Option<Stored>>, ReleaseError> {
        for _ in 0..MOST_RACES {
            match self.save(records, objects.clone()) {
                Err(error) if self.catches_up(records, &error)? => {}
                done => return done,
            }
        }
        self.save(records, objects)
    }

    /// Looks at the record that an error is about. Returns whether it is worth to be written again.
    fn catches_up(&self, records: &mut [&mut Record], error: &ReleaseError) -> Result<bool, ReleaseError> {
        let Some((id, unanswered)) = raced(error) else { return Ok(false) };
        let is_it = |record: &Record| {
            record::object_name(&record.release.name, record.release.version) == id.name
                && self.namespace == id.namespace
        };
        let Some(record) = records.iter_mut().find(|record| is_it(record)) else { return Ok(false) };
        match self.store.get(id) {
            Ok(Some(stored)) => Ok(record.keeps_up(&stored)),
            // It was not carried out, or is undone: once more tells which.
            Ok(None) => Ok(unanswered && record.stored_status().is_none()),
            Err(_) if unanswered => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}

/// The object that somebody else wrote, or of which nobody knows whether it was written; that is the second.
fn raced(error: &ReleaseError) -> Option<(&ObjectRef, bool)> {
    fn in_store(error: &StoreError) -> Option<(&ObjectRef, bool)> {
        match error {
            StoreError::Conflict { id, .. } => Some((id, false)),
            StoreError::Unanswered { id, .. } => Some((id, true)),
            StoreError::Partial { source, .. } => in_store(source),
            _ => None,
        }
    }
    match error {
        ReleaseError::Store(error) => in_store(error),
        _ => None,
    }
}
