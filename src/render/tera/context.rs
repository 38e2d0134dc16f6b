//! What Tera templates see of a job.
//!
//! Invariant: a chart sees its own values, metadata and files, never those of the chart above it, but for `global`.

use std::sync::Arc;

use tera::value::Key;
use tera::{Context, Map, Value};

use super::super::{Job, Scope};
use super::convert::to_tera;
use crate::chart::{ChartFile, Metadata};

/// What contexts are made from.
pub(super) struct Source<'a> {
    scopes: &'a [Scope<'a>],
    release: Value,
    capabilities: Value,
}

fn map(entries: impl IntoIterator<Item = (&'static str, Value)>) -> Value {
    entries.into_iter().map(|(key, value)| (Key::Str(key), value)).collect::<Map>().into()
}

fn text(text: &str) -> Value {
    Value::normal_string(text)
}

fn texts(list: &[String]) -> Value {
    list.iter().map(|item| text(item)).collect::<Vec<_>>().into()
}

impl<'a> Source<'a> {
    /// What is the same for all charts.
    pub fn new(job: &Job, scopes: &'a [Scope<'a>]) -> Self {
        let release = map([
            ("name", text(&job.release.name)),
            ("namespace", text(&job.release.namespace)),
            ("is_install", job.release.is_install.into()),
            ("is_upgrade", job.release.is_upgrade.into()),
            ("revision", job.release.revision.into()),
            ("service", text(job.release.service)),
        ]);
        let kube = &job.capabilities.kube_version;
        let helm = &job.capabilities.helm_version;
        let capabilities = map([
            (
                "kube_version",
                map([
                    ("version", text(&kube.version)),
                    ("major", text(&kube.major)),
                    ("minor", text(&kube.minor)),
                    ("git_version", text(&kube.version)),
                ]),
            ),
            ("api_versions", texts(&job.capabilities.api_versions)),
            (
                "helm_version",
                map([
                    ("version", text(&helm.version)),
                    ("git_commit", text(&helm.git_commit)),
                    ("git_tree_state", text(&helm.git_tree_state)),
                    ("go_version", text(&helm.go_version)),
                    ("kube_client_version", text(&helm.kube_client_version)),
                ]),
            ),
        ]);
        Source { scopes, release, capabilities }
    }

    /// The path of a chart in the tree.
    pub fn path(&self, scope: usize) -> &str {
        self.scopes.get(scope).map_or("", |scope| &scope.path)
    }

    /// What the templates of each chart see, `template` left out. Files are only put in when something reads them.
    pub fn charts(&self, with_files: bool) -> Vec<Map> {
        let mut charts: Vec<Map> = vec![Map::new(); self.scopes.len()];
        // Children have larger indexes, so they are complete before their parents.
        for (index, scope) in self.scopes.iter().enumerate().rev() {
            let subcharts: Map = scope
                .children
                .iter()
                .filter(|_| with_files)
                .filter_map(|child| Some((*child, self.scopes.get(*child)?)))
                .map(|(child, scope)| {
                    let name = Key::String(Arc::from(scope.chart.name()));
                    (name, charts.get(child).cloned().unwrap_or_default().into())
                })
                .collect();
            let files: Map = scope
                .chart
                .files
                .iter()
                .filter(|_| with_files)
                .map(|file| (Key::String(Arc::clone(&file.path)), content(file)))
                .collect();
            let values = scope.values.map_or_else(|| Map::new().into(), to_tera);
            let entries = [
                ("values", values),
                ("release", self.release.clone()),
                ("chart", metadata(&scope.chart.metadata, scope.parent.is_none())),
                ("capabilities", self.capabilities.clone()),
                ("files", files.into()),
                ("subcharts", subcharts.into()),
            ];
            if let Some(chart) = charts.get_mut(index) {
                chart.extend(entries.map(|(key, value)| (Key::Str(key), value)));
            }
        }
        charts
    }
}

/// The context of one template.
pub(super) fn with_template(chart: &Map, path: &str, name: &str) -> Context {
    let mut context = Context::new();
    for (key, value) in chart {
        if let Key::Str(key) = key {
            context.insert_value(*key, value.clone());
        }
    }
    let base = format!("{path}/templates");
    context.insert_value("template", map([("name", text(name)), ("base_path", text(&base))]));
    context
}

/// A file of a chart: text, or bytes when it is none.
fn content(file: &ChartFile) -> Value {
    match std::str::from_utf8(&file.data) {
        Ok(found) => text(found),
        Err(_) => Value::bytes(file.data.to_vec()),
    }
}

fn metadata(metadata: &Metadata, is_root: bool) -> Value {
    let maintainers: Vec<Value> = metadata
        .maintainers
        .iter()
        .map(|person| {
            map([("name", text(&person.name)), ("email", text(&person.email)), ("url", text(&person.url))])
        })
        .collect();
    let dependencies: Vec<Value> = metadata
        .dependencies
        .iter()
        .map(|dependency| {
            map([
                ("name", text(&dependency.name)),
                ("version", text(&dependency.version)),
                ("repository", text(&dependency.repository)),
                ("condition", text(&dependency.condition)),
                ("tags", texts(&dependency.tags)),
                ("enabled", dependency.enabled.into()),
                ("alias", text(&dependency.alias)),
            ])
        })
        .collect();
    let annotations: Map = metadata
        .annotations
        .iter()
        .flatten()
        .map(|(key, value)| (Key::String(Arc::from(key.as_str())), text(value)))
        .collect();
    map([
        ("name", text(&metadata.name)),
        ("version", text(&metadata.version)),
        ("app_version", text(&metadata.app_version)),
        ("description", text(&metadata.description)),
        ("api_version", text(&metadata.api_version)),
        ("kube_version", text(&metadata.kube_version)),
        ("type", text(metadata.chart_type.as_deref().unwrap_or(""))),
        ("home", text(&metadata.home)),
        ("icon", text(&metadata.icon)),
        ("sources", texts(&metadata.sources)),
        ("keywords", texts(&metadata.keywords)),
        ("maintainers", maintainers.into()),
        ("dependencies", dependencies.into()),
        ("annotations", annotations.into()),
        ("condition", text(&metadata.condition)),
        ("tags", text(&metadata.tags)),
        ("deprecated", metadata.deprecated.into()),
        ("engine", text(&metadata.engine)),
        ("is_root", is_root.into()),
    ])
}
