//! Two clients at one release, or a client and somebody who knows no leases: each step of one of them between any two of the other.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use bowline::cluster::memory::{Failure, MemoryOptions, When};
use bowline::cluster::{Memory, Query, Store, Write};
use bowline::data::Value;
use bowline::manifest::ObjectRef;
use bowline::ops::OpsError;
use bowline::ops::change::Target;
use bowline::release::{History, Holder, Keeper, Record, ReleaseError, Status, Terms, lock, object_name};

use crate::release_locks::holder;
use crate::releases::{World, put_as_helm, release};
use crate::state_machine::app;
use crate::support::world::{NAMESPACE, World as Verbs, names, objects};
use crate::support::wrapped::Wrapped;

fn quick(holder: &Holder) -> Terms<'_> {
    Terms { pause: &|_| (), ..Terms::new(holder) }
}

/// What one client does of the two sides of the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    /// A new revision.
    Makes,
    /// The newest one is worked on.
    WorksOn,
}

impl Side {
    fn acquire(self, history: &History<'_>, by: &Holder) -> Result<Record, ReleaseError> {
        match self {
            Side::Makes => lock::acquire(history, release("r", 2, Status::PendingUpgrade), &quick(by)),
            Side::WorksOn => {
                let mut record = history.get("r", 1)?;
                record.release.info.status = Status::Uninstalling;
                lock::acquire_existing(history, &mut record, &quick(by)).map(|()| record)
            }
        }
    }
}

#[test]
fn of_two_clients_exactly_one_goes_on_whenever_they_meet() {
    for (first, second) in [(Side::Makes, Side::WorksOn), (Side::WorksOn, Side::Makes)] {
        let mut met = 0;
        for step in 0..20 {
            let world = World::new();
            world.put("r", 1, Status::Deployed);
            let (ann, bob) = (holder("ann"), holder("bob"));
            let (calls, other) = (AtomicUsize::new(0), Mutex::new(None));
            let meet = || {
                if calls.fetch_add(1, Ordering::SeqCst) == step {
                    *other.lock().unwrap() = Some(second.acquire(&world.history(), &bob));
                }
            };
            let store = Wrapped::new(&world.store).before_get(meet).before_batch(meet).lists(|| {
                meet();
                true
            });
            let history = History { store: &store, ..world.history() };
            let one = first.acquire(&history, &ann);
            let Some(two) = other.lock().unwrap().take() else { continue };
            met += 1;
            let what = format!("{first:?} met at step {step} by {second:?}: {one:?}, {two:?}");
            assert!(one.is_ok() != two.is_ok(), "{what}");
            // Whoever backed off left nothing, and was told who is at it or was faster.
            let (won, lost) = if one.is_ok() { (one, two) } else { (two, one) };
            assert!(matches!(lost, Err(ReleaseError::Held { .. } | ReleaseError::Outrun { .. })), "{what}");
            let rows = world.history().revisions("r").unwrap();
            let leases = rows.iter().filter(|row| row.lease.is_some()).count();
            let newest = rows.last().unwrap();
            assert_eq!((leases, newest.lease.as_ref()), (1, won.unwrap().lease.as_ref()), "{what}");
            assert_eq!(newest.status == Status::PendingUpgrade, rows.len() == 2, "{what}");
            assert!(rows.len() == 1 || rows[0].status == Status::Deployed, "{what}");
        }
        assert!(met >= 3, "{met}");
    }
}

#[test]
fn a_revision_stands_only_on_what_it_was_decided_on() {
    let (ann, pause) = (holder("ann"), |_: Duration| ());
    for change in ["none", "state", "gone", "again", "newer"] {
        let world = World::new();
        let history = world.history();
        world.put("r", 1, Status::Deployed);
        let base = history.look("r").unwrap().newest().unwrap().base();
        match change {
            "state" => {
                let mut record = history.get("r", 1).unwrap();
                record.release.info.status = Status::Uninstalling;
                history.update(&mut record).unwrap();
            }
            "gone" => history.look("r").unwrap().delete(1).unwrap(),
            "again" => {
                history.look("r").unwrap().delete(1).unwrap();
                world.put("r", 1, Status::Deployed);
            }
            "newer" => world.put("r", 3, Status::Failed),
            _ => {}
        }
        let new = (release("r", 2, Status::PendingUpgrade), bowline::release::codec::Middle::default());
        let terms = Terms { pause: &pause, ..Terms::new(&ann) };
        let made = lock::acquire_on(&history, new, Some(&base), &terms);
        assert_eq!(made.is_ok(), change == "none", "{change}: {made:?}");
        let is_there = history.look("r").unwrap().states().any(|row| row.revision == 2);
        assert_eq!(is_there, change == "none", "{change}");
        if let Err(error) = made {
            assert!(error.is_race(), "{change}: {error}");
        }
    }
}

