//! Bearer tokens of another token service: who is let in with which, and what those are told who are not.

use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bowline::data::time::{Time, Zone};
use bowline::keys::{Algorithm, PrivateKey, jws, pem};
use bowline::repo::serve::{ServeOptions, Server, TokenOptions};
use bowline::sys::{Clock, Host};
use serde_json::{Value, json};

use crate::serving::{Answer, Running, chart, host};
use crate::serving_uploads::{HASH, archive, folder, send, writable};
use crate::support::Env;
use crate::support::authority::{Authority, key};

/// The moment at which these tests are.
const NOW: u64 = 1_767_225_600;

/// Options of a server that takes the tokens of a key.
fn options(outside: &Path, folder: &Path, public: &str) -> ServeOptions {
    let keys = outside.join("keys.pem");
    std::fs::write(&keys, public).unwrap();
    let tokens = TokenOptions::Of {
        realm: "https://auth.test/token?x=y".to_string(),
        service: "charts.test".to_string(),
        issuer: "auth.test".to_string(),
        keys,
    };
    ServeOptions { tokens: Some(tokens), ..writable(folder) }
}

fn start(outside: &Path, options: &ServeOptions) -> Running {
    Running::start(&Host { clock: Clock::Still(NOW), ..host(outside) }, options)
}

fn public(key: &PrivateKey) -> String {
    pem::encode("PUBLIC KEY", &key.public_info().unwrap())
}

/// A header with a token that gives access, with some of its claims set otherwise.
fn bearer(key: &PrivateKey, access: &[(&str, &str, &[&str])], others: &Value) -> String {
    let access: Vec<Value> = access
        .iter()
        .map(|(kind, name, actions)| json!({ "type": kind, "name": name, "actions": actions }))
        .collect();
    let mut claims = json!({
        "iss": "auth.test", "sub": "ann", "aud": "charts.test", "exp": NOW + 300, "nbf": NOW - 10, "iat": NOW, "jti": "1",
        "access": access,
    });
    for (name, value) in others.as_object().unwrap() {
        claims[name] = value.clone();
    }
    format!("Authorization: Bearer {}\r\n", jws::sign(key, "JWT", &claims, vec![1; 32]).unwrap())
}

fn challenge(answer: &Answer) -> (u16, String) {
    (answer.status, answer.header("www-authenticate").unwrap_or_default().to_string())
}

#[test]
fn those_without_a_token_are_told_which_they_need() {
    let (outside, folder) = folder();
    chart(&folder, "web", "1.0.0", "");
    let key = key(Algorithm::EcdsaP256);
    let server = start(outside.path(), &options(outside.path(), &folder, &public(&key)));
    assert_eq!(server.get("/health", "").status, 200);
    for (method, path, scope) in [
        ("GET", "/index.yaml", "artifact-repository:repo:pull"),
        ("GET", "/web-1.0.0.tgz", "artifact-repository:repo:pull"),
        ("POST", "/api/charts", "artifact-repository:repo:push"),
        ("DELETE", "/api/charts/web/1.0.0", "artifact-repository:repo:delete"),
        ("GET", "/v2/charts/web/manifests/1.0.0", "repository:charts/web:pull"),
        ("POST", "/v2/charts/web/blobs/uploads/", "repository:charts/web:pull,push"),
        ("DELETE", "/v2/web/manifests/1.0.0", "repository:web:delete"),
        ("GET", "/v2/_catalog", "registry:catalog:*"),
        ("GET", "/v2/", ""),
        ("GET", "/", ""),
        ("GET", "/metrics", ""),
    ] {
        let scope = if scope.is_empty() { String::new() } else { format!(",scope=\"{scope}\"") };
        let wanted = format!("Bearer realm=\"https://auth.test/token?x=y\",service=\"charts.test\"{scope}");
        assert_eq!(challenge(&server.ask(method, path, "")), (401, wanted), "{method} {path}");
    }
    let refused = server.get("/v2/charts/web/tags/list", "");
    assert_eq!(refused.json()["errors"][0]["code"], "UNAUTHORIZED");
    assert_eq!(refused.header("docker-distribution-api-version"), Some("registry/2.0"));
    // A password is of no use where there are no users.
    let basic = format!("Authorization: Basic {}\r\n", bowline::data::base64::encode("ann:secret"));
    assert_eq!(server.get("/index.yaml", &basic).status, 401);
}

