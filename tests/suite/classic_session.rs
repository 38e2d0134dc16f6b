//! One session as a user would type it: charts are packaged, served, found, installed, changed, rolled back, deleted and
//! brought back. Every step's output is checked.

use std::path::Path;

use regex::Regex;

use crate::support::Env;

/// A table's rows with single bars between the cells: widths follow the times in them.
fn table(text: &str) -> String {
    let row = |line: &str| line.split('\t').map(str::trim).collect::<Vec<_>>().join(" | ");
    text.lines().map(row).collect::<Vec<_>>().join("\n")
}

fn example(name: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("charts").join(name).display().to_string()
}

/// What `install`, `upgrade` and `status` print of a release of the chart `hello`, around `middle`.
fn block(revision: u32, description: &str, middle: &str, greeting: &str) -> String {
    format!(
        "NAME: web\nLAST DEPLOYED: [TIME]\nNAMESPACE: default\nSTATUS: deployed\nREVISION: {revision}\nDESCRIPTION: \
         {description}\n{middle}TEST SUITE: None\nNOTES:\nThe server says: {greeting}\n\nSee it at http://127.0.0.1:[PORT] once this \
         runs:\n  kubectl port-forward service/web 8080:80 -n default\n"
    )
}

#[test]
fn from_a_folder_of_charts_to_a_release_and_back() {
    let env = Env::new();
    let say = |line: &str| env.run(line).ok().stdout;
    let rows = |line: &str| table(&env.run(line).ok().stdout);

    // Two versions of one chart and a chart with a subchart become a repository.
    let (hello, guestbook) = (example("hello"), example("guestbook"));
    for (line, archive) in [
        (format!("package {hello} -d dist"), "hello-1.0.0"),
        (format!("package {hello} -d dist --version 1.1.0 --app-version 1.30"), "hello-1.1.0"),
        (format!("package {guestbook} -d dist"), "guestbook-1.0.0"),
    ] {
        assert_eq!(say(&line), format!("Successfully packaged chart and saved it to: dist/{archive}.tgz\n"));
    }
    assert_eq!(say("repo index dist"), "");
    let index = env.read("dist/index.yaml");
    for line in ["  - hello-1.0.0.tgz", "  - hello-1.1.0.tgz", "  - guestbook-1.0.0.tgz"] {
        assert!(index.lines().any(|found| found.trim_end().ends_with(line.trim_start())), "{line}\n{index}");
    }

    let server = env.serve("serve dist --address 127.0.0.1:0");
    let url = server.url();
    assert_eq!(
        say(&format!("repo add examples {url}")),
        "\"examples\" has been added to your repositories\n"
    );
    assert_eq!(rows("repo list"), "NAME | URL\nexamples | http://127.0.0.1:[PORT]");
    assert_eq!(
        say("repo update"),
        "Hang tight while we grab the latest from your chart repositories...\n...Successfully got an update from the \
         \"examples\" chart repository\nUpdate Complete. ⎈Happy Helming!⎈\n"
    );
    assert_eq!(
        rows("search repo hello --versions"),
        "NAME | CHART VERSION | APP VERSION | DESCRIPTION\n\
         examples/hello | 1.1.0 | 1.30 | A web server that says hello, the smallest char...\n\
         examples/hello | 1.0.0 | 1.29 | A web server that says hello, the smallest char..."
    );
    assert_eq!(rows("search guestbook").lines().count(), 2);
    assert_eq!(say("search repo nothing-like-it"), "No results found\n");

    // A release from the repository, first in the older version.
    assert_eq!(
        say("install web examples/hello --version 1.0.0"),
        block(1, "Install complete", "", "Hello: it works")
    );
    let header = "NAME | NAMESPACE | REVISION | UPDATED | STATUS | CHART | APP VERSION";
    assert_eq!(rows("list"), format!("{header}\nweb | default | 1 | [TIME] | deployed | hello-1.0.0 | 1.29"));
    assert_eq!(
        say("upgrade web examples/hello --version 1.1.0 --set greeting=Hi"),
        format!(
            "Release \"web\" has been upgraded. Happy Helming!\n{}",
            block(2, "Upgrade complete", "", "Hi")
        )
    );
    assert_eq!(say("get values web"), "USER-SUPPLIED VALUES:\ngreeting: Hi\n");
    assert_eq!(
        rows("history web"),
        "REVISION | UPDATED | STATUS | CHART | APP VERSION | DESCRIPTION\n\
         1 | [TIME] | superseded | hello-1.0.0 | 1.29 | Install complete\n\
         2 | [TIME] | deployed | hello-1.1.0 | 1.30 | Upgrade complete"
    );
    assert_eq!(say("rollback web 1"), "Rollback was a success! Happy Helming!\n");
    let resources = "RESOURCES:\n==> v1/ConfigMap\nNAME       AGE\nweb-page   [AGE]\n\n==> v1/Service\nNAME   AGE\nweb    \
                     [AGE]\n\n==> v1/Deployment\nNAME   AGE\nweb    [AGE]\n\n\n";
    let age = Regex::new(r"\b\d+s\b").unwrap();
    assert_eq!(
        age.replace_all(&rows("status web"), "[AGE]"),
        table(&block(3, "Rollback to 1", resources, "Hello: it works"))
    );
    assert!(say("get manifest web").contains("Hello: it works"));

    // Deleted as Helm 2 did: the objects go, the history stays, and a rollback brings the release back.
    assert_eq!(say("delete web"), "release \"web\" uninstalled\n");
    let deleted = format!("{header}\nweb | default | 3 | [TIME] | uninstalled | hello-1.0.0 | 1.29");
    assert_eq!(rows("ls --deleted"), deleted);
    assert_eq!(say("ls --deployed -q"), "");
    assert_eq!(say("objects list Deployment -o json"), "[]\n");
    assert_eq!(say("rollback web 3"), "Rollback was a success! Happy Helming!\n");
    assert_eq!(say("ls --deployed -q"), "web\n");
    assert_eq!(
        rows("history web --max 1").lines().last(),
        Some("4 | [TIME] | deployed | hello-1.0.0 | 1.29 | Rollback to 3")
    );

    // And for good.
    assert_eq!(say("delete --purge web"), "release \"web\" uninstalled\n");
    assert_eq!(say("list --all -o json"), "[]\n");
    assert_eq!(say("objects list -o json"), "[]\n");
    env.run("history web").exits(1).complains(
        "Error: release: not found\nhint: `bowline list --all-namespaces` shows every release; a release is looked for in one \
         namespace (-n)\n",
    );
    assert_eq!(say("repo remove examples"), "\"examples\" has been removed from your repositories\n");
}
