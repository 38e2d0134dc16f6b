//! Registries: log in, log out, and the versions of a chart.
//!
//! Invariant: credentials are kept only after the registry took them.

use super::{Context, OpsError};
use crate::fetch::{FetchOptions, oci};
pub use crate::sys::http::Credentials;

/// Checks credentials with a registry and keeps them.
///
/// # Errors
/// The registry does not take them or cannot be reached, or they cannot be kept.
pub fn login(
    context: &Context<'_>,
    registry: &str,
    credentials: Credentials,
    access: &FetchOptions,
) -> Result<(), OpsError> {
    let fetching = context.fetch();
    Ok(oci::client(access, &fetching)?.login(registry, credentials)?)
}

/// Forgets the credentials for a registry. Returns whether there were any.
///
/// # Errors
/// The file with them cannot be changed, or a helper fails.
pub fn logout(context: &Context<'_>, registry: &str) -> Result<bool, OpsError> {
    let fetching = context.fetch();
    Ok(oci::client(&FetchOptions::default(), &fetching)?.logout(registry)?)
}

/// The versions of the chart at `oci://…`, newest first: those that `--version` and `--devel` of the options allow.
///
/// # Errors
/// The reference is none, or the registry does not answer.
pub fn versions(
    context: &Context<'_>,
    reference: &str,
    options: &FetchOptions,
) -> Result<Vec<String>, OpsError> {
    let (versions, notes) = oci::versions(reference, options, &context.fetch())?;
    for note in notes {
        context.warn(note.to_string());
    }
    Ok(versions.iter().map(|version| version.original().to_string()).collect())
}
