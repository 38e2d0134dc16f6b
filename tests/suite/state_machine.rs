//! What each verb makes of the records of a release: every state, every text, every rule that a store without workloads
//! can show. Source of the rules: the observed behaviour of Helm 4.3.1; where this program differs, the test says so.

use bowline::cluster::Store;
use bowline::cluster::memory::{Failure, When};
use bowline::ops::options::{DryRun, ReleaseName};
use bowline::plan::Action;
use bowline::release::{ApplyMethod, Holder, Record, Status, Terms, lock};
use bowline::values::Reuse;

use crate::support::world::{World, config_map, data, names, objects, set, target};

/// One ConfigMap, and a second one when `values.second` is set.
const TEMPLATE: &str = "\
apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ release.name }}-one
data:
  color: {{ values.color }}
  shape: {{ values.shape }}
  revision: \"{{ release.revision }}\"
{%- if values.second %}
---
apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ release.name }}-two
data:
  color: {{ values.color }}
{%- endif %}
";
const VALUES: &str = "color: red\nshape: round\nsecond: false\n";

pub(crate) fn app(world: &World) -> String {
    world.chart("app", "1.0.0", &[("templates/maps.yaml", TEMPLATE), ("values.yaml", VALUES)])
}

/// A chart with other defaults, without `shape` in the values of the user.
pub(crate) fn newer(world: &World) -> String {
    let values = "color: grey\nshape: square\nsecond: false\n";
    world.chart("app", "2.0.0", &[("templates/maps.yaml", TEMPLATE), ("values.yaml", values)])
}

pub(crate) fn plain(name: &str, annotations: &str) -> String {
    format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\n  annotations: {{{annotations}}}\ndata: {{a: b}}\n"
    )
}

#[track_caller]
pub(crate) fn fails<T>(result: Result<T, bowline::ops::OpsError>) -> String {
    match result {
        Ok(_) => panic!("it should have failed"),
        Err(error) => error.to_string(),
    }
}

#[track_caller]
pub(crate) fn hint<T>(result: Result<T, bowline::ops::OpsError>) -> String {
    use bowline::diag::Hint;
    match result {
        Ok(_) => panic!("it should have failed"),
        Err(error) => error.hints().join("; "),
    }
}

#[test]
fn install_goes_from_pending_to_deployed() {
    let world = World::new();
    let chart = app(&world);
    let store = world.store();
    let dying = store.reopen();
    dying.kill_at_write(2, false);
    let _ = world.install(&dying, &chart, |_| {});
    assert_eq!(world.history(&store), ["1 pending-install Initial install underway"]);

    let store = world.store();
    let report = world.install(&store, &chart, |_| {}).unwrap();
    assert!(report.installed && report.plan.count(Action::Create) == 1);
    assert_eq!(world.history(&store), ["1 deployed Install complete"]);
    let record = world.record(&store, 1);
    assert_eq!(record.release.apply_method, Some(ApplyMethod::ServerSide));
    assert!(record.lease.is_none() && record.release.info.first_deployed.is_some());
    assert_eq!(names(&store), ["ConfigMap/r-one"]);

    let store = world.store();
    world
        .install(&store, &chart, |options| {
            options.apply.description = Some("first of all".into());
            options.server_side = false;
        })
        .unwrap();
    assert_eq!(world.history(&store), ["1 deployed first of all"]);
    assert_eq!(world.record(&store, 1).release.apply_method, Some(ApplyMethod::ClientSide));
}

#[test]
fn an_install_that_fails_late_is_kept_as_failed() {
    let world = World::new();
    let chart = app(&world);
    let store = world.store();
    store.fail_writes(When::Nth(2), Failure::Full, false);
    let error = fails(world.install(&store, &chart, |_| {}));
    assert_eq!(world.history(&store), [format!("1 failed Release \"r\" failed: {error}")]);
    assert!(objects(&store).is_empty());
    let refused = world.install(&store, &chart, |_| {});
    assert_eq!(hint(refused), "revision 1 of r is failed: add --replace, or upgrade it");
    // An upgrade goes on from a failed first install.
    world.upgrade(&store, &chart, |_| {}).unwrap();
    let states = [(1, Status::Superseded), (2, Status::Deployed)];
    assert_eq!(world.states(&store), states);
    assert_eq!(names(&store), ["ConfigMap/r-one"]);
}

