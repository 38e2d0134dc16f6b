//! From text to [`Node`]s: libyaml's events are composed into a tree with an explicit stack.
//!
//! Bounds, so that no input can exhaust stack or memory: nesting depth, and the number of nodes that aliases and merge
//! keys add. The first error ends the reading; what follows the first document is not looked at by [`parse`], as in Go.
//!
//! Invariant: composing does not recurse.

use std::collections::HashMap;
use std::sync::Arc;

use libyaml_safer::{Encoding, ErrorKind, EventData, MappingStyle, Mark, Parser, ScalarStyle, SequenceStyle};

use super::error::YamlError;
use super::node::{Node, NodeKind, Origin, Style};
use super::offsets::Offsets;
use crate::diag::{SourceFile, Span};

/// Bounds on what a document may unfold to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// How deep maps and lists may nest.
    pub depth: usize,
    /// How many nodes aliases and merge keys may add.
    pub nodes: usize,
}

impl Default for Limits {
    /// Depth 1,000 (a tree of this depth is read, converted, written and dropped within 1 MiB of stack) and a million
    /// nodes through aliases.
    fn default() -> Self {
        Limits { depth: 1_000, nodes: 1_000_000 }
    }
}

/// The first document of a text; `None` when there is none.
///
/// # Errors
/// The text is no YAML, up to and including the end of the first document.
pub fn parse(file: &Arc<SourceFile>) -> Result<Option<Node>, YamlError> {
    let composer = Composer::new(file.text(), Limits::default());
    composer.and_then(|mut composer| composer.document()).map_err(|error| error.in_file(file))
}

/// All documents of a text.
///
/// # Errors
/// The text is no YAML.
pub fn parse_all(file: &Arc<SourceFile>) -> Result<Vec<Node>, YamlError> {
    let read = || {
        let mut composer = Composer::new(file.text(), Limits::default())?;
        let mut documents = Vec::new();
        while let Some(document) = composer.document()? {
            documents.push(document);
        }
        Ok(documents)
    };
    read().map_err(|error: YamlError| error.in_file(file))
}

/// What an anchor stands for.
enum Anchor {
    /// Its node is not finished: an alias here would contain itself.
    Open,
    Done(Node),
}

/// A list or map that is being read.
struct Frame {
    anchor: Option<String>,
    start: usize,
    body: Body,
    /// A block ends with its last child, a flow collection with its bracket.
    flow: bool,
}

enum Body {
    List(Vec<Node>),
    Map { entries: Vec<(Node, Node)>, key: Option<Node> },
}

struct Composer<'t> {
    parser: Parser<&'t [u8]>,
    text: &'t str,
    offsets: Offsets<'t>,
    limits: Limits,
    anchors: HashMap<String, Anchor>,
    /// Nodes that merge keys have added.
    merged: usize,
}

impl<'t> Composer<'t> {
    fn new(text: &'t str, limits: Limits) -> Result<Self, YamlError> {
        let body = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut parser = Parser::new();
        parser.set_encoding(Encoding::Utf8);
        parser.set_input(body.as_bytes());
        let offsets = Offsets::new(body, text.len() - body.len());
        let mut composer = Composer { parser, text, offsets, limits, anchors: HashMap::new(), merged: 0 };
        composer.event()?;
        Ok(composer)
    }

    fn event(&mut self) -> Result<(EventData, Span), YamlError> {
        match self.parser.parse() {
            Ok(event) => {
                let start = self.offsets.byte(event.start_mark.index);
                let end = self.offsets.byte(event.end_mark.index);
                Ok((event.data, Span::new(start, end)))
            }
            Err(error) => Err(self.syntax_error(&error)),
        }
    }

