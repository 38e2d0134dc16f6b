//! The server against real clients: our own, hostile ones on raw sockets, and Helm when it is installed.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bowline::chart::{ChartFile, Limits, from_files};
use bowline::package::{PackOptions, pack};
use bowline::repo::serve::{ServeOptions, Server};
use bowline::sys::{Clock, Dirs, Host, Random};

use crate::support::helm::{helm, helm_at_home};

/// Only a server that hangs takes as long as this; less than the 15 seconds after which it closes idle connections anyway.
const HANG: Duration = Duration::from_secs(12);

/// A host that lives in a folder.
pub(crate) fn host(folder: &Path) -> Host {
    Host {
        env: Arc::new(BTreeMap::new()),
        clock: Clock::ticking(1_767_225_600),
        random: Random::seeded(*b"serving"),
        dirs: Dirs { config: folder.join("config"), cache: folder.join("cache"), data: folder.join("data") },
        cwd: folder.to_path_buf(),
        watched: bowline::sys::transfers::Watched::default(),
    }
}

/// Writes a chart's archive into a folder and returns its name.
pub(crate) fn chart(folder: &Path, name: &str, version: &str, more: &str) -> String {
    let yaml =
        format!("apiVersion: v2\nname: {name}\nversion: {version}\ndescription: The {name} chart\n{more}");
    let file = |path: &str, text: &str| ChartFile {
        path: path.into(),
        data: text.as_bytes().into(),
        modified: 1_767_225_600,
    };
    let mut files = vec![
        file("Chart.yaml", &yaml),
        file("README.md", "# Read <script>alert(1)</script>\n\n[x](javascript:alert(1))\n"),
        file("values.yaml", "# How many\nreplicas: 1\n"),
        file("templates/a.yaml", "kind: ConfigMap\n"),
    ];
    if more.contains("dependencies:") {
        files.push(file("charts/d/Chart.yaml", "apiVersion: v2\nname: d\nversion: 1.0.0\n"));
    }
    let chart = from_files(name, files, &Limits::default()).unwrap();
    let packed = pack(&chart, &PackOptions::default()).unwrap();
    packed.save(folder).unwrap();
    packed.file_name
}

