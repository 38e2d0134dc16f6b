//! Charts that come and go through the server: ChartMuseum's API, users, tenants, and uploads that are hostile or cut off.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bowline::repo::serve::ServeOptions;

use crate::serving::{Answer, Running, chart, host};
use crate::support::helm::{helm, helm_at_home};

/// `secret`, hashed with bcrypt at its least cost.
pub(crate) const HASH: &str = "$2b$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW";

/// Options of a writable server on a free port.
pub(crate) fn writable(folder: &Path) -> ServeOptions {
    ServeOptions { address: "127.0.0.1:0".to_string(), writable: true, ..ServeOptions::new(folder) }
}

/// An archive, made in a folder of its own.
pub(crate) fn archive(name: &str, version: &str) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let file = chart(folder.path(), name, version, "");
    std::fs::read(folder.path().join(file)).unwrap()
}

/// A folder that does not hold the caches of its server.
pub(crate) fn folder() -> (tempfile::TempDir, PathBuf) {
    let outside = tempfile::tempdir().unwrap();
    let inside = outside.path().join("charts");
    std::fs::create_dir_all(&inside).unwrap();
    (outside, inside)
}

pub(crate) fn start(outside: &Path, options: &ServeOptions) -> Running {
    Running::start(&host(outside), options)
}

pub(crate) fn send(server: &Running, method: &str, path: &str, headers: &str, body: &[u8]) -> Answer {
    let mut request = format!(
        "{method} {path} HTTP/1.1\r\nHost: h\r\nContent-Length: {}\r\n{headers}Connection: close\r\n\r\n",
        body.len()
    )
    .into_bytes();
    request.extend_from_slice(body);
    Answer::parse(&server.raw(request))
}

fn post(server: &Running, path: &str, body: &[u8]) -> Answer {
    send(server, "POST", path, "", body)
}

/// Files of a form, as curl's `-F` sends them.
fn form(parts: &[(&str, &[u8])]) -> Vec<u8> {
    let mut body = Vec::new();
    for (name, bytes) in parts {
        let head = format!(
            "--XX\r\nContent-Disposition: form-data; name=\"{name}\"; filename=\"../../{name}\"\r\n\r\n"
        );
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(bytes);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(b"--XX--\r\n");
    body
}

const FORM: &str = "Content-Type: multipart/form-data; boundary=XX\r\n";

/// A provenance file about a chart; the server reads what it is about, and leaves the signature to the client.
fn provenance(name: &str, version: &str) -> String {
    format!(
        "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA512\n\nname: {name}\nversion: {version}\n\n...\nfiles:\n  x: y\n\
         -----BEGIN PGP SIGNATURE-----\n-----END PGP SIGNATURE-----\n"
    )
}

/// What lies in a folder below which nothing may be left.
fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .map(|entries| {
            entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect()
        })
        .unwrap_or_default();
    names.sort();
    names
}

