//! Charts that would take all time, memory or stack, were there no bounds: `tests/cases/bounds`, a file a case.
//!
//! A case is a chart: `=== path` before the text of each file, and `=== error` before what rendering it says; `ok` and the
//! output behind it when nothing is wrong with it. `@@1000*text@@` stands for a thousand times the text. Chart.yaml need
//! not be there. `=== steps` before a number lets that case take so many steps: it is about another bound, which is reached
//! later; `=== output` before a number of bytes brings that bound nearer, where it takes minutes to get to it. With `BOWLINE_UPDATE=1` the errors in the files are replaced by what the code says.
//!
//! Invariant: a bound that is reached is an error that names it, and it is reached soon.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use bowline::chart::{self, ChartFile, Limits};
use bowline::render::{self, Capabilities, Job, Options, ReleaseInfo};
use bowline::sys::{Clock, Host, Random};
use regex::Regex;

const CHART: &str = "apiVersion: v2\nname: c\nversion: 1.0.0\n";

/// Far more than any case takes without optimization on a busy machine: the bounds decide, not the clock.
const LONGEST: Duration = Duration::from_secs(600);

/// Steps of a rendering: less than by default, as the cases run without optimization.
const STEPS: u64 = 1_000_000;

fn host() -> Host {
    let host = Host::of_process().unwrap();
    Host { clock: Clock::ticking(1_700_000_000), random: Random::seeded(*b"bounds"), ..host }
}

/// A text with its repetitions written out.
fn expanded(text: &str) -> String {
    let repetition = Regex::new(r"(?s)@@(\d+)\*(.+?)@@").unwrap();
    repetition
        .replace_all(text, |found: &regex::Captures<'_>| found[2].repeat(found[1].parse().unwrap()))
        .into_owned()
}

/// What rendering the chart says.
fn outcome(files: &[(String, String)]) -> String {
    let (mut all, mut limits) = (vec![], render::Limits { steps: STEPS, ..render::Limits::default() });
    let given = |name: &str| files.iter().any(|(path, _)| path == name);
    for (path, text) in files {
        match path.as_str() {
            "steps" => limits.steps = text.trim().parse().unwrap(),
            "output" => limits.output = text.trim().parse().unwrap(),
            _ => {
                let data = text.as_bytes().into();
                all.push(ChartFile { path: path.as_str().into(), data, modified: 0 });
            }
        }
    }
    if !given("Chart.yaml") {
        all.push(ChartFile { path: "Chart.yaml".into(), data: CHART.as_bytes().into(), modified: 0 });
    }
    let chart = match chart::from_files("c", all, &Limits::default()) {
        Ok(chart) => chart,
        Err(error) => return error.to_string(),
    };
    let rendered = render::render(&Job {
        chart: &chart,
        values: &chart.values,
        release: &ReleaseInfo::install("r", "ns"),
        capabilities: &Capabilities::default(),
        host: &host(),
        lookup: None,
        options: Options { limits, ..Options::default() },
    });
    match rendered {
        Ok(files) => format!("ok {}", files.iter().map(|file| file.text.as_str()).collect::<String>()),
        Err(error) => error.to_string(),
    }
}

#[test]
fn cases() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/bounds");
    let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    assert!(paths.len() >= 40, "{} cases", paths.len());
    let mut wrong = Vec::new();
    for path in paths {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let text = fs::read_to_string(&path).unwrap();
        let (chart, wanted) = text.split_once("=== error\n").unwrap_or_else(|| panic!("{name} has no error"));
        let files: Vec<(String, String)> = chart
            .split("=== ")
            .filter(|part| !part.is_empty())
            .map(|part| part.split_once('\n').unwrap())
            .map(|(path, text)| (path.to_string(), expanded(text)))
            .collect();
        let start = Instant::now();
        let said = outcome(&files);
        println!("{name}: {:?}", start.elapsed());
        let short: String = said.chars().take(600).collect();
        if std::env::var_os("BOWLINE_UPDATE").is_some() {
            fs::write(&path, format!("{chart}=== error\n{}\n", short.trim_end())).unwrap();
        }
        if short.trim_end() != wanted.trim_end() {
            wrong.push(format!("{name}:\n  want {wanted}\n  got  {short}"));
        }
        if start.elapsed() > LONGEST {
            wrong.push(format!("{name} takes {:?}", start.elapsed()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
