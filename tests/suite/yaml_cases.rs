//! YAML and JSON against what Helm does: our own cases, and the shared vectors where they are at hand.
//!
//! A case file is a list of JSON objects, one per line; a new case is a new line, a new topic a new file.
//! Invariant: every case comes from a run of Helm 4.3.

#![allow(clippy::print_stdout)] // tests say what they skip

use std::path::{Path, PathBuf};

use bowline::data::{Value, json, yaml};

/// Lines of all case files of a folder, with the name of their file.
fn cases(folder: &str) -> Vec<(String, Value)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases").join(folder);
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
        .into_iter()
        .flat_map(|path| {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            let text = std::fs::read_to_string(&path).unwrap();
            let parse = |line: &str| (name.clone(), json::parse(line).unwrap());
            text.lines().filter(|line| !line.is_empty()).map(parse).collect::<Vec<_>>()
        })
        .collect()
}

fn text<'v>(case: &'v Value, key: &str) -> Option<&'v str> {
    case.get(key).and_then(Value::as_str)
}

/// Helm makes every number a double.
fn as_doubles(value: &Value) -> Value {
    match value {
        Value::Int(number) => Value::Float(*number as f64),
        Value::Uint(number) => Value::Float(*number as f64),
        Value::List(items) => Value::List(items.iter().map(as_doubles).collect()),
        Value::Map(map) => {
            Value::Map(map.iter().map(|(key, value)| (key.clone(), as_doubles(value))).collect())
        }
        other => other.clone(),
    }
}

/// What Helm's `fromYaml … | toJson` prints.
fn from_yaml(source: &str, list: bool) -> String {
    let file = bowline::diag::SourceFile::new("case.yaml", source);
    let read = if list { yaml::to_list(&file).map(Value::List) } else { yaml::to_map(&file).map(Value::Map) };
    let value = match read {
        Ok(value) => as_doubles(&value),
        Err(error) if list => Value::List(vec![Value::str(error.to_string())]),
        Err(error) => [("Error", error.to_string())].into_iter().collect(),
    };
    json::to_string(&value).unwrap()
}

fn report(what: &str, total: usize, failures: &[String]) {
    for failure in failures.iter().take(40) {
        println!("{failure}\n");
    }
    println!("{what}: {} of {total} pass", total - failures.len());
    assert!(failures.is_empty(), "{what}: {} of {total} fail", failures.len());
}

#[test]
fn reading_is_helm_s() {
    let cases = cases("yaml/read");
    let mut failures = Vec::new();
    for (file, case) in &cases {
        let (source, want) = (text(case, "yaml").unwrap(), text(case, "json").unwrap());
        let got = from_yaml(source, false);
        if got != want {
            failures.push(format!("{file}: {source:?}\n  want {want}\n  got  {got}"));
        }
    }
    report("yaml/read", cases.len(), &failures);
}

#[test]
fn writing_is_helm_s() {
    let cases = cases("yaml/write");
    let mut failures = Vec::new();
    for (file, case) in &cases {
        let value = case.get("value").unwrap();
        for (key, got) in
            [("toYaml", yaml::to_string(value)), ("toYamlPretty", yaml::to_string_pretty(&value.into()))]
        {
            let Some(want) = text(case, key) else { continue };
            // Helm cuts one newline off.
            let got = got.strip_suffix('\n').unwrap_or(&got);
            if got != want {
                failures.push(format!("{file}: {key} {value:?}\n  want {want:?}\n  got  {got:?}"));
            }
        }
    }
    report("yaml/write", cases.len(), &failures);
}

#[test]
fn json_is_go_s() {
    let cases = cases("json");
    let mut failures = Vec::new();
    for (file, case) in &cases {
        let source = text(case, "source").unwrap();
        let got = match json::parse(source) {
            Ok(value) => json::to_string(&as_doubles(&value)).unwrap(),
            Err(error) => error.to_string(),
        };
        let want = text(case, "want").unwrap();
        if got != want {
            failures.push(format!("{file}: {source:?}\n  want {want}\n  got  {got}"));
        }
    }
    report("json", cases.len(), &failures);
}

