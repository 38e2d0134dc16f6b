//! The commands: one file per verb, groups in folders. A file declares the flags, says what they mean as one options
//! struct, calls one function of `ops`, and prints the report.
//!
//! Commands are a table ([`VERBS`]), not one clap tree: a run builds clap's structures for the one command that was
//! asked for, which keeps start-up short; help, completion and the reference text build all of it.
//!
//! Invariant: tables are sorted by name, and no name or alias is given twice within one table.

pub mod apply;
pub mod completion;
pub mod create;
pub mod delete;
pub mod dependency;
pub mod diff;
pub mod drift;
pub mod env;
pub mod get;
pub mod history;
pub mod install;
pub mod keygen;
pub mod lint;
pub mod list;
pub mod objects;
pub mod package;
pub mod plan;
pub mod pull;
pub mod push;
pub mod recover;
pub mod registry;
pub mod repo;
pub mod rollback;
pub mod search;
pub mod serve;
pub mod show;
pub mod status;
pub mod template;
pub mod test;
pub mod uninstall;
pub mod upgrade;
pub mod verify;
pub mod version;
pub mod why;

use clap::{ArgMatches, Args, Command};

use super::args::GlobalArgs;
use super::error::{Failure, Outcome};
use super::settings::{Program, Session};

/// A command or a group of commands.
pub struct Verb {
    /// Its name.
    pub name: &'static str,
    /// Other names for it; Helm 2's among them.
    pub aliases: &'static [&'static str],
    /// What it does, in one line without a full stop.
    pub about: &'static str,
    /// What it does, in full.
    pub long: &'static str,
    /// Lines that show how it is used, with a comment above each where it helps.
    pub examples: &'static str,
    /// Its positionals, as the usage line shows them.
    pub positionals: &'static str,
    /// Groups of flags of which only one may be given.
    pub exclusive: &'static [&'static [&'static str]],
    /// What runs.
    pub body: Body,
}

/// What is behind a name.
pub enum Body {
    /// A command.
    Leaf(Leaf),
    /// More names; words that are none of them go to `fallback`, where Helm 2 had one command.
    Group {
        /// The commands of the group, sorted by name.
        verbs: &'static [&'static Verb],
        /// The command that takes unknown words.
        fallback: Option<&'static Verb>,
    },
}

/// A command's flags and its function.
pub struct Leaf {
    augment: fn(Command) -> Command,
    run: fn(&ArgMatches, &Session) -> Outcome,
}

/// A command's flags as typed; running them is the command.
pub trait Run: Args {
    /// Does what the command is for.
    ///
    /// # Errors
    /// Whatever goes wrong.
    fn run(self, session: &Session) -> Outcome;
}

impl Leaf {
    /// The command whose flags are `A`.
    pub const fn of<A: Run>() -> Self {
        Leaf { augment: A::augment_args, run: run_typed::<A> }
    }

    /// Runs the command with parsed flags.
    ///
    /// # Errors
    /// Whatever goes wrong.
    pub fn run(&self, matches: &ArgMatches, session: &Session) -> Outcome {
        (self.run)(matches, session)
    }
}

fn run_typed<A: Run>(matches: &ArgMatches, session: &Session) -> Outcome {
    let typed = A::from_arg_matches(matches).map_err(|error| Failure::usage(error.to_string()))?;
    typed.run(session)
}

impl Verb {
    /// The verbs below this one; none for a command.
    pub fn children(&self) -> &'static [&'static Verb] {
        match &self.body {
            Body::Leaf(_) => &[],
            Body::Group { verbs, .. } => verbs,
        }
    }

    /// Whether this is its name or one of its aliases.
    pub fn is_called(&self, word: &str) -> bool {
        self.name == word || self.aliases.contains(&word)
    }

    /// The command with its flags, without the global ones and without children.
    pub fn clap(&self) -> Command {
        let command = Command::new(self.name).args_override_self(true);
        let command = match &self.body {
            Body::Leaf(leaf) => values_may_look_like_flags((leaf.augment)(command)),
            Body::Group { .. } => command,
        };
        // After the flags: clap takes the comment on their struct for the command's description.
        command.about(self.about)
    }

    /// The command as one word list is parsed against: global flags among its own, and no name before them.
    pub fn clap_for_parsing(&self) -> Command {
        let command = GlobalArgs::augment_args(self.clap());
        let mut command = values_may_look_like_flags(command)
            .no_binary_name(true)
            .disable_help_flag(true)
            .disable_version_flag(true);
        command.build();
        command
    }
}

/// pflag takes the next word as the value of a flag, whatever it looks like, and so does everything here.
fn values_may_look_like_flags(command: Command) -> Command {
    command.mut_args(|arg| {
        let takes_value = arg.get_action().takes_values();
        if takes_value && !arg.is_positional() { arg.allow_hyphen_values(true) } else { arg }
    })
}

