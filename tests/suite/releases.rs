//! Releases in stores: the payload against Helm's own, history, lists, and kills at every write.

#![allow(clippy::print_stdout)] // tests say what they measured

use std::collections::BTreeMap;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bowline::cluster::memory::{Failure, MemoryOptions, When};
use bowline::cluster::{Memory, Query, Sqlite, Store, StoreError, StoreOptions, Write};
use bowline::data::Value;
use bowline::data::time::{Time, Zone};
use bowline::release::{
    Driver, Filter, History, Release, ReleaseError, Selector, Sort, Status, Statuses, Summary, Terms, codec,
    lock, object_name,
};
use bowline::sys::Clock;
use proptest::prelude::*;

use crate::release_locks::{holder, terms};
use crate::stores::{body, host};

pub fn release(name: &str, revision: u64, status: Status) -> Release {
    let mut release = Release {
        name: name.into(),
        version: revision,
        namespace: "ns".into(),
        manifest: "---\n# Source: c/templates/a.yaml\nkind: A\n".into(),
        config: body(r#"{"replicas":2}"#),
        ..Release::default()
    };
    release.info.status = status;
    release.info.description = "Initial install underway".into();
    release.info.last_deployed = Some(Time::from_unix(1_700_000_000 + revision as i64, 5, Zone::Utc));
    release.chart.metadata.name = "chart".into();
    release.chart.metadata.version = format!("1.0.{revision}");
    release.chart.metadata.app_version = "app".into();
    release
}

/// A store and a clock to look at it with.
pub struct World {
    pub store: Memory,
    pub clock: Clock,
    driver: Driver,
}

impl World {
    pub fn new() -> Self {
        World { store: Memory::new(&host()), clock: Clock::ticking(1_700_000_000), driver: Driver::default() }
    }

    pub fn with_limit(largest_object: usize, atomic_batches: bool) -> Self {
        let mut options = MemoryOptions::default();
        options.capabilities.largest_object = largest_object;
        options.capabilities.atomic_batches = atomic_batches;
        World { store: Memory::with_options(&host(), options), ..World::new() }
    }

    fn of(driver: Driver, largest_object: usize, atomic_batches: bool) -> Self {
        World { driver, ..World::with_limit(largest_object, atomic_batches) }
    }

    pub fn history(&self) -> History<'_> {
        History { store: &self.store, driver: self.driver, namespace: "ns", clock: &self.clock }
    }

    /// A finished revision.
    pub fn put(&self, name: &str, revision: u64, status: Status) {
        put(&self.history(), name, revision, status);
    }
}

pub fn put(history: &History<'_>, name: &str, revision: u64, status: Status) {
    let mut release = release(name, revision, status);
    release.namespace = history.namespace.into();
    let first = if revision == 1 { Status::PendingInstall } else { Status::PendingUpgrade };
    release.info.status = first;
    let mut record = history.create(release).unwrap();
    let path: &[Status] = match status {
        Status::Deployed => &[Status::Deployed],
        Status::Superseded => &[Status::Deployed, Status::Superseded],
        Status::Failed => &[Status::Failed],
        Status::Uninstalled => &[Status::Uninstalling, Status::Uninstalled],
        Status::Uninstalling => &[Status::Uninstalling],
        _ => &[],
    };
    for status in path {
        record.release.info.status = *status;
        history.update(&mut record).unwrap();
    }
}

/// A record as Helm writes it: no annotations of ours.
pub fn put_as_helm(store: &dyn Store, release: &Release) {
    let text = STANDARD.encode(codec::encode(release).unwrap());
    let (name, revision, status) = (&release.name, release.version, release.info.status);
    let body = body(&format!(
        r#"{{"apiVersion":"v1","kind":"Secret","metadata":{{"name":"{}","namespace":"{}","labels":{{"name":"{name}","owner":"helm","status":"{status}","version":"{revision}","modifiedAt":"1"}}}},"type":"helm.sh/release.v1","data":{{"release":"{text}"}}}}"#,
        object_name(name, revision),
        release.namespace
    ));
    store.create(body).unwrap();
}

