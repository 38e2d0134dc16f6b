//! Packaging: the same bytes everywhere, and archives that are read back as what was packed.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

use bowline::chart::{self, Chart, ChartFile, Limits};
use bowline::data::gzip;
use bowline::package::{PackOptions, PackageError, Packed, pack};

fn examples() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("charts");
    let mut folders: Vec<PathBuf> = fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.sort();
    assert!(folders.len() >= 5);
    folders
}

fn load(path: &Path) -> Chart {
    chart::load(path, &Limits::default()).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn packed(chart: &Chart) -> Packed {
    pack(chart, &PackOptions::default()).unwrap()
}

/// Copies a folder with other times and modes, and its files made in the opposite order.
fn copy(from: &Path, to: &Path, age: Duration) {
    fs::create_dir_all(to).unwrap();
    let mut entries: Vec<_> = fs::read_dir(from).unwrap().map(|entry| entry.unwrap()).collect();
    entries.sort_by_key(|entry| std::cmp::Reverse(entry.file_name()));
    for entry in entries {
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target, age);
            continue;
        }
        fs::copy(entry.path(), &target).unwrap();
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            fs::set_permissions(&target, fs::Permissions::from_mode(0o600)).unwrap();
        }
        let file = fs::File::options().append(true).open(&target).unwrap();
        file.set_modified(SystemTime::UNIX_EPOCH + age).unwrap();
    }
}

#[test]
fn each_clone_packs_to_the_same_bytes() {
    for example in examples() {
        let folder = tempfile::tempdir().unwrap();
        let one = folder.path().join("one");
        let two = folder.path().join("elsewhere/two");
        copy(&example, &one, Duration::from_secs(1_000_000_000));
        copy(&example, &two, Duration::from_secs(1_700_000_001));
        let (one, two) = (packed(&load(&one)), packed(&load(&two)));
        assert_eq!((one.digest, one.file_name), (two.digest, two.file_name), "{}", example.display());
        assert_eq!(one.bytes, packed(&load(&example)).bytes);
    }
}

/// Paths and bytes of a chart and its subcharts, however they were stored.
fn contents(chart: &Chart, folder: &str, into: &mut BTreeSet<(String, Vec<u8>)>) {
    into.extend(chart.raw.iter().map(|file| (format!("{folder}{}", file.path), file.data.to_vec())));
    for subchart in &chart.subcharts {
        contents(subchart, &format!("{folder}charts/{}/", subchart.name()), into);
    }
}

#[test]
fn archives_hold_what_was_packed_and_pack_to_themselves() {
    for example in examples() {
        let chart = load(&example);
        let packed = packed(&chart);
        let again = chart::from_archive("again", &packed.bytes, &Limits::default()).unwrap();
        assert_eq!(chart.metadata, again.metadata);
        assert_eq!(chart.values, again.values);
        let (mut before, mut after) = (BTreeSet::new(), BTreeSet::new());
        contents(&chart, "", &mut before);
        contents(&again, "", &mut after);
        assert_eq!(before, after);
        assert_eq!(pack(&again, &PackOptions::default()).unwrap().digest, packed.digest);
        assert_eq!(chart::metadata_of_archive(&packed.bytes, &Limits::default()).unwrap(), chart.metadata);
    }
}

#[test]
fn nothing_of_the_machine_is_in_an_archive() {
    let packed = packed(&load(&examples()[0]));
    assert_eq!(packed.bytes[..10], [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff]);
    let tar = gzip::inflate(&packed.bytes, 10 << 20).unwrap();
    let mut at = 0;
    let mut names = Vec::new();
    while tar[at] != 0 {
        let header = &tar[at..at + 512];
        let text = |from: usize, to: usize| {
            let field = header[from..to].split(|byte| *byte == 0).next().unwrap();
            String::from_utf8(field.to_vec()).unwrap()
        };
        let octal = |from, to| u64::from_str_radix(text(from, to).trim(), 8).unwrap();
        assert_eq!((octal(100, 108), octal(108, 116), octal(116, 124)), (0o644, 0, 0));
        assert_eq!((octal(136, 148), header[156]), (bowline::package::DEFAULT_TIME, b'0'));
        assert_eq!((text(265, 297), text(297, 329)), (String::new(), String::new()));
        names.push(text(0, 100));
        at += 512 + (octal(124, 136) as usize).next_multiple_of(512);
    }
    assert!(names[0].ends_with("/Chart.yaml"), "{names:?}");
}

fn chart_of(files: &[(&str, &str)]) -> Chart {
    let files = files.iter().map(|(path, text)| ChartFile {
        path: (*path).into(),
        data: text.as_bytes().into(),
        modified: 0,
    });
    chart::from_files("c", files.collect(), &Limits::default()).unwrap()
}

const CHART_YAML: &str = "# mine\napiVersion: v2\nversion: 0.1.0\nname: c\n";

#[test]
fn replaced_versions_rewrite_only_chart_yaml() {
    let chart = chart_of(&[("Chart.yaml", CHART_YAML), ("values.yaml", "# mine\na: 1\n")]);
    let options =
        PackOptions { version: Some("2.0.0+b".into()), app_version: Some("1.10".into()), time: Some(1_000) };
    let packed = pack(&chart, &options).unwrap();
    assert_eq!(packed.file_name, "c-2.0.0+b.tgz");
    let files = chart::read_archive(&packed.bytes, &Limits::default()).unwrap();
    let text = |path: &str| files.iter().find(|file| &*file.path == path).unwrap().text().into_owned();
    assert_eq!(text("Chart.yaml"), "apiVersion: v2\nappVersion: \"1.10\"\nname: c\nversion: 2.0.0+b\n");
    assert_eq!(text("values.yaml"), "# mine\na: 1\n");
    assert!(files.iter().all(|file| file.modified == 1_000));
    let untouched =
        chart::read_archive(&pack(&chart, &PackOptions::default()).unwrap().bytes, &Limits::default());
    assert_eq!(untouched.unwrap()[0].text(), CHART_YAML);
    let bad = PackOptions { version: Some("zz".into()), ..PackOptions::default() };
    assert_eq!(pack(&chart, &bad).unwrap_err().to_string(), "invalid semantic version");
}

