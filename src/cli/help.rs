//! Help texts and the reference text, all from the table of commands.
//!
//! Invariant: nothing is written twice: a flag's line comes from its declaration, a command's from its [`Verb`].

use std::fmt::Write as _;

use clap::builder::Styles;
use clap::{Arg, ArgAction, Args, Command};

use super::args::GlobalArgs;
use super::commands::{Body, VERBS, Verb};
use super::error::EXIT_CODES;
use super::full_name;
use super::progress::json::SCHEMA;
use super::settings::Program;
use crate::sys::env_vars::VARIABLES;

#[cfg(test)]
const ABOUT: &str = "A package manager for Kubernetes";

const LONG: &str = "\
bowline makes packages of Kubernetes manifests (charts), renders them with values, serves and reads chart
repositories, and installs charts as releases whose every revision is recorded.

It works at once: without a Kubernetes cluster, releases live in a SQLite file on this machine. Charts, values,
repositories and releases are those of Helm; charts may be written in Go templates or in Tera.";

const EXAMPLES: &str = "\
# Make a chart, look at what it renders to, install it
bowline create web
bowline template web ./web
bowline install web ./web

# What is installed, and how it came to be
bowline list
bowline history web";

/// The root without its commands: the flags that may stand before a command.
pub fn root_for_parsing() -> Command {
    let mut command = GlobalArgs::augment_args(Command::new("bowline"))
        .mut_args(|arg| {
            let takes_value = arg.get_action().takes_values();
            if takes_value { arg.allow_hyphen_values(true) } else { arg }
        })
        .arg(
            Arg::new("version")
                .long("version")
                .short('V')
                .action(ArgAction::SetTrue)
                .help("Print the version"),
        )
        .no_binary_name(true)
        .disable_help_flag(true)
        .disable_version_flag(true);
    command.build();
    command
}

