//! Who holds a release: leases, takeovers, waits and races.

use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bowline::cluster::{Sqlite, StoreOptions};
use bowline::diag::Hint;
use bowline::release::{Driver, History, Holder, Record, ReleaseError, Status, Terms, lock};
use bowline::sys::Clock;

use crate::releases::{World, put_as_helm, release};
use crate::stores::host;
use crate::support::wrapped::Wrapped;

pub fn holder(name: &str) -> Holder {
    Holder { identity: format!("{name}@host pid 1"), process: 0, scope: None }
}

/// Terms that count pauses instead of sleeping.
pub fn terms<'a>(holder: &'a Holder, wait: u64, pause: &'a dyn Fn(Duration)) -> Terms<'a> {
    Terms { wait: Duration::from_secs(wait), term: Duration::from_secs(60), pause, ..Terms::new(holder) }
}

#[test]
fn a_live_holder_is_named() {
    let world = World::new();
    let (ann, bob) = (holder("ann"), holder("bob"));
    let record =
        lock::acquire(&world.history(), release("r", 1, Status::PendingInstall), &Terms::new(&ann)).unwrap();
    assert_eq!(record.lease.as_ref().unwrap().holder, ann);
    for error in [
        lock::acquire(&world.history(), release("r", 2, Status::PendingUpgrade), &Terms::new(&bob))
            .unwrap_err(),
        lock::clear(&world.history(), "r", &Terms::new(&bob)).unwrap_err(),
    ] {
        assert_eq!(
            error.to_string(),
            "another operation (install/upgrade/rollback) is in progress: ann@host pid 1 holds revision 1 of r \
             (pending-install) since 2023-11-14 22:13:21 +0000 UTC"
        );
        assert!(error.hints()[0].contains("--wait-lock"));
    }
    assert!(lock::clear(&world.history(), "another", &Terms::new(&bob)).unwrap().is_none());
}

#[test]
fn waiting_ends_with_the_operation_or_the_deadline() {
    let world = World::new();
    let (ann, bob) = (holder("ann"), holder("bob"));
    let pauses = Cell::new(0);
    let count = |_| pauses.set(pauses.get() + 1);
    let long = Terms { term: Duration::from_secs(1_000), ..terms(&ann, 0, &count) };
    let mut record = lock::acquire(&world.history(), release("r", 1, Status::PendingInstall), &long).unwrap();
    let error = lock::clear(&world.history(), "r", &terms(&bob, 20, &count)).unwrap_err();
    assert!(matches!(error, ReleaseError::Held { .. }));
    // The clock of the test moves a second at each look.
    assert!(pauses.get() > 10 && pauses.get() < 25, "{}", pauses.get());
    let end = Cell::new(false);
    let record_cell = std::cell::RefCell::new(&mut record);
    let finish = |_| {
        if !end.replace(true) {
            let mut record = record_cell.borrow_mut();
            record.release.info.status = Status::Deployed;
            lock::release(&world.history(), &mut record).unwrap();
        }
    };
    assert!(lock::clear(&world.history(), "r", &terms(&bob, 100, &finish)).unwrap().is_none());
    assert!(end.get());
    assert_eq!(world.history().head("r").unwrap().unwrap().lease, None);
}

#[test]
fn an_expired_lease_is_taken_over_once() {
    let world = World::new();
    let (ann, bob) = (holder("ann"), holder("bob"));
    let pause = |_| {};
    let mut lost =
        lock::acquire(&world.history(), release("r", 1, Status::PendingInstall), &terms(&ann, 0, &pause))
            .unwrap();
    // The wait is longer than the lease.
    let taken = lock::clear(&world.history(), "r", &terms(&bob, 600, &pause)).unwrap().unwrap();
    assert_eq!((taken.revision, taken.status), (1, Status::PendingInstall));
    assert_eq!(
        taken.description,
        "Abandoned (pending-install) by ann@host pid 1 since 2023-11-14 22:13:21 +0000 UTC: its lease ran out, taken over by bob@host pid 1"
    );
    let row = world.history().head("r").unwrap().unwrap();
    assert_eq!((row.status, row.description, row.lease), (Status::Failed, taken.description, None));
    assert!(lock::clear(&world.history(), "r", &Terms::new(&bob)).unwrap().is_none());
    // Ann wakes up and finds that it is no longer hers.
    assert_eq!(
        lock::renew(&world.history(), &mut lost, &Terms::new(&ann)).unwrap_err().to_string(),
        "revision 1 of r was taken over by nobody"
    );
    lost.release.info.status = Status::Deployed;
    assert!(lock::release(&world.history(), &mut lost).unwrap_err().is_race());
    assert!(lost.lease.is_some());
}