#[test]
fn a_record_that_others_only_touched_is_written_again() {
    let world = World::new();
    let history = world.history();
    let ann = holder("ann");
    let mut record = lock::acquire(&history, release("r", 1, Status::PendingInstall), &quick(&ann)).unwrap();
    touch(&world.store, &id("ns", 1));
    lock::renew(&history, &mut record, &quick(&ann)).unwrap();
    touch(&world.store, &id("ns", 1));
    record.release.info.status = Status::Deployed;
    lock::release(&history, &mut record).unwrap();
    assert_eq!(history.head("r").unwrap().unwrap().status, Status::Deployed);

    // One that somebody took over is theirs.
    let mut record = lock::acquire(&history, release("r", 2, Status::PendingUpgrade), &quick(&ann)).unwrap();
    for _ in 0..1_000 {
        world.clock.now();
    }
    lock::clear(&history, "r", &quick(&holder("bob"))).unwrap().unwrap();
    record.release.info.status = Status::Deployed;
    let error = lock::release(&history, &mut record).unwrap_err();
    let told = lock::told_lost(&history, "r", 2, error);
    assert!(matches!(told, ReleaseError::Lost { .. }), "{told}");
    assert_eq!(history.head("r").unwrap().unwrap().status, Status::Failed);
}

fn id(namespace: &str, revision: u64) -> ObjectRef {
    let [version, kind, namespace] = ["v1", "Secret", namespace].map(String::from);
    ObjectRef { group: String::new(), version, kind, namespace, name: object_name("r", revision) }
}

/// Writes an annotation, as anybody may.
fn touch(store: &dyn Store, id: &ObjectRef) {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let mut body = store.get(id).unwrap().unwrap().body.unwrap();
    let metadata = body.as_map_mut().unwrap().get_mut("metadata").unwrap().as_map_mut().unwrap();
    let annotations = metadata.entry("annotations".into()).or_insert_with(Value::map).as_map_mut().unwrap();
    let text = COUNT.fetch_add(1, Ordering::Relaxed).to_string();
    annotations.insert("touched".into(), Value::str(text));
    store.batch(&[Write::Replace { body, expected: None }]).unwrap();
}

#[test]
fn a_lease_outlasts_a_store_that_is_away_for_a_while() {
    let world = World::new();
    let history = world.history();
    let ann = holder("ann");
    let pass = |seconds| {
        for _ in 0..seconds {
            world.clock.now();
        }
    };
    let mut record = lock::acquire(&history, release("r", 1, Status::PendingInstall), &quick(&ann)).unwrap();
    let mut keeper = Keeper::new(ann.clone(), &history);
    let writes = world.store.writes();
    assert!(keeper.keep(&history, &mut record).unwrap().is_none());
    assert_eq!(world.store.writes(), writes, "it is not due");
    pass(70);
    world.store.fail_writes(When::From(writes + 1), Failure::Unreachable, false);
    assert!(keeper.keep(&history, &mut record).unwrap().is_some(), "told, and no error");
    assert!(!keeper.is_lost());
    pass(200);
    assert!(keeper.keep(&history, &mut record).is_err(), "by now others may think that nobody is at it");
    world.store.heal();
    assert!(keeper.keep(&history, &mut record).unwrap().is_none());
    assert!(record.lease == history.head("r").unwrap().unwrap().lease);

    // Bob's clock is nearly five minutes ahead, and he keeps out all the same.
    pass(550);
    let error = lock::clear(&history, "r", &quick(&holder("bob"))).unwrap_err();
    assert!(matches!(error, ReleaseError::Held { .. }), "{error}");
    pass(100);
    lock::clear(&history, "r", &quick(&holder("bob"))).unwrap().unwrap();
    for _ in 0..2 {
        let error = keeper.keep(&history, &mut record).unwrap_err();
        assert!(matches!(error, ReleaseError::Lost { .. }), "{error}");
    }
    assert!(keeper.is_lost());
}

