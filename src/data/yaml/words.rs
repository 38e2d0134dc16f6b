//! Questions about the bytes of a text, asked of eight at once: most words of a chart hold printable ASCII alone, and only
//! the others are worth a look at each byte.
//!
//! Invariant: what is answered of a word is what would be answered of its bytes one by one.

/// How many bytes are looked at in one step.
pub(super) const WORD: usize = 8;

const EACH: u64 = u64::from_ne_bytes([1; WORD]);
/// The highest bit of a byte stands for the answer. With it set before a subtraction, and free before an addition, no byte
/// takes part in the answer of its neighbour.
const HIGH: u64 = EACH << 7;

/// Marks the bytes that are at least a space, but for those above ASCII, of which it marks some.
#[inline]
fn from_space(word: u64) -> u64 {
    (word | HIGH) - EACH * u64::from(b' ')
}

/// Marks the bytes that are another one.
#[inline]
fn other_than(word: u64, byte: u8) -> u64 {
    let differs = word ^ (EACH * u64::from(byte));
    ((differs & !HIGH) + !HIGH) | differs
}

/// Whether a byte of the word is neither printable ASCII nor a line feed.
#[inline]
pub(super) fn has_other_than_lines(word: [u8; WORD]) -> bool {
    let word = u64::from_ne_bytes(word);
    let control = !from_space(word) & other_than(word, b'\n');
    (word | control | !other_than(word, 0x7f)) & HIGH != 0
}

/// Marks the bytes that are no printable ASCII.
#[inline]
fn other_than_printable(word: u64) -> u64 {
    word | !from_space(word) | !other_than(word, 0x7f)
}

/// Whether no byte is marked; letters are not.
#[inline]
fn none(text: &str, marks: impl Fn(u64) -> u64) -> bool {
    let (words, rest) = text.as_bytes().as_chunks::<WORD>();
    let mut last = [b'a'; WORD];
    // The rest is shorter than a word.
    last[..rest.len()].copy_from_slice(rest);
    words.iter().chain([&last]).all(|word| marks(u64::from_ne_bytes(*word)) & HIGH == 0)
}

/// Whether a text has nothing but printable ASCII, from space to tilde: one line whose bytes are its columns.
pub(super) fn is_printable_ascii(text: &str) -> bool {
    none(text, other_than_printable)
}

/// The same without `#` and `:`, which mean something within a text.
pub(super) fn is_printable_ascii_without_marks(text: &str) -> bool {
    none(text, |word| other_than_printable(word) | !other_than(word, b'#') | !other_than(word, b':'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_asked_as_its_bytes_are() {
        // Each byte at each place, beside bytes of every kind.
        for beside in [b'a', b' ', b'~', b'\n', 0, 0x1f, 0x7f, 0x80, 0xff] {
            for byte in 0..=u8::MAX {
                for place in 0..WORD {
                    let mut word = [beside; WORD];
                    word[place] = byte;
                    let printable = |byte: &u8| matches!(byte, b' '..=b'~');
                    let line = |byte: &u8| printable(byte) || *byte == b'\n';
                    assert_eq!(has_other_than_lines(word), !word.iter().all(line), "{word:?}");
                    let Ok(text) = std::str::from_utf8(&word) else { continue };
                    let is_printable = word.iter().all(printable);
                    assert_eq!(is_printable_ascii(text), is_printable, "{text:?}");
                    let is_marked = text.contains(['#', ':']);
                    assert_eq!(
                        is_printable_ascii_without_marks(text),
                        is_printable && !is_marked,
                        "{text:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn a_text_is_asked_to_its_last_byte() {
        for length in 0..40 {
            let text = "a".repeat(length);
            assert!(is_printable_ascii(&text) && is_printable_ascii_without_marks(&text));
            for place in 0..=length {
                for other in ["\n", "\t", "\u{7f}", "ä", "#", ":"] {
                    let text = format!("{}{other}{}", &text[..place], &text[place..]);
                    assert_eq!(is_printable_ascii(&text), matches!(other, "#" | ":"), "{text:?}");
                    assert!(!is_printable_ascii_without_marks(&text), "{text:?}");
                }
            }
        }
    }
}