#[test]
fn charts_come_and_go() {
    let (outside, folder) = folder();
    let server = start(outside.path(), &writable(&folder));
    let bytes = archive("web", "1.0.0");
    let saved = post(&server, "/api/charts", &bytes);
    assert_eq!((saved.status, saved.json()), (201, serde_json::json!({ "saved": true })));
    // At once, without a look at the folder.
    assert!(server.get("/index.yaml", "").text().contains("- web-1.0.0.tgz"));
    assert_eq!(server.get("/web-1.0.0.tgz", "").body, bytes);
    assert_eq!(std::fs::read(folder.join("web-1.0.0.tgz")).unwrap(), bytes);

    let again = post(&server, "/api/charts", &bytes);
    assert_eq!((again.status, again.json()["error"].as_str()), (409, Some("web-1.0.0.tgz already exists")));
    assert_eq!(post(&server, "/api/charts?force=false", &bytes).status, 409);
    assert_eq!(post(&server, "/api/charts?force", &bytes).status, 201);
    assert_eq!(post(&server, "/api/prov", provenance("web", "1.0.0").as_bytes()).status, 201);
    assert_eq!(post(&server, "/api/prov", provenance("web", "1.0.0").as_bytes()).status, 409);
    assert_eq!(server.get("/web-1.0.0.tgz.prov", "").text(), provenance("web", "1.0.0"));
    // A new archive is not vouched for by what vouched for the old one.
    assert_eq!(post(&server, "/api/charts?force=true", &bytes).status, 201);
    assert_eq!(server.get("/web-1.0.0.tgz.prov", "").status, 404);

    let signed = provenance("web", "1.1.0");
    let both = form(&[("chart", &archive("web", "1.1.0")), ("prov", signed.as_bytes()), ("other", b"x")]);
    assert_eq!(send(&server, "PUT", "/api/charts", FORM, &both).status, 201);
    assert_eq!(server.get("/web-1.1.0.tgz.prov", "").text(), signed);
    assert_eq!(server.get("/api/charts/web", "").json().as_array().unwrap().len(), 2);
    assert_eq!(server.ask("HEAD", "/api/charts/web/1.1.0", "").status, 200);
    assert_eq!(server.ask("HEAD", "/api/charts/web/9.0.0", "").status, 404);
    let values = server.get("/api/charts/web/1.1.0/values", "");
    assert_eq!(values.text(), "# How many\nreplicas: 1\n");
    let templates = server.get("/api/charts/web/1.1.0/templates", "").json();
    assert_eq!(
        templates,
        serde_json::json!([{ "name": "templates/a.yaml", "data": "a2luZDogQ29uZmlnTWFwCg==" }])
    );

    let gone = server.ask("DELETE", "/api/charts/web/1.1.0", "");
    assert_eq!((gone.status, gone.json()), (200, serde_json::json!({ "deleted": true })));
    assert_eq!(server.ask("DELETE", "/api/charts/web/1.1.0", "").status, 404);
    assert_eq!(server.get("/web-1.1.0.tgz", "").status, 404);
    assert!(!server.get("/index.yaml", "").text().contains("1.1.0"));
    assert_eq!(names(&folder), [".bowline", "web-1.0.0.tgz"]);
    assert_eq!(names(&folder.join(".bowline/uploads")), [""; 0]);

    let metrics = server.get("/metrics", "").text();
    for line in [
        "bowline_http_requests_total{method=\"POST\",code=\"409\"} 3",
        "bowline_http_request_duration_seconds_count{method=\"PUT\",code=\"201\"} 1",
        "bowline_charts{repo=\"\"} 1",
        "bowline_chart_versions{repo=\"\"} 1",
    ] {
        assert!(metrics.lines().any(|found| found == line), "{line} in {metrics}");
    }
    let options = ServeOptions { disable_delete: true, ..writable(&folder) };
    let keeping = start(outside.path(), &options);
    assert_eq!(keeping.ask("DELETE", "/api/charts/web/1.0.0", "").status, 405);
}

