//! Saved plans: what is applied is what was planned, every reason to refuse one, and files that are none.

use std::path::PathBuf;

use bowline::cluster::live::Propagation;
use bowline::cluster::{Etcd, Memory, Sqlite, Store, StoreOptions, Write};
use bowline::data::Value;
use bowline::diag::Hint;
use bowline::ops::OpsError;
use bowline::ops::install::ReleaseReport;
use bowline::ops::operation::Kind;
use bowline::ops::options::WaitStrategy;
use bowline::ops::preview::{Preview, Records};
use bowline::ops::rollback::{self, RollbackOptions};
use bowline::ops::saved::{self, ApplyOptions, SavedPlan};
use bowline::ops::uninstall::{self, UninstallOptions};
use bowline::ops::upgrade::{self, UpgradeOptions};
use bowline::release::{Driver, History, Status};
use proptest::prelude::*;

use crate::support::world::{NAMESPACE, World, config_map, data, names, objects, set, target};

/// Two ConfigMaps (the second one with `second`), a Secret, a hook, and something that is drawn at each rendering.
pub(crate) const TEMPLATE: &str = "\
apiVersion: v1
kind: ConfigMap
metadata: {name: one}
data:
  color: {{ values.color }}
  {%- if values.drawn %}
  drawn: {{ random_alpha(length=12) }}
  {%- endif %}
{%- if values.second %}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: two}
data: {fixed: \"1\"}
{%- endif %}
---
apiVersion: v1
kind: Secret
metadata: {name: key}
stringData: {password: {{ values.password }}}
---
apiVersion: batch/v1
kind: Job
metadata: {name: migrate, annotations: {helm.sh/hook: pre-upgrade}}
spec: {image: {{ values.image }}}
";
pub(crate) const VALUES: &str = "color: red\nsecond: true\ndrawn: false\npassword: s3cr3t\nimage: one\n";
pub(crate) const FILES: [(&str, &str); 2] = [("templates/all.yaml", TEMPLATE), ("values.yaml", VALUES)];

pub(crate) fn chart(world: &World) -> String {
    world.chart("app", "1.0.0", &FILES)
}

/// Plans a change of `r` into a file.
pub(crate) fn plan(world: &World, store: &dyn Store, options: &UpgradeOptions) -> PathBuf {
    let operation = upgrade::decide(&world.context(), target(store), options).unwrap();
    let path = world.host.cwd.join("r.plan");
    saved::save(&world.context(), target(store), &operation, &path).unwrap();
    path
}

pub(crate) fn apply(
    world: &World,
    store: &dyn Store,
    path: &std::path::Path,
) -> Result<ReleaseReport, OpsError> {
    let plan = saved::read(&world.context(), path)?;
    saved::apply(&world.context(), target(store), &plan, ApplyOptions::default())
}

/// A store with `r` in its first revision, and a plan that changes one object, deletes one, and makes none.
fn planned(world: &World, store: &dyn Store) -> PathBuf {
    let chart = chart(world);
    world.install(store, &chart, |_| {}).unwrap();
    plan(world, store, &to_blue(&chart))
}

pub(crate) fn to_blue(chart: &str) -> UpgradeOptions {
    World::upgrade_options(chart, |options| options.values = set(&["color=blue", "second=false"]))
}

/// Sets a field of a ConfigMap as somebody else does.
pub(crate) fn set_field(store: &dyn Store, name: &str, path: &[&str], value: Value) {
    let mut body = store.get(&config_map(name)).unwrap().unwrap().body.unwrap();
    let (last, parents) = path.split_last().unwrap();
    let parent = parents
        .iter()
        .fold(&mut body, |at, key| at.as_map_mut().unwrap().entry((*key).into()).or_insert_with(Value::map));
    parent.as_map_mut().unwrap().insert((*last).into(), value);
    store.replace(body, None).unwrap();
}

pub(crate) fn history<'a>(world: &'a World, store: &'a dyn Store) -> History<'a> {
    History { store, driver: Driver::default(), namespace: NAMESPACE, clock: &world.host.clock }
}

/// Runs over the stores that need no cluster.
pub(crate) fn each_store(run: impl Fn(&World, &dyn Store)) {
    let world = World::new();
    run(&world, &world.store());
    let world = World::new();
    let path = world.host.cwd.join("store.sqlite");
    run(&world, &Sqlite::new(&path, &world.host, StoreOptions::default()));
    let world = World::new();
    if let Some(address) = crate::etcd::address_or_skip("saved plans") {
        run(&world, &Etcd::new(&address, &world.host).unwrap());
    }
}

#[test]
fn what_is_applied_is_what_was_planned() {
    each_store(|world, store| {
        let chart = chart(world);
        let options = World::upgrade_options(&chart, |options| {
            options.install = true;
            options.values = set(&["drawn=true"]);
            options.apply.labels.insert("team".into(), "a".into());
            options.apply.description = Some("from a plan".into());
        });
        let path = plan(world, store, &options);
        assert!(names(store).is_empty() && world.history(store).is_empty(), "planning changes nothing");
        let text = std::fs::read_to_string(&path).unwrap();
        // Neither the chart nor its values are needed any more.
        std::fs::remove_dir_all(&chart).unwrap();
        let report = apply(world, store, &path).unwrap();
        assert!(report.installed && report.release.version == 1);
        let drawn = data(store, "one", "drawn").unwrap();
        assert!(text.contains(&drawn), "nothing is rendered again");
        assert_eq!(names(store), ["ConfigMap/one", "ConfigMap/two", "Secret/key"]);
        assert_eq!(world.history(store), ["1 deployed from a plan"]);
        let record = world.record(store, 1);
        assert_eq!(record.release.labels.get("team").map(String::as_str), Some("a"));
        assert!(text.contains(record.release.plan.as_deref().unwrap()), "the record names the plan");

        let chart = world.chart("app", "1.0.1", &FILES);
        let path = plan(world, store, &to_blue(&chart));
        let report = apply(world, store, &path).unwrap();
        assert!(!report.installed && report.hooks_not_run == ["Job/migrate"]);
        assert_eq!(names(store), ["ConfigMap/one", "Secret/key"]);
        assert_eq!(data(store, "one", "color").as_deref(), Some("blue"));
        assert_eq!(world.states(store), [(1, Status::Superseded), (2, Status::Deployed)]);
        assert_eq!(world.record(store, 2).release.chart.metadata.version, "1.0.1");
        // A rollback is made by no plan.
        world.rollback(store, Some(1)).unwrap();
        assert_eq!(world.record(store, 3).release.plan, None);
    });
}

#[test]
fn a_plan_does_what_the_upgrade_does() {
    let bare = |store: &dyn Store| -> Vec<(String, Option<Value>)> {
        let found = objects(store).into_iter().map(|stored| {
            let mut body = stored.body.unwrap();
            body.as_map_mut()
                .unwrap()
                .get_mut("metadata")
                .unwrap()
                .as_map_mut()
                .unwrap()
                .retain(|key, _| !["uid", "resourceVersion", "creationTimestamp"].contains(&&**key));
            (stored.id.to_string(), Some(body))
        });
        found.collect()
    };
    let (one, two) = (World::new(), World::new());
    let (direct, by_plan) = (one.store(), two.store());
    let change = |options: &mut UpgradeOptions| {
        options.install = true;
        options.history_max = 2;
    };
    for values in [&["color=1"][..], &["color=2", "second=false"], &["password=x"], &[]] {
        let with = |options: &mut UpgradeOptions| {
            change(options);
            options.values = set(values);
        };
        one.upgrade(&direct, &chart(&one), with).unwrap();
        let path = plan(&two, &by_plan, &World::upgrade_options(&chart(&two), with));
        apply(&two, &by_plan, &path).unwrap();
        assert_eq!(bare(&direct), bare(&by_plan));
        assert_eq!(one.states(&direct), two.states(&by_plan), "the history is pruned alike");
        let last = one.states(&direct).last().unwrap().0;
        let (first, second) = (one.record(&direct, last).release, two.record(&by_plan, last).release);
        assert_eq!(
            (first.manifest, first.config, first.hooks),
            (second.manifest, second.config, second.hooks)
        );
        assert_eq!(first.info.description, second.info.description);
    }
}

/// How a store is changed between plan and apply, and what is told then.
type Refusal = (&'static str, fn(&World, &Memory), &'static [&'static str]);

const REFUSALS: &[Refusal] = &[
    (
        "a further revision",
        |world, store| {
            drop(world.upgrade(store, &chart(world), |options| options.values = set(&["color=x"])).unwrap());
        },
        &[
            "r changed since the plan was made: its newest revision was 1 (deployed), and now it is 2 (deployed)",
        ],
    ),
    (
        "uninstalled",
        |world, store| drop(world.uninstall(store, true).unwrap()),
        &["its newest revision was 1 (deployed), and now it is 1 (uninstalled)"],
    ),
    (
        "purged",
        |world, store| drop(world.uninstall(store, false).unwrap()),
        &["its newest revision was 1 (deployed), and now there is none"],
    ),
    (
        "made again",
        |world, store| {
            world.uninstall(store, false).unwrap();
            world.install(store, &chart(world), |_| {}).unwrap();
        },
        &["revision 1 was deleted and made again"],
    ),
    (
        "a field that the plan changes",
        |_, store| set_field(store, "one", &["data", "color"], Value::str("grey")),
        &[
            "1 object changed since the plan was made:",
            "ConfigMap/team/one: data.color was \"red\" and is \"grey\"",
        ],
    ),
    (
        "an object that the plan deletes",
        |_, store| set_field(store, "two", &["data", "mine"], Value::str("x")),
        &["ConfigMap/team/two: data.mine was not set and is \"x\""],
    ),
    (
        "several objects",
        |_, store| {
            set_field(
                store,
                "one",
                &["metadata", "annotations", "meta.helm.sh/release-name"],
                Value::str("s"),
            );
            store.delete(&config_map("two"), None).unwrap();
        },
        &[
            "2 objects changed",
            "ConfigMap/team/one: metadata.annotations[\"meta.helm.sh/release-name\"] was \"r\" and is \"s\"",
            "ConfigMap/team/two is gone",
        ],
    ),
    (
        "made anew",
        |_, store| {
            let body = store.get(&config_map("one")).unwrap().unwrap().body.unwrap();
            store
                .batch(&[Write::Delete { id: config_map("one"), expected: None }, Write::Create { body }])
                .unwrap();
        },
        &["ConfigMap/team/one was deleted and made again"],
    ),
    (
        "a secret",
        |_, store| {
            let mut id = config_map("key");
            id.kind = "Secret".into();
            let mut body = store.get(&id).unwrap().unwrap().body.unwrap();
            let texts: Value = [("password", Value::str("another"))].into_iter().collect();
            body.as_map_mut().unwrap().insert("stringData".into(), texts);
            store.replace(body, None).unwrap();
        },
        &[
            "Secret/team/key: stringData.password was \"(hidden, 6 bytes)\" and is \"(hidden, 7 bytes, changed)\"",
        ],
    ),
];

#[test]
fn a_plan_is_refused_when_what_it_saw_changed() {
    for (what, change, told) in REFUSALS {
        let world = World::new();
        let store = world.store();
        let path = planned(&world, &store);
        change(&world, &store);
        let before = (objects(&store), world.history(&store));
        let error = apply(&world, &store, &path).unwrap_err();
        for part in *told {
            assert!(error.to_string().contains(part), "{what}: {error}");
        }
        assert!(
            error.hints()[0].starts_with("nothing was changed; make a new plan"),
            "{what}: {:?}",
            error.hints()
        );
        assert_eq!((objects(&store), world.history(&store)), before, "{what}");
        for secret in ["s3cr3t", "another"] {
            assert!(!error.to_string().contains(secret), "{what}: {error}");
        }
    }
}

#[test]
fn an_install_is_refused_when_its_objects_or_the_release_appeared() {
    let world = World::new();
    let store = world.store();
    let options = World::upgrade_options(&chart(&world), |options| options.install = true);
    let path = plan(&world, &store, &options);
    let json = r#"{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"two","namespace":"team"}}"#;
    store.create(serde_json::from_str(json).unwrap()).unwrap();
    let error = apply(&world, &store, &path).unwrap_err().to_string();
    assert!(error.ends_with("ConfigMap/team/two exists now"), "{error}");
    store.delete(&config_map("two"), None).unwrap();
    world.install(&store, &chart(&world), |_| {}).unwrap();
    let error = apply(&world, &store, &path).unwrap_err().to_string();
    assert!(error.ends_with("there was no such release, and now there is revision 1 (deployed)"), "{error}");
    world.uninstall(&store, false).unwrap();
    apply(&world, &store, &path).unwrap();
}

#[test]
fn a_plan_is_applied_once() {
    each_store(|world, store| {
        let path = planned(world, store);
        apply(world, store, &path).unwrap();
        let before = world.history(store);
        let error = apply(world, store, &path).unwrap_err().to_string();
        assert_eq!(error, "the plan was applied already: revision 2 of r was made by it, and is deployed");
        assert_eq!(world.history(store), before);
    });
}

/// Decides on a rollback of `r` to its first revision, into a file.
fn plan_back(world: &World, store: &dyn Store) -> PathBuf {
    let options = RollbackOptions {
        release: "r".into(),
        revision: Some(1),
        history_max: 2,
        ..RollbackOptions::default()
    };
    let operation = rollback::decide(&world.context(), target(store), &options).unwrap();
    let path = world.host.cwd.join("back.plan");
    saved::save(&world.context(), target(store), &operation, &path).unwrap();
    path
}

#[test]
fn a_planned_rollback_does_what_the_rollback_does() {
    each_store(|world, store| {
        let path = planned(world, store);
        apply(world, store, &path).unwrap();
        let before = objects(store);
        let path = plan_back(world, store);
        assert_eq!(objects(store), before, "planning changes nothing");
        let plan = saved::read(&world.context(), &path).unwrap();
        assert_eq!(
            (plan.operation.kind, plan.operation.newest.as_ref().unwrap().revision),
            (Kind::Rollback, 2)
        );
        let report = apply(world, store, &path).unwrap();
        assert!(!report.installed && report.release.info.rollback_revision == 1);
        assert_eq!(names(store), ["ConfigMap/one", "ConfigMap/two", "Secret/key"]);
        assert_eq!(data(store, "one", "color").as_deref(), Some("red"));
        // Two revisions are kept, as the plan says.
        assert_eq!(world.history(store), ["2 superseded Upgrade complete", "3 deployed Rollback to 1"]);
        let error = apply(world, store, &path).unwrap_err().to_string();
        assert_eq!(error, "the plan was applied already: revision 3 of r was made by it, and is deployed");
    });
}

#[test]
fn a_planned_rollback_is_refused_when_an_object_changed() {
    let world = World::new();
    let store = world.store();
    let path = planned(&world, &store);
    apply(&world, &store, &path).unwrap();
    let path = plan_back(&world, &store);
    set_field(&store, "one", &["data", "color"], Value::str("grey"));
    let error = apply(&world, &store, &path).unwrap_err().to_string();
    assert!(error.contains("data.color was \"blue\" and is \"grey\""), "{error}");
    assert_eq!(world.states(&store), [(1, Status::Superseded), (2, Status::Deployed)]);
}

#[test]
fn a_planned_uninstall_does_what_the_uninstall_does() {
    each_store(|world, store| {
        for keep_history in [true, false] {
            world.install(store, &chart(world), |options| options.replace = true).unwrap();
            let before = objects(store);
            let options = UninstallOptions {
                keep_history,
                description: Some("enough".into()),
                propagation: Propagation::Orphan,
                ..UninstallOptions::default()
            };
            let operation = uninstall::decide(&world.context(), target(store), "r", &options).unwrap();
            let preview = Preview::of(&world.context(), target(store), &operation).unwrap();
            assert!(
                preview.objects.iter().all(|planned| planned.action == "delete" && planned.reason.is_empty())
            );
            assert_eq!(preview.records, Some(if keep_history { Records::Kept } else { Records::Deleted }));
            let path = world.host.cwd.join("end.plan");
            saved::save(&world.context(), target(store), &operation, &path).unwrap();
            assert_eq!(objects(store), before, "planning changes nothing");
            let read = saved::read(&world.context(), &path).unwrap().operation;
            assert_eq!((read.kind, read.execution), (Kind::Uninstall, operation.execution));
            let report = apply(world, store, &path).unwrap();
            assert_eq!(report.plan.steps.len(), 3);
            assert!(names(store).is_empty());
            let error = apply(world, store, &path).unwrap_err().to_string();
            if keep_history {
                assert_eq!(world.history(store), ["1 uninstalled enough"]);
                assert!(
                    error.contains("applied already") && error.ends_with("and is uninstalled"),
                    "{error}"
                );
                world.uninstall(store, false).unwrap();
            } else {
                assert!(world.history(store).is_empty());
                assert!(
                    error.ends_with("its newest revision was 1 (deployed), and now there is none"),
                    "{error}"
                );
            }
        }
    });
}

#[test]
fn what_somebody_changed_is_not_deleted_by_a_plan() {
    let world = World::new();
    let store = world.store();
    world.install(&store, &chart(&world), |_| {}).unwrap();
    let options = UninstallOptions::default();
    let operation = uninstall::decide(&world.context(), target(&store), "r", &options).unwrap();
    let path = world.host.cwd.join("end.plan");
    saved::save(&world.context(), target(&store), &operation, &path).unwrap();
    set_field(&store, "two", &["data", "theirs"], Value::str("kept"));
    let error = apply(&world, &store, &path).unwrap_err().to_string();
    assert!(error.contains("ConfigMap/team/two: data.theirs was not set and is \"kept\""), "{error}");
    assert_eq!(world.states(&store), [(1, Status::Deployed)]);
    assert_eq!(names(&store).len(), 3);
}

#[test]
fn a_plan_is_for_one_store_and_one_namespace() {
    let world = World::new();
    let (store, other) = (world.store(), world.store());
    let path = planned(&world, &store);
    world.install(&other, &chart(&world), |_| {}).unwrap();
    assert_ne!(other.give_identity().unwrap(), store.give_identity().unwrap());
    let error = apply(&world, &other, &path).unwrap_err();
    let told = "the plan is for another store: it was made for memory, and what is there now is not the same any more";
    assert_eq!(error.to_string(), told);
    assert_eq!(world.states(&other), [(1, Status::Deployed)]);
    let plan = saved::read(&world.context(), &path).unwrap();
    let elsewhere = bowline::ops::change::Target::new(&store, "other");
    let error = saved::apply(&world.context(), elsewhere, &plan, ApplyOptions::default()).unwrap_err();
    assert_eq!(error.to_string(), "the plan is for namespace team, not for other");
    // Another client of the same store may apply it.
    apply(&world, &store.reopen(), &path).unwrap();
}

#[test]
fn what_nobody_asked_for_is_no_reason_and_stays() {
    each_store(|world, store| {
        let path = planned(world, store);
        set_field(store, "one", &["status", "seen"], Value::Bool(true));
        set_field(store, "one", &["metadata", "annotations", "scaled.by"], Value::str("somebody"));
        set_field(store, "one", &["data", "theirs"], Value::str("kept"));
        set_field(store, "two", &["status", "seen"], Value::Bool(true));
        apply(world, store, &path).unwrap();
        let body = store.get(&config_map("one")).unwrap().unwrap().body.unwrap();
        assert_eq!(body.path(["data", "color"]).and_then(Value::as_str), Some("blue"));
        assert_eq!(body.path(["data", "theirs"]).and_then(Value::as_str), Some("kept"));
        assert_eq!(body.path(["status", "seen"]), Some(&Value::Bool(true)));
        assert_eq!(
            body.path(["metadata", "annotations", "scaled.by"]).and_then(Value::as_str),
            Some("somebody")
        );
        assert!(!names(store).contains(&"ConfigMap/two".to_string()));
    });
}

#[test]
fn an_apply_that_is_killed_leaves_all_or_nothing_and_is_not_done_twice() {
    let writes = {
        let world = World::new();
        let store = world.store();
        let path = planned(&world, &store);
        let counting = store.reopen();
        apply(&world, &counting, &path).unwrap();
        counting.writes()
    };
    assert_eq!(writes, 2, "the pending record, and everything else");
    for nth in 1..=writes {
        for committed in [false, true] {
            let what = format!("killed at write {nth}, committed: {committed}");
            let world = World::new();
            let store = world.store();
            let path = planned(&world, &store);
            let before = objects(&store);
            let dying = store.reopen();
            dying.kill_at_write(nth, committed);
            apply(&world, &dying, &path).unwrap_err();
            let done = (nth, committed) == (2, true);
            assert_eq!(objects(&store) == before, !done, "{what}");
            world.pass(1000);
            let again = apply(&world, &store, &path);
            match (nth, committed) {
                // Nothing was written: it is as good as new.
                (1, false) => drop(again.unwrap()),
                (2, true) => {
                    assert!(
                        again.unwrap_err().to_string().ends_with("made by it, and is deployed"),
                        "{what}"
                    );
                }
                _ => {
                    assert!(again.unwrap_err().to_string().ends_with("made by it, and is failed"), "{what}");
                    assert_eq!(objects(&store), before, "{what}");
                    let path = plan(&world, &store, &to_blue(&chart(&world)));
                    apply(&world, &store, &path).unwrap();
                }
            }
            assert_eq!(data(&store, "one", "color").as_deref(), Some("blue"), "{what}");
            let deployed =
                world.states(&store).iter().filter(|(_, status)| *status == Status::Deployed).count();
            assert_eq!(deployed, 1, "{what}");
        }
    }
}

#[test]
fn how_it_is_carried_out_is_part_of_the_plan() {
    let world = World::new();
    let store = world.store();
    let options = World::upgrade_options(&chart(&world), |options| {
        options.install = true;
        options.apply.wait.strategy = WaitStrategy::Legacy;
        options.apply.wait.jobs = true;
        options.apply.no_hooks = true;
        options.apply.rollback_on_failure = true;
        options.apply.cleanup_on_fail = true;
        options.server_side = Some(false);
        options.apply.force_replace = true;
    });
    let path = plan(&world, &store, &options);
    let read = saved::read(&world.context(), &path).unwrap();
    let decided = upgrade::decide(&world.context(), target(&store), &options).unwrap();
    assert_eq!(read.operation.execution, decided.execution);
    assert_eq!((read.operation.kind, read.operation.newest), (decided.kind, decided.newest));
}

/// A plan as text.
fn text_of_a_plan() -> (World, Memory, String) {
    let world = World::new();
    let store = world.store();
    let path = planned(&world, &store);
    let text = std::fs::read_to_string(path).unwrap();
    (world, store, text)
}

fn read(world: &World, bytes: &[u8]) -> Result<SavedPlan, String> {
    let path = world.host.cwd.join("given.plan");
    std::fs::write(&path, bytes).unwrap();
    saved::read(&world.context(), &path)
        .map_err(|error| error.to_string().replace(&path.display().to_string(), "P"))
}

#[test]
fn files_that_are_no_plan_are_told() {
    let (world, _store, text) = text_of_a_plan();
    let (head, json) = text.split_once('\n').unwrap();
    let with = |json: &str| {
        let digest = bowline::data::digest::Digest::of(json).prefixed();
        format!("bowline-plan 1 {digest}\n{json}")
    };
    assert!(read(&world, with(json).as_bytes()).is_ok());
    let mut value: serde_json::Value = serde_json::from_str(json).unwrap();
    value["release"]["version"] = 7.into();
    let skips = value.to_string();
    value["release"]["version"] = 2.into();
    value["release"]["name"] = "../x".into();
    let name = value.to_string();
    for (bytes, told) in [
        (String::new(), "P is no plan: it is empty"),
        ("apiVersion: v2\n".into(), "P is no plan: its first line is not that of a plan"),
        (head.into(), "the plan P is damaged: its first line does not end"),
        (format!("bowline-plan {}", "x".repeat(500)), "the plan P is damaged: its first line does not end"),
        (
            text.replace("bowline-plan 1", "bowline-plan 2"),
            "the plan P has format 2, and this program knows format 1",
        ),
        (
            text.replace("bowline-plan 1", "bowline-plan 0"),
            "the plan P is damaged: its first line names a format",
        ),
        (
            text.replace("bowline-plan 1", "bowline-plan x"),
            "the plan P is damaged: its first line names no format",
        ),
        (text.replace("blue", "grey"), "the plan P is damaged: its content does not have the digest"),
        (with("{}"), "the plan P is damaged: missing field `made`"),
        (with("[[[["), "the plan P is damaged: "),
        (with(&"[".repeat(10_000)), "the plan P is damaged: "),
        (with(&skips), "the plan P is damaged: it makes revision 7, and 2 would be the next"),
        (with(&name), "the plan P is damaged: "),
    ] {
        let error = read(&world, bytes.as_bytes()).unwrap_err();
        assert!(error.starts_with(told), "{error}");
    }
    let error = saved::read(&world.context(), &world.host.cwd.join("nowhere")).unwrap_err();
    assert!(error.to_string().contains("nowhere"), "{error}");
}

#[cfg(unix)]
#[test]
fn a_plan_is_for_its_owners_eyes() {
    use std::os::unix::fs::PermissionsExt;
    let (world, ..) = text_of_a_plan();
    let mode = std::fs::metadata(world.host.cwd.join("r.plan")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_plan_with_any_byte_changed_or_cut_is_refused(at in any::<prop::sample::Index>(), to in any::<u8>(), cut: bool) {
        let (world, _store, text) = text_of_a_plan();
        let mut bytes = text.into_bytes();
        let at = at.index(bytes.len());
        if cut {
            bytes.truncate(at);
        } else {
            prop_assume!(bytes[at] != to);
            bytes[at] = to;
        }
        prop_assert!(read(&world, &bytes).is_err());
    }
}
