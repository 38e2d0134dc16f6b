//! The Kubernetes store against an API server that misbehaves: it refuses, resets, hangs, answers with nonsense, or cuts a
//! watch. No real server is needed.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bowline::cluster::live::{Propagation, Request, Seen};
use bowline::cluster::{Cluster, Kube, KubeOptions, Query, Sought, Store, StoreError};
use bowline::keys::Algorithm;
use bowline::manifest::ObjectRef;
use bowline::sys::Secret;
use bowline::sys::tls::{ServerTls, TlsFiles, TlsStream};

use crate::stores::{body, host};
use crate::support::authority::Authority;

/// What the server does with a request.
pub(crate) enum Reaction {
    /// Code, further headers, body.
    Answer(u16, &'static str, String),
    /// The connection is closed without an answer.
    Reset,
    /// Nothing is said for so long, then it is closed.
    Hang(Duration),
    /// A good answer's beginning, which never ends; the connection is cut after so long.
    Cut(String, Duration),
}

pub(crate) fn ok(body: impl Into<String>) -> Reaction {
    Reaction::Answer(200, "", body.into())
}

pub(crate) fn refused(code: u16, reason: &str, message: &str) -> Reaction {
    let body = format!(
        r#"{{"kind":"Status","apiVersion":"v1","status":"Failure","code":{code},"reason":"{reason}","message":"{message}"}}"#
    );
    Reaction::Answer(code, "", body)
}

/// A server on a port of its own; it knows what it was asked.
pub(crate) struct Fake {
    pub(crate) address: String,
    pub(crate) asked: Arc<Mutex<Vec<String>>>,
    /// The file with its authority, and the folder of that, where it speaks TLS.
    pub(crate) authority: Option<(PathBuf, tempfile::TempDir)>,
}

/// A connection that is waited for.
struct Patient(TlsStream);

/// Does something until it is done.
fn patiently<T>(mut step: impl FnMut() -> std::io::Result<T>) -> std::io::Result<T> {
    loop {
        match step() {
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            done => return done,
        }
    }
}

impl Read for Patient {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        patiently(|| self.0.read(buffer))
    }
}

impl Write for Patient {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        patiently(|| self.0.write(bytes))
    }

    fn flush(&mut self) -> std::io::Result<()> {
        patiently(|| self.0.flush())
    }
}

impl Fake {
    /// `react` is given method and path (and `if-none-match: NAME` and `uncompressed` where that is asked) with the number of the
    /// request, from 1.
    pub(crate) fn start(react: impl Fn(&str, usize) -> Reaction + Send + Sync + 'static) -> Self {
        Self::start_with(None, react)
    }

    /// The same with TLS, as this machine (`127.0.0.1`, `localhost`).
    pub(crate) fn start_tls(react: impl Fn(&str, usize) -> Reaction + Send + Sync + 'static) -> Self {
        Self::start_with(Some(tempfile::tempdir().unwrap()), react)
    }

    pub(crate) fn start_with(
        folder: Option<tempfile::TempDir>,
        react: impl Fn(&str, usize) -> Reaction + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let scheme = if folder.is_some() { "https" } else { "http" };
        let address = format!("{scheme}://{}", listener.local_addr().unwrap());
        let (mut tls, mut authority) = (None, None);
        if let Some(folder) = folder {
            let maker = Authority::new("tests");
            let (cert, key) = maker.issue(folder.path(), "server", Algorithm::EcdsaP256);
            let files = TlsFiles { cert, key, client_ca: None };
            tls = Some(Arc::new(ServerTls::open(files, |_| ()).unwrap()));
            authority = Some((maker.save(folder.path(), "ca.pem"), folder));
        }
        let asked: Arc<Mutex<Vec<String>>> = Arc::default();
        let (react, number) = (Arc::new(react), Arc::new(AtomicUsize::new(0)));
        let log = Arc::clone(&asked);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(stream) = stream else { return };
                let (react, number, log) = (Arc::clone(&react), Arc::clone(&number), Arc::clone(&log));
                let tls = tls.clone();
                std::thread::spawn(move || match tls {
                    None => serve(stream, &*react, &number, &log),
                    Some(tls) => {
                        let mut stream = tls.accept(stream).ok()?;
                        while !patiently(|| stream.handshake()).ok()? {}
                        serve(Patient(stream), &*react, &number, &log)
                    }
                });
            }
        });
        Fake { address, asked, authority }
    }

    pub(crate) fn kube(&self) -> Kube {
        self.kube_with(|_| ())
    }

    pub(crate) fn kube_with(&self, change: impl Fn(&mut KubeOptions)) -> Kube {
        let mut options = KubeOptions {
            server: Some(self.address.clone()),
            token: Some(Secret::new("hush-hush")),
            ca_file: self.authority.as_ref().map(|(path, _)| path.clone()),
            request_timeout: Duration::from_secs(5),
            connect_timeout: Duration::from_secs(2),
            ..KubeOptions::default()
        };
        change(&mut options);
        Kube::new(options, &host())
    }

    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

