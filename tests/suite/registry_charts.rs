//! Charts that commands get from a registry: by an index, by odd tags, by a lock, by tag and digest.

use std::sync::{Arc, Mutex};

use bowline::data::digest::Digest;

use crate::support::Env;
use crate::support::registry::{Asked, Fake, Memory, Reply};

/// A world with a registry that has versions of `web`.
struct World {
    env: Env,
    registry: Fake,
    memory: Arc<Mutex<Memory>>,
}

impl World {
    fn new(versions: &[&str]) -> Self {
        let env = Env::new();
        env.write("web/templates/a.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n");
        let (registry, memory) =
            Fake::registry(|asked, _| asked.path.contains("/nope/").then(|| Reply::new(404, "")));
        let world = World { env, registry, memory };
        for version in versions {
            world.pack(version);
            world.env.run(&format!("push dist/web-{version}.tgz {} --plain-http", world.at())).ok();
        }
        world
    }

    fn pack(&self, version: &str) {
        self.env.write(
            "web/Chart.yaml",
            &format!("apiVersion: v2\nname: web\nversion: '{version}'\ntype: application\n"),
        );
        self.env.run("package web -d dist").ok();
    }

    /// Where the charts are.
    fn at(&self) -> String {
        format!("oci://{}/charts", self.registry.host)
    }

    fn parent(&self, dependencies: &[(&str, &str)]) {
        let mut yaml = "apiVersion: v2\nname: par\nversion: 0.1.0\ndependencies:\n".to_string();
        for (repository, version) in dependencies {
            let alias = format!("w{}", version.len());
            let dependency = format!(
                "- {{name: web, alias: {alias}, version: '{version}', repository: '{repository}'}}\n"
            );
            yaml.push_str(&dependency);
        }
        self.env.write("par/Chart.yaml", &yaml);
    }

    fn digest(&self, file: &str) -> String {
        let bytes = std::fs::read(self.env.path(file)).unwrap();
        Digest::of(&bytes).prefixed()
    }

    fn has(&self, file: &str) -> bool {
        self.env.path(file).is_file()
    }
}

/// A repository with an index.
fn index(entries: String) -> Fake {
    Fake::start(move |asked: &Asked| match asked.path.as_str() {
        "/index.yaml" => Reply::new(200, format!("apiVersion: v1\nentries:\n  web:\n{entries}")),
        _ => Reply::new(404, ""),
    })
}

fn entry(version: &str, digest: &str, url: &str) -> String {
    format!("  - {{apiVersion: v2, name: web, version: '{version}', digest: '{digest}', urls: ['{url}']}}\n")
}

#[test]
fn an_index_may_say_that_charts_are_in_a_registry() {
    let world = World::new(&["0.2.0"]);
    let (env, at) = (&world.env, world.at());
    let digest = world.digest("dist/web-0.2.0.tgz");
    let other = format!("sha256:{}", "0".repeat(64));
    let repository = index(
        entry("0.5.0", "", &format!("{at}/web"))
            + &entry("0.4.0", &other, &format!("{at}/web:0.2.0"))
            + &entry("0.3.0", "", &format!("{at}/web:0.2.0"))
            + &entry("0.2.0", &digest, &format!("{at}/web")),
    );
    env.run(&format!("repo add r http://{} --username ann --password hunter2", repository.host)).ok();
    env.run("pull r/web --version 0.2.0 --plain-http -d got").ok().prints("").complains("");
    assert_eq!(world.digest("got/web-0.2.0.tgz"), digest);
    let rendered = env.run("template x r/web --version 0.3.0 --plain-http").ok();
    assert!(rendered.stdout.contains("kind: ConfigMap"), "{}", rendered.stdout);
    let shown = env.run("show chart r/web --version 0.3.0 --plain-http").ok().stdout;
    assert!(shown.contains("version: 0.2.0"), "{shown}");
    let error = env.run("pull r/web --version 0.4.0 --plain-http").exits(1).stderr;
    assert!(error.contains(&digest) && error.contains(&format!("but the index says {other}")), "{error}");
    let error = env.run("pull r/web --version 0.5.0 --plain-http").exits(1).stderr;
    assert!(error.contains("/charts/web:0.5.0: not found"), "without a tag it is the version: {error}");
    world.parent(&[("@r", "0.2.0"), ("@r", "<=0.3.0")]);
    env.run("dependency update par --plain-http").ok();
    assert!(world.has("par/charts/web-0.2.0.tgz"));
    std::fs::remove_dir_all(env.path("par/charts")).unwrap();
    env.run("dependency build par --plain-http").ok();
    assert!(world.has("par/charts/web-0.2.0.tgz"));
    // With the digest of the index and the archive at hand there is nothing to ask.
    let asked = world.registry.seen().len();
    env.run("pull r/web --version 0.2.0 --plain-http -d got").ok();
    assert_eq!(world.registry.seen().len(), asked);
    let told = world.registry.seen().iter().filter(|asked| !asked.header("authorization").is_empty()).count();
    assert_eq!(told, 0, "the repository's password is not the registry's");
}