#[test]
fn an_install_that_fails_early_leaves_no_record() {
    let world = World::new();
    let chart = app(&world);
    let broken = world.chart("broken", "1.0.0", &[("templates/a.yaml", "a: {{ fail(message=\"no\") }}\n")]);
    let twice = world.chart(
        "twice",
        "1.0.0",
        &[("templates/a.yaml", &plain("same", "")), ("templates/b.yaml", &plain("same", ""))],
    );
    let store = world.store();
    let name = |name: &str| ReleaseName::Given(name.to_string());
    fails(world.install(&store, &chart, |options| options.name = name("Not_A_Name")));
    fails(world.install(&store, &chart, |options| options.values = set(&["a"])));
    fails(world.install(&store, "nowhere", |_| {}));
    fails(world.install(&store, &broken, |_| {}));
    let error = fails(world.install(&store, &twice, |_| {}));
    assert!(error.contains("twice/templates/a.yaml") && error.contains("twice/templates/b.yaml"), "{error}");
    fails(world.install(&store, &chart, |options| {
        options.apply.labels.insert("owner".into(), "me".into());
    }));
    assert_eq!((store.writes(), world.list(&store).len()), (0, 0));
}

#[test]
fn a_failed_install_is_undone_when_asked() {
    let world = World::new();
    let chart = app(&world);
    let store = world.store();
    store.fail_writes(When::Nth(2), Failure::Full, false);
    let error = fails(world.install(&store, &chart, |options| options.apply.rollback_on_failure = true));
    let start = "release r failed, and has been uninstalled due to rollback-on-failure being set: ";
    assert!(error.starts_with(start), "{error}");
    assert!(world.history(&store).is_empty() && objects(&store).is_empty());
}

#[test]
fn names_in_use_are_refused_and_replaced_when_free() {
    let world = World::new();
    let chart = app(&world);
    let store = world.store();
    world.install(&store, &chart, |_| {}).unwrap();
    for replace in [false, true] {
        let refused = fails(world.install(&store, &chart, |options| options.replace = replace));
        assert_eq!(refused, "release name check failed: cannot reuse a name that is still in use");
    }
    world.uninstall(&store, true).unwrap();
    fails(world.install(&store, &chart, |_| {}));
    world.install(&store, &chart, |options| options.replace = true).unwrap();
    assert_eq!(world.states(&store), [(1, Status::Superseded), (2, Status::Deployed)]);
    assert_eq!(data(&store, "r-one", "revision").as_deref(), Some("2"));
}

#[test]
fn replacing_leaves_a_failed_revision_failed() {
    let world = World::new();
    let chart = app(&world);
    let store = world.store();
    store.fail_writes(When::Nth(2), Failure::Full, false);
    fails(world.install(&store, &chart, |_| {}));
    world.install(&store, &chart, |options| options.replace = true).unwrap();
    assert_eq!(world.states(&store), [(1, Status::Failed), (2, Status::Deployed)]);
}

#[test]
fn replacing_that_fails_keeps_what_was_uninstalled() {
    let world = World::new();
    let chart = app(&world);
    let broken = world.chart("broken", "1.0.0", &[("templates/a.yaml", "a: {{ fail(message=\"no\") }}\n")]);
    let store = world.store();
    world.install(&store, &chart, |_| {}).unwrap();
    world.uninstall(&store, true).unwrap();
    // Early: nothing is written. Late: the uninstalled revision has given way, and can be gone back to.
    fails(world.install(&store, &broken, |options| options.replace = true));
    assert_eq!(world.states(&store), [(1, Status::Uninstalled)]);
    let failing = store.reopen();
    failing.fail_writes(When::Nth(2), Failure::Full, false);
    let error = fails(world.install(&failing, &chart, |options| options.replace = true));
    assert_eq!(
        world.history(&store),
        [
            "1 superseded superseded by new release".to_string(),
            format!("2 failed Release \"r\" failed: {error}")
        ]
    );
    assert!(objects(&store).is_empty());
    world.rollback(&store, Some(1)).unwrap();
    assert_eq!(world.states(&store), [(1, Status::Superseded), (2, Status::Failed), (3, Status::Deployed)]);
    assert_eq!(names(&store), ["ConfigMap/r-one"]);
}

