//! A verb that ends in the middle: killed at every write, interrupted, or racing with another one.
//! The next command goes on, nothing is lost, doubled or half applied.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use bowline::cluster::{Memory, Sqlite, Store, StoreOptions, Stored};
use bowline::data::Value;
use bowline::ops::OpsError;
use bowline::release::{Driver, Holder, Record, Status, Terms, lock};

use crate::support::world::{World, objects, set};
use crate::support::wrapped::Wrapped;
use crate::support::{Env, split};

/// Two ConfigMaps that say of each other what they must be; the second one only when `values.second` is set.
const TEMPLATE: &str = "\
{%- for name in [\"one\", \"two\"] %}
{%- if name == \"one\" or values.second %}
---
apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ release.name }}-{{ name }}
data:
  color: {{ values.color }}
  second: \"{{ values.second }}\"
  revision: \"{{ release.revision }}\"
{%- endif %}
{%- endfor %}
";
const VALUES: &str = "color: red\nsecond: false\n";
const FILES: [(&str, &str); 2] = [("templates/maps.yaml", TEMPLATE), ("values.yaml", VALUES)];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verb {
    Install,
    Upgrade,
    UpgradeAndPrune,
    Rollback,
    Keep,
    Purge,
}

impl Verb {
    const ALL: [Verb; 6] =
        [Verb::Install, Verb::Upgrade, Verb::UpgradeAndPrune, Verb::Rollback, Verb::Keep, Verb::Purge];

    /// A store in which the verb has work to do: objects to create, change and delete.
    fn prepare(self, world: &World, chart: &str) -> Memory {
        let store = world.store();
        if self != Verb::Install {
            world.install(&store, chart, |_| {}).unwrap();
            world
                .upgrade(&store, chart, |options| options.values = set(&["color=green", "second=true"]))
                .unwrap();
        }
        store
    }

    fn run(self, world: &World, store: &dyn Store, chart: &str) -> Result<(), OpsError> {
        match self {
            Verb::Install => world.install(store, chart, |_| {}).map(drop),
            Verb::Upgrade | Verb::UpgradeAndPrune => world
                .upgrade(store, chart, |options| {
                    options.values = set(&["color=blue"]);
                    options.history_max = if self == Verb::Upgrade { 10 } else { 2 };
                })
                .map(drop),
            Verb::Rollback => world.rollback(store, Some(1)).map(drop),
            Verb::Keep => world.uninstall(store, true).map(drop),
            Verb::Purge => world.uninstall(store, false).map(drop),
        }
    }
}

/// What the objects say, without what depends on when they were written.
fn contents(store: &dyn Store) -> Vec<String> {
    let text = |stored: &Stored, key: &str| {
        let body = stored.body.as_ref().unwrap();
        body.path(["data", key]).and_then(Value::as_str).unwrap_or_default().to_string()
    };
    objects(store)
        .iter()
        .map(|stored| format!("{} {} {}", stored.id.name, text(stored, "color"), text(stored, "second")))
        .collect()
}

/// What always holds: one revision of each number, at most one deployed, and all readable.
fn sound(world: &World, store: &dyn Store) {
    let states = world.states(store);
    assert!(states.windows(2).all(|pair| pair[0].0 < pair[1].0), "{states:?}");
    let deployed = states.iter().filter(|(_, status)| *status == Status::Deployed).count();
    assert!(deployed <= 1, "{states:?}");
    for (revision, status) in &states {
        assert_eq!(world.record(store, *revision).release.info.status, *status);
    }
    assert_eq!(world.list(store).len(), usize::from(!states.is_empty()));
}

