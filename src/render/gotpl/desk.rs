//! The way from the rendering thread back to the thread that asked for it: finished files, which are read there while the
//! next one is executed, and `lookup` calls, because only that thread may ask the store.
//!
//! Invariant: the desk is served until the last line is dropped, so neither side waits for ever.

use std::sync::mpsc::{Receiver, Sender, channel};

use crate::data::Value;
use crate::render::{Lookup, RenderedFile};

/// What comes over the line.
enum Message {
    Question(Question),
    Files(Vec<RenderedFile>),
}

/// A `lookup` call.
struct Question {
    words: [String; 4],
    reply: Sender<Result<Value, String>>,
}

/// The end of the rendering thread.
#[derive(Clone)]
pub(super) struct Line(Sender<Message>);

/// The end of the calling thread.
pub(super) struct Desk(Receiver<Message>);

/// A line and its desk.
pub(super) fn open() -> (Line, Desk) {
    let (ask, questions) = channel();
    (Line(ask), Desk(questions))
}

impl Line {
    /// Asks for API version, kind, namespace and name, and waits for the answer.
    ///
    /// # Errors
    /// What the store said.
    pub(super) fn ask(&self, words: [String; 4]) -> Result<Value, String> {
        let (reply, answer) = channel();
        let gone = || "nobody answers lookups".to_string();
        self.0.send(Message::Question(Question { words, reply })).map_err(|_| gone())?;
        answer.recv().unwrap_or_else(|_| Err(gone()))
    }

    /// Room for finished files.
    pub(super) fn batch(&self) -> Batch<'_> {
        Batch { line: self, files: Vec::new(), bytes: 0 }
    }
}

/// Bytes of text that are handed over together. To wake the other thread for each small file costs more than to read it.
const ENOUGH: usize = 32 << 10;

/// Finished files, which are handed over whenever there are [`ENOUGH`] of them, and the rest in the end.
pub(super) struct Batch<'l> {
    line: &'l Line,
    files: Vec<RenderedFile>,
    bytes: usize,
}

impl Batch<'_> {
    /// Takes a finished file.
    pub(super) fn push(&mut self, file: RenderedFile) {
        self.bytes += file.text.len();
        self.files.push(file);
        if self.bytes >= ENOUGH {
            self.hand_over();
        }
    }

    fn hand_over(&mut self) {
        self.bytes = 0;
        // Without a desk the caller is gone, and so is whoever wanted the files.
        let _ = self.line.0.send(Message::Files(std::mem::take(&mut self.files)));
    }
}

impl Drop for Batch<'_> {
    fn drop(&mut self) {
        self.hand_over();
    }
}

impl Desk {
    /// Takes files and answers questions until the line is closed. Without a `lookup` no question may come.
    pub(super) fn serve(self, lookup: Option<&dyn Lookup>, out: &mut dyn FnMut(RenderedFile)) {
        for message in self.0 {
            match (message, lookup) {
                (Message::Files(files), _) => files.into_iter().for_each(&mut *out),
                (
                    Message::Question(Question { words: [api_version, kind, namespace, name], reply }),
                    Some(lookup),
                ) => {
                    // Whoever asked waits for this very reply.
                    let _ = reply.send(lookup.lookup(&api_version, &kind, &namespace, &name));
                }
                // The reply is dropped, which tells whoever asked.
                (Message::Question(_), None) => {}
            }
        }
    }
}
