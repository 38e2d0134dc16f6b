//! The way to an API server: who asks, through which proxy, and what is there that is none. No real server is needed.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use bowline::cluster::{Cluster, Kube, KubeOptions, Store, StoreError};

use crate::kube_faults::{Fake, Reaction, config, is_unreachable, object, ok, refused};
use crate::stores::host;

#[test]
fn renewable_credentials_are_renewed_once() {
    let folder = tempfile::tempdir().unwrap();
    let token = folder.path().join("token");
    std::fs::write(&token, "old").unwrap();
    let path = token.clone();
    let fake = Fake::start_tls(move |_, number| match number {
        1 => {
            std::fs::write(&path, "new").unwrap();
            refused(401, "Unauthorized", "Unauthorized")
        }
        2 => ok(object("a", 1)),
        _ => refused(401, "Unauthorized", "Unauthorized"),
    });
    let config_file = folder.path().join("config");
    let text = format!(
        "current-context: c\ncontexts: [{{name: c, context: {{cluster: k, user: u}}}}]\nclusters: [{{name: k, cluster: {{server: '{}'}}}}]\nusers: [{{name: u, user: {{tokenFile: token}}}}]\n",
        fake.address
    );
    std::fs::write(&config_file, text).unwrap();
    let kube = fake.kube_with(|options| {
        options.kubeconfig = vec![config_file.clone()];
        options.server = None;
        options.token = None;
    });
    assert!(kube.get(&config("a")).unwrap().is_some());
    let error = kube.get(&config("a")).unwrap_err();
    assert!(matches!(error, StoreError::Unauthorized { .. }), "{error}");
    assert_eq!(fake.asked().len(), 4);
}

#[test]
fn proxies_are_those_of_the_host_and_the_cluster() {
    let fake = Fake::start(|_, _| ok(object("a", 1)));
    let options =
        || KubeOptions { server: Some("http://cluster.invalid/k8s".into()), ..KubeOptions::default() };
    let with = |env: [(&str, &str); 2]| {
        let env = env.map(|(key, value)| (key.to_string(), value.to_string()));
        bowline::sys::Host { env: Arc::new(env.into()), ..host() }
    };
    let proxied = with([("http_proxy", &fake.address), ("NO_PROXY", "other.invalid")]);
    assert!(Kube::new(options(), &proxied).get(&config("a")).unwrap().is_some());
    let asked = "GET http://cluster.invalid/k8s/api/v1/namespaces/n/configmaps/a";
    assert_eq!(fake.asked(), [asked]);
    let direct = with([("HTTP_PROXY", &fake.address), ("NO_PROXY", ".invalid")]);
    let error = Kube::new(options(), &direct).get(&config("a")).unwrap_err();
    assert!(is_unreachable(&error), "{error}");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config");
    let text = format!(
        "current-context: c\ncontexts: [{{name: c, context: {{cluster: k}}}}]\nclusters: [{{name: k, cluster: {{server: 'http://cluster.invalid/k8s', proxy-url: '{}'}}}}]\n",
        fake.address
    );
    std::fs::write(&path, text).unwrap();
    let kube = Kube::new(KubeOptions { kubeconfig: vec![path], ..KubeOptions::default() }, &host());
    assert!(kube.get(&config("a")).unwrap().is_some());
    assert_eq!(fake.asked(), [asked, asked]);
}

#[test]
fn without_tls_no_credentials_are_sent_and_that_is_told() {
    let fake = Fake::start(|asked, number| match number {
        1 if !asked.contains("authorization") => refused(401, "Unauthorized", "Unauthorized"),
        _ if !asked.contains("authorization") => ok(object("a", 1)),
        _ => refused(500, "InternalError", "credentials"),
    });
    let kube = fake.kube();
    let error = kube.get(&config("a")).unwrap_err().to_string();
    let told = format!("no credentials were sent: {} is not encrypted", fake.address);
    assert_eq!(error, format!("kube: Unauthorized; {told}"));
    assert!(kube.get(&config("a")).unwrap().is_some());
    assert_eq!((kube.warnings(), kube.warnings()), (vec![told], Vec::new()));
    let tls = Fake::start_tls(|asked, _| {
        if asked.contains("authorization") {
            ok(object("a", 1))
        } else {
            refused(401, "Unauthorized", "Unauthorized")
        }
    });
    assert!(tls.kube().get(&config("a")).unwrap().is_some());
}

