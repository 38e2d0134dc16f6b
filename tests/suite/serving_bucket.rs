//! The server over a bucket of a real S3-compatible service (`tests/servers/servers start bucket`), with a tap between the two
//! that counts, refuses and cuts; and Helm as the client of both.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bowline::chart::{ChartFile, Limits, from_files};
use bowline::data::digest::Digest;
use bowline::package::{PackOptions, pack};
use bowline::repo::serve::{BucketOptions, ServeOptions, Server, Source};
use bowline::sys::{Clock, Host};

use crate::serving::{Answer, Running, host};
use crate::serving_uploads::archive;
use crate::support::Env;
use crate::support::helm::{helm, helm_at_home};
use crate::support::http::{PATIENCE, client};
use crate::support::skip::server_is_missing;

/// By this the service knows who owns what a server put; it checks no signature.
const OWNER: &str =
    "AWS4-HMAC-SHA256 Credential=key/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0";

/// How a service takes requests with conditions.
#[derive(Default, Clone, Copy, PartialEq)]
enum Conditions {
    #[default]
    Known,
    /// It says that it does not know them.
    Refused,
    /// It does not look at them.
    Passed,
}

/// What a client says that puts something new.
const CONDITION: &str = "\r\nif-none-match: *\r\n";
/// The same for nobody.
const PASSED: &str = "\r\nx-nobody-read: *\r\n";

/// Between a server and the service of its bucket.
struct Tap {
    address: SocketAddr,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    /// The first lines of the requests.
    asked: Mutex<Vec<String>>,
    /// Whether connections are closed at once.
    closed: AtomicBool,
    /// Bytes of answers after which a connection is closed; 0 for no such end.
    cut: AtomicUsize,
    /// What becomes of requests with conditions.
    conditions: Mutex<Conditions>,
    ended: AtomicBool,
}

impl Tap {
    fn open(service: &str) -> Self {
        let upstream: SocketAddr = service.trim_start_matches("http://").parse().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(State::default());
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if shared.ended.load(Ordering::SeqCst) {
                    return;
                }
                let state = Arc::clone(&shared);
                std::thread::spawn(move || state.carry(&stream, upstream));
            }
        });
        Tap { address, state }
    }

    /// How many requests there were for something.
    fn asked_for(&self, what: &str) -> usize {
        self.state.asked.lock().unwrap().iter().filter(|line| line.contains(what)).count()
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        self.state.ended.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
    }
}

impl State {
    fn is_closed(&self) -> bool {
        self.closed.load(Ordering::SeqCst) || self.ended.load(Ordering::SeqCst)
    }

    fn carry(&self, client: &TcpStream, upstream: SocketAddr) {
        if self.is_closed() {
            return;
        }
        let Ok(server) = TcpStream::connect(upstream) else { return };
        std::thread::scope(|scope| {
            scope.spawn(|| self.pass(client, &server, false));
            self.pass(&server, client, true);
        });
    }

    fn pass(&self, mut from: &TcpStream, mut to: &TcpStream, is_answer: bool) {
        let mut piece = vec![0; 16 << 10];
        let mut passed = 0;
        while let Ok(count @ 1..) = from.read(&mut piece) {
            if self.is_closed() {
                break;
            }
            let mut head = None;
            if !is_answer {
                let text = String::from_utf8_lossy(&piece[..count]).into_owned();
                self.asked.lock().unwrap().push(text.lines().next().unwrap_or_default().to_string());
                head = text.find(CONDITION).map(|at| (at, text));
            }
            match (*self.conditions.lock().unwrap(), head) {
                (Conditions::Passed, Some((at, _))) => {
                    piece[at..at + PASSED.len()].copy_from_slice(PASSED.as_bytes());
                }
                (Conditions::Refused, Some((_, text))) => {
                    if refuse(from, &text, count).is_err() {
                        break;
                    }
                    continue;
                }
                _ => {}
            }
            let mut bytes = &piece[..count];
            let cut = self.cut.load(Ordering::SeqCst);
            if is_answer && cut > 0 && passed + count > cut {
                bytes = &bytes[..cut.saturating_sub(passed)];
                let _ = to.write_all(bytes);
                break;
            }
            passed += count;
            if to.write_all(bytes).is_err() {
                break;
            }
        }
        let _ = from.shutdown(Shutdown::Both);
        let _ = to.shutdown(Shutdown::Both);
    }
}

