//! Where things are in a schema: its documents, the resources in them (`$id`), anchors, and what a reference leads to.
//!
//! Only what follows a keyword that holds schemas counts, as in Helm: an `$id` in an `enum` is text. Schemas are known by
//! their address, since documents do not move while they are looked at.
//!
//! Invariant: every `Node` is a value of one of the documents. Documents come from a reader that bounds their depth, and
//! each is walked once.

use std::collections::{HashMap, HashSet, VecDeque};

use jsonschema::uri;
use serde_json::{Map, Value};

use super::metaschema;
use crate::data::pattern;
use crate::gotpl::quote;
use crate::values::pointer;

/// A schema document and the URL it is known by.
pub(super) struct Document {
    pub(super) url: String,
    pub(super) root: Value,
}

/// A schema and the resource it stands in.
#[derive(Clone, Copy)]
pub(super) struct Node<'s> {
    pub(super) schema: &'s Value,
    pub(super) resource: usize,
}

impl Node<'_> {
    pub(super) fn is(&self, other: &Node<'_>) -> bool {
        std::ptr::eq(self.schema, other.schema)
    }
}

/// A part of a document with an identity of its own.
pub(super) struct Resource<'s> {
    /// What relative references in it start from.
    base: String,
    /// The draft it is written in: 4, 6, 7, 2019 or 2020.
    pub(super) draft: u16,
    pub(super) root: &'s Value,
    document: usize,
    anchors: HashMap<&'s str, &'s Value>,
    /// Anchors that a `$dynamicRef` looks for from outside.
    pub(super) dynamic: HashMap<&'s str, &'s Value>,
}

/// Why a reference leads nowhere.
pub(super) enum Lost {
    /// To a document that is not here.
    Document(String),
    /// Into one that is; the message is Helm's.
    Place(String),
}

/// The resources of all documents.
pub(super) struct Index<'s> {
    documents: &'s [Document],
    pub(super) resources: Vec<Resource<'s>>,
    by_root: HashMap<*const Value, usize>,
    by_url: HashMap<String, usize>,
    /// The schemas that stand where their drafts have schemas.
    known: HashSet<*const Value>,
}

/// How a keyword holds schemas.
#[derive(Clone, Copy, PartialEq)]
enum Holds {
    One,
    List,
    /// One, or a list.
    Either,
    /// By name.
    Named,
}

/// The keywords that hold schemas, with the first draft that has them, and whether values are held to them: definitions
/// are only there to be referred to.
const KEYWORDS: [(&str, Holds, u16, bool); 22] = [
    ("allOf", Holds::List, 4, true),
    ("anyOf", Holds::List, 4, true),
    ("oneOf", Holds::List, 4, true),
    ("not", Holds::One, 4, true),
    ("items", Holds::Either, 4, true),
    ("additionalItems", Holds::One, 4, true),
    ("properties", Holds::Named, 4, true),
    ("patternProperties", Holds::Named, 4, true),
    ("additionalProperties", Holds::One, 4, true),
    ("dependencies", Holds::Named, 4, true),
    ("contains", Holds::One, 6, true),
    ("propertyNames", Holds::One, 6, true),
    ("if", Holds::One, 7, true),
    ("then", Holds::One, 7, true),
    ("else", Holds::One, 7, true),
    ("dependentSchemas", Holds::Named, 2019, true),
    ("unevaluatedItems", Holds::One, 2019, true),
    ("unevaluatedProperties", Holds::One, 2019, true),
    ("prefixItems", Holds::List, 2020, true),
    ("definitions", Holds::Named, 4, false),
    ("$defs", Holds::Named, 2019, false),
    ("contentSchema", Holds::One, 2019, false),
];

/// The number of the draft that `$schema` names.
pub(super) fn draft_number(name: &str) -> Option<u16> {
    let name = name.strip_suffix('#').unwrap_or(name);
    let name = name.strip_prefix("http://").or_else(|| name.strip_prefix("https://")).unwrap_or(name);
    match name {
        "json-schema.org/schema" | "json-schema.org/draft/2020-12/schema" => Some(2020),
        "json-schema.org/draft/2019-09/schema" => Some(2019),
        "json-schema.org/draft-07/schema" => Some(7),
        "json-schema.org/draft-06/schema" => Some(6),
        "json-schema.org/draft-04/schema" => Some(4),
        _ => None,
    }
}

