//! Everything the user types and sees.
//!
//! ```text
//! words ─► find the command ─► argv (pflag's rules) ─► clap (types) ─► settings (flags + env + files)
//!                                                                          │
//!                         view (table, json, yaml) ◄── ops ◄── options ◄───┘
//! ```
//!
//! Invariants: this is the only module that prints ([`ui`]), the only one that knows clap, and the only one that turns
//! errors into exit codes ([`error::EXIT_CODES`]).

pub mod args;
pub mod argv;
mod bridge;
pub mod commands;
pub mod complete;
pub mod error;
pub mod gone;
pub mod help;
pub mod interrupt;
pub mod parse;
pub mod passphrase;
mod progress;
pub mod report;
pub mod settings;
pub mod ui;
pub mod view;

use std::collections::BTreeSet;
use std::ffi::OsString;

use clap::FromArgMatches;
use clap::error::{ContextKind, ContextValue, ErrorKind};

use args::GlobalArgs;
use argv::{Help, Words};
use commands::{Body, VERBS, Verb};
use error::{Exit, Failure, Outcome};
use parse::Format;
use settings::{Program, Session, Settings};
use ui::{ColourMode, Streams, Ui};

use crate::diag::did_you_mean;
use crate::sys::Host;

/// Runs the program with the process's arguments and environment, and ends the process.
pub fn main() -> ! {
    let streams = Streams::of_process();
    let code = match Host::of_process() {
        Ok(host) => run(std::env::args_os(), host, streams),
        Err(error) => {
            let ui = Ui::new(streams, ColourMode::Never, false);
            let failure = Failure::new(format!("cannot find the current folder: {error}"));
            report::failure(&ui, Format::Table, false, &failure)
        }
    };
    interrupt::leave(code)
}

/// Runs the program with the given words (the program's name first), world and streams, and returns the exit code.
pub fn run(words: impl IntoIterator<Item = OsString>, host: Host, streams: Streams) -> u8 {
    let mut words = words.into_iter();
    let first = words.next().map(|word| word.to_string_lossy().into_owned());
    let program = Program::of_argument(first.as_deref());
    let host = program.host(host);
    let environment = settings::colour_mode(program, &host, None).unwrap_or_default();
    let typed: Result<Vec<String>, OsString> = words.map(OsString::into_string).collect();
    let asked = typed
        .map_err(|word| Failure::usage(format!("argument \"{}\" is not valid UTF-8", word.display())))
        .and_then(|words| Wanted::read(program, words));
    let asked = match asked {
        Ok(Wanted::Candidates { words, descriptions }) => {
            let ui = Ui::new(streams, ColourMode::Never, false);
            return match complete::answer(program, &host, &ui, &words, descriptions) {
                Ok(()) => Exit::Done.code(program.as_helm),
                Err(failure) => report::failure(&ui, Format::Table, program.as_helm, &failure),
            };
        }
        Ok(Wanted::Command(asked)) => asked,
        Err(failure) => {
            let ui = Ui::new(streams, environment, false);
            return report::failure(&ui, Format::Table, program.as_helm, &failure);
        }
    };
    // The words are well-formed: from here on `-o` and `--color` count even for failures.
    let format = asked.words.value("output").and_then(|text| parse::format(text).ok()).unwrap_or_default();
    let mode = settings::colour_mode(program, &host, asked.words.value("color")).unwrap_or(environment);
    let debug = asked.wants_debug(program, &host);
    let ui = Ui::new(streams, mode, debug);
    match asked.run(&host, &ui) {
        Ok(exit) => exit.code(program.as_helm),
        Err(failure) => report::failure(&ui, format, program.as_helm, &failure),
    }
}

/// What the words are for.
enum Wanted {
    /// A command is to be run.
    Command(Box<Asked>),
    /// A shell asks how the last word could go on.
    Candidates { words: Vec<String>, descriptions: bool },
}

