//! The program in its own process: words in, streams and exit code out.

use std::ffi::OsString;
use std::path::PathBuf;

use super::commands::create::CreateArgs;
use super::commands::delete::DeleteArgs;
use super::commands::get::all::AllArgs;
use super::commands::install::InstallArgs;
use super::commands::list::ListArgs;
use super::commands::pull::PullArgs;
use super::commands::search::repo::RepoArgs;
use super::commands::serve::ServeArgs;
use super::commands::show::all::ShowAllArgs;
use super::commands::template::TemplateArgs;
use super::commands::uninstall::UninstallArgs;
use super::commands::upgrade::UpgradeArgs;
use super::parse::ProgressMode;
use super::settings::fixed;
use super::ui::captured;
use super::*;
use crate::chart::scaffold::Language;
use crate::fetch::Provenance;
use crate::ops::options::{Crds, DryRun, ReleaseName, WaitStrategy};
use crate::release::Sort;
use crate::values::Reuse;

fn run_as(name: &str, line: &[&str], variables: &[(&str, &str)]) -> (u8, String, String) {
    let (streams, out, err) = captured::streams();
    let words = std::iter::once(name).chain(line.iter().copied()).map(OsString::from);
    let code = run(words, fixed::host(variables), streams);
    (code, out.text(), err.text())
}

fn err(line: &str) -> String {
    let words: Vec<&str> = line.split_whitespace().collect();
    let (code, out, err) = run_as("bowline", &words, &[]);
    assert_eq!((code, out.as_str()), (1, ""), "{line}: {err}");
    err
}

#[test]
fn argument_counts_are_told_as_helm_tells_them() {
    for (line, expected) in [
        ("repo list x", "\"bowline repo list\" accepts no arguments\n\nUsage:  bowline repo list [flags]"),
        (
            "upgrade a",
            "\"bowline upgrade\" requires 2 arguments\n\nUsage:  bowline upgrade [RELEASE] [CHART] [flags]",
        ),
        (
            "install",
            "\"bowline install\" requires at least 1 argument\n\nUsage:  bowline install [NAME] [CHART] [flags]",
        ),
        (
            "push a",
            "\"bowline push\" requires at least 2 arguments\n\nUsage:  bowline push [chart] [remote] [flags]",
        ),
        (
            "push a b c",
            "\"bowline push\" requires 2 arguments\n\nUsage:  bowline push [chart] [remote] [flags]",
        ),
        (
            "rollback",
            "\"bowline rollback\" requires at least 1 argument\n\nUsage:  bowline rollback <RELEASE> [REVISION] [flags]",
        ),
        ("env A B", "\"bowline env\" accepts at most 1 argument\n\nUsage:  bowline env [flags]"),
        (
            "status a b",
            "\"bowline status\" requires 1 argument\n\nUsage:  bowline status RELEASE_NAME [flags]",
        ),
        (
            "install a b c d",
            "INSTALLATION FAILED: expected at most two arguments, unexpected arguments: c, d",
        ),
        ("package", "need at least one argument, the path to the chart"),
    ] {
        assert_eq!(err(line), format!("Error: {expected}\n"), "{line}");
    }
}

#[test]
fn refused_values_are_told_as_helm_tells_them() {
    for (line, expected) in [
        ("list -o xml", "invalid argument \"xml\" for \"-o, --output\" flag: invalid format type"),
        (
            "list --max x",
            "invalid argument \"x\" for \"-m, --max\" flag: strconv.ParseInt: parsing \"x\": invalid syntax",
        ),
        (
            "list --debug=x",
            "invalid argument \"x\" for \"--debug\" flag: strconv.ParseBool: parsing \"x\": invalid syntax",
        ),
        (
            "install a b --timeout 5",
            "invalid argument \"5\" for \"--timeout\" flag: time: missing unit in duration \"5\"\n\
             hint: a duration has units: 5s, 5m or 1h30m",
        ),
        (
            "install a b --wait=foo",
            "invalid argument \"foo\" for \"--wait\" flag: invalid wait input \"foo\". Valid inputs are watcher, \
             hookOnly, and legacy",
        ),
        (
            "template a b -f a\"b",
            "invalid argument \"a\\\"b\" for \"-f, --values\" flag: parse error on line 1, column 2: bare \\\" in \
             non-quoted-field",
        ),
        (
            "template a b -l x",
            "invalid argument \"x\" for \"-l, --labels\" flag: x must be formatted as key=value",
        ),
        (
            "template a b --dry-run=foo",
            "invalid dry-run value (\"foo\"). Must be \"none\", \"server\", or \"client\"",
        ),
        (
            "uninstall x --cascade=foo",
            "invalid cascade value (foo). Must be \"background\", \"foreground\", or \"orphan\"",
        ),
        (
            "rollback a x",
            "could not convert revision to a number: strconv.Atoi: parsing \"x\": invalid syntax\n\
             hint: a revision is a number; `history` lists those of a release",
        ),
        (
            "install a ./x --force-replace --force-conflicts",
            "if any flags in the group [force-replace force-conflicts] are set none of the others can be; \
             [force-conflicts force-replace] were all set",
        ),
        ("create a --engine x", "invalid argument \"x\" for \"--engine\" flag: must be tera or gotpl"),
        ("list --color=foo", "invalid color mode \"foo\": must be one of: never, auto, always"),
    ] {
        assert_eq!(err(line), format!("Error: {}\n", expected.replace("\\\" in", "\" in")), "{line}");
    }
}