#[test]
fn a_version_that_is_asked_for_is_the_tag_of_that_name() {
    let world = World::new(&["1.0.0", "v3.0.0", "1.2", "1", "1.1.0+b1"]);
    let (env, at) = (&world.env, world.at());
    for version in ["v3.0.0", "1.2", "1", "1.0.0", "1.1.0+b1"] {
        env.run(&format!("pull {at}/web --version {version} --plain-http -d got")).ok();
        assert!(world.has(&format!("got/web-{version}.tgz")), "{version}");
        world.parent(&[(&at, version)]);
        env.run("dependency update par --plain-http").ok();
        assert!(world.has(&format!("par/charts/web-{version}.tgz")), "{version}");
        env.run("dependency build par --plain-http").ok();
    }
    env.run(&format!("pull {at}/web:v3.0.0 --version ^3 --plain-http -d got")).ok();
    env.run(&format!("pull {at}/web --plain-http -d newest")).ok();
    assert!(world.has("newest/web-1.1.0+b1.tgz"), "only strict versions are chosen from");
    let error = env.run(&format!("pull {at}/web --version 3.0.0 --plain-http")).exits(1).stderr;
    assert!(error.contains("/charts/web:3.0.0: not found"), "{error}");
    let found = env.run(&format!("search {at}/web --plain-http -o json")).ok().stdout;
    for version in ["v3.0.0", "1.2", "1", "1.0.0", "1.1.0+b1"] {
        assert!(found.contains(&format!("\"version\":\"{version}\"")), "{version}: {found}");
    }
    // A repository of which no tag is a version.
    let manifest = {
        let mut memory = world.memory.lock().unwrap();
        let (kind, bytes) = memory.manifests["charts/web/manifests/1.0.0"].clone();
        memory.keep("charts/odd/manifests/latest", &kind, &bytes)
    };
    for version in ["", "--version ^1", "--devel"] {
        let error = env.run(&format!("pull {at}/odd {version} --plain-http")).exits(1).stderr;
        let shown = env.normalise(&at);
        let told = format!("Error: unable to locate any tags in provided repository: {shown}/odd\nhint: ");
        assert!(error.starts_with(&told), "{version}: {error}");
    }
    env.run(&format!("pull {at}/odd:latest --plain-http -d odd")).ok();
    env.run(&format!("pull {at}/odd:latest@{manifest} --plain-http -d odd")).ok();
    assert!(world.has("odd/web-1.0.0.tgz"), "a tag that is no version says nothing about one");
}