fn serve(
    stream: impl Read + Write,
    react: &(dyn Fn(&str, usize) -> Reaction + Send + Sync),
    number: &AtomicUsize,
    log: &Mutex<Vec<String>>,
) -> Option<()> {
    let mut reader = BufReader::new(stream);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
        let (mut length, mut known) = (0, String::new());
        loop {
            let mut header = String::new();
            reader.read_line(&mut header).ok()?;
            if let Some(value) = header.to_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().ok()?;
            }
            if header.to_lowercase().trim() == "accept-encoding: identity" {
                known.push_str(" uncompressed");
            }
            if header.to_lowercase().starts_with("authorization:") {
                known.push_str(" authorization");
            }
            if header.to_lowercase().starts_with("if-none-match:") {
                known = format!(" {}", header.trim().to_lowercase());
            }
            if header.trim().is_empty() {
                break;
            }
        }
        let mut sent = vec![0; length];
        reader.read_exact(&mut sent).ok()?;
        let asked = format!("{}{known}", line.rsplit_once(' ')?.0);
        log.lock().unwrap().push(asked.clone());
        let reaction = react(&asked, number.fetch_add(1, Ordering::SeqCst) + 1);
        let stream = reader.get_mut();
        match reaction {
            Reaction::Answer(code, headers, body) => {
                let length = body.len();
                let json = if headers.starts_with("content-type") {
                    ""
                } else {
                    "content-type: application/json\r\n"
                };
                let head = format!("HTTP/1.1 {code} X\r\n{json}content-length: {length}\r\n");
                stream.write_all(format!("{head}{headers}\r\n{body}").as_bytes()).ok()?;
                stream.flush().ok()?;
            }
            Reaction::Reset => return None,
            Reaction::Hang(time) => {
                std::thread::sleep(time);
                return None;
            }
            Reaction::Cut(body, time) => {
                let length = body.len();
                let head =
                    "HTTP/1.1 200 X\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n";
                stream.write_all(format!("{head}\r\n{length:x}\r\n{body}\r\n").as_bytes()).ok()?;
                stream.flush().ok()?;
                std::thread::sleep(time);
                return None;
            }
        }
    }
}

pub(crate) fn config(name: &str) -> ObjectRef {
    ObjectRef {
        group: String::new(),
        version: "v1".into(),
        kind: "ConfigMap".into(),
        namespace: "n".into(),
        name: name.into(),
    }
}

pub(crate) fn object(name: &str, version: u64) -> String {
    format!(
        r#"{{"apiVersion":"v1","kind":"ConfigMap","metadata":{{"name":"{name}","namespace":"n","uid":"u","resourceVersion":"{version}","creationTimestamp":"2024-01-01T00:00:00Z"}}}}"#
    )
}

pub(crate) fn wanted(name: &str) -> bowline::data::Value {
    body(&format!(
        r#"{{"apiVersion":"v1","kind":"ConfigMap","metadata":{{"name":"{name}","namespace":"n"}}}}"#
    ))
}

pub(crate) fn is_unreachable(error: &StoreError) -> bool {
    matches!(error, StoreError::ClusterUnreachable { .. })
}

#[test]
fn a_server_that_is_not_there_is_told_at_once() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let options = KubeOptions { server: Some(format!("http://127.0.0.1:{port}")), ..KubeOptions::default() };
    let start = Instant::now();
    let error = Kube::new(options, &host()).server().unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "Kubernetes cluster unreachable: Get \"http://127.0.0.1:{port}/version\": Connection refused"
        )
    );
    assert!(start.elapsed() < Duration::from_secs(30));
    let options = KubeOptions { server: Some("https://nothing.invalid".into()), ..KubeOptions::default() };
    let error = Kube::new(options, &host()).get(&config("a")).unwrap_err();
    assert!(is_unreachable(&error), "{error}");
}

#[test]
fn a_read_survives_resets_and_a_write_is_sent_once() {
    let fake = Fake::start(|_, number| match number {
        1 => ok(object("a", 1)),
        4 => ok(object("a", 2)),
        _ => Reaction::Reset,
    });
    let kube = fake.kube();
    assert_eq!(kube.get(&config("a")).unwrap().unwrap().resource_version, 1);
    assert_eq!(kube.get(&config("a")).unwrap().unwrap().resource_version, 2);
    let before = fake.asked().len();
    let error = kube.create(wanted("b")).unwrap_err();
    let text = error.to_string();
    assert!(
        text.starts_with(
            "ConfigMap/n/b: no answer to create, which may have been carried out: Post \"http://"
        ),
        "{text}"
    );
    assert_eq!(fake.asked().len(), before + 1, "{:?}", fake.asked());
    assert!(!format!("{error:?} {kube:?}").contains("hush"), "tokens do not print");
    let error = kube.get(&config("a")).unwrap_err();
    assert!(is_unreachable(&error), "{error}");
    assert_eq!(fake.asked().len(), before + 5, "three more tries");
}

