//! What undoes an operation, and what goes on when something stands in the way: an interrupt in the middle, a revision that
//! Helm left under way, a record that cannot be read.

use std::sync::atomic::Ordering;

use bowline::cluster::memory::{Failure, When};
use bowline::cluster::{Memory, Store, Write};
use bowline::data::Value;
use bowline::manifest::ObjectRef;
use bowline::ops::install::{InstallOptions, install};
use bowline::ops::options::{Apply, ChartRequest, ReleaseName, ValueSources, WaitStrategy};
use bowline::ops::recover::recover;
use bowline::ops::upgrade::upgrade;
use bowline::ops::{Context, Event, Progress};
use bowline::release::{Holder, Record, Status, Terms, lock, object_name};

use crate::releases::put_as_helm;
use crate::state_machine::{app, fails, hint};
use crate::support::world::{NAMESPACE, World, data, names, objects, set, target};

/// Asks to stop as soon as the record is there: with the warning that this store waits for nothing.
struct Interrupting<'a>(&'a World);

impl Progress for Interrupting<'_> {
    fn event(&self, event: Event) {
        if matches!(&event, Event::Warning(text) if text.starts_with("nothing was waited for")) {
            self.0.interrupted.store(true, Ordering::SeqCst);
        }
        self.0.context().progress.event(event);
    }
}

fn waiting(apply: &mut Apply, undo: bool) {
    apply.wait.strategy = WaitStrategy::Watcher;
    apply.rollback_on_failure = undo;
}

#[test]
fn an_interrupt_does_not_keep_an_upgrade_from_being_undone() {
    for undo in [true, false] {
        let world = World::new();
        let chart = app(&world);
        let store = world.store();
        world.install(&store, &chart, |_| {}).unwrap();
        let progress = Interrupting(&world);
        let context = Context { progress: &progress, ..world.context() };
        let options = World::upgrade_options(&chart, |options| {
            options.values = set(&["second=true"]);
            // The undo keeps all: the failed revision says why.
            options.history_max = 2;
            waiting(&mut options.apply, undo);
        });
        let error = fails(upgrade(&context, target(&store), &options));
        if undo {
            assert_eq!(
                error,
                "release r failed, and has been rolled back due to rollback-on-failure being set: no object was changed: \
                 interrupted"
            );
            let states = [(1, Status::Superseded), (2, Status::Failed), (3, Status::Deployed)];
            assert_eq!(world.states(&store), states);
            let told = world.warnings().join("\n");
            assert!(
                told.contains("r is rolled back to revision 1; a second Ctrl-C ends that, too"),
                "{told}"
            );
        } else {
            assert_eq!(error, "no object was changed: interrupted");
            assert_eq!(world.states(&store), [(1, Status::Deployed), (2, Status::Failed)]);
        }
        assert_eq!(names(&store), ["ConfigMap/r-one"]);
    }
}

#[test]
fn an_interrupt_does_not_keep_an_install_from_being_undone() {
    for undo in [true, false] {
        let world = World::new();
        let chart = app(&world);
        let store = world.store();
        let progress = Interrupting(&world);
        let context = Context { progress: &progress, ..world.context() };
        let mut options = InstallOptions {
            name: ReleaseName::Given("r".into()),
            chart: ChartRequest { reference: chart, ..ChartRequest::default() },
            values: ValueSources::default(),
            create_namespace: false,
            replace: false,
            server_side: true,
            apply: Apply::default(),
        };
        waiting(&mut options.apply, undo);
        let error = fails(install(&context, target(&store), &options));
        assert_eq!(error.contains("has been uninstalled due to rollback-on-failure"), undo, "{error}");
        assert_eq!(world.states(&store).is_empty(), undo);
        assert!(objects(&store).is_empty());
    }
}

#[test]
fn an_interrupt_before_the_record_undoes_nothing() {
    let world = World::new();
    let chart = app(&world);
    let store = world.store();
    world.install(&store, &chart, |_| {}).unwrap();
    let failing = store.reopen();
    failing.fail_writes(When::Nth(2), Failure::Full, false);
    fails(world.upgrade(&failing, &chart, |_| {}));
    world.interrupted.store(true, Ordering::SeqCst);
    let error = fails(world.upgrade(&store, &chart, |options| options.apply.rollback_on_failure = true));
    assert_eq!(error, "nothing was changed: interrupted");
    assert_eq!(world.states(&store), [(1, Status::Deployed), (2, Status::Failed)]);
}

