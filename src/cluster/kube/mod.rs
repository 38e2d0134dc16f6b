//! The Kubernetes API as a store and as a cluster, through kube-rs.
//!
//! ```text
//! KubeOptions ─► access (kubeconfig, flags) ─► link (runtime, rate, credentials, tries) ─► kube-rs ─► transport ─► server
//!                                                 ▲
//!      objects (get, list) · sought (many by name) · tables (as people see them) · requests (changes) · watch ·
//!      discovery (kinds: catalog, shelf) · refusals (what an error answer means)
//! ```
//!
//! Async stops here: callers block, and the runtime lives on one thread, started with the first request. Objects stay
//! dynamic values; none of the types of the API's kinds is in the program.
//!
//! Invariant: nothing is read and nobody is asked before the first call that needs it.

mod access;
mod catalog;
mod credentials;
mod discovery;
mod fields;
mod link;
mod objects;
mod options;
mod protobuf;
mod proxy;
mod refusals;
mod requests;
mod shelf;
mod sought;
mod stranger;
mod tables;
mod throttle;
mod transport;
mod watch;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use kube::core::subresource::LogParams;

use super::live::{Cluster, Kind, LogOptions, Request, Seen, Server, Shown};
use super::{Capabilities, Query, Sought, Store, StoreError, Stored, Write};
use crate::manifest::ObjectRef;
use crate::sys::{Host, parallel};
use discovery::Discovery;
use link::{AT_ONCE, Link};
use requests::How;

pub use options::{DEFAULT_BURST, DEFAULT_QPS, KubeOptions};

/// Most data of one Secret or ConfigMap, decoded: `MaxSecretSize` of the API server, which Helm's records may reach.
const LARGEST_DATA: usize = 1 << 20;
/// Largest object as JSON: what an API server reads of a request. etcd's own limit of 1.5 MiB is for what the server makes of
/// it, where a Secret's data are decoded.
const LARGEST_OBJECT: usize = 3 << 20;

/// A Kubernetes cluster.
#[derive(Debug)]
pub struct Kube {
    options: KubeOptions,
    host: Host,
    link: Mutex<Option<Arc<Link>>>,
    discovery: Arc<Discovery>,
}

impl Kube {
    /// A store that talks to the server which the options name. Nothing is read yet.
    pub fn new(options: KubeOptions, host: &Host) -> Self {
        Kube { options, host: host.clone(), link: Mutex::default(), discovery: Arc::default() }
    }

    /// The connection, made at the first call.
    fn link(&self) -> Result<Arc<Link>, StoreError> {
        let mut slot = self.link.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(link) = &*slot {
            return Ok(Arc::clone(link));
        }
        let link = Arc::new(Link::new(&self.options, &self.host, self.describe())?);
        *slot = Some(Arc::clone(&link));
        Ok(link)
    }
}

impl Store for Kube {
    fn describe(&self) -> String {
        match &self.options.context {
            Some(context) => format!("kube:{context}"),
            None => "kube".to_string(),
        }
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            atomic_batches: false,
            runs_workloads: true,
            largest_object: LARGEST_OBJECT,
            largest_data: LARGEST_DATA,
        }
    }

    fn identity(&self) -> Result<Option<String>, StoreError> {
        let id = ObjectRef {
            group: String::new(),
            version: "v1".to_string(),
            kind: "Namespace".to_string(),
            namespace: String::new(),
            name: "kube-system".to_string(),
        };
        match self.read(&id) {
            Ok(Some(stored)) => Ok(Some(stored.uid)),
            Ok(None) | Err(StoreError::Forbidden { .. } | StoreError::Refused { code: 403, .. }) => {
                Ok(Some(format!("server:{}", self.link()?.server())))
            }
            Err(error) => Err(error),
        }
    }

    fn cluster(&self) -> Option<&dyn Cluster> {
        Some(self)
    }

    fn prepare(&self) {
        // Whoever needs what cannot be had is told why.
        let Ok(link) = self.link() else { return };
        let discovery = Arc::clone(&self.discovery);
        let begun = std::thread::Builder::new().name("discovery".into());
        let _ = begun.spawn(move || discovery.server(&link));
    }

    fn get(&self, id: &ObjectRef) -> Result<Option<Stored>, StoreError> {
        self.read(id)
    }

    fn get_each(&self, ids: &[ObjectRef]) -> Result<Vec<Option<Stored>>, StoreError> {
        parallel::map(ids, AT_ONCE, |id| self.read(id)).into_iter().collect()
    }

    fn find_each(&self, sought: &[Sought]) -> Result<Vec<Option<Stored>>, StoreError> {
        self.find(sought)
    }

    fn visit(
        &self,
        query: &Query,
        on: &mut dyn FnMut(Stored) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        match &query.group_kind {
            Some((group, kind)) => self.each(query, (group, kind), on),
            None => self.query(query)?.into_iter().try_for_each(on),
        }
    }

    fn survey(
        &self,
        query: &Query,
        needs_body: &dyn Fn(&Stored) -> bool,
        on: &mut dyn FnMut(Stored) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        match &query.group_kind {
            Some((group, kind)) => self.look_over(query, (group, kind), needs_body, on),
            None => self.query(query)?.into_iter().try_for_each(on),
        }
    }

    fn list(&self, query: &Query) -> Result<Vec<Stored>, StoreError> {
        self.query(query)
    }

    fn batch(&self, writes: &[Write]) -> Result<Vec<Option<Stored>>, StoreError> {
        self.write_each(writes, How::written(false))
    }

    fn batch_brief(&self, writes: &[Write]) -> Result<Vec<Option<Stored>>, StoreError> {
        self.write_each(writes, How::written(true))
    }
}

