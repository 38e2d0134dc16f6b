//! What clients of ChartMuseum and Helm 2 ask of a server, and what they must not get: its routes, pages of the list, counts and
//! blobs of what one may not read, folders that lead elsewhere.

use std::path::Path;

use bowline::chart::{ChartFile, Limits, from_files};
use bowline::data::base64;
use bowline::data::digest::Digest;
use bowline::package::{PackOptions, pack};
use bowline::repo::serve::{ServeOptions, Server};
use serde_json::json;

use crate::serving::{chart, host};
use crate::serving_uploads::{HASH, archive, folder, send, start, writable};

fn basic(pair: &str) -> String {
    format!("Authorization: Basic {}\r\n", base64::encode(pair))
}

/// Options with the users `ann` and `ben`, whose passwords are `secret`, and these rules.
fn ruled(outside: &Path, folder: &Path, rules: &str) -> ServeOptions {
    let (users, file) = (outside.join("users"), outside.join("rules.yaml"));
    std::fs::write(&users, format!("ann:{HASH}\nben:{HASH}\n")).unwrap();
    std::fs::write(&file, format!("rules:\n{rules}")).unwrap();
    ServeOptions { htpasswd: Some(users), access: Some(file), ..writable(folder) }
}

#[test]
fn archives_are_below_charts_too() {
    let (outside, folder) = folder();
    std::fs::create_dir_all(folder.join("team")).unwrap();
    for place in [folder.clone(), folder.join("team")] {
        chart(&place, "web", "1.0.0", "");
        std::fs::write(place.join("web-1.0.0.tgz.prov"), "signed").unwrap();
    }
    std::fs::write(folder.join("notes.txt"), "secret").unwrap();
    let rules = "- {users: [ann], repositories: [repo, team], actions: [pull]}\n";
    for (depth, tenant) in [(0, ""), (1, "/team")] {
        let options = ServeOptions { depth, ..ruled(outside.path(), &folder, rules) };
        let server = start(outside.path(), &options);
        let ann = basic("ann:secret");
        let (plain, other) = (format!("{tenant}/web-1.0.0.tgz"), format!("{tenant}/charts/web-1.0.0.tgz"));
        let (one, two) = (server.get(&plain, &ann), server.get(&other, &ann));
        assert_eq!((two.status, &two.body, two.header("etag")), (200, &one.body, one.header("etag")));
        assert_eq!(server.get(&format!("{other}.prov"), &ann).text(), "signed");
        let part = server.get(&other, &format!("{ann}Range: bytes=1-3\r\n"));
        assert_eq!((part.status, &part.body[..]), (206, &one.body[1..4]));
        let known = format!("{ann}If-None-Match: {}\r\n", one.header("etag").unwrap());
        assert_eq!(server.get(&other, &known).status, 304);
        let head = server.ask("HEAD", &other, &ann);
        assert_eq!((head.status, head.header("content-length")), (200, one.header("content-length")));
        for (user, status) in [("", 401), ("ann:wrong", 401), ("ben:secret", 403)] {
            let header = if user.is_empty() { String::new() } else { basic(user) };
            assert_eq!(server.get(&other, &header).status, status, "{user}");
        }
        for none in ["charts", "charts/web-2.0.0.tgz", "charts/charts/web-1.0.0.tgz", "charts/notes.txt"] {
            assert_eq!(server.get(&format!("{tenant}/{none}"), &ann).status, 404, "{none}");
        }
    }
}

