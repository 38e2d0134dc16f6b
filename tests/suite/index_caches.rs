//! What is kept of indexes, archives and dependencies so that the next command need not ask or read again: it is used, it is
//! never believed when it does not fit, and nobody sees another result because of it.

use std::path::{Path, PathBuf};

use crate::support::Env;
use crate::support::hostile::Hostile;

const CHART: &str = "apiVersion: v2\nname: web\nversion: 1.0.0\ndescription: A web server\n";

/// A world with archives of `web` and `db` in `dist` and their index.
fn packed() -> Env {
    let env = Env::new();
    env.write("web/Chart.yaml", CHART);
    env.write("db/Chart.yaml", &CHART.replace("web", "db"));
    for line in ["package web -d dist", "package web -d dist --version 1.1.0", "package db -d dist"] {
        env.run(line).ok();
    }
    env.run("repo index dist").ok();
    env
}

/// A server of a folder that counts what it is asked.
fn counting(folder: PathBuf) -> Hostile {
    Hostile::streaming(move |head, stream| {
        let path = head.split(' ').nth(1).unwrap_or_default().trim_start_matches('/');
        let Ok(body) = std::fs::read(folder.join(path)) else {
            return std::io::Write::write_all(stream, &Hostile::page("404 Not Found", ""));
        };
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
        std::io::Write::write_all(stream, head.as_bytes())?;
        std::io::Write::write_all(stream, &body)
    })
}

/// The files below a folder whose names end so.
fn files(folder: &Path, end: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(files(&path, end));
        } else if path.to_string_lossy().ends_with(end) {
            found.push(path);
        }
    }
    found
}

fn app(env: &Env, url: &str) {
    env.write(
        "app/Chart.yaml",
        &format!(
            "apiVersion: v2\nname: app\nversion: 0.1.0\ndependencies:\n\
             - {{name: web, version: ~1.0, repository: '{url}'}}\n\
             - {{name: db, version: ^1, repository: '@loc', alias: store, condition: db.on}}\n"
        ),
    );
}

#[test]
fn a_build_with_a_lock_and_warm_caches_makes_no_request() {
    let env = packed();
    let server = counting(env.path("dist"));
    env.run(&format!("repo add loc {}", server.url)).ok();
    app(&env, &server.url);
    env.run("dependency build app --locked").exits(1).complains(
        "Error: there is no Chart.lock, and --locked forbids to choose versions; nothing was changed\n\
         hint: make it with `bowline dependency update` and keep it with the chart\n",
    );
    assert!(!env.path("app/charts").exists());
    env.run("dependency update app").ok();
    let lock = env.read("app/Chart.lock");
    std::fs::remove_dir_all(env.path("app/charts")).unwrap();
    let before = server.asked();
    assert!(before >= 3, "the index twice and two archives: {before}");
    let out = "Saving 2 charts\nDownloading web from repo http://127.0.0.1:[PORT]\n\
               Downloading db from repo http://127.0.0.1:[PORT]\nDeleting outdated charts\n";
    env.run("dependency build app --locked").ok().prints(out);
    assert_eq!(server.asked(), before);
    assert!(env.path("app/charts/web-1.0.0.tgz").is_file() && env.path("app/charts/db-1.0.0.tgz").is_file());
    assert_eq!(env.read("app/Chart.lock"), lock);

    // An archive that is gone from the cache, or damaged there, is fetched again; nothing else is.
    let archives = files(&env.home(), ".chart");
    assert_eq!(archives.len(), 2);
    std::fs::write(&archives[0], b"damaged").unwrap();
    env.run("dependency build app --locked").ok().prints(out);
    assert_eq!(server.asked(), before + 1);

    // A cached index without the locked version is fetched anew.
    for index in files(&env.home(), "loc-index.yaml") {
        std::fs::write(index, "apiVersion: v1\nentries: {}\n").unwrap();
    }
    env.run("dependency build app --locked").ok();
    assert_eq!(server.asked(), before + 2);

    app(&env, &server.url);
    let newer = env.read("app/Chart.yaml").replace("~1.0", "~1.1");
    env.write("app/Chart.yaml", &newer);
    env.run("dependency build app --locked").exits(1);
    assert_eq!(env.read("app/Chart.lock"), lock);
    assert_eq!(server.asked(), before + 2);
}

