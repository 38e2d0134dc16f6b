//! Arithmetic: integers that wrap as Go's do, floats, ranges.
//!
//! Invariant: integer functions see their arguments cut to integers first, so `add 0.1 0.2` is 0.

use crate::gotpl::{Ctx, Func, FuncError, INTS, List, Type, Val};

use super::convert::{to_float, to_int};
use super::{Entry, entry};

type Answer = Result<Val, FuncError>;

const A: Type = Type::Any;
const N: Type = Type::Int64;
const F: Type = Type::Float64;
const I: Type = Type::Int;

pub(super) static ENTRIES: &[Entry] = &[
    entry(Func::variadic("add", &[], A, N, add), "The sum of integers.", "{{ add 1 2 3 }} → 6"),
    entry(Func::new("add1", &[A], N, add1), "The integer and one.", "{{ add1 2 }} → 3"),
    entry(Func::variadic("biggest", &[A], A, N, max), "The same as `max`.", "{{ biggest 1 3 2 }} → 3"),
    entry(Func::new("ceil", &[A], F, ceil), "The next whole number above.", "{{ ceil 1.2 }} → 2"),
    entry(
        Func::new("div", &[A, A], N, div),
        "The quotient of integers, cut to an integer.",
        "{{ div 7 2 }} → 3",
    ),
    entry(Func::new("floor", &[A], F, floor), "The next whole number below.", "{{ floor 1.8 }} → 1"),
    entry(Func::variadic("max", &[A], A, N, max), "The largest of integers.", "{{ max 1 3 2 }} → 3"),
    entry(Func::variadic("maxf", &[A], A, F, maxf), "The largest of floats.", "{{ maxf 1.5 1.7 }} → 1.7"),
    entry(Func::variadic("min", &[A], A, N, min), "The smallest of integers.", "{{ min 1 3 2 }} → 1"),
    entry(Func::variadic("minf", &[A], A, F, minf), "The smallest of floats.", "{{ minf 1.5 1.7 }} → 1.5"),
    entry(Func::new("mod", &[A, A], N, modulo), "The remainder of integers.", "{{ mod 7 2 }} → 1"),
    entry(Func::variadic("mul", &[A], A, N, mul), "The product of integers.", "{{ mul 2 3 }} → 6"),
    entry(
        Func::variadic("round", &[A, I], F, F, round),
        "The float with that many decimals.",
        "{{ round 1.256 2 }} → 1.26",
    ),
    entry(
        Func::variadic("seq", &[], I, Type::String, seq),
        "Numbers from a start to an end, joined by spaces.",
        "{{ seq 1 3 }} → 1 2 3",
    ),
    entry(Func::new("sub", &[A, A], N, sub), "The difference of integers.", "{{ sub 3 2 }} → 1"),
    entry(
        Func::new("until", &[I], Type::List(&INTS), until),
        "The numbers from 0 up to, not including, another.",
        "{{ until 3 }} → [0 1 2]",
    ),
    entry(
        Func::new("untilStep", &[I, I, I], Type::List(&INTS), until_step),
        "The numbers from a start up to, not including, a stop, by steps.",
        "{{ untilStep 0 6 2 }} → [0 2 4]",
    ),
];

fn add(_: &mut Ctx<'_>, args: &[Val]) -> Answer {
    Ok(Val::Int64(args.iter().map(to_int).fold(0, i64::wrapping_add)))
}

fn add1(_: &mut Ctx<'_>, args: &[Val]) -> Answer {
    let [value] = args else { return Err(FuncError::arguments("add1")) };
    Ok(Val::Int64(to_int(value).wrapping_add(1)))
}

fn sub(_: &mut Ctx<'_>, args: &[Val]) -> Answer {
    let [a, b] = args else { return Err(FuncError::arguments("sub")) };
    Ok(Val::Int64(to_int(a).wrapping_sub(to_int(b))))
}

fn mul(_: &mut Ctx<'_>, args: &[Val]) -> Answer {
    Ok(Val::Int64(args.iter().map(to_int).fold(1, i64::wrapping_mul)))
}

fn divisor(value: &Val) -> Result<i64, FuncError> {
    match to_int(value) {
        0 => Err(FuncError::panic("runtime error: integer divide by zero")),
        other => Ok(other),
    }
}

fn div(_: &mut Ctx<'_>, args: &[Val]) -> Answer {
    let [a, b] = args else { return Err(FuncError::arguments("div")) };
    Ok(Val::Int64(to_int(a).wrapping_div(divisor(b)?)))
}

fn modulo(_: &mut Ctx<'_>, args: &[Val]) -> Answer {
    let [a, b] = args else { return Err(FuncError::arguments("mod")) };
    Ok(Val::Int64(to_int(a).wrapping_rem(divisor(b)?)))
}

fn max(_: &mut Ctx<'_>, args: &[Val]) -> Answer {
    args.iter().map(to_int).max().map(Val::Int64).ok_or_else(|| FuncError::arguments("max"))
}

