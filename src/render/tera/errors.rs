//! Tera's errors in the author's terms: the place in the author's text, the way there, what is missing and what was
//! probably meant.
//!
//! Invariant: no message shows anything that the rewriting inserted.

use std::sync::Arc;

use tera::value::Key;
use tera::{ErrorKind, ReportError};

use crate::diag::{Diagnostic, Location, SourceFile, Span, did_you_mean};

use super::blocks;
use super::load::without_prefixes;
use super::run::{Loaded, Run, lock};

/// Steps of the way that are told; endless recursion has many alike.
const FRAMES: usize = 8;

/// What a failed rendering comes to.
pub(super) fn explain(run: &Run, error: &tera::Error, file: &Loaded) -> Diagnostic {
    let kept = run.take_failure();
    let report = match error.kind() {
        ErrorKind::RenderingError(report) | ErrorKind::SyntaxError(report) => Some(report),
        _ => None,
    };
    let mut diagnostic = match (kept, report) {
        (Some(kept), report) => {
            let mut kept = kept;
            let here = report.and_then(|report| location(run, report));
            match (&kept.at, here) {
                (None, here) => kept.at = here,
                // What failed lies in another text (that of a `tpl`): this is the place that asked for it.
                (Some(at), Some(here)) if !Arc::ptr_eq(&at.file, &here.file) => {
                    let what = here.file.text().get(here.span.range()).unwrap_or("").to_string();
                    if kept.trace.len() < FRAMES {
                        kept = kept.frame(format!("`{}`", shortened(&what)), Some(here));
                    }
                }
                _ => {}
            }
            kept
        }
        (None, Some(report)) => of_structure(run, error, report).unwrap_or_else(|| of_report(run, report)),
        (None, None) => of_kind(error.kind()),
    };
    if diagnostic.at.is_none() {
        diagnostic.at = Some(Location { file: Arc::clone(&file.source), span: Span::default() });
    }
    for (name, line, column) in callers(&error.to_string()) {
        if diagnostic.trace.len() < FRAMES
            && let Some(at) = caller(run, &name, line, column)
            && diagnostic.at.as_ref().is_none_or(|main| !same_place(main, &at))
        {
            let what = at.file.line_text(at.position().line).trim().to_string();
            diagnostic = diagnostic.frame(format!("`{}`", shortened(&what)), Some(at));
        }
    }
    diagnostic
}

/// What is open or closed at the wrong place, when Tera could not read a template because of that.
fn of_structure(run: &Run, error: &tera::Error, report: &ReportError) -> Option<Diagnostic> {
    let at = location(run, report).filter(|_| matches!(error.kind(), ErrorKind::SyntaxError(_)))?;
    blocks::explain(&at.file, report.message(), at.span)
}

fn same_place(a: &Location, b: &Location) -> bool {
    Arc::ptr_eq(&a.file, &b.file) && a.span.start == b.span.start
}

fn shortened(text: &str) -> String {
    let line = text.lines().next().unwrap_or("");
    if line.chars().count() > 60 {
        format!("{}…", line.chars().take(60).collect::<String>())
    } else {
        line.to_string()
    }
}

/// Errors that name no place.
fn of_kind(kind: &ErrorKind) -> Diagnostic {
    match kind {
        ErrorKind::CircularInclude { include_chain, .. } => Diagnostic::error(format!(
            "templates include each other in a circle: {}",
            include_chain.join(" → ")
        )),
        ErrorKind::CircularExtend { inheritance_chain, .. } => Diagnostic::error(format!(
            "templates extend each other in a circle: {}",
            inheritance_chain.join(" → ")
        )),
        ErrorKind::MissingParent { parent, .. } => {
            Diagnostic::error(format!("there is no template `{parent}` to extend"))
        }
        other => Diagnostic::error(first_line(&without_prefixes(&other.to_string()))),
    }
}

fn first_line(text: &str) -> String {
    let line = text.lines().next().unwrap_or("");
    line.strip_prefix("error: ").unwrap_or(line).trim_end_matches('.').to_string()
}