    /// The error in Go's words. Go counts the line of a scanner's error from one and that of a parser's error from zero,
    /// and leaves out line zero.
    fn syntax_error(&self, error: &libyaml_safer::Error) -> YamlError {
        let mark = error.problem_mark().unwrap_or_default();
        let line = match (error.kind(), mark.line) {
            (_, 0) => 0,
            (ErrorKind::Scanner, line) => line + 1,
            (_, line) => line,
        };
        let span = match error.kind() {
            ErrorKind::Reader => self.unprintable(),
            _ => self.place(mark),
        };
        match line {
            0 => YamlError::yaml(error.problem(), span),
            line => YamlError::yaml(format_args!("line {line}: {}", error.problem()), span),
        }
    }

    /// The character at a mark.
    fn place(&self, mark: Mark) -> Span {
        let start = self.offsets.byte(mark.index);
        let length = self.text.get(start..).and_then(|rest| rest.chars().next()).map_or(0, char::len_utf8);
        Span::new(start, start + length)
    }

    /// The first character that YAML does not allow.
    fn unprintable(&self) -> Span {
        let found = self.text.char_indices().find(|(at, c)| !is_allowed(*c) && (*at > 0 || *c != '\u{feff}'));
        let (at, length) = found.map_or((self.text.len(), 0), |(at, c)| (at, c.len_utf8()));
        Span::new(at, at + length)
    }

    /// The next document.
    fn document(&mut self) -> Result<Option<Node>, YamlError> {
        if let (EventData::StreamEnd, _) = self.event()? {
            return Ok(None);
        }
        self.anchors.clear();
        let root = self.tree()?;
        self.event()?;
        Ok(Some(root))
    }

    /// The node that begins with the next event, and all below it.
    fn tree(&mut self) -> Result<Node, YamlError> {
        let mut stack: Vec<Frame> = Vec::new();
        loop {
            let (data, span) = self.event()?;
            let done = match data {
                EventData::Scalar { anchor, tag, value, style, .. } => {
                    let node = scalar(value, style, tag, span);
                    self.bind(anchor, &node);
                    node
                }
                EventData::Alias { anchor } => self.alias(&anchor, span)?,
                EventData::SequenceStart { anchor, style, .. } => {
                    let flow = style == SequenceStyle::Flow;
                    self.open(&mut stack, anchor, span, flow, Body::List(Vec::new()))?;
                    continue;
                }
                EventData::MappingStart { anchor, style, .. } => {
                    let flow = style == MappingStyle::Flow;
                    let body = Body::Map { entries: Vec::new(), key: None };
                    self.open(&mut stack, anchor, span, flow, body)?;
                    continue;
                }
                EventData::SequenceEnd | EventData::MappingEnd => match stack.pop() {
                    Some(frame) => self.close(frame, span)?,
                    None => continue,
                },
                // The parser's grammar has no other event within a document.
                _ => return Err(YamlError::yaml("did not find expected node content", span)),
            };
            match stack.last_mut() {
                None => return Ok(done),
                Some(Frame { body: Body::List(items), .. }) => items.push(done),
                Some(Frame { body: Body::Map { entries, key }, .. }) => match key.take() {
                    None => *key = Some(done),
                    Some(key) => entries.push((key, done)),
                },
            }
        }
    }

    fn open(
        &mut self,
        stack: &mut Vec<Frame>,
        anchor: Option<String>,
        span: Span,
        flow: bool,
        body: Body,
    ) -> Result<(), YamlError> {
        if stack.len() >= self.limits.depth {
            return Err(YamlError::yaml(format_args!("exceeded max depth of {}", self.limits.depth), span));
        }
        if let Some(name) = &anchor {
            self.anchors.insert(name.clone(), Anchor::Open);
        }
        stack.push(Frame { anchor, start: span.start as usize, body, flow });
        Ok(())
    }

    fn close(&mut self, frame: Frame, end: Span) -> Result<Node, YamlError> {
        let (kind, last) = match frame.body {
            Body::List(items) => {
                let last = items.last().map(|item| item.span.end);
                (NodeKind::List(Arc::new(items)), last)
            }
            Body::Map { entries, .. } => {
                let last = entries.last().map(|(key, value)| value.span.end.max(key.span.end));
                (NodeKind::Map(Arc::new(self.merge(entries)?)), last)
            }
        };
        let end = if frame.flow { end.end as usize } else { last.map_or(frame.start, |end| end as usize) };
        let node = Node { span: Span::new(frame.start, end), kind, origin: Origin::Own };
        self.bind(frame.anchor, &node);
        Ok(node)
    }

