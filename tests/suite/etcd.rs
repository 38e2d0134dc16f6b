//! etcd as a store, beyond what every store does: a cluster of several members, users, TLS, requests that are cut off,
//! processes that are killed, and servers that are no etcd.
//!
//! With BOWLINE_TEST_ETCD (the URL of a running etcd) the tests of one server run against that one, each below a prefix of
//! its own. Tests that need more start their own servers, where the program `etcd` is installed. What is skipped is printed.

use std::collections::BTreeMap;
use std::io::{Read, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use bowline::cluster::{Etcd, Query, Store, StoreError, Stored, Write};
use bowline::data::{Value, base64};
use bowline::manifest::ObjectRef;
use bowline::sys::{Host, Random};

use crate::stores::{body, host};

/// An address for `--store` with a prefix that no other test has; `None` where no etcd runs.
pub(crate) fn prefix_of_its_own() -> Option<String> {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let url = std::env::var("BOWLINE_TEST_ETCD").ok()?;
    let host = url.trim_start_matches("http://").trim_end_matches('/').to_string();
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let moment = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos();
    Some(format!("etcd://{host}/test/{}-{moment}-{number}", std::process::id()))
}

/// The same, or a printed line that says what is skipped.
pub(crate) fn address_or_skip(what: &str) -> Option<String> {
    let address = prefix_of_its_own();
    if address.is_none() {
        crate::support::skip::server_is_missing(&format!("{what}: BOWLINE_TEST_ETCD names no etcd"));
    }
    address
}

pub(crate) fn client_host() -> Host {
    Host { random: Random::System, ..host() }
}

pub(crate) fn open(address: &str) -> Etcd {
    Etcd::new(address, &client_host()).unwrap()
}

pub(crate) fn map(name: &str, data: &str) -> Value {
    body(&format!(
        r#"{{"apiVersion":"v1","kind":"ConfigMap","metadata":{{"name":"{name}","namespace":"n","labels":{{"app":"x"}}}},"data":{{"k":"{data}"}}}}"#
    ))
}

pub(crate) fn id(name: &str) -> ObjectRef {
    let [group, version, kind, namespace] = ["", "v1", "ConfigMap", "n"].map(String::from);
    ObjectRef { group, version, kind, namespace, name: name.to_string() }
}

/// Names, with the start and the length of the data.
pub(crate) type State = Vec<(String, String)>;

/// What a request gets whose client counts as gone.
const GONE: &str = r#"{"error":"gone","code":3}"#;

pub(crate) fn state(store: &dyn Store) -> State {
    let found = store.list(&Query::default()).unwrap();
    let bare = store.list(&Query { metadata_only: true, ..Query::default() }).unwrap();
    let names = |found: &[Stored]| {
        found
            .iter()
            .map(|one| (one.id.to_string(), one.resource_version, one.uid.clone()))
            .collect::<Vec<_>>()
    };
    assert_eq!(names(&found), names(&bare));
    let data = |stored: &Stored| {
        let text =
            stored.body.as_ref().unwrap().path(["data", "k"]).and_then(Value::as_str).unwrap().to_string();
        assert!(text.bytes().all(|byte| byte == text.as_bytes()[0]), "mixed data in {}", stored.id);
        format!("{}*{}", &text[..1], text.len())
    };
    found.iter().map(|stored| (stored.id.name.clone(), data(stored))).collect()
}

/// Sends a request to etcd's gateway as it is and returns the answer's body.
pub(crate) fn raw(address: &str, path: &str, json: &str, token: Option<&str>) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    let token = token.map(|token| format!("Authorization: {token}\r\n")).unwrap_or_default();
    write!(
        stream,
        "POST /v3/{path} HTTP/1.1\r\nHost: e\r\n{token}Connection: close\r\nContent-Length: {}\r\n\r\n{json}",
        json.len()
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer.split_once("\r\n\r\n").map(|(_, body)| body.to_string()).unwrap_or_default()
}

/// `HOST:PORT` and the prefix of an address.
pub(crate) fn parts(address: &str) -> (&str, &str) {
    let rest = address.strip_prefix("etcd://").unwrap();
    rest.split_at(rest.find('/').unwrap())
}

/// All keys of a store below a part of its prefix.
fn keys(address: &str, area: &str) -> Vec<String> {
    let (host, prefix) = parts(address);
    let from = format!("{prefix}/@{area}");
    let to = format!("{from}\u{7f}");
    let json = format!(
        r#"{{"key":"{}","range_end":"{}","keys_only":true}}"#,
        base64::encode(&from),
        base64::encode(&to)
    );
    let answer: serde_json::Value = serde_json::from_str(&raw(host, "kv/range", &json, None)).unwrap();
    let kvs = answer["kvs"].as_array().cloned().unwrap_or_default();
    kvs.iter()
        .map(|kv| String::from_utf8(base64::decode(kv["key"].as_str().unwrap()).unwrap()).unwrap())
        .collect()
}

/// Lets the leases of prepared writes end, as time would.
fn let_leases_end(address: &str) {
    let (host, prefix) = parts(address);
    let from = format!("{prefix}/@alive/");
    let to = format!("{from}\u{7f}");
    let json = format!(r#"{{"key":"{}","range_end":"{}"}}"#, base64::encode(&from), base64::encode(&to));
    raw(host, "kv/deleterange", &json, None);
}

/// What a proxy does to requests, counted from 1.
#[derive(Clone, Copy)]
pub(crate) enum Cut {
    Nothing,
    /// The client is gone from that request on; it arrived or not.
    Kill {
        at: u64,
        arrived: bool,
    },
    /// The answer to that request is lost, and nothing else.
    Answer {
        at: u64,
    },
    /// That request is lost, and nothing else.
    Request {
        at: u64,
    },
}

pub(crate) type Hook = Box<dyn Fn(u64) + Send + Sync>;

/// A proxy before etcd, one connection per request.
pub(crate) struct Proxy {
    port: u16,
    count: Arc<AtomicU64>,
    cut: Arc<Mutex<Cut>>,
}

impl Proxy {
    pub(crate) fn before(server: &str) -> Self {
        Self::with_hook(server, Box::new(|_| {}))
    }

    /// `hook` is called with the number of each request before it is passed on.
    pub(crate) fn with_hook(server: &str, hook: Hook) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (count, cut) = (Arc::new(AtomicU64::new(0)), Arc::new(Mutex::new(Cut::Nothing)));
        let shared = (server.to_string(), Arc::clone(&count), Arc::clone(&cut), Arc::new(hook));
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let (server, count, cut, hook) = shared.clone();
                std::thread::spawn(move || {
                    let _ = pass_on(client, &server, &count, &cut, &**hook);
                });
            }
        });
        Proxy { port, count, cut }
    }

    pub(crate) fn requests(&self) -> u64 {
        self.count.load(Ordering::SeqCst)
    }

    pub(crate) fn cut(&self, cut: Cut) {
        self.count.store(0, Ordering::SeqCst);
        *self.cut.lock().unwrap() = cut;
    }

    /// The address of a store, through this proxy.
    pub(crate) fn through(&self, address: &str) -> String {
        format!("etcd://127.0.0.1:{}{}", self.port, parts(address).1)
    }
}

