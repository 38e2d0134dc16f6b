//! Which subcharts take part: version ranges, aliases, tags, conditions; and what they lend to their parents
//! (import-values).
//!
//! Source of the rules: Helm 4.3.1, compared over random charts. Invariant: the chart given is not changed; the result is
//! a chart of its own whose subcharts are exactly those that take part.

use std::sync::Arc;

use super::coalesce::{self, Compat, DEEPEST_CHART, Nulls, coalesce, coalesce_keeping_nulls};
use super::error::ValuesError;
use crate::chart::{Chart, Dependency};
use crate::data::version::{Constraint, Version};
use crate::data::{Map, Value};
use crate::diag::Diagnostic;

/// A chart ready to render.
#[derive(Debug, Clone)]
pub struct Processed {
    /// The chart with the subcharts that take part, aliases and enabled marks applied, imported values in its defaults.
    pub chart: Chart,
    /// The values that its templates see.
    pub values: Map,
    /// What looked wrong and was skipped.
    pub warnings: Vec<Diagnostic>,
}

/// Processes the dependencies of a chart and fills in its values.
///
/// # Errors
/// A version range of a dependency cannot be read, the value for a subchart is not a map, or subcharts are nested too
/// deep.
pub fn process(chart: &Chart, user: &Map, compat: Compat) -> Result<Processed, ValuesError> {
    let mut warnings = Vec::new();
    let mut chart = chart.clone();
    enable(&mut chart, user, "", compat, &mut warnings, 0)
        .and_then(|()| import(&mut chart, compat, &mut warnings, 0))
        .map_err(|source| ValuesError::Dependencies { source: Box::new(source) })?;
    let values = coalesce(&chart, user, compat, &mut warnings)?;
    Ok(Processed { chart, values, warnings })
}

/// Picks the subcharts of one chart and goes on into them. `values` are the coalesced values of the parent, `prefix` is
/// the way from the root's values to this chart's.
fn enable(
    chart: &mut Chart,
    values: &Map,
    prefix: &str,
    compat: Compat,
    warnings: &mut Vec<Diagnostic>,
    depth: usize,
) -> Result<(), ValuesError> {
    if depth > DEEPEST_CHART {
        return Err(ValuesError::TooDeep { chart: chart.name().to_string(), limit: DEEPEST_CHART });
    }
    if chart.metadata.dependencies.is_empty() {
        return Ok(());
    }
    select(chart);
    let filled = coalesce(chart, values, compat, &mut Vec::new())?;
    let tags = filled.get("tags").and_then(Value::as_map);
    for dependency in &mut chart.metadata.dependencies {
        dependency.enabled = true;
        if let Some(tags) = tags {
            apply_tags(dependency, tags, warnings);
        }
        apply_condition(dependency, &filled, prefix, warnings);
    }
    let disabled: Vec<String> = chart
        .metadata
        .dependencies
        .iter()
        .filter(|dependency| !dependency.enabled)
        .map(|dependency| dependency.name.clone())
        .collect();
    chart.subcharts.retain(|subchart| !disabled.iter().any(|name| name == subchart.name()));
    chart.metadata.dependencies.retain(|dependency| dependency.enabled);
    for subchart in &mut chart.subcharts {
        let below = format!("{prefix}{}.", subchart.name());
        enable(subchart, &filled, &below, compat, warnings, depth + 1)?;
    }
    Ok(())
}

/// Replaces the subcharts by those that no dependency names, and a copy of the match for each dependency.
fn select(chart: &mut Chart) {
    let dependencies = &mut chart.metadata.dependencies;
    let mut chosen: Vec<Chart> = chart
        .subcharts
        .iter()
        .filter(|subchart| !dependencies.iter().any(|dependency| matches(dependency, subchart)))
        .cloned()
        .collect();
    for dependency in dependencies {
        let found = chart.subcharts.iter().find(|subchart| matches(dependency, subchart));
        if let Some(found) = found {
            let mut copy = found.clone();
            if !dependency.alias.is_empty() {
                copy.metadata.name = dependency.alias.as_str().into();
            }
            chosen.push(copy);
        }
        if !dependency.alias.is_empty() {
            dependency.name.clone_from(&dependency.alias);
        }
    }
    chart.subcharts = chosen;
}

/// Whether a subchart is the one that a dependency means: the name, and a version in its range.
fn matches(dependency: &Dependency, subchart: &Chart) -> bool {
    if dependency.name != subchart.name() {
        return false;
    }
    let range = Constraint::parse(&dependency.version);
    let version = Version::parse(&subchart.metadata.version);
    matches!((range, version), (Ok(range), Ok(version)) if range.check(&version))
}

/// Any tag that is true enables; otherwise any that is false disables.
fn apply_tags(dependency: &mut Dependency, tags: &Map, warnings: &mut Vec<Diagnostic>) {
    let (mut on, mut off) = (false, false);
    for tag in &dependency.tags {
        match tags.get(tag.as_str()) {
            Some(Value::Bool(true)) => on = true,
            Some(Value::Bool(false)) => off = true,
            Some(_) => warnings.push(Diagnostic::warning(format!(
                "tag {tag:?} of dependency {} has a value that is no bool",
                dependency.name
            ))),
            None => {}
        }
    }
    if off && !on {
        dependency.enabled = false;
    }
}

