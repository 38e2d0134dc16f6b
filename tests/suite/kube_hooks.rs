//! Hooks and tests of a release on a real API server: when they run, what a failure leaves, what their policies delete.

use bowline::cluster::{Query, Store};

use crate::kube_support::{Place, place, wait_until};

/// A chart with a Job for each event; the one of `.Values.fail` fails.
fn with_jobs() -> Option<Place> {
    let place = place()?;
    let job = r#"apiVersion: v1
kind: ConfigMap
metadata: {name: {{ .Release.Name }}-one}
data: {x: {{ .Values.x | quote }}}
{{- range $e := list "pre-install" "post-install" "pre-upgrade" "post-upgrade" "pre-rollback" "post-rollback" "pre-delete" "post-delete" }}
---
apiVersion: batch/v1
kind: Job
metadata:
  name: {{ $.Release.Name }}-{{ $e }}
  annotations: {helm.sh/hook: {{ $e }}}
spec:
  backoffLimit: 0
  template:
    metadata:
      annotations: {bowline.test/pod: {{ ternary "fail" "ok" (eq $.Values.fail $e) }}}
    spec:
      restartPolicy: Never
      containers: [{name: c, image: busybox}]
{{- end }}
"#;
    place.chart("jobs", "x: 1\nfail: none\n", job);
    Some(place)
}

fn x(place: &Place) -> String {
    place.text("v1", "ConfigMap", "r-one", &["data", "x"])
}

/// The Jobs that are there.
fn jobs(place: &Place) -> Vec<String> {
    let query = Query {
        group_kind: Some(("batch".into(), "Job".into())),
        namespace: Some(place.namespace.clone()),
        ..Query::default()
    };
    place.store().list(&query).unwrap().into_iter().map(|job| job.id.name).collect()
}

#[test]
fn hooks_that_end_well_run_at_their_events() {
    let Some(place) = with_jobs() else { return };
    place.run("install r jobs").ok();
    assert_eq!(jobs(&place), ["r-post-install", "r-pre-install"]);
    place.run("upgrade r jobs --set x=2").ok();
    place.run("rollback r 1").ok();
    place.run("upgrade r jobs --no-hooks").ok();
    place.run("uninstall r --keep-history").ok();
    let all = jobs(&place);
    assert_eq!(all.len(), 8, "nobody deletes them: {all:?}");
    place.run("rollback r 1").ok();
    place.run("uninstall r").ok();
}

#[test]
fn a_hook_that_fails_fails_its_operation() {
    let Some(place) = with_jobs() else { return };
    let failure = |hook: &str| {
        format!(
            "resource Job/{}/r-{hook} not ready. status: Failed, message: Job Failed. failed: 1",
            place.namespace
        )
    };
    for (hook, map) in [("pre-install", ""), ("post-install", "1")] {
        let failed = place.run(&format!("install r jobs --set fail={hook}")).exits(1).stderr;
        let told = format!("Error: INSTALLATION FAILED: failed {hook}: {}", failure(hook));
        assert!(failed.contains(&told) && failed.contains("exit code 3"), "{failed}");
        assert_eq!((place.states("r").as_str(), x(&place).as_str()), ("1 failed", map));
        assert!(place.description("r", 1).starts_with(&format!("Release \"r\" failed: failed {hook}: ")));
        place.run("uninstall r").ok();
    }
    place.run("install r jobs").ok();
    for (hook, map, states) in [
        ("pre-upgrade", "1", "1 deployed, 2 failed"),
        ("post-upgrade", "2", "1 deployed, 2 failed, 3 failed"),
    ] {
        let failed = place.run(&format!("upgrade r jobs --set x=2,fail={hook}")).exits(1).stderr;
        assert!(failed.contains(&format!("{hook} hooks failed: {}", failure(hook))), "{failed}");
        assert_eq!((place.states("r").as_str(), x(&place).as_str()), (states, map));
    }
    place.run("uninstall r --no-hooks").ok();
    for (hook, map) in [("pre-rollback", "2"), ("post-rollback", "1")] {
        place.run(&format!("install r jobs --set fail={hook}")).ok();
        place.run("upgrade r jobs --set x=2").ok();
        let failed = place.run("rollback r 1").exits(1).stderr;
        assert!(failed.contains(&failure(hook)), "{failed}");
        // Not as Helm, which leaves it pending, so that no upgrade goes on.
        assert_eq!(place.states("r"), "1 superseded, 2 deployed, 3 failed");
        assert_eq!(x(&place), map);
        place.run("upgrade r jobs --set x=3").ok();
        place.run("uninstall r").ok();
    }
    place.run("install r jobs --set fail=pre-delete").ok();
    let failed = place.run("uninstall r").exits(1).stderr;
    assert!(failed.contains(&failure("pre-delete")), "{failed}");
    assert_eq!((place.states("r").as_str(), x(&place).as_str()), ("1 uninstalling", "1"));
    assert!(place.run("why r").stdout.contains("r-pre-delete"), "{}", place.run("why r").stdout);
    place.run("uninstall r --no-hooks").ok();
    assert_eq!((place.states("r"), x(&place)), (String::new(), String::new()));
    place.run("install r jobs --set fail=post-delete").ok();
    let failed = place.run("uninstall r").exits(1).stderr;
    assert!(failed.contains("uninstallation completed with 1 error(s): resource Job/"), "{failed}");
    assert_eq!((place.states("r"), x(&place)), (String::new(), String::new()));
}

