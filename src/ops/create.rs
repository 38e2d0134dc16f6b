//! Create: a new chart from a scaffold or a starter.
//!
//! Invariant: the chart's name is the last part of the path; its folder's parent must be there.

use std::path::{Path, PathBuf};

use super::{Context, OpsError};
pub use crate::chart::scaffold::Language;
use crate::chart::{ChartError, scaffold};

/// What to make.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CreateOptions {
    /// The folder to make; its last part is the chart's name.
    pub path: PathBuf,
    /// The template language.
    pub language: Language,
    /// A chart to copy instead: a path, or a name below `starters` in the data folder.
    pub starter: Option<PathBuf>,
}

/// What was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreateReport {
    /// The chart's folder.
    pub folder: PathBuf,
    /// Files that were there before and are not any more what they were.
    pub overwritten: Vec<PathBuf>,
}

/// Makes a chart.
///
/// # Errors
/// The name is no chart's, the parent folder is missing, the starter cannot be read, or a file cannot be written.
pub fn create(context: &Context<'_>, options: &CreateOptions) -> Result<CreateReport, OpsError> {
    let bad = || ChartError::BadName {
        name: options.path.display().to_string(),
        reason: "chart name must match the regular expression \"^[a-zA-Z0-9._-]+$\"",
    };
    let name = options.path.file_name().and_then(|name| name.to_str()).ok_or_else(bad)?;
    let folder = context.host.resolve(&options.path);
    let parent = folder.parent().ok_or_else(bad)?;
    let starter = options.starter.as_ref().map(|starter| starter_path(context, starter));
    let created = scaffold::create(
        name,
        parent,
        &scaffold::CreateOptions { language: options.language, starter: starter.as_deref() },
    )?;
    Ok(CreateReport { folder: created.folder, overwritten: created.overwritten })
}

/// An absolute path as it is, anything else below the starters.
fn starter_path(context: &Context<'_>, starter: &Path) -> PathBuf {
    context.host.dirs.data.join("starters").join(starter)
}
