//! The law of this pass: whatever the value, the text reads back as the value in its place, for readers of YAML 1.1
//! (ours, as Helm's) and of 1.2 (serde_yaml).

#![allow(clippy::cloned_ref_to_slice_refs, reason = "the tables below read better with one shape of list")]

use proptest::prelude::*;

use super::resolve;
use super::write::text_of;
use crate::data::{Map, Value, yaml};
use crate::render::tera::marks::{Entry, Mark, Shape};

const HOSTILE: &[&str] = &[
    "",
    " ",
    "   ",
    "yes",
    "no",
    "on",
    "off",
    "y",
    "n",
    "null",
    "~",
    "true",
    "False",
    "1e3",
    "0x1",
    "0o7",
    "007",
    "1_000",
    "1:30",
    "2024-01-01",
    "2024-01-01T00:00:00Z",
    ".inf",
    "-.inf",
    ".nan",
    "=",
    "<<",
    "-",
    "- a",
    "? a",
    ": a",
    "a:",
    "a: b",
    "a #b",
    "#x",
    "*a",
    "&a",
    "!a",
    "%a",
    "@a",
    "`a",
    "|",
    ">",
    "|-",
    "'",
    "\"",
    "it's",
    "a\"b",
    "[",
    "]",
    "{",
    "}",
    "{a: b}",
    "[a]",
    ",",
    "a,b",
    "a\nb",
    "\na",
    "a\n",
    "a\n\n",
    "\n",
    "  a\nb",
    "a\n  b\n",
    "\ta",
    "a\tb",
    "a\r\nb",
    "\r",
    "\u{85}",
    "\u{2028}",
    "\u{FEFF}a",
    "\u{0}",
    "\u{1b}[0m",
    "\u{7f}",
    "é",
    "日本",
    "😀",
    "---",
    "...",
    "--- a",
    "a\n---\nb",
    "a\n...\nb",
    "\\",
    "\\n",
    "a\\",
    "key: |\n  x",
    "- a\n- b\n",
    "a: 1\nb: 2\n",
    " lead",
    "trail ",
    "0",
    "-0",
    "12",
    "1.5",
    "+1",
    "1.2.3",
    "10Gi",
    "500m",
    "v1.2",
    "app/web",
    "a:b",
    "http://x:80/?a=b&c#d",
    "\u{F8F0}00000000000000000001",
    "{{ x }}",
    "\u{A0}x",
];

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => proptest::sample::select(HOSTILE).prop_map(str::to_string),
        2 => "[ -~]{0,12}",
        2 => proptest::collection::vec(proptest::sample::select(HOSTILE), 2..4).prop_map(|parts| parts.concat()),
        1 => any::<String>(),
        1 => "[a-z ]{90,140}",
        1 => proptest::collection::vec("[a-z#:' -]{0,9}", 0..6).prop_map(|lines| lines.join("\n")),
    ]
}

fn tree() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        6 => text().prop_map(Value::from),
        1 => Just(Value::Null),
        1 => any::<bool>().prop_map(Value::from),
        1 => any::<i64>().prop_map(Value::from),
        1 => (any::<u64>()).prop_map(|n| i64::try_from(n).map_or(Value::Uint(n), Value::Int)),
        1 => prop_oneof![-1e6..1e6, Just(1e300), Just(-2.5e-9), Just(0.0), Just(1.0)].prop_map(Value::Float),
        1 => Just(Value::map()),
        1 => Just(Value::List(Vec::new())),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 1..4).prop_map(Value::List),
            proptest::collection::vec((key(), inner), 1..4).prop_map(|pairs| Value::Map(
                pairs.into_iter().map(|(key, value)| (key.into(), value)).collect()
            )),
        ]
    })
}

fn key() -> impl Strategy<Value = String> {
    text().prop_map(|text| text.chars().take(120).collect())
}

fn shape() -> Shape {
    Shape::new(99)
}

/// `@0`, `@1` … in the template are the values.
fn written(template: &str, values: &[Value]) -> String {
    let table: Vec<Entry> = values.iter().map(|value| Entry { value: value.clone(), site: 0 }).collect();
    let mut text = template.to_string();
    for index in 0..values.len() {
        text = text.replace(&format!("@{index}"), &shape().write(Mark::Value(index)));
    }
    resolve(&shape(), &table, &text, 1 << 24)
        .unwrap_or_else(|error| panic!("{template:?} {values:?}: {error:?}"))
}

/// Whole floats are written as whole numbers inside collections.
fn plain(value: Value) -> Value {
    match value {
        Value::Float(number) if number.fract() == 0.0 && number.abs() < 1e15 => Value::Int(number as i64),
        Value::List(items) => Value::List(items.into_iter().map(plain).collect()),
        Value::Map(map) => Value::Map(map.into_iter().map(|(key, value)| (key, plain(value))).collect()),
        other => other,
    }
}

