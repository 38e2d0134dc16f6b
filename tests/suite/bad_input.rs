//! What is wrong is refused with a message that says where and what to do, without a panic, and with nothing changed. The
//! texts are in the cases `tests/cases/cli/bad_*`; here is what cases cannot show: that the store stays as it was, and
//! stores that are themselves what is wrong.

use std::fs;
use std::path::Path;

use crate::support::{Env, cases};

const GOOD: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: good}\ndata: {a: b}\n";

/// A world with one release, `good`, in the file `state.sqlite`.
fn world() -> Env {
    let env = Env::new().with("BOWLINE_STORE", "sqlite:state.sqlite");
    env.write("good/Chart.yaml", "apiVersion: v2\nname: good\nversion: 1.0.0\n");
    env.write("good/templates/map.yaml", GOOD);
    env.run("install good good").ok();
    env
}

/// All that the store holds, records too.
fn state(env: &Env) -> String {
    env.run("objects list --all-namespaces -o json").ok().stdout
        + &env.run("history good -o json").ok().stdout
}

#[test]
fn bad_input_changes_nothing() {
    let env = world();
    let before = state(&env);
    let mut tried = 0;
    for case in cases::find("cli") {
        let name = case.file_name().unwrap().to_string_lossy().into_owned();
        if !name.starts_with("bad_") || !case.join("env").is_file() {
            continue;
        }
        let _ = fs::remove_dir_all(env.path("app"));
        env.copy_in(&case.join("in"));
        let commands = fs::read_to_string(case.join("cmd")).unwrap();
        for line in commands.lines().filter(|line| !line.starts_with('#')) {
            let json = env.run(&format!("{line} -o json")).exits(1).stdout;
            let told: serde_json::Value = serde_json::from_str(&json).unwrap();
            assert_eq!(told["exit_code"], 1, "{name}: {json}");
            // The same input, for a release that is there.
            let ran = env.run(&line.replace("install r ", "upgrade good ")).exits(1);
            assert!(ran.stdout.is_empty(), "{name}: {}", ran.stdout);
            assert!(ran.stderr.starts_with("Error: ") && !ran.stderr.contains("panicked"), "{}", ran.stderr);
            tried += 1;
        }
        assert_eq!(state(&env), before, "{name}");
    }
    assert!(tried >= 30, "{tried} commands");
}

/// Runs commands that read and commands that write; all fail with a text and advice, and the file stays as it was.
#[track_caller]
fn refuses(env: &Env, what: &str, advice: &str) {
    let path = env.path("state.sqlite");
    let before = fs::read(&path).ok();
    for line in [
        "list",
        "history good",
        "status good",
        "objects list",
        "upgrade good good",
        "upgrade --install other good",
        "rollback good 1",
        "uninstall good",
        "delete --purge good",
    ] {
        let ran = env.run(line).exits(1);
        assert!(ran.stderr.contains("state.sqlite") && ran.stderr.contains(what), "{line}: {}", ran.stderr);
        assert!(ran.stderr.contains(&format!("\nhint: {advice}")), "{line}: {}", ran.stderr);
        assert!(!ran.stderr.contains("panicked"), "{line}: {}", ran.stderr);
        assert_eq!(fs::read(&path).ok(), before, "{line} changed the file");
    }
}

#[test]
fn a_file_that_is_no_store_is_left_alone() {
    let env = world();
    fs::remove_file(env.path("state.sqlite")).unwrap();
    for side in ["state.sqlite-wal", "state.sqlite-shm"] {
        let _ = fs::remove_file(env.path(side));
    }
    env.write("state.sqlite", &"a letter to somebody, long enough to be looked at\n".repeat(100));
    refuses(
        &env,
        "is not a bowline store: it is no SQLite file",
        "the file was not changed; name another file with",
    );
    // What needs no store still works.
    assert!(env.run("template good").ok().stdout.contains("kind: ConfigMap"));
    env.run("install dry good --dry-run=client").ok();
}

