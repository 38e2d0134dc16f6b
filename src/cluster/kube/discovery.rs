//! What the server serves: kinds, their names in paths, and whether they live in namespaces.
//!
//! Asked for in two requests where the server has aggregated discovery (1.26 and later), else group by group. Kept in memory
//! for the life of the process.
//!
//! Invariant: nothing is guessed. The few kinds that are known without asking ([`ALWAYS`]) are served by every API server
//! there is.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::link::{Ask, Link, Reply, Trouble};
use super::parallel::parallel;
use crate::cluster::StoreError;
use crate::cluster::live::Kind;
use crate::data::Value;
use crate::manifest::ObjectRef;
use crate::sys::monotonic;

/// What to ask for: aggregated, in both versions that servers know, or the old form.
const ACCEPT: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,\
                      application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json";

/// Not asked again for an unknown kind before this.
const FRESH: Duration = Duration::from_millis(300);

/// Kinds that release records need, of `v1`: name in paths, and whether they live in namespaces.
const ALWAYS: [(&str, &str, bool); 3] =
    [("ConfigMap", "configmaps", true), ("Namespace", "namespaces", false), ("Secret", "secrets", true)];

/// A kind in one version of its group.
#[derive(Debug, Clone, PartialEq, Eq)]
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
    pub(super) fn path(&self, namespace: &str) -> String {
        let root = if self.group.is_empty() { "api" } else { "apis" };
        let within = if self.namespaced && !namespace.is_empty() {
            format!("/namespaces/{namespace}")
        } else {
            String::new()
        };
        format!("/{root}/{}{within}/{}", self.api_version(), self.plural)
    }
}

/// All kinds, groups and versions in the server's order of preference.
#[derive(Debug)]
pub(super) struct Catalog {
    pub(super) resources: Vec<Resource>,
    /// `v1`, `apps/v1`, `apps/v1/Deployment`.
    pub(super) api_versions: Vec<String>,
    read: Instant,
}

impl Catalog {
    fn find(&self, group: &str, version: &str, kind: &str) -> Option<&Resource> {
        self.resources.iter().find(|resource| {
            (resource.group.as_str(), resource.version.as_str(), resource.kind.as_str())
                == (group, version, kind)
        })
    }

    /// The version that the server likes best.
    fn preferred(&self, group: &str, kind: &str) -> Option<&Resource> {
        self.resources
            .iter()
            .find(|resource| (resource.group.as_str(), resource.kind.as_str()) == (group, kind))
    }
}

/// What is known so far.
#[derive(Debug, Default)]
pub(super) struct Discovery {
    known: Mutex<Option<Arc<Catalog>>>,
}

impl Discovery {
    /// All there is.
    pub(super) fn catalog(&self, link: &Link) -> Result<Arc<Catalog>, StoreError> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(catalog) = &*known {
            return Ok(Arc::clone(catalog));
        }
        let catalog = Arc::new(read(link)?);
        *known = Some(Arc::clone(&catalog));
        Ok(catalog)
    }

    /// A kind in one version.
    pub(super) fn find(
        &self,
        link: &Link,
        group: &str,
        version: &str,
        kind: &str,
    ) -> Result<Option<Resource>, StoreError> {
        let always = (group.is_empty() && version == "v1").then(|| always(kind)).flatten();
        match always {
            Some(resource) => Ok(Some(resource)),
            None => self.search(link, |catalog| catalog.find(group, version, kind).cloned()),
        }
    }

    /// A kind in the version that the server likes best.
    pub(super) fn preferred(
        &self,
        link: &Link,
        group: &str,
        kind: &str,
    ) -> Result<Option<Resource>, StoreError> {
        match group.is_empty().then(|| always(kind)).flatten() {
            Some(resource) => Ok(Some(resource)),
            None => self.search(link, |catalog| catalog.preferred(group, kind).cloned()),
        }
    }

    /// The kind of an object.
    pub(super) fn of(&self, link: &Link, id: &ObjectRef) -> Result<Resource, StoreError> {
        let found = self.find(link, &id.group, &id.version, &id.kind)?;
        found.ok_or_else(|| StoreError::NoKind { kind: id.kind.clone(), api_version: id.api_version() })
    }

    /// Makes the next search for an unknown kind ask again: a definition was written.
    pub(super) fn forget(&self) {
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn search(
        &self,
        link: &Link,
        find: impl Fn(&Catalog) -> Option<Resource>,
    ) -> Result<Option<Resource>, StoreError> {
        let catalog = self.catalog(link)?;
        if let Some(found) = find(&catalog) {
            return Ok(Some(found));
        }
        if catalog.read.elapsed() < FRESH {
            return Ok(None);
        }
        drop(catalog);
        self.forget();
        Ok(find(&*self.catalog(link)?))
    }
}

