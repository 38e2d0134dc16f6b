//! A cluster that does not let a release through: credentials, rights, quotas, webhooks, namespaces. Each case says what a
//! user reads, what was done, what was not, and that the next command goes on once the cause is gone.

use bowline::cluster::Store;
use serde_json::json;

use crate::kube_support::{Place, place, wait_until};
use crate::support::Env;

/// Two ConfigMaps, the second one not with `less`.
const TEMPLATES: &str = r"apiVersion: v1
kind: ConfigMap
metadata: {name: r-one}
data: {color: {{ .Values.color }}}
{{- if not .Values.less }}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: r-two}
data: {color: {{ .Values.color }}}
{{- end }}
";

fn with_maps() -> Option<Place> {
    let place = place()?;
    place.chart("app", "color: red\nless: false\n", TEMPLATES);
    Some(place)
}

fn make(place: &Place, object: &serde_json::Value) {
    place.store().create(crate::stores::body(&object.to_string())).expect("an administrator may");
}

/// Gives the user `limited` these rights in the namespace, and waits until they count.
fn allow(place: &Place, resources: &[&str], verbs: &[&str]) {
    let (namespace, name) = (&place.namespace, resources.join("-"));
    let metadata = json!({"name": name, "namespace": namespace});
    let api = "rbac.authorization.k8s.io";
    let rules = json!([{"apiGroups": [""], "resources": resources, "verbs": verbs}]);
    make(
        place,
        &json!({"apiVersion": format!("{api}/v1"), "kind": "Role", "metadata": metadata, "rules": rules}),
    );
    make(
        place,
        &json!({"apiVersion": format!("{api}/v1"), "kind": "RoleBinding", "metadata": metadata,
            "roleRef": {"apiGroup": api, "kind": "Role", "name": name}, "subjects": [{"kind": "User", "name": "limited"}]}),
    );
    let line = format!(
        "objects list {} --kube-context limited",
        if resources.contains(&"secrets") { "Secret" } else { "ConfigMap" }
    );
    wait_until(|| place.run(&line).code == Some(0));
}

/// A kubeconfig with this text, and an installation with it.
fn with_kubeconfig(text: &str) -> String {
    let env = Env::new();
    let path = env.write("config", text);
    env.write("app/Chart.yaml", "apiVersion: v2\nname: app\nversion: 1.0.0\n");
    env.run(&format!("install r app --kubeconfig {}", path.display())).exits(1).stderr
}

#[test]
fn a_bad_kubeconfig() {
    let cases = [
        ("{ a: [b", "--> [WORK]/config:1:", "hint: this is the kubeconfig"),
        ("some words", "--> [WORK]/config:1:1", "hint: this is the kubeconfig"),
        (
            "current-context: none\n",
            "context \"none\" does not exist",
            "hint: `--store sqlite` works without",
        ),
        (
            "current-context: c\ncontexts: [{name: c, context: {cluster: k, user: u}}]\n",
            "cannot use kube: cluster \"k\" does not exist",
            "hint: check the kubeconfig",
        ),
        (
            "current-context: c\ncontexts: [{name: c, context: {cluster: k}}]\nclusters: [{name: k, cluster: {server: 'https://127.0.0.1:1', certificate-authority: /nonexistent/ca.crt}}]\n",
            "cannot read /nonexistent/ca.crt",
            "hint: check the kubeconfig",
        ),
        (
            "current-context: c\ncontexts: [{name: c, context: {cluster: k}}]\nclusters: [{name: k, cluster: {server: 'https://127.0.0.1:1'}}]\n",
            "Kubernetes cluster unreachable: Get \"https://127.0.0.1:1/",
            "hint: check that the cluster runs",
        ),
    ];
    for (text, what, hint) in cases {
        let told = with_kubeconfig(text);
        assert!(told.contains(what) && told.contains(hint), "{text}\n{told}");
    }
}

#[test]
fn an_expired_token() {
    let Some(place) = with_maps() else { return };
    let path = crate::kube::kubeconfig().expect("there is a cluster");
    let text = std::fs::read_to_string(path).expect("it can be read");
    place.env.write("expired", &text.replace("admin-token", "a-token-of-last-year"));
    let told = place.run("install r app --kubeconfig expired").exits(1).stderr;
    assert!(
        told.starts_with("Error: INSTALLATION FAILED: kube: Unauthorized\nhint: check the credentials"),
        "{told}"
    );
    assert!(told.contains("nothing was changed") && !told.contains("last-year"), "{told}");
    assert_eq!(place.states("r"), "");
    place.run("install r app").ok();
}

