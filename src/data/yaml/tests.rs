//! The laws of the YAML module, and the texts of errors with their places.

use std::fmt::Write as _;
use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::diag::Hint;

fn file(text: &str) -> Arc<SourceFile> {
    SourceFile::new("v.yaml", text)
}

fn read(text: &str) -> Value {
    value_from_text("v.yaml", text).unwrap()
}

/// Runs on a stack of the size of a small worker thread.
fn on_small_stack(run: impl FnOnce() + Send + 'static) {
    std::thread::Builder::new().stack_size(1 << 20).spawn(run).unwrap().join().unwrap();
}

/// The search looks at eight bytes at once, so each character stands at each place of them, among each kind of neighbour.
#[test]
fn forbidden_characters_are_found_wherever_they_stand() {
    let characters = (0..0x20)
        .chain([0x7e, 0x7f, 0x80, 0x85, 0x9f, 0xa0, 0xe9, 0x2028, 0xfeff, 0xfffd, 0xfffe, 0xffff, 0x1_f600]);
    for c in characters.filter_map(char::from_u32) {
        for filler in ['a', ' ', '\n', '~', '\t', 'é'] {
            for before in 0..17 {
                for after in [0, 1, 9] {
                    let fill = |count: usize| filler.to_string().repeat(count);
                    let text = format!("{}{c}{}", fill(before), fill(after));
                    let expected = (!parse::is_allowed(c)).then_some((before * filler.len_utf8(), c));
                    assert_eq!(parse::first_forbidden(&text), expected, "{text:?}");
                }
            }
        }
    }
    assert_eq!(parse::first_forbidden("é\u{1}\u{2}").map(|(at, _)| at), Some(2));
}

#[test]
fn spans_are_bytes_of_the_file() {
    let text = "\u{feff}é: # c\r\n  - {日: \"x\\n\", b: [1]}\r\n  - |\r\n    text\r\nz: &a 5\nk: *a\n";
    let file = file(text);
    let root = parse(&file).unwrap().unwrap();
    let at = |path: &[&str]| &text[root.find(path).unwrap().span.range()];
    assert_eq!(at(&["é", "0", "日"]), "\"x\\n\"");
    assert_eq!(at(&["é", "0", "b"]), "[1]");
    assert_eq!(at(&["é", "0"]), "{日: \"x\\n\", b: [1]}");
    assert_eq!(at(&["z"]), "5");
    assert_eq!(at(&["k"]), "*a");
    assert_eq!(&text[root.entry(&["z"]).unwrap().0.span.range()], "z");
    assert_eq!(root.find(&["k"]).unwrap().as_scalar(), Some("5"));
    assert!(root.find(&["é", "9"]).is_none() && root.find(&["z", "x"]).is_none());
}

#[test]
fn duplicate_keys_are_found_with_both_places() {
    let text = "a: 1\nb: {c: 1, c: 2}\nl:\n- x: 1\n  x: 2\na: 3\nm: &m {p: 1}\nn:\n  <<: *m\n  p: 2\n";
    let found = parse(&file(text)).unwrap().unwrap().duplicate_keys();
    let paths: Vec<&str> = found.iter().map(|(path, _, _)| path.as_str()).collect();
    assert_eq!(paths, ["b.c", "l.0.x", "a"]);
    let (_, first, second) = &found[2];
    assert_eq!((first.start, &text[second.range()]), (0, "a"));
    assert!(second.start > 30);
}

