//! Gets a chart from whatever a user writes: a folder, an archive, `repo/name`, a URL, `oci://…`; and values files likewise.
//!
//! ```text
//! reference ─► path? ─► URL? ─► repo/name ─► cached index ─► entry ─► content cache by digest ─► download ─► digest check
//!                       └► oci://, alias/name ─► version by tags ─► manifest ─► content cache by digest ─► blob
//! ```
//!
//! Invariant: credentials go to the scheme, host and port of the repository that they belong to, unless the user passes
//! them on; an archive whose index gives a digest is never handed out with another one.

mod archive;
mod cache;
pub mod deps;
mod error;
pub mod oci;
pub mod schema;
mod tags;

use std::path::PathBuf;

pub use error::{FetchError, Unsatisfied};

use crate::auth;
use crate::chart::ChartError;
use crate::diag::Diagnostic;
use crate::repo::RepoError;
use crate::repo::config::{RepoFile, RepoPaths, Repository};
use crate::repo::index::{Found, INDEX_LIMIT, Index, Only};
use crate::repo::update::cached;
use crate::sys::http::{self, Http, Request};
use crate::sys::secret::redact_url;
use crate::sys::{Host, Secret, fs};

/// Largest values file, in bytes.
const VALUES_LIMIT: u64 = 64 << 20;

/// Where things are looked up.
#[derive(Debug, Clone, Copy)]
pub struct FetchContext<'a> {
    /// The outside world.
    pub host: &'a Host,
    /// `repositories.yaml` and the caches.
    pub paths: &'a RepoPaths,
}

/// Whether the provenance file of an archive is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Provenance {
    /// No.
    #[default]
    No,
    /// Take it when it is there.
    IfThere,
    /// Fail without it.
    Required,
}

/// How to find a chart.
#[derive(Debug, Clone, Default)]
pub struct FetchOptions {
    /// Version or constraint; empty for the newest stable one.
    pub version: String,
    /// Prereleases too, when no version is given.
    pub devel: bool,
    /// URL of a repository that need not be configured; empty for none.
    pub repo: String,
    /// User name of basic authentication.
    pub username: String,
    /// Its password.
    pub password: Secret,
    /// PEM file of the client's certificate; empty for none.
    pub cert_file: String,
    /// PEM file of the client's key; empty for none.
    pub key_file: String,
    /// PEM file of authorities; empty for those of the system.
    pub ca_file: String,
    /// Accept any certificate.
    pub insecure_skip_tls_verify: bool,
    /// Speak plain HTTP to OCI registries.
    pub plain_http: bool,
    /// Send the credentials to every host.
    pub pass_credentials: bool,
    /// Whether the provenance file is wanted.
    pub provenance: Provenance,
}

impl FetchOptions {
    /// The version request, with what `--devel` means.
    fn request(&self) -> &str {
        if self.version.is_empty() && self.devel { ">0.0.0-0" } else { &self.version }
    }

    /// The settings of a connection as those of a repository at a URL.
    fn repository(&self, url: &str) -> Repository {
        Repository {
            name: String::new(),
            url: url.to_string(),
            username: self.username.clone(),
            password: self.password.clone(),
            cert_file: self.cert_file.clone(),
            key_file: self.key_file.clone(),
            ca_file: self.ca_file.clone(),
            insecure_skip_tls_verify: self.insecure_skip_tls_verify,
            pass_credentials_all: self.pass_credentials,
        }
    }

    /// Without what says who asks. The credentials of the command line are for what it names, and not for whatever servers a
    /// chart names.
    fn as_nobody(&self) -> Self {
        FetchOptions {
            username: String::new(),
            password: Secret::default(),
            cert_file: String::new(),
            key_file: String::new(),
            pass_credentials: false,
            ..self.clone()
        }
    }

    /// A configured repository, with what the command line says over it.
    fn over(&self, configured: &Repository) -> Repository {
        let pick =
            |given: &str, configured: &str| if given.is_empty() { configured } else { given }.to_string();
        let own = self.username.is_empty() && self.password.is_empty();
        Repository {
            name: configured.name.clone(),
            url: configured.url.clone(),
            username: if own { configured.username.clone() } else { self.username.clone() },
            password: if own { configured.password.clone() } else { self.password.clone() },
            cert_file: pick(&self.cert_file, &configured.cert_file),
            key_file: pick(&self.key_file, &configured.key_file),
            ca_file: pick(&self.ca_file, &configured.ca_file),
            insecure_skip_tls_verify: self.insecure_skip_tls_verify || configured.insecure_skip_tls_verify,
            pass_credentials_all: self.pass_credentials || configured.pass_credentials_all,
        }
    }
}