/// The shared vectors whose template is one call on constants.
#[test]
fn vectors() {
    let folder = std::env::var("BOWLINE_VECTORS").unwrap_or_else(|_| "../shared/conformance/vectors".into());
    let mut failures = Vec::new();
    let (mut total, mut skipped) = (0, 0);
    for topic in ["yaml_parse", "yaml_emit", "yaml_emit_pretty", "yaml_values", "sprig_json", "toml"] {
        let Ok(text) = std::fs::read_to_string(Path::new(&folder).join(format!("{topic}.json"))) else {
            crate::support::skip::skipped(&format!("no {topic}.json in {folder}"));
            continue;
        };
        for case in json::parse(&text).unwrap().as_list().unwrap() {
            match outcome(case) {
                None => skipped += 1,
                Some((got, want)) => {
                    total += 1;
                    if got != want {
                        let id = case.get("id").and_then(Value::as_str).unwrap();
                        let template = case.get("template").and_then(Value::as_str).unwrap();
                        let values = case.get("values").and_then(Value::as_str).unwrap();
                        failures
                            .push(format!("{id}: {template} {values:?}\n  want {want:?}\n  got  {got:?}"));
                    }
                }
            }
        }
    }
    println!("{skipped} vectors need a template engine");
    report("vectors", total, &failures);
}

/// What we make of a vector, and what Helm makes of it; `None` when its template is more than one call.
fn outcome(case: &Value) -> Option<(String, String)> {
    let template = text(case, "template")?;
    if let Some(values) = text(case, "values").filter(|_| template == "{{ toJson .Values }}") {
        return document(case, values);
    }
    let want = text(case, "want")?.to_string();
    let body = template.strip_prefix("{{ ")?;
    if let Some(rest) = body.strip_prefix("$m := fromYaml ") {
        let (source, rest) = literal(rest)?;
        rest.starts_with(" }}{{ if $m.Error }}").then_some(())?;
        let file = bowline::diag::SourceFile::new("t", source);
        let got = match yaml::to_map(&file) {
            Ok(map) => json::to_string(&as_doubles(&Value::Map(map))).unwrap(),
            Err(error) => error.to_string(),
        };
        // The kind and Go's print of the value are not ours.
        let want = want
            .split_once('{')
            .filter(|_| want.ends_with('}') && !got.contains("error"))
            .map(|(_, json)| format!("{{{json}"));
        let want = want.map_or_else(
            || text(case, "want").unwrap().to_string(),
            |json| if got.ends_with(&json[1..]) { got.clone() } else { json },
        );
        return Some((got, want));
    }
    let body = body.strip_suffix(" }}")?;
    for (name, list) in [("fromYaml ", false), ("fromYamlArray ", true)] {
        if let Some(rest) = body.strip_prefix(name) {
            let (source, rest) = literal(rest)?;
            return (rest == " | toJson").then(|| (from_yaml(&source, list), want));
        }
    }
    for (name, array) in [("fromJson ", false), ("fromJsonArray ", true), ("mustFromJson ", false)] {
        if let Some(rest) = body.strip_prefix(name) {
            let (source, rest) = literal(rest)?;
            (rest == " | toJson").then_some(())?;
            let value = json::parse(&source).ok()?;
            let fits = name == "mustFromJson "
                || if array { value.as_list().is_some() } else { value.as_map().is_some() };
            return fits.then(|| (json::to_string(&as_doubles(&value)).unwrap(), want));
        }
    }
    let (name, rest) = body.split_once(' ')?;
    let (value, rest) = expression(rest)?;
    rest.is_empty().then_some(())?;
    let got = match name {
        "toYaml" => yaml::to_string(&value),
        "toYamlPretty" => yaml::to_string_pretty(&(&value).into()),
        "toJson" => return Some((json::to_string(&value).unwrap_or_default(), want)),
        "toRawJson" => {
            let style = json::Style { html_escape: false, ..json::Style::default() };
            return Some((json::to_string_with(&value, style).ok()?, want));
        }
        "toPrettyJson" => {
            let style = json::Style { indent: Some("  "), ..json::Style::default() };
            return Some((json::to_string_with(&value, style).unwrap_or_default(), want));
        }
        _ => return None,
    };
    Some((got.strip_suffix('\n').unwrap_or(&got).to_string(), want))
}