#[test]
fn a_verb_killed_at_any_write_is_finished_by_the_next() {
    let mut kills = 0;
    for verb in Verb::ALL {
        let world = World::new();
        let chart = world.chart("app", "1.0.0", &FILES);
        let store = verb.prepare(&world, &chart);
        let before = contents(&store);
        let counting = store.reopen();
        verb.run(&world, &counting, &chart).unwrap();
        let after = contents(&store);
        assert_ne!(before, after, "{verb:?} has work to do");
        for nth in 1..=counting.writes() {
            for committed in [false, true] {
                let what = format!("{verb:?} killed at write {nth}, committed: {committed}");
                let store = verb.prepare(&world, &chart);
                let dying = store.reopen();
                dying.kill_at_write(nth, committed);
                let _ = verb.run(&world, &dying, &chart);
                kills += 1;
                let done = after_kill(&world, &store, &what, &before, &after);
                go_on(verb, &world, &store, &chart, &what, done);
                if verb == Verb::Install {
                    assert_eq!(contents(&store), after, "{what}");
                } else if matches!(verb, Verb::Keep | Verb::Purge) {
                    assert!(contents(&store).is_empty(), "{what}");
                    assert_eq!(world.history(&store).is_empty(), verb == Verb::Purge, "{what}");
                } else {
                    assert_eq!(contents(&store), after, "{what}");
                }
                sound(&world, &store);
            }
        }
    }
    println!("{kills} kills");
    assert!(kills >= 30);
}

/// Looks at what a kill left. Returns whether the objects are as the verb wanted them.
fn after_kill(world: &World, store: &Memory, what: &str, before: &[String], after: &[String]) -> bool {
    let found = contents(store);
    assert!(found == before || found == after, "{what}: half applied: {found:?}");
    sound(world, store);
    let states = world.states(store);
    let newest = states.last().map(|(_, status)| *status);
    let open = newest.is_some_and(|status| status.is_pending() || status == Status::Uninstalling);
    if open {
        // As far as a next client can tell, the process may still be at it: this test is alive.
        assert!(found == before, "{what}: {states:?}");
        let held = world.upgrade(&store.reopen(), "nowhere", |_| {}).unwrap_err().to_string();
        assert!(
            held.starts_with("another operation (install/upgrade/rollback) is in progress: tester@"),
            "{held}"
        );
    }
    world.pass(1000);
    found == after
}

/// Runs the verb again after the lease ended.
fn go_on(verb: Verb, world: &World, store: &Memory, chart: &str, what: &str, done: bool) {
    let pending = world.states(store).into_iter().find(|(_, status)| status.is_pending());
    let next = verb.run(world, store, chart).map_err(|error| error.to_string());
    // A revision that was abandoned is the first that pruning takes.
    if let Some((revision, status)) = pending.filter(|_| verb != Verb::UpgradeAndPrune) {
        let history = world.history(store);
        let start = format!("{revision} failed Abandoned ({status}) by tester@");
        assert!(history.iter().any(|line| line.starts_with(&start)), "{what}: {history:?}");
    }
    match (verb, next) {
        (_, Ok(())) => {}
        // The name is taken by the revision that failed, or by the one that succeeded; either way there is a way on.
        (Verb::Install, Err(error)) => {
            assert_eq!(
                error, "release name check failed: cannot reuse a name that is still in use",
                "{what}"
            );
            if !done {
                world.install(store, chart, |options| options.replace = true).unwrap();
            }
        }
        (Verb::Keep, Err(error)) if done => {
            assert_eq!(error, "the release named \"r\" is already deleted", "{what}");
        }
        (Verb::Purge, Err(error)) if done => {
            assert_eq!(error, "uninstall: Release not loaded: r: release: not found", "{what}");
        }
        (_, Err(error)) => panic!("{what}: {error}"),
    }
}

