//! The server as a registry: the API on raw sockets, and Helm as the client, over the same charts as the index.

use bowline::data::digest::Digest;
use bowline::repo::serve::ServeOptions;
use bowline::sys::{Clock, Host};
use serde_json::{Value, json};

use crate::serving::{Answer, Running, chart, host};
use crate::serving_uploads::{archive, folder, send, start, writable};
use crate::support::helm::{helm, helm_at_home};

fn code(answer: &Answer) -> (u16, String) {
    (answer.status, answer.json()["errors"][0]["code"].as_str().unwrap_or_default().to_string())
}

fn digest(bytes: &[u8]) -> String {
    Digest::of(bytes).prefixed()
}

/// Uploads a blob in one request.
fn blob(server: &Running, name: &str, bytes: &[u8]) -> String {
    let digest = digest(bytes);
    let path = format!("/v2/{name}/blobs/uploads/?digest={digest}");
    assert_eq!(send(server, "POST", &path, "", bytes).status, 201);
    digest
}

/// The manifest of a chart, as a client makes it.
fn manifest(config: &[u8], archive: &[u8]) -> Vec<u8> {
    let manifest = json!({
        "schemaVersion": 2,
        "config": {"mediaType": "application/vnd.cncf.helm.config.v1+json", "digest": digest(config), "size": config.len()},
        "layers": [{"mediaType": "application/vnd.cncf.helm.chart.content.v1.tar+gzip", "digest": digest(archive), "size": archive.len()}],
        "annotations": {"made-by": "test"},
    });
    manifest.to_string().into_bytes()
}

#[test]
fn charts_of_the_folder_can_be_pulled() {
    let (outside, folder) = folder();
    for version in ["1.0.0", "1.1.0+build.5", "2.0.0"] {
        chart(&folder, "web", version, "home: https://h/\n");
    }
    chart(&folder, "db", "1.0.0", "");
    std::fs::write(folder.join("web-1.0.0.tgz.prov"), "signed").unwrap();
    let server = start(outside.path(), &ServeOptions { writable: false, ..writable(&folder) });
    assert_eq!(server.get("/v2/", "").header("docker-distribution-api-version"), Some("registry/2.0"));
    let tags = server.get("/v2/charts/web/tags/list", "").json();
    assert_eq!(tags, json!({"name": "charts/web", "tags": ["1.0.0", "1.1.0_build.5", "2.0.0"]}));
    let first = server.get("/v2/web/tags/list?n=2", "");
    assert_eq!(first.header("link"), Some("</v2/web/tags/list?n=2&last=1.1.0_build.5>; rel=\"next\""));
    assert_eq!(server.get("/v2/web/tags/list?n=2&last=1.1.0_build.5", "").json()["tags"], json!(["2.0.0"]));
    assert_eq!(
        code(&server.get("/v2/web/tags/list?n=x", "")),
        (400, "PAGINATION_NUMBER_INVALID".to_string())
    );
    assert_eq!(server.get("/v2/_catalog", "").json()["repositories"], json!(["charts/db", "charts/web"]));

    let answer = server.get("/v2/charts/web/manifests/1.0.0", "Accept-Encoding: gzip\r\n");
    assert_eq!(answer.header("content-type"), Some("application/vnd.oci.image.manifest.v1+json"));
    assert_eq!(answer.header("docker-content-digest").unwrap(), digest(&answer.body));
    let by_digest = format!("/v2/charts/web/manifests/{}", digest(&answer.body));
    assert_eq!(server.get(&by_digest, "").body, answer.body);
    let head = server.ask("HEAD", &by_digest, "");
    assert_eq!((head.status, head.header("content-length")), (200, answer.header("content-length")));
    let manifest = answer.json();
    for (layer, content) in [
        (&manifest["layers"][0], std::fs::read(folder.join("web-1.0.0.tgz")).unwrap()),
        (&manifest["layers"][1], b"signed".to_vec()),
    ] {
        let path = format!("/v2/charts/web/blobs/{}", layer["digest"].as_str().unwrap());
        assert_eq!(
            (layer["digest"].as_str().unwrap(), layer["size"].as_u64().unwrap()),
            (&*digest(&content), content.len() as u64)
        );
        assert_eq!(server.get(&path, "").body, content);
        assert_eq!(server.get(&path, "Range: bytes=1-3\r\n").body, &content[1..4]);
        assert_eq!(
            server.ask("HEAD", &path, "").header("content-length").unwrap(),
            content.len().to_string()
        );
        // A blob of one chart is none of another.
        assert_eq!(server.get(&path.replace("web", "db"), "").status, 404);
    }
    let config = server.get(&format!("/v2/web/blobs/{}", manifest["config"]["digest"].as_str().unwrap()), "");
    assert_eq!((&config.json()["name"], &config.json()["home"]), (&json!("web"), &json!("https://h/")));
    let referrers = server.get(&format!("/v2/web/referrers/{}", digest(b"x")), "");
    assert_eq!(referrers.json()["manifests"], json!([]));
    drop(server);
    let again = start(&outside.path().join("none"), &writable(&folder));
    assert_eq!(again.get("/v2/charts/web/manifests/1.0.0", "").body, answer.body, "at every server the same");
    for (path, status, wrong) in [
        ("/v2/web/manifests/9.0.0", 404, "MANIFEST_UNKNOWN"),
        ("/v2/web/manifests/sha256:12", 400, "DIGEST_INVALID"),
        ("/v2/web/manifests/-x", 400, "TAG_INVALID"),
        ("/v2/none/tags/list", 404, "NAME_UNKNOWN"),
        ("/v2/a/b/c/tags/list", 404, "NAME_UNKNOWN"),
        ("/v2/.bowline/tags/list", 404, "NAME_UNKNOWN"),
        ("/v2/web/blobs/sha512:00", 400, "DIGEST_INVALID"),
        ("/v2/web/nothing", 405, "UNSUPPORTED"),
    ] {
        assert_eq!(code(&again.get(path, "")), (status, wrong.to_string()), "{path}");
    }
}

