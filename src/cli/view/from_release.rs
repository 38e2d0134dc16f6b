//! The rows and reports of releases, made from what the library returns.
//!
//! Invariant: nothing is computed here but form: what a report says comes from the record.

use super::history::RevisionRow;
use super::list::ReleaseRow;
use super::metadata::MetadataReport;
use super::release::{HookReport, HookRun, ReleaseInfo, ReleaseReport};
use crate::cli::error::Failure;
use crate::data::{self, Value};
use crate::release::{ApplyMethod, Hook, Release, Summary};

fn method(method: Option<ApplyMethod>) -> Option<String> {
    method.map(|method| match method {
        ApplyMethod::ServerSide => "ssa".to_string(),
        ApplyMethod::ClientSide => "csa".to_string(),
    })
}

fn nonzero(number: u64) -> Option<u64> {
    Some(number).filter(|number| *number > 0)
}

fn hook(hook: &Hook) -> HookReport {
    HookReport {
        name: hook.name.clone(),
        kind: hook.kind.clone(),
        path: hook.path.clone(),
        manifest: hook.manifest.clone(),
        events: hook.events.clone(),
        last_run: HookRun {
            started_at: hook.last_run.started_at.clone(),
            completed_at: hook.last_run.completed_at.clone(),
            phase: hook.last_run.phase.clone(),
        },
        weight: hook.weight,
        delete_policies: hook.delete_policies.clone(),
        output_log_policies: hook.output_log_policies.clone(),
    }
}

impl ReleaseReport {
    /// The report of a release; `with_chart` puts the recorded chart into it.
    ///
    /// # Errors
    /// The recorded chart cannot be said in JSON.
    pub fn of(release: &Release, with_chart: bool) -> Result<Self, Failure> {
        let info = &release.info;
        let chart = with_chart.then(|| data::to_value(&release.chart)).transpose();
        Ok(ReleaseReport {
            name: release.name.clone(),
            info: ReleaseInfo {
                first_deployed: info.first_deployed.clone(),
                last_deployed: info.last_deployed.clone(),
                deleted: info.deleted.clone(),
                description: info.description.clone(),
                status: info.status.to_string(),
                rollback_revision: nonzero(info.rollback_revision),
                notes: info.notes.clone(),
                resources: None,
            },
            chart: chart
                .map_err(|error| Failure::new(format!("the recorded chart cannot be shown: {error}")))?,
            config: Some(release.config.clone()).filter(|config| !is_nothing(config)),
            manifest: release.manifest.clone(),
            hooks: release.hooks.iter().map(hook).collect(),
            version: release.version,
            namespace: release.namespace.clone(),
            apply_method: method(release.apply_method),
            changed: None,
        })
    }
}

fn is_nothing(value: &Value) -> bool {
    value.is_null() || value.as_map().is_some_and(data::Map::is_empty)
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
