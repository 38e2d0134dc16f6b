//! Fetching from servers that mean harm, break off or promise something else than they send, and through proxies.

use std::io::Write;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bowline::fetch::{FetchError, FetchOptions};
use bowline::repo::config::{AddOptions, Repository, add};
use bowline::sys::Secret;
use bowline::sys::http::{Credentials, Http, HttpError, HttpOptions, Request};

use crate::repositories::{Place, bytes_of};
use crate::serving::host;
use crate::support::hostile::Hostile;

/// A client with options of its own.
pub fn client(change: impl FnOnce(&mut HttpOptions)) -> Http {
    let mut options = HttpOptions::new(&host(Path::new("/nowhere")));
    change(&mut options);
    Http::new(options)
}

#[test]
fn answers_are_bounded_in_size() {
    let claims = Hostile::start(|_| b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\nx".to_vec());
    let endless = Hostile::streaming(|_, stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")?;
        loop {
            stream.write_all(&[b'x'; 4_096])?;
        }
    });
    for server in [claims, endless] {
        let error = client(|_| ()).get(&server.url, &Request::new(1 << 20)).unwrap_err();
        assert!(matches!(error, HttpError::TooLarge { .. }), "{error}");
    }
}

#[test]
fn compressed_answers_are_bounded_after_inflation() {
    let bomb = bowline::data::gzip::deflate(&vec![0; 8 << 20]);
    let server = Hostile::start(move |_| {
        let mut answer =
            format!("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\n\r\n", bomb.len())
                .into_bytes();
        answer.extend(&bomb);
        answer
    });
    let request = Request { compressed: true, ..Request::new(1 << 20) };
    assert!(matches!(client(|_| ()).get(&server.url, &request), Err(HttpError::TooLarge { .. })));
    // An archive is taken as it is sent.
    let raw = client(|_| ()).get(&server.url, &Request::new(1 << 20)).unwrap();
    assert!(raw.body.starts_with(&[0x1f, 0x8b]));
    assert!(server.saw("accept-encoding: identity"));
}

#[test]
fn answers_are_bounded_in_time() {
    let silent = Hostile::streaming(|_, _| {
        std::thread::sleep(Duration::from_secs(30));
        Ok(())
    });
    let dripping = Hostile::streaming(|_, stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")?;
        loop {
            stream.write_all(b"x")?;
            std::thread::sleep(Duration::from_millis(50));
        }
    });
    let start = Instant::now();
    let idle = client(|options| {
        options.connect_timeout = Duration::from_millis(200);
        options.idle_timeout = Duration::from_millis(200);
    });
    let error = idle.get(&silent.url, &Request::new(9)).unwrap_err();
    assert!(matches!(error, HttpError::Timeout { .. }), "{error}");
    let total = client(|options| options.total_timeout = Duration::from_millis(600));
    let error = total.get(&dripping.url, &Request::new(9_999)).unwrap_err();
    assert!(matches!(error, HttpError::Timeout { .. }), "{error}");
    // Only a hang takes this long, on any machine.
    assert!(start.elapsed() < Duration::from_secs(60), "{:?}", start.elapsed());
}

