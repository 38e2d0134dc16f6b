//! The YAML texts of a chart, read with Helm's lenience and told with the place of what is wrong.
//!
//! Chart.yaml, the locks and requirements.yaml are decoded by hand from a [`Value`], because Go's decoder has habits that
//! charts rely on: keys match without case, null leaves a field as it is, numbers and booleans become text where text is
//! wanted, and unknown keys are ignored.
//!
//! Invariant: this is the only place in the module that reads YAML.

use std::sync::Arc;

use serde::Deserialize as _;

use super::ChartError;
use crate::data::{Map, Value};
use crate::diag::{Diagnostic, SourceFile, Span};

/// Writes a document with sorted keys.
pub(crate) fn write(name: &str, typed: &impl serde::Serialize) -> Result<String, ChartError> {
    let unwritable = |reason: String| ChartError::Unwritable { file: name.to_string(), reason };
    let value = crate::data::to_value(typed).map_err(|error| unwritable(error.to_string()))?;
    serde_yaml::to_string(&sorted(&value)).map_err(|error| unwritable(error.to_string()))
}

/// A value with the keys of all its maps sorted. Metadata is at most a few maps deep.
pub(super) fn sorted(value: &Value) -> Value {
    match value {
        Value::Map(map) => {
            let mut pairs: Vec<_> = map.iter().map(|(key, value)| (Arc::clone(key), sorted(value))).collect();
            pairs.sort_by(|a, b| a.0.cmp(&b.0));
            Value::Map(pairs.into_iter().collect())
        }
        Value::List(items) => Value::List(items.iter().map(sorted).collect()),
        other => other.clone(),
    }
}

/// One part of the way to a value in a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part<'a> {
    Key(&'a str),
    Index(usize),
}

/// Reads the bytes of a chart's file as text under the name the user knows.
pub(crate) fn source(name: &str, data: &[u8]) -> Result<Arc<SourceFile>, Box<Diagnostic>> {
    match std::str::from_utf8(data) {
        Ok(text) => Ok(SourceFile::new(name, text)),
        Err(error) => {
            let file = SourceFile::new(name, String::from_utf8_lossy(data).as_ref());
            let at = Span::at(error.valid_up_to());
            Err(Box::new(Diagnostic::error("the file is not UTF-8 text").at(&file, at)))
        }
    }
}

/// The documents of a YAML text.
pub(crate) fn parse_all(file: &Arc<SourceFile>) -> Result<Vec<Value>, Box<Diagnostic>> {
    let mut documents = Vec::new();
    for document in serde_yaml::Deserializer::from_str(file.text()) {
        let value = Value::deserialize(document).map_err(|error| {
            let at = error.location().map_or(0, |at| at.index());
            Box::new(Diagnostic::error(error.to_string()).at(file, Span::at(at)))
        })?;
        documents.push(value);
    }
    Ok(documents)
}

/// The first document of a YAML text, null when there is none.
pub(crate) fn parse(file: &Arc<SourceFile>) -> Result<Value, Box<Diagnostic>> {
    Ok(parse_all(file)?.into_iter().next().unwrap_or_default())
}

/// Where in a text the value at a path stands: the key that leads to it, or the deepest part of the path that is there.
///
/// Reads lines, not YAML, which finds what is written in block style; of flow style it finds the line it begins on.
pub(crate) fn locate(file: &SourceFile, path: &[Part<'_>]) -> Span {
    let lines = lines_of(file.text());
    let mut found = Span::at(0);
    // Lines still in question, and the least column at which they belong to what was found so far.
    let (mut rest, mut least) = (lines.as_slice(), None::<usize>);
    for part in path {
        let inside =
            rest.iter().position(|line| least.is_some_and(|least| line.item.unwrap_or(line.column) < least));
        let block = &rest[..inside.unwrap_or(rest.len())];
        let level = block.first().map_or(0, |line| line.item.unwrap_or(line.column));
        match part {
            Part::Key(key) => {
                let level = block.first().map_or(0, |line| line.column);
                let Some(at) = block.iter().position(|line| line.column == level && line.has_key(key)) else {
                    break;
                };
                let line = &block[at];
                found = Span::new(line.start + line.column, line.start + line.column + key.len());
                // A list may stand at the column of its key, a map may not.
                let list = block.get(at + 1).is_some_and(|next| next.item == Some(line.column));
                (rest, least) = (&block[at + 1..], Some(line.column + usize::from(!list)));
            }
            Part::Index(index) => {
                let mut items = block.iter().enumerate().filter(|(_, line)| line.item == Some(level));
                let Some((at, line)) = items.nth(*index) else { break };
                found = Span::new(line.start + line.column, line.start + line.text.len());
                let end = items.next().map_or(block.len(), |(next, _)| next);
                (rest, least) = (&block[at..end], None);
            }
        }
    }
    found
}

/// A line that is neither blank nor a comment.
struct Line<'t> {
    /// Byte offset of the line.
    start: usize,
    text: &'t str,
    /// Bytes before its first key or scalar, `- ` included.
    column: usize,
    /// Bytes before its `-`, when it begins a list item.
    item: Option<usize>,
}