#[test]
fn tokens_open_what_they_name() {
    let (outside, folder) = folder();
    chart(&folder, "web", "1.0.0", "");
    for algorithm in [Algorithm::Rsa(2_048), Algorithm::EcdsaP256, Algorithm::Ed25519] {
        let key = key(algorithm);
        let server = start(outside.path(), &options(outside.path(), &folder, &public(&key)));
        let none = json!({});
        let with = |access: &[(&str, &str, &[&str])]| bearer(&key, access, &none);
        let reads =
            with(&[("artifact-repository", "repo", &["pull"]), ("repository", "charts/web", &["pull"])]);
        assert_eq!(server.get("/index.yaml", &reads).status, 200, "{algorithm:?}");
        assert_eq!(server.get("/v2/charts/web/manifests/1.0.0", &reads).status, 200);
        assert_eq!(server.get("/v2/", &reads).status, 200);
        for (method, path) in [
            ("GET", "/v2/web/manifests/1.0.0"),
            ("POST", "/v2/charts/web/blobs/uploads/"),
            ("DELETE", "/v2/charts/web/manifests/1.0.0"),
            ("POST", "/api/charts"),
            ("GET", "/v2/_catalog"),
        ] {
            let (status, told) = challenge(&server.ask(method, path, &reads));
            assert!(
                status == 401 && told.ends_with(",error=\"insufficient_scope\""),
                "{method} {path}: {told}"
            );
        }
        let writes = with(&[("artifact-repository", "repo", &["pull", "push"])]);
        let name = format!("a{}", algorithm_name(algorithm));
        assert_eq!(send(&server, "POST", "/api/charts", &writes, &archive(&name, "1.0.0")).status, 201);
        // Token services for ChartMuseum know no third action.
        assert_eq!(server.ask("DELETE", &format!("/api/charts/{name}/1.0.0"), &writes).status, 200);
        let all = with(&[("registry", "catalog", &["*"])]);
        assert_eq!(server.get("/v2/_catalog", &all).json()["repositories"], json!(["charts/web"]));
    }
}

fn algorithm_name(algorithm: Algorithm) -> String {
    format!("{algorithm:?}").chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_lowercase()
}

#[test]
fn tokens_that_are_wrong_open_nothing() {
    let (outside, folder) = folder();
    chart(&folder, "web", "1.0.0", "");
    let (own, other) = (key(Algorithm::EcdsaP256), key(Algorithm::EcdsaP256));
    let anyone = ServeOptions { anonymous_get: true, ..options(outside.path(), &folder, &public(&own)) };
    let server = start(outside.path(), &anyone);
    let access: &[(&str, &str, &[&str])] = &[("artifact-repository", "repo", &["pull", "push"])];
    let good = bearer(&own, access, &json!({}));
    assert_eq!(server.get("/index.yaml", &good).status, 200);
    let tampered = {
        let (head, signature) = good.trim_end().rsplit_once('.').unwrap();
        let (head, claims) = head.rsplit_once('.').unwrap();
        let other = if claims.ends_with('A') { "B" } else { "A" };
        format!("{head}.{}{other}.{signature}\r\n", &claims[..claims.len() - 1])
    };
    for header in [
        bearer(&other, access, &json!({})),
        bearer(&own, access, &json!({ "iss": "else.test" })),
        bearer(&own, access, &json!({ "aud": "else.test" })),
        bearer(&own, access, &json!({ "exp": NOW - 100 })),
        bearer(&own, access, &json!({ "nbf": NOW + 100 })),
        tampered,
        "Authorization: Bearer x\r\n".to_string(),
        "Authorization: Bearer eyJhbGciOiJub25lIn0.e30.\r\n".to_string(),
    ] {
        // Not even what is open to everybody: who has a token that is not good wants to know.
        for path in ["/index.yaml", "/v2/", "/"] {
            let (status, told) = challenge(&server.get(path, &header));
            assert!(status == 401 && told.ends_with(",error=\"invalid_token\""), "{path}: {status} {told}");
        }
    }
    // What is open is open without a token, but for the door of the registry, where clients learn about tokens.
    assert_eq!(server.get("/index.yaml", "").status, 200);
    assert_eq!(server.get("/v2/charts/web/tags/list", "").status, 200);
    assert_eq!(server.get("/v2/", "").status, 401);
    assert_eq!(server.ask("DELETE", "/api/charts/web/1.0.0", "").status, 401);
}

#[test]
fn passwords_count_beside_tokens() {
    let (outside, folder) = folder();
    let key = key(Algorithm::EcdsaP256);
    let users = outside.path().join("users");
    std::fs::write(&users, format!("ann:{HASH}\n")).unwrap();
    let options = ServeOptions { htpasswd: Some(users), ..options(outside.path(), &folder, &public(&key)) };
    let server = start(outside.path(), &options);
    let basic = |pair: &str| format!("Authorization: Basic {}\r\n", bowline::data::base64::encode(pair));
    assert_eq!(server.get("/index.yaml", &basic("ann:secret")).status, 200);
    assert_eq!(
        send(&server, "POST", "/api/charts", &basic("ann:secret"), &archive("web", "1.0.0")).status,
        201
    );
    assert_eq!(server.get("/index.yaml", &basic("ann:wrong")).status, 401);
    let token = bearer(&key, &[("artifact-repository", "repo", &["pull"])], &json!({}));
    assert_eq!(server.get("/index.yaml", &token).status, 200);
    // A browser is asked for a password, a client of registries for a token alone.
    let asks = |path: &str| {
        let head = server.get(path, "").head.to_lowercase();
        (head.contains("www-authenticate: bearer"), head.contains("www-authenticate: basic"))
    };
    assert_eq!((asks("/"), asks("/v2/web/tags/list")), ((true, true), (true, false)));
}

