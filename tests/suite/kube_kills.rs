//! A process killed in the middle of a verb on a real API server: the next command goes on at once, and in the end the
//! cluster holds what the last one asked for, nothing twice and nothing of before.

use std::process::Stdio;
use std::time::{Duration, Instant};

use bowline::cluster::{Query, Store};
use bowline::data::Value;

use crate::kube_support::{Place, place};
use crate::support::split;

/// Six ConfigMaps, half of them only with `more`.
const TEMPLATE: &str = r#"{{- range $n := list "a" "b" "c" "d" "e" "f" }}
{{- if or $.Values.more (has $n (list "a" "b" "c")) }}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: r-{{ $n }}}
data: {color: {{ $.Values.color }}}
{{- end }}
{{- end }}
"#;

/// Name and colour of each of the release's objects.
fn maps(place: &Place) -> Vec<(String, String)> {
    let query = Query {
        group_kind: Some((String::new(), "ConfigMap".into())),
        namespace: Some(place.namespace.clone()),
        labels: [("app.kubernetes.io/managed-by".to_string(), "Helm".to_string())].into(),
        ..Query::default()
    };
    let color = |body: &Value| body.path(["data", "color"]).and_then(Value::as_str).unwrap_or("").to_string();
    let found = place.store().list(&query).unwrap();
    found.into_iter().map(|map| (map.id.name, map.body.as_ref().map(color).unwrap_or_default())).collect()
}

/// Starts a command and kills it after a while; whether it was still running.
fn kill(place: &Place, line: &str, after: Duration) -> bool {
    let line = format!("{line} -n {}", place.namespace);
    let words = split(&line);
    let mut command = place.env.command(words.iter().map(String::as_str));
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the program starts");
    std::thread::sleep(after);
    let running = child.try_wait().expect("it can be asked").is_none();
    let _ = child.kill();
    let _ = child.wait();
    running
}

fn all(color: &str, more: bool) -> Vec<(String, String)> {
    let names = if more { &["a", "b", "c", "d", "e", "f"][..] } else { &["a", "b", "c"] };
    names.iter().map(|name| (format!("r-{name}"), color.to_string())).collect()
}

#[test]
fn the_next_command_goes_on_where_a_killed_one_was() {
    let Some(place) = place() else { return };
    place.chart("app", "color: red\nmore: false\n", TEMPLATE);
    let began = Instant::now();
    let (mut kills, mut open, mut seed) = (0, 0, 7_u64);
    for round in 0..60_u64 {
        if began.elapsed() > Duration::from_secs(50) {
            break;
        }
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let there = !place.states("r").is_empty();
        let line = match (there, round % 5) {
            (false, _) => "install r app --set color=one".to_string(),
            (true, 0 | 1) => format!("upgrade r app --set color=k{round},more={}", round % 2 == 0),
            (true, 2) => "rollback r".to_string(),
            (true, 3) => "uninstall r --keep-history".to_string(),
            (true, _) => "uninstall r".to_string(),
        };
        kills += u32::from(kill(&place, &line, Duration::from_millis(15 + (seed >> 33) % 110)));
        let states = place.states("r");
        open += u32::from(states.contains("pending") || states.contains("uninstalling"));
        let what = format!("round {round}: `{line}` killed, then {states}");
        if states.ends_with("uninstalling") || round % 7 == 6 && !states.is_empty() {
            place.run("uninstall r").ok();
            assert_eq!((place.states("r"), maps(&place)), (String::new(), Vec::new()), "{what}");
            continue;
        }
        let more = round % 3 == 0;
        let next = format!("upgrade r app --install --set color=n{round},more={more} --history-max 5");
        let ran = place.run(&next);
        assert_eq!(ran.code, Some(0), "{what}: {}", ran.stderr);
        assert_eq!(maps(&place), all(&format!("n{round}"), more), "{what}");
        let states = place.states("r");
        assert_eq!(states.matches(" deployed").count(), 1, "{what}: {states}");
        assert!(states.ends_with(" deployed") && !states.contains("pending"), "{what}: {states}");
    }
    println!("{kills} kills, {open} in the middle, in {:.1?}", began.elapsed());
    assert!(kills >= 20, "{kills} kills");
}