impl Line<'_> {
    fn has_key(&self, key: &str) -> bool {
        let name = self.text.get(self.column..).unwrap_or("").trim_start_matches(['"', '\'']);
        let same = name.get(..key.len()).is_some_and(|head| head.eq_ignore_ascii_case(key));
        same && name[key.len()..].trim_start_matches(['"', '\'', ' ']).starts_with(':')
    }
}

fn lines_of(text: &str) -> Vec<Line<'_>> {
    let mut lines = Vec::new();
    let mut start = 0;
    for full in text.split_inclusive('\n') {
        let text = full.trim_end();
        let indent = text.len() - text.trim_start().len();
        let bare = text.trim_start_matches([' ', '-']);
        let is_item = text[indent..] == *"-" || text[indent..].starts_with("- ");
        if !text.is_empty() && !text[indent..].starts_with('#') {
            let column = if is_item { text.len() - bare.len() } else { indent };
            lines.push(Line { start, text, column, item: is_item.then_some(indent) });
        }
        start += full.len();
    }
    lines
}

/// A value that has another kind than its field wants.
#[derive(Debug)]
pub(crate) struct Misfit {
    /// Keys and indexes on the way, joined as `dependencies[0].name`.
    path: String,
    wanted: &'static str,
    found: &'static str,
    top: String,
}

impl Misfit {
    /// The misfit as an error at its place.
    pub(crate) fn at(&self, file: &Arc<SourceFile>) -> Diagnostic {
        let message = if self.path.is_empty() {
            format!("the document must be {}, not {}", self.wanted, article(self.found))
        } else {
            format!("`{}` must be {}, not {}", self.path, self.wanted, article(self.found))
        };
        let mut parts = vec![Part::Key(&self.top)];
        let segments: Vec<&str> = self.path.split(['.', '[', ']']).filter(|s| !s.is_empty()).collect();
        parts.extend(segments.iter().skip(1).map(|s| s.parse().map_or(Part::Key(s), Part::Index)));
        let span = if self.top.is_empty() { Span::at(0) } else { locate(file, &parts) };
        Diagnostic::error(message).at(file, span)
    }
}

fn article(kind: &'static str) -> String {
    match kind {
        "null" => "null".to_string(),
        "bool" => "a boolean".to_string(),
        other => format!("a {other}"),
    }
}

/// A map of a document, read field by field as Go's JSON decoder would.
pub(crate) struct Fields<'a> {
    map: Option<&'a Map>,
    path: String,
}

impl<'a> Fields<'a> {
    /// The fields of a document; an empty one has none.
    pub(crate) fn of(value: &'a Value) -> Result<Self, Misfit> {
        Self::below(value, String::new())
    }

    fn below(value: &'a Value, path: String) -> Result<Self, Misfit> {
        match value {
            Value::Map(map) => Ok(Fields { map: Some(map), path }),
            Value::Null => Ok(Fields { map: None, path }),
            other => Err(misfit(path, "a map", other)),
        }
    }

