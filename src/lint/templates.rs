//! The rules about templates/: the files, what they render to, and the objects in that.
//!
//! Invariant: rendering sees neither store nor network. What is no YAML ends these rules, as in Helm.

use std::sync::Arc;

use serde::Deserialize;

use super::{Files, Finding, Settings, deprecated, names, values_yaml};
use crate::chart::{Chart, ChartError, ChartFile};
use crate::data::{Map, Value, yaml};
use crate::diag::{SourceFile, Span};
use crate::render::{self, Job, Record, ReleaseInfo, RenderError, RenderedFile, blame};
use crate::sys::fs::Kind;
use crate::values::{self, Processed, ValuesError};

const PATH: &str = "templates/";
/// The release that templates see.
const RELEASE: &str = "test-release";
/// Kinds that choose pods.
const SELECTING: &[&str] = &["DaemonSet", "Deployment", "ReplicaSet", "StatefulSet"];

/// What of a document is looked at. The names are those of Go's messages.
#[derive(Deserialize, Default)]
#[serde(default, rename = "rules.k8sYamlStruct")]
struct Head {
    #[serde(rename = "apiVersion")]
    api_version: String,
    #[serde(rename = "Kind")]
    kind: String,
    #[serde(rename = "Metadata")]
    metadata: HeadMetadata,
}

#[derive(Deserialize, Default)]
#[serde(default, rename = "rules.k8sYamlMetadata")]
struct HeadMetadata {
    #[serde(rename = "Name")]
    name: String,
}

pub(super) fn check(
    files: &Files,
    chart: Result<&Chart, &ChartError>,
    settings: &Settings<'_>,
    findings: &mut Vec<Finding>,
) {
    match files.kind("templates") {
        Kind::Missing => {
            return findings.push(Finding::new("template-folder", PATH, "directory does not exist"));
        }
        Kind::Folder => {}
        _ => return findings.push(Finding::new("template-folder-kind", PATH, "not a directory")),
    }
    let chart = match chart {
        Ok(chart) => chart,
        Err(error) => {
            return findings.push(Finding::new("template-load", PATH, error.to_string()).because(error));
        }
    };
    let Some(rendered) = render(chart, files, settings, findings) else { return };
    for file in &chart.templates {
        let path = &*file.path;
        extension(path, findings);
        let output = format!("{}/{}", chart.name(), path.strip_suffix(".tera").unwrap_or(path));
        let text = rendered.iter().find(|(name, _)| **name == *output).map(|(_, text)| text.as_str());
        let Some(text) = text.filter(|text| !text.trim().is_empty()) else { continue };
        let lower = output.to_lowercase();
        if ![".yaml", ".yml"].iter().any(|extension| lower.ends_with(extension)) {
            continue;
        }
        let source = shown(files, file, text);
        indent(path, &source, findings);
        for (offset, document) in documents(source.text()) {
            let document = match document {
                Ok(document) => document,
                Err(reason) => {
                    let found = unparsed("template-parse", path, &reason);
                    let found = found.at(&source, Span::new(offset, offset + "---".len()));
                    return findings.push(in_template(found, &output, files, chart, settings));
                }
            };
            if !object(path, &source, offset, document, settings, findings) {
                let found = findings.pop().map(|found| in_template(found, &output, files, chart, settings));
                return findings.extend(found);
            }
        }
    }
}

/// The rendered text under the name of its template; when the template is plain text, they are the same.
fn shown(files: &Files, file: &ChartFile, text: &str) -> Arc<SourceFile> {
    let name = files.name_of(&file.path);
    if file.text() == text {
        return SourceFile::new(name, text);
    }
    SourceFile::new(format!("{name} (rendered)"), text)
}

/// The finding at the line of the template that wrote the text. The chart is rendered once more for that, and whatever goes
/// wrong then leaves the finding as it is.
fn in_template(
    mut found: Finding,
    output: &str,
    files: &Files,
    chart: &Chart,
    settings: &Settings<'_>,
) -> Finding {
    let Some(diagnostic) = &mut found.diagnostic else { return found };
    let Ok(Processed { chart, values, .. }) = process(chart, files, settings) else { return found };
    let Ok(rendered) = render_all(&chart, &Value::Map(values), settings, true) else { return found };
    if let Some(file) = rendered.iter().find(|file| *file.name == *output) {
        blame::move_to_template(diagnostic, file);
        // Templates are named by their chart, files as the user reaches them.
        let prefix = format!("{}/", chart.name());
        if let Some(at) = &mut diagnostic.at
            && let Some(path) = at.file.name().strip_prefix(&prefix)
        {
            at.file = SourceFile::new(files.name_of(path), at.file.text());
        }
    }
    found
}

