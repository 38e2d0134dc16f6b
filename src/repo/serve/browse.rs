//! The values of a chart as a tree for the page: names, types, defaults, and what author and schema say of them.
//!
//! A node is `{"key", "type", "default", "description", "required", "choices", "children"}`, of which what is not known is left
//! out. Descriptions come from the schema, else from the comment above the key; helm-docs' `--` and bitnami's `@param` are not
//! part of it.
//!
//! Invariant: however the values and the schema are made, the tree has at most [`MOST`] nodes and [`DEEPEST`] levels, and each
//! text in it is short.

use std::sync::Arc;

use serde_json::{Map as JsonMap, Value as Json, json};

use crate::data::yaml::{self, Node, NodeKind};
use crate::diag::SourceFile;

/// Most nodes of a tree.
const MOST: usize = 3_000;
/// Deepest level of a tree.
const DEEPEST: usize = 24;
/// Longest default in characters.
const LONGEST_DEFAULT: usize = 300;
/// Longest description in characters, and most lines of a comment.
const LONGEST_TEXT: usize = 800;
const MOST_LINES: u32 = 24;
/// Most references of a schema that are followed to reach one node.
const MOST_HOPS: usize = 8;
/// Most choices that are told.
const MOST_CHOICES: usize = 50;

/// The tree of a values.yaml and a values.schema.json; `None` when neither has anything to show.
pub(super) fn tree(values: Option<&str>, schema: Option<&str>) -> Option<Json> {
    let file = SourceFile::new("values.yaml", values.unwrap_or_default());
    let root = yaml::parse(&file).ok().flatten();
    let schema: Json = schema.and_then(|text| serde_json::from_str(text).ok()).unwrap_or(Json::Null);
    let mut walk = Walk { file: &file, schema: &schema, left: MOST };
    let children = walk.children(root.as_ref(), &schema, 0);
    (!children.is_empty()).then(|| Json::Array(children))
}

struct Walk<'t> {
    file: &'t Arc<SourceFile>,
    schema: &'t Json,
    /// How many nodes there may be still.
    left: usize,
}

