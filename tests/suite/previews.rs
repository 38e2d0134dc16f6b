//! What is told before a change: what becomes of each object and why, differences and drift, and what an upgrade makes of nothing to
//! do, which asks the same questions.

use bowline::cluster::Store;
use bowline::data::Value;
use bowline::ops::diff;
use bowline::ops::options::Crds;
use bowline::ops::preview::Preview;
use bowline::ops::upgrade::{self, UpgradeOptions};
use bowline::release::Status;

use crate::saved_plans::{
    FILES, TEMPLATE, VALUES, apply, chart, each_store, history, plan, set_field, to_blue,
};
use crate::support::world::{World, config_map, data, names, objects, set, target};

#[test]
fn a_preview_says_what_becomes_of_each_object_and_why() {
    let world = World::new();
    let store = world.store();
    let keep = [
        (
            "templates/all.yaml",
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: kept, annotations: {helm.sh/resource-policy: keep}}\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: one}\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: gone}\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: lost}\n",
        ),
        ("values.yaml", "{}"),
    ];
    world.install(&store, &world.chart("app", "0.9.0", &keep), |_| {}).unwrap();
    let json = r#"{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"two","namespace":"team"},"data":{"fixed":"0"}}"#;
    store.create(serde_json::from_str(json).unwrap()).unwrap();
    store.delete(&config_map("lost"), None).unwrap();
    let lost = format!("{TEMPLATE}---\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: lost}}\n");
    let next = world.chart("app", "1.0.0", &[("templates/all.yaml", &lost), ("values.yaml", VALUES)]);
    let options = World::upgrade_options(&next, |options| options.apply.take_ownership = true);
    let operation = upgrade::decide(&world.context(), target(&store), &options).unwrap();
    let preview = Preview::of(&world.context(), target(&store), &operation).unwrap();
    let mut told: Vec<String> = preview
        .objects
        .iter()
        .map(|planned| format!("{} {} {}", planned.action, planned.id.name, planned.reason))
        .collect();
    told.sort();
    assert_eq!(
        told,
        [
            "adopt two it exists and is not in the last revision",
            "change one ",
            "create key ",
            "create lost the last revision has it, and it is gone",
            "delete gone it is no longer in the chart",
            "keep kept its resource policy keeps it",
        ]
    );
    let hooks: Vec<(&str, &str)> = preview.hooks.iter().map(|hook| (hook.event, &*hook.name)).collect();
    assert_eq!((hooks, preview.hooks_only_recorded), (vec![("pre-upgrade", "migrate")], true));
    assert_eq!(preview.hook_changes.len(), 1);
    assert!(!format!("{preview:?}").contains("s3cr3t"));
    // The same, when objects are written as a whole.
    let options = UpgradeOptions { server_side: Some(false), ..options };
    let mut options = options;
    options.apply.force_replace = true;
    let operation = upgrade::decide(&world.context(), target(&store), &options).unwrap();
    let preview = Preview::of(&world.context(), target(&store), &operation).unwrap();
    assert!(preview.objects.iter().any(|planned| planned.action == "replace" && planned.id.name == "one"));
}

fn definition(versions: &str) -> String {
    format!(
        "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {{name: foos.x.io}}\nspec:\n  \
         group: x.io\n  scope: Namespaced\n  names: {{kind: Foo, plural: foos}}\n  versions: [{versions}]\n"
    )
}

