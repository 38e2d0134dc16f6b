//! From YAML to typed structures, as sigs.k8s.io/yaml fills Go structs.
//!
//! That library is lenient in ways that charts rely on: a number or a bool where text is wanted becomes text
//! (`version: 1.10` is `1.1`), null is the empty value of any type, and field names match in any case.
//!
//! Invariant: an error has Go's text and the span of the field it is about.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use serde::de::value::StrDeserializer;
use serde::de::{
    self, DeserializeOwned, DeserializeSeed, Deserializer, IntoDeserializer, MapAccess, SeqAccess, Visitor,
};

use super::convert::{Scalar, key_text, typed_scalar};
use super::error::{Stage, YamlError};
use super::go_syntax::go_quote;
use super::node::{Node, NodeKind, Origin, Style};
use super::parse::{Limits, parse_within};
use super::probe;
use crate::data::json::number::float_g32;
use crate::diag::{SourceFile, Span, did_you_mean};

/// The first document as a typed structure.
///
/// The name that serde gives a struct is the Go type in messages; `#[serde(rename = "v2.Metadata")]` on the struct gives
/// the package too.
///
/// # Errors
/// As [`super::to_value`]; a field of another type; and if `strict`, a key that no field has, or one written twice.
pub fn typed<T: DeserializeOwned>(file: &Arc<SourceFile>, strict: bool) -> Result<T, YamlError> {
    // Serde's frames are large, and no structure is deep.
    let limits = Limits { depth: 128, ..Limits::default() };
    let read = || {
        let node = parse_within(file, limits)?.unwrap_or(Node {
            span: Span::default(),
            kind: NodeKind::Scalar { text: Arc::from(""), style: Style::Plain, tag: None },
            origin: Origin::Own,
        });
        // Everything that the text gets wrong by itself comes first, also in parts that the structure does not read.
        if let Err(error) = node.to_value()
            && !error.go_text().starts_with("json: unsupported value")
        {
            return Err(error);
        }
        if strict && let Some((path, _, second)) = node.duplicate_keys().into_iter().next() {
            return Err(duplicate(file, &path, second));
        }
        let place = Place { strict, owner: None, parent: None, name: "" };
        T::deserialize(NodeDeserializer { node: &node, place: &place })
            .map_err(|error| error.into_yaml(node.span))
    };
    read().map_err(|error| error.in_file(file))
}

fn duplicate(file: &SourceFile, path: &str, second: Span) -> YamlError {
    let line = file.line_of(second.start);
    let key = path.rsplit('.').next().unwrap_or(path);
    let text = format!("yaml: unmarshal errors:\n  line {line}: key {} already set in map", go_quote(key));
    YamlError::new(Stage::Convert, text, Some(second))
}

/// Where in the structures a node is read: what Go's messages call `Struct.path.to.field`.
struct Place<'p> {
    strict: bool,
    /// Name of the innermost struct.
    owner: Option<&'static str>,
    /// Where that struct is; none at the root.
    parent: Option<&'p Place<'p>>,
    /// Name of the field of the struct; empty at the root.
    name: &'p str,
}

impl Place<'_> {
    /// Names of the fields from the root on.
    fn path(&self) -> String {
        match self.parent.map(Place::path) {
            Some(above) if !above.is_empty() => format!("{above}.{}", self.name),
            _ => self.name.to_string(),
        }
    }
}

/// An error on its way out of serde.
#[derive(Debug)]
struct Failure {
    error: Option<YamlError>,
    text: String,
    span: Option<Span>,
}

impl Failure {
    fn json(text: String, span: Span) -> Self {
        Failure { error: None, text, span: Some(span) }
    }

    fn into_yaml(self, root: Span) -> YamlError {
        self.error.unwrap_or_else(|| {
            YamlError::new(Stage::Unmarshal, format!("json: {}", self.text), Some(self.span.unwrap_or(root)))
        })
    }

    /// Gives an error without a place that of the innermost node it went through.
    fn at(mut self, span: Span) -> Self {
        self.span.get_or_insert(span);
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for Failure {}

impl de::Error for Failure {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Failure { error: None, text: message.to_string(), span: None }
    }
}

impl From<YamlError> for Failure {
    fn from(error: YamlError) -> Self {
        Failure { error: Some(error), text: String::new(), span: None }
    }
}

#[derive(Clone, Copy)]
struct NodeDeserializer<'a> {
    node: &'a Node,
    place: &'a Place<'a>,
}

impl<'a> NodeDeserializer<'a> {
    fn scalar(&self) -> Result<Option<Scalar>, Failure> {
        match &self.node.kind {
            NodeKind::Scalar { text, style, tag } => {
                Ok(Some(typed_scalar(text, *style, tag.as_deref(), self.node)?))
            }
            _ => Ok(None),
        }
    }

