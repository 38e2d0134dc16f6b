//! Repositories, fetching and dependencies against our own server, against servers that mean harm, and next to Helm when
//! it is installed.

use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bowline::fetch::deps::{self, DepsEvent, DepsOptions, Refresh};
use bowline::fetch::{
    FetchContext, FetchError, FetchOptions, Provenance, Source, read_values_source, resolve,
};
use bowline::repo::config::{AddOptions, Added, RepoFile, RepoPaths, Repository, add, remove};
use bowline::repo::generate::{GenerateOptions, generate_and_write};
use bowline::repo::index::{Index, Only};
use bowline::repo::index_cache::Listing;
use bowline::repo::search::{SearchOptions, search};
use bowline::repo::serve::ServeOptions;
use bowline::repo::update::{check, update};
use bowline::sys::http::{Credentials, Http, HttpError, HttpOptions, Request};
use bowline::sys::{Host, Secret};

use crate::serving::{Running, chart, host};
use crate::support::helm::helm;

fn cases(folder: &str) -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/repo").join(folder);
    let mut found: Vec<(String, String)> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "txt"))
        .map(|path| {
            (path.file_name().unwrap().to_string_lossy().into_owned(), std::fs::read_to_string(path).unwrap())
        })
        .collect();
    found.sort();
    assert!(!found.is_empty());
    found
}

#[test]
fn index_cases() {
    for (name, text) in cases("index") {
        let (input, expected) = text.split_once("=== out\n").unwrap();
        let mut out = String::new();
        match Index::parse(input.as_bytes(), "test", Only::All) {
            Err(error) => writeln!(out, "error: {error}").unwrap(),
            Ok(loaded) => {
                for (chart, versions) in &loaded.index.entries {
                    for entry in versions {
                        let app = &entry.metadata.app_version;
                        let app = if app.is_empty() { String::new() } else { format!(" (app {app})") };
                        writeln!(out, "{chart} {}{app}", entry.metadata.version).unwrap();
                    }
                    if versions.is_empty() {
                        writeln!(out, "{chart}").unwrap();
                    }
                }
                for warning in loaded.warnings {
                    writeln!(out, "warning: {warning}").unwrap();
                }
            }
        }
        assert_eq!(out, expected, "{name}");
    }
}

#[test]
fn search_cases() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/repo/search/index.yaml");
    let indexes = [("k".to_string(), Listing::of(&Index::read(&path, Only::All).unwrap().index))];
    for (name, text) in cases("search") {
        let mut out = String::new();
        for line in text.lines().filter(|line| !line.starts_with("  ")) {
            let mut options = SearchOptions::default();
            let mut words = Vec::new();
            let mut arguments = line.split(' ');
            while let Some(word) = arguments.next() {
                match word {
                    "-l" => options.versions = true,
                    "-r" => options.regexp = true,
                    "--devel" => options.devel = true,
                    "--version" => options.version = arguments.next().unwrap().to_string(),
                    word => words.push(word),
                }
            }
            options.keyword = words.join(" ");
            writeln!(out, "{line}").unwrap();
            match search(&indexes, &options) {
                Err(error) => writeln!(out, "  error: {error}").unwrap(),
                Ok(hits) => {
                    for hit in hits {
                        writeln!(out, "  {} {}", hit.name, hit.version).unwrap();
                    }
                }
            }
        }
        assert_eq!(out, text, "{name}");
    }
}

/// A folder for one test: a repository to serve and a home.
struct Place {
    _keep: tempfile::TempDir,
    root: PathBuf,
    charts: PathBuf,
    host: Host,
    paths: RepoPaths,
}

impl Place {
    fn new() -> Self {
        let keep = tempfile::tempdir().unwrap();
        let root = keep.path().to_path_buf();
        let charts = root.join("served");
        std::fs::create_dir_all(&charts).unwrap();
        for version in ["1.0.0", "1.1.0", "2.0.0-rc.1"] {
            chart(&charts, "web", version, "keywords: [http]\n");
        }
        chart(&charts, "db", "0.1.0", "appVersion: \"16\"\n");
        let host = host(&root);
        let paths = RepoPaths::of(&host);
        Place { _keep: keep, root, charts, host, paths }
    }