#[test]
fn definitions_are_planned_and_their_change_is_a_reason() {
    let world = World::new();
    let store = world.store();
    let one = definition("{name: v1, served: true, storage: true}");
    let chart = world.chart(
        "app",
        "1.0.0",
        &[
            ("crds/foo.yaml", &one),
            ("templates/a.yaml", "apiVersion: x.io/v1\nkind: Foo\nmetadata: {name: foo}\n"),
        ],
    );
    let options = World::upgrade_options(&chart, |options| options.install = true);
    let shown = diff::upgrade(&world.context(), target(&store), &options).unwrap();
    let shown: Vec<&str> = shown.iter().map(|diff| diff.id.kind.as_str()).collect();
    assert_eq!(shown, ["CustomResourceDefinition", "Foo"], "new definitions are among the differences");
    let path = plan(&world, &store, &options);
    store.create(bowline::data::yaml::value_from_text("d", &one).unwrap()).unwrap();
    let error = apply(&world, &store, &path).unwrap_err().to_string();
    assert!(error.ends_with("CustomResourceDefinition/foos.x.io exists now"), "{error}");
    let id = objects(&store)[0].id.clone();
    store.delete(&id, None).unwrap();
    apply(&world, &store, &path).unwrap();
    assert_eq!(names(&store), ["CustomResourceDefinition/foos.x.io", "Foo/foo"]);

    let two = definition("{name: v1, served: true, storage: true}, {name: v2, served: true, storage: false}");
    let chart = world.chart("app", "2.0.0", &[("crds/foo.yaml", &two), ("templates/a.yaml", "")]);
    let options = World::upgrade_options(&chart, |options| options.apply.crds = Crds::All);
    let path = plan(&world, &store, &options);
    apply(&world, &store, &path).unwrap();
    let versions = store.get(&id).unwrap().unwrap().body.unwrap();
    let versions = versions.path(["spec", "versions"]).and_then(Value::as_list).map(<[Value]>::len);
    assert_eq!((names(&store).len(), versions), (1, Some(2)));
}

#[test]
fn drift_in_custom_kinds_is_seen_without_a_server() {
    let world = World::new();
    let store = world.store();
    let files =
        [("templates/a.yaml", "apiVersion: x.io/v1\nkind: Foo\nmetadata: {name: foo}\nspec: {size: 1}\n")];
    world.install(&store, &world.chart("app", "1.0.0", &files), |_| {}).unwrap();
    assert!(diff::drift(&world.context(), target(&store), "r").unwrap().is_empty());
    let mut body = objects(&store)[0].body.clone().unwrap();
    let spec = body.as_map_mut().unwrap().get_mut("spec").unwrap().as_map_mut().unwrap();
    spec.insert("size".into(), Value::Int(5));
    store.replace(body, None).unwrap();
    let drift = diff::drift(&world.context(), target(&store), "r").unwrap();
    assert_eq!(drift[0].fields()[0].path, "spec.size");
}

#[test]
fn a_difference_tells_what_others_had_changed() {
    let world = World::new();
    let store = world.store();
    let chart = chart(&world);
    world.install(&store, &chart, |_| {}).unwrap();
    set_field(&store, "one", &["data", "color"], Value::str("grey"));
    let found = diff::upgrade(&world.context(), target(&store), &to_blue(&chart)).unwrap();
    let field =
        found.iter().flat_map(bowline::plan::diff::ObjectDiff::fields).find(|it| it.path == "data.color");
    let field = field.unwrap();
    let texts =
        [&field.before, &field.after, &field.base].map(|value| value.as_ref().and_then(Value::as_str));
    assert_eq!(texts, [Some("grey"), Some("blue"), Some("red")]);
}

/// Upgrades with `--if-changed`; whether anything was done.
fn upgraded(world: &World, store: &dyn Store, chart: &str, change: impl FnOnce(&mut UpgradeOptions)) -> bool {
    let before = history(world, store).revisions("r").unwrap().len();
    let report = world.upgrade(store, chart, |options| {
        options.if_changed = true;
        change(options);
    });
    let report = report.unwrap();
    let after = history(world, store).revisions("r").unwrap();
    assert_eq!(after.len() - before, usize::from(!report.unchanged));
    assert_eq!(report.release.version, after.last().unwrap().revision);
    !report.unchanged
}

