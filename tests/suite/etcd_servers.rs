//! etcd as a store on servers that the test starts itself: users and rights, TLS with client certificates, a cluster that
//! loses its leader, a restart; and servers that are no etcd at all. Skipped, with a line, where `etcd` is not installed.

use std::io::{Read, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use bowline::cluster::{Etcd, Query, Store, StoreError};
use bowline::data::base64;

use crate::etcd::{Cut, Proxy, client_host, create, id, map, open, raw, state};
use crate::support::skip::server_is_missing;

/// One member; it ends with the test.
struct Member {
    child: Child,
    arguments: Vec<String>,
    client: u16,
    /// What it says about itself.
    log: PathBuf,
}

impl Drop for Member {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn is_installed(program: &str, argument: &str) -> bool {
    let there =
        Command::new(program).arg(argument).stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok();
    if !there {
        server_is_missing(&format!("the program `{program}` is not installed"));
    }
    there
}

/// Ports that nobody listens on now; another program may be faster than the server that is to have them.
fn free_ports(count: usize) -> Vec<u16> {
    let held: Vec<TcpListener> = (0..count).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
    held.iter().map(|listener| listener.local_addr().unwrap().port()).collect()
}

/// How often other ports are tried.
const MOST_STARTS: u32 = 10;

/// How long a member may take until it serves.
const UP_WITHIN: Duration = Duration::from_secs(120);

fn spawn(arguments: &[String], log: &Path) -> Child {
    let log = std::fs::File::create(log).unwrap();
    Command::new("etcd").args(arguments).stdout(Stdio::null()).stderr(log).spawn().unwrap()
}

/// Starts members that know each other, and waits until each serves.
fn start(folder: &Path, count: usize, scheme: &str, extra: &[String]) -> Vec<Member> {
    for attempt in 1.. {
        let folder = folder.join(format!("start{attempt}"));
        std::fs::create_dir(&folder).unwrap();
        let mut members = begin(&folder, count, scheme, extra);
        if members.iter_mut().all(Member::serves) {
            return members;
        }
        let logs: Vec<String> =
            members.iter().map(|member| std::fs::read_to_string(&member.log).unwrap()).collect();
        let is_taken = logs.iter().any(|log| log.contains("address already in use"));
        assert!(is_taken && attempt < MOST_STARTS, "etcd does not come up: {}", logs.join("\n"));
    }
    unreachable!("the loop ends by itself")
}

fn begin(folder: &Path, count: usize, scheme: &str, extra: &[String]) -> Vec<Member> {
    let ports = free_ports(count * 2);
    let (clients, peers) = ports.split_at(count);
    let cluster: Vec<String> =
        peers.iter().enumerate().map(|(n, port)| format!("m{n}=http://127.0.0.1:{port}")).collect();
    let member = |n: usize| {
        let (client, peer) =
            (format!("{scheme}://127.0.0.1:{}", clients[n]), format!("http://127.0.0.1:{}", peers[n]));
        let mut arguments =
            vec![format!("--name=m{n}"), format!("--data-dir={}", folder.join(format!("m{n}")).display())];
        arguments.extend([
            format!("--listen-client-urls={client}"),
            format!("--advertise-client-urls={client}"),
            format!("--listen-peer-urls={peer}"),
            format!("--initial-advertise-peer-urls={peer}"),
            format!("--initial-cluster={}", cluster.join(",")),
            "--unsafe-no-fsync".to_string(),
        ]);
        arguments.extend(extra.iter().cloned());
        let log = folder.join(format!("m{n}.log"));
        Member { child: spawn(&arguments, &log), arguments, client: clients[n], log }
    };
    (0..count).map(member).collect()
}

impl Member {
    /// Waits until it says that it serves; `false` when it ended.
    fn serves(&mut self) -> bool {
        let began = Instant::now();
        while !std::fs::read_to_string(&self.log).unwrap().contains("ready to serve client requests") {
            if self.child.try_wait().unwrap().is_some() {
                return false;
            }
            assert!(began.elapsed() < UP_WITHIN, "etcd does not come up: {:?}", self.arguments);
            std::thread::sleep(Duration::from_millis(50));
        }
        true
    }

    /// Waits until it listens again.
    fn wait(&self) {
        let began = Instant::now();
        while TcpStream::connect(("127.0.0.1", self.client)).is_err() {
            assert!(began.elapsed() < UP_WITHIN, "etcd does not come up: {:?}", self.arguments);
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn host(&self) -> String {
        format!("127.0.0.1:{}", self.client)
    }

    fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    fn restart(&mut self) {
        self.child = spawn(&self.arguments, &self.log);
    }
}

#[test]
fn users_and_rights_count() {
    if !is_installed("etcd", "--version") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let members = start(folder.path(), 1, "http", &["--auth-token-ttl=2".to_string()]);
    let host = members[0].host();
    let anonymous = format!("etcd://{host}/team");
    // A user is named, and the cluster knows none yet: that is no reason to refuse.
    open(&format!("etcd://ann:x@{host}/team")).create(map("first", "a")).unwrap();
    let send = |path: &str, json: String| {
        let answer = raw(&host, path, &json, None);
        assert!(answer.contains("header"), "{path}: {answer}");
    };
    for (user, password) in [("root", "r"), ("ann", "p@ss/w:rd é"), ("eve", "e")] {
        send("auth/user/add", format!(r#"{{"name":"{user}","password":"{password}"}}"#));
    }
    let (from, to) = (base64::encode("/team/@"), base64::encode("/team/A"));
    for (role, kind, user) in
        [("root", "", "root"), ("writer", "READWRITE", "ann"), ("reader", "READ", "eve")]
    {
        send("auth/role/add", format!(r#"{{"name":"{role}"}}"#));
        if !kind.is_empty() {
            let right = format!(r#"{{"permType":"{kind}","key":"{from}","range_end":"{to}"}}"#);
            send("auth/role/grant", format!(r#"{{"name":"{role}","perm":{right}}}"#));
        }
        send("auth/user/grant", format!(r#"{{"user":"{user}","role":"{role}"}}"#));
    }
    send("auth/enable", "{}".into());

    let ann = format!("etcd://ann:p%40ss%2Fw%3Ard%20%C3%A9@{host}/team");
    let store = open(&ann);
    store.create(map("large", &"a".repeat(1_500_000))).unwrap();
    let many = (0..100).map(|number| create(&format!("m{number}"), "a", 3)).collect::<Vec<_>>();
    store.batch(&many).unwrap();
    assert_eq!(state(&store).len(), 102);
    assert!(!format!("{store:?}").contains("p@ss"));
    // The token runs out, and a new one is asked for.
    std::thread::sleep(Duration::from_secs(4));
    store.replace(map("first", "b"), None).unwrap();

    let eve = open(&format!("etcd://eve:e@{host}/team"));
    assert_eq!(state(&eve).len(), 102, "reading needs no right to write");
    let refused = |store: &Etcd, want: &str| {
        for error in [
            store.create(map("x", "a")).unwrap_err(),
            store.create(map("y", &"a".repeat(1_500_000))).unwrap_err(),
        ] {
            assert!(matches!(error, StoreError::Unauthorized { .. }), "{error}");
            let text = error.to_string();
            assert!(text.contains(want) && text.contains(&host) && !text.contains("p@ss"), "{text}");
        }
    };
    refused(&eve, "permission denied");
    refused(&open(&format!("etcd://ann:p%40ss%2Fw%3Ard%20%C3%A9@{host}/other")), "permission denied");
    refused(
        &open(&format!("etcd://ann:wrong@{host}/team")),
        "authentication failed, invalid user ID or password",
    );
    refused(
        &open(&format!("etcd://nobody:x@{host}/team")),
        "authentication failed, invalid user ID or password",
    );
    refused(&open(&anonymous), "it asks for a user and a password");
    assert_eq!(state(&store).len(), 102);
}

/// A folder with an authority, a server's certificate and a client's.
fn certificates(folder: &Path) {
    let run = |line: &str| {
        let words: Vec<&str> = line.split(' ').collect();
        let output = Command::new("openssl").args(words).current_dir(folder).output().unwrap();
        assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
    };
    // The gateway inside etcd talks to etcd with the server's own certificate.
    let server = "subjectAltName=IP:127.0.0.1\nextendedKeyUsage=serverAuth,clientAuth\n";
    std::fs::write(folder.join("server.ext"), server).unwrap();
    std::fs::write(folder.join("client.ext"), "extendedKeyUsage=clientAuth\n").unwrap();
    run("req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=authority -keyout ca.key -out ca.pem");
    for name in ["server", "client"] {
        run(&format!("req -newkey rsa:2048 -nodes -subj /CN={name} -keyout {name}.key -out {name}.csr"));
        run(&format!(
            "x509 -req -days 2 -in {name}.csr -CA ca.pem -CAkey ca.key -CAcreateserial -extfile {name}.ext -out {name}.pem"
        ));
    }
}

#[test]
fn tls_with_client_certificates() {
    if !is_installed("etcd", "--version") || !is_installed("openssl", "version") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    certificates(folder.path());
    let file = |name: &str| folder.path().join(name).display().to_string();
    let extra = [
        format!("--cert-file={}", file("server.pem")),
        format!("--key-file={}", file("server.key")),
        format!("--trusted-ca-file={}", file("ca.pem")),
        "--client-cert-auth".to_string(),
    ];
    let members = start(folder.path(), 1, "https", &extra);
    let host = members[0].host();
    let (ca, cert, key) = (file("ca.pem"), file("client.pem"), file("client.key"));
    let identity = format!("cert-file={cert}&key-file={key}");
    let store = open(&format!("etcds://{host}/p?ca-file={ca}&{identity}"));
    store.create(map("x", "a")).unwrap();
    assert_eq!(store.describe(), format!("etcds://{host}/p"));
    assert_eq!(state(&open(&format!("etcds://{host}/p?insecure-skip-tls-verify=true&{identity}"))).len(), 1);
    for (address, want) in [
        (format!("etcds://{host}/p?{identity}"), "signed by an unknown authority"),
        // The alert that names the certificate, or the end of the connection: whichever is read first.
        (format!("etcds://{host}/p?ca-file={ca}"), "cannot open"),
        (
            format!("etcds://{host}/p?ca-file={ca}&cert-file={cert}"),
            "needs both a certificate and a key file",
        ),
        (format!("etcds://{host}/p?ca-file={}", file("nowhere.pem")), "nowhere.pem"),
        // A server that speaks TLS ends a connection that does not.
        (format!("etcd://{host}/p"), "cannot open"),
    ] {
        let error = open(&address).get(&id("x")).unwrap_err();
        assert!(matches!(error, StoreError::Unreachable { .. }), "{error}");
        assert!(error.to_string().contains(want), "{want}: {error}");
    }
}

#[test]
fn a_cluster_that_loses_members_goes_on() {
    if !is_installed("etcd", "--version") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let extra = ["--heartbeat-interval=50".to_string(), "--election-timeout=500".to_string()];
    let mut members = start(folder.path(), 3, "http", &extra);
    let hosts: Vec<String> = members.iter().map(Member::host).collect();
    let address = format!("etcd://{}/p", hosts.join(","));
    let leader = |hosts: &[String]| -> usize {
        let began = Instant::now();
        loop {
            for (index, host) in hosts.iter().enumerate() {
                if TcpStream::connect(host).is_err() {
                    continue;
                }
                let text = raw(host, "maintenance/status", "{}", None);
                let Ok(status) = serde_json::from_str::<serde_json::Value>(&text) else { continue };
                if status["leader"].is_string() && status["leader"] == status["header"]["member_id"] {
                    return index;
                }
            }
            assert!(began.elapsed() < Duration::from_secs(90), "there is no leader");
        }
    };
    open(&address).create(map("counter", "a")).unwrap();
    let (mut length, mut slowest) = (1, Duration::ZERO);
    for round in 0..4 {
        let doomed = if round % 2 == 0 { leader(&hosts) } else { round % 3 };
        let writer = std::thread::spawn({
            let address = address.clone();
            move || {
                let store = open(&address);
                let (mut length, mut slowest) = (length, Duration::ZERO);
                let mut made = Vec::new();
                for number in 0..30 {
                    let began = Instant::now();
                    // At the version that was read: a write that was done twice would conflict with itself.
                    let seen = store.get(&id("counter")).unwrap().unwrap().resource_version;
                    length += 1;
                    store.replace(map("counter", &"a".repeat(length)), Some(seen)).unwrap();
                    let name = format!("r{round}-{number:02}");
                    store.create(map(&name, "a")).unwrap();
                    made.push(name);
                    slowest = slowest.max(began.elapsed());
                }
                let many =
                    (0..90).map(|n| create(&format!("r{round}-many{n:02}"), "a", 3)).collect::<Vec<_>>();
                store.batch(&many).unwrap();
                (length, slowest, made)
            }
        });
        std::thread::sleep(Duration::from_millis(60));
        members[doomed].kill();
        let (now, time, made) = writer.join().unwrap();
        length = now;
        slowest = slowest.max(time);
        let found = state(&open(&address));
        assert!(made.iter().all(|name| found.iter().any(|(found, _)| found == name)), "round {round}");
        assert_eq!(found.len(), 1 + (round + 1) * (30 + 90), "round {round}");
        assert!(found.contains(&("counter".to_string(), format!("a*{length}"))), "round {round}");
        members[doomed].restart();
        members[doomed].wait();
        leader(&hosts);
    }
    println!("240 writes, four members killed, the slowest two writes took {slowest:.1?}");

    // Two of three gone: nothing is written, and that is said in time.
    members[0].kill();
    members[1].kill();
    let began = Instant::now();
    let error = open(&address).create(map("late", "a")).unwrap_err();
    assert!(matches!(error, StoreError::Unreachable { .. }), "{error}");
    println!("no majority, after {:.1?}: {error}", began.elapsed());
    assert!(began.elapsed() < Duration::from_secs(60));
    members[0].restart();
    members[0].wait();
    leader(&hosts);
    open(&address).create(map("late", "a")).unwrap();
}

#[test]
fn a_restart_is_waited_for() {
    if !is_installed("etcd", "--version") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut members = start(folder.path(), 1, "http", &[]);
    let address = format!("etcd://{}/p", members[0].host());
    let store = open(&address);
    store.create(map("x", "a")).unwrap();
    members[0].kill();
    let writer = std::thread::spawn(move || store.replace(map("x", "b"), None).map(drop));
    std::thread::sleep(Duration::from_millis(700));
    members[0].restart();
    writer.join().unwrap().unwrap();
    assert_eq!(state(&open(&address)), [("x".to_string(), "b*1".to_string())]);
    members[0].kill();
    let began = Instant::now();
    let error = open(&address).create(map("y", "a")).unwrap_err().to_string();
    assert_eq!(error, format!("cannot open {address}: connection refused"));
    assert!(began.elapsed() < Duration::from_secs(45), "{:?}", began.elapsed());
}

#[test]
fn smaller_limits_of_a_server_are_kept() {
    if !is_installed("etcd", "--version") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let extra = ["--max-txn-ops=16".to_string(), "--max-request-bytes=100000".to_string()];
    let members = start(folder.path(), 1, "http", &extra);
    let store = open(&format!("etcd://{}/p", members[0].host()));
    let mut many: Vec<_> = (0..60).map(|number| create(&format!("m{number:02}"), "a", 3)).collect();
    many.push(create("large", "l", 900_000));
    let made = store.batch(&many).unwrap();
    assert_eq!(state(&store).len(), 61);
    let ids: Vec<_> = made.iter().flatten().map(|one| one.id.clone()).collect();
    assert_eq!(store.get_each(&ids).unwrap(), made);
}

/// A server that gives every request the same answer.
fn answering(answer: Vec<u8>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("etcd://{}/p", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for mut client in listener.incoming().map_while(Result::ok) {
            let answer = answer.clone();
            std::thread::spawn(move || {
                let _ = client.read(&mut [0; 4096]);
                let _ = client.write_all(&answer);
                let _ = client.shutdown(std::net::Shutdown::Write);
                let _ = client.read_to_end(&mut Vec::new());
            });
        }
    });
    address
}

#[test]
fn what_is_no_etcd_is_told() {
    let http = |status: &str, body: &str| {
        answering(
            format!("HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}", body.len())
                .into_bytes(),
        )
    };
    let page = "<!DOCTYPE html><html><body>Welcome</body></html>";
    for (address, want) in [
        (
            http("200 OK", page),
            "that is no etcd 3.4 or newer: it answered a page of HTML with HTTP status 200",
        ),
        (http("404 Not Found", page), "a page of HTML with HTTP status 404"),
        (http("404 Not Found", "Not Found\n"), "it answered \"Not Found\" with HTTP status 404"),
        (http("200 OK", ""), "it answered nothing with HTTP status 200"),
        (http("200 OK", "{}"), "that is no etcd"),
        (http("302 Found", "moved"), "HTTP status 302"),
        (http("400 Bad Request", r#"{"code":3,"error":"odd words"}"#), "odd words"),
        (
            answering(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n{".to_vec()),
            "its limits are too small for this program",
        ),
        (
            "etcd://127.0.0.1:1,127.0.0.1:2/p".into(),
            "127.0.0.1:1: connection refused; 127.0.0.1:2: connection refused",
        ),
        ("etcd://no.such.host.invalid/p".into(), "cannot open etcd://no.such.host.invalid:2379/p"),
    ] {
        let began = Instant::now();
        for error in
            [open(&address).get(&id("x")).unwrap_err(), open(&address).create(map("x", "a")).unwrap_err()]
        {
            assert!(error.to_string().contains(want), "{want}: {error}");
        }
        assert!(began.elapsed() < Duration::from_secs(60), "{want}: {:?}", began.elapsed());
    }
}

#[test]
fn a_member_that_is_down_is_passed_over() {
    let Some(address) = crate::etcd::address_or_skip("fail-over") else { return };
    let down = address.replacen("etcd://", "etcd://127.0.0.1:1,", 1);
    open(&down).create(map("x", "a")).unwrap();
    // One that answers with errors of its own is passed over as well.
    let broken =
        answering(b"HTTP/1.1 502 Bad Gateway\r\nConnection: close\r\nContent-Length: 3\r\n\r\nno\n".to_vec());
    let broken = broken.trim_start_matches("etcd://").trim_end_matches("/p");
    let store = open(&address.replacen("etcd://", &format!("etcd://{broken},"), 1));
    let made = store.replace(map("x", "b"), None).unwrap();
    assert_eq!(store.get(&id("x")).unwrap(), Some(made));
}

#[test]
fn requests_are_few() {
    let Some(address) = crate::etcd::address_or_skip("counting requests") else { return };
    let server = address.trim_start_matches("etcd://").split('/').next().unwrap().to_string();
    let proxy = Proxy::before(&server);
    let store = Etcd::new(&proxy.through(&address), &client_host()).unwrap();
    let counted = |what: &str, most: u64, run: &dyn Fn()| {
        proxy.cut(Cut::Nothing);
        let began = Instant::now();
        run();
        println!("{what}: {} requests, {:.1?}", proxy.requests(), began.elapsed());
        assert!(proxy.requests() <= most, "{what}: {} requests", proxy.requests());
    };
    counted("create", 2, &|| drop(store.create(map("x", "a")).unwrap()));
    counted("get", 1, &|| drop(store.get(&id("x")).unwrap()));
    counted("replace", 2, &|| drop(store.replace(map("x", "b"), None).unwrap()));
    counted("replace by the same", 1, &|| drop(store.replace(map("x", "b"), None).unwrap()));
    counted("create 50", 2, &|| {
        drop(store.batch(&(0..50).map(|n| create(&format!("s{n}"), "a", 3)).collect::<Vec<_>>()).unwrap());
    });
    counted("create 100", 9, &|| {
        drop(store.batch(&(0..100).map(|n| create(&format!("h{n}"), "a", 3)).collect::<Vec<_>>()).unwrap());
    });
    let ids: Vec<_> = (0..100).map(|n| id(&format!("h{n}"))).collect();
    counted("get 100", 2, &|| assert!(store.get_each(&ids).unwrap().iter().all(Option::is_some)));
    let bare = Query { metadata_only: true, ..Query::default() };
    counted("list 151, metadata", 1, &|| assert_eq!(store.list(&bare).unwrap().len(), 151));
    counted("list 151, bodies", 3, &|| assert_eq!(store.list(&Query::default()).unwrap().len(), 151));
    counted("delete 100", 9, &|| {
        let writes: Vec<_> =
            ids.iter().map(|id| bowline::cluster::Write::Delete { id: id.clone(), expected: None }).collect();
        drop(store.batch(&writes).unwrap());
    });
}
