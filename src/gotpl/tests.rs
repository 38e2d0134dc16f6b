//! Laws of the whole language: nothing overflows the stack, runs for ever or panics; errors lead to their cause.

use std::ops::Range;
use std::sync::Arc;

use proptest::prelude::*;

use crate::diag::{SourceFile, Span};

use super::*;

/// Executes one text; the error is Go's line.
fn run_with(text: &str, data: Val, options: &Options) -> Result<String, String> {
    let mut set = Set::new("root", FuncTable::builtins().with(FUNCS));
    set.parse("t", &SourceFile::new("t", text)).map_err(|error| error.to_string())?;
    match set.execute("t", data, options, &mut (), None) {
        Ok(out) => Ok(String::from_utf8_lossy(&out).into_owned()),
        Err(error) => Err(error.to_string()),
    }
}

fn run(text: &str) -> Result<String, String> {
    run_with(text, Val::Nil, &Options::default())
}

static FUNCS: &[Func] = &[
    Func::new("include", &[Type::String, Type::Any], Type::String, |ctx, args| {
        let name = args[0].to_display().to_string();
        ctx.execute(&name, args[1].clone())
            .map(Val::str)
            .map_err(|source| FuncError::Nested { text: source.to_string().into(), source })
    }),
    Func::variadic("list", &[], Type::Any, Type::List(&ANY_LIST), |_, args| Ok(Val::list(args.to_vec()))),
    Func::new("tpl", &[Type::String, Type::Any], Type::String, |ctx, args| {
        let text = args[0].to_display().to_string();
        ctx.execute_text("inner", text, args[1].clone())
            .map(Val::str)
            .map_err(|source| FuncError::Nested { text: source.to_string().into(), source })
    }),
];

/// On a thread with the stack that tests and small programs have.
fn on_two_mebibytes<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    with_stack(2 << 20, work).unwrap()
}

#[test]
fn runaway_recursion_is_an_error() {
    for text in [
        "{{ define \"a\" }}{{ template \"a\" . }}{{ end }}{{ template \"a\" . }}",
        "{{ define \"a\" }}{{ if true }}{{ with 1 }}{{ range 1 }}{{ template \"a\" }}{{ end }}{{ end }}{{ end }}{{ end }}{{ template \"a\" }}",
        "{{ define \"a\" }}{{ print (print (include \"a\" .)) }}{{ end }}{{ include \"a\" . }}",
        "{{ define \"a\" }}{{ tpl `{{ include \"a\" . }}` . }}{{ end }}{{ include \"a\" . }}",
    ] {
        let error = on_two_mebibytes(|| run(text)).unwrap_err();
        assert!(
            error.contains("exceeded maximum template depth (100000)"),
            "{}",
            &error[..300.min(error.len())]
        );
    }
}

#[test]
fn deep_values_can_be_printed_from_deep_templates() {
    let text = "{{ define \"a\" }}{{ $_ := print .v }}{{ $_ := eq nil .v }}{{ template \"a\" . }}{{ end }}{{ template \"a\" . }}";
    let error = on_two_mebibytes(|| {
        let deep = (0..MAX_DEPTH - 5).fold(Val::Int(1), |inside, _| Val::list(vec![inside]));
        run_with(text, Val::map([("v", deep)]), &Options::default())
    });
    assert!(error.unwrap_err().contains("exceeded maximum template depth"));
}

#[test]
fn values_that_multiply_are_bounded() {
    let doubled =
        |start: i64| (0..100).fold(Val::Int(start), |inside, _| Val::list(vec![inside.clone(), inside]));
    assert!(doubled(1).to_data().is_err());
    assert!(!deep_equal(&doubled(1), &doubled(1)));
    let options = Options { limits: Limits { value: 1 << 20, ..Limits::default() }, ..Options::default() };
    let error = run_with("{{ print . }}", doubled(1), &options).unwrap_err();
    assert!(error.contains("a value exceeded"), "{error}");
}

