//! From tokens to [`Node`]s: the grammar of YAML, composed into a tree with an explicit stack.
//!
//! Bounds, so that no input can exhaust stack or memory: nesting depth, and the number of nodes that aliases and merge
//! keys add. The first error ends the reading; what follows the first document is not looked at by [`parse`], as in Go.
//!
//! Invariant: composing does not recurse.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use super::error::YamlError;
use super::node::{Node, NodeKind, Origin, Style};
use super::scan::{Scanner, SyntaxError};
use super::token::{Token, TokenKind};
use super::words::{WORD, has_other_than_lines};
use crate::diag::{Damage, SourceFile, Span};

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
    /// Depth 500 (a tree of this depth is read, converted, written and dropped within 1 MiB of stack even without
    /// optimisation) and a million nodes through aliases.
    fn default() -> Self {
        Limits { depth: 500, nodes: 1_000_000 }
    }
}

/// The first document of a text; `None` when there is none.
///
/// # Errors
/// The text is no YAML, up to and including the end of the first document.
pub fn parse(file: &Arc<SourceFile>) -> Result<Option<Node>, YamlError> {
    parse_within(file, Limits::default())
}

/// The first document of a text, within bounds of one's own.
///
/// # Errors
/// As [`parse`].
pub(super) fn parse_within(file: &Arc<SourceFile>, limits: Limits) -> Result<Option<Node>, YamlError> {
    Composer::new(file, limits).document().map_err(|error| error.in_file(file))
}

/// All documents of a text.
///
/// # Errors
/// The text is no YAML.
pub fn parse_all(file: &Arc<SourceFile>) -> Result<Vec<Node>, YamlError> {
    let read = || {
        let mut composer = Composer::new(file, Limits::default());
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
    Open {
        list: bool,
        /// Where that node begins, which tells it from another one of the same name.
        start: usize,
    },
    Done(Node),
}

/// A list or map that is being read.
struct Frame<'t> {
    anchor: Option<&'t str>,
    start: usize,
    state: State,
    /// Items of a list.
    items: Vec<Node>,
    /// Entries of a map.
    entries: Vec<(Node, Node)>,
    /// The key whose value comes next.
    key: Option<Node>,
}

/// What kind of collection a frame is, and where in it the reading stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Block list behind `BlockSequenceStart`.
    BlockList,
    /// List items at the column of their key.
    FlatList,
    BlockMap,
    FlowList {
        first: bool,
    },
    FlowMap {
        first: bool,
        /// The key stood without `?` and without `:`.
        bare: bool,
    },
    /// `key: value` as an item of a flow list.
    Pair,
}

/// What a collection needs next.
enum Want {
    Node(Context),
    /// A node that is not written, at a byte.
    Empty(usize),
    /// It is complete, and ends at a byte if it has an end of its own.
    Close(Option<usize>),
    /// A pair begins within a flow list.
    Pair(usize),
}

/// What a node may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Context {
    Block,
    /// Behind a key: list items may stand at the key's column.
    BlockValue,
    Flow,
}

/// A finished node, or a collection that was opened.
enum Begun<'t> {
    Done(Node),
    Open(Frame<'t>),
}

struct Composer<'t> {
    scanner: Scanner<'t>,
    /// The text behind a byte order mark, and how long that is.
    text: &'t str,
    base: usize,
    limits: Limits,
    anchors: HashMap<&'t str, Anchor>,
    tags: Vec<(Cow<'t, str>, Cow<'t, str>)>,
    first: bool,
    /// The first error that is none of syntax; those come first, wherever they are.
    later: Option<YamlError>,
    /// Nodes that merge keys have added.
    merged: usize,
    /// Where the error in `later` is, when it is an alias to a list around it.
    list_in_itself: Option<Span>,
    /// The first character that YAML does not allow: an error as soon as the block that it is in is looked at.
    unreadable: Option<(usize, YamlError)>,
}

/// Go's library checks characters when it reads them, in blocks of so many bytes.
const BLOCK: usize = 512;
/// How far the scanner looks beyond the byte where it stands: an indicator of three bytes and a blank.
const LOOK_AHEAD: usize = 3;

