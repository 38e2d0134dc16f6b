//! House rules as tests: which module may use which, who owns which external crate, how files begin and how long they
//! get, that tables are sorted, and that no path of a workplace slips in.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use regex::Regex;

/// Crates that any module may use.
const ANYONES: &[&str] = &["base64", "indexmap", "regex", "serde", "serde_json", "thiserror"];

/// All other external crates and the places that may use them, by the start of a path below `src`.
const OWNERS: &[(&str, &[&str])] = &[
    ("aes", &["sprig/"]),
    ("bcrypt", &["sprig/"]),
    ("bigdecimal", &["sprig/decimals"]),
    ("cbc", &["sprig/"]),
    ("clap", &["cli/"]),
    ("directories", &["sys/"]),
    ("dsa", &["keys/"]),
    ("ed25519_dalek", &["keys/"]),
    ("flate2", &["data/gzip"]),
    ("futures_util", &["repo/serve/storage/bucket"]),
    ("getrandom", &["sys/"]),
    ("hmac", &["sprig/"]),
    ("http1", &["cluster/kube/"]),
    ("http_auth", &["auth/challenge"]),
    ("http_body_util", &["cluster/kube/"]),
    ("imara_diff", &["plan/diff"]),
    ("jiff", &["data/time"]),
    ("jsonschema", &["values/schema"]),
    ("k8s_openapi", &["cluster/kube/"]),
    ("kube", &["cluster/kube/"]),
    ("memchr", &["data/yaml/cursor", "gotpl/lexer"]),
    ("mimalloc", &["main"]),
    ("object_store", &["repo/serve/storage/bucket"]),
    ("p256", &["keys/"]),
    ("pgp", &["package/provenance"]),
    ("pulldown_cmark", &["repo/serve"]),
    ("rand_core", &["sys/stream"]),
    ("reqwest", &["cluster/kube/", "sys/http"]),
    ("rpassword", &["cli/ui"]),
    ("rsa", &["keys/", "package/provenance"]),
    ("rusqlite", &["cluster/sqlite"]),
    ("rustls", &["cluster/kube/transport", "keys/trust", "sys/http", "sys/tls"]),
    ("scrypt", &["sprig/"]),
    ("semver", &["data/version"]),
    ("serde_yaml", &["data/yaml", "repo/config", "repo/index"]),
    ("sha1", &["sprig/encoding"]),
    ("sha2", &["data/digest", "sprig/", "sys/"]),
    ("signal_hook", &["cli/interrupt"]),
    ("tar", &["chart/archive", "chart/sparse"]),
    ("tera", &["render/tera"]),
    ("terminal_size", &["cli/ui"]),
    ("tiny_http", &["repo/serve"]),
    ("tokio", &["cluster/kube/", "repo/serve/storage/bucket"]),
    ("tower_service", &["cluster/kube/transport"]),
    ("unicode_width", &["cli/"]),
    ("walkdir", &["sys/fs"]),
    ("webpki", &["keys/trust"]),
    ("zeroize", &["package/provenance", "sys/secret"]),
];

/// Longest file in lines, tests left out.
const LONGEST: usize = 1_000;

/// What only `sys` (and `cli`, for its own streams and arguments) may touch.
const OUTSIDE: &[(&str, &[&str])] = &[
    (r"\bstd::env::(var|vars|current_dir|home_dir|args)", &["sys/", "cli/mod.rs", "data/"]),
    (r"\bstd::fs\b", &["sys/"]),
    (r"\bSystemTime::now\b", &["sys/"]),
    (r"\bprocess::exit\b", &[]),
];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Files below a folder with one of the extensions, as path from the root and text, sorted.
fn files(folder: &str, extensions: &[&str]) -> Vec<(String, String)> {
    fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
        let Ok(entries) = fs::read_dir(folder) else { return };
        for path in entries.filter_map(Result::ok).map(|entry| entry.path()) {
            if path.is_dir() {
                walk(&path, found);
            } else {
                found.push(path);
            }
        }
    }
    let mut paths = Vec::new();
    walk(&root().join(folder), &mut paths);
    let mut files: Vec<(String, String)> = paths
        .into_iter()
        .filter(|path| path.extension().is_some_and(|end| extensions.iter().any(|wanted| end == *wanted)))
        .filter_map(|path| {
            let name = path.strip_prefix(root()).ok()?.components();
            let name = name.map(|part| part.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/");
            Some((name, fs::read_to_string(path).ok()?))
        })
        .collect();
    files.sort();
    files
}

