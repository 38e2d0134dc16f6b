//! The archive of an index's entry, or of a URL: from the content cache, a web server or a registry.
//!
//! Invariant: an archive whose index gives a digest has that digest, whichever way it came; the credentials of a repository
//! go to a registry only when it is at the repository's own scheme, host and port, or when they are to be passed on.

use super::{FetchContext, FetchError, FetchOptions, Located, Provenance, Source, cache, oci};
use crate::auth;
use crate::data::digest::sha256_hex;
use crate::package::provenance::{self, ProvenanceError};
use crate::registry::{Reference, SCHEME};
use crate::repo::config::Repository;
use crate::repo::generate::ARCHIVE_LIMIT;
use crate::repo::index::Entry;
use crate::sys::Secret;
use crate::sys::http::{self, Http, HttpError, Request};
use crate::sys::secret::redact_url;

/// What Helm asks of a server for an archive.
const ACCEPT: &str = "application/gzip,application/octet-stream";

/// The URL of an entry's archive. One in a registry without a tag is at the entry's version.
pub(super) fn url_of(entry: &Entry, repository: &Repository, reference: &str) -> Result<String, FetchError> {
    let Some(url) = entry.urls.first() else {
        return Err(FetchError::NoUrls { chart: reference.to_string() });
    };
    if !oci::is_oci(url) {
        return Ok(http::join(&repository.url, url)?);
    }
    let mut place = Reference::parse(url)?;
    if place.target().is_none() {
        place = place.at_version(&entry.metadata.version);
    }
    Ok(format!("{SCHEME}{place}"))
}

/// The digest that an entry promises, as plain lower-case digits; `None` when it promises none.
pub(super) fn digest_of(entry: &Entry) -> Option<String> {
    let digest = entry.digest.trim().to_ascii_lowercase();
    let digest = digest.strip_prefix("sha256:").unwrap_or(&digest);
    (!digest.is_empty()).then(|| digest.to_string())
}

/// Gets the archive of an entry of a repository's index, by what [`url_of`] says. `repository` has what the options say
/// of it already.
pub(super) fn of_entry(
    url: &str,
    repository: &Repository,
    expected: Option<String>,
    options: &FetchOptions,
    context: &FetchContext<'_>,
) -> Result<Located, FetchError> {
    if oci::is_oci(url) {
        return in_registry(url, repository, expected, options, context);
    }
    download(url, repository, expected, options.provenance, context)
}

/// An archive that an index says is in a registry.
fn in_registry(
    url: &str,
    repository: &Repository,
    expected: Option<String>,
    options: &FetchOptions,
    context: &FetchContext<'_>,
) -> Result<Located, FetchError> {
    let place = Reference::parse(url)?;
    let known = expected.as_deref().filter(|_| options.provenance == Provenance::No);
    if let Some((bytes, digest)) =
        known.and_then(|digest| Some((cache::get(&context.paths.content, digest)?, digest.to_string())))
    {
        return Ok(oci::remembered(&place, digest, bytes));
    }
    let client = oci::client(&registry_options(&place, repository, options), context)?;
    let mut located = oci::pull(&client, &place, options.provenance, context)?;
    let found = located.digest.clone().unwrap_or_default();
    if let Some(expected) = expected.filter(|expected| *expected != found) {
        return Err(FetchError::WrongDigest { url: redact_url(url), expected, found });
    }
    // Who asked a repository is told of the repository.
    located.origin = None;
    Ok(located)
}

/// How the registry of an entry is reached.
fn registry_options(place: &Reference, repository: &Repository, options: &FetchOptions) -> FetchOptions {
    let scheme = if options.plain_http { "http" } else { "https" };
    let home = format!("{scheme}://{}", place.host);
    if !(repository.pass_credentials_all || http::same_origin(&home, &repository.url)) {
        return FetchOptions { username: String::new(), password: Secret::default(), ..options.clone() };
    }
    FetchOptions {
        username: repository.username.clone(),
        password: repository.password.clone(),
        cert_file: repository.cert_file.clone(),
        key_file: repository.key_file.clone(),
        ca_file: repository.ca_file.clone(),
        insecure_skip_tls_verify: repository.insecure_skip_tls_verify,
        ..options.clone()
    }
}

/// Gets an archive from the content cache or a web server.
pub(super) fn download(
    url: &str,
    repository: &Repository,
    expected: Option<String>,
    provenance: Provenance,
    context: &FetchContext<'_>,
) -> Result<Located, FetchError> {
    let shown = redact_url(url);
    let client = Http::new(repository.http_options(context.host));
    let may_know = repository.pass_credentials_all || http::same_origin(url, &repository.url);
    let request = Request {
        accept: Some(ACCEPT),
        credentials: repository.credentials().filter(|_| may_know),
        pass_credentials: repository.pass_credentials_all,
        ..Request::new(ARCHIVE_LIMIT)
    };
    let content = &context.paths.content;
    let known =
        expected.as_deref().and_then(|digest| Some((cache::get(content, digest)?, digest.to_string())));
    let (bytes, digest) = if let Some(known) = known {
        known
    } else {
        let bytes = auth::get(context.host, &client, url, &request)?.body;
        let digest = sha256_hex(&bytes);
        if let Some(expected) = expected.filter(|expected| *expected != digest) {
            return Err(FetchError::WrongDigest { url: shown, expected, found: digest });
        }
        cache::put(content, &digest, &bytes);
        (bytes, digest)
    };
    let mut no_provenance = None;
    let provenance = match provenance {
        Provenance::No => None,
        wanted => {
            let (path, query) = url.split_once('?').map_or((url, None), |(path, query)| (path, Some(query)));
            let beside = query.map_or(format!("{path}.prov"), |query| format!("{path}.prov?{query}"));
            let beside_request = Request { limit: provenance::LIMIT, ..request };
            match auth::get(context.host, &client, &beside, &beside_request) {
                Ok(answer) => Some(answer.body),
                Err(HttpError::Status { status, reason, .. }) if wanted == Provenance::Required => {
                    let reason = format!("{status} {reason}");
                    let file = redact_url(&beside);
                    return Err(ProvenanceError::Missing { file, reason, demanded: false }.into());
                }
                Err(error) if wanted == Provenance::Required => return Err(error.into()),
                Err(error) => {
                    no_provenance = Some(error.to_string());
                    None
                }
            }
        }
    };
    let file_name =
        http::file_name(url).filter(|name| is_file_name(name)).unwrap_or_else(|| format!("{digest}.tgz"));
    let source = Source::Downloaded { file_name, url: shown, bytes };
    let (digest, warnings) = (Some(digest), Vec::new());
    Ok(Located { source, digest, origin: None, provenance, no_provenance, inexact: None, warnings })
}

/// A name from a URL becomes a file in a folder of the user: it must be nothing else than a name.
pub(super) fn is_file_name(name: &str) -> bool {
    name != "." && name != ".." && !name.contains(['/', '\\', ':', '\0']) && name.len() <= 255
}
