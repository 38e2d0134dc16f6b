//! The store in one file: how it comes to be, what it does with files that are none or broken, with a full disk, and with
//! several clients.

#![allow(clippy::print_stdout)] // tests say what they measured and what they skipped

use std::path::Path;
use std::time::{Duration, Instant};

use bowline::cluster::{Query, Sqlite, Store, StoreError, StoreOptions, Write};
use bowline::sys::{Host, Random};

use crate::stores::{body, config, host, id, state};
use crate::support::skip::skipped;

fn sqlite(path: &Path) -> Sqlite {
    let options = StoreOptions { busy_timeout: Duration::from_millis(300), ..StoreOptions::default() };
    Sqlite::new(path, &Host { random: Random::System, ..host() }, options)
}

#[test]
fn reading_makes_nothing_and_writing_makes_a_private_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x/y/store.sqlite");
    let store = sqlite(&path);
    assert!(store.list(&Query::default()).unwrap().is_empty());
    store.check().unwrap();
    assert!(!folder.path().join("x").exists());
    store.create(config("n", "a", "1")).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        for file in std::fs::read_dir(path.parent().unwrap()).unwrap() {
            let file = file.unwrap();
            assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{:?}", file.path());
        }
    }
    drop(store);
    // Nothing but the file is left by a client that ends in order.
    assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    assert_eq!(state(&sqlite(&path)).len(), 1);
}

#[test]
fn a_file_that_is_empty_counts_as_no_store() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s");
    std::fs::write(&path, "").unwrap();
    assert!(state(&sqlite(&path)).is_empty());
    sqlite(&path).create(config("n", "a", "1")).unwrap();
    assert_eq!(state(&sqlite(&path)).len(), 1);
}

#[test]
fn foreign_newer_and_damaged_files_are_told_apart_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let check = |name: &str, want: &str| {
        let path = folder.path().join(name);
        let before = std::fs::read(&path).ok();
        let store = sqlite(&path);
        for error in
            [store.list(&Query::default()).unwrap_err(), store.create(config("n", "x", "1")).unwrap_err()]
        {
            let text = error.to_string();
            assert!(text.contains(want), "{name}: {text}");
            assert!(text.contains(name), "{name}: {text}");
        }
        assert_eq!(std::fs::read(&path).ok(), before, "{name} was changed");
    };
    std::fs::write(folder.path().join("text"), "just some text, long enough to be looked at\n".repeat(100))
        .unwrap();
    check("text", "is not a bowline store: it is no SQLite file");
    std::fs::create_dir(folder.path().join("folder")).unwrap();
    check("folder", "it is a folder or a device");

    let open = |name: &str| rusqlite::Connection::open(folder.path().join(name)).unwrap();
    open("other").execute_batch("CREATE TABLE t (x); INSERT INTO t VALUES (1);").unwrap();
    check("other", "it is an SQLite file of another program");
    open("marked").execute_batch("PRAGMA application_id = 252006674; CREATE TABLE t (x);").unwrap();
    check("marked", "it is an SQLite file of another program");

    let make = |name: &str| {
        let store = sqlite(&folder.path().join(name));
        for number in 0..50 {
            store.create(config("n", &format!("o{number}"), &"data ".repeat(300))).unwrap();
        }
    };
    make("newer");
    open("newer").execute_batch("PRAGMA user_version = 2;").unwrap();
    check("newer", "has format 2, and this program knows formats up to 1");

    make("torn");
    let path = folder.path().join("torn");
    let mut bytes = std::fs::read(&path).unwrap();
    for page in bytes.chunks_mut(4096).skip(1) {
        page[..64].fill(0xa5);
    }
    std::fs::write(&path, bytes).unwrap();
    check("torn", "is damaged");

    make("short");
    let path = folder.path().join("short");
    let bytes = std::fs::read(&path).unwrap();
    std::fs::write(&path, &bytes[..bytes.len() / 2 / 4096 * 4096]).unwrap();
    let error = sqlite(&path).check().unwrap_err();
    assert!(matches!(error, StoreError::Corrupt { .. }), "{error}");
    let error = sqlite(&path).list(&Query::default()).unwrap_err();
    assert!(matches!(error, StoreError::Corrupt { .. }), "{error}");
}

#[test]
fn a_body_that_cannot_be_read_is_damage() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s");
    sqlite(&path).create(config("n", "a", "1")).unwrap();
    rusqlite::Connection::open(&path).unwrap().execute_batch("UPDATE body SET json = '{'").unwrap();
    let error = sqlite(&path).get(&id("n", "a")).unwrap_err();
    assert!(error.to_string().ends_with("is damaged: the body of ConfigMap/n/a cannot be read"), "{error}");
    // What does not need the body still works.
    let bare = Query { metadata_only: true, ..Query::default() };
    assert_eq!(sqlite(&path).list(&bare).unwrap().len(), 1);
}

