//! From the reader's character positions to byte offsets in the text.
//!
//! Invariant: a lookup costs at most [`STEP`] characters, so spans are cheap in any script.

/// How many characters lie between two remembered offsets.
const STEP: usize = 64;

/// The byte offsets of a text, by character index.
pub(super) struct Offsets<'t> {
    text: &'t str,
    /// Bytes before `text` in the file (a byte order mark).
    base: usize,
    /// Byte offset of every [`STEP`]th character; `None` when each character is one byte.
    marks: Option<Vec<usize>>,
}

impl<'t> Offsets<'t> {
    pub(super) fn new(text: &'t str, base: usize) -> Self {
        let marks = (!text.is_ascii()).then(|| text.char_indices().step_by(STEP).map(|(at, _)| at).collect());
        Offsets { text, base, marks }
    }

    /// The byte offset in the file of a character; the end of the text when there is none.
    pub(super) fn byte(&self, index: u64) -> usize {
        let index = usize::try_from(index).unwrap_or(usize::MAX);
        let Some(marks) = &self.marks else { return self.base + index.min(self.text.len()) };
        let within = marks.get(index / STEP).and_then(|start| {
            let rest = self.text.get(*start..)?;
            rest.char_indices().nth(index % STEP).map(|(at, _)| start + at)
        });
        self.base + within.unwrap_or(self.text.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_map_to_bytes() {
        let text = "é日x😀".repeat(50);
        let offsets = Offsets::new(&text, 3);
        for (index, (at, _)) in text.char_indices().enumerate() {
            assert_eq!(offsets.byte(index as u64), 3 + at);
        }
        assert_eq!(offsets.byte(9_999), 3 + text.len());
        assert_eq!(Offsets::new("abc", 0).byte(2), 2);
        assert_eq!(Offsets::new("abc", 0).byte(u64::MAX), 3);
    }
}