fn pass_on(
    mut client: TcpStream,
    server: &str,
    count: &AtomicU64,
    cut: &Mutex<Cut>,
    hook: &(dyn Fn(u64) + Send + Sync),
) -> std::io::Result<()> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        if client.read(&mut byte)? == 0 {
            return Ok(());
        }
        head.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let length = head.lines().find_map(|line| {
        line.to_ascii_lowercase().strip_prefix("content-length:")?.trim().parse::<usize>().ok()
    });
    let mut content = vec![0; length.unwrap_or(0)];
    client.read_exact(&mut content)?;
    let number = count.fetch_add(1, Ordering::SeqCst) + 1;
    hook(number);
    let cut = *cut.lock().unwrap();
    let gone = format!(
        "HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{GONE}",
        GONE.len()
    );
    let arrives = match cut {
        Cut::Kill { at, arrived } => number < at || (number == at && arrived),
        Cut::Request { at } => number != at,
        _ => true,
    };
    let mut answer = Vec::new();
    if arrives {
        let mut upstream = TcpStream::connect(server)?;
        let (first, rest) = head.split_once("\r\n").unwrap();
        write!(upstream, "{first}\r\nConnection: close\r\n{rest}")?;
        upstream.write_all(&content)?;
        upstream.read_to_end(&mut answer)?;
    }
    match cut {
        Cut::Kill { at, .. } if number >= at => client.write_all(gone.as_bytes()),
        Cut::Answer { at } | Cut::Request { at } if number == at => Ok(()),
        _ => client.write_all(&answer),
    }
}