    fn context(&self) -> FetchContext<'_> {
        FetchContext { host: &self.host, paths: &self.paths }
    }

    fn add(&self, name: &str, url: &str) -> Result<Added, bowline::repo::RepoError> {
        let repository = Repository { name: name.to_string(), url: url.to_string(), ..Repository::default() };
        add(&self.host, &self.paths, &AddOptions { repository, ..AddOptions::default() })
    }

    fn fetch(&self, reference: &str, options: &FetchOptions) -> Result<bowline::fetch::Located, FetchError> {
        resolve(reference, options, &self.context())
    }
}

fn bytes_of(located: bowline::fetch::Located) -> (String, Vec<u8>) {
    match located.source {
        Source::Downloaded { file_name, bytes, .. } => (file_name, bytes),
        other => panic!("{other:?}"),
    }
}

#[test]
fn repositories_are_added_updated_listed_and_removed() {
    let place = Place::new();
    let server = Running::of(&place.charts);
    let added = place.add("ours", &server.url).unwrap();
    assert_eq!(added.to_string(), "\"ours\" has been added to your repositories");
    let again = place.add("ours", &server.url).unwrap().to_string();
    assert_eq!(again, "\"ours\" already exists with the same configuration, skipping");
    let taken = place.add("ours", &format!("{}/", server.url)).unwrap_err().to_string();
    assert_eq!(taken, "repository name (ours) already exists, please specify a different name");
    let written = std::fs::read_to_string(&place.paths.config).unwrap();
    assert_eq!(
        written,
        format!(
            "apiVersion: \"\"\ngenerated: \"0001-01-01T00:00:00Z\"\nrepositories:\n- caFile: \"\"\n  certFile: \"\"\n  \
             insecure_skip_tls_verify: false\n  keyFile: \"\"\n  name: ours\n  pass_credentials_all: false\n  \
             password: \"\"\n  url: {}\n  username: \"\"\n",
            server.url
        )
    );
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(std::fs::metadata(&place.paths.config).unwrap().permissions().mode() & 0o777, 0o600);
    }
    assert_eq!(std::fs::read_to_string(place.paths.charts("ours")).unwrap(), "db\nweb\n");

    let outcomes = update(&place.host, &place.paths, &[], None).unwrap();
    assert!(outcomes[0].result.as_ref().unwrap().unchanged, "an unchanged index is not sent again");
    chart(&place.charts, "new", "1.0.0", "");
    std::thread::sleep(Duration::from_millis(1_100));
    let outcomes = update(&place.host, &place.paths, &["ours".to_string()], None).unwrap();
    assert!(!outcomes[0].result.as_ref().unwrap().unchanged);
    assert_eq!(outcomes[0].to_string(), "...Successfully got an update from the \"ours\" chart repository");
    assert_eq!(
        update(&place.host, &place.paths, &["other".to_string()], None).unwrap_err().to_string(),
        "no repositories found matching 'other'.  Nothing will be updated"
    );

    assert_eq!(remove(&place.paths, &["ours".to_string()]).unwrap(), ["ours"]);
    assert!(!place.paths.index("ours").exists() && !place.paths.charts("ours").exists());
    assert_eq!(
        remove(&place.paths, &["ours".to_string()]).unwrap_err().to_string(),
        "no repositories configured"
    );
    assert_eq!(
        update(&place.host, &place.paths, &[], None).unwrap_err().to_string(),
        "no repositories found. You must add one before updating"
    );
}