#[test]
fn a_cluster_whose_system_namespace_may_not_be_read_is_known_by_its_address() {
    let fake = Fake::start(|_, _| refused(403, "Forbidden", "namespaces is forbidden"));
    assert_eq!(fake.kube().identity().unwrap(), Some(format!("server:{}", fake.address)));
    assert_eq!(fake.kube().give_identity().unwrap(), format!("server:{}", fake.address));
    assert!(
        fake.asked().iter().all(|line| line == "GET /api/v1/namespaces/kube-system"),
        "{:?}",
        fake.asked()
    );
    let fake = Fake::start(|_, _| refused(401, "Unauthorized", "who are you"));
    assert!(matches!(fake.kube().identity(), Err(StoreError::Unauthorized { .. })));
}

#[test]
fn too_many_requests_are_waited_for() {
    let fake = Fake::start(|_, number| match number {
        1 | 3 => Reaction::Answer(429, "retry-after: 1\r\n", r#"{"message":"slow down"}"#.into()),
        2 => ok(object("a", 1)),
        4 => Reaction::Answer(201, "", object("b", 2)),
        _ => Reaction::Answer(429, "retry-after: 3600\r\n", r#"{"message":"slow down"}"#.into()),
    });
    let kube = fake.kube();
    let start = Instant::now();
    assert!(kube.get(&config("a")).unwrap().is_some());
    assert!(kube.create(wanted("b")).is_ok(), "a refused write was not carried out, so it is sent again");
    assert!(start.elapsed() >= Duration::from_secs(2), "{:?}", start.elapsed());
    let error = kube.get(&config("a")).unwrap_err();
    assert_eq!(error.to_string(), "kube is busy: slow down");
}

#[test]
fn errors_inside_the_server_are_retried_as_helm_does() {
    let fake = Fake::start(|_, number| {
        match number {
        1 => refused(500, "", "etcdserver: leader changed"),
        2 => Reaction::Answer(201, "", object("a", 1)),
        3 | 4 => refused(500, "", "rpc error: code = Unknown desc = raft proposal dropped"),
        5 => Reaction::Answer(
            500,
            "",
            r#"{"reason":"InternalError","code":500,"message":"Internal error occurred: failed calling webhook \"w\": connect: connection refused"}"#
                .into(),
        ),
        6..=8 => Reaction::Answer(503, "", "no healthy upstream".into()),
        9 => ok(object("a", 2)),
        10.. => Reaction::Answer(200, "", "<html>".into()),
        0 => Reaction::Reset,
    }
    });
    let kube = fake.kube();
    kube.create(wanted("a")).unwrap();
    let error = kube.create(wanted("a")).unwrap_err();
    assert!(matches!(&error, StoreError::Refused { code: 500, .. }), "{error}");
    assert_eq!(fake.asked().len(), 4);
    let error = kube.create(wanted("a")).unwrap_err().to_string();
    assert!(error.contains("failed calling webhook \"w\""), "{error}");
    assert_eq!(kube.get(&config("a")).unwrap().unwrap().resource_version, 2);
    let error = kube.get(&config("a")).unwrap_err().to_string();
    assert!(error.contains("is no JSON"), "{error}");
}

#[test]
fn a_slow_answer_ends_at_the_limit() {
    let fake = Fake::start(|_, number| match number {
        1 => Reaction::Hang(Duration::from_secs(60)),
        _ => Reaction::Cut(r#"{"apiVersion":"#.into(), Duration::from_secs(60)),
    });
    let kube = fake.kube_with(|options| options.request_timeout = Duration::from_millis(300));
    for what in ["silent", "half an answer"] {
        let start = Instant::now();
        let error = kube.get(&config("a")).unwrap_err();
        assert!(error.to_string().ends_with("/configmaps/a\": no answer within 0.3 s"), "{what}: {error}");
        assert!(start.elapsed() < Duration::from_secs(45), "{what}");
    }
}

#[test]
fn a_conflict_names_both_versions() {
    let fake = Fake::start(|asked, _| match asked.split(' ').next() {
        Some("GET") => ok(object("a", 9)),
        _ => refused(409, "Conflict", "the object has been modified"),
    });
    let kube = fake.kube();
    let error = kube.replace(wanted("a"), Some(3)).unwrap_err();
    assert_eq!(error.to_string(), "ConfigMap/n/a has changed: expected resourceVersion 3, found 9");
    let error = kube.delete(&config("a"), Some(3)).unwrap_err();
    assert!(matches!(error, StoreError::Conflict { expected: 3, found: 9, .. }), "{error}");
}

#[test]
fn an_old_server_is_asked_group_by_group_and_a_group_that_is_down_is_left_out() {
    let fake = Fake::start(|asked, _| match asked {
        "GET /api" => ok(r#"{"kind":"APIVersions","versions":["v1"]}"#),
        "GET /apis" => ok(
            r#"{"kind":"APIGroupList","groups":[{"name":"apps","versions":[{"version":"v1beta1"},{"version":"v1"}],"preferredVersion":{"version":"v1"}},{"name":"down.io","versions":[{"version":"v1"}],"preferredVersion":{"version":"v1"}}]}"#,
        ),
        "GET /api/v1" => ok(
            r#"{"resources":[{"name":"pods","kind":"Pod","namespaced":true,"verbs":["list"]},{"name":"pods/log","kind":"Pod","namespaced":true,"verbs":["get"]}]}"#,
        ),
        "GET /apis/apps/v1" | "GET /apis/apps/v1beta1" => ok(
            r#"{"resources":[{"name":"deployments","kind":"Deployment","namespaced":true,"verbs":["list"]}]}"#,
        ),
        "GET /version" => ok(r#"{"major":"1","minor":"20+","gitVersion":"v1.20.1"}"#),
        asked if asked.starts_with("GET /apis/apps/v1/deployments?") => ok(r#"{"metadata":{},"items":[]}"#),
        _ => refused(503, "ServiceUnavailable", "down"),
    });
    let kube = fake.kube();
    let server = kube.server().unwrap();
    assert_eq!((server.version.as_str(), server.minor.as_str()), ("v1.20.1", "20+"));
    let versions =
        ["apps/v1", "apps/v1/Deployment", "apps/v1beta1", "apps/v1beta1/Deployment", "v1", "v1/Pod"];
    assert_eq!(server.api_versions, versions);
    assert_eq!(kube.kind("apps", "v1beta1", "Deployment").unwrap().unwrap().plural, "deployments");
    assert!(kube.kind("apps", "v1", "Pod").unwrap().is_none());
    let group_kind = Some(("apps".to_string(), "Deployment".to_string()));
    assert!(kube.list(&Query { group_kind, ..Query::default() }).unwrap().is_empty());
    assert!(
        fake.asked().iter().any(|asked| asked.starts_with("GET /apis/apps/v1/deployments?")),
        "preferred"
    );
}

#[test]
fn a_list_that_the_server_forgot_is_begun_again() {
    let fake = Fake::start(|_, number| match number {
        1 => ok(format!(
            r#"{{"metadata":{{"resourceVersion":"5","continue":"t"}},"items":[{}]}}"#,
            object("a", 1)
        )),
        2 => refused(410, "Expired", "too old"),
        3 => ok(format!(
            r#"{{"metadata":{{"resourceVersion":"6","continue":"t"}},"items":[{}]}}"#,
            object("a", 1)
        )),
        _ => ok(format!(r#"{{"metadata":{{"resourceVersion":"6"}},"items":[{}]}}"#, object("b", 2))),
    });
    let group_kind = Some((String::new(), "ConfigMap".to_string()));
    let found = fake.kube().list(&Query { group_kind, ..Query::default() }).unwrap();
    let names: Vec<&str> = found.iter().map(|found| found.id.name.as_str()).collect();
    assert_eq!(names, ["a", "b"]);
    assert!(fake.asked()[1].contains("continue=t"), "{:?}", fake.asked());
}

#[test]
fn a_watch_goes_on_after_a_cut_and_after_the_server_forgot() {
    let event =
        |what: &str, version: u64| format!("{{\"type\":\"{what}\",\"object\":{}}}\n", object("a", version));
    let listed = |version: u64, items: &str| {
        ok(format!(r#"{{"metadata":{{"resourceVersion":"{version}"}},"items":[{items}]}}"#))
    };
    let fake = Fake::start(move |asked, number| match number {
        1 => listed(10, &object("a", 10)),
        2 => Reaction::Cut(event("MODIFIED", 11), Duration::from_millis(50)),
        3 => {
            assert!(asked.contains("resourceVersion=11"), "it goes on from what it saw: {asked}");
            Reaction::Reset
        }
        4 => ok("{\"type\":\"ERROR\",\"object\":{\"code\":410,\"message\":\"too old\"}}\n"),
        5 => listed(20, ""),
        6 => Reaction::Cut(event("ADDED", 21), Duration::from_secs(20)),
        _ => Reaction::Reset,
    });
    let kube = fake.kube();
    let mut seen = Vec::new();
    kube.watch(&[config("a")], Duration::from_secs(10), &mut |what| {
        seen.push(match &what {
            Seen::Is(object) => format!("is {}", object.resource_version),
            Seen::Gone(_) => "gone".to_string(),
            Seen::Reconnecting(_) => "reconnecting".to_string(),
            Seen::Quiet => "quiet".to_string(),
        });
        seen.last().is_some_and(|last| last != "is 21")
    })
    .unwrap();
    assert_eq!(seen, ["is 10", "is 11", "reconnecting", "reconnecting", "gone", "is 21"]);
    assert!(fake.asked()[0].contains("fieldSelector=metadata.name%3Da"), "{:?}", fake.asked());
}

#[test]
fn a_watch_that_is_not_allowed_ends_at_once_and_a_quiet_one_is_told() {
    let fake = Fake::start(|_, _| refused(403, "Forbidden", "User \\\"u\\\" cannot list resource"));
    let start = Instant::now();
    let error = fake.kube().watch(&[config("a")], Duration::from_secs(5), &mut |_| true).unwrap_err();
    assert!(matches!(error, StoreError::Forbidden { .. }), "{error}");
    let fake = Fake::start(|_, number| match number {
        1 => ok(r#"{"metadata":{"resourceVersion":"1"},"items":[]}"#),
        _ => Reaction::Hang(Duration::from_secs(90)),
    });
    let mut quiet = 0;
    fake.kube()
        .watch(&[config("a")], Duration::from_millis(50), &mut |what| {
            quiet += usize::from(matches!(what, Seen::Quiet));
            quiet < 3
        })
        .unwrap();
    assert!(start.elapsed() < Duration::from_secs(60));
}

#[test]
fn independent_requests_are_under_way_together() {
    let fake = Fake::start(|asked, _| {
        std::thread::sleep(Duration::from_millis(200));
        let name = asked.rsplit('/').next().unwrap_or("");
        if name == "n3" { refused(500, "", "no") } else { ok(object(name, 1)) }
    });
    let kube = fake.kube();
    let ids: Vec<ObjectRef> = (0..8).map(|number| config(&format!("n{number}"))).collect();
    let start = Instant::now();
    let answers = kube.get_each(&ids[4..]).unwrap();
    let names: Vec<String> = answers.into_iter().map(|found| found.unwrap().id.name).collect();
    assert_eq!(names, ["n4", "n5", "n6", "n7"]);
    let requests: Vec<Request> =
        ids.iter().map(|id| Request::Patch { id: id.clone(), patch: body("{}"), expected: None }).collect();
    let answers = kube.send_each(&requests, true);
    let good: Vec<bool> = answers.iter().map(Result::is_ok).collect();
    assert_eq!(answers.len(), 8);
    assert_eq!(good.iter().filter(|good| **good).count(), 8, "{answers:?}");
    assert!(
        fake.asked()
            .iter()
            .filter(|asked| asked.starts_with("PATCH"))
            .all(|asked| asked.contains("dryRun=All"))
    );
    assert!(kube.get_each(&ids).is_err(), "one of them cannot be read");
    assert!(start.elapsed() < Duration::from_secs(3), "{:?}", start.elapsed());
}

/// A list of ConfigMaps, and where it goes on.
fn page(names: &[&str], next: &str) -> Reaction {
    let items: Vec<String> = names
        .iter()
        .map(|name| format!(r#"{{"metadata":{{"name":"{name}","namespace":"n","resourceVersion":"7"}}}}"#))
        .collect();
    ok(format!(
        r#"{{"kind":"ConfigMapList","apiVersion":"v1","metadata":{{"resourceVersion":"9","continue":"{next}"}},"items":[{}]}}"#,
        items.join(",")
    ))
}

fn sought(names: &[&str]) -> Vec<Sought> {
    let labels = |name: &str| {
        [("app", "web"), ("own", name)].map(|(key, value)| (key.to_string(), value.to_string())).into()
    };
    names.iter().map(|name| Sought { id: config(name), labels: labels(name) }).collect()
}

fn one_config(asked: &str) -> Reaction {
    let name = asked.rsplit('/').next().unwrap_or_default();
    ok(format!(
        r#"{{"apiVersion":"v1","kind":"ConfigMap","metadata":{{"name":"{name}","namespace":"n","resourceVersion":"7"}}}}"#
    ))
}

const FIVE: [&str; 5] = ["a", "b", "c", "d", "e"];

#[test]
fn many_objects_are_read_in_one_list_and_what_it_lacks_by_name() {
    let fake = Fake::start(|asked, _| match asked {
        asked if asked.contains("labelSelector=app%3Dweb") => page(&["a", "b", "d", "stranger"], ""),
        asked if asked.ends_with("/e") => refused(404, "NotFound", r#"configmaps \"e\" not found"#),
        asked => one_config(asked),
    });
    let found = fake.kube().find_each(&sought(&FIVE)).unwrap();
    let names: Vec<Option<&str>> =
        found.iter().map(|found| found.as_ref().map(|found| found.id.name.as_str())).collect();
    assert_eq!(names, [Some("a"), Some("b"), Some("c"), Some("d"), None]);
    let asked = fake.asked();
    assert_eq!(asked.len(), 3, "{asked:?}");
    // No longer list than is worth it.
    assert!(
        asked[0].starts_with("GET /api/v1/namespaces/n/configmaps?") && asked[0].contains("limit=26"),
        "{asked:?}"
    );
}

#[test]
fn a_list_that_is_refused_or_too_long_is_none() {
    let names = |found: Vec<Option<bowline::cluster::Stored>>| {
        found.into_iter().flatten().map(|found| found.id.name).collect::<Vec<_>>()
    };
    let fake = Fake::start(|asked, _| match asked {
        asked if asked.contains("labelSelector") => {
            refused(403, "Forbidden", r#"configmaps is forbidden: User \"u\" cannot list resource"#)
        }
        asked => one_config(asked),
    });
    assert_eq!(names(fake.kube().find_each(&sought(&FIVE)).unwrap()), FIVE);
    assert_eq!(fake.asked().len(), 6);
    let fake = Fake::start(|asked, _| match asked {
        asked if asked.contains("labelSelector") => page(&["x"; 26], "more"),
        asked => one_config(asked),
    });
    assert_eq!(names(fake.kube().find_each(&sought(&FIVE)).unwrap()), FIVE);
    assert_eq!(fake.asked().len(), 6, "its next page is not asked for");
    // A single object is asked for by name, and some that share no label too.
    let fake = Fake::start(|asked, _| one_config(asked));
    assert_eq!(names(fake.kube().find_each(&sought(&FIVE[..1])).unwrap()), FIVE[..1]);
    let mut strangers = sought(&FIVE[..3]);
    strangers[2].labels.clear();
    assert_eq!(names(fake.kube().find_each(&strangers).unwrap()), FIVE[..3]);
    assert!(fake.asked().iter().all(|asked| !asked.contains('?')), "{:?}", fake.asked());
    // Many of a namespace are in a list of all there are, which says what is not there unless it was cut off.
    for (listed, cut) in [(vec!["a", "c", "x"], false), (vec!["x"; 26], true)] {
        let fake = Fake::start(move |asked, _| match asked {
            asked if asked.contains("configmaps?") => page(&listed, if cut { "more" } else { "" }),
            asked => one_config(asked),
        });
        let mut strangers = sought(&FIVE);
        strangers[2].labels.clear();
        let found = names(fake.kube().find_each(&strangers).unwrap());
        assert_eq!(found, if cut { FIVE.to_vec() } else { vec!["a", "c"] });
        assert_eq!(fake.asked().len(), if cut { 6 } else { 1 }, "{:?}", fake.asked());
    }
}

#[test]
fn a_list_is_handed_on_page_by_page_and_begun_anew_when_it_is_forgotten() {
    let fake = Fake::start(|asked, number| match number {
        1 | 3 => page(&["a", "b"], "next"),
        2 => refused(410, "Expired", "The provided continue parameter is too old"),
        _ if asked.contains("continue=next") => page(&["c"], ""),
        _ => refused(500, "InternalError", "not this"),
    });
    let query = Query {
        group_kind: Some((String::new(), "ConfigMap".into())),
        namespace: Some("n".into()),
        ..Query::default()
    };
    let mut names = Vec::new();
    fake.kube()
        .visit(&query, &mut |stored| {
            names.push(stored.id.name);
            Ok(())
        })
        .unwrap();
    assert_eq!(names, ["a", "b", "a", "b", "c"]);
    let asked = fake.asked();
    assert!(asked.len() == 4 && asked[0].contains("limit=50") && asked[1].contains("limit=500"), "{asked:?}");
    // Whoever has heard enough ends it.
    let fake = Fake::start(|_, _| page(&["a", "b"], "next"));
    let error = fake.kube().visit(&query, &mut |_| Err(StoreError::Internal("enough".into()))).unwrap_err();
    assert!(error.to_string().ends_with("enough"), "{error}");
    // An error in the middle is told.
    let fake = Fake::start(|_, number| match number {
        1 => page(&["a"], "next"),
        _ => refused(403, "Forbidden", r#"configmaps is forbidden: User \"u\" cannot list resource"#),
    });
    let error = fake.kube().visit(&query, &mut |_| Ok(())).unwrap_err();
    assert!(matches!(&error, StoreError::Forbidden { verb, .. } if verb == "list"), "{error}");
}

#[test]
fn a_deletion_tells_whether_something_is_left() {
    for (answer, left) in [
        (r#"{"kind":"Status","apiVersion":"v1","status":"Success"}"#, false),
        (r#"{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a","resourceVersion":"7"}}"#, false),
        (
            r#"{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a","resourceVersion":"7","deletionTimestamp":"2026-01-01T00:00:00Z"}}"#,
            true,
        ),
    ] {
        let fake = Fake::start(move |_, _| ok(answer));
        let request = Request::Delete { id: config("a"), propagation: Propagation::default(), uid: None };
        assert_eq!(fake.kube().send(&request, false).unwrap().is_some(), left, "{answer}");
    }
}

#[test]
fn objects_are_shown_as_the_server_shows_them() {
    let fake = Fake::start(|asked, _| match asked {
        asked if asked.ends_with("/gone") => refused(404, "NotFound", r#"configmaps \"gone\" not found"#),
        _ => ok(
            r#"{"kind":"Table","columnDefinitions":[{"name":"Name","priority":0},{"name":"Data","priority":0},{"name":"X","priority":1}],"rows":[{"cells":["a","3","wide"]}]}"#,
        ),
    });
    let alone = |name| Sought { id: config(name), labels: BTreeMap::new() };
    let shown = fake.kube().shown(&[alone("a"), alone("gone")]).unwrap();
    assert_eq!(shown[0].as_ref().unwrap().columns, ["Name", "Data"]);
    assert_eq!(shown[0].as_ref().unwrap().cells, ["a", "3"]);
    assert_eq!(shown[1], None);
    // Those that share labels are shown in one table; what it lacks is asked for by name.
    let fake = Fake::start(|asked, _| match asked {
        asked if asked.contains("labelSelector=app%3Dweb") => ok(
            r#"{"kind":"Table","columnDefinitions":[{"name":"Name"}],"rows":[{"cells":["a"],"object":{"metadata":{"name":"a"}}},{"cells":["x"],"object":{"metadata":{"name":"x"}}}]}"#,
        ),
        asked if asked.ends_with("/b") => {
            ok(r#"{"kind":"Table","columnDefinitions":[{"name":"Name"}],"rows":[{"cells":["b"]}]}"#)
        }
        _ => refused(404, "NotFound", "no"),
    });
    let shown = fake.kube().shown(&sought(&["a", "b", "c"])).unwrap();
    let cells: Vec<Option<&str>> =
        shown.iter().map(|shown| shown.as_ref().map(|shown| shown.cells[0].as_str())).collect();
    assert_eq!(cells, [Some("a"), Some("b"), None]);
    assert_eq!(fake.asked().len(), 3, "{:?}", fake.asked());
}

#[test]
fn many_questions_for_rows_are_answered_out_of_one_list() {
    let query = |app: &str| Query {
        group_kind: Some((String::new(), "ConfigMap".into())),
        namespace: Some("n".into()),
        labels: [("app".to_string(), app.to_string())].into(),
        limit: 100,
        ..Query::default()
    };
    let table = |rows: &[(&str, &str)], more: &str| {
        let rows: Vec<String> = rows
            .iter()
            .map(|(name, app)| {
                format!(r#"{{"cells":["{name}"],"object":{{"metadata":{{"labels":{{"app":"{app}"}}}}}}}}"#)
            })
            .collect();
        ok(format!(
            r#"{{"kind":"Table","metadata":{{"continue":"{more}"}},"columnDefinitions":[{{"name":"Name"}}],"rows":[{}]}}"#,
            rows.join(",")
        ))
    };
    let names = |found: Vec<Result<Vec<bowline::cluster::live::Shown>, StoreError>>| -> Vec<Vec<String>> {
        found
            .into_iter()
            .map(|found| found.unwrap().into_iter().flat_map(|shown| shown.cells).collect())
            .collect()
    };
    let fake = Fake::start(move |_, _| table(&[("a", "x"), ("b", "y"), ("c", "x"), ("d", "other")], ""));
    let found = fake.kube().shown_lists(&["x", "y", "z"].map(query));
    assert_eq!(names(found), [vec!["a", "c"], vec!["b"], vec![]]);
    assert_eq!(fake.asked().len(), 1, "{:?}", fake.asked());
    // Few are asked for one by one, and many where the list would be too long.
    for (apps, more, requests) in [(&["x", "y"][..], "", 2), (&["x", "y", "z"], "on", 4)] {
        let fake = Fake::start(move |asked, _| match asked.split_once("labelSelector=app%3D") {
            Some((_, app)) => table(&[(&app[..1], "")], ""),
            None => table(&[("a", "x")], more),
        });
        let queries: Vec<Query> = apps.iter().map(|app| query(app)).collect();
        assert_eq!(names(fake.kube().shown_lists(&queries)).concat(), apps);
        assert_eq!(fake.asked().len(), requests, "{:?}", fake.asked());
    }
    let fake = Fake::start(|_, _| {
        refused(
            403,
            "Forbidden",
            r#"configmaps is forbidden: User \"u\" cannot list resource \"configmaps\""#,
        )
    });
    let found = fake.kube().shown_lists(&["x", "y", "z"].map(query));
    assert!(found.iter().all(|found| matches!(found, Err(StoreError::Forbidden { .. }))), "{found:?}");
}

#[test]
fn a_survey_reads_bodies_along_when_most_of_the_first_objects_need_them() {
    let query = Query {
        group_kind: Some((String::new(), "ConfigMap".into())),
        namespace: Some("n".into()),
        ..Query::default()
    };
    for (needs, limit, with_body) in [(true, "limit=50", true), (false, "limit=1000", false)] {
        let fake = Fake::start(|_, number| match number {
            1 => page(&["a", "b"], "next"),
            _ => page(&["a", "b", "c"], ""),
        });
        let mut found = Vec::new();
        let mut on = |stored: bowline::cluster::Stored| {
            found.push((stored.id.name, stored.body.is_some()));
            Ok(())
        };
        fake.kube().survey(&query, &|_| needs, &mut on).unwrap();
        assert_eq!(found, ["a", "b", "c"].map(|name| (name.to_string(), with_body)));
        let asked = fake.asked();
        assert!(asked.len() == 2 && asked[0].contains("limit=20") && asked[1].contains(limit), "{asked:?}");
        // What is in payloads is compressed already.
        assert_eq!(asked[1].ends_with(" uncompressed"), with_body, "{asked:?}");
    }
    // Few objects come with the first page, without bodies.
    let fake = Fake::start(|_, _| page(&["a"], ""));
    let mut found = 0;
    let mut on = |stored: bowline::cluster::Stored| {
        found += u32::from(stored.body.is_none());
        Ok(())
    };
    fake.kube().survey(&query, &|_| true, &mut on).unwrap();
    assert_eq!((found, fake.asked().len()), (1, 1));
}

/// What a server with aggregated discovery serves, under a name for the answer.
fn kinds(name: &'static str, kinds: &[&str]) -> Reaction {
    let resource = |kind: &&str| {
        format!(
            r#"{{"resource":"{}s","responseKind":{{"group":"x.io","version":"v1","kind":"{kind}"}},"scope":"Namespaced","verbs":["get","list"]}}"#,
            kind.to_lowercase()
        )
    };
    let resources: Vec<String> = kinds.iter().map(resource).collect();
    Reaction::Answer(
        200,
        name,
        format!(
            r#"{{"kind":"APIGroupDiscoveryList","items":[{{"metadata":{{"name":"x.io"}},"versions":[{{"version":"v1","resources":[{}]}}]}}]}}"#,
            resources.join(",")
        ),
    )
}

const ONE: &str =
    "content-type: application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList\r\netag: \"one\"\r\n";
const TWO: &str =
    "content-type: application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList\r\netag: \"two\"\r\n";

#[test]
fn what_a_server_serves_is_kept_on_disk_until_it_serves_something_else() {
    let folder = tempfile::tempdir().unwrap();
    let changed = Arc::new(AtomicUsize::new(0));
    let phase = Arc::clone(&changed);
    let fake = Fake::start(move |asked, _| {
        let now = if phase.load(Ordering::SeqCst) == 0 { "\"one\"" } else { "\"two\"" };
        match asked {
            "GET /version" => ok(r#"{"gitVersion":"v1.35.0","major":"1","minor":"35"}"#),
            _ if asked.contains("if-none-match") && asked.ends_with(now) => {
                Reaction::Answer(304, "", String::new())
            }
            _ if asked.starts_with("GET /apis") && now == "\"one\"" => kinds(ONE, &["Thing"]),
            _ if asked.starts_with("GET /apis") => kinds(TWO, &["Thing", "Other"]),
            _ => kinds(if now == "\"one\"" { ONE } else { TWO }, &[]),
        }
    });
    // Each is another process.
    let kube = || {
        let mut host = host();
        host.dirs.cache = folder.path().join("cache");
        let options = KubeOptions { server: Some(fake.address.clone()), ..KubeOptions::default() };
        Kube::new(options, &host)
    };
    let served = |kube: &Kube| kube.kind("x.io", "v1", "Thing").unwrap().is_some();
    let asked_since = |from: usize| fake.asked()[from..].to_vec();
    let first = kube();
    assert!(served(&first) && first.server().unwrap().api_versions.iter().any(|name| name == "x.io/v1"));
    assert!(asked_since(0).iter().all(|asked| !asked.contains("if-none-match")), "{:?}", fake.asked());
    let before = fake.asked().len();
    assert!(served(&kube()));
    let asked = asked_since(before);
    assert!(asked.len() == 2 && asked.iter().all(|asked| asked.ends_with("\"one\"")), "{asked:?}");
    // What it serves now counts, and is kept.
    changed.store(1, Ordering::SeqCst);
    for _ in 0..2 {
        assert!(kube().kind("x.io", "v1", "Other").unwrap().is_some());
    }
    assert!(fake.asked().last().unwrap().ends_with("\"two\""), "{:?}", fake.asked());
    let file = std::fs::read_dir(folder.path().join("cache/kube")).unwrap().next().unwrap().unwrap().path();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    }
    // A file that is damaged was never there.
    std::fs::write(&file, "{\"form\":1,").unwrap();
    let before = fake.asked().len();
    assert!(served(&kube()));
    assert!(asked_since(before).iter().all(|asked| !asked.contains("if-none-match")), "{:?}", fake.asked());
}

#[test]
fn kinds_of_a_group_that_is_down_are_not_missing() {
    let stale = |name: &'static str| {
        let item = |version: &str, freshness: &str| {
            format!(r#"{{"version":"{version}","resources":[],"freshness":"{freshness}"}}"#)
        };
        let versions = [item("v1", "Stale"), item("v2", "Current")].join(",");
        let text = format!(
            r#"{{"kind":"APIGroupDiscoveryList","items":[{{"metadata":{{"name":"x.io"}},"versions":[{versions}]}}]}}"#
        );
        Reaction::Answer(200, name, text)
    };
    let aggregated = Fake::start(
        move |asked, _| if asked.starts_with("GET /apis") { stale(ONE) } else { kinds(TWO, &[]) },
    );
    let listed = Fake::start(|asked, _| match asked {
        "GET /apis" => ok(
            r#"{"groups":[{"name":"x.io","versions":[{"version":"v1"},{"version":"v2"}],"preferredVersion":{"version":"v2"}}]}"#,
        ),
        "GET /apis/x.io/v1" => {
            refused(503, "ServiceUnavailable", "the server is currently unable to handle the request")
        }
        "GET /apis/x.io/v2" => refused(404, "NotFound", "the server could not find the requested resource"),
        _ => ok(r#"{"versions":[]}"#),
    });
    for fake in [aggregated, listed] {
        let kube = fake.kube();
        let error = kube.kind("x.io", "v1", "Thing").unwrap_err();
        assert!(
            matches!(&error, StoreError::GroupDown { api_version } if api_version == "x.io/v1"),
            "{error}"
        );
        let of_any = Query { group_kind: Some(("x.io".into(), "Thing".into())), ..Query::default() };
        assert!(matches!(kube.list(&of_any), Err(StoreError::GroupDown { .. })));
        assert!(
            kube.kind("x.io", "v2", "Thing").unwrap().is_none()
                && kube.kind("y.io", "v1", "Thing").unwrap().is_none()
        );
    }
}