/// A chart that was found.
#[derive(Debug)]
pub struct Located {
    /// Where it is.
    pub source: Source,
    /// SHA-256 of the archive in hex digits, when the chart came as bytes.
    pub digest: Option<String>,
    /// Where it came from, when that was an OCI registry.
    pub origin: Option<Origin>,
    /// The provenance file, when it was asked for and is there.
    pub provenance: Option<Vec<u8>>,
    /// Why there is none, when it was asked for.
    pub no_provenance: Option<String>,
    /// When the version is not quite the one that was asked for.
    pub inexact: Option<Inexact>,
    /// Entries of the index that were dropped, and what happened on the way.
    pub warnings: Vec<Diagnostic>,
}

impl Located {
    /// With what was noticed before it.
    fn with(mut self, earlier: Vec<Diagnostic>) -> Self {
        self.warnings.splice(0..0, earlier);
        self
    }
}

/// A version that is close to one that is not there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inexact {
    /// The chart.
    pub chart: String,
    /// The version that was asked for.
    pub requested: String,
    /// The one that was taken.
    pub selected: String,
}

/// A chart's place in an OCI registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// `HOST/REPOSITORY:TAG`.
    pub reference: String,
    /// Digest of its manifest: `sha256:…`.
    pub digest: String,
}

/// Where a chart is.
#[derive(Debug)]
#[non_exhaustive]
pub enum Source {
    /// A folder on this machine.
    Folder(PathBuf),
    /// An archive on this machine.
    Archive(PathBuf),
    /// An archive that was downloaded.
    Downloaded {
        /// Its file name, `NAME-VERSION.tgz` as a rule.
        file_name: String,
        /// Where it came from, as shown.
        url: String,
        /// The archive.
        bytes: Vec<u8>,
    },
}

/// Finds a chart and, unless it is on this machine, fetches it.
///
/// A path that exists wins, unless a repository's URL is given. Then come URLs, then `repo/name`; of repositories and
/// aliases of the same name the repository counts.
///
/// # Errors
/// Nothing is there, the repository is not configured or has no such version, the download fails, or the archive is not
/// the one that the index promised.
pub fn resolve(
    reference: &str,
    options: &FetchOptions,
    context: &FetchContext<'_>,
) -> Result<Located, FetchError> {
    if oci::is_oci(&options.repo) {
        let address = format!("{}/{reference}", options.repo.trim_end_matches('/'));
        return oci::from_registry(&address, options, context);
    }
    if oci::is_oci(reference) {
        return oci::from_registry(reference, options, context);
    }
    if !options.repo.is_empty() {
        return from_repository_url(reference, options, context);
    }
    if let Some(local) = local(reference, context)? {
        return Ok(Located {
            source: local,
            digest: None,
            origin: None,
            provenance: None,
            no_provenance: None,
            inexact: None,
            warnings: Vec::new(),
        });
    }
    if reference.contains("://") {
        return from_url(reference, options, context);
    }
    from_name(reference, options, context)
}

/// A chart on this machine. A name that can only be a path must be one.
fn local(reference: &str, context: &FetchContext<'_>) -> Result<Option<Source>, FetchError> {
    let path = context.host.resolve(reference);
    Ok(match fs::kind(&path) {
        fs::Kind::Folder => Some(Source::Folder(path)),
        fs::Kind::File | fs::Kind::Other => Some(Source::Archive(path)),
        fs::Kind::Missing if reference.starts_with('.') || path == *reference => {
            return Err(ChartError::NotFound { path: reference.to_string() }.into());
        }
        fs::Kind::Missing => None,
    })
}

/// `repo/name` through the cached index of a configured repository, or an alias of a place in a registry.
fn from_name(
    reference: &str,
    options: &FetchOptions,
    context: &FetchContext<'_>,
) -> Result<Located, FetchError> {
    let Some((name, chart)) = reference.split_once('/') else {
        return Err(FetchError::NoRepository { reference: reference.to_string() });
    };
    let file = RepoFile::load(&context.paths.config)?;
    let Some(configured) = file.get(name) else {
        if let Some(address) = oci::alias(name, context)? {
            return oci::from_registry(&format!("{address}/{chart}"), options, context);
        }
        return Err(FetchError::UnknownRepository { name: name.to_string(), candidates: file.names() });
    };
    let loaded = cached(context.paths, name, Only::Chart(chart))?;
    let found = loaded
        .index
        .find(chart, options.request())
        .map_err(|source| not_in_index(chart, options, name, source))?;
    let repository = options.over(configured);
    let located = fetch_entry(&found, chart, &repository, reference, options, context)?;
    Ok(located.with(loaded.warnings))
}

fn not_in_index(chart: &str, options: &FetchOptions, repository: &str, source: RepoError) -> FetchError {
    FetchError::NotInIndex {
        chart: chart.to_string(),
        version: options.request().to_string(),
        repository: repository.to_string(),
        source: Box::new(source),
    }
}