impl Walk<'_> {
    /// The nodes below a map, in the order of the values, then what only the schema knows.
    fn children(&mut self, node: Option<&Node>, schema: &Json, depth: usize) -> Vec<Json> {
        let schema = self.resolve(schema);
        let properties = schema.get("properties").and_then(Json::as_object);
        let required: Vec<&str> = schema
            .get("required")
            .and_then(Json::as_array)
            .into_iter()
            .flatten()
            .filter_map(Json::as_str)
            .collect();
        let entries = node.and_then(Node::as_map).unwrap_or_default();
        let known = |name: &str| properties.and_then(|all| all.get(name)).unwrap_or(&Json::Null);
        let mut children = Vec::new();
        for (key, value) in entries {
            let Some(name) = key.as_scalar() else { continue };
            let comment = self.comment(key);
            children.extend(self.node(
                name,
                Some(value),
                known(name),
                comment,
                required.contains(&name),
                depth,
            ));
        }
        for (name, property) in properties.into_iter().flatten() {
            if !entries.iter().any(|(key, _)| key.as_scalar() == Some(name)) {
                let is_required = required.contains(&name.as_str());
                children.extend(self.node(name, None, property, String::new(), is_required, depth));
            }
        }
        children
    }

    fn node(
        &mut self,
        name: &str,
        value: Option<&Node>,
        schema: &Json,
        comment: String,
        required: bool,
        depth: usize,
    ) -> Option<Json> {
        self.left = self.left.checked_sub(1)?;
        let resolved = self.resolve(schema);
        let text = |key: &str| resolved.get(key).and_then(Json::as_str).map(|text| short(text, LONGEST_TEXT));
        let mut node = JsonMap::new();
        node.insert("key".to_string(), json!(short(name, LONGEST_DEFAULT)));
        let written = value.map(kind_of).filter(|kind| *kind != "null");
        if let Some(kind) = types(resolved).or_else(|| written.map(str::to_string)) {
            node.insert("type".to_string(), json!(kind));
        }
        let description = text("description").or_else(|| text("title")).unwrap_or(comment);
        if !description.is_empty() {
            node.insert("description".to_string(), json!(description));
        }
        if required {
            node.insert("required".to_string(), json!(true));
        }
        if let Some(choices) = resolved.get("enum").and_then(Json::as_array) {
            let choices: Vec<String> = choices
                .iter()
                .take(MOST_CHOICES)
                .map(|choice| short(&choice.to_string(), LONGEST_DEFAULT))
                .collect();
            node.insert("choices".to_string(), json!(choices));
        }
        let children =
            if depth + 1 < DEEPEST { self.children(value, resolved, depth + 1) } else { Vec::new() };
        if children.is_empty() {
            let default = match value {
                Some(value) => Some(brief(value)),
                None => resolved.get("default").map(|default| short(&default.to_string(), LONGEST_DEFAULT)),
            };
            node.extend(default.map(|default| ("default".to_string(), json!(default))));
        } else {
            node.insert("children".to_string(), Json::Array(children));
        }
        Some(Json::Object(node))
    }

    /// What a schema says, references within the document followed.
    fn resolve<'s>(&self, schema: &'s Json) -> &'s Json
    where
        Self: 's,
    {
        let mut at = schema;
        for _ in 0..MOST_HOPS {
            let Some(reference) = at.get("$ref").and_then(Json::as_str) else { return at };
            let Some(next) = reference.strip_prefix('#').and_then(|pointer| self.schema.pointer(pointer))
            else {
                return at;
            };
            at = next;
        }
        at
    }

    /// The lines of comment that stand directly above a key.
    fn comment(&self, key: &Node) -> String {
        let line = self.file.line_of(key.span.start);
        let mut lines = Vec::new();
        for above in (1..line).rev().take(MOST_LINES as usize) {
            let Some(text) = self.file.line_text(above).trim().strip_prefix('#') else { break };
            lines.push(plain(text));
        }
        lines.reverse();
        short(lines.join("\n").trim(), LONGEST_TEXT)
    }
}

/// A line of a comment without what tools read out of it.
fn plain(line: &str) -> &str {
    let line = line.trim_start_matches('#').trim();
    let line = line.strip_prefix("-- ").unwrap_or(line);
    match line.strip_prefix('@') {
        Some(tagged) => {
            tagged.strip_prefix("param ").and_then(|rest| rest.split_once(' ')).map_or("", |(_, text)| text)
        }
        None => line,
    }
}

fn short(text: &str, most: usize) -> String {
    let mut short: String = text.chars().take(most).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}

fn types(schema: &Json) -> Option<String> {
    match schema.get("type")? {
        Json::String(one) => Some(short(one, LONGEST_DEFAULT)),
        Json::Array(all) => {
            let names: Vec<&str> = all.iter().filter_map(Json::as_str).take(MOST_CHOICES).collect();
            Some(short(&names.join(" or "), LONGEST_DEFAULT))
        }
        _ => None,
    }
}

fn kind_of(node: &Node) -> &'static str {
    match &node.kind {
        NodeKind::Map(_) => "object",
        NodeKind::List(_) => "array",
        NodeKind::Scalar { .. } => match scalar(node) {
            Json::Null => "null",
            Json::Bool(_) => "boolean",
            Json::Number(number) if number.is_f64() => "number",
            Json::Number(_) => "integer",
            _ => "string",
        },
    }
}

/// A scalar as JSON; one that YAML cannot read is its text.
fn scalar(node: &Node) -> Json {
    let value = node.to_value().ok().and_then(|value| serde_json::to_value(&value).ok());
    value.unwrap_or_else(|| json!(node.as_scalar()))
}

/// The start of a value as JSON, made no further than it is shown.
fn brief(node: &Node) -> String {
    let mut text = String::new();
    write(node, 0, &mut text);
    short(&text, LONGEST_DEFAULT)
}

