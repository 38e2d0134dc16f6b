//! Charts of OCI registries: from `oci://…` or an alias to an archive, by way of the content cache.
//!
//! Invariant: an archive from here has the digest of its manifest's layer, wherever its bytes came from.

use super::archive::is_file_name;
use super::{FetchContext, FetchError, FetchOptions, Located, Origin, Provenance, Source, cache, tags};
use crate::data::version::{Constraint, Version};
use crate::diag::Diagnostic;
use crate::package::media;
use crate::registry::{
    self, Access, Client, Pulled, Reference, Registries, RegistryError, SCHEME, Wanted, version_of,
};
use crate::repo::generate::ARCHIVE_LIMIT;
use crate::sys::http::Credentials;

/// Whether a text names something in a registry.
pub fn is_oci(text: &str) -> bool {
    text.starts_with(SCHEME)
}

/// How registries are reached, as the options of a command say.
pub fn access(options: &FetchOptions, context: &FetchContext<'_>) -> Access {
    let file = |path: &str| Some(path).filter(|path| !path.is_empty()).map(|path| context.host.resolve(path));
    let given = !options.username.is_empty() || !options.password.is_empty();
    Access {
        credentials: given
            .then(|| Credentials { username: options.username.clone(), password: options.password.clone() }),
        cert_file: file(&options.cert_file),
        key_file: file(&options.key_file),
        ca_file: file(&options.ca_file),
        insecure_skip_tls_verify: options.insecure_skip_tls_verify,
        plain_http: options.plain_http,
    }
}

/// A client of registries, for one command.
///
/// # Errors
/// `registries.yaml` cannot be understood.
pub fn client<'c>(options: &FetchOptions, context: &FetchContext<'c>) -> Result<Client<'c>, FetchError> {
    let registries = Registries::load(&context.paths.registries)?;
    Ok(Client::new(context.host, &context.paths.credentials, registries, access(options, context)))
}

/// The address that an alias stands for; `None` when there is no such alias.
///
/// # Errors
/// `registries.yaml` cannot be understood.
pub fn alias(name: &str, context: &FetchContext<'_>) -> Result<Option<String>, FetchError> {
    Ok(Registries::load(&context.paths.registries)?.alias(name).map(str::to_string))
}

/// The versions of a chart in a registry, newest first, with what happened on the way.
///
/// # Errors
/// The reference is none, the constraint cannot be read, or the registry does not answer.
pub fn versions(
    reference: &str,
    options: &FetchOptions,
    context: &FetchContext<'_>,
) -> Result<(Vec<Version>, Vec<Diagnostic>), FetchError> {
    let reference = Reference::parse(reference)?;
    let client = client(options, context)?;
    let constraint = match options.request() {
        "" => ">=0.0.0",
        request => request,
    };
    let constraint = Constraint::parse(constraint)?;
    let mut found = registry::every_version(&client, &reference)?;
    found.retain(|version| constraint.check(version));
    Ok((found, client.take_notes()))
}

/// Fetches the chart that an address names.
pub(super) fn from_registry(
    address: &str,
    options: &FetchOptions,
    context: &FetchContext<'_>,
) -> Result<Located, FetchError> {
    let client = client(options, context)?;
    let request = options.request();
    let reference = registry::choose(&client, &Reference::parse(address)?, request)?;
    let pulled = fetch(&client, &reference, options.provenance, context)?;
    // A digest leaves nothing to choose, but a version beside it must be true.
    if reference.digest.is_some() && !request.is_empty() && !satisfies(&pulled.metadata.version, request)? {
        let (version, tag) = (request.to_string(), pulled.metadata.version);
        return Err(RegistryError::VersionMismatch { version, tag }.into());
    }
    Ok(located(&client, pulled))
}

/// Fetches a chart whose version is known.
pub(super) fn pull(
    client: &Client<'_>,
    reference: &Reference,
    provenance: Provenance,
    context: &FetchContext<'_>,
) -> Result<Located, FetchError> {
    Ok(located(client, fetch(client, reference, provenance, context)?))
}

fn satisfies(version: &str, request: &str) -> Result<bool, FetchError> {
    let constraint = Constraint::parse(request)?;
    Ok(version == request || Version::parse(version).is_ok_and(|version| constraint.check(&version)))
}

