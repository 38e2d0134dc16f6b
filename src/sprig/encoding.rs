//! Base64, base32 and digests.
//!
//! Invariant: a text that does not decode gives the decoder's message as its result, as sprig does.

use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};
use base64::{DecodeError, Engine, alphabet};
use sha2::{Digest, Sha512};

use crate::data::digest::{hex, sha256_hex};
use crate::gotpl::{Ctx, Func, FuncError, GoStr, Type, Val};

use super::{Entry, entry};

type Answer = Result<Val, FuncError>;

/// Go's decoder does not look at the bits that the last letter has too many.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true),
);

const S: Type = Type::String;

pub(super) static ENTRIES: &[Entry] = &[
    entry(
        Func::new("adler32sum", &[S], S, adler32sum),
        "The Adler-32 checksum as a decimal number.",
        r#"{{ adler32sum "a" }} → 6422626"#,
    ),
    entry(
        Func::new("b64dec", &[S], S, b64dec),
        "The bytes that a base64 text stands for.",
        r#"{{ b64dec "aGk=" }} → hi"#,
    ),
    entry(Func::new("b64enc", &[S], S, b64enc), "The text in base64.", r#"{{ b64enc "hi" }} → aGk="#),
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
    let source = text(args, "b64dec")?.as_bytes();
    // Line breaks do not count; the offset in the message is that of the original text.
    let kept: Vec<(usize, u8)> =
        source.iter().copied().enumerate().filter(|(_, byte)| !matches!(byte, b'\r' | b'\n')).collect();
    let bytes: Vec<u8> = kept.iter().map(|(_, byte)| *byte).collect();
    Ok(match LENIENT.decode(&bytes) {
        Ok(decoded) => Val::Str(GoStr::from(decoded.as_slice())),
        Err(error) => {
            let at = match error {
                DecodeError::InvalidByte(at, _) => at,
                _ => bytes.len(),
            };
            let at = kept.get(at).map_or(source.len(), |(original, _)| *original);
            Val::str(format!("illegal base64 data at input byte {at}"))
        }
    })
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