#[test]
fn uploads_that_are_wrong_change_nothing() {
    let (outside, folder) = folder();
    let options = ServeOptions { max_upload_size: 100_000, ..writable(&folder) };
    let server = start(outside.path(), &options);
    let web = archive("web", "1.0.0");
    let long = vec![b'x'; 100_001];
    let chunked = |size: usize| {
        let mut request =
            b"POST /api/charts HTTP/1.1\r\nHost: h\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
        request.extend_from_slice(format!("{size:x}\r\n").as_bytes());
        request.extend_from_slice(&vec![b'x'; size]);
        request.extend_from_slice(b"\r\n0\r\n\r\n");
        request
    };
    for (path, headers, body, status, reason) in [
        ("/api/charts", "", b"no archive".to_vec(), 400, "not a chart: "),
        ("/api/charts", "", Vec::new(), 400, "not a chart: "),
        ("/api/charts", "", web[..web.len() / 2].to_vec(), 400, "not a chart: "),
        ("/api/charts", "", long.clone(), 413, "larger than the limit of 100000 bytes"),
        ("/api/charts", FORM, form(&[("chart", &long)]), 413, "larger than the limit"),
        ("/api/charts", FORM, form(&[("other", &web)]), 400, "the form has no file \"chart\" or \"prov\""),
        (
            "/api/charts",
            FORM,
            form(&[("chart", &web), ("chart", &web)]),
            400,
            "the form has two files \"chart\"",
        ),
        ("/api/charts", FORM, form(&[("prov", b"x")]), 400, "not a provenance file"),
        ("/api/charts", FORM, b"--XX\r\nno head".to_vec(), 400, "the upload broke off"),
        ("/api/prov", "", provenance("../x", "1.0.0").into_bytes(), 400, "\"../x\" \"1.0.0\" cannot be"),
        ("/api/prov", "", provenance("x", "../1").into_bytes(), 400, "\"x\" \"../1\" cannot be"),
        ("/api/charts/web", "", web.clone(), 405, ""),
        ("/api/a/charts", "", web.clone(), 405, ""),
        ("/index.yaml", "", web.clone(), 405, ""),
    ] {
        let answer = send(&server, "POST", path, headers, &body);
        let text = answer.text();
        assert_eq!(answer.status, status, "{path} {text}");
        let told = status == 405 || answer.json()["error"].as_str().unwrap().starts_with(reason);
        assert!(told, "{text}, not {reason}");
    }
    assert_eq!(Answer::parse(&server.raw(chunked(100_001))).status, 413);
    assert_eq!(Answer::parse(&server.raw(chunked(100))).status, 400);
    let bad = b"POST /api/charts HTTP/1.1\r\nHost: h\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\n";
    assert_eq!(Answer::parse(&server.raw(bad)).status, 400);
    // A client that leaves in the middle.
    let mut stream = TcpStream::connect(server.address).unwrap();
    stream.write_all(b"POST /api/charts HTTP/1.1\r\nHost: h\r\nContent-Length: 90000\r\n\r\nhalf").unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    assert_eq!(Answer::parse(&answer).status, 400);
    assert_eq!(names(&folder), [".bowline"]);
    assert_eq!(names(&folder.join(".bowline/uploads")), [""; 0]);
    assert_eq!(
        names(outside.path()),
        ["cache", "charts"].into_iter().filter(|name| outside.path().join(name).exists()).collect::<Vec<_>>()
    );
}

#[test]
fn uploads_may_come_in_chunks_and_after_a_go_ahead_on_one_connection() {
    let (outside, folder) = folder();
    let server = start(outside.path(), &writable(&folder));
    let mut stream = TcpStream::connect(server.address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let mut buffer = [0; 4096];
    let (one, two) = (archive("web", "1.0.0"), archive("web", "2.0.0"));
    let head = format!(
        "POST /api/charts HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: {}\r\n\r\n",
        one.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    let count = stream.read(&mut buffer).unwrap();
    assert_eq!(&buffer[..count], b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(&one).unwrap();
    let count = stream.read(&mut buffer).unwrap();
    assert!(buffer[..count].starts_with(b"HTTP/1.1 201"));
    let mut chunked =
        b"POST /api/charts HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
            .to_vec();
    for piece in two.chunks(100) {
        chunked.extend_from_slice(format!("{:X};ext=1\r\n", piece.len()).as_bytes());
        chunked.extend_from_slice(piece);
        chunked.extend_from_slice(b"\r\n");
    }
    chunked.extend_from_slice(b"0\r\nTrailer: x\r\n\r\n");
    stream.write_all(&chunked).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    assert_eq!(Answer::parse(&answer).status, 201);
    assert_eq!(server.get("/web-2.0.0.tgz", "").body, two);
}

#[test]
fn uploads_at_the_same_time_lose_nothing() {
    let (outside, folder) = folder();
    let options = ServeOptions { workers: 32, ..writable(&folder) };
    let server = start(outside.path(), &options);
    let same = archive("same", "1.0.0");
    let saved: usize = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..8)
            .map(|worker| {
                let (server, same) = (&server, &same);
                scope.spawn(move || {
                    for number in 0..6 {
                        let bytes = archive(&format!("c{}", number % 3), &format!("{worker}.{number}.0"));
                        assert_eq!(post(server, "/api/charts", &bytes).status, 201);
                    }
                    usize::from(post(server, "/api/charts", same).status == 201)
                })
            })
            .collect();
        workers.into_iter().map(|worker| worker.join().unwrap()).sum()
    });
    assert_eq!(saved, 1, "of eight uploads of one version one is saved");
    let index = server.get("/api/charts", "").json();
    let versions: usize =
        index.as_object().unwrap().values().map(|list| list.as_array().unwrap().len()).sum();
    assert_eq!(versions, 8 * 6 + 1);
    let yaml = server.get("/index.yaml", "").text();
    drop(server);
    // What was kept step by step is what a look at the folder gives.
    let anew = Running::start(&host(&folder.join("none")), &options);
    assert_eq!(anew.get("/index.yaml", "").text(), yaml);
}

