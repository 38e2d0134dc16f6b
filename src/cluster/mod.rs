//! Where objects live: the [`Store`] trait, its contract, and the stores behind it.
//!
//! # The contract
//!
//! A store keeps objects as a Kubernetes API server does.
//!
//! 1. **Identity.** An object is found by group, kind, namespace and name ([`ObjectRef::same_object`]); versions of one
//!    group are views of one object. Two objects never share an identity.
//! 2. **Metadata.** `create` gives a new `uid` (a random UUID), a `creationTimestamp` and a `resourceVersion`. Each change
//!    gives a `resourceVersion` that the store never gave before, larger than all earlier ones. What a caller writes into
//!    those three fields of a body is ignored. `generation` starts at 1 and grows when anything but metadata and status
//!    changes; in a cluster, kinds without a status have none. What a cluster's controllers change gives versions too.
//! 3. **Optimistic concurrency.** `replace` and `delete` with a version succeed only when it is still the current one
//!    ([`StoreError::Conflict`] otherwise). A replace that changes nothing keeps the version.
//! 4. **Atomicity.** One call is all or nothing, and durable when it returns: a process killed at any moment leaves
//!    either the old or the new state. [`Store::batch`] is all or nothing where [`Capabilities::atomic_batches`] says so;
//!    elsewhere it stops at the first failure and tells how many were done ([`StoreError::Partial`], unless it was none).
//! 5. **Not found** is `None` for `get`, [`StoreError::NotFound`] for `replace` and `delete`. `create` of what exists is
//!    [`StoreError::AlreadyExists`].
//! 6. **Listing** is ordered by group, kind, namespace, name. A [`Query`] with `metadata_only` never reads bodies. One without
//!    a kind asks a cluster for every kind that it serves and that the caller may list.
//! 7. **Bodies.** A body is JSON: a number that JSON cannot say, more than 100 levels, or more than
//!    [`Capabilities::largest_object`] bytes are refused. An integer keeps its digits; that it came from `--set` is forgotten.
//!    A cluster takes each kind as its server does, fills in what is left out, and knows no kind that it does not serve
//!    ([`StoreError::NoKind`]); `get` and `list` of such a kind find nothing.
//! 8. **A store has an identity** of its own ([`Store::identity`]), by which a saved plan knows it again. It is no object.
//! 9. Stores that run nothing say so in their capabilities; hooks and waits are then recorded as not run.
//!
//! One test suite (`tests/suite/stores.rs`) runs over every store.

pub mod apply;
pub mod error;
pub mod etcd;
pub mod kube;
pub mod live;
pub mod memory;
mod object;
pub mod open;
pub mod ownership;
mod shapes;
pub mod sqlite;

use std::collections::BTreeMap;

pub use error::StoreError;
pub use etcd::Etcd;
pub use kube::{Kube, KubeOptions};
pub use live::Cluster;
pub use memory::Memory;
pub use object::check_possible;
pub use open::{Reason, StoreChoice, choose, open};
pub use sqlite::{Sqlite, StoreOptions};

use crate::data::Value;
use crate::manifest::ObjectRef;

/// An object as a store holds it.
#[derive(Debug, Clone, PartialEq)]
pub struct Stored {
    /// Its identity, with the version it was last written in.
    pub id: ObjectRef,
    /// Given at creation, never reused.
    pub uid: String,
    /// Changes with every write.
    pub resource_version: u64,
    /// Unix seconds.
    pub created: i64,
    /// `metadata.labels`.
    pub labels: BTreeMap<String, String>,
    /// `metadata.annotations`.
    pub annotations: BTreeMap<String, String>,
    /// The whole object, its metadata filled in by the store; `None` in answers to a metadata-only query.
    pub body: Option<Value>,
}

/// What to list.
#[derive(Debug, Clone, Default)]
pub struct Query {
    /// Only this group and kind.
    pub group_kind: Option<(String, String)>,
    /// Only this namespace; all when `None`.
    pub namespace: Option<String>,
    /// Labels that must be equal.
    pub labels: BTreeMap<String, String>,
    /// Leave bodies out: identity, labels and annotations only.
    pub metadata_only: bool,
    /// At most this many; 0 for all.
    pub limit: usize,
}

/// An object that is looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sought {
    /// Which.
    pub id: ObjectRef,
    /// Labels that it is thought to have, since it was given them once; empty when nothing is known.
    pub labels: BTreeMap<String, String>,
}

/// One step of a batch.
#[derive(Debug, Clone)]
pub enum Write {
    /// Create; fails when it exists.
    Create {
        /// The whole object with `apiVersion`, `kind` and `metadata.name`.
        body: Value,
    },
    /// Replace, at a version or whatever the version.
    Replace {
        /// The whole object.
        body: Value,
        /// The version it must still have.
        expected: Option<u64>,
    },
    /// Delete, at a version or whatever the version.
    Delete {
        /// What.
        id: ObjectRef,
        /// The version it must still have.
        expected: Option<u64>,
    },
}

/// What a store can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capabilities {
    /// Whether a batch is all or nothing.
    pub atomic_batches: bool,
    /// Whether objects do something once stored: pods run, hooks can be waited for.
    pub runs_workloads: bool,
    /// Largest object in bytes (as JSON); a revision above it is split.
    pub largest_object: usize,
    /// Most bytes in `data` of a Secret or ConfigMap, those of a Secret decoded; a revision above it is split.
    pub largest_data: usize,
}