/// A server that runs until it is dropped.
pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    pub(crate) url: String,
    stop: Arc<AtomicBool>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Running {
    pub(crate) fn start(host: &Host, options: &ServeOptions) -> Self {
        let server = Server::bind(host, options).unwrap();
        let (address, url) = (server.local_addr(), server.url());
        let stop = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&stop);
        let thread = std::thread::spawn(move || server.run(&seen).unwrap());
        Running { address, url, stop, thread: Some(thread) }
    }

    pub(crate) fn of(folder: &Path) -> Self {
        let options = ServeOptions { address: "127.0.0.1:0".to_string(), ..ServeOptions::new(folder) };
        Self::start(&host(folder), &options)
    }

    /// Sends raw bytes and reads what comes back until the connection closes.
    pub(crate) fn raw(&self, request: impl AsRef<[u8]>) -> Vec<u8> {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(HANG)).unwrap();
        // The server may answer and close before it has read all of a bad request.
        let _ = stream.write_all(request.as_ref());
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        answer
    }

    pub(crate) fn get(&self, path: &str, headers: &str) -> Answer {
        self.ask("GET", path, headers)
    }

    pub(crate) fn ask(&self, method: &str, path: &str, headers: &str) -> Answer {
        Answer::parse(
            &self.raw(format!("{method} {path} HTTP/1.1\r\nHost: h\r\n{headers}Connection: close\r\n\r\n")),
        )
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn parse(bytes: &[u8]) -> Self {
        let at = bytes.windows(4).position(|four| four == b"\r\n\r\n").unwrap_or(bytes.len());
        let head = String::from_utf8_lossy(&bytes[..at]).into_owned();
        let status = head.split(' ').nth(1).and_then(|word| word.parse().ok()).unwrap_or(0);
        Answer { status, head, body: bytes.get(at + 4..).unwrap_or(&[]).to_vec() }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let pairs = self.head.lines().filter_map(|line| line.split_once(": "));
        pairs.into_iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// A folder with a few charts, and files around it that must never be served.
fn folder() -> (tempfile::TempDir, PathBuf) {
    let outside = tempfile::tempdir().unwrap();
    let inside = outside.path().join("charts");
    std::fs::create_dir_all(inside.join("sub")).unwrap();
    std::fs::write(outside.path().join("secret.tgz"), "secret").unwrap();
    std::fs::write(inside.join("notes.txt"), "secret").unwrap();
    std::fs::write(inside.join("broken.tgz"), "secret").unwrap();
    chart(&inside, "web", "1.0.0", "");
    chart(&inside, "web", "1.1.0", "");
    chart(&inside, "web", "2.0.0-rc.1", "");
    chart(&inside.join("sub"), "db", "0.1.0", "keywords: [sql]\ndeprecated: true\n");
    std::fs::write(inside.join("web-1.0.0.tgz.prov"), "signed").unwrap();
    (outside, inside)
}

#[test]
fn index_archives_and_interface_are_served() {
    let (_keep, folder) = folder();
    let server = Running::of(&folder);
    let index = server.get("/index.yaml", "");
    assert_eq!((index.status, index.header("content-type")), (200, Some("application/yaml; charset=utf-8")));
    assert_eq!(index.header("x-content-type-options"), Some("nosniff"));
    let text = index.text();
    assert!(text.contains("- sub/db-0.1.0.tgz") && text.contains("- web-1.1.0.tgz"), "{text}");
    assert!(!text.contains("broken"));

    let archive = server.get("/web-1.0.0.tgz", "");
    assert_eq!((archive.status, archive.header("content-type")), (200, Some("application/gzip")));
    assert_eq!(archive.body, std::fs::read(folder.join("web-1.0.0.tgz")).unwrap());
    assert_eq!(server.get("/sub/db-0.1.0.tgz", "").status, 200);
    assert_eq!(server.get("/web-1.0.0.tgz.prov", "").text(), "signed");
    assert_eq!(server.get("/web-1.1.0.tgz.prov", "").status, 404);

    let summary = server.get("/-/charts.json", "").json();
    assert_eq!(summary["charts"][0]["name"], "db");
    assert_eq!(
        (&summary["charts"][1]["version"], &summary["charts"][1]["versions"]),
        (&"1.1.0".into(), &3.into())
    );
    assert_eq!(server.get("/api/charts", "").json()["web"][0]["version"], "2.0.0-rc.1");
    assert_eq!(server.get("/api/charts/web", "").json().as_array().unwrap().len(), 3);
    let one = server.get("/api/charts/web/1.0.0", "").json();
    assert_eq!(
        (&one["archive"], &one["values"]),
        (&"web-1.0.0.tgz".into(), &"# How many\nreplicas: 1\n".into())
    );
    let readme = one["readmeHtml"].as_str().unwrap();
    assert!(!readme.contains("script") && readme.contains(">Read alert(1)</h1>"), "{readme}");
    for missing in ["/api/charts/none", "/api/charts/web/9.9.9", "/api/nothing"] {
        assert_eq!(server.get(missing, "").status, 404);
    }
    assert_eq!(server.get("/health", "").json()["healthy"], true);
}

#[test]
fn the_page_is_locked_down() {
    let (_keep, folder) = folder();
    let server = Running::of(&folder);
    let page = server.get("/", "");
    assert_eq!((page.status, page.header("content-type")), (200, Some("text/html; charset=utf-8")));
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    for (path, content_type) in [
        ("/-/app.js", "text/javascript; charset=utf-8"),
        ("/-/style.css", "text/css; charset=utf-8"),
        ("/-/icon.svg", "image/svg+xml"),
    ] {
        let file = server.get(path, "");
        assert_eq!((file.status, file.header("content-type")), (200, Some(content_type)));
        let text = file.text();
        let own = text.replace("http://www.w3.org/2000/svg", "");
        assert!(!own.contains("http://") && !own.contains("//cdn"), "{path} asks another host");
    }
    assert!(!page.text().contains("style=") && !page.text().contains("onclick="));
}

#[test]
fn copies_that_are_current_are_not_sent_again() {
    let (_keep, folder) = folder();
    let server = Running::of(&folder);
    for path in ["/", "/index.yaml", "/web-1.0.0.tgz", "/api/charts"] {
        for coding in ["", "Accept-Encoding: gzip\r\n"] {
            let first = server.get(path, coding);
            let etag = first.header("etag").unwrap().to_string();
            assert!(etag.starts_with('"') && etag.len() >= 66, "{etag}");
            let again = server.get(path, &format!("{coding}If-None-Match: \"x\", W/{etag}\r\n"));
            assert_eq!((again.status, again.body.len(), again.header("etag")), (304, 0, Some(etag.as_str())));
        }
    }
    let plain = server.get("/index.yaml", "");
    let gzip = server.get("/index.yaml", "Accept-Encoding: gzip\r\n");
    assert_eq!(gzip.header("content-encoding"), Some("gzip"));
    assert_eq!(bowline::data::gzip::inflate(&gzip.body, 1 << 20).unwrap(), plain.body);
    assert_ne!(gzip.header("etag"), plain.header("etag"));
    let head = server.ask("HEAD", "/index.yaml", "");
    assert_eq!((head.status, head.body.len()), (200, 0));
    assert_eq!(head.header("content-length"), plain.header("content-length"));
}

#[test]
fn parts_of_archives_can_be_asked_for() {
    let (_keep, folder) = folder();
    let server = Running::of(&folder);
    let whole = std::fs::read(folder.join("web-1.0.0.tgz")).unwrap();
    let part = server.get("/web-1.0.0.tgz", "Range: bytes=5-9\r\n");
    assert_eq!((part.status, &part.body[..]), (206, &whole[5..10]));
    assert_eq!(part.header("content-range").unwrap(), format!("bytes 5-9/{}", whole.len()));
    let tail = server.get("/web-1.0.0.tgz", "Range: bytes=-4\r\n");
    assert_eq!(tail.body, &whole[whole.len() - 4..]);
    let head = server.ask("HEAD", "/web-1.0.0.tgz", "Range: bytes=5-9\r\n");
    assert_eq!((head.status, head.header("content-length").unwrap()), (200, &*whole.len().to_string()));
    let past = server.get("/web-1.0.0.tgz", "Range: bytes=999999-\r\n");
    assert_eq!(
        (past.status, past.header("content-range").unwrap()),
        (416, &*format!("bytes */{}", whole.len()))
    );
    for ignored in
        ["Range: bytes=0-1,4-5\r\n", "Range: lines=1-2\r\n", "Range: bytes=0-1\r\nIf-Range: \"old\"\r\n"]
    {
        assert_eq!(server.get("/web-1.0.0.tgz", ignored).body.len(), whole.len());
    }
    assert_eq!(server.get("/index.yaml", "Range: bytes=0-9\r\n").body, b"apiVersion");
}

#[test]
fn nothing_outside_of_the_folder_is_served() {
    let (_keep, folder) = folder();
    #[cfg(unix)]
    std::os::unix::fs::symlink("/etc/passwd", folder.join("passwd.txt")).unwrap();
    let server = Running::of(&folder);
    for path in [
        "/../secret.tgz",
        "/%2e%2e/secret.tgz",
        "/..%2fsecret.tgz",
        "/%2e%2e%2fsecret.tgz",
        "/sub/../../secret.tgz",
        "/sub/..%5c..%5csecret.tgz",
        "/%252e%252e/secret.tgz",
        "//secret.tgz",
        "/./secret.tgz",
        "/secret.tgz%00.tgz",
        "/etc/passwd",
        "//etc/passwd",
        "/passwd.txt",
        "/notes.txt",
        "/broken.tgz",
        "/sub",
        "/sub/",
        "/web-1.0.0.tgz/",
        "/-/../index.yaml",
        "/-/",
        "/api/charts/..%2f..%2fsecret.tgz/1",
        "/api/charts/web/..%2f..%2f..%2fsecret.tgz",
        "/index.yaml/..",
        "http://h/../secret.tgz",
        "secret.tgz",
    ] {
        let answer = server.get(path, "");
        assert!(matches!(answer.status, 400 | 404), "{path}: {}", answer.status);
        assert!(!answer.text().contains("secret") && !answer.text().contains("root:"), "{path}");
    }
}

#[test]
fn hostile_requests_are_refused_and_do_no_harm() {
    let (_keep, folder) = folder();
    let server = Running::of(&folder);
    let long = "a".repeat(6_000);
    let huge = format!("X: {}\r\n", "b".repeat(20_000));
    let many = "X: y\r\n".repeat(100);
    for (request, status) in [
        (format!("GET /{long} HTTP/1.1\r\nHost: h\r\n\r\n"), 414),
        (format!("GET / HTTP/1.1\r\nHost: h\r\n{huge}\r\n"), 431),
        (format!("GET / HTTP/1.1\r\nHost: h\r\n{many}\r\n"), 431),
        ("POST /api/charts HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc".to_string(), 405),
        ("DELETE /api/charts/web/1.0.0 HTTP/1.1\r\nHost: h\r\n\r\n".to_string(), 405),
        ("GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nGET /".to_string(), 413),
        ("GET / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n".to_string(), 413),
        ("GET / HTTP/9.9\r\nHost: h\r\n\r\n".to_string(), 505),
        ("\u{16}\u{3}\u{1}\u{2}\r\n\r\n".to_string(), 400),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_string(), 505),
        ("GET / HTTP/1.1\r\n\r\n".to_string(), 400),
    ] {
        let answer = Answer::parse(&server.raw(&request));
        assert_eq!(answer.status, status, "{}", &request[..request.len().min(60)]);
    }
    // Two requests on one connection, the second closing it.
    let both = server.raw(
        "GET /health HTTP/1.1\r\nHost: h\r\n\r\nGET /info HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
    );
    assert_eq!(String::from_utf8_lossy(&both).matches("HTTP/1.1 200").count(), 2);
    // The last of the thousand that a connection takes says so.
    let many = server.raw("GET /health HTTP/1.1\r\nHost: h\r\n\r\n".repeat(1_001));
    let many = String::from_utf8_lossy(&many);
    let answers: Vec<&str> = many.split("HTTP/1.1 200").skip(1).collect();
    let closing: Vec<usize> = (1..)
        .zip(&answers)
        .filter(|(_, answer)| answer.contains("Connection: close"))
        .map(|(at, _)| at)
        .collect();
    assert_eq!((answers.len(), closing), (1_000, vec![1_000]));
    // An address that does not exist any more gives nothing but 404, and the server lives on.
    assert_eq!(server.get("/health", "").status, 200);
}

#[test]
fn slow_clients_do_not_keep_others_waiting() {
    let (_keep, folder) = folder();
    let options = ServeOptions {
        address: "127.0.0.1:0".to_string(),
        workers: 3,
        request_time: Duration::from_secs(1),
        ..ServeOptions::new(&folder)
    };
    let server = Running::start(&host(&folder), &options);
    let mut slow: Vec<TcpStream> = (0..3).map(|_| TcpStream::connect(server.address).unwrap()).collect();
    for stream in &mut slow {
        stream.write_all(b"GET / HT").unwrap();
    }
    std::thread::sleep(Duration::from_millis(300));
    let start = Instant::now();
    assert_eq!(server.get("/health", "").status, 200);
    assert!(start.elapsed() < HANG, "{:?}", start.elapsed());
    let mut answer = String::new();
    slow[0].set_read_timeout(Some(HANG)).unwrap();
    let _ = slow[0].read_to_string(&mut answer);
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
}

#[test]
fn half_heads_do_not_keep_others_waiting() {
    let (_keep, folder) = folder();
    let options = ServeOptions {
        address: "127.0.0.1:0".to_string(),
        workers: 2,
        request_time: Duration::from_secs(60),
        ..ServeOptions::new(&folder)
    };
    let server = Running::start(&host(&folder), &options);
    let mut halves: Vec<TcpStream> = (0..20).map(|_| TcpStream::connect(server.address).unwrap()).collect();
    // Some say the first byte, the others nothing.
    for stream in halves.iter_mut().step_by(2) {
        stream.write_all(b"G").unwrap();
    }
    let start = Instant::now();
    assert_eq!(server.get("/health", "").status, 200);
    assert!(start.elapsed() < HANG, "{:?}", start.elapsed());
    // They are heard when they go on.
    for (at, stream) in halves.iter_mut().enumerate() {
        let rest = if at % 2 == 0 { "ET" } else { "GET" };
        stream
            .write_all(format!("{rest} /health HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n").as_bytes())
            .unwrap();
        stream.set_read_timeout(Some(HANG)).unwrap();
        let mut answer = String::new();
        let _ = stream.read_to_string(&mut answer);
        assert!(answer.starts_with("HTTP/1.1 200"), "{at}: {answer}");
    }
}

#[test]
fn readers_that_do_not_read_do_not_keep_others_waiting() {
    let (_keep, folder) = folder();
    // More than the system keeps for a connection.
    let large: Vec<u8> = (0..40_u32 << 20).map(|at| (at.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let file = ChartFile {
        path: "Chart.yaml".into(),
        data: b"apiVersion: v2\nname: big\nversion: 1.0.0\n".as_slice().into(),
        modified: 1,
    };
    let more = ChartFile { path: "files/noise".into(), data: large.into(), modified: 1 };
    let chart = from_files("big", vec![file, more], &Limits::default()).unwrap();
    pack(&chart, &PackOptions::default()).unwrap().save(&folder).unwrap();
    let options =
        ServeOptions { address: "127.0.0.1:0".to_string(), workers: 3, ..ServeOptions::new(&folder) };
    let server = Running::start(&host(&folder), &options);
    assert!(server.get("/index.yaml", "").text().contains("big-1.0.0.tgz"));
    let mut idle: Vec<TcpStream> = (0..3).map(|_| TcpStream::connect(server.address).unwrap()).collect();
    for stream in &mut idle {
        stream.write_all(b"GET /big-1.0.0.tgz HTTP/1.1\r\nHost: h\r\n\r\n").unwrap();
    }
    std::thread::sleep(Duration::from_millis(500));
    let start = Instant::now();
    assert_eq!(server.get("/health", "").status, 200);
    assert!(start.elapsed() < HANG, "{:?}", start.elapsed());
}

#[test]
fn idle_connections_make_room() {
    let (_keep, folder) = folder();
    let options =
        ServeOptions { address: "127.0.0.1:0".to_string(), workers: 2, ..ServeOptions::new(&folder) };
    let server = Running::start(&host(&folder), &options);
    let mut idle: Vec<TcpStream> = (0..2).map(|_| TcpStream::connect(server.address).unwrap()).collect();
    for stream in &mut idle {
        stream.write_all(b"GET /health HTTP/1.1\r\nHost: h\r\n\r\n").unwrap();
    }
    std::thread::sleep(Duration::from_millis(300));
    let start = Instant::now();
    assert_eq!(server.get("/health", "").status, 200);
    assert!(start.elapsed() < HANG, "{:?}", start.elapsed());
}

#[test]
fn a_server_stops_when_told_even_with_open_connections() {
    let (_keep, folder) = folder();
    let server = Running::of(&folder);
    let _open = TcpStream::connect(server.address).unwrap();
    let start = Instant::now();
    let address = server.address;
    drop(server);
    assert!(start.elapsed() < HANG, "{:?}", start.elapsed());
    assert!(TcpStream::connect_timeout(&address, Duration::from_millis(500)).is_err());
}

#[test]
fn changes_of_the_folder_show_up() {
    let (_keep, folder) = folder();
    let server = Running::of(&folder);
    let before = server.get("/index.yaml", "");
    let again = Running::of(&folder);
    assert_eq!(again.get("/index.yaml", "").body, before.body, "the same folder gives the same index");
    chart(&folder, "new", "1.0.0", "");
    std::fs::remove_file(folder.join("web-1.0.0.tgz")).unwrap();
    std::thread::sleep(Duration::from_millis(1_100));
    let after = server.get("/index.yaml", "");
    assert!(after.text().contains("new-1.0.0.tgz") && !after.text().contains("web-1.0.0.tgz"));
    assert_ne!(after.header("etag"), before.header("etag"));
    assert_eq!(server.get("/new-1.0.0.tgz", "").status, 200);
    assert_eq!(server.get("/web-1.0.0.tgz", "").status, 404);
    let written =
        "apiVersion: v1\nentries:\n  own:\n  - name: own\n    version: 1.0.0\n    urls: [new-1.0.0.tgz]\n";
    std::fs::write(folder.join("index.yaml"), written).unwrap();
    std::thread::sleep(Duration::from_millis(1_100));
    assert_eq!(server.get("/index.yaml", "").text(), written);
    assert_eq!(server.get("/api/charts/own/1.0.0", "").json()["archive"], "new-1.0.0.tgz");
}

#[test]
fn requests_are_told_to_the_log() {
    let (_keep, folder) = folder();
    let seen: Arc<Mutex<Vec<String>>> = Arc::default();
    let log = Arc::clone(&seen);
    let options = ServeOptions {
        address: "127.0.0.1:0".to_string(),
        log: Some(Arc::new(move |access| {
            log.lock().unwrap().push(format!("{} {} {}", access.method, access.path, access.status));
        })),
        ..ServeOptions::new(&folder)
    };
    let server = Running::start(&host(&folder), &options);
    server.get("/health?x=1", "");
    server.get("/none", "");
    assert_eq!(*seen.lock().unwrap(), ["GET /health 200", "GET /none 404"]);
}

#[test]
fn an_address_that_is_taken_and_a_folder_that_is_none_are_told() {
    let (_keep, folder) = folder();
    let server = Running::of(&folder);
    let taken = ServeOptions { address: server.address.to_string(), ..ServeOptions::new(&folder) };
    let error = Server::bind(&host(&folder), &taken).err().unwrap().to_string();
    assert!(error.starts_with(&format!("cannot listen on {}", server.address)), "{error}");
    let none = ServeOptions::new(folder.join("none"));
    assert!(Server::bind(&host(&folder), &none).err().unwrap().to_string().ends_with("is not a folder"));
}

/// Helm itself as a client, when it is there.
#[test]
fn helm_adds_searches_and_pulls_from_our_server() {
    let Some(helm) = helm("helm4") else { return };
    let (keep, folder) = folder();
    let server = Running::of(&folder);
    let home = keep.path().join("home");
    std::fs::create_dir_all(&home).unwrap();
    let run = |arguments: &[&str]| helm_at_home(&helm, &home, arguments).0;
    assert_eq!(run(&["repo", "add", "ours", &server.url]), "\"ours\" has been added to your repositories\n");
    run(&["repo", "update"]);
    let found: serde_json::Value =
        serde_json::from_str(&run(&["search", "repo", "-l", "-o", "json"])).unwrap();
    let names: Vec<String> =
        found.as_array().unwrap().iter().map(|hit| format!("{} {}", hit["name"], hit["version"])).collect();
    assert_eq!(names, ["\"ours/db\" \"0.1.0\"", "\"ours/web\" \"1.1.0\"", "\"ours/web\" \"1.0.0\""]);
    run(&["pull", "ours/web", "--version", "1.0.0"]);
    assert_eq!(
        std::fs::read(home.join("web-1.0.0.tgz")).unwrap(),
        std::fs::read(folder.join("web-1.0.0.tgz")).unwrap()
    );
    run(&["pull", "db", "--repo", &server.url]);
    assert!(home.join("db-0.1.0.tgz").is_file());
}
