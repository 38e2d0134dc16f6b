//! Registries that are busy, break off, lie, or mean harm.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bowline::chart::Metadata;
use bowline::data::digest::Digest;
use bowline::package::media;
use bowline::registry::{
    Access, ChartUpload, Client, Pulled, Pushed, Reference, Registries, RegistryError, Wanted, choose, pull,
    push, versions,
};
use bowline::sys::http::{Credentials, HttpError};
use bowline::sys::{Host, Secret};

use crate::serving::host;
use crate::support::registry::{Asked, Fake, Memory, Reply};

const WANTED: Wanted = Wanted { provenance: false, provenance_required: false, archive_limit: 100 << 20 };

/// A home without credentials, for one test.
struct Home {
    keep: tempfile::TempDir,
    host: Host,
}

impl Home {
    fn new() -> Self {
        let keep = tempfile::tempdir().unwrap();
        let host = host(keep.path());
        Home { keep, host }
    }

    fn client(&self, settings: &str, credentials: Option<(&str, &str)>) -> Client<'_> {
        let file = self.keep.path().join("registries.yaml");
        std::fs::write(&file, settings).unwrap();
        let credentials = credentials.map(|(user, password)| Credentials {
            username: user.to_string(),
            password: Secret::new(password),
        });
        let access = Access { credentials, plain_http: true, ..Access::default() };
        Client::new(&self.host, Path::new("none.json"), Registries::load(&file).unwrap(), access)
    }
}

fn metadata() -> Metadata {
    Metadata { name: "web".into(), version: "1.0.0".into(), api_version: "v2".into(), ..Metadata::default() }
}

fn push_bytes(client: &Client<'_>, host: &str, archive: &[u8]) -> Result<Pushed, RegistryError> {
    let upload = ChartUpload { metadata: &metadata(), archive, provenance: None, created: 0 };
    push(client, &format!("oci://{host}/charts"), &upload)
}

fn pull_tag(client: &Client<'_>, host: &str) -> Result<Pulled, RegistryError> {
    pull(client, &Reference::parse(&format!("{host}/charts/web:1.0.0")).unwrap(), WANTED, &|_| None)
}

/// A registry that has `charts/web:1.0.0` with the archive `archive`.
fn stocked(
    fault: impl Fn(&Asked, &mut Memory) -> Option<Reply> + Send + Sync + 'static,
) -> (Fake, Arc<Mutex<Memory>>) {
    let (fake, memory) = Fake::registry(fault);
    stock(&mut memory.lock().unwrap());
    (fake, memory)
}

fn stock(memory: &mut Memory) -> String {
    let config = br#"{"name":"web","version":"1.0.0"}"#;
    let (config_digest, archive) = (memory.blob(config), memory.blob(b"archive"));
    let manifest = format!(
        "{{\"schemaVersion\":2,\"config\":{{\"mediaType\":\"{}\",\"digest\":\"{config_digest}\",\"size\":{}}},\
         \"layers\":[{{\"mediaType\":\"{}\",\"digest\":\"{archive}\",\"size\":7}}]}}",
        media::CHART_CONFIG,
        config.len(),
        media::CHART
    );
    memory.keep("charts/web/manifests/1.0.0", media::MANIFEST, manifest.as_bytes())
}

#[test]
fn what_is_pushed_is_pulled() {
    let (fake, memory) = Fake::registry(|_, _| None);
    let home = Home::new();
    let client = home.client("", None);
    let pushed = push_bytes(&client, &fake.host, b"archive").unwrap();
    assert_eq!(pushed.reference.to_string(), format!("{}/charts/web:1.0.0", fake.host));
    let (kind, bytes) = memory.lock().unwrap().manifests["charts/web/manifests/1.0.0"].clone();
    assert_eq!((kind.as_str(), Digest::of(&bytes)), (media::MANIFEST, pushed.digest));
    let pulled = pull_tag(&client, &fake.host).unwrap();
    assert_eq!((pulled.archive.as_slice(), pulled.digest), (&b"archive"[..], pushed.digest));
    assert_eq!(&*pulled.metadata.name, "web");
    // The second time all blobs are there.
    let before = fake.count("POST");
    push_bytes(&client, &fake.host, b"archive").unwrap();
    assert_eq!(fake.count("POST"), before);
    // What is cached is not asked for.
    let before = fake.count("GET /v2/charts/web/blobs/");
    let reference = pushed.reference;
    pull(&client, &reference, WANTED, &|_| Some(b"archive".to_vec())).unwrap();
    assert_eq!(fake.count("GET /v2/charts/web/blobs/"), before + 1, "the configuration alone");
}

