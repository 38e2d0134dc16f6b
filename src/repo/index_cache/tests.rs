//! Laws of the file: it says what the index says, and when anything about it is wrong it is not used.

use std::path::PathBuf;
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::repo::index::{Entry, Only};

const INDEX: &str = "apiVersion: v1
entries:
  db:
  - name: db
    version: 1.1.0
    appVersion: '9'
    description: A database
    keywords: [sql, store]
    home: https://x.invalid
    sources: [https://a.invalid, https://b.invalid]
    icon: https://x.invalid/i.png
    condition: db.enabled
    tags: a,b
    kubeVersion: '>=1.20'
    engine: gotpl
    type: application
    deprecated: true
    maintainers:
    - {name: A, email: a@x.invalid, url: https://a.invalid}
    annotations: {z: one, a: two}
    dependencies:
    - name: lib
      version: ^1
      repository: https://c.invalid
      condition: lib.on
      tags: [x, y]
      enabled: true
      alias: l
      import-values: [data, {child: a, parent: b}, {child: c, parent: d}]
    urls: [db-1.1.0.tgz, https://mirror.invalid/db-1.1.0.tgz]
    created: '2026-01-01T00:00:00Z'
    digest: abc
    removed: true
  - {name: db, version: 1.0.0, appVersion: '8', description: A database, keywords: [sql, store], urls: [db-1.0.0.tgz]}
  - {name: db, version: x}
  empty: []
  web:
  - {name: web, version: 2.0.0-rc.1, urls: [web.tgz]}
generated: '2026-01-01T00:00:00Z'
";

struct World {
    _keep: tempfile::TempDir,
    paths: RepoPaths,
}

impl World {
    fn new(index: &str) -> Self {
        let keep = tempfile::tempdir().unwrap();
        let of = |name: &str| keep.path().join(name);
        let paths = RepoPaths {
            config: of("r.yaml"),
            cache: of("cache"),
            content: of("content"),
            credentials: of("config.json"),
            registries: of("registries.yaml"),
        };
        let world = World { _keep: keep, paths };
        fs::write_atomic(&world.index(), index.as_bytes(), false).unwrap();
        make_old(&world.index());
        world
    }

    fn index(&self) -> PathBuf {
        self.paths.index("r")
    }

    fn file(&self) -> PathBuf {
        self.paths.compact_index("r")
    }

    fn made(index: &str) -> Self {
        let world = World::new(index);
        assert!(chart(&world.paths, "r", "db").is_none());
        listing(&world.paths, "r").unwrap();
        assert!(world.is_used());
        world
    }

    fn is_used(&self) -> bool {
        Opened::of(&self.paths, "r").and_then(Opened::listing).is_some()
            && ["db", "web", "empty", "none"].iter().all(|name| chart(&self.paths, "r", name).is_some())
    }
}

/// Makes a file ten seconds older: one that was written just now is not told from one that is being written.
fn make_old(path: &Path) {
    let (file, _) = fs::open(path).unwrap();
    let changed = file.metadata().unwrap().modified().unwrap();
    file.set_modified(changed - Duration::from_secs(10)).unwrap();
}

fn shown(listing: &Listing) -> String {
    let mut text = format!("{:?}", listing.dropped);
    for chart in &listing.charts {
        text += &chart.name;
        for line in chart.lines() {
            let Line { version, app_version, description, keywords, words: _ } = line;
            text += &format!(" {version:?} {app_version:?} {description:?} {keywords:?}");
        }
    }
    text
}

#[test]
fn the_file_says_what_the_index_says() {
    let world = World::made(INDEX);
    for name in ["db", "web", "empty", "none"] {
        let ours = chart(&world.paths, "r", name).unwrap();
        let theirs = Index::read(&world.index(), Only::Chart(name)).unwrap();
        assert_eq!(format!("{ours:?}"), format!("{theirs:?}"));
    }
    let kept = Opened::of(&world.paths, "r").and_then(Opened::listing).unwrap();
    let made = Compact::parse(INDEX.as_bytes(), "x").unwrap().listing();
    assert_eq!(shown(&kept), shown(&made));
    assert!(shown(&kept).contains("db \"1.1.0\" \"9\" \"A database\" \"sql store\" \"1.0.0\" \"8\""));
    assert_eq!(kept.warnings("x").count(), 1);
}

#[test]
fn a_file_of_another_index_is_made_anew() {
    let world = World::made(INDEX);
    let newer = INDEX.replace("1.1.0", "1.2.0");
    fs::write_atomic(&world.index(), newer.as_bytes(), false).unwrap();
    assert!(!world.is_used());
    make_old(&world.index());
    assert!(!world.is_used());
    assert!(shown(&listing(&world.paths, "r").unwrap()).contains("1.2.0"));
    assert!(world.is_used());
    // As old as the index: the index may have been changed in the moment after it was read.
    let (index, _) = fs::open(&world.index()).unwrap();
    let (file, _) = fs::open(&world.file()).unwrap();
    file.set_modified(index.metadata().unwrap().modified().unwrap()).unwrap();
    assert!(!world.is_used());
    fs::remove_file(&world.index()).unwrap();
    assert!(listing(&world.paths, "r").is_err());
}

#[test]
fn a_damaged_file_is_not_used_wherever_the_damage_is() {
    let world = World::made(INDEX);
    let good = fs::read(&world.file(), PART_LIMIT).unwrap();
    for at in 0..good.len() {
        let mut bad = good.clone();
        bad[at] ^= 0x40;
        fs::write(&world.file(), &bad).unwrap();
        assert!(!world.is_used(), "byte {at}");
        let cut = good.get(..at).unwrap();
        fs::write(&world.file(), cut).unwrap();
        assert!(!world.is_used(), "cut at {at}");
    }
    fs::write(&world.file(), &[good.as_slice(), b"more"].concat()).unwrap();
    assert!(world.is_used());
    fs::write(&world.file(), b"").unwrap();
    listing(&world.paths, "r").unwrap();
    assert!(world.is_used(), "a broken file is replaced");
}

#[test]
fn a_folder_that_cannot_be_written_costs_nothing_but_time() {
    let world = World::new(INDEX);
    fs::create_dir_all(&world.file()).unwrap();
    assert_eq!(listing(&world.paths, "r").unwrap().charts.len(), 3);
}

#[test]
fn a_text_cannot_be_asked_for_without_end() {
    let mut writer = Writer::default();
    let mut texts = TextsOf::new();
    let long = "x".repeat(1 << 20);
    let number = u64::from(texts.number(&long));
    texts.finish(&mut writer);
    writer.number(1);
    writer.number(5_000);
    for _ in 0..5_000 {
        writer.number(number);
    }
    assert!(entries::read(&mut Reader::new(&writer.bytes)).is_none());
}

#[test]
fn what_is_kept_of_archives_stands_for_them() {
    use crate::repo::generate::{Archive, GenerateOptions, archives as listed, generate_and_write};

    let keep = tempfile::tempdir().unwrap();
    let mut host = crate::sys::Host::of_process().unwrap();
    host.dirs.cache = keep.path().join("cache");
    let folder = keep.path().join("dist");
    // Not a chart at all: whoever reads it leaves it out.
    fs::write_atomic(&folder.join("db-1.1.0.tgz"), b"no archive", false).unwrap();
    std::thread::sleep(Duration::from_millis(30));
    let file = listed(&folder).unwrap().remove(0);
    let entry = Arc::clone(&Index::parse(INDEX.as_bytes(), "x", Only::All).unwrap().index.entries["db"][0]);
    let (modified, changed) = ((file.modified, file.modified_nanos), file.changed);
    let known = BTreeMap::from([(file.relative, Archive { size: file.size, modified, changed, entry })]);
    archives::Cache::of(&host, &folder).store(&known, &BTreeMap::new());
    let options = GenerateOptions { url: "https://u.invalid".into(), ..GenerateOptions::default() };
    let index = || generate_and_write(&folder, &options, &host).unwrap().index.entries;
    let entries = index();
    assert_eq!((entries.len(), entries["db"][0].digest.as_str()), (1, "abc"));
    assert_eq!(entries["db"][0].urls, ["https://u.invalid/db-1.1.0.tgz"]);
    assert!(entries["db"][0].created.as_str() > "2026");
    fs::write(&folder.join("db-1.1.0.tgz"), b"NO ARCHIVE").unwrap();
    assert!(index().is_empty(), "a change of the content is noticed");
}

use super::texts::TextsWriter as TextsOf;

proptest! {
    #[test]
    fn made_up_parts_are_refused_or_read_but_never_crash(bytes: Vec<u8>) {
        let _ = entries::read(&mut Reader::new(&bytes));
        let _ = listing::read("x", &mut Reader::new(&bytes));
        let _ = Table::read(&bytes).map(|table| table.flatten().map(|row| row.length).max());
    }

    #[test]
    fn entries_with_any_texts_come_back(texts in proptest::collection::vec(".{0,12}", 8), flags: [bool; 2]) {
        let entry = |version: &str| {
            let mut metadata = crate::chart::Metadata {
                name: Arc::from(texts[0].as_str()),
                version: version.to_string(),
                description: texts[1].clone(),
                keywords: texts.clone(),
                chart_type: flags[0].then(|| texts[2].clone()),
                deprecated: flags[1],
                ..Default::default()
            };
            metadata.annotations.get_or_insert_default().insert(texts[3].clone(), texts[4].clone());
            let version = crate::data::version::Version::parse(version).unwrap();
            Entry { metadata, urls: texts.clone(), created: texts[5].clone(), removed: flags[0], digest: texts[6].clone(), version }
        };
        let written = [entry("1.0.0"), entry("v0.9")];
        let mut writer = Writer::default();
        prop_assert!(entries::write(written.iter(), &mut writer).is_some());
        let read = entries::read(&mut Reader::new(&writer.bytes)).unwrap();
        prop_assert_eq!(format!("{read:?}"), format!("{written:?}"));
    }
}
