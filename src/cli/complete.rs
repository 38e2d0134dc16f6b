//! Completion: the scripts for four shells, and the answers that they ask for.
//!
//! The scripts know nothing of the commands: they hand the words to the hidden command `__complete`, which prints one
//! candidate a line (value, tab, description) and a last line `:N`, as the completion of Helm does. N is a sum of
//! `NO_SPACE` and `NO_FILES`.
//!
//! Names come from indexes and records that others wrote, and shells put candidates into a line that they then carry out.
//! So no candidate has a character that a shell makes something of, and the scripts quote what they insert even so.
//!
//! Invariant: completing changes nothing, and what goes wrong on the way gives fewer candidates, never a message.

use clap::{Arg, Command, FromArgMatches};

use super::args::GlobalArgs;
use super::argv;
use super::commands::{self, Body, VERBS, Verb};
use super::error::Failure;
use super::help;
use super::parse::ProgressMode;
use super::settings::{Program, Session, Settings};
use super::ui::Ui;
use crate::ops::query::{self, ListOptions};
use crate::ops::repo::{self, SearchOptions};
use crate::release::Statuses;
use crate::sys::Host;

/// The words that ask for candidates; the second one wants no descriptions.
pub const COMMANDS: [&str; 2] = ["__complete", "__completeNoDesc"];
/// Do not put a space behind the only candidate.
const NO_SPACE: u8 = 2;
/// Do not offer files.
const NO_FILES: u8 = 4;
/// Most candidates that are printed.
const MOST: usize = 2_000;

/// A shell that scripts are made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shell {
    /// bash 4 or newer.
    Bash,
    /// fish 3 or newer.
    Fish,
    /// PowerShell 5 or newer.
    PowerShell,
    /// zsh.
    Zsh,
}

/// The completion script for a shell.
pub fn script(program: Program, shell: Shell) -> String {
    let text = match shell {
        Shell::Bash => include_str!("completion/bash.sh"),
        Shell::Fish => include_str!("completion/fish.fish"),
        Shell::PowerShell => include_str!("completion/powershell.ps1"),
        Shell::Zsh => include_str!("completion/zsh.zsh"),
    };
    text.replace("PROGRAM", program.name())
}

/// Prints the candidates for the last of the words.
///
/// # Errors
/// The output cannot be written.
pub fn answer(
    program: Program,
    host: &Host,
    ui: &Ui,
    words: &[String],
    descriptions: bool,
) -> Result<(), Failure> {
    let empty = String::new();
    let (partial, before) = words.split_last().unwrap_or((&empty, &[]));
    let mut asked = Asked::read(program, host, ui, before);
    let directive = asked.candidates(partial);
    let mut text = String::new();
    asked.found.retain(|(value, _)| value.starts_with(partial.as_str()) && is_plain(value));
    for (value, about) in asked.found.iter().take(MOST) {
        let about = about.lines().next().unwrap_or("").trim().replace(char::is_control, " ");
        text.push_str(value);
        if descriptions && !about.is_empty() {
            text.extend(["\t", &about]);
        }
        text.push('\n');
    }
    ui.out(&format!("{text}:{directive}\n"))
}

/// Whether a shell takes a candidate as it is, in whatever place of a line.
fn is_plain(value: &str) -> bool {
    value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._/+@:=,~-".contains(&byte))
}

/// What stands before the word to complete.
struct Asked<'a> {
    program: Program,
    host: &'a Host,
    ui: &'a Ui,
    path: Vec<&'static Verb>,
    command: Command,
    positionals: Vec<String>,
    /// The global flags with their values.
    globals: Vec<String>,
    /// The flag whose value is to come.
    pending: Option<Arg>,
    found: Vec<(String, String)>,
}

impl<'a> Asked<'a> {
    fn read(program: Program, host: &'a Host, ui: &'a Ui, before: &[String]) -> Self {
        let root = help::root_for_parsing();
        let mut asked = Asked {
            program,
            host,
            ui,
            path: Vec::new(),
            command: root.clone(),
            positionals: Vec::new(),
            globals: Vec::new(),
            pending: None,
            found: Vec::new(),
        };
        for word in before {
            let group = asked.path.last().map_or(VERBS, |verb| verb.children());
            if asked.pending.take().is_some() {
                if asked.globals.last().is_some_and(|last| last.starts_with('-') && !last.contains('=')) {
                    asked.globals.push(word.clone());
                }
            } else if word.len() > 1 && word.starts_with('-') {
                let takes_next = argv::takes_next(&asked.command, word) == Some(true);
                if flag(&root, word).is_some() {
                    asked.globals.push(word.clone());
                }
                asked.pending = flag(&asked.command, word).filter(|_| takes_next).cloned();
            } else if let Some(verb) = commands::find(group, word, program) {
                asked.path.push(verb);
                asked.command = verb.clap_for_parsing();
            } else if !(asked.path.is_empty() && word == "help") {
                asked.positionals.push(word.clone());
            }
        }
        // A flag that still waits for its value is not among the settings.
        if asked.pending.is_some() && asked.globals.last().is_some_and(|last| before.last() == Some(last)) {
            asked.globals.pop();
        }
        asked
    }

