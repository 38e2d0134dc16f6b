//! One chart version of an index, and how it is read and checked.
//!
//! Reading is lenient where Helm is strict without need: unknown keys are skipped, `null` is an absent field, and a
//! number where text belongs (`appVersion: 1.10`) is its text. A bad entry costs that entry, never the index.

use std::sync::Arc;

use indexmap::IndexMap;
use serde::Deserialize;

use crate::chart::{Dependency, Maintainer, Metadata};
use crate::data::version::Version;
use crate::data::{Map, Value, to_value};

/// A chart version that a repository offers.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The chart's Chart.yaml.
    pub metadata: Metadata,
    /// Where the archive is: absolute, or relative to the repository. The first counts.
    pub urls: Vec<String>,
    /// When the entry was made, RFC 3339; empty when unknown.
    pub created: String,
    /// Whether the archive is gone.
    pub removed: bool,
    /// SHA-256 of the archive in hex digits; empty when unknown.
    pub digest: String,
    /// `metadata.version`, parsed.
    pub version: Version,
}

impl Entry {
    /// The entry as a mapping with its keys in the order in which Helm's JSON has them; annotations are sorted.
    ///
    /// # Errors
    /// An import-values item holds something that JSON cannot say.
    pub fn to_value(&self) -> Result<Value, serde_json::Error> {
        let mut map = match to_value(&self.metadata)? {
            Value::Map(map) => map,
            _ => Map::new(),
        };
        if let Some(annotations) = map.get_mut("annotations").and_then(Value::as_map_mut) {
            annotations.sort_unstable_keys();
        }
        map.insert(
            "urls".into(),
            self.urls.iter().map(|url| Value::str(url.as_str())).collect::<Vec<_>>().into(),
        );
        map.insert("created".into(), Value::str(self.created.as_str()));
        if self.removed {
            map.insert("removed".into(), Value::Bool(true));
        }
        if !self.digest.is_empty() {
            map.insert("digest".into(), Value::str(self.digest.as_str()));
        }
        Ok(Value::Map(map))
    }
}

/// An entry with its numbers and booleans as text, as far as text belongs there.
pub(super) fn numbers_as_text(mut entry: Value) -> Value {
    if let Some(fields) = entry.as_map_mut() {
        for (key, value) in fields.iter_mut().filter(|(key, _)| !matches!(&***key, "deprecated" | "removed"))
        {
            if key.as_ref() == "annotations" {
                value.as_map_mut().into_iter().flat_map(|map| map.values_mut()).for_each(scalar_as_text);
            } else {
                scalar_as_text(value);
            }
        }
    }
    entry
}

fn scalar_as_text(value: &mut Value) {
    let text = match value {
        Value::Bool(flag) => flag.to_string(),
        Value::Int(number) | Value::SetInt(number) => number.to_string(),
        Value::Uint(number) => number.to_string(),
        Value::Float(number) => number.to_string(),
        _ => return,
    };
    *value = Value::str(text);
}

/// An entry as written: everything may be missing or null.
#[derive(Debug, Deserialize, Default)]
#[serde(default, rename_all = "camelCase", expecting = "a chart version (a map)")]
pub(super) struct Raw {
    pub(super) name: Option<String>,
    pub(super) home: Option<String>,
    pub(super) sources: Option<Vec<Option<String>>>,
    pub(super) version: Option<String>,
    pub(super) description: Option<String>,
    pub(super) keywords: Option<Vec<Option<String>>>,
    pub(super) maintainers: Option<Vec<Option<RawMaintainer>>>,
    pub(super) icon: Option<String>,
    pub(super) api_version: Option<String>,
    pub(super) condition: Option<String>,
    pub(super) tags: Option<String>,
    pub(super) app_version: Option<String>,
    pub(super) deprecated: Option<bool>,
    pub(super) annotations: Option<IndexMap<String, Option<String>>>,
    pub(super) kube_version: Option<String>,
    pub(super) dependencies: Option<Vec<Option<RawDependency>>>,
    #[serde(rename = "type")]
    pub(super) chart_type: Option<String>,
    pub(super) engine: Option<String>,
    pub(super) urls: Option<Vec<Option<String>>>,
    pub(super) created: Option<String>,
    pub(super) removed: Option<bool>,
    pub(super) digest: Option<String>,
}

