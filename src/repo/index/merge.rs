//! Folds an older index into a newer one.
//!
//! Invariant: nothing of the newer index changes; an older entry is added only when its chart has no such version.

use std::collections::HashSet;
use std::sync::Arc;

use super::{Entry, Index};

impl Index {
    /// Adds the entries of `older` whose name and version are not here, then sorts.
    pub fn merge(&mut self, older: &Index) {
        for (name, versions) in &older.entries {
            let mine = self.entries.entry(Arc::clone(name)).or_default();
            let mut present: HashSet<String> =
                mine.iter().map(|entry| entry.metadata.version.clone()).collect();
            for entry in versions {
                if present.insert(entry.metadata.version.clone()) {
                    mine.push(Arc::clone(entry));
                }
            }
        }
        self.sort();
    }

    /// Adds one version below the chart's name. The caller sorts when all are in.
    pub(crate) fn add(&mut self, entry: Arc<Entry>) {
        self.entries.entry(Arc::clone(&entry.metadata.name)).or_default().push(entry);
    }
}
