//! The server behind TLS: our own client, hostile ones on raw sockets, bare TLS of one version, and Helm.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bowline::chart::{ChartFile, Limits, from_files};
use bowline::keys::Algorithm;
use bowline::package::{PackOptions, pack};
use bowline::repo::serve::{ServeOptions, Server};
use bowline::sys::http::{Call, CallMethod, Http, HttpOptions, Response};
use bowline::sys::tls::TlsFiles;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use crate::serving::{Answer, Running, chart, host};
use crate::serving_uploads::{archive, folder, start, writable};
use crate::support::Env;
use crate::support::authority::Authority;
use crate::support::helm::{helm, helm_at_home};
use crate::support::skip::server_is_missing;

/// Longest wait of a test for something that comes at once unless the machine is very busy.
const PATIENCE: Duration = Duration::from_secs(120);

fn files((cert, key): (PathBuf, PathBuf)) -> TlsFiles {
    TlsFiles { cert, key, client_ca: None }
}

/// Options of a writable server with a certificate of an authority.
fn options(authority: &Authority, outside: &Path, folder: &Path) -> ServeOptions {
    let tls = files(authority.issue(outside, "server", Algorithm::EcdsaP256));
    ServeOptions { tls: Some(tls), ..writable(folder) }
}

/// A client that trusts one authority.
fn client(outside: &Path, ca: &Path) -> Http {
    Http::new(HttpOptions { ca_file: Some(ca.to_path_buf()), ..HttpOptions::new(&host(outside)) })
}

fn get(client: &Http, url: &str) -> Result<Response, String> {
    client.call(&Call::new(CallMethod::Get, url, 64 << 20)).map_err(|error| error.to_string())
}

/// One request over TLS, with what a client offers; the answer, and what was agreed on.
fn bare(
    server: &Running,
    authority: &Authority,
    versions: &[&'static rustls::SupportedProtocolVersion],
    protocols: &[&str],
) -> Result<(String, rustls::ProtocolVersion), String> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(authority.pem().as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
    let name = "127.0.0.1".try_into().unwrap();
    let connection = rustls::ClientConnection::new(Arc::new(config), name).unwrap();
    let socket = TcpStream::connect(server.address).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut stream = rustls::StreamOwned::new(connection, socket);
    stream
        .write_all(b"GET /health HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
        .map_err(|error| error.to_string())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).map_err(|error| error.to_string())?;
    Ok((answer, stream.conn.protocol_version().unwrap()))
}

#[test]
fn charts_are_served_over_tls_with_every_kind_of_key() {
    let (outside, folder) = folder();
    chart(&folder, "web", "1.0.0", "");
    let authority = Authority::new("authority");
    let client = client(outside.path(), &authority.save(outside.path(), "ca.crt"));
    for algorithm in [Algorithm::Rsa(2_048), Algorithm::EcdsaP256, Algorithm::Ed25519] {
        let tls = files(authority.issue(outside.path(), "server", algorithm));
        let server = start(outside.path(), &ServeOptions { tls: Some(tls), ..writable(&folder) });
        assert!(server.url.starts_with("https://127.0.0.1:"), "{}", server.url);
        let index = get(&client, &format!("{}/index.yaml", server.url)).unwrap();
        assert!(String::from_utf8_lossy(&index.body).contains("web-1.0.0.tgz"), "{algorithm:?}");
    }
}

#[test]
fn keys_may_be_written_in_pkcs8() {
    let (outside, folder) = folder();
    let authority = Authority::new("authority");
    let client = client(outside.path(), &authority.save(outside.path(), "ca.crt"));
    for algorithm in [Algorithm::Rsa(2_048), Algorithm::EcdsaP256] {
        let (cert, key) = authority.issue(outside.path(), "server", algorithm);
        let pkcs8 = outside.path().join("pkcs8.key");
        let ran = Command::new("openssl").args(["pkey", "-out"]).arg(&pkcs8).arg("-in").arg(&key).output();
        if !ran.is_ok_and(|ran| ran.status.success()) {
            return server_is_missing("there is no openssl");
        }
        assert!(std::fs::read_to_string(&pkcs8).unwrap().starts_with("-----BEGIN PRIVATE KEY-----"));
        let server =
            start(outside.path(), &ServeOptions { tls: Some(files((cert, pkcs8))), ..writable(&folder) });
        assert_eq!(get(&client, &format!("{}/health", server.url)).unwrap().status, 200, "{algorithm:?}");
    }
}

#[test]
fn large_archives_pass_in_both_directions() {
    let (outside, folder) = folder();
    let authority = Authority::new("authority");
    let server = start(outside.path(), &options(&authority, outside.path(), &folder));
    let client = client(outside.path(), &authority.save(outside.path(), "ca.crt"));
    // Bytes that do not get smaller, from a simple generator.
    let mut state = 7_u64;
    let noise: Vec<u8> = (0..3 << 20)
        .map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 56) as u8
        })
        .collect();
    let file =
        |path: &str, data: &[u8]| ChartFile { path: path.into(), data: data.into(), modified: 1_767_225_600 };
    let yaml = b"apiVersion: v2\nname: large\nversion: 1.0.0\n";
    let made = from_files("large", vec![file("Chart.yaml", yaml), file("noise", &noise)], &Limits::default())
        .unwrap();
    let packed = pack(&made, &PackOptions::default()).unwrap();
    packed.save(outside.path()).unwrap();
    let bytes = std::fs::read(outside.path().join(&packed.file_name)).unwrap();
    assert!(bytes.len() > 3 << 20);
    let saved = client
        .call(&Call {
            body: bytes.clone(),
            ..Call::new(CallMethod::Post, &format!("{}/api/charts", server.url), 1 << 20)
        })
        .unwrap();
    assert_eq!(saved.status, 201, "{}", String::from_utf8_lossy(&saved.body));
    let back = get(&client, &format!("{}/large-1.0.0.tgz", server.url)).unwrap();
    assert!(back.body == bytes, "{} bytes of {}", back.body.len(), bytes.len());
}

