//! A release through its whole life in the embedded store, with every stored object looked at after each step: which are
//! there, whose they are, which were written and which were left alone. With our own charts, and with the chart of
//! ingress-nginx where it is at hand.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use bowline::cluster::{Sqlite, StoreOptions, Stored};
use bowline::data::Value;
use bowline::manifest;

use crate::support::Env;
use crate::support::world::{World, objects};

const STORE: &str = "state.sqlite";

/// What a chart of a session does to objects, as `Kind/name` with `R` for the release.
struct Plan {
    chart: String,
    /// Flags of the upgrade.
    change: &'static str,
    /// Objects that the upgrade makes.
    created: &'static [&'static str],
    /// Objects that it changes.
    changed: &'static [&'static str],
    /// Objects that it deletes.
    deleted: &'static [&'static str],
    /// Objects that stay when the release goes.
    kept: &'static [&'static str],
}

type Objects = BTreeMap<String, Stored>;

fn name(stored: &Stored) -> String {
    format!("{}/{}", stored.id.kind, stored.id.name)
}

struct Session {
    env: Env,
    world: World,
}

impl Session {
    fn new() -> Self {
        let env =
            Env::new().with("BOWLINE_STORE", &format!("sqlite:{STORE}")).with("BOWLINE_NAMESPACE", "live");
        Session { env, world: World::new() }
    }

    /// All objects of the store but records, after a check of the whole file.
    fn stored(&self) -> Objects {
        let store = Sqlite::new(&self.env.path(STORE), &self.world.host, StoreOptions::default());
        store.check().unwrap();
        let found = objects(&store);
        let count = found.len();
        let map: Objects = found.into_iter().map(|stored| (name(&stored), stored)).collect();
        assert_eq!(map.len(), count, "each object once");
        map
    }

    /// What is stored after a step is what the manifest says, marked as the release's; and as the commands tell it.
    fn look(&self, also: &[&str]) -> Objects {
        let stored = self.stored();
        let text = self.env.run("get manifest web").ok().stdout;
        let mut documents = manifest::parse_stored("manifest", &text).unwrap();
        documents.retain(|document| !document.is_comment());
        let mut wanted: BTreeSet<String> =
            documents.iter().map(|object| format!("{}/{}", object.id.kind, object.id.name)).collect();
        assert_eq!(wanted.len(), documents.len());
        wanted.extend(also.iter().map(ToString::to_string));
        assert_eq!(stored.keys().cloned().collect::<BTreeSet<_>>(), wanted);
        for (name, object) in stored.iter().filter(|(name, _)| !also.contains(&name.as_str())) {
            assert_eq!(
                object.labels.get("app.kubernetes.io/managed-by").map(String::as_str),
                Some("Helm"),
                "{name}"
            );
            assert_eq!(object.annotations["meta.helm.sh/release-name"], "web", "{name}");
            assert_eq!(object.annotations["meta.helm.sh/release-namespace"], "live", "{name}");
            assert_eq!(object.uid.len(), 36, "{name}");
            assert!(!text.contains("meta.helm.sh/release-name"), "the marks are not in the manifest");
        }
        self.compare_with_list(&stored);
        let exported = self.env.run("objects export --release web -A").ok().stdout;
        let kinds = |text: &str| text.lines().filter(|line| line.starts_with("kind: ")).count();
        assert_eq!(kinds(&exported), documents.len(), "{exported}");
        for field in ["\n  uid: ", "\n  resourceVersion: ", "\n  creationTimestamp: "] {
            assert!(!exported.contains(field), "{field} means nothing elsewhere");
        }
        stored
    }

    fn compare_with_list(&self, stored: &Objects) {
        let json = self.env.run("objects list -A -o json").ok().stdout;
        let rows: serde_json::Value = serde_json::from_str(&json).unwrap();
        let text = |row: &serde_json::Value, key: &str| row[key].as_str().unwrap().to_string();
        let listed: BTreeMap<String, String> = rows
            .as_array()
            .unwrap()
            .iter()
            .filter(|row| !text(row, "name").starts_with("sh.helm.release."))
            .map(|row| (format!("{}/{}", text(row, "kind"), text(row, "name")), text(row, "resourceVersion")))
            .collect();
        let opened: BTreeMap<String, String> =
            stored.iter().map(|(name, object)| (name.clone(), object.resource_version.to_string())).collect();
        assert_eq!(listed, opened);
    }
}

fn without_version(body: Option<&Value>) -> serde_json::Value {
    let mut json = serde_json::to_value(body).unwrap();
    if let Some(metadata) = json.get_mut("metadata").and_then(serde_json::Value::as_object_mut) {
        metadata.remove("resourceVersion");
        metadata.remove("generation");
    }
    json
}

