//! Upgrades and rollbacks on a real API server where the objects are not what the records tell: values of revisions that nobody
//! remembers, objects that hooks or others changed on the way. See `kube.rs` for how to get a cluster.

use bowline::cluster::Store;
use bowline::data::Value;

use crate::kube_support::{Place, place, wait_until};
use crate::stores::body;
use crate::support::Ran;

/// A ConfigMap, and what the values ask for: further objects, one that the server refuses, and a Job before upgrades that waits
/// to be let go.
const TEMPLATES: &str = r"apiVersion: v1
kind: ConfigMap
metadata: {name: {{ .Release.Name }}-cm}
data: {x: {{ .Values.x | quote }}{{ with .Values.more }}, more: {{ . | quote }}{{ end }}}
---
{{- if .Values.bad }}
apiVersion: v1
kind: Service
metadata: {name: {{ .Release.Name }}-bad}
spec: {ports: [{port: 99999999}]}
---
{{- end }}
{{- if .Values.early }}
apiVersion: v1
kind: Secret
metadata: {name: {{ .Release.Name }}-early}
type: kubernetes.io/tls
---
{{- end }}
{{- if .Values.extra }}
apiVersion: v1
kind: ConfigMap
metadata: {name: {{ .Release.Name }}-extra}
data: {x: {{ .Values.x | quote }}}
---
{{- end }}
{{- if .Values.job }}
apiVersion: batch/v1
kind: Job
metadata: {name: {{ .Release.Name }}-job, annotations: {helm.sh/hook: pre-upgrade}}
spec: {suspend: true, template: {spec: {restartPolicy: Never, containers: [{name: c, image: busybox}]}}}
{{- end }}
";

fn with_map() -> Option<Place> {
    let place = place()?;
    place.chart("app", "x: 1\n", TEMPLATES);
    Some(place)
}

fn data(place: &Place, name: &str) -> String {
    place.text("v1", "ConfigMap", name, &["data"])
}

/// Runs an upgrade, and does something while its Job waits, which is let go then when `ends`.
fn upgrade_beside(place: &Place, line: &str, ends: bool, meanwhile: impl FnOnce()) -> Ran {
    std::thread::scope(|scope| {
        let running = scope.spawn(|| place.run(line));
        wait_until(|| place.get("batch/v1", "Job", "r-job").is_some());
        meanwhile();
        if ends {
            let patch = r#"{"spec":{"suspend":false}}"#;
            place.patch_as("kubectl", "apis/batch/v1", "jobs/r-job", patch);
        }
        running.join().expect("the program can be run")
    })
}

