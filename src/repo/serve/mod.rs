//! Serves the charts of a folder or of a bucket over HTTP, with a page for people: `serve`. The only user of tiny_http.
//!
//! From tiny_http come the types of the protocol and the writing of answers. Its accept loop is not used: it bounds
//! neither the size of a head, nor the time for one, nor the number of threads, and a server that is open to a network
//! must bound all three. Connections are accepted here (`serve/mod.rs`), wait for a worker (`queue`), are read within limits
//! (`connection`, `request`, `body`), let in (`access`, `token_service`), answered from a picture of the folder (`routes`,
//! `museum`, `oci`, `catalog`) and written with a deadline (`reply`, `paced`).
//!
//! Invariant: a server that is not writable only reads. No file is served but charts and the server's own page; what is
//! uploaded is put in place whole or not at all; each client is bounded in size, time and share of the threads.

mod access;
mod body;
mod browse;
mod catalog;
mod channel;
mod connection;
mod digests;
mod guesses;
mod html_text;
mod htpasswd;
mod issuer;
mod known;
mod markdown;
mod metrics;
mod multipart;
mod museum;
mod oci;
mod options;
mod origin;
mod paced;
mod page;
mod queue;
mod reply;
mod request;
mod routes;
mod rules;
mod scopes;
mod snapshot;
mod storage;
mod tenants;
mod token_service;
mod tokens;
mod turns;
mod upload;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, UNIX_EPOCH};

use super::RepoError;
use super::generate::ARCHIVE_LIMIT;
use crate::diag::Diagnostic;
use crate::sys::tls::{ServerTls, TlsFiles};
use crate::sys::{Clock, Host, monotonic};
use metrics::Metrics;
use queue::{Caller, Queue};
pub use storage::{BucketOptions, Source};
use tenants::Tenants;
use turns::Turns;
use upload::Uploads;

pub use options::{
    Access, AccessLog, DEFAULT_ADDRESS, DEFAULT_SERVICE, DEFAULT_UPLOAD_LIMIT, MOST_DEPTH, ServeOptions,
    TokenOptions, Warnings,
};

/// Most looks into archives at the same time.
const MOST_LOOKS: usize = 2;
/// How often what is known of the folders is written to the cache.
const SAVE: Duration = Duration::from_secs(2);
/// How soon `stop` is seen.
const TICK: Duration = Duration::from_millis(50);

/// A server that listens.
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    clock: Clock,
    shared: Shared,
}

/// What all workers see.
struct Shared {
    tenants: Tenants,
    access: access::Access,
    tls: Option<ServerTls>,
    uploads: Uploads,
    /// For looks into archives, which need memory of their size.
    looks: Turns,
    sessions: oci::Sessions,
    metrics: Metrics,
    writable: bool,
    deletable: bool,
    name: String,
    url: String,
    request_time: Duration,
    log: Option<AccessLog>,
    queue: Queue,
    workers: usize,
    stopping: AtomicBool,
}

impl Shared {
    fn stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    /// Counts and logs an answer.
    fn done(&self, access: &Access<'_>, took: Duration) {
        self.metrics.count(access.method, access.status, took);
        if let Some(log) = &self.log {
            log(access);
        }
    }
}

impl Server {
    /// Looks at the charts and starts to listen. Connections are answered once [`Server::run`] runs.
    ///
    /// # Errors
    /// The charts cannot be listed, a file with users or for TLS cannot be used, or the address is not free.
    pub fn bind(host: &Host, options: &ServeOptions) -> Result<Self, RepoError> {
        let unusable = |reason: String| RepoError::Bind { address: options.address.clone(), reason };
        // Without a host, as Helm 2 took it, it is every interface.
        let any =
            options.address.starts_with(':').then(|| format!("{}{}", Ipv4Addr::UNSPECIFIED, options.address));
        let address = any.as_ref().unwrap_or(&options.address);
        let addresses: Vec<SocketAddr> =
            address.to_socket_addrs().map_err(|error| unusable(error.to_string()))?.collect();
        let access = access::Access::open(host, options)?;
        let tls = options.tls.as_ref().map(|files| open_tls(host, files, options)).transpose()?;
        let depth = options.depth.min(MOST_DEPTH);
        let (storage, stage) = storage::open(host, &options.source)?;
        let tenants = Tenants::open(storage, &options.url, depth, host.dirs.cache.join("serve"))?;
        let workers = options.workers.max(1);
        let uploads =
            Uploads::new(stage, host.random.clone(), options.max_upload_size.min(ARCHIVE_LIMIT), workers);
        let listener =
            TcpListener::bind(addresses.as_slice()).map_err(|error| unusable(error.to_string()))?;
        let address = listener.local_addr().map_err(|error| unusable(error.to_string()))?;
        if options.writable {
            let now = host.now().duration_since(UNIX_EPOCH).unwrap_or_default();
            uploads.clean(now.as_secs() as i64);
        }
        Ok(Server {
            listener,
            address,
            clock: host.clock.clone(),
            shared: Shared {
                tenants,
                access,
                tls,
                uploads,
                looks: Turns::new(MOST_LOOKS, (workers / 4).max(1)),
                sessions: oci::Sessions::default(),
                metrics: Metrics::default(),
                writable: options.writable,
                deletable: !options.disable_delete,
                name: options.name.clone(),
                url: options.url.clone(),
                request_time: options.request_time,
                log: options.log.clone(),
                queue: Queue::default(),
                workers,
                stopping: AtomicBool::new(false),
            },
        })
    }

    /// Where it listens, with the port that was taken.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// The address to type into a browser or `repo add` on this machine.
    pub fn url(&self) -> String {
        let scheme = if self.shared.tls.is_some() { "https" } else { "http" };
        format!("{scheme}://{}", self.reachable())
    }