#[test]
fn errors_have_place_and_advice() {
    for (text, message, place, hint) in [
        (
            "a:\n  b: 1\n\tc: 2\n",
            "yaml: line 3: found a tab character that violates indentation",
            (3, 1),
            "a tab cannot indent",
        ),
        (
            "a:\n\t- b",
            "yaml: line 2: found character that cannot start any token",
            (2, 1),
            "a tab cannot indent",
        ),
        ("a: b: c\n", "yaml: mapping values are not allowed in this context", (1, 5), "must be in quotes"),
        (
            "a:1\nb: 2\n",
            "yaml: line 2: mapping values are not allowed in this context",
            (2, 2),
            "space behind the colon: `a: …`",
        ),
        (
            "a: {{ .Values.x }}\n",
            "yaml: invalid map key: map[interface {}]interface {}{\".Values.x\":interface {}(nil)}",
            (1, 5),
            "`{{` opens a map",
        ),
        (
            "a: @b\n",
            "yaml: found character that cannot start any token",
            (1, 4),
            "starts with `@` must be in quotes",
        ),
        (
            "a: %b\n",
            "yaml: found character that cannot start any token",
            (1, 4),
            "starts with `%` must be in quotes",
        ),
        (
            "a: `b`\n",
            "yaml: found character that cannot start any token",
            (1, 4),
            "starts with a backtick must be in quotes",
        ),
        (
            "a: *.txt\n",
            "yaml: did not find expected alphabetic or numeric character",
            (1, 5),
            "`*` refers to an anchor",
        ),
        ("a: \"x\" y\n", "yaml: did not find expected key", (1, 8), "text follows a closing quote"),
        (
            "x:\n  - a\n  b: c\n",
            "yaml: line 2: did not find expected '-' indicator",
            (3, 3),
            "among the items of a list",
        ),
        ("a: \"b\n", "yaml: line 2: found unexpected end of stream", (2, 1), "never closed"),
        ("a: \"\\d\"\n", "yaml: found unknown escape character", (1, 5), r"`\\`"),
        ("~: x\n", "unsupported map key of type: %!s(<nil>), key: <nil>, value: \"x\"", (1, 1), "quotes"),
        ("é: .inf\n", "json: unsupported value: +Inf", (1, 4), "quotes"),
        ("a: \u{7f}\n", "yaml: control characters are not allowed", (1, 4), "escapes"),
    ] {
        let error = value_from_text("v.yaml", text).unwrap_err();
        assert_eq!(error.go_text(), message, "{text:?}");
        assert_eq!(error.to_string(), format!("error converting YAML to JSON: {message}"));
        let position = error.diagnostic().unwrap().at.as_ref().unwrap().position();
        assert_eq!((position.line, position.column), place, "{text:?}");
        assert!(error.hints().iter().any(|line| line.contains(hint)), "{text:?}: {:?}", error.hints());
    }
}

#[test]
fn the_root_is_checked() {
    assert_eq!(to_map(&file("")).unwrap(), Map::new());
    assert_eq!(to_list(&file("null")).unwrap(), Vec::new());
    assert_eq!(
        to_map(&file("- a")).unwrap_err().to_string(),
        "error unmarshaling JSON: while decoding JSON: json: cannot unmarshal array into Go value of type map[string]interface {}"
    );
    assert_eq!(parse_all(&file("a: 1\n---\n---\n- b\n...\n")).unwrap().len(), 3);
    assert!(parse_all(&file(" a: 1\nb: 2\n")).is_err());
    assert_eq!(to_value(&file(" a: 1\nb: 2\n")).unwrap(), [("a", 1i64)].into_iter().collect());
}

#[test]
fn the_deepest_tree_fits_a_small_stack() {
    on_small_stack(|| {
        let depth = Limits::default().depth;
        for (open, close) in [("[", "]"), ("{a: ", "}"), ("- ", ""), ("? ", "")] {
            let text = format!("{}x{}", open.repeat(depth), close.repeat(depth));
            let root = parse(&file(&text)).unwrap().unwrap();
            if open == "? " {
                assert!(root.to_value().is_err());
                continue;
            }
            let value = root.to_value().unwrap();
            assert_eq!(root.duplicate_keys(), []);
            assert_eq!(value.clone(), value);
            let again = read(&to_string(&value));
            assert_eq!(again, value);
            let json = crate::data::json::to_string(&value).unwrap();
            assert_eq!(crate::data::json::parse(&json).unwrap(), value);
            let typed_text = format!("{}x{}", open.repeat(128), close.repeat(128));
            assert!(typed::<Value>(&file(&typed_text), true).is_ok());
            assert!(typed::<Value>(&file(&text), true).is_err());
            let deeper = format!("{open}{text}{close}");
            let error = parse(&file(&deeper)).unwrap_err();
            assert_eq!(error.go_text(), "yaml: exceeded max depth of 500");
        }
    });
}

