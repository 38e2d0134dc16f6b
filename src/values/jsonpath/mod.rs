//! JSONPath as kubectl and `helm show values --jsonpath` have it: a template of text and `{actions}`.
//!
//! It is its own small dialect, neither RFC 9535 nor what the crates for JSONPath read: text around braces, `range` and
//! `end`, quoted text, `[?(@.a=="b")]` with one comparison, results joined by spaces. So it is written here.
//!
//! ```text
//! {.image.tag}   {.list[0]}   {.list[-2:]}   {..name}   {['a','b']}   {range .users[*]}{.name}{"\n"}{end}
//! ```
//!
//! Where Helm's results are random (`{.*}` over a map) keys come sorted. Beyond Helm, keys in brackets are taken as they
//! stand, and numbers of all kinds compare. Invariant: neither the expression nor the data makes it recurse without bound.

mod parse;

use std::cmp::Ordering;
use std::fmt::Write as _;

use super::coalesce::short_float;
use crate::data::Value;

pub use parse::JsonPath;

/// Most results and characters that one evaluation makes, against `{..}{..}` over large data.
const MOST: usize = 16 << 20;
/// Deepest data that `..` enters.
const DEEPEST: usize = 512;

/// A piece of the template.
#[derive(Debug, Clone, PartialEq)]
enum Node {
    Text(String),
    Number(f64),
    Bool(bool),
    Path(Vec<Step>),
    Range(Vec<Step>, Vec<Node>),
}

/// A step of a path.
#[derive(Debug, Clone, PartialEq)]
enum Step {
    Root,
    Field(String),
    Wildcard,
    Recursive,
    /// `[2]`: start alone.
    Index(i64),
    Slice(Option<i64>, Option<i64>, i64),
    Items,
    Union(Vec<Step>),
    Filter(Vec<Node>, Option<(Comparison, Vec<Node>)>),
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Comparison {
    Equal,
    Unequal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// What went wrong: the expression cannot be read, or it does not fit the data.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JsonPathError {
    /// The expression cannot be read. The text is Helm's.
    #[error("error parsing jsonpath {expression}: {reason}")]
    Syntax {
        /// The expression.
        expression: String,
        /// Why.
        reason: String,
    },
    /// A path leads to nothing in the data, for which Helm prints nothing.
    #[error("{0}")]
    NoMatch(String),
}

impl crate::diag::Hint for JsonPathError {
    fn hints(&self) -> Vec<String> {
        match self {
            JsonPathError::Syntax { .. } => {
                vec![
                    "expressions stand in braces: {.image.tag}, {.list[0]}, {range .list[*]}{.name}{end}"
                        .to_string(),
                ]
            }
            JsonPathError::NoMatch(_) => Vec::new(),
        }
    }
}

fn no_match(text: impl Into<String>) -> JsonPathError {
    JsonPathError::NoMatch(text.into())
}

impl JsonPath {
    /// The text that the expression makes of a value.
    ///
    /// # Errors
    /// A path leads to nothing, or an index or a filter meets what is no list.
    pub fn text(&self, root: &Value) -> Result<String, JsonPathError> {
        let mut run = Run { root, out: String::new() };
        run.nodes(&self.nodes, root)?;
        Ok(run.out)
    }
}

struct Run<'v> {
    root: &'v Value,
    out: String,
}

impl<'v> Run<'v> {
    fn nodes(&mut self, nodes: &[Node], at: &'v Value) -> Result<(), JsonPathError> {
        for node in nodes {
            match node {
                Node::Text(text) => self.out.push_str(text),
                Node::Number(number) => self.out.push_str(&short_float(*number)),
                Node::Bool(flag) => drop(write!(self.out, "{flag}")),
                Node::Path(steps) => {
                    let texts: Vec<String> = self.walk(steps, at)?.into_iter().map(shown).collect();
                    self.out.push_str(&texts.join(" "));
                }
                Node::Range(steps, body) => {
                    for item in self.walk(steps, at)? {
                        self.nodes(body, item)?;
                    }
                }
            }
            if self.out.len() > MOST {
                return Err(no_match(format!("the result is longer than {MOST} bytes")));
            }
        }
        Ok(())
    }

