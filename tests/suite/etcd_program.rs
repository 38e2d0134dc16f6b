//! The real program on etcd: a session of all the verbs, and how long things take.

use std::time::Instant;

use bowline::cluster::{Etcd, Query, Store, Write};
use bowline::data::Value;

use crate::etcd::{Cut, Proxy, address_or_skip, client_host, open};
use crate::stores::body;
use crate::support::Env;

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
