//! Charts rendered to the last byte: our own below `tests/cases/render`, and public ones where they are at hand.

#![allow(clippy::print_stdout, reason = "the counts are what a reader of the run wants to see")]

use std::path::{Path, PathBuf};

use crate::support::render::template;

/// The charts that this test compares when they are there; `BOWLINE_CHARTS_ONLY` picks others by a part of the name.
const PICK: &str = "kubernetes+ingress-nginx";

fn charts_dir() -> Option<PathBuf> {
    let vectors = std::env::var_os("BOWLINE_VECTORS").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/conformance/vectors"),
        PathBuf::from,
    );
    let dir = vectors.parent()?.join("charts");
    dir.is_dir().then_some(dir)
}

/// The first line that differs, where there is one.
fn difference(want: &str, got: &str, random: &[u64]) -> Option<String> {
    let (want, got): (Vec<&str>, Vec<&str>) = (want.split('\n').collect(), got.split('\n').collect());
    for number in 0..want.len().max(got.len()) {
        let (want, got) = (want.get(number), got.get(number));
        let key =
            |line: Option<&&str>| line.and_then(|line| line.split_once(':')).map(|(key, _)| key.to_string());
        if want == got || (random.contains(&(number as u64)) && key(want) == key(got)) {
            continue;
        }
        return Some(format!("line {}: want {want:?}, got {got:?}", number + 1));
    }
    None
}

#[test]
fn public_charts_render_as_helm_renders_them() {
    let Some(dir) = charts_dir() else {
        crate::support::skip::skipped("no charts at hand");
        return;
    };
    let pick = std::env::var("BOWLINE_CHARTS_ONLY").unwrap_or_else(|_| PICK.to_string());
    let unpacked = tempfile::tempdir().unwrap();
    let cases: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(dir.join("cases.json")).unwrap()).unwrap();
    let (mut passed, mut failures) = (0, Vec::new());
    for case in cases.as_array().unwrap() {
        let (chart, scenario) = (case["chart"].as_str().unwrap(), case["scenario"].as_str().unwrap());
        if !chart.contains(&pick) {
            continue;
        }
        let archive = dir.join(format!("{chart}.tgz"));
        let base = unpacked.path().join(chart);
        if !base.is_dir() {
            unpack(&archive, unpacked.path());
        }
        let args: Vec<String> =
            case["args"].as_array().unwrap().iter().map(|arg| arg.as_str().unwrap().to_string()).collect();
        let random: Vec<u64> =
            case["random"].as_array().unwrap().iter().filter_map(serde_json::Value::as_u64).collect();
        let got = template(&base, &args, &base, &dir);
        let problem = match (case["rc"].as_i64() == Some(0), got) {
            (true, Ok(got)) => {
                let want = std::fs::read(dir.join(chart).join(format!("{scenario}.golden.yaml"))).unwrap();
                difference(&String::from_utf8_lossy(&want), &got, &random)
            }
            (true, Err(error)) => Some(error),
            (false, Ok(_)) => Some("Helm fails here".to_string()),
            (false, Err(_)) => None,
        };
        match problem {
            None => passed += 1,
            Some(problem) => failures.push(format!("{chart}/{scenario}: {problem}")),
        }
    }
    println!("charts: {passed} passed, {} failed", failures.len());
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// Our own charts: a folder each, with `chart/`, maybe `values.yaml`, and what `helm template` printed: `out.yaml`, or
/// `error.txt` with its message.
#[test]
fn our_charts_render_as_helm_renders_them() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/render");
    let mut cases: Vec<PathBuf> =
        std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.sort();
    assert!(cases.len() >= 5, "the cases are gone");
    for case in cases {
        let mut args = Vec::new();
        if case.join("values.yaml").is_file() {
            args = vec!["-f".to_string(), "values.yaml".to_string()];
        }
        let got = template(&case.join("chart"), &args, &case, &folder);
        let read = |name: &str| std::fs::read_to_string(case.join(name)).ok();
        match (read("out.yaml"), read("error.txt"), got) {
            (Some(want), _, Ok(got)) => assert_eq!(got, want, "{}", case.display()),
            (None, Some(want), Err(got)) => assert_eq!(got, want.trim_end(), "{}", case.display()),
            (_, _, got) => panic!("{}: {got:?}", case.display()),
        }
    }
}

fn unpack(archive: &Path, to: &Path) {
    let file = std::fs::File::open(archive).unwrap();
    tar::Archive::new(flate2::read::GzDecoder::new(file)).unpack(to).unwrap();
}
