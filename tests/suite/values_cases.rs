//! Values handling over case files: arguments of the `--set` family, layers, defaults, subcharts, schemas.
//!
//! The cases below tests/cases/set and tests/cases/values are one JSON object per line; what they want was printed by
//! Helm 4.3.1. The conformance vectors are tried too when they are there.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bowline::chart::{Chart, Dependency, Metadata};
use bowline::data::version::{Constraint, Version};
use bowline::data::{Map, Value, from_value};
use bowline::diag::SourceFile;
use bowline::values::{Compat, Layers, Provenance, process, schema};

/// All cases of a folder: the place they stand at, and the object.
fn cases(folder: &str) -> Vec<(String, Value)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases").join(folder);
    let mut paths: Vec<PathBuf> =
        std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let mut found = Vec::new();
    for path in paths {
        let text = std::fs::read_to_string(&path).unwrap();
        for (number, line) in text.lines().enumerate() {
            let place = format!("{}:{}", path.file_name().unwrap().to_string_lossy(), number + 1);
            found.push((place, serde_json::from_str(line).unwrap()));
        }
    }
    found
}

/// The value as JSON with sorted keys, numbers as Helm's JSON shows them.
fn sorted(value: &Value) -> Value {
    match value {
        Value::Map(map) => {
            let mut keys: Vec<_> = map.keys().collect();
            keys.sort();
            Value::Map(keys.into_iter().map(|key| (Arc::clone(key), sorted(&map[key]))).collect())
        }
        Value::List(items) => Value::List(items.iter().map(sorted).collect()),
        Value::SetInt(number) => Value::Int(*number),
        Value::Float(number) if number.fract() == 0.0 && number.abs() < 1e15 => Value::Int(*number as i64),
        other => other.clone(),
    }
}

fn json(value: &Value) -> String {
    serde_json::to_string(&sorted(value)).unwrap()
}

fn strings(value: Option<&Value>) -> Vec<String> {
    let items = value.and_then(Value::as_list).unwrap_or_default();
    items.iter().map(|item| item.as_str().unwrap().to_string()).collect()
}

/// The files that `--set-file` finds in these cases.
fn read(path: &str) -> Result<String, String> {
    match path {
        "f1" => Ok("hello\nworld\n".to_string()),
        "f2" => Ok("two".to_string()),
        "f,3" => Ok("a,b".to_string()),
        other => Err(format!("open {other}: no such file or directory")),
    }
}

/// The layers of a case: `values` is a file in JSON, `files` are texts named values0.yaml and so on.
fn layers(case: &Value) -> Layers {
    let args = strings(case.get("args"));
    let mut layers = Layers::default();
    if let Some(values) = case.get("values") {
        layers.files.push(SourceFile::new("values.yaml", serde_json::to_string(values).unwrap()));
    }
    for (number, text) in strings(case.get("files")).into_iter().enumerate() {
        layers.files.push(SourceFile::new(format!("values{number}.yaml"), text));
    }
    for pair in args.chunks(2) {
        let list = match pair[0].as_str() {
            "--set" => &mut layers.set,
            "--set-string" => &mut layers.string,
            "--set-file" => &mut layers.file,
            "--set-json" => &mut layers.json,
            "--set-literal" => &mut layers.literal,
            other => panic!("unknown flag {other}"),
        };
        list.push(pair[1].clone());
    }
    layers
}

/// Compares an outcome with the `want` or `error` of a case; the text of the difference, if there is one.
fn difference(case: &Value, outcome: Result<Value, String>) -> Option<String> {
    let found = match &outcome {
        Ok(value) => json(value),
        Err(error) => format!("error: {error}"),
    };
    let wanted = match (case.get("want"), case.get("error").and_then(Value::as_str)) {
        (Some(want), _) => json(want),
        (None, Some(error)) => format!("error: {error}"),
        (None, None) => panic!("a case wants something"),
    };
    if found.trim_end() == wanted.trim_end() {
        return None;
    }
    let mut paths = Vec::new();
    if let (Some(want), Ok(found)) = (case.get("want"), &outcome) {
        differing(want, found, "", &mut paths);
        return Some(paths.join("\n"));
    }
    Some(format!("wanted {wanted}\n found {found}"))
}

/// The innermost paths at which two values differ, with both sides.
fn differing(want: &Value, found: &Value, path: &str, out: &mut Vec<String>) {
    match (want, found) {
        (Value::Map(a), Value::Map(b)) => {
            for key in a.keys().chain(b.keys().filter(|key| !a.contains_key(*key))) {
                let path = format!("{path}/{key}");
                match (a.get(key), b.get(key)) {
                    (Some(a), Some(b)) => differing(a, b, &path, out),
                    (Some(a), None) => out.push(format!("{path}: wanted {}, found nothing", json(a))),
                    (_, b) => {
                        out.push(format!("{path}: wanted nothing, found {}", b.map(json).unwrap_or_default()))
                    }
                }
            }
        }
        (a, b) if json(a) != json(b) => {
            out.push(format!("{path}: wanted {}, found {}", json(a), json(b)));
        }
        _ => {}
    }
}