/// Source files of the library as path below `src` and the text before its tests.
fn sources() -> Vec<(String, String)> {
    files("src", &["rs"])
        .into_iter()
        .filter(|(path, _)| !path.ends_with("tests.rs") && !path.contains("/tests/"))
        .map(|(path, text)| {
            let own = text.split("\n#[cfg(test)]\nmod ").next().unwrap_or_default().to_string();
            (path.trim_start_matches("src/").to_string(), own)
        })
        .collect()
}

/// Lines of code: comments and the inside of nothing else left out.
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines()
        .enumerate()
        .map(|(number, line)| (number + 1, line))
        .filter(|(_, line)| !line.trim_start().starts_with("//"))
}

fn fail(wrong: &[String]) {
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// The ranks in the table of `lib.rs`.
fn ranks() -> BTreeMap<String, u32> {
    let row = Regex::new(r"(?m)^//! \| (\d+) \| (.+?) \|").expect("the pattern is valid");
    let name = Regex::new(r"\[`(\w+)`\]").expect("the pattern is valid");
    let text = fs::read_to_string(root().join("src/lib.rs")).expect("the library has a root");
    let mut ranks = BTreeMap::new();
    for found in row.captures_iter(&text) {
        let rank: u32 = found[1].parse().expect("ranks are numbers");
        for module in name.captures_iter(&found[2]) {
            ranks.insert(module[1].to_string(), rank);
        }
    }
    ranks
}

#[test]
fn every_module_has_a_rank() {
    let ranks = ranks();
    let text = fs::read_to_string(root().join("src/lib.rs")).expect("the library has a root");
    let declared: Vec<&str> =
        text.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';')).collect();
    assert!(declared.is_sorted() && declared.len() > 10, "{declared:?}");
    let ranked: Vec<&str> = ranks.keys().map(String::as_str).collect();
    assert_eq!(declared, ranked, "the modules and the table of src/lib.rs");
    for module in ranked {
        let is_checked = sources().iter().any(|(file, _)| file.split(['/', '.']).next() == Some(module));
        assert!(is_checked, "no file of {module} is checked for the ranks that it uses");
    }
}

#[test]
fn use_points_only_to_lower_ranks() {
    let ranks = ranks();
    let path = Regex::new(r"\bcrate::(\w+)").expect("the pattern is valid");
    let group = Regex::new(r"\buse crate::\{").expect("the pattern is valid");
    let mut wrong = Vec::new();
    for (file, text) in sources() {
        let Some(module) = file.split(['/', '.']).next().filter(|module| ranks.contains_key(*module)) else {
            continue;
        };
        for (number, line) in code(&text) {
            if group.is_match(line) {
                wrong.push(format!("src/{file}:{number}: `use crate::{{…}}` hides which modules are used"));
            }
            for found in path.captures_iter(line) {
                let used = &found[1];
                if used != module && ranks.get(used).is_some_and(|rank| *rank >= ranks[module]) {
                    wrong.push(format!(
                        "src/{file}:{number}: {module} (rank {}) uses {used} (rank {})",
                        ranks[module], ranks[used]
                    ));
                }
            }
        }
    }
    fail(&wrong);
}

/// The names in a section of `Cargo.toml`.
fn dependencies(section: &str) -> Vec<String> {
    let manifest = fs::read_to_string(root().join("Cargo.toml")).expect("there is a manifest");
    let lines = manifest.lines().skip_while(|line| *line != section).skip(1);
    lines
        .take_while(|line| !line.starts_with('['))
        .filter_map(|line| line.split_once(" = ").map(|(name, _)| name.to_string()))
        .collect()
}

