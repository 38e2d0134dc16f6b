//! Dependencies of charts, from our own server: updated, built, locked and listed as Helm does.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bowline::fetch::deps::{self, DepsEvent, DepsOptions, Refresh};
use bowline::fetch::{FetchError, FetchOptions};
use bowline::repo::config::RepoPaths;
use bowline::sys::Secret;

use crate::repositories::{Place, run_helm, without_times};
use crate::serving::{Running, chart};
use crate::support::helm::helm;
use crate::support::hostile::Hostile;

/// A chart's folder with dependencies.
fn parent(place: &Place, api: &str, dependencies: &str) -> PathBuf {
    let folder = place.root.join("par");
    std::fs::create_dir_all(folder.join("templates")).unwrap();
    let yaml = format!("apiVersion: {api}\nname: par\nversion: 0.1.0\n");
    if api == "v1" {
        std::fs::write(folder.join("Chart.yaml"), yaml).unwrap();
        std::fs::write(folder.join("requirements.yaml"), format!("dependencies:\n{dependencies}")).unwrap();
    } else {
        std::fs::write(folder.join("Chart.yaml"), format!("{yaml}dependencies:\n{dependencies}")).unwrap();
    }
    folder
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .map(|found| found.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect())
        .unwrap_or_default();
    names.sort();
    names
}

fn update_deps(place: &Place, options: &DepsOptions) -> (String, Result<deps::DepsReport, FetchError>) {
    let mut lines = String::new();
    let mut told = |event: &DepsEvent<'_>| writeln!(lines, "{event}").unwrap();
    let result = deps::update("par", options, &place.context(), &mut told);
    (lines, result)
}

#[test]
fn dependencies_are_updated_and_built_as_helm_does() {
    let helm = helm("helm4");
    let mut place = Place::new();
    let server = Running::of(&place.charts);
    let unmanaged = Running::of(&place.charts);
    place.host.dirs.config = place.root.join(".config/helm");
    place.host.dirs.cache = place.root.join(".cache/helm");
    place.paths = RepoPaths::of(&place.host);
    place.add("loc", &server.url).unwrap();
    std::fs::create_dir_all(place.root.join("local/loch/templates")).unwrap();
    std::fs::write(place.root.join("local/loch/Chart.yaml"), "apiVersion: v2\nname: loch\nversion: 0.3.0\n")
        .unwrap();
    let plain = format!(
        "- {{name: web, version: '>=1.0.0 <2', repository: '{}'}}\n- {{name: loch, version: '*', repository: 'file://../local/loch'}}\n- {{name: db, version: '*', repository: '@loc'}}\n- {{name: web, alias: two, version: '>=1.0.0 <2', repository: '{}/', tags: [x], import-values: [{{child: a, parent: b}}]}}\n",
        server.url, server.url
    );
    let other = format!("- {{name: web, version: 1.0.0, repository: '{}'}}\n", unmanaged.url);
    for (api, dependencies) in [("v2", &plain), ("v1", &plain), ("v2", &other)] {
        let folder = parent(&place, api, dependencies);
        let lock = folder.join(if api == "v1" { "requirements.lock" } else { "Chart.lock" });
        let (lines, result) = update_deps(&place, &DepsOptions::default());
        assert!(result.unwrap().lock_written);
        let ours = (names(&folder.join("charts")), without_times(&std::fs::read_to_string(&lock).unwrap()));
        assert!(!names(&folder).iter().any(|name| name.starts_with("tmpcharts")));
        if let Some(helm) = &helm {
            std::fs::remove_file(&lock).unwrap();
            std::fs::remove_dir_all(folder.join("charts")).unwrap();
            let (good, out, errors) = run_helm(helm, &place.root, &["dependency", "update", "par"]);
            assert!(good, "{errors}");
            assert_eq!(lines, out);
            let theirs =
                (names(&folder.join("charts")), without_times(&std::fs::read_to_string(&lock).unwrap()));
            assert_eq!(ours, theirs);
        }
        // Nothing new: the lock stays as it is, to the byte.
        let before = std::fs::read(&lock).unwrap();
        assert!(!update_deps(&place, &DepsOptions::default()).1.unwrap().lock_written);
        assert_eq!(std::fs::read(&lock).unwrap(), before);
        std::fs::remove_dir_all(folder.join("charts")).unwrap();
        let mut ignore = |_: &DepsEvent<'_>| ();
        let built = deps::build("par", &DepsOptions::default(), &place.context(), &mut ignore);
        if dependencies == &other {
            assert_eq!(
                built.unwrap_err().to_string(),
                format!(
                    "no repository definition for {}. Please add the missing repos via 'helm repo add'",
                    unmanaged.url
                )
            );
        } else {
            built.unwrap();
            assert_eq!(names(&folder.join("charts")), ours.0);
        }
        std::fs::remove_dir_all(&folder).unwrap();
    }
}

