//! The server as the token service of a registry: of itself, and of a real one beside it.

use std::path::Path;
use std::time::Duration;

use bowline::data::base64;
use bowline::keys::Trust;
use bowline::repo::serve::{ServeOptions, Server, TokenOptions};
use bowline::sys::{Clock, Host, Random};
use serde_json::{Value, json};

use crate::serving::{Answer, Running, chart, host};
use crate::serving_uploads::{HASH, archive, folder, send, writable};
use crate::support::Env;
use crate::support::helm::{helm, helm_at_home};
use crate::support::real_registry::RealRegistry;

/// Options of a server that signs tokens for `ann` and `ben`, both with the password `secret`.
fn options(outside: &Path, folder: &Path) -> ServeOptions {
    let users = outside.join("users");
    std::fs::write(&users, format!("ann:{HASH}\nben:{HASH}\n")).unwrap();
    let tokens = TokenOptions::Own {
        key: outside.join("tokens/token.key"),
        realm: None,
        service: "charts.test".to_string(),
        issuer: "bowline-test".to_string(),
        others: vec!["registry.test".to_string()],
        lifetime: Duration::from_secs(300),
    };
    ServeOptions { htpasswd: Some(users), tokens: Some(tokens), ..writable(folder) }
}

/// A host with the machine's clock and randomness: what it signs has to be new, and right now.
fn real(outside: &Path) -> Host {
    Host { clock: Clock::System, random: Random::System, ..host(outside) }
}

fn start(outside: &Path, options: &ServeOptions) -> Running {
    Running::start(&real(outside), options)
}

fn basic(pair: &str) -> String {
    format!("Authorization: Basic {}\r\n", base64::encode(pair))
}

fn bearer(answer: &Answer) -> String {
    assert_eq!(answer.status, 200, "{}", answer.text());
    format!("Authorization: Bearer {}\r\n", answer.json()["token"].as_str().unwrap())
}

/// A form, posted.
fn post(server: &Running, form: &str) -> Answer {
    send(server, "POST", "/token", "Content-Type: application/x-www-form-urlencoded\r\n", form.as_bytes())
}

/// What a token gives access to, as `NAME:ACTIONS`.
fn access(answer: &Answer) -> Vec<String> {
    let token = answer.json()["token"].as_str().unwrap().to_string();
    let claims = claims(&token);
    let list = claims["access"].as_array().unwrap().clone();
    let actions = |one: &Value| {
        let all: Vec<&str> =
            one["actions"].as_array().unwrap().iter().map(|action| action.as_str().unwrap()).collect();
        all.join(",")
    };
    list.iter().map(|one| format!("{}:{}", one["name"].as_str().unwrap(), actions(one))).collect()
}

fn claims(token: &str) -> Value {
    let middle = token.split('.').nth(1).unwrap().replace('-', "+").replace('_', "/");
    let padded = format!("{middle}{}", "=".repeat((4 - middle.len() % 4) % 4));
    serde_json::from_slice(&base64::decode(&padded).unwrap()).unwrap()
}

