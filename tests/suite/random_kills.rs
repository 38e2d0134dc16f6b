//! `kill -9` at random moments of install, upgrade, rollback, uninstall and the apply of a plan, on every store that outlives a process: the next
//! command succeeds at once, and in the end nothing is lost, doubled or left over.
//!
//! `BOWLINE_KILLS` says how many kills each store gets, `BOWLINE_SEED` repeats the choices of a run (not its moments, which
//! the machine has a part in); both are printed.

use std::collections::BTreeMap;
use std::process::Stdio;
use std::time::{Duration, Instant, SystemTime};

use bowline::cluster::{Query, Sqlite, Store, StoreOptions};
use bowline::data::Value;
use bowline::manifest;

use crate::etcd::{address_or_skip, client_host, open};
use crate::kube_support::place;
use crate::support::{Env, split};

/// Kills of each store when nobody says how many.
const KILLS: u32 = 16;

const VERBS: [&str; 5] = ["apply", "install", "upgrade", "rollback", "uninstall"];

/// Six ConfigMaps, half of them only with `more`, and one that a hook makes.
const TEMPLATES: &str = r#"{{- range $n := list "a" "b" "c" "d" "e" "f" }}
{{- if or $.Values.more (has $n (list "a" "b" "c")) }}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: r-{{ $n }}}
data: {color: {{ $.Values.color }}, revision: "{{ $.Release.Revision }}"}
{{- end }}
{{- end }}
---
apiVersion: v1
kind: ConfigMap
metadata:
  name: r-hook
  annotations: {helm.sh/hook: "pre-install,pre-upgrade,pre-rollback", helm.sh/hook-delete-policy: "before-hook-creation,hook-succeeded"}
data: {color: {{ $.Values.color }}}
"#;

/// Where the kills happen.
struct Ground<'g> {
    env: &'g Env,
    namespace: String,
    store: &'g dyn Store,
    /// Whether a command's objects change together, so that a kill leaves all or none of them changed.
    atomic: bool,
}

/// A row of the history.
struct Row {
    revision: u64,
    status: String,
}

/// Name and data of ConfigMaps.
type Maps = BTreeMap<String, Value>;