/// Go's words for bytes that are no UTF-8.
fn damage_text(damage: Damage) -> &'static str {
    match damage {
        Damage::Leading => "invalid leading UTF-8 octet",
        Damage::Trailing => "invalid trailing UTF-8 octet",
        Damage::Incomplete => "incomplete UTF-8 octet sequence",
        Damage::Overlong => "invalid length of a UTF-8 sequence",
        Damage::NoCharacter => "invalid Unicode character",
    }
}

impl<'t> Composer<'t> {
    fn new(file: &'t SourceFile, limits: Limits) -> Self {
        let text = file.text();
        let body = text.strip_prefix('\u{feff}').unwrap_or(text);
        let base = text.len() - body.len();
        let forbidden = first_forbidden(body)
            .map(|(at, c)| (base + at, c.len_utf8(), "control characters are not allowed"));
        let damaged = file
            .damage()
            .map(|(at, damage)| (at, char::REPLACEMENT_CHARACTER.len_utf8(), damage_text(damage)));
        let unreadable = forbidden
            .into_iter()
            .chain(damaged)
            .min_by_key(|(at, ..)| *at)
            .map(|(at, length, problem)| (at, YamlError::yaml(problem, Span::new(at, at + length))));
        Composer {
            scanner: Scanner::new(body),
            text: body,
            base,
            limits,
            anchors: HashMap::new(),
            tags: Vec::new(),
            first: true,
            later: None,
            merged: 0,
            list_in_itself: None,
            unreadable,
        }
    }

    /// The next document.
    fn document(&mut self) -> Result<Option<Node>, YamlError> {
        let result = self.readable_document();
        let read = (self.base + self.scanner.cursor.at + LOOK_AHEAD) / BLOCK;
        match &self.unreadable {
            Some((at, error)) if at / BLOCK <= read => Err(error.clone()),
            _ => result,
        }
    }