#[test]
fn a_role_without_secrets() {
    let Some(place) = with_maps() else { return };
    allow(&place, &["configmaps"], &["*"]);
    for line in ["install r app", "upgrade r app --install", "list", "history r"] {
        let told = place.run(&format!("{line} --kube-context limited")).exits(1).stderr;
        assert!(told.contains("User \"limited\" cannot list resource \"secrets\""), "{line}: {told}");
        assert!(told.contains("hint: releases are recorded in Secrets"), "{line}: {told}");
        assert!(told.contains("nothing was changed"), "{line}: {told}");
    }
    assert!(place.get("v1", "ConfigMap", "r-one").is_none());
}

#[test]
fn a_role_without_delete() {
    let Some(place) = with_maps() else { return };
    allow(&place, &["configmaps", "secrets"], &["get", "list", "watch", "create", "patch", "update"]);
    place.run("install r app --kube-context limited").ok();
    let told = place.run("upgrade r app --set less=true,color=blue --kube-context limited").exits(1).stderr;
    assert!(told.contains("ConfigMap/") && told.contains("r-two: not allowed to delete"), "{told}");
    let so_far = "hint: the objects of the chart were written, not all that it no longer has were deleted; the revision is \
                  recorded as failed\nhint: whoever runs this needs a role that may delete this kind";
    assert!(told.contains(so_far), "{told}");
    assert_eq!(place.states("r"), "1 deployed, 2 failed");
    assert_eq!(place.text("v1", "ConfigMap", "r-one", &["data", "color"]), "blue");
    let told = place.run("uninstall r --kube-context limited").exits(1).stderr;
    assert!(told.contains("0 of 2 objects were deleted; the next uninstall goes on from here"), "{told}");
    assert_eq!(place.states("r"), "1 deployed, 2 uninstalling");
    // Who may, goes on.
    place.run("uninstall r").ok();
    assert!(place.get("v1", "ConfigMap", "r-two").is_none());
    assert_eq!(place.states("r"), "");
}

#[test]
fn a_role_that_may_not_write_the_objects() {
    let Some(place) = with_maps() else { return };
    allow(&place, &["secrets"], &["*"]);
    let told = place.run("install r app --kube-context limited").exits(1).stderr;
    assert!(told.contains("User \"limited\" cannot"), "{told}");
    assert!(told.contains("hint: whoever runs this needs a role that may"), "{told}");
    assert!(place.get("v1", "ConfigMap", "r-one").is_none());
    place.run("upgrade r app --install").ok();
    assert!(place.states("r").ends_with("deployed"), "{}", place.states("r"));
}

#[test]
fn a_quota_that_is_used_up() {
    let Some(place) = with_maps() else { return };
    // Every namespace has one ConfigMap of its own.
    make(
        &place,
        &json!({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "q", "namespace": place.namespace},
            "spec": {"hard": {"configmaps": "2"}}}),
    );
    wait_until(|| place.text("v1", "ResourceQuota", "q", &["status", "used", "configmaps"]) == "1");
    let told = place.run("install r app").exits(1).stderr;
    assert!(told.contains("exceeded quota: q, requested: configmaps=1, used: configmaps=2"), "{told}");
    assert!(
        told.contains("hint: 1 of 2 objects are as the chart wants them; the revision is recorded as failed"),
        "{told}"
    );
    assert!(told.contains("hint: make room in the quota of the namespace"), "{told}");
    assert_eq!(place.states("r"), "1 failed");
    place
        .store()
        .delete(&crate::kube::id("v1", "ResourceQuota", &place.namespace, "q"), None)
        .expect("it may go");
    // The API server counts for a moment longer.
    wait_until(|| place.run("upgrade r app --install").code == Some(0));
    assert!(
        place.get("v1", "ConfigMap", "r-one").is_some() && place.get("v1", "ConfigMap", "r-two").is_some()
    );
}

#[test]
fn a_quota_without_room_for_the_record() {
    let Some(place) = with_maps() else { return };
    make(
        &place,
        &json!({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "q", "namespace": place.namespace},
            "spec": {"hard": {"secrets": "0"}}}),
    );
    wait_until(|| place.text("v1", "ResourceQuota", "q", &["status", "used", "secrets"]) == "0");
    let told = place.run("install r app").exits(1).stderr;
    assert!(told.contains("exceeded quota: q, requested: secrets=1"), "{told}");
    assert!(told.contains("hint: make room in the quota"), "{told}");
    assert_eq!(place.states("r"), "");
    assert!(place.get("v1", "ConfigMap", "r-one").is_none(), "nothing is written without its record");
}

