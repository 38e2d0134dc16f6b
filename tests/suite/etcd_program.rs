//! The real program on etcd: a session of all the verbs, kill -9 at random moments, and how long things take.

use std::process::Stdio;
use std::time::{Duration, Instant};

use bowline::cluster::{Etcd, Query, Store, Write};
use bowline::data::Value;

use crate::etcd::{Cut, Proxy, address_or_skip, client_host, open};
use crate::stores::body;
use crate::support::{Env, split};

/// Two ConfigMaps that say of each other what they must be; the second one only when `values.second` is set.
const TEMPLATE: &str = "\
{%- for name in [\"one\", \"two\"] %}
{%- if name == \"one\" or values.second %}
---
apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ release.name }}-{{ name }}
data:
  color: {{ values.color }}
  second: \"{{ values.second }}\"
  revision: \"{{ release.revision }}\"
{%- endif %}
{%- endfor %}
";

fn program(address: &str) -> Env {
    let env = Env::new().with("BOWLINE_STORE", address);
    env.write("app/Chart.yaml", "apiVersion: v2\nname: app\nversion: 1.0.0\nengine: tera\n");
    env.write("app/templates/maps.yaml", TEMPLATE);
    env.write("app/values.yaml", "color: red\nsecond: false\n");
    env
}

fn objects(store: &dyn Store) -> Vec<(String, String, String, String)> {
    let query = Query { group_kind: Some((String::new(), "ConfigMap".into())), ..Query::default() };
    let found = store.list(&query).unwrap();
    let text =
        |body: &Value, key: &str| body.path(["data", key]).and_then(Value::as_str).unwrap().to_string();
    found
        .iter()
        .map(|one| {
            let body = one.body.as_ref().unwrap();
            (one.id.name.clone(), text(body, "color"), text(body, "second"), text(body, "revision"))
        })
        .collect()
}

#[test]
fn a_session_of_all_verbs() {
    let Some(address) = address_or_skip("the session") else { return };
    let env = program(&address);
    let store = open(&address);
    let say = |line: &str| env.run(line).ok().stdout;
    let object = |name: &str, color: &str, second: &str, revision: &str| {
        (name.to_string(), color.to_string(), second.to_string(), revision.to_string())
    };
    assert!(say("env").contains("BOWLINE_STORE=\"etcd://127.0.0.1:[PORT]/test/"));
    say("install r app");
    assert_eq!(objects(&store), [object("r-one", "red", "false", "1")]);
    say("upgrade r app --set color=blue,second=true");
    let both = [object("r-one", "blue", "true", "2"), object("r-two", "blue", "true", "2")];
    assert_eq!(objects(&store), both);
    assert!(say("status r").contains("REVISION: 2"));
    assert!(say("get values r").contains("color: blue"));
    assert_eq!(say("history r").lines().count(), 3);
    assert_eq!(say("list -q"), "r\n");
    env.run("upgrade r app --set color={{").exits(1);
    say("rollback r 1");
    let last = say("history r");
    assert!(last.lines().last().unwrap().contains("Rollback to 1"), "{last}");
    assert_eq!(objects(&store).len(), 1);
    assert!(say("objects list ConfigMap").contains("r-one"));
    say("delete r");
    assert!(objects(&store).is_empty());
    assert_eq!(say("ls --deleted -q"), "r\n");
    say("rollback r 2");
    assert_eq!(objects(&store).len(), 2);
    say("delete --purge r");
    let gone = env.run("history r").exits(1).stderr;
    assert!(gone.starts_with("Error: release: not found\nhint: "), "{gone}");
    assert!(store.list(&Query::default()).unwrap().is_empty());

    let wrong = env.run("list --store etcd://ann:secret@127.0.0.1:1/x").exits(1);
    assert!(
        wrong.stderr.contains("connection refused") && !wrong.stderr.contains("secret"),
        "{}",
        wrong.stderr
    );
    let wrong = env.run("list --store etcds://ann:secret@h/x?ca-fil=x");
    assert!(
        wrong.stderr.contains("did you mean `ca-file`?") && !wrong.stderr.contains("secret"),
        "{}",
        wrong.stderr
    );
}

/// Small reproducible numbers.
fn next(seed: &mut u64) -> u64 {
    *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    *seed >> 33
}

/// Whether the store holds whole manifests only, and the records fit to them. Returns the newest state.
fn inspect(env: &Env, store: &dyn Store, what: &str) -> Option<String> {
    let found = objects(store);
    match found.as_slice() {
        [] => {}
        [one] => assert_eq!((one.0.as_str(), one.2.as_str()), ("r-one", "false"), "{what}"),
        [one, two] => {
            assert_eq!(
                (one.0.as_str(), two.0.as_str(), one.2.as_str()),
                ("r-one", "r-two", "true"),
                "{what}"
            );
            assert_eq!((&one.1, &one.2, &one.3), (&two.1, &two.2, &two.3), "{what}");
        }
        more => panic!("{what}: {more:?}"),
    }
    let ran = env.run("history r -o json");
    if ran.code != Some(0) {
        assert!(ran.stderr.contains("release: not found"), "{what}: {}", ran.stderr);
        assert!(found.is_empty(), "{what}");
        return None;
    }
    let rows: Vec<serde_json::Value> = serde_json::from_str(&ran.stdout).unwrap();
    let revisions: Vec<u64> = rows.iter().map(|row| row["revision"].as_u64().unwrap()).collect();
    assert!(revisions.windows(2).all(|pair| pair[0] < pair[1]), "{what}: {revisions:?}");
    let deployed: Vec<&serde_json::Value> = rows.iter().filter(|row| row["status"] == "deployed").collect();
    assert!(deployed.len() <= 1, "{what}: {rows:?}");
    if let (Some(row), Some(one)) = (deployed.first(), found.first()) {
        let manifest = env.run(&format!("get manifest r --revision {}", row["revision"])).ok().stdout;
        assert!(manifest.contains(&format!("revision: \"{}\"", one.3)), "{what}: {manifest}");
    }
    let last = rows.last().and_then(|row| row["status"].as_str()).map(str::to_string);
    if last.as_deref() == Some("uninstalled") {
        assert!(found.is_empty(), "{what}");
    }
    last
}