#[test]
fn bombs_are_defused() {
    on_small_stack(|| {
        for open in
            ["[", "{", "- ", "? ", "[[", "{a: ", "a: [", "&a ", "!a ", "- - ", "{? ", "\"", "'", "\n\n- "]
        {
            let _ = value_from_text("bomb", &open.repeat(200_000));
        }
        let mut laughs = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x]\n");
        for level in 1..12 {
            let aliases = vec![format!("*a{}", level - 1); 9].join(", ");
            writeln!(laughs, "a{level}: &a{level} [{aliases}]").unwrap();
        }
        let error = value_from_text("bomb", &laughs).unwrap_err();
        assert_eq!(error.go_text(), "yaml: document contains excessive aliasing");

        let keys: Vec<String> = (0..2_000).map(|n| format!("k{n}: 1")).collect();
        let merges = format!("a: &a {{{}}}\nb:\n{}", keys.join(", "), "  <<: *a\n".repeat(2_000));
        let error = value_from_text("bomb", &merges).unwrap_err();
        assert_eq!(error.go_text(), "yaml: document contains excessive aliasing");

        // A key that is a map of maps, shared: its name in the message must not unfold.
        let mut key = String::from("- &k0 {a: b}\n");
        for level in 1..60 {
            writeln!(key, "- &k{level} {{*k{0} : 1, x: {{*k{0} : 2}}}}", level - 1).unwrap();
        }
        assert!(value_from_text("bomb", &key).is_err());
    });
}

#[test]
fn plain_text_is_quoted_only_where_it_must_be() {
    let (block, flow) = (Context::Block, Context::Flow);
    for text in [
        "a",
        "a b",
        "/",
        "a#b",
        "a,b",
        "10-20",
        "1.2.3",
        "1-2",
        "0bad",
        "2024-01-02-03",
        "1e",
        "0x",
        "-a",
        "--",
        "-[",
        "?a",
        ":a",
        "---a",
        "....",
        "..",
        "http://x:80/?a=b&c=d#e",
        "https://x.io/a b?q=#1",
        "a ? b",
        "a - b",
        "x{y}",
        "it's",
        "é",
        "😀",
        "_1",
    ] {
        assert_eq!(quote(text, block), text);
        let only_block = text.contains([',', '[', '{', ':', '?']);
        assert_eq!(is_plain_safe(text, flow), !only_block, "{text}");
    }
    for text in [
        "",
        " ",
        " a",
        "a ",
        "a: b",
        "a:",
        ":",
        ": a",
        "a #b",
        "#a",
        "-",
        "- a",
        "?",
        "? a",
        "[a",
        "]",
        ",a",
        "{",
        "&a",
        "*a",
        "!a",
        "|",
        ">",
        "'a",
        "\"a",
        "%a",
        "@a",
        "`a",
        "---",
        "--- a",
        "...",
        "a\tb",
        "a\nb",
        "\u{a0}",
        "yes",
        "y",
        "null",
        "~",
        "1",
        "-1.5",
        "1_0",
        ".5",
        "._",
        "1e3",
        "0x1F",
        "0o17",
        "0b1",
        "010",
        "1:30",
        "2024-01-02",
        "2024-1-2 3:04:05 +1:00",
        ".inf",
        ".NaN",
        "=",
        "<<",
        "true",
        "False",
        "1.",
        "1E+5",
    ] {
        assert_ne!(quote(text, block), text);
        assert!(!is_plain_safe(text, flow), "{text}");
    }
}

