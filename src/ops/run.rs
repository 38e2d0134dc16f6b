//! An operation on a running cluster and its record: how the lease is kept, what is written while it goes on, and at its end.
//!
//! Invariant: once somebody took the operation over nothing is written any more. A store that cannot be reached for a while ends
//! nothing as long as the lease lasts.

use std::time::Duration;

use super::change;
use super::created::Created;
use super::live::{Failed, Live};
use super::{OpsError, Phase};
use crate::cluster::StoreError;
use crate::manifest::ObjectRef;
use crate::release::codec::Middle;
use crate::release::{Base, Holder, Keeper, Record, Release, ReleaseError, Status, Terms, lock};
use crate::wait::{self, Evidence, Readiness};

/// Pauses before the last record of an operation is tried again in a cluster that cannot be reached.
const PATIENCE: [Duration; 4] =
    [Duration::from_secs(1), Duration::from_secs(2), Duration::from_secs(4), Duration::from_secs(8)];

/// An operation with its record.
pub struct Run<'a> {
    /// Where.
    pub live: Live<'a>,
    /// The record, pending.
    pub record: Record,
    /// Pod, container and log of the hooks that ran, when they are asked for.
    pub logs: Option<Vec<(String, String, String)>>,
    /// What was seen of a failure before its objects were deleted.
    evidence: Option<Evidence>,
    /// The objects that were made.
    pub(super) created: Created,
    keeper: Keeper,
    failed: bool,
}

impl<'a> Run<'a> {
    /// Writes the pending record, above the revision that the operation was decided on.
    pub(super) fn begin(
        live: Live<'a>,
        release: (Release, Middle),
        base: Option<&Base>,
    ) -> Result<Self, OpsError> {
        let holder = Holder::of(live.context.host);
        let record = lock::acquire_on(&live.history(), release, base, &Terms::new(&holder))?;
        Ok(Run::on(live, record))
    }

    /// Works on a record that is there already and holds the lease.
    pub fn on(live: Live<'a>, record: Record) -> Self {
        let keeper = Keeper::new(Holder::of(live.context.host), &live.history());
        Run { live, record, logs: None, evidence: None, created: Created::default(), keeper, failed: false }
    }

    /// Prolongs the lease when it is due. To be called while something is waited for.
    ///
    /// # Errors
    /// Somebody took the operation over, or the store fails until the lease is nearly over.
    pub fn keep_lease(&mut self) -> Result<(), OpsError> {
        let kept = self.keeper.keep(&self.live.history(), &mut self.record)?;
        self.note(kept);
        Ok(())
    }

    /// Makes sure that the lease is still there. To be called before every change.
    ///
    /// # Errors
    /// As [`Run::keep_lease`].
    pub fn make_sure(&mut self) -> Result<(), OpsError> {
        let kept = self.keeper.make_sure(&self.live.history(), &mut self.record)?;
        self.note(kept);
        Ok(())
    }

    fn note(&self, trouble: Option<ReleaseError>) {
        if let Some(error) = trouble {
            self.live.context.debug(format!("the lease could not be renewed, and is tried again: {error}"));
        }
    }

    /// Whether somebody took the operation over.
    pub fn is_lost(&self) -> bool {
        self.keeper.is_lost()
    }

    /// Whether its record says that it failed.
    pub(super) fn is_failed(&self) -> bool {
        self.failed
    }

    /// Writes the record as it is now.
    ///
    /// # Errors
    /// Somebody took the operation over, or the store fails.
    pub fn save(&mut self) -> Result<(), OpsError> {
        self.keep_lease()?;
        let saved = self.live.history().save_again(&mut [&mut self.record], Vec::new());
        Ok(saved.map(drop).map_err(|error| self.lost_or(error))?)
    }

    /// Writes the record as it is now, and gives it back.
    ///
    /// # Errors
    /// As [`Run::save`].
    pub fn end(&mut self) -> Result<(), OpsError> {
        self.keep_lease()?;
        let ended = lock::release(&self.live.history(), &mut self.record);
        Ok(ended.map_err(|error| self.lost_or(error))?)
    }

    /// An error of writing the own record: whoever changed that has taken over.
    fn lost_or(&mut self, error: ReleaseError) -> ReleaseError {
        let release = &self.record.release;
        let error = lock::told_lost(&self.live.history(), &release.name, release.version, error);
        if let ReleaseError::Lost { by, .. } = &error {
            self.keeper.lose(by);
        }
        error
    }

    /// Writes the final records; `failed` begins the text of the record should that fail.
    pub(super) fn finish(
        &mut self,
        superseded: Vec<Record>,
        description: &str,
        failed: &str,
    ) -> Result<Release, OpsError> {
        let history = self.live.history();
        let context = self.live.context;
        let mut pauses = PATIENCE.into_iter();
        let error = loop {
            let records = (&mut self.record, superseded.clone());
            match change::finish(context, &history, records, Vec::new(), description) {
                Ok(()) => return Ok(self.record.release.clone()),
                Err(OpsError::Release(ReleaseError::Store(error))) if is_passing(&error) => {
                    match pauses.next() {
                        Some(pause) => std::thread::sleep(pause),
                        None => break error.into(),
                    }
                }
                Err(error) => break error,
            }
        };
        match error {
            OpsError::Release(ReleaseError::Lost { by, .. }) => {
                self.keeper.lose(&by);
                let (name, revision) = (self.record.release.name.clone(), self.record.release.version);
                Err(ReleaseError::Lost { name, revision, by }.into())
            }
            error => {
                self.fail(&format!("{failed}{error}"), &[]);
                Err(error)
            }
        }
    }

    /// Tells that a part of the work begins.
    pub fn begins(&self, phase: Phase) {
        self.live.begins(&self.record.release.name, phase);
    }

    /// Looks at objects that are not as they should be, as long as they are there. What was seen first counts.
    pub fn gather(&mut self, missing: &[(ObjectRef, Readiness)]) {
        if self.evidence.is_none() && !missing.is_empty() {
            self.evidence = Some(wait::collect(self.live.target.store, self.live.cluster, missing));
        }
    }

    /// Puts what is known of a failure into the record, with the error as it is told.
    fn keep_evidence(&mut self, error: &str, missing: &[(ObjectRef, Readiness)]) {
        self.gather(missing);
        let evidence = self.evidence.take().unwrap_or_default().of(error);
        self.record.evidence = serde_json::to_string(&evidence).ok();
    }

    /// Records that the operation failed, with what is known about it.
    pub fn fail(&mut self, description: &str, missing: &[(ObjectRef, Readiness)]) {
        if self.is_lost() {
            return;
        }
        let live = self.live;
        self.keep_evidence(description, missing);
        self.failed = change::record_failure(live.context, &live.history(), &mut self.record, description);
    }

    /// Closes a record that neither failed nor ended: nobody is at it any more. What stopped it is kept with it.
    pub fn let_go(&mut self, status: Status, failed: &Failed) {
        if self.is_lost() {
            return;
        }
        self.keep_evidence(&failed.error.to_string(), &failed.missing);
        self.record.release.info.status = status;
        if let Err(error) = lock::release(&self.live.history(), &mut self.record) {
            self.live.context.debug(format!("the record still names this process as its holder: {error}"));
        }
    }
}

/// Whether the cluster may be there again in a moment.
fn is_passing(error: &StoreError) -> bool {
    match error {
        StoreError::ClusterUnreachable { .. } | StoreError::Unanswered { .. } | StoreError::Busy { .. } => {
            true
        }
        StoreError::Refused { code, .. } => *code >= 500,
        StoreError::Partial { source, .. } => is_passing(source),
        _ => false,
    }
}