    #[inline]
    fn peek(&mut self) -> Result<&TokenKind<'t>, YamlError> {
        let (text, base) = (self.text, self.base);
        self.scanner.peek().map(|token| &token.kind).map_err(|error| go_error(text, base, &error))
    }

    fn take(&mut self) -> Result<Token<'t>, YamlError> {
        self.scanner.take().map_err(|error| go_error(self.text, self.base, &error))
    }

    /// Where the next token begins.
    fn next_start(&mut self) -> usize {
        self.scanner.peek().map_or(self.text.len(), |token| token.start)
    }

    /// Takes the next token if it is the one.
    #[inline]
    fn take_if(&mut self, wanted: &TokenKind<'_>) -> Result<Option<Token<'t>>, YamlError> {
        if self.peek()? == wanted { self.take().map(Some) } else { Ok(None) }
    }

    /// An error of the grammar at the next token.
    fn unexpected(&mut self, problem: &'static str) -> YamlError {
        let at = self.next_start();
        let at_end = at == self.text.len() && !self.text.ends_with(is_break);
        go_error(self.text, self.base, &SyntaxError { problem, at, scanner: false, at_end })
    }

    fn span(&self, start: usize, end: usize) -> Span {
        Span::new(self.base + start, self.base + end)
    }

    fn readable_document(&mut self) -> Result<Option<Node>, YamlError> {
        let first = std::mem::take(&mut self.first);
        if !first {
            while self.take_if(&TokenKind::DocumentEnd)?.is_some() {}
        }
        if *self.peek()? == TokenKind::StreamEnd {
            return Ok(None);
        }
        self.anchors.clear();
        self.tags.clear();
        let explicit = !first
            || matches!(
                self.peek()?,
                TokenKind::Version(..) | TokenKind::TagDirective(..) | TokenKind::DocumentStart
            );
        let mut empty = false;
        if explicit {
            self.directives()?;
            if self.take_if(&TokenKind::DocumentStart)?.is_none() {
                return Err(self.unexpected("did not find expected <document start>"));
            }
            empty = matches!(
                self.peek()?,
                TokenKind::Version(..)
                    | TokenKind::TagDirective(..)
                    | TokenKind::DocumentStart
                    | TokenKind::DocumentEnd
                    | TokenKind::StreamEnd
            );
        }
        let root = if empty {
            let at = self.next_start();
            self.empty(at)
        } else {
            self.tree()?
        };
        self.take_if(&TokenKind::DocumentEnd)?;
        match self.later.take() {
            Some(error) => Err(error),
            None => Ok(Some(root)),
        }
    }

    fn directives(&mut self) -> Result<(), YamlError> {
        let mut version = false;
        loop {
            match self.peek()? {
                TokenKind::Version(1, 1) if !version => version = true,
                TokenKind::Version(1, 1) => return Err(self.unexpected("found duplicate %YAML directive")),
                TokenKind::Version(..) => return Err(self.unexpected("found incompatible YAML document")),
                TokenKind::TagDirective(handle, prefix) => {
                    let (handle, prefix) = (handle.clone(), prefix.clone());
                    if self.tags.iter().any(|(known, _)| *known == handle) {
                        return Err(self.unexpected("found duplicate %TAG directive"));
                    }
                    self.tags.push((handle, prefix));
                }
                _ => return Ok(()),
            }
            self.take()?;
        }
    }

    /// The next node and all below it.
    fn tree(&mut self) -> Result<Node, YamlError> {
        let mut stack: Vec<Frame<'t>> = Vec::new();
        let mut want = Want::Node(Context::Block);
        loop {
            let done = match want {
                Want::Node(context) => match self.begin(context)? {
                    Begun::Done(node) => node,
                    Begun::Open(frame) => {
                        want = self.open(&mut stack, frame)?;
                        continue;
                    }
                },
                Want::Pair(start) => {
                    let frame = Frame::new(State::Pair, None, start);
                    want = self.open(&mut stack, frame)?;
                    continue;
                }
                Want::Empty(at) => self.empty(at),
                Want::Close(end) => match stack.pop() {
                    Some(frame) => self.close(frame, end)?,
                    // Only an open collection asks to be closed.
                    None => return Err(self.unexpected("did not find expected node content")),
                },
            };
            let Some(frame) = stack.last_mut() else { return Ok(done) };
            frame.add(done);
            want = self.step(frame)?;
        }
    }

    fn open(&mut self, stack: &mut Vec<Frame<'t>>, mut frame: Frame<'t>) -> Result<Want, YamlError> {
        if stack.len() >= self.limits.depth {
            let span = self.span(frame.start, frame.start + 1);
            return Err(YamlError::yaml(format_args!("exceeded max depth of {}", self.limits.depth), span));
        }
        if let Some(name) = frame.anchor {
            let list = matches!(frame.state, State::BlockList | State::FlatList | State::FlowList { .. });
            self.anchors.insert(name, Anchor::Open { list, start: frame.start });
        }
        let want = self.step(&mut frame)?;
        stack.push(frame);
        Ok(want)
    }

    /// What a collection needs next.
    fn step(&mut self, frame: &mut Frame<'t>) -> Result<Want, YamlError> {
        match frame.state {
            State::BlockList => self.step_block_list(),
            State::FlatList => self.step_flat_list(),
            State::BlockMap => self.step_block_map(frame.key.is_some()),
            State::FlowList { first } => {
                frame.state = State::FlowList { first: false };
                self.step_flow_list(first)
            }
            State::FlowMap { .. } => self.step_flow_map(frame),
            State::Pair if frame.key.is_some() => self.flow_value(&TokenKind::FlowSequenceEnd),
            State::Pair if frame.entries.is_empty() => {
                let missing = matches!(
                    self.peek()?,
                    TokenKind::Value | TokenKind::FlowEntry | TokenKind::FlowSequenceEnd
                );
                let want = self.node_or_empty(missing, Context::Flow);
                if missing {
                    // Go's library loses the token behind a `?` without a key; so `[? : a]` is an error.
                    self.take()?;
                }
                Ok(want)
            }
            State::Pair => Ok(Want::Close(None)),
        }
    }

    fn node_or_empty(&mut self, missing: bool, context: Context) -> Want {
        if missing { Want::Empty(self.next_start()) } else { Want::Node(context) }
    }

    fn step_block_list(&mut self) -> Result<Want, YamlError> {
        if self.take_if(&TokenKind::BlockEntry)?.is_some() {
            let missing = matches!(self.peek()?, TokenKind::BlockEntry | TokenKind::BlockEnd);
            return Ok(self.node_or_empty(missing, Context::Block));
        }
        match self.take_if(&TokenKind::BlockEnd)? {
            Some(_) => Ok(Want::Close(None)),
            None => Err(self.unexpected("did not find expected '-' indicator")),
        }
    }

    fn step_flat_list(&mut self) -> Result<Want, YamlError> {
        if self.take_if(&TokenKind::BlockEntry)?.is_none() {
            return Ok(Want::Close(None));
        }
        let missing = matches!(
            self.peek()?,
            TokenKind::BlockEntry | TokenKind::Key | TokenKind::Value | TokenKind::BlockEnd
        );
        Ok(self.node_or_empty(missing, Context::Block))
    }

    fn step_block_map(&mut self, has_key: bool) -> Result<Want, YamlError> {
        let indicator = if has_key { TokenKind::Value } else { TokenKind::Key };
        if self.take_if(&indicator)?.is_some() {
            let missing = matches!(self.peek()?, TokenKind::Key | TokenKind::Value | TokenKind::BlockEnd);
            return Ok(self.node_or_empty(missing, Context::BlockValue));
        }
        if has_key {
            return Ok(Want::Empty(self.next_start()));
        }
        match self.take_if(&TokenKind::BlockEnd)? {
            Some(_) => Ok(Want::Close(None)),
            None => Err(self.unexpected("did not find expected key")),
        }
    }

    /// The end of a flow collection, or the comma before the next entry.
    fn flow_end(
        &mut self,
        first: bool,
        end: &TokenKind<'_>,
        problem: &'static str,
    ) -> Result<Option<Want>, YamlError> {
        if let Some(token) = self.take_if(end)? {
            return Ok(Some(Want::Close(Some(token.end))));
        }
        if !first {
            if self.take_if(&TokenKind::FlowEntry)?.is_none() {
                return Err(self.unexpected(problem));
            }
            if let Some(token) = self.take_if(end)? {
                return Ok(Some(Want::Close(Some(token.end))));
            }
        }
        Ok(None)
    }

    fn step_flow_list(&mut self, first: bool) -> Result<Want, YamlError> {
        let end = self.flow_end(first, &TokenKind::FlowSequenceEnd, "did not find expected ',' or ']'")?;
        if let Some(want) = end {
            return Ok(want);
        }
        match self.take_if(&TokenKind::Key)? {
            Some(token) => Ok(Want::Pair(token.start)),
            None => Ok(Want::Node(Context::Flow)),
        }
    }

    fn step_flow_map(&mut self, frame: &mut Frame<'t>) -> Result<Want, YamlError> {
        let State::FlowMap { first, bare } = frame.state else { return Ok(Want::Close(None)) };
        if frame.key.is_some() {
            return if bare {
                Ok(Want::Empty(self.next_start()))
            } else {
                self.flow_value(&TokenKind::FlowMappingEnd)
            };
        }
        let end = self.flow_end(first, &TokenKind::FlowMappingEnd, "did not find expected ',' or '}'")?;
        if let Some(want) = end {
            return Ok(want);
        }
        let bare = self.take_if(&TokenKind::Key)?.is_none();
        frame.state = State::FlowMap { first: false, bare };
        let missing = !bare
            && matches!(self.peek()?, TokenKind::Value | TokenKind::FlowEntry | TokenKind::FlowMappingEnd);
        Ok(self.node_or_empty(missing, Context::Flow))
    }

    /// The value in a flow map or pair.
    fn flow_value(&mut self, end: &TokenKind<'_>) -> Result<Want, YamlError> {
        if self.take_if(&TokenKind::Value)?.is_none() {
            return Ok(Want::Empty(self.next_start()));
        }
        let next = self.peek()?;
        let missing = *next == TokenKind::FlowEntry || next == end;
        Ok(self.node_or_empty(missing, Context::Flow))
    }

    /// Reads the beginning of a node: an alias, a scalar, or what opens a collection.
    fn begin(&mut self, context: Context) -> Result<Begun<'t>, YamlError> {
        if let TokenKind::Alias(name) = *self.peek()? {
            let token = self.take()?;
            return self.alias(name, self.span(token.start, token.end)).map(Begun::Done);
        }
        let start = self.next_start();
        let (mut anchor, mut tag) = (None, None);
        loop {
            match self.peek()? {
                TokenKind::Anchor(name) if anchor.is_none() => anchor = Some(*name),
                TokenKind::Tag(handle, suffix) if tag.is_none() => {
                    let (handle, suffix) = (handle.clone(), suffix.clone());
                    tag = Some(self.resolve_tag(&handle, suffix)?);
                }
                _ => break,
            }
            self.take()?;
        }
        let block = context != Context::Flow;
        let state = match self.peek()? {
            TokenKind::BlockEntry if context == Context::BlockValue => {
                return Ok(Begun::Open(Frame::new(State::FlatList, anchor, start)));
            }
            TokenKind::Scalar(..) => return self.scalar(anchor, tag).map(Begun::Done),
            TokenKind::FlowSequenceStart => State::FlowList { first: true },
            TokenKind::FlowMappingStart => State::FlowMap { first: true, bare: false },
            TokenKind::BlockSequenceStart if block => State::BlockList,
            TokenKind::BlockMappingStart if block => State::BlockMap,
            _ if anchor.is_some() || tag.is_some() => {
                let end = self.scanner.taken_end();
                let kind = NodeKind::Scalar { text: Arc::from(""), style: Style::Plain, tag };
                let node = Node { span: self.span(start, end.max(start)), kind, origin: Origin::Own };
                self.bind(anchor, &node);
                return Ok(Begun::Done(node));
            }
            _ => return Err(self.unexpected("did not find expected node content")),
        };
        self.take()?;
        Ok(Begun::Open(Frame::new(state, anchor, start)))
    }

    fn resolve_tag(&mut self, handle: &str, suffix: String) -> Result<Arc<str>, YamlError> {
        if handle.is_empty() {
            return Ok(suffix.into());
        }
        let prefix = match self.tags.iter().find(|(known, _)| known == handle) {
            Some((_, prefix)) => prefix,
            None if handle == "!" => "!",
            None if handle == "!!" => "tag:yaml.org,2002:",
            None => return Err(self.unexpected("found undefined tag handle")),
        };
        Ok(format!("{prefix}{suffix}").into())
    }

    fn scalar(&mut self, anchor: Option<&'t str>, tag: Option<Arc<str>>) -> Result<Node, YamlError> {
        let token = self.take()?;
        let TokenKind::Scalar(text, style) = token.kind else {
            return Err(self.unexpected("did not find expected node content"));
        };
        let kind = NodeKind::Scalar { text: Arc::from(text), style, tag };
        let node = Node { span: self.span(token.start, token.end), kind, origin: Origin::Own };
        self.bind(anchor, &node);
        Ok(node)
    }

    /// A node that is not written.
    fn empty(&self, at: usize) -> Node {
        let kind = NodeKind::Scalar { text: Arc::from(""), style: Style::Plain, tag: None };
        Node { span: self.span(at, at), kind, origin: Origin::Own }
    }

    fn close(&mut self, frame: Frame<'t>, end: Option<usize>) -> Result<Node, YamlError> {
        let start = self.span(frame.start, frame.start);
        let (kind, last) = match frame.state {
            State::BlockList | State::FlatList | State::FlowList { .. } => {
                let last = frame.items.last().map(|item| item.span);
                (NodeKind::List(Arc::new(frame.items)), last)
            }
            State::BlockMap | State::FlowMap { .. } | State::Pair => {
                let last = frame.entries.last().map(|(key, value)| written(value).unwrap_or(key.span));
                (NodeKind::Map(Arc::new(self.merge(frame.entries)?)), last)
            }
        };
        // A block has no end of its own: it ends with its last child.
        let end = end.map(|end| self.span(end, end)).or(last).unwrap_or(start);
        let span = Span { start: start.start, end: end.end.max(start.start) };
        let node = Node { span, kind, origin: Origin::Own };
        // A name counts from the beginning of its node, so one that was given again within it stays.
        let is_latest = |name: &&str| matches!(self.anchors.get(*name), Some(Anchor::Open { start, .. }) if *start == frame.start);
        self.bind(frame.anchor.filter(is_latest), &node);
        Ok(node)
    }

    fn bind(&mut self, anchor: Option<&'t str>, node: &Node) {
        if let Some(name) = anchor {
            self.anchors.insert(name, Anchor::Done(node.clone()));
        }
    }

    fn alias(&mut self, name: &str, span: Span) -> Result<Node, YamlError> {
        match self.anchors.get(name) {
            Some(Anchor::Done(node)) => Ok(Node { span, kind: node.kind.clone(), origin: Origin::Alias }),
            Some(Anchor::Open { list, .. }) => {
                if self.later.is_none() {
                    let text = format_args!("anchor '{name}' value contains itself");
                    self.later = Some(YamlError::yaml(text, span));
                    self.list_in_itself = list.then_some(span);
                }
                let kind = NodeKind::Scalar { text: Arc::from(""), style: Style::Plain, tag: None };
                Ok(Node { span, kind, origin: Origin::Alias })
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
            let fits = match &value.kind {
                NodeKind::Map(merged) => {
                    self.merge_one(merged, &mut out, value.span)?;
                    true
                }
                // Only a list that is written here can be merged, not one that an alias stands for.
                NodeKind::List(maps) if value.origin != Origin::Alias => {
                    for merged in maps.iter().rev().filter_map(Node::as_map) {
                        self.merge_one(merged, &mut out, value.span)?;
                    }
                    maps.iter().all(|map| map.as_map().is_some())
                }
                NodeKind::List(_) | NodeKind::Scalar { .. } => false,
            };
            if !fits {
                // That a list cannot be merged is found before that it contains itself.
                if self.list_in_itself == Some(value.span) {
                    self.later = None;
                }
                let text = "map merge requires map or sequence of maps as the value";
                self.later.get_or_insert(YamlError::yaml(text, value.span));
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

/// The error in Go's words. Go counts the line of a scanner's error from one and that of a parser's error from zero, and
/// leaves out line zero. `base` is where the text begins in its file.
fn go_error(text: &str, base: usize, error: &SyntaxError) -> YamlError {
    let before = text.get(..error.at).unwrap_or(text);
    let breaks = before.matches(is_break).count() - before.matches("\r\n").count();
    let line = breaks + usize::from(error.at_end);
    let length = text.get(error.at..).and_then(|rest| rest.chars().next()).map_or(0, char::len_utf8);
    let span = Span::new(base + error.at, base + error.at + length);
    match line {
        0 => YamlError::yaml(error.problem, span),
        line => YamlError::yaml(
            format_args!("line {}: {}", line + usize::from(error.scanner), error.problem),
            span,
        ),
    }
}

/// The span of a node that has characters.
fn written(node: &Node) -> Option<Span> {
    (node.span.end > node.span.start).then_some(node.span)
}

fn is_break(c: char) -> bool {
    matches!(c, '\n' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// The first character that YAML does not allow, and its place.
pub(super) fn first_forbidden(text: &str) -> Option<(usize, char)> {
    let (words, rest) = text.as_bytes().as_chunks::<WORD>();
    let whole = words.iter().enumerate().filter(|(_, word)| has_other_than_lines(**word));
    let tail = (words.len() * WORD, rest);
    whole
        .map(|(index, word)| (index * WORD, word.as_slice()))
        .chain([tail])
        .flat_map(|(start, bytes)| (start..).zip(bytes))
        .filter(|(_, byte)| begins_forbidden(**byte))
        .filter_map(|(at, _)| Some((at, text.get(at..)?.chars().next()?)))
        .find(|(_, c)| !is_allowed(*c))
}

/// Whether a character that YAML does not allow can begin with the byte.
fn begins_forbidden(byte: u8) -> bool {
    matches!(byte, 0..=0x08 | 0x0b | 0x0c | 0x0e..=0x1f | 0x7f | 0xc2 | 0xef)
}

impl<'t> Frame<'t> {
    fn new(state: State, anchor: Option<&'t str>, start: usize) -> Self {
        Frame { anchor, start, state, items: Vec::new(), entries: Vec::new(), key: None }
    }

    /// Adds the node that was wanted.
    fn add(&mut self, node: Node) {
        match self.state {
            State::BlockList | State::FlatList | State::FlowList { .. } => self.items.push(node),
            State::BlockMap | State::FlowMap { .. } | State::Pair => match self.key.take() {
                None => self.key = Some(node),
                Some(key) => self.entries.push((key, node)),
            },
        }
    }
}