#[test]
fn upgrade_supersedes_what_was_current() {
    let world = World::new();
    let chart = app(&world);
    let store = world.store();
    world.install(&store, &chart, |_| {}).unwrap();
    let dying = store.reopen();
    dying.kill_at_write(2, false);
    let _ = world.upgrade(&dying, &chart, |_| {});
    assert_eq!(world.history(&store), ["1 deployed Install complete", "2 pending-upgrade Preparing upgrade"]);
    world.pass(1000);
    world.upgrade(&store, &chart, |options| options.apply.description = Some("third".into())).unwrap();
    let history = world.history(&store);
    assert_eq!(
        (history[0].as_str(), history[2].as_str()),
        ("1 superseded Install complete", "3 deployed third")
    );
    assert!(history[1].starts_with("2 failed Abandoned (pending-upgrade) by tester@"), "{history:?}");
    let (first, third) = (world.record(&store, 1).release.info, world.record(&store, 3).release.info);
    assert_eq!(first.first_deployed, third.first_deployed);
    assert!(first.last_deployed < third.last_deployed);
}

#[test]
fn an_upgrade_that_fails_leaves_the_old_one_deployed() {
    let world = World::new();
    let chart = app(&world);
    let store = world.store();
    world.install(&store, &chart, |_| {}).unwrap();
    let failing = store.reopen();
    failing.fail_writes(When::Nth(2), Failure::Full, false);
    let error = fails(world.upgrade(&failing, &chart, |options| options.values = set(&["color=blue"])));
    assert_eq!(
        world.history(&store),
        ["1 deployed Install complete".to_string(), format!("2 failed Upgrade \"r\" failed: {error}")]
    );
    assert_eq!(data(&store, "r-one", "color").as_deref(), Some("red"));
    // The next upgrade starts from the deployed revision, and the failed one stays.
    world.upgrade(&store, &chart, |options| options.values = set(&["color=blue"])).unwrap();
    let states = [(1, Status::Superseded), (2, Status::Failed), (3, Status::Deployed)];
    assert_eq!(world.states(&store), states);
    assert_eq!(data(&store, "r-one", "color").as_deref(), Some("blue"));
}

#[test]
fn a_failed_upgrade_is_rolled_back_when_asked() {
    let world = World::new();
    let chart = app(&world);
    let store = world.store();
    world.install(&store, &chart, |_| {}).unwrap();
    let failing = store.reopen();
    failing.fail_writes(When::Nth(2), Failure::Full, false);
    let error = fails(world.upgrade(&failing, &chart, |options| {
        options.apply.rollback_on_failure = true;
        options.values = set(&["color=blue"]);
    }));
    let start = "release r failed, and has been rolled back due to rollback-on-failure being set: ";
    assert!(error.starts_with(start), "{error}");
    let history = world.history(&store);
    assert_eq!(
        (history[0].as_str(), history[2].as_str()),
        ("1 superseded Install complete", "3 deployed Rollback to 1")
    );
    assert!(history[1].starts_with("2 failed Upgrade \"r\" failed: "), "{history:?}");
    assert_eq!(data(&store, "r-one", "color").as_deref(), Some("red"));
}

