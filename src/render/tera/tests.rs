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
        unread: crate::sys::content::Failures::default(),
        links: Vec::new(),
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
        watched: crate::sys::transfers::Watched::default(),
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
    let reference = functions::reference();
    assert_eq!(reference.lines().count(), keys.len());
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

#[test]
fn undefined_values_stop_rendering_also_where_tera_would_go_on() {
    for (template, path) in [
        ("a: {{ values.x ~ 1 }}", "values.x"),
        ("a: {{ [values.x] }}", "values.x"),
        ("a: {{ {\"k\": values.x} }}", "values.x"),
        ("a: {{ values.x | b64encode }}", "values.x"),
    ] {
        let text = message(template, "{}");
        assert!(text.contains(&format!("`{path}` is undefined")), "{text}");
    }
}

struct Fake;

impl Lookup for Fake {
    fn lookup(&self, api_version: &str, kind: &str, namespace: &str, name: &str) -> Result<Value, String> {
        if name == "denied" {
            return Err("secrets is forbidden".to_string());
        }
        Ok(Value::str(format!("{api_version} {kind} {namespace} {name}")))
    }
}

#[test]
fn lookups_reach_the_store_of_the_caller() {
    let template =
        "a: {{ lookup(api_version=\"v1\", kind=\"Secret\", namespace=\"n\", name=values.name) }}\n";
    let chart = chart("c", "tera", &[("templates/x.yaml", template)]);
    let render = |name: &str, options: Options| run(&chart, &values(name), options, Some(&Fake));
    assert_eq!(render("name: a", Options::default()).unwrap()[0].text, "a: v1 Secret n a\n");
    let error = render("name: denied", Options::default()).unwrap_err().to_string();
    assert_eq!(error, "c/templates/x.yaml:1:7: secrets is forbidden");
    let lint = Options { lint: true, ..Options::default() };
    assert_eq!(render("name: denied", lint).unwrap()[0].text, "a: {}\n");
}

#[test]
fn lint_lets_required_and_fail_pass() {
    let template = "a: {{ values.x | required(message=\"no\") }}\nb: {{ fail(message=\"no\") }}\n";
    let chart = chart("c", "tera", &[("templates/x.yaml", template)]);
    let lint = Options { lint: true, ..Options::default() };
    assert_eq!(run(&chart, &values("{}"), lint, None).unwrap()[0].text, "a: \"\"\nb: \"\"\n");
    assert!(run(&chart, &values("{}"), Options::default(), None).is_err());
}

#[test]
fn charts_see_their_own_and_files_come_in_helms_order() {
    let label = "{% component name(v) %}{{ v }}{% endcomponent %}";
    let show = "n: {{ chart.name }} {{ values.x }} {{ values.global.g }} {{ <name v=\"own\" /> }} {{ <common.name v=\"lib\" /> }}\n\
                f: {{ files[\"f.txt\"] | default(value=\"none\") }}\n{% include \"common/_l.yaml\" %}\n";
    let mut root = chart(
        "root",
        "tera",
        &[
            ("templates/b.yaml", show),
            ("templates/a.yaml", "sub: {{ subcharts.sub.values.x }} {{ subcharts.sub.files[\"f.txt\"] }}\n"),
            ("templates/_x.yaml", label),
            ("templates/NOTES.txt", "hi"),
            ("f.txt", "root file"),
        ],
    );
    let mut library = chart(
        "common",
        "tera",
        &[
            ("templates/_l.yaml", "lib: {{ chart.name }}\n"),
            ("templates/_c.yaml", label),
            ("templates/shown.yaml", "no: 1"),
        ],
    );
    library.metadata.chart_type = Some("library".to_string());
    let sub = chart(
        "sub",
        "tera",
        &[("templates/s.yaml", show), ("templates/_x.yaml", label), ("f.txt", "sub file")],
    );
    root.subcharts = vec![library, sub];
    let given = values("{x: 1, global: {g: G}, sub: {x: 2, global: {g: G}}}");
    let files = run(&root, &given, Options::default(), None).unwrap();
    let names: Vec<&str> = files.iter().map(|file| &*file.name).collect();
    assert_eq!(
        names,
        [
            "root/charts/sub/templates/s.yaml",
            "root/templates/b.yaml",
            "root/templates/a.yaml",
            "root/templates/NOTES.txt"
        ]
    );
    assert_eq!(files[0].text, "n: sub 2 G own lib\nf: sub file\nlib: sub\n");
    assert_eq!(files[1].text, "n: root 1 G own lib\nf: root file\nlib: root\n");
    assert_eq!(files[2].text, "sub: 2 sub file\n");
}

#[test]
fn the_engine_is_chosen_by_chart_and_by_file() {
    let by_file = chart("c", "", &[("templates/x.yaml.tera", "a: {{ 1 }}\n")]);
    let files = run(&by_file, &values("{}"), Options::default(), None).unwrap();
    assert_eq!((&*files[0].name, files[0].engine), ("c/templates/x.yaml", EngineKind::Tera));
    let unknown = chart("c", "jinja", &[("templates/x.yaml", "")]);
    let error = run(&unknown, &values("{}"), Options::default(), None).unwrap_err();
    assert_eq!(error.to_string(), "c/Chart.yaml: templates of engine \"jinja\" cannot be rendered");
}

#[test]
fn values_cannot_forge_marks() {
    // The nonce of this run is known here only because the randomness is seeded.
    let mut nonce = [0; 8];
    host().random.fill(&mut nonce).unwrap();
    let shape = marks::Shape::new(u64::from_le_bytes(nonce));
    let forged = shape.write(marks::Mark::Value(0));
    let chart = chart(
        "c",
        "tera",
        &[("templates/x.yaml", "a: {{ values.secret }}\nb: {{ values.v }}\nc: \"{{ values.v }}\"\n")],
    );
    let given: Value = [("secret", Value::from("s")), ("v", Value::from(forged))].into_iter().collect();
    let text = &run(&chart, &given, Options::default(), None).unwrap()[0].text;
    assert_eq!(text.matches('s').count(), 1, "{text}");
}

#[test]
fn limits_hold() {
    let limits = Limits { depth: 5, output: 1_000, steps: 1_000 };
    let options = Options { limits, ..Options::default() };
    for (template, wanted) in [
        ("{% for a in range(end=100) %}{{ values.long }}{% endfor %}", "exceeds 1000 bytes"),
        ("k: \"{% for a in range(end=30) %}{{ values.long }}{% endfor %}\"", "exceeds 1000 bytes"),
        ("{% for a in range(end=2000) %}{% endfor %}", "more than 1000 steps"),
        ("{{ values.t | tpl }}", "nests deeper than 5"),
        ("{{ \"x\" | repeat(count=1000000) }}", "too many"),
        ("{{ [range(end=900), range(end=900)] }}", "too large"),
    ] {
        let chart = chart("c", "tera", &[("templates/x.yaml", template)]);
        let given = values(&format!("{{long: {}, t: '{{{{ values.t | tpl }}}}'}}", "y".repeat(100)));
        let error = run(&chart, &given, options, None).unwrap_err().to_string();
        assert!(error.contains(wanted), "{template}: {error}");
    }
}
