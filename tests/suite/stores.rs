//! One suite over every store: the contract of `bowline::cluster`, against a model, and under faults.

#![allow(clippy::print_stdout)] // tests say what they measured and what they skipped

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bowline::cluster::memory::{Failure, MemoryOptions, When};
use bowline::cluster::{Etcd, Memory, Query, Sqlite, Store, StoreError, StoreOptions, Stored, Write};
use bowline::data::Value;
use bowline::manifest::ObjectRef;
use bowline::sys::{Clock, Dirs, Host, Random};
use proptest::prelude::*;

use crate::support::skip::{server_is_missing, skipped};

/// A host with nothing in its environment and no folder to write to, a clock that ticks and reproducible randomness.
pub(crate) fn host() -> Host {
    let env = BTreeMap::from([("HOME".to_string(), "/dev/null/nowhere".to_string())]);
    Host {
        dirs: Dirs::from_env(&env),
        env: Arc::new(env),
        clock: Clock::ticking(1_700_000_000),
        random: Random::seeded(*b"stores"),
        cwd: "/".into(),
        watched: bowline::sys::transfers::Watched::default(),
    }
}

/// A body as JSON text.
pub(crate) fn body(json: &str) -> Value {
    serde_json::from_str(json).unwrap()
}

fn config(namespace: &str, name: &str, data: &str) -> Value {
    body(&format!(
        r#"{{"apiVersion":"v1","kind":"ConfigMap","metadata":{{"name":"{name}","namespace":"{namespace}","labels":{{"app":"{name}","all":"x"}},"annotations":{{"note":"{data}"}}}},"data":{{"k":"{data}"}}}}"#
    ))
}

fn id(namespace: &str, name: &str) -> ObjectRef {
    ObjectRef {
        group: String::new(),
        version: "v1".into(),
        kind: "ConfigMap".into(),
        namespace: namespace.into(),
        name: name.into(),
    }
}

fn each_store(run: impl Fn(&dyn Store)) {
    run(&Memory::new(&host()));
    let folder = tempfile::tempdir().unwrap();
    run(&Sqlite::new(&folder.path().join("a/b/store.sqlite"), &host(), StoreOptions::default()));
    match crate::etcd::prefix_of_its_own() {
        Some(address) => run(&Etcd::new(&address, &host()).unwrap()),
        None => server_is_missing("BOWLINE_TEST_ETCD names no etcd"),
    }
}

/// As [`each_store`], and over a Kubernetes cluster where there is one; for tests of what it does as well.
fn each_store_and_cluster(run: impl Fn(&dyn Store)) {
    each_store(&run);
    if let Some(own) = crate::kube::own(&["ns", "n"]) {
        run(&own);
    }
}

#[test]
fn an_empty_store_has_nothing() {
    each_store_and_cluster(|store| {
        assert_eq!(store.get(&id("ns", "a")).unwrap(), None);
        assert!(store.list(&Query::default()).unwrap().is_empty());
        assert!(matches!(store.delete(&id("ns", "a"), None), Err(StoreError::NotFound { .. })));
        assert!(matches!(store.replace(config("ns", "a", "1"), None), Err(StoreError::NotFound { .. })));
        assert!(store.batch(&[]).unwrap().is_empty());
    });
}

