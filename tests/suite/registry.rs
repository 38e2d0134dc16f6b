//! Charts in real registries, which `tests/servers/servers start registries DIR` starts: open, with passwords, with TLS; one
//! with tokens; and Helm as the other client.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use bowline::data::{base64, digest::Digest};
use serde_json::Value;

use crate::support::helm::helm;
use crate::support::real_registry::RealRegistry;
use crate::support::registry::{Asked, Fake, Reply};
use crate::support::skip::server_is_missing;
use crate::support::{Env, Ran};

/// The registries, by kind.
struct Servers(Value);

impl Servers {
    fn find() -> Option<Self> {
        let Some(file) = std::env::var_os("BOWLINE_TEST_REGISTRIES") else {
            server_is_missing("BOWLINE_TEST_REGISTRIES is not set");
            return None;
        };
        let text = std::fs::read_to_string(file).expect("the servers wrote this file");
        Some(Servers(serde_json::from_str(&text).expect("it is JSON")))
    }

    fn get(&self, name: &str) -> &str {
        self.0[name].as_str().unwrap_or_else(|| panic!("{name} is in registries.json"))
    }
}

const CHART: &str = "apiVersion: v2\nname: web\nversion: 1.0.0\nappVersion: \"3.1\"\ndescription: A <web> server & more\n\
    home: https://web.test\nsources: [https://src.test, https://other.test]\nkeywords: [http]\nmaintainers:\n\
    - {name: Ann, email: ann@web.test}\n- {name: Bob}\nannotations: {z: \"1\", a: \"2\"}\n";

/// A world with archives of three versions of `web`, and a folder in the registry that no other test uses.
struct World {
    env: Env,
    servers: Servers,
    folder: String,
}

impl World {
    fn new(name: &str) -> Option<Self> {
        Self::in_env(name, Env::new().with("SOURCE_DATE_EPOCH", "1700000000"))
    }

    fn in_env(name: &str, env: Env) -> Option<Self> {
        let servers = Servers::find()?;
        env.write("web/Chart.yaml", CHART);
        env.write("web/values.yaml", "replicas: 1\n");
        env.write(
            "web/templates/a.yaml",
            "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {{ .Release.Name }}\n  annotations:\n    v: {{ .Chart.Version }}\n",
        );
        for version in ["1.0.0", "1.1.0+b1", "2.0.0-rc.1"] {
            env.run(&format!("package web --version {version} -d dist")).ok();
        }
        // Registries outlive a run.
        let unique = format!("{name}-{}", std::process::id());
        Some(World { env, servers, folder: unique })
    }

    fn at(&self, kind: &str) -> String {
        format!("oci://{}/{}", self.servers.get(kind), self.folder)
    }

    fn push_all(&self, kind: &str, flags: &str) {
        for version in ["1.0.0", "1.1.0+b1", "2.0.0-rc.1"] {
            self.env.run(&format!("push dist/web-{version}.tgz {} {flags}", self.at(kind))).ok();
        }
    }
}

fn digest_in(ran: &Ran) -> String {
    ran.stdout.lines().find_map(|line| line.strip_prefix("Digest: ")).expect("a digest is told").to_string()
}