#[test]
fn a_busy_registry_is_asked_again_when_it_says_so() {
    let asked = AtomicUsize::new(0);
    let (fake, _) = stocked(move |one, _| match asked.fetch_add(1, Ordering::SeqCst) {
        _ if !one.path.contains("manifests") => None,
        0 => Some(Reply::new(429, "").with("retry-after", "1")),
        1 => Some(Reply::new(503, "")),
        2 => Some(Reply::hang_up()),
        _ => None,
    });
    let home = Home::new();
    let start = Instant::now();
    assert_eq!(pull_tag(&home.client("", None), &fake.host).unwrap().archive, b"archive");
    assert!(start.elapsed() >= Duration::from_secs(1), "Retry-After counts");

    let (fake, _) = stocked(|_, _| {
        Some(
            Reply::new(429, "{\"errors\":[{\"code\":\"TOOMANYREQUESTS\",\"message\":\"slow down\"}]}")
                .with("retry-after", "86400"),
        )
    });
    let error = pull_tag(&home.client("", None), &fake.host).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("GET http://{}/v2/charts/web/manifests/1.0.0: 429: TOOMANYREQUESTS: slow down", fake.host)
    );
    assert_eq!(fake.seen().len(), 1, "nobody waits a day");

    let (fake, _) =
        stocked(|_, _| Some(Reply::new(500, "out of order\u{1b}[2J").with("content-type", "text/plain")));
    let error = pull_tag(&home.client("", None), &fake.host).unwrap_err().to_string();
    assert!(error.ends_with("manifests/1.0.0: 500: out of order [2J"), "{error}");
    assert_eq!(fake.seen().len(), 5, "and nobody asks for ever");
}

/// More than two pieces.
fn large() -> Vec<u8> {
    (0..(20_u32 << 20)).map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8).collect()
}

#[test]
fn a_large_upload_goes_in_pieces_and_on_from_where_it_broke_off() {
    let archive = large();
    let cut = AtomicUsize::new(0);
    let (fake, memory) = Fake::registry(move |asked, memory| {
        if asked.method == "PATCH" && cut.fetch_add(1, Ordering::SeqCst) == 1 {
            // A part of the second piece came through, then the connection broke.
            let kept = memory.uploads.values_mut().next().expect("an upload is under way");
            kept.extend(&asked.body[..1_000_000]);
            return Some(Reply::hang_up());
        }
        None
    });
    let home = Home::new();
    push_bytes(&home.client("", None), &fake.host, &archive).unwrap();
    assert_eq!(memory.lock().unwrap().blobs.get(&Digest::of(&archive).prefixed()), Some(&archive));
    let patches: Vec<Asked> = fake.seen().into_iter().filter(|asked| asked.method == "PATCH").collect();
    let ranges: Vec<&str> = patches.iter().map(|asked| asked.header("content-range")).collect();
    let mib = 8 << 20;
    let resumed = mib + 1_000_000;
    assert_eq!(
        ranges,
        [
            format!("0-{}", mib - 1),
            format!("{mib}-{}", 2 * mib - 1),
            format!("{resumed}-{}", resumed + mib - 1),
            format!("{}-{}", resumed + mib, archive.len() - 1),
        ]
    );
}