#[test]
fn the_tree_shows_what_is_there_and_what_is_not() {
    let env = packed();
    let server = counting(env.path("dist"));
    env.run(&format!("repo add loc {}", server.url)).ok();
    env.run("dependency tree web").ok().prints("web 1.0.0\n");
    app(&env, &server.url);
    env.run("dependency tree app")
        .ok()
        .prints("app 0.1.0\n├── web (~1.0) [missing]\n└── db as store (^1) [missing] if db.on\n");
    env.run("dependency update app").ok();
    env.run("package app -d dist").ok();
    env.run("repo index dist").ok();
    env.write(
        "top/Chart.yaml",
        &format!(
            "apiVersion: v2\nname: top\nversion: 1.0.0\ndependencies:\n\
             - {{name: app, version: 0.1.0, repository: '{}'}}\n- {{name: lib, version: '>1', repository: ''}}\n",
            server.url
        ),
    );
    env.write("top/charts/lib/Chart.yaml", "apiVersion: v2\nname: lib\nversion: 1.0.0\n");
    std::fs::copy(env.path("dist/app-0.1.0.tgz"), env.path("top/charts/app-0.1.0.tgz")).unwrap();
    env.run("dependency tree top").ok().prints(
        "top 1.0.0\n├── app 0.1.0\n│   ├── web 1.0.0 (~1.0)\n│   └── db as store 1.0.0 (^1) if db.on\n\
         └── lib 1.0.0 (>1) [wrong version]\n",
    );
    env.run("dependency tree top -o yaml").ok().prints(
        "dependencies:\n- dependencies:\n  - dependencies: []\n    name: web\n    repository: http://127.0.0.1:[PORT]\n\
         \x20   requested: ~1.0\n    status: ok\n    version: 1.0.0\n  - alias: store\n    condition: db.on\n\
         \x20   dependencies: []\n    name: db\n    repository: '@loc'\n    requested: ^1\n    status: ok\n    version: 1.0.0\n\
         \x20 name: app\n  repository: http://127.0.0.1:[PORT]\n  requested: 0.1.0\n  status: ok\n  version: 0.1.0\n\
         - dependencies: []\n  name: lib\n  repository: \"\"\n  requested: '>1'\n  status: wrong version\n  version: 1.0.0\n\
         name: top\nversion: 1.0.0\n",
    );
    std::fs::write(env.path("top/charts/app-0.1.0.tgz"), b"no archive").unwrap();
    env.run("dependency tree top")
        .ok()
        .prints("top 1.0.0\n├── app (0.1.0) [corrupt]\n└── lib 1.0.0 (>1) [wrong version]\n");
    env.run("dependency tree none").exits(1);
}

#[test]
fn searching_gives_the_same_with_and_without_the_form_beside_the_index() {
    let env = packed();
    let server = counting(env.path("dist"));
    env.run(&format!("repo add loc {}", server.url)).ok();
    let table = "NAME   \tCHART VERSION\tAPP VERSION\tDESCRIPTION \n\
                 loc/db \t1.0.0        \t           \tA db server \n\
                 loc/web\t1.1.0        \t           \tA web server\n";
    let form = files(&env.home(), "loc-index.bowline");
    assert_eq!(form.len(), 1, "adding a repository makes it");
    env.run("search repo").ok().prints(table);
    std::fs::write(&form[0], b"damaged").unwrap();
    env.run("search repo").ok().prints(table);
    assert_ne!(std::fs::read(&form[0]).unwrap(), b"damaged");
    std::fs::remove_file(&form[0]).unwrap();
    env.run("search repo").ok().prints(table);
    env.run("show chart loc/web --version 1.0.0").ok();
    // Another program fetched the index anew.
    let index = files(&env.home(), "loc-index.yaml");
    let text = std::fs::read_to_string(&index[0]).unwrap().replace("A web server", "A web cobweb");
    std::fs::write(&index[0], text).unwrap();
    env.run("search repo").ok().prints(&table.replace("A web server", "A web cobweb"));
    env.run("repo remove loc").ok();
    assert!(files(&env.home(), "loc-index.bowline").is_empty());
}