    /// `cannot unmarshal number into Go struct field Metadata.version of type string`.
    fn mismatch(&self, wanted: &str) -> Failure {
        let found = match (&self.node.kind, self.scalar()) {
            (NodeKind::List(_), _) => "array",
            (NodeKind::Map(_), _) => "object",
            (_, Ok(Some(Scalar::Bool(_)))) => "bool",
            (_, Ok(Some(Scalar::Int(_) | Scalar::Uint(_) | Scalar::Float(_)))) => "number",
            _ => "string",
        };
        let target = match self.place.owner {
            Some(owner) => {
                format!("struct field {}.{}", owner.rsplit('.').next().unwrap_or(owner), self.place.path())
            }
            None => "value".to_string(),
        };
        let text = format!("cannot unmarshal {found} into Go {target} of type {wanted}");
        Failure::json(text, self.node.span)
    }

    /// The text of a scalar where text is wanted.
    fn text(&self) -> Result<Cow<'a, str>, Failure> {
        Ok(match self.scalar()? {
            None => return Err(self.mismatch("string")),
            Some(Scalar::Null) => Cow::Borrowed(""),
            Some(Scalar::Bool(flag)) => Cow::Borrowed(if flag { "true" } else { "false" }),
            Some(Scalar::Int(number)) => Cow::Owned(number.to_string()),
            Some(Scalar::Uint(number)) => Cow::Owned(number.to_string()),
            Some(Scalar::Float(number)) => Cow::Owned(float_g32(number)),
            Some(Scalar::Str(text)) => Cow::Owned(text.to_string()),
        })
    }

    fn number<'de, V: Visitor<'de>>(self, visitor: V, wanted: &str) -> Result<V::Value, Failure> {
        let span = self.node.span;
        let result = match self.scalar()? {
            Some(Scalar::Null) => visitor.visit_u64(0),
            Some(Scalar::Int(number)) => visitor.visit_i64(number),
            Some(Scalar::Uint(number)) => visitor.visit_u64(number),
            Some(Scalar::Float(number)) if wanted.starts_with("float") => visitor.visit_f64(number),
            _ => return Err(self.mismatch(wanted)),
        };
        result.map_err(|error: Failure| error.at(span))
    }

    fn is_null(&self) -> Result<bool, Failure> {
        Ok(matches!(self.scalar()?, Some(Scalar::Null)))
    }
}

macro_rules! numbers {
    ($($method:ident $go:literal)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
            self.number(visitor, $go)
        })*
    };
}

impl<'de> Deserializer<'de> for NodeDeserializer<'_> {
    type Error = Failure;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        let span = self.node.span;
        let result = match &self.node.kind {
            NodeKind::List(items) => visitor.visit_seq(Items::new(items, self.place)),
            NodeKind::Map(entries) => visitor.visit_map(Entries::new(entries, self.place)?),
            NodeKind::Scalar { .. } => match self.scalar()? {
                Some(Scalar::Bool(flag)) => visitor.visit_bool(flag),
                Some(Scalar::Int(number)) => visitor.visit_i64(number),
                Some(Scalar::Uint(number)) => visitor.visit_u64(number),
                Some(Scalar::Float(number)) => visitor.visit_f64(number),
                Some(Scalar::Str(text)) => visitor.visit_str(&text),
                Some(Scalar::Null) | None => visitor.visit_unit(),
            },
        };
        result.map_err(|error: Failure| error.at(span))
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        match self.scalar()? {
            Some(Scalar::Bool(flag)) => visitor.visit_bool(flag),
            Some(Scalar::Null) => visitor.visit_bool(false),
            _ => Err(self.mismatch("bool")),
        }
    }

    numbers! {
        deserialize_i8 "int8" deserialize_i16 "int16" deserialize_i32 "int32" deserialize_i64 "int"
        deserialize_u8 "uint8" deserialize_u16 "uint16" deserialize_u32 "uint32" deserialize_u64 "uint"
        deserialize_f32 "float32" deserialize_f64 "float64"
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        let text = self.text()?;
        visitor.visit_str(&text).map_err(|error: Failure| error.at(self.node.span))
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        self.deserialize_str(visitor)
    }

    fn deserialize_char<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        self.deserialize_str(visitor)
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        if self.is_null()? { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Failure> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        match &self.node.kind {
            NodeKind::List(items) => visitor.visit_seq(Items::new(items, self.place)),
            _ if self.is_null()? => visitor.visit_seq(Items::new(&[], self.place)),
            _ => Err(self.mismatch(&probe::list(visitor))),
        }
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        match &self.node.kind {
            NodeKind::Map(entries) => visitor.visit_map(Entries::new(entries, self.place)?),
            _ if self.is_null()? => visitor.visit_map(Entries::new(&[], self.place)?),
            _ => Err(self.mismatch(&probe::map(visitor))),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Failure> {
        let span = self.node.span;
        let result = match &self.node.kind {
            NodeKind::Map(entries) => visitor.visit_map(Entries::fields(entries, self.place, name, fields)?),
            _ if self.is_null()? => visitor.visit_map(Entries::new(&[], self.place)?),
            _ => return Err(self.mismatch(name)),
        };
        result.map_err(|error: Failure| error.at(span))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Failure> {
        let text = self.text()?;
        visitor
            .visit_enum(text.as_ref().into_deserializer())
            .map_err(|error: Failure| error.at(self.node.span))
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        visitor.visit_unit()
    }

    serde::forward_to_deserialize_any! { i128 u128 bytes byte_buf unit unit_struct tuple tuple_struct }
}

/// The items of a list, for serde.
struct Items<'a> {
    items: std::slice::Iter<'a, Node>,
    place: &'a Place<'a>,
}

impl<'a> Items<'a> {
    fn new(items: &'a [Node], place: &'a Place<'a>) -> Self {
        Items { items: items.iter(), place }
    }
}

impl<'de> SeqAccess<'de> for Items<'_> {
    type Error = Failure;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Failure> {
        let Some(node) = self.items.next() else { return Ok(None) };
        seed.deserialize(NodeDeserializer { node, place: self.place }).map(Some)
    }
}