#[test]
fn a_token_is_got_with_a_password_and_opens_the_server() {
    let (outside, folder) = folder();
    chart(&folder, "web", "1.0.0", "");
    let server = start(outside.path(), &options(outside.path(), &folder));
    let refused = server.get("/v2/charts/web/tags/list", "");
    let challenge =
        "Bearer realm=\"http://h/token\",service=\"charts.test\",scope=\"repository:charts/web:pull\"";
    assert_eq!(refused.header("www-authenticate"), Some(challenge));

    let path = "/token?service=charts.test&scope=repository:charts/web:pull,push&scope=artifact-repository:repo:pull";
    let answer = server.get(path, &basic("ann:secret"));
    assert_eq!((answer.status, answer.header("cache-control")), (200, Some("no-store")));
    let told = answer.json();
    assert_eq!((&told["access_token"], &told["expires_in"]), (&told["token"], &300.into()));
    assert!(told["refresh_token"].is_null() && told["issued_at"].as_str().unwrap().ends_with('Z'), "{told}");
    let claims = claims(told["token"].as_str().unwrap());
    assert_eq!(
        (&claims["iss"], &claims["sub"], &claims["aud"]),
        (&"bowline-test".into(), &"ann".into(), &"charts.test".into())
    );
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 300);
    assert_eq!(access(&answer), ["charts/web:pull,push", "repo:pull"]);

    let token = bearer(&answer);
    assert_eq!(server.get("/v2/charts/web/tags/list", &token).status, 200);
    assert_eq!(server.get("/index.yaml", &token).status, 200);
    assert_eq!(server.ask("POST", "/v2/charts/web/blobs/uploads/", &token).status, 202);
    assert_eq!(server.ask("DELETE", "/v2/charts/web/manifests/1.0.0", &token).status, 401);
    // For another registry it is another token, which this server does not take, and the other way round.
    let other =
        server.get("/token?service=registry.test&scope=repository:charts/web:pull", &basic("ann:secret"));
    assert_eq!(server.get("/v2/charts/web/tags/list", &bearer(&other)).status, 401);

    for (path, header, status) in [
        ("/token", basic("ann:wrong"), 401),
        ("/token", basic("nobody:secret"), 401),
        ("/token", String::new(), 401),
        ("/token", "Authorization: Bearer x\r\n".to_string(), 401),
        ("/token?service=unknown.test", basic("ann:secret"), 400),
    ] {
        let answer = server.get(path, &header);
        assert_eq!(
            (answer.status, answer.header("cache-control")),
            (status, Some("no-store")),
            "{path} {header}"
        );
        assert!(answer.json()["errors"][0]["message"].is_string() && answer.json()["error"].is_string());
    }
    let many = "&scope=repository:a:pull".repeat(65);
    assert_eq!(server.get(&format!("/token?service=charts.test{many}"), &basic("ann:secret")).status, 400);
    assert_eq!(server.ask("DELETE", "/token", "").status, 405);
}

#[test]
fn forms_get_tokens_and_tokens_get_further_ones() {
    let (outside, folder) = folder();
    let options = options(outside.path(), &folder);
    let server = start(outside.path(), &options);
    let form = "grant_type=password&service=charts.test&client_id=test&username=ann&password=secret&access_type=offline\
                &scope=repository%3Aweb%3Apull+repository%3Adb%3Apull%2Cpush";
    let answer = post(&server, form);
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(access(&answer), ["web:pull", "db:pull,push"]);
    let refresh = answer.json()["refresh_token"].as_str().unwrap().to_string();
    let again = |service: &str| {
        post(
            &server,
            &format!(
                "grant_type=refresh_token&service={service}&refresh_token={refresh}&scope=repository:web:push"
            ),
        )
    };
    let second = again("charts.test");
    assert_eq!(access(&second), ["web:push"]);
    assert_eq!(again("registry.test").status, 401, "it is for one service");
    let answer = server.get("/token?service=charts.test&offline_token=true", &basic("ann:secret"));
    assert!(answer.json()["refresh_token"].is_string());

    // Neither kind of token does for the other.
    assert_eq!(server.get("/v2/", &format!("Authorization: Bearer {refresh}\r\n")).status, 401);
    let token = second.json()["token"].as_str().unwrap().to_string();
    let wrong = post(&server, &format!("grant_type=refresh_token&service=charts.test&refresh_token={token}"));
    assert_eq!((wrong.status, wrong.json()["error"].as_str()), (401, Some("invalid_grant")));

    // It ends with the password, and does so for the user who has another one.
    let other = "$2y$04$23uqXxmTNt7yUR/AxeFIwOiGZblrIGzspnII8ss6xDdO.EGG41sNO";
    let users = options.htpasswd.as_ref().unwrap();
    std::fs::write(users, format!("ann:{HASH}\nben:{other}\n")).unwrap();
    assert_eq!(again("charts.test").status, 200);
    std::fs::write(users, format!("ann:{other}\nben:{HASH}\n")).unwrap();
    assert_eq!(again("charts.test").status, 401);

    for (form, status, error) in [
        ("grant_type=password&username=ann&password=wrong", 401, "invalid_grant"),
        ("grant_type=refresh_token&refresh_token=x", 401, "invalid_grant"),
        ("grant_type=client_credentials", 400, "unsupported_grant_type"),
        ("", 400, "unsupported_grant_type"),
    ] {
        let answer = post(&server, form);
        assert_eq!((answer.status, answer.json()["error"].as_str()), (status, Some(error)), "{form}");
    }
    assert_eq!(post(&server, &"x".repeat(40_000)).status, 413);
    assert_eq!(send(&server, "POST", "/token", "", b"grant_type=password").status, 415);
}