fn min(_: &mut Ctx<'_>, args: &[Val]) -> Answer {
    args.iter().map(to_int).min().map(Val::Int64).ok_or_else(|| FuncError::arguments("min"))
}

/// Go's `math.Max`: a NaN wins, and 0 is larger than -0.
fn larger(a: f64, b: f64) -> f64 {
    match () {
        () if a.is_nan() || b.is_nan() => f64::NAN,
        // Equal but for the sign: two zeros.
        () if a.total_cmp(&b).is_ne()
            && a.abs().total_cmp(&b.abs()).is_eq()
            && a.abs().total_cmp(&0.0).is_eq() =>
        {
            if a.is_sign_negative() {
                b
            } else {
                a
            }
        }
        () => a.max(b),
    }
}

fn maxf(_: &mut Ctx<'_>, args: &[Val]) -> Answer {
    args.iter().map(to_float).reduce(larger).map(Val::Float).ok_or_else(|| FuncError::arguments("maxf"))
}

fn minf(_: &mut Ctx<'_>, args: &[Val]) -> Answer {
    let smallest = args.iter().map(to_float).reduce(|a, b| -larger(-a, -b));
    smallest.map(Val::Float).ok_or_else(|| FuncError::arguments("minf"))
}

fn ceil(_: &mut Ctx<'_>, args: &[Val]) -> Answer {
    let [value] = args else { return Err(FuncError::arguments("ceil")) };
    Ok(Val::Float(to_float(value).ceil()))
}

fn floor(_: &mut Ctx<'_>, args: &[Val]) -> Answer {
    let [value] = args else { return Err(FuncError::arguments("floor")) };
    Ok(Val::Float(to_float(value).floor()))
}

fn round(_: &mut Ctx<'_>, args: &[Val]) -> Answer {
    let [value, Val::Int(places), rest @ ..] = args else { return Err(FuncError::arguments("round")) };
    let threshold = rest.first().and_then(Val::as_float).unwrap_or(0.5);
    // Squares and products, as Go's Pow has them; `powf` differs in the last digit.
    let power = 10_f64.powi(i32::try_from(*places).unwrap_or(if *places < 0 { i32::MIN } else { i32::MAX }));
    let scaled = to_float(value) * power;
    // The fraction keeps the sign, so a negative number is never rounded up.
    let rounded = if scaled.fract() >= threshold { scaled.ceil() } else { scaled.floor() };
    Ok(Val::Float(rounded / power))
}

/// The numbers from `start` up (or down) to, not including, `stop`.
fn steps(ctx: &mut Ctx<'_>, start: i64, stop: i64, step: i64) -> Result<Vec<i64>, FuncError> {
    if step == 0 || (stop < start) != (step < 0) || start == stop {
        return Ok(Vec::new());
    }
    let span = (i128::from(stop) - i128::from(start)).unsigned_abs();
    let count = usize::try_from(span.div_ceil(u128::from(step.unsigned_abs()))).unwrap_or(usize::MAX);
    ctx.allow_size(count.saturating_mul(size_of::<Val>()))?;
    let mut numbers = Vec::with_capacity(count);
    let mut number = start;
    for _ in 0..count {
        numbers.push(number);
        number = number.wrapping_add(step);
    }
    Ok(numbers)
}

fn ints(numbers: Vec<i64>) -> Val {
    Val::List(List::typed(&INTS, numbers.into_iter().map(Val::Int).collect()))
}

fn until(ctx: &mut Ctx<'_>, args: &[Val]) -> Answer {
    let [Val::Int(stop)] = args else { return Err(FuncError::arguments("until")) };
    Ok(ints(steps(ctx, 0, *stop, if *stop < 0 { -1 } else { 1 })?))
}

fn until_step(ctx: &mut Ctx<'_>, args: &[Val]) -> Answer {
    let [Val::Int(start), Val::Int(stop), Val::Int(step)] = args else {
        return Err(FuncError::arguments("untilStep"));
    };
    Ok(ints(steps(ctx, *start, *stop, *step)?))
}

fn seq(ctx: &mut Ctx<'_>, args: &[Val]) -> Answer {
    let numbers: Vec<i64> = args.iter().filter_map(Val::as_signed).collect();
    // One beyond the end, in the direction of the step, since the end belongs to the sequence.
    let towards = |start: i64, step: i64, end: i64| {
        let beyond = end.saturating_add(step.signum());
        let away = if step < 0 { end > start } else { end < start };
        if away { (0, 0, 0) } else { (start, beyond, step) }
    };
    let (start, stop, step) = match numbers[..] {
        [end] => towards(1, if end < 1 { -1 } else { 1 }, end),
        [start, end] => towards(start, if end < start { -1 } else { 1 }, end),
        // Against the direction of the ends there is nothing, not even one number.
        [start, step, end] if step > 0 || (step < 0 && end < start) => towards(start, step, end),
        _ => (0, 0, 0),
    };
    let texts: Vec<String> = steps(ctx, start, stop, step)?.iter().map(i64::to_string).collect();
    Ok(Val::str(texts.join(" ")))
}