#[test]
fn charts_go_into_a_registry_and_come_out_of_it() {
    let Some(world) = World::new("basic") else { return };
    let (env, at) = (&world.env, world.at("open"));
    env.write("dist/web-1.1.0+b1.tgz.prov", "signed");
    world.push_all("open", "--plain-http");
    let shown = env.normalise(&at).replace("oci://", "");
    let again = env.run(&format!("push dist/web-1.1.0+b1.tgz {at} --plain-http")).ok();
    assert!(
        again.stdout.starts_with(&format!("Pushed: {shown}/web:1.1.0_b1\nDigest: sha256:")),
        "{}",
        again.stdout
    );
    let digest = digest_in(&again);

    // By constraint, tag, version and digest.
    for (number, reference) in [
        format!("{at}/web"),
        format!("{at}/web --version ^1"),
        format!("{at}/web --version 1.1.0+b1"),
        format!("{at}/web:1.1.0+b1"),
        format!("{at}/web@{digest}"),
        format!("web --repo {at}"),
    ]
    .iter()
    .enumerate()
    {
        let tag = if reference.contains('@') { format!("web@{digest}") } else { "web:1.1.0_b1".to_string() };
        env.run(&format!("pull {reference} --plain-http --prov -d got{number}"))
            .ok()
            .prints(&format!("Pulled: {shown}/{tag}\nDigest: {digest}\n"))
            .complains("");
        assert_eq!(
            std::fs::read(env.path(&format!("got{number}/web-1.1.0+b1.tgz"))).unwrap(),
            std::fs::read(env.path("dist/web-1.1.0+b1.tgz")).unwrap(),
            "{reference}"
        );
        assert_eq!(env.read(&format!("got{number}/web-1.1.0+b1.tgz.prov")), "signed");
    }
    env.run(&format!("pull {at}/web --plain-http --untar -d un")).ok();
    assert_eq!(env.read("un/web/values.yaml"), "replicas: 1\n");
    env.run(&format!("search {at}/web --plain-http --devel -o json")).ok().prints(&format!(
        "[{{\"name\":\"oci://{shown}/web\",\"version\":\"2.0.0-rc.1\"}},{{\"name\":\"oci://{shown}/web\",\"version\":\
         \"1.1.0+b1\"}},{{\"name\":\"oci://{shown}/web\",\"version\":\"1.0.0\"}}]\n"
    ));
    let found = env.run(&format!("search {at}/web --plain-http --version ^1")).ok().stdout;
    assert_eq!(found.lines().count(), 3, "{found}");
    let rendered = env.run(&format!("template x {at}/web --version 1.0.0 --plain-http")).ok();
    assert!(rendered.stdout.contains("v: 1.0.0"), "{}", rendered.stdout);
    assert!(
        rendered.stderr.starts_with(&format!("Pulled: {shown}/web:1.0.0\nDigest: sha256:")),
        "{}",
        rendered.stderr
    );
    env.run(&format!("show values {at}/web --plain-http")).ok().prints("replicas: 1\n\n");
    env.run(&format!("install one {at}/web --version 1.0.0 --plain-http --store sqlite:s.db")).ok();
    let upgraded =
        env.run(&format!("upgrade one {at}/web:1.1.0+b1 --plain-http --store sqlite:s.db -o json")).ok();
    assert!(serde_json::from_str::<Value>(&upgraded.stdout).is_ok(), "only JSON: {}", upgraded.stdout);

    for (line, told) in [
        (
            format!("pull {at}/web --version ^9 --plain-http"),
            "could not locate a version matching provided version string ^9".to_string(),
        ),
        (
            format!("pull {at}/web:1.0.0 --version 1.1.0 --plain-http"),
            "chart reference and version mismatch: 1.1.0 is not 1.0.0".to_string(),
        ),
        (
            format!("pull {at}/web@{digest} --version ^2 --plain-http"),
            "chart reference and version mismatch: ^2 is not 1.1.0+b1".to_string(),
        ),
        (
            format!("pull {at}/web:9.9.9 --plain-http"),
            format!("failed to perform \"FetchReference\" on source: {shown}/web:9.9.9: not found"),
        ),
        (
            format!("pull {at}/none --plain-http"),
            format!("{shown}/none: the registry has no such repository"),
        ),
        (
            format!("pull {at}/Web --plain-http"),
            format!("invalid reference \"oci://{shown}/Web\": invalid repository"),
        ),
        (format!("push web {at}"), "cannot push directory, must provide chart archive (.tgz)".to_string()),
        (
            format!("push dist/web-1.0.0.tgz {shown}"),
            "scheme prefix missing from remote (e.g. \"oci://\")".to_string(),
        ),
    ] {
        let error = env.run(&line).exits(1).stderr;
        assert_eq!(error.lines().next(), Some(format!("Error: {told}").as_str()), "{line}");
        assert!(error.contains("hint: ") || told.contains("mismatch"), "{error}");
    }
    env.write("dist/no.tgz", "not an archive");
    env.run(&format!("push dist/no.tgz {at} --plain-http")).exits(1);
    let error = env.run(&format!("pull {at}/web")).exits(1).stderr;
    assert!(error.contains("add --plain-http"), "{error}");
}

