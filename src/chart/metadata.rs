//! Chart.yaml, versions v1 and v2.
//!
//! Source of the fields and their JSON names: Helm's chart metadata (release records carry it in this shape).

use std::sync::Arc;

use indexmap::IndexMap;
use serde::{Deserialize, Deserializer, Serialize};

use super::ChartError;
use super::document::{self, Fields, Misfit};
use crate::data::Value;

/// The content of Chart.yaml. Field order is that of a release record's `chart.metadata`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Metadata {
    /// Name of the chart.
    #[serde(deserialize_with = "null_is_empty", skip_serializing_if = "str_is_empty")]
    pub name: Arc<str>,
    /// Home page.
    #[serde(deserialize_with = "null_is_empty", skip_serializing_if = "String::is_empty")]
    pub home: String,
    /// Where its source is.
    #[serde(deserialize_with = "null_is_empty", skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<String>,
    /// Version, as semver reads it leniently.
    #[serde(deserialize_with = "null_is_empty", skip_serializing_if = "String::is_empty")]
    pub version: String,
    /// One sentence.
    #[serde(deserialize_with = "null_is_empty", skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// Words to find it by.
    #[serde(deserialize_with = "null_is_empty", skip_serializing_if = "Vec::is_empty")]
    pub keywords: Vec<String>,
    /// Who keeps it.
    #[serde(deserialize_with = "null_is_empty", skip_serializing_if = "Vec::is_empty")]
    pub maintainers: Vec<Maintainer>,
    /// URL of a picture.
    #[serde(deserialize_with = "null_is_empty", skip_serializing_if = "String::is_empty")]
    pub icon: String,
    /// `v1` or `v2`.
    #[serde(deserialize_with = "null_is_empty", skip_serializing_if = "String::is_empty")]
    pub api_version: String,
    /// Value path that switches the chart on as a dependency (old, unused).
    #[serde(deserialize_with = "null_is_empty", skip_serializing_if = "String::is_empty")]
    pub condition: String,
    /// Tags (old, unused).
    #[serde(deserialize_with = "null_is_empty", skip_serializing_if = "String::is_empty")]
    pub tags: String,
    /// Version of what the chart installs, free text.
    #[serde(deserialize_with = "null_is_empty", skip_serializing_if = "String::is_empty")]
    pub app_version: String,
    /// Whether users should move away.
    #[serde(deserialize_with = "null_is_empty", skip_serializing_if = "std::ops::Not::not")]
    pub deprecated: bool,
    /// Free annotations.
    #[serde(deserialize_with = "null_is_empty", skip_serializing_if = "IndexMap::is_empty")]
    pub annotations: IndexMap<String, String>,
    /// Constraint on the cluster's version.
    #[serde(deserialize_with = "null_is_empty", skip_serializing_if = "String::is_empty")]
    pub kube_version: String,
    /// Charts that this one needs.
    #[serde(deserialize_with = "null_is_empty", skip_serializing_if = "Vec::is_empty")]
    pub dependencies: Vec<Dependency>,
    /// `application` or `library`.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub chart_type: Option<String>,
    /// Template language: `gotpl` (also when absent) or `tera`. Helm 2 had the field; Helm 3 and 4 ignore it.
    #[serde(deserialize_with = "null_is_empty", skip_serializing_if = "String::is_empty")]
    pub engine: String,
}

fn str_is_empty(text: &str) -> bool {
    text.is_empty()
}

/// Reads null as nothing, which is what Go's decoder does with it.
fn null_is_empty<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(from: D) -> Result<T, D::Error> {
    Ok(Option::deserialize(from)?.unwrap_or_default())
}

impl Metadata {
    /// Sets the fields that a Chart.yaml or requirements.yaml holds; null items of maintainers and dependencies are told
    /// apart as `None`, because validation refuses them.
    pub(super) fn decode(&mut self, document: &Value) -> Result<NullItems, Misfit> {
        let fields = Fields::of(document)?;
        let mut name = self.name.to_string();
        fields.string("name", &mut name)?;
        self.name = name.into();
        fields.string("home", &mut self.home)?;
        fields.strings("sources", &mut self.sources)?;
        fields.string("version", &mut self.version)?;
        fields.string("description", &mut self.description)?;
        fields.strings("keywords", &mut self.keywords)?;
        fields.string("icon", &mut self.icon)?;
        fields.string("apiVersion", &mut self.api_version)?;
        fields.string("condition", &mut self.condition)?;
        fields.string("tags", &mut self.tags)?;
        fields.string("appVersion", &mut self.app_version)?;
        fields.flag("deprecated", &mut self.deprecated)?;
        fields.string("kubeVersion", &mut self.kube_version)?;
        fields.string("engine", &mut self.engine)?;
        let mut chart_type = self.chart_type.take().unwrap_or_default();
        fields.string("type", &mut chart_type)?;
        self.chart_type = Some(chart_type).filter(|chart_type| !chart_type.is_empty());
        if let Some(annotations) = fields.string_map("annotations")? {
            self.annotations.extend(annotations);
        }
        let mut nulls = NullItems::default();
        if fields.get("maintainers").is_some() {
            let mut maintainers = Vec::new();
            fields.maps("maintainers", &mut maintainers, Maintainer::decode)?;
            nulls.maintainers = maintainers.iter().any(Option::is_none);
            self.maintainers = maintainers.into_iter().flatten().collect();
        }
        if fields.get("dependencies").is_some() {
            let mut dependencies = Vec::new();
            fields.maps("dependencies", &mut dependencies, Dependency::decode)?;
            nulls.dependencies = dependencies.iter().any(Option::is_none);
            self.dependencies = dependencies.into_iter().flatten().collect();
        }
        Ok(nulls)
    }
}