/// A values document of one part, without nulls (which the chart's layers would drop).
fn document(case: &Value, values: &str) -> Option<(String, String)> {
    if values.contains("\n---") || case.get("chart_values").is_some() {
        return None;
    }
    let got = from_yaml(values, false);
    match (text(case, "want"), text(case, "error")) {
        (Some(want), _) => {
            (!got.contains("null") && !got.contains("global")).then(|| (got, want.to_string()))
        }
        (_, Some(error)) => {
            let error = error.strip_prefix("cannot unmarshal yaml document: ")?;
            Some((got, json::to_string(&[("Error", error)].into_iter().collect()).unwrap()))
        }
        _ => None,
    }
}

/// A Go string literal at the start of a text, and the rest.
fn literal(source: &str) -> Option<(String, &str)> {
    if let Some(rest) = source.strip_prefix('`') {
        let (raw, rest) = rest.split_once('`')?;
        return Some((raw.to_string(), rest));
    }
    let mut chars = source.strip_prefix('"')?.chars();
    let mut out = String::new();
    loop {
        match chars.next()? {
            '"' => return Some((out, chars.as_str())),
            '\\' => {
                let (length, c) = match chars.next()? {
                    'n' => (0, '\n'),
                    't' => (0, '\t'),
                    'r' => (0, '\r'),
                    'a' => (0, '\u{7}'),
                    'b' => (0, '\u{8}'),
                    'f' => (0, '\u{c}'),
                    'v' => (0, '\u{b}'),
                    'x' => (2, ' '),
                    'u' => (4, ' '),
                    'U' => (8, ' '),
                    other => (0, other),
                };
                if length == 0 {
                    out.push(c);
                    continue;
                }
                let digits = chars.as_str().get(..length)?;
                let code = u32::from_str_radix(digits, 16).ok()?;
                // A byte of its own beyond ASCII is no text.
                (length > 2 || code < 0x80).then_some(())?;
                out.push(char::from_u32(code)?);
                chars = chars.as_str()[length..].chars();
            }
            c => out.push(c),
        }
    }
}

/// A constant, `dict …`, `list …`, `mustFromJson …`, or one of them in parentheses, and the rest.
fn expression(source: &str) -> Option<(Value, &str)> {
    let source = source.trim_start();
    if let Some(rest) = source.strip_prefix('(') {
        let (value, rest) = expression(rest)?;
        return Some((value, rest.trim_start().strip_prefix(')')?));
    }
    if source.starts_with(['"', '`']) {
        let (text, rest) = literal(source)?;
        return Some((Value::str(text), rest));
    }
    let end = source.find([' ', ')']).unwrap_or(source.len());
    let (word, mut rest) = source.split_at(end);
    let mut arguments = Vec::new();
    if matches!(word, "dict" | "list" | "mustFromJson") {
        while !rest.trim_start().is_empty() && !rest.trim_start().starts_with(')') {
            let (value, after) = expression(rest)?;
            arguments.push(value);
            rest = after;
        }
    }
    let value = match word {
        "dict" => {
            let pairs = arguments.chunks_exact(2);
            pairs
                .map(|pair| Some((pair[0].as_str()?.to_string(), pair[1].clone())))
                .collect::<Option<Value>>()?
        }
        "list" => Value::List(arguments),
        "mustFromJson" => as_doubles(&json::parse(arguments.first()?.as_str()?).ok()?),
        "nil" => Value::Null,
        "true" => Value::Bool(true),
        "false" => Value::Bool(false),
        number => match number.parse::<i64>() {
            Ok(number) => Value::Int(number),
            Err(_) => Value::Float(number.parse().ok()?),
        },
    };
    Some((value, rest))
}