#[test]
fn a_locked_build_with_a_warm_cache_asks_no_registry() {
    let world = World::new(&["1.0.0", "1.1.0"]);
    let (env, at) = (&world.env, world.at());
    world.parent(&[(&at, "^1"), (&at, "1.0.0")]);
    let asked = || world.registry.seen().len();
    env.run("dependency update par --plain-http").ok();
    let build = || {
        let before = asked();
        std::fs::remove_dir_all(env.path("par/charts")).unwrap();
        env.run("dependency build par --plain-http").ok();
        assert!(world.has("par/charts/web-1.0.0.tgz") && world.has("par/charts/web-1.1.0.tgz"));
        asked() - before
    };
    assert_eq!(build(), 0);
    let notes = std::fs::read_dir(env.home().join(".cache/bowline/content/tags")).unwrap();
    let notes: Vec<_> = notes.map(|entry| entry.unwrap().path()).collect();
    assert_eq!(notes.len(), 2);
    // A note that cannot be right is none, and is written anew.
    let texts: Vec<String> = notes.iter().map(|note| std::fs::read_to_string(note).unwrap()).collect();
    let digest = |text: &str| text.lines().nth(1).unwrap().to_string();
    for damaged in [
        String::new(),
        "x".repeat(1 << 20),
        texts[0].replace("web:", "other:"),
        texts[0].replace(&digest(&texts[0]), &"0".repeat(64)),
        texts[0].replace(&digest(&texts[0]), &digest(&texts[1])),
    ] {
        std::fs::write(&notes[0], &damaged).unwrap();
        assert_ne!(build(), 0, "{damaged}");
        assert_eq!(build(), 0);
    }
    // What the cache has must still be what it was.
    for archive in std::fs::read_dir(env.home().join(".cache/bowline/content")).unwrap() {
        let folder = archive.unwrap().path();
        for file in std::fs::read_dir(&folder).unwrap().map(|file| file.unwrap().path()) {
            if file.extension().is_some_and(|kind| kind == "chart") {
                std::fs::write(file, "damaged").unwrap();
            }
        }
    }
    assert_ne!(build(), 0);
    assert_eq!(build(), 0);
    // Who does not build from a lock asks.
    let before = asked();
    env.run("dependency update par --plain-http").ok();
    assert!(asked() > before);
    let before = asked();
    env.run(&format!("pull {at}/web:1.0.0 --plain-http -d got")).ok();
    assert!(asked() > before);
}

#[test]
fn a_tag_beside_a_digest_must_be_true() {
    let world = World::new(&["0.2.0", "1.0.0+b.1"]);
    let (env, at) = (&world.env, world.at());
    let pulled = env.run(&format!("pull {at}/web:0.2.0 --plain-http -d got")).ok().stdout;
    let digest = pulled.lines().find_map(|line| line.strip_prefix("Digest: ")).unwrap();
    env.run(&format!("pull {at}/web:0.2.0@{digest} --plain-http -d both")).ok();
    assert!(world.has("both/web-0.2.0.tgz"));
    let error = env.run(&format!("pull {at}/web:1.0.0_b.1@{digest} --plain-http -d no")).exits(1).stderr;
    assert_eq!(error, "Error: chart reference and version mismatch: 1.0.0+b.1 is not 0.2.0\n");
    assert!(!env.path("no").exists());
}

#[test]
fn a_password_in_a_dependency_is_not_shown() {
    let world = World::new(&["0.2.0"]);
    let env = &world.env;
    let bytes = std::fs::read(env.path("dist/web-0.2.0.tgz")).unwrap();
    let repository = Fake::start(move |asked: &Asked| match asked.path.as_str() {
        "/index.yaml" => Reply::new(
            200,
            format!("apiVersion: v1\nentries:\n  web:\n{}", entry("0.2.0", "", "web-0.2.0.tgz")),
        ),
        "/web-0.2.0.tgz" => Reply::new(200, bytes.clone()),
        _ => Reply::new(404, ""),
    });
    let url = format!("http://ro:hunter2@{}", repository.host);
    world.parent(&[(&url, "0.2.0"), (&url, "*")]);
    for line in ["dependency list par", "dependency update par", "dependency list par", "dependency tree par"]
    {
        let ran = env.run(line).ok();
        assert!(!ran.stdout.contains("hunter2") && !ran.stderr.contains("hunter2"), "{line}: {}", ran.stdout);
    }
    let lock = env.read("par/Chart.lock");
    assert!(lock.contains(&url), "the lock is Helm's: {lock}");
    let error = env.run("dependency build par").exits(1).stderr;
    assert!(error.contains("no repository definition for http://127.0.0.1"), "{error}");
    assert!(!error.contains("hunter2"), "{error}");
}

