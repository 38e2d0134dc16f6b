//! Equality and order: `eq`, `lt` and their kin, and `reflect.DeepEqual`.
//!
//! Invariant: comparison never recurses deeper than [`MAX_DEPTH`]; deeper values count as different.

#![allow(clippy::float_cmp, reason = "Go's == on floats is exact")]

use std::cmp::Ordering;

use super::error::FuncError;
use super::format::{MAX_DEPTH, MAX_NODES, sprintf};
use super::types::Kind;
use super::value::{Num, Val};

/// The classes of values that the comparison functions tell apart.
enum Basic<'a> {
    Bool(bool),
    Complex(f64, f64),
    Signed(i64),
    Unsigned(u64),
    Float(f64),
    Str(&'a [u8]),
}

/// The class of a value; `under` holds the basic value of a named type.
fn basic<'a>(value: &'a Val, under: Option<&'a Val>) -> Option<Basic<'a>> {
    let value = under.unwrap_or(value);
    Some(match value {
        Val::Bool(flag) => Basic::Bool(*flag),
        Val::Str(text) => Basic::Str(text.as_bytes()),
        Val::Num(Num::Complex(re, im)) => Basic::Complex(*re, *im),
        Val::Object(_) => return None,
        _ => {
            if let Some(n) = value.as_signed() {
                Basic::Signed(n)
            } else if let Some(n) = value.as_unsigned() {
                Basic::Unsigned(n)
            } else {
                Basic::Float(value.as_float()?)
            }
        }
    })
}

fn underlying(value: &Val) -> Option<Val> {
    match value {
        Val::Object(object) => object.underlying(),
        _ => None,
    }
}

/// Order of two numbers of different signedness.
fn mixed(signed: i64, unsigned: u64) -> Ordering {
    u64::try_from(signed).map_or(Ordering::Less, |n| n.cmp(&unsigned))
}

fn incompatible(a: &Val, b: &Val) -> FuncError {
    FuncError::new(format!("incompatible types for comparison: {} and {}", a.type_name(), b.type_name()))
}

/// `eq a b`, with text/template's errors.
///
/// # Errors
/// The values are of basic kinds that cannot be compared, or of types that have no equality.
pub fn equal(a: &Val, b: &Val) -> Result<bool, FuncError> {
    let (under_a, under_b) = (underlying(a), underlying(b));
    Ok(match (basic(a, under_a.as_ref()), basic(b, under_b.as_ref())) {
        (Some(Basic::Bool(x)), Some(Basic::Bool(y))) => x == y,
        (Some(Basic::Complex(re, im)), Some(Basic::Complex(re2, im2))) => re == re2 && im == im2,
        (Some(Basic::Signed(x)), Some(Basic::Signed(y))) => x == y,
        (Some(Basic::Unsigned(x)), Some(Basic::Unsigned(y))) => x == y,
        (Some(Basic::Float(x)), Some(Basic::Float(y))) => x == y,
        (Some(Basic::Str(x)), Some(Basic::Str(y))) => x == y,
        (Some(Basic::Signed(x)), Some(Basic::Unsigned(y)))
        | (Some(Basic::Unsigned(y)), Some(Basic::Signed(x))) => mixed(x, y).is_eq(),
        (None, None) => return equal_composite(a, b),
        _ if a.is_nil() || b.is_nil() => false,
        _ => return Err(incompatible(a, b)),
    })
}

/// Values that are not of a basic kind: comparable with nil, and structs and pointers with each other.
fn equal_composite(a: &Val, b: &Val) -> Result<bool, FuncError> {
    let (kind_a, kind_b) = (a.kind(), b.kind());
    if kind_a != kind_b && kind_a != Kind::Invalid && kind_b != Kind::Invalid {
        let (text_a, text_b) = (as_string(a), b.to_display());
        let (type_a, type_b) = (a.type_name(), b.type_name());
        return Err(FuncError::new(
            [
                b"non-comparable types ",
                &*text_a,
                b": ",
                type_a.as_bytes(),
                b", ",
                type_b.as_bytes(),
                b": ",
                text_b.as_bytes(),
            ]
            .concat(),
        ));
    }
    if is_nil(a) || is_nil(b) {
        return Ok(is_nil(a) == is_nil(b));
    }
    match (a, b) {
        (Val::Object(x), Val::Object(y)) if y.comparable() => {
            // Pointers are equal when they point to the same.
            let same = std::rc::Rc::ptr_eq(x, y);
            Ok(same || (kind_a != Kind::Pointer && x.type_name() == y.type_name() && x.equals(y.as_ref())))
        }
        _ => {
            let text = as_string(b);
            Err(FuncError::new([b"non-comparable type ", &*text, b": ", b.type_name().as_bytes()].concat()))
        }
    }
}

