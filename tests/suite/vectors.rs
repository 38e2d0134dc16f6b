//! The public conformance vectors: thousands of small templates with what Helm made of them.
//!
//! Each case is a chart in memory; see the README beside the vectors. The counts of each topic may only rise: they are
//! compared with `tests/cases/vectors-floor.txt`. `BOWLINE_VECTORS_SHOW=topic` prints the cases of a topic that fail.

#![allow(clippy::print_stdout, reason = "the counts are what a reader of the run wants to see")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine as _;
use bowline::chart::{self, ChartFile};
use bowline::data::Value;
use bowline::diag::SourceFile;
use bowline::render::{self, Capabilities, HelmVersion, Job, KubeVersion, Options, ReleaseInfo, RenderError};
use bowline::sys::parallel;
use bowline::values::{Compat, Layers, ValuesError, process, schema};
use serde_json::Value as Json;

use crate::support::render::host;

/// The vectors look at the clock twice in a row and want the same second.
fn world() -> bowline::sys::Host {
    bowline::sys::Host { clock: bowline::sys::Clock::System, ..host() }
}

fn vectors_dir() -> Option<PathBuf> {
    let dir = std::env::var_os("BOWLINE_VECTORS").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/conformance/vectors"),
        PathBuf::from,
    );
    dir.is_dir().then_some(dir)
}

fn word<'a>(case: &'a Json, key: &str) -> &'a str {
    case.get(key).and_then(Json::as_str).unwrap_or("")
}

fn words(case: &Json, key: &str) -> Vec<String> {
    let items = case.get(key).and_then(Json::as_array).into_iter().flatten();
    items.filter_map(Json::as_str).map(str::to_string).collect()
}

/// The files of a case's chart; of two with one path the later counts.
fn files(case: &Json, defaults: &Json) -> Vec<ChartFile> {
    let mut files: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    let mut put = |path: &str, data: &[u8]| files.insert(path.to_string(), data.to_vec());
    put("Chart.yaml", word(defaults, "chart_yaml").as_bytes());
    put("templates/t.yaml", word(case, "template").as_bytes());
    for (path, key) in [("templates/_helpers.tpl", "helpers"), ("values.yaml", "chart_values")] {
        if let Some(text) = case.get(key).and_then(Json::as_str) {
            put(path, text.as_bytes());
        }
    }
    for (path, text) in case.get("files").and_then(Json::as_object).into_iter().flatten() {
        put(path, text.as_str().unwrap().as_bytes());
    }
    for (path, text) in case.get("files_b64").and_then(Json::as_object).into_iter().flatten() {
        let data = base64::engine::general_purpose::STANDARD.decode(text.as_str().unwrap()).unwrap();
        put(path, &data);
    }
    let file =
        |(path, data): (String, Vec<u8>)| ChartFile { path: path.into(), data: data.into(), modified: 0 };
    files.into_iter().map(file).collect()
}

/// Rendered texts by name, or the error text.
fn run(case: &Json, defaults: &Json) -> Result<BTreeMap<String, String>, String> {
    let chart = chart::from_files("testchart", files(case, defaults), &chart::Limits::default())
        .map_err(|error| error.to_string())?;
    let mut layers = Layers::default();
    if !word(case, "values").is_empty() {
        layers.files.push(SourceFile::new("values.yaml", word(case, "values")));
    }
    layers.json = words(case, "set_json");
    layers.set = words(case, "set");
    layers.string = words(case, "set_string");
    // The command line puts the name of the file before what is wrong with it; the vectors do not.
    let bare = |text: String| text.strip_prefix("failed to parse values.yaml: ").unwrap_or(&text).to_string();
    let user = layers
        .merge(&mut |path| Err(format!("no file {path}")), None)
        .map_err(|error| bare(error.to_string()))?;
    // Nor do they have what the command line puts before a message about dependencies.
    let processed = process(&chart, &user, Compat::Helm4).map_err(|error| match error {
        ValuesError::Dependencies { source } => source.to_string(),
        other => other.to_string(),
    })?;
    let capabilities = capabilities(case, defaults)?;
    schema::validate(&processed.chart, &processed.values, None, None).map_err(|error| error.to_string())?;
    let name = |key: &str| match word(case, key) {
        "" => word(defaults, key).to_string(),
        given => given.to_string(),
    };
    let mut release = ReleaseInfo::install(name("release"), name("namespace"));
    release.revision = case.get("revision").and_then(Json::as_u64).unwrap_or(1) as u32;
    let flag = |key: &str| case.get(key).and_then(Json::as_bool).unwrap_or(false);
    (release.is_install, release.is_upgrade) = (!flag("is_upgrade"), flag("is_upgrade"));
    let values = Value::Map(processed.values);
    let job = Job {
        chart: &processed.chart,
        values: &values,
        release: &release,
        capabilities: &capabilities,
        host: &world(),
        lookup: None,
        options: Options { strict: flag("strict"), lint: flag("lint"), ..Options::default() },
    };
    match render::render(&job) {
        Ok(files) => Ok(files.into_iter().map(|file| (file.name.to_string(), file.text)).collect()),
        // Helm stops at the first template that fails.
        Err(RenderError::Templates(failures)) => Err(failures[0].text.clone()),
        Err(other) => Err(other.to_string()),
    }
}

