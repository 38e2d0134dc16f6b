//! What is told of a wait in a running cluster: lines, JSON, and the table on a terminal. See `kube.rs` for how to get a
//! cluster. The terminal is made by Python, which the servers need as well.

use std::process::Stdio;

use serde_json::Value as Json;

use crate::kube_support::{Place, place, with_app};
use crate::support::split;

/// Runs a command with standard error (and output) on a terminal of 100 columns and 30 rows. Ctrl-C is sent when
/// `stop` was shown. Returns all that was written.
fn on_a_terminal(place: &Place, line: &str, variables: &[(&str, &str)], stop: Option<&str>) -> String {
    const PTY: &str = r#"
import fcntl, os, pty, select, struct, sys, termios, time
stop = sys.argv[1].encode()
child, terminal = pty.fork()
if child == 0:
    time.sleep(0.2)
    os.execv(sys.argv[2], sys.argv[2:])
fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 100, 0, 0))
out = b""
while True:
    if stop and stop in out:
        os.write(terminal, b"\x03")
        stop = b""
    if select.select([terminal], [], [], 0.1)[0]:
        try:
            read = os.read(terminal, 65536)
        except OSError:
            break
        if not read:
            break
        out += read
os.waitpid(child, 0)
sys.stdout.buffer.write(out)
"#;
    let words = split(&format!("{line} -n {}", place.namespace));
    let program = place.env.command(words.iter().map(String::as_str));
    let mut python = std::process::Command::new("python3");
    python.arg("-c").arg(PTY).arg(stop.unwrap_or_default());
    python.arg(program.get_program()).args(program.get_args()).env_clear();
    for (key, value) in program.get_envs() {
        if let Some(value) = value {
            python.env(key, value);
        }
    }
    python.envs(variables.iter().copied()).env("PATH", std::env::var_os("PATH").unwrap_or_default());
    python.current_dir(place.env.work()).stdin(Stdio::null());
    let ran = python.output().expect("python3 starts");
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    String::from_utf8_lossy(&ran.stdout).into_owned()
}

/// What a terminal shows in the end, and every frame that it showed: a frame ends with each write that erases below it.
fn screens(written: &str) -> (Vec<String>, Vec<String>) {
    let mut lines = vec![String::new()];
    let (mut row, mut column, mut frames) = (0usize, 0usize, Vec::new());
    let mut rest = written.chars();
    while let Some(c) = rest.next() {
        match c {
            '\r' => column = 0,
            '\n' => {
                row += 1;
                if lines.len() == row {
                    lines.push(String::new());
                }
            }
            '\u{1b}' => {
                rest.next();
                let mut sequence = String::new();
                for c in rest.by_ref() {
                    sequence.push(c);
                    if c.is_ascii_alphabetic() {
                        break;
                    }
                }
                match sequence.as_str() {
                    "K" => lines[row] = lines[row].chars().take(column).collect(),
                    "J" => {
                        lines.truncate(row + 1);
                        lines[row] = lines[row].chars().take(column).collect();
                        frames.push(lines.join("\n"));
                    }
                    up if up.ends_with('A') => row -= up.trim_end_matches('A').parse::<usize>().unwrap(),
                    colour => assert!(colour.ends_with('m'), "an unknown sequence {colour:?}"),
                }
            }
            c => {
                let line: Vec<char> = lines[row].chars().collect();
                let after = line.iter().skip(column + 1);
                lines[row] = line.iter().take(column).chain([&c]).chain(after).collect();
                column += 1;
                assert!(column <= 100 || !lines[row].starts_with("Deployment/"), "too wide: {}", lines[row]);
            }
        }
    }
    (lines, frames)
}

const TERM: (&str, &str) = ("TERM", "xterm");