    /// The certificate by which registries know the tokens that are signed here, and the URL of the token service; `None`
    /// when no tokens are signed here.
    pub fn token_service(&self) -> Option<(&Path, String)> {
        let access = &self.shared.access;
        let realm = access.realm().map_or_else(|| format!("{}/token", self.url()), str::to_string);
        Some((&access.issuer()?.certificate, realm))
    }

    /// How many charts are served, and a warning for each archive that is not. Tenants are looked at when somebody asks
    /// for them, and not counted.
    pub fn charts(&self) -> (usize, Vec<Diagnostic>) {
        let Ok(catalog) = self.shared.tenants.get("") else { return (0, Vec::new()) };
        let snapshot = catalog.last();
        (snapshot.index.entries.len(), snapshot.warnings.clone())
    }

    /// Answers requests until `stop` is set, then finishes those that were begun.
    ///
    /// # Errors
    /// The listening socket cannot be used any more.
    pub fn run(&self, stop: &AtomicBool) -> Result<(), RepoError> {
        let failed = Mutex::new(None);
        std::thread::scope(|scope| {
            for _ in 0..self.shared.workers {
                scope.spawn(|| {
                    while let Some(caller) = self.shared.queue.next(|| self.shared.stopping()) {
                        connection::serve(&self.shared, caller);
                    }
                });
            }
            scope.spawn(|| {
                self.shared.queue.look_after(self.shared.request_time, || self.shared.stopping());
            });
            scope.spawn(|| {
                if let Err(error) = self.accept() {
                    *failed.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                    self.shared.stopping.store(true, Ordering::Relaxed);
                }
            });
            scope.spawn(|| self.keep());
            scope.spawn(|| self.sweep());
            while !stop.load(Ordering::Relaxed) && !self.shared.stopping() {
                std::thread::sleep(TICK);
            }
            self.shared.stopping.store(true, Ordering::Relaxed);
            self.shared.queue.wake();
            // Wakes the thread that waits for a connection; when nobody can connect, it is not waiting.
            let _ = TcpStream::connect_timeout(&self.reachable(), Duration::from_secs(1));
        });
        failed.into_inner().unwrap_or_else(PoisonError::into_inner).map_or(Ok(()), Err)
    }

    /// Keeps what is known of the folders fresh, beside the requests, until the server stops.
    fn keep(&self) {
        let mut saved = monotonic();
        let mut cleaned: Option<Instant> = None;
        while !self.shared.stopping() {
            std::thread::sleep(TICK);
            let all = self.shared.tenants.all();
            for (_, catalog) in &all {
                catalog.tend();
            }
            if saved.elapsed() >= SAVE {
                for (_, catalog) in &all {
                    catalog.save();
                }
                self.shared.sessions.expire();
                if cleaned.is_none_or(|at| at.elapsed() >= oci::CLEANING) {
                    self.clean();
                    cleaned = Some(monotonic());
                }
                saved = monotonic();
            }
        }
        for (_, catalog) in self.shared.tenants.all() {
            catalog.save();
        }
        self.shared.sessions.clear();
    }

    /// Removes uploads to a bucket that somebody began and nobody goes on with.
    fn clean(&self) {
        if let Some(common) = self.shared.tenants.common().filter(|_| self.shared.writable) {
            oci::clean(&self.shared, common, self.clock.now().duration_since(UNIX_EPOCH).unwrap_or_default());
        }
    }

    /// Removes what was pushed and nothing names, beside all else: over a bucket that may take long.
    fn sweep(&self) {
        let mut sweeper = oci::Sweeper::default();
        let mut swept: Option<Instant> = None;
        while self.shared.writable && !self.shared.stopping() {
            if swept.is_none_or(|at| at.elapsed() >= oci::SWEEPING) {
                let now = self.clock.now().duration_since(UNIX_EPOCH).unwrap_or_default();
                for (tenant, catalog) in self.shared.tenants.all() {
                    sweeper.sweep(&tenant, &catalog, now, || self.shared.stopping());
                }
                swept = Some(monotonic());
            }
            std::thread::sleep(TICK);
        }
    }

    fn accept(&self) -> Result<(), RepoError> {
        let mut failures = 0_u32;
        while !self.shared.stopping() {
            match self.listener.accept() {
                Ok((stream, peer)) => {
                    failures = 0;
                    self.shared.queue.push(Caller::new(stream, peer.ip()));
                }
                // A client that left before it was greeted, or too many open files: passes by itself.
                Err(error) if failures < 1_000 => {
                    failures += u32::from(error.kind() != std::io::ErrorKind::ConnectionAborted);
                    std::thread::sleep(TICK);
                }
                Err(error) => {
                    return Err(RepoError::Bind {
                        address: self.address.to_string(),
                        reason: error.to_string(),
                    });
                }
            }
        }
        Ok(())
    }

    /// The address as seen from this machine: "all addresses" is no address to connect to.
    fn reachable(&self) -> SocketAddr {
        let mut address = self.address;
        if address.ip().is_unspecified() {
            address.set_ip(match address.ip() {
                IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::LOCALHOST),
                IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::LOCALHOST),
            });
        }
        address
    }
}

/// The TLS of files as seen from the host's working folder.
fn open_tls(host: &Host, files: &TlsFiles, options: &ServeOptions) -> Result<ServerTls, RepoError> {
    let files = TlsFiles {
        cert: host.resolve(&files.cert),
        key: host.resolve(&files.key),
        client_ca: files.client_ca.as_ref().map(|path| host.resolve(path)),
    };
    let warn = options::warner(options.warnings.clone());
    Ok(ServerTls::open(files, move |error| {
        warn(&format!("the certificate that was there before stays in use: {error}"));
    })?)
}