#[test]
fn a_lease_that_nobody_renews_is_over_whatever_the_clocks_say() {
    let world = World::new();
    let history = world.history();
    let (ann, bob) = (holder("ann"), holder("bob"));
    lock::acquire(&history, release("r", 1, Status::PendingInstall), &quick(&ann)).unwrap();
    // Bob's clock stands nearly still: by it the lease runs for hours.
    let clock = bowline::sys::Clock::Still(1_700_000_010);
    let history = History { clock: &clock, ..history };
    let watched = std::cell::RefCell::default();
    let waited = std::cell::Cell::new(Duration::ZERO);
    let pause = |time| waited.set(waited.get() + time);
    let wait = Duration::from_secs(1);
    let terms = Terms { wait, watched: Some(&watched), pause: &pause, ..Terms::new(&bob) };
    let taken = lock::clear(&history, "r", &terms).unwrap().unwrap();
    assert!(taken.description.contains("its lease ran out"), "{}", taken.description);
    assert!((285..300).contains(&waited.get().as_secs()), "{waited:?}");
}

fn states(store: &dyn Store, verbs: &Verbs) -> Vec<(u64, Status)> {
    let context = verbs.context();
    let look = Target::new(store, NAMESPACE).history(&context).look("r").unwrap();
    look.states().map(|row| (row.revision, row.status)).collect()
}

#[test]
fn a_revision_of_helms_that_comes_during_a_purge_stays() {
    // The first batch is the lease, the second the state, the third the objects.
    for (at, kept) in [(1, false), (2, true), (3, true)] {
        let verbs = Verbs::new();
        let store = verbs.store();
        verbs.install(&store, &app(&verbs), |_| {}).unwrap();
        let mut next = verbs.record(&store, 1).release;
        (next.version, next.info.status) = (2, Status::PendingUpgrade);
        let (inner, batches) = (store.reopen(), AtomicUsize::new(0));
        let racing = Wrapped::new(&inner).after_batch(|| {
            if batches.fetch_add(1, Ordering::SeqCst) + 1 == at {
                put_as_helm(&store, &next);
            }
        });
        let error = verbs.uninstall(&racing, false).unwrap_err();
        let told = matches!(
            &error,
            OpsError::Release(ReleaseError::Outrun { .. } | ReleaseError::InProgress { .. })
        );
        assert!(told, "{at}: {error}");
        let first = if kept { Status::Uninstalled } else { Status::Deployed };
        assert_eq!(states(&store, &verbs), [(1, first), (2, Status::PendingUpgrade)], "{at}");
        assert_eq!(names(&store).is_empty(), kept, "{at}");
        assert!(verbs.record(&store, 1).lease.is_none(), "{at}");
    }
}

#[test]
fn an_install_beside_the_purge_of_what_was_uninstalled() {
    for step in 0..14 {
        let verbs = Verbs::new();
        let (store, chart) = (verbs.store(), app(&verbs));
        verbs.install(&store, &chart, |_| {}).unwrap();
        verbs.uninstall(&store, true).unwrap();
        let (inner, calls, other) = (store.reopen(), AtomicUsize::new(0), Mutex::new(None));
        let meet = || {
            if calls.fetch_add(1, Ordering::SeqCst) == step {
                *other.lock().unwrap() =
                    Some(verbs.upgrade(&store, &chart, |options| options.install = true).is_ok());
            }
        };
        let racing = Wrapped::new(&inner).before_get(meet).before_batch(meet).lists(|| {
            meet();
            true
        });
        let purged = verbs.uninstall(&racing, false).is_ok();
        let Some(installed) = other.lock().unwrap().take() else { continue };
        let (states, there) = (states(&store, &verbs), !objects(&store).is_empty());
        let what = format!("{step}: purged {purged}, installed {installed}, {states:?}");
        let deployed = states.last().is_some_and(|(_, status)| *status == Status::Deployed);
        assert_eq!(deployed, there, "{what}");
        assert!(installed || purged, "{what}");
        assert!(!purged || states.is_empty(), "{what}");
    }
}