#[test]
fn a_webhook_that_is_down() {
    let Some(place) = with_maps() else { return };
    let name = format!("down-{}", place.namespace);
    let own = json!({"matchLabels": {"kubernetes.io/metadata.name": place.namespace}});
    let rules =
        json!([{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["*"], "resources": ["configmaps"]}]);
    make(
        &place,
        &json!({"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration",
            "metadata": {"name": name}, "webhooks": [{"name": "down.example.com", "admissionReviewVersions": ["v1"],
            "sideEffects": "None", "failurePolicy": "Fail", "timeoutSeconds": 2, "namespaceSelector": own, "rules": rules,
            "clientConfig": {"url": "https://127.0.0.1:1/"}}]}),
    );
    let probe = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "probe", "namespace": place.namespace}});
    let probe = crate::stores::body(&probe.to_string());
    let id = crate::kube::id("v1", "ConfigMap", &place.namespace, "probe");
    // The API server asks it a moment later, and stops asking a moment after it went.
    // It may begin between the two, so that one is left over: what counts is that one can be deleted.
    let works = || {
        let _ = place.store().create(probe.clone());
        place.store().delete(&id, None).is_ok()
    };
    wait_until(|| !works());
    let told = place.run("install r app").exits(1).stderr;
    assert!(told.contains("failed calling webhook \"down.example.com\""), "{told}");
    assert!(
        told.contains("hint: 0 of 2 objects are as the chart wants them; the revision is recorded as failed"),
        "{told}"
    );
    assert!(told.contains("hint: the service behind that webhook has to answer"), "{told}");
    assert_eq!(place.states("r"), "1 failed");
    let hook = "ValidatingWebhookConfiguration";
    let hook = crate::kube::id("admissionregistration.k8s.io/v1", hook, "", &name);
    place.store().delete(&hook, None).expect("it can be deleted");
    wait_until(works);
    place.run("upgrade r app --install").ok();
    assert_eq!(place.states("r"), "1 superseded, 2 deployed");
}

#[test]
fn a_namespace_that_goes_away() {
    let Some(place) = with_maps() else { return };
    make(
        &place,
        &json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "held", "namespace": place.namespace,
            "finalizers": ["example.com/hold"]}}),
    );
    place
        .store()
        .delete(&crate::kube::id("v1", "Namespace", "", &place.namespace), None)
        .expect("it can be deleted");
    let told = place.run("install r app").exits(1).stderr;
    assert!(told.contains("because it is being terminated"), "{told}");
    assert!(told.contains("hint: wait until the namespace is gone"), "{told}");
    assert_eq!(place.states("r"), "");
    let patch = crate::stores::body(r#"{"metadata":{"finalizers":null}}"#);
    let id = crate::kube::id("v1", "ConfigMap", &place.namespace, "held");
    let request = bowline::cluster::live::Request::Patch { id, patch, expected: None };
    bowline::cluster::Cluster::send(place.store(), &request, false).expect("it can be let go");
}

#[test]
fn names_that_are_no_plain_words_reach_their_own_objects() {
    let Some(place) = crate::kube_support::place() else { return };
    let names: Vec<String> =
        ["team admins", "a?b", "a#b", "a\\b", "a:b"].map(|name| format!("{}-{name}", place.namespace)).into();
    let roles = r"{{- range .Values.names }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: {{ . | quote }}, labels: {step: {{ $.Values.step | quote }}}}
{{- end }}
";
    place.chart("roles", &format!("step: one\nnames: {}\n", serde_json::to_string(&names).unwrap()), roles);
    let step = |name: &String| {
        let id = crate::kube::id("rbac.authorization.k8s.io/v1", "ClusterRole", "", name);
        place.store().get(&id).expect("the cluster answers").map(|found| found.labels["step"].clone())
    };
    place.run("install r roles").ok();
    assert!(names.iter().all(|name| step(name).as_deref() == Some("one")));
    for line in ["upgrade r roles --set step=two", "upgrade r roles --set step=two --server-side=false"] {
        place.run(line).ok();
        assert!(names.iter().all(|name| step(name).as_deref() == Some("two")), "{line}");
    }
    place.run("status r").ok();
    place.run("uninstall r").ok();
    assert!(names.iter().all(|name| step(name).is_none()));
}

