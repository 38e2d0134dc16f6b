//! Base64, base32 and digests.
//!
//! Invariant: a text that does not decode gives the decoder's message as its result, as sprig does.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha512};

use crate::data::base32;
use crate::data::digest::{hex, sha256_hex};
use crate::gotpl::{Ctx, Func, FuncError, GoStr, Type, Val};

use super::{Entry, entry};

type Answer = Result<Val, FuncError>;

const S: Type = Type::String;

pub(super) static ENTRIES: &[Entry] = &[
    entry(
        Func::new("adler32sum", &[S], S, adler32sum),
        "The Adler-32 checksum as a decimal number.",
        r#"{{ adler32sum "a" }} → 6422626"#,
    ),
    entry(
        Func::new("b32dec", &[S], S, b32dec),
        "The bytes that a base32 text stands for.",
        r#"{{ b32dec "MFRA====" }} → ab"#,
    ),
    entry(Func::new("b32enc", &[S], S, b32enc), "The text in base32.", r#"{{ b32enc "ab" }} → MFRA===="#),
    entry(
        Func::new("b64dec", &[S], S, b64dec),
        "The bytes that a base64 text stands for.",
        r#"{{ b64dec "aGk=" }} → hi"#,
    ),
    entry(Func::new("b64enc", &[S], S, b64enc), "The text in base64.", r#"{{ b64enc "hi" }} → aGk="#),
    entry(
        Func::new("sha1sum", &[S], S, sha1sum),
        "The SHA-1 digest in hexadecimal.",
        r#"{{ sha1sum "a" | trunc 8 }} → 86f7e437"#,
    ),
    entry(
        Func::new("sha256sum", &[S], S, sha256sum),
        "The SHA-256 digest in hexadecimal.",
        r#"{{ sha256sum "a" | trunc 8 }} → ca978112"#,
    ),
    entry(
        Func::new("sha512sum", &[S], S, sha512sum),
        "The SHA-512 digest in hexadecimal.",
        r#"{{ sha512sum "a" | trunc 8 }} → 1f40fc92"#,
    ),
];

fn text<'a>(args: &'a [Val], name: &str) -> Result<&'a GoStr, FuncError> {
    args.first().and_then(Val::as_str).ok_or_else(|| FuncError::arguments(name))
}

fn b64enc(_: &mut Ctx<'_>, args: &[Val]) -> Answer {
    Ok(Val::str(STANDARD.encode(text(args, "b64enc")?.as_bytes())))
}

fn b64dec(_: &mut Ctx<'_>, args: &[Val]) -> Answer {
    Ok(match decode_base64(text(args, "b64dec")?.as_bytes()) {
        Ok(decoded) => Val::Str(GoStr::from(decoded)),
        Err(message) => Val::str(message),
    })
}

/// The bytes of a base64 text, line breaks left out.
///
/// # Errors
/// Go's message with the offset in the original text.
pub(super) fn decode_base64(source: &[u8]) -> Result<Vec<u8>, String> {
    base64_decoded(source).map_err(|at| format!("illegal base64 data at input byte {at}"))
}

/// The bytes, or the offset at which Go's decoder gives up.
fn base64_decoded(source: &[u8]) -> Result<Vec<u8>, usize> {
    let mut out = Vec::with_capacity(source.len() / 4 * 3 + 3);
    let next = |from: usize| (from..source.len()).find(|at| !matches!(source[*at], b'\r' | b'\n'));
    let (mut bits, mut letters, mut at) = (0_u32, 0, 0);
    while let Some(here) = next(at) {
        at = here + 1;
        let value = match source[here] {
            letter @ b'A'..=b'Z' => letter - b'A',
            letter @ b'a'..=b'z' => letter - b'a' + 26,
            digit @ b'0'..=b'9' => digit - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            b'=' if letters >= 2 => {
                if letters == 2 {
                    match next(at) {
                        None => return Err(source.len()),
                        Some(second) if source[second] != b'=' => return Err(second - 1),
                        Some(second) => at = second + 1,
                    }
                }
                let bytes = (bits << (32 - 6 * letters)).to_be_bytes();
                out.extend_from_slice(&bytes[..letters as usize - 1]);
                return next(at).map_or(Ok(out), Err);
            }
            _ => return Err(here),
        };
        bits = bits << 6 | u32::from(value);
        letters += 1;
        if letters == 4 {
            out.extend_from_slice(&bits.to_be_bytes()[1..]);
            (bits, letters) = (0, 0);
        }
    }
    if letters == 0 { Ok(out) } else { Err(source.len() - letters as usize) }
}

fn b32enc(_: &mut Ctx<'_>, args: &[Val]) -> Answer {
    Ok(Val::str(base32::encode(text(args, "b32enc")?.as_bytes())))
}

fn b32dec(_: &mut Ctx<'_>, args: &[Val]) -> Answer {
    let source = text(args, "b32dec")?.as_bytes();
    let kept: Vec<u8> = source.iter().copied().filter(|byte| !matches!(byte, b'\r' | b'\n')).collect();
    Ok(match base32_decoded(&kept) {
        Ok(bytes) => Val::Str(GoStr::from(bytes)),
        Err(at) => Val::str(format!("illegal base32 data at input byte {at}")),
    })
}

/// The bytes, or the offset at which Go's decoder gives up.
fn base32_decoded(source: &[u8]) -> Result<Vec<u8>, usize> {
    let mut out = Vec::with_capacity(source.len() / 8 * 5);
    let mut at = 0;
    while at < source.len() {
        let (mut bits, mut letters) = (0_u64, 0);
        let block = at;
        while letters < 8 {
            let Some(byte) = source.get(at) else { return Err(block) };
            if *byte == b'=' && letters >= 2 {
                let missing = 8 - letters;
                if source.len() < block + 8 {
                    return Err(source.len());
                }
                if let Some(wrong) = (0..missing).find(|step| source.get(at + step) != Some(&b'=')) {
                    return Err(at + wrong);
                }
                if matches!(letters, 1 | 3 | 6) {
                    return Err(at);
                }
                if source.len() > block + 8 {
                    return Err(block + 8);
                }
                at = block + 8;
                break;
            }
            let Some(value) = base32::LETTERS.iter().position(|letter| letter == byte) else {
                return Err(at);
            };
            bits = bits << 5 | value as u64;
            letters += 1;
            at += 1;
        }
        let bytes = (bits << ((8 - letters) * 5)).to_be_bytes();
        out.extend_from_slice(&bytes[3..3 + letters * 5 / 8]);
    }
    Ok(out)
}

fn sha1sum(_: &mut Ctx<'_>, args: &[Val]) -> Answer {
    Ok(Val::str(hex(&sha1::Sha1::digest(text(args, "sha1sum")?.as_bytes()))))
}

fn sha256sum(_: &mut Ctx<'_>, args: &[Val]) -> Answer {
    Ok(Val::str(sha256_hex(text(args, "sha256sum")?.as_bytes())))
}

fn sha512sum(_: &mut Ctx<'_>, args: &[Val]) -> Answer {
    Ok(Val::str(hex(&Sha512::digest(text(args, "sha512sum")?.as_bytes()))))
}

fn adler32sum(_: &mut Ctx<'_>, args: &[Val]) -> Answer {
    let (low, high) =
        text(args, "adler32sum")?.as_bytes().iter().fold((1_u32, 0_u32), |(low, high), byte| {
            let low = (low + u32::from(*byte)) % 65_521;
            (low, (high + low) % 65_521)
        });
    Ok(Val::str(((high << 16) | low).to_string()))
}