/// Renders the chart with what `lint` lets pass; with `map` it is recorded where each byte comes from.
fn render_all(
    chart: &Chart,
    values: &Value,
    settings: &Settings<'_>,
    map: bool,
) -> Result<Vec<RenderedFile>, RenderError> {
    let release =
        ReleaseInfo { revision: 0, is_install: false, ..ReleaseInfo::install(RELEASE, settings.namespace) };
    render::render(&Job {
        chart,
        values,
        release: &release,
        capabilities: settings.capabilities,
        host: settings.host,
        lookup: None,
        options: render::Options {
            lint: true,
            record: Record { map, reads: false },
            ..render::Options::default()
        },
    })
}

/// The chart and the values as Helm's lint has them, which fills them in twice. The defaults that a null of the user's took out,
/// and that the second time brings back, are left out again.
fn process(chart: &Chart, files: &Files, settings: &Settings<'_>) -> Result<Processed, ValuesError> {
    let given = values_yaml::left_by_check(files, settings.values);
    let Processed { chart, values: once, mut warnings } = values::process(chart, &given, settings.compat)?;
    let mut values = values::coalesce(&chart, &once, settings.compat, &mut warnings)?;
    leave_out_what_came_back(&once, &mut values);
    Ok(Processed { chart, values, warnings })
}

/// As deep as values were filled in.
fn leave_out_what_came_back(once: &Map, twice: &mut Map) {
    twice.retain(|key, value| match (once.get(key), value) {
        (None, value) => value.is_null(),
        (Some(Value::Map(once)), Value::Map(twice)) => {
            leave_out_what_came_back(once, twice);
            true
        }
        _ => true,
    });
}

/// Renders the chart; `None` when that failed, which is among the findings then.
fn render(
    chart: &Chart,
    files: &Files,
    settings: &Settings<'_>,
    findings: &mut Vec<Finding>,
) -> Option<Vec<(Arc<str>, String)>> {
    let checked = process(chart, files, settings).and_then(|processed| {
        if !settings.skip_schema {
            let Processed { chart, values, .. } = &processed;
            values::schema::validate(chart, values, Some(settings.provenance), Some(settings.documents))?;
        }
        Ok(processed)
    });
    let Processed { chart, values, .. } = match checked {
        Ok(processed) => processed,
        // Helm says nothing of these here, and `install` does.
        Err(ValuesError::Dependencies { .. }) => return None,
        Err(error) => {
            findings.push(Finding::new("template-values", PATH, error.to_string()).because(&error));
            return None;
        }
    };
    match render_all(&chart, &Value::Map(values), settings, false) {
        Ok(rendered) => {
            rendered.iter().flat_map(|file| &file.passed).for_each(|passed| (settings.passed)(passed));
            Some(rendered.into_iter().map(|file| (file.name, file.text)).collect())
        }
        Err(error) => {
            for failure in error.failures() {
                let mut finding = Finding::new("template-render", PATH, &*failure.text);
                finding.diagnostic = Some(failure.diagnostic.clone());
                findings.push(finding);
            }
            if error.failures().is_empty() {
                findings.push(Finding::new("template-render", PATH, error.to_string()));
            }
            None
        }
    }
}

fn extension(path: &str, findings: &mut Vec<Finding>) {
    let file = path.rsplit('/').next().unwrap_or(path);
    // What renders to another name is judged by that; named templates of Tera render to nothing.
    let file = match file.strip_suffix(".tera") {
        Some(stem) if stem.starts_with('_') && !stem.contains('.') => return,
        Some(stem) => stem,
        None => file,
    };
    let found = file.rfind('.').map_or("", |dot| &file[dot..]); // a dot is one byte, so this is a border
    if ![".yaml", ".yml", ".tpl", ".txt"].contains(&found) {
        let text =
            format!("file extension '{found}' not valid. Valid extensions are .yaml, .yml, .tpl, or .txt");
        findings.push(Finding::new("template-extension", path, text));
    }
}

/// The first line that is not blank must start at the left edge.
fn indent(path: &str, source: &Arc<SourceFile>, findings: &mut Vec<Finding>) {
    let first = source.text().lines().enumerate().find(|(_, line)| !line.trim().is_empty());
    let Some((index, line)) = first.filter(|(_, line)| line.starts_with([' ', '\t'])) else { return };
    let text = format!("document starts with an illegal indent: {line:?}, which may cause parsing problems");
    let start = source.line_start(index as u32 + 1) as usize;
    findings
        .push(Finding::new("template-indent", path, text).at(source, Span::new(start, start + line.len())));
}