/// The author's place of a report.
fn location(run: &Run, report: &ReportError) -> Option<Location> {
    let loaded = lock(&run.files).iter().find(|loaded| *loaded.name == *report.filename()).cloned()?;
    let range = &report.span().range;
    let (start, end) = (loaded.rewritten.original(range.start), loaded.rewritten.original(range.end));
    Some(Location { file: loaded.source, span: Span::new(start, end.max(start)) })
}

/// Tera's complaint about the type of a value, which it names as Rust does, in an author's words.
fn of_types(message: &str) -> Option<String> {
    let types = message.strip_prefix("Invalid type for the value, expected `")?;
    let (wanted, found) = types.split_once("` but got `")?;
    let word = |name: &str| {
        let name = name.trim_start_matches('&');
        match name {
            "str" | "string" | "String" => "a text".to_string(),
            "i64" | "u64" | "i128" | "u128" | "usize" | "isize" | "i32" | "u32" => "an integer".to_string(),
            "f64" => "a number with a fraction".to_string(),
            "bool" => "true or false".to_string(),
            "none" => "no value".to_string(),
            "map/struct" | "map" | "Map" => "a map".to_string(),
            "array" | "Vec" => "a list".to_string(),
            other => format!("`{other}`"),
        }
    };
    let found = found.split('`').next().unwrap_or_default();
    Some(format!("expected {}, but the value is {}", word(wanted), word(found)))
}

fn of_report(run: &Run, report: &ReportError) -> Diagnostic {
    let at = location(run, report);
    let message = without_prefixes(report.message());
    let named = |prefix: &str| -> Option<(String, Vec<String>)> {
        let rest = message.strip_prefix(prefix)?;
        let (name, rest) = rest.split_once('`')?;
        let known = rest.split_once(": ").map_or_else(Vec::new, |(_, list)| {
            list.split(", ").map(str::to_string).filter(|name| !name.starts_with("__")).collect()
        });
        rest.starts_with(" is not defined").then(|| (name.to_string(), known))
    };
    let missing = named("Field `").or_else(|| named("Variable `"));
    let root =
        |name: &str| lock(&run.current).as_ref().and_then(|current| current.context.get(name).cloned());
    if missing.is_none() && !message.contains("undefined") {
        let told = of_types(&message).unwrap_or_else(|| message.trim_end_matches('.').to_string());
        let mut diagnostic = Diagnostic::error(told);
        diagnostic.at = at;
        return diagnostic;
    }
    // Tera points at a part of a path; the whole path tells more.
    let mut at = at;
    if let Some(at) = &mut at {
        let text = at.file.text();
        let (start, end) = (at.span.start as usize, at.span.end as usize);
        let inside = text.get(..start).is_some_and(|before| before.ends_with('.'));
        if !inside {
            // Where the last path of the span starts, which may go on behind it.
            let last = text
                .get(start..end)
                .and_then(|span| span.rfind(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '.' | '?'))))
                .map_or(start, |at| start + at + 1);
            let ends = [start, last].map(|at| at + path_length(text.get(at..).unwrap_or("")));
            at.span = Span::new(start, end.max(ends[0]).max(ends[1]));
        }
    }
    let text = at.as_ref().and_then(|at| at.file.text().get(at.span.range())).unwrap_or("").to_string();
    let mut diagnostic = match (first_gap(&text, root), missing) {
        (Some(gap), _) if gap.path.contains(['.', '[']) => gap.diagnostic(),
        (_, Some((name, known))) => {
            let path = at.as_ref().map_or_else(|| name.clone(), |at| path_up_to(&at.file, at.span, &name));
            undefined(&path, &name, known.iter().map(String::as_str))
        }
        (_, None) if text.is_empty() => Diagnostic::error(first_line(&message)),
        (_, None) => undefined(&shortened(&text), "", []),
    };
    diagnostic.at = at;
    diagnostic
}

/// The dotted path in the author's text that ends with a name.
fn path_up_to(file: &SourceFile, span: Span, name: &str) -> String {
    let text = file.text();
    let end = span.start as usize
        + text
            .get(span.start as usize..)
            .map_or(0, |rest| if rest.starts_with(name) { name.len() } else { 0 });
    let before = text.get(..span.start as usize).unwrap_or("");
    let start = before
        .rfind(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '.' | '?' | '[' | ']' | '"' | '\'')))
        .map_or(0, |at| at + before.get(at..).and_then(|rest| rest.chars().next()).map_or(1, char::len_utf8));
    match text.get(start..end) {
        Some(path) if path.ends_with(name) => path.replace("?.", ".").replace("?[", "["),
        _ => name.to_string(),
    }
}