impl Kube {
    /// Writes in order, until one fails.
    fn write_each(&self, writes: &[Write], how: How) -> Result<Vec<Option<Stored>>, StoreError> {
        let mut results = Vec::with_capacity(writes.len());
        for write in writes {
            match self.write(write, how) {
                Ok(result) => results.push(result),
                Err(source) if results.is_empty() => return Err(source),
                Err(source) => {
                    let (done, total) = (results.len(), writes.len());
                    return Err(StoreError::Partial { done, total, source: Box::new(source) });
                }
            }
        }
        Ok(results)
    }
}

impl Cluster for Kube {
    fn send(&self, request: &Request, dry_run: bool) -> Result<Option<Stored>, StoreError> {
        self.carry_out(request, dry_run)
    }

    fn send_each(&self, requests: &[Request], dry_run: bool) -> Vec<Result<Option<Stored>, StoreError>> {
        parallel::map(requests, AT_ONCE, |request| self.carry_out(request, dry_run))
    }

    fn shown(&self, sought: &[Sought]) -> Result<Vec<Option<Shown>>, StoreError> {
        self.rows(sought)
    }

    fn shown_lists(&self, queries: &[Query]) -> Vec<Result<Vec<Shown>, StoreError>> {
        self.rows_of_each(queries)
    }

    fn adopt_fields(&self, id: &ObjectRef) -> Result<bool, StoreError> {
        self.move_fields(id)
    }

    fn server(&self) -> Result<Server, StoreError> {
        let link = self.link()?;
        self.discovery.server(&link)
    }

    fn kind(&self, group: &str, version: &str, kind: &str) -> Result<Option<Kind>, StoreError> {
        let link = self.link()?;
        Ok(self.discovery.find(&link, group, version, kind)?.map(discovery::told))
    }

    fn watch(
        &self,
        objects: &[ObjectRef],
        beat: Duration,
        on: &mut dyn FnMut(Seen) -> bool,
    ) -> Result<(), StoreError> {
        self.observe(objects, beat, on)
    }

    fn logs(&self, pod: &ObjectRef, options: &LogOptions) -> Result<String, StoreError> {
        let link = self.link()?;
        let most = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        let params = LogParams {
            container: Some(options.container.clone()).filter(|name| !name.is_empty()),
            tail_lines: options.tail.map(most),
            limit_bytes: options.limit_bytes.map(most),
            previous: options.previous,
            ..LogParams::default()
        };
        let pods = self.discovery.of(&link, pod)?;
        if !pods.can_have(pod) {
            return Err(StoreError::NotFound { id: Box::new(pod.clone()) });
        }
        let ask =
            kube::core::Request::new(pods.path(&pod.namespace)?).logs(&catalog::segment(&pod.name), &params);
        let ask =
            ask.map_err(|error| StoreError::Invalid { what: pod.to_string(), reason: error.to_string() })?;
        let reply = link.call(&ask).map_err(|trouble| requests::error_of(&link, pod, "log", trouble))?;
        Ok(String::from_utf8_lossy(&reply.body).into_owned())
    }

    fn warnings(&self) -> Vec<String> {
        let slot = self.link.lock().unwrap_or_else(PoisonError::into_inner);
        slot.as_ref().map(|link| link.warnings()).unwrap_or_default()
    }
}
