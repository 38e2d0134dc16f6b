//! Chart.yaml, versions v1 and v2.
//!
//! Source of the fields and their JSON names: Helm's chart metadata (release records carry it in this shape).

use std::sync::Arc;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use super::ChartError;
use super::document;
use crate::data::Value;

/// The content of Chart.yaml. Field order is that of a release record's `chart.metadata`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, rename = "v2.Metadata", rename_all = "camelCase")]
pub struct Metadata {
    /// Name of the chart.
    #[serde(skip_serializing_if = "str_is_empty")]
    pub name: Arc<str>,
    /// Home page.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub home: String,
    /// Where its source is.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<String>,
    /// Version, as semver reads it leniently.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub version: String,
    /// One sentence.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// Words to find it by.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub keywords: Vec<String>,
    /// Who keeps it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub maintainers: Vec<Maintainer>,
    /// URL of a picture.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub icon: String,
    /// `v1` or `v2`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub api_version: String,
    /// Value path that switches the chart on as a dependency (old, unused).
    #[serde(skip_serializing_if = "String::is_empty")]
    pub condition: String,
    /// Tags (old, unused).
    #[serde(skip_serializing_if = "String::is_empty")]
    pub tags: String,
    /// Version of what the chart installs, free text.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub app_version: String,
    /// Whether users should move away.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub deprecated: bool,
    /// Free annotations. None at all and an empty map are two things to a template (`null` and `{}` in JSON).
    #[serde(skip_serializing_if = "annotations_are_empty")]
    pub annotations: Option<IndexMap<String, String>>,
    /// Constraint on the cluster's version.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub kube_version: String,
    /// Charts that this one needs.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub dependencies: Vec<Dependency>,
    /// `application` or `library`.
    #[serde(rename = "type", skip_serializing_if = "is_nothing")]
    pub chart_type: Option<String>,
    /// Template language: `gotpl` (also when absent) or `tera`. Helm 2 had the field; Helm 3 and 4 drop it, as is done here
    /// unless it says something.
    #[serde(skip_serializing_if = "is_not_tera")]
    pub engine: String,
}

#[allow(clippy::ref_option, reason = "serde passes the field by reference")]
fn annotations_are_empty(annotations: &Option<IndexMap<String, String>>) -> bool {
    annotations.as_ref().is_none_or(IndexMap::is_empty)
}

#[allow(clippy::ref_option, reason = "serde passes the field by reference")]
fn is_nothing(text: &Option<String>) -> bool {
    text.as_deref().is_none_or(str::is_empty)
}

fn is_not_tera(engine: &str) -> bool {
    engine != "tera"
}

fn str_is_empty(text: &str) -> bool {
    text.is_empty()
}

impl Metadata {
    /// All of it as `show chart` prints it, keys sorted: with the dependencies of a v1 chart, wherever they were read.
    ///
    /// # Errors
    /// [`ChartError::Unwritable`], which does not happen for metadata that was read.
    pub fn to_yaml(&self) -> Result<String, ChartError> {
        document::write("Chart.yaml", self)
    }

    /// The text of a Chart.yaml that says this, keys sorted. A v1 chart keeps its dependencies in requirements.yaml, so they
    /// are left out.
    ///
    /// # Errors
    /// As [`Metadata::to_yaml`].
    pub fn to_chart_yaml(&self) -> Result<String, ChartError> {
        let mut written = self.clone();
        if written.api_version == "v1" {
            written.dependencies.clear();
        }
        written.to_yaml()
    }
}

/// Somebody who keeps a chart.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, rename = "v2.Maintainer")]
pub struct Maintainer {
    /// Name or account.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Address.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub email: String,
    /// Page.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub url: String,
}

/// A chart that another one needs.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, rename = "v2.Dependency", rename_all = "kebab-case")]
pub struct Dependency {
    /// Name of the chart.
    pub name: String,
    /// Version constraint, or the chosen version in a lock.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub version: String,
    /// Repository URL, `@name`, `alias:name`, `file://…`, `oci://…`; empty for a vendored chart.
    pub repository: String,
    /// Comma list of value paths; the first that is a bool decides.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub condition: String,
    /// Tags; any true one enables.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// Set by dependency processing.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub enabled: bool,
    /// What to lift from the child's values into the parent's: a string, or a map with `child` and `parent`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub import_values: Vec<Value>,
    /// Name under which the parent knows it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub alias: String,
}

impl Dependency {
    /// The name under which the parent knows the chart: the alias, or else the name.
    pub fn name_in_parent(&self) -> &str {
        if self.alias.is_empty() { &self.name } else { &self.alias }
    }
}