fn reads_as(text: &str, wanted: &Value) -> Result<(), TestCaseError> {
    let wanted = plain(wanted.clone());
    let ours = yaml::value_from_text("x", text);
    prop_assert!(ours.is_ok(), "ours: {:?}\n{text}", ours.err());
    prop_assert_eq!(&plain(ours.unwrap_or_default()), &wanted, "ours:\n{}", text);
    let theirs = serde_yaml::from_str::<Value>(text);
    prop_assert!(theirs.is_ok(), "serde_yaml: {:?}\n{text}", theirs.err());
    prop_assert_eq!(&plain(theirs.unwrap_or_default()), &wanted, "serde_yaml:\n{}", text);
    Ok(())
}

fn map(pairs: &[(&str, Value)]) -> Value {
    pairs.iter().map(|(key, value)| (*key, value.clone())).collect()
}

fn list(items: &[Value]) -> Value {
    Value::List(items.to_vec())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whole_values(v in tree(), w in tree()) {
        let one = Value::Int(1);
        for (template, wanted) in [
            ("k: @0\n", map(&[("k", v.clone())])),
            ("k: @0", map(&[("k", v.clone())])),
            ("k:   @0   # note\nl: 1\n", map(&[("k", v.clone()), ("l", one.clone())])),
            ("- @0\n- @1\n", list(&[v.clone(), w.clone()])),
            ("-   @0\n", list(&[v.clone()])),
            ("a:\n  b: @0\n  c: @1\nd: 1\n", map(&[("a", map(&[("b", v.clone()), ("c", w.clone())])), ("d", one.clone())])),
            ("- x: @0\n  z: @1\n", list(&[map(&[("x", v.clone()), ("z", w.clone())])])),
            ("- - @0\n  - @1\n", list(&[list(&[v.clone(), w.clone()])])),
            ("@0\n", v.clone()),
            ("---\n@0\n", v.clone()),
            ("--- @0\n", v.clone()),
            ("a:\n  @0\nb: 1\n", map(&[("a", v.clone()), ("b", one.clone())])),
            ("a:\n    @0 # note\n", map(&[("a", v.clone())])),
            ("-\n  @0\n- 1\n", list(&[v.clone(), one.clone()])),
            ("f: [@0, {k: @1}, @0 ]\n", map(&[("f", list(&[v.clone(), map(&[("k", w.clone())]), v.clone()]))])),
            ("f: {\"k\": @0,\n  l: [@1]}\n", map(&[("f", map(&[("k", v.clone()), ("l", list(&[w.clone()]))]))])),
            ("k: &x @0\n", map(&[("k", v.clone())])),
            ("k: @0\r\nl: @1\r\n", map(&[("k", v.clone()), ("l", w.clone())])),
        ] {
            reads_as(&written(template, &[v.clone(), w.clone()]), &wanted)?;
        }
    }

    #[test]
    fn entries_among_others(more in proptest::collection::vec((key(), tree()), 0..4), items in proptest::collection::vec(tree(), 0..4)) {
        let one = Value::Int(1);
        let more: Map = more.into_iter().map(|(key, value)| (format!("m{key}").into(), value)).collect();
        let v = Value::Map(more.clone());
        let mut with_x = Map::from_iter([("x".into(), one.clone())]);
        with_x.extend(more.clone());
        let mut before_x = more.clone();
        before_x.insert("x".into(), one.clone());
        let w = Value::List(items.clone());
        let mut spliced = vec![one.clone()];
        spliced.extend(items.clone());
        spliced.push(one.clone());
        for (template, wanted) in [
            ("a:\n  x: 1\n  @0\nb: 1\n", map(&[("a", Value::Map(with_x.clone())), ("b", one.clone())])),
            ("a:\n  @0\n  x: 1\n", map(&[("a", Value::Map(before_x.clone()))])),
            ("x: 1\n@0\n", Value::Map(with_x.clone())),
            ("a:\n- 1\n@1\n- 1\n", map(&[("a", list(&spliced))])),
            ("a:\n  - 1\n  @1\n  - 1\nb: 1\n", map(&[("a", list(&spliced)), ("b", one.clone())])),
            ("a:\n@1\nb: 1\n", map(&[("a", w.clone()), ("b", one.clone())])),
        ] {
            reads_as(&written(template, &[v.clone(), w.clone()]), &wanted)?;
        }
    }

    #[test]
    fn parts_of_text(v in text(), w in text()) {
        let str = |text: String| Value::str(text);
        let (a, b) = (Value::from(v.clone()), Value::from(w.clone()));
        let short: String = v.chars().take(300).collect();
        let short_value = Value::from(short.clone());
        for (template, wanted) in [
            ("k: \"x @0 y\"\n", map(&[("k", str(format!("x {v} y")))])),
            ("k: \"@0\"\n", map(&[("k", str(v.clone()))])),
            ("k: 'it''s @0 y'\n", map(&[("k", str(format!("it's {v} y")))])),
            ("k: '@0@1'\n", map(&[("k", str(format!("{v}{w}")))])),
            ("k: pre-@0-post\n", map(&[("k", str(format!("pre-{v}-post")))])),
            ("k: @0-web\n", map(&[("k", str(format!("{v}-web")))])),
            ("k: @0@1\n", map(&[("k", str(format!("{v}{w}")))])),
            ("- @0: x\n", list(&[map(&[(&short, str("x".to_string()))])])),
            ("a-@0: x\n", map(&[(&format!("a-{short}"), str("x".to_string()))])),
            ("\"a @0\": x\n", map(&[(&format!("a {short}"), str("x".to_string()))])),
            ("{@0: x, a-@0: z}\n", map(&[(&short, str("x".to_string())), (&format!("a-{short}"), str("z".to_string()))])),
            ("[a-@0, '@0', \"@0\"]\n", list(&[str(format!("a-{v}")), str(v.clone()), str(v.clone())])),
            ("# @0 @1\nk: 1 # @0\n", map(&[("k", Value::Int(1))])),
            ("k: \"a\n  @0\n\n  b\"\n", map(&[("k", str(format!("a {v}\nb")))])),
            ("k: 'a\n\n  @0 b\n  '\n", map(&[("k", str(format!("a\n{v} b ")))])),
        ] {
            let first = if template.contains(": x") || template.starts_with('"') { &short_value } else { &a };
            reads_as(&written(template, &[first.clone(), b.clone()]), &wanted)?;
        }
        if !v.is_empty() {
            reads_as(&written("k: a\n  @0\n  b\nl: 1\n", &[a.clone()]), &map(&[("k", str(format!("a {v} b"))), ("l", Value::Int(1))]))?;
        }
    }

    #[test]
    fn block_scalars(v in text(), deep in 0..4_usize) {
        let clip = |text: &str| {
            let bare = text.trim_end_matches('\n');
            if bare.is_empty() { String::new() } else { format!("{bare}\n") }
        };
        let once = v.strip_suffix('\n').unwrap_or(&v);
        let pad = " ".repeat(deep);
        let moved: String = once.split('\n').map(|line| if line.is_empty() { "\n".to_string() } else { format!("{pad}{line}\n") }).collect();
        for (template, wanted) in [
            ("k: |\n  @0\nl: x\n".to_string(), clip(&format!("{once}\n"))),
            ("k: |-\n  @0\nl: x\n".to_string(), once.trim_end_matches('\n').to_string()),
            ("k: |\n  a @0 b\n  c\nl: x\n".to_string(), format!("a {v} b\nc\n")),
            (format!("k: |\n  a\n  {pad}@0\n  c\nl: x\n"), format!("a\n{moved}c\n")),
            ("k: |2\n  @0\nl: x\n".to_string(), clip(&format!("{once}\n"))),
            ("k: |\n@0\nl: x\n".to_string(), clip(&format!("{once}\n"))),
            ("k:\n            |\n              @0\nl: x\n".to_string(), clip(&format!("{once}\n"))),
        ] {
            let text = written(&template, &[Value::from(v.clone())]);
            reads_as(&text, &map(&[("k", Value::str(wanted)), ("l", Value::from("x"))]))?;
        }
    }

    #[test]
    fn yaml_in_block_scalars(v in tree()) {
        let text = written("k: |\n  a:\n    @0\n", &[v.clone()]);
        let outer = yaml::value_from_text("x", &text);
        prop_assert!(outer.is_ok(), "{text}");
        if matches!(v, Value::Map(_) | Value::List(_)) {
            let inner = outer.unwrap_or_default();
            let inner = inner.get("k").and_then(Value::as_str).unwrap_or("").to_string();
            reads_as(&inner, &map(&[("a", v)]))?;
        }
    }

    #[test]
    fn no_text_is_lost_or_panics(template in "[-a-z:#|>'\"\\[\\]{}, \n@0-1&!?%*]{0,60}", v in tree()) {
        let table = [Entry { value: v.clone(), site: 0 }];
        let text = template.replace('@', &shape().write(Mark::Value(0)));
        if let Ok(text) = resolve(&shape(), &table, &text, 1 << 20) {
            prop_assert!(!shape().occurs_in(&text), "a mark is left: {text:?}");
        }
        if !template.contains('@') {
            prop_assert_eq!(resolve(&shape(), &table, &template, 1 << 20).unwrap_or_default(), template);
        }
        let _ = text_of(&v);
    }
}
