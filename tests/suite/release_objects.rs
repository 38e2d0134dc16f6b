//! What verbs make of objects: those of others, those that stay, those that are gone, the namespace, definitions. Source of the
//! rules: the observed behaviour of Helm 4.3.1; where this program differs, the test says so.

use bowline::cluster::Store;
use bowline::data::Value;
use bowline::ops::options::DryRun;
use bowline::plan::{Action, KeepReason};
use bowline::release::Status;

use crate::state_machine::{app, fails, plain};
use crate::support::world::{World, config_map, data, names, objects, set};

fn foreign(marks: bool, release: &str) -> Value {
    let metadata = if marks {
        format!(
            r#""labels":{{"app.kubernetes.io/managed-by":"Helm"}},"annotations":{{"meta.helm.sh/release-name":"{release}","meta.helm.sh/release-namespace":"team"}},"#
        )
    } else {
        String::new()
    };
    serde_json::from_str(&format!(
        r#"{{"apiVersion":"v1","kind":"ConfigMap","metadata":{{{metadata}"name":"r-one","namespace":"team"}},"data":{{"color":"green","own":"kept"}}}}"#
    ))
    .unwrap()
}

#[test]
fn objects_of_others_are_refused_in_helms_words() {
    let world = World::new();
    let chart = app(&world);
    let store = world.store();
    store.create(foreign(false, "")).unwrap();
    let error = fails(world.install(&store, &chart, |_| {}));
    assert_eq!(
        error,
        "unable to continue with install: ConfigMap \"r-one\" in namespace \"team\" exists and cannot be imported into \
         the current release: invalid ownership metadata; label validation error: missing key \
         \"app.kubernetes.io/managed-by\": must be set to \"Helm\"; annotation validation error: missing key \
         \"meta.helm.sh/release-name\": must be set to \"r\"; annotation validation error: missing key \
         \"meta.helm.sh/release-namespace\": must be set to \"team\""
    );
    assert_eq!(store.writes(), 1);
    assert!(world.history(&store).is_empty());

    let store = world.store();
    store.create(foreign(true, "other")).unwrap();
    let error = fails(world.install(&store, &chart, |_| {}));
    assert!(
        error.ends_with(
            "annotation validation error: key \"meta.helm.sh/release-name\" must equal \"r\": current value is \"other\""
        ),
        "{error}"
    );

    // An upgrade that brings a new object meets one too, and says `update`.
    let store = world.store();
    world.install(&store, &chart, |_| {}).unwrap();
    let two = serde_json::from_str(
        r#"{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"r-two","namespace":"team"}}"#,
    );
    store.create(two.unwrap()).unwrap();
    let error = fails(world.upgrade(&store, &chart, |options| options.values = set(&["second=true"])));
    assert!(error.starts_with("unable to continue with update: ConfigMap \"r-two\""), "{error}");
    assert_eq!(world.states(&store), [(1, Status::Deployed)]);
}

#[test]
fn marked_objects_are_adopted_and_others_when_told() {
    let world = World::new();
    let chart = app(&world);
    for (marks, take) in [(true, false), (false, true)] {
        let store = world.store();
        let before = store.create(foreign(marks, "r")).unwrap();
        let report = world.install(&store, &chart, |options| options.apply.take_ownership = take).unwrap();
        assert_eq!(report.plan.count(Action::Adopt), 1);
        let after = store.get(&config_map("r-one")).unwrap().unwrap();
        assert_eq!(before.uid, after.uid);
        assert_eq!(data(&store, "r-one", "color").as_deref(), Some("red"));
        // What the chart says nothing about stays.
        assert_eq!(data(&store, "r-one", "own").as_deref(), Some("kept"));
        assert_eq!(after.annotations["meta.helm.sh/release-name"], "r");
        assert_eq!(after.labels["app.kubernetes.io/managed-by"], "Helm");
        world.uninstall(&store, false).unwrap();
        assert!(objects(&store).is_empty());
    }
}