    /// The value of a field under any spelling of its case, unless it is null; the exact spelling wins.
    pub(crate) fn get(&self, name: &str) -> Option<&'a Value> {
        let map = self.map?;
        map.get(name)
            .or_else(|| map.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value))
            .filter(|value| !value.is_null())
    }

    fn path_of(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_string() } else { format!("{}.{name}", self.path) }
    }

    /// Sets a text, if the field is there.
    pub(crate) fn string(&self, name: &str, into: &mut String) -> Result<(), Misfit> {
        if let Some(value) = self.get(name) {
            *into = scalar(value).ok_or_else(|| misfit(self.path_of(name), "a string", value))?;
        }
        Ok(())
    }

    /// Sets a flag, if the field is there.
    pub(crate) fn flag(&self, name: &str, into: &mut bool) -> Result<(), Misfit> {
        if let Some(value) = self.get(name) {
            *into = value.as_bool().ok_or_else(|| misfit(self.path_of(name), "a boolean", value))?;
        }
        Ok(())
    }

    /// The items of a list with the path of each, if the field is there.
    pub(crate) fn items(&self, name: &str) -> Result<Option<Vec<(String, &'a Value)>>, Misfit> {
        let Some(value) = self.get(name) else { return Ok(None) };
        let path = self.path_of(name);
        let items = value.as_list().ok_or_else(|| misfit(path.clone(), "a list", value))?;
        Ok(Some(items.iter().enumerate().map(|(index, item)| (format!("{path}[{index}]"), item)).collect()))
    }

    /// Sets a list of texts, if the field is there.
    pub(crate) fn strings(&self, name: &str, into: &mut Vec<String>) -> Result<(), Misfit> {
        if let Some(items) = self.items(name)? {
            let text = |(path, item): (String, &Value)| match item {
                Value::Null => Ok(String::new()),
                other => scalar(other).ok_or_else(|| misfit(path, "a string", other)),
            };
            *into = items.into_iter().map(text).collect::<Result<_, _>>()?;
        }
        Ok(())
    }

    /// Sets a list of maps read by `read`, if the field is there; a null item is `None`.
    pub(crate) fn maps<T>(
        &self,
        name: &str,
        into: &mut Vec<Option<T>>,
        read: impl Fn(&Fields<'a>) -> Result<T, Misfit>,
    ) -> Result<(), Misfit> {
        if let Some(items) = self.items(name)? {
            let one = |(path, item): (String, &'a Value)| match item {
                Value::Null => Ok(None),
                other => read(&Fields::below(other, path)?).map(Some),
            };
            *into = items.into_iter().map(one).collect::<Result<_, _>>()?;
        }
        Ok(())
    }

    /// The pairs of a map of texts, if the field is there.
    pub(crate) fn string_map(&self, name: &str) -> Result<Option<Vec<(String, String)>>, Misfit> {
        let Some(value) = self.get(name) else { return Ok(None) };
        let path = self.path_of(name);
        let map = value.as_map().ok_or_else(|| misfit(path.clone(), "a map", value))?;
        let pair = |(key, value): (&Arc<str>, &Value)| match value {
            Value::Null => Ok((key.to_string(), String::new())),
            other => match scalar(other) {
                Some(text) => Ok((key.to_string(), text)),
                None => Err(misfit(format!("{path}.{key}"), "a string", other)),
            },
        };
        map.iter().map(pair).collect::<Result<_, _>>().map(Some)
    }
}

fn misfit(path: String, wanted: &'static str, found: &Value) -> Misfit {
    let top = path.split(['.', '[']).next().unwrap_or("").to_string();
    Misfit { path, wanted, found: found.kind(), top }
}

/// A scalar as the text that Helm's YAML library makes of it where a string is wanted.
fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::Str(text) => Some(text.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Int(number) | Value::SetInt(number) => Some(number.to_string()),
        Value::Uint(number) => Some(number.to_string()),
        Value::Float(number) => Some(go_general(*number)),
        Value::Null | Value::List(_) | Value::Map(_) => None,
    }
}

/// A float as Go's `strconv.FormatFloat(x, 'g', -1, 32)`, which is what Helm's YAML library calls; so digits that a
/// 32-bit float cannot hold are lost, as in Helm.
fn go_general(number: f64) -> String {
    let number = number as f32;
    if !number.is_finite() {
        return if number.is_nan() {
            "NaN"
        } else if number > 0.0 {
            "+Inf"
        } else {
            "-Inf"
        }
        .to_string();
    }
    let scientific = format!("{number:e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..6).contains(&exponent) {
        number.to_string()
    } else {
        let sign = if exponent < 0 { '-' } else { '+' };
        format!("{digits}e{sign}{:02}", exponent.abs())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_become_the_text_that_helm_makes_of_them() {
        for (number, text) in [
            (1.10, "1.1"),
            (12_345_678.5, "1.2345678e+07"),
            (1_234_567.5, "1.2345675e+06"),
            (123_456.5, "123456.5"),
            (1e20, "1e+20"),
            (0.000_01, "1e-05"),
            (0.000_1, "0.0001"),
            (1.0, "1"),
        ] {
            assert_eq!(go_general(number), text);
        }
    }

    #[test]
    fn values_are_located_by_their_keys() {
        let text = "# name: no\nname: c\ndependencies:\n  - name: a\n    version: 1\n  - version: 2\n    name: b\nversion: 3\n";
        let file = SourceFile::new("Chart.yaml", text);
        let line = |path: &[Part<'_>]| file.position(locate(&file, path).start).line;
        assert_eq!(line(&[Part::Key("name")]), 2);
        assert_eq!(line(&[Part::Key("version")]), 8);
        let dependency = |index| [Part::Key("dependencies"), Part::Index(index), Part::Key("version")];
        assert_eq!((line(&dependency(0)), line(&dependency(1))), (5, 6));
        assert_eq!(line(&[Part::Key("missing")]), 1);
    }
}