#[test]
fn rollback_makes_a_new_revision() {
    let world = World::new();
    let chart = app(&world);
    let store = world.store();
    world.install(&store, &chart, |_| {}).unwrap();
    world.upgrade(&store, &chart, |options| options.values = set(&["color=blue", "second=true"])).unwrap();
    assert_eq!(names(&store), ["ConfigMap/r-one", "ConfigMap/r-two"]);
    world.rollback(&store, None).unwrap();
    assert_eq!(
        world.history(&store),
        ["1 superseded Install complete", "2 superseded Upgrade complete", "3 deployed Rollback to 1"]
    );
    assert_eq!(names(&store), ["ConfigMap/r-one"]);
    // The stored manifest comes back, and is not rendered again.
    assert_eq!(data(&store, "r-one", "revision").as_deref(), Some("1"));
    let (first, third) = (world.record(&store, 1).release, world.record(&store, 3).release);
    assert_eq!(
        (&first.manifest, &first.config, third.info.rollback_revision),
        (&third.manifest, &third.config, 1)
    );
    world
        .rollback_with(&store, |options| {
            options.revision = Some(2);
            options.description = Some("back to blue".into());
        })
        .unwrap();
    assert_eq!(world.history(&store)[2..], ["3 superseded Rollback to 1", "4 deployed back to blue"]);
    assert_eq!(names(&store), ["ConfigMap/r-one", "ConfigMap/r-two"]);
}

#[test]
fn rollback_needs_a_revision_that_is_there() {
    let world = World::new();
    let chart = app(&world);
    let store = world.store();
    assert_eq!(fails(world.rollback(&store, None)), "release: not found");
    world.install(&store, &chart, |_| {}).unwrap();
    assert_eq!(fails(world.rollback(&store, None)), "release has no 0 version");
    let missing = world.rollback(&store, Some(99));
    assert_eq!(hint(missing), "r has revision 1 only");
    assert_eq!(world.states(&store), [(1, Status::Deployed)]);
}

#[test]
fn a_rollback_that_fails_changes_no_object() {
    // Helm supersedes the current revision then, since it may have changed objects; here nothing was changed.
    let world = World::new();
    let chart = app(&world);
    let store = world.store();
    world.install(&store, &chart, |_| {}).unwrap();
    world.upgrade(&store, &chart, |options| options.values = set(&["color=blue"])).unwrap();
    let failing = store.reopen();
    failing.fail_writes(When::Nth(2), Failure::Full, false);
    let error = fails(world.rollback(&failing, Some(1)));
    assert_eq!(
        world.history(&store)[1..],
        ["2 deployed Upgrade complete".to_string(), format!("3 failed Rollback \"r\" failed: {error}")]
    );
    assert_eq!(data(&store, "r-one", "color").as_deref(), Some("blue"));
    // Failed revisions stay failed, every deployed one gives way.
    world.rollback(&store, Some(1)).unwrap();
    let states =
        [(1, Status::Superseded), (2, Status::Superseded), (3, Status::Failed), (4, Status::Deployed)];
    assert_eq!(world.states(&store), states);
}

#[test]
fn uninstall_purges_or_keeps() {
    let world = World::new();
    let chart = app(&world);
    let store = world.store();
    assert_eq!(fails(world.uninstall(&store, false)), "uninstall: Release not loaded: r: release: not found");
    let missing = world.uninstall_with(&store, |options| options.ignore_not_found = true).unwrap();
    assert!(missing.release.is_none());

    world.install(&store, &chart, |_| {}).unwrap();
    world.upgrade(&store, &chart, |_| {}).unwrap();
    world.uninstall(&store, false).unwrap();
    assert!(world.history(&store).is_empty() && objects(&store).is_empty());

    world.install(&store, &chart, |_| {}).unwrap();
    world.upgrade(&store, &chart, |_| {}).unwrap();
    let dying = store.reopen();
    // The first write is the lease, the second the state.
    dying.kill_at_write(3, false);
    let _ = world.uninstall(&dying, true);
    assert_eq!(
        world.history(&store),
        ["1 superseded Install complete", "2 uninstalling Deletion in progress (or silently failed)"]
    );
    world.pass(1000);
    world.uninstall(&store, true).unwrap();
    assert_eq!(
        world.history(&store),
        ["1 superseded Install complete", "2 uninstalled Uninstallation complete"]
    );
    assert!(objects(&store).is_empty() && world.record(&store, 2).release.info.deleted.is_some());
    assert_eq!(fails(world.uninstall(&store, true)), "the release named \"r\" is already deleted");
    world.uninstall(&store, false).unwrap();
    assert!(world.history(&store).is_empty());
}