#[test]
fn equal_pushes_at_the_same_time_all_succeed() {
    let (outside, folder) = folder();
    let server = start(outside.path(), &writable(&folder));
    let config = br#"{"name":"web"}"#;
    for number in 0..10 {
        let version = format!("1.0.{number}");
        let (web, other) = (archive("web", &version), {
            let place = tempfile::tempdir().unwrap();
            let name = chart(place.path(), "web", &version, "home: https://h/\n");
            std::fs::read(place.path().join(name)).unwrap()
        });
        for bytes in [&config[..], &web] {
            blob(&server, "web", bytes);
        }
        let path = format!("/v2/web/manifests/{version}");
        let barrier = std::sync::Barrier::new(4);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    barrier.wait();
                    let answer = send(&server, "PUT", &path, "", &manifest(config, &web));
                    assert_eq!(answer.status, 201, "{}", answer.text());
                });
            }
        });
        assert_eq!(server.get(&format!("/web-{version}.tgz"), "").body, web);
        // Other content is refused as before.
        blob(&server, "web", &other);
        assert_eq!(
            code(&send(&server, "PUT", &path, "", &manifest(config, &other))),
            (409, "DENIED".to_string())
        );
    }
}

#[test]
fn what_nothing_names_is_removed_after_an_hour() {
    let (outside, folder) = folder();
    let server = start(outside.path(), &writable(&folder));
    let config = br#"{"name":"web"}"#;
    let push = |version: &str| {
        let web = archive("web", version);
        for bytes in [&config[..], &web] {
            blob(&server, "web", bytes);
        }
        let manifest = manifest(config, &web);
        let path = format!("/v2/web/manifests/{version}");
        assert_eq!(send(&server, "PUT", &path, "", &manifest).status, 201);
        manifest
    };
    let (kept, gone) = (push("1.0.0"), push("2.0.0"));
    // As by hand, and so that the manifest is about nothing.
    std::fs::remove_file(folder.join("web-2.0.0.tgz")).unwrap();
    let lost = blob(&server, "web", b"nobody's");
    let below = folder.join(".bowline/oci/web");
    let names = |kind: &str| {
        let mut names: Vec<String> = std::fs::read_dir(below.join(kind))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    };
    let digits = |digest: &str| digest.trim_start_matches("sha256:").to_string();
    let mut blobs = vec![digits(&digest(config)), digits(&lost)];
    blobs.sort();
    drop(server);
    let at = |hours: u64| {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
        let host = Host { clock: Clock::Still(now + hours * 3_600), ..host(outside.path()) };
        Running::start(&host, &writable(&folder))
    };
    drop(at(0));
    assert_eq!((names("blobs"), names("manifests").len(), names("tags").len()), (blobs, 2, 2));
    let server = at(2);
    for _ in 0..600 {
        if names("tags").len() == 1 {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    assert_eq!(names("blobs"), [digits(&digest(config))], "the configuration is named");
    assert_eq!(names("manifests"), [digits(&digest(&kept))]);
    assert_eq!(names("tags"), ["1.0.0"]);
    assert_eq!(server.get("/v2/web/manifests/1.0.0", "").body, kept);
    assert_eq!(server.get(&format!("/v2/web/manifests/{}", digest(&gone)), "").status, 404);
}

#[cfg(target_os = "linux")]
#[test]
fn uploads_that_rest_hold_no_file_open_and_one_client_has_so_many() {
    let (outside, folder) = folder();
    let server = start(outside.path(), &writable(&folder));
    let begin = || {
        let begun = send(&server, "POST", "/v2/web/blobs/uploads/", "", b"");
        assert_eq!(begun.status, 202);
        begun.header("location").unwrap().to_string()
    };
    let places: Vec<String> = (0..70).map(|_| begin()).collect();
    let uploads = folder.join(".bowline/uploads");
    let is_upload = |entry: std::io::Result<std::fs::DirEntry>| {
        std::fs::read_link(entry.unwrap().path()).is_ok_and(|target| target.starts_with(&uploads))
    };
    assert_eq!(
        std::fs::read_dir("/proc/self/fd")
            .unwrap()
            .filter_map(|entry| is_upload(entry).then_some(()))
            .count(),
        0
    );
    // Those that rest longest are given up for new ones.
    let found = |place: &String| server.get(place, "").status == 204;
    assert_eq!(places.iter().map(found).collect::<Vec<_>>(), [vec![false; 6], vec![true; 64]].concat());
    assert_eq!(std::fs::read_dir(&uploads).unwrap().count(), 64);
    assert_eq!(send(&server, "PATCH", &places[6], "", b"one ").status, 202);
    let end = format!("{}?digest={}", places[6], digest(b"one two"));
    assert_eq!(send(&server, "PUT", &end, "", b"two").status, 201);
    // What broke off is asked for and gone on with.
    let half = format!("PATCH {} HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nfour", places[7]);
    let mut stream = std::net::TcpStream::connect(server.address).unwrap();
    std::io::Write::write_all(&mut stream, half.as_bytes()).unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    std::io::Read::read_to_end(&mut stream, &mut Vec::new()).unwrap();
    assert_eq!(server.get(&places[7], "").header("range"), Some("0-3"));
    let end = format!("{}?digest={}", places[7], digest(b"four five"));
    assert_eq!(send(&server, "PUT", &end, "Content-Range: 4-8\r\n", b" five").status, 201);
}

#[test]
fn what_is_not_allowed_is_told_with_what_is() {
    let (outside, folder) = folder();
    chart(&folder, "web", "1.0.0", "");
    let server = start(outside.path(), &writable(&folder));
    let reading = start(outside.path(), &ServeOptions { writable: false, ..writable(&folder) });
    for (server, method, path, allowed) in [
        (&server, "POST", "/v2/web/manifests/1.0.0", "DELETE, GET, HEAD, PUT"),
        (&server, "PUT", "/v2/web/tags/list", "GET, HEAD"),
        (&reading, "DELETE", "/v2/web/manifests/1.0.0", "GET, HEAD"),
        (&reading, "POST", "/v2/web/blobs/uploads/", ""),
    ] {
        let answer = server.ask(method, path, "");
        assert_eq!(
            (answer.status, answer.header("allow").unwrap_or_default()),
            (405, allowed),
            "{method} {path}"
        );
    }
}

#[test]
fn what_is_pushed_is_in_the_index() {
    let (outside, folder) = folder();
    let server = start(outside.path(), &writable(&folder));
    let (config, web) = (br#"{"name":"web"}"#, archive("web", "1.0.0+b"));
    let begun = send(&server, "POST", "/v2/charts/web/blobs/uploads/", "", b"");
    let place = begun.header("location").unwrap().to_string();
    assert_eq!((begun.status, begun.header("range")), (202, Some("0-0")));
    let (first, second) = web.split_at(100);
    let chunk = send(&server, "PATCH", &place, "Content-Range: 0-99\r\n", first);
    assert_eq!((chunk.status, chunk.header("range")), (202, Some("0-99")));
    assert_eq!(send(&server, "PATCH", &place, "Content-Range: 0-99\r\n", first).status, 416);
    assert_eq!(server.get(&place, "").header("range"), Some("0-99"));
    assert_eq!(server.get(&place.replace("web", "db"), "").status, 404);
    let done = send(&server, "PUT", &format!("{place}?digest={}", digest(&web)), "", second);
    assert_eq!((done.status, done.header("docker-content-digest")), (201, Some(&*digest(&web))));
    assert_eq!(server.get(&place, "").status, 404);
    assert_eq!(server.get(done.header("location").unwrap(), "").body, web);
    // Blobs alone are no chart.
    assert!(!server.get("/index.yaml", "").text().contains("web"));
    blob(&server, "charts/web", config);
    let bytes = manifest(config, &web);
    let pushed = send(&server, "PUT", "/v2/charts/web/manifests/1.0.0_b", "", &bytes);
    assert_eq!((pushed.status, pushed.header("docker-content-digest")), (201, Some(&*digest(&bytes))));
    assert!(server.get("/index.yaml", "").text().contains("- web-1.0.0+b.tgz"));
    assert_eq!(server.get("/web-1.0.0+b.tgz", "").body, web);
    assert_eq!(server.get("/v2/charts/web/manifests/1.0.0_b", "").body, bytes);
    assert_eq!(server.get(pushed.header("location").unwrap(), "").body, bytes);
    assert_eq!(server.get(&format!("/v2/charts/web/blobs/{}", digest(config)), "").body, config);
    // The same once more changes nothing, other content under the version is refused.
    blob(&server, "charts/web", &web);
    assert_eq!(send(&server, "PUT", "/v2/charts/web/manifests/1.0.0_b", "", &bytes).status, 201);
    let elsewhere = tempfile::tempdir().unwrap();
    let file = chart(elsewhere.path(), "web", "1.0.0+b", "home: https://other/\n");
    let other = std::fs::read(elsewhere.path().join(file)).unwrap();
    blob(&server, "charts/web", &other);
    let refused = send(&server, "PUT", "/v2/charts/web/manifests/1.0.0_b", "", &manifest(config, &other));
    assert_eq!(code(&refused), (409, "DENIED".to_string()));
    assert_eq!(server.get("/web-1.0.0+b.tgz", "").body, web);

    // Uploaded by the other API, deleted by this one; the manifest that was pushed goes with its archive.
    assert_eq!(send(&server, "POST", "/api/charts", "", &archive("db", "1.0.0")).status, 201);
    let made = server.get("/v2/db/manifests/1.0.0", "");
    assert_eq!(server.ask("DELETE", &format!("/v2/db/manifests/{}", digest(&made.body)), "").status, 202);
    assert_eq!(server.get("/db-1.0.0.tgz", "").status, 404);
    assert_eq!(server.ask("DELETE", "/api/charts/web/1.0.0+b", "").status, 200);
    assert_eq!(server.get("/v2/charts/web/manifests/1.0.0_b", "").status, 404);
    assert_eq!(server.get(&format!("/v2/charts/web/manifests/{}", digest(&bytes)), "").status, 404);
}

#[test]
fn pushes_that_are_wrong_change_nothing() {
    let (outside, folder) = folder();
    let server = start(outside.path(), &ServeOptions { max_upload_size: 100_000, ..writable(&folder) });
    let (config, web) = (br#"{"name":"web"}"#, archive("web", "1.0.0"));
    let good = manifest(config, &web);
    let put = |name: &str, tag: &str, body: &[u8]| {
        code(&send(&server, "PUT", &format!("/v2/{name}/manifests/{tag}"), "", body))
    };
    let error = |status: u16, code: &str| (status, code.to_string());
    assert_eq!(put("web", "1.0.0", &good), error(404, "MANIFEST_BLOB_UNKNOWN"));
    for name in ["web", "db"] {
        blob(&server, name, config);
        blob(&server, name, &web);
        blob(&server, name, b"no chart");
    }
    assert_eq!(put("web", "2.0.0", &good), error(400, "MANIFEST_INVALID"));
    assert_eq!(put("db", "1.0.0", &good), error(400, "MANIFEST_INVALID"));
    // A chart whose name begins with that of the repository is another one.
    let longer = archive("web-1", "2.0.0");
    blob(&server, "web", &longer);
    assert_eq!(put("web", "1-2.0.0", &manifest(config, &longer)), error(400, "MANIFEST_INVALID"));
    assert_eq!(put("web", "1.0.0", &manifest(config, b"no chart")), error(400, "MANIFEST_INVALID"));
    assert_eq!(put("web", &digest(b"x"), &good), error(400, "DIGEST_INVALID"));
    assert_eq!(put("web", "1.0.0", b"{}"), error(400, "MANIFEST_INVALID"));
    assert_eq!(put("web", "1.0.0", b"no JSON"), error(400, "MANIFEST_INVALID"));
    let image = String::from_utf8(good.clone()).unwrap().replace("helm.config", "oci.image");
    assert_eq!(put("web", "1.0.0", image.as_bytes()), error(400, "MANIFEST_INVALID"));
    let upload = |query: &str, body: &[u8]| {
        code(&send(&server, "POST", &format!("/v2/web/blobs/uploads/{query}"), "", body))
    };
    assert_eq!(upload(&format!("?digest={}", digest(b"other")), b"this"), error(400, "DIGEST_INVALID"));
    assert_eq!(upload("?digest=md5:1", b"this"), error(400, "DIGEST_INVALID"));
    let long = vec![b'x'; 100_001];
    assert_eq!(upload(&format!("?digest={}", digest(&long)), &long), error(413, "SIZE_INVALID"));
    // Nothing was put in place; what was uploaded waits for its manifest.
    assert!(server.get("/index.yaml", "").text().contains("entries: {}"));
    assert_eq!(send(&server, "PUT", "/v2/web/manifests/1.0.0", "", &good).status, 201);
    // Uploads that are given up, or open when the server stops, are gone.
    let uploads = || std::fs::read_dir(folder.join(".bowline/uploads")).unwrap().count();
    let begin = || {
        let begun = send(&server, "POST", "/v2/web/blobs/uploads/?mount=sha256:00&from=x", "", b"");
        assert_eq!(begun.status, 400);
        let path = format!("/v2/web/blobs/uploads/?mount={}&from=a/b/c", digest(b"nowhere"));
        let begun = send(&server, "POST", &path, "", b"");
        assert_eq!(begun.status, 202);
        begun.header("location").unwrap().to_string()
    };
    let one = begin();
    assert_eq!(uploads(), 1);
    assert_eq!(server.ask("DELETE", &one, "").status, 204);
    assert_eq!(uploads(), 0);
    let two = begin();
    assert_eq!(send(&server, "PATCH", &two, "", b"half").status, 202);
    // A blob of another repository is taken over without being sent.
    let mounted = format!("/v2/other/blobs/uploads/?mount={}&from=web", digest(&web));
    assert_eq!(send(&server, "POST", &mounted, "", b"").status, 201);
    assert_eq!(server.get(&format!("/v2/other/blobs/{}", digest(&web)), "").body, web);
    drop(server);
    assert_eq!(uploads(), 0);
    let reading = start(outside.path(), &ServeOptions { writable: false, ..writable(&folder) });
    let refused = send(&reading, "PUT", "/v2/web/manifests/1.0.0", "", &good);
    assert_eq!(code(&refused), error(405, "UNSUPPORTED"));
}

/// Helm pushes and pulls; the same charts are in the repository.
#[test]
fn helm_pushes_and_pulls() {
    let Some(helm) = helm("helm4") else { return };
    let (outside, folder) = folder();
    chart(&folder, "db", "1.0.0", "");
    let server = start(outside.path(), &writable(&folder));
    let home = outside.path().join("home");
    std::fs::create_dir_all(&home).unwrap();
    let web = archive("web", "1.2.0+b.1");
    std::fs::write(home.join("pushed.tgz"), &web).unwrap();
    let run = |arguments: &[&str]| {
        let (out, err) = helm_at_home(&helm, &home, arguments);
        out + &err
    };
    let charts = format!("oci://{}/charts", server.address);
    let told = run(&["push", "pushed.tgz", &charts, "--plain-http"]);
    let tag = "/v2/charts/web/manifests/1.2.0_b.1";
    let pushed = server.get(tag, "");
    assert!(told.contains(&digest(&pushed.body)), "{told}");
    assert!(server.get("/index.yaml", "").text().contains("- web-1.2.0+b.1.tgz"));
    run(&["push", "pushed.tgz", &charts, "--plain-http"]);
    run(&["pull", &format!("{charts}/web"), "--plain-http", "--version", "1.2.0+b.1"]);
    assert_eq!(std::fs::read(home.join("web-1.2.0+b.1.tgz")).unwrap(), web);
    let told = run(&["pull", &format!("{charts}/db"), "--plain-http"]);
    assert_eq!(
        std::fs::read(home.join("db-1.0.0.tgz")).unwrap(),
        std::fs::read(folder.join("db-1.0.0.tgz")).unwrap()
    );
    let made = server.get("/v2/charts/db/manifests/1.0.0", "");
    assert!(told.contains(&digest(&made.body)), "{told}");
    let by_digest = format!("{charts}/db@{}", digest(&made.body));
    assert!(
        run(&["install", "x", &by_digest, "--plain-http", "--dry-run=client"]).contains("kind: ConfigMap")
    );
    let shown: Value = serde_json::from_slice(&made.body).unwrap();
    assert_eq!(shown["annotations"]["org.opencontainers.image.title"], "db");
    run(&["repo", "add", "ours", &server.url]);
    run(&["pull", "ours/web", "--version", "1.2.0+b.1"]);
}
