//! Helm's error texts, and the same as diagnostics.
//!
//! | form | when |
//! |---|---|
//! | `parse error at (file:line): …` | a file is no template |
//! | `execution error at (file:line:column): …` | `required` and `fail`, however deep; the place is that of the outermost call |
//! | a block per level | the language itself failed, directly or through `include` |
//! | Go's one line | a function failed, or the way led through `tpl` |
//!
//! Invariant: the text depends only on the error, and holds everything that Go's line says.

use std::fmt::Write;

use crate::diag::{Diagnostic, Hint, Span};
use crate::gotpl::{ExecError, ExecErrorKind, FuncError, GoStr, Map, ParseError, TemplateError};

use crate::render::{TemplateFailure, TemplateFile, ValueRead};

/// The failure of a file that is no template. Helm keeps the place and what follows the last colon of Go's text.
pub(super) fn parse(error: &ParseError) -> TemplateFailure {
    let text = error.to_string();
    let parts: Vec<&str> = text.split(": ").collect();
    let text = match (parts.get(1), parts.last()) {
        (Some(place), Some(message)) => format!("parse error at ({place}): {message}"),
        _ => text.clone(),
    };
    let mut diagnostic = error.diagnostic().cloned().unwrap_or_else(|| Diagnostic::error(&*error.message));
    if diagnostic.hints.is_empty() {
        diagnostic.hints.extend(hint_of_parse(&error.message));
    }
    TemplateFailure { text, diagnostic, value: None }
}

/// The failure of a template that stopped while it ran.
///
/// `chart` is the path of the chart whose template was executed: `app/charts/sub`.
pub(super) fn exec(error: &ExecError, chart: &str) -> TemplateFailure {
    let value = value_read(&innermost(error).context.to_string(), chart);
    let mut diagnostic = error.to_diagnostic();
    if diagnostic.hints.is_empty() {
        let inner = innermost(error);
        diagnostic.hints.extend(hint_of_exec(&inner.message.to_string(), &inner.context.to_string()));
    }
    TemplateFailure { text: exec_text(error), diagnostic, value }
}

/// What to do about a file that is no template, where Go's words leave that open.
fn hint_of_parse(message: &str) -> Option<String> {
    if message.ends_with("unexpected EOF") {
        return Some(
            "a block is not closed: `if`, `range`, `with`, `define` and `block` end with {{ end }}"
                .to_string(),
        );
    }
    if let Some(block) = message.strip_prefix("missing value for ") {
        return Some(format!("write behind `{block}` what it is about: {{{{ {block} .Values.name }}}}"));
    }
    if message.starts_with("function ") && message.ends_with(" not defined") {
        return Some(
            "functions are those of Helm and sprig; a template of the chart is called with include"
                .to_string(),
        );
    }
    None
}

/// What to do about a template that stopped: which part of a path has no value, or what a missing template lacks.
fn hint_of_exec(message: &str, context: &str) -> Option<String> {
    if message.contains("no template \"") {
        return Some("templates are made with {{ define \"NAME\" }} in a file below templates/".to_string());
    }
    let is_nil = message.starts_with("nil pointer evaluating ");
    let field = match message.strip_prefix("can't evaluate field ") {
        Some(rest) => rest.split(' ').next()?,
        None if is_nil => message.rsplit_once('.')?.1,
        None => return None,
    };
    let is_path = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | '$');
    let before = context.split_once(&format!(".{field}"))?.0;
    // A `.` without Values was handed on wrongly; who calls is told about that elsewhere.
    if before.is_empty() || before.ends_with(".Values") || !before.chars().all(is_path) {
        return None;
    }
    Some(if is_nil {
        format!("`{before}` has no value: set it, or test it first with {{{{ if {before} }}}}")
    } else {
        format!("`{before}` is no map, so that there is no `{field}` in it: look at where it is set")
    })
}

/// The error that the others pass on.
fn innermost(error: &ExecError) -> &ExecError {
    let mut error = error;
    while let Some(FuncError::Nested { source, .. }) = error.cause() {
        let TemplateError::Exec(inner) = &**source else { break };
        error = inner;
    }
    error
}

