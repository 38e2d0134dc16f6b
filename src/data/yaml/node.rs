//! A YAML document as a tree that knows where each of its parts stands in the text.
//!
//! Invariant: aliases are expanded by sharing (an alias costs one node), and merge keys are expanded in place.

use std::collections::HashMap;
use std::sync::Arc;

use crate::diag::Span;

/// How a scalar is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// Without quotes.
    Plain,
    /// In `'`.
    SingleQuoted,
    /// In `"`.
    DoubleQuoted,
    /// A block behind `|`.
    Literal,
    /// A block behind `>`.
    Folded,
}

/// Where a node comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// Written at its place.
    Own,
    /// Brought in by `*name`.
    Alias,
    /// A key brought in by `<<`.
    Merge,
}

/// A part of a document and its place.
#[derive(Debug, Clone)]
pub struct Node {
    /// The bytes of the node in its file; those of the `*name` for an alias.
    pub span: Span,
    /// What it is.
    pub kind: NodeKind,
    pub(super) origin: Origin,
}

/// What a [`Node`] is.
#[derive(Debug, Clone)]
pub enum NodeKind {
    /// Text that is not resolved to a type yet.
    Scalar {
        /// The content, without quotes and with escapes applied.
        text: Arc<str>,
        /// How it is written.
        style: Style,
        /// The full tag when one is written: `tag:yaml.org,2002:str` for `!!str`, `!` for `!`.
        tag: Option<Arc<str>>,
    },
    /// A sequence.
    List(Arc<Vec<Node>>),
    /// A mapping, in the order of the text. Of two equal keys the last one counts.
    Map(Arc<Vec<(Node, Node)>>),
}

impl Node {
    /// The text of a scalar.
    pub fn as_scalar(&self) -> Option<&str> {
        match &self.kind {
            NodeKind::Scalar { text, .. } => Some(text),
            _ => None,
        }
    }

    /// The items of a list.
    pub fn as_list(&self) -> Option<&[Node]> {
        match &self.kind {
            NodeKind::List(items) => Some(items),
            _ => None,
        }
    }

    /// The entries of a map.
    pub fn as_map(&self) -> Option<&[(Node, Node)]> {
        match &self.kind {
            NodeKind::Map(entries) => Some(entries),
            _ => None,
        }
    }

    /// The key and the value at a path of keys (a number picks an item of a list): "where is this key set".
    ///
    /// Keys are compared as [`Node::to_value`] names them, so `on:` is found as `true`.
    pub fn entry(&self, path: &[&str]) -> Option<(&Node, &Node)> {
        let mut key = self;
        let mut node = self;
        for part in path {
            match &node.kind {
                NodeKind::Map(entries) => {
                    (key, node) = entries
                        .iter()
                        .rev()
                        .find(|(key, _)| super::convert::key_text(key).is_ok_and(|text| &*text == *part))
                        .map(|(key, value)| (key, value))?;
                }
                NodeKind::List(items) => {
                    node = items.get(part.parse::<usize>().ok()?)?;
                    key = node;
                }
                NodeKind::Scalar { .. } => return None,
            }
        }
        Some((key, node))
    }

    /// The value at a path of keys (a number picks an item of a list).
    pub fn find(&self, path: &[&str]) -> Option<&Node> {
        self.entry(path).map(|(_, value)| value)
    }

    /// Keys that are written twice in one map: the dotted path, the place of the first and of the second key.
    pub fn duplicate_keys(&self) -> Vec<(String, Span, Span)> {
        let mut found = Vec::new();
        let mut path = Vec::new();
        duplicates(self, &mut path, &mut found);
        found
    }
}

fn duplicates(node: &Node, path: &mut Vec<String>, found: &mut Vec<(String, Span, Span)>) {
    if node.origin == Origin::Alias {
        return;
    }
    match &node.kind {
        NodeKind::Scalar { .. } => {}
        NodeKind::List(items) => {
            for (index, item) in items.iter().enumerate() {
                path.push(index.to_string());
                duplicates(item, path, found);
                path.pop();
            }
        }
        NodeKind::Map(entries) => {
            let mut seen: HashMap<Arc<str>, Span> = HashMap::new();
            for (key, value) in entries.iter().filter(|(key, _)| key.origin != Origin::Merge) {
                let Ok(text) = super::convert::key_text(key) else { continue };
                path.push(text.to_string());
                if let Some(first) = seen.insert(text, key.span) {
                    found.push((path.join("."), first, key.span));
                }
                duplicates(value, path, found);
                path.pop();
            }
        }
    }
}
