//! PEM: bytes as text between two lines with a label.
//!
//! Invariant: [`decode`] of [`encode`] gives the same label and bytes.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// A text block with a label.
pub fn encode(label: &str, bytes: &[u8]) -> String {
    let body = STANDARD.encode(bytes);
    let mut out = format!("-----BEGIN {label}-----\n");
    for line in body.as_bytes().chunks(64) {
        out.extend(line.iter().map(|byte| char::from(*byte)));
        out.push('\n');
    }
    out + &format!("-----END {label}-----\n")
}

/// The first block of a text: its label and bytes.
pub fn decode(text: &str) -> Option<(String, Vec<u8>)> {
    next(text).map(|(block, _)| block)
}

/// The blocks of a text, to the first that cannot be read.
pub fn blocks(text: &str) -> impl Iterator<Item = (String, Vec<u8>)> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let (block, behind) = next(rest)?;
        rest = behind;
        Some(block)
    })
}

/// The first block, and what follows it.
fn next(text: &str) -> Option<((String, Vec<u8>), &str)> {
    let (_, rest) = text.split_once("-----BEGIN ")?;
    let (label, rest) = rest.split_once("-----")?;
    let (body, rest) = rest.split_once(&format!("-----END {label}-----"))?;
    let body: String = body.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    Some(((label.to_string(), STANDARD.decode(body).ok()?), rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_read_in_their_order() {
        let text = format!("a word\n{}between\n{}", encode("ONE", &[7; 70]), encode("TWO", b""));
        let found: Vec<_> = blocks(&text).collect();
        assert_eq!(found, [("ONE".to_string(), vec![7; 70]), ("TWO".to_string(), Vec::new())]);
        assert_eq!(decode(&text).unwrap().0, "ONE");
        for bad in ["", "-----BEGIN X-----", "-----BEGIN X-----\n!\n-----END X-----\n"] {
            assert_eq!(decode(bad), None, "{bad}");
        }
    }
}