/// Case files of the payload: `NAME.json` as Helm prints it, `NAME.out.json` where it is written differently, `err_NAME.txt`
/// with the reason where it cannot be read.
#[test]
fn payloads_are_read_and_written_as_helm_does() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/release/codec");
    let mut names: Vec<String> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.split_once('.').is_some_and(|(_, extension)| extension == "json"))
        .collect();
    names.sort();
    assert!(names.len() > 5);
    for name in names {
        let stem = name.trim_end_matches(".json");
        let json = std::fs::read_to_string(folder.join(&name)).unwrap();
        let read = codec::from_json(json.trim_end().as_bytes());
        if stem.starts_with("err_") {
            let want = std::fs::read_to_string(folder.join(format!("{stem}.txt"))).unwrap();
            assert_eq!(read.unwrap_err(), want.trim_end(), "{name}");
            continue;
        }
        let release = read.unwrap_or_else(|reason| panic!("{name}: {reason}"));
        let want = std::fs::read_to_string(folder.join(format!("{stem}.out.json"))).unwrap_or(json.clone());
        assert_eq!(codec::to_json(&release).unwrap(), want.trim_end(), "{name}");
        let text = codec::encode(&release).unwrap();
        assert_eq!(codec::decode(text.as_bytes()).unwrap(), release, "{name}");
        // Older records are plain JSON below the base64.
        assert_eq!(codec::decode(STANDARD.encode(&json).as_bytes()).unwrap(), release, "{name}");
        assert_eq!(codec::decode(json.as_bytes()).unwrap(), release, "{name}");
        let packed = STANDARD.decode(&text).unwrap();
        assert_eq!(packed[..10], [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 2, 0xff], "{name}");
    }
}

#[test]
fn damaged_payloads_are_told() {
    let whole = codec::encode(&release("r", 1, Status::Deployed)).unwrap();
    let packed = STANDARD.decode(&whole).unwrap();
    let cut = STANDARD.encode(&packed[..packed.len() / 2]);
    assert!(codec::decode(cut.as_bytes()).unwrap_err().starts_with("damaged gzip data"));
    assert!(codec::decode(b"%%%").unwrap_err().starts_with("no base64"));
    assert!(codec::decode(b"").unwrap_err().starts_with("no JSON"));
    assert!(codec::decode(STANDARD.encode("text").as_bytes()).unwrap_err().starts_with("no JSON"));
    let mut nan = release("r", 1, Status::Deployed);
    nan.config = [("x", Value::Float(f64::INFINITY))].into_iter().collect();
    assert_eq!(codec::encode(&nan).unwrap_err(), "config: inf is no JSON number");
}

#[test]
fn a_record_is_helms_secret_with_annotations() {
    let world = World::new();
    let mut release = release("r.v1", 3, Status::PendingUpgrade);
    release.labels.insert("team".into(), "a".into());
    release.info.rollback_revision = 2;
    let mut record = world.history().create(release.clone()).unwrap();
    let found = world.store.list(&Query::default()).unwrap().remove(0);
    assert_eq!(found.id.to_string(), "Secret/ns/sh.helm.release.v1.r.v1.v3");
    let body = found.body.unwrap();
    assert_eq!(body.get("type").and_then(Value::as_str), Some("helm.sh/release.v1"));
    let pairs = |map: &BTreeMap<String, String>| -> Vec<String> {
        map.iter().map(|(key, value)| format!("{key}={value}")).collect()
    };
    assert_eq!(
        pairs(&found.labels),
        ["createdAt=1700000000", "name=r.v1", "owner=helm", "status=pending-upgrade", "team=a", "version=3"]
    );
    assert_eq!(
        pairs(&found.annotations),
        [
            "bowline.dev/app-version=app",
            "bowline.dev/chart=chart",
            "bowline.dev/chart-version=1.0.3",
            "bowline.dev/description=Initial install underway",
            "bowline.dev/rollback-revision=2",
            "bowline.dev/updated=2023-11-14T22:13:23.000000005Z"
        ]
    );
    let text = STANDARD.decode(body.path(["data", "release"]).and_then(Value::as_str).unwrap()).unwrap();
    let read = codec::decode(&text).unwrap();
    assert_eq!(Release { labels: release.labels.clone(), ..read }, release);
    record.release.info.status = Status::Deployed;
    world.history().update(&mut record).unwrap();
    let labels = world.store.list(&Query::default()).unwrap().remove(0).labels;
    assert_eq!((&*labels["createdAt"], &*labels["modifiedAt"]), ("1700000000", "1700000001"));
    assert_eq!(world.history().get("r.v1", 3).unwrap(), record);
}

