//! Index repositories: read, searched, added, updated and fetched from, against our own server and next to Helm when it is
//! installed.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

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
use bowline::sys::Host;
use bowline::sys::http::Request;

use crate::repository_answers::client;
use crate::serving::{Running, chart, host};
use crate::support::helm::helm;
use crate::support::hostile::Hostile;

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
pub struct Place {
    _keep: tempfile::TempDir,
    /// All of it.
    pub root: PathBuf,
    /// The charts to serve.
    pub charts: PathBuf,
    /// The home.
    pub host: Host,
    /// Its files about repositories.
    pub paths: RepoPaths,
}

impl Place {
    /// A new one, with four archives of two charts.
    pub fn new() -> Self {
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

    /// What fetching needs.
    pub fn context(&self) -> FetchContext<'_> {
        FetchContext { host: &self.host, paths: &self.paths }
    }

    /// Adds a repository.
    pub fn add(&self, name: &str, url: &str) -> Result<Added, bowline::repo::RepoError> {
        let repository = Repository { name: name.to_string(), url: url.to_string(), ..Repository::default() };
        add(&self.host, &self.paths, &AddOptions { repository, ..AddOptions::default() })
    }

    /// Fetches a chart.
    pub fn fetch(
        &self,
        reference: &str,
        options: &FetchOptions,
    ) -> Result<bowline::fetch::Located, FetchError> {
        resolve(reference, options, &self.context())
    }
}

/// The name and the bytes of what was downloaded.
pub fn bytes_of(located: bowline::fetch::Located) -> (String, Vec<u8>) {
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
    let inexact = located.inexact.unwrap();
    assert_eq!(
        (inexact.chart.as_str(), inexact.requested.as_str(), inexact.selected.as_str()),
        ("web", "1.0", "1.0.0")
    );
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

/// Runs Helm with a home of its own.
pub fn run_helm(helm: &Path, home: &Path, arguments: &[&str]) -> (bool, String, String) {
    let output =
        Command::new(helm).args(arguments).env_clear().env("HOME", home).current_dir(home).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.success(), text(&output.stdout), text(&output.stderr))
}

/// Times replaced, so that two indexes of the same folder compare.
pub fn without_times(text: &str) -> String {
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