#[test]
fn rules_bind_passwords_and_tokens_alike() {
    let (outside, folder) = folder();
    for tenant in ["team", "public"] {
        std::fs::create_dir(folder.join(tenant)).unwrap();
        chart(&folder.join(tenant), "web", "1.0.0", "");
    }
    let rules = outside.path().join("rules.yaml");
    let text = "rules:\n\
                - {users: [ann], repositories: ['team/**'], actions: [push]}\n\
                - {users: [ben], repositories: ['team/web'], actions: [pull, delete]}\n\
                - {anonymous: true, repositories: ['public/**'], actions: [pull]}\n";
    std::fs::write(&rules, text).unwrap();
    let options = ServeOptions { access: Some(rules.clone()), depth: 1, ..options(outside.path(), &folder) };
    let server = start(outside.path(), &options);
    for (user, method, path, status) in [
        ("ann", "GET", "/team/index.yaml", 200),
        ("ann", "GET", "/team/web-1.0.0.tgz", 200),
        ("ann", "GET", "/public/index.yaml", 200),
        ("ann", "GET", "/v2/charts/team/web/tags/list", 200),
        ("ann", "GET", "/v2/team/web/tags/list", 200),
        ("ann", "DELETE", "/v2/team/web/manifests/1.0.0", 403),
        ("ann", "DELETE", "/api/team/charts/web/1.0.0", 403),
        ("ann", "GET", "/v2/_catalog", 403),
        ("ben", "GET", "/v2/charts/team/web/tags/list", 200),
        ("ben", "GET", "/v2/team/web/tags/list", 200),
        ("ben", "GET", "/team/index.yaml", 403),
        ("ben", "POST", "/v2/team/web/blobs/uploads/", 403),
        ("ben", "GET", "/v2/team/db/tags/list", 403),
        ("", "GET", "/public/index.yaml", 200),
        ("", "GET", "/v2/public/web/tags/list", 200),
        ("", "GET", "/team/index.yaml", 401),
        ("", "DELETE", "/api/public/charts/web/1.0.0", 401),
        ("", "GET", "/", 200),
    ] {
        let header = if user.is_empty() { String::new() } else { basic(&format!("{user}:secret")) };
        assert_eq!(server.ask(method, path, &header).status, status, "{user} {method} {path}");
        // The same with a token for the very scope that is asked for.
        let asked = server.ask(method, path, "");
        let challenge = asked.header("www-authenticate").unwrap_or_default().to_string();
        let Some((_, scope)) = challenge.split_once("scope=\"") else { continue };
        let scope = scope.split('"').next().unwrap();
        let token = bearer(&server.get(&format!("/token?service=charts.test&scope={scope}"), &header));
        let wanted = if status == 403 { 401 } else { status };
        assert_eq!(server.ask(method, path, &token).status, wanted, "{user} {method} {path} by token");
    }
    let asked = |user: &str, scopes: &str| {
        let header = if user.is_empty() { String::new() } else { basic(&format!("{user}:secret")) };
        access(&server.get(&format!("/token?service=charts.test{scopes}"), &header))
    };
    assert_eq!(asked("ann", "&scope=repository:team/web:pull,push,delete"), ["team/web:pull,push"]);
    assert_eq!(
        asked("ben", "&scope=repository:charts/team/web:pull,push,delete"),
        ["charts/team/web:pull,delete"]
    );
    assert_eq!(
        asked("", "&scope=repository:public/web:pull,push&scope=repository:team/web:pull"),
        ["public/web:pull"]
    );
    assert_eq!(asked("ben", "&scope=repository:team/web:*&scope=registry:catalog:*"), [""; 0]);
    // Rules are read again.
    std::fs::write(&rules, "rules: [{users: [ben], repositories: ['**'], actions: ['*']}]\n").unwrap();
    assert_eq!(server.get("/public/index.yaml", "").status, 401);
    assert_eq!(server.get("/team/index.yaml", &basic("ann:secret")).status, 403);
    assert_eq!(
        asked("ben", "&scope=repository:team/web:*&scope=registry:catalog:*"),
        ["team/web:*", "catalog:*"]
    );
    std::fs::write(&rules, "rules: [{users: [ben]}]\n").unwrap();
    assert_eq!(
        server.get("/team/index.yaml", &basic("ben:secret")).status,
        200,
        "a broken file changes nothing"
    );
    assert!(Server::bind(&host(outside.path()), &options).is_err());
}

