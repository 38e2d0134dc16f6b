//! SHA-256 digests and their texts; hexadecimal digits.
//!
//! Invariant: a [`Digest`] is 32 bytes; it prints as 64 lower-case hexadecimal digits, and [`Digest::prefixed`] puts
//! `sha256:` before them.

use std::fmt;
use std::str::FromStr;

use sha2::{Digest as _, Sha256};

/// What stands before the digits in `Chart.lock`, provenance files and registries.
pub const PREFIX: &str = "sha256:";

/// A SHA-256 digest.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    /// The digest of some bytes.
    pub fn of(bytes: impl AsRef<[u8]>) -> Self {
        Digest(Sha256::digest(bytes.as_ref()).into())
    }

    /// The 32 bytes.
    pub fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The 64 digits.
    pub fn hex(&self) -> String {
        self.to_string()
    }

    /// The digits after `sha256:`.
    pub fn prefixed(&self) -> String {
        format!("{PREFIX}{self}")
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}{self}")
    }
}

/// A text that is no SHA-256 digest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a SHA-256 digest")]
pub struct BadDigest {
    /// The text.
    pub text: String,
}

impl FromStr for Digest {
    type Err = BadDigest;

    /// Reads 64 hexadecimal digits of either case, with or without `sha256:` before them.
    fn from_str(text: &str) -> Result<Self, BadDigest> {
        let bad = || BadDigest { text: text.to_string() };
        let digits = text.strip_prefix(PREFIX).unwrap_or(text).as_bytes();
        if digits.len() != 64 {
            return Err(bad());
        }
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            let digit = |c: u8| char::from(c).to_digit(16).ok_or_else(bad);
            *byte = (digit(pair[0])? * 16 + digit(pair[1])?) as u8; // chunks_exact(2) gives two bytes
        }
        Ok(Digest(bytes))
    }
}

/// Computes the digest of what comes in pieces.
#[derive(Debug, Clone, Default)]
pub struct Hasher(Sha256);

impl Hasher {
    /// Takes the next piece.
    pub fn update(&mut self, piece: &[u8]) {
        self.0.update(piece);
    }

    /// The digest of all pieces.
    pub fn finish(self) -> Digest {
        Digest(self.0.finalize().into())
    }
}

/// Bytes as lower-case hexadecimal digits, two for each.
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: [char; 16] =
        ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'];
    // Half a byte is below 16.
    bytes.iter().flat_map(|byte| [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]).collect()
}

/// The 64 digits of the digest of some bytes.
pub fn sha256_hex(bytes: impl AsRef<[u8]>) -> String {
    Digest::of(bytes).hex()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_print_and_parse() {
        let empty = Digest::of(b"");
        assert_eq!(empty.hex(), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        assert_eq!(empty.prefixed().parse(), Ok(empty));
        let mut pieces = Hasher::default();
        pieces.update(b"a");
        pieces.update(b"b");
        assert_eq!(pieces.finish(), Digest::of(b"ab"));
        assert_eq!(empty.hex().to_uppercase().parse(), Ok(empty));
        for bad in ["", "sha256:", "sha512:00", &"g".repeat(64), &"é".repeat(32)] {
            assert!(bad.parse::<Digest>().is_err(), "{bad}");
        }
    }
}
