//! Which values templates read.
//!
//! Invariant: paths are JSON pointers from the root chart's values, whatever chart the template belongs to.

use std::collections::BTreeSet;

/// The values that one template read, itself and through what it called.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reads {
    /// Paths that were looked up, whether or not there is a value: `/image`, `/image/tag`.
    pub paths: BTreeSet<String>,
    /// Maps that were used as a whole (`range`, `toYaml`, `merge`): all below them counts as read.
    pub whole: BTreeSet<String>,
}

impl Reads {
    /// Whether the value at a path was read, by itself or with a map or list that it is part of.
    pub fn includes(&self, path: &str) -> bool {
        if self.paths.contains(path) {
            return true;
        }
        let mut at = path;
        loop {
            if self.whole.contains(at) {
                return true;
            }
            match at.rsplit_once('/') {
                Some((parent, _)) => at = parent,
                None => return false,
            }
        }
    }

    /// Adds what another template read.
    pub fn extend(&mut self, other: &Reads) {
        self.paths.extend(other.paths.iter().cloned());
        self.whole.extend(other.whole.iter().cloned());
    }
}