#[test]
fn a_lost_upload_is_begun_anew_but_not_for_ever() {
    let lost = AtomicUsize::new(0);
    let (fake, memory) = Fake::registry(move |asked, memory| {
        let first = asked.method == "PATCH" && lost.fetch_add(1, Ordering::SeqCst) == 0;
        if first {
            memory.uploads.clear();
        }
        None
    });
    let home = Home::new();
    let archive = large();
    push_bytes(&home.client("", None), &fake.host, &archive).unwrap();
    assert!(memory.lock().unwrap().blobs.contains_key(&Digest::of(&archive).prefixed()));

    let (fake, _) = Fake::registry(|asked, memory| {
        if matches!(asked.method.as_str(), "PATCH" | "PUT") {
            memory.uploads.clear();
        }
        None
    });
    let error = push_bytes(&home.client("", None), &fake.host, b"small").unwrap_err();
    assert!(matches!(&error, RegistryError::Upload { attempts: 4, .. }), "{error}");
    assert_eq!(fake.count("PUT"), 4);
    assert!(error.to_string().contains("BLOB_UPLOAD_UNKNOWN"), "{error}");

    // What is wrong with the blob itself is not sent again.
    let (fake, _) = Fake::registry(|asked, _| {
        (asked.method == "PUT").then(|| Reply::new(413, "").with("content-type", "text/html"))
    });
    let error = push_bytes(&home.client("", None), &fake.host, b"small").unwrap_err();
    assert!(matches!(&error, RegistryError::Status { status: 413, .. }), "{error}");
    assert_eq!(fake.count("PUT"), 1);
}

#[test]
fn a_lost_answer_to_the_last_request_loses_nothing() {
    let (fake, memory) = Fake::registry(|asked, memory| {
        if asked.method == "PUT" && asked.path.contains("uploads") {
            memory.answer(asked);
            return Some(Reply::hang_up());
        }
        None
    });
    let home = Home::new();
    push_bytes(&home.client("", None), &fake.host, b"small").unwrap();
    assert_eq!(memory.lock().unwrap().blobs.len(), 2);
    assert_eq!(fake.count("PUT /v2/charts/web/blobs/"), 2, "once for each blob");
}

#[test]
fn blobs_of_other_repositories_are_mounted() {
    let (fake, _) = Fake::registry(|asked, memory| {
        let digest = asked.path.split_once("?mount=")?.1.to_string();
        memory.blobs.insert(digest, Vec::new());
        Some(Reply::new(201, ""))
    });
    let home = Home::new();
    push_bytes(&home.client("", None), &fake.host, b"elsewhere already").unwrap();
    assert_eq!((fake.count("POST"), fake.count("PUT /v2/charts/web/blobs/")), (2, 0));
    // One that does not know what to do with it.
    let (fake, _) = Fake::registry(|asked, _| asked.path.contains("?mount=").then(|| Reply::new(405, "")));
    push_bytes(&home.client("", None), &fake.host, b"x").unwrap();
    assert_eq!(fake.count("POST"), 4);
}

/// A challenge that names a token service.
fn challenge(realm: &str) -> Reply {
    let scope = "repository:charts/web:pull";
    Reply::new(401, "{}")
        .with("www-authenticate", format!("Bearer realm=\"{realm}\",service=\"My reg\",scope=\"{scope}\""))
}

#[test]
fn secrets_stay_with_the_registry_and_its_token_service() {
    let storage = Fake::start(|_| Reply::new(200, "archive"));
    let tokens = Fake::start(|asked| {
        let known = asked.header("authorization") == "Basic YW5uOmh1bnRlcjI=";
        if known { Reply::new(200, "{\"token\":\"tok\"}") } else { Reply::new(401, "") }
    });
    let (realm, away) = (format!("http://{}/token", tokens.host), format!("http://{}/x?sig=1", storage.host));
    let (fake, _) = stocked(move |asked, _| {
        if asked.header("authorization") != "Bearer tok" {
            return Some(challenge(&realm));
        }
        let is_archive = asked.path.ends_with(&Digest::of(b"archive").prefixed());
        is_archive.then(|| Reply::new(307, "").with("location", away.clone()))
    });
    let home = Home::new();
    let client = home.client("", Some(("ann", "hunter2")));
    assert_eq!(pull_tag(&client, &fake.host).unwrap().archive, b"archive");
    assert_eq!(storage.seen().len(), 1);
    assert_eq!(storage.seen()[0].header("authorization"), "", "a redirect leads to somebody else");
    assert_eq!(tokens.seen().len(), 1, "one token is enough");
    let asked = tokens.seen()[0].path.clone();
    assert_eq!(asked, "/token?service=My%20reg&scope=repository%3Acharts%2Fweb%3Apull");
    assert!(fake.seen().iter().all(|asked| !asked.header("authorization").starts_with("Basic")));

    // Writing needs more than the first challenge asks for.
    push_bytes(&client, &fake.host, b"new").unwrap();
    assert_eq!(
        tokens.seen()[1].path,
        "/token?service=My%20reg&scope=repository%3Acharts%2Fweb%3Apull%2Cpush"
    );

    let error = pull_tag(&home.client("", Some(("ann", "wrong-secret"))), &fake.host).unwrap_err();
    assert_eq!(error.to_string(), format!("{} does not let \"ann\" read charts/web: 401", fake.host));
    let error = pull_tag(&home.client("", None), &fake.host).unwrap_err();
    assert_eq!(error.to_string(), format!("{} does not let anonymous users read charts/web: 401", fake.host));
}