/// A revision as Helm leaves it when it is killed.
fn left_by_helm(world: &World, store: &Memory, revision: u64, status: Status) {
    let mut release = world.record(store, 1).release;
    release.version = revision;
    release.info.status = status;
    put_as_helm(store, &release);
}

#[test]
fn what_helm_left_pending_is_rolled_back_or_uninstalled() {
    let world = World::new();
    let chart = app(&world);
    let store = world.store();
    world.install(&store, &chart, |_| {}).unwrap();
    left_by_helm(&world, &store, 2, Status::PendingUpgrade);
    let refused = world.upgrade(&store, &chart, |_| {});
    let told = hint(refused);
    assert!(told.contains("`bowline rollback r 1`"), "{told}");
    assert!(told.contains("`bowline recover r --older-than 0s`"), "{told}");

    world.rollback(&store, Some(1)).unwrap();
    let states = [(1, Status::Superseded), (2, Status::PendingUpgrade), (3, Status::Deployed)];
    assert_eq!(world.states(&store), states);
    assert!(world.warnings().join("\n").contains("revision 2 of r is pending-upgrade"));
    world.upgrade(&store, &chart, |_| {}).unwrap();

    left_by_helm(&world, &store, 5, Status::PendingRollback);
    world.uninstall(&store, false).unwrap();
    assert!(world.states(&store).is_empty() && objects(&store).is_empty());

    world.install(&store, &chart, |_| {}).unwrap();
    // Nobody rolls back what another client of ours holds.
    let history = target(&store).history(&world.context());
    let mut release = world.record(&store, 1).release;
    (release.version, release.info.status) = (2, Status::PendingUpgrade);
    let other = Holder { identity: "ann@desk pid 7".into(), process: 0, scope: None };
    lock::acquire(&history, release, &Terms::new(&other)).unwrap();
    for error in [fails(world.rollback(&store, Some(1))), fails(world.uninstall(&store, false))] {
        assert!(error.contains("ann@desk pid 7 holds revision 2 of r"), "{error}");
    }
}

fn record_id(revision: u64) -> ObjectRef {
    let [version, kind, namespace] = ["v1", "Secret", NAMESPACE].map(String::from);
    ObjectRef { group: String::new(), version, kind, namespace, name: object_name("r", revision) }
}

/// Changes the object of a record behind the program's back.
fn change_record(store: &Memory, revision: u64, field: &str, value: Value) {
    let mut body = store.get(&record_id(revision)).unwrap().unwrap().body.unwrap();
    if field == "data" {
        body.as_map_mut().unwrap().insert("data".into(), value);
    } else {
        let metadata = body.as_map_mut().unwrap().get_mut("metadata").unwrap();
        metadata.as_map_mut().unwrap().insert(field.into(), value);
    }
    store.batch(&[Write::Replace { body, expected: None }]).unwrap();
}

fn damage(store: &Memory, revision: u64) {
    change_record(store, revision, "data", [("release", Value::str("eHh4"))].into_iter().collect());
}

/// Three revisions, the newest one damaged.
fn damaged(world: &World, chart: &str) -> Memory {
    let store = world.store();
    world.install(&store, chart, |_| {}).unwrap();
    world.upgrade(&store, chart, |options| options.values = set(&["color=blue"])).unwrap();
    world.upgrade(&store, chart, |options| options.values = set(&["color=green"])).unwrap();
    damage(&store, 3);
    store
}