/// A reader that takes quadratic time does not come back from these; no clock is asked.
#[test]
fn long_texts_are_read_to_their_end() {
    for unit in
        ["k: v\n", "- a\n", "[a, b], ", "x ", "- {a: b}\n", "\n", "# c\n", "'x' ", "é日 ", "? a\n: b\n"]
    {
        let head = if unit.starts_with('[') { "[" } else { "" };
        let _ = value_from_text("long", &format!("{head}{}", unit.repeat(40_000)));
    }
}

#[derive(Debug, PartialEq, Default, serde::Deserialize)]
#[serde(default, rename = "v2.Chart", rename_all = "camelCase")]
struct Sample {
    name: String,
    app_version: String,
    deprecated: bool,
    count: i64,
    keywords: Vec<String>,
    annotations: indexmap::IndexMap<String, String>,
    maintainers: Vec<Person>,
    kind: Option<String>,
    free: Value,
}

#[derive(Debug, PartialEq, Default, serde::Deserialize)]
#[serde(default, rename = "v2.Person")]
struct Person {
    name: String,
    tags: Vec<String>,
}

#[test]
fn structures_are_filled_as_leniently_as_go_fills_them() {
    let sample: Sample = typed(
        &file("NAME: 1.10\nappversion: yes\ndeprecated: null\ncount: 0x10\nkeywords: [1, true, a, null]\nannotations: {b: 1_0, a: 1.50}\nmaintainers:\n- name: 1e3\nkind: ~\nfree: {on: [1, x]}\nother: 1\n"),
        false,
    )
    .unwrap();
    assert_eq!((sample.name.as_str(), sample.app_version.as_str()), ("1.1", "true"));
    assert_eq!(sample.count, 16);
    assert_eq!(sample.keywords, ["1", "true", "a", ""]);
    assert_eq!(
        sample.annotations.iter().map(|(k, v)| format!("{k}{v}")).collect::<Vec<_>>(),
        ["b10", "a1.5"]
    );
    assert_eq!(sample.maintainers[0].name, "1000");
    assert_eq!(sample.free, read("'true': [1, x]"));
    assert_eq!(typed::<Sample>(&file(""), true).unwrap(), Sample::default());
}

#[test]
fn structures_that_do_not_fit_say_where() {
    for (text, strict, message, line) in [
        (
            "keywords: a\n",
            false,
            "cannot unmarshal string into Go struct field Chart.keywords of type []string",
            1,
        ),
        (
            "annotations: [a]\n",
            false,
            "cannot unmarshal array into Go struct field Chart.annotations of type map[string]string",
            1,
        ),
        (
            "x: 1\nmaintainers: {a: b}\n",
            false,
            "cannot unmarshal object into Go struct field Chart.maintainers of type []*v2.Person",
            2,
        ),
        (
            "maintainers:\n- a\n",
            false,
            "cannot unmarshal string into Go struct field Chart.maintainers of type v2.Person",
            2,
        ),
        (
            "maintainers:\n- name: x\n- name: [x]\n",
            false,
            "cannot unmarshal array into Go struct field Person.maintainers.name of type string",
            3,
        ),
        (
            "deprecated: 1\n",
            false,
            "cannot unmarshal number into Go struct field Chart.deprecated of type bool",
            1,
        ),
        ("count: x\n", false, "cannot unmarshal string into Go struct field Chart.count of type int", 1),
        ("[a]\n", false, "cannot unmarshal array into Go value of type v2.Chart", 1),
        ("name: x\nbogus: 1\n", true, "unknown field \"bogus\"", 2),
        ("maintainers:\n- nmae: x\n", true, "unknown field \"nmae\"", 2),
    ] {
        let error = typed::<Sample>(&file(text), strict).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("error unmarshaling JSON: while decoding JSON: json: {message}"),
            "{text}"
        );
        assert_eq!(error.diagnostic().unwrap().at.as_ref().unwrap().position().line, line, "{text}");
    }
    let error = typed::<Sample>(&file("name: x\nnmae: 1\n"), true).unwrap_err();
    assert_eq!(error.hints(), ["did you mean `name`?"]);
    let error = typed::<Sample>(&file("name: x\ncount: 1\nname: y\n"), true).unwrap_err();
    assert_eq!(
        error.to_string(),
        "error converting YAML to JSON: yaml: unmarshal errors:\n  line 3: key \"name\" already set in map"
    );
}