#[test]
fn an_index_is_made_again_without_reading_what_did_not_change() {
    let env = packed();
    let without_times = |text: &str| -> String {
        let kept = text.lines().filter(|line| !line.contains("created:") && !line.starts_with("generated:"));
        kept.collect::<Vec<_>>().join("\n")
    };
    let first = env.read("dist/index.yaml");
    let kept = files(&env.home(), ".bowline");
    assert_eq!(kept.len(), 1);
    let before = std::fs::read(&kept[0]).unwrap();
    // The archives are younger than what is kept of them only when both were made in one moment.
    std::thread::sleep(std::time::Duration::from_millis(30));
    std::fs::write(env.path("dist/other-1.0.0.tgz"), b"no archive").unwrap();
    std::fs::remove_file(env.path("dist/other-1.0.0.tgz")).unwrap();
    env.run("repo index dist").ok();
    assert_eq!(without_times(&env.read("dist/index.yaml")), without_times(&first));
    assert_ne!(env.read("dist/index.yaml"), first, "the times are new");
    assert_eq!(std::fs::read(&kept[0]).unwrap(), before);

    env.run("repo index dist --url https://x.invalid/c").ok();
    assert!(env.read("dist/index.yaml").contains("- https://x.invalid/c/web-1.0.0.tgz\n"));

    // Other bytes of the same length under the old time: only the system's own time tells.
    let path = env.path("dist/web-1.0.0.tgz");
    let modified = std::fs::metadata(&path).unwrap().modified().unwrap();
    let size = std::fs::metadata(&path).unwrap().len() as usize;
    std::fs::write(&path, vec![b'x'; size]).unwrap();
    std::fs::File::options().write(true).open(&path).unwrap().set_modified(modified).unwrap();
    env.run("repo index dist").ok();
    assert!(!env.read("dist/index.yaml").contains("web-1.0.0.tgz"));
    env.run("package web -d dist").ok();
    env.run("repo index dist").ok();
    assert_eq!(without_times(&env.read("dist/index.yaml")), without_times(&first));

    // What is kept is not believed when it is damaged.
    std::fs::write(&kept[0], b"BOWLARC\x01damaged").unwrap();
    env.run("repo index dist").ok();
    assert_eq!(without_times(&env.read("dist/index.yaml")), without_times(&first));
}

#[test]
fn a_million_bad_entries_are_told_of_in_a_few_lines() {
    let env = Env::new();
    let body = format!(
        "{{\"apiVersion\":\"v1\",\"entries\":{{\"a\":[{}{{\"name\":\"a\",\"version\":\"1.0.0\"}}]}}}}",
        "{},".repeat(1_000_000)
    );
    env.write("dist/index.yaml", &body);
    let server = counting(env.path("dist"));
    let ran = env.run(&format!("repo add loc {}", server.url)).ok();
    assert_eq!(ran.stderr.lines().count(), 2, "{}", &ran.stderr[..ran.stderr.len().min(500)]);
    assert!(ran.stderr.contains("999900 more entries of the chart are invalid too"));
    env.run("search repo loc -l").ok().prints(
        "NAME \tCHART VERSION\tAPP VERSION\tDESCRIPTION\nloc/a\t1.0.0        \t           \t           \n",
    );
}
