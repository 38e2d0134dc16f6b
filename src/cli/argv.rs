//! The words of the command line, read by the rules that Helm's users know.
//!
//! Helm's flag library differs from clap: a boolean takes a value only after `=`, so does a flag whose value is
//! optional; a flag that wants a value takes the next word whatever it looks like; one-letter flags can be bundled; a
//! negative number is a bundle of letters; and scripts match the error texts. So the words are read here first, against
//! the flags that the command declares to clap, and handed to clap in one plain form: `--name=value … -- positionals`.
//!
//! Invariant: nothing here knows any flag by name, except the few that are deprecated.

use clap::builder::ValueParser;
use clap::{Arg, ArgAction, Command};

use super::error::Failure;
use super::{gone, parse};
use crate::diag::did_you_mean;

/// Flags that still work under their old names, and what Helm says about them.
const DEPRECATED: &[(&str, &str)] = &[
    ("atomic", "use --rollback-on-failure instead"),
    ("force", "use --force-replace instead"),
    ("validate", "use '--dry-run=server' instead"),
];

/// What the words say, before their values are typed.
#[derive(Debug, Default)]
pub struct Words {
    /// Flags as `--name=value` (or `--name`), one for each time that counts, in their order.
    pub flags: Vec<String>,
    /// Names of the flags that were given, without dashes.
    pub given: Vec<String>,
    /// Everything that is no flag.
    pub positionals: Vec<String>,
    /// Lines about deprecated flags.
    pub notes: Vec<String>,
    /// Whether `--help` or `-h` was among them; `--help` asks for the global options too.
    pub help: Option<Help>,
}

/// Which help was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Help {
    /// `-h`: the command's own options.
    Short,
    /// `--help` and `bowline help COMMAND`: the global ones too.
    Full,
}

impl Words {
    /// The words in clap's form.
    pub fn for_clap(&self) -> impl Iterator<Item = String> {
        self.flags
            .iter()
            .cloned()
            .chain(std::iter::once("--".to_string()))
            .chain(self.positionals.iter().cloned())
    }

    /// The last value given to a flag.
    pub fn value(&self, name: &str) -> Option<&str> {
        let prefix = format!("--{name}=");
        self.flags.iter().rev().find_map(|flag| flag.strip_prefix(&prefix))
    }

    /// Whether a flag was given at all, in whatever spelling.
    pub fn was_given(&self, name: &str) -> bool {
        self.given.iter().any(|given| given == name)
    }
}

/// What a flag does with a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Takes {
    /// A boolean: a value only after `=`.
    Switch,
    /// Has a meaning of its own when it stands alone: a value only after `=`.
    Optional,
    /// Always a value: after `=`, or the next word.
    Value,
}

fn takes(arg: &Arg) -> Takes {
    if matches!(arg.get_action(), ArgAction::SetTrue | ArgAction::SetFalse) {
        Takes::Switch
    } else if arg.get_num_args().is_some_and(|range| range.min_values() == 0) {
        Takes::Optional
    } else {
        Takes::Value
    }
}

/// The flag's own name: what clap knows it by.
fn long_name(arg: &Arg) -> &str {
    arg.get_long().unwrap_or_else(|| arg.get_id().as_str())
}

fn by_long<'a>(command: &'a Command, name: &str) -> Option<&'a Arg> {
    command.get_arguments().find(|arg| {
        arg.get_long() == Some(name) || arg.get_all_aliases().is_some_and(|aliases| aliases.contains(&name))
    })
}

fn by_short(command: &Command, letter: char) -> Option<&Arg> {
    command.get_arguments().find(|arg| {
        arg.get_short() == Some(letter)
            || arg.get_all_short_aliases().is_some_and(|aliases| aliases.contains(&letter))
    })
}