/// A proxy that takes `CONNECT` and SOCKS 5, and leads everything to one address; it tells what it was asked for.
fn proxy(to: String) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let asked: Arc<Mutex<Vec<String>>> = Arc::default();
    let log = Arc::clone(&asked);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (to, log) = (to.clone(), Arc::clone(&log));
            std::thread::spawn(move || lead(stream, &to, &log));
        }
    });
    (address, asked)
}

fn lead(mut stream: TcpStream, to: &str, log: &Mutex<Vec<String>>) -> Option<()> {
    let mut first = [0];
    stream.read_exact(&mut first).ok()?;
    let told = if first[0] == 5 {
        let mut bytes = [0; 260];
        stream.read_exact(&mut bytes[..1]).ok()?;
        let methods = usize::from(bytes[0]);
        stream.read_exact(&mut bytes[..methods]).ok()?;
        stream.write_all(&[5, 0]).ok()?;
        stream.read_exact(&mut bytes[..5]).ok()?;
        assert_eq!(bytes[3], 3, "a name is asked for");
        let length = usize::from(bytes[4]);
        stream.read_exact(&mut bytes[..length + 2]).ok()?;
        stream.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0]).ok()?;
        format!("SOCKS {}", String::from_utf8_lossy(&bytes[..length]))
    } else {
        let mut head = vec![first[0]];
        let mut byte = [0];
        while !head.ends_with(b"\r\n\r\n") {
            stream.read_exact(&mut byte).ok()?;
            head.push(byte[0]);
        }
        let head = String::from_utf8_lossy(&head).into_owned();
        let line = head.lines().next()?.to_string();
        if to.is_empty() {
            stream.write_all(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n").ok()?;
            return None;
        }
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").ok()?;
        line
    };
    log.lock().unwrap().push(told);
    let mut server = TcpStream::connect(to).ok()?;
    let (mut from, mut back) = (stream.try_clone().ok()?, server.try_clone().ok()?);
    std::thread::spawn(move || std::io::copy(&mut back, &mut stream));
    std::io::copy(&mut from, &mut server).ok().map(drop)
}

#[test]
fn a_proxy_is_asked_for_the_server_whatever_name_its_certificate_has() {
    let fake = Fake::start_tls(|_, _| ok(object("a", 1)));
    let to = fake.address.replace("https://", "");
    let (address, asked) = proxy(to);
    let authority = fake.authority.as_ref().unwrap().0.clone();
    let options = || KubeOptions {
        server: Some("https://kube.invalid:6443".into()),
        ca_file: Some(authority.clone()),
        tls_server_name: Some("localhost".into()),
        ..KubeOptions::default()
    };
    let with = |env: &[(&str, &str)]| {
        let env = env.iter().map(|(key, value)| ((*key).to_string(), (*value).to_string()));
        bowline::sys::Host { env: Arc::new(env.collect()), ..host() }
    };
    let plain = format!("http://{address}");
    for (proxy, told) in [
        (plain.clone(), "CONNECT kube.invalid:6443 HTTP/1.1"),
        (format!("socks5://{address}"), "SOCKS kube.invalid"),
    ] {
        asked.lock().unwrap().clear();
        let kube = Kube::new(options(), &with(&[("HTTPS_PROXY", &proxy), ("NO_PROXY", "localhost")]));
        assert!(kube.get(&config("a")).unwrap().is_some(), "{proxy}");
        assert_eq!(*asked.lock().unwrap(), [told]);
    }
    // The name is checked all the same.
    let other = KubeOptions { tls_server_name: Some("other.invalid".into()), ..options() };
    let error = Kube::new(other, &with(&[("HTTPS_PROXY", &plain)])).get(&config("a")).unwrap_err();
    assert!(is_unreachable(&error) && error.to_string().contains("other.invalid"), "{error}");
    // An exception is one by the server's own name.
    asked.lock().unwrap().clear();
    let direct = with(&[("HTTPS_PROXY", &plain), ("NO_PROXY", "kube.invalid")]);
    assert!(is_unreachable(&Kube::new(options(), &direct).get(&config("a")).unwrap_err()));
    assert!(asked.lock().unwrap().is_empty());
}

