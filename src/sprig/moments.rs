//! Go's `time.Time`, `time.Duration`, `time.Month` and `time.Weekday` as templates meet them.
//!
//! Invariant: the types compare, print and encode as Go's do; arithmetic saturates where Go's would, too.

use std::any::Any;
use std::borrow::Cow;

use crate::data::time::{GoDuration, RFC3339_NANO, Time, Zone, month_name, weekday_name};
use crate::gotpl::{Bytes, Ctx, DataForm, FuncError, GoStr, Kind, Method, Object, Plainness, Type, Val};

use super::outside::outside;

type Answer = Result<Val, FuncError>;

const I: Type = Type::Int;
const N: Type = Type::Int64;
const S: Type = Type::String;
/// `time.Time`
pub(super) const TIME: Type = Type::Object("time.Time");
/// `time.Duration`
pub const DURATION: Type = Type::Object("time.Duration");

/// The value of a moment.
pub fn time(time: Time) -> Val {
    Val::object(TimeObject(time))
}

/// A moment as encoders write it; `None` for what is no moment.
pub fn rfc3339(value: &Val) -> Option<String> {
    time_of(value).map(|time| time.format(RFC3339_NANO))
}

/// A moment as the TOML encoder writes it: one that TOML told without an offset, a date or a time of day stays that.
pub fn toml_text(value: &Val) -> Option<String> {
    let time = time_of(value)?;
    let layout = match time.zone() {
        Zone::Fixed { name, .. } if name == "datetime-local" => "2006-01-02T15:04:05.999999999",
        Zone::Fixed { name, .. } if name == "date-local" => "2006-01-02",
        Zone::Fixed { name, .. } if name == "time-local" => "15:04:05.999999999",
        _ => RFC3339_NANO,
    };
    Some(time.format(layout))
}

/// The moment in a value, when it is one.
pub(super) fn time_of(value: &Val) -> Option<&Time> {
    value.downcast::<TimeObject>().map(|object| &object.0)
}

/// The value of a duration.
pub fn duration(duration: GoDuration) -> Val {
    Val::object(DurationObject(duration))
}

/// The duration in a value, when it is one.
pub fn duration_of(value: &Val) -> Option<GoDuration> {
    value.downcast::<DurationObject>().map(|object| object.0)
}

/// Rounds to a multiple, halves away from zero; a unit that is not positive changes nothing.
pub fn rounded(value: GoDuration, unit: GoDuration) -> GoDuration {
    if unit.0 <= 0 {
        return value;
    }
    let rest = value.0 % unit.0;
    let magnitude = rest.unsigned_abs();
    let up = magnitude.saturating_mul(2) >= unit.0 as u64;
    let down = value.0 - rest;
    if !up {
        return GoDuration(down);
    }
    let step = if value.0 < 0 { -unit.0 } else { unit.0 };
    GoDuration(down.checked_add(step).unwrap_or(if value.0 < 0 { i64::MIN } else { i64::MAX }))
}

/// Cuts to a multiple towards zero; a unit that is not positive changes nothing.
pub fn truncated(value: GoDuration, unit: GoDuration) -> GoDuration {
    if unit.0 <= 0 { value } else { GoDuration(value.0 - value.0 % unit.0) }
}

#[derive(Debug)]
struct TimeObject(Time);

fn receiver(value: &Val) -> Result<&Time, FuncError> {
    time_of(value).ok_or_else(|| FuncError::arguments("time"))
}

fn other(args: &[Val]) -> Result<&Time, FuncError> {
    args.first().and_then(time_of).ok_or_else(|| FuncError::arguments("time"))
}

fn unit(args: &[Val]) -> Result<GoDuration, FuncError> {
    let value = args.first().ok_or_else(|| FuncError::arguments("time"))?;
    duration_of(value).or(value.as_signed().map(GoDuration)).ok_or_else(|| FuncError::arguments("time"))
}

fn int(number: impl Into<i64>) -> Answer {
    Ok(Val::Int(number.into()))
}

fn several(name: &str, count: usize) -> Answer {
    Err(FuncError::Language(format!("function {name} has {count} return values; should be 1 or 2").into()))
}