#[test]
fn the_program_can_be_killed_at_any_moment() {
    const KILLS: usize = 40;
    let Some(address) = address_or_skip("kills of the program") else { return };
    let env = program(&address);
    let store = open(&address);
    let began = Instant::now();
    env.run("upgrade --install r app").ok();
    let mut most = u64::try_from(began.elapsed().as_micros()).unwrap();
    let mut seed = 11;
    let (mut kills, mut late, mut open_records, mut rounds) = (0, 0, 0, 0);
    // A value of 700 KB makes a record that needs pieces.
    env.write("big.yaml", &format!("filler: \"{}\"\n", filler(700_000)));
    let lines = [
        "upgrade --install r app --set color=blue,second=true --history-max 4",
        "upgrade --install r app -f big.yaml --history-max 4",
        "rollback r",
        "uninstall r --keep-history",
        "uninstall r",
        "install r app --replace --set second=true",
    ];
    while kills < KILLS && began.elapsed() < Duration::from_secs(100) {
        rounds += 1;
        let line = lines[usize::try_from(next(&mut seed)).unwrap() % lines.len()];
        let words = split(line);
        let mut child = env
            .command(words.iter().map(String::as_str))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // The program itself takes its time to start; most kills should come after its first write.
        std::thread::sleep(Duration::from_micros(most / 4 + next(&mut seed) % (most * 3 / 4)));
        if child.try_wait().unwrap().is_some() {
            late += 1;
            most = most * 3 / 4;
        } else {
            kills += 1;
            most = most * 9 / 8;
            child.kill().unwrap();
        }
        child.wait().unwrap();
        let what = format!("round {rounds}, {line}");
        let last = inspect(&env, &store, &what);
        let last = last.as_deref().unwrap_or("");
        open_records += usize::from(last.starts_with("pending") || last == "uninstalling");
        // The dead process holds nothing: the next command goes on at once.
        if last == "uninstalling" {
            env.run("uninstall r").ok();
        } else if next(&mut seed).is_multiple_of(2) {
            env.run("upgrade --install r app --set second=true --history-max 4").ok();
        }
        inspect(&env, &store, &what);
    }
    println!(
        "{kills} kills, {open_records} in the middle, {late} too late, {rounds} rounds, {:.1?}",
        began.elapsed()
    );
    assert!(kills > 10, "{kills} kills");
}

/// A text that gzip makes no smaller than about three quarters.
fn filler(length: usize) -> String {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+-";
    let mut seed = 5;
    (0..length).map(|_| char::from(LETTERS[usize::try_from(next(&mut seed) % 64).unwrap()])).collect()
}

#[test]
fn two_thousand_releases_and_a_hundred_objects() {
    let Some(address) = address_or_skip("measuring") else { return };
    let server = address.trim_start_matches("etcd://").split('/').next().unwrap().to_string();
    let proxy = Proxy::before(&server);
    let env = program(&proxy.through(&address));
    let template = "{%- for n in range(end=100) %}\n---\napiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {{ release.name }}-{{ n }}\ndata:\n  color: {{ values.color }}\n{%- endfor %}\n";
    env.write("app/templates/maps.yaml", template);
    let counted = |line: &str| {
        proxy.cut(Cut::Nothing);
        let began = Instant::now();
        let ran = env.run(line).ok();
        println!("{line}: {} requests, {:.0?}", proxy.requests(), began.elapsed());
        ran.stdout
    };
    counted("install r app");
    counted("upgrade r app --set color=blue");
    counted("rollback r 1");
    counted("status r");
    // 2,000 releases: copies of a real record under other names.
    let store = Etcd::new(&address, &client_host()).unwrap();
    let secrets = Query { group_kind: Some((String::new(), "Secret".into())), ..Query::default() };
    let record = store.list(&secrets).unwrap().pop().unwrap();
    assert_eq!(record.id.name, "sh.helm.release.v1.r.v3");
    let record = serde_json::to_string(&record.body).unwrap();
    counted("uninstall r");
    let began = Instant::now();
    for part in 0..40 {
        let make = |number: usize| {
            let name = format!("r{}", part * 50 + number);
            let text = record
                .replace("\"sh.helm.release.v1.r.v3\"", &format!("\"sh.helm.release.v1.{name}.v3\""))
                .replace("\"name\":\"r\"", &format!("\"name\":\"{name}\""));
            Write::Create { body: body(&text) }
        };
        store.batch(&(0..50).map(make).collect::<Vec<_>>()).unwrap();
    }
    println!("2,000 records written in {:.1?}", began.elapsed());
    assert_eq!(counted("list -q --max 3000").lines().count(), 2000);
    assert!(proxy.requests() <= 4, "no record is read, only pages of metadata");
    counted("history r77");
}
