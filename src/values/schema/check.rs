//! Values against a schema: what does not fit, as the tree that Helm shows.
//!
//! A schema is followed as it stands, keyword by keyword; the keywords of a draft before 2019 beside a `$ref` do not count.
//! Where Helm's order is that of a Go map, this one goes by name.
//!
//! Invariant: a walk is bounded in depth and in the number of schemas it looks at, whatever refers to what.

use std::cell::{Cell, RefCell};
use std::cmp::Ordering;
use std::collections::{BTreeSet, HashMap};

use regex::Regex;
use serde_json::{Map, Value};

use super::formats;
use super::index::{Index, Node};
use super::numbers;
use super::report::{Line, counted, list_of, quoted, shown_const, shown_enum, shown_number, wanted_types};
use crate::data::pattern;
use crate::values::pointer;

/// Deepest way through schemas and references.
const DEEPEST: usize = 256;
/// Most schemas that one check looks at, for each value and each way to them.
const MOST_STEPS: usize = 500_000;

/// A check that gave up: what is bounded, in a sentence.
pub(super) struct TooMuch(pub(super) String);

/// All that is wrong with a value.
pub(super) fn lines(index: &Index<'_>, value: &Value) -> Result<Vec<Line>, TooMuch> {
    let checker =
        Checker { index, patterns: RefCell::default(), steps: Cell::new(0), too_much: RefCell::default() };
    let node = index.start();
    let scope = Scope { node, step: Step::Start, of_value: 0, level: 0, parent: None };
    let at = At { value, path: &Path { step: String::new(), parent: None }, quick: false };
    let found = checker.schema(&scope, &at, false);
    if let Some(text) = checker.too_much.into_inner() {
        return Err(TooMuch(text));
    }
    Ok(match found {
        Ok(_) => Vec::new(),
        Err(line) => line.ungrouped(),
    })
}

/// The members and items of a value that no keyword has looked at; empty where nobody asks.
#[derive(Default)]
struct Open<'v> {
    members: BTreeSet<&'v str>,
    items: BTreeSet<usize>,
}

impl<'v> Open<'v> {
    fn is_empty(&self) -> bool {
        self.members.is_empty() && self.items.is_empty()
    }

    /// Leaves open only what the other one leaves open too.
    fn meet(&mut self, other: &Open<'v>) {
        self.members.retain(|name| other.members.contains(name));
        self.items.retain(|index| other.items.contains(index));
    }
}

/// The way to a value.
struct Path<'p> {
    step: String,
    parent: Option<&'p Path<'p>>,
}

impl Path<'_> {
    fn text(&self) -> String {
        self.parent.map_or_else(String::new, |parent| pointer::join(&parent.text(), &self.step))
    }
}

/// A value, and whether only the verdict on it counts.
struct At<'a, 'v> {
    value: &'v Value,
    path: &'a Path<'a>,
    quick: bool,
}

impl At<'_, '_> {
    fn line(&self, message: impl FnOnce() -> String) -> Line {
        if self.quick { Line::new("", "") } else { Line::new(self.path.text(), message()) }
    }
}

/// How a schema was come to from the one before.
#[derive(Clone, Copy)]
enum Step<'s> {
    Start,
    /// By a keyword, and an index or a name below it.
    Keyword(&'static str),
    Index(&'static str, usize),
    Name(&'static str, &'s str),
}

/// A schema at work, and those that led to it.
struct Scope<'p, 's> {
    node: Node<'s>,
    step: Step<'s>,
    /// Schemas of one number look at the same value.
    of_value: usize,
    level: usize,
    parent: Option<&'p Scope<'p, 's>>,
}

/// Whether a number that compares so with a limit is within it.
type Fits = fn(Ordering) -> bool;

impl<'s> Scope<'_, 's> {
    /// The scopes from here up.
    fn chain(&self) -> impl Iterator<Item = &Scope<'_, 's>> {
        std::iter::successors(Some(self), |scope| scope.parent)
    }

    /// The keywords that led to the same schema for the same value before.
    fn cycle(&self) -> Option<String> {
        let mut earlier = self.chain().skip(1).take_while(|earlier| earlier.of_value == self.of_value);
        earlier.find(|earlier| earlier.node.is(&self.node)).map(Scope::keywords)
    }

    /// The keywords that led here, as a URL has them.
    fn keywords(&self) -> String {
        let mut steps: Vec<Step<'_>> = self.chain().map(|scope| scope.step).collect();
        steps.reverse();
        let text = steps.into_iter().fold(String::new(), |text, step| match step {
            Step::Start => text,
            Step::Keyword(keyword) => pointer::join(&text, keyword),
            Step::Index(keyword, index) => pointer::join(&pointer::join(&text, keyword), &index.to_string()),
            Step::Name(keyword, name) => pointer::join(&pointer::join(&text, keyword), name),
        });
        super::index::escaped(&text)
    }
}