#[test]
fn resource_policies_decide_what_stays() {
    let world = World::new();
    let keep = plain("kept", "helm.sh/resource-policy: \" Keep \"");
    let odd = plain("odd", "helm.sh/resource-policy: delete");
    let files = [
        ("templates/kept.yaml", keep.as_str()),
        ("templates/odd.yaml", odd.as_str()),
        ("templates/gone.yaml", &plain("gone", "")),
        ("templates/lost.yaml", &plain("lost", "")),
    ];
    let chart = world.chart("policies", "1.0.0", &files);
    let store = world.store();
    world.install(&store, &chart, |_| {}).unwrap();
    // Somebody else took one of them over, and another one is gone already.
    let mut lost = store.get(&config_map("lost")).unwrap().unwrap().body.unwrap();
    let annotation = lost.as_map_mut().unwrap()["metadata"].as_map_mut().unwrap()["annotations"].as_map_mut();
    annotation.unwrap().insert("meta.helm.sh/release-name".into(), Value::str("other"));
    store.replace(lost, None).unwrap();
    let report = world.uninstall(&store, false).unwrap();
    let kept = |reason| report.plan.kept(reason).map(|id| id.name.clone()).collect::<Vec<_>>();
    assert_eq!(kept(KeepReason::Policy), ["kept"]);
    assert_eq!(kept(KeepReason::UnknownPolicy), ["odd"]);
    assert_eq!(kept(KeepReason::NotOwned), ["lost"]);
    assert_eq!(names(&store), ["ConfigMap/kept", "ConfigMap/lost", "ConfigMap/odd"]);
    assert!(world.history(&store).is_empty());
}

#[test]
fn an_upgrade_drops_what_the_chart_no_longer_has_but_keeps_what_says_keep() {
    let world = World::new();
    let (keep, almost) =
        (plain("kept", "helm.sh/resource-policy: keep"), plain("almost", "helm.sh/resource-policy: Keep"));
    let files = [
        ("templates/kept.yaml", keep.as_str()),
        ("templates/almost.yaml", almost.as_str()),
        ("templates/stays.yaml", &plain("stays", "")),
    ];
    let old = world.chart("shrinks", "1.0.0", &files);
    let new = world.chart("shrinks", "2.0.0", &files[2..]);
    let store = world.store();
    world.install(&store, &old, |_| {}).unwrap();
    let before = store.get(&config_map("stays")).unwrap().unwrap();
    let report = world.upgrade(&store, &new, |_| {}).unwrap();
    assert_eq!(names(&store), ["ConfigMap/kept", "ConfigMap/stays"]);
    assert_eq!((report.plan.count(Action::Keep), report.plan.count(Action::Delete)), (1, 1));
    // What did not change was not written.
    assert_eq!(before, store.get(&config_map("stays")).unwrap().unwrap());
}

#[test]
fn an_object_that_is_gone_is_made_again_and_uninstall_does_not_miss_it() {
    let world = World::new();
    let chart = app(&world);
    let store = world.store();
    world.install(&store, &chart, |_| {}).unwrap();
    store.delete(&config_map("r-one"), None).unwrap();
    let report = world.upgrade(&store, &chart, |_| {}).unwrap();
    assert_eq!(report.plan.count(Action::Create), 1);
    store.delete(&config_map("r-one"), None).unwrap();
    world.uninstall(&store, false).unwrap();
    assert!(world.history(&store).is_empty());
}