#[test]
fn what_cannot_be_added_is_told_and_changes_nothing() {
    let place = Place::new();
    let hostile = Hostile::start(|_| Hostile::page("200 OK", "not: an index"));
    for (name, url, text) in [
        ("a/b", "http://h", "repository name (a/b) contains '/', please specify a different name without '/'".to_string()),
        ("..", "http://h", "repository name (\"..\") cannot be used as a file name".to_string()),
        ("", "http://h", "repository name (\"\") cannot be used as a file name".to_string()),
        ("x", "ftp://h", "could not find protocol handler for: ftp".to_string()),
        ("x", "file:///etc", "could not find protocol handler for: file".to_string()),
        (
            "stable",
            "https://kubernetes-charts.storage.googleapis.com",
            "repo \"https://kubernetes-charts.storage.googleapis.com\" is no longer available; try \"https://charts.helm.sh/stable\" instead".to_string(),
        ),
        (
            "x",
            &hostile.url,
            format!("looks like \"{}\" is not a valid chart repository or cannot be reached: no API version specified", hostile.url),
        ),
        (
            "x",
            "http://user:hunter2@127.0.0.1:1",
            "looks like \"http://127.0.0.1:1\" is not a valid chart repository or cannot be reached: Get \"http://127.0.0.1:1/index.yaml\": connection refused".to_string(),
        ),
    ] {
        assert_eq!(place.add(name, url).unwrap_err().to_string(), text);
    }
    assert!(!place.paths.config.exists() && !place.root.join("cache").exists());
}

#[test]
fn one_repository_that_fails_does_not_stop_the_others() {
    let place = Place::new();
    let server = Running::of(&place.charts);
    place.add("good", &server.url).unwrap();
    let other = Running::of(&place.charts);
    place.add("gone", &other.url).unwrap();
    let url = other.url.clone();
    drop(other);
    let before = std::fs::read(place.paths.index("gone")).unwrap();
    let outcomes = update(&place.host, &place.paths, &[], None).unwrap();
    assert!(outcomes[0].result.is_ok());
    assert_eq!(
        outcomes[1].to_string(),
        format!(
            "...Unable to get an update from the \"gone\" chart repository ({url}):\n\tGet \"{url}/index.yaml\": connection refused"
        )
    );
    let failed = check(&outcomes).unwrap_err().to_string();
    assert_eq!(failed, format!("failed to update the following repositories: [{url}]"));
    assert_eq!(
        std::fs::read(place.paths.index("gone")).unwrap(),
        before,
        "a failed update leaves the old index"
    );
}

#[test]
fn many_writers_lose_no_repository() {
    let place = Place::new();
    let server = Running::of(&place.charts);
    std::thread::scope(|scope| {
        for at in 0..8 {
            let (place, server) = (&place, &server);
            scope.spawn(move || place.add(&format!("r{at}"), &server.url).unwrap());
        }
    });
    assert_eq!(RepoFile::load(&place.paths.config).unwrap().repositories.len(), 8);
}