#[test]
fn a_blank_text_executed_inside_another_is_blank() {
    assert_eq!(run("{{ tpl `[{{ tpl \"\" . }}{{ tpl \" \" . }}]` . }}"), Ok("[ ]".into()));
}

#[test]
fn nesting_in_the_text_is_bounded() {
    let depth = parser::MAX_NESTING;
    let parens = |n: usize| format!("{{{{ {}1{} }}}}", "(".repeat(n), ")".repeat(n));
    let ifs = |n: usize| format!("{}x{}", "{{ if 1 }}".repeat(n), "{{ end }}".repeat(n));
    for make in [&parens as &(dyn Fn(usize) -> String + Sync), &ifs] {
        let fits = on_two_mebibytes(|| run(&make(depth - 2)));
        assert!(fits.is_ok(), "{fits:?}");
        for too_deep in [depth + 1, 100_000] {
            let error = on_two_mebibytes(|| run(&make(too_deep))).unwrap_err();
            assert!(error.contains("nested deeper than"), "{error}");
        }
    }
}

#[test]
fn chains_of_else_are_long_but_bounded() {
    let chain =
        |n: usize| format!("{{{{ if 0 }}}}{}{{{{ else }}}}last{{{{ end }}}}", "{{ else if 0 }}".repeat(n));
    assert_eq!(on_two_mebibytes(|| run(&chain(parser::MAX_CHAIN / 2))), Ok("last".into()));
    // In a debug build the longest chain may need more stack than it has, which must be an error too.
    let longest = on_two_mebibytes(|| run(&chain(parser::MAX_CHAIN - 1)));
    assert!(longest.as_ref().is_ok_and(|out| out == "last") || longest.is_err());
    assert!(on_two_mebibytes(|| run(&chain(parser::MAX_CHAIN))).unwrap_err().contains("else blocks"));
}

#[test]
fn steps_output_and_values_are_bounded() {
    let limits = Limits { steps: 10_000, output: 1_000, value: 5_000, ..Limits::default() };
    let options = Options { limits, ..Options::default() };
    for (text, want) in [
        ("{{ range 1000000000 }}{{ end }}", "execution exceeded 10000 steps"),
        ("{{ range 500 }}0123456789{{ end }}", "output exceeded 1000 bytes"),
        ("{{ range 500 }}{{ \"0123456789\" }}{{ end }}", "output exceeded 1000 bytes"),
        ("{{ len (printf \"%99999d\" 1) }}", "a value exceeded 5000 bytes"),
    ] {
        let error = run_with(text, Val::Nil, &options).unwrap_err();
        assert!(error.ends_with(want), "{error}");
    }
}

#[test]
fn values_that_contain_themselves_are_printed_and_compared_with_an_error() {
    let map = Map::new();
    assert!(map.insert("self", Val::Map(map.clone())));
    let value = Val::Map(map.clone());
    let text = on_two_mebibytes(|| {
        let map = Map::new();
        assert!(map.insert("self", Val::list(vec![Val::Map(map.clone())])));
        let result = run_with("{{ print . }}", Val::Map(map.clone()), &Options::default());
        let other = Map::new();
        assert!(other.insert("self", Val::list(vec![Val::Map(other.clone())])));
        assert!(!deep_equal(&Val::Map(map.clone()), &Val::Map(other.clone())));
        map.remove("self");
        other.remove("self");
        result
    });
    assert!(text.unwrap_err().contains("exceeded maximum"));
    assert!(deep_equal(&value, &value.clone()));
    map.remove("self");
}

