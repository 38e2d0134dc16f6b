//! The laws of the fuzz targets, over their seeds and over what the fuzzer found: without the fuzzer itself.
//!
//! Invariant: a target, its file in `fuzz_targets`, its entry in the manifest and its folder of seeds come together.

#[path = "../fuzz/src/lib.rs"]
mod laws;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz")
}

/// File names in a folder, without extension, sorted.
fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

#[test]
fn every_target_is_whole() {
    let targets: Vec<&str> = laws::TARGETS.iter().map(|(name, _)| *name).collect();
    assert!(targets.is_sorted());
    assert_eq!(names(&folder().join("fuzz_targets")), targets);
    assert_eq!(names(&folder().join("seeds")), targets);
    let manifest = fs::read_to_string(folder().join("Cargo.toml")).unwrap();
    for target in targets {
        assert!(manifest.contains(&format!("path = \"fuzz_targets/{target}.rs\"")), "{target}");
    }
}

/// Runs one target over its seeds. Each must end soon: the fuzzer's limits are not here.
fn run(target: &str) {
    let (_, law) = laws::TARGETS.iter().find(|(name, _)| *name == target).unwrap();
    let mut seeds: Vec<PathBuf> = fs::read_dir(folder().join("seeds").join(target))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    seeds.sort();
    assert!(seeds.len() >= 5, "{target} has {} seeds", seeds.len());
    for seed in seeds {
        let data = fs::read(&seed).unwrap();
        let start = Instant::now();
        if let Err(panic) = std::panic::catch_unwind(|| law(&data)) {
            println!("the seed is {}", seed.display());
            std::panic::resume_unwind(panic);
        }
        assert!(start.elapsed() < Duration::from_secs(60), "{} took {:?}", seed.display(), start.elapsed());
    }
    law(b"");
}

macro_rules! targets {
    ($($target:ident),* $(,)?) => {
        $(#[test]
        fn $target() {
            run(stringify!($target));
        })*

        #[test]
        fn every_target_is_a_test() {
            let tests = [$(stringify!($target)),*];
            let targets: Vec<&str> = laws::TARGETS.iter().map(|(name, _)| *name).collect();
            assert_eq!(tests.as_slice(), targets.as_slice());
        }
    };
}

targets!(archive, gotpl_parse, gotpl_render, manifest, readers, release, set, tera, version, yaml);
