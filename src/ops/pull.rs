//! Pull: archives from repositories into a folder, as they are or unpacked.
//!
//! Invariant: what is written has the digest that the index promised, and the signature that was demanded; nothing that is there is replaced by unpacking.

use std::path::PathBuf;

use super::options::ChartRequest;
use super::{Context, OpsError, verify};
use crate::chart;
use crate::fetch::{self, Origin, Provenance, Source};
use crate::package::provenance::{EXTENSION, Verified};
use crate::sys::fs;

/// Where to put charts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PullOptions {
    /// Folder for the archive.
    pub destination: PathBuf,
    /// Folder to unpack in instead.
    pub unpack_in: Option<PathBuf>,
}

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PullReport {
    /// The archive, or the chart's folder.
    pub path: PathBuf,
    /// SHA-256 of the archive in hex digits.
    pub digest: String,
    /// Where it came from, when that was an OCI registry.
    pub origin: Option<Origin>,
    /// Who signed the archive, when that was demanded.
    pub verified: Option<Verified>,
    /// Why there is no provenance file, when one was asked for.
    pub no_provenance: Option<String>,
}

/// Downloads one chart.
///
/// # Errors
/// The chart cannot be found or fetched, it must be signed and no trusted key signed it, or a file cannot be written.
pub fn pull(
    context: &Context<'_>,
    request: &ChartRequest,
    options: &PullOptions,
) -> Result<PullReport, OpsError> {
    let located = fetch::resolve(&request.reference, &request.fetch, &context.fetch())?;
    for warning in &located.warnings {
        context.warn(warning.to_string());
    }
    if let Some(inexact) = located.inexact {
        context.tell_inexact(inexact);
    }
    let Source::Downloaded { file_name, bytes, .. } = located.source else {
        return Err(OpsError::refused_with(
            format!("{} is on this machine already", request.reference),
            "pull takes REPOSITORY/NAME, a URL or oci://HOST/PATH/NAME",
        ));
    };
    let digest = located.digest.unwrap_or_default();
    let origin = located.origin;
    let wanted = request.fetch.provenance != Provenance::No;
    let no_provenance = located.no_provenance.filter(|_| wanted);
    let host = context.host;
    let provenance = located.provenance.as_deref();
    let verified = match &request.verify {
        Some(keyring) => Some(verify::downloaded(context, &file_name, &bytes, provenance, keyring)?),
        None => None,
    };
    let Some(folder) = &options.unpack_in else {
        let path = host.resolve(&options.destination).join(&file_name);
        fs::write_atomic(&path, &bytes, false)?;
        if let Some(provenance) = provenance {
            fs::write_atomic(&path.with_file_name(format!("{file_name}{EXTENSION}")), provenance, false)?;
        }
        return Ok(PullReport {
            path: options.destination.join(file_name),
            digest,
            origin,
            verified,
            no_provenance,
        });
    };
    let metadata =
        chart::metadata_of_archive(&bytes, &request.limits).map_err(|error| error.of_archive(&file_name))?;
    let name: &str = &metadata.name;
    let target = host.resolve(folder).join(name);
    if fs::kind(&target) != fs::Kind::Missing {
        return Err(OpsError::refused_with(
            format!("failed to untar: a file or directory with the name {name} already exists"),
            "choose another folder with --untardir",
        ));
    }
    // Beside its place first: a disk that fills up, or a kill, leaves no half of a chart under the chart's name.
    let part = target.with_file_name(format!(".{name}.part"));
    if fs::kind(&part) != fs::Kind::Missing {
        fs::remove_dir_all(&part)?;
    }
    let unpacked = chart::unpack(&bytes, &part, &request.limits)
        .map_err(|error| OpsError::from(error.of_archive(&file_name)))
        .and_then(|()| Ok(fs::rename(&part, &target)?));
    if let Err(error) = unpacked {
        // What failed is worth more than that the rest of it cannot be removed.
        let _ = fs::remove_dir_all(&part);
        return Err(error);
    }
    Ok(PullReport { path: folder.join(name), digest, origin, verified, no_provenance })
}