#[test]
fn a_chart_that_is_needed_twice_stands_in_the_tree_twice() {
    let world = World::new(&["1.0.0", "1.2.0", "2.0.0"]);
    let (env, at) = (&world.env, world.at());
    world.parent(&[(&at, "1.0.0"), (&at, "^2")]);
    env.run("dependency update par --plain-http").ok();
    let tree = env.run("dependency tree par").ok().stdout;
    assert!(!tree.contains("too many") && tree.contains("1.0.0") && tree.contains("2.0.0"), "{tree}");
    // One more than is needed is one too many.
    std::fs::copy(env.path("dist/web-1.2.0.tgz"), env.path("par/charts/web-1.2.0.tgz")).unwrap();
    let tree = env.run("dependency tree par").ok().stdout;
    assert!(tree.contains("too many matches"), "{tree}");
}

#[test]
fn a_version_of_one_number_is_a_range_unless_a_lock_names_it() {
    let world = World::new(&["1", "1.2", "1.0.0"]);
    let env = &world.env;
    let entries: String = ["1", "1.0.0", "1.2"]
        .map(|version| entry(version, "", &format!("{}/web:{version}", world.at())))
        .concat();
    let repository = index(entries);
    let url = format!("http://{}", repository.host);
    env.run(&format!("repo add r {url}")).ok();
    for (version, taken) in [("1", "1.2"), ("v1", "1.2"), ("1.2", "1.2"), ("1.0.0", "1.0.0")] {
        world.parent(&[(&url, version)]);
        env.run("dependency update par --plain-http").ok();
        assert!(world.has(&format!("par/charts/web-{taken}.tgz")), "{version}");
    }
}

#[test]
fn what_is_locked_is_not_chosen_anew() {
    let world = World::new(&["1", "1.2"]);
    let env = &world.env;
    let entries = Arc::new(Mutex::new(entry("1", "", &format!("{}/web:1", world.at()))));
    let served = Arc::clone(&entries);
    let repository = Fake::start(move |_| {
        let entries = served.lock().unwrap();
        Reply::new(200, format!("apiVersion: v1\nentries:\n  web:\n{entries}"))
    });
    let url = format!("http://{}", repository.host);
    env.run(&format!("repo add r {url}")).ok();
    world.parent(&[(&url, "1")]);
    env.run("dependency update par --plain-http").ok();
    entries.lock().unwrap().push_str(&entry("1.2", "", &format!("{}/web:1.2", world.at())));
    env.run("repo update").ok();
    env.run("dependency build par --plain-http").ok();
    assert!(world.has("par/charts/web-1.tgz") && !world.has("par/charts/web-1.2.tgz"));
    env.run("dependency update par --plain-http").ok();
    assert!(world.has("par/charts/web-1.2.tgz") && !world.has("par/charts/web-1.tgz"));
}

#[test]
fn what_is_missing_is_told_with_what_helps() {
    let world = World::new(&["1.0.0"]);
    let (env, at) = (&world.env, world.at());
    let error = env.run(&format!("search {at}/nope --plain-http")).exits(1).stderr;
    assert!(error.contains("hint: ") && !error.contains("bowline search"), "{error}");
    let error = env.run("verify dist/web-1.0.0.tgz").stderr;
    assert!(error.contains("could not load provenance file") && !error.contains("--verify"), "{error}");
    let pulled = env.run(&format!("pull {at}/web --prov --plain-http")).ok();
    let told = format!("WARNING: Verification not found for {}/web: manifest does not", env.normalise(&at));
    assert!(pulled.stderr.starts_with(&told), "{}", pulled.stderr);
    let repository = index(entry("1.0.0", "", &format!("{at}/web:1.0.0")));
    env.run(&format!("repo add r http://{}", repository.host)).ok();
    let words = "level=WARN msg=\"unable to find exact version requested; falling back to closest available version\" \
                 chart=web requested=1 selected=1.0.0\n";
    env.run("show chart r/web --version 1 --plain-http").ok().complains(words);
    env.run("pull r/web --version 1 --plain-http").ok().complains(words);
    let config = env.home().join(".config/bowline");
    std::fs::create_dir_all(&config).unwrap();
    std::fs::write(config.join("registries.yaml"), "mirror: {}\n").unwrap();
    let error = env.run(&format!("pull {at}/web --plain-http")).exits(1).stderr;
    assert!(
        error.contains("unknown key \"mirror\"") && error.contains("hint: did you mean `mirrors`?"),
        "{error}"
    );
}