#[test]
fn charts_are_found_wherever_they_are() {
    let place = Place::new();
    let server = Running::of(&place.charts);
    place.add("ours", &server.url).unwrap();
    let web = std::fs::read(place.charts.join("web-1.1.0.tgz")).unwrap();
    let options = FetchOptions::default();
    for reference in ["ours/web".to_string(), format!("{}/web-1.1.0.tgz", server.url)] {
        let (name, bytes) = bytes_of(place.fetch(&reference, &options).unwrap());
        assert_eq!((name.as_str(), bytes), ("web-1.1.0.tgz", web.clone()));
    }
    let by_url =
        FetchOptions { repo: server.url.clone(), version: "^1".to_string(), ..FetchOptions::default() };
    assert_eq!(bytes_of(place.fetch("web", &by_url).unwrap()).1, web);
    let devel = FetchOptions { devel: true, ..FetchOptions::default() };
    assert_eq!(bytes_of(place.fetch("ours/web", &devel).unwrap()).0, "web-2.0.0-rc.1.tgz");
    let close = FetchOptions { version: "1.0".to_string(), ..FetchOptions::default() };
    let located = place.fetch("ours/web", &close).unwrap();
    assert!(located.warnings[0].message.starts_with("unable to find exact version requested"));
    assert!(matches!(place.fetch("served", &options).unwrap().source, Source::Folder(_)));
    assert!(matches!(place.fetch("./served/db-0.1.0.tgz", &options).unwrap().source, Source::Archive(_)));
    let prov = FetchOptions { provenance: Provenance::IfThere, ..FetchOptions::default() };
    assert!(place.fetch("ours/web", &prov).unwrap().provenance.is_none());
    std::fs::write(place.charts.join("web-1.1.0.tgz.prov"), "signed").unwrap();
    assert_eq!(place.fetch("ours/web", &prov).unwrap().provenance.unwrap(), b"signed");

    let nine = |repo: &str| FetchOptions {
        version: "9".to_string(),
        repo: repo.to_string(),
        ..FetchOptions::default()
    };
    for (reference, options, text) in [
        ("./none", options.clone(), "path \"./none\" not found".to_string()),
        ("none", options.clone(), "non-absolute URLs should be in form of repo_name/path_to_chart, got: none".to_string()),
        ("none/x", options.clone(), "repo none not found".to_string()),
        (
            "ours/none",
            options.clone(),
            "chart \"none\" matching  not found in ours index. (try 'helm repo update'): no chart name found".to_string(),
        ),
        (
            "ours/web",
            nine(""),
            "chart \"web\" matching 9 not found in ours index. (try 'helm repo update'): no chart version found for web-9".to_string(),
        ),
        ("web", nine(&server.url), format!("chart \"web\" version \"9\" not found in {} repository", server.url)),
        ("oci://H/X", options.clone(), "invalid reference \"oci://H/X\": invalid repository".to_string()),
    ] {
        assert_eq!(place.fetch(reference, &options).unwrap_err().to_string(), text);
    }
    let missing = place.fetch(&format!("{}/none.tgz", server.url), &options).unwrap_err().to_string();
    assert_eq!(missing, format!("failed to fetch {}/none.tgz : 404 Not Found", server.url));

    // What was fetched once needs no server.
    drop(server);
    assert_eq!(bytes_of(place.fetch("ours/web", &options).unwrap()).1, web);
    assert!(place.fetch("ours/db", &options).is_err());
}

#[test]
fn values_come_from_files_and_urls() {
    let place = Place::new();
    let values = Hostile::start(|_| Hostile::page("200 OK", "a: 1"));
    std::fs::write(place.root.join("v.yaml"), "a: 2").unwrap();
    let read = |source: &str| read_values_source(source, &FetchOptions::default(), &place.context());
    assert_eq!(read("v.yaml").unwrap(), ("v.yaml".to_string(), b"a: 2".to_vec()));
    assert_eq!(
        read(&format!("{}/x?token=s", values.url)).unwrap(),
        (format!("{}/x?token=…", values.url), b"a: 1".to_vec())
    );
    assert!(read("none.yaml").unwrap_err().to_string().ends_with("no such file or directory"));
}

/// A server that answers each connection's first request as it likes, and remembers what it was asked.
pub struct Hostile {
    /// Where it listens.
    pub url: String,
    seen: Arc<Mutex<Vec<String>>>,
}

impl Hostile {
    /// A server whose answer, head and body, follows from the head of the request.
    pub fn start(answer: impl Fn(&str) -> Vec<u8> + Send + Sync + 'static) -> Self {
        Self::streaming(move |request, stream| stream.write_all(&answer(request)))
    }

