//! Push: an archive, with its provenance file when that lies beside it, goes into an OCI registry.
//!
//! Invariant: an archive that is no chart is not sent.

use std::path::Path;

use super::{Context, OpsError};
use crate::chart::{self, ChartError, Limits};
use crate::fetch::{FetchOptions, Origin, oci};
use crate::registry::{self, ChartUpload, RegistryError, SCHEME};
use crate::repo::generate::ARCHIVE_LIMIT;
use crate::sys::fs;

/// Largest provenance file, in bytes.
const PROVENANCE_LIMIT: u64 = 1 << 20;

/// How to push.
#[derive(Debug, Clone, Default)]
pub struct PushOptions {
    /// Credentials and TLS files of the command line.
    pub access: FetchOptions,
    /// How much of a chart is read.
    pub limits: Limits,
    /// Seconds since the Unix epoch that the manifest carries; the archive's own when `None`.
    pub time: Option<u64>,
}

/// Pushes an archive below `remote`, which is `oci://HOST[/PATH]` or `@ALIAS[/PATH]`. Returns where it is.
///
/// # Errors
/// The archive is no chart, the remote is none, or the registry refuses it.
pub fn push(
    context: &Context<'_>,
    archive: &str,
    remote: &str,
    options: &PushOptions,
) -> Result<Origin, OpsError> {
    let remote = remote_of(context, remote)?;
    let path = context.host.resolve(archive);
    match fs::kind(&path) {
        fs::Kind::Folder => return Err(RegistryError::PushFolder { path: archive.to_string() }.into()),
        fs::Kind::Missing => {
            return Err(ChartError::Absent { words: format!("{archive}: no such file") }.into());
        }
        _ => {}
    }
    let created = fs::stamp(&path).map_or(0, |(_, seconds, _)| seconds);
    let bytes = fs::read(&path, ARCHIVE_LIMIT)?;
    let metadata = chart::from_archive(archive, &bytes, &options.limits)?.metadata;
    let provenance = provenance_beside(&path)?;
    let fetching = context.fetch();
    let client = oci::client(&options.access, &fetching)?;
    let upload = ChartUpload {
        metadata: &metadata,
        archive: &bytes,
        provenance: provenance.as_deref(),
        created: options.time.map_or(created, |time| time as i64),
    };
    let pushed = registry::push(&client, &remote, &upload)?;
    Ok(Origin { reference: pushed.reference.to_string(), digest: pushed.digest.prefixed() })
}

/// The address that the user means.
fn remote_of(context: &Context<'_>, remote: &str) -> Result<String, OpsError> {
    if let Some(named) = remote.strip_prefix('@') {
        let (name, rest) = named.split_once('/').map_or((named, None), |(name, rest)| (name, Some(rest)));
        let registries = registry::Registries::load(&context.paths.registries)?;
        let Some(address) = registries.alias(name) else {
            return Err(RegistryError::NoAlias {
                name: name.to_string(),
                path: context.paths.registries.clone(),
                candidates: registries.aliases().map(str::to_string).collect(),
            }
            .into());
        };
        return Ok(rest.map_or_else(|| address.to_string(), |rest| format!("{address}/{rest}")));
    }
    if !remote.starts_with(SCHEME) {
        return Err(RegistryError::NoScheme { remote: remote.to_string() }.into());
    }
    Ok(remote.to_string())
}

fn provenance_beside(archive: &Path) -> Result<Option<Vec<u8>>, OpsError> {
    let mut name = archive.as_os_str().to_os_string();
    name.push(".prov");
    match fs::read(Path::new(&name), PROVENANCE_LIMIT) {
        Err(error) if error.is_not_found() => Ok(None),
        read => Ok(Some(read?)),
    }
}