#[test]
fn operations_go_on_from_the_last_readable_revision() {
    let world = World::new();
    let chart = app(&world);
    let color = |store: &Memory| data(store, "r-one", "color");

    let store = damaged(&world, &chart);
    world.upgrade(&store, &chart, |_| {}).unwrap();
    let newest = world.states(&store).pop();
    assert_eq!((newest, color(&store).as_deref()), (Some((4, Status::Deployed)), Some("blue")));
    let told = world.warnings().join("\n");
    assert!(told.contains("record sh.helm.release.v1.r.v3 cannot be read: "), "{told}");
    assert!(told.contains("; going on from revision 2"), "{told}");

    for revision in [None, Some(1)] {
        let store = damaged(&world, &chart);
        world.rollback(&store, revision).unwrap();
        let wanted = if revision.is_none() { "blue" } else { "red" };
        assert_eq!(world.states(&store).pop(), Some((4, Status::Deployed)));
        assert_eq!(color(&store).as_deref(), Some(wanted));
    }

    let store = damaged(&world, &chart);
    world.uninstall(&store, false).unwrap();
    assert!(store.list(&bowline::cluster::Query::default()).unwrap().is_empty());

    let store = damaged(&world, &chart);
    let told = hint(world.rollback(&store, Some(3)));
    assert!(told.contains("`bowline history r`") && told.contains("`bowline uninstall`"), "{told}");
    let told = hint(recover(&world.context(), target(&store), "r", std::time::Duration::ZERO));
    assert!(told.contains("`bowline recover` cannot mend a record"), "{told}");
    damage(&store, 1);
    change_record(&store, 2, "data", Value::Null);
    for told in [
        hint(world.uninstall(&store, false)),
        hint(world.upgrade(&store, &chart, |_| {})),
        hint(world.install(&store, &chart, |_| {})),
    ] {
        assert!(told.contains("meta.helm.sh/release-name: r"), "{told}");
    }
}

#[test]
fn a_pending_record_that_cannot_be_read_stops_only_upgrades() {
    let world = World::new();
    let chart = app(&world);
    let store = world.store();
    world.install(&store, &chart, |_| {}).unwrap();
    left_by_helm(&world, &store, 2, Status::PendingUpgrade);
    damage(&store, 2);
    assert!(fails(world.upgrade(&store, &chart, |_| {})).contains("is in progress"));
    world.rollback(&store, Some(1)).unwrap();
    assert_eq!(world.record(&store, 3).release.info.status, Status::Deployed);
    // One that a dead client of ours left counts as nobody's.
    let mut release = world.record(&store, 1).release;
    (release.version, release.info.status) = (4, Status::PendingUpgrade);
    let other = Holder { identity: "ann@desk pid 7".into(), process: 0, scope: None };
    let terms = Terms { term: std::time::Duration::from_secs(1), ..Terms::new(&other) };
    let _: Record = lock::acquire(&target(&store).history(&world.context()), release, &terms).unwrap();
    damage(&store, 4);
    world.pass(100);
    world.rollback(&store, Some(1)).unwrap();
    assert_eq!(world.states(&store).pop(), Some((5, Status::Deployed)));
}

#[test]
fn a_record_without_its_labels_is_named() {
    let world = World::new();
    let chart = app(&world);
    let store = world.store();
    world.install(&store, &chart, |_| {}).unwrap();
    world.upgrade(&store, &chart, |_| {}).unwrap();
    change_record(&store, 2, "labels", [("a", Value::str("b"))].into_iter().collect());
    let error = fails(world.upgrade(&store, &chart, |_| {}));
    assert_eq!(
        error,
        "record sh.helm.release.v1.r.v2 is there without its labels name=r and owner=helm, so that no list finds it"
    );
    let told = hint(world.upgrade(&store, &chart, |options| {
        options.apply.wait_lock = Some(std::time::Duration::from_secs(5));
    }));
    assert!(
        told.contains("`kubectl label secret sh.helm.release.v1.r.v2 -n team name=r owner=helm version=2 status=deployed`"),
        "{told}"
    );
    world.uninstall(&store, false).unwrap();
    let told = world.warnings().pop().unwrap();
    assert!(told.contains("sh.helm.release.v1.r.v2 is there without its labels"), "{told}");
}

#[test]
fn a_release_with_a_document_that_cannot_be_read_can_be_removed() {
    let world = World::new();
    let chart = app(&world);
    let store = world.store();
    world.install(&store, &chart, |_| {}).unwrap();
    assert!(!names(&store).is_empty());
    let mut record = world.record(&store, 1);
    // What a line break in the name of a template made of it once.
    record.release.manifest.push_str("---\n# Source: app/templates/a\nb: c\n---\n: [\n");
    target(&store).history(&world.context()).update(&mut record).unwrap();
    world.uninstall(&store, false).unwrap();
    assert_eq!((world.history(&store), objects(&store)), (Vec::new(), Vec::new()));
    let told = world.warnings().join("\n");
    assert_eq!(
        told.matches("cannot be read; if there is such an object, it stays behind").count(),
        2,
        "{told}"
    );
}
