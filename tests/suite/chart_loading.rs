//! Loading charts: folders and archives, good and bad.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use bowline::chart::{self, ArchiveProblem, ChartError, ChartFile, Limits};
use bowline::data::gzip;
use bowline::diag::Hint as _;

use crate::support::archive::{Entry, tar};

/// The cases of this module.
fn cases() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/chart")
}

/// The public charts of the conformance data; none, with a line that says so, when the data is not there.
fn conformance_charts() -> Vec<PathBuf> {
    let vectors = std::env::var_os("BOWLINE_VECTORS").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/conformance/vectors"),
        PathBuf::from,
    );
    let Ok(entries) = std::fs::read_dir(vectors.with_file_name("charts")) else {
        crate::support::skip::skipped("no conformance data (set BOWLINE_VECTORS)");
        return Vec::new();
    };
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    paths.filter(|path| path.extension().is_some_and(|extension| extension == "tgz")).collect()
}

#[test]
fn public_charts_load() {
    let limits = Limits::default();
    let mut failed = Vec::new();
    for path in conformance_charts() {
        let bytes = std::fs::read(&path).unwrap();
        match (chart::load(&path, &limits), chart::metadata_of_archive(&bytes, &limits)) {
            (Ok(chart), Ok(metadata)) => assert_eq!(chart.metadata, metadata, "{}", path.display()),
            (Err(error), _) | (_, Err(error)) => failed.push(format!("{}: {error}", path.display())),
        }
    }
    assert!(failed.is_empty(), "{} fail:\n{}", failed.len(), failed.join("\n"));
}

/// Each folder below `bad/` is a chart that must not load, beside the error that says why: its text, the one line of its
/// diagnostic, and its hints. `BOWLINE_UPDATE=1` writes what comes out.
#[test]
fn bad_charts_say_what_is_wrong_and_where() {
    let mut wrong = Vec::new();
    let mut folders: Vec<PathBuf> =
        std::fs::read_dir(cases().join("bad")).unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.sort();
    for folder in &folders {
        let Err(error) = chart::load(&folder.join("chart"), &Limits::default()) else {
            wrong.push(format!("{} loads", folder.display()));
            continue;
        };
        let mut text = format!("{error}\n");
        if let Some(diagnostic) = error.diagnostic() {
            writeln!(text, "at: {diagnostic}").unwrap();
        }
        for hint in error.hints() {
            writeln!(text, "hint: {hint}").unwrap();
        }
        let text = text.replace(&format!("{}/", folder.display()), "");
        let expected = folder.join("error.txt");
        if std::env::var_os("BOWLINE_UPDATE").is_some() {
            std::fs::write(&expected, &text).unwrap();
        }
        let expected = std::fs::read_to_string(expected).unwrap_or_default();
        if text != expected {
            wrong.push(format!("{}:\n{text}instead of\n{expected}", folder.display()));
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), folders.len(), wrong.join("\n"));
}

const CHART_YAML: &str = "apiVersion: v2\nname: c\nversion: 0.1.0\n";

fn chart_yaml() -> Entry<'static> {
    Entry::file("c/Chart.yaml", CHART_YAML)
}