/// The documents of a text and where they start. Separators are lines that begin with `---`, after which only a comment may
/// follow: what else does ends the text as an error and takes the document before it along, as in Kubernetes' reader.
pub(super) fn documents(text: &str) -> Vec<(usize, Result<&str, String>)> {
    let mut found = Vec::new();
    let mut start = 0;
    let mut offset = 0;
    let push = |found: &mut Vec<_>, from: usize, to: usize| {
        let document = text.get(from..to).unwrap_or_default();
        if !document.trim().is_empty() {
            found.push((from, Ok(document)));
        }
    };
    for line in text.split_inclusive('\n') {
        if let Some(rest) = line.strip_prefix("---") {
            let rest = rest.trim();
            if !rest.is_empty() && !rest.starts_with('#') {
                found.push((offset, Err(format!("invalid Yaml document separator: {rest}"))));
                return found;
            }
            push(&mut found, start, offset);
            start = offset + line.len();
        }
        offset += line.len();
    }
    push(&mut found, start, text.len());
    found
}

/// The finding about a text that is no YAML.
pub(super) fn unparsed(id: &'static str, path: &str, reason: &dyn std::fmt::Display) -> Finding {
    Finding::new(id, path, format!("unable to parse YAML: {reason}"))
}

/// Checks one document; whether to go on.
fn object(
    path: &str,
    source: &Arc<SourceFile>,
    offset: usize,
    document: &str,
    settings: &Settings<'_>,
    findings: &mut Vec<Finding>,
) -> bool {
    let file = SourceFile::new(source.name(), document);
    let whole = Span::new(offset, offset + document.trim_end().len());
    let failed = |error: yaml::YamlError| {
        let span = error
            .span()
            .map_or(whole, |span| Span::new(span.start as usize + offset, span.end as usize + offset));
        unparsed("template-parse", path, &error).at(source, span)
    };
    let node = yaml::parse(&file).ok().flatten();
    let head: Head = match yaml::typed(&file, false) {
        Ok(head) => head,
        Err(error) => {
            findings.push(failed(error));
            return false;
        }
    };
    let Some(node) = node.filter(|node| node.to_value().is_ok_and(|value| !value.is_null())) else {
        return true;
    };
    let span_of = |keys: &[&str]| {
        node.entry(keys).map_or(whole, |(key, value)| {
            let span = key.span.to(value.span);
            Span::new(span.start as usize + offset, span.end as usize + offset)
        })
    };
    let Head { api_version, kind, metadata: HeadMetadata { name } } = &head;
    if let Some(text) = names::problem(kind, name) {
        findings.push(Finding::new("object-name", path, text).at(source, span_of(&["metadata", "name"])));
    }
    if let Some(text) = deprecated::warning(api_version, kind, &settings.capabilities.kube_version) {
        findings.push(Finding::new("object-deprecated", path, text).at(source, span_of(&["apiVersion"])));
    }
    // Helm looks for the words in the whole file.
    let has_selector = ["matchLabels", "matchExpressions"].iter().any(|word| source.text().contains(word));
    if SELECTING.contains(&&**kind) && !has_selector {
        let text = format!("a {kind} must contain matchLabels or matchExpressions, and {name:?} does not");
        findings.push(Finding::new("object-selector", path, text).at(source, span_of(&["kind"])));
    }
    if kind == "List" {
        let items = node.to_value().ok();
        let items = items.as_ref().and_then(|list| list.get("items")?.as_list()).unwrap_or_default();
        let annotation = ["metadata", "annotations", "helm.sh/resource-policy"];
        if items.iter().any(|item| item.path(annotation).is_some()) {
            let text = "annotation 'helm.sh/resource-policy' within List objects are ignored";
            findings.push(Finding::new("object-list-annotation", path, text).at(source, span_of(&["items"])));
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_are_split_at_lines_of_dashes() {
        let split = |text| documents(text).into_iter().map(|(_, text)| text.unwrap()).collect::<Vec<&str>>();
        assert_eq!(split("a\n--- # x\nb\n"), ["a\n", "b\n"]);
        assert_eq!(split("---\n---\n \n---"), Vec::<&str>::new());
        assert_eq!(documents("---\nx"), [(4, Ok("x"))]);
        let bad = |rest: &str| Err(format!("invalid Yaml document separator: {rest}"));
        assert_eq!(documents("a\n---\nb\n--- c \nd"), [(0, Ok("a\n")), (8, bad("c"))]);
    }

    #[test]
    fn extensions_of_tera_templates_are_those_of_what_they_render_to() {
        let mut findings = Vec::new();
        for good in
            ["templates/a.yaml.tera", "templates/_helpers.tera", "templates/NOTES.txt", "templates/x.tpl"]
        {
            extension(good, &mut findings);
            assert!(findings.is_empty(), "{good}");
        }
        for bad in [
            "templates/a.json",
            "templates/a.json.tera",
            "templates/a",
            "templates/a.tera",
            "templates/x.d/a",
        ] {
            extension(bad, &mut findings);
            assert_eq!(findings.drain(..).count(), 1, "{bad}");
        }
    }
}
