//! Helm's duration functions.
//!
//! A duration is a duration, a text (`1h2m`, or a plain number of seconds), or a number of seconds.
//!
//! Invariant: only `mustToDuration` fails; the others give 0 for what is no duration.

use crate::data::time::GoDuration;
use crate::gotpl::{Ctx, Func, FuncError, Type, Val, format_shortest, quote};
use crate::sprig::moments::{DURATION, duration, duration_of, in_units, rounded, truncated};
use crate::sprig::{Entry, entry};

type Answer = Result<Val, FuncError>;

const A: Type = Type::Any;
const F: Type = Type::Float64;
const N: Type = Type::Int64;

const SECOND: i64 = 1_000_000_000;
/// Most whole seconds that a duration holds.
const MOST_SECONDS: i64 = i64::MAX / SECOND;

pub(super) static ENTRIES: &[Entry] = &[
    entry(
        Func::new("durationDays", &[A], F, |_, args| Ok(units(args, 86_400 * SECOND))),
        "A duration in days.",
        r#"{{ durationDays "36h" }} → 1.5"#,
    ),
    entry(
        Func::new("durationHours", &[A], F, |_, args| Ok(units(args, 3_600 * SECOND))),
        "A duration in hours.",
        r#"{{ durationHours "90m" }} → 1.5"#,
    ),
    entry(
        Func::new("durationMicroseconds", &[A], N, |_, args| Ok(Val::Int64(nanos(args) / 1_000))),
        "A duration in whole microseconds.",
        r#"{{ durationMicroseconds "1ms" }} → 1000"#,
    ),
    entry(
        Func::new("durationMilliseconds", &[A], N, |_, args| Ok(Val::Int64(nanos(args) / 1_000_000))),
        "A duration in whole milliseconds.",
        r#"{{ durationMilliseconds "1.5s" }} → 1500"#,
    ),
    entry(
        Func::new("durationMinutes", &[A], F, |_, args| Ok(units(args, 60 * SECOND))),
        "A duration in minutes.",
        r#"{{ durationMinutes "90s" }} → 1.5"#,
    ),
    entry(
        Func::new("durationNanoseconds", &[A], N, |_, args| Ok(Val::Int64(nanos(args)))),
        "A duration in nanoseconds.",
        r#"{{ durationNanoseconds "1us" }} → 1000"#,
    ),
    entry(
        Func::new("durationRoundTo", &[A, A], DURATION, |_, args| multiple(args, rounded)),
        "A duration rounded to a multiple of another.",
        r#"{{ durationRoundTo "3h47m" "1h" }} → 4h0m0s"#,
    ),
    entry(
        Func::new("durationSeconds", &[A], F, |_, args| Ok(units(args, SECOND))),
        "A duration in seconds.",
        r#"{{ durationSeconds "1m30s" }} → 90"#,
    ),
    entry(
        Func::new("durationTruncateTo", &[A, A], DURATION, |_, args| multiple(args, truncated)),
        "A duration cut to a multiple of another.",
        r#"{{ durationTruncateTo "3h47m" "1h" }} → 3h0m0s"#,
    ),
    entry(
        Func::new("durationWeeks", &[A], F, |_, args| Ok(units(args, 7 * 86_400 * SECOND))),
        "A duration in weeks.",
        r#"{{ durationWeeks "84h" }} → 0.5"#,
    ),
    entry(
        Func::new("mustToDuration", &[A], DURATION, must_to_duration),
        "The duration of a text like `1h2m`, or of a number of seconds.",
        r"{{ mustToDuration 90 }} → 1m30s",
    ),
];

fn must_to_duration(_: &mut Ctx<'_>, args: &[Val]) -> Answer {
    let [value] = args else { return Err(FuncError::arguments("mustToDuration")) };
    read(value).map(duration).map_err(FuncError::new)
}

/// The duration of an argument; 0 for what is none.
fn nanos(args: &[Val]) -> i64 {
    args.first().and_then(|value| read(value).ok()).map_or(0, |duration| duration.0)
}

fn units(args: &[Val], size: i64) -> Val {
    // Days are made from hours and weeks from days, which shows in the last digits.
    const HOUR: i64 = 3_600 * SECOND;
    let duration = GoDuration(nanos(args));
    Val::Float(if size > HOUR {
        in_units(duration, HOUR) / 24.0 / (size / (24 * HOUR)) as f64
    } else {
        in_units(duration, size)
    })
}

fn multiple(args: &[Val], how: fn(GoDuration, GoDuration) -> GoDuration) -> Answer {
    let [value, unit] = args else { return Err(FuncError::arguments("durationRoundTo")) };
    let value = read(value).unwrap_or_default();
    Ok(duration(read(unit).map_or(value, |unit| how(value, unit))))
}

fn read(value: &Val) -> Result<GoDuration, String> {
    if let Some(duration) = duration_of(value) {
        return Ok(duration);
    }
    match value {
        Val::Missing | Val::Nil => Err("invalid duration".to_string()),
        Val::Str(text) => of_text(&text.to_text()),
        other => match (other.as_signed(), other.as_unsigned(), other.as_float()) {
            (Some(seconds), _, _) => of_seconds(seconds),
            (_, Some(seconds), _) => match i64::try_from(seconds) {
                Ok(seconds) => of_seconds(seconds),
                Err(_) => Err(format!("duration seconds overflow: {seconds}")),
            },
            (_, _, Some(seconds)) => of_float(seconds),
            _ => Err(unsupported(value)),
        },
    }
}

fn unsupported(value: &Val) -> String {
    format!("unsupported duration type {}", value.type_name())
}

fn of_seconds(seconds: i64) -> Result<GoDuration, String> {
    if (-MOST_SECONDS..=MOST_SECONDS).contains(&seconds) {
        Ok(GoDuration(seconds * SECOND))
    } else {
        Err(format!("duration seconds overflow: {seconds}"))
    }
}

fn of_float(seconds: f64) -> Result<GoDuration, String> {
    if !seconds.is_finite() {
        return Err(format!("invalid duration seconds: {}", format_shortest(seconds)));
    }
    let nanos = seconds * SECOND as f64;
    if nanos.abs() >= i64::MAX as f64 {
        return Err(format!("duration seconds overflow: {}", format_shortest(seconds)));
    }
    Ok(GoDuration(nanos as i64))
}

fn of_text(given: &str) -> Result<GoDuration, String> {
    let text = given.trim();
    if text.is_empty() {
        return Err("empty duration".to_string());
    }
    if let Ok(duration) = text.parse() {
        return Ok(duration);
    }
    match crate::sprig::float_of_text(text) {
        Some(seconds) => of_float(seconds),
        None => Err(format!("could not parse duration {}", quote(given.as_bytes()))),
    }
}