/// The keys of `.Values.a.b`, whatever stands before `.Values`: templates pass the dot of their chart on under many names.
fn value_read(context: &str, chart: &str) -> Option<ValueRead> {
    let is_name = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | '$');
    let (before, chain) = context.split_once(".Values.")?;
    if !(before.chars().all(is_name) && chain.chars().all(is_name)) {
        return None;
    }
    let mut keys: Vec<String> = chart.split("/charts/").skip(1).map(str::to_string).collect();
    let subcharts = keys.len();
    keys.extend(chain.split('.').map(str::to_string));
    Some(ValueRead { keys, subcharts })
}

/// Tells which files a template that failed had asked for in vain.
pub(super) fn with_missing(mut failure: TemplateFailure, missing: Vec<(GoStr, Map)>) -> TemplateFailure {
    for (path, files) in missing {
        let path = path.to_text();
        let there: Vec<String> = files.keys().iter().map(|name| name.to_text().into_owned()).collect();
        failure.diagnostic = failure
            .diagnostic
            .note(format!("the chart has no file `{path}`"))
            .suggest(&path, there.iter().map(String::as_str));
    }
    failure
}

/// The failure of the template that made the output too large.
pub(super) fn too_much(file: &TemplateFile, most: usize) -> TemplateFailure {
    Diagnostic::error(format!("the rendered templates exceed {most} bytes"))
        .at(&file.source, Span::at(0))
        .into()
}

/// Helm marks the message of `fail` and `required` with these words and finds it again in Go's whole line.
const MARKS: (&str, &str) = ("HELM_ERR_START", "HELM_ERR_END");

fn exec_text(error: &ExecError) -> String {
    let line = error.to_string();
    if let Some(message) = stopped(error) {
        // A mark that the template's own text shows before the message counts as the first one.
        let before = line.strip_suffix(message.as_str()).unwrap_or("");
        let shown = before.split_once(MARKS.0).map(|(_, shown)| format!("{shown}{}", MARKS.0));
        return format!("execution error at ({}): {}{message}", place(error), shown.unwrap_or_default());
    }
    let marked = line.split_once(MARKS.0).and_then(|(_, after)| after.rsplit_once(MARKS.1));
    match marked {
        Some((message, _)) => format!("execution error at ({}): {message}", place(error)),
        None => blocks(error).unwrap_or(line),
    }
}

fn place(error: &ExecError) -> String {
    format!("{}:{}:{}", error.file_name, error.line, error.column)
}

/// The message of `fail` or `required`, when that is what stopped the template, here or in what it called.
fn stopped(error: &ExecError) -> Option<String> {
    let mut error = error;
    loop {
        match error.cause()? {
            FuncError::Stop(text) => return Some(text.to_string()),
            FuncError::Nested { source, .. } => match &**source {
                TemplateError::Exec(inner) => error = inner,
                TemplateError::Parse(_) => return None,
            },
            _ => return None,
        }
    }
}

/// A block per level, when all levels are the language's own errors joined by `include`.
fn blocks(error: &ExecError) -> Option<String> {
    let mut out = String::new();
    let mut error = error;
    loop {
        if error.file.is_none() {
            out.push_str(&error.to_string());
            return Some(out);
        }
        let quoted = crate::gotpl::quote(error.template.as_bytes());
        // Writing to a string cannot fail.
        let _ = write!(out, "{}\n  executing {quoted} at <{}>:\n    ", place(error), error.context);
        match &error.kind {
            ExecErrorKind::Call { function, cause: FuncError::Nested { source, .. } }
                if &**function == "include" =>
            {
                let TemplateError::Exec(inner) = &**source else { return None };
                out.push_str("error calling include:\n");
                error = inner;
            }
            ExecErrorKind::Call { .. } => return None,
            _ => {
                out.push_str(&error.message.to_string());
                return Some(out.trim_end().to_string());
            }
        }
    }
}