#[test]
fn names_that_lead_elsewhere_are_refused_before_anything_is_written() {
    let Some(place) = crate::kube_support::place() else { return };
    let map = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: {{ .Values.name | quote }}{{ with .Values.at }}, namespace: {{ . | quote }}{{ end }}}\n";
    place.chart("odd", "name: fine\n", map);
    for values in
        ["name: '..'", "name: '.'", "name: a/b", "name: a%b", "at: '..'", "at: other/secrets", "at: a%2Fb"]
    {
        place.env.write("values", &format!("{values}\n"));
        for line in ["install r odd -f values", "upgrade r odd --install -f values"] {
            let told = place.run(line).exits(1).stderr;
            let what = if values.starts_with("at") {
                "is no name of a namespace"
            } else {
                "a name may not be `.` or `..` or contain `/` or `%`"
            };
            assert!(told.contains(what), "{values}: {told}");
            assert_eq!(place.states("r"), "", "{values}");
        }
    }
    // A name that only the server refuses is recorded, and no later command stumbles over it.
    place.env.write("values", "name: BAD NAME\n");
    place.run("install r odd -f values").exits(1);
    assert_eq!(place.states("r"), "1 failed");
    place.run("status r").ok();
    place.run("upgrade r odd --reset-values").ok();
    place.run("rollback r 1").exits(1);
    place.run("upgrade r odd --reset-values").ok();
    place.run("uninstall r").ok();
}

#[test]
fn what_is_no_name_of_a_namespace() {
    for name in ["a b", "../..", "x?y", "x/secrets", ".."] {
        let Some(place) = crate::kube_support::no_namespace() else { return };
        let place = place.with("BOWLINE_NAMESPACE", name);
        place.chart("app", "", "");
        for line in ["list", "install r app", "install r app --create-namespace", "uninstall r", "history r"]
        {
            let told = place.env.run(line).exits(1).stderr;
            assert!(told.contains(&format!("{name:?} is no name of a namespace")), "{line}: {told}");
            assert!(told.contains("hint: check --namespace"), "{line}: {told}");
        }
    }
}

/// Objects with a field each that nobody may change.
const FIXED: &str = r#"apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 0
  selector: {matchLabels: {app: {{ .Values.app }}}}
  template: {metadata: {labels: {app: {{ .Values.app }}}}, spec: {containers: [{name: c, image: nginx:1}]}}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db}
spec:
  replicas: 0
  serviceName: db
  selector: {matchLabels: {app: db}}
  template: {metadata: {labels: {app: db}}, spec: {containers: [{name: c, image: nginx:1}]}}
  volumeClaimTemplates:
  - metadata: {name: data}
    spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: {{ .Values.size }}}}}
---
apiVersion: batch/v1
kind: Job
metadata: {name: once}
spec:
  suspend: true
  template: {spec: {restartPolicy: Never, containers: [{name: c, image: "nginx:{{ .Values.image }}"}]}}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {ports: [{port: 80}], clusterIP: {{ .Values.ip }}}
"#;

#[test]
fn a_field_that_nobody_may_change_is_explained() {
    let Some(place) = place() else { return };
    place.chart("app", "app: a\nsize: 1Gi\nimage: 1\nip: 10.96.200.50\n", FIXED);
    for how in ["", "--server-side=false"] {
        place.run(&format!("install r app {how}")).ok();
        let namespace = &place.namespace;
        for (set, what, way) in [
            (
                "app=b",
                "change spec.selector.matchLabels.app of Deployment/NS/web: it is \"a\", and the chart wants \"b\"",
                "`kubectl delete deployment web -n NS`",
            ),
            (
                "size=2Gi",
                "change spec.volumeClaimTemplates[0].spec.resources.requests.storage of StatefulSet/NS/db: it is \"1Gi\", \
                 and the chart wants \"2Gi\"",
                "`kubectl delete statefulset db -n NS --cascade=orphan`",
            ),
            (
                "image=2",
                "change spec.template.spec.containers[0].image of Job/NS/once: it is \"nginx:1\", and the chart wants \
                 \"nginx:2\"",
                "give it a name with the revision",
            ),
            (
                "ip=10.96.200.77",
                "change spec.clusterIP of Service/NS/web: it is \"10.96.200.50\", and the chart wants \"10.96.200.77\"",
                "leave the field out of the chart",
            ),
        ] {
            let (what, way) = (what.replace("NS", namespace), way.replace("NS", namespace));
            let planned = place.run(&format!("plan r app --set {set}")).exits(2);
            assert!(planned.stdout.contains(&what), "{set}: {}", planned.stdout);
            let failed = place.run(&format!("upgrade r app --set {set}")).exits(1).stderr;
            assert!(failed.contains(&what) && failed.contains(&way), "{set}: {failed}");
            assert!(failed.contains("--force-replace does not help"), "{set}: {failed}");
            let said = failed.lines().find(|line| line.starts_with("Error: ")).unwrap_or_default();
            assert!(said.chars().count() < 900, "{said}");
            let why = place.run("why r").ok().stdout;
            assert!(why.contains(&what), "{set}: {why}");
        }
        place.run("uninstall r --wait").ok();
    }
}