#[test]
fn unknown_words_get_advice() {
    assert_eq!(
        err("lst"),
        "Error: unknown command \"lst\" for \"bowline\"\nRun 'bowline --help' for usage.\nhint: did you mean `list`?\n"
    );
    assert_eq!(
        err("repo lst"),
        "Error: unknown command \"lst\" for \"bowline repo\"\nRun 'bowline repo --help' for usage.\n\
         hint: did you mean `list`?\n"
    );
    assert_eq!(
        err("list --namespce x"),
        "Error: unknown flag: --namespce\nhint: did you mean `--namespace`?\n"
    );
}

#[test]
fn what_helm_2_had_is_remembered() {
    for (line, message, hint) in [
        (
            "init",
            "unknown command \"init\" for \"bowline\"\nRun 'bowline --help' for usage.",
            "nothing needs to be",
        ),
        ("delete web --tls", "unknown flag: --tls", "there is no Tiller"),
        ("test web --cleanup", "unknown flag: --cleanup", "give the tests the annotation"),
        (
            "rollback web 1 --timeout 300",
            "invalid argument \"300\" for \"--timeout\" flag: time: missing unit in duration \"300\"",
            "a duration has units: 300s, 5m or 1h30m",
        ),
    ] {
        let said = err(line);
        assert!(said.starts_with(&format!("Error: {message}\nhint: {hint}")), "{line}: {said}");
    }
    // A group's words are no commands of their own.
    assert!(!err("repo init").contains("Tiller"));
}

#[test]
fn a_mistyped_subcommand_is_no_release() {
    assert_eq!(
        err("plan install web ./web"),
        "Error: unknown command \"install\" for \"bowline plan\"\nRun 'bowline plan --help' for usage.\n\
         hint: `plan upgrade NAME CHART --install` plans an install\n"
    );
    assert_eq!(
        err("get vlues web"),
        "Error: unknown command \"vlues\" for \"bowline get\"\nRun 'bowline get --help' for usage.\n\
         hint: did you mean `values`?\n"
    );
}

#[test]
fn global_flags_stand_anywhere() {
    for line in [
        "-n x env BOWLINE_NAMESPACE",
        "--namespace=x env BOWLINE_NAMESPACE",
        "env -n x BOWLINE_NAMESPACE",
        "env BOWLINE_NAMESPACE --namespace x",
        "--debug env BOWLINE_NAMESPACE -nx",
        "-o table env BOWLINE_NAMESPACE -nx",
    ] {
        let words: Vec<&str> = line.split(' ').collect();
        let (code, out, err) = run_as("bowline", &words, &[]);
        assert_eq!((code, out.as_str(), err.as_str()), (0, "x\n", ""), "{line}");
    }
}

/// The flags that a line gives to its command, with what is said on standard error.
fn typed<A: clap::Args, T>(line: &str, act: impl FnOnce(A, &Session) -> T) -> (T, String) {
    typed_as(OWN, line, act)
}

fn typed_as<A: clap::Args, T>(
    program: Program,
    line: &str,
    act: impl FnOnce(A, &Session) -> T,
) -> (T, String) {
    let host = program.host(fixed::host(&[]));
    let mut asked = Asked::read(program, line.split(' ').map(str::to_string).collect()).unwrap();
    let matches = asked.command.try_get_matches_from_mut(asked.words.for_clap()).unwrap();
    let flags = GlobalArgs::from_arg_matches(&matches).unwrap();
    let settings = Settings::resolve(program, &host, &flags).unwrap();
    let (streams, _, err) = captured::streams();
    let ui = Ui::new(streams, ColourMode::Never, false);
    let given = asked.words.given.iter().cloned().collect();
    let session = Session {
        host: &host,
        settings: &settings,
        ui: &ui,
        progress: ProgressMode::Auto,
        given,
        command: String::new(),
    };
    let result = act(A::from_arg_matches(&matches).unwrap(), &session);
    drop(session);
    let notes: String = asked.words.notes.iter().flat_map(|note| [note.as_str(), "\n"]).collect();
    (result, notes + &err.text())
}