#[test]
fn the_list_comes_in_pages() {
    let (outside, folder) = folder();
    for name in ["a", "b", "c"] {
        chart(&folder, name, "1.0.0", "");
        chart(&folder, name, "1.1.0", "");
    }
    let server = start(outside.path(), &writable(&folder));
    let names = |query: &str| {
        let answer = server.get(&format!("/api/charts{query}"), "").json();
        let charts = answer.as_object().unwrap().clone();
        assert!(charts.values().all(|versions| versions.as_array().unwrap().len() == 2));
        charts.keys().cloned().collect::<Vec<_>>()
    };
    assert_eq!(names(""), ["a", "b", "c"]);
    assert_eq!(names("?offset=1&limit=1"), ["b"]);
    assert_eq!(names("?limit=2"), ["a", "b"]);
    assert_eq!(names("?offset=2&limit=9"), ["c"]);
    assert_eq!(names("?offset=1"), ["b", "c"]);
    assert_eq!(names("?offset=3&limit=1"), [""; 0]);
    for bad in
        ["offset=-1", "offset=x", "offset=", "limit=0", "limit=-1", "limit=1.5", "limit=99999999999999999999"]
    {
        let answer = server.get(&format!("/api/charts?{bad}"), "");
        assert_eq!(answer.status, 400, "{bad}");
        assert!(answer.json()["error"].is_string());
    }
}

#[test]
fn artifact_hub_finds_its_file() {
    let (outside, folder) = folder();
    let server = start(outside.path(), &writable(&folder));
    assert_eq!(server.get("/artifacthub-repo.yml", "").status, 404);
    std::fs::write(folder.join("artifacthub-repo.yml"), "repositoryID: x\n").unwrap();
    let answer = server.get("/artifacthub-repo.yml", "");
    assert_eq!((answer.status, answer.text()), (200, "repositoryID: x\n".to_string()));
    assert_eq!(server.get("/artifacthub-repo.yaml", "").status, 404);
}

#[test]
fn an_address_without_a_host_is_every_interface() {
    let (outside, folder) = folder();
    let options = ServeOptions { address: ":0".to_string(), ..writable(&folder) };
    let server = Server::bind(&host(outside.path()), &options).unwrap();
    assert!(server.local_addr().ip().is_unspecified() && server.url().starts_with("http://127.0.0.1:"));
}

#[test]
fn blobs_that_one_may_not_read_are_not_mounted() {
    let (outside, folder) = folder();
    let rules = "- {users: [ann], repositories: [web], actions: [push]}\n\
                 - {users: [ben], repositories: [web, db], actions: [push]}\n";
    let server = start(outside.path(), &ruled(outside.path(), &folder, rules));
    let (ann, ben) = (basic("ann:secret"), basic("ben:secret"));
    let blob = archive("db", "1.0.0");
    let digest = Digest::of(&blob).prefixed();
    let path = format!("/v2/db/blobs/uploads/?digest={digest}");
    assert_eq!(send(&server, "POST", &path, &ann, &blob).status, 403);
    assert_eq!(send(&server, "POST", &path, &ben, &blob).status, 201);
    let mount = |to: &str, digest: &str, user: &str| {
        send(&server, "POST", &format!("/v2/{to}/blobs/uploads/?mount={digest}&from=db"), user, b"")
    };
    // Whether the blob is there or not, the answer is the same: upload it.
    for wanted in [&digest, &Digest::of(b"nowhere").prefixed()] {
        let answer = mount("web", wanted, &ann);
        assert_eq!((answer.status, answer.body.len()), (202, 0), "{wanted}");
        assert!(answer.header("location").unwrap().starts_with("/v2/web/blobs/uploads/"));
        assert_eq!(server.get(&format!("/v2/web/blobs/{wanted}"), &ann).status, 404);
    }
    assert_eq!(mount("db", &digest, &ann).status, 403);
    assert_eq!(mount("web", &digest, "").status, 401);
    assert_eq!(mount("web", &digest, &ben).status, 201);
    assert_eq!(server.get(&format!("/v2/web/blobs/{digest}"), &ann).body, blob);
}