#[test]
fn keys_are_read_again_and_may_be_certificates() {
    let (outside, folder) = folder();
    let (first, second) = (key(Algorithm::EcdsaP256), key(Algorithm::Rsa(2_048)));
    let options = options(outside.path(), &folder, &public(&first));
    let server = start(outside.path(), &options);
    let status = |key: &PrivateKey| {
        server
            .get("/index.yaml", &bearer(key, &[("artifact-repository", "repo", &["pull"])], &json!({})))
            .status
    };
    assert_eq!((status(&first), status(&second)), (200, 401));
    let bundle = format!("{}{}", Authority::new("tokens").certify(&second), public(&first));
    let file = outside.path().join("keys.pem");
    std::fs::write(&file, bundle).unwrap();
    assert_eq!((status(&first), status(&second)), (200, 200));
    std::fs::write(&file, Authority::new("tokens").certify(&second)).unwrap();
    assert_eq!((status(&first), status(&second)), (401, 200));
    std::fs::write(&file, "nothing").unwrap();
    assert_eq!((status(&first), status(&second)), (401, 200), "a broken file changes nothing");
    let error = Server::bind(&host(outside.path()), &options).err().unwrap().to_string();
    assert!(error.ends_with("keys.pem: there is no public key or certificate in PEM form"), "{error}");
}

#[test]
fn a_chain_of_certificates_vouches_for_a_key() {
    let (outside, folder) = folder();
    let authority = Authority::new("tokens");
    let (ours, other) = (key(Algorithm::EcdsaP256), key(Algorithm::EcdsaP256));
    let server = start(outside.path(), &options(outside.path(), &folder, &authority.pem()));
    let claims = json!({
        "iss": "auth.test", "aud": "charts.test", "exp": NOW + 300,
        "access": [{ "type": "artifact-repository", "name": "repo", "actions": ["pull"] }],
    });
    let status = |key: &PrivateKey, header: Value| {
        let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let text = format!("{}.{}", encode(&header), encode(&claims));
        let signature = URL_SAFE_NO_PAD.encode(key.sign_jws(text.as_bytes(), vec![1; 32]).unwrap());
        server.get("/index.yaml", &format!("Authorization: Bearer {text}.{signature}\r\n")).status
    };
    let chain = |pem: &str| {
        let (_, bytes) = pem::decode(pem).unwrap();
        json!({ "alg": "ES256", "x5c": [bowline::data::base64::encode(bytes)] })
    };
    let at = |seconds: u64| Time::from_unix(seconds as i64, 0, Zone::Utc);
    let good = chain(&authority.certify_at(&ours, &at(NOW - 60)));
    assert_eq!(status(&ours, good.clone()), 200);
    assert_eq!(status(&other, good), 401, "signed by another key");
    assert_eq!(status(&ours, json!({ "alg": "ES256" })), 401, "without the chain nobody vouches for it");
    assert_eq!(status(&ours, chain(&authority.certify_at(&ours, &at(NOW - 5 * 86_400)))), 401, "it is over");
    assert_eq!(
        status(&ours, chain(&Authority::new("tokens").certify_at(&ours, &at(NOW)))),
        401,
        "a stranger's"
    );
}

#[test]
fn flags_that_go_together_are_asked_for() {
    let env = Env::new();
    env.write("users", &format!("ann:{HASH}\n"));
    for (flags, told) in [
        ("--token-key k", "--token-realm"),
        ("--token-realm https://a.test", "need --token-key or --issue-tokens"),
        ("--issue-tokens k", "--htpasswd"),
        ("--issue-tokens k --htpasswd users --token-key k", "cannot be used with"),
        ("--issue-tokens k --htpasswd users --token-ttl 25h", "a token is valid from 1m to 24h"),
        ("--token-for x", "--issue-tokens"),
        ("--issue-tokens k --htpasswd users --token-realm auth.test", "begins with https:// or http://"),
        ("--issue-tokens k --htpasswd users --token-service 'a b'", "one word of ASCII"),
        ("--access rules", "--htpasswd"),
        ("--anonymous-get", "needs --htpasswd or --token-key"),
    ] {
        let refused = env.run(&format!("serve . --address 127.0.0.1:0 {flags}")).exits(1).stderr;
        assert!(refused.contains(told), "{flags}: {refused}");
    }
}