/// The error of an archive with these entries.
fn refused(entries: &[Entry<'_>]) -> String {
    let limits = Limits::default();
    match chart::from_archive("c.tgz", &gzip::deflate(&tar(entries)), &limits) {
        Ok(_) => "loads".to_string(),
        Err(error) => error.to_string(),
    }
}

/// A record of a pax header.
fn record(key: &str, value: &str) -> String {
    let rest = key.len() + value.len() + 3;
    // The length counts its own digits.
    let length =
        (1..20).map(|digits| rest + digits).find(|length| length.to_string().len() + rest == *length);
    format!("{} {key}={value}\n", length.unwrap())
}

#[test]
fn files_with_holes_are_read_whole() {
    let in_records = |records: &[(&str, &str)]| -> String {
        records.iter().map(|(key, value)| record(&format!("GNU.sparse.{key}"), value)).collect()
    };
    let map = "2\n3\n4\n9\n1\n";
    let at_start = format!("{map}{}abcde", "\0".repeat(512 - map.len()));
    let forms = |size: &str| {
        [
            (
                in_records(&[
                    ("size", size),
                    ("offset", "3"),
                    ("numbytes", "4"),
                    ("offset", "9"),
                    ("numbytes", "1"),
                ]),
                "c/files/holes",
                "abcde",
            ),
            (
                in_records(&[("size", size), ("name", "c/files/holes"), ("map", "3,4,9,1")]),
                "c/GNUSparseFile.7/holes",
                "abcde",
            ),
            (
                in_records(&[("major", "1"), ("minor", "0"), ("name", "c/files/holes"), ("realsize", size)]),
                "c/GNUSparseFile.7/holes",
                at_start.as_str(),
            ),
        ]
    };
    let header = |records: &str| Entry::new("c/PaxHeaders/holes", records, b'x');
    for (records, name, content) in forms("12") {
        let bytes = gzip::deflate(&tar(&[chart_yaml(), header(&records), Entry::file(name, content)]));
        let chart = chart::from_archive("c.tgz", &bytes, &Limits::default()).unwrap();
        let file = chart.files.iter().find(|file| &*file.path == "files/holes").expect("it has its name");
        assert_eq!(file.text(), "\0\0\0abcd\0\0e\0\0", "{records}");
        let cut = Entry::file(name, &content[..content.len() - 1]);
        let text = refused(&[chart_yaml(), header(&records), cut]);
        assert!(text.ends_with("holes\" cannot be read"), "{text}");
    }
    // A hole is memory as any other byte.
    for (records, name, content) in forms("99999999999") {
        let text = refused(&[chart_yaml(), header(&records), Entry::file(name, content)]);
        assert!(text.contains("larger than"), "{text}");
    }
}

#[test]
fn headers_that_go_on_for_too_long_are_refused() {
    let long = "x".repeat(2 << 20);
    for header in [
        Entry::new("c/PaxHeaders/a", &record("comment", &long), b'x'),
        Entry::new("././@LongLink", &long, b'L'),
        Entry::new("././@LongLink", &long, b'K'),
    ] {
        let text = refused(&[chart_yaml(), header, Entry::file("c/a", "a")]);
        assert!(text.contains("the headers before an entry are longer than 1 MiB"), "{text}");
    }
    let large = Entry::file("c/a", &long);
    assert_eq!(refused(&[chart_yaml(), large, Entry::file("c/b", "b")]), "loads");
}

#[test]
fn archives_of_all_kinds_of_tar_are_read() {
    let long = format!("c/templates/{}.yaml", "x".repeat(150));
    let below = long.strip_prefix("c/").unwrap();
    let path_of = |entries: &[Entry<'_>]| {
        let bytes = gzip::deflate(&tar(entries));
        let chart = chart::from_archive("c.tgz", &bytes, &Limits::default()).unwrap();
        chart.templates.iter().map(|file| file.path.to_string()).collect::<Vec<_>>()
    };
    let old = Entry::file("c/templates/a.yaml", "x").old();
    assert_eq!(path_of(&[chart_yaml().old(), old]), ["templates/a.yaml"]);
    let gnu =
        [chart_yaml(), Entry::new("././@LongLink", &format!("{long}\0"), b'L'), Entry::file("c/x", "x")];
    assert_eq!(path_of(&gnu), [below]);
    let pax = record("path", &long) + &record("mtime", "1.5");
    let pax = [
        Entry::new("pax_global_header", &record("comment", "x"), b'g'),
        chart_yaml(),
        Entry::new("PaxHeaders/x", &pax, b'x'),
        Entry::file("c/x", "x"),
    ];
    assert_eq!(path_of(&pax), [below]);
    assert_eq!(
        path_of(&[Entry::file("./Chart.yaml", CHART_YAML), Entry::file(r".\templates\a", "")]),
        ["templates/a"]
    );
    let folders = [Entry::new("c/", "", b'5'), Entry::file("c/templates/", "").old(), chart_yaml()];
    assert_eq!(path_of(&folders), [""; 0]);
}

#[test]
fn hostile_archives_are_refused_by_name() {
    let with = |entry: Entry<'_>| refused(&[chart_yaml(), entry]);
    let text = |problem: &str| format!("cannot load chart archive c.tgz: {problem}");
    for (path, problem) in [
        ("/etc/passwd", r#"chart illegally contains absolute paths: "/etc/passwd""#),
        ("c//etc/passwd", r#"chart illegally contains absolute paths: "c//etc/passwd""#),
        ("c/../../x", r#"chart illegally references parent directory: "c/../../x""#),
        (r"c\..\..\x", r#"chart illegally references parent directory: "c\\..\\..\\x""#),
        ("../x", r#"chart illegally references parent directory: "../x""#),
        ("c:/x", r#"chart contains illegally named files: "c:/x""#),
        ("c/c:/x", r#"chart contains illegally named files: "c/c:/x""#),
        ("c/templates/a\nb: c", r#"chart contains illegally named files: "c/templates/a\nb: c""#),
        ("c/\u{1b}[2Jx", r#"chart contains illegally named files: "c/\u{1b}[2Jx""#),
        ("c/a\u{2028}b", r#"chart contains illegally named files: "c/a\u{2028}b""#),
        ("x", r#"chart illegally contains content outside the base directory: "x""#),
        ("Chart.yaml", "chart yaml not in base directory"),
    ] {
        assert_eq!(with(Entry::file(path, "")), text(problem));
    }
    for kind in [b'3', b'4', b'6'] {
        assert_eq!(with(Entry::new("c/dev", "", kind)), text(r#""c/dev" is neither a file nor a folder"#));
    }
    assert_eq!(
        with(Entry::new("../d/", "", b'5')),
        text(r#"chart illegally references parent directory: "../d/""#)
    );
    for target in ["/etc/passwd", "../../x", "missing", "self"] {
        let problem = format!("\"c/self\" is a link to {target:?}, which is not a file of the chart");
        assert_eq!(with(Entry::link("c/self", target, b'2')), text(&problem));
    }
    assert_eq!(refused(&[]), text("no files in chart archive"));
    assert_eq!(refused(&[Entry::file("c/a", "")]), "Chart.yaml file is missing");
}

#[test]
fn links_within_an_archive_are_files() {
    let entries = [
        chart_yaml(),
        Entry::link("c/templates/b.yaml", "a.yaml", b'2'),
        Entry::link("c/templates/c.yaml", "../templates/b.yaml", b'2'),
        Entry::link("c/templates/d.yaml", "c/templates/a.yaml", b'1'),
        Entry::file("c/templates/a.yaml", "a: 1\n"),
    ];
    let bytes = gzip::deflate(&tar(&entries));
    let chart = chart::from_archive("c.tgz", &bytes, &Limits::default()).unwrap();
    assert_eq!(chart.templates.len(), 4);
    assert!(chart.templates.iter().all(|file| file.text() == "a: 1\n"));
}

/// Definitions are installed in this order, as Helm does it; of two files with one path the later counts.
#[test]
fn files_of_an_archive_keep_its_order() {
    let entries = [
        chart_yaml(),
        Entry::file("c/crds/b.yaml", "b: 1\n"),
        Entry::file("c/crds/a.yaml", "a: 1\n"),
        Entry::file("c/crds/c.yaml", "c: 1\n"),
        Entry::file("c/crds/b.yaml", "b: 2\n"),
    ];
    let bytes = gzip::deflate(&tar(&entries));
    let chart = chart::from_archive("c.tgz", &bytes, &Limits::default()).unwrap();
    let found: Vec<(&str, String)> =
        chart.crds().map(|file| (&*file.path, file.text().to_string())).collect();
    let expected = [("crds/a.yaml", "a: 1\n"), ("crds/c.yaml", "c: 1\n"), ("crds/b.yaml", "b: 2\n")];
    assert_eq!(found, expected.map(|(path, text)| (path, text.to_string())));
}

#[test]
fn damaged_archives_are_told_apart() {
    let good = gzip::deflate(&tar(&[chart_yaml(), Entry::file("c/a", &"x".repeat(9_000))]));
    let error = |bytes: &[u8]| chart::from_archive("c.tgz", bytes, &Limits::default()).unwrap_err();
    assert_eq!(error(b"").to_string(), "file 'c.tgz' does not appear to be a gzipped archive");
    assert!(error(b"a: 1\n").hints()[0].contains("values files with -f"));
    for end in [10, 40, good.len() / 2, good.len() - 4] {
        let cut = error(&good[..end]);
        assert!(cut.to_string().ends_with("the gzip data is cut off"), "{cut}");
        assert_eq!(cut.hints(), ["the file is incomplete; fetch it again"]);
    }
    let mut flipped = good.clone();
    let checksum = flipped.len() - 6;
    flipped[checksum] ^= 1;
    assert!(error(&flipped).to_string().contains("the gzip data is damaged"));
    assert!(error(&gzip::deflate(b"hello")).to_string().contains("the tar data is damaged"));
    let mut noise = tar(&[chart_yaml()]);
    noise[0] ^= 1;
    assert!(error(&gzip::deflate(&noise)).to_string().contains("the tar data is damaged"));
    let short = tar(&[chart_yaml(), Entry::file("c/a", &"x".repeat(9_000))]);
    assert!(error(&gzip::deflate(&short[..3_000])).to_string().contains("is cut off within \"c/a\""));
}

#[test]
fn bombs_are_stopped_at_the_limits() {
    let mut limits = Limits::default();
    limits.total_bytes = 1 << 20;
    limits.files = 50;
    let problem = |entries: &[Entry<'_>], limits: &Limits| match chart::from_archive(
        "c.tgz",
        &gzip::deflate(&tar(entries)),
        limits,
    ) {
        Err(ChartError::Archive { problem, .. }) => problem,
        other => panic!("{other:?}"),
    };
    let big = "x".repeat(600_000);
    let two = [chart_yaml(), Entry::file("c/a", &big), Entry::file("c/b", &big)];
    assert_eq!(problem(&two, &limits), ArchiveProblem::TooLarge { limit: 1 << 20 });
    // A header that claims more than follows.
    let claim = [chart_yaml(), Entry::file("c/a", "x").claiming(u64::from(u32::MAX))];
    assert!(matches!(problem(&claim, &Limits::default()), ArchiveProblem::FileTooLarge { .. }));
    // A sparse file is large without its bytes.
    let sparse = [chart_yaml(), Entry::new("c/a", "", b'S')];
    assert!(matches!(
        problem(&sparse, &limits),
        ArchiveProblem::Irregular { .. } | ArchiveProblem::Damaged { .. }
    ));
    let many: Vec<Entry<'_>> = (0..60).map(|_| Entry::new("c/d/", "", b'5')).collect();
    assert_eq!(problem(&many, &limits), ArchiveProblem::TooManyEntries { limit: 50 });
    // Names are bytes, too.
    let named = [Entry::new("././@LongLink", &big, b'L'), Entry::file("c/x", "")];
    assert!(problem(&named, &limits).to_string().len() < 300);
    let huge = "x".repeat(3 << 20);
    let named = [Entry::new("././@LongLink", &huge, b'L'), Entry::file("c/x", "")];
    assert_eq!(problem(&named, &limits), ArchiveProblem::TooLarge { limit: 1 << 20 });

    limits.total_bytes = 100 << 20;
    limits.file_bytes = 1_000;
    let problem = problem(&two, &limits);
    assert_eq!(problem, ArchiveProblem::FileTooLarge { entry: "c/a".to_string(), limit: 1_000 });
}

fn file(path: &str, data: impl AsRef<[u8]>) -> ChartFile {
    ChartFile { path: path.into(), data: data.as_ref().into(), modified: 0 }
}

#[test]
fn archives_within_archives_share_the_limits() {
    let mut limits = Limits::default();
    limits.total_bytes = 1 << 20;
    let sub = |name: &str| {
        let chart_yaml = format!("apiVersion: v2\nname: {name}\nversion: 0.1.0\n");
        gzip::deflate(&tar(&[
            Entry::file("s/Chart.yaml", &chart_yaml),
            Entry::file("s/a", &"x".repeat(600_000)),
        ]))
    };
    let one = vec![file("Chart.yaml", CHART_YAML), file("charts/a.tgz", sub("a"))];
    assert_eq!(chart::from_files("c", one.clone(), &limits).unwrap().subcharts[0].name(), "a");
    let two = [one, vec![file("charts/b.tgz", sub("b"))]].concat();
    let error = chart::from_files("c", two, &limits).unwrap_err().to_string();
    assert!(error.ends_with("decompressed chart is larger than the maximum size 1048576"), "{error}");
}

#[test]
fn charts_nest_to_a_bound() {
    let mut limits = Limits::default();
    limits.subchart_depth = 3;
    let nest = |depth: usize| {
        let path = |level| format!("{}Chart.yaml", "charts/s/".repeat(level));
        let files = (0..=depth).map(|level| file(&path(level), CHART_YAML)).collect();
        chart::from_files("c", files, &limits)
    };
    assert!(nest(3).is_ok());
    assert!(nest(4).unwrap_err().to_string().ends_with("subcharts are nested more than 3 deep"));
    let mut archive = gzip::deflate(&tar(&[chart_yaml()]));
    for _ in 0..4 {
        let inner = archive.clone();
        archive = gzip::deflate(&tar(&[chart_yaml(), Entry::bytes("c/charts/c.tgz", &inner)]));
    }
    assert!(
        chart::from_archive("c.tgz", &archive, &limits).unwrap_err().to_string().contains("more than 3 deep")
    );
}

#[test]
fn files_are_routed_by_their_path() {
    let files = vec![
        file("values.yaml", "\u{feff}a: 1\nm: {x: 1, z: 1}\n---\nm: {z: 2}\n"),
        file(
            "Chart.yaml",
            "APIVersion: v2\nname: c\nversion: 1.10\nappVersion: 12345678.5\ndeprecated: yes\n",
        ),
        file("templates/b.yaml", ""),
        file("templates/a.yaml", ""),
        file("crds/a.yaml", "kind: CustomResourceDefinition"),
        file("crds/README.md", ""),
        file("charts/_skipped/x", ""),
        file("charts/.skipped/x", ""),
        file("charts/s-1.tgz.prov", "signature"),
        file("charts/s/Chart.yaml", "name: s\nversion: 1.0.0\n"),
        file("charts/s/requirements.yaml", "dependencies:\n- name: t\n  repository: ''\n"),
        file("README.md", "old"),
        file("README.md", "new"),
    ];
    let chart = chart::from_files("c", files, &Limits::default()).unwrap();
    assert_eq!((&*chart.metadata.version, &*chart.metadata.app_version), ("1.1", "1.2345678e+07"));
    assert!(chart.metadata.deprecated);
    assert_eq!(serde_json::to_string(&chart.values).unwrap(), r#"{"a":1,"m":{"x":1,"z":2}}"#);
    let paths = |files: &[ChartFile]| files.iter().map(|file| file.path.to_string()).collect::<Vec<_>>();
    assert_eq!(paths(&chart.templates), ["templates/a.yaml", "templates/b.yaml"]);
    assert_eq!(paths(&chart.files), ["README.md", "charts/s-1.tgz.prov", "crds/README.md", "crds/a.yaml"]);
    assert_eq!(chart.files[0].text(), "new");
    assert_eq!(chart.crds().map(|file| &*file.path).collect::<Vec<_>>(), ["crds/a.yaml"]);
    assert_eq!(chart.raw.len(), 8);
    let [sub] = chart.subcharts.as_slice() else { panic!("one subchart") };
    assert_eq!((&*sub.metadata.api_version, &*sub.metadata.dependencies[0].name), ("v1", "t"));
    assert_eq!(paths(&sub.files), ["requirements.yaml"]);
    assert_eq!(sub.missing_dependencies().count(), 1);
}

#[cfg(unix)]
#[test]
fn folders_follow_links_and_refuse_devices() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("c");
    std::fs::create_dir_all(root.join("templates")).unwrap();
    std::fs::write(root.join("Chart.yaml"), CHART_YAML).unwrap();
    std::fs::write(root.join("templates/.hidden"), "").unwrap();
    std::fs::write(folder.path().join("outside"), "\u{feff}text").unwrap();
    std::os::unix::fs::symlink("../outside", root.join("linked")).unwrap();
    let chart = chart::load(&root, &Limits::default()).unwrap();
    assert_eq!((chart.templates.len(), &*chart.files[0].text()), (0, "text"));
    let outside = folder.path().join("outside").canonicalize().unwrap();
    assert_eq!(chart.links, [chart::Link { path: root.join("linked"), resolved: outside }]);
    std::os::unix::fs::symlink("/nowhere", root.join("broken")).unwrap();
    assert!(chart::load(&root, &Limits::default()).unwrap_err().to_string().contains("broken"));
    std::fs::remove_file(root.join("broken")).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(root.join("socket")).unwrap();
    let error = chart::load(&root, &Limits::default()).unwrap_err().to_string();
    assert!(error.starts_with("cannot load irregular file ") && error.contains("socket"), "{error}");
}

#[test]
fn unpacking_stays_in_its_folder() {
    let folder = tempfile::tempdir().unwrap();
    let good = gzip::deflate(&tar(&[chart_yaml(), Entry::file("c/templates/a.yaml", "a")]));
    let target = folder.path().join("x/y");
    chart::unpack(&good, &target, &Limits::default()).unwrap();
    assert_eq!(std::fs::read_to_string(target.join("templates/a.yaml")).unwrap(), "a");
    let bad = gzip::deflate(&tar(&[chart_yaml(), Entry::file("c/../../escaped", "a")]));
    let target = folder.path().join("z/y");
    assert!(chart::unpack(&bad, &target, &Limits::default()).is_err());
    assert!(!target.exists() && !folder.path().join("escaped").exists());
}

/// Files that hardly any template asks for are read when one does; what goes wrong then is told.
#[test]
fn files_are_read_when_a_template_looks_at_them() {
    let folder = tempfile::tempdir().unwrap();
    let write = |path: &str, text: &str| {
        let path = folder.path().join("c").join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    write("Chart.yaml", "apiVersion: v2\nname: c\nversion: 1.0.0\n");
    write("templates/a.yaml", "a: {{ .Files.Get \"conf/a.txt\" }}\n");
    write("conf/a.txt", "\u{feff}text");
    write("conf/b.txt", "b");
    write("charts/d/Chart.yaml", "apiVersion: v2\nname: d\nversion: 1.0.0\n");
    write("charts/d/templates/d.yaml", "d: {{ .Files.Get \"x\" }}\n");
    write("charts/d/x", "from d");
    let root = folder.path().join("c");
    let (lazy, whole) = (
        chart::load_with(&root, &Limits::default(), chart::Reading::WhenLookedAt).unwrap(),
        chart::load(&root, &Limits::default()).unwrap(),
    );
    let paths = |chart: &chart::Chart| chart.raw.iter().map(|file| file.path.to_string()).collect::<Vec<_>>();
    assert_eq!(paths(&lazy), paths(&whole));
    let find = |chart: &chart::Chart, path: &str| {
        chart.files.iter().find(|file| &*file.path == path).unwrap().data.to_vec()
    };
    assert_eq!(find(&lazy, "conf/a.txt"), b"text");
    assert_eq!(find(&lazy.subcharts[0], "x"), b"from d");
    lazy.check_read().unwrap();
    std::fs::remove_file(root.join("conf/b.txt")).unwrap();
    assert_eq!(find(&whole, "conf/b.txt"), b"b");
    assert_eq!(find(&lazy, "conf/b.txt"), b"");
    let error = lazy.check_read().unwrap_err().to_string();
    assert!(error.contains("conf/b.txt"), "{error}");
}

#[cfg(unix)]
#[test]
fn a_line_break_in_the_name_of_a_file_is_refused_in_folders_too() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("Chart.yaml"), CHART_YAML).unwrap();
    std::fs::create_dir(folder.path().join("templates")).unwrap();
    std::fs::write(folder.path().join("templates/a\nb: c.yaml"), "").unwrap();
    let error = chart::load(folder.path(), &Limits::default()).unwrap_err().to_string();
    assert!(error.ends_with(r#"chart contains illegally named files: "templates/a\nb: c.yaml""#), "{error}");
}
