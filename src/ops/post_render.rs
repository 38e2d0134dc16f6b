//! A program between rendering and applying: `--post-renderer`.
//!
//! As in Helm 4 the program gets every rendered document, hooks included and notes not, each marked with the file that it
//! came from; by that mark its answer is sorted back into files. The mark is put in and taken out as text, so a document
//! that the program leaves alone comes back byte for byte; only where that does not work is it written anew.
//!
//! Invariant: no document leaves here with a mark.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::LazyLock;

use regex::Regex;

use super::options::PostRenderer;
use super::{Context, OpsError};
use crate::data::{Map, Value, yaml};
use crate::diag::SourceFile;
use crate::manifest::{Manifest, split};
use crate::sys::process::Filter;

/// The annotation that names a document's file.
const MARK: &str = "postrenderer.helm.sh/postrender-filename";
/// Most bytes that a post-renderer may answer.
const MOST_BYTES: u64 = 256 << 20;

/// Sends rendered files through a program.
///
/// # Errors
/// The program cannot be started or fails, or what it answers is no manifest.
pub fn run(
    context: &Context<'_>,
    renderer: &PostRenderer,
    files: &[Arc<SourceFile>],
) -> Result<Vec<Arc<SourceFile>>, OpsError> {
    let mut files: Vec<&Arc<SourceFile>> = files.iter().collect();
    files.sort_by(|a, b| a.name().cmp(b.name()));
    let mut input = String::new();
    for file in files.iter().filter(|file| !base(file.name()).starts_with('_')) {
        for piece in split::split(file.text()) {
            for marked in marked(file.name(), piece.text) {
                if !input.is_empty() {
                    input.push_str("---\n");
                }
                input.push_str(&marked);
            }
        }
    }
    let output = filter(context, renderer, input.into_bytes())?;
    let mut sorted: BTreeMap<String, String> = BTreeMap::new();
    for (index, piece) in split::split(&output).enumerate() {
        let name = format!("answer of {}", renderer.name);
        let answer = SourceFile::new(name.as_str(), piece.text);
        let value = yaml::to_value(&answer)
            .map_err(|error| failure(format!("document {} of the answer: {error}", index + 1)))?;
        let (file, text) = match mark_of(&value) {
            Some(file) => (file.to_string(), unmarked(piece.text, &value)),
            None if value.is_null() => continue,
            None => {
                // Helm counts all documents of the answer, from 0.
                (format!("generated-by-postrender-{index}.yaml"), piece.text.to_string())
            }
        };
        let file = sorted.entry(file).or_default();
        if !file.is_empty() {
            file.push_str("---\n");
        }
        file.push_str(&text);
        if !text.ends_with('\n') {
            file.push('\n');
        }
    }
    Ok(sorted.into_iter().map(|(name, text)| SourceFile::new(name, text)).collect())
}

/// As Helm 3 does it: the program gets the sorted objects with their `# Source:` lines, and no hooks.
///
/// # Errors
/// As [`run`].
pub fn run_on_manifest(
    context: &Context<'_>,
    renderer: &PostRenderer,
    manifest: &mut Manifest,
) -> Result<(), OpsError> {
    let output = filter(context, renderer, manifest.text().into_bytes())?;
    manifest.objects = crate::manifest::parse_stored("", &output)?;
    Ok(())
}

fn filter(context: &Context<'_>, renderer: &PostRenderer, input: Vec<u8>) -> Result<String, OpsError> {
    let filter = Filter {
        program: &renderer.program,
        arguments: &renderer.arguments,
        timeout: renderer.timeout,
        limit: MOST_BYTES,
        interrupted: context.interrupted,
    };
    let output = filter
        .run(context.host, input)
        .map_err(|source| OpsError::PostRender { source: Box::new(source) })?;
    let output = String::from_utf8(output)
        .map_err(|error| failure(format!("the answer is not UTF-8 text: {}", error.utf8_error())))?;
    if output.trim().is_empty() {
        return Err(failure(format!("post-renderer {:?} produced empty output", renderer.name)));
    }
    Ok(output)
}

fn failure(message: String) -> OpsError {
    OpsError::refused_with(
        format!("error while running post render on files: {message}"),
        "the program must print the manifests that it reads from its standard input, changed or not",
    )
}