const OWN: Program = Program { as_helm: false };
const HELM: Program = Program { as_helm: true };

#[test]
fn delete_is_helm_2s_and_uninstall_is_helm_4s() {
    let keeps = |program, line: &str| {
        let options = if line.starts_with("uninstall") || program == HELM {
            typed_as(program, line, |args: UninstallArgs, session| args.remove.resolve(session, None)).0
        } else {
            typed_as(program, line, |args: DeleteArgs, session| {
                args.remove.resolve(session, Some(args.purge))
            })
            .0
        };
        options.unwrap().keep_history
    };
    for (program, line, expected) in [
        (OWN, "delete web", true),
        (OWN, "del web --purge", false),
        (OWN, "delete web --compat=helm4", false),
        (OWN, "uninstall web", false),
        (OWN, "uninstall web --keep-history", true),
        (HELM, "delete web", false),
        (HELM, "del web --keep-history", true),
    ] {
        assert_eq!(keeps(program, line), expected, "{line}");
    }
}

#[test]
fn lists_narrow_as_they_did_in_older_helms() {
    let list = |line: &str| typed(line, |args: ListArgs, session| args.resolve(session)).0.unwrap().0;
    assert_eq!(list("ls --deleted --deleting").statuses, ["uninstalled", "uninstalling"]);
    assert!(list("ls").statuses.is_empty());
    assert_eq!(list("ls --compat helm3").statuses, ["deployed", "failed"]);
    assert!(list("ls --compat helm3 --all").statuses.is_empty());
    assert_eq!(list("ls ^w").filter.as_deref(), Some("^w"));
    assert_eq!((list("ls -A").namespace, list("ls -n x").namespace), (None, Some("x".into())));
    assert_eq!((list("ls").most, list("ls -m 0").most), (256, 0));
    assert_eq!(
        (list("ls -c").sort, list("ls -d").sort, list("ls").sort),
        (Sort::Chart, Sort::Date, Sort::Name)
    );
    let width =
        |line: &str| typed(line, |args: ListArgs, session| args.resolve(session)).0.unwrap().1.column_width;
    assert_eq!((width("ls --col-width 60"), width("ls")), (60, 0));
}

#[test]
fn old_commands_lead_to_the_new_ones() {
    let search = |line: &str| typed(line, |args: RepoArgs, _| args.resolve()).0;
    assert_eq!(search("search web").keyword, "web");
    assert_eq!((search("search -l web").versions, search("search -l web").keyword), (true, "web".into()));
    assert!(search("search repo web --devel").devel);
    assert_eq!(search("search -v ^2 web").version, "^2");
    let template = |line: &str| typed(line, |args: TemplateArgs, session| args.resolve(session)).0.unwrap().0;
    assert_eq!(template("template web -x templates/a.yaml").show_only, ["templates/a.yaml"]);
    assert_eq!(template("template web --execute templates/a.yaml").show_only, ["templates/a.yaml"]);
    assert!(template("template web --notes").notes && !template("template web").notes);
    let get = |line: &str| typed(line, |args: AllArgs, session| args.which.resolve(session)).0.unwrap();
    assert_eq!((get("get web").release, get("get --revision 2 web").revision), ("web".into(), Some(2)));
    let serve = |line: &str| typed(line, |args: ServeArgs, session| args.resolve(session)).0.unwrap();
    let served = serve("serve --repo-path d --address 1.2.3.4:5");
    assert_eq!((served.source.to_string(), served.address.as_str()), ("/w/d".into(), "1.2.3.4:5"));
    assert_eq!(serve("serve").address, "127.0.0.1:8879");
    assert!(typed("inspect ./web", |_: ShowAllArgs, _| ()).1.is_empty());
    assert!(typed("fetch a/b --untar", |args: PullArgs, session| args.resolve(session)).0.is_ok());
}

