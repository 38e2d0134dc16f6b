//! What a store can do that is a running cluster: requests that only an API server understands, what it knows about its
//! kinds, and what its workloads are doing.
//!
//! Invariant: nothing here decides. A request is carried out as it is written, and what the cluster says comes back whole:
//! which request to send is planned elsewhere, what a state means too.

use std::time::Duration;

use super::{Query, Sought, StoreError, Stored};
use crate::data::Value;
use crate::manifest::ObjectRef;

/// Name under which fields are managed. Helm's own, so that releases change hands without conflicts.
pub const FIELD_MANAGER: &str = "helm";

/// One change, as an API server takes it.
#[derive(Debug, Clone)]
pub enum Request {
    /// Create; fails when it exists.
    Create {
        /// The whole object.
        body: Value,
    },
    /// Server-side apply: what the body names becomes so and is managed by [`FIELD_MANAGER`].
    Apply {
        /// The object as it is wanted, without what others fill in.
        body: Value,
        /// Take fields over that others manage; else they are a [`StoreError::Fields`].
        force: bool,
    },
    /// JSON merge patch (RFC 7386).
    Patch {
        /// What.
        id: ObjectRef,
        /// The patch; a null deletes a field.
        patch: Value,
        /// The version the object must still have.
        expected: Option<u64>,
    },
    /// Replace the whole object.
    Replace {
        /// The whole object.
        body: Value,
        /// The version it must still have.
        expected: Option<u64>,
    },
    /// Delete.
    Delete {
        /// What.
        id: ObjectRef,
        /// What becomes of what depends on it.
        propagation: Propagation,
        /// The object it must still be; else it is refused with the code 409.
        uid: Option<String>,
    },
}

/// What becomes of the dependents of an object that is deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Propagation {
    /// They are deleted after it.
    #[default]
    Background,
    /// It goes when they are gone.
    Foreground,
    /// They stay.
    Orphan,
}

/// A field that somebody else manages, met by a server-side apply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldConflict {
    /// The field as the server names it: `.spec.replicas`.
    pub field: String,
    /// Who manages it: `kubectl-client-side-apply`.
    pub manager: String,
    /// What the server said about it.
    pub message: String,
    /// The value that it has, as JSON, where it can be told.
    pub found: Option<String>,
    /// The value that it was to have, as JSON, where it can be told.
    pub wanted: Option<String>,
}

/// What a cluster is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// `v1.35.4`.
    pub version: String,
    /// `1`.
    pub major: String,
    /// `35`.
    pub minor: String,
    /// What it serves, in Helm's form for `.Capabilities.APIVersions`: `v1`, `apps/v1`, `apps/v1/Deployment`.
    pub api_versions: Vec<String>,
}

/// A kind that a cluster serves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kind {
    /// The name in paths: `deployments`.
    pub plural: String,
    /// Whether its objects live in namespaces.
    pub namespaced: bool,
}

/// An object as the cluster shows it to people: the columns of its kind, without those that only a wide table has.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Shown {
    /// The names of the columns: `Name`, `Ready`, `Age`.
    pub columns: Vec<String>,
    /// What is in them.
    pub cells: Vec<String>,
}

/// What a watch saw.
#[derive(Debug, Clone)]
pub enum Seen {
    /// An object as it is now.
    Is(Box<Stored>),
    /// An object is gone.
    Gone(ObjectRef),
    /// The connection was lost and is made again; what was missed follows as [`Seen::Is`] and [`Seen::Gone`].
    Reconnecting(String),
    /// Nothing happened for a while; a chance to look at the clock.
    Quiet,
}

/// Which lines of a container's log.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LogOptions {
    /// Of which container; the only one when empty.
    pub container: String,
    /// Only the last lines.
    pub tail: Option<u64>,
    /// At most so many bytes.
    pub limit_bytes: Option<u64>,
    /// Of the run before the last restart.
    pub previous: bool,
}

/// A cluster that runs what it stores. All calls block; an interrupted process is looked for by the caller, between them.
pub trait Cluster: Send + Sync {
    /// Carries a request out, or with `dry_run` only says what would come of it. Returns the object as it is then; `None`
    /// when a deletion left nothing of it, and the object when something holds it up for now.
    ///
    /// # Errors
    /// What the cluster refuses, or cannot be asked.
    fn send(&self, request: &Request, dry_run: bool) -> Result<Option<Stored>, StoreError>;

    /// Carries out requests that do not depend on each other, several at once. All are tried; the answers are in their
    /// order.
    fn send_each(&self, requests: &[Request], dry_run: bool) -> Vec<Result<Option<Stored>, StoreError>>;

    /// How the cluster shows some objects, in their order; `None` for what is not there. Labels that are known help to ask for
    /// many at once.
    ///
    /// # Errors
    /// The cluster cannot be asked.
    fn shown(&self, sought: &[Sought]) -> Result<Vec<Option<Shown>>, StoreError>;

    /// How the cluster shows the objects of a kind that match, in its own order, for each of some queries; many of one kind and
    /// namespace are answered out of one list.
    fn shown_lists(&self, queries: &[Query]) -> Vec<Result<Vec<Shown>, StoreError>>;

    /// Makes fields that [`FIELD_MANAGER`] set by client-side apply its own in the sense of server-side apply, so that what a
    /// later manifest leaves out goes. Needed once before the first [`Request::Apply`] to an object that was made without.
    /// Tells whether there was anything to do.
    ///
    /// # Errors
    /// There is no such object, or the cluster cannot be asked.
    fn adopt_fields(&self, id: &ObjectRef) -> Result<bool, StoreError>;

    /// What the cluster warned of, when something was changed, since the last call of this, each once: unknown fields,
    /// deprecated versions.
    fn warnings(&self) -> Vec<String> {
        Vec::new()
    }

    /// Version and kinds. Asked once.
    ///
    /// # Errors
    /// The cluster cannot be asked.
    fn server(&self) -> Result<Server, StoreError>;

    /// What the cluster knows of a kind; `None` when it serves no such version of it. A kind that is not known is looked for
    /// again once, since a definition may just have been made.
    ///
    /// # Errors
    /// The cluster cannot be asked.
    fn kind(&self, group: &str, version: &str, kind: &str) -> Result<Option<Kind>, StoreError>;

    /// Tells what becomes of objects until `on` says that it has seen enough (`false`), first how each is now. A time limit
    /// is `on`'s to keep: it hears [`Seen::Quiet`] at least every `beat`.
    ///
    /// # Errors
    /// The cluster cannot be asked, also after some tries.
    fn watch(
        &self,
        objects: &[ObjectRef],
        beat: Duration,
        on: &mut dyn FnMut(Seen) -> bool,
    ) -> Result<(), StoreError>;

    /// The log of a container of a pod.
    ///
    /// # Errors
    /// There is no such pod or container, it has not begun, or the cluster cannot be asked.
    fn logs(&self, pod: &ObjectRef, options: &LogOptions) -> Result<String, StoreError>;
}