#[test]
fn an_upload_to_another_host_goes_without_secrets() {
    let storage: Arc<Mutex<Vec<u8>>> = Arc::default();
    let kept = Arc::clone(&storage);
    let other = Fake::start(move |asked| {
        kept.lock().unwrap().extend(&asked.body);
        Reply::new(201, "")
    });
    let elsewhere = format!("http://{}/up?x=1", other.host);
    let (fake, _) = Fake::registry(move |asked, _| {
        if asked.header("authorization").is_empty() {
            return Some(Reply::new(401, "").with("www-authenticate", "Basic realm=\"r\""));
        }
        (asked.method == "POST").then(|| Reply::new(202, "").with("location", elsewhere.clone()))
    });
    let home = Home::new();
    push_bytes(&home.client("", Some(("ann", "hunter2"))), &fake.host, b"archive").unwrap();
    assert!(storage.lock().unwrap().starts_with(b"archive"));
    assert!(other.seen().iter().all(|asked| asked.header("authorization").is_empty()));
    assert!(other.seen()[0].path.starts_with("/up?x=1&digest=sha256%3A"), "{}", other.seen()[0].path);
}

#[test]
fn what_a_token_service_says_is_checked() {
    let home = Home::new();
    for (answer, told) in [
        (Reply::new(200, "hunter2"), "the token service's answer is no token"),
        (Reply::new(200, "{}"), "holds no token that can be sent"),
        (Reply::new(200, "{\"token\":\"a b\"}"), "holds no token that can be sent"),
        (
            Reply::new(200, format!("{{\"token\":\"{}\"}}", "a".repeat(70_000))),
            "holds no token that can be sent",
        ),
        (Reply::new(200, "x".repeat(2 << 20)), "larger than the limit of 1048576 bytes"),
        (Reply::new(418, ""), ": 418"),
    ] {
        let tokens = Fake::start(move |_| answer.clone());
        let realm = format!("http://{}/token", tokens.host);
        let (fake, _) = stocked(move |_, _| Some(challenge(&realm)));
        let error = pull_tag(&home.client("", Some(("ann", "hunter2"))), &fake.host).unwrap_err().to_string();
        assert!(error.contains(told) && !error.contains("hunter2"), "{told}: {error}");
    }
    // A token that the registry does not take is not an endless tale.
    let tokens = Fake::start(|_| Reply::new(200, "{\"access_token\":\"tok\"}"));
    let realm = format!("http://{}/token", tokens.host);
    let (fake, _) = stocked(move |_, _| Some(challenge(&realm)));
    let error = pull_tag(&home.client("", None), &fake.host).unwrap_err();
    assert!(matches!(&error, RegistryError::Refused { status: 401, .. }), "{error}");
    assert_eq!((fake.seen().len(), tokens.seen().len()), (3, 2));
    let (fake, _) = stocked(|_, _| Some(Reply::new(401, "").with("www-authenticate", "Negotiate")));
    let error = pull_tag(&home.client("", None), &fake.host).unwrap_err();
    assert!(matches!(&error, RegistryError::Challenge { .. }), "{error}");
}