#[test]
fn uninstall_supersedes_revisions_that_still_count_as_deployed() {
    let world = World::new();
    let chart = app(&world);
    let store = world.store();
    world.install(&store, &chart, |_| {}).unwrap();
    let failing = store.reopen();
    failing.fail_writes(When::Nth(2), Failure::Full, false);
    fails(world.upgrade(&failing, &chart, |_| {}));
    world
        .uninstall_with(&store, |options| {
            options.keep_history = true;
            options.description = Some("gone".into());
        })
        .unwrap();
    let history = world.history(&store);
    assert_eq!(history, ["1 superseded Install complete", "2 uninstalled gone"]);
    assert!(objects(&store).is_empty());
}

#[test]
fn an_uninstalled_release_comes_back_by_rollback() {
    let world = World::new();
    let chart = app(&world);
    let store = world.store();
    world.install(&store, &chart, |_| {}).unwrap();
    world.uninstall(&store, true).unwrap();
    assert_eq!(fails(world.rollback(&store, None)), "release has no 0 version");
    world.rollback(&store, Some(1)).unwrap();
    assert_eq!(world.history(&store), ["1 uninstalled Uninstallation complete", "2 deployed Rollback to 1"]);
    assert_eq!(names(&store), ["ConfigMap/r-one"]);
    let back = world.record(&store, 2).release;
    assert!(back.info.deleted.is_none());
    world.upgrade(&store, &chart, |_| {}).unwrap();
    assert_eq!(world.states(&store)[1..], [(2, Status::Superseded), (3, Status::Deployed)]);
}

#[test]
fn upgrade_needs_something_to_upgrade() {
    let world = World::new();
    let chart = app(&world);
    let store = world.store();
    let nothing = || fails(world.upgrade(&store, &chart, |_| {}));
    assert_eq!(nothing(), "\"r\" has no deployed releases");
    world.install(&store, &chart, |_| {}).unwrap();
    world.uninstall(&store, true).unwrap();
    assert_eq!(nothing(), "\"r\" has no deployed releases");
    let report = world.upgrade(&store, &chart, |options| options.install = true).unwrap();
    assert!(report.installed);
    assert_eq!(
        world.history(&store),
        ["1 superseded superseded by new release", "2 deployed Install complete"]
    );
}

#[test]
fn upgrade_install_looks_at_the_newest_revision() {
    // By name, v9 comes after v10; with more than nine revisions Helm looks at the wrong one and fails.
    let world = World::new();
    let chart = app(&world);
    let store = world.store();
    world.install(&store, &chart, |_| {}).unwrap();
    for _ in 0..10 {
        world.upgrade(&store, &chart, |options| options.history_max = 0).unwrap();
    }
    let numbers: Vec<u64> = world.states(&store).iter().map(|(revision, _)| *revision).collect();
    assert_eq!(numbers, (1..=11).collect::<Vec<_>>());
    world.uninstall(&store, true).unwrap();
    let report = world.upgrade(&store, &chart, |options| {
        options.install = true;
        options.history_max = 0;
    });
    assert!(report.unwrap().installed);
    assert_eq!(
        world.states(&store)[9..],
        [(10, Status::Superseded), (11, Status::Superseded), (12, Status::Deployed)]
    );
    assert_eq!(world.list(&store), ["r 12 deployed"]);
    world.rollback_with(&store, |options| options.history_max = 0).unwrap();
    assert_eq!(world.record(&store, 13).release.info.rollback_revision, 11);
}