#[test]
fn the_namespace_is_made_and_belongs_to_nobody() {
    let world = World::new();
    let chart = app(&world);
    let store = world.store();
    let make = |options: &mut bowline::ops::install::InstallOptions| options.create_namespace = true;
    world
        .install(&store, &chart, |options| {
            make(options);
            options.apply.dry_run = DryRun::Server;
        })
        .unwrap();
    assert_eq!(store.writes(), 0);
    world.install(&store, &chart, make).unwrap();
    assert_eq!(names(&store), ["ConfigMap/r-one", "Namespace/team"]);
    let namespace = objects(&store).into_iter().find(|stored| stored.id.kind == "Namespace").unwrap();
    assert_eq!(namespace.labels, [("name".to_string(), "team".to_string())].into());
    assert!(namespace.annotations.is_empty());
    world.uninstall(&store, false).unwrap();
    assert_eq!(names(&store), ["Namespace/team"]);
    // It is there already: no conflict, and not written again.
    world.install(&store, &chart, make).unwrap();
    let again = objects(&store).into_iter().find(|stored| stored.id.kind == "Namespace").unwrap();
    assert_eq!(namespace.resource_version, again.resource_version);
}

fn definition(names: &str) -> String {
    format!(
        "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {{name: foos.x.io}}\nspec:\n  \
         group: x.io\n  scope: Cluster\n  names: {{kind: Foo, plural: foos, shortNames: [{names}]}}\n"
    )
}

#[test]
fn definitions_are_made_and_changed_by_installs_and_never_deleted() {
    let world = World::new();
    let foo = ("templates/foo.yaml", "apiVersion: x.io/v1\nkind: Foo\nmetadata: {name: it}\n");
    let (first, second) = (definition("f"), definition("f, fo"));
    let old = world.chart("crds", "1.0.0", &[foo, ("crds/foo.yaml", &first)]);
    let new = world.chart("crds", "2.0.0", &[foo, ("crds/foo.yaml", &second)]);
    let store = world.store();
    let crd = |store: &dyn Store| {
        let all = objects(store);
        all.into_iter().find(|stored| stored.id.kind == "CustomResourceDefinition")
    };
    world.install(&store, &old, |options| options.apply.crds = bowline::ops::options::Crds::Skip).unwrap();
    assert!(crd(&store).is_none());
    world.uninstall(&store, false).unwrap();
    world.install(&store, &old, |_| {}).unwrap();
    let made = crd(&store).unwrap();
    assert!(made.annotations.is_empty() && made.labels.is_empty(), "it belongs to nobody");
    assert!(!world.record(&store, 1).release.manifest.contains("CustomResourceDefinition"));
    // The kind is cluster-wide by its definition, and so is the object.
    let foo = objects(&store).into_iter().find(|stored| stored.id.kind == "Foo").unwrap();
    assert_eq!(foo.id.namespace, "");
    world.upgrade(&store, &new, |_| {}).unwrap();
    assert_eq!(crd(&store).unwrap().resource_version, made.resource_version, "an upgrade leaves it alone");
    world.uninstall(&store, false).unwrap();
    assert_eq!(names(&store), ["CustomResourceDefinition/foos.x.io"]);
    world.install(&store, &new, |_| {}).unwrap();
    let changed = crd(&store).unwrap();
    assert_eq!(changed.uid, made.uid);
    let names = changed.body.as_ref().and_then(|body| body.path(["spec", "names", "shortNames"])?.as_list());
    assert_eq!(names.map(<[Value]>::len), Some(2));
}

#[test]
fn a_null_in_a_manifest_is_no_field_and_no_change() {
    let world = World::new();
    let map = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: empty, labels: null}\ndata:\nitems: [{a: null, b: 1}]\n";
    let chart = world.chart("nulls", "1.0.0", &[("templates/map.yaml", map)]);
    let store = world.store();
    world.install(&store, &chart, |_| {}).unwrap();
    let first = store.get(&config_map("empty")).unwrap().unwrap();
    assert!(first.body.as_ref().unwrap().get("data").is_none());
    let report = world.upgrade(&store, &chart, |_| {}).unwrap();
    assert_eq!(report.plan.count(Action::Unchanged), 1);
    assert_eq!(store.get(&config_map("empty")).unwrap().unwrap(), first);
}
