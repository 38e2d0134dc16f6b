//! Saved plans: an operation in a file, to be looked at, handed on, and carried out later as it is.
//!
//! # The file
//!
//! ```text
//! bowline-plan 1 sha256:DIGEST          format, and the digest of everything after this line
//! {"made":…,"store":…,"operation":…}    JSON, one line
//! ```
//!
//! | field | what |
//! |---|---|
//! | `made` | by which version of bowline, and when |
//! | `store` | the identity of the store ([`crate::cluster::Store::identity`]), and its name for people |
//! | `operation` | `install`, `upgrade`, `rollback` or `uninstall` |
//! | `newest` | number, status and record uid of the newest revision that was seen; null when there was none |
//! | `release`, `labels` | the new revision as its record will have it: chart, values, manifest, hooks; the newest one, when it is uninstalled |
//! | `namespace`, `definitions` | what is made or changed first |
//! | `steps` | each object: what to do, what to write, and the live object that this was decided on |
//! | `execution` | how: method, wait, hooks, undoing, how many revisions are kept, description, what an uninstall leaves |
//!
//! The file holds values and secrets in plain text, so it is written with mode 0600. Its digest tells damage from health; it
//! is no signature: who may write the file decides what is applied, as with a chart.
//!
//! # Carrying out
//!
//! Nothing is rendered again. [`apply()`] refuses when the store is another one, when the release has another newest revision,
//! and when an object is no longer what the plan saw ([`crate::plan::renew`] has the rule). What was carried out once is not
//! carried out again: the record of the revision names the digest of the plan that made it.
//!
//! Invariant: reading is bounded, and a file that this program does not know exactly is refused before anything is looked at.

mod apply;
mod error;
mod format;

use std::path::Path;

pub use apply::{ApplyOptions, apply};
pub use error::{Change, SavedPlanError};

use super::change::Target;
use super::operation::Operation;
use super::{Context, OpsError};
use crate::data::digest::Digest;
use crate::sys::fs;

/// Most bytes of a plan that are read or written.
pub const MOST_BYTES: u64 = 256 << 20;

/// A plan as it was read, and what is known of its file.
#[derive(Debug, Clone)]
pub struct SavedPlan {
    /// The identity of the store that it is for.
    pub store: String,
    /// The name of that store, for people.
    pub store_name: String,
    /// What it does. [`Operation::superseded`] is empty: the store knows which revisions these are.
    pub operation: Operation,
    /// Digest of the file's content.
    pub digest: Digest,
}

/// Writes a plan to a file, as a whole or not at all, for its owner's eyes only (mode 0600). Returns its digest.
///
/// # Errors
/// The store takes no identity, the plan is too large or cannot be said in JSON, or the file cannot be written.
pub fn save(
    context: &Context<'_>,
    target: Target<'_>,
    operation: &Operation,
    path: &Path,
) -> Result<Digest, OpsError> {
    let store = target.store.give_identity()?;
    let text = format::encode(context.host, operation, &store, &target.store.describe())?;
    if text.len() as u64 > MOST_BYTES {
        let size = text.len();
        return Err(OpsError::refused(format!("the plan has {size} bytes, more than {MOST_BYTES}")));
    }
    fs::write_atomic(&context.host.resolve(path), text.as_bytes(), true)?;
    Ok(format::digest_of(&text))
}

/// Reads a plan from a file.
///
/// # Errors
/// It cannot be read, is no plan, damaged, or of a newer format.
pub fn read(context: &Context<'_>, path: &Path) -> Result<SavedPlan, OpsError> {
    let bytes = fs::read(&context.host.resolve(path), MOST_BYTES)?;
    Ok(format::decode(&bytes, &path.display().to_string())?)
}
