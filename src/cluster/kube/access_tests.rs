//! Tests of what kubeconfig files and flags come to.

use super::*;
use crate::sys::{Clock, Dirs, Random};

fn host() -> Host {
    let env = std::collections::BTreeMap::new();
    Host {
        dirs: Dirs::from_env(&env),
        env: env.into(),
        clock: Clock::System,
        random: Random::System,
        cwd: "/w".into(),
        watched: crate::sys::transfers::Watched::default(),
    }
}

/// Writes files and finds what they say.
fn find(files: &[(&str, &str)], change: impl Fn(&mut KubeOptions)) -> Result<Access, String> {
    let folder = tempfile::tempdir().unwrap();
    let mut options = KubeOptions::default();
    for (name, text) in files {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        if name.ends_with("config") {
            options.kubeconfig.push(path);
        }
    }
    change(&mut options);
    Access::find(&options, &host(), "kube").map_err(|error| error.to_string())
}

const ONE: &str = "
current-context: a
contexts:
- {name: a, context: {cluster: c, user: u}}
- {name: b, context: {cluster: c, user: other}}
- {name: lost, context: {cluster: nowhere}}
clusters:
- {name: c, cluster: {server: 'https://user:pw@one:6443/k8s/', certificate-authority: ca.pem, tls-server-name: inner, proxy-url: 'socks5://p:1'}}
users:
- {name: u, user: {token: hush, as: somebody, as-groups: [g, h], as-user-extra: {a/b: [x]}}}
";
const TWO: &str = "
current-context: b
clusters: [{name: c, cluster: {server: 'https://two'}}]
users: [{name: other, user: {username: name, password: hush}}]
";

#[test]
fn files_are_merged_and_the_first_entry_counts() {
    let files = [("1.config", ONE), ("2.config", TWO), ("ca.pem", "PEM")];
    let access = find(&files, |_| ()).unwrap();
    assert_eq!(access.server, "https://one:6443/k8s");
    assert_eq!(access.authorities.as_deref(), Some(&b"PEM"[..]));
    assert_eq!(
        (access.tls_server_name.as_deref(), access.proxy.as_deref()),
        (Some("inner"), Some("socks5://p:1"))
    );
    assert_eq!(access.credentials.header().unwrap().unwrap().reveal(), "Bearer hush");
    let headers = access.impersonation.iter().map(|(name, value)| format!("{name}: {value}"));
    assert_eq!(
        headers.collect::<Vec<_>>(),
        [
            "impersonate-user: somebody",
            "impersonate-group: g",
            "impersonate-group: h",
            "impersonate-extra-a%2Fb: x"
        ]
    );
    assert!(!format!("{access:?}").contains("hush"), "secrets do not print");
    let access = find(&files, |options| options.context = Some("b".into())).unwrap();
    assert_eq!(access.credentials.header().unwrap().unwrap().reveal(), "Basic bmFtZTpodXNo");
}

#[test]
fn flags_go_over_the_files() {
    let files = [("1.config", ONE), ("2.config", TWO), ("ca.pem", "PEM")];
    let access = find(&files, |options| {
        options.server = Some("other:1".into());
        options.token = Some(Secret::new("mine"));
        options.as_user = Some("me".into());
        options.as_groups = vec!["only".into()];
        options.insecure_skip_tls_verify = true;
    })
    .unwrap();
    assert_eq!((access.server.as_str(), access.tls_server_name), ("https://other:1", None));
    assert!(access.insecure && access.authorities.is_none());
    assert_eq!(access.credentials.header().unwrap().unwrap().reveal(), "Bearer mine");
    assert_eq!(access.impersonation[0].1, "me");
    assert_eq!(access.impersonation[1].1, "only");
    let access = find(&[], |options| options.server = Some("h:8080".into())).unwrap();
    assert_eq!(access.server, "http://h:8080");
    assert!(access.credentials.header().unwrap().is_none());
}