fn base(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// The file that a document's mark names.
fn mark_of(value: &Value) -> Option<&str> {
    value.path(["metadata", "annotations", MARK])?.as_str()
}

/// A document with its mark; each object of a `List` for itself, and nothing of a document of nothing but comments.
fn marked(file: &str, document: &str) -> Vec<String> {
    let value = yaml::value_from_text(file, document).unwrap_or_default();
    let Some(map) = value.as_map() else { return Vec::new() };
    match (map.get("kind").and_then(Value::as_str), map.get("items").and_then(Value::as_list)) {
        (Some("List"), Some(items))
            if !items.is_empty() && items.iter().all(|item| item.as_map().is_some()) =>
        {
            items.iter().map(|item| yaml::to_string(&with_mark(item, file))).collect()
        }
        _ => vec![marked_object(file, document, &value)],
    }
}

fn marked_object(file: &str, document: &str, value: &Value) -> String {
    let carries_only_the_mark = |text: &str| {
        let read = yaml::value_from_text(file, text).ok();
        read.is_some_and(|read| mark_of(&read) == Some(file) && without_mark(&read) == without_mark(value))
    };
    let text = with_line_end(document);
    let as_text = marked_text(file, &text).filter(|text| carries_only_the_mark(text));
    as_text.unwrap_or_else(|| yaml::to_string(&with_mark(value, file)))
}

fn with_line_end(text: &str) -> String {
    let text = text.trim_end_matches(['\n', '\r', ' ']);
    format!("{text}\n")
}

/// The document with the mark as text; whether that is right is for the caller to check.
fn marked_text(file: &str, text: &str) -> Option<String> {
    let entry = format!("{MARK}: '{}'", file.replace('\'', "''"));
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let Some(at) = lines.iter().position(|line| line.trim_end() == "metadata:") else {
        if let Some(at) = lines.iter().position(|line| line.starts_with("metadata: {")) {
            let line = lines.get(at)?.trim_end();
            let inner = line.strip_suffix('}')?.trim_end();
            let comma = if inner.ends_with('{') { "" } else { ", " };
            return Some(replaced(&lines, at, &format!("{inner}{comma}annotations: {{{entry}}}}}\n")));
        }
        let any = lines.iter().any(|line| line.starts_with("metadata"));
        return (!any).then(|| format!("{text}metadata:\n  annotations:\n    {entry}\n"));
    };
    let end = block_end(&lines, at);
    let indent = indent(lines.get(at + 1)?);
    let flow = (at + 1..end).find(|line| {
        lines.get(*line).is_some_and(|text| {
            self::indent(text) == indent && text.trim_start().starts_with("annotations: {")
        })
    });
    if let Some(flow) = flow {
        let inner = lines.get(flow)?.trim_end().strip_suffix('}')?.trim_end();
        let comma = if inner.ends_with('{') { "" } else { ", " };
        return Some(replaced(&lines, flow, &format!("{inner}{comma}{entry}}}\n")));
    }
    let own = (at + 1..end).find(|line| {
        lines.get(*line).is_some_and(|text| self::indent(text) == indent && text.trim() == "annotations:")
    });
    let (at, addition) = match own {
        Some(own) => {
            let end = block_end(&lines, own);
            let deeper = lines.get(own + 1).map_or(0, |line| self::indent(line));
            if end == own + 1 || deeper <= indent {
                return None;
            }
            (end, format!("{}{entry}\n", " ".repeat(deeper)))
        }
        None => {
            let pad = " ".repeat(indent);
            (end, format!("{pad}annotations:\n{pad}  {entry}\n"))
        }
    };
    let mut out: String = lines.get(..at)?.concat();
    out.push_str(&addition);
    out.push_str(&lines.get(at..)?.concat());
    Some(out)
}

fn replaced(lines: &[&str], at: usize, new: &str) -> String {
    let mut out = String::new();
    for (index, line) in lines.iter().enumerate() {
        let _ = out.write_str(if index == at { new } else { line });
    }
    out
}

/// How many spaces a line starts with.
fn indent(line: &str) -> usize {
    line.len() - line.trim_start_matches(' ').len()
}

/// The line behind a key's block: the first that is not deeper than the key, blank lines and comments at its end left out.
fn block_end(lines: &[&str], at: usize) -> usize {
    let own = lines.get(at).map_or(0, |line| indent(line));
    let mut end = at + 1;
    for (index, line) in lines.iter().enumerate().skip(at + 1) {
        if line.trim().is_empty() || line.trim_start().starts_with('#') {
            continue;
        }
        if indent(line) <= own {
            break;
        }
        end = index + 1;
    }
    end
}

/// A document without its mark.
fn unmarked(text: &str, value: &Value) -> String {
    let wanted = without_mark(value);
    let is_right = |text: &String| {
        yaml::value_from_text("answer", text)
            .is_ok_and(|read| without_mark(&read) == wanted && mark_of(&read).is_none())
    };
    let cut = cut_flow(text).or_else(|| cut_block(text)).filter(is_right);
    cut.unwrap_or_else(|| yaml::to_string(&wanted))
}

/// Cuts the mark out of a map in braces.
fn cut_flow(text: &str) -> Option<String> {
    static FLOW: LazyLock<Option<[Regex; 3]>> = LazyLock::new(|| {
        let entry =
            format!(r#"["']?{}["']?: ?(?:'(?:[^'\n]|'')*'|"[^"\n]*"|[^,}}\n]*)"#, regex::escape(MARK));
        let new = |pattern: String| Regex::new(&pattern).ok();
        Some([
            new(format!(r"(?:, )?annotations: ?\{{ ?{entry} ?\}}"))?,
            new(format!(r"(\{{ ?){entry}, ?"))?,
            new(format!(r", ?{entry}"))?,
        ])
    });
    let [whole, first, later] = FLOW.as_ref()?;
    for (pattern, kept) in [(whole, ""), (first, "$1"), (later, "")] {
        let line_has_brace = pattern.find(text).is_some_and(|found| {
            let line = text.get(..found.end()).unwrap_or("").rsplit('\n').next().unwrap_or("");
            line.contains('{')
        });
        if line_has_brace {
            return Some(pattern.replace(text, kept).into_owned());
        }
    }
    None
}

/// Cuts the mark's line, and the keys above it that hold nothing else.
fn cut_block(text: &str) -> Option<String> {
    let mut lines: Vec<&str> = text.split_inclusive('\n').collect();
    let is_mark = |line: &&str| line.trim_start().trim_start_matches(['"', '\'']).starts_with(MARK);
    let at = lines.iter().position(is_mark)?;
    lines.remove(at);
    let mut above = at;
    for key in ["annotations:", "metadata:"] {
        let parent = above.checked_sub(1)?;
        let line = lines.get(parent)?;
        if line.trim() != key || block_end(&lines, parent) > parent + 1 {
            break;
        }
        lines.remove(parent);
        above = parent;
    }
    Some(lines.concat())
}

fn with_mark(value: &Value, file: &str) -> Value {
    let mut value = value.clone();
    if let Some(annotations) = annotations_of(&mut value) {
        annotations.insert(MARK.into(), Value::str(file));
    }
    value
}

/// The annotations of a document, made where there are none.
fn annotations_of(value: &mut Value) -> Option<&mut Map> {
    let mut map = value.as_map_mut()?;
    for key in ["metadata", "annotations"] {
        let inner = map.entry(key.into()).or_insert_with(Value::map);
        if inner.is_null() {
            *inner = Value::map();
        }
        map = inner.as_map_mut()?;
    }
    Some(map)
}

/// The document without the mark, and without maps that only the mark made.
fn without_mark(value: &Value) -> Value {
    let mut value = value.clone();
    let Some(top) = value.as_map_mut() else { return value };
    let Some(metadata) = top.get_mut("metadata").and_then(Value::as_map_mut) else { return value };
    if let Some(annotations) = metadata.get_mut("annotations").and_then(Value::as_map_mut) {
        annotations.shift_remove(MARK);
        if annotations.is_empty() {
            metadata.shift_remove("annotations");
        }
    }
    if metadata.is_empty() {
        top.shift_remove("metadata");
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_goes_in_and_out_without_a_trace() {
        for text in [
            "kind: A\nmetadata:\n  name: a\n",
            "# c\nkind: A\nmetadata:\n  name: a # x\n\n  # y\nspec: {}\n",
            "kind: A\nmetadata:\n    name: a\n    annotations:\n        b: c\n    labels: {}\ndata: 1\n",
            "metadata: {name: h}\nkind: A\n",
            "metadata: {name: h, annotations: {a: b}}\nkind: A\n",
            "kind: List\nitems: []\n",
            "kind: A\nmetadata:\n  annotations: {\"a/b\": c}\n  name: a\n",
            "{kind: A, metadata: {name: a}}\n",
            "kind: A\nmetadata:\nspec: 1\n",
        ] {
            let with = marked("c/templates/it's.yaml", text).concat();
            let value = yaml::value_from_text("x", &with).expect("YAML");
            assert_eq!(mark_of(&value), Some("c/templates/it's.yaml"), "{with}");
            let back = unmarked(&with, &value);
            assert!(!back.contains(MARK), "{back}");
            // Metadata of nothing goes with the mark that was in it.
            let read = |text: &str| {
                let mut value = without_mark(&yaml::value_from_text("x", text).expect("YAML"));
                if let Some(map) = value.as_map_mut().filter(|map| map.get("metadata") == Some(&Value::Null))
                {
                    map.shift_remove("metadata");
                }
                value
            };
            assert_eq!(read(&back), read(text), "{back}");
            if text.contains("name: a\n") || text.starts_with("metadata: {name: h}") {
                assert_eq!(back, text);
            }
        }
        assert!(marked("f", "# nothing\n").is_empty());
        let items = marked("f", "kind: List\nitems:\n- kind: A\n- kind: B\n");
        assert_eq!(items.len(), 2);
        assert!(items.iter().all(|item| item.contains(MARK)));
        let reformatted = "kind: A\nmetadata:\n  annotations:\n    postrenderer.helm.sh/postrender-filename: f\n  name: a\n";
        let value = yaml::value_from_text("x", reformatted).expect("YAML");
        assert_eq!(unmarked(reformatted, &value), "kind: A\nmetadata:\n  name: a\n");
    }
}
