//! Filters that turn values into text and back, and that pick from maps and lists.
//!
//! Invariant: what is written here is read back here as the same value.

use std::fmt::Write;

use tera::value::Key;

use super::super::yaml::write::block_lines;
use super::{Call, as_bytes, as_text, described, raw as raw_text, text, to_tera};
use crate::data::digest::sha256_hex;
use crate::data::json::{self, Style};
use crate::data::{Map, Value, base64, yaml};

type Answer = Result<tera::Value, String>;

fn bytes(call: &Call) -> Result<Vec<u8>, String> {
    as_bytes(call.value).ok_or_else(|| format!("text is wanted, not {}", described(call.value)))
}

/// `b64encode`.
pub(super) fn b64encode(call: &Call) -> Answer {
    Ok(text(base64::encode(bytes(call)?)))
}

/// `b64decode`.
pub(super) fn b64decode(call: &Call) -> Answer {
    let decoded = base64::decode(&call.text()?).ok_or("the text is no base64")?;
    Ok(match String::from_utf8(decoded) {
        Ok(found) => text(found),
        Err(error) => tera::Value::bytes(error.into_bytes()),
    })
}

/// `sha256`.
pub(super) fn sha256(call: &Call) -> Answer {
    Ok(text(sha256_hex(bytes(call)?)))
}

/// `url_encode`.
pub(super) fn url_encode(call: &Call) -> Answer {
    let mut out = String::new();
    for byte in bytes(call)? {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    Ok(text(out))
}

/// `to_yaml`.
pub(super) fn to_yaml(call: &Call) -> Answer {
    let written = block_lines(&call.ours()?, 0);
    Ok(text(written.strip_suffix('\n').unwrap_or(&written)))
}

/// `to_json(pretty?)`.
pub(super) fn to_json(call: &Call) -> Answer {
    let pretty = call.argument("pretty").is_some_and(|flag| flag.is_truthy());
    let style = Style { html_escape: false, sort_keys: false, indent: pretty.then_some("  ") };
    json::to_string_with(&call.ours()?, style).map(text).map_err(|error| error.to_string())
}

/// `from_yaml`.
pub(super) fn from_yaml(call: &Call) -> Answer {
    let found = call.text()?;
    yaml::value_from_text("from_yaml", &found).map(|value| to_tera(&value)).map_err(|error| error.to_string())
}

/// `from_json`.
pub(super) fn from_json(call: &Call) -> Answer {
    json::parse(&call.text()?).map(|value| to_tera(&value)).map_err(|error| error.to_string())
}

/// `raw`.
pub(super) fn raw(call: &Call) -> Answer {
    Ok(raw_text(super::text_of(&call.ours()?)))
}

fn map(value: &tera::Value) -> Result<tera::Map, String> {
    value.as_map().cloned().ok_or_else(|| format!("a map is wanted, not {}", described(value)))
}

fn list(value: &tera::Value) -> Result<&[tera::Value], String> {
    value.as_array().ok_or_else(|| format!("a list is wanted, not {}", described(value)))
}

/// `merge(with)`: maps are merged at every depth, otherwise `with` wins.
pub(super) fn merge(call: &Call) -> Answer {
    let (Value::Map(mut base), Value::Map(over)) =
        (call.ours()?, call.run.value(&call.must("with")?).map_err(|error| error.message())?)
    else {
        return Err("only maps can be merged".to_string());
    };
    merge_into(&mut base, over);
    Ok(to_tera(&Value::Map(base)))
}

/// The recursion is bounded by the depth of values that come out of Tera.
fn merge_into(base: &mut Map, over: Map) {
    for (key, value) in over {
        match (base.get_mut(&key), value) {
            (Some(Value::Map(below)), Value::Map(above)) => merge_into(below, above),
            (_, value) => {
                base.insert(key, value);
            }
        }
    }
}

fn keys(call: &Call) -> Result<Vec<String>, String> {
    let value = call.must("keys")?;
    list(&value)?.iter().map(|key| as_text(key).ok_or_else(|| "keys are text".to_string())).collect()
}

/// `pick(keys)`.
pub(super) fn pick(call: &Call) -> Answer {
    let (found, keys) = (map(call.value)?, keys(call)?);
    Ok(found.into_iter().filter(|(key, _)| keys.contains(&key.to_string())).collect::<tera::Map>().into())
}

/// `omit(keys)`.
pub(super) fn omit(call: &Call) -> Answer {
    let (found, keys) = (map(call.value)?, keys(call)?);
    Ok(found.into_iter().filter(|(key, _)| !keys.contains(&key.to_string())).collect::<tera::Map>().into())
}

/// `dig(path, default?)`.
pub(super) fn dig(call: &Call) -> Answer {
    let path = call.must_text("path")?;
    let mut at = call.value.clone();
    for name in path.split('.') {
        match at.as_map().and_then(|map| map.get(&Key::Str(name))).cloned() {
            Some(next) if !next.is_undefined() => at = next,
            _ => return call.must("default").map_err(|_| format!("there is no `{path}`")),
        }
    }
    Ok(at)
}

/// `compact`: without what is null, false or empty.
pub(super) fn compact(call: &Call) -> Answer {
    if let Some(map) = call.value.as_map() {
        let kept: tera::Map = map
            .iter()
            .filter(|(_, value)| value.is_truthy())
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect();
        return Ok(kept.into());
    }
    Ok(list(call.value)?.iter().filter(|value| value.is_truthy()).cloned().collect::<Vec<_>>().into())
}

/// `flatten`: lists in a list become its items.
pub(super) fn flatten(call: &Call) -> Answer {
    let mut out = Vec::new();
    for item in list(call.value)? {
        match item.as_array() {
            Some(items) => out.extend(items.iter().cloned()),
            None => out.push(item.clone()),
        }
    }
    Ok(out.into())
}
