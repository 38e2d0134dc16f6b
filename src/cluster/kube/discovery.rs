//! What the server serves: kinds, their names in paths, and whether they live in namespaces.
//!
//! Asked for in two requests where the server has aggregated discovery (1.26 and later), else group by group. Kept in memory
//! for the life of the process, and aggregated answers on disk (`shelf`) until the server has others.
//!
//! Invariant: nothing is guessed. What is kept counts only once the server said that it is still so, and the few kinds that are
//! known without asking ([`ALWAYS`]) are served by every API server there is.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http1::header::{HeaderValue, IF_NONE_MATCH};

use super::catalog::{Catalog, Resource, Root, group_version};
use super::link::{AT_ONCE, Ask, Link, Reply, Trouble};
use super::shelf::{Kept, Shelf};
use crate::cluster::StoreError;
use crate::cluster::live::{Kind, Server};
use crate::data::Value;
use crate::manifest::ObjectRef;
use crate::sys::{monotonic, parallel};

/// What to ask for: aggregated, in both versions that servers know, or the old form.
const ACCEPT: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,\
                      application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json";

/// Not asked again for an unknown kind before this.
const FRESH: Duration = Duration::from_millis(300);

/// Kinds that release records need, of `v1`: name in paths, and whether they live in namespaces.
const ALWAYS: [(&str, &str, bool); 3] =
    [("ConfigMap", "configmaps", true), ("Namespace", "namespaces", false), ("Secret", "secrets", true)];

/// The answers that tell everything.
const ROOTS: [&str; 2] = ["/api", "/apis"];

/// What is known so far.
#[derive(Debug, Default)]
pub(super) struct Discovery {
    known: Mutex<Option<Arc<Catalog>>>,
    server: Mutex<Option<Server>>,
}

impl Discovery {
    /// Version and kinds; asked for at the same time, once.
    pub(super) fn server(&self, link: &Link) -> Result<Server, StoreError> {
        let mut known = self.server.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(server) = &*known {
            return Ok(server.clone());
        }
        let (version, catalog) = std::thread::scope(|scope| {
            let version = scope.spawn(|| version(link));
            let catalog = self.catalog(link);
            (version.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)), catalog)
        });
        let (version, catalog) = (version?, catalog?);
        let text = |field: &str| version.get(field).and_then(Value::as_str).unwrap_or("").to_string();
        let server = Server {
            version: text("gitVersion"),
            major: text("major"),
            minor: text("minor"),
            api_versions: catalog.api_versions.clone(),
        };
        *known = Some(server.clone());
        Ok(server)
    }

    /// All there is.
    pub(super) fn catalog(&self, link: &Link) -> Result<Arc<Catalog>, StoreError> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(catalog) = &*known {
            return Ok(Arc::clone(catalog));
        }
        let catalog = Arc::new(read(link, link.shelf())?);
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
            None => {
                self.search(link, group, Some(version), |catalog| catalog.find(group, version, kind).cloned())
            }
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
            None => self.search(link, group, None, |catalog| catalog.preferred(group, kind).cloned()),
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

    /// A kind of a group, in one version or in any. That there is none is said only of groups that the server can tell about:
    /// what is passed over because its kind is not served would be forgotten for good.
    fn search(
        &self,
        link: &Link,
        group: &str,
        version: Option<&str>,
        find: impl Fn(&Catalog) -> Option<Resource>,
    ) -> Result<Option<Resource>, StoreError> {
        let mut catalog = self.catalog(link)?;
        let mut found = find(&catalog);
        if found.is_none() && catalog.read.elapsed() >= FRESH {
            drop(catalog);
            self.forget();
            catalog = self.catalog(link)?;
            found = find(&catalog);
        }
        match catalog.silent_version(group, version) {
            Some(silent) if found.is_none() => {
                Err(StoreError::GroupDown { api_version: group_version(&silent.group, &silent.version) })
            }
            _ => Ok(found),
        }
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

fn version(link: &Link) -> Result<Value, StoreError> {
    let answer = link.call(&ask("/version", "application/json")?);
    answer.map_err(|trouble| general(link, trouble))?.value()
}

/// An answer to one of [`ROOTS`].
enum Told {
    /// What is kept is still so.
    Same,
    /// This, under that name where it is all of it.
    Root(Root, Option<String>),
}

fn read(link: &Link, shelf: &Shelf) -> Result<Catalog, StoreError> {
    let kept = shelf.read();
    let told = parallel::map(&ROOTS, AT_ONCE, |path| tell(link, path, kept.get(*path)));
    let (mut roots, mut keep) = (Vec::with_capacity(ROOTS.len()), BTreeMap::new());
    let mut changed = false;
    for (path, told) in ROOTS.iter().zip(told) {
        let root = match (told?, kept.get(*path)) {
            (Told::Root(root, etag), _) => {
                changed = true;
                if let Some(etag) = etag {
                    keep.insert((*path).to_string(), Kept { etag, root: root.clone() });
                }
                root
            }
            (Told::Same, Some(found)) => {
                keep.insert((*path).to_string(), found.clone());
                found.root.clone()
            }
            (Told::Same, None) => Root::default(),
        };
        roots.push(root);
    }
    if changed && keep.len() == ROOTS.len() {
        shelf.write(keep);
    }
    Ok(Catalog::of(roots, monotonic()))
}

/// Asks for one of [`ROOTS`], or whether it is still the one that is kept.
fn tell(link: &Link, path: &str, kept: Option<&Kept>) -> Result<Told, StoreError> {
    let mut ask = ask(path, ACCEPT)?;
    let etag = kept.and_then(|kept| HeaderValue::from_str(&kept.etag).ok());
    let is_kept = etag.is_some();
    if let Some(etag) = etag {
        ask.headers_mut().insert(IF_NONE_MATCH, etag);
    }
    let reply = match link.call(&ask) {
        Ok(reply) => reply,
        Err(Trouble::Refused(refusal)) if refusal.status.code == 304 && is_kept => return Ok(Told::Same),
        Err(trouble) => return Err(general(link, trouble)),
    };
    let mut root = Root::default();
    if reply.content_type.contains("APIGroupDiscoveryList") {
        root.add_aggregated(&reply.value()?);
        let may_be_kept = root.silent.is_empty() && !reply.etag.is_empty();
        return Ok(Told::Root(root, Some(reply.etag).filter(|_| may_be_kept)));
    }
    add_each(&mut root, link, &reply)?;
    Ok(Told::Root(root, None))
}

/// The old way: one request for each group and version.
fn add_each(root: &mut Root, link: &Link, reply: &Reply) -> Result<(), StoreError> {
    let served = Root::served(&reply.value()?);
    let answers = parallel::map(&served, AT_ONCE, |(group, version)| {
        let prefix = if group.is_empty() { "/api/" } else { "/apis/" };
        let path = format!("{prefix}{}", group_version(group, version));
        let asked = link.call(&ask(&path, "application/json")?);
        match asked {
            Ok(reply) => reply.value().map(Some),
            Err(Trouble::Refused(refusal)) if refusal.status.code == 404 => Ok(Some(Value::Null)),
            // A group behind a server that is down hides its kinds, not those of the others.
            Err(Trouble::Refused(refusal)) if refusal.status.code > 404 => Ok(None),
            Err(trouble) => Err(general(link, trouble)),
        }
    });
    for ((group, version), answer) in served.iter().zip(answers) {
        match answer? {
            Some(Value::Null) => {}
            Some(answer) => root.add_listed(group, version, &answer),
            None => root.add_silent(group, version),
        }
    }
    Ok(())
}