fn fetch(
    client: &Client<'_>,
    reference: &Reference,
    provenance: Provenance,
    context: &FetchContext<'_>,
) -> Result<Pulled, FetchError> {
    let wanted = Wanted {
        provenance: provenance != Provenance::No,
        provenance_required: provenance == Provenance::Required,
        archive_limit: ARCHIVE_LIMIT,
    };
    let content = &context.paths.content;
    let pulled = registry::pull(client, reference, wanted, &|digest| cache::get(content, &digest.hex()))?;
    // A digest beside a tag says what is there, and the tag says what somebody thinks is there.
    if let (Some(tag), Some(_)) = (&reference.tag, &reference.digest)
        && !is_tag_of(tag, &pulled.metadata.version)
    {
        let (version, tag) = (version_of(tag), pulled.metadata.version);
        return Err(RegistryError::VersionMismatch { version, tag }.into());
    }
    cache::put(content, &pulled.archive_digest.hex(), &pulled.archive);
    tags::remember(content, reference, &pulled.archive_digest.hex());
    Ok(pulled)
}

/// Whether a tag is that of a version. One that is no version at all says nothing about it.
fn is_tag_of(tag: &str, version: &str) -> bool {
    let said = version_of(tag);
    let canonical = |text: &str| Version::parse(text).map(|version| version.to_string());
    match (canonical(&said), canonical(version)) {
        (Err(_), _) => true,
        (Ok(said), Ok(found)) => said == found,
        (Ok(_), Err(_)) => said == version,
    }
}

/// Fetches a chart whose version is locked: what its tag led to before counts, as long as the content cache has it.
pub(super) fn pull_locked(
    client: &Client<'_>,
    reference: &Reference,
    context: &FetchContext<'_>,
) -> Result<Located, FetchError> {
    match tags::recall(&context.paths.content, reference) {
        Some((digest, bytes)) => Ok(remembered(reference, digest, bytes)),
        None => pull(client, reference, Provenance::No, context),
    }
}

/// A chart that the content cache has.
pub(super) fn remembered(reference: &Reference, digest: String, bytes: Vec<u8>) -> Located {
    let named = reference.tag.as_ref().map(|tag| format!("{}-{}.tgz", reference.chart(), version_of(tag)));
    let file_name = named.filter(|name| is_file_name(name)).unwrap_or_else(|| format!("{digest}.tgz"));
    Located {
        source: Source::Downloaded { file_name, url: format!("{SCHEME}{reference}"), bytes },
        digest: Some(digest),
        origin: None,
        provenance: None,
        no_provenance: None,
        inexact: None,
        warnings: Vec::new(),
    }
}

fn located(client: &Client<'_>, pulled: Pulled) -> Located {
    let shown = pulled.reference.to_string();
    let mut warnings = client.take_notes();
    if pulled.legacy {
        warnings.push(Diagnostic::warning(format!("{shown} has the media type of an older form of charts")));
    }
    Located {
        digest: Some(pulled.archive_digest.hex()),
        source: Source::Downloaded {
            file_name: file_name(&pulled),
            url: format!("{SCHEME}{shown}"),
            bytes: pulled.archive,
        },
        origin: Some(Origin { reference: shown, digest: pulled.digest.prefixed() }),
        no_provenance: pulled
            .provenance
            .is_none()
            .then(|| format!("manifest does not contain a layer with mediatype {}", media::PROVENANCE)),
        provenance: pulled.provenance,
        inexact: None,
        warnings,
    }
}

/// `NAME-VERSION.tgz`, after the reference as in Helm; one by digest is named after its Chart.yaml.
fn file_name(pulled: &Pulled) -> String {
    let named = match &pulled.reference.tag {
        Some(tag) if pulled.reference.digest.is_none() => {
            format!("{}-{}.tgz", pulled.reference.chart(), version_of(tag))
        }
        _ => format!("{}-{}.tgz", pulled.metadata.name, pulled.metadata.version),
    };
    if is_file_name(&named) { named } else { format!("{}.tgz", pulled.archive_digest.hex()) }
}