fn always(kind: &str) -> Option<Resource> {
    let (kind, plural, namespaced) = ALWAYS.iter().find(|(known, _, _)| *known == kind)?;
    let verbs = ["create", "delete", "get", "list", "patch", "update", "watch"];
    Some(Resource {
        group: String::new(),
        version: "v1".into(),
        kind: (*kind).into(),
        plural: (*plural).into(),
        namespaced: *namespaced,
        verbs: verbs.map(str::to_string).to_vec(),
    })
}

/// The kind and what it is for callers.
pub(super) fn told(resource: Resource) -> Kind {
    Kind { plural: resource.plural, namespaced: resource.namespaced }
}

pub(super) fn ask(path: &str, accept: &'static str) -> Result<Ask, StoreError> {
    http1::Request::get(path)
        .header(http1::header::ACCEPT, accept)
        .body(Vec::new())
        .map_err(|error| StoreError::Internal(format!("{path}: {error}")))
}

/// The error of a request that is about no object.
pub(super) fn general(link: &Link, trouble: Trouble) -> StoreError {
    match trouble {
        Trouble::Failed(error) => error,
        Trouble::Lost { request, reason, .. } => {
            StoreError::ClusterUnreachable { reason: format!("{request}: {reason}") }
        }
        Trouble::Refused(refusal) if refusal.status.code == 401 => {
            StoreError::Unauthorized { store: link.store.clone(), reason: refusal.status.message }
        }
        Trouble::Refused(refusal) => StoreError::ClusterUnreachable { reason: refusal.status.message },
    }
}

fn read(link: &Link) -> Result<Catalog, StoreError> {
    let roots = parallel(&["/api", "/apis"], |path| {
        link.call(&ask(path, ACCEPT)?).map_err(|trouble| general(link, trouble))
    });
    let mut found = Found::default();
    for root in roots {
        let root = root?;
        if root.content_type.contains("APIGroupDiscoveryList") {
            found.add_aggregated(&root.value()?);
        } else {
            found.add_each(link, &root)?;
        }
    }
    found.api_versions.sort();
    found.api_versions.dedup();
    Ok(Catalog { resources: found.resources, api_versions: found.api_versions, read: monotonic() })
}

#[derive(Default)]
struct Found {
    resources: Vec<Resource>,
    api_versions: Vec<String>,
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

fn group_version(group: &str, version: &str) -> String {
    if group.is_empty() { version.to_string() } else { format!("{group}/{version}") }
}

impl Found {
    fn add_aggregated(&mut self, answer: &Value) {
        for item in list(answer, "items") {
            let group = text(item, &["metadata", "name"]);
            for served in list(item, "versions") {
                let version = text(served, &["version"]);
                let api_version = group_version(group, version);
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

    /// The old way: one request for each group and version.
    fn add_each(&mut self, link: &Link, root: &Reply) -> Result<(), StoreError> {
        let root = root.value()?;
        let mut served: Vec<(String, String)> =
            texts(&root, "versions").into_iter().map(|version| (String::new(), version)).collect();
        for group in list(&root, "groups") {
            let name = text(group, &["name"]);
            let best = text(group, &["preferredVersion", "version"]);
            let mut versions: Vec<&str> =
                list(group, "versions").iter().map(|version| text(version, &["version"])).collect();
            versions.sort_by_key(|version| *version != best);
            served.extend(versions.into_iter().map(|version| (name.to_string(), version.to_string())));
        }
        let answers = parallel(&served, |(group, version)| {
            let prefix = if group.is_empty() { "/api/" } else { "/apis/" };
            let path = format!("{prefix}{}", group_version(group, version));
            let asked = link.call(&ask(&path, "application/json")?);
            match asked {
                Ok(reply) => reply.value().map(Some),
                // A group behind a server that is down hides its kinds, not those of the others.
                Err(Trouble::Refused(refusal)) if refusal.status.code >= 404 => Ok(None),
                Err(trouble) => Err(general(link, trouble)),
            }
        });
        for ((group, version), answer) in served.iter().zip(answers) {
            let Some(answer) = answer? else { continue };
            self.add_listed(group, version, &answer);
        }
        Ok(())
    }

    fn add_listed(&mut self, group: &str, version: &str, answer: &Value) {
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
