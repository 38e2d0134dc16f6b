//! Tests of the engine as a whole; the cases of single values are below `tests/cases/tera`.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use super::*;
use crate::chart::{Chart, ChartFile, Metadata};
use crate::data::{Value, yaml};
use crate::render::{Capabilities, Limits, Lookup, Options, ReleaseInfo, render};
use crate::sys::{Clock, Dirs, Host, Random};

/// A chart with an engine and templates.
pub(super) fn chart(name: &str, engine: &str, templates: &[(&str, &str)]) -> Chart {
    let file = |(path, text): &(&str, &str)| ChartFile {
        path: (*path).into(),
        data: text.as_bytes().into(),
        modified: 0,
    };
    let (templates, files) =
        templates.iter().map(file).partition::<Vec<_>, _>(|file| file.path.starts_with("templates/"));
    Chart {
        metadata: Metadata {
            name: name.into(),
            version: "1.2.3".to_string(),
            app_version: "4.5".to_string(),
            engine: engine.to_string(),
            ..Metadata::default()
        },
        chart_yaml: SourceFile::new("Chart.yaml", ""),
        lock: None,
        values: Value::map(),
        values_yaml: None,
        schema: None,
        templates,
        files,
        raw: Vec::new(),
        subcharts: Vec::new(),
    }
}

fn host() -> Host {
    let env = BTreeMap::new();
    Host {
        dirs: Dirs::from_env(&env),
        env: Arc::new(env),
        clock: Clock::ticking(1_704_067_200),
        random: Random::seeded(&b"seed"[..]),
        cwd: PathBuf::from("/"),
    }
}

pub(super) fn run(
    chart: &Chart,
    values: &Value,
    options: Options,
    lookup: Option<&dyn Lookup>,
) -> Result<Vec<RenderedFile>, RenderError> {
    let release = ReleaseInfo::install("rel", "ns");
    let job = Job {
        chart,
        values,
        release: &release,
        capabilities: &Capabilities::default(),
        host: &host(),
        lookup,
        options,
    };
    render(&job)
}

pub(super) fn values(text: &str) -> Value {
    yaml::value_from_text("values.yaml", text).unwrap()
}

/// The only file of a chart with one template.
fn one(template: &str, text: &str) -> Result<String, RenderError> {
    named("templates/x.yaml", template, text)
}

fn named(path: &str, template: &str, text: &str) -> Result<String, RenderError> {
    let chart = chart("c", "tera", &[(path, template), ("conf/a.txt", "hello")]);
    run(&chart, &values(text), Options::default(), None).map(|files| files[0].text.clone())
}

fn message(template: &str, text: &str) -> String {
    format!("{:#}", one(template, text).unwrap_err().failures()[0].diagnostic)
}

#[test]
fn the_table_is_sorted_and_its_examples_hold() {
    let keys: Vec<_> = functions::TABLE.iter().map(|entry| (entry.name, entry.kind)).collect();
    let mut sorted = keys.clone();
    sorted.sort_unstable();
    sorted.dedup();
    assert_eq!(keys, sorted);
    let given = "{name: web, ports: [80, 443], labels: {app: web, tier: front}}";
    for entry in functions::TABLE {
        assert!(entry.signature.starts_with(entry.name), "{}", entry.name);
        assert!(entry.doc.ends_with('.'), "{}", entry.name);
        if !entry.example.is_empty() {
            assert!(entry.example.contains(entry.name), "{}", entry.name);
            let rendered = named("templates/NOTES.txt", entry.example, given)
                .unwrap_or_else(|error| panic!("{}: {error}", entry.name));
            assert_eq!(rendered, entry.output, "{}", entry.name);
        }
    }
}

#[test]
fn smoke() {
    assert_eq!(one("a: {{ values.a }}\n", "a: 'yes'").unwrap(), "a: \"yes\"\n");
}