#[test]
fn installs_take_helm_2s_and_helm_3s_flags() {
    let install = |line: &str| typed(line, |args: InstallArgs, session| args.resolve(session));
    let (options, said) = install("install ./web --name r --dep-up --no-crd-hook -f a,b -f c --set x=1,y=2");
    let (options, _) = options.unwrap();
    assert_eq!(options.name, ReleaseName::Given("r".into()));
    assert!(options.apply.dependency_update && options.apply.crds == Crds::Skip && said.is_empty());
    assert_eq!(
        (options.values.files.join(" "), options.values.set.join(" ")),
        ("a b c".into(), "x=1,y=2".into())
    );
    let (options, said) = install("install a b --dry-run --wait=true");
    assert_eq!(options.unwrap().0.apply.dry_run, DryRun::Client);
    assert_eq!(
        said,
        "level=WARN msg=\"--wait=true is deprecated (boolean value) and can be replaced with --wait=watcher\"\n\
         level=WARN msg=\"--dry-run is deprecated and should be replaced with '--dry-run=client'\"\n"
    );
    let upgrade = |line: &str| typed(line, |args: UpgradeArgs, session| args.resolve(session));
    let (options, said) = upgrade("upgrade a b --atomic --force --reuse-values --server-side=false");
    let (options, _) = options.unwrap();
    assert_eq!(
        options.apply.effective_wait().strategy,
        WaitStrategy::Watcher,
        "undoing needs to know what failed"
    );
    assert!(options.apply.force_replace && options.apply.rollback_on_failure);
    assert_eq!((options.reuse, options.server_side), (Reuse::Reuse, Some(false)));
    assert_eq!(
        said,
        "Flag --atomic has been deprecated, use --rollback-on-failure instead\n\
         Flag --force has been deprecated, use --force-replace instead\n"
    );
}

#[test]
fn templates_render_without_a_store_unless_asked_to() {
    let template = |line: &str| typed(line, |args: TemplateArgs, session| args.resolve(session)).0;
    let (options, _) = template("template ./web -a x/v1,y/v1 -s a.yaml -s b.yaml").unwrap();
    assert_eq!(options.name, ReleaseName::Given("release-name".into()));
    assert_eq!((options.apply.dry_run, options.api_versions.len()), (DryRun::Client, 2));
    assert_eq!(options.show_only, ["a.yaml", "b.yaml"]);
    assert_eq!(template("template r ./web --validate").unwrap().0.apply.dry_run, DryRun::Server);
    let (_, folder) = template("template r ./web --output-dir o --release-name").unwrap();
    assert_eq!(folder, Some("o/r".into()), "the path is shown as it was typed");
    assert_eq!(
        template("template r ./web --dry-run=none").unwrap_err().message(),
        "invalid dry-run value (\"none\"). Must be \"server\" or \"client\""
    );
}

#[test]
fn a_broken_kubeconfig_stops_only_what_needs_the_store() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config");
    std::fs::write(&path, "contexts: [").unwrap();
    let line = format!("template ./web --kubeconfig {}", path.display());
    let (options, _) = typed(&line, |args: TemplateArgs, session| args.resolve(session));
    assert_eq!(options.unwrap().0.namespace, "default");
    let (options, _) =
        typed(&format!("{line} --dry-run=server"), |args: TemplateArgs, session| args.resolve(session));
    assert!(options.is_err());
}

#[test]
fn new_charts_are_in_the_language_that_the_name_promises() {
    let engine =
        |program| typed_as(program, "create x", |args: CreateArgs, session| args.resolve(session)).0.language;
    assert_eq!(engine(OWN), Language::Tera);
    assert_eq!(engine(HELM), Language::GoTemplate);
}

#[test]
fn signatures_are_checked_with_the_keyring_that_is_named_or_gnupgs() {
    let request =
        |line: &str| typed(line, |args: TemplateArgs, session| args.resolve(session)).0.unwrap().0.chart;
    let chart = request("template ./x --verify --keyring k");
    assert_eq!(chart.verify, Some(PathBuf::from("/w/k")));
    assert_eq!(chart.fetch.provenance, Provenance::Required);
    assert_eq!(request("template ./x --verify").verify, Some(PathBuf::from("/h/.gnupg/pubring.gpg")));
    let chart = request("template ./x --keyring k");
    assert_eq!((chart.verify, chart.fetch.provenance), (None, Provenance::No));
    assert!(err("package x --sign").starts_with("Error: --key is required for signing a package\n"));
}

#[test]
fn under_the_name_helm_it_is_helm() {
    let (code, out, _) = run_as("/usr/local/bin/helm", &["version", "--short"], &[]);
    assert_eq!((code, out.as_str()), (0, "v4.3.1\n"));
    let (_, out, _) = run_as("helm", &["env"], &[("HELM_NAMESPACE", "h")]);
    assert!(out.contains("HELM_NAMESPACE=\"h\"\n") && !out.contains("BOWLINE"), "{out}");
    let (_, _, err) = run_as("helm", &["list", "x", "y"], &[]);
    assert!(err.starts_with("Error: \"helm list\" accepts at most 1 argument"), "{err}");
    let (_, out, _) = run_as("helm", &["install", "./x", "-o", "json"], &[]);
    assert_eq!(out, "", "failures leave standard output alone");
}