#[test]
fn a_full_store_keeps_what_it_had() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s");
    let options = StoreOptions { most_pages: Some(40), ..StoreOptions::default() };
    let store = Sqlite::new(&path, &host(), options);
    let mut kept = 0;
    let error = loop {
        match store.create(config("n", &format!("o{kept}"), &"x".repeat(5000))) {
            Ok(_) => kept += 1,
            Err(error) => break error,
        }
        assert!(kept < 100);
    };
    assert!(matches!(error, StoreError::Full { .. }), "{error}");
    assert!(error.to_string().ends_with("no space left on the disk"));
    assert_eq!(state(&store).len(), kept);
    store.check().unwrap();
    // Room is made by deleting, and the store goes on.
    store.delete(&id("n", "o0"), None).unwrap();
    store.create(config("n", "small", "x")).unwrap();
}

/// Needs a folder on a small file system of its own: `mount -t tmpfs -o size=600k tmpfs DIR; BOWLINE_SMALL_DISK=DIR`.
#[test]
fn a_full_disk_keeps_what_it_had() {
    let Ok(folder) = std::env::var("BOWLINE_SMALL_DISK") else {
        skipped("BOWLINE_SMALL_DISK names no small disk");
        return;
    };
    let path = Path::new(&folder).join("store.sqlite");
    let filler = Path::new(&folder).join("filler");
    std::fs::write(&filler, vec![0; 100 << 10]).unwrap();
    let mut kept = 0;
    let error = loop {
        // A new client each time: opening must not fail either once there is no room.
        match sqlite(&path).create(config("n", &format!("o{kept}"), &"x".repeat(5000))) {
            Ok(_) => kept += 1,
            Err(error) => break error,
        }
        assert!(kept < 1000);
    };
    println!("{kept} objects fit, then: {error}");
    assert!(matches!(error, StoreError::Full { .. }), "{error}");
    assert!(kept > 5);
    // One client that stays open meets the full disk in its log.
    let store = sqlite(&path);
    let many: Vec<Write> = (0..200)
        .map(|number| Write::Create { body: config("n", &format!("p{number}"), &"x".repeat(5000)) })
        .collect();
    let error = store.batch(&many).unwrap_err();
    assert!(matches!(error, StoreError::Full { .. }), "{error}");
    assert_eq!(state(&store).len(), kept);
    store.check().unwrap();
    let second = Path::new(&folder).join("second");
    drop(store);
    std::fs::write(&second, vec![0; 1 << 20]).unwrap_err();
    assert_eq!(state(&sqlite(&path)).len(), kept, "a store on a full disk can be read");
    std::fs::remove_file(&second).unwrap();
    std::fs::remove_file(&filler).unwrap();
    sqlite(&path).delete(&id("n", "o0"), None).unwrap();
    std::fs::remove_file(&path).unwrap();
}

#[test]
fn a_busy_store_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s");
    let store = sqlite(&path);
    store.create(config("n", "a", "1")).unwrap();
    let other = rusqlite::Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let error = store.create(config("n", "b", "1")).unwrap_err();
    assert!(
        error.to_string().ends_with("is busy: another process is writing to it (waited 0.3 s)"),
        "{error}"
    );
    assert_eq!(state(&store).len(), 1, "readers do not wait");
    other.execute_batch("COMMIT").unwrap();
    store.create(config("n", "b", "1")).unwrap();
}

#[test]
fn many_clients_make_and_fill_one_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("deep/store.sqlite");
    let options = StoreOptions { busy_timeout: Duration::from_secs(60), ..StoreOptions::default() };
    let versions: Vec<u64> = std::thread::scope(|scope| {
        let clients: Vec<_> = (0..6)
            .map(|client| {
                let path = &path;
                scope.spawn(move || {
                    let store = Sqlite::new(path, &Host { random: Random::System, ..host() }, options);
                    (0..15)
                        .map(|number| {
                            let made =
                                store.create(config("n", &format!("c{client}-{number}"), "1")).unwrap();
                            made.resource_version
                        })
                        .collect::<Vec<_>>()
                })
            })
            .collect();
        clients.into_iter().flat_map(|client| client.join().unwrap()).collect()
    });
    let store = sqlite(&path);
    assert_eq!(state(&store).len(), 90);
    assert_eq!(versions.iter().collect::<std::collections::BTreeSet<_>>().len(), 90, "no version twice");
    // Only one of two racing writers with the same version wins.
    let seen = store.get(&id("n", "c0-0")).unwrap().unwrap().resource_version;
    let wins = std::thread::scope(|scope| {
        let racers: Vec<_> = (0..4)
            .map(|racer| {
                let path = &path;
                scope.spawn(move || {
                    let store = Sqlite::new(path, &host(), options);
                    store.replace(config("n", "c0-0", &format!("r{racer}")), Some(seen)).is_ok()
                })
            })
            .collect();
        racers.into_iter().map(|racer| racer.join().unwrap()).filter(|won| *won).count()
    });
    assert_eq!(wins, 1);
}