#[test]
fn counts_and_names_are_of_what_one_may_read() {
    let (outside, folder) = folder();
    for tenant in ["open", "team"] {
        std::fs::create_dir(folder.join(tenant)).unwrap();
        chart(&folder.join(tenant), "web", "1.0.0", "");
    }
    let rules = "- {users: [ann], repositories: [team], actions: [pull]}\n\
                 - {anonymous: true, repositories: [open], actions: [pull]}\n";
    let options = ServeOptions { depth: 1, ..ruled(outside.path(), &folder, rules) };
    let server = start(outside.path(), &options);
    for (user, path) in [("ann:secret", "/team/index.yaml"), ("ben:secret", "/open/index.yaml")] {
        assert_eq!(server.get(path, &basic(user)).status, 200);
    }
    let counted = |header: &str| {
        let text = server.get("/metrics", header).text();
        assert!(text.contains("bowline_http_requests_total{"), "{text}");
        let has = |repo: &str| text.contains(&format!("repo=\"{repo}\""));
        json!([has("open"), has("team")])
    };
    assert_eq!(counted(&basic("ann:secret")), json!([true, true]));
    assert_eq!(counted(&basic("ben:secret")), json!([true, false]));
    assert_eq!(counted(""), json!([true, false]));
    // Neither are the names of others told.
    let tenants = |header: &str| server.get("/-/tenants.json", header).json()["tenants"].clone();
    assert_eq!(tenants(&basic("ann:secret")), json!(["open", "team"]));
    assert_eq!((tenants(&basic("ben:secret")), tenants("")), (json!(["open"]), json!(["open"])));
}

#[test]
fn what_is_large_inside_is_not_shown() {
    let (outside, folder) = folder();
    for (name, size) in [("large", 9 << 20), ("huge", 40 << 20)] {
        let file =
            |path: &str, data: Vec<u8>| ChartFile { path: path.into(), data: data.into(), modified: 1 };
        let files = vec![
            file("Chart.yaml", format!("apiVersion: v2\nname: {name}\nversion: 1.0.0\n").into_bytes()),
            file("README.md", b"# Read me\n".to_vec()),
            file("templates/a.txt", vec![b'#'; size]),
        ];
        let chart = from_files(name, files, &Limits::default()).unwrap();
        pack(&chart, &PackOptions::default()).unwrap().save(&folder).unwrap();
    }
    let server = start(outside.path(), &writable(&folder));
    for (name, limit, readme) in [("large", 8 << 20, true), ("huge", 32 << 20, false)] {
        let answer = server.get(&format!("/api/charts/{name}/1.0.0/templates"), "");
        let told = answer.json()["error"].as_str().unwrap().to_string();
        let wanted = format!("this is more than {limit} bytes, too large to be shown; pull the archive");
        assert_eq!((answer.status, told), (413, wanted));
        let page = server.get(&format!("/api/charts/{name}/1.0.0"), "");
        assert_eq!((page.status, page.json()["readme"].is_string()), (200, readme), "{name}");
        assert_eq!(server.get(&format!("/{name}-1.0.0.tgz"), "").status, 200);
    }
    assert_eq!(server.get("/api/charts/huge/1.0.0/values", "").status, 413);
}

#[test]
fn a_tenant_named_charts_is_no_way_to_the_others() {
    let (outside, folder) = folder();
    for tenant in ["charts", "secret"] {
        std::fs::create_dir(folder.join(tenant)).unwrap();
        chart(&folder.join(tenant), "demo", "0.1.0", "");
    }
    let rules = "- {users: [ann], repositories: ['charts/**'], actions: ['*']}\n";
    let options = ServeOptions { depth: 1, ..ruled(outside.path(), &folder, rules) };
    let server = start(outside.path(), &options);
    let ann = basic("ann:secret");
    let layer = Digest::of(std::fs::read(folder.join("secret/demo-0.1.0.tgz")).unwrap()).prefixed();
    for (method, path, status) in [
        ("GET", "/charts/index.yaml".to_string(), 200),
        ("GET", "/v2/charts/demo/tags/list".to_string(), 200),
        ("GET", "/v2/charts/charts/demo/tags/list".to_string(), 200),
        ("GET", "/secret/index.yaml".to_string(), 403),
        ("GET", "/api/secret/charts".to_string(), 403),
        ("GET", "/v2/secret/demo/tags/list".to_string(), 403),
        ("GET", "/v2/charts/secret/demo/tags/list".to_string(), 403),
        ("GET", format!("/v2/secret/demo/blobs/{layer}"), 403),
        ("POST", "/v2/charts/secret/demo/blobs/uploads/".to_string(), 403),
        ("DELETE", "/v2/secret/demo/manifests/0.1.0".to_string(), 403),
        ("DELETE", "/v2/charts/demo/manifests/0.1.0".to_string(), 202),
    ] {
        assert_eq!(server.ask(method, &path, &ann).status, status, "{method} {path}");
    }
}