#[test]
fn a_terminal_shows_a_table_that_is_gone_in_the_end() {
    let Some(place) = with_app() else { return };
    let line = "install r app --set pod=slow,replicas=2 --wait --timeout 300s";
    let written = on_a_terminal(&place, line, &[TERM, ("NO_COLOR", "1")], None);
    let (screen, frames) = screens(&written);
    let colour = regex::Regex::new("\u{1b}\\[[0-9;]*m").expect("the pattern is valid");
    assert!(!colour.is_match(&written), "{written}");
    assert!(
        frames.iter().any(|frame| frame.contains("READY") && frame.contains("Deployment/r  0/2    waiting")),
        "{frames:#?}"
    );
    assert!(screen[0].starts_with("r: 4 created, 4 of 4 settled, "), "{screen:#?}");
    assert!(screen[1].starts_with("NAME: r"), "{screen:#?}");
    assert!(!screen.iter().any(|line| line.contains("waiting")), "{screen:#?}");
    let line = "upgrade r app --set pod=image,deadline=20 --wait --timeout 300s";
    let (screen, frames) = screens(&on_a_terminal(&place, line, &[TERM], None));
    assert!(
        frames.iter().any(|frame| frame.contains("ImagePullBackOff: Back-off pulling image")),
        "the reason is in the table: {frames:#?}"
    );
    assert!(screen[0].starts_with("r: 1 configured, "), "{screen:#?}");
    assert!(screen[1].starts_with("Error: UPGRADE FAILED"), "{screen:#?}");
}

#[test]
fn ctrl_c_leaves_a_clean_terminal() {
    let Some(place) = with_app() else { return };
    let line = "install r app --set pod=pending --wait --timeout 600s";
    let (screen, frames) = screens(&on_a_terminal(&place, line, &[TERM], Some("0/1")));
    assert!(frames.iter().any(|frame| frame.contains("Deployment/r  0/1    waiting")), "{frames:#?}");
    assert!(!screen.iter().any(|line| line.contains("waiting") || line.contains("OBJECT")), "{screen:#?}");
    assert!(
        screen.iter().any(|line| line.starts_with("Error: ") && line.contains("interrupted")),
        "{screen:#?}"
    );
    assert_eq!(place.states("r"), "1 failed");
}

#[test]
fn a_dumb_terminal_and_no_terminal_get_lines() {
    let Some(place) = with_app() else { return };
    let line = "install r app --set pod=image,deadline=20 --wait --timeout 300s";
    let written = on_a_terminal(&place, line, &[("TERM", "dumb")], None);
    let plain = place.run("install s app --set pod=image,deadline=20 --wait --timeout 300s").exits(1).stderr;
    for (told, name) in [(written, "r"), (plain, "s")] {
        assert!(!told.contains("\u{1b}[1A"), "{told}");
        let object = format!("Deployment/{}/{name}", place.namespace);
        assert!(told.contains(&format!("{object}: created")), "{told}");
        let reason = format!("{object}: waiting: ImagePullBackOff (pod {name}-");
        let at = told.find(&reason).unwrap_or_else(|| panic!("{told}"));
        assert!(at < told.find("Error: ").unwrap(), "it is told while it is waited for: {told}");
    }
}

/// The JSON lines among those of standard error.
fn lines(stderr: &str) -> Vec<Json> {
    let lines = stderr.lines().filter(|line| line.starts_with('{'));
    lines.map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}"))).collect()
}

#[test]
fn json_lines_tell_phases_reasons_and_the_end() {
    let Some(place) = with_app() else { return };
    let ran = place.run("install r app --set replicas=2 --wait --timeout 300s --progress=json -o json").ok();
    let install = lines(&ran.stderr);
    assert_eq!(install.len(), ran.stderr.lines().count(), "nothing else: {}", ran.stderr);
    let is = |line: &Json, phase: &str, state: &str| line["phase"] == phase && line["state"] == state;
    assert!(is(&install[0], "apply", "started"), "{}", install[0]);
    assert_eq!(install.iter().filter(|line| is(line, "apply", "created")).count(), 4);
    let last = install.iter().rfind(|line| is(line, "wait", "ready")).expect("something became ready");
    assert_eq!((&last["settled"], &last["total"]), (&4.into(), &4.into()), "{last}");
    let ready = |line: &&Json| line["object"]["kind"] == "Deployment" && is(line, "wait", "ready");
    let web = install.iter().find(ready).expect("the Deployment became ready");
    assert_eq!((&web["ready"], &web["wanted"]), (&2.into(), &2.into()), "{web}");
    assert_eq!(web["object"]["apiVersion"], "apps/v1");
    let end = install.last().expect("there is an end");
    assert!(is(end, "end", "succeeded") && end["release"] == "r", "{end}");
    serde_json::from_str::<Json>(&ran.stdout).expect("standard output is the report");

    let failed = place
        .run("upgrade r app --set pod=crash,deadline=20 --wait --timeout 300s --progress=json")
        .exits(1)
        .stderr;
    let failed = lines(&failed);
    assert_eq!(
        failed.iter().filter(|line| line["phase"] == "end").count(),
        1,
        "there is one end: {failed:?}"
    );
    let missing = lines(&place.run("upgrade none app --progress=json").exits(1).stderr);
    assert!(is(missing.last().unwrap(), "end", "failed"), "{missing:?}");
    let reason = failed.iter().find(|line| line["reason"] == "CrashLoopBackOff").expect("the reason is told");
    assert!(is(reason, "wait", "waiting") && reason["object"]["name"] == "r", "{reason}");
    let end = failed.last().unwrap();
    assert!(is(end, "end", "failed") && end["message"].as_str().unwrap().contains("not ready"), "{end}");

    let gone = lines(&place.run("uninstall r --wait --progress=json").ok().stderr);
    assert!(gone.iter().any(|line| is(line, "delete", "deleted")));
    assert!(gone.iter().any(|line| is(line, "wait", "gone")), "{gone:?}");
}