#[test]
fn a_store_of_another_program_or_a_newer_one_is_left_alone() {
    let env = world();
    let path = env.path("state.sqlite");
    let open = |path: &Path| rusqlite::Connection::open(path).unwrap();
    open(&path).execute_batch("PRAGMA user_version = 99;").unwrap();
    refuses(&env, "has format 99, and this program knows formats up to", "install a newer bowline");
    fs::remove_file(&path).unwrap();
    open(&path)
        .execute_batch("CREATE TABLE letters (text); INSERT INTO letters VALUES ('dear all');")
        .unwrap();
    refuses(
        &env,
        "it is an SQLite file of another program",
        "the file was not changed; name another file with",
    );
}

#[test]
fn a_damaged_store_is_told_and_not_made_worse() {
    let env = world();
    let path = env.path("state.sqlite");
    let mut bytes = fs::read(&path).unwrap();
    for page in bytes.chunks_mut(4096).skip(1) {
        page[..64].fill(0xa5);
    }
    fs::write(&path, bytes).unwrap();
    refuses(&env, "is damaged", "restore the file from a copy");
}

#[cfg(unix)]
#[test]
fn a_store_that_may_only_be_read_can_be_read() {
    use std::os::unix::fs::PermissionsExt;
    let env = world();
    let before = state(&env);
    let (path, folder) = (env.path("state.sqlite"), env.work());
    let mode = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    mode(&path, 0o444);
    mode(&folder, 0o555);
    if fs::OpenOptions::new().append(true).open(&path).is_ok() {
        crate::support::skip::skipped("this user may write to everything");
    } else {
        let ran = env.run("upgrade good good").exits(1);
        assert!(ran.stderr.contains("cannot be written"), "{}", ran.stderr);
        assert!(ran.stderr.contains("hint: check owner and mode"), "{}", ran.stderr);
        assert_eq!(state(&env), before);
    }
    mode(&folder, 0o755);
    mode(&path, 0o644);
    env.run("upgrade good good").ok();
}

#[test]
fn a_store_in_a_folder_that_cannot_be_made_is_told() {
    let env = world();
    env.write("file", "no folder");
    let ran = env.run("install other good --store sqlite:file/state.sqlite").exits(1);
    assert!(ran.stderr.contains("file/state.sqlite") && !ran.stderr.contains("panicked"), "{}", ran.stderr);
    for (store, what) in [
        ("etcd://127.0.0.1:1/x", "etcd"),
        ("kube", "no kubeconfig was found"),
        ("postgres:x", "invalid store"),
    ] {
        let ran = env.run(&format!("list --store {store}")).exits(1);
        assert!(ran.stderr.contains(what) && ran.stderr.contains("\nhint: "), "{}", ran.stderr);
    }
}

/// A limit on the size of files is met as a disk that is full is: in the middle of a write.
#[cfg(unix)]
#[test]
fn a_chart_that_cannot_be_written_in_full_is_not_there_at_all() {
    let env = Env::new();
    let program = env.command([]).get_program().to_os_string();
    let limited = |blocks: u32| {
        let mut shell = std::process::Command::new("sh");
        // The signal is ignored, so that the write fails instead of ending the process.
        shell.arg("-c").arg(format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" create web"));
        let ran = shell.arg(&program).current_dir(env.work()).env("HOME", env.home()).output().unwrap();
        (ran.status.code(), String::from_utf8(ran.stderr).unwrap())
    };
    let left = || fs::read_dir(env.work()).unwrap().count();
    let (code, told) = limited(1);
    assert_eq!((code, left()), (Some(1), 0), "{told}");
    assert!(told.contains("cannot write") && told.contains("too large"), "{told}");
    // What a killed run left is no obstacle.
    env.write(".web.part/Chart.yaml", "");
    let (code, told) = limited(1_000);
    assert_eq!((code, left()), (Some(0), 1), "{told}");
    assert!(env.path("web/values.yaml").is_file());
}