fn second_no_error(name: &str, ty: &str) -> Answer {
    Err(FuncError::Language(
        format!("invalid function signature for {name}: second return value should be error; is {ty}").into(),
    ))
}

/// Nanoseconds since Go's zero time, which rounding and truncation count from.
fn since_zero(time: &Time) -> i128 {
    i128::from(time.unix() - Time::zero().unix()) * 1_000_000_000 + i128::from(time.nanos())
}

fn cut(time: &Time, unit: GoDuration, round: bool) -> Time {
    if unit.0 <= 0 {
        return time.clone();
    }
    let size = i128::from(unit.0);
    let rest = since_zero(time).rem_euclid(size);
    let change = if round && rest * 2 >= size { size - rest } else { -rest };
    time.add(GoDuration(i64::try_from(change).unwrap_or(0)))
}

static TIME_METHODS: &[Method] = &[
    Method::new("Add", &[DURATION], TIME, |_, me, args| Ok(time(receiver(me)?.add(unit(args)?)))),
    Method::new("AddDate", &[I, I, I], TIME, |_, me, args| {
        let [Val::Int(years), Val::Int(months), Val::Int(days)] = args else {
            return Err(FuncError::arguments("AddDate"));
        };
        Ok(time(receiver(me)?.add_date(*years, *months, *days)))
    }),
    Method::new("After", &[TIME], Type::Bool, |_, me, args| Ok(Val::Bool(receiver(me)? > other(args)?))),
    Method::new("AppendBinary", &[Type::Bytes], Type::Bytes, |_, me, args| {
        appended(args, binary(receiver(me)?)?)
    }),
    Method::new("AppendFormat", &[Type::Bytes, S], Type::Bytes, |ctx, me, args| {
        let [_, Val::Str(layout)] = args else { return Err(FuncError::arguments("AppendFormat")) };
        ctx.spend(layout.len() as u64)?;
        appended(args, receiver(me)?.format(&layout.to_text()))
    }),
    Method::new("AppendText", &[Type::Bytes], Type::Bytes, |_, me, args| {
        appended(args, receiver(me)?.format(RFC3339_NANO))
    }),
    Method::new("Before", &[TIME], Type::Bool, |_, me, args| Ok(Val::Bool(receiver(me)? < other(args)?))),
    Method::new("Clock", &[], I, |_, _, _| several("Clock", 3)),
    Method::new("Compare", &[TIME], I, |_, me, args| int(receiver(me)?.cmp(other(args)?) as i64)),
    Method::new("Date", &[], I, |_, _, _| several("Date", 3)),
    Method::new("Day", &[], I, |_, me, _| int(receiver(me)?.civil().day)),
    Method::new("Equal", &[TIME], Type::Bool, |_, me, args| Ok(Val::Bool(receiver(me)? == other(args)?))),
    Method::new("Format", &[S], S, |ctx, me, args| {
        let [Val::Str(layout)] = args else { return Err(FuncError::arguments("Format")) };
        ctx.spend(layout.len() as u64)?;
        Ok(Val::str(receiver(me)?.format(&layout.to_text())))
    }),
    Method::new("GoString", &[], S, |_, me, _| Ok(Val::str(go_string(receiver(me)?)))),
    Method::new("GobEncode", &[], Type::Bytes, |_, me, _| Ok(Val::Bytes(Bytes::new(binary(receiver(me)?)?)))),
    Method::new("Hour", &[], I, |_, me, _| int(receiver(me)?.civil().hour)),
    Method::new("ISOWeek", &[], I, |_, _, _| second_no_error("ISOWeek", "int")),
    Method::new("In", &[Type::Object("*time.Location")], TIME, |_, me, args| {
        match args.first().and_then(|zone| zone.downcast::<LocationObject>()) {
            Some(location) => Ok(time(receiver(me)?.in_zone(&location.0))),
            None => Err(FuncError::panic("time: missing Location in call to Time.In")),
        }
    }),
    Method::new("IsDST", &[], Type::Bool, |_, me, _| Ok(Val::Bool(receiver(me)?.is_dst()))),
    Method::new("IsZero", &[], Type::Bool, |_, me, _| Ok(Val::Bool(receiver(me)?.is_zero()))),
    Method::new("Local", &[], TIME, |ctx, me, _| Ok(time(receiver(me)?.in_zone(&local(ctx)?)))),
    Method::new("Location", &[], Type::Object("*time.Location"), |_, me, _| {
        Ok(Val::object(LocationObject(receiver(me)?.zone().clone())))
    }),
    Method::new("MarshalBinary", &[], Type::Bytes, |_, me, _| {
        Ok(Val::Bytes(Bytes::new(binary(receiver(me)?)?)))
    }),
    Method::new("MarshalJSON", &[], Type::Bytes, |_, me, _| {
        Ok(Val::Bytes(Bytes::new(format!("\"{}\"", receiver(me)?.format(RFC3339_NANO)))))
    }),
    Method::new("MarshalText", &[], Type::Bytes, |_, me, _| {
        Ok(Val::Bytes(Bytes::new(receiver(me)?.format(RFC3339_NANO))))
    }),
    Method::new("Minute", &[], I, |_, me, _| int(receiver(me)?.civil().minute)),
    Method::new("Month", &[], Type::Object("time.Month"), |_, me, _| {
        let civil = receiver(me)?.civil();
        Ok(Val::object(Named { ty: "time.Month", number: i64::from(civil.month), name: month_name }))
    }),
    Method::new("Nanosecond", &[], I, |_, me, _| int(receiver(me)?.nanos())),
    Method::new("Round", &[DURATION], TIME, |_, me, args| Ok(time(cut(receiver(me)?, unit(args)?, true)))),
    Method::new("Second", &[], I, |_, me, _| int(receiver(me)?.civil().second)),
    Method::new("String", &[], S, |_, me, _| Ok(Val::str(receiver(me)?.to_string()))),
    Method::new("Sub", &[TIME], DURATION, |_, me, args| Ok(duration(receiver(me)?.since(other(args)?)))),
    Method::new("Truncate", &[DURATION], TIME, |_, me, args| {
        Ok(time(cut(receiver(me)?, unit(args)?, false)))
    }),
    Method::new("UTC", &[], TIME, |_, me, _| Ok(time(receiver(me)?.in_zone(&Zone::Utc)))),
    Method::new("Unix", &[], N, |_, me, _| Ok(Val::Int64(receiver(me)?.unix()))),
    Method::new("UnixMicro", &[], N, |_, me, _| Ok(Val::Int64(unix_parts(receiver(me)?, 1_000_000)))),
    Method::new("UnixMilli", &[], N, |_, me, _| Ok(Val::Int64(unix_parts(receiver(me)?, 1_000)))),
    Method::new("UnixNano", &[], N, |_, me, _| Ok(Val::Int64(receiver(me)?.unix_nanos()))),
    Method::new("Weekday", &[], Type::Object("time.Weekday"), |_, me, _| {
        let civil = receiver(me)?.civil();
        Ok(Val::object(Named { ty: "time.Weekday", number: i64::from(civil.weekday), name: weekday_name }))
    }),
    Method::new("Year", &[], I, |_, me, _| int(receiver(me)?.civil().year)),
    Method::new("YearDay", &[], I, |_, me, _| int(receiver(me)?.civil().year_day)),
    Method::new("Zone", &[], S, |_, _, _| second_no_error("Zone", "int")),
    Method::new("ZoneBounds", &[], TIME, |_, _, _| second_no_error("ZoneBounds", "time.Time")),
];