/// Takes a request to its end, of which `count` bytes came, and answers that it cannot be done.
fn refuse(mut client: &TcpStream, text: &str, count: usize) -> std::io::Result<()> {
    let lower = text.to_lowercase();
    let length = lower.split("\r\ncontent-length: ").nth(1).and_then(|rest| rest.lines().next());
    let length: usize = length.and_then(|length| length.parse().ok()).unwrap_or(0);
    // What comes before the body is text that is as long as its bytes.
    let behind = text.find("\r\n\r\n").map_or(0, |at| count - at - 4);
    std::io::copy(&mut client.take((length - behind) as u64), &mut std::io::sink())?;
    let error = "<Error><Code>NotImplemented</Code><Message>A header is not implemented</Message></Error>";
    let head = format!(
        "HTTP/1.1 501 Not Implemented\r\nContent-Type: application/xml\r\nContent-Length: {}",
        error.len()
    );
    client.write_all(format!("{head}\r\n\r\n{error}").as_bytes())
}

/// A bucket of its own for a test.
struct Bucket {
    outside: tempfile::TempDir,
    service: String,
    name: String,
    client: reqwest::blocking::Client,
}

impl Bucket {
    /// A new one; `None`, with a line that says so, without a service.
    fn new() -> Option<Self> {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let Ok(service) = std::env::var("BOWLINE_TEST_BUCKET") else {
            server_is_missing("BOWLINE_TEST_BUCKET is not set");
            return None;
        };
        let outside = tempfile::tempdir().unwrap();
        // The service may be older than this process.
        let name = format!("charts-{}-{}-{}", NEXT.fetch_add(1, Ordering::SeqCst), std::process::id(), now());
        let client = client();
        let made = client.put(format!("{service}/{name}")).header("authorization", OWNER).send().unwrap();
        assert!(made.status().is_success(), "{made:?}");
        Some(Bucket { outside, service, name, client })
    }

    fn url(&self, key: &str) -> String {
        format!("{}/{}/{key}", self.service, self.name)
    }

    fn put(&self, key: &str, bytes: Vec<u8>) {
        let request = self.client.put(self.url(key)).header("authorization", OWNER);
        let answer = request.header("content-type", "application/gzip").body(bytes).send().unwrap();
        assert!(answer.status().is_success(), "{key}: {answer:?}");
    }

    fn remove(&self, key: &str) {
        assert!(
            self.client
                .delete(self.url(key))
                .header("authorization", OWNER)
                .send()
                .unwrap()
                .status()
                .is_success()
        );
    }

    fn get(&self, key: &str) -> (u16, Vec<u8>) {
        let answer = self.client.get(self.url(key)).header("authorization", OWNER).send().unwrap();
        (answer.status().as_u16(), answer.bytes().unwrap().to_vec())
    }

    /// The keys of the charts and of all else that people see.
    fn keys(&self) -> Vec<String> {
        let list = String::from_utf8(self.get("?list-type=2").1).unwrap();
        let keys = list.split("<Key>").skip(1).filter_map(|rest| rest.split("</Key>").next());
        keys.filter(|key| !key.contains(".bowline/")).map(str::to_string).collect()
    }

    fn options(&self, endpoint: &str) -> ServeOptions {
        let bucket = BucketOptions::parse(&format!("s3://{}/stable", self.name)).unwrap();
        let bucket = BucketOptions { endpoint: Some(endpoint.to_string()), ..bucket };
        ServeOptions {
            source: Source::Bucket(bucket),
            address: "127.0.0.1:0".to_string(),
            writable: true,
            ..ServeOptions::new("")
        }
    }

    /// A host whose caches are in a folder of that name.
    fn host(&self, name: &str) -> Host {
        let folder = self.outside.path().join(name);
        let env =
            [("AWS_ACCESS_KEY_ID", "key"), ("AWS_SECRET_ACCESS_KEY", "hidden"), ("AWS_REGION", "eu-west-1")];
        let env: BTreeMap<String, String> =
            env.map(|(key, value)| (key.to_string(), value.to_string())).into();
        Host { env: Arc::new(env), ..host(&folder) }
    }

    fn start(&self, name: &str) -> Running {
        Running::start(&self.host(name), &self.options(&self.service))
    }

    fn start_at(&self, name: &str, tap: &Tap) -> Running {
        Running::start(&self.host(name), &self.options(&format!("http://{}", tap.address)))
    }
}