#[test]
fn warnings_of_the_server_are_told_once() {
    let Some(place) = place() else { return };
    let pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: {{ .Release.Name }}, labels: {x: {{ .Values.x | quote }}}}\n\
               spec: {containers: [{name: c, image: nginx}]}\n";
    place.chart("app", "x: 1\n", pod);
    let namespace = crate::kube::id("v1", "Namespace", "", &place.namespace);
    let mut body = place.store().get(&namespace).unwrap().unwrap().body.unwrap();
    crate::kube::set(
        &mut body,
        &["metadata", "labels", "pod-security.kubernetes.io/warn"],
        bowline::data::Value::str("restricted"),
    );
    place.store().replace(body, None).unwrap();
    wait_until(|| place.run("plan upgrade w app --install").stderr.contains("would violate PodSecurity"));
    for line in ["plan upgrade r app --install", "install r app"] {
        let told = place.run(line).stderr;
        assert_eq!(told.matches("would violate PodSecurity").count(), 1, "{line}: {told}");
    }
}

#[test]
fn a_group_whose_server_is_down_is_no_group_that_is_gone() {
    let Some(place) = place() else { return };
    let group = format!("{}.example.com", place.namespace);
    let definition = json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": format!("foos.{group}")},
        "spec": {"group": group, "scope": "Namespaced", "names": {"kind": "Foo", "plural": "foos"},
            "versions": [{"name": "v1", "served": true, "storage": true,
                "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}}}]}});
    make(&place, &definition);
    let foo = format!(
        "{{{{ if .Values.foo }}}}\napiVersion: {group}/v1\nkind: Foo\nmetadata: {{name: r}}\n{{{{ end }}}}"
    );
    place.chart("app", "foo: true\n", &foo);
    wait_until(|| place.run("install r app").code == Some(0));
    let service = crate::kube::id("apiregistration.k8s.io/v1", "APIService", "", &format!("v1.{group}"));
    let body = json!({"apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService",
        "metadata": {"name": format!("v1.{group}")},
        "spec": {"group": group, "version": "v1", "groupPriorityMinimum": 1000, "versionPriority": 100,
            "insecureSkipTLSVerify": true,
            "service": {"name": "nowhere", "namespace": place.namespace, "port": 443}}});
    place.store().replace(crate::stores::body(&body.to_string()), None).unwrap();
    let asked = format!(
        "the kinds of \"{group}/v1\" are not known: the server behind that API group does not answer"
    );
    wait_until(|| place.run("upgrade r app --set foo=false").stderr.contains(&asked));
    for line in ["upgrade r app --set foo=false", "rollback r 1", "uninstall r"] {
        let told = place.run(line).exits(1).stderr;
        assert!(told.contains(&asked) && told.contains("hint: look at the APIService"), "{line}: {told}");
    }
    assert_eq!(place.states("r"), "1 deployed");
    // The server makes its own one anew.
    place.store().delete(&service, None).unwrap();
    wait_until(|| place.run("uninstall r").code == Some(0));
    let left = crate::kube::id(&format!("{group}/v1"), "Foo", &place.namespace, "r");
    wait_until(|| place.store().get(&left).is_ok_and(|found| found.is_none()));
    place
        .store()
        .delete(
            &crate::kube::id(
                "apiextensions.k8s.io/v1",
                "CustomResourceDefinition",
                "",
                &format!("foos.{group}"),
            ),
            None,
        )
        .unwrap();
}