#[test]
fn a_release_whose_uninstall_was_killed_says_how_to_go_on() {
    use bowline::diag::Hint;
    let world = World::new();
    let chart = world.chart("app", "1.0.0", &FILES);
    let store = Verb::Purge.prepare(&world, &chart);
    let dying = store.reopen();
    // The first write is the lease, the second the state.
    dying.kill_at_write(3, false);
    let _ = world.uninstall(&dying, false);
    world.pass(1000);
    let hint = "an uninstall of r did not end: `bowline uninstall r` finishes it, `bowline delete r` does and keeps the \
                history, `bowline rollback r` brings the release back";
    assert_eq!(world.install(&store, &chart, |_| {}).unwrap_err().hints(), [hint]);
    assert_eq!(world.upgrade(&store, &chart, |_| {}).unwrap_err().hints(), [hint]);
    assert_eq!(world.upgrade(&store, &chart, |options| options.install = true).unwrap_err().hints(), [hint]);
    world.uninstall(&store, false).unwrap();
    assert!(objects(&store).is_empty());
}

#[test]
fn objects_of_the_deployed_revision_go_even_when_a_later_one_failed() {
    let world = World::new();
    let chart = world.chart("app", "1.0.0", &FILES);
    for verb in [Verb::Keep, Verb::Purge, Verb::Rollback] {
        let store = Verb::Upgrade.prepare(&world, &chart);
        let dying = store.reopen();
        dying.kill_at_write(2, false);
        let _ = world.upgrade(&dying, &chart, |options| options.values = set(&["color=blue"]));
        world.pass(1000);
        // The abandoned revision has no second object, the deployed one has.
        verb.run(&world, &store, &chart).unwrap();
        let left = contents(&store);
        assert_eq!(left, if verb == Verb::Rollback { vec!["r-one red false"] } else { vec![] }, "{verb:?}");
    }
}

#[test]
fn an_interrupt_leaves_a_closed_record() {
    for (verb, done, state) in [
        (Verb::Install, "no object was changed", Status::Failed),
        (Verb::Upgrade, "no object was changed", Status::Failed),
        (Verb::Rollback, "no object was changed", Status::Failed),
        (Verb::Purge, "no object was deleted; the next uninstall goes on from here", Status::Uninstalling),
    ] {
        let world = World::new();
        let chart = world.chart("app", "1.0.0", &FILES);
        let store = verb.prepare(&world, &chart);
        let before = (contents(&store), world.states(&store));
        world.interrupted.store(true, Ordering::Relaxed);
        let error = verb.run(&world, &store, &chart).unwrap_err();
        assert_eq!(error.to_string(), "nothing was changed: interrupted");
        assert_eq!((contents(&store), world.states(&store)), before, "{verb:?}");

        world.interrupted.store(false, Ordering::Relaxed);
        let inner = store.reopen();
        let interrupting =
            Wrapped::new(&inner).after_batch(|| world.interrupted.store(true, Ordering::Relaxed));
        let error = verb.run(&world, &interrupting, &chart).unwrap_err();
        assert_eq!(error.to_string(), format!("{done}: interrupted"));
        assert_eq!(contents(&store), before.0, "{verb:?}");
        let revision = world.states(&store).last().copied().unwrap();
        assert_eq!(revision.1, state, "{verb:?}");
        assert!(world.record(&store, revision.0).lease.is_none(), "{verb:?} holds nothing any more");

        // Nobody has to wait for a lease to end.
        world.interrupted.store(false, Ordering::Relaxed);
        match verb {
            Verb::Install => world.install(&store, &chart, |options| options.replace = true).map(drop),
            verb => verb.run(&world, &store, &chart),
        }
        .unwrap();
        sound(&world, &store);
    }
}

// From here on with the real program.

const STORE: &str = "state.sqlite";

fn program() -> Env {
    let env = Env::new().with("BOWLINE_STORE", &format!("sqlite:{STORE}"));
    env.write("app/Chart.yaml", "apiVersion: v2\nname: app\nversion: 1.0.0\nengine: tera\n");
    for (path, text) in FILES {
        env.write(&format!("app/{path}"), text);
    }
    env
}