fn capabilities(case: &Json, defaults: &Json) -> Result<Capabilities, String> {
    let version = match word(case, "kube_version") {
        "" => word(defaults, "kube_version"),
        given => given,
    };
    let helm = |key: &str| word(&defaults["helm_version"], key).to_string();
    let versions = if case.get("api_versions").is_some() {
        words(case, "api_versions")
    } else {
        words(defaults, "api_versions")
    };
    let kube_version = KubeVersion::parse(version).map_err(|error| match error {
        RenderError::KubeVersion { reason, .. } => reason,
        other => other.to_string(),
    })?;
    Ok(Capabilities {
        kube_version,
        api_versions: versions,
        helm_version: HelmVersion {
            version: helm("Version"),
            git_commit: helm("GitCommit"),
            git_tree_state: helm("GitTreeState"),
            go_version: helm("GoVersion"),
            kube_client_version: helm("KubeClientVersion"),
        },
    })
}

/// What differs from what Helm did, where something does.
fn check(case: &Json, defaults: &Json) -> Option<String> {
    let lossy = |key: &str| {
        let bytes = base64::engine::general_purpose::STANDARD.decode(word(case, key)).unwrap();
        String::from_utf8_lossy(&bytes).into_owned()
    };
    let text = |plain: &str, encoded: &str| match case.get(plain).and_then(Json::as_str) {
        Some(text) => Some(text.to_string()),
        None => case.get(encoded).map(|_| lossy(encoded)),
    };
    let any_error = case.get("go_text").and_then(Json::as_bool).unwrap_or(false);
    let outcome = catch_unwind(AssertUnwindSafe(|| run(case, defaults)));
    let Ok(outcome) = outcome else { return Some("PANIC".to_string()) };
    match (text("error", "error_b64"), outcome) {
        (Some(_), Err(_)) if any_error => None,
        (Some(want), Err(got)) => {
            (want != got).then(|| format!("want error {want:?}\n     got error {got:?}"))
        }
        (Some(want), Ok(got)) => Some(format!("want error {want:?}\n     got text {:?}", main(&got))),
        (None, Err(got)) => Some(format!("want text {:?}\n     got error {got:?}", text("want", "want_b64"))),
        (None, Ok(got)) => {
            let want = text("want", "want_b64").unwrap_or_default();
            if main(&got) != want {
                return Some(format!("want {want:?}\n      got {:?}", main(&got)));
            }
            let mut others = case.get("want_files").and_then(Json::as_object).into_iter().flatten();
            others.find_map(|(name, want)| {
                let found = got.get(name).map_or("", String::as_str);
                (Some(found) != want.as_str()).then(|| format!("{name}: want {want:?}\n      got {found:?}"))
            })
        }
    }
}

fn main(rendered: &BTreeMap<String, String>) -> &str {
    let found = rendered
        .iter()
        .find(|(name, _)| name.strip_suffix("/templates/t.yaml").is_some_and(|chart| !chart.contains('/')));
    found.map_or("", |(_, text)| text)
}

fn floors() -> BTreeMap<String, usize> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/vectors-floor.txt");
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let line = |line: &str| {
        let (topic, count) = line.split_once(' ')?;
        Some((topic.to_string(), count.trim().parse().ok()?))
    };
    text.lines().filter_map(line).collect()
}

fn topic(path: &Path) -> String {
    path.file_stem().unwrap().to_string_lossy().into_owned()
}

#[test]
fn vectors() {
    let Some(dir) = vectors_dir() else {
        crate::support::skip::skipped("no vectors at hand");
        return;
    };
    let read =
        |path: &Path| -> Json { serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap() };
    let defaults = Arc::new(read(&dir.join("defaults.json")));
    let show = std::env::var("BOWLINE_VECTORS_SHOW").unwrap_or_default();
    let mut paths: Vec<PathBuf> =
        std::fs::read_dir(&dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.retain(|path| {
        let topic = topic(path);
        let wanted = show.is_empty() || show.split(',').any(|shown| shown == topic || shown == "all");
        wanted && topic != "defaults" && path.extension().is_some_and(|extension| extension == "json")
    });
    let results = parallel::map(&paths, 2, |path| {
        let (cases, mut report) = (read(path), String::new());
        let cases = cases.as_array().unwrap();
        let mut good = 0;
        for case in cases {
            match check(case, &defaults) {
                None => good += 1,
                Some(problem) if !show.is_empty() => {
                    let _ =
                        writeln!(report, "{} {:?}\n     {problem}", word(case, "id"), word(case, "template"));
                }
                Some(_) => {}
            }
        }
        (good, cases.len(), report)
    });
    let (mut passed, mut failed) = (0, 0);
    let (mut fallen, mut report) = (Vec::new(), String::new());
    let floors = floors();
    for (path, (good, all, told)) in paths.iter().zip(results) {
        let topic = topic(path);
        println!("vectors: {topic} {good} of {all}");
        report.push_str(&told);
        if let Some(floor) = floors.get(&topic).filter(|floor| good < **floor) {
            fallen.push(format!("{topic}: {good}, was {floor}"));
        }
        passed += good;
        failed += all - good;
    }
    print!("{report}");
    println!("vectors: {passed} passed, {failed} failed");
    assert!(fallen.is_empty(), "fewer vectors pass than before: {}", fallen.join("; "));
}