#[test]
fn redirects_end_and_credentials_stay_at_home() {
    let circle = Hostile::start(|_| {
        b"HTTP/1.1 302 Found\r\nLocation: /again\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".to_vec()
    });
    let error = client(|_| ()).get(&circle.url, &Request::new(9)).unwrap_err().to_string();
    assert_eq!(error, format!("Get \"{}/\": stopped after 10 redirects", circle.url));
    assert_eq!(circle.asked(), 11);

    let away = Hostile::start(|_| Hostile::page("200 OK", "there"));
    let target = away.url.clone();
    let home = Hostile::start(move |request| {
        let to = if request.starts_with("GET /near") { "/end".to_string() } else { format!("{target}/x") };
        if request.starts_with("GET /end") {
            return Hostile::page("200 OK", "here");
        }
        format!("HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            .into_bytes()
    });
    let credentials = Credentials { username: "ann".to_string(), password: Secret::new("hunter2") };
    let request = Request { credentials: Some(credentials), ..Request::new(99) };
    assert_eq!(client(|_| ()).get(&home.url, &request).unwrap().body, b"there");
    assert!(home.saw("authorization: basic yw5uomh1bnrlcji="));
    assert!(!away.saw("authorization"), "credentials must not follow a redirect to another port");
    let near = client(|_| ()).get(&format!("{}/near", home.url), &request).unwrap();
    assert_eq!(near.body, b"here");
    assert!(home.heads().iter().all(|head| head.contains("uthorization")));
    // In the URL they are as private as beside it.
    let inside = home.url.replace("http://", "http://ann:hunter2@");
    client(|_| ()).get(&inside, &Request::new(99)).unwrap();
    assert!(!away.saw("authorization"));
    let anywhere = Request { pass_credentials: true, ..request };
    client(|_| ()).get(&home.url, &anywhere).unwrap();
    assert!(away.saw("authorization"));

    let local = Hostile::start(|_| {
        b"HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd\r\nContent-Length: 0\r\n\r\n".to_vec()
    });
    let error = client(|_| ()).get(&local.url, &Request::new(9)).unwrap_err();
    assert!(matches!(error, HttpError::UnsupportedScheme { .. }), "{error}");
}

#[test]
fn broken_connections_and_server_errors_are_tried_again_but_not_for_ever() {
    let truncated = Hostile::start(|_| b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort".to_vec());
    let error = client(|_| ()).get(&truncated.url, &Request::new(999)).unwrap_err().to_string();
    assert!(error.contains("the answer broke off"), "{error}");
    assert_eq!(truncated.asked(), 3);
    let failing = Hostile::start(|_| Hostile::page("503 Service Unavailable", ""));
    let error = client(|_| ()).get(&failing.url, &Request::new(9)).unwrap_err().to_string();
    assert_eq!(error, format!("failed to fetch {}/ : 503 Service Unavailable", failing.url));
    assert_eq!(failing.asked(), 3);
    let missing = Hostile::start(|_| Hostile::page("404 Not Found", ""));
    assert!(client(|_| ()).get(&missing.url, &Request::new(9)).is_err());
    assert_eq!(missing.asked(), 1, "what will not change is asked for once");
    let count = Arc::new(Mutex::new(0));
    let recovering = Hostile::start(move |_| {
        let mut count = count.lock().unwrap();
        *count += 1;
        if *count == 1 {
            Hostile::page("500 Internal Server Error", "")
        } else {
            Hostile::page("200 OK", "ok")
        }
    });
    assert_eq!(client(|_| ()).get(&recovering.url, &Request::new(9)).unwrap().body, b"ok");
    assert!(recovering.saw("user-agent: helm/4.3 (bowline/"));
}

#[test]
fn a_busy_server_is_left_alone_as_long_as_it_says() {
    let busy = |status: &'static str, seconds: &'static str| {
        let count = Arc::new(Mutex::new(0));
        Hostile::start(move |_| {
            let mut count = count.lock().unwrap();
            *count += 1;
            if *count > 1 {
                return Hostile::page("200 OK", "ok");
            }
            let head = format!(
                "HTTP/1.1 {status}\r\nRetry-After: {seconds}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
            );
            head.into_bytes()
        })
    };
    for status in ["429 Too Many Requests", "503 Service Unavailable"] {
        let server = busy(status, "1");
        let began = Instant::now();
        assert_eq!(client(|_| ()).get(&server.url, &Request::new(9)).unwrap().body, b"ok");
        assert!(began.elapsed() >= Duration::from_secs(1), "{status}");
        // Nobody waits for an hour.
        let server = busy(status, "3600");
        let error = client(|_| ()).get(&server.url, &Request::new(9)).unwrap_err().to_string();
        assert!(error.ends_with(status), "{error}");
        assert_eq!(server.asked(), 1);
    }
}

#[test]
fn a_proxy_of_the_environment_is_used_but_not_for_this_machine() {
    let proxy = Hostile::start(|_| Hostile::page("200 OK", "proxied"));
    let env =
        [("HTTP_PROXY".to_string(), proxy.url.clone()), ("no_proxy".to_string(), "direct.test".to_string())];
    let proxied = || client(|options| options.env = Arc::new(env.clone().into_iter().collect()));
    assert_eq!(proxied().get("http://charts.test/x", &Request::new(99)).unwrap().body, b"proxied");
    assert!(proxied().get("http://direct.test/x", &Request::new(99)).is_err());
    let direct = Hostile::start(|_| Hostile::page("200 OK", "direct"));
    assert_eq!(proxied().get(&direct.url, &Request::new(99)).unwrap().body, b"direct");
}

#[test]
fn a_wrong_digest_is_refused_and_not_kept() {
    let place = Place::new();
    let server = Hostile::start(|request| {
        if request.starts_with("GET /index.yaml") {
            let digest = "0".repeat(64);
            return Hostile::page(
                "200 OK",
                &format!(
                    "apiVersion: v1\nentries:\n  a:\n  - {{name: a, version: 1.0.0, urls: [a.tgz], digest: {digest}}}\n  n:\n  - {{name: n, version: 1.0.0}}\n"
                ),
            );
        }
        Hostile::page("200 OK", "not what was promised")
    });
    place.add("bad", &server.url).unwrap();
    let error = place.fetch("bad/a", &FetchOptions::default()).unwrap_err();
    assert!(matches!(&error, FetchError::WrongDigest { .. }), "{error}");
    assert!(!place.paths.content.exists());
    let none = place.fetch("bad/n", &FetchOptions::default()).unwrap_err().to_string();
    assert_eq!(none, "chart \"bad/n\" has no downloadable URLs");
}

#[test]
fn credentials_of_a_repository_go_to_it_alone() {
    let elsewhere = Hostile::start(|_| Hostile::page("200 OK", "archive"));
    let far = elsewhere.url.clone();
    let server = Hostile::start(move |request| {
        if request.starts_with("GET /c/index.yaml") {
            let entries = format!(
                "apiVersion: v1\nentries:\n  near:\n  - {{name: near, version: 1.0.0, urls: [n.tgz]}}\n  far:\n  - {{name: far, version: 1.0.0, urls: [\"{far}/f.tgz\"]}}\n"
            );
            return Hostile::page("200 OK", &entries);
        }
        Hostile::page("200 OK", "archive")
    });
    let place = Place::new();
    let repository = Repository {
        name: "private".to_string(),
        url: format!("{}/c", server.url),
        username: "ann".to_string(),
        password: Secret::new("hunter2"),
        ..Repository::default()
    };
    let options = AddOptions { repository, ..AddOptions::default() };
    add(&place.host, &place.paths, &options).unwrap();
    let fetch = |reference: &str| bytes_of(place.fetch(reference, &FetchOptions::default()).unwrap());
    assert_eq!(fetch("private/near").0, "n.tgz");
    fetch("private/far");
    assert!(server.heads().iter().all(|head| head.to_lowercase().contains("authorization: basic")));
    assert!(!elsewhere.saw("authorization"));
    assert!(elsewhere.saw("accept: application/gzip,application/octet-stream"));
    // A URL below the repository's borrows its credentials; one beside it does not.
    fetch(&format!("{}/c/x.tgz", server.url));
    fetch(&format!("{}/other/x.tgz", server.url));
    let with = |path: &str| {
        let heads = server.heads();
        heads.iter().rfind(|head| head.contains(path)).unwrap().to_lowercase().contains("authorization")
    };
    assert!(with("GET /c/x.tgz") && !with("GET /other/x.tgz"));
    // One that the index names does, on the same server.
    let index = place.paths.index("private");
    let named = format!(
        "{}\n# {}/other/x.tgz {}/x.tgz\n",
        std::fs::read_to_string(&index).unwrap(),
        server.url,
        elsewhere.url
    );
    std::fs::write(&index, named).unwrap();
    fetch(&format!("{}/other/x.tgz", server.url));
    fetch(&format!("{}/x.tgz", elsewhere.url));
    assert!(with("GET /other/x.tgz") && !elsewhere.saw("authorization"));
}

#[test]
fn a_success_without_all_of_the_archive_is_none() {
    for status in ["204 No Content", "206 Partial Content", "202 Accepted"] {
        let server = Hostile::start(move |_| Hostile::page(status, ""));
        let error =
            Place::new().fetch(&format!("{}/a-1.0.0.tgz", server.url), &FetchOptions::default()).unwrap_err();
        assert!(error.to_string().ends_with(&format!("/a-1.0.0.tgz : {status}")), "{error}");
    }
}
