//! Laws of what is read from files, archives, stores and arguments.
//!
//! Invariant: what was read is written and read again; it stays the same.

use bowline::chart::{self, ChartFile, Limits, Lock};
use bowline::data::version::{Constraint, Version};
use bowline::data::{Map, Value, gzip, json, yaml};
use bowline::diag::SourceFile;
use bowline::manifest::{self, Manifest, split::split};
use bowline::package::{PackOptions, pack};
use bowline::release::codec;
use bowline::repo::config::RepoFile;
use bowline::repo::index::{Index, Only};
use bowline::values::{Flag, set};

use super::{build, choice, text};

/// A chart archive. The first byte says what the rest is: `t` a description of a tar archive (see [`build::tar`]), `r` the
/// bytes of a tar archive, `f` the files of a chart (`path`, a line that is `.`, text, a line that is `.`), anything else
/// the bytes as they are. A chart that loads stays within its limits and survives being packed.
pub fn archive(data: &[u8]) {
    let (kind, rest) = choice(data);
    let bytes = match kind {
        b't' => gzip::deflate(&build::tar(&text(rest))),
        b'r' => gzip::deflate(rest),
        _ => data.to_vec(),
    };
    let mut limits = Limits::default();
    (limits.total_bytes, limits.file_bytes, limits.files, limits.subchart_depth) = (1 << 20, 1 << 19, 64, 3);
    let files = match chart::read_archive(&bytes, &limits) {
        Ok(files) => files,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            assert!(chart::from_archive("a.tgz", &bytes, &limits).is_err());
            return;
        }
    };
    files.iter().for_each(is_safe);
    assert!(files.len() <= limits.files);
    let size: usize = files.iter().map(|file| file.data.len()).sum();
    assert!(size as u64 <= limits.total_bytes, "{size} bytes");
    let _ = chart::metadata_of_archive(&bytes, &limits);
    match chart::from_archive("a.tgz", &bytes, &limits) {
        Err(error) => assert!(!error.to_string().is_empty()),
        Ok(chart) => {
            if let Ok(packed) = pack(&chart, &PackOptions::default()) {
                let again = chart::from_archive("b.tgz", &packed.bytes, &Limits::default())
                    .unwrap_or_else(|error| panic!("what was packed cannot be read: {error}"));
                assert_eq!(again.metadata, chart.metadata);
                assert_eq!(again.values, chart.values);
                let repacked = pack(&again, &PackOptions::default()).expect("what was packed can be packed");
                assert_eq!(packed.digest, repacked.digest);
            }
        }
    }
}

/// A path that cannot leave the folder it is written to.
fn is_safe(file: &ChartFile) {
    let path = &*file.path;
    let bad = path.is_empty() || path.starts_with('/') || path.contains(['\\', '\0']);
    assert!(!bad && path.split('/').all(|part| part != ".."), "{path:?}");
}

/// Documents of a manifest: in order, apart, within the text; what a release stores of them reads back.
pub fn manifest(data: &[u8]) {
    let text = text(data);
    let mut end = 0;
    for piece in split(&text) {
        assert!(piece.offset >= end);
        end = piece.offset + piece.text.len();
        assert_eq!(text.get(piece.offset..end), Some(piece.text));
    }
    if let Ok(outlines) = manifest::outline_stored("stored", &text) {
        for outline in &outlines {
            if let Ok(object) = outline.object() {
                assert_eq!(object.id, outline.id);
            }
        }
        if let Ok(objects) = manifest::parse_stored("stored", &text) {
            assert_eq!(objects.len(), outlines.len());
        }
    }
    match Manifest::from_rendered(&[SourceFile::new("c/templates/a.yaml", text.as_str())]) {
        Err(error) => assert!(!error.to_string().is_empty()),
        Ok(manifest) => {
            // Behind a row of more than three dashes a document may begin with three; where it is stored it stands at the
            // start of a line and parts documents. Helm stores the same bytes, and they must stay the same.
            let parts = |object: &manifest::Object| object.text.starts_with("---");
            if manifest.objects.iter().any(parts) {
                return;
            }
            let stored = manifest.text();
            let again = manifest::parse_stored("stored", &stored)
                .unwrap_or_else(|error| panic!("a stored manifest cannot be read: {error}\n{stored}"));
            // Documents of nothing but comments are kept for people; they are not told from the line that names a template.
            let ids = |objects: &[manifest::Object]| -> Vec<_> {
                let all = objects.iter().filter(|object| !object.body.is_null());
                all.map(|object| object.id.clone()).collect()
            };
            assert_eq!(ids(&again), ids(&manifest.objects));
        }
    }
}

