//! Storage drivers on a real API server: every verb on records that are ConfigMaps, large ones among them, and records that
//! nobody keeps. `kube_round_trip.rs` has the same releases in Helm's hands.

use bowline::cluster::{Query, Store};

use crate::kube_support::{Place, with_app};
use crate::support::Env;

/// The records and their parts in the namespace, as `Kind/name`.
fn records(place: &Place) -> Vec<String> {
    let of = |kind: &str| {
        let query = Query {
            group_kind: Some((String::new(), kind.into())),
            namespace: Some(place.namespace.clone()),
            ..Query::default()
        };
        place.store().list(&query).unwrap()
    };
    let all = of("Secret").into_iter().chain(of("ConfigMap"));
    all.filter(|stored| stored.labels.contains_key("owner"))
        .map(|stored| format!("{}/{}", stored.id.kind, stored.id.name))
        .collect()
}

#[test]
fn every_verb_works_on_config_maps() {
    let Some(place) = with_app() else { return };
    let place = place.with("BOWLINE_DRIVER", "configmaps");
    place.run("install r app").ok();
    place.run("upgrade r app --set color=blue").ok();
    place.run("upgrade r app --set pod=image,deadline=5 --wait --timeout 300s").exits(1);
    assert_eq!(place.states("r"), "1 superseded, 2 deployed, 3 failed");
    assert!(place.run("why r").ok().stdout.contains("ImagePullBackOff"));
    assert!(place.run("status r").ok().stdout.contains("STATUS: failed"));
    assert!(place.run("get values r --revision 2").ok().stdout.contains("color: blue"));
    assert!(place.run("list -q").ok().stdout.contains('r'));
    place.run("diff revision r 1 2").exits(2);
    place.run("rollback r 1").ok();
    place.run("recover r").ok();
    assert_eq!(place.text("v1", "ConfigMap", "r-one", &["data", "color"]), "red");
    let names: Vec<String> =
        (1..=4).map(|revision| format!("ConfigMap/sh.helm.release.v1.r.v{revision}")).collect();
    assert_eq!(records(&place), names);
    place.run("upgrade r app --history-max 2").ok();
    assert_eq!(place.states("r"), "4 superseded, 5 deployed");
    place.run("uninstall r --keep-history").ok();
    assert!(place.run("list --uninstalled -q").ok().stdout.contains('r'));
    place.run("rollback r 4").ok();
    place.run("uninstall r").ok();
    assert_eq!(records(&place), [] as [String; 0]);
}

#[test]
fn large_records_are_split_over_config_maps() {
    let Some(place) = with_app() else { return };
    let place = place.with("HELM_DRIVER", "configmap");
    // What gzip cannot make smaller.
    let mut seed = 7_u64;
    let noise: String = (0..1_600_000)
        .map(|_| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            char::from(b' ' + (seed >> 58) as u8)
        })
        .collect();
    place.env.write("app/files/noise.txt", &noise);
    place.run("install r app").ok();
    let parts =
        || records(&place).iter().filter(|name| name.starts_with("ConfigMap/bowline.release.v1.r.")).count();
    assert!(parts() >= 2, "{:?}", records(&place));
    assert!(place.run("list").ok().stdout.contains("deployed"));
    place.run("upgrade r app --set color=blue").ok();
    place.run("rollback r 1").ok();
    assert_eq!(place.states("r"), "1 superseded, 2 superseded, 3 deployed");
    assert!(place.run("get manifest r").ok().stdout.contains("color: \"red\""));
    place.run("uninstall r").ok();
    assert_eq!(records(&place), [] as [String; 0], "no part is left over");
}

#[test]
fn a_release_of_another_driver_is_not_seen() {
    let Some(place) = with_app() else { return };
    place.run("install r app").ok();
    assert_eq!(records(&place), ["Secret/sh.helm.release.v1.r.v1"]);
    let place = place.with("HELM_DRIVER", "configmap");
    assert_eq!(place.run("list -q").ok().stdout.trim(), "");
    assert!(place.run("upgrade r app").exits(1).stderr.contains("has no deployed releases"));
    assert!(place.run("uninstall r").exits(1).stderr.contains("release: not found"));
}

#[test]
fn records_in_memory_end_with_the_process() {
    let Some(place) = with_app() else { return };
    let place = place.with("HELM_DRIVER", "memory");
    let installed = place.run("install r app --wait").ok();
    assert!(installed.stdout.contains("STATUS: deployed"), "{}", installed.stdout);
    assert!(installed.stderr.contains("the driver is memory"), "{}", installed.stderr);
    assert_eq!(
        place.text("v1", "ConfigMap", "r-one", &["data", "color"]),
        "red",
        "the objects are in the cluster"
    );
    assert_eq!(records(&place), [] as [String; 0]);
    assert_eq!(place.run("list -q").ok().stdout.trim(), "");
    assert!(place.run("status r").exits(1).stderr.contains("release: not found"));
    // Its objects carry its name, so that it takes them over. A failure is undone within the process, too.
    place.run("upgrade --install r app --set color=blue").ok();
    assert_eq!(place.text("v1", "ConfigMap", "r-one", &["data", "color"]), "blue");
    place.run("install r app --set pod=image,deadline=5 --rollback-on-failure --timeout 300s").exits(1);
    assert!(place.get("v1", "ConfigMap", "r-one").is_none(), "it is uninstalled");
}

#[test]
fn a_driver_that_is_none_is_refused_before_anything_else() {
    let Some(place) = with_app() else { return };
    let place = place.with("HELM_DRIVER", "confgmap");
    for line in ["list", "install r app", "uninstall r"] {
        let refused = place.run(line).exits(1).stderr;
        assert!(
            refused.starts_with("Error: ") && refused.contains("unknown driver \"confgmap\""),
            "{refused}"
        );
        assert!(refused.contains("hint: did you mean `configmap`?"), "{refused}");
    }
    let place = place.with("BOWLINE_DRIVER", "sql");
    let refused = place.run("install r app").exits(1).stderr;
    assert!(refused.contains("the driver \"sql\" is not supported"), "{refused}");
    assert!(place.get("v1", "ConfigMap", "r-one").is_none());
}

#[test]
fn other_stores_know_no_drivers() {
    let env = Env::new().with("HELM_DRIVER", "configmap");
    env.run("create web").ok();
    env.run("install r web").ok();
    env.run("objects get Secret sh.helm.release.v1.r.v1").ok();
    let env = env.with("BOWLINE_DRIVER", "sql");
    assert!(env.run("list -q").ok().stdout.contains('r'));
}