#[test]
fn nothing_is_done_when_nothing_is_changed() {
    each_store(|world, store| {
        let chart = chart(world);
        assert!(upgraded(world, store, &chart, |options| options.install = true), "it was not there");
        let writes = objects(store);
        assert!(!upgraded(world, store, &chart, |_| {}));
        assert!(!upgraded(world, store, &chart, |options| options.install = true));
        assert_eq!(objects(store), writes);
        assert!(
            upgraded(world, store, &chart, |options| options.values = set(&["color=blue"])),
            "the manifest"
        );
        assert!(!upgraded(world, store, &chart, |_| {}), "the values of the last revision");
        assert!(!upgraded(world, store, &chart, |options| options.values = set(&["color=blue"])));
        let unused =
            |options: &mut UpgradeOptions| options.values = set(&["color=blue", "unused.list[0]=1.5"]);
        assert!(upgraded(world, store, &chart, unused), "the values");
        assert!(!upgraded(world, store, &chart, unused), "numbers are equal to themselves");
        assert!(upgraded(world, store, &chart, |options| options.values = set(&["image=two"])), "a hook");
        let label = |options: &mut UpgradeOptions| drop(options.apply.labels.insert("a".into(), "b".into()));
        assert!(upgraded(world, store, &chart, label), "a label");
        assert!(!upgraded(world, store, &chart, label));
        let hook = TEMPLATE.replace("spec: {image", "spec: {more: 1, image");
        let hooked = world.chart("app", "1.0.0", &[("templates/all.yaml", &hook), FILES[1]]);
        assert!(upgraded(world, store, &hooked, |_| {}), "a hook alone");
        assert!(!upgraded(world, store, &hooked, |_| {}));
        let newer = world.chart("app", "1.0.1", &FILES);
        assert!(upgraded(world, store, &newer, |_| {}), "the chart's version");
        assert!(!upgraded(world, store, &newer, |_| {}));
        assert!(upgraded(world, store, &newer, |options| options.server_side = Some(false)), "the method");
    });
}

#[test]
fn drift_and_failures_are_changes() {
    each_store(|world, store| {
        let chart = chart(world);
        world.install(store, &chart, |_| {}).unwrap();
        set_field(store, "one", &["data", "theirs"], Value::str("x"));
        assert!(!upgraded(world, store, &chart, |_| {}), "a field that nobody asked for");
        set_field(store, "one", &["data", "color"], Value::str("grey"));
        assert!(upgraded(world, store, &chart, |_| {}));
        assert_eq!(data(store, "one", "color").as_deref(), Some("red"));
        store.delete(&config_map("two"), None).unwrap();
        assert!(upgraded(world, store, &chart, |_| {}));
        // A rendering draws what its seed says.
        let drawn = |seed: u64| {
            move |options: &mut UpgradeOptions| {
                options.values = set(&["drawn=true"]);
                options.apply.seed = Some(seed);
            }
        };
        assert!(upgraded(world, store, &chart, drawn(1)));
        assert!(upgraded(world, store, &chart, drawn(2)), "it is drawn anew");
        assert!(!upgraded(world, store, &chart, drawn(2)));
        // The same again, after a revision that failed.
        let mut record = history(world, store).last("r").unwrap().unwrap();
        let mut failed = record.release.clone();
        failed.version += 1;
        failed.info.status = Status::PendingUpgrade;
        record = history(world, store).create(failed).unwrap();
        record.release.info.status = Status::Failed;
        history(world, store).update(&mut record).unwrap();
        assert!(upgraded(world, store, &chart, drawn(2)), "the last revision failed");
        assert!(!upgraded(world, store, &chart, drawn(2)));
    });
}

#[test]
fn a_dry_run_is_one_whatever_was_changed() {
    let world = World::new();
    let store = world.store();
    let chart = chart(&world);
    world.install(&store, &chart, |_| {}).unwrap();
    let report = world.upgrade(&store, &chart, |options| {
        options.if_changed = true;
        options.apply.dry_run = bowline::ops::options::DryRun::Server;
    });
    assert_eq!(report.unwrap().release.info.description, "Dry run complete");
}
