//! Releases that change hands between bowline and Helm on one cluster: what one makes, the other lists, reads, upgrades,
//! rolls back and removes, and both leave the same records and objects. `tests/servers/servers path helm4` and `helm3` name
//! the programs; a test without its program says that it was skipped.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;

use base64::Engine;
use bowline::cluster::{Query, Store};
use serde_json::Value as Json;

use crate::kube_support::{Place, place};
use crate::support::helm::helm;

/// Either program on the release's namespace.
struct Two<'p> {
    place: &'p Place,
    helm: PathBuf,
    driver: &'p str,
}

impl Two<'_> {
    fn helm(&self, line: &str) -> String {
        let words = crate::support::split(line);
        let ran = Command::new(&self.helm)
            .args(words)
            .args(["-n", &self.place.namespace])
            .current_dir(self.place.env.work())
            .env("HOME", self.place.env.home())
            .env("HELM_DRIVER", self.driver)
            .env("KUBECONFIG", crate::kube::kubeconfig().expect("there is a cluster"))
            .output()
            .expect("helm starts");
        let text = String::from_utf8_lossy(&ran.stdout).into_owned();
        assert!(ran.status.success(), "helm {line}: {text}{}", String::from_utf8_lossy(&ran.stderr));
        text
    }

    fn bowline(&self, line: &str) -> String {
        self.place.run(line).ok().stdout
    }

    fn run(&self, by_helm: bool, line: &str) -> String {
        if by_helm { self.helm(line) } else { self.bowline(line) }
    }
}

/// The kind of the records of a driver, and the other one.
fn kinds(driver: &str) -> (&'static str, &'static str) {
    if driver == "configmap" { ("ConfigMap", "Secret") } else { ("Secret", "ConfigMap") }
}

/// The object that is the record of a revision, as far as it is the same whoever wrote it.
fn record_object(place: &Place, driver: &str, release: &str, revision: u32) -> Json {
    let name = format!("sh.helm.release.v1.{release}.v{revision}");
    let stored = place.get("v1", kinds(driver).0, &name).expect("the record is there");
    let mut body: Json = serde_json::to_value(stored.body.unwrap()).unwrap();
    let object = body.as_object_mut().unwrap();
    let data: Vec<String> = object["data"].as_object().unwrap().keys().cloned().collect();
    object.insert("data".into(), data.into());
    // Helm loses one of its own times, and the annotations are ours.
    let labels = object["metadata"]["labels"].as_object_mut().unwrap();
    labels.retain(|key, _| key != "createdAt" && key != "modifiedAt");
    let labels = labels.clone();
    object.insert("metadata".into(), serde_json::json!({ "name": name, "labels": labels }));
    body
}

/// The record of a revision as it is written, times replaced.
fn record(place: &Place, driver: &str, release: &str, revision: u32) -> Json {
    let name = format!("sh.helm.release.v1.{release}.v{revision}");
    let (kind, other) = kinds(driver);
    assert!(place.get("v1", other, &name).is_none(), "there is one record, a {kind}");
    let text = place.text("v1", kind, &name, &["data", "release"]);
    let decode = |text: &[u8]| base64::engine::general_purpose::STANDARD.decode(text).expect("base64");
    let text = if kind == "Secret" { decode(text.as_bytes()) } else { text.into_bytes() };
    let packed = decode(&text);
    let mut unpacked = String::new();
    std::io::Read::read_to_string(&mut flate2::read::GzDecoder::new(&*packed), &mut unpacked).expect("gzip");
    let mut record: Json = serde_json::from_str(&unpacked).expect("JSON");
    timeless(&mut record);
    record
}

fn timeless(value: &mut Json) {
    let is_time = |text: &str| text.len() > 19 && text.as_bytes()[4] == b'-' && text.as_bytes()[10] == b'T';
    match value {
        Json::Object(map) => map.values_mut().for_each(timeless),
        Json::Array(items) => items.iter_mut().for_each(timeless),
        Json::String(text) if is_time(text) => *text = "[TIME]".into(),
        _ => {}
    }
}

/// Takes out when files were last changed, which Helm 3 does not record.
fn without_times_of_files(value: &mut Json) {
    match value {
        Json::Object(map) => {
            map.retain(|key, _| key != "modtime" && key != "schemamodtime");
            map.values_mut().for_each(without_times_of_files);
        }
        Json::Array(items) => items.iter_mut().for_each(without_times_of_files),
        _ => {}
    }
}

