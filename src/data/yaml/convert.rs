//! From [`Node`]s to [`Value`]s, as sigs.k8s.io/yaml converts YAML to JSON.
//!
//! Scalars resolve by YAML 1.1, keys become strings, the last of equal keys counts. Unlike Helm, which makes every number
//! a double here, integers keep their digits (see [`Value`]).
//!
//! Invariant: errors come in Go's order: what the YAML decoder refuses, then keys JSON cannot have, then numbers it cannot say;
//! the last two only for values that no later entry of the same name replaces.

use std::sync::Arc;

use super::error::{Stage, YamlError};
use super::go_syntax::{go_quote, go_syntax};
use super::node::{Node, NodeKind, Origin, Style};
use super::parse::{Limits, excessive_aliasing};
use super::resolve::{Resolved, is_timestamp, resolve};
use crate::data::json::number::float_g32;
use crate::data::{Map, Value, base64};

impl Node {
    /// The value of the document part, typed by YAML 1.1: `yes` is a bool (also as a key, which becomes `"true"`), `0o17`,
    /// `0x1F` and `1_000` are integers, dates and `1:30` stay text.
    ///
    /// # Errors
    /// Keys that are lists, maps, null or beyond `i64`; `.inf` and `.nan`; a tag that does not fit; too much through
    /// aliases. The error has the span; [`YamlError::in_file`] names the file.
    pub fn to_value(&self) -> Result<Value, YamlError> {
        let mut conversion = Conversion { aliased: 0, limit: Limits::default().nodes, later: None };
        let value = conversion.value(self, false)?;
        match conversion.later {
            Some((_, error)) => Err(error),
            None => Ok(value),
        }
    }
}

/// One run of [`Node::to_value`].
struct Conversion {
    /// Nodes visited below aliases.
    aliased: usize,
    limit: usize,
    /// The first error of the latest stage but one: reported when nothing earlier is wrong. The rank is the stage.
    later: Option<(u8, YamlError)>,
}

impl Conversion {
    fn value(&mut self, node: &Node, aliased: bool) -> Result<Value, YamlError> {
        let aliased = aliased || node.origin == Origin::Alias;
        if aliased {
            self.aliased += 1;
            if self.aliased > self.limit {
                return Err(excessive_aliasing(node.span));
            }
        }
        match &node.kind {
            NodeKind::Scalar { text, style, tag } => self.scalar(node, text, *style, tag.as_deref()),
            NodeKind::List(items) => self.list(items, aliased),
            NodeKind::Map(entries) => self.map(entries, aliased),
        }
    }

    // Plain loops, because the frames of iterator adaptors would be paid once per level of nesting.
    fn list(&mut self, items: &[Node], aliased: bool) -> Result<Value, YamlError> {
        let mut list = Vec::with_capacity(items.len());
        for item in items {
            list.push(self.value(item, aliased)?);
        }
        Ok(Value::List(list))
    }

    fn map(&mut self, entries: &[(Node, Node)], aliased: bool) -> Result<Value, YamlError> {
        let mut map = Map::with_capacity(entries.len());
        // What JSON cannot say of a value counts only when no later entry takes its place.
        let mut held: Vec<(Arc<str>, (u8, YamlError))> = Vec::new();
        for (key, value) in entries {
            let name = self.key(key, entries, aliased)?;
            let before = self.later.take();
            let converted = self.value(value, aliased)?;
            let found = std::mem::replace(&mut self.later, before);
            if map.insert(Arc::clone(&name), converted).is_some() {
                held.retain(|(other, _)| *other != name);
            }
            held.extend(found.map(|error| (name, error)));
        }
        // JSON is written in the order of the names.
        held.sort_by(|(one, _), (other, _)| one.cmp(other));
        for (_, (rank, error)) in held {
            self.defer(rank, || error);
        }
        Ok(Value::Map(map))
    }

    fn scalar(
        &mut self,
        node: &Node,
        text: &Arc<str>,
        style: Style,
        tag: Option<&str>,
    ) -> Result<Value, YamlError> {
        Ok(match typed_scalar(text, style, tag, node)? {
            Scalar::Null => Value::Null,
            Scalar::Bool(flag) => Value::Bool(flag),
            Scalar::Int(number) => Value::Int(number),
            Scalar::Uint(number) => Value::Uint(number),
            Scalar::Float(number) => {
                if !number.is_finite() {
                    self.defer(2, || unsupported_number(number, node));
                }
                Value::Float(number)
            }
            Scalar::Str(text) => Value::Str(text),
        })
    }

    fn key(&mut self, key: &Node, entries: &[(Node, Node)], aliased: bool) -> Result<Arc<str>, YamlError> {
        if key.as_scalar().is_none() {
            // What is wrong within the key comes first.
            self.value(key, aliased)?;
        }
        let scalar = key_scalar(key)?;
        if let Some(name) = name_of(&scalar) {
            return Ok(name);
        }
        self.defer(1, || {
            let (kind, shown) = match scalar {
                Scalar::Uint(number) => ("uint64".to_string(), format!("{number:#x}")),
                _ => ("%!s(<nil>)".to_string(), "<nil>".to_string()),
            };
            // Equal keys are one by now, and the last of them counts.
            let same = |other: &Node| match (key_scalar(other), &scalar) {
                (Ok(Scalar::Null), Scalar::Null) => true,
                (Ok(Scalar::Uint(other)), Scalar::Uint(number)) => other == *number,
                _ => false,
            };
            let last = entries.iter().rev().find(|(other, _)| same(other));
            let value = last.map_or_else(String::new, |(_, value)| go_syntax(value, false));
            let text = format!("unsupported map key of type: {kind}, key: {shown}, value: {value}");
            YamlError::new(Stage::Convert, text, Some(key.span)).advise("put the key in quotes")
        });
        Ok(Arc::from(""))
    }