fn pod(name: &str, annotations: &str, what: &str) -> String {
    format!(
        "---\napiVersion: v1\nkind: Pod\nmetadata:\n  name: {name}\n  annotations: {{bowline.test/pod: {what}, {annotations}}}\n\
         spec:\n  restartPolicy: Never\n  containers: [{{name: c, image: busybox}}]\n"
    )
}

#[test]
fn weights_order_and_policies_delete() {
    let Some(place) = place() else { return };
    let hook = |name: &str, weight: i32, policy: &str, what: &str| {
        let delete = if policy.is_empty() {
            String::new()
        } else {
            format!(", helm.sh/hook-delete-policy: '{policy}'")
        };
        pod(name, &format!("helm.sh/hook: pre-install, helm.sh/hook-weight: '{weight}'{delete}"), what)
    };
    let chart = |last: &str| {
        let templates = [
            hook("c", 5, "hook-succeeded", "ok"),
            hook("a", 5, "", "ok"),
            hook("z", -1, "hook-succeeded,hook-failed", "ok"),
            hook("last", 9, "hook-failed,before-hook-creation", last),
        ];
        place.chart("p", "", &templates.concat());
    };
    let there = || ["a", "c", "last", "z"].map(|name| place.get("v1", "Pod", name).is_some());
    chart("ok");
    let told = place.run("install r p").ok().stderr;
    let order: Vec<&str> = told
        .lines()
        .filter(|line| line.ends_with(": ready"))
        .filter_map(|line| line.split('/').next_back()?.strip_suffix(": ready"))
        .collect();
    assert_eq!(order, ["z", "a", "c", "last"]);
    assert_eq!(there(), [true, false, true, false]);
    place.run("uninstall r").ok();
    assert_eq!(there(), [true, false, true, false], "hooks are nobody's");
    chart("fail");
    let before = place.get("v1", "Pod", "a").unwrap().uid;
    let failed = place.run("install r p").exits(1).stderr;
    assert!(failed.contains("failed pre-install"), "{failed}");
    // The one that failed goes, those before it as they ask; `a` was made anew.
    assert_eq!(there(), [true, false, false, false]);
    assert_ne!(place.get("v1", "Pod", "a").unwrap().uid, before);
}

#[test]
fn logs_are_told_as_asked() {
    let Some(place) = place() else { return };
    let hook = |name: &str, policy: &str, what: &str| {
        pod(name, &format!("helm.sh/hook: post-install, helm.sh/hook-output-log-policy: '{policy}'"), what)
    };
    place.chart("l", "", &[hook("a", "hook-succeeded", "ok"), hook("b", "hook-failed", "ok")].concat());
    let ran = place.run("install r l").ok();
    assert_eq!(ran.stderr.matches("line 200").count(), 1, "{}", ran.stderr);
    assert!(!ran.stdout.contains("line 200"));
    place.chart("l", "", &[hook("a", "hook-succeeded", "fail"), hook("b", "hook-failed", "ok")].concat());
    let ran = place.run("install s l --no-hooks").ok();
    assert!(!ran.stderr.contains("line"));
    place.run("uninstall s").ok();
    place.chart("l", "", &hook("b", "hook-failed", "fail"));
    let ran = place.run("install s l").exits(1);
    assert_eq!(ran.stderr.matches("line 200\n").count(), 1, "{}", ran.stderr);
}

