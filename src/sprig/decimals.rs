//! Sums and products of decimal numbers, without the errors of binary ones.
//!
//! Invariant: a float enters as its shortest decimal text and leaves as the nearest float, as with shopspring's decimals.

use std::str::FromStr;

use bigdecimal::{BigDecimal, RoundingMode, ToPrimitive, Zero};

use crate::gotpl::{Ctx, Func, FuncError, Type, Val, format_shortest};

use super::convert::to_float;
use super::{Entry, entry};

type Answer = Result<Val, FuncError>;

const A: Type = Type::Any;
const F: Type = Type::Float64;

/// Digits behind the point that a division keeps.
const DIVISION_DIGITS: i64 = 16;

pub(super) static ENTRIES: &[Entry] = &[
    entry(Func::new("add1f", &[A], F, add1f), "The number and one.", "{{ add1f 1.5 }} → 2.5"),
    entry(Func::variadic("addf", &[], A, F, addf), "The sum of numbers.", "{{ addf 0.1 0.2 }} → 0.3"),
    entry(
        Func::variadic("divf", &[A], A, F, divf),
        "The quotient of numbers, to 16 decimals.",
        "{{ divf 10 4 }} → 2.5",
    ),
    entry(Func::variadic("mulf", &[A], A, F, mulf), "The product of numbers.", "{{ mulf 1.5 2 }} → 3"),
    entry(Func::variadic("subf", &[A], A, F, subf), "The difference of numbers.", "{{ subf 0.3 0.1 }} → 0.2"),
];

fn decimal(value: &Val) -> Result<BigDecimal, FuncError> {
    let number = to_float(value);
    let refuse = || FuncError::panic(format!("Cannot create a Decimal from {}", format_shortest(number)));
    if !number.is_finite() {
        return Err(refuse());
    }
    // The shortest text that reads back as the number.
    BigDecimal::from_str(&format!("{number:e}")).map_err(|_| refuse())
}

fn float(number: &BigDecimal) -> Val {
    let number = number.normalized();
    Val::Float(number.to_string().parse().unwrap_or_else(|_| number.to_f64().unwrap_or(0.0)))
}

fn folded(
    ctx: &mut Ctx<'_>,
    start: BigDecimal,
    args: &[Val],
    step: impl Fn(BigDecimal, BigDecimal) -> Result<BigDecimal, FuncError>,
) -> Answer {
    let mut total = start;
    for value in args {
        ctx.spend(1 + total.digits() / 16)?;
        total = step(total, decimal(value)?)?;
    }
    Ok(float(&total))
}

fn split(args: &[Val]) -> Result<(BigDecimal, &[Val]), FuncError> {
    let [first, rest @ ..] = args else { return Err(FuncError::arguments("decimals")) };
    Ok((decimal(first)?, rest))
}

fn addf(ctx: &mut Ctx<'_>, args: &[Val]) -> Answer {
    folded(ctx, BigDecimal::zero(), args, |a, b| Ok(a + b))
}

fn add1f(ctx: &mut Ctx<'_>, args: &[Val]) -> Answer {
    folded(ctx, BigDecimal::from(1), args, |a, b| Ok(a + b))
}

fn subf(ctx: &mut Ctx<'_>, args: &[Val]) -> Answer {
    let (first, rest) = split(args)?;
    folded(ctx, first, rest, |a, b| Ok(a - b))
}

fn mulf(ctx: &mut Ctx<'_>, args: &[Val]) -> Answer {
    let (first, rest) = split(args)?;
    folded(ctx, first, rest, |a, b| Ok(a * b))
}

fn divf(ctx: &mut Ctx<'_>, args: &[Val]) -> Answer {
    let (first, rest) = split(args)?;
    folded(ctx, first, rest, |a, b| quotient(&a, &b))
}

/// The quotient rounded, halves away from zero.
fn quotient(a: &BigDecimal, b: &BigDecimal) -> Result<BigDecimal, FuncError> {
    if b.is_zero() {
        return Err(FuncError::panic("decimal division by 0"));
    }
    let (top, top_scale) = a.as_bigint_and_exponent();
    let (bottom, bottom_scale) = b.as_bigint_and_exponent();
    // Two digits more than are kept decide the rounding.
    let extra = DIVISION_DIGITS + 2;
    let shift = extra - (top_scale - bottom_scale);
    let ten = |power: i64| num_power(u32::try_from(power).unwrap_or(u32::MAX).min(4_000));
    let (top, bottom) = if shift >= 0 { (top * ten(shift), bottom) } else { (top, bottom * ten(-shift)) };
    // What is cut off behind the extra digits never makes a half out of less than one.
    Ok(BigDecimal::from_bigint(top / bottom, extra).with_scale_round(DIVISION_DIGITS, RoundingMode::HalfUp))
}

fn num_power(power: u32) -> bigdecimal::num_bigint::BigInt {
    bigdecimal::num_bigint::BigInt::from(10).pow(power)
}
