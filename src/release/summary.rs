//! What lists and histories show of a revision.
//!
//! Invariant: for a record that bowline wrote it comes from labels and annotations alone; only a record of Helm's needs its
//! payload.

use std::collections::BTreeMap;

use super::lease::Lease;
use super::look::Base;
use super::record::{self, APP_VERSION, CHART, CHART_VERSION, DESCRIPTION, ROLLBACK_REVISION, UPDATED};
use super::{Release, Status, codec};
use crate::cluster::Stored;
use crate::data::time::{RFC3339_NANO, Time, Zone};

/// A revision without its payload.
#[derive(Debug, Clone, PartialEq)]
pub struct Summary {
    /// Name of the release.
    pub name: String,
    /// Its namespace.
    pub namespace: String,
    /// Revision number.
    pub revision: u64,
    /// How it stands.
    pub status: Status,
    /// Name of the chart.
    pub chart: String,
    /// Version of the chart.
    pub chart_version: String,
    /// Version of what the chart installs.
    pub app_version: String,
    /// When it was made.
    pub updated: Option<Time>,
    /// What happened.
    pub description: String,
    /// The revision that a rollback went back to; 0 for other operations.
    pub rollback_revision: u64,
    /// All labels of the record, those of the system among them.
    pub labels: BTreeMap<String, String>,
    /// Who is working on it.
    pub lease: Option<Lease>,
    /// Version of the record.
    pub resource_version: u64,
    /// Uid of the record.
    pub uid: String,
}

impl Summary {
    /// `chart-version`, as lists show it.
    pub fn chart_label(&self) -> String {
        format!("{}-{}", self.chart, self.chart_version)
    }

    /// Which revision it is, as an operation looks at it.
    pub fn base(&self) -> Base {
        Base { revision: self.revision, uid: self.uid.clone(), status: self.status }
    }

    /// Whether it is that revision, in whatever state.
    pub(super) fn is(&self, base: &Base) -> bool {
        (self.revision, &self.uid) == (base.revision, &base.uid)
    }

    /// What the labels tell: name, revision, state. `None` for an object that is no record.
    pub(super) fn of_labels(stored: &Stored) -> Option<Self> {
        let (name, revision) = record::release_of(&stored.id.name)?;
        Some(Summary {
            name: stored.labels.get("name").map_or(name, String::as_str).to_string(),
            namespace: stored.id.namespace.clone(),
            revision: stored.labels.get("version").and_then(|text| text.parse().ok()).unwrap_or(revision),
            status: record::status(stored),
            chart: String::new(),
            chart_version: String::new(),
            app_version: String::new(),
            updated: None,
            description: String::new(),
            rollback_revision: 0,
            labels: stored.labels.clone(),
            lease: Lease::read(&stored.annotations),
            resource_version: stored.resource_version,
            uid: stored.uid.clone(),
        })
    }

    /// Adds what the annotations tell; false when they do not tell all.
    pub(super) fn fill_from_annotations(&mut self, annotations: &BTreeMap<String, String>) -> bool {
        let [chart, chart_version, app_version, updated, description] =
            [CHART, CHART_VERSION, APP_VERSION, UPDATED, DESCRIPTION].map(|key| annotations.get(key));
        let (Some(chart), Some(chart_version), Some(app_version), Some(updated), Some(description)) =
            (chart, chart_version, app_version, updated, description)
        else {
            return false;
        };
        if !updated.is_empty() {
            let Ok(time) = Time::parse(RFC3339_NANO, updated, &Zone::Utc) else { return false };
            self.updated = Some(time);
        }
        self.chart.clone_from(chart);
        self.chart_version.clone_from(chart_version);
        self.app_version.clone_from(app_version);
        self.description.clone_from(description);
        self.rollback_revision =
            annotations.get(ROLLBACK_REVISION).and_then(|text| text.parse().ok()).unwrap_or(0);
        true
    }

    /// Adds what the payload tells.
    pub(super) fn fill_from_head(&mut self, head: codec::Head) {
        let metadata = head.chart.metadata;
        self.chart = metadata.name.unwrap_or_default();
        self.chart_version = metadata.version.unwrap_or_default();
        self.app_version = metadata.app_version.unwrap_or_default();
        self.updated = head.info.last_deployed;
        self.description = head.info.description.unwrap_or_default();
        self.rollback_revision = head.info.rollback_revision.unwrap_or_default();
    }

    /// Adds what the whole release tells.
    pub(super) fn fill_from_release(&mut self, release: &Release) {
        let metadata = &release.chart.metadata;
        self.chart = metadata.name.to_string();
        self.chart_version.clone_from(&metadata.version);
        self.app_version.clone_from(&metadata.app_version);
        self.updated.clone_from(&release.info.last_deployed);
        self.description.clone_from(&release.info.description);
        self.rollback_revision = release.info.rollback_revision;
    }
}
