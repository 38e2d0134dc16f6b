//! Dates.
//!
//! Invariant: the clock and the local zone come from the execution's [`Outside`](super::Outside).

use crate::data::time::{GoDuration, Time, Zone};
use crate::gotpl::{Ctx, Func, FuncError, GoStr, Num, Type, Val};

use super::moments::{TIME, time, time_of};
use super::outside::outside;
use super::{Entry, entry};

type Answer = Result<Val, FuncError>;

const A: Type = Type::Any;
const S: Type = Type::String;

const HTML: &str = "2006-01-02";

pub(super) static ENTRIES: &[Entry] = &[
    entry(
        Func::new("ago", &[A], S, ago),
        "How long ago a moment was, in whole seconds.",
        r#"{{ ago 0 | contains "h" }} → true"#,
    ),
    entry(
        Func::new("date", &[S, A], S, date),
        "A moment by a Go layout, in the local zone.",
        r#"{{ toDate "2006-01-02" "2024-02-29" | date "02.01.2006" }} → 29.02.2024"#,
    ),
    entry(
        Func::new("dateInZone", &[S, A, S], S, date_in_zone),
        "A moment by a Go layout, in a named zone.",
        r#"{{ dateInZone "15:04" 0 "Asia/Tokyo" }} → 09:00"#,
    ),
    entry(
        Func::new("dateModify", &[S, TIME], TIME, date_modify),
        "A moment later by a duration; the same moment for what is no duration.",
        r#"{{ toDate "2006-01-02" "2024-02-29" | dateModify "24h" | htmlDate }} → 2024-03-01"#,
    ),
    entry(
        Func::new("date_in_zone", &[S, A, S], S, date_in_zone),
        "The same as `dateInZone`.",
        r#"{{ date_in_zone "15:04" 0 "UTC" }} → 00:00"#,
    ),
    entry(
        Func::new("date_modify", &[S, TIME], TIME, date_modify),
        "The same as `dateModify`.",
        r#"{{ toDate "2006-01-02" "2024-02-29" | date_modify "24h" | htmlDate }} → 2024-03-01"#,
    ),
    entry(
        Func::new("duration", &[A], S, duration),
        "A number of seconds (a text or an int64) as a duration.",
        r#"{{ duration "95" }} → 1m35s"#,
    ),
    entry(
        Func::new("durationRound", &[A], S, duration_round),
        "A duration in its largest unit.",
        r#"{{ durationRound "2h10m5s" }} → 2h"#,
    ),
    entry(
        Func::new("htmlDate", &[A], S, html_date),
        "A moment as `2006-01-02`, in the local zone.",
        "{{ htmlDate 0 }} → 1970-01-01",
    ),
    entry(
        Func::new("htmlDateInZone", &[A, S], S, html_date_in_zone),
        "A moment as `2006-01-02`, in a named zone.",
        r#"{{ htmlDateInZone 0 "UTC" }} → 1970-01-01"#,
    ),
    entry(
        Func::new("mustDateModify", &[S, TIME], TIME, must_date_modify),
        "A moment later by a duration.",
        r#"{{ toDate "2006-01-02" "2024-02-29" | mustDateModify "24h" | htmlDate }} → 2024-03-01"#,
    ),
    entry(
        Func::new("mustToDate", &[S, S], TIME, must_to_date),
        "The moment that a text says by a Go layout.",
        r#"{{ (mustToDate "2006-01-02" "2024-02-29").Year }} → 2024"#,
    ),
    entry(
        Func::new("must_date_modify", &[S, TIME], TIME, must_date_modify),
        "The same as `mustDateModify`.",
        r#"{{ toDate "2006-01-02" "2024-02-29" | must_date_modify "24h" | htmlDate }} → 2024-03-01"#,
    ),
    entry(Func::new("now", &[], TIME, now), "The current moment.", "{{ now.IsZero }} → false"),
    entry(
        Func::new("toDate", &[S, S], TIME, to_date),
        "The moment that a text says by a Go layout; the year 1 for what says none.",
        r#"{{ (toDate "2006-01-02" "2024-02-29").Year }} → 2024"#,
    ),
    entry(
        Func::new("unixEpoch", &[TIME], S, unix_epoch),
        "Seconds since 1970.",
        r#"{{ toDate "2006-01-02" "1970-01-02" | unixEpoch }} → 86400"#,
    ),
];

/// The moment of an argument: a time, or whole seconds; anything else means now.
fn moment(ctx: &mut Ctx<'_>, value: &Val) -> Result<Time, FuncError> {
    let world = outside(ctx)?;
    Ok(match value {
        Val::Int(seconds) | Val::Int64(seconds) => Time::from_unix(*seconds, 0, world.local.clone()),
        Val::Num(Num::Int32(seconds)) => Time::from_unix(i64::from(*seconds), 0, world.local.clone()),
        other => match time_of(other) {
            Some(time) => time.clone(),
            None => world.now(),
        },
    })
}

fn formatted(ctx: &mut Ctx<'_>, layout: &str, value: &Val, zone: Option<&GoStr>) -> Answer {
    ctx.spend(1 + layout.len() as u64)?;
    let at = moment(ctx, value)?;
    let zone = match zone.map(GoStr::to_text).as_deref() {
        None | Some("Local") => outside(ctx)?.local.clone(),
        Some(name) => Zone::load(name).unwrap_or(Zone::Utc),
    };
    Ok(Val::str(at.in_zone(&zone).format(layout)))
}

