//! Learns, while Go templates run, where their output comes from and which values they read.
//!
//! Invariant: whatever happens in templates, a level of buffers is closed for each that was opened.

use std::cell::RefCell;
use std::collections::HashMap;
use std::ops::Range;
use std::rc::Rc;
use std::sync::Arc;

use crate::diag::{Location, SourceFile, Span};
use crate::gotpl::{GoStr, Map, Recorder, Val};
use crate::render::source_map::{Buffer, Call, Piece, Run, Shifts};
use crate::render::{Reads, Record, SourceMap};

/// Collected texts that may still show up in an output; older ones are forgotten.
const MOST_PENDING: usize = 64;
/// How many lines of a collected text may be left out before one is found again.
const LOOK_AHEAD: usize = 256;

/// What is recorded, shared between the execution and who started it.
#[derive(Clone)]
pub(super) struct Recording(Rc<RefCell<State>>);

struct State {
    record: Record,
    levels: Vec<Level>,
    main: Arc<Buffer>,
    /// Paths of the maps of the values, by id.
    known: HashMap<usize, String>,
    reads: Reads,
}

/// A buffer that is being written.
#[derive(Default)]
struct Level {
    buffer: Buffer,
    call: Option<usize>,
    pending: Vec<(Vec<u8>, Arc<Buffer>)>,
}

impl Recording {
    /// A recording of templates that see these values of the root chart.
    pub(super) fn new(record: Record, values: Option<&Map>) -> Self {
        let mut known = HashMap::new();
        if let (true, Some(values)) = (record.reads, values) {
            learn(&mut known, values, String::new(), 0);
        }
        Recording(Rc::new(RefCell::new(State {
            record,
            levels: Vec::new(),
            main: Arc::default(),
            known,
            reads: Reads::default(),
        })))
    }

    /// What was recorded since the last call, for a file whose bytes became `text` by `shifts`.
    pub(super) fn take(&self, shifts: Vec<Shifts>, text: &str) -> (Option<SourceMap>, Option<Reads>) {
        let mut state = self.0.borrow_mut();
        let main = std::mem::take(&mut state.main);
        let reads = std::mem::take(&mut state.reads);
        (state.record.map.then(|| SourceMap::new(main, shifts, text)), state.record.reads.then_some(reads))
    }
}

/// Notes the paths of a map and of the maps below it. Values are trees of bounded depth.
fn learn(known: &mut HashMap<usize, String>, map: &Map, path: String, depth: usize) {
    if depth > 512 {
        return;
    }
    for (key, value) in map.entries() {
        learn_value(known, &value, join(&path, &key), depth);
    }
    known.insert(map.id(), path);
}

fn learn_value(known: &mut HashMap<usize, String>, value: &Val, path: String, depth: usize) {
    match value {
        Val::Map(map) => learn(known, map, path, depth + 1),
        Val::List(list) if depth < 512 => {
            for (index, item) in list.to_vec().iter().enumerate() {
                learn_value(known, item, format!("{path}/{index}"), depth + 1);
            }
        }
        _ => {}
    }
}

/// A JSON pointer with one more key.
fn join(path: &str, key: &GoStr) -> String {
    format!("{path}/{}", key.to_text().replace('~', "~0").replace('/', "~1"))
}

/// Functions that hand a map on, or look at nothing in it.
const HAND_ON: &[&str] = &[
    "and", "append", "coalesce", "default", "dict", "empty", "first", "include", "kindIs", "kindOf", "last",
    "list", "not", "or", "prepend", "required", "set", "ternary", "tpl", "typeIs", "typeOf",
];

impl State {
    fn read(&mut self, map: &Map, key: &GoStr) {
        if let Some(path) = self.known.get(&map.id()) {
            self.reads.paths.insert(join(path, key));
        }
    }

    /// Keys that are looked up one below the other.
    fn read_chain<'v>(&mut self, from: &Val, keys: impl IntoIterator<Item = &'v Val>) {
        let mut at = from.clone();
        for key in keys {
            let next = match (&at, key) {
                (Val::Map(map), Val::Str(key)) => {
                    self.read(map, key);
                    map.get(key)
                }
                (Val::List(list), key) => key
                    .as_signed()
                    .and_then(|index| usize::try_from(index).ok())
                    .and_then(|index| list.get(index)),
                _ => None,
            };
            let Some(next) = next else { return };
            at = next;
        }
    }

    fn read_whole(&mut self, value: &Val) {
        match value {
            Val::Map(map) => {
                if let Some(path) = self.known.get(&map.id()) {
                    self.reads.whole.insert(path.clone());
                } else if !map.is_nil() {
                    // A map made by the template may hold maps of the values.
                    for (_, item) in map.entries() {
                        if let Val::Map(inner) = &item
                            && let Some(path) = self.known.get(&inner.id())
                        {
                            self.reads.whole.insert(path.clone());
                        }
                    }
                }
            }
            Val::List(list) => {
                for item in list.to_vec() {
                    if let Val::Map(map) = &item
                        && let Some(path) = self.known.get(&map.id())
                    {
                        self.reads.whole.insert(path.clone());
                    }
                }
            }
            _ => {}
        }
    }
}

