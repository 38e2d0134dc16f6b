//! Tera templates from files below `tests/cases/tera`: what values become in each place, and what goes wrong how.
//!
//! A case is a file of sections, each after a line `=== name`:
//!
//! ```text
//! === values                 values.yaml; may be left out
//! === template [path]        the template (templates/x.yaml without a path)
//! === file path              another file of the chart, any number of them; `charts/…` and `Chart.yaml` are not read
//! === library path           a file of the library chart `common` below the chart
//! === text                   what the template renders to, byte for byte (the section's last line break is not part of it)
//! === parsed                 what readers of YAML make of that, as JSON
//! === error                  or the diagnostic, with its excerpt
//! ```
//!
//! In `values` and `text`, `\u{…}` is the character of that number. With `BOWLINE_UPDATE=1` the `text` and `error`
//! sections are written instead of compared; `parsed` is always compared.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bowline::chart::{Chart, ChartFile, Metadata};
use bowline::data::{Value, yaml};
use bowline::diag::SourceFile;
use bowline::render::{Capabilities, Job, Limits, Options, ReleaseInfo, render};
use bowline::sys::{Clock, Dirs, Host, Random};

/// Sections in their order: heading and text.
type Sections = Vec<(String, String)>;

fn cases(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            cases(&path, found);
        } else {
            found.push(path);
        }
    }
}

fn sections(text: &str) -> Sections {
    let mut sections: Sections = Vec::new();
    for line in text.split_inclusive('\n') {
        if let Some(heading) = line.strip_prefix("=== ") {
            sections.push((heading.trim().to_string(), String::new()));
        } else if let Some((_, body)) = sections.last_mut() {
            body.push_str(line);
        }
    }
    sections
}

fn section<'s>(sections: &'s Sections, name: &str) -> Option<&'s str> {
    sections.iter().find(|(heading, _)| heading == name).map(|(_, body)| body.as_str())
}

/// `\u{…}` as characters.
fn unescaped(text: &str) -> String {
    let mut parts = text.split("\\u{");
    let mut out = parts.next().unwrap_or("").to_string();
    for part in parts {
        let (number, rest) = part.split_once('}').unwrap();
        out.push(char::from_u32(u32::from_str_radix(number, 16).unwrap()).unwrap());
        out.push_str(rest);
    }
    out
}

fn escaped(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '\n' => c.to_string(),
            c if c.is_control() || matches!(c, '\u{a0}' | '\u{2028}' | '\u{2029}' | '\u{feff}') => {
                format!("\\u{{{:x}}}", c as u32)
            }
            c => c.to_string(),
        })
        .collect()
}

fn file(path: &str, text: &str) -> ChartFile {
    ChartFile { path: path.into(), data: text.as_bytes().into(), modified: 0 }
}

fn chart(name: &str, kind: &str, files: Vec<ChartFile>) -> Chart {
    let (templates, files) =
        files.into_iter().partition::<Vec<_>, _>(|file| file.path.starts_with("templates/"));
    let metadata = Metadata {
        name: name.into(),
        version: "1.2.3".to_string(),
        app_version: "4.5.6".to_string(),
        api_version: "v2".to_string(),
        chart_type: Some(kind.to_string()),
        annotations: Some([("team".to_string(), "blue: sky".to_string())].into()),
        engine: "tera".to_string(),
        ..Metadata::default()
    };
    Chart {
        metadata,
        chart_yaml: SourceFile::new("Chart.yaml", ""),
        lock: None,
        values: Value::map(),
        values_yaml: None,
        schema: None,
        templates,
        files,
        raw: Vec::new(),
        subcharts: Vec::new(),
        unread: bowline::sys::content::Failures::default(),
        links: Vec::new(),
    }
}

fn host() -> Host {
    let env = BTreeMap::new();
    Host {
        dirs: Dirs::from_env(&env),
        env: Arc::new(env),
        clock: Clock::ticking(1_704_067_200),
        random: Random::seeded(&b"cases"[..]),
        cwd: PathBuf::from("/"),
        watched: bowline::sys::transfers::Watched::default(),
    }
}