#[test]
fn both_versions_of_tls_and_one_of_http_are_spoken() {
    let (outside, folder) = folder();
    let authority = Authority::new("authority");
    let server = start(outside.path(), &options(&authority, outside.path(), &folder));
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        for protocols in [&[][..], &["http/1.1"], &["h2", "http/1.1"]] {
            let (answer, agreed) = bare(&server, &authority, &[version], protocols).unwrap();
            assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
            assert_eq!(agreed, version.version);
        }
    }
    let refused = bare(&server, &authority, &[&rustls::version::TLS13], &["h2"]).unwrap_err();
    assert!(refused.to_lowercase().contains("alert"), "{refused}");
    let unknown = bare(&server, &Authority::new("another"), &[&rustls::version::TLS13], &[]).unwrap_err();
    assert!(unknown.contains("certificate"), "{unknown}");
    assert_eq!(
        bare(&server, &authority, &[&rustls::version::TLS13], &[]).unwrap().0.lines().next(),
        Some("HTTP/1.1 200 OK")
    );
}

#[test]
fn who_speaks_plain_http_is_told_what_to_do() {
    let (outside, folder) = folder();
    let authority = Authority::new("authority");
    let seen: Arc<Mutex<Vec<u16>>> = Arc::default();
    let log = Arc::clone(&seen);
    let options = ServeOptions {
        log: Some(Arc::new(move |access| log.lock().unwrap().push(access.status))),
        ..options(&authority, outside.path(), &folder)
    };
    let server = start(outside.path(), &options);
    let answer = server.get("/index.yaml", "");
    assert_eq!(answer.status, 400);
    assert_eq!(answer.text(), "this port speaks HTTPS only: write https:// in place of http://\n");
    assert_eq!(*seen.lock().unwrap(), [400]);
    // Neither is nonsense that begins like TLS.
    let answer = server.raw([0x16, 3, 1, 0, 5, b'h', b'e', b'l', b'l', b'o']);
    assert!(!answer.starts_with(b"HTTP"), "{answer:?}");
    assert_eq!(Answer::parse(&server.raw("\r\n\r\n")).status, 400);
    let client = client(outside.path(), &authority.save(outside.path(), "ca.crt"));
    assert_eq!(get(&client, &format!("{}/health", server.url)).unwrap().status, 200);
}

#[test]
fn silent_and_slow_handshakes_keep_nobody_out() {
    let (outside, folder) = folder();
    let authority = Authority::new("authority");
    let options = ServeOptions {
        workers: 3,
        request_time: Duration::from_secs(1),
        ..options(&authority, outside.path(), &folder)
    };
    let server = start(outside.path(), &options);
    let connect = || TcpStream::connect(server.address).unwrap();
    // One says nothing, one begins and stops, one sends a byte at a time.
    let _silent = connect();
    let mut begun = connect();
    begun.write_all(&[0x16, 3, 1, 2, 0, 1]).unwrap();
    let mut slow = connect();
    let trickle = std::thread::spawn(move || {
        // The length that it promises is longer than what it sends before the server loses patience.
        for byte in
            [0x16, 3, 1, 0x40, 0, 1, 0, 0x3f, 0xfc].into_iter().chain(std::iter::repeat(0)).take(2_000)
        {
            if slow.write_all(&[byte]).is_err() {
                return true;
            }
            std::thread::sleep(Duration::from_millis(60));
        }
        false
    });
    let ca = authority.save(outside.path(), "ca.crt");
    let is_answered = || {
        let options = HttpOptions {
            ca_file: Some(ca.clone()),
            connect_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(20),
            ..HttpOptions::new(&host(outside.path()))
        };
        get(&Http::new(options), &format!("{}/health", server.url)).is_ok_and(|answer| answer.status == 200)
    };
    // On a busy machine a client of good will may need more than the second, too.
    assert!((0..8).any(|_| is_answered()), "somebody who speaks gets a turn");
    assert!(trickle.join().unwrap(), "a client that trickles is hung up on");
    begun.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut rest = Vec::new();
    let _ = begun.read_to_end(&mut rest);
    assert!(rest.len() < 64, "nothing but a goodbye is sent: {rest:?}");
}