/// Batches of all kinds, each with the state before it.
struct Case {
    what: &'static str,
    before: Vec<Write>,
    batch: Vec<Write>,
}

pub(crate) fn create(name: &str, letter: &str, length: usize) -> Write {
    Write::Create { body: map(name, &letter.repeat(length)) }
}

fn replace(name: &str, letter: &str, length: usize) -> Write {
    Write::Replace { body: map(name, &letter.repeat(length)), expected: None }
}

fn delete(name: &str) -> Write {
    Write::Delete { id: id(name), expected: None }
}

fn cases() -> Vec<Case> {
    let numbered = |start: usize, end: usize, make: &dyn Fn(&str) -> Write| -> Vec<Write> {
        (start..end).map(|number| make(&format!("m{number:03}"))).collect()
    };
    let mut many = numbered(0, 60, &|name| replace(name, "b", 20));
    many.extend(numbered(60, 100, &delete));
    many.extend(numbered(100, 180, &|name| create(name, "b", 20)));
    let mut mixed = many.clone();
    mixed.extend([replace("large", "b", 600_000), create("second", "b", 550_000)]);
    let mut large_before = numbered(0, 100, &|name| create(name, "a", 10));
    large_before.push(create("large", "a", 1_100_000));
    vec![
        Case {
            what: "a small batch",
            before: vec![create("x", "a", 5), create("y", "a", 5)],
            batch: vec![replace("x", "b", 5), delete("y"), create("z", "b", 5)],
        },
        Case {
            what: "large bodies",
            before: vec![create("large", "a", 1_100_000), create("y", "a", 5)],
            batch: vec![replace("large", "b", 1_100_000), replace("y", "b", 550_000), create("z", "b", 5)],
        },
        Case { what: "many objects", before: numbered(0, 100, &|name| create(name, "a", 10)), batch: many },
        Case { what: "many objects and large bodies", before: large_before, batch: mixed },
    ]
}

