//! Saved plans, `upgrade --if-changed` and three-way differences on a real API server, where controllers write into objects
//! all the time. See `kube.rs` for how to get a cluster.

use bowline::cluster::Store;
use bowline::data::Value;

use crate::kube_support::{Place, TEMPLATES, VALUES, no_namespace, place, wait_until, with_app};
use crate::stores::body;

fn color(place: &Place) -> String {
    place.text("v1", "ConfigMap", "r-one", &["data", "color"])
}

#[test]
fn a_plan_goes_its_whole_way() {
    let Some(place) = with_app() else { return };
    let planned = place.run("plan r app --install --out one.plan --wait --timeout 300s").exits(2).stdout;
    assert!(planned.contains("4 to create\n") && planned.contains("+kind: Deployment"), "{planned}");
    assert_eq!(place.states("r"), "");
    place.run("apply one.plan").ok();
    assert_eq!((place.states("r"), color(&place)), ("1 deployed".into(), "red".into()));
    place.run("plan r app").ok();
    let planned = place.run("plan r app --set color=blue,replicas=2 --out two.plan --fields").exits(2).stdout;
    assert!(planned.contains("  data.color: \"red\" -> \"blue\"\n"), "{planned}");
    assert!(planned.contains("  spec.replicas: 1 -> 2\n") && planned.contains("2 to change\n"), "{planned}");
    // The controllers, and somebody who is not asked, write into the very objects.
    place.patch_as(
        "somebody",
        "apis/apps/v1",
        "deployments/r",
        r#"{"metadata":{"annotations":{"their":"note"}}}"#,
    );
    place.patch_as(
        "a-controller",
        "apis/apps/v1",
        "deployments/r/status",
        r#"{"status":{"conditions":[{"type":"Mine","status":"True"}]}}"#,
    );
    let elsewhere = place.env.run("apply two.plan --namespace elsewhere").exits(1).stderr;
    assert!(elsewhere.contains("not for elsewhere"), "{elsewhere}");
    let applied = place.run("apply two.plan").ok().stderr;
    assert_eq!(applied.lines().filter(|line| line.ends_with(": configured")).count(), 2, "{applied}");
    assert_eq!((place.states("r"), color(&place)), ("1 superseded, 2 deployed".into(), "blue".into()));
    assert_eq!(place.text("apps/v1", "Deployment", "r", &["spec", "replicas"]), "2");
    assert_eq!(place.text("apps/v1", "Deployment", "r", &["metadata", "annotations", "their"]), "note");
    let again = place.run("apply two.plan").exits(1).stderr;
    assert!(again.contains("was applied already: revision 2 of r"), "{again}");
}