#[test]
fn a_diagnostic_leads_from_the_cause_to_the_call() {
    let text = "{{ define \"image\" }}{{ .imge.tag }}{{ end }}\n{{ define \"pod\" }}{{ template \"image\" . }}{{ end }}\n{{ include \"pod\" . }}\n";
    let mut set = Set::new("root", FuncTable::builtins().with(FUNCS));
    set.parse("pod.yaml", &SourceFile::new("pod.yaml", text)).unwrap();
    let data = Val::map([("image", Val::map([("tag", Val::str("1"))]))]);
    let options = Options { missing_key: MissingKey::Zero, ..Options::default() };
    let error = set.execute("pod.yaml", data, &options, &mut (), None).unwrap_err();
    assert_eq!(
        format!("{:#}", error.to_diagnostic()),
        "pod.yaml:1:29: nil pointer evaluating interface {}.tag\n   |\n 1 | {{ define \"image\" }}{{ .imge.tag }}{{ end }}\n   |                             ^^^^\n  in template \"image\" at pod.yaml:2:31\n  in include \"pod\" . at pod.yaml:3:4\nhint: did you mean `image`?"
    );
}

#[test]
fn unknown_names_come_with_advice() {
    use crate::diag::Hint;
    let file = SourceFile::new("t", "{{ prntf 1 }}");
    let error = ParsedFile::parse("t", &file, &FuncTable::builtins()).unwrap_err();
    assert_eq!(error.hints(), ["did you mean `printf`?"]);
    assert_eq!(error.diagnostic().unwrap().to_string(), "t:1:4: function \"prntf\" not defined");

    let mut set = Set::new("root", FuncTable::builtins().with(FUNCS));
    let text = "{{ define \"app.labels\" }}{{ end }}{{ template \"app.label\" }}";
    set.parse("t", &SourceFile::new("t", text)).unwrap();
    let error = set.execute("t", Val::Nil, &Options::default(), &mut (), None).unwrap_err();
    assert_eq!(error.to_diagnostic().hints, ["did you mean `app.labels`?"]);
}

#[derive(Default)]
struct Notes {
    wrote: Vec<(Range<usize>, Span)>,
    read: Vec<(usize, String, bool)>,
}

impl Recorder for Notes {
    fn wrote(&mut self, output: Range<usize>, _: &[u8], _: &Arc<SourceFile>, span: Span) {
        self.wrote.push((output, span));
    }

    fn read(&mut self, receiver: &Val, name: &str, found: bool) {
        self.read.push((receiver.as_map().map_or(0, Map::id), name.to_owned(), found));
    }
}

#[test]
fn a_recorder_learns_sources_and_reads() {
    let text =
        "a{{ .m.x }}{{ range 2 }}b{{ end }}{{ template \"d\" .m }}{{ define \"d\" }}{{ .nope }}!{{ end }}";
    let mut set = Set::new("root", FuncTable::builtins());
    set.parse("t", &SourceFile::new("t", text)).unwrap();
    let inner: Map = [("x", Val::str("yz"))].into_iter().collect();
    let root: Map = [("m", Val::Map(inner.clone()))].into_iter().collect();
    let mut notes = Notes::default();
    let data = Val::Map(root.clone());
    let out = set.execute("t", data, &Options::default(), &mut (), Some(&mut notes)).unwrap();
    assert_eq!(out, b"ayzbb<no value>!");
    let sources: Vec<(&str, &str)> = notes
        .wrote
        .iter()
        .map(|(range, span)| (std::str::from_utf8(&out[range.clone()]).unwrap(), &text[span.range()]))
        .collect();
    assert_eq!(
        sources,
        [("a", "a"), ("yz", "{{ .m.x }}"), ("b", "b"), ("b", "b"), ("<no value>", "{{ .nope }}"), ("!", "!")]
    );
    let read = |map: &Map, name: &str, found| (map.id(), name.to_owned(), found);
    assert_eq!(
        notes.read,
        [
            read(&root, "m", true),
            read(&inner, "x", true),
            read(&root, "m", true),
            read(&inner, "nope", false)
        ]
    );
}

/// A struct behind a pointer, with a struct inside whose `String` needs a pointer.
#[derive(Debug)]
struct Outer;

