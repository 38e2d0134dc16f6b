//! Kinds as a server tells them: their names in paths, their verbs, and whether they live in namespaces.
//!
//! ```text
//! /api ──┐ aggregated (1.26 and later): all groups in one answer ─┐
//! /apis ─┘ else the groups, and a request for each version ───────┴─► Root, Root ─► Catalog
//! ```
//!
//! Invariant: nothing is asked here; answers are read as they are, and what one leaves out is not made up. No name of an object
//! or a namespace makes a path lead elsewhere.

use std::time::Instant;

use serde::{Deserialize, Serialize};

use crate::cluster::StoreError;
use crate::cluster::object::{is_namespace, is_path_part};
use crate::data::Value;
use crate::manifest::ObjectRef;

/// A kind in one version of its group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Resource {
    pub(super) group: String,
    pub(super) version: String,
    pub(super) kind: String,
    pub(super) plural: String,
    pub(super) namespaced: bool,
    pub(super) verbs: Vec<String>,
}

impl Resource {
    /// Whether it can be asked for that.
    pub(super) fn can(&self, verb: &str) -> bool {
        self.verbs.iter().any(|known| known == verb)
    }

    /// `v1`, `apps/v1`.
    pub(super) fn api_version(&self) -> String {
        if self.group.is_empty() { self.version.clone() } else { format!("{}/{}", self.group, self.version) }
    }

    /// The path of its objects, in one namespace or in all.
    ///
    /// # Errors
    /// No namespace can be called that.
    pub(super) fn path(&self, namespace: &str) -> Result<String, StoreError> {
        let root = if self.group.is_empty() { "api" } else { "apis" };
        let within = match namespace {
            _ if !self.namespaced || namespace.is_empty() => String::new(),
            name if is_namespace(name) => format!("/namespaces/{name}"),
            name => return Err(StoreError::NoNamespaceName { name: name.to_string() }),
        };
        Ok(format!("/{root}/{}{within}/{}", self.api_version(), self.plural))
    }

    /// Whether there can be such an object: it is in a namespace exactly when its kind lives in namespaces, and its names are
    /// ones that an object and a namespace can have.
    pub(super) fn can_have(&self, id: &ObjectRef) -> bool {
        is_path_part(&id.name) && (!self.namespaced || is_namespace(&id.namespace))
    }
}

/// A name as one part of a path. Dots stay: `.` and `..` are no names of objects ([`Resource::can_have`]).
pub(super) fn segment(name: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:@".contains(&byte);
    name.bytes()
        .map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

/// All kinds, groups and versions in the server's order of preference.
#[derive(Debug)]
pub(super) struct Catalog {
    pub(super) resources: Vec<Resource>,
    /// `v1`, `apps/v1`, `apps/v1/Deployment`.
    pub(super) api_versions: Vec<String>,
    silent: Vec<GroupVersion>,
    pub(super) read: Instant,
}

impl Catalog {
    /// What several answers tell together.
    pub(super) fn of(roots: impl IntoIterator<Item = Root>, read: Instant) -> Self {
        let mut catalog =
            Catalog { resources: Vec::new(), api_versions: Vec::new(), silent: Vec::new(), read };
        for root in roots {
            catalog.resources.extend(root.resources);
            catalog.silent.extend(root.silent);
            catalog.api_versions.extend(root.api_versions);
        }
        catalog.api_versions.sort();
        catalog.api_versions.dedup();
        catalog
    }

    /// The version of a group, that one or any, of which kinds may be missing here: its server is down.
    pub(super) fn silent_version(&self, group: &str, version: Option<&str>) -> Option<&GroupVersion> {
        self.silent
            .iter()
            .find(|silent| silent.group == group && version.is_none_or(|version| silent.version == version))
    }

    /// A kind in one version.
    pub(super) fn find(&self, group: &str, version: &str, kind: &str) -> Option<&Resource> {
        self.resources.iter().find(|resource| {
            (resource.group.as_str(), resource.version.as_str(), resource.kind.as_str())
                == (group, version, kind)
        })
    }

    /// The version that the server likes best.
    pub(super) fn preferred(&self, group: &str, kind: &str) -> Option<&Resource> {
        self.resources
            .iter()
            .find(|resource| (resource.group.as_str(), resource.kind.as_str()) == (group, kind))
    }
}

/// A version of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct GroupVersion {
    pub(super) group: String,
    pub(super) version: String,
}

