//! The program in its own process: words in, streams and exit code out.

use std::ffi::OsString;

use super::settings::fixed;
use super::ui::captured;
use super::*;

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
            "\"bowline upgrade\" requires 2 arguments\n\nUsage:  bowline upgrade RELEASE CHART [flags]",
        ),
        (
            "install",
            "\"bowline install\" requires at least 1 argument\n\nUsage:  bowline install [NAME] CHART [flags]",
        ),
        ("env A B", "\"bowline env\" accepts at most 1 argument\n\nUsage:  bowline env [NAME] [flags]"),
        ("status a b", "\"bowline status\" requires 1 argument\n\nUsage:  bowline status RELEASE [flags]"),
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
            "invalid argument \"5\" for \"--timeout\" flag: time: missing unit in duration \"5\"",
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
            "could not convert revision to a number: strconv.Atoi: parsing \"x\": invalid syntax",
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

#[test]
fn helm_2_spellings_lead_somewhere() {
    let options = |line: &str| {
        let words: Vec<&str> = line.split(' ').chain(["--debug"]).collect();
        run_as("bowline", &words, &[]).2
    };
    for (line, expected) in [
        ("search web", "SearchOptions"),
        ("search -l web", "keyword: \\\"web\\\", regexp: false, range: \\\">0.0.0\\\", every_version: true"),
        ("get web", "RevisionOptions"),
        ("get --revision 2 web", "revision: Some(2)"),
        ("inspect ./web", "ShowOptions { chart: ChartRequest { reference: \\\"./web\\\""),
        ("fetch stable/web", "PullOptions"),
        ("install ./web --name r", "Given(\\\"r\\\")"),
        ("delete web", "keep_history: true"),
        ("del web --purge", "keep_history: false"),
        ("delete web --compat=helm4", "keep_history: false"),
        ("uninstall web", "keep_history: false"),
        ("ls --deleted --deleting", "statuses: [\\\"uninstalled\\\", \\\"uninstalling\\\"]"),
        ("ls --all", "statuses: []"),
        ("ls --compat helm3", "statuses: [\\\"deployed\\\", \\\"failed\\\"]"),
        ("ls ^w", "filter: Some(\\\"^w\\\")"),
        ("history r --max 3", "most: 3"),
        ("serve --repo-path d --address 1.2.3.4:5", "folder: \\\"/w/d\\\", address: \\\"1.2.3.4:5\\\""),
        ("install r c --dep-up --no-crd-hook", "dependency_update: true, crds: false"),
    ] {
        let said = options(line);
        assert!(said.contains(expected), "{line}: {said}");
    }
}

#[test]
fn deprecated_flags_work_and_are_told() {
    let (_, _, err) = run_as("bowline", &["upgrade", "a", "b", "--atomic", "--force", "--debug"], &[]);
    assert!(
        err.starts_with(
            "Flag --atomic has been deprecated, use --rollback-on-failure instead\n\
             Flag --force has been deprecated, use --force-replace instead\n"
        ),
        "{err}"
    );
    assert!(err.contains("strategy: Watcher") && err.contains("force_replace: true"), "{err}");
    let (_, _, err) = run_as("bowline", &["install", "a", "b", "--dry-run", "--wait=true"], &[]);
    assert!(
        err.contains(
            "level=WARN msg=\"--dry-run is deprecated and should be replaced with '--dry-run=client'\"\n"
        ),
        "{err}"
    );
    assert!(
        err.contains(
            "level=WARN msg=\"--wait=true is deprecated (boolean value) and can be replaced with --wait=watcher\"\n"
        ),
        "{err}"
    );
}

#[test]
fn flags_that_cannot_be_honoured_are_refused() {
    assert_eq!(
        err("install a ./x --verify"),
        "Error: INSTALLATION FAILED: --verify is not supported by this version of bowline\n"
    );
    assert_eq!(err("package x --sign"), "Error: --sign is not supported by this version of bowline\n");
}

#[test]
fn under_the_name_helm_it_is_helm() {
    let (code, out, _) = run_as("/usr/local/bin/helm", &["version", "--short"], &[]);
    assert_eq!((code, out.as_str()), (0, "v4.3.1\n"));
    let (_, out, _) = run_as("helm", &["env"], &[("HELM_NAMESPACE", "h")]);
    assert!(out.contains("HELM_NAMESPACE=\"h\"\n") && !out.contains("BOWLINE"), "{out}");
    let (_, _, err) = run_as("helm", &["delete", "a", "--debug"], &[]);
    assert!(err.contains("keep_history: false"), "{err}");
    let (_, _, err) = run_as("helm", &["list", "x", "y"], &[]);
    assert!(err.starts_with("Error: \"helm list\" accepts at most 1 argument"), "{err}");
    let (_, out, _) = run_as("helm", &["status", "-o", "json", "x"], &[]);
    assert_eq!(out, "", "failures leave standard output alone");
}

#[test]
fn failures_are_objects_where_asked_for() {
    let (code, out, err) = run_as("bowline", &["install", "./x", "-o", "json"], &[]);
    assert_eq!(code, 1);
    assert_eq!(
        out,
        "{\"error\":\"INSTALLATION FAILED: must either provide a name or specify --generate-name\",\"hints\":[],\
         \"exit_code\":1}\n"
    );
    assert_eq!(err, "Error: INSTALLATION FAILED: must either provide a name or specify --generate-name\n");
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