    fn add<V: Into<String>, A: Into<String>>(&mut self, found: impl IntoIterator<Item = (V, A)>) {
        self.found.extend(found.into_iter().map(|(value, about)| (value.into(), about.into())));
    }

    /// Collects candidates and returns the directive.
    fn candidates(&mut self, partial: &str) -> u8 {
        if let Some(flag) = self.pending.take() {
            return self.values(&flag, "");
        }
        if let Some((name, _)) = partial.split_once('=').filter(|(name, _)| name.starts_with("--")) {
            return match flag(&self.command, name).cloned() {
                Some(flag) => self.values(&flag, &format!("{name}=")),
                None => NO_FILES,
            };
        }
        if partial.starts_with('-') {
            self.flags();
            return NO_FILES;
        }
        // What is neither a command nor an argument of one has no words behind it.
        if self.positionals.is_empty() {
            let group = self.path.last().map_or(VERBS, |verb| verb.children());
            self.add(group.iter().map(|verb| (verb.name, verb.about)));
        }
        let verb = match self.path.last().map(|verb| &verb.body) {
            Some(Body::Group { fallback: Some(fallback), .. }) => Some(*fallback),
            _ => self.path.last().copied(),
        };
        verb.map_or(NO_FILES, |verb| self.words(verb, partial))
    }

    /// Candidates for a positional, by the name that the usage line gives it.
    fn words(&mut self, verb: &Verb, partial: &str) -> u8 {
        let names: Vec<&str> = verb.positionals.split(' ').collect();
        let repeats = |name: &&str| name.ends_with("...");
        let wanted = names.get(self.positionals.len()).or_else(|| names.last().filter(|name| repeats(name)));
        let path: Vec<&str> = self.path.iter().map(|verb| verb.name).collect();
        match (path.as_slice(), wanted.map_or("", |name| name.trim_matches(['[', ']', '.']))) {
            (_, "RELEASE") => self.releases(),
            (_, "REVISION") => self.revisions(),
            (["repo", "remove" | "update"], "NAME") => self.repositories(""),
            (["dependency", _], "CHART") | (_, "ARCHIVE" | "FOLDER" | "PATH" | "PLANFILE") => return 0,
            (_, "CHART") | (["template"], "NAME") => return self.charts(partial),
            (["install"], "NAME") if self.globals_have_name() => return self.charts(partial),
            _ => {}
        }
        NO_FILES
    }

    /// Whether the name of the release is made, so that the first word is the chart.
    fn globals_have_name(&self) -> bool {
        self.globals.iter().any(|word| word == "-g" || word == "--generate-name")
    }

    /// The flags of the command, and the global ones.
    fn flags(&mut self) {
        let root = help::root_for_parsing();
        let all: Vec<(String, String)> = [&self.command, &root]
            .into_iter()
            .flat_map(|command| command.get_arguments().filter(|arg| !arg.is_hide_set()))
            .filter_map(|arg| {
                let about = arg.get_help().map(ToString::to_string).unwrap_or_default();
                Some((format!("--{}", arg.get_long()?), about))
            })
            .collect();
        self.found.extend(all);
        self.found.sort();
        self.found.dedup_by(|a, b| a.0 == b.0);
    }

    /// Candidates for a flag's value; each gets the prefix.
    fn values(&mut self, flag: &Arg, prefix: &str) -> u8 {
        let fixed: &[&str] = match flag.get_long().unwrap_or_default() {
            "output" => &["table", "json", "yaml"],
            "color" | "colour" => &["auto", "always", "never"],
            "compat" => &["helm3", "helm4"],
            "dry-run" => &["none", "client", "server"],
            "wait" => &["watcher", "hookOnly", "legacy"],
            "cascade" => &["background", "foreground", "orphan"],
            "progress" => &["auto", "plain", "json", "none"],
            "store" => &["sqlite", "sqlite:", "memory"],
            "namespace" => {
                self.namespaces();
                &[]
            }
            "revision" => {
                self.revisions();
                &[]
            }
            "version" => {
                self.versions();
                &[]
            }
            "repo" | "starter" => &[],
            _ if !flag.get_possible_values().is_empty() => {
                let possible = flag.get_possible_values();
                self.add(possible.iter().map(|value| (value.get_name(), "")));
                &[]
            }
            _ => {
                let names = flag.get_value_names().unwrap_or_default();
                let is_path = |name: &clap::builder::Str| {
                    ["FILE", "FOLDER", "PATH"].iter().any(|word| name.as_str().contains(word))
                };
                return if names.iter().any(is_path) { 0 } else { NO_FILES };
            }
        };
        self.add(fixed.iter().map(|value| (*value, "")));
        for (value, _) in &mut self.found {
            value.insert_str(0, prefix);
        }
        NO_FILES
    }