#[test]
fn a_record_is_helms_config_map_where_the_driver_says_so() {
    let [secrets, maps] = [Driver::Secret, Driver::ConfigMap].map(|driver| World::of(driver, 1 << 20, true));
    let release = release("r", 1, Status::PendingInstall);
    let mut found = Vec::new();
    for world in [&secrets, &maps] {
        world.history().create(release.clone()).unwrap();
        found.push(world.store.list(&Query::default()).unwrap().remove(0));
    }
    let [secret, map] = &found[..] else { panic!("{found:?}") };
    assert_eq!(map.id.to_string(), "ConfigMap/ns/sh.helm.release.v1.r.v1");
    assert_eq!((&map.labels, &map.annotations), (&secret.labels, &secret.annotations));
    let data = |body: &Option<Value>| {
        let text = body.as_ref().unwrap().path(["data", "release"]).and_then(Value::as_str);
        text.unwrap().to_string()
    };
    let text = STANDARD.decode(data(&secret.body)).unwrap();
    assert_eq!(data(&map.body).as_bytes(), text, "the text is not encoded once more");
    assert!(map.body.as_ref().unwrap().get("type").is_none());
    assert_eq!(maps.history().get("r", 1).unwrap().release, release);
    // Each sees its own.
    let other = History { driver: Driver::Secret, ..maps.history() };
    assert!(matches!(other.get("r", 1), Err(ReleaseError::NotFound { .. })));
    assert!(other.list(&Filter::default()).unwrap().rows.is_empty());
    assert_eq!(maps.history().list(&Filter::default()).unwrap().rows.len(), 1);
}

#[test]
fn the_large_piece_of_a_payload_is_used_again_while_it_stays() {
    let mut release = release("r", 1, Status::PendingInstall);
    let (text, middle) = codec::encode_with(&release, &codec::Middle::default()).unwrap();
    let (read, of_text) = codec::decode_with(text.as_bytes()).unwrap();
    assert_eq!((&read, &of_text), (&release, &middle), "reading finds the piece that writing made");
    release.info.status = Status::Deployed;
    release.version = 7;
    let (second, again) = codec::encode_with(&release, &of_text).unwrap();
    assert_eq!((codec::decode(second.as_bytes()).unwrap(), &again), (release.clone(), &middle));
    assert_eq!(second, codec::encode(&release).unwrap(), "the same text as without an earlier one");
    release.manifest.push_str("# more\n");
    let (third, other) = codec::encode_with(&release, &again).unwrap();
    assert_eq!(codec::decode(third.as_bytes()).unwrap(), release, "a piece that changed is not used again");
    assert_ne!(other, middle);
}

#[test]
fn reserved_labels_are_refused_in_helms_words() {
    let world = World::new();
    let mut release = release("r", 1, Status::PendingInstall);
    release.labels.insert("owner".into(), "me".into());
    assert_eq!(
        world.history().create(release).unwrap_err().to_string(),
        "user supplied labels contains system reserved label name. System labels: [name owner status version createdAt modifiedAt]"
    );
}

#[test]
fn revisions_are_found_sorted_by_number() {
    let world = World::new();
    for revision in 1..=11 {
        let status = match revision {
            9 => Status::Deployed,
            10 | 11 => Status::Failed,
            _ => Status::Superseded,
        };
        world.put("r", revision, status);
    }
    world.put("other", 1, Status::Deployed);
    let history = world.history();
    let reads = world.store.reads();
    let numbers: Vec<u64> = history.revisions("r").unwrap().iter().map(|row| row.revision).collect();
    assert_eq!(numbers, (1..=11).collect::<Vec<_>>());
    assert_eq!(world.store.reads(), reads + 1, "one listing, no payload");
    assert_eq!(history.last("r").unwrap().unwrap().release.version, 11);
    assert_eq!(history.look("r").unwrap().deployed().unwrap().unwrap().release.version, 9);
    let mut none = history.look("none").unwrap();
    assert!(none.last().unwrap().is_none() && none.deployed().unwrap().is_none());
    assert_eq!(history.get("r", 12).unwrap_err().to_string(), "release: not found");
    let again = history.create(release("r", 11, Status::PendingUpgrade)).unwrap_err();
    assert_eq!(again.to_string(), "release: already exists");
    assert!(again.is_race());
    let mut look = history.look("r").unwrap();
    look.delete(11).unwrap();
    assert!(matches!(look.delete(11), Err(ReleaseError::NotFound { revision: Some(11), .. })));
    assert_eq!(look.last().unwrap().unwrap().release.version, 10, "it looks again for what went away");
    assert_eq!(history.last("r").unwrap().unwrap().release.version, 10);
}