    fn walk(&self, steps: &[Step], at: &'v Value) -> Result<Vec<&'v Value>, JsonPathError> {
        let mut found = vec![at];
        let mut spread = false;
        for step in steps {
            let mut next = Vec::new();
            for value in found {
                // Behind `..` most values have no such key; that is no failure.
                match self.step(step, value, &mut next) {
                    Err(_) if spread => {}
                    done => done?,
                }
                if next.len() > MOST {
                    return Err(no_match(format!("more than {MOST} results")));
                }
            }
            spread = matches!(step, Step::Recursive);
            found = next;
        }
        Ok(found)
    }

    fn step(&self, step: &Step, value: &'v Value, into: &mut Vec<&'v Value>) -> Result<(), JsonPathError> {
        match step {
            Step::Root => into.push(self.root),
            Step::Field(name) => match value.get(name) {
                Some(found) => into.push(found),
                None => return Err(no_match(format!("{name} is not found"))),
            },
            Step::Wildcard => children(value, into),
            Step::Recursive => descend(value, into, 0),
            Step::Items => into.extend(items(value)?),
            Step::Index(index) => {
                let items = items(value)?;
                let length = items.len();
                let place = place(*index, length);
                let found = usize::try_from(place).ok().and_then(|place| items.get(place));
                into.push(found.ok_or_else(|| {
                    no_match(format!("array index out of bounds: index {index}, length {length}"))
                })?);
            }
            Step::Slice(start, end, step) => {
                let items = items(value)?;
                let clamp =
                    |index: i64| usize::try_from(place(index, items.len())).unwrap_or(0).min(items.len());
                let (start, end) = (start.map_or(0, clamp), end.map_or(items.len(), clamp));
                let Some(step) = usize::try_from(*step).ok().filter(|step| *step > 0) else {
                    return Err(no_match(format!("step must be > 0, got {step}")));
                };
                into.extend(items.get(start..end).unwrap_or_default().iter().step_by(step));
            }
            Step::Union(steps) => {
                for step in steps {
                    self.step(step, value, into)?;
                }
            }
            Step::Filter(left, comparison) => {
                for item in items(value)? {
                    if self.passes(left, comparison.as_ref(), item) {
                        into.push(item);
                    }
                }
            }
        }
        Ok(())
    }

    /// Whether an item passes a filter; one in which a path leads to nothing does not.
    fn passes(&self, left: &[Node], comparison: Option<&(Comparison, Vec<Node>)>, item: &'v Value) -> bool {
        let Some((comparison, right)) = comparison else {
            return left.is_empty() || self.operand(left, item).is_some();
        };
        let (Some(left), Some(right)) = (self.operand(left, item), self.operand(right, item)) else {
            return false;
        };
        let order = match (number(&left), number(&right)) {
            (Some(left), Some(right)) => left.partial_cmp(&right),
            _ => match (left.as_str(), right.as_str()) {
                (Some(left), Some(right)) => Some(left.cmp(right)),
                _ => (left == right).then_some(Ordering::Equal),
            },
        };
        match comparison {
            Comparison::Equal => order == Some(Ordering::Equal),
            Comparison::Unequal => order != Some(Ordering::Equal),
            Comparison::Less => order == Some(Ordering::Less),
            Comparison::LessOrEqual => matches!(order, Some(Ordering::Less | Ordering::Equal)),
            Comparison::Greater => order == Some(Ordering::Greater),
            Comparison::GreaterOrEqual => matches!(order, Some(Ordering::Greater | Ordering::Equal)),
        }
    }

    /// The one value of a side of a comparison.
    fn operand(&self, nodes: &[Node], item: &'v Value) -> Option<Value> {
        match nodes.first()? {
            Node::Text(text) => Some(Value::str(text.as_str())),
            Node::Number(number) => Some(Value::Float(*number)),
            Node::Bool(flag) => Some(Value::Bool(*flag)),
            Node::Path(steps) => self.walk(steps, item).ok()?.first().map(|value| (*value).clone()),
            Node::Range(..) => None,
        }
    }
}

fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Int(number) | Value::SetInt(number) => Some(*number as f64),
        Value::Uint(number) => Some(*number as f64),
        Value::Float(number) => Some(*number),
        _ => None,
    }
}

fn items(value: &Value) -> Result<&[Value], JsonPathError> {
    value.as_list().ok_or_else(|| no_match(format!("a {} is no list", value.kind())))
}

/// Where an index is, counted from the end when it is negative.
fn place(index: i64, length: usize) -> i64 {
    if index < 0 { index.saturating_add(i64::try_from(length).unwrap_or(i64::MAX)) } else { index }
}

/// What is directly in a list or a map, maps by key.
fn children<'v>(value: &'v Value, into: &mut Vec<&'v Value>) {
    match value {
        Value::List(items) => into.extend(items.iter()),
        Value::Map(map) => {
            let mut entries: Vec<_> = map.iter().collect();
            entries.sort_by_key(|(key, _)| *key);
            into.extend(entries.into_iter().map(|(_, value)| value));
        }
        _ => {}
    }
}

/// The value and all below it, parents first.
fn descend<'v>(value: &'v Value, into: &mut Vec<&'v Value>, depth: usize) {
    if depth > DEEPEST || into.len() > MOST {
        return;
    }
    into.push(value);
    let mut below = Vec::new();
    children(value, &mut below);
    for child in below {
        descend(child, into, depth + 1);
    }
}

