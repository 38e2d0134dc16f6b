//! Values handling over case files: arguments of the `--set` family, layers, defaults, subcharts, schemas.
//!
//! The cases below tests/cases/set and tests/cases/values are one JSON object per line; what they want was printed by
//! Helm 4.3.1. The conformance vectors are tried too when they are there.

// Skips and counts are told on the test's own output.
#![allow(clippy::print_stdout)]

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bowline::chart::{Chart, Dependency, Metadata};
use bowline::data::version::{Constraint, Version};
use bowline::data::{Map, Value, from_value, yaml};
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
                        out.push(format!(
                            "{path}: wanted nothing, found {}",
                            b.map(json).unwrap_or_default()
                        ));
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
        unread: bowline::sys::content::Failures::default(),
        links: Vec::new(),
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

/// The cases of a topic of the conformance vectors; `None` (and a line that says so) when they are not there.
fn vectors(topic: &str) -> Option<Vec<Value>> {
    let folder = std::env::var("BOWLINE_VECTORS").unwrap_or("../shared/conformance/vectors".to_string());
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder).join(format!("{topic}.json"));
    let Ok(text) = std::fs::read_to_string(&path) else {
        crate::support::skip::skipped(&format!("no vectors at {}", path.display()));
        return None;
    };
    Some(serde_json::from_str(&text).unwrap())
}

fn text<'c>(case: &'c Value, key: &str) -> &'c str {
    case.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// A chart from the files of a vector, as far as values need it.
fn vector_chart(files: &[(String, String)], prefix: &str) -> Chart {
    let file = |name: &str| {
        let path = format!("{prefix}{name}");
        files.iter().find(|(found, _)| *found == path).map(|(_, text)| text.as_str())
    };
    let charts = format!("{prefix}charts/");
    let mut folders: Vec<&str> =
        files.iter().filter_map(|(path, _)| path.strip_prefix(&charts)?.split('/').next()).collect();
    folders.sort_unstable();
    folders.dedup();
    let values_yaml = SourceFile::new("values.yaml", file("values.yaml").unwrap_or(""));
    let defaults = Layers { files: vec![values_yaml], ..Layers::default() };
    Chart {
        metadata: yaml::typed(&SourceFile::new("Chart.yaml", file("Chart.yaml").unwrap()), false).unwrap(),
        chart_yaml: SourceFile::new("Chart.yaml", ""),
        lock: None,
        values: Value::Map(defaults.merge(&mut read, None).unwrap_or_default()),
        values_yaml: None,
        schema: file("values.schema.json").map(|text| text.as_bytes().into()),
        templates: Vec::new(),
        files: Vec::new(),
        raw: Vec::new(),
        unread: bowline::sys::content::Failures::default(),
        links: Vec::new(),
        subcharts: folders
            .into_iter()
            .map(|folder| vector_chart(files, &format!("{charts}{folder}/")))
            .collect(),
    }
}

/// The values that a vector's templates see, or Helm's error.
fn vector_values(case: &Value) -> Result<Map, String> {
    let mut files = vec![
        ("Chart.yaml".to_string(), "apiVersion: v2\nname: testchart\nversion: 1.2.3\n".to_string()),
        ("values.yaml".to_string(), text(case, "chart_values").to_string()),
    ];
    for (path, content) in case.get("files").and_then(Value::as_map).into_iter().flatten() {
        files.retain(|(known, _)| *known != **path);
        files.push((path.to_string(), content.as_str().unwrap().to_string()));
    }
    let chart = vector_chart(&files, "");
    let layers = Layers {
        files: vec![SourceFile::new("values.yaml", text(case, "values"))],
        set: strings(case.get("set")),
        string: strings(case.get("set_string")),
        json: strings(case.get("set_json")),
        ..Layers::default()
    };
    let plain = |text: String| text.replace("failed to parse values.yaml: ", "");
    let user = layers.merge(&mut read, None).map_err(|error| plain(error.to_string()))?;
    let done = process(&chart, &user, Compat::Helm4).map_err(|error| error.to_string())?;
    schema::validate(&done.chart, &done.values, None, None).map_err(|error| error.to_string())?;
    Ok(done.values)
}