#[test]
fn a_touched_record_is_no_reason_to_fail() {
    for (nth, revision) in [(1, 1), (1, 2)] {
        let verbs = Verbs::new();
        let (store, chart) = (verbs.store(), app(&verbs));
        verbs.install(&store, &chart, |_| {}).unwrap();
        let (inner, batches) = (store.reopen(), AtomicUsize::new(0));
        let racing = Wrapped::new(&inner).after_batch(|| {
            if batches.fetch_add(1, Ordering::SeqCst) + 1 == nth {
                touch(&store, &id(NAMESPACE, revision));
            }
        });
        verbs.upgrade(&racing, &chart, |_| {}).unwrap();
        assert_eq!(states(&store, &verbs), [(1, Status::Superseded), (2, Status::Deployed)], "{revision}");
    }
    // Nor is one that is gone.
    let verbs = Verbs::new();
    let (store, chart) = (verbs.store(), app(&verbs));
    verbs.install(&store, &chart, |_| {}).unwrap();
    let (inner, batches) = (store.reopen(), AtomicUsize::new(0));
    // After the new revision was found to stand.
    let racing = Wrapped::new(&inner).before_batch(|| {
        if batches.fetch_add(1, Ordering::SeqCst) == 1 {
            store.batch(&[Write::Delete { id: id(NAMESPACE, 1), expected: None }]).unwrap();
        }
    });
    verbs.upgrade(&racing, &chart, |_| {}).unwrap();
    assert_eq!(states(&store, &verbs), [(2, Status::Deployed)]);
    assert!(verbs.warnings().join("\n").contains("revision 1, which was to give way, stays as it is"));
}

#[test]
fn nobody_undoes_what_somebody_else_did() {
    let verbs = Verbs::new();
    let (store, chart) = (verbs.store(), app(&verbs));
    // Ann and Bob upgrade at once; Bob is faster, and fails.
    verbs.install(&store, &chart, |_| {}).unwrap();
    let (inner, batches) = (store.reopen(), AtomicUsize::new(0));
    let racing = Wrapped::new(&inner).before_batch(|| {
        if batches.fetch_add(1, Ordering::SeqCst) == 0 {
            let failing = store.reopen();
            failing.fail_writes(When::Nth(2), Failure::Full, false);
            verbs.upgrade(&failing, &chart, |_| {}).unwrap_err();
        }
    });
    let error =
        verbs.upgrade(&racing, &chart, |options| options.apply.rollback_on_failure = true).unwrap_err();
    assert!(error.to_string().contains("was faster: revision 2 of r is failed now"), "{error}");
    assert_eq!(states(&store, &verbs), [(1, Status::Deployed), (2, Status::Failed)]);
}

#[test]
fn what_a_killed_purge_left_is_found_by_the_next() {
    let limit = |store: &Memory| {
        let mut options = MemoryOptions { capabilities: store.capabilities() };
        options.capabilities.atomic_batches = false;
        options.capabilities.largest_object = 1_200;
        options
    };
    let (mut nth, mut done) = (1, false);
    while !done {
        for committed in [false, true] {
            let verbs = Verbs::new();
            let store = Memory::with_options(&verbs.host, limit(&verbs.store()));
            verbs.install(&store, &app(&verbs), |_| {}).unwrap();
            verbs.upgrade(&store, &app(&verbs), |_| {}).unwrap();
            let dying = store.reopen();
            dying.kill_at_write(nth, committed);
            done = verbs.uninstall(&dying, false).is_ok();
            verbs.pass(1_000);
            if !states(&store, &verbs).is_empty() {
                let ended = verbs.uninstall(&store, false);
                ended.unwrap_or_else(|error| panic!("write {nth}, committed {committed}: {error}"));
            }
            let left = store.list(&Query::default()).unwrap();
            let left: Vec<&str> = left.iter().map(|stored| stored.id.name.as_str()).collect();
            assert!(left.is_empty(), "write {nth}, committed {committed}: {left:?}");
        }
        nth += 1;
    }
    assert!(nth > 5, "{nth}");
}