impl Metadata {
    /// The text of a Chart.yaml that says this, keys sorted. A v1 chart keeps its dependencies in requirements.yaml, so they
    /// are left out.
    ///
    /// # Errors
    /// [`ChartError::Unwritable`], which does not happen for metadata that was read.
    pub fn to_yaml(&self) -> Result<String, ChartError> {
        let mut written = self.clone();
        if written.api_version == "v1" {
            written.dependencies.clear();
        }
        document::write("Chart.yaml", &written)
    }
}

/// Which lists of a Chart.yaml hold a null item.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct NullItems {
    pub(super) maintainers: bool,
    pub(super) dependencies: bool,
}

/// Somebody who keeps a chart.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Maintainer {
    /// Name or account.
    #[serde(deserialize_with = "null_is_empty", skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Address.
    #[serde(deserialize_with = "null_is_empty", skip_serializing_if = "String::is_empty")]
    pub email: String,
    /// Page.
    #[serde(deserialize_with = "null_is_empty", skip_serializing_if = "String::is_empty")]
    pub url: String,
}

impl Maintainer {
    fn decode(fields: &Fields<'_>) -> Result<Self, Misfit> {
        let mut maintainer = Maintainer::default();
        fields.string("name", &mut maintainer.name)?;
        fields.string("email", &mut maintainer.email)?;
        fields.string("url", &mut maintainer.url)?;
        Ok(maintainer)
    }
}

/// A chart that another one needs.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct Dependency {
    /// Name of the chart.
    #[serde(deserialize_with = "null_is_empty")]
    pub name: String,
    /// Version constraint, or the chosen version in a lock.
    #[serde(deserialize_with = "null_is_empty", skip_serializing_if = "String::is_empty")]
    pub version: String,
    /// Repository URL, `@name`, `alias:name`, `file://…`, `oci://…`; empty for a vendored chart.
    #[serde(deserialize_with = "null_is_empty")]
    pub repository: String,
    /// Comma list of value paths; the first that is a bool decides.
    #[serde(deserialize_with = "null_is_empty", skip_serializing_if = "String::is_empty")]
    pub condition: String,
    /// Tags; any true one enables.
    #[serde(deserialize_with = "null_is_empty", skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// Set by dependency processing.
    #[serde(deserialize_with = "null_is_empty", skip_serializing_if = "std::ops::Not::not")]
    pub enabled: bool,
    /// What to lift from the child's values into the parent's: a string, or a map with `child` and `parent`.
    #[serde(deserialize_with = "null_is_empty", skip_serializing_if = "Vec::is_empty")]
    pub import_values: Vec<Value>,
    /// Name under which the parent knows it.
    #[serde(deserialize_with = "null_is_empty", skip_serializing_if = "String::is_empty")]
    pub alias: String,
}

impl Dependency {
    /// The name under which the parent knows the chart: the alias, or else the name.
    pub fn name_in_parent(&self) -> &str {
        if self.alias.is_empty() { &self.name } else { &self.alias }
    }

    pub(super) fn decode(fields: &Fields<'_>) -> Result<Self, Misfit> {
        let mut dependency = Dependency::default();
        fields.string("name", &mut dependency.name)?;
        fields.string("version", &mut dependency.version)?;
        fields.string("repository", &mut dependency.repository)?;
        fields.string("condition", &mut dependency.condition)?;
        fields.strings("tags", &mut dependency.tags)?;
        fields.flag("enabled", &mut dependency.enabled)?;
        fields.string("alias", &mut dependency.alias)?;
        if let Some(items) = fields.items("import-values")? {
            dependency.import_values = items.into_iter().map(|(_, value)| value.clone()).collect();
        }
        Ok(dependency)
    }
}
