//! What can go wrong in a store.
//!
//! Invariant: a variant says what happened and to what; it never advises (see [`Hint`]).

use crate::diag::Hint;
use crate::manifest::ObjectRef;

/// An error of a store.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// There is no such object.
    #[error("{id} not found")]
    NotFound {
        /// The object.
        id: ObjectRef,
    },
    /// There is one already.
    #[error("{id} already exists")]
    AlreadyExists {
        /// The object.
        id: ObjectRef,
    },
    /// Somebody changed it in the meantime.
    #[error("{id} has changed: expected resourceVersion {expected}, found {found}")]
    Conflict {
        /// The object.
        id: ObjectRef,
        /// The version that the caller saw.
        expected: u64,
        /// The version now.
        found: u64,
    },
    /// The caller may not do that.
    #[error("{id}: not allowed to {verb}: {reason}")]
    Forbidden {
        /// The object.
        id: ObjectRef,
        /// `get`, `create`, …
        verb: String,
        /// What the store said.
        reason: String,
    },
    /// An object is not acceptable: no name, no kind.
    #[error("invalid object {what}: {reason}")]
    Invalid {
        /// The object as far as it is known.
        what: String,
        /// Why.
        reason: String,
    },
    /// The store cannot be reached or opened.
    #[error("cannot open {store}: {reason}")]
    Unreachable {
        /// The store.
        store: String,
        /// Why.
        reason: String,
    },
    /// The store's file is damaged.
    #[error("{store} is damaged: {reason}")]
    Corrupt {
        /// The store.
        store: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The store was written by a newer program.
    #[error("{store} has format {found}, and this program knows formats up to {known}")]
    TooNew {
        /// The store.
        store: String,
        /// Its format.
        found: i64,
        /// The newest format this program reads.
        known: i64,
    },
    /// The disk is full.
    #[error("{store}: no space left on the disk")]
    Full {
        /// The store.
        store: String,
    },
    /// The store may only be read.
    #[error("{store} cannot be written: {reason}")]
    ReadOnly {
        /// The store.
        store: String,
        /// Why.
        reason: String,
    },
    /// Another process held the store for too long.
    #[error("{store} is busy: {reason}")]
    Busy {
        /// The store.
        store: String,
        /// Who or what.
        reason: String,
    },
    /// Something that should not happen.
    #[error("internal error of the store: {0}")]
    Internal(String),
}

impl Hint for StoreError {
    fn hints(&self) -> Vec<String> {
        let hint = match self {
            StoreError::Conflict { .. } => "run the command again: it starts from the current state",
            StoreError::Corrupt { .. } => {
                "the file was not changed; restore it from a copy, or move it away to start with an empty store"
            }
            StoreError::TooNew { .. } => "install a newer bowline; nothing was changed",
            StoreError::Full { .. } => {
                "free some space on the disk and run the command again; nothing was changed"
            }
            StoreError::ReadOnly { .. } => {
                "check owner and mode of the file and its folder, or choose another --store"
            }
            StoreError::Busy { .. } => "wait for the other process, then run the command again",
            StoreError::Unreachable { .. } => "check --store; `bowline env` shows which store is chosen",
            _ => return Vec::new(),
        };
        vec![hint.to_string()]
    }
}
