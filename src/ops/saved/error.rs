//! Why a saved plan is not carried out.
//!
//! Invariant: whatever is told here, nothing was changed, and no value of a Secret is told.

use std::fmt::Write as _;

use crate::diag::{Hint, plural};
use crate::manifest::ObjectRef;
use crate::plan::diff::FieldChange;
use crate::plan::renew::Stale;
use crate::release::Status;

/// Most objects that are named.
const MOST_OBJECTS: usize = 20;
/// Most fields of one object that are named.
const MOST_FIELDS: usize = 10;
/// Longest value that is shown, in characters.
const LONGEST_VALUE: usize = 60;

/// An object that is no longer what a plan saw.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// Which.
    pub id: ObjectRef,
    /// What became of it.
    pub what: Stale,
}

/// Why a plan cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SavedPlanError {
    /// The file is something else.
    #[error("{path} is no plan: {reason}")]
    NoPlan {
        /// The file.
        path: String,
        /// What it lacks.
        reason: &'static str,
    },
    /// The file was changed or cut.
    #[error("the plan {path} is damaged: {reason}")]
    Damaged {
        /// The file.
        path: String,
        /// How.
        reason: String,
    },
    /// The file was written by a newer program.
    #[error("the plan {path} has format {found}, and this program knows format {known}")]
    TooNew {
        /// The file.
        path: String,
        /// Its format.
        found: u64,
        /// The newest format that this program reads.
        known: u64,
    },
    /// The store is another one.
    #[error("the plan is for another store: {}", told_stores(planned, found))]
    OtherStore {
        /// The name of the store that it was made for.
        planned: String,
        /// The name of the store that was opened.
        found: String,
    },
    /// The namespace is another one.
    #[error("the plan is for namespace {planned}, not for {found}")]
    OtherNamespace {
        /// The one of the plan.
        planned: String,
        /// The one that was asked for.
        found: String,
    },
    /// It was carried out before.
    #[error("the plan was applied already: revision {revision} of {release} was made by it, and is {status}")]
    Applied {
        /// The release.
        release: String,
        /// The revision that it made.
        revision: u64,
        /// How that stands.
        status: Status,
    },
    /// The release went on since.
    #[error("{release} changed since the plan was made: {what}")]
    OtherRevision {
        /// The release.
        release: String,
        /// The newest revision then and now.
        what: String,
    },
    /// Objects changed since.
    #[error("{} changed since the plan was made:{}", plural(changes.len(), "object"), told(changes))]
    OtherObjects {
        /// Which, and how.
        changes: Vec<Change>,
    },
}

impl Hint for SavedPlanError {
    fn hints(&self) -> Vec<String> {
        let hint = match self {
            SavedPlanError::NoPlan { .. } => "`bowline plan RELEASE CHART --out FILE` makes one",
            SavedPlanError::TooNew { .. } => {
                "nothing was changed; install a newer bowline, or make the plan with this one"
            }
            SavedPlanError::OtherStore { .. } => {
                "nothing was changed; choose the store that the plan was made for (--store, --kube-context), or make a \
                 plan for this one"
            }
            SavedPlanError::OtherNamespace { .. } => {
                "nothing was changed; leave --namespace out: the plan knows its own"
            }
            SavedPlanError::Damaged { .. }
            | SavedPlanError::Applied { .. }
            | SavedPlanError::OtherRevision { .. }
            | SavedPlanError::OtherObjects { .. } => {
                "nothing was changed; make a new plan with `bowline plan`, and look at what it would do now"
            }
        };
        vec![hint.to_string()]
    }
}

fn told_stores(planned: &str, found: &str) -> String {
    if planned == found {
        format!("it was made for {planned}, and what is there now is not the same any more")
    } else {
        format!("it was made for {planned}, and this is {found}")
    }
}

/// A line for each object, or for each of its fields.
fn told(changes: &[Change]) -> String {
    let mut text = String::new();
    for Change { id, what } in changes.iter().take(MOST_OBJECTS) {
        match what {
            Stale::Appeared => _ = write!(text, "\n  {id} exists now"),
            Stale::Vanished => _ = write!(text, "\n  {id} is gone"),
            Stale::Remade => _ = write!(text, "\n  {id} was deleted and made again"),
            Stale::Changed(fields) => {
                for field in fields.iter().take(MOST_FIELDS) {
                    let _ = write!(text, "\n  {id}: {}", told_field(field));
                }
                if fields.len() > MOST_FIELDS {
                    let _ =
                        write!(text, "\n  {id}: and {} more", plural(fields.len() - MOST_FIELDS, "field"));
                }
            }
        }
    }
    if changes.len() > MOST_OBJECTS {
        let _ = write!(text, "\n  and {} more", plural(changes.len() - MOST_OBJECTS, "object"));
    }
    text
}

fn told_field(field: &FieldChange) -> String {
    let shown = |value: &Option<crate::data::Value>| match value {
        None => "not set".to_string(),
        Some(value) => {
            let json = serde_json::to_string(value).unwrap_or_default();
            if json.chars().count() <= LONGEST_VALUE {
                json
            } else {
                json.chars().take(LONGEST_VALUE).chain(['…']).collect()
            }
        }
    };
    format!("{} was {} and is {}", field.path, shown(&field.before), shown(&field.after))
}
