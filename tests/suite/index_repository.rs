//! `repo-index/index.yaml` is what packaging and indexing the example charts give, to the byte.
//!
//! `BOWLINE_UPDATE=1` writes it anew; look at the difference before committing. All times in it are the one that the
//! archives carry, so that it depends on nothing but charts/.

use std::fs;
use std::path::Path;

use bowline::chart::{self, Limits};
use bowline::package::{DEFAULT_TIME, PackOptions, pack};
use bowline::repo::generate::generate;
use bowline::sys::{Clock, Host};

#[test]
fn the_committed_index_is_that_of_the_example_charts() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let packed = tempfile::tempdir().expect("a temporary folder can be made");
    let mut digests = Vec::new();
    for entry in fs::read_dir(root.join("charts")).expect("there are example charts") {
        let path = entry.expect("the folder can be read").path();
        let chart = chart::load(&path, &Limits::default())
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let archive = pack(&chart, &PackOptions::default())
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        archive.save(packed.path()).expect("archives can be written");
        digests.push((archive.file_name, archive.digest.to_string()));
    }
    let host = Host {
        clock: Clock::ticking(DEFAULT_TIME),
        ..Host::of_process().expect("there is a current folder")
    };
    let generated = generate(packed.path(), "", &host).expect("the folder can be indexed");
    assert!(generated.warnings.is_empty(), "{:?}", generated.warnings);
    let text = generated.index.to_yaml().expect("an index is YAML");
    let committed = root.join("repo-index/index.yaml");
    if std::env::var_os("BOWLINE_UPDATE").is_some() {
        fs::write(&committed, &text).expect("the index can be written");
    }
    let found = fs::read_to_string(&committed).unwrap_or_default();
    for (file, digest) in digests {
        let digest = digest.trim_start_matches("sha256:");
        assert!(found.contains(digest), "{file} has the digest {digest}, which the index does not name");
    }
    assert_eq!(found, text, "run the test with BOWLINE_UPDATE=1 and look at the difference");
}