    fn defer(&mut self, rank: u8, error: impl FnOnce() -> YamlError) {
        if self.later.as_ref().is_none_or(|(held, _)| *held > rank) {
            self.later = Some((rank, error()));
        }
    }
}

fn unsupported_number(number: f64, node: &Node) -> YamlError {
    let name = crate::data::json::number::float_g(number);
    YamlError::new(Stage::Convert, format!("json: unsupported value: {name}"), Some(node.span))
        .advise("JSON has no such number; put it in quotes to mean the text")
}

/// A scalar with its type.
pub(super) enum Scalar {
    Null,
    Bool(bool),
    Int(i64),
    Uint(u64),
    Float(f64),
    Str(Arc<str>),
}

/// Resolves a scalar by its style and tag.
pub(super) fn typed_scalar(
    text: &Arc<str>,
    style: Style,
    tag: Option<&str>,
    node: &Node,
) -> Result<Scalar, YamlError> {
    let Some(tag) = tag else {
        return Ok(if style == Style::Plain {
            resolved(resolve(text), text)
        } else {
            Scalar::Str(Arc::clone(text))
        });
    };
    let wanted = match tag.strip_prefix("tag:yaml.org,2002:") {
        Some(name @ ("null" | "bool" | "int" | "float" | "timestamp")) => name,
        Some("binary") => return binary(text, node),
        // Text it is by its own tag, by `!`, and by a tag that nobody knows.
        _ => return Ok(Scalar::Str(Arc::clone(text))),
    };
    let found = resolve(text);
    let (name, fits) = match found {
        Resolved::Null => ("null", wanted == "null"),
        Resolved::Bool(_) => ("bool", wanted == "bool"),
        Resolved::Int(_) | Resolved::Uint(_) => ("int", matches!(wanted, "int" | "float")),
        Resolved::Float(_) => ("float", wanted == "float"),
        Resolved::Timestamp => ("timestamp", wanted == "timestamp"),
        Resolved::Merge => ("merge", false),
        Resolved::Str => ("str", wanted == "timestamp" && is_timestamp(text)),
    };
    if !fits {
        let text = format!("cannot decode !!{name} `{text}` as a !!{wanted}");
        return Err(YamlError::yaml(text, node.span));
    }
    Ok(match (wanted, resolved(found, text)) {
        ("float", Scalar::Int(number)) => Scalar::Float(number as f64),
        ("float", Scalar::Uint(number)) => Scalar::Float(number as f64),
        (_, scalar) => scalar,
    })
}

fn resolved(found: Resolved, text: &Arc<str>) -> Scalar {
    match found {
        Resolved::Null => Scalar::Null,
        Resolved::Bool(flag) => Scalar::Bool(flag),
        Resolved::Int(number) => Scalar::Int(number),
        Resolved::Uint(number) => Scalar::Uint(number),
        Resolved::Float(number) => Scalar::Float(number),
        Resolved::Timestamp | Resolved::Merge | Resolved::Str => Scalar::Str(Arc::clone(text)),
    }
}

/// `!!binary`: base64, and then each byte that is no UTF-8 becomes U+FFFD, as in Go's JSON.
fn binary(text: &str, node: &Node) -> Result<Scalar, YamlError> {
    let bytes = base64::decode(text)
        .ok_or_else(|| YamlError::yaml("!!binary value contains invalid base64 data", node.span))?;
    let mut out = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        out.push_str(chunk.valid());
        out.extend(chunk.invalid().iter().map(|_| char::REPLACEMENT_CHARACTER));
    }
    Ok(Scalar::Str(out.into()))
}

/// A key's scalar; lists and maps are no keys.
fn key_scalar(key: &Node) -> Result<Scalar, YamlError> {
    if let NodeKind::Scalar { text, style, tag } = &key.kind {
        return typed_scalar(text, *style, tag.as_deref(), key);
    }
    Err(YamlError::yaml(format_args!("invalid map key: {}", go_syntax(key, true)), key.span))
}

/// The string that a key becomes, if there is one.
fn name_of(scalar: &Scalar) -> Option<Arc<str>> {
    Some(match scalar {
        Scalar::Str(text) => Arc::clone(text),
        Scalar::Bool(flag) => Arc::from(if *flag { "true" } else { "false" }),
        Scalar::Int(number) => number.to_string().into(),
        Scalar::Float(number) if number.is_nan() => ".nan".into(),
        // A key is written as a float of 32 bits, for which a large number is infinite.
        Scalar::Float(number) if (*number as f32).is_infinite() => {
            Arc::from(if *number > 0.0 { ".inf" } else { "-.inf" })
        }
        Scalar::Float(number) => float_g32(*number).into(),
        Scalar::Null | Scalar::Uint(_) => return None,
    })
}

/// The string that a key becomes.
///
/// # Errors
/// The key is a list, a map, null, or a number beyond `i64`.
pub(super) fn key_text(key: &Node) -> Result<Arc<str>, YamlError> {
    let scalar = key_scalar(key)?;
    name_of(&scalar).ok_or_else(|| {
        YamlError::new(Stage::Convert, format!("unsupported map key {}", go_quote("null")), Some(key.span))
    })
}