#[test]
fn a_renewed_certificate_is_taken_and_a_broken_one_is_not() {
    let (outside, folder) = folder();
    let (first, second) = (Authority::new("first"), Authority::new("second"));
    let told: Arc<Mutex<Vec<String>>> = Arc::default();
    let heard = Arc::clone(&told);
    let options = ServeOptions {
        warnings: Some(Arc::new(move |text: &str| heard.lock().unwrap().push(text.to_string()))),
        ..options(&first, outside.path(), &folder)
    };
    let server = start(outside.path(), &options);
    let url = format!("{}/health", server.url);
    // Each request is made by a client of its own: a connection that is kept alive keeps its certificate.
    let asked =
        |authority: &Authority| get(&client(outside.path(), &authority.save(outside.path(), "ca.crt")), &url);
    assert_eq!(asked(&first).unwrap().status, 200);
    assert!(asked(&second).unwrap_err().contains("unknown authority"));
    let (cert, key) = second.issue(outside.path(), "new", Algorithm::Ed25519);
    let tls = options.tls.as_ref().unwrap();
    // The certificate alone does not go with the key that is there.
    std::fs::copy(&cert, &tls.cert).unwrap();
    assert_eq!(asked(&first).unwrap().status, 200);
    assert_eq!(asked(&first).unwrap().status, 200);
    let warnings = std::mem::take(&mut *told.lock().unwrap());
    assert_eq!(warnings.len(), 1, "a file is complained about once: {warnings:?}");
    assert!(
        warnings[0].starts_with("the certificate that was there before stays in use: cannot use "),
        "{warnings:?}"
    );
    assert!(warnings[0].contains("it is not the key of the certificate in"), "{warnings:?}");
    std::fs::copy(&key, &tls.key).unwrap();
    assert_eq!(asked(&second).unwrap().status, 200);
    assert!(asked(&first).unwrap_err().contains("unknown authority"));
    std::fs::remove_file(&tls.cert).unwrap();
    assert_eq!(asked(&second).unwrap().status, 200);
    let warnings = std::mem::take(&mut *told.lock().unwrap());
    assert!(warnings.len() == 1 && warnings[0].contains("cannot read"), "{warnings:?}");
}

