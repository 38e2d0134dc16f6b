//! Findings in the words and the shape in which Helm prints them.
//!
//! Helm shows a tree: several errors below one subschema stand under a line `validation failed`, alternatives under
//! `'anyOf' failed`. For values the tree is made as they are looked at; for a schema against its draft the validator gives a
//! flat list of errors, each with the way through the draft, and the tree is rebuilt from the ways.
//!
//! Source of texts and shapes: Helm 4.3.1 over a schema per keyword. Where Helm's order is that of a Go map, this one goes
//! by keyword and then by path.

use indexmap::IndexMap;
use jsonschema::ValidationError;
use jsonschema::error::{TypeKind, ValidationErrorKind as Kind};
use serde_json::Value;

use super::numbers;
use crate::data::pattern;

/// A finding and what it consists of.
pub(super) struct Line {
    /// JSON pointer to the value.
    pub(super) path: String,
    /// What is wrong with it.
    pub(super) message: String,
    causes: Vec<Line>,
    /// Whether this stands for several errors of one subschema and says nothing by itself.
    group: bool,
}

impl Line {
    pub(super) fn new(path: impl Into<String>, message: impl Into<String>) -> Self {
        Line { path: path.into(), message: message.into(), causes: Vec::new(), group: false }
    }

    pub(super) fn with(mut self, causes: Vec<Line>) -> Self {
        self.causes = causes;
        self
    }

    /// The line for several findings of one schema.
    pub(super) fn group(self, causes: Vec<Line>) -> Self {
        Line { group: true, ..self.with(causes) }
    }

    /// The line for what a reference led to: where that is one finding, the reference is not told.
    pub(super) fn reference(self, mut causes: Vec<Line>) -> Self {
        match (causes.pop(), causes.is_empty()) {
            (Some(only), true) => only,
            (last, _) => {
                causes.extend(last);
                self.with(causes)
            }
        }
    }

    /// What a group consists of, or the line itself.
    pub(super) fn ungrouped(self) -> Vec<Line> {
        if self.group { self.causes } else { vec![self] }
    }

    /// The line and its causes, each deeper by two spaces.
    pub(super) fn text(&self, indent: usize) -> String {
        let mut out = format!("{:indent$}- at {}: {}", "", quoted(&self.path), self.message);
        for cause in &self.causes {
            out.push('\n');
            out.push_str(&cause.text(indent + 2));
        }
        out
    }
}

