//! From what the user names to a chart and values in memory.
//!
//! Invariant: nothing is written; a chart that comes from a repository is checked against its digest before it is read, and
//! one that must be signed against its signature.

use std::sync::Arc;

use super::options::{ChartRequest, ValueSources};
use super::{Context, Event, OpsError, verify};
use crate::chart::{self, Chart, Reading};
use crate::data::Map;
use crate::diag::{SourceFile, did_you_mean};
use crate::fetch::deps::{DepsEvent, DepsOptions};
use crate::fetch::{self, FetchError, FetchOptions, Located, Source};
use crate::package::provenance::ProvenanceError;
use crate::sys::fs::{self, FsError, Kind};
use crate::values::{Layers, Provenance};

/// Loads the chart that a request names, with the warnings about it told.
///
/// # Errors
/// The reference leads nowhere, the chart cannot be read, or it must be signed and no trusted key signed it.
pub fn chart(context: &Context<'_>, request: &ChartRequest) -> Result<Chart, OpsError> {
    load(context, request, locate(context, request)?, Reading::AtOnce)
}

fn locate(context: &Context<'_>, request: &ChartRequest) -> Result<Located, OpsError> {
    Ok(fetch::resolve(&request.reference, &request.fetch, &context.fetch())?)
}

fn load(
    context: &Context<'_>,
    request: &ChartRequest,
    located: Located,
    reading: Reading,
) -> Result<Chart, OpsError> {
    if let Some(origin) = located.origin {
        context.progress.event(Event::Pulled(origin));
    }
    let chart = match (located.source, &request.verify) {
        (Source::Folder(_), Some(_)) => return Err(ProvenanceError::Folder.into()),
        (Source::Archive(path), Some(keyring)) => {
            let (bytes, _) = verify::archive(context, &path, keyring, false)?;
            chart::from_archive(&path.display().to_string(), &bytes, &request.limits)?
        }
        (Source::Folder(path) | Source::Archive(path), None) => {
            chart::load_with(&path, &request.limits, reading)?
        }
        (Source::Downloaded { file_name, bytes, .. }, keyring) => {
            if let Some(keyring) = keyring {
                let provenance = located.provenance.as_deref();
                verify::downloaded(context, &file_name, &bytes, provenance, keyring)?;
            }
            chart::from_archive(&file_name, &bytes, &request.limits)?
        }
    };
    if let Some(inexact) = located.inexact {
        context.tell_inexact(inexact);
    }
    for warning in located.warnings.into_iter().chain(chart.warnings()) {
        context.warn(warning.to_string());
    }
    chart.links.iter().for_each(|link| context.progress.event(Event::linked(link)));
    Ok(chart)
}

/// Loads a chart that is to be rendered, brings in what is missing below its charts/ when `update` says so, and refuses what
/// cannot be installed.
///
/// # Errors
/// As [`chart()`] and [`check_installable`]; a dependency cannot be brought in.
pub fn installable_chart(
    context: &Context<'_>,
    request: &ChartRequest,
    update: bool,
) -> Result<Chart, OpsError> {
    let loaded = chart(context, request)?;
    installable(context, request, update, loaded)
}

/// As [`installable_chart`], and the values that the user gave. They are read when it is known where the chart is and before
/// it is loaded: of two things that are wrong, the one that Helm finds first is told.
///
/// # Errors
/// As [`installable_chart`] and [`values()`].
pub fn chart_and_values(
    context: &Context<'_>,
    request: &ChartRequest,
    sources: &ValueSources,
    update: bool,
    reading: Reading,
) -> Result<(Chart, UserValues), OpsError> {
    let located = locate(context, request)?;
    let user = values(context, sources)?;
    let loaded = load(context, request, located, reading)?;
    Ok((installable(context, request, update, loaded)?, user))
}

fn installable(
    context: &Context<'_>,
    request: &ChartRequest,
    update: bool,
    mut loaded: Chart,
) -> Result<Chart, OpsError> {
    let missing = loaded.missing_dependencies().next().is_some();
    if update && missing && crate::sys::fs::kind(&context.host.resolve(&request.reference)) == Kind::Folder {
        let options = DepsOptions { fetch: request.fetch.clone(), ..DepsOptions::default() };
        let mut tell = |event: &DepsEvent<'_>| context.progress.event(Event::Doing(event.to_string()));
        fetch::deps::update(&request.reference, &options, &context.fetch(), &mut tell)?;
        loaded = chart(context, request)?;
    }
    check_installable(context, &loaded)?;
    Ok(loaded)
}