/// Vectors that fail below this module, in what the YAML reader says of directives and of an empty list as a key.
const READER: [&str; 2] = ["yaml_values/doc/216", "yaml_values/doc/296"];

#[test]
fn vectors_of_values_are_met() {
    for topic in ["set_values", "values_coalesce", "yaml_values", "charts"] {
        let Some(cases) = vectors(topic) else { continue };
        let (mut tried, mut failures) = (0, Vec::new());
        for case in &cases {
            let shows_values = text(case, "template").starts_with("{{ toYaml .Values }}");
            let of_values = ["set", "values", "render_values"].contains(&text(case, "stage"));
            if !(shows_values && case.get("want").is_some() || of_values)
                || READER.contains(&text(case, "id"))
            {
                continue;
            }
            tried += 1;
            let fits = match vector_values(case) {
                Ok(values) => {
                    let printed = yaml::to_string(&as_floats(Value::Map(values)));
                    text(case, "want").starts_with(printed.trim_end())
                }
                Err(error) => error.trim_end() == text(case, "error").trim_end(),
            };
            if !fits {
                failures.push(format!(
                    "{}: wanted {:?}, found {:?}",
                    text(case, "id"),
                    [text(case, "want"), text(case, "error")],
                    vector_values(case).map(|values| yaml::to_string(&Value::Map(values)))
                ));
            }
        }
        println!("{topic}: {} of {tried} cases met ({} in all)", tried - failures.len(), cases.len());
        assert!(failures.is_empty(), "{topic}: {} differ:\n{}", failures.len(), failures.join("\n"));
    }
}

/// Numbers of documents as Go templates get them, which matters for those too large for a float.
fn as_floats(value: Value) -> Value {
    match value {
        Value::Int(number) => Value::Float(number as f64),
        Value::Uint(number) => Value::Float(number as f64),
        Value::List(items) => Value::List(items.into_iter().map(as_floats).collect()),
        Value::Map(map) => Value::Map(map.into_iter().map(|(key, value)| (key, as_floats(value))).collect()),
        other => other,
    }
}

/// The text in quotes after a prefix of a template.
fn argument<'t>(template: &'t str, before: &str) -> Option<&'t str> {
    template.split_once(before)?.1.split('"').next()
}

#[test]
fn vectors_of_versions_are_met() {
    let Some(cases) = vectors("sprig_semver") else { return };
    let (mut tried, mut failures) = (0, Vec::new());
    for case in &cases {
        let template = text(case, "template");
        let found = if let Some(list) = template.strip_prefix("{{ range list ") {
            let list = list.split(" }}").next().unwrap();
            let constraint = Constraint::parse(argument(template, "semverCompare \"").unwrap());
            list.split(' ')
                .map(|version| {
                    let version = Version::parse(version.trim_matches('"'))?;
                    Ok(format!("{} ", constraint.clone()?.check(&version)))
                })
                .collect::<Result<String, _>>()
        } else if template.starts_with("{{ semverCompare \">=0.0.0-0\" \"") {
            let constraint = Constraint::parse(">=0.0.0-0").unwrap();
            Version::parse(argument(template, ">=0.0.0-0\" \"").unwrap())
                .map(|version| constraint.check(&version).to_string())
        } else if text(case, "id").contains("/parse/") {
            Version::parse(argument(template, "semver \"").unwrap()).map(|v| {
                let parts = [v.major(), v.minor(), v.patch()].map(|number| number.to_string()).join("|");
                format!("{v}|{parts}|{}|{}|{}|{v}", v.prerelease(), v.metadata(), v.original())
            })
        } else {
            continue;
        };
        tried += 1;
        let fits = match &found {
            Ok(found) => found == text(case, "want"),
            Err(error) => text(case, "error").ends_with(&format!(": {error}")),
        };
        if !fits {
            failures.push(format!("{}: found {found:?}", text(case, "id")));
        }
    }
    println!("sprig_semver: {} of {tried} cases met ({} in all)", tried - failures.len(), cases.len());
    assert!(failures.is_empty(), "{} differ:\n{}", failures.len(), failures.join("\n"));
}
