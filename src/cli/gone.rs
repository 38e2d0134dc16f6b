//! What older Helms had and no command here has: scripts and fingers that remember it are told what to do instead.
//!
//! Invariant: nothing in these tables is a command or a flag where the table says that it is gone.

/// Commands, with what to do instead.
const COMMANDS: &[(&str, &str)] = &[
    (
        "cm-push",
        "`push FILE http://HOST` uploads to a chart repository, `push FILE oci://HOST/PATH` to a registry",
    ),
    ("home", "`env` lists the folders that are used"),
    ("init", "nothing needs to be set up: there is no Tiller; go on with `repo add` or `install`"),
    (
        "mapkubeapis",
        "an upgrade goes on by itself where the last revision has API versions that the cluster lost",
    ),
    (
        "plugin",
        "plugins are not run; `diff`, `plan`, `drift` and uploads to chart repositories are commands here",
    ),
    ("reset", "there is no Tiller in the cluster to be removed; `uninstall` removes releases"),
];

/// Why flags about Tiller can be left out.
const TILLER: &str = "there is no Tiller to speak to: leave the flag out";

/// Flags, with the command that had them and what to do instead. An empty name stands for every command that does not
/// have such a flag of its own: `serve --tls-cert` is another one.
const FLAGS: &[(&str, &str, &str)] = &[
    ("", "home", "`env` lists the folders that are used, and variables change them"),
    ("", "host", TILLER),
    ("", "tiller-connection-timeout", TILLER),
    ("", "tiller-namespace", TILLER),
    ("", "tls", TILLER),
    ("", "tls-ca-cert", TILLER),
    ("", "tls-cert", TILLER),
    ("", "tls-hostname", TILLER),
    ("", "tls-key", TILLER),
    ("", "tls-verify", TILLER),
    (
        "test",
        "cleanup",
        "give the tests the annotation helm.sh/hook-delete-policy: hook-succeeded,hook-failed",
    ),
    ("test", "hide-notes", "tests print no notes: leave the flag out"),
];

/// Words that are looked for below a command and stand elsewhere: the command, the word, and where it is.
const BELOW: &[(&str, &str, &str)] = &[
    ("diff", "install", "`diff upgrade NAME CHART --install` compares an install with nothing"),
    ("plan", "install", "`plan upgrade NAME CHART --install` plans an install"),
];

/// What to run instead of a word below a command.
pub fn below(command: &str, word: &str) -> Option<&'static str> {
    BELOW.iter().find(|(of, what, _)| *of == command && *what == word).map(|(.., advice)| *advice)
}

/// What to do instead of a command that is gone.
pub fn command(name: &str) -> Option<&'static str> {
    COMMANDS.iter().find(|(gone, _)| *gone == name).map(|(_, advice)| *advice)
}

/// What to do instead of a flag that is gone; `of` is the command's own name.
pub fn flag(of: &str, name: &str) -> Option<&'static str> {
    let had_it = |command: &str| command.is_empty() || command == of;
    let found = FLAGS.iter().find(|(command, gone, _)| *gone == name && had_it(command));
    found.map(|(.., advice)| *advice)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::commands::{VERBS, Verb};

    fn has(verb: &Verb, flag: &str) -> bool {
        let command = verb.clap_for_parsing();
        let mut names = command
            .get_arguments()
            .flat_map(|arg| arg.get_long().into_iter().chain(arg.get_all_aliases().unwrap_or_default()));
        names.any(|name| name == flag)
    }

    #[test]
    fn what_is_gone_is_not_here() {
        for (name, _) in COMMANDS {
            assert!(VERBS.iter().all(|verb| !verb.is_called(name)), "{name} is a command");
        }
        for (of, flag, _) in FLAGS {
            // `list` has none of its own with such a name, so it stands for the flags that are global.
            let of = if of.is_empty() { "list" } else { of };
            let verb = VERBS.iter().find(|verb| verb.name == of);
            assert!(verb.is_some_and(|verb| !has(verb, flag)), "{of} has --{flag}");
        }
    }
}
