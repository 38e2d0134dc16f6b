//! Loading charts: folders and archives, good and bad.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use bowline::chart::{self, Limits};
use bowline::diag::Hint as _;

/// The cases of this module.
fn cases() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/chart")
}

/// The public charts of the conformance data, when they are there.
fn conformance_charts() -> Option<Vec<PathBuf>> {
    let vectors = std::env::var_os("BOWLINE_VECTORS").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/conformance/vectors"),
        PathBuf::from,
    );
    let Ok(entries) = std::fs::read_dir(vectors.with_file_name("charts")) else {
        println!("skipped: no conformance data (set BOWLINE_VECTORS)");
        return None;
    };
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    Some(paths.filter(|path| path.extension().is_some_and(|extension| extension == "tgz")).collect())
}

#[test]
fn public_charts_load() {
    let Some(charts) = conformance_charts() else { return };
    let mut failed = Vec::new();
    for path in &charts {
        if let Err(error) = chart::load(path, &Limits::default()) {
            failed.push(format!("{error}"));
        }
    }
    assert!(failed.is_empty(), "{} of {}:\n{}", failed.len(), charts.len(), failed.join("\n"));
}

/// Each folder below `bad/` is a chart that must not load, beside the error that says why: its text, the one line of its
/// diagnostic, and its hints. `BLESS=1` writes what comes out.
#[test]
fn bad_charts_say_what_is_wrong_and_where() {
    let mut wrong = Vec::new();
    let mut folders: Vec<PathBuf> =
        std::fs::read_dir(cases().join("bad")).unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.sort();
    for folder in &folders {
        let error = match chart::load(&folder.join("chart"), &Limits::default()) {
            Ok(_) => {
                wrong.push(format!("{} loads", folder.display()));
                continue;
            }
            Err(error) => error,
        };
        let mut text = format!("{error}\n");
        if let Some(diagnostic) = error.diagnostic() {
            writeln!(text, "at: {diagnostic}").unwrap();
        }
        for hint in error.hints() {
            writeln!(text, "hint: {hint}").unwrap();
        }
        let text = text.replace(&format!("{}/", folder.display()), "");
        let expected = folder.join("error.txt");
        if std::env::var_os("BLESS").is_some() {
            std::fs::write(&expected, &text).unwrap();
        }
        let expected = std::fs::read_to_string(expected).unwrap_or_default();
        if text != expected {
            wrong.push(format!("{}:\n{text}instead of\n{expected}", folder.display()));
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), folders.len(), wrong.join("\n"));
}