/// That something is not defined, with the nearest of the names that are.
fn undefined<'n>(path: &str, name: &str, known: impl IntoIterator<Item = &'n str>) -> Diagnostic {
    let mut diagnostic = Diagnostic::error(format!("`{path}` is undefined"));
    let known: Vec<&str> = known.into_iter().collect();
    let parent = path.strip_suffix(name).unwrap_or("");
    let dashed = known.iter().find(|key| !name.is_empty() && key.starts_with(&format!("{name}-")));
    let near = || did_you_mean(name, known.iter().copied()).filter(|_| name.chars().count() > 2);
    if let Some(key) = dashed {
        let parent = parent.trim_end_matches('.');
        diagnostic = diagnostic.hint(format!("a name with a dash is written `{parent}[\"{key}\"]`"));
    } else if let Some(best) = near() {
        diagnostic = diagnostic.hint(format!("did you mean `{parent}{best}`?"));
    }
    diagnostic.hint(format!("where it may be missing, write `{path} | default(value=…)`"))
}

/// Where a path leaves what is defined.
struct Gap {
    path: String,
    name: String,
    known: Vec<String>,
}

impl Gap {
    /// What to say.
    fn diagnostic(&self) -> Diagnostic {
        undefined(&self.path, &self.name, self.known.iter().map(String::as_str))
    }
}

/// That an expression is undefined, as exactly as its text tells; `root` knows the variables.
pub(super) fn undefined_value(text: &str, root: impl Fn(&str) -> Option<tera::Value>) -> Diagnostic {
    match first_gap(text, root) {
        Some(gap) => gap.diagnostic(),
        None => undefined(&shortened(text.trim()), "", []),
    }
}

/// The first path in an expression that is not defined to its end, as a diagnostic.
pub(super) fn undefined_part(text: &str, root: impl Fn(&str) -> Option<tera::Value>) -> Option<Diagnostic> {
    first_gap(text, root).map(|gap| gap.diagnostic())
}

/// The first path in an expression that is not defined to its end. A path of one name only counts when it is the whole
/// expression: it may be a keyword or the name of an argument.
fn first_gap(text: &str, root: impl Fn(&str) -> Option<tera::Value>) -> Option<Gap> {
    let trimmed = text.trim();
    let mut at = 0;
    let mut quote = None;
    while let Some(rest) = trimmed.get(at..).filter(|rest| !rest.is_empty()) {
        let c = rest.chars().next()?;
        if let Some(open) = quote {
            quote = (c != open).then_some(open);
            at += c.len_utf8();
            continue;
        }
        let length = path_length(rest);
        if length > 0 {
            let path = rest.get(..length)?;
            let whole = length == trimmed.len();
            if (whole || path.contains(['.', '[']))
                && let Some(gap) = walk(path, &root)
            {
                return Some(gap);
            }
            at += length;
        } else {
            quote = matches!(c, '"' | '\'' | '`').then_some(c);
            at += c.len_utf8();
        }
    }
    None
}

/// Length of the path that a text starts with; 0 when it starts with none.
fn path_length(text: &str) -> usize {
    let mut best = 0;
    let mut at = 0;
    loop {
        let rest = text.get(at..).unwrap_or("");
        let name = rest.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'_').count();
        if name == 0 || rest.starts_with(|c: char| c.is_ascii_digit()) {
            return best;
        }
        at += name;
        loop {
            best = at;
            let rest = text.get(at..).unwrap_or("");
            let open = if rest.starts_with("?[") { 2 } else { usize::from(rest.starts_with('[')) };
            let inner = rest.get(open..).unwrap_or("");
            let Some(quote) = inner.chars().next().filter(|c| open > 0 && matches!(c, '"' | '\'' | '`'))
            else {
                break;
            };
            match inner.get(1..).and_then(|inner| inner.find(quote)) {
                Some(length) if inner.get(length + 2..).is_some_and(|rest| rest.starts_with(']')) => {
                    at += open + length + 3;
                }
                _ => break,
            }
        }
        let rest = text.get(at..).unwrap_or("");
        at += if rest.starts_with("?.") { 2 } else { usize::from(rest.starts_with('.')) };
        if at == best {
            return best;
        }
    }
}