#[test]
fn a_store_is_known_by_its_identity() {
    each_store_and_cluster(|store| {
        let before = store.identity().unwrap();
        assert!(before.is_none() || store.cluster().is_some() || store.capabilities().runs_workloads);
        let identity = store.give_identity().unwrap();
        assert!(identity.len() >= 16, "{identity}");
        assert!(store.list(&Query::default()).unwrap().is_empty(), "it is no object");
        store.create(config("ns", "a", "1")).unwrap();
        assert_eq!(store.give_identity().unwrap(), identity);
        assert_eq!(store.identity().unwrap(), Some(identity));
    });
    let folder = tempfile::tempdir().unwrap();
    let sqlite = |name: &str| {
        let host = crate::kube::real_host();
        Sqlite::new(&folder.path().join(name), &host, StoreOptions::default()).give_identity().unwrap()
    };
    let asked = Sqlite::new(&folder.path().join("c"), &crate::kube::real_host(), StoreOptions::default());
    assert_eq!(asked.identity().unwrap(), None);
    assert!(!folder.path().join("c").exists(), "asking makes nothing");
    assert_eq!(sqlite("a"), sqlite("a"), "it is kept");
    assert_ne!(sqlite("a"), sqlite("b"));
    let Some(address) = crate::etcd::prefix_of_its_own() else { return };
    let etcd =
        |address: &str| Etcd::new(address, &crate::kube::real_host()).unwrap().give_identity().unwrap();
    assert_eq!(etcd(&address), etcd(&address), "it is kept");
    assert_ne!(etcd(&address), etcd(&format!("{address}-other")));
}

#[test]
fn create_gives_identity_and_metadata() {
    each_store(|store| {
        let given = body(
            r#"{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"d","namespace":"n","uid":"mine","resourceVersion":"77","creationTimestamp":"x","generation":9,"labels":{"a":"b"}},"spec":{"z":1,"a":[1.5,1e+300,-0.1,18446744073709551615,null,true,"é\u0000"]}}"#,
        );
        let made = store.create(given).unwrap();
        assert_eq!((made.id.group.as_str(), made.id.version.as_str()), ("apps", "v1"));
        assert_eq!(made.labels.get("a").map(String::as_str), Some("b"));
        assert!(made.uid.len() == 36 && made.resource_version > 0 && made.created >= 1_700_000_000);
        let read = store.get(&made.id).unwrap().unwrap();
        assert_eq!(read, made);
        let json = serde_json::to_string(&read.body).unwrap();
        assert_eq!(
            json,
            format!(
                r#"{{"apiVersion":"apps/v1","kind":"Deployment","metadata":{{"name":"d","namespace":"n","labels":{{"a":"b"}},"uid":"{}","resourceVersion":"{}","generation":1,"creationTimestamp":"{}"}},"spec":{{"z":1,"a":[1.5,1e+300,-0.1,18446744073709551615,null,true,"é\u0000"]}}}}"#,
                made.uid,
                made.resource_version,
                rfc3339(made.created)
            )
        );
    });
}

fn rfc3339(seconds: i64) -> String {
    use bowline::data::time::{RFC3339, Time, Zone};
    Time::from_unix(seconds, 0, Zone::Utc).format(RFC3339)
}

#[test]
fn an_identity_is_unique_whatever_its_version() {
    each_store(|store| {
        let make = |version: &str| {
            body(&format!(
                r#"{{"apiVersion":"{version}","kind":"Ingress","metadata":{{"name":"i","namespace":"n"}}}}"#
            ))
        };
        store.create(make("networking.k8s.io/v1beta1")).unwrap();
        let error = store.create(make("networking.k8s.io/v1")).unwrap_err();
        assert_eq!(error.to_string(), "Ingress/n/i already exists");
        let moved = store.replace(make("networking.k8s.io/v1"), None).unwrap();
        assert_eq!(store.get(&moved.id).unwrap().unwrap().id.version, "v1");
        store.create(make("extensions/v1beta1")).unwrap();
        assert_eq!(store.list(&Query::default()).unwrap().len(), 2);
    });
}