#[test]
fn a_refresh_token_is_posted() {
    let tokens = Fake::start(|asked| {
        let body = String::from_utf8_lossy(&asked.body).into_owned();
        let right = asked.method == "POST"
            && body.starts_with(
                "grant_type=refresh_token&refresh_token=re%2Ffresh&service=My%20reg&client_id=bowline&scope=",
            );
        if right { Reply::new(200, "{\"access_token\":\"tok\"}") } else { Reply::new(401, body) }
    });
    let realm = format!("http://{}/token", tokens.host);
    let (fake, _) =
        stocked(move |asked, _| (asked.header("authorization") != "Bearer tok").then(|| challenge(&realm)));
    let home = Home::new();
    assert_eq!(pull_tag(&home.client("", Some(("", "re/fresh"))), &fake.host).unwrap().archive, b"archive");
    // A service without GET gets the password in a form.
    let tokens = Fake::start(|asked| {
        let body = String::from_utf8_lossy(&asked.body).into_owned();
        match asked.method.as_str() {
            "GET" => Reply::new(405, ""),
            _ if body.starts_with("grant_type=password&username=ann&password=hun%26ter&") => {
                Reply::new(200, "{\"access_token\":\"tok\"}")
            }
            _ => Reply::new(400, ""),
        }
    });
    let realm = format!("http://{}/token", tokens.host);
    let (fake, _) =
        stocked(move |asked, _| (asked.header("authorization") != "Bearer tok").then(|| challenge(&realm)));
    assert!(pull_tag(&home.client("", Some(("ann", "hun&ter"))), &fake.host).is_ok());
}

#[test]
fn lies_about_digests_and_sizes_are_found() {
    let home = Home::new();
    let pull_from = |fault: fn(&Asked) -> Option<Reply>| {
        let (fake, _) = stocked(move |asked, _| fault(asked));
        pull_tag(&home.client("", None), &fake.host).unwrap_err()
    };
    let error = pull_from(|asked| {
        asked.path.contains("blobs").then(|| Reply::new(200, "{\"name\":\"web\",\"version\":\"6.6.6\"}"))
    });
    assert!(matches!(&error, RegistryError::WrongDigest { .. }), "{error}");
    let error = pull_from(|asked| asked.path.contains("blobs").then(|| Reply::new(200, "x")));
    assert!(matches!(&error, RegistryError::WrongSize { found: 1, .. }), "{error}");
    let error = pull_from(|asked| asked.path.contains("blobs").then(|| Reply::new(200, "x".repeat(1 << 20))));
    assert!(matches!(&error, RegistryError::Http(HttpError::TooLarge { .. })), "{error}");
    let error =
        pull_from(|asked| asked.path.contains("manifests").then(|| Reply::new(200, " ".repeat(5 << 20))));
    assert!(
        matches!(&error, RegistryError::Http(HttpError::TooLarge { limit, .. }) if *limit == 4 << 20),
        "{error}"
    );
    let error =
        pull_from(|asked| asked.path.contains("manifests").then(|| Reply::new(200, "{\"schemaVersion\":2}")));
    assert!(matches!(&error, RegistryError::Manifest { .. }), "{error}");

    let (fake, memory) = stocked(|_, _| None);
    let digest = "0".repeat(64);
    let (kind, bytes) = memory.lock().unwrap().manifests["charts/web/manifests/1.0.0"].clone();
    memory.lock().unwrap().manifests.insert(format!("charts/web/manifests/sha256:{digest}"), (kind, bytes));
    let reference = Reference::parse(&format!("{}/charts/web@sha256:{digest}", fake.host)).unwrap();
    let error = pull(&home.client("", None), &reference, WANTED, &|_| None).unwrap_err();
    assert!(matches!(&error, RegistryError::WrongDigest { .. }), "{error}");
    let small = Wanted { archive_limit: 6, ..WANTED };
    let reference = Reference::parse(&format!("{}/charts/web:1.0.0", fake.host)).unwrap();
    let error = pull(&home.client("", None), &reference, small, &|_| None).unwrap_err();
    assert!(matches!(&error, RegistryError::TooLarge { limit: 6, .. }), "{error}");

    let (fake, _) = Fake::registry(|asked, _| {
        (asked.method == "PUT" && asked.path.contains("manifests"))
            .then(|| Reply::new(201, "").with("docker-content-digest", "sha256:00"))
    });
    let error = push_bytes(&home.client("", None), &fake.host, b"x").unwrap_err();
    assert!(matches!(&error, RegistryError::PushedOther { .. }), "{error}");
}