/// The bytes in the first argument with more behind them.
fn appended(args: &[Val], more: impl AsRef<[u8]>) -> Answer {
    let Some(Val::Bytes(bytes)) = args.first() else { return Err(FuncError::arguments("time")) };
    Ok(Val::Bytes(Bytes::new([bytes.as_slice(), more.as_ref()].concat())))
}

/// Go's binary form: a version, the seconds since the year 1, nanoseconds, and the offset in minutes, which is -1 for UTC;
/// in the second version also what an offset has beyond whole minutes.
fn binary(time: &Time) -> Result<Vec<u8>, FuncError> {
    let offset = time.civil().offset;
    let (minutes, rest) = if *time.zone() == Zone::Utc { (-1, 0) } else { (offset / 60, offset % 60) };
    let is_odd = i16::try_from(minutes).is_err() || (minutes == -1 && *time.zone() != Zone::Utc);
    if is_odd {
        return Err(FuncError::new("Time.MarshalBinary: unexpected zone offset"));
    }
    let mut bytes = vec![if rest == 0 { 1 } else { 2 }];
    bytes.extend(time.unix().wrapping_sub(Time::zero().unix()).to_be_bytes());
    bytes.extend(time.nanos().to_be_bytes());
    bytes.extend((minutes as i16).to_be_bytes());
    if rest != 0 {
        bytes.push(rest as u8);
    }
    Ok(bytes)
}