impl Ground<'_> {
    fn words(&self, line: &str) -> Vec<String> {
        split(&format!("{line} -n {}", self.namespace))
    }

    fn run(&self, line: &str) -> crate::support::Ran {
        self.env.run(&format!("{line} -n {}", self.namespace))
    }

    /// Starts a command and kills it after a while; whether it still ran.
    fn kill(&self, line: &str, after: Duration) -> bool {
        let words = self.words(line);
        let mut command = self.env.command(words.iter().map(String::as_str));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = command.spawn().expect("the program starts");
        std::thread::sleep(after);
        let running = child.try_wait().expect("it can be asked").is_none();
        let _ = child.kill();
        child.wait().expect("it ends");
        running
    }

    fn history(&self) -> Vec<Row> {
        let ran = self.run("history r --max 1000 -o json");
        if ran.code != Some(0) {
            assert!(ran.stderr.contains("release: not found"), "{}", ran.stderr);
            return Vec::new();
        }
        let rows: Vec<serde_json::Value> = serde_json::from_str(&ran.stdout).expect("JSON");
        let row = |row: &serde_json::Value| Row {
            revision: row["revision"].as_u64().expect("a number"),
            status: row["status"].as_str().expect("a text").to_string(),
        };
        rows.iter().map(row).collect()
    }

    fn all(&self, kind: &str) -> Vec<bowline::cluster::Stored> {
        let query = Query {
            group_kind: Some((String::new(), kind.into())),
            namespace: Some(self.namespace.clone()),
            ..Query::default()
        };
        self.store.list(&query).expect("the store answers")
    }

    /// The release's objects as they are, that of the hook aside.
    fn maps(&self) -> Maps {
        let own = self.all("ConfigMap").into_iter().filter(|one| one.id.name.starts_with("r-"));
        let data = |body: Option<Value>| body.and_then(|body| body.get("data").cloned()).unwrap_or_default();
        own.filter(|one| one.id.name != "r-hook").map(|one| (one.id.name, data(one.body))).collect()
    }

    /// The objects of a revision as its record has them.
    fn recorded(&self, revision: u64) -> Maps {
        let text = self.run(&format!("get manifest r --revision {revision}")).ok().stdout;
        let objects = manifest::parse_stored("manifest", &text).expect("a manifest can be read");
        let pair = |object: manifest::Object| {
            (object.id.name.clone(), object.body.get("data").cloned().unwrap_or_default())
        };
        objects.into_iter().map(pair).collect()
    }

    /// What holds at any moment, a kill included. Returns the rows of the history.
    fn inspect(&self, what: &str) -> Vec<Row> {
        let rows = self.history();
        let told = states(&rows);
        assert!(rows.windows(2).all(|pair| pair[0].revision < pair[1].revision), "{what}: {told}");
        let listed = self.run("list --all -q").ok().stdout;
        assert_eq!(listed.contains('r'), !rows.is_empty(), "{what}: {listed}, but {told}");
        let deployed: Vec<&Row> = rows.iter().filter(|row| row.status == "deployed").collect();
        if self.atomic {
            assert!(deployed.len() <= 1, "{what}: {told}");
            let (maps, known) = (self.maps(), rows.iter().map(|row| self.recorded(row.revision)));
            let whole = maps.is_empty() || known.into_iter().any(|recorded| recorded == maps);
            assert!(whole, "{what}: no revision has these objects: {maps:?}, {told}");
            if let Some(row) = deployed.first() {
                assert_eq!(maps, self.recorded(row.revision), "{what}: {told}");
            }
        }
        rows
    }

    /// What holds after a command that succeeded.
    fn settled(&self, gone: bool, what: &str) {
        let rows = self.inspect(what);
        let told = states(&rows);
        if gone {
            assert_eq!((told.as_str(), self.maps()), ("", Maps::new()), "{what}");
        } else {
            let deployed: Vec<&Row> = rows.iter().filter(|row| row.status == "deployed").collect();
            assert_eq!(deployed.len(), 1, "{what}: {told}");
            assert!(told.ends_with("deployed"), "{what}: {told}");
            assert!(!told.contains("pending") && !told.contains("uninstalling"), "{what}: {told}");
            assert_eq!(self.maps(), self.recorded(deployed[0].revision), "{what}: {told}");
        }
        for secret in self.all("Secret") {
            let Some(rest) = secret.id.name.strip_prefix("sh.helm.release.v1.r.v") else { continue };
            let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
            let known = rows.iter().any(|row| row.revision.to_string() == digits);
            assert!(known, "{what}: {} belongs to no revision: {told}", secret.id.name);
        }
    }
}

fn states(rows: &[Row]) -> String {
    let row = |row: &Row| format!("{} {}", row.revision, row.status);
    rows.iter().map(row).collect::<Vec<_>>().join(", ")
}

/// Small reproducible numbers below a limit.
fn below(seed: &mut u64, limit: u64) -> u64 {
    *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    (*seed >> 33) % limit
}

fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name}={text} is no number")))
}

fn write_chart(env: &Env) {
    env.write("app/Chart.yaml", "apiVersion: v2\nname: app\nversion: 1.0.0\n");
    env.write("app/values.yaml", "color: red\nmore: false\n");
    env.write("app/templates/all.yaml", TEMPLATES);
    // A value of 900 KB that gzip makes hardly smaller: its record needs several pieces.
    let mut seed = 5;
    let letters = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+-";
    let letter = |_| char::from(letters[usize::try_from(below(&mut seed, 64)).expect("small")]);
    env.write("big.yaml", &format!("filler: \"{}\"\n", (0..900_000).map(letter).collect::<String>()));
}