impl Wanted {
    fn read(program: Program, mut words: Vec<String>) -> Result<Self, Failure> {
        match words.first().and_then(|first| complete::COMMANDS.iter().position(|name| name == first)) {
            Some(which) => {
                words.remove(0);
                Ok(Wanted::Candidates { words, descriptions: which == 0 })
            }
            None => Ok(Wanted::Command(Box::new(Asked::read(program, words)?))),
        }
    }
}

/// What was asked for: the command, and the words read by its flags.
struct Asked {
    program: Program,
    /// From the root to the command; empty when none was named.
    path: Vec<&'static Verb>,
    words: Words,
    /// clap's form of the last verb of `path`.
    command: clap::Command,
}

impl Asked {
    fn read(program: Program, words: Vec<String>) -> Result<Self, Failure> {
        let (path, rest) = find_command(program, words)?;
        let command = match path.last() {
            Some(verb) => verb.clap_for_parsing(),
            None => help::root_for_parsing(),
        };
        let words = argv::read(&command, rest)?;
        Ok(Asked { program, path, words, command })
    }

    fn wants_debug(&self, program: Program, host: &Host) -> bool {
        let variable = || program.variable(host, "BOWLINE_DEBUG");
        match self.words.value("debug") {
            Some(text) => parse::boolean(text).unwrap_or(false),
            None if self.words.was_given("debug") => true,
            None => variable().is_some_and(|text| parse::boolean(&text).unwrap_or(false)),
        }
    }

    /// The command as typed in full, with the program's name: `bowline repo add`.
    fn full_name(&self) -> String {
        full_name(self.program, &self.path)
    }

    fn run(mut self, host: &Host, ui: &Ui) -> Outcome {
        for note in &self.words.notes {
            ui.note(note);
        }
        let wants_version = self.path.is_empty() && self.words.was_given("version");
        let leaf = match self.path.last().map(|verb| &verb.body) {
            Some(Body::Leaf(leaf)) if self.words.help.is_none() => leaf,
            None if wants_version => {
                ui.line(commands::version::short(self.program))?;
                return Ok(Exit::Done);
            }
            _ => {
                let full = self.words.help == Some(Help::Full) || self.path.is_empty();
                ui.out(&help::text(self.program, &self.path, full, ui.paint.is_on()))?;
                return Ok(Exit::Done);
            }
        };
        let verb = self.path[self.path.len() - 1]; // a leaf was found at the end of the path
        argv::check_count(
            &self.command,
            &self.full_name(),
            &help::usage(self.program, &self.path),
            self.words.positionals.len(),
        )?;
        let matches = self
            .command
            .try_get_matches_from_mut(self.words.for_clap())
            .map_err(|error| self.refused(&error))?;
        let flags =
            GlobalArgs::from_arg_matches(&matches).map_err(|error| Failure::usage(error.to_string()))?;
        let settings = Settings::resolve(self.program, host, &flags)?;
        argv::check_exclusive(verb.exclusive, &self.words)?;
        // Commands without the flag have no such word.
        let progress = self.words.value("progress").and_then(|text| parse::progress(text).ok());
        let name = self.full_name();
        let session = Session {
            host,
            settings: &settings,
            ui,
            progress: progress.unwrap_or_default(),
            given: self.words.given.iter().cloned().collect::<BTreeSet<_>>(),
            command: name.split_once(' ').map_or_else(String::new, |(_, rest)| rest.to_string()),
        };
        leaf.run(&matches, &session)
    }

    /// clap's refusal in Helm's words.
    fn refused(&self, error: &clap::Error) -> Failure {
        let text = |kind| match error.get(kind) {
            Some(ContextValue::String(text)) => text.clone(),
            _ => String::new(),
        };
        match error.kind() {
            ErrorKind::ValueValidation | ErrorKind::InvalidValue => {
                // clap names the flag as in its usage: `--output <FORMAT>`.
                let shown = text(ContextKind::InvalidArg);
                let name = shown.trim_start_matches('-').split([' ', '=', '[', '<']).next().unwrap_or("");
                let reason = match (std::error::Error::source(error), error.get(ContextKind::ValidValue)) {
                    (Some(source), _) => source.to_string(),
                    (None, Some(ContextValue::Strings(known))) => {
                        format!("must be {}", crate::diag::list(known, "or"))
                    }
                    _ => "invalid value".to_string(),
                };
                argv::refused_value(&self.command, name, &text(ContextKind::InvalidValue), &reason)
            }
            ErrorKind::MissingRequiredArgument => {
                let missing = match error.get(ContextKind::InvalidArg) {
                    Some(ContextValue::Strings(names)) => names.join(", "),
                    _ => String::new(),
                };
                Failure::usage(format!("the following required arguments were not provided: {missing}"))
            }
            _ => {
                let line = error.to_string();
                let line = line.lines().next().unwrap_or_default().trim_start_matches("error: ").to_string();
                Failure::usage(line)
            }
        }
    }
}