#[test]
fn a_pod_that_no_node_takes_is_told() {
    let Some(place) = place() else { return };
    let template = crate::kube_support::TEMPLATES
        .replace("      containers:", "      nodeSelector: {disk: none}\n      containers:");
    assert_ne!(template, crate::kube_support::TEMPLATES);
    place.chart("app", crate::kube_support::VALUES, &template);
    let told =
        place.run("install r app --set deadline=20 --wait --timeout 300s --progress=json").exits(1).stderr;
    let told = lines(&told);
    let line = told.iter().find(|line| line["reason"] == "Unschedulable").expect("the reason is told");
    assert!(line["message"].as_str().unwrap().contains("node"), "{line}");
    assert!(place.run("why r").ok().stdout.contains("Unschedulable (pod r-"));
}

#[test]
fn none_is_silent() {
    let Some(place) = with_app() else { return };
    let ran = place.run("install r app --set pod=slow --wait --timeout 300s --progress=none").ok();
    assert_eq!(ran.stderr, "");
    assert!(
        place
            .run("upgrade r app --progress=some")
            .exits(1)
            .stderr
            .contains("must be auto, plain, json or none")
    );
}

/// A Job that fails as a hook, which its policy deletes at once, beside a Deployment.
const HOOK: &str = r"apiVersion: batch/v1
kind: Job
metadata:
  name: {{ .Release.Name }}-check
  annotations: {helm.sh/hook: post-upgrade, helm.sh/hook-delete-policy: hook-failed}
spec:
  backoffLimit: 0
  template:
    metadata: {annotations: {bowline.test/pod: fail}}
    spec:
      restartPolicy: Never
      containers: [{name: check, image: busybox}]
";

#[test]
fn evidence_is_gathered_before_its_objects_are_deleted() {
    let Some(place) = place() else { return };
    place.chart("hooked", "", HOOK);
    place.run("install r hooked").ok();
    place.run("upgrade r hooked").exits(1);
    assert!(place.get("batch/v1", "Job", "r-check").is_none(), "its policy deletes it");
    let why = place.run("why r").ok().stdout;
    for told in ["Job/", "exit code 3", "Failed=True BackoffLimitExceeded", "log of pod r-check-"] {
        assert!(why.contains(told), "{told}: {why}");
    }
}

#[test]
fn evidence_outlives_clean_up_and_rollback() {
    let Some(place) = place() else { return };
    let template = crate::kube_support::TEMPLATES;
    place.chart("app", crate::kube_support::VALUES, template);
    place.run("install r app --wait").ok();
    let second = template.replace(
        "name: {{ .Release.Name }}}\nspec:\n  replicas",
        "name: {{ .Release.Name }}-new}\nspec:\n  replicas",
    );
    assert_ne!(second, template);
    let second = second.replace("app: {{ .Release.Name }}{{ with", "app: {{ .Release.Name }}-new{{ with");
    place.chart("app", crate::kube_support::VALUES, &second);
    let line = "upgrade r app --set pod=image,deadline=20 --wait --timeout 300s --cleanup-on-fail --rollback-on-failure";
    place.run(line).exits(1);
    assert!(place.get("apps/v1", "Deployment", "r-new").is_none());
    assert_eq!(place.states("r"), "1 superseded, 2 failed, 3 deployed");
    let why = place.run("why r").ok().stdout;
    for told in ["Deployment/", "ImagePullBackOff (pod r-new-", "Progressing=False", "log of pod r-new-"] {
        assert!(why.contains(told), "{told}: {why}");
    }
}