fn open(path: &Path, world: &World) -> Sqlite {
    let host = bowline::sys::Host { random: bowline::sys::Random::System, ..world.host.clone() };
    Sqlite::new(path, &host, StoreOptions::default())
}

fn start(env: &Env, line: &str) -> Child {
    let words = split(line);
    env.command(words.iter().map(String::as_str))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Whether the file holds whole manifests only, and the records fit to them. Returns the states.
fn inspect(env: &Env, world: &World, what: &str) -> Vec<(u64, Status)> {
    let path = env.path(STORE);
    if !path.exists() {
        return Vec::new();
    }
    let store = open(&path, world);
    store.check().unwrap_or_else(|error| panic!("{what}: {error}"));
    let found: BTreeMap<String, Value> = objects(&store)
        .into_iter()
        .map(|stored| (stored.id.name.clone(), stored.body.unwrap().get("data").cloned().unwrap_or_default()))
        .collect();
    let text = |name: &str, key: &str| found.get(name)?.get(key)?.as_str().map(str::to_string);
    match text("r-one", "second").as_deref() {
        None => assert!(found.is_empty(), "{what}: {found:?}"),
        Some("false") => assert_eq!(found.len(), 1, "{what}: {found:?}"),
        _ => assert_eq!(found["r-one"], found["r-two"], "{what}"),
    }
    let context = world.context();
    let target = bowline::ops::change::Target::new(&store, "default");
    let rows = target.history(&context).revisions("r").unwrap();
    let states: Vec<(u64, Status)> = rows.iter().map(|row| (row.revision, row.status)).collect();
    assert!(states.windows(2).all(|pair| pair[0].0 < pair[1].0), "{what}: {states:?}");
    let deployed: Vec<&(u64, Status)> =
        states.iter().filter(|(_, status)| *status == Status::Deployed).collect();
    assert!(deployed.len() <= 1, "{what}: {states:?}");
    if let Some((revision, _)) = deployed.first() {
        let manifest = target.history(&context).get("r", *revision).unwrap().release.manifest;
        let line = format!("revision: \"{}\"", text("r-one", "revision").unwrap_or_default());
        assert!(manifest.contains(&line), "{what}: {line} is not in\n{manifest}");
    }
    if states.last().is_none_or(|(_, status)| *status == Status::Uninstalled) {
        assert!(found.is_empty(), "{what}: {states:?} {found:?}");
    }
    states
}

/// A record of an operation that this test carries out.
fn hold(env: &Env, world: &World) -> (Sqlite, Record) {
    let store = open(&env.path(STORE), world);
    let context = world.context();
    let host = bowline::sys::Host { clock: bowline::sys::Clock::System, ..world.host.clone() };
    let history = bowline::release::History {
        store: &store,
        driver: Driver::default(),
        namespace: "default",
        clock: &host.clock,
    };
    let holder = Holder { identity: "ann@desk pid 7".into(), ..Holder::of(context.host) };
    let mut release = history.last("r").unwrap().unwrap().release;
    release.version += 1;
    release.info.status = Status::PendingUpgrade;
    let record = lock::acquire(&history, release, &Terms::new(&holder)).unwrap();
    (store, record)
}

fn let_go(store: &Sqlite, record: &mut Record, world: &World) {
    let history = bowline::release::History {
        store,
        driver: Driver::default(),
        namespace: "default",
        clock: &world.host.clock,
    };
    record.release.info.status = Status::Failed;
    lock::release(&history, record).unwrap();
}

#[test]
fn who_holds_a_release_is_told_with_its_own_exit_code() {
    let (env, world) = (program(), World::new());
    env.run("install r app").ok();
    let (store, mut record) = hold(&env, &world);
    for line in ["upgrade r app", "rollback r 1", "uninstall r", "delete r", "install r app --replace"] {
        let ran = env.run(line).exits(5);
        assert!(
            ran.stderr.contains("ann@desk pid 7 holds revision 2 of r (pending-upgrade) since"),
            "{line}: {}",
            ran.stderr
        );
        assert!(ran.stderr.contains("hint: wait for it with --wait-lock 5m"), "{line}: {}", ran.stderr);
    }
    // Reading goes on.
    assert!(env.run("history r").ok().stdout.contains("pending-upgrade"));
    assert!(env.run("list --pending").ok().stdout.contains("pending-upgrade"));
    env.run("status r").ok();

    let waiting = start(&env, "upgrade r app --wait-lock 60s");
    std::thread::sleep(Duration::from_millis(700));
    let_go(&store, &mut record, &world);
    let output = waiting.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let states = [(1, Status::Superseded), (2, Status::Failed), (3, Status::Deployed)];
    assert_eq!(inspect(&env, &world, "after the wait"), states);
}

#[cfg(unix)]
#[test]
fn a_wait_ends_at_ctrl_c() {
    let (env, world) = (program(), World::new());
    env.run("install r app").ok();
    let (store, mut record) = hold(&env, &world);
    let began = Instant::now();
    let waiting = start(&env, "upgrade r app --wait-lock 60s");
    std::thread::sleep(Duration::from_millis(700));
    let number = waiting.id().to_string();
    assert!(std::process::Command::new("kill").args(["-INT", &number]).status().unwrap().success());
    let output = waiting.wait_with_output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(130), "{stderr}");
    assert!(stderr.contains("nothing was changed: interrupted"), "{stderr}");
    assert!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
    let states = [(1, Status::Deployed), (2, Status::PendingUpgrade)];
    assert_eq!(inspect(&env, &world, "after Ctrl-C"), states);
    let_go(&store, &mut record, &world);
    env.run("upgrade r app").ok();
}