#[test]
fn values_of_a_revision_that_is_gone_are_set_back() {
    let Some(place) = with_map() else { return };
    place.run("install r app").ok();
    place.run("upgrade r app --set x=2,more=y,bad=true").exits(1);
    assert_eq!(data(&place, "r-cm"), r#"{"more":"y","x":"2"}"#);
    let record = crate::kube::id("v1", "Secret", &place.namespace, "sh.helm.release.v1.r.v2");
    place.store().delete(&record, None).unwrap();
    let drift = place.run("drift r --fields").exits(2).stdout;
    assert!(drift.contains("data.x") && drift.contains("data.more"), "{drift}");
    place.run("upgrade r app").ok();
    assert_eq!(data(&place, "r-cm"), r#"{"x":"1"}"#);
    assert_eq!(place.run("upgrade r app").ok().stderr, "", "what is there is not sent again");
    place.run("drift r").ok();
}

#[test]
fn values_of_a_failed_revision_go_though_a_rollback_failed_meanwhile() {
    let Some(place) = with_map() else { return };
    place.run("install r app").ok();
    place.run("upgrade r app --set x=2,more=y").ok();
    let policy = format!("freeze-{}", place.namespace);
    let rule = body(&format!(
        r#"{{"apiVersion":"admissionregistration.k8s.io/v1","kind":"ValidatingAdmissionPolicy","metadata":{{"name":"{policy}"}},
        "spec":{{"failurePolicy":"Fail","matchConstraints":{{"resourceRules":[{{"apiGroups":[""],"apiVersions":["v1"],
        "operations":["UPDATE"],"resources":["configmaps"]}}]}},"validations":[{{"expression":"false","message":"frozen"}}]}}}}"#
    ));
    let binding = body(&format!(
        r#"{{"apiVersion":"admissionregistration.k8s.io/v1","kind":"ValidatingAdmissionPolicyBinding",
        "metadata":{{"name":"{policy}"}},"spec":{{"policyName":"{policy}","validationActions":["Deny"],"matchResources":
        {{"namespaceSelector":{{"matchLabels":{{"kubernetes.io/metadata.name":"{}"}}}}}}}}}}"#,
        place.namespace
    ));
    place.store().create(rule).unwrap();
    place.store().create(binding).unwrap();
    // It takes a moment until a policy counts.
    let mut tries = 0;
    wait_until(|| {
        tries += 1;
        let patch = format!(r#"{{"metadata":{{"labels":{{"try":"{tries}"}}}}}}"#);
        !place.may_patch("somebody", "api/v1", "configmaps/r-cm", &patch)
    });
    place.run("rollback r 1").exits(1);
    assert_eq!(place.states("r"), "1 superseded, 2 superseded, 3 failed");
    for kind in ["ValidatingAdmissionPolicyBinding", "ValidatingAdmissionPolicy"] {
        let id = crate::kube::id("admissionregistration.k8s.io/v1", kind, "", &policy);
        place.store().delete(&id, None).unwrap();
    }
    wait_until(|| place.run("rollback r 1").code == Some(0));
    assert_eq!(data(&place, "r-cm"), r#"{"x":"1"}"#);
}

#[test]
fn texts_of_a_secret_that_somebody_changed_are_set_back() {
    let Some(place) = place() else { return };
    place.chart(
        "s",
        "",
        "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData: {password: right}\n",
    );
    place.run("install r s").ok();
    assert_eq!(place.run("upgrade r s").ok().stderr, "", "what is there is not sent again");
    place.patch_as("somebody", "api/v1", "secrets/s", r#"{"data":{"password":"d3Jvbmc="}}"#);
    let drift = place.run("drift r").exits(2).stdout;
    assert!(drift.contains("Secret") && !drift.contains("wrong"), "{drift}");
    place.run("upgrade r s").ok();
    assert_eq!(place.text("v1", "Secret", "s", &["data", "password"]), "cmlnaHQ=");
    place.run("drift r").ok();
}

#[test]
fn what_a_hook_deletes_is_made_again() {
    let Some(place) = with_map() else { return };
    for method in ["true", "false"] {
        place.run(&format!("install r app --server-side={method} --set extra=true")).ok();
        let line = format!("upgrade r app --set job=true,extra=true --server-side={method}");
        upgrade_beside(&place, &line, true, || {
            let map = crate::kube::id("v1", "ConfigMap", &place.namespace, "r-extra");
            place.store().delete(&map, None).unwrap();
            // Under the name that releases use.
            place.set("v1", "ConfigMap", "r-cm", &["data", "x"], Value::str("hook"));
        })
        .ok();
        assert!(place.get("v1", "ConfigMap", "r-extra").is_some(), "{method}");
        assert_eq!(data(&place, "r-cm"), r#"{"x":"1"}"#, "{method}");
        place.run("uninstall r").ok();
        let job = crate::kube::id("batch/v1", "Job", &place.namespace, "r-job");
        place.store().delete(&job, None).unwrap();
        wait_until(|| place.get("batch/v1", "Job", "r-job").is_none());
    }
}

#[test]
fn only_what_an_upgrade_made_is_cleaned_up() {
    let Some(place) = with_map() else { return };
    place.run("install r app").ok();
    place.run("upgrade r app --set extra=true,bad=true --cleanup-on-fail").exits(1);
    assert!(place.get("v1", "ConfigMap", "r-extra").is_none(), "what it made goes");
    let precious = format!(
        r#"{{"apiVersion":"v1","kind":"ConfigMap","metadata":{{"name":"r-extra","namespace":"{}"}},"data":{{"x":"precious"}}}}"#,
        place.namespace
    );
    let line = "upgrade r app --set extra=true,job=true --cleanup-on-fail --timeout 8s";
    upgrade_beside(&place, line, false, || {
        place.store().create(body(&precious)).unwrap();
    })
    .exits(1);
    assert_eq!(data(&place, "r-extra"), r#"{"x":"precious"}"#, "nothing was made before the hook failed");
    let line = "upgrade r app --set extra=true,job=true,bad=true --cleanup-on-fail --timeout 60s";
    let map = crate::kube::id("v1", "ConfigMap", &place.namespace, "r-extra");
    place.store().delete(&map, None).unwrap();
    // Left by the upgrade before, and deleted by the next one before it makes its own.
    let job = crate::kube::id("batch/v1", "Job", &place.namespace, "r-job");
    place.store().delete(&job, None).unwrap();
    wait_until(|| place.get("batch/v1", "Job", "r-job").is_none());
    upgrade_beside(&place, line, true, || {
        place.store().create(body(&precious)).unwrap();
    })
    .exits(1);
    assert_eq!(data(&place, "r-extra"), r#"{"x":"precious"}"#, "somebody else made it");
}

#[test]
fn nothing_follows_an_object_that_an_upgrade_cannot_create() {
    let Some(place) = with_map() else { return };
    place.run("install q app --set early=true").exits(1);
    assert_eq!(data(&place, "q-cm"), r#"{"x":"1"}"#, "an install goes on");
    place.run("install r app").ok();
    place.run("upgrade r app --set x=2,early=true").exits(1);
    assert_eq!(data(&place, "r-cm"), r#"{"x":"1"}"#);
    place.run("upgrade r app --set x=3").ok();
    assert_eq!(data(&place, "r-cm"), r#"{"x":"3"}"#);
}

#[test]
fn a_hook_leaves_what_others_have() {
    let Some(place) = place() else { return };
    let hook = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: hk, annotations: {helm.sh/hook: pre-install, \
                helm.sh/hook-delete-policy: hook-succeeded}}\ndata: {a: hook}\n";
    let theirs = format!(
        r#"{{"apiVersion":"v1","kind":"ConfigMap","metadata":{{"name":"hk","namespace":"{}"}}}}"#,
        place.namespace
    );
    place.store().create(body(&theirs)).unwrap();
    place.patch_as("somebody", "api/v1", "configmaps/hk", r#"{"data":{"a":"precious"}}"#);
    for policy in ["hook-succeeded", "hook-failed"] {
        place.chart("h", "", &hook.replace("hook-succeeded", policy));
        let failed = place.run("install r h").exits(1).stderr;
        assert!(failed.contains(".data.a is managed by") && !failed.contains("--force"), "{failed}");
        assert_eq!(data(&place, "hk"), r#"{"a":"precious"}"#, "{policy}");
        place.run("uninstall r --no-hooks").ok();
    }
}

#[test]
fn lists_are_taken_apart_wherever_they_stand() {
    let Some(place) = place() else { return };
    let item = |name: &str| format!("{{apiVersion: v1, kind: ConfigMap, metadata: {{name: {name}}}}}");
    let text = format!(
        "apiVersion: v1\nkind: List\nmetadata: {{annotations: {{helm.sh/hook: \"pre-install,post-upgrade\", \
         helm.sh/hook-delete-policy: \"before-hook-creation\"}}}}\nitems: [{}, {}]\n---\n\
         apiVersion: v1\nkind: List\nmetadata: {{name: named}}\nitems: [{}]\n",
        item("l1"),
        item("l2"),
        item("own"),
    );
    place.chart("lists", "", &text);
    place.run("install r lists").ok();
    let uid = |name: &str| place.get("v1", "ConfigMap", name).map(|stored| stored.uid);
    let before = [uid("l1"), uid("l2")];
    assert!(before.iter().all(Option::is_some) && uid("own").is_some(), "{before:?}");
    place.run("upgrade r lists").ok();
    assert!(uid("l1") != before[0] && uid("l2") != before[1], "both are made anew");
    place.run("uninstall r").ok();
    assert!(uid("own").is_none() && uid("l2").is_some());
}

#[test]
fn nulls_that_others_wrote_stay() {
    let Some(place) = place() else { return };
    let group = format!("{}.example.com", place.namespace);
    let name = format!("foos.{group}");
    let definition = format!(
        "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {{name: {name}}}\nspec:\n  group: {group}\n  \
         scope: Namespaced\n  names: {{plural: foos, singular: foo, kind: Foo, listKind: FooList}}\n  versions:\n  - name: v1\n    \
         served: true\n    storage: true\n    schema: {{openAPIV3Schema: {{type: object, properties: {{spec: {{type: object, \
         x-kubernetes-preserve-unknown-fields: true}}}}}}}}\n"
    );
    place.env.write("cr/crds/foo.yaml", &definition);
    let object = format!(
        "apiVersion: {group}/v1\nkind: Foo\nmetadata: {{name: f}}\nspec: {{a: {{{{ .Values.a }}}}}}\n"
    );
    place.chart("cr", "a: 1\n", &object);
    place.run("install r cr --server-side=false").ok();
    wait_until(|| place.get(&format!("{group}/v1"), "Foo", "f").is_some());
    place.set(&format!("{group}/v1"), "Foo", "f", &["spec", "b"], Value::Null);
    let spec = || place.text(&format!("{group}/v1"), "Foo", "f", &["spec"]);
    assert_eq!(spec(), r#"{"a":1,"b":null}"#);
    place.run("upgrade r cr --server-side=false --set a=2").ok();
    assert_eq!(spec(), r#"{"a":2,"b":null}"#);
    assert_eq!(place.run("upgrade r cr --server-side=false --set a=2").ok().stderr, "");
    place.run("uninstall r").ok();
    let id = crate::kube::id("apiextensions.k8s.io/v1", "CustomResourceDefinition", "", &name);
    place.store().delete(&id, None).unwrap();
}

#[test]
fn a_name_may_be_left_to_the_server() {
    let Some(place) = place() else { return };
    let map = "apiVersion: v1\nkind: ConfigMap\nmetadata: {generateName: made-}\n";
    place.chart("g", "", &format!("{map}---\n{map}"));
    let refused = place.run("install r g").exits(1).stderr;
    assert!(refused.contains("resource name may not be empty"), "{refused}");
    place.run("install r g --server-side=false --wait --timeout 60s").ok();
    let made = || {
        let query = bowline::cluster::Query {
            group_kind: Some((String::new(), "ConfigMap".into())),
            namespace: Some(place.namespace.clone()),
            ..bowline::cluster::Query::default()
        };
        let found = place.store().list(&query).unwrap();
        found.iter().filter(|map| map.id.name.starts_with("made-")).count()
    };
    assert_eq!(made(), 2);
    place.run("status r").ok();
    place.run("drift r").ok();
    let refused = place.run("upgrade r g").exits(1).stderr;
    assert!(refused.contains("resource name may not be empty"), "{refused}");
    let told = place.run("uninstall r").ok().stderr;
    assert!(told.contains("a name that the cluster made"), "{told}");
    assert_eq!((place.states("r"), made()), (String::new(), 2));
}