#[test]
fn updates_are_optimistic_and_follow_the_table() {
    let world = World::new();
    let history = world.history();
    let mut first = history.create(release("r", 1, Status::PendingInstall)).unwrap();
    let mut second = history.get("r", 1).unwrap();
    first.release.info.status = Status::Deployed;
    history.update(&mut first).unwrap();
    second.release.info.status = Status::Failed;
    let error = history.update(&mut second).unwrap_err();
    assert!(matches!(error, ReleaseError::Store(StoreError::Conflict { .. })) && error.is_race());
    first.release.info.status = Status::PendingUpgrade;
    assert_eq!(
        history.update(&mut first).unwrap_err().to_string(),
        "revision 1 of r cannot go from deployed to pending-upgrade"
    );
    assert!(history.create(release("r", 2, Status::Deployed)).is_err());
}

#[test]
fn one_batch_moves_objects_and_records() {
    let world = World::new();
    let history = world.history();
    world.put("r", 1, Status::Deployed);
    let mut old = history.get("r", 1).unwrap();
    let mut new = history.create(release("r", 2, Status::PendingUpgrade)).unwrap();
    old.release.info.status = Status::Superseded;
    new.release.info.status = Status::Deployed;
    let object = body(r#"{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"x","namespace":"ns"}}"#);
    let writes = world.store.writes();
    let made = history.save(&mut [&mut old, &mut new], vec![Write::Create { body: object.clone() }]).unwrap();
    assert_eq!(world.store.writes(), writes + 1);
    assert_eq!(made[0].as_ref().unwrap().id.name, "x");
    assert_eq!(history.get("r", 1).unwrap(), old);
    assert_eq!(history.get("r", 2).unwrap(), new);
    // An object that cannot be made leaves the records as they were.
    old.release.info.description = "changed".into();
    assert!(history.save(&mut [&mut old], vec![Write::Create { body: object }]).is_err());
    assert_ne!(history.get("r", 1).unwrap().release.info.description, "changed");
}

#[test]
fn pruning_keeps_the_newest_deployed_revision() {
    for (statuses, max, want) in [
        ("ssssd", 3, vec![1, 2, 3]),
        ("ssssd", 0, vec![]),
        ("ssssd", 6, vec![]),
        ("ssssd", 5, vec![1]),
        ("sdfff", 3, vec![1, 3, 4]),
        ("sdfff", 1, vec![1, 3, 4, 5]),
        ("ddf", 2, vec![1, 3]),
        ("fff", 1, vec![1, 2, 3]),
    ] {
        let world = World::new();
        for (at, status) in statuses.chars().enumerate() {
            let status = match status {
                's' => Status::Superseded,
                'd' => Status::Deployed,
                _ => Status::Failed,
            };
            world.put("r", at as u64 + 1, status);
        }
        assert_eq!(world.history().look("r").unwrap().prune(max).unwrap(), want, "{statuses} {max}");
        assert_eq!(world.history().revisions("r").unwrap().len(), statuses.len() - want.len());
    }
    let world = World::new();
    for revision in 1..=3 {
        world.put("r", revision, Status::Failed);
    }
    let writes = world.store.writes();
    world.store.fail_writes(When::From(writes + 1), Failure::Full, false);
    assert_eq!(
        world.history().look("r").unwrap().prune(1).unwrap_err().to_string(),
        "encountered 3 deletion errors. First is: memory: no space left on the disk"
    );
}

fn rows(listing: &[Summary]) -> Vec<String> {
    listing
        .iter()
        .map(|row| format!("{}/{}.{} {}", row.namespace, row.name, row.revision, row.status))
        .collect()
}

#[test]
fn lists_choose_as_helm_does() {
    let world = World::new();
    let elsewhere = History { namespace: "other", ..world.history() };
    world.put("b", 1, Status::Superseded);
    world.put("b", 2, Status::Deployed);
    world.put("a", 1, Status::Deployed);
    world.put("a", 2, Status::Failed);
    world.put("c", 1, Status::Uninstalled);
    put(&elsewhere, "a", 1, Status::Deployed);
    let list = |filter: Filter<'_>| rows(&world.history().list(&filter).unwrap().rows);
    let all = ["ns/a.2 failed", "ns/b.2 deployed", "ns/c.1 uninstalled"];
    assert_eq!(list(Filter::default()), all);
    assert_eq!(list(Filter { reverse: true, max: 2, ..Filter::default() }), [all[2], all[1]]);
    assert_eq!(list(Filter { offset: 1, max: 1, ..Filter::default() }), all[1..2]);
    assert!(list(Filter { offset: 9, ..Filter::default() }).is_empty());
    assert_eq!(
        list(Filter { all_namespaces: true, ..Filter::default() }),
        [all[0], "other/a.1 deployed", all[1], all[2]]
    );
    // The newest revision is chosen before the state: a deployed one below a failed one does not show.
    assert_eq!(list(Filter { statuses: Statuses::of(&[Status::Deployed]), ..Filter::default() }), all[1..2]);
    let superseded = Statuses::of(&[Status::Superseded]);
    assert_eq!(list(Filter { statuses: superseded, ..Filter::default() }), ["ns/b.1 superseded"]);
    assert!(list(Filter { statuses: superseded.with(Status::Unknown), ..Filter::default() }).is_empty());
    let name = |name: &str| name > "a";
    assert_eq!(list(Filter { name: Some(&name), ..Filter::default() }), all[1..]);
    let selector = Selector::parse("status in (failed,deployed),name!=b").unwrap();
    assert_eq!(list(Filter { selector: Some(&selector), ..Filter::default() }), all[..1]);
    let by_date = Filter { sort: Sort::Date, all_namespaces: true, ..Filter::default() };
    assert_eq!(list(by_date), ["other/a.1 deployed", all[2], all[0], all[1]]);
    assert_eq!(list(Filter { reverse: true, max: 1, ..by_date }), [all[1]]);
    // Their charts are chart-1.0.2, chart-1.0.2 and chart-1.0.1.
    let by_chart = Filter { sort: Sort::Chart, ..Filter::default() };
    assert_eq!(list(by_chart), [all[2], all[0], all[1]]);
    let row = world.history().list(&Filter::default()).unwrap().rows.remove(1);
    assert_eq!(
        (&*row.chart_label(), &*row.app_version, &*row.description),
        ("chart-1.0.2", "app", "Initial install underway")
    );
    assert_eq!(row.updated.unwrap().to_string(), "2023-11-14 22:13:22.000000005 +0000 UTC");
}

#[test]
fn records_of_helm_are_read_from_their_payload() {
    let world = World::new();
    let mut made = release("h", 1, Status::Superseded);
    put_as_helm(&world.store, &made);
    made.version = 2;
    made.info.status = Status::Deployed;
    made.info.description = "Upgrade complete".into();
    put_as_helm(&world.store, &made);
    world.store.create(body(
        r#"{"apiVersion":"v1","kind":"Secret","metadata":{"name":"sh.helm.release.v1.bad.v1","namespace":"ns","labels":{"name":"bad","owner":"helm","status":"deployed","version":"1"}},"data":{"release":"AAAA"}}"#,
    )).unwrap();
    let listing = world.history().list(&Filter::default()).unwrap();
    assert_eq!(rows(&listing.rows), ["ns/h.2 deployed"]);
    assert_eq!(listing.rows[0].description, "Upgrade complete");
    assert_eq!(listing.skipped[0].0, "sh.helm.release.v1.bad.v1");
    let mut record = world.history().last("h").unwrap().unwrap();
    assert_eq!(record.release, made);
    // Once bowline has written it, the row needs no payload any more.
    record.release.info.status = Status::Superseded;
    world.history().update(&mut record).unwrap();
    assert_eq!(world.history().revisions("h").unwrap()[1].status, Status::Superseded);
    assert!(matches!(world.history().last("bad"), Err(ReleaseError::Undecodable { .. })));
}

#[test]
fn many_records_of_helm_are_read_in_one_list() {
    let world = World::new();
    for number in 0..100 {
        put_as_helm(&world.store, &release(&format!("h{number:02}"), 1, Status::Superseded));
        put_as_helm(&world.store, &release(&format!("h{number:02}"), 2, Status::Deployed));
    }
    let client = world.store.reopen();
    // One read of labels, one of payloads.
    client.fail_reads(When::From(3), Failure::Unreachable);
    let history = History { store: &client, ..world.history() };
    let listing = history.list(&Filter::default()).unwrap();
    assert_eq!(listing.rows.len(), 100);
    assert!(listing.rows.iter().all(|row| row.revision == 2 && row.chart_label() == "chart-1.0.2"));
    assert_eq!(listing.skipped, []);
}

/// Secrets that Helm 4.3.1 wrote to an API server: an install with a label, and an upgrade.
#[test]
fn secrets_that_helm_wrote_are_a_history() {
    let world = World::new();
    let history = History { namespace: "default", ..world.history() };
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/release/secrets/helm4-install-upgrade.json");
    let secrets: Value = body(&std::fs::read_to_string(path).unwrap());
    for secret in secrets.as_list().unwrap() {
        world.store.create(secret.clone()).unwrap();
        let text = secret.path(["data", "release"]).and_then(Value::as_str).unwrap();
        let text = STANDARD.decode(text).unwrap();
        let packed = STANDARD.decode(&text).unwrap();
        assert_eq!(packed[..10], [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 2, 0xff]);
        // What Helm packed and what is packed here unpacks to the same bytes.
        let mut json = String::new();
        std::io::Read::read_to_string(&mut flate2::read::GzDecoder::new(&packed[..]), &mut json).unwrap();
        assert_eq!(codec::to_json(&codec::decode(&text).unwrap()).unwrap(), json);
    }
    let found = history.revisions("r").unwrap();
    assert_eq!(rows(&found), ["default/r.1 superseded", "default/r.2 deployed"]);
    assert_eq!((&*found[1].chart_label(), &*found[1].description), ("mm-0.1.0", "Upgrade complete"));
    let mut record = history.look("r").unwrap().deployed().unwrap().unwrap();
    assert_eq!(record.release.labels, BTreeMap::from([("team".to_string(), "a".to_string())]));
    assert_eq!(record.release.info.notes, "hello 5\n");
    record.release.info.status = Status::Superseded;
    history.update(&mut record).unwrap();
    // The label of its creation was lost by Helm itself; it is not made up.
    let labels = &history.revisions("r").unwrap()[1].labels;
    assert!(!labels.contains_key("createdAt") && labels.contains_key("modifiedAt"));
}

#[test]
fn large_revisions_are_split_and_joined() {
    let drivers = [Driver::Secret, Driver::ConfigMap];
    for (driver, atomic) in drivers.iter().flat_map(|driver| [(*driver, true), (*driver, false)]) {
        let world = World::of(driver, 6_000, atomic);
        let history = world.history();
        let mut seed = 7u64;
        let mut noise = |length: usize| -> String {
            (0..length)
                .map(|_| {
                    seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                    char::from(b'a' + (seed >> 60) as u8)
                })
                .collect()
        };
        world.put("small", 1, Status::Deployed);
        let mut big = release("big", 1, Status::PendingInstall);
        big.manifest = noise(40_000);
        let mut record = history.create(big.clone()).unwrap();
        let objects = world.store.list(&Query::default()).unwrap();
        let parts = objects.iter().filter(|object| object.labels["owner"] == "bowline-part").count();
        assert!(parts > 3, "{parts}");
        assert!(objects.iter().all(|object| serde_json::to_string(&object.body).unwrap().len() <= 6_000));
        assert_eq!(history.get("big", 1).unwrap(), record);
        assert_eq!(history.get("big", 1).unwrap().release, big);
        assert_eq!(rows(&history.list(&Filter::default()).unwrap().rows).len(), 2);
        assert_eq!(history.revisions("big").unwrap().len(), 1);

        record.release.info.status = Status::Deployed;
        record.release.manifest = noise(30_000);
        history.update(&mut record).unwrap();
        assert_eq!(history.get("big", 1).unwrap(), record);
        record.release.manifest = "small again".into();
        history.update(&mut record).unwrap();
        assert_eq!(world.store.list(&Query::default()).unwrap().len(), 2, "no part is left over");
        assert_eq!(history.get("big", 1).unwrap(), record);
        record.release.manifest = noise(30_000);
        history.update(&mut record).unwrap();
        history.look("big").unwrap().delete(1).unwrap();
        assert_eq!(world.store.list(&Query::default()).unwrap().len(), 1);
        let world = World::of(driver, 500, atomic);
        let error = world.history().create(big).map(drop).unwrap_err().to_string();
        assert!(error.ends_with("do not fit into objects of 500 bytes"), "{error}");
    }
}

#[test]
fn a_part_that_was_changed_or_lost_is_noticed() {
    for driver in [Driver::Secret, Driver::ConfigMap] {
        notices_parts(&World::of(driver, 2_000, true));
    }
}

fn notices_parts(world: &World) {
    let mut big = release("big", 1, Status::PendingInstall);
    big.manifest =
        (0..3_000).fold(String::new(), |text, number| text + &(number * 7_919 % 10_007).to_string());
    world.history().create(big).unwrap();
    let mut part = world
        .store
        .list(&Query::default())
        .unwrap()
        .into_iter()
        .find(|object| object.labels["owner"] == "bowline-part")
        .unwrap();
    let data = part.body.as_mut().unwrap().as_map_mut().unwrap().get_mut("data").unwrap();
    data.as_map_mut().unwrap().insert("release".into(), Value::str("AAAA"));
    world.store.replace(part.body.unwrap(), None).unwrap();
    let error = world.history().get("big", 1).unwrap_err().to_string();
    assert!(error.ends_with("its parts do not have the digest that it names"), "{error}");
    world.store.delete(&part.id, None).unwrap();
    let error = world.history().get("big", 1).unwrap_err().to_string();
    assert!(error.ends_with("a part of it is missing"), "{error}");
}

/// A whole life of a release; returns what it acknowledged.
fn life(history: &History<'_>, terms: &Terms<'_>) -> Result<(), ReleaseError> {
    let mut first = lock::acquire(history, release("r", 1, Status::PendingInstall), terms)?;
    first.release.info.status = Status::Deployed;
    lock::release(history, &mut first)?;
    let mut second = lock::acquire(history, release("r", 2, Status::PendingUpgrade), terms)?;
    lock::renew(history, &mut second, terms)?;
    second.release.info.status = Status::Deployed;
    second.lease = None;
    let mut first = history.get("r", 1)?;
    first.release.info.status = Status::Superseded;
    history.save(&mut [&mut first, &mut second], Vec::new())?;
    history.look("r")?.prune(2)?;
    let mut last = history.get("r", 2)?;
    last.release.info.status = Status::Uninstalling;
    lock::acquire_existing(history, &mut last, terms)?;
    last.release.info.status = Status::Uninstalled;
    lock::release(history, &mut last)
}

#[test]
fn a_kill_at_any_write_leaves_a_state_that_goes_on() {
    for (driver, limit, atomic) in [
        (Driver::Secret, 1 << 20, true),
        (Driver::Secret, 1 << 20, false),
        (Driver::Secret, 900, true),
        (Driver::Secret, 900, false),
        (Driver::ConfigMap, 1 << 20, false),
        (Driver::ConfigMap, 900, false),
    ] {
        let whole = World::of(driver, limit, atomic);
        let ann = holder("ann");
        let pause = |_| {};
        life(&whole.history(), &terms(&ann, 0, &pause)).unwrap();
        let writes = whole.store.writes();
        assert!(writes >= 7, "{writes}");
        for nth in 1..=writes {
            for committed in [false, true] {
                let world = World::of(driver, limit, atomic);
                world.store.kill_at_write(nth, committed);
                life(&world.history(), &terms(&ann, 0, &pause)).unwrap_err();
                let what =
                    format!("{driver:?}, limit {limit}, atomic {atomic}, write {nth}, committed {committed}");

                let store = world.store.reopen();
                let history = History { store: &store, ..world.history() };
                let bob = holder("bob");
                // The next command waits the lease out, takes over, and finds every record whole.
                lock::clear(&history, "r", &terms(&bob, 600, &pause))
                    .unwrap_or_else(|error| panic!("{what}: {error}"));
                let revisions = history.revisions("r").unwrap();
                for row in &revisions {
                    assert!(!row.status.is_pending(), "{what}: {row:?}");
                    history.get("r", row.revision).unwrap_or_else(|error| panic!("{what}: {error}"));
                }
                let deployed = revisions.iter().filter(|row| row.status == Status::Deployed).count();
                assert!(deployed <= 1 || !atomic, "{what}");
                let next = revisions.last().map_or(1, |row| row.revision + 1);
                let status = if next == 1 { Status::PendingInstall } else { Status::PendingUpgrade };
                let mut record = lock::acquire(&history, release("r", next, status), &terms(&bob, 0, &pause))
                    .unwrap_or_else(|error| panic!("{what}: {error}"));
                record.release.info.status = Status::Deployed;
                lock::release(&history, &mut record).unwrap();
                for row in history.revisions("r").unwrap() {
                    history.look("r").unwrap().delete(row.revision).unwrap();
                }
                assert_eq!(
                    rows(&history.list(&Filter::default()).unwrap().rows),
                    [] as [String; 0],
                    "{what}"
                );
            }
        }
    }
}

#[test]
fn two_thousand_releases_list_quickly() {
    let folder = tempfile::tempdir().unwrap();
    let host = host();
    let path = folder.path().join("s");
    let store = Sqlite::new(&path, &host, StoreOptions::default());
    let memory = Memory::new(&host);
    let staging = History { store: &memory, driver: Driver::default(), namespace: "ns", clock: &host.clock };
    let bulk: Vec<Write> = (0..2_000)
        .map(|number| {
            let mut release = release(&format!("r{number:04}"), 1, Status::PendingInstall);
            release.manifest = "x: y\n".repeat(2_000);
            staging.create(release).unwrap();
            let id = staging.store.list(&Query::default()).unwrap().remove(0);
            staging.store.delete(&id.id, None).unwrap();
            Write::Create { body: id.body.unwrap() }
        })
        .collect();
    store.batch(&bulk).unwrap();
    drop(store);
    let start = std::time::Instant::now();
    let store = Sqlite::new(&path, &host, StoreOptions::default());
    let history = History { store: &store, driver: Driver::default(), namespace: "ns", clock: &host.clock };
    let found = history.list(&Filter::default()).unwrap().rows.len();
    let time = start.elapsed();
    println!("{found} releases listed in {time:?}, unoptimised, the file opened");
    assert_eq!(found, 2_000);
}

/// Random releases that a record can hold.
fn releases() -> impl Strategy<Value = Release> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::Int),
        // A float without a fraction comes back as an integer, as in Go.
        any::<f64>()
            .prop_filter("fraction", |number| number.is_finite() && number.fract() != 0.0)
            .prop_map(Value::Float),
        ".{0,12}".prop_map(Value::from),
    ];
    let tree = leaf.prop_recursive(4, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::List),
            prop::collection::vec((".{1,6}", inner), 0..4).prop_map(|pairs| pairs.into_iter().collect()),
        ]
    });
    let map = prop::collection::vec(("[a-z]{1,4}", tree), 1..5).prop_map(|pairs| pairs.into_iter().collect());
    let time = (0i64..4_000_000_000, 0i64..1_000_000_000)
        .prop_map(|(at, nanos)| Time::from_unix(at, nanos, Zone::Utc));
    (
        map,
        ".{0,200}",
        0usize..9,
        proptest::option::of(time),
        prop::collection::vec(any::<u8>(), 0..300),
        1u64..1000,
    )
        .prop_map(|(values, text, status, time, bytes, revision)| {
            let mut made: Release = release("r", revision, Status::ALL[status]);
            made.config = values;
            made.chart.values = made.config.clone();
            made.manifest.clone_from(&text);
            made.info.notes = text;
            made.info.deleted.clone_from(&time);
            made.chart.schema = Some(bytes.clone());
            made.chart.templates =
                vec![bowline::release::RecordedFile { name: "t".into(), data: bytes, modified: time }];
            made.hooks.push(bowline::release::Hook { weight: revision as i64 - 500, ..Default::default() });
            made
        })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn releases_survive_their_record(release in releases()) {
        let text = codec::encode(&release).unwrap();
        prop_assert_eq!(codec::decode(text.as_bytes()).unwrap(), release);
    }

    #[test]
    fn no_bytes_panic_the_decoder(bytes in prop::collection::vec(any::<u8>(), 0..200), base64: bool) {
        let _ = codec::decode(&bytes);
        if base64 {
            let mut packed = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 2, 0xff];
            packed.extend(&bytes);
            let _ = codec::decode(STANDARD.encode(packed).as_bytes());
        }
    }
}