/// Files that people and repositories write. The first byte chooses: `i` index.yaml, `r` repositories.yaml, `c` Chart.yaml,
/// `l` Chart.lock, `v` values.yaml with values.schema.json behind a NUL. What is read is the same when written and read again.
pub fn readers(data: &[u8]) {
    let (kind, rest) = choice(data);
    match kind {
        b'i' => index(rest),
        b'r' => repositories(rest),
        b'l' => {
            if let Ok(lock) = Lock::read(chart::lock::CHART_LOCK, &SourceFile::new("Chart.lock", text(rest)))
            {
                let written =
                    SourceFile::new("Chart.lock", lock.to_yaml().expect("a lock that was read is written"));
                let again = Lock::read(chart::lock::CHART_LOCK, &written).expect("a written lock is read");
                assert_eq!(written.text(), again.to_yaml().expect("and again"));
            }
        }
        b'v' => {
            let text = text(rest);
            let (values, schema) = text.split_once('\0').unwrap_or((text.as_str(), "{}"));
            let files = vec![
                build::file("Chart.yaml", "apiVersion: v2\nname: c\nversion: 1.0.0\n"),
                build::file("values.yaml", values),
                build::file("values.schema.json", schema),
            ];
            let _ = chart::from_files("c", files, &Limits::default());
        }
        _ => {
            let text = text(rest);
            if let Ok(chart) =
                chart::from_files("c", vec![build::file("Chart.yaml", &text)], &Limits::default())
            {
                let written = chart.metadata.to_yaml().expect("metadata that were read are written");
                let again =
                    chart::from_files("c", vec![build::file("Chart.yaml", &written)], &Limits::default())
                        .unwrap_or_else(|error| {
                            panic!("written metadata cannot be read: {error}\n{written}")
                        });
                assert_eq!(written, again.metadata.to_yaml().expect("and again"));
            }
        }
    }
}

fn index(data: &[u8]) {
    match Index::parse(data, "index.yaml", Only::All) {
        Err(error) => assert!(!error.to_string().is_empty()),
        Ok(loaded) => {
            for name in loaded.index.entries.keys() {
                let _ = loaded.index.find(name, "");
                let _ = loaded.index.find(name, ">0.0.0-0");
            }
            if let Ok(written) = loaded.index.to_yaml() {
                let again = Index::parse(written.as_bytes(), "index.yaml", Only::All)
                    .unwrap_or_else(|error| panic!("a written index cannot be read: {error}\n{written}"));
                let versions = |index: &Index| -> Vec<usize> {
                    index.entries.values().map(Vec::len).filter(|count| *count > 0).collect()
                };
                assert_eq!(versions(&loaded.index), versions(&again.index), "{written}");
            }
        }
    }
}

fn repositories(data: &[u8]) {
    let path = std::env::temp_dir().join(format!(
        "bowline-fuzz-{}-{:?}",
        std::process::id(),
        std::thread::current().id()
    ));
    std::fs::write(&path, data).expect("the folder for temporary files can be written");
    if let Ok(file) = RepoFile::load(&path)
        && let Ok(written) = file.to_yaml()
    {
        std::fs::write(&path, &written).expect("it can be written again");
        let again = RepoFile::load(&path).unwrap_or_else(|error| panic!("{error}\n{written}"));
        assert_eq!(again.repositories, file.repositories, "{written}");
    }
    let _ = std::fs::remove_file(&path);
}

/// The payload of a release, as a Secret holds it. The first byte says what the rest is: `j` the JSON, anything else the
/// payload itself. A record that is read is written and read again.
pub fn release(data: &[u8]) {
    let (kind, rest) = choice(data);
    let read = if kind == b'j' {
        let packed = bowline::data::base64::encode(gzip::deflate_release(rest));
        let read = codec::decode(packed.as_bytes());
        assert_eq!(read.is_ok(), codec::from_json(rest).is_ok());
        read
    } else {
        codec::decode(data)
    };
    match read {
        Err(reason) => assert!(!reason.is_empty()),
        Ok(release) => {
            if let Ok(written) = codec::encode(&release) {
                let again = codec::decode(written.as_bytes()).unwrap_or_else(|error| panic!("{error}"));
                assert_eq!(codec::to_json(&again), codec::to_json(&release));
            }
        }
    }
}

/// An argument of the `--set` family; the first byte chooses the flag. The same argument does the same, every place it says
/// it set is there, and setting it a second time changes nothing that it set but lists and maps that it merged into.
pub fn set(data: &[u8]) {
    let (kind, rest) = choice(data);
    let flag = match kind {
        b's' => Flag::String,
        b'f' => Flag::File,
        b'j' => Flag::Json,
        b'l' => Flag::Literal,
        _ => Flag::Set,
    };
    let argument = SourceFile::new("argument", text(rest));
    let run = || {
        let mut values = Map::new();
        for (key, value) in [
            ("a", Value::from(1)),
            ("list", Value::List(vec![Value::map(), Value::Null])),
            ("m", Value::map()),
        ] {
            values.insert(key.into(), value);
        }
        let done = set::apply(flag, &argument, &mut values, &mut |path| Ok(format!("content of {path}")));
        (values, done.map_err(|error| error.to_string()))
    };
    let ((values, done), (again, repeated)) = (run(), run());
    assert_eq!((&values, &done), (&again, &repeated));
    match done {
        Err(error) => assert!(!error.is_empty()),
        Ok(assignments) => {
            for set in assignments {
                assert!(argument.text().get(set.span.range()).is_some(), "{:?}", set.span);
            }
        }
    }
    assert!(json::to_string(&Value::Map(values)).is_ok_and(|text| text.len() < (1 << 20) + 100 * rest.len()));
}

