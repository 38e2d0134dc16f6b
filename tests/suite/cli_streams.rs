//! What only a real process shows: pipes that close, links by another name, terminals that are none, speed.

use std::process::Stdio;

use crate::support::hostile::Hostile;
use crate::support::skip::skipped;
use crate::support::{Env, split};

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let env = Env::new();
    let mut child = env
        .command(["completion", "bash"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("the program ends");
    assert_eq!((output.status.code(), String::from_utf8_lossy(&output.stderr).as_ref()), (Some(0), ""));
}

#[test]
fn colours_are_for_terminals_unless_asked_for() {
    let env = Env::new();
    assert!(!env.run("help").ok().stdout.contains('\u{1b}'));
    assert!(env.run("list --bogus").exits(1).stderr.starts_with("Error: "));
    assert!(
        env.with("BOWLINE_COLOR", "always").run("list --bogus").exits(1).stderr.contains("\u{1b}[31mError:")
    );
}

#[test]
fn the_name_helm_changes_variables_and_exit_codes() {
    let env = Env::new().named("helm").with("HELM_NAMESPACE", "team").with("BOWLINE_NAMESPACE", "other");
    env.run("env HELM_NAMESPACE").ok().prints("team\n");
    env.run("list --bogus").exits(1).complains("Error: unknown flag: --bogus\n");
    env.run("version --short").ok().prints("v4.3.1\n");
}

#[test]
fn a_kubeconfig_chooses_the_store_and_the_namespace() {
    let env = Env::new();
    env.write(
        "config",
        "current-context: a\ncontexts: [{name: a, context: {cluster: c, namespace: team}}]\n",
    );
    env.run("env BOWLINE_STORE").ok().prints("sqlite:[HOME]/.local/share/bowline/store.sqlite\n");
    env.run("env BOWLINE_STORE --kubeconfig config").ok().prints("kube\n");
    env.run("env BOWLINE_NAMESPACE --kubeconfig config").ok().prints("team\n");
    env.run("env BOWLINE_NAMESPACE --kubeconfig config -n mine").ok().prints("mine\n");
    env.run("env BOWLINE_NAMESPACE --store sqlite").ok().prints("default\n");
    env.run("env BOWLINE_DRIVER --store sqlite").ok().prints("\n");
    env.run("env BOWLINE_DRIVER --kubeconfig config").ok().prints("secret\n");
    let env = env.with("HELM_DRIVER", "configmaps");
    env.run("env BOWLINE_DRIVER --kubeconfig config").ok().prints("configmap\n");
    // Helm's own list has it not.
    env.named("helm").run("env HELM_DRIVER --kubeconfig config").ok().prints("\n");
}

#[test]
fn completion_scripts_are_made_for_four_shells() {
    let env = Env::new();
    for (shell, sign) in [
        ("bash", "complete -F"),
        ("zsh", "#compdef bowline"),
        ("fish", "complete -c bowline"),
        ("powershell", "Register-ArgumentCompleter"),
    ] {
        let ran = env.run(&format!("completion {shell}")).ok();
        assert!(ran.stdout.contains(sign), "{shell}");
        assert!(ran.stdout.contains("__complete"), "{shell} asks the program");
    }
}

#[cfg(unix)]
#[test]
fn what_bash_inserts_is_quoted() {
    let env = Env::new();
    let script = env.run("completion bash").ok().stdout;
    // A program that answers with what it should never answer with.
    let trial = r#"
        evil() { printf '%s\n' 'repo/$(touch${IFS}PWNED)' ':4'; }
        COMP_WORDS=(evil show chart repo/); COMP_CWORD=3
        _bowline_complete
        eval "true ${COMPREPLY[0]}"
        printf '%s' "${COMPREPLY[0]}""#;
    let ran = std::process::Command::new("bash")
        .args(["--norc", "-c", &format!("{script}\n{trial}")])
        .current_dir(env.work())
        .output();
    let Ok(ran) = ran else { return skipped("there is no bash") };
    assert_eq!(String::from_utf8_lossy(&ran.stdout), r"repo/\$\(touch\$\{IFS\}PWNED\)");
    assert!(!env.path("PWNED").exists());
}

#[test]
fn names_that_a_shell_would_carry_out_are_no_candidates() {
    let env = Env::new();
    let list = env.write(
        "index.yaml",
        "apiVersion: v1\nentries:\n  $(touch${IFS}PWNED):\n  - {apiVersion: v2, name: x, version: 1.0.0, urls: [a.tgz]}\n  \
         fine:\n  - {apiVersion: v2, name: fine, version: 1.0.0, urls: [a.tgz], description: D}\n",
    );
    let page = std::fs::read(list).unwrap();
    let server = Hostile::start(move |_| Hostile::page("200 OK", &String::from_utf8_lossy(&page)));
    env.run(&format!("repo add repo {}", server.url)).ok();
    env.run("__complete show chart repo/").ok().prints("repo/fine\tD\n:4\n");
}

#[test]
fn lines_split_as_in_a_shell() {
    assert_eq!(split("a 'b c' \"\" d=\"e f\""), ["a", "b c", "", "d=e f"]);
}

#[cfg(unix)]
#[test]
fn links_in_the_folder_of_a_chart_are_told() {
    let env = Env::new();
    env.run("create web").ok();
    let outside = env.write("outside", "x");
    std::os::unix::fs::symlink(outside, env.path("web/linked")).expect("a link can be made");
    let told = "level=INFO msg=\"found symbolic link in path. Contents of linked file included and used\" \
                path=[WORK]/web/linked resolved=[WORK]/outside\n";
    for words in ["template web", "package web", "lint web"] {
        let run = env.run(words).ok();
        assert!(run.stderr.contains(told), "{words}: {}", run.stderr);
    }
}
