//! The verbs of a release on a real API server: what a user types, what the cluster then holds, and what is told when it
//! refuses. See `kube.rs` for how to get a cluster.

use bowline::cluster::Store;
use bowline::data::Value;

use crate::kube_support::{Place, TEMPLATES, VALUES, no_namespace, place, wait_until, with_app};
use crate::stores::body;

#[test]
fn a_release_goes_its_whole_way() {
    let Some(place) = with_app() else { return };
    place.run("install r app").ok();
    assert_eq!(place.states("r"), "1 deployed");
    assert!(place.run("list").ok().stdout.contains("deployed"));
    let status = place.run("status r").ok();
    assert!(
        status.stdout.contains("==> v1/ConfigMap") && status.stdout.contains("r-two"),
        "{}",
        status.stdout
    );
    // The columns are the server's.
    let head = status.stdout.lines().skip_while(|line| *line != "==> v1/Deployment").nth(1).unwrap_or("");
    let columns: Vec<&str> = head.split_whitespace().collect();
    assert_eq!(columns, ["NAME", "READY", "UP-TO-DATE", "AVAILABLE", "AGE"], "{}", status.stdout);
    place.run("diff upgrade r app").ok().prints("no differences\n");
    let upgraded = place.run("upgrade r app --set color=blue").ok();
    assert_eq!(upgraded.stderr.lines().filter(|line| line.ends_with(": configured")).count(), 1);
    assert_eq!(place.text("v1", "ConfigMap", "r-one", &["data", "color"]), "blue");
    place.run("diff upgrade r app --set color=blue").ok().prints("no differences\n");
    let diff = place.run("diff upgrade r app --set color=green").exits(2).stdout;
    assert!(diff.contains("-  color: blue\n+  color: green\n"), "{diff}");
    assert!(place.run("get values r").ok().stdout.contains("color: blue"));
    place.run("drift r").ok();
    place.set("v1", "ConfigMap", "r-one", &["data", "color"], Value::str("grey"));
    let drift = place.run("drift r").exits(2).stdout;
    assert!(drift.contains("-  color: grey\n+  color: blue\n"), "{drift}");
    place.run("rollback r 1 --force-conflicts").ok();
    assert_eq!(place.text("v1", "ConfigMap", "r-one", &["data", "color"]), "red");
    assert_eq!(place.states("r"), "1 superseded, 2 superseded, 3 deployed");
    place.run("uninstall r --keep-history --wait").ok();
    assert_eq!(place.states("r"), "1 superseded, 2 superseded, 3 uninstalled");
    assert!(place.get("v1", "ConfigMap", "r-one").is_none());
    assert!(place.run("list --uninstalled").ok().stdout.contains("uninstalled"));
    place.run("rollback r 2").ok();
    assert_eq!(place.text("v1", "ConfigMap", "r-one", &["data", "color"]), "blue");
    assert_eq!(place.states("r"), "1 superseded, 2 superseded, 3 uninstalled, 4 deployed");
    place.run("uninstall r").ok();
    assert_eq!(place.states("r"), "");
    assert!(place.get("apps/v1", "Deployment", "r").is_none());
}

#[test]
fn a_namespace_is_made_when_asked_for() {
    let Some(place) = no_namespace() else { return };
    place.chart("app", crate::kube_support::VALUES, crate::kube_support::TEMPLATES);
    let refused = place.run("install r app").exits(1).stderr;
    assert!(refused.contains("not found") && refused.contains("--create-namespace"), "{refused}");
    place.run("install r app --create-namespace").ok();
    assert_eq!(place.states("r"), "1 deployed");
    place.run("uninstall r").ok();
    let namespace = place.store().get(&crate::kube::id("v1", "Namespace", "", &place.namespace)).unwrap();
    assert!(namespace.is_some(), "it stays");
}