#[test]
fn what_cannot_be_used_is_told_without_secrets() {
    let user = |user: &str| {
        format!(
            "current-context: a\ncontexts: [{{name: a, context: {{cluster: c, user: u}}}}]\nclusters: [{{name: c, cluster: {{server: 'https://h'}}}}]\nusers: [{{name: u, user: {user}}}]\n"
        )
    };
    for (config, want) in [
        (
            ONE.replace("current-context: a", "current-context: lots"),
            "context \"lots\" does not exist; did you mean \"lost\"?",
        ),
        (ONE.replace("current-context: a", "current-context: lost"), "cluster \"nowhere\" does not exist"),
        (ONE.to_string(), "ca.pem"),
        ("a: [".to_string(), "1.config"),
        ("{}".to_string(), "the cluster has no server"),
        (user("{client-certificate-data: aGk=}"), "user \"u\" in "),
        (user("{client-certificate-data: aGk=}"), "there is a client certificate without a client key"),
        (user("{client-key-data: 'hush!'}"), "client-key-data is not base64"),
        (user("{auth-provider: {name: gcp}}"), "auth-provider \"gcp\" is not supported"),
        (user("{exec: {command: x, apiVersion: v9}}"), "unknown apiVersion \"v9\""),
        (user("{exec: {apiVersion: client.authentication.k8s.io/v1}}"), "has no command"),
        (
            user(
                "{exec: {command: ./nothing-there, apiVersion: client.authentication.k8s.io/v1, installHint: get it}}",
            ),
            "cannot be run",
        ),
        (ONE.replace("https://user", "ftp://user"), "scheme ftp"),
    ] {
        let files: &[(&str, &str)] = if want == "scheme ftp" {
            &[("1.config", &config), ("ca.pem", "")]
        } else {
            &[("1.config", &config)]
        };
        let error = find(files, |_| ()).unwrap_err();
        assert!(error.starts_with("cannot use kube: ") && error.contains(want), "{want}: {error}");
        assert!(!error.contains("hush") && !error.contains("pw@"), "{error}");
    }
    let error = find(&[], |_| ()).unwrap_err();
    assert_eq!(error, "cannot use kube: no kubeconfig was found");
}

/// The configuration of one user at one server.
fn of_user(server: &str, user: &str) -> String {
    format!(
        "current-context: a\ncontexts: [{{name: a, context: {{cluster: c, user: u}}}}]\nclusters: [{{name: c, cluster: {{server: '{server}'}}}}]\nusers: [{{name: u, user: {user}}}]\n"
    )
}

#[test]
fn a_token_file_goes_over_a_token_and_is_never_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    let header = |user: &str| {
        let user = user.replace("FILE", &file.display().to_string());
        let access = find(&[("config", &of_user("https://h", &user))], |_| ()).unwrap();
        access.credentials.header().map(|header| header.map(|header| header.reveal().to_string()))
    };
    let both = "{token: inline, tokenFile: 'FILE'}";
    assert_eq!(header(both).unwrap().as_deref(), Some("Bearer inline"), "the file is not there");
    std::fs::write(&file, " \n").unwrap();
    assert_eq!(header(both).unwrap().as_deref(), Some("Bearer inline"), "the file is empty");
    let empty = header("{tokenFile: 'FILE'}").unwrap_err();
    assert_eq!(empty, format!("read empty token from file {:?}", file.display().to_string()));
    std::fs::write(&file, "of-file\n").unwrap();
    assert_eq!(header(both).unwrap().as_deref(), Some("Bearer of-file"));
}

