//! Reads manifests and blobs of registries, through their mirrors first.
//!
//! Invariant: what is returned has the digest that was asked for.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::credentials::CredentialFiles;
use super::manifest::{Descriptor, Document};
use super::reference::is_host;
use super::session::{Action, Ask, Session, Who, status};
use super::{Reference, Registries, RegistryError};
use crate::auth::Login;
use crate::data::digest::Digest;
use crate::diag::Diagnostic;
use crate::package::media;
use crate::sys::Host;
use crate::sys::http::{Credentials, Http, HttpOptions};
use crate::sys::secret::redact_url;

/// Largest manifest, in bytes (the distribution specification's number).
const MANIFEST_LIMIT: u64 = 4 << 20;
/// What is accepted for a manifest.
const ACCEPTED: [&str; 4] = [media::MANIFEST, media::INDEX, media::DOCKER_MANIFEST, media::DOCKER_INDEX];

/// How the user says that registries are reached.
#[derive(Debug, Clone, Default)]
pub struct Access {
    /// Who we are, when the command says so; else the files with credentials do.
    pub credentials: Option<Credentials>,
    /// PEM file of the client's certificate.
    pub cert_file: Option<PathBuf>,
    /// PEM file of the client's key.
    pub key_file: Option<PathBuf>,
    /// PEM file of authorities besides those of the system.
    pub ca_file: Option<PathBuf>,
    /// Accept any certificate.
    pub insecure_skip_tls_verify: bool,
    /// Speak plain HTTP to the registry.
    pub plain_http: bool,
}

/// A client of registries. Shared between threads by reference.
pub struct Client<'a> {
    host: &'a Host,
    access: Access,
    /// The file with credentials.
    config: &'a Path,
    registries: Registries,
    http: Arc<Http>,
    /// One conversation for each address and repository: tokens are for a repository.
    sessions: Mutex<BTreeMap<(String, String), Arc<Session<'a>>>>,
    notes: Mutex<Vec<Diagnostic>>,
}

/// A manifest or an index, as it came.
#[derive(Debug, Clone)]
pub(super) struct Fetched {
    /// What it says.
    pub(super) document: Document,
    /// Digest of its bytes.
    pub(super) digest: Digest,
}

impl<'a> Client<'a> {
    /// A client; `config` is the file with credentials, `registries` what the user set up. Nothing is asked yet.
    pub fn new(host: &'a Host, config: &'a Path, registries: Registries, access: Access) -> Self {
        let options = HttpOptions {
            ca_file: access.ca_file.clone(),
            cert_file: access.cert_file.clone(),
            key_file: access.key_file.clone(),
            insecure_skip_tls_verify: access.insecure_skip_tls_verify,
            ..HttpOptions::new(host)
        };
        let http = Arc::new(Http::new(options));
        Client { host, access, config, registries, http, sessions: Mutex::default(), notes: Mutex::default() }
    }

    /// What happened that did not stop anything: mirrors that did not answer.
    pub fn take_notes(&self) -> Vec<Diagnostic> {
        std::mem::take(&mut *self.notes.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Checks credentials with a registry and keeps them. Without a user name the password is a refresh token.
    ///
    /// # Errors
    /// The registry does not take them or cannot be reached, or they cannot be kept.
    pub fn login(&self, registry: &str, credentials: Credentials) -> Result<(), RegistryError> {
        check_host(registry)?;
        let who = Who::Is(Some(login_of(credentials.clone())));
        let session = self.open(self.access.plain_http, registry, "", who);
        let url = format!("{}/v2/", session.base);
        let answer = session.send(Action::Login, &Ask::get(&url, 0))?;
        if answer.status != 200 {
            return Err(status("GET", &answer));
        }
        self.files().store(registry, &credentials)
    }

    /// Forgets the credentials for a registry. Returns whether there were any.
    ///
    /// # Errors
    /// The file cannot be changed, or a helper fails.
    pub fn logout(&self, registry: &str) -> Result<bool, RegistryError> {
        check_host(registry)?;
        self.files().erase(registry)
    }

    fn files(&self) -> CredentialFiles<'a> {
        CredentialFiles { host: self.host, config: self.config }
    }

    fn open(&self, plain_http: bool, registry: &str, repository: &str, who: Who<'a>) -> Session<'a> {
        Session::new(self.host, Arc::clone(&self.http), plain_http, registry, repository, who)
    }

    /// The conversation about a repository; what was learned about it before is still known.
    fn session(
        &self,
        plain_http: bool,
        registry: &str,
        repository: &str,
        own: Option<Credentials>,
    ) -> Arc<Session<'a>> {
        let key = (registry.to_string(), repository.to_string());
        let known = |session: &Session<'_>| session.base.starts_with("http://") == plain_http;
        let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(session) = sessions.get(&key).filter(|session| known(session)) {
            return Arc::clone(session);
        }
        let who = match own {
            Some(credentials) => Who::Is(Some(login_of(credentials))),
            None => Who::Kept(self.files()),
        };
        let session = Arc::new(self.open(plain_http, registry, repository, who));
        sessions.insert(key, Arc::clone(&session));
        session
    }

    /// The conversation with the registry of a reference itself.
    pub(super) fn home(&self, reference: &Reference) -> Arc<Session<'a>> {
        let own = self.access.credentials.clone();
        self.session(self.access.plain_http, &reference.host, &reference.repository, own)
    }

