//! What to serve, where, and to whom: what a caller says to [`Server::bind`](super::Server::bind).
//!
//! Invariant: what is left at its default opens nothing: a server of this machine that only reads.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::storage::Source;
use crate::repo::RepoError;
use crate::sys::fresh::Fresh;
use crate::sys::tls::TlsFiles;

/// Where Helm 2's `serve` listened.
pub const DEFAULT_ADDRESS: &str = "127.0.0.1:8879";
/// Largest upload unless told otherwise, in bytes: ChartMuseum's.
pub const DEFAULT_UPLOAD_LIMIT: u64 = 20 << 20;
/// Deepest tenants.
pub const MOST_DEPTH: usize = 8;

/// An answered request, for a log.
#[derive(Debug, Clone, Copy)]
pub struct Access<'a> {
    /// `GET` and the like, or `-` when the request could not be read.
    pub method: &'a str,
    /// The path, decoded, or `-`.
    pub path: &'a str,
    /// The status that was sent.
    pub status: u16,
}

/// Called once per answered request, from many threads.
pub type AccessLog = Arc<dyn Fn(&Access<'_>) + Send + Sync>;

/// Called with what is wrong and does not stop the server, from many threads.
pub type Warnings = Arc<dyn Fn(&str) + Send + Sync>;

/// Tells what is wrong to whoever wants to hear it.
pub(super) fn warner(warnings: Option<Warnings>) -> impl Fn(&str) + Send + Sync + 'static {
    move |text| {
        if let Some(warnings) = &warnings {
            warnings(text);
        }
    }
}

/// Opens a file whose content counts as it is now.
///
/// # Errors
/// Those of the reader.
pub(super) fn watch<T: 'static>(
    path: PathBuf,
    read: fn(&Path) -> Result<T, RepoError>,
    warnings: Option<Warnings>,
) -> Result<Fresh<T>, RepoError> {
    let (paths, warn) = (vec![path.clone()], warner(warnings));
    Fresh::open(
        paths,
        move || read(&path),
        move |error| warn(&format!("what the file said before stays in force: {error}")),
    )
}

/// Where bearer tokens come from.
#[derive(Debug, Clone)]
pub enum TokenOptions {
    /// Another token service signs them.
    Of {
        /// Its URL.
        realm: String,
        /// What it calls this server.
        service: String,
        /// What it calls itself.
        issuer: String,
        /// PEM file with its public keys or certificates.
        keys: PathBuf,
    },
    /// This server signs them, at `/token`, for the users of its file.
    Own {
        /// PEM file with the private key; a missing one is made, and a certificate for it beside it (`.crt`) in any case.
        key: PathBuf,
        /// URL of `/token` as clients see it; `None` for the address that they asked.
        realm: Option<String>,
        /// What this server is called in tokens.
        service: String,
        /// What the signer is called in tokens.
        issuer: String,
        /// Further services (registries) that tokens are signed for.
        others: Vec<String>,
        /// How long a token is valid.
        lifetime: Duration,
    },
}

/// What this server is called in tokens, unless told otherwise.
pub const DEFAULT_SERVICE: &str = "bowline";

/// What to serve, and where.
#[derive(Clone)]
pub struct ServeOptions {
    /// Where the archives are.
    pub source: Source,
    /// Address and port; port 0 takes any free one, and `:PORT` is every interface (IPv4).
    pub address: String,
    /// Prefix of the URLs in a generated index, and the address that the page tells people to add. Empty: the URLs are
    /// relative, which every client resolves against the address it asked.
    pub url: String,
    /// The name that the page suggests for `repo add`.
    pub name: String,
    /// Most connections that are served at the same time.
    pub workers: usize,
    /// Longest time for the head of a request, from its first byte to its last. A body has three times as long, and a
    /// second more for each 16 KiB.
    pub request_time: Duration,
    /// Whether charts can be uploaded and deleted.
    pub writable: bool,
    /// Whether a writable server refuses to delete.
    pub disable_delete: bool,
    /// How many parts the name of a tenant has, each a folder; 0 for a server without tenants, [`MOST_DEPTH`] at most.
    pub depth: usize,
    /// Largest upload in bytes; no more than [`ARCHIVE_LIMIT`](crate::repo::generate::ARCHIVE_LIMIT), the largest archive that is indexed.
    pub max_upload_size: u64,
    /// File with the users and their passwords, hashed with bcrypt.
    pub htpasswd: Option<PathBuf>,
    /// Whether those who are no users may read.
    pub anonymous_get: bool,
    /// File with the rules that say which user may do what; without it each user may do everything.
    pub access: Option<PathBuf>,
    /// Which bearer tokens are taken.
    pub tokens: Option<TokenOptions>,
    /// Certificate and key; without them the server speaks plain HTTP.
    pub tls: Option<TlsFiles>,
    /// Told about each request.
    pub log: Option<AccessLog>,
    /// Told about what is wrong while the server runs.
    pub warnings: Option<Warnings>,
}

impl ServeOptions {
    /// Serves a folder at [`DEFAULT_ADDRESS`].
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        ServeOptions {
            source: Source::Folder(dir.into()),
            address: DEFAULT_ADDRESS.to_string(),
            url: String::new(),
            name: "local".to_string(),
            workers: 32,
            request_time: Duration::from_secs(10),
            writable: false,
            disable_delete: false,
            depth: 0,
            max_upload_size: DEFAULT_UPLOAD_LIMIT,
            htpasswd: None,
            anonymous_get: false,
            access: None,
            tokens: None,
            tls: None,
            log: None,
            warnings: None,
        }
    }
}