#[test]
fn readers_see_nothing_or_all_of_a_store_that_is_being_made() {
    let folder = tempfile::tempdir().unwrap();
    for round in 0..25 {
        let path = folder.path().join(format!("s{round}"));
        std::thread::scope(|scope| {
            for _ in 0..3 {
                let path = &path;
                scope.spawn(move || {
                    // A new client each time, so that each looks at the file as it is at that moment.
                    while state(&sqlite(path)).is_empty() {}
                });
            }
            sqlite(&path).create(config("n", "a", "1")).unwrap();
        });
    }
}

#[test]
fn listing_metadata_of_many_objects_is_quick() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s");
    let store = sqlite(&path);
    let payload = "x".repeat(20_000);
    for part in 0..20 {
        let writes: Vec<Write> = (0..100)
            .map(|number| {
                let name = format!("r{}", part * 100 + number);
                let body = body(&format!(
                    r#"{{"apiVersion":"v1","kind":"Secret","metadata":{{"name":"sh.helm.release.v1.{name}.v1","namespace":"n","labels":{{"name":"{name}","owner":"helm","status":"deployed","version":"1"}},"annotations":{{"bowline.dev/chart":"c","bowline.dev/chart-version":"1.2.3","bowline.dev/updated":"2026-11-21T07:15:59.403304847Z","bowline.dev/description":"Install complete"}}}},"data":{{"release":"{payload}"}}}}"#
                ));
                Write::Create { body }
            })
            .collect();
        store.batch(&writes).unwrap();
    }
    let timed = |labels: &[(&str, &str)]| {
        let labels = labels.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect();
        let query = Query {
            group_kind: Some((String::new(), "Secret".into())),
            labels,
            metadata_only: true,
            ..Query::default()
        };
        let fresh = sqlite(&path);
        let start = Instant::now();
        let count = fresh.list(&query).unwrap().len();
        (count, start.elapsed())
    };
    let (all, time_all) = timed(&[("owner", "helm")]);
    let (one, time_one) = timed(&[("owner", "helm"), ("name", "r77")]);
    assert_eq!((all, one), (2000, 1));
    println!("2,000 releases listed in {time_all:?}, one found in {time_one:?} (file opened each time)");
}

/// Runs this test again as a user who may not write, since root may do everything.
#[cfg(unix)]
#[test]
fn a_store_that_may_only_be_read_is_read() {
    use std::os::unix::fs::PermissionsExt;
    use std::os::unix::process::CommandExt;

    const CHILD: &str = "BOWLINE_TEST_READ_ONLY";
    if let Ok(folder) = std::env::var(CHILD) {
        for name in ["file/s", "folder/s"] {
            let store = sqlite(&Path::new(&folder).join(name));
            assert_eq!(state(&store).len(), 1, "{name}");
            let error = store.create(config("n", "b", "1")).unwrap_err();
            assert!(matches!(error, StoreError::ReadOnly { .. }), "{name}: {error}");
            assert_eq!(state(&store).len(), 1, "{name}");
        }
        let error = sqlite(&Path::new(&folder).join("folder/new")).create(config("n", "b", "1")).unwrap_err();
        assert!(error.to_string().contains("permission denied"), "{error}");
        let error = sqlite(&Path::new(&folder).join("secret/s")).list(&Query::default()).unwrap_err();
        assert!(matches!(error, StoreError::Unreachable { .. }), "{error}");
        // What may not be looked at is not taken for an empty store.
        let error = sqlite(&Path::new(&folder).join("closed/s")).list(&Query::default()).unwrap_err();
        assert!(error.to_string().contains("permission denied"), "{error}");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    for name in ["file/s", "folder/s", "secret/s", "closed/s"] {
        sqlite(&folder.path().join(name)).create(config("n", "a", "1")).unwrap();
    }
    let mode = |path: &str, mode: u32| {
        std::fs::set_permissions(folder.path().join(path), std::fs::Permissions::from_mode(mode)).unwrap();
    };
    mode("", 0o755);
    mode("file", 0o777);
    mode("file/s", 0o444);
    mode("folder", 0o555);
    mode("folder/s", 0o444);
    mode("secret/s", 0o000);
    mode("closed", 0o000);
    let mut child = std::process::Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", "stores::a_store_that_may_only_be_read_is_read"]).env(CHILD, folder.path());
    child.current_dir("/");
    if std::fs::write(folder.path().join("folder/probe"), "").is_ok() {
        child.uid(65_534).gid(65_534);
    }
    let output = child.output();
    mode("closed", 0o700);
    let output = match output {
        Ok(output) => output,
        Err(error) => {
            skipped(&format!("cannot run as another user: {error}"));
            return;
        }
    };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}
