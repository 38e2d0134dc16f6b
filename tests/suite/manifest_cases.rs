//! Manifests over case files: what is split, sorted, dropped and refused must print as `helm template` prints it.
//!
//! The cases below tests/cases/manifest are one JSON object per line: files (templates without actions), and the output
//! of Helm 4.3.1 for them.

use std::path::Path;
use std::sync::Arc;

use bowline::data::Value;
use bowline::diag::{Hint, SourceFile};
use bowline::manifest::{Manifest, outline_stored, parse_stored};

fn rendered(case: &Value) -> Vec<Arc<SourceFile>> {
    let files = case.get("files").and_then(Value::as_map).unwrap();
    files
        .iter()
        .map(|(name, text)| SourceFile::new(format!("m/templates/{name}"), text.as_str().unwrap()))
        .collect()
}

#[test]
fn manifests_print_as_helm_prints_them() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/manifest");
    let (mut total, mut failures) = (0, Vec::new());
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        for (number, line) in std::fs::read_to_string(&path).unwrap().lines().enumerate() {
            total += 1;
            let case: Value = serde_json::from_str(line).unwrap();
            let place = format!("{}:{}", path.file_name().unwrap().to_string_lossy(), number + 1);
            let (found, wanted) = match Manifest::from_rendered(&rendered(&case)) {
                Ok(manifest) => {
                    let stored = manifest.text();
                    let again = parse_stored("manifest", &stored).unwrap();
                    let texts = |objects: &[bowline::manifest::Object]| -> Vec<(String, String)> {
                        objects.iter().map(|o| (o.source.to_string(), o.text.to_string())).collect()
                    };
                    assert_eq!(texts(&again), texts(&manifest.objects), "{place}");
                    let outlines = outline_stored("manifest", &stored).unwrap();
                    assert!(
                        outlines
                            .iter()
                            .map(|o| (&o.id, o.text()))
                            .eq(again.iter().map(|o| (&o.id, &*o.text))),
                        "{place}: outlines differ"
                    );
                    let mut out = format!("{}\n", stored.trim());
                    out.push_str(&Manifest::hooks_text(&manifest.hooks));
                    (
                        format!("{out}[{} dropped]", manifest.notes.len()),
                        case.get("want").map(|want| {
                            let Some(Value::Int(notes)) = case.get("notes") else { panic!("{place}: notes") };
                            format!("{}[{notes} dropped]", want.as_str().unwrap())
                        }),
                    )
                }
                Err(error) => {
                    assert!(
                        error.diagnostic().is_some_and(|diagnostic| diagnostic.at.is_some()),
                        "{place}: {error}"
                    );
                    (error.to_string(), case.get("error").and_then(Value::as_str).map(str::to_string))
                }
            };
            if wanted.as_deref() != Some(&found) {
                failures.push(format!(
                    "{place} {:?}\nwanted {wanted:?}\n found {found:?}",
                    case.get("files").unwrap()
                ));
            }
        }
    }
    assert!(failures.is_empty(), "{} of {total} cases differ:\n{}", failures.len(), failures.join("\n"));
    assert!(total > 150, "only {total} cases");
}

/// Each document of a manifest ends with a line feed of its own, which a block takes along that keeps its empty lines, or
/// has no line feed at its end: the values are what Helm 4.3.1 leaves in a cluster.
#[test]
fn a_block_at_the_end_has_the_line_feed_of_the_manifest_too() {
    let value = |header: &str, end: &str| {
        let text = format!(
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: a}}\ndata:\n  k: {header}\n    x{end}"
        );
        let manifest = Manifest::from_rendered(&[SourceFile::new("m/templates/a.yaml", text)]).unwrap();
        let read = |object: &bowline::manifest::Object| {
            object.body.path(["data", "k"]).and_then(Value::as_str).unwrap().to_string()
        };
        let stored = parse_stored("manifest", &manifest.text()).unwrap();
        assert_eq!(read(&stored[0]), read(&manifest.objects[0]), "{header}");
        read(&stored[0])
    };
    for (header, ended, open) in [
        ("|", "x\n", "x\n"),
        ("|-", "x", "x"),
        ("|+", "x\n\n", "x\n"),
        ("|2+", "x\n\n", "x\n"),
        ("|+2", "x\n\n", "x\n"),
        (">", "x\n", "x\n"),
        (">+", "x\n\n", "x\n"),
    ] {
        assert_eq!([value(header, "\n"), value(header, "")], [ended, open], "{header}");
    }
}