#[test]
fn an_index_of_the_folders_own_is_kept_up_to_date() {
    let (outside, folder) = folder();
    let own = "apiVersion: v1\nentries:\n  far:\n  - name: far\n    version: 1.0.0\n    urls: ['https://h/far.tgz']\n";
    std::fs::write(folder.join("index.yaml"), own).unwrap();
    let server = start(outside.path(), &writable(&folder));
    assert_eq!(server.get("/index.yaml", "").text(), own);
    assert_eq!(post(&server, "/api/charts", &archive("web", "1.0.0")).status, 201);
    let text = std::fs::read_to_string(folder.join("index.yaml")).unwrap();
    assert!(text.contains("https://h/far.tgz") && text.contains("- web-1.0.0.tgz"), "{text}");
    assert_eq!(server.get("/index.yaml", "").text(), text);
    assert_eq!(server.ask("DELETE", "/api/charts/web/1.0.0", "").status, 200);
    assert_eq!(server.ask("DELETE", "/api/charts/far/1.0.0", "").status, 404);
    let text = server.get("/index.yaml", "").text();
    assert!(text.contains("far") && !text.contains("web"), "{text}");
}

#[test]
fn an_index_that_cannot_be_read_is_not_written_over() {
    let (outside, folder) = folder();
    chart(&folder, "db", "1.0.0", "");
    let broken = "apiVersion: v1\nentries:\n  far:\n  - name: far\n    version: 1.0.0\n    urls: ['https://h/far.tgz'\n";
    std::fs::write(folder.join("index.yaml"), broken).unwrap();
    let server = start(outside.path(), &writable(&folder));
    let web = archive("web", "1.0.0");
    let is_refused = |server: &Running| {
        for answer in [
            post(server, "/api/charts", &web),
            post(server, "/api/charts?force", &archive("db", "1.0.0")),
            server.ask("DELETE", "/api/charts/db/1.0.0", ""),
        ] {
            let told = answer.json()["error"].as_str().unwrap().to_string();
            assert_eq!(answer.status, 409, "{told}");
            assert!(
                told.starts_with("nothing is changed while index.yaml of the folder cannot be read: "),
                "{told}"
            );
        }
    };
    is_refused(&server);
    assert_eq!(std::fs::read_to_string(folder.join("index.yaml")).unwrap(), broken);
    assert_eq!(names(&folder), [".bowline", "db-1.0.0.tgz", "index.yaml"]);
    std::fs::write(folder.join("index.yaml"), broken.replace("'\n", "']\n")).unwrap();
    assert_eq!(post(&server, "/api/charts", &web).status, 201);
    let text = std::fs::read_to_string(folder.join("index.yaml")).unwrap();
    assert!(text.contains("https://h/far.tgz") && text.contains("- web-1.0.0.tgz"), "{text}");
    // Also when it broke a moment ago.
    std::fs::write(folder.join("index.yaml"), broken).unwrap();
    assert_eq!(post(&server, "/api/charts", &archive("web", "2.0.0")).status, 409);
    assert_eq!(std::fs::read_to_string(folder.join("index.yaml")).unwrap(), broken);
}

#[test]
fn provenance_files_lie_beside_what_they_vouch_for() {
    let (outside, folder) = folder();
    std::fs::create_dir(folder.join("sub")).unwrap();
    chart(&folder.join("sub"), "web", "1.0.0", "");
    let server = start(outside.path(), &writable(&folder));
    let with = |provenance: &[u8]| form(&[("chart", &archive("web", "1.0.0")), ("prov", provenance)]);
    // What vouches for nothing, or for something else, is taken in no more with its chart than alone.
    for (provenance, told) in [
        (String::new(), "not a provenance file"),
        ("signed".to_string(), "not a provenance file"),
        (provenance("other", "9.9.9"), "the provenance file is about other 9.9.9"),
    ] {
        let refused = send(&server, "POST", "/api/charts?force", FORM, &with(provenance.as_bytes()));
        assert!(refused.status == 400 && refused.text().contains(told), "{}", refused.text());
    }
    let alone = provenance("web", "1.0.0");
    let first = format!("{alone} ");
    assert_eq!(send(&server, "POST", "/api/charts?force", FORM, &with(first.as_bytes())).status, 201);
    assert_eq!(server.get("/sub/web-1.0.0.tgz.prov", "").text(), first);
    assert_eq!(post(&server, "/api/prov", alone.as_bytes()).status, 409);
    assert_eq!(post(&server, "/api/prov?force", alone.as_bytes()).status, 201);
    assert_eq!(server.get("/sub/web-1.0.0.tgz.prov", "").text(), alone);
    assert_eq!(names(&folder), [".bowline", "sub"]);
}

