//! Base64 as Go reads it: standard letters with padding; line breaks are skipped, and the bits that the last letter has too
//! many do not count.
//!
//! Invariant: [`decode`] of [`encode`] gives the same bytes.

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};

const GO: GeneralPurpose =
    GeneralPurpose::new(&STANDARD, GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true));

/// Bytes in base64, on one line.
pub fn encode(bytes: impl AsRef<[u8]>) -> String {
    GO.encode(bytes)
}

/// What a text stands for; `None` when it is no base64.
pub fn decode(text: &str) -> Option<Vec<u8>> {
    let letters: Vec<u8> = text.bytes().filter(|byte| !matches!(byte, b'\n' | b'\r')).collect();
    GO.decode(letters).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_goes_both_ways() {
        for length in 0..40_u8 {
            let bytes: Vec<u8> = (0..length).map(|byte| byte.wrapping_mul(37)).collect();
            assert_eq!(decode(&encode(&bytes)), Some(bytes));
        }
        assert_eq!(encode("any carnal pleas"), "YW55IGNhcm5hbCBwbGVhcw==");
        assert_eq!(decode("YW55\nIGNh\r\n").as_deref(), Some(&b"any ca"[..]));
        assert_eq!(decode("QR==").as_deref(), Some(&b"A"[..]), "Go does not look at the last four bits");
        for bad in ["A", "AA", "AAA", "A===", "AA=A", "*AAA", "AA==AA==", "AAA ", "QQ"] {
            assert_eq!(decode(bad), None, "{bad}");
        }
    }
}