/// Whether a flag before the command's name has its value in the next word; `None` when the flag is none of `command`'s.
pub fn takes_next(command: &Command, word: &str) -> Option<bool> {
    if word.contains('=') {
        return Some(false);
    }
    if let Some(name) = word.strip_prefix("--") {
        if name == "help" {
            return Some(false);
        }
        return by_long(command, name).map(|arg| takes(arg) == Takes::Value);
    }
    let mut letters = word.chars().skip(1);
    let first = letters.next()?;
    if first == 'h' {
        return Some(false);
    }
    by_short(command, first).map(|arg| takes(arg) == Takes::Value && letters.next().is_none())
}

/// Whether a flag's value is a path. An empty one counts as not given, as in Helm: scripts write `--ca-file "$CA"`.
fn is_path(arg: &Arg) -> bool {
    arg.get_value_parser().type_id() == ValueParser::path_buf().type_id()
}

/// How messages name a flag: `-o, --output`, or `--debug`.
pub fn display_name(arg: &Arg) -> String {
    match arg.get_short() {
        Some(short) => format!("-{short}, --{}", long_name(arg)),
        None => format!("--{}", long_name(arg)),
    }
}

fn refused(value: &str, arg: &Arg, reason: &str) -> Failure {
    let failure = Failure::usage(format!(
        "invalid argument {} for {} flag: {reason}",
        parse::quote(value),
        // Go quotes the name too; names hold nothing to escape.
        parse::quote(&display_name(arg)),
    ));
    // Helm 2 counted seconds.
    let is_duration = parse::duration(value).is_err_and(|error| error == reason);
    if is_duration && parse::duration(&format!("{value}s")).is_ok() {
        return failure.hint(format!("a duration has units: {value}s, 5m or 1h30m"));
    }
    failure
}

/// The failure for a value that clap's parser for it refused.
pub fn refused_value(command: &Command, name: &str, value: &str, reason: &str) -> Failure {
    match by_long(command, name) {
        Some(arg) => refused(value, arg, reason),
        None => Failure::usage(format!("invalid argument {}: {reason}", parse::quote(value))),
    }
}

/// Reads all words of one command. `command` must be built and have the global flags among its own.
///
/// # Errors
/// A flag is unknown, lacks its value, or is a boolean with something else than one.
pub fn read(command: &Command, words: impl IntoIterator<Item = String>) -> Result<Words, Failure> {
    let mut reader = Reader { command, read: Words::default(), switches: Vec::new() };
    let mut words = words.into_iter();
    while let Some(word) = words.next() {
        if word == "--" {
            reader.read.positionals.extend(words.by_ref());
        } else if let Some(flag) = word.strip_prefix("--") {
            reader.long(&word, flag, &mut words)?;
        } else if word.len() > 1 && word.starts_with('-') {
            reader.bundle(&word, &mut words)?;
        } else {
            reader.read.positionals.push(word);
        }
    }
    Ok(reader.finish())
}

struct Reader<'a> {
    command: &'a Command,
    read: Words,
    /// Booleans in their order: the last one counts, so that `--debug --debug=false` is off.
    switches: Vec<(String, bool)>,
}