#[derive(Debug)]
struct Inner;

/// A named integer with a `String` method.
#[derive(Debug)]
struct Seconds(i64);

static VERSIONS: ListType = ListType {
    name: "pkg.Versions",
    elem: Type::String,
    methods: &[Method::new("Has", &[Type::String], Type::Bool, |_, receiver, args| {
        let found = receiver
            .as_list()
            .is_some_and(|list| list.to_vec().iter().any(|item| deep_equal(item, &args[0])));
        Ok(Val::Bool(found))
    })],
};

impl Object for Outer {
    fn type_name(&self) -> std::borrow::Cow<'static, str> {
        "*pkg.Outer".into()
    }
    fn kind(&self) -> Kind {
        Kind::Pointer
    }
    fn as_any(&self) -> &dyn std::any::Any {
        self
    }
    fn field(&self, name: &str) -> Option<Val> {
        self.fields().into_iter().find(|(field, _)| *field == name).map(|(_, value)| value)
    }
    fn fields(&self) -> Vec<(&'static str, Val)> {
        let versions = List::typed(&VERSIONS, vec![Val::str("v1"), Val::str("v2")]);
        vec![
            ("Inner", Val::object(Inner)),
            ("Versions", Val::List(versions)),
            ("Wait", Val::object(Seconds(90))),
        ]
    }
    fn bare(&self, _: Plainness) -> String {
        String::new()
    }
    fn equals(&self, _: &dyn Object) -> bool {
        true
    }
}

impl Object for Inner {
    fn type_name(&self) -> std::borrow::Cow<'static, str> {
        "pkg.Inner".into()
    }
    fn as_any(&self) -> &dyn std::any::Any {
        self
    }
    fn fields(&self) -> Vec<(&'static str, Val)> {
        vec![("Name", Val::str("n")), ("Count", Val::Int(3))]
    }
    fn action_text(&self) -> Option<GoStr> {
        Some("inner!".into())
    }
    fn bare(&self, _: Plainness) -> String {
        String::new()
    }
    fn equals(&self, _: &dyn Object) -> bool {
        true
    }
}

impl Object for Seconds {
    fn type_name(&self) -> std::borrow::Cow<'static, str> {
        "pkg.Seconds".into()
    }
    fn kind(&self) -> Kind {
        Kind::Int64
    }
    fn as_any(&self) -> &dyn std::any::Any {
        self
    }
    fn method(&self, name: &str) -> Option<&'static Method> {
        static METHODS: &[Method] = &[Method::new("Double", &[], Type::Int64, |_, receiver, _| {
            Ok(Val::Int64(receiver.as_signed().unwrap_or(0) * 2))
        })];
        Method::find(METHODS, name)
    }
    fn text(&self) -> Option<GoStr> {
        Some(format!("{}s", self.0).into())
    }
    fn underlying(&self) -> Option<Val> {
        Some(Val::Int64(self.0))
    }
    fn bare(&self, _: Plainness) -> String {
        String::new()
    }
    fn equals(&self, other: &dyn Object) -> bool {
        other.as_any().downcast_ref::<Seconds>().is_some_and(|other| other.0 == self.0)
    }
}