#[test]
fn a_locked_chart_with_a_warm_cache_needs_no_server() {
    let place = Place::new();
    let server = Running::of(&place.charts);
    place.add("loc", &server.url).unwrap();
    let folder = parent(&place, "v2", "- {name: web, version: ^1, repository: '@loc'}\n");
    update_deps(&place, &DepsOptions::default()).1.unwrap();
    drop(server);
    std::fs::remove_dir_all(folder.join("charts")).unwrap();
    let options = DepsOptions { refresh: Refresh::IfNeeded, ..DepsOptions::default() };
    deps::build("par", &options, &place.context(), &mut |_| ()).unwrap();
    assert_eq!(names(&folder.join("charts")), ["web-1.1.0.tgz"]);
    let dependencies = "- {name: web, version: ^2, repository: '@loc'}\n";
    parent(&place, "v2", dependencies);
    let error = deps::build("par", &options, &place.context(), &mut |_| ()).unwrap_err().to_string();
    assert_eq!(
        error,
        "the lock file (Chart.lock) is out of sync with the dependencies file (Chart.yaml). Please update the dependencies with 'helm dependency update'"
    );
}

#[test]
fn what_cannot_be_resolved_leaves_the_chart_as_it_was() {
    let place = Place::new();
    let server = Running::of(&place.charts);
    place.add("loc", &server.url).unwrap();
    let url = &server.url;
    std::fs::create_dir_all(place.root.join("local/loch")).unwrap();
    std::fs::write(place.root.join("local/loch/Chart.yaml"), "apiVersion: v2\nname: loch\nversion: 0.3.0\n")
        .unwrap();
    let note = "\nNote that repositories must be URLs or aliases. For example, to refer to the \"example\"\nrepository, use \"https://charts.example.com/\" or \"@example\" instead of\n\"example\". Don't forget to add the repo, too ('helm repo add').";
    for (dependency, text) in [
        ("{name: web, version: 1.0.0, repository: '@nope'}".to_string(), "no repository definition for @nope. Please add them via 'helm repo add'".to_string()),
        ("{name: web, version: 1.0.0, repository: nope}".to_string(), format!("no repository definition for nope. Please add them via 'helm repo add'{note}")),
        (format!("{{name: nada, version: 9.0.0, repository: '{url}'}}"), format!("nada chart not found in repo {url}")),
        (
            format!("{{name: web, version: 9.0.0, repository: '{url}'}}"),
            format!("can't get a valid version for 1 subchart(s): \"web\" (repository \"{url}\", version \"9.0.0\"). Make sure a matching chart version exists in the repo, or change the version constraint in Chart.yaml"),
        ),
        (
            "{name: loch, version: '7', repository: 'file://../local/loch'}".to_string(),
            "can't get a valid version for 1 subchart(s): \"loch\" (repository \"file://../local/loch\", version \"7\"). Make sure a matching chart version exists in the repo, or change the version constraint in Chart.yaml".to_string(),
        ),
        ("{name: loch, version: '7', repository: 'file://../local/none'}".to_string(), "directory local/none not found".to_string()),
        ("{name: vend, version: 1.0.0, repository: ''}".to_string(), "directory par/charts/vend not found".to_string()),
        (format!("{{name: web, version: 'foo bar', repository: '{url}'}}"), "dependency \"web\" has an invalid version/constraint format: improper constraint: \"foo bar\"".to_string()),
        ("{name: web, version: 1.0.0, repository: 'oci://h/X'}".to_string(), "invalid reference \"oci://h/X/web\": invalid repository".to_string()),
    ] {
        let folder = parent(&place, "v2", &format!("- {dependency}\n"));
        std::fs::create_dir_all(folder.join("charts")).unwrap();
        std::fs::write(folder.join("charts/old-1.0.0.tgz"), "old").unwrap();
        assert_eq!(update_deps(&place, &DepsOptions::default()).1.unwrap_err().to_string(), text);
        assert_eq!(names(&folder), ["Chart.yaml", "charts", "templates"]);
        assert_eq!(names(&folder.join("charts")), ["old-1.0.0.tgz"]);
    }
    // The archive is gone from the server, though the index has it.
    let folder = parent(&place, "v2", &format!("- {{name: web, version: 1.0.0, repository: '{url}'}}\n"));
    std::fs::remove_file(place.charts.join("web-1.0.0.tgz")).unwrap();
    let options = DepsOptions { refresh: Refresh::Never, ..DepsOptions::default() };
    std::thread::sleep(Duration::from_millis(1_100));
    let error = update_deps(&place, &options).1.unwrap_err().to_string();
    assert_eq!(
        error,
        format!(
            "could not download {url}/web-1.0.0.tgz: failed to fetch {url}/web-1.0.0.tgz : 404 Not Found"
        )
    );
    assert_eq!(names(&folder.join("charts")), ["old-1.0.0.tgz"]);
}