fn write(node: &Node, depth: usize, text: &mut String) {
    // Four bytes are the longest character.
    if text.len() > LONGEST_DEFAULT * 4 || depth > DEEPEST {
        return;
    }
    match &node.kind {
        NodeKind::Scalar { text: written, .. } if written.len() > LONGEST_DEFAULT * 4 => {
            text.push_str(&json!(short(written, LONGEST_DEFAULT)).to_string());
        }
        NodeKind::Scalar { .. } => text.push_str(&scalar(node).to_string()),
        NodeKind::List(items) => {
            text.push('[');
            for (at, item) in items.iter().take(LONGEST_DEFAULT).enumerate() {
                text.push_str(if at == 0 { "" } else { ", " });
                write(item, depth + 1, text);
            }
            text.push(']');
        }
        NodeKind::Map(entries) => {
            text.push('{');
            for (at, (key, value)) in entries.iter().take(LONGEST_DEFAULT).enumerate() {
                text.push_str(if at == 0 { "" } else { ", " });
                text.push_str(&short(key.as_scalar().unwrap_or("?"), LONGEST_DEFAULT));
                text.push_str(": ");
                write(value, depth + 1, text);
            }
            text.push('}');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_schema_and_comments_make_one_tree() {
        let values = "# A licence\n\n# -- How many\nreplicas: 2\n## @param image.tag Which one\n## @section x\n\
            image:\n  # The tag,\n  # in full\n  tag: \"1\"\n  names: [a, {b: 1}]\nempty: {}\nnothing:\n";
        let schema = r##"{"required": ["replicas"], "properties": {
            "replicas": {"type": ["integer", "null"]}, "image": {"$ref": "#/$defs/image"},
            "only": {"type": "string", "default": "x", "enum": ["x", "y"]}},
            "$defs": {"image": {"properties": {"tag": {"description": "From the schema"}}}}}"##;
        assert_eq!(
            tree(Some(values), Some(schema)).unwrap(),
            json!([
                {"key": "replicas", "type": "integer or null", "description": "How many", "required": true, "default": "2"},
                {"key": "image", "type": "object", "description": "Which one", "children": [
                    {"key": "tag", "type": "string", "description": "From the schema", "default": "\"1\""},
                    {"key": "names", "type": "array", "default": "[\"a\", {b: 1}]"},
                ]},
                {"key": "empty", "type": "object", "default": "{}"},
                {"key": "nothing", "default": "null"},
                {"key": "only", "type": "string", "choices": ["\"x\"", "\"y\""], "default": "\"x\""},
            ])
        );
        assert_eq!(tree(Some("a: 1\n# Two\n# lines\nb: 2\n"), None).unwrap()[1]["description"], "Two\nlines");
    }

    #[test]
    fn no_values_and_no_schema_make_a_large_tree() {
        let count = |tree: &Json| tree.to_string().matches("\"key\"").count();
        let mut bomb = "a0: &a0 {x: 1}\n".to_string();
        for level in 1..12 {
            let last = level - 1;
            bomb.push_str(&format!("a{level}: &a{level} {{p: *a{last}, q: *a{last}, r: *a{last}}}\n"));
        }
        assert!(count(&tree(Some(&bomb), None).unwrap_or_default()) <= MOST);
        let list =
            bomb.replace('{', "[").replace('}', "]").replace("p: ", "").replace("q: ", "").replace("r: ", "");
        assert!(tree(Some(&list), None).unwrap_or_default().to_string().len() < 1 << 20);
        let circle = r##"{"properties": {"a": {"$ref": "#"}, "b": {"$ref": "#/properties/b"}}}"##;
        let found = tree(None, Some(circle)).unwrap();
        assert!(count(&found) <= MOST && count(&found) > DEEPEST);
        let mut wide = String::new();
        for number in 0..10_000 {
            wide.push_str(&format!("k{number}: {}\n", "x".repeat(500)));
        }
        assert_eq!(count(&tree(Some(&wide), None).unwrap()), MOST);
        for nothing in ["", "a: [", "- 1\n", "text"] {
            assert_eq!(tree(Some(nothing), Some("[1]")), None, "{nothing}");
        }
    }
}