/// Every command, sorted by name.
pub const VERBS: &[&Verb] = &[
    &apply::VERB,
    &completion::VERB,
    &create::VERB,
    &delete::VERB,
    &dependency::VERB,
    &diff::VERB,
    &drift::VERB,
    &env::VERB,
    &get::VERB,
    &history::VERB,
    &repo::index::VERB,
    &install::VERB,
    &keygen::VERB,
    &lint::VERB,
    &list::VERB,
    &objects::VERB,
    &package::VERB,
    &plan::VERB,
    &pull::VERB,
    &push::VERB,
    &recover::VERB,
    &registry::VERB,
    &repo::VERB,
    &rollback::VERB,
    &search::VERB,
    &serve::VERB,
    &show::VERB,
    &status::VERB,
    &template::VERB,
    &test::VERB,
    &uninstall::VERB,
    &upgrade::VERB,
    &verify::VERB,
    &version::VERB,
    &why::VERB,
];

/// The verb of a table that a word names. Started as `helm`, `delete` is what it is there: another name for `uninstall`.
pub fn find(table: &'static [&'static Verb], word: &str, program: Program) -> Option<&'static Verb> {
    let found = table.iter().copied().find(|verb| verb.is_called(word))?;
    Some(if program.as_helm && std::ptr::eq(found, &delete::VERB) { &uninstall::VERB } else { found })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn each(table: &'static [&'static Verb], path: &str, see: &mut impl FnMut(&str, &'static Verb)) {
        for verb in table {
            let path = format!("{path}{}", verb.name);
            see(&path, verb);
            each(verb.children(), &format!("{path} "), see);
        }
    }

    fn tables_are_sorted(table: &'static [&'static Verb]) {
        assert!(table.is_sorted_by_key(|verb| verb.name));
        let mut names: Vec<&str> =
            table.iter().flat_map(|verb| verb.aliases.iter().copied().chain([verb.name])).collect();
        let all = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all, "{names:?}");
        for verb in table {
            tables_are_sorted(verb.children());
        }
    }

    #[test]
    fn names_are_sorted_and_unique() {
        tables_are_sorted(VERBS);
    }

    /// Commands of Helm that are not there yet.
    const ABSENT: &[&str] = &["plugin"];

    fn flags_of(path: &str) -> Option<Command> {
        let mut table = VERBS;
        let mut found = None;
        for word in path.split(' ') {
            let verb = *table.iter().find(|verb| verb.name == word)?;
            table = verb.children();
            found = Some(verb);
        }
        Some(found?.clap_for_parsing())
    }

    #[test]
    fn every_flag_of_helm_is_there_with_its_letter_and_default() {
        let list = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/cli/helm4-flags.tsv");
        let list = std::fs::read_to_string(list).unwrap();
        let mut wrong = Vec::new();
        let mut checked = 0;
        for line in list.lines().skip(1) {
            let [path, flag, short, kind, default, ..] = line.split('\t').collect::<Vec<_>>()[..] else {
                panic!("{line}")
            };
            let group = path.split(' ').next().unwrap_or_default();
            if ABSENT.contains(&group) {
                continue;
            }
            let command = if path == "(global)" { flags_of("env") } else { flags_of(path) };
            let Some(command) = command else {
                wrong.push(format!("{path}: no such command"));
                continue;
            };
            checked += 1;
            let found = command.get_arguments().find(|arg| {
                let aliases = arg.get_all_aliases().unwrap_or_default();
                arg.get_long() == Some(flag) || aliases.contains(&flag)
            });
            let Some(arg) = found else {
                wrong.push(format!("{path}: --{flag} is missing"));
                continue;
            };
            if arg.get_short().map(String::from).unwrap_or_default() != short {
                wrong.push(format!("{path}: --{flag} has another letter than -{short}"));
            }
            let default = default.trim_matches('"');
            let ours = arg.get_default_values().first().map(|value| value.to_string_lossy().into_owned());
            // Defaults that the environment decides are no defaults of the flag.
            let decided_later = ["[]", "none", "client", "auto"].contains(&default)
                || default.starts_with('~')
                || ["burst-limit", "history-max", "qps"].contains(&flag);
            if kind != "bool" && !default.is_empty() && !decided_later && ours.as_deref() != Some(default) {
                wrong.push(format!("{path}: --{flag} defaults to {ours:?}, not {default}"));
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
        assert!(checked > 300, "{checked}");
    }

    #[test]
    fn every_verb_is_documented() {
        each(VERBS, "", &mut |path, verb| {
            assert!(!verb.about.is_empty() && !verb.about.ends_with('.'), "{path}: about");
            assert!(verb.long.trim_end().ends_with('.'), "{path}: long text");
            assert!(verb.examples.contains(&format!("bowline {path}")), "{path}: an example of itself");
            if let Body::Leaf(_) = verb.body {
                verb.clap_for_parsing().debug_assert();
                for arg in verb.clap().get_arguments() {
                    assert!(arg.get_help().is_some(), "{path}: {} has no help", arg.get_id());
                }
            }
        });
    }
}