#[test]
fn what_helm_cannot_print_is_an_error_and_still_printed_in_order() {
    let value: Value =
        [("z", Value::str("a\u{7f}b\u{85}c")), ("a", Value::Float(f64::NAN))].into_iter().collect();
    assert_eq!(to_string(&value), "");
    assert_eq!(
        try_to_string(&Value::str("\u{9f}")).unwrap_err().to_string(),
        "yaml: control characters are not allowed"
    );
    assert_eq!(to_string_in_order(&value), "z: \"a\\x7Fb\\Nc\"\na: .nan\n");
}

/// Numbers as they come back: a float that is whole is an integer.
fn normal(value: &Value) -> Value {
    match value {
        Value::SetInt(number) => Value::Int(*number),
        Value::Float(_) | Value::Uint(_) => read(&to_string_in_order(value)),
        Value::List(items) => Value::List(items.iter().map(normal).collect()),
        Value::Map(map) => Value::Map(map.iter().map(|(key, value)| (key.clone(), normal(value))).collect()),
        other => other.clone(),
    }
}

/// Text with what YAML gives a meaning to.
fn text() -> impl Strategy<Value = String> {
    let special = prop::sample::select(vec![
        " ",
        "  ",
        "\n",
        "\t",
        "\r",
        ":",
        ": ",
        "#",
        " #",
        "-",
        "- ",
        "?",
        "'",
        "\"",
        "\\",
        "{",
        "}",
        "[",
        "]",
        ",",
        "&",
        "*",
        "!",
        "|",
        ">",
        "%",
        "@",
        "`",
        "~",
        "=",
        "<<",
        "---",
        "...",
        "0x1",
        "1_0",
        "1:30",
        "2024-01-02",
        ".5",
        "1e3",
        "yes",
        "null",
        "é",
        "日",
        "😀",
        "\u{85}",
        "\u{a0}",
        "\u{2028}",
        "\u{feff}",
        "\u{7f}",
        "\u{1b}",
        "\0",
        "\u{ffff}",
        "a",
        "word ",
    ]);
    prop_oneof![
        3 => prop::collection::vec(special, 0..12).prop_map(|parts| parts.concat()),
        1 => any::<String>(),
        1 => "[a-z ]{0,200}",
    ]
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::Int),
        any::<i64>().prop_map(Value::SetInt),
        any::<u64>().prop_map(Value::Uint),
        any::<f64>().prop_filter("finite", |number| number.is_finite()).prop_map(Value::Float),
        text().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::List),
            prop::collection::vec((text(), inner), 0..6).prop_map(|pairs| pairs.into_iter().collect()),
        ]
    })
}