#[test]
fn a_kill_at_any_request_leaves_the_old_or_the_new_state() {
    let Some(address) = address_or_skip("kills at every request") else { return };
    let proxy = Proxy::before(parts(&address).0);
    let (mut kills, mut news) = (0, 0);
    for (number, case) in cases().into_iter().enumerate() {
        let counting = format!("{address}/count{number}");
        proxy.cut(Cut::Nothing);
        let through = open(&proxy.through(&counting));
        through.batch(&case.before).unwrap();
        let old = state(&through);
        proxy.cut(Cut::Nothing);
        through.batch(&case.batch).unwrap();
        let requests = proxy.requests();
        let new = state(&open(&counting));
        assert_ne!(old, new);
        println!("{}: {requests} requests", case.what);
        for at in 1..=requests {
            for arrived in [false, true] {
                let what = format!("{} killed at request {at} of {requests}, arrived: {arrived}", case.what);
                let address = format!("{address}/k{number}-{at}-{arrived}");
                open(&address).batch(&case.before).unwrap();
                proxy.cut(Cut::Kill { at, arrived });
                let result = open(&proxy.through(&address)).batch(&case.batch);
                kills += 1;
                let found = state(&open(&address));
                assert!(found == old || found == new, "{what}: half done: {found:?}");
                assert!(result.is_err() || found == new, "{what}: acknowledged and lost");
                news += u32::from(found == new);
                // A read that is not whole says nothing of the objects one by one either.
                let each = open(&address).get_each(&[id("x"), id("m000"), id("m070"), id("m150")]).unwrap();
                for (name, one) in ["x", "m000", "m070", "m150"].iter().zip(each) {
                    assert_eq!(one.is_some(), found.iter().any(|(found, _)| found == name), "{what}: {name}");
                    assert_eq!(one, open(&address).get(&id(name)).unwrap(), "{what}: {name}");
                }
                // The next client goes on and clears up.
                let_leases_end(&address);
                let next = open(&address);
                let versions = |store: &Etcd| {
                    let all = store.list(&Query { metadata_only: true, ..Query::default() }).unwrap();
                    all.into_iter().map(|one| (one.id.name, one.resource_version)).collect::<BTreeMap<_, _>>()
                };
                let before = versions(&next);
                let made = next.create(map("next", "c")).unwrap();
                assert!(before.values().all(|version| *version < made.resource_version), "{what}");
                next.delete(&id("next"), Some(made.resource_version)).unwrap();
                assert_eq!(versions(&next), before, "{what}: versions changed");
                assert_eq!(state(&next), found, "{what}");
                assert!(keys(&address, "open").is_empty() && keys(&address, "stage").is_empty(), "{what}");
                let pieces = keys(&address, "part").len();
                let wanted = if found == new {
                    keys(&counting, "part").len()
                } else {
                    found.iter().filter(|(_, data)| data.len() > 8).count() * 2
                };
                assert_eq!(pieces, wanted, "{what}: pieces are left");
                if found == old {
                    next.batch(&case.batch).unwrap();
                    assert_eq!(state(&next), new, "{what}");
                }
            }
        }
    }
    println!("{kills} kills, {news} left the new state");
}

#[test]
fn a_lost_answer_or_request_is_made_good() {
    let Some(address) = address_or_skip("lost answers") else { return };
    let proxy = Proxy::before(parts(&address).0);
    let mut cuts = 0;
    for (number, case) in cases().into_iter().enumerate().take(3) {
        let counting = format!("{address}/count{number}");
        proxy.cut(Cut::Nothing);
        let through = open(&proxy.through(&counting));
        through.batch(&case.before).unwrap();
        proxy.cut(Cut::Nothing);
        through.batch(&case.batch).unwrap();
        let requests = proxy.requests();
        let new = state(&through);
        for at in 1..=requests {
            for cut in [Cut::Answer { at }, Cut::Request { at }] {
                let address =
                    format!("{address}/l{number}-{at}-{}", u8::from(matches!(cut, Cut::Answer { .. })));
                open(&address).batch(&case.before).unwrap();
                proxy.cut(cut);
                let results = open(&proxy.through(&address)).batch(&case.batch).unwrap();
                cuts += 1;
                let store = open(&address);
                assert_eq!(state(&store), new, "{} at {at}", case.what);
                for result in results.into_iter().flatten() {
                    assert_eq!(
                        store.get(&result.id).unwrap().as_ref(),
                        Some(&result),
                        "{} at {at}",
                        case.what
                    );
                }
                let_leases_end(&address);
                store.create(map("next", "c")).unwrap();
                assert_eq!(
                    keys(&address, "part").len(),
                    keys(&counting, "part").len(),
                    "{} at {at}",
                    case.what
                );
            }
        }
    }
    println!("{cuts} lost requests or answers");
}

#[test]
fn a_lost_answer_is_found_in_the_history_when_others_wrote_since() {
    let Some(address) = address_or_skip("lost answers and other writers") else { return };
    // After the commit arrived, and before it is sent again, somebody else writes three times.
    let other = address.clone();
    let hook = move |number: u64| {
        if number == 3 {
            let store = open(&other);
            for round in 0..3 {
                store.replace(map("mine", &"o".repeat(round + 1)), None).unwrap();
            }
        }
    };
    let proxy = Proxy::with_hook(parts(&address).0, Box::new(hook));
    proxy.cut(Cut::Answer { at: 2 });
    let made = open(&proxy.through(&address)).create(map("mine", "m")).unwrap();
    assert!(proxy.requests() >= 6, "{}", proxy.requests());
    let now = open(&address).get(&id("mine")).unwrap().unwrap();
    assert_eq!(now.uid, made.uid);
    assert!(now.resource_version > made.resource_version);
    assert_eq!(state(&open(&address)), [("mine".to_string(), "o*3".to_string())]);
}

