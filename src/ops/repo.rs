//! Repositories: the configured ones, the search in their indexes, and the index of a folder.
//!
//! Invariant: searching reads cached indexes only; nothing asks the network but `add` and `update`.

use std::path::Path;
use std::time::Duration;

use super::{Context, OpsError};
pub use crate::repo::config::{AddOptions, Added, Repository};
use crate::repo::config::{RepoFile, add as add_to_file, remove as remove_from_file};
use crate::repo::generate::generate_and_write;
pub use crate::repo::generate::{GenerateOptions, Generated};
use crate::repo::search::search as search_indexes;
pub use crate::repo::search::{Hit, SearchOptions};
pub use crate::repo::update::Outcome;
use crate::repo::update::{check, choose as choose_configured, listing, update_all};
use crate::repo::{RepoError, serve};
use crate::sys::fs;

/// Adds a repository after fetching its index.
///
/// # Errors
/// The name cannot be used or is taken, or the URL leads to no repository.
pub fn add(context: &Context<'_>, options: &AddOptions) -> Result<Added, OpsError> {
    if !options.repository.url.contains("://") {
        return Err(OpsError::refused_with(
            "could not find protocol handler for: ",
            "write the address in full, such as https://charts.example.com",
        ));
    }
    let added = add_to_file(context.host, context.paths, options)?;
    if let Added::Added { index, .. } = &added {
        for warning in &index.warnings {
            context.warn(warning.to_string());
        }
    }
    Ok(added)
}

/// The configured repositories, in the order they were added.
///
/// # Errors
/// `repositories.yaml` cannot be read.
pub fn list(context: &Context<'_>) -> Result<Vec<Repository>, OpsError> {
    Ok(RepoFile::load(&context.paths.config)?.repositories)
}

/// The repositories to update: the named ones, or all when there is no name.
///
/// # Errors
/// There are no repositories, or a name is none of them.
pub fn choose(context: &Context<'_>, names: &[String]) -> Result<Vec<Repository>, OpsError> {
    Ok(choose_configured(context.paths, names)?)
}

/// Fetches the indexes of repositories. A failure of a single one is in its outcome; see [`all_updated`].
pub fn update(context: &Context<'_>, chosen: &[Repository], timeout: Option<Duration>) -> Vec<Outcome> {
    let chosen: Vec<&Repository> = chosen.iter().collect();
    let outcomes = update_all(context.host, context.paths, &chosen, timeout);
    for index in outcomes.iter().filter_map(|outcome| outcome.result.as_ref().ok()) {
        for warning in &index.warnings {
            context.warn(warning.to_string());
        }
    }
    outcomes
}

/// Fails when an index could not be fetched.
///
/// # Errors
/// One could not, or the user interrupted before all were there.
pub fn all_updated(context: &Context<'_>, outcomes: &[Outcome]) -> Result<(), OpsError> {
    let checked = check(outcomes);
    if checked.is_err() {
        context.check_interrupt("the indexes of the other repositories are as they were")?;
    }
    Ok(checked?)
}

/// Forgets repositories; returns the names that are gone.
///
/// # Errors
/// A name is no repository. Those before it are gone.
pub fn remove(context: &Context<'_>, names: &[String]) -> Result<Vec<String>, OpsError> {
    Ok(remove_from_file(context.paths, names)?)
}

/// Finds charts in the cached indexes. A repository without one is told and left out.
///
/// # Errors
/// No repository is configured, or what is looked for cannot be read.
pub fn search(context: &Context<'_>, options: &SearchOptions) -> Result<Vec<Hit>, OpsError> {
    let file = RepoFile::load(&context.paths.config)?;
    if file.repositories.is_empty() {
        return Err(RepoError::NoneConfigured.into());
    }
    let mut indexes = Vec::new();
    for name in file.names() {
        match listing(context.paths, &name) {
            Ok(listing) => {
                let source = context.paths.index(&name).display().to_string();
                for warning in listing.warnings(&source) {
                    context.warn(warning.to_string());
                }
                indexes.push((name, listing));
            }
            Err(error) => context.warn(format!(
                "repository {name} is left out, its index is missing or damaged ({error}); `repo update` fetches it"
            )),
        }
    }
    Ok(search_indexes(&indexes, options)?)
}

/// Makes the index of a folder and writes it there.
///
/// # Errors
/// The folder cannot be read, the index to merge with is none, or the new one cannot be written.
pub fn index(context: &Context<'_>, folder: &Path, options: &GenerateOptions) -> Result<Generated, OpsError> {
    if fs::kind(folder) != fs::Kind::Folder {
        return Err(RepoError::NotAFolder { path: folder.display().to_string() }.into());
    }
    let generated = generate_and_write(folder, options, context.host)?;
    for warning in &generated.warnings {
        context.warn(warning.to_string());
    }
    Ok(generated)
}

/// Starts to listen for requests to a folder of charts. What the server says then is up to the caller, who runs it.
///
/// # Errors
/// The folder cannot be read, or the address is not free.
pub fn bind(context: &Context<'_>, options: &serve::ServeOptions) -> Result<serve::Server, OpsError> {
    let server = serve::Server::bind(context.host, options)?;
    for warning in server.charts().1 {
        context.warn(warning.to_string());
    }
    Ok(server)
}