/// The objects of the release as they are, without what differs between two objects of the same content.
fn objects(place: &Place, kinds: &[(&str, &str)]) -> BTreeMap<String, Json> {
    let mut found = BTreeMap::new();
    for (group, kind) in kinds {
        let query = Query {
            group_kind: Some(((*group).into(), (*kind).into())),
            namespace: Some(place.namespace.clone()),
            labels: [("app.kubernetes.io/managed-by".to_string(), "Helm".to_string())].into(),
            ..Query::default()
        };
        for stored in place.store().list(&query).unwrap() {
            let mut body: Json = serde_json::to_value(stored.body.unwrap()).unwrap();
            let object = body.as_object_mut().unwrap();
            object.remove("status");
            for field in ["clusterIP", "clusterIPs"] {
                object.get_mut("spec").and_then(|spec| spec.as_object_mut()?.remove(field));
            }
            let metadata = object["metadata"].as_object_mut().unwrap();
            for field in ["uid", "resourceVersion", "creationTimestamp", "managedFields", "generation"] {
                metadata.remove(field);
            }
            // The controller writes it when it gets to it.
            if let Some(annotations) = metadata.get_mut("annotations").and_then(Json::as_object_mut) {
                annotations.remove("deployment.kubernetes.io/revision");
            }
            found.insert(format!("{kind}/{}", stored.id.name), body);
        }
    }
    found
}

const KINDS: &[(&str, &str)] = &[("apps", "Deployment"), ("", "Service"), ("", "ServiceAccount")];

/// A place where the driver's records are.
fn place_of(driver: &str) -> Option<Place> {
    place().map(|place| place.with("HELM_DRIVER", driver))
}

/// Both programs install the scaffold's chart and upgrade it; records and objects are compared.
fn same_records_and_objects(generation: &str, driver: &str) {
    let Some(path) = helm(generation) else { return };
    let (Some(ours), Some(theirs)) = (place_of(driver), place_of(driver)) else { return };
    for place in [&ours, &theirs] {
        place.env.run("create web --engine gotpl").ok();
    }
    let (one, other) =
        (Two { place: &ours, helm: path.clone(), driver }, Two { place: &theirs, helm: path, driver });
    for line in ["install r web --set replicaCount=2", "upgrade r web --set replicaCount=3", "rollback r 1"] {
        // What Helm 3 leaves out, it has no server-side apply.
        one.bowline(&if generation == "helm3" {
            format!("{line} --server-side=false")
        } else {
            line.to_string()
        });
        other.helm(line);
    }
    for revision in 1..=3 {
        let (mut a, mut b) = (record(&ours, driver, "r", revision), record(&theirs, driver, "r", revision));
        for (record, place) in [(&mut a, &ours), (&mut b, &theirs)] {
            let text = record.to_string().replace(&place.namespace, "[NAMESPACE]");
            *record = serde_json::from_str(&text).unwrap();
        }
        if generation == "helm3" {
            // Helm 3 knows the first two of these not.
            for record in [&mut a, &mut b] {
                record.as_object_mut().unwrap().remove("apply_method");
                without_times_of_files(record);
                // It puts no empty line between documents.
                let manifest = record["manifest"].as_str().unwrap().replace("\n\n---", "\n---");
                record["manifest"] = Json::String(manifest.trim_end().to_string());
                for hook in record["hooks"].as_array_mut().unwrap() {
                    let manifest = hook["manifest"].as_str().unwrap().trim_end().to_string();
                    hook["manifest"] = Json::String(manifest);
                    // Times that never were are empty texts.
                    let last_run = hook["last_run"].as_object_mut().unwrap();
                    last_run.retain(|_, value| *value != Json::String(String::new()));
                }
                let info = record["info"].as_object_mut().unwrap();
                info.remove("rollback_revision");
                // Which it writes as an empty text.
                info.remove("deleted");
            }
        }
        differ(&a, &b, &format!("revision {revision}"));
        let [a, b] = [&ours, &theirs].map(|place| record_object(place, driver, "r", revision));
        differ(&a, &b, &format!("the object of revision {revision}"));
    }
    let rename = |place: &Place| -> Json {
        let text = serde_json::to_string(&objects(place, KINDS)).unwrap();
        serde_json::from_str(&text.replace(&place.namespace, "[NAMESPACE]")).unwrap()
    };
    differ(&rename(&ours), &rename(&theirs), "objects");
}

/// Fails with the first field that differs.
#[track_caller]
fn differ(a: &Json, b: &Json, at: &str) {
    match (a, b) {
        (Json::Object(one), Json::Object(other)) => {
            let names = |map: &serde_json::Map<String, Json>| {
                map.keys().cloned().collect::<std::collections::BTreeSet<_>>()
            };
            assert_eq!(names(one), names(other), "{at}");
            one.iter().for_each(|(key, value)| differ(value, &other[key], &format!("{at}.{key}")));
        }
        (Json::Array(one), Json::Array(other)) => {
            assert_eq!(one.len(), other.len(), "{at}");
            one.iter().zip(other).enumerate().for_each(|(n, (x, y))| differ(x, y, &format!("{at}[{n}]")));
        }
        _ => assert_eq!(a, b, "{at}"),
    }
}