#[test]
fn a_holder_that_renews_in_time_keeps_its_lease() {
    let world = World::new();
    let (ann, bob) = (holder("ann"), holder("bob"));
    let pause = |_| {};
    let mut record =
        lock::acquire(&world.history(), release("r", 1, Status::PendingInstall), &terms(&ann, 0, &pause))
            .unwrap();
    // Long enough for clients whose clocks are minutes apart.
    for _ in 0..1_000 {
        world.clock.now();
    }
    // Bob sees that the lease ran out, but before he takes over Ann renews it.
    let mut renewed = Some(&mut record);
    let renew = std::sync::Mutex::new(|| {
        if let Some(record) = renewed.take() {
            lock::renew(&world.history(), record, &Terms::new(&ann)).unwrap();
        }
    });
    let store = Wrapped::new(&world.store).before_get(|| renew.lock().unwrap()());
    let history = History { store: &store, ..world.history() };
    let error = lock::clear(&history, "r", &Terms::new(&bob)).unwrap_err();
    assert!(matches!(error, ReleaseError::Held { .. }), "{error}");
    assert_eq!(world.history().head("r").unwrap().unwrap().lease.unwrap().holder, ann);
}

#[test]
fn a_store_that_contradicts_itself_keeps_nobody_for_ever() {
    let world = World::new();
    let pause = |_| {};
    lock::acquire(
        &world.history(),
        release("r", 1, Status::PendingInstall),
        &terms(&holder("ann"), 0, &pause),
    )
    .unwrap();
    // What it lists is there at every other look only, as in a damaged file.
    let looks = AtomicUsize::new(0);
    let store = Wrapped::new(&world.store).lists(|| looks.fetch_add(1, Ordering::Relaxed).is_multiple_of(2));
    let history = History { store: &store, ..world.history() };
    let error = lock::clear(&history, "r", &Terms::new(&holder("bob"))).unwrap_err();
    assert_eq!(error.to_string(), "the records of r contradict each other at every look");
}

#[test]
fn a_renewed_lease_keeps_its_start_and_its_payload() {
    let world = World::new();
    let ann = holder("ann");
    let pause = |_| {};
    let mut record =
        lock::acquire(&world.history(), release("r", 1, Status::PendingInstall), &terms(&ann, 0, &pause))
            .unwrap();
    let before = record.lease.clone().unwrap();
    lock::renew(&world.history(), &mut record, &terms(&ann, 0, &pause)).unwrap();
    let after = record.lease.clone().unwrap();
    assert!(after.since == before.since && after.until > before.until);
    assert_eq!(world.history().get("r", 1).unwrap(), record);
    record.release.info.status = Status::Deployed;
    lock::release(&world.history(), &mut record).unwrap();
    assert_eq!(world.history().get("r", 1).unwrap().lease, None);
}

#[test]
fn a_dead_process_of_this_machine_is_taken_over_at_once() {
    let me = Holder::of(&host());
    let (Some(scope), Some(_)) = (&me.scope, bowline::sys::process::is_running(1)) else {
        crate::support::skip::skipped("this system does not tell which processes run");
        return;
    };
    let mut child = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "release_locks::nothing"])
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let gone = child.id();
    child.wait().unwrap();
    let other = |process: u32, scope: &str| Holder {
        identity: format!("x@y pid {process}"),
        process,
        scope: Some(scope.to_string()),
    };
    for (holder, dead) in [
        (other(gone, scope), true),
        (other(gone, "another machine"), false),
        (other(std::process::id(), scope), false),
        (Holder { scope: None, ..other(gone, "") }, false),
    ] {
        let world = World::new();
        lock::acquire(&world.history(), release("r", 1, Status::PendingInstall), &Terms::new(&holder))
            .unwrap();
        let found = lock::clear(&world.history(), "r", &Terms::new(&me));
        assert_eq!(found.is_ok(), dead, "{holder:?}: {found:?}");
        if let Ok(Some(taken)) = found {
            assert!(taken.description.contains("its process is gone"));
        }
    }
}

#[test]
fn nothing() {}

#[test]
fn a_record_that_helm_left_pending_needs_a_word() {
    let world = World::new();
    let bob = holder("bob");
    put_as_helm(&world.store, &release("h", 1, Status::PendingUpgrade));
    let error = lock::clear(&world.history(), "h", &Terms::new(&bob)).unwrap_err();
    assert_eq!(error.to_string(), "another operation (install/upgrade/rollback) is in progress");
    assert!(error.hints()[0].contains("names no holder"), "{:?}", error.hints());
    let after = |seconds| Terms { abandoned_after: Some(Duration::from_secs(seconds)), ..Terms::new(&bob) };
    assert!(lock::clear(&world.history(), "h", &after(10_000)).is_err());
    for _ in 0..30 {
        world.clock.now();
    }
    let taken = lock::clear(&world.history(), "h", &after(20)).unwrap().unwrap();
    assert!(
        taken.description.starts_with("Abandoned (pending-upgrade) by an unknown holder: no change for ")
    );
    // One that Helm left uninstalling stops nobody: the next uninstall goes on from it.
    put_as_helm(&world.store, &release("u", 1, Status::Uninstalling));
    assert!(lock::clear(&world.history(), "u", &Terms::new(&bob)).unwrap().is_none());
}