#[test]
fn history_max_keeps_the_newest_and_what_is_deployed() {
    let world = World::new();
    let chart = app(&world);
    let store = world.store();
    world.install(&store, &chart, |_| {}).unwrap();
    for _ in 0..4 {
        world.upgrade(&store, &chart, |options| options.history_max = 3).unwrap();
    }
    assert_eq!(
        world.states(&store),
        [(3, Status::Superseded), (4, Status::Superseded), (5, Status::Deployed)]
    );
    for revision in 6..9 {
        let failing = store.reopen();
        // The pruned revision is the first write, the record the second.
        failing.fail_writes(When::Nth(3), Failure::Full, false);
        fails(world.upgrade(&failing, &chart, |options| options.history_max = 3));
        assert_eq!(world.states(&store).last(), Some(&(revision, Status::Failed)));
    }
    assert_eq!(world.states(&store), [(5, Status::Deployed), (7, Status::Failed), (8, Status::Failed)]);
    world
        .rollback_with(&store, |options| {
            options.revision = Some(5);
            options.history_max = 2;
        })
        .unwrap();
    assert_eq!(world.states(&store), [(5, Status::Superseded), (9, Status::Deployed)]);
}

#[test]
fn a_dry_run_changes_nothing() {
    let world = World::new();
    let chart = app(&world);
    let store = world.store();
    let first = world.install(&store, &chart, |options| options.apply.dry_run = DryRun::Server).unwrap();
    assert_eq!(first.release.info.description, "Dry run complete");
    assert_eq!((first.release.info.status, first.plan.count(Action::Create)), (Status::PendingInstall, 1));
    world.install(&store, &chart, |options| options.apply.dry_run = DryRun::Client).unwrap();
    assert_eq!(store.writes(), 0);

    world.install(&store, &chart, |_| {}).unwrap();
    let looking = store.reopen();
    for how in [DryRun::Client, DryRun::Server] {
        let report = world.upgrade(&looking, &chart, |options| {
            options.apply.dry_run = how;
            options.values = set(&["second=true"]);
        });
        let report = report.unwrap();
        assert_eq!((report.release.version, report.installed), (2, false));
        assert_eq!(report.release.info.status, Status::PendingUpgrade);
        assert_eq!(report.plan.count(Action::Create), usize::from(how == DryRun::Server));
    }
    world.upgrade(&store, &chart, |options| options.values = set(&["second=true"])).unwrap();
    let back = world.rollback_with(&looking, |options| options.dry_run = DryRun::Server).unwrap();
    assert_eq!((back.plan.count(Action::Delete), back.release.info.rollback_revision), (1, 1));
    let gone = world.uninstall_with(&looking, |options| options.dry_run = true).unwrap();
    assert_eq!(gone.plan.count(Action::Delete), 2);
    assert_eq!(looking.writes(), 0);
    // A dry run still finds what would stop the verb.
    fails(world.install(&looking, &chart, |options| options.apply.dry_run = DryRun::Server));
}