/// The findings of a schema against its draft, which a first reference leads to.
pub(super) fn lines_of_draft(errors: &[ValidationError<'_>]) -> Vec<Line> {
    let ways = errors.iter().map(|error| Way::new(error, 1)).collect();
    let mut lines = subschema(ways, 0);
    match lines.as_mut_slice() {
        [only] if only.group => std::mem::take(&mut only.causes),
        _ => lines,
    }
}

/// An error, and the part of its way through the schema that is still ahead.
struct Way<'e, 'i> {
    error: &'e ValidationError<'i>,
    steps: Vec<String>,
}

impl<'e, 'i> Way<'e, 'i> {
    fn new(error: &'e ValidationError<'i>, skip: usize) -> Self {
        let steps = error.evaluation_path().as_str().split('/').skip(1 + skip).map(str::to_string).collect();
        Way { error, steps }
    }
}

/// How many steps lead from a subschema to the one below it, and whether that is for a value one level deeper. `None` when
/// the error is one of this subschema itself.
fn descent(steps: &[String], kind: &Kind) -> Option<(usize, bool)> {
    let second_is_number = steps.get(1).is_some_and(|step| step.bytes().all(|b| b.is_ascii_digit()));
    let found = match steps.first()?.as_str() {
        "properties" | "patternProperties" | "prefixItems" => (2, true),
        "items" if second_is_number => (2, true),
        "items"
        | "additionalProperties"
        | "additionalItems"
        | "unevaluatedProperties"
        | "unevaluatedItems" => (1, true),
        "$ref" | "$dynamicRef" | "$recursiveRef" | "then" | "else" => (1, false),
        "allOf" | "dependentSchemas" | "dependencies" => (2, false),
        _ => return None,
    };
    // `false` in place of a subschema has no keyword of its own.
    let ends_in_false = matches!(kind, Kind::FalseSchema) && steps.len() >= found.0;
    (steps.len() > found.0 || ends_in_false).then_some(found)
}

/// The findings of one subschema. `depth` is how deep its value lies.
fn subschema(ways: Vec<Way<'_, '_>>, depth: usize) -> Vec<Line> {
    let mut own: Vec<&ValidationError<'_>> = Vec::new();
    let mut below: IndexMap<(Vec<String>, String), (usize, Vec<Way<'_, '_>>)> = IndexMap::new();
    for mut way in ways {
        let Some((steps, deeper)) = descent(&way.steps, way.error.kind()) else {
            own.push(way.error);
            continue;
        };
        let rest = way.steps.split_off(steps);
        let key = std::mem::replace(&mut way.steps, rest);
        let depth = depth + usize::from(deeper);
        let path = ancestor(way.error.instance_path().as_str(), depth);
        below.entry((key, path)).or_insert_with(|| (depth, Vec::new())).1.push(way);
    }
    // A value of the wrong type, or that is none of those allowed, is told once; other keywords are not looked at then.
    let last_word = ["type", "const", "enum"]
        .iter()
        .find_map(|keyword| own.iter().find(|error| error.kind().keyword() == *keyword));
    if let Some(error) = last_word {
        return vec![leaf(error)];
    }
    let mut ranked: Vec<(usize, Line)> = own_lines(&own);
    let mut all_of = Vec::new();
    for ((key, path), (depth, ways)) in below {
        let keyword = key.first().map(String::as_str).unwrap_or_default();
        let inner = subschema(ways, depth);
        let line = match keyword {
            "$ref" | "$dynamicRef" | "$recursiveRef" => referred(inner, &path),
            _ => wrap(inner, &path),
        };
        if keyword == "allOf" {
            all_of.push((path, line));
        } else {
            ranked.push((rank(keyword), line));
        }
    }
    if let Some((path, _)) = all_of.first() {
        let group = Line::new(path.clone(), "'allOf' failed");
        ranked.push((rank("allOf"), group.with(all_of.into_iter().map(|(_, line)| line).collect())));
    }
    ranked.sort_by(|(a, x), (b, y)| (a, &x.path).cmp(&(b, &y.path)));
    ranked.into_iter().map(|(_, line)| line).collect()
}

/// One line for what a reference led to: a group is told as what it consists of.
fn referred(mut lines: Vec<Line>, path: &str) -> Line {
    if let [only] = lines.as_mut_slice()
        && only.group
    {
        lines = std::mem::take(&mut only.causes);
    }
    Line::new(path, "validation failed").reference(lines)
}

/// One line for the findings of a subschema.
fn wrap(mut lines: Vec<Line>, path: &str) -> Line {
    match lines.pop() {
        Some(only) if lines.is_empty() => only,
        Some(last) => {
            lines.push(last);
            Line { group: true, ..Line::new(path, "validation failed").with(lines) }
        }
        None => Line::new(path, "validation failed"),
    }
}

/// The first `depth` steps of a pointer.
fn ancestor(pointer: &str, depth: usize) -> String {
    pointer.split('/').skip(1).take(depth).fold(String::new(), |out, step| format!("{out}/{step}"))
}

/// The order of keywords in a report.
fn rank(keyword: &str) -> usize {
    const ORDER: [&str; 22] = [
        "$ref",
        "type",
        "const",
        "enum",
        "minProperties",
        "maxProperties",
        "required",
        "dependentRequired",
        "dependencies",
        "propertyNames",
        "properties",
        "patternProperties",
        "additionalProperties",
        "minItems",
        "maxItems",
        "uniqueItems",
        "prefixItems",
        "items",
        "additionalItems",
        "contains",
        "minLength",
        "maxLength",
    ];
    ORDER.iter().position(|known| *known == keyword).unwrap_or(ORDER.len())
}

/// Lines for the errors of a subschema's own keywords; missing properties are told together.
fn own_lines(errors: &[&ValidationError<'_>]) -> Vec<(usize, Line)> {
    let mut out: Vec<(usize, Line)> = Vec::new();
    let mut missing: Vec<String> = Vec::new();
    let mut missing_at = None;
    let mut dependent: IndexMap<(String, String), (String, Vec<String>)> = IndexMap::new();
    for error in errors {
        let path = error.instance_path().as_str();
        match error.kind() {
            Kind::Required { property } => {
                let name = quoted(property.as_str().unwrap_or_default());
                if let Some(cause) = dependency(error, property) {
                    let rule = error.schema_path().as_str().to_string();
                    dependent
                        .entry((rule, cause))
                        .or_insert_with(|| (path.to_string(), Vec::new()))
                        .1
                        .push(name);
                } else {
                    missing_at = Some(path.to_string());
                    missing.push(name);
                }
            }
            Kind::UnevaluatedProperties { unexpected } => {
                for name in unexpected {
                    let below = crate::values::pointer::join(path, name);
                    out.push((rank("unevaluatedProperties"), Line::new(below, "false schema")));
                }
            }
            _ => out.push((rank(error.kind().keyword()), leaf(error))),
        }
    }
    if let Some(path) = missing_at {
        let word = if missing.len() == 1 { "property" } else { "properties" };
        out.push((rank("required"), Line::new(path, format!("missing {word} {}", missing.join(", ")))));
    }
    for ((_, cause), (path, names)) in dependent {
        let text = format!("properties {} required, if {} exists", names.join(", "), quoted(&cause));
        out.push((rank("dependentRequired"), Line::new(path, text)));
    }
    out
}

/// What draft 4 asks of schemas: who has the first keyword needs the second. Later drafts have no such rule.
const DEPENDENCIES_OF_DRAFT_4: [(&str, &str); 2] =
    [("exclusiveMaximum", "maximum"), ("exclusiveMinimum", "minimum")];

/// The property whose presence asks for another one, when that is what an error is about.
fn dependency(error: &ValidationError<'_>, wanted: &Value) -> Option<String> {
    let path = error.schema_path().as_str();
    if !path.ends_with("/dependentRequired") && !path.ends_with("/dependencies") {
        return None;
    }
    let present = error.instance().as_object()?;
    let rule =
        DEPENDENCIES_OF_DRAFT_4.iter().find(|(cause, needs)| wanted == needs && present.contains_key(*cause));
    rule.map(|(cause, _)| (*cause).to_string())
}

/// The line of one error.
fn leaf(error: &ValidationError<'_>) -> Line {
    let path = error.instance_path().as_str();
    let value: &Value = error.instance();
    let compared = |keyword: &str, got: String, want: String| format!("{keyword}: got {got}, want {want}");
    let number = |limit: &Value| shown_number(limit);
    let got = shown_number(value);
    let length = |found: usize, limit: u64| (grouped(&found.to_string()), grouped(&limit.to_string()));
    let items = value.as_array().map_or(0, Vec::len);
    let members = value.as_object().map_or(0, serde_json::Map::len);
    let characters = value.as_str().map_or(0, |text| text.chars().count());
    let sized = |keyword: &str, (got, want): (String, String)| compared(keyword, got, want);
    let text = match error.kind() {
        Kind::Type { kind } => format!("got {}, want {}", json_type(value), wanted_types(&types_of(kind))),
        Kind::Enum { options } => shown_enum(options.as_array().map_or(&[], Vec::as_slice)),
        Kind::Constant { expected_value } => shown_const(expected_value),
        Kind::AdditionalProperties { unexpected } => {
            format!("additional properties {} not allowed", list_of(unexpected))
        }
        Kind::AdditionalItems { limit } => {
            format!("last {} additionalItem(s) not allowed", items.saturating_sub(*limit))
        }
        Kind::Minimum { limit } => compared("minimum", got, number(limit)),
        Kind::Maximum { limit } => compared("maximum", got, number(limit)),
        Kind::ExclusiveMinimum { limit } => compared("exclusiveMinimum", got, number(limit)),
        Kind::ExclusiveMaximum { limit } => compared("exclusiveMaximum", got, number(limit)),
        Kind::MultipleOf { multiple_of } => compared("multipleOf", got, shown_float(*multiple_of)),
        Kind::MinLength { limit } => sized("minLength", length(characters, *limit)),
        Kind::MaxLength { limit } => sized("maxLength", length(characters, *limit)),
        Kind::MinItems { limit } => sized("minItems", length(items, *limit)),
        Kind::MaxItems { limit } => sized("maxItems", length(items, *limit)),
        Kind::MinProperties { limit } => sized("minProperties", length(members, *limit)),
        Kind::MaxProperties { limit } => sized("maxProperties", length(members, *limit)),
        Kind::Pattern { pattern } => {
            format!("{} does not match pattern {}", quoted(value.as_str().unwrap_or("")), quoted(pattern))
        }
        Kind::UniqueItems => match numbers::first_equal(value.as_array().map_or(&[], Vec::as_slice)) {
            Some((a, b)) => format!("items at {a} and {b} are equal"),
            None => "items are not unique".to_string(),
        },
        Kind::Contains => "no items match contains schema".to_string(),
        Kind::FalseSchema => "false schema".to_string(),
        Kind::Not { .. } => "'not' failed".to_string(),
        Kind::Format { format } if format == "regex" => {
            let text = value.as_str().unwrap_or_default();
            let problem = pattern::check(text).err().unwrap_or_default();
            format!("{} is not valid regex: {problem}", quoted(text))
        }
        Kind::AnyOf { context } => {
            return Line::new(path, "'anyOf' failed").with(branches(error, context));
        }
        Kind::OneOfNotValid { context } => {
            return Line::new(path, "'oneOf' failed, none matched").with(branches(error, context));
        }
        Kind::OneOfMultipleValid { context } => {
            let matched: Vec<String> = context
                .iter()
                .enumerate()
                .filter(|(_, errors)| errors.is_empty())
                .take(2)
                .map(|(index, _)| index.to_string())
                .collect();
            format!("'oneOf' failed, subschemas {} matched", matched.join(", "))
        }
        Kind::PropertyNames { error: inner } => {
            let name = inner.instance().as_str().unwrap_or_default().to_string();
            let cause = Line { path: String::new(), ..leaf(inner) };
            return Line::new(path, format!("invalid propertyName {}", quoted(&name))).with(vec![cause]);
        }
        _ => error.to_string(),
    };
    Line::new(path, text)
}

/// The lines below an alternative: one for each branch.
fn branches(error: &ValidationError<'_>, context: &[Vec<ValidationError<'static>>]) -> Vec<Line> {
    let path = error.instance_path().as_str();
    let depth = path.split('/').count() - 1;
    // The way of a branch goes on where that of the alternative ends, by the number of the branch.
    let skip = error.evaluation_path().as_str().split('/').count();
    context
        .iter()
        .filter(|errors| !errors.is_empty())
        .map(|errors| {
            wrap(subschema(errors.iter().map(|error| Way::new(error, skip)).collect(), depth), path)
        })
        .collect()
}

/// The kind of a value as JSON Schema names it.
pub(super) fn json_type(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// The kinds that `type` names, in Helm's order.
pub(super) fn wanted_types(kinds: &Value) -> String {
    const ORDER: [&str; 7] = ["null", "boolean", "number", "integer", "string", "array", "object"];
    let named = |kind: &&str| match kinds {
        Value::Array(kinds) => kinds.iter().any(|named| named == kind),
        named => named == kind,
    };
    ORDER.into_iter().filter(named).collect::<Vec<_>>().join(" or ")
}

fn types_of(kind: &TypeKind) -> Value {
    match kind {
        TypeKind::Single(one) => Value::String(one.to_string()),
        TypeKind::Multiple(set) => set.iter().map(|one| Value::String(one.to_string())).collect(),
    }
}

/// What a value must be.
pub(super) fn shown_const(wanted: &Value) -> String {
    scalar(wanted).map_or_else(|| "'const' failed".to_string(), |text| format!("value must be {text}"))
}

/// What a value may be.
pub(super) fn shown_enum(options: &[Value]) -> String {
    let texts: Option<Vec<String>> = options.iter().map(scalar).collect();
    match texts.as_deref() {
        None => "'enum' failed".to_string(),
        Some([one]) => format!("value must be {one}"),
        Some(many) => format!("value must be one of {}", many.join(", ")),
    }
}

/// Names in quotes, with commas between.
pub(super) fn list_of<T: AsRef<str>>(names: &[T]) -> String {
    names.iter().map(|name| quoted(name.as_ref())).collect::<Vec<_>>().join(", ")
}

/// A scalar as Go prints it in lists of options; `None` for arrays and objects.
fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::Null => Some("<nil>".to_string()),
        Value::String(text) => Some(quoted(text)),
        Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
        Value::Array(_) | Value::Object(_) => None,
    }
}