/// What one installs, the other manages, in turns; `first` says whether Helm begins.
fn in_turns(generation: &str, first: bool, driver: &str) {
    let (Some(path), Some(place)) = (helm(generation), place_of(driver)) else { return };
    place.env.run("create web --engine gotpl").ok();
    let two = Two { place: &place, helm: path, driver };
    let replicas = || place.text("apps/v1", "Deployment", "r-web", &["spec", "replicas"]);
    two.run(first, "install r web");
    for by_helm in [true, false] {
        assert!(two.run(by_helm, "list -q").contains('r'));
        assert!(two.run(by_helm, "get manifest r").contains("# Source: web/templates/deployment.yaml"));
        two.run(by_helm, "get values r --all");
        two.run(by_helm, "status r");
    }
    assert_eq!(two.helm("get manifest r").trim_end(), two.bowline("get manifest r").trim_end());
    two.run(!first, "upgrade r web --set replicaCount=2");
    assert_eq!(replicas(), "2");
    for revision in [1, 2] {
        let name = format!("sh.helm.release.v1.r.v{revision}");
        let (kind, other) = kinds(driver);
        assert!(place.get("v1", kind, &name).is_some() && place.get("v1", other, &name).is_none(), "{name}");
    }
    two.run(first, "upgrade r web --set replicaCount=3,podLabels.x=y");
    two.run(!first, "rollback r 1");
    assert_eq!(replicas(), "1");
    two.run(first, "rollback r 3");
    assert_eq!(replicas(), "3");
    two.run(!first, "upgrade r web --reset-values");
    let labels = place.text("apps/v1", "Deployment", "r-web", &["spec", "template", "metadata", "labels"]);
    assert!(!labels.contains("\"x\""), "a field that is no longer wanted goes: {labels}");
    assert_eq!(place.states("r").split(", ").last(), Some("6 deployed"), "{}", place.states("r"));
    assert!(two.helm("history r").contains("Rollback to 3"));
    two.run(first, "uninstall r --keep-history");
    two.run(!first, "rollback r 6");
    two.run(first, "uninstall r");
    assert!(objects(&place, KINDS).is_empty());
    assert_eq!(place.states("r"), "");
}

#[test]
fn records_and_objects_are_those_of_helm_4() {
    same_records_and_objects("helm4", "secret");
}

#[test]
fn releases_of_helm_4_go_on() {
    in_turns("helm4", true, "secret");
}

#[test]
fn helm_4_goes_on_with_ours() {
    in_turns("helm4", false, "secret");
}

#[test]
fn records_and_objects_are_those_of_helm_4_in_config_maps() {
    same_records_and_objects("helm4", "configmap");
}

#[test]
fn releases_of_helm_4_go_on_in_config_maps() {
    in_turns("helm4", true, "configmap");
}

#[test]
fn helm_4_goes_on_with_ours_in_config_maps() {
    in_turns("helm4", false, "configmap");
}

#[test]
fn records_and_objects_are_those_of_helm_3() {
    same_records_and_objects("helm3", "secret");
}

#[test]
fn releases_of_helm_3_go_on() {
    in_turns("helm3", true, "secret");
}

#[test]
fn helm_3_goes_on_with_ours() {
    in_turns("helm3", false, "secret");
}

#[test]
fn records_and_objects_are_those_of_helm_3_in_config_maps() {
    same_records_and_objects("helm3", "configmap");
}

#[test]
fn releases_of_helm_3_go_on_in_config_maps() {
    in_turns("helm3", true, "configmap");
}

#[test]
fn helm_3_goes_on_with_ours_in_config_maps() {
    in_turns("helm3", false, "configmap");
}

#[test]
fn large_records_are_whole_up_to_what_a_secret_takes() {
    let Some(place) = place() else { return };
    // Text that hardly becomes smaller: a record of about 800 KiB, which is more than 1 MiB as JSON.
    let mut state = 7_u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        char::from(b'!' + (state >> 33) as u8 % 90)
    };
    let noise: String = (0..640_000).map(|_| next()).collect();
    place.chart(
        "app",
        "x: 1\n",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: {x: '{{ .Values.x }}'}\n",
    );
    place.env.write("app/noise.txt", &noise);
    place.run("install r app").ok();
    place.run("upgrade r app --set x=2").ok();
    let record = |revision: u64| {
        place.text("v1", "Secret", &format!("sh.helm.release.v1.r.v{revision}"), &["data", "release"])
    };
    assert!((1 << 20..3 << 19).contains(&record(2).len()), "{}", record(2).len());
    let Some(helm) = helm("helm4") else { return };
    let two = Two { place: &place, helm, driver: "secret" };
    assert!(two.helm("history r").contains("superseded"));
    // And what Helm wrote stays as it can read it.
    two.helm("upgrade r app --set x=3");
    place.run("upgrade r app --set x=4").ok();
    assert!(!record(3).is_empty());
    assert_eq!(two.helm("history r").lines().count(), 5);
}