/// A chart of a repository that is given by its URL.
fn from_repository_url(
    chart: &str,
    options: &FetchOptions,
    context: &FetchContext<'_>,
) -> Result<Located, FetchError> {
    let repository = options.repository(&options.repo);
    let shown = redact_url(&options.repo);
    let unusable =
        |source: RepoError| RepoError::NotARepository { url: shown.clone(), source: Box::new(source) };
    let request = Request {
        credentials: repository.credentials(),
        pass_credentials: repository.pass_credentials_all,
        compressed: true,
        ..Request::new(INDEX_LIMIT)
    };
    let url = http::join(&options.repo, "index.yaml")?;
    let client = Http::new(repository.http_options(context.host));
    let answer =
        auth::get(context.host, &client, &url, &request).map_err(|error| unusable(RepoError::Http(error)))?;
    let loaded = Index::parse(&answer.body, &redact_url(&url), Only::Chart(chart)).map_err(unusable)?;
    let found = loaded.index.find(chart, options.request()).map_err(|error| match error {
        RepoError::BadConstraint(error) => FetchError::BadVersion(error),
        _ => FetchError::NotInRepository {
            chart: chart.to_string(),
            version: options.request().to_string(),
            url: shown.clone(),
        },
    })?;
    let located = fetch_entry(&found, chart, &repository, chart, options, context)?;
    Ok(located.with(loaded.warnings))
}

fn fetch_entry(
    found: &Found,
    chart: &str,
    repository: &Repository,
    reference: &str,
    options: &FetchOptions,
    context: &FetchContext<'_>,
) -> Result<Located, FetchError> {
    let entry = &found.entry;
    let url = archive::url_of(entry, repository, reference)?;
    let located = archive::of_entry(&url, repository, archive::digest_of(entry), options, context)?;
    let inexact = (!found.exact).then(|| Inexact {
        chart: chart.to_string(),
        requested: options.request().to_string(),
        selected: entry.metadata.version.clone(),
    });
    Ok(Located { inexact, ..located })
}

/// An archive by its URL, with the settings of the configured repository that it lies in.
fn from_url(url: &str, options: &FetchOptions, context: &FetchContext<'_>) -> Result<Located, FetchError> {
    let file = RepoFile::load(&context.paths.config)?;
    let repository = match owner(url, &file, context) {
        Some(configured) => options.over(configured),
        None => options.repository(url),
    };
    archive::download(url, &repository, None, options.provenance, context)
}

/// The configured repository that an archive belongs to: the URL lies below the repository's, or its cached index names the
/// URL and its credentials may go there: it is the same server, or the repository passes them on.
fn owner<'a>(url: &str, file: &'a RepoFile, context: &FetchContext<'_>) -> Option<&'a Repository> {
    let below = |repository: &&Repository| {
        let folder = repository.url.split('?').next().unwrap_or("").trim_end_matches('/');
        http::same_origin(url, &repository.url)
            && url.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
    };
    let named = |repository: &&Repository| {
        (repository.pass_credentials_all || http::same_origin(url, &repository.url))
            && fs::read(&context.paths.index(&repository.name), INDEX_LIMIT)
                .is_ok_and(|bytes| String::from_utf8_lossy(&bytes).contains(url))
    };
    file.repositories.iter().find(below).or_else(|| file.repositories.iter().find(named))
}

/// Reads a values file: `-` is standard input, `http://` and `https://` are fetched, anything else is a path.
///
/// Returns what messages call it, and the bytes (at most 64 MiB).
///
/// # Errors
/// It cannot be read.
pub fn read_values_source(
    source: &str,
    options: &FetchOptions,
    context: &FetchContext<'_>,
) -> Result<(String, Vec<u8>), FetchError> {
    if source.trim() == "-" {
        return Ok(("<stdin>".to_string(), fs::read_stdin(VALUES_LIMIT)?));
    }
    if source.starts_with("http://") || source.starts_with("https://") {
        let file = RepoFile::load(&context.paths.config)?;
        let repository = match owner(source, &file, context) {
            Some(configured) => options.over(configured),
            None => options.repository(source),
        };
        let request = Request {
            credentials: repository.credentials(),
            pass_credentials: repository.pass_credentials_all,
            compressed: true,
            ..Request::new(VALUES_LIMIT)
        };
        let client = Http::new(repository.http_options(context.host));
        let answer = auth::get(context.host, &client, source, &request)?;
        return Ok((redact_url(source), answer.body));
    }
    let path = source.strip_prefix("file://").unwrap_or(source);
    Ok((source.to_string(), fs::read(&context.host.resolve(path), VALUES_LIMIT)?))
}