#[test]
fn guessing_at_passwords_comes_to_an_end() {
    let (outside, folder) = folder();
    let server = start(outside.path(), &options(outside.path(), &folder));
    assert_eq!(server.get("/index.yaml", &basic("ann:wrong")).status, 401);
    // A guess weighs ten seconds, and on a busy machine these may pass between two requests: then it begins anew.
    let is_locked = (0..50).any(|_| {
        let last = (0..100)
            .map(|number| {
                let wrong = basic(&format!("ann:wrong-{number}"));
                match number % 3 {
                    0 => server.get("/index.yaml", &wrong),
                    1 => server.get("/token", &wrong),
                    _ => post(&server, &format!("grant_type=password&username=ann&password=wrong-{number}")),
                }
            })
            .find(|answer| answer.status != 401)
            .expect("guesses come to an end");
        assert_eq!(last.status, 429, "{}", last.text());
        assert!(last.header("retry-after").unwrap().parse::<u64>().unwrap() >= 1, "{}", last.head);
        server.get("/index.yaml", &basic("ann:secret")).status == 429
    });
    assert!(is_locked, "the right password is not looked at either");
    assert_eq!(server.get("/index.yaml", &basic("ben:secret")).status, 200);
}

#[test]
fn what_others_guess_at_the_same_address_locks_nobody_out() {
    let (outside, folder) = folder();
    let server = start(outside.path(), &options(outside.path(), &folder));
    assert_eq!(server.get("/index.yaml", &basic("ann:secret")).status, 200);
    for number in 0..80 {
        assert_eq!(server.get("/index.yaml", &basic(&format!("nobody-{number}:x"))).status, 401);
    }
    // Neither who is known nor who comes for the first time, though a proxy makes all of them one address.
    assert_eq!(server.get("/index.yaml", &basic("ben:secret")).status, 200);
    let guess = || (0..100).map(|number| server.get("/index.yaml", &basic(&format!("ann:{number}"))).status);
    assert!(guess().any(|status| status == 429));
    assert_eq!(server.get("/index.yaml", &basic("ann:secret")).status, 200, "this password was right before");
    assert_eq!(server.get("/token", &basic("ann:secret")).status, 200);
}

#[test]
fn a_tenant_named_charts_gets_no_tokens_for_the_others() {
    let (outside, folder) = folder();
    let rules = outside.path().join("rules.yaml");
    std::fs::write(&rules, "rules: [{users: [ann], repositories: ['charts/**'], actions: ['*']}]\n").unwrap();
    let options = ServeOptions { access: Some(rules), depth: 1, ..options(outside.path(), &folder) };
    let server = start(outside.path(), &options);
    for (name, granted) in [
        ("secret/demo", &[][..]),
        ("charts/secret/demo", &[]),
        ("charts/demo", &["charts/demo:pull,push,delete"]),
        ("charts/charts/demo", &["charts/charts/demo:pull,push,delete"]),
    ] {
        let path = format!("/token?scope=repository:{name}:pull,push,delete");
        assert_eq!(access(&server.get(&path, &basic("ann:secret"))), granted, "{name}");
    }
}

#[test]
fn everybody_gets_tokens_to_read_where_reading_is_open() {
    let (outside, folder) = folder();
    chart(&folder, "web", "1.0.0", "");
    let open = ServeOptions { anonymous_get: true, ..options(outside.path(), &folder) };
    let server = start(outside.path(), &open);
    assert_eq!(server.get("/v2/", "").status, 401);
    let answer =
        server.get("/token?service=charts.test&scope=repository:charts/web:pull,push&offline_token=true", "");
    assert_eq!(access(&answer), ["charts/web:pull"]);
    assert!(answer.json()["refresh_token"].is_null());
    assert_eq!(server.get("/v2/", &bearer(&answer)).status, 200);
    assert_eq!(server.get("/v2/charts/web/tags/list", &bearer(&answer)).status, 200);
    assert_eq!(server.get("/v2/charts/web/tags/list", "").status, 200);
    assert_eq!(server.ask("POST", "/v2/charts/web/blobs/uploads/", &bearer(&answer)).status, 401);
    assert_eq!(server.get("/token", &basic("ann:wrong")).status, 401);
}