#[test]
fn a_proxy_that_does_not_work_is_named() {
    let (refusing, _) = proxy(String::new());
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config");
    for (proxy, want) in [
        (
            format!("http://u:hush@{refusing}"),
            format!("through the proxy http://{refusing}: it refuses to lead there"),
        ),
        (
            format!("http://127.0.0.1:{port}"),
            format!("through the proxy http://127.0.0.1:{port}: Connection refused"),
        ),
        (format!("socks5://127.0.0.1:{port}"), format!("through the proxy socks5://127.0.0.1:{port}: ")),
        (format!("ftp://127.0.0.1:{port}"), "proxy-url has the scheme \"ftp\"".to_string()),
    ] {
        let text = format!(
            "current-context: c\ncontexts: [{{name: c, context: {{cluster: k}}}}]\nclusters: [{{name: k, cluster: {{server: 'https://127.0.0.1:1', proxy-url: '{proxy}'}}}}]\n"
        );
        std::fs::write(&path, text).unwrap();
        let options = KubeOptions { kubeconfig: vec![path.clone()], ..KubeOptions::default() };
        let error = Kube::new(options, &host()).get(&config("a")).unwrap_err().to_string();
        assert!(error.contains(&want) && !error.contains("hush"), "{proxy}: {error}");
    }
}

#[test]
fn what_is_no_api_server_is_told_with_where_its_address_is_from() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config");
    for (reaction, want) in [
        (("content-type: text/html\r\n", 200, "<html>hush</html>"), "it answers with a web page"),
        (("content-type: text/html\r\n", 403, "<html>hush</html>"), "it answers with a web page (code 403)"),
        (
            ("location: https://login.invalid/?state=hush\r\n", 302, ""),
            "it sends everybody on to https://login.invalid",
        ),
        (("content-type: text/plain\r\n", 404, "404 page not found"), "it knows no /"),
        (
            ("content-type: text/plain\r\n", 400, "Client sent an HTTP request to an HTTPS server."),
            "it speaks TLS, and its address does not begin with https://",
        ),
    ] {
        let (headers, code, text) = reaction;
        let fake = Fake::start(move |_, _| Reaction::Answer(code, headers, text.into()));
        let config_text = format!(
            "current-context: c\ncontexts: [{{name: c, context: {{cluster: k}}}}]\nclusters: [{{name: k, cluster: {{server: '{}'}}}}]\n",
            fake.address
        );
        std::fs::write(&path, config_text).unwrap();
        let options = || KubeOptions { kubeconfig: vec![path.clone()], ..KubeOptions::default() };
        for error in [
            Kube::new(options(), &host()).get(&config("a")).unwrap_err(),
            Kube::new(options(), &host()).server().unwrap_err(),
        ] {
            let told = error.to_string();
            assert!(told.contains(&fake.address) && told.contains(want) && !told.contains("hush"), "{told}");
            let hints = bowline::diag::Hint::hints(&error);
            let place = format!("context \"c\", cluster \"k\" in {}", path.display());
            assert!(hints[0].contains(&place), "{hints:?}");
        }
    }
}