#[test]
fn objects_print_compare_and_answer_as_go_values() {
    let fails = |context: &str, column: usize, message: &str| {
        Err(format!("template: t:1:{column}: executing \"t\" at <{context}>: {message}"))
    };
    let cases = [
        ("{{ . }}", Ok("{{n 3} [v1 v2] 90s}".to_owned())),
        ("{{ print . }}", Ok("&{{n 3} [v1 v2] 90s}".to_owned())),
        ("{{ printf `%s` (list .) }}", Ok("[%!s(*pkg.Outer=&{{n 3} [v1 v2] 90})]".to_owned())),
        ("{{ printf `%T %T %T` . .Inner .Versions }}", Ok("*pkg.Outer pkg.Inner pkg.Versions".to_owned())),
        ("{{ .Inner }} {{ print .Inner }}", Ok("inner! {n 3}".to_owned())),
        (
            "{{ printf `%+v %#v %q` .Inner .Inner .Inner }}",
            Ok("{Name:n Count:3} pkg.Inner{Name:\"n\", Count:3} {\"n\" '\\x03'}".to_owned()),
        ),
        (
            "{{ .Wait }} {{ printf `%d %s %x %t` .Wait .Wait .Wait .Wait }}",
            Ok("90s 90 90s 393073 %!t(pkg.Seconds=90)".to_owned()),
        ),
        (
            "{{ eq .Wait 90 }} {{ lt .Wait 100 }} {{ .Wait.Double }} {{ eq . . }}",
            Ok("true true 180 true".to_owned()),
        ),
        (
            "{{ .Versions.Has `v1` }} {{ .Versions.Has `v3` }} {{ len .Versions }} {{ index .Versions 1 }}",
            Ok("true false 2 v2".to_owned()),
        ),
        ("{{ range .Versions }}{{ . }};{{ end }}", Ok("v1;v2;".to_owned())),
        ("{{ if . }}true{{ end }}", Ok("true".to_owned())),
        ("{{ .Nope }}", fails(".Nope", 3, "can't evaluate field Nope in type *pkg.Outer")),
        ("{{ .Inner.Nope }}", fails(".Inner.Nope", 9, "can't evaluate field Nope in type pkg.Inner")),
        (
            "{{ .Versions.Nope }}",
            fails(".Versions.Nope", 12, "can't evaluate field Nope in type pkg.Versions"),
        ),
        ("{{ .Inner 1 }}", fails(".Inner", 3, "Inner has arguments but cannot be invoked as function")),
        ("{{ .Wait.Double 1 }}", fails(".Wait.Double", 8, "wrong number of args for Double: want 0 got 1")),
        ("{{ .Versions.Has 1 }}", fails("1", 17, "expected string; found 1")),
        ("{{ len . }}", fails("len .", 3, "error calling len: len of type pkg.Outer")),
        ("{{ index . 1 }}", fails("index . 1", 3, "error calling index: can't index item of type pkg.Outer")),
    ];
    for (text, want) in cases {
        assert_eq!(run_with(text, Val::object(Outer), &Options::default()), want, "{text}");
    }
}

#[test]
fn parsed_files_are_shared_between_threads_and_sets() {
    let funcs = FuncTable::builtins();
    let main = ParsedFile::parse("t", &SourceFile::new("t", "[{{ template \"d\" . }}]"), &funcs).unwrap();
    let define = |text: &str| {
        ParsedFile::parse("d.tpl", &SourceFile::new("d.tpl", text), &FuncTable::builtins()).unwrap()
    };
    let (one, blank, two) = (
        define("{{ define \"d\" }}1{{ end }}"),
        define("{{ define \"d\" }} {{ end }}"),
        define("{{ define \"d\" }}2{{ end }}"),
    );
    std::thread::scope(|scope| {
        for (files, want) in
            [(vec![&one, &blank], "[1]"), (vec![&blank, &one], "[1]"), (vec![&one, &two], "[2]")]
        {
            let (main, funcs) = (&main, funcs.clone());
            scope.spawn(move || {
                let mut set = Set::new("root", funcs);
                set.add(main);
                for file in files {
                    set.add(file);
                }
                let out = set.execute("t", Val::Nil, &Options::default(), &mut (), None).unwrap();
                assert_eq!(String::from_utf8(out).unwrap(), want);
            });
        }
    });
}

