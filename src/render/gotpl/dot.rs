//! What `.` holds: `.Values`, `.Chart`, `.Release`, `.Capabilities`, `.Files`, `.Subcharts`, `.Template`.
//!
//! Invariant: a chart has one dot for all its templates, and a subchart's values are the part of its parent's that it
//! shows, so a template that changes them is seen by the templates after it, as in Helm.

use std::sync::Arc;

use crate::chart::{Chart, Dependency};
use crate::data::Value;
use crate::gotpl::{ANY_MAP, Map, STRING_MAP, Val};
use crate::render::{Capabilities, ReleaseInfo, Scope};

use super::values_type::VALUES;
use super::{capabilities, files};

/// The dots of all charts, by index of their scope.
pub(super) fn all(scopes: &[Scope<'_>], release: &ReleaseInfo, capabilities: &Capabilities) -> Vec<Map> {
    let release = release_value(release);
    let capabilities = capabilities::value(capabilities);
    let mut dots: Vec<Map> = Vec::with_capacity(scopes.len());
    for scope in scopes {
        let values = match scope.parent.and_then(|parent| dots.get(parent)) {
            None => own_values(scope),
            Some(parent) => part_of(parent, scope.chart.name()),
        };
        let subcharts = Map::new();
        let dot: Map = [
            ("Values", Val::Map(values)),
            ("Chart", chart_value(scope.chart, scope.parent.is_none())),
            ("Release", release.clone()),
            ("Capabilities", capabilities.clone()),
            ("Files", files::value(scope.chart)),
            ("Subcharts", Val::Map(subcharts)),
        ]
        .into_iter()
        .collect();
        if let Some(parent) = scope.parent.and_then(|parent| dots.get(parent))
            && let Some(Val::Map(siblings)) = parent.get("Subcharts")
        {
            put(&siblings, scope.chart.name(), Val::Map(dot.clone()));
        }
        dots.push(dot);
    }
    dots
}

/// Sets `.Template` for the file that is executed next.
pub(super) fn set_template(dot: &Map, name: &Arc<str>, chart_path: &str) {
    let entries = [
        ("Name".into(), Val::str(Arc::clone(name))),
        ("BasePath".into(), Val::str(format!("{chart_path}/templates"))),
    ];
    put(dot, "Template", Val::Map(Map::typed(&VALUES, entries.into_iter().collect())));
}

/// Inserts into a map that was made here.
fn put(map: &Map, key: &str, value: Val) {
    // Only nil maps refuse, and none is made here.
    let _ = map.insert(key, value);
}

fn own_values(scope: &Scope<'_>) -> Map {
    match scope.values.map(Val::from_data) {
        Some(Val::Map(map)) => map.retyped(&VALUES),
        _ => Map::new().retyped(&VALUES),
    }
}

/// The values of a subchart: the same map that its parent sees under its name.
fn part_of(parent: &Map, name: &str) -> Map {
    match parent.get("Values") {
        Some(Val::Map(values)) => match values.get(name) {
            Some(Val::Map(part)) => part.retyped(&VALUES),
            _ => Map::new().retyped(&VALUES),
        },
        _ => Map::new().retyped(&VALUES),
    }
}

fn release_value(release: &ReleaseInfo) -> Val {
    Val::map([
        ("Name", Val::str(release.name.as_str())),
        ("Namespace", Val::str(release.namespace.as_str())),
        ("Revision", Val::Int(i64::from(release.revision))),
        ("IsInstall", Val::Bool(release.is_install)),
        ("IsUpgrade", Val::Bool(release.is_upgrade)),
        ("Service", Val::str(release.service)),
    ])
}

fn text(value: &str) -> Val {
    Val::str(value)
}

fn texts(items: &[String]) -> Val {
    Val::list(items.iter().map(|item| text(item)).collect())
}

/// Chart.yaml as a map with Go's field names.
fn chart_value(chart: &Chart, is_root: bool) -> Val {
    let metadata = &chart.metadata;
    let maintainers = metadata.maintainers.iter().map(|maintainer| {
        Val::map([
            ("Name", text(&maintainer.name)),
            ("Email", text(&maintainer.email)),
            ("URL", text(&maintainer.url)),
        ])
    });
    let annotations = metadata.annotations.as_ref().map_or_else(
        || Map::nil(&STRING_MAP),
        |annotations| {
            let entries = annotations.iter().map(|(key, value)| (key.as_str().into(), text(value)));
            Map::typed(&STRING_MAP, entries.collect())
        },
    );
    Val::map([
        ("APIVersion", text(&metadata.api_version)),
        ("Annotations", Val::Map(annotations)),
        ("AppVersion", text(&metadata.app_version)),
        ("Condition", text(&metadata.condition)),
        ("Dependencies", Val::list(metadata.dependencies.iter().map(dependency).collect())),
        ("Deprecated", Val::Bool(metadata.deprecated)),
        ("Description", text(&metadata.description)),
        ("Home", text(&metadata.home)),
        ("Icon", text(&metadata.icon)),
        ("IsRoot", Val::Bool(is_root)),
        ("Keywords", texts(&metadata.keywords)),
        ("KubeVersion", text(&metadata.kube_version)),
        ("Maintainers", Val::list(maintainers.collect())),
        ("Name", text(&metadata.name)),
        ("Sources", texts(&metadata.sources)),
        ("Tags", text(&metadata.tags)),
        ("Type", text(metadata.chart_type.as_deref().unwrap_or(""))),
        ("Version", text(&metadata.version)),
    ])
}

fn dependency(dependency: &Dependency) -> Val {
    let imports: Vec<Val> = dependency.import_values.iter().map(import).collect();
    Val::map([
        ("Alias", text(&dependency.alias)),
        ("Condition", text(&dependency.condition)),
        ("Enabled", Val::Bool(dependency.enabled)),
        ("ImportValues", Val::list(imports)),
        ("Name", text(&dependency.name)),
        ("Repository", text(&dependency.repository)),
        ("Tags", texts(&dependency.tags)),
        ("Version", text(&dependency.version)),
    ])
}

fn import(value: &Value) -> Val {
    match Val::from_data(value) {
        Val::Map(map) => Val::Map(map.retyped(&ANY_MAP)),
        other => other,
    }
}
