//! A table of texts, each kept once: the versions of a chart say the same thing over and over.
//!
//! Invariant: the first text is the empty one; a table that was read has only texts that are there.

use std::collections::HashMap;

use super::bytes::{Reader, Writer};

/// Collects texts and gives each a number.
pub(super) struct TextsWriter {
    numbers: HashMap<Box<str>, u32>,
    writer: Writer,
}

impl TextsWriter {
    pub(super) fn new() -> Self {
        TextsWriter { numbers: HashMap::new(), writer: Writer::default() }
    }

    pub(super) fn number(&mut self, text: &str) -> u32 {
        if text.is_empty() {
            return 0;
        }
        if let Some(number) = self.numbers.get(text) {
            return *number;
        }
        let number = self.numbers.len() as u32 + 1;
        self.numbers.insert(text.into(), number);
        self.writer.text(text);
        number
    }

    /// Writes the table.
    pub(super) fn finish(self, out: &mut Writer) {
        out.number(self.numbers.len() as u64);
        out.bytes.extend_from_slice(&self.writer.bytes);
    }
}

/// A table that was read.
pub(super) struct Texts {
    text: String,
    /// Where each text ends; it starts where the one before ends.
    ends: Vec<u32>,
}

impl Texts {
    pub(super) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let count = reader.count()?;
        let (mut text, mut ends) = (String::new(), Vec::with_capacity(count + 1));
        ends.push(0);
        for _ in 0..count {
            text.push_str(reader.text()?);
            ends.push(u32::try_from(text.len()).ok()?);
        }
        text.shrink_to_fit();
        Some(Texts { text, ends })
    }

    pub(super) fn get(&self, number: u32) -> Option<&str> {
        let number = number as usize;
        let end = *self.ends.get(number)?;
        let start = number.checked_sub(1).map_or(Some(0), |before| self.ends.get(before).copied())?;
        self.text.get(start as usize..end as usize)
    }

    /// The next number of a reader, when it is that of a text.
    pub(super) fn number(&self, reader: &mut Reader<'_>) -> Option<u32> {
        let number = u32::try_from(reader.number()?).ok()?;
        ((number as usize) < self.ends.len()).then_some(number)
    }
}