fn local(ctx: &mut Ctx<'_>) -> Result<Zone, FuncError> {
    Ok(outside(ctx)?.local.clone())
}

fn unix_parts(time: &Time, per_second: i64) -> i64 {
    let part = i64::from(time.nanos()) / (1_000_000_000 / per_second);
    time.unix().wrapping_mul(per_second).wrapping_add(part)
}

fn go_string(time: &Time) -> String {
    let at = time.civil();
    let zone = match time.zone() {
        Zone::Utc => "time.UTC".to_string(),
        Zone::Fixed { name, .. } => format!("time.Location({})", crate::gotpl::quote(name.as_bytes())),
        Zone::Named(_) => "time.Local".to_string(),
    };
    format!(
        "time.Date({}, time.{}, {}, {}, {}, {}, {}, {zone})",
        at.year,
        at.month_name(),
        at.day,
        at.hour,
        at.minute,
        at.second,
        at.nanos
    )
}

impl Object for TimeObject {
    fn type_name(&self) -> Cow<'static, str> {
        Cow::Borrowed("time.Time")
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn method(&self, name: &str) -> Option<&'static Method> {
        Method::find(TIME_METHODS, name)
    }

    fn text(&self) -> Option<GoStr> {
        Some(self.0.to_string().into())
    }

    fn bare(&self, form: Plainness) -> String {
        if form == Plainness::Sharp { go_string(&self.0) } else { self.0.to_string() }
    }

    fn equals(&self, other: &dyn Object) -> bool {
        other
            .as_any()
            .downcast_ref::<Self>()
            .is_some_and(|other| self.0 == other.0 && self.0.zone() == other.0.zone())
    }

    fn data(&self, _: DataForm) -> Result<Val, GoStr> {
        Ok(Val::str(self.0.format(RFC3339_NANO)))
    }
}

/// `*time.Location`
#[derive(Debug)]
struct LocationObject(Zone);

impl Object for LocationObject {
    fn type_name(&self) -> Cow<'static, str> {
        Cow::Borrowed("*time.Location")
    }

    fn kind(&self) -> Kind {
        Kind::Pointer
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn text(&self) -> Option<GoStr> {
        Some(match &self.0 {
            Zone::Utc => "UTC".into(),
            Zone::Fixed { name, .. } => name.as_str().into(),
            Zone::Named(zone) => zone.iana_name().unwrap_or("Local").into(),
        })
    }

    fn bare(&self, _: Plainness) -> String {
        self.text().unwrap_or_default().to_string()
    }

    fn equals(&self, other: &dyn Object) -> bool {
        other.as_any().downcast_ref::<Self>().is_some_and(|other| self.0 == other.0)
    }
}

/// A number with a name: a month, a day of the week.
#[derive(Debug)]
struct Named {
    ty: &'static str,
    number: i64,
    name: fn(i64) -> Option<&'static str>,
}

impl Named {
    /// Its name, or Go's complaint about a number that has none.
    fn shown(&self) -> GoStr {
        let bare = || format!("%!{}({})", self.ty.trim_start_matches("time."), self.number).into();
        (self.name)(self.number).map_or_else(bare, GoStr::from)
    }
}

static NAMED_METHODS: &[Method] = &[Method::new("String", &[], S, |_, me, _| {
    Ok(Val::Str(me.downcast::<Named>().map_or(GoStr::EMPTY, Named::shown)))
})];

