//! Charts of OCI registries: from `oci://…` or an alias to an archive, by way of the content cache.
//!
//! Invariant: an archive from here has the digest of its manifest's layer, wherever its bytes came from.

use super::{
    FetchContext, FetchError, FetchOptions, Located, Origin, Provenance, Source, cache, is_file_name,
};
use crate::data::version::{Constraint, Version};
use crate::diag::Diagnostic;
use crate::registry::{self, Access, Client, Pulled, Reference, Registries, SCHEME, Wanted, version_of};
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
        credentials: given.then(|| Credentials {
            username: options.username.clone(),
            password: options.password.clone(),
        }),
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
pub fn client<'c>(
    options: &FetchOptions,
    context: &FetchContext<'c>,
) -> Result<Client<'c>, FetchError> {
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
    let mut found = registry::versions(&client, &reference)?;
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
    let reference = registry::choose(&client, &Reference::parse(address)?, options.request())?;
    pull(&client, &reference, options.provenance, context)
}

/// Fetches a chart whose version is known.
pub(super) fn pull(
    client: &Client<'_>,
    reference: &Reference,
    provenance: Provenance,
    context: &FetchContext<'_>,
) -> Result<Located, FetchError> {
    let wanted = Wanted {
        provenance: provenance != Provenance::No,
        provenance_required: provenance == Provenance::Required,
        archive_limit: ARCHIVE_LIMIT,
    };
    let content = &context.paths.content;
    let pulled = registry::pull(client, reference, wanted, &|digest| cache::get(content, &digest.hex()))?;
    let digest = pulled.archive_digest.hex();
    cache::put(content, &digest, &pulled.archive);
    let mut warnings = client.take_notes();
    if pulled.legacy {
        warnings.push(Diagnostic::warning(format!("{reference} has the media type of an older form of charts")));
    }
    Ok(Located {
        digest: Some(digest),
        origin: Some(Origin { reference: reference.to_string(), digest: pulled.digest.prefixed() }),
        provenance: pulled.provenance.clone(),
        warnings,
        source: Source::Downloaded {
            file_name: file_name(&pulled),
            url: format!("{SCHEME}{reference}"),
            bytes: pulled.archive,
        },
    })
}

/// `NAME-VERSION.tgz`, after the reference as in Helm; one by digest alone is named after its Chart.yaml.
fn file_name(pulled: &Pulled) -> String {
    let named = match &pulled.reference.tag {
        Some(tag) => format!("{}-{}.tgz", pulled.reference.chart(), version_of(tag)),
        None => format!("{}-{}.tgz", pulled.metadata.name, pulled.metadata.version),
    };
    if is_file_name(&named) { named } else { format!("{}.tgz", pulled.archive_digest.hex()) }
}