type Verdict<'v> = Result<Open<'v>, Line>;

struct Checker<'i, 's> {
    index: &'i Index<'s>,
    patterns: RefCell<HashMap<&'s str, Option<Regex>>>,
    steps: Cell<usize>,
    /// Why the walk was given up; no verdict counts from then on.
    too_much: RefCell<Option<String>>,
}

impl<'s> Checker<'_, 's> {
    fn give_up(&self, at: &At<'_, '_>, text: String) -> Line {
        self.too_much.borrow_mut().get_or_insert(text);
        at.line(String::new)
    }

    /// Whether a value fits a schema. `asked` when the one who asks wants to know what stays open.
    fn schema<'v>(&self, scope: &Scope<'_, 's>, at: &At<'_, 'v>, asked: bool) -> Verdict<'v> {
        if self.too_much.borrow().is_some() {
            return Err(at.line(String::new));
        }
        self.steps.set(self.steps.get() + 1);
        if self.steps.get() > MOST_STEPS {
            return Err(self.give_up(at, format!("the schema needs more than {MOST_STEPS} steps")));
        }
        if scope.level > DEEPEST {
            return Err(self.give_up(at, format!("the schema leads deeper than {DEEPEST} levels")));
        }
        let members = match scope.node.schema {
            Value::Bool(false) => return Err(at.line(|| "false schema".to_string())),
            Value::Object(members) if !members.is_empty() => members,
            _ => return Ok(everything_open(at.value, &Map::new(), 2020, asked)),
        };
        if let Some(earlier) = scope.cycle() {
            return Err(at.line(|| {
                let url = crate::gotpl::quote(self.index.location(scope.node.schema).as_bytes());
                let ways = [scope.keywords(), earlier];
                format!("both {} and {} resolve to {url} causing reference cycle", ways[0], ways[1])
            }));
        }
        let draft = self.index.draft(scope.node);
        let mut work = Work {
            checker: self,
            scope,
            at,
            members,
            draft,
            found: Vec::new(),
            open: everything_open(at.value, members, draft, asked),
        };
        if draft < 2019 && text(members, "$ref").is_some() {
            // Of the keywords beside a reference Helm still looks at this one.
            if let Some(line) = work.other_constant() {
                return Err(line);
            }
            work.refer("$ref");
            return work.verdict();
        }
        if let Some(line) = work.first_word() {
            return Err(line);
        }
        work.refer("$ref");
        match at.value {
            Value::Object(object) => work.object(object),
            Value::Array(array) => work.array(array),
            Value::String(string) => work.string(string),
            Value::Number(_) => work.number(),
            _ => {}
        }
        if work.found.is_empty() || !at.quick {
            work.refer("$recursiveRef");
            work.refer("$dynamicRef");
            work.combined();
            work.rest();
        }
        work.verdict()
    }

    fn matches(&self, pattern: &'s str, text: &str) -> bool {
        let mut known = self.patterns.borrow_mut();
        let compiled = known.entry(pattern).or_insert_with(|| pattern::compile(pattern).ok());
        match compiled {
            Some(compiled) => compiled.is_match(text),
            None => {
                let problem = format!("pattern {} is too large", quoted(pattern));
                self.too_much.borrow_mut().get_or_insert(problem);
                false
            }
        }
    }
}

fn text<'m>(members: &'m Map<String, Value>, key: &str) -> Option<&'m str> {
    members.get(key).and_then(Value::as_str)
}

