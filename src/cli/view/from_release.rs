//! The rows and reports of releases, made from what the library returns.
//!
//! Invariant: nothing is computed here but form: what a report says comes from the record.

use super::history::RevisionRow;
use super::list::ReleaseRow;
use super::metadata::MetadataReport;
use crate::release::{ApplyMethod, Release, Summary};

fn method(method: Option<ApplyMethod>) -> Option<String> {
    method.map(|method| match method {
        ApplyMethod::ServerSide => "ssa".to_string(),
        ApplyMethod::ClientSide => "csa".to_string(),
    })
}

fn nonzero(number: u64) -> Option<u64> {
    Some(number).filter(|number| *number > 0)
}

impl RevisionRow {
    /// The row of a revision.
    pub fn of(summary: &Summary) -> Self {
        RevisionRow {
            revision: summary.revision,
            updated: summary.updated.clone(),
            status: summary.status.to_string(),
            chart: summary.chart_label(),
            app_version: summary.app_version.clone(),
            rollback_revision: nonzero(summary.rollback_revision),
            description: summary.description.clone(),
        }
    }
}

impl ReleaseRow {
    /// The row of a release.
    pub fn of(summary: &Summary) -> Self {
        ReleaseRow {
            name: summary.name.clone(),
            namespace: summary.namespace.clone(),
            revision: summary.revision,
            updated: summary.updated.clone(),
            status: summary.status.to_string(),
            chart: summary.chart_label(),
            app_version: summary.app_version.clone(),
        }
    }
}

impl MetadataReport {
    /// The metadata of a release.
    pub fn of(release: &Release) -> Self {
        let metadata = &release.chart.metadata;
        MetadataReport {
            name: release.name.clone(),
            chart: metadata.name.to_string(),
            version: metadata.version.clone(),
            app_version: metadata.app_version.clone(),
            annotations: metadata
                .annotations
                .iter()
                .flatten()
                .map(|(key, value)| (key.clone(), value.clone()))
                .collect(),
            labels: release.labels.clone(),
            dependencies: metadata.dependencies.clone(),
            namespace: release.namespace.clone(),
            revision: release.version,
            status: release.info.status.to_string(),
            deployed_at: release
                .info
                .last_deployed
                .as_ref()
                .map(|time| time.format(crate::data::time::RFC3339))
                .unwrap_or_default(),
            apply_method: method(release.apply_method),
        }
    }
}