#[test]
fn replace_and_delete_are_optimistic() {
    each_store_and_cluster(|store| {
        let first = store.create(config("ns", "a", "1")).unwrap();
        let second = store.replace(config("ns", "a", "2"), Some(first.resource_version)).unwrap();
        assert!(second.resource_version > first.resource_version);
        assert_eq!((&second.uid, second.created), (&first.uid, first.created));
        let error = store.replace(config("ns", "a", "3"), Some(first.resource_version)).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!(
                "ConfigMap/ns/a has changed: expected resourceVersion {}, found {}",
                first.resource_version, second.resource_version
            )
        );
        let same = store.replace(config("ns", "a", "2"), Some(second.resource_version)).unwrap();
        assert_eq!(same, second);
        let error = store.delete(&id("ns", "a"), Some(first.resource_version)).unwrap_err();
        assert!(matches!(error, StoreError::Conflict { .. }));
        store.delete(&id("ns", "a"), Some(second.resource_version)).unwrap();
        let again = store.create(config("ns", "a", "1")).unwrap();
        assert!(again.uid != first.uid && again.resource_version > second.resource_version);
    });
}

#[test]
fn generation_grows_with_the_content_only() {
    each_store(|store| {
        let generation = |stored: &Stored| {
            stored.body.as_ref().unwrap().path(["metadata", "generation"]).cloned().unwrap()
        };
        let mut object = config("ns", "a", "1");
        store.create(object.clone()).unwrap();
        set(&mut object, &["metadata", "labels", "x"], "y");
        set(&mut object, &["status"], "fine");
        assert_eq!(generation(&store.replace(object.clone(), None).unwrap()), Value::Int(1));
        set(&mut object, &["data", "k"], "2");
        assert_eq!(generation(&store.replace(object, None).unwrap()), Value::Int(2));
    });
}

fn set(value: &mut Value, path: &[&str], to: &str) {
    let (last, parents) = path.split_last().unwrap();
    let parent = parents.iter().fold(value, |at, key| at.as_map_mut().unwrap().get_mut(*key).unwrap());
    parent.as_map_mut().unwrap().insert((*last).into(), Value::str(to));
}