/// A place where objects live. See the module for the contract.
pub trait Store: Send + Sync {
    /// A name for people, as `--store` takes it: `sqlite:PATH`.
    fn describe(&self) -> String;

    /// What this store can do.
    fn capabilities(&self) -> Capabilities;

    /// A text by which this store is known again, whatever address leads to it: in a cluster the uid of the namespace
    /// `kube-system`, elsewhere what [`Store::give_identity`] gave it; `None` when nobody did. A cluster that does not let the
    /// caller read that namespace is known by its address only.
    ///
    /// # Errors
    /// The store cannot be read.
    fn identity(&self) -> Result<Option<String>, StoreError>;

    /// Gives a store that has no identity a random one; returns the one that it has then, and keeps.
    ///
    /// # Errors
    /// The store cannot be read, or not written.
    fn give_identity(&self) -> Result<String, StoreError> {
        self.identity()?.ok_or_else(|| StoreError::Internal("a store without an identity takes none".into()))
    }

    /// The object of that identity, or `None`.
    ///
    /// # Errors
    /// The store cannot be read.
    fn get(&self, id: &ObjectRef) -> Result<Option<Stored>, StoreError>;

    /// The objects of some identities, in their order; several are asked for at once where that is faster.
    ///
    /// # Errors
    /// The store cannot be read.
    fn get_each(&self, ids: &[ObjectRef]) -> Result<Vec<Option<Stored>>, StoreError> {
        ids.iter().map(|id| self.get(id)).collect()
    }

    /// The same, of objects of which labels are known, by which a store may find many of them at once. An object that has
    /// other labels is found all the same.
    ///
    /// # Errors
    /// The store cannot be read.
    fn find_each(&self, sought: &[Sought]) -> Result<Vec<Option<Stored>>, StoreError> {
        let ids: Vec<ObjectRef> = sought.iter().map(|sought| sought.id.clone()).collect();
        self.get_each(&ids)
    }

    /// Begins in the background what later calls need anyway: the connection to a cluster, and what that serves. What goes wrong
    /// is told by the call that needs it.
    fn prepare(&self) {}

    /// The running cluster behind this store; `None` where nothing runs.
    fn cluster(&self) -> Option<&dyn Cluster> {
        None
    }

    /// All objects that match, in the contract's order.
    ///
    /// # Errors
    /// The store cannot be read.
    fn list(&self, query: &Query) -> Result<Vec<Stored>, StoreError>;

    /// Hands on all objects that match, in any order, without having all of them in memory where there may be many. An object
    /// may come a second time when it had to be read anew. An error of `on` ends it.
    ///
    /// # Errors
    /// The store cannot be read, or what `on` failed with.
    fn visit(
        &self,
        query: &Query,
        on: &mut dyn FnMut(Stored) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        self.list(query)?.into_iter().try_for_each(on)
    }

    /// Hands on all objects that match, as [`Store::visit`], for a caller that may need the bodies of some of them and can read those
    /// later: an object comes with its body where that is thought to be cheaper, since `needs_body` says of most objects by
    /// their metadata that it is needed. Such a body may lack `metadata`.
    ///
    /// # Errors
    /// As [`Store::visit`].
    fn survey(
        &self,
        query: &Query,
        _needs_body: &dyn Fn(&Stored) -> bool,
        on: &mut dyn FnMut(Stored) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        self.list(&Query { metadata_only: true, ..query.clone() })?.into_iter().try_for_each(on)
    }

    /// Carries out the writes in order and returns the objects as they now are (`None` for a deletion).
    ///
    /// # Errors
    /// The first write that fails; in a store with atomic batches nothing is done then.
    fn batch(&self, writes: &[Write]) -> Result<Vec<Option<Stored>>, StoreError>;

    /// The same for a caller that has no use for the bodies: they may be as they are, or only their metadata, or be left out.
    ///
    /// # Errors
    /// As [`Store::batch`].
    fn batch_brief(&self, writes: &[Write]) -> Result<Vec<Option<Stored>>, StoreError> {
        self.batch(writes)
    }

    /// Creates one object.
    ///
    /// # Errors
    /// It exists, or the store cannot be written.
    fn create(&self, body: Value) -> Result<Stored, StoreError> {
        one(self.batch(&[Write::Create { body }])?)
    }

    /// Replaces one object.
    ///
    /// # Errors
    /// It does not exist, has another version, or the store cannot be written.
    fn replace(&self, body: Value, expected: Option<u64>) -> Result<Stored, StoreError> {
        one(self.batch(&[Write::Replace { body, expected }])?)
    }

    /// Deletes one object.
    ///
    /// # Errors
    /// It does not exist, has another version, or the store cannot be written.
    fn delete(&self, id: &ObjectRef, expected: Option<u64>) -> Result<(), StoreError> {
        self.batch(&[Write::Delete { id: id.clone(), expected }]).map(drop)
    }
}

fn one(results: Vec<Option<Stored>>) -> Result<Stored, StoreError> {
    results
        .into_iter()
        .next()
        .flatten()
        .ok_or_else(|| StoreError::Internal("a batch of one returned nothing".into()))
}
