//! Leases and records on a real API server: an operation that somebody took over, records that others write into, tests beside an
//! upgrade.

use std::process::Stdio;

use bowline::ops::change::Target;
use bowline::ops::upgrade::upgrade;

use crate::kube_support::{Place, place, wait_until};
use crate::support::split;
use crate::support::world::{World, set};

/// A ConfigMap, another one when `extra` is set, and hooks that wait until somebody lets them run.
fn with_waiting_hooks() -> Option<Place> {
    let place = place()?;
    let templates = r#"apiVersion: v1
kind: ConfigMap
metadata: {name: {{ .Release.Name }}-one}
data: {x: {{ .Values.x | quote }}}
{{- if .Values.extra }}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: {{ .Release.Name }}-extra}
data: {x: {{ .Values.x | quote }}}
{{- end }}
{{- range $e := list "pre-upgrade" "test" }}
{{- if or $.Values.job (eq $e "test") }}
---
apiVersion: batch/v1
kind: Job
metadata:
  name: {{ $.Release.Name }}-{{ $e }}
  annotations: {helm.sh/hook: {{ $e }}}
spec:
  suspend: true
  template:
    metadata: {annotations: {bowline.test/pod: ok}}
    spec:
      restartPolicy: Never
      containers: [{name: c, image: busybox}]
{{- end }}
{{- end }}
"#;
    place.chart("app", "x: 1\nextra: false\njob: false\n", templates);
    Some(place)
}

fn x(place: &Place, name: &str) -> String {
    place.text("v1", "ConfigMap", name, &["data", "x"])
}

fn start(place: &Place, line: &str) -> std::process::Child {
    let words = split(&format!("{line} -n {}", place.namespace));
    let mut command = place.env.command(words.iter().map(String::as_str));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Lets a Job that waits run.
fn let_run(place: &Place, job: &str) {
    wait_until(|| place.get("batch/v1", "Job", job).is_some());
    place.patch_as("somebody", "apis/batch/v1", &format!("jobs/{job}"), r#"{"spec":{"suspend":false}}"#);
}

fn touch(place: &Place, revision: u64) {
    let path = format!("secrets/sh.helm.release.v1.r.v{revision}");
    place.patch_as("somebody", "api/v1", &path, r#"{"metadata":{"annotations":{"touched":"yes"}}}"#);
}

#[test]
fn whoever_was_taken_over_changes_nothing_more() {
    let Some(place) = with_waiting_hooks() else { return };
    place.run("install r app").ok();
    // A client whose clock is years behind, so that its leases are over for everybody else at once.
    let world = World::new();
    let chart = place.env.path("app").display().to_string();
    let options = World::upgrade_options(&chart, |options| {
        options.values = set(&["x=2", "job=true", "extra=true"]);
        options.apply.cleanup_on_fail = true;
        options.apply.rollback_on_failure = true;
    });
    let error = std::thread::scope(|scope| {
        let slow = scope.spawn(|| {
            let target = Target::new(place.store(), &place.namespace);
            upgrade(&world.context(), target, &options).map(drop).unwrap_err()
        });
        wait_until(|| place.get("batch/v1", "Job", "r-pre-upgrade").is_some());
        place.run("upgrade r app --set x=3,extra=true").ok();
        // It wakes up after a long sleep of its machine, and the hook ends.
        world.pass(100);
        let_run(&place, "r-pre-upgrade");
        slow.join().unwrap()
    });
    assert!(error.to_string().contains("revision 2 of r was taken over by"), "{error}");
    assert_eq!((x(&place, "r-one").as_str(), x(&place, "r-extra").as_str()), ("3", "3"));
    assert_eq!(place.states("r"), "1 superseded, 2 failed, 3 deployed");
}

#[test]
fn records_that_others_write_into_are_no_reason_to_fail() {
    let Some(place) = with_waiting_hooks() else { return };
    place.run("install r app").ok();
    let running = start(&place, "upgrade r app --set x=2,job=true");
    wait_until(|| place.get("batch/v1", "Job", "r-pre-upgrade").is_some());
    touch(&place, 1);
    touch(&place, 2);
    let_run(&place, "r-pre-upgrade");
    let output = running.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!((place.states("r").as_str(), x(&place, "r-one").as_str()), ("1 superseded, 2 deployed", "2"));
}

#[test]
fn a_release_is_held_while_it_is_tested() {
    let Some(place) = with_waiting_hooks() else { return };
    place.run("install r app").ok();
    let running = start(&place, "test r");
    wait_until(|| place.get("batch/v1", "Job", "r-test").is_some());
    for line in ["upgrade r app --set x=2", "uninstall r", "test r"] {
        let refused = place.run(line).exits(5).stderr;
        assert!(refused.contains("holds revision 1 of r (deployed)"), "{line}: {refused}");
    }
    touch(&place, 1);
    let waiting = start(&place, "upgrade r app --set x=2 --wait-lock 3m");
    let_run(&place, "r-test");
    for child in [running, waiting] {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    assert_eq!((place.states("r").as_str(), x(&place, "r-one").as_str()), ("1 superseded, 2 deployed", "2"));
}
