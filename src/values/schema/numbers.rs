//! Numbers and equality as JSON Schema has them: 1 and 1.0 are one number, and a number is the decimal it is written as.
//!
//! Invariant: nothing here rounds where the digits fit, so that 0.3 is a multiple of 0.1.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::fmt::Write as _;

use serde_json::{Number, Value};

/// Whether two values are equal.
pub(super) fn equal(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(_), Value::Number(_)) => compare(a, b) == Some(Ordering::Equal),
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| equal(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len()
                && a.iter().all(|(name, value)| b.get(name).is_some_and(|other| equal(value, other)))
        }
        _ => a == b,
    }
}

/// Which of two numbers is larger.
pub(super) fn compare(a: &Value, b: &Value) -> Option<Ordering> {
    let (a, b) = (a.as_number()?, b.as_number()?);
    let whole = |number: &Number| number.as_i64().map(i128::from).or_else(|| number.as_u64().map(i128::from));
    match (whole(a), whole(b)) {
        (Some(a), Some(b)) => Some(a.cmp(&b)),
        _ => a.as_f64()?.partial_cmp(&b.as_f64()?),
    }
}

/// Whether a number has nothing behind its point.
pub(super) fn is_whole(value: &Value) -> bool {
    value.is_i64() || value.is_u64() || value.as_f64().is_some_and(|number| number.fract() == 0.0)
}

/// A number as digits and a power of ten.
fn decimal(value: &Value) -> Option<(i128, i32)> {
    let text = value.as_number()?.to_string();
    let (digits, power) = text.split_once(['e', 'E']).unwrap_or((&text, "0"));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let fraction = fraction.trim_end_matches('0');
    let power: i32 = power.parse().ok()?;
    Some((format!("{whole}{fraction}").parse().ok()?, power - i32::try_from(fraction.len()).ok()?))
}

/// Whether a number is a whole number of times another one.
pub(super) fn is_multiple(value: &Value, step: &Value) -> bool {
    let (Some((value, up)), Some((step, down))) = (decimal(value), decimal(step)) else { return true };
    if step == 0 || value == 0 {
        return true;
    }
    let (mut value, mut step) = (value.unsigned_abs(), step.unsigned_abs());
    // The step is brought to the power of ten of the value, or the value to that of the step, by its remainder.
    for _ in down..up {
        value %= step;
        let Some(larger) = value.checked_mul(10) else { return false };
        value = larger;
    }
    for _ in up..down {
        let Some(larger) = step.checked_mul(10) else { return false };
        step = larger;
    }
    value % step == 0
}

/// The first two items that are equal, in the order in which Helm compares them.
pub(super) fn first_equal(items: &[Value]) -> Option<(usize, usize)> {
    let mut seen: HashMap<String, usize> = HashMap::with_capacity(items.len());
    items.iter().enumerate().find_map(|(index, item)| {
        let mut text = String::new();
        canonical(item, &mut text);
        seen.insert(text, index).map(|earlier| (earlier, index))
    })
}

/// A text that equal values share: 1 and 1.0 are equal, and the order of members does not count.
fn canonical(value: &Value, out: &mut String) {
    match value {
        Value::Number(number) => {
            let whole = number.as_i64().map(i128::from).or_else(|| number.as_u64().map(i128::from));
            // Writing to a string cannot fail.
            let _ = match (whole, number.as_f64()) {
                (Some(whole), _) => write!(out, "{whole}"),
                (None, Some(number)) if number.fract() == 0.0 && number.abs() < 1e18 => {
                    write!(out, "{}", number as i64)
                }
                (None, number) => write!(out, "{number:?}"),
            };
        }
        Value::Array(items) => {
            out.push('[');
            for item in items {
                canonical(item, out);
                out.push(',');
            }
            out.push(']');
        }
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            members.sort_unstable_by_key(|(name, _)| *name);
            out.push('{');
            for (name, member) in members {
                let _ = write!(out, "{name:?}:");
                canonical(member, out);
                out.push(',');
            }
            out.push('}');
        }
        other => {
            let _ = write!(out, "{other}");
        }
    }
}