fn now(ctx: &mut Ctx<'_>, _: &[Val]) -> Answer {
    Ok(time(outside(ctx)?.now()))
}

fn date(ctx: &mut Ctx<'_>, args: &[Val]) -> Answer {
    let [Val::Str(layout), value] = args else { return Err(FuncError::arguments("date")) };
    formatted(ctx, &layout.to_text(), value, None)
}

fn date_in_zone(ctx: &mut Ctx<'_>, args: &[Val]) -> Answer {
    let [Val::Str(layout), value, Val::Str(zone)] = args else {
        return Err(FuncError::arguments("dateInZone"));
    };
    formatted(ctx, &layout.to_text(), value, Some(zone))
}

fn html_date(ctx: &mut Ctx<'_>, args: &[Val]) -> Answer {
    let [value] = args else { return Err(FuncError::arguments("htmlDate")) };
    formatted(ctx, HTML, value, None)
}

fn html_date_in_zone(ctx: &mut Ctx<'_>, args: &[Val]) -> Answer {
    let [value, Val::Str(zone)] = args else { return Err(FuncError::arguments("htmlDateInZone")) };
    formatted(ctx, HTML, value, Some(zone))
}

fn modified(args: &[Val]) -> Result<(Time, Result<GoDuration, String>), FuncError> {
    let [Val::Str(by), at] = args else { return Err(FuncError::arguments("dateModify")) };
    let at = time_of(at).ok_or_else(|| FuncError::arguments("dateModify"))?;
    let by: Result<GoDuration, _> = by.to_text().parse();
    Ok((at.clone(), by.map_err(|error| error.to_string())))
}

fn date_modify(_: &mut Ctx<'_>, args: &[Val]) -> Answer {
    let (at, by) = modified(args)?;
    Ok(time(by.map_or_else(|_| at.clone(), |by| at.add(by))))
}

fn must_date_modify(_: &mut Ctx<'_>, args: &[Val]) -> Answer {
    let (at, by) = modified(args)?;
    by.map(|by| time(at.add(by))).map_err(FuncError::new)
}

fn parsed(ctx: &mut Ctx<'_>, args: &[Val]) -> Result<Result<Time, String>, FuncError> {
    let [Val::Str(layout), Val::Str(text)] = args else { return Err(FuncError::arguments("toDate")) };
    ctx.spend(1 + layout.len() as u64 + text.len() as u64)?;
    let local = outside(ctx)?.local.clone();
    Ok(Time::parse(&layout.to_text(), &text.to_text(), &local).map_err(|error| error.to_string()))
}

fn to_date(ctx: &mut Ctx<'_>, args: &[Val]) -> Answer {
    Ok(time(parsed(ctx, args)?.unwrap_or_else(|_| Time::zero())))
}

fn must_to_date(ctx: &mut Ctx<'_>, args: &[Val]) -> Answer {
    parsed(ctx, args)?.map(time).map_err(FuncError::new)
}

fn unix_epoch(_: &mut Ctx<'_>, args: &[Val]) -> Answer {
    let at = args.first().and_then(time_of).ok_or_else(|| FuncError::arguments("unixEpoch"))?;
    Ok(Val::str(at.unix().to_string()))
}

fn ago(ctx: &mut Ctx<'_>, args: &[Val]) -> Answer {
    let [value] = args else { return Err(FuncError::arguments("ago")) };
    let world = outside(ctx)?;
    let now = world.now();
    let at = match value {
        Val::Int(seconds) | Val::Int64(seconds) => Time::from_unix(*seconds, 0, world.local.clone()),
        other => time_of(other).cloned().unwrap_or_else(|| now.clone()),
    };
    let second = GoDuration::from_seconds(1);
    Ok(Val::str(super::moments::rounded(now.since(&at), second).to_string()))
}

fn duration(_: &mut Ctx<'_>, args: &[Val]) -> Answer {
    let seconds = match args {
        [Val::Int64(seconds)] => *seconds,
        [Val::Str(text)] => text.as_str().and_then(|text| text.parse().ok()).unwrap_or(0),
        _ => 0,
    };
    // Go multiplies without a check.
    Ok(Val::str(GoDuration(seconds.wrapping_mul(1_000_000_000)).to_string()))
}

fn duration_round(ctx: &mut Ctx<'_>, args: &[Val]) -> Answer {
    const HOUR: u64 = 3600;
    const UNITS: [(u64, &str); 5] =
        [(HOUR * 24 * 365, "y"), (HOUR * 24 * 30, "mo"), (HOUR * 24, "d"), (HOUR, "h"), (60, "m")];
    let nanos = match args {
        [Val::Int64(nanos)] => *nanos,
        [Val::Str(text)] => text.to_text().parse::<GoDuration>().map_or(0, |duration| duration.0),
        [other] => match time_of(other).cloned() {
            Some(at) => outside(ctx)?.now().since(&at).0,
            None => 0,
        },
        _ => 0,
    };
    let nanos = nanos.unsigned_abs();
    // A unit counts only when the duration is longer than it.
    for (seconds, unit) in UNITS {
        if nanos > seconds * 1_000_000_000 {
            return Ok(Val::str(format!("{}{unit}", nanos / (seconds * 1_000_000_000))));
        }
    }
    let seconds = if nanos > 1_000_000_000 { nanos / 1_000_000_000 } else { 0 };
    Ok(Val::str(format!("{seconds}s")))
}