#[test]
fn waits_end_with_what_was_missing_and_why() {
    let Some(place) = with_app() else { return };
    place.run("install slow app --set pod=slow --wait --timeout 300s").ok();
    for (pod, reason) in [("image", "ImagePullBackOff"), ("crash", "CrashLoopBackOff")] {
        let line = format!("install {pod} app --set pod={pod},deadline=10 --wait --timeout 300s");
        let failed = place.run(&line).exits(1).stderr;
        let told = format!(
            "Error: INSTALLATION FAILED: resource Deployment/{}/{pod} not ready. status: Failed, message: Progress deadline exceeded",
            place.namespace
        );
        assert!(failed.contains(&told), "{failed}");
        assert!(
            failed.contains(&format!("hint: Deployment/{}/{pod}: {reason}", place.namespace)),
            "{failed}"
        );
        assert_eq!(place.states(pod), "1 failed");
        let why = place.run(&format!("why {pod}")).stdout;
        assert!(why.contains(reason) && why.contains("line 200"), "{why}");
    }
    let failed = place.run("install late app --set pod=pending --wait --timeout 5s").exits(1).stderr;
    assert!(
        failed.contains("status: InProgress") && failed.contains("context deadline exceeded"),
        "{failed}"
    );
    // Polling has no limit where none is given.
    place.run("upgrade slow app --set pod=slow,tint=x --wait=legacy --timeout 0").ok();
}

#[test]
fn a_failed_change_is_undone_when_asked_for() {
    let Some(place) = with_app() else { return };
    let failed = place
        .run("install r app --set pod=image,deadline=20 --rollback-on-failure --timeout 300s")
        .exits(1)
        .stderr;
    assert!(
        failed.contains("release r failed, and has been uninstalled due to rollback-on-failure being set"),
        "{failed}"
    );
    assert!(failed.contains("ImagePullBackOff") && !failed.contains("bowline why"), "{failed}");
    assert_eq!(place.states("r"), "");
    place.run("install r app --wait").ok();
    let failed = place
        .run("upgrade r app --set pod=crash,color=blue,deadline=10 --rollback-on-failure --timeout 300s")
        .exits(1)
        .stderr;
    assert!(
        failed.contains("release r failed, and has been rolled back due to rollback-on-failure being set"),
        "{failed}"
    );
    assert_eq!(place.states("r"), "1 superseded, 2 failed, 3 deployed");
    assert_eq!(place.text("v1", "ConfigMap", "r-one", &["data", "color"]), "red");
    assert!(place.run("why r").stdout.contains("CrashLoopBackOff"));
}