impl Object for Named {
    fn type_name(&self) -> Cow<'static, str> {
        Cow::Borrowed(self.ty)
    }

    fn kind(&self) -> Kind {
        Kind::Int
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn method(&self, name: &str) -> Option<&'static Method> {
        Method::find(NAMED_METHODS, name)
    }

    fn text(&self) -> Option<GoStr> {
        Some(self.shown())
    }

    fn bare(&self, _: Plainness) -> String {
        self.number.to_string()
    }

    fn underlying(&self) -> Option<Val> {
        Some(Val::Int(self.number))
    }

    fn with_number(&self, number: i64) -> Option<Val> {
        Some(Val::object(Named { number, ..*self }))
    }

    fn equals(&self, other: &dyn Object) -> bool {
        other.as_any().downcast_ref::<Self>().is_some_and(|other| self.number == other.number)
    }
}

#[derive(Debug)]
struct DurationObject(GoDuration);

fn length(value: &Val) -> Result<GoDuration, FuncError> {
    duration_of(value).ok_or_else(|| FuncError::arguments("duration"))
}

/// The duration in units of so many nanoseconds, with its fraction.
pub fn in_units(value: GoDuration, nanos: i64) -> f64 {
    (value.0 / nanos) as f64 + (value.0 % nanos) as f64 / nanos as f64
}

static DURATION_METHODS: &[Method] = &[
    Method::new("Abs", &[], DURATION, |_, me, _| {
        Ok(duration(GoDuration(length(me)?.0.checked_abs().unwrap_or(i64::MAX))))
    }),
    Method::new("Hours", &[], Type::Float64, |_, me, _| {
        Ok(Val::Float(in_units(length(me)?, 3_600_000_000_000)))
    }),
    Method::new("Microseconds", &[], N, |_, me, _| Ok(Val::Int64(length(me)?.0 / 1_000))),
    Method::new("Milliseconds", &[], N, |_, me, _| Ok(Val::Int64(length(me)?.0 / 1_000_000))),
    Method::new("Minutes", &[], Type::Float64, |_, me, _| {
        Ok(Val::Float(in_units(length(me)?, 60_000_000_000)))
    }),
    Method::new("Nanoseconds", &[], N, |_, me, _| Ok(Val::Int64(length(me)?.0))),
    Method::new("Round", &[DURATION], DURATION, |_, me, args| {
        Ok(duration(rounded(length(me)?, unit(args)?)))
    }),
    Method::new("Seconds", &[], Type::Float64, |_, me, _| {
        Ok(Val::Float(in_units(length(me)?, 1_000_000_000)))
    }),
    Method::new("String", &[], S, |_, me, _| Ok(Val::str(length(me)?.to_string()))),
    Method::new("Truncate", &[DURATION], DURATION, |_, me, args| {
        Ok(duration(truncated(length(me)?, unit(args)?)))
    }),
];

impl Object for DurationObject {
    fn type_name(&self) -> Cow<'static, str> {
        Cow::Borrowed("time.Duration")
    }

    fn kind(&self) -> Kind {
        Kind::Int64
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn method(&self, name: &str) -> Option<&'static Method> {
        Method::find(DURATION_METHODS, name)
    }

    fn text(&self) -> Option<GoStr> {
        Some(self.0.to_string().into())
    }

    fn bare(&self, _: Plainness) -> String {
        self.0.0.to_string()
    }

    fn underlying(&self) -> Option<Val> {
        Some(Val::Int64(self.0.0))
    }

    fn with_number(&self, number: i64) -> Option<Val> {
        Some(duration(GoDuration(number)))
    }

    fn equals(&self, other: &dyn Object) -> bool {
        other.as_any().downcast_ref::<Self>().is_some_and(|other| self.0 == other.0)
    }

    fn data(&self, form: DataForm) -> Result<Val, GoStr> {
        Ok(match form {
            DataForm::Json => Val::Int64(self.0.0),
            DataForm::Yaml | DataForm::Toml => Val::str(self.0.to_string()),
        })
    }
}