/// A whole number, also one written with a point.
fn count(members: &Map<String, Value>, key: &str) -> Option<usize> {
    let number = members.get(key)?.as_number()?;
    let whole = number.as_u64().or_else(|| {
        let number = number.as_f64().filter(|number| number.fract() == 0.0 && *number >= 0.0)?;
        Some(number as u64)
    })?;
    usize::try_from(whole).ok()
}

/// All of a value, where somebody asks for what stays open and no keyword takes everything.
fn everything_open<'v>(value: &'v Value, members: &Map<String, Value>, draft: u16, asked: bool) -> Open<'v> {
    let has = |key: &str| members.contains_key(key);
    let mut open = Open::default();
    match value {
        Value::Object(object)
            if !has("additionalProperties") && (asked || (draft >= 2019 && has("unevaluatedProperties"))) =>
        {
            open.members = object.keys().map(String::as_str).collect();
        }
        Value::Array(array) if asked || (draft >= 2019 && has("unevaluatedItems")) => {
            let list = members.get(if draft < 2020 { "items" } else { "prefixItems" });
            let listed = list.and_then(Value::as_array);
            let all = if draft < 2020 {
                (has("items") && listed.is_none()) || (listed.is_some() && has("additionalItems"))
            } else {
                has("items")
            };
            if !all {
                open.items = (listed.map_or(0, Vec::len)..array.len()).collect();
            }
        }
        _ => {}
    }
    open
}

/// One schema looking at one value.
struct Work<'c, 'i, 'p, 's, 'v> {
    checker: &'c Checker<'i, 's>,
    scope: &'c Scope<'p, 's>,
    at: &'c At<'c, 'v>,
    members: &'s Map<String, Value>,
    draft: u16,
    found: Vec<Line>,
    open: Open<'v>,
}