/// A result as it is printed: texts raw, numbers as Go prints them, the rest as JSON with sorted keys.
fn shown(value: &Value) -> String {
    match value {
        Value::Str(text) => text.to_string(),
        Value::Null => String::new(),
        Value::SetInt(number) => number.to_string(),
        Value::Int(_) | Value::Uint(_) | Value::Float(_) => short_float(number(value).unwrap_or_default()),
        Value::Bool(flag) => flag.to_string(),
        Value::List(_) | Value::Map(_) => crate::data::json::to_string(value).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DATA: &str = r#"{"n":null,"b":true,"f":1.5,"big":12345678,"s":"q\"<","a.b":"dotted","nest":[[1,2],[3,[4]]],
        "users":[{"name":"al","age":30,"tags":["x"]},{"name":"bo","age":25,"tags":[]},{"name":"ci"}],
        "map":{"k2":{"v":2},"k1":{"v":1}}}"#;

    fn text(expression: &str) -> String {
        let data: Value = serde_json::from_str(DATA).unwrap();
        match JsonPath::parse(expression).and_then(|path| path.text(&data)) {
            Ok(text) => text,
            Err(error) => format!("! {}", error.to_string().replace(expression, "X")),
        }
    }

    /// Expressions and what `helm show values` 4.3.1 prints for them.
    #[test]
    fn results_are_helms() {
        for (expression, want) in [
            ("plain", "plain"),
            (".name", ".name"),
            ("a{.b}c{.f}d}", "atruec1.5d}"),
            ("{.big}", "1.2345678e+07"),
            ("{ .b }", "true"),
            ("{.s}", "q\"<"),
            ("{.a\\.b}", "dotted"),
            ("{.nest[1][1][0]}", "4"),
            ("{.nest[*][0]}", "1 3"),
            ("{.nest}", "[[1,2],[3,[4]]]"),
            ("{.users[*].name}", "al bo ci"),
            ("{.users[0,2].name}", "al ci"),
            ("{.users[0:3:2].name}", "al ci"),
            ("{.users[:2].name}", "al bo"),
            ("{.users[-2:-1].name}", "bo"),
            ("{.users[5:].name}", ""),
            ("{.users[]}", r#"{"age":30,"name":"al","tags":["x"]}"#),
            ("{.users[?(@.name==\"bo\")].age}", "25"),
            ("{.users[?(@.name!='bo')].name}", "al ci"),
            ("{.users[?(@.name>\"al\")].name}", "bo ci"),
            ("{.users[?(@.age)].name}", "al bo"),
            ("{.users[?(@['name']==\"al\")].age}", "30"),
            ("{.users[*]['name']}", "al bo ci"),
            ("{..age}", "30 25"),
            ("{.map..v}", "1 2"),
            ("{.map.*.v}", "1 2"),
            ("{.map..}", r#"{"k1":{"v":1},"k2":{"v":2}} {"v":1} 1 {"v":2} 2"#),
            ("{$.map.k1}", r#"{"v":1}"#),
            ("{@.map['k1'].v}", "1"),
            ("{range .users[*]}[{@.name}] {end}done", "[al] [bo] [ci] done"),
            ("{.b}{\"x\\ny\"}{'it'}", "truex\nyit"),
            ("{1}{-1}{1.5}{true}", "1-11.5true"),
        ] {
            assert_eq!(text(expression), want, "{expression}");
        }
    }

    #[test]
    fn mistakes_are_told_in_helms_words() {
        for (expression, want) in [
            ("{.b", "unclosed action"),
            ("{\"a", "unterminated quoted string"),
            ("{.users[0", "unterminated array"),
            ("{.users[0}", "unterminated array"),
            ("{.users[a]}", "invalid array index a"),
            ("{.users[1.5]}", "invalid array index 1.5"),
            ("{.map[\"k1\"].v}", "invalid array index \"k1\""),
            ("{.users[?(@.age]}", "unterminated filter"),
            ("{.users[?@.age]}", "invalid array index ?@.age"),
            ("{.b,.f}", "unrecognized character in action: U+002C ','"),
            ("{*}", "unrecognized character in action: U+002A '*'"),
            ("{{.b}}", "unrecognized character in action: U+007B '{'"),
            ("{.users[?(@.name=~\"b\")]}", "unrecognized character in action: U+007E '~'"),
        ] {
            assert_eq!(text(expression), format!("! error parsing jsonpath X: {want}"), "{expression}");
        }
        for expression in
            ["{.nope}", "{.users[9]}", "{.b.x}", "{.map[*].v}", "{.users[0:2:0]}", "{[0]}", "{foo}"]
        {
            assert!(text(expression).starts_with("! "), "{expression}");
        }
    }

    #[test]
    fn keys_in_brackets_and_numbers_work_beyond_helm() {
        assert_eq!(text("{['a.b']}"), "dotted");
        assert_eq!(text("{.users[?(@.age>26)].name}"), "al");
        assert_eq!(text("{.users[?(@.age==25.0)].name}"), "bo");
    }

    proptest::proptest! {
        #[test]
        fn no_expression_panics(expression in "[a-b.{}()?@$*'\"\\\\0-9:,=<>! -]{0,24}|(\\{range \\.|\\[\\?\\(|\\{end\\}|[.a{}\\[\\]()]){0,12}") {
            text(&expression);
        }
    }
}