#[test]
fn charts_that_cannot_be_used_are_not_packed() {
    let needs = format!("{CHART_YAML}dependencies:\n- name: a\n- name: b\n");
    let error = pack(&chart_of(&[("Chart.yaml", &needs)]), &PackOptions::default()).unwrap_err();
    assert_eq!(error.to_string(), "found in Chart.yaml, but missing in charts/ directory: a, b");
    let broken = chart_of(&[("Chart.yaml", CHART_YAML), ("values.schema.json", "{")]);
    assert!(matches!(pack(&broken, &PackOptions::default()), Err(PackageError::Schema { .. })));
}

#[test]
fn old_charts_keep_their_requirements_and_new_ones_merge_them() {
    let requirements = "dependencies:\n- name: s\n  version: '1'\n";
    let files = |chart_yaml| {
        let sub = ("charts/s/Chart.yaml", "name: s\nversion: 1.0.0\n");
        let chart = chart_of(&[("Chart.yaml", chart_yaml), ("requirements.yaml", requirements), sub]);
        let packed = pack(&chart, &PackOptions::default()).unwrap();
        let files = chart::read_archive(&packed.bytes, &Limits::default()).unwrap();
        files.into_iter().map(|file| (file.path.to_string(), file.text().into_owned())).collect::<Vec<_>>()
    };
    let paths = |files: &[(String, String)]| files.iter().map(|(path, _)| path.clone()).collect::<Vec<_>>();
    let old = files("name: c\nversion: 0.1.0\n");
    assert_eq!(paths(&old), ["Chart.yaml", "requirements.yaml", "charts/s/Chart.yaml"]);
    let new = files(CHART_YAML);
    assert_eq!(paths(&new), ["Chart.yaml", "charts/s/Chart.yaml"]);
    assert!(new[0].1.contains("dependencies:\n- name: s\n"), "{}", new[0].1);
}

#[test]
fn long_paths_survive() {
    let long = format!("files/{}/{}.txt", "d".repeat(120), "f".repeat(160));
    let chart = chart_of(&[("Chart.yaml", CHART_YAML), (&long, "x"), ("files/é.txt", "x")]);
    let files = chart::read_archive(&packed(&chart).bytes, &Limits::default()).unwrap();
    let paths: Vec<&str> = files.iter().map(|file| &*file.path).collect();
    assert_eq!(paths, ["Chart.yaml", long.as_str(), "files/é.txt"]);
}

#[test]
fn two_versions_of_a_subchart_do_not_overwrite_each_other() {
    let sub = |folder: &str, version: &str| {
        (format!("charts/{folder}/Chart.yaml"), format!("name: s\nversion: {version}\n"))
    };
    let (one, two) = (sub("s-1", "1.0.0"), sub("s-2", "2.0.0"));
    let chart = chart_of(&[("Chart.yaml", CHART_YAML), (&one.0, &one.1), (&two.0, &two.1)]);
    let again = chart::from_archive("again", &packed(&chart).bytes, &Limits::default()).unwrap();
    let versions: Vec<&str> = again.subcharts.iter().map(|chart| &*chart.metadata.version).collect();
    assert_eq!(versions, ["1.0.0", "2.0.0"]);
}

#[test]
fn saved_archives_have_their_name() {
    let folder = tempfile::tempdir().unwrap();
    let packed = packed(&chart_of(&[("Chart.yaml", CHART_YAML)]));
    let path = packed.save(&folder.path().join("new/folder")).unwrap();
    assert_eq!(path, folder.path().join("new/folder/c-0.1.0.tgz"));
    assert_eq!(fs::read(path).unwrap(), packed.bytes);
}

/// The copy of the library within its user is the library, and its lock fits.
#[test]
fn vendored_charts_are_the_charts_beside() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("charts");
    let storefront = load(&folder.join("storefront"));
    let (mut vendored, mut original) = (BTreeSet::new(), BTreeSet::new());
    contents(&storefront.subcharts[0], "", &mut vendored);
    let common = load(&folder.join("common"));
    contents(&common, "", &mut original);
    assert_eq!(vendored, original);
    assert!(common.is_library());
    assert!(storefront.lock.as_ref().unwrap().is_in_sync(&storefront));
}

/// Helm reads every archive as it stands.
#[test]
fn helm_reads_the_archives() {
    let Some(helm) = crate::support::helm::helm("helm4") else { return };
    let folder = tempfile::tempdir().unwrap();
    for example in examples() {
        let chart = load(&example);
        let path = packed(&chart).save(folder.path()).unwrap();
        let show = Command::new(&helm)
            .args(["show", "values"])
            .arg(&path)
            .env("HOME", folder.path())
            .output()
            .unwrap();
        assert!(show.status.success(), "{}", String::from_utf8_lossy(&show.stderr));
        let values = chart.values_yaml.map(|file| file.text().to_string()).unwrap_or_default();
        assert_eq!(String::from_utf8_lossy(&show.stdout).trim_end(), values.trim_end());
    }
}