#[test]
fn a_version_is_removed_wherever_it_lies() {
    let (outside, folder) = folder();
    for place in ["a", "b"] {
        std::fs::create_dir(folder.join(place)).unwrap();
        chart(&folder.join(place), "web", "1.0.0", "");
        std::fs::write(folder.join(place).join("web-1.0.0.tgz.prov"), "signed").unwrap();
    }
    chart(&folder.join("b"), "web", "1.1.0", "");
    for path in ["/api/charts/web/1.0.0", "/v2/web/manifests/1.1.0"] {
        let server = start(outside.path(), &writable(&folder));
        assert!(matches!(server.ask("DELETE", path, "").status, 200 | 202));
        assert_eq!(server.ask("DELETE", path, "").status, 404);
        let version = path.rsplit('/').next().unwrap();
        assert!(!server.get("/index.yaml", "").text().contains(version));
    }
    assert_eq!((names(&folder.join("a")), names(&folder.join("b"))), (vec![], vec![]));
}

#[test]
fn pages_of_other_sites_change_nothing() {
    let (outside, folder) = folder();
    chart(&folder, "web", "1.0.0", "");
    let server = start(outside.path(), &writable(&folder));
    let both = form(&[("chart", &archive("db", "1.0.0"))]);
    for foreign in ["Origin: https://evil.test\r\n", "Origin: null\r\n", "Sec-Fetch-Site: cross-site\r\n"] {
        let answer = send(&server, "POST", "/api/charts", &format!("{FORM}{foreign}"), &both);
        assert_eq!((answer.status, answer.json()["error"].is_string()), (403, true), "{foreign}");
        let refused = server.ask("DELETE", "/v2/web/manifests/1.0.0", foreign);
        assert_eq!((refused.status, &refused.json()["errors"][0]["code"]), (403, &"DENIED".into()));
        assert_eq!(server.get("/index.yaml", foreign).status, 200);
    }
    for own in ["Origin: http://h\r\n", "Sec-Fetch-Site: same-origin\r\nOrigin: https://outside.test\r\n"] {
        let answer = send(&server, "POST", "/api/charts?force", &format!("{FORM}{own}"), &both);
        assert_eq!(answer.status, 201, "{own}");
    }
}

#[test]
fn right_passwords_at_the_same_time_are_all_let_in() {
    let (outside, folder) = folder();
    chart(&folder, "web", "1.0.0", "");
    let users = outside.path().join("users");
    let lines: Vec<String> = (0..16).map(|number| format!("user-{number}:{HASH}\n")).collect();
    std::fs::write(&users, lines.concat()).unwrap();
    let server = start(outside.path(), &ServeOptions { htpasswd: Some(users), ..writable(&folder) });
    std::thread::scope(|scope| {
        for number in 0..16 {
            let server = &server;
            let pair = bowline::data::base64::encode(format!("user-{number}:secret"));
            scope.spawn(move || {
                let header = format!("Authorization: Basic {pair}\r\n");
                assert_eq!(server.get("/index.yaml", &header).status, 200, "user-{number}");
            });
        }
    });
}