/// The first path of the condition that holds a bool decides, whatever the tags say. As in Helm, spaces are trimmed
/// around the whole list and not around each path, so a path after `, ` finds nothing.
fn apply_condition(dependency: &mut Dependency, values: &Map, prefix: &str, warnings: &mut Vec<Diagnostic>) {
    for path in dependency.condition.trim().split(',').filter(|path| !path.is_empty()) {
        let full = format!("{prefix}{path}");
        match lookup(values, &full) {
            Some(Value::Bool(flag)) => {
                dependency.enabled = *flag;
                return;
            }
            Some(_) => warnings.push(Diagnostic::warning(format!(
                "returned non-bool value for condition path {full:?} of dependency {}",
                dependency.name
            ))),
            None => {}
        }
    }
}

/// The value at a dotted path.
fn lookup<'v>(values: &'v Map, path: &str) -> Option<&'v Value> {
    let (parents, last) = path.rsplit_once('.').unwrap_or(("", path));
    table(values, parents)?.get(last)
}

/// The map at a dotted path; the empty path is the map itself.
fn table<'v>(values: &'v Map, path: &str) -> Option<&'v Map> {
    if path.is_empty() {
        return Some(values);
    }
    path.split('.').try_fold(values, |map, key| map.get(key)?.as_map())
}

/// As [`table`], to change it.
fn table_mut<'v>(values: &'v mut Map, path: &str) -> Option<&'v mut Map> {
    path.split('.').try_fold(values, |map, key| map.get_mut(key)?.as_map_mut())
}

/// Puts each null of what was imported earlier into the child's own table too, as Helm's merge does on the way.
fn spread_nulls(from: &Map, to: &mut Map) {
    for (key, value) in from {
        match (value, to.get_mut(key)) {
            (Value::Null, _) => {
                to.insert(Arc::clone(key), Value::Null);
            }
            (Value::Map(from), Some(Value::Map(to))) => spread_nulls(from, to),
            _ => {}
        }
    }
}

/// Lifts the values that dependencies offer into the defaults of their parents, children first.
fn import(
    chart: &mut Chart,
    compat: Compat,
    warnings: &mut Vec<Diagnostic>,
    depth: usize,
) -> Result<(), ValuesError> {
    if depth > DEEPEST_CHART {
        return Err(ValuesError::TooDeep { chart: chart.name().to_string(), limit: DEEPEST_CHART });
    }
    for subchart in &mut chart.subcharts {
        import(subchart, compat, warnings, depth + 1)?;
    }
    if chart.metadata.dependencies.is_empty() {
        return Ok(());
    }
    let mut defaults = coalesce_keeping_nulls(chart, &Map::new(), compat, &mut Vec::new())?;
    let mut imported = Map::new();
    for dependency in &mut chart.metadata.dependencies {
        // Templates and the record see each wish in its long form.
        let mut wishes = Vec::with_capacity(dependency.import_values.len());
        for wish in &dependency.import_values {
            let (source, target) = match wish {
                Value::Map(pair) => {
                    let text = |key: &str| as_go_text(pair.get(key).unwrap_or(&Value::Null));
                    (text("child"), text("parent"))
                }
                Value::Str(name) => (format!("exports.{name}"), ".".to_string()),
                _ => continue,
            };
            wishes.push(long_form(&source, &target));
            let path = format!("{}.{source}", dependency.name);
            match table_mut(&mut defaults, &path) {
                Some(found) => {
                    if let Some(earlier) = table(&imported, if target == "." { "" } else { &target }) {
                        spread_nulls(earlier, found);
                    }
                    let lifted = nested(&target, found.clone());
                    coalesce::fill_table(&mut imported, &lifted, Nulls::keep(compat), &mut Vec::new());
                }
                None => warnings.push(Diagnostic::warning(format!(
                    "ImportValues missing table from chart {}: {path:?} is not a table",
                    dependency.name
                ))),
            }
        }
        dependency.import_values = wishes;
    }
    coalesce::fill_table(&mut defaults, &imported, Nulls::keep(compat), &mut Vec::new());
    chart.values = Value::Map(defaults);
    Ok(())
}

/// A wish as the pair of paths that it stands for.
fn long_form(child: &str, parent: &str) -> Value {
    Value::from_iter([("child", Value::str(child)), ("parent", Value::str(parent))])
}

/// A value as Go prints it where a path was meant: a missing one is the path `<nil>`.
fn as_go_text(value: &Value) -> String {
    match value {
        Value::Null => "<nil>".to_string(),
        Value::Bool(flag) => flag.to_string(),
        Value::SetInt(number) => number.to_string(),
        Value::Int(number) => coalesce::short_float(*number as f64),
        Value::Uint(number) => coalesce::short_float(*number as f64),
        Value::Float(number) => coalesce::short_float(*number),
        Value::Str(text) => text.to_string(),
        Value::List(items) => {
            format!("[{}]", items.iter().map(as_go_text).collect::<Vec<_>>().join(" "))
        }
        Value::Map(map) => {
            let mut members: Vec<_> = map.iter().collect();
            members.sort_by_key(|(key, _)| Arc::clone(key));
            let member = |(key, value): &(&Arc<str>, &Value)| format!("{key}:{}", as_go_text(value));
            format!("map[{}]", members.iter().map(member).collect::<Vec<_>>().join(" "))
        }
    }
}

/// The map put at a dotted path; `.` is the root.
fn nested(path: &str, map: Map) -> Map {
    if path == "." {
        return map;
    }
    path.rsplit('.').fold(map, |inner, key| Map::from_iter([(Arc::from(key), Value::Map(inner))]))
}