#[test]
fn what_is_no_chart_is_told_apart() {
    let (fake, memory) = stocked(|_, _| None);
    let home = Home::new();
    let client = home.client("", None);
    let image = br#"{"schemaVersion":2,"config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"sha256:00","size":2},"layers":[]}"#;
    let digest = memory.lock().unwrap().keep("charts/image/manifests/1.0.0", media::MANIFEST, image);
    let get = |name: &str| {
        pull(&client, &Reference::parse(&format!("{}/{name}", fake.host)).unwrap(), WANTED, &|_| None)
    };
    let error = get("charts/image:1.0.0").unwrap_err().to_string();
    assert!(error.ends_with("is no chart: its configuration is \"application/vnd.oci.image.config.v1+json\", not \"application/vnd.cncf.helm.config.v1+json\""), "{error}");
    let error = get("charts/none:1.0.0").unwrap_err().to_string();
    assert_eq!(
        error,
        format!("failed to perform \"FetchReference\" on source: {}/charts/none:1.0.0: not found", fake.host)
    );

    // An index that has a chart beside an image, in an index.
    let chart = stock(&mut memory.lock().unwrap());
    let index = |digests: &[&str]| {
        let list: Vec<String> = digests
            .iter()
            .map(|digest| {
                format!("{{\"mediaType\":\"{}\",\"digest\":\"{digest}\",\"size\":1}}", media::MANIFEST)
            })
            .collect();
        format!(
            "{{\"schemaVersion\":2,\"mediaType\":\"{}\",\"manifests\":[{}]}}",
            media::INDEX,
            list.join(",")
        )
    };
    let keep = |name: &str, text: &str| memory.lock().unwrap().keep(name, media::INDEX, text.as_bytes());
    keep("charts/web/manifests/image", &index(&[&digest]));
    memory.lock().unwrap().keep("charts/web/manifests/x", media::MANIFEST, image);
    let inner = keep("charts/web/manifests/inner", &index(&[&digest, "md5:0", &chart]));
    keep("charts/web/manifests/outer", &index(&[&inner]));
    assert_eq!(get("charts/web:outer").unwrap().archive, b"archive");
    assert_eq!(get(&format!("charts/web@{inner}")).unwrap().archive, b"archive");
    let error = get("charts/web:image").unwrap_err().to_string();
    assert!(error.ends_with("is no chart: its index names no chart"), "{error}");
    let many: Vec<&str> = std::iter::repeat_n(digest.as_str(), 100).collect();
    keep("charts/web/manifests/many", &index(&many));
    let error = get("charts/web:many").unwrap_err().to_string();
    assert!(error.ends_with("none of the first 64 manifests is a chart"), "{error}");
    let mut deep = chart;
    for level in 0..6 {
        deep = keep(&format!("charts/web/manifests/deep{level}"), &index(&[&deep]));
    }
    let error = get("charts/web:deep5").unwrap_err().to_string();
    assert!(error.ends_with("there are indexes in indexes more than 4 deep"), "{error}");
}

#[test]
fn versions_are_listed_page_by_page_and_end() {
    let home = Home::new();
    let client = home.client("", None);
    let fake = Fake::start(|asked| {
        if asked.path.contains("last=") {
            return Reply::new(200, "{\"tags\":[\"2.0.0-rc.1\",\"1.10.0\",\"v3.0.0\",\"1.2\"]}");
        }
        Reply::new(200, "{\"tags\":[\"latest\",\"1.9.0\",\"1.0.0_b1\"]}")
            .with("link", "</v2/charts/web/tags/list?last=1.0.0_b1&n=3>; rel=\"next\"")
    });
    let reference = Reference::parse(&format!("{}/charts/web", fake.host)).unwrap();
    let found: Vec<String> =
        versions(&client, &reference).unwrap().iter().map(|version| version.original().to_string()).collect();
    assert_eq!(found, ["2.0.0-rc.1", "1.10.0", "1.9.0", "1.0.0+b1"]);
    for (request, tag) in
        [("", "1.10.0"), ("^1.0", "1.10.0"), ("~1.0.0", "1.0.0_b1"), (">0.0.0-0", "2.0.0-rc.1")]
    {
        assert_eq!(choose(&client, &reference, request).unwrap().tag.as_deref(), Some(tag), "{request}");
    }
    let before = fake.seen().len();
    assert_eq!(choose(&client, &reference, "7.7.7+x").unwrap().tag.as_deref(), Some("7.7.7_x"));
    let tagged = reference.at_version("1.9.0");
    assert_eq!(choose(&client, &tagged, "1.9.0").unwrap(), tagged);
    let error = choose(&client, &tagged, "1.8.0").unwrap_err().to_string();
    assert_eq!(error, "chart reference and version mismatch: 1.8.0 is not 1.9.0");
    assert_eq!(fake.seen().len(), before, "exact versions are not looked for");
    let error = choose(&client, &reference, "^9").unwrap_err().to_string();
    assert_eq!(error, "could not locate a version matching provided version string ^9");

    for (answer, told) in [
        (
            Reply::new(200, "{}").with("link", "</v2/charts/web/tags/list>; rel=next"),
            "has more than 1000 pages",
        ),
        (
            Reply::new(200, "{}").with("link", "<http://127.0.0.2/x>; rel=next"),
            "the next page of tags is on another host",
        ),
        (
            Reply::new(200, "{}").with("link", "<file:///etc/passwd>; rel=next"),
            "could not find protocol handler for: file",
        ),
        (Reply::new(200, "x".repeat(9 << 20)), "larger than the limit of 8388608 bytes"),
        (Reply::new(200, "[1]"), "no list of tags"),
        (Reply::new(404, ""), "the registry has no such repository"),
    ] {
        let fake = Fake::start(move |_| answer.clone());
        let reference = Reference::parse(&format!("{}/charts/web", fake.host)).unwrap();
        let error = versions(&client, &reference).unwrap_err().to_string();
        assert!(error.contains(told), "{told}: {error}");
    }
}