/// Refuses charts that cannot be installed or rendered alone. Texts are Helm's.
///
/// # Errors
/// The chart is a library, or dependencies are missing below charts/.
pub fn check_installable(context: &Context<'_>, chart: &Chart) -> Result<(), OpsError> {
    match chart.metadata.chart_type.as_deref() {
        None | Some("" | "application") => {}
        Some(other) => {
            return Err(OpsError::refused_with(
                format!("{other} charts are not installable"),
                "install a chart that has this one among its dependencies",
            ));
        }
    }
    if chart.metadata.deprecated {
        context.warn("this chart is deprecated");
    }
    let missing: Vec<&str> =
        chart.missing_dependencies().map(|dependency| dependency.name.as_str()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(missing_dependencies(&missing.join(", ")))
}

/// The refusal of a chart some of whose dependencies are not below charts/. The text is Helm's.
pub fn missing_dependencies(names: &str) -> OpsError {
    OpsError::refused_with(
        format!(
            "an error occurred while checking for chart dependencies. You may need to run 'helm dependency build' to \
             fetch missing dependencies: found in Chart.yaml, but missing in charts/ directory: {names}"
        ),
        "run `bowline dependency build` in the chart's folder, or add --dependency-update",
    )
}

/// The values that the user gave, and where each was given.
#[derive(Debug, Clone, Default)]
pub struct UserValues {
    /// The values.
    pub values: Map,
    /// Which file or flag set which of them.
    pub provenance: Provenance,
}

/// Reads and merges the values that the user gave.
///
/// # Errors
/// A file cannot be read, or a value does not parse.
pub fn values(context: &Context<'_>, sources: &ValueSources) -> Result<UserValues, OpsError> {
    let mut files: Vec<Arc<SourceFile>> = Vec::with_capacity(sources.files.len());
    for name in &sources.files {
        files.push(read_source(context, name)?);
    }
    let layers = Layers {
        files,
        json: sources.json.clone(),
        set: sources.set.clone(),
        string: sources.strings.clone(),
        file: sources.from_files.clone(),
        literal: sources.literals.clone(),
    };
    let mut read = |path: &str| {
        read_source(context, path).map(|file| file.text().to_string()).map_err(|error| error.to_string())
    };
    let mut provenance = Provenance::default();
    let values = layers.merge(&mut read, Some(&mut provenance))?;
    Ok(UserValues { values, provenance })
}

/// Most files that are looked at for a name that is close.
const MOST_NEIGHBOURS: usize = 1_000;

/// A file that is not there, or is none, in Helm's words, with the name as given.
fn not_a_file(context: &Context<'_>, name: &str, error: FetchError) -> OpsError {
    match &error {
        FetchError::Fs(cause) if cause.is_not_found() => {
            let message = format!("open {name}: no such file or directory");
            match near_file(context, name) {
                Some(near) => OpsError::refused_with(message, format!("did you mean `{near}`?")),
                None => OpsError::refused_with(
                    message,
                    format!("the path is looked up from {}", context.host.cwd.display()),
                ),
            }
        }
        FetchError::Fs(cause) if cause.is_folder() => OpsError::refused_with(
            format!("read {name}: is a directory"),
            "name a file: what is in a folder is not read, and each file needs a flag of its own",
        ),
        _ => error.into(),
    }
}

/// A file of the same folder whose name is close.
fn near_file(context: &Context<'_>, name: &str) -> Option<String> {
    let (folder, base) = name.rsplit_once('/').map_or(("", name), |(folder, base)| (folder, base));
    let folder_at = context.host.resolve(folder);
    let entries =
        fs::walk(&folder_at, MOST_NEIGHBOURS, |name, kind| kind == Kind::File && !name.contains('/')).ok()?;
    let near = did_you_mean(base, entries.iter().map(|entry| &*entry.relative))?;
    Some(if folder.is_empty() { near.to_string() } else { format!("{folder}/{near}") })
}

/// Reads a values file: a path, a URL, or `-`.
fn read_source(context: &Context<'_>, name: &str) -> Result<Arc<SourceFile>, OpsError> {
    let (name, bytes) = fetch::read_values_source(name, &FetchOptions::default(), &context.fetch())
        .map_err(|error| not_a_file(context, name, error))?;
    let text = String::from_utf8(bytes).map_err(|error| {
        let offset = error.utf8_error().valid_up_to();
        OpsError::File(FsError::NotText { path: name.clone().into(), offset })
    })?;
    Ok(SourceFile::new(name, text.strip_prefix('\u{feff}').unwrap_or(&text)))
}