#[test]
fn each_external_crate_has_one_owner() {
    let mut wrong = Vec::new();
    let listed = |name: &str| ANYONES.contains(&name) || OWNERS.iter().any(|(owned, _)| *owned == name);
    let used: Vec<String> =
        dependencies("[dependencies]").iter().map(|name| name.replace('-', "_")).collect();
    wrong.extend(
        used.iter()
            .filter(|name| !listed(name))
            .map(|name| format!("{name} of Cargo.toml has no owner here")),
    );
    wrong.extend(
        OWNERS
            .iter()
            .filter(|(name, _)| !used.iter().any(|used| used == name))
            .map(|(name, _)| format!("{name} has an owner here and is not in Cargo.toml")),
    );
    for (name, owners) in OWNERS {
        let used = Regex::new(&format!(r"(\buse |[^\w:]){name}::")).expect("the pattern is valid");
        for (file, text) in sources() {
            // A module of the same name as the crate is meant by `tera::` and the like within its own parent.
            let is_owner = owners.iter().any(|owner| file.starts_with(owner));
            let declares = text.contains(&format!("mod {name};"));
            if is_owner || declares {
                continue;
            }
            for (number, line) in code(&text) {
                if used.is_match(line) && !line.contains(&format!("crate::{name}::")) {
                    wrong.push(format!("src/{file}:{number}: {name} belongs to {}", owners.join(", ")));
                }
            }
        }
    }
    fail(&wrong);
}

#[test]
fn the_outside_world_comes_through_sys() {
    let mut wrong = Vec::new();
    for (pattern, allowed) in OUTSIDE {
        let pattern = Regex::new(pattern).expect("the pattern is valid");
        for (file, text) in sources() {
            if allowed.iter().any(|owner| file.starts_with(owner)) {
                continue;
            }
            for (number, line) in code(&text).filter(|(_, line)| pattern.is_match(line)) {
                wrong.push(format!("src/{file}:{number}: {}", line.trim()));
            }
        }
    }
    fail(&wrong);
}

#[test]
fn files_say_why_they_exist_and_stay_short() {
    let mut wrong = Vec::new();
    for (file, text) in sources() {
        if !text.starts_with("//! ") {
            wrong.push(format!("src/{file}: does not start with `//!`"));
        }
        let lines = text.lines().count();
        if lines > LONGEST {
            wrong.push(format!("src/{file}: {lines} lines without tests, more than {LONGEST}"));
        }
    }
    for (file, text) in files("tests/suite", &["rs"]) {
        if !text.starts_with("//! ") {
            wrong.push(format!("{file}: does not start with `//!`"));
        }
    }
    fail(&wrong);
}

#[test]
fn tables_are_sorted() {
    assert!(OWNERS.is_sorted_by_key(|(name, _)| *name));
    assert!(ANYONES.is_sorted());
    for section in ["[dependencies]", "[dev-dependencies]"] {
        let names = dependencies(section);
        assert!(!names.is_empty() && names.is_sorted(), "{section} of Cargo.toml is sorted: {names:?}");
    }
    let text = fs::read_to_string(root().join("tests/suite/main.rs")).expect("the suite has a root");
    let modules: Vec<&str> = text.lines().filter(|line| line.starts_with("mod ")).collect();
    assert!(modules.is_sorted(), "{modules:?}");
}

#[test]
fn no_path_of_a_workplace_slips_in() {
    // In pieces, so that this file does not find itself.
    let places =
        [["/wo", "rk/"], ["/ro", "ot/"], ["/hom", "e/runner"], ["/Use", "rs/"]].map(|parts| parts.concat());
    let mut wrong = Vec::new();
    for folder in ["src", "tests", "charts", "templates", "repo-index"] {
        for (file, text) in
            files(folder, &["rs", "md", "yaml", "tpl", "tera", "txt", "toml", "json", "stdout"])
        {
            for (number, line) in text.lines().enumerate() {
                if let Some(place) = places.iter().find(|place| line.contains(place.as_str())) {
                    wrong.push(format!("{file}:{}: {place}", number + 1));
                }
            }
        }
    }
    fail(&wrong);
}

#[test]
fn nothing_is_left_half_done() {
    let words =
        [["to", "do!("], ["unim", "plemented!("], ["db", "g!("], ["FIX", "ME"]].map(|parts| parts.concat());
    let mut wrong = Vec::new();
    for (file, text) in sources() {
        for (number, line) in text.lines().enumerate() {
            if words.iter().any(|word| line.contains(word.as_str())) {
                wrong.push(format!("src/{file}:{}: {}", number + 1, line.trim()));
            }
        }
    }
    fail(&wrong);
}
