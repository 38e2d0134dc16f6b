//! `template --dry-run=server` against an API server that says what it is. No real server is needed.

use crate::kube_faults::{Fake, Reaction, ok, refused};
use crate::support::Env;

/// Kubernetes 1.29.7 with one group beside the core.
fn react(asked: &str) -> Reaction {
    let path = asked.split([' ', '?']).nth(1).unwrap_or_default();
    let resources = |group: &str, name: &str, kind: &str| {
        ok(format!(
            r#"{{"kind":"APIResourceList","apiVersion":"v1","groupVersion":"{group}","resources":[{{"name":"{name}","singularName":"","namespaced":true,"kind":"{kind}","verbs":["get","list"]}}]}}"#
        ))
    };
    match path {
        "/version" => ok(r#"{"major":"1","minor":"29","gitVersion":"v1.29.7"}"#),
        "/api" => ok(r#"{"kind":"APIVersions","versions":["v1"]}"#),
        "/apis" => ok(
            r#"{"kind":"APIGroupList","apiVersion":"v1","groups":[{"name":"foo.io","versions":[{"groupVersion":"foo.io/v1","version":"v1"}],"preferredVersion":{"groupVersion":"foo.io/v1","version":"v1"}}]}"#,
        ),
        "/api/v1" => resources("v1", "configmaps", "ConfigMap"),
        "/apis/foo.io/v1" => resources("foo.io/v1", "foos", "Foo"),
        _ => refused(404, "NotFound", "not found"),
    }
}

const TEMPLATE: &str = r#"v: {{ .Capabilities.KubeVersion }}
{{- range list "foo.io/v1" "foo.io/v1/Foo" "apps/v1" "x/v1" }} {{ $.Capabilities.APIVersions.Has . }}{{ end }}
"#;

fn env() -> Env {
    let env = Env::new();
    env.write("app/Chart.yaml", "apiVersion: v2\nname: app\nversion: 1.0.0\nkubeVersion: <1.30\n");
    env.write("app/templates/a.yaml", TEMPLATE);
    env
}

#[test]
fn templates_see_what_the_cluster_is() {
    let server = Fake::start(|asked, _| react(asked));
    let env = env();
    // What is said of a cluster counts only where none is asked.
    for flags in ["--dry-run=server", "--validate", "--dry-run=server --kube-version 1.28 -a x/v1"] {
        let ran = env.run(&format!("template r app {flags} --kube-apiserver {}", server.address)).ok();
        assert_eq!(
            ran.stdout, "---\n# Source: app/templates/a.yaml\nv: v1.29.7 true true false false\n",
            "{flags}"
        );
    }
    env.run("template r app --kube-version 1.28 -a x/v1")
        .ok()
        .prints("---\n# Source: app/templates/a.yaml\nv: v1.28 false false true true\n");
    env.run("template r app --dry-run=server --store sqlite --kube-version 1.28 -a x/v1")
        .ok()
        .prints("---\n# Source: app/templates/a.yaml\nv: v1.28 false false true true\n");
}

#[test]
fn a_cluster_that_is_down_ends_it() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let line = format!("template r app --dry-run=server --kube-apiserver http://127.0.0.1:{port}");
    let ran = env().run(&line).exits(1);
    assert!(ran.stdout.is_empty() && ran.stderr.contains("cluster unreachable"), "{}", ran.stderr);
}
