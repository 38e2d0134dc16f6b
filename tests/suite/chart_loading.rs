//! Loading charts: folders and archives, good and bad.

use std::path::{Path, PathBuf};

use bowline::chart::{self, Limits};

/// The public charts of the conformance data, when they are there.
fn conformance_charts() -> Option<Vec<PathBuf>> {
    let vectors = std::env::var_os("BOWLINE_VECTORS").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/conformance/vectors"),
        PathBuf::from,
    );
    let Ok(entries) = std::fs::read_dir(vectors.with_file_name("charts")) else {
        eprintln!("skipped: no conformance data (set BOWLINE_VECTORS)");
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