#[test]
fn the_states_of_dependencies_are_helms() {
    let place = Place::new();
    let wanted: Vec<(&str, &str)> = vec![
        ("ok", "1.x"),
        ("missing", "1.x"),
        ("unp", "1.x"),
        ("unpw", "1.x"),
        ("wrong", "2.x"),
        ("invalid", "foo bar"),
        ("misn", "1.x"),
        ("corr", "1.x"),
        ("many", "1.x"),
        ("manyzero", "3.x"),
        ("pat[", "3.x"),
        ("unpinv", "foo bar"),
        ("exact", "1.0.0+b"),
        ("both", "1.x"),
    ];
    let mut list = String::new();
    for (name, version) in wanted {
        writeln!(list, "- {{name: '{name}', version: '{version}', repository: ''}}").unwrap();
    }
    let folder = parent(&place, "v2", &list);
    let charts = folder.join("charts");
    std::fs::create_dir_all(&charts).unwrap();
    for name in ["ok", "wrong", "invalid", "many", "manyzero", "both", "extra"] {
        chart(&charts, name, "1.0.0", "");
    }
    chart(&charts, "many", "1.1.0", "");
    chart(&charts, "manyzero", "1.1.0", "");
    chart(&charts, "exact", "1.0.0+b", "");
    chart(&charts, "foo", "1.0.0", "");
    std::fs::rename(charts.join("foo-1.0.0.tgz"), charts.join("misn-1.0.0.tgz")).unwrap();
    std::fs::write(charts.join("corr-1.0.0.tgz"), "x").unwrap();
    for (name, version) in
        [("unp", "1.0.0"), ("unpw", "0.1.0"), ("unpinv", "1.0.0"), ("both", "1.0.0"), ("exd", "1.0.0")]
    {
        std::fs::create_dir_all(charts.join(name)).unwrap();
        let yaml = format!("apiVersion: v2\nname: {name}\nversion: {version}\n");
        std::fs::write(charts.join(name).join("Chart.yaml"), yaml).unwrap();
    }
    let listing = deps::list("par", &place.context()).unwrap();
    let states: Vec<String> = listing.rows.iter().map(|row| format!("{} {}", row.name, row.status)).collect();
    assert_eq!(
        states,
        [
            "ok ok",
            "missing missing",
            "unp unpacked",
            "unpw wrong version",
            "wrong wrong version",
            "invalid invalid version",
            "misn misnamed",
            "corr corrupt",
            "many too many matches",
            "manyzero too many matches",
            "pat[ bad pattern",
            "unpinv invalid version",
            "exact ok",
            "both ok",
        ]
    );
    assert_eq!(listing.extra, ["par/charts/exd", "par/charts/extra-1.0.0.tgz", "par/charts/misn-1.0.0.tgz"]);
    assert!(deps::list("none", &place.context()).is_err());
}

#[test]
fn the_password_of_the_command_line_is_for_no_server_that_a_chart_names() {
    let stranger = Hostile::start(|request| {
        let index =
            "apiVersion: v1\nentries:\n  web:\n  - {name: web, version: 1.0.0, urls: [web-1.0.0.tgz]}\n";
        if request.starts_with("GET /index.yaml") {
            Hostile::page("200 OK", index)
        } else {
            Hostile::page("404 Not Found", "")
        }
    });
    let place = Place::new();
    parent(&place, "v2", &format!("- {{name: web, version: '*', repository: '{}'}}\n", stranger.url));
    let fetch = FetchOptions {
        username: "ann".to_string(),
        password: Secret::new("hunter2"),
        pass_credentials: true,
        ..FetchOptions::default()
    };
    update_deps(&place, &DepsOptions { fetch, ..DepsOptions::default() }).1.unwrap_err();
    let heads = stranger.heads();
    assert!(heads.iter().any(|head| head.starts_with("GET /web-1.0.0.tgz")), "{heads:?}");
    assert!(heads.iter().all(|head| !head.to_lowercase().contains("authorization")), "{heads:?}");
}

#[test]
fn charts_are_there_under_whatever_name_their_archives_have() {
    let place = Place::new();
    let folder =
        parent(&place, "v2", "- {name: web, version: '>=1.0.0', repository: 'https://charts.test'}\n");
    std::fs::create_dir_all(folder.join("charts")).unwrap();
    let archive = std::fs::read(place.charts.join("web-1.0.0.tgz")).unwrap();
    let status_with = |names: &[&str]| {
        for name in names {
            std::fs::write(folder.join("charts").join(name), &archive).unwrap();
        }
        let listed = deps::list("par", &place.context()).unwrap();
        let tree = deps::tree("par", &place.context()).unwrap();
        assert_eq!(tree.dependencies[0].status, listed.rows[0].status);
        for name in names {
            std::fs::remove_file(folder.join("charts").join(name)).unwrap();
        }
        listed.rows[0].status.to_string()
    };
    for (names, want) in [
        (&["web_3.tgz"][..], "unpacked"),
        (&["web-latest.tgz"], "ok"),
        (&["web-1.0.0.tgz", "web-latest.tgz"], "ok"),
        (&["web-latest.tgz", "web-old.tgz"], "unpacked"),
        (&["web-1.0.0.tgz", "web-1.0.1.tgz"], "too many matches"),
        (&["other.tgz"], "unpacked"),
        (&[], "missing"),
    ] {
        assert_eq!(status_with(names), want, "{names:?}");
    }
}