/// A version, and behind a newline a constraint. A version that is read is the same when written and read again; a
/// constraint says the same with and without reasons; the order of versions is an order.
pub fn version(data: &[u8]) {
    let text = text(data);
    let (first, rest) = text.split_once('\n').unwrap_or((text.as_str(), "*"));
    let (second, request) = rest.split_once('\n').unwrap_or(("1.2.3-rc.1", rest));
    let read: Vec<Version> =
        [first, second].into_iter().filter_map(|text| Version::parse(text).ok()).collect();
    for version in &read {
        let written = version.to_string();
        let again = Version::parse(&written).unwrap_or_else(|error| panic!("{written}: {error}"));
        assert_eq!(again.to_string(), written);
        assert!(Version::parse_strict(&written).is_ok(), "{written}");
        assert_eq!(version.cmp(&again), std::cmp::Ordering::Equal);
        if let Ok(constraint) = Constraint::parse(request) {
            assert_eq!(
                constraint.check(version),
                constraint.validate(version).is_ok(),
                "{request} of {version}"
            );
        }
        if let Ok(exact) = Constraint::parse(&format!("={written}")) {
            assert!(exact.check(version), "={written}");
        }
    }
    if let [a, b] = read.as_slice() {
        assert_eq!(a.cmp(b), b.cmp(a).reverse());
    }
    let _ = Version::parse_strict(first);
    if let Ok(constraint) = Constraint::parse(request) {
        assert_eq!(constraint.original(), request);
    }
}

/// YAML that is read is the same when written and read again, whichever writer wrote it, and every error has a place in the
/// text.
pub fn yaml(data: &[u8]) {
    let text = text(data);
    let file = SourceFile::new("a.yaml", text.as_str());
    let _ = yaml::map_documents(&file);
    if let Ok(nodes) = yaml::parse_all(&file) {
        for node in nodes {
            assert!(text.get(node.span.range()).is_some(), "{:?}", node.span);
        }
    }
    let value = match yaml::to_value(&file) {
        Ok(value) => value,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            return;
        }
    };
    let written = yaml::to_string_in_order(&value);
    let again =
        yaml::value_from_text("b.yaml", &written).unwrap_or_else(|error| panic!("{error}\n{written}"));
    assert!(same(&value, &again), "{value:?}\nwas written as\n{written}\nand read as\n{again:?}");
    assert_eq!(yaml::to_string_in_order(&again), written);
    if let Ok(written) = yaml::try_to_string(&value)
        && !text.contains("<<")
        && !has_next_line(&value)
    {
        let again =
            yaml::value_from_text("c.yaml", &written).unwrap_or_else(|error| panic!("{error}\n{written}"));
        assert!(same(&value, &again), "{value:?}\nwas written as\n{written}\nand read as\n{again:?}");
        assert_eq!(yaml::to_string(&again), written);
    }
    let _ = yaml::to_string_pretty(&yaml::Pretty::from(&value));
    if let Ok(written) = json::to_string(&value) {
        let again = json::parse(&written).unwrap_or_else(|error| panic!("{error}\n{written}"));
        assert!(same(&value, &again), "{value:?}\nwas written as\n{written}\nand read as\n{again:?}");
    }
}

/// Whether a text has U+0085, which Helm's writer turns into a space.
fn has_next_line(value: &Value) -> bool {
    match value {
        Value::Str(text) => text.contains('\u{85}'),
        Value::List(items) => items.iter().any(has_next_line),
        Value::Map(map) => map.iter().any(|(key, value)| key.contains('\u{85}') || has_next_line(value)),
        _ => false,
    }
}

/// Equal but for the order of keys and for the kind of whole numbers.
#[allow(clippy::float_cmp, reason = "what is written has all digits")]
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::List(a), Value::List(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Map(a), Value::Map(b)) => {
            a.len() == b.len()
                && a.iter().all(|(key, value)| b.get(key).is_some_and(|other| same(value, other)))
        }
        (Value::Float(a), Value::Float(b)) => a == b || (a.is_nan() && b.is_nan()),
        (Value::Float(float), Value::Int(int)) => *float == *int as f64,
        (Value::Float(float), Value::Uint(int)) => *float == *int as f64,
        _ => a == b,
    }
}