#[derive(Debug, Deserialize, Default)]
#[serde(default, expecting = "a maintainer (a map)")]
pub(super) struct RawMaintainer {
    pub(super) name: Option<String>,
    pub(super) email: Option<String>,
    pub(super) url: Option<String>,
}

#[derive(Debug, Deserialize, Default)]
#[serde(default, rename_all = "kebab-case")]
pub(super) struct RawDependency {
    pub(super) name: Option<String>,
    pub(super) version: Option<String>,
    pub(super) repository: Option<String>,
    pub(super) condition: Option<String>,
    pub(super) tags: Option<Vec<Option<String>>>,
    pub(super) enabled: Option<bool>,
    pub(super) import_values: Option<Vec<Value>>,
    pub(super) alias: Option<String>,
}

fn present(items: Option<Vec<Option<String>>>) -> Vec<String> {
    items.unwrap_or_default().into_iter().flatten().collect()
}

/// Text as Helm cleans it in metadata: white space becomes a space, what cannot be printed goes.
fn clean(text: Option<String>) -> String {
    let text = text.unwrap_or_default();
    if text.bytes().all(|b| matches!(b, b' '..=b'~'))
        || !text.contains(|c: char| c.is_control() || (c.is_whitespace() && c != ' '))
    {
        return text;
    }
    let visible = text.chars().map(|c| if c.is_whitespace() { ' ' } else { c });
    visible.filter(|c| !c.is_control()).collect()
}

impl Raw {
    /// The checked entry.
    ///
    /// # Errors
    /// Helm's text for what is wrong with it.
    pub(super) fn check(self) -> Result<Entry, String> {
        let invalid = |what: &str| Err(format!("validation: {what}"));
        let name = clean(self.name);
        if name.is_empty() {
            return invalid("chart.metadata.name is required");
        }
        if name == "." || name == ".." || name.contains(['/', '\\']) {
            return invalid(&format!("chart.metadata.name {name:?} is invalid"));
        }
        let text = clean(self.version);
        if text.is_empty() {
            return invalid("chart.metadata.version is required");
        }
        let Ok(version) = Version::parse(&text) else {
            return invalid(&format!("chart.metadata.version {text:?} is invalid"));
        };
        if !matches!(self.chart_type.as_deref(), None | Some("" | "application" | "library")) {
            return invalid("chart.metadata.type must be application or library");
        }
        let mut maintainers = Vec::new();
        for maintainer in self.maintainers.unwrap_or_default() {
            let Some(raw) = maintainer else {
                return invalid("maintainers must not contain empty or null nodes");
            };
            maintainers.push(Maintainer {
                name: clean(raw.name),
                email: clean(raw.email),
                url: clean(raw.url),
            });
        }
        let mut dependencies = Vec::new();
        for dependency in self.dependencies.unwrap_or_default() {
            let Some(raw) = dependency else {
                return invalid("dependencies must not contain empty or null nodes");
            };
            dependencies.push(Dependency {
                name: clean(raw.name),
                version: clean(raw.version),
                repository: clean(raw.repository),
                condition: clean(raw.condition),
                tags: present(raw.tags),
                enabled: raw.enabled.unwrap_or_default(),
                import_values: raw.import_values.unwrap_or_default(),
                alias: clean(raw.alias),
            });
        }
        let annotations = self.annotations.map(|annotations| {
            annotations.into_iter().map(|(key, text)| (key, text.unwrap_or_default())).collect()
        });
        let metadata = Metadata {
            name: Arc::from(name),
            home: clean(self.home),
            sources: present(self.sources),
            version: text,
            description: clean(self.description),
            keywords: present(self.keywords),
            maintainers,
            icon: clean(self.icon),
            // An index may leave it out; Chart.yaml of that time had none either.
            api_version: Some(clean(self.api_version)).filter(|text| !text.is_empty()).unwrap_or("v1".into()),
            condition: clean(self.condition),
            tags: clean(self.tags),
            app_version: clean(self.app_version),
            deprecated: self.deprecated.unwrap_or_default(),
            annotations,
            kube_version: clean(self.kube_version),
            dependencies,
            chart_type: self.chart_type.filter(|kind| !kind.is_empty()),
            engine: clean(self.engine),
        };
        Ok(Entry {
            metadata,
            urls: present(self.urls),
            created: self.created.unwrap_or_default(),
            removed: self.removed.unwrap_or_default(),
            digest: self.digest.unwrap_or_default(),
            version,
        })
    }
}