/// How long a verb takes here, which follows the machine so that most kills hit a running command.
struct Pace(BTreeMap<&'static str, Duration>);

impl Pace {
    fn moment(&mut self, verb: &'static str, seed: &mut u64) -> Duration {
        let most = *self.0.entry(verb).or_insert(Duration::from_millis(400));
        // The program itself takes its time to start; most kills should come after its first write.
        most.mul_f64(0.25 + 0.75 * below(seed, 1000) as f64 / 1000.0)
    }

    fn learn(&mut self, verb: &'static str, was_running: bool) {
        let most = self.0.entry(verb).or_default();
        *most = most.mul_f64(if was_running { 1.1 } else { 0.75 });
    }
}

/// Kills commands until there were enough, and looks after each.
fn kill_at_random(ground: &Ground<'_>, name: &str) {
    let kills =
        number("BOWLINE_KILLS").map_or(KILLS, |kills| u32::try_from(kills).expect("a sensible number"));
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970");
    let mut seed = number("BOWLINE_SEED").unwrap_or_else(|| u64::from(now.subsec_nanos()));
    println!("{name}: BOWLINE_KILLS={kills} BOWLINE_SEED={seed}");
    write_chart(ground.env);
    let (began, mut pace) = (Instant::now(), Pace(BTreeMap::new()));
    let mut counts: BTreeMap<&str, u32> = BTreeMap::new();
    let (mut killed, mut open, mut round) = (0, 0, 0);
    while killed < kills {
        round += 1;
        assert!(
            round < 20 * kills + 100,
            "{killed} of {round} commands were still running when they were killed"
        );
        // The verb that was killed least has its turn.
        let verb = VERBS.into_iter().min_by_key(|verb| counts.get(verb)).expect("there are some");
        let there = ground.history().last().is_some_and(|row| row.status != "uninstalled");
        match (verb, there) {
            ("install", true) => drop(ground.run("uninstall r").ok()),
            ("install", false) | (_, true) => {}
            (_, false) => drop(ground.run("install r app --replace").ok()),
        }
        if verb == "rollback" || verb == "apply" {
            ground.run(&format!("upgrade r app --set color=u{round} --history-max 4")).ok();
        }
        let more = below(&mut seed, 2) == 0;
        let big = if below(&mut seed, 4) == 0 { " -f big.yaml" } else { "" };
        let values = format!("--set color=k{round},more={more}{big}");
        let line = match verb {
            "install" => format!("install r app --replace {values}"),
            "upgrade" => format!("upgrade r app {values} --history-max 4"),
            "rollback" => "rollback r".to_string(),
            "apply" => {
                let planned = match below(&mut seed, 4) {
                    0 => "plan rollback r".to_string(),
                    1 => format!("plan uninstall r{}", if more { "" } else { " --keep-history" }),
                    _ => format!("plan r app {values} --history-max 4"),
                };
                ground.run(&format!("{planned} --out r.plan")).exits(2);
                "apply r.plan".to_string()
            }
            _ if more => "uninstall r".to_string(),
            _ => "uninstall r --keep-history".to_string(),
        };
        let after = pace.moment(verb, &mut seed);
        let was_running = ground.kill(&line, after);
        pace.learn(verb, was_running);
        killed += u32::from(was_running);
        *counts.entry(verb).or_default() += u32::from(was_running);
        let what =
            format!("{name}, seed {seed}, round {round}: `{line}` killed after {after:?} ({was_running})");
        let rows = ground.inspect(&what);
        let last = rows.last().map_or("", |row| row.status.as_str());
        open += u32::from(last.starts_with("pending") || last == "uninstalling");
        let what = format!("{what}, then {}", states(&rows));
        let restorable = rows.iter().any(|row| matches!(row.status.as_str(), "deployed" | "superseded"));
        let (next, gone) = match (last, below(&mut seed, 4)) {
            ("uninstalling", _) => ("uninstall r".to_string(), true),
            (last, 0) if !last.is_empty() => ("uninstall r".to_string(), true),
            (_, 1) if restorable && rows.len() > 1 => ("rollback r".to_string(), false),
            _ => (format!("upgrade r app --install --set color=n{round},more={more} --history-max 4"), false),
        };
        let ran = ground.run(&next);
        assert_eq!(ran.code, Some(0), "{what}: `{next}`: {}", ran.stderr);
        ground.settled(gone, &format!("{what}, then `{next}`"));
    }
    println!(
        "{name}: {killed} kills {counts:?}, {open} in the middle, {round} rounds, {:.0?}",
        began.elapsed()
    );
}

#[test]
fn on_kubernetes() {
    let Some(place) = place() else { return };
    let ground =
        Ground { env: &place.env, namespace: place.namespace.clone(), store: place.store(), atomic: false };
    kill_at_random(&ground, "kubernetes");
}

#[test]
fn on_etcd() {
    let Some(address) = address_or_skip("kills of the program") else { return };
    let env = Env::new().with("BOWLINE_STORE", &address);
    let store = open(&address);
    let ground = Ground { env: &env, namespace: "default".into(), store: &store, atomic: true };
    kill_at_random(&ground, "etcd");
}

#[test]
fn on_sqlite() {
    let env = Env::new().with("BOWLINE_STORE", "sqlite:state.sqlite");
    let store = Sqlite::new(&env.path("state.sqlite"), &client_host(), StoreOptions::default());
    let ground = Ground { env: &env, namespace: "default".into(), store: &store, atomic: true };
    kill_at_random(&ground, "sqlite");
    store.check().expect("the file is whole");
}