#[test]
fn tests_run_when_asked_for() {
    let Some(place) = place() else { return };
    let test = |name: &str, what: &str| pod(name, "helm.sh/hook: test", what);
    place.chart("t", "", &[test("good", "ok"), test("bad", "fail")].concat());
    place.run("install r t").ok();
    assert!(place.get("v1", "Pod", "good").is_none());
    let ran = place.run("test r").exits(1);
    assert!(
        ran.stdout.contains("TEST SUITE:     bad") && ran.stdout.contains("Phase:          Failed"),
        "{}",
        ran.stdout
    );
    let told = format!("resource Pod/{}/bad not ready. status: Failed", place.namespace);
    assert!(ran.stderr.contains(&told), "{}", ran.stderr);
    let ran = place.run("test r --filter name=good --logs").ok();
    assert!(ran.stdout.contains("Phase:          Succeeded"), "{}", ran.stdout);
    assert!(
        ran.stdout.contains("POD LOGS: good (c)\nline 1\n") && ran.stdout.contains("line 200"),
        "{}",
        ran.stdout
    );
    assert!(!ran.stdout.contains("POD LOGS: bad"), "{}", ran.stdout);
    place.run("test r --filter '!name=bad'").ok();
    assert_eq!(place.states("r"), "1 deployed");
    // Run again, a test is made anew.
    place.run("test r --filter name=good").ok();
}

#[test]
fn a_hook_that_never_ends_is_given_up() {
    let Some(place) = place() else { return };
    place.chart("h", "", &pod("a", "helm.sh/hook: pre-install", "run"));
    let failed = place.run("install r h --timeout 2s").exits(1).stderr;
    assert!(
        failed.contains("failed pre-install: resource Pod/") && failed.contains("context deadline exceeded"),
        "{failed}"
    );
    assert_eq!(place.states("r"), "1 failed");
}

#[test]
fn no_time_limit_is_none_for_a_hook_that_takes_its_time() {
    let Some(place) = place() else { return };
    place.chart("h", "", &pod("a", "helm.sh/hook: pre-install", "slow"));
    place.run("install r h --wait=legacy --timeout 0").ok();
    assert_eq!(place.states("r"), "1 deployed");
}

#[test]
fn a_hook_that_cannot_be_made_does_not_say_that_nothing_was_changed() {
    let Some(place) = place() else { return };
    let templates = r"apiVersion: v1
kind: ConfigMap
metadata: {name: {{ .Release.Name }}-one}
---
{{ .Values.api }}
kind: {{ .Values.kind }}
metadata: { {{ .Values.name }}: late-, annotations: {helm.sh/hook: {{ .Values.event }}}}
";
    place.chart(
        "app",
        "api: 'apiVersion: v1'\nkind: ConfigMap\nname: generateName\nevent: post-install\n",
        templates,
    );
    for more in ["", "--set api='apiVersion: none.test/v1' --set kind=None --set name=name"] {
        let failed = place.run(&format!("install r app {more}")).exits(1).stderr;
        assert!(!failed.contains("nothing was changed"), "{failed}");
        assert_eq!(place.states("r"), "1 failed");
        place.run("uninstall r --no-hooks").ok();
    }
}

#[test]
fn an_interrupted_upgrade_is_rolled_back() {
    let Some(place) = place() else { return };
    let pod = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: {{ .Release.Name }}-{{ .Values.x }}}\n---\n\
               apiVersion: v1\nkind: Pod\nmetadata: {name: {{ .Release.Name }}-pod-{{ .Values.x }}, annotations: \
               {bowline.test/pod: {{ .Values.pod }}}}\nspec: {containers: [{name: c, image: nginx}]}\n";
    place.chart("app", "x: 1\npod: ok\n", pod);
    place.run("install r app").ok();
    for (line, states) in [
        (
            "upgrade r app --set x=2,pod=pending --wait --rollback-on-failure",
            "1 superseded, 2 failed, 3 deployed",
        ),
        ("install q app --set x=3,pod=pending --wait --rollback-on-failure", ""),
    ] {
        let release = &line[8..9];
        let words = crate::support::split(&format!("{line} -n {}", place.namespace));
        let child = place
            .env
            .command(words.iter().map(String::as_str))
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let name = format!("{release}-pod-{}", if release == "r" { 2 } else { 3 });
        wait_until(|| place.get("v1", "Pod", &name).is_some());
        std::thread::sleep(std::time::Duration::from_millis(500));
        let number = child.id().to_string();
        assert!(std::process::Command::new("kill").args(["-INT", &number]).status().unwrap().success());
        let output = child.wait_with_output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(130), "{told}");
        assert!(told.contains("a second Ctrl-C ends that, too"), "{told}");
        assert!(told.contains("due to rollback-on-failure being set: "), "{told}");
        assert_eq!(place.states(release), states, "{line}");
        wait_until(|| place.get("v1", "Pod", &name).is_none());
    }
}