#[test]
fn mirrors_are_read_in_order_and_never_written() {
    let (home_registry, _) = stocked(|_, _| None);
    let broken = Fake::start(|_| Reply::new(404, ""));
    let (mirror, memory) = Fake::registry(|asked, _| {
        asked.header("authorization").starts_with("Basic").then(|| Reply::new(400, "a secret came here"))
    });
    {
        let mut memory = memory.lock().unwrap();
        stock(&mut memory);
        for (name, kept) in memory.manifests.clone() {
            memory.manifests.insert(format!("cache/{name}"), kept);
        }
    }
    let settings = format!(
        "mirrors:\n  {}:\n  - http://{}\n  - http://{}/cache\n",
        home_registry.host, broken.host, mirror.host
    );
    let home = Home::new();
    let client = home.client(&settings, Some(("ann", "hunter2")));
    assert_eq!(pull_tag(&client, &home_registry.host).unwrap().archive, b"archive");
    assert_eq!(home_registry.seen().len(), 0);
    assert!(mirror.seen().iter().all(|asked| asked.path.starts_with("/v2/cache/charts/web/")));
    let notes: Vec<String> = client.take_notes().iter().map(|note| note.message.clone()).collect();
    assert!(
        notes[0]
            .starts_with(&format!("the mirror {} of {} was passed over: ", broken.host, home_registry.host)),
        "{notes:?}"
    );
    push_bytes(&client, &home_registry.host, b"new").unwrap();
    assert!(mirror.seen().iter().all(|asked| asked.method == "GET"));

    let settings = format!("mirrors:\n  {}: ['http://{}']\n", home_registry.host, broken.host);
    assert!(pull_tag(&home.client(&settings, None), &home_registry.host).is_ok(), "the registry comes last");
}

#[test]
fn credentials_are_looked_for_when_a_registry_asks() {
    let (open, _) = stocked(|_, _| None);
    let (closed, _) = stocked(|asked, _| {
        asked
            .header("authorization")
            .is_empty()
            .then(|| Reply::new(401, "{}").with("www-authenticate", "Basic realm=\"r\""))
    });
    let mut home = Home::new();
    let docker = home.keep.path().join("docker");
    home.host.env = Arc::new([("DOCKER_CONFIG".to_string(), docker.display().to_string())].into());
    std::fs::create_dir_all(&docker).unwrap();
    for config in ["{\"credsStore\": \"nowhere\"}", "{ broken"] {
        std::fs::write(docker.join("config.json"), config).unwrap();
        let client = home.client("", None);
        assert_eq!(pull_tag(&client, &open.host).unwrap().archive, b"archive", "anybody may read there");
        let error = pull_tag(&client, &closed.host).unwrap_err().to_string();
        assert!(
            error.contains("docker-credential-nowhere failed") || error.contains("config.json"),
            "{error}"
        );
    }
}