fn text<'v>(members: &'v Map<String, Value>, key: &str) -> Option<&'v str> {
    members.get(key).and_then(Value::as_str)
}

impl<'s> Index<'s> {
    /// # Errors
    /// Helm's message about two things of one name.
    pub(super) fn new(documents: &'s [Document]) -> Result<Self, String> {
        let mut index = Index {
            documents,
            resources: Vec::new(),
            by_root: HashMap::new(),
            by_url: HashMap::new(),
            known: HashSet::new(),
        };
        for (number, document) in documents.iter().enumerate() {
            let base = Resource {
                base: document.url.clone(),
                draft: 2020,
                root: &document.root,
                document: number,
                anchors: HashMap::new(),
                dynamic: HashMap::new(),
            };
            index.resources.push(base);
            let resource = index.resources.len() - 1;
            index.by_root.insert(std::ptr::from_ref(&document.root), resource);
            index.by_url.insert(document.url.clone(), resource);
            index.collect(Node { schema: &document.root, resource })?;
        }
        Ok(index)
    }

    /// The first schema of the first document.
    pub(super) fn start(&self) -> Node<'s> {
        Node { schema: &self.documents[0].root, resource: 0 } // `check` makes an index of at least one document
    }

    pub(super) fn draft(&self, node: Node<'s>) -> u16 {
        self.resources[node.resource].draft
    }

    /// A schema right below another one.
    pub(super) fn below(&self, node: Node<'s>, schema: &'s Value) -> Node<'s> {
        let own = self.by_root.get(&std::ptr::from_ref(schema)).copied();
        Node { schema, resource: own.unwrap_or(node.resource) }
    }

    /// Notes the resources and anchors of a schema and of all below it.
    fn collect(&mut self, node: Node<'s>) -> Result<(), String> {
        self.known.insert(std::ptr::from_ref(node.schema));
        let Value::Object(members) = node.schema else { return Ok(()) };
        let here = self.identify(node, members)?;
        self.anchor(here, members)?;
        let draft = self.draft(here);
        for schema in schemas_below(members, draft, false) {
            self.collect(Node { schema, resource: here.resource })?;
        }
        Ok(())
    }

    /// The schema with the resource that its `$id` makes.
    fn identify(&mut self, node: Node<'s>, members: &'s Map<String, Value>) -> Result<Node<'s>, String> {
        let is_root = std::ptr::eq(node.schema, self.resources[node.resource].root);
        let outer = self.draft(node);
        let named = text(members, "$schema").and_then(draft_number).unwrap_or(outer);
        let id_of = |draft: u16| {
            let key = if draft == 4 { "id" } else { "$id" };
            let shadowed = draft < 2019 && members.contains_key("$ref");
            let id = text(members, key).filter(|_| !shadowed)?;
            id.split('#').next().filter(|id| !id.is_empty())
        };
        let (id, draft) = match id_of(named) {
            None if !is_root => (id_of(outer), outer),
            id => (id, named),
        };
        if is_root {
            self.resources[node.resource].draft = draft;
        }
        let Some(id) = id else { return Ok(node) };
        let base = join(&self.resources[node.resource].base, id).ok_or_else(|| {
            format!("error in parsing id at {}", quote(self.location(node.schema).as_bytes()))
        })?;
        if is_root {
            self.resources[node.resource].base.clone_from(&base);
            self.by_url.insert(base, node.resource);
            return Ok(node);
        }
        let document = self.resources[node.resource].document;
        if let Some(other) = self.by_url.get(&base) {
            let url = &self.documents[document].url;
            let places = [node.schema, self.resources[*other].root].map(|at| self.place(at));
            return Err(format!(
                "duplicate id {} in {} at {} and {}",
                quote(base.as_bytes()),
                quote(url.as_bytes()),
                quote(places[0].as_bytes()),
                quote(places[1].as_bytes())
            ));
        }
        self.resources.push(Resource {
            base: base.clone(),
            draft,
            root: node.schema,
            document,
            anchors: HashMap::new(),
            dynamic: HashMap::new(),
        });
        let resource = self.resources.len() - 1;
        self.by_root.insert(std::ptr::from_ref(node.schema), resource);
        self.by_url.insert(base, resource);
        Ok(Node { schema: node.schema, resource })
    }

    fn anchor(&mut self, node: Node<'s>, members: &'s Map<String, Value>) -> Result<(), String> {
        let draft = self.draft(node);
        let mut found: Vec<(&'s str, bool)> = Vec::new();
        if draft < 2019 {
            let id = if draft == 4 { "id" } else { "$id" };
            let id = text(members, id).filter(|_| !members.contains_key("$ref"));
            if let Some((_, name)) = id.and_then(|id| id.split_once('#'))
                && !name.is_empty()
                && !name.starts_with('/')
            {
                found.push((name, false));
            }
        } else {
            found.extend(text(members, "$anchor").map(|name| (name, false)));
        }
        if draft >= 2020 {
            found.extend(text(members, "$dynamicAnchor").map(|name| (name, true)));
        }
        for (name, dynamic) in found {
            let resource = &mut self.resources[node.resource];
            if dynamic {
                resource.dynamic.insert(name, node.schema);
            }
            let earlier = resource.anchors.insert(name, node.schema);
            if let Some(earlier) = earlier.filter(|earlier| !std::ptr::eq(*earlier, node.schema)) {
                let url = &self.documents[self.resources[node.resource].document].url;
                return Err(format!(
                    "duplicate anchor {} in {} at {} and {}",
                    quote(name.as_bytes()),
                    quote(url.as_bytes()),
                    quote(self.place(earlier).as_bytes()),
                    quote(self.place(node.schema).as_bytes())
                ));
            }
        }
        Ok(())
    }

    /// What a reference in a schema leads to.
    pub(super) fn resolve(&self, node: Node<'s>, reference: &str) -> Result<Node<'s>, Lost> {
        let from = &self.resources[node.resource];
        let (url, fragment) = reference.split_once('#').unwrap_or((reference, ""));
        let parsing = |text: &str| Lost::Place(format!("error in parsing {}", quote(text.as_bytes())));
        let fragment = unescaped(fragment).ok_or_else(|| parsing(reference))?;
        let url = if url.is_empty() {
            from.base.clone()
        } else {
            join(&from.base, url).ok_or_else(|| parsing(url))?
        };
        let Some(&resource) = self.by_url.get(&url) else { return Err(Lost::Document(url)) };
        let found = &self.resources[resource];
        if !fragment.is_empty() && !fragment.starts_with('/') {
            let schema = found.anchors.get(fragment.as_str()).ok_or_else(|| {
                let wanted = format!("{}#{}", found.base, escaped(&fragment));
                Lost::Place(format!(
                    "anchor in {} not found in schema {}",
                    quote(wanted.as_bytes()),
                    quote(self.documents[found.document].url.as_bytes())
                ))
            })?;
            return Ok(Node { schema, resource });
        }
        let mut at = Node { schema: found.root, resource };
        for step in fragment.split('/').skip(1) {
            let missing = || {
                let place = format!("{}{fragment}", self.place(found.root));
                let place = format!("{}#{}", self.documents[found.document].url, escaped(&place));
                Lost::Place(format!("json-pointer in {} not found", quote(place.as_bytes())))
            };
            let step = step.replace("~1", "/").replace("~0", "~");
            let next = match at.schema {
                Value::Object(members) => members.get(&step),
                Value::Array(items) => step.parse::<usize>().ok().and_then(|index| items.get(index)),
                _ => None,
            };
            at = self.below(at, next.ok_or_else(missing)?);
        }
        Ok(at)
    }

    /// Follows all references that values can come to.
    ///
    /// # Errors
    /// The first one that leads nowhere, nearest first.
    pub(super) fn references_hold(&self) -> Result<(), Lost> {
        let mut seen: HashSet<*const Value> = HashSet::new();
        let mut ahead = VecDeque::from([self.start()]);
        while let Some(node) = ahead.pop_front() {
            let Value::Object(members) = node.schema else { continue };
            if !seen.insert(std::ptr::from_ref(node.schema)) {
                continue;
            }
            let draft = self.draft(node);
            if draft < 7 {
                self.check_patterns(node, members)?;
            }
            for (keyword, since) in [("$ref", 4), ("$recursiveRef", 2019), ("$dynamicRef", 2020)] {
                if let Some(reference) = text(members, keyword).filter(|_| draft >= since) {
                    let target = self.resolve(node, reference)?;
                    self.check_elsewhere(target)?;
                    ahead.push_back(target);
                }
            }
            if draft < 2019 && members.contains_key("$ref") {
                continue;
            }
            ahead.extend(
                schemas_below(members, draft, true).into_iter().map(|schema| self.below(node, schema)),
            );
        }
        Ok(())
    }

    /// The patterns of names that the older drafts do not look at: one that Go cannot read is found where it is used.
    fn check_patterns(&self, node: Node<'s>, members: &Map<String, Value>) -> Result<(), Lost> {
        let Some(Value::Object(named)) = members.get("patternProperties") else { return Ok(()) };
        let mut patterns: Vec<&String> = named.keys().collect();
        patterns.sort_unstable();
        for text in patterns {
            if let Err(problem) = pattern::check(text) {
                let place = format!("{}/patternProperties", self.location(node.schema));
                let (text, place) = (quote(text.as_bytes()), quote(place.as_bytes()));
                return Err(Lost::Place(format!("invalid regex {text} at {place}: {problem}")));
            }
        }
        Ok(())
    }

    /// Holds a schema to its draft that stands where that knows none, so that nobody did it yet.
    fn check_elsewhere(&self, node: Node<'s>) -> Result<(), Lost> {
        if self.known.contains(&std::ptr::from_ref(node.schema)) {
            return Ok(());
        }
        let url = self.location(node.schema);
        metaschema::part_holds(node.schema, self.draft(node), &url).map_err(Lost::Place)
    }

    /// The URL of a schema: that of its document and the way there.
    pub(super) fn location(&self, schema: &Value) -> String {
        let document = self.documents.iter().find(|document| way(&document.root, schema).is_some());
        let url = document.map_or("", |document| document.url.as_str());
        format!("{url}#{}", escaped(&self.place(schema)))
    }

    /// The way to a schema in its document.
    fn place(&self, schema: &Value) -> String {
        self.documents.iter().find_map(|document| way(&document.root, schema)).unwrap_or_default()
    }
}

/// The schemas that the keywords of one hold; `applied` leaves definitions out.
fn schemas_below(members: &Map<String, Value>, draft: u16, applied: bool) -> Vec<&Value> {
    let mut out = Vec::new();
    for (keyword, holds, since, applies) in KEYWORDS {
        if draft < since || (applied && !applies) {
            continue;
        }
        match (members.get(keyword), holds) {
            (Some(Value::Array(list)), Holds::List | Holds::Either) => out.extend(list),
            (Some(Value::Object(named)), Holds::Named) => out.extend(named.values()),
            (Some(one @ (Value::Object(_) | Value::Bool(_))), Holds::One | Holds::Either) => out.push(one),
            _ => {}
        }
    }
    out
}

/// The pointer from a value to one in it, found by its address.
fn way(from: &Value, to: &Value) -> Option<String> {
    if std::ptr::eq(from, to) {
        return Some(String::new());
    }
    let step =
        |name: &str, inner: &Value| way(inner, to).map(|rest| format!("{}{rest}", pointer::join("", name)));
    match from {
        Value::Object(members) => members.iter().find_map(|(name, inner)| step(name, inner)),
        Value::Array(items) => {
            items.iter().enumerate().find_map(|(index, inner)| step(&index.to_string(), inner))
        }
        _ => None,
    }
}

fn join(base: &str, reference: &str) -> Option<String> {
    let base = uri::from_str(base).ok()?;
    uri::resolve_against(&base.borrow(), reference).ok().map(|joined| joined.as_str().to_string())
}

/// A fragment without percent signs.
fn unescaped(text: &str) -> Option<String> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            out.push(byte);
            continue;
        }
        let digit = |byte: u8| char::from(byte).to_digit(16);
        let (high, low) = (digit(bytes.next()?)?, digit(bytes.next()?)?);
        out.push((high * 16 + low) as u8); // two digits of base 16 make a byte
    }
    String::from_utf8(out).ok()
}

/// A pointer as a URL has it.
pub(super) fn escaped(pointer: &str) -> String {
    let mut out = String::with_capacity(pointer.len());
    for byte in pointer.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => out.push(char::from(byte)),
            b'-' | b'_' | b'.' | b'~' | b'$' | b'&' | b'+' | b'=' | b':' | b'@' | b'/' => {
                out.push(char::from(byte));
            }
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}