/// What one answer tells.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Root {
    pub(super) resources: Vec<Resource>,
    pub(super) api_versions: Vec<String>,
    /// Versions of groups whose servers are down: what is told of their kinds is old, or nothing. Such an answer is never
    /// kept, so this is not written.
    #[serde(skip)]
    pub(super) silent: Vec<GroupVersion>,
}

fn text<'a>(value: &'a Value, path: &[&'a str]) -> &'a str {
    value.path(path.iter().copied()).and_then(Value::as_str).unwrap_or("")
}

fn list<'a>(value: &'a Value, field: &str) -> &'a [Value] {
    value.get(field).and_then(Value::as_list).unwrap_or_default()
}

fn texts(value: &Value, field: &str) -> Vec<String> {
    list(value, field).iter().filter_map(Value::as_str).map(str::to_string).collect()
}

pub(super) fn group_version(group: &str, version: &str) -> String {
    if group.is_empty() { version.to_string() } else { format!("{group}/{version}") }
}

impl Root {
    /// The groups of an aggregated answer.
    pub(super) fn add_aggregated(&mut self, answer: &Value) {
        for item in list(answer, "items") {
            let group = text(item, &["metadata", "name"]);
            for served in list(item, "versions") {
                let version = text(served, &["version"]);
                let api_version = group_version(group, version);
                if text(served, &["freshness"]) == "Stale" {
                    self.add_silent(group, version);
                }
                for resource in list(served, "resources") {
                    let kind = text(resource, &["responseKind", "kind"]);
                    for part in list(resource, "subresources") {
                        let kind = text(part, &["responseKind", "kind"]);
                        self.api_versions.extend((!kind.is_empty()).then(|| format!("{api_version}/{kind}")));
                    }
                    if kind.is_empty() {
                        continue;
                    }
                    self.api_versions.push(format!("{api_version}/{kind}"));
                    self.resources.push(Resource {
                        group: group.to_string(),
                        version: version.to_string(),
                        kind: kind.to_string(),
                        plural: text(resource, &["resource"]).to_string(),
                        namespaced: text(resource, &["scope"]) == "Namespaced",
                        verbs: texts(resource, "verbs"),
                    });
                }
                self.api_versions.push(api_version);
            }
        }
    }

    /// A version of a group whose server is down.
    pub(super) fn add_silent(&mut self, group: &str, version: &str) {
        self.silent.push(GroupVersion { group: group.to_string(), version: version.to_string() });
    }

    /// Groups and versions of an answer that is not aggregated, in the server's order of preference.
    pub(super) fn served(root: &Value) -> Vec<(String, String)> {
        let mut served: Vec<(String, String)> =
            texts(root, "versions").into_iter().map(|version| (String::new(), version)).collect();
        for group in list(root, "groups") {
            let name = text(group, &["name"]);
            let best = text(group, &["preferredVersion", "version"]);
            let mut versions: Vec<&str> =
                list(group, "versions").iter().map(|version| text(version, &["version"])).collect();
            versions.sort_by_key(|version| *version != best);
            served.extend(versions.into_iter().map(|version| (name.to_string(), version.to_string())));
        }
        served
    }

    /// The kinds of one version of a group.
    pub(super) fn add_listed(&mut self, group: &str, version: &str, answer: &Value) {
        let api_version = group_version(group, version);
        for resource in list(answer, "resources") {
            let (name, kind) = (text(resource, &["name"]), text(resource, &["kind"]));
            self.api_versions.push(format!("{api_version}/{kind}"));
            if name.contains('/') {
                continue;
            }
            self.resources.push(Resource {
                group: group.to_string(),
                version: version.to_string(),
                kind: kind.to_string(),
                plural: name.to_string(),
                namespaced: resource.get("namespaced").and_then(Value::as_bool).unwrap_or(false),
                verbs: texts(resource, "verbs"),
            });
        }
        self.api_versions.push(api_version);
    }
}