#[test]
fn files_that_cannot_be_used_are_told_before_it_listens() {
    let (outside, folder) = folder();
    let authority = Authority::new("authority");
    let (cert, key) = authority.issue(outside.path(), "server", Algorithm::EcdsaP256);
    let (_, other) = authority.issue(outside.path(), "other", Algorithm::EcdsaP256);
    let write = |name: &str, text: &str| {
        let path = outside.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let text = write("text", "no PEM");
    let locked =
        write("locked", "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n");
    let bad_key = write("bad.key", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n");
    let bad_cert = write("bad.crt", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    let none = outside.path().join("none");
    let files = |cert: &Path, key: &Path, client_ca: Option<&Path>| TlsFiles {
        cert: cert.to_path_buf(),
        key: key.to_path_buf(),
        client_ca: client_ca.map(Path::to_path_buf),
    };
    for (tls, named, reason) in [
        (files(&none, &key, None), &none, "cannot read"),
        (files(&cert, &none, None), &none, "cannot read"),
        (files(&text, &key, None), &text, "it has no certificate in PEM form"),
        (files(&key, &key, None), &key, "it has no certificate in PEM form"),
        (files(&bad_cert, &key, None), &bad_cert, "cannot use"),
        (files(&cert, &text, None), &text, "it has no private key in PEM form"),
        (files(&cert, &cert, None), &cert, "it has no private key in PEM form"),
        (files(&cert, &locked, None), &locked, "the key is protected by a passphrase"),
        (files(&cert, &bad_key, None), &bad_key, "cannot use"),
        (files(&cert, &other, None), &other, "it is not the key of the certificate in"),
        (files(&cert, &key, Some(&none)), &none, "cannot read"),
        (files(&cert, &key, Some(&text)), &text, "it has no certificate in PEM form"),
        (files(&cert, &key, Some(&bad_cert)), &bad_cert, "cannot use"),
    ] {
        let options = ServeOptions { tls: Some(tls), ..writable(&folder) };
        let error = Server::bind(&host(outside.path()), &options).err().unwrap().to_string();
        assert!(error.contains(reason) && error.contains(&named.display().to_string()), "{reason}: {error}");
    }
}

#[test]
fn only_clients_with_a_certificate_get_in_where_one_is_asked_for() {
    let (outside, folder) = folder();
    let (authority, clients) = (Authority::new("authority"), Authority::new("clients"));
    let mut options = options(&authority, outside.path(), &folder);
    options.tls.as_mut().unwrap().client_ca = Some(clients.save(outside.path(), "clients.crt"));
    let server = start(outside.path(), &options);
    let ca = authority.save(outside.path(), "ca.crt");
    let url = format!("{}/health", server.url);
    let with = |(cert, key): (PathBuf, PathBuf)| {
        Http::new(HttpOptions {
            ca_file: Some(ca.clone()),
            cert_file: Some(cert),
            key_file: Some(key),
            ..HttpOptions::new(&host(outside.path()))
        })
    };
    let known = with(clients.issue(outside.path(), "known", Algorithm::EcdsaP256));
    assert_eq!(get(&known, &url).unwrap().status, 200);
    let foreign = with(authority.issue(outside.path(), "foreign", Algorithm::EcdsaP256));
    get(&foreign, &url).unwrap_err();
    get(&client(outside.path(), &ca), &url).unwrap_err();
    assert_eq!(get(&known, &url).unwrap().status, 200);
}

#[test]
fn the_program_speaks_tls_on_both_ends() {
    let env = Env::new();
    let authority = Authority::new("authority");
    authority.issue(&env.work(), "server", Algorithm::EcdsaP256);
    authority.save(&env.work(), "ca.crt");
    std::fs::create_dir(env.path("charts")).unwrap();
    chart(&env.path("charts"), "web", "1.0.0", "");
    let server = env.serve("serve charts --address 127.0.0.1:0 --tls-cert server.crt --tls-key server.key");
    let url = format!("https://127.0.0.1:{}", server.port);
    let refused = env.run(&format!("repo add ours {url}")).exits(1).stderr;
    assert!(refused.contains("signed by an unknown authority") && refused.contains("--ca-file"), "{refused}");
    env.run(&format!("repo add ours {url} --ca-file ca.crt")).ok();
    env.run("repo update").ok();
    env.run("pull ours/web").ok();
    env.run(&format!("pull oci://127.0.0.1:{}/charts/web --ca-file ca.crt -d oci", server.port)).ok();
    assert_eq!(
        std::fs::read(env.path("web-1.0.0.tgz")).unwrap(),
        std::fs::read(env.path("oci/web-1.0.0.tgz")).unwrap()
    );
    let alone = env.run("serve charts --tls-cert server.crt").exits(1).stderr;
    assert!(alone.contains("--tls-key"), "{alone}");
    let unfit =
        env.run("serve charts --address 127.0.0.1:0 --tls-cert ca.crt --tls-key server.key").exits(1).stderr;
    assert!(unfit.contains("it is not the key of the certificate in [WORK]/ca.crt"), "{unfit}");
    assert!(unfit.contains("the first certificate in the file is the server's own"), "{unfit}");
}

#[test]
fn helm_pushes_and_pulls_over_tls() {
    let Some(helm) = helm("helm4") else { return };
    let (outside, folder) = folder();
    chart(&folder, "db", "1.0.0", "");
    let authority = Authority::new("authority");
    let server = start(outside.path(), &options(&authority, outside.path(), &folder));
    let home = outside.path().join("home");
    std::fs::create_dir_all(&home).unwrap();
    authority.save(&home, "ca.crt");
    std::fs::write(home.join("pushed.tgz"), archive("web", "1.2.0")).unwrap();
    let run = |arguments: &[&str]| helm_at_home(&helm, &home, arguments).0;
    run(&["repo", "add", "ours", &server.url, "--ca-file", "ca.crt"]);
    run(&["pull", "ours/db"]);
    assert!(home.join("db-1.0.0.tgz").is_file());
    let charts = format!("oci://{}/charts", server.address);
    run(&["push", "pushed.tgz", &charts, "--ca-file", "ca.crt"]);
    run(&["pull", &format!("{charts}/web"), "--ca-file", "ca.crt"]);
    assert_eq!(std::fs::read(home.join("web-1.2.0.tgz")).unwrap(), archive("web", "1.2.0"));
}