#[test]
fn dependencies_come_from_a_registry_and_stay_as_locked() {
    let Some(world) = World::new("deps") else { return };
    let (env, at) = (&world.env, world.at("open"));
    world.push_all("open", "--plain-http");
    let parent = |repository: &str, version: &str| {
        env.write(
            "par/Chart.yaml",
            &format!("apiVersion: v2\nname: par\nversion: 0.1.0\ndependencies:\n- {{name: web, version: '{version}', repository: '{repository}'}}\n"),
        );
    };
    parent(&at, "^1.0");
    let shown = env.normalise(&at);
    env.run("dependency update par --plain-http")
        .ok()
        .prints(&format!("Saving 1 charts\nDownloading web from repo {shown}\nDeleting outdated charts\n"));
    assert!(env.path("par/charts/web-1.1.0+b1.tgz").is_file());
    let lock = env.read("par/Chart.lock");
    assert!(lock.contains("version: 1.1.0+b1") && lock.contains(&format!("repository: {at}")), "{lock}");
    std::fs::remove_dir_all(env.path("par/charts")).unwrap();
    env.run("dependency build par --plain-http").ok();
    assert!(env.path("par/charts/web-1.1.0+b1.tgz").is_file());
    env.run("dependency list par").ok();
    // An alias of registries.yaml, in dependencies, references and destinations.
    let config = env.home().join(".config/bowline");
    std::fs::create_dir_all(&config).unwrap();
    std::fs::write(config.join("registries.yaml"), format!("aliases:\n  team: {at}\n")).unwrap();
    parent("@team", "1.0.0");
    env.run("dependency update par --plain-http").ok();
    assert!(env.path("par/charts/web-1.0.0.tgz").is_file());
    assert!(env.read("par/Chart.lock").contains(&format!("repository: {at}")));
    env.run("pull team/web --version 1.0.0 --plain-http -d got").ok();
    let pushed = env.run("push dist/web-1.0.0.tgz @team/more --plain-http").ok().stdout;
    assert!(
        pushed.starts_with(&format!("Pushed: {}/more/web:1.0.0\n", shown.replace("oci://", ""))),
        "{pushed}"
    );
    let error = env.run("push dist/web-1.0.0.tgz @tema --plain-http").exits(1).stderr;
    assert!(error.contains("no alias \"tema\"") && error.contains("did you mean `team`?"), "{error}");
    parent(&at, "^7");
    let error = env.run("dependency update par --plain-http").exits(1).stderr;
    assert!(error.starts_with(&format!("Error: can't get a valid version for 1 subchart(s): \"web\" (repository \"{shown}\", version \"^7\")")), "{error}");
}

#[test]
fn who_logs_in_may_write_until_they_log_out() {
    let Some(world) = World::new("login") else { return };
    let (env, host) = (&world.env, world.servers.get("password"));
    let (user, secret) = (world.servers.get("user"), world.servers.get("secret"));
    let push = || env.run(&format!("push dist/web-1.0.0.tgz {} --plain-http", world.at("password")));
    let refused = push().exits(1).stderr;
    assert!(
        refused.contains("does not let anonymous users write to")
            && refused.contains("bowline registry login"),
        "{refused}"
    );
    let login = |secret: &str| {
        env.run_with_input(&format!("registry login {host} -u {user} --password-stdin --plain-http"), secret)
    };
    let wrong = login("wrong-secret").exits(1);
    assert!(wrong.stderr.contains("does not let \"ann\" log in: 401"), "{}", wrong.stderr);
    assert!(!wrong.stderr.contains("wrong-secret"));
    let file = env.home().join(".config/bowline/registry/config.json");
    assert!(!file.exists(), "nothing is kept that the registry did not take");
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(&file, "{\"HttpHeaders\":{\"x\":\"y\"},\"auths\":{\"other.test\":{\"auth\":\"dTpw\"}}}")
        .unwrap();
    login(&format!("{secret}\n")).ok().prints("Login Succeeded\n").complains("");
    let auth = base64::encode(format!("{user}:{secret}"));
    assert_eq!(
        std::fs::read_to_string(&file).unwrap(),
        format!(
            "{{\n\t\"HttpHeaders\": {{\n\t\t\"x\": \"y\"\n\t}},\n\t\"auths\": {{\n\t\t\"other.test\": {{\n\t\t\t\"auth\": \"dTpw\"\n\t\t}},\n\t\t\"{host}\": {{\n\t\t\t\"auth\": \"{auth}\"\n\t\t}}\n\t}}\n}}"
        )
    );
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    }
    push().ok();
    let shown = env.normalise(host);
    env.run(&format!("registry logout {host}"))
        .ok()
        .prints(&format!("Removing login credentials for {shown}\n"))
        .complains("");
    push().exits(1);
    assert!(std::fs::read_to_string(&file).unwrap().contains("other.test"));
    env.run(&format!("registry logout {host}"))
        .ok()
        .complains(&format!("level=WARN msg=\"there were no credentials\" host={shown}\n"));
    // The files of Helm and Docker and the command line know us, too.
    let helms = env.home().join(".config/helm/registry/config.json");
    std::fs::create_dir_all(helms.parent().unwrap()).unwrap();
    std::fs::write(&helms, format!("{{\"auths\":{{\"{host}\":{{\"auth\":\"{auth}\"}}}}}}")).unwrap();
    push().ok();
    std::fs::remove_file(&helms).unwrap();
    push().exits(1);
    let docker = env.home().join(".docker/config.json");
    std::fs::create_dir_all(docker.parent().unwrap()).unwrap();
    std::fs::write(&docker, format!("{{\"auths\":{{\"https://{host}/v1/\":{{\"auth\":\"{auth}\"}}}}}}"))
        .unwrap();
    push().ok();
    std::fs::write(&docker, "{\"auths\": {\"hunter2").unwrap();
    let error = push().exits(1).stderr;
    assert!(
        error.contains("line 1: this is no file of registry credentials") && !error.contains("hunter2"),
        "{error}"
    );
    std::fs::remove_file(&docker).unwrap();
    env.run(&format!(
        "push dist/web-1.0.0.tgz {} --plain-http --username {user} --password '{secret}'",
        world.at("password")
    ))
    .ok();
    let asked = env.run_with_input(&format!("registry login {host} --plain-http"), "").exits(1).stderr;
    assert!(asked.contains("there is no terminal to ask on"), "{asked}");
}

