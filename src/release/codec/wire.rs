//! The three formats below a payload: Go's JSON, and gzip as Helm has it.
//!
//! Invariant: unpacking is bounded.

use std::io::{self, Read, Write};

use flate2::bufread::GzDecoder;
use flate2::{Compression, GzBuilder};
use serde::Serialize;
use serde_json::ser::Formatter;

use super::Reason;
use crate::data::Value;

/// Packs as Helm does: level 9, no name, no time, unknown system.
pub(super) fn deflate(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzBuilder::new().mtime(0).operating_system(255).write(Vec::new(), Compression::best());
    // Writing into a vector cannot fail, and the encoder has no error of its own.
    let _ = encoder.write_all(bytes);
    encoder.finish().unwrap_or_default()
}

/// Unpacks at most `limit` bytes.
///
/// # Errors
/// The data is damaged, or there is more.
pub(super) fn inflate(bytes: &[u8], limit: u64) -> Result<Vec<u8>, Reason> {
    let mut out = Vec::new();
    let mut reader = GzDecoder::new(bytes).take(limit.saturating_add(1));
    reader.read_to_end(&mut out).map_err(|error| format!("damaged gzip data: {error}"))?;
    if out.len() as u64 > limit {
        return Err(format!("it unpacks to more than {limit} bytes"));
    }
    Ok(out)
}

/// A value as Go's `encoding/json` writes it, keys in their order.
///
/// # Errors
/// A number is not finite.
pub(super) fn go_json(value: &Value) -> Result<String, Reason> {
    let mut out = Vec::new();
    let mut serializer = serde_json::Serializer::with_formatter(&mut out, GoFormatter);
    value.serialize(&mut serializer).map_err(|error| error.to_string())?;
    String::from_utf8(out).map_err(|error| error.to_string())
}

/// Writes `<`, `>`, `&` and the two line separators of Unicode escaped, and floats in Go's notation.
struct GoFormatter;

impl Formatter for GoFormatter {
    fn write_f64<W: ?Sized + Write>(&mut self, writer: &mut W, number: f64) -> io::Result<()> {
        let size = number.abs();
        if size != 0.0 && !(1e-6..1e21).contains(&size) {
            // Rust leaves out the plus sign, Go does not.
            let text = format!("{number:e}");
            return match text.split_once('e') {
                Some((digits, exponent)) if !exponent.starts_with('-') => {
                    write!(writer, "{digits}e+{exponent}")
                }
                _ => write!(writer, "{text}"),
            };
        }
        write!(writer, "{number}")
    }

    fn write_string_fragment<W: ?Sized + Write>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        let mut rest = fragment;
        while let Some(at) = rest.find(['<', '>', '&', '\u{2028}', '\u{2029}']) {
            let (plain, special) = rest.split_at(at);
            let mut chars = special.chars();
            let code = chars.next().map_or(0, u32::from);
            write!(writer, "{plain}\\u{code:04x}")?;
            rest = chars.as_str();
        }
        writer.write_all(rest.as_bytes())
    }
}