fn report(what: &str, total: usize, failures: &[String]) {
    assert!(
        failures.is_empty(),
        "{what}: {} of {total} cases differ:\n{}",
        failures.len(),
        failures.join("\n")
    );
    assert!(total > 0, "{what}: no cases");
}

#[test]
fn set_arguments_do_what_helm_does() {
    let cases = cases("set");
    let mut failures = Vec::new();
    for (place, case) in &cases {
        let layers = layers(case);
        let mut provenance = Provenance::default();
        let outcome =
            layers.merge(&mut read, Some(&mut provenance)).map(Value::Map).map_err(|error| error.to_string());
        if let Some(difference) = difference(case, outcome) {
            failures.push(format!("{place} {:?}\n{difference}", strings(case.get("args"))));
        }
    }
    report("set", cases.len(), &failures);
}

/// Builds a chart from `{name, version, dependencies, values, charts}`.
fn chart(spec: &Value) -> Chart {
    let text = |key: &str| spec.get(key).and_then(Value::as_str).unwrap_or_default();
    let dependencies: Vec<Dependency> =
        spec.get("dependencies").map(|list| from_value(list).unwrap()).unwrap_or_default();
    let mut subcharts: Vec<Chart> =
        spec.get("charts").and_then(Value::as_list).unwrap_or_default().iter().map(chart).collect();
    subcharts.sort_by(|a, b| a.name().cmp(b.name()));
    Chart {
        metadata: Metadata {
            name: text("name").into(),
            version: text("version").to_string(),
            api_version: "v2".to_string(),
            dependencies,
            ..Metadata::default()
        },
        chart_yaml: SourceFile::new("Chart.yaml", ""),
        lock: None,
        values: spec.get("values").cloned().unwrap_or_else(Value::map),
        values_yaml: None,
        schema: spec.get("schema").map(|schema| serde_json::to_vec(schema).unwrap().into()),
        templates: Vec::new(),
        files: Vec::new(),
        raw: Vec::new(),
        subcharts,
    }
}

/// What a case's template prints: the values, the subcharts and the dependencies.
fn shown(chart: &Chart, values: Map) -> Value {
    let mut names: Vec<&str> = chart.subcharts.iter().map(Chart::name).collect();
    names.sort_unstable();
    let names = names.into_iter().map(Value::from).collect::<Vec<_>>();
    let dependencies: Vec<Value> =
        chart.metadata.dependencies.iter().map(|dependency| Value::from(dependency.name.as_str())).collect();
    Value::from_iter([
        ("values", Value::Map(values)),
        ("subcharts", Value::List(names)),
        ("dependencies", Value::List(dependencies)),
    ])
}

#[test]
fn subcharts_and_defaults_come_out_as_in_helm() {
    let cases = cases("values");
    let mut failures = Vec::new();
    for (place, case) in &cases {
        let chart = chart(case.get("chart").unwrap());
        let user = case.get("user").and_then(Value::as_map).cloned().unwrap_or_default();
        let outcome = process(&chart, &user, Compat::Helm4)
            .map(|done| shown(&done.chart, done.values))
            .map_err(|error| error.to_string());
        if let Some(difference) = difference(case, outcome) {
            failures.push(format!(
                "{place}\n chart {}\n user {}\n{difference}",
                json(case.get("chart").unwrap()),
                json(&Value::Map(user))
            ));
        }
    }
    report("values", cases.len(), &failures);
}

/// Helm walks properties in random order, so the lines of a report are compared as a set.
fn line_set(text: &str) -> Vec<&str> {
    let mut lines: Vec<&str> = text.trim_end().lines().collect();
    lines.sort_unstable();
    lines
}

#[test]
fn schemas_are_enforced_in_helms_words() {
    let cases = cases("schema");
    let mut failures = Vec::new();
    for (place, case) in &cases {
        let chart = chart(case.get("chart").unwrap());
        let user = case.get("user").and_then(Value::as_map).cloned().unwrap_or_default();
        let done = process(&chart, &user, Compat::Helm4).unwrap();
        let found = schema::validate(&done.chart, &done.values, None, None)
            .err()
            .map(|error| error.to_string())
            .unwrap_or_default();
        let wanted = case.get("error").and_then(Value::as_str).unwrap_or_default();
        // Some texts are known to differ; such a case says why, and wants an error of some text.
        let fits = match case.get("deviates") {
            Some(_) => !found.is_empty() && line_set(&found) != line_set(wanted),
            None => line_set(&found) == line_set(wanted),
        };
        if !fits {
            failures.push(format!("{place} {}\nwanted {wanted}\n found {found}", json(case)));
        }
    }
    report("schema", cases.len(), &failures);
}
