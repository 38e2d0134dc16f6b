//! Whose fault an error of a rendered chart is: the line of a template for bad YAML, the layer of values for a bad value.
//!
//! Invariant: only what is shown beside Helm's message changes; the message stays.

use crate::chart::Chart;
use crate::data::Value;
use crate::manifest::ManifestError;
use crate::render::{self, Job, Record, RenderError, TemplateFailure, ValueRead, blame, language};
use crate::values::{Layer, Provenance};

/// Moves the place of a YAML error from the rendered text to the template that wrote it. The chart is rendered once more
/// for that, and whatever goes wrong then leaves the error as it is.
pub(super) fn manifest(mut error: ManifestError, job: &Job<'_>) -> ManifestError {
    if let ManifestError::Document { path, diagnostic, others, .. } = &mut error {
        let options = render::Options { record: Record { map: true, reads: false }, ..job.options };
        let Ok(files) = render::render(&Job { options, ..*job }) else { return error };
        let file_of = |path: &str| files.iter().find(|file| *file.name == *path);
        let advice = file_of(path).and_then(|file| language::advice(file.engine, file.source.text()));
        diagnostic.hints.splice(0..0, advice);
        if let Some(file) = file_of(path) {
            blame::move_to_template(diagnostic, file);
        }
        for other in others {
            let name = other.at.as_ref().map(|at| at.file.name().to_string()).unwrap_or_default();
            if let Some(file) = file_of(&name) {
                blame::move_to_template(other, file);
            }
        }
    }
    error
}

/// Says for each template that failed at a value what the value is and who set it.
pub(super) fn templates(error: &mut RenderError, values: &Value, chart: &Chart, user: &Provenance) {
    let RenderError::Templates(failures) = error else { return };
    if failures.iter().all(|failure| failure.value.is_none()) {
        return;
    }
    let mut provenance = user.clone();
    provenance.add_defaults(chart, "");
    for failure in failures {
        explain(failure, values, &provenance);
    }
}

fn explain(failure: &mut TemplateFailure, values: &Value, provenance: &Provenance) {
    let Some(read) = &failure.value else { return };
    let absent = read.keys.get(read.subcharts).is_some_and(|key| {
        failure.diagnostic.message == format!("nil pointer evaluating interface {{}}.{key}")
    });
    if absent && matches!(value_at(read, read.subcharts, values), Some(Value::Map(_))) {
        let note = "`.Values` is not in the `.` that this template was called with";
        failure.diagnostic.notes.push(note.to_string());
        failure.diagnostic.hints.push("pass the chart's own `.` on, or a dict that holds it".to_string());
        return;
    }
    let note = note(read, values, provenance);
    failure.diagnostic.notes.extend(note);
    if failure.diagnostic.hints.is_empty()
        && let Some(hint) = near(read, values)
    {
        failure.diagnostic.hints.push(hint);
    }
}

/// The value of the first `count` keys.
fn value_at<'v>(read: &ValueRead, count: usize, values: &'v Value) -> Option<&'v Value> {
    read.keys.iter().take(count).try_fold(values, |value, key| value.get(key))
}

/// How many of the keys lead to something that is not a map: the length of the path that is worth telling.
fn end(read: &ValueRead, values: &Value) -> usize {
    let all = read.keys.len();
    (read.subcharts..=all)
        .find(|count| !matches!(value_at(read, *count, values), Some(Value::Map(_))))
        .unwrap_or(all)
}

/// What the value is and who set it; for one that is not set, the nearest above it that is.
fn note(read: &ValueRead, values: &Value, provenance: &Provenance) -> Option<String> {
    let count = end(read, values);
    let shown = read.shown(count);
    match value_at(read, count, values) {
        // Nothing is wrong with it.
        Some(Value::Map(_)) => None,
        Some(value) => {
            let what = describe(value);
            Some(match origin(read, count, provenance) {
                Some(origin) => format!("`{shown}` is {what}, set at {origin}"),
                None => format!("`{shown}` is {what}"),
            })
        }
        None => {
            let above = count.checked_sub(1)?;
            if above <= read.subcharts {
                return Some(format!("`{shown}` is not set"));
            }
            let parent = read.shown(above);
            Some(match origin(read, above, provenance) {
                Some(origin) => format!("`{shown}` is not set; `{parent}` is, at {origin}"),
                None => format!("`{shown}` is not set; `{parent}` is"),
            })
        }
    }
}

fn describe(value: &Value) -> String {
    match value {
        Value::Null => "null".to_string(),
        Value::Str(text) if text.chars().count() <= 40 => format!("the text {text:?}"),
        Value::Str(_) => "a text".to_string(),
        Value::Bool(flag) => flag.to_string(),
        Value::List(_) => "a list".to_string(),
        Value::Map(_) => "a map".to_string(),
        _ => "a number".to_string(),
    }
}

/// `values.yaml:3:1 (defaults of chart web)`, `prod.yaml:2:1 (values file)`.
fn origin(read: &ValueRead, count: usize, provenance: &Provenance) -> Option<String> {
    let mut pointer = String::new();
    for key in read.keys.iter().take(count) {
        pointer.push('/');
        pointer.push_str(&key.replace('~', "~0").replace('/', "~1"));
    }
    let origin = provenance.origin(&pointer)?;
    let at = match &origin.layer {
        // Its folder is clear from the chart, and long.
        Layer::Defaults(_) => {
            let name = origin.at.file.name();
            let base = name.rsplit(['/', '\\']).next().unwrap_or(name);
            let position = origin.at.position();
            format!("{base}:{}:{}", position.line, position.column)
        }
        _ => origin.at.to_string(),
    };
    Some(format!("{at} ({})", origin.layer))
}

/// A key that was probably meant.
fn near(read: &ValueRead, values: &Value) -> Option<String> {
    let count = end(read, values);
    let above = count.checked_sub(1)?;
    if value_at(read, count, values).is_some() {
        return None;
    }
    let keys = value_at(read, above, values)?.as_map()?;
    let wanted = read.keys.get(above)?;
    let found = crate::diag::did_you_mean(wanted, keys.keys().map(|key| &**key))?;
    Some(format!("did you mean `{}.{found}`?", read.shown(above)))
}
