//! Random texts and numbers.
//!
//! Invariant: every random bit comes from the host, and no value is likelier than another.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::gotpl::{Ctx, Func, FuncError, GoStr, Type, Val};

use super::outside::outside;
use super::{Entry, Outside, entry};

type Answer = Result<Val, FuncError>;

const I: Type = Type::Int;
const S: Type = Type::String;

const DIGITS: &[u8] = b"0123456789";
const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const LETTERS_AND_DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
/// The printable characters of ASCII, the space among them.
const PRINTABLE: &[u8] =
    b" !\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefghijklmnopqrstuvwxyz{|}~";

pub(super) static ENTRIES: &[Entry] = &[
    entry(
        Func::new("randAlpha", &[I], S, |ctx, args| letters(ctx, args, LETTERS)),
        "So many random letters.",
        "{{ randAlpha 5 | len }} → 5",
    ),
    entry(
        Func::new("randAlphaNum", &[I], S, |ctx, args| letters(ctx, args, LETTERS_AND_DIGITS)),
        "So many random letters and digits.",
        "{{ randAlphaNum 5 | len }} → 5",
    ),
    entry(
        Func::new("randAscii", &[I], S, |ctx, args| letters(ctx, args, PRINTABLE)),
        "So many random characters of ASCII.",
        "{{ randAscii 5 | len }} → 5",
    ),
    entry(
        Func::new("randBytes", &[I], S, rand_bytes),
        "So many random bytes, in base64.",
        "{{ randBytes 3 | len }} → 4",
    ),
    entry(
        Func::new("randInt", &[I, I], I, rand_int),
        "A random number from a minimum up to, not including, a maximum.",
        "{{ randInt 5 6 }} → 5",
    ),
    entry(
        Func::new("randNumeric", &[I], S, |ctx, args| letters(ctx, args, DIGITS)),
        "So many random digits.",
        "{{ randNumeric 5 | len }} → 5",
    ),
    entry(Func::new("uuidv4", &[], S, uuidv4), "A random UUID.", "{{ uuidv4 | len }} → 36"),
];

impl Outside {
    /// A random number below a bound, which is not 0.
    pub(super) fn below(&self, bound: u64) -> Result<u64, FuncError> {
        let bound = bound.max(1);
        // Numbers behind the last whole multiple of the bound would favour the small ones.
        let limit = u64::MAX - u64::MAX % bound;
        loop {
            let bytes = self.random(8)?;
            let number = bytes.iter().fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
            if number < limit {
                return Ok(number % bound);
            }
        }
    }
}

fn letters(ctx: &mut Ctx<'_>, args: &[Val], alphabet: &[u8]) -> Answer {
    let [Val::Int(count)] = args else { return Err(FuncError::arguments("randAlpha")) };
    let count = usize::try_from(*count).unwrap_or(0);
    ctx.allow_size(count)?;
    let world = outside(ctx)?;
    let limit = 256 - 256 % alphabet.len();
    let mut out = Vec::with_capacity(count);
    while out.len() < count {
        let bytes = world.random(count - out.len() + 8)?;
        let good = bytes.iter().map(|byte| usize::from(*byte)).filter(|byte| *byte < limit);
        out.extend(good.take(count - out.len()).filter_map(|byte| alphabet.get(byte % alphabet.len())));
    }
    Ok(Val::Str(GoStr::from(out)))
}

fn rand_bytes(ctx: &mut Ctx<'_>, args: &[Val]) -> Answer {
    let [Val::Int(count)] = args else { return Err(FuncError::arguments("randBytes")) };
    let count = usize::try_from(*count)
        .map_err(|_| FuncError::panic("runtime error: makeslice: len out of range"))?;
    ctx.allow_size(count.saturating_mul(2))?;
    Ok(Val::str(STANDARD.encode(outside(ctx)?.random(count)?)))
}

fn rand_int(ctx: &mut Ctx<'_>, args: &[Val]) -> Answer {
    let [Val::Int(low), Val::Int(high)] = args else { return Err(FuncError::arguments("randInt")) };
    let span = high.wrapping_sub(*low);
    if span <= 0 {
        return Err(FuncError::panic("invalid argument to Intn"));
    }
    let offset = outside(ctx)?.below(span as u64)?;
    Ok(Val::Int(low.wrapping_add(offset as i64)))
}

fn uuidv4(ctx: &mut Ctx<'_>, _: &[Val]) -> Answer {
    use std::fmt::Write;
    let bytes = outside(ctx)?.random(16)?;
    let mut out = String::with_capacity(36);
    for (index, byte) in bytes.iter().enumerate() {
        if matches!(index, 4 | 6 | 8 | 10) {
            out.push('-');
        }
        let byte = match index {
            6 => byte & 0x0f | 0x40,
            8 => byte & 0x3f | 0x80,
            _ => *byte,
        };
        // Writing to a string cannot fail.
        let _ = write!(out, "{byte:02x}");
    }
    Ok(Val::str(out))
}