    fn bind(&mut self, anchor: Option<String>, node: &Node) {
        if let Some(name) = anchor {
            self.anchors.insert(name, Anchor::Done(node.clone()));
        }
    }

    fn alias(&self, name: &str, span: Span) -> Result<Node, YamlError> {
        match self.anchors.get(name) {
            Some(Anchor::Done(node)) => Ok(Node { span, kind: node.kind.clone(), origin: Origin::Alias }),
            Some(Anchor::Open) => {
                Err(YamlError::yaml(format_args!("anchor '{name}' value contains itself"), span))
            }
            None => Err(YamlError::yaml(format_args!("unknown anchor '{name}' referenced"), span)),
        }
    }

    /// Puts the entries that `<<` brings in at its place; a later key overrides an earlier one whatever its origin, and of
    /// several merged maps the first one wins.
    fn merge(&mut self, entries: Vec<(Node, Node)>) -> Result<Vec<(Node, Node)>, YamlError> {
        if !entries.iter().any(|(key, _)| is_merge(key)) {
            return Ok(entries);
        }
        let mut out = Vec::with_capacity(entries.len());
        for (key, value) in entries {
            if !is_merge(&key) {
                out.push((key, value));
                continue;
            }
            let wrong =
                || YamlError::yaml("map merge requires map or sequence of maps as the value", value.span);
            match &value.kind {
                NodeKind::Map(merged) => self.merge_one(merged, &mut out, value.span)?,
                NodeKind::List(maps) => {
                    for map in maps.iter().rev() {
                        let merged = map.as_map().ok_or_else(wrong)?;
                        self.merge_one(merged, &mut out, value.span)?;
                    }
                }
                NodeKind::Scalar { .. } => return Err(wrong()),
            }
        }
        Ok(out)
    }

    fn merge_one(
        &mut self,
        merged: &[(Node, Node)],
        out: &mut Vec<(Node, Node)>,
        span: Span,
    ) -> Result<(), YamlError> {
        self.merged = self.merged.saturating_add(merged.len());
        if self.merged > self.limits.nodes {
            return Err(excessive_aliasing(span));
        }
        out.extend(merged.iter().map(|(key, value)| {
            let key = Node { origin: Origin::Merge, ..key.clone() };
            // Its parts are counted and checked for duplicates where they are written.
            (key, Node { origin: Origin::Alias, ..value.clone() })
        }));
        Ok(())
    }
}

/// The error of a document that aliases blow up.
pub(super) fn excessive_aliasing(span: Span) -> YamlError {
    YamlError::yaml("document contains excessive aliasing", span)
}

/// Whether YAML allows a character in a text.
pub(super) fn is_allowed(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | '\u{20}'..='\u{7e}' | '\u{85}' | '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}'
        | '\u{10000}'..='\u{10ffff}')
}

fn is_merge(key: &Node) -> bool {
    match &key.kind {
        NodeKind::Scalar { text, style, tag } if &**text == "<<" => match tag.as_deref() {
            None => *style == Style::Plain,
            Some(tag) => tag == "tag:yaml.org,2002:merge",
        },
        _ => false,
    }
}

fn scalar(value: String, style: ScalarStyle, tag: Option<String>, span: Span) -> Node {
    let style = match style {
        ScalarStyle::SingleQuoted => Style::SingleQuoted,
        ScalarStyle::DoubleQuoted => Style::DoubleQuoted,
        ScalarStyle::Literal => Style::Literal,
        ScalarStyle::Folded => Style::Folded,
        _ => Style::Plain,
    };
    let kind = NodeKind::Scalar { text: value.into(), style, tag: tag.map(Into::into) };
    Node { span, kind, origin: Origin::Own }
}