#[cfg(unix)]
#[test]
fn a_credential_helper_is_asked_and_told() {
    use std::os::unix::fs::PermissionsExt;
    let bin = tempfile::tempdir().unwrap();
    let kept = bin.path().join("kept");
    let script = format!(
        "#!/bin/sh\nset -u\nkept={}\ninput=$(cat)\ncase $1 in\nget) [ -f \"$kept\" ] || {{ echo 'credentials not found in native keychain'; exit 1; }}; cat \"$kept\";;\n\
         store) printf %s \"$input\" > \"$kept\";;\nerase) rm \"$kept\";;\nesac\n",
        kept.display()
    );
    for (name, script) in [
        ("ours", script.as_str()),
        ("broken", "#!/bin/sh\necho no >&2; exit 3\n"),
        ("odd", "#!/bin/sh\necho hunter2\n"),
    ] {
        let path = bin.path().join(format!("docker-credential-{name}"));
        let mut file = std::fs::File::create(&path).unwrap();
        file.write_all(script.as_bytes()).unwrap();
        file.set_permissions(std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    let env = Env::new().with("PATH", &format!("{}:/usr/bin:/bin", bin.path().display()));
    let Some(world) = World::in_env("helper", env) else { return };
    let (env, host) = (&world.env, world.servers.get("password"));
    let (user, secret) = (world.servers.get("user"), world.servers.get("secret"));
    let file = env.home().join(".config/bowline/registry/config.json");
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    let push = || env.run(&format!("push dist/web-1.0.0.tgz {} --plain-http", world.at("password")));
    let written = "{\"credsStore\":\"ours\"}";
    std::fs::write(&file, written).unwrap();
    push().exits(1);
    env.run_with_input(&format!("registry login {host} -u {user} --password-stdin --plain-http"), secret)
        .ok();
    let entry: Value = serde_json::from_slice(&std::fs::read(&kept).unwrap()).unwrap();
    assert_eq!(entry, serde_json::json!({"ServerURL": host, "Username": user, "Secret": secret}));
    assert_eq!(std::fs::read_to_string(&file).unwrap(), written, "no secret in the file");
    push().ok();
    env.run(&format!("registry logout {host}")).ok().complains("");
    assert!(!kept.exists());
    for (name, told) in [
        ("broken", "the credential helper docker-credential-broken failed: "),
        ("odd", "the credential helper odd failed: its answer is not what helpers say"),
        ("none", "there is no such program on the PATH"),
        ("../../x", "that is no name of a helper"),
    ] {
        std::fs::write(&file, format!("{{\"credHelpers\":{{\"{host}\":\"{name}\"}}}}")).unwrap();
        let error = push().exits(1).stderr;
        assert!(error.contains(told) && !error.contains("hunter2"), "{name}: {error}");
    }
}

#[test]
fn certificates_are_checked_and_shown() {
    let Some(world) = World::new("tls") else { return };
    let env = &world.env;
    let (ca, cert, key) = (world.servers.get("ca"), world.servers.get("cert"), world.servers.get("key"));
    let push =
        |kind: &str, flags: &str| env.run(&format!("push dist/web-1.0.0.tgz {} {flags}", world.at(kind)));
    let unknown = push("tls", "").exits(1).stderr;
    assert!(unknown.contains("signed by an unknown authority") && unknown.contains("--ca-file"), "{unknown}");
    push("tls", &format!("--ca-file {ca}")).ok();
    push("tls", "--insecure-skip-tls-verify").ok();
    let pull = format!("pull {}/web -d got", world.at("tls"));
    env.run(&pull).exits(1);
    env.run(&format!("{pull} --ca-file {ca}")).ok();
    let nobody = push("mutual", &format!("--ca-file {ca}")).exits(1).stderr;
    assert!(nobody.contains("--cert-file and --key-file"), "{nobody}");
    push("mutual", &format!("--ca-file {ca} --cert-file {cert} --key-file {key}")).ok();
    env.run_with_input(
        &format!(
            "registry login {} -u a --password-stdin --ca-file {ca} --cert-file {cert} --key-file {key}",
            world.servers.get("mutual")
        ),
        "b",
    )
    .ok();
    env.run_with_input(
        &format!("registry login {} -u a --password-stdin --insecure", world.servers.get("tls")),
        "b",
    )
    .ok();
}

/// A token service for the registry with tokens: it signs what it is asked for.
struct Tokens {
    key: PathBuf,
    certificate: String,
    user: String,
}

impl Tokens {
    fn start(servers: &Servers) -> Fake {
        let pem = std::fs::read_to_string(servers.get("token_cert")).unwrap();
        let certificate: String = pem.lines().filter(|line| !line.starts_with("--")).collect();
        let pair = format!("{}:{}", servers.get("user"), servers.get("secret"));
        let tokens = Tokens {
            key: PathBuf::from(servers.get("token_key")),
            certificate,
            user: format!("Basic {}", base64::encode(pair)),
        };
        Fake::start(move |asked| tokens.answer(asked))
    }

    fn answer(&self, asked: &Asked) -> Reply {
        let form = String::from_utf8_lossy(&asked.body).into_owned();
        let known = match asked.method.as_str() {
            "POST" => form.contains("refresh_token=refreshing"),
            _ => asked.header("authorization") == self.user,
        };
        if !known && !asked.header("authorization").is_empty() {
            return Reply::new(
                401,
                "{\"errors\":[{\"code\":\"UNAUTHORIZED\",\"message\":\"wrong password\"}]}",
            );
        }
        let query = asked.path.split_once('?').map_or(form.as_str(), |(_, query)| query);
        let scope = query.split('&').find_map(|pair| pair.strip_prefix("scope=")).unwrap_or_default();
        let scope = bowline::sys::http::percent_decode(scope);
        let mut parts = scope.splitn(3, ':').skip(1);
        let name = parts.next().unwrap_or_default();
        // Everybody reads, the user writes.
        let actions: Vec<&str> =
            parts.next().unwrap_or_default().split(',').filter(|action| known || *action == "pull").collect();
        Reply::new(200, serde_json::json!({ "token": self.sign(name, &actions) }).to_string())
    }

    fn sign(&self, name: &str, actions: &[&str]) -> String {
        let url = |bytes: &[u8]| base64::encode(bytes).replace('+', "-").replace('/', "_").replace('=', "");
        let header = serde_json::json!({"typ": "JWT", "alg": "RS256", "x5c": [self.certificate]});
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
        let claims = serde_json::json!({
            "iss": "bowline-test", "sub": "x", "aud": "bowline-test", "exp": now + 300, "nbf": now - 5, "iat": now,
            "jti": "1", "access": [{"type": "repository", "name": name, "actions": actions}],
        });
        let text = format!("{}.{}", url(header.to_string().as_bytes()), url(claims.to_string().as_bytes()));
        let mut openssl = Command::new("openssl")
            .args(["dgst", "-sha256", "-sign"])
            .arg(&self.key)
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .spawn()
            .expect("openssl made the key");
        openssl.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        let signature = openssl.wait_with_output().unwrap().stdout;
        format!("{text}.{}", url(&signature))
    }
}

#[test]
fn a_registry_with_tokens_lets_readers_read_and_writers_write() {
    let Some(world) = World::new("tokens") else { return };
    // The token service listens before the registry is told where it is.
    let tokens = Tokens::start(&world.servers);
    let auth = serde_json::json!({ "token": {
        "realm": format!("http://{}/token", tokens.host), "service": "bowline-test", "issuer": "bowline-test",
        "rootcertbundle": world.servers.get("token_cert"),
    } });
    let Some(registry) = RealRegistry::start(&world.env.home(), &auth) else { return };
    let (env, host) = (&world.env, registry.host.as_str());
    let at = format!("oci://{host}/{}", world.folder);
    let (user, secret) = (world.servers.get("user"), world.servers.get("secret"));
    let push = || env.run(&format!("push dist/web-1.0.0.tgz {at} --plain-http"));
    let refused = push().exits(1).stderr;
    assert!(refused.contains("does not let anonymous users write to"), "{refused}");
    let login = |user: &str, secret: &str| {
        env.run_with_input(&format!("registry login {host} {user} --password-stdin --plain-http"), secret)
    };
    let wrong = login(&format!("-u {user}"), "wrong").exits(1).stderr;
    assert!(wrong.contains("log in: 401: UNAUTHORIZED: wrong password"), "{wrong}");
    login(&format!("-u {user}"), secret).ok();
    push().ok();
    env.run(&format!("registry logout {host}")).ok();
    env.run(&format!("pull {at}/web --plain-http -d got")).ok();
    // A refresh token instead of a password.
    login("", "refreshing").ok();
    let file = env.home().join(".config/bowline/registry/config.json");
    assert!(std::fs::read_to_string(&file).unwrap().contains("\"identitytoken\": \"refreshing\""));
    let before = tokens.count("POST");
    push().ok();
    assert!(tokens.count("POST") > before);
}

/// Runs Helm with a home of its own.
fn run_helm(helm: &Path, env: &Env, line: &str) -> String {
    let words = crate::support::split(line);
    let output = Command::new(helm)
        .args(words)
        .env_clear()
        .env("HOME", env.home())
        .current_dir(env.work())
        .output()
        .unwrap();
    let text =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{line}: {text}");
    text
}

#[test]
fn helm_reads_what_we_write_and_writes_what_we_read() {
    let Some(helm) = helm("helm4") else { return };
    let Some(world) = World::in_env("helm", Env::new()) else { return };
    let (env, at) = (&world.env, world.at("open"));
    env.write("dist/web-1.1.0+b1.tgz.prov", "signed");
    for version in ["1.0.0", "1.1.0+b1"] {
        let ours = digest_in(&env.run(&format!("push dist/web-{version}.tgz {at}/ours --plain-http")).ok());
        let theirs = run_helm(&helm, env, &format!("push dist/web-{version}.tgz {at}/theirs --plain-http"));
        assert!(
            theirs.contains(&format!("Digest: {ours}")),
            "the same manifest to the byte: {ours}\n{theirs}"
        );
    }
    // Helm makes no folder.
    for folder in ["helms", "again"] {
        std::fs::create_dir(env.path(folder)).unwrap();
    }
    run_helm(&helm, env, &format!("pull {at}/ours/web --plain-http -d helms"));
    env.run(&format!("pull {at}/theirs/web --plain-http --prov -d ours")).ok();
    for folder in ["helms", "ours"] {
        let got = std::fs::read(env.path(&format!("{folder}/web-1.1.0+b1.tgz"))).unwrap();
        assert_eq!(Digest::of(got), Digest::of(std::fs::read(env.path("dist/web-1.1.0+b1.tgz")).unwrap()));
    }
    assert_eq!(env.read("ours/web-1.1.0+b1.tgz.prov"), "signed");
    // Each finds the other's credentials.
    let host = world.servers.get("password");
    let (user, secret) = (world.servers.get("user"), world.servers.get("secret"));
    run_helm(&helm, env, &format!("registry login {host} -u {user} -p '{secret}' --plain-http"));
    let as_helm = Env::new().named("helm").with("HOME", &env.home().display().to_string());
    let archive = env.path("dist/web-1.0.0.tgz").display().to_string();
    as_helm.run(&format!("push {archive} {} --plain-http", world.at("password"))).ok();
    as_helm.run(&format!("registry logout {host}")).ok();
    as_helm
        .run_with_input(&format!("registry login {host} -u {user} --password-stdin --plain-http"), secret)
        .ok();
    run_helm(&helm, env, &format!("pull {}/web --plain-http -d again", world.at("password")));
}