#[test]
fn without_tls_nobody_is_told_who_asks() {
    for user in [
        "{token: hush, as: me}",
        "{username: u, password: hush, as: me}",
        "{tokenFile: /nowhere, as: me}",
        "{client-certificate: /nowhere, client-key: /nowhere, as: me}",
        "{exec: {command: /nowhere, apiVersion: client.authentication.k8s.io/v1}, as: me}",
    ] {
        let access = find(&[("config", &of_user("http://h:1", user))], |_| ()).unwrap();
        assert!(access.credentials.header().unwrap().is_none() && access.identity.is_none(), "{user}");
        assert_eq!(access.impersonation, [("impersonate-user".to_string(), "me".to_string())], "{user}");
        let withheld = access.withheld.as_deref();
        assert_eq!(withheld, Some("no credentials were sent: http://h:1 is not encrypted"), "{user}");
    }
    let flag = find(&[("config", &of_user("http://h:1", "{}"))], |options| {
        options.token = Some(Secret::new("hush"));
    });
    let flag = flag.unwrap();
    assert!(flag.credentials.header().unwrap().is_none() && flag.withheld.is_some());
    assert!(find(&[("config", &of_user("http://h:1", "{}"))], |_| ()).unwrap().withheld.is_none());
}

#[cfg(unix)]
#[test]
fn a_plugin_gives_a_token_until_it_runs_out() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let plugin = folder.path().join("plugin");
    let run = |script: &str| {
        std::fs::write(&plugin, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&plugin, std::fs::Permissions::from_mode(0o700)).unwrap();
        let exec = "{command: ./plugin, args: [one], env: [{name: WHO, value: me}], provideClusterInfo: true, apiVersion: client.authentication.k8s.io/v1}";
        let config = ONE.replace("token: hush", &format!("exec: {exec}")).replace("ca.pem", "1.config");
        let path = folder.path().join("1.config");
        std::fs::write(&path, config).unwrap();
        let options = KubeOptions { kubeconfig: vec![path], ..KubeOptions::default() };
        let mut host = host();
        host.env =
            std::collections::BTreeMap::from([("PATH".to_string(), "/usr/bin:/bin".to_string())]).into();
        host.cwd = folder.path().to_path_buf();
        Access::find(&options, &host, "kube").map_err(|error| error.to_string())
    };
    let answer = r#"{"apiVersion":"client.authentication.k8s.io/v1","status":{STATUS}}"#;
    let counted = "echo \"$1 $WHO $KUBERNETES_EXEC_INFO\" >> calls; n=$(wc -l < calls)";
    let lasting =
        answer.replace("STATUS", r#"\"token\":\"t$n\""#).replace("\"a", "\\\"a").replace("\"c", "\\\"c");
    let lasting = lasting
        .replace("apiVersion\"", "apiVersion\\\"")
        .replace("v1\"", "v1\\\"")
        .replace("\"status\"", "\\\"status\\\"");
    let access = run(&format!("{counted}\necho \"{lasting}\"")).unwrap();
    let token = |access: &Access| access.credentials.header().unwrap().unwrap().reveal().to_string();
    assert_eq!((token(&access), token(&access)), ("Bearer t1".into(), "Bearer t1".into()));
    let calls = std::fs::read_to_string(folder.path().join("calls")).unwrap();
    assert!(calls.starts_with("one me {\"apiVersion\":\"client.authentication.k8s.io/v1\""), "{calls}");
    assert!(calls.contains(r#""server":"https://one:6443/k8s""#), "{calls}");
    assert!(access.credentials.renew());
    assert_eq!(token(&access), "Bearer t2");
    let ending = lasting.replace("t$n", "t$n\\\",\\\"expirationTimestamp\\\":\\\"2001-01-01T00:00:00Z");
    let access = run(&format!("{counted}\necho \"{ending}\"")).unwrap();
    assert_ne!(token(&access), token(&access), "what has run out is asked for again");
    let error = run("echo hush-hush; exit 3").unwrap_err();
    assert!(error.contains("failed: exit status: 3") && !error.contains("hush"), "{error}");
    let error = run("echo hush-hush").unwrap_err();
    assert!(error.contains("printed something else") && !error.contains("hush"), "{error}");
}