#[test]
fn a_plan_is_refused_when_the_cluster_changed() {
    let Some(place) = with_app() else { return };
    place.run("install r app").ok();
    for method in ["--server-side=true", "--server-side=false", "--server-side=false --force-replace"] {
        let make = format!("plan r app --set color=blue {method} --out r.plan");
        place.run(&make).exits(2);
        place.set("v1", "ConfigMap", "r-one", &["data", "color"], Value::str("grey"));
        let refused = place.run("apply r.plan").exits(1).stderr;
        let told = format!("ConfigMap/{}/r-one: data.color was \"red\" and is \"grey\"", place.namespace);
        assert!(refused.contains(&told) && refused.contains("nothing was changed"), "{refused}");
        assert_eq!((place.states("r"), color(&place)), ("1 deployed".into(), "grey".into()));
        place.set("v1", "ConfigMap", "r-one", &["data", "color"], Value::str("red"));
        // A field that the manifest names and the plan does not change.
        place.run(&make).exits(2);
        place.patch_as("scaler", "apis/apps/v1", "deployments/r", r#"{"spec":{"replicas":3}}"#);
        let refused = place.run("apply r.plan").exits(1).stderr;
        assert!(refused.contains("spec.replicas was 1 and is 3"), "{method}: {refused}");
        place.patch_as("scaler", "apis/apps/v1", "deployments/r", r#"{"spec":{"replicas":1}}"#);
    }
    place.run("plan r app --set color=blue --out r.plan").exits(2);
    let id = crate::kube::id("v1", "ConfigMap", &place.namespace, "r-two");
    place.store().delete(&id, None).unwrap();
    let refused = place.run("apply r.plan").exits(1).stderr;
    assert!(refused.contains(&format!("ConfigMap/{}/r-two is gone", place.namespace)), "{refused}");
    place.run("plan r app --set color=blue --out r.plan").exits(2);
    place.run("upgrade r app --set color=green --force-conflicts").ok();
    let refused = place.run("apply r.plan").exits(1).stderr;
    assert!(
        refused.contains("its newest revision was 1 (deployed), and now it is 2 (deployed)"),
        "{refused}"
    );
    // A plan of another store, and a plan of this one elsewhere.
    place.run("plan r app --set color=blue --out r.plan").exits(2);
    let refused = place.run("apply r.plan --store sqlite:other.db").exits(1).stderr;
    assert!(refused.contains("it was made for kube, and this is sqlite:"), "{refused}");
    assert_eq!(color(&place), "green");
}

#[test]
fn rollbacks_and_uninstalls_are_planned_too() {
    let Some(place) = with_app() else { return };
    place.run("install r app").ok();
    place.run("upgrade r app --set color=blue,replicas=2").ok();
    let planned = place.run("plan rollback r 1 --fields --out back.plan").exits(2).stdout;
    let head = format!("rollback of r in namespace {}: revision 2 to 3, chart app-1.0.0\n", place.namespace);
    assert!(planned.starts_with(&head), "{planned}");
    assert!(
        planned.contains("  data.color: \"blue\" -> \"red\"\n") && planned.contains("2 to change\n"),
        "{planned}"
    );
    assert_eq!((place.states("r"), color(&place)), ("1 superseded, 2 deployed".into(), "blue".into()));
    place.run("apply back.plan").ok().prints("Rollback was a success! Happy Helming!\n");
    assert_eq!(
        (place.states("r").as_str(), color(&place).as_str()),
        ("1 superseded, 2 superseded, 3 deployed", "red")
    );
    let again = place.run("apply back.plan").exits(1).stderr;
    assert!(again.contains("was applied already: revision 3 of r"), "{again}");

    let planned = place.run("plan uninstall r --keep-history --fields --out end.plan").exits(2).stdout;
    assert!(planned.contains(": revision 3, chart app-1.0.0\n"), "{planned}");
    assert!(planned.ends_with("4 to delete\nthe records of the release stay\nsaved to end.plan: `bowline apply end.plan` carries it out\n"), "{planned}");
    // A controller may report meanwhile, but nobody may change what is deleted.
    place.patch_as("somebody", "api/v1", "configmaps/r-two", r#"{"data":{"mine":"1"}}"#);
    let refused = place.run("apply end.plan").exits(1).stderr;
    assert!(refused.contains("r-two: data.mine was not set and is \"1\""), "{refused}");
    assert_eq!(place.states("r"), "1 superseded, 2 superseded, 3 deployed");
    place.run("plan uninstall r --keep-history --out end.plan").exits(2);
    place.run("apply end.plan").ok().prints("release \"r\" uninstalled\n");
    assert_eq!(place.states("r"), "1 superseded, 2 superseded, 3 uninstalled");
    assert!(
        place.get("v1", "ConfigMap", "r-two").is_none() && place.get("apps/v1", "Deployment", "r").is_none()
    );
    let planned = place.run("plan uninstall r -o json").exits(2).stdout;
    assert!(planned.contains(r#""records":"delete""#), "{planned}");
}

#[test]
fn client_side_plans_leave_what_others_wrote() {
    let Some(place) = with_app() else { return };
    place.run("install r app --server-side=false").ok();
    place.run("plan r app --set color=blue --out r.plan").exits(2);
    place.set("v1", "ConfigMap", "r-one", &["data", "theirs"], Value::str("kept"));
    place.run("apply r.plan").ok();
    assert_eq!(place.text("v1", "ConfigMap", "r-one", &["data"]), r#"{"color":"blue","theirs":"kept"}"#);
    // What the release itself wrote before is no conflict when the server merges from now on.
    let planned = place.run("plan r app --set color=green --server-side=true --fields --out r.plan").exits(2);
    assert!(!planned.stdout.contains("would refuse"), "{}", planned.stdout);
    assert!(planned.stdout.contains("  data.color: \"blue\" -> \"green\"\n"), "{}", planned.stdout);
    place.run("apply r.plan").ok();
    assert_eq!(color(&place), "green");
    place.patch_as("somebody", "api/v1", "configmaps/r-one", r#"{"data":{"color":"grey"}}"#);
    let planned = place.run("plan r app --set color=red --fields").exits(2).stdout;
    assert!(planned.contains("would refuse it") && planned.contains("1 conflict: .data.color"), "{planned}");
    assert!(
        planned.contains("  data.color: \"grey\" -> \"red\" (the last revision has \"green\")\n"),
        "{planned}"
    );
}

#[test]
fn a_namespace_is_part_of_a_plan() {
    let Some(place) = no_namespace() else { return };
    place.chart("app", VALUES, TEMPLATES);
    let planned = place.run("plan r app --install --create-namespace --out r.plan").exits(2).stdout;
    assert!(
        planned.contains(&format!("create Namespace/{} (--create-namespace)", place.namespace)),
        "{planned}"
    );
    assert!(planned.contains("5 to create\n"), "{planned}");
    place.run("apply r.plan").ok();
    assert_eq!(place.states("r"), "1 deployed");
}

#[test]
fn definitions_are_part_of_a_plan() {
    let Some(place) = place() else { return };
    let group = format!("{}.example.com", place.namespace);
    place.chart(
        "cr",
        "",
        &format!("apiVersion: {group}/v1\nkind: Foo\nmetadata: {{name: f}}\nspec: {{size: 1}}\n"),
    );
    let crd = format!(
        "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {{name: foos.{group}}}\nspec:\n  \
         group: {group}\n  scope: Namespaced\n  names: {{kind: Foo, plural: foos, singular: foo}}\n  versions:\n  - name: v1\n    \
         served: true\n    storage: true\n    schema: {{openAPIV3Schema: {{type: object, \
         x-kubernetes-preserve-unknown-fields: true}}}}\n"
    );
    place.env.write("cr/crds/foo.yaml", &crd);
    let diff = place.run("diff upgrade r cr --install").exits(2).stdout;
    assert!(diff.contains(&format!("create CustomResourceDefinition/foos.{group}")), "{diff}");
    let planned = place.run("plan r cr --install --out r.plan --fields").exits(2).stdout;
    assert!(
        planned.contains("create CustomResourceDefinition/") && planned.contains("create Foo/"),
        "{planned}"
    );
    place.run("apply r.plan").ok();
    let api = format!("{group}/v1");
    assert_eq!(place.text(&api, "Foo", "f", &["spec", "size"]), "1");
    // A field of a custom kind that somebody changed shows in every comparison.
    place.set(&api, "Foo", "f", &["spec", "size"], Value::Int(5));
    for line in ["drift r --fields", "diff upgrade r cr --fields"] {
        let shown = place.run(line).exits(2).stdout;
        assert!(shown.contains("  spec.size: 5 -> 1 (the last revision has 1)\n"), "{line}: {shown}");
    }
    assert_eq!(
        place.run("upgrade r cr --if-changed --force-conflicts").ok().stderr.matches("configured").count(),
        1
    );
    place.run("uninstall r").ok();
    let id =
        crate::kube::id("apiextensions.k8s.io/v1", "CustomResourceDefinition", "", &format!("foos.{group}"));
    place.store().delete(&id, None).unwrap();
}

#[test]
fn what_the_server_would_refuse_is_told_in_the_plan() {
    let Some(place) = with_app() else { return };
    place.run("install r app").ok();
    let planned = place.run("plan r app --set other=x").exits(2);
    assert!(planned.stdout.contains("! the cluster would refuse it: "), "{}", planned.stdout);
    assert!(planned.stdout.contains("field is immutable"), "{}", planned.stdout);
    let diff = place.run("diff upgrade r app --set other=x").exits(2).stderr;
    assert!(diff.contains("would refuse") && diff.contains("field is immutable"), "{diff}");
}

#[test]
fn hooks_of_a_plan_run_when_it_is_applied() {
    let Some(place) = place() else { return };
    let job = r#"apiVersion: v1
kind: ConfigMap
metadata: {name: {{ .Release.Name }}-one}
data: {color: {{ .Values.color }}}
---
apiVersion: batch/v1
kind: Job
metadata: {name: {{ .Release.Name }}-hook, annotations: {helm.sh/hook: "pre-install,pre-upgrade"}}
spec:
  backoffLimit: 0
  template:
    metadata: {annotations: {bowline.test/pod: {{ .Values.pod }}}}
    spec: {restartPolicy: Never, containers: [{name: c, image: busybox}]}
"#;
    place.chart("app", "color: red\npod: ok\n", job);
    let planned = place.run("plan r app --install --out r.plan --timeout 1s").exits(2).stdout;
    assert!(planned.contains("hooks that would run:\n  pre-install Job/r-hook (weight 0)\n"), "{planned}");
    assert!(place.get("batch/v1", "Job", "r-hook").is_none());
    place.run("apply r.plan --timeout 300s").ok();
    let ran = place.get("batch/v1", "Job", "r-hook").expect("it ran").uid;
    place.run("upgrade r app --if-changed").ok();
    assert_eq!(place.get("batch/v1", "Job", "r-hook").unwrap().uid, ran, "no hook runs");
    // Undoing is part of the plan.
    place
        .run("plan r app --set color=blue,pod=fail --rollback-on-failure --no-hooks=false --out r.plan")
        .exits(2);
    let failed = place.run("apply r.plan").exits(1).stderr;
    assert!(failed.contains("has been rolled back due to rollback-on-failure being set"), "{failed}");
    assert_eq!(
        (place.states("r"), color(&place)),
        ("1 superseded, 2 failed, 3 deployed".into(), "red".into())
    );
    let again = place.run("apply r.plan").exits(1).stderr;
    assert!(again.contains("its newest revision was 1 (deployed), and now it is 3 (deployed)"), "{again}");
}

#[test]
fn an_upgrade_that_changes_nothing_makes_no_revision() {
    let Some(place) = with_app() else { return };
    place.run("upgrade r app --install --if-changed --wait --timeout 300s").ok();
    let same = place.run("upgrade r app --install --if-changed").ok();
    assert_eq!(same.stdout, "Release \"r\" is unchanged: revision 1 stays, and no hook was run.\n");
    let json = place.run("upgrade r app --if-changed -o json").ok().stdout;
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!((&json["changed"], &json["version"]), (&false.into(), &1.into()));
    place.set("v1", "ConfigMap", "r-two", &["data", "theirs"], Value::str("x"));
    place.run("upgrade r app --if-changed").ok();
    assert_eq!(place.states("r"), "1 deployed");
    place.set("v1", "ConfigMap", "r-one", &["data", "color"], Value::str("grey"));
    let json = place.run("upgrade r app --if-changed --force-conflicts -o json").ok().stdout;
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!((&json["changed"], color(&place)), (&true.into(), "red".to_string()));
    assert_eq!(place.states("r"), "1 superseded, 2 deployed");
}

#[test]
fn secrets_are_told_nobody() {
    let Some(place) = place() else { return };
    let secret = "apiVersion: v1\nkind: Secret\nmetadata: {name: key}\ndata: {password: {{ .Values.word | b64enc }}}\n";
    place.chart("key", "word: hunter2\n", secret);
    place.run("install r key").ok();
    let hidden = ["aHVudGVyMg==", "hunter2", "geheim", "Z2VoZWlt", "theirs", "dGhlaXJz"];
    let shows_none = |text: &str| hidden.iter().all(|word| !text.contains(word));
    let live = |word: &str| {
        let copy = r#""metadata":{"annotations":{"kubectl.kubernetes.io/last-applied-configuration":"{\"data\":{\"password\":\"dGhlaXJz\"}}"}}"#;
        let patch = format!(r#"{{{copy},"stringData":{{"password":"{word}"}}}}"#);
        place.patch_as("somebody", "api/v1", "secrets/key", &patch);
    };
    place.run("plan r key --set word=geheim --out r.plan").exits(2);
    live("theirs");
    for line in [
        "plan r key --set word=geheim",
        "plan r key --set word=geheim -o json",
        "plan r key --set word=geheim -o yaml --fields",
        "diff upgrade r key --set word=geheim",
        "diff upgrade r key --set word=geheim -o json",
        "drift r --fields",
        "drift r -o yaml",
    ] {
        let ran = place.run(line).exits(2);
        assert!(shows_none(&ran.stdout) && shows_none(&ran.stderr), "{line}: {}{}", ran.stdout, ran.stderr);
    }
    for line in ["apply r.plan", "apply r.plan -o json", "upgrade r key --set word=geheim"] {
        let ran = place.run(line).exits(1);
        assert!(shows_none(&ran.stdout) && shows_none(&ran.stderr), "{line}: {}{}", ran.stdout, ran.stderr);
    }
    let body = body(&format!(
        r#"{{"apiVersion":"v1","kind":"Secret","metadata":{{"name":"key","namespace":"{}"}}}}"#,
        place.namespace
    ));
    place.store().replace(body, None).unwrap();
    wait_until(|| place.run("upgrade r key --force-conflicts").code == Some(0));
}

#[test]
fn a_field_that_the_same_change_defines_is_not_refused_in_the_plan() {
    let Some(place) = place() else { return };
    let group = format!("{}.example.com", place.namespace);
    let crd = |fields: &str| {
        place.env.write("cr/crds/foo.yaml", &crate::kube_verbs::definition(&group, "Foo", fields))
    };
    let templates =
        format!("apiVersion: {group}/v1\nkind: Foo\nmetadata: {{name: f}}\nspec: {{{{ .Values.spec }}}}\n");
    place.chart("cr", "spec: '{size: 1}'\n", &templates);
    crd("size: {type: integer}");
    place.run("install r cr").ok();
    crd("size: {type: integer}, color: {type: string}");
    place.env.write("cr/values.yaml", "spec: '{size: 1, color: red}'\n");
    let planned = place.run("plan upgrade r cr --crds=safe").exits(2);
    assert!(!planned.stdout.contains("would refuse"), "{}", planned.stdout);
    assert!(planned.stdout.contains("color: red"), "{}", planned.stdout);
    assert!(place.run("plan upgrade r cr").exits(2).stdout.contains("would refuse"));
    place.run("upgrade r cr --crds=safe").ok();
    place.run("uninstall r").ok();
    let id =
        crate::kube::id("apiextensions.k8s.io/v1", "CustomResourceDefinition", "", &format!("foos.{group}"));
    place.store().delete(&id, None).unwrap();
}