impl Recorder for Recording {
    fn wrote(&mut self, output: Range<usize>, text: &[u8], file: &Arc<SourceFile>, span: Span) {
        let state = &mut *self.0.borrow_mut();
        let Some(level) = state.levels.last_mut().filter(|_| state.record.map && !text.is_empty()) else {
            return;
        };
        let verbatim = file.text().get(span.range()).is_some_and(|source| source.as_bytes() == text);
        let mut run = Run {
            start: output.start,
            end: output.end,
            file: Arc::clone(file),
            span,
            verbatim,
            call: level.call,
            pieces: Vec::new(),
        };
        if let (false, Ok(text)) = (verbatim, std::str::from_utf8(text)) {
            // What was collected last holds what was collected for its arguments.
            for index in (0..level.pending.len()).rev() {
                let Some((collected, inner)) = level.pending.get(index) else { continue };
                let Ok(collected) = std::str::from_utf8(collected) else { continue };
                let found = find_again(text, collected);
                if found.is_empty() {
                    continue;
                }
                for (start, end, from) in found {
                    let (start, end) = (start + output.start, end + output.start);
                    if run.pieces.iter().all(|piece| end <= piece.start || piece.end <= start) {
                        run.pieces.push(Piece { start, end, from, inner: Arc::clone(inner) });
                    }
                }
                level.pending.remove(index);
            }
            run.pieces.sort_by_key(|piece| piece.start);
        }
        level.buffer.runs.push(run);
    }

    fn collecting(&mut self) {
        self.0.borrow_mut().levels.push(Level::default());
    }

    fn collected(&mut self, text: Option<&[u8]>) {
        let state = &mut *self.0.borrow_mut();
        let Some(level) = state.levels.pop() else { return };
        let buffer = Arc::new(level.buffer);
        match (state.levels.last_mut(), text) {
            (Some(outer), Some(text)) => {
                if state.record.map {
                    if outer.pending.len() >= MOST_PENDING {
                        outer.pending.remove(0);
                    }
                    outer.pending.push((text.to_vec(), buffer));
                }
            }
            (None, _) => state.main = buffer,
            (Some(_), None) => {}
        }
    }

    fn entered(&mut self, called: &Arc<str>, file: &Arc<SourceFile>, span: Span) {
        if let Some(level) = self.0.borrow_mut().levels.last_mut() {
            let at = Location { file: Arc::clone(file), span };
            level.buffer.calls.push(Call { called: Arc::clone(called), at, outer: level.call });
            level.call = Some(level.buffer.calls.len() - 1);
        }
    }

    fn left(&mut self) {
        if let Some(level) = self.0.borrow_mut().levels.last_mut() {
            level.call = level.call.and_then(|call| level.buffer.calls.get(call)?.outer);
        }
    }

    fn read(&mut self, receiver: &Val, name: &str, _: bool) {
        let state = &mut *self.0.borrow_mut();
        if let (true, Val::Map(map)) = (state.record.reads, receiver) {
            state.read(map, &name.into());
        }
    }

    fn used(&mut self, by: &str, values: &[Val]) {
        let state = &mut *self.0.borrow_mut();
        if !state.record.reads || HAND_ON.contains(&by) {
            return;
        }
        match (by, values) {
            ("index", [from, keys @ ..]) | ("dig", [keys @ .., _, from]) => state.read_chain(from, keys),
            ("get" | "hasKey" | "unset", [from, key, ..]) => state.read_chain(from, [key]),
            _ => values.iter().for_each(|value| state.read_whole(value)),
        }
    }
}

/// Where a collected text shows up in what a function made of it: bytes from, bytes to, byte of the collected text.
///
/// As a whole if it is there, else line by line, without the white space around each line.
fn find_again(text: &str, collected: &str) -> Vec<(usize, usize, usize)> {
    let trimmed = collected.trim();
    if trimmed.is_empty() {
        return Vec::new();
    }
    if let Some(start) = text.find(trimmed) {
        let from = collected.len() - collected.trim_start().len();
        return vec![(start, start + trimmed.len(), from)];
    }
    let lines: Vec<(usize, &str)> = trimmed_lines(collected).collect();
    let mut found = Vec::new();
    let mut next = 0;
    for (start, line) in trimmed_lines(text) {
        let rest = lines.get(next..).unwrap_or_default();
        if let Some(skipped) = rest.iter().take(LOOK_AHEAD).position(|(_, other)| *other == line)
            && let Some((from, _)) = rest.get(skipped)
        {
            found.push((start, start + line.len(), *from));
            next += skipped + 1;
        }
    }
    found
}

/// The lines of a text that are not blank, without white space around them, each with where it starts.
fn trimmed_lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut at = 0;
    text.split_inclusive('\n').filter_map(move |line| {
        let start = at + (line.len() - line.trim_start().len());
        at += line.len();
        let line = line.trim();
        (!line.is_empty()).then_some((start, line))
    })
}