    /// The same with the connection to write to.
    pub fn streaming(
        answer: impl Fn(&str, &mut std::net::TcpStream) -> std::io::Result<()> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let seen: Arc<Mutex<Vec<String>>> = Arc::default();
        let log = Arc::clone(&seen);
        let answer = Arc::new(answer);
        // The thread ends with the process: a test binary has no better moment.
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { continue };
                let (log, answer) = (Arc::clone(&log), Arc::clone(&answer));
                std::thread::spawn(move || {
                    let mut head = Vec::new();
                    let mut byte = [0];
                    while !head.ends_with(b"\r\n\r\n") && matches!(stream.read(&mut byte), Ok(1)) {
                        head.push(byte[0]);
                    }
                    let head = String::from_utf8_lossy(&head).into_owned();
                    log.lock().unwrap().push(head.clone());
                    let _ = answer(&head, &mut stream);
                });
            }
        });
        Hostile { url, seen }
    }

    /// An answer with a status line and a body.
    pub fn page(status: &str, body: &str) -> Vec<u8> {
        format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len())
            .into_bytes()
    }

    /// How many requests came.
    pub fn asked(&self) -> usize {
        self.seen.lock().unwrap().len()
    }

    /// Whether the head of some request had a text in it, in small letters.
    pub fn saw(&self, text: &str) -> bool {
        self.seen.lock().unwrap().iter().any(|head| head.to_lowercase().contains(text))
    }
}

fn client(change: impl FnOnce(&mut HttpOptions)) -> Http {
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
    assert!(home.seen.lock().unwrap().iter().all(|head| head.contains("uthorization")));
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
    assert!(
        server.seen.lock().unwrap().iter().all(|head| head.to_lowercase().contains("authorization: basic"))
    );
    assert!(!elsewhere.saw("authorization"));
    assert!(elsewhere.saw("accept: application/gzip,application/octet-stream"));
    // A URL below the repository's borrows its credentials; one beside it does not.
    fetch(&format!("{}/c/x.tgz", server.url));
    fetch(&format!("{}/other/x.tgz", server.url));
    let heads = server.seen.lock().unwrap().clone();
    let with = |path: &str| {
        heads.iter().find(|head| head.contains(path)).unwrap().to_lowercase().contains("authorization")
    };
    assert!(with("GET /c/x.tgz") && !with("GET /other/x.tgz"));
}

/// Runs Helm with a home of its own.
fn run_helm(helm: &Path, home: &Path, arguments: &[&str]) -> (bool, String, String) {
    let output =
        Command::new(helm).args(arguments).env_clear().env("HOME", home).current_dir(home).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.success(), text(&output.stdout), text(&output.stderr))
}

/// Times replaced, so that two indexes of the same folder compare.
fn without_times(text: &str) -> String {
    let time = regex::Regex::new(r"\d{4}-\d\d-\d\dT[0-9:.]+Z").unwrap();
    // Whether a time stands in quotes is the business of the lock's writer.
    time.replace_all(text, "TIME").replace("\"TIME\"", "TIME")
}