    /// Reads something from the first of a registry's mirrors that gives it, else from the registry itself.
    pub(super) fn read<T>(
        &self,
        reference: &Reference,
        read: impl Fn(&Session<'a>) -> Result<T, RegistryError>,
    ) -> Result<T, RegistryError> {
        for mirror in self.registries.mirrors(reference) {
            let path = [mirror.path.as_str(), reference.repository.as_str()];
            let repository = if mirror.path.is_empty() { path[1].to_string() } else { path.join("/") };
            let session = self.session(mirror.plain_http, &mirror.host, &repository, None);
            match read(&session) {
                Ok(found) => return Ok(found),
                Err(error) => self.note(format!(
                    "the mirror {} of {} was passed over: {error}",
                    mirror.host, reference.host
                )),
            }
        }
        read(&self.home(reference))
    }

    fn note(&self, text: String) {
        let mut notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
        if !notes.iter().any(|note| note.message == text) {
            notes.push(Diagnostic::warning(text));
        }
    }

    /// Reads the manifest or index of a reference, by its digest if it has one.
    ///
    /// # Errors
    /// It is not there, cannot be read, or has another digest.
    pub(super) fn manifest(&self, reference: &Reference) -> Result<Fetched, RegistryError> {
        let shown = reference.to_string();
        let Some(target) = reference.target() else {
            let reason = "it names neither a version nor a digest".to_string();
            return Err(RegistryError::Reference { reference: shown, reason });
        };
        self.read(reference, |session| {
            let url = session.url(&format!("manifests/{target}"));
            let accepted = ACCEPTED.join(", ");
            let accept = [("accept", accepted.as_str())];
            let answer =
                session.send(Action::Pull, &Ask { headers: &accept, ..Ask::get(&url, MANIFEST_LIMIT) })?;
            match answer.status {
                200 => {}
                404 => return Err(RegistryError::NotFound { reference: shown.clone() }),
                _ => return Err(status("GET", &answer)),
            }
            let digest = Digest::of(&answer.body);
            let said = answer.header("docker-content-digest").and_then(|text| text.parse().ok());
            if let Some(expected) = reference.digest.or(said).filter(|expected| *expected != digest) {
                return Err(RegistryError::WrongDigest { what: shown.clone(), expected, found: digest });
            }
            let kind = answer.header("content-type").unwrap_or_default();
            Ok(Fetched { document: Document::parse(&answer.body, kind, &shown)?, digest })
        })
    }

    /// Reads a blob of a repository, of at most `limit` bytes.
    ///
    /// # Errors
    /// It is not there, is larger, or is not what the descriptor says.
    pub(super) fn blob(
        &self,
        reference: &Reference,
        descriptor: &Descriptor,
        limit: u64,
    ) -> Result<Vec<u8>, RegistryError> {
        let expected = descriptor.parsed(&reference.to_string())?;
        let what = format!("{}@{}", reference.name(), expected.prefixed());
        if descriptor.size > limit {
            return Err(RegistryError::TooLarge { what, limit });
        }
        self.read(reference, |session| {
            let url = session.url(&format!("blobs/{}", expected.prefixed()));
            let answer = session.send(Action::Pull, &Ask::get(&url, descriptor.size))?;
            match answer.status {
                200 => {}
                404 => return Err(RegistryError::NotFound { reference: what.clone() }),
                _ => return Err(status("GET", &answer)),
            }
            let size = answer.body.len() as u64;
            if size != descriptor.size {
                return Err(RegistryError::WrongSize {
                    what: what.clone(),
                    expected: descriptor.size,
                    found: size,
                });
            }
            let found = Digest::of(&answer.body);
            if found != expected {
                return Err(RegistryError::WrongDigest { what: what.clone(), expected, found });
            }
            Ok(answer.body)
        })
    }
}

/// A secret without a user name is a refresh token.
fn login_of(credentials: Credentials) -> Login {
    if credentials.username.is_empty() {
        Login::Refresh(credentials.password)
    } else {
        Login::Password(credentials)
    }
}

/// What is typed for a registry must be one.
fn check_host(registry: &str) -> Result<(), RegistryError> {
    if is_host(registry) {
        return Ok(());
    }
    Err(RegistryError::Registry { registry: redact_url(registry) })
}
