//! Lint: findings about charts, with the user's values.
//!
//! Invariant: one chart that cannot be looked at does not keep the others from being checked.

use super::options::ValueSources;
use super::{Context, Event, OpsError, source};
use crate::chart::Limits;
use crate::diag::Severity;
use crate::fetch::schema::Documents;
use crate::lint::{self, Files, Finding, LintError, Settings};
use crate::render::Capabilities;
use crate::sys::fs::{self, Kind};
use crate::values::Compat;

/// Most entries below charts/ that are looked at.
const MOST_FILES: usize = 100_000;

/// What to check, and how.
#[derive(Debug, Clone, Default)]
pub struct LintOptions {
    /// The charts, folders or archives.
    pub paths: Vec<String>,
    /// The namespace that templates see.
    pub namespace: String,
    /// Version of the cluster in place of the built-in one.
    pub kube_version: Option<String>,
    /// Leave values.schema.json out.
    pub skip_schema: bool,
    /// Warnings fail too.
    pub strict: bool,
    /// Check the charts below charts/ too.
    pub with_subcharts: bool,
    /// The values.
    pub values: ValueSources,
    /// Which Helm's rules for values count.
    pub compat: Compat,
    /// Bounds for reading.
    pub limits: Limits,
}

/// What was found in one chart.
#[derive(Debug)]
pub struct Linted {
    /// Its path as given.
    pub path: String,
    /// The findings, or why the chart cannot even be looked at.
    pub result: Result<Vec<Finding>, LintError>,
    /// Whether it counts as failed.
    pub failed: bool,
}

/// Checks charts.
///
/// # Errors
/// The values or the cluster's version cannot be read. What is wrong with charts is in the report.
pub fn lint(context: &Context<'_>, options: &LintOptions) -> Result<Vec<Linted>, OpsError> {
    let mut capabilities = Capabilities::default();
    if let Some(version) = &options.kube_version {
        capabilities = capabilities.with_kube_version(version)?;
        if options.compat == Compat::Helm3 {
            capabilities.kube_version.version = capabilities.kube_version.normalized();
        }
    }
    let user = source::values(context, &options.values)?;
    let documents = Documents::new(context.host);
    let settings = Settings {
        host: context.host,
        namespace: &options.namespace,
        capabilities: &capabilities,
        values: &user.values,
        provenance: &user.provenance,
        skip_schema: options.skip_schema,
        documents: &|url| documents.load(url),
        compat: options.compat,
        passed: &|passed| context.progress.event(Event::let_pass(passed)),
        linked: &|link| context.progress.event(Event::linked(link)),
    };
    let mut paths = options.paths.clone();
    if options.with_subcharts {
        for path in &options.paths {
            paths.extend(subcharts(context, path)?);
        }
    }
    let least = if options.strict { Severity::Warning } else { Severity::Error };
    let check = |path: String| {
        let result = Files::open(&path, &context.host.resolve(&path), &options.limits)
            .map(|files| lint::lint(&files, &settings));
        let failed = match &result {
            Ok(findings) => findings.iter().any(|finding| finding.severity() >= least),
            Err(_) => true,
        };
        Linted { path, result, failed }
    };
    Ok(paths.into_iter().map(check).collect())
}

/// The charts below charts/ of a folder, however deep, as paths below the one given.
fn subcharts(context: &Context<'_>, path: &str) -> Result<Vec<String>, OpsError> {
    let shown = fs::joined(path, "charts");
    let folder = context.host.resolve(&shown);
    if fs::kind(&folder) != Kind::Folder {
        return Ok(Vec::new());
    }
    let mut found = Vec::new();
    for entry in fs::walk(&folder, MOST_FILES, |_, _| true)? {
        let (parent, name) = entry.relative.rsplit_once('/').unwrap_or(("", &entry.relative));
        if name == "Chart.yaml" {
            found.push(format!("{shown}/{parent}").trim_end_matches('/').to_string());
        } else if lint::is_archive(name) {
            found.push(format!("{shown}/{}", entry.relative));
        }
    }
    Ok(found)
}