/// The usage line of a command: `bowline install [NAME] CHART [flags]`.
pub fn usage(program: Program, path: &[&'static Verb]) -> String {
    let name = full_name(program, path);
    match path.last() {
        Some(verb) if matches!(verb.body, Body::Leaf(_)) && !verb.positionals.is_empty() => {
            format!("{name} {} [flags]", verb.positionals)
        }
        Some(verb) if matches!(verb.body, Body::Leaf(_)) => format!("{name} [flags]"),
        _ => format!("{name} COMMAND [flags]"),
    }
}

/// The help of a command or a group; `full` shows the global options too.
pub fn text(program: Program, path: &[&'static Verb], full: bool, coloured: bool) -> String {
    let mut command = described(program, path);
    if full || path.is_empty() {
        command = GlobalArgs::augment_args(command).about(unwrapped(long(path)));
    } else {
        let name = full_name(program, path);
        command = command
            .after_help(format!("{}\n\nGlobal options: {name} --help", unwrapped(&after(program, path))));
    }
    if !coloured {
        command = command.styles(Styles::plain());
    }
    let drawn = command.render_help();
    let drawn = if coloured { drawn.ansi().to_string() } else { drawn.to_string() };
    drawn.replace(HELD, " ")
}

fn after(program: Program, path: &[&'static Verb]) -> String {
    let (aliases, examples) = path.last().map_or((&[][..], EXAMPLES), |verb| (verb.aliases, verb.examples));
    let mut text = String::new();
    if !aliases.is_empty() {
        let _ = write!(text, "Other names: {}\n\n", aliases.join(", "));
    }
    text.push_str("Examples:");
    for line in examples.lines() {
        let line = if program.as_helm { line.replace("bowline ", "helm ") } else { line.to_string() };
        let _ = write!(text, "\n{}", format!("  {line}").trim_end());
    }
    if path.last().is_some_and(|verb| tells_progress(verb)) {
        let _ = write!(text, "\n\n{SCHEMA}");
    }
    text
}

/// Whether a command has `--progress`.
fn tells_progress(verb: &Verb) -> bool {
    verb.clap().get_arguments().any(|argument| argument.get_id() == "progress")
}

fn long(path: &[&'static Verb]) -> &'static str {
    path.last().map_or(LONG, |verb| verb.long)
}

/// A space that clap wraps no line at; [`text`] makes it a plain one again.
const HELD: &str = "\u{a0}";

/// Paragraphs as one line each, so that they are wrapped for the terminal at hand; indented lines stay as they are.
fn unwrapped(text: &str) -> String {
    let mut joined = String::new();
    let mut flows = false;
    for line in text.lines() {
        let indented = line.starts_with(' ');
        let goes_on = flows && !indented && !line.is_empty();
        if !joined.is_empty() {
            joined.push_str(if goes_on { " " } else { "\n" });
        }
        joined.push_str(&if indented { line.replace(' ', HELD) } else { line.to_string() });
        flows = !indented && !line.is_empty();
    }
    joined
}

/// One command as help shows it: its own flags, its long text, its children.
fn described(program: Program, path: &[&'static Verb]) -> Command {
    let (command, children) = match path.last() {
        Some(verb) => (verb.clap(), verb.children()),
        None => (Command::new(program.name()), VERBS),
    };
    let children = children.iter().map(|verb| Command::new(verb.name).about(verb.about));
    command
        .bin_name(full_name(program, path))
        .about(unwrapped(long(path)))
        .override_usage(usage(program, path))
        .after_help(unwrapped(&after(program, path)))
        .disable_version_flag(true)
        .disable_help_subcommand(true)
        .subcommand_value_name("COMMAND")
        .max_term_width(100)
        .subcommands(children)
}

/// The whole tree, for clap's own checks of it.
#[cfg(test)]
fn tree(program: Program) -> Command {
    fn with_children(mut command: Command, verbs: &'static [&'static Verb]) -> Command {
        for verb in verbs {
            let child = verb.clap().visible_aliases(verb.aliases.iter().copied());
            command = command.subcommand(with_children(child, verb.children()));
        }
        command
    }
    let root = Command::new(program.name()).disable_version_flag(true);
    let root = GlobalArgs::augment_args(with_children(root, VERBS)).about(ABOUT);
    root.mut_args(|arg| if arg.is_positional() { arg } else { arg.global(true) })
}

/// The reference text: every command, flag, variable and exit code, in Markdown.
pub fn reference() -> String {
    let program = Program { as_helm: false };
    let mut text = String::from(
        "# bowline: reference\n\nGenerated from the command table; `BOWLINE_UPDATE=1 cargo test reference` writes it anew.\n",
    );
    let _ = write!(text, "\n{LONG}\n\n## Commands\n\n| command | what it does |\n|---|---|\n");
    for_each(VERBS, &mut Vec::new(), &mut |path| {
        let Some(verb) = path.last() else { return };
        let name = full_name(program, path);
        let _ = writeln!(text, "| `{}` | {} |", name.trim_start_matches("bowline "), verb.about);
    });
    for_each(VERBS, &mut Vec::new(), &mut |path| text.push_str(&section(program, path)));
    text.push_str("\n## Global options\n\n");
    text.push_str(&flag_table(&GlobalArgs::augment_args(Command::new("bowline"))));
    let _ = write!(text, "\n## Progress\n\n```text\n{SCHEMA}\n```\n");
    text.push_str(
        "\n## Environment variables\n\n| variable | under the name `helm` | effect |\n|---|---|---|\n",
    );
    for variable in VARIABLES {
        let helm = if variable.helm.is_empty() { String::new() } else { format!("`{}`", variable.helm) };
        let _ = writeln!(text, "| `{}` | {helm} | {} |", variable.name, variable.effect);
    }
    text.push_str("\n## Exit codes\n\n| code | meaning |\n|---|---|\n");
    for (_, code, meaning) in EXIT_CODES {
        let _ = writeln!(text, "| {code} | {meaning} |");
    }
    text.push_str(
        "\nUnder the name `helm`, every code but 0 is 1.\n\nWith `-o json` or `-o yaml`, a failure prints one object on \
         standard output as well:\n`{\"error\": TEXT, \"causes\": [TEXT], \"at\": \"FILE:LINE:COLUMN\", \"hints\": [TEXT], \
         \"exit_code\": N}`;\n`causes` and `at` are left out when there are none.\n",
    );
    text
}

fn for_each(
    verbs: &'static [&'static Verb],
    path: &mut Vec<&'static Verb>,
    see: &mut impl FnMut(&[&'static Verb]),
) {
    for verb in verbs {
        path.push(verb);
        see(path);
        for_each(verb.children(), path, see);
        path.pop();
    }
}

fn section(program: Program, path: &[&'static Verb]) -> String {
    let Some(verb) = path.last() else { return String::new() };
    let mut text = format!("\n## {}\n\n{}\n", full_name(program, path), verb.long.trim());
    let _ = write!(text, "\n```text\n{}\n```\n", usage(program, path));
    if !verb.aliases.is_empty() {
        let aliases: Vec<String> = verb.aliases.iter().map(|alias| format!("`{alias}`")).collect();
        let _ = write!(text, "\nOther names: {}\n", aliases.join(", "));
    }
    let _ = write!(text, "\n```sh\n{}\n```\n", verb.examples.trim());
    let table = flag_table(&verb.clap());
    if !table.is_empty() {
        let _ = write!(text, "\n{table}");
    }
    text
}

/// A table of a command's visible flags, sorted by name.
fn flag_table(command: &Command) -> String {
    let mut flags: Vec<&Arg> = command
        .get_arguments()
        .filter(|arg| !arg.is_positional() && !arg.is_hide_set() && arg.get_long().is_some())
        .collect();
    if flags.is_empty() {
        return String::new();
    }
    flags.sort_by_key(|arg| arg.get_long());
    let mut text = String::from("| flag | default | what it does |\n|---|---|---|\n");
    for arg in flags {
        let long = arg.get_long().unwrap_or_default();
        let mut name = arg.get_short().map_or_else(String::new, |short| format!("-{short}, "));
        let _ = write!(name, "--{long}");
        if arg.get_action().takes_values() {
            let value = arg.get_value_names().and_then(|names| names.first()).map_or("VALUE", |name| name);
            let optional = arg.get_num_args().is_some_and(|range| range.min_values() == 0);
            let _ = if optional { write!(name, "[={value}]") } else { write!(name, " {value}") };
        }
        let default = match arg.get_default_values().first() {
            Some(value) if arg.get_action().takes_values() => format!("`{}`", value.to_string_lossy()),
            _ => String::new(),
        };
        let what = arg.get_help().map_or_else(String::new, ToString::to_string);
        let _ =
            writeln!(text, "| `{}` | {default} | {} |", name.replace('|', "\\|"), what.replace('|', "\\|"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::args::GLOBAL_HEADING;

    const PROGRAM: Program = Program { as_helm: false };

    #[test]
    fn global_options_come_with_the_full_help_only() {
        let list = VERBS.iter().find(|verb| verb.name == "list").copied().into_iter().collect::<Vec<_>>();
        let short = text(PROGRAM, &list, false, false);
        let full = text(PROGRAM, &list, true, false);
        assert!(!short.contains("--kube-context") && full.contains("--kube-context"), "{short}");
        assert!(full.contains(GLOBAL_HEADING) && short.contains("Usage: bowline list"), "{short}");
    }

    #[test]
    fn indented_lines_stay_as_they_are() {
        let path =
            |name: &str| VERBS.iter().find(|verb| verb.name == name).copied().into_iter().collect::<Vec<_>>();
        let serve = text(PROGRAM, &path("serve"), true, false);
        assert!(serve.contains("\n  rules:\n  - users: [ci, \"release-*\"]\n    repositories: "), "{serve}");
        let install = text(PROGRAM, &path("install"), true, false);
        let table = SCHEMA.lines().filter(|line| line.starts_with(' ')).collect::<Vec<_>>().join("\n");
        assert!(install.contains(&table), "{install}");
        for path in VERBS.iter().map(|verb| vec![*verb]) {
            let help = text(PROGRAM, &path, true, false);
            let long = help.lines().find(|line| line.chars().count() > 100 && !line.starts_with(' '));
            assert_eq!(long, None, "{help}");
        }
        assert_eq!(unwrapped("a\nb\n  c d\ne\n\n  f"), "a b\n\u{a0}\u{a0}c\u{a0}d\ne\n\n\u{a0}\u{a0}f");
    }

    #[test]
    fn the_tree_is_sound() {
        tree(PROGRAM).debug_assert();
    }

    #[test]
    fn reference_is_up_to_date() {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/cli/reference.md");
        if std::env::var_os("BOWLINE_UPDATE").is_some() {
            std::fs::write(&path, reference()).unwrap();
        }
        let written = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            written == reference(),
            "run `BOWLINE_UPDATE=1 cargo test reference` and look at the difference"
        );
    }
}
