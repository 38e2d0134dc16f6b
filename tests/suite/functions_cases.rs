//! Functions of chart templates against what Helm 4.3.1 wrote for the same template, errors included.
//!
//! A file below `tests/cases/functions` holds cases separated by `=====`: a template, `---`, and the text that Helm made of
//! it, or `error: …` with its message. The templates stand in `templates/t.yaml` of the chart below, and every case once
//! showed a difference. What a template may cost is tested here too.

use std::path::Path;
use std::time::{Duration, Instant};

use bowline::chart::{self, ChartFile};
use bowline::data::Value;
use bowline::render::{self, Capabilities, Job, Options, ReleaseInfo, RenderError};

use crate::support::render::host;

const CHART: &str = "apiVersion: v2\nname: testchart\nversion: 1.2.3\n";

fn run(template: &str) -> Result<String, String> {
    let file = |path: &str, text: &str| ChartFile {
        path: path.into(),
        data: text.as_bytes().to_vec().into(),
        modified: 0,
    };
    let files = vec![
        file("Chart.yaml", CHART),
        file("files/a.txt", "alpha\nbeta\n"),
        file("files/b.json", r#"{"x":1}"#),
        file("templates/t.yaml", template),
    ];
    let chart = chart::from_files("testchart", files, &chart::Limits::default())
        .map_err(|error| error.to_string())?;
    let capabilities = Capabilities::default()
        .with_kube_version("v1.33.4-gke.1245000")
        .map_err(|error| error.to_string())?;
    let job = Job {
        chart: &chart,
        values: &Value::map(),
        release: &ReleaseInfo::install("rel".to_string(), "ns".to_string()),
        capabilities: &capabilities,
        host: &host(),
        lookup: None,
        options: Options::default(),
    };
    match render::render(&job) {
        Ok(files) => Ok(files.into_iter().map(|file| file.text).collect()),
        Err(RenderError::Templates(failures)) => Err(failures[0].text.clone()),
        Err(other) => Err(other.to_string()),
    }
}

#[test]
fn functions_do_what_helm_does() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/functions");
    let mut wrong = Vec::new();
    let mut count = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        for case in text.split("=====\n") {
            let (template, want) = case.split_once("\n---\n").unwrap();
            let want = want.strip_suffix('\n').unwrap();
            let got = run(template).unwrap_or_else(|error| format!("error: {error}"));
            count += 1;
            if got != want {
                wrong.push(format!("{}: {template}\n  want {want:?}\n  got  {got:?}", path.display()));
            }
        }
    }
    assert!(count >= 100, "the cases are gone");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_template_costs_more_than_it_may() {
    for template in [
        r#"{{ repeat 1000000000 "x" }}"#,
        r#"{{ repeat 9223372036854775807 "xy" }}"#,
        "{{ until 1000000000 }}",
        "{{ untilStep 0 1000000000 1 }}",
        "{{ seq 1 1000000000 }}",
        "{{ randAlphaNum 1000000000 }}",
        "{{ randBytes 1000000000 }}",
        r#"{{ indent 1000000000 "x" }}"#,
        r#"{{ nindent 1000000000 "x" }}"#,
        r#"{{ range until 100 }}{{ range until 1000 }}{{ printf "%999999d" 1 }}{{ end }}{{ end }}"#,
        r#"{{ $s := "x" }}{{ range until 64 }}{{ $s = printf "%s%s" $s $s }}{{ end }}"#,
        r#"{{ $s := "x" }}{{ range until 64 }}{{ $s = cat $s $s }}{{ end }}"#,
        r#"{{ $s := "ab" }}{{ range until 64 }}{{ $s = replace "a" $s $s }}{{ end }}"#,
        "{{ $l := list 1 }}{{ range until 64 }}{{ $l = concat $l $l }}{{ end }}",
        "{{ $l := list 1 }}{{ range until 64 }}{{ $l = list $l $l }}{{ end }}{{ $l | mustToJson }}",
        r#"{{ $d := dict }}{{ $_ := set $d "d" $d }}{{ $d | mustToJson }}"#,
        r#"{{ define "a" }}{{ include "a" . }}{{ end }}{{ include "a" . }}"#,
        r#"{{ define "a" }}{{ template "a" . }}{{ end }}{{ template "a" . }}"#,
        r#"{{ define "a" }}{{ tpl "{{ include `a` . }}" . }}{{ end }}{{ include "a" . }}"#,
        r#"{{ mustRegexMatch "((a{100}){100}){100}" "a" }}"#,
        r#"{{ mustRegexMatch (repeat 100000 "(a|") "a" }}"#,
        "{{ range 9223372036854775807 }}{{ end }}",
        r#"{{ mustFromJson (repeat 100000 "[") }}"#,
        r#"{{ wrapWith 1 (repeat 100000 "x") (repeat 100000 "y") }}"#,
    ] {
        let began = Instant::now();
        let outcome = run(template);
        assert!(outcome.is_err(), "{template}: {} bytes", outcome.map_or(0, |text| text.len()));
        assert!(began.elapsed() < Duration::from_secs(60), "{template}: {:?}", began.elapsed());
    }
}