#[test]
fn failures_are_objects_where_asked_for() {
    let (code, out, err) = run_as("bowline", &["install", "./x", "-o", "json"], &[]);
    assert_eq!(code, 1);
    assert_eq!(
        out,
        "{\"error\":\"INSTALLATION FAILED: must either provide a name or specify --generate-name\",\"hints\":[\"write the \
         name before the chart: NAME ./x\"],\"exit_code\":1}\n"
    );
    assert_eq!(
        err,
        "Error: INSTALLATION FAILED: must either provide a name or specify --generate-name\n\
         hint: write the name before the chart: NAME ./x\n"
    );
}

#[test]
fn help_is_printed_for_groups_and_on_request() {
    for line in
        [&[][..], &["repo"], &["help", "install"], &["install", "--help"], &["list", "-h"], &["--help"]]
    {
        let (code, out, err) = run_as("bowline", line, &[]);
        assert_eq!((code, err.as_str()), (0, ""), "{line:?}");
        assert!(out.contains("Usage: bowline") && out.contains("Examples:"), "{line:?}: {out}");
    }
}

#[test]
fn versions_and_settings_are_printed() {
    let short = format!("v{}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!(run_as("bowline", &["version", "--short"], &[]).1, short);
    assert_eq!(run_as("bowline", &["--version"], &[]).1, short);
    assert!(run_as("bowline", &["version"], &[]).1.starts_with("bowline.BuildInfo{Version:\"v"));
    let (_, out, _) = run_as("bowline", &["env"], &[]);
    let names: Vec<&str> = out.lines().filter_map(|line| line.split('=').next()).collect();
    assert!(names.is_sorted(), "{out}");
    assert!(out.contains("BOWLINE_STORE_REASON=\"no kubeconfig was found\"\n"), "{out}");
    assert_eq!(run_as("bowline", &["env", "NOPE"], &[]).1, "\n");
}

#[test]
fn words_that_are_no_text_are_refused() {
    #[cfg(unix)]
    {
        use std::os::unix::ffi::OsStringExt;
        let (streams, _, err) = captured::streams();
        let words = [OsString::from("bowline"), OsString::from_vec(vec![b'a', 0xff])];
        assert_eq!(run(words, fixed::host(&[]), streams), 1);
        assert!(err.text().contains("is not valid UTF-8"), "{}", err.text());
    }
}

mod laws {
    use proptest::prelude::*;

    use super::super::*;

    fn word() -> impl Strategy<Value = String> {
        const KNOWN: &[&str] = &[
            "install",
            "repo",
            "add",
            "list",
            "search",
            "get",
            "values",
            "help",
            "template",
            "-n",
            "--namespace",
            "--",
            "-",
            "--set",
            "--set=a=b",
            "-f",
            "--wait",
            "--wait=watcher",
            "--debug=false",
            "-qA",
            "-ojson",
            "--output",
            "json",
            "--dry-run",
            "--force",
            "--atomic",
            "web",
            "./web",
            "--=x",
            "-h",
            "--timeout=1s",
            "--labels=a=b",
        ];
        prop_oneof![3 => prop::sample::select(KNOWN).prop_map(str::to_string), 1 => any::<String>()]
    }

    proptest! {
        /// Any words are read or refused; what is read, clap takes or refuses in turn.
        #[test]
        fn no_words_break_the_reader(words in prop::collection::vec(word(), 0..8)) {
            let program = Program { as_helm: false };
            if let Ok(mut asked) = Asked::read(program, words) {
                let count = asked.words.positionals.len();
                let path = asked.full_name();
                let enough = argv::check_count(&asked.command, &path, "", count).is_ok();
                let words: Vec<String> = asked.words.for_clap().collect();
                match asked.command.try_get_matches_from_mut(words) {
                    Ok(_) => {}
                    Err(error) => {
                        let refused_value =
                            matches!(error.kind(), ErrorKind::ValueValidation | ErrorKind::InvalidValue);
                        prop_assert!(refused_value || !enough || asked.path.is_empty()
                            || matches!(asked.path.last().map(|verb| &verb.body), Some(Body::Group { .. })),
                            "clap refused what was read: {error}");
                        prop_assert!(!asked.refused(&error).message().is_empty());
                    }
                }
            }
        }
    }
}