/// Helm's `toYamlPretty` writes `<<` plain, and blocks that begin with a tab, which does not read back.
fn is_safe_in_pretty(text: &str) -> bool {
    text != "<<"
        && !(text.contains('\n') && text.trim_start_matches([' ', '\n', '\u{2028}']).starts_with('\t'))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_reads_back(value in value()) {
        let want = normal(&value);
        prop_assert_eq!(&read(&to_string_in_order(&value)), &want);
        if let Ok(text) = try_to_string(&value) {
            let ordered = to_string_in_order(&value);
            if !ordered.contains("\\N") && !ordered.contains("\"<<\"") {
                prop_assert_eq!(&read(&text), &want);
            }
        }
        if crate::data::json::to_string(&value).is_ok() {
            let json = crate::data::json::to_string(&value).unwrap();
            prop_assert_eq!(crate::data::json::parse(&json).unwrap().kind(), value.kind());
        }
    }

    #[test]
    fn entries_one_by_one_are_the_whole(value in value(), indent in 0usize..3) {
        let whole: Value = [("name", Value::from(vec![value.clone()])), ("a 10", value.clone()), ("a 9", value)]
            .into_iter()
            .collect();
        // As deep as the entries are to stand.
        let nested = (0..indent).fold(whole.clone(), |inner, _| [("x", inner)].into_iter().collect());
        if let Ok(text) = try_to_string(&nested) {
            let mut entries: Vec<(&str, &Value)> =
                whole.as_map().unwrap().iter().map(|(key, value)| (&**key, value)).collect();
            sort_entries(&mut entries);
            let mut pieces = ["", "x:\n", "x:\n  x:\n"][indent].to_string();
            for (key, value) in entries {
                pieces += &try_entry_to_string(key, value, indent * 2).unwrap();
            }
            prop_assert_eq!(pieces, text);
        }
    }

    #[test]
    fn pretty_reads_back(value in text().prop_filter("Helm's does not", |text| is_safe_in_pretty(text))) {
        let value: Value = [(value.clone(), Value::from(vec![Value::from(value)]))].into_iter().collect();
        prop_assert_eq!(read(&to_string_pretty(&Pretty::from(&value))), value);
    }

    #[test]
    fn quoted_text_reads_back_everywhere(text in text()) {
        let is_same = |text: &str, want: &Value| {
            prop_assert_eq!(&read(text), want, "ours:\n{}", text);
            let theirs = serde_yaml::from_str::<Value>(text);
            prop_assert_eq!(theirs.as_ref().ok(), Some(want), "serde_yaml: {:?}\n{}", theirs, text);
            Ok(())
        };
        let map = |key: &str, value: &Value| [(key, value.clone())].into_iter().collect::<Value>();
        let (own, one) = (Value::str(text.clone()), Value::Int(1));
        let (block, flow) = (quote(&text, Context::Block), quote(&text, Context::Flow));
        let double = double_quoted(&text);
        prop_assert!(!block.contains('\n') && !flow.contains('\n'));
        prop_assert!(!is_plain_safe(&text, Context::Flow) || is_plain_safe(&text, Context::Block));
        is_same(&block, &own)?;
        is_same(&format!("k:\n  {block} # c\n"), &map("k", &own))?;
        is_same(&format!("- {block}\n- {double}\n"), &Value::from(vec![own.clone(), own.clone()]))?;
        is_same(&format!("[{flow},{flow}, {double}]"), &Value::from(vec![own.clone(), own.clone(), own.clone()]))?;
        if let Some(inner) = escape_single(&text) {
            is_same(&format!("{{a: '{inner}'}}"), &map("a", &own))?;
        }
        if text.len() < 300 {
            is_same(&format!("{block}: {block}\n"), &map(&text, &own))?;
            is_same(&format!("- {block}: 1\n"), &Value::from(vec![map(&text, &one)]))?;
            is_same(&format!("{{{flow}: {flow}}}"), &map(&text, &own))?;
        }
    }

    #[test]
    fn nothing_panics(text in text(), noise in any::<Vec<u8>>()) {
        let file = file(&text);
        if let Err(error) = parse_all(&file) {
            let span = error.span().unwrap();
            prop_assert!(file.text().get(span.range()).is_some());
            let _ = format!("{:#}", error.diagnostic().unwrap());
        }
        let _ = typed::<Sample>(&file, true);
        let noise = String::from_utf8_lossy(&noise).into_owned();
        let _ = value_from_text("noise", &noise);
        let _ = crate::data::json::parse(&noise);
        let _ = crate::data::json::parse(&text);
    }
}
