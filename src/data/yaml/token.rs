//! The tokens of YAML: what the scanner hands to the parser.

use std::borrow::Cow;

use super::node::Style;

/// A token and its bytes.
#[derive(Debug, Clone)]
pub(super) struct Token<'t> {
    pub(super) kind: TokenKind<'t>,
    pub(super) start: usize,
    pub(super) end: usize,
}

/// What a token is. Block collections have no characters of their own: they begin and end with the indentation.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum TokenKind<'t> {
    StreamEnd,
    /// `%YAML 1.1`.
    Version(u32, u32),
    /// `%TAG !e! prefix`.
    TagDirective(Cow<'t, str>, Cow<'t, str>),
    /// `---`
    DocumentStart,
    /// `...`
    DocumentEnd,
    BlockSequenceStart,
    BlockMappingStart,
    BlockEnd,
    FlowSequenceStart,
    FlowSequenceEnd,
    FlowMappingStart,
    FlowMappingEnd,
    /// `-`
    BlockEntry,
    /// `,`
    FlowEntry,
    /// `?`, or nothing before a simple key.
    Key,
    /// `:`
    Value,
    /// `*name`
    Alias(&'t str),
    /// `&name`
    Anchor(&'t str),
    /// Handle and suffix; the handle is empty for `!<verbatim>`.
    Tag(Cow<'t, str>, String),
    Scalar(Cow<'t, str>, Style),
}
