//! The way of a `lookup` from the rendering thread to the thread that may ask the store.
//!
//! Invariant: the desk is served until the last line is dropped, so neither side waits for ever.

use std::sync::mpsc::{Receiver, Sender, channel};

use crate::data::Value;
use crate::render::Lookup;

/// One question.
struct Question {
    words: [String; 4],
    reply: Sender<Result<Value, String>>,
}

/// The asking end.
pub(super) struct Line(Sender<Question>);

/// The answering end.
pub(super) struct Desk(Receiver<Question>);

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
        self.0.send(Question { words, reply }).map_err(|_| gone())?;
        answer.recv().unwrap_or_else(|_| Err(gone()))
    }
}

impl Desk {
    /// Answers until the line is closed.
    pub(super) fn serve(self, lookup: &dyn Lookup) {
        for Question { words: [api_version, kind, namespace, name], reply } in self.0 {
            // Whoever asked waits for this very reply.
            let _ = reply.send(lookup.lookup(&api_version, &kind, &namespace, &name));
        }
    }
}