/// The entries of a map or the fields of a struct, for serde.
struct Entries<'a, K> {
    /// In the order of reading, each key once.
    pairs: std::vec::IntoIter<(K, &'a Node)>,
    value: Option<(K, &'a Node)>,
    place: &'a Place<'a>,
    /// The struct whose fields these are.
    owner: Option<&'static str>,
}

impl<'a> Entries<'a, Arc<str>> {
    fn new(entries: &'a [(Node, Node)], place: &'a Place<'a>) -> Result<Self, Failure> {
        let mut map: indexmap::IndexMap<Arc<str>, &'a Node> =
            indexmap::IndexMap::with_capacity(entries.len());
        for (key, value) in entries {
            map.insert(key_text(key)?, value);
        }
        let pairs = map.into_iter().collect::<Vec<_>>().into_iter();
        Ok(Entries { pairs, value: None, place, owner: None })
    }
}

impl<'a> Entries<'a, &'static str> {
    /// Go reads the fields from JSON with sorted keys, takes a key in any case for a field, and reports the first problem.
    fn fields(
        entries: &'a [(Node, Node)],
        place: &'a Place<'a>,
        owner: &'static str,
        fields: &'static [&'static str],
    ) -> Result<Self, Failure> {
        let mut named = Vec::with_capacity(entries.len());
        for (key, value) in entries {
            named.push((key_text(key)?, key, value));
        }
        // Of two entries with one key the later one stays the later one, and counts.
        named.sort_by(|a, b| a.0.cmp(&b.0));
        let mut pairs: Vec<(&'static str, &'a Node)> = Vec::with_capacity(named.len());
        let mut unknown = None;
        for (at, (name, key, value)) in named.iter().enumerate() {
            if named.get(at + 1).is_some_and(|next| next.0 == *name) {
                continue;
            }
            let exact = fields.iter().find(|field| **field == &**name);
            match exact.or_else(|| fields.iter().find(|field| field.eq_ignore_ascii_case(name))) {
                Some(field) => match pairs.iter_mut().find(|(known, _)| known == field) {
                    Some(known) => known.1 = value,
                    None => pairs.push((field, value)),
                },
                None if place.strict && unknown.is_none() => unknown = Some((name, key.span)),
                None => {}
            }
        }
        if let Some((name, span)) = unknown {
            let text = format!("json: unknown field {}", go_quote(name));
            let error = YamlError::new(Stage::Unmarshal, text, Some(span));
            return Err(match did_you_mean(name, fields.iter().copied()) {
                Some(best) => error.advise(format!("did you mean `{best}`?")),
                None => error,
            }
            .into());
        }
        Ok(Entries { pairs: pairs.into_iter(), value: None, place, owner: Some(owner) })
    }
}

impl<'de, K: AsRef<str>> MapAccess<'de> for Entries<'_, K> {
    type Error = Failure;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Failure> {
        let Some((key, value)) = self.pairs.next() else { return Ok(None) };
        let found = seed.deserialize(StrDeserializer::<Failure>::new(key.as_ref()))?;
        self.value = Some((key, value));
        Ok(Some(found))
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Failure> {
        let Some((key, node)) = self.value.take() else {
            return Err(de::Error::custom("a value was read before its key"));
        };
        let Some(owner) = self.owner else {
            return seed.deserialize(NodeDeserializer { node, place: self.place });
        };
        let place = Place {
            strict: self.place.strict,
            owner: Some(owner),
            parent: Some(self.place),
            name: key.as_ref(),
        };
        seed.deserialize(NodeDeserializer { node, place: &place })
    }
}