impl Reader<'_> {
    fn long(
        &mut self,
        word: &str,
        flag: &str,
        rest: &mut impl Iterator<Item = String>,
    ) -> Result<(), Failure> {
        if flag.starts_with('-') || flag.starts_with('=') {
            return Err(Failure::usage(format!("bad flag syntax: {word}")));
        }
        let (name, value) = flag.split_once('=').map_or((flag, None), |(name, value)| (name, Some(value)));
        let Some(arg) = by_long(self.command, name) else {
            if name == "help" {
                self.read.help = Some(Help::Full);
                return Ok(());
            }
            let known = self.command.get_arguments().filter(|arg| !arg.is_hide_set());
            let failure = Failure::usage(format!("unknown flag: --{name}"));
            if let Some(advice) = gone::flag(self.command.get_name(), name) {
                return Err(failure.hint(advice));
            }
            return Err(match did_you_mean(name, known.filter_map(Arg::get_long)) {
                Some(best) => failure.hint(format!("did you mean `--{best}`?")),
                None => failure,
            });
        };
        match (takes(arg), value) {
            (Takes::Switch, None) => self.switch(name, arg, true),
            (Takes::Switch, Some(value)) => {
                let on = parse::boolean(value).map_err(|reason| refused(value, arg, &reason))?;
                self.switch(name, arg, on);
            }
            (Takes::Optional, None) => self.push(name, arg, None),
            (_, Some(value)) => self.push(name, arg, Some(value)),
            (Takes::Value, None) => {
                let value =
                    rest.next().ok_or_else(|| Failure::usage(format!("flag needs an argument: --{name}")))?;
                self.push(name, arg, Some(&value));
            }
        }
        Ok(())
    }

    /// One-letter flags in one word: `-qA`, `-ojson`, `-o=json`, `-o json`.
    fn bundle(&mut self, word: &str, rest: &mut impl Iterator<Item = String>) -> Result<(), Failure> {
        let mut letters = &word[1..]; // `word` starts with a one-byte dash
        while let Some(letter) = letters.chars().next() {
            let bundle = letters;
            letters = &letters[letter.len_utf8()..];
            let Some(arg) = by_short(self.command, letter) else {
                if letter == 'h' {
                    self.read.help.get_or_insert(Help::Short);
                    continue;
                }
                return Err(Failure::usage(format!("unknown shorthand flag: '{letter}' in -{bundle}")));
            };
            let name = long_name(arg);
            let value = letters.strip_prefix('=');
            match takes(arg) {
                Takes::Switch => {
                    let on = match value {
                        Some(value) => {
                            letters = "";
                            parse::boolean(value).map_err(|reason| refused(value, arg, &reason))?
                        }
                        None => true,
                    };
                    self.switch(name, arg, on);
                }
                Takes::Optional if value.is_none() => self.push(name, arg, None),
                _ if !letters.is_empty() => {
                    self.push(name, arg, Some(value.unwrap_or(letters)));
                    letters = "";
                }
                _ => {
                    let value = rest.next().ok_or_else(|| {
                        Failure::usage(format!("flag needs an argument: '{letter}' in -{bundle}"))
                    })?;
                    self.push(name, arg, Some(&value));
                }
            }
        }
        Ok(())
    }

    fn note(&mut self, typed: &str, arg: &Arg) {
        let name = long_name(arg).to_string();
        if let Some((_, advice)) = DEPRECATED.iter().find(|(old, _)| *old == typed) {
            self.read.notes.push(format!("Flag --{typed} has been deprecated, {advice}"));
        }
        if !self.read.given.contains(&name) {
            self.read.given.push(name);
        }
    }

    fn switch(&mut self, typed: &str, arg: &Arg, on: bool) {
        self.note(typed, arg);
        self.switches.push((long_name(arg).to_string(), on));
    }

    fn push(&mut self, typed: &str, arg: &Arg, value: Option<&str>) {
        let name = long_name(arg);
        if value == Some("") && is_path(arg) {
            let prefix = format!("--{name}=");
            self.read.flags.retain(|flag| !flag.starts_with(&prefix));
            self.read.given.retain(|given| given != name);
            return;
        }
        self.note(typed, arg);
        self.read.flags.push(match value {
            Some(value) => format!("--{name}={value}"),
            None => format!("--{name}"),
        });
    }

    fn finish(mut self) -> Words {
        let mut seen = Vec::new();
        for (name, on) in self.switches.into_iter().rev() {
            if !seen.contains(&name) {
                if on {
                    self.read.flags.push(format!("--{name}"));
                }
                seen.push(name);
            }
        }
        self.read
    }
}

/// How many positionals a built command takes: at least, and at most when there is a limit.
fn arity(command: &Command) -> (usize, Option<usize>) {
    command.get_positionals().fold((0, Some(0)), |(least, most), arg| {
        let range = arg.get_num_args().unwrap_or_else(|| 1.into());
        let one = if arg.is_required_set() { range.min_values().max(1) } else { 0 };
        let many = range.max_values() > 1 || matches!(arg.get_action(), ArgAction::Append);
        (least + one, most.filter(|_| !many).map(|most| most + 1))
    })
}