#[test]
fn tenants_have_repositories_of_their_own() {
    let (outside, folder) = folder();
    chart(&folder, "root", "1.0.0", "");
    let options = ServeOptions { depth: 2, ..writable(&folder) };
    let server = start(outside.path(), &options);
    assert_eq!(server.get("/index.yaml", "").status, 404);
    assert_eq!(server.get("/org/team/index.yaml", "").status, 404);
    assert_eq!(post(&server, "/api/charts", &archive("web", "1.0.0")).status, 404);
    assert_eq!(post(&server, "/api/org/team/charts", &archive("web", "1.0.0")).status, 201);
    assert_eq!(post(&server, "/api/org/other/charts", &archive("db", "1.0.0")).status, 201);
    assert!(server.get("/org/team/index.yaml", "").text().contains("- web-1.0.0.tgz"));
    assert_eq!(server.get("/org/team/web-1.0.0.tgz", "").body, archive("web", "1.0.0"));
    assert_eq!(server.get("/org/other/web-1.0.0.tgz", "").status, 404);
    assert_eq!(server.get("/api/org/other/charts", "").json().as_object().unwrap().len(), 1);
    for path in [
        "/api/../x/charts",
        "/api/.x/y/charts",
        "/api/-/y/charts",
        "/api/v2/y/charts",
        "/api/a%2fb/charts",
        "/api/%2e%2e/%2e%2e/charts",
    ] {
        let status = post(&server, path, &archive("web", "1.0.0")).status;
        assert!(status == 404 || path == "/api/a%2fb/charts" && status == 201, "{path}: {status}");
    }
    assert_eq!(names(outside.path()).iter().filter(|name| name.as_str() != "cache").count(), 1);
    assert!(server.get("/metrics", "").text().contains("bowline_charts{repo=\"org/team\"} 1\n"));
}

#[test]
fn only_users_get_in() {
    let (outside, folder) = folder();
    chart(&folder, "web", "1.0.0", "");
    let file = outside.path().join("users");
    std::fs::write(&file, format!("# people\n\nann:{HASH}\n")).unwrap();
    let options = ServeOptions { htpasswd: Some(file.clone()), ..writable(&folder) };
    let server = start(outside.path(), &options);
    let basic = |pair: &str| format!("Authorization: Basic {}\r\n", bowline::data::base64::encode(pair));
    let ann = basic("ann:secret");
    assert_eq!(server.get("/health", "").status, 200);
    let refused = server.get("/index.yaml", "");
    assert_eq!(
        (refused.status, refused.header("www-authenticate")),
        (401, Some("Basic realm=\"bowline\", charset=\"UTF-8\""))
    );
    for wrong in ["ann:wrong", "bob:secret", "ann:", ":", "ann", "ann:secret "] {
        assert_eq!(server.get("/index.yaml", &basic(wrong)).status, 401, "{wrong}");
    }
    for wrong in ["Bearer x", "Basic", "Basic !", "Basic /w=="] {
        assert_eq!(server.get("/", &format!("Authorization: {wrong}\r\n")).status, 401, "{wrong}");
    }
    assert_eq!(server.get("/index.yaml", &ann).status, 200);
    assert_eq!(send(&server, "POST", "/api/charts", "", &archive("web", "2.0.0")).status, 401);
    assert_eq!(send(&server, "POST", "/api/charts", &ann, &archive("web", "2.0.0")).status, 201);
    // A user who is taken out of the file is out at once, however well remembered.
    std::fs::write(&file, format!("bobby:{HASH}\n")).unwrap();
    assert_eq!(server.get("/index.yaml", &ann).status, 401);
    assert_eq!(server.get("/index.yaml", &basic("bobby:secret")).status, 200);
    drop(server);

    let options = ServeOptions { anonymous_get: true, ..options };
    let server = start(outside.path(), &options);
    assert_eq!(server.get("/index.yaml", "").status, 200);
    assert_eq!(server.get("/index.yaml", &basic("bobby:wrong")).status, 401);
    assert_eq!(server.ask("DELETE", "/api/charts/web/2.0.0", "").status, 401);
    assert_eq!(server.ask("DELETE", "/api/charts/web/2.0.0", &basic("bobby:secret")).status, 200);
    for (text, reason) in [
        ("", "there is no user in it"),
        ("ann:secret\n", "the password of \"ann\" in line 1 is not hashed with bcrypt"),
        ("\nann\n", "line 2 is not USER:HASH"),
    ] {
        std::fs::write(&file, text).unwrap();
        let error = bowline::repo::serve::Server::bind(&host(outside.path()), &options).err().unwrap();
        assert!(error.to_string().ends_with(reason), "{error}");
    }
}