/// Waits until something is so.
fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < PATIENCE, "{what} did not come true");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// One request with all the time that a busy machine needs.
fn ask(server: &Running, method: &str, path: &str, headers: &str, body: &[u8]) -> Answer {
    let mut request = format!(
        "{method} {path} HTTP/1.1\r\nHost: h\r\nContent-Length: {}\r\n{headers}Connection: close\r\n\r\n",
        body.len()
    )
    .into_bytes();
    request.extend_from_slice(body);
    let mut stream = TcpStream::connect(server.address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    // The server may answer before it has read all.
    let _ = stream.write_all(&request);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    Answer::parse(&answer)
}

fn get(server: &Running, path: &str) -> Answer {
    ask(server, "GET", path, "", b"")
}

fn post(server: &Running, path: &str, body: &[u8]) -> Answer {
    ask(server, "POST", path, "", body)
}

#[test]
fn charts_come_and_go_in_a_bucket() {
    let Some(bucket) = Bucket::new() else { return };
    // A bucket has no index that counts, and what is above the prefix is nobody's business.
    bucket.put("stable/index.yaml", b"apiVersion: v1\nentries: {other: []}\n".to_vec());
    bucket.put("above-1.0.0.tgz", archive("above", "1.0.0"));
    bucket.put("stable/team/inner-1.0.0.tgz", archive("inner", "1.0.0"));
    let server = bucket.start("a");
    let bytes = archive("web", "1.0.0+b.1");
    assert_eq!(post(&server, "/api/charts", &bytes).status, 201);
    let index = get(&server, "/index.yaml").text();
    assert!(index.contains("- web-1.0.0+b.1.tgz") && index.contains("- team/inner-1.0.0.tgz"), "{index}");
    assert!(!index.contains("above") && !index.contains("other"), "{index}");
    assert_eq!(bucket.get("stable/web-1.0.0%2Bb.1.tgz"), (200, bytes.clone()));

    let whole = get(&server, "/web-1.0.0+b.1.tgz");
    assert_eq!((whole.status, &whole.body), (200, &bytes));
    let etag = whole.header("etag").unwrap().to_string();
    assert_eq!(
        ask(&server, "GET", "/web-1.0.0+b.1.tgz", &format!("If-None-Match: {etag}\r\n"), b"").status,
        304
    );
    let part = ask(&server, "GET", "/web-1.0.0+b.1.tgz", "Range: bytes=5-9\r\n", b"");
    assert_eq!((part.status, &part.body[..]), (206, &bytes[5..10]));
    let tail = ask(&server, "GET", "/web-1.0.0+b.1.tgz", "Range: bytes=-4\r\n", b"");
    assert_eq!((tail.status, &tail.body[..]), (206, &bytes[bytes.len() - 4..]));
    let head = ask(&server, "HEAD", "/web-1.0.0+b.1.tgz", "", b"");
    assert_eq!((head.status, head.body.len()), (200, 0));

    assert_eq!(post(&server, "/api/charts", &bytes).status, 409);
    assert_eq!(post(&server, "/api/charts?force", &bytes).status, 201);
    let provenance = "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA512\n\nname: web\nversion: 1.0.0+b.1\n\n...\nfiles: {}\n";
    assert_eq!(post(&server, "/api/prov", provenance.as_bytes()).status, 201);
    assert_eq!(post(&server, "/api/prov", provenance.as_bytes()).status, 409);
    assert_eq!(get(&server, "/web-1.0.0+b.1.tgz.prov").text(), provenance);
    let shown = get(&server, "/api/charts/web/1.0.0+b.1").json();
    assert_eq!(
        (shown["provenance"].as_bool(), shown["values"].as_str()),
        (Some(true), Some("# How many\nreplicas: 1\n"))
    );

    assert_eq!(ask(&server, "DELETE", "/api/charts/web/1.0.0+b.1", "", b"").status, 200);
    assert_eq!(ask(&server, "DELETE", "/api/charts/web/1.0.0+b.1", "", b"").status, 404);
    assert_eq!(get(&server, "/web-1.0.0+b.1.tgz").status, 404);
    assert_eq!(bucket.keys(), ["above-1.0.0.tgz", "stable/index.yaml", "stable/team/inner-1.0.0.tgz"]);
    assert_eq!(post(&server, "/api/charts", b"no chart").status, 400);
    for path in
        ["/../above-1.0.0.tgz", "/%2e%2e/above-1.0.0.tgz", "/..%2fabove-1.0.0.tgz", "//above-1.0.0.tgz"]
    {
        assert!(matches!(get(&server, path).status, 400 | 404), "{path}");
    }
}

#[test]
fn what_others_change_in_the_bucket_shows_and_the_rest_is_not_read_again() {
    let Some(bucket) = Bucket::new() else { return };
    let tap = Tap::open(&bucket.service);
    bucket.put("stable/web-1.0.0.tgz", archive("web", "1.0.0"));
    bucket.put("stable/broken-1.0.0.tgz", b"no chart".to_vec());
    // No path: nothing that could be asked for, and nothing that keeps the rest from being served.
    bucket.put("stable/odd//web-9.0.0.tgz", archive("web", "9.0.0"));
    let server = bucket.start_at("a", &tap);
    let index = || get(&server, "/index.yaml").text();
    assert!(index().contains("web-1.0.0.tgz") && !index().contains("broken") && !index().contains("9.0.0"));
    bucket.put("stable/web-1.1.0.tgz", archive("web", "1.1.0"));
    until("the new version is in the index", || index().contains("web-1.1.0.tgz"));
    bucket.remove("stable/web-1.1.0.tgz");
    until("the removed version is not in the index", || !index().contains("web-1.1.0.tgz"));
    // Put over the old one under the same key.
    let other = archive("web", "1.0.0");
    let digest = |bytes: &[u8]| Digest::of(bytes).hex();
    assert!(index().contains(&digest(&other)));
    let replaced = archive("web", "1.0.1");
    bucket.put("stable/web-1.0.0.tgz", replaced.clone());
    until("the replaced archive is in the index", || index().contains(&digest(&replaced)));
    until("the replaced archive comes", || get(&server, "/web-1.0.0.tgz").body == replaced);
    assert_eq!(tap.asked_for("broken-1.0.0.tgz"), 1, "{:?}", tap.state.asked.lock().unwrap());
    drop(server);

    // Another start, with the caches of the first, reads no archive but the one that could not be kept.
    let before = tap.asked_for("web-1.0.0.tgz");
    let server = bucket.start_at("a", &tap);
    assert!(get(&server, "/index.yaml").text().contains(&digest(&replaced)));
    assert_eq!(tap.asked_for("web-1.0.0.tgz"), before, "{:?}", tap.state.asked.lock().unwrap());
}

#[test]
fn a_bucket_that_cannot_be_reached_leaves_the_last_picture() {
    let Some(bucket) = Bucket::new() else { return };
    let tap = Tap::open(&bucket.service);
    bucket.put("stable/web-1.0.0.tgz", archive("web", "1.0.0"));
    let server = bucket.start_at("a", &tap);
    assert_eq!(get(&server, "/web-1.0.0.tgz").status, 200);
    tap.state.closed.store(true, Ordering::SeqCst);
    for path in
        ["/web-1.0.0.tgz", "/web-1.0.0.tgz.prov", "/api/charts/web/1.0.0", "/v2/charts/web/manifests/1.0.0"]
    {
        let answer = get(&server, path);
        assert_eq!((answer.status, answer.header("retry-after")), (503, Some("1")), "{path}");
    }
    assert_eq!(post(&server, "/api/charts", &archive("web", "1.1.0")).status, 503);
    assert_eq!(get(&server, "/index.yaml").status, 200);
    assert!(get(&server, "/-/charts.json").text().contains("web"));
    tap.state.closed.store(false, Ordering::SeqCst);
    until("the archive comes again", || get(&server, "/web-1.0.0.tgz").status == 200);
    until("an upload succeeds", || {
        matches!(post(&server, "/api/charts", &archive("web", "1.1.0")).status, 201 | 409)
    });
}

/// An archive of some hundred kilobytes.
fn large() -> Vec<u8> {
    let noise: String = (0..10_000).map(|number: u32| Digest::of(number.to_le_bytes()).hex()).collect();
    let file =
        |path: &str, text: &str| ChartFile { path: path.into(), data: text.as_bytes().into(), modified: 1 };
    let files =
        vec![file("Chart.yaml", "apiVersion: v2\nname: web\nversion: 1.0.0\n"), file("noise.txt", &noise)];
    let chart = from_files("web", files, &Limits::default()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let packed = pack(&chart, &PackOptions::default()).unwrap();
    packed.save(folder.path()).unwrap();
    let bytes = std::fs::read(folder.path().join(packed.file_name)).unwrap();
    assert!(bytes.len() > 200_000);
    bytes
}

#[test]
fn a_download_that_breaks_off_is_no_short_file() {
    let Some(bucket) = Bucket::new() else { return };
    let tap = Tap::open(&bucket.service);
    let bytes = large();
    bucket.put("stable/web-1.0.0.tgz", bytes.clone());
    let server = bucket.start_at("a", &tap);
    assert_eq!(get(&server, "/web-1.0.0.tgz").body, bytes);
    // Within the head of an answer, and in the middle of the archive, of which three tries together do not make a whole.
    for cut in [40, 20_000] {
        tap.state.cut.store(cut, Ordering::SeqCst);
        let answer = get(&server, "/web-1.0.0.tgz");
        let told: Option<usize> = answer.header("content-length").and_then(|length| length.parse().ok());
        assert!(
            answer.status == 503 || answer.status == 0 || told.is_some_and(|told| told > answer.body.len()),
            "{cut}: {} with {} of {told:?}",
            answer.status,
            answer.body.len()
        );
    }
    tap.state.cut.store(0, Ordering::SeqCst);
    until("the whole archive comes again", || get(&server, "/web-1.0.0.tgz").body == bytes);
}

#[test]
fn two_servers_over_one_bucket_lose_nothing() {
    let Some(bucket) = Bucket::new() else { return };
    let (one, two) = (bucket.start("a"), bucket.start("b"));
    let mut wanted: Vec<String> = Vec::new();
    std::thread::scope(|scope| {
        for (server, name) in [(&one, "one"), (&two, "two")] {
            for number in 0..4 {
                let version = format!("1.{number}.0");
                wanted.push(format!("{name}-{version}.tgz"));
                scope.spawn(move || {
                    assert_eq!(post(server, "/api/charts", &archive(name, &version)).status, 201);
                });
            }
        }
    });
    for server in [&one, &two] {
        until("all charts are in the index", || {
            let index = get(server, "/index.yaml").text();
            wanted.iter().all(|file| index.contains(file.as_str()))
        });
    }
}

#[test]
fn a_version_that_another_server_took_in_is_not_replaced() {
    let Some(bucket) = Bucket::new() else { return };
    // Nobody asks the second one for anything, so it does not look at the bucket before the upload comes.
    let (one, two) = (bucket.start("a"), bucket.start("b"));
    let first = archive("web", "1.0.0");
    assert_eq!(post(&one, "/api/charts", &first).status, 201);
    let other = archive("web", "1.0.0");
    assert_eq!(post(&two, "/api/charts", &other).status, 409);
    assert_eq!(bucket.get("stable/web-1.0.0.tgz"), (200, first));
    assert_eq!(post(&two, "/api/charts?force", &other).status, 201);
}

#[test]
fn charts_pushed_to_one_server_are_pulled_from_another() {
    let Some(bucket) = Bucket::new() else { return };
    let (one, two) = (bucket.start("a"), bucket.start("b"));
    let (config, bytes) = (br#"{"name":"web"}"#.to_vec(), archive("web", "1.0.0"));
    let digest = |bytes: &[u8]| Digest::of(bytes).prefixed();
    for blob in [&config, &bytes] {
        let path = format!("/v2/charts/web/blobs/uploads/?digest={}", digest(blob));
        assert_eq!(ask(&one, "POST", &path, "", blob).status, 201);
    }
    let layer = |media: &str, bytes: &[u8]| serde_json::json!({"mediaType": media, "digest": digest(bytes), "size": bytes.len()});
    let manifest = serde_json::json!({
        "schemaVersion": 2,
        "config": layer("application/vnd.cncf.helm.config.v1+json", &config),
        "layers": [layer("application/vnd.cncf.helm.chart.content.v1.tar+gzip", &bytes)],
    });
    let manifest = manifest.to_string().into_bytes();
    // The blobs are in the bucket, so any server can take in the manifest.
    assert_eq!(ask(&two, "PUT", "/v2/charts/web/manifests/2.0.0", "", &manifest).status, 400);
    assert_eq!(ask(&two, "PUT", "/v2/charts/web/manifests/1.0.0", "", &manifest).status, 201);
    assert_eq!(bucket.keys(), ["stable/web-1.0.0.tgz"]);
    until("the first server has the tag", || get(&one, "/v2/charts/web/tags/list").text().contains("1.0.0"));
    for server in [&one, &two] {
        let pulled = get(server, "/v2/charts/web/manifests/1.0.0");
        assert_eq!((pulled.status, &pulled.body), (200, &manifest));
        for blob in [&config, &bytes] {
            let got = get(server, &format!("/v2/charts/web/blobs/{}", digest(blob)));
            assert_eq!((got.status, &got.body), (200, blob));
        }
    }
    assert_eq!(ask(&one, "DELETE", "/v2/charts/web/manifests/1.0.0", "", b"").status, 202);
    assert_eq!(bucket.keys(), Vec::<String>::new());
}

#[test]
fn what_is_not_there_costs_no_look_at_what_is() {
    let Some(bucket) = Bucket::new() else { return };
    for number in 0..20 {
        bucket.put(&format!("stable/web-1.0.{number}.tgz"), archive("web", &format!("1.0.{number}")));
    }
    bucket.put("stable/web-1.0.7.tgz.prov", b"signed".to_vec());
    let tap = Tap::open(&bucket.service);
    let server = bucket.start_at("a", &tap);
    let unknown = Digest::of("nowhere").prefixed();
    for path in [format!("/v2/web/blobs/{unknown}"), format!("/v2/web/manifests/{unknown}")] {
        assert_eq!(get(&server, &path).status, 404);
    }
    assert_eq!(tap.asked_for("1.0.7.tgz.prov"), 1, "read once, for its digest");
    assert_eq!(tap.asked_for(".prov"), 1, "of the others the listing tells that there is none");
    let signed = Digest::of("signed").prefixed();
    assert!(get(&server, "/v2/web/manifests/1.0.7").text().contains(&signed));
    assert_eq!(get(&server, &format!("/v2/web/blobs/{signed}")).text(), "signed");
    // What this server takes in it knows without a listing.
    let provenance =
        "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA512\n\nname: web\nversion: 1.0.3\n\n...\nx\n";
    assert_eq!(post(&server, "/api/prov", provenance.as_bytes()).status, 201);
    let taken = Digest::of(provenance).prefixed();
    assert!(get(&server, "/v2/web/manifests/1.0.3").text().contains(&taken));
    assert_eq!(ask(&server, "DELETE", "/api/charts/web/1.0.3", "", b"").status, 200);
    assert_eq!(get(&server, &format!("/v2/web/blobs/{taken}")).status, 404);
}

#[test]
fn a_service_without_conditions_still_replaces_nothing() {
    let Some(bucket) = Bucket::new() else { return };
    assert_eq!(CONDITION.len(), PASSED.len());
    for (kind, name) in [(Conditions::Refused, "refused"), (Conditions::Passed, "passed")] {
        let tap = Tap::open(&bucket.service);
        *tap.state.conditions.lock().unwrap() = kind;
        let server = bucket.start_at(name, &tap);
        let first = archive(name, "1.0.0");
        assert_eq!(post(&server, "/api/charts", &first).status, 201, "{name}");
        assert_eq!(post(&server, "/api/charts", &archive(name, "1.0.0")).status, 409);
        assert_eq!(post(&server, "/api/charts", &archive(name, "1.1.0")).status, 201);
        // Another server took it in, and this one did not look at the bucket since.
        bucket.put(&format!("stable/{name}-1.2.0.tgz"), first.clone());
        let other = archive(name, "1.2.0");
        assert_eq!(post(&server, "/api/charts", &other).status, 409, "{name}");
        assert_eq!(bucket.get(&format!("stable/{name}-1.2.0.tgz")), (200, first.clone()));
        assert_eq!(post(&server, "/api/charts?force", &other).status, 201);
        assert_eq!(bucket.get(&format!("stable/{name}-1.2.0.tgz")), (200, other));
        assert_eq!(push_blob(&server, &server, b"a blob", 3).0, 201, "chunks need no conditions");
    }
}

/// Uploads a blob in chunks to two servers in turns; the status of the last answer, and where the upload was.
fn push_blob(one: &Running, two: &Running, blob: &[u8], chunk: usize) -> (u16, String) {
    let begun = ask(one, "POST", "/v2/charts/web/blobs/uploads/", "", b"");
    assert_eq!(begun.status, 202);
    let place = begun.header("location").unwrap().to_string();
    let mut sent = 0;
    for (number, part) in blob.chunks(chunk).enumerate() {
        let server = if number % 2 == 0 { two } else { one };
        let range = format!("Content-Range: {sent}-{}\r\n", sent + part.len() - 1);
        let answer = ask(server, "PATCH", &place, &range, part);
        sent += part.len();
        assert_eq!((answer.status, answer.header("range")), (202, Some(&*format!("0-{}", sent - 1))));
    }
    let digest = Digest::of(blob).prefixed();
    (ask(one, "PUT", &format!("{place}?digest={digest}"), "", b"").status, place)
}

#[test]
fn an_upload_begun_at_one_server_goes_on_at_another() {
    let Some(bucket) = Bucket::new() else { return };
    let (one, two) = (bucket.start("a"), bucket.start("b"));
    let blob = large();
    let (status, place) = push_blob(&one, &two, &blob, 70_000);
    assert_eq!(status, 201);
    let kept = format!("/v2/charts/web/blobs/{}", Digest::of(&blob).prefixed());
    assert_eq!(get(&two, &kept).body, blob);
    assert_eq!(get(&one, &place).status, 404, "it is finished");

    // As most clients do it: the whole with the end.
    let begin = || {
        let begun = ask(&one, "POST", "/v2/charts/web/blobs/uploads/", "", b"");
        begun.header("location").unwrap().to_string()
    };
    let end = |place: &str, blob: &[u8]| format!("{place}?digest={}", Digest::of(blob).prefixed());
    let place = begin();
    assert_eq!(ask(&two, "PUT", &end(&place, b"small"), "", b"small").status, 201);
    // A chunk, and the rest with the end.
    let place = begin();
    assert_eq!(ask(&two, "PATCH", &place, "", b"one ").status, 202);
    assert_eq!(get(&one, &place).header("range"), Some("0-3"));
    assert_eq!(ask(&one, "PATCH", &place, "Content-Range: 9-12\r\n", b"late").status, 416);
    assert_eq!(ask(&one, "PATCH", &place, "", b"").header("range"), Some("0-3"));
    assert_eq!(ask(&two, "PUT", &end(&place, b"one two"), "Content-Range: 4-6\r\n", b"two").status, 201);
    let two_parts = format!("/v2/charts/web/blobs/{}", Digest::of("one two").prefixed());
    assert_eq!(get(&one, &two_parts).body, b"one two");

    // What is given up or has another digest is gone, everywhere.
    let place = begin();
    assert_eq!(ask(&two, "PATCH", &place, "", b"one").status, 202);
    assert_eq!(ask(&two, "DELETE", &place, "", b"").status, 204);
    assert_eq!(ask(&one, "PATCH", &place, "", b"two").status, 404);
    let place = begin();
    assert_eq!(ask(&two, "PUT", &place, "", b"other").status, 400, "no digest");
    assert_eq!(ask(&two, "PUT", &end(&place, b"blob"), "", b"other").status, 400);
    assert_eq!(get(&two, &place).status, 404);
    let place = begin();
    for strange in [
        place.replace("charts/web", "charts/db"),
        place.replace("uploads/", "uploads/../"),
        format!("{place}0"),
        "/v2/web/blobs/uploads/x".into(),
    ] {
        assert!(matches!(get(&two, &strange).status, 400 | 404), "{strange}");
    }
    let limited = ServeOptions { max_upload_size: 6, ..bucket.options(&bucket.service) };
    let limited = Running::start(&bucket.host("c"), &limited);
    assert_eq!(ask(&limited, "PATCH", &place, "", b"1234").status, 202);
    assert_eq!(ask(&limited, "PATCH", &place, "", b"567").status, 413, "of all chunks together");
    let left = String::from_utf8(bucket.get("?list-type=2").1).unwrap();
    assert_eq!(left.matches("/uploads/").count(), 2, "the last one and its chunk: {left}");
    drop((one, two, limited));

    // Nobody goes on with it: a server that starts later removes it.
    let later = Clock::Still(now() + 7_200);
    let _later = Running::start(&Host { clock: later, ..bucket.host("d") }, &bucket.options(&bucket.service));
    until("what nobody goes on with is gone", || {
        !String::from_utf8(bucket.get("?list-type=2").1).unwrap().contains("/uploads/")
    });
}

/// Seconds since the Unix epoch.
fn now() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs()
}

#[test]
fn tenants_are_prefixes() {
    let Some(bucket) = Bucket::new() else { return };
    bucket.put("stable/ops/db-1.0.0.tgz", archive("db", "1.0.0"));
    bucket.put("stable/.hidden/db-1.0.0.tgz", archive("db", "1.0.0"));
    bucket.put("stable/api/db-1.0.0.tgz", archive("db", "1.0.0"));
    let options = ServeOptions { depth: 1, ..bucket.options(&bucket.service) };
    let server = Running::start(&bucket.host("a"), &options);
    assert_eq!(post(&server, "/api/team/charts", &archive("web", "1.0.0")).status, 201);
    assert_eq!(bucket.get("stable/team/web-1.0.0.tgz").0, 200);
    assert!(get(&server, "/team/index.yaml").text().contains("web-1.0.0.tgz"));
    assert!(!get(&server, "/ops/index.yaml").text().contains("web-1.0.0.tgz"));
    assert_eq!(get(&server, "/ops/db-1.0.0.tgz").status, 200);
    assert_eq!(get(&server, "/none/index.yaml").status, 404);
    assert_eq!(
        get(&server, "/v2/_catalog").json()["repositories"],
        serde_json::json!(["charts/ops/db", "charts/team/web"])
    );
    for path in
        ["/.hidden/index.yaml", "/%2e%2e/index.yaml", "/ops%2f..%2fteam/index.yaml", "/.bowline/index.yaml"]
    {
        assert!(matches!(get(&server, path).status, 400 | 404), "{path}");
    }
    assert_eq!(post(&server, "/api/..%2fteam/charts", &archive("web", "2.0.0")).status, 404);
    assert_eq!(bucket.keys().len(), 4);
}

#[test]
fn a_server_without_its_bucket_does_not_start() {
    let Some(bucket) = Bucket::new() else { return };
    let text = |options: &ServeOptions, name: &str| {
        Server::bind(&bucket.host(name), options).err().unwrap().to_string()
    };
    let missing = ServeOptions {
        source: Source::Bucket(BucketOptions {
            endpoint: Some(bucket.service.clone()),
            ..BucketOptions::parse("s3://no-such-bucket-at-all").unwrap()
        }),
        ..bucket.options("")
    };
    assert_eq!(
        text(&missing, "a"),
        "s3://no-such-bucket-at-all refuses: NoSuchBucket: The specified bucket does not exist"
    );
    let tap = Tap::open(&bucket.service);
    tap.state.closed.store(true, Ordering::SeqCst);
    let gone = text(&bucket.options(&format!("http://{}", tap.address)), "b");
    assert!(gone.starts_with(&format!("s3://{}/stable cannot be reached: ", bucket.name)), "{gone}");
    let bad = text(&bucket.options("ftp://x"), "c");
    assert!(bad.ends_with("the endpoint is not an http:// or https:// URL"), "{bad}");
    let user = text(&bucket.options("http://ann:secret@x"), "d");
    assert!(user.contains("the endpoint has a user in it") && !user.contains("secret"), "{user}");
    let env = Env::new();
    env.run("serve s3://x").exits(1).complains("Error: \"x\" is not the name of a bucket\n");
    let ran = env.run("serve --s3-region eu-west-1 .").exits(1);
    assert!(ran.stderr.contains("--s3-endpoint and --s3-region go with s3://BUCKET"), "{}", ran.stderr);
}

#[test]
fn helm_and_bowline_are_clients_of_a_bucket() {
    let Some(bucket) = Bucket::new() else { return };
    let env = Env::new().with("AWS_ACCESS_KEY_ID", "key").with("AWS_SECRET_ACCESS_KEY", "hidden");
    let line = format!(
        "serve s3://{} --s3-endpoint {} --address 127.0.0.1:0 --writable",
        bucket.name, bucket.service
    );
    let server = env.serve(&line);
    let url = server.url();
    std::fs::write(env.path("web-1.0.0.tgz"), archive("web", "1.0.0")).unwrap();
    let registry = format!("oci://127.0.0.1:{}/charts", server.port);
    env.run(&format!("push web-1.0.0.tgz {registry} --plain-http")).ok();
    assert_eq!(bucket.keys(), ["web-1.0.0.tgz"]);
    env.run(&format!("repo add b {url}")).ok();
    env.run("pull b/web").ok();
    let Some(helm) = helm("helm4") else { return };
    let home = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str]| helm_at_home(&helm, home.path(), arguments);
    std::fs::write(home.path().join("web-1.1.0.tgz"), archive("web", "1.1.0")).unwrap();
    run(&["push", "web-1.1.0.tgz", &registry, "--plain-http"]);
    run(&["repo", "add", "b", &url]);
    run(&["repo", "update"]);
    let (found, _) = run(&["search", "repo", "b/web", "--versions"]);
    assert!(found.contains("1.0.0") && found.contains("1.1.0"), "{found}");
    let got = home.path().join("got");
    std::fs::create_dir(&got).unwrap();
    run(&["pull", "b/web", "--version", "1.0.0", "-d", "got"]);
    run(&["pull", &format!("{registry}/web"), "--version", "1.1.0", "--plain-http", "-d", "got"]);
    assert_same(&got, "web-1.0.0.tgz", &archive("web", "1.0.0"));
    assert_same(&got, "web-1.1.0.tgz", &archive("web", "1.1.0"));
}

fn assert_same(folder: &Path, file: &str, bytes: &[u8]) {
    assert_eq!(std::fs::read(folder.join(file)).unwrap(), bytes, "{file}");
}