#[test]
fn a_key_is_made_once_and_its_certificate_beside_it() {
    let (outside, folder) = folder();
    let options = options(outside.path(), &folder);
    let read = |name: &str| std::fs::read_to_string(outside.path().join("tokens").join(name)).unwrap();
    let bind = || Server::bind(&real(outside.path()), &options);
    let first = bind().unwrap();
    let (certificate, realm) = first.token_service().unwrap();
    assert_eq!(certificate, outside.path().join("tokens/token.crt"));
    assert_eq!(realm, format!("{}/token", first.url()));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(outside.path().join("tokens/token.key")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    let (key, made) = (read("token.key"), read("token.crt"));
    assert_eq!(Trust::from_pem(&made).unwrap().keys()[0].algorithm(), "ES256");
    drop(bind().unwrap());
    assert_eq!((read("token.key"), read("token.crt")), (key.clone(), made.clone()));
    // A certificate of another key is somebody's, and stays.
    std::fs::remove_file(outside.path().join("tokens/token.key")).unwrap();
    let error = bind().err().unwrap().to_string();
    assert!(error.contains("token.crt is not the certificate of this key, and is left as it is"), "{error}");
    assert_eq!(read("token.crt"), made);
    std::fs::remove_file(outside.path().join("tokens/token.crt")).unwrap();
    drop(bind().unwrap());
    assert!(read("token.key") != key && read("token.crt") != made);
    std::fs::write(outside.path().join("tokens/token.key"), "no key").unwrap();
    let error = bind().err().unwrap().to_string();
    assert!(error.ends_with("token.key: there is no private key in PEM form"), "{error}");
}

#[test]
fn a_real_registry_takes_the_tokens_that_are_signed_here() {
    let (outside, folder) = folder();
    let rules = outside.path().join("rules.yaml");
    let text = "rules:\n\
                - {users: [ann], repositories: ['team/**'], actions: [push]}\n\
                - {users: [ben], repositories: ['team/**'], actions: [pull]}\n\
                - {anonymous: true, repositories: ['team/open'], actions: [pull]}\n";
    std::fs::write(&rules, text).unwrap();
    let options = ServeOptions { access: Some(rules), ..options(outside.path(), &folder) };
    // The server listens before the registry is told where it is.
    let server = start(outside.path(), &options);
    let realm = format!("{}/token", server.url);
    let auth = json!({ "token": {
        "realm": realm, "service": "registry.test", "issuer": "bowline-test",
        "rootcertbundle": outside.path().join("tokens/token.crt"),
    } });
    let Some(registry) = RealRegistry::start(outside.path(), &auth) else { return };
    let env = Env::new();
    std::fs::write(env.path("web-1.0.0.tgz"), archive("web", "1.0.0")).unwrap();
    std::fs::write(env.path("open-1.0.0.tgz"), archive("open", "1.0.0")).unwrap();
    let at = format!("oci://{}/team", registry.host);
    let login = |user: &str, secret: &str| {
        env.run_with_input(
            &format!("registry login {} -u {user} --password-stdin --plain-http", registry.host),
            secret,
        )
    };
    let refused = env.run(&format!("push web-1.0.0.tgz {at} --plain-http")).exits(1).stderr;
    assert!(refused.contains("does not let anonymous users write to team/web"), "{refused}");
    let wrong = login("ann", "wrong").exits(1).stderr;
    assert!(wrong.contains("log in: 401: UNAUTHORIZED: user or password is wrong"), "{wrong}");
    login("ann", "secret").ok();
    for name in ["web", "open"] {
        env.run(&format!("push {name}-1.0.0.tgz {at} --plain-http")).ok();
    }
    let elsewhere =
        env.run(&format!("push web-1.0.0.tgz oci://{}/other --plain-http", registry.host)).exits(1).stderr;
    assert!(elsewhere.contains("does not let \"ann\" write to other/web"), "{elsewhere}");
    login("ben", "secret").ok();
    env.run(&format!("pull {at}/web --plain-http -d ben")).ok();
    let forbidden = env.run(&format!("push web-1.0.0.tgz {at} --plain-http")).exits(1).stderr;
    assert!(forbidden.contains("does not let \"ben\" write to team/web"), "{forbidden}");
    env.run(&format!("registry logout {}", registry.host)).ok();
    env.run(&format!("pull {at}/open --plain-http -d open")).ok();
    let closed = env.run(&format!("pull {at}/web --plain-http -d closed")).exits(1).stderr;
    assert!(closed.contains("does not let anonymous users read team/web"), "{closed}");
    assert_eq!(std::fs::read(env.path("ben/web-1.0.0.tgz")).unwrap(), archive("web", "1.0.0"));

    let Some(helm) = helm("helm4") else { return };
    let home = outside.path().join("home");
    std::fs::create_dir_all(home.join("got")).unwrap();
    std::fs::write(home.join("web-1.1.0.tgz"), archive("web", "1.1.0")).unwrap();
    let run = |arguments: &[&str]| helm_at_home(&helm, &home, arguments);
    run(&["registry", "login", &registry.host, "-u", "ann", "-p", "secret", "--plain-http"]);
    run(&["push", "web-1.1.0.tgz", &at, "--plain-http"]);
    run(&["pull", &format!("{at}/web"), "--plain-http", "--version", "1.1.0", "-d", "got"]);
    assert_eq!(std::fs::read(home.join("got/web-1.1.0.tgz")).unwrap(), archive("web", "1.1.0"));
}

#[test]
fn clients_of_registries_use_our_tokens_with_our_charts() {
    let (outside, folder) = folder();
    let server = start(outside.path(), &options(outside.path(), &folder));
    let env = Env::new();
    std::fs::write(env.path("web-1.0.0.tgz"), archive("web", "1.0.0")).unwrap();
    let (host, at) = (server.address.to_string(), format!("oci://{}/charts", server.address));
    let line = format!("registry login {host} -u ann --password-stdin --plain-http");
    let wrong = env.run_with_input(&line, "wrong").exits(1).stderr;
    assert!(wrong.contains("user or password is wrong"), "{wrong}");
    env.run_with_input(&line, "secret").ok();
    env.run(&format!("push web-1.0.0.tgz {at} --plain-http")).ok();
    env.run(&format!("pull {at}/web --plain-http -d got")).ok();
    env.run(&format!("search {at}/web --plain-http")).ok();
    let Some(helm) = helm("helm4") else { return };
    let home = outside.path().join("home");
    std::fs::create_dir_all(home.join("got")).unwrap();
    std::fs::write(home.join("web-1.1.0.tgz"), archive("web", "1.1.0")).unwrap();
    let run = |arguments: &[&str]| helm_at_home(&helm, &home, arguments);
    run(&["registry", "login", &host, "-u", "ben", "-p", "secret", "--plain-http"]);
    run(&["push", "web-1.1.0.tgz", &at, "--plain-http"]);
    run(&["pull", &format!("{at}/web"), "--plain-http", "--version", "1.0.0", "-d", "got"]);
    // With the index, Helm sends the password at once.
    run(&["repo", "add", "ours", &server.url, "--username", "ann", "--password", "secret"]);
    run(&["pull", "ours/web", "--version", "1.1.0"]);
    assert_eq!(std::fs::read(home.join("web-1.1.0.tgz")).unwrap(), archive("web", "1.1.0"));
}

#[test]
fn an_index_behind_the_token_service_of_another_server_is_fetched() {
    let (outside, folder) = folder();
    chart(&folder, "web", "1.0.0", "");
    let issuer = start(outside.path(), &options(outside.path(), &folder));
    let tokens = TokenOptions::Of {
        realm: format!("{}/token", issuer.url),
        service: "registry.test".to_string(),
        issuer: "bowline-test".to_string(),
        keys: outside.path().join("tokens/token.crt"),
    };
    // It has no users of its own, so a password alone leads nowhere.
    let server = start(outside.path(), &ServeOptions { tokens: Some(tokens), ..writable(&folder) });
    assert_eq!(server.get("/index.yaml", &basic("ann:secret")).status, 401);
    let env = Env::new();
    let add = |name: &str, secret: &str| {
        env.run_with_input(&format!("repo add {name} {} --username ann --password-stdin", server.url), secret)
    };
    let wrong = add("wrong", "guess").exits(1).stderr;
    assert!(
        wrong.contains("the token service refuses: 401: UNAUTHORIZED: user or password is wrong"),
        "{wrong}"
    );
    assert!(!wrong.contains("guess"), "{wrong}");
    let nobody = env.run(&format!("repo add nobody {}", server.url)).exits(1).stderr;
    assert!(nobody.contains("the token service refuses: 401: UNAUTHORIZED: tell who you are"), "{nobody}");
    add("ours", "secret").ok();
    env.run("repo update").ok();
    env.run("pull ours/web").ok();
    assert_eq!(
        std::fs::read(env.path("web-1.0.0.tgz")).unwrap(),
        std::fs::read(folder.join("web-1.0.0.tgz")).unwrap()
    );
    // The same for its side that is a registry.
    let line = format!("registry login {} -u ann --password-stdin --plain-http", server.address);
    env.run_with_input(&line, "secret").ok();
    std::fs::write(env.path("db-1.0.0.tgz"), archive("db", "1.0.0")).unwrap();
    env.run(&format!("push db-1.0.0.tgz oci://{}/charts --plain-http", server.address)).ok();
    assert!(folder.join("db-1.0.0.tgz").is_file());
}
