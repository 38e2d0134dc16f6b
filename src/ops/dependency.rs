//! Dependency: the charts below charts/, and bringing them there.
//!
//! Invariant: all the work is `fetch::deps`'; this is the way there for verbs.

use std::path::Path;
use std::sync::Arc;

use super::{Context, OpsError};
use crate::fetch::deps::{self, DepsOptions};
pub use crate::fetch::deps::{DepsEvent, DepsReport, Listing, Node, Signatures, Status, Tree};
use crate::package::provenance::Keyring;

/// How to bring dependencies in.
pub type DependencyOptions = DepsOptions;

/// The keys that must have signed archives.
///
/// # Errors
/// The keyring cannot be read.
pub fn signatures(keyring: &Path, required: bool) -> Result<Signatures, OpsError> {
    Ok(Signatures { keyring: Arc::new(Keyring::load(keyring)?), required })
}

/// Lists the dependencies of a chart's folder and how each stands.
///
/// # Errors
/// The folder holds no chart.
pub fn list(context: &Context<'_>, folder: &str) -> Result<Listing, OpsError> {
    Ok(deps::list(folder, &context.fetch())?)
}

/// What a chart needs, what that needs in turn, and how each stands.
///
/// # Errors
/// The folder holds no chart.
pub fn tree(context: &Context<'_>, folder: &str) -> Result<Tree, OpsError> {
    Ok(deps::tree(folder, &context.fetch())?)
}

/// Chooses versions anew, fetches them and writes the lock.
///
/// # Errors
/// A repository is not known or lacks a chart, no version will do, or something cannot be fetched or written.
pub fn update(
    context: &Context<'_>,
    folder: &str,
    options: &DependencyOptions,
    on_event: &mut dyn FnMut(&DepsEvent<'_>),
) -> Result<DepsReport, OpsError> {
    Ok(deps::update(folder, options, &context.fetch(), on_event)?)
}

/// Fetches the versions that the lock names.
///
/// # Errors
/// As [`update`], and when the lock does not fit Chart.yaml.
pub fn build(
    context: &Context<'_>,
    folder: &str,
    options: &DependencyOptions,
    on_event: &mut dyn FnMut(&DepsEvent<'_>),
) -> Result<DepsReport, OpsError> {
    Ok(deps::build(folder, options, &context.fetch(), on_event)?)
}