#[test]
fn of_two_at_once_one_wins_and_the_other_is_told() {
    let (env, world) = (program(), World::new());
    env.run("install r app").ok();
    let mut codes: BTreeMap<i32, u32> = BTreeMap::new();
    for round in 0..10 {
        let children: Vec<Child> = (0..2)
            .map(|client| {
                start(&env, &format!("upgrade r app --set color=c{round}x{client} --history-max 0"))
            })
            .collect();
        let outputs = children.into_iter().map(|child| child.wait_with_output().unwrap());
        let mut won = 0;
        for output in outputs {
            let stderr = String::from_utf8_lossy(&output.stderr);
            let code = output.status.code().unwrap();
            *codes.entry(code).or_default() += 1;
            match code {
                0 => won += 1,
                // The one that was faster is at it, or is done.
                5 => {
                    let told = stderr.contains(" pid ") || stderr.contains("was faster: revision ");
                    assert!(told && stderr.contains("--wait-lock"), "{stderr}");
                }
                other => panic!("exit code {other}: {stderr}"),
            }
        }
        assert!(won >= 1, "round {round}: nobody won");
        let states = inspect(&env, &world, &format!("round {round}"));
        assert_eq!(states.iter().filter(|(_, status)| *status == Status::Deployed).count(), 1, "{states:?}");
    }
    println!("exit codes: {codes:?}");
}

#[test]
fn with_a_wait_both_get_their_turn() {
    let (env, world) = (program(), World::new());
    env.run("install r app").ok();
    for round in 0..6 {
        let children: Vec<Child> = (0..3)
            .map(|client| {
                start(&env, &format!("upgrade r app --set color=c{client} --history-max 0 --wait-lock 60s"))
            })
            .collect();
        for child in children {
            let output = child.wait_with_output().unwrap();
            assert!(output.status.success(), "round {round}: {}", String::from_utf8_lossy(&output.stderr));
        }
    }
    let states = inspect(&env, &world, "at the end");
    assert_eq!(states.last(), Some(&(states.len() as u64, Status::Deployed)));
    let deployed = states.iter().filter(|(_, status)| *status != Status::Failed).count();
    assert_eq!(deployed, 19, "{states:?}");
}