/// `%s` of a value.
fn as_string(value: &Val) -> Vec<u8> {
    sprintf(b"%s", std::slice::from_ref(value), 1 << 20).unwrap_or_default()
}

fn is_nil(value: &Val) -> bool {
    match value {
        Val::Missing | Val::Nil => true,
        Val::List(list) => list.is_nil(),
        Val::Map(map) => map.is_nil(),
        Val::Bytes(bytes) => bytes.is_nil(),
        _ => false,
    }
}

/// `lt a b`, with text/template's errors.
///
/// # Errors
/// The values are not numbers or strings, or not of the same class.
pub fn less(a: &Val, b: &Val) -> Result<bool, FuncError> {
    let invalid = || FuncError::new("invalid type for comparison");
    let (under_a, under_b) = (underlying(a), underlying(b));
    let (class_a, class_b) =
        (basic(a, under_a.as_ref()).ok_or_else(invalid)?, basic(b, under_b.as_ref()).ok_or_else(invalid)?);
    Ok(match (class_a, class_b) {
        (Basic::Bool(_), Basic::Bool(_)) | (Basic::Complex(..), Basic::Complex(..)) => return Err(invalid()),
        (Basic::Signed(x), Basic::Signed(y)) => x < y,
        (Basic::Unsigned(x), Basic::Unsigned(y)) => x < y,
        (Basic::Float(x), Basic::Float(y)) => x < y,
        (Basic::Str(x), Basic::Str(y)) => x < y,
        (Basic::Signed(x), Basic::Unsigned(y)) => mixed(x, y).is_lt(),
        (Basic::Unsigned(x), Basic::Signed(y)) => mixed(y, x).is_gt(),
        _ => return Err(incompatible(a, b)),
    })
}

/// `reflect.DeepEqual`: same types all the way down, and nil differs from empty. Values that contain each other many
/// times over count as different when the comparison takes too long.
pub fn deep_equal(a: &Val, b: &Val) -> bool {
    let mut left = MAX_NODES;
    deep_equal_at(a, b, 0, &mut left)
}

fn deep_equal_at(a: &Val, b: &Val, depth: usize, left: &mut usize) -> bool {
    if depth > MAX_DEPTH || *left == 0 {
        return false;
    }
    *left -= 1;
    match (a, b) {
        (Val::Missing | Val::Nil, Val::Missing | Val::Nil) => true,
        (Val::Bool(x), Val::Bool(y)) => x == y,
        (Val::Int(x), Val::Int(y)) | (Val::Int64(x), Val::Int64(y)) => x == y,
        (Val::Float(x), Val::Float(y)) => x == y,
        (Val::Num(x), Val::Num(y)) => x == y,
        (Val::Str(x), Val::Str(y)) => x == y,
        (Val::Bytes(x), Val::Bytes(y)) => x == y,
        (Val::List(x), Val::List(y)) => {
            if !x.ty().is(y.ty()) || x.is_nil() != y.is_nil() || x.len() != y.len() {
                return false;
            }
            if x.same(y) {
                return true;
            }
            let (ours, theirs) = (x.to_vec(), y.to_vec());
            ours.iter().zip(&theirs).all(|(x, y)| deep_equal_at(x, y, depth + 1, left))
        }
        (Val::Map(x), Val::Map(y)) => {
            if !x.ty().is(y.ty()) || x.is_nil() != y.is_nil() || x.len() != y.len() {
                return false;
            }
            if x.same(y) {
                return true;
            }
            let (ours, theirs) = (x.entries(), y.entries());
            ours.iter().zip(&theirs).all(|((k, x), (k2, y))| k == k2 && deep_equal_at(x, y, depth + 1, left))
        }
        (Val::Object(x), Val::Object(y)) => x.type_name() == y.type_name() && x.equals(y.as_ref()),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equality_follows_kinds() {
        assert!(equal(&Val::Int(2), &Val::Num(Num::Uint8(2))).unwrap());
        assert!(!equal(&Val::Int(-1), &Val::Num(Num::Uint64(u64::MAX))).unwrap());
        assert_eq!(
            equal(&Val::Int(1), &Val::Float(1.0)).unwrap_err().to_string(),
            "incompatible types for comparison: int and float64"
        );
        assert!(!equal(&Val::list(vec![]), &Val::Nil).unwrap());
        assert_eq!(
            equal(&Val::list(vec![Val::Int(1)]), &Val::map::<&str>([])).unwrap_err().to_string(),
            "non-comparable types [%!s(int=1)]: []interface {}, map[string]interface {}: map[]"
        );
    }

    #[test]
    fn deep_equality_is_strict_about_types() {
        assert!(!deep_equal(&Val::Int(1), &Val::Int64(1)));
        assert!(!deep_equal(&Val::strings(["a"]), &Val::list(vec![Val::str("a")])));
        assert!(deep_equal(&Val::list(vec![Val::Nil]), &Val::list(vec![Val::Nil])));
    }
}
