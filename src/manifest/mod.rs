//! From rendered text to objects: the split into documents, their identity, install order and hooks.
//!
//! Invariant: an object keeps the text it was made from and the template file (and line) that wrote it; nothing here
//! changes a byte of the text.

mod assemble;
pub mod error;
pub mod hook;
mod lists;
pub mod name;
mod object;
pub mod order;
mod outline;
pub mod split;

use std::fmt;
use std::sync::Arc;

pub use assemble::{
    Manifest, RenderedText, Splitting, document, parse_stored, parse_stored_each, write_document,
};
pub use error::ManifestError;
pub use hook::{Event, Hook};
pub use name::{check_chart, check_release};
pub use object::RESOURCE_POLICY_ANNOTATION;
pub use outline::{Outline, outline_stored};

use crate::data::Value;

/// What an object is called in a cluster.
///
/// The API version is not part of the identity: an object moved from `extensions/v1beta1` to `apps/v1` stays the same
/// only when its group does (Helm's rule: name, namespace, group and kind).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectRef {
    /// API group, empty for the core group.
    pub group: String,
    /// API version within the group, such as `v1`.
    pub version: String,
    /// Kind, such as `ConfigMap`.
    pub kind: String,
    /// Namespace, empty for cluster-wide objects and for those that take the release's namespace.
    pub namespace: String,
    /// Name.
    pub name: String,
}

impl ObjectRef {
    /// Group and version as manifests write them: `apps/v1`, `v1`.
    pub fn api_version(&self) -> String {
        if self.group.is_empty() { self.version.clone() } else { format!("{}/{}", self.group, self.version) }
    }

    /// Splits `apps/v1` into group and version.
    pub fn split_api_version(api_version: &str) -> (&str, &str) {
        api_version.rsplit_once('/').unwrap_or(("", api_version))
    }

    /// Whether it is a Secret, whose values nobody is shown.
    pub fn is_secret(&self) -> bool {
        self.group.is_empty() && self.kind == "Secret"
    }

    /// Whether both name the same object (the version does not count).
    pub fn same_object(&self, other: &ObjectRef) -> bool {
        (&self.group, &self.kind, &self.namespace, &self.name)
            == (&other.group, &other.kind, &other.namespace, &other.name)
    }
}

impl fmt::Display for ObjectRef {
    /// `Kind/namespace/name`, without an empty namespace.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.namespace.is_empty() {
            write!(f, "{}/{}", self.kind, self.name)
        } else {
            write!(f, "{}/{}/{}", self.kind, self.namespace, self.name)
        }
    }
}

/// One document of a manifest.
#[derive(Debug, Clone)]
pub struct Object {
    /// Its identity.
    pub id: ObjectRef,
    /// The template that wrote it: `chart/templates/deployment.yaml`.
    pub source: Arc<str>,
    /// Line of `source`'s rendered text (or of the stored manifest) on which the document starts, from 1.
    pub line: u32,
    /// The document as rendered, without its `---` line, trimmed as Helm trims it.
    pub text: Arc<str>,
    /// The document as a value.
    pub body: Value,
}