/// What Helm writes behind a command where it tells how many arguments that takes; scripts compare the whole line.
const HELMS_ARGUMENTS: [(&str, &str); 28] = [
    ("dependency build", "CHART"),
    ("dependency list", "CHART"),
    ("dependency update", "CHART"),
    ("env", ""),
    ("get all", "RELEASE_NAME"),
    ("get hooks", "RELEASE_NAME"),
    ("get manifest", "RELEASE_NAME"),
    ("get metadata", "RELEASE_NAME"),
    ("get notes", "RELEASE_NAME"),
    ("get values", "RELEASE_NAME"),
    ("history", "RELEASE_NAME"),
    ("install", "[NAME] [CHART]"),
    ("lint", "PATH"),
    ("package", "[CHART_PATH] [...]"),
    ("pull", "[chart URL | repo/chartname] [...]"),
    ("push", "[chart] [remote]"),
    ("registry login", "[host]"),
    ("registry logout", "[host]"),
    ("repo add", "[NAME] [URL]"),
    ("repo index", "[DIR]"),
    ("repo remove", "[REPO1 [REPO2 ...]]"),
    ("rollback", "<RELEASE> [REVISION]"),
    ("status", "RELEASE_NAME"),
    ("template", "[NAME] [CHART]"),
    ("test", "[RELEASE]"),
    ("uninstall", "RELEASE_NAME [...]"),
    ("upgrade", "[RELEASE] [CHART]"),
    ("verify", "PATH"),
];

/// Commands for which Helm lets further arguments pass unseen. They are refused here, but too few are told in its words.
const HELMS_OPEN: [&str; 3] = ["push", "registry login", "registry logout"];

/// The line behind `Usage:` as Helm has it, where `path` is a command of Helm's.
fn helms_usage(path: &str, usage: &str) -> String {
    let (_, words) = path.split_once(' ').unwrap_or_default();
    let shown = match words.strip_prefix("show ") {
        Some(_) => Some("[CHART]"),
        None => HELMS_ARGUMENTS.iter().find(|(command, _)| *command == words).map(|(_, shown)| *shown),
    };
    match shown {
        Some("") => format!("{path} [flags]"),
        Some(shown) => format!("{path} {shown} [flags]"),
        None => usage.to_string(),
    }
}

/// Checks the number of positionals; `path` is the command as typed in full, `usage` what follows `Usage:`.
///
/// # Errors
/// There are too few or too many, in Helm's words.
pub fn check_count(command: &Command, path: &str, usage: &str, count: usize) -> Result<(), Failure> {
    let (least, most) = arity(command);
    let plural = |n: usize| if n == 1 { "argument" } else { "arguments" };
    let is_open = path.split_once(' ').is_some_and(|(_, words)| HELMS_OPEN.contains(&words));
    let wants = match most {
        Some(0) if count > 0 => "accepts no arguments".to_string(),
        Some(most) if most == least && count != least && !(count < least && is_open) => {
            format!("requires {least} {}", plural(least))
        }
        _ if count < least => format!("requires at least {least} {}", plural(least)),
        Some(most) if count > most => format!("accepts at most {most} {}", plural(most)),
        _ => return Ok(()),
    };
    Err(Failure::usage(format!("\"{path}\" {wants}\n\nUsage:  {}", helms_usage(path, usage))))
}