impl<'s, 'v> Work<'_, '_, '_, 's, 'v> {
    fn verdict(mut self) -> Verdict<'v> {
        match self.found.len() {
            0 => Ok(self.open),
            1 => Err(self.found.remove(0)),
            _ => Err(self.at.line(|| "validation failed".to_string()).group(self.found)),
        }
    }

    fn add(&mut self, message: impl FnOnce() -> String) {
        self.found.push(self.at.line(message));
    }

    fn take(&mut self, verdict: Result<(), Line>) {
        if let Err(line) = verdict {
            self.found.push(line);
        }
    }

    /// The value against another schema.
    fn same(&mut self, node: Node<'s>, step: Step<'s>, quick: bool) -> Result<(), Line> {
        let scope = Scope {
            node,
            step,
            of_value: self.scope.of_value,
            level: self.scope.level + 1,
            parent: Some(self.scope),
        };
        let at = At { value: self.at.value, path: self.at.path, quick: self.at.quick || quick };
        let open = self.checker.schema(&scope, &at, !self.open.is_empty())?;
        self.open.meet(&open);
        Ok(())
    }

    /// A part of the value against a schema.
    fn part(&self, schema: &'s Value, step: Step<'s>, part: &Value, name: String) -> Result<(), Line> {
        let scope = Scope {
            node: self.checker.index.below(self.scope.node, schema),
            step,
            of_value: self.scope.of_value + 1,
            level: self.scope.level + 1,
            parent: Some(self.scope),
        };
        let path = Path { step: name, parent: Some(self.at.path) };
        let at = At { value: part, path: &path, quick: self.at.quick };
        self.checker.schema(&scope, &at, false).map(|_| ())
    }

    fn below(&self, schema: &'s Value) -> Node<'s> {
        self.checker.index.below(self.scope.node, schema)
    }

    /// What is told alone: kind, constant, list of values, format.
    fn first_word(&self) -> Option<Line> {
        let (members, value, at) = (self.members, self.at.value, self.at);
        if let Some(kinds) = members.get("type")
            && !fits_kind(value, kinds)
        {
            return Some(
                at.line(|| format!("got {}, want {}", super::report::json_type(value), wanted_types(kinds))),
            );
        }
        if let Some(line) = self.other_constant() {
            return Some(line);
        }
        if let Some(options) = members.get("enum").and_then(Value::as_array)
            && !options.iter().any(|option| numbers::equal(value, option))
        {
            return Some(at.line(|| shown_enum(options)));
        }
        if self.draft < 2019
            && let (Some(format), Some(string)) = (text(members, "format"), value.as_str())
            && let Some(problem) = formats::problem(format, string)
        {
            return Some(at.line(|| format!("{} is not valid {format}: {problem}", quoted(string))));
        }
        None
    }

    /// The value is not the one that it must be.
    fn other_constant(&self) -> Option<Line> {
        let wanted = self.members.get("const").filter(|_| self.draft >= 6)?;
        (!numbers::equal(self.at.value, wanted)).then(|| self.at.line(|| shown_const(wanted)))
    }

    /// Follows a reference, when the draft has it.
    fn refer(&mut self, keyword: &'static str) {
        let since = match keyword {
            "$recursiveRef" => 2019,
            "$dynamicRef" => 2020,
            _ => 4,
        };
        let Some(reference) = text(self.members, keyword).filter(|_| self.draft >= since) else { return };
        // All references were followed before the first value was looked at.
        let Ok(mut node) = self.checker.index.resolve(self.scope.node, reference) else { return };
        if keyword == "$recursiveRef" && is_true(node.schema, "$recursiveAnchor") {
            let index = self.checker.index;
            let outermost = |scope: &Scope<'_, 's>| {
                is_true(index.resources[scope.node.resource].root, "$recursiveAnchor").then_some(scope.node)
            };
            node = self.scope.chain().filter_map(outermost).last().unwrap_or(node);
        }
        if keyword == "$dynamicRef"
            && let Some((_, anchor)) = reference.split_once('#')
            && node.schema.get("$dynamicAnchor").and_then(Value::as_str) == Some(anchor)
        {
            let index = self.checker.index;
            let outermost = |scope: &Scope<'_, 's>| {
                let resource = scope.node.resource;
                index.resources[resource].dynamic.get(anchor).map(|schema| Node { schema, resource })
            };
            node = self.scope.chain().filter_map(outermost).last().unwrap_or(node);
        }
        if let Err(line) = self.same(node, Step::Keyword(keyword), false) {
            let causes = line.ungrouped();
            self.found.push(self.at.line(|| "validation failed".to_string()).reference(causes));
        }
    }

    fn object(&mut self, object: &'v Map<String, Value>) {
        let members = self.members;
        for (keyword, low) in [("minProperties", true), ("maxProperties", false)] {
            self.size(keyword, low, object.len());
        }
        if let Some(required) = members.get("required").and_then(Value::as_array)
            && let Some(missing) = missing(object, required)
        {
            let word = if missing.len() == 1 { "property" } else { "properties" };
            self.add(|| format!("missing {word} {}", list_of(&missing)));
        }
        if self.at.quick && !self.found.is_empty() {
            return;
        }
        for (name, rule) in present(members, "dependencies", object) {
            match rule {
                Value::Array(wanted) => self.dependent(name, wanted, object),
                schema => {
                    let verdict = self.same(self.below(schema), Step::Name("dependencies", name), false);
                    self.take(verdict);
                }
            }
        }
        self.properties(object);
        if self.draft >= 6 {
            self.names(object);
        }
        if self.draft >= 2019 {
            for (name, schema) in present(members, "dependentSchemas", object) {
                let verdict = self.same(self.below(schema), Step::Name("dependentSchemas", name), false);
                self.take(verdict);
            }
            for (name, rule) in present(members, "dependentRequired", object) {
                self.dependent(name, rule.as_array().map_or(&[], Vec::as_slice), object);
            }
        }
    }

    fn dependent(&mut self, name: &str, wanted: &[Value], object: &Map<String, Value>) {
        if let Some(missing) = missing(object, wanted) {
            self.add(|| format!("properties {} required, if {} exists", list_of(&missing), quoted(name)));
        }
    }

    /// Each member of the value, by name.
    fn properties(&mut self, object: &'v Map<String, Value>) {
        let members = self.members;
        let named = members.get("properties").and_then(Value::as_object);
        let patterns = members.get("patternProperties").and_then(Value::as_object);
        let additional = members.get("additionalProperties");
        let mut unexpected: Vec<&str> = Vec::new();
        for (name, value) in sorted(object) {
            if self.at.quick && !self.found.is_empty() {
                return;
            }
            let mut looked_at = false;
            if let Some((name, schema)) = named.and_then(|named| named.get_key_value(name)) {
                looked_at = true;
                self.take(self.part(schema, Step::Name("properties", name), value, name.clone()));
            }
            for (pattern, schema) in patterns.into_iter().flatten() {
                if self.checker.matches(pattern, name) {
                    looked_at = true;
                    let step = Step::Name("patternProperties", pattern);
                    self.take(self.part(schema, step, value, name.to_string()));
                }
            }
            match additional {
                _ if looked_at => {}
                None => continue,
                Some(Value::Bool(true)) => {}
                Some(Value::Bool(false)) => unexpected.push(name),
                Some(schema) => {
                    let step = Step::Keyword("additionalProperties");
                    self.take(self.part(schema, step, value, name.to_string()));
                }
            }
            self.open.members.remove(name);
        }
        if !unexpected.is_empty() {
            self.add(|| format!("additional properties {} not allowed", list_of(&unexpected)));
        }
    }

    /// The names of the members as values of their own.
    fn names(&mut self, object: &Map<String, Value>) {
        let Some(schema) = self.members.get("propertyNames") else { return };
        for (name, _) in sorted(object) {
            let value = Value::String(name.to_string());
            let scope = Scope {
                node: self.below(schema),
                step: Step::Start,
                of_value: 0,
                level: self.scope.level + 1,
                parent: None,
            };
            let at =
                At { value: &value, path: &Path { step: String::new(), parent: None }, quick: self.at.quick };
            if let Err(line) = self.checker.schema(&scope, &at, false) {
                let told = self.at.line(|| format!("invalid propertyName {}", quoted(name)));
                self.found.push(told.with(line.ungrouped()));
            }
        }
    }

    fn size(&mut self, keyword: &str, low: bool, got: usize) {
        let Some(want) = count(self.members, keyword) else { return };
        if if low { got < want } else { got > want } {
            self.add(|| format!("{keyword}: got {}, want {}", counted(got), counted(want)));
        }
    }

    fn array(&mut self, array: &'v [Value]) {
        for (keyword, low) in [("minItems", true), ("maxItems", false)] {
            self.size(keyword, low, array.len());
        }
        if is_set(self.members, "uniqueItems")
            && let Some((first, second)) = numbers::first_equal(array)
        {
            self.add(|| format!("items at {first} and {second} are equal"));
        }
        let (list, rest) =
            if self.draft < 2020 { ("items", "additionalItems") } else { ("prefixItems", "items") };
        let listed = self.members.get(list).and_then(Value::as_array);
        for (index, (schema, item)) in listed.into_iter().flatten().zip(array).enumerate() {
            self.take(self.part(schema, Step::Index(list, index), item, index.to_string()));
        }
        let seen = listed.map_or(0, Vec::len).min(array.len());
        let (keyword, schema) = match self.members.get(list) {
            Some(schema) if listed.is_none() && self.draft < 2020 => (list, Some(schema)),
            None if self.draft < 2020 => (rest, None),
            _ => (rest, self.members.get(rest)),
        };
        match schema {
            Some(Value::Bool(false)) if keyword == "additionalItems" && seen < array.len() => {
                self.add(|| format!("last {} additionalItem(s) not allowed", array.len() - seen));
            }
            Some(schema) => {
                for (index, item) in array.iter().enumerate().skip(seen) {
                    self.take(self.part(schema, Step::Keyword(keyword), item, index.to_string()));
                }
            }
            None => {}
        }
        if self.draft >= 6 {
            self.contains(array);
        }
    }

    fn contains(&mut self, array: &'v [Value]) {
        let Some(schema) = self.members.get("contains") else { return };
        let (mut matched, mut others) = (Vec::new(), Vec::new());
        for (index, item) in array.iter().enumerate() {
            match self.part(schema, Step::Keyword("contains"), item, index.to_string()) {
                Ok(()) => {
                    matched.push(index);
                    if self.draft >= 2020 {
                        self.open.items.remove(&index);
                    }
                }
                Err(line) => others.push(line),
            }
        }
        let limit = |keyword: &str| count(self.members, keyword).filter(|_| self.draft >= 2019);
        let at_items = || {
            let places: Vec<String> = matched.iter().map(usize::to_string).collect();
            format!("matched {} items at {}", counted(matched.len()), places.join(" "))
        };
        match limit("minContains") {
            Some(least) if matched.len() < least => {
                let found = if matched.is_empty() { "none matched".to_string() } else { at_items() };
                let told = self.at.line(|| {
                    format!("min {} items required to match contains schema, but {found}", counted(least))
                });
                self.found.push(told.with(others));
            }
            None if matched.is_empty() => {
                let told = self.at.line(|| "no items match contains schema".to_string());
                self.found.push(told.with(others));
            }
            _ => {}
        }
        if let Some(most) = limit("maxContains").filter(|most| matched.len() > *most) {
            let found = at_items();
            self.add(|| {
                format!("max {} items required to match contains schema, but {found}", counted(most))
            });
        }
    }

    fn string(&mut self, string: &str) {
        if self.members.contains_key("minLength") || self.members.contains_key("maxLength") {
            let length = string.chars().count();
            self.size("minLength", true, length);
            self.size("maxLength", false, length);
        }
        if let Some(pattern) = text(self.members, "pattern")
            && !self.checker.matches(pattern, string)
        {
            self.add(|| format!("{} does not match pattern {}", quoted(string), quoted(pattern)));
        }
    }

    fn number(&mut self) {
        let got = self.at.value;
        let limits: [(&'static str, &str, Fits); 4] = [
            ("minimum", "exclusiveMinimum", Ordering::is_ge),
            ("maximum", "exclusiveMaximum", Ordering::is_le),
            ("exclusiveMinimum", "", Ordering::is_gt),
            ("exclusiveMaximum", "", Ordering::is_lt),
        ];
        // In draft 4 a word beside the limit makes it an exclusive one.
        for (keyword, exclusive, good) in limits {
            let Some(want) = self.members.get(keyword).filter(|want| want.is_number()) else { continue };
            let Some(order) = numbers::compare(got, want) else { continue };
            let (keyword, fits) = match exclusive {
                "exclusiveMinimum" if is_set(self.members, exclusive) => ("exclusiveMinimum", order.is_gt()),
                "exclusiveMaximum" if is_set(self.members, exclusive) => ("exclusiveMaximum", order.is_lt()),
                _ => (keyword, good(order)),
            };
            if !fits {
                self.add(|| format!("{keyword}: got {}, want {}", shown_number(got), shown_number(want)));
            }
        }
        if let Some(want) = self.members.get("multipleOf")
            && !numbers::is_multiple(got, want)
        {
            self.add(|| format!("multipleOf: got {}, want {}", shown_number(got), shown_number(want)));
        }
    }

    /// The keywords that combine schemas.
    fn combined(&mut self) {
        let members = self.members;
        let list = |keyword: &str| members.get(keyword).and_then(Value::as_array);
        if let Some(schema) = members.get("not")
            && self.same(self.below(schema), Step::Keyword("not"), true).is_ok()
        {
            self.add(|| "'not' failed".to_string());
        }
        if let Some(schemas) = list("allOf") {
            let mut failed = Vec::new();
            for (index, schema) in schemas.iter().enumerate() {
                failed.extend(self.same(self.below(schema), Step::Index("allOf", index), false).err());
            }
            if !failed.is_empty() {
                let told = self.at.line(|| "'allOf' failed".to_string());
                self.found.push(told.with(failed));
            }
        }
        if let Some(schemas) = list("anyOf") {
            self.any_of(schemas);
        }
        if let Some(schemas) = list("oneOf") {
            self.one_of(schemas);
        }
        if self.draft >= 7
            && let Some(schema) = members.get("if")
        {
            let fits = self.same(self.below(schema), Step::Keyword("if"), true).is_ok();
            let keyword = if fits { "then" } else { "else" };
            if let Some(schema) = members.get(keyword) {
                let verdict = self.same(self.below(schema), Step::Keyword(keyword), false);
                self.take(verdict);
            }
        }
    }

    fn any_of(&mut self, schemas: &'s [Value]) {
        let (mut fits, mut failed) = (false, Vec::new());
        for (index, schema) in schemas.iter().enumerate() {
            match self.same(self.below(schema), Step::Index("anyOf", index), false) {
                Ok(()) => fits = true,
                Err(line) => failed.push(line),
            }
            // What stays open is only known when all were asked.
            if fits && self.open.is_empty() {
                break;
            }
        }
        if !fits {
            let told = self.at.line(|| "'anyOf' failed".to_string());
            self.found.push(told.with(failed));
        }
    }

    fn one_of(&mut self, schemas: &'s [Value]) {
        let (mut first, mut failed) = (None, Vec::new());
        for (index, schema) in schemas.iter().enumerate() {
            match (self.same(self.below(schema), Step::Index("oneOf", index), first.is_some()), first) {
                (Ok(()), None) => first = Some(index),
                (Ok(()), Some(first)) => {
                    self.add(|| format!("'oneOf' failed, subschemas {first}, {index} matched"));
                    return;
                }
                (Err(line), None) => failed.push(line),
                (Err(_), Some(_)) => {}
            }
        }
        if first.is_none() {
            let told = self.at.line(|| "'oneOf' failed, none matched".to_string());
            self.found.push(told.with(failed));
        }
    }

    /// What no other keyword looked at.
    fn rest(&mut self) {
        if self.draft < 2019 {
            return;
        }
        if let (Some(schema), Value::Object(object)) =
            (self.members.get("unevaluatedProperties"), self.at.value)
        {
            for name in std::mem::take(&mut self.open.members) {
                if let Some(value) = object.get(name) {
                    let step = Step::Keyword("unevaluatedProperties");
                    self.take(self.part(schema, step, value, name.to_string()));
                }
            }
        }
        if let (Some(schema), Value::Array(array)) = (self.members.get("unevaluatedItems"), self.at.value) {
            for index in std::mem::take(&mut self.open.items) {
                if let Some(item) = array.get(index) {
                    let step = Step::Keyword("unevaluatedItems");
                    self.take(self.part(schema, step, item, index.to_string()));
                }
            }
        }
    }
}

fn is_set(members: &Map<String, Value>, key: &str) -> bool {
    members.get(key).and_then(Value::as_bool) == Some(true)
}

fn is_true(schema: &Value, key: &str) -> bool {
    schema.as_object().is_some_and(|members| is_set(members, key))
}

/// The members by name.
fn sorted(object: &Map<String, Value>) -> Vec<(&str, &Value)> {
    let mut members: Vec<_> = object.iter().map(|(name, value)| (name.as_str(), value)).collect();
    members.sort_unstable_by_key(|(name, _)| *name);
    members
}

/// The rules of a keyword for members that a value has, by name.
fn present<'s>(
    members: &'s Map<String, Value>,
    keyword: &str,
    object: &Map<String, Value>,
) -> Vec<(&'s str, &'s Value)> {
    let rules = members.get(keyword).and_then(Value::as_object);
    let rules = rules.map(sorted).unwrap_or_default();
    rules.into_iter().filter(|(name, _)| object.contains_key(*name)).collect()
}

/// The names that a value does not have; `None` when it has them all.
fn missing<'s>(object: &Map<String, Value>, wanted: &'s [Value]) -> Option<Vec<&'s str>> {
    let names = wanted.iter().filter_map(Value::as_str);
    let missing: Vec<&str> = names.filter(|name| !object.contains_key(*name)).collect();
    (!missing.is_empty()).then_some(missing)
}

/// Whether a value is of one of the kinds that `type` names.
fn fits_kind(value: &Value, kinds: &Value) -> bool {
    let fits = |kind: &Value| match kind.as_str() {
        Some("integer") => value.is_number() && numbers::is_whole(value),
        Some(kind) => kind == super::report::json_type(value),
        None => false,
    };
    match kinds {
        Value::Array(kinds) => kinds.iter().any(fits),
        kind => fits(kind),
    }
}