#[test]
fn racing_clients_lose_nothing() {
    let Some(address) = address_or_skip("races") else { return };
    open(&address).create(map("counter", "a")).unwrap();
    let began = Instant::now();
    std::thread::scope(|scope| {
        for client in 0..4 {
            let address = &address;
            scope.spawn(move || {
                let store = open(address);
                for round in 0..6 {
                    loop {
                        let now = store.get(&id("counter")).unwrap().unwrap();
                        let length =
                            now.body.as_ref().unwrap().path(["data", "k"]).unwrap().as_str().unwrap().len();
                        match store
                            .replace(map("counter", &"a".repeat(length + 1)), Some(now.resource_version))
                        {
                            Ok(_) => break,
                            Err(StoreError::Conflict { .. }) => {}
                            Err(error) => panic!("{error}"),
                        }
                    }
                    // Every other batch needs a log.
                    let size = if round % 2 == 0 { 3 } else { 90 };
                    let writes: Vec<Write> =
                        (0..size).map(|n| create(&format!("c{client}-{round}-{n:02}"), "a", 3)).collect();
                    store.batch(&writes).unwrap();
                }
            });
        }
        // A reader sees all of a batch or nothing of it.
        scope.spawn(|| {
            let store = open(&address);
            for _ in 0..30 {
                let mut sizes: BTreeMap<String, usize> = BTreeMap::new();
                for stored in store.list(&Query::default()).unwrap() {
                    if let Some((batch, _)) = stored.id.name.rsplit_once('-') {
                        *sizes.entry(batch.to_string()).or_default() += 1;
                    }
                }
                for (batch, size) in sizes {
                    let round: usize = batch.rsplit_once('-').unwrap().1.parse().unwrap();
                    assert_eq!(size, if round.is_multiple_of(2) { 3 } else { 90 }, "{batch}");
                }
            }
        });
    });
    let found = state(&open(&address));
    assert_eq!(found.len(), 1 + 4 * 3 * (3 + 90));
    assert!(found.contains(&("counter".to_string(), "a*25".to_string())), "{:?}", found.last());
    assert!(keys(&address, "open").is_empty() && keys(&address, "part").is_empty());
    println!("24 increments and 24 batches by four clients in {:.1?}", began.elapsed());
}

#[test]
fn a_write_that_was_cleared_up_begins_again() {
    let Some(address) = address_or_skip("a slow writer") else { return };
    // While the slow one puts its pieces away, its lease ends, and another client clears up.
    let other = address.clone();
    let hook = move |number: u64| {
        if number == 5 {
            let_leases_end(&other);
            open(&other).create(map("other", "o")).unwrap();
            assert!(keys(&other, "part").is_empty() && keys(&other, "stage").is_empty());
        }
    };
    let proxy = Proxy::with_hook(parts(&address).0, Box::new(hook));
    open(&proxy.through(&address)).create(map("slow", &"s".repeat(3_000_000))).unwrap();
    let want = [("other".to_string(), "o*1".to_string()), ("slow".to_string(), "s*3000000".to_string())];
    assert_eq!(state(&open(&address)), want);
    assert_eq!((keys(&address, "part").len(), keys(&address, "stage").len()), (3, 0));
}