#[test]
fn values_are_reused_by_the_flags() {
    let world = World::new();
    let (old, new) = (app(&world), newer(&world));
    // color is the user's, shape a default.
    for (reuse, pairs, color, shape, config) in [
        (Reuse::Default, &[][..], "blue", "square", r#"{"color":"blue"}"#),
        (Reuse::Default, &["second=false"], "grey", "square", r#"{"second":false}"#),
        (Reuse::Reset, &[], "grey", "square", "{}"),
        (Reuse::Reuse, &["second=false"], "blue", "round", r#"{"color":"blue","second":false}"#),
        (Reuse::ResetThenReuse, &["second=false"], "blue", "square", r#"{"color":"blue","second":false}"#),
    ] {
        let store = world.store();
        world.install(&store, &old, |options| options.values = set(&["color=blue"])).unwrap();
        let report = world.upgrade(&store, &new, |options| {
            options.reuse = reuse;
            options.values = set(pairs);
        });
        let report = report.unwrap();
        let found = (data(&store, "r-one", "color").unwrap(), data(&store, "r-one", "shape").unwrap());
        assert_eq!((found.0.as_str(), found.1.as_str()), (color, shape), "{reuse:?} {pairs:?}");
        let recorded: serde_json::Value = serde_json::to_value(&report.release.config).unwrap();
        let recorded = if recorded.is_null() { serde_json::json!({}) } else { recorded };
        assert_eq!(recorded, serde_json::from_str::<serde_json::Value>(config).unwrap(), "{reuse:?}");
    }
}

#[test]
fn values_are_carried_over_revisions() {
    let world = World::new();
    let chart = app(&world);
    let store = world.store();
    world.install(&store, &chart, |options| options.values = set(&["color=blue"])).unwrap();
    world.upgrade(&store, &chart, |_| {}).unwrap();
    world.upgrade(&store, &chart, |_| {}).unwrap();
    assert_eq!(data(&store, "r-one", "color").as_deref(), Some("blue"));
    world.upgrade(&store, &chart, |options| options.values = set(&["shape=flat"])).unwrap();
    assert_eq!(data(&store, "r-one", "color").as_deref(), Some("red"));
    // A rollback brings the values of its revision back for the next upgrade.
    world.rollback(&store, Some(1)).unwrap();
    world.upgrade(&store, &chart, |_| {}).unwrap();
    assert_eq!(data(&store, "r-one", "color").as_deref(), Some("blue"));
}

#[test]
fn labels_are_merged() {
    let world = World::new();
    let chart = app(&world);
    let store = world.store();
    let label = |key: &str, value: &str| (key.to_string(), value.to_string());
    world
        .install(&store, &chart, |options| options.apply.labels = [label("a", "1"), label("b", "1")].into())
        .unwrap();
    world
        .upgrade(&store, &chart, |options| {
            options.apply.labels = [label("b", "null"), label("c", "2")].into();
        })
        .unwrap();
    let labels = |revision| world.record(&store, revision).release.labels;
    assert_eq!(labels(1), [label("a", "1"), label("b", "1")].into());
    assert_eq!(labels(2), [label("a", "1"), label("c", "2")].into());
    let error = fails(world.upgrade(&store, &chart, |options| {
        options.apply.labels = [label("status", "x")].into();
    }));
    assert_eq!(
        error,
        "user supplied labels contains system reserved label name. System labels: [name owner status version createdAt \
         modifiedAt]"
    );
    assert_eq!(world.states(&store).len(), 2);
    // A dry run says what the real one would say.
    for dry in [DryRun::Client, DryRun::Server] {
        let error = fails(world.upgrade(&store, &chart, |options| {
            options.apply.labels = [label("owner", "x")].into();
            options.apply.dry_run = dry;
        }));
        assert!(error.contains("reserved label name"), "{error}");
    }
}

#[test]
fn how_objects_are_applied_is_inherited_from_the_last_revision() {
    let world = World::new();
    let chart = app(&world);
    let store = world.store();
    let recorded = |revision: u64| world.record(&store, revision).release.apply_method.unwrap();
    // What says how objects are changed is no reason against making them.
    for (server_side, replace, force) in [(true, true, false), (false, false, true)] {
        let asked = world.install(&store, &chart, |options| {
            options.server_side = server_side;
            options.apply.force_replace = replace;
            options.apply.force_conflicts = force;
        });
        asked.unwrap();
        assert_eq!(recorded(1) == ApplyMethod::ServerSide, server_side);
        world.uninstall(&store, false).unwrap();
    }
    world.install(&store, &chart, |_| {}).unwrap();
    let failing = world.upgrade(&store, &chart, |options| {
        options.server_side = Some(false);
        options.apply.labels = [("a".to_string(), "1".to_string())].into();
    });
    failing.unwrap();
    world.upgrade(&store, &chart, |_| {}).unwrap();
    assert_eq!(recorded(3), ApplyMethod::ClientSide);
    world.upgrade(&store, &chart, |options| options.server_side = Some(true)).unwrap();
    // Replacing is a client's way, and the next revision goes on from what it left.
    world.upgrade(&store, &chart, |options| options.apply.force_replace = true).unwrap();
    world.upgrade(&store, &chart, |_| {}).unwrap();
    assert_eq!(
        [4, 5, 6].map(recorded),
        [ApplyMethod::ServerSide, ApplyMethod::ClientSide, ApplyMethod::ClientSide]
    );
}

#[test]
fn whoever_holds_a_release_is_named() {
    let world = World::new();
    let chart = app(&world);
    let store = world.store();
    world.install(&store, &chart, |_| {}).unwrap();
    let history_context = world.context();
    let history = target(&store).history(&history_context);
    let holder = Holder { identity: "ann@desk pid 1".into(), process: 1, scope: None };
    let mut next = world.record(&store, 1).release;
    next.version = 2;
    next.info.status = Status::PendingUpgrade;
    let held: Record = lock::acquire(&history, next, &Terms::new(&holder)).unwrap();
    for result in [
        world.upgrade(&store, &chart, |_| {}).map(drop),
        world.rollback(&store, Some(1)).map(drop),
        world.uninstall(&store, false).map(drop),
        world.install(&store, &chart, |_| {}).map(drop),
    ] {
        let error = fails(result);
        let start = "another operation (install/upgrade/rollback) is in progress: ann@desk pid 1 holds revision 2 of r \
                     (pending-upgrade) since ";
        assert!(error.starts_with(start), "{error}");
    }
    assert_eq!(
        store.get(&config_map("r-one")).unwrap().unwrap().labels["app.kubernetes.io/managed-by"],
        "Helm"
    );
    assert!(held.lease.is_some());
    // Its lease ends without a word from it; the next one goes on and says so.
    world.pass(1000);
    world.upgrade(&store, &chart, |_| {}).unwrap();
    let states = [(1, Status::Superseded), (2, Status::Failed), (3, Status::Deployed)];
    assert_eq!(world.states(&store), states);
    assert!(
        world
            .warnings()
            .iter()
            .any(|text| text.starts_with("revision 2 of r was pending-upgrade: Abandoned")),
        "{:?}",
        world.warnings()
    );
}

#[test]
fn a_pending_record_of_helms_is_not_taken_over_silently() {
    let world = World::new();
    let chart = app(&world);
    let store = world.store();
    world.install(&store, &chart, |_| {}).unwrap();
    let history_context = world.context();
    let history = target(&store).history(&history_context);
    let mut next = world.record(&store, 1).release;
    next.version = 2;
    next.info.status = Status::PendingUpgrade;
    history.create(next).unwrap();
    world.pass(100_000);
    let error = fails(world.upgrade(&store, &chart, |_| {}));
    assert_eq!(error, "another operation (install/upgrade/rollback) is in progress");
    assert_eq!(world.states(&store), [(1, Status::Deployed), (2, Status::PendingUpgrade)]);
}

#[test]
fn hooks_are_recorded_and_told_where_nothing_runs() {
    let world = World::new();
    let hook = "apiVersion: batch/v1\nkind: Job\nmetadata:\n  name: before\n  annotations: {helm.sh/hook: \"pre-install,pre-upgrade\", helm.sh/hook-weight: \"-5\"}\n";
    let files = [("templates/maps.yaml", TEMPLATE), ("values.yaml", VALUES), ("templates/hook.yaml", hook)];
    let chart = world.chart("hooked", "1.0.0", &files);
    let store = world.store();
    let report = world.install(&store, &chart, |_| {}).unwrap();
    assert_eq!(report.hooks_not_run, ["Job/before"]);
    assert_eq!(names(&store), ["ConfigMap/r-one"], "a hook is no object of the release");
    let record = world.record(&store, 1).release;
    assert_eq!((record.hooks.len(), record.hooks[0].weight), (1, -5));
    assert!(!record.manifest.contains("kind: Job"));
    let quiet = world.upgrade(&store, &chart, |options| options.apply.no_hooks = true).unwrap();
    assert!(quiet.hooks_not_run.is_empty());
    let rolled = world.rollback(&store, Some(1)).unwrap();
    assert!(rolled.hooks_not_run.is_empty(), "no hook of that event");
    assert_eq!(world.warnings().len(), 1, "{:?}", world.warnings());
}