#[test]
fn slow_uploads_end_and_leave_room() {
    let (outside, folder) = folder();
    let options = ServeOptions { workers: 4, request_time: Duration::from_millis(500), ..writable(&folder) };
    let server = start(outside.path(), &options);
    let mut slow: Vec<TcpStream> = (0..2).map(|_| TcpStream::connect(server.address).unwrap()).collect();
    for stream in &mut slow {
        stream.write_all(b"POST /api/charts HTTP/1.1\r\nHost: h\r\nContent-Length: 90\r\n\r\nx").unwrap();
    }
    std::thread::sleep(Duration::from_millis(300));
    let refused = post(&server, "/api/charts", &archive("web", "1.0.0"));
    assert_eq!((refused.status, refused.header("retry-after")), (503, Some("1")));
    assert_eq!(server.get("/health", "").status, 200);
    let mut answer = String::new();
    slow[0].set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let _ = slow[0].read_to_string(&mut answer);
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    drop(slow);
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(post(&server, "/api/charts", &archive("web", "1.0.0")).status, 201);
}

#[test]
fn what_was_read_once_is_not_read_again_at_the_next_start() {
    let (outside, folder) = folder();
    chart(&folder, "web", "1.0.0", "");
    drop(start(outside.path(), &writable(&folder)));
    let path = folder.join("web-1.0.0.tgz");
    let found = std::fs::metadata(&path).unwrap();
    let file = std::fs::File::options().write(true).open(&path).unwrap();
    (&file).write_all(&vec![0; found.len() as usize]).unwrap();
    file.set_modified(found.modified().unwrap()).unwrap();
    let server = start(outside.path(), &writable(&folder));
    assert!(server.get("/index.yaml", "").text().contains("web-1.0.0.tgz"));
    drop(server);
    // With another time it is read, and found to be no chart.
    file.set_modified(found.modified().unwrap() + Duration::from_secs(1)).unwrap();
    let server = start(outside.path(), &writable(&folder));
    assert!(!server.get("/index.yaml", "").text().contains("web-1.0.0.tgz"));
}

#[test]
fn many_clients_are_all_answered() {
    let (outside, folder) = folder();
    chart(&folder, "web", "1.0.0", "");
    let server = start(outside.path(), &writable(&folder));
    let ask = |_| {
        let mut client = TcpStream::connect(server.address).unwrap();
        client.write_all(b"GET /index.yaml HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n").unwrap();
        client
    };
    let mut clients: Vec<TcpStream> = (0..300).map(ask).collect();
    for client in &mut clients {
        client.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let mut answer = Vec::new();
        client.read_to_end(&mut answer).unwrap();
        assert_eq!(Answer::parse(&answer).status, 200);
    }
}

/// Helm itself with a user and a tenant, for all that it does with a repository.
#[test]
fn helm_uses_a_tenant_as_a_user() {
    let Some(helm) = helm("helm4") else { return };
    let (outside, folder) = folder();
    let file = outside.path().join("users");
    std::fs::write(&file, format!("ann:{HASH}\n")).unwrap();
    let options = ServeOptions { htpasswd: Some(file), depth: 1, ..writable(&folder) };
    let server = start(outside.path(), &options);
    let ann = format!("Authorization: Basic {}\r\n", bowline::data::base64::encode("ann:secret"));
    for version in ["1.0.0", "1.1.0"] {
        assert_eq!(send(&server, "POST", "/api/org/charts", &ann, &archive("web", version)).status, 201);
    }
    let home = outside.path().join("home");
    std::fs::create_dir_all(home.join("app/templates")).unwrap();
    std::fs::write(
        home.join("app/Chart.yaml"),
        format!("apiVersion: v2\nname: app\nversion: 0.1.0\ndependencies:\n- {{name: web, version: ^1.0.0, repository: {}/org}}\n", server.url),
    )
    .unwrap();
    let run = |arguments: &[&str]| helm_at_home(&helm, &home, arguments).0;
    run(&["repo", "add", "org", &format!("{}/org", server.url), "--username", "ann", "--password", "secret"]);
    run(&["repo", "update"]);
    run(&["dependency", "update", "app"]);
    assert_eq!(std::fs::read(home.join("app/charts/web-1.1.0.tgz")).unwrap(), archive("web", "1.1.0"));
    run(&["pull", "org/web", "--version", "1.0.0"]);
    assert_eq!(std::fs::read(home.join("web-1.0.0.tgz")).unwrap(), archive("web", "1.0.0"));
    assert!(run(&["install", "x", "org/web", "--dry-run=client"]).contains("kind: ConfigMap"));
}