#[test]
fn a_chart_named_as_the_folder_is_not_the_folder() {
    let (outside, folder) = folder();
    chart(&folder, "demo", "0.1.0", "");
    chart(&folder, "repo", "0.1.0", "");
    let rules = "- {users: [ann], repositories: ['[r]epo'], actions: ['*']}\n\
                 - {users: [ben], repositories: [repo], actions: ['*']}\n";
    let server = start(outside.path(), &ruled(outside.path(), &folder, rules));
    for (user, method, path, status) in [
        ("ann", "DELETE", "/api/charts/demo/0.1.0", 403),
        ("ann", "GET", "/index.yaml", 403),
        ("ann", "DELETE", "/v2/demo/manifests/0.1.0", 403),
        ("ann", "GET", "/v2/charts/repo/tags/list", 200),
        ("ben", "GET", "/v2/repo/tags/list", 403),
        ("ben", "GET", "/index.yaml", 200),
        ("ben", "DELETE", "/api/charts/demo/0.1.0", 200),
    ] {
        let header = basic(&format!("{user}:secret"));
        assert_eq!(server.ask(method, path, &header).status, status, "{user} {method} {path}");
    }
}

#[cfg(unix)]
#[test]
fn links_that_lead_nowhere_are_left_out() {
    let (outside, folder) = folder();
    chart(&folder, "web", "1.0.0", "");
    std::os::unix::fs::symlink("nowhere.tgz", folder.join("lost-1.0.0.tgz")).unwrap();
    std::os::unix::fs::symlink(".", folder.join("circle")).unwrap();
    let server = start(outside.path(), &writable(&folder));
    assert_eq!(server.get("/-/charts.json", "").status, 200);
    let index = server.get("/index.yaml", "").text();
    assert!(index.contains("web-1.0.0.tgz") && !index.contains("lost"), "{index}");
}

#[cfg(unix)]
#[test]
fn folders_that_lead_elsewhere_are_no_tenants() {
    let (outside, folder) = folder();
    let elsewhere = outside.path().join("elsewhere");
    std::fs::create_dir(&elsewhere).unwrap();
    std::fs::create_dir(folder.join("team")).unwrap();
    chart(&elsewhere, "web", "1.0.0", "");
    for link in ["out", "team/out"] {
        std::os::unix::fs::symlink(&elsewhere, folder.join(link)).unwrap();
    }
    let server = start(outside.path(), &ServeOptions { depth: 1, ..writable(&folder) });
    assert_eq!(server.get("/-/tenants.json", "").json()["tenants"], json!(["team"]));
    assert_eq!(server.get("/team/index.yaml", "").status, 200);
    for (method, path) in [
        ("GET", "/out/index.yaml"),
        ("GET", "/out/web-1.0.0.tgz"),
        ("GET", "/team/out/web-1.0.0.tgz"),
        ("DELETE", "/api/out/charts/web/1.0.0"),
        ("DELETE", "/api/team/charts/web/1.0.0"),
        ("DELETE", "/v2/out/web/manifests/1.0.0"),
    ] {
        assert_eq!(server.ask(method, path, "").status, 404, "{method} {path}");
    }
    assert_eq!(send(&server, "POST", "/api/out/charts", "", &archive("db", "1.0.0")).status, 404);
    let left: Vec<_> =
        std::fs::read_dir(&elsewhere).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["web-1.0.0.tgz"]);
}
