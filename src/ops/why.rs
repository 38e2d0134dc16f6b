//! Why an operation failed: the evidence that its revision keeps.
//!
//! Invariant: read from the records alone, so that it is there when the pods are long gone.

use super::change::Target;
use super::{Context, OpsError};
use crate::manifest;
use crate::release::{ReleaseError, Status};
use crate::wait::Evidence;

/// What is known of a failure.
#[derive(Debug, Clone)]
pub struct Failure {
    /// The revision.
    pub revision: u64,
    /// How it stands.
    pub status: Status,
    /// What its record says.
    pub description: String,
    /// What was known; `None` when the revision kept nothing, as those that Helm made.
    pub evidence: Option<Evidence>,
}

/// The newest failure of a release, or that of one revision. `None` when no revision failed.
///
/// # Errors
/// There is no such release or revision, or the store cannot be read.
pub fn why(
    context: &Context<'_>,
    target: Target<'_>,
    name: &str,
    revision: Option<u64>,
) -> Result<Option<Failure>, OpsError> {
    manifest::check_release(name)?;
    let history = target.history(context);
    let revision = match revision {
        Some(revision) => revision,
        None => {
            let look = history.look(name)?;
            if look.newest().is_none() {
                return Err(ReleaseError::NotFound { name: name.to_string(), revision: None }.into());
            }
            let failed = |status| matches!(status, Status::Failed | Status::Uninstalling);
            match look.states().rev().find(|row| failed(row.status)) {
                Some(row) => row.revision,
                None => return Ok(None),
            }
        }
    };
    let record = history.get(name, revision)?;
    let evidence = record.evidence.as_deref().and_then(|text| serde_json::from_str(text).ok());
    let info = record.release.info;
    Ok(Some(Failure { revision, status: info.status, description: info.description, evidence }))
}
