//! Helm's duration functions.
//!
//! Invariant: only `mustToDuration` fails; the others give 0 for what is no duration.

use crate::sprig::Entry;

pub(super) static ENTRIES: &[Entry] = &[];