/// Fragments of templates, so that random texts get past the lexer.
fn fragments() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("{{"),
        Just("}}"),
        Just("{{-"),
        Just("-}}"),
        Just(" "),
        Just("\n"),
        Just("if"),
        Just("else"),
        Just("end"),
        Just("range"),
        Just("with"),
        Just("define"),
        Just("block"),
        Just("template"),
        Just("break"),
        Just("\"a\""),
        Just("`b`"),
        Just("$x"),
        Just(":="),
        Just("="),
        Just("|"),
        Just("("),
        Just(")"),
        Just(".a"),
        Just(".b.c"),
        Just("."),
        Just("$"),
        Just(","),
        Just("1"),
        Just("-1.5e3"),
        Just("'c'"),
        Just("nil"),
        Just("true"),
        Just("print"),
        Just("printf"),
        Just("\"%[2]*.[1]*f|%v\""),
        Just("index"),
        Just("len"),
        Just("slice"),
        Just("eq"),
        Just("lt"),
        Just("and"),
        Just("call"),
        Just("tpl"),
        Just("include"),
        Just("list"),
        Just("é"),
        Just("\u{a0}"),
        Just("/*"),
        Just("*/"),
        Just("\\"),
        Just("html"),
    ];
    proptest::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

/// Well-formed actions of random words, so that random texts get past the parser.
fn actions() -> impl Strategy<Value = String> {
    let word = prop_oneof![
        Just("1"),
        Just("-2"),
        Just("1.5"),
        Just("\"a\""),
        Just("nil"),
        Just("true"),
        Just(".a"),
        Just(".b.c"),
        Just("."),
        Just("$"),
        Just("(list 1 .a nil)"),
        Just("(list)"),
        Just("print"),
        Just("printf \"%5.2v|%q|%x|%d\""),
        Just("index"),
        Just("len"),
        Just("slice"),
        Just("eq"),
        Just("ge"),
        Just("and"),
        Just("or"),
        Just("not"),
        Just("html"),
        Just("js"),
        Just("|"),
        Just("| print"),
        Just("(print 1 | len)"),
        Just("$x :="),
    ];
    let action =
        proptest::collection::vec(word, 1..6).prop_map(|words| format!("{{{{ {} }}}}", words.join(" ")));
    let shape = (action, 0..6_u8).prop_map(|(action, kind)| {
        let inside = action.trim_matches(['{', '}']).to_owned();
        match kind {
            0 => format!("{{{{ if {inside} }}}}x{{{{ else }}}}y{{{{ end }}}}"),
            1 => format!("{{{{ range $i, $e := {inside} }}}}{{{{ $e }}}}{{{{ end }}}}"),
            2 => format!("{{{{ with {inside} }}}}{{{{ . }}}}{{{{ end }}}}"),
            _ => action,
        }
    });
    proptest::collection::vec(shape, 1..4).prop_map(|shapes| shapes.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn no_text_panics(text in prop_oneof![fragments(), actions(), any::<String>()]) {
        let data = Val::map([("a", Val::list(vec![Val::Int(1), Val::Nil])), ("b", Val::map([("c", Val::Float(1.5))]))]);
        let limits = Limits { steps: 20_000, output: 100_000, ..Limits::default() };
        let _ = run_with(&text, data, &Options { limits, ..Options::default() });
    }

    #[test]
    fn text_without_delimiters_is_itself(text in "[^{]*") {
        prop_assert_eq!(run(&text), Ok(text));
    }

    #[test]
    fn shortest_floats_read_back(value in any::<f64>().prop_filter("finite", |value| value.is_finite())) {
        prop_assert_eq!(format_shortest(value).parse::<f64>().unwrap().to_bits(), value.to_bits());
    }

    #[test]
    fn formats_never_panic(format in "[%0-9.*#+ \\-\\[\\]vdsqxXoObeEfFgGtcUTpw%a]{0,12}", float in any::<f64>(), int in any::<i64>()) {
        let args = [Val::Int(int), Val::Float(float), Val::str("aé"), Val::Nil, Val::strings(["x"])];
        let _ = sprintf(format.as_bytes(), &args, 1 << 22);
    }
}
