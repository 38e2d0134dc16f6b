//! What can go wrong with releases.
//!
//! Invariant: texts that Helm has too are Helm's.

use crate::cluster::StoreError;
use crate::data::time::Time;
use crate::diag::{Diagnostic, Hint, did_you_mean, list};
use crate::manifest::ObjectRef;

use super::{Driver, Status, record};

/// Where a driver is named.
const DRIVER_VARIABLES: &str = "named by BOWLINE_DRIVER or HELM_DRIVER";

/// An error of releases and their records.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReleaseError {
    /// Two looks at a release contradict each other, however often.
    #[error("the records of {name} contradict each other at every look")]
    Unsteady {
        /// The release.
        name: String,
    },
    /// There is no such release, or no such revision of it.
    #[error("release: not found")]
    NotFound {
        /// The release.
        name: String,
        /// The revision, when one was asked for.
        revision: Option<u64>,
    },
    /// There is a record of that revision already.
    #[error("release: already exists")]
    AlreadyExists {
        /// The release.
        name: String,
        /// The revision.
        revision: u64,
    },
    /// Somebody was faster, and is done.
    #[error("another operation (install/upgrade/rollback) was faster: {}", told_now(name, *now))]
    Outrun {
        /// The release.
        name: String,
        /// Its newest revision now; `None` when the release is gone.
        now: Option<(u64, Status)>,
    },
    /// The record of a revision is there, and no list finds it: its labels are gone.
    #[error("record {} is there without its labels name={name} and owner=helm, so that no list finds it", id.name)]
    Unlabelled {
        /// Its object.
        id: Box<ObjectRef>,
        /// The release.
        name: String,
        /// The revision.
        revision: u64,
    },
    /// A label of the user is one that records need.
    #[error("user supplied labels contains system reserved label name. System labels: [{}]", super::RESERVED_LABELS.join(" "))]
    ReservedLabel {
        /// The label.
        label: String,
    },
    /// A record cannot be read.
    #[error("record {record} cannot be read: {reason}")]
    Undecodable {
        /// Name of its object.
        record: String,
        /// Why.
        reason: String,
    },
    /// A release cannot be written as a record.
    #[error("revision {revision} of {name} cannot be recorded: {reason}")]
    Unencodable {
        /// The release.
        name: String,
        /// The revision.
        revision: u64,
        /// Why.
        reason: String,
    },
    /// A change of state that no operation makes.
    #[error("revision {revision} of {name} cannot go from {} to {to}", from.map_or("nothing", Status::as_str))]
    Transition {
        /// The release.
        name: String,
        /// The revision.
        revision: u64,
        /// Its state in the store.
        from: Option<Status>,
        /// The state asked for.
        to: Status,
    },
    /// Somebody is working on the release.
    #[error(
        "another operation (install/upgrade/rollback) is in progress: {holder} holds revision {revision} of {name} \
         ({status}) since {since}"
    )]
    Held {
        /// The release.
        name: String,
        /// The revision.
        revision: u64,
        /// Its state.
        status: Status,
        /// Who.
        holder: String,
        /// Since when.
        since: Box<Time>,
        /// When the lease runs out unless it is renewed.
        until: Box<Time>,
    },
    /// A record says that somebody is working on the release, but not who.
    #[error("another operation (install/upgrade/rollback) is in progress")]
    InProgress {
        /// The release.
        name: String,
        /// The revision.
        revision: u64,
        /// Its state.
        status: Status,
        /// Since when, when the record says so.
        since: Option<Box<Time>>,
        /// The revision that is deployed beside it.
        good: Option<u64>,
    },
    /// The lease is no longer ours.
    #[error("revision {revision} of {name} was taken over by {by}")]
    Lost {
        /// The release.
        name: String,
        /// The revision.
        revision: u64,
        /// Who has it now; `nobody` when it was only ended.
        by: String,
    },
    /// There is no such storage driver.
    #[error("unknown driver {given:?}")]
    UnknownDriver {
        /// The name.
        given: String,
    },
    /// Helm's driver for PostgreSQL.
    #[error("the driver \"sql\" is not supported: records are kept in the cluster only")]
    NoSqlDriver,
    /// A label selector cannot be read.
    #[error("{0}")]
    Selector(Box<Diagnostic>),
    /// Old revisions could not be deleted.
    #[error("encountered {count} deletion errors. First is: {first}")]
    Prune {
        /// How many.
        count: usize,
        /// The first.
        first: Box<StoreError>,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

fn told_now(name: &str, now: Option<(u64, Status)>) -> String {
    match now {
        Some((revision, status)) => format!("revision {revision} of {name} is {status} now"),
        None => format!("{name} is gone now"),
    }
}

/// The ways on from a record that cannot be read.
fn damaged(name: &str, revision: u64, record: &str) -> Vec<String> {
    vec![
        format!(
            "`bowline history {name}` shows the revisions that can be read: `bowline rollback {name} REVISION`, `bowline \
             upgrade` and `bowline uninstall` go on from the last of them; `bowline recover` cannot mend a record"
        ),
        format!(
            "where none can be read, delete {record} (revision {revision}) and whatever its chart made; objects of a release \
             have the annotation meta.helm.sh/release-name: {name}"
        ),
    ]
}

impl ReleaseError {
    /// The revision whose record is gone or was changed by others, when that is what the error says.
    pub fn of_record(&self) -> Option<u64> {
        match self {
            ReleaseError::NotFound { revision, .. } => *revision,
            ReleaseError::Store(StoreError::Conflict { id, .. }) => {
                record::release_of(&id.name).map(|(_, revision)| revision)
            }
            _ => None,
        }
    }

    /// Whether the cause is that somebody else was faster, so that starting again may help.
    pub fn is_race(&self) -> bool {
        matches!(
            self,
            ReleaseError::AlreadyExists { .. }
                | ReleaseError::Outrun { .. }
                | ReleaseError::Store(StoreError::Conflict { .. })
        )
    }
}

impl Hint for ReleaseError {
    fn hints(&self) -> Vec<String> {
        match self {
            ReleaseError::Held { until, .. } => {
                vec![format!("wait for it with --wait-lock 5m; if it died, its lease ends at {until}")]
            }
            ReleaseError::Lost { name, .. } => vec![format!(
                "this process could not renew its lease in time and changed nothing more since it noticed; `bowline history {name}` \
                 shows what became of the release"
            )],
            ReleaseError::InProgress { name, revision, status, since, good } => {
                let since = since.as_ref().map(|at| format!(" since {at}")).unwrap_or_default();
                let back = match good {
                    Some(good) => format!("`bowline rollback {name} {good}` goes back to what is deployed"),
                    None => format!("`bowline uninstall {name}` removes the release"),
                };
                vec![format!(
                    "revision {revision} of {name} is {status}{since}, and its record names no holder (Helm made it); if \
                     no Helm is running, {back}, and `bowline recover {name} --older-than 0s` marks the revision as \
                     failed, so that upgrades go on"
                )]
            }
            ReleaseError::Unsteady { name } => vec![format!(
                "nothing was changed; the store is damaged, if nobody else works on {name}: `bowline history {name}` shows what \
                 can be read, and a copy of the store from before is the way back"
            )],
            ReleaseError::Undecodable { record, .. } => match record::release_of(record) {
                Some((name, revision)) => damaged(name, revision, record),
                None => Vec::new(),
            },
            ReleaseError::Unlabelled { id, name, revision } => {
                let (kind, record) = (id.kind.to_lowercase(), &id.name);
                vec![format!(
                    "nothing was changed; `kubectl label {kind} {record} -n {} name={name} owner=helm \
                     version={revision} status=deployed` mends it, or delete it",
                    id.namespace
                )]
            }
            ReleaseError::AlreadyExists { .. } | ReleaseError::Outrun { .. } => vec![
                "run the command again: it starts from the current state; with --wait-lock 5m it waits for its turn"
                    .to_string(),
            ],
            ReleaseError::NotFound { revision: None, .. } => vec![
                "`bowline list --all-namespaces` shows every release; a release is looked for in one namespace (-n)"
                    .to_string(),
            ],
            ReleaseError::NotFound { name, .. } => {
                vec![format!("`bowline history {name}` shows the revisions that there are")]
            }
            ReleaseError::UnknownDriver { given } => {
                let near = did_you_mean(given, Driver::NAMES).map(|name| format!("did you mean `{name}`?"));
                let all = format!("a driver is {}, {DRIVER_VARIABLES}", list(&Driver::NAMES, "or"));
                near.into_iter().chain([all]).collect()
            }
            ReleaseError::NoSqlDriver => vec![format!(
                "nothing was read or changed; releases in PostgreSQL need Helm itself; other drivers are {}, \
                 {DRIVER_VARIABLES}",
                list(&Driver::NAMES, "and")
            )],
            ReleaseError::Selector(diagnostic) => diagnostic.hints(),
            ReleaseError::Store(error) => error.hints(),
            ReleaseError::Prune { first, .. } => first.hints(),
            _ => Vec::new(),
        }
    }

    fn diagnostic(&self) -> Option<&Diagnostic> {
        match self {
            ReleaseError::Selector(diagnostic) => Some(diagnostic),
            _ => None,
        }
    }
}
