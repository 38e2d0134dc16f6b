//! Commands about repositories against a server of our own: add, update, search, pull, dependency, serve.

use crate::support::Env;

const CHART: &str = "apiVersion: v2\nname: web\nversion: 1.0.0\ndescription: A web server\n";

/// A world with the archives `web-1.0.0.tgz` and `web-1.1.0.tgz` in `dist`.
fn packed() -> Env {
    let env = Env::new();
    env.write("web/Chart.yaml", CHART);
    env.write("web/values.yaml", "replicas: 1\n");
    env.write("web/templates/a.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: web\n");
    env.run("package web -d dist").ok();
    env.run("package web -d dist --version 1.1.0").ok();
    env
}

#[test]
fn charts_go_from_a_folder_through_a_server_to_a_release() {
    let env = packed();
    let server = env.serve("serve dist --address 127.0.0.1:0");
    let url = server.url();
    env.run(&format!("repo add loc {url}")).ok().prints("\"loc\" has been added to your repositories\n");
    env.run(&format!("repo add loc {url}"))
        .ok()
        .prints("\"loc\" already exists with the same configuration, skipping\n");
    env.run(&format!("repo add loc {url}/other")).exits(1).complains(
        "Error: repository name (loc) already exists, please specify a different name\n\
         hint: replace the entry with --force-update\n",
    );
    env.run("repo update").ok().prints(
        "Hang tight while we grab the latest from your chart repositories...\n\
         ...Successfully got an update from the \"loc\" chart repository\n\
         Update Complete. ⎈Happy Helming!⎈\n",
    );
    env.run("search web").ok().prints(
        "NAME   \tCHART VERSION\tAPP VERSION\tDESCRIPTION \nloc/web\t1.1.0        \t           \tA web server\n",
    );
    env.run("pull loc/web -d got").ok().prints("").complains("");
    assert_eq!(
        std::fs::read(env.path("got/web-1.1.0.tgz")).unwrap(),
        std::fs::read(env.path("dist/web-1.1.0.tgz")).unwrap()
    );
    env.run("fetch loc/web --version 1.0.0 --untar --untardir un -d got").ok();
    assert_eq!(env.read("got/un/web/values.yaml"), "replicas: 1\n");
    env.run("pull loc/web --untar -d got/un").exits(1).complains(
        "Error: failed to untar: a file or directory with the name web already exists\n\
         hint: choose another folder with --untardir\n",
    );
    env.run(&format!("pull web --repo {url} -d direct")).ok();
    env.run(&format!("pull {url}/web-1.0.0.tgz -d direct")).ok();
    assert!(env.path("direct/web-1.0.0.tgz").is_file() && env.path("direct/web-1.1.0.tgz").is_file());
    env.run("install one loc/web --store sqlite:s.db").ok();
    env.run("repo remove loc").ok().prints("\"loc\" has been removed from your repositories\n");
}

#[test]
fn dependencies_come_from_a_repository_and_stay_as_locked() {
    let env = packed();
    let server = env.serve("serve dist --address 127.0.0.1:0");
    let url = server.url();
    env.run(&format!("repo add loc {url}")).ok();
    env.write(
        "app/Chart.yaml",
        &format!(
            "apiVersion: v2\nname: app\nversion: 0.1.0\n\
             dependencies:\n- name: web\n  version: ~1.0\n  repository: {url}\n"
        ),
    );
    env.run("dependency update app").ok().prints(
        "Hang tight while we grab the latest from your chart repositories...\n\
         ...Successfully got an update from the \"loc\" chart repository\n\
         Update Complete. ⎈Happy Helming!⎈\n\
         Saving 1 charts\n\
         Downloading web from repo http://127.0.0.1:[PORT]\n\
         Deleting outdated charts\n",
    );
    assert!(env.path("app/charts/web-1.0.0.tgz").is_file());
    assert!(env.read("app/Chart.lock").contains("version: 1.0.0"));
    std::fs::remove_dir_all(env.path("app/charts")).unwrap();
    env.run("dependency list app").ok();
    env.run("dependency build app --skip-refresh").ok();
    assert!(env.path("app/charts/web-1.0.0.tgz").is_file());
}

#[test]
fn a_repository_that_is_gone_is_told() {
    let env = packed();
    let server = env.serve("serve dist --address 127.0.0.1:0");
    env.run(&format!("repo add loc {}", server.url())).ok();
    drop(server);
    env.run("repo update")
        .exits(1)
        .prints(
            "Hang tight while we grab the latest from your chart repositories...\n\
             ...Unable to get an update from the \"loc\" chart repository (http://127.0.0.1:[PORT]):\n\
             \tGet \"http://127.0.0.1:[PORT]/index.yaml\": connection refused\n",
        )
        .complains("Error: failed to update the following repositories: [http://127.0.0.1:[PORT]]\n");
    env.run("search repo loc/").ok();
}

#[cfg(unix)]
#[test]
fn serve_stops_when_asked() {
    use std::io::Read;
    use std::process::Stdio;

    let env = packed();
    let mut child = env
        .command(["serve", "dist", "--address", "127.0.0.1:0", "--debug"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut out = child.stdout.take().expect("it was asked for");
    let mut line = Vec::new();
    while line.last() != Some(&b'\n') {
        let mut byte = [0];
        out.read_exact(&mut byte).expect("it says where it listens");
        line.push(byte[0]);
    }
    let line = env.normalise(&String::from_utf8(line).expect("text"));
    assert_eq!(line, "Serving 1 chart in [WORK]/dist on http://127.0.0.1:[PORT]\n");
    let pid = i32::try_from(child.id()).expect("process ids are small");
    std::process::Command::new("kill").args(["-INT", &pid.to_string()]).status().expect("kill is there");
    assert!(child.wait().expect("it ends").success());
    let mut said = String::new();
    child.stderr.take().expect("it was asked for").read_to_string(&mut said).expect("text");
    assert!(said.ends_with("Stopped.\n"), "{said}");
}

#[cfg(unix)]
#[test]
fn a_chart_that_cannot_be_unpacked_whole_is_not_there_at_all() {
    let env = Env::new();
    env.write("web/Chart.yaml", CHART);
    env.write("web/a-large-file.txt", &"0".repeat(200_000));
    env.run("package web -d dist").ok();
    let server = env.serve("serve dist --address 127.0.0.1:0");
    // A limit on the size of files stands for a full disk.
    let limited = "trap '' XFSZ; ulimit -f 16; exec \"$0\" \"$@\"";
    let pull = env.command(["pull", "web", "--untar", "-d", "got", "--repo", &server.url()]);
    let mut shell = std::process::Command::new("sh");
    shell
        .args(["-c", limited])
        .arg(pull.get_program())
        .args(pull.get_args())
        .current_dir(env.work())
        .env_clear();
    shell.envs(pull.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let output = shell.output().expect("there is a shell");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("a-large-file.txt"), "{said}");
    let left: Vec<_> = std::fs::read_dir(env.path("got")).map_or_else(|_| Vec::new(), Iterator::collect);
    assert!(left.is_empty(), "{left:?}");
    env.run(&format!("pull web --untar -d got --repo {}", server.url())).ok();
    assert_eq!(env.read("got/web/a-large-file.txt").len(), 200_000);
    assert!(!env.path("got/.web.part").exists());
}
