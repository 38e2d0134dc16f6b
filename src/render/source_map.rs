//! From a byte of rendered text to the place in a template that wrote it, through `include`, `tpl` and `template`.
//!
//! ```text
//! output   apiVersion: v1 | kind: Job | {{ include "labels" . | nindent 4 }}
//!          ─── a run ──── ─── a run ── ───────────── a run ────────────────
//!                                        └─ pieces ─► the buffer of "labels", which has runs of its own
//! ```
//!
//! A map is only made when it is asked for ([`Record`](super::Record)): templates are then rendered once more. That costs
//! nothing while all is well; the price is that random text (passwords) differs between the two runs, so a caller that
//! holds a text of an earlier run goes by line (see [`SourceMap::position_in_line`]).
//!
//! What a function makes of a collected text (`nindent`, `quote`, `trim`) is not known here; lines are found again by
//! their content. A line that is not found belongs to the action.
//!
//! Invariant: runs of a buffer are in the order of its bytes and cover it.

use std::sync::Arc;

use crate::diag::{Frame, Location, SourceFile, Span};

/// The place that wrote a byte.
#[derive(Debug, Clone)]
pub struct Origin {
    /// The byte of the template's own text, or the whole action.
    pub at: Location,
    /// Whether the template's text stands in the output as it is.
    pub verbatim: bool,
    /// The calls that led there, innermost first.
    pub chain: Vec<Frame>,
}

/// Where the bytes of one rendered file come from.
#[derive(Debug, Clone, Default)]
pub struct SourceMap {
    main: Arc<Buffer>,
    /// From the final text to the text without damaged characters replaced, and on to what was written.
    shifts: Vec<Shifts>,
    /// Where the lines of the final text start.
    lines: Vec<usize>,
}

/// What one template wrote into a buffer of its own.
#[derive(Debug, Default)]
pub(super) struct Buffer {
    pub(super) runs: Vec<Run>,
    pub(super) calls: Vec<Call>,
}

/// Bytes that come from one piece of text or one action.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) file: Arc<SourceFile>,
    pub(super) span: Span,
    pub(super) verbatim: bool,
    /// The innermost `{{ template }}` call around it: an index of the buffer's calls.
    pub(super) call: Option<usize>,
    /// Parts that a function collected, in order.
    pub(super) pieces: Vec<Piece>,
}

/// Bytes of a run that come from another buffer.
#[derive(Debug)]
pub(super) struct Piece {
    pub(super) start: usize,
    pub(super) end: usize,
    /// The byte of `inner` that `start` is.
    pub(super) from: usize,
    pub(super) inner: Arc<Buffer>,
}

/// A `{{ template }}` call.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) called: Arc<str>,
    pub(super) at: Location,
    pub(super) outer: Option<usize>,
}

/// The longest chain that is told: a runaway recursion has a thousand calls.
const LONGEST_CHAIN: usize = 64;

impl SourceMap {
    pub(super) fn new(main: Arc<Buffer>, shifts: Vec<Shifts>, text: &str) -> Self {
        let breaks = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1);
        SourceMap { main, shifts, lines: std::iter::once(0).chain(breaks).collect() }
    }

    /// Who wrote the byte at `offset` of the rendered text; at its end, who wrote the last one. `None` for an empty text.
    pub fn position(&self, offset: usize) -> Option<Origin> {
        let mut at = self.shifts.iter().fold(offset, |offset, shifts| shifts.before(offset));
        let mut buffer = &*self.main;
        let mut chain: Vec<Frame> = Vec::new();
        loop {
            let run = buffer.run(at)?;
            let mut frames = buffer.way_to(run);
            let piece = run.pieces.iter().find(|piece| (piece.start..piece.end).contains(&at));
            if piece.is_some() {
                let at = Location { file: Arc::clone(&run.file), span: run.span };
                frames.insert(0, Frame { what: action_text(&at), at: Some(at) });
            }
            frames.append(&mut chain);
            chain = frames;
            let Some(piece) = piece else {
                chain.truncate(LONGEST_CHAIN);
                let span = if run.verbatim { run.byte(at) } else { run.span };
                let at = Location { file: Arc::clone(&run.file), span };
                return Some(Origin { at, verbatim: run.verbatim, chain });
            };
            at = piece.from + (at - piece.start);
            buffer = &piece.inner;
        }
    }

    /// Who wrote the byte at a line (from 1) and a byte of it (from 0): for a text of another run, in which random parts
    /// are longer or shorter but break no lines.
    pub fn position_in_line(&self, line: u32, byte: usize) -> Option<Origin> {
        let index = (line as usize).checked_sub(1)?;
        let start = *self.lines.get(index)?;
        let end = self.lines.get(index + 1).map_or(usize::MAX, |next| next.saturating_sub(1));
        self.position(start.saturating_add(byte).min(end))
    }

    /// How many lines the rendered text has; one that ends in a line break has an empty last line.
    pub fn line_count(&self) -> usize {
        self.lines.len()
    }
}

impl Buffer {
    /// The run that a byte is in; behind the last one, that one.
    fn run(&self, at: usize) -> Option<&Run> {
        let next = self.runs.partition_point(|run| run.start <= at);
        self.runs.get(next.saturating_sub(1))
    }

    /// The `{{ template }}` calls around a run, innermost first.
    fn way_to(&self, run: &Run) -> Vec<Frame> {
        let mut frames = Vec::new();
        let mut next = run.call;
        while let Some(call) = next.and_then(|index| self.calls.get(index)) {
            let what = format!("template {}", crate::gotpl::quote(call.called.as_bytes()));
            frames.push(Frame { what, at: Some(call.at.clone()) });
            if frames.len() == LONGEST_CHAIN {
                break;
            }
            next = call.outer;
        }
        frames
    }
}

impl Run {
    /// The character of the template at a byte of the output, which holds the template's own text.
    fn byte(&self, at: usize) -> Span {
        let at = at.min(self.end);
        let start = (self.span.start as usize + at.saturating_sub(self.start)).min(self.span.end as usize);
        let text = self.file.text();
        let start = (0..=start).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        let length = text.get(start..).and_then(|rest| rest.chars().next()).map_or(0, char::len_utf8);
        Span::new(start, start + length)
    }
}

/// An action without its braces, cut to a length that fits a line.
fn action_text(at: &Location) -> String {
    let text = at.file.text().get(at.span.range()).unwrap_or("");
    let text = text.trim_start_matches("{{").trim_end_matches("}}");
    let text = text.strip_prefix("- ").unwrap_or(text);
    let text = text.strip_suffix(" -").unwrap_or(text);
    let words: Vec<&str> = text.split_whitespace().collect();
    let line = words.join(" ");
    match line.char_indices().nth(100) {
        Some((cut, _)) => format!("{}…", line.get(..cut).unwrap_or("")),
        None => line,
    }
}

/// How the bytes of a text moved when parts of it were replaced.
#[derive(Debug, Clone, Default)]
pub(super) struct Shifts {
    /// For each replaced part: where the text after it starts now, and where it started before.
    ends: Vec<(usize, usize)>,
}

impl Shifts {
    /// Notes that from `now` on the text is what was at `before`. Called in order.
    pub(super) fn push(&mut self, now: usize, before: usize) {
        self.ends.push((now, before));
    }

    /// Where a byte was.
    fn before(&self, at: usize) -> usize {
        let next = self.ends.partition_point(|(now, _)| *now <= at);
        match next.checked_sub(1).and_then(|last| self.ends.get(last)) {
            Some((now, before)) => before + (at - now),
            None => at,
        }
    }
}