    /// Runs something with the settings that the words so far give; failures are silent.
    fn with_session<T>(&self, run: impl FnOnce(&Session) -> Result<T, Failure>) -> Option<T> {
        let root = help::root_for_parsing();
        let words = argv::read(&root, self.globals.iter().cloned()).ok()?;
        let matches = root.try_get_matches_from(words.for_clap()).ok()?;
        let flags = GlobalArgs::from_arg_matches(&matches).ok()?;
        let settings = Settings::resolve(self.program, self.host, &flags).ok()?;
        let session = Session {
            host: self.host,
            settings: &settings,
            ui: self.ui,
            progress: ProgressMode::None,
            given: words.given.iter().cloned().collect(),
            command: String::new(),
        };
        run(&session).ok()
    }

    fn releases(&mut self) {
        let listed = self.with_session(|session| {
            let (store, namespace) = (session.store()?, session.namespace_or_default());
            let options = ListOptions { statuses: Statuses::ALL, ..ListOptions::default() };
            session.with_context(|context| query::list(context, store.target(&namespace), &options))
        });
        let given = self.positionals.clone();
        self.add(listed.unwrap_or_default().into_iter().filter(|row| !given.contains(&row.name)).map(
            |row| {
                let about = format!("{}-{} -> {}", row.chart, row.chart_version, row.status);
                (row.name, about)
            },
        ));
    }

    fn revisions(&mut self) {
        let Some(name) = self.positionals.first().cloned() else { return };
        let rows = self.with_session(|session| {
            let (store, namespace) = (session.store()?, session.namespace_or_default());
            let target = store.target(&namespace);
            session.with_context(|context| query::history(context, target, &name, 256))
        });
        let rows = rows.unwrap_or_default().into_iter().rev();
        self.add(rows.map(|row| (row.revision.to_string(), format!("{}, {}", row.status, row.description))));
    }

    fn namespaces(&mut self) {
        let listed = self.with_session(|session| {
            let store = session.store()?;
            let options =
                ListOptions { all_namespaces: true, statuses: Statuses::ALL, ..ListOptions::default() };
            session.with_context(|context| query::list(context, store.target(""), &options))
        });
        let mut names: Vec<String> =
            listed.unwrap_or_default().into_iter().map(|row| row.namespace).collect();
        names.sort();
        names.dedup();
        self.add(names.into_iter().map(|name| (name, "")));
    }

    fn repositories(&mut self, behind: &str) {
        let listed = self.with_session(|session| session.with_context(repo::list)).unwrap_or_default();
        let given = self.positionals.clone();
        let names = listed.into_iter().filter(|repository| !given.contains(&repository.name));
        self.add(names.map(|repository| (format!("{}{behind}", repository.name), repository.url)));
    }

    /// Charts of repositories, and files: `repo/` first, then what is in it.
    fn charts(&mut self, partial: &str) -> u8 {
        if partial.starts_with(['.', '/', '~']) {
            return 0;
        }
        if !partial.contains('/') {
            self.repositories("/");
            return if self.found.iter().any(|(name, _)| name.starts_with(partial)) { NO_SPACE } else { 0 };
        }
        let options = SearchOptions { devel: true, ..SearchOptions::default() };
        let hits =
            self.with_session(|session| session.with_context(|context| repo::search(context, &options)));
        let hits = hits.unwrap_or_default().into_iter();
        self.add(hits.map(|hit| (hit.name, hit.description)));
        if self.found.iter().any(|(name, _)| name.starts_with(partial)) { NO_FILES } else { 0 }
    }

    /// Versions of the chart that is named before.
    fn versions(&mut self) {
        let charts: Vec<String> =
            self.positionals.iter().filter(|word| word.contains('/')).cloned().collect();
        let options = SearchOptions { devel: true, versions: true, ..SearchOptions::default() };
        let hits =
            self.with_session(|session| session.with_context(|context| repo::search(context, &options)));
        let hits = hits.unwrap_or_default().into_iter().filter(|hit| charts.contains(&hit.name));
        self.add(hits.map(|hit| (hit.version, format!("app {}", hit.app_version))));
    }
}

/// The flag that a word means: `--name`, `--name=value`, `-n`; of bundled letters the last.
fn flag<'c>(command: &'c Command, word: &str) -> Option<&'c Arg> {
    if let Some(long) = word.strip_prefix("--") {
        let name = long.split('=').next().unwrap_or(long);
        let is_called = |arg: &&Arg| {
            arg.get_long() == Some(name)
                || arg.get_all_aliases().is_some_and(|aliases| aliases.contains(&name))
        };
        return command.get_arguments().find(is_called);
    }
    let letter = word.chars().last()?;
    command.get_arguments().find(|arg| arg.get_short() == Some(letter))
}