/// Follows a path that is all of a text; `None` when it is none, or when it is defined to its end.
fn walk(text: &str, root: impl Fn(&str) -> Option<tera::Value>) -> Option<Gap> {
    let steps = path_steps(text.trim())?;
    let (first, rest) = steps.split_first()?;
    let mut value = match root(first) {
        Some(value) if !value.is_undefined() => value,
        _ => return Some(Gap { path: first.clone(), name: first.clone(), known: Vec::new() }),
    };
    let mut path = first.clone();
    for name in rest {
        let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        let found = value.as_map().and_then(|map| map.get(&Key::Str(name))).cloned();
        if plain {
            path.push('.');
            path.push_str(name);
        } else {
            path.extend(["[\"", name.as_str(), "\"]"]);
        }
        match found {
            Some(next) if !next.is_undefined() => value = next,
            _ => {
                let known = value.as_map().into_iter().flatten().map(|(key, _)| key.to_string()).collect();
                return Some(Gap { path, name: name.clone(), known });
            }
        }
    }
    None
}

/// The names of `a.b["c"]`; `None` when the text is something else.
fn path_steps(text: &str) -> Option<Vec<String>> {
    let mut steps = Vec::new();
    let mut rest = text;
    loop {
        let length = rest.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'_').count();
        if length == 0 {
            return None;
        }
        steps.push(rest.get(..length)?.to_string());
        rest = rest.get(length..)?;
        while let Some(inner) = rest.strip_prefix("?[").or_else(|| rest.strip_prefix('[')) {
            let quote = inner.chars().next().filter(|c| matches!(c, '"' | '\'' | '`'))?;
            let (name, after) = inner.get(1..)?.split_once(quote)?;
            steps.push(name.to_string());
            rest = after.strip_prefix(']')?;
        }
        if rest.is_empty() {
            return Some(steps);
        }
        rest = rest.strip_prefix("?.").or_else(|| rest.strip_prefix('.'))?;
    }
}

/// The places that a report calls "called from": template, line and column (both from 1).
fn callers(report: &str) -> Vec<(String, usize, usize)> {
    report
        .lines()
        .filter_map(|line| {
            let mut parts = line.strip_prefix("note: called from ")?.rsplitn(3, ':');
            let (column, line, name) = (parts.next()?, parts.next()?, parts.next()?);
            Some((name.to_string(), line.parse().ok()?, column.parse().ok()?))
        })
        .collect()
}

fn caller(run: &Run, name: &str, line: usize, column: usize) -> Option<Location> {
    let loaded = lock(&run.files).iter().find(|loaded| *loaded.name == *name).cloned()?;
    let text = &loaded.rewritten.text;
    let start: usize = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    let within: usize = text.get(start..)?.chars().take(column.saturating_sub(1)).map(char::len_utf8).sum();
    let offset = loaded.rewritten.original(start + within);
    Some(Location { file: loaded.source, span: Span::at(offset) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_taken_apart() {
        assert_eq!(path_steps("a.b?.c[\"d e\"].f").unwrap(), ["a", "b", "c", "d e", "f"]);
        for (text, length) in
            [("a.b?.c[\"d e\"].f + 1", 15), ("a.", 1), ("a[1]", 1), ("1a", 0), ("", 0), ("a[\"b", 1)]
        {
            assert_eq!(path_length(text), length, "{text}");
        }
        for text in ["a + b", "a.", "a[1]", "f(x=1)", "", "a | b"] {
            assert!(path_steps(text).is_none(), "{text}");
        }
    }

    #[test]
    fn callers_are_read_from_reports() {
        let report = "error: x\n --> a:1:2\n\nnote: called from c/templates/b.yaml:12:3\n  |\n";
        assert_eq!(callers(report), [("c/templates/b.yaml".to_string(), 12, 3)]);
    }
}