#[test]
fn the_index_is_written_as_helm_writes_it() {
    let Some(helm) = helm("helm4") else { return };
    let place = Place::new();
    std::fs::create_dir_all(place.charts.join("sub/deeper")).unwrap();
    let rich = "home: https://x.example\nsources: [https://s]\nicon: https://i\n\
                maintainers: [{name: Z, email: z@x, url: u}]\nannotations:\n  z: |\n   multi\n   line\n  b: \"true\"\n  \
                a: 'A: b # with <odd> & chars, yes'\nkubeVersion: '>=1.20.0-0'\ntype: application\ncondition: a.b\n\
                tags: x\ndeprecated: true\ndependencies:\n- {name: d, version: ^1, repository: 'https://r', \
                condition: d.on, tags: [t], alias: e, import-values: [x, {child: a, parent: b}]}\n";
    chart(&place.charts.join("sub"), "rich", "0.1.0+b.1", rich);
    chart(&place.charts.join("sub/deeper"), "hidden", "1.0.0", "");
    std::fs::write(place.charts.join("junk.tgz"), "junk").unwrap();
    let served = place.charts.to_string_lossy().into_owned();
    let read = || without_times(&std::fs::read_to_string(place.charts.join("index.yaml")).unwrap());
    for (arguments, options) in [
        (vec![], GenerateOptions::default()),
        (
            vec!["--url", "http://h/c?t=1"],
            GenerateOptions { url: "http://h/c?t=1".to_string(), ..GenerateOptions::default() },
        ),
        (
            vec!["--url", "http://h/c/"],
            GenerateOptions { url: "http://h/c/".to_string(), ..GenerateOptions::default() },
        ),
        (vec!["--json"], GenerateOptions { json: true, ..GenerateOptions::default() }),
    ] {
        let all: Vec<&str> = ["repo", "index", &served].into_iter().chain(arguments.clone()).collect();
        let (good, _, errors) = run_helm(&helm, &place.root, &all);
        assert!(good, "{errors}");
        let theirs = read();
        let generated = generate_and_write(&place.charts, &options, &place.host).unwrap();
        assert_eq!(read(), theirs, "{arguments:?}");
        assert_eq!(generated.warnings.len(), 1);
    }
    // Merging: our result and Helm's from the same two halves.
    let old = place.root.join("old.yaml");
    std::fs::write(&old, "apiVersion: v1\nentries:\n  web:\n  - {apiVersion: v2, name: web, version: 1.0.0, digest: old, urls: [x], created: \"2020-01-01T00:00:00Z\"}\n  - {apiVersion: v2, name: web, version: 0.1.0, digest: old, urls: [x], created: \"2020-01-01T00:00:00Z\"}\n  gone:\n  - {apiVersion: v2, name: gone, version: 0.1.0, urls: [y.tgz], created: \"2020-01-01T00:00:00Z\"}\ngenerated: \"2020-01-01T00:00:00Z\"\n").unwrap();
    let (good, _, errors) = run_helm(&helm, &place.root, &["repo", "index", &served, "--merge", "old.yaml"]);
    assert!(good, "{errors}");
    let theirs = read();
    let options = GenerateOptions { merge: Some(old), ..GenerateOptions::default() };
    generate_and_write(&place.charts, &options, &place.host).unwrap();
    assert_eq!(read(), theirs);
}

#[test]
fn helm_and_we_share_repositories() {
    let Some(helm) = helm("helm4") else { return };
    let mut place = Place::new();
    let server = Running::of(&place.charts);
    place.host.dirs.config = place.root.join(".config/helm");
    place.host.dirs.cache = place.root.join(".cache/helm");
    place.paths = RepoPaths::of(&place.host);
    let (good, _, errors) = run_helm(
        &helm,
        &place.root,
        &["repo", "add", "theirs", &server.url, "--username", "u", "--password", "p: #x"],
    );
    assert!(good, "{errors}");
    let before = std::fs::read_to_string(&place.paths.config).unwrap();
    let file = RepoFile::load(&place.paths.config).unwrap();
    assert_eq!(file.get("theirs").unwrap().password.reveal(), "p: #x");
    assert_eq!(file.to_yaml().unwrap(), before, "the file reads and writes back to the same bytes");
    place.add("ours", &server.url).unwrap();
    let (good, listed, errors) = run_helm(&helm, &place.root, &["repo", "list", "-o", "json"]);
    assert!(good && listed.contains("\"ours\"") && listed.contains("\"theirs\""), "{listed}{errors}");
    let (good, found, errors) = run_helm(&helm, &place.root, &["search", "repo", "ours/web"]);
    assert!(good && found.contains("1.1.0"), "{found}{errors}");
    assert_eq!(bytes_of(place.fetch("theirs/web", &FetchOptions::default()).unwrap()).0, "web-1.1.0.tgz");
}

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
fn the_servers_options_reach_the_index() {
    let place = Place::new();
    let options = ServeOptions {
        address: "127.0.0.1:0".to_string(),
        url: "https://charts.example.com/x".to_string(),
        ..ServeOptions::new(&place.charts)
    };
    let server = Running::start(&place.host, &options);
    let answer = client(|_| ()).get(&format!("{}/index.yaml", server.url), &Request::new(1 << 20)).unwrap();
    assert!(
        String::from_utf8(answer.body).unwrap().contains("- https://charts.example.com/x/web-1.1.0.tgz\n")
    );
}
