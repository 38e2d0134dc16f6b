//! One suite over every store: the contract of `bowline::cluster`, against a model, and under faults.

#![allow(clippy::print_stdout)] // tests say what they measured and what they skipped

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bowline::cluster::memory::{Failure, MemoryOptions, When};
use bowline::cluster::{Etcd, Memory, Query, Sqlite, Store, StoreError, StoreOptions, Stored, Write};
use bowline::data::Value;
use bowline::manifest::ObjectRef;
use bowline::sys::{Clock, Dirs, Host, Random};
use proptest::prelude::*;

use crate::support::skip::server_is_missing;

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

pub(crate) fn config(namespace: &str, name: &str, data: &str) -> Value {
    body(&format!(
        r#"{{"apiVersion":"v1","kind":"ConfigMap","metadata":{{"name":"{name}","namespace":"{namespace}","labels":{{"app":"{name}","all":"x"}},"annotations":{{"note":"{data}"}}}},"data":{{"k":"{data}"}}}}"#
    ))
}

pub(crate) fn id(namespace: &str, name: &str) -> ObjectRef {
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

#[test]
fn labels_that_are_null_are_empty() {
    each_store(|store| {
        let given = body(
            r#"{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"c","namespace":"n","labels":{"a":null}}}"#,
        );
        let made = store.create(given).unwrap();
        assert_eq!(made.labels.get("a").map(String::as_str), Some(""));
        let labels = BTreeMap::from([("a".to_string(), String::new())]);
        assert_eq!(store.list(&Query { labels, ..Query::default() }).unwrap().len(), 1);
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
pub(crate) fn state(store: &dyn Store) -> Vec<(String, String)> {
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
