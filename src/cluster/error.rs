//! What can go wrong in a store.
//!
//! Invariant: a variant says what happened and to what; it never advises (see [`Hint`]).

use super::live::FieldConflict;
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
        id: Box<ObjectRef>,
    },
    /// There is one already.
    #[error("{id} already exists")]
    AlreadyExists {
        /// The object.
        id: Box<ObjectRef>,
    },
    /// Somebody changed it in the meantime.
    #[error("{id} has changed: expected resourceVersion {expected}, found {found}")]
    Conflict {
        /// The object.
        id: Box<ObjectRef>,
        /// The version that the caller saw.
        expected: u64,
        /// The version now.
        found: u64,
    },
    /// Others manage fields that a server-side apply names.
    #[error("{id}: {}", told_fields(fields))]
    Fields {
        /// The object.
        id: Box<ObjectRef>,
        /// The fields, with their managers.
        fields: Vec<FieldConflict>,
    },
    /// The caller is not known: no credentials, or expired ones.
    #[error("{store}: {reason}")]
    Unauthorized {
        /// The store.
        store: String,
        /// What it said.
        reason: String,
    },
    /// The cluster serves no such kind.
    #[error("no matches for kind \"{kind}\" in version \"{api_version}\"")]
    NoKind {
        /// The kind.
        kind: String,
        /// Its API version.
        api_version: String,
    },
    /// The cluster serves the group, and cannot tell now what is in it.
    #[error("the kinds of \"{api_version}\" are not known: the server behind that API group does not answer")]
    GroupDown {
        /// The group and version.
        api_version: String,
    },
    /// The cluster refuses an object for a reason of its own: validation, an immutable field, a quota, a webhook.
    #[error("{id}: {reason}")]
    Refused {
        /// The object.
        id: Box<ObjectRef>,
        /// The server's code: 422, 403, 500.
        code: u16,
        /// What the server said.
        reason: String,
        /// The fields that it named, where it did: `spec.selector`.
        fields: Vec<String>,
    },
    /// The caller may not do that.
    #[error("{id}: not allowed to {verb}: {reason}")]
    Forbidden {
        /// The object.
        id: Box<ObjectRef>,
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
    /// What was given as a namespace cannot be the name of one.
    #[error("{name:?} is no name of a namespace")]
    NoNamespaceName {
        /// What was given.
        name: String,
    },
    /// The store cannot be reached or opened.
    #[error("cannot open {store}: {reason}")]
    Unreachable {
        /// The store.
        store: String,
        /// Why.
        reason: String,
    },
    /// The API server cannot be reached.
    #[error("Kubernetes cluster unreachable: {reason}")]
    ClusterUnreachable {
        /// The request and what became of it: `Get "https://host/version": Connection refused`.
        reason: String,
    },
    /// Something answers, and it is no API server.
    #[error("Kubernetes cluster unreachable: {server} does not answer as an API server: {what}")]
    Stranger {
        /// The address.
        server: String,
        /// What it does.
        what: String,
        /// Where the address is written down; empty when that is not known.
        origin: String,
    },
    /// What says how to reach the store cannot be used: a kubeconfig, a certificate.
    #[error("cannot use {store}: {reason}")]
    Configuration {
        /// The store.
        store: String,
        /// What is wrong.
        reason: String,
    },
    /// A change was sent and no answer came.
    #[error("{id}: no answer to {verb}, which may have been carried out: {request}: {reason}")]
    Unanswered {
        /// The object.
        id: Box<ObjectRef>,
        /// `create`, `update`, …
        verb: String,
        /// The request: `Post "https://host/api/v1/namespaces"`.
        request: String,
        /// What became of it.
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
    /// The file is there, but it is no store of this program.
    #[error("{store} is not a bowline store: {reason}")]
    Foreign {
        /// The store.
        store: String,
        /// What it seems to be.
        reason: String,
    },
    /// The system failed to read or write.
    #[error("cannot use {store}: {reason}")]
    Io {
        /// The store.
        store: String,
        /// What the system said.
        reason: String,
    },
    /// An object is larger than the store takes.
    #[error("{id} has {size} bytes, and {store} takes at most {limit}")]
    TooLarge {
        /// The store.
        store: String,
        /// The object.
        id: Box<ObjectRef>,
        /// Its size as JSON in bytes.
        size: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// A batch failed half-way in a store without atomic batches.
    #[error("{source} (after {done} of {total} changes were made)")]
    Partial {
        /// How many writes were carried out.
        done: usize,
        /// How many there were.
        total: usize,
        /// Why the next one failed.
        source: Box<StoreError>,
    },
    /// This program cannot use a store of that kind.
    #[error("{store}: {reason}")]
    Unsupported {
        /// The store.
        store: String,
        /// What is missing.
        reason: String,
    },
    /// What was given as a store is none.
    #[error("invalid store {given:?}: {reason}")]
    InvalidChoice {
        /// What was given.
        given: String,
        /// Why.
        reason: String,
    },
    /// Something that should not happen.
    #[error("internal error of the store: {0}")]
    Internal(String),
}

fn told_fields(fields: &[FieldConflict]) -> String {
    let told: Vec<String> = fields
        .iter()
        .map(|conflict| {
            let values = match (&conflict.found, &conflict.wanted) {
                (Some(found), Some(wanted)) => format!(" (it is {found}, not {wanted})"),
                _ => String::new(),
            };
            format!("{} is managed by {:?}{values}", conflict.field, conflict.manager)
        })
        .collect();
    format!("{}: {}", crate::diag::plural(fields.len(), "conflict"), told.join("; "))
}

impl StoreError {
    /// The same with the template that made the object, for an object that no store takes.
    #[must_use]
    pub fn made_by(self, template: &str) -> Self {
        match self {
            StoreError::Invalid { what, reason } => {
                StoreError::Invalid { what, reason: format!("{reason} (made by {template})") }
            }
            other => other,
        }
    }

    /// What a cluster says about the object of a change, without its name, and whether that is a conflict with the managers of
    /// fields; `None` for an error that is about something else: the connection, the namespace, the kind.
    pub fn about_its_object(&self) -> Option<(bool, String)> {
        match self {
            StoreError::Fields { fields, .. } => Some((true, told_fields(fields))),
            StoreError::Refused { reason, .. } => Some((false, reason.clone())),
            StoreError::Forbidden { verb, reason, .. } => {
                Some((false, format!("not allowed to {verb}: {reason}")))
            }
            _ => None,
        }
    }
}

impl Hint for StoreError {
    fn hints(&self) -> Vec<String> {
        let hint = match self {
            StoreError::Conflict { .. } | StoreError::Unanswered { .. } => {
                "run the command again: it starts from the current state"
            }
            StoreError::Corrupt { .. } => {
                "restore the file from a copy, or move it away to start with an empty store"
            }
            StoreError::TooNew { .. } => "install a newer bowline; nothing was changed",
            StoreError::Full { .. } => {
                "free some space on the disk and run the command again: it goes on from what was written"
            }
            StoreError::ReadOnly { .. } => {
                "check owner and mode of the file and its folder, or choose another --store"
            }
            StoreError::Invalid { reason, .. } if reason.contains("not a string") => {
                "labels and annotations are texts: put the value in quotes, or through the filter or function `quote`"
            }
            StoreError::Io { .. } => {
                "the disk cannot be read or written, or is full: look at its space and its health, then run the command again"
            }
            StoreError::Busy { .. } => "wait for the other process, then run the command again",
            StoreError::Foreign { .. } => {
                "the file was not changed; name another file with --store sqlite:PATH, or restore it if it was a store"
            }
            StoreError::InvalidChoice { .. } => {
                "the forms are sqlite:PATH, memory, kube[:CONTEXT] and etcd://HOST:PORT[,HOST:PORT]/PREFIX (etcds:// for TLS)"
            }
            StoreError::Fields { .. } => {
                "leave the fields to their managers (take them out of the chart's values), or take them over with \
                 --force-conflicts"
            }
            StoreError::Unauthorized { .. } => {
                "check the credentials: those of the kubeconfig's user, or user and password of etcd and the rights of its \
                 roles; nothing was changed"
            }
            StoreError::NoKind { .. } => {
                "install the CustomResourceDefinition first, or use an API version that the cluster serves"
            }
            StoreError::GroupDown { .. } => {
                "look at the APIService of that group and version: its status says which server should answer, and why it \
                 does not; run the command again when it does"
            }
            StoreError::NoNamespaceName { .. } => {
                "check --namespace: names of namespaces have lower-case letters, digits and `-` (not at either end), 63 at most"
            }
            StoreError::NotFound { id } if id.kind == "Namespace" && id.group.is_empty() => {
                "make the namespace first; install and `upgrade --install` make it with --create-namespace"
            }
            StoreError::Unsupported { .. } => "choose the store in a file with --store sqlite:PATH",
            StoreError::Partial { source, .. } => return source.hints(),
            StoreError::Unreachable { store, .. } if store.starts_with("sqlite:") => {
                "check --store, and the owner and mode of the file; `bowline env` shows which store is chosen"
            }
            StoreError::Unreachable { .. } => "check --store; `bowline env` shows which store is chosen",
            StoreError::ClusterUnreachable { .. } => {
                "check that the cluster runs and that the context is the right one; `--store sqlite` works without a cluster"
            }
            StoreError::Configuration { .. } => {
                "check the kubeconfig and the --kube flags; `bowline env` shows which store is chosen"
            }
            StoreError::Stranger { origin, .. } => {
                let origin = if origin.is_empty() { "the kubeconfig" } else { origin };
                return vec![format!("check the address of the server: {origin}; nothing was changed")];
            }
            StoreError::Forbidden { id, verb, reason } => return vec![forbidden(id, verb, reason)],
            StoreError::Refused { reason, .. } => match refused(reason) {
                Some(hint) => hint,
                None => return Vec::new(),
            },
            _ => return Vec::new(),
        };
        vec![hint.to_string()]
    }
}

/// Which right is missing. Releases are recorded in Secrets, which who asks for other objects may not know.
fn forbidden(id: &ObjectRef, verb: &str, reason: &str) -> String {
    if reason.contains("cannot impersonate resource") {
        return "acting as somebody else needs a ClusterRole with the verb impersonate on users, groups or serviceaccounts; \
                leave --kube-as-user and --kube-as-group out to act as yourself"
            .to_string();
    }
    let record = id.kind == "Secret" && (id.name == "*" || id.name.starts_with("sh.helm.release."));
    if record && verb == "list" && id.namespace.is_empty() {
        return "looking at every namespace needs a ClusterRole with list on secrets; name a namespace (-n) instead of \
                --all-namespaces"
            .to_string();
    }
    if record && !matches!(verb, "get" | "list" | "create") {
        return format!(
            "releases are recorded in Secrets: whoever runs this needs a role that may {verb} secrets in that namespace; then \
             run the command again"
        );
    }
    if record && matches!(verb, "get" | "list" | "create") {
        return "releases are recorded in Secrets: whoever runs this needs a role with get, list, create, patch, update and \
                delete on secrets in that namespace; nothing was changed"
            .to_string();
    }
    format!("whoever runs this needs a role that may {verb} this kind; then run the command again")
}

/// What helps against a refusal that the object itself is not to blame for.
fn refused(reason: &str) -> Option<&'static str> {
    const KNOWN: [(&str, &str); 3] = [
        (
            "exceeded quota",
            "make room in the quota of the namespace, or ask for less; then run the command again",
        ),
        (
            "because it is being terminated",
            "wait until the namespace is gone, then make it anew (--create-namespace); nothing new can be in it before",
        ),
        (
            "failed calling webhook",
            "the service behind that webhook has to answer, or its configuration has to go; then run the command again",
        ),
    ];
    KNOWN.iter().find(|(said, _)| reason.contains(said)).map(|(_, hint)| *hint)
}
