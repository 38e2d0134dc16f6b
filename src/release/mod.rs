//! Releases: what was installed, revision by revision, as objects in a store.
//!
//! | file | what |
//! |---|---|
//! | `status` | the nine states of a revision |
//! | `transition` | which state may follow which |
//! | `codec` | a release as the payload that Helm reads and writes |
//! | `driver` | as which kind of object revisions are recorded |
//! | `record` | a revision as a Secret or ConfigMap: labels, annotations, and parts when it is large |
//! | `summary` | what lists and histories show, read without the payload |
//! | `history` | the revisions of a release in a store |
//! | `look` | all revisions of a release at one moment: what an operation decides on |
//! | `purge` | revisions that are deleted: too many of them, or all |
//! | `again` | records that are written again after a harmless race |
//! | `lock` | one operation at a time: the protocol, waits and takeovers |
//! | `hold` | how an operation gets a release for itself, and gives it back |
//! | `lease` | the lease in a record, and who keeps it |
//! | `selector` | label selectors |
//!
//! Invariant: a release has no store of its own. It is an ordinary Secret (or ConfigMap), so that every store has history, and Helm reads
//! what is written here wherever it can reach the store.

mod again;
pub mod codec;
mod driver;
pub mod error;
pub mod history;
mod hold;
mod lease;
pub mod lock;
pub mod look;
mod purge;
mod record;
pub mod selector;
pub mod status;
pub mod summary;
pub mod transition;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::chart::{ChartFile, Lock, Metadata};
use crate::data::Value;
use crate::data::time::Time;

pub use driver::Driver;
pub use error::ReleaseError;
pub use history::{Filter, History, Listing, Record, Sort, State};
pub use lock::{Holder, Keeper, Lease, Terms, Watched};
pub use look::{Base, Look};
pub use record::{RESERVED_LABELS, check_labels, is_record_name, object_name};
pub use selector::Selector;
pub use status::{Status, Statuses};
pub use summary::Summary;

/// One revision of a release. Fields in the order of Helm's payload; `labels` and `plan` are outside of it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Release {
    /// Name.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// When, how and in which state.
    pub info: Info,
    /// The chart it was made from.
    pub chart: RecordedChart,
    /// The values that the user gave, after the rules of reuse; null or a map.
    #[serde(skip_serializing_if = "codec::is_empty")]
    pub config: Value,
    /// All objects but hooks, each document with its `# Source:` line.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub manifest: String,
    /// The hooks, in the order in which they were rendered.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub hooks: Vec<Hook>,
    /// Revision number, from 1.
    #[serde(skip_serializing_if = "codec::is_zero")]
    pub version: u64,
    /// Namespace that the release belongs to.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub namespace: String,
    /// How its objects were applied; absent in records of Helm 3, which means client-side.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub apply_method: Option<ApplyMethod>,
    /// Labels that the user gave.
    #[serde(skip)]
    pub labels: BTreeMap<String, String>,
    /// Digest of the saved plan that made it, or that ended it; `None` when none did.
    #[serde(skip)]
    pub plan: Option<String>,
}

/// When a revision was made, how it stands, and why.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Info {
    /// When the release was first installed.
    #[serde(with = "codec::time", skip_serializing_if = "Option::is_none")]
    pub first_deployed: Option<Time>,
    /// When this revision was made.
    #[serde(with = "codec::time", skip_serializing_if = "Option::is_none")]
    pub last_deployed: Option<Time>,
    /// When it was uninstalled.
    #[serde(with = "codec::time", skip_serializing_if = "Option::is_none")]
    pub deleted: Option<Time>,
    /// What happened, in a sentence.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// How it stands.
    pub status: Status,
    /// The revision that a rollback went back to; 0 for other operations.
    #[serde(skip_serializing_if = "codec::is_zero")]
    pub rollback_revision: u64,
    /// The rendered NOTES.txt.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub notes: String,
}

/// How objects are applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ApplyMethod {
    /// By the server, with field managers.
    #[serde(rename = "ssa")]
    ServerSide,
    /// By the client, with a three-way merge.
    #[serde(rename = "csa")]
    #[serde(other)]
    ClientSide,
}

/// A hook as recorded.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Hook {
    /// Name of the object.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Its kind.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub kind: String,
    /// The template that wrote it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub path: String,
    /// Its document.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub manifest: String,
    /// When it runs: `pre-install`, `test`, …
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<String>,
    /// How it ran last.
    pub last_run: HookRun,
    /// Order among the hooks of an event.
    #[serde(skip_serializing_if = "codec::is_zero_signed")]
    pub weight: i64,
    /// When its object is deleted: `before-hook-creation`, `hook-succeeded`, `hook-failed`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub delete_policies: Vec<String>,
    /// When its logs are written: `hook-succeeded`, `hook-failed`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub output_log_policies: Vec<String>,
}

/// One run of a hook.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct HookRun {
    /// When it started.
    #[serde(with = "codec::time", skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Time>,
    /// When it ended.
    #[serde(with = "codec::time", skip_serializing_if = "Option::is_none")]
    pub completed_at: Option<Time>,
    /// `Unknown`, `Running`, `Succeeded`, `Failed`; empty until it ran.
    pub phase: String,
}

/// The part of a chart that a record keeps. Subcharts are not among it; values and dependencies are those after dependency
/// processing.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct RecordedChart {
    /// Chart.yaml.
    pub metadata: Metadata,
    /// Chart.lock.
    pub lock: Option<Lock>,
    /// Files below templates/.
    #[serde(with = "codec::files")]
    pub templates: Vec<RecordedFile>,
    /// The chart's own values; null or a map.
    pub values: Value,
    /// values.schema.json.
    #[serde(with = "codec::bytes_or_null")]
    pub schema: Option<Vec<u8>>,
    /// When the schema's file was changed last.
    #[serde(rename = "schemamodtime", with = "codec::zero_time")]
    pub schema_modified: Option<Time>,
    /// All other files.
    #[serde(with = "codec::files")]
    pub files: Vec<RecordedFile>,
    /// When the chart was changed last.
    #[serde(rename = "modtime", with = "codec::zero_time")]
    pub modified: Option<Time>,
}

/// A file of a recorded chart.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct RecordedFile {
    /// Path below the chart's folder.
    pub name: String,
    /// Its bytes.
    #[serde(with = "codec::bytes")]
    pub data: Vec<u8>,
    /// When it was changed last.
    #[serde(rename = "modtime", with = "codec::zero_time")]
    pub modified: Option<Time>,
}

impl From<&ChartFile> for RecordedFile {
    fn from(file: &ChartFile) -> Self {
        RecordedFile { name: file.path.to_string(), data: file.data.to_vec(), modified: file.moment() }
    }
}

impl From<&RecordedFile> for ChartFile {
    fn from(file: &RecordedFile) -> Self {
        ChartFile {
            path: Arc::from(file.name.as_str()),
            data: file.data.as_slice().into(),
            modified: file.modified.as_ref().map_or(0, Time::unix),
        }
    }
}
