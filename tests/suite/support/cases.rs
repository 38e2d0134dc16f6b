//! Cases that are folders: what is in the working folder, the commands, and what they print.
//!
//! ```text
//! cmd        one command a line, without the program's name; `helm …` runs under that name; `#` starts a comment;
//!            `[2] …` is to end with that code
//! in/        files of the working folder (optional)
//! stdout     what all commands print (optional: nothing)
//! stderr     what all commands complain about (optional: nothing)
//! exit       exit code of the last command (optional: 0); the ones before it must succeed
//! env        lines NAME=value (optional)
//! out/       files that must be there afterwards, with these contents (optional)
//! ```
//!
//! `BOWLINE_UPDATE=1` writes what came out into `stdout`, `stderr` and `exit`; look at the difference before committing.

use std::fs;
use std::path::{Path, PathBuf};

use bowline::sys::parallel;

use super::Env;

/// The folders below a folder that hold a `cmd` file, sorted.
pub fn find(folder: &str) -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases").join(folder);
    let mut found = Vec::new();
    collect(&root, &mut found);
    found.sort();
    assert!(!found.is_empty(), "there are cases in {}", root.display());
    found
}

fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
        let path = entry.expect("folders can be read").path();
        if path.join("cmd").is_file() {
            found.push(path);
        } else if path.is_dir() {
            collect(&path, found);
        }
    }
}

fn optional(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

/// Runs a case and returns what is wrong with it.
pub fn run(case: &Path) -> Vec<String> {
    let mut env = Env::new();
    let mut as_helm = Env::new().named("helm");
    for line in optional(&case.join("env")).lines() {
        if let Some((name, value)) = line.split_once('=') {
            env = env.with(name, value);
            as_helm = as_helm.with(name, value);
        }
    }
    if case.join("in").is_dir() {
        env.copy_in(&case.join("in"));
        as_helm.copy_in(&case.join("in"));
    }
    let (mut stdout, mut stderr, mut code) = (String::new(), String::new(), 0);
    let mut wrong = Vec::new();
    let commands = optional(&case.join("cmd"));
    for line in commands.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        if code != 0 {
            wrong.push(format!("a command before `{line}` ended with {code}"));
        }
        let (expected, line) = match line.strip_prefix('[').and_then(|rest| rest.split_once("] ")) {
            Some((code, line)) => (code.parse().unwrap_or(-1), line),
            None => (0, line),
        };
        let ran = match line.strip_prefix("helm ") {
            Some(line) => as_helm.run(line),
            None => env.run(line),
        };
        stdout.push_str(&ran.stdout);
        stderr.push_str(&ran.stderr);
        code = ran.code.unwrap_or(-1);
        if expected != 0 && code != expected {
            wrong.push(format!("`{line}` ended with {code}"));
        } else if expected != 0 {
            code = 0;
        }
    }
    let expected_code = optional(&case.join("exit")).trim().parse().unwrap_or(0);
    if std::env::var_os("BOWLINE_UPDATE").is_some() {
        update(&case.join("stdout"), &stdout);
        update(&case.join("stderr"), &stderr);
        update(&case.join("exit"), &if code == 0 { String::new() } else { format!("{code}\n") });
        return wrong;
    }
    for (what, expected, got) in [
        ("stdout", optional(&case.join("stdout")), stdout),
        ("stderr", optional(&case.join("stderr")), stderr),
    ] {
        if expected != got {
            wrong.push(format!("{what}\n--- expected\n{expected}--- got\n{got}---"));
        }
    }
    if expected_code != code {
        wrong.push(format!("exit code: expected {expected_code}, got {code}"));
    }
    if case.join("out").is_dir() {
        compare(&case.join("out"), &env.work(), &mut wrong);
    }
    wrong
}

fn update(path: &Path, text: &str) {
    if text.is_empty() {
        let _ = fs::remove_file(path);
    } else {
        fs::write(path, text).expect("cases can be written");
    }
}

fn compare(expected: &Path, got: &Path, wrong: &mut Vec<String>) {
    for entry in fs::read_dir(expected).expect("cases can be read") {
        let path = entry.expect("cases can be read").path();
        let other = got.join(path.file_name().expect("entries have names"));
        if path.is_dir() {
            compare(&path, &other, wrong);
        } else if fs::read(&path).ok() != fs::read(&other).ok() {
            wrong.push(format!("{} differs:\n{}", other.display(), optional(&other)));
        }
    }
}

/// Runs all cases of a folder and fails with everything that is wrong.
pub fn check(folder: &str) {
    let cases = find(folder);
    let failed = parallel::map(&cases, 2, |case| {
        let name = case.file_name().unwrap_or_default().to_string_lossy().into_owned();
        run(case).into_iter().map(|wrong| format!("{folder}/{name}: {wrong}")).collect::<Vec<_>>()
    })
    .concat();
    assert!(failed.is_empty(), "of {} cases:\n{}", cases.len(), failed.join("\n"));
}