#[test]
fn prefixes_never_meet() {
    let Some(address) = address_or_skip("prefixes") else { return };
    let stores: Vec<Etcd> = ["/a", "/a/b", "/ab", "/a/meta", "/aa"]
        .iter()
        .map(|below| open(&format!("{address}{below}")))
        .collect();
    for (number, store) in stores.iter().enumerate() {
        assert!(state(store).is_empty());
        store.create(map(&format!("o{number}"), "a")).unwrap();
    }
    for (number, store) in stores.iter().enumerate() {
        assert_eq!(state(store), [(format!("o{number}"), "a*1".to_string())]);
        store.delete(&id(&format!("o{number}")), None).unwrap();
    }
}

#[test]
fn bodies_of_all_sizes_come_back() {
    let Some(address) = address_or_skip("sizes") else { return };
    let store = open(&address);
    for size in [1, 500_000, 524_287, 600_000, 1 << 20, (1 << 20) + 1, 9_000_000] {
        let body = map("x", &"y".repeat(size));
        let stored = match store.get(&id("x")).unwrap() {
            None => store.create(body).unwrap(),
            Some(_) => store.replace(body, None).unwrap(),
        };
        assert_eq!(store.get(&id("x")).unwrap(), Some(stored));
    }
    assert_eq!(keys(&address, "part").len(), 9);
    store.replace(map("x", "sss"), None).unwrap();
    assert!(keys(&address, "part").is_empty());
    let error = store.replace(map("x", &"y".repeat(70_000_000)), None).unwrap_err();
    assert!(error.to_string().contains("takes at most 67108864"), "{error}");
    // Together more than one request, each in its own small enough.
    let writes: Vec<Write> = (0..8).map(|number| create(&format!("p{number}"), "p", 400_000)).collect();
    store.batch(&writes).unwrap();
    assert_eq!(state(&store).len(), 9);
}

#[test]
fn damage_and_newer_formats_are_told() {
    let Some(address) = address_or_skip("damage") else { return };
    let (server, prefix) = parts(&address);
    let put = |key: &str, value: &str| {
        let key = base64::encode(format!("{prefix}/@{key}"));
        let value = base64::encode(value);
        raw(server, "kv/put", &format!(r#"{{"key":"{key}","value":"{value}"}}"#), None);
    };
    let store = open(&address);
    store.create(map("x", "a")).unwrap();
    put("body/\0\u{1}ConfigMap\0\u{1}n\0\u{1}x", "{");
    let error = store.get(&id("x")).unwrap_err().to_string();
    assert!(error.ends_with("is damaged: the body of ConfigMap/n/x cannot be read"), "{error}");
    store.list(&Query { metadata_only: true, ..Query::default() }).unwrap();
    put("meta/\0\u{1}ConfigMap\0\u{1}n\0\u{1}x", "[]");
    let error = store.list(&Query::default()).unwrap_err().to_string();
    assert!(error.ends_with("is damaged: the metadata of ConfigMap/n/x cannot be read"), "{error}");
    put("head", r#"{"format":2,"token":"x"}"#);
    for error in [store.create(map("y", "a")).unwrap_err(), store.list(&Query::default()).unwrap_err()] {
        assert!(
            error.to_string().ends_with("has format 2, and this program knows formats up to 1"),
            "{error}"
        );
    }
}

#[test]
fn a_listing_begins_again_when_its_revision_is_compacted() {
    let Some(address) = address_or_skip("compaction") else { return };
    let store = open(&address);
    for part in 0..3 {
        let writes: Vec<Write> = (0..400).map(|n| create(&format!("o{part}-{n:03}"), "a", 3)).collect();
        store.batch(&writes).unwrap();
    }
    let other = address.clone();
    let hook = move |number: u64| {
        if number == 2 {
            let store = open(&other);
            let revision = store.create(map("last", "b")).unwrap().resource_version;
            raw(
                parts(&other).0,
                "kv/compaction",
                &format!(r#"{{"revision":"{revision}","physical":true}}"#),
                None,
            );
        }
    };
    let proxy = Proxy::with_hook(parts(&address).0, Box::new(hook));
    let found =
        open(&proxy.through(&address)).list(&Query { metadata_only: true, ..Query::default() }).unwrap();
    assert_eq!(found.len(), 1201);
    assert_eq!(found[0].id.name, "last");
}