/// Checks the groups of flags of which only one may be given.
///
/// # Errors
/// Two of one group were given.
pub fn check_exclusive(groups: &[&[&str]], words: &Words) -> Result<(), Failure> {
    for group in groups {
        let mut set: Vec<&str> = group.iter().copied().filter(|name| words.was_given(name)).collect();
        if set.len() > 1 {
            set.sort_unstable();
            return Err(Failure::usage(format!(
                "if any flags in the group [{}] are set none of the others can be; [{}] were all set",
                group.join(" "),
                set.join(" ")
            )));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Arg;

    fn command() -> Command {
        let mut command = Command::new("t")
            .disable_help_flag(true)
            .arg(Arg::new("quiet").long("quiet").short('q').action(ArgAction::SetTrue))
            .arg(Arg::new("all").long("all").short('A').action(ArgAction::SetTrue))
            .arg(Arg::new("output").long("output").short('o'))
            .arg(Arg::new("set").long("set").action(ArgAction::Append))
            .arg(
                Arg::new("wait").long("wait").num_args(0..=1).require_equals(true).default_missing_value("w"),
            )
            .arg(Arg::new("force").long("force-replace").alias("force").action(ArgAction::SetTrue))
            .arg(Arg::new("name"))
            .arg(Arg::new("rest").action(ArgAction::Append).num_args(1..));
        command.build();
        command
    }

    fn words(line: &str) -> Result<(Vec<String>, Vec<String>), String> {
        read(&command(), line.split(' ').filter(|word| !word.is_empty()).map(str::to_string))
            .map(|read| (read.flags, read.positionals))
            .map_err(|failure| failure.message().to_string())
    }

    #[expect(clippy::unnecessary_wraps, reason = "it stands beside errors in a table")]
    fn ok(flags: &[&str], positionals: &[&str]) -> Result<(Vec<String>, Vec<String>), String> {
        let own = |items: &[&str]| items.iter().map(ToString::to_string).collect();
        Ok((own(flags), own(positionals)))
    }

    #[test]
    fn flags_are_read_as_pflag_reads_them() {
        for (line, expected) in [
            ("a -q b", ok(&["--quiet"], &["a", "b"])),
            ("-qA", ok(&["--all", "--quiet"], &[])),
            ("-qojson", ok(&["--output=json", "--quiet"], &[])),
            ("-o=json", ok(&["--output=json"], &[])),
            ("-o json x", ok(&["--output=json"], &["x"])),
            ("--output --quiet", ok(&["--output=--quiet"], &[])),
            ("--quiet false", ok(&["--quiet"], &["false"])),
            ("--quiet=false", ok(&[], &[])),
            ("--quiet --quiet=0", ok(&[], &[])),
            ("-q=false", ok(&[], &[])),
            ("--wait watcher", ok(&["--wait"], &["watcher"])),
            ("--wait=watcher", ok(&["--wait=watcher"], &[])),
            ("--set a=b,c --set x", ok(&["--set=a=b,c", "--set=x"], &[])),
            ("-- -q --bogus", ok(&[], &["-q", "--bogus"])),
            ("- a", ok(&[], &["-", "a"])),
            ("--bogus", Err("unknown flag: --bogus".into())),
            ("-qc", Err("unknown shorthand flag: 'c' in -c".into())),
            ("r -1", Err("unknown shorthand flag: '1' in -1".into())),
            ("--output", Err("flag needs an argument: --output".into())),
            ("-qo", Err("flag needs an argument: 'o' in -o".into())),
            ("--=x", Err("bad flag syntax: --=x".into())),
            ("---x", Err("bad flag syntax: ---x".into())),
            (
                "--quiet=x",
                Err("invalid argument \"x\" for \"-q, --quiet\" flag: strconv.ParseBool: parsing \"x\": \
                     invalid syntax"
                    .into()),
            ),
        ] {
            assert_eq!(words(line), expected, "{line}");
        }
    }

    #[test]
    fn old_names_work_and_are_noted() {
        let read = read(&command(), ["--force".to_string()]).unwrap();
        assert_eq!(read.flags, ["--force-replace"]);
        assert_eq!(read.notes, ["Flag --force has been deprecated, use --force-replace instead"]);
        assert!(read.was_given("force-replace"));
    }

    #[test]
    fn exclusive_flags_are_told_in_both_orders() {
        let read = read(&command(), ["--quiet".to_string(), "--all".to_string()]).unwrap();
        let failure = check_exclusive(&[&["quiet", "all"]], &read).unwrap_err();
        assert_eq!(
            failure.message(),
            "if any flags in the group [quiet all] are set none of the others can be; [all quiet] were all set"
        );
    }

    #[test]
    fn every_deprecated_flag_is_named_once() {
        assert!(DEPRECATED.is_sorted_by_key(|(name, _)| *name));
    }
}