/// What a step did: names created, changed and deleted. Objects that stay keep their identity, versions only grow.
fn difference(before: &Objects, after: &Objects) -> [Vec<String>; 3] {
    let newest = before.values().map(|object| object.resource_version).max().unwrap_or(0);
    let created = after.keys().filter(|name| !before.contains_key(*name)).cloned().collect();
    let deleted = before.keys().filter(|name| !after.contains_key(*name)).cloned().collect();
    let mut changed = Vec::new();
    for (name, object) in after {
        let Some(old) = before.get(name) else {
            assert!(object.resource_version > newest, "{name} is new");
            continue;
        };
        assert_eq!((&old.uid, old.created), (&object.uid, object.created), "{name} is still the same object");
        let same = without_version(old.body.as_ref()) == without_version(object.body.as_ref());
        if old.resource_version == object.resource_version {
            assert_eq!(old, object, "{name} was left alone");
        } else {
            assert!(!same, "{name} was written without need");
            assert!(object.resource_version > newest, "{name} has a newer version");
            changed.push(name.clone());
        }
    }
    [created, changed, deleted]
}

fn run(plan: &Plan) {
    let session = Session::new();
    let env = &session.env;
    let chart = &plan.chart;
    let namespace = ["Namespace/live"];
    let expected = |names: &[&str]| -> Vec<String> {
        let mut names: Vec<String> = names.iter().map(|name| name.replace("/R", "/web")).collect();
        names.sort();
        names
    };

    let shown = env.run(&format!("template web {chart}")).ok().stdout;
    env.run(&format!("install web {chart} --create-namespace")).ok();
    let first = session.look(&namespace);
    assert!(first["Namespace/live"].annotations.is_empty());
    let manifest = env.run("get manifest web").ok().stdout;
    assert!(shown.starts_with(manifest.trim()), "the manifest is what `template` shows, without hooks");

    // The same again writes records, and no object.
    env.run(&format!("upgrade web {chart}")).ok();
    let again = session.look(&namespace);
    assert_eq!(difference(&first, &again), [vec![], vec![], Vec::<String>::new()]);

    env.run(&format!("upgrade web {chart} {}", plan.change)).ok();
    let second = session.look(&namespace);
    assert_eq!(
        difference(&again, &second),
        [expected(plan.created), expected(plan.changed), expected(plan.deleted)]
    );

    env.run("rollback web 1").ok();
    let third = session.look(&namespace);
    assert_eq!(
        difference(&second, &third),
        [expected(plan.deleted), expected(plan.changed), expected(plan.created)]
    );
    assert_eq!(env.run("get manifest web").ok().stdout, manifest);
    for (name, object) in &third {
        let (now, then) = (without_version(object.body.as_ref()), without_version(first[name].body.as_ref()));
        if first[name].uid == object.uid {
            assert_eq!(now, then, "{name} is as it was");
        } else {
            assert!(expected(plan.deleted).contains(name), "{name} is another object");
        }
    }

    // An upgrade that cannot be rendered leaves everything alone, records too.
    env.run(&format!("upgrade web {chart} --set 'a b'")).exits(1);
    assert_eq!(session.stored(), third);
    let history = env.run("history web -o json").ok().stdout;
    let history: serde_json::Value = serde_json::from_str(&history).unwrap();
    assert_eq!(history.as_array().unwrap().len(), 4);

    env.run("delete --purge web").ok();
    let mut left: Vec<String> = expected(plan.kept);
    left.push("Namespace/live".to_string());
    left.sort();
    assert_eq!(session.stored().keys().cloned().collect::<Vec<_>>(), left);
    env.run("history web").exits(1);
}

fn ours(name: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("charts").join(name).display().to_string()
}

#[test]
fn the_guestbook_lives() {
    run(&Plan {
        chart: ours("guestbook"),
        change: "--set database.enabled=false --set externalDatabase.host=db.example.com",
        created: &[],
        changed: &["Deployment/R"],
        deleted: &["Service/R-database", "StatefulSet/R-database"],
        kept: &[],
    });
}

#[test]
fn backups_live_and_their_volume_outlives_them() {
    run(&Plan {
        chart: ours("backup"),
        change: "--set schedule='1 1 * * *'",
        created: &[],
        changed: &["CronJob/R"],
        deleted: &[],
        kept: &["PersistentVolumeClaim/R"],
    });
}

#[test]
fn ingress_nginx_lives() {
    let folder = std::env::var_os("BOWLINE_CONFORMANCE")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/conformance"), PathBuf::from);
    let chart = folder.join("charts/kubernetes+ingress-nginx__charts__ingress-nginx.tgz");
    if !chart.is_file() {
        crate::support::skip::skipped("the chart of ingress-nginx is not at hand (set BOWLINE_CONFORMANCE)");
        return;
    }
    run(&Plan {
        chart: chart.display().to_string(),
        change: "--set controller.replicaCount=3 --set controller.config.use-gzip=true \
                 --set controller.admissionWebhooks.enabled=false --set defaultBackend.enabled=true",
        created: &[
            "Deployment/R-ingress-nginx-defaultbackend",
            "PodDisruptionBudget/R-ingress-nginx-controller",
            "Service/R-ingress-nginx-defaultbackend",
            "ServiceAccount/R-ingress-nginx-backend",
        ],
        changed: &["ConfigMap/R-ingress-nginx-controller", "Deployment/R-ingress-nginx-controller"],
        deleted: &[
            "Service/R-ingress-nginx-controller-admission",
            "ValidatingWebhookConfiguration/R-ingress-nginx-admission",
        ],
        kept: &[],
    });
}