#[test]
fn listings_are_ordered_and_filtered() {
    each_store(|store| {
        for (namespace, name) in [("b", "z"), ("b", "a"), ("a", "x"), ("", "cluster")] {
            store.create(config(namespace, name, "1")).unwrap();
        }
        store
            .create(body(r#"{"apiVersion":"v1","kind":"Secret","metadata":{"name":"s","namespace":"a"}}"#))
            .unwrap();
        store.create(body(r#"{"apiVersion":"apps/v1","kind":"Api","metadata":{"name":"d"}}"#)).unwrap();
        let names = |query: Query| {
            store.list(&query).unwrap().iter().map(|found| found.id.to_string()).collect::<Vec<_>>()
        };
        let all =
            ["ConfigMap/cluster", "ConfigMap/a/x", "ConfigMap/b/a", "ConfigMap/b/z", "Secret/a/s", "Api/d"];
        assert_eq!(names(Query::default()), all);
        assert_eq!(names(Query { limit: 2, ..Query::default() }), all[..2]);
        let namespace = Some("b".to_string());
        assert_eq!(names(Query { namespace, ..Query::default() }), all[2..4]);
        let group_kind = Some((String::new(), "Secret".to_string()));
        assert_eq!(names(Query { group_kind, ..Query::default() }), all[4..5]);
        let labels = |pairs: &[(&str, &str)]| Query {
            labels: pairs.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect(),
            ..Query::default()
        };
        assert_eq!(names(labels(&[("all", "x")])), all[..4]);
        assert_eq!(names(labels(&[("all", "x"), ("app", "z")])), all[3..4]);
        assert!(names(labels(&[("all", "y")])).is_empty());
        let bare = store.list(&Query { metadata_only: true, ..Query::default() }).unwrap();
        assert!(bare.iter().all(|found| found.body.is_none()));
        assert_eq!(bare[0].annotations.get("note").map(String::as_str), Some("1"));
        assert!(store.list(&Query::default()).unwrap().iter().all(|found| found.body.is_some()));
    });
}

#[test]
fn labels_follow_their_object() {
    each_store_and_cluster(|store| {
        let mut object = config("ns", "a", "1");
        store.create(object.clone()).unwrap();
        set(&mut object, &["metadata", "labels", "app"], "new");
        store.replace(object, None).unwrap();
        let with = |value: &str| {
            let labels = BTreeMap::from([("app".to_string(), value.to_string())]);
            store.list(&Query { labels, ..Query::default() }).unwrap().len()
        };
        assert_eq!((with("a"), with("new")), (0, 1));
        store.delete(&id("ns", "a"), None).unwrap();
        assert_eq!(with("new"), 0);
    });
}

#[test]
fn a_batch_is_all_or_nothing_and_sees_itself() {
    each_store(|store| {
        assert!(store.capabilities().atomic_batches);
        store.create(config("ns", "old", "1")).unwrap();
        let before = store.list(&Query::default()).unwrap();
        let failing = [
            Write::Create { body: config("ns", "new", "1") },
            Write::Replace { body: config("ns", "old", "2"), expected: None },
            Write::Delete { id: id("ns", "old"), expected: None },
            Write::Delete { id: id("ns", "missing"), expected: None },
        ];
        assert!(matches!(store.batch(&failing), Err(StoreError::NotFound { .. })));
        assert_eq!(store.list(&Query::default()).unwrap(), before);
        let done = store
            .batch(&[
                Write::Create { body: config("ns", "new", "1") },
                Write::Replace { body: config("ns", "new", "2"), expected: None },
                Write::Delete { id: id("ns", "new"), expected: None },
                Write::Create { body: config("ns", "new", "3") },
            ])
            .unwrap();
        assert!(done[2].is_none());
        assert_eq!(store.get(&id("ns", "new")).unwrap(), done[3]);
    });
}

#[test]
fn unacceptable_objects_are_refused() {
    each_store_and_cluster(|store| {
        for (json, want) in [
            ("{}", "invalid object /: apiVersion is missing or no string"),
            (r#"{"apiVersion":"v1","kind":"A"}"#, "invalid object A/: metadata.name is missing or no string"),
            (
                r#"{"apiVersion":"v1","metadata":{"name":"a"}}"#,
                "invalid object /a: kind is missing or no string",
            ),
            (
                r#"{"apiVersion":"v1","kind":"A","metadata":{"name":"a","labels":{"x":1}}}"#,
                "invalid object A/a: metadata.labels.x is a number, not a string",
            ),
            ("[]", "invalid object /: apiVersion is missing or no string"),
        ] {
            assert_eq!(store.create(body(json)).unwrap_err().to_string(), want);
        }
        assert!(store.list(&Query::default()).unwrap().is_empty());
    });
}

/// One random step on a few names.
#[derive(Debug, Clone)]
enum Step {
    Create(u8, u8),
    Replace(u8, u8, bool),
    Delete(u8, bool),
}

fn steps() -> impl Strategy<Value = Vec<Vec<Step>>> {
    let step = prop_oneof![
        (0u8..5, 0u8..4).prop_map(|(name, data)| Step::Create(name, data)),
        (0u8..5, 0u8..4, any::<bool>()).prop_map(|(name, data, stale)| Step::Replace(name, data, stale)),
        (0u8..5, any::<bool>()).prop_map(|(name, stale)| Step::Delete(name, stale)),
    ];
    prop::collection::vec(prop::collection::vec(step, 1..4), 1..20)
}

/// The model after steps that all were carried out.
fn after(model: &BTreeMap<u8, (u8, u64)>, steps: &[Step]) -> BTreeMap<u8, (u8, u64)> {
    let mut next = model.clone();
    for step in steps {
        match *step {
            Step::Create(name, data) => drop(next.insert(name, (data, 0))),
            Step::Replace(name, data, _) => {
                if let Some(entry) = next.get_mut(&name).filter(|entry| entry.0 != data) {
                    *entry = (data, 0);
                }
            }
            Step::Delete(name, _) => drop(next.remove(&name)),
        }
    }
    next
}

/// Runs batches on a store and on a plain map, and compares after each.
fn run_against_model(store: &dyn Store, batches: &[Vec<Step>]) {
    let mut model: BTreeMap<u8, (u8, u64)> = BTreeMap::new();
    let mut highest = 0;
    for batch in batches {
        let mut next = model.clone();
        let mut fits = true;
        let mut writes = Vec::new();
        for step in batch {
            // The version of an object that was written earlier in this batch cannot be known before.
            let touched = |name: u8, next: &BTreeMap<u8, (u8, u64)>| next.get(&name) != model.get(&name);
            match *step {
                Step::Create(name, data) => {
                    fits &= next.insert(name, (data, 0)).is_none();
                    writes.push(Write::Create { body: config("n", &format!("o{name}"), &data.to_string()) });
                }
                Step::Replace(name, data, stale) => {
                    let expected = match next.get(&name) {
                        Some(&(_, version)) if !touched(name, &next) => {
                            Some(if stale { version + 1000 } else { version })
                        }
                        _ => None,
                    };
                    fits &= next.contains_key(&name) && !(stale && expected.is_some());
                    if let Some(entry) = next.get_mut(&name).filter(|entry| entry.0 != data) {
                        *entry = (data, 0);
                    }
                    writes.push(Write::Replace {
                        body: config("n", &format!("o{name}"), &data.to_string()),
                        expected,
                    });
                }
                Step::Delete(name, stale) => {
                    fits &= next.contains_key(&name) && !stale;
                    let expected = stale.then_some(u64::from(u32::MAX));
                    next.remove(&name);
                    writes.push(Write::Delete { id: id("n", &format!("o{name}")), expected });
                }
            }
        }
        let result = store.batch(&writes);
        assert_eq!(result.is_ok(), fits, "{batch:?}: {result:?}");
        if fits {
            model = next;
        } else if let Err(StoreError::Partial { done, total, .. }) = &result {
            assert!(!store.capabilities().atomic_batches && *done > 0 && *total == batch.len(), "{result:?}");
            model = after(&model, &batch[..*done]);
        }
        let found = store.list(&Query::default()).unwrap();
        assert_eq!(found.len(), model.len());
        for stored in &found {
            let name: u8 = stored.id.name[1..].parse().unwrap();
            let entry = model.get_mut(&name).unwrap();
            assert_eq!(stored.annotations["note"], entry.0.to_string());
            if entry.1 == 0 {
                assert!(stored.resource_version > highest, "versions grow");
                entry.1 = stored.resource_version;
            }
            assert_eq!(stored.resource_version, entry.1);
            assert_eq!(store.get(&stored.id).unwrap().as_ref(), Some(stored));
        }
        highest = model.values().map(|(_, version)| *version).fold(highest, u64::max);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn stores_agree_with_a_model(batches in steps()) {
        each_store(|store| run_against_model(store, &batches));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 6, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_cluster_agrees_with_the_model(batches in steps()) {
        if let Some(own) = crate::kube::own(&["n"]) {
            run_against_model(&own, &batches);
        }
    }
}

/// A scripted sequence of operations; returns how many of them were acknowledged.
fn script(store: &dyn Store) -> usize {
    let steps: [&dyn Fn() -> Result<(), StoreError>; 5] = [
        &|| store.create(config("n", "a", "1")).map(drop),
        &|| {
            let writes = [
                Write::Create { body: config("n", "b", "1") },
                Write::Replace { body: config("n", "a", "2"), expected: None },
            ];
            store.batch(&writes).map(drop)
        },
        &|| store.replace(config("n", "b", "2"), None).map(drop),
        &|| {
            let writes = [
                Write::Delete { id: id("n", "a"), expected: None },
                Write::Create { body: config("n", "c", "1") },
            ];
            store.batch(&writes).map(drop)
        },
        &|| store.delete(&id("n", "b"), None),
    ];
    steps.iter().take_while(|step| step().is_ok()).count()
}

/// What a store holds: name and note of each object.
fn state(store: &dyn Store) -> Vec<(String, String)> {
    let found = store.list(&Query::default()).unwrap();
    found.into_iter().map(|object| (object.id.name, object.annotations["note"].clone())).collect()
}

/// The states that the script goes through, the empty one first.
fn states() -> Vec<Vec<(String, String)>> {
    let pairs = |pairs: &[(&str, &str)]| {
        pairs.iter().map(|(name, note)| ((*name).to_string(), (*note).to_string())).collect::<Vec<_>>()
    };
    vec![
        pairs(&[]),
        pairs(&[("a", "1")]),
        pairs(&[("a", "2"), ("b", "1")]),
        pairs(&[("a", "2"), ("b", "2")]),
        pairs(&[("b", "2"), ("c", "1")]),
        pairs(&[("c", "1")]),
    ]
}

#[test]
fn a_kill_at_any_write_leaves_the_old_or_the_new_state() {
    let whole = Memory::new(&host());
    assert_eq!(script(&whole), 5);
    assert_eq!(whole.writes(), 5);
    for nth in 1..=whole.writes() {
        for committed in [false, true] {
            let store = Memory::new(&host());
            store.kill_at_write(nth, committed);
            let acknowledged = script(&store);
            assert_eq!(acknowledged as u64, nth - 1);
            assert!(store.list(&Query::default()).is_err(), "a dead client cannot read");
            let found = state(&store.reopen());
            assert_eq!(found, states()[acknowledged + usize::from(committed)], "write {nth}, {committed}");
        }
    }
}

#[test]
fn injected_faults_hit_what_they_should() {
    let store = Memory::new(&host());
    store.fail_writes(When::Nth(2), Failure::Full, false);
    assert!(store.create(config("n", "a", "1")).is_ok());
    assert!(matches!(store.create(config("n", "b", "1")), Err(StoreError::Full { .. })));
    assert!(store.create(config("n", "b", "1")).is_ok());
    store.fail_writes(When::From(4), Failure::Conflict, false);
    assert!(matches!(store.create(config("n", "c", "1")), Err(StoreError::AlreadyExists { .. })));
    assert!(matches!(store.replace(config("n", "a", "2"), Some(1)), Err(StoreError::Conflict { .. })));
    store.fail_reads(When::Nth(1), Failure::Busy);
    assert!(matches!(store.get(&id("n", "a")), Err(StoreError::Busy { .. })));
    store.heal();
    store.slow_down(Duration::from_millis(30));
    let start = Instant::now();
    assert!(store.get(&id("n", "a")).unwrap().is_some());
    assert!(start.elapsed() >= Duration::from_millis(30));
}

#[test]
fn a_store_without_atomic_batches_tells_how_far_it_came() {
    let mut options = MemoryOptions::default();
    options.capabilities.atomic_batches = false;
    let store = Memory::with_options(&host(), options);
    let writes = [
        Write::Create { body: config("n", "a", "1") },
        Write::Create { body: config("n", "b", "1") },
        Write::Create { body: config("n", "a", "1") },
    ];
    let error = store.batch(&writes).unwrap_err();
    assert_eq!(error.to_string(), "ConfigMap/n/a already exists (after 2 of 3 changes were made)");
    assert_eq!(store.writes(), 3);
    let killed = store.reopen();
    killed.kill_at_write(2, false);
    let writes = [
        Write::Delete { id: id("n", "a"), expected: None },
        Write::Delete { id: id("n", "b"), expected: None },
    ];
    assert!(matches!(killed.batch(&writes), Err(StoreError::Partial { done: 1, total: 2, .. })));
    assert_eq!(state(&store), [("b".to_string(), "1".to_string())]);
}

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