#[test]
fn what_failed_revisions_set_goes_with_the_next_that_works() {
    let Some(place) = with_app() else { return };
    place.run("install r app").ok();
    // The Deployment refuses its new selector after the ConfigMaps were written.
    place.run("upgrade r app --set extra=x,other=label").exits(1);
    assert_eq!(place.text("v1", "ConfigMap", "r-one", &["data"]), r#"{"color":"red","extra":"x"}"#);
    place.chart(
        "more",
        VALUES,
        &format!("{TEMPLATES}---\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: more}}\n"),
    );
    place.run("upgrade r more --set other=label").exits(1);
    assert!(place.get("v1", "ConfigMap", "more").is_some());
    place.run("upgrade r app --set extra=y,other=label").exits(1);
    assert_eq!(place.states("r"), "1 deployed, 2 failed, 3 failed, 4 failed");
    place.run("rollback r 1").ok();
    assert_eq!(place.text("v1", "ConfigMap", "r-one", &["data"]), r#"{"color":"red"}"#);
    assert!(place.get("v1", "ConfigMap", "more").is_none(), "what a failed revision made goes");
    assert_eq!(place.states("r"), "1 superseded, 2 failed, 3 failed, 4 failed, 5 deployed");
}

#[test]
fn fields_of_others_are_told_and_taken_over_only_when_asked() {
    let Some(place) = with_app() else { return };
    place.run("install r app").ok();
    place.patch_as("scaler", "apis/apps/v1", "deployments/r", r#"{"spec":{"replicas":3}}"#);
    let failed = place.run("upgrade r app --set replicas=2").exits(1).stderr;
    let told = format!(
        "conflict occurred while applying object {}/r apps/v1, Kind=Deployment: 1 conflict: .spec.replicas is managed by \
         \"scaler\" (it is 3, not 2)",
        place.namespace
    );
    assert!(failed.contains(&told) && failed.contains("--force-conflicts"), "{failed}");
    assert_eq!(place.states("r"), "1 deployed, 2 failed");
    place.run("upgrade r app --set replicas=2 --force-conflicts").ok();
    assert_eq!(place.text("apps/v1", "Deployment", "r", &["spec", "replicas"]), "2");
    // A rollback that could not write everything leaves no revision that is what runs.
    place.patch_as("scaler", "apis/apps/v1", "deployments/r", r#"{"spec":{"replicas":3}}"#);
    assert!(place.run("rollback r 1").exits(1).stderr.contains("is managed by \"scaler\""));
    assert_eq!(place.states("r"), "1 superseded, 2 failed, 3 superseded, 4 failed");
    place.run("rollback r 1 --force-conflicts").ok();
    assert_eq!(place.states("r"), "1 superseded, 2 failed, 3 superseded, 4 failed, 5 deployed");
    // One that follows a revision which failed itself leaves the deployed one as it is.
    place.patch_as("scaler", "apis/apps/v1", "deployments/r", r#"{"spec":{"replicas":3}}"#);
    place.run("upgrade r app --set replicas=4").exits(1);
    let undone = place.run("rollback r 1").exits(1).stderr;
    assert!(undone.contains("is managed by \"scaler\""), "{undone}");
    assert!(place.states("r").ends_with("5 deployed, 6 failed, 7 failed"), "{}", place.states("r"));
    let refused = place.run("upgrade r app --force-conflicts --server-side=false").exits(1).stderr;
    assert!(refused.contains("forceConflicts enabled when serverSideApply disabled"), "{refused}");
}

#[test]
fn objects_of_others_are_adopted_only_when_asked() {
    let Some(place) = with_app() else { return };
    let foreign = format!(
        r#"{{"apiVersion":"v1","kind":"ConfigMap","metadata":{{"name":"r-one","namespace":"{}"}},"data":{{"mine":"1"}}}}"#,
        place.namespace
    );
    place.store().create(body(&foreign)).unwrap();
    let refused = place.run("install r app").exits(1).stderr;
    assert!(
        refused.contains(&format!(
            "unable to continue with install: ConfigMap \"r-one\" in namespace \"{}\" exists and cannot be imported into \
             the current release: invalid ownership metadata; label validation error: missing key \
             \"app.kubernetes.io/managed-by\": must be set to \"Helm\"",
            place.namespace
        )),
        "{refused}"
    );
    assert_eq!(place.states("r"), "", "nothing was begun");
    place.run("install r app --take-ownership").ok();
    assert_eq!(place.text("v1", "ConfigMap", "r-one", &["data", "color"]), "red");
    place.chart("thief", "", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: r-two}\n");
    let refused = place.run("install t thief").exits(1).stderr;
    assert!(
        refused.contains("key \"meta.helm.sh/release-name\" must equal \"t\": current value is \"r\""),
        "{refused}"
    );
}

#[test]
fn a_client_side_release_goes_on_by_server_side_apply() {
    let Some(place) = with_app() else { return };
    place.run("install r app --server-side=false --set extra=x").ok();
    assert_eq!(place.managers("v1", "ConfigMap", "r-one"), ["helm/Update"]);
    assert!(place.run("get metadata r").ok().stdout.contains("client-side apply"));
    // The method is inherited.
    place.run("upgrade r app --set color=blue,extra=x").ok();
    assert_eq!(place.managers("v1", "ConfigMap", "r-one"), ["helm/Update"]);
    place.run("upgrade r app --set color=green --server-side=true").ok();
    assert_eq!(place.managers("v1", "ConfigMap", "r-one"), ["helm/Apply"]);
    assert_eq!(place.text("v1", "ConfigMap", "r-one", &["data"]), r#"{"color":"green"}"#);
    place.run("upgrade r app --set color=green --force-replace --server-side=false").ok();
    place.run("rollback r 3").ok();
    assert_eq!(place.text("v1", "ConfigMap", "r-one", &["data", "color"]), "green");
}

#[test]
fn what_the_server_refuses_is_told() {
    let Some(place) = with_app() else { return };
    place.run("install r app").ok();
    let failed = place.run("upgrade r app --set other=label").exits(1).stderr;
    assert!(failed.contains("field is immutable") && failed.contains("spec.selector"), "{failed}");
    assert_eq!(place.states("r"), "1 deployed, 2 failed");
    place.chart("typo", "", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: t}\nbogusField: {a: b}\n");
    let failed = place.run("install t typo").exits(1).stderr;
    assert!(failed.contains(".bogusField: field not declared in schema"), "{failed}");
    place.chart("nokind", "", "apiVersion: example.com/v1\nkind: Nothing\nmetadata: {name: t}\n");
    let failed = place.run("install n nokind").exits(1).stderr;
    assert!(failed.contains("no matches for kind \"Nothing\" in version \"example.com/v1\""), "{failed}");
    assert_eq!(place.states("n"), "");
    // Nobody may do anything.
    let failed = place.run("--kube-context nobody list").exits(1).stderr;
    assert!(failed.contains("cannot list resource \"secrets\""), "{failed}");
    let failed = place.run("--kube-context nobody install x app").exits(1).stderr;
    assert!(failed.contains("User \"nobody\" cannot"), "{failed}");
    let failed = place.run("--kube-apiserver https://127.0.0.1:1 list").exits(1).stderr;
    assert!(failed.contains("Kubernetes cluster unreachable"), "{failed}");
}

pub(crate) fn definition(group: &str, kind: &str, fields: &str) -> String {
    let plural = format!("{}s", kind.to_lowercase());
    format!(
        r"apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {{name: {plural}.{group}}}
spec:
  group: {group}
  scope: Namespaced
  names: {{kind: {kind}, plural: {plural}, singular: {}}}
  versions:
  - name: v1
    served: true
    storage: true
    schema: {{openAPIV3Schema: {{type: object, properties: {{spec: {{type: object, properties: {{{fields}}}}}}}}}}}
",
        kind.to_lowercase()
    )
}

#[test]
fn definitions_come_before_what_needs_them() {
    let Some(place) = place() else { return };
    let group = format!("{}.example.com", place.namespace);
    let templates = format!(
        "{}---\napiVersion: {group}/v1\nkind: Foo\nmetadata: {{name: f}}\nspec: {{size: {{{{ .Values.size }}}}}}\n---\n\
         apiVersion: {group}/v1\nkind: Bar\nmetadata: {{name: b}}\nspec: {{size: 2}}\n---\napiVersion: v1\nkind: ConfigMap\n\
         metadata: {{name: seen}}\ndata: {{has: {{{{ .Capabilities.APIVersions.Has \"{group}/v1/Foo\" | quote }}}}}}\n",
        definition(&group, "Bar", "size: {type: integer}")
    );
    place.chart("cr", "size: 1\n", &templates);
    let crds = |fields: &str| place.env.write("cr/crds/foo.yaml", &definition(&group, "Foo", fields));
    crds("size: {type: integer}");
    let name = format!("foos.{group}");
    let live = || {
        let id = crate::kube::id("apiextensions.k8s.io/v1", "CustomResourceDefinition", "", &name);
        let body = place.store().get(&id).unwrap().and_then(|stored| stored.body)?;
        Some(serde_json::to_string(&body).unwrap())
    };
    let skipped = place.run("install r cr --skip-crds").exits(1).stderr;
    assert!(
        skipped.contains("no matches for kind \"Foo\"") && skipped.contains("nothing was changed"),
        "{skipped}"
    );
    let dry = place.run("install r cr --dry-run=server").ok();
    assert!(dry.stdout.contains("kind: Foo") && live().is_none(), "{}", dry.stdout);
    place.run("install r cr --wait --timeout 300s").ok();
    assert_eq!(place.text("v1", "ConfigMap", "seen", &["data", "has"]), "true");
    assert_eq!(place.text(&format!("{group}/v1"), "Foo", "f", &["spec", "size"]), "1");
    place.run("diff upgrade r cr").ok().prints("no differences\n");
    place.run("upgrade r cr --set size=2").ok();
    assert_eq!(place.text(&format!("{group}/v1"), "Foo", "f", &["spec", "size"]), "2");
    crds("size: {type: integer}, color: {type: string}");
    place.run("upgrade r cr --set size=2").ok();
    assert!(!live().unwrap().contains("color"), "an upgrade leaves definitions alone");
    place.run("upgrade r cr --set size=2 --crds=skip").ok();
    place.run("upgrade r cr --set size=2 --crds=safe").ok();
    assert!(live().unwrap().contains("color"));
    let quiet = place.run("upgrade r cr --set size=2 --crds=safe").ok();
    assert!(!quiet.stderr.contains("CustomResourceDefinition"), "nothing to change: {}", quiet.stderr);
    crds("size: {type: integer}");
    let refused = place.run("upgrade r cr --set size=2 --crds=safe").exits(1).stderr;
    assert!(refused.contains("would not only be added to") && refused.contains("--crds=all"), "{refused}");
    place.run("upgrade r cr --set size=2 --crds=all").ok();
    place.run("uninstall r --wait --timeout 300s").ok();
    assert!(live().is_some(), "definitions of crds/ stay");
    let id = crate::kube::id("apiextensions.k8s.io/v1", "CustomResourceDefinition", "", &name);
    place.store().delete(&id, None).unwrap();
}

#[test]
fn a_null_is_sent_as_it_stands_and_is_no_change() {
    let Some(place) = place() else { return };
    let group = format!("{}.example.com", place.namespace);
    let fields = "free: {type: object, x-kubernetes-preserve-unknown-fields: true}, rules: {type: array, items: {type: string}}";
    let foo = definition(&group, "Foo", fields);
    place.env.write("cr/crds/foo.yaml", &foo);
    let custom = |spec: &str| {
        let object = format!("apiVersion: {group}/v1\nkind: Foo\nmetadata: {{name: f}}\nspec: {spec}\n");
        place.chart("cr", "", &object);
    };
    custom("{free: {port: null}}");
    place.run("install r cr").ok();
    // A client that has just looked for kinds does not look for new ones at once.
    wait_until(|| place.get(&format!("{group}/v1"), "Foo", "f").is_some());
    assert_eq!(place.text(&format!("{group}/v1"), "Foo", "f", &["spec"]), r#"{"free":{"port":null}}"#);
    let again = place.run("upgrade r cr").ok().stderr;
    assert!(!again.contains("configured"), "{again}");
    place.run("upgrade r cr --force-replace --server-side=false").ok();
    assert_eq!(place.text(&format!("{group}/v1"), "Foo", "f", &["spec"]), r#"{"free":{"port":null}}"#);
    // What has a schema must fit it.
    custom("{rules: null}");
    let refused = place.run("upgrade r cr --server-side=true").exits(1).stderr;
    assert!(refused.contains("spec.rules") && refused.contains("null"), "{refused}");
    let name = format!("foos.{group}");
    place.run("uninstall r").ok();
    let id = crate::kube::id("apiextensions.k8s.io/v1", "CustomResourceDefinition", "", &name);
    place.store().delete(&id, None).unwrap();
}

#[test]
fn a_kind_that_is_no_longer_served_does_not_hold_an_upgrade_up() {
    let Some(place) = place() else { return };
    let group = format!("{}.example.com", place.namespace);
    let foo = definition(&group, "Foo", "size: {type: integer}");
    place.store().create(bowline::data::yaml::value_from_text("foo", &foo).unwrap()).unwrap();
    let with = format!("apiVersion: {group}/v1\nkind: Foo\nmetadata: {{name: f}}\n---\n");
    let map = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: m}\n";
    place.chart("old", "", &format!("{with}{map}"));
    wait_until(|| place.run("install r old").code == Some(0));
    let id =
        crate::kube::id("apiextensions.k8s.io/v1", "CustomResourceDefinition", "", &format!("foos.{group}"));
    place.store().delete(&id, None).unwrap();
    wait_until(|| place.store().get(&id).unwrap().is_none());
    place.chart("old", "", map);
    let upgraded = place.run("upgrade r old").ok().stderr;
    assert!(upgraded.contains("no longer serves"), "{upgraded}");
    place.run("uninstall r").ok();
}

#[test]
fn lookup_sees_the_cluster() {
    let Some(place) = place() else { return };
    let template = r#"apiVersion: v1
kind: ConfigMap
metadata: {name: seen}
data:
  phase: {{ (lookup "v1" "Namespace" "" .Release.Namespace).status.phase }}
  accounts: {{ len (lookup "v1" "ServiceAccount" .Release.Namespace "").items | quote }}
  none: {{ lookup "v1" "Secret" .Release.Namespace "none" | toJson | quote }}
"#;
    place.chart("look", "", template);
    place.run("install r look").ok();
    let data = place.text("v1", "ConfigMap", "seen", &["data"]);
    assert_eq!(data, r#"{"accounts":"1","none":"{}","phase":"Active"}"#);
    let dry = place.run("upgrade r look --dry-run=server").ok().stdout;
    assert!(dry.contains("phase: Active"), "{dry}");
    assert_eq!(place.states("r"), "1 deployed");
}

/// How often each of these verbs was sent, and the versions of objects before and after: nothing but what changed is touched.
#[test]
fn only_what_changed_is_sent() {
    let Some(place) = with_app() else { return };
    place.run("install r app").ok();
    let versions = |place: &Place| {
        [("v1", "ConfigMap", "r-two"), ("v1", "Service", "r"), ("v1", "ConfigMap", "r-one")]
            .map(|(api, kind, name)| place.get(api, kind, name).unwrap().resource_version)
    };
    let before = versions(&place);
    let told = place.run("upgrade r app --set color=blue").ok().stderr;
    let after = versions(&place);
    assert_eq!(before[..2], after[..2]);
    assert_ne!(before[2], after[2]);
    assert_eq!(told, format!("ConfigMap/{}/r-one: configured\n", place.namespace));
    assert_eq!(place.run("upgrade r app --set color=blue").ok().stderr, "", "the same again");
}

/// What a server drops by its types or fills in: `false`, `0` and null, and what items of lists lack.
const DROPPED: &str = r"apiVersion: v1
kind: ConfigMap
metadata: {name: {{ .Release.Name }}-one}
data: {color: {{ .Values.color | quote }}}
---
apiVersion: v1
kind: Service
metadata: {name: {{ .Release.Name }}, annotations: }
spec: {publishNotReadyAddresses: false, ports: [{port: 80, targetPort: 80}], selector: {app: x}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: {{ .Release.Name }}}
spec: {podSelector: {}, ingress: [{ports: [{port: 80}]}], policyTypes: [Ingress]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: {{ .Release.Name }}}
spec:
  replicas: 0
  selector: {matchLabels: {app: x}}
  template:
    metadata: {labels: {app: x}}
    spec:
      hostNetwork: false
      nodeSelector: {}
      containers:
      - name: web
        image: nginx:1
        env: []
        readinessProbe: {initialDelaySeconds: 0, httpGet: {path: /, port: 80, httpHeaders: }}
";

#[test]
fn an_upgrade_sends_what_changed_and_no_more() {
    let Some(place) = place() else { return };
    place.chart("app", "color: red\n", DROPPED);
    place.run("install r app").ok();
    let sent = |flags: &str| -> Vec<String> {
        let told = place.run(&format!("upgrade r app --progress=json {flags}")).ok().stderr;
        let lines = told.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
        let configured = lines.filter(|line| line["state"] == "configured");
        configured.map(|line| line["object"]["kind"].as_str().expect("a kind").to_string()).collect()
    };
    assert_eq!(sent("--set color=blue"), ["ConfigMap"]);
    assert!(sent("--set color=blue").is_empty());
    // What somebody else took over is set back, though the manifest says what it said.
    let patch = r#"{"spec":{"template":{"spec":{"hostNetwork":true}}}}"#;
    place.patch_as("somebody", "apis/apps/v1", "deployments/r", patch);
    assert_eq!(sent("--set color=blue --force-conflicts"), ["Deployment"]);
    let path = ["spec", "template", "spec", "hostNetwork"];
    assert_ne!(place.text("apps/v1", "Deployment", "r", &path), "true");
    let patch = r#"{"spec":{"ingress":[{"ports":[{"port":81}]}]}}"#;
    place.patch_as("somebody", "apis/networking.k8s.io/v1", "networkpolicies/r", patch);
    assert_eq!(sent("--set color=blue --force-conflicts"), ["NetworkPolicy"]);
    assert!(place.text("networking.k8s.io/v1", "NetworkPolicy", "r", &["spec", "ingress"]).contains(":80"));
}

#[test]
fn lists_that_are_one_value_are_set_back_by_a_client_side_upgrade() {
    let Some(place) = place() else { return };
    let objects = r"apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: slice, labels: {step: {{ .Values.step | quote }}}}
addressType: IPv4
ports: [{name: web, port: 80}]
endpoints: []
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: account, labels: {step: {{ .Values.step | quote }}}}
imagePullSecrets: [{name: one}]
";
    place.chart("lists", "step: one\n", objects);
    place.run("install r lists --server-side=false").ok();
    let list = |json: &str| serde_json::from_str(json).expect("JSON");
    let ports = r#"[{"name":"web","port":80,"protocol":"TCP"},{"name":"hand","port":81,"protocol":"TCP"}]"#;
    place.set("discovery.k8s.io/v1", "EndpointSlice", "slice", &["ports"], list(ports));
    let secrets = r#"[{"name":"one"},{"name":"hand"}]"#;
    place.set("v1", "ServiceAccount", "account", &["imagePullSecrets"], list(secrets));
    place.run("upgrade r lists --server-side=false --set step=two").ok();
    let ports = place.text("discovery.k8s.io/v1", "EndpointSlice", "slice", &["ports"]);
    assert!(ports.contains("web") && !ports.contains("hand"), "{ports}");
    let secrets = place.text("v1", "ServiceAccount", "account", &["imagePullSecrets"]);
    assert_eq!(secrets, r#"[{"name":"one"}]"#);
}

#[test]
fn labels_without_a_value_are_no_reason_to_stop() {
    let Some(place) = place() else { return };
    let template = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: {{ .Release.Name }}, labels: {gone: {{ .Values.none }}}, \
                    annotations: {also: null}}\ndata: {x: '{{ .Values.x }}'}\n";
    place.chart("app", "x: 1\n", template);
    for (name, flag) in [("r", "--server-side=true"), ("s", "--server-side=false")] {
        place.run(&format!("install {name} app {flag}")).ok();
        place.run(&format!("upgrade {name} app --set x=2")).ok();
        place.run(&format!("rollback {name} 1")).ok();
        assert_eq!(place.text("v1", "ConfigMap", name, &["data", "x"]), "1");
    }
}