/// The text of the case's template, or the diagnostic.
fn rendered(sections: &Sections) -> Result<String, String> {
    let values =
        yaml::value_from_text("values.yaml", &unescaped(section(sections, "values").unwrap_or("{}")))
            .unwrap();
    let mut files = Vec::new();
    let mut library = Vec::new();
    let mut main = String::new();
    for (heading, body) in sections {
        if let Some(path) = heading.strip_prefix("template") {
            let path = if path.is_empty() { "templates/x.yaml" } else { path.trim() };
            main = format!("web/{}", path.strip_suffix(".tera").unwrap_or(path));
            // As with `text`, the line break before the next section is not part of the file.
            files.push(file(path, &unescaped(body.strip_suffix('\n').unwrap_or(body))));
        } else if let Some(path) = heading.strip_prefix("file ") {
            files.push(file(path, body));
        } else if let Some(path) = heading.strip_prefix("library ") {
            library.push(file(path, body));
        }
    }
    let mut chart_of_case = chart("web", "application", files);
    if !library.is_empty() {
        chart_of_case.subcharts.push(chart("common", "library", library));
    }
    let limits = Limits { depth: 20, output: 100_000, steps: 10_000 };
    let job = Job {
        chart: &chart_of_case,
        values: &values,
        release: &ReleaseInfo::install("rel", "prod"),
        capabilities: &Capabilities::default(),
        host: &host(),
        lookup: None,
        options: Options { limits, ..Options::default() },
    };
    match render(&job) {
        Ok(files) => Ok(files.iter().find(|file| *file.name == *main).unwrap().text.clone()),
        Err(error) => {
            let failures = error.failures();
            let all: Vec<String> =
                failures.iter().map(|failure| format!("{:#}", failure.diagnostic)).collect();
            Err(if all.is_empty() { error.to_string() } else { all.join("\n") })
        }
    }
}

fn check(path: &Path, bless: bool) -> Result<(), String> {
    let text = std::fs::read_to_string(path).unwrap();
    let sections = sections(&text);
    let (name, actual) = match rendered(&sections) {
        Ok(text) => ("text", format!("{text}\n")),
        Err(text) => ("error", format!("{text}\n")),
    };
    let mut complaints = String::new();
    let wanted =
        section(&sections, name).map(|text| if name == "text" { unescaped(text) } else { text.to_string() });
    if wanted.as_deref() != Some(&actual) {
        complaints = format!("--- wanted\n{}--- {name}\n{actual}", wanted.unwrap_or_default());
        if bless {
            let mut out = String::new();
            for (heading, body) in
                sections.iter().filter(|(heading, _)| heading != "text" && heading != "error")
            {
                if heading == "parsed" {
                    let _ = write!(out, "=== {name}\n{}", escaped(&actual));
                }
                let _ = write!(out, "=== {heading}\n{body}");
            }
            if section(&sections, "parsed").is_none() {
                let _ = write!(out, "=== {name}\n{}", escaped(&actual));
            }
            std::fs::write(path, out).unwrap();
            complaints.clear();
        }
    }
    if let Some(parsed) = section(&sections, "parsed") {
        let wanted: Value = serde_json::from_str(parsed).map_err(|error| format!("parsed: {error}"))?;
        let ours = yaml::value_from_text("x", &actual).map_err(|error| format!("{error}\n{actual}"))?;
        let theirs: Value = serde_yaml::from_str(&actual).map_err(|error| format!("{error}\n{actual}"))?;
        for (reader, found) in [("YAML 1.1", ours), ("YAML 1.2", theirs)] {
            if found != wanted {
                let _ = writeln!(
                    complaints,
                    "--- {reader} reads\n{found:?}\n--- instead of\n{wanted:?}\n{actual}"
                );
            }
        }
    }
    if complaints.is_empty() { Ok(()) } else { Err(complaints) }
}

#[test]
fn tera_cases() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/tera");
    let mut files = Vec::new();
    cases(&folder, &mut files);
    files.sort();
    assert!(files.len() >= 200, "only {} cases were found", files.len());
    let bless = std::env::var_os("BOWLINE_UPDATE").is_some();
    let mut failed = Vec::new();
    for path in &files {
        if let Err(complaint) = check(path, bless) {
            failed.push(format!("=== {}\n{complaint}", path.strip_prefix(&folder).unwrap().display()));
        }
    }
    assert!(failed.is_empty(), "{} of {} cases fail\n{}", failed.len(), files.len(), failed.join("\n"));
}