/// `bowline repo add` for a path.
fn full_name(program: Program, path: &[&'static Verb]) -> String {
    let names = path.iter().map(|verb| verb.name);
    std::iter::once(program.name()).chain(names).collect::<Vec<_>>().join(" ")
}

/// Takes the command's name out of the words, wherever between the global flags it stands.
fn find_command(program: Program, words: Vec<String>) -> Result<(Vec<&'static Verb>, Vec<String>), Failure> {
    let mut path: Vec<&'static Verb> = Vec::new();
    let mut rest: Vec<String> = Vec::new();
    let mut help = false;
    let mut words = words.into_iter().peekable();
    // Only built when a flag stands before the command, to know whether the next word is its value.
    let mut globals: Option<clap::Command> = None;
    while let Some(word) = words.next() {
        let group = path.last().map_or(VERBS, |verb| verb.children());
        if group.is_empty() || word == "--" {
            rest.push(word);
            rest.extend(words);
            break;
        }
        if word.len() > 1 && word.starts_with('-') {
            let globals = globals.get_or_insert_with(help::root_for_parsing);
            let takes_next = argv::takes_next(globals, &word).unwrap_or_else(|| {
                words.peek().is_some_and(|next| commands::find(group, next, program).is_none())
            });
            rest.push(word);
            if takes_next {
                rest.extend(words.next());
            }
            continue;
        }
        if path.is_empty() && !help && word == "help" {
            help = true;
            continue;
        }
        if let Some(verb) = commands::find(group, &word, program) {
            path.push(verb);
            continue;
        }
        match path.last().map(|verb| &verb.body) {
            // `get web` is a release's name, `get vlues web` a slip of the hand.
            Some(Body::Group { fallback: Some(fallback), .. })
                if !help && (nearest(group, &word).is_none() || words.peek().is_none()) =>
            {
                path.push(fallback);
                rest.push(word);
                rest.extend(words);
                break;
            }
            _ => return Err(unknown_command(program, &path, group, &word)),
        }
    }
    if help {
        rest = vec!["--help".to_string()];
    }
    // `search --versions web`: the word behind the flag may be its value, but there is one.
    if let Some(Body::Group { fallback: Some(fallback), .. }) = path.last().map(|verb| &verb.body)
        && rest.iter().any(|word| !word.starts_with('-'))
    {
        path.push(fallback);
    }
    Ok((path, rest))
}

/// The command of a table whose name is close to a word.
fn nearest(group: &'static [&'static Verb], word: &str) -> Option<&'static str> {
    did_you_mean(word, group.iter().flat_map(|verb| verb.aliases.iter().copied().chain([verb.name])))
}

fn unknown_command(
    program: Program,
    path: &[&'static Verb],
    group: &'static [&'static Verb],
    word: &str,
) -> Failure {
    let name = full_name(program, path);
    let failure = Failure::usage(format!(
        "unknown command {} for \"{name}\"\nRun '{name} --help' for usage.",
        parse::quote(word)
    ));
    let advice = || nearest(group, word).map(|best| format!("did you mean `{best}`?"));
    let gone = match path {
        [] => gone::command(word),
        [.., group] => gone::below(group.name, word),
    };
    match gone.map(str::to_string).or_else(advice) {
        Some(advice) => failure.hint(advice),
        None => failure,
    }
}

#[cfg(test)]
mod tests;