#[test]
fn an_uninstall_locks_the_record_that_is_there() {
    let world = World::new();
    let (ann, bob) = (holder("ann"), holder("bob"));
    let pause = |_| {};
    world.put("r", 1, Status::Deployed);
    let history = world.history();
    let mut record = history.last("r").unwrap().unwrap();
    let mut other = history.last("r").unwrap().unwrap();
    record.release.info.status = Status::Uninstalling;
    lock::acquire_existing(&history, &mut record, &terms(&ann, 0, &pause)).unwrap();
    other.release.info.status = Status::Uninstalling;
    assert!(matches!(
        lock::acquire_existing(&history, &mut other, &Terms::new(&bob)),
        Err(ReleaseError::Held { .. })
    ));
    let mut seen = history.last("r").unwrap().unwrap();
    assert!(matches!(
        lock::acquire_existing(&history, &mut seen, &Terms::new(&bob)),
        Err(ReleaseError::Held { .. })
    ));
    assert!(matches!(lock::clear(&history, "r", &Terms::new(&bob)), Err(ReleaseError::Held { .. })));
    // Abandoned, it stays what it is, and the next uninstall takes it.
    let taken = lock::clear(&history, "r", &terms(&bob, 600, &pause)).unwrap().unwrap();
    assert_eq!(taken.status, Status::Uninstalling);
    let mut seen = history.last("r").unwrap().unwrap();
    assert_eq!((seen.release.info.status, &seen.lease), (Status::Uninstalling, &None));
    lock::acquire_existing(&history, &mut seen, &Terms::new(&bob)).unwrap();
}

#[test]
fn of_racing_clients_one_wins() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s");
    let race = |revision: u64, status: Status| -> Vec<Result<Record, ReleaseError>> {
        std::thread::scope(|scope| {
            let racers: Vec<_> = (0..6)
                .map(|racer| {
                    let path = &path;
                    scope.spawn(move || {
                        let host = bowline::sys::Host { random: bowline::sys::Random::System, ..host() };
                        let store = Sqlite::new(path, &host, StoreOptions::default());
                        let clock = Clock::System;
                        let history = History {
                            store: &store,
                            driver: Driver::default(),
                            namespace: "ns",
                            clock: &clock,
                        };
                        let holder = holder(&format!("racer{racer}"));
                        lock::acquire(&history, release("r", revision, status), &Terms::new(&holder))
                    })
                })
                .collect();
            racers.into_iter().map(|racer| racer.join().unwrap()).collect()
        })
    };
    let results = race(1, Status::PendingInstall);
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
    for error in results.into_iter().filter_map(Result::err) {
        assert!(matches!(error, ReleaseError::Held { .. }), "{error}");
    }
}

#[test]
fn who_was_faster_is_told() {
    let world = World::new();
    let (ann, bob) = (holder("ann"), holder("bob"));
    let mut record =
        lock::acquire(&world.history(), release("r", 1, Status::PendingInstall), &Terms::new(&ann)).unwrap();
    record.release.info.status = Status::Deployed;
    lock::release(&world.history(), &mut record).unwrap();
    // A second client that saw no release before Ann began.
    let late = lock::acquire(&world.history(), release("r", 1, Status::PendingInstall), &Terms::new(&bob));
    let late = late.unwrap_err();
    assert_eq!(
        late.to_string(),
        "another operation (install/upgrade/rollback) was faster: revision 1 of r is deployed now"
    );
    assert!(late.is_race() && late.hints()[0].contains("run the command again"));

    // Two that change the same record: an uninstall beside an upgrade.
    let mut seen = world.history().get("r", 1).unwrap();
    let mut also = seen.clone();
    also.release.info.status = Status::Uninstalling;
    lock::acquire_existing(&world.history(), &mut also, &Terms::new(&ann)).unwrap();
    seen.release.info.status = Status::Uninstalling;
    let error = lock::acquire_existing(&world.history(), &mut seen, &Terms::new(&bob)).unwrap_err();
    assert!(matches!(error, ReleaseError::Held { .. }), "{error}");
    assert!(error.to_string().contains("ann@host pid 1 holds revision 1 of r (uninstalling)"), "{error}");
}