/// Text in single quotes, with Go's escapes.
pub(super) fn quoted(text: &str) -> String {
    let text = crate::gotpl::quote(text.as_bytes());
    let inner = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(&text);
    format!("'{}'", inner.replace("\\\"", "\"").replace('\'', "\\'"))
}

/// A count, in groups of three digits.
pub(super) fn counted(count: usize) -> String {
    grouped(&count.to_string())
}

/// A number as English text has it.
pub(super) fn shown_number(value: &Value) -> String {
    value.as_f64().map_or_else(|| value.to_string(), shown_float)
}

/// A float as English text has it: digits in groups of three, and powers of ten from a million on.
fn shown_float(number: f64) -> String {
    if number == 0.0 || (1e-4..1e6).contains(&number.abs()) {
        return grouped(&number.to_string());
    }
    let text = format!("{number:e}");
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let (sign, size) = exponent.strip_prefix('-').map_or(("", exponent), |size| ("⁻", size));
    let raised: String = format!("{size:0>2}")
        .chars()
        .map(|c| match c {
            '1' => '¹',
            '2' => '²',
            '3' => '³',
            c => c.to_digit(10).and_then(|digit| char::from_u32(0x2070 + digit)).unwrap_or(c),
        })
        .collect();
    format!("{digits}×10{sign}{raised}")
}

/// A decimal number with commas between groups of three digits.
fn grouped(number: &str) -> String {
    let (whole, fraction) =
        number.split_once('.').map_or((number, None), |(whole, rest)| (whole, Some(rest)));
    let (sign, digits) = whole.strip_prefix('-').map_or(("", whole), |digits| ("-", digits));
    let mut out = String::from(sign);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index) % 3 == 0 {
            out.push(',');
        }
        out.push(digit);
    }
    if let Some(fraction) = fraction {
        out.push('.');
        out.push_str(fraction);
    }
    out
}
